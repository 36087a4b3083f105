"""Cells of a column to the type that a schema gives them: exactly, or not at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec
import polars as pl

WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list of texts",
    "time": "a time",
}
TRUTH = {"true": True, "t": True, "1": True, "1.0": True, "false": False, "f": False, "0": False, "0.0": False}
EXACT = 2**53  # floats tell whole numbers apart up to here
WHOLE = r"^-?\d+(?:\.0+)?$"  # a whole number in a column with nulls has often been a float
NUMBER = r"^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$"
ISO_UTC = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$"
ISO = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(Z|UTC|[+-]\d\d(?::?\d\d)?)?$"
IN_PYTHON = re.compile(r"""\[(?:(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?:, |(?=\])))*\]""")

At = TypeVar("At", pl.Series, pl.Expr)

_texts = msgspec.json.Decoder(list[str]).decode


def typed(column: pl.Series, kind: str) -> tuple[pl.Series, pl.Series]:
    """Values of a column in the type due, and which cells hold something that is not of this type.

    Parameters
    ----------
    column : pl.Series
        Cells as an export has them: text or any other type.
    kind : str
        A type of JSON schema (string, integer, number, boolean, array: a list of texts), or `time`, which comes out as
        ISO text in UTC. A time without a zone is UTC.

    Examples
    --------
    >>> values, is_odd = typed(pl.Series(["5", "5.0", "5.5", "1e3", "", None]), "integer")
    >>> values.to_list(), is_odd.to_list()
    ([5, 5, None, None, None, None], [False, False, True, True, False, False])
    >>> typed(pl.Series(["20190506190305", "2019-05-06 21:03:05+02:00", "1557169385"]), "time")[0].to_list()
    ['2019-05-06T19:03:05Z', '2019-05-06T19:03:05Z', '2019-05-06T19:03:05Z']
    """
    found = _plain(column)
    if found.dtype == pl.String and kind != "string":
        found = found.str.strip_chars(" ").replace("", None)
    values = CASTS[kind](found)
    return values.rename(column.name), (found.is_not_null() & values.is_null()).rename(column.name)


def _plain(column: pl.Series) -> pl.Series:
    """Column in one of few types; what is not a number is null."""
    if column.dtype in {pl.Categorical, pl.Enum, pl.Null}:
        return column.cast(pl.String)
    if column.dtype.is_decimal():
        return column.cast(pl.Float64)
    return column.fill_nan(None) if column.dtype.is_float() else column


def _nothing(column: pl.Series, dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    return pl.Series(column.name, [None] * len(column), dtype=dtype)


def _string(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column
    return column.cast(pl.String) if column.dtype.is_integer() else _nothing(column, pl.String)


def _integer(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        is_whole = column.str.contains(WHOLE)
        return column.set(~is_whole, None).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    if column.dtype.is_float():
        is_whole = (column == column.floor()) & (column.abs() <= EXACT)
        return column.set(~is_whole, None).cast(pl.Int64, strict=False)
    return column.cast(pl.Int64, strict=False) if column.dtype.is_integer() else _nothing(column, pl.Int64)


def _number(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        column = column.set(~column.str.contains(NUMBER), None)
    elif not column.dtype.is_numeric():
        return _nothing(column, pl.Float64)
    values = column.cast(pl.Float64, strict=False)
    return values.set(values.is_infinite(), None)


def _boolean(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Boolean:
        return column
    if column.dtype != pl.String and not column.dtype.is_numeric():
        return _nothing(column, pl.Boolean)
    return column.cast(pl.String).str.to_lowercase().replace_strict(TRUTH, default=None, return_dtype=pl.Boolean)


def _array(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.List | pl.Array) and column.dtype.inner == pl.String:
        return column.cast(pl.List(pl.String))
    if column.dtype != pl.String:
        return _nothing(column, pl.List(pl.String))
    return pl.Series(column.name, [text and list_of(text) for text in column], dtype=pl.List(pl.String))


def list_of(text: str) -> list[str] | None:
    r"""Texts of a list: as JSON, as Python shows it, or parted by `\002` as in Hive's text tables.

    Examples
    --------
    >>> list_of('["a|b", "c"]'), list_of("['a', 'b']"), list_of("a|b|1|6\x02a|b|2|6"), list_of("['a' 'b']")
    (['a|b', 'c'], ['a', 'b'], ['a|b|1|6', 'a|b|2|6'], None)
    """
    try:
        return _texts(text)
    except msgspec.DecodeError:
        if IN_PYTHON.fullmatch(text):
            found: list[str] = ast.literal_eval(text)
            return found
    return text.split("\x02") if "|" in text and not text.startswith("[") else None


def _time(column: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Datetime):
        at = column.dt.convert_time_zone("UTC") if column.dtype.time_zone else column.dt.replace_time_zone("UTC")
        return _iso(at)
    if column.dtype.is_float():
        texts = pl.select(
            pl.when(column == column.floor())
            .then(column.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(column.cast(pl.String))
        ).to_series()
        return _time(texts)
    if column.dtype.is_integer():
        return _time(column.cast(pl.String))
    if column.dtype != pl.String:
        return _nothing(column, pl.String)
    text = pl.col("text")
    is_utc = text.str.contains(ISO_UTC) & _moment(text).is_not_null()
    # what is ISO in UTC already stays as it was written
    told = pl.DataFrame({"text": column}).select("text", as_sent=pl.when(is_utc).then("text"))
    as_sent = told["as_sent"]
    if as_sent.null_count() == column.null_count():
        return as_sent
    return told.select(
        pl.coalesce("as_sent", _iso(_moment_of(pl.when(pl.col("as_sent").is_null()).then("text"))))
    ).to_series()


def _moment_of(text: pl.Expr) -> pl.Expr:
    """Time that a text stands for, in one of the ways in which exports write it."""
    zone = text.str.extract(ISO, 3).replace("UTC", "Z").fill_null("Z").str.replace(r"^([+-]\d\d):?(\d\d)$", "$1:$2")
    iso = text.str.extract(ISO, 1) + "T" + text.str.extract(ISO, 2) + zone.str.replace(r"^([+-]\d\d)$", "$1:00")
    digits = text.str.extract(r"^(\d{14})$")  # as in the MySQL tables
    seconds = text.str.extract(r"^(\d{9,10}(?:\.\d+)?)$").cast(pl.Float64)
    ms = text.str.extract(r"^(\d{12,13})(?:\.0+)?$").cast(pl.Int64)
    return pl.coalesce(
        _moment(iso),
        digits.str.to_datetime("%Y%m%d%H%M%S", time_unit="us", strict=False).dt.replace_time_zone("UTC"),
        pl.from_epoch((seconds * 1e6).round(), time_unit="us").dt.replace_time_zone("UTC"),
        pl.from_epoch(ms * 1000, time_unit="us").dt.replace_time_zone("UTC"),
    )


def _moment(iso: pl.Expr) -> pl.Expr:
    return iso.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)


def _iso(at: At) -> At:
    return at.dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ")


CASTS: dict[str, Callable[[pl.Series], pl.Series]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "array": _array,
    "time": _time,
}
