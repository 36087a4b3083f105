"""Hand-overs: which campaign a page view went on to after one that was attempted did not show a banner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, errors, reference
from toolkit.measure.collected import collected
from toolkit.measure.plain import plain
from toolkit.measure.tally import dimensions
from toolkit.rates import LEVEL, check, mean_interval, part_interval, total_interval

UNNAMED = "?"  # of a campaign that the export does not name; null says that there was none
WEIGHT = "1 / sample rate"
WAY = ("from_campaign", "status_code", "to_campaign")
RESULT = (
    *("from_campaign", "status_code", "label", "group", "to_campaign", "unit", "weight", "n", "total", "total_low"),
    *("total_high", "share", "share_low", "share_high", "n_eff", "attempted", "level", "unweighted", "partial"),
)
RESERVED = (
    *(*RESULT, "campaign", "requests", "sample_rate", "of_n", "rest", "square", "rest_square", "below", "above"),
    *("part_below", "part_above", "rest_below", "rest_above"),
)
NEEDED = ("campaign", "status_code", "attempts", "path", "requests", "sample_rate", "flags")


def hand_overs(frame: Any, *, by: str | Sequence[str] | None = (), level: float = LEVEL) -> pl.DataFrame:
    """Where page views went after a campaign was attempted and no banner was shown.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.impressions`: campaign, status_code, attempts, path, requests, sample_rate, flags, and the
        columns of `by`.
    by : str or list of str
        One table for each combination of these columns of the page view. Not `campaign`, which is that of the last
        attempt.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each campaign attempted, code with which it stopped, and campaign that took over; the campaign with
        most attempts first, of each its commonest way first. Columns:

        - the columns of `by`; from_campaign; status_code, label, group: why it did not show a banner
        - to_campaign: attempted next; null: nobody, the page view ended there
        - unit ("attempt"); weight (how rows are weighted, in words)
        - n: attempts recorded, not weighted
        - total, total_low, total_high [attempts; weighted]; null if no rate is usable
        - share, share_low, share_high: of all attempts of from_campaign, those that were shown too [0 to 1]
        - n_eff: attempts of a plain random sample that would say as much about `share`
        - attempted: all attempts of from_campaign [attempts; weighted]
        - level: of the intervals [0 to 1]
        - unweighted: attempts recorded whose rate is unusable; they are in no other number
        - partial: of `n` and `unweighted`, those of page views of which the export does not hold all attempts: a
          later campaign, or one in between, may be missing

    Notes
    -----
    The shares of one from_campaign add up to its share of attempts without a banner. Attempts are weighted by the rate
    of their page view, which a failed campaign may have raised. A page view attempts a campaign at most once, so that
    the attempts of one campaign were drawn independently; intervals are made as those of `status_funnel`. In 400 samples
    of a known truth 95 % intervals of shares and totals held it in 95 to 96 % at rates 1, 0.1 and both (totals at rate 1
    always), and in 97 % where half of the page views had rate 0.01.

    Where the export holds no attempts, the page view's last campaign stands for them and nobody took over. Druid has
    the first and the last only: `to_campaign` is then the last.

    Examples
    --------
    >>> gives = [[("A", "2.2"), ("B", "6")], [("A", "2.2"), ("B", "6")], [("A", "6")], [("A", "2.1")]]
    >>> rows = pl.DataFrame({
    ...     "attempts": [[{"campaign": name, "status_code": code} for name, code in way] for way in gives],
    ...     "path": ["2.2 6", "2.2 6", "6", "2.1"], "campaign": ["B", "B", "A", "A"],
    ...     "status_code": ["6", "6", "6", "2.1"], "requests": 1, "sample_rate": 1.0, "flags": 0})
    >>> hand_overs(rows).select("from_campaign", "status_code", "to_campaign", "total", "share").rows()
    [('A', '2.2', 'B', 2.0, 0.5), ('A', '2.1', None, 1.0, 0.25)]
    """
    check("level", level)
    names = dimensions(by, RESERVED)
    # sorted, so that sums of fractions do not depend on the order of rows
    counted = collected(hand_over_ways(frame, by=names)).sort(*names, *WAY, "sample_rate")
    weighed = _with_intervals(counted, names, level)
    return _in_words(weighed, names, level)


def hand_over_ways(frame: Any, *, by: str | Sequence[str] | None = (), most: int | None = None) -> Any:
    """Attempts counted by campaign, code, next campaign and sampling rate, weighted by nothing yet.

    Parameters
    ----------
    frame, by
        See `hand_overs`.
    most : int, optional
        How many attempts a page view has at most; further ones are left out. Without it the longest way is looked for
        first, in a pass of its own over the rows: one number is collected.

    Returns
    -------
    Same kind of frame
        One row for each combination of `by`, from_campaign, status_code, to_campaign and sample_rate, with n and
        partial [attempts recorded]; see `hand_overs`.

    Examples
    --------
    >>> rows = pl.DataFrame({"attempts": [[{"campaign": "A", "status_code": "2.2"}, {"campaign": "B", "status_code": "6"}]],
    ...     "path": ["2.2 6"], "campaign": ["B"], "status_code": ["6"], "requests": 1, "sample_rate": 1.0, "flags": 0})
    >>> hand_over_ways(rows).sort("status_code").select("from_campaign", "status_code", "to_campaign", "n").rows()
    [('A', '2.2', 'B', 1), ('B', '6', None, 1)]
    """
    rows, names = nw.from_native(plain(frame)), dimensions(by, RESERVED)
    have = rows.collect_schema().names()
    if missing := [name for name in (*NEEDED, *names) if name not in have]:
        raise errors.missing_columns("measure.hand_overs", missing, have)
    known = ~nw.col("path").is_null()
    rate = nw.col("sample_rate").cast(nw.Float64)
    bit = 2 ** reference.flag_bit("partial_attempts")
    ready = rows.with_columns(
        attempts=nw.when(known).then(nw.col("attempts")),
        sample_rate=nw.when((rate > 0) & ~rate.is_nan()).then(nw.when(rate > 1).then(1.0).otherwise(rate)),
        requests=nw.col("requests").cast(nw.Int64),
        partial=nw.when(known).then(nw.col("flags").cast(nw.Int64) // bit % 2).otherwise(1),
    )
    several = ready.with_columns(n_attempts=nw.col("attempts").list.len().cast(nw.Int64))
    alone = several.filter(nw.col("attempts").is_null()).select(
        *names, "requests", "sample_rate", "partial", "status_code", from_campaign="campaign", to_campaign=nw.lit(None, dtype=nw.String)
    )  # fmt: skip
    if most is None:
        most = collected(several.select(nw.col("n_attempts").max()))["n_attempts"][0] or 0
    keys = [*names, *WAY, "sample_rate"]
    steps = [alone.select(*keys, "requests", "partial"), *(_step(several, at, keys) for at in range(most))]
    named = nw.concat(steps).with_columns(nw.col("from_campaign").fill_null(UNNAMED))
    # sums are wider than 64 bits on some engines
    n, partial = nw.col("requests").sum(), (nw.col("partial") * nw.col("requests")).sum()
    return named.group_by(*keys).agg(n=n.cast(nw.Int64), partial=partial.cast(nw.Int64)).to_native()


def _step(rows: Any, at: int, keys: list[str]) -> Any:
    """Attempt at one position of each page view that has it, and the campaign that comes next."""
    this = nw.col("attempts").list.get(at).struct
    follows = nw.col("n_attempts") > at + 1
    # asked for only where it is there: beyond the end of a list some engines raise
    later = nw.when(follows).then(nw.col("attempts")).list.get(at + 1).struct
    own = rows.filter(nw.col("n_attempts") > at).with_columns(
        from_campaign=this.field("campaign"),
        status_code=this.field("status_code"),
        to_campaign=nw.when(follows).then(later.field("campaign").fill_null(UNNAMED)),
    )
    return own.select(*keys, "requests", "partial")


def _with_intervals(counted: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    """Totals and shares of each way, with intervals: the one place that knows how."""
    keys, base = [*names, *WAY], [*names, "from_campaign"]
    p, n, rest = pl.col("sample_rate"), pl.col("n"), pl.col("rest")
    weighted = counted.drop_nulls("sample_rate")
    of = weighted.group_by(*base, "sample_rate").agg(of_n=n.sum())
    stopped = counted.filter(decode.stage("status_code").ne_missing(pl.lit("shown")))
    # each way at every rate at which its campaign was attempted: nothing recorded at a low one is not nothing
    strata = (
        stopped.select(keys)
        .unique()
        .join(of, on=base, nulls_equal=True)
        .join(weighted.drop("partial"), on=[*keys, "sample_rate"], how="left", nulls_equal=True)
        .with_columns(n.fill_null(0))
        .with_columns(rest=pl.col("of_n") - n)
        .sort(*keys, "sample_rate")
    )
    low, high = total_interval("n", "sample_rate", level=level)
    n_low, n_high = mean_interval("n", level=level)
    rest_low, rest_high = mean_interval("rest", level=level)
    # the distances of all rates are added as roots of squares (MOVER)
    whole = (
        strata.with_columns(
            below=(n / p - low) ** 2,
            above=(high - n / p) ** 2,
            part_below=((n - n_low) / p) ** 2,
            part_above=((n_high - n) / p) ** 2,
            rest_below=((rest - rest_low) / p) ** 2,
            rest_above=((rest_high - rest) / p) ** 2,
        )
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("below", "above", "part_below", "part_above", "rest_below", "rest_above").sum().sqrt(),
            n=n.sum(),
            total=(n / p).sum(),
            rest=(rest / p).sum(),
            square=(n / p**2).sum(),
            rest_square=(rest / p**2).sum(),
        )
    )
    total = pl.col("total")
    share_low, share_high = part_interval(
        (total, (total - pl.col("part_below")).clip(0), total + pl.col("part_above")),
        (rest, (rest - pl.col("rest_below")).clip(0), rest + pl.col("rest_above")),
    )
    ratio = total / (total + rest)
    residual = (1 - ratio) ** 2 * pl.col("square") + ratio**2 * pl.col("rest_square")
    kish = (total + rest) ** 2 / (pl.col("square") + pl.col("rest_square"))
    linear = pl.when((ratio > 0) & (ratio < 1)).then(ratio * (1 - ratio) * (total + rest) ** 2 / residual)
    measured = whole.select(
        *keys,
        "n",
        "total",
        total_low=total - pl.col("below"),
        total_high=total + pl.col("above"),
        share=ratio,
        share_low=pl.min_horizontal(share_low, ratio),
        share_high=pl.max_horizontal(share_high, ratio),
        n_eff=pl.min_horizontal(kish, linear),
        attempted=total + rest,
    )
    apart = stopped.group_by(keys).agg(pl.col("partial").sum(), unweighted=n.filter(p.is_null()).sum())
    return apart.join(measured, on=keys, how="left", nulls_equal=True).with_columns(n.fill_null(0))


def _in_words(whole: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    said = whole.with_columns(
        label=decode.label("status_code"),
        group=decode.group("status_code"),
        unit=pl.lit("attempt"),
        weight=pl.lit(WEIGHT),
        level=pl.lit(level),
    )
    commonest = said.sort(
        *names, "attempted", "from_campaign", "total", decode.code_order("status_code"), "status_code", "to_campaign",
        descending=[*(False for _ in names), True, False, True, False, False, False], nulls_last=True,
    )  # fmt: skip
    return commonest.select(*names, *RESULT)
