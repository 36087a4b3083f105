"""CentralNotice impressions, from beacons, events or Druid's banner activity, to one table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl

from toolkit import decode, errors
from toolkit.load.account import Load, flags_of
from toolkit.load.assemble import Part, assemble, described, each, head_of
from toolkit.load.beacon import decoded, parameters
from toolkit.load.delimited import read_csv, read_lines, read_tsv
from toolkit.load.events import Read, event_schema, kind_of, read, time
from toolkit.load.sources import Source, files
from toolkit.rates import sample_rate

ACCEPTS = (
    "request logs: tab separated with a column uri_query, JSON lines with one, or any lines that hold the address",
    "CentralNoticeImpression events as JSON lines",
    "Druid banner_activity as CSV",
)
PATH = "/beacon/impression"
SAME = "Requests, events and Druid's counts are samples of the same page views: do not count them together."
EVENT = "CentralNoticeImpression"


def impressions(source: Source) -> Load:
    """Read page views on which a campaign was attempted, whatever export holds them.

    The shape is found by the content: request logs of `/beacon/impression` (tab separated with a header, JSON lines
    of webrequest, or lines that hold the address: access logs, bare URLs, tab separated without a header),
    CentralNoticeImpression events as JSON lines (EventLogging capsule or Event Platform), or Druid banner_activity
    as CSV. Plain or gzip.

    Parameters
    ----------
    source : str, path, or list of them
        A file, several, or a pattern such as `"data/local/*.gz"`.

    Returns
    -------
    Load
        `rows` has one row for each request or event, or for each group of them (Druid):

        - dt: receive time [UTC]; ms: the same [ms since 1970]
        - campaign, banner, bucket: of the last campaign attempted
        - project, wiki, uselang, country, region, device, anonymous: as the client said
        - status_code: text, as sent
        - attempts: list of {campaign, status_code, banners_count} in order; path: their codes, parted by blanks
        - requests: how many requests the row stands for
        - sample_rate: probability of being recorded [0 to 1; above 1: always]; beacons by
          recordImpressionSampleRate, events by impressionEventSampleRate
        - flags: bits of `tables/flag.csv`; file, line: where the row stands

    Raises
    ------
    ToolkitError
        If a path is missing, a folder, empty, or holds something else.

    Examples
    --------
    >>> load = impressions("data/sample/beacons.tsv.gz")
    >>> load.account.select("rows_in", "kept", "set_aside", "duplicates").row(0)
    (9274, 9274, 0, 0)
    """
    found = assemble("impressions", each(files(source), _one), key="id")
    kinds = (
        found.account.filter(pl.col("kept") > 0)["shape"].str.extract("^(CentralNoticeImpression|Druid)").fill_null("")
    )
    return replace(found, notes=(*found.notes, SAME)) if kinds.n_unique() > 1 else found


def _one(path: Path) -> Part:
    head = head_of(path)
    for recognised, reader, to_rows in SHAPES:
        if recognised(head):
            done = reader(path)
            return done, _table(to_rows(done, done.frame))
    raise errors.wrong_kind(path.as_posix(), described(head), "impressions", ACCEPTS)


def _is_log(head: list[bytes]) -> bool:
    return b"uri_query" in head[0].split(b"\t")


def _is_events(head: list[bytes]) -> bool:
    return any(kind_of(line) is not None for line in head)


def _is_requests(head: list[bytes]) -> bool:
    return any(line.lstrip().startswith(b"{") and b'"uri_query"' in line for line in head)


def _is_lines(head: list[bytes]) -> bool:
    return any(PATH.encode() in line for line in head)


def _is_druid(head: list[bytes]) -> bool:
    return {b"status_code", b"request_count"} <= set(head[0].strip(b"\xef\xbb\xbf").replace(b'"', b"").split(b","))


def _read_log(path: Path) -> Read:
    return read_tsv(path, "request log, tab separated")


def _read_requests(path: Path) -> Read:
    return read_lines(path, "webrequest, JSON lines")


def _read_lines(path: Path) -> Read:
    return read_lines(path, "request log, lines")


def _read_events(path: Path) -> Read:
    return read(path, EVENT)


def _read_druid(path: Path) -> Read:
    return read_csv(path, "Druid banner_activity, CSV")


def _from_log(done: Read, frame: pl.DataFrame) -> pl.DataFrame:
    if "uri_path" in frame.columns:
        other = pl.col("uri_path") != PATH
        for line, found in frame.filter(other).select("line", "uri_path").iter_rows():
            done.refuse(line, f"a request of {found!r}, not of {PATH!r}")
        frame = frame.filter(~other)
    query = parameters(frame, "uri_query")
    frame = pl.concat(
        [frame.select("line", *(name for name in ("dt", "agent_type") if name in frame.columns)), query],
        how="horizontal",
    )
    if "dt" not in frame.columns:
        frame = frame.with_columns(dt=pl.lit(None, dtype=pl.String))
    agent = pl.col("agent_type") if "agent_type" in frame.columns else pl.lit("user")
    hidden = (pl.col("bannerLoadedButHiddenReason").is_not_null() | pl.col("reason").is_not_null()) & (
        pl.col("statusCode") == "6"
    )
    return frame.with_columns(
        wiki=pl.col("db"),
        rate=sample_rate("recordImpressionSampleRate"),
        requests=pl.lit(1, dtype=pl.Int64),
        is_debug=pl.col("debug") == "true",
        is_bot=agent != "user",
        is_hidden=hidden,
        is_partial=pl.col("campaignStatuses").is_null(),
        attempts=decode.attempts("campaignStatuses"),
    )


class _Request(msgspec.Struct):
    """What is read of a row of webrequest."""

    uri_query: str
    uri_path: str | None = None
    dt: str | None = None
    agent_type: str | None = None


_request = msgspec.json.Decoder(_Request).decode


def _from_requests(done: Read, frame: pl.DataFrame) -> pl.DataFrame:
    rows: list[tuple[int, str | None, str, str | None, str | None]] = []
    for line, text in frame.iter_rows():
        try:
            found = _request(text)
        except msgspec.DecodeError as error:
            done.refuse(line, f"no row of webrequest: {str(error).replace('`', chr(39))}")
            continue
        rows.append((line, found.uri_path or PATH, found.uri_query, found.dt, found.agent_type or "user"))
    schema = {"line": pl.Int64, **dict.fromkeys(("uri_path", "uri_query", "dt", "agent_type"), pl.String)}
    return _from_log(done, pl.DataFrame(rows, schema=schema, orient="row"))


def _from_lines(done: Read, frame: pl.DataFrame) -> pl.DataFrame:
    """Requests found in lines of any form, with the first time and the agent's type if the line has them."""
    text = pl.col("text")
    common = text.str.extract(r"\[(\d{2}/\w{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\]")  # as in combined log format
    in_log = common.str.to_datetime("%d/%b/%Y:%H:%M:%S %z", time_unit="ms", time_zone="UTC", strict=False)
    found = frame.select(
        "line",
        uri_query=text.str.extract(PATH + r"\t?(\?[^\s\"'<>]*)"),
        dt=pl.coalesce(
            text.str.extract(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)"),
            in_log.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        ),
        agent_type=text.str.extract(r"\t(user|spider|automated)(?:\t|$)").fill_null("user"),
    )
    for line in found.filter(pl.col("uri_query").is_null())["line"]:
        done.refuse(line, f"holds no request of {PATH!r} with a query")
    return _from_log(done, found.filter(pl.col("uri_query").is_not_null()))


