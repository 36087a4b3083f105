"""One definition, three engines: each reduction gives the same rows on polars, DuckDB and Spark."""

import time
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import measure
from toolkit.measure.collected import collected
from toolkit.measure.engagement import module_visits
from toolkit.measure.hand_over import hand_over_ways
from toolkit.measure.hovers import hover_moments, page_loads
from toolkit.measure.steps import STEPS, step_moments
from toolkit.measure.tally import attempts, attempts_taken_over, tally
from toolkit.measure.usage import module_click_counts
from toolkit.measure.visits import each_user, each_visit

# the client of Spark 3.5 leaves its connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

REDUCTIONS = {
    "tally by campaign, country and day": (lambda rows: tally(rows, by=["campaign", "country", "day"]), "beacons odd_impressions"),
    "tally by hour and week": (lambda rows: tally(rows, by=["hour", "week"]), "odd_impressions activity"),
    "tally of attempts by campaign": (lambda rows: tally(rows, by="campaign", unit="attempt"), "beacons odd_impressions"),
    "tally of attempts": (lambda rows: tally(rows, unit="attempt"), "odd_impressions activity"),
    "attempts": (lambda rows: attempts(rows).select(*EXPLODED), "odd_impressions"),
    "attempts taken over": (lambda rows: attempts_taken_over(rows, by="campaign"), "beacons odd_impressions"),
    "ways of hand-overs": (lambda rows: hand_over_ways(rows, by="country", most=4), "beacons odd_impressions"),
    "visits and modules": (lambda rows: module_visits(rows, by="state"), "odd_modules modules_2019"),
    "clicks in visits": (lambda rows: module_click_counts(rows, by="platform"), "odd_modules"),
    "each visit": (each_visit, "visits_2019 odd_modules"),
    "each user": (each_user, "visits_2019 odd_modules"),
    "moments of hover": (lambda rows: hover_moments(rows, by="state"), "odd_modules modules_2019"),
    "loads of pages": (page_loads, "odd_modules modules_2019"),
    "moments of steps": (
        lambda rows: step_moments(rows, steps=[*STEPS, {"action": ["hover-in", "hover-out"], "module": "help"}, {"state": None}], per="user", exclude=["hover-out"]),
        "odd_modules",
    ),
}  # fmt: skip
EXPLODED = ["ms", "campaign", "status_code", "codes", "partial", "requests"]
REFINERY = {"banner_activity of the refinery": (measure.druid_banner_activity, "beacons")}
CASES = [(name, table) for name, (_, tables) in (REDUCTIONS | REFINERY).items() for table in tables.split()]
MEASURES = {
    "status_funnel": (lambda rows: measure.status_funnel(rows, by="campaign"), "beacons"),
    "status_funnel of attempts": (lambda rows: measure.status_funnel(rows, by="campaign", unit="attempt"), "odd_impressions"),
    "hand_overs": (measure.hand_overs, "odd_impressions"),
    "module_engagement": (lambda rows: measure.module_engagement(rows, by="platform"), "odd_modules"),
    "module_usage": (lambda rows: measure.module_usage(rows, per="user"), "odd_modules"),
    "ordered_funnel": (lambda rows: measure.ordered_funnel(rows, steps=["impression", "hover-in", "link-click"], exclude="hover-out"), "odd_modules"),
    "ordered_funnel by the browser's clock": (measure.ordered_funnel, "modules_2022"),
    "arrivals": (lambda rows: measure.arrivals(rows, by="wiki"), "visits_2019"),
    "returns": (measure.returns, "visits_2022"),
    "states": (measure.states, "visits_2022"),
    "flows": (measure.flows, "odd_modules"),
}  # fmt: skip


def alike(table):
    """Rows in one order and in types that all engines have."""
    plain = table.with_columns(
        pl.col(pl.Categorical, pl.Enum).cast(pl.String),
        pl.col(pl.UInt32, pl.UInt64, pl.Int32).cast(pl.Int64),
        pl.col(pl.Float32).cast(pl.Float64),
    )
    return plain.sort(plain.columns, nulls_last=True)


@pytest.fixture(scope="module")
def expected(stored):
    """What polars gives, once for each case."""
    given = {}

    def of(name, table):
        if (name, table) not in given:
            run, _ = (REDUCTIONS | REFINERY | MEASURES)[name]
            given[name, table] = alike(collected(run(pl.read_parquet(stored[table]))))
        return given[name, table]

    return of


@pytest.mark.parametrize(("name", "table"), CASES)
def test_a_reduction_gives_the_same_rows_on_each_engine(name, table, opened, stored, expected):
    rows = opened(stored[table])
    run, _ = (REDUCTIONS | REFINERY)[name]

    reduced = run(rows)

    assert type(reduced) is type(rows)
    found = alike(collected(reduced))
    assert found.height > 1
    assert_frame_equal(found, expected(name, table), abs_tol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_takes_the_frame_of_each_engine(name, opened, stored, expected):
    run, table = MEASURES[name]

    assert_frame_equal(alike(run(opened(stored[table]))), expected(name, table), abs_tol=1e-9)


def test_coverage_takes_the_frames_of_each_engine(opened, stored):
    tables = [stored["modules_2019"], stored["visits_2019"]]

    found = measure.coverage(*map(opened, tables), by="platform")

    assert_frame_equal(found, measure.coverage(*map(pl.read_parquet, tables), by="platform"), abs_tol=1e-9)


def test_no_reduction_starts_a_job_of_spark(spark, stored):
    tables = {name: spark.read.parquet(path) for name, path in stored.items()}
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup

    before = list(jobs())
    plans = [run(tables[given.split()[0]]) for run, given in (REDUCTIONS | REFINERY).values()]

    assert list(jobs()) == before
    plans[0].collect()
    assert len(jobs()) > len(before)


def test_the_longest_way_is_looked_for_where_it_is_not_given(opened, stored, expected):
    found = collected(hand_over_ways(opened(stored["odd_impressions"]), by="country"))

    assert_frame_equal(alike(found), expected("ways of hand-overs", "odd_impressions"))


@pytest.fixture
def in_new_york(monkeypatch):
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_new_york")
def test_times_come_in_utc_wherever_the_driver_stands(opened, stored):
    hours = collected(tally(opened(stored["odd_impressions"]), by="hour"))["hour"]

    assert hours.dtype == pl.Datetime("ms", "UTC")
    assert hours.min() == datetime(2020, 9, 13, 12, tzinfo=UTC)  # of the first row, 1,600,000,000,000 ms


def test_sums_of_duckdb_come_in_64_bits():
    whole = collected(duckdb.sql("select sum(n) as n, sum(n) / 2 as half from range(4) as t(n)"))

    assert whole.schema == {"n": pl.Int64, "half": pl.Float64}
