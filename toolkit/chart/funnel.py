"""The status funnel drawn: how far page views or attempts come, and why the others stop."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import altair as alt
import polars as pl

from toolkit import decode, reference
from toolkit.chart import look
from toolkit.chart.drawing import Drawing
from toolkit.measure.funnel import RESULT

NEEDED = (
    "unit",
    "weight",
    "stage",
    "outcome",
    "status_code",
    "label",
    "group",
    "n",
    "total",
    "share",
    "share_low",
    "share_high",
    "level",
)
MEASURES = frozenset(RESULT)
ROW_BAR, WIDE = 17, 440
LABELS = alt.Axis(labelLimit=240, minExtent=215)  # the same room in both parts, so that they stand below each other
UNITS = {"pageview": "page views", "attempt": "campaign attempts"}


def status_funnel(table: pl.DataFrame) -> Any:
    """Draw a status funnel, or many side by side.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.status_funnel` gives. Without dimensions: bars of the stages and, below them, of the codes that
        stop the others. With dimensions: for each value the share shown and what becomes of all units; over time if
        the dimension is one (`week`, `day`, `hour`).

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with. Bars and points are estimates, thin lines intervals.

    Examples
    --------
    >>> from toolkit import measure
    >>> rows = pl.DataFrame({"status_code": ["6", "2.1"], "requests": [3, 1], "ms": 0, "sample_rate": 1.0, "flags": 0})
    >>> status_funnel(measure.status_funnel(rows)).to_dict()["description"]
    'Of 4 page views with a campaign attempted, 75.0 % end in a banner shown. Most others stop at 2.1 closed earlier (25.0 %).'
    """
    return drawing(table).chart()


def drawing(table: pl.DataFrame) -> Drawing:
    """What `status_funnel` draws, for an explorer that draws it anew with each choice."""
    look.check(table, "status_funnel", NEEDED)
    by = [name for name in table.columns if name not in MEASURES]
    if not by:
        return _one(table)
    if len(by) == 1 and table[by[0]].dtype.is_temporal():
        return _over_time(table, by[0])
    return _many(table, by)


def _one(table: pl.DataFrame) -> Drawing:
    stops = table.filter(outcome="stopped")
    labels = dict(reference.table("stage").select("stage", "label").iter_rows())
    bars = table.filter(outcome="reached").select(
        stage=pl.col("stage").cast(pl.String).replace_strict(labels),
        total="total",
        low="total_low",
        high="total_high",
        said=pl.struct("total", "share").map_elements(_amount, return_dtype=pl.String),
    )
    reasons = _reasons(stops)
    return Drawing(
        _one_form,
        (UNITS[table["unit"][0]], stops.height > 0),
        {"stages": bars, **({"reasons": reasons} if stops.height else {})},
        "Where do banners stop?",
        _subtitle(table),
        _description(table),
        {
            "room": look.largest(bars["high"]) * 1.42,
            "reasons_room": look.largest(reasons.select(pl.max_horizontal("share", "high")).to_series()) * 1.25,
            "causes": _present(reasons),
        },
    )


@cache
def _one_form(units: str, has_stops: bool) -> Any:  # noqa: FBT001 - part of the form's name
    base = alt.Chart(alt.NamedData("stages")).encode(y=alt.Y("stage:N", sort=None, title=None, axis=LABELS))
    room = alt.Scale(domainMin=0, domainMax=alt.ExprRef("room"))
    x = alt.X("total:Q", title=units, scale=room, axis=alt.Axis(format=",d", tickCount=4))
    stages = alt.layer(
        base.mark_bar(color=look.PALE, height=ROW_BAR).encode(
            x=x, tooltip=[alt.Tooltip("stage:N"), alt.Tooltip("said:N", title=units)]
        ),
        base.mark_rule(color=look.INK).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("high:Q"), text="said:N"),
    ).properties(width=WIDE, height=alt.Step(26), title=look.panel("How far they come"))
    chart = alt.vconcat(stages, _reasons_form(), spacing=18) if has_stops else stages
    return chart.properties(config=look.LOOKS)


def _amount(row: dict[str, float | None]) -> str:
    """Total and share of one bar in words."""
    total = row["total"]
    return "not known" if total is None else f"{look.count(total)}  ({look.percent(row['share'])})"


def _reasons(stops: pl.DataFrame, most: int = 12) -> pl.DataFrame:
    """Rows of the codes that stop units, by stage; the smallest together if there are many.

    A code that nobody knows or expects is a sign of something and is never among those drawn together.
    """
    odd = pl.col("group").is_in(["unknown", "unexpected", decode.AMBIGUOUS])
    size = pl.col("total").fill_null(0) + pl.when(odd).then(math.inf).otherwise(0)
    ranked = stops.with_columns(rank=size.rank("ordinal", descending=True))
    shown = ranked.filter(pl.col("rank") <= most)
    rest = ranked.filter(pl.col("rank") > most)
    rows = shown.select(
        name=pl.concat_str(pl.col("status_code"), pl.lit("  "), "label", ignore_nulls=True),
        group="group",
        share="share",
        low="share_low",
        high="share_high",
        n="n",
    )
    if rest.height:
        others = rest.select(
            name=pl.lit(f"{rest.height} further codes"),
            group=pl.lit(look.SEVERAL),
            share=pl.col("share").sum(),
            n=pl.col("n").sum(),
        )
        rows = pl.concat([rows, others.head(1)], how="diagonal_relaxed")
    return rows.with_columns(said=look.percents("share"))


def _reasons_form() -> Any:
    """Bars of the codes that stop units."""
    base = alt.Chart(alt.NamedData("reasons")).encode(y=alt.Y("name:N", sort=None, title=None, axis=LABELS))
    room = alt.Scale(domainMin=0, domainMax=alt.ExprRef("reasons_room"))
    return alt.layer(
        base.mark_bar(height=12).encode(
            x=alt.X("share:Q", title="share of attempted", scale=room, axis=alt.Axis(format="~%", tickCount=4)),
            color=_causes("cause"),
            tooltip=[
                alt.Tooltip("name:N", title="code"),
                alt.Tooltip("said:N", title="share"),
                alt.Tooltip("n:Q", title="recorded", format=","),
            ],
        ),
        base.mark_rule(color=look.INK).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_text(align="left", dx=6, color=look.INK)
        .encode(x=alt.X("end:Q"), text="said:N")
        .transform_calculate(end="max(datum.share, datum.high)"),
    ).properties(width=WIDE, height=alt.Step(look.ROW), title=look.panel("Where and why the others stop"))


def _causes(title: str) -> alt.Color:
    """Colour by group of causes, with those in the legend that there are."""
    legend = alt.Legend(title=title, orient="bottom", columns=4, values=alt.ExprRef("causes"))
    return alt.Color("group:N", scale=look.groups_scale(), legend=legend)


def _present(rows: pl.DataFrame) -> list[str]:
    return [name for name in look.group_order() if name in set(rows["group"])]


def _ends(table: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """What becomes of all units: shown, or the group of causes that stopped them."""
    shown = table.filter(outcome="reached", stage="shown").with_columns(group=pl.lit("shown"))
    stopped = table.filter(pl.col("outcome") == "stopped", pl.col("stage") != "not attempted")
    return (
        pl.concat([shown, stopped])
        .group_by(*by, "group", maintain_order=True)
        .agg(pl.col("share").sum(), pl.col("n").sum())
        .with_columns(rank=pl.col("group").replace_strict(look.group_order(), range(len(look.group_order()))))
    )


def _many(table: pl.DataFrame, by: list[str]) -> Drawing:
    name = pl.concat_str([look.named(part, table.schema[part]) for part in by], separator=" · ")
    table = table.with_columns(name=name)
    size = table.filter(outcome="reached", stage="attempted").sort("total", "name", descending=[True, False])
    order = list(size["name"])[: look.MOST]
    kept = table.join(pl.DataFrame({"name": order}).with_row_index("place"), on="name").sort("place")
    rows = kept.filter(outcome="reached", stage="shown").select(
        "name",
        "share",
        low="share_low",
        high="share_high",
        said=look.percents("share"),
    )
    ends = _ends(kept, ["name"]).with_columns(said=look.percents("share"))
    more = [f"The {look.MOST} of {size.height} with most {UNITS[table['unit'][0]]}."] if size.height > look.MOST else []
    first, last = (
        rows.sort("share", nulls_last=True)["name"][0],
        rows.sort("share", descending=True, nulls_last=True)["name"][0],
    )
    said = f"Share of {UNITS[table['unit'][0]]} with a banner shown, for {len(order)} values of {' and '.join(by)}: highest for {last}, lowest for {first}."
    title = f"Where do banners stop, by {' and '.join(by)}?"
    data = {"shown": rows, "ends": ends}
    return Drawing(
        _many_form, (" · ".join(by),), data, title, [*_subtitle(table), *more], said, {"causes": _present(ends)}
    )


@cache
def _many_form(by: str) -> Any:
    height = alt.Step(look.ROW)
    axis = alt.Axis(labelLimit=230, labelExpr=look.SHORT)
    base = alt.Chart(alt.NamedData("shown")).encode(y=alt.Y("name:N", sort=None, title=None, axis=axis))
    left = alt.layer(
        base.mark_rule(color=look.INK).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=55, color=look.GREEN, opacity=1).encode(
            x=alt.X(
                "share:Q",
                title="share shown",
                scale=alt.Scale(domain=[0, 1.3]),
                axis=alt.Axis(format="~%", values=[0, 0.5, 1]),
            ),
            tooltip=[alt.Tooltip("name:N", title=by), alt.Tooltip("said:N", title="share shown")],
        ),
        base.mark_text(align="left", dx=8, color=look.INK).encode(x=alt.X("high:Q"), text="said:N"),
    ).properties(width=200, height=height, title=look.panel("Banner shown"))
    right = (
        alt.Chart(alt.NamedData("ends"))
        .mark_bar(height=14)
        .encode(
            y=alt.Y("name:N", sort=None, title=None, axis=None),
            x=alt.X(
                "share:Q",
                title="share of attempted",
                axis=alt.Axis(format="~%", tickCount=5),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=_causes("what becomes of them"),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("name:N", title=by),
                alt.Tooltip("group:N"),
                alt.Tooltip("said:N", title="share"),
            ],
        )
        .properties(width=270, height=height, title=look.panel("What becomes of all"))
    )
    return alt.hconcat(left, right, spacing=20).properties(config=look.LOOKS)


def _over_time(table: pl.DataFrame, by: str) -> Drawing:
    n_timeless = table.filter(pl.col(by).is_null(), outcome="reached", stage="attempted")["n"].sum()
    timeless = [f"{look.count(n_timeless)} recorded without a time are not in this chart"] if n_timeless else []
    table = table.drop_nulls(by).sort(by)
    rows = table.filter(outcome="reached", stage="shown").select(
        at=by,
        share="share",
        low="share_low",
        high="share_high",
        said=look.percents("share"),
    )
    ends = _ends(table, [by]).rename({by: "at"})
    said = f"Share of {UNITS[table['unit'][0]]} with a banner shown, by {by} in UTC, {rows.height} points."
    return Drawing(
        _over_time_form,
        (by,),
        {"shown": rows, "ends": ends},
        f"Where do banners stop, by {by}?",
        [*_subtitle(table), *timeless],
        said,
        {"causes": _present(ends)},
    )


@cache
def _over_time_form(by: str) -> Any:
    x = alt.X("at:T", title=f"{by} (UTC)", axis=alt.Axis(tickCount=6, labelOverlap=True))
    base = alt.Chart(alt.NamedData("shown")).encode(x=x)
    left = alt.layer(
        base.mark_area(opacity=0.2, color=look.GREEN).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(color=look.GREEN, point=alt.OverlayMarkDef(filled=True, color=look.GREEN, size=30)).encode(
            y=alt.Y(
                "share:Q", title="share shown", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~%", tickCount=5)
            ),
            tooltip=[alt.Tooltip("at:T", title=by), alt.Tooltip("said:N", title="share shown")],
        ),
    ).properties(width=300, height=240, title=look.panel("Banner shown"))
    days = alt.Axis(
        labelOverlap=True, labelAngle=0, format="%d %Hh" if by == "hour" else "%d %b", formatType="time"
    )  # fmt: skip
    right = (
        alt.Chart(alt.NamedData("ends"))
        .mark_bar()
        .encode(
            x=alt.X("at:O", title=f"{by} (UTC)", axis=days),
            y=alt.Y(
                "share:Q",
                title="share of attempted",
                axis=alt.Axis(format="~%", tickCount=5),
                scale=alt.Scale(domain=[0, 1]),
            ),
            color=_causes("what becomes of them"),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("at:T", title=by),
                alt.Tooltip("group:N"),
                alt.Tooltip("share:Q", format=look.PERCENT),
            ],
        )
        .properties(width=300, height=240, title=look.panel("What becomes of all"))
    )
    return alt.hconcat(left, right, spacing=26).properties(config=look.LOOKS)


def _subtitle(table: pl.DataFrame) -> list[str]:
    """Unit, weight, counts, interval and period: what a number needs to be understood."""
    attempted = table.filter(outcome="reached", stage="attempted")
    units = UNITS[table["unit"][0]]
    lines = [
        f"{look.count(attempted['n'].sum())} {units} recorded, standing for {look.count(attempted['total'].sum())} (weight {table['weight'][0]}); {look.intervals(table['level'][0])}",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    unweighted, partial = attempted["unweighted"].sum(), attempted["partial"].sum()
    apart = table.filter(stage="not attempted")["n"].sum()
    if apart:
        lines.append(f"{look.count(apart)} recorded although nothing was attempted (codes 0 and 8) are in no share")
    if unweighted:
        lines.append(f"{look.count(unweighted)} recorded without a usable sample rate are in no number here")
    taken_over = (
        attempted.filter(pl.col("note").is_not_null(), pl.col("taken_over") > 0).height
        if "note" in table.columns
        else 0
    )
    if taken_over:
        lines.append(
            f"{taken_over} of {attempted.height} lost attempts to other campaigns, in whose page views they are (column `note`); unit='attempt' counts them"
        )
    if partial and table["unit"][0] == "attempt":
        lines.append(f"for {look.count(partial)} the export does not hold all attempts: a lower bound")
    return lines


def _description(table: pl.DataFrame) -> str:
    reached = dict(table.filter(outcome="reached").select(pl.col("stage").cast(pl.String), "share").iter_rows())
    attempted = table.filter(outcome="reached", stage="attempted")["total"][0]
    units = {"pageview": "page views with a campaign attempted"}.get(table["unit"][0], UNITS[table["unit"][0]])
    said = f"Of {look.count(attempted)} {units}, {look.percent(reached.get('shown'))} end in a banner shown."
    stops = table.filter(outcome="stopped").sort("total", descending=True)
    if stops.height:
        top = stops.row(0, named=True)
        said += f" Most others stop at {top['status_code'] or 'no code'} {top['label']} ({look.percent(top['share'])})."
    return said
