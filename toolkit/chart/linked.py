"""Small bars beside a chart, one panel for each dimension: who is in it, and what to click to choose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import look
from toolkit.chart.drawing import Drawing

FEW = 6  # values of a panel that has many more
ALL = 9  # values of a panel that are all shown, such as the modules of one year
WIDE = 150
SHORT = "length(datum.label) > 20 ? slice(datum.label, 0, 10) + '…' + slice(datum.label, -9) : datum.label"


def linked_bars(totals: Mapping[str, pl.DataFrame], chosen: Mapping[str, Any], units: str) -> Drawing:
    """Bars of the largest values of each dimension; those of days stand, the others lie.

    Parameters
    ----------
    totals : dict of pl.DataFrame
        For each dimension its values (`value`) and how many units they hold (`total`).
    chosen : dict
        What is chosen: a value, for `days` the first and the last day as text, or None for all.
    units : str
        What is counted, in words.

    Returns
    -------
    Drawing
        Rows have `dimension` and `pick`, the value that a click on the bar chooses.
    """
    data = {f"by_{name}": _bars(frame, name, chosen.get(name)) for name, frame in totals.items()}
    said = f"Number of {units} by {', '.join(totals)}: a bar chooses its value."
    return Drawing(_form, (tuple(totals),), data, "Click a bar to choose", [units], said)


def _bars(frame: pl.DataFrame, name: str, chosen: Any) -> pl.DataFrame:
    value = pl.col("value")
    if name == "days":
        rows = frame.drop_nulls("value").sort("value").with_columns(value.dt.strftime("%Y-%m-%d"))
        is_in = value.is_between(pl.lit(chosen[0]), pl.lit(chosen[1])) if chosen else pl.lit(value=True)
    else:
        rows = frame.drop_nulls("value").sort("total", "value", descending=[True, False])
        is_in = pl.lit(value=True) if chosen is None else value == chosen
        many = FEW if rows.height > ALL else ALL
        top = rows.head(many)
        rows = (
            top
            if chosen is None or top.filter(value == chosen).height
            else pl.concat([rows.head(many - 1), rows.filter(value == chosen)])
        )
    return rows.select(
        dimension=pl.lit(name), pick=value, name=value.cast(pl.String), total="total", said=pl.col("total").map_elements(look.count, return_dtype=pl.String), is_in=is_in
    )  # fmt: skip


@cache
def _form(dimensions: tuple[str, ...]) -> Any:
    panels = [_days() if name == "days" else _values(name) for name in dimensions]
    return alt.vconcat(*panels, spacing=10).properties(config=look.LOOKS)


def _base(name: str) -> alt.Chart:
    colour = alt.condition("datum.is_in", alt.value(look.BLUE), alt.value(look.PALE))
    tips = [alt.Tooltip("name:N", title=name), alt.Tooltip("said:N", title="units")]
    return alt.Chart(alt.NamedData(f"by_{name}")).encode(color=colour, tooltip=tips)


def _values(name: str) -> Any:
    axis = alt.Axis(labelLimit=150, minExtent=120, labelExpr=SHORT, ticks=False, domain=False)
    base = _base(name).encode(y=alt.Y("name:N", sort=None, title=None, axis=axis))
    return alt.layer(
        base.mark_bar(height=11, cursor="pointer").encode(x=alt.X("total:Q", axis=None)),
        base.mark_text(align="left", dx=4, fontSize=10, cursor="pointer").encode(
            x=alt.X("total:Q", axis=None), text="said:N", color=alt.value(look.INK)
        ),
    ).properties(width=WIDE, height=alt.Step(15), title=look.panel(name))


def _days() -> Any:
    x = alt.X("name:O", title=None, axis=alt.Axis(labelExpr="slice(datum.label, 5)", labelAngle=0, labelOverlap=True))
    return (
        _base("days")
        .mark_bar(cursor="pointer")
        .encode(x=x, y=alt.Y("total:Q", axis=None))
        .properties(width=WIDE + 60, height=46, title=look.panel("days (shift for a range)"))
    )
