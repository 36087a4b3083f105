"""The quality report: what is odd in a load, how often, and where."""

import polars as pl

from toolkit import load, quality

LOG = "dt\turi_query\tagent_type"


def row(code, agent="user", dt="2026-06-02T00:00:01Z"):
    """Line of a request log."""
    return f"{dt}\t?country=DE&statusCode={code}&campaign=A&recordImpressionSampleRate=1&anonymous=true\t{agent}"


def test_every_flag_is_counted_with_an_example(write):
    path = write("log.tsv", [LOG, row("6"), row("2.99", "spider"), row("2.99"), "short"])
    report = quality.report(load.impressions(path))
    found = {
        check: (n, of, example) for check, n, of, example in report.select("check", "n", "of", "example").iter_rows()
    }
    assert found["set_aside"] == (1, "rows in", f"{path.as_posix()}:5")
    assert found["duplicates"] == (0, "rows in", None)
    assert found["unknown_code"] == (2, "rows kept", f"{path.as_posix()}:3")
    assert found["bot"] == (1, "rows kept", f"{path.as_posix()}:3")
    assert report.filter(check="unknown_code")["share"].item() == 2 / 3


def test_missing_values_are_counted_where_some_are_missing(write):
    path = write("log.tsv", [LOG, row("6"), row("6").replace("country=DE&", "")])
    report = quality.report(load.impressions(path))
    assert report.filter(check="no country").select("n", "example").row(0) == (1, f"{path.as_posix()}:3")
    assert report.filter(check="no banner").height == 0  # the export has none at all


def test_a_store_is_not_read_whole(sample, tmp_path):
    source = sample / "homepage_visits_2022.ndjson.gz"
    stored = quality.report(load.homepage_visits(source, into=tmp_path / "store"))
    assert stored.drop("example").equals(quality.report(load.homepage_visits(source)).drop("example"))


def test_a_load_without_rows_has_a_report(write):
    report = quality.report(load.impressions(write("log.tsv", [LOG, "short"])))
    assert report.select("check", "n").rows() == [("set_aside", 1), ("duplicates", 0)]
    assert report.schema["n"] == pl.Int64
