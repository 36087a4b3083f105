"""Charts of ordered funnels: what they draw and what they refuse."""

import polars as pl
import pytest
import vl_convert
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load
from toolkit.chart.steps import ordered_funnel as chart
from toolkit.measure.steps import ordered_funnel

STEPS = {"shown": "impression", "hovered": "hover-in", "clicked": "link-click"}


@pytest.fixture(scope="module")
def rows(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows.filter(platform="desktop")


@pytest.fixture(scope="module")
def table(rows):
    return ordered_funnel(rows, steps=STEPS, by="module")


def drawn(found):
    """Rows that a chart draws."""
    return pl.DataFrame([row for part in found.to_dict()["datasets"].values() for row in part])


def test_bars_are_the_three_counts_of_the_table(table):
    names = {"strict": "n_strict", "permissive": "n_permissive", "order-free": "n_free"}
    due = table.pivot("order", index=["module", "step"], values="n").rename({"module": "value", **names})
    assert_frame_equal(drawn(chart(table)).select(due.columns), due, check_row_order=False)


def test_shares_are_said_as_bounds_where_the_counts_differ(table):
    found = drawn(chart(table)).filter(value="help").sort("step")
    strict, permissive = (
        table.filter(pl.col("order") == order, module="help", step=2)["share"].item()
        for order in ("strict", "permissive")
    )
    assert found["said"].to_list()[:2] == [
        f"{found['of'][0]:,.0f} units", f"{strict:.1%} to {permissive:.1%}".replace("%", " %"),
    ]  # fmt: skip


def test_the_interval_goes_from_the_strict_lower_to_the_permissive_upper_end(table):
    found = drawn(chart(table)).filter(value="help", step=2).row(0, named=True)
    own = table.filter(module="help", step=2)
    assert found["low"] == own.filter(order="strict")["share_low"].item()
    assert found["high"] == own.filter(order="permissive")["share_high"].item()


def test_the_text_says_the_first_funnel(rows):
    found = chart(ordered_funnel(rows, steps=STEPS)).to_dict()
    assert found["description"].startswith("Of ")
    assert "take step 3, clicked." in found["description"]


def test_a_step_that_was_not_logged_is_said(sample):
    later = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows
    found = chart(ordered_funnel(later, steps=STEPS)).to_dict()
    assert "hover-in was logged until 2020-04-14" in found["title"]["subtitle"][2]


def test_charts_can_be_drawn(table):
    assert vl_convert.vegalite_to_svg(chart(table).to_json()).startswith("<svg")


def test_other_tables_are_refused(rows, table):
    with pytest.raises(ToolkitError, match="chart.ordered_funnel needs the column 'order'"):
        chart(table.drop("order"))
    with pytest.raises(ToolkitError, match="'by' is for this chart one dimension"):
        chart(ordered_funnel(rows, steps=STEPS, by=["module", "wiki"]))
