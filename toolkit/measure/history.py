"""Logs that browsers keep of their banners: how far they come, impressions until a close, waits, diets.

A log is sent at a page view, with the probability of its sample rate; its weighted number is therefore the number of
page views that had such a log, and a browser counts as often as it views pages. Logs that were sent because the
reader went to donate have no rate: they stand in rows of their own (`origin` forced) and are never weighted.

An entry of a log is one page view, under the campaign that was attempted last. Where a campaign failed and another
took over, the log does not say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import polars as pl

from toolkit import decode, errors, reference
from toolkit.measure.collected import collected
from toolkit.measure.tally import as_frame, dimensions
from toolkit.rates import LEVEL, share, share_interval, total_interval, usable_rate

JITTER_S = 30  # the client shifts each time of an entry by up to this, up or down
CUT = "the client cut the oldest entries off {} of the logs"
BUSY = "logs of one browser overlap, and busy browsers send more of them"
HIDDEN = "an end is seen only where no other campaign took the page view over, so it may come sooner than shown"
WEIGHTS = {"sampled": "1 / sample rate", "forced": "none: sent by force"}
NEEDED = ("log", "position", "ms", "sent_dt", "status_code", "logged", "sent", "sample_rate", "forced")
SHOWN = "6"
End = Literal["close", "donate"]
ENDS = {"close": "2.1", "donate": "2.9"}
LASTING = (*ENDS.values(), "2.21")  # tested for before all else; what comes after says nothing about the others
Entries = Literal["all", "last"]
Between = Literal["entries", "impressions"]
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
SHARE = ("share", "share_low", "share_high")
FUNNEL = (
    "unit", "weight", "origin", "stage", "n", "total", "total_low", "total_high", *SHARE, "n_eff", "level", "unweighted",
    "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
UNTIL = (
    "unit", "weight", "origin", "end", "status_code", "impressions", "n", "n_ended", "at_risk", *SHARE,
    "kept", "kept_low", "kept_high", "n_eff", "level", "logs", "ended", "ended_before", "open", "never_shown",
    "unweighted", "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
WAITS = (
    "unit", "weight", "origin", "between", "quantile", "n", "logs", "wait_s", "wait_s_low", "wait_s_high", "sampled_s_low",
    "sampled_s_high", "reversed", "n_eff", "level", "unweighted", "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
DIET = (
    "unit", "weight", "origin", "status_code", "label", "n", "entries", "partial", "counted", "number", *SHARE, "fewest", "most",
    "waiting_s", "over_s", "n_eff", "level", "unweighted", "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
# names that the measures use on the way
WITHIN = (
    "at", "rate", "w", "cut", "group", "order", "furthest", "variance", "below", "above", "square", "of", "of_square", "residual",
    "kish", "before", "over", "first", "last", "gone", "banners", "greenwood", "raw_s", "value", "m", "p_low", "p_high", "kind",
    "previous", "run", "cycles_over", "days_over", "last_ms", "in_cycle", "in_day", "skipped", "from_ms", "to_ms", "next_ms", "top",
    "same",
)  # fmt: skip
RESERVED = tuple(dict.fromkeys((*NEEDED, *FUNNEL, *UNTIL, *WAITS, *DIET, *WITHIN)))
UNIT = "browser log, as it was at a page view"


def log_funnel(frame: Any, *, by: str | Sequence[str] | None = (), level: float = LEVEL) -> pl.DataFrame:
    """Logs in which a banner was attempted, passed, chosen, loaded and shown at least once, with intervals.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.banner_history`.
    by : str or list of str
        Columns of the entries, such as `campaign`: a log is in the funnel of each value that its entries have.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each value and origin one row per stage, in the order of the funnel. Columns:

        - those of `by`; unit; weight (in words); origin: `sampled`, or `forced` by a reader who went to donate
        - stage: attempted, passed, chosen, loaded, shown
        - n: logs received that reach the stage at least once
        - total, total_low, total_high: page views that had such a log [page views]; null for forced logs
        - share, share_low, share_high: of the logs with an attempt [0 to 1]; forced logs count one each
        - n_eff: logs of a plain random sample that would say as much about `share`; level [0 to 1]
        - unweighted: sampled logs without a usable rate, in no other number
        - truncated: logs of the funnel whose oldest entries the client cut off; those may have reached more
        - first_dt, last_dt: when the logs were received [UTC]
        - note: what limits these rows, or null

    Raises
    ------
    ToolkitError
        If a column is missing or `by` names one that the result has itself.

    Notes
    -----
    Totals and shares are those of `status_funnel`. A log without entries, whose browser could not store any, is in no
    funnel: `history_coverage` counts it.

    Examples
    --------
    >>> rows = pl.DataFrame({"log": [0, 0, 1], "position": [0, 1, 0], "ms": 0, "sent_dt": None, "logged": [2, 2, 1], "sent": [2, 2, 1],
    ...                      "status_code": ["2.3", "6", "2.1"], "sample_rate": [0.1, 0.1, 0.1], "forced": False})
    >>> log_funnel(rows).select("stage", "n", "total", "share").rows()[::4]
    [('attempted', 2, 20.0, 1.0), ('shown', 1, 10.0, 0.5)]
    """
    names = dimensions(by, RESERVED)
    entries = _logged(frame, "measure.log_funnel", names, level)
    stages = reference.table("stage").select("stage", at=pl.col("order").cast(pl.Int64)).sort("at")
    reached = entries.with_columns(stage=decode.stage("status_code")).join(stages, on="stage", how="left")
    logs = (
        reached.group_by(*names, "log", "origin")
        .agg(pl.col("at").max().fill_null(0), pl.col("rate", "w", "cut", "sent_dt").first())
        .rename({"at": "furthest"})
    )
    keys = [*names, "origin"]
    counted = (
        logs.drop_nulls("w")
        .join(stages, how="cross")
        .filter(pl.col("at") <= pl.col("furthest"))
        .group_by(*keys, "at", "rate")
        .agg(n=pl.len().cast(pl.Int64))
    )
    # every stage at every rate, also where no log reached it, since none among few at a low rate says little
    strata = logs.drop_nulls("w").select(*keys, "rate").unique().join(stages, how="cross")
    n, p = pl.col("n"), pl.col("rate")
    cells = strata.join(counted, on=[*keys, "at", "rate"], how="left", nulls_equal=True).with_columns(
        n=n.fill_null(0), total=n.fill_null(0) / p
    )
    low, high = total_interval("n", "rate", level=level)
    steps = (
        cells.with_columns(below=(pl.col("total") - low) ** 2, above=(high - pl.col("total")) ** 2)
        .sort(*keys, "at", "rate")
        .group_by(*keys, "at", "stage", maintain_order=True)
        .agg(pl.col("n", "total", "below", "above").sum(), square=(n / p**2).sum())
        .with_columns(
            total_low=pl.col("total") - pl.col("below").sqrt(), total_high=pl.col("total") + pl.col("above").sqrt()
        )
    )
    base = steps.filter(at=1).select(*keys, of="total", of_square="square")
    ratio = share("total", "of")
    whole = steps.join(base, on=keys, how="left", nulls_equal=True).with_columns(
        share=ratio,
        residual=(1 - 2 * ratio) * pl.col("square") + ratio**2 * pl.col("of_square"),
        kish=pl.col("of") ** 2 / pl.col("of_square"),
    )
    whole = _with_interval(whole, level, itself=pl.col("at") == 1)
    forced = pl.col("origin") == "forced"
    totals = [pl.when(~forced).then(name).alias(name) for name in ("total", "total_low", "total_high")]
    facts = _facts(logs, keys, level)
    order = pl.Enum(stages["stage"])
    named = whole.with_columns(*totals, stage=pl.col("stage").cast(order)).join(
        facts, on=keys, how="left", nulls_equal=True
    )
    return named.sort(*names, pl.col("origin") == "forced", "stage").select(*names, *FUNNEL)


def impressions_until(
    frame: Any,
    *,
    end: End = "close",
    by: str | Sequence[str] | None = (),
    entries: Entries = "all",
    level: float = LEVEL,
) -> pl.DataFrame:
    """Share of readers who still have not closed a banner (or donated) after each impression, with intervals.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.banner_history`.
    end : {"close", "donate"}
        What is waited for: the first entry that a close (2.1) or a donation (2.9) canceled.
    by : str or list of str
        Columns of the entries: impressions and ends are counted within each value of a log. `campaign`, or a column
        made of it such as the category, since a close counts for all campaigns of its category.
    entries : {"all", "last"}
        `all`: what each log says from its first entry on; a browser that sent several logs counts in each. `last`: of
        each log only what its last entry, the page view at which it was sent, says: fewer numbers, but each step of
        each browser then has the same chance to be counted.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each value and origin one row per number of impressions. Columns:

        - those of `by`; unit; weight (in words); origin: `sampled` or `forced`
        - end, status_code: what is waited for; impressions: banners shown so far (code 6)
        - n: logs that tell whether the end came after just this impression; n_ended: those in which it did
        - at_risk: n, weighted [page views; forced logs count one each]
        - share, share_low, share_high: n_ended of n, weighted [0 to 1]
        - kept, kept_low, kept_high: share without the end after these impressions [0 to 1]; null from the first
          number of impressions on of which no log tells
        - n_eff: logs of a plain random sample without censoring that would say as much about `kept`; level [0 to 1]
        - logs: with an entry, not truncated; of them ended: with the end after an impression; ended_before: with the
          end before any impression in the log; open: with impressions and without the end (censored); never_shown
        - unweighted: sampled logs without a usable rate; truncated: logs cut by the client, whose first impressions
          are not known; both are in no other number
        - first_dt, last_dt: when the logs were received [UTC]; note

    Notes
    -----
    `kept` is the estimate of Kaplan and Meier in numbers of impressions. An impression counts as survived when the
    next page view of the log is there and is not ended; the impressions after the last page view, and those after an
    end of another kind (close, donation, opt-out), are censored. The interval is Wilson's, for the effective number
    of logs of Dorey and Korn; logs of the same browser overlap, which makes it somewhat short.

    A log shows an end only where no other campaign took the page view over; such ends are missed, and `kept` is then
    too high. It begins with the browser's first page view under a campaign that keeps logs, or where age or length
    made the browser drop older entries, which nothing in an export tells.

    References
    ----------
    E. L. Kaplan, P. Meier (1958), Nonparametric estimation from incomplete observations. JASA 53, 457-481.
    F. J. Dorey, E. L. Korn (1987), Effective sample sizes for confidence intervals for survival probabilities.
    Statistics in Medicine 6, 679-687.

    Examples
    --------
    >>> rows = pl.DataFrame({"log": [0, 0, 0, 1, 1, 1], "position": [0, 1, 2] * 2, "ms": 0, "sent_dt": None, "logged": 3, "sent": 3,
    ...                      "status_code": ["6", "6", "2.1", "6", "2.1", "2.1"], "sample_rate": 0.1, "forced": False})
    >>> impressions_until(rows).select("impressions", "n", "n_ended", "kept").rows()
    [(1, 2, 1, 0.5), (2, 1, 1, 0.0)]
    """
    if end not in ENDS:
        raise errors.bad_choice("end", end, ENDS)
    if entries not in get_args(Entries):
        raise errors.bad_choice("entries", entries, get_args(Entries))
    names = dimensions(by, RESERVED)
    if "banner" in names:
        raise errors.not_allowed("by", "banner", "names what a canceled page view has too; it has no banner")
    rows = _logged(frame, "measure.impressions_until", names, level)
    spell = ["log", *names]
    code, before = pl.col("status_code"), pl.col("before")
    ended = code == ENDS[end]
    lasting = code.is_in(LASTING).fill_null(value=False).cast(pl.Int64)
    shown = (code == SHOWN).fill_null(value=False).cast(pl.Int64)
    seen = (
        rows.with_columns(
            before=(shown.cum_sum() - shown).over(spell),
            over=(lasting.cum_sum() - lasting).over(spell),
            last=pl.col("position") == pl.col("position").max().over("log"),
        )
        .filter(pl.col("over") == 0)
        .with_columns(first=pl.int_range(pl.len()).over(*spell, "before") == 0, ended=ended.fill_null(value=False))
    )
    whole = seen.filter(~pl.col("cut"), pl.col("w").is_not_null())
    tells = pl.col("ended") | ~code.is_in(LASTING).fill_null(value=False)
    steps = whole.filter(before > 0, tells)
    told = steps if entries == "all" else steps.filter(pl.col("last"), pl.col("first") | pl.col("ended"))
    keys = [*names, "origin"]
    trials = told.group_by(*keys, "log", impressions=before).agg(pl.col("ended").any(), pl.col("w").first())
    w = pl.col("w")
    counted = trials.group_by(*keys, "impressions").agg(
        n=pl.len().cast(pl.Int64),
        n_ended=pl.col("ended").sum().cast(pl.Int64),
        at_risk=w.sum(),
        gone=w.filter("ended").sum(),
        square=(w**2).sum(),
    )
    longest = counted.group_by(keys).agg(pl.col("impressions").max())
    every = longest.with_columns(impressions=pl.int_ranges(1, pl.col("impressions") + 1)).explode("impressions")
    curve = every.join(counted, on=[*keys, "impressions"], how="left", nulls_equal=True).sort(*keys, "impressions")
    curve = _kaplan_meier(curve.with_columns(pl.col("n", "n_ended", "at_risk").fill_null(0)), keys, level)
    spells = seen.group_by(*keys, "log").agg(
        pl.col("rate", "w", "cut", "sent_dt").first(),
        pl.col("ended").any(),
        impressions=before.max() + (code.last() == SHOWN).fill_null(value=False),
        banners=before.filter("ended").max(),
    )
    counts = pl.col("w").is_not_null() & ~pl.col("cut")
    sums = {
        "logs": counts,
        "ended": counts & pl.col("ended") & (pl.col("banners") > 0),
        "ended_before": counts & pl.col("ended") & (pl.col("banners") == 0),
        "open": counts & ~pl.col("ended") & (pl.col("impressions") > 0),
        "never_shown": counts & ~pl.col("ended") & (pl.col("impressions") == 0),
    }
    about = spells.group_by(keys).agg(*(given.sum().cast(pl.Int64).alias(name) for name, given in sums.items()))
    return (
        about.join(_facts(spells, keys, level, HIDDEN), on=keys, how="left", nulls_equal=True)
        .join(curve, on=keys, how="inner", nulls_equal=True)
        .with_columns(end=pl.lit(end), status_code=pl.lit(ENDS[end]))
        .sort(*names, pl.col("origin") == "forced", "impressions")
        .select(*names, *UNTIL)
    )


def waits(
    frame: Any,
    *,
    by: str | Sequence[str] | None = (),
    between: Between = "entries",
    level: float = LEVEL,
) -> pl.DataFrame:
    """Quantiles of the time between one entry of a log and the next, with what the shift of times leaves open.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.banner_history`.
    by : str or list of str
        Columns of the entries. Both entries of a wait have the same value (by `campaign`: the wait since the last
        page view of this campaign); but `by="status_code"` takes the code of the later entry alone.
    between : {"entries", "impressions"}
        Which entries: all, or those with a banner shown (code 6).
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each value and origin five rows. Columns:

        - those of `by`; unit; weight (in words); origin: `sampled` or `forced`; between
        - quantile [0 to 1]; n: waits; logs: that have one
        - wait_s: quantile of the waits as logged, at least 0, weighted [s]
        - wait_s_low, wait_s_high: where the quantile of the true waits of these logs must lie [s]
        - sampled_s_low, sampled_s_high: interval of the quantile for the logs being a sample, by the logged times [s]
        - reversed: waits below 0 as logged
        - n_eff: waits of a plain random sample that would say as much; level of `sampled_s_low` and `_high` [0 to 1]
        - unweighted: sampled logs without a usable rate, in no other number; truncated: logs cut by the client
        - first_dt, last_dt: when the logs were received [UTC]; note

    Notes
    -----
    The client shifts each time by up to 30 s, so a logged wait is up to 60 s off. If no wait is further off than that,
    no quantile is. The interval for sampling is Woodruff's, with logs as clusters: a wait is rarely alone in its log.
    A wait that no further entry ended is in no log.

    References
    ----------
    R. S. Woodruff (1952), Confidence intervals for medians and other position measures. JASA 47, 635-646.

    Examples
    --------
    >>> rows = pl.DataFrame({"log": 0, "position": [0, 1, 2], "ms": [0, 600_000, 610_000], "sent_dt": None, "logged": 3, "sent": 3,
    ...                      "status_code": "6", "sample_rate": 0.1, "forced": False})
    >>> waits(rows).filter(quantile=0.5).select("n", "wait_s", "wait_s_low", "wait_s_high").row(0)
    (2, 10.0, 0.0, 70.0)
    """
    if between not in get_args(Between):
        raise errors.bad_choice("between", between, get_args(Between))
    names = dimensions(by, [name for name in RESERVED if name != "status_code"])
    rows = _logged(frame, "measure.waits", names, level)
    if between == "impressions":
        rows = rows.filter(pl.col("status_code") == SHOWN)
    within = ["log", *(name for name in names if name != "status_code")]
    since = (pl.col("ms") - pl.col("ms").shift(1).over(within)) / 1000
    keys = [*names, "origin"]
    all_waits = rows.with_columns(raw_s=since).drop_nulls("raw_s").with_columns(wait_s=pl.col("raw_s").clip(0))
    found = all_waits.drop_nulls("w")
    groups = found.select(keys).unique().sort(keys).with_row_index("group")
    found = found.join(groups, on=keys, how="left", nulls_equal=True)
    asked = groups.select("group").join(pl.DataFrame({"quantile": QUANTILES}), how="cross")
    values = _at(found, asked, "quantile", "wait_s")
    # how far the share of waits up to the quantile goes from log to log
    per_log = (
        found.join(values.rename({"wait_s": "value"}), on="group")
        .group_by("group", "quantile", "log")
        .agg(m=pl.len(), below=(pl.col("wait_s") <= pl.col("value")).sum(), w=pl.col("w").first())
    )
    shares = per_log.group_by("group", "quantile").agg(
        n=pl.col("m").sum().cast(pl.Int64), logs=pl.len().cast(pl.Int64), **_clusters("below", "m")
    )
    spread = _with_interval(shares, level).select("group", "quantile", "n", "logs", "n_eff")
    p_low, p_high = share_interval("quantile", "n_eff", level)
    asked = values.join(spread, on=["group", "quantile"]).with_columns(p_low=p_low, p_high=p_high)
    for name, p in (("sampled_s_low", "p_low"), ("sampled_s_high", "p_high")):
        ends = _at(found, asked.select("group", "quantile", p), p, name)
        asked = asked.join(ends.select("group", "quantile", name), on=["group", "quantile"])
    shift = 2 * JITTER_S
    about = _facts(all_waits.unique([*keys, "log"]), keys, level)
    backwards = found.group_by("group").agg(reversed=(pl.col("raw_s") < 0).sum().cast(pl.Int64))
    return (
        asked.join(groups, on="group")
        .join(backwards, on="group")
        .join(about, on=keys, how="left", nulls_equal=True)
        .with_columns(
            unit=pl.lit("wait between two page views of a browser log"),
            between=pl.lit(between),
            wait_s_low=(pl.col("wait_s") - shift).clip(0),
            wait_s_high=pl.col("wait_s") + shift,
        )
        .sort(*names, pl.col("origin") == "forced", "quantile")
        .select(*names, *WAITS)
    )


def diet(frame: Any, *, by: str | Sequence[str] | None = "campaign", level: float = LEVEL) -> pl.DataFrame:
    """What the logs show of an impression diet: banners allowed before it waits, page views skipped, pauses.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.banner_history`.
    by : str or list of str
        Columns of the entries that have a diet of their own: `campaign`, or one made of it, since a diet can be
        shared by the campaigns of a category or of an identifier.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each value, origin and code one row. Columns:

        - those of `by`; unit; weight (in words); origin: `sampled` or `forced`
        - status_code: 2.2 waits for the next cycle, 2.3 skips the first page views, 2.22 waits for the next day; label
        - n: runs of entries with this code (others of the diet between them end a run); entries in them
        - partial: runs of which the log does not show the whole, so that their number is not known; counted: the others
        - number: what most of the counted runs show; to be compared with the campaign's settings: 2.2 banners allowed in
          the cycle (maximumSeen), 2.3 page views skipped (skipInitial), 2.22 banners allowed in the day (dailyLimit)
        - share, share_low, share_high: of the counted runs with just this number, weighted [0 to 1]
        - fewest, most: numbers of the counted runs
        - waiting_s: longest time since the last banner allowed that was still waiting, at least [s]
        - over_s: shortest such time after which the wait was over, at most [s]. Of 2.2, restartCycleDelay lies between
          the two; where over_s is below waiting_s, some browsers lost their counts
        - n_eff; level [0 to 1]; unweighted; truncated; first_dt, last_dt (receipt, UTC); note

    Notes
    -----
    The diet counts banners that it allowed, also those that then failed to be shown (codes 3, 5, 7). A single number
    need not be the setting. A log holds only page views on which a campaign that keeps logs was attempted, under the
    campaign attempted last: banners allowed on others are missing, and the number is too low. A wait that passed
    without a page view is in no log: two cycles, or two days, are then counted as one, and the number is too high.

    Examples
    --------
    >>> rows = pl.DataFrame({"log": 0, "position": range(6), "ms": [0, 10**6, 2 * 10**6, 3 * 10**6, 9 * 10**6, 10**7], "sent_dt": None,
    ...                      "logged": 6, "sent": 6, "campaign": "A", "status_code": ["2.3", "6", "6", "2.2", "2.2", "6"], "sample_rate": 0.1,
    ...                      "forced": False})
    >>> diet(rows).select("status_code", "n", "number", "waiting_s", "over_s").rows()
    [('2.2', 1, 2, 6940.0, 8060.0), ('2.3', 1, 1, None, None)]
    """
    names = dimensions(by, RESERVED)
    rows = _logged(frame, "measure.diet", names, level)
    keys, within = [*names, "origin"], ["log", *names]
    runs = _diet_runs(rows, within, keys)
    whole = runs.drop_nulls("w")
    numbers = whole.filter("counted").group_by(*keys, "status_code", "number").agg(weight=pl.col("w").sum())
    top = (
        numbers.sort("weight", "number", descending=True)
        .group_by(*keys, "status_code", maintain_order=True)
        .agg(pl.col("number").first())
    )
    in_log = (
        whole.filter("counted")
        .join(top.rename({"number": "top"}), on=[*keys, "status_code"], nulls_equal=True)
        .group_by(*keys, "status_code", "log")
        .agg(
            m=pl.len(),
            same=(pl.col("number") == pl.col("top")).sum(),
            fewest=pl.col("number").min(),
            most=pl.col("number").max(),
            w=pl.col("w").first(),
        )
    )
    shares = in_log.group_by(*keys, "status_code").agg(
        counted=pl.col("m").sum().cast(pl.Int64),
        fewest=pl.col("fewest").min(),
        most=pl.col("most").max(),
        **_clusters("same", "m"),
    )
    shift = 2 * JITTER_S
    counts = whole.group_by(*keys, "status_code").agg(
        n=pl.len().cast(pl.Int64),
        entries=pl.col("entries").sum().cast(pl.Int64),
        partial=(~pl.col("counted")).sum().cast(pl.Int64),
        waiting_s=(pl.col("waiting_s").max() - shift).clip(0),
        over_s=pl.col("over_s").min() + shift,
    )
    on = [*keys, "status_code"]
    return (
        counts.join(_with_interval(shares, level), on=on, how="left", nulls_equal=True)
        .join(top, on=on, how="left", nulls_equal=True)
        .join(_facts(runs.unique([*keys, "log"]), keys, level), on=keys, how="left", nulls_equal=True)
        .with_columns(
            pl.col("counted").fill_null(0),
            unit=pl.lit("run of page views canceled by a diet in a browser log"),
            label=decode.label("status_code"),
        )
        .sort(*names, pl.col("origin") == "forced", decode.code_order("status_code"))
        .select(*names, *DIET)
    )


def history_coverage(frame: Any) -> pl.DataFrame:
    """What of the logs there is to measure: sampled, forced, cut off, empty, out of order, overlapping, each counted.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.banner_history`.

    Returns
    -------
    pl.DataFrame
        One row for each thing counted: what, unit (`log` or `entry`), n, of (how many there are in all), share
        [0 to 1; null of nothing], note.

    Examples
    --------
    >>> rows = pl.DataFrame({"log": [0, 0, 1], "position": [0, 1, None], "ms": [90_000, 0, None], "sent_dt": None, "logged": [9, 9, None],
    ...                      "sent": [2, 2, 0], "status_code": ["6", "6", None], "sample_rate": [0.1, 0.1, None], "forced": [False, False, True]})
    >>> history_coverage(rows).select("what", "n", "of").rows()[2:5]
    [('forced', 1, 2), ('without entries', 1, 2), ('truncated', 1, 2)]
    """
    raw = _rows(frame, "measure.history_coverage", [])
    entries = raw.drop_nulls(["log", "position"])
    once = _once(raw)
    logs = once.drop_nulls("log").group_by("log").agg(
        pl.col("sample_rate", "logged", "sent").first(), pl.col("forced", "cut").first(), has=pl.col("position").count()
    )  # fmt: skip
    kept = once.drop_nulls(["log", "position"])
    step = (pl.col("ms") - pl.col("ms").shift(1).over("log")) / 1000
    identity = [name for name in ("wiki", "campaign", "banner", "status_code", "ms") if name in kept.columns]
    shared = kept.filter(pl.col("log").n_unique().over(identity) > 1)["log"].n_unique()
    longest = logs.filter(pl.col("logged") == pl.col("logged").max())
    ones = longest.height if longest.height > 1 else 0
    unusable = (~pl.col("forced") & usable_rate("sample_rate").is_null()).sum()
    n_logs, n_entries = logs.height, entries.height
    cut = logs.filter("cut")
    lines = [
        ("received", "log", n_logs, n_logs, None),
        ("sampled", "log", logs.filter(~pl.col("forced")).height, n_logs, "weight 1 / sample rate"),
        ("forced", "log", logs.filter("forced").height, n_logs, "sent by a reader who went to donate; never weighted"),
        ("without entries", "log", logs.filter(has=0).height, n_logs, "the browser could not store any"),
        ("truncated", "log", cut.height, n_logs, "the client cut the oldest entries off to keep the event short"),
        (
            "longest",
            "log",
            ones,
            n_logs,
            "as long as the longest: perhaps cut by the browser's own limit, which no export tells",
        ),
        ("without a usable rate", "log", int(logs.select(unusable).item()), n_logs, "in no weighted number"),
        ("overlapping", "log", shared, n_logs, "hold an entry of another log: of the same browser, later or earlier"),
        ("sent", "entry", n_entries, n_entries, None),
        (
            "cut off",
            "entry",
            int(cut.select((pl.col("logged") - pl.col("sent")).sum()).item()),
            n_entries,
            "not in the export, so beside those sent",
        ),
        ("without a log", "entry", raw.filter(pl.col("log").is_null()).height, raw.height, "in no measure of logs"),
        ("repeated", "entry", n_entries - kept.height, n_entries, "the same position of the same log; counted once"),
        (
            "before the entry before",
            "entry",
            int(kept.select((step < 0).sum()).item()),
            n_entries,
            f"times are shifted by up to {JITTER_S} s; order is that of positions",
        ),
        (
            "beyond the shift",
            "entry",
            int(kept.select((step < -2 * JITTER_S).sum()).item()),
            n_entries,
            "more than the shift explains: the browser's clock was set back",
        ),
    ]
    schema = {"what": pl.String, "unit": pl.String, "n": pl.Int64, "of": pl.Int64, "note": pl.String}
    table = pl.DataFrame(lines, schema=schema, orient="row")
    return table.with_columns(share=share("n", "of")).select("what", "unit", "n", "of", "share", "note")


def _rows(frame: Any, who: str, names: Sequence[str]) -> pl.DataFrame:
    """Rows in memory, with `cut`: whether the client cut entries off; in an order that does not depend on the input's."""
    rows = as_frame(frame)
    have = rows.collect_schema().names()
    if missing := [name for name in dict.fromkeys((*NEEDED, *names)) if name not in have]:
        raise errors.missing_columns(who, missing, have)
    eager = collected(rows)
    order = ["log", "position", *(name for name in ("campaign", "banner") if name in have), *NEEDED, *names]
    return eager.with_columns(cut=(pl.col("logged") > pl.col("sent")).fill_null(value=False)).sort(
        list(dict.fromkeys(order)), nulls_last=True
    )


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    """Each position of each log once, though an export may hold the event in two forms."""
    return rows.unique(["log", "position"], keep="first", maintain_order=True)


def _logged(frame: Any, who: str, names: Sequence[str], level: float) -> pl.DataFrame:
    """Entries of logs in order, with origin, rate (1 for forced logs) and weight w (null where it is unusable)."""
    if not 0 < level < 1:
        raise errors.not_allowed("level", level, "lies between 0 and 1")
    entries = _once(_rows(frame, who, names)).drop_nulls(["log", "position"])
    rate = pl.when("forced").then(1.0).otherwise(usable_rate("sample_rate"))
    origin = pl.when("forced").then(pl.lit("forced")).otherwise(pl.lit("sampled"))
    return entries.with_columns(origin=origin, rate=rate, w=1 / rate)


def _facts(logs: pl.DataFrame, keys: Sequence[str], level: float, *limits: str) -> pl.DataFrame:
    """What is said of all logs of a funnel, by its keys; `logs` has one row for each of them."""
    cut = (pl.col("cut") & pl.col("w").is_not_null()).sum().cast(pl.Int64)
    facts = logs.group_by(keys).agg(
        unweighted=pl.col("w").is_null().sum().cast(pl.Int64),
        truncated=cut,
        first_dt=pl.col("sent_dt").min(),
        last_dt=pl.col("sent_dt").max(),
    )
    cut_said = pl.when(pl.col("truncated") > 0).then(pl.format(CUT, "truncated"))
    said = pl.concat_str(cut_said, pl.lit("; ".join([BUSY, *limits])), separator="; ", ignore_nulls=True)
    return facts.with_columns(
        unit=pl.lit(UNIT), weight=pl.col("origin").replace_strict(WEIGHTS), level=pl.lit(level), note=said
    )


def _clusters(part: str, whole: str) -> dict[str, pl.Expr]:
    """Sums over logs, weighted by w, for a share whose units come in logs: what `_with_interval` needs."""
    w, y, m = pl.col("w"), pl.col(part), pl.col(whole)
    ratio = (w * y).sum() / (w * m).sum()
    return {
        "share": ratio,
        "of": (w * m).sum(),
        "residual": (w**2 * (y - ratio * m) ** 2).sum(),
        "kish": (w * m).sum() ** 2 / (w**2 * m**2).sum(),
    }


def _with_interval(table: pl.DataFrame, level: float, itself: pl.Expr | None = None) -> pl.DataFrame:
    """Add effective n and Wilson's interval, from share, of, residual and kish; none for a share of `itself`."""
    p = pl.col("share")
    linear = p * (1 - p) * pl.col("of") ** 2 / pl.col("residual")
    inside = (p > 0) & (p < 1) & (pl.col("residual") > 0)
    n_eff = pl.when(inside).then(pl.min_horizontal("kish", linear)).otherwise("kish")
    known = table.with_columns(n_eff=pl.when(p.is_not_null()).then(n_eff))
    low, high = share_interval("share", "n_eff", level)
    own = pl.lit(value=False) if itself is None else itself
    return known.with_columns(share_low=pl.when(~own).then(low), share_high=pl.when(~own).then(high))


def _kaplan_meier(curve: pl.DataFrame, keys: list[str], level: float) -> pl.DataFrame:
    """Add the share that ends at each step, and the product of those that do not, with their intervals."""
    n_at_risk = share(pl.col("at_risk") ** 2, "square")
    steps = curve.with_columns(share=share("gone", "at_risk"), n_eff=n_at_risk)
    low, high = share_interval("share", "n_eff", level)
    steps = steps.with_columns(share_low=low, share_high=high)
    ends, n, kept = pl.col("share"), pl.col("n_eff"), pl.col("kept")
    gap = ends.is_null().cast(pl.Int64).cum_sum().over(keys) > 0
    # Greenwood's sum is infinite where all end; there the number at risk is what is known
    greenwood = pl.when(ends < 1).then(ends / ((1 - ends) * n)).cum_sum().over(keys)
    product = steps.with_columns(kept=pl.when(~gap).then((1 - ends).cum_prod().over(keys)), greenwood=greenwood)
    effective = pl.when((kept > 0) & (kept < 1)).then((1 - kept) / (kept * pl.col("greenwood")))
    known = product.with_columns(n_eff=pl.when(kept.is_not_null()).then(effective.fill_null(n.cum_min().over(keys))))
    low, high = share_interval("kept", "n_eff", level)
    return known.with_columns(kept_low=low, kept_high=high)


def _at(values: pl.DataFrame, asked: pl.DataFrame, p: str, name: str) -> pl.DataFrame:
    """Weighted quantiles of `wait_s` within each group, at the shares `p` of `asked`: columns of `asked` and `name`."""
    w = pl.col("w").cum_sum()
    ranked = values.sort("group", "wait_s").select(
        "group", pl.col("wait_s").alias(name), below=(w / w.last()).over("group")
    )
    due = asked.select("group", "quantile", below=(pl.col(p) - 1e-9).clip(0)).sort("below")
    found = due.join_asof(
        ranked.sort("below", name), on="below", by="group", strategy="forward", check_sortedness=False
    )
    return found.drop("below").sort("group", "quantile")


def _diet_runs(rows: pl.DataFrame, within: list[str], keys: list[str]) -> pl.DataFrame:
    """Runs of entries that the diet canceled: one row each, with the number that tells of its settings."""
    stages = dict(reference.table("stage").select("stage", pl.col("order").cast(pl.Int64)).iter_rows())
    reached = decode.stage("status_code").replace_strict(stages, default=0, return_dtype=pl.Int64)
    allowed = pl.col("kind") == "allowed"
    of_diet = (
        rows.with_columns(
            kind=pl.when(pl.col("status_code").is_in(["2.2", "2.3", "2.22"]))
            .then("status_code")
            .when(reached >= stages["passed"])
            .then(pl.lit("allowed"))
        )
        .drop_nulls("kind")
        .with_columns(previous=pl.col("kind").shift(1).over(within))
    )
    turn = pl.col("kind") != pl.col("previous")
    again = pl.col("kind") == "2.3"  # page views are skipped at the start of a cycle only, so one has begun
    marked = of_diet.with_columns(
        run=turn.fill_null(value=False).cum_sum().over(within),
        cycles_over=(turn & (again | (pl.col("previous") == "2.2"))).fill_null(value=False).cum_sum().over(within),
        days_over=(turn & (again | pl.col("previous").is_in(["2.2", "2.22"])))
        .fill_null(value=False)
        .cum_sum()
        .over(within),
        last_ms=pl.when(allowed).then("ms").forward_fill().over(within),
    ).with_columns(
        in_cycle=allowed.cum_sum().over(*within, "cycles_over"),
        in_day=allowed.cum_sum().over(*within, "days_over"),
        skipped=(pl.col("kind") == "2.3").cum_sum().over(*within, "cycles_over"),
    )
    runs = (
        marked.group_by(*within, *(key for key in keys if key not in within), "run", "kind", maintain_order=True)
        .agg(
            pl.col("rate", "w", "cut", "sent_dt", "in_cycle", "in_day", "cycles_over", "days_over", "last_ms").first(),
            pl.col("skipped").last(),
            from_ms=pl.col("ms").first(),
            to_ms=pl.col("ms").last(),
            entries=pl.len(),
        )
        .sort(*within, "run")
        .with_columns(next_ms=pl.col("from_ms").shift(-1).over(within))
        .filter(~allowed)
        .rename({"kind": "status_code"})
    )
    code = pl.col("status_code")
    number = pl.when(code == "2.2").then("in_cycle").when(code == "2.3").then("skipped").otherwise("in_day")
    begun = pl.when(code == "2.22").then("days_over").otherwise("cycles_over") > 0
    # at the start of a whole log a cycle may have been under way, if no banner of it is in the log
    whole = begun | (~pl.col("cut") & ((code == "2.3") | (number > 0)))
    over = (code != "2.3") | pl.col("next_ms").is_not_null()
    waits_for = code != "2.3"
    return runs.with_columns(
        number=number.cast(pl.Int64),
        counted=whole & over,
        waiting_s=pl.when(waits_for).then((pl.col("to_ms") - pl.col("last_ms")) / 1000),
        over_s=pl.when(waits_for).then((pl.col("next_ms") - pl.col("last_ms")) / 1000),
    )
