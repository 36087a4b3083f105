"""Module engagement under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import keep
from toolkit.chart import look
from toolkit.chart.drawing import Drawing
from toolkit.chart.engagement import MANY, MEASURES, drawing
from toolkit.chart.linked import linked_bars
from toolkit.explore import code
from toolkit.explore.engagement_cells import FILTERS, Cells
from toolkit.explore.view import Choices, View, days, dropdown, narrowed, rows_of
from toolkit.load import Load

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
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. Bars beside the chart choose when they are
        clicked. A page without a kernel shows the chart.

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
    by = [column for column in BY if column in rows.columns and 1 < rows[column].drop_nulls().n_unique() <= MANY]
    controls["by"] = dropdown("by", by, none="nothing")
    cells = Cells.of(rows, by)

    def kept(choices: Choices, *, without: str = "") -> list[pl.Expr]:
        """Conditions on rows; `without` one of the choices."""
        chosen = [pl.col(name) == choices[name] for name in FILTERS if choices[name] is not None and name != without]
        period = narrowed(slider, choices.get("days")) if without != "days" else None
        return [*chosen, *([keep.period(*period)] if period else [])]

    def look_at(choices: Choices) -> tuple[pl.DataFrame, str]:
        chosen = {column: choices[column] for column in FILTERS if choices[column] is not None}
        by = [choices["by"]] if choices["by"] else []
        return cells.where(kept(choices)).engagement(by), _code(
            called, chosen, narrowed(slider, choices.get("days")), by
        )

    def linked(choices: Choices) -> Drawing:
        columns = {name: name for name in FILTERS} | ({"days": "dt"} if slider is not None else {})
        totals = {name: cells.visits_with(column, kept(choices, without=name)) for name, column in columns.items()}
        return linked_bars(totals, choices, "visits with an impression")

    set_aside = int(source.account["set_aside"].sum()) if isinstance(source, Load) else None
    return View(
        "module_engagement",
        controls,
        look=look_at,
        draw=drawing,
        shown=_shown,
        said=partial(_said, n=rows.height, set_aside=set_aside),
        linked=linked,
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


def _code(called: str, chosen: dict[str, Any], period: tuple[str, str] | None, by: list[str]) -> str:
    step = f".pipe(tk.measure.module_engagement{', by=' + code.listed(by) if by else ''})"
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
