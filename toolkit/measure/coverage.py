"""Coverage: which visits have module events and which have none, and which module events have no visit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import narwhals as nw
import polars as pl

from toolkit import errors, rates
from toolkit.measure.collected import collected
from toolkit.measure.given import rows_of, table_of
from toolkit.measure.redirects import redirects, same_numbers
from toolkit.measure.tally import dimensions
from toolkit.measure.user_clusters import (
    ENDLESS,
    clustered_shares,
    freedoms,
    in_clusters,
    summed,
    together_freedom,
    two_sided,
)
from toolkit.measure.visits import VISIT, visit_order

TOKEN = "homepage_pageview_token"  # noqa: S105 - the name of a column
DAYS = {"hour": "1h", "day": "1d", "week": "1w"}
SEVERAL = "(several)"
RESULT = (
    "unit", "weight", "n", "visits", "with_events", "without_events", "redirects", "share", "share_low", "share_high", "n_eff",
    "events_only", "events_only_share", "events_only_low", "events_only_high", "platform_differs", "events_without_token", "level",
    "difference", "p_value", "p_adjusted", "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (*RESULT, "here", "there", "ms", "user", "visit", "key", "module_user", "module_ms", "module_platform")
LOST = "JavaScript off, blocked, or left before the scripts ran"
NO_MATCH = "no visit is in both tables: were both loaded with the same key, from the same period?"


def coverage(
    modules: Any,
    visits: Any,
    *,
    by: str | Sequence[str] | None = ("wiki", "platform", "day"),
    compare: str | None = None,
    users: pl.DataFrame | None = None,
    alpha: float = 0.05,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Ledger of both tables: visits with module events, visits without, and module events without a visit.

    Visits are joined by (wiki, visit): by the number that a key makes of wiki and page view token, or by the token
    itself where both tables were loaded with `keep="homepage_pageview_token"`; never by the token alone.

    Parameters
    ----------
    modules : frame
        Rows of `load.homepage_modules`.
    visits : frame
        Rows of `load.homepage_visits`, loaded with the same `key`.
    by : str or list of str
        Split by these columns: of the visits, or of `users`, or of the module events if a user has but one value
        there (`variant`). A visit keeps the platform and the day that the server saw; module events without a visit
        have their own. `hour`, `day`, `week` are made of the time. [UTC]
    compare : str, optional
        A column of `by` whose values are compared, such as `variant`: does coverage differ between them?
    users : pl.DataFrame, optional
        Columns wiki, user and others for `by`, one row per user; of several the first in the order of their values.
    alpha : float
        What `p_adjusted` must be below for the note to warn. [0 to 1]
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination of `by`:

        - unit (in words); weight: 1, every event is logged; n: visits known from either table
        - visits: rows of HomepageVisit, each token once = with_events + without_events
        - share, share_low, share_high: with_events / visits [0 to 1]; n_eff; level
        - redirects: those without events that follow a click on the tutorial of the same user within seconds, before
          2019-07-04: the click itself was logged as a visit, which nobody saw; counted in without_events
        - events_only: visits of which only module events are there (the visit's event was lost or refused);
          events_only_share, events_only_low, events_only_high: of n [0 to 1]
        - platform_differs: visits whose two tables name different platforms
        - events_without_token: module events that belong to no visit (Special:Impact in spring 2025); in no other number
        - difference, p_value, p_adjusted: where `compare` is given: share minus that of the other values together; a
          two-sided test of it; Holm's adjustment over all rows
        - first_dt, last_dt: of the visits [UTC]
        - note: a warning where shares per visit compare unlike visits, or where nothing matches

    Raises
    ------
    ToolkitError
        If columns are missing, or if the loads number their visits apart: a visit has the number 0 in each, and they
        are not the same. Which key made a hash cannot be told: two keys look like two tables without a common visit,
        and the note says so.

    Notes
    -----
    Intervals and tests take the variance between users, for who has no JavaScript has it in no visit, and Student's t. Users of whom no
    module event is known have no value of a column that only module events have; they are `null` there, so that a
    comparison by it is one of users with at least one event. Give `users` if the assignment is known.

    Examples
    --------
    >>> modules = pl.DataFrame({"wiki": "cswiki", "user": [1, 3], "visit": [1, 9], "ms": 5, "platform": "desktop"})
    >>> visits = pl.DataFrame({"wiki": "cswiki", "user": [1, 2], "visit": [1, 2], "ms": 0, "is_mobile": False})
    >>> coverage(modules, visits, by="platform").select("visits", "with_events", "without_events", "events_only", "share").rows()
    [(2, 1, 1, 1, 0.5)]
    """
    rates.check("level", level)
    rates.check("alpha", alpha)
    names = dimensions(by, RESERVED)
    if compare is not None and compare not in names:
        raise errors.bad_choice("compare", compare, names or ["a column of by"])
    sides = matched(modules, visits, by=names, users=users)
    keys, events = sides.filter("is_visit"), sides.filter(pl.col("is_visit").is_null())
    known = keys.filter(pl.col("here"))
    share = clustered_shares(known, by=names, of="there", level=level)
    share = share.rename({"n": "visits", "total": "with_events"}).drop("users", "design_effect")
    share = _joined(share, freedoms(in_clusters(known, names, "there"), by=names), names)
    only = clustered_shares(keys, by=names, of="only", level=level).select(
        *names,
        "n",
        events_only="total",
        events_only_share="share",
        events_only_low="share_low",
        events_only_high="share_high",
    )
    counted = summed(
        keys,
        names,
        without_events=(pl.col("here") & ~pl.col("there")).sum().cast(pl.Int64),
        redirects=pl.col("redirect").sum().cast(pl.Int64),
        platform_differs=pl.col("differs").sum().cast(pl.Int64),
        first_dt=pl.from_epoch(pl.col("ms").min(), time_unit="ms").dt.replace_time_zone("UTC"),
        last_dt=pl.from_epoch(pl.col("ms").max(), time_unit="ms").dt.replace_time_zone("UTC"),
    )
    found = _joined(_joined(counted, share, names), only, names)
    leaked = summed(events, names, events_without_token=pl.col("events").sum())
    nothing = (
        not keys.select((pl.col("here") & pl.col("there")).any()).item() and keys["only"].any() and keys["here"].any()
    )
    whole = _joined(found, leaked, names, how="full").with_columns(
        pl.col(
            "visits",
            "n",
            "with_events",
            "without_events",
            "redirects",
            "events_only",
            "platform_differs",
            "events_without_token",
        ).fill_null(0),
        unit=pl.lit(VISIT),
        weight=pl.lit("1"),
        level=pl.lit(level),
        n_eff=pl.col("n_eff").fill_null(0.0),
    )
    compared = _compared(whole, names, compare)
    warning = pl.format(
        "coverage differs between values of {}: shares per visit compare unlike visits", pl.lit(compare or "")
    )
    note = (
        pl.when(pl.lit(value=nothing)).then(pl.lit(NO_MATCH))
        .when(pl.col("worst") < alpha).then(warning)
        .when(pl.col("visits") == 0).then(pl.lit("no visit was logged here; only module events were"))
    )  # fmt: skip
    return compared.with_columns(note=note).sort(names or ["n"], nulls_last=True).select(*names, *RESULT)


