"""What Druid's banner_activity holds of some beacons, computed as the published query computes it, quirks included."""

from __future__ import annotations

from typing import Any

import narwhals as nw
from narwhals.typing import IntoFrameT

from toolkit import errors, reference
from toolkit.measure.plain import plain

NEEDED = ("dt", "uri_query", "campaign", "attempts", "flags", "country_code", "subdivision")
KEYS = (
    "dt", "campaign", "banner", "project", "uselang", "bucket", "anonymous", "status_code",
    "first_campaign", "first_campaign_status_code", "is_campaign_fallback", "country", "country_matches_geocode",
    "region", "device", "sample_rate",
)  # fmt: skip
SAME = ("campaign", "banner", "project", "uselang", "bucket", "anonymous", "country", "device", "debug")
SENT = {name: name for name in SAME} | {"status_code": "statusCode", "sample_rate": "recordImpressionSampleRate"}
MINUTE = "%Y-%m-%dT%H:%M"
# what java.net.URI takes as a query: anything else makes every parameter null
ADDRESS = r"^\?(?:[A-Za-z0-9_.!~*'();/?:@&=+$,\[\]#-]|%[0-9A-Fa-f]{2}|[^\x00-\xa0])*$"
NUMBER = r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"


def druid_banner_activity(frame: IntoFrameT) -> IntoFrameT:
    """Group beacons into the rows that the refinery's query loads into Druid as banner_activity.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.impressions(..., keep=["uri_query", "country_code", "subdivision"])` of requests: dt, uri_query
        (as it was sent, with its question mark), campaign (decoded), attempts, flags, country_code and subdivision
        (by the lookup of the server).

    Returns
    -------
    Same kind of frame
        The columns of banner_activity, in no order of rows, one row for each combination of all but the counts:

        - dt: text, start of the minute [UTC]
        - campaign, banner, project, uselang, bucket, status_code, country, device: text as it was sent, still
          escaped; anonymous
        - first_campaign, first_campaign_status_code: of the first attempt, not escaped; is_campaign_fallback: whether
          the last attempt was of another campaign
        - country_matches_geocode: whether the server's country is that of the beacon; region: the server's
        - sample_rate: in 32 bits, so that 0.1 is a little more than 0.1
        - request_count [requests]
        - normalized_request_count: request_count / sample_rate, cut to a whole number [page views]; null at rate 0

    Notes
    -----
    Left out are requests without a time, of spiders and other automata, with `debug` other than `false`, without a
    rate or with an infinite one, and those whose address is none by Java's rules (nothing is read of them). A rate
    above 1 stays what it is, so that such requests count for less than one.

    Codes of 2019-09-24 to 2019-10-21 that the client sent as keys (`banner_canceled`) are numbers in `attempts`; the
    query leaves them as they were sent. Engines that show times in the time zone of a session (DuckDB, Spark) must
    have it at UTC.

    References
    ----------
    analytics/refinery, hql/druid_load/generate_daily_druid_banner_activity.hql, commit 0bf68ec1.

    Examples
    --------
    >>> import polars as pl
    >>> query = "?debug=false&campaign=A+%26+B&statusCode=6&country=DE&recordImpressionSampleRate=0.1"
    >>> rows = pl.DataFrame({"dt": ["2026-03-02T00:03:52Z"], "uri_query": [query], "campaign": ["A & B"], "flags": [0],
    ...                      "attempts": [[{"campaign": "A & B", "status_code": "6"}]], "country_code": ["DE"],
    ...                      "subdivision": ["Berlin"]})
    >>> druid_banner_activity(rows).select("dt", "campaign", "request_count", "normalized_request_count").row(0)
    ('2026-03-02T00:03:00Z', 'A+%26+B', 1, 9)
    """
    rows: Any = nw.from_native(plain(frame))
    have = rows.collect_schema()
    if missing := [name for name in NEEDED if name not in have.names()]:
        raise errors.missing_columns("measure.druid_banner_activity", missing, have.names())
    kept = _kept(_as_sent(rows, _minute(have)))
    rate = nw.col("sample_rate").cast(nw.Float64)
    ratio = nw.when(rate != 0).then(nw.col("request_count").cast(nw.Float64) / rate)
    counted = (
        kept.group_by(*KEYS)
        .agg(request_count=nw.len())
        .with_columns(
            request_count=nw.col("request_count").cast(nw.Int64),
            # engines differ in how they cast to whole numbers: cut before
            normalized_request_count=nw.when(ratio < 0).then(ratio.ceil()).otherwise(ratio.floor()).cast(nw.Int64),
        )
    )
    native: IntoFrameT = counted.select(*KEYS, "request_count", "normalized_request_count").to_native()
    return native


def _minute(schema: Any) -> nw.Expr:
    """Start of the minute as text, of a time or of its text."""
    if isinstance(schema["dt"], nw.Datetime):
        # the rest apart: some engines take Z for a sign of their own
        return nw.concat_str(nw.col("dt").dt.to_string(MINUTE), nw.lit(":00Z"))
    return nw.concat_str(nw.col("dt").str.slice(0, 17), nw.lit("00Z"))


def _parameter(name: str) -> nw.Expr:
    """Value of the first parameter of this name in `query`, as it was sent; null where it is not there."""
    sign, query = f"&{name}=", nw.col("query")
    # asked for only where it is there: beyond the end of a list some engines raise
    after = nw.when(query.str.contains(sign, literal=True)).then(query).str.split(sign).list.get(1)
    return after.str.split("&").list.get(0)


def _as_sent(rows: Any, minute: nw.Expr) -> Any:
    """Columns of banner_activity for each request, and what decides whether it counts."""
    first = nw.when(nw.col("attempts").list.len() > 0).then(nw.col("attempts")).list.get(0).struct
    named = rows.select(
        "country_code",
        query=nw.concat_str(nw.lit("&"), nw.col("uri_query").str.slice(1).str.replace_all(r"(?s)#.*$", "")),
        is_address=nw.col("uri_query").str.contains(ADDRESS),
        is_bot=nw.col("flags").cast(nw.Int64) // 2 ** reference.flag_bit("bot") % 2 == 1,
        dt=minute,
        region=nw.col("subdivision"),
        last=nw.col("campaign").fill_null(""),
        first_campaign=first.field("campaign"),
        first_campaign_status_code=first.field("status_code"),
    )
    sent = named.with_columns(_parameter(parameter).alias(name) for name, parameter in SENT.items())
    rate = nw.col("sample_rate")
    return sent.with_columns(
        anonymous=nw.col("anonymous") == "true",
        is_campaign_fallback=nw.col("first_campaign") != nw.col("last"),
        country_matches_geocode=nw.col("country_code") == nw.col("country"),
        sample_rate=nw.when(rate.str.contains(NUMBER)).then(rate).cast(nw.Float32),
    )


def _kept(rows: Any) -> Any:
    """Requests that the query counts."""
    return rows.filter(
        ~nw.col("dt").is_null(),
        ~nw.col("dt").str.starts_with("-"),
        ~nw.col("is_bot"),
        nw.col("is_address"),
        nw.col("debug") == "false",
        nw.col("sample_rate").is_finite(),
    )
