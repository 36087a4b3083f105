"""The status funnel: how far page views or campaign attempts come, and where, why and how many stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, errors, reference
from toolkit.decode import BLANK
from toolkit.load import Load
from toolkit.measure.tally import COUNTS, KEYS, Unit, dimensions, is_tally, tally
from toolkit.rates import LEVEL, share_interval, total_interval

NOT_ATTEMPTED = "not attempted"
WEIGHT = "1 / sample rate"
RESULT = (
    "unit", "weight", "stage", "outcome", "status_code", "label", "group", "n", "total", "total_low", "total_high",
    "share", "share_low", "share_high", "conversion", "conversion_low", "conversion_high", "n_eff",
    "unweighted", "partial", "first_dt", "last_dt", "level",
)  # fmt: skip
RESERVED = (
    *RESULT, *KEYS, *COUNTS, "at", "of", "count", "base", "before", "variance", "square", "by_base", "by_before",
    "below", "above", "weighed", "of_total", "of_square", "share_n_eff", "conversion_n_eff",
)  # fmt: skip


def status_funnel(
    frame: Any, *, by: str | Sequence[str] | None = (), unit: Unit | None = None, level: float = LEVEL
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

    Returns
    -------
    pl.DataFrame
        For each funnel one row per stage (`outcome` "reached") and one per status code with which units stopped at
        that stage ("stopped"), in the order of the funnel. Columns:

        - those of `by`; unit; weight (how rows are weighted, in words)
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
        - partial: units recorded whose earlier attempts are not in the export
        - first_dt, last_dt: receive times of the funnel's units [UTC]

    Notes
    -----
    Totals follow Horvitz and Thompson. Their interval is a score interval within each sampling rate that the funnel
    has, and the distances to the estimate are added as roots of squares (MOVER), so that a code of which nothing was
    seen among the units at rate 0.01 still says how many there may have been. At rate 1 it is the number itself.

    Shares are ratios of two such totals. Their variance comes from linearisation, for units that are themselves a
    sample of what such traffic does, so that a share has an interval at rate 1 too. It gives an effective number of
    units, never more than Kish's, and Wilson's score interval for that number.

    The attempts of one page view were drawn together; they are treated as one cluster unless the funnels are by
    campaign, of which a page view attempts each at most once.

    References
    ----------
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures. Stat. Med. 27, 1693-1702.
    E. L. Korn, B. I. Graubard (1998), Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data. Survey Methodology 24, 193-201.

    Examples
    --------
    >>> rows = pl.DataFrame({"status_code": ["6", "6", "2.1", "7"], "requests": [50, 30, 19, 1], "ms": 0,
    ...                      "sample_rate": [1.0, 1.0, 1.0, 1.0], "flags": 0})
    >>> funnel = status_funnel(rows)
    >>> funnel.filter(outcome="reached").select("stage", "total", "share", pl.col("share_low").round(3)).rows()
    [('attempted', 100.0, 1.0, None), ('passed', 81.0, 0.81, 0.722), ('chosen', 81.0, 0.81, 0.722), ('loaded', 80.0, 0.8, 0.711), ('shown', 80.0, 0.8, 0.711)]
    """
    if not 0 < level < 1:
        raise errors.not_allowed("level", level, "lies between 0 and 1")
    names = dimensions(by, RESERVED)
    counted = _as_tally(frame, names, unit)
    cells = _cells(counted, names)
    return _in_words(_intervals(cells, counted, names, level), counted, names, level)


