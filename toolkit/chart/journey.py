"""Journeys drawn: states from the first visit to the last, from visit to visit, and the way between modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import look
from toolkit.chart.visits import curves
from toolkit.measure.journey import END, FLOWS, RANK, START, STATES, STEPS, TRANSITIONS
from toolkit.measure.visits import CURVE

DARK = 0.55  # share from which on a cell needs light text
CELL = (92, 30)  # width and height of a cell of a matrix [px]


def states(table: pl.DataFrame) -> Any:
    """Draw the state of each module at the first and at the last visit.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.states` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: one matrix for each module, rows add up to 100 %.

    Examples
    --------
    >>> from toolkit.measure.journey import states as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "module": "impact",
    ...                      "state": ["unactivated", "activated", "unactivated"], "ms": [0, 9, 4]})
    >>> states(measured(rows)).to_dict()["description"]
    'State of modules at first and last visit: impact from unactivated to activated 50.0 % of 2 users.'
    """
    look.check(table, "states", STATES)
    _no_dimension(table, STATES)
    moved = table.filter(pl.col("state_first") != pl.col("state_last")).sort("module", "n", descending=[False, True])
    said = "; ".join(
        f"{one['module']} from {one['state_first']} to {one['state_last']} {look.percent(one['share'])} of {look.count(one['of'])} users"
        for one in moved.rows(named=True)
    )
    subtitle = [
        f"unit: {table['unit'][0]}; each row adds up to 100 %; users with one visit are first and last at once",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    drawn = _matrices(
        table, "state_first", "state_last", "state at the first visit", "state at the last visit", "users"
    )
    return look.titled(
        drawn,
        "What becomes of the modules' states?",
        subtitle,
        f"State of modules at first and last visit: {said or 'no change'}.",
    )


def transitions(table: pl.DataFrame) -> Any:
    """Draw what becomes of each module's state from one visit to the next.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.transitions` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: one matrix for each module, rows add up to 100 %; left of the diagonal is backward.

    Examples
    --------
    >>> from toolkit.measure.journey import transitions as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": [1, 2], "module": "start-email", "state": ["noemail", "confirmed"], "ms": [0, 9]})
    >>> transitions(measured(rows)).to_dict()["description"]
    'State of modules from one visit to the next: 1 pairs of visits forward, 0 backward, 0 without a change.'
    """
    look.check(table, "transitions", TRANSITIONS)
    _no_dimension(table, TRANSITIONS)
    count = {name: table.filter(direction=name)["n"].sum() for name in ("forward", "backward", "same")}
    subtitle = [
        f"unit: {table['unit'][0]}; each row adds up to 100 %; {look.count(count['backward'])} of {look.count(table['n'].sum())} go backward",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    drawn = _matrices(table, "state", "state_next", "state at a visit", "state at the next visit", "pairs of visits")
    said = f"{look.count(count['forward'])} pairs of visits forward, {look.count(count['backward'])} backward, {look.count(count['same'])} without a change."
    return look.titled(
        drawn,
        "How do states change from visit to visit?",
        subtitle,
        f"State of modules from one visit to the next: {said}",
    )


def time_to_state(table: pl.DataFrame) -> Any:
    """Draw the share of users whom a visit has shown in a state, by the time since the first visit.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.time_to_state` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: a curve in steps and its interval.

    Examples
    --------
    >>> from toolkit.measure.journey import time_to_state as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1], "visit": [1, 2], "module": "impact",
    ...                      "state": ["unactivated", "activated"], "ms": [0, 7_200_000]})
    >>> time_to_state(measured(rows, module="impact", state="activated")).to_dict()["description"]
    'Share of users whom a visit has shown in the state: 100.0 % of 1 after 2 hours.'
    """
    look.check(table, "time_to_state", CURVE)
    _no_dimension(table, CURVE)
    last = table.row(-1, named=True)
    subtitle = [
        f"unit: {last['unit']}, {look.count(last['n'])} who were not there at the first visit; {look.intervals(last['level'])}",
        "dated by the first visit that shows the state; followed until the last visit",
    ]
    said = f"Share of users whom a visit has shown in the state: {look.percent(last['share'])} of {look.count(last['n'])} after {last['time_h']:.3g} hours."
    drawn = curves(table.with_columns(value=pl.lit("all")), "value", "hours since the first visit", "share of users")
    return look.titled(drawn, "How soon is the state seen?", subtitle, said)


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
    >>> from toolkit.measure.journey import flows as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": ["impact", "help"], "action": "link-click", "ms": [0, 9]})
    >>> flows(measured(rows)).to_dict()["description"]
    'From module to module within 1 visits. Most visits begin with impact (100.0 %); 1 transitions lead from one module to another.'
    """
    look.check(table, "flows", FLOWS)
    _no_dimension(table, FLOWS)
    order = _order(table)
    start = table.filter(from_module=START).sort("n", descending=True)
    between = table.filter(
        pl.col("from_module") != START, pl.col("to_module") != END, pl.col("from_module") != pl.col("to_module")
    )
    visits = start["n"].sum()
    drawn = _matrix(
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
    >>> from toolkit.measure.journey import steps as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": ["impact", "help"], "action": "link-click", "ms": [0, 9]})
    >>> steps(measured(rows)).to_dict()["description"]
    'Way through the modules: of 1 visits 1 reach a second module or the same again.'
    """
    look.check(table, "steps", STEPS)
    _no_dimension(table, STEPS)
    places = [*_order(table), END]
    nodes = table.group_by("step", module="to_module").agg(pl.col("n").sum())
    visits = table.filter(step=1)["n"].sum()
    nodes = nodes.with_columns(said=(pl.col("n") / visits).map_elements(look.percent, return_dtype=pl.String))
    links = table.filter(pl.col("from_module") != START).with_columns(
        left=pl.col("step") - 1, said=look.percents("share"), width=(pl.col("n") / visits * 60).clip(0.15, 14)
    )
    last = int(nodes["step"].max())  # type: ignore[arg-type]  # the table is not empty
    scale = alt.Scale(domain=places)
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
    dots = base.mark_circle(color=look.BLUE, opacity=1).encode(
        size=alt.Size("n:Q", scale=alt.Scale(range=[10, 500], domain=[0, look.largest(nodes["n"])]), legend=None),
        tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("module:N"), alt.Tooltip("n:Q", title="visits", format=",.1f"), alt.Tooltip("said:N", title="of all visits")],
    )  # fmt: skip
    text = base.mark_text(dy=19, fontSize=10.5, color=look.INK).encode(text="said:N")
    on = table.filter(pl.col("step") == 2, pl.col("to_module") != END)["n"].sum()  # noqa: PLR2004 - the second step
    subtitle = [
        f"dots: share of {look.count(visits)} visits that are at a module at a step; lines as thick as the visits that take them",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    drawn = alt.layer(lines, dots, text).properties(width=130 * last, height=42 * len(places))
    said = f"Way through the modules: of {look.count(visits)} visits {look.count(on)} reach a second module or the same again."
    return look.titled(drawn, "Which way do visits take?", subtitle, said)


def _matrices(table: pl.DataFrame, row: str, column: str, row_title: str, column_title: str, what: str) -> Any:
    """A matrix for each module whose state can change, two in a line."""
    panels = []
    modules = sorted(
        name for name in set(table["module"]) if table.filter(module=name)[[row, column]].unique().height > 1
    )
    for name in modules or sorted(set(table["module"])):
        part = table.filter(module=name)
        seen = sorted(set(part[row]) | set(part[column]), key=lambda state: (RANK.get(state, len(RANK)), state))
        panels.append(
            _matrix(part, row, column, row_title, column_title, what, rows=seen, columns=seen).properties(
                title=look.panel(name)
            )
        )
    lines = [alt.hconcat(*panels[at : at + 2], spacing=30) for at in range(0, len(panels), 2)]
    return alt.vconcat(*lines, spacing=16)


def _matrix(
    table: pl.DataFrame,
    row: str,
    column: str,
    row_title: str,
    column_title: str,
    what: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
) -> Any:
    cells = table.with_columns(said=look.percents("share"))
    tips = [
        alt.Tooltip(f"{row}:N", title=row_title), alt.Tooltip(f"{column}:N", title=column_title), alt.Tooltip("said:N", title="share"),
        alt.Tooltip("share_low:Q", title="from", format=".1%"), alt.Tooltip("share_high:Q", title="to", format=".1%"),
        alt.Tooltip("n:Q", title=what, format=",.6~g"), alt.Tooltip("of:Q", title="of", format=",.6~g"),
    ]  # fmt: skip
    base = alt.Chart(cells).encode(
        x=alt.X(f"{column}:N", sort=list(columns), scale=alt.Scale(domain=list(columns)), title=column_title, axis=alt.Axis(orient="top", labelAngle=0 if len(columns) < 5 else -35, labelLimit=160)),  # noqa: PLR2004
        y=alt.Y(f"{row}:N", sort=list(rows), scale=alt.Scale(domain=list(rows)), title=row_title, axis=alt.Axis(labelLimit=160)),
    )  # fmt: skip
    fill = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#eaf2f8", look.BLUE]), legend=None)
    ink = alt.condition(alt.datum.share > DARK, alt.value("white"), alt.value("#222"))
    text = base.mark_text(fontSize=11).encode(text="said:N", color=ink)
    width, height = (CELL[0] if len(columns) < 5 else 62), CELL[1]  # noqa: PLR2004 - small matrices have room
    return alt.layer(base.mark_rect().encode(color=fill, tooltip=tips), text).properties(
        width=width * len(columns), height=height * len(rows)
    )


def _order(table: pl.DataFrame) -> list[str]:
    """Modules, those with most visits first."""
    came = table.filter(pl.col("to_module") != END).group_by("to_module").agg(pl.col("n").sum())
    return came.sort("n", "to_module", descending=[True, False])["to_module"].to_list()


def _no_dimension(table: pl.DataFrame, known: Sequence[str]) -> None:
    if more := [name for name in table.columns if name not in known]:
        raise errors.not_allowed(
            "by", ", ".join(more), "is for this chart empty; filter the rows before and measure again"
        )
