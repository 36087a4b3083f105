"""The status funnel over time: each stage and reason by hour, day or week, with gaps, beginnings and breaks told apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal

import narwhals as nw
import polars as pl

from toolkit import decode, errors, reference
from toolkit.measure import funnel
from toolkit.measure.collected import collected
from toolkit.measure.spans import Time, day
from toolkit.measure.tally import TIMES, Unit, as_frame, attempts_taken_over, dimensions, is_tally, tally
from toolkit.rates import LEVEL, check, share

Every = Literal["hour", "day", "week"]
LENGTHS = {"hour": "1h", "day": "1d", "week": "1w"}  # weeks start on Monday, as those of a tally
SYSTEMS = ("centralnotice", "homepage")
AN = {"hour": "an hour", "day": "a day", "week": "a week"}
ADDED = ("period", "every", "presence", "possible", "breaks", "timeless")
GAP = "nothing at all was recorded in this period: a gap in the data, not a zero"
ROWS = ("unit", "codes", "sample_rate", "n", "partial", "first_ms", "last_ms")
STEP = ["stage", "outcome", "status_code"]
ESTIMATES = [
    f"{name}{end}" for name in ("total", "share", "conversion") for end in ("", "_low", "_high")
]  # what is grey, not zero, where a code did not exist


def status_over_time(
    frame: Any,
    *,
    every: Every = "day",
    by: str | Sequence[str] | None = (),
    unit: Unit | None = None,
    level: float = LEVEL,
) -> pl.DataFrame:
    """Stages reached and codes that stop the others in each hour, day or week, with intervals.

    Parameters
    ----------
    frame : frame
        Rows of `load.impressions`, or a tally of them that has the column named by `every` and those of `by`.
    every : {"hour", "day", "week"}
        Length of a period; it begins with the hour, the day or the Monday in UTC.
    by : str or list of str
        One funnel over time for each combination of these dimensions.
    unit : {"pageview", "attempt"}, optional
        As in `measure.status_funnel`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        For each combination of `by` and each period from the first to the last of the data one row per stage and per
        code that the combination has in any period, also where none was recorded. Columns:

        - the columns of `by`; period (its start, UTC); every
        - unit; weight (in words); stage, outcome, status_code, label, group; n (recorded, not weighted)
        - total, total_low, total_high: units that there were [units; weighted]
        - share, share_low, share_high: of the units attempted in the period [0 to 1]
        - conversion, conversion_low, conversion_high: of those who reached the stage before, or this one [0 to 1]
        - n_eff: units of a plain random sample that would say as much about `share`; unweighted, partial (see
          `measure.status_funnel`); taken_over: share of the campaign's attempts that others took over [0 to 1]
        - first_dt, last_dt: receive times in the period [UTC]; level: of the intervals [0 to 1]
        - presence: `units`; `none` (others recorded units in this period, this combination did not: zeros, with what
          may have been missed at its sampling rates); `gap` (nobody recorded any: all numbers are null)
        - possible: whether the code, and each column of `by` that has no value, existed before the period's end or was
          recorded by then; null for codes that nobody knows. Where not, n is 0 and the estimates are null
        - breaks: changes of what is logged that fall into the period, in words; null without one
        - timeless: units recorded without a time; they are in no period
        - note: what to mind in this row, in words; null where nothing is

    Raises
    ------
    toolkit.errors.ToolkitError
        `by` names the period itself, or the frame holds no time at all.

    Notes
    -----
    A code is called possible from the day on which its code was written (`earliest` in the table `outcome`), a column
    from the day in the calendar. Deployment followed by a week or so, so a code may be possible and still unseen.

    Shares, conversions and their intervals are those of `measure.status_funnel` for the period. Periods are separate
    samples; their intervals are not corrected for the number of periods.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> days = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 2, 4)]
    >>> rows = pl.DataFrame({"dt": days, "status_code": ["6", "2.1", "6"], "requests": [3, 1, 4], "sample_rate": 1.0, "flags": 0, "ms": 0})
    >>> over_time = status_over_time(rows).filter(status_code="2.1")
    >>> over_time.select(pl.col("period").dt.day(), "presence", "n", "total", "share").rows()
    [(2, 'units', 1, 1.0, 0.25), (3, 'gap', None, None, None), (4, 'units', 0, 0.0, 0.0)]
    """
    if not isinstance(every, str) or every not in LENGTHS:
        raise errors.bad_choice("every", every, LENGTHS)
    check("level", level)
    names = dimensions(by, (*funnel.RESERVED, *ADDED, "seen", "has", "own", "lived"))
    if every in names:
        raise errors.not_allowed("by", ", ".join(names), f"leaves out {every!r}, which `every` already gives")
    frame = as_frame(frame).to_native()
    tallied = counted(frame, [*names, every], unit)
    timed = tallied.drop_nulls(every)
    if timed.is_empty():
        raise errors.not_allowed("frame", f"{tallied.height} rows", f"has times; none of them has {AN[every]}")
    lost = _lost(frame, tallied, [*names, every])
    whole = by_period(timed, timed[every], names, every, level, lost)
    return _said(whole, _timeless(tallied, names, every), names, every)


def by_period(
    timed: pl.DataFrame, times: pl.Series, names: list[str], every: str, level: float, lost: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Stages and codes of each combination in each period, before anything is said of them.

    Parameters
    ----------
    timed : pl.DataFrame
        Tally by `names` and `every`, without rows that have no time.
    times : pl.Series
        Periods in which anybody recorded units; all from the first to the last of them are in the result.
    names : list of str
        Dimensions.
    every : str
        See `status_over_time`.
    level : float
        Of the intervals. [0 to 1]
    lost : pl.DataFrame, optional
        Attempts that other campaigns took over, by `names` and `every`.

    Returns
    -------
    pl.DataFrame
        Columns of `measure.status_funnel`, period and presence. A combination without units in a period of others has
        the same zeros in each such period; they are computed once.

    Examples
    --------
    >>> days = pl.Series("day", [date(2026, 3, 2), date(2026, 3, 4)]).cast(pl.Datetime("ms", "UTC"))
    >>> tallied = pl.DataFrame({"day": days.head(1), "unit": "pageview", "codes": "6", "sample_rate": 1.0, "n": 3, "partial": 0,
    ...                         "first_ms": 0, "last_ms": 0})
    >>> by_period(tallied, days, [], "day", 0.95).filter(stage="shown").select(pl.col("period").dt.day(), "presence", "n").rows()
    [(2, 'units', 3), (3, 'gap', None), (4, 'none', 0)]
    """
    nobodys = _nobodys_last(lost, timed)
    parts = [timed, zeros(timed, _without_units(timed, nobodys, names, every), names, every), nobodys]
    found = funnel.status_funnel(pl.concat(parts), by=[*names, every], level=level)
    found = _taken_over(found, lost, [*names, every])
    return _complete(found, timed, _periods(times, every), times.unique(), names, every)


