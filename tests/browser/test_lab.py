"""Charts in a real JupyterLab that has no internet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

SETUP = """
import altair as alt
import ipywidgets
import polars as pl
from IPython.display import display
from toolkit.chart.renderer import MIME, enable, mimebundle

enable()
counts = pl.DataFrame({"status": ["shown", "hidden"], "n": [63, 37]})


def bars(frame, title):
    chart = alt.Chart(frame, title=title, description=f"Bars: {title}").mark_bar()
    return chart.encode(x="n:Q", y=alt.Y("status:N", sort=None))


def show(chart):
    output.outputs = ({"output_type": "display_data", "data": mimebundle(chart), "metadata": {}},)
"""
CHART = 'bars(counts, "Requests")'
EXPLORER = 'output = ipywidgets.Output()\nshow(bars(counts, "first"))\noutput'
FAULTY = 'display({MIME: {"mark": "spiral", "data": {"values": [{}]}}, "text/plain": "Chart: faulty"}, raw=True)'

BURST = """
for n in range(20):
    show(bars(counts.with_columns(n=pl.lit(n)), f"update {n}"))
"""


@pytest.fixture(scope="module")
def cells(lab, page: Page) -> Locator:
    """The cells of a small notebook, run in JupyterLab."""
    sources = (SETUP, CHART, EXPLORER, FAULTY)
    node = new_notebook(
        cells=[new_code_cell(source.strip()) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    nbformat.write(node, lab.folder / "charts.ipynb")
    lab.open(page, "charts.ipynb")
    lab.run_all(page)
    return page.locator(".jp-Notebook .jp-Cell")


def test_a_chart_is_drawn_without_the_internet(cells, heard, read_bars):
    """Bars carry the numbers of the frame, and no request left this machine."""
    cells.nth(1).locator("svg.marks").wait_for()

    assert read_bars(cells.nth(1)) == ["n: 63; status: shown", "n: 37; status: hidden"]
    assert heard.outside == []


def test_a_chart_is_named_by_its_description(cells):
    """A screen reader hears the description."""
    chart = cells.nth(1).get_by_label("Bars: Requests")

    assert chart.get_attribute("role") == "graphics-document"


def test_a_burst_of_updates_ends_on_the_last_and_is_never_empty(lab, page, cells, read_bars):
    """Twenty charts in quick succession: one is left, the last, and at no moment was there none."""
    output = cells.nth(2)
    output.locator("svg.marks").wait_for()
    output.evaluate(
        """cell => {
            window.charts = [];
            const look = () => {
                window.charts.push(cell.querySelectorAll('.toolkit-chart > div:not(.toolkit-chart-next) svg.marks').length);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )

    lab.execute(page, BURST)
    output.get_by_text("update 19", exact=True).wait_for()
    page.wait_for_timeout(500)  # a chart drawn late would take the place of the last one now

    assert read_bars(output) == ["n: 19; status: shown", "n: 19; status: hidden"]
    assert set(page.evaluate("window.charts")) == {1}


def test_a_faulty_chart_says_so_in_its_cell(cells):
    """No empty cell, and no need to look for the browser's console."""
    message = cells.nth(3).get_by_role("alert")
    message.wait_for()

    assert "This chart could not be drawn: " in message.inner_text()


def test_a_chart_follows_the_dark_theme(lab, page, cells):
    """A chart that is on the page when the theme changes is drawn again."""
    lab.command(page, "apputils:change-theme", theme="JupyterLab Dark")

    cells.nth(1).locator("svg.marks[style*='transparent']").wait_for()
    assert cells.nth(1).locator("svg.marks").count() == 1
