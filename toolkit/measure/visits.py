"""Visits to the homepage: how people arrive, who comes again, how soon they come first, how long they stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, rates
from toolkit.load import identity
from toolkit.measure.clock import with_browser_time
from toolkit.measure.collected import collected
from toolkit.measure.redirects import LIKELY, likely, redirected, same_numbers
from toolkit.measure.survival import product_limit
from toolkit.measure.tally import as_frame, dimensions
from toolkit.measure.user_clusters import check_level, clustered_shares, students, summed

VISIT = "visit (wiki, page view token)"
USER = "user (wiki, user id)"
REFERER = ("referer_route", "referer_namespace", "referer_action")
NO_ROUTE = "(none)"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
ORDER = ("wiki", "user", "visit", "ms", "dt", "order", "place", "tied", "since_first_s", "since_before_s")
ARRIVALS = (
    "order", "referer_route", "unit", "weight", "n", "whole", "share", "share_low", "share_high", "n_eff", "level", "tied", "redirects", "first_dt",
    "last_dt", "note",
)  # fmt: skip
RETURNS = (
    "unit", "weight", "n", "visits", "visits_first", "visits_later", "users_returned", "share", "share_low", "share_high", "n_eff", "level",
    "within_d", "too_recent", "without_user", "redirects", "first_dt", "last_dt", "note",
)  # fmt: skip
FIRST = (
    "unit", "weight", "n", "visited", "share", "share_low", "share_high", "n_eff", "level", "within_h", "median_h", "too_recent", "before",
    "unregistered", "first_dt", "last_dt", "note",
)  # fmt: skip
TIMES = (
    "order", "unit", "weight", "n", "p25_s", "median_s", "median_low_s", "median_high_s", "p75_s", "p90_s", "n_eff", "level", "zero", "idle",
    "no_impression", "unplaced", "clock", "first_dt", "last_dt", "note",
)  # fmt: skip
CURVE = (
    "unit", "weight", "n", "time_h", "at_risk", "events", "censored", "share", "share_low", "share_high", "level", "note",
)  # fmt: skip
INSIDE = ("start", "end", "by_browser", "seconds", "stamps", "pauses", "above")
LOWER_BOUND = "lower bound: from the first impression to the last event; what follows the last event is not logged"


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
    rows = as_frame(frame)
    have = checked(rows, "visit_order", ["wiki", "user", "visit", "ms"])
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
    each = _with_redirects(frame, modules)
    return _in_order(each.filter(~pl.col("redirect")).drop("redirect"))


def _with_redirects(frame: Any, modules: Any) -> pl.DataFrame:
    """Visits, and whether each is known for a redirect."""
    each = collected(each_visit(frame))
    if modules is None:
        return each.with_columns(redirect=pl.lit(value=False))
    return each.with_columns(redirected(each, modules))


def _in_order(each: pl.DataFrame) -> pl.DataFrame:
    """Visits in the order of users and times, with their places."""
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
    checked(as_frame(frame), "arrivals", ["wiki", "user", "visit", "ms", "referer_route"])
    each = _with_redirects(frame, modules)
    visits = _with_days(_in_order(each.filter(~pl.col("redirect")).drop("redirect"))).filter(
        pl.col("order").is_not_null()
    )
    need(visits, "arrivals", names)
    keys = [*[name for name in names if name not in {"order", "referer_route"}], "order"]
    rows = visits.with_columns(pl.col("referer_route").fill_null(NO_ROUTE))
    found = shares_of_kinds(rows, kind="referer_route", by=keys, level=level)
    more = rows.group_by(*keys, "referer_route").agg(tied=pl.col("tied").sum().cast(pl.Int64), **_times())
    late = pl.col("order") == "later"
    counted = found.join(more, on=[*keys, "referer_route"], how="left", nulls_equal=True)
    tied = pl.lit("some visits of one user have the same time; which came first is not known")
    return (
        _with_left_out(counted, each, modules, keys[:-1])
        .rename({"n": "whole", "total": "n"})
        .with_columns(
            unit=pl.when(late).then(pl.lit("later " + VISIT)).otherwise(pl.lit("first visit of a " + USER)),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=together(pl.when(pl.col("tied") > 0).then(tied), pl.when(late).then(_doubt(visits, modules))),
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
    check_level(level)
    if within_d is not None and not within_d > 0:
        raise errors.not_allowed("within_d", within_d, "is a number of days above 0")
    names = dimensions(by, RETURNS)
    each = _with_redirects(frame, modules)
    visits = _with_days(_in_order(each.filter(~pl.col("redirect")).drop("redirect")))
    need(visits, "returns", names)
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
        **_times(),
    )
    lost = visits.filter(pl.col("order").is_null())
    low, high = rates.share_interval("share", "n_eff", level)
    note = (
        "users who came first near the end of the export had little time to return; give within_d"
        if within_d is None
        else None
    )
    return (
        _with_left_out(_with_lost(counted, lost, names), each, modules, names)
        .with_columns(
            unit=pl.lit(USER), weight=pl.lit("1"), level=pl.lit(level), n_eff=pl.col("n").cast(pl.Float64),
            visits_first=pl.col("n"), visits_later=pl.col("visits") - pl.col("n"),
            share=rates.share("users_returned", "n"), within_d=pl.lit(within_d, dtype=pl.Float64),
            note=together(pl.lit(note, dtype=pl.String), _doubt(visits, modules)),
        )
        .with_columns(share_low=low, share_high=high)
        .sort(names or ["n"])
        .select(*names, *RETURNS)
    )  # fmt: skip


def known_users(table: pl.DataFrame, *, key: str | bytes) -> pl.DataFrame:
    """List of accounts with users as the loaders make them from user ids with the same key.

    Parameters
    ----------
    table : pl.DataFrame
        Columns wiki and user_id, such as a list of test accounts or of registrations.
    key : str or bytes
        The secret that was given to the loaders.

    Returns
    -------
    pl.DataFrame
        The same rows with `user` in the place of `user_id`.

    Examples
    --------
    >>> found = known_users(pl.DataFrame({"wiki": ["cswiki"], "user_id": [7]}), key="secret")
    >>> found.columns, found["user"].dtype
    (['wiki', 'user'], Int64)
    """
    need(table, "known_users", ["wiki", "user_id"])
    private = f"{identity.PRIVATE}user"
    secret = key.encode() if isinstance(key, str) else key
    return identity.hashed(table.rename({"user_id": private}), {"user": ("wiki", private)}, secret).drop(private)


def first_visits(
    frame: Any,
    *,
    registrations: pl.DataFrame,
    within_h: float | Sequence[float] = (1, 24, 48, 336),
    until: datetime | None = None,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Registered users who visit the homepage within some hours of their registration.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_visits`.
    registrations : pl.DataFrame
        One row for each account: wiki, user (made with the same key, see `known_users`) and registered [UTC]; further
        columns for `by`.
    within_h : float or list of float
        Windows. [hours]
    until : datetime, optional
        End of what the export holds; its last visit, unless given. [UTC]
    by : str or list of str
        Split by these columns of the registrations.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination of `by` and each window: unit, weight; n (registered users followed for the whole
        window); visited (of them, within it); share, share_low, share_high [0 to 1], n_eff, level; within_h; median_h
        (from registration to first visit, of those who visited within it); too_recent (registered less than the
        window before the end: in no other number); before (users with a visit before their registration, who count as
        having visited at once); unregistered (users with visits who are not on the list, over all); first_dt, last_dt
        (registrations [UTC]); note.

    Notes
    -----
    Each window is seen in full by all who count in it, so that no estimate of what is cut off is needed; for the whole
    curve see `time_to_first_visit`.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> first_visits(rows, registrations=accounts, within_h=48, until=start + timedelta(days=9)).select("n", "visited", "median_h").rows()
    [(2, 1, 1.0)]
    """
    windows = [within_h] if isinstance(within_h, (int, float)) else list(within_h)
    if not windows or min(windows) <= 0:
        raise errors.not_allowed("within_h", within_h, "is a number of hours above 0, or several")
    check_level(level)
    names = dimensions(by, FIRST)
    users, unregistered = _followed(frame, registrations, until, names, "first_visits")
    tables = []
    for window in windows:
        long = pl.col("followed_h") >= window
        came = long & (pl.col("wait_h") <= window).fill_null(value=False)
        counted = summed(
            users,
            names,
            n=long.sum().cast(pl.Int64),
            visited=came.sum().cast(pl.Int64),
            median_h=pl.col("wait_h").filter(came).median(),
            too_recent=(~long).sum().cast(pl.Int64),
            before=pl.col("before").sum().cast(pl.Int64),
            first_dt=pl.col("registered").min(),
            last_dt=pl.col("registered").max(),
        )
        tables.append(counted.with_columns(within_h=pl.lit(float(window))))
    low, high = rates.share_interval("share", "n_eff", level)
    return (
        pl.concat(tables)
        .with_columns(
            unit=pl.lit(USER), weight=pl.lit("1"), level=pl.lit(level), n_eff=pl.col("n").cast(pl.Float64),
            share=rates.share("visited", "n"), unregistered=pl.lit(unregistered, dtype=pl.Int64),
            note=pl.when(pl.col("before") > 0).then(pl.lit("some visits are older than the registration: look at both clocks")),
        )
        .with_columns(share_low=low, share_high=high)
        .sort(*names, "within_h")
        .select(*names, *FIRST)
    )  # fmt: skip


