"""Why a share changed, drawn as a waterfall: from before to after, the largest parts each, the rest together."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import reference
from toolkit.chart import look

NEEDED = (
    "unit", "weight", "outcome", "before", "after", "dimension", "value", "part", "status_code", "label", "contribution",
    "contribution_low", "contribution_high", "n_before", "n_after", "size_before", "size_after", "share_before",
    "share_after", "whole_before", "whole_before_low", "whole_before_high", "whole_after", "whole_after_low",
    "whole_after_high", "difference", "difference_low", "difference_high", "unweighted", "timeless", "level",
)  # fmt: skip
UNITS = {"pageview": "page views", "attempt": "campaign attempts"}
RAISES, LOWERS, WHOLE = look.BLUE, "#d55e00", "#737373"
WIDE, BAR, LABEL = 430, 13, 460
MOST = 34  # letters of a value, so that what it did can be read beside it
ROOM = 0.16  # of the width, on both sides, for the numbers


def change(table: pl.DataFrame, *, most: int = 10) -> Any:
    """Draw parts of a difference as a waterfall.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.change` gives.
    most : int
        Parts to draw each, the first of the table; all others are one bar.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with. Each bar starts where the one above it ends; thin lines are the intervals of the parts,
        and of the shares before and after.

    Examples
    --------
    >>> from toolkit.measure.change import change as measured
    >>> rows = pl.DataFrame({"country": ["DE", "FR", "DE", "DE", "FR"], "status_code": ["6", "6", "6", "7", "6"],
    ...                      "week": ["1", "1", "2", "2", "2"], "requests": [50, 50, 30, 20, 50], "sample_rate": 1.0, "flags": 0, "ms": 0})
    >>> change(measured(rows, between=("week", "1", "2"), by="country")).to_dict()["description"]
    'The share of page views with banner shown is 100.0 % before (week = 1) and 80.0 % after (week = 2). The first part is DE: 7 loader error more often, -20.0 points.'
    """
    look.check(table, "change", NEEDED)
    rows = _steps(table, most)
    order = rows["name"].to_list()
    ends = pl.concat([rows["from"], rows["to"], rows["low"], rows["high"]]).drop_nulls()
    least, largest = float(ends.min()), float(ends.max())  # type: ignore[arg-type]
    margin = max((largest - least) * ROOM, 0.002)
    scale = alt.Scale(domain=[least - margin, largest + margin * 1.6], zero=False, nice=False)
    x: dict[str, Any] = {
        "scale": scale,
        "axis": alt.Axis(format="~%", tickCount=5),
        "title": f"{_outcome(table)}, share of {UNITS[table['unit'][0]]}",
    }
    y = alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=LABEL))
    base = alt.Chart(rows).encode(y=y)
    kinds = [kind for kind in ("raises the share", "lowers the share", "the whole") if kind in set(rows["kind"])]
    colours = {"raises the share": RAISES, "lowers the share": LOWERS, "the whole": WHOLE}
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=kinds, range=[colours[kind] for kind in kinds]),
        legend=alt.Legend(title=None, orient="bottom", symbolOpacity=1),
    )
    tooltip = [
        alt.Tooltip("name:N", title="part"),
        alt.Tooltip("said:N", title="contribution"),
        alt.Tooltip("interval:N"),
        alt.Tooltip("size:N", title="size"),
        alt.Tooltip("within:N", title="share within"),
        alt.Tooltip("recorded:N"),
    ]
    parts, whole = alt.datum.kind != "the whole", alt.datum.kind == "the whole"
    chart = alt.layer(
        base.transform_filter(parts).mark_bar(height=BAR).encode(x=alt.X("from:Q", **x), x2="to:Q", color=colour, tooltip=tooltip),
        base.transform_filter(whole).mark_tick(thickness=3, height=BAR + 6).encode(x=alt.X("to:Q", **x), color=colour, tooltip=tooltip),
        base.mark_rule(color=look.INK).encode(x=alt.X("low:Q", **x), x2="high:Q"),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("text_at:Q", **x), text="said:N"),
    ).properties(width=WIDE, height=len(order) * (look.ROW + 3))  # fmt: skip
    return look.titled(chart, _title(table), _subtitle(table), _description(table))


def _outcome(table: pl.DataFrame) -> str:
    """Outcome in the words of the funnel."""
    labels = dict(reference.table("stage").select("stage", "label").iter_rows())
    codes = dict(reference.status_codes().select("status_code", "label").iter_rows())
    outcome = table["outcome"][0]
    return str(labels.get(outcome) or (f"{outcome} {codes[outcome]}" if outcome in codes else outcome))


def _points(value: float | None) -> str:
    """Share points in words.

    Examples
    --------
    >>> _points(-0.0312), _points(0.0004)
    ('-3.1 points', '+0.04 points')
    """
    if value is None:
        return "not known"
    small = 0 < abs(value) < 0.001  # noqa: PLR2004 - a tenth of a point
    return f"{value * 100:+.2f} points" if small else f"{value * 100:+.1f} points"


def _name() -> pl.Expr:
    """Part in words: which value, and what it did."""
    code = pl.concat_str(pl.col("status_code").fill_null("no code"), pl.lit(" "), pl.col("label").fill_null(""))
    more = (
        pl.when(pl.col("share_after") > pl.col("share_before"))
        .then(pl.lit("more often"))
        .otherwise(pl.lit("less often"))
    )
    grew = (
        pl.when(pl.col("size_after") > pl.col("size_before"))
        .then(pl.lit("larger part of all"))
        .otherwise(pl.lit("smaller part of all"))
    )
    what = pl.when(part="mix").then(grew).otherwise(pl.concat_str(code, pl.lit(" "), more))
    value = pl.col("value")
    short = (
        pl.when(value.str.len_chars() > MOST)
        .then(pl.concat_str(value.str.head(19), pl.lit("…"), value.str.tail(14)))
        .otherwise(value)
    )
    return pl.when(dimension="all").then(what).otherwise(pl.concat_str(short, pl.lit(": "), what))


def _steps(table: pl.DataFrame, most: int) -> pl.DataFrame:
    """Bars in order: before, the first parts, the others together, after."""
    head = table.row(0, named=True)
    percents = {side: [head[f"whole_{side}{end}"] for end in ("", "_low", "_high")] for side in ("before", "after")}
    whole = [
        {"name": f"{side}: {head[side]}", "kind": "the whole", "from": share, "to": share, "low": low, "high": high,
         "said": look.percent(share), "interval": f"{look.percent(low)} to {look.percent(high)}"}
        for side, (share, low, high) in percents.items()
    ]  # fmt: skip
    drawn = table.filter(pl.col("contribution") != 0).head(most)
    rest = table.filter(pl.col("contribution") != 0).slice(most)
    start = head["whole_before"]
    sums = pl.col("contribution").cum_sum() + start
    parts = drawn.with_columns(name=_name(), to=sums).with_columns(pl.col("to").shift(1).fill_null(start).alias("from"))
    change = pl.col("contribution")
    bars = parts.select(
        "name",
        "from",
        "to",
        kind=pl.when(change > 0).then(pl.lit("raises the share")).otherwise(pl.lit("lowers the share")),
        low=pl.col("from") + pl.col("contribution_low"),
        high=pl.col("from") + pl.col("contribution_high"),
        said=change.map_elements(_points, return_dtype=pl.String),
        interval=pl.format("{} to {}", *[pl.col(f"contribution_{end}").map_elements(_points, return_dtype=pl.String) for end in ("low", "high")]),
        size=pl.format("{} to {}", look.percents("size_before"), look.percents("size_after")),
        within=pl.format("{} to {}", look.percents("share_before"), look.percents("share_after")),
        recorded=pl.format("{} to {}", "n_before", "n_after"),
    )  # fmt: skip
    others = []
    if rest.height:
        total = head["whole_after"] - (bars["to"][-1] if bars.height else start)
        kind = "raises the share" if total > 0 else "lowers the share"
        others = [{"name": f"{rest.height} further parts together", "kind": kind, "from": head["whole_after"] - total, "to": head["whole_after"], "said": _points(total)}]  # fmt: skip
    rows = pl.concat(
        [pl.DataFrame(whole[:1]), bars, *[pl.DataFrame(other) for other in others], pl.DataFrame(whole[1:])],
        how="diagonal_relaxed",
    )
    return rows.with_columns(text_at=pl.max_horizontal("from", "to", "high"))


def _title(table: pl.DataFrame) -> str:
    difference = table["difference"][0]
    verb = "rise" if difference > 0 else "fall" if difference < 0 else "stay"
    share = f"the share with {_outcome(table)}"
    return f"Why does {share} differ?" if "=" in table["before"][0] else f"Why did {share} {verb}?"


def _subtitle(table: pl.DataFrame) -> list[str]:
    row = table.row(0, named=True)
    span = f"{_points(row['difference_low'])} to {_points(row['difference_high'])}"
    zone = "" if "=" in row["before"] else " UTC"
    lines = [
        f"{_points(row['difference'])} ({span}) from {row['before']}{zone}",
        f"to {row['after']}{zone}; {UNITS[row['unit']]}, weight {row['weight']}; {look.intervals(row['level'])}",
    ]
    apart = [("unweighted", "without a usable sample rate"), ("timeless", "without a time")]
    return [
        *lines,
        *[f"{look.count(row[name])} recorded {words} are in no number here" for name, words in apart if row[name]],
    ]


def _description(table: pl.DataFrame) -> str:
    row = table.with_columns(name=_name()).row(0, named=True)
    said = f"The share of {UNITS[row['unit']]} with {_outcome(table)} is {look.percent(row['whole_before'])} before ({row['before']}) and {look.percent(row['whole_after'])} after ({row['after']})."
    return f"{said} The first part is {row['name']}, {_points(row['contribution'])}."
