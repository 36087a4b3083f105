"""The product-limit estimator, held against scipy's and against a count by hand."""

import warnings

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy import stats

from toolkit import ToolkitError
from toolkit.measure.survival import product_limit, survival_quantile

UNITS = st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40)


def curve_of(units, **more):
    frame = pl.DataFrame(units, schema=["t", "e"], orient="row")
    return product_limit(frame, time="t", event="e", **more)


@given(UNITS, st.sampled_from([0.5, 0.9, 0.95]))
def test_the_curve_and_its_interval_are_scipys(units, level):
    found = curve_of(units, level=level)
    data = stats.CensoredData(
        uncensored=[time for time, happened in units if happened], right=[time for time, happened in units if not happened]
    )  # fmt: skip
    due = stats.ecdf(data).sf
    assert found["time"].to_list() == due.quantiles.tolist()
    np.testing.assert_allclose(found["survival"], due.probabilities, atol=1e-12)
    with warnings.catch_warnings(action="ignore"):  # of logarithms of 0 and 1, which are not compared
        interval = due.confidence_interval(confidence_level=level, method="log-log")
    known = (found["survival"] > 0) & (found["survival"] < 1)
    mask = known.to_numpy()
    np.testing.assert_allclose(found.filter(known)["survival_low"], interval.low.probabilities[mask], atol=1e-9)
    np.testing.assert_allclose(found.filter(known)["survival_high"], interval.high.probabilities[mask], atol=1e-9)


def at_risk_by_hand(units, time):
    return sum(entry < time <= end for entry, end, _ in units)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(6, 12), st.booleans()), min_size=1, max_size=20))
def test_those_who_enter_late_are_at_risk_from_then_on(units):
    frame = pl.DataFrame(units, schema=["from", "t", "e"], orient="row")
    found = product_limit(frame, time="t", event="e", entry="from")
    assert found["at_risk"].to_list() == [at_risk_by_hand(units, time) for time in found["time"]]


def test_delayed_entry_changes_the_share_of_the_early_times_only():
    frame = pl.DataFrame({"from": [0, 0, 2], "t": [1, 4, 4], "e": [True, True, False]})
    found = product_limit(frame, time="t", event="e", entry="from")
    assert found.select("time", "at_risk", "survival").rows() == [(1.0, 2.0, 0.5), (4.0, 2.0, 0.25)]


def test_one_who_enters_after_leaving_is_refused():
    with pytest.raises(ToolkitError, match="'entry' is before the time"):
        product_limit(pl.DataFrame({"from": [3], "t": [3], "e": [True]}), time="t", event="e", entry="from")


@given(UNITS, st.integers(2, 5))
def test_a_weight_that_all_share_changes_counts_but_no_share_and_no_interval(units, weight):
    frame = pl.DataFrame(units, schema=["t", "e"], orient="row").with_columns(w=pl.lit(weight))
    weighted = product_limit(frame, time="t", event="e", weight="w")
    plain = product_limit(frame, time="t", event="e")
    assert_frame_equal(weighted.select("survival", "survival_low", "survival_high"),
                       plain.select("survival", "survival_low", "survival_high"))  # fmt: skip
    assert (weighted["at_risk"] / plain["at_risk"] == weight).all()


def test_curves_by_a_dimension_are_those_of_its_parts_in_any_order_of_rows():
    frame = pl.DataFrame({"g": ["a", "b", "a", "b", None], "t": [1, 1, 2, 3, 5], "e": [True, False, True, True, True]})
    found = product_limit(frame.lazy(), time="t", event="e", by="g")
    assert_frame_equal(product_limit(frame.reverse(), time="t", event="e", by="g"), found)
    alone = product_limit(frame.filter(g="b"), time="t", event="e")
    assert_frame_equal(found.filter(g="b").drop("g"), alone)
    assert found["g"].null_count() == 1


class TestQuantile:
    def test_the_median_is_the_first_time_at_which_half_are_left(self):
        curve = curve_of([(1, True), (2, True), (3, True), (4, True)])
        assert survival_quantile(curve)["time"].item() == 2.0

    def test_a_median_that_was_not_reached_is_null(self):
        curve = curve_of([(1, True), (2, False), (3, False)])
        assert survival_quantile(curve)["time"].item() is None

    def test_the_interval_holds_a_known_median_as_often_as_it_should(self):
        rng = np.random.default_rng(1)
        lengths, ends = rng.exponential(1, (400, 60)), rng.exponential(2, (400, 60))
        frame = pl.DataFrame({
            "draw": np.repeat(np.arange(400), 60),
            "t": np.minimum(lengths, ends).ravel(),
            "e": (lengths <= ends).ravel(),
        })  # fmt: skip
        found = survival_quantile(product_limit(frame, time="t", event="e", by="draw"), by="draw")
        hit = found.select(pl.lit(np.log(2)).is_between("time_low", pl.col("time_high").fill_null(np.inf))).to_series()
        assert hit.mean() == pytest.approx(0.95, abs=0.03)


def test_nothing_to_watch_gives_no_row():
    empty = pl.DataFrame(schema={"t": pl.Float64, "e": pl.Boolean})
    assert product_limit(empty, time="t", event="e").is_empty()


def test_missing_columns_are_said():
    with pytest.raises(ToolkitError, match="needs the columns 'days', 'back'"):
        product_limit(pl.DataFrame({"t": [1]}), time="days", event="back")
