"""Ways between modules drawn: the matrix from module to module, and the way step by step."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.chart.matrix import matrix
from toolkit.measure.ways import END, FLOWS, START, STEPS

DOT = 15  # from the middle of a dot to its words [px]


def flows(table: pl.DataFrame) -> Any:
    """Draw the transition matrix between modules within a visit.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.flows` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: rows are where people come from and add up to 100 %.

    Examples
    --------
    >>> from toolkit.measure.ways import flows as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": ["impact", "help"], "action": "link-click", "ms": [0, 9]})
    >>> flows(measured(rows)).to_dict()["description"]
    'From module to module within 1 visits. Most visits begin with impact (100.0 %); 1 transitions lead from one module to another.'
    """
    look.check(table, "flows", FLOWS)
    dots.no_dimension(table, FLOWS, "flows")
    order = _order(table)
    start = table.filter(from_module=START).sort("n", descending=True)
    between = table.filter(
        pl.col("from_module") != START, pl.col("to_module") != END, pl.col("from_module") != pl.col("to_module")
    )
    visits = start["n"].sum()
    drawn = matrix(
        table, "from_module", "to_module", "from", "to", "transitions", rows=[START, *order], columns=[*order, END]
    )
    unsure = [table["note"].drop_nulls()[0]] if table["note"].drop_nulls().len() else []
    subtitle = [
        f"unit: {table['unit'][0]}; each row adds up to 100 %; {look.count(visits)} visits",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
        *unsure,
    ]
    said = (
        f"From module to module within {look.count(visits)} visits. Most visits begin with {start['to_module'][0]} ({look.percent(start['share'][0])}); "
        f"{look.count(between['n'].sum())} transitions lead from one module to another."
    )
    return look.titled(drawn, "From which module to which?", subtitle, said)


def steps(table: pl.DataFrame) -> Any:
    """Draw the way through the modules, step by step.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.steps` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: a dot for each module and step, as large as the visits there; lines lead to the next step.

    Examples
    --------
    >>> from toolkit.measure.ways import steps as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": ["impact", "help"], "action": "link-click", "ms": [0, 9]})
    >>> steps(measured(rows)).to_dict()["description"]
    'Way through the modules: of 1 visits 1 reach a second module or the same again.'
    """
    look.check(table, "steps", STEPS)
    dots.no_dimension(table, STEPS, "steps")
    places = [*_order(table), END]
    nodes = table.group_by("step", module="to_module").agg(pl.col("n").sum())
    visits = table.filter(step=1)["n"].sum()
    nodes = nodes.with_columns(said=(pl.col("n") / visits).map_elements(look.percent, return_dtype=pl.String))
    links = table.filter(pl.col("from_module") != START).with_columns(
        left=pl.col("step") - 1, said=look.percents("share"), width=(pl.col("n") / visits * 60).clip(0.15, 14)
    )
    last = int(nodes["step"].max())  # type: ignore[arg-type]  # the table is not empty
    scale = alt.Scale(domain=places, padding=0.8)
    y = alt.Y("module:N", scale=scale, title=None, axis=alt.Axis(labelLimit=220, grid=True, gridOpacity=0.35))
    across = alt.Scale(domain=[0.6, last + 0.4], zero=False)
    x = alt.X(
        "step:Q",
        title="step of the visit",
        scale=across,
        axis=alt.Axis(values=list(range(1, last + 1)), format="d"),
    )
    lines = alt.Chart(links).mark_rule(color=look.PALE, opacity=0.85).encode(
        x=alt.X("left:Q", scale=across), x2="step:Q", y=alt.Y("from_module:N", scale=scale), y2="to_module:N",
        strokeWidth=alt.StrokeWidth("width:Q", scale=None, legend=None),
        tooltip=[
            alt.Tooltip("from_module:N", title="from"), alt.Tooltip("to_module:N", title="to"), alt.Tooltip("n:Q", title="visits", format=",.1f"),
            alt.Tooltip("said:N", title="of those there"),
        ],
    )  # fmt: skip
    base = alt.Chart(nodes).encode(x=x, y=y)
    circles = base.mark_circle(color=look.BLUE, opacity=1).encode(
        size=alt.Size("n:Q", scale=alt.Scale(range=[10, 500], domain=[0, look.largest(nodes["n"])]), legend=None),
        tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("module:N"), alt.Tooltip("n:Q", title="visits", format=",.1f"), alt.Tooltip("said:N", title="of all visits")],
    )  # fmt: skip
    # where no thick line runs: before the first step, behind the end, elsewhere above the dot
    begin, end = "datum.step == 1", f"datum.module == '{END}'"
    words = alt.layer(
        *(
            base.transform_filter(where).mark_text(fontSize=10.5, color=look.INK, **place).encode(text="said:N")
            for where, place in (
                (begin, {"align": "right", "dx": -DOT}),
                (f"!({begin}) && {end}", {"align": "left", "dx": DOT}),
                (f"!({begin}) && !({end})", {"dy": -DOT}),
            )
        )
    )
    on = table.filter(pl.col("step") == 2, pl.col("to_module") != END)["n"].sum()  # noqa: PLR2004 - the second step
    subtitle = [
        f"dots: share of {look.count(visits)} visits that are at a module at a step; lines as thick as the visits that take them",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    drawn = alt.layer(lines, circles, words).properties(width=130 * last, height=42 * len(places))
    said = f"Way through the modules: of {look.count(visits)} visits {look.count(on)} reach a second module or the same again."
    return look.titled(drawn, "Which way do visits take?", subtitle, said)


def _order(table: pl.DataFrame) -> list[str]:
    """Modules, those with most visits first."""
    came = table.filter(pl.col("to_module") != END).group_by("to_module").agg(pl.col("n").sum())
    return came.sort("n", "to_module", descending=[True, False])["to_module"].to_list()
