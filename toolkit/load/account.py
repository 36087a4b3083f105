"""What a loader gives: rows, rows set aside, and an account that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

import polars as pl

from toolkit import reference

SET_ASIDE = {"file": pl.String, "line": pl.Int64, "reason": pl.String}
ACCOUNT = {
    "file": pl.String,
    "shape": pl.String,
    "rows_in": pl.Int64,
    "kept": pl.Int64,
    "set_aside": pl.Int64,
    "duplicates": pl.Int64,
}


@dataclass(frozen=True)
class Load:
    """Rows of an export and what became of every row in it.

    Attributes
    ----------
    table : str
        Which of the tables this is: `impressions`, `homepage_modules` or `homepage_visits`.
    rows : pl.DataFrame
        Rows kept; `file` and `line` lead back to the export.
    set_aside : pl.DataFrame
        Rows that could not be read: file, line (of the decompressed file, from 1), reason.
    account : pl.DataFrame
        One row per file: file, shape, rows_in = kept + set_aside + duplicates.
    notes : tuple of str
        What else a reader should know, one sentence each.
    """

    table: str
    rows: pl.DataFrame
    set_aside: pl.DataFrame
    account: pl.DataFrame
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an account that does not add up: that would be a fault of the loader."""
        sums = self.account.select("rows_in", "kept", "set_aside", "duplicates").sum().row(0)
        rows_in, kept, aside, duplicates = sums
        if rows_in != kept + aside + duplicates or kept != self.rows.height or aside != self.set_aside.height:
            msg = f"the account of load.{self.table} does not add up: {self.account.to_dicts()}"
            raise AssertionError(msg)

    @property
    def sentences(self) -> list[str]:
        """Account in words: counts, period, flags, notes."""
        rows_in, kept, aside, duplicates = (
            self.account.select("rows_in", "kept", "set_aside", "duplicates").sum().row(0)
        )
        said = [f"{rows_in:,} rows in = {kept:,} kept + {aside:,} set aside + {duplicates:,} duplicates."]
        ends: tuple[datetime | None, datetime | None] = self.rows.select(
            first=pl.col("dt").min(), last=pl.col("dt").max()
        ).row(0)
        first, last = ends
        if first is not None and last is not None:
            said.append(f"From {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC.")
        said.extend(_counted_ids(self.rows))
        flags = flag_counts(self.rows)
        if flags.height:
            said.append("Kept and flagged: " + ", ".join(f"{n:,} {flag}" for flag, n, _ in flags.iter_rows()) + ".")
        if aside:
            top = self.set_aside.group_by("reason").len().sort("len", "reason", descending=[True, False]).head(3)
            said.append("Set aside: " + "; ".join(f"{n:,} x {reason}" for reason, n in top.iter_rows()) + ".")
        return said + list(self.notes)

    def __repr__(self) -> str:
        """Account as text, for a terminal."""
        return f"{self.table}\n" + "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Account as a small table, for a notebook."""
        numbers = ["rows_in", "kept", "set_aside", "duplicates"]
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in self.account.columns)
        rows = self.account.rows(named=True)
        if len(rows) > 1:
            rows = [*rows, {"file": "all files", "shape": "", **self.account.select(numbers).sum().row(0, named=True)}]
        body = "".join("<tr>" + "".join(_cell(row[name]) for name in self.account.columns) + "</tr>" for row in rows)
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.sentences[1:])
        return f"<table><caption>{self.table}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><ul>{said}</ul>"


def _cell(value: object) -> str:
    if isinstance(value, int):
        return f"<td style='text-align:right'>{value:,}</td>"
    return f"<td style='text-align:left'>{escape(str(value))}</td>"


def _counted_ids(rows: pl.DataFrame) -> list[str]:
    ids = [name for name in ("user", "visit") if name in rows.columns]
    if not ids:
        return []
    counts = " and ".join(f"{rows[name].n_unique():,} {name}s" for name in ids)
    return [f"{counts}, numbered in order of appearance; user ids and tokens are not kept."]


def flag_counts(rows: pl.DataFrame) -> pl.DataFrame:
    """How many rows carry each flag: flag, n, meaning; most first.

    Examples
    --------
    >>> flag_counts(pl.DataFrame({"flags": [0, 1, 3]}, schema={"flags": pl.UInt32})).select("flag", "n").rows()
    [('debug', 2), ('bot', 1)]
    """
    flags = reference.table("flag").with_columns(pl.col("bit").cast(pl.Int64))
    counts = rows.select(
        (pl.col("flags") // 2**bit % 2 == 1).sum().alias(flag) for bit, flag in flags.select("bit", "flag").iter_rows()
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


def set_aside_frame(entries: Sequence[tuple[str, int, str]]) -> pl.DataFrame:
    """Rows set aside as a table."""
    return pl.DataFrame(entries, schema=SET_ASIDE, orient="row")
