"""Charts of the use of modules: their texts, their numbers, and that they are drawn."""

import json

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, load
from toolkit.chart import comparison as compared
from toolkit.chart import dots
from toolkit.chart import links as linked
from toolkit.chart import position as placed
from toolkit.chart import retention as returned
from toolkit.chart import usage as used
from toolkit.chart.linked import linked_bars
from toolkit.measure import comparison, links, position, retention, usage

TABLES = {
    "usage": (used.module_usage, lambda rows: usage.module_usage(rows, by="platform")),
    "used": (used.modules_used, usage.modules_used),
    "returns": (used.module_returns, usage.module_returns),
    "retained": (returned.retained_usage, lambda rows: retention.retained_usage(rows, days=2)),
    "call": (returned.call_retention, lambda rows: retention.call_retention(rows, days=2)),
    "place": (placed.place_usage, position.place_usage),
    "effect": (placed.place_effect, lambda rows: position.place_effect(rows, layout="2019")),
    "links": (linked.link_usage, links.link_usage),
    "mentor": (linked.mentor_usage, links.mentor_usage),
    "start": (linked.start_progress, links.start_progress),
    "compare": (compared.compare_shares, lambda rows: comparison.compare_modules(rows, between="platform")),
    "size": (
        compared.sample_size,
        lambda rows: comparison.sample_size(comparison.compare_modules(rows, between="platform")),
    ),
}


@pytest.fixture(scope="module")
def tables(sample):
    rows = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows
    return {name: measure(rows) for name, (_, measure) in TABLES.items()}


@pytest.fixture(scope="module")
def specs(tables):
    return {name: draw(tables[name]).to_dict() for name, (draw, _) in TABLES.items()}


def numbers(spec):
    """Values of all data of a chart."""
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize("name", TABLES)
def test_a_chart_asks_a_question_and_has_a_text_for_those_who_cannot_see_it(specs, name):
    title = specs[name]["title"]
    assert title["text"].endswith("?")
    assert len(specs[name]["description"]) > 40
    assert not any("\n" in line or len(line) > 120 for line in title["subtitle"])
    if name != "size":  # a plan has no interval and no period of its own
        assert any("interval" in line for line in title["subtitle"])
        assert any("UTC" in line for line in title["subtitle"])


@pytest.mark.parametrize("name", TABLES)
def test_a_chart_is_drawn_without_a_warning(specs, name):
    assert vl_convert.vegalite_to_svg(specs[name], vl_version="6.4").startswith("<svg")


@pytest.mark.parametrize("name", ["usage", "retained", "compare", "links"])
def test_every_share_of_the_table_is_in_the_chart(specs, tables, name):
    shown = {round(row["share"], 9) for row in numbers(specs[name]) if row.get("share") is not None}
    assert {round(share, 9) for share in tables[name]["share"].drop_nulls()} <= shown


@pytest.mark.parametrize("name", ["retained", "call", "compare"])
def test_rows_of_both_panels_stand_beside_each_other(specs, name):
    left, right = specs[name]["hconcat"]
    assert left["height"] == right["height"]
    sorts = {
        json.dumps(layer["encoding"]["y"]["sort"])
        for panel in (left, right)
        for layer in panel["layer"]
        if "y" in layer["encoding"]
    }
    assert len(sorts) == 1


def test_the_caution_about_cause_is_on_the_chart(specs):
    for name in ("retained", "call"):
        assert any("no cause is shown" in line for line in specs[name]["title"]["subtitle"])


def test_an_order_that_says_nothing_is_said_on_the_chart(specs):
    assert any("nothing can be concluded" in line for line in specs["place"]["title"]["subtitle"])


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_something_else_is_refused(name):
    with pytest.raises(ToolkitError, match="needs the columns"):
        TABLES[name][0](pl.DataFrame({"module": ["help"]}))


def test_a_share_that_is_not_known_leaves_no_mark_and_no_warning(tables):
    spec = used.module_returns(
        tables["returns"].with_columns(share_seen_again=None, share_seen_again_low=None, share_seen_again_high=None)
    )
    assert vl_convert.vegalite_to_svg(spec.to_dict(), vl_version="6.4").startswith("<svg")


def test_states_stand_from_the_first_to_the_last(tables):
    table = tables["usage"].head(2).drop("platform").with_columns(state=pl.Series(["complete", "incomplete"]))
    spec = used.module_usage(table).to_dict()
    assert spec["layer"][1]["encoding"]["color"]["scale"]["domain"] == ["incomplete", "complete"]


def test_a_difference_that_rounds_to_nothing_has_no_sign():
    found = pl.DataFrame({"d": [-0.0004, -0.0006, 0.0006, 0.02]}).select(dots.points("d")).to_series()
    assert found.to_list() == ["0.0 points", "\N{MINUS SIGN}0.1 points", "+0.1 points", "+2.0 points"]


def test_differences_below_a_point_have_two_digits_if_their_intervals_are_as_small():
    frame = pl.DataFrame({"d": [-0.0004, 0.0006], "low": [-0.002, -0.001]})
    assert frame.select(dots.points("d", "low")).to_series().to_list() == ["\N{MINUS SIGN}0.04 points", "+0.06 points"]
    wide = frame.with_columns(low=pl.lit(-0.03)).select(dots.points("d", "low")).to_series()
    assert wide.to_list() == ["0.0 points", "+0.1 points"]


def test_an_axis_of_shares_ends_at_one_and_one_of_differences_counts_in_points():
    rows = pl.DataFrame({"label": "a", "value": "all", "share": [0.9], "low": [0.8], "high": [0.95], "said": "90.0 %"})
    (shares, differences) = (
        dots.dot_panel(rows, order=["a"], axis="x", tips={}, signed=signed).to_dict()["layer"][1 + signed]["encoding"][
            "x"
        ]
        for signed in (False, True)
    )
    assert shares["scale"]["domain"] == [0, 1]
    assert "%" not in json.dumps(differences["axis"])
    assert "100 * datum.value" in differences["axis"]["labelExpr"]


@pytest.mark.parametrize(("values", "bars"), [(7, 7), (9, 9), (10, 6)])
def test_a_panel_of_bars_leaves_values_out_only_where_there_are_many(values, bars):
    totals = pl.DataFrame({"value": [f"m{at}" for at in range(values)], "total": range(values)})
    drawn = linked_bars({"module": totals}, {"module": None}, "visits").data["by_module"]
    assert drawn.height == bars
    chosen = linked_bars({"module": totals}, {"module": "m0"}, "visits").data["by_module"]
    assert (chosen.height, chosen.filter("is_in")["pick"].to_list()) == (bars, ["m0"])
