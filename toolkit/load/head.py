"""The first rows of a file, by which its shape is told: never its name, never a fault on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import polars as pl

from toolkit import errors
from toolkit.load.batch import Piece
from toolkit.load.json_text import blocks, is_lines
from toolkit.load.sheets import flat_names, header_of
from toolkit.load.sources import START, Lines

ROWS = 1000
PARQUET = b"PAR1"


@dataclass(frozen=True)
class Head:
    """What a file begins with.

    Attributes
    ----------
    form : str
        `frame`, `Parquet`, `JSON` or `text`.
    columns : sequence of str
        Names of a table's columns, nested ones with a dot; of JSON the keys of the first object; empty where there are none.
    rows : sequence of bytes
        First rows of text or JSON, those that are not blank.
    """

    form: str
    columns: Sequence[str] = ()
    rows: Sequence[bytes] = ()
    by_lines: bool = False  # whether each row is one line
    start: bytes = b""  # first bytes of the text

    def holds(self, text: bytes) -> bool:
        """Whether one of the rows has this text in it."""
        return any(text in row for row in self.rows)


def head_of(piece: Piece) -> Head:
    """First rows of a file, or the columns of a frame.

    Raises
    ------
    ToolkitError
        If the file is empty or nothing of it can be read.
    """
    if piece.frame is not None:
        return Head("frame", flat_names(piece.frame.schema))
    with piece.path.open("rb") as file:
        start = file.read(len(PARQUET))
    if start == PARQUET:
        return Head("Parquet", _parquet_names(piece))
    lines = Lines(piece)
    probe = Lines(piece)
    start = probe.start()
    first = [line.strip(b"\r") for line in start.split(b"\n") if line.strip()]
    is_whole = len(start) < START and probe.cut is None  # else the last line may break off
    rows = (first if is_whole else first[:-1])[:ROWS] if first and is_lines(first) else []
    for _, found in blocks(piece, lines) if not rows else ():
        rows = [row.strip(b"\r\n") for row in found[:ROWS] if row.strip()]
        if rows:
            break
    name = piece.path.as_posix()
    if not rows:
        raise errors.unreadable(name, lines.cut) if lines.cut else errors.empty_file(name, lines.n_bytes)
    alike = [row.lstrip().startswith((b"{", b"[")) for row in rows]
    if alike[0] or 2 * sum(alike) >= len(rows):
        return Head("JSON", _keys(rows), rows, is_lines(first), start)
    names = header_of(rows[0])
    return Head("text", names, rows, not names, start)


def _parquet_names(piece: Piece) -> list[str]:
    try:
        return flat_names(pl.scan_parquet(piece.path, glob=False).collect_schema())
    except (pl.exceptions.PolarsError, OSError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise errors.unreadable(
            piece.path.as_posix(), f"it is no whole Parquet file ({why}); copy or export it again"
        ) from None


def _keys(rows: Sequence[bytes]) -> list[str]:
    for row in rows:
        try:
            found = msgspec.json.decode(row)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(found, dict):
            inner = [f"{key}.{name}" for key, value in found.items() if isinstance(value, dict) for name in value]
            return [*found, *inner]
    return []
