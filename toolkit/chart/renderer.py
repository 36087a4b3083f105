"""Shows charts without the internet: as Vega-Lite for JupyterLab and shared pages, with a picture for other readers."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from typing import Literal, TypeAlias

import altair as alt
import vl_convert

MIME = "application/vnd.vegalite.v6+json"
"""Not altair's `...v6.json`: notebooks may hold JSON only under a type that ends in `+json`."""

VEGA_LITE = "6.4"
"""What altair 6 writes and vl-convert bundles; the same number stands in `.ci/build_vega.py`."""

SVG_ROWS = 500
"""Charts of more rows are pictured in pixels, because an SVG grows with every mark."""

Bundle: TypeAlias = dict[str, object]
Static: TypeAlias = Literal["svg", "png"] | None

NAME = "toolkit"


def render(spec: dict[str, object], static: Static = "svg") -> tuple[Bundle, Bundle]:
    """A chart's faces by MIME type, and no metadata: what altair asks of a renderer.

    Parameters
    ----------
    spec
        A Vega-Lite specification, as ``chart.to_dict()`` gives it.
    static
        The picture beside the live chart: ``"svg"``, which becomes a PNG above 500 rows of data, ``"png"``, or ``None``
        for no picture.

    Returns
    -------
    tuple of dict
        The Vega-Lite specification with NaN and infinity as null, the picture, and as plain text the chart's
        description or title.

    Examples
    --------
    >>> spec = {"description": "Banners shown by day", "data": {"values": [{"n": 3.0}]}, "mark": "bar", "encoding": {}}
    >>> faces, _ = render(spec, static=None)
    >>> faces["text/plain"]
    'Chart: Banners shown by day'
    """
    spec = {key: _finite(value) for key, value in spec.items()}
    return {MIME: spec, **_picture(spec, static), "text/plain": _text(spec)}, {}


def enable() -> None:
    """Make every altair chart of this session show itself by `render`.

    Examples
    --------
    >>> before = alt.renderers.active
    >>> enable()
    >>> alt.renderers.active
    'toolkit'
    >>> _ = alt.renderers.enable(before)
    """
    if NAME not in alt.renderers.names():  # no entry point: the package is read from a folder, not installed
        alt.renderers.register(NAME, render)
    alt.renderers.enable(NAME)


def mimebundle(chart: alt.TopLevelMixin, static: Static = "svg") -> Bundle:
    """A chart's faces by MIME type, whatever renderer is on.

    Parameters
    ----------
    chart
        Any altair chart.
    static
        As for `render`; ``None`` is much the fastest, for a chart that is drawn anew all the time.

    Returns
    -------
    dict
        What `render` gives for it.

    Examples
    --------
    >>> import polars as pl
    >>> chart = alt.Chart(pl.DataFrame({"n": [1, 2]}), title="Two bars").mark_bar().encode(x="n:O")
    >>> list(mimebundle(chart))
    ['application/vnd.vegalite.v6+json', 'image/svg+xml', 'text/plain']
    """
    faces, _ = render(chart.to_dict(), static)
    return faces


def _finite(value: object) -> object:
    """The same value with null for NaN and infinity, which JSON doesn't have and ipykernel would turn into words."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def _picture(spec: Bundle, static: Static) -> Bundle:
    try:
        match static:
            case None:
                return {}
            case "svg" if _rows(spec) <= SVG_ROWS:
                svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE, allowed_base_urls=[])
                return {"image/svg+xml": svg}
            case _:
                png = vl_convert.vegalite_to_png(spec, vl_version=VEGA_LITE, allowed_base_urls=[])
                return {"image/png": base64.b64encode(png).decode("ascii")}
    except ValueError:
        return {}  # a faulty specification: the browser says in the cell what is wrong with it


def _rows(spec: Bundle) -> int:
    """Rows of all data that the specification holds."""
    datasets = spec.get("datasets")
    rows = sum(map(len, datasets.values())) if isinstance(datasets, dict) else 0
    for part in _parts(spec):
        match part.get("data"):
            case {"values": list() as values}:
                rows += len(values)
    return rows


def _parts(spec: object) -> Iterator[Bundle]:
    """The specification and those within it: layers, rows, columns and facets."""
    if isinstance(spec, dict):
        yield spec
        yield from _parts(spec.get("spec"))
        for name in ("layer", "concat", "hconcat", "vconcat"):
            for part in spec.get(name, []):
                yield from _parts(part)


def _text(spec: Bundle) -> str:
    """One line that is the same in every run, so that stored outputs can be compared."""
    said = [part.get("description") or _title(part.get("title")) for part in _parts(spec)]
    return f"Chart: {next(filter(None, said), 'without a title')}"


def _title(title: object) -> str:
    """A title's words; Vega-Lite takes a text, lines of text, or a table with either under ``text``."""
    match title:
        case {"text": text}:
            return _title(text)
        case list():
            return " ".join(map(str, title))
        case None:
            return ""
        case _:
            return str(title)
