"""The gallery in a browser: every chart drawn, none wider than it may be, no label upon another."""

import chart_gallery as gallery
import pytest

pytestmark = pytest.mark.browser

OVERLAPS = """figure => {
    const level = (text) => !/rotate/.test(text.getAttribute('transform')) && text.textContent.trim();
    const boxes = [...figure.querySelectorAll('svg.marks text')].filter(level).map((text) => {
        const { left, right, top, bottom } = text.getBoundingClientRect();
        const slack = (bottom - top) / 4; // a letter's box is higher than the letter
        return { said: text.textContent, left, right, top: top + slack, bottom: bottom - slack };
    }).filter(({ left, right }) => right > left);
    return boxes.flatMap((one, place) => boxes.slice(place + 1)
        .filter((other) => one.left < other.right - 1 && other.left < one.right - 1
            && one.top < other.bottom && other.top < one.bottom)
        .map((other) => [one.said, other.said]));
}"""


@pytest.fixture(scope="module")
def drawn():
    return {name: draw() for name, draw in gallery.charts(gallery.Rows()).items()}


@pytest.fixture(scope="module")
def written(drawn, tmp_path_factory):
    return gallery.page(drawn, tmp_path_factory.mktemp("gallery"))


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 600)])
def test_every_chart_is_drawn_and_the_page_is_not_scrolled_sideways(chromium, drawn, written, scheme, width):
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(written.as_uri())
    page.locator("figure:has(svg.marks)").nth(len(drawn) - 1).wait_for()
    assert page.locator("svg.marks").count() == len(drawn)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert errors == []
    context.close()


def test_no_label_lies_upon_another(chromium, drawn, written):
    page = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.goto(written.as_uri())
    page.locator("figure:has(svg.marks)").nth(len(drawn) - 1).wait_for()
    figures = page.locator("figure.toolkit-chart").all()
    found = {name: figure.evaluate(OVERLAPS) for name, figure in zip(drawn, figures, strict=True)}
    page.context.close()
    assert {name: pairs for name, pairs in found.items() if pairs} == {}


def test_a_label_upon_another_would_be_seen(chromium):
    page = chromium.new_page()
    page.set_content('<figure><svg class="marks"><text y="20">one</text><text y="24">two</text></svg></figure>')
    assert page.locator("figure").evaluate(OVERLAPS) == [["one", "two"]]
    page.close()
