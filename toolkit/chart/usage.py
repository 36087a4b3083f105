"""Use of modules drawn: which are clicked, how many by each user, which are returned to."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.measure.usage import AGAIN, MODULE_RETURNS, MODULE_USAGE, MODULES_USED

SHORT_UNIT = {"visit": "visits", "user": "users"}


def module_usage(table: pl.DataFrame) -> Any:
    """Draw the share of visits or users that click each module.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.module_usage` gives, without or with one further dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: dots are shares, lines their intervals.

    Examples
    --------
    >>> from toolkit.measure import usage
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1], "visit": [0, 0, 1], "module": "help", "ms": 0,
    ...                      "action": ["impression", "link-click", "impression"]})
    >>> module_usage(usage.module_usage(rows)).to_dict()["description"]
    'Share of visits with an impression that click each of 1 modules: highest for help (50.0 %), lowest for help (50.0 %).'
    """
    look.check(table, "module_usage", ["module", *MODULE_USAGE])
    by = dots.one_dimension(table, ["module", *MODULE_USAGE], "module_usage")
    table = table.filter(pl.col("n") > 0)
    look.check(table, "module_usage", ["module", *MODULE_USAGE])
    value, series = dots.series_of(table, by)
    whole = table.group_by("module").agg(share=pl.col("clicked").sum() / pl.col("n").sum())
    ranked = whole.sort("share", "module", descending=[True, False])
    rows = table.select(
        "n",
        "clicked",
        "clicks",
        "clicks_per_unit",
        "share",
        label="module",
        value=value,
        low="share_low",
        high="share_high",
        said=look.percents("share"),
        interval=dots.between("share_low", "share_high"),
    )
    units = _units(table)
    tips = {"said": "share", "interval": "interval", "clicked": f"{units} with a click", "n": f"{units} with an impression", "clicks": "clicks", "clicks_per_unit": "clicks each"}  # fmt: skip
    panel = dots.dot_panel(
        rows,
        order=list(ranked["module"]),
        axis=f"share of {units} with a click",
        tips=tips,
        series=series,
        legend=by,
        width=420,
    )
    first, last = ranked.row(0), ranked.row(-1)
    said = (
        f"Share of {units} with an impression that click each of {ranked.height} modules: highest for {first[0]} "
        f"({look.percent(first[1])}), lowest for {last[0]} ({look.percent(last[1])})."
    )
    most = f"at most {look.count(table['n'].max())} {units} with an impression"
    return look.titled(panel, "Which modules are clicked?", dots.told(table, most, *dots.notes(table)), said)


def modules_used(table: pl.DataFrame) -> Any:
    """Draw with how many modules users or visits interact.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.modules_used` gives, without or with one further dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with.

    Examples
    --------
    >>> from toolkit.measure import usage
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1], "visit": [0, 0, 1], "module": "help", "ms": 0,
    ...                      "action": ["impression", "link-click", "impression"]})
    >>> modules_used(usage.modules_used(rows)).to_dict()["description"]
    'Of 2 users, 50.0 % click no module, 50.0 % one, and 0.0 % several.'
    """
    look.check(table, "modules_used", MODULES_USED)
    by = dots.one_dimension(table, MODULES_USED, "modules_used")
    value, series = dots.series_of(table, by)
    last = int(table.filter(pl.col("n") > 0)["modules"].max() or 0)  # type: ignore[arg-type]
    kept = table.filter(pl.col("modules") <= max(last, 1))
    rows = kept.select(
        "n",
        "of",
        "share",
        label=pl.col("modules").cast(pl.String),
        value=value,
        low="share_low",
        high="share_high",
        said=look.percents("share"),
        interval=dots.between("share_low", "share_high"),
    )
    units = _units(table)
    panel = dots.dot_panel(
        rows,
        order=[str(number) for number in range(max(last, 1) + 1)],
        axis=f"share of {units}",
        rows_title="modules clicked",
        tips={"said": "share", "interval": "interval", "n": units, "of": f"all {units}"},
        series=series,
        legend=by,
        width=420,
    )
    several = pl.col("modules") > 1
    idle = table.filter(modules=0)
    n, of, more = int(idle["n"].sum()), int(idle["of"].sum()), int(table.filter(several)["n"].sum())
    none, some = n / of, more / of
    said = (
        f"Of {look.count(of)} {units}, {look.percent(none)} click no module, {look.percent(1 - none - some)} one, "
        f"and {look.percent(some)} several."
    )
    told = dots.told(table, f"{look.count(of)} {units} with an impression of any module", *dots.notes(table))
    return look.titled(panel, f"With how many modules do {units} interact?", told, said)


def module_returns(table: pl.DataFrame) -> Any:
    """Draw which modules are returned to.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.module_returns` gives, without further dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: on the left the share of all who clicked, on the right of those who could return.

    Examples
    --------
    >>> from toolkit.measure import usage
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1], "visit": [0, 1, 2], "module": "help",
    ...                      "action": "link-click", "ms": [0, 5000, 9000]})
    >>> module_returns(usage.module_returns(rows)).to_dict()["description"]
    'Share of users who click a module on several visits, of those who click it at all: highest for help (50.0 %).'
    """
    look.check(table, "module_returns", ["module", *MODULE_RETURNS])
    dots.no_dimension(table, ["module", *MODULE_RETURNS], "module_returns")
    ranked = table.filter(again=AGAIN[0]).sort("share_seen_again", "module", descending=[True, False], nulls_last=True)
    order = list(ranked["module"])
    parts: list[Any] = []
    for title, of, name, words in (
        ("Of users who clicked it", "n", "share", "users who clicked"),
        ("Of those who met it again later", "seen_again", "share_seen_again", "met it again"),
    ):
        rows = table.select(
            "returned",
            pl.col(of).alias("of"),
            label="module",
            value=pl.col("again").cast(pl.String),
            share=name,
            low=f"{name}_low",
            high=f"{name}_high",
            said=look.percents(name),
            interval=dots.between(f"{name}_low", f"{name}_high"),
        )
        tips = {"said": "share", "interval": "interval", "returned": "users who clicked it again", "of": words}
        parts.append(
            dots.dot_panel(
                rows,
                order=order,
                title=title,
                axis="share of users who click it again",
                tips=tips,
                series=AGAIN,
                legend="clicked on",
                width=280,
                labels=not parts,
            )
        )
    top = (
        table.filter(again=AGAIN[0])
        .sort("share", "module", descending=[True, False], nulls_last=True)
        .row(0, named=True)
    )
    said = (
        "Share of users who click a module on several visits, of those who click it at all: highest for "
        f"{top['module']} ({look.percent(top['share'])})."
    )
    told = dots.told(table, "days are in UTC; who came once had no occasion to return", *dots.notes(table))
    return look.titled(alt.hconcat(*parts, spacing=24), "Which modules are returned to?", told, said)


def _units(table: pl.DataFrame) -> str:
    return SHORT_UNIT[str(table["unit"][0]).split(" ", maxsplit=1)[0]]
