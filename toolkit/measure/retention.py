"""Who comes back: what users did with modules before, held against whether they were there again later.

What was done is read from a user's first days, whether the user was retained from the time after them, so that
nothing that happened later can explain what was done. It explains no cause all the same: those who click are those
who are interested, and might have come back anyway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, errors, rates, reference
from toolkit.measure.collected import collected
from toolkit.measure.comparison import compare_shares
from toolkit.measure.given import number, rows_of, table_of
from toolkit.measure.redirects import redirected
from toolkit.measure.tally import dimensions
from toolkit.measure.usage import DAY, PRIVATE, UNITS, USER, in_utc, module_clicks, on
from toolkit.measure.user_clusters import two_sided

RETAINED, NOT_RETAINED = "retained", "not retained"
RETAINED_USAGE = (
    "unit", "weight", "n", "clicked", "share", "share_low", "share_high", "n_eff", "others_n", "others_clicked", "others_share",
    "others_share_low", "others_share_high", "difference", "difference_low", "difference_high", "p_value", "p_adjusted", "level",
    "days", "window", "incomplete", "first_dt", "last_dt", "note",
)  # fmt: skip
CALL_RETENTION = (
    "module", "calls", "unit", "weight", "n", "retained", "share", "share_low", "share_high", "n_eff", "others_n", "others_retained",
    "others_share", "others_share_low", "others_share_high", "compared_n", "compared_others_n", "strata", "within",
    "difference", "difference_low", "difference_high", "p_value", "p_adjusted", "level",
    "days", "window", "incomplete", "first_dt", "last_dt", "note",
)  # fmt: skip
WITHIN = ("wiki", "platform", "state", "week")
STRATA = (*WITHIN, "visits")
MANY_VISITS = 3  # visits of the first days: one, two, so many or more
SELECTED = "no cause is shown: those who click may be those who would come back anyway"


def retained_usage(
    frame: Any,
    *,
    days: float = 7,
    window: float | None = None,
    visits: Any = None,
    retained: pl.DataFrame | None = None,
    by: str | Sequence[str] | None = (),
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Which modules are used by users who are retained later, and which by the others.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    days : float
        N: clicks count in the first N days after a user's first visit; who has a further visit N days or more after
        the first is retained. [days]
    window : float, optional
        That visit must come sooner than this long after the first; by default 2 * N. [days]
    visits : frame, optional
        Rows of `load.homepage_visits`, which know visits without module events too. Load both with the same `key`,
        otherwise their users are not the same numbers. Without it, visits are those with module events. Visits that
        are redirects, known by the module events of `frame`, are left out: see `visits.visit_order`.
    retained : pl.DataFrame, optional
        Users who were retained or activated by an outside definition: columns wiki, user, numbered as in `frame`. With
        it, `window` plays no part.
    by : str or list of str
        Split by these columns of the events too; a user counts in each value that was seen.
    actions : str or list of str, optional
        Actions that are clicks; see `usage.module_clicks`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each module (and `by`), in alphabetical order:

        - unit: user (wiki, user id); weight: 1
        - n: retained users who saw the module in their first days; clicked: those of them who clicked it there;
          share, share_low, share_high: clicked / n [0 to 1]; n_eff
        - others_n, others_clicked, others_share, others_share_low, others_share_high: the same of those not retained
        - difference: share - others_share, difference_low, difference_high; p_value, p_adjusted (Holm's)
        - level, days, window; incomplete: users who saw the module but whose window is not over when the data end,
          in no share
        - first_dt, last_dt: first visits [UTC]; note: the caution about cause

    Raises
    ------
    ToolkitError
        If columns are missing, or the users of two tables are not numbered alike.

    Notes
    -----
    The first visit is the first in the data: of users who came before them it is not their first. Where two visits
    of a user are N days apart, a page that was restored in between, under the same token, is no visit.

    Examples
    --------
    >>> day = 86_400_000
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1, 2], "visit": [0, 0, 1, 2, 3], "module": "help",
    ...                      "action": ["impression", "link-click", "impression", "impression", "impression"],
    ...                      "ms": [0, 1, 8 * day, 0, 20 * day]})
    >>> retained_usage(rows, days=7).select("module", "n", "share", "others_n", "others_share", "incomplete").rows()
    [('help', 1, 1.0, 1, 0.0, 1)]
    """
    rates.check("level", level)
    window = _window(days, window)
    keys = list(dict.fromkeys(["module", *dimensions(by, (*RETAINED_USAGE, *PRIVATE, *STRATA[3:]))]))
    seen = _known(module_clicks(frame, by=keys, actions=actions))
    people = _people(seen, frame, visits, retained, days, window)
    used = (
        _first_days(seen, people, days)
        .group_by(list(dict.fromkeys([*USER, *keys])))
        .agg(
            clicked=(pl.col("clicks").sum() > 0),
            shown=(pl.col("impressions").sum() > 0),
            complete=pl.col("complete").first(),
            retained=pl.col("retained").first(),
            ms=pl.col("first_ms").first(),
        )
        .filter("shown")
    )
    incomplete = used.group_by(keys).agg(incomplete=(~pl.col("complete")).sum().cast(pl.Int64))
    group = pl.when("retained").then(pl.lit(RETAINED)).otherwise(pl.lit(NOT_RETAINED))
    units = used.filter("complete").with_columns(group.alias("who"))
    if units["who"].n_unique() < 2:  # noqa: PLR2004 - a difference has two sides
        raise errors.not_allowed(
            "days",
            days,
            f"leaves users of both kinds; of {units.select(USER).n_unique()} whose time is over, all are alike",
        )
    compared = compare_shares(units, between="who", of="clicked", by=keys, baseline=NOT_RETAINED, level=level)
    others = {f"baseline_{name}": f"others_{name}" for name in ("n", "share", "share_low", "share_high")}
    return (
        incomplete.join(compared, **on(keys))
        .rename({"total": "clicked", "baseline_total": "others_clicked", **others})
        .with_columns(
            pl.col("n", "clicked", "others_n", "others_clicked").fill_null(0),
            unit=pl.lit(UNITS["user"]),
            weight=pl.lit("1"),
            level=pl.lit(level),
            days=pl.lit(float(days)),
            window=pl.lit(None if retained is not None else float(window), dtype=pl.Float64),
            note=pl.lit(SELECTED),
        )
        .sort(keys)
        .select(*keys, *RETAINED_USAGE)
    )


