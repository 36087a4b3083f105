"""Charts of visits: what they say in words, and what they refuse."""

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, chart, load, measure
from toolkit.chart.visits import returns


@pytest.fixture(scope="module")
def visits(sample):
    return load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz", key="k").rows


@pytest.fixture(scope="module")
def registrations(visits):
    """As if each visitor had registered some hours before, and as many again who never came."""
    first = measure.visit_order(visits).filter(pl.col("place") == 1)
    came = first.select(
        "wiki", "user", "platform", registered=pl.col("dt") - pl.duration(hours=pl.int_range(pl.len()) % 99)
    )
    return pl.concat([came, came.with_columns(user=-pl.col("user"))])


@pytest.fixture(scope="module")
def charts(sample, visits, registrations):
    modules = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows
    return {
        "arrivals": chart.arrivals(measure.arrivals(visits)),
        "arrivals by platform": chart.arrivals(measure.arrivals(visits, by="platform")),
        "first visits": chart.first_visits(measure.first_visits(visits, registrations=registrations, by="platform")),
        "returns": returns(measure.returns(visits, by=["wiki", "platform"], within_d=7)),
        "curve": chart.time_to_first_visit(measure.time_to_first_visit(visits, registrations=registrations)),
        "time": chart.time_on_homepage(measure.time_on_homepage(modules, by="platform")),
    }


@pytest.mark.parametrize("kind", ["arrivals", "arrivals by platform", "first visits", "returns", "curve", "time"])
def test_each_chart_draws_and_is_told_in_words(charts, kind):
    spec = charts[kind].to_dict()
    assert spec["title"]["text"].endswith("?")
    assert len(spec["description"]) > 40
    assert "tooltip" in str(spec)
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").count("<path") > 5


def test_the_words_hold_the_numbers(charts, visits):
    found = measure.arrivals(visits).filter(order="first").row(0, named=True)
    said = charts["arrivals"].to_dict()["description"]
    assert f"most by {found['referer_route']} ({found['share']:.1%}".replace("%", " %") in said


def test_time_on_the_page_is_called_a_lower_bound(charts):
    spec = charts["time"].to_dict()
    assert "lower bound" in spec["description"]
    assert "lower bound" in spec["title"]["subtitle"][0]


def test_other_tables_and_too_many_dimensions_are_refused(visits):
    with pytest.raises(ToolkitError, match="chart.arrivals needs the columns"):
        chart.arrivals(pl.DataFrame({"share": [0.5]}))
    with pytest.raises(ToolkitError, match="one dimension of at most 8 values"):
        chart.arrivals(measure.arrivals(visits, by=["wiki", "platform"]))


def test_returns_say_the_window_and_who_is_left_out(visits):
    spec = returns(measure.returns(visits, within_d=7)).to_dict()
    assert any(line.startswith("again: within 7 days") and "left out" in line for line in spec["title"]["subtitle"])


def test_returns_stand_from_the_largest_share_down(charts):
    spec = charts["returns"].to_dict()
    rows = next(rows for rows in spec["datasets"].values() if "said" in rows[0])
    assert len(rows) > 2
    assert [row["share"] for row in rows] == sorted((row["share"] for row in rows), reverse=True)
    assert spec["layer"][1]["encoding"]["y"]["sort"] == [row["label"] for row in rows]
