"""Who counts: predicates for `filter`, so that each choice stands in the notebook.

`rows.filter(keep.without("debug", "bot"), keep.period("2026-03-02", "2026-03-04"))`

For homepage events, `rows.filter(keep.sound(accounts))` leaves out all that is known to be no reader's doing; what each
part takes away is counted by `measure.noise`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from toolkit import errors, reference


def flagged(flag: str) -> pl.Expr:
    """Rows that carry a flag of `tables/flag.csv`.

    Examples
    --------
    >>> pl.DataFrame({"flags": [0, 1, 3]}).filter(flagged("bot")).height
    1
    """
    bit: int = 2 ** reference.flag_bit(flag)
    return pl.col("flags") // bit % 2 == 1


def without(*flags: str) -> pl.Expr:
    """Rows that carry none of these flags; all rows where none is named.

    Examples
    --------
    >>> pl.DataFrame({"flags": [0, 1, 2, 4]}).filter(without("debug", "bot")).to_series().to_list()
    [0, 4]
    """
    return ~pl.any_horizontal(pl.lit(value=False), *(flagged(flag) for flag in flags))


def period(first: str | date, last: str | date) -> pl.Expr:
    """Rows received from the start of the day `first` to the end of the day `last`, both in UTC.

    Rows without a time are not in any period.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> times = [datetime(2026, 3, day, 23, 59, tzinfo=timezone.utc) for day in (1, 2, 3)]
    >>> pl.DataFrame({"dt": times}).filter(period("2026-03-01", "2026-03-02")).height
    2
    """
    start, end = _day(first), _day(last)
    if end < start:
        raise errors.not_allowed("last", str(last), f"is not before the first day {first}")
    return pl.col("dt").is_between(start, end + timedelta(days=1), closed="left").fill_null(value=False)


def listed(accounts: pl.DataFrame) -> pl.Expr:
    """Rows of the accounts on a list, such as those of staff and testers; of no account where the list is empty.

    Parameters
    ----------
    accounts : pl.DataFrame
        Columns wiki, and user (as the loaders make it with a key, see `measure.known_users`) or user_id (as it stands in
        rows that were loaded with `keep="user_id"`).

    Raises
    ------
    ToolkitError
        If the list has neither.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": ["cswiki", "kowiki"], "user": [7, 7]})
    >>> rows.filter(~listed(pl.DataFrame({"wiki": ["cswiki"], "user": [7]})))["wiki"].to_list()
    ['kowiki']
    """
    user = next((name for name in ("user", "user_id") if name in accounts.columns), None)
    if user is None or "wiki" not in accounts.columns:
        raise errors.missing_columns("keep.listed", ["wiki", "user"], accounts.columns)
    given = accounts.select("wiki", user).drop_nulls()
    # ids are text in rows and numbers in lists
    column = pl.col(user).cast(pl.String) if user == "user_id" else pl.col(user)
    ids = given.with_columns(column).group_by("wiki").agg(user).sort("wiki")
    of_wiki = [(pl.col("wiki") == wiki) & column.is_in(some) for wiki, some in ids.iter_rows()]
    return pl.any_horizontal(pl.lit(value=False), *of_wiki).fill_null(value=False)


def on_test_wiki() -> pl.Expr:
    """Rows of the wikis on which only developers try things.

    Examples
    --------
    >>> pl.DataFrame({"wiki": ["cswiki", "testwiki", None]}).filter(~on_test_wiki()).height
    2
    """
    return pl.col("wiki").is_in(["testwiki", "test2wiki"]).fill_null(value=False)


def faults() -> pl.DataFrame:
    """Periods in which homepage events are known to be wrong.

    Returns
    -------
    pl.DataFrame
        Columns fault (its name, for `faulty`), first (day [UTC]), until (the last day), treated
        (`dropped`: by `sound`, for the rows are false; `marked`: the rows are right and others are missing), meaning.

    Notes
    -----
    Days are those of the change in the code; it reached the wikis up to a week later.

    References
    ----------
    GrowthExperiments 3a0738e54 to efde68ec1 (T237600), efde68ec1 to 31c636787 (T259860), 8d65369e4 to e1bb26002;
    Growth-homepage-2019 045352b for the day on which the homepage went live.

    Examples
    --------
    >>> faults().select("fault", "first", "treated").rows()[0]
    ('false overlay impressions', datetime.date(2019, 8, 26), 'dropped')
    """
    return pl.DataFrame(
        [(name, first, until, treated, meaning) for name, (first, until, treated, meaning, _) in _faults().items()],
        schema={"fault": pl.String, "first": pl.Date, "until": pl.Date, "treated": pl.String, "meaning": pl.String},
        orient="row",
    )


def faulty(*names: str) -> pl.Expr:
    """Rows that one of these faults made or spoilt; by all faults, unless some are named.

    Raises
    ------
    ToolkitError
        If there is no such fault.

    Examples
    --------
    >>> times = [datetime(2019, 9, day, tzinfo=UTC) for day in (1, 2)]
    >>> rows = pl.DataFrame({"dt": times, "visit": 0, "mode": ["mobile-overlay", "desktop"], "action": "impression"})
    >>> rows.filter(~faulty("false overlay impressions"))["mode"].to_list()
    ['desktop']
    """
    known = _faults()
    for name in names:
        if name not in known:
            raise errors.not_found("fault", name, "keep.faults()", known)
    chosen = [known[name] for name in names or known]
    found = [_within(first, until) & wrong for first, until, _, _, wrong in chosen]
    return pl.any_horizontal(found).fill_null(value=False)


def sound(accounts: pl.DataFrame | None = None) -> pl.Expr:
    """Rows of homepage events that are left by default: no automata, tests, listed accounts, or false events.

    Parameters
    ----------
    accounts : pl.DataFrame, optional
        Accounts to leave out, see `listed`.

    Notes
    -----
    Leaves out the flags bot and canary, test wikis, the accounts of the list, and the faults that are `dropped`. Repeated
    impressions are no matter of one row; see `measure.duplicate_kinds`.

    Examples
    --------
    >>> times = [datetime(2019, 9, day, tzinfo=UTC) for day in (1, 2)]
    >>> rows = pl.DataFrame({"dt": times, "visit": 0, "mode": "desktop", "action": "impression", "flags": [0, 2], "wiki": "cswiki", "user": 7})
    >>> rows.filter(sound()).height
    1
    """
    dropped = faults().filter(treated="dropped")["fault"]
    parts = [without("bot", "canary"), ~on_test_wiki(), ~faulty(*dropped)]
    return pl.all_horizontal(*parts, *([] if accounts is None else [~listed(accounts)]))


def _faults() -> dict[str, tuple[date | None, date | None, str, str, pl.Expr]]:
    """Each fault: first day, last day, what is done about it, what it means, which rows."""
    overlay = pl.col("mode") == "mobile-overlay"
    return {
        "false overlay impressions": (
            date(2019, 8, 26), date(2019, 11, 7), "dropped",
            "mobile overlays were logged as shown when the summary loaded; openings cannot be told from these",
            overlay & (pl.col("action") == "impression"),
        ),
        "no overlay clicks": (
            date(2019, 11, 7), date(2020, 8, 10), "marked", "clicks in mobile overlays were not logged, so that no share of them can be known", overlay
        ),
        "events without a token": (
            date(2025, 3, 25), date(2025, 4, 25), "dropped", "Special:Impact logged events of its own, which belong to no visit of the homepage",
            pl.col("visit").is_null(),
        ),
        "before the launch": (
            None, date(2019, 5, 5), "marked", "the homepage was not live yet: who saw it was testing", pl.lit(value=True)
        ),
    }  # fmt: skip


def _within(first: date | None, until: date | None) -> pl.Expr:
    """Rows received from the start of one day to the end of another, in UTC; both ends may be open."""
    start = [] if first is None else [pl.col("dt") >= _day(first)]
    end = [] if until is None else [pl.col("dt") < _day(until) + timedelta(days=1)]
    return pl.all_horizontal(pl.lit(value=True), *start, *end)


def _day(day: str | date) -> datetime:
    try:
        parsed = date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise errors.not_allowed("day", day, "is a date such as '2026-03-02'") from None
    return datetime.combine(parsed, time(), UTC)
