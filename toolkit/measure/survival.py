"""Time until something happens, where for some it had not happened yet when the record ends: the product-limit estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, rates
from toolkit.measure.plain import plain
from toolkit.measure.tally import dimensions

RESULT = ("time", "at_risk", "events", "censored", "survival", "survival_low", "survival_high", "level")
RESERVED = (*RESULT, "mass", "square", "event", "entering", "entering_square", "at_risk_square", "spread", "p")


def product_limit(
    frame: Any,
    *,
    time: str,
    event: str,
    weight: str | None = None,
    entry: str | None = None,
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Share to whom it has not happened yet, by time, after Kaplan and Meier.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        One row for each unit.
    time : str
        Column: how long the unit was watched, in any unit of time. Rows without it are left out.
    event : str
        Column: whether it happened at that time (true), or the watch ended before (false; censored).
    weight : str, optional
        Column: units that a row stands for.
    entry : str, optional
        Column: time from which the unit was watched, where that was not from the start (delayed entry). Before it,
        the unit is not among those at risk.
    by : str or list of str
        One curve for each combination of these columns.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each curve one row per time at which something happened or a watch ended, in order: the columns of `by`; time
        [as given]; at_risk: units watched just before, weighted; events, censored: units at that time, weighted;
        survival, survival_low, survival_high: share to whom it has not happened by then [0 to 1]; level.

    Raises
    ------
    ToolkitError
        If columns are missing, or a unit enters after it left.

    Notes
    -----
    Where an event and the end of a watch share a time, the event comes first. The interval is Greenwood's on the
    scale of log(-log), which never leaves 0 to 1; with weights, at risk are counted by Kish's effective number. When
    it has happened to all, the upper end is null: nothing says how long it might have lasted.

    Censoring must not depend on how long it would have taken; where it does, the curve is biased, by how much
    cannot be known from the rows.

    References
    ----------
    E. L. Kaplan, P. Meier (1958), Nonparametric estimation from incomplete observations. JASA 53, 457-481.
    J. D. Kalbfleisch, R. L. Prentice (1980), The statistical analysis of failure time data. Wiley.

    Examples
    --------
    >>> rows = pl.DataFrame({"days": [1, 2, 2, 4], "came_back": [True, True, False, True]})
    >>> product_limit(rows, time="days", event="came_back").select("time", "at_risk", "events", "survival").rows()
    [(1.0, 4.0, 1.0, 0.75), (2.0, 3.0, 1.0, 0.5), (4.0, 1.0, 1.0, 0.0)]
    """
    rates.check("level", level)
    names = dimensions(by, RESERVED)
    rows = nw.from_native(plain(frame))
    schema = rows.collect_schema()
    if missing := [name for name in (time, event, weight, entry, *names) if name is not None and name not in schema]:
        raise errors.missing_columns("measure.product_limit", map(str, missing), schema.names())
    for parameter, name in {"time": time, "weight": weight, "entry": entry}.items():
        if name is not None and not schema[name].is_numeric():
            raise errors.not_allowed(parameter, f"{name} ({schema[name]})", "names a column of numbers")
    if not (schema[event].is_numeric() or schema[event] == nw.Boolean):
        raise errors.not_allowed("event", f"{event} ({schema[event]})", "names a column of true and false")
    mass = pl.lit(1.0) if weight is None else pl.col(weight).cast(pl.Float64)
    units = (
        rows.to_native()
        .lazy()
        .select(
            *names,
            time=pl.col(time).cast(pl.Float64),
            event=pl.col(event).cast(pl.Boolean),
            mass=mass,
            entering=pl.lit(None, dtype=pl.Float64) if entry is None else pl.col(entry).cast(pl.Float64),
        )
        .filter(pl.col("time").is_not_null(), pl.col("event").is_not_null(), pl.col("mass") > 0)
        .collect()
    )
    if late := units.filter(pl.col("entering") >= pl.col("time")).height:
        raise errors.not_allowed("entry", f"{late} rows", "is before the time at which the unit leaves")
    return _curves(units, names, level)


