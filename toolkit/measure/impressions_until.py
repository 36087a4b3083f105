"""Impressions until a reader closes a banner or donates, from browser logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import polars as pl

from toolkit import errors
from toolkit.measure import browser_logs
from toolkit.measure.browser_logs import SHARE, SHOWN, facts_of, logged
from toolkit.measure.survival import with_product
from toolkit.measure.tally import dimensions
from toolkit.rates import LEVEL, share, share_interval

HIDDEN = "an end is seen only where no other campaign took the page view over, so it may come sooner than shown"
End = Literal["close", "donate"]
ENDS = {"close": "2.1", "donate": "2.9"}
LASTING = (*ENDS.values(), "2.21")  # tested for before all else; what comes after says nothing about the others
Entries = Literal["all", "last"]
UNTIL = (
    "unit", "weight", "origin", "end", "status_code", "impressions", "n", "n_ended", "at_risk", *SHARE,
    "kept", "kept_low", "kept_high", "n_eff", "level", "logs", "ended", "ended_before", "open", "never_shown",
    "unweighted", "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (*browser_logs.RESERVED, *UNTIL)


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

        - the columns of `by`; unit; weight (in words); origin: `sampled` or `forced`
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
    if not isinstance(end, str) or end not in ENDS:
        raise errors.bad_choice("end", end, ENDS)
    if entries not in get_args(Entries):
        raise errors.bad_choice("entries", entries, get_args(Entries))
    names = dimensions(by, RESERVED)
    if "banner" in names:
        raise errors.not_allowed("by", "banner", "names what a canceled page view has too; it has no banner")
    rows = logged(frame, "measure.impressions_until", names, level)
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
        at_risk_square=(w**2).sum(),
        events=w.filter("ended").sum(),
    )
    longest = counted.group_by(keys).agg(pl.col("impressions").max())
    every = longest.with_columns(impressions=pl.int_ranges(1, pl.col("impressions") + 1)).explode("impressions")
    on = [*keys, "impressions"]
    curve = every.join(_with_kept(counted, keys, level), on=on, how="left", nulls_equal=True).sort(on)
    gap = pl.col("n").is_null().cast(pl.Int64).cum_sum().over(keys) > 0
    beyond = [pl.when(~gap).then(name).alias(name) for name in ("kept", "kept_low", "kept_high", "n_eff")]
    curve = curve.with_columns(*beyond, pl.col("n", "n_ended", "at_risk").fill_null(0))
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
        about.join(facts_of(spells, keys, level, HIDDEN), on=keys, how="left", nulls_equal=True)
        .join(curve, on=keys, how="inner", nulls_equal=True)
        .with_columns(end=pl.lit(end), status_code=pl.lit(ENDS[end]))
        .sort(*names, pl.col("origin") == "forced", "impressions")
        .select(*names, *UNTIL)
    )


def _with_kept(counted: pl.DataFrame, keys: list[str], level: float) -> pl.DataFrame:
    """Add the share that ends at each step, and the product of those that do not, with their intervals."""
    in_order = counted.sort(*keys, "impressions")
    whole = with_product(in_order, keys).rename({"survival": "kept"})
    steps = whole.with_columns(share=share("events", "at_risk"), n_eff=share(pl.col("at_risk") ** 2, "at_risk_square"))
    low, high = share_interval("share", "n_eff", level)
    steps = steps.with_columns(share_low=low, share_high=high)
    n, kept = pl.col("n_eff"), pl.col("kept")
    # Greenwood's sum is infinite where all end; there the number at risk is what is known
    effective = pl.when((kept > 0) & (kept < 1)).then((1 - kept) / (kept * pl.col("spread")))
    known = steps.with_columns(n_eff=effective.fill_null(n.cum_min().over(keys)))
    low, high = share_interval("kept", "n_eff", level)
    return known.with_columns(kept_low=low, kept_high=high)
