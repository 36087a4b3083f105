"""Retention drawn: what the retained did before, and what became of those who followed a call to action."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.measure.retention import CALL_RETENTION, RETAINED_USAGE

SIDES = [look.BLUE, "#e69f00"]


def _period(table: pl.DataFrame) -> str:
    days, window = table["days"][0], table["window"][0]
    when = "by an outside table" if window is None else f"{days:g} to {window:g} days after it"
    out = look.count(table["incomplete"].max())
    return (
        f"done: in the first {days:g} days after the first visit; retained: {when}; "
        f"up to {out} users left out, whose time was not over"
    )


def retained_usage(table: pl.DataFrame) -> Any:
    """Draw which modules were used by users who were retained later, and by the others.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.retained_usage` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: on the left the shares of both, on the right their difference.

    Examples
    --------
    >>> from toolkit.measure import retention
    >>> day = 86_400_000
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1, 2], "visit": [0, 0, 1, 2, 3], "module": "help",
    ...                      "action": ["impression", "link-click", "impression", "impression", "impression"],
    ...                      "ms": [0, 1, 8 * day, 0, 20 * day]})
    >>> retained_usage(retention.retained_usage(rows)).to_dict()["description"]
    'Share of users who clicked each of 1 modules in their first 7 days. Of the 1 retained most clicked help (100.0 %).'
    """
    known = ["module", *RETAINED_USAGE]
    look.check(table, "retained_usage", known)
    dots.no_dimension(table, known, "retained_usage")
    ranked = table.sort("share", "module", descending=[True, False], nulls_last=True)
    order = list(ranked["module"])
    sides = ["retained", "not retained"]
    both = pl.concat(
        [
            table.select("n", "clicked", "share", label="module", value=pl.lit(sides[0]), low="share_low", high="share_high"),
            table.select(
                n="others_n", clicked="others_clicked", share="others_share", label="module", value=pl.lit(sides[1]),
                low="others_share_low", high="others_share_high",
            ),
        ]
    ).with_columns(said=look.percents("share"), interval=dots.between("low", "high"))  # fmt: skip
    tips = {"said": "share", "interval": "interval", "clicked": "users who clicked", "n": "users who saw it"}
    left = dots.dot_panel(
        both,
        order=order,
        title="Clicked in the first days",
        axis="share of users",
        tips=tips,
        series=sides,
        legend="later",
        colours=SIDES,
    )
    chart = alt.hconcat(left, _difference(table, order), spacing=24)
    first = ranked.row(0, named=True)
    said = (
        f"Share of users who clicked each of {table.height} modules in their first {first['days']:g} days. Of the "
        f"{look.count(first['n'])} retained most clicked {first['module']} ({look.percent(first['share'])})."
    )
    return look.titled(
        chart,
        "Which modules do users click who come back later?",
        dots.told(table, _period(table), *dots.notes(table)),
        said,
    )


def call_retention(table: pl.DataFrame) -> Any:
    """Draw how many of those who followed a call to action came back, against comparable users.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.call_retention` gives.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: on the left the shares of all, on the right the difference among the comparable.

    Examples
    --------
    >>> from toolkit.measure import retention
    >>> day = 86_400_000
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1, 2], "visit": [0, 0, 1, 2, 3], "module": "mentorship",
    ...                      "action": ["impression", "link-click", "impression", "impression", "impression"],
    ...                      "action_data": ["", "linkId=mentor-usertalk", "", "", ""], "platform": "desktop",
    ...                      "state": None, "ms": [0, 1, 8 * day, 0, 20 * day]})
    >>> call_retention(retention.call_retention(rows)).to_dict()["description"]
    'Share of users retained after the call to action of each of 1 modules. 0 of 1 differences are decided after adjustment for their number.'
    """
    look.check(table, "call_retention", CALL_RETENTION)
    dots.no_dimension(table, CALL_RETENTION, "call_retention")
    told = table.filter(pl.col("n") > 0)
    silent = sorted(set(table["module"]) - set(told["module"]))
    told = told if told.height else table
    order = list(told.sort("difference", "module", descending=[True, False], nulls_last=True)["module"])
    sides = ["followed the call", "saw the module, did not"]
    both = pl.concat(
        [
            told.select("n", "retained", "share", "calls", label="module", value=pl.lit(sides[0]), low="share_low", high="share_high"),
            told.select(
                n="others_n", retained="others_retained", share="others_share", calls="calls", label="module",
                value=pl.lit(sides[1]), low="others_share_low", high="others_share_high",
            ),
        ]
    ).with_columns(said=look.percents("share"), interval=dots.between("low", "high"))  # fmt: skip
    tips = {"said": "retained", "interval": "interval", "retained": "users retained", "n": "users", "calls": "calls"}
    left = dots.dot_panel(
        both,
        order=order,
        title="Retained, all users",
        axis="share of users retained",
        tips=tips,
        series=sides,
        legend="users who",
        colours=SIDES,
    )
    right = _difference(
        told, order, {"compared_n": "followed, compared", "compared_others_n": "did not, compared", "strata": "strata"}
    )
    decided = told.filter(pl.col("p_adjusted") < 1 - pl.col("level")).height
    said = (
        f"Share of users retained after the call to action of each of {table.height} modules. "
        f"{decided} of {told['difference'].count()} differences are decided after adjustment for their number."
    )
    lines = [
        _period(table),
        f"differences are within strata of the same {table['within'][0]}, combined by Mantel-Haenszel weights",
        *([f"nobody followed a call of {', '.join(silent)}"] if silent else []),
        *dots.notes(table.filter(pl.col("difference").is_not_null())),
    ]
    return look.titled(
        alt.hconcat(left, right, spacing=24), "Who comes back after a call to action?", dots.told(table, *lines), said
    )


def _difference(table: pl.DataFrame, order: list[str], more: dict[str, str] | None = None) -> Any:
    tips = {"said": "difference", "p_value": "p", "p_adjusted": "p, adjusted (Holm)", **(more or {})}
    rows = table.select(
        *(name for name in tips if name != "said"),
        label="module",
        value=pl.lit("all"),
        share="difference",
        low="difference_low",
        high="difference_high",
        said=dots.points("difference", "difference_low", "difference_high"),
    )
    return dots.dot_panel(
        rows,
        order=order,
        title="Difference" + (" among comparable users" if more else ""),
        axis="difference [percentage points]",
        tips=tips,
        width=270,
        labels=False,
        signed=True,
        row=dots.row_height(SIDES),
    )