def call_retention(
    frame: Any,
    *,
    days: float = 7,
    window: float | None = None,
    visits: Any = None,
    retained: pl.DataFrame | None = None,
    calls: Mapping[str, Sequence[str]] | None = None,
    within: str | Sequence[str] = WITHIN,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Retention of users who followed the call to action of a module, against comparable users who did not.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    days, window, visits, retained, level
        See `retained_usage`.
    calls : mapping, optional
        For each module its calls to action: link ids, or actions other than link-click. By default those of
        `tables/call.csv`, which ask for a step, such as mentor-usertalk: the mentor was contacted.
    within : str or list of str
        What comparable users have in common, of wiki, platform, state (of the module, when the user first saw it),
        week (of the first visit, from Monday, UTC) and visits (in the first days: 1, 2, 3 or more; not by default,
        for a call that is followed may itself lead to further visits).

    Returns
    -------
    pl.DataFrame
        One row for each module of `calls` that was shown:

        - module; calls (in words); unit: user; weight: 1
        - n: users who followed a call in their first days; retained: those of them who came back after these;
          share, share_low, share_high: retained / n [0 to 1]; n_eff
        - others_n, others_retained, others_share, others_share_low, others_share_high: the same of users who saw the
          module in their first days and followed none of its calls
        - compared_n, compared_others_n: those of both in strata that hold both; strata: number of these; within: what
          makes a stratum
        - difference: of the shares of the compared, within strata, combined by Mantel-Haenszel weights;
          difference_low, difference_high; p_value, p_adjusted (Holm's)
        - level, days, window; incomplete: users whose window is not over, in no share; first_dt, last_dt: first
          visits [UTC]
        - note: the caution about cause, or why there is no difference

    Notes
    -----
    The interval is Klingenberg's, a score interval from Sato's variance, which holds for a few large strata as well as
    for many small ones. `difference` is not share - others_share: it compares like with like. "Ask a question" buttons have no link id and are not logged.

    References
    ----------
    T. Sato (1989), On the variance estimator for the Mantel-Haenszel risk difference. Biometrics 45, 1323-1324.
    B. Klingenberg (2014), A new and improved confidence interval for the Mantel-Haenszel risk difference. Statist. Med.
    33, 2968-2983.

    Examples
    --------
    >>> day = 86_400_000
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1, 2], "visit": [0, 0, 1, 2, 3], "module": "mentorship",
    ...                      "action": ["impression", "link-click", "impression", "impression", "impression"],
    ...                      "action_data": ["", "linkId=mentor-usertalk", "", "", ""], "platform": "desktop",
    ...                      "state": None, "ms": [0, 1, 8 * day, 0, 20 * day]})
    >>> call_retention(rows, days=7).select("module", "n", "share", "others_n", "others_share", "difference").rows()
    [('mentorship', 1, 1.0, 1, 0.0, 1.0)]
    """
    rates.check("level", level)
    calls = calls_to_action() if calls is None else calls
    _check_calls(calls)
    window = _window(days, window)
    names = dimensions(within)
    for name in names:
        if name not in STRATA:
            raise errors.not_found("stratum", name, "'within'", STRATA)
    if not names:
        raise errors.not_allowed("within", within, f"names one of {', '.join(STRATA)}, or several")
    seen = _known(_called(frame, calls))
    people = _people(seen, frame, visits, retained, days, window)
    users = _exposed(_first_days(seen, people, days))
    complete = users.filter("complete")
    said = pl.DataFrame({"module": list(calls), "calls": [", ".join(names) for names in calls.values()]})
    table = (
        said.join(_both_sides(users, complete, level), on="module", how="inner")
        .join(_stratified(complete, names, level), on="module", how="left")
        .sort("module")
    )
    return table.with_columns(
        pl.col("compared_n", "compared_others_n", "strata").fill_null(0),
        p_adjusted=rates.holm("p_value"),
        unit=pl.lit(UNITS["user"]),
        weight=pl.lit("1"),
        level=pl.lit(level),
        within=pl.lit(", ".join(names)),
        days=pl.lit(float(days)),
        window=pl.lit(None if retained is not None else float(window), dtype=pl.Float64),
        note=pl.when(pl.col("n") == 0)
        .then(pl.lit("nobody followed a call of this module"))
        .when(pl.col("difference").is_null())
        .then(pl.lit("no user who did has a comparable one who did not"))
        .otherwise(pl.lit(SELECTED)),
    ).select(CALL_RETENTION)


def calls_to_action() -> dict[str, list[str]]:
    """Links and actions of each module that ask the user to do something, rather than to look at something.

    Examples
    --------
    >>> calls_to_action()["mentorship"]
    ['mentor-usertalk']
    """
    shelf = reference.table("call").group_by("module", maintain_order=True).agg("call")
    return dict(shelf.iter_rows())


def _check_calls(calls: Any) -> None:
    known = reference.table("module")["module"]
    rule = "has for each module a list of one call to action or more"
    if not isinstance(calls, Mapping) or not calls:
        raise errors.not_allowed("calls", calls, rule)
    for module, names in calls.items():
        if module not in set(known):
            raise errors.not_found("module", str(module), "toolkit/tables/module.csv", known)
        if isinstance(names, str) or not isinstance(names, Sequence) or not names:
            raise errors.not_allowed("calls", {module: names}, rule)


def _window(days: float, window: float | None) -> float:
    number("days", days, "is a number of days above 0", above=0)
    if window is not None:
        number("window", window, f"is longer than {days} days, after which a visit counts", above=days)
    return 2 * days if window is None else window


def _known(seen: pl.DataFrame) -> pl.DataFrame:
    return seen.filter(pl.col("user").is_not_null())


def _people(
    seen: pl.DataFrame, frame: Any, visits: Any, retained: pl.DataFrame | None, days: float, window: float
) -> pl.DataFrame:
    """One row for each user: first_ms, whether the user's time is over, and whether the user was retained."""
    who, parameter = "retained_usage", "frame" if visits is None else "visits"
    rows = rows_of(frame if visits is None else visits, who, [*USER, "visit", "ms"], parameter=parameter)
    route = [name for name in ("referer_route",) if name in rows.collect_schema().names()]
    firsts = rows.filter(~nw.col("visit").is_null()).group_by(*USER, "visit").agg(nw.col("ms", *route).min())
    each = collected(firsts).filter(pl.col("user").is_not_null())
    own = seen.select(*USER, "visit", "ms").group_by(*USER, "visit").agg(pl.col("ms").min())
    if visits is not None:
        own_number = pl.col("user").cast(own.schema["user"], strict=False)
        _same_numbers(
            "visits", each.select("wiki", own_number), own, dense=pl.UInt32 in {each.schema["user"], own.schema["user"]}
        )
        # a click on the tutorial, on a page that was left open for days, is no visit of that day
        each = each.with_columns(own_number).filter(~redirected(each, frame)).drop(route)
        each = pl.concat([each, own], how="vertical_relaxed").group_by(*USER, "visit").agg(pl.col("ms").min())
    end = pl.col("ms").max()
    times = each.with_columns(end=end).with_columns(first_ms=pl.col("ms").min().over(USER))
    after = pl.col("ms") - pl.col("first_ms")
    again = (after >= days * DAY) & (after < window * DAY)
    people = times.group_by(USER).agg(pl.col("first_ms", "end").first(), retained=again.any())
    if retained is None:
        return people.with_columns(complete=pl.col("end") - pl.col("first_ms") >= window * DAY)
    listed = table_of(retained, who, USER, parameter="retained")
    outside = listed.select("wiki", pl.col("user").cast(own.schema["user"], strict=False)).unique()
    _same_numbers("retained", outside, own)
    came = outside.with_columns(retained=pl.lit(value=True))
    return (
        people.drop("retained")
        .join(came, on=USER, how="left")
        .with_columns(
            pl.col("retained").fill_null(value=False), complete=pl.col("end") - pl.col("first_ms") >= days * DAY
        )
    )


