"""Visits that nobody made: until 2019-07-04 the tutorial's button was logged as a visit of its own, which redirects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors
from toolkit.measure.collected import collected
from toolkit.measure.given import rows_of

# the tutorial's button posts to Special:Homepage, which logs a visit of its own and redirects
REDIRECT_MS, REDIRECT_UNTIL = (-2000, 10_000), "2019-07-04"  # whole seconds and two hosts; GrowthExperiments 9284ec70e
ROUTE = "other"
LIKELY = "until 2019-07-04 a click on the tutorial was logged as a visit too; give modules to leave such visits out"
NEEDED = ("wiki", "user", "visit", "ms", "module", "action")


def redirects(both: pl.DataFrame, events: Any, have: Sequence[str]) -> pl.Series:
    """Whether a visit without events is the redirect of a click on the tutorial.

    Parameters
    ----------
    both : pl.DataFrame
        Visits: wiki, user, ms, referer_route; here (the table of visits has it), there (it has module events).
    events : narwhals frame
        Rows of `load.homepage_modules` with the columns `have`.

    Examples
    --------
    >>> both = pl.DataFrame({"wiki": "cswiki", "user": 1, "ms": [0, 60_000], "referer_route": ["direct", "other"],
    ...                      "here": True, "there": [True, False]})
    >>> events = pl.DataFrame({"wiki": "cswiki", "user": 1, "module": "start-tutorial", "action": "link-click", "ms": [59_000]})
    >>> redirects(both, nw.from_native(events), events.columns).to_list()
    [False, True]
    """
    none = pl.Series("redirect", [False] * both.height, dtype=pl.Boolean)
    if "module" not in have or "action" not in have or "referer_route" not in both.columns:
        return none
    is_click = (nw.col("module") == "start-tutorial") & (nw.col("action") == "link-click")
    clicks = collected(events.filter(is_click).select("wiki", "user", "ms").unique()).rename({"ms": "clicked"})
    silent = both.with_row_index("at").filter(
        pl.col("here"), ~pl.col("there"), _early(), pl.col("referer_route") == ROUTE
    )
    after = pl.col("ms") - pl.col("clicked")
    found = silent.join(clicks, on=["wiki", "user"], how="inner").filter(after.is_between(*REDIRECT_MS))["at"].unique()
    return both.with_row_index("at").select(redirect=pl.col("at").is_in(found.implode()))["redirect"]


def redirected(visits: pl.DataFrame, modules: Any) -> pl.Series:
    """Whether each of some visits is such a redirect, by the module events that it lacks.

    Parameters
    ----------
    visits : pl.DataFrame
        One row for each visit: wiki, user, visit, ms; referer_route, without which none is known.
    modules : frame
        Rows of `load.homepage_modules`, loaded with the same key.

    Raises
    ------
    ToolkitError
        If columns are missing, or the loads number their visits apart.

    Examples
    --------
    >>> visits = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": [7, 8], "ms": [0, 60_000], "referer_route": ["direct", "other"]})
    >>> events = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 7, "module": "start-tutorial", "action": "link-click", "ms": [59_000]})
    >>> redirected(visits, events).to_list()
    [False, True]
    """
    events = rows_of(modules, "redirects", NEEDED, parameter="modules")
    have = events.collect_schema().names()
    same_numbers(modules, visits)
    seen = events.filter(~nw.col("visit").is_null()).select("wiki", "visit").unique()
    there = collected(seen).with_columns(there=pl.lit(value=True))
    both = visits.join(there, on=["wiki", "visit"], how="left", maintain_order="left").with_columns(
        pl.col("there").fill_null(value=False), here=pl.lit(value=True)
    )
    return redirects(both, events, have)


def likely(visits: pl.DataFrame) -> bool:
    """Whether there may be such redirects: visits before the fix, by a route that theirs could be.

    Examples
    --------
    >>> likely(pl.DataFrame({"ms": [1_560_000_000_000, 1_600_000_000_000], "referer_route": ["direct", "other"]}))
    False
    """
    route = pl.col("referer_route") == ROUTE if "referer_route" in visits.columns else pl.lit(value=True)
    return bool(visits.select((_early() & route).any()).item())


def same_numbers(modules: Any, visits: Any) -> None:
    """Refuse two loads that number their visits apart: each from 0, so that equal numbers mean nothing.

    Hashes of a key are Int64, numbers of one load UInt32; which key made a hash cannot be told.
    """
    kinds = [rows_of(frame, "redirects", ["visit"]).collect_schema()["visit"] for frame in (modules, visits)]
    if nw.UInt32() in kinds:
        raise errors.not_allowed(
            "modules and visits",
            "visits numbered from 0 in each load",
            "come from loads with the same key=, so that a visit is the same in both",
        )


def _early() -> pl.Expr:
    return pl.col("ms") < pl.lit(REDIRECT_UNTIL).str.to_datetime(time_unit="ms", time_zone="UTC").dt.epoch("ms")
