"""Differences between funnels: two segments, or a period and the one before, with intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import narwhals as nw
import polars as pl
import polars.selectors as cs

from toolkit import decode, errors, rates
from toolkit.measure.funnel import NOT_ATTEMPTED, RESULT, status_funnel
from toolkit.measure.plain import plain
from toolkit.measure.spans import Time, span
from toolkit.measure.tally import Unit, dimensions

Value = Literal["share", "conversion"]
VALUES = ("share", "conversion")
STEP = ("stage", "outcome", "status_code")
WORDS = ("unit", "weight", "label", "group", "level")
OF_SEGMENT = ("n", "estimate", "low", "high", "note")
DIFFERENCE = (
    "baseline", "value", *WORDS[:2], *STEP, *WORDS[2:4], "n", "n_baseline", "estimate", "estimate_baseline",
    "difference", "difference_low", "difference_high", "p_value", "p_adjusted", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
PERIODS = ("this period", "the period before")
SHARED = "attempts of one page view may stand in both campaigns, which the interval does not take into account"


def difference(funnel: pl.DataFrame, *, by: str, baseline: Any, value: Value = "share") -> pl.DataFrame:
    """Differences of shares or conversions between segments of a funnel and one of them.

    Parameters
    ----------
    funnel : pl.DataFrame
        What `status_funnel` gives, with the dimension `by`.
    by : str
        The dimension whose values are compared.
    baseline : value of that dimension
        What the others are compared with. Within the values of further dimensions, if the funnel has such.
    value : {"share", "conversion"}
        Share of the units attempted, or conversion from the stage before.

    Returns
    -------
    pl.DataFrame
        One row for each segment but the baseline and each stage or code that either has, in the order of the funnel;
        not for `attempted`, which is 1 in all. Columns:

        - the funnel's dimensions, `by` the segment; baseline; value (which of the two); unit; weight
        - stage, outcome, status_code, label, group: as in the funnel
        - n, n_baseline: units recorded
        - estimate, estimate_baseline: the share or conversion [0 to 1]
        - difference, difference_low, difference_high: segment less baseline [-1 to 1]
        - p_value: of no difference; below 1 - level where the interval does not hold 0 [0 to 1]
        - p_adjusted: the same by Holm's method, over all rows of this table [0 to 1]
        - level: of each interval [0 to 1]
        - first_dt, last_dt: of the whole funnel [UTC]
        - note: what the funnels say of themselves; null if nothing

    Raises
    ------
    ToolkitError
        If the funnel does not have the dimension or the dimension not the baseline.

    Notes
    -----
    The interval is made of those of both segments (`rates.difference_interval`); like them it keeps to its side of 0
    and 1. `p_value` turns it round: the distance to 0, counted in the length that the interval has on that side,
    by the normal distribution. Both take the segments for samples drawn apart. Holm's method keeps the chance of
    even one false finding among all rows at the level chosen, however the rows depend on each other, as stages of a
    funnel do [1]_. Read `p_adjusted` when looking for what differs, `p_value` where one row was chosen before.

    A code that a segment does not have was seen there 0 times; its interval reaches as high as the effective number
    of units allows.

    References
    ----------
    .. [1] S. Holm (1979), A simple sequentially rejective multiple test procedure. Scand. J. Stat. 6, 65-70.

    Examples
    --------
    >>> rows = pl.DataFrame({"device": ["ipad", "ipad", "desktop", "desktop"], "status_code": ["6", "2.1"] * 2,
    ...                      "requests": [50, 50, 80, 20], "ms": 0, "sample_rate": 1.0, "flags": 0})
    >>> found = difference(status_funnel(rows, by="device"), by="device", baseline="desktop")
    >>> found.filter(stage="shown").select("device", pl.col("difference", "difference_low", "difference_high").round(3)).rows()
    [('ipad', -0.3, -0.419, -0.17)]
    """
    if not isinstance(value, str) or value not in VALUES:
        raise errors.bad_choice("value", value, VALUES)
    _check(funnel, by, baseline)
    coded = cs.by_dtype(pl.Categorical, pl.Enum) - cs.by_name("stage")  # stages are in the order of the funnel
    funnel = funnel.with_columns(coded.cast(pl.String))
    others = [name for name in funnel.columns if name not in (*RESULT, by)]
    segments = _segments(funnel, [*others, by], value)
    is_baseline = pl.col(by).eq_missing(pl.lit(baseline, dtype=funnel.schema[by]))
    base = segments.filter(is_baseline).select(*others, pl.col(by).alias("baseline"), *STEP, *OF_SEGMENT)
    pairs = segments.filter(~is_baseline).join(
        base, on=[*others, *STEP], how="inner", nulls_equal=True, suffix="_baseline"
    )
    compared = pairs.filter((pl.col("n") > 0) | (pl.col("n_baseline") > 0) | (pl.col("outcome") == "reached"))
    low, high = rates.difference_interval(
        ("estimate", "low", "high"), ("estimate_baseline", "low_baseline", "high_baseline")
    )
    tested = compared.with_columns(
        value=pl.lit(value),
        difference=pl.col("estimate") - pl.col("estimate_baseline"),
        difference_low=low,
        difference_high=high,
        note=_notes(pl.col("unit").eq("attempt") & (by == "campaign")),
    ).with_columns(p_value=_p_value())
    span = funnel.select(pl.col("first_dt").min(), pl.col("last_dt").max())
    adjusted = tested.with_columns(p_adjusted=rates.holm("p_value")).join(span, how="cross")
    return adjusted.select(*others, by, *DIFFERENCE)


def status_change(
    frame: Any,
    *,
    period: tuple[Time, Time],
    by: str | Sequence[str] | None = (),
    unit: Unit = "pageview",
    value: Value = "share",
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Differences between a period and the one just before it that is as long.

    Parameters
    ----------
    frame : frame
        Rows of `load.impressions`.
    period : tuple of two times
        First moment of the period and first moment after it: dates, datetimes or their text such as
        "2026-03-04 13:30", in UTC where they name no zone. [UTC]
    by : str or list of str
        Dimensions; each combination is compared with itself before.
    unit : {"pageview", "attempt"}
        What is counted, as in `status_funnel`.
    value : {"share", "conversion"}
        What is compared.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination of `by` and each stage or code that either period has. Columns: the columns of `by`;
        period ("this period"); baseline ("the period before"); value; unit; weight; stage, outcome, status_code, label,
        group; n, n_baseline; estimate, estimate_baseline [0 to 1]; difference, difference_low, difference_high [-1 to
        1]; p_value, p_adjusted, level [0 to 1]; first_dt, last_dt (both periods
        [UTC]); note. What they mean is told at `difference`.

    Examples
    --------
    >>> from datetime import datetime
    >>> rows = pl.DataFrame({"dt": [datetime(2026, 3, 1), datetime(2026, 3, 2)], "status_code": ["2.1", "6"],
    ...                      "requests": [10, 10], "ms": 0, "sample_rate": 1.0, "flags": 0})
    >>> rows = rows.with_columns(pl.col("dt").dt.replace_time_zone("UTC"))
    >>> status_change(rows, period=("2026-03-02", "2026-03-03")).filter(stage="shown")["difference"].to_list()
    [1.0]
    """
    start, end = span("period", period)
    if not isinstance(value, str) or value not in VALUES:
        raise errors.bad_choice("value", value, VALUES)
    rows = nw.from_native(plain(frame))
    have = rows.collect_schema().names()
    if "dt" not in have:
        raise errors.missing_columns("measure.status_change", ["dt"], have)
    names = dimensions(by, ("period", *DIFFERENCE, "reach", "n_attempted", "of_funnel"))
    now, before = PERIODS
    both = rows.filter(nw.col("dt") >= start - (end - start), nw.col("dt") < end)
    parted = both.with_columns(period=nw.when(nw.col("dt") >= start).then(nw.lit(now)).otherwise(nw.lit(before)))
    funnel = status_funnel(parted.to_native(), by=[*names, "period"], unit=unit, level=level)
    return difference(funnel, by="period", baseline=before, value=value)


