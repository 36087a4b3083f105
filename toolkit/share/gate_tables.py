"""What must not stand in a table: columns of persons, cells of few, and cells that a total gives back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from ipaddress import ip_address
from itertools import chain
from typing import Any, NamedTuple

from toolkit.share.gate_text import ADDRESS as INTERNET
from toolkit.share.gate_text import AGENT, BASE_36, HEX, PLACE, SECRET, TOKEN, USER, UUID

SMALL = "cell below k"
GIVEN_BACK = "suppressed cell that the rest gives back"

Columns = Mapping[str, Sequence[Any]]


class Said(NamedTuple):
    """What a column says: its values but for null, truth and masks, and those that are texts."""

    values: list[Any]
    texts: list[str]
    is_table: bool


class Table(NamedTuple):
    """A table wherever it was found."""

    place: str
    columns: dict[str, list[Any]]


USERS = {"userid", "privateuser", "uniqueid", "centraluserid", "localuserid", "globaluserid", "performerid", "actorid"}
NAMES = {"username", "usertext", "usernames", "performername"}
TOKENS = {"i", "uuid", "session", "privatevisit", "privateuuid", "logid", "rowid"}
TOKEN_ENDS = ("token", "sessionid", "pageviewid", "visitid", "userhash", "eventid", "metaid")
ADDRESSES = {"ip", "clientip", "userip", "xforwardedfor", "ipaddress", "xclientip"}
AGENTS = {"useragent", "ua", "rawuseragent", "privateuseragent"}
PLACES = {"city", "latitude", "longitude", "postalcode", "geocodeddata", "subdivision"}
SECRETS = {
    "password",
    "passwd",
    "secret",
    "apikey",
    "accesstoken",
    "authtoken",
    "jupytertoken",
    "privatekey",
    "secretkey",
}

WORDS = {"", "all", "any", "other", "others", "none", "null", "nan", "unknown", "anonymous", "registered", "named", "temp", "temporary", "new", "user", "bot", "spider", "automated", "true", "false", "yes", "no", "visit", "newcomer", "total", "str", "u32", "i64"}  # fmt: skip
LARGE = 100_000  # numbers below may be dense
SPARSE = 100  # times as large as there are values: not numbered in order of appearance
SHORTEST = 4  # signs of a secret
LONG = 12  # signs of a token that has been hashed or signed

COUNTS = {"n", "count", "len", "clicked", "recorded", "people", "readers", "newcomers", "accounts", "pageviews", "views", "clicks", "attempts", "impressions", "events", "countofrecords", "matched", "returned", "dau", "mau"}  # fmt: skip
COUNTED = {"users", "visits", "requests", "readers", "newcomers", "accounts", "pageviews", "people"}
SINGULAR = {"request", "user", "visit", "event", "view", "pageview", "impression", "reader", "account", "row", "record"}
DERIVED = {"eff", "effective", "per", "share", "rate", "ratio", "mean", "median", "std", "p90", "s", "ms"}
OF_OTHERS = {"days", "weeks", "hours", "day", "unique", "modules", "groups", "levels", "banners", "campaigns", "bins", "tests", "cells", "chars", "bytes", "files", "columns", "hovers", "steps", "stages", "codes"}  # fmt: skip
QUALITY = {"check", "n", "of"}  # a report on a load: it counts faults
MELTED = {"variable", "key", "measure", "metric"}
ALL = {
    "all",
    "total",
    "totals",
    "sum",
    "overall",
    "together",
    "every",
    "∑",
    "grand total",
    "(all)",
    "[all]",
    "any",
}
SUPPRESSED = re.compile(  # each sign that stands for a number
    r"(?:|null|none|nan|n/?a|[-\u2013\u2014*.\u2026]+|<\s*\d+|≤\s*\d+|(?:fewer|less) than \d+|under \d+|below \d+|suppressed|\[?masked\]?|\[?hidden\]?|c|x)",
    re.IGNORECASE,
)
MASKED = re.compile(r"\[?(?:masked|hidden|removed|redacted)\]?|\*+|null|none|nan|", re.IGNORECASE)


def plain(name: str) -> str:
    """Name without case, signs and parents: user_id, userId and event.user_id are one.

    Examples
    --------
    >>> plain("event.user_id")
    'userid'
    """
    return "".join(sign for sign in name.rpartition(".")[2].lower() if sign.isalnum())


def is_count(name: str) -> bool:
    """Whether a column of this name counts users, visits or requests.

    Examples
    --------
    >>> [name for name in ("n", "users_returned", "visits_clicked", "n_eff", "editcount") if is_count(name)]
    ['n', 'users_returned', 'visits_clicked']
    """
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if word]
    if set(words) & DERIVED:
        return False
    return (
        plain(name) in COUNTS
        or bool(set(words) & COUNTED)
        or (words[-1:] == ["count"] and bool(set(words) & SINGULAR))
        or (len(words) > 1 and "n" in {words[0], words[-1]} and not set(words) & OF_OTHERS)
    )


def whole(value: object) -> int | None:
    """A whole number, whether it stands as one or as text; null for anything else.

    Examples
    --------
    >>> whole("1,401"), whole(3.0), whole("0.5"), whole(True)
    (1401, 3, None, None)
    """
    match value:
        case bool():
            return None
        case int():
            return value
        case float():
            return int(value) if math.isfinite(value) and value.is_integer() else None
        case str() if re.fullmatch(r"\s*[\"']?-?\d[\d,_ \u00a0\u2009\u202f]*(?:\.0+)?[\"']?\s*", value):
            return int(float(re.sub(r"[^\d.-]", "", value)))
        case _:
            return None


def number(value: object) -> float | None:
    """A number, whether it stands as one or as text; of percent, its part of 1.

    Examples
    --------
    >>> number("4.0 %"), number("0.04"), number("help")
    (0.04, 0.04, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    found = re.fullmatch(r"\s*(-?\d[\d,]*\.?\d*(?:e-?\d+)?)\s*(%?)\s*", value) if isinstance(value, str) else None
    return float(found[1].replace(",", "")) / (100 if found[2] else 1) if found else None


def in_column(name: str, values: Sequence[object], *, is_table: bool = True) -> Iterator[str]:
    """Kinds of what a column holds of persons: told by its name and by its values.

    Parameters
    ----------
    name, values
        A column, or an entry of an object with its one value.
    is_table
        Whether it is one of a table; settings of other things have columns' names, too.

    Examples
    --------
    >>> list(in_column("user_id", [592248])), list(in_column("user", [0, 1, 1])), list(in_column("user", [2**62 + 1]))
    (['user id'], [], ['user id'])
    """
    values = [value for value in values if value is not None and not isinstance(value, bool) and not _is_masked(value)]
    said = Said(values, [value for value in values if isinstance(value, str)], is_table)
    known = plain(name)
    rule = next(((kind, holds) for is_named, kind, holds in RULES if is_named(known)), None)
    if values and rule and rule[1](said):
        yield rule[0]


def _is_masked(value: object) -> bool:
    return isinstance(value, str) and MASKED.fullmatch(value.strip("\"' ")) is not None


def _is_marked(text: str) -> bool:
    """Whether a text has the form of an identifier made by a machine."""
    bare = text.strip("\"' ")
    return any(form.fullmatch(bare) for form in (BASE_36, HEX, UUID)) or bool(re.fullmatch(r"[0-9a-f]{16,128}", bare))


def _are_hashes(said: Said) -> bool:
    """Whether values are whole numbers too large to count anything."""
    numbers = [abs(found) for value in said.values if (found := whole(value)) is not None]
    return bool(numbers) and max(numbers) >= 2**40 and len(numbers) == len(said.values)


def _are_marked(said: Said) -> bool:
    return any(map(_is_marked, said.texts))


def _are_ids(said: Said) -> bool:
    return any(whole(value) for value in said.values) or _are_marked(said)


def _are_not_dense(said: Said) -> bool:
    """Whether values are no numbers of a load in order of appearance."""
    numbers = [found for value in said.values if (found := whole(value)) is not None]
    if numbers and max(numbers) >= max(LARGE, SPARSE * len(set(numbers))):
        return True
    words = [text for text in said.texts if number(text) is None and text.strip("\"' ").lower() not in WORDS]
    return said.is_table and bool(words)


def _are_tokens(said: Said) -> bool:
    long = any(len(text) >= LONG and re.search(r"\d", text) for text in said.texts)
    return long or _are_marked(said) or _are_hashes(said)


def _are_secrets(said: Said) -> bool:
    return any(len(text) >= SHORTEST and not re.search(r"[<{$]|\.{3}", text) for text in said.texts)


def _are_addresses(said: Said) -> bool:
    return any(map(_is_address, said.texts)) or _are_marked(said)


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip("\"' ").partition("/")[0])
    except ValueError:
        return False
    return True


