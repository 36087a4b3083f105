"""Choices of a hand as lines of code that a reader can paste."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def lines(noun: str, called: str, conditions: Sequence[str], steps: Sequence[str]) -> str:
    """Table of a measure from its rows, and its chart.

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
    measure = {"funnel": "status_funnel", "engagement": "module_engagement"}[noun]
    return "\n".join(
        [f"{noun} = (", *(f"    {step}" for step in (called, *kept, *steps)), ")", f"tk.chart.{measure}({noun})"]
    )


def conditions(chosen: Mapping[str, object], period: tuple[str, str] | None) -> list[str]:
    """Conditions on rows, one for each choice.

    Examples
    --------
    >>> conditions({"country": "DE", "anonymous": False}, ("2026-03-02", "2026-03-04"))
    ['pl.col("country") == "DE"', '~pl.col("anonymous")', 'tk.keep.period("2026-03-02", "2026-03-04")']
    """
    days = [f"tk.keep.period({quoted(period[0])}, {quoted(period[1])})"] if period else []
    return [condition(column, value) for column, value in chosen.items()] + days


def condition(column: str, value: object) -> str:
    """Condition that a column has a value."""
    name = f"pl.col({quoted(column)})"
    if isinstance(value, bool):
        return name if value else f"~{name}"
    return f"{name} == {quoted(str(value))}"


def listed(names: Sequence[str]) -> str:
    """Name, or list of names, as an argument."""
    return quoted(names[0]) if len(names) == 1 else "[" + ", ".join(map(quoted, names)) + "]"


def quoted(text: str) -> str:
    r"""Text in double quotes, whatever signs it holds.

    Examples
    --------
    >>> print(quoted('a "b"'))
    "a \"b\""
    """
    return json.dumps(text, ensure_ascii=False)
