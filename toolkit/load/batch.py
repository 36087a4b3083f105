"""What passes between the readers and the tables: some rows of one file, and what became of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

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
    """

    frame: pl.DataFrame
    aside: list[Aside] = field(default_factory=list)
    rows_in: int = 0
    shape: str = ""
    unread: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse a batch that does not add up: that would be a fault of the reader."""
        if self.rows_in != self.frame.height + len(self.aside):
            msg = f"{self.rows_in} rows in, {self.frame.height} kept, {len(self.aside)} set aside"
            raise AssertionError(msg)

    def with_frame(self, frame: pl.DataFrame, *aside: Aside) -> Batch:
        """Same batch with other columns, and with some of its rows set aside."""
        return replace(self, frame=frame, aside=[*self.aside, *aside])


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
    """

    name: str
    read: Callable[[Piece, Options], Iterator[Batch]]
    cuts: Callable[[Path, Options], bool]
    numbered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
