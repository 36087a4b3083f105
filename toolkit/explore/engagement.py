"""Module engagement under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import chart, keep, measure
from toolkit.chart import look
from toolkit.chart.drawing import Finished
from toolkit.chart.engagement import MANY, MEASURES
from toolkit.explore import code
from toolkit.explore.view import Choices, View, days, dropdown, narrow, narrowed, rows_of
from toolkit.load import Load

FILTERS = ("module", "platform", "state", "wiki")
BY = ("platform", "state", "mode", "wiki", "variant")


def module_engagement(source: Any, *, name: str | None = None, choices: Mapping[str, Any] | str | None = None) -> View:
    """Explore which modules are used: choose module, platform, state, wiki, days and a breakdown.

    Parameters
    ----------
    source : Load or pl.DataFrame
        What `load.homepage_modules` gives, or rows of it.
    name : str, optional
        How the code shown calls the source; `modules` for a load, `rows` for a frame unless given.
    choices : dict or str, optional
        Choices to start with: those of another view, or the text of its download as JSON.

    Returns
    -------
    View
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. A page without a kernel shows the chart.

    Examples
    --------
    >>> import toolkit as tk
    >>> view = tk.explore.module_engagement(tk.load.homepage_modules("data/sample/homepage_modules_2019.ndjson.gz"))
    >>> print(view.choose(platform="desktop").code)
    engagement = (
        modules.rows
        .filter(pl.col("platform") == "desktop")
        .pipe(tk.measure.module_engagement)
    )
    tk.chart.module_engagement(engagement)
    """
    rows, called = rows_of(source, name, "modules", ("dt", *FILTERS))
    slider = days(rows)
    controls: dict[str, widgets.Widget] = {
        column: dropdown(column, sorted(rows[column].drop_nulls().unique())) for column in FILTERS
    }
    if slider is not None:
        controls["days"] = slider
    controls["by"] = dropdown(
        "by",
        [column for column in BY if column in rows.columns and 1 < rows[column].drop_nulls().n_unique() <= MANY],
        none="nothing",
    )

    def view(choices: dict[str, Any]) -> tuple[pl.DataFrame, str]:
        chosen = {column: choices[column] for column in FILTERS if choices[column] is not None}
        period = narrowed(slider, choices.get("days"))
        by = choices["by"]
        kept = narrow(rows, chosen)
        if period:
            kept = kept.filter(keep.period(*period))
        table = measure.module_engagement(kept, by=by or ())
        return table, _code(called, chosen, period, by)

    set_aside = int(source.account["set_aside"].sum()) if isinstance(source, Load) else None
    return View(
        "module_engagement",
        controls,
        look=view,
        draw=lambda table: Finished.of_chart(chart.module_engagement(table)),
        shown=_shown,
        said=partial(_said, n=rows.height, set_aside=set_aside),
        choices=choices,
    )


def _said(choices: Choices, table: pl.DataFrame, *, n: int, set_aside: int | None) -> str:
    """Unit, weight, filters and rows of the present view in one line."""
    filters = [f"{name} {value}" for name, value in choices.items() if name in FILTERS and value is not None]
    aside = [] if set_aside is None else [f"{look.count(set_aside)} rows of the files set aside"]
    return "; ".join(
        [
            f"unit: {table['unit'][0]}, weight {table['weight'][0]}, {look.intervals(table['level'][0])}",
            f"filters: {', '.join(filters) or 'none'}",
            f"{look.count(n)} events loaded",
            *aside,
        ]
    )


def _code(called: str, chosen: dict[str, Any], period: tuple[str, str] | None, by: str | None) -> str:
    step = f".pipe(tk.measure.module_engagement{', by=' + code.listed([by]) if by else ''})"
    return code.lines("engagement", called, code.conditions(chosen, period), [step])


def _shown(table: pl.DataFrame) -> pl.DataFrame:
    """Table with numbers as a reader expects them."""
    by = [name for name in table.columns if name not in MEASURES]

    def said(row: dict[str, float | None]) -> str:
        share, low, high = (row[part] for part in ("share", "share_low", "share_high"))
        return (
            ""
            if share is None or low is None or high is None
            else f"{look.percent(share)} ({look.percent(low)} to {look.percent(high)})"
        )

    def between(length: str) -> pl.Expr:
        low, high = (pl.col(f"dwell_{length}_{side}_s").round(1) for side in ("low", "high"))
        return pl.format("{} to {}", low, high)

    return table.select(
        "module",
        *(pl.col(name).cast(pl.String) for name in by),
        pl.col("visits").alias("visits with an impression"),
        pl.col("visits_clicked").alias("with a click"),
        pl.struct("share", "share_low", "share_high")
        .map_elements(said, return_dtype=pl.String)
        .alias("share (interval)"),
        pl.col("pairs").alias("hovers"),
        between("median").alias("median hover [s]"),
        between("p90").alias("90th percentile [s]"),
    )
