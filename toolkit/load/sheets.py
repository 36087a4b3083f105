"""Any table with named columns, before its columns have a meaning: Parquet, frames in memory, JSON rows, separated text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec
import narwhals as nw
import polars as pl
import polars.selectors as cs

from toolkit import errors
from toolkit.load.batch import CONTENT, Aside, Batch, Options, Piece
from toolkit.load.delimited import header_of, read_delimited, texts_of
from toolkit.load.json_text import blocks
from toolkit.load.sources import Lines
from toolkit.schema import doubled_keys

__all__ = [
    "NO_TEXT",
    "cells",
    "flat_names",
    "header_of",
    "read_delimited",
    "read_frame",
    "read_json",
    "read_json_rows",
    "read_parquet",
    "read_table",
    "texts_of",
    "to_polars",
]

ROWS = 200_000  # in one batch: some hundred MB where rows are wide
MAPS = frozenset({"geocoded_data", "user_agent_map", "request_headers", "other_assigned"})  # kept whole
NO_TEXT = (
    "private no text"  # names of a row's cells that were neither a text nor a whole number, such as 2.1, true, a list
)
NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"
ARROW = "pip install pyarrow, or hand over its rows as a polars frame"
PLAIN = {bool, int, float, str, bytes, date, datetime}
OWN = {name: f"{name} in the file" for name in ("line", NO_TEXT, CONTENT)}

# a number with a point or an exponent stays as it is written
_object = msgspec.json.Decoder(dict[str, Any], float_hook=lambda token: msgspec.Raw(token.encode())).decode
_encode = msgspec.json.encode


class _Told(Protocol):
    """What tells the form of a table: its head."""

    @property
    def form(self) -> str:
        """One of frame, Parquet, JSON, text."""


def read_table(piece: Piece, head: _Told, options: Options) -> Iterator[Batch]:
    """Rows of a table in whatever form it is held."""
    if head.form == "frame":
        return read_frame(piece)
    if head.form == "Parquet":
        return read_parquet(piece)
    return read_json(piece) if head.form == "JSON" else read_delimited(piece, options.columns)


def flat_names(schema: Mapping[str, pl.DataType]) -> list[str]:
    """Names of columns once their nested fields are columns of their own.

    Examples
    --------
    >>> flat_names(pl.Schema({"wiki": pl.String(), "event": pl.Struct({"action": pl.String})}))
    ['wiki', 'event.action']
    """
    return _flat(pl.DataFrame(schema=schema)).columns


def read_json(piece: Piece) -> Iterator[Batch]:
    """Rows of a file of JSON objects that are rows of a table, as `read_json_rows` has them."""
    lines, batch = Lines(piece), None
    for numbers, rows in blocks(piece, lines):
        batch = read_json_rows((n, row.strip()) for n, row in zip(numbers, rows, strict=True) if row.strip())
        yield batch
    if batch is not None and lines.cut is not None:
        yield batch.cut_off(lines.n_lines, lines.cut)


def read_parquet(piece: Piece) -> Iterator[Batch]:
    """Rows of one Parquet file, as many as fit in memory at a time; fields of nested columns as `event.action`.

    A folder of the path such as `year=2021` is a column of texts. Maps stay whole: geocoded_data has keys enough for
    hundreds of columns. A file that is no Parquet, or breaks off, is one row set aside.

    Yields
    ------
    Batch
        Columns line (the row's number in the file, from 1) and those of the file.
    """
    shape, n_rows = "Parquet", 0
    lazy = pl.scan_parquet(piece.path, hive_partitioning=False, glob=False)
    try:
        names = lazy.collect_schema().names()
        parts = {key: value for key, value in _partitions(piece.path).items() if key not in names}
        n_due = lazy.select(pl.len()).collect().item()
        for start in range(0, max(n_due, 1), ROWS):
            frame = lazy.slice(start, ROWS).collect()
            columns = frame.with_columns(pl.lit(value, dtype=pl.String).alias(key) for key, value in parts.items())
            yield _batch(columns, start + 1, shape)
            n_rows = start + frame.height
    except (pl.exceptions.PolarsError, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        from_row = f" from row {n_rows + 1:,} on" if n_rows else ""
        reason = f"the file cannot be read as Parquet{from_row}: {why}; copy or export it again"
        yield Batch(pl.DataFrame(schema={"line": pl.Int64}), [Aside(n_rows + 1, reason, b"")], 1, shape)


def read_frame(piece: Piece) -> Iterator[Batch]:
    """Rows of the frame that a piece holds, fields of nested columns as `event.action`.

    Yields
    ------
    Batch
        Columns line (the row's number, from 1) and those of the frame.

    Examples
    --------
    >>> frame = pl.DataFrame({"event": [{"action": "impression"}], "wiki": ["cswiki"]})
    >>> [batch.frame.columns for batch in read_frame(Piece(Path("frame"), frame=frame))]
    [['line', 'event.action', 'wiki']]
    """
    assert piece.frame is not None, "a piece without a frame"
    for start in range(0, max(piece.frame.height, 1), ROWS):
        yield _batch(piece.frame.slice(start, ROWS), start + 1, "frame in memory")


def to_polars(thing: object) -> pl.DataFrame:
    """Frame of polars with the rows of a frame of another library: pandas, pyarrow, DuckDB, Spark.

    Parameters
    ----------
    thing : frame
        A polars DataFrame or LazyFrame, or any frame that narwhals knows. Rows of a lazy one are computed.

    Returns
    -------
    pl.DataFrame
        The same rows and columns. Where pyarrow is not there, objects and lists in a column of pandas are JSON text.

    Raises
    ------
    ToolkitError
        If it is no frame, or another package is needed to read it.

    Examples
    --------
    >>> to_polars(pl.LazyFrame({"wiki": ["cswiki"]})).to_dicts()
    [{'wiki': 'cswiki'}]
    """
    if isinstance(thing, pl.DataFrame):
        return thing
    if isinstance(thing, pl.LazyFrame):
        return thing.collect(engine="streaming")
    kind = f"{type(thing).__module__.partition('.')[0]}.{type(thing).__name__}"
    try:
        frame = nw.from_native(thing, eager_only=False)  # type: ignore[call-overload]
    except TypeError:
        raise errors.not_allowed("source", kind, "is a path, a pattern, a list of them, or a frame") from None
    except ValueError as error:  # such as a Spark older than narwhals reads
        raise errors.unreadable(kind, str(error)) from None
    try:
        return pl.DataFrame(thing) if hasattr(thing, "__arrow_c_stream__") else _collected(frame)
    except (ImportError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        if frame.implementation.is_pandas() and frame.columns:
            return _of_pandas(thing)
        hint = f"; {ARROW}" if isinstance(error, ImportError) else ""
        raise errors.unreadable(kind, f"{error}{hint}") from None


def read_json_rows(elements: Iterable[tuple[int, bytes]], shape: str = "JSON rows") -> Batch:
    r"""JSON objects that are rows of a table; each cell is the text of its value, a number as it is written.

    Objects in a row are taken apart to `event.action`; lists and maps are JSON text. Names that stand twice in one
    object set the row aside, as which of the values was meant cannot be known.

    Parameters
    ----------
    elements : iterable of (int, bytes)
        Line or number of a row, and its object.
    shape : str
        Name of the shape.

    Returns
    -------
    Batch
        Columns line, those of the objects, CONTENT, and NO_TEXT.

    Examples
    --------
    >>> batch = read_json_rows([(1, b'{"event": {"action": "x", "n": 2.10}, "is_bot": false}'), (2, b'{"wiki"')])
    >>> batch.frame.select("line", "event.action", "event.n", "is_bot").row(0)
    (1, 'x', '2.10', 'false')
    >>> batch.aside
    [Aside(line=2, reason='no JSON object: Input data was truncated', raw=b'{"wiki"')]
    """
    aside: list[Aside] = []
    lines: list[int] = []
    raws: list[bytes] = []
    columns: dict[str, list[str | None]] = {}
    no_text: list[str] = []
    for line, raw in elements:
        try:
            raw.decode()
            row, others, n_names = _cells(raw)
        except UnicodeDecodeError as error:
            aside.append(Aside(line, errors.no_utf8(raw, error.start), raw))
            continue
        except (msgspec.DecodeError, RecursionError) as error:
            aside.append(Aside(line, f"no JSON object: {str(error).replace('`', chr(39))}", raw))
            continue
        if _may_double(raw, n_names) and (twice := doubled_keys(raw)):
            aside.append(Aside(line, f"{errors.quoted(twice)} stands more than once", raw))
            continue
        for name in row.keys() - columns.keys():
            columns[name] = [None] * len(lines)
        for name, column in columns.items():
            column.append(row.get(name))
        lines.append(line)
        raws.append(raw)
        no_text.append(names_of(others))
    frame = pl.DataFrame(
        {"line": lines, **columns, NO_TEXT: no_text, CONTENT: pl.Series(raws, dtype=pl.Binary).hash()},
        schema={"line": pl.Int64, **dict.fromkeys(columns, pl.String), NO_TEXT: pl.String, CONTENT: pl.UInt64},
    )
    return Batch(frame, aside, frame.height + len(aside), shape)


def cells(raw: bytes) -> tuple[dict[str, str | None], list[str]]:
    """Cells of one JSON object by their names, and the names of those that are neither a text nor a whole number.

    Raises
    ------
    msgspec.DecodeError
        If it is no JSON object.

    Examples
    --------
    >>> cells(b'{"meta": {"id": "u1"}, "event": {"statusCode": 2.1, "l": ["a"]}}')
    ({'meta.id': 'u1', 'event.statusCode': '2.1', 'event.l': '["a"]'}, ['event.statusCode', 'event.l'])
    """
    row, others, _ = _cells(raw)
    return row, others


def _cells(raw: bytes) -> tuple[dict[str, str | None], list[str], int]:
    """Same, and how many names the object and those in it have."""
    row: dict[str, str | None] = {}
    others: list[str] = []
    return row, others, _put(_object(raw), "", row, others)


def names_of(names: Sequence[str]) -> str:
    r"""Names as one text in which each stands between line ends.

    Examples
    --------
    >>> names_of(["a", "b"]), names_of([])
    ('\na\nb\n', '')
    """
    return "\n".join(["", *names, ""]) if names else ""


def is_no_text(column: str) -> pl.Expr:
    """Whether a cell of this column was neither a text nor a whole number."""
    return pl.col(NO_TEXT).str.contains(f"\n{column}\n", literal=True).fill_null(value=False)


def _put(found: dict[str, Any], before: str, row: dict[str, str | None], others: list[str]) -> int:
    """Add the cells of an object; how many names it has, with those of the objects in it."""
    n_names = len(found)
    for key, value in found.items():
        name = before + key if before else OWN.get(key, key)
        kind = type(value)
        if kind is str or value is None:
            row[name] = value
        elif kind is int:
            row[name] = str(value)
        elif kind is dict and key.lower() not in MAPS:
            n_names += _put(value, name + ".", row, others)
        else:
            token = _encode(value)
            n_names += token.count(b'":')
            row[name] = token.decode()
            others.append(name)
    return n_names


def _batch(frame: pl.DataFrame, first: int, shape: str) -> Batch:
    """Rows with their numbers, nested columns taken apart, bytes as text."""
    twice = {"line"} & set(frame.columns)
    flat = _flat(frame.rename(dict.fromkeys(twice, "line in the file")))
    flat = (
        flat.with_columns(cs.by_dtype(pl.Categorical, pl.Enum).cast(pl.String))
        .with_row_index("line", first)
        .with_columns(pl.col("line").cast(pl.Int64))
    )
    aside: list[Aside] = []
    for name in (name for name, dtype in flat.schema.items() if dtype == pl.Binary):
        texts = [_decoded(value) for value in flat[name]]
        bad = [
            line
            for line, value, text in zip(flat["line"], flat[name], texts, strict=True)
            if value is not None and text is None
        ]
        aside += [Aside(line, f"{name!r} is no UTF-8", b"") for line in bad]
        flat = flat.with_columns(pl.Series(name, texts, dtype=pl.String)).filter(~pl.col("line").is_in(bad))
    return Batch(flat, aside, flat.height + len(aside), shape)


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    while nested := [name for name, dtype in frame.schema.items() if _is_nested(name, dtype)]:
        frame = frame.with_columns(pl.col(name).name.prefix_fields(f"{name}.") for name in nested).unnest(nested)
    return frame


def _is_nested(name: str, dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Struct) and name.lower().rpartition(".")[2] not in MAPS


def _partitions(path: Path) -> dict[str, str | None]:
    """Columns that folders name, such as `year=2021`.

    Examples
    --------
    >>> _partitions(Path("data/datacenter=eqiad/year=2021/month=1/part-0.parquet"))
    {'datacenter': 'eqiad', 'year': '2021', 'month': '1'}
    """
    named = (folder.partition("=") for folder in path.parts[:-1] if "=" in folder[1:])
    return {key: None if value == NO_PARTITION else unquote(value) for key, _, value in named}


def _collected(frame: Any) -> pl.DataFrame:
    native = frame.collect("polars").to_native() if isinstance(frame, nw.LazyFrame) else frame.to_polars()
    assert isinstance(native, pl.DataFrame)
    return native


def _of_pandas(thing: Any) -> pl.DataFrame:
    """Columns of pandas one by one, through Python's own values, where pyarrow is not there or takes no mixed column."""
    values = {str(name): _values(thing[name]) for name in thing.columns}
    mixed = {name for name, column in values.items() if len({type(value) for value in column} - {type(None)}) > 1}
    frame = pl.DataFrame([_series(name, column) for name, column in values.items()])
    rows = zip(*(values[name] for name in mixed), strict=True)
    other = [
        names_of([name for name, value in zip(mixed, row, strict=True) if isinstance(value, float | bool | list)])
        for row in rows
    ]
    return frame.with_columns(pl.Series(NO_TEXT, other, dtype=pl.String)) if any(other) else frame


def _values(column: Any) -> list[Any]:
    pairs: Iterable[tuple[Any, bool]] = zip(column.tolist(), column.isna().tolist(), strict=True)
    values: list[Any] = [None if gone else value for value, gone in pairs]
    return [value.to_pydatetime() if hasattr(value, "to_pydatetime") else value for value in values]


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) == 1 and kinds <= PLAIN:
        return pl.Series(name, values)
    # polars would take the fields of the first objects for those of all
    texts = [value if value is None or isinstance(value, str) else _json(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def _json(value: object) -> str:
    plain: Callable[[Any], Any] = lambda other: other.item() if hasattr(other, "item") else str(other)  # noqa: E731
    return msgspec.json.encode(value, enc_hook=plain).decode()


def _may_double(raw: bytes, n_names: int) -> bool:
    """Whether the bytes of an object may have more names than were read: each ends in `":`, and some texts do."""
    return raw.count(b'":') != n_names or any(blank in raw for blank in (b" :", b"\t:", b"\r:", b"\n:"))
