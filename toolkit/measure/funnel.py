"""The status funnel: how far page views or campaign attempts come, and where, why and how many stop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, errors, rates, reference
from toolkit.decode import BLANK
from toolkit.measure.collected import collected
from toolkit.measure.tally import COUNTS, KEYS, Unit, as_frame, attempts_taken_over, dimensions, is_tally, tally
from toolkit.rates import LEVEL, mean_interval, part_interval, share, total_interval

NOT_ATTEMPTED = "not attempted"
WEIGHT = "1 / sample rate"
TAKEN_OVER_LIMIT = 0.05  # of a campaign's attempts: beyond it the row of its page views says so
TAKEN_OVER = "{}{} % of the attempts of this campaign ended as page views of another one and are not in this funnel; unit='attempt' counts them"
INCOMPLETE = "taken_over is a lower bound: of {} recorded the export does not hold all attempts"
NOT_KNOWN = "whether other campaigns took over page views of this one is not known: no attempts are given"
BOUND = "a lower bound: of {} recorded the export does not hold all attempts"
LOST = ("attempts", "taken_over", "incomplete")
RESULT = (
    "unit", "weight", "stage", "outcome", "status_code", "label", "group", "n", "total", "total_low", "total_high",
    "share", "share_low", "share_high", "conversion", "conversion_low", "conversion_high", "n_eff",
    "unweighted", "partial", "taken_over", "note", "first_dt", "last_dt", "level",
)  # fmt: skip
RESERVED = (
    *RESULT, *KEYS, *COUNTS, "at", "of", "count", "base", "before", "square", "by_base", "by_before", "clump",
    "below", "above", "weighed", "of_n", "of_square", "share_n_eff", "conversion_n_eff", *LOST, "last_campaign",
    "part", "rest", "both", "largest", "funnel", "kind", "cell", "of_total", "rest_square", "part_below", "part_above", "rest_below", "rest_above",
)  # fmt: skip


def status_funnel(
    frame: Any,
    *,
    by: str | Sequence[str] | None = (),
    unit: Unit | None = None,
    level: float = LEVEL,
    taken_over_limit: float = TAKEN_OVER_LIMIT,
) -> pl.DataFrame:
    """Stages that page views or campaign attempts reach, and what stops the others, with intervals.

    Parameters
    ----------
    frame : frame
        Rows of `load.impressions`, or a tally of them that has the dimensions of `by`.
    by : str or list of str
        One funnel for each combination of these dimensions.
    unit : {"pageview", "attempt"}, optional
        `pageview` (unless given; a tally has its own): each page view once, by its last campaign. `attempt`: each campaign attempt, also those that
        another campaign took over; where the export holds no attempts, the page view stands for them and the
        column `partial` counts it (the funnel is then a lower bound).
    level : float
        Of the intervals. [0 to 1]
    taken_over_limit : float
        Share of a campaign's attempts that may end as page views of another campaign before `note` says so. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each funnel one row per stage (`outcome` "reached") and one per status code with which units stopped at
        that stage ("stopped"), in the order of the funnel. Columns:

        - the columns of `by`; unit; weight (how rows are weighted, in words)
        - stage: attempted, passed, chosen, loaded, shown; `not attempted` for codes 0 and 8
        - outcome, status_code, label, group (of causes; null for reached)
        - n: units recorded, not weighted
        - total, total_low, total_high: units that there were [units; weighted]; null if no rate is usable
        - share, share_low, share_high: of the units attempted [0 to 1]
        - conversion, conversion_low, conversion_high: reached: of those who reached the stage before; stopped: of
          those who reached this stage [0 to 1]
        - n_eff: units of a plain random sample that would say as much about `share`
        - level: of the intervals [0 to 1]
        - unweighted: units recorded whose rate is unusable; they are in no other number
        - partial: units recorded whose earlier attempts are not in the export; unweighted and partial count page views
          where attempts are not by campaign, as they were drawn
        - taken_over: page views by campaign: share of the campaign's attempts that ended as page views of another
          campaign, which this funnel therefore does not hold [0 to 1; weighted; null: not known or does not apply]
        - note: what a reader of this funnel must know, in a sentence; null if nothing
        - first_dt, last_dt: receive times of the funnel's units [UTC]

    Notes
    -----
    Totals follow Horvitz and Thompson. Their interval is a mid-P interval within each sampling rate that the funnel
    has (`rates.total_interval`), and the distances to the estimate are added as roots of squares (MOVER), so that a
    code of which nothing was seen among the units at rate 0.01 still says how many there may have been. At rate 1 it
    is the number itself.

    Shares are ratios of two such totals, of units that are themselves a sample of what such traffic does
    (`rates.mean_interval`), so that a share has an interval at rate 1 too. The units in the share and the rest have
    an interval each, made in the same way, and the share has the interval of their ratio (`rates.part_interval`).
    Unlike Wilson's interval for an effective number, this holds its level where a code occurs at one rate only or
    the few units seen all came at a high one. The effective number beside it is that of linearisation, never more
    than Kish's.

    95 % intervals hold the truth in 93 to 97 % of samples where some ten units or more are expected in the share and
    in the rest at each rate that matters. With fewer the counts are too coarse for that: 91.5 to 93 % in places, and
    up to 100 % where hardly anything is expected at the lowest rate, since what was not seen there may still have
    been. Totals at rate 1 are exact. `tests/measure/test_calibration.py` draws the samples that say so.

    All rows given count, pages with a debug parameter and automata too: the funnel does not leave them out, nor say how
    many they are, since a tally keeps no flags. `rows.filter(toolkit.keep.without("debug", "bot"))` before leaves them
    out, as Druid does; a load and `toolkit.quality.report` count them.

    The attempts of one page view were drawn together; they are treated as one cluster unless the funnels are by
    campaign, of which a page view attempts each at most once.

    A funnel of page views has each page view once, by its last campaign: a campaign that fails and is followed by
    another loses the page view, and with it the failure, to that other campaign [1]_. `taken_over` says how often;
    a campaign that was attempted and is nobody's last has a funnel with n = 0.

    References
    ----------
    .. [1] https://phabricator.wikimedia.org/T411382
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures. Stat. Med. 27, 1693-1702.
    M. P. Fay, S. Kim (2017), Confidence intervals for directly standardized rates using mid-p gamma intervals.
    Biom. J. 59, 377-387. Nearly as good for totals, wider for codes of one low rate.

    Examples
    --------
    >>> rows = pl.DataFrame({"status_code": ["6", "6", "2.1", "7"], "requests": [50, 30, 19, 1], "ms": 0,
    ...                      "sample_rate": [1.0, 1.0, 1.0, 1.0], "flags": 0})
    >>> funnel = status_funnel(rows)
    >>> funnel.filter(outcome="reached").select("stage", "total", "share", pl.col("share_low").round(3)).rows()
    [('attempted', 100.0, 1.0, None), ('passed', 81.0, 0.81, 0.724), ('chosen', 81.0, 0.81, 0.724), ('loaded', 80.0, 0.8, 0.713), ('shown', 80.0, 0.8, 0.713)]
    """
    rates.check("level", level)
    rates.check("taken_over_limit", taken_over_limit, ends=True)
    names = dimensions(by, RESERVED)
    frame = as_frame(frame).to_native()
    counted = _as_tally(frame, names, unit)
    lost = _taken_over(frame, counted, names)
    of_funnels = [*names, "sample_rate"]
    sampled = pl.concat([counted.select(of_funnels), lost.select(of_funnels)]).unique()
    funnels = _numbered(sampled, names)
    steps = _steps(frozenset(counted.drop_nulls("sample_rate")["codes"].unique()))
    kinds = _kinds(steps)
    numbered = steps.join(kinds, on=STEP, how="left", nulls_equal=True)
    cells = _cells(counted, funnels, numbered, names)
    strata = _strata(cells, funnels, kinds, sampled.join(funnels, **_on(names)).select("funnel", "sample_rate"))
    facts = funnels.join(_facts(counted, lost, names, taken_over_limit), **_on(names))
    return _in_words(_intervals(strata, level), kinds, facts, names, level)


def _as_tally(frame: Any, names: list[str], unit: Unit | None) -> pl.DataFrame:
    """Tally with just these dimensions, in memory."""
    rows: Any = nw.from_native(frame)
    if not is_tally(rows.collect_schema().names()):
        return collected(tally(frame, by=names, unit=unit or "pageview"))
    have = rows.collect_schema().names()
    if missing := [name for name in names if name not in have]:
        raise errors.missing_columns("measure.status_funnel", missing, have)
    eager = collected(rows)
    units = eager["unit"].unique().sort().to_list()
    if len(units) > 1 or (unit and units and units != [unit]):
        raise errors.not_allowed("unit", unit or ", ".join(units), f"is that of the tally, {' and '.join(units)}")
    if units == ["attempt"] and "campaign" in have and "campaign" not in names:
        rule = "keeps 'campaign' for a tally of attempts by campaign: those of one page view were drawn together"
        raise errors.not_allowed("by", ", ".join(names), rule)
    sums = [pl.col("n").sum(), pl.col("partial").sum(), pl.col("first_ms").min(), pl.col("last_ms").max()]
    return eager.group_by(*names, *KEYS).agg(sums)


def _taken_over(frame: Any, counted: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Attempts of each campaign and how many of them others took over; empty where that is not known or not asked."""
    of_page_views = "campaign" in names and counted["unit"].eq("pageview").all()
    have = nw.from_native(frame).collect_schema().names()
    if of_page_views and {"attempts", "path"} <= set(have):
        lost = collected(attempts_taken_over(frame, by=names))
        return lost.select(*names, "sample_rate", *LOST)
    counts = pl.DataFrame(schema=dict.fromkeys(LOST, pl.Int64))
    return pl.concat([counted.select(*names, "sample_rate").clear(), counts], how="horizontal")


