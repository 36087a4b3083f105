"""States drawn: from the first visit to the last, from visit to visit, and how soon one is seen."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.chart.matrix import matrix
from toolkit.chart.visits import curves
from toolkit.measure.reached import CURVE
from toolkit.measure.states import STATES, TRANSITIONS, ranks

OF_STATE = ("module", "state")


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
    >>> from toolkit.measure.states import states as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "module": "impact",
    ...                      "state": ["unactivated", "activated", "unactivated"], "ms": [0, 9, 4]})
    >>> states(measured(rows)).to_dict()["description"]
    'State of modules at first and last visit: impact from unactivated to activated 50.0 % of 2 users.'
    """
    look.check(table, "states", STATES)
    dots.no_dimension(table, STATES, "states")
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
    >>> from toolkit.measure.states import transitions as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": [1, 2], "module": "start-email", "state": ["noemail", "confirmed"], "ms": [0, 9]})
    >>> transitions(measured(rows)).to_dict()["description"]
    'State of modules from one visit to the next: 1 pairs of visits forward, 0 backward, 0 without a change.'
    """
    look.check(table, "transitions", TRANSITIONS)
    dots.no_dimension(table, TRANSITIONS, "transitions")
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
        What `measure.time_to_state` gives, without further dimensions; module and state are named where they are
        columns.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: a curve in steps and its interval.

    Examples
    --------
    >>> from toolkit.measure.states import time_to_state as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1], "visit": [1, 2], "module": "impact",
    ...                      "state": ["unactivated", "activated"], "ms": [0, 7_200_000]})
    >>> time_to_state(measured(rows, module="impact", state="activated")).to_dict()["description"]
    'Share of users whom a visit has shown with impact in the state activated: 100.0 % of 1 after 2 hours.'
    """
    look.check(table, "time_to_state", CURVE)
    dots.no_dimension(table, (*CURVE, *OF_STATE, *look.TIMES), "time_to_state")
    named = set(OF_STATE) <= set(table.columns)
    last = table.row(-1, named=True)
    subtitle = [
        f"unit: {last['unit']}, {look.count(last['n'])} who were not there at the first visit; {look.intervals(last['level'])}",
        "dated by the first visit that shows the state; followed until the last visit",
        *look.when(table),
    ]
    what = f"{last['module']} in the state {last['state']}" if named else "the state"
    seen = f"with {what}" if named else f"in {what}"
    said = f"Share of users whom a visit has shown {seen}: {look.percent(last['share'])} of {look.count(last['n'])} after {last['time_h']:.3g} hours."
    drawn = curves(table.with_columns(value=pl.lit("all")), "value", "hours since the first visit", "share of users")
    return look.titled(drawn, f"How soon is {what} seen?", subtitle, said)


def _matrices(table: pl.DataFrame, row: str, column: str, row_title: str, column_title: str, what: str) -> Any:
    """A matrix for each module whose state can change, two in a line."""
    panels, rank = [], ranks()
    modules = sorted(
        name for name in set(table["module"]) if table.filter(module=name)[[row, column]].unique().height > 1
    )
    for name in modules or sorted(set(table["module"])):
        part = table.filter(module=name)
        seen = sorted(set(part[row]) | set(part[column]), key=lambda state: (rank.get(state, len(rank)), state))
        panels.append(
            matrix(part, row, column, row_title, column_title, what, rows=seen, columns=seen).properties(
                title=look.panel(name)
            )
        )
    lines = [alt.hconcat(*panels[at : at + 2], spacing=30) for at in range(0, len(panels), 2)]
    return alt.vconcat(*lines, spacing=16)
