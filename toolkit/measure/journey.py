"""Journeys: the states of modules from visit to visit, the way between modules within a visit, and what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, errors, rates, reference
from toolkit.measure.clock import with_browser_time
from toolkit.measure.collected import collected
from toolkit.measure.redirects import LIKELY, likely, redirected
from toolkit.measure.tally import as_frame, dimensions
from toolkit.measure.usage import click_actions
from toolkit.measure.user_clusters import check_level
from toolkit.measure.visits import (
    CURVE,
    USER,
    VISIT,
    checked,
    each_visit,
    reached_by,
    shares_of_kinds,
    shares_of_sums,
    together,
)

# the order of states; which module can be in which stands in tables/module.csv
LADDERS = (("noemail", "unconfirmed", "confirmed"), ("incomplete", "complete"), ("unactivated", "activated"))
RANK = {state: rank for ladder in LADDERS for rank, state in enumerate(ladder)}
# a field of HomepageVisit tells the state of a module without any script
OF_VISIT = {
    "start_email_state": "start-email", "start_tutorial_state": "start-tutorial", "start_userpage_state": "start-userpage",
    "start_startediting_state": "start-startediting", "impact_module_state": "impact",
}  # fmt: skip
NOT_RENDERED = "notrendered"
START, END = "(start)", "(end)"
IN_VISIT = ("wiki", "user", "visit")
PLACED = ("module", "at", "ms", "k", "group", "before", "last")
ARTICLE_LINKS = ["impact-article-title", "impact-article-image", "impact-pageviews"]
SHARED = ("share", "share_low", "share_high", "n_eff", "level")
STATES = (
    "module",
    "state_first",
    "state_last",
    "unit",
    "weight",
    "n",
    "of",
    *SHARED,
    "visits",
    "tied",
    "first_dt",
    "last_dt",
    "note",
)
TRANSITIONS = (
    "module", "state", "state_next", "direction", "unit", "weight", "n", "of", *SHARED, "users", "median_h", "tied", "first_dt", "last_dt", "note",
)  # fmt: skip
FLOWS = (
    "from_module",
    "to_module",
    "unit",
    "weight",
    "n",
    "n_low",
    "n_high",
    "of",
    *SHARED,
    "users",
    "first_dt",
    "last_dt",
    "note",
)
STEPS = ("step", *FLOWS)
IMPOSSIBLE = (
    "rule", "module", "action", "state", "mode", "unit", "weight", "n", "of", *SHARED, "visits", "users", "first_dt", "last_dt", "note",
)  # fmt: skip
TIED = "some visits of one user have the same time; their order is that of the states"
SEEN = "dated by the first visit that shows the state; it was reached between that visit and the one before"
AT_ONCE = (
    "events with one time stamp have no known order: n counts each order as equally likely, n_low and n_high bound it"
)


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
    rows = as_frame(frame)
    have = checked(rows, "module_states", ["wiki", "user", "visit", "ms"])
    names = [name for name in dimensions(by) if name not in {"wiki", "user", "visit", "module"}]
    checked(rows, "module_states", names)
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
    ranked = seen.with_columns(rank=pl.col("state").replace_strict(RANK, default=None, return_dtype=pl.Int64))
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
    names = _names(by, STATES)
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
        pl.col("visits").sum(), pl.col("tied").sum().cast(pl.Int64), first_dt=_dt(pl.col("start").min()), last_dt=_dt(pl.col("end").max())
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
    names = _names(by, TRANSITIONS)
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
        first_dt=_dt(pl.col("ms").min()), last_dt=_dt(pl.col("ms_next").max()),
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


def waits_for_state(frame: Any, *, module: str, state: str, by: str | Sequence[str] | None = ()) -> pl.DataFrame:
    """Time from a user's first visit until a module is seen in a state, or until the last visit where it never is.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`, or of `load.homepage_visits`.
    module, state : str
        Such as `start-email` and `confirmed`; a higher state counts as reached too.
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
    possible = _possible()
    if module not in possible:
        raise errors.not_found("module", module, "toolkit/tables/module.csv", possible)
    if state not in possible[module]:
        raise errors.bad_choice("state", state, possible[module] or ["no state at all"])
    names = [name for name in _names(by, ["reached", "wait_h", "wait_low_h"]) if name not in {"wiki", "user", "module"}]
    visits = module_states(frame, by=names).filter(pl.col("module") == module)
    there = pl.col("rank") >= RANK[state]
    own = ["wiki", "user"]
    # a change within a visit is reached within it, and the visit's first event is all that is known of when
    end_there = pl.col("rank_end") >= RANK[state]
    users = visits.sort(*own, "place").group_by(own, maintain_order=True).agg(
        *(pl.col(name).first() for name in names),
        pl.col("rank").first(), start=pl.col("ms").first(), last=pl.col("ms").last(),
        seen=pl.col("ms").filter(there | end_there).first(),
        before=pl.col("ms").filter(~(there | end_there)).first(),
        until=pl.col("ms").filter((there | end_there).cum_sum() == 0).last(),
    )  # fmt: skip
    hours = [((pl.col(name) - pl.col("start")) / 3_600_000).round(6).alias(name) for name in ("seen", "last", "until")]
    return (
        users.filter(pl.col("rank") < RANK[state])
        .with_columns(hours)
        .with_columns(reached=pl.col("seen").is_not_null(), wait_h=pl.coalesce("seen", "last"))
        .with_columns(wait_low_h=pl.when("reached").then(pl.col("until").fill_null(0.0)).otherwise("last"))
        .sort(own)
        .select(*own, *names, "reached", "wait_low_h", "wait_h")
    )


