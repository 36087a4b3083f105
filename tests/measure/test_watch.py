"""What is wrong with campaigns: what was planted is found, and nothing else."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy import stats

from toolkit import ToolkitError, load
from toolkit.measure.watch import excess, false_discovery, watch


def rows(*entries):
    """Rows of (day, campaign, banner, status code, requests, rate)."""
    names = {"day_of": pl.Int64, "campaign": pl.String, "banner": pl.String, "status_code": pl.String, "requests": pl.Int64, "sample_rate": pl.Float64}  # fmt: skip
    frame = pl.DataFrame(entries, schema=names, orient="row")
    dt = pl.datetime(2026, 3, pl.col("day_of"), 9, time_unit="ms", time_zone="UTC")
    return frame.with_columns(dt=dt, flags=pl.lit(0)).with_columns(ms=pl.col("dt").dt.timestamp("ms"))


def found(frame, **choices):
    return watch(frame, unit="pageview", **choices)


@pytest.fixture(scope="module")
def beacons(sample):
    return load.impressions(sample / "beacons.tsv.gz").rows


@pytest.fixture(scope="module")
def findings(beacons):
    return watch(beacons)


def test_the_campaigns_that_the_sample_has_set_up_wrongly_are_found_and_no_others(findings):
    """By its README: a banner without content, one that fails for a fifth, banners for some devices and accounts only."""
    due = {
        ("WMDE Frühling 2026 \N{EN DASH} 100% Ehrenamt + Straße", None, "3.17"),
        ("ES_movil_split_2026", None, "3"),
        ("FR2026_frFR_grand_format", None, "3"),
        ("日本語版 編集チュートリアル", "ja_tutorial_2026_removed", "7"),
        ("Maintenance_2026_03_04", "Readonly_window", "7"),
    }
    assert set(findings.select("campaign", "banner", "status_code").rows()) == due


def test_what_is_worst_comes_first_and_says_what_to_do(findings):
    assert findings["severity"].to_physical().is_sorted()
    assert findings["advice"].str.ends_with(".").all()
    assert findings.filter(status_code="7")["of"].unique().to_list() == ["attempts in which the banner was chosen"]
    one = findings.filter(campaign="Maintenance_2026_03_04").row(0, named=True)
    assert (one["periods"], one["periods_seen"], one["first_dt"].day, one["last_dt"].hour) == (1, 1, 4, 16)


def test_true_shares_lie_in_their_intervals(findings, sample):
    truth = pl.read_parquet(sample / "pageviews_truth.parquet").filter(pl.col("impression_reached"))
    chosen = truth.filter(pl.col("impression_status_code").str.contains(r"^[567]"))
    true = chosen.group_by(banner="impression_banner").agg(true=(pl.col("impression_status_code") == "7").mean())
    loaders = findings.join(true, on="banner")
    assert loaders.height == 2
    assert loaders.select(pl.col("true").is_between("share_low", "share_high").all()).item()


def test_order_of_rows_and_laziness_change_nothing(beacons, findings):
    assert_frame_equal(watch(beacons.sample(fraction=1, shuffle=True, seed=2).lazy()), findings)


def test_a_loader_error_is_of_its_banner_and_not_of_the_campaign():
    """One of two banners fails for 30 of 100; the reader who closed the banner never asked for it."""
    frame = rows(
        (2, "A", "a", "6", 300, 1.0),
        (2, "A", "b", "6", 70, 1.0),
        (2, "A", "b", "7", 30, 1.0),
        (2, "A", None, "2.1", 500, 1.0),
    )
    assert found(frame).select("campaign", "banner", "share").rows() == [("A", "b", 0.3)]
    assert found(frame, by="campaign").select("campaign", "share").rows() == [("A", 30 / 900)]


def test_a_fault_of_one_day_is_not_lost_in_a_month():
    days = [(day, "A", "a", "6", 2000, 1.0) for day in range(1, 29)]
    one = found(rows(*days, (14, "A", None, "3", 150, 1.0))).row(0, named=True)
    assert (one["periods"], one["periods_seen"], one["periods_above"], one["ongoing"]) == (28, 1, 1, False)
    assert one["share"] < 0.01
    assert one["p_adjusted"] < 1e-6
    assert "only in some periods" in one["note"]
    assert [point["above"] for point in one["timeline"]].index(True) == 13


@pytest.mark.parametrize("code", ["0", "1", "4", "8", "2.99", "9", None])
def test_codes_that_should_not_be_there_are_looked_at(code):
    one = found(rows((2, "A", "a", "6", 90, 1.0), (2, "A", None, code, 10, 1.0))).row(0, named=True)
    assert (one["status_code"], one["severity"], one["share"]) == (code, "look", 0.1)


def test_ordinary_reasons_are_no_findings():
    frame = rows(
        (2, "A", "a", "6", 10, 1.0), *[(2, "A", None, code, 90, 1.0) for code in ("2.1", "2.2", "2.19", "2.0")]
    )
    assert found(frame).is_empty()


def test_one_unit_of_a_large_weight_is_one_unit():
    """A single beacon at rate 0.01 makes two thirds of all page views, and says next to nothing."""
    frame = rows((2, "A", "a", "6", 50, 1.0), (2, "A", None, "3", 1, 0.01))
    assert found(frame).is_empty()
    assert not found(rows((2, "A", "a", "6", 50, 1.0), (2, "A", None, "3", 9, 0.01))).is_empty()


def test_the_threshold_is_a_parameter():
    frame = rows((2, "A", "a", "6", 900, 1.0), (2, "A", None, "3", 100, 1.0))
    assert found(frame, threshold=0.09).is_empty()
    assert found(frame, threshold=0.05)["severity"].to_list() == ["medium"]
    assert found(rows((2, "A", "a", "6", 900, 1.0), (2, "A", None, "3", 1, 1.0)), threshold=0)["n"].to_list() == [1]


def test_campaigns_at_the_threshold_are_seldom_findings():
    """200 campaigns whose true share is the threshold: false findings are rare among them all."""
    draws = stats.binom(400, 0.01).rvs(200, random_state=7)
    frame = rows(*[entry for at, bad in enumerate(draws) for entry in ((2, f"{at}", "a", "6", int(400 - bad), 1.0), (2, f"{at}", None, "3", int(bad), 1.0))])  # fmt: skip
    assert found(frame.filter(pl.col("requests") > 0)).height <= 1


@given(st.integers(1, 60), st.integers(0, 3000), st.sampled_from([0.001, 0.01, 0.2]))
def test_the_chance_of_so_many_is_scipys(n, more, threshold):
    total = n + more
    due = stats.binomtest(n, total, threshold, alternative="greater").pvalue if n / total > threshold else 1.0
    assert excess(n / total, float(total), n, threshold=threshold) == pytest.approx(due, rel=1e-6, abs=1e-300)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_adjustment_is_scipys(p_values):
    due = stats.false_discovery_control(p_values)
    assert false_discovery(pl.Series(p_values), len(p_values)).to_list() == pytest.approx(list(due))


def test_what_cannot_be_asked_is_said():
    frame = rows((2, "A", "a", "6", 9, 1.0))
    with pytest.raises(ToolkitError, match="'threshold' lies between 0 and 1"):
        found(frame, threshold=2)
    with pytest.raises(ToolkitError, match="'every' takes"):
        found(frame, every="year")
    with pytest.raises(ToolkitError, match="names no column of the result"):
        found(frame, by="severity")


def test_no_finding_is_an_empty_table_with_all_columns(findings):
    none = found(rows((2, "A", "a", "6", 9, 1.0)))
    assert none.is_empty()
    assert none.columns == findings.columns
    assert datetime(2026, 3, 2, tzinfo=UTC) < findings["first_dt"].min()


def test_missing_banners_are_found_where_no_banner_was_chosen_at_all():
    rows = pl.DataFrame(
        {"campaign": "A", "banner": None, "status_code": ["3", "2.1"], "requests": 50, "sample_rate": 1.0, "flags": 0,
         "ms": 1772409600000, "dt": datetime(2026, 3, 2, tzinfo=UTC)},
        schema_overrides={"banner": pl.String, "dt": pl.Datetime("ms", "UTC")},
    )  # fmt: skip
    assert watch(rows, unit="pageview")["status_code"].to_list() == ["3"]
