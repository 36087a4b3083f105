"""What is wrong with campaigns: signs of wrong settings that are more frequent than a threshold, since when, what to do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
from scipy import special

from toolkit import decode, errors, reference
from toolkit.decode import BLANK
from toolkit.measure.funnel import WEIGHT, status_funnel
from toolkit.measure.over_time import LENGTHS, Every, by_period, counted
from toolkit.measure.tally import COUNTS, KEYS, TIMES, UNITS, Unit, as_frame, dimensions
from toolkit.rates import LEVEL, check

BANNER = "banner"
SEVERE = 10  # times the threshold, beyond doubt
RESULT = (
    "unit", "weight", "of", "status_code", "what", "severity", "n", "total", "total_low", "total_high", "share",
    "share_low", "share_high", "threshold", "p_value", "p_adjusted", "n_eff", "first_dt", "last_dt", "every", "periods",
    "periods_seen", "periods_above", "ongoing", "unweighted", "level", "advice", "note", "timeline",
)  # fmt: skip
RESERVED = (*RESULT, *KEYS, *COUNTS, *TIMES, "scope", "token", "row", "seen", "has", "worst", "least")
OF = {"campaign": "all attempts", "banner": "attempts in which the banner was chosen"}


def watch(
    frame: Any,
    *,
    threshold: float = 0.01,
    by: str | Sequence[str] | None = ("campaign", BANNER),
    every: Every = "day",
    unit: Unit = "attempt",
    level: float = LEVEL,
) -> pl.DataFrame:
    """Findings on campaigns and banners: signs of wrong settings above a threshold, what to mend first on top.

    Watched are no banner that fits (3), a requested banner that is missing (3.17), unreadable sequence settings
    (2.18), loader errors (7), codes that the published code never sends (0, 1, 4, 8) and codes that nobody knows.

    Parameters
    ----------
    frame : frame
        Rows of `load.impressions`.
    threshold : float
        Share of attempts from which on a sign is a finding. [0 to 1]
    by : str or list of str
        Each combination of these dimensions is watched apart. A banner is known only once it was chosen: loader
        errors are watched per banner, all other signs per combination of the other dimensions, with a null for banner.
    every : {"hour", "day", "week"}
        Period that is watched apart, beside the whole time, so that a fault of one day is not lost in a month.
    unit : {"attempt", "pageview"}
        As in `measure.status_funnel`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row per finding: severe ones first, then by the share that is beyond doubt. Columns: the columns of `by`; and

        - unit; weight (in words); of: what the share is of, in words
        - status_code, what: the sign
        - severity: `high` (beyond doubt more than 10 times the threshold, over the whole time or in a period), `medium`,
          or `look` (a code that should not be there at all, so nothing is known of its cause)
        - n: units recorded with it; total with total_low and total_high: units that there were [weighted]
        - share, share_low, share_high: of all units of this campaign (or banner), over the whole time [0 to 1]; n_eff
        - threshold; p_value and p_adjusted (Benjamini and Hochberg, among all that was watched): of the clearest excess
        - first_dt, last_dt: receive times of the first and last unit with it [UTC]
        - every; periods: with units; periods_seen: with the sign; periods_above: above the threshold beyond doubt
        - ongoing: whether the last period that has units has the sign
        - unweighted: units recorded without a usable rate, in no other number; level
        - advice: what to do, in a sentence; note: a sentence where something is to be minded, else null
        - timeline: list of struct(period, n, total, share, share_low, share_high, above), one for each period; drop it
          before writing a CSV

    Notes
    -----
    Something is a finding when the lower end of its share's interval is above the threshold, over the whole time or in
    one period, and stays so among all that was compared: every sign in each combination with any sign, over the whole
    and in each period. For each the probability of so many units at a share equal to the threshold is computed
    (binomial, with the effective number of units, and never more of them with the sign than were recorded). They are
    adjusted as by Benjamini and Hochberg, so that of the findings no more than 1 - level are false in the long run.
    Holm's adjustment, which allows hardly any false finding at all, would keep silent about banners of small campaigns
    that fail for a fourth of their readers; a list to look through bears a false entry better.

    References
    ----------
    E. L. Korn, B. I. Graubard (1998), Confidence intervals for proportions with small expected number of positive
    counts estimated from survey data. Survey Methodology 24, 193-201.
    Y. Benjamini, Y. Hochberg (1995), Controlling the false discovery rate. J. R. Stat. Soc. B 57, 289-300.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> rows = pl.DataFrame({"campaign": "A", "banner": ["a", "b", "b"], "status_code": ["6", "6", "7"], "requests": [90, 70, 30],
    ...                      "dt": datetime(2026, 3, 2, tzinfo=UTC), "ms": 1772409600000, "sample_rate": 1.0, "flags": 0})
    >>> watch(rows, unit="pageview").select("campaign", "banner", "what", "n", "share", "severity").rows()
    [('A', 'b', 'loader error', 30, 0.3, 'high')]
    """
    check("level", level)
    check("threshold", threshold, ends=True)
    if not isinstance(every, str) or every not in LENGTHS:
        raise errors.bad_choice("every", every, LENGTHS)
    if unit not in UNITS:
        raise errors.bad_choice("unit", unit, UNITS)
    names = dimensions(by, RESERVED)
    return _ranked(
        _judged(_watched(as_frame(frame).to_native(), names, every, unit, level), names, threshold, level), names
    )


def _watched(frame: Any, names: list[str], every: Every, unit: Unit, level: float) -> pl.DataFrame:
    """Share of each sign in each combination, over the whole time (period null, `whole`) and in each period."""
    banners = BANNER in names
    around = [name for name in names if name != BANNER]
    signs = reference.table("advice").filter(pl.col("status_code") != decode.UNKNOWN)
    of_campaign = signs.filter(pl.lit(not banners) | (pl.col("scope") == "campaign"))["status_code"].to_list()
    scopes = [_signed(counted(frame, [*around, every], unit), of_campaign, strange=True)]
    parts = [_shares(scopes[0], around, every, level).with_columns(scope=pl.lit("campaign"))]
    if banners:
        chosen = ["chosen", "loaded", "shown"]
        tallied = counted(frame, [*names, every], "pageview")  # of attempts, only the last may have chosen a banner
        reached = tallied.filter(decode.stage(_unescaped("codes")).is_in(chosen), pl.col(BANNER).is_not_null())
        of_banner = signs.filter(scope=BANNER)["status_code"].to_list()
        if not reached.drop_nulls(every).is_empty():
            signed = _signed(reached, of_banner, strange=False)
            parts.append(_shares(signed, names, every, level).with_columns(scope=pl.lit(BANNER)))
    found = pl.concat(parts, how="diagonal_relaxed")
    # where no banner was chosen at all, no part has one
    absent = [pl.lit(None, dtype=pl.String).alias(name) for name in names if name not in found.columns]
    return found.with_columns(*absent, unit=pl.lit(unit), every=pl.lit(every))


def _unescaped(codes: str) -> pl.Expr:
    return pl.col(codes).str.replace_all(BLANK, " ", literal=True)


def _signed(tallied: pl.DataFrame, signs: list[str], *, strange: bool) -> pl.DataFrame:
    """Tally in which a sign stands as `sign␣3` and every other code as `other`: all of them count as attempted.

    So the share of a sign is of all units, also for codes with which nothing was attempted.
    """
    ways = tallied.select("codes").unique().with_columns(code=pl.col("codes").fill_null("").str.split(" "))
    each = ways.explode("code").with_columns(code=pl.when(pl.col("code") != "").then(_unescaped("code")))
    unknown = ~decode.known("code") & ~decode.ambiguous("code") if strange else pl.lit(value=False)
    sign = pl.format("{}{}{}", pl.lit("sign"), pl.lit(BLANK), pl.col("code").fill_null("").str.replace_all(" ", BLANK))
    token = pl.when(pl.col("code").is_in(signs) | unknown).then(sign).otherwise(pl.lit("other"))
    words = each.group_by("codes", maintain_order=True).agg(token=token.str.join(" "))
    signed = tallied.join(words, on="codes", how="left", nulls_equal=True)
    return signed.with_columns(codes="token").drop("token")


def _shares(signed: pl.DataFrame, names: list[str], every: Every, level: float) -> pl.DataFrame:
    """Shares of each sign over the whole time (`whole`) and in each period, of combinations that have any sign."""
    numbers = ["n", "total", "total_low", "total_high", "share", "share_low", "share_high", "n_eff", "unweighted"]
    is_sign = pl.col("status_code").str.starts_with("sign")
    each = signed.with_columns(status_code=pl.col("codes").str.split(" ")).explode("status_code")
    suspects = each.filter(is_sign).select(names).unique()
    watched = signed.join(suspects, on=names, how="semi", nulls_equal=True) if names else signed
    whole = status_funnel(watched, by=names, level=level).filter(is_sign).select(*names, "status_code", *numbers)
    timed = watched.drop_nulls(every)
    over_time = by_period(timed, signed[every].drop_nulls(), names, every, level).filter(is_sign)
    periods = over_time.select(*names, "status_code", "period", "presence", *numbers)
    times = {"first_dt": _utc(pl.col("first_ms").min()), "last_dt": _utc(pl.col("last_ms").max())}
    seen = each.with_columns(status_code=_unescaped("status_code")).group_by(*names, "status_code").agg(**times)
    rows = pl.concat([whole.with_columns(presence=pl.lit("whole")), periods], how="diagonal_relaxed")
    code = pl.col("status_code").str.slice(len("sign") + len(BLANK))
    named = rows.join(seen, on=[*names, "status_code"], how="left", nulls_equal=True)
    return named.with_columns(status_code=pl.when(code != "").then(code.str.replace_all(BLANK, " ", literal=True)))


def _utc(ms: pl.Expr) -> pl.Expr:
    return pl.from_epoch(ms, time_unit="ms").dt.replace_time_zone("UTC")


def _judged(watched: pl.DataFrame, names: list[str], threshold: float, level: float) -> pl.DataFrame:
    """Add p-values, adjusted for all that was compared, and which rows are above the threshold beyond doubt."""
    p_value = pl.struct("share", "n_eff", "n").map_elements(
        lambda row: excess(**row, threshold=threshold), return_dtype=pl.Float64
    )
    tested = watched.filter(pl.col("presence").is_in(["whole", "units"])).with_columns(p_value=p_value)
    adjusted = false_discovery(tested["p_value"], max(_looked_for(tested, names), tested.height))
    sure = (pl.col("p_adjusted") < 1 - level) & (pl.col("share_low") > threshold)
    judged = tested.with_columns(p_adjusted=adjusted).with_columns(above=sure.fill_null(value=False))
    gaps = watched.filter(~pl.col("presence").is_in(["whole", "units"])).with_columns(above=pl.lit(value=False))
    return pl.concat([judged, gaps], how="diagonal_relaxed").with_columns(
        threshold=pl.lit(threshold), level=pl.lit(level)
    )


def _looked_for(tested: pl.DataFrame, names: list[str]) -> int:
    """Number of comparisons: each sign of a scope, seen or not, in each combination and period that is there."""
    signs = reference.table("advice").group_by("scope").len("signs")
    cells = tested.select(*[name for name in names if name in tested.columns], "scope", "period").unique()
    return int(cells.join(signs, on="scope")["signs"].sum())


def excess(share: float | None, n_eff: float | None, n: int | None, *, threshold: float) -> float:
    """Probability of at least this share if what is behind it were just the threshold. [0 to 1]

    Binomial, with whole numbers of units: the effective number, but never more units with the sign than were
    recorded, so that one unit of a large weight is one.

    Examples
    --------
    >>> round(excess(0.03, 100, 3, threshold=0.01), 4), excess(0.005, 1000, 5, threshold=0.01)
    (0.0794, 1.0)
    >>> round(excess(0.5, 20, 1, threshold=0.01), 4)
    0.0199
    """
    if not share or not n_eff or not n or share <= threshold:
        return 1.0
    seen = math.floor(min(share * n_eff, n) + 1e-9)
    if seen == 0 or threshold == 0:
        return float(seen == 0)
    units = max(seen, math.ceil(seen / share - 1e-9))
    return float(special.betainc(seen, units - seen + 1, threshold))


def false_discovery(p_values: pl.Series, tests: int) -> pl.Series:
    """Benjamini and Hochberg's adjusted p-values of some of `tests` tests, the others being 1.

    Examples
    --------
    >>> false_discovery(pl.Series([0.01, 0.04, 0.03]), 3).round(3).to_list()
    [0.03, 0.04, 0.04]
    """
    ranked = pl.DataFrame({"p": p_values, "rank": p_values.rank("ordinal")}).with_row_index().sort("rank")
    raised = (pl.col("p") * tests / pl.col("rank")).cum_min(reverse=True).clip(upper_bound=1.0)
    return ranked.with_columns(p=raised).sort("index")["p"]


def _ranked(judged: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """One row per finding, what is worst first."""
    keys = [*names, "scope", "status_code"]
    whole, periods = judged.filter(presence="whole"), judged.filter(pl.col("presence") != "whole")
    has_units = pl.col("presence") == "units"
    point = pl.struct("period", "n", "total", "share", "share_low", "share_high", "above")
    over_time = periods.sort("period").group_by(keys).agg(
        periods=has_units.sum(),
        periods_seen=(pl.col("n") > 0).sum(),
        periods_above=pl.col("above").sum(),
        ongoing=(pl.col("n").filter(has_units).last() > 0),
        timeline=point,
        worst=pl.col("share_low").filter("above").max(),
        least=pl.col("p_value").min(),
        least_adjusted=pl.col("p_adjusted").min(),
    )  # fmt: skip
    advice = reference.table("advice").select("status_code", "what", "advice")
    unknown = advice.row(by_predicate=pl.col("status_code") == decode.UNKNOWN, named=True)["advice"]
    worst = pl.max_horizontal(pl.when("above").then("share_low"), "worst")
    strange = decode.group("status_code").is_in(["unexpected", decode.UNKNOWN])
    severe = worst > pl.min_horizontal(SEVERE * pl.col("threshold"), 0.5)
    severity = pl.when(strange).then(pl.lit("look")).when(severe).then(pl.lit("high")).otherwise(pl.lit("medium"))
    found = (
        whole.join(over_time, on=keys, how="left", nulls_equal=True)
        .filter(pl.col("above") | (pl.col("periods_above") > 0))
        .join(advice, on="status_code", how="left", nulls_equal=False)
        .with_columns(
            weight=pl.lit(WEIGHT),
            of=pl.col("scope").replace_strict(OF, return_dtype=pl.String),
            what=pl.col("what").fill_null(decode.label("status_code")),
            advice=pl.col("advice").fill_null(unknown),
            severity=severity.cast(pl.Enum(["high", "medium", "look"])),
            p_value=pl.min_horizontal("p_value", "least"),
            p_adjusted=pl.min_horizontal("p_adjusted", "least_adjusted"),
            note=pl.when(~pl.col("above")).then(
                pl.lit("only in some periods; over the whole time the share is not above the threshold beyond doubt")
            ),
        )
    )
    missing = [pl.lit(None, pl.String).alias(name) for name in names if name not in found.columns]
    return (
        found.with_columns(missing)
        .sort("severity", "total", *names, "status_code", descending=[False, True, *[False] * (len(names) + 1)])
        .select(*names, *RESULT)
    )
