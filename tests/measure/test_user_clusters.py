"""Intervals and tests of units that come in clusters: how often they hold the truth, and what they agree with."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from toolkit import rates
from toolkit.measure.comparison import compare_shares
from toolkit.measure.user_clusters import (
    clustered_means,
    clustered_shares,
    freedoms,
    t_quantile,
    together_freedom,
    two_sided,
)

DRAWS = 400  # a coverage of 95 % is seen as 92.5 to 97.5 % in so many
LEAST, MOST = 0.92, 0.99


def sizes(made, kind, users):
    """Visits of each user: some four each, or one for most and up to 60 for a few."""
    several = made.geometric(0.25, users)
    return several if kind == "alike" else 1 + np.floor(made.pareto(1.5, users)).clip(0, 60).astype(int)


def drawn(kind, users, rates_of, outcome, seed=7):
    """Visits of many draws of users, each with a rate of their own."""
    made = np.random.default_rng(seed)
    rate = rates_of(made, users * DRAWS)
    user = np.repeat(np.arange(users * DRAWS), sizes(made, kind, users * DRAWS))
    return pl.DataFrame({"wiki": "cswiki", "user": user, "draw": user // users, "y": outcome(made, rate[user])})


def coverage(table, name, truth):
    """Share of draws whose interval holds the truth."""
    return table.select(pl.lit(truth).is_between(pl.col(f"{name}_low"), pl.col(f"{name}_high")).mean()).item()


@pytest.mark.parametrize("kind", ["alike", "few have most"])
@pytest.mark.parametrize(("mean", "shape"), [(0.1, 1), (0.05, 0.3), (0.3, 0.5)])
@pytest.mark.parametrize("users", [60, 250])
def test_intervals_of_means_hold_the_truth_as_often_as_they_say(kind, users, mean, shape):
    units = drawn(
        kind, users, lambda made, n: mean * made.gamma(shape, 1 / shape, n), lambda made, rate: made.poisson(rate)
    )
    assert LEAST <= coverage(clustered_means(units, by=["draw"], of="y"), "mean", mean) <= MOST


@pytest.mark.parametrize("kind", ["alike", "few have most"])
@pytest.mark.parametrize(("a", "b"), [(0.5, 1.5), (0.2, 3.8), (5, 95)])
@pytest.mark.parametrize("users", [60, 250])
def test_intervals_of_shares_hold_the_truth_as_often_as_they_say(kind, users, a, b):
    units = drawn(kind, users, lambda made, n: made.beta(a, b, n), lambda made, rate: made.random(len(rate)) < rate)
    assert LEAST <= coverage(clustered_shares(units, by=["draw"], of="y"), "share", a / (a + b)) <= MOST


@pytest.mark.parametrize("users", [30, 120])
def test_two_groups_alike_are_found_to_differ_as_seldom_as_the_level_says(users):
    units = drawn(
        "few have most", users, lambda made, n: made.beta(0.5, 1.5, n), lambda made, rate: made.random(len(rate)) < rate
    ).with_columns(ms=0, group=pl.when(pl.col("user") % 2 == 0).then(pl.lit("C")).otherwise(pl.lit("D")))
    found = compare_shares(units, between="group", of="y", by="draw", baseline="C")
    assert 0.005 <= (found["p_value"] < 0.05).mean() <= 0.075
    assert LEAST <= coverage(found, "difference", 0.0) <= MOST


class TestFreedom:
    def test_users_with_as_many_units_leave_one_less_than_there_are(self):
        clusters = pl.DataFrame({"m": [2.0] * 9, "y": [0.0, 1.0, 2.0] * 3})
        assert freedoms(clusters, by=[]).item() == pytest.approx(8)

    def test_one_user_with_most_units_leaves_few(self):
        clusters = pl.DataFrame({"m": [50.0, *[1.0] * 9], "y": [30.0, *[0.0, 1.0, 0.0] * 3]})
        assert freedoms(clusters, by=[]).item() < 2

    def test_the_spread_of_users_with_one_unit_is_known(self):
        assert freedoms(pl.DataFrame({"m": [1.0] * 4, "y": [0.0, 1.0, 1.0, 0.0]}), by=[]).item() is None

    def test_quantiles_and_chances_are_those_of_scipy(self):
        table = pl.DataFrame({"z": [0.5, 2.0, -3.0], "f": [1.0, 7.5, 300.0]})
        found = table.select(t=t_quantile("f", 0.9), p=two_sided("z", "f"))
        assert found["t"].to_list() == pytest.approx(stats.t.ppf(0.95, table["f"]).tolist())
        assert found["p"].to_list() == pytest.approx((2 * stats.t.sf(abs(table["z"].to_numpy()), table["f"])).tolist())

    def test_a_known_spread_gives_the_normal_chance_that_rates_gives(self):
        table = pl.DataFrame({"z": [0.0, 1.0, 2.5]})
        chances = table.select(
            t=two_sided("z", pl.lit(None, dtype=pl.Float64)), n=rates.two_sided(pl.col("z") / rates.z_of())
        )
        assert chances["t"].to_list() == pytest.approx(chances["n"].to_list(), abs=1e-8)

    def test_two_spreads_together_leave_what_welch_says(self):
        first, second = np.array([1.0, 4.0, 2.0, 9.0]), np.array([3.0, 3.5, 4.0, 2.0, 1.0])
        parts = [(np.var(some, ddof=1) / len(some), len(some) - 1.0) for some in (first, second)]
        found = pl.select(together_freedom(*((pl.lit(v), pl.lit(f)) for v, f in parts))).item()
        assert found == pytest.approx(stats.ttest_ind(first, second, equal_var=False).df)


def test_users_of_one_unit_have_wilsons_own_interval():
    units = pl.DataFrame({"wiki": "cswiki", "user": range(50), "y": [True] * 7 + [False] * 43})
    low, high = rates.share_interval(pl.lit(7 / 50), pl.lit(50.0))
    found = clustered_shares(units, by=[], of="y").select("share_low", "share_high").row(0)
    assert found == pytest.approx(pl.select(low, high.alias("high")).row(0))