def _without_units(timed: pl.DataFrame, nobodys: pl.DataFrame, names: list[str], every: str) -> pl.DataFrame:
    """Each combination with a null for all periods without units, and with those in which it was nobody's last."""
    none = pl.DataFrame({every: [None]}, schema={every: timed.schema[every]})
    if not names:
        return none
    attempted = nobodys.select(*names, every).unique().join(timed, on=names, how="semi", nulls_equal=True)
    return pl.concat([timed.select(names).unique().join(none, how="cross"), attempted])


def _lost(frame: Any, tallied: pl.DataFrame, keys: list[str]) -> pl.DataFrame | None:
    """What a tally cannot know and rows can: attempts of each campaign that others took over; none if not asked."""
    have = nw.from_native(frame).collect_schema().names()
    if "campaign" not in keys or not {"attempts", "path"} <= set(have) or tallied["unit"].ne("pageview").any():
        return None
    return collected(attempts_taken_over(frame, by=keys)).drop_nulls(keys[-1]).sort(*keys, "sample_rate")


def _nobodys_last(lost: pl.DataFrame | None, timed: pl.DataFrame) -> pl.DataFrame:
    """Rows of a tally that count nothing, for campaigns that were attempted and are the last of no page view."""
    if lost is None:
        return timed.clear()
    combinations = [name for name in lost.columns if name in timed.columns and name != "sample_rate"]
    new = lost.join(timed, on=combinations, how="anti", nulls_equal=True)
    known = {"unit": pl.lit("pageview"), "codes": pl.lit("6"), "n": pl.lit(0), "partial": pl.lit(0)}
    return new.with_columns(**known).select(
        pl.col(name).cast(dtype) if name in {*new.columns, *known} else pl.lit(None, dtype).alias(name)
        for name, dtype in timed.schema.items()
    )