def _check(funnel: pl.DataFrame, by: str, baseline: Any) -> None:
    if not isinstance(funnel, pl.DataFrame):
        raise errors.not_allowed("funnel", funnel, "is a table that `status_funnel` gives")
    if not isinstance(by, str):
        raise errors.not_allowed("by", by, "is the name of the one dimension whose values are compared")
    if missing := [name for name in (*RESULT, by) if name not in funnel.columns]:
        raise errors.missing_columns("measure.difference", missing, funnel.columns)
    have = funnel[by].unique().sort().to_list()
    if baseline not in have:
        raise errors.not_found("value", str(baseline), f"'{by}'", map(str, have))


def _segments(funnel: pl.DataFrame, names: list[str], value: Value) -> pl.DataFrame:
    """Every step of any segment in each of them; a code that one does not have was seen there 0 times."""
    steps = funnel.filter(
        pl.col("stage") != NOT_ATTEMPTED, ~((pl.col("stage") == "attempted") & (pl.col("outcome") == "reached"))
    )
    words = steps.select(*STEP, *WORDS).unique()
    attempted = funnel.filter(stage="attempted", outcome="reached").select(
        *names, n_attempted="n_eff", of_funnel="note"
    )
    reached = funnel.filter(outcome="reached").select(*names, "stage", reach="share")
    estimate = [
        pl.col(value).alias("estimate"),
        pl.col(f"{value}_low").alias("low"),
        pl.col(f"{value}_high").alias("high"),
    ]
    all_steps = attempted.join(words, how="cross").join(reached, on=[*names, "stage"], how="left", nulls_equal=True)
    known = all_steps.join(
        steps.select(*names, *STEP, "n", *estimate), on=[*names, *STEP], how="left", nulls_equal=True
    )
    # of what such a number of units would hold, had it been drawn plainly
    units = pl.col("n_attempted") * (pl.col("reach") if value == "conversion" else 1)
    level = funnel["level"][0] if funnel.height else rates.LEVEL
    low, high = rates.mean_interval(units, level=level)
    none = pl.lit(0.0)
    _, most = rates.part_interval((none, none, rates.mean_interval(none * units, level=level)[1]), (units, low, high))
    unseen = pl.col("n").is_null() & (units > 0)
    return known.with_columns(
        pl.when(unseen).then(0.0).otherwise("estimate").alias("estimate"),
        pl.when(unseen).then(0.0).otherwise("low").alias("low"),
        pl.when(unseen).then(most).otherwise("high").alias("high"),
        pl.col("n").fill_null(0),
        note=pl.col("of_funnel"),
    ).sort(*names, "stage", "outcome", decode.code_order("status_code"), "status_code")


def _notes(shared: pl.Expr) -> pl.Expr:
    """What both funnels say of themselves, each once."""
    of_base = pl.when(pl.col("note_baseline").ne_missing(pl.col("note"))).then("note_baseline")
    said = pl.concat_str(
        pl.col("note"), of_base, pl.when(shared).then(pl.lit(SHARED)), separator="; ", ignore_nulls=True
    )
    return pl.when(said != "").then(said)


def _p_value() -> pl.Expr:
    """Level at which the interval would end at 0, by the length that it has on that side."""
    found = pl.col("difference")
    length = pl.when(found > 0).then(found - pl.col("difference_low")).otherwise(pl.col("difference_high") - found)
    level = pl.col("level").first()
    return pl.when(found == 0).then(1.0).otherwise(rates.two_sided(found.abs() / length, level))
