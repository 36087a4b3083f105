"""Readings of several files to one `Load`: duplicates counted, identifiers numbered, accounts added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from toolkit import errors
from toolkit.load.account import ACCOUNT, Load, set_aside_frame
from toolkit.load.events import Read, kind_of
from toolkit.load.sources import Lines

Part = tuple[Read, pl.DataFrame | None]


def assemble(
    table: str, parts: Sequence[Part], key: str | None = None, numbered: Mapping[str, Sequence[str]] | None = None
) -> Load:
    """One table of all files' rows.

    Parameters
    ----------
    table : str
        The table's name.
    parts : sequence of (Read, pl.DataFrame)
        What was read of each file, and its rows with a column `line`; none of a file that could not be read.
    key : str, optional
        Column that tells duplicates. A second row with the same value is counted and dropped, in whatever file it
        stands. Without a key nothing is dropped: two events of one second look alike and may both be real.
    numbered : mapping, optional
        For each new column the columns whose combinations it numbers, from 0, in order of appearance; the columns
        given are dropped if they start with `private `.
    """
    names = [done.file for done, _ in parts]
    file = pl.Enum(list(dict.fromkeys(names)))
    rows = pl.concat(
        [frame.with_columns(file=pl.lit(done.file, dtype=file)) for done, frame in parts if frame is not None]
    )
    n_before = _per_file(rows)
    if key is not None:
        # a row without an id is never a duplicate
        no_id = pl.col(key).fill_null("") == ""
        rows = rows.filter(no_id | pl.col(key).is_first_distinct()).drop(key)
    for name, columns in (numbered or {}).items():
        distinct = rows.select(columns).unique(maintain_order=True).with_row_index(name)
        rows = rows.join(distinct, on=columns, how="left", nulls_equal=True, maintain_order="left")
    n_after = _per_file(rows)
    rows = rows.select(pl.exclude("^private .*$", "file", "line"), "file", pl.col("line").cast(pl.UInt32))
    entries = [
        (
            file,
            done.shape,
            done.rows_in,
            n_after.get(file, 0),
            len(done.set_aside),
            n_before.get(file, 0) - n_after.get(file, 0),
        )
        for file, (done, _) in zip(names, parts, strict=True)
    ]
    aside = [entry for done, _ in parts for entry in sorted(done.set_aside, key=lambda entry: entry[1])]
    notes = [note for done, _ in parts for note in _notes(done)]
    return Load(
        table,
        rows,
        set_aside_frame(aside),
        pl.DataFrame(entries, schema=ACCOUNT, orient="row"),
        tuple(dict.fromkeys(notes)),
    )


def _per_file(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by(pl.col("file").cast(pl.String)).len().iter_rows())


def _notes(done: Read) -> list[str]:
    unread = ", ".join(f"{name} ({n:,} rows)" for name, n in sorted(done.unread.items()))
    return [f"Fields that no known edition has were not read: {unread}."] if unread else []


def each(paths: Sequence[Path], read_one: Callable[[Path], Part]) -> list[Part]:
    """Parts of several files; among several, one that cannot be read at all is one row set aside, and the rest loads.

    Raises
    ------
    ToolkitError
        If no file can be read: what the first one says.
    """
    parts: list[Part] = []
    failed: list[errors.ToolkitError] = []
    for path in paths:
        try:
            parts.append(read_one(path))
        except errors.ToolkitError as error:
            failed.append(error)
            entry = Read(path.as_posix(), "not read", rows_in=1)
            entry.refuse(0, str(error))
            parts.append((entry, None))
    if len(failed) == len(parts):
        raise failed[0]
    return parts


def head_of(path: Path) -> list[bytes]:
    """First lines of a file.

    Raises
    ------
    ToolkitError
        If it holds no line, or none that can be read.
    """
    lines = Lines(path)
    head = lines.head()
    if not head:
        name = path.as_posix()
        raise errors.unreadable(name, lines.cut) if lines.cut else errors.empty_file(name, lines.n_bytes)
    return head


def described(head: Sequence[bytes]) -> str:
    """What the first lines of a file look like, in words that quote no value."""
    first = head[0]
    kind = kind_of(first)
    if kind is not None:
        return f"{kind[1] or 'unnamed'} events"
    if b"\0" in first or first.startswith((b"PAR1", b"\x89PNG", b"PK")):
        return "binary data"
    if first.lstrip().startswith((b"{", b"[")):
        return "JSON of another form"
    for sign, word in ((b"\t", "tab"), (b",", "comma")):
        if sign in first:
            columns = first.decode(errors="replace").split(sign.decode())
            return f"a {word} separated table that starts with the columns {errors.quoted(columns[:4])}"
    return "text of another form"