def _taken_over(found: pl.DataFrame, lost: pl.DataFrame | None, keys: list[str]) -> pl.DataFrame:
    """Add the share of attempts that other campaigns took over, and the note on it."""
    if lost is None:
        return found
    weighted = [(pl.col(name) / pl.col("sample_rate")).sum() for name in ("taken_over", "attempts")]
    shares = lost.group_by(keys).agg(pl.col("incomplete").sum(), taken_over=share(*weighted))
    joined = found.drop("taken_over", "note").join(shares, on=keys, how="left", nulls_equal=True)
    with_note = joined.with_columns(pl.col("incomplete").fill_null(0)).with_columns(
        note=funnel.note_on_attempts(funnel.TAKEN_OVER_LIMIT)
    )
    return with_note.drop("incomplete")


def breaks(first: Time, last: Time, *, system: Literal["centralnotice", "homepage"] = "centralnotice") -> pl.DataFrame:
    """Days from `first` to `last` on which what is logged changed, to be marked on charts.

    Parameters
    ----------
    first, last : date, datetime or their ISO text
        Both included. [UTC]
    system : {"centralnotice", "homepage"}
        Whose changes.

    Returns
    -------
    pl.DataFrame
        Columns date; what (changed); effect (on numbers); column (of our tables, where one begins); source.

    Notes
    -----
    Days are those on which a change was merged unless a day of deployment is known; deployment followed by a week or
    so.

    Examples
    --------
    >>> breaks(date(2026, 5, 1), date(2026, 5, 31)).select(pl.col("date").cast(pl.String), "what").rows()
    [('2026-05-18', 'daily limit in the impression diet'), ('2026-05-26', 'blackout hours')]
    """
    if system not in SYSTEMS:
        raise errors.bad_choice("system", system, SYSTEMS)
    days = reference.table("calendar").filter(pl.col("system") == system).drop("system")
    dated = days.with_columns(pl.col("date").str.to_date())
    return dated.filter(pl.col("date").is_between(day("first", first), day("last", last))).sort("date")


def counted(frame: Any, names: Sequence[str], unit: Unit | None) -> pl.DataFrame:
    """Tally of a frame by some dimensions, in memory; a tally that is given keeps all that it has.

    Examples
    --------
    >>> rows = pl.DataFrame({"status_code": ["6", "6"], "requests": [3, 1], "sample_rate": 1.0, "flags": 0, "ms": 0})
    >>> counted(rows, [], None).select("unit", "codes", "n").rows()
    [('pageview', '6', 4)]
    """
    given = is_tally(nw.from_native(frame).collect_schema().names())
    schema = nw.from_native(frame).collect_schema()
    if not given and any(name in TIMES and name not in schema for name in names):
        if "dt" not in schema:
            raise errors.missing_columns("measure.tally", ["dt"], schema.names())
        if not isinstance(schema["dt"], nw.Datetime):
            raise errors.not_allowed("dt", f"{schema['dt']}", "holds times, as the loaders make them")
    rows = nw.from_native(frame if given else tally(frame, by=names, unit=unit or "pageview"))
    in_memory = collected(rows.to_native())
    if missing := [name for name in names if name not in in_memory.columns]:
        raise errors.missing_columns("a tally for this measure", missing, in_memory.columns)
    if unit and (others := set(in_memory["unit"]) - {unit}):
        raise errors.not_allowed("unit", unit, f"is that of the tally, {' and '.join(sorted(others))}")
    return in_memory


