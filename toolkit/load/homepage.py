"""HomepageModule and HomepageVisit events to their two tables."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from toolkit import errors, reference
from toolkit.load.account import Load, flags_of
from toolkit.load.assemble import Part, assemble, described, head_of
from toolkit.load.events import edition, kind_of, outside_enum, read, time
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
    parts = [_module_rows(path) for path in _checked(source, "HomepageModule")]
    return assemble("homepage_modules", parts, key="id", numbered=NUMBERED)


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
    parts = [_visit_rows(path) for path in _checked(source, "HomepageVisit")]
    return assemble("homepage_visits", parts, key="id", numbered=NUMBERED)


def _checked(source: Source, name: str) -> list[Path]:
    """Files that hold event lines; of which schema, their reader checks."""
    paths = files(source)
    for path in paths:
        head = head_of(path)
        if not any(kind_of(line) for line in head):
            table = "homepage_modules" if name == "HomepageModule" else "homepage_visits"
            raise errors.wrong_kind(path.as_posix(), described(head), table, [f"{name} events as JSON lines"])
    return paths


def _common(frame: pl.DataFrame) -> list[pl.Expr]:
    """Columns of both tables: times, wiki, who, edition, order."""
    platform = "meta.dt" in frame.columns
    receipt = time("meta.dt" if platform else "dt")
    return [
        receipt.alias("dt"),
        receipt.dt.epoch("ms").alias("ms"),
        (time("client_dt") if platform else pl.lit(None, dtype=pl.Datetime("ms", "UTC"))).alias("client_dt"),
        pl.col("wiki"),
        pl.col("event.user_id").alias("private user"),
        pl.col("event.homepage_pageview_token").alias("private token"),
        pl.col("event.is_mobile").alias("is_mobile"),
        pl.col("event.user_editcount").alias("user_editcount"),
        edition(frame),
        pl.col("meta.id" if platform else "uuid").alias("id"),
        pl.col("line"),
    ]


def _module_rows(path: Path) -> Part:
    done = read(path, "HomepageModule")
    frame = done.frame
    capsule = "recvFrom" in frame.columns
    unknown = [
        outside_enum("HomepageModule", column, edition(frame)) for column in ("action", "module", "state", "mode")
    ]
    states = {
        module: set(states.split())
        for module, states in reference.table("module").select("module", "states").fill_null("").iter_rows()
    }
    possible = sorted(f"{module} {state}" for module, some in states.items() for state in some)
    state = pl.col("event.state")
    desktop = pl.coalesce(pl.col("event.mode") == "desktop", ~pl.col("event.is_mobile"))
    return done, frame.select(
        *_common(frame),
        *(pl.col(f"event.{name}").alias(name) for name in ("module", "action", "action_data", "state", "mode")),
        pl.col("event.user_variant").alias("variant"),
        pl.when(desktop).then(pl.lit("desktop")).otherwise(pl.lit("mobile")).alias("platform"),
        (pl.col("recvFrom") if capsule else pl.lit(None, dtype=pl.String)).alias("recv_from"),
        (pl.col("seqId") if capsule else pl.lit(None, dtype=pl.Int64)).alias("seq_id"),
        flags_of(
            bot=pl.col("bot"),
            no_time=time("meta.dt" if not capsule else "dt").is_null(),
            unknown_value=pl.any_horizontal(unknown),
            impossible_state=state.is_not_null()
            & pl.col("event.module").is_in(list(states))
            & ~(pl.col("event.module") + " " + state).is_in(possible),
            canary=_canary(frame),
        ),
    )


def _visit_rows(path: Path) -> Part:
    done = read(path, "HomepageVisit")
    frame = done.frame
    names = [
        "referer_route", "referer_namespace", "referer_action", "impact_module_state",
        "start_email_state", "start_tutorial_state", "start_userpage_state",
    ]  # fmt: skip
    unknown = [
        outside_enum("HomepageVisit", column, edition(frame)) for column in names if column != "referer_namespace"
    ]
    return done, frame.select(
        *_common(frame),
        *(pl.col(f"event.{name}").alias(name) for name in names),
        flags_of(
            bot=pl.col("bot"),
            no_time=time("meta.dt" if "meta.dt" in frame.columns else "dt").is_null(),
            unknown_value=pl.any_horizontal(unknown),
            canary=_canary(frame),
        ),
    )


def _canary(frame: pl.DataFrame) -> pl.Expr:
    """Events that the platform sends to itself as a sign of life."""
    return pl.col("meta.domain") == "canary" if "meta.domain" in frame.columns else pl.lit(value=False)
