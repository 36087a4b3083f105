"""What the tables of all event streams share: the common columns, and the flags that an event carries."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

from toolkit.load.batch import CONTENT, ID, Batch, Options

MARKS = ("off schema", "late value", "unknown value", "unknown edition")  # what a reader says of a row that it kept
SKEW_MS = 10 * 60 * 1000  # the client holds events back for half a minute; more is a wrong clock


def time(text: str) -> pl.Expr:
    """Time of an ISO text in UTC; null where it is none.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": ["2019-05-06T19:03:05Z", "2022-09-05T03:18:09.074Z", "-", None]})
    >>> frame.select(time("t").dt.epoch("ms")).to_series().to_list()
    [1557169385000, 1662347889074, None, None]
    """
    return pl.col(text).str.to_datetime("%+", time_unit="ms", time_zone="UTC", strict=False)


COMMON = (pl.col("dt"), pl.col("dt").dt.epoch("ms").alias("ms"), pl.col("client_dt"), pl.col("wiki"))
SKEW = (pl.col("dt").dt.epoch("ms") - pl.col("client_dt").dt.epoch("ms")).abs() > SKEW_MS
EVENT_FLAGS = {
    "bot": pl.col("bot"),
    "no_time": pl.col("dt").is_null(),
    "canary": pl.col("canary"),
    "clock_skew": SKEW,
    "off_schema": pl.col("off schema"),
    "later_value": pl.col("late value"),
    "unknown_value": pl.col("unknown value"),
    "unknown_edition": pl.col("unknown edition"),
}
FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y%m%d%H%M%S")


def as_time(value: object) -> str | None:
    """Time as ISO text in UTC, from what exports write for one; null where it is none. Without a zone it is UTC.

    Examples
    --------
    >>> as_time("2019-05-06 19:03:05+02:00"), as_time("20190506190305"), as_time("yesterday")
    ('2019-05-06T17:03:05.000Z', '2019-05-06T19:03:05.000Z', None)
    """
    if not isinstance(value, str):
        return None
    for form in (None, *FORMATS):
        try:
            found = datetime.fromisoformat(value) if form is None else datetime.strptime(value, form)  # noqa: DTZ007 - UTC below
        except ValueError:
            continue
        at = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return None


def carried(frame: pl.DataFrame, options: Options) -> list[str]:
    """Columns that go on as they are: private fields that were asked for, what tells second deliveries, the line."""
    return [name for name in (*options.keep, ID, CONTENT, "line") if name in frame.columns]


# of the delivery and not of the event, or made here; exports of one event differ in what they keep of these
NO_CONTENT = {"line", "flags", "ms", "client_dt", "sent_dt", "edition", "recv_from", "seq_id", "platform", ID, CONTENT}


def with_content(batch: Batch, frame: pl.DataFrame, options: Options) -> Batch:
    """Batch in the columns of a table, with the hash of what the table holds of each event.

    Two deliveries of an event with the same hash are one event, in whichever form each was exported.
    """
    if ID not in frame.columns or frame[ID].null_count() == frame.height:
        return batch.with_frame(frame.drop(CONTENT, strict=False))  # without an id nothing is compared
    apart = {*NO_CONTENT, *options.keep}
    content = [name for name, kind in frame.schema.items() if name not in apart and not kind.is_nested()]
    return batch.with_frame(frame.with_columns(pl.struct(content).hash().alias(CONTENT)))
