"""The tally: what it groups, on which engines, and that its parts add up."""

from datetime import UTC, date, datetime

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import ToolkitError, decode, measure
from toolkit.measure.tally import attempts_taken_over

TEXT = '[{"statusCode":"2.2","campaign":"A"},{"statusCode":"2.1","campaign":"B"},{"statusCode":"6","campaign":"C"}]'
ROWS = (
    pl.DataFrame(
        {
            "campaign": ["C", "A", "D"],
            "status_code": ["6", "7", "2.10"],
            "statuses": [TEXT, '[{"statusCode":"7","campaign":"A"}]', None],
            "requests": [1, 1, 4],
            "sample_rate": [0.1, 1.0, 5.0],
            "flags": [0, 0, 0],
            "ms": [10, 20, 30],
        }
    )
    .with_columns(attempts=decode.attempts("statuses"))
    .with_columns(path=decode.path("attempts"))
)


def sorted_rows(frame, *columns):
    """Rows in a fixed order."""
    return sorted(frame.select(columns).rows(), key=repr)


def test_page_views_count_by_their_last_campaign():
    found = measure.tally(ROWS, by="campaign")
    assert sorted_rows(found, "campaign", "codes", "sample_rate", "n") == [
        ("A", "7", 1.0, 1),
        ("C", "6", 0.1, 1),
        ("D", "2.10", 1.0, 4),
    ]


def test_attempts_count_under_their_own_campaign():
    found = measure.tally(ROWS, by="campaign", unit="attempt")
    assert sorted_rows(found, "campaign", "codes", "n", "partial") == [
        ("A", "2.2", 1, 0), ("A", "7", 1, 0), ("B", "2.1", 1, 0), ("C", "6", 1, 0), ("D", "2.10", 4, 4),
    ]  # fmt: skip


def test_attempts_of_a_page_view_stay_together_without_campaigns():
    assert sorted_rows(measure.tally(ROWS, unit="attempt"), "codes", "n") == [("2.10", 4), ("2.2 2.1 6", 1), ("7", 1)]


def test_a_rate_above_one_means_always_and_an_unusable_one_is_null():
    rows = ROWS.with_columns(sample_rate=pl.Series([float("inf"), 0.0, None]))
    assert sorted(measure.tally(rows)["sample_rate"].to_list(), key=str) == [1.0, None, None]


def test_weeks_start_on_monday_in_utc(tmp_path):
    """2026-03-02 is a Monday; the Sunday before it is of the week before."""
    moments = [
        datetime(2026, 3, 1, 23, 59, tzinfo=UTC),
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 8, 23, 59, tzinfo=UTC),
    ]
    rows = ROWS.with_columns(dt=pl.Series(moments).dt.cast_time_unit("ms"))
    found = measure.tally(rows, by="week")
    assert sorted_rows(found.with_columns(pl.col("week").dt.date()), "week", "codes") == [
        (date(2026, 2, 23), "6"), (date(2026, 3, 2), "2.10"), (date(2026, 3, 2), "7"),
    ]  # fmt: skip
    stored = tmp_path / "rows.parquet"
    rows.with_columns(pl.col("dt").dt.replace_time_zone(None)).drop("statuses").write_parquet(stored)
    weeks = measure.tally(duckdb.read_parquet(str(stored)), by="week").select("week").fetchall()
    assert {week.date() for (week,) in weeks} == {date(2026, 2, 23), date(2026, 3, 2)}


@pytest.mark.parametrize("lazy", [False, True])
def test_attempts_taken_over_are_counted_under_their_own_campaign(lazy):
    """C shows its banner where A and B failed before; D has no attempts and is not there."""
    found = attempts_taken_over(ROWS.lazy() if lazy else ROWS, by="campaign")
    assert sorted_rows(found.lazy().collect(), "campaign", "sample_rate", "attempts", "taken_over", "incomplete") == [
        ("A", 0.1, 1, 1, 0), ("A", 1.0, 1, 0, 0), ("B", 0.1, 1, 1, 0), ("C", 0.1, 1, 0, 0),
    ]  # fmt: skip


def test_days_and_hours_start_in_utc():
    rows = ROWS.with_columns(dt=pl.datetime(2026, 3, 2, 23, 59, time_zone="UTC", time_unit="ms"))
    assert [str(value) for value in measure.tally(rows, by="day")["day"].unique()] == ["2026-03-02 00:00:00+00:00"]
    assert [str(value) for value in measure.tally(rows, by="hour")["hour"].unique()] == ["2026-03-02 23:00:00+00:00"]


@pytest.mark.parametrize("unit", ["pageview", "attempt"])
@pytest.mark.parametrize("by", [(), ("campaign",)])
def test_lazy_eager_and_duckdb_tallies_are_the_same(unit, by, tmp_path):
    """DuckDB runs the same code: a second engine as an oracle."""
    eager = measure.tally(ROWS, by=by, unit=unit)
    lazy = measure.tally(ROWS.lazy(), by=by, unit=unit)
    keys = [*by, "codes", "sample_rate", "n", "partial", "first_ms", "last_ms"]
    assert isinstance(lazy, pl.LazyFrame)
    assert sorted_rows(lazy.collect(), *keys) == sorted_rows(eager, *keys)
    stored = tmp_path / "rows.parquet"
    ROWS.drop("statuses").write_parquet(stored)
    relation = measure.tally(duckdb.read_parquet(str(stored)), by=by, unit=unit)
    assert sorted(relation.select(*keys).fetchall(), key=repr) == sorted_rows(eager, *keys)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"), st.sampled_from(["6", "2.1", "9"]), st.sampled_from([0.1, 1.0]), st.integers(0, 9)
        ),
        min_size=1,
    ),
    st.integers(0, 50),
)
def test_tallies_of_two_halves_add_up_to_the_tally_of_the_whole(rows, cut):
    frame = pl.DataFrame(
        rows, schema=["campaign", "status_code", "sample_rate", "requests"], orient="row"
    ).with_columns(flags=pl.lit(0), ms=pl.lit(0))
    keys = ["campaign", "codes", "sample_rate"]
    halves = pl.concat([measure.tally(part, by="campaign") for part in (frame[:cut], frame[cut:])])
    added = halves.group_by(keys).agg(pl.col("n").sum()).sort(keys)
    assert added.equals(measure.tally(frame, by="campaign").select(*keys, "n").sort(keys))


def test_a_missing_column_says_which_there_are():
    with pytest.raises(ToolkitError, match="needs the column 'nation'; the frame has 'campaign', "):
        measure.tally(ROWS, by="nation")
    with pytest.raises(ToolkitError, match="'unit' takes 'pageview' or 'attempt', not 'visit'"):
        measure.tally(ROWS, unit="visit")