@lru_cache(64)  # an explorer asks for the same codes again and again
def _steps(codes: frozenset[str | None]) -> pl.DataFrame:
    """What each way through the funnel counts for: codes, step, base, before, count.

    A step is a stage reached or a code with which it stopped. `count` says how often the way has it (more than once
    only for several attempts), `base` how many attempts the way has, `before` how many reached the stage that the
    step's conversion is of.
    """
    stages = reference.table("stage").select("stage", order=pl.col("order").cast(pl.Int64)).sort("order")
    ways = pl.DataFrame({"codes": list(codes)}, schema={"codes": pl.String})
    single = ways.with_columns(status_code=pl.col("codes").fill_null("?").str.split(" ")).explode("status_code")
    code = pl.col("status_code").str.replace_all(BLANK, " ", literal=True)
    known = single.with_columns(status_code=pl.when(pl.col("codes").is_not_null()).then(code))
    # a code of which nothing was attempted reaches no stage
    last = (
        known.with_columns(stage=decode.stage("status_code"))
        .join(stages, on="stage", how="left")
        .with_columns(pl.col("order").fill_null(0))
    )
    reached = last.join(stages.rename({"stage": "step_stage", "order": "at"}), how="cross").filter(
        pl.col("at") <= pl.col("order")
    )
    final = stages["order"].max()
    stopped = last.filter(pl.col("order") < final)
    counts = pl.concat([
        reached.group_by("codes", "at").len("count").with_columns(outcome=pl.lit("reached"), status_code=pl.lit(None, dtype=pl.String)),
        stopped.group_by("codes", "status_code", at="order").len("count").with_columns(outcome=pl.lit("stopped")).select("codes", "at", "count", "outcome", "status_code"),
    ])  # fmt: skip
    stage_counts = counts.filter(outcome="reached").select("codes", at="at", n_at="count")
    base = stage_counts.filter(at=1).select("codes", base="n_at")
    before = stage_counts.rename({"at": "of", "n_at": "before"})
    of = pl.when(pl.col("outcome") == "reached").then(pl.max_horizontal(pl.col("at") - 1, 1)).otherwise(pl.col("at"))
    return (
        counts.with_columns(of=of)
        .join(base, on="codes", how="left", nulls_equal=True)
        .join(before, on=["codes", "of"], how="left", nulls_equal=True)
        .with_columns(pl.col("count", "base", "before").fill_null(0).cast(pl.Float64))
        .drop("of")
    )


