"""The funnel from sampled beacons, held against the truth of all page views of the sample."""

import numpy as np
import polars as pl
import pytest

from toolkit import decode, load, measure

STAGES = ["attempted", "passed", "chosen", "loaded", "shown"]


@pytest.fixture(scope="module")
def truth(sample):
    """Every page view that could have sent a beacon, as if all had: rate 1."""
    views = pl.read_parquet(sample / "pageviews_truth.parquet").filter(pl.col("impression_reached"))
    frame = views.select(
        campaign="impression_campaign",
        status_code="impression_status_code",
        attempts=decode.attempts("impression_campaign_statuses"),
        requests=pl.lit(1, dtype=pl.Int64),
        sample_rate=pl.lit(1.0),
        flags=pl.lit(0),
        ms=pl.lit(0),
        rate="impression_sample_rate",
    )
    return frame.with_columns(path=decode.path("attempts"))


@pytest.fixture(scope="module")
def beacons(sample):
    """What of it was recorded."""
    return load.impressions(sample / "beacons.tsv.gz").rows


def compared(beacons, truth, unit, by):
    """Estimates beside true totals, reached stages only."""
    keys = [*by, "stage"]
    found = measure.status_funnel(beacons, unit=unit, by=by).filter(outcome="reached")
    due = (
        measure.status_funnel(truth, unit=unit, by=by)
        .filter(outcome="reached")
        .select(*keys, true="total", true_share="share")
    )
    return due.join(found, on=keys, how="left").with_columns(
        hit=pl.col("true").is_between("total_low", "total_high"),
        share_hit=pl.col("true_share").is_between(pl.col("share_low").fill_null(1), pl.col("share_high").fill_null(1)),
    )


@pytest.mark.parametrize("unit", ["pageview", "attempt"])
def test_true_totals_of_all_stages_lie_in_their_intervals(beacons, truth, unit):
    found = compared(beacons, truth, unit, [])
    assert found["hit"].all()
    assert found["share_hit"].all()


@pytest.mark.parametrize("unit", ["pageview", "attempt"])
def test_true_totals_by_campaign_lie_in_their_intervals_about_as_often_as_they_should(beacons, truth, unit):
    """Stages of a campaign stand and fall together, so 12 campaigns say less than 60 numbers: two may miss by chance."""
    found = compared(beacons, truth, unit, ["campaign"])
    missed = found.filter(~pl.col("hit"))
    assert missed["campaign"].n_unique() <= 2, missed.select(
        "campaign", "stage", "true", "total", "total_low", "total_high"
    )
    assert found["hit"].mean() >= 0.9
    assert found["share_hit"].mean() >= 0.9


@pytest.mark.parametrize("unit", ["pageview", "attempt"])
def test_campaigns_recorded_at_rate_one_agree_exactly(beacons, truth, unit):
    rates = truth.explode("attempts").unnest("attempts", separator=".") if unit == "attempt" else truth
    campaign = "attempts.campaign" if unit == "attempt" else "campaign"
    whole = rates.group_by(campaign).agg(pl.col("rate").min()).filter(pl.col("rate") >= 1)[campaign].to_list()
    found = compared(beacons, truth, unit, ["campaign"]).filter(pl.col("campaign").is_in(whole))
    assert len(whole) >= 3
    assert found["total"].to_list() == found["true"].to_list()
    assert found["total_low"].to_list() == found["total_high"].to_list() == found["true"].to_list()


def test_intervals_hold_the_truth_when_the_sample_is_drawn_again_and_again(truth):
    """200 draws of the beacons by the rates that were in force; chance alone moves a coverage by 1.5 points."""
    chance = np.random.default_rng(20260302)
    true = measure.status_funnel(truth).filter(outcome="reached").select("stage", true="total")
    counted = [
        measure.tally(truth.filter(pl.Series(chance.random(truth.height)) <= pl.col("rate")).with_columns(sample_rate="rate"))
        for _ in range(200)
    ]  # fmt: skip
    drawn = pl.concat(tally.with_columns(draw=pl.lit(draw)) for draw, tally in enumerate(counted))
    found = measure.status_funnel(drawn, by="draw").filter(outcome="reached").join(true, on="stage")
    hits = found.select("stage", hit=pl.col("true").is_between("total_low", "total_high"))
    coverage = hits.group_by("stage").agg(pl.col("hit").mean())
    assert coverage.height == len(STAGES)
    assert coverage["hit"].min() > 0.905
    assert coverage["hit"].mean() < 0.985
