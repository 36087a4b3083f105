"""Readings of several files to one `Load`: duplicates counted, identifiers numbered, accounts added up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from toolkit import errors
from toolkit.load import duplicates
from toolkit.load.account import ACCOUNT, SET_ASIDE, Load, conflict, counted
from toolkit.load.batch import Aside, Batch, Options, Piece, Table
from toolkit.load.identity import hashed, masked, masked_reason, numbered
from toolkit.load.sources import Lines

NOT_READ = "not read"
KEYED = "hashed with the key that was given"


@dataclass
class Ledger:
    """What became of the rows of one file, added up batch by batch.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.add(Batch(pl.DataFrame({"line": [1]}), [Aside(2, "no object", b"42")], rows_in=2, shape="events"))
    >>> ledger.entry("a.ndjson")
    ('a.ndjson', 'events', 2, 1, 1, 0)
    """

    shapes: list[str] = field(default_factory=list)
    rows_in: int = 0
    set_aside: int = 0
    duplicates: int = 0
    conflicts: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Take in a batch."""
        self.merge(
            Ledger(
                [batch.shape] if batch.shape else [],
                batch.rows_in,
                len(batch.aside),
                unread=batch.unread,
                left_out=batch.left_out,
                notes=batch.notes,
                facts=sorted(batch.facts),
            )
        )

    def merge(self, other: Ledger) -> None:
        """Take in the account of other rows."""
        self.rows_in += other.rows_in
        self.set_aside += other.set_aside
        self.duplicates += other.duplicates
        self.conflicts += other.conflicts
        for mine, theirs in ((self.unread, other.unread), (self.left_out, other.left_out)):
            mine.update(Counter(mine) + Counter(theirs))
        for own, others in ((self.shapes, other.shapes), (self.notes, other.notes), (self.facts, other.facts)):
            own.extend(one for one in dict.fromkeys(others) if one not in own)

    @property
    def is_unread(self) -> bool:
        """Whether nothing of the file could be read."""
        return self.shapes == [NOT_READ]

    def entry(self, name: str) -> tuple[str, str, int, int, int, int]:
        """A row of the account."""
        kept = self.rows_in - self.set_aside - self.duplicates
        found = [shape for shape in self.shapes if shape != NOT_READ] or self.shapes
        return name, " and ".join(found), self.rows_in, kept, self.set_aside, self.duplicates


def noted(ledgers: Collection[Ledger]) -> tuple[str, ...]:
    """What the account says beside its counts: fields that were not read or are left out, and the readers' notes."""
    total = Ledger()
    for ledger in ledgers:
        total.merge(ledger)
    said = []
    if total.unread:
        said.append(f"Fields that no known edition has were not read: {_listed(total.unread)}.")
    if total.left_out:
        said.append(f"Left out for privacy, unless named in keep: {_listed(total.left_out)}.")
    return (*said, *total.notes)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({n:,} rows)" for name, n in sorted(counts.items()))


def safely(table: Table, piece: Piece, options: Options) -> Iterator[Batch]:
    """Batches of a piece; if it cannot be read, or not to its end, one row set aside says so."""
    line, shape = 0, NOT_READ
    try:
        for batch in table.read(piece, options):
            lines = [entry.line for entry in batch.aside]
            lines += batch.frame.select(pl.col("line").max()).to_series().drop_nulls().to_list()
            line, shape = max([line, piece.first_line - 1, *lines]), ""
            yield batch
    except (errors.ToolkitError, OSError) as error:
        why = error.strerror or type(error).__name__ if isinstance(error, OSError) else None
        said = str(error if why is None else errors.unreadable(piece.path.as_posix(), why))
        yield Batch(pl.DataFrame(), [Aside(line if shape else line + 1, said, b"")], rows_in=1, shape=shape)


def texts(table: Table, piece: Piece, lines: frozenset[int], options: Options) -> Iterator[tuple[int, bytes]]:
    """Bytes of the rows of a piece at some lines, read once more."""
    if not lines:
        return iter(())
    if table.raw is not None:
        return table.raw(piece, lines, options)
    return duplicates.lines_at(Lines(piece), lines) if piece.frame is None else iter(())


def aside_frame(entries: Sequence[Aside], file: str, keep: Collection[str]) -> pl.DataFrame:
    """Rows of a file that are set aside as a table, in the order of their lines, with identifiers masked.

    Examples
    --------
    >>> aside_frame([Aside(2, "no object", b"[7, 8]")], "a.ndjson", ()).row(0)
    ('a.ndjson', 2, 'no object', '[[masked], [masked]]')
    """
    rows = [(file, entry.line, masked_reason(entry.reason), masked(entry.raw, keep)) for entry in entries]
    return pl.DataFrame(rows, schema=SET_ASIDE, orient="row").sort("line", maintain_order=True)