def _from_events(done: Read, frame: pl.DataFrame) -> pl.DataFrame:
    del done
    texts = [name for name, sub in event_schema(EVENT)["properties"].items() if sub["type"] == "string"]
    return frame.select(
        "line",
        "id",
        "dt",
        *(pl.col(f"event.{name}").alias(name) for name in texts if name not in {"db", "status"}),
        wiki=pl.coalesce("wiki", "event.db"),
        anonymous=pl.col("event.anonymous").cast(pl.String),
        bucket=_whole(pl.col("event.bucket")),
        rate=pl.col("event.impressionEventSampleRate"),
        requests=pl.lit(1, dtype=pl.Int64),
        is_debug=pl.col("event.debug"),
        is_bot=pl.col("bot"),
        is_canary=pl.col("canary"),
        is_hidden=pl.col("event.reason").is_not_null() & (pl.col("event.statusCode") == "6"),
        is_partial=pl.col("event.campaignStatuses").is_null(),
        attempts=decode.attempts("event.campaignStatuses"),
    )


def _from_druid(done: Read, frame: pl.DataFrame) -> pl.DataFrame:
    count = pl.col("request_count").cast(pl.Int64, strict=False)
    for line, found in frame.filter(count.is_null() | (count < 0)).select("line", "request_count").iter_rows():
        done.refuse(
            line, f"'request_count' is {found!r} where a whole number is due" if found else "'request_count' is missing"
        )
    # a column that an older export lacks reads as missing
    columns = [
        "first_campaign",
        "first_campaign_status_code",
        "is_campaign_fallback",
        "sample_rate",
        "region",
        "uselang",
        "banner",
        "campaign",
    ]
    columns += ["project", "bucket", "anonymous", "country", "device", "dt"]
    frame = frame.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in columns if name not in frame.columns
    )
    frame = frame.filter(count.is_not_null() & (count >= 0)).with_columns(
        decoded(name) for name in ("campaign", "banner", "project", "uselang")
    )
    last = pl.struct(
        campaign=pl.col("campaign"), status_code=pl.col("status_code"), banners_count=pl.lit(None, dtype=pl.Int64)
    )
    first = pl.struct(
        campaign=pl.col("first_campaign"),
        status_code=pl.col("first_campaign_status_code"),
        banners_count=pl.lit(None, dtype=pl.Int64),
    )
    fell_back = _truth("is_campaign_fallback")
    known = pl.col("first_campaign").is_not_null()
    return frame.with_columns(
        attempts=pl.when(fell_back).then(pl.concat_list(first, last)).when(known).then(pl.concat_list(last)),
        statusCode="status_code",
        wiki=pl.lit(None, dtype=pl.String),
        rate=sample_rate("sample_rate"),
        requests=count,
        # attempts between the first and the last are not in this export
        is_partial=fell_back.fill_null(value=True),
    ).drop("status_code", "sample_rate")


