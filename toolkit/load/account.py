"""What a loader gives: rows, rows set aside, and an account that adds up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

import polars as pl

from toolkit import reference
from toolkit.errors import ToolkitError

SET_ASIDE = {"file": pl.String, "line": pl.Int64, "reason": pl.String, "raw": pl.String}
ACCOUNT = {
    "file": pl.String,
    "shape": pl.String,
    "rows_in": pl.Int64,
    "kept": pl.Int64,
    "set_aside": pl.Int64,
    "duplicates": pl.Int64,
}
NUMBERS = ("rows_in", "kept", "set_aside", "duplicates")
CONFLICT = " with other content: which one is right cannot be known"
N_REASONS = 3  # in a sentence
N_REFUSED = 10  # in an error
N_FILES = 20  # in the small table


@dataclass(frozen=True)
class Counts:
    """What the sentences of an account say of rows, so that a store need not be read for them.

    Attributes
    ----------
    first, last : datetime, optional
        The period.
    flags : mapping
        How many rows carry each flag.
    identifiers : mapping
        How many distinct values `user` and `visit` have.
    made : str
        How identifiers were made.
    reasons : tuple of (str, int)
        The most frequent reasons for setting rows aside.
    conflicts : int
        Rows set aside because another one has the same id and other content.
    """

    first: datetime | None = None
    last: datetime | None = None
    flags: Mapping[str, int] = field(default_factory=dict)
    identifiers: Mapping[str, int] = field(default_factory=dict)
    made: str = "numbered in order of appearance"
    reasons: tuple[tuple[str, int], ...] = ()
    conflicts: int = 0


@dataclass(frozen=True)
class Load:
    """Rows of an export and what became of every row in it.

    Attributes
    ----------
    table : str
        Which of the tables this is: `impressions`, `banner_history`, `homepage_modules` or `homepage_visits`.
    rows : pl.DataFrame or pl.LazyFrame
        Rows kept; `file` and `line` lead back to the export. Lazy if they lie in a store.
    set_aside : pl.DataFrame or pl.LazyFrame
        Rows that could not be read: file, line (of the decompressed file, from 1), reason, raw (the row's text, cut,
        with identifiers masked). Lazy if they lie in a store.
    account : pl.DataFrame
        One row per file: file, shape, rows_in = kept + set_aside + duplicates.
    notes : tuple of str
        What else a reader should know, one sentence each.
    counts : Counts, optional
        What is known of the rows without reading them; counted when asked for, if not given.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": ["cswiki"], "file": ["a"], "line": [2]})
    >>> aside = pl.DataFrame([("a", 1, "no object", "42")], schema=SET_ASIDE, orient="row")
    >>> account = pl.DataFrame([("a", "events", 3, 1, 1, 1)], schema=ACCOUNT, orient="row")
    >>> Load("homepage_modules", rows, aside, account)
    homepage_modules
    3 rows in = 1 kept + 1 set aside + 1 duplicates.
    a: events.
    Duplicates came with the id and the content of a row that is kept.
    Set aside: 1 x no object.
    """

    table: str
    rows: pl.DataFrame | pl.LazyFrame
    set_aside: pl.DataFrame | pl.LazyFrame
    account: pl.DataFrame
    notes: tuple[str, ...] = ()
    counts: Counts | None = None

    def __post_init__(self) -> None:
        """Refuse an account that does not add up: that would be a fault of the loader."""
        rows_in, kept, aside, duplicates = self.account.select(NUMBERS).sum().row(0)
        sums_up = rows_in == kept + aside + duplicates
        sums_up &= isinstance(self.rows, pl.LazyFrame) or kept == self.rows.height
        sums_up &= isinstance(self.set_aside, pl.LazyFrame) or aside == self.set_aside.height
        if not sums_up:
            msg = f"the account of load.{self.table} does not add up: {self.account.to_dicts()}"
            raise AssertionError(msg)

    @property
    def sentences(self) -> list[str]:
        """Account in words: counts, shapes, period, identifiers, flags, duplicates, reasons, notes."""
        rows_in, kept, aside, duplicates = self.account.select(NUMBERS).sum().row(0)
        said = [f"{rows_in:,} rows in = {kept:,} kept + {aside:,} set aside + {duplicates:,} duplicates."]
        said.extend(_shapes(self.account))
        counts = self.counts or counted(self.rows, self.set_aside)
        if counts.first is not None and counts.last is not None:
            said.append(f"From {counts.first:%Y-%m-%d %H:%M} to {counts.last:%Y-%m-%d %H:%M} UTC.")
        if counts.identifiers:
            some = " and ".join(f"{n:,} {name}s" for name, n in counts.identifiers.items())
            said.append(f"{some}, {counts.made}; user ids and tokens are not kept.")
        if counts.flags:
            said.append("Kept and flagged: " + ", ".join(f"{n:,} {flag}" for flag, n in counts.flags.items()) + ".")
        if duplicates:
            said.append("Duplicates came with the id and the content of a row that is kept.")
        if counts.conflicts:
            said.append(f"{counts.conflicts:,} rows are set aside because one id came with several contents.")
        if counts.reasons:
            said.append("Set aside: " + "; ".join(f"{n:,} x {reason}" for reason, n in counts.reasons) + ".")
        return said + list(self.notes)

    def __repr__(self) -> str:
        """Account as text, for a terminal."""
        return f"{self.table}\n" + "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Account as a small table, for a notebook."""
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in self.account.columns)
        rows = self.account.head(N_FILES).rows(named=True)
        if self.account.height > N_FILES:
            others = self.account.slice(N_FILES)
            name = f"{others.height:,} more files"
            rows.append({"file": name, "shape": "", **others.select(NUMBERS).sum().row(0, named=True)})
        if self.account.height > 1:
            rows.append({"file": "all files", "shape": "", **self.account.select(NUMBERS).sum().row(0, named=True)})
        body = "".join("<tr>" + "".join(_cell(row[name]) for name in self.account.columns) + "</tr>" for row in rows)
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences[1 + len(_shapes(self.account)) :])
        return f"<table><caption>{self.table}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{said}</ul>"


