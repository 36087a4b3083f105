"""What a chart gives to those who show it."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import altair as alt
import polars as pl
import pytest

from toolkit.chart import renderer
from toolkit.chart.renderer import MIME, SVG_ROWS, enable, mimebundle, render

ROOT = Path(__file__).parents[2]


def bars(n: list[float], **properties: object) -> alt.Chart:
    """A bar for each number."""
    return alt.Chart(pl.DataFrame({"n": n})).mark_bar().encode(x="n:O").properties(**properties)


def test_a_chart_is_live_and_a_picture_and_a_line_of_text():
    """Each reader finds a face to show."""
    bundle = mimebundle(bars([1, 2], title="Two"))

    assert bundle[MIME]["mark"] == {"type": "bar"}
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == "Chart: Two"


def test_numbers_that_json_lacks_become_null():
    """NaN and infinity would become words on the way to the browser."""
    bundle = mimebundle(bars([1.5, float("nan"), float("inf")]))
    [rows] = bundle[MIME]["datasets"].values()

    assert rows == [{"n": 1.5}, {"n": None}, {"n": None}]
    json.dumps(bundle, allow_nan=False)


@pytest.mark.parametrize(("rows", "picture"), [(SVG_ROWS, "image/svg+xml"), (SVG_ROWS + 1, "image/png")])
def test_a_chart_of_many_rows_is_pictured_in_pixels(rows, picture):
    """An SVG grows with every row, and notebooks with it."""
    assert list(mimebundle(bars([1] * rows))) == [MIME, picture, "text/plain"]


def test_rows_are_counted_within_layers_and_where_they_are_written_in_place():
    """Altair puts data in three places."""
    half = {"data": {"values": [{"n": 1}] * SVG_ROWS}, "mark": "bar", "encoding": {"x": {"field": "n"}}}

    bundle, _ = render({"hconcat": [half, half]})

    assert "image/png" in bundle


def test_the_picture_is_what_was_asked_for():
    """PNG for readers that draw no SVG, none for the smallest notebook."""
    spec = bars([1]).to_dict()
    png, _ = render(spec, static="png")
    none, _ = render(spec, static=None)

    assert base64.b64decode(png["image/png"]).startswith(b"\x89PNG")
    assert list(none) == [MIME, "text/plain"]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"description": "a description", "title": "a title"}, "Chart: a description"),
        ({"title": ["two", "lines"]}, "Chart: two lines"),
        ({"title": {"text": "a title", "subtitle": "more"}}, "Chart: a title"),
        ({"layer": [{"mark": "bar"}, {"title": "of a layer"}]}, "Chart: of a layer"),
        ({"mark": "bar"}, "Chart: without a title"),
    ],
)
def test_the_text_is_the_same_in_every_run(spec, text):
    """Stored outputs are compared, so no addresses."""
    bundle, _ = render(spec, static=None)

    assert bundle["text/plain"] == text


def test_a_faulty_chart_is_still_given_to_the_browser():
    """The browser says in the cell what is wrong; a traceback of the picture's maker would not."""
    bundle, _ = render({"mark": "spiral"})

    assert list(bundle) == [MIME, "text/plain"]


def test_data_is_never_fetched():
    """A chart that names an address gets no picture, rather than a request."""
    bundle, _ = render({"data": {"url": "https://example.org/a.csv"}, "mark": "bar", "encoding": {}})

    assert list(bundle) == [MIME, "text/plain"]


@pytest.fixture
def as_before():
    """Leave altair's renderer as it was."""
    before = alt.renderers.active
    yield
    alt.renderers.enable(before)


@pytest.mark.usefixtures("as_before")
def test_charts_show_themselves_once_it_is_enabled():
    """Enabling twice is enabling once."""
    enable()
    enable()
    bundle, metadata = bars([1])._repr_mimebundle_()

    assert (list(bundle), metadata) == ([MIME, "image/svg+xml", "text/plain"], {})


def test_altair_finds_it_by_name():
    """`alt.renderers.enable("toolkit", static=None)` works for those who want no picture."""
    [entry] = entry_points(group="altair.vegalite.v6.renderer", name="toolkit")

    assert entry.load() is renderer.render


def test_the_renderer_in_the_browser_is_of_this_version():
    """JupyterLab reports the version in package.json, pip the one in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = json.loads((ROOT / "toolkit/labextension/package.json").read_text(encoding="utf-8"))

    assert (package["name"], package["version"]) == (project["name"], project["version"])


def test_picture_and_browser_draw_by_the_same_vega_lite():
    """The build hook can't import the package, so the number stands in two files; altair writes it in its charts."""
    hook = (ROOT / ".ci/build_vega.py").read_text(encoding="utf-8")

    assert re.findall(r'VEGA_LITE = "(.+)"', hook) == [renderer.VEGA_LITE]
    assert alt.SCHEMA_VERSION.startswith(f"v{renderer.VEGA_LITE}.")
