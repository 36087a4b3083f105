"""Charts of the two measures: their specifications, texts and numbers."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, chart, keep, load, measure
from toolkit.chart import look

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def impressions(sample):
    return load.impressions(sample / "beacons.tsv.gz").rows.filter(keep.without("debug", "bot"))


@pytest.fixture(scope="module")
def modules(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


@pytest.fixture(scope="module")
def charts(impressions, modules):
    """One of each kind."""
    return {
        "funnel": chart.status_funnel(measure.status_funnel(impressions)),
        "funnel_by_campaign": chart.status_funnel(measure.status_funnel(impressions, by="campaign", unit="attempt")),
        "funnel_by_day": chart.status_funnel(measure.status_funnel(impressions, by="day")),
        "engagement": chart.module_engagement(measure.module_engagement(modules)),
        "engagement_by_platform": chart.module_engagement(measure.module_engagement(modules, by="platform")),
    }


KINDS = ["funnel", "funnel_by_campaign", "funnel_by_day", "engagement", "engagement_by_platform"]


def without_data(spec):
    """Specification with its data left out, so that a change of looks is told from one of numbers."""
    if isinstance(spec, dict):
        return {
            key: "..." if key in {"datasets", "values"} else without_data(value)
            for key, value in spec.items()
            if key != "name"
        }
    return [without_data(item) for item in spec] if isinstance(spec, list) else spec


@pytest.mark.parametrize("kind", KINDS)
def test_the_specification_is_the_one_that_was_looked_at(charts, kind):
    """After a change on purpose: look at the picture, then write the file anew with `GOLDEN=new`."""
    spec = charts[kind].to_dict()
    # a parameter that no hand moves is a number of the table, such as the length of an axis
    spec["params"] = [param for param in spec.get("params", []) if {"bind", "select"} & param.keys()]
    found = json.dumps(without_data(spec), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{kind}.json"
    if os.environ.get("GOLDEN") == "new":
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_has_title_subtitle_and_a_text_for_those_who_cannot_see_it(charts, kind):
    spec = charts[kind].to_dict()
    assert spec["title"]["text"].endswith("?")
    assert any("interval" in line for line in spec["title"]["subtitle"])
    assert any("UTC" in line for line in spec["title"]["subtitle"])
    assert len(spec["description"]) > 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_drawn_without_a_warning(charts, kind):
    assert vl_convert.vegalite_to_svg(charts[kind].to_dict(), vl_version="6.4").startswith("<svg")


def test_many_values_are_cut_and_that_is_said(impressions):
    found = chart.status_funnel(measure.status_funnel(impressions, by=["campaign", "country"])).to_dict()
    assert any(line.startswith("The 25 of ") for line in found["title"]["subtitle"])


def test_few_codes_beyond_the_twelfth_are_drawn_together():
    codes = ["2", *[f"2.{n}" for n in range(15)], "6"]
    rows = pl.DataFrame({"status_code": codes, "requests": range(10, 27), "sample_rate": 1.0, "flags": 0, "ms": 0})
    assert "4 further codes" in json.dumps(chart.status_funnel(measure.status_funnel(rows)).to_dict())


def test_what_has_no_weight_or_only_part_of_its_attempts_is_said():
    rows = pl.DataFrame(
        {
            "status_code": ["6", "6"],
            "attempts": None,
            "path": None,
            "requests": [1, 2],
            "sample_rate": [1.0, None],
            "flags": 0,
            "ms": 0,
        },
        schema_overrides={"path": pl.String},
    )
    said = " ".join(chart.status_funnel(measure.status_funnel(rows, unit="attempt")).to_dict()["title"]["subtitle"])
    assert "2 recorded without a usable sample rate are in no number here" in said
    assert "a lower bound" in said


def test_a_table_of_something_else_is_refused():
    with pytest.raises(ToolkitError, match="chart.status_funnel needs the columns 'unit'"):
        chart.status_funnel(pl.DataFrame({"a": [1]}))
    with pytest.raises(ToolkitError, match="is the collected table of a measure"):
        chart.module_engagement(pl.LazyFrame({"a": [1]}))


def test_colours_of_causes_can_be_told_apart():
    assert (
        len({look.GROUPS[name] for name in look.group_order() if name not in {"unknown", "unexpected"}})
        == len(look.group_order()) - 2
    )


def test_a_share_of_nothing_is_said_to_be_none():
    rows = pl.DataFrame({"status_code": ["8"], "requests": [30], "sample_rate": 1.0, "flags": 0, "ms": 0})
    spec = chart.status_funnel(measure.status_funnel(rows)).to_dict()
    assert "no share end in a banner shown" in spec["description"]
    assert any("30 recorded although nothing was attempted" in line for line in spec["title"]["subtitle"])


def test_days_and_campaigns_can_be_read_in_one_label(impressions):
    spec = chart.status_funnel(measure.status_funnel(impressions, by=["day", "campaign"])).to_dict()
    names = {row["name"] for rows in spec["datasets"].values() for row in rows if "name" in row}
    assert "07 Mar · Reader_tips_lowprio" in names


def test_modules_that_were_never_shown_have_no_place(sample):
    rows = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows
    for by in ((), "platform", "wiki"):
        spec = chart.module_engagement(measure.module_engagement(rows, by=by)).to_dict()
        assert "nan" not in spec["description"]
        assert "generic" not in spec["description"]
    with pytest.raises(ToolkitError, match="has rows to draw"):
        chart.module_engagement(measure.module_engagement(rows.filter(module="generic")))
