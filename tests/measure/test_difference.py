"""Differences between funnels: on frames that can be checked by eye, against scipy, and against chance."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from scipy import stats

from toolkit import ToolkitError, load, measure, rates
from toolkit.chart.difference import difference as drawn
from toolkit.measure.difference import difference, status_change


def rows(**codes):
    """Rows at rate 1 of counts by code, for each country."""
    entries = [(country, code, n) for country, counts in codes.items() for code, n in counts.items()]
    frame = pl.DataFrame(entries, schema=["country", "status_code", "requests"], orient="row")
    return frame.with_columns(sample_rate=pl.lit(1.0), flags=pl.lit(0), ms=pl.lit(0))


def compared(frame, baseline="DE", **choices):
    """Differences from one country."""
    return difference(measure.status_funnel(frame, by="country"), by="country", baseline=baseline, **choices)


def step(table, stage, status_code=None):
    """One row."""
    return table.filter(pl.col("status_code").eq_missing(pl.lit(status_code)), stage=stage).row(0, named=True)


TWO = rows(DE={"6": 800, "2.1": 150, "7": 50}, FR={"6": 700, "2.1": 200, "3": 100})


def test_each_row_is_the_share_of_one_less_that_of_the_other():
    found = compared(TWO)
    assert found["country"].unique().to_list() == ["FR"]
    shown = step(found, "shown")
    assert (shown["estimate"], shown["estimate_baseline"]) == (0.7, 0.8)
    assert shown["difference"] == pytest.approx(-0.1)
    assert (shown["n"], shown["n_baseline"]) == (700, 800)
    assert step(compared(TWO, value="conversion"), "shown")["estimate"] == 1


def test_the_interval_is_near_newcombes_and_the_chance_near_that_of_the_plain_test():
    shown = step(compared(TWO), "shown")
    (low, high) = (stats.binomtest(k, 1000).proportion_ci(method="wilson") for k in (700, 800))
    below = -0.1 - np.hypot(0.7 - low.low, high.high - 0.8)
    above = -0.1 + np.hypot(low.high - 0.7, 0.8 - high.low)
    assert (shown["difference_low"], shown["difference_high"]) == pytest.approx((below, above), abs=5e-4)
    plain = 0.1 / np.sqrt(0.75 * 0.25 * 2 / 1000)
    assert shown["p_value"] == pytest.approx(2 * stats.norm.sf(plain), rel=0.3)


def test_a_code_that_one_side_does_not_have_was_seen_there_no_time():
    found = compared(TWO)
    loader = step(found, "chosen", "7")
    assert (loader["n"], loader["n_baseline"], loader["difference"]) == (0, 50, -0.05)
    assert loader["difference_low"] < -0.05 < loader["difference_high"] < 0
    missing = step(found, "passed", "3")
    assert (missing["n"], missing["n_baseline"], missing["difference"]) == (100, 0, 0.1)
    assert missing["p_value"] < 1e-6


def test_changing_sides_changes_the_sign_alone():
    here, there = compared(TWO), compared(TWO, baseline="FR")
    assert here["difference"].to_list() == pytest.approx([-x for x in there["difference"]])
    assert here["difference_low"].to_list() == pytest.approx([-x for x in there["difference_high"]])
    assert here["p_value"].to_list() == pytest.approx(there["p_value"].to_list())


def test_several_segments_are_compared_with_one_and_adjusted_together():
    same = {"6": 800, "2.1": 200}
    found = compared(rows(DE=same, FR=same, AT=same, US={"6": 700, "2.1": 300}))
    assert found["country"].unique().sort().to_list() == ["AT", "FR", "US"]
    assert found.filter(pl.col("country") != "US").select("difference", "p_value").unique().rows() == [(0, 1)]
    assert found["p_adjusted"].to_list() == pytest.approx(found.select(rates.holm("p_value")).to_series().to_list())
    assert (
        step(found.filter(country="US"), "shown")["p_adjusted"] > step(found.filter(country="US"), "shown")["p_value"]
    )


def test_a_chance_below_five_percent_is_an_interval_without_zero(sample):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    for value in ("share", "conversion"):
        table = difference(
            measure.status_funnel(found, by=["country", "device"]), by="device", baseline="desktop", value=value
        ).drop_nulls("p_value")
        without = (pl.col("difference_low") > 0) | (pl.col("difference_high") < 0)
        assert table.filter(without != (pl.col("p_value") < 0.05)).is_empty()
        assert table.filter(~pl.col("difference").is_between("difference_low", "difference_high")).is_empty()
        assert table.height > 100


def test_the_order_of_rows_changes_nothing(sample):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    period = ("2026-03-05", "2026-03-07")
    shuffled = found.sample(fraction=1, shuffle=True, seed=3)
    assert status_change(found, period=period, by="device").equals(
        status_change(shuffled.lazy(), period=period, by="device")
    )


def test_differences_are_covered_as_often_as_they_say():
    """1,000 draws of two segments, at mixed rates; 0.7 points are chance."""
    chance, draws, truth = np.random.default_rng(5), 1000, {"DE": 0.2, "FR": 0.1}
    counts = [
        pl.DataFrame({"draw": range(draws), "n": chance.poisson(n * (s if code == "6" else 1 - s), draws)}).with_columns(
            country=pl.lit(country), codes=pl.lit(code), sample_rate=pl.lit(rate)
        )
        for country, s in truth.items() for code in ("6", "2.1") for rate, n in ((1.0, 2000), (0.1, 1500), (0.01, 400))
    ]  # fmt: skip
    tally = pl.concat(counts).with_columns(
        unit=pl.lit("pageview"), partial=pl.lit(0), first_ms=pl.lit(0), last_ms=pl.lit(0)
    )
    found = difference(measure.status_funnel(tally, by=["draw", "country"]), by="country", baseline="DE")
    held = found.filter(stage="shown").select(pl.lit(-0.1).is_between("difference_low", "difference_high"))
    assert 0.93 <= held.to_series().mean() <= 0.97


def at(*moments):
    """One row shown at each time."""
    frame = rows(DE={"6": 1}).select(pl.all().repeat_by(len(moments)).explode())
    return frame.with_columns(
        dt=pl.Series([datetime.fromisoformat(moment) for moment in moments]).dt.replace_time_zone("UTC")
    )


def test_a_period_is_compared_with_the_one_before_and_has_its_first_moment_but_not_its_last():
    frame = at("2026-02-28 23:59", "2026-03-01", "2026-03-07 23:59", "2026-03-08", "2026-03-14 23:59", "2026-03-15")
    found = status_change(frame, period=("2026-03-08", "2026-03-15"))
    assert step(found, "shown") == step(status_change(frame, period=(date(2026, 3, 8), date(2026, 3, 15))), "shown")
    assert (step(found, "shown")["n"], step(found, "shown")["n_baseline"]) == (2, 2)
    assert found.select("period", "baseline").unique().rows() == [("this period", "the period before")]
    times = (datetime(2026, 3, 8, tzinfo=UTC), "2026-03-08T01:00+01:00")
    with pytest.raises(ToolkitError, match="'period' is .start, end., and starts before it ends"):
        status_change(frame, period=times)


def test_wrong_choices_are_said():
    with pytest.raises(ToolkitError, match="no value named 'XX'; 'country' has DE, FR"):
        compared(TWO, baseline="XX")
    with pytest.raises(ToolkitError, match="'value' takes 'share' or 'conversion', not 'total'"):
        compared(TWO, value="total")
    with pytest.raises(ToolkitError, match="measure.difference needs the column 'device'"):
        difference(measure.status_funnel(TWO, by="country"), by="device", baseline="ipad")
    with pytest.raises(ToolkitError, match="takes times such as 2026-03-05"):
        status_change(at("2026-03-01"), period=("March", "2026-03-02"))


def test_campaigns_that_share_page_views_say_so():
    frame = TWO.with_columns(campaign="country", attempts=None, path=pl.lit(None, dtype=pl.String))
    funnel = measure.status_funnel(frame.drop("attempts"), by="campaign")
    found = difference(funnel.with_columns(unit=pl.lit("attempt")), by="campaign", baseline="DE")
    assert found["note"].str.contains("attempts of one page view may stand in both").all()


def test_the_chart_has_an_interval_around_zero_for_each_row():
    spec = drawn(compared(TWO)).to_dict()
    assert "FR" in spec["title"]["text"]
    assert len(spec["description"]) > 40
    assert any("95 % intervals" in line for line in spec["title"]["subtitle"])
    with pytest.raises(ToolkitError, match="chart.difference needs the columns"):
        drawn(pl.DataFrame({"a": [1]}))


def test_a_code_that_one_segment_lacks_has_the_interval_of_the_level_asked():
    rows = pl.DataFrame({"device": ["a", "a", "b"], "status_code": ["6", "2.1", "6"], "requests": [500, 20, 200], "ms": 0,
                         "sample_rate": 1.0, "flags": 0})  # fmt: skip
    with_zero = pl.concat([rows, rows.tail(1).with_columns(status_code=pl.lit("2.1"), requests=pl.lit(0, pl.Int64))])
    ends = ["difference_low", "difference_high", "p_value"]
    found, due = (
        measure.difference(measure.status_funnel(given, by="device", level=0.9999), by="device", baseline="a")
        .filter(status_code="2.1")
        .select(ends)
        .row(0)
        for given in (rows, with_zero)
    )
    assert found == pytest.approx(due, rel=0.02)
