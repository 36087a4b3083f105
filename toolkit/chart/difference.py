"""Differences between funnels drawn: a point and an interval for each stage and code, around zero."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import reference
from toolkit.chart import look
from toolkit.measure.difference import DIFFERENCE

NEEDED = ("baseline", *DIFFERENCE)
UNITS = {"pageview": "page views", "attempt": "campaign attempts"}
OF = {"share": "share of attempted", "conversion": "conversion from the stage before"}


def difference(table: pl.DataFrame) -> Any:
    """Draw differences of shares between segments or periods, in percentage points.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.difference` or `measure.status_change` gives.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: the largest differences first, filled where the adjusted chance is below 1 - level.

    Examples
    --------
    >>> from toolkit.measure import status_funnel
    >>> from toolkit.measure.difference import difference as measured
    >>> rows = pl.DataFrame({"device": ["ipad", "ipad", "desktop", "desktop"], "status_code": ["6", "2.1"] * 2,
    ...                      "requests": [50, 50, 80, 20], "ms": 0, "sample_rate": 1.0, "flags": 0})
    >>> difference(measured(status_funnel(rows, by="device"), by="device", baseline="desktop")).to_dict()["description"]
    'Differences of the share of attempted from desktop, in percentage points. Largest: banner shown, ipad, -30.0.'
    """
    look.check(table, "difference", NEEDED)
    labels = dict(reference.table("stage").select("stage", "label").iter_rows())
    names = [name for name in table.columns if name not in {*DIFFERENCE, *look.TIMES}]
    level, value, baseline = (table[name][0] for name in ("level", "value", "baseline"))
    of_stage = pl.col("stage").cast(pl.String).replace_strict(labels)
    of_code = pl.concat_str(pl.col("status_code").fill_null("no code"), pl.lit("  "), "label", ignore_nulls=True)
    step = pl.when(outcome="reached").then(of_stage).otherwise(of_code)
    segment = pl.concat_str([look.named(name, table.schema[name]) for name in names], separator=" · ")
    known = table.drop_nulls("difference").with_columns(step=step, segment=segment)
    several = known["segment"].n_unique() > 1
    rows = known.select(
        "segment",
        "step",
        name=pl.concat_str("step", "segment", separator=" · ") if several else pl.col("step"),
        points=pl.col("difference") * 100,
        low=pl.col("difference_low") * 100,
        high=pl.col("difference_high") * 100,
        sure=pl.when(pl.col("p_adjusted") < 1 - level).then(pl.lit("yes")).otherwise(pl.lit("no")),
        here=look.percents("estimate"),
        there=look.percents("estimate_baseline"),
        chance=pl.col("p_adjusted"),
        at=pl.col("stage").to_physical(),  # what differs by the same amount is told by its last stage
    ).sort(pl.col("points").abs().round(9), "at", "name", descending=[True, True, False])
    drawn = rows.head(look.MOST)
    look.check(drawn, "difference", ("points",))
    base = alt.Chart(drawn.with_columns(said=pl.col("points").map_elements(_points, return_dtype=pl.String))).encode(
        y=alt.Y("name:N", sort=list(drawn["name"]), title=None, axis=alt.Axis(labelLimit=330))
    )
    least, most = look.largest(-drawn["low"].clip(None, 0)), look.largest(drawn["high"].clip(0))
    room = (least + most) * 0.16  # for the number behind the interval
    scale = alt.Scale(domain=[-least, most + room], nice=True)
    x = alt.X("points:Q", title=f"difference of the {OF[value]} [percentage points]", scale=scale, axis=alt.Axis(labelExpr="datum.value == 0 ? '0' : datum.label", format="+.1~f", tickCount=6))  # fmt: skip
    chart = alt.layer(
        alt.Chart(pl.DataFrame({"zero": [0]})).mark_rule(color="#aaa", strokeDash=[3, 3]).encode(x="zero:Q"),
        base.mark_rule(color=look.INK).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1, stroke=look.BLUE).encode(
            x=x,
            fill=alt.Fill(
                "sure:N",
                scale=alt.Scale(domain=["yes", "no"], range=[look.BLUE, "white"]),
                legend=alt.Legend(title="sure after adjustment", orient="bottom", symbolStrokeColor=look.BLUE),
            ),
            tooltip=[
                alt.Tooltip("step:N", title="stage or code"),
                alt.Tooltip("segment:N"),
                alt.Tooltip("here:N", title=OF[value]),
                alt.Tooltip("there:N", title=_word(baseline)),
                alt.Tooltip("said:N", title="difference"),
                alt.Tooltip("chance:Q", title="p, adjusted", format=".2g"),
            ],
        ),
        base.mark_text(align="left", dx=8, color=look.INK).encode(x=alt.X("high:Q"), text="said:N"),
    ).properties(width=430, height=drawn.height * look.ROW)
    who = "the others" if several else str(rows["segment"][0])
    first = rows.row(0, named=True)
    subtitle = [
        f"{UNITS[table['unit'][0]]}, weight {table['weight'][0]}; {look.intervals(level)}; filled: p below {1 - level:.2g} by Holm's method over all {known.height} rows",
        *([f"the {look.MOST} largest of {rows.height} differences"] if rows.height > look.MOST else []),
        *look.when(table),
    ]
    said = (
        f"Differences of the {OF[value]} from {_word(baseline)}, in percentage points."
        f" Largest: {first['step'].lower()}, {first['segment']}, {first['points']:+.1f}."
    )
    return look.titled(chart, f"How does {who} differ from {_word(baseline)}?", subtitle, said)


def _points(value: float) -> str:
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0.0"  # noqa: PLR2004 - would be rounded to it, with a sign


def _word(value: Any) -> str:
    return "(none)" if value is None else str(value)
