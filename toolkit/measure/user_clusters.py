"""Shares and means of units that come in clusters: visits of one user resemble each other.

A hundred visits of ten users say less than a hundred visits of a hundred users. What they say is measured by the
residuals summed within each user (the linearised variance of a ratio), and told as an effective number of units. That
spread is itself but an estimate from the users there are, so that intervals take Student's t in place of the normal
quantile.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from scipy import special

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


def students(n_eff: str | pl.Expr, users: str | pl.Expr, level: float = rates.LEVEL) -> pl.Expr:
    """Number of units whose interval by the normal quantile is as wide as that of `n_eff` by Student's t.

    A score interval knows the quantile only as its square divided by the number of units; see `rates.share_interval`.

    Parameters
    ----------
    n_eff : str or pl.Expr
        Effective number of units, from a spread that was estimated.
    users : str or pl.Expr
        Users from whom it was: one more than there are degrees of freedom.
    level : float
        Of the interval. [0 to 1]

    Examples
    --------
    >>> users = pl.DataFrame({"n_eff": 100.0, "users": [5, 500]})
    >>> users.select(students("n_eff", "users").round(1)).to_series().to_list()
    [49.8, 99.5]
    """
    return rates.as_expr(n_eff) * (rates.z_of(level) / _quantile(users, level)) ** 2


def _quantile(users: str | pl.Expr, level: float) -> pl.Expr:
    """Two-sided quantile of Student's distribution with a degree of freedom less than there are users."""
    return rates.as_expr(users).map_batches(
        lambda some: pl.Series(special.stdtrit(some.to_numpy() - 1.0, (1 + level) / 2)), return_dtype=pl.Float64
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
    The interval is Wilson's with n_eff in place of n, and with Student's t for users - 1 degrees of freedom in place
    of the normal quantile. n_eff is n divided by the design effect: the variance of the ratio, from residuals summed
    within users, against that of independent units. It is never above n. Where all units agree (a share of 0 or 1, or
    only one user) residuals say nothing; there a user's units are taken to be alike: n_eff is n**2 over the sum of
    squared numbers of units. Where every user has one unit, n_eff is n, and the interval is Wilson's own.

    With fewer than some 50 users, or where a few have most of the units, the spread between users is known but roughly:
    the interval may then hold the truth less often than its level says. Say so where such a share is shown.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2, 2], "clicked": [True, True, False, False]})
    >>> clustered_shares(units, by=[], of="clicked").select("n", "share", "n_eff", "design_effect").row(0)
    (4, 0.5, 1.333..., 3.0)
    """
    check_level(level)
    return shares_of_clusters(in_clusters(units, by, of), by=by, level=level)


def shares_of_clusters(clusters: pl.DataFrame, *, by: Sequence[str], level: float = rates.LEVEL) -> pl.DataFrame:
    """Shares as `clustered_shares` gives them, from units that are counted for each user.

    Parameters
    ----------
    clusters : pl.DataFrame
        What `in_clusters` gives: for each user m (units) and y (units that have it).
    by, level
        See `clustered_shares`.

    Examples
    --------
    >>> clusters = pl.DataFrame({"m": [2.0, 2.0], "y": [2.0, 0.0]})
    >>> shares_of_clusters(clusters, by=[]).select("n", "total", "share", "n_eff").row(0)
    (4, 2, 0.5, 1.333...)
    """
    n, share = pl.col("n"), pl.col("share")
    residual = pl.col("yy") - 2 * share * pl.col("my") + share**2 * pl.col("mm")
    variance = pl.col("users") / (pl.col("users") - 1) * residual / n**2
    independent = share * (1 - share) / (n - 1)
    told = (share > 0) & (share < 1) & (pl.col("users") > 1)
    estimated = told & (pl.col("mm") > n)
    units = pl.when(estimated).then(students("n_eff", "users", level)).otherwise("n_eff")
    low, high = rates.share_interval("share", units, level)
    return (
        _sums(clusters, by)
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
    never below that of a Poisson count; where nothing was counted, it is that. The quantile is Student's t for users - 1
    degrees of freedom; of fewer than some 50 users see `clustered_shares`.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 2, 3, 4], "clicks": [0, 3, 1, 0]})
    >>> clustered_means(units, by=[], of="clicks").select(pl.col("mean", "mean_low", "mean_high").round(2)).row(0)
    (1.0, 0.14, 6.92)
    """
    check_level(level)
    n, mean = pl.col("n"), pl.col("mean")
    residual = pl.col("yy") - 2 * mean * pl.col("my") + mean**2 * pl.col("mm")
    several = (pl.col("users") > 1) & (pl.col("total") > 0)
    variance = pl.col("users") / (pl.col("users") - 1) * residual / n**2
    spread = pl.when(several).then(pl.max_horizontal(variance / mean, 1 / n)).otherwise(1 / n)
    z = pl.when(several).then(_quantile("users", level)).otherwise(rates.z_of(level))
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
