"""The status funnel under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import chart, keep, measure, rates
from toolkit.chart import look
from toolkit.chart.drawing import Drawing
from toolkit.chart.funnel import MEASURES, UNITS, drawing
from toolkit.chart.linked import linked_bars
from toolkit.explore import code
from toolkit.explore.view import Choices, View, days, dropdown, menu, narrow, narrowed, rows_of
from toolkit.load import Load

FILTERS = ("campaign", "country", "device", "anonymous")
BY = ("campaign", "banner", "bucket", "project", "wiki", "uselang", "country", "region", "device", "anonymous", "day")


def status_funnel(source: Any, *, name: str | None = None, choices: Mapping[str, Any] | str | None = None) -> View:
    """Explore where banners stop: choose campaign, country, device, anonymous, days, unit and a breakdown.

    Parameters
    ----------
    source : Load or pl.DataFrame
        What `load.impressions` gives, or rows of it.
    name : str, optional
        How the code shown calls the source; `impressions` for a load, `rows` for a frame unless given.
    choices : dict or str, optional
        Choices to start with: those of another view, or the text of its download as JSON.

    Returns
    -------
    View
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. Bars beside the chart choose when they are
        clicked. A page without a kernel shows a chart with menus for the same dimensions instead.

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
    by = [column for column in BY if column == "day" or (column in rows.columns and rows[column].n_unique() > 1)]
    controls: dict[str, widgets.Widget] = {column: dropdown(column, _values(rows, column)) for column in FILTERS}
    if slider is not None:
        controls["days"] = slider
    controls["unit"] = menu("unit", [("page views", "pageview"), ("campaign attempts", "attempt")])
    controls["by"] = dropdown("by", by, none="nothing")
    compact = rows.with_columns(
        pl.col(column).cast(pl.Categorical) for column in by if rows.schema.get(column) == pl.String
    )

    @cache
    def tally(unit: measure.Unit, dimensions: tuple[str, ...]) -> pl.DataFrame:
        """Counts that hold these dimensions and those of all controls, so that most choices share one tally."""
        return measure.tally(compact, by=dimensions, unit=unit)

    def counted(choices: Choices, *, apart: bool, without: str = "") -> pl.DataFrame:
        """Chosen part of the tally; `without` one of the choices."""
        chosen = {column: choices[column] for column in FILTERS if choices[column] is not None and column != without}
        # an attempt has a campaign of its own: filtering page views by their last campaign would lose those taken over
        campaign = ["campaign"] if choices["unit"] == "pageview" or apart or choices["by"] == "campaign" else []
        more = [choices["by"]] if choices["by"] not in {None, "campaign", *FILTERS} else []
        dimensions = [*campaign, *(column for column in FILTERS if column != "campaign"), "day", *more]
        found = narrow(tally(choices["unit"], tuple(sorted({*dimensions}))), chosen)
        period = narrowed(slider, choices.get("days")) if without != "days" else None
        return found.rename({"day": "dt"}).filter(keep.period(*period)).rename({"dt": "day"}) if period else found

    def is_apart(choices: Choices) -> bool:
        return choices["unit"] == "attempt" and choices["campaign"] is not None

    def look_at(choices: Choices) -> tuple[pl.DataFrame, str]:
        by, unit, apart = choices["by"], choices["unit"], is_apart(choices)
        dimensions = list(dict.fromkeys([*([by] if by else []), *(["campaign"] if apart else [])]))
        cells = counted(choices, apart=apart)
        table = measure.status_funnel(cells, by=dimensions, unit=unit) if cells.height else pl.DataFrame()
        texts = [pl.col(column).cast(pl.String) for column in dimensions if table.schema.get(column) == pl.Categorical]
        drop = [column for column in dimensions if column != by]
        chosen = {column: choices[column] for column in FILTERS if choices[column] is not None}
        code = _code(called, chosen, narrowed(slider, choices.get("days")), by, unit, apart=apart)
        return (table.with_columns(texts).drop(drop) if table.height else table), code

    def linked(choices: Choices) -> Drawing:
        totals = {}
        for column in (*FILTERS, *(["days"] if slider is not None else [])):
            cells = counted(choices, apart=True, without=column)
            value = pl.col("day" if column == "days" else column)
            sums = cells.group_by(value=value).agg(total=(pl.col("n") / pl.col("sample_rate")).sum())
            totals[column] = (
                sums.with_columns(pl.col("value").cast(pl.String)) if sums.schema["value"] == pl.Categorical else sums
            )
        return linked_bars(totals, choices, UNITS[choices["unit"]])

    twin = chart.status_funnel_filters(measure.tally(rows, by=[column for column in FILTERS if column in rows.columns]))
    set_aside = int(source.account["set_aside"].sum()) if isinstance(source, Load) else None
    return View(
        "status_funnel",
        controls,
        look=look_at,
        draw=drawing,
        shown=_shown,
        said=partial(_said, n=int(rows["requests"].sum()), set_aside=set_aside),
        linked=linked,
        twin=twin,
        choices=choices,
    )


def _said(choices: Choices, table: pl.DataFrame, *, n: int, set_aside: int | None) -> str:
    """Unit, weight, filters and rows of the present view in one line."""
    attempted = table.filter(outcome="reached", stage="attempted")
    filters = [f"{name} {value}" for name, value in choices.items() if name in FILTERS and value is not None]
    aside = [] if set_aside is None else [f"{look.count(set_aside)} rows of the files set aside"]
    return "; ".join(
        [
            f"unit: {UNITS[table['unit'][0]]}, weight {table['weight'][0]}, {look.intervals(table['level'][0])}",
            f"filters: {', '.join(filters) or 'none'}",
            f"{look.count(attempted['n'].sum())} recorded, of {look.count(n)} page views loaded",
            *aside,
        ]
    )


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
