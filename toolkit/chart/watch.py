"""Findings on campaigns drawn: one strip of time for each, darker where more units show the fault."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import look
from toolkit.measure.over_time import LENGTHS

NEEDED = (
    "unit", "weight", "of", "status_code", "what", "severity", "n", "total", "share", "share_low", "share_high",
    "threshold", "every", "level", "advice", "timeline",
)  # fmt: skip
UNITS = {"pageview": "page views", "attempt": "campaign attempts"}
MARKS = {"high": "!!", "medium": "!", "look": "?"}
WIDE, LABEL = 330, 330
MANY = 8  # periods that can be named side by side
LIGHT, DARK, GREY = "#fdebd9", "#8a3300", "#ededed"


def watch(table: pl.DataFrame) -> Any:
    """Draw the findings of a watch, each as a strip of its periods.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.watch` gives, with at least one finding.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with. Each cell is a period; its colour is the share, a dot says that it is above the threshold
        beyond doubt; grey means that no unit was recorded. Beside it the share over the whole time with its interval.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from toolkit.measure.watch import watch as measured
    >>> rows = pl.DataFrame({"campaign": "A", "banner": ["a", "b", "b"], "status_code": ["6", "6", "7"], "requests": [90, 70, 30],
    ...                      "dt": datetime(2026, 3, 2, tzinfo=UTC), "ms": 1772409600000, "sample_rate": 1.0, "flags": 0})
    >>> watch(measured(rows, unit="pageview")).to_dict()["description"]
    '1 finding above 1.0 %. First: A · b, 7 loader error, 30.0 % of attempts in which the banner was chosen.'
    """
    look.check(table, "watch", NEEDED)
    rows = _named(table)
    order = rows["name"].to_list()
    every = table["every"][0]
    cells = _cells(rows, every)
    y = alt.Y(
        "name:N",
        sort=order,
        title=None,
        axis=alt.Axis(
            labelLimit=LABEL, minExtent=LABEL // 2, labelLineHeight=13, labelExpr="split(datum.label, '\\n')"
        ),
    )
    x = alt.X("start:T", title=f"{every} (UTC)", axis=_periods(cells, every))
    shade = alt.Color(
        "share:Q",
        title="share",
        scale=alt.Scale(range=[LIGHT, "#e69f00", "#d55e00", DARK], domainMin=0),
        legend=alt.Legend(format="~%", orient="bottom", gradientLength=180, titleOrient="left"),
    )
    tooltip = [
        alt.Tooltip("name:N", title="finding"),
        alt.Tooltip("start:T", title="from", format="%d %b %Y %Hh"),
        alt.Tooltip("said:N", title="share"),
        alt.Tooltip("interval:N"),
        alt.Tooltip("n:Q", title="recorded", format=","),
    ]
    height = len(order) * 34
    none = alt.Chart(cells.filter(pl.col("share").is_null())).mark_rect(color=GREY).encode(x=x, x2="end:T", y=y)
    heat = alt.Chart(cells.filter(pl.col("share").is_not_null())).mark_rect(stroke="white", strokeWidth=0.5).encode(x=x, x2="end:T", y=y, color=shade, tooltip=tooltip)  # fmt: skip
    above = (
        alt.Chart(cells.filter("above"))
        .mark_point(filled=True, size=14, color="black", opacity=1)
        .encode(x=alt.X("at:T"), y=y)
    )
    strips = alt.layer(none, heat, above).properties(width=WIDE, height=height, title=look.panel("When"))
    base = alt.Chart(rows.drop("timeline")).encode(y=alt.Y("name:N", sort=order, title=None, axis=None))
    room = alt.Scale(domain=[0, min(look.largest(rows["share_high"]) * 1.45, 1)], nice=False)
    whole = alt.layer(
        base.mark_rule(color=look.INK).encode(x=alt.X("share_low:Q"), x2="share_high:Q"),
        base.mark_point(filled=True, size=55, color="#d55e00", opacity=1).encode(
            x=alt.X("share:Q", title="share", scale=room, axis=alt.Axis(format="~%", tickCount=3)),
            tooltip=[
                alt.Tooltip("name:N", title="finding"), alt.Tooltip("said:N", title="share"), alt.Tooltip("of:N"),
                alt.Tooltip("n:Q", title="recorded", format=","), alt.Tooltip("advice:N"),
            ],
        ),
        base.mark_text(align="left", dx=7, color=look.INK).encode(x=alt.X("share_high:Q"), text="said:N"),
    ).properties(width=150, height=height, title=look.panel("Over the whole time"))  # fmt: skip
    chart = alt.hconcat(strips, whole, spacing=16)
    return look.titled(chart, "What should be mended?", _subtitle(table), _description(rows))


def _named(table: pl.DataFrame) -> pl.DataFrame:
    """Findings with a name of two lines: where, and what."""
    by = table.columns[: table.columns.index("unit")]
    where = (
        pl.concat_str([pl.col(name).cast(pl.String) for name in by], separator=" · ", ignore_nulls=True)
        if by
        else pl.lit("")
    )
    short = where.map_elements(_short, return_dtype=pl.String).replace("", "all campaigns")
    mark = pl.col("severity").cast(pl.String).replace_strict(MARKS, return_dtype=pl.String)
    code = pl.col("status_code").fill_null("no code")
    what = pl.concat_str(mark, pl.lit("  "), code, pl.lit(" "), "what")
    return table.with_columns(where=short, name=pl.concat_str(short, pl.lit("\n"), what), said=look.percents("share"))


def _short(name: str, most: int = 52) -> str:
    """Long name cut in its middle: names of campaigns start alike and end differently.

    Examples
    --------
    >>> _short("A_campaign_with_a_name_that_goes_on_and_on_2026_desktop_p1")
    'A_campaign_with_a_name_that_goe…_on_2026_desktop_p1'
    """
    return name if len(name) <= most else f"{name[:31]}…{name[-19:]}"


def _cells(rows: pl.DataFrame, every: str) -> pl.DataFrame:
    """One row for each finding and period."""
    cells = rows.select("name", "timeline").explode("timeline").unnest("timeline")
    start = pl.col("period").dt.replace_time_zone(None)
    end = start.dt.offset_by(LENGTHS[every])
    return cells.select(
        "name", "n", "share", "above", start=start, end=end, at=start + (end - start) / 2, said=look.percents("share"),
        interval=pl.format("{} to {}", look.percents("share_low"), look.percents("share_high")),
    )  # fmt: skip


def _periods(cells: pl.DataFrame, every: str) -> alt.Axis:
    """Axis that names periods below the middle of their cells: each, or as many as there is room for."""
    periods = cells.select("start", "at").unique().sort("start")
    step = -(-periods.height // (MANY if every != "hour" else MANY // 2))
    shown = periods.gather_every(step)
    form = "%d %b" if every != "hour" else "%d %b %Hh"
    to_start = (shown["at"][0] - shown["start"][0]).total_seconds() * 1000
    values = [
        alt.DateTime(year=at.year, month=at.month, date=at.day, hours=at.hour, minutes=at.minute) for at in shown["at"]
    ]
    name = f"timeFormat(toDate(datum.value - {to_start:.0f}), '{form}')"
    return alt.Axis(values=values, labelExpr=name, ticks=False, labelFlush=False)


def _subtitle(table: pl.DataFrame) -> list[str]:
    row = table.row(0, named=True)
    return [
        f"{table.height} findings with more than {look.percent(row['threshold'])} of {UNITS[row['unit']]} (weight {row['weight']}) beyond doubt; {look.intervals(row['level'])}",
        f"{look.period(table['first_dt'].min(), table['last_dt'].max())}; !! more than ten times the threshold, ? a code of which nothing is known",
        f"dot: above the threshold in this {row['every']}; grey: no units",
    ]


def _description(rows: pl.DataFrame) -> str:
    first = rows.row(0, named=True)
    many = "finding" if rows.height == 1 else "findings"
    return f"{rows.height} {many} above {look.percent(first['threshold'])}. First: {first['where']}, {first['status_code']} {first['what']}, {look.percent(first['share'])} of {first['of']}."
