"""The status funnel on frames that can be checked by eye."""

import gzip
import re
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy import stats

from toolkit import ToolkitError, chart, decode, keep, load, measure

STAGES = ["attempted", "passed", "chosen", "loaded", "shown"]


def rows(*entries):
    """Rows of (status code, requests, rate)."""
    frame = pl.DataFrame(
        entries, schema={"status_code": pl.String, "requests": pl.Int64, "sample_rate": pl.Float64}, orient="row"
    )
    return frame.with_columns(flags=pl.lit(0), ms=pl.lit(0))


def reached(funnel, column="total"):
    """One number for each stage."""
    found = funnel.filter(outcome="reached").select(pl.col("stage").cast(pl.String), column)
    return dict(found.iter_rows())


def stopped(funnel, column="total"):
    """One number for each code that stops units."""
    return dict(funnel.filter(outcome="stopped").select("status_code", column).iter_rows())


def test_each_code_reaches_the_stages_before_it():
    funnel = measure.status_funnel(
        rows(("2.1", 1, 1), ("3", 2, 1), ("3.17", 4, 1), ("7", 8, 1), ("5.6", 16, 1), ("6", 32, 1))
    )
    assert reached(funnel) == {"attempted": 63, "passed": 62, "chosen": 56, "loaded": 48, "shown": 32}
    assert stopped(funnel) == {"2.1": 1, "3": 2, "3.17": 4, "7": 8, "5.6": 16}


def test_a_loader_error_never_counts_as_shown():
    assert reached(measure.status_funnel(rows(("7", 5, 1))))["shown"] == 0


@pytest.mark.parametrize(
    ("code", "stage"),
    [
        ("9", "attempted"),
        ("2.99", "attempted"),
        (None, "attempted"),
        ("5.99", "loaded"),
        ("1", "attempted"),
        ("4", "chosen"),
    ],
)
def test_codes_nobody_knows_or_expects_are_counted_where_they_stop(code, stage):
    funnel = measure.status_funnel(rows((code, 3, 1), ("6", 1, 1)))
    assert reached(funnel)["attempted"] == 4
    row = funnel.filter(outcome="stopped").row(0, named=True)
    assert (row["status_code"], row["stage"], row["total"]) == (code, stage, 3)
    assert row["group"] == ("unexpected" if code in {"1", "4"} else "unknown")


def test_what_was_never_attempted_is_shown_apart():
    funnel = measure.status_funnel(rows(("0", 2, 1), ("8", 1, 1), ("6", 1, 1)))
    assert reached(funnel)["attempted"] == 1
    assert funnel.filter(stage="not attempted").select("status_code", "total", "share").rows() == [
        ("0", 2, None),
        ("8", 1, None),
    ]


def test_rows_are_weighted_one_by_one():
    """One campaign has several rates; a weight for all of it would be wrong."""
    funnel = measure.status_funnel(rows(("6", 3, 0.01), ("6", 5, 1), ("2.1", 2, 0.1)))
    assert reached(funnel) == {"attempted": 325, **dict.fromkeys(STAGES[1:], 305)}
    assert reached(funnel, "n")["attempted"] == 10


def test_rates_that_cannot_be_used_are_counted_and_in_no_total():
    funnel = measure.status_funnel(rows(("6", 3, 0.0), ("6", 5, None), ("6", 1, float("inf"))))
    assert reached(funnel)["shown"] == 1
    assert funnel["unweighted"].unique().to_list() == [8]


def test_all_that_reach_a_stage_and_do_not_stop_there_reach_the_next():
    funnel = measure.status_funnel(
        rows(("2", 3, 0.1), ("2.21", 2, 1), ("3", 1, 0.5), ("5.0", 7, 1), ("7", 2, 0.1), ("6", 9, 0.01))
    )
    totals = reached(funnel)
    lost = funnel.filter(outcome="stopped").group_by("stage").agg(pl.col("total").sum())
    for stage, next_stage in pairwise(STAGES):
        stops = lost.filter(stage=stage)["total"].sum()
        assert totals[stage] - stops == pytest.approx(totals[next_stage])


def test_at_rate_one_totals_are_certain_and_shares_are_not():
    """The share says what such traffic does; scipy's exact interval is a little wider, Wilson's about the same."""
    row = measure.status_funnel(rows(("6", 80, 1), ("2.1", 20, 1))).filter(stage="shown").row(0, named=True)
    assert (row["total_low"], row["total_high"]) == (80, 80)
    wilson, exact = (stats.binomtest(80, 100).proportion_ci(method=method) for method in ("wilson", "exact"))
    assert exact.low < row["share_low"]
    assert row["share_high"] < exact.high
    assert (row["share_low"], row["share_high"]) == pytest.approx((wilson.low, wilson.high), abs=0.005)
    assert row["n_eff"] == pytest.approx(100)


