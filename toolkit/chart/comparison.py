"""Comparisons drawn: shares of two groups and their difference, and how much more data would decide it."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import dots, look
from toolkit.measure.comparison import COMPARED, SAMPLE_SIZE


def compare_shares(table: pl.DataFrame) -> Any:
    """Draw the shares of groups and their difference from the baseline.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.compare_modules` or `measure.compare_shares` gives, by at most one dimension; the 25 comparisons
        with most units, if there are more.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: on the left the shares, on the right the differences.

    Examples
    --------
    >>> from toolkit.measure import comparison
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": range(8), "ms": 0, "variant": ["C"] * 4 + ["D"] * 4,
    ...                       "clicked": [True, True, True, False, True, False, False, False]})
    >>> compare_shares(comparison.compare_shares(units, between="variant", of="clicked")).to_dict()["description"]
    'Difference of the share clicked between values of variant: 0 of 1 comparisons are decided after adjustment; largest -50.0 points (D against C).'
    """
    look.check(table, "compare_shares", COMPARED)
    by = [name for name in table.columns if name not in COMPARED]
    rows = _labelled(table, by)
    groups = sorted(set(rows["group"]))
    baseline = table["baseline"][0]
    pairwise = len(groups) == 1 and bool(by)
    order = list(rows["label"])
    sides = pl.concat([
        rows.select("label", "n", "total", "users", "share", value=pl.col("group") if pairwise else pl.lit("group"), low="share_low", high="share_high"),
        rows.select("label", n="baseline_n", total="baseline_total", users="baseline_users", share="baseline_share", value=pl.lit(baseline if pairwise else "baseline"), low="baseline_share_low", high="baseline_share_high"),
    ]).with_columns(said=look.percents("share"), interval=dots.between("low", "high"))  # fmt: skip
    tips = {"said": "share", "interval": "interval", "total": "with a click", "n": "units", "users": "users"}
    left = dots.dot_panel(
        sides,
        order=order,
        title="Shares",
        axis="share clicked",
        tips=tips,
        series=[groups[0], baseline] if pairwise else ["group", "baseline"],
        legend=table["between"][0],
        colours=[look.BLUE, "#e69f00"],
        width=260,
    )
    differences = rows.select(
        "label", "p_value", "p_adjusted", "n_eff", "baseline_n_eff", value=pl.lit("all"), share="difference", low="difference_low",
        high="difference_high", said=dots.points("difference", "difference_low", "difference_high"),
    )  # fmt: skip
    right = dots.dot_panel(
        differences,
        order=order,
        title="Difference",
        axis="difference [percentage points]",
        tips={
            "said": "difference",
            "p_value": "p",
            "p_adjusted": "p, adjusted (Holm)",
            "n_eff": "effective units",
            "baseline_n_eff": "of the baseline",
        },
        width=270,
        labels=False,
        signed=True,
        row=dots.row_height([groups[0], baseline]),
    )
    alpha = 1 - table["level"][0]
    decided = table.filter(pl.col("p_adjusted") < alpha).height
    top = (
        table.with_columns(pl.col("difference").abs().alias("size"))
        .sort("size", descending=True, nulls_last=True)
        .row(0, named=True)
    )
    large = "no difference known" if top["difference"] is None else f"{top['difference'] * 100:+.1f} points"
    said = (
        f"Difference of the share clicked between values of {table['between'][0]}: {decided} of {table.height} comparisons "
        f"are decided after adjustment; largest {large} ({top['group']} against {baseline})."
    )
    lines = [
        f"against {baseline}; {decided} of {table.height} decided after adjustment for their number (Holm); visits of one user are not taken for independent",
        *([f"the {look.MOST} of {table.height} comparisons with most units"] if table.height > look.MOST else []),
        *dots.notes(table),
    ]
    title = f"Do shares of clicks differ by {table['between'][0]}?"
    return look.titled(alt.hconcat(left, right, spacing=24), title, dots.told(table, *lines), said)


def _labelled(table: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Rows that are drawn, each with its label: dimensions, and the group where there are several."""
    names = [*by, *(["group"] if table["group"].n_unique() > 1 or not by else [])]
    parts = [look.named(name, table.schema[name]) for name in names]
    size = pl.col("n") + pl.col("baseline_n")
    most = table.with_columns(label=pl.concat_str(parts, separator=" · "), size=size)
    kept = most.sort("size", "label", descending=[True, False]).head(look.MOST)
    return kept.sort("difference", "label", descending=[True, False], nulls_last=True)


def sample_size(table: pl.DataFrame) -> Any:
    """Draw how many times as many units would decide each difference.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.sample_size` gives.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: left of the line at 1 there are enough.

    Examples
    --------
    >>> from toolkit.measure import comparison
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": range(200), "ms": 0, "variant": ["C", "D"] * 100,
    ...                       "clicked": [i % 10 == 0 for i in range(200)]})
    >>> sizes = comparison.sample_size(comparison.compare_shares(units, between="variant", of="clicked"), difference=0.1)
    >>> sample_size(sizes).to_dict()["description"]
    'Units needed to decide 1 differences with power 80 %: 0 have enough; the largest needs 2.9 times as many.'
    """
    look.check(table, "sample_size", SAMPLE_SIZE)
    by = [name for name in table.columns if name not in SAMPLE_SIZE]
    names = [*by, *(["group"] if table["group"].n_unique() > 1 or not by else [])]
    parts = [look.named(name, table.schema[name]) for name in names]
    rows = (
        table.with_columns(label=pl.concat_str(parts, separator=" · "))
        .filter(pl.col("times").is_not_null())
        .sort("times", "label")
        .head(look.MOST)
        .select(
            "label", "times", "sought", "n", "n_more", "baseline_n_more", "users_more", "baseline_users_more", "days", "days_more",
            said=pl.when(pl.col("times") <= 1).then(pl.lit("enough")).otherwise(
                pl.format("{} more users", (pl.col("users_more") + pl.col("baseline_users_more")).map_elements(look.count, return_dtype=pl.String))
            ),
            sought_said=dots.points("sought"),
        )
    )  # fmt: skip
    look.check(rows, "sample_size", ["times"])
    top = look.largest(rows["times"])
    base = alt.Chart(rows).encode(
        y=alt.Y("label:N", sort=list(rows["label"]), title=None, axis=alt.Axis(labelLimit=300))
    )
    low = min(float(rows["times"].min()), 1.0)  # type: ignore[arg-type]
    scale = alt.Scale(type="log", domain=[low / 1.3, max(top, 1.0) ** 1.35 * 2])
    tips = [
        ("label:N", " "), ("sought_said:N", "difference sought"), ("times:Q", "times as many"), ("n_more:Q", "more units"),
        ("baseline_n_more:Q", "more of the baseline"), ("users_more:Q", "more users"), ("days:Q", "days so far"), ("days_more:Q", "more days"),
    ]  # fmt: skip
    chart = alt.layer(
        alt.Chart(pl.DataFrame({"at": [1]})).mark_rule(color=look.INK, strokeDash=[3, 3]).encode(x=alt.X("at:Q", scale=scale)),
        base.mark_point(filled=True, size=60, opacity=1, color=look.BLUE).encode(
            x=alt.X("times:Q", title="times as many units as there are (log scale)", scale=scale, axis=alt.Axis(format="~s", tickCount=5)),
            tooltip=[
                alt.Tooltip(field, title=title, format=",.3~r" if field.endswith("Q") else "") for field, title in tips
            ],
        ),
        base.mark_text(align="left", dx=8, color=look.INK).encode(x=alt.X("times:Q", scale=scale), text="said:N"),
    ).properties(width=440, height=max(60, rows.height * dots.LINE))  # fmt: skip
    power, level, tests = table.row(0, named=True)["power"], table["level"][0], table["tests"][0]
    enough = rows.filter(pl.col("times") <= 1).height
    said = (
        f"Units needed to decide {table.height} differences with power {power * 100:g} %: {enough} have enough; the largest "
        f"needs {top:,.1f} times as many."
    )
    lines = [
        f"power {power * 100:g} %, level {level * 100:g} % shared among {tests} tests; groups keep their proportion and users their visits",
        "a difference that was seen is itself uncertain: to plan, give the least that would matter",
        *dots.notes(table),
    ]
    return look.titled(chart, "How much more would decide the differences?", dots.wrapped(lines), said)
