"""The waterfall: what it starts from, what it adds, where it ends."""

import pytest
import vl_convert

from toolkit import ToolkitError, load
from toolkit.chart.change import change as draw
from toolkit.measure.change import change


@pytest.fixture(scope="module")
def parts(sample):
    rows = load.impressions(sample / "beacons.tsv.gz").rows
    return change(rows, after=("2026-03-05", "2026-03-08"), by="campaign", unit="attempt")


def bars(chart):
    """Rows that are drawn."""
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def test_the_bars_lead_from_before_to_after_without_a_step_between(parts):
    drawn = bars(draw(parts))
    before, *steps, after = drawn
    assert (before["to"], after["to"]) == (parts["whole_before"][0], parts["whole_after"][0])
    assert steps[0]["from"] == pytest.approx(before["to"])
    assert [step["from"] for step in steps[1:]] == pytest.approx([step["to"] for step in steps[:-1]])
    assert steps[-1]["to"] == pytest.approx(after["to"])


def test_the_first_parts_have_a_bar_each_and_the_others_one(parts):
    drawn = bars(draw(parts, most=4))
    assert len(drawn) == 4 + 3
    n_others = parts.filter(parts["contribution"] != 0).height - 4
    assert drawn[-2]["name"] == f"{n_others} further parts together"


def test_names_say_which_value_did_what(parts):
    drawn = bars(draw(parts))
    assert drawn[1]["name"] == "Reader_tips_lowprio: 2.1 closed earlier more often"
    assert drawn[1]["kind"] == "lowers the share"


def test_the_chart_has_a_question_the_difference_with_interval_and_a_text(parts):
    spec = draw(parts).to_dict()
    assert spec["title"]["text"] == "Why did the share with banner shown fall?"
    assert "95 % intervals" in " ".join(spec["title"]["subtitle"])
    assert spec["title"]["subtitle"][0].startswith("-16.7 points (")
    assert "The first part is Reader_tips_lowprio: 2.1 closed earlier more often, -6.9 points." in spec["description"]
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").startswith("<svg")


def test_the_legend_has_the_colours_of_the_bars(parts):
    """By default symbols are paler."""
    spec = draw(parts).to_dict()
    assert {layer["encoding"]["color"]["legend"]["symbolOpacity"] for layer in spec["layer"][:2]} == {1}


def test_a_table_of_something_else_is_refused(parts):
    with pytest.raises(ToolkitError, match="chart.change needs the columns"):
        draw(parts.drop("contribution", "difference"))
