"""Coverage drawn: which share of visits has module events, by day or by group."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import look
from toolkit.measure.coverage import RESULT

TIMES = ("hour", "day", "week")
MANY = 8  # colours that can be told apart


def coverage(table: pl.DataFrame) -> Any:
    """Draw the share of visits with module events.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.coverage` gives. With a dimension of time (`day`, `hour`, `week`) lines, one for each combination
        of the others, at most eight; without one, a row for each combination, at most 25.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: shares with their intervals; groups whose coverage differs carry an asterisk.

    Examples
    --------
    >>> from toolkit.measure.coverage import coverage as measured
    >>> modules = pl.DataFrame({"wiki": "cswiki", "user": [1, 3], "visit": [1, 9], "ms": 5, "platform": "desktop"})
    >>> visits = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "visit": [1, 2], "ms": 0, "is_mobile": False})
    >>> coverage(measured(modules, visits, by="platform")).to_dict()["description"]
    'Share of visits with module events: 1 of 2 visits (50.0 %); 1 visits are known from module events alone.'
    """
    look.check(table, "coverage", RESULT)
    by = [name for name in table.columns if name not in RESULT]
    time = next((name for name in by if name in TIMES), None)
    others = [name for name in by if name != time]
    group = (
        pl.concat_str([look.named(name, table.schema[name]) for name in others], separator=", ")
        if others
        else pl.lit("all visits")
    )
    rows = table.filter(pl.col("visits") > 0).with_columns(group=group, said=look.percents("share"))
    look.check(rows, "coverage", RESULT)
    groups = sorted(set(rows["group"]))
    limit = MANY if time else look.MOST
    if len(groups) > limit:
        raise errors.not_allowed("by", f"{len(groups)} combinations", f"gives for this chart at most {limit} of them")
    drawn = _lines(rows, time, groups) if time else _dots(rows, groups)
    visits, with_events, only = (int(table[name].sum()) for name in ("visits", "with_events", "events_only"))
    share = look.percent(with_events / visits)
    subtitle = [
        f"unit: {table['unit'][0]} that the server logged; {look.count(with_events)} of {look.count(visits)} have module events ({share}); {look.intervals(table['level'][0])}",
        f"{look.count(table['redirects'].sum())} of the others are redirects that nobody saw; {look.count(only)} visits are known from module events alone",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    if warned := rows.filter(pl.col("note").is_not_null())["note"].unique().sort().to_list():
        subtitle.append("* " + "; ".join(warned))
    said = f"Share of visits with module events: {look.count(with_events)} of {look.count(visits)} visits ({share}); {look.count(only)} visits are known from module events alone."
    return look.titled(drawn, "How many visits have module events?", subtitle, said)


def _tips(group: str) -> list[Any]:
    return [
        alt.Tooltip("group:N", title=group), alt.Tooltip("said:N", title="with module events"), alt.Tooltip("visits:Q", format=","),
        alt.Tooltip("without_events:Q", title="without", format=","), alt.Tooltip("redirects:Q", title="of these redirects", format=","),
        alt.Tooltip("events_only:Q", title="module events alone", format=","), alt.Tooltip("note:N"),
    ]  # fmt: skip


def _dots(rows: pl.DataFrame, groups: list[str]) -> Any:
    rows = rows.with_columns(
        said=pl.concat_str("said", pl.when(pl.col("note").is_not_null()).then(pl.lit(" *")).otherwise(pl.lit("")))
    )
    base = alt.Chart(rows).encode(y=alt.Y("group:N", sort=groups, title=None, axis=alt.Axis(labelLimit=300)))
    return alt.layer(
        base.mark_rule(color=look.BLUE).encode(x=alt.X("share_low:Q"), x2="share_high:Q"),
        base.mark_point(filled=True, size=60, opacity=1, color=look.BLUE).encode(
            x=alt.X("share:Q", title="share of visits with module events", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%", values=[0, 0.25, 0.5, 0.75, 1])),
            tooltip=_tips("group"),
        ),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("share_high:Q"), text="said:N"),
    ).properties(width=440, height=max(2, len(groups)) * 26)  # fmt: skip


def _lines(rows: pl.DataFrame, time: str, groups: list[str]) -> Any:
    # each panel has its name, so that no legend is needed
    scale = alt.Scale(domain=groups, range=look.CATEGORIES[: len(groups)])
    colour = alt.Color("group:N", scale=scale, legend=None)
    # a panel for each group: bands of small groups cover each other
    x = alt.X(f"{time}:T", title=f"{time} of the visit [UTC]", axis=alt.Axis(format="%d %b", tickCount=8))
    panels = []
    for name in groups:
        base = alt.Chart(rows.filter(group=name)).encode(x=x)
        panels.append(
            alt.layer(
                base.mark_area(opacity=0.18).encode(y=alt.Y("share_low:Q"), y2="share_high:Q", color=colour),
                base.mark_line(strokeWidth=1.5).encode(
                    y=alt.Y(
                        "share:Q",
                        title="share",
                        scale=alt.Scale(domain=[0, 1]),
                        axis=alt.Axis(format="~%", tickCount=3),
                    ),
                    color=colour,
                ),
                base.mark_point(filled=True, size=28, opacity=1).encode(
                    y=alt.Y("share:Q"),
                    color=colour,
                    tooltip=[alt.Tooltip(f"{time}:T", format="%Y-%m-%d"), *_tips("group")],
                ),
            ).properties(width=540, height=90, title=look.panel(name))
        )
    return alt.vconcat(*panels, spacing=12) if len(panels) > 1 else panels[0]