def _are_agents(said: Said) -> bool:
    return any(re.search(r"/\d|browser_family|[{(]", text) for text in said.texts)


def _are_places(said: Said) -> bool:
    return said.is_table and not all(isinstance(value, dict) for value in said.values)


RULES: Sequence[tuple[Callable[[str], bool], str, Callable[[Said], bool]]] = (
    (lambda name: name in USERS or name.endswith("userid"), USER, _are_ids),
    (lambda name: name == "user", USER, _are_not_dense),
    (lambda name: name == "visit", TOKEN, _are_not_dense),
    (lambda name: name in NAMES, USER, lambda said: bool(said.texts)),
    (lambda name: name == "id", TOKEN, _are_marked),
    (lambda name: name in TOKENS, TOKEN, lambda said: _are_marked(said) or _are_hashes(said)),
    (lambda name: name in SECRETS, SECRET, _are_secrets),
    (lambda name: name.endswith(TOKEN_ENDS), TOKEN, _are_tokens),
    (lambda name: name in ADDRESSES, INTERNET, _are_addresses),
    (lambda name: name in AGENTS, AGENT, _are_agents),
    (lambda name: name in PLACES, PLACE, _are_places),
    (lambda name: re.search(r"user|visit|session|hash|person|reader", name) is not None, USER, _are_hashes),
)
"""Which column may hold what, and when it does; the first whose name fits is the one that counts."""