def time_to_state(
    frame: Any, *, module: str, state: str, by: str | Sequence[str] | None = (), level: float = rates.LEVEL
) -> pl.DataFrame:
    """Share of users whom a visit has shown in a state of a module, by the time since their first visit.

    Parameters
    ----------
    frame, module, state, by
        See `waits_for_state`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each combination of `by` one row per time, in order: unit, weight; n (users who were not there at the first
        visit); time_h [hours]; at_risk, events, censored (users whose last visit it is); share, share_low, share_high
        (whom a visit has shown in the state by then [0 to 1], the product-limit estimate), level; note.

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
    names = [name for name in _names(by, CURVE) if name != "user"]
    each = waits_for_state(frame, module=module, state=state, by=names)
    return reached_by(each, time="wait_h", event="reached", by=names, level=level, note=SEEN).select(*names, *CURVE)


def flows(
    frame: Any,
    *,
    actions: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """From which module to which within a visit: the transition matrix.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`.
    actions : str or list of str, optional
        What counts as being at a module: clicks (see `usage.module_click_counts`), unless given; `hover-in` for the way
        of the pointer until 2020-04.
    by : str or list of str
        Split by these columns; a visit has the smallest of its values there.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each from_module (`(start)`: the visit begins) one row per to_module (`(end)`: nothing follows): unit,
        weight; n (transitions; expected, where events have one time stamp), n_low and n_high (the fewest and the most there can be);
        of (transitions from there); share, share_low, share_high (n / of [0 to 1], with the variance between users),
        n_eff, level; users; first_dt, last_dt [UTC]; note. Several events of a module with one time stamp are one.

    Notes
    -----
    Modules with one time stamp have no order. Each order is then equally likely, which makes n independent of the
    order of rows; n_low and n_high are the fewest and the most that an order of a visit has, added over the visits.

    Raises
    ------
    ToolkitError
        If columns are missing, an action is not known, or `by` names the module.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": ["impact", "help"], "action": "link-click", "ms": [0, 9]})
    >>> flows(rows).select("from_module", "to_module", "n", "share").rows()
    [('(start)', 'impact', 1.0, 1.0), ('help', '(end)', 1.0, 1.0), ('impact', 'help', 1.0, 1.0)]
    """
    check_level(level)
    names = _ways_by(by)
    at = _placed(frame, actions, names, "flows")
    moves = _moves(at)
    return _counted_moves(moves.drop("step"), _bounds(at, moves), names, level).select(*names, *FLOWS)


def steps(
    frame: Any,
    *,
    actions: str | Sequence[str] | None = None,
    most: int = 4,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """From which module to which, step by step from the beginning of the visit.

    Parameters
    ----------
    frame, actions, by, level
        See `flows`.
    most : int
        Steps to follow; what comes after them is left out.

    Returns
    -------
    pl.DataFrame
        As `flows` gives it, for each step: 1 is the way from the start to the first module. `of` counts the visits
        that are at from_module at that step.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": ["impact", "help"], "action": "link-click", "ms": [0, 9]})
    >>> steps(rows).select("step", "from_module", "to_module").rows()
    [(1, '(start)', 'impact'), (2, 'impact', 'help'), (3, 'help', '(end)')]
    """
    check_level(level)
    if most < 1:
        raise errors.not_allowed("most", most, "is a number of steps, 1 or more")
    names = _ways_by(by)
    moves = _moves(_placed(frame, actions, names, "steps")).filter(pl.col("step") <= most)
    low, high = pl.col("sure").cast(pl.Int64), pl.lit(1, dtype=pl.Int64)
    bounds = moves.select(*names, "step", "from_module", "to_module", low=low, high=high)
    return _counted_moves(moves, bounds, [*names, "step"], level).select(*names, *STEPS)


def impossible(frame: Any, *, by: str | Sequence[str] | None = (), level: float = rates.LEVEL) -> pl.DataFrame:
    """Events that the published code cannot send: combinations of module, action, state and layout, with the rule broken.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`.
    by : str or list of str
        Split by these columns.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination and rule, most frequent first: rule (a sentence), module, action, state, mode; unit
        (event), weight; n; of (all events); share, share_low, share_high (n / of [0 to 1], with the variance between
        users), n_eff, level; visits, users; first_dt, last_dt [UTC]; note. No row where all is well. An event that
        breaks two rules stands in two rows.

    Notes
    -----
    Dates are those of the change in the code, which reached the wikis up to a week later; events sent from a page that
    was open before are legal. A rule that is broken by few events near its date says no more than that.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "impact", "action": "impression",
    ...                      "state": ["complete", "activated"], "ms": 1_560_000_000_000})
    >>> impossible(rows).select("module", "state", "n", "of", "rule").rows()
    [('impact', 'complete', 1, 2, 'the module is never in this state')]
    """
    check_level(level)
    names = _names(by, IMPOSSIBLE)
    rows = as_frame(frame)
    have = checked(rows, "impossible", ["wiki", "user", "visit", "module", "action", "state", "ms", *names])
    more = [name for name in ("mode", "action_data", "edition") if name in have]
    keys = list(dict.fromkeys([*names, "wiki", "user", "visit", "module", "action", "state", *more]))
    day = 86_400_000
    # times within a day are as good as each other for a rule, and there are fewer of them
    days = rows.with_columns(ms_day=nw.col("ms") // day)
    table = collected(
        days.group_by(*keys, "ms_day").agg(nw.len().cast(nw.Int64).alias("n"), nw.col("ms").min().alias("first"), nw.col("ms").max().alias("last"))
    )  # fmt: skip
    table = table.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in ("mode", "action_data", "edition") if name not in have
    )
    day_of = pl.from_epoch(pl.col("ms_day"), time_unit="d")
    checks = table.with_columns(broken.fill_null(value=False).alias(rule) for rule, broken in _rules(day_of).items())
    broken = checks.filter(pl.any_horizontal(list(_rules(day_of)))).unpivot(
        list(_rules(day_of)), index=[*dict.fromkeys([*names, "wiki", "user", "visit"]), "module", "action", "state", "mode", "n", "first", "last"],
        variable_name="rule", value_name="is_broken",
    ).filter("is_broken")  # fmt: skip
    what = [*names, "rule", "module", "action", "state", "mode"]
    whole = table.group_by(names).agg(of=pl.col("n").sum()) if names else table.select(of=pl.col("n").sum())
    combos = broken.select(what).unique()
    own = list(dict.fromkeys([*names, "wiki", "user"]))
    per_user = table.group_by(own).agg(m=pl.col("n").sum())
    each = (
        per_user.join(combos, on=names, how="inner", nulls_equal=True) if names else per_user.join(combos, how="cross")
    )
    hit = broken.group_by(list(dict.fromkeys([*what, "wiki", "user"]))).agg(y=pl.col("n").sum())
    both = each.join(hit, on=list(dict.fromkeys([*what, "wiki", "user"])), how="left", nulls_equal=True).with_columns(
        pl.col("y").fill_null(0)
    )
    found = shares_of_sums(both, what, level).drop("n", "of")
    counts = broken.group_by(what).agg(
        pl.col("n").sum(),
        visits=pl.struct("wiki", "visit").filter(pl.col("visit").is_not_null()).n_unique().cast(pl.Int64),
        users=pl.struct("wiki", "user").filter(pl.col("user").is_not_null()).n_unique().cast(pl.Int64),
        first_dt=_dt(pl.col("first").min()), last_dt=_dt(pl.col("last").max()),
    )  # fmt: skip
    joined = counts.join(found, on=what, how="left", nulls_equal=True)
    joined = joined.join(whole, on=names, how="left", nulls_equal=True) if names else joined.join(whole, how="cross")
    return (
        joined.with_columns(
            unit=pl.lit("event"), weight=pl.lit("1"), level=pl.lit(level), note=pl.lit(None, dtype=pl.String)
        )
        .sort(
            *names,
            "n",
            "rule",
            "module",
            "action",
            "state",
            "mode",
            descending=[False] * len(names) + [True] + [False] * 5,
        )
        .select(*names, *IMPOSSIBLE)
    )


def _rules(day: pl.Expr) -> dict[str, pl.Expr]:
    """What the published code cannot send, each as a sentence and a condition; null is no breach."""
    module, action, state, mode = (pl.col(name) for name in ("module", "action", "state", "mode"))
    states_of = _possible()
    pairs = [f"{name} {one}" for name, some in states_of.items() for one in some]
    stateful = [name for name, some in states_of.items() if some]
    modules, actions = reference.table("module"), reference.table("action")

    def dates(table: pl.DataFrame, key: str, column: str) -> dict[str, Any]:
        known = table.filter(pl.col(column).is_not_null()).select(key, pl.col(column).str.to_date())
        return dict(known.iter_rows())

    article = decode.link("action_data").is_in(ARTICLE_LINKS)
    overlays = ["desktop", "mobile-summary", "mobile-details"]
    return {
        "the module is never in this state": module.is_in(list(states_of))
        & state.is_not_null()
        & ~(module + " " + state).is_in(pairs),
        "the module always has a state": module.is_in(stateful) & state.is_null() & (module != "start"),
        "the account's module has no link": (module == "start-account") & (action == "link-click"),
        "only a click has a link": action.is_in(["impression", "hover-in", "hover-out"])
        & decode.link("action_data").is_not_null(),
        "every link of the tutorial's module has an id": (module == "start-tutorial")
        & (action == "link-click")
        & decode.link("action_data").is_null(),
        "the container's impressions are not logged": (module == "start") & (action == "impression"),
        "only an overlay can be closed": (action == "close") & mode.is_in(overlays),
        "hover ended on 2020-04-14": action.is_in(["hover-in", "hover-out"])
        & (day > pl.lit("2020-04-21").str.to_date()),
        "no pointer hovers over an overlay": action.is_in(["hover-in", "hover-out"]) & (mode == "mobile-overlay"),
        "hover on mobile layouts ended on 2019-06-27": action.is_in(["hover-in", "hover-out"])
        & mode.is_in(["mobile-summary", "mobile-details"])
        & (day > pl.lit("2019-07-04").str.to_date()),
        "the schema's edition has no mode": mode.is_not_null() & pl.col("edition").is_in(_modeless()),
        "the tooltip is the impact module's": action.str.contains(
            r"^(?:open|close)-(?:nopageviews|streak-info|thanks-info)-tooltip$"
        )
        & (module != "impact"),
        "suggested edits are elsewhere": action.str.starts_with("se-")
        & module.is_in(
            [
                "start-account",
                "start-email",
                "startemail",
                "start-tutorial",
                "start-userpage",
                "help",
                "mentorship",
                "impact",
                "banner",
            ]
        )
        # the impact module has a button of its own for the set-up
        & ~((module == "impact") & (action == "se-cta-click")),
        "no article is shown before the first edit": (module == "impact")
        & (state == "unactivated")
        & (action == "link-click")
        & article,
        "the module did not exist yet": day
        < module.replace_strict(dates(modules, "module", "since"), default=None, return_dtype=pl.Date),
        "the action did not exist yet": day
        < action.replace_strict(dates(actions, "action", "since"), default=None, return_dtype=pl.Date),
        "the action was gone": day
        > action.replace_strict(dates(actions, "action", "until"), default=None, return_dtype=pl.Date).dt.offset_by(
            "7d"
        ),
    }


def _modeless() -> list[str]:
    """Revisions of the schema from before it told the layout."""
    revisions = [name for name in reference.editions("homepagemodule") if name.isdigit()]
    return [name for name in revisions if "mode" not in reference.schema("homepagemodule", name)["properties"]]


def _possible() -> dict[str, list[str]]:
    """States of each module."""
    return {
        name: (some or "").split() for name, some in reference.table("module").select("module", "states").iter_rows()
    }


def _names(by: str | Sequence[str] | None, reserved: Sequence[str]) -> list[str]:
    """Dimensions of the result beside those that it has itself."""
    own = {"module", "action", "state", "mode"} & set(reserved)
    return [name for name in dimensions(by, [name for name in reserved if name not in own]) if name not in own]


def _ways_by(by: str | Sequence[str] | None) -> list[str]:
    """Dimensions of ways between modules."""
    names = _names(by, STEPS)
    if "module" in names:
        raise errors.not_allowed("by", "module", "does not split ways from module to module; look at from_module")
    return names


def _placed(frame: Any, actions: str | Sequence[str] | None, names: Sequence[str], who: str) -> pl.DataFrame:
    """Modules of each visit with the times at which somebody was there, numbered, and how many share a time."""
    rows = as_frame(frame)
    checked(rows, who, ["wiki", "user", "visit", "module", "action", "ms", *names])
    wanted = click_actions(actions)
    visit = list(IN_VISIT)
    told = [name for name in names if name not in {*visit, "module"}]
    timed = with_browser_time(rows.filter(~nw.col("visit").is_null()))
    some = timed.filter(nw.col("action").is_in(wanted))
    events = collected(some.select(*visit, "module", "ms", "at").unique())
    # the same module at the same time is one step
    at = events.group_by(*visit, "module", "at").agg(pl.col("ms").min())
    if told:
        told_of = collected(some.group_by(*visit).agg(*(nw.col(name).min() for name in told)))
        at = at.join(told_of, on=visit, how="left", nulls_equal=True)
    k = pl.len().over(*visit, "at").cast(pl.Int64)
    at = at.with_columns(k=k, group=pl.col("at").rank("dense").over(visit).cast(pl.Int64))
    groups = at.select(*visit, "group", "k").unique().sort(*visit, "group")
    before = (pl.col("k").cum_sum() - pl.col("k")).over(visit)
    at = at.join(groups.with_columns(before=before).drop("k"), on=[*visit, "group"], how="left", nulls_equal=True)
    return at.with_columns(last=pl.col("group") == pl.col("group").max().over(visit))


def _moves(at: pl.DataFrame) -> pl.DataFrame:
    """Transitions of each visit with the step they are, and how likely they are where times are equal."""
    visit = list(IN_VISIT)
    own = [*visit, *(name for name in at.columns if name not in {*visit, *PLACED})]
    one = pl.lit(1.0)
    start = at.filter(pl.col("group") == 1).select(
        *own, "ms", step=pl.lit(1, dtype=pl.Int64), from_module=pl.lit(START), to_module="module", n=one / pl.col("k"), sure=pl.col("k") == 1
    )  # fmt: skip
    end = at.filter("last").select(
        *own, "ms", step=pl.col("before") + pl.col("k") + 1, from_module="module", to_module=pl.lit(END), n=one / pl.col("k"), sure=pl.col("k") == 1
    )  # fmt: skip
    following = at.select(*visit, group=pl.col("group") - 1, to_module="module", k_to="k")
    across = at.join(following, on=[*visit, "group"], how="inner", nulls_equal=True).select(
        *own, "ms", step=pl.col("before") + pl.col("k") + 1, from_module="module", to_module="to_module",
        n=one / (pl.col("k") * pl.col("k_to")), sure=(pl.col("k") == 1) & (pl.col("k_to") == 1),
    )  # fmt: skip
    beside = at.select(*visit, "group", to_module="module")
    within = (
        at.filter(pl.col("k") > 1)
        .join(beside, on=[*visit, "group"], how="inner", nulls_equal=True)
        .filter(pl.col("module") != pl.col("to_module"))
        .with_columns(offset=pl.int_ranges(2, pl.col("k") + 1))
        .explode("offset")
        .select(
            *own, "ms", step=pl.col("before") + pl.col("offset"), from_module="module", to_module="to_module",
            n=one / (pl.col("k") * (pl.col("k") - 1)), sure=pl.lit(value=False),
        )
    )  # fmt: skip
    return pl.concat([start, across, within, end]).with_columns(pl.col("from_module", "to_module").cast(pl.String))


def _bounds(at: pl.DataFrame, moves: pl.DataFrame) -> pl.DataFrame:
    """How often each way is gone in each visit at least and at most, over the orders that its times allow."""
    visit, ends = list(IN_VISIT), ["from_module", "to_module"]
    own = [name for name in moves.columns if name not in {"ms", "step", "n", "sure"}]
    counts = moves.group_by(own).agg(
        low=pl.col("sure").sum().cast(pl.Int64), high=pl.len().cast(pl.Int64), between=pl.col("sure").not_().any()
    )
    loose = pl.col("between") & (pl.col("from_module") != START) & (pl.col("to_module") != END)
    known, unsure = counts.filter(~loose), counts.filter(loose).drop("low", "high")
    at_once = at.group_by(*visit, "group").agg("module").sort("group").group_by(visit).agg(groups="module")
    ways = unsure.join(at_once, on=visit, how="left", nulls_equal=True)
    found = [_fewest_and_most(*way) for way in ways.select(*ends, "groups").iter_rows()]
    both = pl.DataFrame(found, schema={"low": pl.Int64, "high": pl.Int64}, orient="row")
    return pl.concat([known, ways.drop("groups").hstack(both).select(known.columns)])


def _fewest_and_most(source: str, target: str, groups: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How often target follows source at once, at least and at most, where the order within each group is not known.

    Examples
    --------
    >>> _fewest_and_most("a", "b", [["a"], ["a", "b"]])
    (1, 1)
    """
    ways = {False: (0, 0)}  # by whether the way so far ends at the source
    for modules in groups:
        longer: dict[bool, tuple[int, int]] = {}
        for at_source, (low, high) in ways.items():
            for first, last, within in _orders(source, target, modules):
                hits = int(at_source and first) + within
                old_low, old_high = longer.get(last, (low + hits, high + hits))
                longer[last] = (min(old_low, low + hits), max(old_high, high + hits))
        ways = longer
    return min(low for low, _ in ways.values()), max(high for _, high in ways.values())


