"""The notebooks of the project as shared pages: opened without a network and without a kernel, charts drawn and alive."""

from pathlib import Path

import pytest

import toolkit as tk
from toolkit.chart.look import percent
from toolkit.share import write_pages

pytestmark = pytest.mark.browser
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """All notebooks as pages, with their list."""
    return {path.name: path for path in write_pages([NOTEBOOKS], tmp_path_factory.mktemp("pages"))}


def test_the_list_leads_to_every_page(page, pages):
    page.goto(pages["index.html"].as_uri())
    assert page.get_by_role("link").count() >= 3
    page.get_by_role("link", name="Where do banners stop").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("Where do banners stop")


@pytest.mark.parametrize(
    ("name", "n_charts"),
    [
        ("00-start-here.html", 2),
        ("02-where-do-banners-stop.html", 7),
        ("03-why-are-banners-hidden.html", 6),
        ("04-which-modules-are-used.html", 10),
        ("05-who-comes-back.html", 9),
        ("06-is-the-logging-sound.html", 4),
    ],
)
def test_every_chart_is_drawn_and_nothing_is_fetched(page, heard, pages, name, n_charts):
    page.goto(pages[name].as_uri())
    page.locator("svg.marks").nth(n_charts - 1).wait_for()
    assert page.locator("svg.marks").count() == n_charts
    assert heard.outside == []
    assert heard.errors == []
    assert pages[name].stat().st_size < 2_500_000


def test_choices_of_the_funnel_filter_it_without_a_kernel(page, pages):
    """The same numbers as the measure gives for these rows."""
    page.goto(pages["02-where-do-banners-stop.html"].as_uri())
    view = page.locator("figure.toolkit-live[data-drawn]")
    chart = view.locator(".main svg.marks")
    chart.wait_for()
    assert chart.get_by_text("14,555  (74.7 %)").count() == 1
    country = view.get_by_role("combobox", name="country", exact=True)
    country.fill("DE")
    country.press("Enter")
    chart.get_by_text("14,555  (74.7 %)").wait_for(state="detached")
    view.get_by_role("combobox", name="device", exact=True).select_option("desktop")
    rows = tk.load.impressions(NOTEBOOKS.parent / "data/sample/beacons.tsv.gz").rows
    kept = rows.filter(tk.keep.without("debug", "bot")).filter(country="DE", device="desktop")
    shown = tk.measure.status_funnel(kept).filter(stage="shown").row(0, named=True)
    chart.get_by_text(f"{shown['total']:,.0f}  ({percent(shown['share'])})").wait_for()