def in_table(columns: Columns, k: int) -> Iterator[str]:
    """Kinds of what a table holds: of persons, of few, or given back by a total.

    Examples
    --------
    >>> list(in_table({"module": ["help", "impact"], "users": [40, 3]}, 10))
    ['cell below k']
    >>> list(in_table({"module": ["help", "impact", "all"], "users": [40, None, 43]}, 10))
    ['suppressed cell that the rest gives back']
    """
    for name, values in columns.items():
        yield from in_column(name, values)
    if set(columns) >= QUALITY:
        return
    counts = counts_of(columns)
    yield from (SMALL for name in counts for value in columns[name] if _is_small(value, k))
    yield from (SMALL for value in _melted(columns) if _is_small(value, k))
    for name in counts:
        yield from (GIVEN_BACK for _ in _by_totals(columns, name, counts, k))
        yield from (GIVEN_BACK for _ in _by_shares(columns, name, counts, k))
    yield from (GIVEN_BACK for _ in _across(columns, k))


def counts_of(columns: Columns) -> list[str]:
    """Columns of a table that count: by their names, or because they add up to one that is called a total."""
    named = [name for name in columns if is_count(name) and any(whole(value) is not None for value in columns[name])]
    return [*named, *(name for name in _parts(columns) if name not in named)]


def _is_small(value: object, k: int) -> bool:
    found = whole(value)
    return found is not None and 0 < found < k


def _is_suppressed(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and SUPPRESSED.fullmatch(value.strip("\"' ")) is not None)
    )


def _is_all(value: object) -> bool:
    return isinstance(value, str) and value.strip("\"' ").lower() in ALL


def _melted(columns: Columns) -> Iterator[object]:
    """Values of counts in a long table, whose rows name what they count."""
    for name, keys in columns.items():
        if plain(name) in MELTED:
            others = [values for other, values in columns.items() if other != name]
            for at, key in enumerate(keys):
                if isinstance(key, str) and is_count(key.strip("\"' ")):
                    yield from (values[at] for values in others)


def dimensions_of(columns: Columns) -> list[str]:
    """Columns that say which group a row is: those of words."""
    return [
        name
        for name, values in columns.items()
        if any(isinstance(value, str) and number(value) is None and not _is_suppressed(value) for value in values)
        and not is_count(name)
        and plain(name) != "note"
    ]


