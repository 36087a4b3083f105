"""Explorers: every choice changes table and chart, and the code shown gives the same table."""

from itertools import pairwise

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import toolkit as tk
from toolkit.chart import live
from toolkit.chart.renderer import MIME
from toolkit.explore.view import WIDGET


@pytest.fixture(scope="module")
def impressions(sample):
    return tk.load.impressions(sample / "beacons.tsv.gz")


@pytest.fixture(scope="module")
def modules(sample):
    return tk.load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz")


def by_code(view, **names):
    """Table that the code shown gives."""
    scope = {"pl": pl, "tk": tk, **names}
    lines, _, draw = view.code.rpartition("\n")
    exec(lines, scope)
    assert eval(draw, scope).to_dict()["title"]
    return scope[lines.split(" ", 1)[0]]


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"campaign": "Wiki Loves Earth 2026 & Friends"},
        {"campaign": "Wiki Loves Earth 2026 & Friends", "unit": "attempt"},
        {"campaign": "Reader_tips_lowprio", "unit": "attempt", "by": "campaign"},
        {"country": "DE", "device": "desktop", "anonymous": True},
        {"anonymous": False, "by": "device", "unit": "attempt"},
        {"days": ("2026-03-03", "2026-03-05"), "by": "day"},
        {"days": ("2026-03-03", "2026-03-05"), "unit": "attempt", "country": "US"},
        {"by": "campaign"},
        {"by": "campaign", "country": "JP"},
        {"by": "campaign", "campaign": "FR2026_en_dsk_p1", "weight": "recorded"},
        {"by": "country", "campaign": "FR2026_en_dsk_p1", "days": ("2026-03-03", "2026-03-05")},
        {"by": "hour", "weight": "recorded", "unit": "attempt"},
        {"compare": "before"},
        {"compare": "before", "by": "device", "days": ("2026-03-06", "2026-03-06"), "unit": "attempt"},
        {"compare": "before", "by": "day", "weight": "recorded"},
        {"compare": "before", "campaign": "Reader_tips_lowprio", "country": "US"},
        {"compare": "before", "by": "anonymous", "campaign": "Reader_tips_lowprio", "unit": "attempt"},
        {"compare": "largest", "by": "device"},
        {"compare": "largest", "by": "anonymous", "campaign": "Reader_tips_lowprio", "unit": "attempt"},
        {"compare": "largest", "by": "campaign", "weight": "recorded"},
        {"compare": "largest", "by": "day"},
    ],
    ids=str,
)
def test_the_code_of_the_funnel_gives_its_table(impressions, choices):
    view = tk.explore.status_funnel(impressions).choose(**choices)
    assert_frame_equal(by_code(view, impressions=impressions), view.table)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"module": "help"},
        {"platform": "mobile", "by": "state"},
        {"state": "complete"},
        {"days": ("2019-05-10", "2019-05-12")},
    ],
)
def test_the_code_of_the_engagement_gives_its_table(modules, choices):
    view = tk.explore.module_engagement(modules).choose(**choices)
    assert_frame_equal(by_code(view, modules=modules), view.table)


def filled(view):
    """What fills the chart in the browser."""
    return view._picture.shown["main"]["datasets"]


def test_each_choice_changes_the_numbers_that_the_browser_gets(impressions):
    view = tk.explore.status_funnel(impressions)
    seen = [filled(view)]
    for choice in ({"country": "DE"}, {"unit": "attempt"}, {"device": "desktop"}, {"by": "campaign"}):
        view.choose(**choice)
        seen.append(filled(view))
    assert all(before != after for before, after in pairwise(seen))


def test_the_form_of_the_chart_stays_while_only_numbers_change(impressions):
    """So that the browser need not make the chart anew."""
    view = tk.explore.status_funnel(impressions)
    form = view._picture.shown["main"]["spec"]
    assert view.choose(country="DE")._picture.shown["main"]["spec"] is form
    assert view.choose(by="day")._picture.shown["main"]["spec"] != form


