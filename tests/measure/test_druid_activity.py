"""What Druid holds of some beacons, against what the published query gave for the sample, run in Spark."""

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load
from toolkit.measure.druid_activity import KEYS, druid_banner_activity

TRUTH = ("anonymous", "is_campaign_fallback", "country_matches_geocode")


@pytest.fixture(scope="module")
def beacons(sample):
    """Rows of the loader with what the query reads of a request beside its parameters."""
    return load.impressions(sample / "beacons.tsv.gz", keep=["uri_query", "country_code", "subdivision"]).rows


@pytest.fixture(scope="module")
def published(sample):
    """The output of the query, in the types that it declares."""
    return pl.read_csv(sample / "druid_banner_activity.csv.gz", infer_schema=False).with_columns(
        pl.col(TRUTH).replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean),
        pl.col("sample_rate").cast(pl.Float32),
        pl.col("request_count", "normalized_request_count").cast(pl.Int64),
    )


def sent(campaign="A", rate="1", *, more="", dt="2026-03-02T00:03:52Z", flags=0, **row):
    """One beacon."""
    query = f"?country=DE&anonymous=true&debug=false&recordImpressionSampleRate={rate}&statusCode=6&campaign={campaign}"
    attempts = [{"campaign": campaign, "status_code": "6"}]
    own = {"dt": dt, "uri_query": query + more, "campaign": campaign, "attempts": attempts, "flags": flags}
    return own | {"country_code": "DE", "subdivision": "Berlin"} | row


def grouped(*rows):
    return druid_banner_activity(pl.DataFrame(rows))


def test_the_published_rows_come_out_of_the_beacons_one_by_one(beacons, published):
    found = druid_banner_activity(beacons)
    assert found.height == 8183
    assert_frame_equal(found.sort(KEYS), published.sort(KEYS))


def test_lazy_rows_give_lazy_rows_and_no_order_of_rows_matters(beacons, published):
    found = druid_banner_activity(beacons.sample(fraction=1, shuffle=True, seed=5).lazy())
    assert isinstance(found, pl.LazyFrame)
    assert_frame_equal(found.collect().sort(KEYS), published.sort(KEYS))


def test_another_engine_gives_the_same_rows(beacons, published, tmp_path):
    beacons.write_parquet(tmp_path / "rows.parquet")
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        found = pl.DataFrame(druid_banner_activity(engine.read_parquet(str(tmp_path / "rows.parquet"))))
    assert_frame_equal(found.sort(KEYS), published.sort(KEYS))


@pytest.mark.parametrize(
    ("rate", "n", "count"),
    [("0.1", 1, 9), ("0.1", 3, 29), ("0.05", 1, 19), ("0.3", 10, 33), ("0.01", 3, 300), ("2", 3, 1)],
)
def test_counts_are_cut_after_a_division_by_a_rate_in_32_bits(rate, n, count):
    found = grouped(*[sent(rate=rate)] * n)
    assert found.select("request_count", "normalized_request_count").rows() == [(n, count)]


@pytest.mark.parametrize(
    "row",
    [
        sent(rate="Infinity"),
        sent(rate="1e39"),
        sent(rate=""),
        sent(rate="often"),
        sent(flags=2),
        sent(dt="-"),
        sent(dt=None),
        sent(campaign="A B"),
        sent(campaign="50%"),
        {**sent(), "uri_query": sent()["uri_query"].replace("debug=false", "debug=true")},
        {**sent(), "uri_query": sent()["uri_query"].replace("debug=false&", "")},
    ],
    ids=["infinite", "infinite in 32 bits", "empty rate", "no number", "bot", "hyphen", "no time", "blank", "percent", "debug", "no debug"],
)  # fmt: skip
def test_what_the_query_leaves_out_is_left_out(row):
    assert grouped(row, sent(campaign="kept"))["campaign"].to_list() == ["kept"]


def test_names_stay_escaped_and_the_first_campaign_is_not():
    row = sent(campaign="A+%26+B", attempts=[{"campaign": "A & B", "status_code": "6"}])
    found = grouped({**row, "campaign": "A & B"}).row(0, named=True)
    assert (found["campaign"], found["first_campaign"], found["is_campaign_fallback"]) == ("A+%26+B", "A & B", False)


def test_the_first_of_two_parameters_counts_and_none_is_found_inside_another():
    found = grouped(sent(more="&country=FR&xbanner=X&banner=&banner=Y#&bucket=1")).row(0, named=True)
    assert (found["country"], found["banner"], found["bucket"]) == ("DE", "", None)


def test_without_attempts_nothing_is_known_of_a_first_campaign():
    found = druid_banner_activity(pl.DataFrame([sent(attempts=None), sent(attempts=[])], schema_overrides={"attempts": pl.List(pl.Struct({"campaign": pl.String, "status_code": pl.String}))}))  # fmt: skip
    assert found.select("first_campaign", "is_campaign_fallback", "request_count").rows() == [(None, None, 2)]


def test_a_load_without_what_was_sent_is_told_what_is_missing(sample):
    with pytest.raises(ToolkitError, match="needs the columns 'uri_query', 'country_code', 'subdivision'"):
        druid_banner_activity(load.impressions(sample / "beacons.tsv.gz").rows)
