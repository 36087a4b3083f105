"""The funnel of browser logs: how many come as far as each stage at least once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from toolkit import decode, reference
from toolkit.measure import browser_logs
from toolkit.measure.browser_logs import SHARE, facts_of, logged, with_interval
from toolkit.measure.tally import dimensions
from toolkit.rates import LEVEL, share, total_interval

FUNNEL = (
    "unit", "weight", "origin", "stage", "n", "total", "total_low", "total_high", *SHARE, "n_eff", "level", "unweighted",
    "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (*browser_logs.RESERVED, *FUNNEL)


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

        - the columns of `by`; unit; weight (in words); origin: `sampled`, or `forced` by a reader who went to donate
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
    entries = logged(frame, "measure.log_funnel", names, level)
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
    whole = with_interval(whole, level, itself=pl.col("at") == 1)
    forced = pl.col("origin") == "forced"
    totals = [pl.when(~forced).then(name).alias(name) for name in ("total", "total_low", "total_high")]
    facts = facts_of(logs, keys, level)
    order = pl.Enum(stages["stage"])
    named = whole.with_columns(*totals, stage=pl.col("stage").cast(order)).join(
        facts, on=keys, how="left", nulls_equal=True
    )
    return named.sort(*names, pl.col("origin") == "forced", "stage").select(*names, *FUNNEL)
