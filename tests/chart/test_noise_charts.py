"""The chart of the ledger: filters that match something, and the headline after each."""

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, chart, load, measure
from toolkit.chart.impossible import impossible
from toolkit.chart.noise import duplicates


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


def test_repetitions_are_told_by_kind_with_what_is_done_about_them(sample):
    found = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz")
    table = measure.duplicates(found.rows, account=found.account)
    spec = duplicates(table).to_dict()
    assert "repeated impression (dropped)" in str(spec["datasets"])
    assert f"repeated impression {table.filter(kind='repeated impression')['n'].item()} " in spec["description"]
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").count("<path") > 5


class TestImpossible:
    def rows(self, n):
        states = ["complete"] * n + ["activated"] * n
        return pl.DataFrame(
            {"wiki": "cswiki", "user": range(2 * n), "visit": range(2 * n), "module": "impact", "action": "impression", "state": states, "ms": 1_560_000_000_000}
        )  # fmt: skip

    def test_each_combination_stands_below_the_rule_it_breaks(self):
        spec = impossible(measure.impossible(self.rows(3))).to_dict()
        (row,) = next(iter(spec["datasets"].values()))
        rule = "the module is never in this state"
        assert row["label"] == f"{rule}\nimpact · impression · complete"
        assert spec["layer"][1]["encoding"]["y"]["scale"]["domain"] == [rule, row["label"]]
        assert row["said"] == "3 (50.0 %)"
        assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").count("<path") > 2

    def test_only_the_most_frequent_are_drawn_and_that_is_said(self):
        table = measure.impossible(self.rows(3))
        many = pl.concat([table.with_columns(action=pl.lit(f"a{at:02}")) for at in range(30)])
        spec = impossible(many).to_dict()
        assert len(next(iter(spec["datasets"].values()))) == 25
        assert any("25 most frequent of 30" in line for line in spec["title"]["subtitle"])

    def test_where_all_is_well_there_is_nothing_to_draw(self):
        sound = self.rows(3).filter(state="activated")
        with pytest.raises(ToolkitError, match="no event breaks a rule here"):
            impossible(measure.impossible(sound))
