"""Reductions as SQL text, for engines that narwhals does not reach: Presto, Trino, Hive, older Spark.

The text is that of the same function that runs on polars, DuckDB and Spark: sqlframe writes down what narwhals asks of it
on an empty table. What the query gives is small; a tally, exported and loaded, is what `status_funnel` takes.

sqlframe, sqlglot and DuckDB come with the extra `cluster`, and are imported when a query is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import click

from toolkit import errors
from toolkit.measure.engagement import module_visits
from toolkit.measure.hand_over import hand_over_ways
from toolkit.measure.hovers import hover_moments
from toolkit.measure.steps import STEPS, step_moments
from toolkit.measure.tally import attempts_taken_over, tally
from toolkit.measure.usage import module_click_counts
from toolkit.measure.visits import each_user, each_visit

DIALECTS = ("trino", "hive", "spark", "duckdb")
TIMED = {"dt": "timestamptz", "ms": "bigint"}
IMPRESSIONS = TIMED | {
    **dict.fromkeys(("campaign", "banner", "bucket", "project", "wiki", "uselang", "country", "region", "device"), "varchar"),
    "anonymous": "boolean",
    "status_code": "varchar",
    "attempts": "struct(campaign varchar, status_code varchar, banners_count bigint)[]",
    "path": "varchar",
    "requests": "bigint",
    "sample_rate": "double",
    "flags": "bigint",
}  # fmt: skip
HOMEPAGE = TIMED | {"wiki": "varchar", "user": "bigint", "visit": "bigint", "is_mobile": "boolean", "user_editcount": "bigint"}  # fmt: skip
MODULES = HOMEPAGE | dict.fromkeys(
    ("module", "action", "action_data", "state", "mode", "variant", "platform"), "varchar"
)
VISITS = HOMEPAGE | {"referer_route": "varchar", "referer_namespace": "bigint", "referer_action": "varchar"}
TABLES = {"impressions": IMPRESSIONS, "homepage_modules": MODULES, "homepage_visits": VISITS}
LONGEST = 10  # attempts of a page view that the query of hand-overs looks at


class Reduction(NamedTuple):
    """What a measure reduces, and by which function."""

    table: str
    run: Callable[[Any, Sequence[str]], Any]


REDUCTIONS = {
    "status_funnel": Reduction("impressions", lambda rows, by: tally(rows, by=by)),
    "status_funnel_of_attempts": Reduction("impressions", lambda rows, by: tally(rows, by=by, unit="attempt")),
    "attempts_taken_over": Reduction("impressions", lambda rows, by: attempts_taken_over(rows, by=by or "campaign")),
    "hand_overs": Reduction("impressions", lambda rows, by: hand_over_ways(rows, by=by, most=LONGEST)),
    "module_engagement": Reduction("homepage_modules", lambda rows, by: module_visits(rows, by=by)),
    "module_usage": Reduction("homepage_modules", lambda rows, by: module_click_counts(rows, by=by)),
    "hovers": Reduction("homepage_modules", lambda rows, by: hover_moments(rows, by=by)),
    "ordered_funnel": Reduction("homepage_modules", lambda rows, by: step_moments(rows, steps=STEPS, by=by)),
    "arrivals": Reduction("homepage_visits", lambda rows, _: each_visit(rows)),
    "returns": Reduction("homepage_visits", lambda rows, _: each_user(rows)),
}


def text(measure: str, *, dialect: str = "trino", by: Sequence[str] = (), table: str | None = None) -> str:
    """Query that reduces a table for a measure.

    Parameters
    ----------
    measure : str
        One of REDUCTIONS, such as `status_funnel`.
    dialect : {"trino", "hive", "spark", "duckdb"}
        Trino's is also that of Presto.
    by : list of str
        Dimensions to keep, as the measure takes them; no weeks.
    table : str, optional
        Table or view in the columns of ours, by which name it is asked; `impressions`, `homepage_modules` or
        `homepage_visits` unless given.

    Returns
    -------
    str
        One SELECT statement. Times of the table are in UTC, and so has to be the session's time zone.

    Raises
    ------
    ToolkitError
        If the measure or the dialect is not known, sqlframe is not installed, or `by` has a week.

    Notes
    -----
    Run on DuckDB and on Spark SQL in tests, where rows are those of polars; Trino's text is run as DuckDB understands
    it. No server of Trino, Presto or Hive has run any of them.
    """
    if measure not in REDUCTIONS:
        raise errors.bad_choice("measure", measure, list(REDUCTIONS))
    if dialect not in DIALECTS:
        raise errors.bad_choice("dialect", dialect, DIALECTS)
    if "week" in by:  # engines count the days of a week from Sunday or Monday, from 0 or 1
        raise errors.not_allowed("by", "week", "has no weeks in SQL; ask for `day`, and sum the days")
    try:
        query = _query(measure, tuple(by))
    except ImportError:
        way_out = "pip install 'wikimedia-event-toolkit[cluster]'"
        raise errors.not_allowed("sql", way_out, "is written by sqlframe and DuckDB, which are not installed") from None
    old = REDUCTIONS[measure].table
    return _in_dialect(query, dialect, old, table or old)


@cache
def _query(measure: str, by: tuple[str, ...]) -> str:
    """Query of Spark."""
    reduction = REDUCTIONS[measure]
    query: str = reduction.run(_empty_tables().table(reduction.table), by).sql(dialect="spark", pretty=False)
    return query


@cache  # sqlframe has one session in a process, and its connection stays open
def _empty_tables() -> Any:
    engine = import_module("duckdb").connect()
    engine.execute("set TimeZone = 'UTC'")
    for table, columns in TABLES.items():
        listed = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        engine.execute(f"create table {table} ({listed})")
    return import_module("sqlframe.duckdb").DuckDBSession(conn=engine)


def _in_dialect(query: str, dialect: str, old: str, new: str) -> str:
    """Query of Spark in another dialect, of another table."""
    sqlglot: Any = import_module("sqlglot")
    exp = sqlglot.exp
    tree = sqlglot.parse_one(query, read="spark")
    for found in list(tree.find_all(exp.Table)):
        if found.name == old and not found.db:
            found.replace(exp.alias_(exp.to_table(new, dialect="spark"), found.alias or old, table=True))
    # a name in brackets is a field of a struct, elsewhere the key of a map
    for found in list(tree.find_all(exp.Bracket)):
        key = found.expressions[0]
        if isinstance(found.this, exp.Case):
            found.this.replace(exp.paren(found.this.copy()))
        if isinstance(key, exp.Literal) and key.is_string:
            found.replace(exp.Dot(this=found.this, expression=exp.to_identifier(key.name, quoted=True)))
    if dialect == "hive":
        for found in list(tree.find_all(exp.TimestampTrunc)):
            start = f"'yyyy-MM-dd {'HH' if found.unit.name == 'HOUR' else '00'}:00:00'"
            text = sqlglot.parse_one(f"date_format(time, {start})", read="hive")
            text.find(exp.Column).replace(found.this.copy())
            found.replace(exp.cast(text, "timestamp"))
    for select in list(tree.find_all(exp.Select)) if dialect in TAKEN_APART else []:
        for one in [one for one in select.expressions if isinstance(one.this, exp.Explode)]:
            TAKEN_APART[dialect](select, one, exp)
    written: str = tree.sql(dialect=dialect, pretty=True)
    return written


def _by_view(select: Any, one: Any, exp: Any) -> None:
    """A list taken apart beside other columns, as Hive does it."""
    name, view = exp.to_identifier(one.alias, quoted=True), exp.to_identifier("each")
    alias = exp.TableAlias(this=view, columns=[name])
    select.append("laterals", exp.Lateral(this=one.this.copy(), view=True, alias=alias))
    one.replace(exp.alias_(exp.column(name.copy(), table=view.copy()), name.copy()))


def _by_number(select: Any, one: Any, exp: Any) -> None:
    """Same for Trino, which would make a column of each field of what is in the list."""
    whole, at = one.this.this, exp.column("at", table="each")
    n = exp.func("CARDINALITY", whole.copy(), dialect="trino")
    numbers = exp.Unnest(
        expressions=[exp.func("SEQUENCE", exp.Literal.number(1), n.copy(), dialect="trino")],
        alias=exp.TableAlias(this=exp.to_identifier("each"), columns=[exp.to_identifier("at")]),
    )
    select.append("joins", exp.Join(this=numbers, kind="CROSS"))
    select.where(exp.GT(this=n, expression=exp.Literal.number(0)), copy=False)
    found = exp.func("ELEMENT_AT", whole.copy(), at, dialect="trino")
    one.replace(exp.alias_(found, exp.to_identifier(one.alias, quoted=True)))


TAKEN_APART = {"hive": _by_view, "trino": _by_number}


@click.command("sql")
@click.argument("measure", type=click.Choice(list(REDUCTIONS)))
@click.option("--dialect", type=click.Choice(DIALECTS), default="trino", show_default=True, help="Trino's is Presto's.")
@click.option("--by", multiple=True, metavar="COLUMN", help="A dimension to keep; may be given several times.")
@click.option("--table", metavar="NAME", help="Table or view in the columns of ours; impressions and so on.")
def command(measure: str, dialect: str, by: tuple[str, ...], table: str | None) -> None:
    """Print the query that reduces a table on the cluster for MEASURE.

    The table has the columns that the loaders give, which docs/scale.md makes of those of the cluster. What the query
    gives is small: export it, and give it to the measure.
    """
    click.echo(text(measure, dialect=dialect, by=by, table=table))
