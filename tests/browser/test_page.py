"""Shared pages, opened from a file in a browser that reaches nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import nbformat
import polars as pl
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toolkit.chart.renderer import MIME, mimebundle
from toolkit.share import write_pages

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

COUNTS = pl.DataFrame(
    {
        "device": ["desktop", "desktop", "mobile", "mobile"],
        "status": ["shown", "</script><b>", "shown", "</script><b>"],
        "n": [63, 37, 20, 10],
    }
)


CSV = {
    "data": {"values": "n\n5\n", "format": {"type": "csv"}},
    "transform": [{"calculate": "datum.n * 2", "as": "twice"}],
    "mark": "bar",
    "encoding": {"x": {"field": "twice", "type": "quantitative"}},
}
"""Reading this takes code made from text, which a security policy can forbid."""


def chart() -> alt.Chart:
    """Bars with a choice of device."""
    device = alt.param(
        name="device", value="desktop", bind=alt.binding_select(options=["desktop", "mobile"], name="Device ")
    )
    return (
        alt.Chart(COUNTS, title="Requests", description="Bars of requests")
        .mark_bar()
        .encode(x="n:Q", y=alt.Y("status:N", sort=None))
        .add_params(device)
        .transform_filter("datum.device == device")
    )


def shown(data: dict[str, object]) -> nbformat.NotebookNode:
    """A cell that has been run and has shown this."""
    return new_code_cell("chart", execution_count=1, outputs=[new_output("display_data", data=data)])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with a chart, a chart that can't be drawn, a formula and code."""
    folder = tmp_path_factory.mktemp("pages")
    bundle = mimebundle(chart())
    cells = [
        new_markdown_cell("# What is shown?\n\nThe share is $\\frac{63}{100}$."),
        shown(bundle),
        shown(bundle | {MIME: {"mark": "spiral"}}),
        shown(bundle | {MIME: CSV}),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "shown.ipynb")
    return write_pages([folder / "shown.ipynb"], folder, publish_anyway="a test")[0]


@pytest.fixture(scope="module")
def opened(page: Page, file: Path) -> Page:
    """The page, with its chart drawn."""
    page.goto(file.as_uri())
    page.locator("svg.marks").nth(1).wait_for()
    return page


def test_a_chart_is_drawn_and_nothing_is_fetched(opened, heard, read_bars):
    """The page is all there is: bars, no request, no complaint."""
    assert read_bars(opened.locator("figure").first) == ["n: 63; status: shown", "n: 37; status: </script><b>"]
    assert heard.outside == []
    assert heard.errors == []


def test_a_chart_takes_the_place_of_its_picture(opened):
    """A reader doesn't see the chart twice."""
    assert opened.locator("figure").first.locator("img").count() == 0


def test_a_choice_changes_the_bars(opened, read_bars):
    """Charts are alive without a kernel."""
    opened.get_by_label("Device").select_option("mobile")

    opened.get_by_label("n: 20; status: shown").wait_for()
    assert read_bars(opened.locator("figure").first) == ["n: 20; status: shown", "n: 10; status: </script><b>"]


def test_the_choices_stand_above_the_chart(opened):
    """What is chosen is read first."""
    choices, bars = (opened.locator(f"figure {part}").first.bounding_box() for part in ("form", "svg.marks"))

    assert choices["y"] + choices["height"] <= bars["y"]


def test_data_as_csv_is_drawn(opened, read_bars):
    """Explorers put their rows in this form, because it is half as long."""
    assert read_bars(opened.locator("figure").nth(2)) == ["twice: 10"]


def test_a_formula_is_drawn(opened):
    """A fraction is higher than the line it stands in would be."""
    assert opened.locator("math mfrac").bounding_box()["height"] > 0


def test_a_chart_that_fails_leaves_its_picture_and_says_why(opened):
    """The stored picture is better than nothing."""
    figure = opened.locator("figure").nth(1)

    assert figure.get_by_role("img").get_attribute("alt") == "Chart: Bars of requests"
    assert "This chart could not be drawn" in figure.inner_text()


def test_code_opens_and_closes(opened):
    """One button for all cells."""
    code = opened.locator(".highlight").first

    assert not code.is_visible()
    opened.get_by_role("button", name="Show all code").click()
    assert code.is_visible()
    opened.get_by_role("button", name="Hide all code").click()
    assert not code.is_visible()


def test_the_policy_stops_what_a_page_would_fetch(opened, heard):
    """The browser itself refuses, so that nobody has to trust the page."""
    fetched = opened.evaluate("fetch('https://example.org/').then(() => 'fetched', () => 'refused')")

    assert fetched == "refused"
    assert heard.outside == []


def test_without_scripts_the_picture_is_shown(chromium: Browser, file: Path):
    """Some readers, mail programs and archives run none."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())

    assert page.get_by_role("img", name="Chart: Bars of requests").first.bounding_box()["width"] > 100
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_a_note_of_other_parameters_is_read_first(chromium: Browser, tmp_path: Path, scheme, width):
    """Above the title, beside or below the button, and with numbers in sentences struck through."""
    given = new_code_cell("DAYS = 8", execution_count=1, metadata={"tags": ["injected-parameters"]})
    prose = new_markdown_cell("# How many?\n\nOf these **74.7 %** are shown.")
    nbformat.write(new_notebook(cells=[prose, given]), tmp_path / "given.ipynb")
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(write_pages([tmp_path / "given.ipynb"], tmp_path)[0].as_uri())
    note, heading, button = (page.get_by_role(role) for role in ("note", "heading", "button"))
    places = [part.bounding_box() for part in (note, heading, button)]
    number = page.get_by_text("74.7 %")

    assert "DAYS = 8" in note.inner_text()
    assert places[0]["y"] + places[0]["height"] < places[1]["y"]
    assert _apart(places[0], places[2])
    assert places[0]["width"] > 320
    assert number.evaluate("it => getComputedStyle(it).textDecorationLine") == "line-through"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def _apart(one, other) -> bool:
    """Whether two boxes don't overlap."""
    return any(
        low[at] + low[size] <= high[at]
        for at, size in (("x", "width"), ("y", "height"))
        for low, high in ((one, other), (other, one))
    )
