"""Weights, shares and their intervals as polars expressions.

Two kinds of uncertainty are kept apart:

- A **total** ("how many page views ended in 2.1?") is a fact about the traffic that was there; only the draw of
  the sample makes it uncertain. At rate 1 its interval is the number itself.
- A **share** ("what part of the attempts is shown?") is read as what such traffic does, of which the recorded
  page views are themselves a sample (a superpopulation); it has an interval at rate 1 as well.
"""

from __future__ import annotations

from statistics import NormalDist

import polars as pl

LEVEL = 0.95  # of every interval unless told otherwise


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
    total: str | pl.Expr, variance: str | pl.Expr, rate: str | pl.Expr, level: float = LEVEL
) -> tuple[pl.Expr, pl.Expr]:
    """Score interval of a total that was sampled at one rate. [units of `total`]

    For n units recorded at rate p the total T is estimated by n / p with variance n (1 - p) / p**2. The interval
    holds every T that is not further from n / p than its own standard deviation sqrt(T (1 - p) / p) allows,
    which stays sensible for few units and for none: where nothing was seen at rate 0.01, some 380 may have been.
    The lower end is never below what was seen.

    Examples
    --------
    >>> low, high = total_interval("t", "v", "p")
    >>> cells = pl.DataFrame({"t": [300.0, 0.0, 25.0], "v": [3 * 0.99 / 0.01**2, 0.0, 0.0], "p": [0.01, 0.01, 1.0]})
    >>> cells.select(low=low.round(), high=high.round()).rows()
    [(103.0, 878.0), (0.0, 380.0), (25.0, 25.0)]
    """
    total, variance, rate = as_expr(total), as_expr(variance), as_expr(rate)
    z = z_of(level)
    spread = pl.when(total > 0).then(variance / total).otherwise((1 - rate) / rate)
    middle = total + z * z * spread / 2
    half = z * (variance + (z * spread / 2) ** 2).sqrt()
    seen = total * rate
    return pl.max_horizontal(middle - half, seen), middle + half
