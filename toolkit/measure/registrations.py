"""Registered users: how many of them visit the homepage, and how soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from toolkit import errors, rates
from toolkit.load import identity
from toolkit.measure.given import number, table_of
from toolkit.measure.reached import CURVE, reached_by
from toolkit.measure.tally import dimensions
from toolkit.measure.user_clusters import summed
from toolkit.measure.visits import USER, visit_order

HOUR_MS = 3_600_000
FIRST = (
    "unit", "weight", "n", "visited", "share", "share_low", "share_high", "n_eff", "level", "within_h", "median_h", "too_recent", "before",
    "unregistered", "first_dt", "last_dt", "note",
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
    table = table_of(table, "known_users", ["wiki", "user_id"])
    private = f"{identity.PRIVATE}user"
    if not isinstance(key, str | bytes) or not key:
        raise errors.not_allowed("key", key, "is the secret that was given to the loaders, as text")
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

    Redirects after a click on the tutorial (see `visits.visit_order`) need not be left out here: each follows a visit of
    the same user, and only the first visit counts.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> first_visits(rows, registrations=accounts, within_h=48, until=start + timedelta(days=9)).select("n", "visited", "median_h").rows()
    [(2, 1, 1.0)]
    """
    windows: list[Any] = list(within_h) if isinstance(within_h, list | tuple | range) else [within_h]
    for window in windows or [None]:
        number("within_h", window, "is a number of hours above 0, or several", above=0)
    rates.check("level", level)
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
        first_dt, last_dt (registrations [UTC]); note. See `survival.product_limit`.

    Examples
    --------
    >>> from datetime import timedelta, timezone
    >>> start = datetime(2019, 5, 6, tzinfo=timezone.utc)
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": [int(start.timestamp() * 1000) + 3_600_000]})
    >>> accounts = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "registered": start})
    >>> time_to_first_visit(rows, registrations=accounts, until=start + timedelta(hours=9)).select("time_h", "at_risk", "share").rows()
    [(1.0, 2.0, 0.5), (9.0, 1.0, 0.5)]
    """
    rates.check("level", level)
    names = dimensions(by, [*CURVE, "wait_h", "visited"])
    each = waits(frame, registrations=registrations, until=until, by=[*names, "registered"])
    found = reached_by(each, time="wait_h", event="visited", by=names, level=level)
    span = each.select(first_dt=pl.col("registered").min(), last_dt=pl.col("registered").max())
    return found.join(span, how="cross").select(*names, *CURVE)


def _followed(
    frame: Any, registrations: pl.DataFrame, until: datetime | None, names: Sequence[str], who: str
) -> tuple[pl.DataFrame, int]:
    """Registered users with hours until their first visit and until the end, and how many visitors are not on the list."""
    registrations = table_of(registrations, who, ["wiki", "user", "registered", *names], parameter="registrations")
    if not registrations.schema["registered"].is_temporal():
        raise errors.not_allowed("registrations", "registered as text or number", "has times in `registered` [UTC]")
    if not registrations.schema["user"].is_integer():
        raise errors.not_allowed(
            "registrations", "users that are no numbers", "has users as measure.known_users makes them"
        )
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
        .sort("registered", *(name for name in names if name != "registered"))
        .unique(["wiki", "user"], keep="first")
    )
    if until is not None and not isinstance(until, datetime):
        raise errors.not_allowed("until", until, "is a time in UTC, such as datetime(2019, 6, 1, tzinfo=UTC)")
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    end = until.timestamp() * 1000 if until is not None else visit_order(frame)["ms"].max() or 0
    first = visits.select("wiki", pl.col("user").cast(listed.schema["user"]), first_ms="ms")
    start = pl.col("registered").dt.epoch("ms")
    users = listed.join(first, on=["wiki", "user"], how="left").with_columns(
        wait_h=((pl.col("first_ms") - start) / HOUR_MS).clip(0).round(6), followed_h=((end - start) / HOUR_MS).round(6),
        before=(pl.col("first_ms") < start).fill_null(value=False),
    )  # fmt: skip
    return users, first.join(listed, on=["wiki", "user"], how="anti").height