def _periods(times: pl.Series, every: str) -> pl.Series:
    """Every period from the first to the last."""
    ends = pl.DataFrame({"period": times}).select(
        pl.datetime_ranges(pl.col("period").min(), pl.col("period").max(), LENGTHS[every])
    )
    return ends.to_series().explode().cast(times.dtype)


def zeros(timed: pl.DataFrame, empty: pl.DataFrame, names: list[str], every: str) -> pl.DataFrame:
    """Rows of a tally that count nothing: each code that a combination has anywhere, where it has units and in `empty`.

    They make the funnel say what may have been missed. Where the combination has units, at its own largest rate,
    which widens no interval; where it has none, at all rates that it ever had. `empty` holds combinations with periods
    in which they have no units; a null stands for any such period.
    """
    codes = (
        timed.select(*names, codes=pl.col("codes").fill_null("").str.split(" "))
        .explode("codes")
        .with_columns(codes=pl.when(pl.col("codes") != "").then("codes"))
        .unique()
    )
    own = timed.group_by(*names, every).agg(sample_rate=pl.col("sample_rate").max())
    rates = timed.drop_nulls("sample_rate").select(*names, "sample_rate").unique()
    rated = pl.concat([own, empty.join(rates, **_on(names, how="inner")).select(own.columns)])
    units = timed.select(unit=pl.col("unit").first())
    return (
        rated.join(codes, **_on(names, how="inner"))
        .join(units, how="cross")
        .with_columns(n=pl.lit(0), partial=pl.lit(0), first_ms=None, last_ms=None)
        .select(
            pl.col(name).cast(dtype) if name in {*names, every, *ROWS} else pl.lit(None, dtype).alias(name)
            for name, dtype in timed.schema.items()
        )
    )


def _on(names: Sequence[str], *, how: Literal["left", "inner"]) -> dict[str, Any]:
    """Arguments of a join on these columns; of a cross join where there are none."""
    return {"on": list(names), "how": how, "nulls_equal": True} if names else {"how": "cross"}


def _complete(
    found: pl.DataFrame, timed: pl.DataFrame, periods: pl.Series, lived: pl.Series, names: list[str], every: str
) -> pl.DataFrame:
    """Each step of a combination in each period, also in gaps."""
    constant = ["unit", "weight", "label", "group", "level"]
    steps = found.select(*names, *STEP, *constant).unique()
    keys = [*names, every]
    # what was computed for a period of its own; a null stands for the others without units
    own = found.select(keys).unique().drop_nulls(every).with_columns(own=every)
    has = timed.select(keys).unique().with_columns(has=pl.lit(value=True))
    presence = pl.when("has").then(pl.lit("units")).when("lived").then(pl.lit("none")).otherwise(pl.lit("gap"))
    grid = (
        steps.select(names).unique().join(pl.DataFrame({every: periods}), how="cross")
        if names
        else pl.DataFrame({every: periods})
    )
    cells = (
        grid.join(has, on=keys, how="left", nulls_equal=True)
        .join(own, on=keys, how="left", nulls_equal=True)
        .join(pl.DataFrame({every: lived}).with_columns(lived=pl.lit(value=True)), on=every, how="left")
        .with_columns(presence=presence)
        .rename({every: "period"})
        .drop("has")
    )
    every_step = steps.join(cells, **_on(names, how="inner"))
    numbers = found.drop(constant).rename({every: "own"}).with_columns(lived=pl.lit(value=True))
    return every_step.join(numbers, on=[*names, "own", "lived", *STEP], how="left", nulls_equal=True).drop(
        "own", "lived"
    )


def _timeless(tallied: pl.DataFrame, names: list[str], every: str) -> pl.DataFrame:
    n = pl.col("n").filter(pl.col(every).is_null()).sum().alias("timeless")
    return tallied.group_by(names).agg(n) if names else tallied.select(n)


