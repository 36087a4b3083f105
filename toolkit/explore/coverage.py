"""The ledger of module events and visits under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from toolkit import chart, measure
from toolkit.chart import look
from toolkit.chart.coverage import MANY, TIMES
from toolkit.chart.drawing import Drawing, Finished
from toolkit.explore import code
from toolkit.explore.view import Choices, View, dropdown, rows_of
from toolkit.measure.coverage import RESULT

BY = ("platform", "wiki", "variant", "referer_route")


def coverage(
    modules: Any,
    visits: Any,
    *,
    names: tuple[str, str] = ("modules", "visits"),
    choices: Mapping[str, Any] | str | None = None,
) -> View:
    """Explore which visits have module events: choose a wiki, a breakdown, and hours, days or weeks.

    Parameters
    ----------
    modules, visits : Load or pl.DataFrame
        What `load.homepage_modules` and `load.homepage_visits` give with the same key, or rows of them.
    names : tuple of str
        How the code shown calls the two.
    choices : dict or str, optional
        Choices to start with: those of another view, or the text of its download as JSON.

    Returns
    -------
    View
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. A page without a kernel shows the chart.

    Notes
    -----
    Of days only whole periods are shown, none is cut out: a visit shortly before midnight has its events on both days.

    Examples
    --------
    >>> import toolkit as tk
    >>> modules = tk.load.homepage_modules("data/sample/homepage_modules_2019.ndjson.gz", key="demo")
    >>> visits = tk.load.homepage_visits("data/sample/homepage_visits_2019.ndjson.gz", key="demo")
    >>> print(tk.explore.coverage(modules, visits).choose(by="platform", time="week").code)
    coverage = tk.measure.coverage(modules.rows, visits.rows, by=["platform", "week"])
    tk.chart.coverage(coverage)
    """
    events, events_called = rows_of(modules, names[0], names[0], ("dt", "ms", "wiki", "user", "visit", "platform"))
    pages, pages_called = rows_of(visits, names[1], names[1], ("dt", "ms", "wiki", "user", "visit", "is_mobile"))
    wikis = sorted(pages["wiki"].drop_nulls().unique())
    controls = {
        "wiki": dropdown("wiki", wikis),
        "by": dropdown("by", [name for name in BY if _values(name, events, pages)], none="nothing"),
        "time": dropdown("time", TIMES, none="the whole period"),
    }

    def look_at(choices: Choices) -> tuple[pl.DataFrame, str]:
        wiki, by = choices["wiki"], [choices[name] for name in ("by", "time") if choices[name]]
        here = [frame.filter(pl.col("wiki") == wiki) if wiki else frame for frame in (events, pages)]
        cut = f".filter({code.condition('wiki', wiki)})" if wiki else ""
        listed = code.listed(by) if by else "()"
        call = f"{events_called}{cut}, {pages_called}{cut}, by={listed}"
        lines = [f"coverage = tk.measure.coverage({call})", "tk.chart.coverage(coverage)"]
        return measure.coverage(here[0], here[1], by=by), "\n".join(lines)

    return View("coverage", controls, look=look_at, draw=_drawn, shown=_shown, said=_said, choices=choices)


def _drawn(table: pl.DataFrame) -> Drawing:
    return Finished.of_chart(chart.coverage(table))


def _values(name: str, events: pl.DataFrame, pages: pl.DataFrame) -> bool:
    """Whether a dimension splits the visits into a few groups."""
    frame = events if name in {"platform", "variant"} else pages
    return name in frame.columns and 1 < frame[name].n_unique() <= MANY


def _said(choices: Choices, table: pl.DataFrame) -> str:
    """Unit, weight, filters and rows of the present view in one line."""
    return "; ".join(
        [
            f"unit: {table['unit'][0]}, weight {table['weight'][0]}, {look.intervals(table['level'][0])}",
            f"filters: {'wiki ' + choices['wiki'] if choices['wiki'] else 'none'}",
            f"{look.count(table['n'].sum())} visits known from either table",
        ]
    )


def _shown(table: pl.DataFrame) -> pl.DataFrame:
    """Table with numbers as a reader expects them."""
    by = [name for name in table.columns if name not in RESULT]
    return table.select(
        *(look.named(name, table.schema[name]).alias(name) for name in by),
        "visits",
        pl.col("with_events").alias("with module events"),
        pl.format("{} ({} to {})", *(look.percents(name) for name in ("share", "share_low", "share_high"))).alias(
            "share (interval)"
        ),
        pl.col("without_events").alias("without"),
        pl.col("redirects").alias("of these redirects"),
        pl.col("events_only").alias("module events alone"),
        "note",
    )