def _as_tally(frame: Any, names: list[str], unit: Unit | None) -> pl.DataFrame:
    """Tally with just these dimensions, in memory."""
    rows: Any = frame if isinstance(frame, Load) else nw.from_native(frame)
    if isinstance(rows, Load) or not is_tally(rows.collect_schema().names()):
        return _collected(nw.from_native(tally(frame, by=names, unit=unit or "pageview"))).sort(*names, *KEYS)
    have = rows.collect_schema().names()
    if missing := [name for name in names if name not in have]:
        raise errors.missing_columns("measure.status_funnel", missing, have)
    eager = _collected(rows)
    units = eager["unit"].unique().sort().to_list()
    if len(units) > 1 or (unit and units and units != [unit]):
        raise errors.not_allowed("unit", unit or ", ".join(units), f"is that of the tally, {' and '.join(units)}")
    if units == ["attempt"] and "campaign" in have and "campaign" not in names:
        rule = "keeps 'campaign' for a tally of attempts by campaign: those of one page view were drawn together"
        raise errors.not_allowed("by", ", ".join(names), rule)
    sums = [pl.col("n").sum(), pl.col("partial").sum(), pl.col("first_ms").min(), pl.col("last_ms").max()]
    return eager.group_by(*names, *KEYS).agg(sums).sort(*names, *KEYS)


def _steps(codes: pl.Series) -> pl.DataFrame:
    """What each way through the funnel counts for: codes, step, base, before, count.

    A step is a stage reached or a code with which it stopped. `count` says how often the way has it (more than once
    only for several attempts), `base` how many attempts the way has, `before` how many reached the stage that the
    step's conversion is of.
    """
    stages = reference.table("stage").select("stage", order=pl.col("order").cast(pl.Int64)).sort("order")
    ways = pl.DataFrame({"codes": codes.unique()})
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


def _collected(rows: Any) -> pl.DataFrame:
    eager: pl.DataFrame = rows.collect("polars").to_native() if isinstance(rows, nw.LazyFrame) else rows.to_polars()
    return eager


STEP = ["at", "outcome", "status_code"]


