"""Identifiers replaced: by dense numbers within one load, by keyed hashes across loads, by a mask in raw text."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_address
from struct import unpack
from urllib.parse import unquote

import polars as pl

from toolkit import errors

Mapped = Mapping[str, Sequence[str]]
PRIVATE = "private "

MASK = "[masked]"
SHOWN = 500  # signs of a raw row that are kept
RUNS = 100  # signs behind them that are looked at, so that no run of signs is cut before it is seen
READ = 4000  # bytes of it that are looked at: masks are shorter than what they cover
NAMES = {
    *("i", "ip", "xforwardedfor", "http", "requestheaders", "cookie", "useragent", "ua"),
    *("user", "userid", "userip", "username", "usertext", "userhash", "uniqueid", "session", "sessionid"),
    *("xanalytics", "xanalyticsmap", "referer", "acceptlanguage", "useragentmap", "performer", "tls", "tlsmap", "chua"),
    *(
        "browserfamily",
        "browsermajor",
        "browserminor",
        "devicefamily",
        "osfamily",
        "osmajor",
        "osminor",
        "wmfappversion",
    ),
    *("geocodeddata", "geocode", "city", "latitude", "longitude", "postalcode", "subdivision"),
}
ENDINGS = ("token", "userid", "clientip", "username", "useragent", "sessionid", "pageviewid")
# in percent-encoded JSON every sign that is no letter may be encoded, once or more often; in a text, escaped or doubled
BLANK = r"(?:\s|\+|%(?:25)*20)*"
QUOTE = r"""(?:\\*["']{1,2}|%(?:25)*2[27])"""
COLON = r"(?::|=|%(?:25)*3[AaDd])"
KEY = re.compile(rf"([\w.$-]+)(?:{QUOTE}{BLANK}{COLON}?|{BLANK}{COLON}){BLANK}")
BRACE = re.compile(r"(?P<open>[{\[]|%(?:25)*[57]B)|[}\]]|%(?:25)*[57]D", re.IGNORECASE)
VALUE = re.compile(
    r"%(?:25)*22.*?(?:%(?:25)*22|$)"
    r'|\\+".*?(?:\\+"|$)'
    r'|""[^"]+(?:""|$)'
    r'|"(?:[^"\\]|\\.)*(?:"|$)'
    r"|'[^']*(?:'|$)"
    r"""|[^\s,;&}\])"'%\\]+""",
    re.DOTALL,
)
AGENT = re.compile(r"(?:Mozilla|Opera|Dalvik|WikipediaApp)(?:/|%2F)[^\"\t|]*")
ADDRESS_4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
ADDRESS_6 = re.compile(r"(?:::|[0-9A-Fa-f]{1,4}(?::|%3[Aa]))(?:[0-9A-Fa-f]{0,4}(?::|%3[Aa]))*[0-9A-Fa-f.]*")
RUN = re.compile(r"(?<![0-9A-Za-z_])(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[0-9A-Za-z]{20,}")
REMOTE = re.compile(r"^\S+ (\S+ \S+) (?=\[)")  # names of users in access logs
HEADER = re.compile(
    r"""("(?:x-[\w-]+|user-agent|cookie|referer|accept-language)"\s*:\s*)"(?:[^"\\]|\\.)*"?""", re.IGNORECASE
)
WHOLE = re.compile(r"([\s,|;\[(]|^)(\s*\"?)-?\d+(?=\"?\s*(?:[\s,|;\])]|$))")
DOTS = 3  # in an address of IPv4
COLONS = 7  # in an address of IPv6 that is written in full
ESCAPED = re.compile(r"\\u00(3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")  # letters and digits


def numbered(frame: pl.DataFrame, mapping: Mapped) -> pl.DataFrame:
    """Frame with numbers from 0 in the place of combinations, in order of appearance.

    Parameters
    ----------
    frame : pl.DataFrame
        Rows of one load.
    mapping : mapping
        For each new column the columns whose combinations it stands for, such as user: (wiki, private user). Where
        the private one is null there is nobody to tell apart, and the number is null.

    Returns
    -------
    pl.DataFrame
        The same rows with one more column (UInt32) for each entry of the mapping.

    Examples
    --------
    >>> frame = pl.DataFrame({"wiki": ["cs", "ko", "cs", "cs"], "private user": [7, 7, 7, None]})
    >>> numbered(frame, {"user": ("wiki", "private user")})["user"].to_list()
    [0, 1, 0, None]
    """
    for name, columns in mapping.items():
        known = frame.select(columns).filter(_is_known(columns)).unique(maintain_order=True)
        numbers = known.with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).alias(name))
        frame = frame.join(numbers, on=columns, how="left", nulls_equal=True, maintain_order="left")
    return frame


