"""Hover dwell drawn: bounds of how long the pointer rests on each module, and what became of the hover events."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import look
from toolkit.measure.hovers import RESULT

NEEDED = (
    "module", "unit", "pairs", "open", "orphan", "restored", "dwell_median_low_s", "dwell_median_high_s", "dwell_p90_low_s",
    "dwell_p90_high_s", "dwell_open_interval_low_s", "dwell_open_interval_high_s", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
EPISODES = ("module", "kind", "dwell_low_s", "dwell_high_s")
KINDS = {"pairs": look.BLUE, "open": "#e69f00", "orphan": "#cc79a7", "restored": "#5c3566"}
KIND_WORDS = {
    "pairs": "pair",
    "open": "in without out",
    "orphan": "out without in",
    "restored": "page loaded anew between",
}
MANY = 12  # modules that can be read beside each other
LONGEST = 60  # end of the axis of lengths [s]


def dwell(table: pl.DataFrame) -> Any:
    """Draw how long desktop users hover over each module, and which hovers have no length.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.dwell` gives, without a further dimension.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: seconds between which the median and the 90th percentile of the pairs lie, the interval
        of the median that counts open hovers too, and the share of hovers of each kind.

    Examples
    --------
    >>> from toolkit.measure.hovers import dwell as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "platform": "desktop",
    ...                      "action": ["hover-in", "hover-out"], "ms": [0, 3000]})
    >>> dwell(measured(rows)).to_dict()["description"]
    'Median hover on each of 1 modules: longest on help (between 2 and 4 s), shortest on help (between 2 and 4 s).'
    """
    look.check(table, "dwell", NEEDED)
    if by := [name for name in table.columns if name not in {*RESULT, "module"}]:
        raise errors.not_allowed("by", ", ".join(by), "is for this chart nothing but the module")
    rows = table.filter(pl.col("pairs") > 0)
    look.check(rows, "dwell", NEEDED)
    rows = rows.sort("dwell_median_high_s", "dwell_p90_high_s", "module", descending=[True, True, False])
    order = rows["module"].to_list()
    chart = alt.hconcat(_lengths(rows, order), _kinds(rows, order), spacing=24)
    return look.titled(
        chart, "How long does the pointer rest on each module?", _subtitle(table, rows), _description(rows)
    )


def dwell_lengths(table: pl.DataFrame) -> Any:
    """Draw how the lengths of hovers are spread in each module, as a band in which the share of shorter ones lies.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.hovers` gives, of at most twelve modules.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: for each module the share of pairs that last no longer than so many seconds; the upper edge
        takes all pairs at their lower bound, the lower edge at their upper bound. Lengths above a minute are not drawn.

    Examples
    --------
    >>> from toolkit.measure.hovers import hovers
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "platform": "desktop",
    ...                      "action": ["hover-in", "hover-out"], "ms": [0, 3000]})
    >>> dwell_lengths(hovers(rows)).to_dict()["description"]
    'Share of hovers that last no longer than so many seconds, as a band for each of 1 modules: help.'
    """
    look.check(table, "dwell_lengths", EPISODES)
    pairs = table.filter(pl.col("kind") == "pair")
    look.check(pairs, "dwell_lengths", EPISODES)
    modules = sorted(pairs["module"].unique())
    if len(modules) > MANY:
        raise errors.not_allowed("table", f"{len(modules)} modules", f"has at most {MANY} modules for this chart")
    seconds = pl.DataFrame({"s": range(LONGEST + 1)}).cast(pl.Float64)
    band = (
        pairs.select("module", "dwell_low_s", "dwell_high_s")
        .join(seconds, how="cross")
        .group_by("module", "s")
        .agg(
            low=(pl.col("dwell_high_s") <= pl.col("s")).mean(),
            high=(pl.col("dwell_low_s") <= pl.col("s")).mean(),
            pairs=pl.len(),
        )
        .sort("module", "s")
        .with_columns(said=pl.format("{} to {}", look.percents("low"), look.percents("high")))
    )
    x = alt.X(
        "s:Q",
        title="seconds",
        scale=alt.Scale(type="symlog", domain=[0, LONGEST]),
        axis=alt.Axis(values=[0, 1, 3, 10, 30, 60]),
    )
    area = (
        alt.Chart(band)
        .mark_area(color=look.BLUE, opacity=0.55, interpolate="step-after", line={"color": look.BLUE, "strokeWidth": 1})
        .encode(
            x=x,
            y=alt.Y("low:Q", title="share of hovers", axis=alt.Axis(format="~%", tickCount=4), scale=alt.Scale(domain=[0, 1])),
            y2="high:Q",
            tooltip=[
                alt.Tooltip("module:N"),
                alt.Tooltip("s:Q", title="no longer than [s]"),
                alt.Tooltip("said:N", title="share"),
                alt.Tooltip("pairs:Q", title="hovers", format=","),
            ],
        )
        .properties(width=190, height=110)
    )  # fmt: skip
    chart = area.facet(
        facet=alt.Facet("module:N", title=None, header=alt.Header(labelAnchor="start", labelFontSize=12)), columns=3
    )
    said = ["a band, since a time stamp leaves open when within its second a pointer came and went"]
    kinds = ", ".join(f"{look.count(n)} {kind}" for kind, n in table["kind"].value_counts(sort=True).rows())
    return look.titled(
        chart,
        "How are the lengths of hovers spread?",
        [*said, f"episodes: {kinds}; only pairs have a length"],
        f"Share of hovers that last no longer than so many seconds, as a band for each of {len(modules)} modules: {', '.join(modules)}.",
    )


def _lengths(rows: pl.DataFrame, order: list[str]) -> Any:
    drawn = rows.select(
        "module", "pairs", median_low="dwell_median_low_s", median_high="dwell_median_high_s", p90_low="dwell_p90_low_s",
        p90_high="dwell_p90_high_s", low="dwell_open_interval_low_s", high="dwell_open_interval_high_s",
        median=_between("dwell_median_low_s", "dwell_median_high_s"), p90=_between("dwell_p90_low_s", "dwell_p90_high_s"),
        interval=_between("dwell_open_interval_low_s", "dwell_open_interval_high_s"),
    )  # fmt: skip
    tips = [
        alt.Tooltip("module:N"),
        alt.Tooltip("median:N", title="median of pairs [s]"),
        alt.Tooltip("p90:N", title="9 of 10 pairs at most [s]"),
        alt.Tooltip("interval:N", title="interval of the median with open hovers [s]"),
        alt.Tooltip("pairs:Q", title="pairs", format=","),
    ]
    base = alt.Chart(drawn).encode(y=alt.Y("module:N", sort=order, title=None))
    scale = alt.Scale(domain=[0, look.largest(drawn["p90_high"]) * 1.05])
    return alt.layer(
        base.mark_rule(color=look.PALE, strokeWidth=1.5).encode(x=alt.X("median_high:Q", scale=scale, title="seconds"), x2="p90_low:Q"),
        base.mark_bar(height=12, color=look.BLUE).encode(x="median_low:Q", x2="median_high:Q", tooltip=tips),
        base.mark_bar(height=12, color=look.PALE).encode(x="p90_low:Q", x2="p90_high:Q", tooltip=tips),
        base.mark_rule(color=look.INK, strokeWidth=2, yOffset=10).encode(x="low:Q", x2="high:Q"),
    ).properties(
        width=330,
        height=max(60, 26 * len(order)),
        title=look.panel("Median (dark) and 90th percentile (pale) lie between"),
    )  # fmt: skip


def _kinds(rows: pl.DataFrame, order: list[str]) -> Any:
    kinds = (
        rows.select("module", *KINDS)
        .unpivot(index="module", variable_name="column", value_name="n")
        .with_columns(
            share=pl.col("n") / pl.col("n").sum().over("module"),
            place=pl.col("column").replace_strict({name: at for at, name in enumerate(KINDS)}, return_dtype=pl.Int64),
            kind=pl.col("column").replace_strict(KIND_WORDS),
        )
        .filter(pl.col("n") > 0)
        .with_columns(said=look.percents("share"))
    )
    drawn = [name for name in KINDS if name in set(kinds["column"])]
    return (
        alt.Chart(kinds)
        .mark_bar(height=12)
        .encode(
            y=alt.Y("module:N", sort=order, title=None, axis=None),
            x=alt.X("share:Q", title="share of hovers", axis=alt.Axis(format="~%", tickCount=4), scale=alt.Scale(domain=[0, 1])),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=[KIND_WORDS[name] for name in drawn], range=[KINDS[name] for name in drawn]),
                legend=alt.Legend(orient="bottom", columns=4, labelLimit=220),
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("module:N"),
                alt.Tooltip("kind:N"),
                alt.Tooltip("n:Q", title="hovers", format=","),
                alt.Tooltip("said:N", title="share"),
            ],
        )
        .properties(width=230, height=max(60, 26 * len(order)), title=look.panel("Which hovers have both ends?"))
    )  # fmt: skip


def _between(low: str, high: str) -> pl.Expr:
    """Bounds in words; an end that is not known is open."""
    return pl.format("{} to {}", pl.col(low).round(1), pl.col(high).round(1).cast(pl.String).fill_null("more"))


def _subtitle(table: pl.DataFrame, rows: pl.DataFrame) -> list[str]:
    notes = table["note"].drop_nulls().unique(maintain_order=True).to_list()
    without = table.height - rows.height
    missing = [f"{without} without hovers ({'; '.join(notes)})"] if without else []
    return [
        f"unit: {rows['unit'][0]}; bounds by the grain of the time stamps; line: {look.intervals(table['level'][0])} of the median that counts open hovers too",
        "; ".join([look.period(table["first_dt"].min(), table["last_dt"].max()), *missing]),
    ]  # fmt: skip


def _description(rows: pl.DataFrame) -> str:
    first, last = rows.row(0, named=True), rows.row(-1, named=True)

    def said(row: dict[str, Any]) -> str:
        return f"{row['module']} (between {row['dwell_median_low_s']:g} and {row['dwell_median_high_s']:g} s)"

    return f"Median hover on each of {rows.height} modules: longest on {said(first)}, shortest on {said(last)}."
