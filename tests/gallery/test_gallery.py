"""All charts on one page: none is missing, each is told in words, and its colours are told apart by every reader."""

import re
from itertools import pairwise

import chart_gallery as gallery
import pytest
import sight
import vl_convert

import toolkit as tk
from toolkit.chart.look import CATEGORIES, GROUPS
from toolkit.chart.renderer import VEGA_LITE, mimebundle

MOST = 7
"""Colours that can be held apart in one chart; grey is none."""

APART = {"chart": 10, "categories": 15, "groups": 13}
"""Distance in CIELAB; what a legend names in one chart is nearer to another than any two of the first seven are."""

NAMES = list(gallery.charts(gallery.Rows()))


@pytest.fixture(scope="module")
def drawn():
    return {name: draw() for name, draw in gallery.charts(gallery.Rows()).items()}


def legend(chart):
    """Colours that the legends of a chart name."""
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=VEGA_LITE, allowed_base_urls=[])
    symbols = re.findall(r'role-legend-symbol"[^>]*>(.*?)</g>', svg, flags=re.DOTALL)
    return list(dict.fromkeys(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', " ".join(symbols))))


def test_every_public_chart_is_in_the_gallery():
    assert {name.partition(",")[0] for name in NAMES} == set(tk.chart.__all__) - gallery.NOT_CHARTS


@pytest.mark.parametrize("name", NAMES)
def test_a_chart_has_a_title_and_is_told_in_words(drawn, name):
    spec = drawn[name].to_dict()
    said = mimebundle(drawn[name], static=None)["text/plain"].removeprefix("Chart: ")
    assert spec["title"]["text"]
    assert said == spec["description"]
    assert said != spec["title"]["text"]
    assert len(said) > 60


@pytest.mark.parametrize("name", NAMES)
def test_a_legend_names_few_colours_that_every_reader_tells_apart(drawn, name):
    colours = legend(drawn[name])
    assert len([colour for colour in colours if not sight.is_grey(colour)]) <= MOST
    if len(colours) > 1:
        assert {seen: sight.nearest(colours, seen) for seen in sight.SIGHTS if _too_near(colours, seen, "chart")} == {}


@pytest.mark.parametrize("seen", sight.SIGHTS)
def test_palettes_are_told_apart(seen):
    """Unexpected and unknown codes have one colour on purpose: neither is in the book."""
    assert not _too_near(CATEGORIES[:MOST], seen, "categories")
    assert not _too_near(list(GROUPS.values()), seen, "groups")


def test_colours_that_readers_take_for_one_another_are_found():
    """Red and green of one lightness, and two blues."""
    red, green = "#c44e52", "#6a8f3c"
    assert sight.nearest([red, green], "full")[0] > 60
    assert _too_near([red, green], "protanopia", "chart") or _too_near([red, green], "deuteranopia", "chart")
    assert _too_near(["#0072b2", "#0a7ab8"], "full", "chart")


def test_a_colour_without_hue_is_seen_alike_by_all():
    for seen in sight.SIGHTS:
        assert sight.lab("#8c8c8c", seen) == pytest.approx(sight.lab("#8c8c8c"), abs=0.5)
    lightness = [sight.lab(grey)[0] for grey in ("#000000", "#777777", "#ffffff")]
    assert lightness == pytest.approx([0, 50, 100], abs=0.5)
    assert all(one < other for one, other in pairwise(lightness))


def _too_near(colours, seen, where):
    return sight.nearest(colours, seen)[0] < APART[where]
