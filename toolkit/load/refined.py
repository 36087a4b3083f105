"""Event tables that are no event lines: exports of Hive, Presto, Spark and MySQL, Parquet and frames, to event columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache, lru_cache, partial
from pathlib import Path

import msgspec
import polars as pl

from toolkit import errors, reference
from toolkit.load import presto
from toolkit.load.batch import CONTENT, ID, Aside, Batch, Options
from toolkit.load.delimited import SHAPES
from toolkit.load.identity import MASK
from toolkit.load.sheets import NO_TEXT, cells, is_no_text, names_of
from toolkit.load.typed import NUMBER, WORDS, typed
from toolkit.schema import LONG, PRIVATE, Schema, bitmask, rules, to_draft_7

LOSSY = "lossy code"
CODE = "statusCode"
EMPTY_IS_SENT = frozenset({"action_data"})  # '' where a module has nothing to say
STRUCTS = frozenset({"event", "meta", "useragent", "http", "geocoded_data", "normalized_host", "user_agent_map"})
OPENED = ("event", "meta", "useragent", "http")  # their fields are also written with underscores
MARKS = {
    "HomepageModule": ({"action"}, {"module"}),
    "HomepageVisit": ({"referer_route", "impact_module_state", "start_email_state"},),
    "CentralNoticeImpression": (
        {"statuscode"},
        {"campaign"},
        {"campaignstatuses", "randomcampaign", "country", "project", "banner", "device", "impressioneventsamplerate"},
    ),
    "CentralNoticeBannerHistory": ({"l"},),
}
BARE_MARKS = {  # names too common to tell an event table without a word before them
    "CentralNoticeImpression": ({"impressioneventsamplerate", "randombanner", "campaigncategoryuseslegacy"},),
    "CentralNoticeBannerHistory": ({"i"}, {"n"}),
}
ENVELOPE = {
    ID: ("string", ("meta.id", "uuid")),
    "dt": ("time", ("meta.dt", "dt", "timestamp")),
    "client_dt": ("time", ("client_dt",)),
    "wiki": ("string", ("wiki",)),
    "recv_from": ("string", ("recvfrom",)),
    "seq_id": ("integer", ("seqid",)),
}
META = ("id", "dt", "domain")
# of the pipeline, and not read
KNOWN = frozenset(
    {
        *("id", "webhost", "topic", "schema", "$schema", "revision", "meta", "event", "useragent", "user_agent_map"),
        *("year", "month", "day", "hour", "datacenter", "is_wmf_domain", "normalized_host", "geocoded_data"),
        *("line", "column"),  # a column that was called line, and one without a name
    }
)
PRIVATE_HEADS = frozenset({"ip", "client_ip", "http", "geocoded_data", "user_agent", "useragent", "user_agent_map"})
OF_COUNTRY = frozenset({"geocoded_data.country", "geocoded_data.country_code", "geocoded_data.continent"})
IS_BOT = r"""(?i)is_bot\\*["']?\s*[:=]\s*\\*["']?true"""
REPEATED = 10_000  # cells with an event whose fields are remembered: some exports repeat few
_RowReader = Callable[[str, str | None], dict[str, str | None]]
NO_EVENT = "'event' is missing"


@cache
def kinds(name: str) -> dict[str, str]:
    """Type of each field that an edition of an event has.

    Examples
    --------
    >>> kinds("HomepageVisit")["referer_namespace"]
    'integer'
    """
    return {field: sub["type"] for edition in _editions(name).values() for field, sub in edition["properties"].items()}


@cache
def _editions(name: str) -> dict[str, Schema]:
    return {edition: reference.schema(name.lower(), edition) for edition in reference.editions(name.lower())}


@cache
def _required(name: str) -> frozenset[str]:
    """Fields that every edition requires."""
    listed = [to_draft_7(edition).get("required", []) for edition in _editions(name).values()]
    return frozenset.intersection(*map(frozenset, listed))


@cache
def _orders(name: str) -> list[presto.Order]:
    """Each order that an edition was published in, or is inferred to have."""
    orders: list[presto.Order] = []
    for edition, schema in _editions(name).items():
        properties, needed = schema["properties"], to_draft_7(schema).get("required", [])
        others = [_editions(name)[other]["properties"] for other in schema.get("x-other-orders", [])]
        for names in (properties, *others):
            in_order = {field: properties[field] for field in names}
            orders.append(presto.Order(edition, in_order, frozenset(needed), "x-inferred" not in schema))
    return orders


@cache
def _row_reader(name: str) -> _RowReader:
    return presto.reader(_orders(name))


@cache
def _lower(name: str) -> dict[str, str]:
    return {field.lower(): field for field in kinds(name)}


@dataclass(frozen=True)
class _Places:
    """Where the parts of an event stand among the columns of a table."""

    fields: dict[str, str]  # column of a field
    around: dict[str, str]  # column by the name that it has in a line, in lower case
    unread: list[str]  # columns that no edition has


def is_refined(columns: Sequence[str], name: str) -> bool:
    """Whether columns are those of a table of the events `name`.

    Examples
    --------
    >>> is_refined(["uuid", "timestamp", "wiki", "event_action", "event_module"], "HomepageModule")
    True
    >>> is_refined(["t.dt", "t.event"], "HomepageVisit"), is_refined(["status_code", "campaign"], "CentralNoticeImpression")
    (True, False)
    """
    found = {_normal(column, name) for column in columns}
    if "event" in found:
        return True
    inner = {column.removeprefix("event.") for column in found if column.startswith("event.")}
    marks = MARKS[name] if inner else (*MARKS[name], *BARE_MARKS.get(name, ()))
    return all(mark & (inner or found) for mark in marks)


def events(
    batch: Batch, name: str, options: Options, path: Path | None = None, *, needs: frozenset[str] | None = None
) -> Batch:
    """Event columns of some rows of a table, whatever its columns are called and whatever type they have.

    Parameters
    ----------
    batch : Batch
        Rows in columns, as `toolkit.load.sheets` reads them.
    name : str
        HomepageModule, HomepageVisit, CentralNoticeImpression or CentralNoticeBannerHistory.
    options : Options
        Which private columns to carry on.
    path : Path, optional
        The file; the edition is read of a name such as `HomepageModule_19000731.tsv` where no column has it.
    needs : set of str, optional
        Fields without which a row is set aside; those that every edition requires if not given.

    Returns
    -------
    Batch
        Columns line, ID, dt and client_dt (ISO text), wiki, edition, recv_from, seq_id, bot, canary, off schema, the fields
        of the event with `event.` before their names, CONTENT; where there is a status code, `lossy code`: whether it went
        through a number. A row is set aside where a cell cannot be of its type or a required field is missing. A
        column that the table does not have at all is null, and noted.

    Examples
    --------
    >>> frame = pl.DataFrame({"line": [2], "event_action": ["impression"], "event_user_id": ["7.0"], "event_module": ["help"]})
    >>> done = events(Batch(frame, rows_in=1, shape="CSV"), "HomepageModule", Options())
    >>> done.frame.select("event.action", "event.user_id", "event.state").row(0)
    ('impression', 7, None)
    """
    opened, closed = _opened(batch.frame.with_columns(content(batch.frame)), name)
    places = _places(opened.columns, name)
    reasons: dict[int, list[str]] = {}
    columns = [opened["line"], *_envelope(opened, places, name, path, reasons)]
    required = _required(name) if needs is None else needs
    # where each row was an object of its own, what it does not name is missing; else the table has no such column
    per_row = CONTENT in batch.frame.columns or (NO_TEXT in opened.columns and NO_TEXT not in batch.frame.columns)
    absent = [] if per_row else [f"event.{field}" for field in kinds(name) if field in required - places.fields.keys()]
    named = required if per_row else required & places.fields.keys()
    columns += _fields(opened, places, kinds(name), named, batch.shape, reasons)
    _needed_by_edition(columns, name, named, places, reasons)
    _objects(opened, places, name, reasons)
    _other_schemas(opened, places, name, reasons)
    frame = pl.DataFrame([*columns, opened[CONTENT], *_kept(opened, options)])
    frame = frame.with_columns(_off_schema(name, places).alias("off schema"))
    raws = _raws(opened[sorted(reasons)], places, options)
    bad = [
        Aside(opened["line"][at], "; ".join(reasons[at]), raw) for at, raw in zip(sorted(reasons), raws, strict=True)
    ]
    notes = [f"The table has no column {errors.quoted(absent)}: null in all its rows."] if absent else []
    done = batch.with_frame(frame.filter(~pl.col("line").is_in([aside.line for aside in bad])), *closed, *bad)
    unread = Counter({column: n for column in places.unread if (n := opened[column].is_not_null().sum())})
    return replace(
        done,
        shape=f"{name}, {batch.shape}",
        unread=batch.unread + unread,
        left_out=batch.left_out + _left_out(opened, options),
        notes=[*batch.notes, *notes],
    )


def _normal(column: str, name: str) -> str:
    """Name of a column as it would be in an event line, in lower case, without the table before it."""
    plain = column.strip(' `"').lower().replace("__", ".")
    before, _, rest = plain.partition(".")
    while rest and before not in STRUCTS:
        before, _, rest = (plain := rest).partition(".")
    plain = re.sub(rf"^event\.{name.lower()}(_\d+)?\.", "", plain)
    if plain == "_schema":
        return "$schema"
    opened = next((struct for struct in OPENED if plain.startswith(struct + "_")), None)
    return f"{opened}.{plain[len(opened) + 1 :]}" if opened else plain


def _places(columns: Iterable[str], name: str) -> _Places:
    normal = {
        column: _normal(column, name) for column in columns if column != "line" and not column.startswith("private ")
    }
    inside = {column: plain.removeprefix("event.") for column, plain in normal.items() if plain.startswith("event.")}
    around: dict[str, str] = {}
    for column, plain in normal.items():
        if column not in inside:
            around.setdefault(plain, column)
    lower = _lower(name)
    if not inside and "event" not in around:  # `event.*` gives the fields their own names
        inside = {column: plain for column, plain in normal.items() if plain in lower and plain not in ENVELOPE}
    fields: dict[str, str] = {}
    for column, plain in inside.items():
        if plain in lower:
            fields.setdefault(lower[plain], column)
    used = {*fields.values(), *(column for plain, column in around.items() if _is_known(plain))}
    return _Places(fields, around, [column for column in normal if column not in used])


def _is_known(plain: str) -> bool:
    read = {part for _, parts in ENVELOPE.values() for part in parts}
    head = plain.partition(".")[0].partition(" ")[0]
    return plain in read or head in KNOWN or head in PRIVATE_HEADS


def _opened(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[Aside]]:
    """Frame with a column for each field, where it has the event as one text: JSON, or a row of Presto."""
    frame = _with_meta(frame, name)
    whole = [column for column in frame.columns if _normal(column, name) == "event"]
    if not whole or frame[whole[0]].dtype != pl.String:
        return frame, []
    lower, editions = _lower(name), _edition(frame, _places(frame.columns, name), name, None, {})
    read = lru_cache(REPEATED)(partial(_fields_of, _row_reader(name)))
    rows: list[dict[str, str | None]] = []
    no_text: list[str] = []
    aside: list[Aside] = []
    for line, text, edition in zip(frame["line"], frame[whole[0]], editions, strict=True):
        inner: dict[str, str | None] = {}
        others: list[str] = []
        try:
            inner, others = read(text, edition)
        except ValueError as error:
            aside.append(Aside(line, str(error), (text or "").encode()))
        rows.append({lower.get(key.lower(), key): cell for key, cell in inner.items()})
        no_text.append(names_of([f"event.{lower.get(key.lower(), key)}" for key in others]))
    names = dict.fromkeys((*kinds(name), *(key for row in rows for key in row)))
    columns = [pl.Series(f"event.{key}", [row.get(key) for row in rows], dtype=pl.String) for key in names]
    before = pl.col(NO_TEXT).fill_null("") if NO_TEXT in frame.columns else pl.lit("")
    both = before + pl.Series(NO_TEXT, no_text, dtype=pl.String)
    done = frame.drop(whole).with_columns(*columns, both.alias(NO_TEXT))
    return done.filter(~pl.col("line").is_in([entry.line for entry in aside])), aside


def _with_meta(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Frame with what is read of `meta`, where it stands as JSON text."""
    whole = [column for column in frame.columns if _normal(column, name) == "meta" and frame[column].dtype == pl.String]
    fields = (pl.col(column).str.json_path_match(f"$.{key}").alias(f"meta.{key}") for column in whole for key in META)
    return frame.with_columns(fields)


def _fields_of(read_row: _RowReader, text: str | None, edition: str | None) -> tuple[dict[str, str | None], list[str]]:
    """Fields of one event that stands in one cell."""
    if text is None or not text.strip():
        raise ValueError(NO_EVENT)
    plain = text.strip()
    if plain.startswith('{"') or plain in {"{}", "[]"}:
        if plain.startswith('{""'):  # quotes that a table without quoting kept doubled
            plain = plain.replace('""', '"')
        try:
            return cells(plain.encode()) if plain != "[]" else ({}, [])
        except (msgspec.DecodeError, RecursionError) as error:
            why = str(error).replace("`", "'")
            raise ValueError(f"'event' is no JSON object: {why}") from None
    return read_row(plain, edition), []


def _envelope(
    frame: pl.DataFrame, places: _Places, name: str, path: Path | None, reasons: dict[int, list[str]]
) -> list[pl.Series]:
    """Columns of what stands around the event."""
    done: list[pl.Series] = []
    for target, (kind, names) in ENVELOPE.items():
        values = _null(frame.height, kind)
        for column in (places.around[plain] for plain in names if plain in places.around):
            if values.null_count() or kind == "time":  # a second column is asked where the first has nothing
                more, _ = _typed(frame[column], kind, column, reasons)  # but each of its times must be one
                values = values.zip_with(values.is_not_null(), more)
        done.append(values.rename(target))
        if target == "wiki":
            done.append(_edition(frame, places, name, path, reasons))
    texts = [
        frame[column].cast(pl.String, strict=False) for plain, column in places.around.items() if plain == "meta.domain"
    ]
    canary = (
        (texts[0] == "canary").fill_null(value=False) if texts else pl.Series([False]).new_from_index(0, frame.height)
    )
    return [*done, _bot(frame, places), canary.rename("canary")]


DTYPES = {
    "string": pl.String(),
    "time": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "array": pl.List(pl.String),
}


def _null(height: int, kind: str) -> pl.Series:
    return pl.Series([None], dtype=DTYPES[kind]).new_from_index(0, height)


def _edition(
    frame: pl.DataFrame, places: _Places, name: str, path: Path | None, reasons: dict[int, list[str]]
) -> pl.Series:
    said = "" if path is None else path.name
    named = re.search(rf"(?i){name}_(\d{{8}})(?!\d)", " ".join([said, *frame.columns]))
    default = named[1] if named and not _is_day(named[1]) else None
    parts = [pl.lit(default, dtype=pl.String)]
    if "revision" in places.around:
        number, _ = _typed(frame[places.around["revision"]], "integer", "revision", reasons)
        parts.insert(0, pl.lit(number.cast(pl.String)))
    if "$schema" in places.around:
        uri = frame[places.around["$schema"]].cast(pl.String, strict=False)
        parts.insert(0, pl.lit(uri.str.extract(r"/([^/]+)$")))
    found = pl.select(pl.coalesce(parts).alias("edition")).to_series()
    return found if len(found) == frame.height else found.new_from_index(0, frame.height)


def _is_day(digits: str) -> bool:
    """Whether eight digits after a name are a day of an export rather than a revision."""
    try:
        return 2012 <= date.fromisoformat(digits).year <= 2030  # noqa: PLR2004 - the years of these events
    except ValueError:
        return False


def _bot(frame: pl.DataFrame, places: _Places) -> pl.Series:
    bot = pl.Series([False]).new_from_index(0, frame.height)
    for plain, column in places.around.items():
        if plain == "useragent.is_bot":
            bot |= typed(frame[column], "boolean")[0].fill_null(value=False)
        elif plain in {"useragent", "user_agent_map"}:
            bot |= _texts(frame[column]).str.contains(IS_BOT).fill_null(value=False)
    return bot.rename("bot")


def _texts(column: pl.Series) -> pl.Series:
    """Column as text in which keys and values stand side by side, whatever it holds."""
    if column.dtype == pl.String:
        return column
    texts = [None if value is None else msgspec.json.encode(value).decode() for value in column.to_list()]
    return pl.Series(
        column.name, [text and text.replace('"key":', "").replace(',"value"', "") for text in texts], dtype=pl.String
    )


def _fields(
    frame: pl.DataFrame,
    places: _Places,
    types: Mapping[str, str],
    required: frozenset[str],
    shape: str,
    reasons: dict[int, list[str]],
) -> list[pl.Series]:
    """Columns of the event itself."""
    done: list[pl.Series] = []
    for field, kind in types.items():
        target, column = f"event.{field}", places.fields.get(field)
        found = _null(frame.height, kind) if column is None else frame[column]
        if field == CODE:
            done.append(_lossy(frame, column))
            found = _code(found)
        elif kind == "string" and shape in SHAPES.values() and field not in EMPTY_IS_SENT:
            found = found.replace("", None)
        values, is_odd = _typed(found, kind, target, reasons)
        if kind == "string" and column is not None and NO_TEXT in frame.columns:
            is_odd |= _no_text(frame, column, values, target, reasons)
        done.append(values)
        if field in required:
            for at in (values.is_null() & ~is_odd).arg_true():
                reasons.setdefault(at, []).append(f"{target!r} is missing")
    return done


def _needed_by_edition(
    columns: Sequence[pl.Series], name: str, looked_at: Collection[str], places: _Places, reasons: dict[int, list[str]]
) -> None:
    """Fields that are missing by the published text of the edition that a row names, as in an event line."""
    by_name = {column.name: column for column in columns}
    edition = by_name["edition"]
    for one in edition.unique().drop_nulls():
        schema = _editions(name).get(one, {"x-inferred": True})
        needed = [] if "x-inferred" in schema else to_draft_7(schema).get("required", [])
        for field in needed:
            if field in places.fields and field not in looked_at:
                for at in (by_name[f"event.{field}"].is_null() & (edition == one)).arg_true():
                    if not any(f"'event.{field}'" in why for why in reasons.get(at, [])):
                        reasons.setdefault(at, []).append(f"'event.{field}' is missing")


def _off_schema(name: str, places: _Places) -> pl.Expr:
    """Rows that break the edition that they name in a way that loses nothing; values beside an enum have own marks."""
    there = [f"event.{field}" for field in places.fields]
    off = [pl.lit(value=False)]
    for edition, schema in _editions(name).items():
        held = [rule for rule in rules({"properties": {"event": schema}}, there) if rule.rule != "enum"]
        others = [
            pl.col(column).is_not_null() for column in there if column[len("event.") :] not in schema["properties"]
        ]
        broken = pl.any_horizontal(bitmask(held) != 0, *others)
        off.append((pl.col("edition") == edition).fill_null(value=False) & broken)
    return pl.any_horizontal(off)


def _typed(column: pl.Series, kind: str, target: str, reasons: dict[int, list[str]]) -> tuple[pl.Series, pl.Series]:
    """Column in its type, and which cells cannot be cast: each is a reason of its row."""
    values, is_odd = typed(column, kind)
    for at in is_odd.arg_true():
        reasons.setdefault(at, []).append(f"{target!r} is {_quoted(target, column[at])} where {WORDS[kind]} is due")
    return values.rename(target), is_odd


def _no_text(
    frame: pl.DataFrame, column: str, values: pl.Series, target: str, reasons: dict[int, list[str]]
) -> pl.Series:
    """Cells that JSON has as another value than the text due; a code may be a number, which `lossy code` tells."""
    other = frame.select(is_no_text(column)).to_series() & values.is_not_null()
    if target == f"event.{CODE}":
        other &= ~values.str.contains(NUMBER).fill_null(value=False)
    for at in other.arg_true():
        shown = "a value (not shown)" if target.rpartition(".")[2] in PRIVATE else values[at][:LONG]
        reasons.setdefault(at, []).append(f"{target!r} is {shown} where {WORDS['string']} is due")
    return other


def _quoted(target: str, value: object) -> str:
    if target.rsplit(".", 1)[-1] in PRIVATE or target == "event.l":
        return f"a {type(value).__name__} (not shown)"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= LONG else text[: LONG - 3] + "..."


def _code(column: pl.Series) -> pl.Series:
    """Status codes as text; of a number no more than it still says."""
    if column.dtype.is_temporal():  # a spreadsheet took the code for a date
        return column.cast(pl.Date).cast(pl.String)
    return column.fill_nan(None).cast(pl.String) if column.dtype.is_float() or column.dtype.is_decimal() else column


def _lossy(frame: pl.DataFrame, column: str | None) -> pl.Series:
    """Whether a code went through a number, so that 2.10 is no longer told from 2.1."""
    if column is None:
        return pl.Series(LOSSY, [False]).new_from_index(0, frame.height)
    if frame[column].dtype.is_float() or frame[column].dtype.is_decimal():
        return frame[column].is_not_null().rename(LOSSY)
    if NO_TEXT not in frame.columns:
        return pl.Series(LOSSY, [False]).new_from_index(0, frame.height)
    # no program writes a number as 2.10: where a final 0 stands, it was in the code
    keeps = pl.col(column).cast(pl.String).str.contains(r"\.\d+0$")
    return frame.select((is_no_text(column) & ~keeps.fill_null(value=False)).alias(LOSSY)).to_series()


def _objects(frame: pl.DataFrame, places: _Places, name: str, reasons: dict[int, list[str]]) -> None:
    """Rows that have an object where a field has a plain value."""
    lower = _lower(name)
    for column in places.unread:
        head = _normal(column, name).removeprefix("event.").partition(".")
        if head[1] and head[0] in lower:
            for at in frame[column].is_not_null().arg_true():
                field = f"event.{lower[head[0]]}"
                reasons.setdefault(at, []).append(
                    f"{field!r} is an object where {WORDS[kinds(name)[lower[head[0]]]]} is due"
                )


def _other_schemas(frame: pl.DataFrame, places: _Places, name: str, reasons: dict[int, list[str]]) -> None:
    """Rows that say they are events of another schema: no more is said of them."""
    for plain in ("schema", "$schema"):
        if plain not in places.around:
            continue
        texts = frame[places.around[plain]].cast(pl.String, strict=False)
        found = texts if plain == "schema" else texts.str.extract(r"/([^/]+)/[^/]+$")
        for at in (found.str.to_lowercase() != name.lower()).fill_null(value=False).arg_true():
            reasons[at] = [f"an event of another schema, {found[at]!r}"]


def content(frame: pl.DataFrame) -> pl.Series:
    """Hash of each row as it stands, without what a second delivery may have of its own: number, partition, table's key."""
    if CONTENT in frame.columns:
        return frame[CONTENT]
    own = {"line", "id", "year", "month", "day", "hour", "datacenter"}
    names = sorted(name for name in frame.columns if name.lower() not in own and not name.startswith("private "))
    hashed = frame.select(names).hash_rows(seed=0) if names else pl.Series([0] * frame.height, dtype=pl.UInt64)
    return hashed.rename(CONTENT)


def _private_columns(frame: pl.DataFrame) -> dict[str, list[str]]:
    """Private columns of a table under the name that they have in an event line."""
    found: dict[str, list[str]] = {}
    for column in frame.columns:
        plain = _normal(column, "")
        head = plain.partition(".")[0]
        if head in PRIVATE_HEADS and plain not in OF_COUNTRY:
            found.setdefault("userAgent" if "userAgent" in column else head, []).append(column)
    return found


def _kept(frame: pl.DataFrame, options: Options) -> list[pl.Series]:
    """Private columns that were asked for, as text; several of one struct as JSON text."""
    heads = {head.lower(): columns for head, columns in _private_columns(frame).items()}
    whole = {_normal(column, ""): [column] for columns in heads.values() for column in columns}
    leaves = {**{plain.rpartition(".")[2]: columns for plain, columns in whole.items()}, **whole}
    asked = [(name, heads.get(name.lower()) or leaves.get(name.lower(), [])) for name in options.keep]
    return [_as_text(frame.select(columns)).rename(name) for name, columns in asked if columns]


def _as_text(columns: pl.DataFrame) -> pl.Series:
    if columns.width == 1 and not columns.dtypes[0].is_nested():
        return columns.to_series().cast(pl.String, strict=False)
    rows = columns.rename(lambda name: name.partition(".")[2] or name).to_dicts()
    texts = [msgspec.json.encode(row if columns.width > 1 else next(iter(row.values()))).decode() for row in rows]
    return pl.Series(texts, dtype=pl.String)


def _left_out(frame: pl.DataFrame, options: Options) -> Counter[str]:
    """How many rows have private columns that nobody asked for."""
    kept = {name.lower() for name in options.keep}
    heads = {head: columns for head, columns in _private_columns(frame).items() if head.lower() not in kept}
    there = {head: pl.any_horizontal(pl.col(columns).is_not_null()).sum() for head, columns in heads.items()}
    return (
        Counter({head: n for head, n in frame.select(**there).row(0, named=True).items() if n}) if heads else Counter()
    )


def _raws(frame: pl.DataFrame, places: _Places, options: Options) -> list[bytes]:
    """Cells of rows that are set aside, parted by tabs, without what is private."""
    private = {column for columns in _private_columns(frame).values() for column in columns}
    hidden = {places.fields[field] for field in (PRIVATE & places.fields.keys()) - {*options.keep}}
    names = [
        name for name in frame.columns if name != "line" and not name.startswith("private ") and name not in private
    ]
    rows = frame.select(pl.lit(MASK).alias(name) if name in hidden else pl.col(name) for name in names).rows()
    return ["\t".join(map(_shown, row)).encode() for row in rows]


def _shown(cell: object) -> str:
    if cell is None or isinstance(cell, str):
        return cell or ""
    return msgspec.json.encode(cell, enc_hook=str).decode()
