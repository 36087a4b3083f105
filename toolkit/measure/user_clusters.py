"""Shares and means of units that come in clusters: visits of one user resemble each other.

A hundred visits of ten users say less than a hundred visits of a hundred users. What they say is measured by leaving
out one user after the other (the jackknife variance of a ratio), and told as an effective number of units. That spread
is itself but an estimate from the users there are, so that intervals and tests take Student's t in place of the normal
quantile, with as many degrees of freedom as the users are worth: a few who have most of the units count for few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from scipy import special

from toolkit import rates
from toolkit.rates import Numbers

ENDLESS = 1e9  # degrees of freedom with which Student's distribution is the normal one
USER = ("wiki", "user")
ALONE = "alone"  # tells units apart that have no user: each is a cluster of its own
CLUSTER = (*USER, ALONE)


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
    nobody = units["user"].null_count() > 0
    some = units.with_columns(alone.alias(ALONE)) if nobody else units
    counted = some.group_by(list(dict.fromkeys([*by, *(CLUSTER if nobody else USER)]))).agg(
        m=pl.len().cast(pl.Float64), y=pl.col(of).cast(pl.Float64).sum()
    )
    return counted if nobody else counted.with_columns(pl.lit(None, dtype=pl.Int64).alias(ALONE))


def students(n_eff: str | pl.Expr, freedom: str | pl.Expr, level: float = rates.LEVEL) -> pl.Expr:
    """Number of units whose interval by the normal quantile is as wide as that of `n_eff` by Student's t.

    A score interval knows the quantile only as its square divided by the number of units; see `rates.share_interval`.

    Parameters
    ----------
    n_eff : str or pl.Expr
        Effective number of units, from a spread that was estimated.
    freedom : str or pl.Expr
        Degrees of freedom of that spread; null where it is known.
    level : float
        Of the interval. [0 to 1]

    Examples
    --------
    >>> spread = pl.DataFrame({"n_eff": 100.0, "freedom": [4.0, 499.0, None]})
    >>> spread.select(students("n_eff", "freedom").round(1)).to_series().to_list()
    [49.8, 99.5, 100.0]
    """
    return rates.as_expr(n_eff) * (rates.z_of(level) / t_quantile(freedom, level)) ** 2


def t_quantile(freedom: str | pl.Expr, level: float = rates.LEVEL) -> pl.Expr:
    """Two-sided quantile of Student's distribution; of the normal one where `freedom` is null.

    Examples
    --------
    >>> pl.DataFrame({"f": [4.0, None]}).select(t_quantile("f").round(3)).to_series().to_list()
    [2.776, 1.96]
    """
    return _by_students([rates.as_expr(freedom)], lambda given: special.stdtrit(_freedom(given[0]), (1 + level) / 2))


def two_sided(distance: str | pl.Expr, freedom: str | pl.Expr) -> pl.Expr:
    """Chance that a number by Student's distribution is further from 0 than `distance`. [0 to 1]

    Parameters
    ----------
    distance : str or pl.Expr
        In standard errors.
    freedom : str or pl.Expr
        Degrees of freedom of the standard error; null where it is known: the chance is that of the normal
        distribution then, as `rates.two_sided` has it for lengths of an interval.

    Examples
    --------
    >>> pl.DataFrame({"d": 2.0, "f": [4.0, None]}).select(two_sided("d", "f").round(4)).to_series().to_list()
    [0.1161, 0.0455]
    """
    return _by_students(
        [rates.as_expr(distance), rates.as_expr(freedom)],
        lambda given: 2 * special.stdtr(_freedom(given[1]), -np.abs(given[0].cast(pl.Float64).to_numpy())),
    )


def together_freedom(*spreads: tuple[str | pl.Expr, str | pl.Expr]) -> pl.Expr:
    """Degrees of freedom of a sum of variances that were estimated apart, after Welch and Satterthwaite.

    Parameters
    ----------
    *spreads : pairs of str or pl.Expr
        Each a variance and its degrees of freedom, null where the variance is known; null where all are.

    Examples
    --------
    >>> pl.DataFrame({"v": 1.0, "f": 5.0, "g": [5.0, None]}).select(together_freedom(("v", "f"), ("v", "g"))).to_series().to_list()
    [10.0, 20.0]
    """
    variances = [(rates.as_expr(variance), rates.as_expr(freedom)) for variance, freedom in spreads]
    whole = pl.sum_horizontal(variance for variance, _ in variances)
    parts = pl.sum_horizontal((variance**2 / freedom).fill_null(0.0) for variance, freedom in variances)
    return pl.when(parts > 0).then(whole**2 / parts)


def _by_students(given: list[pl.Expr], of: Callable[[Sequence[pl.Series]], Numbers]) -> pl.Expr:
    def found(series: Sequence[pl.Series]) -> pl.Series:
        return pl.Series(of(series), dtype=pl.Float64).fill_nan(None)

    return pl.map_batches(given, found, return_dtype=pl.Float64)


def _freedom(some: pl.Series) -> Numbers:
    """Degrees of freedom; so many that the quantile is the normal one where it is not asked for one."""
    return some.cast(pl.Float64).fill_null(ENDLESS).clip(lower_bound=1.0).to_numpy()


def summed(rows: pl.DataFrame, by: Sequence[str], **sums: pl.Expr) -> pl.DataFrame:
    """Sums for each combination of `by`; one row of them where there is none.

    Examples
    --------
    >>> summed(pl.DataFrame({"n": [1, 2]}), [], n=pl.col("n").sum()).rows()
    [(3,)]
    """
    return rows.group_by(list(by), maintain_order=True).agg(**sums) if by else rows.select(**sums)


def _sums(clusters: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Sums of each group, the jackknife variance of its ratio, and the moments of what makes it."""
    m, y, k, names = pl.col("m"), pl.col("y"), pl.col("k"), list(by)
    # users are many and their numbers few; in an order of their own, so that no digit depends on that of the rows
    alike = clusters.group_by(*names, "m", "y").agg(k=pl.len().cast(pl.Int64)).sort(*names, "m", "y")
    wholes = [(k * some).sum().over(names) if names else (k * some).sum() for some in (m, y)]
    ratio = pl.col("whole_y") / pl.col("whole_m")
    without = (pl.col("whole_y") - y) / (pl.col("whole_m") - m)
    each = alike.with_columns(whole_m=wholes[0], whole_y=wholes[1]).with_columns(
        off=without - ratio, residual=y - ratio * m
    )
    number = k.sum()
    return summed(
        each,
        by,
        n=(k * m).sum(),
        total=(k * y).sum(),
        users=number,
        mm=(k * m**2).sum(),
        mmm=(k * m**3).sum(),
        mmmm=(k * m**4).sum(),
        variance=pl.when(number > 1).then((number - 1) / number * (k * pl.col("off") ** 2).sum()),
        second=(k * pl.col("residual") ** 2).sum(),
        fourth=(k * pl.col("residual") ** 4).sum(),
    )


