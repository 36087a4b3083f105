"""Requests of `/beacon/impression`, in whatever log they stand, to one column for each parameter."""

from __future__ import annotations

import re
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
ALONE = (
    r"(?:^|[\t,\"])(\?(?:[^\s\"<>]*&)?statusCode=[^\s\"<>]*)"  # a query in a field of its own, with no path in the file
)
BESIDE = r"'[^\s\"']*"  # a single quote before an address, which then ends at the next one
READ = ("uri_path", "dt", "agent_type")
PRIVATE = (
    *("ip", "client_ip", "x_forwarded_for", "user_agent", "user_agent_map", "referer", "accept_language"),
    *("x_analytics", "x_analytics_map", "geocoded_data", "isp_data", "tls", "tls_map", "ch_ua"),
    *("subdivision", "city", "postal_code"),
)
KEPT = (QUERY, "country_code")  # loaded if `keep` names them; no private fields


def has_queries(head: Head) -> bool:
    """Whether a file is a table or rows of JSON with a column of queries, whatever stands before its name.

    Examples
    --------
    >>> has_queries(Head("text", ["webrequest.dt", "webrequest.uri_query"]))
    True
    """
    return QUERY in map(_plain, head.columns)


def holds_requests(head: Head) -> bool:
    r"""Whether a file holds requests of `/beacon/impression`: in a column of queries, or in its lines.

    Examples
    --------
    >>> holds_requests(Head("text", ["line"], [b"https://de.wikipedia.org/beacon/impression?country=DE&statusCode=6"]))
    True
    >>> holds_requests(Head("text", ["line"], [b"2026-03-02T00:00:00Z\t?country=DE&statusCode=6"]))
    True
    """
    if has_queries(head):  # of which requests, the path says where there is one
        return not head.holds(b"/beacon/event") or head.holds(PATH.encode())
    return head.form in {"JSON", "text"} and (head.holds(PATH.encode()) or _stands_alone(head))


def _stands_alone(head: Head) -> bool:
    """Whether lines of text hold queries of `/beacon/impression` without the path, as a column of them does."""
    is_text = head.form == "text" and not (head.holds(PATH.encode()) or head.holds(b"/beacon/"))
    return is_text and any(re.search(ALONE.encode(), row) for row in head.rows)


def batches(piece: Piece, head: Head, options: Options) -> Iterator[Batch]:
    """Requests of one file: line, dt (text), agent_type, and the parameters that the toolkit reads."""
    found = requests(piece, head, PATH, options) if has_queries(head) else _of_lines(piece, head, options)
    for batch in found:
        frame = batch.frame
        rest = frame.select(pl.exclude("uri_path", *({QUERY} - {*options.keep})))
        yield batch.with_frame(pl.concat([rest, parameters(frame, QUERY)], how="horizontal"))


def requests(piece: Piece, head: Head, path: str, options: Options) -> Iterator[Batch]:
    """Requests of one path in a table, or in rows of JSON, that has a column of queries.

    Yields
    ------
    Batch
        Columns line, uri_query, dt, agent_type as text, and the private ones that were asked for.
    """
    found = _of_rows(piece) if head.form == "JSON" else read_table(piece, head, options)
    for batch in found:
        yield _table(batch, path, options)


def _plain(name: str) -> str:
    """Name of a column without the table's, as Hive writes it."""
    return name.rpartition(".")[2].lower() if name.count(".") == 1 else name.lower()


def _table(batch: Batch, path: str, options: Options) -> Batch:
    """Requests in a table, under the names of webrequest."""
    frame = batch.frame.rename({name: _plain(name) for name in batch.frame.columns if not name.startswith("private ")})
    shape = batch.shape if batch.shape.startswith("request log") else f"request log, {batch.shape}"
    private = [name for name in PRIVATE if name in frame.columns]
    left_out = Counter({name: n for name in private if name not in options.keep and (n := frame[name].count())})
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in READ if name not in frame.columns]
    other = pl.col("uri_path").is_not_null() & (pl.col("uri_path") != path)
    public = frame.with_columns(absent).drop(name for name in private if name not in options.keep)
    found = batch.with_frame(public).without(
        other | pl.col(QUERY).is_null(),
        pl.when(other)
        .then(pl.format("a request of '{}', not of '{}'", "uri_path", pl.lit(path)))
        .otherwise(pl.lit("'uri_query' is missing")),
    )
    others = [name for name in KEPT if name != QUERY and name in public.columns]
    kept = [pl.col(name).cast(pl.String, strict=False) for name in (*private, *others) if name in options.keep]
    texts = [pl.col(name).cast(pl.String, strict=False) for name in (QUERY, "dt")]
    columns = found.frame.select("line", *texts, pl.col("agent_type").fill_null("user"), *kept)
    return replace(found.with_frame(columns), left_out=left_out, shape=shape)


def _of_rows(piece: Piece) -> Iterator[Batch]:
    """Rows of webrequest as JSON."""
    texts = (QUERY, *READ, "country_code")
    fields = [(name, str | None, None) for name in texts] + [(name, msgspec.Raw, None) for name in PRIVATE]
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
                rows.append((number, *(_text(getattr(found, name)) for name in (*texts, *PRIVATE))))
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        empty = [name for name in ("country_code", *PRIVATE) if frame[name].null_count() == frame.height]
        batch = Batch(frame.drop(empty), aside, frame.height + len(aside), "request log, JSON rows")
        yield batch
    if batch is not None and lines.cut is not None:
        yield batch.cut_off(lines.n_lines, lines.cut)


def _text(cell: str | msgspec.Raw | None) -> str | None:
    """Text of a cell; of what is no text, its JSON."""
    if not isinstance(cell, msgspec.Raw):
        return cell
    found = msgspec.json.decode(cell)
    return found if isinstance(found, str) else None if found is None else bytes(cell).decode()


def _of_lines(piece: Piece, head: Head, options: Options) -> Iterator[Batch]:
    """Requests found in lines of any form, with the first time and the agent's type if the line has them."""
    lines = Lines(piece)
    batch = None
    pattern = ALONE if _stands_alone(head) else PATH + r"\t?(\?[^\s\"<>]*)"
    for first, block in lines:
        batch = _in_lines(texts_of(first, block, "request log, lines"), pattern, options)
        yield batch
    if batch is not None and lines.cut is not None:
        yield batch.cut_off(lines.n_lines, lines.cut)


def _in_lines(batch: Batch, pattern: str, options: Options) -> Batch:
    text = pl.col("text")
    common = text.str.extract(r"\[(\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\]")  # as in combined log format
    in_log = common.str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="ms", time_zone="UTC", strict=False)
    query = text.str.extract(pattern)
    query = pl.when(text.str.contains(BESIDE + PATH)).then(query.str.extract(r"^([^']*)")).otherwise(query)
    found = batch.without(query.is_null(), pl.lit(f"holds no request of {PATH!r} with a query"))
    frame = found.frame.select(
        "line",
        query.alias(QUERY),
        dt=pl.coalesce(
            text.str.extract(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)"),
            in_log.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
        agent_type=text.str.extract(r"\t(user|spider|automated)(?:\t|$)").fill_null("user"),
        ip=pl.when(common.is_not_null()).then(text.str.extract(r"^(\S+) ")),
        user_agent=pl.when(common.is_not_null()).then(text.str.extract(r'"([^"]*)"\s*$')),
    )
    private = ("ip", "user_agent")
    left_out = Counter({name: n for name in private if name not in options.keep and (n := frame[name].count())})
    public = frame.drop(name for name in private if name not in options.keep)
    return replace(found.with_frame(public), left_out=left_out)
