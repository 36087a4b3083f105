"""Why Druid shows another number: the difference by cause, without a rest."""

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, decode, load
from toolkit.measure.reconcile import CAUSES, OF_DRUID, reconcile

INFINITE = float("inf")


@pytest.fixture(scope="module")
def beacons(sample):
    return load.impressions(sample / "beacons.tsv.gz").rows


@pytest.fixture(scope="module")
def druid(sample):
    return load.impressions(sample / "druid_banner_activity.csv.gz", keep="normalized_request_count").rows


def row(n=1, rate=1.0, campaign="A", flags=0, **more):
    return {"campaign": campaign, "requests": n, "sample_rate": rate, "flags": flags, **more}


def causes_of(found, at=0):
    """Causes of one row that there are, in numbers."""
    return {
        name: round(size, 9) for name, size in found.row(at, named=True).items() if name in CAUSES and round(size, 9)
    }


@pytest.mark.parametrize(
    ("n", "rate", "published", "causes"),
    [
        (1, 1.0, 1, {}),
        (3, 0.01, 300, {}),
        (1, 0.1, 9, {"float32_rate": 1}),
        (3, 0.3, 9, {"float32_rate": 1}),
        (7, 0.07, 99, {"float32_rate": 1}),
        (10, 0.3, 33, {"truncation": round(1 / 3, 9)}),
        (1, 0.03, 33, {"truncation": round(1 / 3, 9)}),
        (3, 2.0, 1, {"truncation": 0.5, "rate_above_one": 1.5}),
        (4, INFINITE, 0, {"rate_above_one": 4}),
        (4, 0.0, 0, {}),
    ],
)
def test_each_row_of_druid_says_what_its_cast_and_its_rate_did(n, rate, published, causes):
    found = reconcile(pl.DataFrame([row(n, rate)]))
    assert found["published"].item() == published
    assert causes_of(found) == causes
    assert found["difference"].item() == pytest.approx(sum(causes.values()))
    assert found["unweighted"].item() == (4 if rate == 0 else 0)


def test_a_published_count_is_taken_from_the_export_where_it_has_one():
    rows = [
        row(20, 0.1, "sum", published="182"),
        row(20, 0.1, "odd", published="150"),
        row(5, None, "none", published="7"),
    ]
    found = reconcile(pl.DataFrame(rows).rename({"published": "normalized_request_count"}), by="campaign").sort(
        "campaign"
    )
    assert [causes_of(found, at) for at in range(3)] == [{"rate_unusable": -7}, {"unexplained": 50}, {"truncation": 18}]


def test_every_request_that_druid_leaves_out_has_its_cause():
    druid = pl.DataFrame([row(3)])
    requests = pl.DataFrame(
        [
            *[row()] * 3,
            row(flags=2),
            row(flags=1, rate=0.5),
            row(flags=3),
            row(flags=4),
            row(rate=INFINITE),
            row(rate=None),
        ]
    )
    found = reconcile(druid, requests, by="campaign")
    assert causes_of(found) == {"bot": 2, "debug": 2, "no_time": 1, "infinite_rate": 1}
    assert found.select("published", "weighted", "difference", "n", "unweighted").row(0) == (3, 9, 6, 9, 1)
    assert found["cause"].item() == CAUSES["bot"]


def test_rows_that_only_one_side_has_are_told_apart():
    druid, requests = [row(5), row(2, campaign="B")], [row(4), row(1, 0.5, "C")]
    found = reconcile(pl.DataFrame(druid), pl.DataFrame(requests))
    assert {name: causes_of(found, at) for at, name in enumerate(found["campaign"])} == {
        "A": {"only_druid": -1},
        "B": {"only_druid": -2},
        "C": {"only_requests": 2},
    }


def test_attempts_that_others_took_over_are_missing_under_their_campaign():
    attempts = [{"campaign": "A", "status_code": "2.2"}, {"campaign": "B", "status_code": "6"}]
    requests = pl.DataFrame([row(1, 0.1, "B", status_code="6", attempts=attempts)]).with_columns(
        path=decode.path("attempts")
    )
    druid = pl.DataFrame([row(1, 0.1, "B", status_code="6")])
    found = reconcile(druid, requests, by=["campaign", "status_code"], unit="attempt")
    assert found.select("campaign", "status_code", "published", "weighted").rows() == [
        ("A", "2.2", 0, 10),
        ("B", "6", 9, 10),
    ]
    assert [causes_of(found, at) for at in range(2)] == [{"hand_over": 10}, {"float32_rate": 1}]


def test_a_name_is_given_as_druid_has_it():
    found = reconcile(pl.DataFrame([row(campaign="A & B~*")]), by="campaign")
    assert found["note"].item() == "Druid has the campaign as 'A+%26+B%7E*'"


def test_only_normalised_counts_are_compared_without_their_rate():
    druid = pl.DataFrame([row(9, flags=2**21)])
    found = reconcile(druid, pl.DataFrame([row(1, 0.1)]))
    assert "sample_rate" not in found.columns
    assert causes_of(found) == {"only_requests": 1}
    assert "only the normalised count" in found["note"].item()


@pytest.mark.parametrize("unit", ["pageview", "attempt"])
@pytest.mark.parametrize("by", [None, [], "campaign", ["day", "country"]])
def test_in_the_sample_the_causes_are_the_whole_difference_row_by_row(druid, beacons, unit, by):
    found = reconcile(druid, beacons, by=by, unit=unit)
    sums = found.select(pl.sum_horizontal(*CAUSES)).to_series()
    assert found["published"].sum() == 18_885
    assert found["weighted"].sum() == pytest.approx({"pageview": 20_146, "attempt": 33_007}[unit])
    assert (found["difference"] - sums).abs().max() < 1e-9
    assert found.select(pl.sum_horizontal("unexplained", "only_requests", "only_druid").abs().max()).item() == 0


def test_counts_computed_from_druids_own_rows_are_those_published(druid):
    due = reconcile(druid)
    assert due.select(*OF_DRUID).sum().row(0) == (0, 602, 0, 0, 0)
    assert_frame_equal(reconcile(druid.drop("normalized_request_count")), due)


def test_no_order_of_rows_and_no_engine_changes_a_number(druid, beacons, tmp_path):
    due = reconcile(druid, beacons, by=["minute", "campaign"], unit="attempt")
    shuffled = (frame.sample(fraction=1, shuffle=True, seed=3).lazy() for frame in (druid, beacons))
    assert_frame_equal(reconcile(*shuffled, by=["minute", "campaign"], unit="attempt"), due)
    beacons.write_parquet(tmp_path / "rows.parquet")
    with duckdb.connect() as engine:
        engine.execute("set timezone = 'UTC'")
        requests = engine.read_parquet(str(tmp_path / "rows.parquet"))
        assert_frame_equal(reconcile(druid, requests, by=["minute", "campaign"], unit="attempt"), due)


def test_what_cannot_be_compared_is_said(druid, sample):
    with pytest.raises(ToolkitError, match="give the load's `.rows`"):
        reconcile(load.impressions(sample / "druid_banner_activity.csv.gz"))
    with pytest.raises(ToolkitError, match="measure.reconcile needs the column 'city'"):
        reconcile(druid, by="city")
    with pytest.raises(ToolkitError, match="measure.reconcile needs the column 'attempts'"):
        reconcile(druid, druid.drop("attempts"), by=[], unit="attempt")
    with pytest.raises(ToolkitError, match="'unit' takes 'pageview' or 'attempt'"):
        reconcile(druid, unit="visit")
