"""Hover on homepage modules: which ends belong together, and how long the pointer rested, as far as the times tell.

Times of 2019 are whole seconds of receipt, and the network may swap two events. So nothing here is read from the order
of rows, of lines or of a host's running numbers, only from how many events of each kind a module has in each second:
a pointer goes in and out by turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import narwhals as nw
import polars as pl
import polars.selectors as cs
from narwhals.typing import IntoFrameT

from toolkit import errors, rates, reference
from toolkit.measure.clock import SECOND, grain, queued
from toolkit.measure.collected import by_category, collected, in_words
from toolkit.measure.survival import product_limit, survival_quantile
from toolkit.measure.tally import as_frame, dimensions

Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)
UNIT = "hover of a module by the pointer of a desktop"
KINDS = ("pair", "open", "orphan", "restored")
FOUND = ("kind", "ms", "dwell_low_s", "dwell_high_s", "nested", "overlapping", "swapped")
COUNTS = ("pairs", "open", "orphan", "restored", "nested", "overlapping", "swapped")
BOUNDS = ("dwell_median_low_s", "dwell_median_high_s", "dwell_p90_low_s", "dwell_p90_high_s")
RESULT = (
    "unit", "weight", "hover_ins", "hover_outs", *COUNTS, *BOUNDS, "dwell_open_median_low_s", "dwell_open_median_high_s",
    "dwell_open_interval_low_s", "dwell_open_interval_high_s", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
WORKING = (
    "action", "ins", "outs", "net", "first_ms", "last_ms", "from_ms", "until_ms", "load", "before", "inside",
    "stays", "goes_out", "known", "begun", "within", "closes", "more_ins", "more_outs", "low_ms", "high_ms", "next_ms", "click_ms", "times", "turn", "alone_from", "alone_until",
    "happened", "desktop", "group", "place",
)  # fmt: skip
GROUP = ("wiki", "visit", "module")
WORDS = ("wiki", "module")
NEEDED = (*GROUP, "action", "platform", "ms")
RESTART = 30 * SECOND  # impressions of one page come within a second or two; after a longer gap the page was restored


def hovers(frame: Any, *, by: str | Sequence[str] | None = ()) -> pl.DataFrame:
    """Hover episodes on desktop: which hover-in and hover-out belong together, with bounds of the time between.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`: wiki, visit, module, action, platform, ms. Events without a visit and taps on
        mobile layouts are left out.
    by : str or list of str
        Further columns to keep, of the event that begins the episode.

    Returns
    -------
    pl.DataFrame
        Every hover-in and every hover-out is in one row; pairs and restored have two of them. Columns wiki, visit,
        module, those of `by` and

        - kind: `pair`; `open`, an in that no out follows (the page was left while hovering, or the out was lost);
          `orphan`, an out without an in (the pointer was inside when the page loaded, or the in was lost); `restored`,
          a pair between whose ends the page was loaded anew under the same token, hours later perhaps
        - ms: receipt of its first event [ms since 1970]
        - dwell_low_s, dwell_high_s: bounds of the time between the ends of a pair [s]; of an open hover the lower one
          only, where a click on the module shows that the pointer was still there
        - nested: a pair that stands between an unmatched in and an unmatched out (in, in, out, out)
        - overlapping: a pair that shares time with one of another module of the visit for certain; one pointer can't
          do that unless one module stands in the other
        - swapped: a pair whose out was received in the second before its in

    Notes
    -----
    Events of one module and second form a block. Within it the pointer is taken to go in and out by turns, starting
    with whatever comes next: whether it was inside before is told by the last block of the page that had more of one kind
    than of the other, or, where there is none, by the next one: more outs than ins there mean that the pointer was
    inside when the page was loaded. Where that leaves an orphan, and an open hover one second later, the two were swapped by the network.

    An event received in second t was received from t up to t + 1, so that the lengths of a pair from second a to b lie
    between b - a - 1 and b - a + 1; in exports with milliseconds between a millisecond less and more. From 2020-01-22
    events waited in the browser for up to 30 s before they were sent, which widens the bounds by 30 s on both sides.
    The frame is asked three times: for its `hover_moments`, its `page_loads` and the moments with clicks. They are
    collected, and paired in memory.

    Differences in the time that two events travel are not in the bounds: on the samples they put 1 of 100 pairs outside,
    most of them by less than 0.3 s.

    Impressions more than 30 s after the last one of the visit are a page loaded anew.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "platform": "desktop",
    ...                      "action": ["hover-in", "hover-out", "hover-in"], "ms": [0, 3000, 9000]})
    >>> hovers(rows).select("kind", "dwell_low_s", "dwell_high_s").rows()
    [('pair', 2.0, 4.0), ('open', None, None)]
    """
    others = _others(dimensions(by, (*FOUND, *WORKING)))
    found = _episodes(frame, others).sort(*GROUP, "ms", "kind", "low_ms", "high_ms", "swapped")
    return found.select(*GROUP, *others, *FOUND).with_columns((cs.by_name(WORDS) | cs.categorical()).cast(pl.String))


def dwell(frame: Any, *, by: str | Sequence[str] | None = (), level: float = rates.LEVEL) -> pl.DataFrame:
    """How long desktop users hover over each module, as bounds, and what became of all hover events.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    by : str or list of str
        Split each module by these columns too.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each module (and `by`), in alphabetical order:

        - unit, weight (in words)
        - hover_ins, hover_outs: events on desktop; pairs, open, orphan, restored: what became of them, so that
          hover_ins is pairs + restored + open and hover_outs is pairs + restored + orphan
        - nested, overlapping, swapped: how many of the pairs are; see `hovers`
        - dwell_median_low_s, dwell_median_high_s, dwell_p90_low_s, dwell_p90_high_s: between these lie the median and
          the length that nine of ten pairs do not exceed [s]
        - dwell_open_median_low_s, dwell_open_median_high_s: between these lies the median of pairs and open hovers
          together, by the product-limit estimator [s]
        - dwell_open_interval_low_s, dwell_open_interval_high_s: its interval: the lower end is that of the lower
          lengths, the upper end that of the upper ones [s]
        - level; first_dt, last_dt: of the module's events [UTC]
        - note: why there are no numbers, where there are none

    Notes
    -----
    Bounds say what the time stamps leave open; the interval adds what other visits might have shown. Hovers of one
    visit are counted as if they were independent, which makes the interval somewhat short.

    An open hover is watched until the last click on the module (censored); without a click it tells nothing of its
    length and is in no number but `open`. A pointer that rests on a link is more likely to click and leave, so that
    censoring is not quite independent of the length.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "platform": "desktop",
    ...                      "action": ["hover-in", "hover-out", "hover-in"], "ms": [0, 3000, 9000]})
    >>> dwell(rows).select("pairs", "open", "dwell_median_low_s", "dwell_median_high_s").rows()
    [(1, 1, 2.0, 4.0)]
    """
    rates.check("level", level)
    names = dimensions(by, (*RESULT, *FOUND, *WORKING))
    keys = ["module", *[name for name in names if name != "module"]]
    found = _episodes(frame, _others(names)).with_columns((cs.by_name(WORDS) | cs.categorical()).cast(pl.String))
    joined = (
        collected(_events(_rows(frame, _others(names)), keys))
        .with_columns(cs.by_name(WORDS, require_all=False).cast(pl.String))
        .join(_summed(found, keys), on=keys, how="left", nulls_equal=True)
        .join(_with_open(found, keys, level), on=keys, how="left", nulls_equal=True)
        .with_columns(
            pl.col(COUNTS).fill_null(0),
            pl.from_epoch(pl.col("first_ms", "last_ms"), time_unit="ms")
            .dt.replace_time_zone("UTC")
            .name.replace("_ms", "_dt"),
            unit=pl.lit(UNIT),
            weight=pl.lit("1"),
            level=pl.lit(level),
        )
    )
    none = (pl.col("hover_ins") + pl.col("hover_outs")) == 0
    last_day = _last_day()
    note = (
        pl.when(none & (pl.col("first_dt") > last_day))
        .then(pl.lit(f"hover was logged until {last_day:%Y-%m-%d}"))
        .when(none & (pl.col("desktop") == 0))
        .then(pl.lit("hover is told on desktop layouts only"))
        .when(none)
        .then(pl.lit("no hover of the module was recorded"))
    )
    return joined.with_columns(note=note).sort(keys).select(*keys, *RESULT)


def hover_moments(frame: IntoFrameT, *, by: str | Sequence[str] | None = ()) -> IntoFrameT:
    """One row for each visit, module and moment with hover on desktop: how often the pointer went in and out.

    Parameters
    ----------
    frame, by
        See `hovers`.

    Returns
    -------
    Same kind of frame
        Columns wiki, visit, module, ms [since 1970], those of `by` (their least value), ins and outs [events].

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "platform": "desktop",
    ...                      "action": ["hover-in", "hover-out", "hover-in"], "ms": [0, 3000, 3000]})
    >>> hover_moments(rows).sort("ms").select("ms", "ins", "outs").rows()
    [(0, 1, 0), (3000, 1, 1)]
    """
    others = _others(dimensions(by, (*FOUND, *WORKING)))
    native: IntoFrameT = in_words(_moments(_on_desktop(_rows(frame, others)), others)).to_native()
    return native


def page_loads(frame: IntoFrameT) -> IntoFrameT:
    """Times at which the page of a visit was loaded anew: impressions after 30 s without one.

    Parameters
    ----------
    frame
        See `hovers`.

    Returns
    -------
    Same kind of frame
        Columns wiki, visit, ms [since 1970]; no row for the first time that a page was loaded.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "visit": 0, "module": "help", "platform": "desktop",
    ...                      "action": "impression", "ms": [0, 1000, 90_000, 91_000]})
    >>> page_loads(rows).rows()
    [('cswiki', 0, 90000)]
    """
    native: IntoFrameT = _loads(_on_desktop(_rows(frame, []))).to_native()
    return native


def _events(rows: Any, keys: list[str]) -> Any:
    """Hover events of each group, whether it has events on desktop, and the times between which its events are."""
    desktop = nw.col("platform") == "desktop"
    counts = {
        "hover_ins": _one(desktop & (nw.col("action") == "hover-in")),
        "hover_outs": _one(desktop & (nw.col("action") == "hover-out")),
        "desktop": _one(desktop),
    }
    return rows.with_columns(**counts).group_by(keys).agg(
        nw.col("hover_ins", "hover_outs").sum().cast(nw.Int64),
        nw.col("desktop").max(),
        first_ms=nw.col("ms").min(),
        last_ms=nw.col("ms").max(),
    )  # fmt: skip


def _one(condition: nw.Expr) -> nw.Expr:
    """Number to count by: sums of truth values are not known to every engine."""
    return nw.when(condition).then(nw.lit(1, dtype=nw.Int64())).otherwise(0)


def _summed(found: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Episodes of each kind, and bounds of the lengths of pairs."""
    pair = pl.col("kind") == "pair"
    return found.group_by(keys).agg(
        *((pl.col("kind") == kind).sum().cast(pl.Int64).alias("pairs" if kind == "pair" else kind) for kind in KINDS),
        *((pair & pl.col(flag)).sum().cast(pl.Int64).alias(flag) for flag in ("nested", "overlapping", "swapped")),
        *(
            pl.col(f"dwell_{side}_s").filter(pair).quantile(p, "linear").alias(f"dwell_{name}_{side}_s")
            for name, p in (("median", 0.5), ("p90", 0.9))
            for side in ("low", "high")
        ),
    )


def _with_open(found: pl.DataFrame, keys: list[str], level: float) -> pl.DataFrame:
    """Medians of pairs and open hovers together, once with all lengths at their lower end, once at their upper."""
    known = found.filter(pl.col("kind").is_in(["pair", "open"]), pl.col("low_ms").is_not_null()).select(
        *keys, happened=pl.col("kind") == "pair", low=pl.col("low_ms") / SECOND, high=pl.col("high_ms") / SECOND
    )
    low, high = (
        survival_quantile(product_limit(known, time=side, event="happened", by=keys, level=level), by=keys, level=level)
        for side in ("low", "high")
    )
    return low.select(*keys, dwell_open_median_low_s="time", dwell_open_interval_low_s="time_low").join(
        high.select(*keys, dwell_open_median_high_s="time", dwell_open_interval_high_s="time_high"),
        on=keys,
        how="left",
        nulls_equal=True,
    )


def _rows(frame: Any, others: list[str]) -> Any:
    """Rows that have a visit and a time, with the columns that are needed."""
    rows = as_frame(frame)
    have = rows.collect_schema().names()
    if missing := [name for name in dict.fromkeys([*NEEDED, *others]) if name not in have]:
        raise errors.missing_columns("measure.hovers", missing, have)
    chosen = rows.select(*dict.fromkeys([*NEEDED, *others]))
    return chosen.filter(~nw.col("visit").is_null(), ~nw.col("ms").is_null()).with_columns(nw.col("ms").cast(nw.Int64))


def _episodes(frame: Any, others: list[str]) -> pl.DataFrame:
    """Each hover with its kind, its bounds [ms] and what is odd about it."""
    rows = _on_desktop(_rows(frame, others))
    clicked = rows.filter(nw.col("action") == "link-click").select(*GROUP, "ms").unique()
    moments, loads, clicks = _in_words_of_one(
        *(collected(part, categories=True) for part in (_moments(rows, others), _loads(rows), clicked))
    )
    blocks = _by_turns(_unswapped(_in_load(moments, loads).lazy(), others))
    return _odd(_told(blocks.collect(), _in_load(clicks, loads).sort("ms"), others))


def _in_words_of_one(*parts: pl.DataFrame) -> list[pl.DataFrame]:
    """Tables whose wikis and modules are numbers in one list of words, by which they are sorted fastest."""
    for name in WORDS:
        there = [part[name].unique().cast(pl.String) for part in parts if name in part.columns]
        words = pl.Enum(pl.concat(there).drop_nulls().unique().sort())
        parts = tuple(part.with_columns(pl.col(name).cast(words)) if name in part.columns else part for part in parts)
    return list(parts)


def _loads(rows: Any) -> Any:
    shown = rows.filter(nw.col("action") == "impression").select("wiki", "visit", "ms")
    # most visits load their page once: only the others have their impressions put in order
    spans = shown.group_by("wiki", "visit").agg(first_ms=nw.col("ms").min(), last_ms=nw.col("ms").max())
    long = spans.filter(nw.col("last_ms") - nw.col("first_ms") > RESTART).select("wiki", "visit")
    again = shown.join(long, on=["wiki", "visit"], how="semi").unique()
    gap = nw.col("ms") - nw.col("ms").shift(1).over("wiki", "visit", order_by="ms")
    return again.with_columns(gap=gap).filter(nw.col("gap") > RESTART).drop("gap")


def _in_load(events: pl.DataFrame, loads: pl.DataFrame) -> pl.DataFrame:
    """Events with the time at which their page was loaded anew; 0 for the first time."""
    of = ["wiki", "visit"]
    once = events.join(loads, on=of, how="anti").with_columns(load=pl.lit(0, dtype=pl.Int64))
    # a hover in the second of the impressions was made on the new page: the old one was gone since long
    again = (
        events.join(loads, on=of, how="semi")
        .sort("ms")
        .join_asof(loads.with_columns(load="ms").sort("ms"), on="ms", by=of, check_sortedness=False)
        .with_columns(pl.col("load").fill_null(0))
    )
    return pl.concat([once, again.select(once.columns)])


def _moments(rows: Any, others: list[str]) -> Any:
    hover = rows.filter(nw.col("action").is_in(["hover-in", "hover-out"]))
    counts = {name: _one(nw.col("action") == action) for name, action in (("ins", "hover-in"), ("outs", "hover-out"))}
    # sums are wider than 64 bits on some engines
    sums = nw.col(*counts).sum().cast(nw.Int64)
    counted = by_category(hover.with_columns(**counts), WORDS)
    return counted.group_by(*GROUP, "ms").agg(*(nw.col(name).min() for name in others), sums)


def _numbered(frame: Frame, keys: Sequence[str]) -> Frame:
    """Rows in order of their keys, those that share all but the last one numbered as a group."""
    new = pl.any_horizontal(pl.col(key).ne_missing(pl.col(key).shift(1)) for key in keys[:-1])
    return frame.sort(keys, nulls_last=True).with_columns(group=new.cum_sum())


def _near(column: str, n: int) -> pl.Expr:
    """Value `n` rows before, null where that is another group; faster than a window for each of many small groups."""
    return pl.when(pl.col("group") == pl.col("group").shift(n)).then(pl.col(column).shift(n))


def _unequal(n: int) -> pl.Expr:
    """Whether the last block before (n = 1), this or the next (n = 0), or the next but one after (n = -2), of unequal numbers has more ins."""
    net = pl.col("ins") - pl.col("outs")
    known = pl.when(net != 0).then(pl.col("group").cast(pl.Int64) * 2 + (net > 0).cast(pl.Int64))
    found = (known.forward_fill() if n > 0 else known.backward_fill()).shift(n)
    return pl.when(found // 2 == pl.col("group")).then(found % 2 == 1)


def _unswapped(blocks: pl.LazyFrame, others: list[str]) -> pl.LazyFrame:
    """Blocks in which an out of one second and the in of the next are one, where else neither had its like."""
    ordered = _numbered(blocks, [*GROUP, "ms"]).with_columns(net=pl.col("ins") - pl.col("outs"))
    here = (
        (pl.col("net") < 0)
        & ~_unequal(1).fill_null(value=False)
        & (_near("net", -1) > 0)
        & (_near("ms", -1) - pl.col("ms") <= SECOND)
        & _unequal(-2).fill_null(value=True)
        & (_near("load", -1) == pl.col("load"))
    )
    # as many as lack their likes on both sides
    number = pl.when(here).then(pl.min_horizontal(-pl.col("net"), _near("net", -1))).otherwise(0)
    marked = ordered.with_columns(swapped=number)
    follows = _near("swapped", 1).fill_null(0) > 0
    moved = marked.with_columns(first_ms=pl.when(follows).then(pl.col("ms").shift(1)).otherwise("ms"))
    return moved.group_by(*GROUP, "first_ms").agg(
        pl.col(others).min(),
        pl.col("ins", "outs", "swapped").sum(),
        pl.col("load").min(),
        last_ms=pl.col("ms").max(),
    )


def _by_turns(blocks: pl.LazyFrame) -> pl.LazyFrame:
    """Each block with the pairs it closes, holds and leaves open, when the pointer goes in and out by turns."""
    net = pl.col("ins") - pl.col("outs")
    # a page that was loaded anew may have the pointer elsewhere: only its own events tell
    pages = _numbered(blocks, [*GROUP, "load", "first_ms"])
    inside = pages.with_columns(inside=pl.coalesce(_unequal(1), ~_unequal(0), pl.lit(value=False)))
    leaves = inside.with_columns(stays=pl.when(net == 0).then("inside").otherwise(net > 0))
    left = pl.col("outs") - pl.col("closes") - pl.col("begun")
    return (
        _numbered(leaves, [*GROUP, "first_ms"])
        .with_columns(goes_out=pl.col("inside") & (pl.col("outs") > 0), known=_near("stays", 1).fill_null(value=False))
        .with_columns(
            closes=(pl.col("goes_out") & pl.col("known")).cast(pl.Int64),
            begun=(pl.col("goes_out") & ~pl.col("known")).cast(pl.Int64),
        )
        .with_columns(within=pl.min_horizontal("ins", left))
        .with_columns(
            more_ins=pl.col("ins") - pl.col("within"),
            more_outs=left - pl.col("within") + pl.col("begun"),
            from_ms=pl.col("first_ms") - queued("first_ms"),
            until_ms=pl.col("last_ms") + grain("last_ms"),
        )
    )


def _told(blocks: pl.DataFrame, clicks: pl.DataFrame, others: list[str]) -> pl.DataFrame:
    """One row for each episode, with the range of times in which it began and ended."""
    kept = [*GROUP, *others, "load"]
    # whatever the pointer left behind in a block is closed by the next block of the module, if at all
    last = {name: _near(name, 1) for name in ("first_ms", "from_ms", "until_ms", "load", *others)}
    closed = _near("closes", -1).fill_null(0)
    ordered = blocks.with_columns(
        next_ms=_near("first_ms", -1).fill_null(2**62),
        swapped=pl.min_horizontal("swapped", "within"),
        times=pl.col("more_ins") - pl.when(pl.col("more_ins") > 0).then(closed).otherwise(0),
    )
    across = ordered.with_columns(
        **{f"began_{name}": expr for name, expr in last.items()},
    ).filter(pl.col("closes") > 0)
    closing = across.select(
        *GROUP,
        *(pl.col(f"began_{name}").alias(name) for name in others),
        load="began_load",
        kind=pl.when(pl.col("began_load") == pl.col("load")).then(pl.lit("pair")).otherwise(pl.lit("restored")),
        ms="began_first_ms",
        low_ms=(pl.col("from_ms") - pl.col("began_until_ms")).clip(0),
        high_ms=pl.col("until_ms") - pl.col("began_from_ms"),
        alone_from="began_until_ms",
        alone_until="from_ms",
        swapped=pl.lit(value=False),
    )
    plain = _repeated(ordered.with_columns(within=pl.col("within") - pl.col("swapped"), swapped=0), "within")
    swapped = _repeated(ordered, "swapped")
    instant = pl.concat([plain, swapped], how="vertical_relaxed").select(
        *kept,
        kind=pl.lit("pair"),
        ms="first_ms",
        low_ms=pl.lit(0, dtype=pl.Int64),
        high_ms=pl.col("until_ms") - pl.col("from_ms"),
        swapped=pl.col("swapped") > 0,
    )
    opened = (
        _repeated(ordered, "times")
        .sort("next_ms")
        .join_asof(
            clicks.select(*GROUP, "load", click_ms="ms").sort("click_ms"),
            left_on="next_ms",
            right_on="click_ms",
            by=[*GROUP, "load"],
            check_sortedness=False,
        )
    )
    click = pl.when(pl.col("click_ms") >= pl.col("first_ms")).then("click_ms")
    left_open = opened.select(
        *kept,
        kind=pl.lit("open"),
        ms="first_ms",
        low_ms=(click - queued(click) - pl.col("until_ms")).clip(0),
        high_ms=click + grain(click) - pl.col("from_ms"),
        swapped=pl.lit(value=False),
    )
    orphans = _repeated(ordered, "more_outs").select(
        *kept, kind=pl.lit("orphan"), ms="first_ms", swapped=pl.lit(value=False)
    )
    return pl.concat([closing, instant, left_open, orphans], how="diagonal")


def _repeated(blocks: pl.DataFrame, times: str) -> pl.DataFrame:
    """Rows as often as a column says."""
    some = blocks.filter(pl.col(times) > 0)
    return some.select(pl.all().repeat_by(times).explode())


def _odd(found: pl.DataFrame) -> pl.DataFrame:
    """Mark nested and overlapping pairs, and give lengths in seconds."""
    pair = pl.col("kind") == "pair"
    turn = pl.col("kind").replace_strict({"open": 0, "restored": 1, "pair": 1, "orphan": 2}, return_dtype=pl.Int64)
    ordered = _numbered(found.with_columns(place=pl.struct("ms", turn=turn)), [*GROUP, "load", "place"])
    alone = pl.when(~pair).then(pl.col("group").cast(pl.Int64) * 4 + turn)
    group = pl.col("group").cast(pl.Int64) * 4
    after_in, before_out = alone.forward_fill() == group, alone.backward_fill() == group + 2
    nested = ordered.with_columns(nested=(pair & after_in & before_out).fill_null(value=False)).drop("group", "place")
    # the time in which a pair went on for certain: what others share of it, one pointer can't have done
    certain = pair & (pl.col("alone_from") < pl.col("alone_until")).fill_null(value=False)
    visits = _numbered(nested.filter(certain), ["wiki", "visit", "alone_from"])
    others_end = pl.col("alone_until").cum_max().shift(1).over("group")
    overlapping = (others_end > pl.col("alone_from")) | (_near("alone_from", -1) < pl.col("alone_until"))
    lengths = {
        f"dwell_{side}_s": pl.when(pl.col("kind").is_in(kinds)).then(pl.col(f"{side}_ms") / SECOND)
        for side, kinds in (("low", ["pair", "open"]), ("high", ["pair"]))
    }
    marked = visits.with_columns(overlapping=overlapping.fill_null(value=False)).drop("group")
    plain = nested.filter(~certain).with_columns(overlapping=pl.lit(value=False))
    return pl.concat([marked, plain]).with_columns(**lengths)


def _on_desktop(rows: Any) -> Any:
    return rows.filter(nw.col("platform") == "desktop")


def _others(names: Sequence[str]) -> list[str]:
    """Dimensions beside those that tell a visit and a module."""
    return [name for name in names if name not in GROUP]


def _last_day() -> datetime:
    """Day on which hover was removed from the code."""
    until = reference.table("action").filter(action="hover-in")["until"].item()
    return datetime.fromisoformat(until).replace(tzinfo=UTC)
