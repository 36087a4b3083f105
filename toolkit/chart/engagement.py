"""Module engagement drawn: the share of visits that click each module, and how long the pointer rests on it."""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import look
from toolkit.chart.drawing import Drawing
from toolkit.measure.engagement import RESULT

NEEDED = (
    "module",
    "unit",
    "weight",
    "visits",
    "visits_clicked",
    "share",
    "share_low",
    "share_high",
    "level",
    "dwell_median_low_s",
    "dwell_median_high_s",
    "dwell_p90_low_s",
    "dwell_p90_high_s",
    "pairs",
)
MEASURES = frozenset(RESULT) | {"module"}
MANY = 8  # colours that can be told apart


def module_engagement(table: pl.DataFrame) -> Any:
    """Draw the engagement with each module.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.module_engagement` gives, without or with one further dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: share of visits with a click and its interval; bounds of the median hover dwell, and of
        the dwell that nine of ten do not exceed, where hovers were logged.

    Examples
    --------
    >>> from toolkit import measure
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": [0, 0, 1], "module": "help", "platform": "desktop",
    ...                      "action": ["impression", "link-click", "impression"], "ms": 0})
    >>> module_engagement(measure.module_engagement(rows)).to_dict()["description"]
    'Share of visits with a click on each of 1 modules: highest for help (50.0 %), lowest for help (50.0 %).'
    """
    return drawing(table).chart()


def drawing(table: pl.DataFrame) -> Drawing:
    """What `module_engagement` draws, for an explorer that draws it anew with each choice."""
    look.check(table, "module_engagement", NEEDED)
    by = [name for name in table.columns if name not in MEASURES]
    if len(by) > 1 or (by and table[by[0]].n_unique() > MANY):
        raise errors.not_allowed("by", ", ".join(by), f"is for this chart one dimension of at most {MANY} values")
    table = table.filter(pl.col("visits") > 0)
    look.check(table, "module_engagement", NEEDED)
    order = list(_shares(table).sort("share", "module", descending=[True, False])["module"])
    rows = table.select(
        "module",
        "visits",
        "visits_clicked",
        "share",
        "pairs",
        value=look.named(by[0], table.schema[by[0]]) if by else pl.lit("all"),
        low="share_low",
        high="share_high",
        median_low="dwell_median_low_s",
        median_high="dwell_median_high_s",
        p90_low="dwell_p90_low_s",
        p90_high="dwell_p90_high_s",
        said=look.percents("share"),
        median=_between("dwell_median_low_s", "dwell_median_high_s"),
        p90=_between("dwell_p90_low_s", "dwell_p90_high_s"),
        none=pl.when(pl.col("pairs") == 0).then(pl.lit("none")).otherwise(pl.lit("")),
    )
    places = pl.DataFrame({"module": order}).with_row_index("place")
    placed = rows.join(places, on="module").sort("place", "value").with_columns(turn=_turn())
    return Drawing(
        _form,
        (by[0] if by else "", bool(rows["pairs"].sum())),
        {"modules": placed.drop("place")},
        "Which modules are used?",
        _subtitle(table),
        _description(table, order),
        {"room": look.largest(rows["high"]) * 1.22, "longest": look.largest(rows["p90_high"]) * 1.05},
    )


