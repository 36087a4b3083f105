"""Noise drawn: what each filter takes away with the headline before and after it, and repetitions by kind."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.measure.noise import DUPLICATES, NOISE

COLOURS = {"kept": look.GREY, "dropped": look.BLUE, "marked": "#e69f00", "shown": look.GREEN}


def noise(table: pl.DataFrame) -> Any:
    """Draw the ledger of filters.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.noise` gives; lines that match nothing are named in the subtitle.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: events that each filter matches, and the share of visits with a click after it.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> from toolkit.measure.noise import noise as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 1, 2], "module": "help", "mode": "desktop",
    ...                      "action": ["impression", "link-click", "impression"], "ms": 0, "flags": [0, 0, 2],
    ...                      "dt": datetime(2019, 6, 1, tzinfo=timezone.utc)})
    >>> noise(measured(rows)).to_dict()["description"]
    'Of 3 events 1 are taken away; the share of visits with a click goes from 50.0 % to 100.0 %.'
    """
    look.check(table, "noise", NOISE)
    rows = table.filter((pl.col("matched") > 0) | (pl.col("kind") == "all")).with_columns(
        said=look.percents("share"), many=pl.col("matched").map_elements(look.count, return_dtype=pl.String)
    )
    order, treated = rows["filter"].to_list(), [name for name in COLOURS if name in set(rows["treated"])]
    colour = alt.Color(
        "treated:N", title=None, scale=alt.Scale(domain=treated, range=[COLOURS[name] for name in treated]), legend=alt.Legend(orient="top")
    )  # fmt: skip
    tips = [
        alt.Tooltip("filter:N"), alt.Tooltip("kind:N"), alt.Tooltip("treated:N"), alt.Tooltip("matched:Q", title="events matched", format=","),
        alt.Tooltip("n:Q", title="taken away", format=","), alt.Tooltip("left:Q", title="left", format=","), alt.Tooltip("said:N", title="visits with a click"),
        alt.Tooltip("clicks_per_impression:Q", title="clicks per impression", format=".4f"), alt.Tooltip("note:N"),
    ]  # fmt: skip
    height = max(2, len(order)) * 26
    # a break has as many events as the period after it is long; only its headline tells something
    counted = rows.filter(~pl.col("kind").is_in(["all", "break"]))
    base = alt.Chart(counted).encode(
        y=alt.Y("filter:N", sort=order, scale=alt.Scale(domain=order), title=None, axis=alt.Axis(labelLimit=300))
    )
    top = look.largest(counted["matched"]) * 1.25
    bars = alt.layer(
        base.mark_bar(height=13).encode(x=alt.X("matched:Q", title="events matched", scale=alt.Scale(domain=[0, top]), axis=alt.Axis(tickCount=3, format=",d")), color=colour, tooltip=tips),
        base.mark_text(align="left", dx=4, color=look.INK).encode(x=alt.X("matched:Q"), text="many:N"),
    ).properties(width=230, height=height, title=look.panel("Matched"))  # fmt: skip
    shares = alt.Chart(rows).encode(
        y=alt.Y("filter:N", sort=order, scale=alt.Scale(domain=order), title=None, axis=None)
    )
    x = alt.X(
        "share:Q",
        title="share of visits with a click",
        scale=alt.Scale(domain=[0, look.largest(rows["share_high"]) * 1.3]),
        axis=alt.Axis(format="~%", tickCount=4),
    )
    heads = alt.layer(
        shares.mark_rule().encode(x=alt.X("share_low:Q"), x2="share_high:Q", color=colour),
        shares.mark_point(filled=True, size=55, opacity=1).encode(x=x, color=colour, tooltip=tips),
        shares.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("share_high:Q"), text="said:N"),
    ).properties(width=260, height=height, title=look.panel("Headline after it"))  # fmt: skip
    idle = table.filter(pl.col("matched") == 0)["filter"].to_list()
    first, last = (
        table.row(0, named=True),
        table.filter(pl.col("treated").is_in(["kept", "dropped"])).row(-1, named=True),
    )
    gone = first["left"] - last["left"]
    subtitle = [
        f"{look.count(gone)} of {look.count(first['left'])} events are taken away; {look.intervals(table['level'][0])}",
        "dropped: gone from here on; marked: the headline without them, they stay; shown: the headline from that day on",
        *_listed(idle),
        look.period(first["first_dt"] or rows["first_dt"].min(), first["last_dt"] or rows["last_dt"].max()),
    ]
    description = (
        f"Of {look.count(first['left'])} events {look.count(gone)} are taken away; the share of visits with a click goes from "
        f"{look.percent(first['share'])} to {look.percent(last['share'])}."
    )
    return look.titled(
        alt.hconcat(bars, heads, spacing=20), "What is noise, and what does it change?", subtitle, description
    )


def duplicates(table: pl.DataFrame) -> Any:
    """Draw how many events are repetitions, by kind.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.duplicates` gives.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: for each kind the share of events with its interval; kinds that are dropped as noise are
        named so.

    Examples
    --------
    >>> from toolkit.measure.noise import duplicates as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "help", "action": "impression", "mode": "desktop",
    ...                      "ms": [0, 0, 9_000_000]})
    >>> duplicates(measured(rows)).to_dict()["description"]
    'Of 3 events are repetitions: burst of impressions 1 (33.3 %), repeated impression 1 (33.3 %).'
    """
    look.check(table, "duplicates", DUPLICATES)
    dots.no_dimension(table, (*DUPLICATES, *look.TIMES), "duplicates")
    rows = table.select(
        "kind", "treated", "n", "of", "visits", "users", "share", "note",
        label=pl.format("{} ({})", "kind", "treated"), value=pl.lit("all"), low="share_low", high="share_high",
        said=pl.format("{} ({})", pl.col("n").map_elements(look.count, return_dtype=pl.String), look.percents("share")),
        interval=dots.between("share_low", "share_high"),
    )  # fmt: skip
    tips = {"n": "events", "of": "of", "said": "share", "interval": "interval", "visits": "visits", "users": "users", "note": "what it is"}  # fmt: skip
    panel = dots.dot_panel(
        rows, order=list(rows["label"]), axis="share of events", tips=tips, width=400, label_limit=260
    )
    found = rows.filter(pl.col("n") > 0)
    said = ", ".join(f"{one['kind']} {one['said']}" for one in found.rows(named=True))
    subtitle = [
        f"unit: {table['unit'][0]}; every event counts once; {look.intervals(table['level'][0])}",
        "dropped: not counted by default (second deliveries by the loader, others by the ledger of noise); marked: they stay",
        *look.when(table),
    ]
    return look.titled(
        panel,
        "How many events are repetitions?",
        subtitle,
        f"Of {look.count(table['of'].max())} events are repetitions: {said or 'none'}.",
    )


def _listed(names: list[str]) -> list[str]:
    """Filters that matched nothing, in lines of a length that a chart can hold."""
    if not names:
        return ["every filter matched something"]
    half = -(-len(names) // 2) if len(names) > 4 else len(names)  # noqa: PLR2004 - so many fit in one line
    lines = [", ".join(names[:half]), ", ".join(names[half:])]
    return [f"nothing matched: {lines[0]}{',' if lines[1] else ''}", *([lines[1]] if lines[1] else [])]
