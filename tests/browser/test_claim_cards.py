"""What a quoted number is a number of: under the pointer, by the keyboard, after a tap, without scripts, on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toolkit.claims import MIME
from toolkit.share import write_pages

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

CLAIMS = {
    "shown": {"value": 0.4603, "low": 0.4327, "high": 0.4877, "level": 0.95, "column": "share", "n": 1234},
    "closed": {"value": 0.2408, "column": "share", "where": {"status_code": "2.1"}},
    "gone": {"missing": "no row has campaign 'A'; there are 'B'"},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """A page that quotes claims; one no longer holds, and one has no number."""
    folder = tmp_path_factory.mktemp("claims")
    source = {
        "files": ["beacons.tsv"],
        "shapes": ["request log"],
        "first": "2026-03-02 00:03",
        "last": "2026-03-07 23:44",
    }
    face = {"claims": CLAIMS, "sources": [source | {"editions": ["1.5.1"]}]}
    prose = "# Who?\n\nOf all [46.0 %](#shown) are shown, [20 %](#closed) closed, [7 %](#gone) gone." + "\n\nText." * 60
    output = new_output("execute_result", execution_count=1, data={MIME: face, "text/plain": "claims"})
    cells = [new_markdown_cell(prose), new_code_cell("claims", execution_count=1, outputs=[output])]
    nbformat.write(new_notebook(cells=cells), folder / "a.ipynb")
    return write_pages([folder / "a.ipynb"], folder)[0]


@pytest.fixture
def opened(chromium, file):
    context = chromium.new_context(viewport={"width": 400, "height": 700}, has_touch=True)
    page = context.new_page()
    page.goto(file.as_uri())
    yield page
    context.close()


def number(page, text="46.0 %"):
    return page.get_by_role("link", name=text)


def card(page):
    return page.locator(".claim-card")


def test_the_pointer_shows_interval_n_period_and_edition(opened):
    number(opened).hover()
    said = card(opened).inner_text().split("\n")
    assert said[said.index("interval") + 1] == "43.3 to 48.8 % (95 %)"
    assert said[said.index("n") + 1] == "1,234 recorded"
    assert said[said.index("period") + 1] == "2026-03-02 00:03 to 2026-03-07 23:44 UTC"
    assert said[said.index("edition") + 1] == "1.5.1"
    opened.mouse.move(5, 5)
    card(opened).wait_for(state="detached")


def test_the_keyboard_shows_it_leads_to_its_cell_and_puts_it_away(opened):
    number(opened).focus()
    assert card(opened).is_visible()
    assert number(opened).get_attribute("aria-describedby") == "shown"
    opened.keyboard.press("Escape")
    assert card(opened).count() == 0
    number(opened).blur()
    number(opened).focus()
    opened.keyboard.press("Tab")
    assert card(opened).is_visible()
    opened.keyboard.press("Enter")
    opened.locator("#shown").wait_for()
    assert opened.locator("#shown").bounding_box()["y"] < 700
    assert card(opened).count() == 0


def test_a_tap_shows_it_and_a_tap_beside_it_puts_it_away(opened):
    number(opened).tap()
    assert card(opened).is_visible()
    assert opened.url.endswith(".html")
    opened.touchscreen.tap(20, 650)
    assert card(opened).count() == 0


def test_the_card_stays_on_a_narrow_page(opened):
    number(opened, "24 %").hover()
    box = card(opened).bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 400
    assert opened.evaluate("document.documentElement.scrollWidth") <= 400


def test_what_no_longer_holds_is_struck_through_and_what_holds_follows(opened):
    text = opened.locator("section.text p").first
    assert text.inner_text() == "Of all 46.0 % are shown, 20 % 24 % closed, 7 % gone."
    assert text.locator("s").all_inner_texts() == ["20 %", "7 %"]


def test_without_scripts_a_title_says_it_and_the_number_leads_to_its_cell(chromium, file):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert "interval: 43.3 to 48.8 % (95 %); column: share; n: 1,234 recorded" in number(page).get_attribute("title")
    number(page).click()
    assert page.locator("#shown").is_visible()
    context.close()


def test_in_jupyterlab_the_number_leads_to_its_cell(lab, page):
    """The name of a row outlives JupyterLab's cleaning of outputs that it doesn't trust."""
    lab.open(page, "notebooks/00-start-here.ipynb")
    link = page.get_by_role("link", name="74.7 %")
    link.first.wait_for()
    row = page.locator('[id="shown"], [data-jupyter-id="shown"]')
    page.set_viewport_size({"width": 1200, "height": 500})
    link.first.click()
    page.wait_for_function(
        """() => {
            const row = document.querySelector('[id="shown"], [data-jupyter-id="shown"]');
            const { top, bottom } = row.getBoundingClientRect();
            return top >= 0 && bottom <= innerHeight;
        }"""
    )
    assert "74.7 %" in row.inner_text()
