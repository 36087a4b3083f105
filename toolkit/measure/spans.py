"""Spans of time as a reader writes them: from a first moment up to another one, in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from toolkit import errors

Time = date | datetime | str
ENDS = 2  # of a span


def span(parameter: str, given: Any) -> tuple[datetime, datetime]:
    """Both ends of a span in UTC: a day is its first moment, a time without a zone is one in UTC.

    Parameters
    ----------
    parameter : str
        What the measure calls it.
    given : tuple of two times
        From the first up to, not including, the second: dates, datetimes, or their text after ISO 8601.

    Raises
    ------
    ToolkitError
        It is no two times, or ends before it starts.

    Examples
    --------
    >>> start, end = span("period", ("2026-03-04", datetime(2026, 3, 4, 13, 30)))
    >>> in_words(start, end)
    '2026-03-04 00:00 to 2026-03-04 13:30'
    >>> span("period", ("2026-03-04",))
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 'period' is two times, (start, end): ('2026-03-04',)
    """
    if not (isinstance(given, tuple | list) and len(given) == ENDS):
        raise errors.not_allowed(parameter, given, "is two times, (start, end)")
    start, end = (_moment(parameter, moment) for moment in given)
    if start >= end:
        raise errors.not_allowed(parameter, tuple(map(str, given)), "is (start, end), and starts before it ends")
    return start, end


def day(parameter: str, given: Any) -> date:
    """Day of a time, in UTC.

    Examples
    --------
    >>> day("first", "2026-03-04T13:30")
    datetime.date(2026, 3, 4)
    """
    return _moment(parameter, given).date()


def in_words(start: datetime, end: datetime) -> str:
    """Span in words, to the minute unless it is finer. [UTC]"""
    whole = not (start.second or start.microsecond or end.second or end.microsecond)
    precision = "minutes" if whole else "auto"
    return " to ".join(moment.replace(tzinfo=None).isoformat(" ", precision) for moment in (start, end))


def _moment(parameter: str, given: Any) -> datetime:
    rule = "takes times such as 2026-03-05 or 2026-03-05T13:00"
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            raise errors.not_allowed(parameter, given, rule) from None
    if not isinstance(given, date):
        raise errors.not_allowed(parameter, given, rule)
    moment = given if isinstance(given, datetime) else datetime.combine(given, time())
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