def waits(
    frame: Any, *, registrations: pl.DataFrame, until: datetime | None = None, by: str | Sequence[str] | None = ()
) -> pl.DataFrame:
    """Time from each registration to the first visit, or to the end of the export where there was none.

    Parameters
    ----------
    frame, registrations, until, by
        See `first_visits`.

    Returns
    -------
    pl.DataFrame
        One row for each registered user: those of `by`, wait_h [hours] and visited (false: censored, no visit until
        the end): what an estimate of survival takes.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> waits(rows, registrations=accounts, until=start + timedelta(hours=9)).rows()
    [(1.0, True), (9.0, False)]
    """
    names = dimensions(by, ["wait_h", "visited"])
    users, _ = _followed(frame, registrations, until, names, "waits")
    came = pl.col("wait_h").is_not_null() & (pl.col("wait_h") <= pl.col("followed_h"))
    made = users.select(
        *names, pl.when(came).then("wait_h").otherwise("followed_h").alias("wait_h"), came.alias("visited")
    )
    return made.filter(pl.col("wait_h") >= 0).sort(
        *names, "wait_h", "visited", descending=[False] * (len(names) + 1) + [True]
    )


def time_to_first_visit(
    frame: Any,
    *,
    registrations: pl.DataFrame,
    until: datetime | None = None,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Share of registered users who have visited the homepage, by the time since their registration.

    Parameters
    ----------
    frame, registrations, until, by, level
        See `first_visits`.

    Returns
    -------
    pl.DataFrame
        For each combination of `by` one row per time, in order: unit, weight; n (users); time_h [hours]; at_risk (users
        who have not visited before and are still watched); events (first visits then), censored (users whose watch
        ends then); share, share_low, share_high (who have visited by then [0 to 1], the product-limit estimate), level;
        note. See `survival.product_limit`.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> time_to_first_visit(rows, registrations=accounts, until=start + timedelta(hours=9)).select("time_h", "at_risk", "share").rows()
    [(1.0, 2.0, 0.5), (9.0, 1.0, 0.5)]
    """
    names = dimensions(by, [*CURVE, "wait_h", "visited"])
    each = waits(frame, registrations=registrations, until=until, by=names)
    return reached_by(each, time="wait_h", event="visited", by=names, level=level).select(*names, *CURVE)


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
        visits, not only from those with module events.
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
    rows = as_frame(modules)
    checked(rows, "time_on_homepage", ["wiki", "user", "visit", "action", "ms"])
    check_level(level)
    if gap_s < 0:
        raise errors.not_allowed("gap_s", gap_s, "is a number of seconds, 0 or more")
    names = dimensions(by, [*TIMES, *INSIDE])
    inside = _inside(rows, gap_s)
    order = visit_order(modules)
    if visits is not None:
        same_numbers(modules, visits)
        places = visit_order(visits).select("wiki", "visit", "order")
        order = order.drop("order").join(places, on=["wiki", "visit"], how="left")
    told = _with_days(order)
    need(told, "time_on_homepage", names)
    unplaced = summed(
        told, [name for name in names if name != "order"], unplaced=pl.col("order").is_null().sum().cast(pl.Int64)
    )
    each = told.join(inside, on=["wiki", "visit"], how="left").filter(pl.col("order").is_not_null())
    keys = [*[name for name in names if name != "order"], "order"]
    measured = each.filter(pl.col("seconds").is_not_null())
    points = measured.with_columns(above=pl.col("seconds") > pl.col("seconds").median().over(keys))
    spread = clustered_shares(points, by=keys, of="above", level=level)
    half = rates.z_of(level) * (0.25 / pl.col("n_eff")).sqrt()
    bounds = points.join(spread.select(*keys, "n_eff", half=half), on=keys, how="left", nulls_equal=True)
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
        **_times(),
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


def _followed(
    frame: Any, registrations: pl.DataFrame, until: datetime | None, names: Sequence[str], who: str
) -> tuple[pl.DataFrame, int]:
    """Registered users with hours until their first visit and until the end, and how many visitors are not on the list."""
    need(registrations, who, ["wiki", "user", "registered", *names])
    visits = visit_order(frame).filter(pl.col("place") == 1)
    if visits.schema["user"] == pl.UInt32 and registrations.schema["user"] != pl.UInt32:
        raise errors.not_allowed(
            "frame",
            "users that are numbered within one load",
            "comes from load.homepage_visits(key=...), and the list from measure.known_users with the same key",
        )
    zone = registrations.schema["registered"]
    at = (
        pl.col("registered")
        if getattr(zone, "time_zone", None)
        else pl.col("registered").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC")
    )
    listed = (
        registrations.with_columns(registered=at.dt.convert_time_zone("UTC"))
        .sort("registered")
        .unique(["wiki", "user"], keep="first")
    )
    end = until.timestamp() * 1000 if until is not None else visit_order(frame)["ms"].max() or 0
    first = visits.select("wiki", pl.col("user").cast(listed.schema["user"]), first_ms="ms")
    start = pl.col("registered").dt.epoch("ms")
    users = listed.join(first, on=["wiki", "user"], how="left").with_columns(
        wait_h=((pl.col("first_ms") - start) / HOUR_MS).clip(0).round(6), followed_h=((end - start) / HOUR_MS).round(6),
        before=(pl.col("first_ms") < start).fill_null(value=False),
    )  # fmt: skip
    return users, first.join(listed, on=["wiki", "user"], how="anti").height


def shares_of_kinds(rows: pl.DataFrame, *, kind: str, by: Sequence[str], level: float = rates.LEVEL) -> pl.DataFrame:
    """Share of each kind among the units of a group, as `user_clusters.clustered_shares` gives it.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 2, 3], "route": ["a", "a", "b"]})
    >>> shares_of_kinds(rows, kind="route", by=[]).select("route", "total", "n").sort("route").rows()
    [('a', 2, 3), ('b', 1, 3)]
    """
    units = rows.select(*dict.fromkeys([*by, "wiki", "user"]), its=pl.col(kind))
    kinds = units.select(*by, pl.col("its").alias(kind)).unique()
    # each unit once for each kind of its group: those of other kinds count too
    each = units.join(kinds, on=list(by), how="inner", nulls_equal=True) if by else units.join(kinds, how="cross")
    return clustered_shares(
        each.with_columns(is_it=pl.col("its") == pl.col(kind)), by=[*by, kind], of="is_it", level=level
    )


def shares_of_sums(users: pl.DataFrame, by: Sequence[str], level: float) -> pl.DataFrame:
    """Shares of sums of users (y of m) that need be no whole numbers, with the variance between users.

    Examples
    --------
    >>> users = pl.DataFrame({"kind": "a", "m": [2, 2, 4], "y": [1.0, 0.5, 2.5]})
    >>> shares_of_sums(users, ["kind"], 0.95).select("kind", "n", "of", "share").rows()
    [('a', 4.0, 8, 0.5)]
    """
    y, m, share = pl.col("y"), pl.col("m"), pl.col("share")
    sums = users.sort(*by, "m", "y").group_by(list(by), maintain_order=True).agg(
        n=y.sum(), of=m.sum(), count=pl.len(), yy=(y * y).sum(), ym=(y * m).sum(), mm=(m * m).sum()
    )  # fmt: skip
    sums = sums.with_columns(share=rates.share("n", "of").clip(0, 1).round(12))
    residual = pl.col("yy") - 2 * share * pl.col("ym") + share**2 * pl.col("mm")
    variance = pl.col("count") / (pl.col("count") - 1) * residual / pl.col("of") ** 2
    told = (share > 0) & (share < 1) & (pl.col("count") > 1)
    effective = pl.when(told).then(share * (1 - share) / variance).otherwise(pl.col("of") ** 2 / pl.col("mm"))
    estimated = told & (pl.col("mm") > pl.col("of"))
    units = pl.when(estimated).then(students("n_eff", "count", level)).otherwise("n_eff")
    low, high = rates.share_interval("share", units, level)
    return (
        sums.with_columns(n_eff=pl.min_horizontal(effective, pl.col("of").cast(pl.Float64)))
        .with_columns(share_low=low, share_high=high)
        .with_columns(pl.col("n", "of").round(9))
        .drop("count", "yy", "ym", "mm")
    )


def checked(frame: Any, who: str, needed: Sequence[str]) -> list[str]:
    """Columns of a frame, if all that a measure needs are there."""
    have: list[str] = frame.collect_schema().names()
    if missing := [name for name in dict.fromkeys(needed) if name not in have]:
        raise errors.missing_columns(f"measure.{who}", missing, have)
    return have


def need(table: pl.DataFrame, who: str, names: Sequence[str]) -> None:
    """Refuse a table without some columns."""
    if missing := [name for name in dict.fromkeys(names) if name not in table.columns]:
        raise errors.missing_columns(f"measure.{who}", missing, table.columns)


def together(*notes: pl.Expr) -> pl.Expr:
    """Sentences of a note, those that are not null, in one.

    Examples
    --------
    >>> pl.DataFrame({"a": ["one", None], "b": ["other", None]}).select(together(pl.col("a"), pl.col("b"))).to_series().to_list()
    ['one; other', None]
    """
    said = pl.concat_str(notes, separator="; ", ignore_nulls=True)
    return pl.when(said != "").then(said)


def _doubt(visits: pl.DataFrame, modules: Any) -> pl.Expr:
    """What to say where later visits may be redirects that could not be told."""
    doubtful = modules is None and likely(visits.filter(pl.col("place") > 1))
    return pl.lit(LIKELY if doubtful else None, dtype=pl.String)


def _with_left_out(table: pl.DataFrame, each: pl.DataFrame, modules: Any, names: Sequence[str]) -> pl.DataFrame:
    """Counts with the redirects that were left out beside them; null where none could be told."""
    if modules is None:
        return table.with_columns(redirects=pl.lit(None, dtype=pl.Int64))
    gone = _with_days(_in_order(each.filter("redirect").drop("redirect")))
    left_out = summed(gone, names, redirects=pl.len().cast(pl.Int64))
    if not names:
        return table.join(left_out, how="cross")
    return table.join(left_out, on=list(names), how="left", nulls_equal=True).with_columns(
        pl.col("redirects").fill_null(0)
    )


def _with_days(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.with_columns(
        hour=pl.col("dt").dt.truncate("1h"), day=pl.col("dt").dt.truncate("1d"), week=pl.col("dt").dt.truncate("1w")
    )


def _times() -> dict[str, pl.Expr]:
    first, last = pl.col("ms").min(), pl.col("ms").max()
    return {
        "first_dt": pl.from_epoch(first, time_unit="ms").dt.replace_time_zone("UTC"),
        "last_dt": pl.from_epoch(last, time_unit="ms").dt.replace_time_zone("UTC"),
    }


def _with_lost(counted: pl.DataFrame, lost: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Counts with the visits of nobody beside them."""
    if not names:
        return counted.with_columns(without_user=pl.lit(lost.height, dtype=pl.Int64))
    more = lost.group_by(list(names)).agg(without_user=pl.len().cast(pl.Int64))
    return counted.join(more, on=list(names), how="full", coalesce=True, nulls_equal=True).with_columns(
        pl.col("n", "visits", "users_returned", "too_recent", "without_user").fill_null(0)
    )
