"""Hand-overs drawn: which campaign took page views over from which, and why."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import look
from toolkit.measure.hand_over import RESULT

NOBODY, OTHERS = "nobody: it ended there", "other campaigns"
SHOWN = "shown itself"
MOST_WAYS = 12
HEAD, TAIL = 14, 12  # letters of a long name that are shown
CELL, WAYS = 46, 330  # width of a cell, of the bars [px]
DARK = 0.45  # share above which the colour of a cell needs white text


def hand_overs(table: pl.DataFrame) -> Any:
    """Draw what became of the attempts of each campaign, and the commonest hand-overs.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.hand_overs` gives without dimensions.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with. Above a matrix: each row a campaign and what became of its attempts, the campaigns with
        most attempts first. Below the commonest hand-overs with the code that caused them; thin lines are intervals.

    Examples
    --------
    >>> from toolkit.measure.hand_over import hand_overs as measured
    >>> way = [{"campaign": "A", "status_code": "2.2"}, {"campaign": "B", "status_code": "6"}]
    >>> rows = pl.DataFrame({"attempts": [way], "path": ["2.2 6"], "campaign": ["B"], "status_code": ["6"],
    ...                      "requests": 1, "sample_rate": 1.0, "flags": 0})
    >>> hand_overs(measured(rows)).to_dict()["description"]
    'Most page views are handed over by A: 100.0 % of its 1 attempts went on to another campaign, most to B.'
    """
    look.check(table, "hand_overs", RESULT)
    if by := [name for name in table.columns if name not in RESULT]:
        raise errors.not_allowed("table", ", ".join(by), "has no dimensions; filter it to one of these and drop them")
    campaigns = _campaigns(table)
    kept = campaigns.head(look.MOST)
    cells = _cells(table, kept["from_campaign"].to_list())
    chart = alt.vconcat(_matrix(cells), _ways(table), spacing=24).resolve_scale(color="independent")
    more = [f"The {look.MOST} of {campaigns.height} with most attempts."] if campaigns.height > look.MOST else []
    return look.titled(
        chart,
        "Which campaign takes page views over?",
        [*_subtitle(table, campaigns), *more],
        _description(table, campaigns),
    )


def _campaigns(table: pl.DataFrame) -> pl.DataFrame:
    """Each campaign with its attempts and the share that was handed over; those with most attempts first."""
    handed = pl.col("to_campaign").is_not_null()
    return (
        table.group_by("from_campaign")
        .agg(
            pl.col("attempted").first(),
            handed=pl.col("share").filter(handed).sum(),
            n_handed=pl.col("total").filter(handed).sum(),
        )
        .sort("attempted", "from_campaign", descending=[True, False], nulls_last=True)
    )


def _cells(table: pl.DataFrame, campaigns: list[str]) -> pl.DataFrame:
    """Share of each campaign's attempts for each of its ends; what is not in the table was shown."""
    some = table.filter(pl.col("from_campaign").is_in(campaigns), pl.col("attempted") > 0)
    takers = (
        some.drop_nulls("to_campaign")
        .group_by("to_campaign")
        .agg(pl.col("total").sum())
        .sort("total", "to_campaign", descending=[True, False])
        .head(look.MOST)["to_campaign"]
    )
    to = pl.col("to_campaign")
    end = pl.when(to.is_null()).then(pl.lit(NOBODY)).when(to.is_in(takers.to_list())).then(to).otherwise(pl.lit(OTHERS))
    why = pl.format("{} {} {}", "status_code", "label", look.percents("share"))
    ends = (
        some.with_columns(to_campaign=end)
        .group_by("from_campaign", "to_campaign", maintain_order=True)
        .agg(pl.col("attempted").first(), pl.col("share", "total", "n").sum(), why=why.head(3).str.join(", "))
    )
    shown = ends.group_by("from_campaign", maintain_order=True).agg(
        pl.col("attempted").first(),
        total=pl.col("attempted").first() - pl.col("total").sum(),
        share=1 - pl.col("share").sum(),
        to_campaign=pl.lit(SHOWN),
    )
    # columns in the order of the rows, so that a campaign is found in both
    in_rows = [name for name in campaigns if name in set(takers)]
    order = [SHOWN, *in_rows, *(name for name in takers if name not in in_rows), OTHERS, NOBODY]
    return (
        pl.concat([ends, shown], how="diagonal_relaxed")
        .with_columns(
            at=pl.col("to_campaign").replace_strict({name: at for at, name in enumerate(order)}),
            said=_short_percent("share"),
        )
        .sort("at", "from_campaign")
    )


def _short_percent(column: str) -> pl.Expr:
    share = pl.col(column)
    whole = pl.format("{}", (share * 100).round().cast(pl.Int64))
    return pl.when(share.round(9) <= 0).then(pl.lit("")).when(share < 0.005).then(pl.lit("<1")).otherwise(whole)  # noqa: PLR2004 - half a percent


def _matrix(cells: pl.DataFrame) -> Any:
    rows = cells.sort("attempted", "from_campaign", descending=[True, False])["from_campaign"].unique(
        maintain_order=True
    )
    columns = cells["to_campaign"].unique(maintain_order=True)
    base = alt.Chart(cells).encode(
        x=alt.X(
            "to_campaign:N", sort=columns.to_list(), title="went on to",
            axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=230, labelExpr=look.SHORT),
        ),
        y=alt.Y(
            "from_campaign:N", sort=rows.to_list(), title="attempted",
            axis=alt.Axis(labelLimit=230, labelExpr=look.SHORT),
        ),
        tooltip=[
            alt.Tooltip("from_campaign:N", title="attempted"),
            alt.Tooltip("to_campaign:N", title="went on to"),
            alt.Tooltip("share:Q", title="share of its attempts", format=look.PERCENT),
            alt.Tooltip("total:Q", title="attempts", format=",.0f"),
            alt.Tooltip("n:Q", title="recorded", format=","),
            alt.Tooltip("why:N", title="most because of"),
        ],
    )  # fmt: skip
    return alt.layer(
        base.mark_rect(stroke="white").encode(
            color=alt.Color(
                "share:Q", title="share of attempts", scale=alt.Scale(scheme="blues", domain=[0, 1]),
                legend=alt.Legend(format="~%", orient="right", gradientLength=120),
            )
        ),
        base.mark_text(fontSize=11.5).encode(
            text="said:N", color=alt.condition(alt.datum.share > DARK, alt.value("white"), alt.value("#1a1a1a"))
        ),
    ).properties(
        width=len(columns) * CELL, height=len(rows) * 26, title=look.panel("What becomes of the attempts of each campaign [%]")
    )  # fmt: skip


def _ways(table: pl.DataFrame) -> Any:
    """Bars of the commonest hand-overs."""
    handed = table.filter(pl.col("to_campaign").is_not_null(), pl.col("share").is_not_null())
    short = [
        pl.when(pl.col(name).str.len_chars() > HEAD + TAIL)
        .then(pl.col(name).str.head(HEAD) + "…" + pl.col(name).str.tail(TAIL))
        .otherwise(name)
        for name in ("from_campaign", "to_campaign")
    ]
    top = handed.sort("total", maintain_order=True, descending=True).head(MOST_WAYS).with_columns(
        way=pl.format("{} → {}", *short),
        why=pl.format("{} {}", "status_code", "label"),
        said=pl.format("{}  {}", look.percents("share"), pl.format("{} {}", "status_code", "label")),
    ).with_row_index("rank")  # fmt: skip
    axis = alt.Axis(labelLimit=340, labelExpr="split(datum.label, '\\t')[1]")
    top = top.with_columns(key=pl.format("{}\t{}", pl.col("rank").cast(pl.String).str.zfill(2), "way"))
    base = alt.Chart(top).encode(y=alt.Y("key:N", title=None, axis=axis))
    room = alt.Scale(domain=[0, min(look.largest(top["share_high"]) * 1.1, 1.0)])
    return alt.layer(
        base.mark_bar(height=13).encode(
            x=alt.X("share:Q", title="share of the attempts of the first campaign", scale=room, axis=alt.Axis(format="~%", tickCount=4)),
            color=alt.Color("group:N", scale=look.groups_scale(), legend=alt.Legend(
                title="why it was not shown", orient="bottom", columns=4, values=[name for name in look.group_order() if name in set(top["group"])]
            )),
            tooltip=[
                alt.Tooltip("from_campaign:N", title="attempted"),
                alt.Tooltip("to_campaign:N", title="went on to"),
                alt.Tooltip("why:N", title="because of"),
                alt.Tooltip("share:Q", format=look.PERCENT),
                alt.Tooltip("share_low:Q", title="from", format=look.PERCENT),
                alt.Tooltip("share_high:Q", title="to", format=look.PERCENT),
                alt.Tooltip("total:Q", title="attempts", format=",.0f"),
                alt.Tooltip("n:Q", title="recorded", format=","),
            ],
        ),
        base.mark_rule(color=look.INK).encode(x=alt.X("share_low:Q"), x2="share_high:Q"),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("share_high:Q"), text="said:N"),
    ).properties(width=WAYS, height=max(top.height * look.ROW, 40), title=look.panel("The commonest hand-overs, and why"))  # fmt: skip


def _subtitle(table: pl.DataFrame, campaigns: pl.DataFrame) -> list[str]:
    n, total = table["n"].sum(), table["total"].sum()
    lines = [
        f"{look.count(n)} campaign attempts without a banner recorded, standing for {look.count(total)} (weight {table['weight'][0]}); {look.intervals(table['level'][0])}"
    ]
    masked = campaigns.filter(pl.col("handed") >= 0.5).sort("handed", "from_campaign", descending=[True, False])  # noqa: PLR2004 - most
    if masked.height:
        top = masked.row(0, named=True)
        lines.append(
            f"{masked.height} of {campaigns.height} campaigns hand over most of their attempts; in a funnel of page views, and in Druid, those stand under the campaign that took over"
        )
        lines.append(f"{top['from_campaign']}: {look.percent(top['handed'])} handed over")
    if unweighted := table["unweighted"].sum():
        lines.append(f"{look.count(unweighted)} recorded without a usable sample rate are in no number here")
    if partial := table["partial"].sum():
        lines.append(
            f"for {look.count(partial)} the export does not hold all attempts: campaigns in between may be missing"
        )
    return lines


def _description(table: pl.DataFrame, campaigns: pl.DataFrame) -> str:
    top = campaigns.sort("n_handed", "from_campaign", descending=[True, False]).row(0, named=True)
    taken = (
        table.filter(pl.col("from_campaign") == top["from_campaign"], pl.col("to_campaign").is_not_null())
        .group_by("to_campaign")
        .agg(pl.col("total").sum())
        .sort("total", "to_campaign", descending=[True, False])
    )
    if taken.is_empty():
        return f"None of {campaigns.height} campaigns hands a page view over to another one."
    return (
        f"Most page views are handed over by {top['from_campaign']}: {look.percent(top['handed'])} of its "
        f"{look.count(top['attempted'])} attempts went on to another campaign, most to {taken['to_campaign'][0]}."
    )