def hashed(frame: pl.DataFrame, mapping: Mapped, key: bytes) -> pl.DataFrame:
    """Frame with keyed hashes in the place of combinations: equal across files, loads and tables with the same key.

    Whoever does not have the key cannot find an identifier by hashing guesses. Hashes have 63 bits, so that they are
    positive Int64 on every engine; among 100 million identifiers the odds of any two meeting are 1 in 2,000. Each
    combination of a frame is hashed once, which takes about one microsecond; combinations are told apart by another
    hash of 64 bits, which makes it 1 in 1,200 if all of them stand in one frame.

    Parameters
    ----------
    frame, mapping
        As for `numbered`; the name of a new column is part of its hashes, so a user is never equal to a visit.
    key : bytes
        The secret, of any length.

    Returns
    -------
    pl.DataFrame
        The same rows with one more column (Int64) for each entry of the mapping.

    Raises
    ------
    ToolkitError
        If the key is empty.

    Examples
    --------
    >>> frame = pl.DataFrame({"wiki": ["cs", "ko", "cs"], "private user": [7, 7, 7]})
    >>> user = hashed(frame, {"user": ("wiki", "private user")}, b"secret")["user"]
    >>> user[0] == user[2], user[0] == user[1]
    (True, False)
    """
    if not key:
        raise errors.not_allowed("key", key, "is a secret of at least one byte")
    secret = blake2b(key).digest()  # a key of blake2b has at most 64 bytes
    for name, columns in mapping.items():
        start = blake2b(key=secret, digest_size=8, person=blake2b(name.encode(), digest_size=16).digest())
        # told apart by a number: to compare whole combinations takes three times as long
        whole = frame.select(pl.when(_is_known(columns)).then(pl.struct(columns).hash()).alias("combination"))
        first = whole.with_row_index("at").filter(pl.col("combination").is_not_null()).unique("combination")
        digests = []
        for combination in frame.select(columns)[first["at"]].select(_unambiguous(columns)).to_series().to_list():
            state = start.copy()
            state.update(combination.encode())
            digests.append(state.digest())
        hashes = pl.Series(name, unpack(f">{len(digests)}Q", b"".join(digests)), dtype=pl.UInt64)
        found = first.select("combination", (hashes // 2).cast(pl.Int64))
        frame = frame.with_columns(whole.join(found, on="combination", how="left", maintain_order="left")[name])
    return frame


def _is_known(columns: Sequence[str]) -> pl.Expr:
    """Whether the private columns of a combination are there; of a combination without one, whether any is."""
    private = [column for column in columns if column.startswith(PRIVATE)]
    return pl.all_horizontal(pl.col(column).is_not_null() for column in private or columns)


def _unambiguous(columns: Sequence[str]) -> pl.Expr:
    """Values as one text, each with its length: 7 and '7' are the same user, ('a', 'bc') and ('ab', 'c') are two."""
    texts = [pl.col(column).cast(pl.String) for column in columns]
    return pl.concat_str(
        pl.concat_str(text.str.len_bytes().cast(pl.String), pl.lit(":"), text).fill_null("-") for text in texts
    )


def masked(raw: bytes, keep: Collection[str] = ()) -> str:
    r"""Raw text of a row, cut, with what points at a person masked.

    In JSON, whole or broken, plain, within a text, or percent-encoded, values are masked by their names: user ids,
    tokens, addresses, agents, the `i` of banner histories and the like. In lines of other forms, internet addresses,
    runs of twenty and more letters and digits, and fields that are whole numbers are masked too, for their names are
    not on the line; in broken JSON, addresses and runs.

    Parameters
    ----------
    raw : bytes
        The row as it stands in the export; bytes that are no UTF-8 are escaped.
    keep : collection of str
        Names whose values may be seen.

    Examples
    --------
    >>> masked(b'{"event": {"user_id": 7, "module": "help"}, "caf\xe9": 1}')
    '{"event": {"user_id": [masked], "module": "help"}, "caf\\xe9": 1}'
    >>> masked(b'{"user_id": 7}', keep=["user_id"])
    '{"user_id": 7}'
    >>> masked(b"2.10\t12345\t203.0.113.9\tcswiki")
    '2.10\t[masked]\t[masked]\tcswiki'
    """
    text = raw[:READ].decode(errors="backslashreplace").removeprefix("\ufeff")
    if "\\u00" in text:  # a name is a name, however its letters are written
        text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    allowed = {_plain(name) for name in keep}
    shown: list[str] = []
    at = saved = 0
    for key in KEY.finditer(text):
        if key.start() - saved > SHOWN + RUNS:  # what follows is not shown
            text = text[: key.start()]
            break
        if key.start() < at:  # within a value that is masked
            continue
        name = _plain(key[1])
        is_private = name in NAMES or name.endswith(ENDINGS)
        if is_private and name not in allowed and (end := _end_of_value(text, key.end())) > key.end():
            shown += [text[at : key.end()], "null" if text[key.end() : end] == "null" else MASK]
            saved += end - key.end() - len(MASK)
            at = end
    by_name = "".join([*shown, text[at:]])
    return _unnamed(by_name, text.lstrip(), allowed)[:SHOWN]


def masked_reason(reason: str) -> str:
    """Reason without addresses, agents and tokens: values that stand in the wrong column are quoted by it.

    Examples
    --------
    >>> masked_reason("'dt' is '203.0.113.7' where a time is due")
    "'dt' is '[masked]' where a time is due"
    """
    return ADDRESS_6.sub(_if_address, ADDRESS_4.sub(MASK, RUN.sub(MASK, AGENT.sub(MASK, reason))))


def _end_of_value(text: str, start: int) -> int:
    """Place after a value: an object or an array, be it broken off, a text, or a word."""
    brace = BRACE.match(text, start)
    if brace is None or not brace["open"]:
        value = VALUE.match(text, start)
        return value.end() if value is not None else start
    depth = 0
    for brace in BRACE.finditer(text, start):
        depth += 1 if brace["open"] else -1
        if depth == 0:
            return brace.end()
    return len(text)


def _unnamed(by_name: str, text: str, allowed: Collection[str]) -> str:
    """Text with masks also over what looks like an identifier, unless it is whole JSON."""
    is_object = text.startswith("{") or re.match(r"\[\s*\{", text) is not None
    try:
        json.loads(text)
        is_whole = is_object
    except (ValueError, RecursionError):
        is_whole = False
    found = by_name
    if not is_whole:
        if not {"useragent", "ua"} & set(allowed):
            found = AGENT.sub(MASK, found)
        found = REMOTE.sub(lambda line: line[0].replace(line[1], MASK), found)
    found = HEADER.sub(rf"\1{MASK}", RUN.sub(MASK, found))
    if not {"ip", "clientip"} & set(allowed):
        # most rows hold none: counting signs is faster than looking for a pattern
        if found.count(".") >= DOTS:
            found = ADDRESS_4.sub(MASK, found)
        if "::" in found or found.count(":") - found.count('":') >= COLONS or "%3a" in found.lower():
            found = ADDRESS_6.sub(_if_address, found)
    return found if is_object else WHOLE.sub(rf"\1\2{MASK}", found)


def _if_address(found: re.Match[str]) -> str:
    text = unquote(found[0])
    if "::" not in text and text.count(":") != COLONS:  # a time of the day
        return found[0]
    try:
        ip_address(text)
    except ValueError:
        return found[0]
    return MASK


@lru_cache(4096)  # a file has few names
def _plain(name: str) -> str:
    """Name without case, signs and the remains of an encoded quote: user_id, userId and 22user_id are one."""
    bare = re.sub(r"^(?:25)*2[27](?=[A-Za-z_])", "", name)
    return "".join(sign for sign in bare.rpartition(".")[2].lower() if sign.isalnum())
