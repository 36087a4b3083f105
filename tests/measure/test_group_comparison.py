"""Differences between groups: by eye, against other people's formulas, against a bootstrap, in simulation."""

import math
import random
import statistics

import polars as pl
import pytest
from scipy import stats

from toolkit import ToolkitError, keep, load
from toolkit.measure.comparison import compare_modules, compare_shares, editcount_band, sample_size
from toolkit.measure.user_clusters import clustered_means, clustered_shares


def units(*entries):
    """Units of (user, group, clicked)."""
    frame = pl.DataFrame(entries, schema=["user", "group_of", "clicked"], orient="row")
    return frame.with_columns(wiki=pl.lit("cswiki"), ms=pl.lit(0))


def drawn(chance, n_users, *, share=0.1, alike=0.3, crossed=False):
    """Visits of simulated users, each with a share of its own; groups by user, or by visit if crossed."""
    entries = []
    for user in range(n_users):
        own = chance.betavariate(share * (1 / alike - 1), (1 - share) * (1 / alike - 1))
        for _ in range(1 + int(chance.expovariate(1))):
            group = chance.choice("CD") if crossed else "CD"[user % 2]
            entries.append((user, group, chance.random() < own))
    return units(*entries)


class TestClusters:
    def test_one_visit_each_is_wilsons_interval(self):
        frame = units(*((user, "C", user < 3) for user in range(20)))
        found = clustered_shares(frame, by=[], of="clicked").row(0, named=True)
        due = stats.binomtest(3, 20).proportion_ci(method="wilson")
        assert (found["share_low"], found["share_high"]) == pytest.approx((due.low, due.high))
        assert found["design_effect"] == pytest.approx(1)

    def test_visits_that_are_all_alike_count_as_their_users(self):
        """Ten users with five visits each, of one mind: as much as ten visits."""
        frame = units(*((user, "C", user < 4) for user in range(10) for _ in range(5)))
        found = clustered_shares(frame, by=[], of="clicked").row(0, named=True)
        assert found["n"] == 50
        assert found["n_eff"] == pytest.approx(9 * 50 / 49)  # ten, but for the correction of small numbers

    def test_visits_without_a_user_stand_for_themselves(self):
        frame = units(*((None, "C", number < 4) for number in range(10)))
        assert clustered_shares(frame, by=[], of="clicked").select("users", "n_eff").row(0) == (10, pytest.approx(10))

    def test_no_click_at_all_still_has_an_interval(self):
        found = clustered_shares(units((1, "C", False), (1, "C", False)), by=[], of="clicked").row(0, named=True)
        assert (found["share"], found["share_low"], found["n_eff"]) == (0, 0, 1)
        assert 0.7 < found["share_high"] < 0.9

    def test_means_of_rare_counts_have_about_the_interval_of_poisson(self):
        frame = pl.DataFrame({"wiki": "cswiki", "user": range(100), "clicks": [1] * 9 + [0] * 91})
        found = clustered_means(frame, by=[], of="clicks").row(0, named=True)
        assert found["mean_low"] * 100 == pytest.approx(stats.chi2.ppf(0.025, 18) / 2, rel=0.2)
        assert found["mean_high"] * 100 == pytest.approx(stats.chi2.ppf(0.975, 20) / 2, rel=0.05)