def test_the_browser_draws_what_the_chart_of_python_draws(impressions):
    view = tk.explore.status_funnel(impressions).choose(country="DE", by="campaign")
    spec, shown = view.chart.to_dict(), view._picture.shown["main"]
    assert spec["datasets"] == shown["datasets"]
    assert {param["name"]: param["value"] for param in spec["params"]}.items() <= shown["values"].items()
    assert spec["title"]["text"] == shown["values"]["title_text"]
    assert spec["title"]["subtitle"] == shown["values"]["subtitle_text"]


def test_steps_are_taken_back_one_by_one_and_all_at_once(impressions):
    view = tk.explore.status_funnel(impressions)
    first = view.choices
    view.choose(country="DE", device="desktop").choose(by="campaign")
    assert view.undo().choices == {**first, "country": "DE", "device": "desktop"}
    assert view.undo().choices == first
    assert view.undo().choices == first
    assert view._picture.shown["undo"] is False
    assert view.choose(unit="attempt", country="US").reset().choices == first
    assert view.undo().choices["unit"] == "attempt"


def test_a_view_starts_with_the_choices_that_another_was_downloaded_with(impressions):
    view = tk.explore.status_funnel(impressions).choose(country="DE", anonymous=True, days=("2026-03-03", "2026-03-05"))
    name, text, _ = view._asked("json")
    again = tk.explore.status_funnel(impressions, choices=text)
    assert name == "status_funnel.json"
    assert again.choices == view.choices
    assert again.code == view.code
    assert again._picture.shown["undo"] is False
    assert_frame_equal(again.table, view.table)


def test_the_table_is_downloaded_as_it_is(impressions):
    view = tk.explore.status_funnel(impressions).choose(by="country")
    _, text, kind = view._asked("csv")
    assert kind == "text/csv"
    assert (
        pl.read_csv(text.encode(), infer_schema=False)["total"].cast(float).to_list() == view.table["total"].to_list()
    )


def linked(view, dimension):
    """Values and totals of the bars beside the chart."""
    return {row["pick"]: row["total"] for row in view._picture.shown["linked"]["datasets"][f"by_{dimension}"]}


def test_a_click_on_a_bar_chooses_its_value_and_a_second_one_takes_it_back(impressions):
    view = tk.explore.status_funnel(impressions)
    everywhere = linked(view, "device")
    view._picture._heard(view._picture, {"pick": "DE", "dimension": "country", "more": False}, [])
    assert view.choices["country"] == "DE"
    assert sum(linked(view, "device").values()) < sum(everywhere.values())
    assert len(linked(view, "country")) > 1  # so that another can be chosen
    total = view.table.filter(outcome="reached", stage="attempted")["total"].item()
    assert sum(linked(view, "anonymous").values()) == pytest.approx(total)
    view._picture._heard(view._picture, {"pick": "DE", "dimension": "country", "more": False}, [])
    assert view.choices["country"] is None
    assert linked(view, "device") == everywhere


def test_days_are_picked_singly_and_with_shift_as_a_range(impressions):
    view = tk.explore.status_funnel(impressions)
    view._picked("days", "2026-03-03", more=False)
    assert view.choices["days"] == ("2026-03-03", "2026-03-03")
    view._picked("days", "2026-03-05", more=True)
    assert view.choices["days"] == ("2026-03-03", "2026-03-05")
    total = view.table.filter(outcome="reached", stage="attempted")["total"].item()
    assert sum(
        total for day, total in linked(view, "days").items() if "2026-03-03" <= day <= "2026-03-05"
    ) == pytest.approx(total)


def test_unit_weight_filters_and_rows_stand_below_the_chart(impressions):
    view = tk.explore.status_funnel(impressions).choose(country="DE")
    assert view._picture.shown["note"] == (
        "unit: page views, weight 1 / sample rate, 95 % intervals; filters: country DE; "
        "342 recorded, of 9,274 page views loaded; 0 rows of the files set aside"
    )


def test_two_explorers_of_one_load_do_not_disturb_each_other(impressions):
    one, two = tk.explore.status_funnel(impressions), tk.explore.status_funnel(impressions)
    one.choose(country="DE")
    assert two.choices["country"] is None
    assert two.table["n"].max() == 9274


