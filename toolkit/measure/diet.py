"""What browser logs show of an impression diet: banners allowed, page views skipped, pauses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from toolkit import decode, reference
from toolkit.measure import browser_logs
from toolkit.measure.browser_logs import JITTER_S, SHARE, clusters, facts_of, logged, with_interval
from toolkit.measure.tally import dimensions
from toolkit.rates import LEVEL

DIET = (
    "unit", "weight", "origin", "status_code", "label", "n", "entries", "partial", "counted", "number", *SHARE, "fewest", "most",
    "waiting_s", "over_s", "n_eff", "level", "unweighted", "truncated", "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (*browser_logs.RESERVED, *DIET)


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

        - the columns of `by`; unit; weight (in words); origin: `sampled` or `forced`
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
    rows = logged(frame, "measure.diet", names, level)
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
        **clusters("same", "m"),
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
        counts.join(with_interval(shares, level), on=on, how="left", nulls_equal=True)
        .join(top, on=on, how="left", nulls_equal=True)
        .join(facts_of(runs.unique([*keys, "log"]), keys, level), on=keys, how="left", nulls_equal=True)
        .with_columns(
            pl.col("counted").fill_null(0),
            unit=pl.lit("run of page views canceled by a diet in a browser log"),
            label=decode.label("status_code"),
        )
        .sort(*names, pl.col("origin") == "forced", decode.code_order("status_code"))
        .select(*names, *DIET)
    )


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
