"""JSON text to its rows: one on each line, the elements of an array, or objects that are printed over several lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolkit.load.batch import Piece
from toolkit.load.sources import Lines

SCAN = json.JSONDecoder()  # finds where an element ends; whether it is right is judged later
LOOK = 50  # first lines that tell the layout
BLANK = " \t\r\n"
PARTED = re.compile(r"\},\s*(?=\{)")
JOINT = re.compile(r"\][ \t\r\n,]*\[")  # between two arrays, one after the other
ARRAY = re.compile(rb"\[\s*[{\]]")  # of objects, or of nothing: no row that is itself a list
NO_BLANK = b"\x0b"  # stands for a line end in what is no JSON, and keeps it from becoming JSON


def is_lines(head: Sequence[bytes]) -> bool:
    r"""Whether JSON text has one row on each line, by its first lines that are not blank.

    Examples
    --------
    >>> is_lines([b'{"a": 1}', b'{"a": 2}']), is_lines([b'["a", "b"]', b'["c", "d"]'])
    (True, True)
    >>> is_lines([b'[{"a": 1}]', b'[{"a": 2}]'])
    False
    >>> is_lines([b"[", b'{"a": 1},']), is_lines([b"{", b'"a": 1', b"}"]), is_lines([b'[{"a": 1}, {"a": 2}]'])
    (False, False, False)
    """
    rows = [row.strip() for row in head[:LOOK]]
    first = rows[0]
    if not first.startswith((b"{", b"[")):
        return True
    is_whole = _end(first.decode("latin-1"), 0) == len(first)
    if is_whole and ARRAY.match(first) and not any(row.startswith(b"{") for row in rows):
        return False
    if is_whole and (first.startswith(b"{") or any(row.startswith((b"{", b"[")) for row in rows[1:])):
        return True
    # a broken row among others that begin alike, or the first line of an element printed over several
    opens = not is_whole and first.endswith((b"{", b"[", b","))
    if first.startswith(b"["):
        return not opens and len(rows) > 1 and rows[1].startswith(b"[")
    alike = sum(row.startswith(b"{") for row in rows) - opens
    return 2 * alike >= len(rows)


def blocks(piece: Piece | Path, lines: Lines) -> Iterator[tuple[Sequence[int], list[bytes]]]:
    r"""Rows of a file, a block at a time: the numbers of their lines, and their bytes, each with `\n` at its end.

    A row that stands on several lines has the number of the first, and blanks in place of its line ends. What is no
    JSON is a row too: what follows it is found again at the next row.
    """
    if is_lines(Lines(piece).head() or [b""]):
        for first, rows in lines.ended():
            yield range(first, first + len(rows)), rows
    else:
        yield from _elements(lines)


def _elements(lines: Lines) -> Iterator[tuple[list[int], list[bytes]]]:
    held: list[str] = []
    size, due, line, opened, is_array = 0, 0, 1, False, False
    for chunk in lines.chunks():
        held.append(chunk.decode("latin-1"))  # one sign for each byte
        size += len(held[-1])
        if size < due:
            continue
        text = "".join(held)
        if not opened:
            body = text.lstrip(BLANK)
            line += text.count("\n", 0, len(text) - len(body))
            opened, is_array, text = True, body.startswith("["), body.removeprefix("[")
        numbers, rows, rest, line = _cut(text, line, last=False)
        held, size = [rest], len(rest)
        due = 2 * size  # an element that goes on is not read again before there is twice as much of it
        if numbers:
            yield numbers, rows
    text = "".join(held)
    numbers, rows, rest, _ = _cut(text, line, last=lines.cut is None)
    if numbers:
        yield numbers, rows
    if is_array and rest == "" and lines.cut is None:
        lines.cut, lines.n_lines = "the array is not closed: the export may have been cut short", lines.n_lines + 1


def _cut(text: str, line: int, *, last: bool) -> tuple[list[int], list[bytes], str, int]:
    """Elements in the text, with the numbers of their lines; the text that is left, and the number of its line."""
    numbers: list[int] = []
    rows: list[bytes] = []
    at = counted = 0
    while True:
        while at < len(text) and (text[at] in BLANK or text[at] == ","):
            at += 1
        line += text.count("\n", counted, at)
        counted = at
        if joint := JOINT.match(text, at):
            at = joint.end()
            continue
        if at == len(text) or (last and text[at] == "]" and not text[at + 1 :].strip(BLANK)):
            return numbers, rows, text[at : at + 1], line
        end = _end(text, at)
        sign = b" "
        if end is None:
            end, sign = _next(text, at), NO_BLANK
            if end is None and not last:
                return numbers, rows, text[at:], line
        row = text[at:end] if end is None or sign == b" " else text[at:end].rstrip(BLANK + ",")
        rows.append(row.rstrip(BLANK).encode("latin-1").replace(b"\n", sign) + b"\n")
        numbers.append(line)
        if end is None:  # an element that breaks off, and says so itself
            return numbers, rows, text[at:], line
        at = end


def _end(text: str, at: int) -> int | None:
    """Where the JSON value that starts here ends; null where none does."""
    try:
        end: int = SCAN.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return None
    return end


def _next(text: str, at: int) -> int | None:
    """Where the next element starts after one that is broken: on a line like its own, or after `},`."""
    try:
        SCAN.raw_decode(text, at)
    except json.JSONDecodeError as error:
        if error.pos >= len(text) - len("false") or error.msg.startswith("Unterminated"):
            return None  # not broken, as far as this text goes
    except RecursionError:
        pass
    start = text.rfind("\n", 0, at) + 1
    indent = text[start:at]
    alike = "\n" + indent + text[at] if not indent.strip(BLANK) else None
    found = text.find(alike, at) if alike else -1
    while alike and found != -1:
        if _end(text, found + len(alike) - 1) is not None:
            return found + 1
        found = text.find(alike, found + 1)
    starts = (parted.end() for parted in PARTED.finditer(text, at))
    return next((start for start in starts if _end(text, start) is not None), None)
