"""Each explorer in a real JupyterLab, moved by a hand: the chart's data, the table and the code follow."""

import pytest

pytestmark = pytest.mark.browser

FUNNEL = "02-where-do-banners-stop.ipynb"
CHANGE = "03-why-are-banners-hidden.ipynb"
ENGAGEMENT = "04-which-modules-are-used.ipynb"
SETTLED_MS = 250
MARKS = "svg.marks [role='graphics-symbol'][aria-label]:not(.role-title-text):not(.role-title-subtitle)"


def labels(view):
    """Every mark of the chart as a reader of the screen hears it, numbers included."""
    marks = view.locator(MARKS)
    return marks.evaluate_all("marks => marks.map((mark) => mark.getAttribute('aria-label'))")


def moved(page, view, act):
    """Marks before and after a choice."""
    before = settled(page, view)
    act()
    page.wait_for_function(
        """([view, before, found]) => {
            const marks = view.querySelectorAll(found);
            const now = Array.from(marks).map((mark) => mark.getAttribute('aria-label'));
            return now.length > 0 && JSON.stringify(now) !== before;
        }""",
        arg=[view.element_handle(), page.evaluate("before => JSON.stringify(before)", before), MARKS],
    )
    return before, settled(page, view)


def settled(page, view):
    """Marks once they stand: the chart and the bars beside it are drawn one after the other."""
    now, then = labels(view), None
    while now != then:
        page.wait_for_timeout(SETTLED_MS)
        now, then = labels(view), now
    return now


def opened(lab, page, notebook):
    """Explorer of a notebook that was run from top to bottom."""
    lab.open(page, f"notebooks/{notebook}")
    lab.run_all(page)
    view = page.locator(".jp-Notebook .jp-Cell .widget-vbox").first
    view.scroll_into_view_if_needed()
    view.locator("svg.marks").first.wait_for()
    return view


@pytest.fixture(scope="module")
def funnel(lab, page):
    return opened(lab, page, FUNNEL)


class TestFunnel:
    def test_choosing_a_country_changes_chart_table_and_code(self, page, funnel):
        before, after = moved(page, funnel, lambda: funnel.get_by_label("country", exact=True).fill("DE"))
        assert any("19,491" in label for label in before)
        assert not any("19,491" in label for label in after)
        assert '.filter(pl.col("country") == "DE")' in funnel.locator(".tk-code").inner_text()
        assert "recorded" in funnel.locator(".tk-table th").all_inner_texts()

    def test_a_choice_can_be_taken_back_and_the_menu_says_so(self, page, funnel):
        """A menu that shows nothing would hide what is chosen."""
        moved(page, funnel, lambda: funnel.get_by_label("device", exact=True).select_option("desktop"))
        device = funnel.get_by_role("combobox", name="device")
        moved(page, funnel, lambda: device.select_option("all"))
        assert [
            funnel.get_by_role("combobox", name=name, exact=True).locator("option:checked").inner_text()
            for name in ("campaign", "device", "by", "compare with")
        ] == ["all", "all", "nothing", "nothing"]

    def test_choosing_attempts_changes_the_unit(self, page, funnel):
        moved(page, funnel, lambda: funnel.get_by_label("unit", exact=True).select_option("campaign attempts"))
        assert funnel.locator("svg.marks").first.get_by_text("campaign attempts", exact=True).count() == 1
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

    def test_a_comparison_with_the_days_before_draws_differences(self, page, funnel):
        menu = funnel.get_by_label("compare with", exact=True)
        _, after = moved(page, funnel, lambda: menu.select_option("the days before"))
        assert any("percentage points" in label for label in after)
        assert "tk.chart.difference(change)" in funnel.locator(".tk-code").inner_text()
        moved(page, funnel, lambda: menu.select_option("nothing"))

    def test_without_weights_the_line_below_the_chart_says_so(self, page, funnel):
        moved(page, funnel, lambda: funnel.get_by_label("weight", exact=True).select_option("none, as recorded"))
        assert "weight 1 for each recorded" in funnel.inner_text()

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


def test_the_change_follows_each_choice(lab, page):
    view = opened(lab, page, CHANGE)
    _, after = moved(page, view, lambda: view.get_by_label("by", exact=True).select_option("country"))
    assert any("US: 2.1 closed earlier" in label for label in after)
    moved(page, view, lambda: view.get_by_label("share of", exact=True).select_option("user choice"))
    moved(page, view, lambda: view.get_by_label("since", exact=True).select_option("04 Mar"))
    code = view.locator(".tk-code").inner_text()
    assert 'by="country"' in code
    assert 'outcome="user choice"' in code
    assert 'after=("2026-03-04", "2026-03-08")' in code