def matched(
    modules: Any, visits: Any, *, by: str | Sequence[str] | None = (), users: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Visits of both tables, one row each, with which of them has it.

    Parameters
    ----------
    modules, visits, by, users
        See `coverage`.

    Returns
    -------
    pl.DataFrame
        wiki, user, visit (the token where both tables have it), ms, those of `by`; here (in the table of visits), there (has module events), only
        (module events only), differs (in platform), redirect, is_visit (null for the events without a token, which
        are one row for each combination of `by` with their number in `events`).

    Examples
    --------
    >>> modules = pl.DataFrame({"wiki": "cswiki", "user": [1, 3], "visit": [1, 9], "ms": 5, "platform": "desktop"})
    >>> visits = pl.DataFrame({"wiki": "cswiki", "user": [1], "visit": [1], "ms": 0, "is_mobile": False})
    >>> matched(modules, visits).select("visit", "here", "there", "only").sort("visit").rows()
    [(1, True, True, False), (9, False, True, True)]
    """
    names = dimensions(
        by, ["ms", "user", "visit", "events", "here", "there", "only", "differs", "redirect", "is_visit"]
    )
    needed = ["wiki", "user", "visit", "ms"]
    events = rows_of(modules, "coverage", needed, parameter="modules")
    pages = rows_of(visits, "coverage", needed, parameter="visits")
    has_events, has_pages = (frame.collect_schema().names() for frame in (events, pages))
    if TOKEN in has_events and TOKEN in has_pages:
        events, pages = (frame.with_columns(visit=nw.col(TOKEN)) for frame in (events, pages))
        user = {"user": nw.col("user_id")} if "user_id" in has_events and "user_id" in has_pages else {}
        events, pages = (frame.with_columns(**user) for frame in (events, pages))
    else:
        same_numbers(modules, visits)
    own = [name for name in names if name in has_events and name not in {"wiki", "user", "visit"}]
    more = list(dict.fromkeys([*own, *(name for name in ("platform",) if name in has_events)]))
    loose = _with_days(
        collected(
            events.filter(nw.col("visit").is_null()).group_by("wiki", *more, "ms").agg(events=nw.len().cast(nw.Int64))
        )
    )
    there = collected(
        events.filter(~nw.col("visit").is_null()).group_by("wiki", "visit").agg(
            nw.col("user").min().alias("module_user"), nw.col("ms").min().alias("module_ms"), *(nw.col(name).min().alias(f"module_{name}") for name in more)
        )
    )  # fmt: skip
    here = visit_order(pages.to_native()).drop("dt", "order", "place", "tied", "since_first_s", "since_before_s")
    extra = [name for name in names if name in has_pages and name not in here.columns]
    if extra:
        told = collected(pages.group_by("wiki", "visit").agg(*(nw.col(name).min() for name in extra)))
        here = here.join(told, on=["wiki", "visit"], how="left")
    here = here.with_columns(here=pl.lit(value=True))
    both = here.join(there.with_columns(there=pl.lit(value=True)), on=["wiki", "visit"], how="full", coalesce=True)
    both = both.with_columns(
        pl.col("here", "there").fill_null(value=False),
        user=pl.coalesce("user", "module_user"),
        ms=pl.coalesce("ms", "module_ms"),
    )
    if "module_platform" in both.columns:
        platform = pl.col("platform") if "platform" in here.columns else pl.lit(None, dtype=pl.String)
        differs = (platform != pl.col("module_platform")).fill_null(value=False)
        both = both.with_columns(differs=differs, platform=pl.coalesce(platform, "module_platform"))
    else:
        both = both.with_columns(differs=pl.lit(value=False))
    both = _with_days(both)
    both = _of_users(both, names, [name for name in own if name not in here.columns and name != "platform"], users)
    both = both.with_columns(only=~pl.col("here"), redirect=redirects(both, events, has_events))
    have = [name for name in both.columns if not name.startswith("module_")]
    if missing := [name for name in names if name not in have]:
        raise errors.missing_columns("measure.coverage", missing, have)
    columns = list(dict.fromkeys(["wiki", "user", "visit", "ms", *names]))
    one = both.with_columns(is_visit=pl.lit(value=True)).select(
        *columns, "here", "there", "only", "differs", "redirect", "is_visit"
    )
    return pl.concat(
        [one, loose.select([name for name in [*columns, "events"] if name in loose.columns])], how="diagonal"
    )


def _of_users(
    both: pl.DataFrame, names: Sequence[str], of_events: Sequence[str], users: pl.DataFrame | None
) -> pl.DataFrame:
    """Visits with what is known of their users: from a list, or from their module events if these agree."""
    key = ["wiki", "user"]
    if users is not None:
        users = table_of(users, "coverage", key, parameter="users")
        wanted = [name for name in names if name in users.columns and name not in key]
        both = both.drop([name for name in wanted if name in both.columns])
        listed = users.select(*key, *wanted).sort(*key, *wanted, nulls_last=True)
        return both.join(listed.unique(key, keep="first"), on=key, how="left")
    for name in of_events:
        value = pl.col(f"module_{name}")
        one = pl.when(value.n_unique() == 1).then(value.first()).when(value.n_unique() > 1).then(pl.lit(SEVERAL))
        per = both.filter(value.is_not_null(), pl.col("user").is_not_null()).group_by(key).agg(one.alias(name))
        both = both.join(per, on=key, how="left").with_columns(pl.coalesce(name, f"module_{name}").alias(name))
    return both


def _compared(table: pl.DataFrame, names: Sequence[str], compare: str | None) -> pl.DataFrame:
    """Each value's share against that of the other values of its stratum, with Holm's adjustment over all tests."""
    if compare is None:
        none = pl.lit(None, dtype=pl.Float64)
        return table.with_columns(difference=none, p_value=none, p_adjusted=none, worst=none)
    strata = [name for name in names if name != compare]
    stratum = pl.struct(strata) if strata else pl.lit(0)
    usable = (pl.col("visits") > 0) & pl.col(compare).is_not_null()
    part, whole, eff = (pl.when(usable).then(name).otherwise(0) for name in ("with_events", "visits", "n_eff"))
    all_part, all_whole, all_eff = (some.sum().over(stratum) for some in (part, whole, eff))
    others = pl.when(usable & (all_whole > whole)).then((all_part - part) / (all_whole - whole))
    pooled = all_part / all_whole
    own_spread, their_spread = pooled * (1 - pooled) / eff, pooled * (1 - pooled) / (all_eff - eff)
    free = pl.when(usable).then(pl.col("freedom").fill_null(ENDLESS)).otherwise(0)
    freedom = together_freedom((own_spread, free), (their_spread, free.sum().over(stratum) - free))
    tested = table.with_columns(
        difference=pl.col("share") - others, spread=(own_spread + their_spread).sqrt(), freedom=freedom
    )
    z = pl.when(pl.col("spread") > 0).then(pl.col("difference").abs() / pl.col("spread")).otherwise(0.0)
    tested = tested.with_columns(
        p_value=pl.when(pl.col("difference").is_not_null()).then(two_sided(z, "freedom")),
        # two values make one test, which is seen from both sides
        test=pl.when(usable.sum().over(stratum) > 2).then(pl.int_range(pl.len())).otherwise(-1),  # noqa: PLR2004
        stratum=stratum,
    )
    one = pl.col("p_value").min().over("stratum", "test")  # to the last digit
    tested = tested.with_columns(p_value=pl.when(pl.col("p_value").is_not_null()).then(one))
    tests = tested.filter(pl.col("p_value").is_not_null()).group_by("stratum", "test").agg(pl.col("p_value").min())
    ranked = tests.sort("p_value")
    left = pl.len() - pl.int_range(pl.len())
    adjusted = ranked.with_columns(p_adjusted=(pl.col("p_value") * left).cum_max().clip(0, 1)).drop("p_value")
    joined = tested.join(adjusted, on=["stratum", "test"], how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(
        p_adjusted=pl.when(pl.col("p_value").is_not_null()).then("p_adjusted"),
        worst=pl.col("p_adjusted").min().over("stratum"),
    )


def _joined(
    left: pl.DataFrame, right: pl.DataFrame, names: Sequence[str], how: Literal["left", "full"] = "left"
) -> pl.DataFrame:
    """Two tables of the same groups side by side; without groups each has one row."""
    if not names:
        return pl.concat([left, right], how="horizontal")
    return left.join(right, on=list(names), how=how, nulls_equal=True, coalesce=True)


def _with_days(table: pl.DataFrame) -> pl.DataFrame:
    at = pl.from_epoch(pl.col("ms"), time_unit="ms").dt.replace_time_zone("UTC")
    return table.with_columns(at.dt.truncate(step).alias(name) for name, step in DAYS.items())
