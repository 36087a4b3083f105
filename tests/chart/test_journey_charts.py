"""Charts of journeys: matrices, steps and curves."""

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, chart, load, measure


@pytest.fixture(scope="module")
def modules(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


@pytest.fixture(scope="module")
def charts(modules):
    return {
        "states": chart.states(measure.states(modules)),
        "transitions": chart.transitions(measure.transitions(modules)),
        "flows": chart.flows(measure.flows(modules, actions="hover-in")),
        "steps": chart.steps(measure.steps(modules)),
        "curve": chart.time_to_state(measure.time_to_state(modules, module="start-email", state="confirmed")),
    }


@pytest.mark.parametrize("kind", ["states", "transitions", "flows", "steps", "curve"])
def test_each_chart_draws_and_is_told_in_words(charts, kind):
    spec = charts[kind].to_dict()
    assert spec["title"]["text"].endswith("?")
    assert len(spec["description"]) > 40
    assert "tooltip" in str(spec)
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").count("<path") > 5


def test_modules_whose_state_cannot_change_have_no_matrix(charts):
    assert "start-account" not in str(charts["states"].to_dict()["datasets"])


def test_events_without_an_order_are_said(charts):
    assert any("have no known order" in line for line in charts["flows"].to_dict()["title"]["subtitle"])


def test_the_curve_names_its_module_its_state_and_its_period(modules):
    table = measure.time_to_state(modules, module="start-email", state="confirmed")
    spec = chart.time_to_state(table).to_dict()
    assert spec["title"]["text"] == "How soon is start-email in the state confirmed seen?"
    assert spec["title"]["subtitle"][-1].startswith("2019-05-")
    assert "shown with start-email in the state confirmed:" in spec["description"]


def test_the_words_of_steps_stand_where_no_thick_line_runs(charts):
    *_, first, end, between = charts["steps"].to_dict()["layer"][-1]["layer"]
    assert (first["mark"]["align"], end["mark"]["align"]) == ("right", "left")
    assert first["transform"][0]["filter"] == "datum.step == 1"
    assert "align" not in between["mark"]


def test_backward_changes_are_counted_in_words():
    rows = pl.DataFrame(
        {
            "wiki": "cswiki",
            "user": 1,
            "visit": [1, 2],
            "module": "start-email",
            "state": ["confirmed", "noemail"],
            "ms": [0, 9],
        }
    )
    assert "1 backward" in chart.transitions(measure.transitions(rows)).to_dict()["description"]


def test_dimensions_and_other_tables_are_refused(modules):
    with pytest.raises(ToolkitError, match="filter the table for one value and drop the column"):
        chart.states(measure.states(modules, by="platform"))
    with pytest.raises(ToolkitError, match="chart.flows needs the columns"):
        chart.flows(pl.DataFrame({"share": [0.5]}))