def _cells(counted: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Sums for each funnel, step and sampling rate: all that totals, shares and their variances need."""
    weighted = counted.drop_nulls("sample_rate")
    rows = weighted.join(_steps(weighted["codes"]), on="codes", how="inner", nulls_equal=True)
    p, n = pl.col("sample_rate"), pl.col("n")
    return rows.group_by(*names, *STEP, "sample_rate").agg(
        n=(n * pl.col("count")).sum().cast(pl.Int64),
        total=(n * pl.col("count") / p).sum(),
        variance=(n * pl.col("count") ** 2 * (1 - p) / p**2).sum(),
        square=(n * pl.col("count") ** 2 / p**2).sum(),
        by_base=(n * pl.col("count") * pl.col("base") / p**2).sum(),
        by_before=(n * pl.col("count") * pl.col("before") / p**2).sum(),
    )


def _on(names: Sequence[str]) -> dict[str, Any]:
    """Arguments of a join on these columns; of a cross join where there are none."""
    return {"on": list(names), "how": "left", "nulls_equal": True} if names else {"how": "cross"}


def _intervals(cells: pl.DataFrame, counted: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    rates = counted.drop_nulls("sample_rate").select(*names, "sample_rate").unique()
    if rates.is_empty() and not names:
        rates = pl.DataFrame({"sample_rate": [None]}, schema={"sample_rate": pl.Float64})
    order = reference.table("stage").select(at=pl.col("order").cast(pl.Int64))
    stages = order.with_columns(outcome=pl.lit("reached"), status_code=pl.lit(None, dtype=pl.String))
    # every funnel shows all stages: those that nothing reached, and those of units without a usable rate
    funnels = counted.select(names).unique().join(stages, how="cross") if names else stages
    all_stages = funnels if counted.height else funnels.clear()
    steps = pl.concat([cells.select(*names, *STEP), all_stages]).unique()
    keys = [*names, *STEP]
    strata = steps.join(rates, **_on(names)).join(cells, on=[*keys, "sample_rate"], how="left", nulls_equal=True).with_columns(
        pl.col("n", "total", "variance", "square", "by_base", "by_before").fill_null(0)
    )  # fmt: skip
    low, high = total_interval("total", "variance", "sample_rate", level)
    whole = (
        strata.with_columns(below=(pl.col("total") - low) ** 2, above=(high - pl.col("total")) ** 2)
        .sort(*keys, "sample_rate")
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("n", "total", "square", "by_base", "by_before", "below", "above").sum(),
            weighed=pl.col("sample_rate").is_not_null().any(),
        )
        .with_columns(total=pl.when("weighed").then("total"))
        .with_columns(
            total_low=pl.col("total") - pl.col("below").sqrt(), total_high=pl.col("total") + pl.col("above").sqrt()
        )
    )
    of_stage = whole.filter(outcome="reached").select(*names, of="at", of_total="total", of_square="square")
    of = (
        pl.when(pl.col("outcome") == "reached")
        .then(pl.max_horizontal(pl.col("at") - 1, 1))
        .otherwise(pl.max_horizontal("at", 1))
    )
    whole = _ratio(whole.with_columns(of=pl.lit(1, dtype=pl.Int64)), of_stage, names, "by_base", "share", level)
    return _ratio(whole.with_columns(of=of), of_stage, names, "by_before", "conversion", level)


def _ratio(
    whole: pl.DataFrame, of_stage: pl.DataFrame, names: list[str], product: str, name: str, level: float
) -> pl.DataFrame:
    """Add a share of the stage `of`, its effective n and its interval."""
    joined = whole.join(of_stage, on=[*names, "of"], how="left", nulls_equal=True)
    attempted = pl.col("at") > 0
    ratio = pl.when(attempted & (pl.col("of_total") > 0)).then(pl.col("total") / pl.col("of_total"))
    residual = pl.col("square") - 2 * ratio * pl.col(product) + ratio**2 * pl.col("of_square")
    kish = pl.col("of_total") ** 2 / pl.col("of_square")
    linear = ratio * (1 - ratio) * pl.col("of_total") ** 2 / residual
    inside = (ratio > 0) & (ratio < 1) & (residual > 0)
    n_eff = pl.when(ratio.is_not_null()).then(pl.when(inside).then(pl.min_horizontal(kish, linear)).otherwise(kish))
    itself = (pl.col("outcome") == "reached") & (pl.col("at") == pl.col("of"))  # the base has no interval
    added = joined.with_columns(ratio.alias(name), n_eff.alias(f"{name}_n_eff"))
    low, high = share_interval(name, f"{name}_n_eff", level)
    return added.with_columns(
        pl.when(~itself).then(low).alias(f"{name}_low"), pl.when(~itself).then(high).alias(f"{name}_high")
    ).drop("of", "of_total", "of_square")


def _in_words(whole: pl.DataFrame, counted: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    stages = reference.table("stage").select("stage", at=pl.col("order").cast(pl.Int64))
    per_funnel = [
        pl.col("unit").first(),
        pl.col("n").filter(pl.col("sample_rate").is_null()).sum().alias("unweighted"),
        pl.col("partial").sum(),
        pl.from_epoch(pl.col("first_ms").min(), time_unit="ms").dt.replace_time_zone("UTC").alias("first_dt"),
        pl.from_epoch(pl.col("last_ms").max(), time_unit="ms").dt.replace_time_zone("UTC").alias("last_dt"),
    ]
    facts = counted.group_by(names).agg(per_funnel) if names else counted.select(per_funnel)
    order = pl.Enum([NOT_ATTEMPTED, *reference.table("stage").sort(pl.col("order").cast(pl.Int64))["stage"]])
    stopped = pl.col("outcome") == "stopped"
    named = whole.join(stages, on="at", how="left").join(facts, **_on(names)).with_columns(
        weight=pl.lit(WEIGHT),
        level=pl.lit(level),
        stage=pl.col("stage").fill_null(NOT_ATTEMPTED).cast(order),
        label=pl.when(stopped).then(decode.label("status_code")),
        group=pl.when(stopped).then(decode.group("status_code")),
        n_eff=pl.col("share_n_eff"),
    )  # fmt: skip
    in_order = named.sort(*names, "at", "outcome", decode.code_order("status_code"), "status_code")
    return in_order.select(*names, *RESULT)