def _same_numbers(parameter: str, theirs: pl.DataFrame, own: pl.DataFrame, *, dense: bool = False) -> None:
    """Refuse a table whose users are numbered otherwise: dense numbers of one load mean nothing in another."""
    alien = theirs.height > 0 and own.height > 0 and theirs.join(own, on=USER, how="semi").is_empty()
    if dense or alien:
        given = "users are numbered from 0" if dense else "no user is in both"
        raise errors.not_allowed(
            parameter,
            given,
            "has the users of the frame: load both with the same `key=`, for each load numbers them anew",
        )


def _first_days(seen: pl.DataFrame, people: pl.DataFrame, days: float) -> pl.DataFrame:
    """Rows of a user's first days, with what is known of the user."""
    return seen.join(people, on=USER, how="inner").filter(pl.col("ms") < pl.col("first_ms") + days * DAY)


def _called(frame: Any, calls: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """One row for each user, visit, module, platform and state: shown or not, and whether a call was followed."""
    keys = [*USER, "visit", "module", "platform", "state"]
    rows = rows_of(frame, "call_retention", [*keys, "action", "action_data", "ms"])
    known = set(reference.table("action")["action"])
    wanted = pl.DataFrame(
        [(module, name) for module, names in calls.items() for name in names],
        schema={"module": pl.String, "call": pl.String},
        orient="row",
    )
    actions = ["impression", "link-click", *(set(wanted["call"]) & known)]
    here = rows.filter(
        nw.col("action").is_in(actions) & nw.col("module").is_in(list(calls)) & ~nw.col("visit").is_null()
    )
    # an impression's data tell no link; many kinds of them would be as many rows
    data = nw.when(nw.col("action") == "link-click").then(nw.col("action_data"))
    counted = collected(
        here.with_columns(action_data=data).group_by(*keys, "action", "action_data").agg(nw.col("ms").min())
    )
    is_click = pl.col("action") == "link-click"
    name = pl.when(is_click).then(decode.link("action_data")).otherwise("action")
    followed = pl.concat_list("module", "call").is_not_null()
    return (
        counted.with_columns(call=name)
        .join(wanted.with_columns(followed=followed), on=["module", "call"], how="left")
        .select(
            *keys, "ms", pl.col("followed").fill_null(value=False), shown=pl.col("action") == "impression"
        )
    )  # fmt: skip


def _exposed(first_days: pl.DataFrame) -> pl.DataFrame:
    """One row for each user and module seen: whether a call was followed, and what makes users comparable."""
    monday = in_utc(pl.col("first_ms")).dt.truncate("1w")
    # of several states or platforms in one millisecond, the first of the alphabet
    in_order = first_days.with_columns(visits=pl.col("visit").n_unique().over(USER).clip(upper_bound=MANY_VISITS)).sort(
        "ms", "platform", "state"
    )
    shown = pl.col("shown")
    return (
        in_order.group_by(*USER, "module", maintain_order=True)
        .agg(
            pl.col("platform", "state").filter(shown).first(),
            pl.col("visits", "first_ms", "complete", "retained").first(),
            shown=shown.any(),
            followed=pl.col("followed").any(),
            week=monday.first(),
        )
        .filter("shown")
    )


def _both_sides(users: pl.DataFrame, complete: pl.DataFrame, level: float) -> pl.DataFrame:
    """Crude shares of both sides, and who is left out."""
    followed, came = pl.col("followed"), pl.col("retained")
    counted = complete.group_by("module").agg(
        n=followed.sum().cast(pl.Int64),
        retained=(followed & came).sum().cast(pl.Int64),
        others_n=(~followed).sum().cast(pl.Int64),
        others_retained=(~followed & came).sum().cast(pl.Int64),
        first_dt=in_utc(pl.col("first_ms").min()),
        last_dt=in_utc(pl.col("first_ms").max()),
    )
    low, high = rates.share_interval("share", "n", level)
    others_low, others_high = rates.share_interval("others_share", "others_n", level)
    out = users.group_by("module").agg(incomplete=(~pl.col("complete")).sum().cast(pl.Int64))
    return (
        out.join(counted, on="module", how="left")
        .with_columns(pl.col("n", "retained", "others_n", "others_retained").fill_null(0))
        .with_columns(
            share=rates.share("retained", "n"),
            others_share=rates.share("others_retained", "others_n"),
            n_eff=pl.col("n").cast(pl.Float64),
        )
        .with_columns(share_low=low, share_high=high, others_share_low=others_low, others_share_high=others_high)
    )


def _stratified(complete: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    """Mantel-Haenszel difference of the share retained, within strata that hold both sides."""
    followed, came = pl.col("followed"), pl.col("retained")
    cells = complete.group_by("module", *names).agg(
        n=followed.sum().cast(pl.Float64),
        x=(followed & came).sum().cast(pl.Float64),
        m=(~followed).sum().cast(pl.Float64),
        y=(~followed & came).sum().cast(pl.Float64),
    )
    return mantel_haenszel(cells, by=["module"], level=level).rename({"n": "compared_n", "m": "compared_others_n"})


def mantel_haenszel(cells: pl.DataFrame, *, by: Sequence[str], level: float = rates.LEVEL) -> pl.DataFrame:
    """Difference of two shares within strata, combined by Mantel-Haenszel weights.

    Parameters
    ----------
    cells : pl.DataFrame
        One row for each stratum: the columns of `by`; n and x: units of one side and those of them that have it; m
        and y: the same of the other side.
    by : list of str
        One difference for each combination.
    level : float
        Of the interval. [0 to 1]

    Returns
    -------
    pl.DataFrame
        Columns of `by`; n, m: units in strata that hold both sides; strata: number of these; difference,
        difference_low, difference_high; p_value.

    Examples
    --------
    >>> cells = pl.DataFrame({"module": "help", "n": [10.0, 10.0, 4.0], "x": [5.0, 8.0, 4.0], "m": [10.0, 30.0, 0.0], "y": [3.0, 18.0, 0.0]})
    >>> mantel_haenszel(cells, by=["module"]).select("n", "m", "strata", pl.col("difference").round(3)).row(0)
    (20, 40, 2, 0.2)
    """
    n, x, m, y = (pl.col(name) for name in "nxmy")
    size = n + m
    # Sato's two sums: one is of the difference itself, the other of the spread
    p = (n * n * y - m * m * x + n * m * (m - n) / 2) / size**2
    q = (x * (m - y) + y * (n - x)) / (2 * size)
    sums = (
        cells.filter((n > 0) & (m > 0))
        .sort(*by, "n", "x", "m", "y")
        .group_by(list(by), maintain_order=True)
        .agg(
            pl.col("n", "m").sum().cast(pl.Int64),
            strata=pl.len().cast(pl.Int64),
            weight=(n * m / size).sum(),
            moved=((x * m - y * n) / size).sum(),
            p=p.sum(),
            q=q.sum(),
        )
    )
    z2 = rates.z_of(level) ** 2
    squared = pl.col("weight") ** 2
    middle = pl.col("difference") + z2 * pl.col("p") / (2 * squared)
    half = (middle**2 - pl.col("difference") ** 2 + z2 * pl.col("q") / squared).clip(lower_bound=0).sqrt()
    # the spread if there were no difference
    test = pl.when(pl.col("q") > 0).then(pl.col("moved").abs() / pl.col("q").sqrt()).otherwise(0.0)
    return (
        sums.with_columns(difference=pl.col("moved") / pl.col("weight"))
        .with_columns(
            difference_low=(middle - half).clip(-1, 1),
            difference_high=(middle + half).clip(-1, 1),
            p_value=two_sided(test, pl.lit(None, dtype=pl.Float64)),
        )
        .select(*by, "n", "m", "strata", "difference", "difference_low", "difference_high", "p_value")
    )
