"""When an event happened, as far as its times tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import reference

SECOND = 1000  # [ms]
# EventLogging 5b750c2: an event waits in the browser for at most this long
QUEUE = 30 * SECOND
QUEUE_NAME = "events wait up to 30 s in the browser"


def queued(ms: str | pl.Expr) -> pl.Expr:
    """How long before its receipt an event may have happened: 30 s since browsers send events in bunches. [ms]

    Examples
    --------
    >>> pl.DataFrame({"ms": [1_556_000_000_000, 1_590_000_000_000]}).select(queued("ms")).to_series().to_list()
    [0, 30000]
    """
    ms = pl.col(ms) if isinstance(ms, str) else ms
    return pl.when(ms >= _queue_from()).then(QUEUE).otherwise(0)


def grain(ms: str | pl.Expr) -> pl.Expr:
    """How long after its time stamp an event may have happened: a second where times are whole seconds. [ms]

    Examples
    --------
    >>> pl.DataFrame({"ms": [5000, 5250]}).select(grain("ms")).to_series().to_list()
    [1000, 1]
    """
    ms = pl.col(ms) if isinstance(ms, str) else ms
    return pl.when(ms % SECOND == 0).then(SECOND).otherwise(1)


def with_browser_time(rows: Any) -> Any:
    """Add `at`, the time to order events by, and `by_browser`, whether a browser gave it.

    The clock of a browser (`client_dt`) may be wrong by years, but it puts the events of a visit in order, which
    the receipt times don't since events wait. So it is set right by the shortest delay of the visit. A clock that was
    set during the visit, or that not all its events have, is not used: `at` is the receipt time then.

    Parameters
    ----------
    rows : narwhals frame
        Rows of `load.homepage_modules`: wiki, visit, ms; dt and client_dt if there is such a clock.

    Returns
    -------
    narwhals frame
        The same with at [ms since 1970] and by_browser.

    Examples
    --------
    >>> got, sent = (pl.Series(ms).cast(pl.Datetime("ms", "UTC")) for ms in ([60_000, 60_010], [7_000, 5_000]))
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 1, "ms": got.cast(pl.Int64), "dt": got, "client_dt": sent})
    >>> with_browser_time(nw.from_native(rows)).to_native()["at"].to_list()
    [60000, 58000]
    """
    if not {"dt", "client_dt", "visit"} <= set(rows.collect_schema().names()):
        return rows.with_columns(at=nw.col("ms"), by_browser=nw.lit(value=False))
    late = rows.with_columns(late_ms=_late_ms(rows))
    visits = late.group_by("wiki", "visit").agg(
        least=nw.col("late_ms").min(),
        most=nw.col("late_ms").max(),
        # not every engine sums truth values
        unknown=nw.when(nw.col("late_ms").is_null()).then(nw.lit(1)).otherwise(0).sum(),
    )
    # one bunch may be on its way while the next one waits
    steady = visits.filter(nw.col("unknown") == 0, nw.col("most") - nw.col("least") <= 2 * QUEUE)
    known = late.join(steady.select("wiki", "visit", "least"), on=["wiki", "visit"], how="left")
    by_browser = ~nw.col("least").is_null()
    return known.with_columns(
        at=nw.when(by_browser).then(nw.col("ms") - nw.col("late_ms") + nw.col("least")).otherwise(nw.col("ms")),
        by_browser=by_browser,
    ).drop("late_ms", "least")


def _late_ms(rows: Any) -> nw.Expr:
    """How long after the browser's time an event was received; Spark knows seconds, and milliseconds within them. [ms]"""
    dt, client_dt = nw.col("dt"), nw.col("client_dt")
    if rows.implementation.is_spark_like():
        ends = [time.cast(nw.Int64) * SECOND + time.dt.millisecond() for time in (dt, client_dt)]
        return ends[0] - ends[1]
    return (dt - client_dt).dt.total_milliseconds()


def _queue_from() -> int:
    """Time from which events wait in the browser. [ms since 1970]"""
    day = reference.table("calendar").filter(what=QUEUE_NAME)["date"].item()
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND
