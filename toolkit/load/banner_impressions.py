"""CentralNotice impressions, from beacons, events or Druid's banner activity, to one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path

import polars as pl

from toolkit import decode, errors, reference
from toolkit.load import activity, druid, request_logs
from toolkit.load.account import Load, flags_of
from toolkit.load.batch import CONTENT, ID, Batch, Options, Piece, Table
from toolkit.load.beacon import decoded
from toolkit.load.event_exports import described, event_batches, raw_rows, shape_of
from toolkit.load.event_schema import event_schema
from toolkit.load.event_table import EVENT_FLAGS, time, with_content
from toolkit.load.head import Head, head_of
from toolkit.load.opening import loaded
from toolkit.load.sources import Source
from toolkit.rates import sample_rate

ACCEPTS = (
    "requests of /beacon/impression: access logs, bare addresses, tables and JSON lines with a column uri_query",
    "CentralNoticeImpression events: event lines, exports of Hive, Presto, Spark and MySQL, Parquet",
    "Druid banner_activity: results of native queries and of SQL, CSV and TSV of Turnilo, Parquet",
)
SHAPES = ("requests", "events", "druid")
SAME = "Requests, events and Druid's counts are samples of the same page views: do not count them together."
EVENT = "CentralNoticeImpression"
CODED = r"%[0-9A-Fa-f]{2}|\+"
PLAIN = r"[^\x21-\x7e]"  # a blank, or a letter that no address has
NOT_CODED = "Names of campaigns and banners stand decoded in the export: their signs are read as they are."
RAISES = "raises_"
TIME = pl.Datetime("ms", "UTC")


def impressions(
    source: Source | object,
    *,
    shape: str | None = None,
    keep: str | list[str] | tuple[str, ...] = (),
    columns: list[str] | tuple[str, ...] = (),
    requests: str | None = None,
    strict: bool = False,
    into: str | PathLike[str] | None = None,
    categories: bool = False,
) -> Load:
    """Read page views on which a campaign was attempted, whatever export holds them.

    The shape is found by the content and stands in the account: requests of `/beacon/impression` (access logs, bare
    addresses, tables with a column uri_query, JSON lines of webrequest), CentralNoticeImpression events (event lines
    of EventLogging and Event Platform, exports of Hive, Presto, Spark and MySQL), Druid banner_activity (results of
    native queries, of Druid SQL, of Turnilo). Plain, gzip, bzip2, zstd or Parquet; JSON as lines, array or printed.

    Parameters
    ----------
    source : str, path, list of them, or frame
        A file, several, a pattern such as `"data/local/*.gz"`, a folder, a store that `into` made, or a frame in
        memory (polars, pandas, DuckDB, Spark).
    shape : {'requests', 'events', 'druid'}, optional
        What the file is to be read as, where its content does not say so.
    keep : list of str
        Private fields to load all the same: ip, user_agent, userAgent, http and others that are left out by default.
    columns : list of str
        Names of the columns, for results of Druid SQL without a header.
    requests : str, optional
        Column that counts requests, where its name does not say so.
    strict : bool
        Raise if a row would be set aside, with the first ten reasons.
    into : path, optional
        Write a store of Parquet files there, in bounded memory, and open it.
    categories : bool
        Give texts of which there are few (campaign, country, status_code and so on) as `pl.Categorical`, which a store
        holds anyway: measures are then two to four times faster from some million rows on. They compare and sort as
        texts do; `.str` and joins with texts need a cast.

    Returns
    -------
    Load
        `rows` has one row for each request or event, or for each group of them (Druid):

        - dt: receive time [UTC]; ms: the same [ms since 1970]
        - campaign, banner, bucket: of the last campaign attempted
        - project, wiki, uselang, country, region, device, anonymous: as the client said
        - status_code: text, as sent; `2.1 or 2.10` where the export lost which
        - attempts: list of {campaign, status_code, banners_count} in order; path: their codes, parted by blanks
        - requests: how many requests the row stands for
        - sample_rate: probability of being recorded [0 to 1; above 1: always]; beacons by
          recordImpressionSampleRate, events by impressionEventSampleRate
        - flags: bits of `tables/flag.csv`; file, line: where the row stands

    Raises
    ------
    ToolkitError
        If a path is missing, empty, or holds something else.

    Examples
    --------
    >>> load = impressions("data/sample/beacons.tsv.gz")
    >>> load.account.select("rows_in", "kept", "set_aside", "duplicates").row(0)
    (9274, 9274, 0, 0)
    """
    options = Options.of(shape, SHAPES, keep, columns=tuple(columns), requests=requests)
    found = loaded(IMPRESSIONS, source, options, strict=strict, into=into, categories=categories)
    kinds = (
        found.account.filter(pl.col("kept") > 0)["shape"].str.extract("^(Druid|request|CentralNotice)").fill_null("")
    )
    return replace(found, notes=(*found.notes, SAME)) if kinds.n_unique() > 1 else found


def _read(piece: Piece, options: Options) -> Iterator[Batch]:
    head = head_of(piece)
    shape = options.shape or ("druid" if druid.is_activity(options.columns) else _shape_of(head))
    if shape == "requests":
        for batch in request_logs.batches(piece, head, options):
            yield batch.with_frame(_table(_of_request(batch.frame), options))
    elif shape == "druid":
        for batch in activity.batches(piece, head, options):
            coded = _are_coded(batch.frame)
            said = batch if coded else replace(batch, notes=[*batch.notes, NOT_CODED])
            yield _with_signs(said, _of_druid(batch.frame, coded=coded), options)
    elif shape == "events":
        for batch in event_batches(piece, EVENT, replace(options, shape=None), head):
            yield _with_signs(batch, _of_event(batch.frame), options)
    else:
        found, instead = described(head)
        raise errors.wrong_kind(piece.path.as_posix(), found, "impressions", ACCEPTS, instead)


def holds_impressions(head: Head) -> bool:
    """Whether a file holds impressions in one of their shapes."""
    return _shape_of(head) is not None


def _shape_of(head: Head) -> str | None:
    if request_logs.holds_requests(head):
        return "requests"
    if activity.holds_activity(head):
        return "druid"
    return "events" if shape_of(head, EVENT) else None


def _cuts(path: Path, options: Options) -> bool:
    """Whether each row is one line: not so for results of Druid and for printed JSON."""
    head = head_of(Piece(path))
    return head.by_lines and (options.shape or _shape_of(head)) != "druid"


def _with_signs(batch: Batch, frame: pl.DataFrame, options: Options) -> Batch:
    """Batch in the columns of the table, and what its codes show of what all codes of the file have been through."""
    table = _table(frame, options)
    done = with_content(batch, table, options) if ID in table.columns else batch.with_frame(table)
    if "lossy" not in frame.columns:
        return done
    was_number = {"number"} if frame["lossy"].any() else set()
    codes = pl.concat([frame["statusCode"], done.frame["attempts"].explode().struct.field("status_code").drop_nulls()])
    damaged = {"damaged"} if codes.unique().to_frame("code").select(decode.lossy("code").any()).item() else set()
    return replace(done, facts=was_number | damaged | decode.signs(frame["statusCode"]))


def _fix(facts: frozenset[str]) -> Callable[[pl.DataFrame], pl.DataFrame] | None:
    """What is to be done with the rows of a file after all of it was seen: nothing, unless codes were numbers."""
    lossy = decode.lossy_throughout(facts)
    return partial(_restored, lossy=lossy) if lossy or "damaged" in facts else None


def _restored(rows: pl.DataFrame, *, lossy: bool) -> pl.DataFrame:
    """Rows whose codes are restored as far as can be."""
    attempt = pl.element().struct
    attempts = pl.col("attempts").list.eval(
        pl.struct(
            campaign=attempt.field("campaign"),
            status_code=decode.restored(attempt.field("status_code"), lossy=lossy),
            banners_count=attempt.field("banners_count"),
        )
    )
    done = rows.with_columns(decode.restored("status_code", lossy=lossy), attempts)
    return done.with_columns(
        decode.path("attempts").alias("path"), _reflagged(**_code_flags(pl.col("status_code"), decode.path("attempts")))
    )


def _of_request(frame: pl.DataFrame) -> pl.DataFrame:
    hidden = pl.col("bannerLoadedButHiddenReason").is_not_null() | pl.col("reason").is_not_null()
    return frame.with_columns(
        wiki=pl.col("db"),
        rate=sample_rate("recordImpressionSampleRate"),
        requests=pl.lit(1, dtype=pl.Int64),
        attempts=decode.attempts("campaignStatuses"),
        raises_partial_attempts=pl.col("campaignStatuses").is_null(),
        raises_debug=pl.col("debug") == "true",
        raises_bot=pl.col("agent_type") != "user",
        raises_shown_but_hidden=hidden & (pl.col("statusCode") == "6"),
    )


def _of_event(frame: pl.DataFrame) -> pl.DataFrame:
    properties = event_schema(EVENT)["properties"]
    texts = [name for name, sub in properties.items() if sub["type"] == "string" and name not in {"db", "status"}]
    # event lines hold texts as they were sent; a table may have been through numbers
    was_table = "lossy code" in frame.columns
    hidden = pl.col("event.reason").is_not_null() | (
        pl.col("hidden") if "hidden" in frame.columns else pl.lit(value=False)
    )
    lossy = {"lossy": pl.col("lossy code")} if was_table else {}
    return frame.select(
        pl.exclude("^event\\..*$"),
        *(pl.col(f"event.{name}").alias(name) for name in texts),
        pl.coalesce("wiki", "event.db").alias("wiki at last"),
        anonymous=pl.col("event.anonymous").cast(pl.String),
        bucket=_whole(pl.col("event.bucket")),
        rate=pl.col("event.impressionEventSampleRate"),
        requests=pl.lit(1, dtype=pl.Int64),
        attempts=decode.attempts("event.campaignStatuses"),
        raises_partial_attempts=pl.col("event.campaignStatuses").is_null(),
        raises_debug=pl.col("event.debug"),
        raises_shown_but_hidden=hidden & (pl.col("event.statusCode") == "6"),
        **{f"raises_{flag}": raised for flag, raised in EVENT_FLAGS.items()},
        **lossy,
    ).with_columns(wiki="wiki at last")


def _are_coded(frame: pl.DataFrame) -> bool:
    """Whether names stand as in the address of a request, with `%20` or `+` for a blank, or as people read them.

    The refinery stores them as in the address; the stream and the events of CentralNoticeImpression are decoded.
    """
    names = pl.concat([frame[name].drop_nulls().unique() for name in ("campaign", "banner")])
    n_coded, n_plain = (names.str.contains(signs).sum() for signs in (CODED, PLAIN))
    return n_coded >= n_plain


def _of_druid(frame: pl.DataFrame, *, coded: bool) -> pl.DataFrame:
    if coded:
        frame = frame.with_columns(decoded(name) for name in ("campaign", "banner", "project", "uselang"))
    last, first = (
        pl.struct(
            pl.col(campaign).alias("campaign"),
            pl.col(code).alias("status_code"),
            pl.lit(None, dtype=pl.Int64).alias("banners_count"),
        )
        for campaign, code in (("campaign", "status_code"), ("first_campaign", "first_campaign_status_code"))
    )
    # what the column says, and what it is made of where it is not there
    fell_back = pl.coalesce(truth("is_campaign_fallback"), pl.col("first_campaign") != pl.col("campaign"))
    known = pl.col("first_campaign").is_not_null()
    return frame.with_columns(
        attempts=pl.when(fell_back).then(pl.concat_list(first, last)).when(known).then(pl.concat_list(last)),
        statusCode="status_code",
        wiki=pl.lit(None, dtype=pl.String),
        rate=sample_rate("sample_rate"),
        requests=pl.col("request_count"),
        raises_only_normalized="normalized",
        # attempts between the first and the last are not in this export
        raises_partial_attempts=fell_back.fill_null(value=True),
        lossy=pl.col(druid.WAS_NUMBER) if druid.WAS_NUMBER in frame.columns else pl.lit(value=False),
    ).drop("status_code")


def _whole(number: pl.Expr) -> pl.Expr:
    """Text of a number, without `.0` where it is whole."""
    whole = (number == number.round()) & (number.abs() < 2**53)
    return pl.when(whole).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(number.cast(pl.String))


TEXTS = ("campaign", "banner", "bucket", "project", "wiki", "uselang", "country", "region", "device")


def _table(frame: pl.DataFrame, options: Options) -> pl.DataFrame:
    """Columns that all shapes share; a column `raises_FLAG` raises that flag."""
    code = pl.col("statusCode")
    statuses = pl.col("campaignStatuses") if "campaignStatuses" in frame.columns else pl.lit(None, dtype=pl.String)
    unreadable = statuses.is_not_null() & pl.col("attempts").is_null()
    odd_word = truth("anonymous").is_null() & pl.col("anonymous").is_not_null()
    told = {name.removeprefix(RAISES): pl.col(name) for name in frame.columns if name.startswith(RAISES)}
    seen = {
        "no_time": pl.col("dt").is_null(),
        "rate_above_one": pl.col("rate") > 1,
        "rate_unusable": pl.col("rate").is_null() | (pl.col("rate") <= 0),
        "partial_attempts": unreadable,
        "unreadable_attempts": unreadable,
        "no_campaign": pl.col("campaign").is_null(),
        "unknown_value": odd_word,
        **_code_flags(code, decode.path("attempts")),
    }
    no = pl.lit(value=False)
    flags = {name: told.get(name, no).fill_null(value=False) | seen.get(name, no) for name in {**told, **seen}}
    more = [name for name in (*options.keep, ID, CONTENT) if name in frame.columns]
    timed = frame if frame.schema["dt"] == TIME else frame.with_columns(time("dt"))
    return timed.select(
        "dt",
        pl.col("dt").dt.epoch("ms").alias("ms"),
        *TEXTS,
        truth("anonymous"),
        code.alias("status_code"),
        "attempts",
        decode.path("attempts").alias("path"),
        "requests",
        pl.col("rate").alias("sample_rate"),
        flags_of(**flags),
        *more,
        "line",
    )


def _code_flags(code: pl.Expr, path: pl.Expr) -> dict[str, pl.Expr]:
    """What is odd about a code and its time."""
    ambiguous = decode.ambiguous(code)
    on_the_way = path.str.contains(decode.OR.replace(" ", decode.BLANK), literal=True).fill_null(value=False)
    return {
        "ambiguous_code": ambiguous | on_the_way,
        "unknown_code": ~decode.known(code) & ~ambiguous,
        "unexpected_code": code.is_in(["0", "1", "4", "8"]).fill_null(value=False),
        "stray_reason": decode.stray_reason(code),
        "early_code": decode.before_its_time(code, "dt"),
    }


def _reflagged(**raised: pl.Expr) -> pl.Expr:
    """Column `flags` with some of its bits set anew."""
    bits = [2 ** reference.flag_bit(name) for name in raised]
    others = pl.col("flags") - pl.sum_horizontal(pl.col("flags") // bit % 2 * bit for bit in bits)
    return (others + flags_of(**raised)).cast(pl.UInt32).alias("flags")


def truth(column: str) -> pl.Expr:
    """Booleans from the words that exports write for them; null for any other word."""
    words = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    return pl.col(column).str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)


IMPRESSIONS = Table("impressions", _read, _cuts, categories=(*TEXTS, "status_code", "path"), fix=_fix, raw=raw_rows)