@cache
def _form(by: str, has_hovers: bool) -> Any:  # noqa: FBT001 - part of the form's name
    scale = alt.Scale(range=look.CATEGORIES)
    colour = (
        alt.Color("value:N", title=by, scale=scale, legend=alt.Legend(orient="top")) if by else alt.value(look.BLUE)
    )
    offset: dict[str, Any] = {"yOffset": alt.YOffset("turn:O")} if by else {}
    height = alt.Step(15, **{"for": "offset"}) if by else alt.Step(30)
    base = alt.Chart(alt.NamedData("modules")).encode(**offset)
    left = base.encode(y=alt.Y("module:N", sort=None, title=None))
    clicked = alt.layer(
        left.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q", color=colour),
        left.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X(
                "share:Q",
                title="share of visits with a click",
                scale=alt.Scale(domainMin=0, domainMax=alt.ExprRef("room")),
                axis=alt.Axis(format="~%", tickCount=5),
            ),
            color=colour,
            tooltip=[
                alt.Tooltip("module:N"),
                *([alt.Tooltip("value:N", title=by)] if by else []),
                alt.Tooltip("said:N", title="share"),
                alt.Tooltip("visits_clicked:Q", title="visits with a click", format=","),
                alt.Tooltip("visits:Q", title="visits with an impression", format=","),
            ],
        ),
        left.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("high:Q"), text="said:N"),
    ).properties(width=300, height=height, title=look.panel("Clicked"))
    if not has_hovers:
        return clicked.properties(config=look.LOOKS)
    right = base.encode(y=alt.Y("module:N", sort=None, title=None, axis=None))
    return alt.hconcat(clicked, _dwell(right, colour, height), spacing=24).properties(config=look.LOOKS)


def _turn() -> pl.Expr:
    """Place of a value within its module, in the order of the alphabet; few values stand in the middle."""
    number = pl.len().over("module")
    return pl.int_range(pl.len()).over("module") + (number.max() - number) // 2


def _shares(table: pl.DataFrame) -> pl.DataFrame:
    """Share of each module over all its rows."""
    return table.group_by("module").agg(share=pl.col("visits_clicked").sum() / pl.col("visits").sum())


def _dwell(at: alt.Chart, colour: Any, height: Any) -> Any:
    tips = [
        alt.Tooltip("module:N"),
        alt.Tooltip("median:N", title="median [s]"),
        alt.Tooltip("p90:N", title="9 of 10 at most [s]"),
        alt.Tooltip("pairs:Q", title="hovers", format=","),
    ]
    return alt.layer(
        at.mark_rule(strokeWidth=1).encode(x="median_high:Q", x2="p90_low:Q", color=colour),
        at.mark_bar(height=7).encode(
            x=alt.X(
                "median_low:Q",
                title="bounds of the median (bar) and 90th percentile (frame) [s]",
                scale=alt.Scale(domainMin=0, domainMax=alt.ExprRef("longest")),
            ),
            x2="median_high:Q",
            color=colour,
            tooltip=tips,
        ),
        at.mark_bar(height=7, fillOpacity=0, strokeWidth=1.5).encode(
            x="p90_low:Q", x2="p90_high:Q", stroke=_stroke(colour), tooltip=tips
        ),
        at.mark_text(align="left", color=look.INK).encode(x=alt.value(4), text="none:N"),
    ).properties(
        width=300,
        height=height,
        title=look.panel("Hovered (desktop)"),
    )


def _between(low: str, high: str) -> pl.Expr:
    """Bounds in words."""
    return pl.format("{} to {}", pl.col(low).round(1), pl.col(high).round(1))


def _stroke(colour: Any) -> Any:
    """Colour of a mark, for the frame around it."""
    if not isinstance(colour, alt.Color):
        return colour
    parts: Any = colour.to_dict()
    return alt.Stroke.from_dict({**parts, "legend": None})


def _subtitle(table: pl.DataFrame) -> list[str]:
    most = table["visits"].max()
    lines = [
        f"unit: {table['unit'][0]} with an impression of the module, at most {look.count(most)} of them; every event counts once; {look.intervals(table['level'][0])}",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    if pairs := table["pairs"].sum():
        lines[-1] += f"; {look.count(pairs)} hovers with both ends, {look.count(table['open'].sum())} left open"
    return lines


def _description(table: pl.DataFrame, order: list[str]) -> str:
    share = dict(_shares(table).iter_rows())
    first, last = order[0], order[-1]
    return (
        f"Share of visits with a click on each of {len(order)} modules: highest for {first} ({look.percent(share[first])}), "
        f"lowest for {last} ({look.percent(share[last])})."
    )
