"""Who counts: predicates for `filter`, so that each choice stands in the notebook.

`rows.filter(keep.without("debug", "bot"), keep.period("2026-03-02", "2026-03-04"))`
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from toolkit import errors, reference


def flagged(flag: str) -> pl.Expr:
    """Rows that carry a flag of `tables/flag.csv`.

    Examples
    --------
    >>> pl.DataFrame({"flags": [0, 1, 3]}).filter(flagged("bot")).height
    1
    """
    bit: int = 2 ** reference.flag_bit(flag)
    return pl.col("flags") // bit % 2 == 1


def without(*flags: str) -> pl.Expr:
    """Rows that carry none of these flags; all rows where none is named.

    Examples
    --------
    >>> pl.DataFrame({"flags": [0, 1, 2, 4]}).filter(without("debug", "bot")).to_series().to_list()
    [0, 4]
    """
    return ~pl.any_horizontal(pl.lit(value=False), *(flagged(flag) for flag in flags))


def period(first: str | date, last: str | date) -> pl.Expr:
    """Rows received from the start of the day `first` to the end of the day `last`, both in UTC.

    Rows without a time are not in any period.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> times = [datetime(2026, 3, day, 23, 59, tzinfo=timezone.utc) for day in (1, 2, 3)]
    >>> pl.DataFrame({"dt": times}).filter(period("2026-03-01", "2026-03-02")).height
    2
    """
    start, end = _day(first), _day(last)
    if end < start:
        raise errors.not_allowed("last", str(last), f"is not before the first day {first}")
    return pl.col("dt").is_between(start, end + timedelta(days=1), closed="left").fill_null(value=False)


def _day(day: str | date) -> datetime:
    try:
        parsed = date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise errors.not_allowed("day", day, "is a date such as '2026-03-02'") from None
    return datetime.combine(parsed, time(), UTC)
