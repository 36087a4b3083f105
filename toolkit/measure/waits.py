"""Waits between the page views of a browser log, with what the shift of times leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import polars as pl

from toolkit import errors
from toolkit.measure import browser_logs
from toolkit.measure.browser_logs import JITTER_S, SHOWN, clusters, facts_of, logged, with_interval
from toolkit.measure.tally import dimensions
from toolkit.rates import LEVEL, share_interval

Between = Literal["entries", "impressions"]
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
WAITS = (
    "unit", "weight", "origin", "between", "quantile", "n", "logs", "wait_s", "wait_s_low", "wait_s_high", "sampled_s_low",
    "sampled_s_high", "reversed", "n_eff", "level", "unweighted", "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (*browser_logs.RESERVED, *WAITS)


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

        - the columns of `by`; unit; weight (in words); origin: `sampled` or `forced`; between
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
    rows = logged(frame, "measure.waits", names, level)
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
        n=pl.col("m").sum().cast(pl.Int64), logs=pl.len().cast(pl.Int64), **clusters("below", "m")
    )
    spread = with_interval(shares, level).select("group", "quantile", "n", "logs", "n_eff")
    p_low, p_high = share_interval("quantile", "n_eff", level)
    asked = values.join(spread, on=["group", "quantile"]).with_columns(p_low=p_low, p_high=p_high)
    for name, p in (("sampled_s_low", "p_low"), ("sampled_s_high", "p_high")):
        ends = _at(found, asked.select("group", "quantile", p), p, name)
        asked = asked.join(ends.select("group", "quantile", name), on=["group", "quantile"])
    shift = 2 * JITTER_S
    about = facts_of(all_waits.unique([*keys, "log"]), keys, level)
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
