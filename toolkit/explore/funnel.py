"""The status funnel under a hand's choices."""

from __future__ import annotations

from functools import cache
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import chart, keep, measure, rates
from toolkit.chart import look
from toolkit.chart.funnel import MEASURES
from toolkit.explore import code
from toolkit.explore.view import View, days, dropdown, menu, narrow, narrowed, rows_of

FILTERS = ("campaign", "country", "device", "anonymous")
BY = ("campaign", "banner", "bucket", "project", "wiki", "uselang", "country", "region", "device", "anonymous", "day")


def status_funnel(source: Any, *, name: str | None = None) -> View:
    """Explore where banners stop: choose campaign, country, device, anonymous, days, unit and a breakdown.

    Parameters
    ----------
    source : Load or pl.DataFrame
        What `load.impressions` gives, or rows of it.
    name : str, optional
        How the code shown calls the source; `impressions` for a load, `rows` for a frame unless given.

    Returns
    -------
    View
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. A page without a kernel shows a chart with
        menus for the same dimensions instead.

    Examples
    --------
    >>> import toolkit as tk
    >>> view = tk.explore.status_funnel(tk.load.impressions("data/sample/beacons.tsv.gz"))
    >>> print(view.choose(country="DE", by="device").code)
    funnel = (
        impressions.rows
        .filter(pl.col("country") == "DE")
        .pipe(tk.measure.status_funnel, by="device")
    )
    tk.chart.status_funnel(funnel)
    """
    rows, called = rows_of(source, name, "impressions", ("dt", *FILTERS))
    slider = days(rows)
    controls: dict[str, widgets.Widget] = {column: dropdown(column, _values(rows, column)) for column in FILTERS}
    if slider is not None:
        controls["days"] = slider
    controls["unit"] = menu("unit", [("page views", "pageview"), ("campaign attempts", "attempt")])
    controls["by"] = dropdown(
        "by",
        [column for column in BY if column == "day" or (column in rows.columns and rows[column].n_unique() > 1)],
        none="nothing",
    )

    @cache
    def tally(unit: measure.Unit, dimensions: tuple[str, ...]) -> pl.DataFrame:
        return measure.tally(rows, by=dimensions, unit=unit)

    def view(choices: dict[str, Any]) -> tuple[pl.DataFrame, str]:
        chosen = {column: choices[column] for column in FILTERS if choices[column] is not None}
        period = narrowed(slider, choices.get("days"))
        by, unit = choices["by"], choices["unit"]
        # an attempt has a campaign of its own: filtering page views by their last campaign would lose those taken over
        apart = unit == "attempt" and "campaign" in chosen
        dimensions = list(dict.fromkeys([*([by] if by else []), *(["campaign"] if apart else [])]))
        needed = {*dimensions, *chosen, *(["day"] if period else [])}
        counted = narrow(tally(unit, tuple(sorted(needed))), chosen)
        if period:
            counted = counted.rename({"day": "dt"}).filter(keep.period(*period)).rename({"dt": "day"})
        table = measure.status_funnel(counted, by=dimensions, unit=unit) if counted.height else pl.DataFrame()
        drop = [column for column in dimensions if column != by]
        return (table.drop(drop) if table.height else table), _code(called, chosen, period, by, unit, apart=apart)

    twin = chart.status_funnel_filters(measure.tally(rows, by=[column for column in FILTERS if column in rows.columns]))
    return View(controls, view, chart.status_funnel, _shown, twin)


def _values(rows: pl.DataFrame, column: str) -> list[Any]:
    """Values of a dimension, most page views first."""
    size = (pl.col("requests") * rates.weight("sample_rate").fill_null(0)).sum()
    sizes = rows.group_by(column).agg(size=size).drop_nulls(column)
    return list(sizes.sort("size", column, descending=[True, False])[column])


def _code(
    called: str, chosen: dict[str, Any], period: tuple[str, str] | None, by: str | None, unit: str, *, apart: bool
) -> str:
    """Lines that give the same table without the explorer."""
    before = {column: value for column, value in chosen.items() if not (apart and column == "campaign")}
    dimensions = list(dict.fromkeys([*([by] if by else []), *(["campaign"] if apart else [])]))
    arguments = [f"by={code.listed(dimensions)}"] if dimensions else []
    arguments += ['unit="attempt"'] if unit == "attempt" else []
    steps = [f".pipe({', '.join(['tk.measure.status_funnel', *arguments])})"]
    if apart:
        kept = "" if by == "campaign" else '.drop("campaign")'
        steps.append(f".filter({code.condition('campaign', chosen['campaign'])}){kept}")
    return code.lines("funnel", called, code.conditions(before, period), steps)


def _shown(table: pl.DataFrame) -> pl.DataFrame:
    """Table with numbers as a reader expects them."""
    by = [name for name in table.columns if name not in MEASURES]

    def between(value: str, low: str, high: str, word: Any) -> pl.Expr:
        def said(row: dict[str, float | None]) -> str:
            if row[value] is None:
                return ""
            if row[low] is None or row[high] is None:
                return str(word(row[value]))
            return f"{word(row[value])} ({word(row[low])} to {word(row[high])})"

        return pl.struct(value, low, high).map_elements(said, return_dtype=pl.String)

    return table.select(
        *(pl.col(name).cast(pl.String) for name in by),
        pl.col("stage").cast(pl.String),
        pl.concat_str("outcome", "status_code", "label", separator=" ", ignore_nulls=True).alias("outcome"),
        pl.col("n").alias("recorded"),
        between("total", "total_low", "total_high", look.count).alias("estimate (interval)"),
        between("share", "share_low", "share_high", look.percent).alias("share (interval)"),
    )
