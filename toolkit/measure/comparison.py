"""Differences of a share between groups: how large, how sure, and how many more users would decide."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import polars as pl

from toolkit import errors, rates
from toolkit.measure.given import number, table_of
from toolkit.measure.tally import dimensions
from toolkit.measure.usage import PRIVATE, UNITS, Per, check_per, in_utc, module_clicks, on, per_unit
from toolkit.measure.user_clusters import (
    CLUSTER,
    USER,
    clustered_shares,
    freedoms,
    in_clusters,
    together_freedom,
    two_sided,
)

BANDS = (
    (0, "0 edits"),
    (4, "1 to 4 edits"),
)  # highest number of edits and its band, as analyses of the homepage have it
MOST_EDITS = "5 or more edits"
SHARE = ("n", "total", "users", "share", "share_low", "share_high", "n_eff")
COUNTED = ("n", "total", "users", "baseline_n", "baseline_total", "baseline_users")
COMPARED = (
    "between", "group", "baseline", "unit", "weight", *SHARE, *(f"baseline_{name}" for name in SHARE), "users_in_both",
    "difference", "difference_low", "difference_high", "standard_error", "p_value", "p_adjusted", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
SAMPLE_SIZE = (
    "between", "group", "baseline", "sought", "power", "level", "tests", "times", "n", "n_more", "baseline_n",
    "baseline_n_more", "users", "users_more", "baseline_users", "baseline_users_more", "days", "days_more", "note",
)  # fmt: skip


def editcount_band(edits: str | pl.Expr) -> pl.Expr:
    """Band of a number of edits: none, 1 to 4, 5 or more; null where it is not known.

    Examples
    --------
    >>> pl.DataFrame({"e": [0, 4, 5, None]}).select(editcount_band("e")).to_series().to_list()
    ['0 edits', '1 to 4 edits', '5 or more edits', None]
    """
    edits = rates.as_expr(edits)
    names = [name for _, name in BANDS]
    band: pl.Expr = pl.when(edits > BANDS[-1][0]).then(pl.lit(MOST_EDITS))
    for most, name in reversed(BANDS):
        band = pl.when(edits <= most).then(pl.lit(name)).otherwise(band)
    return band.cast(pl.Enum([*names, MOST_EDITS]))


def compare_shares(
    units: pl.DataFrame,
    *,
    between: str,
    of: str,
    by: str | Sequence[str] | None = (),
    baseline: object = None,
    unit: str = "row",
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Difference of a share between groups of units, each against one of them.

    Parameters
    ----------
    units : pl.DataFrame
        One row for each unit: wiki, user, ms (its time, ms since 1970), `between`, `of`, the columns of `by`.
    between : str
        Column whose values are the groups; units where it is null are in none.
    of : str
        Column that says whether the unit has it (boolean).
    by : str or list of str
        One comparison for each combination of these.
    baseline : optional
        Value of `between` that the others are compared with; by default the one with most units, among equals the
        first in the order of the alphabet.
    unit : str
        What a row is, in words.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination of `by` and group but the baseline:

        - between (name of the column), group, baseline (values, as text); unit; weight: 1
        - n, total (units that have it), users, share, share_low, share_high, n_eff of the group; the same of the
          baseline as baseline_n and so on; users_in_both
        - difference: share - baseline_share, difference_low, difference_high [-1 to 1]; standard_error
        - p_value: of there being no difference, two-sided; p_adjusted: Holm's, over all rows of the table
        - level; first_dt, last_dt: of the units of both [UTC]; note: what hinders the comparison, or null

    Notes
    -----
    Units of one user are not independent. Shares and their intervals are those of `user_clusters.clustered_shares`; where
    users have units in both groups, as with periods, what they have in common is taken into account. The interval of
    the difference combines the two Wilson intervals (Newcombe's hybrid, with their correlation), which stays sensible
    near 0 and 1. The test is a score test: residuals from the pooled share, summed within users, by Student's t; its
    degrees of freedom are those of both spreads (Welch, Satterthwaite).

    References
    ----------
    G. Y. Zou, A. Donner (2008), Construction of confidence limits about effect measures. Statist. Med. 27, 1693-1702.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": range(8), "ms": 0, "variant": ["C"] * 4 + ["D"] * 4,
    ...                       "clicked": [True, True, True, False, True, False, False, False]})
    >>> compare_shares(units, between="variant", of="clicked").select("group", "baseline", "difference").rows()
    [('D', 'C', -0.5)]
    """
    rates.check("level", level)
    names = dimensions(by, (*COMPARED, *PRIVATE))
    _check_column("between", between)
    _check_column("of", of)
    units = table_of(units, "compare_shares", [*USER, "ms", between, of, *names], parameter="units")
    if units.schema[of] != pl.Boolean:
        raise errors.not_allowed("of", of, "names a column that is true or false")
    if between in names:
        raise errors.not_allowed("between", between, "is not among the columns of by")
    grouped = units.filter(pl.col(between).is_not_null()).with_columns(group=pl.col(between).cast(pl.String))
    chosen = _baseline(grouped, between, baseline)
    keys = [*names, "group"]
    shares = clustered_shares(grouped, by=keys, of=of, level=level).drop("design_effect")
    against = shares.filter(group=chosen).drop("group").rename({name: f"baseline_{name}" for name in SHARE})
    paired = (
        _cells(shares, names, chosen)
        .join(shares, **on(keys))
        .join(against, **on(names))
        .filter(pl.col("n").is_not_null() | pl.col("baseline_n").is_not_null())
        .join(_in_common(grouped, shares, keys, of, chosen), **on(keys))
        .join(_freedom(grouped, keys, of, chosen), **on(keys))
        .join(_times(grouped, names, chosen), **on(keys))
        .with_columns(pl.col("covariance", "users_in_both", *COUNTED).fill_null(0))
    )
    tested = _differences(paired).with_columns(
        between=pl.lit(between),
        baseline=pl.lit(chosen),
        unit=pl.lit(unit),
        weight=pl.lit("1"),
        level=pl.lit(level),
        note=pl.when(pl.col("baseline_n") == 0)
        .then(pl.lit("no units of the baseline"))
        .when(pl.col("n") == 0)
        .then(pl.lit("no units of the group")),
    )
    in_order = tested.sort(keys)
    return in_order.with_columns(p_adjusted=rates.holm("p_value")).select(*names, *COMPARED)


