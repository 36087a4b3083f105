"""The status funnel under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import chart, keep, measure
from toolkit.chart import live, look
from toolkit.chart.drawing import Drawing, Finished
from toolkit.chart.funnel import MEASURES, UNITS, drawing
from toolkit.explore import code
from toolkit.explore.impression_cells import FILTERS, ImpressionCells, values
from toolkit.explore.view import DAY, Choices, View, days, dropdown, frame_of, menu, narrowed
from toolkit.load import Load
from toolkit.measure.difference import PERIODS

TIMES = ("hour", "day", "week")
RECORDED = "1 for each recorded"
BEFORE, LARGEST = "before", "largest"

Span = tuple[str, str]


def status_funnel(source: Any, *, name: str | None = None, choices: Mapping[str, Any] | str | None = None) -> View:
    """Explore where banners stop: choose campaign, country, device, anonymous, days, unit, weight, a breakdown.

    Parameters
    ----------
    source : Load, pl.DataFrame or pl.LazyFrame
        What `load.impressions` gives, or rows of it; of a store, each tally reads the columns that it needs.
    name : str, optional
        How the code shown calls the source; `impressions` for a load, `rows` for a frame unless given.
    choices : dict or str, optional
        Choices to start with: those of another view, or the text of its download as JSON.

    Returns
    -------
    View
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. Bars beside the chart choose when they are
        clicked. In a shared page the same view computes itself.

    Notes
    -----
    A campaign that is chosen has its own funnel, with what other campaigns took over from it in `taken_over` and
    `note`; the code shown measures by campaign first and filters then, for the same reason.

    `compare` has two choices. `before`: the days chosen with as many just before; where all days are chosen, their
    second half with the first. `largest`: the values of `by` with the one that has most units.

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
    rows, called = frame_of(source, name, "impressions", ("dt", *FILTERS))
    cells = ImpressionCells(rows)
    slider = days(cells.alike)
    weeks = cells.alike["dt"].dt.truncate("1w").drop_nulls().n_unique()
    by = [*cells.varying, *(TIMES if weeks > 1 else TIMES[:-1])]
    controls: dict[str, widgets.Widget] = {column: dropdown(column, values(cells.alike, column)) for column in FILTERS}
    if slider is not None:
        controls["days"] = slider
    controls["unit"] = menu("unit", [("page views", "pageview"), ("campaign attempts", "attempt")])
    controls["weight"] = menu("weight", [("1 / sample rate", "rate"), ("none, as recorded", "recorded")])
    controls["by"] = dropdown("by", by, none="nothing")
    comparisons = [("nothing", None), ("the days before", BEFORE), ("the largest", LARGEST)]
    controls["compare"] = menu("compare with", comparisons if slider is not None else comparisons[::2])

    def look_at(choices: Choices) -> tuple[pl.DataFrame, str]:
        return _looked(cells, _Asked(choices, slider), called)

    def linked(choices: Choices) -> Drawing:
        asked = _Asked(choices, slider)
        return cells.linked(
            asked.chosen, unit=asked.unit, days=asked.days, with_days=slider is not None, recorded=asked.recorded
        )

    set_aside = int(source.account["set_aside"].sum()) if isinstance(source, Load) else None
    n_loaded = int(cells.alike["requests"].sum())

    def twin(choices: Choices, table: pl.DataFrame) -> dict[str, object]:
        """The same view for a page, which computes it itself."""
        face = live.funnel_face(
            cells.tally,
            filters=FILTERS,
            by=[name for name in by if name not in TIMES and (name in FILTERS or cells.n_rows <= live.FEW)] + ["day"],
            choices=choices,
            table=table,
            called=called,
            n=n_loaded,
            set_aside=set_aside,
            with_attempts={*live.WAY} <= {*cells.columns},
        )
        return {live.MIME: face}

    return View(
        "status_funnel",
        controls,
        look=look_at,
        draw=_drawn,
        shown=_shown,
        said=partial(_said, n=n_loaded, set_aside=set_aside),
        linked=linked,
        twin=twin,
        choices=choices,
    )


