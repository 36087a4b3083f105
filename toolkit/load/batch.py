"""What passes between the readers and the tables: some rows of one file, and what became of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from toolkit import errors
from toolkit.schema import PRIVATE

ID = "private id"  # tells second deliveries; null where the export has none
CONTENT = "private content"  # hash of the whole row as it stands in the export: equal for exact second deliveries


class Aside(NamedTuple):
    """One row that cannot be read: its line, every reason in words, and its bytes."""

    line: int
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Piece:
    """What is read in one go: a file, some whole lines of a plain one, or a frame in memory."""

    path: Path
    start: int = 0  # first byte
    stop: int | None = None  # byte after the last; the end of the file if there is none
    first_line: int = 1
    frame: pl.DataFrame | None = None  # rows given in memory; the path is then only a name


@dataclass
class Batch:
    """Some rows of one file.

    Attributes
    ----------
    frame : pl.DataFrame
        Rows kept, with a column `line` (Int64). Columns that start with `private ` do not reach a reader.
    aside : list of Aside
        Rows that could not be read, in any order.
    rows_in : int
        frame.height + len(aside), always.
    shape : str
        Name of the shape in which the file was found.
    unread : Counter
        Names of fields that no known edition has, with how many rows have them.
    left_out : Counter
        Names of private fields that were there and were not loaded, with how many rows have them.
    notes : list of str
        What else a reader should know, one sentence each.
    facts : set of str
        What these rows say of their whole file, for the table's last corrections.
    """

    frame: pl.DataFrame
    aside: list[Aside] = field(default_factory=list)
    rows_in: int = 0
    shape: str = ""
    unread: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Refuse a batch that does not add up: that would be a fault of the reader."""
        if self.rows_in != self.frame.height + len(self.aside):
            msg = f"{self.rows_in} rows in, {self.frame.height} kept, {len(self.aside)} set aside"
            raise AssertionError(msg)

    def with_frame(self, frame: pl.DataFrame, *aside: Aside) -> Batch:
        """Same batch with other columns, and with some of its rows set aside."""
        return replace(self, frame=frame, aside=[*self.aside, *aside])

    def without(self, wrong: pl.Expr, reason: pl.Expr, raw: pl.Expr | None = None) -> Batch:
        """Same batch without the rows for which `wrong` holds; they are set aside with a reason each.

        `raw` is what is shown of such a row: its cells, parted by tabs, unless told otherwise.
        """
        is_wrong = self.frame.select(wrong.fill_null(value=False).alias("wrong")).to_series()
        if not is_wrong.any():
            return self
        shown = [
            name
            for name, dtype in self.frame.schema.items()
            if not (dtype.is_nested() or name == "line" or name.startswith("private ") or name in PRIVATE)
        ]
        cells = pl.concat_str(pl.col(shown).cast(pl.String, strict=False), separator="\t", ignore_nulls=True)
        bad = self.frame.filter(is_wrong).select(
            "line", reason.alias("reason"), (cells if raw is None else raw).fill_null("").alias("raw")
        )
        aside = [Aside(line, why, text.encode()) for line, why, text in bad.iter_rows()]
        return self.with_frame(self.frame.filter(~is_wrong), *aside)

    def cut_off(self, line: int, why: str) -> Batch:
        """Batch that follows this one where its file breaks off: no row, and one entry set aside."""
        return Batch(self.frame.clear(), [Aside(line, why, b"")], 1, self.shape)


@dataclass(frozen=True)
class Options:
    """What a reader was asked for.

    Attributes
    ----------
    shape : str, optional
        Name of the shape to read as; found by content if not given.
    keep : tuple of str
        Names of private fields to load all the same.
    key : bytes, optional
        Secret by which identifiers are hashed; numbered from 0 if there is none.
    columns : tuple of str
        Names of the columns, for exports without a header.
    requests : str, optional
        Column that counts requests, where its name does not say so.
    """

    shape: str | None = None
    keep: tuple[str, ...] = ()
    key: bytes | None = None
    columns: tuple[str, ...] = ()
    requests: str | None = None

    @classmethod
    def of(
        cls,
        shape: str | None,
        shapes: Sequence[str],
        keep: str | Sequence[str],
        key: str | bytes | None = None,
        columns: Sequence[str] = (),
        requests: str | None = None,
    ) -> Options:
        """Take the arguments of a loader.

        Raises
        ------
        ToolkitError
            If `shape` is none of `shapes`.
        """
        if shape is not None and shape not in shapes:
            raise errors.bad_choice("shape", shape, shapes)
        kept = (keep,) if isinstance(keep, str) else tuple(keep)
        secret = key.encode() if isinstance(key, str) else key
        return cls(shape, kept, secret, tuple(columns), requests)


@dataclass(frozen=True)
class Table:
    """One of the tables that loaders end in.

    Attributes
    ----------
    name : str
        Such as `homepage_modules`.
    read : callable
        Batches of one piece, in the table's columns, with `line`, and maybe ID, CONTENT and other private ones.
    cuts : callable
        Whether a file may be read in pieces: whether each of its rows is one line.
    numbered : mapping
        For each new column the columns whose combinations it stands for, such as user: (wiki, private user).
    categories : tuple of str
        Columns of texts of which there are few: a store holds them as such, and `categories=True` gives them so.
    fix : callable, optional
        From the facts of a file, gathered while all its batches were read, the last correction of its rows, or none
        where nothing has to be corrected. The same columns come out, and as many rows.
    raw : callable, optional
        Bytes of the rows of a piece at some of its lines, once more; the lines themselves if not given.
    """

    name: str
    read: Callable[[Piece, Options], Iterator[Batch]]
    cuts: Callable[[Path, Options], bool]
    numbered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    fix: Callable[[frozenset[str]], Callable[[pl.DataFrame], pl.DataFrame] | None] | None = None
    raw: Callable[[Piece, frozenset[int], Options], Iterator[tuple[int, bytes]]] | None = None

    def compact(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with texts of which there are few as categories: numbers, to which the texts stand in one list."""
        return rows.with_columns(
            pl.col([name for name in self.categories if name in rows.columns]).cast(pl.Categorical)
        )

    def correction(self, facts: Iterable[str]) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
        """Correct the rows of a file with these facts: how, or nothing where that is not needed."""
        return None if self.fix is None else self.fix(frozenset(facts))
