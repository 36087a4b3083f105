"""Whether a module's place on the page is related to clicks on it, within module, state and platform.

The client sends one impression for each module, in the order of the page, within a millisecond or two. What is
received is ordered by the network: in the samples, which were made by running that code, the order of arrival is as
good as drawn by lot. Each result therefore says how far visits agree on the order, and a layout known from elsewhere
can be given in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import polars as pl

from toolkit import errors, rates, reference
from toolkit.measure.collected import collected
from toolkit.measure.given import rows_of
from toolkit.measure.tally import dimensions
from toolkit.measure.usage import PRIVATE, UNITS, VISIT, click_actions, in_utc, on
from toolkit.measure.user_clusters import USER, clustered_shares, in_clusters, t_quantile, two_sided

OPENED = ("mobile-overlay", "mobile-details")  # modes in which the reader chose the module: no place on the page
AGREE = 0.5  # below this, the order is called uncertain
MOVED = 30  # users for whom a module stands elsewhere than for most: fewer cannot tell how sure a slope is
PLACES = ("place", "places", "tied", "impressions", "clicked", "ms")
PLACE_USAGE = (
    "place", "unit", "weight", "n", "clicked", "share", "share_low", "share_high", "n_eff", "design_effect", "level", "tied",
    "agreement", "first_dt", "last_dt", "note",
)  # fmt: skip
PLACE_EFFECT = (
    "within", "unit", "weight", "n", "n_told", "strata", "users_moved", "difference", "difference_low", "difference_high", "p_value", "level", "tied",
    "agreement", "first_dt", "last_dt", "note",
)  # fmt: skip
WITHIN = ("wiki", "platform", "module", "state")
UNIT = f"module shown in a {UNITS['visit']}"


def module_places(
    frame: Any, *, layout: str | Sequence[str] | None = None, actions: str | Sequence[str] | None = None
) -> pl.DataFrame:
    """Place of each module among those shown in the same visit, from 1 at the top, and whether it was clicked.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.homepage_modules`.
    layout : str or list of str, optional
        Modules from the top of the page down, where it is known; others have no place. Or the name of a layout of
        `tables/layout.csv`: `2019`, that of the first version. By default the order of the
        first impressions: by the browser's clock where it was sent, then by receive time, then by the running number
        of the cache host; those that are equal in all are tied and share the mean of their places.
    actions : str or list of str, optional
        Actions that are clicks; see `usage.module_clicks`.

    Returns
    -------
    pl.DataFrame
        One row for each visit and module with an impression on the page itself (not in an overlay or on a page of
        its own, which the reader opened): wiki, user, visit, module, platform, state; place, places (modules in the
        visit), tied (whether another has the same place), clicked (anywhere in the visit), ms (first impression).

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": ["help", "impact", "impact"],
    ...                      "action": ["impression", "impression", "link-click"], "platform": "desktop", "state": None,
    ...                      "mode": None, "client_dt": None, "ms": [7, 7, 99], "recv_from": "cp1", "seq_id": [2, 1, 3]})
    >>> module_places(rows).sort("place").select("module", "place", "clicked").rows()
    [('impact', 1.0, True), ('help', 2.0, False)]
    >>> module_places(rows, layout=["help", "impact"]).sort("place")["module"].to_list()
    ['help', 'impact']
    """
    of_module = [*VISIT, "module", "platform"]
    order = ["client_dt", "ms", "recv_from", "seq_id"]
    rows = rows_of(frame, "module_places", [*of_module, "state", "mode", "action", *order]).filter(
        ~nw.col("visit").is_null() & ~nw.col("module").is_null()
    )
    on_page = (nw.col("action") == "impression") & ~nw.col("mode").is_in(OPENED).fill_null(value=False)
    shown = collected(rows.filter(on_page).select(*of_module, "state", *order))
    clicks = collected(
        rows.filter(nw.col("action").is_in(click_actions(actions))).select(*VISIT, "module").unique()
    ).with_columns(clicked=pl.lit(value=True))
    first = shown.sort("client_dt", "ms", "recv_from", "seq_id", "state", nulls_last=True).unique(
        of_module, keep="first", maintain_order=True
    )
    placed = _by_layout(first, layout) if layout is not None else _by_time(first)
    over = [*VISIT, "platform"]
    return (
        placed.with_columns(
            place=pl.col("rank").rank("average").over(over),
            places=pl.len().cast(pl.Int64).over(over),
            tied=pl.len().over([*over, "rank"]) > 1,
        )
        .join(clicks, on=[*VISIT, "module"], how="left", nulls_equal=True)
        .with_columns(pl.col("clicked").fill_null(value=False))
        .select(*of_module, "state", "place", "places", "tied", "clicked", "ms")
    )


def _by_layout(first: pl.DataFrame, layout: str | Sequence[str]) -> pl.DataFrame:
    names = _named(layout) if isinstance(layout, str) else list(layout) if isinstance(layout, Sequence) else []
    if not names or len(set(names)) < len(names):
        raise errors.not_allowed("layout", layout, "lists modules from the top down, each once, or names a layout")
    known = reference.table("module")["module"]
    for name in names:
        if name not in set(known):
            raise errors.not_found("module", str(name), "toolkit/tables/module.csv", known)
    ranks = pl.DataFrame({"module": names, "rank": range(len(names))}, schema={"module": pl.String, "rank": pl.Int64})
    return first.join(ranks, on="module", how="inner")


def _named(layout: str) -> list[str]:
    """Modules of a layout of `tables/layout.csv`, from the top down."""
    shelf = reference.table("layout")
    if layout not in set(shelf["layout"]):
        raise errors.not_found("layout", layout, "toolkit/tables/layout.csv", shelf["layout"].unique().sort())
    return shelf.filter(layout=layout).sort(pl.col("place").cast(pl.Int64))["module"].to_list()


def _by_time(first: pl.DataFrame) -> pl.DataFrame:
    """Rows with a rank by the clocks; the host's running number counts only among rows of one host."""
    one_host = (pl.col("recv_from").n_unique() == 1).over(*VISIT, "platform")
    client = pl.col("client_dt").cast(pl.Datetime("ms")).dt.epoch("ms")
    keys = pl.struct(client.alias("client"), pl.col("ms"), pl.when(one_host).then("seq_id").alias("number"))
    return first.with_columns(rank=keys.rank("dense").cast(pl.Int64))


def _agreement(places: pl.DataFrame) -> float | None:
    """Part of the variance of places that module and platform tell: 1 where all visits have one order, 0 by lot."""
    several = places.filter(pl.col("places") > 1)
    middle = (pl.col("places") + 1) / 2
    own = several.with_columns(off=pl.col("place") - middle).sort("platform", "module", "off")
    spread = own.select((pl.col("off") ** 2).sum()).item()
    told = own.group_by("platform", "module", maintain_order=True).agg(n=pl.len(), mean=pl.col("off").mean())
    return (
        told.sort("platform", "module").select((pl.col("n") * pl.col("mean") ** 2).sum()).item() / spread
        if spread
        else None
    )


def _facts(places: pl.DataFrame, layout: str | Sequence[str] | None) -> dict[str, Any]:
    agreement = _agreement(places)
    tied = places["tied"].mean()
    note = None
    if layout is None and agreement is not None and agreement < AGREE:
        note = (
            "visits do not agree on the order of modules: either the page was laid out differently for them, or the "
            "order of arrival is not that of the page, and nothing can be concluded; give the layout if it is known"
        )
    return {
        "agreement": pl.lit(agreement, dtype=pl.Float64),
        "tied": pl.lit(tied, dtype=pl.Float64),
        "note": pl.lit(note, dtype=pl.String),
    }


def place_usage(
    frame: Any,
    *,
    layout: str | Sequence[str] | None = None,
    by: str | Sequence[str] | None = "platform",
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """Share of modules clicked at each place of the page.

    Parameters
    ----------
    frame, layout, actions
        See `module_places`.
    by : str or list of str
        Of wiki, platform, module and state.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        One row for each place (and `by`): place (halves where an even number is tied), unit (a module shown in a
        visit), weight; n, clicked, share, share_low, share_high [0 to 1], n_eff, design_effect (by users), level; of
        the whole table: tied (share of impressions with no order among them), agreement (of visits on the order: 0
        by lot, 1 all alike); first_dt, last_dt [UTC]; note: why nothing can be concluded, or null

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": 0, "visit": 0, "module": ["help", "impact", "impact"],
    ...                      "action": ["impression", "impression", "link-click"], "platform": "desktop", "state": None,
    ...                      "mode": None, "client_dt": None, "ms": [7, 7, 99], "recv_from": "cp1", "seq_id": [2, 1, 3]})
    >>> place_usage(rows).select("platform", "place", "n", "share").rows()
    [('desktop', 1.0, 1, 1.0), ('desktop', 2.0, 1, 0.0)]
    """
    rates.check("level", level)
    names = _of_place(by)
    places = module_places(frame, layout=layout, actions=actions)
    keys = [*names, "place"]
    times = places.group_by(keys).agg(first_dt=in_utc(pl.col("ms").min()), last_dt=in_utc(pl.col("ms").max()))
    return (
        clustered_shares(places, by=keys, of="clicked", level=level)
        .rename({"total": "clicked"})
        .join(times, **on(keys))
        .with_columns(unit=pl.lit(UNIT), weight=pl.lit("1"), level=pl.lit(level), **_facts(places, layout))
        .sort(keys)
        .select(*names, *PLACE_USAGE)
    )


def place_effect(
    frame: Any,
    *,
    layout: str | Sequence[str] | None = None,
    actions: str | Sequence[str] | None = None,
    level: float = rates.LEVEL,
) -> pl.DataFrame:
    """How much the share clicked changes from one place to the next further down, other things being equal.

    Parameters
    ----------
    frame, layout, actions
        See `module_places`.
    level : float
        Of the intervals. [0 to 1]

    Returns
    -------
    pl.DataFrame
        Three rows, within ever finer strata: the same wiki and platform; also the same module; also the same state.

        - within (in words); unit (a module shown in a visit); weight: 1
        - n: units; n_told: those in strata where the place varies, which alone tell anything; strata: number of these;
          users_moved: users for whom a module does not stand where it stands for most of its stratum
        - difference: of the share clicked, per place further down [-1 to 1], difference_low, difference_high;
          p_value: of there being none; level; fewer than 30 users moved have neither interval nor p_value
        - tied, agreement: see `place_usage`; first_dt, last_dt [UTC]
        - note: why nothing can be concluded, or null

    Notes
    -----
    The slope of clicks on places within strata, all strata together: each unit is compared with the mean of its
    stratum. It is the counterpart of the Mantel-Haenszel difference for places that have an order, and answers the
    question with one number where a table of modules by places has dozens. The variance is from residuals summed
    within users; intervals and tests take Student's t, with as many degrees of freedom as users tell of the slope. The
    first row mixes the place with the module that stands there; only the others are of the place.
    On a page that is laid out alike for all, a module moves only where another above it is missing.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": "cswiki", "user": [0, 0, 0, 1, 1, 1], "visit": [0, 0, 0, 1, 1, 1],
    ...                      "module": ["help", "impact", "impact", "help", "impact", "help"],
    ...                      "action": ["impression", "impression", "link-click"] * 2, "platform": "desktop", "state": None,
    ...                      "mode": None, "client_dt": None, "ms": [2, 1, 9, 1, 2, 9], "recv_from": "cp1", "seq_id": 0})
    >>> place_effect(rows)["difference"].to_list()
    [-1.0, -1.0, -1.0]
    """
    rates.check("level", level)
    places = module_places(frame, layout=layout, actions=actions)
    sets = [WITHIN[:2], WITHIN[:3], WITHIN]
    slopes = pl.concat([_slope(places, list(names), level) for names in sets])
    facts = _facts(places, layout)
    return slopes.with_columns(
        unit=pl.lit(UNIT),
        weight=pl.lit("1"),
        level=pl.lit(level),
        first_dt=in_utc(pl.lit(places["ms"].min(), dtype=pl.Int64)),
        last_dt=in_utc(pl.lit(places["ms"].max(), dtype=pl.Int64)),
        agreement=facts["agreement"],
        tied=facts["tied"],
        note=pl.when(pl.col("difference").is_null())
        .then(pl.lit("the place never varies within these strata: its part cannot be told from the module's"))
        .when(pl.col("users_moved") < MOVED)
        .then(
            pl.lit(
                f"the place varies for fewer than {MOVED} users within the finer strata: too few to say how sure the slope is"
            )
        )
        .otherwise(facts["note"]),
    ).select(PLACE_EFFECT)


def _slope(places: pl.DataFrame, names: list[str], level: float) -> pl.DataFrame:
    clicked = pl.col("clicked").cast(pl.Float64)
    within = places.sort(*VISIT, "module").with_columns(
        x=pl.col("place") - pl.col("place").mean().over(names),
        e=clicked - clicked.mean().over(names),
        varies=(pl.col("place").max() > pl.col("place").min()).over(names),
        usual=pl.col("place").mode().min().over(names),
    )
    moved = within.filter(pl.col("place") != pl.col("usual")).select(USER).n_unique()
    told = within.filter("varies").sort("x", "e")  # so that sums do not depend on how visits are numbered
    strata = told.select(names).n_unique() if told.height else 0
    squares = told.select((pl.col("x") ** 2).sum()).item()
    slope = told.select((pl.col("x") * pl.col("e")).sum()).item() / squares if squares else None
    left = told.with_columns(z=pl.col("x") * (pl.col("e") - (slope or 0.0) * pl.col("x"))).sort("z")
    sums = in_clusters(left, [], "z").sort("y")
    users, free = sums.height, told.height - strata
    inflated = users / (users - 1) * (told.height - 1) / free if users > 1 and free > 0 else None
    known = slope is not None and inflated is not None and moved >= MOVED
    error = (inflated * sums.select((pl.col("y") ** 2).sum()).item()) ** 0.5 / squares if known else None
    # what a user tells of the slope goes with the squares of the distances from the mean place
    weights = in_clusters(told.with_columns(x2=pl.col("x") ** 2), [], "x2")["y"].sort()
    freedom = max(float(weights.sum()) ** 2 / float((weights**2).sum()) - 1, 1.0) if squares else None
    half = pl.select(t_quantile(pl.lit(freedom), level)).item() * error if error is not None else None
    return pl.DataFrame(
        {
            "within": ["the same " + ", ".join(names)],
            "n": [places.height],
            "n_told": [told.height],
            "strata": [strata],
            "users_moved": [moved],
            "difference": [slope],
            "difference_low": [slope - half if slope is not None and half is not None else None],
            "difference_high": [slope + half if slope is not None and half is not None else None],
            "p_value": [pl.select(two_sided(pl.lit(slope / error), pl.lit(freedom))).item() if slope is not None and error else None],
        },
        schema={
            "within": pl.String, "n": pl.Int64, "n_told": pl.Int64, "strata": pl.Int64, "users_moved": pl.Int64, "difference": pl.Float64,
            "difference_low": pl.Float64, "difference_high": pl.Float64, "p_value": pl.Float64,
        },
    )  # fmt: skip


def _of_place(by: str | Sequence[str] | None) -> list[str]:
    names = dimensions(by, (*PLACE_USAGE, *PRIVATE))
    for name in names:
        if name not in WITHIN:
            raise errors.not_found("dimension", name, "measure.place_usage", WITHIN)
    return names
