"""Explorers of homepage events: what is counted once and added up is what the code shown counts anew."""

from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import toolkit as tk
from toolkit.chart.renderer import MIME
from toolkit.explore.engagement_cells import Cells
from toolkit.explore.view import WIDGET


@pytest.fixture(scope="module")
def modules(sample):
    return tk.load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="demo")


@pytest.fixture(scope="module")
def visits(sample):
    return tk.load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="demo")


@pytest.fixture(scope="module")
def later(sample):
    return tk.load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz")


@pytest.fixture(scope="module")
def engagement(modules):
    return tk.explore.module_engagement(modules)


def by_code(view, **names):
    """Table that the code shown gives, and that its last line draws."""
    scope = {"pl": pl, "tk": tk, **names}
    lines, _, draw = view.code.rpartition("\n")
    exec(lines, scope)
    assert eval(draw, scope).to_dict()["title"]
    return scope[lines.split(" ", 1)[0]]


@pytest.mark.parametrize(
    "choices",
    [
        {"by": "platform"},
        {"by": "state"},
        {"module": "help"},
        {"module": "start-email", "by": "state"},
        {"platform": "desktop"},
        {"platform": "mobile", "module": "impact"},
        {"state": "unactivated", "platform": "desktop", "by": "state"},
        {"wiki": "cswiki", "days": ("2019-05-06", "2019-05-06")},
        {"days": ("2019-06-07", "2019-06-16"), "state": "complete", "by": "platform"},
    ],
    ids=str,
)
def test_the_code_of_the_engagement_gives_its_table(engagement, modules, choices):
    """Pages were restored in the sample, visits go on after midnight, and hovers are open or have lost an end."""
    engagement.reset().choose(**choices)
    assert_frame_equal(by_code(engagement, modules=modules), engagement.table)


@pytest.mark.parametrize("choices", [{"by": "wiki"}, {"module": "suggested-edits", "by": "platform"}], ids=str)
def test_the_code_of_the_engagement_gives_its_table_without_hover(later, choices):
    view = tk.explore.module_engagement(later).choose(**choices)
    assert_frame_equal(by_code(view, modules=later), view.table)
    assert set(view.table["note"]) == {"hover was logged until 2020-04-14"}


def hovering(*events):
    """Events of one visit: seconds before and after 23:59 of a day, module, action and state."""
    start = int(datetime(2019, 5, 6, 23, 59, tzinfo=UTC).timestamp()) * 1000
    rows = pl.DataFrame(events, schema=["s", "module", "action", "state"], orient="row").with_columns(
        wiki=pl.lit("cswiki"), visit=0, platform=pl.lit("desktop"), ms=pl.lit(start) + pl.col("s") * 1000
    )
    return rows.with_columns(dt=pl.from_epoch("ms", time_unit="ms").dt.replace_time_zone("UTC"))


@pytest.mark.parametrize(
    ("events", "condition", "pairs"),
    [
        # the out comes after midnight
        ([(50, "help", "hover-in", None), (70, "help", "hover-out", None)], tk.keep.period("2019-05-06", "2019-05-06"), 0),
        # an hour later the page was restored; only the impression of another module tells
        (
            [
                (-4000, "impact", "impression", "activated"),
                (-3999, "help", "hover-in", None),
                (-400, "impact", "impression", "activated"),
                (-399, "help", "hover-out", None),
            ],
            pl.col("module") == "help",
            1,
        ),
        # the state has changed between the ends
        (
            [(0, "impact", "hover-in", "unactivated"), (9, "impact", "hover-out", "activated")],
            pl.col("state") == "activated",
            0,
        ),
    ],
    ids=["midnight", "restored", "state"],
)  # fmt: skip
def test_hovers_that_a_choice_cuts_are_paired_anew(events, condition, pairs):
    rows = hovering(*events)
    found = Cells.of(rows, []).where([condition]).engagement([])
    assert found["pairs"].sum() == pairs
    assert_frame_equal(found, tk.measure.module_engagement(rows.filter(condition)))


def bars(view, dimension):
    """Values and totals of the bars beside the chart."""
    return {row["pick"]: row["total"] for row in view._picture.shown["linked"]["datasets"][f"by_{dimension}"]}


def test_bars_count_visits_and_choose_their_value(engagement, modules):
    shown = modules.rows.filter(action="impression")
    engagement.reset()
    assert sum(bars(engagement, "platform").values()) == shown.select("wiki", "visit", "platform").n_unique()
    engagement._picked("platform", "mobile", more=False)
    mobile = shown.filter(platform="mobile")
    assert engagement.choices["platform"] == "mobile"
    assert bars(engagement, "state")["noemail"] == mobile.filter(state="noemail")["visit"].n_unique()
    assert sum(bars(engagement, "days").values()) == mobile.select("visit", pl.col("dt").dt.date()).n_unique()
    assert set(bars(engagement, "platform")) == {"desktop", "mobile"}


def test_the_form_of_the_engagement_stays_while_only_numbers_change(engagement):
    engagement.reset()
    form = engagement._picture.shown["main"]["spec"]
    assert engagement.choose(state="complete")._picture.shown["main"]["spec"] is form
    assert engagement.choose(by="platform")._picture.shown["main"]["spec"] is not form


def test_the_order_of_rows_changes_nothing(modules, engagement):
    view = tk.explore.module_engagement(modules.rows.sample(fraction=1, shuffle=True, seed=5))
    for choices in ({}, {"module": "help"}, {"by": "platform"}):
        assert_frame_equal(view.choose(**choices).table, engagement.reset().choose(**view.choices).table)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"module": "help", "within": "5m", "by": "platform"},
        {"steps": "impression, hover-in, link-click", "platform": "desktop", "days": ("2019-05-06", "2019-05-12")},
        {"per": "user", "by": "module"},
    ],
    ids=str,
)
def test_the_code_of_the_ordered_funnel_gives_its_table(modules, choices):
    view = tk.explore.ordered_funnel(modules).choose(**choices)
    assert_frame_equal(by_code(view, modules=modules), view.table)


def test_steps_that_were_never_logged_are_not_offered(later):
    assert [value for _, value in tk.explore.ordered_funnel(later)._controls["steps"].options] == [
        "impression, link-click"
    ]


@pytest.mark.parametrize(
    "choices", [{}, {"by": "platform"}, {"wiki": "cswiki", "by": "platform", "time": "day"}], ids=str
)
def test_the_code_of_the_coverage_gives_its_table(modules, visits, choices):
    view = tk.explore.coverage(modules, visits).choose(**choices)
    assert_frame_equal(by_code(view, modules=modules, visits=visits), view.table)
    assert view.table["visits"].sum() == visits.rows.height


def test_loads_without_a_common_key_cannot_be_explored_together(later, visits):
    with pytest.raises(tk.ToolkitError, match="key"):
        tk.explore.coverage(later, visits)


def test_a_view_starts_with_the_choices_that_another_was_downloaded_with(modules, visits):
    for view in (tk.explore.ordered_funnel(modules).choose(module="help"), tk.explore.coverage(modules, visits)):
        _, text, _ = view._asked("json")
        again = getattr(tk.explore, view._name)(
            *((modules,) if view._name != "coverage" else (modules, visits)), choices=text
        )
        assert_frame_equal(again.table, view.table)


def test_readers_without_a_kernel_get_a_chart(modules, visits):
    for view in (tk.explore.ordered_funnel(modules), tk.explore.coverage(modules, visits)):
        assert {MIME, WIDGET, "image/svg+xml", "text/plain"} <= set(view._repr_mimebundle_())
