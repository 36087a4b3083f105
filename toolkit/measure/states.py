"""States of modules: at the first visit and the last, from visit to visit, and how soon one is reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, rates, reference
from toolkit.measure.clock import with_browser_time
from toolkit.measure.collected import collected
from toolkit.measure.given import other_dimensions, rows_of
from toolkit.measure.reached import CURVE, reached_by
from toolkit.measure.redirects import LIKELY, likely, redirected
from toolkit.measure.tally import dimensions
from toolkit.measure.usage import in_utc
from toolkit.measure.user_clusters import shares_of_kinds
from toolkit.measure.visits import USER, each_visit, together

# a field of HomepageVisit tells the state of a module without any script
OF_VISIT = {
    "start_email_state": "start-email", "start_tutorial_state": "start-tutorial", "start_userpage_state": "start-userpage",
    "start_startediting_state": "start-startediting", "impact_module_state": "impact",
}  # fmt: skip
NOT_RENDERED = "notrendered"
SHARED = ("share", "share_low", "share_high", "n_eff", "level")
STATES = (
    "module", "state_first", "state_last", "unit", "weight", "n", "of", *SHARED, "visits", "tied", "first_dt", "last_dt", "note",
)  # fmt: skip
TRANSITIONS = (
    "module", "state", "state_next", "direction", "unit", "weight", "n", "of", *SHARED, "users", "median_h", "tied", "first_dt", "last_dt", "note",
)  # fmt: skip
TIED = "some visits of one user have the same time; their order is that of the states"
INSIDE = ("ms", "at", "until", "state", "state_end", "rank", "rank_end", "place")  # of `module_states`, beside `by`
SEEN = "dated by the first visit that shows the state; it was reached between that visit and the one before"


def module_states(frame: Any, *, modules: Any = None, by: str | Sequence[str] | None = ()) -> pl.DataFrame:
    """State of each module in each visit, at its beginning and at its end.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`; or of `load.homepage_visits`, whose states the server saw in every visit,
        scripts or not.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key, for rows of `load.homepage_visits`: visits that are
        redirects are left out then, see `visits.visit_order`.
    by : str or list of str
        Further columns to keep, one value for each visit.

    Returns
    -------
    pl.DataFrame
        One row for each visit and module that has a state: wiki, user, visit, module, those of `by`, ms (first event),
        state (at the beginning), state_end, rank and rank_end (0 for the lowest), place (1 for the user's first visit
        with this module), tied (another visit of the user has the same time).

    Notes
    -----
    The state is set when the page is made; only suggested edits can change it within a visit. Of events with one time
    stamp the lower state comes first.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": [1, 2], "module": "start-email", "state": ["noemail", "confirmed"],
    ...                      "ms": [0, 9]})
    >>> module_states(rows).select("visit", "state", "rank", "place").rows()
    [(1, 'noemail', 0, 1), (2, 'confirmed', 2, 2)]
    """
    rows = rows_of(frame, "module_states", ["wiki", "user", "visit", "ms"])
    have = rows.collect_schema().names()
    names = [name for name in dimensions(by, [*INSIDE, "tied"]) if name not in {"wiki", "user", "visit", "module"}]
    rows_of(frame, "module_states", names)
    known = rows.filter(~nw.col("visit").is_null(), ~nw.col("user").is_null())
    keys = ["wiki", "user", "visit", "module"]
    told = [nw.col(name).min() for name in names]
    if "module" in have and "state" in have:
        some = with_browser_time(known).filter(~nw.col("state").is_null())
        times = [nw.col("ms").min(), nw.col("at").min(), nw.col("at").max().alias("until")]
        seen = collected(some.group_by(*keys, "state").agg(*told, *times))
    else:
        fields = [name for name in OF_VISIT if name in have]
        if not fields:
            raise errors.missing_columns("measure.module_states", ["module", "state"], have)
        wide = collected(known.group_by("wiki", "user", "visit", "ms", *fields).agg(*told))
        seen = (
            wide.unpivot(
                fields, index=["wiki", "user", "visit", "ms", *names], variable_name="module", value_name="state"
            )
            .with_columns(pl.col("module").replace_strict(OF_VISIT))
            .filter(pl.col("state").is_not_null(), pl.col("state") != NOT_RENDERED)
            .with_columns(at=pl.col("ms"), until=pl.col("ms"))
        )
    if modules is not None:
        each = _each_visit(frame)
        seen = seen.join(each.filter(redirected(each, modules)), on=["wiki", "visit"], how="anti")
    ranked = seen.with_columns(rank=pl.col("state").replace_strict(ranks(), default=None, return_dtype=pl.Int64))
    told_first = [*(pl.col(name).min() for name in names), pl.col("ms").min(), pl.col("state", "rank").first()]
    first = ranked.sort(*keys, "at", "rank", "state").group_by(keys, maintain_order=True).agg(told_first)
    last = ranked.sort(*keys, "until", "rank", "state").group_by(keys, maintain_order=True).agg(
        state_end=pl.col("state").last(), rank_end=pl.col("rank").last()
    )  # fmt: skip
    ends = first.join(last, on=keys, how="left")
    own = ["wiki", "user", "module"]
    return ends.sort(*own, "ms", "rank", "rank_end", *names, "visit").with_columns(
        place=pl.int_range(1, pl.len() + 1).over(own), tied=pl.len().over(*own, "ms") > 1
    )


def states(
    frame: Any, *, modules: Any = None, by: str | Sequence[str] | None = (), level: float = rates.LEVEL
) -> pl.DataFrame:
    """State of each module at a user's first and last visit.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`, or of `load.homepage_visits`.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key, for rows of `load.homepage_visits`: visits that are
        redirects are left out then, see `visits.visit_order`.
    by : str or list of str
        Split by these columns, as they were at the user's first visit.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each module (and `by`) one row per pair of states: module, state_first, state_last; unit, weight; n (users);
        of (users with that first state); share, share_low, share_high (n / of [0 to 1], Wilson's interval); n_eff,
        level; visits (of these users, with the module); tied (users whose first or last visit has the time of another
        one); first_dt, last_dt [UTC]; note (redirects that were left out, or that may be among the visits). A user with
        one visit is first and last at once.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "module": "impact",
    ...                      "state": ["unactivated", "activated", "unactivated"], "ms": [0, 9, 4]})
    >>> states(rows).select("state_first", "state_last", "n", "share").rows()
    [('unactivated', 'unactivated', 1, 0.5), ('unactivated', 'activated', 1, 0.5)]
    """
    names = other_dimensions(by, [*STATES, *INSIDE])
    visits = module_states(frame, modules=modules, by=names)
    own = list(dict.fromkeys(["wiki", "user", "module"]))
    users = visits.sort(*own, "place").group_by(own, maintain_order=True).agg(
        *(pl.col(name).first() for name in names if name not in own),
        state_first=pl.col("state").first(), state_last=pl.col("state_end").last(),
        visits=pl.len().cast(pl.Int64), tied=pl.col("tied").first() | pl.col("tied").last(),
        start=pl.col("ms").first(), end=pl.col("ms").last(),
    )  # fmt: skip
    keys = [*names, "module", "state_first"]
    found = shares_of_kinds(users, kind="state_last", by=keys, level=level)
    more = users.group_by(*keys, "state_last").agg(
        pl.col("visits").sum(), pl.col("tied").sum().cast(pl.Int64), first_dt=in_utc(pl.col("start").min()), last_dt=in_utc(pl.col("end").max())
    )  # fmt: skip
    return (
        _said(found.join(more, on=[*keys, "state_last"], how="left", nulls_equal=True), USER, level)
        .with_columns(note=together(pl.col("note"), _of_redirects(frame, modules)))
        .sort(*names, "module", _rank("state_first"), _rank("state_last"), "state_first", "state_last")
        .select(*names, *STATES)
    )


def transitions(
    frame: Any, *, modules: Any = None, by: str | Sequence[str] | None = (), level: float = rates.LEVEL
) -> pl.DataFrame:
    """What becomes of a module's state from one visit of a user to the next.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`, or of `load.homepage_visits`.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key, for rows of `load.homepage_visits`: visits that are
        redirects are left out then, see `visits.visit_order`.
    by : str or list of str
        Split by these columns, as they were at the earlier visit.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each module (and `by`) one row per pair of states: module, state, state_next; direction (`same`, `forward`,
        `backward`: an address removed, a page deleted; data, no error); unit, weight; n (pairs of visits, one after
        the other); of (pairs from that state); share, share_low, share_high (n / of [0 to 1], with the variance between
        users), n_eff, level; users; median_h (between the two visits [hours]); tied (pairs with one time stamp);
        first_dt, last_dt [UTC]; note (redirects that were left out, or that may be among the visits).

    Notes
    -----
    A change within a visit (suggested edits) stands between the states at the beginning of this visit and of the next.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": [1, 2, 3], "module": "start-email",
    ...                      "state": ["noemail", "unconfirmed", "noemail"], "ms": [0, 9, 20]})
    >>> transitions(rows).select("state", "state_next", "direction", "n").rows()
    [('noemail', 'unconfirmed', 'forward', 1), ('unconfirmed', 'noemail', 'backward', 1)]
    """
    names = other_dimensions(by, [*TRANSITIONS, *INSIDE])
    own = ["wiki", "user", "module"]
    later = [pl.col(name).shift(-1).over(own).alias(f"{name}_next") for name in ("state", "rank", "ms")]
    pairs = (
        module_states(frame, modules=modules, by=names)
        .sort(*own, "place")
        .with_columns(later)
        .filter(pl.col("ms_next").is_not_null())
    )
    step = pl.col("rank_next") - pl.col("rank")
    direction = (
        pl.when(pl.col("state") == pl.col("state_next")).then(pl.lit("same"))
        .when(step > 0).then(pl.lit("forward")).when(step < 0).then(pl.lit("backward")).otherwise(pl.lit("unknown state"))
    )  # fmt: skip
    keys = [*names, "module", "state"]
    found = shares_of_kinds(pairs, kind="state_next", by=keys, level=level).drop("users")
    more = pairs.with_columns(direction=direction).group_by(*keys, "state_next").agg(
        pl.col("direction").first(),
        users=pl.struct("wiki", "user").n_unique().cast(pl.Int64),
        median_h=((pl.col("ms_next") - pl.col("ms")) / 3_600_000).median().round(6),
        tied=(pl.col("ms") == pl.col("ms_next")).sum().cast(pl.Int64),
        first_dt=in_utc(pl.col("ms").min()), last_dt=in_utc(pl.col("ms_next").max()),
    )  # fmt: skip
    return (
        _said(
            found.join(more, on=[*keys, "state_next"], how="left", nulls_equal=True),
            "pair of visits, one after the other",
            level,
        )
        .with_columns(note=together(pl.col("note"), _of_redirects(frame, modules)))
        .sort(*names, "module", _rank("state"), _rank("state_next"), "state", "state_next")
        .select(*names, *TRANSITIONS)
    )


def waits_for_state(
    frame: Any, *, module: str, state: str, modules: Any = None, by: str | Sequence[str] | None = ()
) -> pl.DataFrame:
    """Time from a user's first visit until a module is seen in a state, or until the last visit where it never is.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`, or of `load.homepage_visits`.
    module, state : str
        Such as `start-email` and `confirmed`; a higher state counts as reached too.
    modules : frame, optional
        Rows of `load.homepage_modules` made with the same key, for rows of `load.homepage_visits`: visits that are
        redirects are left out then, see `visits.visit_order`. A user is then not watched until a redirect, nor is a
        state dated by one.
    by : str or list of str
        Further columns to keep, as they were at the user's first visit.

    Returns
    -------
    pl.DataFrame
        One row for each user who was not there yet at the first visit: wiki, user, those of `by`; reached; wait_h (until
        it was seen, else until the last visit: censored) and wait_low_h (until the visit before: it was reached
        between the two) [hours]. What an estimate for censored times takes.

    Raises
    ------
    ToolkitError
        If the module is never in that state.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "module": "impact",
    ...                      "state": ["unactivated", "activated", "unactivated"], "ms": [0, 7_200_000, 4]})
    >>> waits_for_state(rows, module="impact", state="activated").select("user", "reached", "wait_low_h", "wait_h").rows()
    [(1, True, 0.0, 2.0), (2, False, 0.0, 0.0)]
    """
    return _waits(frame, module, state, modules, by).drop("first_ms", "last_ms")


def _waits(frame: Any, module: str, state: str, modules: Any, by: str | Sequence[str] | None) -> pl.DataFrame:
    """Rows of `waits_for_state` with the first and the last visit of each user. [ms]"""
    possible = possible_states()
    if module not in possible:
        raise errors.not_found("module", str(module), "toolkit/tables/module.csv", possible)
    if state not in possible[module]:
        raise errors.bad_choice("state", state, possible[module] or ["no state at all"])
    names = [
        name
        for name in other_dimensions(by, ["reached", "wait_h", "wait_low_h", "first_ms", "last_ms", *INSIDE])
        if name not in {"wiki", "user", "module"}
    ]
    visits = module_states(frame, modules=modules, by=names).filter(pl.col("module") == module)
    goal = ranks()[state]
    there = pl.col("rank") >= goal
    own = ["wiki", "user"]
    # a change within a visit is reached within it, and the visit's first event is all that is known of when
    end_there = pl.col("rank_end") >= goal
    users = visits.sort(*own, "place").group_by(own, maintain_order=True).agg(
        *(pl.col(name).first() for name in names),
        pl.col("rank").first(), start=pl.col("ms").first(), last=pl.col("ms").last(),
        seen=pl.col("ms").filter(there | end_there).first(),
        before=pl.col("ms").filter(~(there | end_there)).first(),
        until=pl.col("ms").filter((there | end_there).cum_sum() == 0).last(),
    )  # fmt: skip
    hours = [((pl.col(name) - pl.col("start")) / 3_600_000).round(6).alias(name) for name in ("seen", "last", "until")]
    return (
        users.filter(pl.col("rank") < goal)
        .with_columns(first_ms="start", last_ms="last")
        .with_columns(hours)
        .with_columns(reached=pl.col("seen").is_not_null(), wait_h=pl.coalesce("seen", "last"))
        .with_columns(wait_low_h=pl.when("reached").then(pl.col("until").fill_null(0.0)).otherwise("last"))
        .sort(own)
        .select(*own, *names, "reached", "wait_low_h", "wait_h", "first_ms", "last_ms")
    )


def time_to_state(
    frame: Any,
    *,
    module: str,
    state: str,
    modules: Any = None,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Share of users whom a visit has shown in a state of a module, by the time since their first visit.

    Parameters
    ----------
    frame, module, state, modules, by
        See `waits_for_state`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each combination of `by` one row per time, in order: module, state; unit, weight; n (users who were not there
        at the first visit); time_h [hours]; at_risk, events, censored (users whose last visit it is); share, share_low, share_high
        (whom a visit has shown in the state by then [0 to 1], the product-limit estimate), level; first_dt,
        last_dt (first and last visit of these users [UTC]); note.

    Notes
    -----
    The time is that until the state is seen, which is later than when it was reached: for each user the two ends stand in
    `waits_for_state`. Dating all by the earlier end gives no lower curve, for who is still watched then differs.

    A user is watched until the last visit. Whoever stops coming may have stopped because of the state, or may never
    reach it: the estimate takes those who left to be like those who stayed.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2, 2], "visit": [1, 2, 3, 4], "module": "impact",
    ...                      "state": ["unactivated", "activated", "unactivated", "unactivated"], "ms": [0, 7_200_000, 0, 9_000_000]})
    >>> time_to_state(rows, module="impact", state="activated").select("time_h", "share").rows()
    [(2.0, 0.5), (2.5, 0.5)]
    """
    rates.check("level", level)
    names = [
        name for name in other_dimensions(by, [*CURVE, *INSIDE, "wait_h", "wait_low_h", "reached"]) if name != "user"
    ]
    each = _waits(frame, module, state, modules, names)
    found = reached_by(each, time="wait_h", event="reached", by=names, level=level, note=SEEN).with_columns(
        module=pl.lit(module), state=pl.lit(state), note=together(pl.col("note"), _of_redirects(frame, modules)),
        first_dt=in_utc(pl.lit(each["first_ms"].min(), dtype=pl.Int64)), last_dt=in_utc(pl.lit(each["last_ms"].max(), dtype=pl.Int64)),
    )  # fmt: skip
    return found.select(*names, "module", "state", *CURVE)


