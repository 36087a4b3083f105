"""Weights, shares and their intervals as polars expressions.

Two kinds of uncertainty are kept apart:

- A **total** ("how many page views ended in 2.1?") is a fact about the traffic that was there; only the draw of
  the sample makes it uncertain. At rate 1 its interval is the number itself.
- A **share** ("what part of the attempts is shown?") is read as what such traffic does, of which the recorded
  page views are themselves a sample (a superpopulation); it has an interval at rate 1 as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from toolkit import errors

LEVEL = 0.95  # of every interval unless told otherwise
HALVINGS = 40  # of a first guess some ten times as wide: to the eleventh digit
MANY = (
    1000  # units from which on an expansion of the mid-P ends is as good as they are, to 1 in 2,000 of their distance
)
Numbers = npt.NDArray[np.float64]
Estimate = tuple[str | pl.Expr, str | pl.Expr, str | pl.Expr]  # a number with the ends of its interval


def check(parameter: str, given: Any, *, ends: bool = False) -> None:
    """Refuse what is no number between 0 and 1, such as a level of 95.

    With `ends`, 0 and 1 are allowed, too.

    Raises
    ------
    ToolkitError
        It is none.

    Examples
    --------
    >>> check("level", 95)
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 'level' lies between 0 and 1: 95
    """
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not (is_number and (0 < given < 1 or (ends and given in {0, 1}))):
        raise errors.not_allowed(parameter, given, "lies between 0 and 1")


def z_of(level: float = LEVEL) -> float:
    """Two-sided quantile of the standard normal distribution.

    Examples
    --------
    >>> round(z_of(0.95), 3)
    1.96
    """
    return NormalDist().inv_cdf((1 + level) / 2)


def as_expr(column: str | pl.Expr) -> pl.Expr:
    """Take a column's name for the column."""
    return pl.col(column) if isinstance(column, str) else column


def sample_rate(text: str | pl.Expr) -> pl.Expr:
    """Sampling rate from its text, as the decimal that was meant. [0 to 1, or above]

    A rate that was stored in 32 bits and printed in full (0.10000000149011612) is rounded to the seven digits
    that 32 bits hold. Text that is no number gives null.

    Examples
    --------
    >>> pl.DataFrame({"r": ["0.1", "0.10000000149011612", "Infinity", "NaN", "", None]}).select(sample_rate("r")).to_series().to_list()
    [0.1, 0.1, inf, None, None, None]
    """
    number = as_expr(text).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(number.is_infinite()).then(number).otherwise(number.fill_nan(None).round_sig_figs(7))


def usable_rate(rate: str | pl.Expr) -> pl.Expr:
    """Probability with which a page view was recorded; null where it cannot be known. [0 to 1]

    A rate above 1, infinite included, comes from an override in the address and means "always sent": 1. Zero,
    negative and missing rates say nothing about the probability: null.

    Examples
    --------
    >>> pl.DataFrame({"r": [0.1, 2.0, float("inf"), 0.0, -1.0, float("nan"), None]}).select(usable_rate("r")).to_series().to_list()
    [0.1, 1.0, 1.0, None, None, None, None]
    """
    rate = as_expr(rate).fill_nan(None)
    return pl.when(rate > 0).then(pl.min_horizontal(rate, pl.lit(1.0)))


def weight(rate: str | pl.Expr) -> pl.Expr:
    """Page views that one recorded page view stands for: 1 / rate. [page views]

    Examples
    --------
    >>> pl.DataFrame({"r": [1.0, 0.01, 5.0, None]}).select(weight("r")).to_series().to_list()
    [1.0, 100.0, 1.0, None]
    """
    return 1 / usable_rate(rate)


def share(part: str | pl.Expr, whole: str | pl.Expr) -> pl.Expr:
    """Part of a whole, null where the whole is zero. [0 to 1]

    Examples
    --------
    >>> pl.DataFrame({"a": [1, 0], "b": [4, 0]}).select(share("a", "b")).to_series().to_list()
    [0.25, None]
    """
    part, whole = as_expr(part), as_expr(whole)
    return pl.when(whole > 0).then(part / whole)


