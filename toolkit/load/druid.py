"""Druid's banner_activity: results of native queries and of SQL as JSON, and any spelling of its columns.

Cells stay text from the first byte on: the number 2.10 in JSON is the text `2.10`. Rows are counted before anything is
read of them, so each is kept or set aside.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import polars as pl

from toolkit import decode, errors, reference
from toolkit.load.batch import Aside, Batch
from toolkit.rates import sample_rate
from toolkit.schema import doubled_keys

MOST = 20_000  # rows of one frame
WAS_NUMBER = "private was number"  # whether a code of the row stood in JSON as a number
NULLS = ["", "null", "NULL", r"\N"]
TIMES = ("dt", "time", "timestamp", "datetime", "minute", "hour", "day", "date")
# Counts by name, the surest first; the last may as well be a COUNT(*) of Druid's rows.
PLAIN_COUNTS = ("count", "n", "cnt", "rows", "events", "total")
COUNTS = (
    *("requestcount", "sumrequestcount", "requestcountsum", "totalrequestcount", "requests", "sumrequests"),
    *("eventcount", "sumeventcount"),
    *PLAIN_COUNTS,
)
OF_SUPERVISOR = ("eventnormalizedcount", "sumeventnormalizedcount")
NORMALIZED = (
    *("normalizedrequestcount", "sumnormalizedrequestcount", "normalizedrequestcountsum"),
    *("normalizedrequests", "normalizedcount"),
    *OF_SUPERVISOR,
)
# Names that only events and requests have: no result of Druid has them.
OF_EVENTS = {
    *("event", "schema", "$schema", "meta", "uuid", "revision", "homepage_pageview_token"),
    *("statuscode", "campaignstatuses", "randomcampaign", "randombanner"),
    *("recordimpressionsamplerate", "impressioneventsamplerate", "uri_query", "uri_path"),
}
TYPE = re.compile(
    r"(?:STRING|LONG|FLOAT|DOUBLE|VARCHAR|CHAR|BIGINT|INTEGER|SMALLINT|TINYINT|DECIMAL|REAL|BOOLEAN|TIMESTAMP|DATE|OTHER)"
    r"(?:\(.*\))?|ARRAY|(?:ARRAY|COMPLEX|MAP)<.*>"
)
TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:"]|[^\s{}\[\],:"]+', re.DOTALL)
TIME = (
    r"^(?<day>\d{4}-\d\d-\d\d)(?:[T ](?<minute>\d\d:\d\d)(?::(?<second>\d\d(?:\.\d{1,9})?))?)?"
    r" ?(?:Z|UTC|(?<sign>[+-])(?<hours>\d\d):?(?<minutes>\d\d)?)?$"
)
EPOCH = r"^\d{12,13}$"  # milliseconds

GRAND_TOTAL = "a grand total of the rows above, not a row"
UNDERCOUNT = (
    "Only normalized_request_count is here: it is read as the number of requests, at a sample rate of 1. Druid cuts it to a "
    "whole number, so it may be too low by up to 1 for each row of Druid that it sums."
)
STREAM_RATE = (
    "event_normalized_count is weighted by the sample rate of the beacon although the events were sampled by a rate of "
    "their own: it is wrong unless both are equal."
)

Row = dict[str, Any]
# A number with a dot or an exponent stays the text that it is; a whole number has one spelling only.
_decode = msgspec.json.Decoder(float_hook=lambda token: _Fraction(token)).decode  # noqa: PLW0108 - defined below


class Canonical(NamedTuple):
    """Rows under the names of banner_activity, what to know of them, and the columns that nothing reads."""

    frame: pl.DataFrame
    notes: list[str]
    unread: list[str]


def shape_of(start: bytes) -> str | None:
    """Name of the form in which Druid gave a result, by the first bytes of its JSON text; null for anything else.

    Examples
    --------
    >>> shape_of(b'[{"timestamp":"2021-12-01T00:00:00.000Z","result":{"n":120}}, {"timest')
    'Druid timeseries'
    >>> shape_of(b'[["status_code","n"],["6",90]]'), shape_of(b'{"schema":"HomepageVisit","event":{}}')
    ('Druid SQL, array', None)
    """
    found = _beginning(start)
    if isinstance(found, dict):
        return _native(found) or ("Druid SQL, objectLines" if _is_flat(found) else None)
    if not isinstance(found, list) or not found:
        return None
    first = found[0]
    if all(isinstance(row, list) for row in found):
        return "Druid SQL, array"
    if isinstance(first, dict):
        return _native(first) or ("Druid SQL, object" if _is_flat(first) else None)
    return None if any(isinstance(cell, dict) for cell in found) else "Druid SQL, arrayLines"


def is_activity(names: Iterable[str]) -> bool:
    """Whether columns are those of banner_activity, in any spelling: of a table, or the keys of a flat object.

    Examples
    --------
    >>> is_activity(["Status code", "Time", "Normalized request count"]), is_activity(["dt", "uri_query"])
    (True, False)
    """
    exact = {_unquoted(name).lower() for name in names}
    keys = {_key(name) for name in exact}
    if "__time" in exact or keys & {"eventcount", *OF_SUPERVISOR}:
        return "event" not in exact
    of_event = {name.rpartition(".")[2] for name in exact} & OF_EVENTS
    if of_event or any(name.startswith(("event_", "event.")) for name in exact):
        return False
    spelt = (key for name, known in _spellings().items() if name != "dt" for key in known)
    return not keys.isdisjoint({*spelt} - {*PLAIN_COUNTS})


def names_types(cells: Sequence[object]) -> bool:
    """Whether a row names the types of columns, as results of SQL have it after their header if asked to.

    Examples
    --------
    >>> names_types(["STRING", "LONG"]), names_types(["VARCHAR", "BIGINT"]), names_types(["6", "90"])
    (True, True, False)
    """
    return bool(cells) and all(isinstance(cell, str) and TYPE.fullmatch(cell) for cell in cells)


def without_types(batch: Batch) -> Batch:
    """First batch of a table without the rows of types that SQL may give after the header.

    Examples
    --------
    >>> table = pl.DataFrame({"line": [2, 3, 4], "status_code": ["STRING", "VARCHAR", "6"], "n": ["LONG", "BIGINT", "5"]})
    >>> without_types(Batch(table, rows_in=3)).frame.rows()
    [(4, '6', '5')]
    """
    first = batch.frame.select(pl.exclude("line", "^private .*$")).head(2)
    n_types = sum(names_types(row) for row in first.iter_rows())
    return replace(batch, frame=batch.frame.slice(n_types), rows_in=batch.rows_in - n_types)


def rows(
    elements: Iterable[tuple[int, bytes]], shape: str, columns: Sequence[str] = ()
) -> Iterator[tuple[int, Row] | Aside]:
    r"""Rows of a result with the line of their element, in order; those that cannot be read say why.

    Parameters
    ----------
    elements : iterable of (int, bytes)
        Elements of the array, or lines, each with the number of its line.
    shape : str
        What `shape_of` says.
    columns : sequence of str
        Names of the columns, for arrays without a header.

    Yields
    ------
    tuple of (int, dict) or Aside
        Values by name; a number that is not whole is text as it was written. Headers are no rows. A bucket of a
        topN without any row gives none.

    Raises
    ------
    ToolkitError
        If arrays have no header and `columns` does not name their columns.

    Examples
    --------
    >>> list(rows([(1, b'["status_code", "n"]'), (2, b'["2.10", 3]'), (3, b'["6"]')], "Druid SQL, arrayLines"))
    [(2, {'status_code': '2.10', 'n': 3}), Aside(line=3, reason='1 field where the header has 2', raw=b'["6"]')]
    """
    if shape in {"Druid SQL, array", "Druid SQL, arrayLines"}:
        yield from _of_arrays(elements, columns)
        return
    within, read = FORMS[shape]
    for at, (line, raw) in enumerate(_filled(elements)):
        found = _decoded(raw)
        if at == 0 and shape.startswith("Druid SQL") and _is_header(found):
            continue
        parts = _at(found, within)
        if (
            not within
            and not isinstance(parts, str)
            and _n_names(raw) != _n_keys(found)
            and (twice := doubled_keys(raw))
        ):
            parts = f"{errors.quoted(twice)} stands more than once"
        if isinstance(parts, str):
            yield Aside(line, parts, raw)
            continue
        for number, part in enumerate(parts):
            row = read(found, part)
            if isinstance(row, str):
                yield Aside(line, row, _raw_part(raw, within, number))
            else:
                yield line, row


def frames(
    elements: Iterable[tuple[int, bytes]], shape: str, columns: Sequence[str] = (), *, most: int = MOST
) -> Iterator[tuple[pl.DataFrame, list[Aside]]]:
    """Rows of a result as frames of text, with a column `line`, each with the rows set aside on the way.

    A list, of a dimension with several values, is kept as JSON text.

    Parameters
    ----------
    elements, shape, columns
        As for `rows`.
    most : int
        Rows of one frame.

    Examples
    --------
    >>> [(frame, aside)] = frames([(1, b'{"__time": 1638316800000, "status_code": "2.10", "n": 5.0}')], "Druid SQL, objectLines")
    >>> frame.row(0)
    (1, '1638316800000', '2.10', '5.0')
    """
    lines: list[int] = []
    held: list[Row] = []
    aside: list[Aside] = []
    for found in rows(elements, shape, columns):
        if isinstance(found, Aside):
            aside.append(found)
        else:
            lines.append(found[0])
            held.append(found[1])
        if len(held) + len(aside) >= most:
            yield _framed(lines, held), aside
            lines, held, aside = [], [], []
    if held or aside:
        yield _framed(lines, held), aside


def canonical(frame: pl.DataFrame, requests: str | None = None, shape: str = "") -> Canonical:
    """Rows of any export of banner_activity under the names of its columns.

    Parameters
    ----------
    frame : pl.DataFrame
        Columns of text under any spelling, and `line`.
    requests : str, optional
        Column that counts requests, where its name does not say so.
    shape : str
        Form of the result: a bucket of a timeseries or topN without a count is one of no requests.

    Returns
    -------
    Canonical
        frame: all columns of banner_activity as text, null where the export has none or an empty cell; `normalized`,
        whether request_count is the normalised count; `line` and what starts with `private `.
        `dt` is in UTC, `sample_rate` the decimal that was meant.

    Raises
    ------
    ToolkitError
        If nothing counts requests, or the column named by `requests` is not there.

    Examples
    --------
    >>> found = canonical(pl.DataFrame({"line": [2], "Status code": ["2.10"], "Time": ["2021-01-05T00:00:00+01:00"], "Requests": ["7"]}))
    >>> found.frame.select("dt", "status_code", "request_count").row(0)
    ('2021-01-04T23:00:00.000Z', '2.10', '7')
    >>> found.notes[0]
    'Times carry the offset +01:00 of a user: they are converted to UTC.'
    """
    ours = [name for name in frame.columns if name == "line" or name.startswith("private ")]
    names = [name for name in frame.columns if name not in ours and not frame.schema[name].is_nested()]
    texts = frame.select(*ours, *(_text_of(name, frame.schema[name]) for name in names))
    found = {name: column for name, keys in _spellings().items() if (column := _column(names, keys))}
    counted, notes = _counted(texts, found, names, requests)
    if counted is not None:
        found["request_count"] = counted
    read = {*found.values()}
    normalized = counted is not None and _key(counted) in NORMALIZED
    out = texts.select(
        *ours,
        *(
            (pl.col(found[name]) if name in found else pl.lit(None, dtype=pl.String)).alias(name)
            for name in _spellings()
        ),
        normalized=pl.lit(normalized),
    ).with_columns(
        dt=_utc("dt"),
        bucket=pl.col("bucket").str.replace(r"^(\d+)\.0+$", "$1"),
        sample_rate=pl.lit("1") if normalized else sample_rate("sample_rate").cast(pl.String),
        request_count=_whole("request_count", rounded=normalized),
    )
    if shape in {"Druid timeseries", "Druid topN"}:
        out = out.with_columns(pl.col("request_count").fill_null("0"))
    return Canonical(
        out,
        [*_notes(texts, found, shape), *notes],
        [name for name in frame.columns if name not in {*ours, *read}],
    )


def _beginning(start: bytes) -> object:
    """First value of JSON text that may break off: as much of it as is whole, null where it is no array or object."""
    text = start.removeprefix(codecs.BOM_UTF8).lstrip()
    open_: list[bytes] = []
    whole = b""
    for token in TOKEN.finditer(text):
        sign = token[0]
        if sign == b'"':  # of a text that breaks off
            break
        if sign in {b"{", b"["}:
            open_.append(b"}" if sign == b"{" else b"]")
        elif sign in {b"}", b"]"} and open_:
            open_.pop()
        if not open_:
            whole = text[: token.end()]
            break
        if sign in {b"}", b"]"}:
            whole = text[: token.end()] + b"".join(reversed(open_))
        elif sign == b",":
            whole = text[: token.start()] + b"".join(reversed(open_))
    try:
        return _decode(whole) if whole.startswith((b"{", b"[")) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _native(found: Row) -> str | None:
    """Name of the native query that gives elements like this one."""
    keys, result = set(found), found.get("result")
    if {"columns", "events"} <= keys:
        events = found.get("events")
        compact = bool(events) and isinstance(events, list) and isinstance(events[0], list)
        return f"Druid scan, {'compactedList' if compact else 'list'}"
    if keys in ({"event", "timestamp"}, {"event", "timestamp", "version"}):
        return "Druid groupBy" if isinstance(found["event"], dict) and isinstance(found["timestamp"], str) else None
    if "result" not in keys or not keys <= {"timestamp", "result"}:
        return None
    if isinstance(result, list):
        return "Druid topN"
    if isinstance(result, dict):
        return (
            "Druid select"
            if "pagingIdentifiers" in result or isinstance(result.get("events"), list)
            else "Druid timeseries"
        )
    return None


def _is_flat(found: Row) -> bool:
    """Whether an object can be a row of SQL: no objects in it, but for the types in a header."""
    nested = [value for value in found.values() if isinstance(value, dict)]
    return (not nested or _is_header(found)) and is_activity(found)


def _filled(elements: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Elements that hold something: results in lines end with a blank one."""
    return ((line, raw) for line, raw in elements if raw.strip())


