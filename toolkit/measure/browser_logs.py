"""Logs that browsers keep of their banners: their entries in order, their weights, and what is to be said of all of them.

A log is sent at a page view, with the probability of its sample rate; its weighted number is therefore the number of
page views that had such a log, and a browser counts as often as it views pages. Logs that were sent because the
reader went to donate have no rate: they stand in rows of their own (`origin` forced) and are never weighted.

An entry of a log is one page view, under the campaign that was attempted last. Where a campaign failed and another
took over, the log does not say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors
from toolkit.measure.collected import collected
from toolkit.measure.plain import plain
from toolkit.rates import check, share_interval, usable_rate

JITTER_S = 30  # the client shifts each time of an entry by up to this, up or down
CUT = "the client cut the oldest entries off {} of the logs"
BUSY = "logs of one browser overlap, and busy browsers send more of them"
WEIGHTS = {"sampled": "1 / sample rate", "forced": "none: sent by force"}
NEEDED = ("log", "position", "ms", "sent_dt", "status_code", "logged", "sent", "sample_rate", "forced")
SHOWN = "6"
SHARE = ("share", "share_low", "share_high")
# names that the measures use on the way
WITHIN = (
    "at", "rate", "w", "cut", "group", "order", "furthest", "variance", "below", "above", "square", "of", "of_square", "residual",
    "kish", "before", "over", "first", "last", "banners", "spread", "events", "at_risk_square", "survival", "raw_s", "value", "m", "p_low", "p_high", "kind",
    "previous", "run", "cycles_over", "days_over", "last_ms", "in_cycle", "in_day", "skipped", "from_ms", "to_ms", "next_ms", "top",
    "same",
)  # fmt: skip
RESERVED = (*NEEDED, *WITHIN)
UNIT = "browser log, as it was at a page view"


def entries_of(frame: Any, who: str, names: Sequence[str]) -> pl.DataFrame:
    """Rows in memory, with `cut`: whether the client cut entries off; in an order that does not depend on the input's."""
    rows = nw.from_native(plain(frame))
    have = rows.collect_schema().names()
    if missing := [name for name in dict.fromkeys((*NEEDED, *names)) if name not in have]:
        raise errors.missing_columns(who, missing, have)
    eager = collected(rows)
    order = ["log", "position", *(name for name in ("campaign", "banner") if name in have), *NEEDED, *names]
    return eager.with_columns(cut=(pl.col("logged") > pl.col("sent")).fill_null(value=False)).sort(
        list(dict.fromkeys(order)), nulls_last=True
    )


def each_once(rows: pl.DataFrame) -> pl.DataFrame:
    """Each position of each log once, though an export may hold the event in two forms."""
    return rows.unique(["log", "position"], keep="first", maintain_order=True)


def logged(frame: Any, who: str, names: Sequence[str], level: float) -> pl.DataFrame:
    """Entries of logs in order, with origin, rate (1 for forced logs) and weight w (null where it is unusable)."""
    check("level", level)
    entries = each_once(entries_of(frame, who, names)).drop_nulls(["log", "position"])
    rate = pl.when("forced").then(1.0).otherwise(usable_rate("sample_rate"))
    origin = pl.when("forced").then(pl.lit("forced")).otherwise(pl.lit("sampled"))
    return entries.with_columns(origin=origin, rate=rate, w=1 / rate)


def facts_of(logs: pl.DataFrame, keys: Sequence[str], level: float, *limits: str) -> pl.DataFrame:
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


def clusters(part: str, whole: str) -> dict[str, pl.Expr]:
    """Sums over logs, weighted by w, for a share whose units come in logs: what `with_interval` needs."""
    w, y, m = pl.col("w"), pl.col(part), pl.col(whole)
    ratio = (w * y).sum() / (w * m).sum()
    return {
        "share": ratio,
        "of": (w * m).sum(),
        "residual": (w**2 * (y - ratio * m) ** 2).sum(),
        "kish": (w * m).sum() ** 2 / (w**2 * m**2).sum(),
    }


def with_interval(table: pl.DataFrame, level: float, itself: pl.Expr | None = None) -> pl.DataFrame:
    """Add effective n and Wilson's interval, from share, of, residual and kish; none for a share of `itself`."""
    p = pl.col("share")
    linear = p * (1 - p) * pl.col("of") ** 2 / pl.col("residual")
    inside = (p > 0) & (p < 1) & (pl.col("residual") > 0)
    n_eff = pl.when(inside).then(pl.min_horizontal("kish", linear)).otherwise("kish")
    known = table.with_columns(n_eff=pl.when(p.is_not_null()).then(n_eff))
    low, high = share_interval("share", "n_eff", level)
    own = pl.lit(value=False) if itself is None else itself
    return known.with_columns(share_low=pl.when(~own).then(low), share_high=pl.when(~own).then(high))
