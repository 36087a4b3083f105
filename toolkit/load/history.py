"""CentralNoticeBannerHistory events to one row for each entry of a browser's log."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike

import polars as pl

from toolkit import decode
from toolkit.load.account import Load, flags_of
from toolkit.load.batch import CONTENT, ID, Batch, Options, Piece, Table
from toolkit.load.event_exports import SHAPES, by_lines, event_batches, raw_rows
from toolkit.load.event_table import EVENT_FLAGS, with_content
from toolkit.load.opening import loaded
from toolkit.load.sources import Source

EVENT = "CentralNoticeBannerHistory"
ENTRY = r"^(?<banner>.*)\|(?<campaign>[^|]*)\|(?<time>\d{9,11})\|(?<code>[^|]+)$"  # a bar in a name is taken for the banner's


def banner_history(
    source: Source | object,
    *,
    shape: str | None = None,
    keep: str | list[str] | tuple[str, ...] = (),
    key: str | bytes | None = None,
    strict: bool = False,
    into: str | PathLike[str] | None = None,
    categories: bool = False,
) -> Load:
    """Read the logs that browsers keep of their banners, one row for each entry of a log.

    An entry stands for a page view on which a campaign with the history mixin was attempted. The client cuts the
    oldest entries off where the event grows too long: compare `sent` with `logged`.

    Parameters
    ----------
    source : str, path, list of them, or frame
        CentralNoticeBannerHistory events, in the forms that `homepage_modules` reads.
    shape, keep, key, strict, into, categories
        See `homepage_modules`; `key` hashes the log's identifier.

    Returns
    -------
    Load
        `rows` has one row for each entry, and one without a position for a log that has none:

        - log: number of the log; position: from 0, the oldest entry that was sent, by which to order entries
        - dt: time of the entry [UTC, within 30 s]; ms: the same [ms since 1970]; sent_dt: when the log was received
        - wiki, campaign, banner (null where none was chosen), status_code: text
        - logged: entries in the browser's log; sent: entries in the event
        - sample_rate: probability of being sent [0 to 1]; forced: sent upon a click to donate, so without a rate
        - error: of the browser's storage, where it told one
        - flags: bits of `tables/flag.csv`; file, line: where the row stands

    Raises
    ------
    ToolkitError
        If a path is missing, empty, or holds something else.

    Examples
    --------
    >>> import json, tempfile
    >>> event = {"i": "6f1d0c", "r": 0.01, "n": 3, "l": ["|demo_nl|1700000098|2.3", "ctl|demo_nl|1700000231|6"]}
    >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
    ...     _ = file.write(json.dumps({"schema": "CentralNoticeBannerHistory", "revision": 19079897, "event": event}))
    ...     file.flush()
    ...     rows = banner_history(file.name).rows
    >>> rows.select("log", "position", "banner", "campaign", "status_code", "logged", "sent").rows()
    [(0, 0, None, 'demo_nl', '2.3', 3, 2), (0, 1, 'ctl', 'demo_nl', '6', 3, 2)]
    """
    return loaded(
        HISTORY, source, Options.of(shape, SHAPES, keep, key), strict=strict, into=into, categories=categories
    )


def _entries(piece: Piece, options: Options) -> Iterator[Batch]:
    for batch in event_batches(piece, EVENT, options):
        logs = batch.frame.with_columns(sent=pl.col("event.l").list.len().fill_null(0).cast(pl.Int64))
        logs = logs.with_columns(position=pl.int_ranges(pl.max_horizontal("sent", 1)))
        entry = pl.col("event.l").list.get(pl.col("position"), null_on_oob=True)
        rows = logs.explode("position").with_columns(entry=pl.when(pl.col("sent") > 0).then(entry))
        parts = pl.col("entry").str.extract_groups(ENTRY).struct
        rows = rows.with_columns(
            banner=parts.field("banner"),
            campaign=parts.field("campaign"),
            at=parts.field("time"),
            code=parts.field("code"),
        )
        whole = Batch(
            rows, batch.aside, rows.height + len(batch.aside), batch.shape, batch.unread, batch.left_out, batch.notes
        )
        wrong = (pl.col("sent") > 0) & pl.col("code").is_null()
        reason = pl.format(
            "entry {} of the log is {} where banner|campaign|time|status code is due",
            pl.col("position") + 1,
            pl.when(pl.col("entry").is_null()).then(pl.lit("null")).otherwise("'" + pl.col("entry").str.head(40) + "'"),
        )
        done = whole.without(wrong, reason, pl.col("entry"))
        yield with_content(done, _table(done.frame, options), options)


def _table(rows: pl.DataFrame, options: Options) -> pl.DataFrame:
    code = pl.col("code")
    has_entry = pl.col("sent") > 0
    number = pl.format("{} {}", pl.col(ID), pl.col("position"))
    kept = [name for name in options.keep if name in rows.columns]
    seconds = (
        pl.from_epoch(pl.col("at").cast(pl.Int64), time_unit="s").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    )
    return rows.with_columns(seconds.alias("entry dt")).select(
        pl.col("entry dt").alias("dt"),
        pl.col("entry dt").dt.epoch("ms").alias("ms"),
        pl.col("dt").alias("sent_dt"),
        "wiki",
        pl.col("event.i").alias("private log"),
        pl.when(has_entry).then("position").alias("position"),
        "campaign",
        pl.when(pl.col("banner") != "").then("banner").alias("banner"),
        code.alias("status_code"),
        pl.col("event.n").alias("logged"),
        "sent",
        pl.col("event.r").alias("sample_rate"),
        pl.col("event.r").is_null().alias("forced"),
        pl.col("event.e").alias("error"),
        "edition",
        flags_of(
            **{**EVENT_FLAGS, "no_time": has_entry & pl.col("entry dt").is_null()},
            empty_log=~has_entry,
            no_campaign=has_entry & (pl.col("campaign") == ""),
            rate_above_one=pl.col("event.r") > 1,
            rate_unusable=pl.col("event.r") <= 0,
            unknown_code=has_entry & ~decode.known(code),
            unexpected_code=code.is_in(["0", "1", "4", "8"]),
            stray_reason=decode.stray_reason(code),
            early_code=decode.before_its_time(code, "entry dt"),
        ),
        pl.when(pl.col(ID).fill_null("") != "").then(number).alias(ID),
        *kept,
        CONTENT,
        "line",
    )


CATEGORIES = ("wiki", "campaign", "banner", "status_code", "edition")
HISTORY = Table("banner_history", _entries, by_lines, {"log": ("private log",)}, CATEGORIES, raw=raw_rows)
