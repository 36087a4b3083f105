"""How often homepage modules are clicked, by how many, how many modules each uses, and which are returned to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import narwhals as nw
import polars as pl

from toolkit import errors, rates, reference
from toolkit.measure.collected import collected
from toolkit.measure.given import rows_of
from toolkit.measure.tally import dimensions
from toolkit.measure.user_clusters import clustered_means, clustered_shares, summed

Per = Literal["visit", "user"]
UNITS = {"visit": "visit (wiki, page view token)", "user": "user (wiki, user id)"}
VISIT, USER = ["wiki", "user", "visit"], ["wiki", "user"]
KEYS = (*VISIT, "module")
COUNTS = ("impressions", "clicks", "ms", "shown_ms", "clicked_ms")
DAY = 86_400_000  # [ms]
MODULE_USAGE = (
    "unit", "weight", "n", "clicked", "share", "share_low", "share_high", "n_eff", "design_effect", "users", "level",
    "clicks", "clicks_per_unit", "clicks_per_unit_low", "clicks_per_unit_high", "click_only", "first_dt", "last_dt", "note",
)  # fmt: skip
MODULES_USED = (
    "modules", "unit", "weight", "n", "of", "share", "share_low", "share_high", "n_eff", "design_effect", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
MODULE_RETURNS = (
    "again", "unit", "weight", "n", "returned", "share", "share_low", "share_high", "n_eff", "level",
    "seen_again", "share_seen_again", "share_seen_again_low", "share_seen_again_high", "first_dt", "last_dt", "note",
)  # fmt: skip
PRIVATE = (*COUNTS, "n_seen", "total", "mean", "mean_low", "mean_high", "alone", "m", "y", "action")
AGAIN = ("several visits", "several days")


def module_clicks(
    frame: Any, *, by: str | Sequence[str] | None = (), actions: str | Sequence[str] | None = None
) -> pl.DataFrame:
    """Rows of `module_click_counts` as a table in memory.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": "help", "action": ["impression"], "ms": 1})
    >>> module_clicks(rows).select("visit", "module", "impressions", "clicks").rows()
    [(0, 'help', 1, 0)]
    """
    return collected(module_click_counts(frame, by=by, actions=actions))


def module_click_counts(
    frame: Any, *, by: str | Sequence[str] | None = (), actions: str | Sequence[str] | None = None
) -> Any:
    """One row for each visit and module: how often it was shown and clicked, and when first.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    by : str or list of str
        Further columns that split the events of a visit, such as `state` or `platform`.
    actions : str or list of str, optional
        Actions that are clicks; by default those of the kind `click` in `tables/action.csv`: link-click, and for
        suggested edits also se-task-click, se-edit-button-click and se-explanation-link-click.

    Returns
    -------
    Same kind of frame
        Columns wiki, user, visit, module, those of `by`; impressions, clicks (events); ms, shown_ms, clicked_ms:
        first event of either kind, first impression, first click (receive times, ms since 1970). Events without a
        token belong to no visit and are left out.

    Raises
    ------
    ToolkitError
        If columns are missing, or an action is not known.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": "help",
    ...                      "action": ["impression", "link-click", "hover-in"], "ms": [1, 5, 3]})
    >>> module_click_counts(rows).select("visit", "module", "impressions", "clicks", "clicked_ms").rows()
    [(0, 'help', 1, 1, 5)]
    """
    keys = list(dict.fromkeys([*KEYS, *dimensions(by)]))
    rows = rows_of(frame, "module_clicks", [*keys, "action", "ms"])
    one, zero = nw.lit(1, dtype=nw.Int64()), nw.lit(0, dtype=nw.Int64())
    shown, clicked = nw.col("action") == "impression", nw.col("action").is_in(click_actions(actions))
    counted = rows.filter((shown | clicked) & ~nw.col("visit").is_null() & ~nw.col("module").is_null()).with_columns(
        impressions=nw.when(shown).then(one).otherwise(zero),
        clicks=nw.when(clicked).then(one).otherwise(zero),
        shown_ms=nw.when(shown).then(nw.col("ms")),
        clicked_ms=nw.when(clicked).then(nw.col("ms")),
    )
    firsts = [nw.col(name).min() for name in ("ms", "shown_ms", "clicked_ms")]
    # sums are wider than 64 bits on some engines
    return counted.group_by(*keys).agg(nw.col("impressions", "clicks").sum().cast(nw.Int64), *firsts).to_native()


def click_actions(actions: str | Sequence[str] | None) -> list[str]:
    """Actions that are clicks.

    Examples
    --------
    >>> click_actions(None)
    ['link-click', 'se-edit-button-click', 'se-explanation-link-click', 'se-task-click']
    """
    known = reference.table("action")
    if actions is None:
        return sorted(known.filter(kind="click")["action"])
    names = [actions] if isinstance(actions, str) else list(actions) if isinstance(actions, Sequence) else []
    if not names:
        raise errors.not_allowed("actions", actions, "is the name of an action, or a list of them")
    for name in names:
        if name not in set(known["action"]):
            raise errors.not_found("action", str(name), "toolkit/tables/action.csv", sorted(known["action"]))
    return names


def in_utc(ms: pl.Expr) -> pl.Expr:
    """Time in UTC from milliseconds since 1970."""
    return pl.from_epoch(ms, time_unit="ms").dt.replace_time_zone("UTC")


def identified(seen: pl.DataFrame, per: str) -> pl.DataFrame:
    """Rows that can be counted per unit: per user, those whose user is known."""
    return seen.filter(pl.col("user").is_not_null()) if per == "user" else seen


def per_unit(seen: pl.DataFrame, by: Sequence[str], per: str) -> pl.DataFrame:
    """Rows of `module_clicks` in units of visits or users, for each combination of `by`."""
    unit = VISIT if per == "visit" else USER
    return (
        identified(seen, per)
        .group_by(list(dict.fromkeys([*unit, *by])))
        .agg(pl.col("impressions", "clicks").sum(), pl.col("ms").min(), last_ms=pl.col("ms").max())
        .with_columns(clicked=pl.col("clicks") > 0)
    )


def on(keys: Sequence[str]) -> dict[str, Any]:
    """Arguments of a join on these columns; of a cross join where there are none."""
    return {"on": list(keys), "how": "left", "nulls_equal": True} if keys else {"how": "cross"}


def check_per(per: str) -> None:
    """Refuse a unit that is none."""
    if not isinstance(per, str) or per not in UNITS:
        raise errors.bad_choice("per", per, UNITS)


def _nobody(seen: pl.DataFrame, per: str) -> str | None:
    """What to say of visits that belong to no known user."""
    unknown = seen.filter(pl.col("user").is_null()).select("wiki", "visit").n_unique()
    if not unknown:
        return None
    return f"{unknown} visits have no user: " + ("left out" if per == "user" else "each taken for a user of its own")


def module_usage(
    frame: Any,
    *,
    per: Per = "visit",
    by: str | Sequence[str] | None = (),
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """How often each module is clicked, and the share of visits or users that click it.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    per : {"visit", "user"}
        Denominator: visits in which the module was shown, or users to whom it was shown in any visit. A user is
        (wiki, user id).
    by : str or list of str
        Split each module by these columns too, such as `platform`, `state` or `wiki`. A user counts once in each
        value that was seen.
    actions : str or list of str, optional
        Actions that are clicks; see `module_clicks`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each module (and `by`), in alphabetical order:

        - unit (in words); weight: 1, every event is logged
        - n: units with an impression of the module; clicked: those of them with a click on it
        - share, share_low, share_high: clicked / n [0 to 1]; n_eff, design_effect, users: see
          `user_clusters.clustered_shares`; level: of the intervals
        - clicks: events in these units; clicks_per_unit with _low and _high: clicks / n
        - click_only: units with a click whose impression was not delivered; in no share
        - first_dt, last_dt: receive times [UTC]; note: visits without a user, or null

    Notes
    -----
    An impression says that the module was in the page when the script ran, not that it was on the screen.
    start-account has no link: its share is 0 by construction. From 2019-11-07 to 2020-08-10 clicks in mobile
    overlays were not logged.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1], "visit": [0, 0, 1, 2], "module": "help",
    ...                      "action": ["impression", "link-click", "impression", "impression"], "ms": [0, 1000, 5, 6]})
    >>> module_usage(rows).select("module", "n", "clicked", pl.col("share").round(3)).rows()
    [('help', 3, 1, 0.333)]
    >>> module_usage(rows, per="user").select("n", "clicked", "share").rows()
    [(2, 1, 0.5)]
    """
    rates.check("level", level)
    check_per(per)
    keys = list(dict.fromkeys(["module", *dimensions(by, (*MODULE_USAGE, *PRIVATE))]))
    seen = module_clicks(frame, by=keys, actions=actions)
    units = per_unit(seen, keys, per)
    shown = units.filter(pl.col("impressions") > 0)
    shares = clustered_shares(shown, by=keys, of="clicked", level=level).rename({"total": "clicked"})
    means = clustered_means(shown, by=keys, of="clicks", level=level).select(
        *keys,
        clicks="total",
        clicks_per_unit="mean",
        clicks_per_unit_low="mean_low",
        clicks_per_unit_high="mean_high",
    )
    facts = units.group_by(keys).agg(
        click_only=(pl.col("impressions") == 0).sum().cast(pl.Int64),
        first_dt=in_utc(pl.col("ms").min()),
        last_dt=in_utc(pl.col("last_ms").max()),
    )
    return (
        facts.join(shares, **on(keys))
        .join(means, **on(keys))
        .with_columns(
            pl.col("n", "clicked", "clicks", "users").fill_null(0),
            unit=pl.lit(UNITS[per]),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=pl.lit(_nobody(seen, per), dtype=pl.String),
        )
        .sort(keys)
        .select(*keys, *MODULE_USAGE)
    )


def modules_used(
    frame: Any,
    *,
    per: Per = "user",
    by: str | Sequence[str] | None = (),
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """With how many modules users or visits interact: none, one, two and so on.

    Parameters
    ----------
    frame, per, by, actions, level
        See `module_usage`. To interact with a module is to click it once or more.

    Returns
    -------
    pl.DataFrame
        One row for each number of modules (and `by`), without gaps up to the number of modules that were shown to
        one unit: modules; unit, weight; n (units that clicked so many modules), of (all units with an impression of
        any module); share, share_low, share_high: n / of [0 to 1]; n_eff, design_effect; level; first_dt, last_dt;
        note.

    Notes
    -----
    A click counts here also where its impression was not delivered, for the unit was there. Each interval is of one
    share; they do not hold all at once.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1], "visit": [0, 0, 0, 1], "ms": 0,
    ...                      "module": ["help", "impact", "help", "help"],
    ...                      "action": ["impression", "impression", "link-click", "impression"]})
    >>> modules_used(rows).select("modules", "n", "of", "share").rows()
    [(0, 1, 2, 0.5), (1, 1, 2, 0.5), (2, 0, 2, 0.0)]
    """
    rates.check("level", level)
    check_per(per)
    names = dimensions(by, (*MODULES_USED, *PRIVATE, "module"))
    seen = module_clicks(frame, by=names, actions=actions)
    unit = list(dict.fromkeys([*(VISIT if per == "visit" else USER), *names]))
    units = (
        per_unit(seen, [*names, "module"], per)
        .group_by(unit)
        .agg(
            shown=(pl.col("impressions") > 0).sum().cast(pl.Int64),
            used=pl.col("clicked").sum().cast(pl.Int64),
            ms=pl.col("ms").min(),
            last_ms=pl.col("last_ms").max(),
        )
        .filter(pl.col("shown") > 0)
    )
    most = pl.max_horizontal(pl.col("shown").max(), pl.col("used").max())
    numbers = summed(
        units,
        names,
        modules=pl.int_ranges(0, most + 1),
        first_dt=in_utc(pl.col("ms").min()),
        last_dt=in_utc(pl.col("last_ms").max()),
    ).explode("modules")
    each = units.join(numbers.select(*names, "modules"), **on(names)).with_columns(
        has=pl.col("used") == pl.col("modules")
    )
    shares = clustered_shares(each, by=[*names, "modules"], of="has", level=level)
    return (
        shares.rename({"n": "of", "total": "n"})
        .join(numbers, **on([*names, "modules"]))
        .with_columns(
            unit=pl.lit(UNITS[per]),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=pl.lit(_nobody(seen, per), dtype=pl.String),
        )
        .sort(*names, "modules")
        .select(*names, *MODULES_USED)
    )


def module_returns(
    frame: Any,
    *,
    by: str | Sequence[str] | None = (),
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Which modules are returned to: clicked by the same user on several visits, and on several days.

    Parameters
    ----------
    frame, by, actions, level
        See `module_usage`.

    Returns
    -------
    pl.DataFrame
        Two rows for each module (and `by`), one for `several visits` and one for `several days` (in UTC):

        - again: which of the two; unit: user; weight: 1
        - n: users who clicked the module; returned: those of them who clicked it on another visit or day as well
        - share, share_low, share_high: returned / n [0 to 1], Wilson's interval; n_eff: n; level
        - seen_again: users who clicked and met the module again later, on another visit or day, and so could return;
          share_seen_again with _low and _high: those of them who clicked it there
        - first_dt, last_dt [UTC]; note: visits without a user, or null

    Notes
    -----
    Whoever came once had no occasion to return: `share` falls short of what users would do, the more so the shorter
    the export, and `share_seen_again` is the one to compare modules by. Later is after the first click.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1], "visit": [0, 1, 2], "module": "help",
    ...                      "action": "link-click", "ms": [0, 5000, 9000]})
    >>> module_returns(rows).select("again", "n", "returned", "share").rows()
    [('several visits', 2, 1, 0.5), ('several days', 2, 0, 0.0)]
    """
    rates.check("level", level)
    keys = list(dict.fromkeys(["module", *dimensions(by, (*MODULE_RETURNS, *PRIVATE))]))
    rows = rows_of(frame, "module_returns", [*KEYS, *keys, "action", "ms"])
    seen = module_clicks(frame, by=keys, actions=actions)
    of_user = list(dict.fromkeys([*USER, *keys]))
    visits = _occasions(identified(seen, "user"), of_user, "visit")
    day = rows.with_columns(day=nw.col("ms") // DAY)
    days = _occasions(
        identified(module_clicks(day.to_native(), by=[*keys, "day"], actions=actions), "user"), of_user, "day"
    )
    users = pl.concat([
        visits.with_columns(again=pl.lit(AGAIN[0])),
        days.with_columns(again=pl.lit(AGAIN[1])),
    ]).with_columns(again=pl.col("again").cast(pl.Enum(AGAIN)))  # fmt: skip
    counted = users.group_by(*keys, "again").agg(
        n=pl.len().cast(pl.Int64),
        returned=(pl.col("clicked") > 1).sum().cast(pl.Int64),
        # a click elsewhere is proof of having met the module, with or without a delivered impression
        seen_again=(pl.col("met_later") | (pl.col("clicked") > 1)).sum().cast(pl.Int64),
        first_dt=in_utc(pl.col("first_ms").min()),
        last_dt=in_utc(pl.col("last_ms").max()),
    )
    low, high = rates.share_interval("share", "n", level)
    again_low, again_high = rates.share_interval("share_seen_again", "seen_again", level)
    return (
        counted.with_columns(share=rates.share("returned", "n"), share_seen_again=rates.share("returned", "seen_again"))
        .with_columns(
            share_low=low,
            share_high=high,
            share_seen_again_low=again_low,
            share_seen_again_high=again_high,
            n_eff=pl.col("n").cast(pl.Float64),
            unit=pl.lit(UNITS["user"]),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=pl.lit(_nobody(seen, "user"), dtype=pl.String),
        )
        .sort(*keys, "again")
        .select(*keys, *MODULE_RETURNS)
    )


def _occasions(seen: pl.DataFrame, of_user: list[str], occasion: str) -> pl.DataFrame:
    """One row for each user who clicked: on how many visits or days, and whether the module was met again later."""
    each = (
        seen.group_by(list(dict.fromkeys([*of_user, occasion])))
        .agg(pl.col("ms", "clicked_ms").min(), pl.col("shown_ms").min())
        .with_columns(first_click=pl.col("clicked_ms").min().over(of_user))
    )
    later = (pl.col("shown_ms") > pl.col("first_click")) & (pl.col("clicked_ms") != pl.col("first_click")).fill_null(
        value=True
    )
    return (
        each.filter(pl.col("first_click").is_not_null())
        .group_by(of_user)
        .agg(
            clicked=pl.col("clicked_ms").is_not_null().sum(),
            met_later=later.fill_null(value=False).any(),
            first_ms=pl.col("ms").min(),
            last_ms=pl.col("ms").max(),
        )
    )