def _said(whole: pl.DataFrame, timeless: pl.DataFrame, names: list[str], every: str) -> pl.DataFrame:
    """Add what could be, what broke and what to mind; put in order."""
    end = pl.col("period").dt.offset_by(LENGTHS[every]).dt.date()
    written, begun = _written(), _begun(names)
    recorded = whole.filter(pl.col("n") > 0).group_by(*STEP).agg(seen=pl.col("period").min())
    # what stands in the data existed, whatever the shelf says
    exists = (end > written) | (pl.col("period") >= pl.col("seen"))
    of_columns = [pl.col(name).is_not_null() | (end > day) for name, day in begun.items()]
    possible = pl.when(written.is_not_null()).then(pl.all_horizontal(exists.fill_null(value=False), *of_columns))
    absent = (~pl.col("possible") & (pl.col("n") == 0)).fill_null(value=False)
    first, last = pl.col("period").min(), pl.col("period").max()
    notes = [
        pl.when(presence="gap").then(pl.lit(GAP)),
        pl.when(absent).then(pl.format("did not exist before {}", pl.max_horizontal(written, *begun.values()))),
        pl.when((end <= written) & (pl.col("n") > 0)).then(pl.format("recorded before its code was written ({})", written)),
        pl.when(pl.col("period") == first).then(pl.lit(f"the data begin in this {every}")),
        pl.when(pl.col("period") == last).then(pl.lit(f"the data end in this {every}")),
    ]  # fmt: skip
    own_note = [pl.col("note")] if "note" in whole.columns else []
    note = pl.concat_str([*own_note, *notes], separator="; ", ignore_nulls=True).replace("", None)
    said = (
        whole.join(recorded, on=STEP, how="left", nulls_equal=True)
        .with_columns(possible=possible, every=pl.lit(every))
        .with_columns(*[pl.when(~absent).then(name).alias(name) for name in ESTIMATES], note=note)
        .join(_breaks_by_period(whole["period"].unique(), every), on="period", how="left")
        .join(timeless, **_on(names, how="left"))
        .drop("seen")
    )
    of_funnel = [name for name in said.columns if name not in {*names, *ADDED, "note"}]
    in_order = said.sort(*names, "period", "stage", "outcome", decode.code_order("status_code"), "status_code")
    return in_order.select(*names, "period", "every", *of_funnel, "presence", "possible", "breaks", "timeless", "note")


def _begun(names: list[str]) -> dict[str, pl.Expr]:
    """Day on which each of these columns began, of those that are younger than the codes."""
    days = reference.table("calendar").filter(pl.col("column").is_in(names), system="centralnotice")
    return {name: pl.lit(date.fromisoformat(day)) for name, day in days.select("column", "date").iter_rows()}


def _written() -> pl.Expr:
    """Day on which a row's code was written; of a stage, that on which codes begin; null where nobody knows the code."""
    days = dict(reference.table("outcome").select("status_code", pl.col("earliest").str.to_date()).iter_rows())
    of_code = pl.col("status_code").replace_strict(days, default=None, return_dtype=pl.Date)
    return pl.when(outcome="reached").then(pl.lit(min(days.values()))).otherwise(of_code)


def _breaks_by_period(periods: pl.Series, every: str) -> pl.DataFrame:
    times = pl.DataFrame({"period": periods}).with_columns(end=pl.col("period").dt.offset_by(LENGTHS[every]))
    days = breaks(periods.min(), times["end"].max())  # type: ignore[arg-type]
    found = times.join(days, how="cross").filter(
        pl.col("date")
        .cast(pl.Datetime("ms"))
        .is_between(
            pl.col("period").dt.replace_time_zone(None), pl.col("end").dt.replace_time_zone(None), closed="left"
        )
    )
    return (
        found.sort("period", "date").group_by("period", maintain_order=True).agg(breaks=pl.col("what").str.join("; "))
    )