def _truth(column: str) -> pl.Expr:
    """Booleans from the words that exports write for them; null for any other word."""
    words = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    return pl.col(column).str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.Boolean)


def _whole(number: pl.Expr) -> pl.Expr:
    """Text of a number, without `.0` where it is whole."""
    whole = (number == number.round()) & (number.abs() < 2**53)
    return pl.when(whole).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(number.cast(pl.String))


def _table(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns that all shapes share."""
    no = pl.lit(value=False)
    has = {
        name: pl.col(name) if name in frame.columns else no for name in ("is_debug", "is_bot", "is_hidden", "is_canary")
    }
    code = pl.col("statusCode")
    unreadable = (
        pl.col("campaignStatuses").is_not_null() & pl.col("attempts").is_null()
        if "campaignStatuses" in frame.columns
        else no
    )
    frame = frame.with_columns(dt=time("dt"))
    return frame.select(
        "dt",
        pl.col("dt").dt.epoch("ms").alias("ms"),
        "campaign",
        "banner",
        "bucket",
        "project",
        "wiki",
        "uselang",
        "country",
        "region",
        "device",
        _truth("anonymous"),
        code.alias("status_code"),
        "attempts",
        decode.path("attempts").alias("path"),
        "requests",
        pl.col("rate").alias("sample_rate"),
        flags_of(
            debug=has["is_debug"],
            bot=has["is_bot"],
            no_time=pl.col("dt").is_null(),
            rate_above_one=pl.col("rate") > 1,
            rate_unusable=pl.col("rate").is_null() | (pl.col("rate") <= 0),
            unknown_code=~decode.known(code),
            unexpected_code=code.is_in(["0", "1", "4", "8"]),
            shown_but_hidden=has["is_hidden"],
            partial_attempts=pl.col("is_partial") | unreadable,
            unreadable_attempts=unreadable,
            no_campaign=pl.col("campaign").is_null(),
            unknown_value=_truth("anonymous").is_null() & pl.col("anonymous").is_not_null(),
            canary=has["is_canary"],
        ),
        "line",
        pl.col("id") if "id" in frame.columns else pl.lit(None, dtype=pl.String).alias("id"),
    )


SHAPES = (
    (_is_log, _read_log, _from_log),
    (_is_druid, _read_druid, _from_druid),
    (_is_events, _read_events, _from_events),
    (_is_requests, _read_requests, _from_requests),
    (_is_lines, _read_lines, _from_lines),
)
