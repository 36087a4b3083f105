"""Charts of hand-overs and of the way from Druid's number to the weighted one."""

import json

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, keep, load
from toolkit.chart.hand_over import hand_overs
from toolkit.chart.reconcile import reconcile
from toolkit.measure.hand_over import hand_overs as measured
from toolkit.measure.reconcile import reconcile as reconciled


@pytest.fixture(scope="module")
def beacons(sample):
    return load.impressions(sample / "beacons.tsv.gz").rows


@pytest.fixture(scope="module")
def druid(sample):
    return load.impressions(sample / "druid_banner_activity.csv.gz", keep="normalized_request_count").rows


@pytest.fixture(scope="module")
def matrix(beacons):
    return hand_overs(measured(beacons.filter(keep.without("debug", "bot")))).to_dict()


def rows_of(spec, column):
    """Rows of the data set that has this column."""
    return next(rows for rows in spec["datasets"].values() if column in rows[0])


def test_what_becomes_of_a_campaigns_attempts_is_all_of_them(matrix):
    cells = pl.DataFrame(rows_of(matrix, "at"), infer_schema_length=None)
    sums = cells.group_by("from_campaign").agg(
        pl.col("share").sum(), pl.col("total").sum(), pl.col("attempted").first()
    )
    assert sums["share"].round(9).to_list() == [1.0] * 12
    assert (sums["total"] - sums["attempted"]).abs().max() < 1e-6


def test_the_masked_campaign_is_told_in_words(matrix):
    said = " ".join(matrix["title"]["subtitle"])
    assert "6 of 12 campaigns hand over most of their attempts" in said
    assert "95 % intervals" in said
    assert "FR2026_en_mob_p1: 83.7 % of its 3,333 attempts went on" in matrix["description"]


def test_the_charts_are_drawn_without_a_warning(matrix, druid, beacons):
    assert vl_convert.vegalite_to_svg(matrix, vl_version="6.4").startswith("<svg")
    way = reconcile(reconciled(druid, beacons, by="campaign")).to_dict()
    assert vl_convert.vegalite_to_svg(way, vl_version="6.4").startswith("<svg")


def test_bars_lead_from_the_published_number_to_the_weighted_one(druid, beacons):
    spec = reconcile(reconciled(druid, beacons, by="campaign")).to_dict()
    bars = rows_of(spec, "step")
    assert [(bar["step"], bar["said"]) for bar in bars] == [
        ("published by Druid", "18,885"),
        ("rate kept in 32 bits, then cut", "+602"),
        ("spiders and automata", "+563"),
        ("debug pages", "+92"),
        ("no time", "+4"),
        ("weighted by 1 / sample rate", "20,146"),
    ]
    assert bars[-2]["high"] == bars[-1]["high"]
    assert "the axis does not start at 0" in json.dumps(spec)
    causes, totals, _ = spec["layer"]
    assert (causes["mark"]["type"], causes["transform"][0]["filter"]) == ("bar", "(datum.kind !== 'number')")
    assert (totals["mark"]["type"], totals["transform"][0]["filter"]) == ("tick", "(datum.kind === 'number')")


def test_no_difference_has_a_chart_too():
    spec = reconcile(reconciled(pl.DataFrame({"requests": [3], "sample_rate": [1.0], "flags": [0]}))).to_dict()
    assert spec["description"].endswith("There is no difference.")


def test_a_campaign_that_nobody_follows_has_a_chart_too(beacons):
    rows = beacons.filter(pl.col("attempts").list.len() == 1)
    assert "None of" in hand_overs(measured(rows)).to_dict()["description"]


def test_the_smallest_of_many_campaigns_that_take_over_are_drawn_together():
    ways = [[{"campaign": "A", "status_code": "2.2"}, {"campaign": f"B{at}", "status_code": "6"}] for at in range(30)]
    rows = pl.DataFrame(
        {
            "attempts": ways,
            "path": "2.2 6",
            "campaign": "B",
            "status_code": "6",
            "requests": 1,
            "sample_rate": 1.0,
            "flags": 0,
        }
    )
    cells = pl.DataFrame(rows_of(hand_overs(measured(rows)).to_dict(), "at"), infer_schema_length=None)
    assert cells.filter(to_campaign="other campaigns")["share"].item() == pytest.approx(5 / 30)


def test_several_tables_in_one_are_refused(beacons):
    with pytest.raises(ToolkitError, match="has no dimensions"):
        hand_overs(measured(beacons, by="country"))
    with pytest.raises(ToolkitError, match="chart.reconcile needs the columns"):
        reconcile(pl.DataFrame({"a": [1]}))
