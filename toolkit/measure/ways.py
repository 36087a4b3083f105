"""Ways between modules within a visit: from which to which, and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, rates
from toolkit.measure.clock import with_browser_time
from toolkit.measure.collected import collected
from toolkit.measure.given import other_dimensions, rows_of
from toolkit.measure.usage import click_actions, in_utc
from toolkit.measure.user_clusters import shares_of_sums
from toolkit.measure.visits import VISIT

START, END = "(start)", "(end)"
IN_VISIT = ("wiki", "user", "visit")
PLACED = ("module", "at", "ms", "k", "group", "before", "last")
SHARED = ("share", "share_low", "share_high", "n_eff", "level")
FLOWS = (
    "from_module", "to_module", "unit", "weight", "n", "n_low", "n_high", "of", *SHARED, "users", "first_dt", "last_dt", "note",
)  # fmt: skip
STEPS = ("step", *FLOWS)
AT_ONCE = (
    "events with one time stamp have no known order: n counts each order as equally likely, n_low and n_high bound it"
)


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
    rates.check("level", level)
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
    rates.check("level", level)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise errors.not_allowed("most", most, "is a number of steps, 1 or more")
    names = _ways_by(by)
    moves = _moves(_placed(frame, actions, names, "steps")).filter(pl.col("step") <= most)
    low, high = pl.col("sure").cast(pl.Int64), pl.lit(1, dtype=pl.Int64)
    bounds = moves.select(*names, "step", "from_module", "to_module", low=low, high=high)
    return _counted_moves(moves, bounds, [*names, "step"], level).select(*names, *STEPS)


def _ways_by(by: str | Sequence[str] | None) -> list[str]:
    """Dimensions of ways between modules."""
    names = other_dimensions(by, [*STEPS, *PLACED[1:], "user", "visit"])
    if "module" in names:
        raise errors.not_allowed("by", "module", "does not split ways from module to module; look at from_module")
    return names


def _placed(frame: Any, actions: str | Sequence[str] | None, names: Sequence[str], who: str) -> pl.DataFrame:
    """Modules of each visit with the times at which somebody was there, numbered, and how many share a time."""
    rows = rows_of(frame, who, ["wiki", "user", "visit", "module", "action", "ms", *names])
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
        first_dt=in_utc(pl.col("ms").min()), last_dt=in_utc(pl.col("ms").max()), unsure=(~pl.col("sure")).any(),
    )  # fmt: skip
    return (
        found.join(more, on=pair, how="left", nulls_equal=True)
        .join(limits, on=pair, how="left", nulls_equal=True)
        .with_columns(
            unit=pl.lit("transition within a " + VISIT), weight=pl.lit("1"), level=pl.lit(level), note=pl.when("unsure").then(pl.lit(AT_ONCE))
        )
        .sort(*by, "from_module", "n", "to_module", descending=[False] * (len(by) + 1) + [True, False])
    )  # fmt: skip