def refused(load: Load) -> Load:
    """The load, if no row of it was set aside: what `strict=True` means.

    Raises
    ------
    ToolkitError
        With the first ten reasons, each with file and line.

    Examples
    --------
    >>> aside = pl.DataFrame([("a.ndjson", 2, "no object", "42")], schema=SET_ASIDE, orient="row")
    >>> account = pl.DataFrame([("a.ndjson", "events", 1, 0, 1, 0)], schema=ACCOUNT, orient="row")
    >>> refused(Load("impressions", pl.DataFrame({"line": []}), aside, account))
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 1 of 1 rows cannot be read as impressions; without strict=True they are set aside and the rest loads
    a.ndjson:2: no object
    """
    n_aside, rows_in = load.account.select(pl.col("set_aside").sum(), pl.col("rows_in").sum()).row(0)
    if not n_aside:
        return load
    first = load.set_aside.lazy().select("file", "line", "reason").head(N_REFUSED).collect()
    lines = [f"{file}:{line}: {reason}" for file, line, reason in first.iter_rows()]
    more = [f"and {n_aside - first.height:,} more"] if n_aside > first.height else []
    what = f"{n_aside:,} of {rows_in:,} rows cannot be read as {load.table.replace('_', ' ')}"
    raise ToolkitError("\n".join([f"{what}; without strict=True they are set aside and the rest loads", *lines, *more]))


def counted(
    rows: pl.DataFrame | pl.LazyFrame,
    set_aside: pl.DataFrame | pl.LazyFrame,
    identifiers: Collection[str] = ("user", "visit"),
) -> Counts:
    """Counts of rows that can be read at once."""
    some, aside = rows.lazy().collect(), set_aside.lazy().select("reason").collect()
    first, last = period(some)
    own = aside.filter(~is_conflict("reason"))
    top = own.group_by("reason").len("n").sort("n", "reason", descending=[True, False]).head(N_REASONS)
    return Counts(
        first=first,
        last=last,
        flags=dict(flag_counts(some).select("flag", "n").iter_rows()) if "flags" in some.columns else {},
        identifiers={name: some[name].drop_nulls().n_unique() for name in identifiers if name in some.columns},
        reasons=tuple(top.iter_rows()),
        conflicts=aside.height - own.height,
    )


def conflict(file: str, line: int) -> str:
    """Reason for a row whose id stands elsewhere with other content.

    Examples
    --------
    >>> conflict("a.ndjson", 3)
    "the same id as line 3 of 'a.ndjson' with other content: which one is right cannot be known"
    """
    return f"the same id as line {line} of {file!r}{CONFLICT}"


def is_conflict(reason: str) -> pl.Expr:
    """Whether a row is set aside because its id stands elsewhere with other content."""
    return pl.col(reason).str.ends_with(CONFLICT)


def period(rows: pl.DataFrame) -> tuple[datetime | None, datetime | None]:
    """First and last time of rows, if they have one.

    Examples
    --------
    >>> period(pl.DataFrame({"dt": [datetime(2022, 9, 5), datetime(2022, 9, 4), None]}))
    (datetime.datetime(2022, 9, 4, 0, 0), datetime.datetime(2022, 9, 5, 0, 0))
    """
    if "dt" not in rows.columns:
        return None, None
    first, last = rows.select(first=pl.col("dt").min(), last=pl.col("dt").max()).row(0)
    return first, last


def _shapes(account: pl.DataFrame) -> list[str]:
    """Which shape was found in which files."""
    found = account.group_by("shape", maintain_order=True).agg(pl.col("file").first(), pl.len())
    return [
        f"{file}{f' and {n - 1:,} more' if n > 1 else ''}: {shape or 'no row'}." for shape, file, n in found.iter_rows()
    ]


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"<td style='text-align:right'>{value:,}</td>"
    return f"<td style='text-align:left'>{escape(str(value))}</td>"


def flag_counts(rows: pl.DataFrame) -> pl.DataFrame:
    """How many rows carry each flag: flag, n, meaning; most first.

    Examples
    --------
    >>> flag_counts(pl.DataFrame({"flags": [0, 1, 3]}, schema={"flags": pl.UInt32})).select("flag", "n").rows()
    [('debug', 2), ('bot', 1)]
    """
    flags = reference.table("flag").with_columns(pl.col("bit").cast(pl.Int64))
    alike = rows.group_by("flags").len("n_rows")  # few combinations stand in many rows
    counts = alike.select(
        pl.col("n_rows").filter(pl.col("flags") // 2**bit % 2 == 1).sum().alias(flag)
        for bit, flag in flags.select("bit", "flag").iter_rows()
    ).unpivot(variable_name="flag", value_name="n")
    found = counts.with_columns(pl.col("n").cast(pl.Int64)).filter(pl.col("n") > 0)
    return found.join(flags.select("flag", "meaning"), on="flag", how="left").sort(
        "n", "flag", descending=[True, False]
    )


def flags_of(**raised: pl.Expr) -> pl.Expr:
    """Column `flags`: one bit for each named condition that holds. Names stand in `tables/flag.csv`."""
    parts = [
        condition.fill_null(value=False).cast(pl.UInt32) * 2 ** reference.flag_bit(name)
        for name, condition in raised.items()
    ]
    return pl.sum_horizontal(parts).cast(pl.UInt32).alias("flags")
