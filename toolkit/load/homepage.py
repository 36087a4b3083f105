"""HomepageModule and HomepageVisit events to their two tables."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from toolkit import errors, reference
from toolkit.load.account import Load, flags_of
from toolkit.load.assemble import Part, assemble, described, each, head_of
from toolkit.load.events import LOADERS, Read, kind_of, outside_enum, read, time
from toolkit.load.sources import Source, files

NUMBERED = {"user": ("wiki", "private user"), "visit": ("wiki", "private token")}


def homepage_modules(source: Source) -> Load:
    """Read what readers did with the modules of Special:Homepage, one row per event.

    Parameters
    ----------
    source : str, path, or list of them
        HomepageModule events as JSON lines, in the EventLogging capsule or the Event Platform envelope, plain or gzip.

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
        If a path is missing, a folder, empty, or holds something else.

    Examples
    --------
    >>> load = homepage_modules("data/sample/homepage_modules_2022.ndjson.gz")
    >>> load.account.select("rows_in", "kept", "set_aside", "duplicates").row(0)
    (6439, 6409, 0, 30)
    """
    return assemble("homepage_modules", each(files(source), _module_rows), key="id", numbered=NUMBERED)


def homepage_visits(source: Source) -> Load:
    """Read visits to Special:Homepage as the server saw them, one row per page view.

    Parameters
    ----------
    source : str, path, or list of them
        HomepageVisit events as JSON lines, in the EventLogging capsule or the Event Platform envelope, plain or gzip.

    Returns
    -------
    Load
        `rows` has one row for each visit: dt, ms, wiki, user, visit, is_mobile, referer_route, referer_namespace,
        referer_action, user_editcount [edits at page load], impact_module_state, start_email_state,
        start_tutorial_state, start_userpage_state, edition, flags, file, line. See `homepage_modules`.

    Raises
    ------
    ToolkitError
        If a path is missing, a folder, empty, or holds something else.

    Examples
    --------
    >>> homepage_visits("data/sample/homepage_visits_2022.ndjson.gz").rows.height
    614
    """
    return assemble("homepage_visits", each(files(source), _visit_rows), key="id", numbered=NUMBERED)


def _read(path: Path, name: str) -> Read:
    """Events of a file that holds event lines; of which schema, their reader checks."""
    head = head_of(path)
    if not any(kind_of(line) for line in head):
        raise errors.wrong_kind(path.as_posix(), described(head), LOADERS[name], [f"{name} events as JSON lines"])
    return read(path, name)


COMMON = (
    time("dt"),
    time("dt").dt.epoch("ms").alias("ms"),
    time("client_dt"),
    pl.col("wiki"),
    pl.col("event.user_id").alias("private user"),
    pl.col("event.homepage_pageview_token").alias("private token"),
    pl.col("event.is_mobile").alias("is_mobile"),
    pl.col("event.user_editcount").alias("user_editcount"),
    pl.col("edition"),
    pl.col("id"),
    pl.col("line"),
)


def _module_rows(path: Path) -> Part:
    done = _read(path, "HomepageModule")
    frame = done.frame
    unknown = [outside_enum("HomepageModule", column) for column in ("action", "module", "state", "mode")]
    states = dict(reference.table("module").select("module", pl.col("states").fill_null("")).iter_rows())
    possible = [f"{module} {state}" for module, some in states.items() for state in some.split()]
    module, state = pl.col("event.module"), pl.col("event.state")
    desktop = pl.coalesce(pl.col("event.mode") == "desktop", ~pl.col("event.is_mobile"))
    return done, frame.select(
        *COMMON,
        *(pl.col(f"event.{name}").alias(name) for name in ("module", "action", "action_data", "state", "mode")),
        pl.col("event.user_variant").alias("variant"),
        pl.when(desktop).then(pl.lit("desktop")).otherwise(pl.lit("mobile")).alias("platform"),
        "recv_from",
        "seq_id",
        flags_of(
            bot=pl.col("bot"),
            no_time=time("dt").is_null(),
            unknown_value=pl.any_horizontal(unknown),
            impossible_state=state.is_not_null() & module.is_in(list(states)) & ~(module + " " + state).is_in(possible),
            canary=pl.col("canary"),
        ),
    )


def _visit_rows(path: Path) -> Part:
    done = _read(path, "HomepageVisit")
    words = ["referer_route", "referer_action", "impact_module_state", "start_email_state"]
    words += ["start_tutorial_state", "start_userpage_state"]
    unknown = [outside_enum("HomepageVisit", column) for column in words]
    return done, done.frame.select(
        *COMMON,
        *(pl.col(f"event.{name}").alias(name) for name in (*words[:1], "referer_namespace", *words[1:])),
        flags_of(
            bot=pl.col("bot"),
            no_time=time("dt").is_null(),
            unknown_value=pl.any_horizontal(unknown),
            canary=pl.col("canary"),
        ),
    )
