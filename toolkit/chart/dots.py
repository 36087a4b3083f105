"""Panels of estimates as dots and their intervals as lines, one row below the other: what many charts are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from toolkit import errors, reference
from toolkit.chart import look

LABELS = 110  # room for labels, so that panels below each other begin alike [px]
LINE, SERIES = 24, 15  # height of a row with one dot, and of each dot where there are several [px]
SIGNED = "datum.value == 0 ? '0' : format(100 * datum.value, '+.2~f')"
OWN = "peek(split(datum.value, '\\n'))"  # what a label does not share with others
HEAD: Any = {"condition": {"test": "indexof(datum.value, '\\n') < 0", "value": "bold"}, "value": "normal"}
POINT = 0.01  # differences that are all smaller are told with two digits
MINUS = "\N{MINUS SIGN}"  # as axes have it


def dot_panel(
    rows: pl.DataFrame,
    *,
    order: Sequence[str],
    axis: str,
    tips: Mapping[str, str],
    title: str | None = None,
    rows_title: str | None = None,
    series: Sequence[str] = (),
    legend: str | None = None,
    colours: Sequence[str] = look.CATEGORIES,
    width: int = 300,
    labels: bool = True,
    signed: bool = False,
    label_limit: int = 300,
    row: int | None = None,
    heads: bool = False,
) -> Any:
    """Draw one panel of shares or differences.

    Parameters
    ----------
    rows : pl.DataFrame
        Columns label (row of the panel), value (series), share, low, high, said (the share in words), those of `tips`.
    order : list of str
        Labels from the top down.
    axis : str
        What is measured along the panel.
    tips : mapping
        Columns shown at the pointer, and their names.
    title : str, optional
        Heading of the panel, where it is one of several.
    rows_title : str, optional
        What the rows are, where their labels do not say it.
    series : list of str
        Values in the order of their colours; none for one colour and no legend.
    legend : str, optional
        What the series are.
    colours : list of str
        Of the series.
    width : int
        Of the panel. [px]
    labels : bool
        Whether the labels stand at the left.
    signed : bool
        Whether these are differences: with a line at 0, and room on both sides.
    label_limit : int
        Room for a label. [px]
    row : int, optional
        Height of each row, to stand beside another panel. [px]
    heads : bool
        Whether a label is what its row has in common with others, a line feed, and its own: rows that follow each other
        then stand below what they have in common.

    Returns
    -------
    alt.LayerChart
        The panel.

    Examples
    --------
    >>> rows = pl.DataFrame({"label": "help", "value": "all", "share": 0.1, "low": 0.05, "high": 0.2, "said": "10.0 %"})
    >>> dot_panel(rows, order=["help"], axis="share", tips={}).to_dict()["height"]
    60
    """
    if heads:
        order = list(dict.fromkeys(part for label in order for part in (label.partition("\n")[0], label)))
    height = max(60, len(order) * (row or row_height(series)))
    used = colours[: len(series)]
    scale = alt.Scale(domain=list(series), range=list(used))
    shown = alt.Legend(orient="top", labelLimit=260, columns=2) if len(series) > 1 else None
    colour: Any = alt.Color("value:N", title=legend, scale=scale, legend=shown) if series else alt.value(look.BLUE)
    offset: dict[str, Any] = {"yOffset": alt.YOffset("value:N", sort=list(series))} if len(series) > 1 else {}
    extent = 0 if rows_title else LABELS  # a title would stand far off
    below = {"labelExpr": OWN, "labelFontWeight": HEAD} if heads else {}
    left = alt.Axis(labelLimit=label_limit, minExtent=extent, **below) if labels else None
    places: dict[str, Any] = {"scale": alt.Scale(domain=list(order))} if heads else {"sort": list(order)}
    base = alt.Chart(rows).encode(y=alt.Y("label:N", title=rows_title, axis=left, **places), **offset)
    low, high = _ends(rows)
    spread = max(high - low, 1e-9)
    # the words stand behind the interval's end, or the dot where there is no interval; no share is above one
    domain = [low - spread * 0.04, high + spread * 0.38] if signed else [0, min(high * 1.25, 1)]
    ticks = alt.Axis(labelExpr=SIGNED, tickCount=5) if signed else alt.Axis(format="~%", tickCount=5)
    parts = [
        base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q"), x2="high:Q", color=colour),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("share:Q", title=axis, scale=alt.Scale(domain=domain, nice=False), axis=ticks),
            color=colour,
            tooltip=[
                alt.Tooltip("label:N", title=" "),
                *([alt.Tooltip("value:N", title=legend or "series")] if series else []),
                *(alt.Tooltip(f"{name}:{_kind(rows, name)}", title=said, **_form(rows, name)) for name, said in tips.items()),
            ],
        ),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("end:Q"), text="said:N").transform_calculate(
            end="max(0, isValid(datum.high) ? datum.high : 0, isValid(datum.share) ? datum.share : 0)"
        ),
    ]  # fmt: skip
    if signed:
        nought = alt.Chart(pl.DataFrame({"at": [0]})).mark_rule(color=look.INK, strokeDash=[3, 3])
        parts.insert(0, nought.encode(x="at:Q"))
    heading = {"title": look.panel(title)} if title else {}
    return alt.layer(*parts).properties(width=width, height=height, **heading)


def row_height(series: Sequence[str]) -> int:
    """Height of a row that holds one dot for each series. [px]

    Examples
    --------
    >>> row_height([]), row_height(["a", "b", "c"])
    (24, 45)
    """
    return max(LINE, SERIES * len(series))


def _ends(rows: pl.DataFrame) -> tuple[float, float]:
    ends = rows.select(low=pl.min_horizontal("low", "share").min(), high=pl.max_horizontal("high", "share").max()).row(
        0
    )
    low, high = (float(end) if end is not None else 0.0 for end in ends)
    return min(low, 0.0), high if high > 0 else (1.0 if low >= 0 else 0.0)


def _kind(rows: pl.DataFrame, name: str) -> str:
    return "Q" if rows.schema[name].is_numeric() else "N"


def _form(rows: pl.DataFrame, name: str) -> dict[str, Any]:
    dtype = rows.schema[name]
    if dtype.is_integer():
        return {"format": ","}
    return {"format": ",.3~r"} if dtype.is_float() else {}


def between(low: str, high: str) -> pl.Expr:
    """Ends of an interval of shares in words.

    Examples
    --------
    >>> pl.DataFrame({"l": [0.1, None], "h": [0.25, None]}).select(between("l", "h")).to_series().to_list()
    ['10.0 % to 25.0 %', 'no interval']
    """
    return pl.concat_str(look.percents(low), look.percents(high), separator=" to ").replace(
        "no share to no share", "no interval"
    )


def points(column: str, *ends: str) -> pl.Expr:
    """Differences of shares in words: percentage points with their sign, with two digits where all are below one.

    Examples
    --------
    >>> pl.DataFrame({"d": [0.0003, 0.0], "low": [-0.002, None]}).select(points("d", "low")).to_series().to_list()
    ['+0.03 points', '0.00 points']
    >>> pl.DataFrame({"d": [0.0312, -0.0001, None]}).select(points("d")).to_series().to_list()
    ['+3.1 points', '0.0 points', 'no difference known']
    """
    coarse, fine = (pl.col(column).map_elements(in_points(digits), return_dtype=pl.String) for digits in (1, 2))
    largest = pl.max_horizontal(pl.col(name).abs() for name in (column, *ends)).max()
    return pl.when(largest < POINT).then(fine).otherwise(coarse).fill_null("no difference known")


def in_points(digits: int) -> Callable[[float], str]:
    """How a difference of shares is told with so many digits.

    Examples
    --------
    >>> in_points(2)(0.00031)
    '+0.03 points'
    """

    def told(difference: float) -> str:
        shown = round(difference * 100, digits) or 0.0  # what rounds to nothing has no sign
        return f"{shown:{'+' if shown else ''}.{digits}f} points".replace("-", MINUS)

    return told


def one_dimension(table: pl.DataFrame, known: Sequence[str], chart: str) -> str | None:
    """Dimension of a table beside its measure's columns, if there is one; more cannot be drawn.

    Raises
    ------
    ToolkitError
        If there are several, or one of more values than there are colours.
    """
    by = [name for name in table.columns if name not in known]
    if len(by) > 1 or (by and table[by[0]].n_unique() > len(look.CATEGORIES)):
        rule = f"is for chart.{chart} one dimension of at most {len(look.CATEGORIES)} values"
        raise errors.not_allowed("by", ", ".join(by), rule)
    return by[0] if by else None


def no_dimension(table: pl.DataFrame, known: Sequence[str], chart: str) -> None:
    """Refuse a table that is split by further dimensions, where a chart has no room for any."""
    if by := [name for name in table.columns if name not in known]:
        raise errors.not_allowed(
            "by", ", ".join(by), f"is empty for chart.{chart}; filter the table for one value and drop the column"
        )


def series_of(table: pl.DataFrame, by: str | None) -> tuple[pl.Expr, list[str]]:
    """Expression for the series of a dimension, and its values in order."""
    if by is None:
        return pl.lit("all"), []
    value = look.named(by, table.schema[by])
    return value, in_order(table, by)


def in_order(table: pl.DataFrame, by: str) -> list[str]:
    """Values of a dimension in words: states from the first to the last, all others in the order of their type.

    Examples
    --------
    >>> in_order(pl.DataFrame({"state": ["complete", "unactivated", "incomplete"]}), "state")
    ['incomplete', 'complete', 'unactivated']
    """
    ladder = {state: place for place, state in enumerate(reference.table("state")["state"])}
    given = pl.col(by)
    place = given.cast(pl.String).replace_strict(ladder, default=None, return_dtype=pl.Int64) if by == "state" else None
    each = table.select(given).unique().sort(*([] if place is None else [place]), given, nulls_last=True)
    return list(dict.fromkeys(each.select(look.named(by, table.schema[by]))[by]))


def labelled(table: pl.DataFrame, names: Sequence[str], rest: str) -> pl.Expr:
    """Label of each row from several dimensions; `rest` where there is none.

    Examples
    --------
    >>> pl.select(labelled(pl.DataFrame({"a": ["x"]}), [], "all")).item()
    'all'
    """
    parts = [look.named(name, table.schema[name]) for name in names]
    return pl.concat_str(parts, separator=" · ") if parts else pl.lit(rest)


def told(table: pl.DataFrame, *more: str | None) -> list[str]:
    """Subtitle of a measure's table: unit, weight, intervals, what else is to be said, and the period."""
    facts = f"unit: {table['unit'][0]}; every event counts once; {look.intervals(table['level'][0])}"
    when = look.period(table["first_dt"].min(), table["last_dt"].max())
    return [facts, *wrapped([line for line in more if line]), when]


def wrapped(lines: Sequence[str], most: int = 110) -> list[str]:
    """Lines broken at blanks, so that they stay within a chart.

    Examples
    --------
    >>> wrapped(["one two three"], most=8)
    ['one two', 'three']
    """
    broken = []
    for line in lines:
        rest = line
        while len(rest) > most and " " in rest[:most]:
            at = rest.rindex(" ", 0, most)
            broken.append(rest[:at])
            rest = rest[at + 1 :]
        broken.append(rest)
    return broken


def notes(table: pl.DataFrame) -> list[str]:
    """Notes of a table, each once."""
    return sorted(set(table["note"].drop_nulls()))