def _orders(source: str, target: str, modules: Sequence[str]) -> list[tuple[bool, bool, int]]:
    """What orders of modules can be: whether the target is first, whether the source is last, and how often it follows."""
    there, aimed, many = source in modules, target in modules, len(modules)
    if many == 1:
        return [(aimed, there, 0)]
    if source == target and there:
        either = [(True, False, 0), (False, True, 0)]
        return either if many == 2 else [*either, (False, False, 0)]  # noqa: PLR2004 - one of two is first or last
    some = [(first, last, 0) for first in {False, aimed} for last in {False, there}]
    if not (there and aimed):
        return some
    return [*([(True, True, 0)] if many == 2 else some), (False, False, 1)]  # noqa: PLR2004


def _counted_moves(moves: pl.DataFrame, bounds: pl.DataFrame, by: Sequence[str], level: float) -> pl.DataFrame:
    keys = [*by, "from_module"]
    pair = [*keys, "to_module"]
    user = ["wiki", "user"]
    ordered = moves.sort(*dict.fromkeys([*pair, *user]), "n", "ms")
    per_user = ordered.group_by(list(dict.fromkeys([*pair, *user])), maintain_order=True).agg(y=pl.col("n").sum())
    wholes = per_user.group_by(list(dict.fromkeys([*keys, *user])), maintain_order=True).agg(m=pl.col("y").sum())
    kinds = per_user.select(pair).unique()
    on = list(dict.fromkeys([*pair, *user]))
    each = wholes.join(kinds, on=keys, how="inner", nulls_equal=True)
    both = each.join(per_user, on=on, how="left", nulls_equal=True).with_columns(pl.col("y").fill_null(0.0))
    found = shares_of_sums(both, pair, level)
    limits = bounds.group_by(pair).agg(
        n_low=pl.col("low").sum().cast(pl.Float64), n_high=pl.col("high").sum().cast(pl.Float64)
    )
    more = ordered.group_by(pair).agg(
        users=pl.struct(user).n_unique().cast(pl.Int64),
        first_dt=_dt(pl.col("ms").min()), last_dt=_dt(pl.col("ms").max()), unsure=(~pl.col("sure")).any(),
    )  # fmt: skip
    return (
        found.join(more, on=pair, how="left", nulls_equal=True)
        .join(limits, on=pair, how="left", nulls_equal=True)
        .with_columns(
            unit=pl.lit("transition within a " + VISIT), weight=pl.lit("1"), level=pl.lit(level), note=pl.when("unsure").then(pl.lit(AT_ONCE))
        )
        .sort(*by, "from_module", "n", "to_module", descending=[False] * (len(by) + 1) + [True, False])
    )  # fmt: skip


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
    if "module" in as_frame(frame).collect_schema().names():  # a redirect has no module event
        return pl.lit(None, dtype=pl.String)
    each = _each_visit(frame)
    if modules is None:
        again = each.filter(pl.col("ms") > pl.col("ms").min().over("wiki", "user"))
        return pl.lit(LIKELY if likely(again) else None, dtype=pl.String)
    return pl.format("redirects left out: {} visits", redirected(each, modules).sum())


def _rank(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(RANK, default=None, return_dtype=pl.Int64)


def _dt(ms: pl.Expr) -> pl.Expr:
    return pl.from_epoch(ms, time_unit="ms").dt.replace_time_zone("UTC")
