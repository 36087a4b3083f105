"""The explorer of a change: what a hand chooses, what the table says, and the code that gives the same."""

import json
import math

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import toolkit as tk
from toolkit.chart.renderer import MIME
from toolkit.explore.view import WIDGET


@pytest.fixture(scope="module")
def impressions(sample):
    return tk.load.impressions(sample / "beacons.tsv.gz")


def by_code(view, **names):
    """Table that the code shown gives."""
    scope = {"pl": pl, "tk": tk, **names}
    lines, _, draw = view.code.rpartition("\n")
    exec(lines, scope)
    assert eval(draw, scope).to_dict()["title"]
    return scope["change"]


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"by": None},
        {"since": "2026-03-03", "by": "device", "and": "anonymous"},
        {"outcome": "user choice", "unit": "pageview", "by": "country"},
        {"outcome": "loaded", "country": "DE", "by": "device"},
        {"campaign": "Reader_tips_lowprio", "by": "device"},
        {"campaign": "Reader_tips_lowprio", "by": "campaign", "anonymous": False},
        {"campaign": "Reader_tips_lowprio", "unit": "pageview", "by": "country"},
    ],
    ids=str,
)
def test_the_code_of_the_change_gives_its_table(impressions, choices):
    view = tk.explore.change(impressions).choose(**choices)
    assert view.chart is not None
    assert_frame_equal(by_code(view, impressions=impressions), view.table)


def test_the_parts_shown_add_up_to_the_difference(impressions):
    view = tk.explore.change(impressions).choose(by="device", since="2026-03-04")
    assert math.fsum(view.table["contribution"]) == view.table["difference"][0]


def test_the_share_before_and_after_is_that_of_the_funnel(impressions):
    view = tk.explore.change(impressions).choose(unit="pageview", by="device", since="2026-03-05")
    early, late = (
        impressions.rows.filter(tk.keep.period(*days)).pipe(tk.measure.status_funnel).filter(stage="shown")
        for days in (("2026-03-02", "2026-03-04"), ("2026-03-05", "2026-03-07"))
    )
    row = view.table.row(0, named=True)
    assert (row["whole_before"], row["whole_after"]) == pytest.approx((early["share"].item(), late["share"].item()))


def test_attempts_of_a_campaign_are_explained_whoever_took_them_over(impressions):
    """Of page views alone hardly any would be left to explain (T411382)."""
    view = tk.explore.change(impressions).choose(campaign="FR2026_en_dsk_p1", by=None)
    timed = impressions.rows.drop_nulls("dt")
    attempts = timed.pipe(tk.measure.status_funnel, by="campaign", unit="attempt")
    n = attempts.filter(campaign="FR2026_en_dsk_p1", stage="attempted", outcome="reached")["n"].item()
    shown = attempts.filter(campaign="FR2026_en_dsk_p1", stage="shown")["n"].item()
    assert view.table.select(pl.sum_horizontal("n_before", "n_after").sum()).item() == n - shown


def test_only_causes_that_the_rows_have_are_offered(impressions):
    words = [word for word, _ in tk.explore.change(impressions)._controls["outcome"].options]
    assert words[:4] == ["banner shown", "banner loaded", "banner chosen", "campaign passed"]
    assert {"user choice", "frequency cap", "configuration"} < set(words)
    assert "legacy" not in words


def test_a_click_on_a_country_changes_the_parts(impressions):
    view = tk.explore.change(impressions)
    before = view.table
    view._picture._heard(view._picture, {"pick": "DE", "dimension": "country", "more": False}, [])
    assert view.choices["country"] == "DE"
    assert view.table["difference"][0] != before["difference"][0]
    assert 'pl.col("country") == "DE"' in view.code


def test_choices_travel_as_json(impressions):
    view = tk.explore.change(impressions).choose(outcome="user choice", since="2026-03-06", by="device")
    _, text, _ = view._asked("json")
    assert json.loads(text)["since"] == "2026-03-06"
    assert_frame_equal(tk.explore.change(impressions, choices=text).table, view.table)


def test_a_side_without_rows_says_so(impressions):
    view = tk.explore.change(impressions).choose(campaign="Maintenance_2026_03_04")
    assert view.table.is_empty()
    assert "No rows under these choices" in view._picture.shown["note"]


def test_readers_without_a_kernel_get_the_chart(impressions):
    assert {MIME, WIDGET, "image/svg+xml"} <= set(tk.explore.change(impressions)._repr_mimebundle_())


def test_one_day_alone_cannot_be_compared(impressions):
    with pytest.raises(tk.ToolkitError, match="two days"):
        tk.explore.change(impressions.rows.filter(tk.keep.period("2026-03-03", "2026-03-03")))