def _by_totals(columns: Columns, name: str, counts: Collection[str], k: int) -> Iterator[int]:
    """Cells of a column that the rows called `all` give back."""
    values = columns[name]
    dimensions = [dimension for dimension in dimensions_of(columns) if dimension not in counts]
    for dimension in dimensions:
        others = [columns[other] for other in dimensions if other != dimension]
        groups: dict[tuple[str, ...], list[int]] = {}
        for at in range(len(values)):
            groups.setdefault(tuple(str(other[at]) for other in others), []).append(at)
        for rows in groups.values():
            totals = [whole(values[at]) for at in rows if _is_total(columns[dimension][at])]
            parts = [values[at] for at in rows if not _is_total(columns[dimension][at])]
            if totals and totals[0] is not None and _gives_back(totals[0], parts, k):
                yield totals[0]


def _is_total(value: object) -> bool:
    return _is_all(value) or value is None


def _gives_back(total: int, parts: Sequence[object], k: int) -> bool:
    """Whether a total and the parts that are shown leave no doubt about a part that isn't."""
    n_suppressed = sum(_is_suppressed(part) for part in parts)
    shown = [whole(part) for part in parts if not _is_suppressed(part)]
    if not n_suppressed or any(part is None for part in shown):
        return False
    rest = total - sum(part or 0 for part in shown)
    return 0 < rest < k and (n_suppressed in {1, rest})


def _by_shares(columns: Columns, name: str, counts: Collection[str], k: int) -> Iterator[float]:
    """Cells that a share beside them gives back, by another count of the row or by the total."""
    shares = [other for other in columns if re.search(r"(?:^|_)share$", other.lower())]
    dimensions = dimensions_of(columns)
    of_all = [at for at in range(len(columns[name])) if any(_is_all(columns[one][at]) for one in dimensions)]
    largest = max((whole(columns[name][at]) or 0 for at in of_all), default=0)
    for at, value in enumerate(columns[name]):
        if _is_suppressed(value):
            bases = [whole(columns[other][at]) or 0 for other in counts if other != name]
            parts = [number(columns[share][at]) or 0 for share in shares]
            yield from (
                part * base
                for part in parts
                for base in [*bases, *([] if any(bases) else [largest])]
                if 0.5 < part * base < k - 0.5 and 0 < part < 1  # noqa: PLR2004  # rounds to a number below k
            )


def _parts(columns: Columns) -> list[str]:
    """Columns of whole numbers that add up to one called a total: what a pivot leaves."""
    total = next((name for name in columns if _is_all(name)), None)
    if total is None:
        return []
    parts = [
        name
        for name, values in columns.items()
        if name != total and values and all(whole(value) is not None or _is_suppressed(value) for value in values)
    ]
    rows = list(zip(*(columns[name] for name in [total, *parts]), strict=True))
    full = [row for row in rows if not any(map(_is_suppressed, row))]
    adds_up = full and all(whole(row[0]) == sum(whole(part) or 0 for part in row[1:]) for row in full)
    return [total, *parts] if len(parts) > 1 and adds_up else []


def _across(columns: Columns, k: int) -> Iterator[int]:
    """Cells of a pivot that the total of their row gives back."""
    total, *parts = _parts(columns) or [""]
    for at in range(len(columns[total]) if parts else 0):
        of_row = whole(columns[total][at])
        if of_row is not None and _gives_back(of_row, [columns[name][at] for name in parts], k):
            yield of_row


def across_tables(tables: Sequence[Table], numbers: Collection[int], k: int) -> Iterator[Table]:
    """Tables with one suppressed cell in a column that a total given elsewhere gives back.

    Parameters
    ----------
    tables
        All tables that leave together.
    numbers
        Whole numbers that stand alone: outputs such as a height.
    k
        The smallest count that may be shown.
    """
    totals = {
        found
        for table in tables
        for name in counts_of(table.columns)
        for value in table.columns[name]
        if (found := whole(value)) is not None and found >= k
    } | {found for found in numbers if found >= k}
    for table in tables:
        # a table of groups: where rows are steps or times, the first has nothing to count
        for name in counts_of(table.columns) if dimensions_of(table.columns) else ():
            values = table.columns[name]
            shown = [found for value in values if (found := whole(value)) is not None]
            has_total = any(
                _is_total(value) for value in chain(*(table.columns[one] for one in dimensions_of(table.columns)))
            )
            alone = (
                sum(map(_is_suppressed, values)) == 1
                and len(shown) > 1
                and not has_total
                and not any(0 < one < k for one in shown)
            )
            if alone and any(sum(shown) < total < sum(shown) + k for total in totals):
                yield table
