"""Weights and intervals, held against scipy and against chance."""

import math
import random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

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


def ends(interval, **columns):
    """Low and high of one row."""
    low, high = interval
    return pl.DataFrame({name: [value] for name, value in columns.items()}).select(low=low, high=high).row(0)


def mid_p(n, total, rate):
    """Chance of more than n and half the chance of n."""
    drawn = stats.binom(total, rate) if rate else stats.poisson(total)
    return drawn.sf(n) + drawn.pmf(n) / 2


def test_a_total_at_rate_one_is_certain():
    assert ends(rates.total_interval("n", "p"), n=40, p=1.0) == (40, 40)


@given(st.integers(0, 5000), st.sampled_from([0.01, 0.1, 0.5, 0.9]))
def test_the_ends_of_a_total_leave_the_chance_that_they_say(n, rate):
    """By scipy's binomial distribution at the whole numbers on both sides of each end."""
    low, high = ends(rates.total_interval("n", "p"), n=n, p=rate)
    assert n <= low * (1 + 1e-9)
    assert low <= n / rate * (1 + 1e-9)
    assert n / rate <= high
    slack = 2e-4  # from a thousand units on the ends are those of an expansion
    if low > n:
        assert mid_p(n, math.floor(low), rate) <= 0.025 + slack
    assert mid_p(n, math.ceil(low), rate) >= 0.025 - slack
    assert mid_p(n, math.floor(high), rate) <= 0.975 + slack
    assert mid_p(n, math.ceil(high), rate) >= 0.975 - slack


@given(st.integers(0, 20000))
def test_the_ends_of_a_mean_leave_the_chance_that_they_say(n):
    low, high = ends(rates.mean_interval("n"), n=n)
    assert mid_p(n, high, 0) == pytest.approx(0.975, abs=1e-4)
    if n:
        assert mid_p(n, low, 0) == pytest.approx(0.025, abs=1e-4)


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5])
def test_the_expansion_for_many_units_joins_on(rate):
    """Ends at 999 and 1,000 units are one step apart, to 3 % of it: 1 in 2,000 of their distance."""
    interval = rates.total_interval("n", "p") if rate else rates.mean_interval("n")
    first, second, third = (ends(interval, n=n, p=rate) for n in (998, 999, 1000))
    for end in (0, 1):
        assert third[end] - second[end] == pytest.approx(second[end] - first[end], rel=0.04)


def test_units_in_clumps_say_less():
    """Twenty units that came in pairs are ten draws of two."""
    low, high = ends(rates.mean_interval("n"), n=10)
    assert ends(rates.mean_interval("n", 2.0), n=20) == pytest.approx((2 * low, 2 * high))


def binomial_mid_p(k, n):
    """Mid-P interval of a share, by scipy."""

    def chance(p):
        return stats.binom(n, p).sf(k) + stats.binom(n, p).pmf(k) / 2

    low = optimize.brentq(lambda p: chance(p) - 0.025, 0, 1) if k else 0.0
    return low, optimize.brentq(lambda p: chance(p) - 0.975, 0, 1) if k < n else 1.0


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 40), (80, 100), (2, 1000), (500, 1000)])
def test_the_interval_of_a_part_is_near_the_mid_p_interval_of_a_share(k, n):
    a_low, a_high = rates.mean_interval("a")
    b_low, b_high = rates.mean_interval("b")
    found = ends(rates.part_interval(("a", a_low, a_high), ("b", b_low, b_high)), a=float(k), b=float(n - k))
    length = binomial_mid_p(k, n)[1] - binomial_mid_p(k, n)[0]
    assert found == pytest.approx(binomial_mid_p(k, n), abs=0.03 * length)


def test_parts_that_always_come_together_vary_together():
    """Where each page view has one attempt of either kind, the share is surely about a half."""
    part, rest = (40.0, 28.0, 54.0), (40.0, 28.0, 54.0)
    apart, together = (
        ends(rates.part_interval(tuple(map(pl.lit, part)), tuple(map(pl.lit, rest)), r), a=0) for r in (0.0, 0.99)
    )
    assert together[0] > apart[0] + 0.08
    assert together[1] < apart[1] - 0.08


@given(st.floats(0, 1), st.floats(0, 1), st.integers(5, 500))
def test_a_difference_of_two_wilson_intervals_is_newcombes(p, q, n):
    """Also: what is compared with itself holds 0, and changing sides changes the sign."""
    columns = {"p": p, "q": q, "n": float(n)}
    a, b = ("p", *rates.share_interval("p", "n")), ("q", *rates.share_interval("q", "n"))
    low, high = ends(rates.difference_interval(a, b), **columns)
    (p_low, p_high), (q_low, q_high) = (ends(rates.share_interval(s, "n"), **columns) for s in ("p", "q"))
    assert low == pytest.approx(p - q - math.hypot(p - p_low, q_high - q))
    assert high == pytest.approx(p - q + math.hypot(p_high - p, q - q_low))
    assert ends(rates.difference_interval(b, a), **columns) == pytest.approx((-high, -low))
    assert -1 <= low <= high <= 1


def test_holms_chances_are_those_of_the_definition():
    """Each smallest chance so far times the number of those not smaller."""
    found = pl.DataFrame({"p": [0.5, 0.001, None, 0.02, 0.02, 0.9]}).select(rates.holm("p")).to_series().to_list()
    assert found == pytest.approx([1.0, 0.005, None, 0.08, 0.08, 1.0])


def test_the_quantile_is_that_of_the_normal_distribution():
    assert math.isclose(rates.z_of(0.95), stats.norm.ppf(0.975))


def test_holm_is_as_the_steps_of_the_rule_give_it():
    chance = random.Random(3)
    values = [chance.random() ** 3 for _ in range(9)]
    ordered = sorted(values)
    due = [max(min(1, (9 - j) * ordered[j]) for j in range(ordered.index(value) + 1)) for value in values]
    assert pl.DataFrame({"p": values}).select(rates.holm("p")).to_series().to_list() == pytest.approx(due)
