"""The engines: each reads the same Parquet files, Spark as a process of its own that the first test starts."""

import gzip
import json
import os
import random
import shutil
from pathlib import Path

import duckdb
import polars as pl
import polars.selectors as cs
import pytest

import toolkit as tk
from toolkit.load.tables import TABLES

SAMPLE = Path("data/sample")
ENGINES = ("polars eager", "polars lazy", "polars categories", "duckdb", "spark")
CATEGORIES = cs.string() & cs.by_name(
    {name for table in TABLES.values() for name in table.categories}, require_all=False
)
# one core, no page, few threads; plans run as they are, for to compile them takes longer than these rows
QUICK = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """Spark on this machine."""
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("no Java on this machine: apt-get install openjdk-17-jre-headless")
    sql = pytest.importorskip("pyspark.sql", reason="no pyspark: pip install -e '.[cluster]'")
    builder = sql.SparkSession.builder.master("local[1]").appName("tests")
    for name, value in QUICK.items():
        builder = builder.config(name, value)
    session = builder.config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark"))).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def database():
    with duckdb.connect() as engine:
        engine.sql("set TimeZone = 'UTC'")
        yield engine


@pytest.fixture(params=ENGINES, scope="session")
def opened(request, database):
    """What opens a Parquet file, or a folder of parts, on one engine."""
    if request.param == "spark":
        return request.getfixturevalue("spark").read.parquet
    if request.param == "duckdb":
        return lambda path: database.read_parquet(_pattern(path), hive_partitioning=True)
    scanned = lambda path: pl.scan_parquet(_pattern(path), hive_partitioning=True)  # noqa: E731
    as_categories = lambda path: scanned(path).with_columns(CATEGORIES.cast(pl.Categorical))  # noqa: E731
    in_memory = lambda path: scanned(path).collect()  # noqa: E731
    return {"polars lazy": scanned, "polars categories": as_categories, "polars eager": in_memory}[request.param]


def _pattern(path: str) -> str:
    return f"{path}/**/*.parquet" if Path(path).is_dir() else path


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Paths of the samples and of generated rows, by name."""
    folder = tmp_path_factory.mktemp("stored")
    more = ["uri_query", "country_code", "subdivision"]
    tables = {
        "beacons": tk.load.impressions(SAMPLE / "beacons.tsv.gz", keep=more).rows,
        "activity": tk.load.impressions(SAMPLE / "druid_banner_activity.csv.gz").rows,
        "modules_2019": tk.load.homepage_modules(SAMPLE / "homepage_modules_2019.ndjson.gz", key="k").rows,
        "modules_2022": tk.load.homepage_modules(SAMPLE / "homepage_modules_2022.ndjson.gz", key="k").rows,
        "visits_2019": tk.load.homepage_visits(SAMPLE / "homepage_visits_2019.ndjson.gz", key="k").rows,
        "visits_2022": tk.load.homepage_visits(SAMPLE / "homepage_visits_2022.ndjson.gz", key="k").rows,
        "odd_impressions": odd_impressions(),
        "odd_modules": odd_modules(),
    }
    for name, table in tables.items():
        table.write_parquet(folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in tables}


def odd_impressions() -> pl.DataFrame:
    """Page views with every kind of rate and way: no attempts, none known, blanks in codes, campaigns without a name."""
    draw = random.Random(7)
    rows = []
    for at in range(400):
        way = [
            {"campaign": draw.choice(["A", "B", "C", None]), "status_code": draw.choice(["2.1", "6", "2 .1", "2.10"])}
            for _ in range(draw.choice([0, 1, 1, 2, 3]))
        ]
        known = draw.random() < 0.8
        codes = " ".join(one["status_code"].replace(" ", "␣") for one in way)
        rows.append({
            "ms": 1_600_000_000_000 + at * 7_000_000,
            "campaign": draw.choice(["A", "B", None]), "country": draw.choice(["DE", "IN", None]),
            "status_code": draw.choice(["6", "2.1", None]), "attempts": way if known else None,
            "path": codes if known and codes else None, "requests": draw.choice([1, 3]),
            "sample_rate": draw.choice([1.0, 0.1, 0.01, 0.0, -1.0, 7.0, float("nan"), float("inf"), None]),
            "flags": draw.choice([0, 256, 258]),
        })  # fmt: skip
    schema = {"attempts": pl.List(pl.Struct({"campaign": pl.String, "status_code": pl.String}))}
    table = pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)
    return table.with_columns(
        dt=pl.from_epoch("ms", time_unit="ms").dt.replace_time_zone("UTC").cast(pl.Datetime("ms", "UTC"))
    )


def odd_modules() -> pl.DataFrame:
    """Events in few seconds, so that many have one time stamp; some without a visit, a user, a state or a module."""
    draw = random.Random(11)
    actions = ["impression", "impression", "link-click", "hover-in", "hover-out", "hover-in", "hover-out"]
    rows = [
        {
            "wiki": draw.choice(["cswiki", "kowiki"]), "user": draw.choice([1, 2, 3, None]),
            "visit": draw.choice([*range(30), None]), "ms": 1_556_000_000_000 + draw.choice([0, 1, 2, 3, 40, 90]) * 1000,
            "module": draw.choice(["help", "impact", "start-email", None]), "action": draw.choice(actions),
            "state": draw.choice(["noemail", "confirmed", None]), "platform": draw.choice(["desktop", "desktop", "mobile"]),
        }
        for _ in range(1500)
    ]  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


@pytest.fixture(scope="session")
def refined(tmp_path_factory):
    """Folders of tables as the pipeline refines them: names in lower case, a struct `event`, parts by hour."""
    folder = tmp_path_factory.mktemp("refined")
    for name, file in (
        ("homepagemodule", "homepage_modules_2022.ndjson.gz"),
        ("homepagevisit", "homepage_visits_2022.ndjson.gz"),
        ("centralnoticeimpression", "impressions_event_platform.ndjson.gz"),
    ):
        with gzip.open(SAMPLE / file, "rt") as lines:
            events = {event["meta"]["id"]: event for event in map(json.loads, lines)}.values()
        table = pl.DataFrame([_lower(event) for event in events], infer_schema_length=None)
        _partitioned(table.with_columns(of=pl.col("meta").struct.field("dt").str.slice(0, 12)), folder / name)
    activity = pl.read_csv(SAMPLE / "druid_banner_activity.csv.gz", schema_overrides={"status_code": pl.String, "bucket": pl.String,
        "first_campaign_status_code": pl.String, "sample_rate": pl.Float32})  # fmt: skip
    _partitioned(activity.with_columns(of=pl.col("dt").str.slice(0, 12)), folder / "banner_activity_minutely")
    return folder


def _lower(value: object) -> object:
    """Object with its names in lower case, at all depths."""
    return {name.lower(): _lower(one) for name, one in value.items()} if isinstance(value, dict) else value


def _partitioned(table: pl.DataFrame, folder: Path) -> None:
    """Parts as the cluster has them, but by ten hours: a local Spark takes longer for files than for rows."""
    for (hour,), rows in table.partition_by("of", include_key=False, as_dict=True).items():
        year, month, day = (int(part) for part in hour[:10].split("-"))
        part = (
            folder
            / "datacenter=eqiad"
            / f"year={year}"
            / f"month={month}"
            / f"day={day}"
            / f"hour={int(hour[11]) * 10}"
        )
        part.mkdir(parents=True)
        rows.write_parquet(part / "part-0.parquet")
