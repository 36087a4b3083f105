"""Routes by which people come to the homepage, and whether they come again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from toolkit import rates
from toolkit.measure.given import number, rows_of, table_of
from toolkit.measure.tally import dimensions
from toolkit.measure.user_clusters import shares_of_kinds, summed
from toolkit.measure.visits import (
    USER,
    VISIT,
    doubt,
    in_order,
    times_of,
    together,
    with_days,
    with_left_out,
    with_redirects,
)

NO_ROUTE = "(none)"
DAY_MS = 86_400_000
ARRIVALS = (
    "order", "referer_route", "unit", "weight", "n", "whole", "share", "share_low", "share_high", "n_eff", "level", "tied", "redirects", "first_dt",
    "last_dt", "note",
)  # fmt: skip
RETURNS = (
    "unit", "weight", "n", "visits", "visits_first", "visits_later", "users_returned", "share", "share_low", "share_high", "n_eff", "level",
    "within_d", "too_recent", "without_user", "redirects", "first_dt", "last_dt", "note",
)  # fmt: skip


def arrivals(
    frame: Any, *, modules: Any = None, by: str | Sequence[str] | None = (), level: float = rates.LEVEL
) -> pl.DataFrame:
    """Routes by which people come to the homepage, for first and for later visits.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_visits`.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key: visits that are redirects are left out then, see
        `visit_order`.
    by : str or list of str
        Split by these columns, such as `platform`, `wiki` or `day`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each combination of `by` and each order (`first`, `later`) one row per route, most frequent first:

        - unit (in words); weight: 1, every visit is logged
        - n: visits by this route; whole: visits of that order
        - share, share_low, share_high: n / whole [0 to 1]; n_eff, level: see Notes
        - tied: visits whose place among those of the user is not known, for their times are equal
        - redirects: visits left out because they are redirects, of the whole combination of `by`; null without `modules`
        - first_dt, last_dt [UTC]; note

    Notes
    -----
    Later visits of one user are alike: the variance of their shares is that between users (linearisation), which gives
    an effective number of visits, and Wilson's interval for that number, see `user_clusters.clustered_shares`. Visits without a user are in no row.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "ms": [0, 9, 5], "is_mobile": False,
    ...                      "referer_route": ["direct", "other", "direct"]})
    >>> arrivals(rows).select("order", "referer_route", "n", "share").rows()
    [('first', 'direct', 2, 1.0), ('later', 'other', 1, 1.0)]
    """
    names = dimensions(by, [name for name in ARRIVALS if name != "referer_route"])
    rates.check("level", level)
    rows_of(frame, "arrivals", ["wiki", "user", "visit", "ms", "referer_route"])
    each = with_redirects(frame, modules)
    visits = with_days(in_order(each.filter(~pl.col("redirect")).drop("redirect"))).filter(
        pl.col("order").is_not_null()
    )
    table_of(visits, "arrivals", names)
    keys = [*[name for name in names if name not in {"order", "referer_route"}], "order"]
    rows = visits.with_columns(pl.col("referer_route").fill_null(NO_ROUTE))
    found = shares_of_kinds(rows, kind="referer_route", by=keys, level=level)
    more = rows.group_by(*keys, "referer_route").agg(tied=pl.col("tied").sum().cast(pl.Int64), **times_of())
    late = pl.col("order") == "later"
    counted = found.join(more, on=[*keys, "referer_route"], how="left", nulls_equal=True)
    tied = pl.lit("some visits of one user have the same time; which came first is not known")
    return (
        with_left_out(counted, each, modules, keys[:-1])
        .rename({"n": "whole", "total": "n"})
        .with_columns(
            unit=pl.when(late).then(pl.lit("later " + VISIT)).otherwise(pl.lit("first visit of a " + USER)),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=together(pl.when(pl.col("tied") > 0).then(tied), pl.when(late).then(doubt(visits, modules))),
        )
        .sort(*keys, "n", "referer_route", descending=[*[False] * len(keys), True, False])
        .select(*keys[:-1], *ARRIVALS)
    )


def returns(
    frame: Any,
    *,
    modules: Any = None,
    within_d: float | None = None,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Users who come again: first visits, later visits, and the share of users with more than one.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_visits`.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key: visits that are redirects are left out then, see
        `visit_order`. Give it for visits before 2019-07-04, or a click on the tutorial counts as a return.
    within_d : float, optional
        Count a user as returned within so many days of the first visit, and only users whom the export follows for so
        long. [days]
    by : str or list of str
        Split by these columns, as they were at a user's first visit.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination of `by`: unit, weight; n (users); visits, visits_first, visits_later (of those
        users); users_returned; share, share_low, share_high (users_returned / n [0 to 1], Wilson's interval: users are
        independent); n_eff, level; within_d; too_recent (users not followed long enough, in no other number);
        without_user (visits whose user is not known, in no other number); redirects (visits left out because they are
        redirects; null without `modules`); first_dt, last_dt [UTC]; note.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "ms": [0, 9, 5], "is_mobile": False})
    >>> returns(rows).select("n", "visits_later", "users_returned", "share").rows()
    [(2, 1, 1, 0.5)]
    """
    rates.check("level", level)
    if within_d is not None:
        number("within_d", within_d, "is a number of days above 0", above=0)
    names = dimensions(by, [*RETURNS, "ms", "second_s", "recent", "back"])
    each = with_redirects(frame, modules)
    visits = with_days(in_order(each.filter(~pl.col("redirect")).drop("redirect")))
    table_of(visits, "returns", names)
    last = visits["ms"].max() or 0
    known = visits.filter(pl.col("order").is_not_null())
    user = ["wiki", "user"]
    at_first = [pl.col(name).first() for name in names if name not in user]
    users = (
        known.sort(*user, "place")
        .group_by(user, maintain_order=True)
        .agg(*at_first, pl.col("ms").first(), visits=pl.len().cast(pl.Int64), second_s=pl.col("since_first_s").get(1, null_on_oob=True))
    )  # fmt: skip
    limit_ms = None if within_d is None else within_d * DAY_MS
    recent = pl.lit(value=False) if limit_ms is None else pl.col("ms") + limit_ms > last
    back = (
        pl.col("second_s").is_not_null()
        if limit_ms is None
        else pl.col("second_s").fill_null(float("inf")) * 1000 <= limit_ms
    )
    marked = users.with_columns(recent=recent, back=back)
    kept = ~pl.col("recent")
    counted = summed(
        marked,
        names,
        n=kept.sum().cast(pl.Int64),
        visits=pl.col("visits").filter(kept).sum(),
        users_returned=(kept & pl.col("back")).sum().cast(pl.Int64),
        too_recent=pl.col("recent").sum().cast(pl.Int64),
        **times_of(),
    )
    lost = visits.filter(pl.col("order").is_null())
    low, high = rates.share_interval("share", "n_eff", level)
    note = (
        "users who came first near the end of the export had little time to return; give within_d"
        if within_d is None
        else None
    )
    return (
        with_left_out(_with_lost(counted, lost, names), each, modules, names)
        .with_columns(
            unit=pl.lit(USER), weight=pl.lit("1"), level=pl.lit(level), n_eff=pl.col("n").cast(pl.Float64),
            visits_first=pl.col("n"), visits_later=pl.col("visits") - pl.col("n"),
            share=rates.share("users_returned", "n"), within_d=pl.lit(within_d, dtype=pl.Float64),
            note=together(pl.lit(note, dtype=pl.String), doubt(visits, modules)),
        )
        .with_columns(share_low=low, share_high=high)
        .sort(names or ["n"])
        .select(*names, *RETURNS)
    )  # fmt: skip


def _with_lost(counted: pl.DataFrame, lost: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Counts with the visits of nobody beside them."""
    if not names:
        return counted.with_columns(without_user=pl.lit(lost.height, dtype=pl.Int64))
    more = lost.group_by(list(names)).agg(without_user=pl.len().cast(pl.Int64))
    return counted.join(more, on=list(names), how="full", coalesce=True, nulls_equal=True).with_columns(
        pl.col("n", "visits", "users_returned", "too_recent", "without_user").fill_null(0)
    )
