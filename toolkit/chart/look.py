"""What all charts share: colours that colour-blind readers can tell apart, sizes, subtitles, checks of columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import altair as alt
import polars as pl

from toolkit import errors, reference

SEVERAL = "several causes"
# Okabe and Ito's palette, made for readers with any kind of colour vision
INK, BLUE, SKY, GREEN = "#3a3f44", "#0072b2", "#56b4e9", "#009e73"
GROUPS = {
    "shown": GREEN,
    "user choice": BLUE,
    "frequency cap": SKY,
    "targeting": "#cc79a7",
    "design": "#b8b8b8",
    "hidden after load": "#e69f00",
    "configuration": "#d55e00",
    "technical": "#5c3566",
    "legacy": "#8c8c8c",
    "unspecified": "#c9b458",
    "unexpected": "#000000",
    "unknown": "#000000",
    SEVERAL: "#dddddd",
}
CATEGORIES = [BLUE, "#e69f00", GREEN, "#cc79a7", SKY, "#d55e00", "#5c3566", "#8c8c8c"]
PERCENT = ".1%"
ROW = 21  # height of one row of a horizontal chart [px]
MOST = 25  # rows that can be read in one chart


def check(table: pl.DataFrame, chart: str, needed: Sequence[str]) -> None:
    """Refuse a table that is not the measure's."""
    if not isinstance(table, pl.DataFrame):
        raise errors.not_allowed("table", type(table).__name__, "is the collected table of a measure (a polars DataFrame)")
    if missing := [name for name in needed if name not in table.columns]:
        raise errors.missing_columns(f"chart.{chart}", missing, table.columns)
    if table.is_empty():
        raise errors.not_allowed("table", "0 rows", f"has rows to draw; nothing was left for chart.{chart}")


def groups_scale() -> alt.Scale:
    """Colour of each group of causes, the same in every chart."""
    known = group_order()
    return alt.Scale(domain=known, range=[GROUPS.get(name, "#8c8c8c") for name in known])


def group_order() -> list[str]:
    """Groups of causes in the order in which charts stack and list them."""
    return [*reference.table("group").sort(pl.col("order").cast(pl.Int64))["group"], "unknown", SEVERAL]


def count(value: float) -> str:
    """Number of units as a reader expects it.

    Examples
    --------
    >>> count(20146.4)
    '20,146'
    """
    return f"{value:,.0f}"


def percent(value: float) -> str:
    """Share in percent, with one digit more where it is small.

    Examples
    --------
    >>> percent(0.8201), percent(0.0031)
    ('82.0 %', '0.31 %')
    """
    return f"{value:.1%}".replace("%", " %") if value >= 0.01 or value == 0 else f"{value:.2%}".replace("%", " %")


def period(first: datetime | None, last: datetime | None) -> str:
    """Period in words, in UTC."""
    if first is None or last is None:
        return "no times given"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def intervals(level: float) -> str:
    """Which intervals a chart shows, in words.

    Examples
    --------
    >>> intervals(0.95)
    '95 % intervals'
    """
    return f"{level * 100:g} % intervals"


def titled(chart: Any, title: str, subtitle: Sequence[str], description: str) -> Any:
    """Chart with title, subtitle, text for those who cannot see it, and the common looks."""
    heading = alt.TitleParams(title, subtitle=list(subtitle), anchor="start", fontSize=16, subtitleFontSize=11.5, subtitleColor="#666", offset=14)
    return (
        chart.properties(title=heading, description=description)
        .configure_view(strokeWidth=0)
        .configure_axis(grid=False, domainColor="#aaa", tickColor="#aaa", labelColor=INK, titleColor=INK, titleFontWeight="normal", labelFontSize=11.5)
        .configure_header(labelColor=INK, titleColor=INK)
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=11, titleFontWeight="normal")
    )
