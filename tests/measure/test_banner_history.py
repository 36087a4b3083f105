"""Measures of browser logs: on logs that can be checked by eye, against scipy, and against the truth of the sample."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats

from toolkit import ToolkitError, load, measure


def logs(*codes, rate=0.1, forced=False, cut=0, campaign="A", step_s=100):
    """Frame of logs, each given by its codes; entries come `step_s` apart."""
    rows = [
        {
            "log": log, "position": at, "ms": 1000 * step_s * at, "sent_dt": None, "campaign": campaign, "banner": None, "status_code": code,
            "logged": len(one.split()) + cut, "sent": len(one.split()), "sample_rate": None if forced else rate, "forced": forced,
        }
        for log, one in enumerate(codes)
        for at, code in enumerate(one.split())
    ]  # fmt: skip
    return pl.DataFrame(rows, schema_overrides={"sample_rate": pl.Float64, "sent_dt": pl.Datetime("ms", "UTC")})


@pytest.fixture(scope="module")
def loaded(sample):
    return load.banner_history(sample / "banner_history.ndjson.gz")


@pytest.fixture(scope="module")
def sample_rows(loaded):
    return loaded.rows


MEASURES = [
    measure.log_funnel,
    measure.impressions_until,
    measure.waits,
    measure.diet,
    lambda rows, **_: measure.history_coverage(rows),
]


class TestFunnel:
    def test_a_log_reaches_a_stage_that_any_of_its_entries_reaches(self):
        found = measure.log_funnel(logs("2.2 6 2.2", "7 3", "2.1 2.1"))
        assert found.select("stage", "n", "total").rows() == [
            ("attempted", 3, 30.0), ("passed", 2, 20.0), ("chosen", 2, 20.0), ("loaded", 1, 10.0), ("shown", 1, 10.0),
        ]  # fmt: skip

    def test_each_log_weighs_by_its_own_rate(self):
        rows = pl.concat([logs("6", rate=0.5), logs("2.1", rate=0.01).with_columns(log=pl.lit(9, dtype=pl.Int64))])
        shown = measure.log_funnel(rows).row(-1, named=True)
        assert (shown["n"], shown["total"]) == (1, 2.0)
        assert shown["share"] == pytest.approx(2 / 102)

    def test_forced_logs_stand_apart_and_are_never_weighted(self):
        rows = pl.concat([logs("6"), logs("6", "2.1", forced=True).with_columns(log=pl.col("log") + 5)])
        found = measure.log_funnel(rows).filter(stage="shown")
        assert found.select("origin", "n", "total", "share", "weight").rows() == [
            ("sampled", 1, 10.0, 1.0, "1 / sample rate"),
            ("forced", 1, None, 0.5, "none: sent by force"),
        ]

    def test_a_rate_that_says_nothing_is_counted_and_in_no_number(self):
        found = measure.log_funnel(
            pl.concat([logs("6"), logs("6", rate=0.0).with_columns(log=pl.lit(7, dtype=pl.Int64))])
        )
        assert found["n"].to_list() == [1] * 5
        assert found["unweighted"].to_list() == [1] * 5

    def test_a_stage_that_no_log_reached_has_a_total_that_may_be_more_than_none(self):
        shown = measure.log_funnel(logs("2.1", "2.1", rate=0.01)).row(-1, named=True)
        assert (shown["n"], shown["total"], shown["share"]) == (0, 0.0, 0.0)
        assert shown["total_high"] > 100
        assert 0 < shown["share_high"] < 1

    def test_at_equal_rates_the_interval_is_that_of_wilson(self):
        shown = measure.log_funnel(logs(*["6"] * 30, *["2.1"] * 10)).row(-1, named=True)
        due = stats.binomtest(30, 40).proportion_ci(method="wilson")
        assert (shown["share_low"], shown["share_high"]) == pytest.approx((due.low, due.high))

    def test_a_log_is_in_the_funnel_of_each_of_its_campaigns(self):
        rows = logs("6 2.1").with_columns(campaign=pl.Series(["A", "B"]))
        found = measure.log_funnel(rows, by="campaign").filter(stage="shown")
        assert found.select("campaign", "n", "share").rows() == [("A", 1, 1.0), ("B", 0, 0.0)]


class TestImpressionsUntil:
    def test_banners_shown_before_the_first_close_are_counted(self):
        found = measure.impressions_until(logs("6 6 2.2 2.1 6 2.1", "6 2.1"))
        assert found.select("impressions", "n", "n_ended", "kept").rows() == [(1, 2, 1, 0.5), (2, 1, 1, 0.0)]

    def test_the_last_banner_of_a_log_that_goes_no_further_tells_nothing(self):
        found = measure.impressions_until(logs("6 6", "6 2.1"))
        assert found.select("impressions", "n", "n_ended", "kept").rows() == [(1, 2, 1, 0.5)]
        assert found.select("logs", "ended", "open").row(0) == (2, 1, 1)

    def test_what_comes_before_any_banner_or_after_another_end_is_apart(self):
        found = measure.impressions_until(logs("2.1 6 6", "6 2.9 2.1", "2.2", "6 6 6"))
        assert found.select("impressions", "n", "n_ended").rows() == [(1, 1, 0), (2, 1, 0)]
        assert found.select("logs", "ended", "ended_before", "open", "never_shown").row(0) == (4, 0, 1, 2, 1)

    def test_logs_cut_by_the_client_are_counted_and_left_out(self):
        rows = pl.concat([logs("6 2.1"), logs("6 6", cut=3).with_columns(log=pl.col("log") + 5)])
        found = measure.impressions_until(rows)
        assert found.select("n", "logs", "truncated").rows() == [(1, 1, 1)]
        assert "cut the oldest entries off 1 of the logs" in found["note"][0]

    def test_forced_logs_count_one_each(self):
        found = measure.impressions_until(logs("6 2.1", "6 6", forced=True))
        assert found.select("origin", "n", "at_risk").rows() == [("forced", 2, 2.0)]

    def test_donations_can_be_waited_for(self):
        found = measure.impressions_until(logs("6 6 2.9", "6 2.1 2.9"), end="donate")
        assert found.select("impressions", "n", "n_ended", "status_code").rows() == [(1, 1, 0, "2.9"), (2, 1, 1, "2.9")]

    def test_of_the_last_entries_each_step_is_counted_where_the_log_was_sent(self):
        found = measure.impressions_until(logs("6 2.2", "6 2.2 2.2", "6 2.1", "6 6 2.1"), entries="last")
        assert found.select("impressions", "n", "n_ended").rows() == [(1, 2, 1), (2, 1, 1)]

    def test_beyond_a_gap_nothing_is_known(self):
        found = measure.impressions_until(logs("6 6", "6 6 6 2.1"), entries="last")
        assert found.select("impressions", "n", "kept").rows() == [(1, 1, 1.0), (2, 0, None), (3, 1, None)]

    def test_the_curve_is_that_of_scipy(self):
        """Numbers until a close, right-censored; a censored log also ends in a page view that was not closed."""
        draw = np.random.default_rng(3)
        times, closed = draw.integers(1, 8, 200), draw.random(200) < 0.6
        rows = logs(*("6 " * k + ("2.1" if end else "2.2") for k, end in zip(times, closed, strict=True)))
        found = measure.impressions_until(rows)
        censored = stats.CensoredData(uncensored=times[closed], right=times[~closed])
        due = stats.ecdf(censored).sf
        assert found["kept"].to_list() == pytest.approx(due.evaluate(found["impressions"].to_numpy()).tolist())
        # Greenwood's variance is hidden in the effective number
        inside = found.filter((pl.col("kept") > 0) & (pl.col("kept") < 1))
        variance = (inside["kept"] * (1 - inside["kept"]) / inside["n_eff"]).to_numpy()
        half = (
            due.confidence_interval(method="linear").high.evaluate(inside["impressions"].to_numpy())
            - inside["kept"].to_numpy()
        )
        ends = half < 1 - inside["kept"].to_numpy()  # scipy clips at 1
        assert variance[ends] == pytest.approx((half[ends] / stats.norm.ppf(0.975)) ** 2)

    def test_without_censoring_the_interval_is_wilsons(self):
        found = measure.impressions_until(logs(*["6 2.1"] * 12, *["6 6 2.1"] * 28)).row(0, named=True)
        due = stats.binomtest(28, 40).proportion_ci(method="wilson")
        assert (found["kept_low"], found["kept_high"]) == pytest.approx((due.low, due.high))

    def test_each_step_of_a_browser_is_counted_once_if_only_last_entries_are(self):
        """A busy browser sends its log at each of its seven page views, another at its second, a close."""
        rows = logs(*(" ".join(["6"] * k) for k in range(1, 8)), "6 2.1")
        last = measure.impressions_until(rows, entries="last").filter(impressions=1)
        whole = measure.impressions_until(rows).filter(impressions=1)
        assert last.select("n", "n_ended").row(0) == (2, 1)
        assert whole.select("n", "n_ended").row(0) == (7, 1)


class TestWaits:
    def test_waits_are_known_to_a_minute_and_never_below_none(self):
        found = measure.waits(logs("6 6 6", step_s=20)).filter(quantile=0.5)
        assert found.select("wait_s", "wait_s_low", "wait_s_high").row(0) == (20.0, 0.0, 80.0)

    def test_positions_order_entries_though_times_run_back(self):
        rows = logs("6 6 6").with_columns(ms=pl.Series([50_000, 30_000, 230_000]))
        found = measure.waits(rows).filter(quantile=0.5)
        assert found.select("n", "wait_s", "reversed").row(0) == (2, 0.0, 1)

    def test_true_quantiles_lie_within_the_bounds_whatever_the_shift_was(self):
        draw = np.random.default_rng(5)
        true = [np.cumsum(draw.exponential(300, 20)).round().astype(int) for _ in range(30)]
        codes = logs(*[" ".join(["6"] * 20)] * 30)
        exact = codes.with_columns(ms=pl.Series(np.concatenate(true) * 1000))
        shifted = codes.with_columns(ms=pl.Series((np.concatenate(true) + draw.integers(-30, 31, 600)) * 1000))
        due = measure.waits(exact)["wait_s"]
        found = measure.waits(shifted)
        assert due.is_between(found["wait_s_low"], found["wait_s_high"]).all()

    def test_a_heavier_wait_counts_for_more(self):
        rare = logs("6 6", rate=0.01, step_s=1000).with_columns(log=pl.lit(5, dtype=pl.Int64))
        found = measure.waits(pl.concat([logs("6 6 6 6"), rare])).filter(quantile=0.5)
        assert found["wait_s"].item() == 1000.0

    def test_waits_of_one_log_say_less_than_waits_of_many(self):
        alike = measure.waits(
            logs(*["6 6 6 6 6"] * 5, *["6 6 6 6 6"] * 5).with_columns(ms=pl.col("ms") * (1 + pl.col("log") % 2))
        )
        assert alike.filter(quantile=0.5)["n"].item() == 40
        assert alike.filter(quantile=0.5)["n_eff"].item() <= 10.0001

    def test_by_campaign_the_wait_is_since_the_same_campaign(self):
        rows = logs("6 6 6").with_columns(campaign=pl.Series(["A", "B", "A"]))
        found = measure.waits(rows, by="campaign").filter(quantile=0.5)
        assert found.select("campaign", "wait_s").rows() == [("A", 200.0)]

    def test_by_code_the_wait_is_that_before_the_code(self):
        found = measure.waits(logs("6 6 2.2"), by="status_code").filter(quantile=0.5)
        assert found.select("status_code", "n", "wait_s").rows() == [("2.2", 1, 100.0), ("6", 1, 100.0)]

    def test_between_impressions_only_shown_banners_count(self):
        assert measure.waits(logs("6 2.2 5.6 6"), between="impressions").filter(quantile=0.5)["wait_s"].item() == 300.0


class TestDiet:
    def test_a_cycle_is_what_is_allowed_before_the_wait(self):
        found = measure.diet(logs("2.3 2.3 6 7 6 2.2 2.2 2.3 2.3 6 5.6 6 2.2"))
        assert found.select("status_code", "n", "entries", "number", "share").rows() == [
            ("2.2", 2, 3, 3, 1.0),
            ("2.3", 2, 4, 2, 1.0),
        ]

    def test_the_pause_lies_between_the_longest_wait_and_the_shortest_that_was_over(self):
        found = measure.diet(logs("6 2.2 2.2 2.2 6", step_s=1000)).row(0, named=True)
        assert (found["waiting_s"], found["over_s"]) == (3000 - 60, 4000 + 60)

    def test_days_are_counted_within_a_cycle(self):
        found = measure.diet(logs("6 6 2.22 6 6 2.22 6 2.2"))
        assert found.select("status_code", "n", "number", "fewest", "most").rows() == [
            ("2.2", 1, 5, 5, 5),
            ("2.22", 2, 2, 2, 2),
        ]

    def test_a_cycle_whose_beginning_is_not_in_the_log_has_no_number(self):
        for rows in (logs("6 2.2", cut=1), logs("2.2 2.2")):
            found = measure.diet(rows)
            assert found.select("n", "partial", "counted", "number", "share").rows() == [(1, 1, 0, None, None)]

    def test_skipping_begins_a_cycle_though_no_wait_was_seen(self):
        found = measure.diet(logs("2.3 6 6 2.3 6 6 2.2"))
        assert found.select("status_code", "n", "number", "most").rows() == [("2.2", 1, 2, 2), ("2.3", 2, 1, 1)]

    def test_a_close_in_between_changes_nothing(self):
        assert measure.diet(logs("6 2.1 2.1 6 2.2"))["number"].to_list() == [2]


class TestCoverage:
    def test_everything_odd_is_counted(self):
        rows = pl.concat(
            [
                logs("6 6 6", cut=2).with_columns(ms=pl.Series([100_000, 0, 990_000])),
                logs("6", forced=True).with_columns(log=pl.lit(1, dtype=pl.Int64), ms=pl.lit(990_000, dtype=pl.Int64)),
                logs("6", forced=True).with_columns(log=pl.lit(1, dtype=pl.Int64), ms=pl.lit(990_000, dtype=pl.Int64)),
                logs("6").with_columns(log=pl.lit(None, dtype=pl.Int64)),
                logs("6").with_columns(
                    log=pl.lit(2, dtype=pl.Int64),
                    position=pl.lit(None, dtype=pl.Int64),
                    ms=pl.lit(None, dtype=pl.Int64),
                ),
            ]
        )
        found = dict(measure.history_coverage(rows).select("what", "n").iter_rows())
        assert found == {
            "received": 3, "sampled": 2, "forced": 1, "without entries": 1, "truncated": 1, "longest": 0, "without a usable rate": 0,
            "overlapping": 0, "sent": 5, "cut off": 2, "without a log": 1, "repeated": 1, "before the entry before": 1,
            "beyond the shift": 1,
        }  # fmt: skip

    def test_logs_overlap_where_they_share_two_entries_in_a_row(self):
        """A second is no browser: one entry in common may be chance."""
        first = logs("2.2 6 2.1")
        later = logs("6 2.1 2.1").with_columns(pl.col("ms") + 100_000, log=pl.lit(1, dtype=pl.Int64))
        chance = logs("6 6 6").with_columns(
            pl.col("ms") + 200_000 * (pl.col("position") - 1), log=pl.lit(2, dtype=pl.Int64)
        )
        found = measure.history_coverage(pl.concat([first, later, chance])).filter(what="overlapping")
        assert found["n"].item() == 2

    def test_no_log_at_all_gives_no_share(self):
        assert measure.history_coverage(logs("6").clear())["share"].to_list()[0] is None


class TestAll:
    @pytest.mark.parametrize("measure", MEASURES)
    def test_the_order_of_rows_changes_no_number(self, sample_rows, measure):
        shuffled = sample_rows.sample(fraction=1, shuffle=True, seed=11)
        assert_frame_equal(measure(shuffled, by="campaign"), measure(sample_rows, by="campaign"))

    @pytest.mark.parametrize("measure", MEASURES)
    def test_lazy_frames_give_the_same(self, measure):
        rows = logs("6 2.2 6 2.1", "6 6 2.1")
        assert_frame_equal(measure(rows.lazy()), measure(rows))

    @pytest.mark.parametrize("measure", MEASURES[:-1])
    def test_an_event_in_two_forms_counts_once(self, measure):
        rows = logs("6 2.2 6 2.1", "6 6 2.1")
        assert_frame_equal(measure(pl.concat([rows, rows])), measure(rows))

    @pytest.mark.parametrize("measure", MEASURES[:-1])
    def test_without_entries_there_are_no_rows(self, measure):
        assert measure(logs("6").clear()).is_empty()

    @pytest.mark.parametrize("measure", MEASURES)
    def test_a_load_and_a_frame_of_something_else_are_refused(self, loaded, measure):
        with pytest.raises(ToolkitError, match="give the load's `.rows`"):
            measure(loaded)
        with pytest.raises(ToolkitError, match="needs the columns 'position', 'ms'"):
            measure(pl.DataFrame({"log": [1]}), by=())

    @pytest.mark.parametrize("measure", MEASURES[:-1])
    def test_any_column_that_is_no_result_can_be_a_dimension(self, measure):
        rows = logs("2.3 6 2.22 6 2.2 6 2.1", "6 6 2.1").with_columns(day=pl.lit("Monday"), wiki=pl.lit("dewiki"))
        assert_frame_equal(
            measure(rows, by=["day", "wiki"]).drop("day", "wiki"), measure(rows, by="campaign").drop("campaign")
        )

    def test_wrong_choices_are_said(self):
        rows = logs("6")
        with pytest.raises(ToolkitError, match="'end' takes 'close' or 'donate'"):
            measure.impressions_until(rows, end="leave")
        with pytest.raises(ToolkitError, match="'entries' takes 'all' or 'last'"):
            measure.impressions_until(rows, entries="first")
        with pytest.raises(ToolkitError, match="it has no banner"):
            measure.impressions_until(rows, by="banner")
        with pytest.raises(ToolkitError, match="'between' takes"):
            measure.waits(rows, between="clicks")
        with pytest.raises(ToolkitError, match="lies between 0 and 1"):
            measure.log_funnel(rows, level=95)
        with pytest.raises(ToolkitError, match="names no column of the result"):
            measure.log_funnel(rows, by="origin")

    def test_funnels_of_two_halves_add_up_to_the_whole(self, sample_rows):
        halves = [measure.log_funnel(sample_rows.filter(pl.col("log") % 2 == odd), by="campaign") for odd in (0, 1)]
        whole = measure.log_funnel(sample_rows, by="campaign")
        keys = ["campaign", "origin", "stage"]
        added = pl.concat(halves).group_by(keys).agg(pl.col("n", "total").sum()).sort(keys)
        due = whole.select(*keys, "n", pl.col("total").fill_null(0)).sort(keys)
        assert_frame_equal(added, due)


class TestSample:
    """True numbers of the simulation: page views of browsers that can keep a log and do not ask not to be tracked."""

    TRUE = pl.DataFrame(
        {"stage": ["attempted", "passed", "chosen", "loaded", "shown"], "true": [4028, 3931, 3693, 3692, 3691]}
    )

    def test_true_totals_and_shares_lie_in_their_intervals(self, sample_rows):
        found = (
            measure.log_funnel(sample_rows)
            .filter(origin="sampled")
            .with_columns(pl.col("stage").cast(pl.String))
            .join(self.TRUE, on="stage")
        )
        assert found.height == 5
        assert found["true"].is_between(found["total_low"], found["total_high"]).all()
        shares = found.filter(pl.col("stage") != "attempted").with_columns(true=pl.col("true") / 4028)
        assert shares["true"].is_between(shares["share_low"], shares["share_high"]).all()

    def test_the_true_curve_lies_in_its_band(self, sample_rows):
        """All page views of these browsers as if each had sent its whole log."""
        found = measure.impressions_until(sample_rows).filter(
            pl.col("impressions").is_in([1, 5, 10, 15]), origin="sampled"
        )
        true = pl.Series([0.992, 0.978, 0.928, 0.823])
        assert true.is_between(found["kept_low"], found["kept_high"]).all()

    def test_true_median_wait_lies_in_its_intervals(self, sample_rows):
        found = measure.waits(sample_rows).filter(quantile=0.5, origin="sampled").row(0, named=True)
        assert found["wait_s_low"] < 106.7 < found["wait_s_high"]
        assert found["sampled_s_low"] < 106.7 < found["sampled_s_high"]

    def test_logs_are_all_accounted_for(self, sample_rows):
        found = dict(measure.history_coverage(sample_rows).select("what", "n").iter_rows())
        assert (found["received"], found["sampled"], found["forced"]) == (194, 177, 17)
        assert (found["truncated"], found["without entries"], found["beyond the shift"]) == (56, 9, 0)

    def test_the_diet_that_never_starts_again_is_never_seen_to(self, sample_rows):
        found = measure.diet(sample_rows).filter(status_code="2.2", campaign="Wikimania_2026_call").row(0, named=True)
        assert found["over_s"] is None
        assert found["waiting_s"] > 86_400
