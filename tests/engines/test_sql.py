"""Queries printed for engines that narwhals does not reach: the same rows, where they can be run."""

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from toolkit import sql
from toolkit.errors import ToolkitError
from toolkit.measure.collected import collected

# the client of Spark 3.5 leaves its connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

sqlglot = pytest.importorskip("sqlglot", reason="no sqlframe: pip install -e '.[cluster]'")

GIVEN = {
    "status_funnel": ("odd_impressions", ["campaign", "hour", "day"]),
    "status_funnel_of_attempts": ("odd_impressions", ["campaign"]),
    "attempts_taken_over": ("odd_impressions", ["campaign", "country"]),
    "hand_overs": ("odd_impressions", ["country"]),
    "module_engagement": ("odd_modules", ["state"]),
    "module_usage": ("odd_modules", ["platform"]),
    "hovers": ("odd_modules", ["state"]),
    "ordered_funnel": ("receipts", []),
    "arrivals": ("visits_2022", []),
    "returns": ("visits_2022", []),
}


@pytest.fixture(scope="module")
def given(stored):
    """Paths of rows for each measure, and what polars makes of them."""
    odd = pl.read_parquet(stored["odd_modules"]).with_columns(
        dt=pl.from_epoch("ms", time_unit="ms").dt.replace_time_zone("UTC")
    )
    receipts = stored["odd_modules"].replace("odd_modules", "receipts")
    odd.write_parquet(receipts)

    def of(measure):
        name, by = GIVEN[measure]
        path = receipts if name == "receipts" else stored[name]
        return path, by, collected(sql.REDUCTIONS[measure].run(pl.read_parquet(path), by))

    return of


def same(found, expected):
    found, expected = (
        table.with_columns(
            pl.col(pl.UInt32, pl.Int32).cast(pl.Int64),
            pl.col(pl.Enum).cast(pl.String),
            pl.col(pl.Datetime).dt.replace_time_zone(None).cast(pl.Datetime("ms")),
        )
        for table in (found, expected)
    )
    shared = [name for name in expected.columns if name in found.columns]
    assert found.width >= expected.width - len(TOLD)
    assert found.height > 1
    assert_frame_equal(
        *(table.select(shared).sort(shared, nulls_last=True) for table in (found, expected)), check_dtypes=False
    )


TOLD = ("variant", "platform", "impact_module_state", "start_email_state", "start_tutorial_state", "start_userpage_state")  # fmt: skip


def test_each_reduction_has_a_case():
    assert GIVEN.keys() == sql.REDUCTIONS.keys()


@pytest.mark.parametrize("measure", GIVEN)
@pytest.mark.parametrize("dialect", ["duckdb", "trino"])
def test_the_query_gives_the_rows_of_polars_on_duckdb(dialect, measure, given, database):
    path, by, expected = given(measure)
    query = sql.text(measure, dialect=dialect, by=by, table="rows_of_ours")
    if dialect == "trino":  # no server of Trino is here: the text as DuckDB understands it
        query = sqlglot.transpile(query, read="trino", write="duckdb")[0]
    database.execute(f"create or replace view rows_of_ours as select * from read_parquet('{path}')")

    same(collected(database.sql(query)), expected)


@pytest.mark.parametrize("measure", GIVEN)
@pytest.mark.parametrize("dialect", ["spark", "hive"])
def test_the_query_gives_the_rows_of_polars_on_spark(dialect, measure, given, spark):
    path, by, expected = given(measure)
    spark.read.parquet(path).createOrReplaceTempView("rows_of_ours")

    same(collected(spark.sql(sql.text(measure, dialect=dialect, by=by, table="rows_of_ours"))), expected)


def test_lists_are_taken_apart_as_each_engine_does_it():
    of = {dialect: sql.text("status_funnel_of_attempts", dialect=dialect, by=["campaign"]) for dialect in sql.DIALECTS}

    assert "CROSS JOIN UNNEST(SEQUENCE(1, CARDINALITY(" in of["trino"]
    assert "LATERAL VIEW" in of["hive"]
    assert "EXPLODE(" in of["spark"]
    assert not any("['campaign']" in text for text in of.values())


def test_the_command_prints_the_query_of_a_table():
    done = CliRunner().invoke(
        sql.command, ["status_funnel", "--by", "campaign", "--dialect", "trino", "--table", "me.views"]
    )

    assert done.exit_code == 0
    assert "FROM me.views AS impressions" in done.output
    assert "SUM(" in done.output


def test_what_cannot_be_written_is_refused():
    with pytest.raises(ToolkitError, match="'measure'"):
        sql.text("dwell_time")
    with pytest.raises(ToolkitError, match="'by' has no weeks"):
        sql.text("status_funnel", by=["week"])
    with pytest.raises(ToolkitError, match="'dialect'"):
        sql.text("status_funnel", dialect="oracle")
