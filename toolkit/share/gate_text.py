r"""What must not stand in a text: addresses, agents, tokens, paths of a home, secrets.

Each pattern is as narrow as what it looks for: versions, times, hashes of files and pages of style hold many of the
same signs and are not reported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import unquote

USER = "user id"
TOKEN = "token of a page view, session or event"  # noqa: S105  # the name of a kind
ADDRESS = "internet address"
AGENT = "raw user agent"
EMAIL = "email address"
HOME = "path of a home folder"
SECRET = "secret"  # noqa: S105  # same
PLACE = "place finer than a region"

EMAIL_OF = re.compile(r"(?<=[\w%+-])@(?:[\w-]+\.)+([A-Za-z]{2,24})(?![\w-])")
FILES = {"js", "mjs", "cjs", "css", "json", "html", "png", "svg", "py", "ts", "map", "whl", "ipynb", "csv"}
IP_4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\w)")
IP_6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
VERSION_BEFORE = re.compile(
    r"(?:\bv|\bversions?\W{1,3}|\breleases?\W{1,3}|[A-Za-z]/|[=<>~!]=\s?|[A-Za-z]-)$", re.IGNORECASE
)
SLICE_BEFORE = re.compile(r"[\w)\]]\[$")
OWN = {"127.0.0.1", "0.0.0.0", "255.255.255.255", "255.255.255.0"}  # noqa: S104  # of no person; nothing is bound here
GROUPS = 8  # in an address of IPv6
AGENT_OF = re.compile(
    r"(?:Mozilla|Opera|Dalvik|AppleWebKit)/\d[\d.]*[\s+]*\(|\bWikipediaApp/\d|\b\w*[Bb]ot/\d[\d.]*[;\s+]*[(+]"
)
HOME_OF = re.compile(
    r"(?:(?<![\w.])|(?<=file://))(?:(?:\.\./)+(?:(?:srv|nfs|mnt)/)?|/(?:(?:srv|nfs|net|mnt|export|data|var|usr|Volumes)/(?:[\w.-]+/)?)?)(?:home|Users)/"
    r"(?!Shared\b|Public\b)\w[\w.@-]*"
    r"|(?<![A-Za-z])[A-Za-z]:[\\/]{1,4}(?:Users|Documents and Settings)[\\/]{1,4}(?!Public\b|Default\b)\w",
    re.IGNORECASE,
)
BASE_36 = re.compile(r"(?<![\w-])(?=[0-9]*[a-z])(?=\w*?[g-z])(?:[a-z]*[0-9]){2}[0-9a-z]*(?![\w-])")
BASE_36_SIGNS = range(30, 34)
HEX = re.compile(r"(?<![\w-])(?=[0-9]*[a-fA-F])(?=[a-fA-F]*[0-9])(?:[0-9a-fA-F]{20}|[0-9a-fA-F]{32})(?![\w-])")
HASH_BEFORE = re.compile(r"(?:md5|sha\d*|hash|digest|checksum|commit|revision)\W{0,4}$", re.IGNORECASE)
UUID = re.compile(r"(?<![\w-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-])")
USER_OF = re.compile(
    r"(?:\b|(?<=_))(?:user_?ids?|user ids?|private user)\b[\"'\\)\]]{0,4}\s*(?:=|:|==|!=|#|\.is_in\(|\.eq\(|is)?\s*[\[({]?[\"'\\]{0,3}[1-9]\d*",
    re.IGNORECASE,
)
USER_NUMBERED = re.compile(r"user ids? [1-9]", re.IGNORECASE)  # "user id 3" is one, "user ids 3" counts them
NAME_OF = re.compile(r"\b(?:user_?name|user_text)\b[\"'\\)\]]{0,4}\s*(?:=|:|==)\s*[\"'\\]{1,3}\w", re.IGNORECASE)
NOT_SAID = r"(?!\[?masked|\.{3}|\*{2,}|x{3,}|<|\{|\$|your|secret\b|token\b|password\b)"
NAMED_SECRET = r"(?:pass(?:word|wd|phrase)|secret(?:_?key)?|(?:api|access|private|signing|hash)_?key|(?:auth|access|api|bearer|jupyter|github|refresh)_?token|credentials?)"  # noqa: S105  # names of them, none itself
SECRET_OF = re.compile(
    rf"{NAMED_SECRET}s?[\"'\\]{{0,3}}\s*(?:=|:)\s*b?[\"'\\]{{1,3}}{NOT_SAID}[^\"'\\\s]{{4,}}[\"'\\]"
    rf"|\b(?:password|passwd)\s*[=:]\s*{NOT_SAID}(?=[^\s\"'()\[\]]*\d)[^\s\"'()\[\].]{{6,}}(?![.(\[])"
    r"|JUPYTER_TOKEN[\"'\]]{0,2}\s*[=:]\s*[\"']?(?!\$|\{|<|os\b|environ)\w{6,}"
    r"|[?&]token=(?!\.{3}|<|\{|\$)[\w-]{12,}"
    r"|\bAuthorization[\"']?\s*[:=]\s*[\"']?(?:Bearer|Basic|token)\s+[\w.+/=~-]{8,}"
    r"|-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{20,}|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bxox[abprs]-[\w-]{10,}|\bAIza[\w-]{35}|\bpypi-AgE\w{20,}|\bnpm_[A-Za-z0-9]{36}\b|\bhf_[A-Za-z0-9]{30,}\b"
    r"|\beyJ[\w-]{10,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r"|(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{1,15}://[^\s/:@\"'<>{}$]+:(?![*{$<])[^\s/@\"'<>]{2,}@[\w.-]+",
    re.IGNORECASE,
)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
ENCODED = re.compile(r"%(?:25)*[0-9A-Fa-f]{2}")

LOADERS = {"impressions", "banner_history", "homepage_modules", "homepage_visits", "hashed", "write", "convert", "load"}
LISTED = re.compile(r"(?:^|_)(?:users?|userids?|user_?ids?|testers?|accounts?|members?|mentors?)$", re.IGNORECASE)
SMALLEST_LISTED = 1000  # a list of smaller numbers may be of anything


def in_text(text: str, *, tokens: bool = True) -> Iterator[str]:
    """Kinds of what is found in a text, each as often as it is found; `tokens` are looked for unless told otherwise.

    Examples
    --------
    >>> list(in_text("sent by jane@example.org from 203.0.113.9"))
    ['email address', 'internet address']
    >>> list(in_text("version 6.2.0.1 at 12:34:56"))
    []
    """
    text = ANSI.sub("", text)
    found = list(_plain(text, tokens=tokens))
    yield from found
    if ENCODED.search(text):
        clear = text
        for _ in range(3):  # a query within a query within a log
            clear = unquote(clear)
        yield from (kind for kind in _plain(clear, tokens=tokens) if kind not in found)


def _plain(text: str, *, tokens: bool) -> Iterator[str]:
    if "@" in text:
        yield from (
            EMAIL
            for found in EMAIL_OF.finditer(text)
            if found[1].lower() not in FILES
            and not re.search(r"\bgit$", text[max(0, found.start() - 4) : found.start()])
        )
    yield from (ADDRESS for found in IP_4.finditer(text) if _is_address_4(found, text))
    if "::" in text or text.count(":") >= GROUPS - 1:
        yield from (ADDRESS for found in IP_6.finditer(text) if _is_address_6(found, text))
    yield from (AGENT for _ in AGENT_OF.finditer(text))
    yield from (HOME for _ in HOME_OF.finditer(text))
    yield from (SECRET for _ in SECRET_OF.finditer(text))
    yield from (USER for found in USER_OF.finditer(text) if _is_user(found[0]))
    yield from (USER for _ in NAME_OF.finditer(text))
    if tokens:
        yield from (TOKEN for found in BASE_36.finditer(text) if len(found[0]) in BASE_36_SIGNS)
        yield from (
            TOKEN
            for found in HEX.finditer(text)
            if not HASH_BEFORE.search(text[max(0, found.start() - 20) : found.start()])
        )
        yield from (TOKEN for _ in UUID.finditer(text))


def _is_user(found: str) -> bool:
    """Whether a number behind the name is one of a user: in a sentence, "user ids 3" says how many."""
    return bool(
        re.search(r"[=:#\[('\"]|\bis\b", found)
        or re.match(r"(?:user id|user_?id|private user) [1-9]", found, re.IGNORECASE)
    )


def _is_address_4(found: re.Match[str], text: str) -> bool:
    parts = found[0].split(".")
    before = text[max(0, found.start() - 20) : found.start()]
    return (
        all(len(part.lstrip("0") or "0") == len(part) and int(part) <= 255 for part in parts)  # noqa: PLR2004  # a byte
        and found[0] not in OWN
        and not VERSION_BEFORE.search(before)
    )


def _is_address_6(found: re.Match[str], text: str) -> bool:
    address = found[0]
    first, *others = address.split(":")
    if "::" not in address and len(others) != GROUPS - 1:  # a time of the day
        return False
    if "::" in address and (len(first) != 4 or SLICE_BEFORE.search(text[max(0, found.start() - 2) : found.start()])):  # noqa: PLR2004  # rows[1::2]
        return False
    try:
        return not ip_address(address).is_loopback
    except ValueError:
        return False


def in_code(source: str, constants: dict[str, object] | None = None) -> Iterator[str]:
    """Kinds of what Python code says as a literal: a key for hashes, users by their ids.

    Parameters
    ----------
    source
        Code of a cell; lines of IPython's own are passed over.
    constants
        Names set to a literal elsewhere, see `constants_of`.

    Examples
    --------
    >>> list(in_code('load.homepage_modules("a.gz", key=b"Sesame")'))
    ['secret']
    >>> list(in_code('load.homepage_modules("a.gz", key=Path("key").read_bytes())'))
    []
    """
    known = constants or {}
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Call(func=called, keywords=keywords):
                name = ast.unparse(called)
                for keyword in keywords:
                    value = _literal(keyword.value, known)
                    if keyword.arg == "key" and value and _takes_a_secret(name, value):
                        yield SECRET
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                if LISTED.search(name) and _are_ids(value):
                    yield USER
            case ast.Compare(left=ast.expr() as left, comparators=[ast.Constant(value=bytes() | str() as value)]):
                if re.search(r"token|user_?name|user_text", ast.unparse(left), re.IGNORECASE) and len(value) > 3:  # noqa: PLR2004
                    yield TOKEN if "token" in ast.unparse(left).lower() else USER


def constants_of(source: str) -> dict[str, object]:
    """Names that code sets to a text.

    Examples
    --------
    >>> constants_of("KEY = b'Sesame'; N = 3")
    {'KEY': b'Sesame'}
    """
    found: dict[str, object] = {}
    for node in ast.walk(parsed(source)):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str() | bytes() as value)):
                found[name] = value
    return found


def parsed(source: str) -> ast.Module:
    """Code of a cell without the lines that are IPython's own; empty where it isn't Python."""
    lines = [re.sub(r"^(\s*)[%!?].*", r"\1pass", line) for line in source.splitlines()]
    try:
        return ast.parse("\n".join(lines))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _literal(value: ast.expr, known: dict[str, object]) -> object:
    match value:
        case ast.Constant(value=str() | bytes() as said):
            return said
        case ast.Name(id=name):
            return known.get(name)
        case (
            ast.Call(func=ast.Attribute(value=inner, attr="encode"))
            | ast.Call(func=ast.Name(id="bytes"), args=[inner, *_])
        ):
            return _literal(inner, known)
        case _:
            return None


def _takes_a_secret(called: str, value: object) -> bool:
    """A `key` of bytes is one anywhere; one of text for what loads, hashes or signs."""
    parts = set(called.split("."))
    return (
        isinstance(value, bytes)
        or bool(parts & LOADERS)
        or bool(re.search(r"hash|sign|hmac|crypt|login|connect", called))
    )


def _are_ids(value: ast.expr | None) -> bool:
    match value:
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            numbers = [item.value for item in items if isinstance(item, ast.Constant) and isinstance(item.value, int)]
            return bool(numbers) and max(numbers) >= SMALLEST_LISTED
        case ast.Constant(value=int() as number):
            return number >= SMALLEST_LISTED
        case _:
            return False
