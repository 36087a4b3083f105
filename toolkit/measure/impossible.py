"""Events that the published code cannot send: combinations of module, action, state and layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, rates, reference
from toolkit.measure.collected import collected
from toolkit.measure.given import other_dimensions, rows_of
from toolkit.measure.states import possible_states
from toolkit.measure.usage import in_utc
from toolkit.measure.user_clusters import shares_of_sums

ARTICLE_LINKS = ["impact-article-title", "impact-article-image", "impact-pageviews"]
SHARED = ("share", "share_low", "share_high", "n_eff", "level")
LOOKED_AT = ["module", "action", "action_data", "state", "mode", "edition", "ms_day"]
IMPOSSIBLE = (
    "rule", "module", "action", "state", "mode", "unit", "weight", "n", "of", *SHARED, "visits", "users", "first_dt", "last_dt", "note",
)  # fmt: skip


def impossible(frame: Any, *, by: str | Sequence[str] | None = (), level: float = rates.LEVEL) -> pl.DataFrame:
    """Events that the published code cannot send: combinations of module, action, state and layout, with the rule broken.

    Parameters
    ----------
    frame : frame
        Rows of `load.homepage_modules`.
    by : str or list of str
        Split by these columns.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each combination and rule, most frequent first: rule (a sentence), module, action, state, mode; unit
        (event), weight; n; of (all events); share, share_low, share_high (n / of [0 to 1], with the variance between
        users), n_eff, level; visits, users; first_dt, last_dt [UTC]; note. No row where all is well. An event that
        breaks two rules stands in two rows.

    Notes
    -----
    Dates are those of the change in the code, which reached the wikis up to a week later; events sent from a page that
    was open before are legal. A rule that is broken by few events near its date says no more than that.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "impact", "action": "impression",
    ...                      "state": ["complete", "activated"], "ms": 1_560_000_000_000})
    >>> impossible(rows).select("module", "state", "n", "of", "rule").rows()
    [('impact', 'complete', 1, 2, 'the module is never in this state')]
    """
    rates.check("level", level)
    names = other_dimensions(by, IMPOSSIBLE)
    needed = ["wiki", "user", "visit", "module", "action", "state", "ms", *names]
    rows = rows_of(frame, "impossible", needed)
    have = rows.collect_schema().names()
    more = [name for name in ("mode", "action_data", "edition") if name in have]
    keys = list(dict.fromkeys([*names, "wiki", "user", "visit", "module", "action", "state", *more]))
    day = 86_400_000
    # times within a day are as good as each other for a rule, and there are fewer of them
    days = rows.with_columns(ms_day=nw.col("ms") // day)
    table = collected(
        days.group_by(*keys, "ms_day").agg(nw.len().cast(nw.Int64).alias("n"), nw.col("ms").min().alias("first"), nw.col("ms").max().alias("last"))
    )  # fmt: skip
    table = table.with_columns(
        pl.lit(None, dtype=pl.String).alias(name) for name in ("mode", "action_data", "edition") if name not in have
    )
    day_of = pl.from_epoch(pl.col("ms_day"), time_unit="d")
    rules = _rules(day_of)
    # what a rule looks at comes again and again: each once
    seen = table.select(LOOKED_AT).unique()
    checked = seen.with_columns(broken.fill_null(value=False).alias(rule) for rule, broken in rules.items())
    unsound = checked.filter(pl.any_horizontal(list(rules))).unpivot(
        list(rules), index=LOOKED_AT, variable_name="rule", value_name="is_broken"
    )
    broken = table.join(unsound.filter("is_broken"), on=LOOKED_AT, how="inner", nulls_equal=True)
    what = [*names, "rule", "module", "action", "state", "mode"]
    whole = table.group_by(names).agg(of=pl.col("n").sum()) if names else table.select(of=pl.col("n").sum())
    combos = broken.select(what).unique()
    own = list(dict.fromkeys([*names, "wiki", "user"]))
    per_user = table.group_by(own).agg(m=pl.col("n").sum())
    each = (
        per_user.join(combos, on=names, how="inner", nulls_equal=True) if names else per_user.join(combos, how="cross")
    )
    hit = broken.group_by(list(dict.fromkeys([*what, "wiki", "user"]))).agg(y=pl.col("n").sum())
    both = each.join(hit, on=list(dict.fromkeys([*what, "wiki", "user"])), how="left", nulls_equal=True).with_columns(
        pl.col("y").fill_null(0)
    )
    found = shares_of_sums(both, what, level).drop("n", "of")
    counts = broken.group_by(what).agg(
        pl.col("n").sum(),
        visits=pl.struct("wiki", "visit").filter(pl.col("visit").is_not_null()).n_unique().cast(pl.Int64),
        users=pl.struct("wiki", "user").filter(pl.col("user").is_not_null()).n_unique().cast(pl.Int64),
        first_dt=in_utc(pl.col("first").min()), last_dt=in_utc(pl.col("last").max()),
    )  # fmt: skip
    joined = counts.join(found, on=what, how="left", nulls_equal=True)
    joined = joined.join(whole, on=names, how="left", nulls_equal=True) if names else joined.join(whole, how="cross")
    return (
        joined.with_columns(
            unit=pl.lit("event"), weight=pl.lit("1"), level=pl.lit(level), note=pl.lit(None, dtype=pl.String)
        )
        .sort(
            *names,
            "n",
            "rule",
            "module",
            "action",
            "state",
            "mode",
            descending=[False] * len(names) + [True] + [False] * 5,
        )
        .select(*names, *IMPOSSIBLE)
    )


def _rules(day: pl.Expr) -> dict[str, pl.Expr]:
    """What the published code cannot send, each as a sentence and a condition; null is no breach."""
    module, action, state, mode = (pl.col(name) for name in ("module", "action", "state", "mode"))
    states_of = possible_states()
    pairs = [f"{name} {one}" for name, some in states_of.items() for one in some]
    stateful = [name for name, some in states_of.items() if some]
    modules, actions = reference.table("module"), reference.table("action")

    def dates(table: pl.DataFrame, key: str, column: str) -> dict[str, Any]:
        known = table.filter(pl.col(column).is_not_null()).select(key, pl.col(column).str.to_date())
        return dict(known.iter_rows())

    link, is_click = decode.link("action_data"), action == "link-click"
    ids = reference.table("link").select("module", link=pl.col("link_id").str.strip_suffix("-N"))
    listed = [f"{name} {one}" for name, one in ids.iter_rows()]
    article = link.is_in(ARTICLE_LINKS)
    overlays = ["desktop", "mobile-summary", "mobile-details"]
    return {
        "the module is never in this state": module.is_in(list(states_of))
        & state.is_not_null()
        & ~(module + " " + state).is_in(pairs),
        "the module always has a state": module.is_in(stateful) & state.is_null() & (module != "start"),
        "the account's module has no link": (module == "start-account") & is_click,
        "only a click has a link": action.is_in(["impression", "hover-in", "hover-out"]) & link.is_not_null(),
        "every link of the tutorial's module has an id": (module == "start-tutorial") & is_click & link.is_null(),
        "the container's impressions are not logged": (module == "start") & (action == "impression"),
        "only an overlay can be closed": (action == "close") & mode.is_in(overlays),
        "hover ended on 2020-04-14": action.is_in(["hover-in", "hover-out"])
        & (day > pl.lit("2020-04-21").str.to_date()),
        "no pointer hovers over an overlay": action.is_in(["hover-in", "hover-out"]) & (mode == "mobile-overlay"),
        "hover on mobile layouts ended on 2019-06-27": action.is_in(["hover-in", "hover-out"])
        & mode.is_in(["mobile-summary", "mobile-details"])
        & (day > pl.lit("2019-07-04").str.to_date()),
        "the schema's edition has no mode": mode.is_not_null() & pl.col("edition").is_in(_modeless()),
        "the tooltip is the impact module's": action.str.contains(
            r"^(?:open|close)-(?:nopageviews|streak-info|thanks-info)-tooltip$"
        )
        & (module != "impact"),
        "suggested edits are elsewhere": action.str.starts_with("se-")
        & module.is_in(
            [
                "start-account",
                "start-email",
                "startemail",
                "start-tutorial",
                "start-userpage",
                "help",
                "mentorship",
                "impact",
                "banner",
            ]
        )
        # the impact module has a button of its own for the set-up
        & ~((module == "impact") & (action == "se-cta-click")),
        "no article is shown before the first edit": (module == "impact")
        & (state == "unactivated")
        & is_click
        & article,
        # help has links of the wiki's own, but none that is another module's
        "the link is another module's": is_click
        & link.is_in(ids["link"].unique().implode())
        & ~(module + " " + link).is_in(listed),
        "the email's link is that of its state": is_click
        & module.is_in(["start-email", "startemail"])
        & link.str.starts_with("email-")
        & (link != "email-" + state),
        "the module did not exist yet": day
        < module.replace_strict(dates(modules, "module", "since"), default=None, return_dtype=pl.Date),
        "the action did not exist yet": day
        < action.replace_strict(dates(actions, "action", "since"), default=None, return_dtype=pl.Date),
        "the action was gone": day
        > action.replace_strict(dates(actions, "action", "until"), default=None, return_dtype=pl.Date).dt.offset_by(
            "7d"
        ),
    }


def _modeless() -> list[str]:
    """Revisions of the schema from before it told the layout."""
    revisions = [name for name in reference.editions("homepagemodule") if name.isdigit()]
    return [name for name in revisions if "mode" not in reference.schema("homepagemodule", name)["properties"]]
