"""Numbers that a notebook's prose quotes: each stated where it is computed, with what it is a number of.

`show` states them in a cell, by a name each; prose quotes one by a link to its name, ``[74.7 %](#shown)``. Whether a
text says what its claim says is checked by `toolkit.share.quotations`, in shared pages the link shows the claim.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import PurePath

import polars as pl

from toolkit import errors
from toolkit.load.account import Load, counted

__all__ = ["cell", "number", "show"]

MIME = "application/vnd.wikimedia-event-toolkit.claims+json"
"""The face of an output that holds claims; nbval compares it like any other."""

IS_SHARE = re.compile(r"share|conversion|taken_over|estimate|agreement")
"""Columns that are read in percent."""

MINUTE = "%Y-%m-%d %H:%M"

N_NAMED = 6
"""How many values of a column fit into a sentence."""


@dataclass(frozen=True)
class Claim:
    """One number and what it is a number of.

    Attributes
    ----------
    value : int or float, optional
        The number; None where there is none, and `missing` says why.
    column : str
        Column it stands in; empty for a number that stands in no table.
    unit, weight : str, optional
        What is counted, and how it is weighted.
    where : mapping
        Names and values that tell the row from the others.
    low, high : float, optional
        Bounds of the interval, whose level is `level` [0 to 1].
    n, n_eff : int or float, optional
        Rows recorded, and how many unweighted ones would be as precise.
    first, last : str, optional
        Period, in UTC.
    missing : str, optional
        A sentence on why there is no number.
    """

    value: float | None
    column: str = ""
    unit: str | None = None
    weight: str | None = None
    where: Mapping[str, str | float | None] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: float | None = None
    n_eff: float | None = None
    first: str | None = None
    last: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Claims:
    """Claims by name, and the loads they were computed from; shows itself as a small table."""

    claims: Mapping[str, Claim]
    loads: tuple[Load, ...] = ()

    def __repr__(self) -> str:
        """Names and numbers in one line."""
        return "claims: " + "; ".join(f"{name} {_short(claim)}" for name, claim in self.claims.items())

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        """The faces that a notebook stores: all of it, a table, and a line."""
        stated = {name: _stated(claim) for name, claim in self.claims.items()}
        sources = [_source(load) for load in self.loads]
        faces: dict[str, object] = {MIME: {"claims": stated, **({"sources": sources} if sources else {})}}
        return faces | {"text/html": self._table(), "text/plain": repr(self)}

    def _table(self) -> str:
        rows = "".join(
            f'<tr id="{name}"><td>{name}</td><td>{escape(_short(claim))}</td><td>{escape(_interval(claim))}</td>'
            f"<td>{escape(_where(claim))}</td></tr>"
            for name, claim in self.claims.items()
        )
        head = "".join(f"<th>{title}</th>" for title in ("quoted as", "number", "interval", "of"))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def cell(table: pl.DataFrame, column: str, /, **named: object) -> Claim:
    """Claim that a cell of a table makes.

    Parameters
    ----------
    table : pl.DataFrame
        A measure's table, collected.
    column : str
        Column whose number is quoted. Its interval is read from the columns of its name with ``_low`` and ``_high``;
        unit, weight, n (or the column that is called after the unit, such as visits), n_eff, level and the period
        from theirs, where the table has them.
    **named
        Values by column that exactly one row has; None where there is none. Times are told by their
        beginnings: ``"2026-03-02"`` is any time on that day.

    Returns
    -------
    Claim
        With the number; or without one and with a sentence, where not exactly one row has the values: other data may
        have no such row, and the notebook goes on. The check of quotations fails for it.

    Raises
    ------
    ToolkitError
        The table has no such column, or the column holds no numbers.

    Examples
    --------
    >>> funnel = pl.DataFrame({"stage": ["loaded", "shown"], "unit": "attempt", "n": [60, 40], "share": [0.6, 0.4],
    ...                        "share_low": [0.5, 0.3], "share_high": [0.7, 0.5]})
    >>> cell(funnel, "share", stage="shown")
    Claim(value=0.4, column='share', unit='attempt', weight=None, where={'stage': 'shown'}, low=0.3, high=0.5, ...)
    >>> cell(funnel, "share", stage="seen").missing
    "no row has stage 'seen'; there are 'loaded', 'shown'"
    """
    if not isinstance(table, pl.DataFrame):
        raise errors.not_allowed("table", type(table).__name__, "is a collected table (a polars DataFrame)")
    if missing := [name for name in (column, *named) if name not in table.columns]:
        raise errors.missing_columns("claims.cell", missing, table.columns)
    if not table.schema[column].is_numeric() and table.schema[column] != pl.Null:
        raise errors.not_allowed("column", column, "is a column of numbers")
    where = {name: _plain(value) for name, value in named.items()}
    rows = table.filter(_has(table, name, value) for name, value in named.items()) if named else table
    if rows.height != 1:
        return Claim(None, column, where=where, missing=_not_one(table, rows, where))
    row = rows.row(0, named=True)
    value = _finite(row[column])
    low, high = (_finite(row.get(name)) for name in _bounds(column, table.columns))
    return Claim(
        value,
        column,
        unit=row.get("unit"),
        weight=row.get("weight"),
        where=where,
        low=low,
        high=high,
        level=row.get("level") if low is not None or high is not None else None,
        n=row.get("n", row.get(_counted_in(row.get("unit")))),
        n_eff=_finite(row.get("n_eff")),
        first=_time(row.get("first_dt")),
        last=_time(row.get("last_dt")),
        missing=f"{column} is not known in this row" if value is None else None,
    )


def _counted_in(unit: str | None) -> str:
    """Column with the number of units, where it is called after them: `visits` of "visit (wiki, page view token)"."""
    return f"{(unit or '').partition(' ')[0]}s"


def number(value: float, unit: str, /) -> Claim:
    """Claim of a number that stands in no table, such as how many rows a filter left.

    Parameters
    ----------
    value : int or float
        The number.
    unit : str
        What it is a number of.

    Examples
    --------
    >>> number(8664, "requests of readers").value
    8664
    """
    return Claim(_finite(value), unit=unit, missing=None if math.isfinite(value) else "it is not known")


def show(*loads: Load, **claims: Claim) -> Claims:
    """State claims by their names, for prose to quote.

    Parameters
    ----------
    *loads
        What `load` gave: whose files, period and edition the claims are from.
    **claims
        `cell` or `number`, by the name that links in prose lead to: ``[46 %](#shown)`` quotes ``shown=``. A name is
        stated once in a notebook.

    Returns
    -------
    Claims
        Shows itself as a table.

    Raises
    ------
    ToolkitError
        There is no claim, or one that is no claim.

    Examples
    --------
    >>> show(readers=number(8664, "requests of readers"))
    claims: readers 8,664
    """
    for load in loads:
        if not isinstance(load, Load):
            raise errors.not_allowed("loads", type(load).__name__, "are what load.impressions and its like give")
    for name, claim in claims.items():
        if not isinstance(claim, Claim):
            raise errors.not_allowed(name, claim, "is a claim: made by claims.cell or claims.number")
    if not claims:
        raise errors.not_allowed("claims", "none", "are named, as in show(shown=claims.cell(funnel, 'share'))")
    return Claims(claims, loads)


def _has(table: pl.DataFrame, name: str, value: object) -> pl.Expr:
    """Whether a row has a value."""
    column = pl.col(name)
    if value is None:
        return column.is_null()
    if isinstance(value, str) and table.schema[name].is_temporal():
        return column.cast(pl.Datetime("us")).dt.to_string(MINUTE).str.starts_with(value)
    if isinstance(value, str):
        return column.cast(pl.String) == value  # of an enum, any text may be asked for
    return column == pl.lit(value)


def _not_one(table: pl.DataFrame, rows: pl.DataFrame, where: Mapping[str, object]) -> str:
    """Why there is no number, and what there is."""
    said = " and ".join(f"{name} {value!r}" for name, value in where.items())
    if rows.height:
        more = [name for name in table.columns if name not in where and _tells_apart(rows[name])]
        hint = f"; say which by {' or '.join(more[:3])}" if more else ""
        return f"{rows.height:,} rows have {said}{hint}" if said else f"the table has {rows.height:,} rows{hint}"
    if not said:
        return "the table has no rows"
    unknown = next((name for name, value in where.items() if table.filter(_has(table, name, value)).is_empty()), None)
    if unknown is None:
        return f"no row has {said} together"
    have = table[unknown].unique(maintain_order=True).to_list()
    more_values = ", ..." if len(have) > N_NAMED else ""
    there = ", ".join(repr(_plain(value)) for value in have[:N_NAMED]) + more_values
    return f"no row has {unknown} {where[unknown]!r}; there are {there or 'none'}"


def _tells_apart(values: pl.Series) -> bool:
    """Whether a column of words or days has a value of its own in each row."""
    words = isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum) or values.dtype.is_temporal()
    return words and values.n_unique() == values.len()


def _bounds(column: str, columns: list[str]) -> tuple[str, str]:
    """Names of the columns that hold the interval; a unit stands behind them, as in ``wait_low_s``."""
    if f"{column}_low" in columns:
        return f"{column}_low", f"{column}_high"
    stem, _, unit = column.rpartition("_")
    return f"{stem}_low_{unit}", f"{stem}_high_{unit}"


def _plain(value: object) -> str | float | None:
    """A value that JSON has."""
    match value:
        case datetime():
            return _time(value)
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _time(value: datetime | None) -> str | None:
    return None if value is None else f"{value:{MINUTE}}"


def _stated(claim: Claim) -> dict[str, object]:
    """A claim as JSON, without what is not known of it."""
    return {name: value for name, value in vars(claim).items() if value not in (None, "", {})}


def _source(load: Load) -> dict[str, object]:
    """Which data these are: names of files without their folders, shapes, editions and the period."""
    files = [PurePath(file).name for file in load.account["file"]]
    counts = load.counts or counted(load.rows, load.set_aside, ())
    said = {
        "table": load.table,
        "files": files[:N_NAMED] + ([f"{len(files) - N_NAMED:,} more"] if len(files) > N_NAMED else []),
        "shapes": load.account["shape"].unique().sort().to_list(),
        "editions": _editions(load),
        "first": _time(counts.first),
        "last": _time(counts.last),
    }
    return {name: value for name, value in said.items() if value}


def _editions(load: Load) -> list[str]:
    """Editions of the schema that the rows were written by."""
    rows = load.rows.lazy()
    if "edition" not in rows.collect_schema():
        return []
    found = rows.select(pl.col("edition").drop_nulls().unique()).collect()
    return [str(edition) for edition in found["edition"].sort()]


def _short(claim: Claim) -> str:
    """The number as a table shows it."""
    return "none" if claim.value is None else written(claim.value, percent=IS_SHARE.search(claim.column) is not None)


def _interval(claim: Claim) -> str:
    if claim.low is None or claim.high is None:
        return ""
    return spanned(claim.low, claim.high, percent=IS_SHARE.search(claim.column) is not None)


def _where(claim: Claim) -> str:
    """What it is a number of, or why there is none."""
    return claim.missing or "; ".join(_parts(claim))


def _parts(claim: Claim) -> Iterator[str]:
    if claim.column:
        yield claim.column
    for name, value in claim.where.items():
        yield f"{name} {'(none)' if value is None else value}"
    if claim.unit and "unit" not in claim.where:
        yield f"unit {claim.unit}" if claim.column else claim.unit


def written(value: float, *, percent: bool = False, digits: int | None = None) -> str:
    """A number as it is written in prose: so many digits after the point, or as many as it takes.

    Examples
    --------
    >>> written(0.4603, percent=True), written(8664), written(3.2471), written(0.00132), written(0.4603, percent=True, digits=0)
    ('46.0 %', '8,664', '3.25', '0.0013', '46 %')
    """
    if percent:
        small = 0 < abs(value) < 0.01  # noqa: PLR2004 - below one percent
        return f"{value * 100:,.{(2 if small else 1) if digits is None else digits}f} %"
    if digits is not None or value == int(value):
        return f"{value:,.{digits or 0}f}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.2g}"  # noqa: PLR2004 - two digits that count


def spanned(low: float, high: float, *, percent: bool = False) -> str:
    """An interval as it is written in prose.

    Examples
    --------
    >>> spanned(0.2712, 0.3097, percent=True), spanned(3, 4.5)
    ('27.1 to 31.0 %', '3 to 4.50')
    """
    return f"{written(low, percent=percent).removesuffix(' %')} to {written(high, percent=percent)}"
