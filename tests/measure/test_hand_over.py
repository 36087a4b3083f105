"""Hand-overs: which campaign took over from which."""

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, decode, keep, load, measure
from toolkit.measure.hand_over import hand_overs

WAY = ["from_campaign", "status_code", "to_campaign"]


def views(*ways, rate=1.0, flags=0, **more):
    """Page views, each given as its attempts: `"A 2.2, B 6"`."""
    split = [[attempt.split(" ") for attempt in way.split(", ")] for way in ways]
    attempts = [[{"campaign": name, "status_code": code} for name, code in way] for way in split]
    frame = pl.DataFrame({"attempts": attempts, "requests": 1, "sample_rate": rate, "flags": flags, **more})
    return frame.with_columns(
        campaign=pl.col("attempts").list.last().struct.field("campaign"),
        status_code=pl.col("attempts").list.last().struct.field("status_code"),
        path=decode.path("attempts"),
    )


@pytest.fixture(scope="module")
def beacons(sample):
    return load.impressions(sample / "beacons.tsv.gz").rows


@pytest.fixture(scope="module")
def of_beacons(beacons):
    return hand_overs(beacons)


@pytest.fixture(scope="module")
def stops(beacons):
    """Codes with which the attempts of each campaign stopped, by the funnel."""
    return measure.status_funnel(beacons, by="campaign", unit="attempt").filter(outcome="stopped")


def test_each_attempt_that_was_not_shown_says_which_campaign_came_next():
    found = hand_overs(views("A 2.2, B 2.1, C 6", "A 2.2, B 5.5", "A 6", "A 2.1"))
    assert found.select(*WAY, "n", "share").rows() == [
        ("A", "2.2", "B", 2, 0.5),
        ("A", "2.1", None, 1, 0.25),
        ("B", "2.1", "C", 1, 0.5),
        ("B", "5.5", None, 1, 0.5),
    ]


def test_the_rate_is_that_of_the_page_view_and_not_of_the_campaign():
    rows = pl.concat([views("A 2.2, B 6", rate=0.1), views("A 6", "A 6"), views("A 2.2, B 6", rate=float("inf"))])
    assert hand_overs(rows).select("total", "share", "attempted").rows() == [(11.0, 11 / 13, 13.0)]


def test_a_campaign_that_masks_another_is_seen_only_here():
    """The case T411382: by page views the fundraising campaign is shown nearly always, since others have the rest."""
    rows = views(*["Fundraiser 2.2, Tips 6"] * 89, *["Fundraiser 6"] * 10, "Fundraiser 5.0")
    by_view = measure.status_funnel(rows.with_columns(ms=0), by="campaign").filter(stage="shown", campaign="Fundraiser")
    assert by_view["share"].item() == pytest.approx(10 / 11)
    taken = hand_overs(rows).filter(to_campaign="Tips")
    assert taken.select("from_campaign", "total", "share").rows() == [("Fundraiser", 89.0, 0.89)]


def test_in_the_sample_a_fundraising_campaign_is_masked(beacons):
    rows, campaign = beacons.filter(keep.without("debug", "bot")), "FR2026_en_dsk_p1"
    by_view = measure.status_funnel(rows, by="campaign").filter(stage="shown", outcome="reached", campaign=campaign)
    handed = hand_overs(rows).filter(pl.col("from_campaign") == campaign, pl.col("to_campaign").is_not_null())
    assert by_view["share"].item() > 0.99
    assert handed["share"].sum() > 0.8


def test_attempts_that_an_export_does_not_hold_are_said_to_be_missing():
    known = views("A 2.2, C 6", flags=2**8)  # of Druid: the first and the last
    unknown = views("A 2.1").with_columns(attempts=pl.lit(None, dtype=known.schema["attempts"]), path=None, flags=2**8)
    found = hand_overs(pl.concat([known, unknown], how="diagonal_relaxed"))
    assert found.select(*WAY, "partial").sort("status_code").rows() == [("A", "2.1", None, 1), ("A", "2.2", "C", 1)]


def test_rows_without_a_usable_rate_are_counted_and_in_no_other_number():
    rows = pl.concat([views("A 2.2, B 6"), views("A 2.2, B 6", "C 2.1", rate=0.0)])
    found = hand_overs(rows).select("from_campaign", "n", "total", "share", "unweighted")
    assert found.rows() == [("A", 1, 1.0, 1.0, 1), ("C", 0, None, None, 1)]


def test_next_campaigns_without_a_name_are_not_nobody():
    rows = views("A 2.2, B 6").with_columns(
        attempts=pl.Series([[{"campaign": "A", "status_code": "2.2"}, {"campaign": None, "status_code": "6"}]])
    )
    assert hand_overs(rows)["to_campaign"].to_list() == ["?"]


def test_hand_overs_and_shown_banners_are_all_attempts(of_beacons, stops):
    by_code = of_beacons.group_by(campaign="from_campaign", status_code="status_code").agg(
        pl.col("n", "total", "share").sum()
    )
    due = stops.select("campaign", "status_code", "n", "total", "share")
    assert_frame_equal(by_code, due, check_row_order=False, check_column_order=False)


def test_a_way_that_a_code_has_alone_has_the_interval_of_the_funnel(of_beacons, stops):
    found = of_beacons.filter(pl.len().over("from_campaign", "status_code") == 1)
    columns = ["total_low", "total_high", "share_low", "share_high"]
    due = found.select(campaign="from_campaign", status_code="status_code").join(stops, on=["campaign", "status_code"])
    assert found.height > 5
    assert_frame_equal(found.select(columns), due.select(columns), check_row_order=False)


def test_no_order_of_rows_and_no_engine_changes_a_number(beacons, of_beacons, tmp_path):
    assert_frame_equal(hand_overs(beacons.sample(fraction=1, shuffle=True, seed=1).lazy()), of_beacons)
    beacons.write_parquet(tmp_path / "rows.parquet")
    with duckdb.connect() as engine:
        assert_frame_equal(hand_overs(engine.read_parquet(str(tmp_path / "rows.parquet"))), of_beacons)


def test_true_hand_overs_lie_in_their_intervals_about_as_often_as_they_should(of_beacons, sample):
    truth = pl.read_parquet(sample / "pageviews_truth.parquet").filter(pl.col("impression_reached"))
    every = truth.select(
        campaign="impression_campaign",
        status_code="impression_status_code",
        attempts=decode.attempts("impression_campaign_statuses"),
        requests=pl.lit(1, dtype=pl.Int64),
        sample_rate=pl.lit(1.0),
        flags=pl.lit(0),
    ).with_columns(path=decode.path("attempts"))
    found = hand_overs(every).select(*WAY, true="total", true_share="share").join(of_beacons, on=WAY, nulls_equal=True)
    assert found.height > 120
    assert found.select((pl.col("true").is_between("total_low", "total_high")).mean()).item() > 0.9
    assert found.select((pl.col("true_share").is_between("share_low", "share_high")).mean()).item() > 0.9


def test_what_cannot_be_measured_is_said(beacons, sample):
    with pytest.raises(ToolkitError, match="give the load's `.rows`"):
        hand_overs(load.impressions(sample / "beacons.tsv.gz"))
    with pytest.raises(ToolkitError, match="needs the columns 'attempts', 'path'"):
        hand_overs(beacons.drop("attempts", "path"))
    with pytest.raises(ToolkitError, match="'by' names no column of the result itself"):
        hand_overs(beacons, by="campaign")
    with pytest.raises(ToolkitError, match="'level' lies between 0 and 1"):
        hand_overs(beacons, level=95)
