"""Tab and comma separated files to columns of text: no type is inferred, no row of another length is mended."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from toolkit.load.events import Read
from toolkit.load.sources import Lines


def read_tsv(path: Path, shape: str) -> Read:
    """Read a tab separated file with a header and no quoting; every column is text.

    A line with another number of fields than the header is set aside.
    """
    done = Read(path.as_posix(), shape)
    lines = Lines(path)
    header: list[str] = []
    for first, block in lines:
        numbered = list(_texts(done, first, block))
        if not header and numbered:
            header = numbered.pop(0)[1].split("\t")
            done.rows_in -= 1  # the header is no row
        frame = pl.DataFrame(numbered, schema={"line": pl.Int64, "text": pl.String}, orient="row")
        n_tabs = pl.col("text").str.count_matches("\t", literal=True)
        due = len(header) - 1
        for number, found in frame.filter(n_tabs != due).select("line", n_tabs).iter_rows():
            done.refuse(number, _other_length(found + 1, due + 1))
        fields = (
            frame.filter(n_tabs == due)
            .with_columns(pl.col("text").str.split_exact("\t", due).struct.rename_fields(header))
            .unnest("text")
        )
        done.frames.append(fields)
    done.close(lines)
    return done


def read_csv(path: Path, shape: str) -> Read:
    """Read a comma separated file with a header, quoted fields allowed; every column is text, an empty field is null.

    A record with another number of fields than the header is set aside, under the line in which it starts.
    """
    done = Read(path.as_posix(), shape)
    lines = Lines(path)
    texts = ((number, text) for first, block in lines for number, text in _texts(done, first, block))
    line = 0

    def fed() -> Iterator[str]:
        nonlocal line
        for number, text in texts:
            line = number
            yield text + "\n"

    records = csv.reader(fed(), strict=True)
    header: list[str] = []
    rows: list[list[str | int | None]] = []
    while True:
        start = done.rows_in
        try:
            record = next(records)
        except StopIteration:
            break
        except csv.Error as error:
            done.rows_in = start + 1
            done.refuse(line, f"quotes do not match: {error}")
            continue
        done.rows_in = start + 1  # a quoted field may hold line ends: one record, several lines
        if not header:
            header = record
            done.rows_in = start
        elif len(record) != len(header):
            done.refuse(line, _other_length(len(record), len(header)))
        else:
            rows.append([line, *(field or None for field in record)])
    done.frames.append(pl.DataFrame(rows, schema={"line": pl.Int64, **dict.fromkeys(header, pl.String)}, orient="row"))
    done.close(lines)
    return done


def _texts(done: Read, first: int, block: list[bytes]) -> Iterator[tuple[int, str]]:
    """Lines as text with their numbers; what is no UTF-8 is set aside, blank lines hold no row."""
    for number, line in enumerate(block, first):
        stripped = line.removesuffix(b"\r")
        if not stripped.strip(b" "):
            continue
        done.rows_in += 1
        try:
            yield number, stripped.decode()
        except UnicodeDecodeError as error:
            done.refuse(number, f"no UTF-8: byte 0x{stripped[error.start]:02x} at column {error.start + 1}")


def _other_length(found: int, due: int) -> str:
    return f"{found} field{'s' if found != 1 else ''} where the header has {due}"
