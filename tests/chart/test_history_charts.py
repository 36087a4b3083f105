"""Charts of browser logs: their texts and numbers, with the names and the gaps of the sample."""

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, load, measure
from toolkit.chart import history as chart


@pytest.fixture(scope="module")
def rows(sample):
    return load.banner_history(sample / "banner_history.ndjson.gz").rows


@pytest.fixture(scope="module")
def specs(rows):
    """One of each kind, as Vega-Lite reads it."""
    charts = {
        "funnel": chart.log_funnel(measure.log_funnel(rows)),
        "funnel by campaign": chart.log_funnel(measure.log_funnel(rows, by="campaign")),
        "until": chart.impressions_until(measure.impressions_until(rows)),
        "until by campaign": chart.impressions_until(measure.impressions_until(rows, by="campaign")),
        "waits": chart.waits(measure.waits(rows)),
        "waits by campaign": chart.waits(measure.waits(rows, by="campaign", between="impressions")),
    }
    return {kind: one.to_dict() for kind, one in charts.items()}


KINDS = ["funnel", "funnel by campaign", "until", "until by campaign", "waits", "waits by campaign"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_has_title_subtitle_and_a_text_for_those_who_cannot_see_it(specs, kind):
    spec = specs[kind]
    said = " ".join(spec["title"]["subtitle"])
    assert spec["title"]["text"].endswith("?")
    assert "95 % interval" in said
    assert "weight 1 / sample rate" in said
    assert "UTC" in said
    assert len(spec["description"]) > 40


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_drawn_without_a_warning(specs, kind):
    assert vl_convert.vegalite_to_svg(specs[kind], vl_version="6.4").startswith("<svg")


@pytest.mark.parametrize("kind", KINDS)
def test_logs_that_the_client_cut_are_said(specs, kind):
    assert "the client cut the oldest entries off" in " ".join(specs[kind]["title"]["subtitle"])


def test_forced_logs_have_a_colour_and_a_line_of_their_own(specs):
    spec = specs["funnel"]
    assert "17 forced logs, not weighted" in spec["title"]["subtitle"][0]
    assert "forced: sent by a reader who went to donate" in vl_convert.vegalite_to_svg(spec, vl_version="6.4")


def test_without_forced_logs_nothing_is_said_of_them(rows):
    spec = chart.log_funnel(measure.log_funnel(rows.filter(~pl.col("forced")))).to_dict()
    assert "forced" not in vl_convert.vegalite_to_svg(spec, vl_version="6.4")


def test_forced_logs_are_drawn_where_there_are_no_others(rows):
    forced = rows.filter("forced")
    assert "17 forced logs" in chart.log_funnel(measure.log_funnel(forced)).to_dict()["description"]
    assert (
        "17 forced logs" in chart.impressions_until(measure.impressions_until(forced)).to_dict()["title"]["subtitle"][0]
    )
    assert "within forced logs" in chart.waits(measure.waits(forced)).to_dict()["title"]["subtitle"][0]


def test_the_description_holds_the_shares_of_the_table(rows, specs):
    share = measure.log_funnel(rows).filter(stage="shown", origin="sampled")["share"].item()
    assert f"{share:.1%}".replace("%", " %") in specs["funnel"]["description"]
    kept = measure.impressions_until(rows).filter(impressions=10, origin="sampled")["kept"].item()
    assert f"{kept:.1%} after 10".replace("%", " %") in specs["until"]["description"]


def test_each_campaign_has_a_curve_that_begins_before_any_banner(rows, specs):
    spec = specs["until by campaign"]
    campaigns = measure.impressions_until(rows, by="campaign").filter(origin="sampled")["campaign"].n_unique()
    starts = [
        one
        for one in spec["datasets"].values()
        if {"impressions": 0, "kept": 1} in [{k: row[k] for k in ("impressions", "kept")} for row in one]
    ]
    assert len(spec["concat"]) == len(starts) == campaigns


def test_a_donation_is_called_one(rows):
    spec = chart.impressions_until(measure.impressions_until(rows, end="donate")).to_dict()
    assert spec["title"]["text"] == "After how many banners do readers donate?"
    assert spec["description"].startswith("Share of browser logs without a donation")


def test_no_axis_of_shares_goes_beyond_one(specs):
    assert specs["funnel"]["layer"][1]["encoding"]["x"]["scale"]["domain"] == [0, 1]


def test_a_median_is_told_at_its_dot(specs):
    *_, dot, words = specs["waits"]["layer"]
    assert words["mark"]["type"] == "text"
    assert words["encoding"]["x"]["field"] == dot["encoding"]["x"]["field"] == "median"


def test_what_lies_beyond_a_gap_is_not_drawn(rows):
    table = measure.impressions_until(rows, entries="last").filter(origin="sampled")
    last = table.drop_nulls("kept")["impressions"].max()
    assert table["impressions"].max() > last
    assert f" after {last}." in chart.impressions_until(table).to_dict()["description"]


def test_the_band_of_the_shift_is_a_minute_wide(specs):
    bands = [one for one in specs["waits"]["datasets"].values() if one == [{"from": 0, "to": 60}]]
    assert len(bands) == 1


@pytest.mark.parametrize("draw", [chart.log_funnel, chart.impressions_until, chart.waits])
def test_a_table_of_something_else_and_one_without_rows_are_refused(rows, draw):
    table = getattr(measure, draw.__name__)(rows)
    with pytest.raises(ToolkitError, match=f"chart.{draw.__name__} needs the columns"):
        draw(pl.DataFrame({"a": [1]}))
    with pytest.raises(ToolkitError, match="has rows to draw"):
        draw(table.clear())
