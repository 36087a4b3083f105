"""Ordered funnels drawn: how many take each step, between the strict count and the permissive one."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import look
from toolkit.measure.steps import RESULT

NEEDED = (
    "unit", "step", "label", "order", "n", "share", "share_low", "share_high", "conversion", "time_median_low_s",
    "time_median_high_s", "n_eff", "level", "first_dt", "last_dt",
)  # fmt: skip
MANY = 8  # funnels that can be read below each other


def ordered_funnel(table: pl.DataFrame) -> Any:
    """Draw an ordered funnel: bars from nothing to the strict and on to the permissive count, a tick for any order.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.ordered_funnel` gives, without or with one further dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: share of the units of step 1 that take each step, strictly (dark) and permissively
        (pale), with the interval around both, and in any order (tick).

    Examples
    --------
    >>> from toolkit.measure.steps import ordered_funnel as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": [1, 1, 2], "ms": [0, 4000, 7000],
    ...                      "action": ["impression", "link-click", "impression"]})
    >>> ordered_funnel(measured(rows)).to_dict()["description"]
    'Of 2 units that take step 1, impression, 50.0 % take step 2, link-click.'
    """
    look.check(table, "ordered_funnel", NEEDED)
    by = [name for name in table.columns if name not in RESULT]
    if len(by) > 1 or (by and table[by[0]].n_unique() > MANY):
        raise errors.not_allowed("by", ", ".join(by), f"is for this chart one dimension of at most {MANY} values")
    value = look.named(by[0], table.schema[by[0]]) if by else pl.lit("")
    rows = _wide(table.with_columns(value=value))
    panels = [
        _panel(rows.filter(value=name), by[0] if by else "", last=at == rows["value"].n_unique() - 1)
        for at, name in enumerate(rows["value"].unique(maintain_order=True))
    ]
    chart = alt.vconcat(*panels, spacing=12) if by else panels[0]
    return look.titled(chart, "How many take one step after the other?", _subtitle(table), _description(rows))


def _wide(table: pl.DataFrame) -> pl.DataFrame:
    """One row for each step, with its three counts."""
    parts = {
        order: table.filter(pl.col("order") == order).select("value", "step", **columns)
        for order, columns in {
            "strict": {
                "label": "label", "n_strict": "n", "strict": "share", "low": "share_low", "of": "n_eff",
                "time_low": "time_median_low_s", "time_high": "time_median_high_s",
            },
            "permissive": {
                "n_permissive": "n", "permissive": "share", "high": "share_high", "late_low": "time_median_low_s",
                "late_high": "time_median_high_s",
            },
            "order-free": {"n_free": "n", "free": "share"},
        }.items()
    }  # fmt: skip
    wide = parts["strict"]
    for order in ("permissive", "order-free"):
        wide = wide.join(parts[order], on=["value", "step"], maintain_order="left")
    same = pl.col("n_strict") == pl.col("n_permissive")
    between = pl.format("{} to {}", look.percents("strict"), look.percents("permissive"))
    first = pl.format("{} units", pl.col("of").map_elements(look.count, return_dtype=pl.String))
    fastest, slowest = pl.min_horizontal("time_low", "late_low"), pl.max_horizontal("time_high", "late_high")
    return wide.with_columns(
        place=pl.format("{}. {}", "step", "label"),
        said=pl.when(pl.col("step") == 1).then(first).when(same).then(look.percents("strict")).otherwise(between),
        counts=pl.when(same).then(pl.col("n_strict").cast(pl.String)).otherwise(pl.format("{} to {}", "n_strict", "n_permissive")),
        took=pl.format("{} to {}", fastest.round(1), slowest.round(1)),
        reach=pl.max_horizontal("high", "free", "permissive"),
    )  # fmt: skip


def _panel(rows: pl.DataFrame, by: str, *, last: bool) -> Any:
    order = rows["place"].to_list()
    label = look.SHORT
    y = alt.Y("place:N", sort=order, title=None, axis=alt.Axis(labelExpr=label, labelLimit=240))
    axis = alt.Axis(
        format="~%",
        values=[0, 0.2, 0.4, 0.6, 0.8, 1],
        labels=last,
        ticks=last,
        title="share of step 1" if last else None,
    )
    scale = alt.Scale(domain=[0, 1.28])
    tips = [
        alt.Tooltip("label:N", title="step"),
        *([alt.Tooltip("value:N", title=by)] if by else []),
        alt.Tooltip("said:N", title="strict to permissive"),
        alt.Tooltip("counts:N", title="units"),
        alt.Tooltip("n_free:Q", title="in any order", format=","),
        alt.Tooltip("took:N", title="median time from step 1 [s]"),
    ]
    base = alt.Chart(rows).encode(y=y)
    return alt.layer(
        base.mark_bar(color=look.PALE, height=14).encode(x=alt.X("permissive:Q", axis=axis, scale=scale), tooltip=tips),
        base.mark_bar(color=look.BLUE, height=14).encode(x="strict:Q", tooltip=tips),
        base.mark_rule(color="#222", strokeWidth=1.2).encode(x="low:Q", x2="high:Q"),
        base.mark_tick(color="#d55e00", thickness=2.5, height=18).encode(x="free:Q", tooltip=tips),
        base.mark_text(align="left", dx=7, color=look.INK).encode(x="reach:Q", text="said:N"),
    ).properties(width=430, height=28 * len(order), title=look.panel(f"{by}: {rows['value'][0]}" if by else ""))


def _subtitle(table: pl.DataFrame) -> list[str]:
    said = "dark: each step at a later time; pale: the same time is allowed; tick: in any order"
    line = f"unit: {table['unit'][0]}; every event counts once; {look.intervals(table['level'][0])} around both"
    notes = table["note"].drop_nulls().unique(maintain_order=True).to_list() if "note" in table.columns else []
    return [line, said, "; ".join([look.period(table["first_dt"].min(), table["last_dt"].max()), *notes])]


def _description(rows: pl.DataFrame) -> str:
    first = rows["value"][0]
    steps = rows.filter(value=first)
    later = [
        f"{said} take step {step}, {label}" for step, label, said in steps.select("step", "label", "said").rows()[1:]
    ]
    whose = f"{first}: of" if first else "Of"
    more = f" {rows['value'].n_unique() - 1} more funnels." if first else ""
    return (
        f"{whose} {look.count(steps['of'][0])} units that take step 1, {steps['label'][0]}, {'; '.join(later) or 'no more is asked'}."
        + more
    )
