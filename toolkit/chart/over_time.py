"""The status funnel over time drawn: one small chart below the other, with grey where a code did not exist yet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any, Literal

import altair as alt
import polars as pl

from toolkit import decode, reference
from toolkit.chart import look
from toolkit.measure.over_time import LENGTHS, breaks

NEEDED = (
    "period", "every", "unit", "weight", "stage", "outcome", "status_code", "label", "group", "n", "total", "share",
    "share_low", "share_high", "conversion", "conversion_low", "conversion_high", "level", "presence", "possible",
    "timeless",
)  # fmt: skip
UNITS = {"pageview": "page views", "attempt": "campaign attempts"}
WIDE, HIGH, OVERVIEW = 620, 58, 34
NAMES = 190  # of the width, for names behind the lines
FEW, POINTS = 14, 45  # periods up to which intervals are lines and not bands, and up to which points are drawn
SERIES = 6  # values of a dimension whose lines can be told apart
GREY = "#c9c9c9"
ODD = ["unknown", "unexpected", decode.AMBIGUOUS]


def status_over_time(table: pl.DataFrame, *, value: Literal["share", "conversion"] = "share", most: int = 6) -> Any:
    """Draw shares over time: banners shown, and each of the codes that stop most of the others.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.status_over_time` gives; with dimensions, a line for each of the combinations with most units.
    value : {"share", "conversion"}
        Of all attempted; or of those who came that far, then for each stage.
    most : int
        Codes to draw, those with most units; codes that nobody knows or expects are always among them.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with. Lines are estimates, bands or thin lines their intervals. Where nothing was recorded the
        line is interrupted; where a code did not exist yet it is grey; dashed lines are days on which what is logged
        changed. With many periods, drag over the lowest part to look at some of them.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from toolkit.measure.over_time import status_over_time as over_time
    >>> days = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 2, 3)]
    >>> rows = pl.DataFrame({"dt": days, "status_code": ["6", "2.1", "6"], "requests": [3, 1, 4], "sample_rate": 1.0, "flags": 0, "ms": 0})
    >>> status_over_time(over_time(rows)).to_dict()["description"]
    'Share of page views with a banner shown by day, 2 periods from 02 Mar to 03 Mar 2026: 75.0 % in the first, 100.0 % in the last.'
    """
    look.check(table, "status_over_time", NEEDED)
    every = table["every"][0]
    rows, named, left_out = _lines(table, every, value)
    panels = _panels(rows, value, most)
    marks = breaks(table["period"].min(), rows["end"].max())  # type: ignore[arg-type]
    n_periods = table["period"].n_unique()
    brush = alt.selection_interval(encodings=["x"], name="periods") if n_periods > FEW else None
    ends = rows.select(pl.format("{}", pl.col(name)).str.replace(" ", "T") for name in ("start", "end"))
    scale = {"scale": alt.Scale(domain=brush or [ends["start"].min(), ends["end"].max()])}  # type: ignore[list-item]
    days = alt.Axis(format="%d %b" if every != "hour" else "%d %b %Hh", tickCount=min(n_periods, 8), labelOverlap=True)
    bare = alt.Axis(labels=False, ticks=False)
    wide = WIDE - NAMES if named else WIDE
    charts = [
        _panel(panel, title, {"title": None, "axis": days if at == len(panels) - 1 else bare, **scale}, marks, n_periods, named=named, top=at == 0)
        for at, (title, panel) in enumerate(panels)
    ]  # fmt: skip
    if marks.height:
        charts.insert(0, _changes(marks, rows["at"], {"title": None, "axis": None, **scale}))
    if brush:
        charts.append(_overview(panels[0][1], brush, named=named))
    charts = [each.properties(width=wide) for each in charts]
    chart = alt.vconcat(*charts, spacing=12)
    more = [f"the {SERIES} of {left_out + SERIES} with most {UNITS[table['unit'][0]]}"] if left_out else []
    return look.titled(
        chart, "Since when do banners stop, and why?", [*_subtitle(table, marks), *more], _description(table, rows)
    )


def _lines(table: pl.DataFrame, every: str, value: str) -> tuple[pl.DataFrame, bool, int]:
    """Points to draw, whether they belong to several lines, and how many lines are left out."""
    by = table.columns[: table.columns.index("period")]
    naive = pl.col("period").dt.replace_time_zone(None)
    end = naive.dt.offset_by(LENGTHS[every])
    name = (
        pl.concat_str([look.named(part, table.schema[part]) for part in by], separator=" · ") if by else pl.lit("all")
    )
    rows = table.with_columns(
        name=name, start=naive, end=end, at=naive + (end - naive) / 2, value=value, low=f"{value}_low", high=f"{value}_high"
    ).with_columns(
        said=look.percents("value"),
        interval=pl.format("{} to {}", look.percents("low"), look.percents("high")),
        title=pl.when(outcome="stopped").then(pl.concat_str(pl.col("status_code").fill_null("no code"), pl.lit("  "), "label")),
    )  # fmt: skip
    order = rows.filter(outcome="reached", stage="attempted").group_by("name").agg(pl.col("total").sum())
    kept = order.sort("total", "name", descending=[True, False])["name"].head(SERIES)
    return rows.filter(pl.col("name").is_in(kept.implode())), bool(by), max(order.height - SERIES, 0)


def _panels(rows: pl.DataFrame, value: str, most: int) -> list[tuple[str, pl.DataFrame]]:
    """Heading and points of each small chart, stages first, then codes in the order of the funnel."""
    stages = reference.table("stage").sort(pl.col("order").cast(pl.Int64)).select("stage", "label").rows()
    wanted = stages[1:] if value == "conversion" else stages[-1:]
    of = {stage: f"{label}, of those with {before}" for (_, before), (stage, label) in pairwise(stages)}
    heads = [(of[stage] if value == "conversion" else f"{label}, of all attempted", stage) for stage, label in wanted]
    first = [(head, rows.filter(pl.col("stage") == stage, outcome="reached")) for head, stage in heads]
    stopped = rows.filter(pl.col("stage") != "not attempted", outcome="stopped")
    size = pl.col("total").sum() + pl.when(pl.col("group").first().is_in(ODD)).then(float("inf")).otherwise(0)
    codes = stopped.group_by("title", maintain_order=True).agg(size=size).with_row_index()
    kept = codes.filter(pl.col("size") > 0).sort("size", "index", descending=[True, False]).head(most).sort("index")
    return first + [(title, stopped.filter(title=title)) for title in kept["title"]]


def _panel(
    rows: pl.DataFrame, title: str, x: dict[str, Any], marks: pl.DataFrame, n_periods: int, *, named: bool, top: bool
) -> Any:
    """One small chart: its line with intervals, grey where the code could not be, days of change."""
    points = rows.select("at", "start", "end", "name", "value", "low", "high", "said", "interval", "n", "possible")
    base = alt.Chart(points).encode(x=alt.X("at:T", **x))
    hue = look.GREEN if rows["outcome"][0] == "reached" else look.GROUPS.get(rows["group"][0], look.INK)
    colour: Any = _colour(points) if named else alt.value(hue)
    most = min(look.largest(points.select(pl.max_horizontal("value", "high")).to_series()), 1.0)
    height = HIGH * (1.5 if top else 1)
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, most]), axis=alt.Axis(format="~%", tickCount=3))
    tooltip = [
        *([alt.Tooltip("name:N")] if named else []),
        alt.Tooltip("start:T", title="from", format="%d %b %Y %Hh"),
        alt.Tooltip("said:N", title=title),
        alt.Tooltip("interval:N"),
        alt.Tooltip("n:Q", title="recorded", format=","),
    ]
    spread = base.mark_area(opacity=0.18) if n_periods > FEW else base.mark_rule(opacity=0.55)
    absent = rows.filter((~pl.col("possible")) & (pl.col("n") == 0)).select("start", "end").unique(maintain_order=True)
    grey = alt.Chart(absent).mark_rect(color=GREY, opacity=0.45).encode(x=alt.X("start:T", **x), x2="end:T")
    layers = [
        *([grey] if absent.height else []),
        spread.encode(y=alt.Y("low:Q"), y2="high:Q", color=colour),
        base.mark_line(strokeWidth=1.6).encode(y=y, color=colour),
        base.mark_point(filled=True, size=34 if n_periods <= POINTS else 8, opacity=1).encode(y=y, color=colour, tooltip=tooltip),
        *_rules(marks, x),
        *(_names(points, most, height, colour, WIDE - NAMES) if named and top else []),
    ]  # fmt: skip
    return alt.layer(*layers).properties(height=height, title=look.panel(title))


def _colour(points: pl.DataFrame) -> alt.Color:
    """Colour of each line; their names stand at the ends of the lines."""
    names = sorted(set(points["name"]))
    return alt.Color("name:N", scale=alt.Scale(domain=names, range=look.CATEGORIES[: len(names)]), legend=None)


def _names(points: pl.DataFrame, most: float, height: float, colour: alt.Color, wide: float) -> list[Any]:
    """Names behind the ends of lines, apart from each other, and what leads from a line to its name."""
    ends = points.drop_nulls("value").sort("at").group_by("name").last().sort("value", "name", descending=[True, False])
    places = apart([height * (1 - value / most) for value in ends["value"]], least=13)
    rows = ends.select(
        "name", "value", place=pl.Series([most * (1 - at / height) for at in places]),
        short=pl.col("name").map_elements(look.short, return_dtype=pl.String),
    )  # fmt: skip
    base = alt.Chart(rows)
    return [
        base.mark_rule(strokeWidth=1.6, clip=False).encode(x=alt.value(wide + 2), x2=alt.value(wide + 14), y="value:Q", y2="place:Q", color=colour),
        base.mark_text(align="left", fontSize=10.5, color=look.INK, clip=False).encode(x=alt.value(wide + 17), y="place:Q", text="short:N", tooltip="name:N"),
    ]  # fmt: skip


def apart(wanted: Sequence[float], least: float) -> list[float]:
    """Places in their order, as near to those wanted as they can be with so much between each two.

    Examples
    --------
    >>> apart([0, 50, 52, 90], least=10)
    [0.0, 46.0, 56.0, 90.0]
    """
    groups: list[list[float]] = []
    for number, place in enumerate(wanted):
        groups.append([place - number * least])
        while len(groups) > 1 and fmean(groups[-2]) > fmean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    return [at + number * least for number, at in enumerate(fmean(group) for group in groups for _ in group)]


def _days(marks: pl.DataFrame, x: dict[str, Any]) -> Any:
    """Days of change as they are dated, for charts."""
    days = marks.sort("date").select(pl.col("date").cast(pl.Datetime("ms")), "what", "effect").with_row_index("row")
    return alt.Chart(days).encode(x=alt.X("date:T", **x))


def _rules(marks: pl.DataFrame, x: dict[str, Any]) -> list[Any]:
    """Dashed lines on days of change."""
    tooltip = [alt.Tooltip("date:T", format="%d %b %Y"), alt.Tooltip("what:N"), alt.Tooltip("effect:N")]
    return (
        [_days(marks, x).mark_rule(strokeDash=[4, 3], color=look.INK).encode(tooltip=tooltip)] if marks.height else []
    )


def _changes(marks: pl.DataFrame, times: pl.Series, x: dict[str, Any]) -> Any:
    """What changed on each of these days, each in a row of its own, to the side on which there is room."""
    y = alt.Y("row:O", title=None, axis=None)
    ends = pl.DataFrame({"date": [times.min(), times.max()]})
    middle = alt.expr.toDate(str(ends["date"].mean()).replace(" ", "T"))
    early, late = alt.datum.date < middle, alt.datum.date >= middle
    base = _days(marks, x)
    text = base.mark_text(align="left", dx=5, fontSize=10.5, color=look.INK).encode(y=y, text="what:N")
    left = base.mark_text(align="right", dx=-5, fontSize=10.5, color=look.INK).encode(y=y, text="what:N")
    tick = base.mark_point(shape="diamond", filled=True, size=26, color=look.INK, opacity=1).encode(y=y)
    whole = alt.Chart(ends).mark_point(opacity=0).encode(x=alt.X("date:T", **x))  # as long as the charts below
    layers = alt.layer(whole, tick, text.transform_filter(early), left.transform_filter(late))
    return layers.properties(height=15 * marks.height, title=look.panel("what is logged changed"))


def _overview(rows: pl.DataFrame, brush: Any, *, named: bool) -> Any:
    """Whole time in small, to choose a part of it."""
    points = rows.select("at", "name", "value")
    colour: Any = _colour(points) if named else alt.value(look.GREEN)
    return (
        alt.Chart(points)
        .mark_line(strokeWidth=1)
        .encode(
            x=alt.X("at:T", title="drag here to choose a part (UTC)", axis=alt.Axis(format="%d %b", tickCount=8)),
            y=alt.Y("value:Q", title=None, axis=None),
            color=colour,
        )
        .add_params(brush)
        .properties(height=OVERVIEW)
    )


def _subtitle(table: pl.DataFrame, marks: pl.DataFrame) -> list[str]:
    attempted = table.filter(outcome="reached", stage="attempted")
    units = UNITS[table["unit"][0]]
    lines = [
        f"{look.count(attempted['n'].sum())} {units} recorded, standing for {look.count(attempted['total'].sum())} (weight {table['weight'][0]}); {look.intervals(table['level'][0])}",
        f"{look.period(table['first_dt'].min(), table['last_dt'].max())}; first and last {table['every'][0]} may be incomplete",
    ]
    gaps = table.filter(presence="gap")["period"].n_unique()
    absent = table.filter(~pl.col("possible"), pl.col("n") == 0).height
    signs = [
        *(["grey: did not exist yet"] if absent else []),
        *(["dashed: what is logged changed"] if marks.height else []),
        *([f"interrupted: nothing recorded at all in {gaps} periods"] if gaps else []),
    ]
    by = table.columns[: table.columns.index("period")]
    timeless = int((attempted.unique(by) if by else attempted.head(1))["timeless"].sum())
    untimed = [f"{look.count(timeless)} recorded without a time are not in this chart"] if timeless else []
    return [*lines, *(["; ".join(signs)] if signs else []), *untimed]


def _description(table: pl.DataFrame, rows: pl.DataFrame) -> str:
    shown = rows.filter(outcome="reached", stage="shown").sort("period")
    first, last = shown.row(0, named=True), shown.row(-1, named=True)
    of = (
        ""
        if shown["name"].n_unique() == 1
        else f", for {shown['name'].n_unique()} lines of which the first is {first['name']}"
    )
    units, every = UNITS[table["unit"][0]], table["every"][0]
    share = [look.percent(row["share"]) for row in (first, last)]
    return f"Share of {units} with a banner shown by {every}, {shown['period'].n_unique()} periods from {first['start']:%d %b} to {last['start']:%d %b %Y}: {share[0]} in the first, {share[1]} in the last{of}."