@pytest.mark.parametrize("n", [1, 2, 5, 1000])
def test_what_all_do_is_not_sure_to_be_what_all_do(n):
    """Shares of 0 and 1 have an interval on the side where there is room, narrower the more were seen."""
    row = measure.status_funnel(rows(("6", n, 1))).filter(stage="shown").row(0, named=True)
    assert (row["share"], row["share_high"]) == (1, 1)
    assert row["share_low"] == pytest.approx(0.05 ** (1 / n), abs=0.05)  # mid-P of n in n
    none = measure.status_funnel(rows(("2.1", n, 1))).filter(stage="shown").row(0, named=True)
    assert (none["share_low"], none["share"]) == (0, 0)
    assert none["share_high"] == pytest.approx(1 - row["share_low"])


def test_a_code_unseen_at_a_low_rate_may_still_be_there():
    """Two seen at rate 1 beside many units at rate 0.01: there may be hundreds, by the rule of three."""
    row = measure.status_funnel(rows(("2.14", 2, 1), ("6", 100, 0.01))).filter(status_code="2.14").row(0, named=True)
    assert (row["total"], row["total_low"]) == (2, 2)
    assert row["total_high"] == pytest.approx(2 + 3 / 0.01, rel=0.01)


def test_attempts_of_one_page_view_are_one_cluster():
    """Two attempts that always come together say no more than one."""
    text = '[{"statusCode":"2.1","campaign":"A"},{"statusCode":"2.1","campaign":"B"}]'
    both = rows(("2.1", 20, 1.0), ("6", 20, 1.0)).with_columns(
        statuses=pl.when(pl.col("status_code") == "6").then(pl.lit('[{"statusCode":"6","campaign":"A"},{"statusCode":"6","campaign":"B"}]')).otherwise(pl.lit(text))
    )  # fmt: skip
    both = both.with_columns(attempts=decode.attempts("statuses")).with_columns(path=decode.path("attempts"))
    row = measure.status_funnel(both, unit="attempt").filter(stage="shown").row(0, named=True)
    assert row["n"] == 40
    assert row["n_eff"] == pytest.approx(40)


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["6", "2.1", "2", "3.17", "7", "5.5", "9", "0"]),
            st.integers(1, 30),
            st.sampled_from([0.01, 0.1, 1.0]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_funnels_of_two_halves_add_up_to_the_funnel_of_the_whole(entries, cut):
    frame = rows(*entries)
    whole = measure.status_funnel(frame)
    parts = [measure.status_funnel(part) for part in (frame[:cut], frame[cut:]) if part.height]
    keys = ["stage", "outcome", "status_code"]
    added = pl.concat(parts).group_by(keys).agg(pl.col("n", "total").sum())
    compared = whole.select(*keys, "n", "total").join(added, on=keys, nulls_equal=True, how="full", suffix="_parts")
    assert compared["n"].to_list() == compared["n_parts"].to_list()
    assert compared["total"].to_list() == pytest.approx(compared["total_parts"].to_list())


def test_estimates_lie_in_their_intervals_and_shares_between_zero_and_one(sample):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    for unit in ("pageview", "attempt"):
        funnel = measure.status_funnel(found, by=["campaign", "device"], unit=unit)
        inside = funnel.select(
            pl.col("total").is_between(pl.col("total_low") - 1e-6, pl.col("total_high") + 1e-6),
            pl.col("share")
            .is_between(pl.col("share_low") - 1e-9, pl.col("share_high") + 1e-9)
            .fill_null(value=True)
            .alias("s"),
            pl.col("conversion").is_between(0, 1 + 1e-9).fill_null(value=True).alias("c"),
        )
        assert inside.select(pl.all().all()).row(0) == (True, True, True)


def test_every_funnel_shows_all_stages():
    funnel = measure.status_funnel(rows(("2.1", 1, 1)).with_columns(campaign=pl.lit("A")), by="campaign")
    assert funnel.filter(outcome="reached")["stage"].cast(pl.String).to_list() == STAGES


@pytest.mark.parametrize("unit", ["pageview", "attempt"])
def test_a_funnel_of_a_tally_is_the_funnel_of_its_rows(sample, unit):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    counted = measure.tally(found, by=["campaign", "country"], unit=unit)
    of_rows = measure.status_funnel(found, by="campaign", unit=unit)
    # a tally of page views has lost their attempts and says so
    lost = ["taken_over", "note"] if unit == "pageview" else []
    assert_frame_equal(measure.status_funnel(counted, by="campaign").drop(lost), of_rows.drop(lost))


def test_lazy_rows_give_the_same(sample):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    assert_frame_equal(measure.status_funnel(found.lazy()), measure.status_funnel(found))


def test_the_order_of_rows_changes_nothing(sample):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    shuffled = found.sample(fraction=1, shuffle=True, seed=1)
    for unit in ("pageview", "attempt"):
        assert_frame_equal(
            measure.status_funnel(shuffled, by="device", unit=unit),
            measure.status_funnel(found, by="device", unit=unit),
        )


def test_druid_and_beacons_give_the_same_funnel(sample):
    """The export and its aggregation, each with its own loader."""
    druid = measure.status_funnel(load.impressions(sample / "druid_banner_activity.csv.gz").rows, by="campaign")
    kept = load.impressions(sample / "beacons.tsv.gz").rows.filter(keep.without("debug", "bot", "no_time"))
    same = [name for name in druid.columns if name not in {"first_dt", "last_dt", "partial", "taken_over", "note"}]
    assert_frame_equal(druid.select(same), measure.status_funnel(kept, by="campaign").select(same))


def test_partial_attempts_are_counted(sample):
    druid = measure.status_funnel(load.impressions(sample / "druid_banner_activity.csv.gz").rows, unit="attempt")
    assert druid["partial"].unique().item() > 0


def attempted(*entries):
    """Page views of (attempts as "A 2.1, B 6", requests, rate), each under its last campaign."""
    ways = [
        [dict(zip(("campaign", "status_code"), part.split(), strict=True)) for part in way.split(", ")]
        for way, *_ in entries
    ]
    frame = rows(*((way[-1]["status_code"], *rest) for way, (_, *rest) in zip(ways, entries, strict=True)))
    attempts = pl.Series(
        "attempts", [[{**one, "banners_count": 1} for one in way] for way in ways], dtype=decode.ATTEMPTS
    )
    return frame.with_columns(
        attempts, campaign=pl.Series([way[-1]["campaign"] for way in ways])
    ).with_columns(path=decode.path("attempts"))  # fmt: skip


def of_campaign(funnel, campaign, stage="shown"):
    """One stage of one campaign."""
    return funnel.filter(campaign=campaign, stage=stage, outcome="reached").row(0, named=True)


def test_a_campaign_of_low_priority_masks_the_failures_of_a_high_one():
    """T411382: 99 of 100 page views of the fundraiser look shown, since the filler took those where it failed."""
    frame = attempted(("Fund 6", 99, 1), ("Fund 2.1", 1, 1), ("Fund 2.2, Filler 6", 300, 1), ("Filler 6", 100, 1))
    masked, true = (
        of_campaign(measure.status_funnel(frame, by="campaign", unit=unit), "Fund") for unit in ("pageview", "attempt")
    )
    assert masked["share"] == 0.99
    assert true["share"] == 99 / 400
    assert masked["taken_over"] == 300 / 400
    assert masked["note"] == "75.0 % of the attempts of this campaign ended as page views of another one and are not in this funnel; unit='attempt' counts them"  # fmt: skip
    assert (true["taken_over"], true["note"]) == (None, None)


def test_what_is_taken_over_is_weighted_and_said_beyond_a_limit():
    """One row at rate 0.01 stands for a hundred."""
    frame = attempted(("A 2.1, B 6", 1, 0.01), ("A 6", 900, 1))
    for limit, said in ((0.09, True), (0.11, False)):
        row = of_campaign(measure.status_funnel(frame, by="campaign", taken_over_limit=limit), "A")
        assert row["taken_over"] == pytest.approx(0.1)
        assert (row["note"] is not None) == said
    with pytest.raises(ToolkitError, match="'taken_over_limit' lies between 0 and 1: 5"):
        measure.status_funnel(frame, by="campaign", taken_over_limit=5)


def test_a_campaign_that_is_nobodys_last_still_has_a_funnel():
    funnel = measure.status_funnel(attempted(("A 2.1, B 6", 4, 1), ("B 6", 2, 1)), by="campaign")
    row = of_campaign(funnel, "A")
    assert (row["n"], row["total"], row["share"], row["taken_over"]) == (0, 0, None, 1)
    assert row["note"].startswith("100.0 % of the attempts of this campaign ended")
    assert reached(funnel.filter(campaign="B")) == dict.fromkeys(STAGES, 6)


def test_where_attempts_are_not_known_that_is_said():
    frame = attempted(("A 6", 4, 1)).drop("attempts", "path")
    row = of_campaign(measure.status_funnel(frame, by="campaign"), "A")
    assert row["taken_over"] is None
    assert "is not known" in row["note"]
    counted = measure.tally(attempted(("A 2.1, B 6", 4, 1)), by="campaign")
    assert measure.status_funnel(counted, by="campaign")["note"].str.contains("is not known").all()
    assert measure.status_funnel(frame)["note"].null_count() == len(STAGES)


def test_attempts_that_are_known_in_part_are_a_lower_bound(sample):
    druid = load.impressions(sample / "druid_banner_activity.csv.gz").rows
    by_view = of_campaign(measure.status_funnel(druid, by="campaign"), "FR2026_en_dsk_p1")
    assert by_view["note"].startswith("at least 8")
    notes = measure.status_funnel(druid, by="campaign", unit="attempt")["note"].drop_nulls()
    assert notes.str.starts_with("a lower bound: of ").all()
    assert len(notes)


def test_the_fundraiser_of_the_sample_is_masked_by_others(sample):
    """T411382 on the sample: 4 of 5 of its attempts are in the page views of campaigns of lower priority."""
    found = load.impressions(sample / "beacons.tsv.gz").rows
    masked, true = (
        of_campaign(measure.status_funnel(found, by="campaign", unit=unit), "FR2026_en_dsk_p1")
        for unit in ("pageview", "attempt")
    )
    assert masked["taken_over"] == pytest.approx(0.83, abs=0.01)
    assert masked["share"] > 3 * true["share"]
    assert "unit='attempt'" in masked["note"]


@pytest.mark.parametrize(
    ("rate", "flag", "total", "unweighted"),
    [
        ("1", None, 1, 0), ("0.01", None, 100, 0), ("0.10000000149011612", None, 10, 0),
        ("5", "rate_above_one", 1, 0), ("Infinity", "rate_above_one", 1, 0),
        ("0", "rate_unusable", None, 1), ("-1", "rate_unusable", None, 1), ("NaN", "rate_unusable", None, 1),
        ("", "rate_unusable", None, 1), ("often", "rate_unusable", None, 1),
    ],
)  # fmt: skip
def test_a_rate_goes_from_the_file_to_its_weight(sample, write, rate, flag, total, unweighted):
    """Above 1 means always sent; what says nothing about the chance sets the row aside from every total."""
    head, line, *_ = gzip.decompress((sample / "beacons.tsv.gz").read_bytes()).decode().splitlines()
    changed = re.sub("recordImpressionSampleRate=[^&]*", f"recordImpressionSampleRate={rate}", line)
    found = load.impressions(write("one.tsv", [head, changed])).rows
    flagged = [name for name in ("rate_above_one", "rate_unusable") if found.filter(keep.without(name)).is_empty()]
    assert flagged == ([flag] if flag else [])
    row = measure.status_funnel(found).filter(stage="attempted", outcome="reached").row(0, named=True)
    assert (row["total"], row["unweighted"]) == (total, unweighted)


def test_wrong_choices_are_said():
    with pytest.raises(ToolkitError, match="'level' lies between 0 and 1: 95"):
        measure.status_funnel(rows(("6", 1, 1)), level=95)
    with pytest.raises(ToolkitError, match="needs the columns 'status_code'"):
        measure.status_funnel(pl.DataFrame({"code": ["6"]}))


@pytest.mark.parametrize("code", [" 6 ", "2.1 6", "6 6", "a b c"])
def test_a_code_with_a_blank_is_one_unknown_code(code):
    funnel = measure.status_funnel(rows((code, 5, 1)))
    assert reached(funnel, "n") == {"attempted": 5, **dict.fromkeys(STAGES[1:], 0)}
    assert stopped(funnel) == {code: 5}
    attempts = rows((code, 5, 1)).with_columns(
        attempts=pl.lit([{"campaign": "A", "status_code": code, "banners_count": 1}], dtype=decode.ATTEMPTS)
    )
    attempts = attempts.with_columns(path=decode.path("attempts"), campaign=pl.lit("A"))
    for by in ((), "campaign"):
        assert stopped(measure.status_funnel(attempts, by=by, unit="attempt")) == {code: 5}


def test_units_without_any_usable_rate_are_still_there():
    """By a dimension and without one; what is not known is null."""
    frame = rows(("6", 3, None), ("6", 2, 1.0)).with_columns(device=pl.Series(["desktop", "ipad"]))
    funnel = measure.status_funnel(frame, by="device").filter(stage="shown")
    assert funnel.select("device", "total", "share", "unweighted").rows() == [
        ("desktop", None, None, 3),
        ("ipad", 2, 1, 0),
    ]
    alone = measure.status_funnel(rows(("6", 3, 0.0)))
    assert alone.select("total", "total_low", "share", "unweighted").unique().rows() == [(None, None, None, 3)]


def test_a_dimension_may_not_have_the_name_of_a_result():
    for name in ("status_code", "level", "n", "share"):
        with pytest.raises(ToolkitError, match="'by' names no column of the result itself"):
            measure.status_funnel(rows(("6", 1, 1)), by=name)
    assert measure.status_funnel(rows(("6", 1, 1)), by=None).height == 5


def test_a_tally_keeps_its_unit_and_its_clusters(sample):
    found = load.impressions(sample / "beacons.tsv.gz").rows
    counted = measure.tally(found, by="campaign", unit="attempt")
    assert measure.status_funnel(counted, by="campaign")["unit"].unique().to_list() == ["attempt"]
    with pytest.raises(ToolkitError, match="'unit' is that of the tally, attempt: 'pageview'"):
        measure.status_funnel(counted, by="campaign", unit="pageview")
    with pytest.raises(ToolkitError, match="those of one page view were drawn together"):
        measure.status_funnel(counted)


def test_a_load_is_told_from_its_rows(sample):
    with pytest.raises(ToolkitError, match="give the load's `.rows`"):
        measure.status_funnel(load.impressions(sample / "beacons.tsv.gz"))


def test_large_counts_do_not_overflow():
    frame = rows(("6", 2_000_000_000, 1), ("6", 2_000_000_000, 1)).with_columns(pl.col("requests").cast(pl.Int32))
    assert reached(measure.status_funnel(frame), "n")["shown"] == 4_000_000_000


def test_no_attempts_at_all_are_the_page_view_itself():
    frame = rows(("6", 1, 1)).with_columns(attempts=pl.lit([], dtype=decode.ATTEMPTS), campaign=pl.lit("A"))
    frame = frame.with_columns(path=decode.path("attempts"))
    for by in ((), "campaign"):
        funnel = measure.status_funnel(frame, by=by, unit="attempt")
        assert reached(funnel)["shown"] == 1
        assert funnel["partial"][0] == 1


def test_a_status_of_tomorrow_goes_from_the_file_to_the_chart_as_unknown(sample, tmp_path):
    """A row with status 9 is added to the export: it must not vanish on the way."""
    text = gzip.decompress((sample / "beacons.tsv.gz").read_bytes()).decode()
    added = text.splitlines()[1].replace("&statusCode=6&", "&statusCode=9&")
    (tmp_path / "more.tsv").write_text(text + added + "\n", encoding="utf-8")
    funnel = measure.status_funnel(load.impressions(tmp_path / "more.tsv").rows)
    row = funnel.filter(status_code="9").row(0, named=True)
    assert (row["label"], row["group"], row["stage"], row["n"]) == ("unknown (9)", "unknown", "attempted", 1)
    assert "unknown (9)" in str(chart.status_funnel(funnel).to_dict()["datasets"])


def test_the_same_call_gives_the_same_digits(sample):
    rows = load.impressions(sample / "beacons.tsv.gz").rows
    first = measure.status_funnel(rows, by="campaign", unit="attempt")
    assert all(first.equals(measure.status_funnel(rows, by="campaign", unit="attempt")) for _ in range(4))


def test_chains_at_one_rate_do_not_widen_shares_at_another():
    """A thousand page views of five attempts each at rate 1 say as much as five thousand of one attempt."""
    seldom = {"path": ["6", "3"], "requests": [400, 400], "sample_rate": [0.01, 0.01]}
    chains = {"path": ["2.1 2.1 2.1 2.1 6"], "requests": [1000], "sample_rate": [1.0]}
    rows = pl.concat([pl.DataFrame(seldom), pl.DataFrame(chains)]).with_columns(
        status_code=pl.col("path").str.split(" ").list.last(), attempts=pl.lit(None), flags=0, ms=0
    )
    found = measure.status_funnel(rows, unit="attempt").filter(status_code="3").row(0, named=True)
    assert found["share_high"] - found["share_low"] < 0.07