def _is_header(found: object) -> bool:
    """Whether an object names columns, with null or their types in place of values."""
    return (
        isinstance(found, dict)
        and bool(found)
        and all(
            value is None or (isinstance(value, dict) and value.keys() <= {"type", "sqlType"})
            for value in found.values()
        )
    )


def _decoded(raw: bytes) -> object:
    """Value of one element; text that says why it has none."""
    try:
        found = _decode(raw)
    except UnicodeDecodeError:
        return _no_utf8(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        return f"no JSON: {error}"
    return "a text where a row is due" if isinstance(found, str) else found


def _no_utf8(raw: bytes) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        return errors.no_utf8(raw, error.start)
    return "no UTF-8"


def _at(found: object, within: Sequence[str]) -> list[Any] | str:
    """Rows of one element, which stand `within` some of its keys; text that says why there are none."""
    if isinstance(found, str):
        return found
    if not isinstance(found, dict):
        return "no object where one is due"
    inner: Any = found
    for key in within:
        if not isinstance(inner, dict) or inner.get(key) is None:
            return f"{key!r} is missing"
        inner = inner[key]
    if within and not isinstance(inner, list):
        return f"{within[-1]!r} is no list"
    return inner if within else [found]


def _n_names(raw: bytes) -> int:
    """Names in the bytes of an object; some more where a text has such signs too."""
    return raw.count(b'":') + raw.count(b'" :')


def _n_keys(found: object) -> int:
    """Names that were read of an object."""
    if not isinstance(found, dict):
        return 0
    return len(found) + sum(_n_keys(value) for value in found.values() if value.__class__ is dict)


def _raw_part(raw: bytes, within: Sequence[str], number: int) -> bytes:
    """Bytes of one row of an element."""
    if not within:
        return raw
    inner = msgspec.Raw(raw)
    for key in within:
        inner = msgspec.json.decode(inner, type=dict[str, msgspec.Raw])[key]
    return bytes(msgspec.json.decode(inner, type=list[msgspec.Raw])[number])


def _of_bucket(found: Any, _: Any) -> Row | str:
    if "result" not in found:
        return "'result' is missing"
    if found.get("timestamp") is None:
        return GRAND_TOTAL
    values = found["result"] or {}  # of a bucket without any row
    return {"timestamp": found["timestamp"], **values} if isinstance(values, dict) else "'result' is no object"


def _of_group(found: Any, _: Any) -> Row | str:
    values = found.get("event")
    return {"timestamp": found.get("timestamp"), **values} if isinstance(values, dict) else "'event' is no object"


def _of_top(found: Any, result: Any) -> Row | str:
    return {"timestamp": found.get("timestamp"), **result} if isinstance(result, dict) else "no object where one is due"


def _of_scan(found: Any, event: Any) -> Row | str:
    if isinstance(event, dict):
        return event
    if not isinstance(event, list):
        return "neither an object nor a list where a row is due"
    columns = found.get("columns")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        return "'columns', which name the fields of the row, are missing"
    return dict(zip(columns, event, strict=True)) if len(event) == len(columns) else _other_length(event, columns)


def _of_select(found: Any, event: Any) -> Row | str:
    values = event.get("event") if isinstance(event, dict) else None
    return {"timestamp": found.get("timestamp"), **values} if isinstance(values, dict) else "'event' is no object"


def _of_object(_: Any, row: Any) -> Row | str:
    return row  # type: ignore[no-any-return]


FORMS: Mapping[str, tuple[tuple[str, ...], Callable[[Any, Any], Row | str]]] = {
    "Druid timeseries": ((), _of_bucket),
    "Druid topN": (("result",), _of_top),
    "Druid groupBy": ((), _of_group),
    "Druid scan, list": (("events",), _of_scan),
    "Druid scan, compactedList": (("events",), _of_scan),
    "Druid select": (("result", "events"), _of_select),
    "Druid SQL, object": ((), _of_object),
    "Druid SQL, objectLines": ((), _of_object),
}


def _of_arrays(elements: Iterable[tuple[int, bytes]], columns: Sequence[str]) -> Iterator[tuple[int, Row] | Aside]:
    names: list[Any] = list(columns)
    headers = 0  # rows of the header so far: names, and up to two of types
    for at, (line, raw) in enumerate(_filled(elements)):
        found = _decoded(raw)
        if isinstance(found, list) and at == headers:
            if at == 0 and _names_columns(found, columns):
                names, headers = names or found, 1
                continue
            if 0 < at < 3 and names_types(found):  # noqa: PLR2004 - types, then types of SQL
                headers += 1
                continue
        if not names:
            rule = "names the columns, in their order, of a result without a header, such as columns=['status_code', 'requests']"
            raise errors.not_allowed("columns", list(columns), rule)
        if not isinstance(found, list):
            yield Aside(line, found if isinstance(found, str) else "no list where one is due", raw)
        elif len(found) != len(names):
            yield Aside(line, _other_length(found, names), raw)
        else:
            yield line, dict(zip(names, found, strict=True))


def _names_columns(cells: Sequence[Any], columns: Sequence[str]) -> bool:
    """Whether a row names columns: those that were given, or one of banner_activity among different names."""
    if not cells or not all(isinstance(cell, str) for cell in cells) or len(set(cells)) < len(cells):
        return False
    known = {key for keys in _spellings().values() for key in keys}
    return list(cells) == list(columns) or any(_key(cell) in known for cell in cells)


def _other_length(row: Sequence[Any], names: Sequence[Any]) -> str:
    return f"{len(row)} field{'s' if len(row) != 1 else ''} where the header has {len(names)}"


class _Fraction(str):
    """Number with a point, as it was written."""

    __slots__ = ()


def _is_number(value: Any) -> bool:
    """Whether a code was written as a number; where a final 0 stands it is sure, for no program writes one."""
    return isinstance(value, _Fraction) and not (len(value) > 3 and value.endswith("0"))  # noqa: PLR2004 - as in 6.0


def _framed(lines: list[int], held: list[Row]) -> pl.DataFrame:
    names = dict.fromkeys(chain.from_iterable(held))
    codes = [name for name in names if _key(name).endswith("statuscode")]
    was_number = [any(_is_number(row.get(name)) for name in codes) for row in held]
    columns = {
        # the number of a row's line has the name `line` here
        "line in the file" if name == "line" else name: pl.Series(
            [value if (value := row.get(name)) is None or value.__class__ is str else _text(value) for row in held],
            dtype=pl.String,
        )
        for name in names
    }
    told = {WAS_NUMBER: pl.Series(was_number, dtype=pl.Boolean)} if any(was_number) else {}
    return pl.DataFrame({"line": pl.Series(lines, dtype=pl.Int64), **columns, **told})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | str) else msgspec.json.encode(value).decode()


