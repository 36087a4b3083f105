"""Browser logs drawn: how far they come, impressions until a close, waits between page views."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from toolkit import reference
from toolkit.chart import look
from toolkit.measure.browser_logs import JITTER_S
from toolkit.measure.impressions_until import UNTIL
from toolkit.measure.log_funnel import FUNNEL
from toolkit.measure.waits import WAITS

ORIGINS = {"sampled": look.BLUE, "forced": "#e69f00"}
FORCED = "forced: sent by a reader who went to donate"
WORDS = {"sampled": "sampled logs", "forced": FORCED}
ENDS = {"close": "closed", "donate": "donated"}
MINUTE, HOUR, DAY = 60, 3600, 86400
TICKS = {0: "0", MINUTE: "1 min", 10 * MINUTE: "10 min", HOUR: "1 h", 8 * HOUR: "8 h", DAY: "1 day", 7 * DAY: "1 week",
         30 * DAY: "30 days", 365 * DAY: "1 year"}  # fmt: skip
WIDE, PANELS = 440, 12
LAST = 1.3  # end of an axis, as a multiple of what is drawn
EXTENT = 40  # the same room for both axes, so that they stand below each other
NAMES = alt.Axis(labelLimit=240, labelExpr=look.SHORT)


def log_funnel(table: pl.DataFrame) -> Any:
    """Draw how far browser logs come: the share of logs that reach each stage at least once.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.log_funnel` gives. With dimensions, only the last stage is drawn: a banner shown.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: points are shares, lines their intervals; forced logs in a colour of their own.

    Examples
    --------
    >>> from toolkit import measure
    >>> from toolkit import measure
    >>> rows = pl.DataFrame({"log": [0, 1], "position": 0, "ms": 0, "sent_dt": None, "logged": 1, "sent": 1,
    ...                      "status_code": ["6", "2.1"], "sample_rate": 0.1, "forced": False})
    >>> log_funnel(measure.log_funnel(rows)).to_dict()["description"]
    'Of 2 sampled logs with a campaign attempted, standing for 20 page views, 50.0 % have a banner shown at least once.'
    """
    look.check(table, "log_funnel", FUNNEL)
    by = [name for name in table.columns if name not in FUNNEL]
    labels = dict(reference.table("stage").select("stage", "label").iter_rows())
    shown = table.filter(stage="shown")
    if by:
        named = shown.with_columns(name=_named(table, by))
        size = named.group_by("name").agg(pl.col("total").sum(), pl.col("n_eff").sum())
        order = list(size.sort("total", "n_eff", "name", descending=[True, True, False])["name"])[: look.MOST]
        rows = named.filter(pl.col("name").is_in(order))
    else:
        rows = table.with_columns(name=pl.col("stage").cast(pl.String).replace_strict(labels))
        order = list(labels.values())
    rows = rows.select(
        "name",
        "n",
        "share",
        low=pl.col("share_low").fill_null(pl.col("share")),
        high=pl.col("share_high").fill_null(pl.col("share")),
        origin=pl.col("origin").replace_strict(WORDS),
        said=look.percents("share"),
    )
    present = [WORDS[origin] for origin in ORIGINS if WORDS[origin] in set(rows["origin"])]
    colour = alt.Color(
        "origin:N",
        title=None,
        scale=alt.Scale(domain=present, range=[ORIGINS[origin] for origin in ORIGINS if WORDS[origin] in present]),
        legend=alt.Legend(orient="bottom", labelLimit=400),
    )
    base = alt.Chart(rows).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=NAMES),
        yOffset=alt.YOffset("origin:N", sort=present),
        color=colour,
    )
    share = alt.X(
        "share:Q",
        title="share of the logs with an attempt",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="~%", values=[0, 0.25, 0.5, 0.75, 1]),
    )
    tips = [
        alt.Tooltip("name:N", title=" · ".join(by) or "stage"),
        alt.Tooltip("origin:N"),
        alt.Tooltip("said:N", title="share"),
        alt.Tooltip("low:Q", title="from", format=look.PERCENT),
        alt.Tooltip("high:Q", title="to", format=look.PERCENT),
        alt.Tooltip("n:Q", title="logs", format=","),
    ]
    chart = alt.layer(
        base.mark_rule().encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=share, tooltip=tips),
        base.mark_text(align="left", dx=8).encode(x=alt.X("high:Q"), text="said:N", color=alt.value(look.INK)),
    ).properties(width=380, height=len(order) * max(26, 17 * len(present)))
    title = "In how many browser logs was a banner shown?" if by else "How far do browser logs come?"
    more = (
        [f"The {look.MOST} of {shown.select(by).n_unique()} with most logs."]
        if by and shown.select(by).n_unique() > look.MOST
        else []
    )
    return look.titled(
        chart, title, [*_logs(table.filter(stage="attempted")), *_about(table), *more], _funnel_said(table, by)
    )


def impressions_until(table: pl.DataFrame) -> Any:
    """Draw the share of readers who still have not closed a banner (or donated) after each impression.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.impressions_until` gives. With dimensions, each value has a curve of its own.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: the curve of Kaplan and Meier with its interval; without dimensions, below it how many
        logs tell. Sampled logs are drawn; forced ones only where there are no others.

    Examples
    --------
    >>> from toolkit import measure
    >>> rows = pl.DataFrame({"log": [0, 0, 0, 1, 1, 1], "position": [0, 1, 2] * 2, "ms": 0, "sent_dt": None, "logged": 3, "sent": 3,
    ...                      "status_code": ["6", "6", "6", "6", "2.1", "2.1"], "sample_rate": 0.1, "forced": False})
    >>> impressions_until(measure.impressions_until(rows)).to_dict()["description"]
    'Share of browser logs without a banner closed, by banners shown so far: 50.0 % after 1, 50.0 % after 2.'
    """
    look.check(table, "impressions_until", UNTIL)
    by = [name for name in table.columns if name not in UNTIL]
    kept = table.drop_nulls("kept")
    sampled = kept.filter(origin="sampled")
    drawn = kept if sampled.is_empty() else sampled
    look.check(drawn, "impressions_until", UNTIL)
    word = ENDS[drawn["end"][0]]
    drawn = drawn.with_columns(name=_named(table, by) if by else pl.lit("all"), said=look.percents("kept"))
    logs = drawn.unique([*by, "origin"]).sort("logs", "name", descending=[True, False])
    if by:
        last = drawn["impressions"].max()
        panels = [
            _curve(drawn.filter(name=name), word, last).properties(
                width=215, height=120, title=look.panel(f"{look.short(name)}: {look.count(n)} logs, {ended} {word}")
            )
            for name, n, ended in logs.head(PANELS).select("name", "logs", "ended").iter_rows()
        ]
        chart: Any = alt.concat(*panels, columns=2, spacing=18)
    else:
        tells = (
            alt.Chart(drawn.select("impressions", "n"))
            .mark_bar(color=look.PALE)
            .encode(
                x=_shown_so_far(drawn["impressions"].max()),
                y=alt.Y("n:Q", title="logs that tell", axis=alt.Axis(tickCount=3, minExtent=EXTENT)),
            )
        )
        curve = _curve(drawn, word, drawn["impressions"].max())
        chart = alt.vconcat(
            curve.properties(width=WIDE, height=230), tells.properties(width=WIDE, height=65), spacing=10
        )
    title = f"After how many banners do readers {'close them' if word == 'closed' else 'donate'}?"
    lines = [
        f"{_in_all(logs['logs'], by)} {drawn['origin'][0]} logs not cut by the client: {_in_all(logs['ended'], by)} {word} after a banner, {_in_all(logs['open'], by)} still open",
        f"Kaplan and Meier's curve; weight {drawn['weight'][0]}; {look.intervals(drawn['level'][0])}",
        f"{'a close' if word == 'closed' else 'a donation'} is seen only where no other campaign took the page view over: an upper bound",
    ]
    more = [f"The {PANELS} of {logs.height} with most logs."] if logs.height > PANELS else []
    return look.titled(chart, title, [*lines, *_about(drawn), *more], _until_said(drawn, word, by))


def _curve(rows: pl.DataFrame, word: str, last: Any) -> Any:
    """One curve with its band, from 1 before any impression."""
    steps = rows.select("impressions", "kept", "n", "n_ended", "said", low="kept_low", high="kept_high")
    start = pl.DataFrame({"impressions": [0.0], "kept": [1.0], "low": [1.0], "high": [1.0]})
    end = steps.tail(1).with_columns(pl.col("impressions") + 0.5)  # a last step that can be seen
    base = alt.Chart(pl.concat([start, steps, end], how="diagonal_relaxed").sort("impressions")).encode(
        x=_shown_so_far(last)
    )
    share = alt.Y(
        "kept:Q",
        title=f"not yet {word}",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="~%", values=[0, 0.25, 0.5, 0.75, 1], minExtent=EXTENT),
    )
    tips = [
        alt.Tooltip("impressions:Q", title="banners shown"),
        alt.Tooltip("said:N", title=f"not yet {word}"),
        alt.Tooltip("low:Q", title="from", format=look.PERCENT),
        alt.Tooltip("high:Q", title="to", format=look.PERCENT),
        alt.Tooltip("n:Q", title="logs that tell", format=","),
        alt.Tooltip("n_ended:Q", title=f"{word} just then", format=","),
    ]
    return alt.layer(
        base.mark_area(interpolate="step-after", opacity=0.2, color=look.BLUE).encode(y=alt.Y("low:Q"), y2="high:Q"),
        base.mark_line(interpolate="step-after", color=look.BLUE).encode(y=share),
        base.mark_point(filled=True, size=28, opacity=1, color=look.BLUE)
        .encode(y="kept:Q", tooltip=tips)
        .transform_filter("datum.impressions > 0 && datum.impressions % 1 == 0"),
    )


def _shown_so_far(last: Any) -> alt.X:
    return alt.X(
        "impressions:Q",
        title="banners shown so far",
        axis=alt.Axis(tickMinStep=1, tickCount=8),
        scale=alt.Scale(domain=[0, last + 0.5], nice=False, padding=0),
    )


def waits(table: pl.DataFrame) -> Any:
    """Draw how long it is from one page view of a log to the next.

    Parameters
    ----------
    table : pl.DataFrame
        What `measure.waits` gives.

    Returns
    -------
    alt.TopLevelMixin
        A chart to go on with: the median with its interval, the middle half and the middle eight tenths of the waits.
        Within the grey band the shift of times hides everything. Sampled logs are drawn; forced ones only where there
        are no others.

    Examples
    --------
    >>> from toolkit import measure
    >>> rows = pl.DataFrame({"log": 0, "position": [0, 1, 2], "ms": [0, 600_000, 7_800_000], "sent_dt": None, "logged": 3, "sent": 3,
    ...                      "status_code": "6", "sample_rate": 0.1, "forced": False})
    >>> waits(measure.waits(rows)).to_dict()["description"]
    'Half of the waits between page views are shorter than: all: 10 min.'
    """
    look.check(table, "waits", WAITS)
    by = [name for name in table.columns if name not in WAITS]
    sampled = table.filter(origin="sampled")
    drawn = (table if sampled.is_empty() else sampled).with_columns(name=_named(table, by) if by else pl.lit("all"))
    shift = 2 * JITTER_S
    value = {q: pl.col("wait_s").filter(pl.col("quantile") == q).first() for q in (0.1, 0.25, 0.5, 0.75, 0.9)}
    median = pl.col("quantile") == 0.5  # noqa: PLR2004 - the median
    rows = (
        drawn.group_by("name")
        .agg(
            pl.col("n", "logs").first(),
            p10=value[0.1],
            p25=value[0.25],
            median=value[0.5],
            p75=value[0.75],
            p90=value[0.9],
            # what the sample and the shift of times leave open, together
            low=(pl.col("sampled_s_low").filter(median).first() - shift).clip(0),
            high=pl.col("sampled_s_high").filter(median).first() + shift,
        )
        .sort("n", "name", descending=[True, False])
        .head(look.MOST)
        .with_columns(said=pl.col("median").map_elements(_duration, return_dtype=pl.String))
    )
    order = list(rows["name"])
    longest = max(look.largest(rows["p90"]), look.largest(rows["high"]), 10 * MINUTE)
    ticks = [at for at in TICKS if at <= longest * LAST]
    expression = "".join(f"datum.value == {at} ? '{TICKS[at]}' : " for at in ticks) + "''"
    scale = alt.Scale(type="symlog", constant=MINUTE, domain=[0, longest * LAST])
    axis = alt.Axis(values=ticks, labelExpr=expression)
    base = alt.Chart(rows).encode(y=alt.Y("name:N", sort=order, title=None, axis=NAMES))
    tips = [
        *([alt.Tooltip("name:N", title=" · ".join(by))] if by else []),
        alt.Tooltip("said:N", title="median"),
        alt.Tooltip("low:Q", title="median from [s]", format=",.0f"),
        alt.Tooltip("high:Q", title="median to [s]", format=",.0f"),
        alt.Tooltip("p10:Q", title="1 in 10 at most [s]", format=",.0f"),
        alt.Tooltip("p25:Q", title="1 in 4 at most [s]", format=",.0f"),
        alt.Tooltip("p75:Q", title="3 in 4 at most [s]", format=",.0f"),
        alt.Tooltip("p90:Q", title="9 in 10 at most [s]", format=",.0f"),
        alt.Tooltip("n:Q", title="waits", format=","),
        alt.Tooltip("logs:Q", format=","),
    ]
    hidden = alt.Chart(pl.DataFrame({"from": [0], "to": [shift]})).mark_rect(color="#bbbbbb", opacity=0.25)
    title = f"wait until the next {'banner shown' if drawn['between'][0] == 'impressions' else 'page view'} (log scale from 1 min)"
    chart = alt.layer(
        hidden.encode(x=alt.X("from:Q", title=title, scale=scale, axis=axis), x2="to:Q"),
        base.mark_rule(color=look.INK).encode(x=alt.X("p10:Q", scale=scale), x2="p90:Q"),
        base.mark_bar(color=look.PALE, height=13).encode(x="p25:Q", x2="p75:Q", tooltip=tips),
        base.mark_rule(color=look.BLUE, strokeWidth=3).encode(x="low:Q", x2="high:Q", tooltip=tips),
        base.mark_point(filled=True, size=65, color=look.BLUE, opacity=1).encode(x="median:Q", tooltip=tips),
        base.mark_text(dy=-14, fontSize=10.5, color=look.INK).encode(x="median:Q", text="said:N"),
    ).properties(width=430, height=max(len(order) * 34, 60))
    facts = drawn.unique(["name", "origin"])
    lines = [
        f"{look.count(facts['n'].sum())} waits within {'sampled' if not sampled.is_empty() else 'forced'} logs, weight {drawn['weight'][0]}",
        f"dot: median, thick line: its interval ({look.intervals(drawn['level'][0])}, shift of times included); bar: middle half; line: middle 80 %",
        f"each time is shifted by up to {JITTER_S} s, so a wait is known to {shift} s: grey is where that hides it",
    ]
    said = "; ".join(f"{name}: {length}" for name, length in rows.select("name", "said").iter_rows())
    between = "banners shown" if drawn["between"][0] == "impressions" else "page views"
    return look.titled(
        chart,
        "How long is it until the next banner?"
        if between == "banners shown"
        else "How long is it until the next page view?",
        [*lines, *_about(drawn)],
        f"Half of the waits between {between} are shorter than: {said}.",
    )


def _named(table: pl.DataFrame, by: list[str]) -> pl.Expr:
    return pl.concat_str([look.named(part, table.schema[part]) for part in by], separator=" · ")


def _in_all(numbers: pl.Series, by: list[str]) -> str:
    """Logs of all values together; a log may be in several."""
    return look.count(numbers.sum()) if not by else f"at most {look.count(numbers.max())}"


def _duration(seconds: float) -> str:
    """Length of time in the unit that a reader would take.

    Examples
    --------
    >>> [_duration(s) for s in (45, 200, 5400, 200_000)]
    ['45 s', '3 min', '1.5 h', '2.3 days']
    """
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < DAY else f"{seconds / DAY:.1f} days"


def _logs(attempted: pl.DataFrame) -> list[str]:
    """How many logs there are, by origin; a log may be in several rows."""
    found = []
    for origin, part in attempted.group_by("origin", maintain_order=True):
        most = part["n"].max()
        among = "" if part.height == 1 else "at most "
        if origin == ("sampled",):
            found.append(f"{among}{look.count(most)} sampled logs, weight {part['weight'][0]}")
        else:
            found.append(f"{among}{look.count(most)} forced logs, not weighted")
    return [f"{'; '.join(found)}; {look.intervals(attempted['level'][0])}"]


def _about(table: pl.DataFrame) -> list[str]:
    """Period, and what limits the numbers."""
    lines = [f"received {look.period(table['first_dt'].min(), table['last_dt'].max())}"]
    cut, unweighted = table["truncated"].max(), table["unweighted"].max()
    if isinstance(cut, int) and cut:
        lines[0] += f"; the client cut the oldest entries off {look.count(cut)} logs"
    if isinstance(unweighted, int) and unweighted:
        lines.append(f"{look.count(unweighted)} logs without a usable sample rate are in no number here")
    return lines


def _funnel_said(table: pl.DataFrame, by: list[str]) -> str:
    sampled = table.filter(origin="sampled")
    drawn, kind = (table, "forced") if sampled.is_empty() else (sampled, "sampled")
    shown = drawn.filter(stage="shown")
    if by:
        named = shown.with_columns(name=_named(table, by)).sort(
            "share", "name", descending=[True, False], nulls_last=True
        )
        return (
            f"Share of {kind} logs with a banner shown at least once, for {named.height} values of {' and '.join(by)}: "
            f"highest for {named['name'][0]} ({look.percent(named['share'][0])}), lowest for {named['name'][-1]} ({look.percent(named['share'][-1])})."
        )
    attempted = drawn.filter(stage="attempted").row(0, named=True)
    standing = "" if attempted["total"] is None else f", standing for {look.count(attempted['total'])} page views"
    return (
        f"Of {look.count(attempted['n'])} {kind} logs with a campaign attempted{standing}, "
        f"{look.percent(shown['share'][0])} have a banner shown at least once."
    )


def _until_said(rows: pl.DataFrame, word: str, by: list[str]) -> str:
    what = (
        f"Share of browser logs without a banner {word}"
        if word == "closed"
        else "Share of browser logs without a donation"
    )
    if by:
        last = rows.sort("impressions").group_by("name").last().sort("name")
        said = "; ".join(
            f"{name}: {share} after {k}" for name, share, k in last.select("name", "said", "impressions").iter_rows()
        )
        return f"{what}, by {by[0]}, after as many banners as the logs tell: {said}."
    few = rows.sort("impressions").filter(
        pl.col("impressions").is_in([1, 2, 5, 10, 20]) | (pl.col("impressions") == pl.col("impressions").max())
    )
    said = ", ".join(f"{share} after {k}" for share, k in few.select("said", "impressions").iter_rows())
    return f"{what}, by banners shown so far: {said}."
