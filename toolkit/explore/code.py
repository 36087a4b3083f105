"""Choices of a hand as lines of code that a reader can paste."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

CHARTS = {"funnel": "status_funnel", "engagement": "module_engagement"}
WIDE = 100  # letters of a line


def lines(
    noun: str, called: str, conditions: Sequence[str], steps: Sequence[str], *, drawn_by: str | None = None
) -> str:
    """Table of a measure from its rows, and its chart: the one that `drawn_by` names, or that of the noun.

    Examples
    --------
    >>> print(lines("engagement", "rows", ['pl.col("wiki") == "cswiki"'], [".pipe(tk.measure.module_engagement)"]))
    engagement = (
        rows
        .filter(pl.col("wiki") == "cswiki")
        .pipe(tk.measure.module_engagement)
    )
    tk.chart.module_engagement(engagement)
    """
    kept = [f".filter({', '.join(conditions)})"] if conditions else []
    chart = drawn_by or CHARTS.get(noun, noun)
    return "\n".join(
        [f"{noun} = (", *(f"    {step}" for step in (called, *kept, *steps)), ")", f"tk.chart.{chart}({noun})"]
    )


def pipe(measure: str, **arguments: str | None) -> str:
    """Step of a measure, with the arguments that are not None, each as code; over several lines where it is long.

    Examples
    --------
    >>> pipe("status_funnel", by=quoted("day"), unit=None)
    '.pipe(tk.measure.status_funnel, by="day")'
    """
    given = [f"{name}={value}" for name, value in arguments.items() if value is not None]
    step = f".pipe({', '.join([f'tk.measure.{measure}', *given])})"
    if len(step) <= WIDE:
        return step
    return "\n".join([".pipe(", *(f"        {part}," for part in (f"tk.measure.{measure}", *given)), "    )"])


def conditions(chosen: Mapping[str, object], period: tuple[str, str] | None) -> list[str]:
    """Conditions on rows, one for each choice.

    Examples
    --------
    >>> conditions({"country": "DE", "anonymous": False}, ("2026-03-02", "2026-03-04"))
    ['pl.col("country") == "DE"', '~pl.col("anonymous")', 'tk.keep.period("2026-03-02", "2026-03-04")']
    """
    return [condition(column, value) for column, value in chosen.items()] + ([during(period)] if period else [])


def during(period: tuple[str, str]) -> str:
    """Condition that a row was received from the first to the last of two days."""
    return f"tk.keep.period({quoted(period[0])}, {quoted(period[1])})"


def condition(column: str, value: object) -> str:
    """Condition that a column has a value."""
    name = f"pl.col({quoted(column)})"
    if isinstance(value, bool):
        return name if value else f"~{name}"
    return f"{name} == {quoted(str(value))}"


def listed(names: Sequence[str]) -> str:
    """Name, or list of names, as an argument."""
    return quoted(names[0]) if len(names) == 1 else "[" + ", ".join(map(quoted, names)) + "]"


def literal(value: object) -> str:
    """Text, number, truth or none as code.

    Examples
    --------
    >>> literal("a"), literal(True), literal(2), literal(None)
    ('"a"', 'True', '2', 'None')
    """
    return quoted(value) if isinstance(value, str) else repr(value)


def quoted(text: str) -> str:
    r"""Text in double quotes, whatever signs it holds.

    Examples
    --------
    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    return json.dumps(text, ensure_ascii=False)
