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


class TestHomepage:
    def rows(self, day, **more):
        at = datetime.combine(day, datetime.min.time(), UTC)
        base = {"wiki": "cswiki", "user": 1, "visit": 1, "mode": "mobile-overlay", "action": "impression", "flags": 0}
        schema = {"visit": pl.Int64}
        return pl.DataFrame([{"dt": at, **base, **more}], schema_overrides=schema)

    @pytest.mark.parametrize(
        ("fault", "day", "more", "is_faulty"),
        [
            ("false overlay impressions", date(2019, 8, 25), {}, False),
            ("false overlay impressions", date(2019, 8, 26), {}, True),
            ("false overlay impressions", date(2019, 11, 7), {}, True),
            ("false overlay impressions", date(2019, 11, 8), {}, False),
            ("false overlay impressions", date(2019, 9, 9), {"mode": "mobile-summary"}, False),
            ("false overlay impressions", date(2019, 9, 9), {"action": "link-click"}, False),
            ("no overlay clicks", date(2020, 8, 10), {}, True),
            ("no overlay clicks", date(2020, 8, 11), {}, False),
            ("events without a token", date(2025, 3, 25), {"visit": None}, True),
            ("events without a token", date(2025, 4, 1), {}, False),
            ("before the launch", date(2019, 5, 5), {}, True),
            ("before the launch", date(2019, 5, 6), {}, False),
        ],
    )
    def test_a_fault_has_its_days_and_its_rows(self, fault, day, more, is_faulty):
        rows = self.rows(day, **more)
        assert rows.filter(keep.faulty(fault)).height == is_faulty
        assert rows.filter(~keep.faulty(fault)).height == (not is_faulty)

    def test_all_faults_are_asked_for_unless_some_are_named(self):
        assert self.rows(date(2020, 1, 1)).filter(keep.faulty()).height == 1

    def test_listed_accounts_are_of_their_wiki(self):
        rows = pl.DataFrame({"wiki": ["cswiki", "kowiki", "cswiki", None], "user": [1, 1, 2, 1]})
        assert rows.with_row_index().filter(keep.listed(pl.DataFrame({"wiki": ["cswiki"], "user": [1]})))[
            "index"
        ].to_list() == [0]

    def test_ids_of_a_list_are_numbers_and_those_of_rows_text(self):
        rows = pl.DataFrame({"wiki": ["cswiki"], "user_id": ["670272"]})
        assert rows.filter(keep.listed(pl.DataFrame({"wiki": ["cswiki"], "user_id": [670272]}))).height == 1

    def test_an_empty_list_names_nobody(self):
        rows = pl.DataFrame({"wiki": ["cswiki"], "user": [1]})
        assert rows.filter(~keep.listed(rows.clear())).height == 1

    def test_sound_drops_what_is_false_and_keeps_what_is_marked(self):
        assert self.rows(date(2019, 9, 9)).filter(keep.sound()).is_empty()
        assert self.rows(date(2020, 1, 1)).filter(keep.sound()).height == 1
        assert self.rows(date(2020, 1, 1), wiki="testwiki").filter(keep.sound()).is_empty()
        assert (
            self.rows(date(2020, 1, 1)).filter(keep.sound(pl.DataFrame({"wiki": ["cswiki"], "user": [1]}))).is_empty()
        )

    def test_wrong_faults_and_lists_are_said(self):
        with pytest.raises(ToolkitError, match="no fault named 'leak'; keep.faults"):
            keep.faulty("leak")
        with pytest.raises(ToolkitError, match="keep.listed needs the columns 'wiki', 'user'"):
            keep.listed(pl.DataFrame({"name": ["x"]}))
