"""The status funnel as a chart that filters itself: for pages that are read without a kernel."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import decode, errors, reference
from toolkit.chart import look
from toolkit.chart.funnel import LABELS, ROW_BAR, UNITS, WIDE
from toolkit.rates import LEVEL, z_of

NEEDED = ("unit", "codes", "sample_rate", "n")
COUNTS = {*NEEDED, "partial", "first_ms", "last_ms"}


def status_funnel_filters(tally: pl.DataFrame) -> Any:
    """Draw a status funnel with a menu for each dimension, computed by the page itself.

    Parameters
    ----------
    tally : pl.DataFrame
        What `measure.tally` gives with the dimensions that the menus shall have, for page views or, with `campaign`
        among the dimensions, for attempts.

    Returns
    -------
    alt.TopLevelMixin
        A chart with menus. Estimates and intervals of shares are those of `measure.status_funnel`, at 95 %.

    Examples
    --------
    >>> from toolkit import measure
    >>> rows = pl.DataFrame({"country": ["DE", "FR"], "status_code": ["6", "2.1"], "requests": [3, 1], "ms": 0, "sample_rate": 1.0, "flags": 0})
    >>> spec = status_funnel_filters(measure.tally(rows, by="country")).to_dict()
    >>> [param["name"] for param in spec["params"]]
    ['country']
    """
    look.check(tally, "status_funnel_filters", NEEDED)
    if tally["codes"].str.contains(" ", literal=True).any():
        raise errors.not_allowed(
            "tally", "ways of several attempts", "has one code in each row: name 'campaign' among its dimensions"
        )
    names = [name for name in tally.columns if name not in COUNTS]
    menus = {name: _values(tally, name) for name in names}
    params = [_menu(name, values) for name, values in menus.items()]
    chosen = " && ".join(f"({name} === null || datum.{name} === {name})" for name in names) or "true"
    data = _data(tally, names, menus)
    units = UNITS[tally["unit"][0]]
    period = _period(tally)
    chart = alt.vconcat(_stages(data, chosen, units), _stops(data, chosen), spacing=18).add_params(*params)
    subtitle = [
        f"{units}, weight 1 / sample rate; {look.intervals(LEVEL)} of the shares; {period}",
        "counts, shares and intervals follow the choices above",
    ]
    said = f"Funnel of {units} from campaign attempted to banner shown, with menus for {', '.join(names)}, and the codes that stop the others."
    return look.titled(chart, "Where do banners stop?", subtitle, said)


def _values(tally: pl.DataFrame, name: str) -> list[str]:
    """Values of a dimension, most units first."""
    weighted = tally.group_by(pl.col(name).cast(pl.String)).agg(size=(pl.col("n") / pl.col("sample_rate")).sum())
    return list(weighted.drop_nulls(name).sort("size", name, descending=[True, False])[name])


def _menu(name: str, values: list[str]) -> alt.Parameter:
    """Menu of one dimension; values travel as their numbers, so that long names stand in the page once."""
    options = [None, *range(len(values))]
    return alt.param(
        name=name, value=None, bind=alt.binding_select(options=options, labels=["all", *values], name=f"{name} ")
    )


def _data(tally: pl.DataFrame, names: list[str], menus: dict[str, list[str]]) -> pl.DataFrame:
    coded = [
        pl.col(name)
        .cast(pl.String)
        .replace_strict({value: at for at, value in enumerate(menus[name])}, default=-1, return_dtype=pl.Int64)
        for name in names
    ]
    code = pl.col("codes").fill_null("?")
    rows = tally.drop_nulls("sample_rate").select(*coded, code=code, p="sample_rate", n="n")
    return rows.group_by(*names, "code", "p").agg(pl.col("n").sum()).sort(*names, "code", "p")


def _book(data: pl.DataFrame) -> pl.DataFrame:
    """What the page must know of each code: the number of its last stage, label and group."""
    stages = reference.table("stage").select("stage", reach=pl.col("order").cast(pl.Int64))
    codes = data.select("code").unique().with_columns(known=pl.when(pl.col("code") != "?").then("code"))
    words = codes.with_columns(stage=decode.stage("known"), label=decode.label("known"), group=decode.group("known"))
    named = words.join(stages, on="stage", how="left").with_columns(
        pl.col("reach").fill_null(0), name=pl.col("code") + "  " + pl.col("label")
    )
    return (
        named.sort("reach", decode.code_order("code"), "code")
        .with_row_index("rank")
        .select("code", "name", "group", "reach", "rank")
    )


def _weighted(data: pl.DataFrame, chosen: str) -> alt.Chart:
    """Chosen rows with weight `w`, its square times units `q`, and what the book says of their code."""
    book = alt.LookupData(_book(data), key="code", fields=["name", "group", "reach", "rank"])
    # as CSV in one text the data take a quarter of the room; a code is text here too
    types = {name: "string" if name == "code" else "number" for name in data.columns}
    inline = alt.InlineData(values=data.write_csv(), format=alt.CsvDataFormat(type="csv", parse=types))
    return (
        alt.Chart(inline)
        .transform_filter(chosen)
        .transform_lookup(lookup="code", from_=book)
        .transform_calculate(w="datum.n / datum.p", q="datum.n / (datum.p * datum.p)")
    )


def _with_interval(chart: alt.Chart) -> alt.Chart:
    """Share of `base` and Wilson's interval for its effective number, as in `measure.status_funnel`."""
    z = z_of(LEVEL)
    return (
        chart.transform_calculate(share="datum.base > 0 ? datum.total / datum.base : null")
        .transform_calculate(
            kish="datum.base * datum.base / datum.square",
            spread="datum.square_in * pow(1 - datum.share, 2) + (datum.square - datum.square_in) * pow(datum.share, 2)",
        )
        .transform_calculate(
            n_eff="datum.share > 0 && datum.share < 1 && datum.spread > 0"
            " ? min(datum.kish, datum.share * (1 - datum.share) * datum.base * datum.base / datum.spread) : datum.kish"
        )
        .transform_calculate(
            middle=f"(datum.share + {z * z / 2} / datum.n_eff) / (1 + {z * z} / datum.n_eff)",
            half=f"{z} * sqrt(datum.share * (1 - datum.share) / datum.n_eff + {z * z / 4} / (datum.n_eff * datum.n_eff)) / (1 + {z * z} / datum.n_eff)",
        )
        .transform_calculate(low="max(0, datum.middle - datum.half)", high="min(1, datum.middle + datum.half)")
    )


