"""Shares and means of units that come in clusters: visits of one user resemble each other.

A hundred visits of ten users say less than a hundred visits of a hundred users. What they say is measured by the
residuals summed within each user (the linearised variance of a ratio), and told as an effective number of units.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from toolkit import errors, rates

USER = ("wiki", "user")
ALONE = "alone"  # tells units apart that have no user: each is a cluster of its own
CLUSTER = (*USER, ALONE)


def check_level(level: float) -> None:
    """Refuse a level that is no probability between 0 and 1."""
    if not 0 < level < 1:
        raise errors.not_allowed("level", level, "lies between 0 and 1")


def in_clusters(units: pl.DataFrame, by: Sequence[str], of: str) -> pl.DataFrame:
    """Units of each user, counted.

    Parameters
    ----------
    units : pl.DataFrame
        One row for each unit: wiki, user, the columns of `by` and `of`.
    by : list of str
        Groups within which a user's units are counted.
    of : str
        What is summed: whether the unit has it, or how often.

    Returns
    -------
    pl.DataFrame
        Columns of `by`, wiki, user, alone (null, but for units without a user), m (units), y (sum of `of`).

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, None, None], "clicked": [True, False, True, True]})
    >>> in_clusters(units, [], "clicked").sort("user", "alone").select("user", "m", "y").rows()
    [(None, 1.0, 1.0), (None, 1.0, 1.0), (1, 2.0, 1.0)]
    """
    alone = pl.when(pl.col("user").is_null()).then(pl.int_range(pl.len()))
    return (
        units.with_columns(alone.alias(ALONE))
        .group_by(list(dict.fromkeys([*by, *CLUSTER])))
        .agg(m=pl.len().cast(pl.Float64), y=pl.col(of).cast(pl.Float64).sum())
    )


def summed(rows: pl.DataFrame, by: Sequence[str], **sums: pl.Expr) -> pl.DataFrame:
    """Sums for each combination of `by`; one row of them where there is none.

    Examples
    --------
    >>> summed(pl.DataFrame({"n": [1, 2]}), [], n=pl.col("n").sum()).rows()
    [(3,)]
    """
    return rows.group_by(list(by)).agg(**sums) if by else rows.select(**sums)


def _sums(clusters: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    m, y = pl.col("m"), pl.col("y")
    return summed(
        clusters,
        by,
        n=m.sum(),
        total=y.sum(),
        users=pl.len().cast(pl.Int64),
        mm=(m * m).sum(),
        my=(m * y).sum(),
        yy=(y * y).sum(),
    )


def clustered_shares(units: pl.DataFrame, *, by: Sequence[str], of: str, level: float = rates.LEVEL) -> pl.DataFrame:
    """Share of units that have something, with an interval that respects the users behind them.

    Parameters
    ----------
    units : pl.DataFrame
        One row for each unit: wiki, user, the columns of `by`, and `of` (boolean).
    by : list of str
        One share for each combination.
    of : str
        Column that says whether the unit has it.
    level : float
        Of the interval. [0 to 1]

    Returns
    -------
    pl.DataFrame
        Columns of `by`; n (units), total (those that have it), users (clusters); share, share_low, share_high
        [0 to 1]; n_eff: as many independent units would say as much; design_effect: n / n_eff.

    Notes
    -----
    The interval is Wilson's with n_eff in place of n. n_eff is n divided by the design effect: the variance of the
    ratio, from residuals summed within users, against that of independent units. It is never above n. Where all
    units agree (a share of 0 or 1, or only one user) residuals say nothing; there a user's units are taken to be
    alike: n_eff is n**2 over the sum of squared numbers of units. Where every user has one unit, n_eff is n.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2, 2], "clicked": [True, True, False, False]})
    >>> clustered_shares(units, by=[], of="clicked").select("n", "share", "n_eff", "design_effect").row(0)
    (4, 0.5, 1.333..., 3.0)
    """
    check_level(level)
    n, share = pl.col("n"), pl.col("share")
    residual = pl.col("yy") - 2 * share * pl.col("my") + share**2 * pl.col("mm")
    variance = pl.col("users") / (pl.col("users") - 1) * residual / n**2
    independent = share * (1 - share) / (n - 1)
    told = (share > 0) & (share < 1) & (pl.col("users") > 1)
    low, high = rates.share_interval("share", "n_eff", level)
    return (
        _sums(in_clusters(units, by, of), by)
        .with_columns(share=rates.share("total", "n"))
        .with_columns(
            n_eff=pl.when(told).then(n / pl.max_horizontal(variance / independent, 1)).otherwise(n**2 / pl.col("mm"))
        )
        .with_columns(share_low=low, share_high=high, design_effect=n / pl.col("n_eff"))
        .select(
            *by,
            pl.col("n", "total").cast(pl.Int64),
            "users",
            "share",
            "share_low",
            "share_high",
            "n_eff",
            "design_effect",
        )
    )


def clustered_means(units: pl.DataFrame, *, by: Sequence[str], of: str, level: float = rates.LEVEL) -> pl.DataFrame:
    """Mean of a count over units, with an interval that respects the users behind them.

    Parameters
    ----------
    units, by, level
        See `clustered_shares`.
    of : str
        Column with the count, 0 or more.

    Returns
    -------
    pl.DataFrame
        Columns of `by`; n (units), total (sum), mean, mean_low, mean_high.

    Notes
    -----
    A score interval: it holds every mean that is not further from the one seen than its own standard deviation
    allows, where the variance is proportional to the mean. The factor is measured from sums within users, and is
    never below that of a Poisson count; where nothing was counted, it is that.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 2, 3, 4], "clicks": [0, 3, 1, 0]})
    >>> clustered_means(units, by=[], of="clicks").select(pl.col("mean", "mean_low", "mean_high").round(2)).row(0)
    (1.0, 0.27, 3.65)
    """
    check_level(level)
    n, mean = pl.col("n"), pl.col("mean")
    residual = pl.col("yy") - 2 * mean * pl.col("my") + mean**2 * pl.col("mm")
    several = (pl.col("users") > 1) & (pl.col("total") > 0)
    variance = pl.col("users") / (pl.col("users") - 1) * residual / n**2
    spread = pl.when(several).then(pl.max_horizontal(variance / mean, 1 / n)).otherwise(1 / n)
    z = rates.z_of(level)
    middle = mean + z * z * spread / 2
    half = z * (mean * spread + (z * spread / 2) ** 2).sqrt()
    return (
        _sums(in_clusters(units, by, of), by)
        .with_columns(mean=rates.share("total", "n"))
        .with_columns(
            mean_low=pl.when(pl.col("total") > 0).then((middle - half).clip(lower_bound=0)).otherwise(0.0),
            mean_high=middle + half,
        )
        .select(*by, pl.col("n", "total").cast(pl.Int64), "mean", "mean_low", "mean_high")
    )
