"""Module engagement: in how many visits a homepage module is there, clicked and hovered, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl
import polars.selectors as cs
from narwhals.typing import IntoFrameT

from toolkit import errors, rates
from toolkit.measure.collected import by_category, collected, in_words
from toolkit.measure.hovers import BOUNDS, WORDS, dwell
from toolkit.measure.tally import as_frame, dimensions
from toolkit.measure.usage import click_actions
from toolkit.measure.user_clusters import clustered_shares

UNIT = "visit (wiki, page view token)"
RESULT = (
    "unit", "weight", "visits", "visits_clicked", "share", "share_low", "share_high", "n_eff", "level", "visits_click_only",
    "impressions", "clicks", "hover_ins", "hover_outs", "pairs", "open", "orphan", "restored", *BOUNDS,
    "first_dt", "last_dt", "note",
)  # fmt: skip
AS_TEXT = cs.categorical() | cs.by_name(WORDS, require_all=False)
SHARED = ("share", "share_low", "share_high", "n_eff")
RESERVED = (*RESULT, "action", "ms", "first_ms", "last_ms")


def module_visits(frame: IntoFrameT, *, by: str | Sequence[str] | None = ()) -> IntoFrameT:
    """One row for each visit and module: what was logged there, counted.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    by : str or list of str
        Further columns that split the events of a visit, such as `state` or `mode`.

    Returns
    -------
    Same kind of frame
        Columns wiki, visit, module, those of `by`, and counts of events: impressions, clicks (all actions of the kind
        `click`, see `usage.module_click_counts`), hover_ins, hover_outs;
        first_ms and last_ms (receive times, ms since 1970).

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "action": ["impression", "link-click"], "ms": [1, 2]})
    >>> module_visits(rows).select("visit", "module", "impressions", "clicks").rows()
    [(0, 'help', 1, 1)]
    """
    native: IntoFrameT = in_words(_counted(as_frame(frame), ["wiki", "visit", "module", *_others(by)])).to_native()
    return native


def _counted(rows: Any, keys: Sequence[str], more: Sequence[nw.Expr] = ()) -> Any:
    """Events of each visit and module, counted."""
    _check(rows, [*keys, "action", "ms"])
    counted = {
        "impressions": ["impression"], "clicks": click_actions(None), "hover_ins": ["hover-in"], "hover_outs": ["hover-out"],
    }  # fmt: skip
    one = nw.lit(1, dtype=nw.Int64())
    flagged = rows.with_columns(
        **{name: nw.when(nw.col("action").is_in(actions)).then(one).otherwise(0) for name, actions in counted.items()}
    )
    # sums are wider than 64 bits on some engines
    counts = [
        nw.col(*counted).sum().cast(nw.Int64),
        nw.col("ms").min().alias("first_ms"),
        nw.col("ms").max().alias("last_ms"),
    ]
    in_visit = flagged.filter(~nw.col("visit").is_null())  # an event without a token belongs to no visit
    return by_category(in_visit, keys).group_by(*keys).agg(*counts, *more)


def module_engagement(frame: Any, *, by: str | Sequence[str] | None = (), level: float = rates.LEVEL) -> pl.DataFrame:
    """Visits in which each module is shown and clicked, with the share's interval, and hover dwell on desktop.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
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
        - visits: with an impression of the module; visits_clicked: those of them with a click on it
        - share, share_low, share_high: visits_clicked / visits [0 to 1]; n_eff: as many independent visits would say as
          much, see `user_clusters.clustered_shares`; without a column `user` each visit counts as independent
        - level: of the intervals [0 to 1]
        - visits_click_only: visits with a click whose impression was not delivered; in no share
        - impressions, clicks: events; which actions are clicks, see `usage.module_click_counts`
        - hover_ins, hover_outs: events on desktop; pairs, open, orphan, restored: what became of them, see `hovers`
        - dwell_median_low_s, dwell_median_high_s, dwell_p90_low_s, dwell_p90_high_s: between these lie the median of the
          pairs and the length that nine of ten do not exceed [s]; more in `dwell`
        - first_dt, last_dt: receive times [UTC]
        - note: why there are no hovers, where there are none

    Notes
    -----
    An impression says that the module was in the page when the script ran, not that it was on the screen. Visits of one
    user resemble each other: the interval takes the variance between users.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": [0, 0, 1, 2], "module": "help", "platform": "desktop",
    ...                      "action": ["impression", "link-click", "impression", "impression"], "ms": [0, 1000, 5, 6]})
    >>> module_engagement(rows).select("module", "visits", "visits_clicked", pl.col("share").round(3)).rows()
    [('help', 3, 1, 0.333)]
    """
    rates.check("level", level)
    names = dimensions(by, RESERVED)
    keys = ["module", *[name for name in names if name != "module"]]
    rows = as_frame(frame)
    own = list(dict.fromkeys(["wiki", "visit", *keys]))
    has_user = "user" in rows.collect_schema().names()
    user = [nw.col("user").min()] if has_user and "user" not in own else []
    within = collected(_counted(rows, own, user), categories=True)
    within = within if has_user else within.with_columns(user=pl.lit(None, dtype=pl.Int64))
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
    shared = within.lazy().filter(shown).select(*dict.fromkeys([*keys, "wiki", "user"]), clicked=clicked).collect()
    shares = clustered_shares(shared, by=keys, of="clicked", level=level).select(*keys, *SHARED)
    beside = counted.join(shares, on=keys, how="left", nulls_equal=True).with_columns(AS_TEXT.cast(pl.String))
    joined = beside.join(rested, on=keys, how="left", nulls_equal=True).with_columns(
        unit=pl.lit(UNIT),
        weight=pl.lit("1"),
        level=pl.lit(level),
        n_eff=pl.col("n_eff").fill_null(0.0),
    )
    return joined.sort(keys).select(*keys, *RESULT)


def _others(by: str | Sequence[str] | None) -> list[str]:
    """Dimensions beside those that tell a visit and a module."""
    return [name for name in dimensions(by) if name not in {"wiki", "visit", "module"}]


def _check(rows: Any, needed: Sequence[str]) -> None:
    have = rows.collect_schema().names()
    if missing := [name for name in dict.fromkeys(needed) if name not in have]:
        raise errors.missing_columns("measure.module_engagement", missing, have)
