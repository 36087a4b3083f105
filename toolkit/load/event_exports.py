"""Events of one schema in whatever form they were exported, to the same columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from toolkit import errors, reference
from toolkit.load import refined, request_logs, sheets
from toolkit.load.batch import Aside, Batch, Options, Piece
from toolkit.load.beacon_event import Reason, capsules, holds_beacon_events
from toolkit.load.event_schema import edition_in_use, event_schema
from toolkit.load.event_table import time
from toolkit.load.events import LOADERS, batch_of, batches, kind_of
from toolkit.load.head import Head, head_of
from toolkit.load.interaction import interaction, is_interaction
from toolkit.load.json_text import blocks
from toolkit.load.sources import Lines
from toolkit.schema import beside_enum

SHAPES = ("events", "requests", "table")
MODULE = "HomepageModule"
# names that a row has once it stood in a table of the cluster, and no event line
REFINED = {"webhost", "recvfrom", "seqid", "_schema", "year", "month", "day", "hour", "datacenter", "geocoded_data"}
REFINED |= {"normalized_host", "is_wmf_domain", "user_agent_map"}
ACCEPTS = "event lines, /beacon/event requests, exports of Hive, Presto, Spark, Superset and MySQL, Parquet, frames"


def shape_of(head: Head, name: str) -> str | None:
    """How the events of a file stand in it; null where it holds none of this schema."""
    if request_logs.has_queries(head) and head.holds(b"/beacon/event"):
        return "requests" if name in _sent(head) else None
    kinds = [kind for kind in map(kind_of, head.rows) if kind is not None] if head.form == "JSON" else []
    if kinds and not REFINED & set(head.columns):
        return "events" if any(found in {name, ""} for _, found in kinds) else None
    if head.form in {"text", "JSON"} and holds_beacon_events(head.rows):
        return "requests" if name in _sent(head) else None
    in_stream = name == MODULE and is_interaction(head.columns)
    return "table" if in_stream or refined.is_refined(head.columns, name) else None


def _sent(head: Head) -> set[str]:
    """Schemas of the events in some requests; all of them where none can be read, so that each line says why."""
    rows = (row.replace(b"\\/", b"/").replace(b'","uri_query":"', b"") for row in head.rows)
    sent = [text for _, text in capsules(enumerate(rows)) if not isinstance(text, Reason)]
    return {kind[1] for kind in map(kind_of, sent) if kind is not None} or set(LOADERS)


def event_batches(piece: Piece, name: str, options: Options, head: Head | None = None) -> Iterator[Batch]:
    """Batches of event columns: see `toolkit.load.events.batches`.

    Raises
    ------
    ToolkitError
        If the file holds something else.
    """
    head = head or head_of(piece)
    shape = options.shape or shape_of(head, name)
    if shape == "events":
        for batch in batches(piece, name, options):
            yield _dated(batch, name)
    elif shape == "requests":
        yield from _of_requests(piece, name, options, head)
    elif shape == "table" and name == MODULE and is_interaction(head.columns):
        for batch in sheets.read_table(piece, head, options):
            yield _held_to_enums(interaction(batch, options), name)
    elif shape == "table":
        for batch in sheets.read_table(piece, head, options):
            yield _held_to_enums(_dated(refined.events(batch, name, options, piece.path), name), name)
    else:
        found, instead = described(head)
        raise errors.wrong_kind(piece.path.as_posix(), found, LOADERS[name], [f"{name} events: {ACCEPTS}"], instead)


def _of_requests(piece: Piece, name: str, options: Options, head: Head) -> Iterator[Batch]:
    """Events that clients sent, in the lines of a log or in the queries of a table."""
    found = _queries(piece, head, options) if request_logs.has_queries(head) else _logged(piece)
    for lines, others in found:
        sent = list(capsules(lines))
        good = [(number, text) for number, text in sent if not isinstance(text, Reason)]
        raw = dict(lines)
        bad = [Aside(number, why, raw[number]) for number, why in sent if isinstance(why, Reason)]
        batch = batch_of(good, name, options)
        aside = [*batch.aside, *bad, *others.aside]
        shape = f"{name}, requests of /beacon/event"
        done = replace(
            batch, aside=aside, rows_in=batch.frame.height + len(aside), shape=shape, left_out=others.left_out
        )
        yield _dated(done, name)


def _queries(piece: Piece, head: Head, options: Options) -> Iterator[tuple[list[tuple[int, bytes]], Batch]]:
    """Requests of a table as lines of a log, and the batch of which they were."""
    line = pl.format("{} /beacon/event{}", pl.col("dt").fill_null("-"), pl.col(request_logs.QUERY))
    for batch in request_logs.requests(piece, head, "/beacon/event", options):
        rows = batch.frame.select("line", line.alias("text")).iter_rows()
        yield [(number, text.encode()) for number, text in rows], batch


def _logged(piece: Piece) -> Iterator[tuple[list[tuple[int, bytes]], Batch]]:
    """Lines of a log that are not blank, and what was set aside beside them."""
    lines = Lines(piece)
    nothing = Batch(pl.DataFrame(schema={"line": pl.Int64}))
    for first, block in lines:
        numbered = ((number, line.removesuffix(b"\r")) for number, line in enumerate(block, first))
        yield [(number, line) for number, line in numbered if line.strip()], nothing
    if lines.cut is not None:
        yield [], nothing.cut_off(lines.n_lines, lines.cut)


def _dated(batch: Batch, name: str) -> Batch:
    """Batch whose times are times, and in which a row that names no edition has the one in use at its time."""
    batch = batch.with_frame(batch.frame.with_columns(time("dt"), time("client_dt")))
    n = batch.frame["edition"].null_count()
    if n == 0:
        return batch
    frame = batch.frame.with_columns(pl.coalesce("edition", edition_in_use(name)))
    note = "Rows that name no edition of their schema are held against the one in use at their time."
    return replace(batch, frame=frame, notes=[*batch.notes, note])


def _held_to_enums(batch: Batch, name: str) -> Batch:
    """Batch of a table's rows with the marks of values that their edition does not list."""
    schemas = {edition: reference.schema(name.lower(), edition) for edition in reference.editions(name.lower())}
    fields = [field for field, sub in event_schema(name)["properties"].items() if "enum" in sub]
    beside = [beside_enum(schemas, field, value=f"event.{field}") for field in fields]
    late = pl.any_horizontal(pl.lit(value=False), *(found.is_in(["later", "earlier"]) for found in beside))
    unknown = pl.any_horizontal(pl.lit(value=False), *(found == "unknown" for found in beside))
    known = [*schemas, *reference.editions("homepage_module_interaction")]
    no_edition = pl.col("edition").is_not_null() & ~pl.col("edition").is_in(known)
    return batch.with_frame(
        batch.frame.with_columns(
            late.fill_null(value=False).alias("late value"),
            unknown.fill_null(value=False).alias("unknown value"),
            no_edition.alias("unknown edition"),
        )
    )