def test_many_values_are_a_box_to_search_in(impressions):
    view = tk.explore.status_funnel(impressions)
    assert type(view._controls["country"]).__name__ == "Combobox"
    assert view.choose(country="DE")._controls["country"].value == "DE"
    with pytest.raises(tk.ToolkitError, match="no country to choose named 'Atlantis'"):
        view.choose(country="Atlantis")


def test_a_choice_that_leaves_nothing_says_so_and_can_be_taken_back(impressions):
    view = tk.explore.status_funnel(impressions).choose(country="JP", campaign="FR2026_en_dsk_p1")
    assert view.table.is_empty()
    assert "No rows under these choices" in view._picture.shown["note"]
    assert view.choose(country=None).table.height > 0


def test_a_menu_shows_that_all_is_chosen(impressions):
    """With None as its value the menu would show nothing."""
    view = tk.explore.status_funnel(impressions).choose(device="desktop").choose(device=None)
    assert view._controls["device"].label == "all"
    assert view.choices["device"] is None


def test_a_campaign_with_signs_of_its_own_is_quoted_in_the_code(impressions):
    name = 'a "quoted\\" name\nof {two} lines'
    rows = impressions.rows.with_columns(campaign=pl.lit(name))
    view = tk.explore.status_funnel(rows).choose(campaign=name)
    assert_frame_equal(by_code(view, rows=rows), view.table)


def test_the_whole_period_keeps_rows_without_a_time(impressions):
    """Four requests of the sample have none."""
    view = tk.explore.status_funnel(impressions)
    assert view.table["n"].max() == 9274
    assert "period" not in view.code


def test_page_views_of_a_campaign_say_how_many_attempts_others_took_over(impressions):
    """The case of T411382, as a reader of the explorer meets it."""
    view = tk.explore.status_funnel(impressions).choose(campaign="FR2026_en_dsk_p1")
    shown = view.table.filter(stage="shown")
    assert shown["share"].item() > 0.99
    assert shown["taken_over"].item() > 0.8
    assert "of the attempts of this campaign ended as page views of another one" in view._picture.shown["note"]
    assert view.choose(unit="attempt").table.filter(stage="shown")["share"].item() < 0.2


def test_a_campaign_that_is_nobodys_last_has_a_funnel_too(impressions):
    only = impressions.rows.filter(pl.col("path") == "2.2 6")
    view = tk.explore.status_funnel(only).choose(by="campaign")
    lost = view.table.filter(pl.col("n") == 0)
    assert set(lost["taken_over"].drop_nulls()) == {1.0}
    assert "FR2026_en_dsk_p1" in set(lost["campaign"])


def test_without_weights_each_request_counts_once(impressions):
    view = tk.explore.status_funnel(impressions).choose(weight="recorded")
    attempted = view.table.filter(outcome="reached", stage="attempted")
    assert attempted["total"].item() == attempted["n"].item() == 9274
    assert "weight 1 for each recorded" in view._picture.shown["note"]
    assert sum(linked(view, "anonymous").values()) == 9274


def test_the_days_before_have_the_length_of_the_days_chosen(impressions):
    view = tk.explore.status_funnel(impressions).choose(compare="before", days=("2026-03-05", "2026-03-06"))
    assert 'tk.measure.status_change, period=("2026-03-05", "2026-03-07")' in view.code
    days = impressions.rows.group_by(pl.col("dt").dt.date().dt.to_string().alias("day")).agg(
        shown=(pl.col("status_code") == "6").sum()
    )
    counts = dict(days.iter_rows())
    row = view.table.filter(stage="shown").row(0, named=True)
    assert row["n"] == counts["2026-03-05"] + counts["2026-03-06"]
    assert row["n_baseline"] == counts["2026-03-03"] + counts["2026-03-04"]


def test_days_without_any_before_them_say_that_there_are_no_rows(impressions):
    view = tk.explore.status_funnel(impressions).choose(compare="before", days=("2026-03-02", "2026-03-03"))
    assert view.table.is_empty()
    assert "No rows under these choices" in view._picture.shown["note"]


