"""Findings drawn: a strip of time each."""

import pytest
import vl_convert

from toolkit import ToolkitError, load
from toolkit.chart.watch import watch as draw
from toolkit.measure.watch import watch


@pytest.fixture(scope="module")
def findings(sample):
    return watch(load.impressions(sample / "beacons.tsv.gz").rows)


def test_each_finding_has_a_strip_of_its_periods_worst_on_top(findings):
    spec = draw(findings).to_dict()
    strips, whole = spec["hconcat"]
    order = strips["layer"][0]["encoding"]["y"]["sort"]
    assert order[0] == "WMDE Frühling 2026 \N{EN DASH} 100% Ehrenamt + Straße\n!!  3.17 requested banner missing"
    assert len(order) == findings.height
    drawn = sum(len(spec["datasets"][strips["layer"][at]["data"]["name"]]) for at in (0, 1))
    assert drawn == findings.height * 6
    assert whole["layer"][0]["encoding"]["y"]["sort"] == order


def test_every_day_of_a_week_is_named_below_the_middle_of_its_cells(findings):
    axis = draw(findings).to_dict()["hconcat"][0]["layer"][1]["encoding"]["x"]["axis"]
    assert [(value["date"], value["hours"]) for value in axis["values"]] == [(day, 12) for day in range(2, 8)]
    assert f"- {12 * 3_600_000}" in axis["labelExpr"]
    assert not axis["ticks"]


def test_the_chart_has_a_question_a_threshold_and_a_text(findings):
    spec = draw(findings).to_dict()
    assert spec["title"]["text"] == "What should be mended?"
    assert spec["title"]["subtitle"][0].startswith("5 findings with more than 1.0 % of campaign attempts")
    assert spec["description"].startswith(
        "5 findings above 1.0 %. First: WMDE Frühling 2026 \N{EN DASH} 100% Ehrenamt + Straße, 3.17"
    )
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").startswith("<svg")


def test_nothing_to_mend_is_said(findings):
    with pytest.raises(ToolkitError, match="has rows to draw"):
        draw(findings.clear())