def possible_states() -> dict[str, list[str]]:
    """States of each module, from the first step to the last.

    Examples
    --------
    >>> possible_states()["start-email"]
    ['noemail', 'unconfirmed', 'confirmed']
    """
    return {
        name: (some or "").split() for name, some in reference.table("module").select("module", "states").iter_rows()
    }


def ranks() -> dict[str, int]:
    """Rank of each state among those of its kind, 0 for the lowest.

    Examples
    --------
    >>> ranks()["unconfirmed"], ranks()["complete"]
    (1, 1)
    """
    return {state: int(rank) for state, rank in reference.table("state").select("state", "rank").iter_rows()}


def _said(table: pl.DataFrame, unit: str, level: float) -> pl.DataFrame:
    """Shares of `user_clusters` in the columns of this room."""
    note = pl.when(pl.col("tied") > 0).then(pl.lit(TIED))
    return table.rename({"n": "of", "total": "n"}).with_columns(
        unit=pl.lit(unit), weight=pl.lit("1"), level=pl.lit(level), note=note
    )


def _each_visit(frame: Any) -> pl.DataFrame:
    """Visits with what tells a redirect."""
    return collected(each_visit(frame)).select("wiki", "user", "visit", "ms", pl.col("^referer_route$"))


def _of_redirects(frame: Any, modules: Any) -> pl.Expr:
    """How many redirects were left out; that there may be some, where none could be told."""
    if "module" in rows_of(frame, "states").collect_schema().names():  # a redirect has no module event
        return pl.lit(None, dtype=pl.String)
    each = _each_visit(frame)
    if modules is None:
        again = each.filter(pl.col("ms") > pl.col("ms").min().over("wiki", "user"))
        return pl.lit(LIKELY if likely(again) else None, dtype=pl.String)
    return pl.format("redirects left out: {} visits", redirected(each, modules).sum())


def _rank(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(ranks(), default=None, return_dtype=pl.Int64)
