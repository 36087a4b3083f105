"""Users to whom something has happened by each time, of those who were not watched to the end too."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from toolkit import rates
from toolkit.measure.survival import product_limit
from toolkit.measure.user_clusters import summed
from toolkit.measure.visits import USER

CURVE = (
    "unit", "weight", "n", "time_h", "at_risk", "events", "censored", "share", "share_low", "share_high", "level", "first_dt", "last_dt", "note",
)  # fmt: skip


def reached_by(
    units: pl.DataFrame,
    *,
    time: str,
    event: str,
    by: Sequence[str],
    level: float = rates.LEVEL,
    note: str | None = None,
) -> pl.DataFrame:
    """Share of users to whom it has happened by each time, of those who were not watched to the end too.

    Examples
    --------
    >>> units = pl.DataFrame({"h": [1.0, 9.0], "came": [True, False]})
    >>> reached_by(units, time="h", event="came", by=[]).select("time_h", "share").rows()
    [(1.0, 0.5), (9.0, 0.5)]
    """
    curve = product_limit(units, time=time, event=event, by=list(by), level=level).rename({"time": "time_h"})
    counted = summed(units, by, n=pl.len().cast(pl.Int64))
    whole = curve.join(counted, on=list(by), how="left", nulls_equal=True) if by else curve.join(counted, how="cross")
    return whole.with_columns(
        unit=pl.lit(USER),
        weight=pl.lit("1"),
        share=1 - pl.col("survival"),
        share_low=1 - pl.col("survival_high"),
        share_high=1 - pl.col("survival_low"),
        note=pl.lit(note, dtype=pl.String),
    )