STEP = ["at", "outcome", "status_code"]


def _numbered(sampled: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Each combination of the dimensions with its number `funnel`: numbers are grouped and joined faster than texts."""
    if not names:
        return pl.DataFrame({"funnel": [0]}, schema={"funnel": pl.UInt32}).head(sampled.height)
    return sampled.select(names).unique().sort(names).with_row_index("funnel")


def _kinds(steps: pl.DataFrame) -> pl.DataFrame:
    """Each stage and each code with which any way stops, in the order of the funnel, with its number `kind`."""
    order = reference.table("stage").select(at=pl.col("order").cast(pl.Int64))
    stages = order.with_columns(outcome=pl.lit("reached"), status_code=pl.lit(None, dtype=pl.String))
    unordered = pl.concat([stages, steps.select(STEP)]).unique()
    in_order = unordered.sort("at", "outcome", decode.code_order("status_code"), "status_code")
    return in_order.with_row_index("kind")


def _cells(counted: pl.DataFrame, funnels: pl.DataFrame, steps: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Sums for each funnel, step and sampling rate: all that totals, shares and their intervals need.

    Of what a page view counts for in a step, times the page views recorded: `n`, and `square`, `by_base` and
    `by_before` as its products with itself, with its attempts and with those of the stage before.
    """
    weighted = counted.drop_nulls("sample_rate").join(funnels, **_on(names))
    summed = weighted.group_by("funnel", "codes", "sample_rate").agg(pl.col("n").sum())
    rows = summed.join(steps, on="codes", how="inner", nulls_equal=True)
    n, count = pl.col("n"), pl.col("count")
    return rows.group_by("funnel", "kind", "sample_rate").agg(
        n=(n * count).sum(),
        square=(n * count * count).sum(),
        by_base=(n * count * pl.col("base")).sum(),
        by_before=(n * count * pl.col("before")).sum(),
    )


def _on(names: Sequence[str]) -> dict[str, Any]:
    """Arguments of a join on these columns; of a cross join where there are none."""
    return {"on": list(names), "how": "left", "nulls_equal": True} if names else {"how": "cross"}


def _strata(cells: pl.DataFrame, funnels: pl.DataFrame, kinds: pl.DataFrame, sampled: pl.DataFrame) -> pl.DataFrame:
    """Cells of every step at every rate that its funnel has, zeros too, and how units come in clumps.

    Each step of a funnel has its number `cell`, in the order of both.
    """
    # every funnel shows all stages: those that nothing reached, and those of units without a usable rate
    stages = funnels.select("funnel").join(kinds.filter(outcome="reached").select("kind"), how="cross")
    steps = pl.concat([cells.select("funnel", "kind"), stages]).unique().sort("funnel", "kind").with_row_index("cell")
    return (
        steps.join(sampled.drop_nulls("sample_rate"), on="funnel", how="left")
        .join(cells, on=["funnel", "kind", "sample_rate"], how="left")
        .join(kinds.select("kind", "at", "outcome"), on="kind", how="left")
        .with_columns(pl.col("n", "square", "by_base", "by_before").fill_null(0))
        .sort("cell", "sample_rate")  # sums in one order: the same digits in every run
    )


def _clump(square: str, n: str, *, single: bool) -> pl.Expr:
    """How many units come together: at this rate if any came, else at all rates, else one; one if all are single."""
    if single:
        return pl.lit(1.0)
    of_all = share(pl.col(square).sum().over("cell"), pl.col(n).sum().over("cell"))
    return pl.coalesce(share(square, n), of_all, pl.lit(1.0))


def _intervals(strata: pl.DataFrame, level: float) -> pl.DataFrame:
    """Totals, shares and conversions of every step, with their intervals."""
    single = strata["square"].eq(strata["n"]).all()
    p, total = pl.col("sample_rate"), pl.col("n") / pl.col("sample_rate")
    n_low, n_high = mean_interval("n", "clump", level)
    cells = (
        strata.with_columns(clump=_clump("square", "n", single=single)).with_columns(n_low=n_low, n_high=n_high).lazy()
    )
    low, high = total_interval("n", "sample_rate", "clump", level)
    whole = (
        cells.with_columns(below=(total - low) ** 2, above=(high - total) ** 2)
        .group_by("cell", maintain_order=True)
        .agg(pl.col("funnel", "kind").first(), pl.col("n").sum().cast(pl.Int64), pl.col("below", "above").sum(), total=total.sum(), weighed=p.is_not_null().any())
        .with_columns(total=pl.when("weighed").then("total"))
        .with_columns(
            total_low=pl.col("total") - pl.col("below").sqrt(), total_high=pl.col("total") + pl.col("above").sqrt()
        )
    )  # fmt: skip
    reached = pl.col("outcome") == "reached"
    of = pl.when(reached).then(pl.max_horizontal(pl.col("at") - 1, 1)).otherwise(pl.max_horizontal("at", 1))
    shares = _ratio(cells.with_columns(of=pl.lit(1, dtype=pl.Int64)), "by_base", "share", level, single=single)
    conversions = _ratio(cells.with_columns(of=of), "by_before", "conversion", level, single=single)
    both = whole.join(shares, on="cell", how="left").join(conversions, on="cell", how="left")
    return both.sort("cell").collect()


def _ratio(strata: pl.LazyFrame, product: str, name: str, level: float, *, single: bool) -> pl.LazyFrame:
    """Share of the stage `of` that each step has, with its interval and its effective n."""
    at_rate = ["funnel", "of", "sample_rate"]
    stages = strata.filter(outcome="reached").select(
        "funnel", "sample_rate", of=pl.col("at"), of_n="n", of_square="square"
    )
    both = pl.col(product) - pl.col("square")  # counts of a page view in the step, times those in the rest
    parted = (
        strata.join(stages, on=at_rate, how="inner", maintain_order="left")
        .with_columns(
            rest=(pl.col("of_n") - pl.col("n")).clip(0),
            rest_square=pl.col("of_square") - 2 * pl.col(product) + pl.col("square"),
            both=both,
        )
        .with_columns(rest_clump=_clump("rest_square", "rest", single=single))
    )
    rest_low, rest_high = mean_interval("rest", "rest_clump", level)
    p = pl.col("sample_rate")
    summed = parted.with_columns(
        part_below=((pl.col("n") - pl.col("n_low")) / p) ** 2,
        part_above=((pl.col("n_high") - pl.col("n")) / p) ** 2,
        rest_below=((pl.col("rest") - rest_low) / p) ** 2,
        rest_above=((rest_high - pl.col("rest")) / p) ** 2,
    ).filter(pl.col("of_n") > 0).group_by("cell", maintain_order=True).agg(
        pl.col("part_below", "part_above", "rest_below", "rest_above").sum().sqrt(),
        pl.col("at", "outcome", "of").first(),
        part=(pl.col("n") / p).sum(),
        rest=(pl.col("rest") / p).sum(),
        of_total=(pl.col("of_n") / p).sum(),
        square=(pl.col("square") / p**2).sum(),
        rest_square=(pl.col("rest_square") / p**2).sum(),
        both=(pl.col("both") / p**2).sum(),
        of_square=(pl.col("of_square") / p**2).sum(),
        largest=(1 / p**2).max(),
    )  # fmt: skip
    part, rest = pl.col("part"), pl.col("rest")
    # one page view more on each side: a correlation of 1 in a few of them is not yet one
    spread = (pl.col("square") + pl.col("largest")) * (pl.col("rest_square") + pl.col("largest"))
    share_low, share_high = part_interval(
        (part, (part - pl.col("part_below")).clip(0), part + pl.col("part_above")),
        (rest, (rest - pl.col("rest_below")).clip(0), rest + pl.col("rest_above")),
        pl.col("both") / spread.sqrt(),
    )
    known = (pl.col("at") > 0) & (pl.col("of_total") > 0)
    itself = (pl.col("outcome") == "reached") & (pl.col("at") == pl.col("of"))  # the base has no interval
    ratio = pl.when(known).then(part / pl.col("of_total"))
    return summed.select(
        "cell",
        ratio.alias(name),
        pl.when(known & ~itself).then(pl.min_horizontal(share_low, ratio)).alias(f"{name}_low"),
        pl.when(known & ~itself).then(pl.max_horizontal(share_high, ratio)).alias(f"{name}_high"),
        _effective(ratio).alias(f"{name}_n_eff"),
    )


def _effective(ratio: pl.Expr) -> pl.Expr:
    """Units of a plain random sample with the variance that linearisation gives, never more than Kish's."""
    whole, square, rest_square, both = (pl.col(name) for name in ("of_total", "square", "rest_square", "both"))
    residual = (1 - ratio) ** 2 * square - 2 * ratio * (1 - ratio) * both + ratio**2 * rest_square
    kish = whole**2 / pl.col("of_square")
    linear = pl.when((ratio > 0) & (ratio < 1) & (residual > 0)).then(ratio * (1 - ratio) * whole**2 / residual)
    return pl.when(ratio.is_not_null()).then(pl.min_horizontal(kish, linear))


def _facts(counted: pl.DataFrame, lost: pl.DataFrame, names: list[str], limit: float) -> pl.DataFrame:
    """What holds for a whole funnel: unit, times, rows without a weight, attempts that are not in it."""
    unit = counted["unit"].unique()
    per_funnel = [
        pl.col("n").filter(pl.col("sample_rate").is_null()).sum().alias("unweighted"),
        pl.col("partial").sum(),
        pl.from_epoch(pl.col("first_ms").min(), time_unit="ms").dt.replace_time_zone("UTC").alias("first_dt"),
        pl.from_epoch(pl.col("last_ms").max(), time_unit="ms").dt.replace_time_zone("UTC").alias("last_dt"),
    ]
    facts = counted.group_by(names).agg(per_funnel) if names else counted.select(per_funnel)
    if "campaign" in names:
        weighted = [(pl.col(name) / pl.col("sample_rate")).sum() for name in ("taken_over", "attempts")]
        shares = (
            lost.sort(*names, "sample_rate")
            .group_by(names)
            .agg(pl.col("incomplete").sum(), taken_over=share(*weighted))
        )
        facts = facts.join(shares, on=names, how="full", nulls_equal=True, coalesce=True)
    else:
        facts = facts.with_columns(taken_over=pl.lit(None, dtype=pl.Float64), incomplete=0)
    known = [
        pl.col("unweighted", "partial", "incomplete").fill_null(0),
        pl.lit(unit.first(), dtype=pl.String).alias("unit"),
    ]
    note = note_on_attempts(limit) if "campaign" in names else pl.lit(None, dtype=pl.String)
    if unit.first() == "attempt":
        note = pl.when(pl.col("partial") > 0).then(pl.format(BOUND, "partial"))
    return facts.with_columns(known).with_columns(note=note).drop("incomplete")


def note_on_attempts(limit: float) -> pl.Expr:
    """Sentence on the attempts of a campaign that its page views do not hold; null where there are few."""
    taken, some = pl.col("taken_over"), pl.col("incomplete") > 0
    percent = (taken * 100).round(1)
    at_least = pl.when(some).then(pl.lit("at least ")).otherwise(pl.lit(""))
    return (
        pl.when(taken.is_null()).then(pl.lit(NOT_KNOWN))
        .when(taken > limit).then(pl.format(TAKEN_OVER, at_least, percent))
        .when(some).then(pl.format(INCOMPLETE, "incomplete"))
    )  # fmt: skip


def _in_words(
    whole: pl.DataFrame, kinds: pl.DataFrame, facts: pl.DataFrame, names: list[str], level: float
) -> pl.DataFrame:
    stages = reference.table("stage").select("stage", at=pl.col("order").cast(pl.Int64))
    order = pl.Enum([NOT_ATTEMPTED, *reference.table("stage").sort(pl.col("order").cast(pl.Int64))["stage"]])
    stopped = pl.col("outcome") == "stopped"
    said = kinds.join(stages, on="at", how="left").select(
        "kind",
        "outcome",
        "status_code",
        stage=pl.col("stage").fill_null(NOT_ATTEMPTED).cast(order),
        label=pl.when(stopped).then(decode.label("status_code")),
        group=pl.when(stopped).then(decode.group("status_code")),
    )
    return (
        whole.join(said, on="kind", how="left", maintain_order="left")
        .join(facts, on="funnel", how="left", maintain_order="left")
        .with_columns(weight=pl.lit(WEIGHT), level=pl.lit(level), n_eff=pl.col("share_n_eff"))
        .select(*names, *RESULT)
    )