def _freedom_of_sizes(own: pl.Expr) -> pl.Expr:
    """Degrees of freedom that users of these sizes leave, where one unit has the variance `own`.

    What units of a user have in common makes the variance of the user's sum grow with the square of their number; how
    much of it there is, is told by the residuals.
    """
    common = ((pl.col("second") - own * pl.col("n")) / pl.col("mm")).clip(lower_bound=0)
    whole = own * pl.col("n") + common * pl.col("mm")
    squares = own**2 * pl.col("mm") + 2 * own * common * pl.col("mmm") + common**2 * pl.col("mmmm")
    return whole**2 / squares - 1


def freedoms(clusters: pl.DataFrame, *, by: Sequence[str]) -> pl.DataFrame:
    """Degrees of freedom of the spread of shares, from units that are counted for each user.

    Parameters
    ----------
    clusters : pl.DataFrame
        What `in_clusters` gives.
    by : list of str
        One share for each combination.

    Returns
    -------
    pl.DataFrame
        Columns of `by`, freedom: null where each user has one unit, for the spread of such shares is known.

    Examples
    --------
    >>> freedoms(pl.DataFrame({"m": [2.0, 2.0, 2.0], "y": [2.0, 0.0, 1.0]}), by=[]).item()
    2.0
    """
    return _sums(clusters, by).with_columns(share=rates.share("total", "n")).select(*by, freedom=_of_shares())


