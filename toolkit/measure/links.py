"""What is clicked within modules: links, mentors by their edits and activity, and how far the start modules come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import decode, rates, reference
from toolkit.measure.collected import collected
from toolkit.measure.given import rows_of
from toolkit.measure.states import ranks
from toolkit.measure.tally import dimensions
from toolkit.measure.usage import (
    DAY,
    PRIVATE,
    UNITS,
    USER,
    VISIT,
    Per,
    check_per,
    identified,
    in_utc,
    module_clicks,
    on,
    per_unit,
)  # fmt: skip
from toolkit.measure.user_clusters import clustered_shares

NO_LINK = "(no link id)"
LINK_USAGE = (
    "module", "link", "label", "unit", "weight", "clicks", "n", "clicked", "share", "share_low", "share_high", "n_eff",
    "design_effect", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
MENTOR_USAGE = (
    "trait", "band", "unit", "weight", "n", "clicked", "share", "share_low", "share_high", "n_eff", "design_effect", "users",
    "level", "first_dt", "last_dt", "note",
)  # fmt: skip
START_PROGRESS = (
    "module", "state", "unit", "weight", "n", "first", "first_share", "first_share_low", "first_share_high",
    "last", "last_share", "last_share_low", "last_share_high", "ever", "ever_share", "ever_share_low", "ever_share_high",
    "n_eff", "level", "first_dt", "last_dt", "note",
)  # fmt: skip
EDITS, ACTIVE = "edits of the mentor", "mentor last active"
UNKNOWN = "not known"
EDIT_BANDS = ((100, "below 100"), (1_000, "100 to 999"), (10_000, "1,000 to 9,999"), (None, "10,000 or more"))
ACTIVE_BANDS = (
    (DAY, "less than a day ago"), (7 * DAY, "1 to 7 days ago"), (30 * DAY, "7 to 30 days ago"), (None, "30 days ago or more"),
)  # fmt: skip
STAMP = r"^\d{14}$"


def link_usage(
    frame: Any,
    *,
    per: Per = "user",
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Which links of each module are clicked, by what share of those who saw the module.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`; filter them for one module, such as `help` or `impact`.
    per : {"user", "visit"}
        Denominator: users to whom the module was shown, or visits in which it was.
    by : str or list of str
        Split by these columns too, such as `wiki`: the help links are set by each wiki.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each module and link that was clicked (and `by`), modules in alphabetical order, links by share:

        - module, link (id; the running number of a question left off; `(no link id)` where there is none), label
          (in words; null for links that a wiki set up)
        - unit, weight; clicks: events in these units
        - n: units with an impression of the module; clicked: those of them with a click on the link
        - share, share_low, share_high: clicked / n [0 to 1]; n_eff, design_effect (by users); level
        - first_dt, last_dt: of the clicks [UTC]; note: clicks in units whose impression was not delivered, which are
          in no share, or null

    Notes
    -----
    Shares of the links of a module add up to more than the module's own, for one unit may click several.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 1], "visit": [0, 0, 1], "module": "help", "ms": [0, 9, 5],
    ...                      "action": ["impression", "link-click", "impression"], "action_data": ["", "linkId=view-more", ""]})
    >>> link_usage(rows).select("module", "link", "label", "n", "clicked", "share").rows()
    [('help', 'view-more', 'all help pages', 2, 1, 0.5)]
    """
    rates.check("level", level)
    check_per(per)
    names = [name for name in dimensions(by, (*LINK_USAGE[1:], *PRIVATE)) if name != "module"]
    keys = ["module", *names]
    unit = list(dict.fromkeys([*(VISIT if per == "visit" else USER), *keys]))
    shown = per_unit(module_clicks(frame, by=names), keys, per).filter(pl.col("impressions") > 0).select(unit)
    clicks = _link_clicks(frame, names)
    each = identified(clicks, per).group_by(list(dict.fromkeys([*unit, "link"]))).agg(
        pl.col("clicks").sum(), pl.col("first_ms").min(), pl.col("last_ms").max()
    )  # fmt: skip
    counted = each.join(shown.with_columns(seen=pl.lit(value=True)), on=unit, how="left", nulls_equal=True)
    seen = pl.col("seen").fill_null(value=False)
    facts = counted.group_by(*keys, "link").agg(
        clicks=pl.col("clicks").filter(seen).sum(),
        unseen=pl.col("clicks").filter(~seen).sum(),
        first_dt=in_utc(pl.col("first_ms").min()),
        last_dt=in_utc(pl.col("last_ms").max()),
    )
    # every unit that saw the module stands beside every link of it, clicked or not
    pairs = (
        facts.select(*keys, "link")
        .join(shown, on=keys, how="inner", nulls_equal=True)
        .join(each.select(*unit, "link", has=pl.lit(value=True)), on=[*unit, "link"], how="left", nulls_equal=True)
        .with_columns(pl.col("has").fill_null(value=False))
    )
    shares = clustered_shares(pairs, by=[*keys, "link"], of="has", level=level).rename({"total": "clicked"})
    return (
        facts.join(shares, **on([*keys, "link"]))
        .join(_labels(), on=["module", "link"], how="left")
        .with_columns(
            pl.col("n", "clicked").fill_null(0),
            unit=pl.lit(UNITS[per]),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=pl.when(pl.col("unseen") > 0).then(
                pl.format("{} clicks without a delivered impression, in no share", "unseen")
            ),
        )
        .sort(*keys, "share", "link", descending=[*([False] * len(keys)), True, False], nulls_last=True)
        .select(*names, *LINK_USAGE)
    )


