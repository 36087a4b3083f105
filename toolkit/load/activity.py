"""Druid's banner_activity, in whatever form it was exported, to its columns with counts that are numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from toolkit.load import druid, sheets
from toolkit.load.batch import Batch, Options, Piece
from toolkit.load.head import Head
from toolkit.load.json_text import blocks
from toolkit.load.sources import Lines


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
    found = _of_result(piece, form, options) if form else sheets.read_table(piece, head, options)
    for at, some in enumerate(found):
        batch = druid.without_types(some) if at == 0 and head.form == "text" else some
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


def _form(head: Head) -> str | None:
    return druid.shape_of(head.start) if head.form == "JSON" else None


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
    if lines.cut is not None:
        yield batch.cut_off(lines.n_lines, lines.cut)
