"""Requests of `/beacon/impression`, in whatever log they stand, to one column for each parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import polars as pl

from toolkit import errors
from toolkit.load.batch import Aside, Batch, Options, Piece
from toolkit.load.beacon import parameters
from toolkit.load.head import Head
from toolkit.load.json_text import blocks
from toolkit.load.sheets import read_table, texts_of
from toolkit.load.sources import Lines

PATH = "/beacon/impression"
QUERY = "uri_query"
READ = ("uri_path", "dt", "agent_type")
PRIVATE = (
    *("ip", "client_ip", "x_forwarded_for", "user_agent", "user_agent_map", "referer", "accept_language"),
    *("x_analytics", "x_analytics_map", "geocoded_data", "isp_data", "tls", "tls_map", "ch_ua"),
    *("subdivision", "city", "postal_code"),
)


def holds_requests(head: Head) -> bool:
    """Whether a file holds requests: a column of queries, or the address in its lines.

    Examples
    --------
    >>> holds_requests(Head("text", ["line"], [b"https://de.wikipedia.org/beacon/impression?country=DE&statusCode=6"]))
    True
    """
    return QUERY in head.columns or (head.form in {"JSON", "text"} and head.holds(PATH.encode()))


def batches(piece: Piece, head: Head, options: Options) -> Iterator[Batch]:
    """Requests of one file: line, dt (text), agent_type, and the parameters that the toolkit reads."""
    if head.form == "JSON" and QUERY in head.columns:
        yield from _of_rows(piece, options)
    elif QUERY in head.columns:
        for batch in read_table(piece, head, options):
            yield _table(batch, options)
    else:
        yield from _of_lines(piece, options)


def _table(batch: Batch, options: Options) -> Batch:
    """Requests in a table with a column of queries, and of the time, the path and the agent's type where it has them."""
    frame = batch.frame
    shape = batch.shape if batch.shape.startswith("request log") else f"request log, {batch.shape}"
    private = [name for name in PRIVATE if name in frame.columns]
    left_out = Counter({name: frame.height for name in private if name not in options.keep})
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in READ if name not in frame.columns]
    other = pl.col("uri_path").is_not_null() & (pl.col("uri_path") != PATH)
    found = batch.with_frame(frame.with_columns(absent)).without(
        other | pl.col(QUERY).is_null(),
        pl.when(other)
        .then(pl.format("a request of '{}', not of '{}'", "uri_path", pl.lit(PATH)))
        .otherwise(pl.lit("'uri_query' is missing")),
    )
    kept = [name for name in private if name in options.keep]
    columns = found.frame.select("line", pl.col("dt").cast(pl.String), pl.col("agent_type").fill_null("user"), *kept)
    done = pl.concat([columns, parameters(found.frame, QUERY)], how="horizontal")
    return replace(found.with_frame(done), left_out=left_out, shape=shape)


def _of_rows(piece: Piece, options: Options) -> Iterator[Batch]:
    """Rows of webrequest as JSON; of private fields only those that are wanted are read."""
    texts = (QUERY, *READ)
    fields = [(name, str | None, None) for name in texts] + [(name, msgspec.Raw | None, None) for name in PRIVATE]
    decode = msgspec.json.Decoder(msgspec.defstruct("Request", fields)).decode
    schema = {"line": pl.Int64, **dict.fromkeys((*texts, *PRIVATE), pl.String)}
    lines = Lines(piece)
    batch = None
    for numbers, found_lines in blocks(piece, lines):
        rows: list[tuple[object, ...]] = []
        aside: list[Aside] = []
        for number, line in zip(numbers, found_lines, strict=True):
            if not line.strip():
                continue
            try:
                line.decode()
                found = decode(line)
            except UnicodeDecodeError as error:
                aside.append(Aside(number, errors.no_utf8(line, error.start), line))
            except (msgspec.DecodeError, RecursionError) as error:
                aside.append(Aside(number, f"no row of webrequest: {str(error).replace('`', chr(39))}", line))
            else:
                raw = (getattr(found, name) for name in PRIVATE)
                cells = [None if cell is None else bytes(cell).decode().strip('"') for cell in raw]
                rows.append((number, *(getattr(found, name) for name in texts), *cells))
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        empty = [name for name in PRIVATE if frame[name].null_count() == frame.height]
        batch = Batch(frame.drop(empty), aside, frame.height + len(aside), "request log, JSON rows")
        yield _table(batch, options)
    if batch is not None and lines.cut is not None:
        yield _table(batch.cut_off(lines.n_lines, lines.cut), options)


def _of_lines(piece: Piece, options: Options) -> Iterator[Batch]:
    """Requests found in lines of any form, with the first time and the agent's type if the line has them."""
    lines = Lines(piece)
    batch = None
    for first, block in lines:
        batch = _in_lines(texts_of(first, block, "request log, lines"))
        yield _table(batch, options)
    if batch is not None and lines.cut is not None:
        yield _table(batch.cut_off(lines.n_lines, lines.cut), options)


def _in_lines(batch: Batch) -> Batch:
    text = pl.col("text")
    common = text.str.extract(r"\[(\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\]")  # as in combined log format
    in_log = common.str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="ms", time_zone="UTC", strict=False)
    query = text.str.extract(PATH + r"\t?(\?[^\s\"'<>]*)")
    found = batch.without(query.is_null(), pl.lit(f"holds no request of {PATH!r} with a query"))
    return found.with_frame(
        found.frame.select(
            "line",
            query.alias(QUERY),
            dt=pl.coalesce(
                text.str.extract(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)"),
                in_log.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            ),
            agent_type=text.str.extract(r"\t(user|spider|automated)(?:\t|$)"),
        )
    )