def _cells(shares: pl.DataFrame, names: list[str], chosen: str) -> pl.DataFrame:
    """Every combination of `by` with every group, so that one of which a side has no units is there too."""
    groups = shares.filter(pl.col("group") != chosen).select("group").unique()
    return shares.select(names).unique().join(groups, how="cross") if names else groups


def _baseline(grouped: pl.DataFrame, between: str, baseline: object) -> str:
    """Group that the others are compared with."""
    sizes = grouped.group_by("group").len().sort("len", "group", descending=[True, False])
    groups = list(sizes["group"])
    if len(groups) < 2:  # noqa: PLR2004 - a difference has two sides
        raise errors.not_allowed(
            "between", between, f"names a column with two values or more; it has {errors.quoted(groups) or 'none'}"
        )
    if baseline is not None and str(baseline) not in groups:
        raise errors.not_found("group", str(baseline), f"column {between!r}", sorted(groups))
    return groups[0] if baseline is None else str(baseline)


def _in_common(grouped: pl.DataFrame, shares: pl.DataFrame, keys: list[str], of: str, chosen: str) -> pl.DataFrame:
    """What users have in both groups, and the variance of the difference if the groups had one share."""
    names = [name for name in keys if name != "group"]
    clusters = in_clusters(grouped, keys, of).join(shares.select(*keys, "share", "n", "total"), **on(keys))
    base = clusters.filter(group=chosen).drop("group")
    pairs = shares.filter(pl.col("group") != chosen).select(*keys, other_n="n", other_total="total")
    wholes = shares.filter(group=chosen).select(*names, base_n="n", base_total="total")
    own = clusters.filter(pl.col("group") != chosen).with_columns(side=pl.lit(1.0))
    both = pl.concat(
        [own, base.join(pairs.select(keys), **on(names)).with_columns(side=pl.lit(-1.0)).select(own.columns)]
    )
    pooled = (pl.col("other_total") + pl.col("base_total")) / (pl.col("other_n") + pl.col("base_n"))
    m, y, weight = pl.col("m"), pl.col("y"), pl.col("side") / pl.col("n")
    of_user = (
        both.join(pairs, **on(keys))
        .join(wholes, **on(names))
        .with_columns(own=(y - pl.col("share") * m) * weight, null=(y - pooled * m) * weight)
        .group_by(list(dict.fromkeys([*keys, *CLUSTER])))
        .agg(pl.col("null").sum(), product=pl.col("own").product(), sides=pl.len())
    )
    is_both, number = pl.col("sides") > 1, pl.len()
    return of_user.sort("null", "product").group_by(keys, maintain_order=True).agg(
        covariance=-pl.col("product").filter(is_both).sum(),
        users_in_both=is_both.sum().cast(pl.Int64),
        null_variance=pl.when(number > 1).then((pl.col("null") ** 2).sum() * number / (number - 1)),
    )  # fmt: skip


