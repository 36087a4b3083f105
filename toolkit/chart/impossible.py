"""Impossible events drawn: which rules are broken, by what combinations, and how often."""

from __future__ import annotations

from typing import Any

import polars as pl

from toolkit import errors
from toolkit.chart import dots, look
from toolkit.measure.impossible import IMPOSSIBLE

WHAT = ("module", "action", "state", "mode")


def impossible(table: pl.DataFrame) -> Any:
    """Draw events that the published code cannot send, by the rule they break.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.impossible` gives, with a row or more; the 25 most frequent combinations, if there are more.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: for each rule and combination that breaks it the share of all events.

    Examples
    --------
    >>> from toolkit.measure import impossible as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "impact", "action": "impression",
    ...                      "state": ["complete", "activated"], "ms": 1_560_000_000_000})
    >>> impossible(measured(rows)).to_dict()["description"]
    'Of 2 events some cannot be: the module is never in this state (1).'
    """
    if isinstance(table, pl.DataFrame) and table.is_empty() and "rule" in table.columns:
        raise errors.not_allowed("table", "0 rows", "has rows to draw; no event breaks a rule here")
    look.check(table, "impossible", IMPOSSIBLE)
    by = [name for name in table.columns if name not in IMPOSSIBLE]
    shown = table.sort("n", "rule", *WHAT, descending=[True, *[False] * 5], nulls_last=True).head(look.MOST)
    # what is not there is not said: help has no state, and events of 2019 no layout
    combination = pl.concat_str(
        [*(look.named(name, table.schema[name]) for name in by), *WHAT], separator=" · ", ignore_nulls=True
    )
    rows = shown.select(
        "rule", "n", "of", "visits", "users", "share", label=combination, value=pl.lit("all"), low="share_low", high="share_high",
        said=pl.format("{} ({})", pl.col("n").map_elements(look.count, return_dtype=pl.String), look.percents("share")),
        interval=dots.between("share_low", "share_high"),
    )  # fmt: skip
    tips = {"rule": "rule", "n": "events", "of": "of", "interval": "interval", "visits": "visits", "users": "users"}
    rules = table.group_by("rule").agg(pl.col("n").sum()).sort("n", "rule", descending=[True, False])
    drawn = rules.select("rule").join(rows, on="rule", maintain_order="left_right")
    drawn = drawn.with_columns(label=pl.format("{}\n{}", "rule", "label"))
    panel = dots.dot_panel(
        drawn, order=list(drawn["label"]), axis="share of all events", tips=tips, width=300, label_limit=620, heads=True
    )
    said = ", ".join(f"{rule} ({look.count(n)})" for rule, n in rules.iter_rows())
    more = f"the {look.MOST} most frequent of {table.height} combinations" if table.height > look.MOST else None
    title = "Which events cannot be?"
    lines = dots.told(table, "an event that breaks two rules stands in two rows", more, *dots.notes(table))
    return look.titled(panel, title, lines, f"Of {look.count(table['of'].max())} events some cannot be: {said}.")
