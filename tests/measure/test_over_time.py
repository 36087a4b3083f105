"""The status funnel over time: zeros, gaps, beginnings and breaks are not the same."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, decode, load, measure
from toolkit.measure.over_time import breaks, status_over_time


def rows(*entries):
    """Rows of (time, campaign, status code, requests, rate)."""
    names = {"dt": pl.Datetime("ms", "UTC"), "campaign": pl.String, "status_code": pl.String, "requests": pl.Int64, "sample_rate": pl.Float64}  # fmt: skip
    frame = pl.DataFrame(entries, schema=names, orient="row")
    return frame.with_columns(flags=pl.lit(0), ms=pl.col("dt").dt.timestamp("ms"))


def day(number, month=3, hour=5):
    return datetime(2026, month, number, hour, tzinfo=UTC)


TRAFFIC = rows(
    (day(2), "A", "6", 3, 1.0), (day(2), "A", "2.1", 1, 1.0), (day(2), "B", "6", 5, 0.1),
    (day(3), "A", "6", 4, 1.0), (day(5), "A", "6", 2, 1.0), (day(5), "B", "7", 1, 0.1), (None, "B", "6", 9, 0.1),
)  # fmt: skip


@pytest.fixture(scope="module")
def by_campaign():
    return status_over_time(TRAFFIC, by="campaign")


def test_a_day_without_any_data_is_a_gap_and_not_zero(by_campaign):
    gap = by_campaign.filter(pl.col("period").dt.day() == 4)
    assert set(gap["presence"]) == {"gap"}
    assert gap.select(pl.col("n", "total", "share", "conversion").is_null().all()).row(0) == (True,) * 4
    assert gap["note"].str.contains("a gap in the data, not a zero").all()


def test_a_campaign_that_pauses_has_zeros_and_no_share(by_campaign):
    """And at a rate of 0.1 some of its page views may have been missed."""
    pause = by_campaign.filter(pl.col("period").dt.day() == 3, campaign="B", stage="attempted").row(0, named=True)
    assert (pause["presence"], pause["n"], pause["total"], pause["share"]) == ("none", 0, 0.0, None)
    assert pause["total_high"] > 10


def test_a_code_that_occurs_on_other_days_is_a_zero_with_an_interval(by_campaign):
    closed = by_campaign.filter(pl.col("period").dt.day() == 3, campaign="A", status_code="2.1").row(0, named=True)
    assert (closed["n"], closed["total"], closed["share"], closed["share_low"]) == (0, 0.0, 0.0, 0.0)
    assert 0.3 < closed["share_high"] < 0.7


def test_rows_without_a_time_are_counted_and_in_no_period(by_campaign):
    shown = by_campaign.filter(campaign="B", stage="attempted", outcome="reached")
    assert shown["timeless"].unique().to_list() == [9]
    assert shown["n"].sum() == 6


def test_each_period_has_the_numbers_of_its_own_funnel(by_campaign):
    alone = measure.status_funnel(TRAFFIC.filter(pl.col("dt").dt.day() == 2), by="campaign")
    keys = ["campaign", "stage", "outcome", "status_code"]
    numbers = [
        "n",
        "total",
        "total_low",
        "total_high",
        "share",
        "share_low",
        "share_high",
        "conversion",
        "conversion_high",
    ]
    there = by_campaign.filter(pl.col("period").dt.day() == 2).join(alone.select(keys), on=keys, nulls_equal=True)
    assert_frame_equal(there.select(*keys, *numbers), alone.select(*keys, *numbers), check_row_order=False)


def test_the_periods_add_up_to_the_whole(by_campaign):
    whole = measure.status_funnel(TRAFFIC.filter(pl.col("dt").is_not_null()), by="campaign")
    keys = ["campaign", "stage", "outcome", "status_code"]
    sums = by_campaign.group_by(keys).agg(pl.col("n", "total").sum())
    assert_frame_equal(sums.sort(keys), whole.select(*keys, "n", "total").sort(keys))


def test_order_of_rows_and_laziness_change_nothing(by_campaign):
    shuffled = status_over_time(TRAFFIC.sample(fraction=1, shuffle=True, seed=3).lazy(), by=["campaign"])
    assert_frame_equal(shuffled, by_campaign)


def test_weeks_begin_on_monday_and_hours_run_on():
    weeks = status_over_time(TRAFFIC, every="week")
    assert weeks["period"].unique().to_list() == [datetime(2026, 3, 2, tzinfo=UTC)]
    hours = status_over_time(rows((day(2, hour=1), "A", "6", 1, 1.0), (day(2, hour=3), "A", "6", 1, 1.0)), every="hour")
    assert hours.unique("period", maintain_order=True)["presence"].to_list() == ["units", "gap", "units"]


def test_a_code_is_grey_before_it_was_written():
    """2.22 was written on 2026-04-04; after that day a zero is a zero."""
    traffic = rows(*[(day(number, 4), "A", "6", 5, 1.0) for number in range(2, 8)], (day(7, 4), "A", "2.22", 5, 1.0))
    daily = status_over_time(traffic).filter(status_code="2.22")
    assert daily["possible"].to_list() == [False, False, True, True, True, True]
    assert daily["share"].to_list() == [None, None, 0.0, 0.0, 0.0, 0.5]
    assert "did not exist before 2026-04-04" in daily["note"][0]


def test_what_is_recorded_is_possible_whatever_the_shelf_says():
    """A wrong clock, or newer code; the day after is a zero then."""
    traffic = rows((day(2), "A", "2.22", 5, 1.0), (day(2), "A", "6", 5, 1.0), (day(3), "A", "6", 5, 1.0))
    daily = status_over_time(traffic).filter(status_code="2.22")
    assert daily.select("possible", "share").rows() == [(True, 0.5), (True, 0.0)]
    assert "recorded before its code was written" in daily["note"][0]


def test_nobody_can_say_since_when_an_unknown_code_exists():
    daily = status_over_time(rows((day(2), "A", "2.99", 5, 1.0), (day(3), "A", "6", 5, 1.0)))
    assert daily.filter(status_code="2.99")["possible"].to_list() == [None, None]


def test_a_column_without_values_did_not_exist_before_its_day():
    """The beacon has had a region since 2018-05-04."""
    old = datetime(2018, 5, 1, tzinfo=UTC)
    traffic = rows(*[(old + timedelta(days=at), "A", "6", 5, 1.0) for at in range(6)]).with_columns(
        region=pl.lit(None, pl.String)
    )
    found = status_over_time(traffic, by="region").filter(stage="shown")
    assert found["possible"].to_list() == [False, False, False, True, True, True]


def test_breaks_stand_in_their_period():
    traffic = rows(
        (datetime(2019, 9, 23, tzinfo=UTC), "A", "6", 5, 1.0), (datetime(2019, 9, 25, tzinfo=UTC), "A", "6", 5, 1.0)
    )
    found = status_over_time(traffic).filter(stage="shown")["breaks"].to_list()
    assert found == [None, "fallback: a failed campaign is followed by the next", None]


@pytest.mark.parametrize(
    ("system", "months"),
    [
        ("centralnotice", "2015-09 2017-05 2019-09 2019-10 2021-01 2023-09 2025-05 2026-02 2026-05"),
        ("homepage", "2019-05 2019-06 2019-08 2019-11 2020-01 2020-04 2020-08 2020-09 2021-02 2022-11 2025-03 2025-04 2026-03 2026-06"),
    ],
)  # fmt: skip
def test_all_known_breaks_are_in_the_calendar(system, months):
    days = breaks(date(2015, 1, 1), date(2027, 1, 1), system=system)["date"]
    assert set(months.split()) <= set(days.dt.strftime("%Y-%m"))


def test_a_tally_gives_what_its_rows_give(by_campaign):
    tallied = measure.tally(TRAFFIC, by=["campaign", "day"])
    numbers = ["campaign", "period", "stage", "status_code", "n", "total", "share", "presence"]
    assert_frame_equal(status_over_time(tallied, by="campaign").select(numbers), by_campaign.select(numbers))


def test_attempts_over_time_know_their_campaign(sample):
    """The maintenance campaign ran on one day; on the others it has none, and the first day is not a gap."""
    found = status_over_time(load.impressions(sample / "beacons.tsv.gz").rows, by="campaign", unit="attempt")
    one = found.filter(campaign="Maintenance_2026_03_04", stage="attempted", outcome="reached")
    assert one["presence"].to_list() == ["none", "none", "units", "none", "none", "none"]
    assert one["unit"].unique().to_list() == ["attempt"]


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"every": "month"}, "'every' takes 'hour' or 'day' or 'week', not 'month'"),
        ({"by": "day"}, "leaves out 'day'"),
        ({"by": "period"}, "names no column of the result itself"),
        ({"by": "continent"}, "needs the column 'continent'"),
    ],
)
def test_what_cannot_be_asked_is_said(choices, sentence):
    with pytest.raises(ToolkitError, match=sentence):
        status_over_time(TRAFFIC, **choices)


def test_data_without_a_time_have_no_course():
    with pytest.raises(ToolkitError, match="has times"):
        status_over_time(TRAFFIC.filter(pl.col("dt").is_null()))


def test_a_campaign_that_is_nobodys_last_is_there_and_says_so():
    """T411382: another campaign takes each page view over."""
    text = '[{"statusCode":"2.1","campaign":"FR"},{"statusCode":"6","campaign":"low"}]'
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3)]
    rows = pl.DataFrame({"campaign": "low", "status_code": "6", "text": text, "requests": 1, "sample_rate": 1.0, "flags": 0,
                         "dt": days}).with_columns(pl.col("dt").cast(pl.Datetime("ms", "UTC")), ms=pl.col("dt").dt.epoch("ms"))  # fmt: skip
    rows = rows.with_columns(attempts=decode.attempts("text")).with_columns(path=decode.path("attempts"))
    found = status_over_time(rows, by="campaign").filter(outcome="reached", stage="attempted", campaign="FR")
    assert found.select("n", "taken_over").rows() == [(0, 1.0), (0, 1.0)]
    assert found["note"].str.contains("100.0 % of").all()
