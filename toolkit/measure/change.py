"""Why a share changed: parts of the difference between two periods or segments, exact, ranked and with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, errors, reference
from toolkit.decode import BLANK
from toolkit.measure.funnel import NOT_ATTEMPTED, WEIGHT, status_funnel
from toolkit.measure.over_time import counted, zeros
from toolkit.measure.plain import plain
from toolkit.measure.spans import Time, in_words, span
from toolkit.measure.tally import COUNTS, KEYS, Unit, dimensions, is_tally
from toolkit.rates import LEVEL, check, difference_interval, share

SIDES = ("before", "after")
UNTIMED = "no time"
RESULT = (
    "unit", "weight", "outcome", "before", "after", "dimension", "value", "part", "status_code", "label", "group",
    "contribution", "contribution_low", "contribution_high", "of_difference", "n_before", "n_after", "size_before",
    "size_after", "share_before", "share_after", "whole_before", "whole_before_low", "whole_before_high", "whole_after",
    "whole_after_low", "whole_after_high", "difference", "difference_low", "difference_high", "unweighted", "timeless",
    "level", "note",
)  # fmt: skip
RESERVED = (*RESULT, *KEYS, *COUNTS, "side", "row", "place", "token")
YES, NO = "yes", "no"


def change(
    frame: Any,
    *,
    after: tuple[Time, Time] | None = None,
    before: tuple[Time, Time] | None = None,
    between: tuple[str, Any, Any] | None = None,
    by: str | Sequence[str] | None = (),
    unit: Unit | None = None,
    outcome: str = "shown",
    level: float = LEVEL,
) -> pl.DataFrame:
    """Parts of the difference of a share between two periods or segments: what moved it, largest first.

    Parameters
    ----------
    frame : frame
        Rows of `load.impressions`, or a tally of them that has the dimensions of `by`.
    after : tuple of two times, optional
        From the first up to, not including, the second; dates (their first moment), datetimes or their ISO text, in
        UTC where they name no zone. The columns before and after say how they were understood. [UTC]
    before : tuple of two times, optional
        The period to compare with; unless given, the one of the same length that ends where `after` starts.
    between : tuple of a column and two of its values, optional
        Compare two segments in place of two periods: ("device", "desktop", "iphone") asks why the share of iphone
        differs from that of desktop. Without `after` and `before`: filter the rows for a period.
    by : str or list of str
        Dimensions along which the difference is split; each combination of their values is one.
    unit : {"pageview", "attempt"}, optional
        As in `measure.status_funnel`.
    outcome : str
        Whose share changed: those that reach a stage (`shown`, `loaded`, `chosen`, `passed`), those that stop with a
        status code (`2.1`) or with a group of causes (`user choice`).
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row per part; the parts add up to the difference. First those whose interval leaves no doubt of their
        sign, by how much is beyond doubt; then the others by size. Columns:

        - the columns of `by`; unit; weight (how rows are weighted, in words); outcome; before and after (in words)
        - dimension, value: in words, several joined by " · "
        - part: `mix` (the value grew or shrank among all units) or `behaviour` (within it, a code became more or less
          frequent); status_code, label, group (of causes) for behaviour, else null
        - contribution, contribution_low, contribution_high: to the difference [share points, -1 to 1]
        - of_difference: contribution as a part of the difference; null where there is none
        - n_before, n_after: units recorded of this value (mix) or of this value with this code (behaviour)
        - size_before, size_after: share of the value among all units [0 to 1]
        - share_before, share_after: within the value, of the outcome (mix) or of the code (behaviour) [0 to 1]; null
          where the value has no units
        - whole_before, whole_after: share of the outcome among all units, with _low and _high [0 to 1]
        - difference, difference_low, difference_high: whole_after less whole_before
        - unweighted: units recorded whose rate is unusable; timeless: those without a time, when periods are compared;
          both are in no other number
        - level: of the intervals; note: a sentence where something is to be minded, else null

    Raises
    ------
    toolkit.errors.ToolkitError
        The two sides are not told, told twice, overlap or hold no unit with a usable rate; the outcome is unknown.

    Notes
    -----
    The share is the sum over values of size times share within. Its difference is split in the one way that treats
    both sides and both factors alike (Marshall and Edgeworth; for two factors it is Shapley's): a change in size
    counts with the mean of the shares, a change in share with the mean of the sizes. The result does not depend on
    the order in which factors or values are changed. Since sizes add up to 1, a value's change in size is counted
    against the mean of the whole: growth of a value that does better than the whole raises the share. The share
    within a value changes by what its codes do: what `shown` loses, the codes that stop units gain. A value of one
    side alone has no change within; all of its part is mix.

    With several dimensions the values are their combinations. Splitting by one after the other would depend on their
    order; to see each by itself, ask for each by itself.

    Floating point sums differ in the last digit; the smallest part takes that difference, so that `math.fsum` of the
    contributions is the difference.

    Each size and share has its interval by `measure.status_funnel`; its distances to the estimate are carried through
    the derivatives and added as roots of squares (MOVER), which stays sensible for codes seen on one side only. Sizes
    and shares are treated as uncorrelated, for attempts by campaign also the attempts of one page view; that the whole
    moves with each value is taken into account. In 400 samples of a known truth, at rate 1 and at rates 1 and
    0.1 mixed, 95 % intervals held the truth in 95 % for behaviour, in 94 % for mix and in 96 to 97 % for the whole. The intervals are those of single parts. For a decision among all of them divide 1 - level by their number.

    References
    ----------
    E. M. Kitagawa (1955), Components of a difference between two rates. JASA 50, 1168-1194.
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures. Stat. Med. 27, 1693-1702.

    Examples
    --------
    Half of all page views are in each country; in one of them banners stop loading.

    >>> rows = pl.DataFrame({"country": ["DE", "FR", "DE", "DE", "FR"], "status_code": ["6", "6", "6", "7", "6"],
    ...                      "week": ["1", "1", "2", "2", "2"], "requests": [50, 50, 30, 20, 50], "sample_rate": 1.0, "flags": 0, "ms": 0})
    >>> parts = change(rows, between=("week", "1", "2"), by="country").filter(part="behaviour")
    >>> parts.select("value", "part", "status_code", pl.col("contribution", "difference").round(3)).rows()
    [('DE', 'behaviour', '7', -0.2, -0.2)]
    """
    check("level", level)
    names = dimensions(by, RESERVED)
    if between is not None and not (after is None and before is None):
        rule = "names two segments of all rows; filter the rows for a period, or compare periods without it"
        raise errors.not_allowed("between", between, rule)
    frame = plain(frame)
    tallied, words = (
        _spans(frame, names, unit, before, after) if between is None else _segments(frame, names, unit, between)
    )
    timeless = int(tallied.filter(side=UNTIMED)["n"].sum())
    sided = tallied.filter(pl.col("side").is_in(SIDES))
    for side in SIDES:
        if sided.filter(pl.col("sample_rate").is_not_null(), side=side).is_empty():
            raise errors.not_allowed(side, words[side], "holds units with a usable sample rate; there are none")
    values, placed = _placed(sided, names)
    is_outcome, sign = _outcome(outcome, placed)
    answers = _recoded(placed, pl.when(is_outcome).then(pl.lit(YES)).otherwise(pl.lit(NO)))
    asked = pl.concat(
        [answers, answers.with_columns(codes=pl.lit(YES), n=pl.lit(0, answers.schema["n"]))]
    )  # a zero is a share too
    low, high = difference_interval(
        *((f"share_{side}", f"share_low_{side}", f"share_high_{side}") for side in ("after", "before"))
    )
    both = _shares(asked, [], level).filter(status_code=YES).with_columns(difference_low=low, difference_high=high)
    if both.is_empty():
        raise errors.not_allowed("frame", "units of which nothing was attempted", "holds attempts on both sides")
    whole = both.row(0, named=True)
    difference = whole["share_after"] - whole["share_before"]
    sizes = _sizes(placed, level)
    within = _shares(asked, ["place"], level).filter(status_code=YES)
    of_code = is_outcome if sign > 0 else ~is_outcome
    by_code = _shares(placed, ["place"], level).filter(of_code, pl.col("stage") != NOT_ATTEMPTED)
    parts = pl.concat([_mix(sizes, within, whole), _behaviour(sizes, by_code, sign)], how="diagonal_relaxed")
    parts = parts.drop_nulls("contribution")  # a value of which no unit has a weight is in no number
    if not names and "behaviour" in parts["part"]:
        parts = parts.filter(part="behaviour")  # the size of all is 1
    facts = {
        "unit": sided["unit"][0],
        "weight": WEIGHT,
        "outcome": outcome,
        **words,
        **{f"whole_{side}{end}": whole[f"share{end}_{side}"] for side in SIDES for end in ("", "_low", "_high")},
        "difference": difference,
        "difference_low": whole["difference_low"],
        "difference_high": whole["difference_high"],
        "unweighted": int(placed.filter(pl.col("sample_rate").is_null())["n"].sum()),
        "timeless": timeless,
        "level": level,
    }
    return _in_words(_summed(parts, difference), values, names, facts)


def _spans(
    frame: Any, names: list[str], unit: Unit | None, before: tuple[Time, Time] | None, after: tuple[Time, Time] | None
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Tally of two periods, with the side of each row, and the periods in words."""
    if after is None:
        rule = "is the period to explain, (start, end), unless `between` names two segments"
        raise errors.not_allowed("after", after, rule)
    start, end = span("after", after)
    first, last = span("before", before) if before else (start - (end - start), start)
    if first < end and start < last:
        raise errors.not_allowed("before", in_words(first, last), f"does not overlap with {in_words(start, end)}")
    words = {"before": in_words(first, last), "after": in_words(start, end)}
    bounds = {"before": (_ms(first), _ms(last)), "after": (_ms(start), _ms(end))}
    if is_tally(nw.from_native(frame).collect_schema().names()):
        tallied = counted(frame, names, unit)
        inside = {
            side: (pl.col("first_ms") >= low) & (pl.col("last_ms") < high) for side, (low, high) in bounds.items()
        }
        cut = [
            (pl.col("first_ms") < edge) & (pl.col("last_ms") >= edge)
            for low, high in bounds.values()
            for edge in (low, high)
        ]
        if not tallied.filter(pl.any_horizontal(cut)).is_empty():
            rule = (
                "counts no row across the ends of a period: tally by the hour or the day, or give the rows themselves"
            )
            raise errors.not_allowed("frame", "a tally", rule)
        untimed = pl.col("first_ms").is_null()
        side = pl.when(inside["before"]).then(pl.lit("before")).when(inside["after"]).then(pl.lit("after"))
        return tallied.with_columns(side=side.when(untimed).then(pl.lit(UNTIMED))), words
    rows = nw.from_native(frame)
    if "ms" not in (have := rows.collect_schema().names()):
        raise errors.missing_columns("measure.change", ["ms"], have)
    ms = nw.col("ms")
    inside_rows = {side: (ms >= low) & (ms < high) for side, (low, high) in bounds.items()}
    side_of = nw.when(inside_rows["before"]).then(nw.lit("before")).otherwise(
        nw.when(inside_rows["after"]).then(nw.lit("after")).otherwise(nw.when(ms.is_null()).then(nw.lit(UNTIMED)))
    )  # fmt: skip
    return counted(rows.with_columns(side=side_of).to_native(), [*names, "side"], unit), words


def _segments(
    frame: Any, names: list[str], unit: Unit | None, between: tuple[str, Any, Any]
) -> tuple[pl.DataFrame, dict[str, str]]:
    """Tally of two values of a column, with the side of each row, and the values in words."""
    rule = "names a column that is not in `by`, and two values that differ, such as ('device', 'desktop', 'iphone')"
    if not isinstance(between, tuple | list) or len(between) != 1 + len(SIDES) or not isinstance(between[0], str):
        raise errors.not_allowed("between", between, rule)
    column, *pair = between
    if column in names or pair[0] == pair[1]:
        raise errors.not_allowed("between", between, rule)
    tallied = counted(frame, [*names, *dimensions(column, RESERVED)], unit)
    have = tallied[column].unique().sort().to_list()
    for value in pair:
        if value not in have:
            raise errors.not_found("value", _word(value), f"{column!r}", map(_word, have))
    sides = [
        pl.when(pl.col(column).eq_missing(pl.lit(value))).then(pl.lit(side))
        for side, value in zip(SIDES, pair, strict=True)
    ]
    words = {side: f"{column} = {_word(value)}" for side, value in zip(SIDES, pair, strict=True)}
    return tallied.with_columns(side=pl.coalesce(sides)), words


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _word(value: Any) -> str:
    return "(none)" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _placed(sided: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each combination of values with its number `place`, and the tally with these numbers in place of the values."""
    values = sided.select(names).unique().sort(names) if names else pl.DataFrame({"all": [None]})
    values = values.with_row_index("place")
    placed = sided.join(values, on=names, nulls_equal=True) if names else sided.with_columns(place=pl.lit(0, pl.UInt32))
    sums = [pl.col("n", "partial").sum(), pl.col("first_ms").min(), pl.col("last_ms").max()]
    return values, placed.group_by("side", "place", *KEYS).agg(sums).sort("side", "place", *KEYS)


def _outcome(outcome: str, placed: pl.DataFrame) -> tuple[pl.Expr, int]:
    """Whether the column `status_code` is of the outcome; -1 where it is what no other code took, else 1."""
    stages = reference.table("stage").sort(pl.col("order").cast(pl.Int64))["stage"].to_list()
    groups = [*reference.table("group")["group"], decode.UNKNOWN, decode.AMBIGUOUS]
    code = pl.col("status_code")
    final = reference.status_codes().filter(stage=stages[-1])["status_code"].to_list()
    if outcome in stages[1:]:
        return decode.stage("status_code").is_in(stages[stages.index(outcome) :]).fill_null(value=False), -1
    if outcome in {*final, stages[-1]}:
        return code.is_in(final).fill_null(value=False), -1
    if outcome in groups:
        return decode.group("status_code") == outcome, 1
    here = placed["codes"].drop_nulls().str.split(" ").explode().unique().to_list()
    if outcome not in {*reference.status_codes()["status_code"], *here}:
        raise errors.not_found("outcome", outcome, "the funnel", [*stages[1:], *groups, "a status code such as 2.1"])
    return (code == outcome).fill_null(value=False), 1


def _recoded(placed: pl.DataFrame, token: pl.Expr) -> pl.DataFrame:
    """Tally in which each attempt has another word for its code, made of `status_code` and `place`.

    So sizes of values and shares of an outcome are shares of a funnel, and have the funnel's intervals.
    """
    rows = placed.with_row_index("row")
    each = rows.select("row", "place", status_code=pl.col("codes").fill_null("").str.split(" ")).explode("status_code")
    code = pl.when(pl.col("status_code") != "").then(pl.col("status_code").str.replace_all(BLANK, " ", literal=True))
    attempted = each.with_columns(status_code=code).filter(decode.stage("status_code").is_not_null())
    words = attempted.group_by("row", maintain_order=True).agg(codes=token.str.join(" "))
    return rows.drop("codes").join(words, on="row").drop("row")


def _shares(tallied: pl.DataFrame, keys: list[str], level: float) -> pl.DataFrame:
    """Shares of codes among the attempts of each side and key, with intervals, both sides in one row."""
    if not keys:
        tallied = tallied.drop("place")
    sides = tallied.select("side").unique()
    every = tallied.select(keys).unique().join(sides, how="cross") if keys else sides
    empty = every.join(tallied, on=[*keys, "side"], how="anti", nulls_equal=True)
    whole = pl.concat([tallied, zeros(tallied, empty, keys, "side")])
    found = status_funnel(whole, by=["side", *keys], level=level).filter(outcome="stopped")
    by = [*keys, "stage", "status_code", "label", "group"]
    numbers = ["n", "share", "share_low", "share_high"]
    before, after = (found.filter(side=side).select(*by, pl.col(numbers).name.suffix(f"_{side}")) for side in SIDES)
    both = before.join(after, on=by, how="full", coalesce=True, nulls_equal=True)
    return both.with_columns(pl.col("n_before", "n_after").fill_null(0))


def _sizes(placed: pl.DataFrame, level: float) -> pl.DataFrame:
    """Share of each value `place` among all units of a side, with intervals."""
    found = _shares(_recoded(placed, pl.format("place {}", "place").str.replace(" ", BLANK)), [], level)
    names = {f"{name}{end}_{side}": f"{new}{end}_{side}" for side in SIDES for name, new in (("share", "size"), ("n", "units")) for end in ("", "_low", "_high")}  # fmt: skip
    sizes = found.rename(names, strict=False).select(
        pl.col("status_code").str.extract(r"(\d+)").cast(pl.UInt32).alias("place"), pl.col("^(size|units)_.*$")
    )
    sizes = sizes.with_columns(pl.col("^size_.*$").fill_null(0.0))  # no units with a usable rate on that side
    return sizes if sizes.height > 1 else sizes.with_columns(pl.col("^size_.*$") * 0 + 1)  # the only value is all


def _carried(derivatives: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Distances from a part to the ends of its interval, from those of the shares that it is made of.

    A share moves the part down by its lower end where the derivative is positive, else by its upper end.
    """
    lower, upper = [], []
    for name, by in derivatives.items():
        what, side = name.split("_")
        down = pl.col(name) - pl.col(f"{what}_low_{side}")
        up = pl.col(f"{what}_high_{side}") - pl.col(name)
        lower.append((by * pl.when(by > 0).then(down).otherwise(up)) ** 2)
        upper.append((by * pl.when(by > 0).then(up).otherwise(down)) ** 2)
    here = pl.col("contribution")
    return {
        "contribution_low": here - pl.sum_horizontal(lower).sqrt(),
        "contribution_high": here + pl.sum_horizontal(upper).sqrt(),
    }


def _mix(sizes: pl.DataFrame, within: pl.DataFrame, whole: dict[str, Any]) -> pl.DataFrame:
    """Part of each value's change in size, against the mean of the whole."""
    ends = {name.replace("share", "whole"): value for name, value in whole.items() if name.startswith("share_")}
    grown = pl.col("size_after") - pl.col("size_before")
    both = pl.col("share_before").is_not_null() & pl.col("share_after").is_not_null()
    mean = pl.mean_horizontal("share_before", "share_after")  # of the one there is where the value is on one side alone
    better = mean - (pl.col("whole_before") + pl.col("whole_after")) / 2
    of_share = grown * pl.when(both).then(0.5).otherwise(1.0)
    derivatives = {}
    for side, sign in zip(SIDES, (-1, 1), strict=True):
        # the whole holds the value itself, and moves with it
        derivatives[f"share_{side}"] = of_share - grown / 2 * pl.col(f"size_{side}")
        derivatives[f"size_{side}"] = sign * better - grown / 2 * _beside(side)
        derivatives[f"whole_{side}"] = -grown / 2
    shares = within.drop("stage", "status_code", "label", "group", "n_before", "n_after")
    return (
        sizes.join(shares, on="place", how="left")
        .with_columns(**{name: pl.lit(value) for name, value in ends.items()}, part=pl.lit("mix"))
        .with_columns(contribution=grown * better, n_before="units_before", n_after="units_after")
        .with_columns(_end_of_others(side, end) for side in SIDES for end in ("low", "high"))
        .with_columns(**_carried(derivatives))
    )


def _beside(side: str) -> pl.Expr:
    """By how much a value does better than the whole; 0 where it has no units."""
    return (pl.col(f"share_{side}") - pl.col(f"whole_{side}")).fill_null(0.0)


def _end_of_others(side: str, end: str) -> pl.Expr:
    """End of the interval of the whole, without what the value's own size and share move it by."""
    opposite = {"low": "high", "high": "low"}[end]
    whole, size, share_, beside = (
        pl.col(f"whole_{side}"),
        pl.col(f"size_{side}"),
        pl.col(f"share_{side}"),
        _beside(side),
    )
    of_size = pl.when(beside > 0).then(f"size_{end}_{side}").otherwise(f"size_{opposite}_{side}") - size
    own = (size * (share_ - pl.col(f"share_{end}_{side}"))).fill_null(0.0) ** 2 + (beside * of_size).fill_null(0.0) ** 2
    others = ((whole - pl.col(f"whole_{end}_{side}")) ** 2 - own).clip(0).sqrt()
    return (whole - others if end == "low" else whole + others).alias(f"whole_{end}_{side}")


def _behaviour(sizes: pl.DataFrame, by_code: pl.DataFrame, sign: int) -> pl.DataFrame:
    """Part of each code's change within a value; a value of one side alone has none."""
    size = (pl.col("size_before") + pl.col("size_after")) / 2
    moved = pl.col("share_after") - pl.col("share_before")
    derivatives = {"size_before": sign * moved / 2, "size_after": sign * moved / 2, "share_before": -sign * size, "share_after": sign * size}  # fmt: skip
    return (
        by_code.join(sizes, on="place", how="inner")
        .filter(moved.is_not_null())
        .with_columns(part=pl.lit("behaviour"), contribution=sign * size * moved)
        .with_columns(**_carried(derivatives))
    )


def _summed(parts: pl.DataFrame, difference: float) -> pl.DataFrame:
    """Parts that add up to the difference to the last digit: what rounding has left goes to the smallest.

    The smallest part is written with the finest digits; a larger one could not take so little.
    """
    order = ["place", "part", "status_code"]
    ranked = parts.sort(pl.col("contribution").abs(), *order, nulls_last=False)
    found: list[float] = ranked["contribution"].to_list()
    finest = next((at for at, part in enumerate(found) if part), 0)
    found[finest] += difference - math.fsum(found)
    found[finest] += math.fsum([difference, *(-part for part in found)])
    return ranked.with_columns(contribution=pl.Series(found))


def _in_words(parts: pl.DataFrame, values: pl.DataFrame, names: list[str], facts: dict[str, Any]) -> pl.DataFrame:
    here, low, high = (pl.col(f"contribution{end}") for end in ("", "_low", "_high"))
    beyond_doubt = pl.when(low > 0).then(low).when(high < 0).then(-high).otherwise(0.0).fill_null(0.0)
    words = [pl.col(name).cast(pl.String).fill_null("(none)") for name in names]
    value = pl.concat_str(words, separator=" · ") if names else pl.lit("all")
    return (
        parts.join(values, on="place", how="left")
        .with_columns(**{name: pl.lit(fact) for name, fact in facts.items()})
        .with_columns(
            dimension=pl.lit(" · ".join(names) or "all"),
            value=value,
            of_difference=share(here.abs(), pl.col("difference").abs()) * here.sign() * pl.col("difference").sign(),
            note=_note(),
        )
        .sort(
            beyond_doubt,
            here.abs(),
            "place",
            "part",
            decode.code_order("status_code"),
            "status_code",
            descending=[True, True, False, False, False, False],
        )
        .select(*names, *RESULT)
    )


def _note() -> pl.Expr:
    gone, new = pl.col("share_after").is_null(), pl.col("share_before").is_null()
    return pl.when(part="mix").then(
        pl.when(gone)
        .then(pl.lit("no units after: all of its part is mix"))
        .when(new)
        .then(pl.lit("no units before: all of its part is mix"))
    )