def _link_clicks(frame: Any, names: list[str]) -> pl.DataFrame:
    """Clicks of each visit on each link."""
    keys = list(dict.fromkeys([*VISIT, "module", *names]))
    rows = rows_of(frame, "link_usage", [*keys, "action", "action_data", "ms"])
    here = rows.filter((nw.col("action") == "link-click") & ~nw.col("visit").is_null() & ~nw.col("module").is_null())
    counted = here.group_by(*keys, "action_data").agg(
        nw.len().alias("clicks"), nw.col("ms").min().alias("first_ms"), nw.col("ms").max().alias("last_ms")
    )
    link = decode.link("action_data")
    return collected(counted).with_columns(
        pl.col("clicks").cast(pl.Int64), link=pl.when(link != "").then(link).otherwise(pl.lit(NO_LINK))
    )


def _labels() -> pl.DataFrame:
    """Words for the links that the software itself has."""
    return (
        reference.table("link")
        .select("module", pl.col("link_id").str.strip_suffix("-N").alias("link"), "label")
        .unique(["module", "link"], keep="first", maintain_order=True)
    )


def mentor_usage(
    frame: Any,
    *,
    per: Per = "visit",
    by: str | Sequence[str] | None = (),
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Clicks on the mentorship module by the mentor's edits, and by how long ago the mentor was active.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    per : {"visit", "user"}
        Unit, among those with an impression of the module; a user counts in each band that was seen.
    by : str or list of str
        Split by these columns too.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each band of both traits (and `by`), in their order:

        - trait: `edits of the mentor` or `mentor last active`; band: of it, as the visit's first event of the module
          tells; last active is counted back from that event's receive time; `not known` where it cannot be read
        - unit, weight; n: units with an impression; clicked; share, share_low, share_high [0 to 1]; n_eff,
          design_effect, users; level; first_dt, last_dt [UTC]; note: null

    Notes
    -----
    Mentors with many edits are active more often, and wikis differ in both: the traits are not independent.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": "mentorship", "ms": 1_557_169_385_000,
    ...                      "action": ["impression", "link-click"],
    ...                      "action_data": "mentorEditCount=1528;mentorLastActive=20190506181617"})
    >>> mentor_usage(rows).select("trait", "band", "n", "clicked").rows()
    [('edits of the mentor', '1,000 to 9,999', 1, 1), ('mentor last active', 'less than a day ago', 1, 1)]
    """
    rates.check("level", level)
    check_per(per)
    names = [name for name in dimensions(by, (*MENTOR_USAGE, *PRIVATE)) if name != "module"]
    rows = rows_of(frame, "mentor_usage", [*VISIT, "module", "action", "action_data", "ms", *names])
    mentorship = rows.filter(nw.col("module") == "mentorship").to_native()
    seen = module_clicks(mentorship, by=names).join(_mentors(mentorship), on=VISIT, how="left", nulls_equal=True)
    parts = []
    for trait, column in ((EDITS, "edits"), (ACTIVE, "active")):
        keys = [*names, "band"]
        units = per_unit(seen.with_columns(band=pl.col(column)), keys, per).filter(pl.col("impressions") > 0)
        times = units.group_by(keys).agg(first_dt=in_utc(pl.col("ms").min()), last_dt=in_utc(pl.col("last_ms").max()))
        shares = clustered_shares(units, by=keys, of="clicked", level=level)
        parts.append(shares.join(times, **on(keys)).with_columns(trait=pl.lit(trait)))
    bands = [name for _, name in (*EDIT_BANDS, *ACTIVE_BANDS)]
    return (
        pl.concat(parts)
        .rename({"total": "clicked"})
        .with_columns(
            trait=pl.col("trait").cast(pl.Enum([EDITS, ACTIVE])),
            band=pl.col("band").cast(pl.Enum([*bands, UNKNOWN])),
            unit=pl.lit(UNITS[per]),
            weight=pl.lit("1"),
            level=pl.lit(level),
            note=pl.lit(None, dtype=pl.String),
        )
        .sort(*names, "trait", "band")
        .select(*names, *MENTOR_USAGE)
    )


def _mentors(mentorship: Any) -> pl.DataFrame:
    """Bands of the mentor in each visit, by its first event that tells them."""
    rows = nw.from_native(mentorship)
    told = collected(rows.group_by(*VISIT, "action_data").agg(nw.col("ms").min()))
    text = decode.action_value("action_data", "mentorLastActive")
    at = pl.when(text.str.contains(STAMP)).then(text).str.to_datetime("%Y%m%d%H%M%S", strict=False, time_unit="ms")
    edits = decode.action_value("action_data", "mentorEditCount").cast(pl.Int64, strict=False)
    return (
        told.with_columns(n=edits, since=pl.col("ms") - at.dt.epoch("ms"))
        .sort("ms", "action_data")
        .group_by(VISIT, maintain_order=True)
        .agg(pl.col("n", "since").drop_nulls().first())
        .select(*VISIT, edits=_banded("n", EDIT_BANDS), active=_banded("since", ACTIVE_BANDS))
    )


def _banded(column: str, bands: Sequence[tuple[int | None, str]]) -> pl.Expr:
    """Name of the band that a number is in: below the bound, and not below the one before."""
    value = pl.col(column)
    *bounded, (_, rest) = bands
    named = pl.when(value >= 0).then(pl.lit(rest)).otherwise(pl.lit(UNKNOWN))
    for bound, name in reversed(bounded):
        named = pl.when((value >= 0) & (value < bound)).then(pl.lit(name)).otherwise(named)
    return named


def start_progress(frame: Any, *, by: str | Sequence[str] | None = (), level: float = rates.LEVEL) -> pl.DataFrame:
    """How far users are with account, email, tutorial and user page, at their first visit and at their last.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    by : str or list of str
        Split by these columns too, such as `wiki`; a user counts in each value that was seen.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each start module and state (and `by`), states from the first step to the last:

        - module, state; unit: user (wiki, user id); weight: 1
        - n: users to whom the module was shown in any state
        - first, last, ever: those of them who had the state at their first visit, at their last, and at any; each
          with a share of n [0 to 1] and its Wilson interval: first_share, first_share_low, first_share_high and so on
        - n_eff: n; level; first_dt, last_dt [UTC]; note: null

    Notes
    -----
    The state is the one at the load of the page: what is done after the last visit is not seen. States can go back
    (an address is removed, a page deleted). First and last are by receive time; of two visits at one millisecond the
    earlier step is the first.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": [0, 1], "module": "start-tutorial",
    ...                      "state": ["incomplete", "complete"], "action": "impression", "ms": [0, 9]})
    >>> start_progress(rows).select("module", "state", "n", "first", "last", "ever").rows()
    [('start-tutorial', 'incomplete', 1, 1, 0, 1), ('start-tutorial', 'complete', 1, 0, 1, 1)]
    """
    rates.check("level", level)
    names = [name for name in dimensions(by, (*START_PROGRESS[1:], *PRIVATE, "step")) if name != "module"]
    keys = [*names, "module"]
    is_start = pl.col("module").str.starts_with("start-") | (pl.col("module") == "startemail")
    shown = module_clicks(frame, by=[*names, "state"]).filter(
        is_start, pl.col("shown_ms").is_not_null(), pl.col("user").is_not_null(), pl.col("state").is_not_null()
    )
    step = pl.col("state").replace_strict(ranks(), default=0, return_dtype=pl.Int64)
    unit = list(dict.fromkeys([*USER, *keys]))
    users = (
        shown.with_columns(step=step)
        .sort("shown_ms", "step", "state")
        .group_by(unit, maintain_order=True)
        .agg(
            pl.col("state").first().alias("first"),
            pl.col("state").last().alias("last"),
            pl.col("state").unique().alias("ever"),
            pl.col("shown_ms").min().alias("first_ms"),
            pl.col("shown_ms").max().alias("last_ms"),
        )
    )
    wholes = users.group_by(keys).agg(
        n=pl.len().cast(pl.Int64), first_dt=in_utc(pl.col("first_ms").min()), last_dt=in_utc(pl.col("last_ms").max())
    )
    states = shown.select(*keys, "state").unique().with_columns(step=step)
    found = states.join(wholes, **on(keys)).with_columns(n_eff=pl.col("n").cast(pl.Float64))
    for when in ("first", "last", "ever"):
        counts = users.select(*keys, state=when).explode("state") if when == "ever" else users.select(*keys, state=when)
        low, high = rates.share_interval(f"{when}_share", "n", level)
        found = (
            found.join(counts.group_by(*keys, "state").agg(pl.len().cast(pl.Int64).alias(when)), **on([*keys, "state"]))
            .with_columns(pl.col(when).fill_null(0))
            .with_columns(rates.share(when, "n").alias(f"{when}_share"))
            .with_columns(low.alias(f"{when}_share_low"), high.alias(f"{when}_share_high"))
        )
    return (
        found.with_columns(
            unit=pl.lit(UNITS["user"]), weight=pl.lit("1"), level=pl.lit(level), note=pl.lit(None, dtype=pl.String)
        )
        .sort(*keys, "step", "state")
        .select(*names, *START_PROGRESS)
    )
