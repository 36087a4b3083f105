"""Noise: what tests, automata, known faults and repetitions add to homepage events, and what is left without them."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, keep, rates, reference
from toolkit.measure.clock import with_browser_time
from toolkit.measure.collected import collected
from toolkit.measure.given import number, rows_of, table_of
from toolkit.measure.usage import click_actions, in_utc
from toolkit.measure.user_clusters import clustered_shares, shares_of_sums

HEADLINE = "visits with an impression in which a module was clicked"
NEEDED = ("wiki", "user", "visit", "module", "action", "mode", "dt", "ms", "flags")
USED = (*NEEDED, "user_id", "state", "action_data", "client_dt", "platform")
NOISE = (
    "step", "filter", "kind", "treated", "unit", "weight", "matched", "n", "left", "visits", "clicked", "share", "share_low", "share_high",
    "n_eff", "level", "impressions", "clicks", "clicks_per_impression", "difference", "first_dt", "last_dt", "note",
)  # fmt: skip
DUPLICATES = (
    "kind",
    "treated",
    "unit",
    "weight",
    "n",
    "of",
    "share",
    "share_low",
    "share_high",
    "n_eff",
    "level",
    "visits",
    "users",
    "first_dt",
    "last_dt",
    "note",
)
KINDS = {
    "burst of impressions": ("dropped", "the same module shown again in one visit within a moment: a script that ran twice"),
    "repeated impression": ("dropped", "the same module shown again later in one visit: a page that was restored under its old token"),
    "overlay opened again": ("marked", "each opening of a mobile overlay is an impression: no error, but no new visit either"),
    "repeated click": ("marked", "the same link clicked again within a moment: a double click"),
    "same event again": ("marked", "equal in all that is loaded, time included; may be genuine, for times are coarse"),
}  # fmt: skip
RE_DELIVERY = "re-delivery"
GONE = "the same id and content again; the loader dropped them before the first step, so that the headline is the same"
HOVERS = ["hover-in", "hover-out"]


def duplicate_kinds(frame: Any, *, burst_s: float = 1.0) -> pl.DataFrame:
    """Homepage events with the kind of repetition that each is.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`; second deliveries are gone from them already.
    burst_s : float
        How soon after its like an event is part of a burst. [s]

    Returns
    -------
    pl.DataFrame
        The rows with a column `duplicate`: null for the first of its kind, else one of `burst of impressions`, `repeated
        impression`, `overlay opened again`, `repeated click`, `same event again`.

    Notes
    -----
    Likes are events of one visit, module, action, layout and link. An impression is one for each visit and module, but
    for overlays. Hovers come often and are never repetitions. Among likes with one time stamp, which row is the first
    is decided by what the rows say.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "help", "action": "impression", "mode": "desktop",
    ...                      "ms": [0, 0, 9_000_000]})
    >>> duplicate_kinds(rows)["duplicate"].to_list()
    [None, 'burst of impressions', 'repeated impression']
    """
    number("burst_s", burst_s, "is a number of seconds, 0 or more", least=0)
    rows = rows_of(frame, "duplicate_kinds", ["wiki", "visit", "module", "action", "ms"])
    have = rows.collect_schema().names()
    given = frame.lazy().collect() if isinstance(frame, pl.DataFrame | pl.LazyFrame) else collected(rows)
    table: pl.DataFrame = rows_of(given, "duplicate_kinds").to_native()
    mode, link = (pl.col(name).fill_null("") if name in have else pl.lit("") for name in ("mode", "action_data"))
    is_impression, is_click = pl.col("action") == "impression", pl.col("action").is_in(click_actions(None))
    told = [
        name
        for name in ("ms", "state", "action_data", "user_editcount", "recv_from", "seq_id", "file", "line")
        if name in have
    ]
    like = ["wiki", "visit", "module", "action", "layout", "link"]
    numbered = table.with_row_index("row")
    timed = with_browser_time(nw.from_native(numbered)).to_native()
    several = (
        timed.filter(pl.col("visit").is_not_null(), ~pl.col("action").is_in(HOVERS))
        .with_columns(layout=mode, link=pl.when(is_impression).then(pl.lit("")).otherwise(link))
        .filter(pl.struct(like).is_duplicated())
        .sort(*like, "at", *told, nulls_last=True)
    )
    again = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in like).fill_null(value=False)
    gap = pl.col("at") - pl.col("at").shift(1)
    soon = gap <= burst_s * 1000
    kind = (
        pl.when(~again).then(None)
        .when(is_impression & soon).then(pl.lit("burst of impressions"))
        .when(is_impression & (pl.col("layout") == "mobile-overlay")).then(pl.lit("overlay opened again"))
        .when(is_impression).then(pl.lit("repeated impression"))
        .when(is_click & soon).then(pl.lit("repeated click"))
        .when(~is_click & (gap == 0)).then(pl.lit("same event again"))
    )  # fmt: skip
    found = several.select("row", duplicate=kind).filter(pl.col("duplicate").is_not_null())
    return given.with_row_index("row").join(found, on="row", how="left", maintain_order="left").drop("row")


def duplicates(
    frame: Any,
    *,
    account: pl.DataFrame | None = None,
    burst_s: float = 1.0,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Repeated homepage events by kind.

    Parameters
    ----------
    frame, burst_s
        See `duplicate_kinds`.
    account : pl.DataFrame, optional
        The load's `account`: second deliveries that the loader dropped are then a line too.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each kind, `re-delivery` first: treated (`dropped` or `marked`; see `noise`), unit (event), weight; n;
        of (all events, for re-deliveries those that came in); share, share_low, share_high (n / of [0 to 1], with the
        variance between users; none for re-deliveries, of which no user is known), n_eff, level; visits, users;
        first_dt, last_dt (all events [UTC]); note.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": 1, "module": "help", "action": "impression", "mode": "desktop",
    ...                      "ms": [0, 0, 9_000_000]})
    >>> duplicates(rows).filter(pl.col("n") > 0).select("kind", "n", "of").rows()
    [('burst of impressions', 1, 3), ('repeated impression', 1, 3)]
    """
    rates.check("level", level)
    rows_of(frame, "duplicates", ["user"])
    rows = duplicate_kinds(frame, burst_s=burst_s).select("wiki", "user", "visit", "ms", "duplicate")
    users = rows.group_by("wiki", "user").agg(
        pl.len().cast(pl.Int64).alias("m"),
        *(pl.col("duplicate").eq(kind).sum().cast(pl.Int64).alias(kind) for kind in KINDS),
    )
    each = users.unpivot(list(KINDS), index=["wiki", "user", "m"], variable_name="kind", value_name="y")
    its = rows.filter(pl.col("duplicate").is_not_null()).group_by(kind="duplicate").agg(
        visits=pl.struct("wiki", "visit").n_unique().cast(pl.Int64), users=pl.struct("wiki", "user").n_unique().cast(pl.Int64)
    )  # fmt: skip
    known = pl.DataFrame(
        [(kind, *said) for kind, said in KINDS.items()], schema=["kind", "treated", "note"], orient="row"
    )
    counted = known.join(shares_of_sums(each, ["kind"], level), on="kind", how="left", maintain_order="left")
    lines = [
        counted.join(its, on="kind", how="left", maintain_order="left").with_columns(
            pl.col("n", "of").fill_null(0).cast(pl.Int64), pl.col("visits", "users").fill_null(0)
        )
    ]
    if account is not None:
        account = table_of(account, "duplicates", ["duplicates", "rows_in"], parameter="account")
        counted = account.select(n=pl.col("duplicates").sum(), of=pl.col("rows_in").sum()).with_columns(
            share=rates.share("n", "of"), kind=pl.lit(RE_DELIVERY), treated=pl.lit("dropped"), note=pl.lit("the same id and content again; dropped by the loader")
        )  # fmt: skip
        lines.insert(0, counted)
    whole = pl.concat(lines, how="diagonal_relaxed")
    span = rows.select(first_dt=in_utc(pl.col("ms").min()), last_dt=in_utc(pl.col("ms").max()))
    said = whole.with_columns(unit=pl.lit("event"), weight=pl.lit("1"), level=pl.lit(level))
    return said.join(span, how="cross").select(DUPLICATES)


def noise(
    frame: Any,
    *,
    accounts: pl.DataFrame | None = None,
    account: pl.DataFrame | None = None,
    burst_s: float = 1.0,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Ledger of filters: what each takes away from homepage events, and the headline before and after it.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    accounts : pl.DataFrame, optional
        Accounts of staff and testers, see `keep.listed`: rows loaded with a key and a list made with the same one by
        `measure.known_users`, or rows loaded with `keep="user_id"` and a list of these.
    account : pl.DataFrame, optional
        The load's `account`, for the second deliveries.
    burst_s : float
        See `duplicate_kinds`. [s]
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row per step, from all events to those that are kept:

        - step (0 for all events), filter, kind (`all`, `delivery`, `automata`, `tests`, `fault`, `duplicate`, `break`)
        - treated: `kept` (all events), `dropped` (taken away from here on), `marked` (left in; the headline is that without them), `shown`
          (a break of the calendar within the period; the headline is that from this day on)
        - unit (event; the headline's is the visit), weight
        - matched: events that the filter alone matches; n: events that this step takes away; left: events after it
        - visits (with an impression), clicked (of them); share, share_low, share_high: the headline [0 to 1], with the
          variance between users; n_eff, level
        - impressions, clicks: events left; clicks_per_impression
        - difference: of the headline from that of the last step dropped [-1 to 1]
        - first_dt, last_dt: of the events matched [UTC]; note: what the step means

    Raises
    ------
    ToolkitError
        If columns are missing, or the users of the list cannot be those of the rows.

    Notes
    -----
    Steps are taken one after the other, so that the events taken away add up. The differences are those of one set of
    events and a part of it; they are no comparison of two samples, and have no interval.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 1, 2], "module": "help", "mode": "desktop",
    ...                      "action": ["impression", "link-click", "impression"], "ms": 0, "flags": [0, 0, 2],
    ...                      "dt": datetime(2019, 6, 1, tzinfo=timezone.utc)})
    >>> noise(rows).filter(pl.col("n") > 0).select("filter", "n", "left", "share").rows()
    [('bots', 1, 2, 1.0)]
    """
    rates.check("level", level)
    rows = rows_of(frame, "noise", NEEDED)
    have = rows.collect_schema().names()
    table = collected(rows.select([name for name in USED if name in have]))
    accounts = None if accounts is None else _of_same_users(accounts, table)
    headline = _headline(table)
    lines = [
        {
            "filter": "all events",
            "kind": "all",
            "treated": "kept",
            **_taken(table, table.clear()),
            **headline,
            "note": f"share: {HEADLINE}",
        }
    ]
    if account is not None:
        account = table_of(account, "noise", ["duplicates"], parameter="account")
        second = int(account["duplicates"].sum())
        lines.append(
            {
                **lines[0],
                "filter": "second deliveries",
                "kind": "delivery",
                "treated": "dropped",
                "matched": second,
                "n": second,
                "first_dt": None,
                "last_dt": None,
                "note": GONE,
            }
        )
    left = table
    for name, kind, treated, rule, note in _filters(accounts):
        without, is_dropped = left.filter(~rule), treated == "dropped"
        told = headline if without.height == left.height else _headline(without)
        taken = left.filter(rule) if is_dropped else left.clear()
        lines.append(
            {
                "filter": name,
                "kind": kind,
                "treated": treated,
                **_taken(table.filter(rule), taken),
                **told,
                "note": note,
            }
        )
        left, headline = (without, told) if is_dropped else (left, headline)
    left = duplicate_kinds(left, burst_s=burst_s)
    for name, (treated, note) in KINDS.items():
        rule, is_dropped = (pl.col("duplicate") == name).fill_null(value=False), treated == "dropped"
        matched, without = left.filter(rule), left.filter(~rule)
        told = _headline(without) if matched.height else headline
        lines.append(
            {
                "filter": name,
                "kind": "duplicate",
                "treated": treated,
                **_taken(matched, matched if is_dropped else matched.clear()),
                **told,
                "note": note,
            }
        )
        left, headline = (without, told) if is_dropped else (left, headline)
    for day, what, effect in _breaks(left):
        after = left.filter(pl.col("dt").dt.date() >= day)
        lines.append(
            {
                "filter": f"since {day}: {what}",
                "kind": "break",
                "treated": "shown",
                **_taken(after, after.clear()),
                **_headline(after),
                "note": effect,
            }
        )
    ledger = pl.DataFrame(
        lines,
        schema_overrides={
            "first_dt": table.schema["dt"],
            "last_dt": table.schema["dt"],
            "n_eff": pl.Float64,
            "share": pl.Float64,
        },
        infer_schema_length=None,
    )
    low, high = rates.share_interval("share", "n_eff", level)
    dropped = pl.when(pl.col("treated").is_in(["kept", "dropped"])).then("share")
    return (
        ledger.with_columns(step=pl.int_range(pl.len(), dtype=pl.Int64), unit=pl.lit("event; share: visit (wiki, page view token)"), weight=pl.lit("1"), level=pl.lit(level))
        .with_columns(left=pl.lit(table.height, dtype=pl.Int64) - pl.when(pl.col("kind") == "delivery").then(0).otherwise("n").cum_sum())
        .with_columns(
            share_low=low, share_high=high, clicks_per_impression=rates.share("clicks", "impressions"),
            difference=pl.col("share") - dropped.forward_fill().shift(1),
        )
        .select(NOISE)
    )  # fmt: skip


def _of_same_users(accounts: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Accounts of a list, if its users can be those of the rows."""
    listed = table_of(accounts, "noise", ["wiki"], parameter="accounts")
    user = next((name for name in ("user", "user_id") if name in listed.columns), None)
    if user is None:
        raise errors.missing_columns("keep.listed", ["user"], listed.columns)
    if user == "user" and not listed.schema["user"].is_integer():
        raise errors.not_allowed("accounts", str(listed.schema["user"]), "has users as measure.known_users makes them")
    if user == "user" and rows.schema["user"] == pl.UInt32:
        raise errors.not_allowed(
            "frame",
            "users that are numbered within one load",
            "comes from load.homepage_modules(key=...), and the list from measure.known_users with the same key",
        )
    if user not in rows.columns:
        raise errors.missing_columns("measure.noise", [user], rows.columns)
    return listed


def _filters(accounts: pl.DataFrame | None) -> list[tuple[str, str, str, pl.Expr, str]]:
    """Filters that look at one row each, in the order in which they are taken: name, kind, treated, rule, note."""
    nobody = pl.lit(value=False)
    no_list = "no list of accounts was given: what testers did cannot be told from the rest"
    faults = [
        (name, "fault", treated, keep.faulty(name), meaning)
        for name, treated, meaning in keep.faults().select("fault", "treated", "meaning").iter_rows()
    ]
    return [
        ("bots", "automata", "dropped", keep.flagged("bot"), "the agent is a spider or another automaton"),
        ("canary events", "automata", "dropped", keep.flagged("canary"), "events by which the pipeline tests itself"),
        ("test wikis", "tests", "dropped", keep.on_test_wiki(), "wikis on which only developers try things"),
        ("test accounts", "tests", "dropped", nobody if accounts is None else keep.listed(accounts), no_list if accounts is None else "accounts on the list"),
        *faults,
    ]  # fmt: skip


def _breaks(rows: pl.DataFrame) -> list[tuple[Any, str, str]]:
    """Breaks of the calendar after the first event and up to the last."""
    calendar = reference.table("calendar").filter(system="homepage").with_columns(pl.col("date").str.to_date())
    first, last = rows.select(first=pl.col("dt").min().dt.date(), last=pl.col("dt").max().dt.date()).row(0)
    if first is None:  # no event is left that has a time
        return []
    within = calendar.filter(pl.col("date") > first, pl.col("date") <= last).sort("date", "what")
    return list(within.select("date", "what", "effect").iter_rows())


def _taken(matched: pl.DataFrame, taken: pl.DataFrame) -> dict[str, Any]:
    """How many events a filter matches, from when to when, and how many it takes away."""
    first, last = matched.select(first=pl.col("dt").min(), last=pl.col("dt").max()).row(0)
    return {"matched": matched.height, "n": taken.height, "first_dt": first, "last_dt": last}


def _headline(rows: pl.DataFrame) -> dict[str, Any]:
    shown, clicked = pl.col("action") == "impression", pl.col("action").is_in(click_actions(None))
    visits = (
        rows.filter(pl.col("visit").is_not_null())
        .group_by("wiki", "user", "visit")
        .agg(shown=shown.any(), clicked=clicked.any())
        .filter("shown")
    )
    found = clustered_shares(visits, by=[], of="clicked").row(0, named=True)
    events = rows.select(impressions=shown.sum().cast(pl.Int64), clicks=clicked.sum().cast(pl.Int64)).row(0, named=True)
    return {
        "visits": found["n"] or 0,
        "clicked": found["total"] or 0,
        "share": found["share"],
        "n_eff": found["n_eff"],
        **events,
    }