def share_interval(p: str | pl.Expr, n: str | pl.Expr, level: float = LEVEL) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's score interval of a share `p` seen in `n` (effective) units. [0 to 1]

    Never empty at 0 and 1, never outside them. `n` may be fractional: an effective number.

    References
    ----------
    E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22, 209-212.

    Examples
    --------
    >>> low, high = share_interval("p", "n")
    >>> pl.DataFrame({"p": [0.5, 0.0], "n": [100, 10]}).select(low=low.round(3), high=high.round(3)).rows()
    [(0.404, 0.596), (0.0, 0.278)]
    """
    p, n = as_expr(p), as_expr(n)
    z2 = z_of(level) ** 2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z_of(level) * (p * (1 - p) / n + z2 / (4 * n * n)).sqrt() / (1 + z2 / n)
    known = n > 0
    low = pl.when(known).then(pl.when(p <= 0).then(0.0).otherwise((middle - half).clip(0, 1)))
    high = pl.when(known).then(pl.when(p >= 1).then(1.0).otherwise((middle + half).clip(0, 1)))
    return low, high


def total_interval(
    n: str | pl.Expr, rate: str | pl.Expr, clump: str | pl.Expr | float = 1.0, level: float = LEVEL
) -> tuple[pl.Expr, pl.Expr]:
    """Mid-P interval of the units that there were, of which `n` were recorded at one rate. [units]

    The ends are the totals T for which half the chance of `n` and the chance of everything beyond it, by the
    binomial distribution of T draws at `rate`, leave (1 - level) / 2 on their side. They stay sensible for few units
    and for none: where nothing was seen at rate 0.01, some 300 may have been. At rate 1 both ends are `n`; the lower
    end is never below it. Units that were drawn together in clumps count as n / clump draws of `clump` each.

    References
    ----------
    H. O. Lancaster (1961), Significance tests in discrete distributions. JASA 56, 223-234.

    Examples
    --------
    >>> low, high = total_interval("n", "p")
    >>> cells = pl.DataFrame({"n": [3, 0, 25], "p": [0.01, 0.01, 1.0]})
    >>> cells.select(low=low.round(), high=high.round()).rows()
    [(77.0, 814.0), (0.0, 298.0), (25.0, 25.0)]
    """
    rate = as_expr(rate)
    low, high = _mid_p(n, rate, clump, level)
    # what was recorded is there, also where the clumps are only an average
    return pl.max_horizontal(low, as_expr(n)), high


def mean_interval(
    n: str | pl.Expr, clump: str | pl.Expr | float = 1.0, level: float = LEVEL
) -> tuple[pl.Expr, pl.Expr]:
    """Mid-P interval of the number of units that such traffic gives on average, where `n` came. [units]

    As `total_interval`, by Poisson's distribution: for shares, whose units are a sample also at rate 1.

    Examples
    --------
    >>> low, high = mean_interval("n")
    >>> pl.DataFrame({"n": [0, 10]}).select(low=low.round(2), high=high.round(2)).rows()
    [(0.0, 3.0), (5.08, 17.82)]
    """
    return _mid_p(n, pl.lit(0.0), clump, level)


def part_interval(part: Estimate, rest: Estimate, correlation: str | pl.Expr | float = 0.0) -> tuple[pl.Expr, pl.Expr]:
    """Interval of the share part / (part + rest), from the intervals of both totals. [0 to 1]

    MOVER for a ratio of two estimates, here of the odds, which is the share told otherwise. With mid-P intervals of
    one sample it is close to the mid-P interval of a binomial share.

    References
    ----------
    A. Donner, G. Y. Zou (2012), Closed-form confidence intervals for functions of the normal mean and standard
    deviation. Stat. Methods Med. Res. 21, 347-359.

    Examples
    --------
    >>> low, high = part_interval(("a", "a_low", "a_high"), ("b", "b_low", "b_high"))
    >>> totals = pl.DataFrame({"a": [80.0, 0.0], "a_low": [63.9, 0.0], "a_high": [99.1, 3.0],
    ...                        "b": [20.0, 10.0], "b_low": [12.6, 5.1], "b_high": [30.3, 17.8]})
    >>> totals.select(low=low.round(2), high=high.round(2)).rows()
    [(0.71, 0.87), (0.0, 0.26)]
    """
    least = _least_odds(part, rest, correlation)
    least_of_rest = _least_odds(rest, part, correlation)
    return least / (1 + least), 1 / (1 + least_of_rest)


def difference_interval(a: Estimate, b: Estimate) -> tuple[pl.Expr, pl.Expr]:
    """Interval of the difference a - b of two estimates that were made apart, from their own intervals (MOVER).

    Each end of the interval keeps the length of the interval on that side, so that shares near 0 and 1 are not
    taken for symmetric; for two Wilson intervals it is Newcombe's method 10.

    References
    ----------
    R. G. Newcombe (1998), Interval estimation for the difference between independent proportions: comparison of
    eleven methods. Stat. Med. 17, 873-890.
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures. Stat. Med. 27, 1693-1702.

    Examples
    --------
    >>> low, high = difference_interval(("a", "a_low", "a_high"), ("b", "b_low", "b_high"))
    >>> shares = pl.DataFrame({"a": [0.8], "a_low": [0.71], "a_high": [0.87], "b": [0.5], "b_low": [0.4], "b_high": [0.6]})
    >>> shares.select(low=low.round(2), high=high.round(2)).rows()
    [(0.17, 0.42)]
    """
    (of_a, a_low, a_high), (of_b, b_low, b_high) = _expressions(a), _expressions(b)
    below = ((of_a - a_low) ** 2 + (b_high - of_b) ** 2).sqrt()
    above = ((a_high - of_a) ** 2 + (of_b - b_low) ** 2).sqrt()
    return of_a - of_b - below, of_a - of_b + above


def two_sided(distance: str | pl.Expr, level: float | pl.Expr = LEVEL) -> pl.Expr:
    """Chance of a normal number that is further from 0 than `distance`, in lengths of the interval at `level`. [0 to 1]

    Examples
    --------
    >>> pl.DataFrame({"d": [0.0, 1.0, 2.0]}).select(two_sided("d").round(4)).to_series().to_list()
    [1.0, 0.05, 0.0001]
    """
    lengths = [as_expr(distance), pl.lit(level) if isinstance(level, float) else level]

    def chance(given: Sequence[pl.Series]) -> pl.Series:
        far, at = (series.cast(pl.Float64).to_numpy() for series in given)
        return pl.Series(2 * special.ndtr(-np.abs(far) * special.ndtri((1 + at) / 2))).fill_nan(None)

    return pl.map_batches(lengths, chance, return_dtype=pl.Float64)


def holm(p_value: str | pl.Expr) -> pl.Expr:
    """Chances of a finding adjusted for how many are looked at, by Holm's method; nulls are not counted. [0 to 1]

    Examples
    --------
    >>> pl.DataFrame({"p": [0.04, 0.01, None, 0.03]}).select(holm("p")).to_series().to_list()
    [0.06, 0.03, None, 0.06]
    """
    p_value = as_expr(p_value)
    place = p_value.rank("ordinal")
    stepped = ((p_value.count() - place + 1) * p_value).sort_by(p_value, nulls_last=True).cum_max().clip(0, 1)
    return stepped.gather(place.cast(pl.Int64) - 1)


def _expressions(estimate: Estimate) -> tuple[pl.Expr, ...]:
    return tuple(as_expr(part) for part in estimate)


def _least_odds(part: Estimate, rest: Estimate, correlation: str | pl.Expr | float) -> pl.Expr:
    """Lower end of part / rest; finite where there is no rest, since the rest may only not have been seen."""
    (a, low, _), (b, _, high) = _expressions(part), _expressions(rest)
    together = correlation if isinstance(correlation, float) else as_expr(correlation)
    middle = a * b - together * (a - low) * (high - b)
    lower = low * (2 * a - low)
    root = (middle**2 - lower * high * (2 * b - high)).clip(0).sqrt()
    return pl.when(a > 0).then(lower / (middle + root)).otherwise(0.0)


def _mid_p(n: str | pl.Expr, rate: pl.Expr, clump: str | pl.Expr | float, level: float) -> tuple[pl.Expr, pl.Expr]:
    """Both mid-P ends, for binomial draws at `rate` or, at rate 0, for Poisson's."""
    clump = pl.lit(clump) if isinstance(clump, float) else as_expr(clump)
    draws = [as_expr(n).cast(pl.Float64) / clump, rate]

    def end(tail: float) -> pl.Expr:
        # numpy alone: polars called from its own threads may wait for itself
        return clump * pl.map_batches(draws, lambda given: _solved(given, tail), return_dtype=pl.Float64)

    return end((1 - level) / 2), end((1 + level) / 2)