class TestCompareShares:
    def test_the_difference_is_from_the_baseline(self):
        frame = units((1, "C", True), (2, "C", True), (3, "D", True), (4, "D", False), (5, "D", False))
        found = compare_shares(frame, between="group_of", of="clicked").row(0, named=True)
        assert (found["group"], found["baseline"], found["difference"]) == ("C", "D", pytest.approx(2 / 3))

    def test_one_visit_each_is_newcombes_interval(self):
        """56 of 70 against 48 of 80: the example of Newcombe (1998), table II, method 10."""
        frame = units(*((n, "D", n < 56) for n in range(70)), *((100 + n, "C", n < 48) for n in range(80)))
        found = compare_shares(frame, between="group_of", of="clicked", baseline="C").row(0, named=True)
        assert found["difference_low"] == pytest.approx(0.0524, abs=1e-4)
        assert found["difference_high"] == pytest.approx(0.3339, abs=1e-4)

    def test_one_visit_each_is_the_two_sample_test(self):
        frame = units(*((n, "D", n < 56) for n in range(70)), *((100 + n, "C", n < 48) for n in range(80)))
        p_value = compare_shares(frame, between="group_of", of="clicked")["p_value"].item()
        due = stats.chi2_contingency([[56, 14], [48, 32]], correction=False).pvalue
        assert p_value == pytest.approx(due, rel=0.1)  # the other pools the variance, this the share only

    def test_doubling_every_visit_of_every_user_says_nothing_new(self):
        frame = drawn(random.Random(1), 60)
        once, twice = (
            compare_shares(part, between="group_of", of="clicked") for part in (frame, pl.concat([frame, frame]))
        )
        assert twice["standard_error"].item() == pytest.approx(once["standard_error"].item(), rel=0.02)
        assert twice["p_value"].item() == pytest.approx(once["p_value"].item(), rel=0.02)

    @pytest.mark.parametrize("crossed", [False, True])
    def test_the_standard_error_is_that_of_a_bootstrap_by_users(self, crossed):
        chance = random.Random(11)
        frame = drawn(chance, 150, share=0.3, crossed=crossed)
        found = compare_shares(frame, between="group_of", of="clicked", baseline="C").row(0, named=True)
        sums = {}
        for user, group, n, k in (
            frame.group_by("user", "group_of")
            .agg(pl.len(), pl.col("clicked").sum())
            .sort("user", "group_of")
            .iter_rows()
        ):
            sums.setdefault(user, {"C": (0, 0), "D": (0, 0)})[group] = (n, k)
        people, differences = list(sums.values()), []
        for _ in range(1500):
            again = chance.choices(people, k=len(people))
            c, d = ([sum(one[group][i] for one in again) for i in (0, 1)] for group in "CD")
            differences.append(d[1] / d[0] - c[1] / c[0])
        assert found["standard_error"] == pytest.approx(statistics.pstdev(differences), rel=0.08)
        assert (found["users_in_both"] > 0) == crossed

    @pytest.mark.parametrize("crossed", [False, True])
    def test_intervals_hold_the_truth_about_as_often_as_they_should(self, crossed):
        chance = random.Random(7)
        frames = [drawn(chance, 100, share=0.2, crossed=crossed).with_columns(draw=pl.lit(draw)) for draw in range(300)]
        table = compare_shares(pl.concat(frames), between="group_of", of="clicked", by="draw", baseline="C")
        covered = table.select(pl.lit(0).is_between("difference_low", "difference_high").mean()).item()
        assert 0.92 < covered < 0.985
        assert 0.02 < (table["p_value"] < 0.05).mean() < 0.085

    def test_a_cell_that_only_one_side_has_is_there_and_says_so(self):
        rows = units((1, "C", True), (2, "D", False), (3, "D", True)).with_columns(
            module=pl.Series(["help", "help", "banner"])
        )
        found = compare_shares(rows, between="group_of", of="clicked", by="module", baseline="D").sort("module")
        assert found.select("module", "n", "baseline_n", "share", "difference", "note").rows() == [
            ("banner", 0, 1, None, None, "no units of the group"),
            ("help", 1, 1, 1.0, 1.0, None),
        ]

    def test_one_group_cannot_be_compared(self):
        with pytest.raises(ToolkitError, match="two values or more; it has 'C'"):
            compare_shares(units((1, "C", True)), between="group_of", of="clicked")

    def test_a_baseline_that_is_not_there_is_said(self):
        with pytest.raises(ToolkitError, match="no group named 'E'; column 'group_of' has C, D"):
            compare_shares(units((1, "C", True), (2, "D", True)), between="group_of", of="clicked", baseline="E")


class TestCompareModules:
    def test_platforms_bands_and_periods_are_compared(self, sample):
        frame = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows.with_columns(
            band=editcount_band("user_editcount"),
            half=pl.when(keep.period("2019-05-01", "2019-05-26")).then(pl.lit("before")).otherwise(pl.lit("after")),
        )
        for between in ("platform", "band", "half"):
            found = compare_modules(frame, between=between)
            assert found["module"].n_unique() == 7
            assert found["difference_low"].is_not_null().all()
            assert (found["p_adjusted"] >= found["p_value"]).all()
        # some users came in both periods
        assert found["users_in_both"].max() > 0
        shuffled = frame.sample(fraction=1, shuffle=True, seed=5)
        assert compare_modules(shuffled, between="half").equals(found)

    def test_a_click_whose_impression_was_lost_is_in_no_share(self):
        frame = pl.DataFrame({
            "wiki": "cswiki", "user": [1, 2, 3], "visit": [1, 2, 3], "module": "help", "ms": 0,
            "action": ["impression", "impression", "link-click"], "variant": ["C", "D", "D"],
        })  # fmt: skip
        found = compare_modules(frame, between="variant", baseline="C")
        assert found.select("n", "total").row(0) == (1, 0)


class TestSampleSize:
    def test_it_is_the_textbook_number_for_one_visit_each(self):
        """From 10 % to 15 %, power 80 %: 683 in each group by the unpooled formula."""
        frame = units(*((n, "C", n % 10 == 0) for n in range(200)), *((1000 + n, "D", n % 20 < 3) for n in range(200)))
        found = sample_size(compare_shares(frame, between="group_of", of="clicked", baseline="C")).row(0, named=True)
        z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
        due = z**2 * (0.1 * 0.9 + 0.15 * 0.85) / 0.05**2
        assert found["n"] + found["n_more"] == math.ceil(due)

    def test_more_tests_need_more_units(self):
        frame = units(*((n, "C", n % 10 == 0) for n in range(200)), *((1000 + n, "D", n % 20 < 3) for n in range(200)))
        table = compare_shares(frame, between="group_of", of="clicked", baseline="C")
        assert sample_size(table, tests=5)["n_more"].item() > sample_size(table)["n_more"].item()

    def test_days_grow_with_the_units(self):
        frame = units(*((n, "C", n % 10 == 0) for n in range(200)), *((1000 + n, "D", n % 20 < 3) for n in range(200)))
        spread = frame.with_columns(ms=pl.int_range(pl.len()) * 864_000_000 // 399)
        found = sample_size(compare_shares(spread, between="group_of", of="clicked", baseline="C")).row(0, named=True)
        assert found["days"] == pytest.approx(10)
        assert found["days_more"] == pytest.approx(10 * (found["times"] - 1))

    def test_no_difference_has_no_answer(self):
        frame = units((1, "C", True), (2, "C", False), (3, "D", True), (4, "D", False))
        found = sample_size(compare_shares(frame, between="group_of", of="clicked"))
        assert found["times"].item() is None
        assert "give the difference" in found["note"].item()
