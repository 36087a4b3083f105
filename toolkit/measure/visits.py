"""Visits to the homepage: each once, whose it is, and its place among those of its user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit.measure.collected import collected
from toolkit.measure.given import rows_of
from toolkit.measure.redirects import LIKELY, likely, redirected
from toolkit.measure.user_clusters import summed

VISIT = "visit (wiki, page view token)"
USER = "user (wiki, user id)"
REFERER = ("referer_route", "referer_namespace", "referer_action")
ORDER = ("wiki", "user", "visit", "ms", "dt", "order", "place", "tied", "since_first_s", "since_before_s")


def each_visit(frame: Any) -> Any:
    """One row for each visit: whose it is, when it began, what is told of it.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_visits`, or of `load.homepage_modules`: then visits without module events are not there.

    Returns
    -------
    Same kind of frame
        One row for each (wiki, user, visit): ms (of its first event), and those of referer_route, referer_namespace,
        referer_action, platform, is_mobile, user_editcount, variant and the states that the frame has. Events without
        a token belong to no visit.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 7, "visit": [1, 1, 2], "ms": [9, 0, 60], "is_mobile": False})
    >>> each_visit(rows).sort("visit").rows()
    [('cswiki', 7, 1, 0, False), ('cswiki', 7, 2, 60, False)]
    """
    rows = rows_of(frame, "visit_order", ["wiki", "user", "visit", "ms"])
    have = rows.collect_schema().names()
    states = [name for name in have if name.endswith("_state")]
    told = [name for name in (*REFERER, "platform", "is_mobile", "user_editcount", "variant", *states) if name in have]
    firsts = [nw.col(name).min() for name in ("ms", *told)]
    return rows.filter(~nw.col("visit").is_null()).group_by("wiki", "user", "visit").agg(*firsts).to_native()


def each_user(frame: Any) -> Any:
    """One row for each user who is known: how many visits, and when.

    Parameters
    ----------
    frame
        See `each_visit`.

    Returns
    -------
    Same kind of frame
        Columns wiki, user, visits; first_ms and last_ms: beginnings of the first and the last one [ms since 1970].

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [7, 7, None], "visit": [1, 2, 3], "ms": [9, 60, 0]})
    >>> each_user(rows).rows()
    [('cswiki', 7, 2, 9, 60)]
    """
    known = nw.from_native(each_visit(frame)).filter(~nw.col("user").is_null())
    counted = known.group_by("wiki", "user").agg(
        visits=nw.len().cast(nw.Int64), first_ms=nw.col("ms").min(), last_ms=nw.col("ms").max()
    )
    return counted.to_native()


def visit_order(frame: Any, *, modules: Any = None) -> pl.DataFrame:
    """Visits, each once, with their place among those of the user.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_visits`, or of `load.homepage_modules`: then visits without module events are not there.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key: visits that are redirects are left out then.

    Returns
    -------
    pl.DataFrame
        One row for each (wiki, visit): wiki, user, visit; ms and dt (of its first event [UTC]); order (`first` or
        `later`, null where no user is known); place (1, 2, ...); tied (another visit of the user has the same
        time stamp); since_first_s, since_before_s (time since the first visit, and since the one before [s]);
        platform; and those of referer_route, referer_namespace, referer_action, is_mobile, user_editcount, variant and
        the states that the frame has.

    Notes
    -----
    First means the first in this export: whoever came before its beginning counts as new. Visits of one user and one
    time stamp are put in the order of what they say, never of their rows, so that no number depends on the order of
    the export; `tied` counts them.

    Until 2019-07-04 a click on the tutorial was logged as a visit of its own, some 6 of 100 visits, which nobody made:
    without `modules` it stands here as a later visit. The redirects of users who send no module events stay in any
    case, for the click that tells them was not logged.

    The rows of `each_visit` are collected before they are put in order: some 100 bytes of memory for each visit.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 7, "visit": [2, 1], "ms": [60_000, 0], "is_mobile": [True, False]})
    >>> visit_order(rows).select("visit", "order", "platform", "since_first_s").rows()
    [(1, 'first', 'desktop', 0.0), (2, 'later', 'mobile', 60.0)]
    """
    each = with_redirects(frame, modules)
    return in_order(each.filter(~pl.col("redirect")).drop("redirect"))


def with_redirects(frame: Any, modules: Any) -> pl.DataFrame:
    """Visits as `each_visit` gives them, and whether each is known for a redirect.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 7, "visit": [1, 1], "ms": [0, 9]})
    >>> with_redirects(rows, None).select("visit", "redirect").rows()
    [(1, False)]
    """
    each = collected(each_visit(frame))
    if modules is None:
        return each.with_columns(redirect=pl.lit(value=False))
    return each.with_columns(redirected(each, modules))


def in_order(each: pl.DataFrame) -> pl.DataFrame:
    """Visits in the order of users and times, with their places, as `visit_order` gives them.

    Examples
    --------
    >>> in_order(pl.DataFrame({"wiki": "cswiki", "user": 7, "visit": [2, 1], "ms": [9, 0]})).select("visit", "place").rows()
    [(1, 1), (2, 2)]
    """
    have = each.columns
    mobile = pl.when(pl.col("is_mobile")).then(pl.lit("mobile")).otherwise(pl.lit("desktop"))
    if "platform" not in have and "is_mobile" in have:
        each = each.with_columns(platform=pl.when(pl.col("is_mobile").is_not_null()).then(mobile))
    told = [name for name in each.columns if name not in {"wiki", "user", "visit", "ms"}]
    user = ["wiki", "user"]
    known = pl.col("user").is_not_null()
    place = pl.int_range(1, pl.len() + 1).over(user).cast(pl.Int64)
    ordered = each.sort(*user, "ms", *told, "visit", nulls_last=True)
    return ordered.with_columns(
        dt=pl.from_epoch("ms", time_unit="ms").dt.replace_time_zone("UTC"),
        order=pl.when(known).then(pl.when(place == 1).then(pl.lit("first")).otherwise(pl.lit("later"))),
        place=pl.when(known).then(place),
        tied=known & (pl.len().over(*user, "ms") > 1),
        since_first_s=pl.when(known).then((pl.col("ms") - pl.col("ms").min().over(user)) / 1000),
        since_before_s=pl.when(known).then((pl.col("ms") - pl.col("ms").shift(1).over(user)) / 1000),
    ).select(*ORDER, *told)


def with_left_out(table: pl.DataFrame, each: pl.DataFrame, modules: Any, names: Sequence[str]) -> pl.DataFrame:
    """Counts with the redirects that were left out beside them; null where none could be told.

    Examples
    --------
    >>> with_left_out(pl.DataFrame({"n": [3]}), pl.DataFrame(), None, []).rows()
    [(3, None)]
    """
    if modules is None:
        return table.with_columns(redirects=pl.lit(None, dtype=pl.Int64))
    gone = with_days(in_order(each.filter("redirect").drop("redirect")))
    left_out = summed(gone, names, redirects=pl.len().cast(pl.Int64))
    if not names:
        return table.join(left_out, how="cross")
    return table.join(left_out, on=list(names), how="left", nulls_equal=True).with_columns(
        pl.col("redirects").fill_null(0)
    )


def doubt(visits: pl.DataFrame, modules: Any) -> pl.Expr:
    """What to say where later visits may be redirects that could not be told.

    Examples
    --------
    >>> visits = pl.DataFrame({"ms": [0, 9], "place": [1, 2], "referer_route": ["direct", "other"]})
    >>> pl.select(doubt(visits, None)).item() == LIKELY
    True
    """
    doubtful = modules is None and likely(visits.filter(pl.col("place") > 1))
    return pl.lit(LIKELY if doubtful else None, dtype=pl.String)


def with_days(visits: pl.DataFrame) -> pl.DataFrame:
    """Rows with the hour, day and week of their time `dt`. [UTC]

    Examples
    --------
    >>> from datetime import datetime
    >>> with_days(pl.DataFrame({"dt": [datetime(2019, 5, 8, 7)]})).select(pl.col("day", "week").dt.day()).rows()
    [(8, 6)]
    """
    return visits.with_columns(
        hour=pl.col("dt").dt.truncate("1h"), day=pl.col("dt").dt.truncate("1d"), week=pl.col("dt").dt.truncate("1w")
    )


def times_of() -> dict[str, pl.Expr]:
    """First and last time of a group, from `ms`. [UTC]

    Examples
    --------
    >>> pl.DataFrame({"ms": [0, 1000]}).select(**times_of()).row(0)[1].second
    1
    """
    first, last = pl.col("ms").min(), pl.col("ms").max()
    return {
        "first_dt": pl.from_epoch(first, time_unit="ms").dt.replace_time_zone("UTC"),
        "last_dt": pl.from_epoch(last, time_unit="ms").dt.replace_time_zone("UTC"),
    }


def together(*notes: pl.Expr) -> pl.Expr:
    """Sentences of a note, those that are not null, in one.

    Examples
    --------
    >>> pl.DataFrame({"a": ["one", None], "b": ["other", None]}).select(together(pl.col("a"), pl.col("b"))).to_series().to_list()
    ['one; other', None]
    """
    said = pl.concat_str(notes, separator="; ", ignore_nulls=True)
    return pl.when(said != "").then(said)