def _solved(draws: Sequence[pl.Series], tail: float) -> pl.Series:
    """Totals of which so many or more are recorded with the chance `tail`; each n and rate once."""
    n_of, rate_of = np.broadcast_arrays(*(series.to_numpy() for series in draws))
    n, rate, place = _distinct(n_of, rate_of)
    per, lost = np.where(rate > 0, rate, 1.0), np.where(rate > 0, 1 - rate, 1.0)  # Poisson's mean has no rate
    z = special.ndtri(tail)
    end = (n + z * np.sqrt(n * lost) + lost / 2 + (z * z - 1) / 6 * (1 + lost)) / per
    few = n < MANY
    end[few] = _halved(n[few], rate[few], per[few], tail)
    return pl.Series(np.where(rate >= 1, n, end)[place])


def _distinct(n: Numbers, rate: Numbers) -> tuple[Numbers, Numbers, npt.NDArray[np.intp]]:
    """Distinct pairs of two numbers, and the place of each pair among them: few rates make that quick."""
    numbers, rates = np.unique(n), np.unique(rate)
    pair = np.searchsorted(numbers, n) * rates.size + np.searchsorted(rates, rate)
    found, place = np.unique(pair, return_inverse=True)
    return numbers[found // rates.size], rates[found % rates.size], place


_ends: dict[tuple[float, float, float], float] = {}  # already solved: few small numbers come again and again


def _halved(n: Numbers, rate: Numbers, per: Numbers, tail: float) -> Numbers:
    """Totals by halving, each pair of n and rate solved once in a session."""
    keys = [(of, at, tail) for of, at in zip(n.tolist(), rate.tolist(), strict=True)]
    new = np.array([key not in _ends for key in keys], dtype=bool)
    if new.any():
        solved = _solve(n[new], rate[new], per[new], tail)
        _ends.update(zip((key for key, is_new in zip(keys, new, strict=True) if is_new), solved.tolist(), strict=True))
    return np.array([_ends[key] for key in keys])


def _solve(n: Numbers, rate: Numbers, per: Numbers, tail: float) -> Numbers:
    z = abs(special.ndtri(tail))
    low, high = np.where(rate > 0, n, 0.0), (n + 2 * z * np.sqrt(n + 1) + 2 * z * z + 10) / per
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = _chance_of_so_many(n, rate, middle) > tail
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low


def _chance_of_so_many(n: Numbers, rate: Numbers, total: Numbers) -> Numbers:
    """Chance of more than n, and half the chance of n, if there are `total`."""
    tiny = np.finfo(float).tiny
    some, more = np.maximum(n, tiny), np.maximum(total - n, tiny)
    with_n = np.where(rate > 0, special.betainc(some, more + 1, rate), special.gammainc(some, total))
    beyond = np.where(rate > 0, special.betainc(n + 1, more, rate), special.gammainc(n + 1, total))
    chance: Numbers = (with_n + beyond) / 2
    return chance
