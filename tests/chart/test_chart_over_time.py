"""The funnel over time drawn: grey, gaps and days of change."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, load
from toolkit.chart import look
from toolkit.chart.over_time import status_over_time as draw
from toolkit.measure.over_time import status_over_time


def days(first, n, codes=("6", "2.1")):
    """Ten page views of each code on each of some days, but for the third."""
    times = [first + timedelta(days=at) for at in range(n) if at != 2]
    frame = pl.DataFrame({"dt": times}).join(pl.DataFrame({"status_code": codes}), how="cross")
    made = frame.with_columns(pl.col("dt").cast(pl.Datetime("ms", "UTC")), requests=pl.lit(10), sample_rate=pl.lit(1.0), flags=pl.lit(0))  # fmt: skip
    return made.with_columns(ms=pl.col("dt").dt.timestamp("ms"))


@pytest.fixture(scope="module")
def spring():
    """40 days in which 2.22 begins and three changes fall."""
    rows = days(datetime(2026, 4, 20, tzinfo=UTC), 40)
    late = days(datetime(2026, 5, 20, tzinfo=UTC), 10, ["2.22"])
    return status_over_time(pl.concat([rows, late]))


def spec_of(chart):
    spec = chart.to_dict()
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").startswith("<svg")
    return spec


def marks(spec):
    return [layer["mark"]["type"] for panel in spec["vconcat"] for layer in panel.get("layer", [])]


def test_three_days_have_lines_for_intervals_and_no_brush():
    spec = spec_of(draw(status_over_time(days(datetime(2026, 3, 2, tzinfo=UTC), 4))))
    assert "params" not in spec
    assert "area" not in marks(spec)
    assert len(spec["vconcat"]) == 2


def test_many_days_have_bands_a_brush_and_the_days_of_change(spring):
    spec = spec_of(draw(spring))
    assert spec["params"][0]["select"]["type"] == "interval"
    assert "area" in marks(spec)
    text = json.dumps(spec)
    assert "daily limit in the impression diet" in text
    assert "blackout hours" in text
    assert any("nothing recorded at all in 1 periods" in line for line in spec["title"]["subtitle"])


def test_what_did_not_exist_is_grey_and_not_zero():
    rows = pl.concat([days(datetime(2026, 3, 30, tzinfo=UTC), 10), days(datetime(2026, 4, 6, tzinfo=UTC), 2, ["2.22"])])
    spec = spec_of(draw(status_over_time(rows)))
    assert marks(spec).count("rect") == 1
    assert any("grey: did not exist yet" in line for line in spec["title"]["subtitle"])


def test_conversion_has_a_part_for_each_stage(spring):
    heads = [panel["title"]["text"] for panel in spec_of(draw(spring, value="conversion"))["vconcat"][1:-1]]
    assert heads[:2] == [
        "campaign passed, of those with campaign attempted",
        "banner chosen, of those with campaign passed",
    ]
    assert heads[3] == "banner shown, of those with banner loaded"


def test_campaigns_are_lines_of_colours_that_can_be_told_apart(sample):
    rows = load.impressions(sample / "beacons.tsv.gz").rows
    spec = spec_of(draw(status_over_time(rows, by="campaign", unit="attempt")))
    scale = spec["vconcat"][0]["layer"][1]["encoding"]["color"]["scale"]
    assert len(set(scale["range"])) == len(scale["domain"]) == 6
    assert set(scale["range"]) <= set(look.CATEGORIES)
    assert {
        layer["encoding"]["color"]["legend"]
        for panel in spec["vconcat"]
        for layer in panel["layer"]
        if "color" in layer["encoding"]
    } == {None}
    assert [layer["mark"]["clip"] for layer in spec["vconcat"][0]["layer"][-2:]] == [
        False,
        False,
    ]  # a brush would cut them
    names = [row["short"] for rows in spec["datasets"].values() for row in rows if "short" in row]
    assert set(names) == {look.short(name) for name in scale["domain"]}
    assert "the 6 of 12 with most campaign attempts" in spec["title"]["subtitle"]
    assert "for 6 lines" in spec["description"]


def test_a_table_of_something_else_is_refused(spring):
    with pytest.raises(ToolkitError, match="chart.status_over_time needs the column 'presence'"):
        draw(spring.drop("presence"))
