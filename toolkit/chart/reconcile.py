"""The way from Druid's published number to the weighted one, drawn cause by cause."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import look
from toolkit.measure.reconcile import CAUSES, COUNTS, NOISE

PUBLISHED, WEIGHTED = "published by Druid", "weighted by 1 / sample rate"
UNITS = {"pageview": "page views", "attempt": "campaign attempts"}
NAMES = {
    "truncation": "cut to whole numbers",
    "float32_rate": "rate kept in 32 bits, then cut",
    "rate_above_one": "rates above 1",
    "rate_unusable": "rates that are none",
    "unexplained": "not explained",
    "bot": "spiders and automata",
    "debug": "debug pages",
    "no_time": "no time",
    "infinite_rate": "infinite rates",
    "hand_over": "handed over to another campaign",
    "only_requests": "only in the requests",
    "only_druid": "only in Druid",
}


def reconcile(table: pl.DataFrame) -> Any:
    """Draw why Druid shows another number: what each cause adds or takes, over all rows of the table.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.reconcile` gives; filter it to see some rows only.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: a tick at the published number, a bar for each cause that there is, a tick at the weighted
        number. The numbers are sums of the export; they have no interval.

    Examples
    --------
    >>> from toolkit.measure.reconcile import reconcile as measured
    >>> rows = pl.DataFrame({"requests": [1], "sample_rate": [0.1], "flags": [0]})
    >>> reconcile(measured(rows, by=[])).to_dict()["description"]
    'Druid publishes 9 page views; weighted there are 10 page views. Most of the difference: rate kept in 32 bits, then cut (+1).'
    """
    look.check(table, "reconcile", ("unit", "weight", *COUNTS))
    names = [name for name in CAUSES if name in table.columns]
    whole = table.select(pl.col("published", "weighted", "n", "unweighted", *names).sum()).row(0, named=True)
    causes = {name: whole[name] for name in names if round(whole[name], NOISE)}
    steps = _steps(whole, causes)
    base = alt.Chart(steps).encode(
        y=alt.Y("step:N", sort=steps["step"].to_list(), title=None, axis=alt.Axis(labelLimit=260))
    )
    units = UNITS[table["unit"][0]]
    start, end = _domain(steps)
    cut = " (the axis does not start at 0)" if start > 0 else ""
    scale = alt.Scale(domain=[start, end], zero=False)
    axis = alt.Axis(format=",d", tickCount=5)
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=["number", "more", "less"], range=[look.GREY, look.BLUE, "#e69f00"]),
        legend=None,
    )
    tips = [
        alt.Tooltip("step:N", title="step"), alt.Tooltip("said:N", title=units), alt.Tooltip("why:N", title="because"),
    ]  # fmt: skip
    number, cause = alt.datum.kind == "number", alt.datum.kind != "number"
    drawn = alt.layer(
        base.transform_filter(cause).mark_bar(height=15).encode(
            x=alt.X("low:Q", title=f"{units}{cut}", scale=scale, axis=axis), x2="high:Q", color=colour, tooltip=tips
        ),
        # a bar that does not begin at 0 would lie about its length
        base.transform_filter(number).mark_tick(thickness=3, height=20).encode(
            x=alt.X("high:Q"), color=colour, tooltip=tips
        ),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("high:Q"), text="said:N"),
    ).properties(width=430, height=steps.height * 26)  # fmt: skip
    return look.titled(drawn, "Why does Druid show another number?", _subtitle(table, whole), _description(whole, causes, units))  # fmt: skip


def _domain(steps: pl.DataFrame) -> list[float]:
    """Ends of the axis: around what differs; from 0 where nothing does, or where that is little more."""
    ends = [*steps["high"], *steps["low"]]
    spread = max(ends) - min(ends)
    start = min(ends) - spread / 2
    cut = spread > 0 and start > 0
    return [start if cut or start < 0 else 0.0, max(ends) + spread / 5 if spread else max(ends) * 1.2]


def _steps(whole: dict[str, float], causes: dict[str, float]) -> pl.DataFrame:
    """Places of the published number, of each cause from there on, and of the weighted number."""
    rows = [(PUBLISHED, whole["published"], whole["published"], "number", look.count(whole["published"]), "")]
    at = whole["published"]
    for name, size in causes.items():
        kind = "more" if size > 0 else "less"
        rows.append((NAMES[name], min(at, at + size), max(at, at + size), kind, _signed(size), CAUSES[name]))
        at += size
    rows.append((WEIGHTED, whole["weighted"], whole["weighted"], "number", look.count(whole["weighted"]), ""))
    return pl.DataFrame(rows, schema=["step", "low", "high", "kind", "said", "why"], orient="row")


def _signed(size: float) -> str:
    """Number with its sign; one digit more where it is small."""
    return f"{size:+,.0f}" if abs(size) >= 1 else f"{size:+.2f}"


def _subtitle(table: pl.DataFrame, whole: dict[str, float]) -> list[str]:
    units = UNITS[table["unit"][0]]
    lines = [
        f"{look.count(whole['n'])} {units} recorded (weight {table['weight'][0]}); sums of the export, without an interval"
    ]
    if whole["unweighted"]:
        lines.append(f"{look.count(whole['unweighted'])} without a usable sample rate are in no number here")
    if (table["note"].str.contains("normalised")).any():
        lines.append("the export has only the normalised count: what was cut cannot be told from what is missing")
    return lines


def _description(whole: dict[str, float], causes: dict[str, float], units: str) -> str:
    said = f"Druid publishes {look.count(whole['published'])} page views; weighted there are {look.count(whole['weighted'])} {units}."
    if not causes:
        return f"{said} There is no difference."
    most = max(causes, key=lambda name: abs(causes[name]))
    return f"{said} Most of the difference: {NAMES[most]} ({_signed(causes[most])})."
