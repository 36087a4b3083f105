"""Time that visits to the homepage last, as far as module events tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import rates
from toolkit.measure.clock import with_browser_time
from toolkit.measure.collected import collected
from toolkit.measure.given import number, rows_of, table_of
from toolkit.measure.redirects import same_numbers
from toolkit.measure.tally import dimensions
from toolkit.measure.user_clusters import clustered_shares, freedoms, in_clusters, summed, t_quantile
from toolkit.measure.visits import VISIT, times_of, visit_order, with_days

TIMES = (
    "order", "unit", "weight", "n", "p25_s", "median_s", "median_low_s", "median_high_s", "p75_s", "p90_s", "n_eff", "level", "zero", "idle",
    "no_impression", "unplaced", "clock", "first_dt", "last_dt", "note",
)  # fmt: skip
INSIDE = ("start", "end", "by_browser", "seconds", "stamps", "pauses", "above")
LOWER_BOUND = "lower bound: from the first impression to the last event; what follows the last event is not logged"


def time_on_homepage(
    modules: Any,
    *,
    visits: Any = None,
    gap_s: float = 1800,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Time that visits last, as far as module events tell: from the first impression to the last event.

    Parameters
    ----------
    modules : frame
        Rows of `load.homepage_modules`.
    visits : frame, optional
        Rows of `load.homepage_visits` made with the same key: which visit of a user is the first is then told from all
        visits, not only from those with module events. Visits that are redirects are left out, see
        `visits.visit_order`.
    gap_s : float
        A pause between two events that is longer is not counted: the page was left open, or restored later under the
        same token. [s]
    by : str or list of str
        Split by these columns, such as `platform` or `wiki`.
    level : float
        Of the interval. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each combination of `by` one row per order (`first`, `later` visits of a user): unit, weight; n (visits
        with an impression); p25_s, median_s, p75_s, p90_s [s]; median_low_s, median_high_s (interval); n_eff (visits),
        level; zero (visits whose events all have one time stamp); idle (visits with a pause longer than gap_s);
        no_impression (visits with events whose impressions were not delivered, in no other number); unplaced (visits of the whole
        combination of `by` that are first or later for nobody: without a user, or not in `visits`; in no other number); clock
        (`browser`, where its time of every event of the visits is used, else `receipt`); first_dt, last_dt [UTC]; note.

    Notes
    -----
    A lower bound: nothing is logged when a page is left, so each visit ends with its last event (it is censored
    there). Where nothing was done but to look, the time is 0. Receipt is in whole seconds in 2019, and from 2020-01
    the browser holds events back for up to 30 s; the browser's clock is then used, whose offset cancels out, unless it
    was set during the visit, see `clock.with_browser_time`. The
    interval of the median is Woodruff's, with the variance between users.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "help", "action": ["impression", "link-click"],
    ...                      "platform": "desktop", "ms": [0, 9000]})
    >>> time_on_homepage(rows).select("order", "n", "median_s").rows()
    [('first', 1, 9.0)]
    """
    rows = rows_of(modules, "time_on_homepage", ["wiki", "user", "visit", "action", "ms"], parameter="modules")
    rates.check("level", level)
    number("gap_s", gap_s, "is a number of seconds, 0 or more", least=0)
    names = dimensions(by, [*TIMES, *INSIDE])
    inside = _inside(rows, gap_s)
    order = visit_order(modules)
    if visits is not None:
        rows_of(visits, "time_on_homepage", ["wiki", "user", "visit", "ms"], parameter="visits")
        same_numbers(modules, visits)
        places = visit_order(visits, modules=modules).select("wiki", "visit", "order")
        order = order.drop("order").join(places, on=["wiki", "visit"], how="left")
    told = with_days(order)
    table_of(told, "time_on_homepage", names)
    unplaced = summed(
        told, [name for name in names if name != "order"], unplaced=pl.col("order").is_null().sum().cast(pl.Int64)
    )
    each = told.join(inside, on=["wiki", "visit"], how="left").filter(pl.col("order").is_not_null())
    keys = [*[name for name in names if name != "order"], "order"]
    measured = each.filter(pl.col("seconds").is_not_null())
    points = measured.with_columns(above=pl.col("seconds") > pl.col("seconds").median().over(keys))
    spread = clustered_shares(points, by=keys, of="above", level=level)
    free = freedoms(in_clusters(points, keys, "above"), by=keys)
    half = t_quantile("freedom", level) * (0.25 / pl.col("n_eff")).sqrt()
    width = spread.join(free, on=keys, how="left", nulls_equal=True).select(*keys, "n_eff", half=half)
    bounds = points.join(width, on=keys, how="left", nulls_equal=True)
    seconds = pl.col("seconds")
    # a quantile must be one number for a group; the group's own is taken from its first row
    quantile = [
        seconds.sort()
        .get(((0.5 + sign * pl.col("half").first()).clip(0, 1) * (pl.len() - 1)).round().cast(pl.Int64))
        .alias(name)
        for sign, name in ((-1, "median_low_s"), (1, "median_high_s"))
    ]
    found = bounds.group_by(keys).agg(
        seconds.quantile(0.25, "linear").alias("p25_s"), seconds.median().alias("median_s"),
        seconds.quantile(0.75, "linear").alias("p75_s"), seconds.quantile(0.9, "linear").alias("p90_s"),
        *quantile,
        n=pl.len().cast(pl.Int64),
        n_eff=pl.col("n_eff").first(),
        zero=(pl.col("stamps") == 1).sum().cast(pl.Int64),
        idle=(pl.col("pauses") > 0).sum().cast(pl.Int64),
        clock=pl.when(pl.col("by_browser").all()).then(pl.lit("browser")).otherwise(pl.lit("receipt")),
        **times_of(),
    )  # fmt: skip
    unseen = each.group_by(keys).agg(no_impression=pl.col("seconds").is_null().sum().cast(pl.Int64))
    of = keys[:-1]
    unseen = unseen.join(unplaced, on=of, how="left", nulls_equal=True) if of else unseen.join(unplaced, how="cross")
    return (
        unseen.join(found, on=keys, how="left", nulls_equal=True)
        .with_columns(
            pl.col("n", "zero", "idle").fill_null(0), unit=pl.lit(VISIT), weight=pl.lit("1"), level=pl.lit(level), note=pl.lit(LOWER_BOUND)
        )
        .sort(keys)
        .select(*keys[:-1], *TIMES)
    )  # fmt: skip


def _inside(rows: Any, gap_s: float) -> pl.DataFrame:
    """Seconds between the events of each visit with an impression, pauses left out; no order of rows within a time is needed."""
    shown = nw.col("action") == "impression"
    in_visit = with_browser_time(rows.filter(~nw.col("visit").is_null()))
    stamps = collected(in_visit.select("wiki", "visit", "at", "by_browser", shown=shown).unique())
    group = ["wiki", "visit"]
    timed = stamps.with_columns(start=pl.col("at").filter("shown").min().over(group)).filter(
        pl.col("at") >= pl.col("start")
    )
    step = pl.col("at").diff().over(group)
    steps = timed.select(*group, "at", "by_browser").unique().sort(*group, "at").with_columns(step=step)
    return steps.group_by(group).agg(
        pl.col("by_browser").first(),
        seconds=pl.col("step").filter(pl.col("step") <= gap_s * 1000).sum() / 1000,
        stamps=pl.len(),
        pauses=(pl.col("step") > gap_s * 1000).sum(),
    )
