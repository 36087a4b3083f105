"""Weights and intervals, held against scipy and against chance."""

import math
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from toolkit import rates


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(counts):
    k, n = counts
    low, high = rates.share_interval("p", "n")
    found = pl.DataFrame({"p": [k / n], "n": [float(n)]}).select(low=low, high=high).row(0)
    due = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert found == pytest.approx((due.low, due.high), abs=1e-9)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0.1", 0.1), ("0.10000000149011612", 0.1), ("1.0", 1), ("0.009999999776482582", 0.01), ("x", None)],
)
def test_a_rate_is_the_decimal_that_was_meant(text, rate):
    assert pl.DataFrame({"r": [text]}).select(rates.sample_rate("r")).item() == rate


def test_rates_that_say_nothing_have_no_weight():
    frame = pl.DataFrame({"r": [0.0, -0.1, None, float("nan")]})
    assert frame.select(rates.weight("r")).to_series().to_list()[:3] == [None] * 3


def test_a_total_at_rate_one_is_certain():
    low, high = rates.total_interval(pl.lit(40.0), pl.lit(0.0), pl.lit(1.0))
    assert pl.select(low=low, high=high).row(0) == (40, 40)


@given(st.integers(0, 400), st.sampled_from([0.01, 0.1, 0.5]))
def test_a_total_is_never_less_than_what_was_seen(n, rate):
    low, high = rates.total_interval(pl.lit(n / rate), pl.lit(n * (1 - rate) / rate**2), pl.lit(rate))
    below, above = pl.select(low=low, high=high).row(0)
    assert n * (1 - 1e-9) <= below <= n / rate <= above


@pytest.mark.parametrize(("truth", "rate"), [(200, 0.1), (2000, 0.1), (2000, 0.01), (50, 0.5)])
def test_intervals_of_totals_hold_the_truth_about_as_often_as_they_say(truth, rate):
    """2,000 draws each; chance alone moves the share by half a percent."""
    draw = random.Random(20260302)
    seen = [sum(draw.random() < rate for _ in range(truth)) for _ in range(2000)]
    low, high = rates.total_interval("t", "v", "p")
    frame = pl.DataFrame({"n": seen}).with_columns(
        t=pl.col("n") / rate, v=pl.col("n") * (1 - rate) / rate**2, p=pl.lit(rate)
    )
    covered = frame.select(low.le(truth) & high.ge(truth)).to_series().mean()
    assert 0.93 <= covered <= 0.975


def test_the_quantile_is_that_of_the_normal_distribution():
    assert math.isclose(rates.z_of(0.95), stats.norm.ppf(0.975))
