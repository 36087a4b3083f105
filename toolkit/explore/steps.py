"""Ordered funnels under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import chart, keep, measure
from toolkit.chart import look
from toolkit.chart.drawing import Drawing, Finished
from toolkit.chart.steps import MANY
from toolkit.explore import code
from toolkit.explore.view import Choices, View, days, dropdown, menu, narrow, narrowed, rows_of
from toolkit.load import Load
from toolkit.measure.steps import RESULT

FILTERS = ("module", "platform", "wiki")
BY = ("module", "platform", "wiki", "variant", "mode", "state")
STEPS = ("impression, link-click", "impression, hover-in, link-click", "impression, hover-in, hover-out, link-click")
WITHIN = ("30s", "5m", "30m", "1d", "7d")


def ordered_funnel(source: Any, *, name: str | None = None, choices: Mapping[str, Any] | str | None = None) -> View:
    """Explore ordered funnels: choose steps, unit, longest time, module, platform, wiki, days and a breakdown.

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
    >>> view = tk.explore.ordered_funnel(tk.load.homepage_modules("data/sample/homepage_modules_2019.ndjson.gz"))
    >>> print(view.choose(module="help", within="5m").code)
    funnel = (
        modules.rows
        .filter(pl.col("module") == "help")
        .pipe(tk.measure.ordered_funnel, steps=["impression", "link-click"], within="5m")
    )
    tk.chart.ordered_funnel(funnel)
    """
    rows, called = rows_of(source, name, "modules", ("dt", "action", *FILTERS))
    slider = days(rows)
    actions = set(rows["action"].unique())
    possible = [
        steps for steps in STEPS if {"hover-in", "hover-out"}.isdisjoint(steps.split(", ")) or "hover-in" in actions
    ]
    controls: dict[str, widgets.Widget] = {
        "steps": menu("steps", [(steps.replace(", ", " → "), steps) for steps in possible]),
        "per": menu("unit", [("visit", "visit"), ("user", "user")]),
        "within": dropdown("within", WITHIN, none="any time"),
        **{column: dropdown(column, sorted(rows[column].drop_nulls().unique())) for column in FILTERS},
    }
    if slider is not None:
        controls["days"] = slider
    few = [column for column in BY if column in rows.columns and 1 < rows[column].n_unique() <= MANY]
    controls["by"] = dropdown("by", few, none="nothing")

    def look_at(choices: Choices) -> tuple[pl.DataFrame, str]:
        chosen = {column: choices[column] for column in FILTERS if choices[column] is not None}
        period = narrowed(slider, choices.get("days"))
        kept = narrow(rows, chosen).filter(keep.period(*period)) if period else narrow(rows, chosen)
        steps, per, within, by = (choices[name] for name in ("steps", "per", "within", "by"))
        table = measure.ordered_funnel(kept, steps=steps.split(", "), per=per, within=within, by=by or ())
        step = code.pipe(
            "ordered_funnel",
            steps=code.listed(steps.split(", ")),
            per=None if per == "visit" else code.quoted(per),
            within=within and code.quoted(within),
            by=by and code.quoted(by),
        )
        return table, code.lines("funnel", called, code.conditions(chosen, period), [step], drawn_by="ordered_funnel")

    return View(
        "ordered_funnel",
        controls,
        look=look_at,
        draw=_drawn,
        shown=_shown,
        said=partial(_said, n=rows.height, set_aside=_aside(source)),
        choices=choices,
    )


def _drawn(table: pl.DataFrame) -> Drawing:
    return Finished.of_chart(chart.ordered_funnel(table))


def _aside(source: Any) -> int | None:
    return int(source.account["set_aside"].sum()) if isinstance(source, Load) else None


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


def _shown(table: pl.DataFrame) -> pl.DataFrame:
    """Table with numbers as a reader expects them."""
    by = [name for name in table.columns if name not in RESULT]
    low, high = (pl.col(f"time_median_{side}_s").round(1) for side in ("low", "high"))
    return table.select(
        *(pl.col(name).cast(pl.String) for name in by),
        "step",
        "label",
        pl.col("order").cast(pl.String),
        pl.col("n").alias("units"),
        look.percents("share").alias("of step 1"),
        look.percents("conversion").alias("of the step before"),
        pl.format("{} to {}", low, high).alias("median time [s]"),
    )
