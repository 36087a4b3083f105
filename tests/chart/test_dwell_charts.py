"""Charts of hover dwell: what they draw and what they refuse."""

import polars as pl
import pytest
import vl_convert
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load
from toolkit.chart.dwell import dwell, dwell_lengths
from toolkit.measure.hovers import dwell as measured_dwell
from toolkit.measure.hovers import hovers as measured


@pytest.fixture(scope="module")
def rows(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


@pytest.fixture(scope="module")
def table(rows):
    return measured_dwell(rows)


def drawn(chart):
    """Rows that a chart draws."""
    return [row for part in chart.to_dict()["datasets"].values() for row in part]


def test_bars_are_the_bounds_of_the_table(table):
    ends = ["median_low", "median_high", "p90_low", "p90_high"]
    found = pl.DataFrame([row for row in drawn(dwell(table)) if "median_low" in row]).select("module", *ends)
    due = table.select("module", *(pl.col(f"dwell_{end}_s").alias(end) for end in ends))
    assert_frame_equal(found, due, check_row_order=False)


def test_kinds_of_each_module_make_a_whole(table):
    kinds = pl.DataFrame([row for row in drawn(dwell(table)) if "kind" in row])
    assert kinds.group_by("module").agg(pl.col("share").sum().round(9))["share"].to_list() == [1.0] * table.height


def test_the_band_holds_the_share_of_shorter_hovers_between_its_edges(rows):
    band = pl.DataFrame(drawn(dwell_lengths(measured(rows))))
    assert band["module"].n_unique() == 7
    assert (band["low"] <= band["high"]).all()
    pairs = measured(rows).filter(kind="pair", module="help")
    due = (pairs["dwell_high_s"] <= 3).mean(), (pairs["dwell_low_s"] <= 3).mean()
    assert band.filter(module="help", s=3).select("low", "high").row(0) == pytest.approx(due)


def test_modules_without_hovers_are_said(table):
    none = table.head(1).with_columns(
        module=pl.lit("start"), pairs=pl.lit(0, dtype=pl.Int64), note=pl.lit("hover is told on desktop layouts only")
    )
    subtitle = dwell(pl.concat([table, none])).to_dict()["title"]["subtitle"]
    assert "1 without hovers (hover is told on desktop layouts only)" in subtitle[1]


def test_charts_can_be_drawn_and_have_a_text_for_those_who_cannot_see(rows, table):
    for chart in (dwell(table), dwell_lengths(measured(rows))):
        assert "help" in chart.to_dict()["description"]
        assert vl_convert.vegalite_to_svg(chart.to_json()).startswith("<svg")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop("pairs"), "chart.dwell needs the column 'pairs'"),
        (lambda table: table.with_columns(wiki=pl.lit("cswiki")), "'by' is for this chart nothing but the module"),
        (lambda table: table.with_columns(pairs=pl.lit(0)), "nothing was left for chart.dwell"),
    ],
)
def test_other_tables_are_refused(table, change, message):
    with pytest.raises(ToolkitError, match=message):
        dwell(change(table))
