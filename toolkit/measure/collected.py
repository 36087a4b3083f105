"""Small tables in memory: what a reduction gives on any engine, as polars has it.

A reduction stays on the engine that holds its rows; what it gives is collected here and nowhere else. Neither pandas nor
pyarrow is needed: DuckDB hands over Arrow itself, and the rows of Spark come as Python's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import narwhals as nw
import narwhals.selectors as ncs
import polars as pl
import polars.selectors as cs

from toolkit.load.sheets import to_polars

TEXTS = cs.by_dtype(pl.Categorical, pl.Enum)  # kept as numbers and a list of texts
TIME = pl.Datetime("ms", "UTC")  # as the loaders have it


def by_category(rows: Any, names: Iterable[str]) -> Any:
    """Rows with texts as categories, where the engine is polars: it groups by numbers several times faster.

    Parameters
    ----------
    rows : narwhals frame
        Of any engine.
    names : iterable of str
        Columns by which rows will be grouped. Those that are no texts stay as they are.
    """
    if not rows.implementation.is_polars():
        return rows
    schema = rows.collect_schema()
    return rows.with_columns(nw.col(name).cast(nw.Categorical) for name in set(names) if schema[name] == nw.String)


def in_words(rows: Any) -> Any:
    """Rows with categories as texts again, where the engine is polars."""
    return rows.with_columns(ncs.categorical().cast(nw.String)) if rows.implementation.is_polars() else rows


def collected(rows: Any, *, categories: bool = False) -> pl.DataFrame:
    """Table in memory of the rows of a frame, which should be few.

    Parameters
    ----------
    rows : frame
        Of polars, DuckDB, Spark or another engine that narwhals knows, or narwhals' own.
    categories : bool
        Leave categories of polars as they are, for rows that will be grouped once more.

    Returns
    -------
    pl.DataFrame
        The same rows, categories as text. Of an engine other than polars in the types of our tables: times in UTC and
        whole milliseconds, whole numbers in 64 bits.

    Notes
    -----
    Rows of Spark take some ten microseconds each, and all of them have to fit into the memory of the driver.

    Examples
    --------
    >>> collected(pl.LazyFrame({"n": [1]})).rows()
    [(1,)]
    """
    frame = nw.from_native(rows, pass_through=True)
    native = frame.to_native() if isinstance(frame, nw.LazyFrame | nw.DataFrame) else rows
    if isinstance(native, pl.DataFrame | pl.LazyFrame):
        found = to_polars(native)
        return found if categories else found.with_columns(cs.categorical().cast(pl.String))
    known = isinstance(frame, nw.LazyFrame) and frame.implementation.is_spark_like()
    return _in_our_types(_of_spark(frame) if known else to_polars(native))


def _of_spark(frame: Any) -> pl.DataFrame:
    """Rows of Spark through Python's own values; a time comes without a zone, in that of this process."""
    schema = frame.collect_schema().to_polars()
    rows = [row.asDict(recursive=True) for row in frame.to_native().collect()]
    zoned = [name for name, dtype in schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    for row in rows:
        row.update({name: _in_utc(row[name]) for name in zoned})
    columns = {name: pl.Series(name, [row[name] for row in rows], dtype=dtype) for name, dtype in schema.items()}
    return pl.DataFrame(columns)


def _in_utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


def _in_our_types(table: pl.DataFrame) -> pl.DataFrame:
    zoned = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    wide = [name for name, dtype in table.schema.items() if dtype == pl.Int128 or _is_whole(dtype)]
    return table.with_columns(
        TEXTS.cast(pl.String),
        pl.col(wide).cast(pl.Int64),
        pl.col(zoned).dt.convert_time_zone("UTC").cast(TIME),
    )


def _is_whole(dtype: pl.DataType) -> bool:
    """Whether it is how DuckDB hands over a sum of whole numbers."""
    return isinstance(dtype, pl.Decimal) and dtype.scale == 0
