"""The chart of the ledger: filters that match something, and the headline after each."""

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, chart, load, measure


@pytest.fixture(scope="module")
def table(sample):
    found = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz")
    return measure.noise(found.rows, account=found.account)


def test_it_draws_what_matched_and_names_what_did_not(table):
    spec = chart.noise(table).to_dict()
    assert "repeated impression" in str(spec["datasets"])
    assert "canary events" not in str(spec["datasets"])
    assert "canary events" in " ".join(spec["title"]["subtitle"])
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").count("<path") > 5


def test_the_words_hold_first_and_last_headline(table):
    gone = table.filter(pl.col("kind") != "delivery")["n"].sum()
    said = chart.noise(table).to_dict()["description"]
    assert said.startswith(f"Of {table['left'][0]:,} events {gone:,} are taken away")


def test_other_tables_are_refused():
    with pytest.raises(ToolkitError, match="chart.noise needs the columns"):
        chart.noise(pl.DataFrame({"share": [0.5]}))
