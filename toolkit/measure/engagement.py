"""Module engagement: in how many visits a homepage module is there, clicked and hovered, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, rates
from toolkit.measure.hovers import BOUNDS, dwell
from toolkit.measure.tally import as_frame, dimensions

UNIT = "visit (wiki, page view token)"
RESULT = (
    "unit", "weight", "visits", "visits_clicked", "share", "share_low", "share_high", "n_eff", "level", "visits_click_only",
    "impressions", "clicks", "hover_ins", "hover_outs", "pairs", "open", "orphan", "restored", *BOUNDS,
    "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (*RESULT, "action", "ms", "first_ms", "last_ms")


def module_visits(frame: Any, *, by: str | Sequence[str] | None = ()) -> Any:
    """One row for each visit and module: what was logged there, counted.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    by : str or list of str
        Further columns that split the events of a visit, such as `state` or `mode`.

    Returns
    -------
    Same kind of frame
        Columns wiki, visit, module, those of `by`, and counts of events: impressions, clicks, hover_ins, hover_outs;
        first_ms and last_ms (receive times, ms since 1970).

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "action": ["impression", "link-click"], "ms": [1, 2]})
    >>> module_visits(rows).select("visit", "module", "impressions", "clicks").rows()
    [(0, 'help', 1, 1)]
    """
    rows = as_frame(frame)
    _check(rows, ["wiki", "visit", "module", "action", "ms", *dimensions(by)])
    counted = {"impressions": "impression", "clicks": "link-click", "hover_ins": "hover-in", "hover_outs": "hover-out"}
    one = nw.lit(1, dtype=nw.Int64())
    flagged = rows.with_columns(
        **{name: nw.when(nw.col("action") == action).then(one).otherwise(0) for name, action in counted.items()}
    )
    counts = [nw.col(*counted).sum(), nw.col("ms").min().alias("first_ms"), nw.col("ms").max().alias("last_ms")]
    in_visit = flagged.filter(~nw.col("visit").is_null())  # an event without a token belongs to no visit
    return in_visit.group_by("wiki", "visit", "module", *_others(by)).agg(*counts).to_native()


def module_engagement(frame: Any, *, by: str | Sequence[str] | None = (), level: float = rates.LEVEL) -> pl.DataFrame:
    """Visits in which each module is shown and clicked, with the share's interval, and hover dwell on desktop.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.homepage_modules`.
    by : str or list of str
        Split each module by these columns too, such as `platform`, `state` or `wiki`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each module (and `by`), in alphabetical order:

        - unit (in words); weight: 1, every event is logged
        - visits: with an impression of the module; visits_clicked: those of them with a link-click on it
        - share, share_low, share_high: visits_clicked / visits [0 to 1], Wilson's interval; n_eff: visits
        - level: of the intervals [0 to 1]
        - visits_click_only: visits with a click whose impression was not delivered; in no share
        - impressions, clicks: events
        - hover_ins, hover_outs: events on desktop; pairs, open, orphan, restored: what became of them, see `hovers`
        - dwell_median_low_s, dwell_median_high_s, dwell_p90_low_s, dwell_p90_high_s: between these lie the median of the
          pairs and the length that nine of ten do not exceed [s]; more in `dwell`
        - first_dt, last_dt: receive times [UTC]
        - note: why there are no hovers, where there are none

    Notes
    -----
    An impression says that the module was in the page when the script ran, not that it was on the screen. Several
    visits of one user are counted as if they were independent, which makes the interval somewhat short.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": [0, 0, 1, 2], "module": "help", "platform": "desktop",
    ...                      "action": ["impression", "link-click", "impression", "impression"], "ms": [0, 1000, 5, 6]})
    >>> module_engagement(rows).select("module", "visits", "visits_clicked", pl.col("share").round(3)).rows()
    [('help', 3, 1, 0.333)]
    """
    if not 0 < level < 1:
        raise errors.not_allowed("level", level, "lies between 0 and 1")
    names = dimensions(by, RESERVED)
    others = _others(by)
    keys = ["module", *[name for name in names if name != "module"]]
    visits: Any = as_frame(module_visits(frame, by=others))
    per_visit: pl.DataFrame = (visits.collect("polars") if isinstance(visits, nw.LazyFrame) else visits).to_polars()
    within = per_visit.group_by(list(dict.fromkeys(["wiki", "visit", *keys]))).agg(
        pl.col("impressions", "clicks").sum(),
        pl.col("first_ms").min(),
        pl.col("last_ms").max(),
    )
    shown, clicked = pl.col("impressions") > 0, pl.col("clicks") > 0
    counted = within.group_by(keys).agg(
        visits=shown.sum().cast(pl.Int64),
        visits_clicked=(shown & clicked).sum().cast(pl.Int64),
        visits_click_only=(~shown & clicked).sum().cast(pl.Int64),
        impressions=pl.col("impressions").sum(),
        clicks=pl.col("clicks").sum(),
        first_dt=pl.from_epoch(pl.col("first_ms").min(), time_unit="ms").dt.replace_time_zone("UTC"),
        last_dt=pl.from_epoch(pl.col("last_ms").max(), time_unit="ms").dt.replace_time_zone("UTC"),
    )
    rested = dwell(frame, by=keys, level=level).select(
        *keys, "hover_ins", "hover_outs", "pairs", "open", "orphan", "restored", *BOUNDS, "note"
    )
    low, high = rates.share_interval("share", "n_eff", level)
    joined = counted.join(rested, on=keys, how="left", nulls_equal=True).with_columns(
        unit=pl.lit(UNIT),
        weight=pl.lit("1"),
        level=pl.lit(level),
        share=rates.share("visits_clicked", "visits"),
        n_eff=pl.col("visits").cast(pl.Float64),
    )
    return joined.with_columns(share_low=low, share_high=high).sort(keys).select(*keys, *RESULT)


def _others(by: str | Sequence[str] | None) -> list[str]:
    """Dimensions beside those that tell a visit and a module."""
    return [name for name in dimensions(by) if name not in {"wiki", "visit", "module"}]


def _check(rows: Any, needed: Sequence[str]) -> None:
    have = rows.collect_schema().names()
    if missing := [name for name in dict.fromkeys(needed) if name not in have]:
        raise errors.missing_columns("measure.module_engagement", missing, have)