@cache
def _spellings() -> Mapping[str, Sequence[str]]:
    """Keys by which each column of banner_activity goes, the surest first; those of the events' data source too."""
    columns = reference.schema("banner_activity")["properties"]
    plain = {name: (name.replace("_", ""), "event" + name.replace("_", "")) for name in columns}
    return plain | {
        "dt": TIMES,
        "sample_rate": ("samplerate", "eventimpressioneventsamplerate"),
        "request_count": COUNTS,
        "normalized_request_count": NORMALIZED,
    }


def _unquoted(name: str) -> str:
    return name.strip("\ufeff \t\r\n\"'`")


def _key(name: str) -> str:
    """Name of a column without what differs between spellings: case, quotes, signs, table, unit in brackets.

    Examples
    --------
    >>> [_key(name) for name in ("__time", "t.Status_code", "Time (Hour)", "SUM(request_count)", "COUNT(*)")]
    ['time', 'statuscode', 'time', 'sumrequestcount', 'count']
    """
    plain = _unquoted(name).lower()
    if sums := re.fullmatch(r"(sum|count)\s*\((.*)\)", plain):
        plain = sums[1] + sums[2].rpartition(".")[2]
    else:
        plain = re.sub(r"(?<=.)\([^()]*\)$", "", plain).rpartition(".")[2]
    return re.sub(r"[\W_]", "", plain)