def by_lines(path: Path, options: Options) -> bool:
    """Whether each row of a file is one line."""
    del options
    return head_of(Piece(path)).by_lines


def raw_rows(piece: Piece, lines: frozenset[int], options: Options) -> Iterator[tuple[int, bytes]]:
    """Rows of a piece at some of its lines once more, as they stand in it; rows of typed columns as JSON."""
    head = head_of(piece)
    if head.form in {"frame", "Parquet"}:
        for batch in sheets.read_table(piece, head, options):
            for cells in batch.frame.filter(pl.col("line").is_in(sorted(lines))).iter_rows(named=True):
                number = cells.pop("line")
                yield number, json.dumps(cells, default=str).encode()
    else:
        for numbers, rows in blocks(piece, Lines(piece)):
            for number, row in zip(numbers, rows, strict=True):
                if number in lines:
                    yield number, row.rstrip(b"\r\n")


def described(head: Head) -> tuple[str, str | None]:
    """What a file looks like, in words that quote no value; and the loader that reads it, where one does."""
    kinds = [kind for kind in map(kind_of, head.rows) if kind is not None]
    if kinds:
        name = next((name for _, name in kinds if name), "")
        return f"{name or 'unnamed'} events", LOADERS.get(name)
    of_table = next(
        (name for name in LOADERS if head.columns and "event" not in head.columns and shape_of(head, name)), None
    )
    return (f"{of_table} events", LOADERS[of_table]) if of_table else (_look(head), None)


def _look(head: Head) -> str:
    names = errors.quoted(head.columns[:4])
    if head.form == "frame" and not names:
        return "a frame without columns"
    if head.form in {"frame", "Parquet"}:
        return f"a {'frame' if head.form == 'frame' else 'Parquet file'} with the columns {names}"
    if head.form == "JSON":
        return "JSON of another form"
    first = head.rows[0]
    if b"\0" in first or first.startswith((b"\x89PNG", b"PK")):
        return "binary data"
    sign = next((word for sign, word in ((b"\t", "tab"), (b",", "comma")) if sign in first), None)
    if sign is None:
        return "text of another form"
    return f"a {sign} separated table " + (
        f"that starts with the columns {names}" if names else "whose header is no UTF-8"
    )