def public(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as a reader gets them: without private columns, and with their place at the end."""
    return rows.select(pl.exclude("^private .*$", "file", "line"), "file", pl.col("line").cast(pl.UInt32))


def in_file(file: str, files: Sequence[str]) -> pl.Expr:
    """Column `file`, one of the files that are read together."""
    return pl.lit(file, dtype=pl.Enum(files)).alias("file")


def without_rows(table: Table, files: Sequence[str]) -> pl.DataFrame:
    """No row, of exports of which nothing tells their columns."""
    columns = dict.fromkeys((name for some in table.numbered.values() for name in some), pl.Null)
    return pl.DataFrame(schema={**columns, "file": pl.Enum(files), "line": pl.Int64})


def settled(
    rows: pl.DataFrame, verdicts: pl.DataFrame, files: Sequence[str], text: Callable[[int], bytes]
) -> tuple[pl.DataFrame, list[Aside]]:
    """Rows of a part without second deliveries, and those whose id came with several contents.

    Parameters
    ----------
    rows : pl.DataFrame
        A part, whole and in its order.
    verdicts : pl.DataFrame
        What `duplicates.judged` says of its rows.
    files : sequence of str
        Names by number.
    text : callable
        Bytes of the row at a line.
    """
    dropped = verdicts.filter(pl.col("verdict") != "first")
    conflicts = dropped.filter(verdict="conflict").sort("line").select("line", "other_file", "other_line")
    aside = [Aside(line, conflict(files[file], other), text(line)) for line, file, other in conflicts.iter_rows()]
    left = (
        rows.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(dropped["row"].implode()))
        if dropped.height
        else rows
    )
    return left, aside


def assembled(table: Table, pieces: Sequence[Piece], options: Options) -> Load:
    """One table of all pieces' rows, in memory.

    Parameters
    ----------
    table : Table
        What to read.
    pieces : sequence of Piece
        Each a whole file, or a frame.
    options : Options
        With a key identifiers are hashed by it, without one they are numbered from 0.

    Returns
    -------
    Load
        Rows in the order of the pieces, without the columns that start with `private `; at the end what the table
        numbers, `file` and `line`.

    Raises
    ------
    ToolkitError
        If no piece can be read: what the first one says.
    """
    files = list(dict.fromkeys(piece.path.as_posix() for piece in pieces))
    numbers = [files.index(piece.path.as_posix()) for piece in pieces]
    ledgers = [Ledger() for _ in files]
    aside: list[list[Aside]] = [[] for _ in files]
    parts: list[pl.DataFrame] = []
    for piece, file in zip(pieces, numbers, strict=True):
        frames = [pl.DataFrame()]
        for batch in safely(table, piece, options):
            ledgers[file].add(batch)
            aside[file].extend(batch.aside)
            frames.append(batch.frame)
        parts.append(pl.concat([frame for frame in frames if frame.width] or frames, how="diagonal_relaxed"))
    if all(ledger.is_unread for ledger in ledgers):
        raise errors.ToolkitError(aside[0][0].reason)

    verdicts = _verdicts(table, pieces, numbers, parts, options)
    kept: list[pl.DataFrame] = []
    for at, (piece, file, part) in enumerate(zip(pieces, numbers, parts, strict=True)):
        judged = verdicts.filter(piece=at)
        lines = frozenset(judged.filter(verdict="conflict")["line"].to_list())
        left, conflicts = settled(part, judged, files, duplicates.in_turn(texts(table, piece, lines, options)))
        aside[file].extend(conflicts)
        n_twice = part.height - left.height - len(conflicts)
        ledgers[file].merge(Ledger(set_aside=len(conflicts), conflicts=len(conflicts), duplicates=n_twice))
        if left.width:
            correct = table.correction(ledgers[file].facts)
            kept.append((correct(left) if correct else left).with_columns(in_file(files[file], files)))
    if not kept:
        kept = [without_rows(table, files)]
    rows = pl.concat(kept, how="diagonal_relaxed")
    known = numbered(rows, table.numbered) if options.key is None else hashed(rows, table.numbered, options.key)
    found = public(known)
    refused = pl.concat(aside_frame(some, file, options.keep) for some, file in zip(aside, files, strict=True))
    counts = counted(found, refused, list(table.numbered))
    return Load(
        table.name,
        found,
        refused,
        pl.DataFrame(
            [ledger.entry(file) for ledger, file in zip(ledgers, files, strict=True)], schema=ACCOUNT, orient="row"
        ),
        noted(ledgers),
        counts if options.key is None else replace(counts, made=KEYED),
    )


def _verdicts(
    table: Table, pieces: Sequence[Piece], files: Sequence[int], parts: Sequence[pl.DataFrame], options: Options
) -> pl.DataFrame:
    """What becomes of the rows whose id stands more than once."""
    ids = [
        duplicates.ids_of(part, file=file, piece=at) for at, (part, file) in enumerate(zip(parts, files, strict=True))
    ]
    twice = duplicates.repeated(pl.concat(ids))
    stated = [
        duplicates.meanings(some, partial(texts, table, pieces[at], options=options))
        for (at,), some in twice.filter("unequal").group_by("piece")
        if isinstance(at, int)
    ]
    return duplicates.judged(twice, pl.concat(stated) if stated else None)
