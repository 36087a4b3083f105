"""Tables of the cluster as they are partitioned there: read lazily, with the numbers of the loaders."""

from contextlib import redirect_stdout
from datetime import date
from io import StringIO

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import toolkit as tk
from toolkit import measure
from toolkit.errors import ToolkitError
from toolkit.load import cluster
from toolkit.measure.collected import collected

# the client of Spark 3.5 leaves its connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

SAMPLE = "data/sample/"


def test_modules_are_those_of_the_loader(opened, refined):
    found = collected(cluster.homepage_modules(opened(str(refined / "homepagemodule")), key="k"))
    loaded = tk.load.homepage_modules(SAMPLE + "homepage_modules_2022.ndjson.gz", key="k").rows

    same = ["dt", "ms", "client_dt", "wiki", "module", "action", "action_data", "state", "mode", "variant", "platform", "is_mobile", "user_editcount"]  # fmt: skip
    assert_frame_equal(found.select(same).sort(same), loaded.select(same).sort(same))
    assert found.select("visit", "user").n_unique() == loaded.select("visit", "user").n_unique()
    share = measure.module_usage(found, per="user").drop("first_dt")
    assert_frame_equal(share, measure.module_usage(loaded, per="user").drop("first_dt"))


def test_visits_join_to_modules_by_the_key(opened, refined):
    frames = [opened(str(refined / name)) for name in ("homepagemodule", "homepagevisit")]
    modules, visits = cluster.homepage_modules(frames[0], key="k"), cluster.homepage_visits(frames[1], key="k")
    loaded = (
        tk.load.homepage_modules(SAMPLE + "homepage_modules_2022.ndjson.gz", key="k").rows,
        tk.load.homepage_visits(SAMPLE + "homepage_visits_2022.ndjson.gz", key="k").rows,
    )

    found = measure.coverage(modules, visits, by="platform")

    assert_frame_equal(found, measure.coverage(*loaded, by="platform"), abs_tol=1e-9)
    alone = measure.coverage(cluster.homepage_modules(frames[0]), cluster.homepage_visits(frames[1]), by=())
    assert alone["with_events"].item() == 0


def test_hashes_are_the_same_on_each_engine(opened, refined):
    users = cluster.homepage_visits(opened(str(refined / "homepagevisit")), key="k")

    found = collected(users)

    plain = cluster.homepage_visits(pl.read_parquet(f"{refined}/homepagevisit/**/*.parquet"), key="k")
    key = ["visit", "ms"]
    assert_frame_equal(found.select("user", "visit", "ms").sort(key), plain.select("user", "visit", "ms").sort(key))
    assert found["visit"].n_unique() > 600
    assert found["visit"].max() > 2**59


def test_impressions_are_those_of_the_loader(opened, refined):
    found = cluster.impressions(opened(str(refined / "centralnoticeimpression")))
    loaded = tk.load.impressions(SAMPLE + "impressions_event_platform.ndjson.gz").rows

    for unit in ("pageview", "attempt"):
        by = ["campaign", "country", "bucket", "banner", "device", "wiki"]
        counted = [collected(measure.tally(rows, by=by, unit=unit)) for rows in (found, loaded)]
        assert_frame_equal(*counted, check_row_order=False)


def test_banner_activity_is_that_of_the_loader(opened, refined):
    found = cluster.impressions(opened(str(refined / "banner_activity_minutely")))
    loaded = tk.load.impressions(SAMPLE + "druid_banner_activity.csv.gz").rows

    for unit in ("pageview", "attempt"):
        by = ["campaign", "country", "banner", "hour"]
        counted = [collected(measure.tally(rows, by=by, unit=unit)) for rows in (found, loaded)]
        assert_frame_equal(*counted, check_row_order=False)


def test_days_are_chosen_by_partitions(opened, refined):
    rows = opened(str(refined / "homepagemodule"))
    days = (
        collected(cluster.homepage_modules(rows)).select(pl.col("dt").dt.date()).unique().to_series().sort().to_list()
    )

    found = collected(cluster.homepage_modules(rows, since=days[1], until=days[2]))

    assert found.select(pl.col("dt").dt.date()).unique().to_series().sort().to_list() == days[1:3]


def test_the_plan_of_spark_leaves_partitions_and_columns_out(spark, refined):
    table = spark.read.parquet(str(refined / "homepagemodule"))
    rows = cluster.homepage_modules(table, since=date(2022, 9, 6), until=date(2022, 9, 30), key="k")
    jobs = spark.sparkContext.statusTracker().getJobIdsForGroup
    before = list(jobs())

    told = StringIO()
    with redirect_stdout(told):
        measure.module_visits(rows).explain(mode="formatted")

    assert list(jobs()) == before
    plan = told.getvalue()
    filters = next(line for line in plan.splitlines() if "PartitionFilters" in line)
    read = next(line for line in plan.splitlines() if "ReadSchema" in line)
    assert "(year" in filters
    assert "(day" in filters
    assert "module:string" in read
    assert "homepage_pageview_token:string" in read
    assert "http" not in read
    assert "user_id" not in read


def test_the_plan_of_duckdb_leaves_files_out(database, refined):
    table = database.read_parquet(f"{refined}/homepagemodule/**/*.parquet", hive_partitioning=True)

    plan = measure.module_visits(cluster.homepage_modules(table, since=date(2022, 9, 6))).explain()

    assert "Scanning Files" in plan


def test_a_table_without_its_columns_is_refused():
    table = pl.DataFrame({"wiki": ["cswiki"], "event": [{"action": "impression"}]})

    with pytest.raises(ToolkitError, match="load.cluster.homepage_modules needs the column"):
        cluster.homepage_modules(table)
    with pytest.raises(ToolkitError, match="'year', 'month', 'day'"):
        cluster.homepage_visits(pl.DataFrame({"event": [{"referer_route": "direct"}]}), since=date(2022, 9, 1))


def test_an_attempt_that_is_no_json_is_none(opened, tmp_path):
    texts = [
        '[{"statusCode":"2 .1","campaign":"A"},{"statusCode":"6","campaign":"B","bannersCount":3}]',
        "[{",
        "[]",
        None,
    ]
    event = [
        {"statuscode": "6", "campaign": "B", "campaignstatuses": text, "impressioneventsamplerate": 0.1}
        for text in texts
    ]
    pl.DataFrame({"n": range(4), "dt": "2026-03-02T00:03:52Z", "event": event}).write_parquet(tmp_path / "t.parquet")

    found = collected(cluster.impressions(opened(str(tmp_path / "t.parquet"))))

    assert found["path"].to_list() == ["2␣.1 6", None, None, None]
    assert found["flags"].to_list() == [0, 256 + 512, 0, 256]