PERCENT = "(datum.share >= 0.01 || datum.share == 0 ? format(datum.share, '.1%') : format(datum.share, '.2%'))"


def _stages(data: pl.DataFrame, chosen: str, units: str) -> Any:
    stages = reference.table("stage").select("label", at=pl.col("order").cast(pl.Int64)).sort("at")
    labels = list(stages["label"])
    folded = (
        _weighted(data, chosen)
        .transform_filter("datum.reach > 0")
        .transform_calculate(**{f"s{at}": f"datum.reach >= {at} ? 1 : 0" for at in stages["at"]})
        .transform_fold([f"s{at}" for at in stages["at"]], as_=["key", "is_in"])
        .transform_calculate(
            stage=f"{labels!r}[toNumber(slice(datum.key, 1)) - 1]",
            w_in="datum.w * datum.is_in",
            q_in="datum.q * datum.is_in",
            n_in="datum.n * datum.is_in",
        )
        .transform_aggregate(
            base="sum(w)",
            square="sum(q)",
            total="sum(w_in)",
            square_in="sum(q_in)",
            n="sum(n_in)",
            groupby=["stage", "key"],
        )
    )
    base = _with_interval(folded).transform_calculate(
        said=f"format(datum.total, ',.0f') + '  (' + {PERCENT} + ')'",
        rule_low="datum.key == 's1' ? datum.share : datum.low",
        rule_high="datum.key == 's1' ? datum.share : datum.high",
    )
    y = alt.Y("stage:N", sort=labels, title=None, axis=LABELS)
    return alt.layer(
        base.mark_bar(color=look.PALE, height=ROW_BAR).encode(
            y=y,
            x=alt.X(
                "share:Q",
                title=f"share of {units} attempted",
                scale=alt.Scale(domain=[0, 1.45]),
                axis=alt.Axis(format="~%", values=[0, 0.25, 0.5, 0.75, 1]),
            ),
            tooltip=[
                alt.Tooltip("stage:N"),
                alt.Tooltip("said:N", title=units),
                alt.Tooltip("n:Q", title="recorded", format=","),
            ],
        ),
        base.mark_rule(color=look.INK).encode(y=y, x="rule_low:Q", x2="rule_high:Q"),
        base.mark_text(align="left", dx=6, color=look.INK).encode(y=y, x="rule_high:Q", text="said:N"),
    ).properties(width=WIDE, height=26 * len(labels), title=look.panel("How far they come"))


def _stops(data: pl.DataFrame, chosen: str) -> Any:
    final = reference.table("stage").height
    book = _book(data)
    order = list(book["name"])
    grouped = (
        _weighted(data, chosen)
        .transform_filter("datum.reach > 0")
        .transform_joinaggregate(base="sum(w)", square="sum(q)")
        .transform_filter(f"datum.reach < {final}")
        .transform_aggregate(
            total="sum(w)",
            square_in="sum(q)",
            n="sum(n)",
            base="min(base)",
            square="min(square)",
            groupby=["name", "group", "rank"],
        )
    )
    base = _with_interval(grouped).transform_calculate(said=PERCENT)
    y = alt.Y("name:N", sort=order, title=None, axis=LABELS)
    present = [name for name in look.group_order() if name in set(book.filter(pl.col("reach") < final)["group"])]
    return alt.layer(
        base.mark_bar(height=12).encode(
            y=y,
            x=alt.X("share:Q", title="share of attempted", axis=alt.Axis(format="~%", tickCount=4)),
            color=alt.Color(
                "group:N",
                scale=look.groups_scale(),
                legend=alt.Legend(title="cause", orient="bottom", columns=4, values=present),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="code"),
                alt.Tooltip("said:N", title="share"),
                alt.Tooltip("n:Q", title="recorded", format=","),
            ],
        ),
        base.mark_rule(color=look.INK).encode(y=y, x="low:Q", x2="high:Q"),
        base.mark_text(align="left", dx=6, color=look.INK).encode(y=y, x="high:Q", text="said:N"),
    ).properties(width=WIDE, height=alt.Step(look.ROW), title=look.panel("Where and why the others stop"))


def _period(tally: pl.DataFrame) -> str:
    if "first_ms" not in tally.columns:
        return "period not given"
    ends = tally.select(
        first=pl.from_epoch(pl.col("first_ms").min(), time_unit="ms"),
        last=pl.from_epoch(pl.col("last_ms").max(), time_unit="ms"),
    ).row(0)
    return look.period(*ends)