class _Asked:
    """What the choices of a hand ask for."""

    def __init__(self, choices: Choices, slider: widgets.SelectionRangeSlider | None) -> None:
        self.choices = choices
        self.unit: measure.Unit = choices["unit"]
        self.campaign = choices["campaign"]
        self.chosen = {column: choices[column] for column in FILTERS if choices[column] is not None}
        self.recorded = choices["weight"] == "recorded"
        self.compare = choices["compare"]
        self.by = choices["by"]
        self.days: Span | None = narrowed(slider, choices.get("days"))
        self.spans: tuple[Span, Span] | None = None
        if self.compare == BEFORE and slider is not None:
            self.spans = _spans(self.days, [value for _, value in slider.options])
            self.days = self.spans[0][0], self.spans[1][1]
            self.by = None if self.by in TIMES else self.by  # a moment has no other one before
        elif self.compare == LARGEST and self.by in {None, *TIMES}:
            self.compare = None

    @property
    def dimensions(self) -> list[str]:
        """What the funnel is measured by: a campaign that is chosen too, so that it says what was taken over."""
        names = [*([self.by] if self.by else []), *(["campaign"] if self.campaign is not None else [])]
        return list(dict.fromkeys(names))


def _spans(days: Span | None, every: list[str]) -> tuple[Span, Span]:
    """Period to compare with and the period chosen, of the same length; of all days the second half."""
    first, last = (date.fromisoformat(day) for day in days or (every[-(len(every) // 2)], every[-1]))
    length = last - first + timedelta(days=1)
    before = first - length, first - timedelta(days=1)
    return (before[0].strftime(DAY), before[1].strftime(DAY)), (first.strftime(DAY), last.strftime(DAY))


def _period(spans: tuple[Span, Span]) -> pl.Expr:
    now, before = PERIODS
    return pl.when(keep.period(*spans[1])).then(pl.lit(now)).otherwise(pl.lit(before)).alias("period")


def _looked(cells: ImpressionCells, asked: _Asked, called: str) -> tuple[pl.DataFrame, str]:
    """Table of the measure, and the code that gives it."""
    names = asked.dimensions
    found = cells.of(names, unit=asked.unit, chosen=asked.chosen, days=asked.days, taken_over=True)
    if asked.recorded:
        found = found.with_columns(sample_rate=pl.lit(1.0))
    if asked.spans:
        found = found.with_columns(_period(asked.spans))
    if found.is_empty():
        return pl.DataFrame(), _code(asked, called, None)
    funnel = measure.status_funnel(found, by=[*names, *(["period"] if asked.spans else [])], unit=asked.unit)
    funnel = funnel.with_columns(
        pl.col(column).cast(pl.String) for column in names if funnel.schema[column] == pl.Categorical
    )
    if asked.recorded:
        funnel = funnel.with_columns(weight=pl.lit(RECORDED))
    if asked.campaign is not None:
        funnel = funnel.filter(pl.col("campaign") == asked.campaign)
        funnel = funnel if asked.by == "campaign" else funnel.drop("campaign")
    baseline = _baseline(funnel, asked)
    text = _code(asked, called, baseline)
    if asked.compare == BEFORE:
        both = {*PERIODS} <= {*funnel["period"]}
        return (measure.difference(funnel, by="period", baseline=PERIODS[1]) if both else funnel.clear()), text
    if asked.compare == LARGEST:
        return measure.difference(funnel, by=asked.by, baseline=baseline), text
    return funnel, text


def _baseline(funnel: pl.DataFrame, asked: _Asked) -> Any:
    """Value of the breakdown with most units."""
    if asked.compare != LARGEST or funnel.is_empty():
        return None
    sizes = funnel.filter(outcome="reached", stage="attempted").sort("total", asked.by, descending=[True, False])
    return sizes[asked.by][0]


def _code(asked: _Asked, called: str, baseline: Any) -> str:
    """Lines that give the same table without the explorer."""
    apart, names = asked.campaign is not None, asked.dimensions
    conditions = {column: value for column, value in asked.chosen.items() if column != "campaign"}
    unit = code.quoted("attempt") if asked.unit == "attempt" else None
    before = [".with_columns(sample_rate=1.0)"] if asked.recorded else []
    after = [f".with_columns(weight=pl.lit({code.quoted(RECORDED)}))"] if asked.recorded else []
    if apart:
        kept = "" if asked.by == "campaign" else '.drop("campaign")'
        after.append(f".filter({code.condition('campaign', asked.campaign)}){kept}")
    days = asked.days
    if asked.compare == BEFORE and asked.spans:
        end = date.fromisoformat(asked.spans[1][1]) + timedelta(days=1)
        if not apart and not asked.recorded:
            period = f'("{asked.spans[1][0]}", "{end:{DAY}}")'
            step = code.pipe("status_change", period=period, by=code.listed(names) if names else None, unit=unit)
            return code.lines("change", called, code.conditions(conditions, None), [step], drawn_by="difference")
        now, then = (code.quoted(period) for period in PERIODS)
        period = f"pl.when({code.during(asked.spans[1])}).then(pl.lit({now})).otherwise(pl.lit({then}))"
        before.append(f".with_columns(period={period})")
        names = [*names, "period"]
        after.append(code.pipe("difference", by=code.quoted("period"), baseline=then))
    elif asked.compare == LARGEST:
        after.append(code.pipe("difference", by=code.quoted(asked.by), baseline=code.literal(baseline)))
    measured = code.pipe("status_funnel", by=code.listed(names) if names else None, unit=unit)
    noun, drawn_by = ("change", "difference") if asked.compare else ("funnel", None)
    steps = [*before, measured, *after]
    return code.lines(noun, called, code.conditions(conditions, days), steps, drawn_by=drawn_by)


def _drawn(table: pl.DataFrame) -> Drawing:
    return Finished.of_chart(chart.difference(table)) if "difference" in table.columns else drawing(table)


def _said(choices: Choices, table: pl.DataFrame, *, n: int, set_aside: int | None) -> str:
    """Unit, weight, filters and rows of the present view in one line, and what is to be minded."""
    filters = [f"{name} {value}" for name, value in choices.items() if name in FILTERS and value is not None]
    aside = [] if set_aside is None else [f"{look.count(set_aside)} rows of the files set aside"]
    recorded = []
    if "total" in table.columns:
        attempted = table.filter(outcome="reached", stage="attempted")
        recorded = [f"{look.count(attempted['n'].sum())} recorded, of {look.count(n)} page views loaded"]
    notes = table["note"].drop_nulls().unique().to_list()
    return "; ".join(
        [
            f"unit: {UNITS[table['unit'][0]]}, weight {table['weight'][0]}, {look.intervals(table['level'][0])}",
            f"filters: {', '.join(filters) or 'none'}",
            *recorded,
            *aside,
            *(notes if len(notes) == 1 else []),
        ]
    )


def _shown(table: pl.DataFrame) -> pl.DataFrame:
    """Table with numbers as a reader expects them."""
    outcome = pl.concat_str("outcome", "status_code", "label", separator=" ", ignore_nulls=True).alias("outcome")
    stage = pl.col("stage").cast(pl.String)
    if "difference" in table.columns:
        by = [name for name in table.columns[: table.columns.index("baseline")] if name != "period"]
        return table.select(
            *(pl.col(name).cast(pl.String) for name in by),
            stage,
            outcome,
            look.percents("estimate").alias("share"),
            look.percents("estimate_baseline").alias(f"share of {_baseline_word(table)}"),
            _between("difference", "difference_low", "difference_high", _points).alias("difference (interval)"),
            pl.col("p_adjusted").round(4).alias("p, adjusted"),
        )
    by = [name for name in table.columns if name not in MEASURES]
    taken_over = [look.percents("taken_over").alias("taken over by others")] if "campaign" in by else []
    return table.select(
        *(pl.col(name).cast(pl.String) for name in by),
        stage,
        outcome,
        pl.col("n").alias("recorded"),
        _between("total", "total_low", "total_high", look.count).alias("estimate (interval)"),
        _between("share", "share_low", "share_high", look.percent).alias("share (interval)"),
        *(taken_over if table["taken_over"].is_not_null().any() else []),
    )


def _baseline_word(table: pl.DataFrame) -> str:
    baseline = table["baseline"][0]
    return "no value" if baseline is None else str(baseline)


def _points(value: float) -> str:
    return f"{value * 100:+.1f} points"


def _between(value: str, low: str, high: str, word: Any) -> pl.Expr:
    """Number in words with its interval."""

    def said(row: dict[str, float | None]) -> str:
        if row[value] is None:
            return ""
        if row[low] is None or row[high] is None:
            return str(word(row[value]))
        return f"{word(row[value])} ({word(row[low])} to {word(row[high])})"

    return pl.struct(value, low, high).map_elements(said, return_dtype=pl.String)