def test_weeks_are_offered_where_there_are_several(impressions):
    offered = [word for word, _ in tk.explore.status_funnel(impressions)._controls["by"].options]
    assert {"hour", "day"} < set(offered)
    assert "week" not in offered
    later = impressions.rows.with_columns(
        pl.when(pl.col("line") % 2 == 0).then(pl.col("dt").dt.offset_by("1w")).otherwise("dt")
    )
    view = tk.explore.status_funnel(later).choose(by="week")
    assert view.table["week"].drop_nulls().n_unique() == 2


def test_attempts_of_a_campaign_are_those_that_another_took_over_too(impressions):
    view = tk.explore.status_funnel(impressions).choose(campaign="FR2026_en_dsk_p1")
    pageviews = view.table["n"].max()
    assert view.choose(unit="attempt").table["n"].max() > 2 * pageviews


def test_readers_without_a_kernel_get_a_chart(impressions, modules):
    for view in (tk.explore.status_funnel(impressions), tk.explore.module_engagement(modules)):
        faces = view._repr_mimebundle_()
        assert {MIME, WIDGET, "image/svg+xml", "text/plain"} <= set(faces)
        assert "0x" not in faces["text/plain"]
    assert live.MIME in tk.explore.status_funnel(impressions)._repr_mimebundle_()


def test_nothing_to_explore_is_said(impressions):
    with pytest.raises(tk.ToolkitError, match="has rows to explore"):
        tk.explore.status_funnel(impressions.rows.head(0))


def test_every_breakdown_of_2022_is_drawn_and_its_code_gives_its_table(sample):
    modules = tk.load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz")
    view = tk.explore.module_engagement(modules)
    for _, by in view._controls["by"].options:
        view.choose(by=by)
        assert view.chart is not None
        assert_frame_equal(by_code(view, modules=modules), view.table)


def test_a_module_that_was_never_shown_says_so_and_the_code_still_gives_its_table(sample):
    modules = tk.load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz")
    view = tk.explore.module_engagement(modules).choose(module="generic")
    assert view.chart is None
    assert "has rows to draw" in view._picture.shown["note"]


def test_a_choice_that_is_none_says_which_there_are(impressions):
    view = tk.explore.status_funnel(impressions)
    with pytest.raises(tk.ToolkitError, match="no choice named 'nation'; this explorer has campaign, country"):
        view.choose(nation="DE")
    with pytest.raises(tk.ToolkitError, match="no country to choose named 'ZZ'; this explorer has None, US"):
        view.choose(country="ZZ")


def test_a_frame_that_lacks_a_column_says_so(impressions):
    with pytest.raises(tk.ToolkitError, match="the explorer needs the column 'anonymous'"):
        tk.explore.status_funnel(impressions.rows.drop("anonymous"))


def test_druid_rows_can_be_explored(sample):
    view = tk.explore.status_funnel(tk.load.impressions(sample / "druid_banner_activity.csv.gz"))
    assert view.choose(unit="attempt", by="device").table.height > 0


@pytest.mark.parametrize("pays", [0.0, 1.0])
def test_rows_of_a_store_stay_there_and_give_what_rows_in_memory_give(impressions, tmp_path, monkeypatch, pays):
    """Whether alike rows are counted first or not."""
    monkeypatch.setattr("toolkit.explore.impression_cells.PAYS", pays)
    stored = tk.load.impressions("data/sample/beacons.tsv.gz", into=tmp_path / "store")
    one, other = tk.explore.status_funnel(impressions), tk.explore.status_funnel(stored)
    for choices in (
        {},
        {"country": "DE"},
        {"unit": "attempt"},
        {"by": "campaign"},
        {"unit": "pageview"},
        {"by": "banner"},
    ):
        one.choose(**choices)
        other.choose(**choices)
        assert_frame_equal(one.table, other.table)
        assert one.code == other.code
    assert tk.explore.change(impressions).table.equals(tk.explore.change(stored).table)
