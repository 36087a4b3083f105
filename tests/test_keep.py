"""Who counts: flags and periods."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from toolkit import ToolkitError, keep, reference


def test_each_flag_is_told_from_all_others():
    flags = reference.table("flag")["flag"].to_list()
    frame = pl.DataFrame({"flags": [2 ** reference.flag_bit(flag) for flag in flags]}, schema={"flags": pl.UInt32})
    for at, flag in enumerate(flags):
        assert frame.with_row_index().filter(keep.flagged(flag))["index"].to_list() == [at]
        assert frame.filter(keep.without(flag)).height == len(flags) - 1


def test_naming_no_flag_keeps_all():
    assert pl.DataFrame({"flags": [0, 1, 2]}).filter(keep.without()).height == 3


def test_a_period_holds_its_last_day_and_no_row_without_a_time():
    times = [
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 3, 4, tzinfo=UTC),
        None,
    ]
    frame = pl.DataFrame({"dt": times}).with_row_index()
    assert frame.filter(keep.period("2026-03-02", date(2026, 3, 3)))["index"].to_list() == [0, 1]


def test_wrong_names_and_days_are_said():
    with pytest.raises(ToolkitError, match="no flag named 'robot'; toolkit/tables/flag.csv has debug, bot"):
        keep.without("robot")
    with pytest.raises(ToolkitError, match="'day' is a date such as '2026-03-02': '2.3.2026'"):
        keep.period("2.3.2026", "2026-03-02")
    with pytest.raises(ToolkitError, match="is not before the first day"):
        keep.period("2026-03-02", "2026-03-01")
