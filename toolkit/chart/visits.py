"""Visits drawn: by which routes people arrive, how soon they come first, and how long they stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from toolkit import errors
from toolkit.chart import dots, look
from toolkit.measure.arrivals import ARRIVALS, RETURNS
from toolkit.measure.reached import CURVE
from toolkit.measure.registrations import FIRST
from toolkit.measure.time_on_homepage import TIMES

MANY = 8  # colours that can be told apart
ORDERS = ["first", "later"]
HALF = 0.5  # share from which on an axis has fewer ticks


def arrivals(table: pl.DataFrame) -> Any:
    """Draw the routes by which people arrive, for first and for later visits.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.arrivals` gives, without or with one dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: one panel for first and one for later visits; shares with their intervals.

    Examples
    --------
    >>> from toolkit.measure import arrivals as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "ms": [0, 9, 5], "is_mobile": False,
    ...                      "referer_route": ["direct", "other", "direct"]})
    >>> arrivals(measured(rows)).to_dict()["description"]
    'Routes to the homepage. First visits: most by direct (100.0 % of 2). Later visits: most by other (100.0 % of 1).'
    """
    look.check(table, "arrivals", ARRIVALS)
    by = _one_dimension(table, ARRIVALS)
    routes = table.group_by("referer_route").agg(pl.col("n").sum()).sort("n", "referer_route", descending=[True, False])
    order = routes["referer_route"].to_list()
    rows = table.with_columns(value=_value(table, by), said=look.percents("share"))
    values = dots.in_order(table, by[0]) if by else ["all"]
    orders = [name for name in ORDERS if name in set(rows["order"])]
    top = look.largest(rows["share_high"])
    panels = [
        _dots(rows.filter(order=name), order, values, by, top, f"{name.capitalize()} visits", is_left=name == orders[0])
        for name in orders
    ]
    best = [rows.filter(order=name).sort("n", descending=True).row(0, named=True) for name in orders]
    wholes = {name: table.filter(order=name).unique([*by, "order"])["whole"].sum() for name in orders}
    said = " ".join(
        f"{one['order'].capitalize()} visits: most by {one['referer_route']} ({look.percent(one['n'] / one['whole'])} of {look.count(wholes[one['order']] if not by else one['whole'])})."
        for one in best
    )
    subtitle = [
        "unit: first visit of a user, and later visit; every visit counts once; " + look.intervals(table["level"][0]),
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    return look.titled(
        alt.hconcat(*panels, spacing=24), "How do people arrive?", subtitle, f"Routes to the homepage. {said}"
    )


def returns(table: pl.DataFrame) -> Any:
    """Draw the share of users who come again.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.returns` gives, of at most 25 rows.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: for each group of users the share with its interval.

    Examples
    --------
    >>> from toolkit.measure import returns as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "ms": [0, 9, 5], "is_mobile": False})
    >>> returns(measured(rows)).to_dict()["description"]
    'Share of users who come to the homepage again: 50.0 % of 2 (all users).'
    """
    look.check(table, "returns", RETURNS)
    kept = table.filter(pl.col("n") > 0)
    look.check(kept, "returns", RETURNS)
    by = [name for name in table.columns if name not in RETURNS]
    if kept.height > look.MOST:
        raise errors.not_allowed("by", f"{kept.height} groups", f"gives for chart.returns at most {look.MOST} of them")
    rows = kept.sort("share", *by, descending=[True, *[False] * len(by)], nulls_last=True).select(
        "n", "users_returned", "visits_later", "share",
        label=dots.labelled(kept, by, "all users"), value=pl.lit("all"), low="share_low", high="share_high",
        said=look.percents("share"), interval=dots.between("share_low", "share_high"),
    )  # fmt: skip
    tips = {"said": "share", "interval": "interval", "users_returned": "users with a later visit", "n": "users", "visits_later": "their later visits"}  # fmt: skip
    panel = dots.dot_panel(
        rows,
        order=list(rows["label"]),
        axis="share of users who come again",
        tips=tips,
        rows_title=", ".join(by) or None,
        width=420,
    )
    within = kept["within_d"][0]
    when = "in the whole export" if within is None else f"within {within:g} days of the first visit"
    early = kept["too_recent"].sum()
    lines = [
        f"again: {when}" + (f"; {look.count(early)} users left out, whose time was not over" if early else ""),
        *_left_out(kept),
    ]
    said = "; ".join(
        f"{look.percent(one['share'])} of {look.count(one['n'])} ({one['label']})" for one in rows.rows(named=True)
    )
    return look.titled(
        panel,
        "Who comes again?",
        dots.told(kept, *lines, *dots.notes(kept)),
        f"Share of users who come to the homepage again: {said}.",
    )


def _left_out(table: pl.DataFrame) -> list[str]:
    """What is to be said of visits that are in no number."""
    redirects, nobody = table["redirects"].sum(), table["without_user"].sum()
    return [
        *([f"{look.count(redirects)} visits are redirects and left out"] if redirects else []),
        *([f"{look.count(nobody)} visits have no user and are left out"] if nobody else []),
    ]


def first_visits(table: pl.DataFrame) -> Any:
    """Draw the share of registered users who visit the homepage within some hours.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.first_visits` gives, without or with one dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: for each window the share and its interval.

    Examples
    --------
    >>> from datetime import datetime, timedelta, timezone
    >>> from toolkit.measure import first_visits as measured
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> table = measured(rows, registrations=accounts, within_h=48, until=start + timedelta(days=9))
    >>> first_visits(table).to_dict()["description"]
    'Share of registered users who visited the homepage: within 48 hours 50.0 % of 2.'
    """
    look.check(table, "first_visits", FIRST)
    by = _one_dimension(table, FIRST)
    window = pl.format("{} h", pl.col("within_h").map_elements(lambda hours: f"{hours:g}", return_dtype=pl.String))
    rows = table.with_columns(value=_value(table, by), said=look.percents("share"), window=window)
    values = dots.in_order(table, by[0]) if by else ["all"]
    windows = rows.sort("within_h")["window"].unique(maintain_order=True).to_list()
    tips = [
        alt.Tooltip("window:N", title="within"), *_tip(by), alt.Tooltip("said:N", title="share"), alt.Tooltip("visited:Q", title="visited", format=","),
        alt.Tooltip("n:Q", title="registered users", format=","), alt.Tooltip("too_recent:Q", title="registered too late to tell", format=","),
    ]  # fmt: skip
    offset: dict[str, Any] = {"yOffset": alt.YOffset("value:N", sort=values)} if by else {}
    base = alt.Chart(rows).encode(y=alt.Y("window:N", sort=windows, title="time since the registration"), **offset)
    colour, top = _colour(values, by), look.largest(rows["share_high"])
    drawn = alt.layer(
        base.mark_rule().encode(x=alt.X("share_low:Q"), x2="share_high:Q", color=colour),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=alt.X("share:Q", title="share of registered users", scale=alt.Scale(domain=[0, top * 1.2]), axis=alt.Axis(format="~%", values=[at / 10 for at in range(0, 11, 2 if top > HALF else 1)])),
            color=colour, tooltip=tips,
        ),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("share_high:Q"), text="said:N"),
    ).properties(width=420, height=len(windows) * max(34, 18 * len(values)))  # fmt: skip
    said = "; ".join(
        f"within {one['within_h']:g} hours {look.percent(one['share'])} of {look.count(one['n'])}{f' ({one[by[0]]})' if by else ''}"
        for one in table.rows(named=True)
    )
    subtitle = [
        f"unit: {table['unit'][0]}; each window counts those registered at least so long before the end; {look.intervals(table['level'][0])}",
        look.period(table["first_dt"].min(), table["last_dt"].max()),
    ]
    return look.titled(
        drawn,
        "How soon do new users visit the homepage?",
        subtitle,
        f"Share of registered users who visited the homepage: {said}.",
    )


def time_to_first_visit(table: pl.DataFrame) -> Any:
    """Draw the share of registered users who have visited the homepage, by the time since their registration.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.time_to_first_visit` gives, without or with one dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: a curve in steps for each value, with its interval.

    Examples
    --------
    >>> from datetime import datetime, timedelta, timezone
    >>> from toolkit.measure import time_to_first_visit as measured
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> time_to_first_visit(measured(rows, registrations=accounts, until=start + timedelta(hours=9))).to_dict()["description"]
    'Share of registered users who have visited the homepage: 50.0 % of 2 after 9 hours.'
    """
    look.check(table, "time_to_first_visit", CURVE)
    by = _one_dimension(table, (*CURVE, *look.TIMES))
    rows = table.with_columns(value=_value(table, by))
    ends = [rows.filter(value=name).row(-1, named=True) for name in sorted(set(rows["value"]))]
    said = "; ".join(
        f"{look.percent(one['share'])} of {look.count(one['n'])} after {one['time_h']:.3g} hours"
        + (f" ({one['value']})" if by else "")
        for one in ends
    )
    subtitle = [
        f"unit: {table['unit'][0]}; followed until the end of the export; {look.intervals(table['level'][0])}",
        *look.when(table),
    ]
    drawn = curves(
        rows, "value", "hours since the registration", "share of registered users", title=by[0] if by else None
    )
    return look.titled(
        drawn,
        "How soon do new users come first?",
        subtitle,
        f"Share of registered users who have visited the homepage: {said}.",
    )


def curves(table: pl.DataFrame, group: str, time: str, share: str, *, title: str | None = None) -> Any:
    """Shares that grow with time, in steps, each with its interval."""
    begun = table.group_by(group).agg(
        time_h=pl.lit(0.0), share=pl.lit(0.0), share_low=pl.lit(0.0), share_high=pl.lit(0.0)
    )
    columns = [group, "time_h", "share", "share_low", "share_high"]
    known = (
        table.select(*columns, "at_risk")
        .sort(group, "time_h")
        .with_columns(pl.col("share_low").forward_fill().over(group))
    )
    rows = pl.concat([begun.select(columns), known], how="diagonal").sort(group, "time_h")
    values = sorted(set(rows[group]))
    several = len(values) > 1
    scale = alt.Scale(domain=values, range=look.CATEGORIES[: len(values)])
    colour = alt.Color(f"{group}:N", title=title, scale=scale, legend=alt.Legend(orient="top") if several else None)
    base = alt.Chart(rows).encode(x=alt.X("time_h:Q", title=time), color=colour)
    tips = [
        alt.Tooltip(f"{group}:N"), alt.Tooltip("time_h:Q", title=time, format=",.1f"), alt.Tooltip("share:Q", format=".1%"),
        alt.Tooltip("share_low:Q", title="from", format=".1%"), alt.Tooltip("share_high:Q", title="to", format=".1%"), alt.Tooltip("at_risk:Q", title="still watched", format=","),
    ]  # fmt: skip
    y = alt.Y("share:Q", title=share, axis=alt.Axis(format="~%", tickCount=5), scale=alt.Scale(domainMin=0))
    return alt.layer(
        base.mark_area(opacity=0.18, interpolate="step-after").encode(y=alt.Y("share_low:Q"), y2="share_high:Q"),
        base.mark_line(interpolate="step-after", strokeWidth=1.8).encode(y=y, tooltip=tips),
    ).properties(width=500, height=240)


def time_on_homepage(table: pl.DataFrame) -> Any:
    """Draw how long visits last, as far as events tell.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.time_on_homepage` gives, without or with one dimension of at most eight values.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: the middle half of the visits (bar), the median with its interval, nine of ten (tick).

    Examples
    --------
    >>> from toolkit.measure import time_on_homepage as measured
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "help", "action": ["impression", "link-click"],
    ...                      "platform": "desktop", "ms": [0, 9000]})
    >>> time_on_homepage(measured(rows)).to_dict()["description"]
    'Seconds from the first impression to the last event of a visit, a lower bound: first visits median 9.0 s (1 visits).'
    """
    look.check(table, "time_on_homepage", TIMES)
    by = _one_dimension(table, TIMES)
    table = table.filter(pl.col("n") > 0)
    look.check(table, "time_on_homepage", TIMES)
    name = pl.format("{} visits", pl.col("order"))
    label = name if not by else pl.concat_str(_value(table, by), pl.lit(", "), name)
    rows = table.with_columns(label=label)
    order = rows["label"].to_list()
    tips = [
        alt.Tooltip("label:N", title="visits"), alt.Tooltip("median_s:Q", title="median [s]"), alt.Tooltip("median_low_s:Q", title="from [s]"),
        alt.Tooltip("median_high_s:Q", title="to [s]"), alt.Tooltip("p90_s:Q", title="9 of 10 at most [s]"), alt.Tooltip("n:Q", title="visits", format=","),
        alt.Tooltip("zero:Q", title="with one time stamp", format=","), alt.Tooltip("idle:Q", title="with a long pause", format=","),
    ]  # fmt: skip
    base = alt.Chart(rows).encode(y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)))
    x = alt.X(
        "p25_s:Q",
        title="seconds: middle half (bar), median and its interval (dot, line), 9 of 10 (tick)",
        scale=alt.Scale(domain=[0, look.largest(rows["p90_s"]) * 1.05]),
    )
    drawn = alt.layer(
        base.mark_bar(height=14, color=look.PALE).encode(x=x, x2="p75_s:Q", tooltip=tips),
        base.mark_rule(color=look.BLUE, strokeWidth=2).encode(x=alt.X("median_low_s:Q"), x2="median_high_s:Q"),
        base.mark_point(filled=True, size=70, opacity=1, color=look.BLUE).encode(x=alt.X("median_s:Q"), tooltip=tips),
        base.mark_tick(thickness=2, height=14, color=look.BLUE).encode(x=alt.X("p90_s:Q"), tooltip=tips),
    ).properties(width=460, height=max(2, len(order)) * 32)
    said = "; ".join(
        f"{one['label']} median {one['median_s']:.1f} s ({look.count(one['n'])} visits)"
        for one in rows.rows(named=True)
    )
    clocks = {"receipt": "times of receipt, in whole seconds in 2019", "browser": "the browser's clock"}
    subtitle = [
        f"lower bound, from the first impression to the last event: nothing tells when a page was left; {look.intervals(table['level'][0])}",
        f"{' and '.join(clocks[name] for name in sorted(set(table['clock'].drop_nulls())))}; {look.period(table['first_dt'].min(), table['last_dt'].max())}",
    ]
    return look.titled(
        drawn,
        "How long do people stay?",
        subtitle,
        f"Seconds from the first impression to the last event of a visit, a lower bound: {said}.",
    )


def _dots(
    rows: pl.DataFrame,
    order: Sequence[str],
    values: Sequence[str],
    by: Sequence[str],
    top: float,
    title: str,
    *,
    is_left: bool,
) -> Any:
    """Shares of routes with their intervals."""
    offset: dict[str, Any] = {"yOffset": alt.YOffset("value:N", sort=list(values))} if by else {}
    axis = alt.Axis(labelLimit=220) if is_left else None
    base = alt.Chart(rows).encode(
        y=alt.Y("referer_route:N", sort=list(order), scale=alt.Scale(domain=list(order)), title=None, axis=axis),
        **offset,
    )
    colour = _colour(values, by)
    tips = [
        alt.Tooltip("referer_route:N", title="route"), *_tip(by), alt.Tooltip("said:N", title="share"), alt.Tooltip("n:Q", title="visits", format=","),
        alt.Tooltip("whole:Q", title="of", format=","),
    ]  # fmt: skip
    return alt.layer(
        base.mark_rule().encode(x=alt.X("share_low:Q"), x2="share_high:Q", color=colour),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=alt.X("share:Q", title="share of visits", scale=alt.Scale(domain=[0, top * 1.25]), axis=alt.Axis(format="~%", tickCount=4)),
            color=colour, tooltip=tips,
        ),
        base.mark_text(align="left", dx=6, color=look.INK).encode(x=alt.X("share_high:Q"), text="said:N"),
    ).properties(width=270, height=len(order) * max(26, 15 * len(values)), title=look.panel(title))  # fmt: skip


def _one_dimension(table: pl.DataFrame, known: Sequence[str]) -> list[str]:
    by = [name for name in table.columns if name not in known]
    if len(by) > 1 or (by and table[by[0]].n_unique() > MANY):
        raise errors.not_allowed("by", ", ".join(by), f"is for this chart one dimension of at most {MANY} values")
    return by


def _value(table: pl.DataFrame, by: Sequence[str]) -> pl.Expr:
    return look.named(by[0], table.schema[by[0]]) if by else pl.lit("all")


def _colour(values: Sequence[str], by: Sequence[str]) -> Any:
    if not by:
        return alt.value(look.BLUE)
    scale = alt.Scale(domain=list(values), range=look.CATEGORIES[: len(values)])
    return alt.Color("value:N", title=by[0], scale=scale, legend=alt.Legend(orient="top"))


def _tip(by: Sequence[str]) -> list[Any]:
    return [alt.Tooltip("value:N", title=by[0])] if by else []
