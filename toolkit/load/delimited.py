"""Tab and comma separated files, and plain lines, to columns of text: no type is inferred, no row of another length is mended."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from toolkit import errors
from toolkit.load.events import Read
from toolkit.load.sources import Lines


def read_tsv(path: Path, shape: str) -> Read:
    """Read a tab separated file with a header and no quoting; every column is text.

    A line with another number of fields than the header is set aside.

    Raises
    ------
    ToolkitError
        If the header is no UTF-8 or names a column twice.
    """
    done = Read(path.as_posix(), shape)
    lines = Lines(path)
    header: list[str] = []
    for start, rows in lines:
        first, block = start, rows
        if not header:
            header, first, block = _headed(path, start, rows, lambda text: text.split("\t"))
        numbered = list(_texts(done, first, block))
        frame = pl.DataFrame(numbered, schema={"line": pl.Int64, "text": pl.String}, orient="row")
        n_tabs = pl.col("text").str.count_matches("\t", literal=True)
        due = len(header) - 1
        for number, found in frame.filter(n_tabs != due).select("line", n_tabs).iter_rows():
            done.refuse(number, _other_length(found + 1, due + 1))
        fields = pl.col("text").str.split_exact("\t", due).struct.rename_fields(header)
        done.frames.append(frame.filter(n_tabs == due).with_columns(fields).unnest("text"))
    done.close(lines)
    return done


def read_csv(path: Path, shape: str) -> Read:
    """Read a comma separated file with a header, fields quoted or not; every column is text, an empty field is null.

    One line is one record: the exports read here hold no line end in a field. A line whose quotes do not match, or
    with another number of fields than the header, is set aside and takes no other line with it.

    Raises
    ------
    ToolkitError
        If the header is no UTF-8 or names a column twice.
    """
    done = Read(path.as_posix(), shape)
    lines = Lines(path)
    header: list[str] = []
    rows: list[list[str | int | None]] = []
    for start, all_lines in lines:
        first, block = start, all_lines
        if not header:
            header, first, block = _headed(path, start, all_lines, lambda text: next(csv.reader([text], strict=True)))
        for number, text in _texts(done, first, block):
            try:
                (record,) = csv.reader([text], strict=True)
            except csv.Error as error:
                done.refuse(number, f"its fields cannot be told apart: {error}")
                continue
            if len(record) == len(header):
                rows.append([number, *(field or None for field in record)])
            else:
                done.refuse(number, _other_length(len(record), len(header)))
    done.frames.append(pl.DataFrame(rows, schema={"line": pl.Int64, **dict.fromkeys(header, pl.String)}, orient="row"))
    done.close(lines)
    return done


def read_lines(path: Path, shape: str) -> Read:
    """Read a file as lines of text: columns line and text."""
    done = Read(path.as_posix(), shape)
    lines = Lines(path)
    for first, block in lines:
        texts = list(_texts(done, first, block))
        done.frames.append(pl.DataFrame(texts, schema={"line": pl.Int64, "text": pl.String}, orient="row"))
    done.close(lines)
    return done


def _headed(
    path: Path, first: int, block: list[bytes], parted: Callable[[str], list[str]]
) -> tuple[list[str], int, list[bytes]]:
    """Names of the columns in the first line that is not blank; number and lines of what follows it."""
    at = next(at for at, line in enumerate(block) if line.strip())
    try:
        names = parted(block[at].removesuffix(b"\r").decode())
    except UnicodeDecodeError as error:
        raise errors.unreadable(path.as_posix(), f"its header is no UTF-8 at column {error.start + 1}") from None
    except csv.Error as error:
        raise errors.unreadable(path.as_posix(), f"the columns of its header cannot be told apart: {error}") from None
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.unreadable(path.as_posix(), f"its header names {errors.quoted(twice)} more than once")
    # the number of a row's line has the name `line` here
    return ["line in the file" if name == "line" else name for name in names], first + at + 1, block[at + 1 :]


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
            done.refuse(number, errors.no_utf8(stripped, error.start))


def _other_length(found: int, due: int) -> str:
    return f"{found} field{'s' if found != 1 else ''} where the header has {due}"
