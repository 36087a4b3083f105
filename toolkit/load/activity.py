"""Druid's banner_activity, in whatever form it was exported, to its columns with counts that are numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import polars.selectors as cs

from toolkit import errors
from toolkit.load import druid, sheets
from toolkit.load.batch import Batch, Options, Piece
from toolkit.load.head import Head
from toolkit.load.json_text import blocks
from toolkit.load.sources import PACKED, Lines


def holds_activity(head: Head) -> bool:
    """Whether a file holds rows of banner_activity.

    Examples
    --------
    >>> holds_activity(Head("text", ["Status code", "Time", "Normalized request count"], [b"..."]))
    True
    """
    return _form(head) is not None or druid.is_activity(head.columns)


def batches(piece: Piece, head: Head, options: Options) -> Iterator[Batch]:
    """Rows of one file: the columns of banner_activity as text, request_count as a number, `normalized`, line."""
    form = _form(head)
    if form is None and head.form == "text" and not options.columns and not druid.is_activity(head.columns):
        rule = "names the columns of a table without a header, such as columns=['status_code', 'requests']"
        raise errors.not_allowed("columns", [], rule)
    found = _of_result(piece, form, options) if form else sheets.read_table(piece, head, options)
    for at, some in enumerate(found):
        batch = druid.without_types(some) if at == 0 and head.form == "text" else some
        if _is_turnilo_tsv(batch):
            batch = batch.with_frame(batch.frame.with_columns(cs.string().str.replace_all('""', '"', literal=True)))
        canonical = druid.canonical(batch.frame, options.requests, form or "")
        count = pl.col("request_count")
        number = count.cast(pl.Int64, strict=False)
        wrong = number.is_null() | (number < 0)
        found_count = pl.format("'request_count' is '{}' where a whole number is due", count.str.head(40))
        reason = pl.when(count.is_null()).then(pl.lit("'request_count' is missing")).otherwise(found_count)
        named = replace(batch.with_frame(canonical.frame), notes=[*batch.notes, *canonical.notes]).without(
            wrong, reason
        )
        shape = form or f"Druid banner_activity, {batch.shape}"
        counted = named.frame.with_columns(number)
        yield replace(
            named,
            frame=counted,
            shape=shape,
            unread=batch.unread + Counter(dict.fromkeys(canonical.unread, canonical.frame.height)),
        )


def _is_turnilo_tsv(batch: Batch) -> bool:
    """Whether rows are those of Turnilo's TSV, by the titles over them: quotes in it are doubled, and none is around a cell."""
    return batch.shape == "tab separated" and any(name != name.lower() for name in batch.frame.columns)


def _form(head: Head) -> str | None:
    return druid.shape_of(head.start) if head.form == "JSON" else None


def _ends_blank(path: Path) -> bool:
    """Whether a file ends with a blank line; of packed ones it is not asked."""
    with path.open("rb") as file:
        is_packed = file.read(4).startswith(PACKED)
        file.seek(max(path.stat().st_size - 4, 0))
        return is_packed or file.read().replace(b"\r", b"").endswith(b"\n\n")


def _of_result(piece: Piece, form: str, options: Options) -> Iterator[Batch]:
    lines = Lines(piece)
    batch = Batch(pl.DataFrame(schema={"line": pl.Int64}), shape=form)
    elements = (
        (number, row.strip())
        for numbers, rows in blocks(piece, lines)
        for number, row in zip(numbers, rows, strict=True)
    )
    for frame, aside in druid.frames(((number, row) for number, row in elements if row), form, options.columns):
        batch = Batch(frame, aside, frame.height + len(aside), form)
        yield batch
    if form.endswith("Lines") and not _ends_blank(piece.path):
        note = "Druid ends such a result with a blank line; there is none, so that the export may have been cut short."
        yield Batch(batch.frame.clear(), shape=form, notes=[note])
    if lines.cut is not None:
        yield batch.cut_off(lines.n_lines, lines.cut)
