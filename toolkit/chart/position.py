"""Place on the page drawn: the share of modules clicked at each place, and the change from place to place."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.measure.position import PLACE_EFFECT, PLACE_USAGE


def _sure(table: pl.DataFrame) -> str:
    agreement = table["agreement"][0]
    agreed = "not known" if agreement is None else f"{agreement:.2f}"
    return f"agreement of visits on the order: {agreed} (0 by lot, 1 all alike); without an order: {look.percent(table['tied'][0])}"


def place_usage(table: pl.DataFrame) -> Any:
    """Draw the share of modules clicked at each place of the page.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.place_usage` gives, by nothing or one dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with; a note in its subtitle says where nothing can be concluded.

    Examples
    --------
    >>> from toolkit.measure import position
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": ["help", "impact", "impact"],
    ...                      "action": ["impression", "impression", "link-click"], "platform": "desktop", "state": None,
    ...                      "mode": None, "client_dt": None, "ms": [7, 7, 99], "recv_from": "cp1", "seq_id": [2, 1, 3]})
    >>> place_usage(position.place_usage(rows)).to_dict()["description"]
    'Share of modules clicked at each of 2 places of the page: 100.0 % at place 1, 0.0 % at place 2.'
    """
    look.check(table, "place_usage", PLACE_USAGE)
    by = dots.one_dimension(table, PLACE_USAGE, "place_usage")
    value, series = dots.series_of(table, by)
    rows = table.select(
        "place",
        "n",
        "clicked",
        "share",
        value=value,
        low="share_low",
        high="share_high",
        said=look.percents("share"),
        interval=dots.between("share_low", "share_high"),
    )
    scale = alt.Scale(domain=series, range=look.CATEGORIES[: len(series)])
    legend = alt.Legend(orient="top") if len(series) > 1 else None
    colour: Any = alt.Color("value:N", title=by, scale=scale, legend=legend) if series else alt.value(look.BLUE)
    apart: dict[str, Any] = {"xOffset": alt.XOffset("value:N", sort=series)} if len(series) > 1 else {}
    top = look.largest(rows["high"])
    base = alt.Chart(rows).encode(
        x=alt.X("place:O", title="place on the page, from the top", axis=alt.Axis(labelAngle=0)), **apart
    )
    y = alt.Y(
        "share:Q",
        title="share clicked",
        scale=alt.Scale(domain=[0, top * 1.08], nice=False),
        axis=alt.Axis(format="~%", tickCount=5),
    )
    chart = alt.layer(
        base.mark_rule(strokeWidth=1.5).encode(y=alt.Y("low:Q"), y2="high:Q", color=colour),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            y=y,
            color=colour,
            tooltip=[
                alt.Tooltip("place:O"),
                *([alt.Tooltip("value:N", title=by)] if by else []),
                alt.Tooltip("said:N", title="share"),
                alt.Tooltip("interval:N"),
                alt.Tooltip("clicked:Q", format=","),
                alt.Tooltip("n:Q", title="modules shown", format=","),
            ],
        ),
    ).properties(width=480, height=240)
    whole = table.group_by("place").agg(share=pl.col("clicked").sum() / pl.col("n").sum()).sort("place")
    first, last = whole.row(0), whole.row(-1)
    said = (
        f"Share of modules clicked at each of {whole.height} places of the page: {look.percent(first[1])} at place "
        f"{first[0]:g}, {look.percent(last[1])} at place {last[0]:g}."
    )
    return look.titled(
        chart, "Does the place on the page matter?", dots.told(table, _sure(table), *dots.notes(table)), said
    )


def place_effect(table: pl.DataFrame) -> Any:
    """Draw how much the share clicked changes from one place to the next.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.place_effect` gives.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with.

    Examples
    --------
    >>> from toolkit.measure import position
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": ["help", "impact", "impact"],
    ...                      "action": ["impression", "impression", "link-click"], "platform": "desktop", "state": None,
    ...                      "mode": None, "client_dt": None, "ms": [7, 7, 99], "recv_from": "cp1", "seq_id": [2, 1, 3]})
    >>> place_effect(position.place_effect(rows)).to_dict()["description"]
    'Change of the share clicked per place further down: no difference known within the same wiki, platform, module, state.'
    """
    look.check(table, "place_effect", PLACE_EFFECT)
    dots.no_dimension(table, PLACE_EFFECT, "place_effect")
    # a slope that nobody can say how sure it is would be read as a finding
    sure = pl.when(pl.col("difference_low").is_not_null()).then("difference")
    rows = table.with_columns(difference=sure).select(
        "n",
        "n_told",
        "strata",
        "p_value",
        label="within",
        value=pl.lit("all"),
        share="difference",
        low="difference_low",
        high="difference_high",
        said=dots.points("difference", "difference_low", "difference_high"),
    )
    tips = {
        "said": "per place",
        "p_value": "p",
        "n": "modules shown",
        "n_told": "of these where the place varies",
        "strata": "strata",
    }
    panel = dots.dot_panel(
        rows,
        order=list(rows["label"]),
        axis="change of the share clicked per place further down [percentage points]",
        tips=tips,
        width=380,
        signed=True,
    )
    finest = rows.row(-1, named=True)
    said = f"Change of the share clicked per place further down: {finest['said']} within {finest['label']}."
    return look.titled(
        panel, "Does the place on the page matter?", dots.told(table, _sure(table), *dots.notes(table)), said
    )
