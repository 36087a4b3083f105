"""What all charts share: colours that colour-blind readers can tell apart, sizes, subtitles, checks of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from toolkit import decode, errors, reference

SEVERAL = "several causes"
# Okabe and Ito's palette, made for readers with any kind of colour vision
INK, BLUE, SKY, GREEN = "#737373", "#0072b2", "#56b4e9", "#009e73"
GREY = "#646464"  # of marks: a paler one is taken for green by readers who see no green
GROUPS = {
    "shown": GREEN,
    "user choice": BLUE,
    "frequency cap": SKY,
    "targeting": "#cc79a7",
    "design": "#b8b8b8",
    "hidden after load": "#e69f00",
    "configuration": "#d55e00",
    "technical": "#5c3566",
    "legacy": GREY,
    "unspecified": "#c9b458",
    "unexpected": "#000000",
    decode.AMBIGUOUS: "#3d3d3d",
    "unknown": "#000000",
    SEVERAL: "#dddddd",
}
PALE = "#a6c8e0"  # of bars that have no cause; an interval is seen on it
CATEGORIES = [BLUE, "#e69f00", GREEN, "#cc79a7", SKY, "#d55e00", "#5c3566", GREY]
TIMES = ("first_dt", "last_dt")  # where a measure has them
PERCENT = ".1%"
ROW = 21  # height of one row of a horizontal chart [px]
MOST = 25  # rows that can be read in one chart

# no colour of text is set here, so that dark themes can set theirs; INK is read on light and dark alike
LOOKS = alt.Config(
    view=alt.ViewConfig(strokeWidth=0),
    axis=alt.AxisConfig(grid=False, domainColor="#aaa", tickColor="#aaa", titleFontWeight="normal", labelFontSize=11.5),
    legend=alt.LegendConfig(labelFontSize=11, titleFontWeight="normal"),
)


def check(table: pl.DataFrame, chart: str, needed: Sequence[str]) -> None:
    """Refuse a table that is not the measure's."""
    if not isinstance(table, pl.DataFrame):
        raise errors.not_allowed(
            "table", type(table).__name__, "is the collected table of a measure (a polars DataFrame)"
        )
    if missing := [name for name in needed if name not in table.columns]:
        raise errors.missing_columns(f"chart.{chart}", missing, table.columns)
    if table.is_empty():
        raise errors.not_allowed("table", "0 rows", f"has rows to draw; nothing was left for chart.{chart}")


def groups_scale() -> alt.Scale:
    """Colour of each group of causes, the same in every chart."""
    known = group_order()
    return alt.Scale(domain=known, range=[GROUPS.get(name, GREY) for name in known])


def group_order() -> list[str]:
    """Groups of causes in the order in which charts stack and list them."""
    return [
        *reference.table("group").sort(pl.col("order").cast(pl.Int64))["group"],
        decode.AMBIGUOUS,
        "unknown",
        SEVERAL,
    ]


def count(value: Any) -> str:
    """Number of units as a reader expects it; one that cannot be known is said to be so.

    Examples
    --------
    >>> count(20146.4), count(None)
    ('20,146', 'not known')
    """
    return "not known" if value is None else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """Share in percent, with one digit more where it is small; a share of nothing is none.

    Examples
    --------
    >>> percent(0.8201), percent(0.0031), percent(None)
    ('82.0 %', '0.31 %', 'no share')
    """
    if value is None:
        return "no share"
    small = 0 < value < 0.01  # noqa: PLR2004 - below one percent
    return f"{value:.2%}".replace("%", " %") if small else f"{value:.1%}".replace("%", " %")


def percents(column: str) -> pl.Expr:
    """Shares of a column in words.

    Examples
    --------
    >>> pl.DataFrame({"s": [0.5, None]}).select(percents("s")).to_series().to_list()
    ['50.0 %', 'no share']
    """
    return pl.col(column).map_elements(percent, return_dtype=pl.String).fill_null(percent(None))


def named(column: str, dtype: pl.DataType) -> pl.Expr:
    """Values of a dimension in words: days and hours short, a missing one said.

    Examples
    --------
    >>> from datetime import datetime
    >>> frame = pl.DataFrame({"d": [datetime(2026, 3, 2), None], "h": [datetime(2026, 3, 2, 5), None]})
    >>> frame.select(named("d", frame.schema["d"]), named("h", frame.schema["h"])).rows()
    [('02 Mar', '02 Mar 05h'), ('(none)', '(none)')]
    """
    value = pl.col(column)
    if dtype.is_temporal():
        midnight = (value.cast(pl.Datetime("ms")).dt.hour() == 0).all()
        value = pl.when(midnight).then(value.dt.strftime("%d %b")).otherwise(value.dt.strftime("%d %b %Hh"))
    return value.cast(pl.String).fill_null("(none)")


# a long name is cut in its middle: names of campaigns start alike and end differently
LONG = 32  # letters
SHORT = "length(datum.label) > 32 ? slice(datum.label, 0, 17) + '…' + slice(datum.label, -14) : datum.label"


def short(name: str) -> str:
    """Name as axes cut it.

    Examples
    --------
    >>> short("A_campaign_with_a_name_that_goes_on_2026_p1")
    'A_campaign_with_a…oes_on_2026_p1'
    """
    return name if len(name) <= LONG else f"{name[:17]}…{name[-14:]}"


def period(first: Any, last: Any) -> str:
    """Period in words, in UTC."""
    if first is None or last is None:
        return "no times given"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def when(table: pl.DataFrame) -> list[str]:
    """Line on the period of a table, where the table says it.

    Examples
    --------
    >>> when(pl.DataFrame({"n": [1]}))
    []
    """
    if not set(TIMES) <= set(table.columns):
        return []
    return [period(table["first_dt"].min(), table["last_dt"].max())]


def intervals(level: float) -> str:
    """Which intervals a chart shows, in words.

    Examples
    --------
    >>> intervals(0.95)
    '95 % intervals'
    """
    return f"{level * 100:g} % intervals"


def largest(column: pl.Series) -> float:
    """Largest number of a column; 1 where there is none, so that an axis has a length.

    Examples
    --------
    >>> largest(pl.Series([0.2, None])), largest(pl.Series([None], dtype=pl.Float64))
    (0.2, 1.0)
    """
    found = [float(value) for value in column.drop_nulls().to_list()]
    return max(found, default=0.0) or 1.0


def panel(text: str) -> alt.TitleParams:
    """Heading of one part of a chart."""
    return alt.TitleParams(text, anchor="start", fontSize=12.5, fontWeight="normal")


def heading(title: str, subtitle: Sequence[str]) -> alt.TitleParams:
    """Title and subtitle of a whole chart."""
    return alt.TitleParams(
        title,
        subtitle=list(subtitle),
        anchor="start",
        fontSize=16,
        subtitleFontSize=11.5,
        offset=14,
    )


def titled(chart: Any, title: str, subtitle: Sequence[str], description: str) -> Any:
    """Chart with title, subtitle, text for those who cannot see it, and the common looks."""
    # one call: altair copies the whole chart in each
    return chart.properties(title=heading(title, subtitle), description=description, config=LOOKS)