def survival_quantile(
    curve: pl.DataFrame, *, p: float = 0.5, by: str | Sequence[str] | None = (), level: float = rates.LEVEL
) -> pl.DataFrame:
    """Time by which it has happened to a share `p` of the units, with its interval.

    Parameters
    ----------
    curve : pl.DataFrame
        What `product_limit` gives.
    p : float
        Share to whom it has happened: 0.5 for the median. [0 to 1]
    by : str or list of str
        Those of the curve.
    level : float
        That of the curve; it is only written into the result. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each curve, in the order of `by`: p; time, time_low, time_high [as in the curve]: the first time at
        which the curve, and the ends of its interval, are at 1 - `p` or below; null where they never are; level.

    References
    ----------
    R. Brookmeyer, J. Crowley (1982), A confidence interval for the median survival time. Biometrics 38, 29-41.

    Examples
    --------
    >>> rows = pl.DataFrame({"days": [1, 2, 2, 4], "came_back": [True, True, False, True]})
    >>> survival_quantile(product_limit(rows, time="days", event="came_back")).select("time", "time_low", "time_high").rows()
    [(2.0, 1.0, None)]
    """
    rates.check("p", p)
    rates.check("level", level)
    names = dimensions(by)
    if not isinstance(curve, pl.DataFrame):
        raise errors.not_allowed("curve", curve, "is a table that `product_limit` gives")
    if missing := [name for name in (*RESULT, *names) if name not in curve.columns]:
        raise errors.missing_columns("measure.survival_quantile", missing, curve.columns)
    left = 1 - p + 1e-12  # a product of shares that should be one half may miss it by a rounding
    first = [
        pl.col("time").filter(pl.col(bound) <= left).min().alias(name)
        for name, bound in (("time", "survival"), ("time_low", "survival_low"), ("time_high", "survival_high"))
    ]
    found = curve.group_by(names).agg(first).sort(names) if names else curve.select(first)
    return found.select(*names, "time", "time_low", "time_high", p=pl.lit(p), level=pl.lit(level))


def with_product(steps: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Add the product-limit estimate to steps of time, and the sum that tells its variance.

    Parameters
    ----------
    steps : pl.DataFrame
        One row for each curve and time, in the order of time: at_risk, at_risk_square (sum of the squared weights of
        those at risk), events, all weighted.
    names : list of str
        Columns that tell the curves apart.

    Returns
    -------
    pl.DataFrame
        The same with survival [0 to 1] and spread: Greenwood's sum, its variance divided by its square, with Kish's
        effective number at risk.

    Examples
    --------
    >>> steps = pl.DataFrame({"at_risk": [4.0, 3.0], "at_risk_square": [4.0, 3.0], "events": [1.0, 1.0]})
    >>> with_product(steps, []).select("survival", pl.col("spread").round(3)).rows()
    [(0.75, 0.083), (0.5, 0.25)]
    """
    stay = (1 - pl.col("events") / pl.col("at_risk")).clip(0, 1)
    kish = pl.col("at_risk_square") / pl.col("at_risk")
    greenwood = kish * pl.col("events") / (pl.col("at_risk") * (pl.col("at_risk") - pl.col("events")))
    return steps.with_columns(
        survival=_over(stay.cum_prod(), names),
        spread=_over(pl.when(pl.col("events") > 0).then(greenwood).otherwise(0.0).cum_sum(), names),
    )


def _curves(units: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    """At each time, those at risk and what became of them; then the product."""
    happened = pl.col("event")
    leaving = units.group_by(*names, "time").agg(
        events=pl.col("mass").filter(happened).sum(),
        censored=pl.col("mass").filter(~happened).sum(),
        mass=pl.col("mass").sum(),
        square=(pl.col("mass") ** 2).sum(),
    )
    entering = (
        units.drop_nulls("entering")
        .group_by(*names, time="entering")
        .agg(entering=pl.col("mass").sum(), entering_square=(pl.col("mass") ** 2).sum())
    )
    moves = pl.concat([leaving, entering], how="diagonal").with_columns(
        pl.col("mass", "square", "entering", "entering_square", "events", "censored").fill_null(0)
    )
    # at risk at a time: those who leave then or later, without those who enter then or later
    moves = moves.group_by(*names, "time").agg(pl.all().sum()).sort(*names, "time", nulls_last=True)
    per_curve = moves.with_columns(
        at_risk=_over((pl.col("mass") - pl.col("entering")).cum_sum(reverse=True), names),
        at_risk_square=_over((pl.col("square") - pl.col("entering_square")).cum_sum(reverse=True), names),
    ).filter(pl.col("mass") > 0)
    curve = with_product(per_curve, names)
    survival, z = pl.col("survival"), rates.z_of(level)
    factor = (z * pl.col("spread").sqrt() / survival.log().abs()).exp()
    ended, begun = survival <= 1e-12, survival < 1  # noqa: PLR2004 - a product of shares that should be zero
    return curve.with_columns(
        survival_low=pl.when(ended).then(0.0).when(begun).then(survival**factor).otherwise(1.0),
        survival_high=pl.when(ended).then(None).when(begun).then(survival ** (1 / factor)).otherwise(1.0),
        level=pl.lit(level),
    ).select(*names, *RESULT)


def _over(expr: pl.Expr, names: Sequence[str]) -> pl.Expr:
    return expr.over(names) if names else expr
