"""The sample files, and what is said about them."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

DATA = Path(__file__).parent.parent / "data"
SAMPLES = sorted(path.name for path in (DATA / "sample").iterdir())
PACKAGE = json.loads((DATA / "datapackage.json").read_text(encoding="utf-8"))
RESOURCES = {resource["path"].removeprefix("sample/"): resource for resource in PACKAGE["resources"]}


def lines(name: str) -> list[bytes]:
    """Lines of a packed sample."""
    return gzip.decompress((DATA / "sample" / name).read_bytes()).splitlines()


def test_every_sample_is_listed_and_the_reverse() -> None:
    """No file without a line in datapackage.json, no line without a file."""
    assert list(SAMPLES) == sorted(RESOURCES)


@pytest.mark.parametrize("name", SAMPLES)
class TestEachFile:
    """What holds for each file."""

    def test_bytes_and_hash_are_those_of_the_package(self, name: str) -> None:
        """A changed sample is noticed."""
        raw = (DATA / "sample" / name).read_bytes()

        assert RESOURCES[name]["bytes"] == len(raw)
        assert RESOURCES[name]["hash"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"

    def test_it_is_small(self, name: str) -> None:
        """Less than a megabyte goes into git."""
        assert (DATA / "sample" / name).stat().st_size < 1_000_000

    def test_it_has_a_licence_and_a_source(self, name: str) -> None:
        """Everybody may use it, and knows how it was made."""
        assert [licence["name"] for licence in RESOURCES[name]["licenses"]] == ["CC0-1.0"]
        assert RESOURCES[name]["sources"][0]["title"].startswith("Made by running the published client code")

    def test_every_column_has_a_meaning(self, name: str) -> None:
        """A sentence and a type for each column."""
        fields = RESOURCES[name]["schema"]["fields"]

        assert all(field["type"] and field["description"].endswith(".") for field in fields)

    def test_it_was_packed_without_a_time(self, name: str) -> None:
        """The same content gives the same bytes."""
        raw = (DATA / "sample" / name).read_bytes()

        assert raw[4:8] == b"\0\0\0\0" if name.endswith(".gz") else raw[:2] != b"\x1f\x8b"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("beacons.tsv.gz", 9274),
        ("impressions_capsule.ndjson.gz", 2960),
        ("impressions_event_platform.ndjson.gz", 3035),
        ("druid_banner_activity.csv.gz", 8183),
        ("pageviews_truth.parquet", 20000),
        ("homepage_modules_2019.ndjson.gz", 17881),
        ("homepage_visits_2019.ndjson.gz", 1817),
        ("homepage_modules_2022.ndjson.gz", 6439),
        ("homepage_visits_2022.ndjson.gz", 615),
    ],
)
def test_rows_are_counted_without_the_header(name: str, rows: int) -> None:
    """The count in the package is that of the events."""
    assert RESOURCES[name]["rows"] == rows


def test_readme_and_package_are_in_step() -> None:
    """What is generated is what the files, the schemas and sources.toml say."""
    check = subprocess.run(
        [sys.executable, DATA / "describe.py", "--check"], capture_output=True, text=True, check=False
    )

    assert (check.returncode, check.stderr) == (0, "")


def test_only_one_wiki_of_2019_is_kept() -> None:
    """The cut is by wiki, whole."""
    assert {
        json.loads(line)["wiki"]
        for name in ("homepage_modules_2019", "homepage_visits_2019")
        for line in lines(f"{name}.ndjson.gz")
    } == {"cswiki"}


@pytest.mark.parametrize(("year", "key"), [(2019, "uuid"), (2022, "meta_id")])
def test_second_deliveries_are_where_the_list_says(year: int, key: str) -> None:
    """The list names exactly the lines whose id has occurred before."""
    listed = pl.read_csv(DATA / "sample" / f"homepage_duplicates_{year}.csv")
    if "file" in listed.columns:
        listed = listed.filter(pl.col("file") == "homepagemodule")
    events = [json.loads(line) for line in lines(f"homepage_modules_{year}.ndjson.gz")]
    ids = pl.Series([event["meta"]["id"] if key == "meta_id" else event["uuid"] for event in events])
    second = pl.DataFrame({"line": range(1, len(events) + 1), key: ids}).filter(~ids.is_first_distinct())

    assert second.rows() == listed.select("line", key).rows()


def test_the_truth_says_how_many_beacons_there_are() -> None:
    """Truth and beacons are of one making."""
    truth = pl.read_parquet(DATA / "sample" / "pageviews_truth.parquet")

    assert truth["beacon_sent"].sum() == len(lines("beacons.tsv.gz")) - 1
    assert truth["event_legacy_stored"].sum() == len(lines("impressions_capsule.ndjson.gz"))
    assert truth["event_ep_stored"].sum() == len(lines("impressions_event_platform.ndjson.gz"))


def test_your_own_exports_stay_out_of_git() -> None:
    """data/local is ignored but for its README."""
    ignored = (DATA.parent / ".gitignore").read_text(encoding="utf-8").splitlines()

    assert "data/local/*" in ignored
    assert "!data/local/README.md" in ignored
    assert (DATA / "local" / "README.md").exists()