def _column(names: Sequence[str], keys: Sequence[str]) -> str | None:
    """Column that is spelt in one of these ways, the first way first."""
    of_key = {_key(name): name for name in reversed(names)}
    return next((of_key[key] for key in keys if key in of_key), None)


def _text_of(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as text without blanks around it, null where a cell is empty or a word for it."""
    column = pl.col(name)
    is_code = _key(name).endswith("statuscode")
    if is_code and dtype.is_numeric():
        return decode.restored(column, lossy=True)
    if is_code and dtype.is_temporal():  # a spreadsheet took the code for a date
        return column.cast(pl.Date).cast(pl.String).alias(name)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    text = column.cast(pl.String).str.strip_chars()
    if is_code:  # some exports leave quotes around it
        text = text.str.replace(r'^"\s*(.*?)\s*"$', "$1")
    return pl.when(~text.is_in(NULLS)).then(text).alias(name)


def _counted(
    texts: pl.DataFrame, found: Mapping[str, str], names: Sequence[str], requests: str | None
) -> tuple[str | None, list[str]]:
    """Column that counts requests, and what to know of it; without any row there may be none."""
    if requests is not None:
        named = requests if requests in names else _column(names, [_key(requests)])
        if named is None:
            raise errors.not_found("column", requests, "the export", names)
        return named, _count_notes(texts, named)
    if by_name := found.get("request_count") or found.get("normalized_request_count"):
        plain = _key(by_name) in PLAIN_COUNTS
        doubt = (
            f"{by_name!r} is read as the number of requests; a COUNT(*) of Druid counts its rows, which hold several."
        )
        return by_name, [*([doubt] if plain else []), *_count_notes(texts, by_name)]
    if texts.is_empty():
        return None, []
    others = [name for name in names if name not in found.values() and _holds_numbers(texts[name])]
    if len(others) == 1:
        return others[0], [f"{others[0]!r}, the one other column of numbers, is read as the number of requests."]
    raise errors.missing_columns("load.impressions", ["request_count"], names)


def _count_notes(texts: pl.DataFrame, counted: str) -> list[str]:
    if _key(counted) not in NORMALIZED:
        return []
    fractions = texts[counted].str.contains(r"\.\d*[1-9]").any()
    stream = ["It has fractions, as the stream of banner activity gives them: they are rounded."] if fractions else []
    return [UNDERCOUNT, *stream]


def _holds_numbers(cells: pl.Series) -> bool:
    filled = cells.drop_nulls()
    return not filled.is_empty() and filled.cast(pl.Float64, strict=False).is_not_null().all()


def _whole(name: str, *, rounded: bool) -> pl.Expr:
    """Whole numbers without `.0` or an exponent; other text as it is."""
    text = pl.col(name)
    number = text.cast(pl.Float64, strict=False)
    to_write = ~text.str.contains(r"^[+-]?\d+$") & (number.abs() < 2**53)
    if not rounded:
        to_write &= number == number.round()
    return pl.when(to_write).then(number.round().cast(pl.Int64, strict=False).cast(pl.String)).otherwise(text)


def _notes(texts: pl.DataFrame, found: Mapping[str, str], shape: str) -> Iterator[str]:
    if "dt" in found:
        offsets = texts[found["dt"]].str.extract(r":\d\d(?:\.\d+)? ?([+-]\d\d:?\d\d)$").drop_nulls().unique().sort()
        away = [text for text in offsets if text.strip("+-").replace(":", "") != "0000"]
        if away:
            plural = "s" if away[1:] else ""
            yield f"Times carry the offset{plural} {', '.join(away)} of a user: they are converted to UTC."
    if shape == "Druid topN":
        yield "A topN is approximate: counts of rare values may be too low."
    if any(_key(name) in OF_SUPERVISOR for name in found.values()):
        yield STREAM_RATE
    if "status_code" not in found:
        yield "The export has no status codes: how its page views ended cannot be known."


def _utc(name: str) -> pl.Expr:
    """Times as ISO text in UTC, from the start of a range, with or without an offset, or from milliseconds; else null."""
    text = pl.col(name).str.replace(r"/.*$", "")
    part = text.str.extract_groups(TIME).struct
    local = pl.format(
        "{}T{}:{}", part.field("day"), part.field("minute").fill_null("00:00"), part.field("second").fill_null("00")
    ).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ms", strict=False)
    ahead = part.field("hours").cast(pl.Int64) * 60 + part.field("minutes").cast(pl.Int64).fill_null(0)
    ahead = pl.when(part.field("sign") == "-").then(-ahead).otherwise(ahead).fill_null(0)
    of_epoch = pl.when(text.str.contains(EPOCH)).then(text.cast(pl.Int64, strict=False)).cast(pl.Datetime("ms"))
    return pl.coalesce(local - pl.duration(minutes=ahead), of_epoch).dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