def _freedom(grouped: pl.DataFrame, keys: list[str], of: str, chosen: str) -> pl.DataFrame:
    """Degrees of freedom of the spread in each group and in the baseline; null where it is known."""
    names = [name for name in keys if name != "group"]
    each = freedoms(in_clusters(grouped, keys, of), by=keys)
    base = each.filter(group=chosen).select(*names, baseline_freedom="freedom")
    return each.join(base, **on(names))


def _check_column(parameter: str, given: Any) -> None:
    if not isinstance(given, str) or not given:
        raise errors.not_allowed(parameter, given, "is the name of a column")


def _times(grouped: pl.DataFrame, names: list[str], chosen: str) -> pl.DataFrame:
    """First and last time of each group and the baseline together."""
    times = grouped.group_by([*names, "group"]).agg(first=pl.col("ms").min(), last=pl.col("ms").max())
    base = times.filter(group=chosen).drop("group").rename({"first": "base_first", "last": "base_last"})
    return times.join(base, **on(names)).select(
        *names,
        "group",
        first_dt=in_utc(pl.min_horizontal("first", "base_first")),
        last_dt=in_utc(pl.max_horizontal("last", "base_last")),
    )


def _differences(paired: pl.DataFrame) -> pl.DataFrame:
    share, base = pl.col("share"), pl.col("baseline_share")
    n_eff, base_n_eff = pl.col("n_eff"), pl.col("baseline_n_eff")
    variance, base_variance = share * (1 - share) / n_eff, base * (1 - base) / base_n_eff
    # rounding may leave a covariance a little beyond what the variances allow
    limit = (variance * base_variance).sqrt()
    covariance = pl.col("covariance").clip(-limit, limit)
    correlation = pl.when(limit > 0).then(covariance / limit).otherwise(0.0)
    difference = share - base
    below, above = share - pl.col("share_low"), pl.col("share_high") - share
    base_below, base_above = base - pl.col("baseline_share_low"), pl.col("baseline_share_high") - base
    down = (below**2 + base_above**2 - 2 * correlation * below * base_above).clip(lower_bound=0).sqrt()
    up = (above**2 + base_below**2 - 2 * correlation * above * base_below).clip(lower_bound=0).sqrt()
    z = pl.when(difference == 0).then(0.0).otherwise(difference.abs() / pl.col("null_variance").sqrt())
    return paired.with_columns(
        difference=difference,
        difference_low=(difference - down).clip(-1, 1),
        difference_high=(difference + up).clip(-1, 1),
        standard_error=(variance + base_variance - 2 * covariance).clip(lower_bound=0).sqrt(),
        p_value=two_sided(z, together_freedom((variance, "freedom"), (base_variance, "baseline_freedom"))),
    )


