"""Ordered funnels: how many visits or users take one step after the other, as bounds where steps share a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import narwhals as nw
import polars as pl
import polars.selectors as cs

from toolkit import errors, rates, reference
from toolkit.measure.clock import SECOND, grain, queued, with_browser_time
from toolkit.measure.collected import TEXTS, by_category, collected, in_words
from toolkit.measure.tally import as_frame, dimensions
from toolkit.measure.usage import click_actions
from toolkit.measure.user_clusters import ALONE, CLUSTER, shares_of_clusters, summed

Step = str | Mapping[str, object] | pl.Expr
Per = Literal["visit", "user"]
UNITS = {"visit": "visit (wiki, page view token)", "user": "user (wiki, user id)"}
STEPS = ("impression", "link-click")
ORDERS = ("strict", "permissive", "order-free")
RESULT = (
    "unit", "weight", "step", "label", "order", "n", "share", "share_low", "share_high", "conversion", "conversion_low",
    "conversion_high", "time_median_low_s", "time_median_high_s", "n_eff", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
RESERVED = (
    *RESULT,
    "at",
    "by_browser",
    "ms",
    "head",
    "row",
    "begin",
    "excluded",
    "first_ms",
    "last_ms",
    "until",
    "since",
)


def ordered_funnel(
    frame: Any,
    *,
    steps: Sequence[Step] | Mapping[str, Step] = STEPS,
    per: Per = "visit",
    by: str | Sequence[str] | None = (),
    within: str | timedelta | None = None,
    exclude: Step | Sequence[Step] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """How many visits or users take the steps in their order, and how long it takes them.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`: wiki, visit (or user), ms, the columns that the steps name; dt and client_dt are
        used where they are there.
    steps : list, or dict of labels and steps
        Each step is an action (`"link-click"`), conditions on columns (`{"action": "link-click", "module": "help"}`; a
        list of values takes any of them), or a polars expression (on polars frames). A step may occur twice; it then
        needs two events.
    per : {"visit", "user"}
        What is counted. Events without a visit, or without a user, belong to none.
    by : str or list of str
        One funnel for each combination of these columns; an event counts in the funnel of its own values only.
    within : str or timedelta, optional
        Longest time from the first step to the one that is counted, such as `"30m"`, `"12h"`, `"7d"`; any first step
        may begin.
    exclude : step or list of steps, optional
        Events that must not happen between the first step and the one that is counted.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        Three rows for each step (and `by`), in the order of the steps:

        - those of `by`; unit, weight (in words); step (from 1); label
        - order: `strict`, each step has a later time than the one before; `permissive`, the same time is allowed;
          `order-free`, the steps up to this one all happened, in any order. The number that is meant lies between
          strict and permissive
        - n: units that reach the step
        - share, share_low, share_high: of those that reach step 1 [0 to 1]; n_eff: as many independent units would say
          as much. Visits have the variance between users, see `user_clusters.clustered_shares`; users, and visits of
          frames without a column `user`, Wilson's interval
        - conversion, conversion_low, conversion_high: of those that reach the step before [0 to 1]
        - time_median_low_s, time_median_high_s: between these lies the median time from the first step 1 that may begin
          to the first time this step is reached, of the units that reach it [s]; null for order-free
        - level; first_dt, last_dt: receipt times of the events that were looked at [UTC]
        - note: where a step could not happen in that time

    Raises
    ------
    ToolkitError
        If there is no step, a column is missing, or a choice is unknown.

    Notes
    -----
    Times are whole seconds in 2019. Since 2020-01-22 events wait in the browser for up to 30 s and arrive in bunches;
    since 2020-06-08 the browser's clock orders the events of a visit, see `toolkit.measure.clock`. In between their
    order within half a minute is not known, and the bounds of times are widened by that much.

    An excluded event that shares its time with one of the two ends is between them in the strict count and outside in
    the others. In the permissive and the order-free count, one event may stand for two steps where their conditions
    are not the same and it meets both.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": [1, 1, 2, 2, 3], "ms": [0, 4000, 7000, 7000, 9000],
    ...                      "action": ["impression", "link-click", "impression", "link-click", "impression"]})
    >>> funnel = ordered_funnel(rows)
    >>> funnel.filter(step=2).select("order", "n", pl.col("share").round(3)).rows()
    [('strict', 1, 0.333), ('permissive', 2, 0.667), ('order-free', 2, 0.667)]
    """
    if per not in UNITS:
        raise errors.bad_choice("per", per, UNITS)
    rates.check("level", level)
    labels, wanted = _labelled(steps)
    names = dimensions(by, RESERVED)
    unwanted = [] if exclude is None else [exclude] if isinstance(exclude, str | Mapping | pl.Expr) else list(exclude)
    for step in (*wanted, *unwanted):
        _check(step)
    places, distinct = _distinct(wanted)
    blocks = _blocks(_moments(as_frame(frame), distinct, per, names, unwanted), per, names)
    window = None if within is None else _ms(within)
    reached = {order: _reached(blocks, order, places, window) for order in ORDERS}
    counted = _counted(blocks, reached, names)
    of_users = per == "visit" and "user" in blocks.columns and len(wanted) > 1
    users = _between_users(blocks, reached, names, level) if of_users else None
    return _in_words(counted, users, labels, _notes(wanted), per, names, level)


def _labelled(steps: Sequence[Step] | Mapping[str, Step]) -> tuple[list[str], list[Step]]:
    """Steps and what to call them."""
    if not isinstance(steps, Sequence | Mapping) or isinstance(steps, str) or not steps:
        raise errors.not_allowed("steps", steps, "is a list of steps, or a dict of labels and steps")
    if isinstance(steps, Mapping):
        return list(steps), list(steps.values())
    return [_label(step) for step in steps], list(steps)


def _check(step: object) -> None:
    """Refuse what is no step, and actions that nobody has heard of."""
    if isinstance(step, pl.Expr):
        return
    if not (isinstance(step, str) or (isinstance(step, Mapping) and step)):
        raise errors.not_allowed("steps", step, "has actions, conditions on columns, or expressions")
    action = _conditions(step).get("action")
    some = [action] if isinstance(action, str) else action if isinstance(action, list | tuple | set | frozenset) else []
    click_actions([str(one) for one in some])


def _label(step: Step) -> str:
    if isinstance(step, str):
        return step
    if isinstance(step, Mapping):
        return ", ".join(str(value) for value in step.values())
    return str(step)


def _distinct(steps: list[Step]) -> tuple[list[int], list[Step]]:
    """Place of each step in the list of steps that differ, and that list."""
    different: list[Step] = []
    places = []
    for step in steps:
        same = [at for at, other in enumerate(different) if _same(step, other)]
        places.append(same[0] if same else len(different))
        different += [] if same else [step]
    return places, different


def _same(step: Step, other: Step) -> bool:
    if isinstance(step, pl.Expr) or isinstance(other, pl.Expr):
        return isinstance(step, pl.Expr) and isinstance(other, pl.Expr) and step.meta.eq(other)
    return _conditions(step) == _conditions(other)


def _conditions(step: str | Mapping[str, object]) -> dict[str, object]:
    return {"action": step} if isinstance(step, str) else dict(step)


def _condition(step: str | Mapping[str, object]) -> nw.Expr:
    """Whether an event is the step."""
    parts = []
    for column, value in _conditions(step).items():
        if value is None:
            parts.append(nw.col(column).is_null())
        elif isinstance(value, list | tuple | set | frozenset):
            parts.append(nw.col(column).is_in(list(value)))
        else:
            parts.append(nw.col(column) == value)
    return nw.all_horizontal(*parts, ignore_nulls=False)


def step_moments(
    frame: Any,
    *,
    steps: Sequence[Step],
    per: Per = "visit",
    by: str | Sequence[str] | None = (),
    exclude: Sequence[Step] = (),
) -> Any:
    """One row for each unit and moment with events of the steps: how many are each step, and how many excluded.

    This is all that `ordered_funnel` collects: at most one row for each event that is a step, most of the time one for
    each unit and step.

    Parameters
    ----------
    frame, per, by
        See `ordered_funnel`.
    steps, exclude : list of steps
        Each once.

    Returns
    -------
    Same kind of frame
        Columns wiki, visit (or user), those of `by`, at [ms since 1970]; step_0, step_1, ... and exclude_0, ...: events
        that are; by_browser (1: the browser's clock gave the time, else 0); first_ms, last_ms; and user of a visit, if
        the frame knows users.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": [1, 1, 1], "ms": [0, 0, 4000], "action": ["impression", "impression", "link-click"]})
    >>> step_moments(rows, steps=STEPS).sort("at").select("visit", "at", "step_0", "step_1").rows()
    [(1, 0, 2, 0), (1, 4000, 0, 1)]
    """
    return in_words(_moments(as_frame(frame), steps, per, dimensions(by, RESERVED), exclude)).to_native()


def _moments(rows: Any, steps: Sequence[Step], per: Per, names: list[str], exclude: Sequence[Step]) -> Any:
    unit = ["wiki", per]
    plain = [step for step in (*steps, *exclude) if not isinstance(step, pl.Expr)]
    asked = [column for step in plain for column in _conditions(step)]
    asked += [
        column for step in (*steps, *exclude) if isinstance(step, pl.Expr) for column in step.meta.root_names()
    ]  # fmt: skip
    have = rows.collect_schema().names()
    if missing := [name for name in dict.fromkeys([*unit, "ms", *asked, *names]) if name not in have]:
        raise errors.missing_columns("measure.ordered_funnel", missing, have)
    marks = [f"step_{at}" for at in range(len(steps))]
    outs = [f"exclude_{at}" for at in range(len(exclude))]
    for mark, step in zip([*marks, *outs], [*steps, *exclude], strict=True):
        rows = _marked(rows, mark, step)
    timed = with_browser_time(rows)
    keys = list(dict.fromkeys([*unit, *names]))
    some = nw.sum_horizontal(*marks, *outs) > 0
    known = ~nw.col(per).is_null() & ~nw.col("ms").is_null()
    user = [nw.col("user").min()] if "user" in have and "user" not in keys else []
    return by_category(timed.filter(known, some), keys).group_by(*keys, "at").agg(
        *(nw.col(mark).sum().cast(nw.Int64) for mark in (*marks, *outs)),
        *user,
        # not every engine has a least truth value
        by_browser=nw.when(nw.col("by_browser")).then(nw.lit(1)).otherwise(0).min(),
        first_ms=nw.col("ms").min(),
        last_ms=nw.col("ms").max(),
    )  # fmt: skip


def _blocks(moments: Any, per: Per, names: list[str]) -> pl.DataFrame:
    """Moments in the order of units and times, numbered, and whether an event of them is excluded."""
    keys = list(dict.fromkeys(["wiki", per, *names]))
    found = collected(moments, categories=True)
    outs = [name for name in found.columns if name.startswith("exclude_")]
    # any order of the units will do, and that of numbers is found several times faster than that of texts
    texts = found.select(cs.string() | TEXTS).columns
    codes = [pl.col(key).cast(pl.Categorical).to_physical() if key in texts else pl.col(key) for key in keys]
    ordered = found.sort(*codes, "at").with_columns(
        excluded=pl.any_horizontal(pl.lit(value=False), *(pl.col(out) > 0 for out in outs)),
        row=pl.int_range(pl.len()),
    )
    new = pl.any_horizontal(pl.col("row") == 0, *(pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys))
    return ordered.with_columns(head=pl.when(new).then("row").forward_fill()).drop(outs)


def _marked(rows: Any, mark: str, step: Step) -> Any:
    one = nw.lit(1, dtype=nw.Int64())
    if not isinstance(step, pl.Expr):
        return rows.with_columns(nw.when(_condition(step)).then(one).otherwise(0).alias(mark))
    native = rows.to_native()
    if not isinstance(native, pl.DataFrame | pl.LazyFrame):
        raise errors.not_allowed("steps", step, "has expressions on polars frames only; use conditions on columns")
    return nw.from_native(native.with_columns(pl.when(step).then(1).otherwise(0).cast(pl.Int64).alias(mark)))


def _reached(blocks: pl.DataFrame, order: str, places: list[int], window: int | None) -> list[pl.DataFrame]:
    """For each step the first moment at which units reach it, and the first step 1 that may begin, as rows of `blocks`.

    For each moment the latest step 1 from which a step can be reached then is known: no other one makes the way
    shorter, so that windows and excluded events are held against this one alone. Rows stand in the order of units and
    times: a running maximum of row numbers needs no grouping, since rows of other units are before the unit's `head`.
    """
    starts = {"strict": _strict, "permissive": _permissive, "order-free": _order_free}[order](blocks, places)
    out = pl.when("excluded").then("row").forward_fill()
    # strict: an excluded event at either end counts as between them
    last_out = out + 1 if order == "strict" else out.shift(1)
    timed = starts.with_columns(bound=pl.max_horizontal("head", last_out)).with_columns(_in_window(starts, window))
    begins = starts.select(pl.when(pl.col(_mark(places[0])) > 0).then("row").backward_fill()).to_series()
    parts = []
    for step in range(1, len(places) + 1):
        fits = pl.col("start_1").is_not_null() if step == 1 else pl.col(f"start_{step}") >= pl.col("bound")
        found = timed.lazy().filter(fits).select("head", "row", "bound").collect()
        first = found.filter(pl.col("head").ne_missing(pl.col("head").shift(1)))
        begin = first["row"] if step == 1 else begins.gather(first["bound"])
        parts.append(first.select("head", "row", begin=begin))
    return parts


def _in_window(blocks: pl.DataFrame, window: int | None) -> pl.Expr:
    """First row from which a way may begin that ends at this one."""
    if window is None:
        return pl.col("bound")
    since = blocks.select("head", since=pl.col("at") - window).with_row_index("place").sort("since")
    rows = blocks.select("head", "row", "at").sort("at")
    first = since.join_asof(
        rows, left_on="since", right_on="at", by="head", strategy="forward", check_sortedness=False
    ).sort("place")
    return pl.max_horizontal("bound", pl.lit(first["row"]))


def _mark(place: int) -> str:
    return f"step_{place}"


def _own(row: pl.Expr) -> pl.Expr:
    """Row of the same unit; null where it is one of another."""
    return pl.when(row >= pl.col("head")).then(row)


def _before(start: str) -> pl.Expr:
    """Latest of the starts at earlier moments of the unit."""
    return _own(pl.col(start).cum_max().forward_fill().shift(1))


def _strict(blocks: pl.DataFrame, places: list[int]) -> pl.DataFrame:
    for step, place in enumerate(places, start=1):
        before = pl.col("row") if step == 1 else _before(f"start_{step - 1}")
        blocks = blocks.with_columns(pl.when(pl.col(_mark(place)) > 0).then(before).alias(f"start_{step}"))
    return blocks


def _permissive(blocks: pl.DataFrame, places: list[int]) -> pl.DataFrame:
    for step in range(1, len(places) + 1):
        ways = []
        for first in range(1, step + 1):  # the steps from `first` on happen at this moment
            now = places[first - 1 : step]
            enough = [pl.col(_mark(place)) >= now.count(place) for place in dict.fromkeys(now)]
            before = pl.col("row") if first == 1 else _before(f"start_{first - 1}")
            ways.append(pl.when(pl.all_horizontal(enough)).then(before))
        blocks = blocks.with_columns(pl.max_horizontal(ways).alias(f"start_{step}"))
    return blocks


def _order_free(blocks: pl.DataFrame, places: list[int]) -> pl.DataFrame:
    for step, place in enumerate(places, start=1):
        again = places[: step - 1].count(place)  # a step that occurs again needs one event more
        blocks = blocks.with_columns(_last_but(blocks, _mark(place), again).alias(f"last_{step}"))
        all_there = pl.all_horizontal(pl.col(f"last_{at}").is_not_null() for at in range(1, step + 1))
        earliest = pl.min_horizontal(f"last_{at}" for at in range(1, step + 1))
        blocks = blocks.with_columns(pl.when(all_there).then(earliest).alias(f"start_{step}"))
    return blocks


def _last_but(blocks: pl.DataFrame, mark: str, again: int) -> pl.Series:
    """Row of the last event of a kind but `again` later ones, at each moment of a unit."""
    if not again:
        return blocks.select(_own(pl.when(pl.col(mark) > 0).then("row").forward_fill())).to_series()
    events = (
        blocks.select("row", times=pl.min_horizontal(mark, pl.lit(again + 1)))
        .filter(pl.col("times") > 0)
        .select(pl.all().repeat_by("times").explode())
        .with_columns(last=pl.col("row").shift(again))
    )
    found = events.group_by("row").agg(pl.col("last").max())
    joined = blocks.join(found, on="row", how="left", maintain_order="left")
    return joined.select(_own(pl.col("last").forward_fill())).to_series()


def _counted(blocks: pl.DataFrame, reached: dict[str, list[pl.DataFrame]], names: list[str]) -> pl.DataFrame:
    """Units and times of each funnel, step and order."""
    times = summed(blocks, names, first_ms=pl.col("first_ms").min(), last_ms=pl.col("last_ms").max())
    ends = blocks.select(
        *names,
        early=pl.col("at") - pl.when(pl.col("by_browser").cast(pl.Boolean)).then(0).otherwise(queued("at")),
        late=pl.col("at") + grain("at"),
    )
    cells = []
    for order, steps in reached.items():
        for step, found in enumerate(steps, start=1):
            end, begin = (ends.select(pl.all().gather(found[name])) for name in ("row", "begin"))
            is_timed = step > 1 and order != "order-free"
            each = end.with_columns(low=(end["early"] - begin["late"]).clip(0), high=end["late"] - begin["early"])
            lengths = {
                f"time_median_{side}_s": pl.col(side).median() / SECOND if is_timed else pl.lit(None, dtype=pl.Float64)
                for side in ("low", "high")
            }
            counts = summed(each, names, n=pl.len().cast(pl.Int64), **lengths)
            whole = times.join(counts, on=names, how="left", nulls_equal=True) if names else times.hstack(counts)
            cells.append(
                whole.with_columns(pl.col("n").fill_null(0), step=pl.lit(step, dtype=pl.Int64), order=pl.lit(order))
            )
    return pl.concat(cells)


def _between_users(
    blocks: pl.DataFrame, reached: dict[str, list[pl.DataFrame]], names: list[str], level: float
) -> pl.DataFrame:
    """Effective numbers of visits and intervals of each step and order, by the variance between users."""
    alone = pl.when(pl.col("user").is_null()).then("head")
    units = blocks.filter(pl.col("row") == pl.col("head")).with_columns(alone.alias(ALONE))
    nobody = pl.zeros(blocks.height, dtype=pl.UInt32, eager=True)
    marks = {
        (order, step): nobody.clone().scatter(found["head"], 1).gather(units["head"])
        for order, steps in reached.items()
        for step, found in enumerate(steps, start=1)
    }
    labelled = units.with_columns(mark.alias(f"{order} {step}") for (order, step), mark in marks.items())
    cluster = list(dict.fromkeys([*names, *CLUSTER]))
    users = labelled.group_by(cluster).agg(pl.col(f"{order} {step}").sum().cast(pl.Float64) for order, step in marks)

    def shared(order: str, step: int, base: int) -> pl.DataFrame:
        of_users = users.select(*names, m=f"{order} {base}", y=f"{order} {step}").filter(pl.col("m") > 0)
        return shares_of_clusters(of_users, by=names, level=level)

    cells = []
    for order, step in marks:
        if step == 1:
            continue
        share = shared(order, step, 1).select(*names, "n_eff", "share_low", "share_high")
        bounds = shared(order, step, step - 1).select(*names, conversion_low="share_low", conversion_high="share_high")
        both = share.join(bounds, on=names, how="left", nulls_equal=True) if names else share.hstack(bounds)
        cells.append(both.with_columns(step=pl.lit(step, dtype=pl.Int64), order=pl.lit(order)))
    return pl.concat(cells)


def _in_words(
    counted: pl.DataFrame,
    users: pl.DataFrame | None,
    labels: list[str],
    notes: pl.DataFrame,
    per: Per,
    names: list[str],
    level: float,
) -> pl.DataFrame:
    """Shares, conversions and what they are of."""
    funnel = [*names, "order"]
    ordered = counted.with_columns(pl.col("order").cast(pl.Enum(ORDERS))).sort(*names, "step", "order")
    first, before = pl.col("n").first().over(funnel), pl.col("n").shift(1).over(funnel)
    shared = ordered.with_columns(n_eff=first.cast(pl.Float64), base=pl.coalesce(before, "n").cast(pl.Float64))
    shared = shared.with_columns(share=rates.share("n", "n_eff"), conversion=rates.share("n", "base"))
    later = pl.col("step") > 1
    for name, whole in (("share", "n_eff"), ("conversion", "base")):
        low, high = rates.share_interval(name, whole, level)
        shared = shared.with_columns(
            pl.when(later).then(low).alias(f"{name}_low"), pl.when(later).then(high).alias(f"{name}_high")
        )
    if users is not None:
        known = users.with_columns(pl.col("order").cast(pl.Enum(ORDERS)))
        shared = shared.join(known, on=[*funnel, "step"], how="left", nulls_equal=True, suffix="_users").with_columns(
            pl.coalesce(f"{name}_users", name).alias(name)
            for name in ("n_eff", "share_low", "share_high", "conversion_low", "conversion_high")
        )
    words = pl.DataFrame({"step": range(1, len(labels) + 1), "label": labels}, schema_overrides={"step": pl.Int64})
    told = shared.join(words, on="step", how="left").join(notes, on="step", how="left").with_columns(
        pl.from_epoch(pl.col("first_ms", "last_ms"), time_unit="ms").dt.replace_time_zone("UTC").name.replace("_ms", "_dt"),
        unit=pl.lit(UNITS[per]),
        weight=pl.lit("1"),
        level=pl.lit(level),
    )  # fmt: skip
    note = (
        pl.when(pl.col("first_dt") > pl.col("until"))
        .then(pl.format("{} was logged until {}", "action", pl.col("until").dt.date()))
        .when(pl.col("last_dt") < pl.col("since"))
        .then(pl.format("{} was logged from {} on", "action", pl.col("since").dt.date()))
    )
    found = told.with_columns(note=note).sort(*names, "step", "order")
    return found.select(pl.col(names), *RESULT).with_columns((cs.by_name(names) & cs.categorical()).cast(pl.String))


def _notes(steps: list[Step]) -> pl.DataFrame:
    """When the action of each step was logged."""
    plain = {at: _conditions(step) for at, step in enumerate(steps, start=1) if not isinstance(step, pl.Expr)}
    actions = {at: str(step["action"]) for at, step in plain.items() if isinstance(step.get("action"), str)}
    known = reference.table("action").select(
        "action",
        *(pl.col(end).str.to_datetime("%Y-%m-%d", time_unit="ms", time_zone="UTC") for end in ("since", "until")),
    )
    asked = pl.DataFrame({"step": list(actions), "action": list(actions.values())},
                         schema={"step": pl.Int64, "action": pl.String})  # fmt: skip
    return asked.join(known, on="action", how="inner")


def _ms(within: str | timedelta) -> int:
    """Length of a window. [ms]"""
    if isinstance(within, timedelta):
        length = within
    else:
        start = datetime(2019, 1, 1, tzinfo=UTC)
        try:
            length = pl.Series([start]).dt.offset_by(within).item() - start
        except pl.exceptions.PolarsError:
            raise errors.not_allowed("within", within, "is a length of time such as '30m', '12h' or '7d'") from None
    if length <= timedelta(0):
        raise errors.not_allowed("within", within, "is a length of time above zero")
    return round(length / timedelta(milliseconds=1))
