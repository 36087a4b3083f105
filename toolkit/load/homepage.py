"""HomepageModule and HomepageVisit events to their two tables."""

from __future__ import annotations

from collections.abc import Iterator
from os import PathLike

import polars as pl

from toolkit import reference
from toolkit.load.account import Load, flags_of
from toolkit.load.batch import Batch, Options, Piece, Table
from toolkit.load.event_exports import SHAPES, by_lines, event_batches, raw_rows
from toolkit.load.event_table import COMMON, EVENT_FLAGS, carried, with_content
from toolkit.load.opening import loaded
from toolkit.load.sources import Source

NUMBERED = {"user": ("wiki", "private user"), "visit": ("wiki", "private token")}
MODULE, VISIT = "HomepageModule", "HomepageVisit"
STATES = ("impact_module_state", "start_email_state", "start_tutorial_state", "start_userpage_state")
REFERER = ("referer_route", "referer_namespace", "referer_action")


def homepage_modules(
    source: Source | object,
    *,
    shape: str | None = None,
    keep: str | list[str] | tuple[str, ...] = (),
    key: str | bytes | None = None,
    strict: bool = False,
    into: str | PathLike[str] | None = None,
    categories: bool = False,
) -> Load:
    """Read what readers did with the modules of Special:Homepage, one row per event.

    Parameters
    ----------
    source : str, path, list of them, or frame
        HomepageModule events: event lines of EventLogging or Event Platform (JSON as lines, array or printed), raw
        `/beacon/event` requests, exports of Hive, Presto, Spark, Superset and MySQL, Parquet, the stream
        homepage_module_interaction of 2026. A file, several, a pattern, a folder, a store that `into` made, or a
        frame in memory. Plain, gzip, bzip2 or zstd.
    shape : {'events', 'requests', 'table'}, optional
        What the file is to be read as, where its content does not say so.
    keep : list of str
        Private fields to load all the same: userAgent, ip, http and others that are left out by default.
    key : str or bytes, optional
        Secret by which users and visits are hashed, so that loads with the same key can be joined. Without a key they
        are numbered from 0 in each load.
    strict : bool
        Raise if a row would be set aside, with the first ten reasons.
    into : path, optional
        Write a store of Parquet files there, in bounded memory, and open it.
    categories : bool
        Give texts of which there are few (module, action, state and so on) as `pl.Categorical`, which a store
        holds anyway: measures are then two to four times faster from some million rows on. They compare and sort as
        texts do; `.str` and joins with texts need a cast.

    Returns
    -------
    Load
        `rows` has one row for each event:

        - dt: receive time [UTC]; ms: the same [ms since 1970]; client_dt: the browser's clock, where it was sent
        - wiki; user, visit: numbers for (wiki, user id) and (wiki, page view token)
        - module, action, action_data, state, mode, variant: as sent; no state is null
        - platform: `desktop` or `mobile`, by `mode` where there is one, else by is_mobile
        - is_mobile, user_editcount [edits at page load]
        - edition: of the schema; recv_from, seq_id: order within one cache host, where known
        - flags: bits of `tables/flag.csv`; file, line: where the row stands

    Raises
    ------
    ToolkitError
        If a path is missing, empty, or holds something else.

    Examples
    --------
    >>> load = homepage_modules("data/sample/homepage_modules_2022.ndjson.gz")
    >>> load.account.select("rows_in", "kept", "set_aside", "duplicates").row(0)
    (6439, 6409, 0, 30)
    """
    return loaded(
        MODULES, source, Options.of(shape, SHAPES, keep, key), strict=strict, into=into, categories=categories
    )


def homepage_visits(
    source: Source | object,
    *,
    shape: str | None = None,
    keep: str | list[str] | tuple[str, ...] = (),
    key: str | bytes | None = None,
    strict: bool = False,
    into: str | PathLike[str] | None = None,
    categories: bool = False,
) -> Load:
    """Read visits to Special:Homepage as the server saw them, one row per page view.

    Parameters
    ----------
    source : str, path, list of them, or frame
        HomepageVisit events, in the forms that `homepage_modules` reads.
    shape, keep, key, strict, into, categories
        See `homepage_modules`; with the same key, `user` and `visit` are the same in both.

    Returns
    -------
    Load
        `rows` has one row for each visit: dt, ms, client_dt, wiki, user, visit, is_mobile, user_editcount [edits at
        page load], edition, referer_route, referer_namespace, referer_action, impact_module_state, start_email_state,
        start_tutorial_state, start_userpage_state, flags, file, line. See `homepage_modules`.

    Raises
    ------
    ToolkitError
        If a path is missing, empty, or holds something else.

    Examples
    --------
    >>> homepage_visits("data/sample/homepage_visits_2022.ndjson.gz").rows.height
    614
    """
    return loaded(VISITS, source, Options.of(shape, SHAPES, keep, key), strict=strict, into=into, categories=categories)


HOMEPAGE = (
    pl.col("event.user_id").alias("private user"),
    pl.col("event.homepage_pageview_token").alias("private token"),
    pl.col("event.is_mobile").alias("is_mobile"),
    pl.col("event.user_editcount").alias("user_editcount"),
)


def _modules(piece: Piece, options: Options) -> Iterator[Batch]:
    states = dict(reference.table("module").select("module", pl.col("states").fill_null("")).iter_rows())
    possible = [f"{module} {state}" for module, some in states.items() for state in some.split()]
    module, state = pl.col("event.module"), pl.col("event.state")
    desktop = pl.coalesce(pl.col("event.mode") == "desktop", ~pl.col("event.is_mobile"))
    platform = pl.when(desktop).then(pl.lit("desktop")).otherwise(pl.lit("mobile"))
    for batch in event_batches(piece, MODULE, options):
        yield with_content(
            batch,
            batch.frame.select(
                *COMMON,
                *HOMEPAGE,
                "edition",
                *(pl.col(f"event.{name}").alias(name) for name in ("module", "action", "action_data", "state", "mode")),
                pl.col("event.user_variant").alias("variant"),
                pl.when(desktop.is_not_null()).then(platform).alias("platform"),
                "recv_from",
                "seq_id",
                flags_of(
                    **EVENT_FLAGS,
                    impossible_state=state.is_not_null()
                    & module.is_in(list(states))
                    & ~(module + " " + state).is_in(possible),
                ),
                *carried(batch.frame, options),
            ),
            options,
        )


def _visits(piece: Piece, options: Options) -> Iterator[Batch]:
    for batch in event_batches(piece, VISIT, options):
        yield with_content(
            batch,
            batch.frame.select(
                *COMMON,
                *HOMEPAGE,
                "edition",
                *(pl.col(f"event.{name}").alias(name) for name in (*REFERER, *STATES)),
                flags_of(**EVENT_FLAGS),
                *carried(batch.frame, options),
            ),
            options,
        )


WORDS = ("wiki", "edition", "module", "action", "state", "mode", "variant", "platform", "recv_from")
MODULES = Table("homepage_modules", _modules, by_lines, NUMBERED, WORDS, raw=raw_rows)
VISITS = Table(
    "homepage_visits",
    _visits,
    by_lines,
    NUMBERED,
    ("wiki", "edition", "referer_route", "referer_action", *STATES),
    raw=raw_rows,
)