def compare_modules(
    frame: Any,
    *,
    between: str,
    per: Per = "visit",
    by: str | Sequence[str] | None = "module",
    baseline: object = None,
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Share of visits or users that click a module, compared between variants, wikis, platforms, bands or periods.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    between : str
        Column whose values are compared: `variant`, `wiki`, `platform`, or one that was made before, such as
        `editcount_band("user_editcount")` or a period told by `keep.period`.
    per : {"visit", "user"}
        Unit, among those with an impression of the module.
    by : str or list of str
        One comparison for each combination; with () instead of `module`, of a click on any module shown.
    baseline : optional
        Value that the others are compared with; by default the one with most units.
    actions : str or list of str, optional
        Actions that are clicks; see `usage.module_clicks`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        See `compare_shares`.

    Notes
    -----
    Read `p_adjusted` where several modules or groups are compared. Groups that were not drawn by lot differ in more
    than their name. Where the coverage of two groups differs (browsers without a script, events that were lost), so
    do the users who are counted.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1, 2], "visit": [0, 0, 1, 2], "module": "help", "ms": 0,
    ...                      "action": ["impression", "link-click", "impression", "impression"],
    ...                      "variant": ["C", "C", "D", "D"]})
    >>> found = compare_modules(rows, between="variant", baseline="D")
    >>> found.select("module", "group", "share", "baseline_share", "difference").rows()
    [('help', 'C', 1.0, 0.0, 1.0)]
    """
    check_per(per)
    _check_column("between", between)
    names = dimensions(by, (*COMPARED, *PRIVATE))
    if between in names:
        raise errors.not_allowed("between", between, "is not among the columns of by; give by=()")
    # a click without its own module's impression is no click of a unit that saw it
    seen = module_clicks(frame, by=[*names, between], actions=actions).filter(pl.col("impressions") > 0)
    units = per_unit(seen, [*names, between], per)
    return compare_shares(
        units, between=between, of="clicked", by=names, baseline=baseline, unit=UNITS[per], level=level
    )


def sample_size(
    table: pl.DataFrame,
    *,
    power: float = 0.8,
    difference: float | None = None,
    level: float | None = None,
    tests: int | None = None,
) -> pl.DataFrame:
    """How many more units, users and days until a difference is decided.

    Parameters
    ----------
    table : pl.DataFrame
        What `compare_shares` or `compare_modules` gives.
    power : float
        Probability with which a difference of this size shall be found. [0 to 1]
    difference : float, optional
        Difference from the baseline that shall be found, with its sign [-1 to 1]; by default, in each row the one that was seen.
    level : float, optional
        Of the interval that shall not contain 0; by default the table's.
    tests : int, optional
        Number of tests that the level is shared among; by default all of the table.

    Returns
    -------
    pl.DataFrame
        One row for each of the table, with its dimensions, between, group and baseline:

        - sought: the difference; power, level, tests
        - times: how many times as many units are needed as there are; 1 or less: there are enough
        - n, n_more; baseline_n, baseline_n_more [units]; users, users_more, baseline_users, baseline_users_more
        - days: length of what was observed; days_more: at the same traffic
        - note: why there is no answer, or null

    Notes
    -----
    Groups keep their proportion, users their number of visits, and so the design effect stays. A difference that was
    seen is itself uncertain, and the smaller the sample, the larger those that get noticed: to plan, give the least
    `difference` that would matter. Looking again and again until it is decided finds differences that are not there.

    Examples
    --------
    >>> units = pl.DataFrame({"wiki": "cswiki", "user": range(200), "ms": 0, "variant": ["C", "D"] * 100,
    ...                       "clicked": [i % 10 == 0 for i in range(200)]})
    >>> compared = compare_shares(units, between="variant", of="clicked")
    >>> sample_size(compared, difference=0.1).select("sought", pl.col("times").round(2), "n", "n_more").row(0)
    (0.1, 2.9, 100, 191)
    """
    table = table_of(table, "sample_size", COMPARED)
    if tests is not None and (not isinstance(tests, int) or isinstance(tests, bool) or tests < 1):
        raise errors.not_allowed("tests", tests, "is a number of tests, 1 or more")
    rates.check("power", power)
    if difference is not None:
        number("difference", difference, "lies between -1 and 1, and is not 0", least=-1)
        if difference == 0 or difference > 1:
            raise errors.not_allowed("difference", difference, "lies between -1 and 1, and is not 0")
    if level is not None:
        rates.check("level", level)
    shared = tests or max(table["p_value"].is_not_null().sum(), 1)
    levels = pl.col("level") if level is None else pl.lit(level)
    quantile = levels.map_elements(
        lambda one: NormalDist().inv_cdf(1 - (1 - one) / shared / 2) + NormalDist().inv_cdf(power),
        return_dtype=pl.Float64,
    )
    # at the difference sought, the share of the group is no more what was seen
    base = pl.col("baseline_share")
    sought = pl.col("difference") if difference is None else pl.lit(float(difference))
    moved = (base + sought).clip(0, 1)
    spread = pl.col("standard_error") ** 2 if difference is None else _planned(moved)
    answered = (sought != 0) & (spread > 0)
    names = [name for name in table.columns if name not in COMPARED]
    times = pl.when(answered).then(quantile**2 * spread / sought**2)
    more = (pl.col("times") - 1).clip(lower_bound=0)
    days = (pl.col("last_dt") - pl.col("first_dt")).dt.total_milliseconds() / 86_400_000
    counts = ("n", "baseline_n", "users", "baseline_users")
    return (
        table.with_columns(
            sought=sought, power=pl.lit(power), level=levels, tests=pl.lit(shared), times=times, days=days
        )
        .with_columns(
            *((pl.col(name) * more).ceil().cast(pl.Int64).alias(f"{name}_more") for name in counts),
            days_more=pl.col("days") * more,
            note=pl.when(pl.col("times").is_null()).then(
                pl.lit("no difference was seen, or no spread: give the difference that would matter")
            ),
        )
        .select(*names, *SAMPLE_SIZE)
    )


def _planned(moved: pl.Expr) -> pl.Expr:
    """Variance of the difference if the group's share were the baseline's and the difference sought."""
    base = pl.col("baseline_share")
    variances = moved * (1 - moved) / pl.col("n_eff") + base * (1 - base) / pl.col("baseline_n_eff")
    seen = pl.col("share") * (1 - pl.col("share")) / pl.col("n_eff") + base * (1 - base) / pl.col("baseline_n_eff")
    # what users in both groups have in common, as it was seen
    kept = pl.when(seen > 0).then(pl.col("standard_error") ** 2 / seen).otherwise(1.0)
    return variances * kept
