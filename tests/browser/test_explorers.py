"""Each explorer in a real JupyterLab, moved by a hand: the chart's data, the table and the code follow."""

import pytest

pytestmark = pytest.mark.browser

FUNNEL = "02-where-do-banners-stop.ipynb"
ENGAGEMENT = "04-which-modules-are-used.ipynb"


def labels(view):
    """Every mark of the chart as a reader of the screen hears it, numbers included."""
    marks = view.locator("svg.marks [role='graphics-symbol'][aria-label]")
    return marks.evaluate_all("marks => marks.map((mark) => mark.getAttribute('aria-label'))")


def moved(page, view, act):
    """Marks before and after a choice."""
    before = labels(view)
    act()
    page.wait_for_function(
        """([view, before]) => {
            const marks = view.querySelectorAll("svg.marks [role='graphics-symbol'][aria-label]");
            const now = Array.from(marks).map((mark) => mark.getAttribute('aria-label'));
            return now.length > 0 && JSON.stringify(now) !== before;
        }""",
        arg=[view.element_handle(), page.evaluate("before => JSON.stringify(before)", before)],
    )
    return before, labels(view)


def opened(lab, page, notebook):
    """Explorer of a notebook that was run from top to bottom."""
    lab.open(page, f"notebooks/{notebook}")
    lab.run_all(page)
    view = page.locator(".jp-Notebook .jp-Cell .widget-vbox").first
    view.scroll_into_view_if_needed()
    view.locator("svg.marks").wait_for()
    return view


@pytest.fixture(scope="module")
def funnel(lab, page):
    return opened(lab, page, FUNNEL)


class TestFunnel:
    def test_choosing_a_country_changes_chart_table_and_code(self, page, funnel):
        before, after = moved(page, funnel, lambda: funnel.get_by_label("country").select_option("DE"))
        assert any("19,491" in label for label in before)
        assert not any("19,491" in label for label in after)
        assert '.filter(pl.col("country") == "DE")' in funnel.locator(".tk-code").inner_text()
        assert "recorded" in funnel.locator(".tk-table th").all_inner_texts()

    def test_a_choice_can_be_taken_back_and_the_menu_says_so(self, page, funnel):
        """A menu that shows nothing would hide what is chosen."""
        country = funnel.get_by_role("combobox", name="country")
        moved(page, funnel, lambda: country.select_option("all"))
        assert country.locator("option:checked").inner_text() == "all"
        assert [
            funnel.get_by_role("combobox", name=name).locator("option:checked").inner_text()
            for name in ("campaign", "device")
        ] == ["all"] * 2
        moved(page, funnel, lambda: country.select_option("DE"))

    def test_choosing_attempts_changes_the_unit(self, page, funnel):
        moved(page, funnel, lambda: funnel.get_by_label("unit").select_option("campaign attempts"))
        assert funnel.locator("svg.marks").get_by_text("campaign attempts", exact=True).count() == 1
        assert 'unit="attempt"' in funnel.locator(".tk-code").inner_text()

    def test_a_breakdown_draws_a_row_for_each_value(self, page, funnel):
        _, after = moved(page, funnel, lambda: funnel.get_by_label("by", exact=True).select_option("campaign"))
        assert any("Reader_tips_lowprio" in label for label in after)

    def test_choices_can_be_made_by_keyboard(self, page, funnel):
        """The first letter of a value, as without a mouse."""
        menu = funnel.get_by_role("combobox", name="device")
        menu.focus()
        moved(page, funnel, lambda: menu.press("d"))
        assert 'pl.col("device") == "desktop"' in funnel.locator(".tk-code").inner_text()

    def test_the_days_can_be_moved(self, page, funnel):
        handle = funnel.locator(".noUi-handle").first
        handle.focus()
        moved(page, funnel, lambda: page.keyboard.press("ArrowRight"))
        assert 'tk.keep.period("2026-03-03", "2026-03-07")' in funnel.locator(".tk-code").inner_text()

    def test_nothing_was_fetched_from_outside(self, heard, funnel):
        assert funnel.count() == 1
        assert heard.outside == []


def test_the_engagement_follows_each_choice(lab, page):
    view = opened(lab, page, ENGAGEMENT)
    before, after = moved(page, view, lambda: view.get_by_label("platform", exact=True).select_option("mobile"))
    assert len(before) > len(after) > 0
    _, after = moved(page, view, lambda: view.get_by_label("by", exact=True).select_option("state"))
    assert any("incomplete" in label for label in after)
    assert 'tk.measure.module_engagement, by="state"' in view.locator(".tk-code").inner_text()