def _of_shares() -> pl.Expr:
    share = pl.col("share")
    told = (share > 0) & (share < 1) & (pl.col("users") > 1) & (pl.col("mm") > pl.col("n"))
    return pl.when(told).then(_freedom_of_sizes(share * (1 - share)).clip(lower_bound=1))


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
    The interval is Wilson's with n_eff in place of n, and with Student's t in place of the normal quantile. n_eff is n
    divided by the design effect: the variance of the ratio, from leaving out one user after the other, against that of
    independent units. It is never above n. The degrees of freedom are Satterthwaite's: users - 1 where all have as many
    units, fewer where a few have most of them. Where all units agree (a share of 0 or 1, or
    only one user) this says nothing; there a user's units are taken to be alike: n_eff is n**2 over the sum of
    squared numbers of units. Where every user has one unit, n_eff is n, and the interval is Wilson's own.

    In simulations of 50 to 1,000 users with 1 to 60 visits and shares of their own, intervals of 95 % held the truth in
    93 to 98 of 100 draws. With fewer users the spread between them is known but roughly: say so where such a share is
    shown.

    References
    ----------
    F. E. Satterthwaite (1946), An approximate distribution of estimates of variance components. Biometrics Bulletin 2,
    110-114.
    W. G. Cochran (1977), Sampling techniques. Wiley, 3rd edition, 6.17 (the jackknife of a ratio).

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2, 2], "clicked": [True, True, False, False]})
    >>> clustered_shares(units, by=[], of="clicked").select("n", "share", "n_eff", "design_effect").row(0)
    (4, 0.5, 1.333..., 3.0)
    """
    rates.check("level", level)
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
    independent = share * (1 - share) / (n - 1)
    told = (share > 0) & (share < 1) & (pl.col("users") > 1)
    units = students("n_eff", _of_shares(), level)
    low, high = rates.share_interval("share", units, level)
    return (
        _sums(clusters, by)
        .with_columns(share=rates.share("total", "n"))
        .with_columns(
            n_eff=pl.when(told)
            .then(n / pl.max_horizontal(pl.col("variance") / independent, 1))
            .otherwise(n**2 / pl.col("mm"))
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
    allows, where the variance is proportional to the mean. The factor is measured by leaving out one user after the
    other, and is never below that of a Poisson count; where nothing was counted, it is that. The quantile is Student's
    t. Its degrees of freedom are the fewer of two: those of `clustered_shares`, and those that the residuals leave whose
    long tail makes the spread itself unsure (their kurtosis), for a few users click very often.

    In simulations of 50 to 1,000 users whose rates of clicking differ up to many times, intervals of 95 % held the
    truth in 93 to 98 of 100 draws.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": [1, 2, 3, 4], "clicks": [0, 3, 1, 0]})
    >>> clustered_means(units, by=[], of="clicks").select(pl.col("mean", "mean_low", "mean_high").round(2)).row(0)
    (1.0, 0.14, 6.92)
    """
    rates.check("level", level)
    n, mean, users = pl.col("n"), pl.col("mean"), pl.col("users")
    several = (users > 1) & (pl.col("total") > 0)
    spread = pl.when(several).then(pl.max_horizontal(pl.col("variance") / mean, 1 / n)).otherwise(1 / n)
    tail = 2 * users / (users * pl.col("fourth") / pl.col("second") ** 2 - 1)
    freedom = pl.min_horizontal(_freedom_of_sizes(mean), pl.when(tail > 0).then(tail))
    z = t_quantile(pl.when(several).then(freedom.clip(lower_bound=1)), level)
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


def shares_of_kinds(rows: pl.DataFrame, *, kind: str, by: Sequence[str], level: float = rates.LEVEL) -> pl.DataFrame:
    """Share of each kind among the units of a group, as `user_clusters.clustered_shares` gives it.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 2, 3], "route": ["a", "a", "b"]})
    >>> shares_of_kinds(rows, kind="route", by=[]).select("route", "total", "n").sort("route").rows()
    [('a', 2, 3), ('b', 1, 3)]
    """
    units = rows.select(*dict.fromkeys([*by, "wiki", "user"]), its=pl.col(kind))
    kinds = units.select(*by, pl.col("its").alias(kind)).unique()
    # each unit once for each kind of its group: those of other kinds count too
    each = units.join(kinds, on=list(by), how="inner", nulls_equal=True) if by else units.join(kinds, how="cross")
    return clustered_shares(
        each.with_columns(is_it=pl.col("its") == pl.col(kind)), by=[*by, kind], of="is_it", level=level
    )


def shares_of_sums(users: pl.DataFrame, by: Sequence[str], level: float) -> pl.DataFrame:
    """Shares of sums of users (y of m) that need be no whole numbers, with the variance between users.

    Examples
    --------
    >>> users = pl.DataFrame({"kind": "a", "m": [2, 2, 4], "y": [1.0, 0.5, 2.5]})
    >>> shares_of_sums(users, ["kind"], 0.95).select("kind", "n", "of", "share").rows()
    [('a', 4.0, 8.0, 0.5)]
    """
    share, of = pl.col("share"), pl.col("n")
    told = (share > 0) & (share < 1) & (pl.col("users") > 1)
    sums = _sums(users.with_columns(pl.col("m", "y").cast(pl.Float64)), by).with_columns(
        share=rates.share("total", "n").clip(0, 1).round(12)
    )
    effective = pl.when(told).then(share * (1 - share) / pl.col("variance")).otherwise(of**2 / pl.col("mm"))
    low, high = rates.share_interval("share", students("n_eff", _of_shares(), level), level)
    return (
        sums.with_columns(n_eff=pl.min_horizontal(effective, of))
        .with_columns(share_low=low, share_high=high)
        .select(*by, n=pl.col("total").round(9), of=of.round(9), share="share", n_eff="n_eff", share_low="share_low", share_high="share_high")
    )  # fmt: skip
