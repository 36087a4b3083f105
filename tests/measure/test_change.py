"""Why a share changed: parts that add up, found where they were planted."""

import math
from datetime import UTC, datetime
from fractions import Fraction
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load, measure
from toolkit.measure.change import change


def rows(*entries):
    """Rows of (side, country, status code, requests, rate)."""
    names = {"side_of": pl.String, "country": pl.String, "status_code": pl.String, "requests": pl.Int64, "sample_rate": pl.Float64}  # fmt: skip
    return pl.DataFrame(entries, schema=names, orient="row").with_columns(flags=pl.lit(0), ms=pl.lit(0))


SIDES = ("side_of", "old", "new")


def changed(frame, **choices):
    return change(frame, between=SIDES, **choices)


@pytest.fixture(scope="module")
def beacons(sample):
    return load.impressions(sample / "beacons.tsv.gz").rows


def test_what_only_grew_is_mix_and_what_only_behaves_otherwise_is_behaviour():
    """DE shows 80 %, FR 40 %; DE grows from half to three quarters, and nothing else changes."""
    grown = rows(
        ("old", "DE", "6", 80, 1.0), ("old", "DE", "2.1", 20, 1.0), ("old", "FR", "6", 40, 1.0), ("old", "FR", "2.1", 60, 1.0),
        ("new", "DE", "6", 120, 1.0), ("new", "DE", "2.1", 30, 1.0), ("new", "FR", "6", 20, 1.0), ("new", "FR", "2.1", 30, 1.0),
    )  # fmt: skip
    parts = changed(grown, by="country")
    found = {
        (value, part): round(number, 12) for value, part, number in parts.select("value", "part", "contribution").rows()
    }
    # each against the mean of the whole: 0.25 * (0.8 - 0.65) and -0.25 * (0.4 - 0.65)
    assert found == {("DE", "mix"): 0.0375, ("FR", "mix"): 0.0625, ("DE", "behaviour"): 0, ("FR", "behaviour"): 0}
    assert parts["difference"][0] == pytest.approx(0.1)


def test_a_code_that_takes_from_the_shown_is_named_with_its_label_and_cause():
    parts = changed(rows(("old", "DE", "6", 90, 1.0), ("old", "DE", "2.1", 10, 1.0), ("new", "DE", "6", 60, 1.0), ("new", "DE", "2.1", 10, 1.0), ("new", "DE", "7", 30, 1.0)), by="country")  # fmt: skip
    first = parts.row(0, named=True)
    assert (first["value"], first["part"], first["status_code"], first["label"], first["group"]) == (
        "DE",
        "behaviour",
        "7",
        "loader error",
        "technical",
    )
    assert (first["contribution"], first["n_before"], first["n_after"]) == (pytest.approx(-0.3), 0, 30)
    assert first["contribution_low"] < -0.3 < first["contribution_high"] < 0


def test_a_value_of_one_side_alone_is_mix():
    parts = changed(
        rows(("old", "DE", "6", 50, 1.0), ("new", "DE", "6", 50, 1.0), ("new", "FR", "2.1", 50, 1.0)), by="country"
    )
    france = parts.filter(value="FR")
    assert france["part"].to_list() == ["mix"]
    assert (france["share_before"][0], france["share_after"][0]) == (None, 0.0)
    assert france["note"].to_list() == ["no units before: all of its part is mix"]
    assert math.fsum(parts["contribution"]) == parts["difference"][0] == -0.5


units = st.tuples(
    st.sampled_from(["old", "new"]), st.sampled_from(["DE", "FR", None]), st.sampled_from(["6", "2.1", "2.10", "3", "7", "5.6", "9", None]),
    st.integers(1, 400), st.sampled_from([1.0, 0.1, 0.01]),
)  # fmt: skip


@settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # what is small is found by eye
@given(st.lists(units, max_size=12), st.sampled_from(["shown", "chosen", "2.1", "technical"]))
def test_the_parts_add_up_to_the_difference_to_the_last_digit(entries, outcome):
    parts = changed(
        rows(("old", "DE", "6", 3, 1.0), ("new", "DE", "6", 5, 1.0), *entries), by="country", outcome=outcome
    )
    assert math.fsum(parts["contribution"]) == parts["difference"][0]
    assert parts["difference"][0] == parts["whole_after"][0] - parts["whole_before"][0]
    # no part is the rest: each of its own formula
    for row in parts.filter(part="mix").iter_rows(named=True):
        shares = [share for share in (row["share_before"], row["share_after"]) if share is not None]
        better = np.mean(shares) - (row["whole_before"] + row["whole_after"]) / 2
        assert row["contribution"] == pytest.approx((row["size_after"] - row["size_before"]) * better, abs=1e-12)
    for row in parts.filter(part="behaviour").iter_rows(named=True):
        mean = (row["size_before"] + row["size_after"]) / 2
        sign = 1 if outcome in {"2.1", "technical"} else -1
        assert row["contribution"] == pytest.approx(sign * mean * (row["share_after"] - row["share_before"]), abs=1e-12)


def test_parts_are_the_mean_over_every_order_in_which_sizes_and_shares_can_change():
    """Shapley's value by brute force, in exact fractions: all orders of the two factors."""
    counts = {("old", "DE"): (30, 100), ("old", "FR"): (20, 60), ("new", "DE"): (20, 50), ("new", "FR"): (90, 150)}
    frame = rows(*[(side, country, code, n, 1.0) for (side, country), (shown, total) in counts.items() for code, n in (("6", shown), ("2.1", total - shown))])  # fmt: skip
    parts = changed(frame, by="country")

    def whole(sizes, shares):
        total = sum(counts[sizes, country][1] for country in ("DE", "FR"))
        return sum(Fraction(counts[sizes, c][1], total) * Fraction(*counts[shares, c]) for c in ("DE", "FR"))

    sizes_first = whole("new", "old") - whole("old", "old")
    sizes_last = whole("new", "new") - whole("old", "new")
    assert parts.filter(part="mix")["contribution"].sum() == pytest.approx(
        float((sizes_first + sizes_last) / 2), abs=1e-15
    )
    behaviour = whole("new", "new") - whole("old", "old") - (sizes_first + sizes_last) / 2
    assert parts.filter(part="behaviour")["contribution"].sum() == pytest.approx(float(behaviour), abs=1e-15)


def test_the_other_way_round_every_part_has_the_other_sign():
    frame = rows(("old", "DE", "6", 30, 1.0), ("old", "FR", "2.1", 9, 0.1), ("new", "DE", "6", 20, 0.1), ("new", "FR", "6", 5, 1.0), ("new", "FR", "2.1", 5, 1.0))  # fmt: skip
    keys = ["value", "part", "status_code"]
    there = changed(frame, by="country").sort(keys)
    back = change(frame, between=("side_of", "new", "old"), by="country").sort(keys)
    assert_frame_equal(
        there.select(*keys, "contribution"), back.select(*keys, -pl.col("contribution")), check_exact=False
    )
    assert_frame_equal(
        there.select(low="contribution_low"), back.select(low=-pl.col("contribution_high")), check_exact=False
    )


def planted(beacons, country, when, code, seed):
    """Beacons with their times dealt out anew, and the banners of one country broken from an hour on."""
    order = np.random.default_rng(seed).permutation(beacons.height)
    dealt = beacons.with_columns(beacons["ms"].gather(order), beacons["dt"].gather(order))
    hit = (pl.col("country") == country) & (pl.col("dt") >= when) & (pl.col("status_code") == "6")
    path = pl.when(hit).then(pl.col("path").str.replace(r"6$", code)).otherwise("path")
    return dealt.with_columns(path=path, status_code=pl.when(hit).then(pl.lit(code)).otherwise("status_code"))


@pytest.mark.parametrize(
    ("country", "code", "unit", "seed"),
    [("FR", "7", "pageview", 1), ("JP", "3", "pageview", 2), ("GB", "7", "attempt", 3), ("US", "3", "attempt", 4), ("FR", "3", "pageview", 5)],
)  # fmt: skip
def test_a_banner_broken_in_one_country_from_an_hour_on_is_the_first_line(beacons, country, code, unit, seed):
    when = datetime(2026, 3, 5, 7, tzinfo=UTC)
    frame = planted(beacons, country, when, code, seed)
    parts = change(frame, after=(when, "2026-03-07T07:00"), by="country", unit=unit)
    first = parts.row(0, named=True)
    assert (first["value"], first["part"], first["status_code"]) == (country, "behaviour", code)
    assert first["contribution_high"] < 0
    assert parts["before"][0] == "2026-03-03 07:00 to 2026-03-05 07:00"  # as long, just before


def test_a_break_is_found_among_the_changes_that_a_real_course_has(beacons):
    """Times as they are: readers close more banners by the day, and yet the planted fault comes first."""
    when = datetime(2026, 3, 5, 7, tzinfo=UTC)
    hit = (pl.col("country") == "JP") & (pl.col("dt") >= when) & (pl.col("status_code") == "6")
    frame = beacons.with_columns(status_code=pl.when(hit).then(pl.lit("7")).otherwise("status_code"))
    parts = change(frame, after=(when, datetime(2026, 3, 6, 7, tzinfo=UTC)), by=["country"])
    assert parts.select("country", "part", "status_code").row(0) == ("JP", "behaviour", "7")


def test_nothing_planted_is_mostly_nothing_beyond_doubt(beacons):
    """The same traffic dealt out to both sides: of all parts about 5 % may be beyond 95 % intervals by chance."""
    when = datetime(2026, 3, 5, 0, tzinfo=UTC)
    beyond = []
    for seed in (11, 12, 13):
        frame = planted(beacons, "nowhere", when, "7", seed)
        parts = change(frame, after=(when, "2026-03-08"), before=("2026-03-02", when), by="country").filter(
            pl.col("contribution") != 0
        )
        beyond.append(((parts["contribution_low"] > 0) | (parts["contribution_high"] < 0)).mean())
    assert np.mean(beyond) < 0.06


def test_order_of_rows_and_laziness_change_nothing(beacons):
    choices = {"after": ("2026-03-05", "2026-03-08"), "by": ["country", "device"], "outcome": "user choice"}
    found = change(beacons, **choices)
    shuffled = change(beacons.sample(fraction=1, shuffle=True, seed=5).lazy(), **choices)
    assert_frame_equal(found, shuffled)
    assert math.fsum(found["contribution"]) == found["difference"][0]
    assert set(found["dimension"]) == {"country · device"}


def test_the_whole_is_that_of_the_funnel(beacons):
    desktop = measure.status_funnel(beacons.filter(device="desktop")).filter(stage="shown").row(0, named=True)
    parts = change(beacons, between=("device", "iphone", "desktop"))
    found = parts.select("whole_after", "whole_after_low", "whole_after_high").row(0)
    assert found == pytest.approx([desktop["share"], desktop["share_low"], desktop["share_high"]], abs=1e-9)
    assert set(parts["part"]) == {"behaviour"}


def test_a_tally_by_the_hour_gives_what_its_rows_give(beacons):
    tallied = measure.tally(beacons, by=["country", "hour"])
    choices = {"after": ("2026-03-05T00:00", "2026-03-06T00:00"), "by": "country"}
    numbers = ["value", "part", "status_code", "contribution", "contribution_low", "contribution_high"]
    assert_frame_equal(change(tallied, **choices).select(numbers), change(beacons, **choices).select(numbers))
    with pytest.raises(ToolkitError, match="counts no row across the ends of a period"):
        change(measure.tally(beacons, by="country"), **choices)


def test_what_cannot_be_weighted_or_dated_is_counted():
    frame = rows(("old", "DE", "6", 3, 1.0), ("new", "DE", "6", 3, 1.0), ("new", "DE", "7", 2, None))
    assert changed(frame, by="country")["unweighted"].unique().to_list() == [2]
    dated = frame.with_columns(ms=pl.Series([1772409600000, 1772496000000, None], dtype=pl.Int64))
    assert change(dated, after=("2026-03-03", "2026-03-04"))["timeless"].unique().to_list() == [2]


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({}, "'after' is the period to explain"),
        ({"after": ("2026-03-05", "2026-03-05")}, "starts before it ends"),
        ({"after": ("2026-03-05", "soon")}, "takes times such as 2026-03-05"),
        ({"after": ("2026-03-05", "2026-03-07"), "before": ("2026-03-04", "2026-03-06")}, "does not overlap"),
        ({"after": ("2027-03-05", "2027-03-07")}, "'before' holds units with a usable sample rate; there are none"),
        ({"between": ("country", "DE", "DE")}, "two values that differ"),
        ({"between": ("country", "DE", "FR"), "by": "country"}, "not in `by`"),
        ({"between": ("country", "DE", "FR"), "outcome": "visible"}, "no outcome named 'visible'; the funnel has passed, chosen"),
        ({"between": ("country", "DE", "FR"), "by": "share_after"}, "names no column of the result"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_said(choices, sentence):
    frame = rows(*product(["old"], ["DE", "FR"], ["6"], [5], [1.0]))
    with pytest.raises(ToolkitError, match=sentence):
        change(frame, **choices)


def test_a_value_without_a_usable_rate_is_counted_and_in_no_part():
    rows = pl.DataFrame(
        {"country": ["DE", "DE", "XX"], "week": ["1", "2", "2"], "status_code": ["6", "2.1", "6"], "requests": [50, 50, 1],
         "sample_rate": [1.0, 1.0, None], "flags": 0, "ms": 0}
    )  # fmt: skip
    found = change(rows, between=("week", "1", "2"), by="country")
    assert math.fsum(found["contribution"]) == found["difference"][0] == -1.0
    assert found["unweighted"][0] == 1


def test_what_was_not_attempted_cannot_change():
    rows = pl.DataFrame(
        {"week": ["1", "2"], "status_code": "0", "requests": 5, "sample_rate": 1.0, "flags": 0, "ms": 0}
    )
    with pytest.raises(ToolkitError, match="holds attempts on both sides"):
        change(rows, between=("week", "1", "2"))


def test_intervals_of_mix_are_as_long_as_the_variance_of_a_sample_says():
    """The whole holds each value, so that neither its size nor its share is counted twice."""
    cells = {"before": {("DE", "6"): 2800, ("DE", "2.1"): 1200, ("FR", "6"): 3000, ("FR", "2.1"): 3000}, "after": {("DE", "6"): 2500, ("DE", "2.1"): 2500, ("FR", "6"): 2600, ("FR", "2.1"): 2400}}  # fmt: skip
    frame = pl.DataFrame(
        [(side, *key, n) for side, counts in cells.items() for key, n in counts.items()],
        schema=["when", "country", "status_code", "requests"],
        orient="row",
    ).with_columns(sample_rate=1.0, flags=0, ms=0)
    part = change(frame, between=("when", "before", "after"), by="country").filter(value="DE", part="mix").row(0, named=True)  # fmt: skip

    def mix(counts):
        of_side = {}
        for side, (de_6, de_2, fr_6, fr_2) in counts.items():
            n = de_6 + de_2 + fr_6 + fr_2
            of_side[side] = ((de_6 + de_2) / n, de_6 / (de_6 + de_2), (de_6 + fr_6) / n)
        (size, share, whole), (size_after, share_after, whole_after) = of_side["before"], of_side["after"]
        return (size_after - size) * ((share + share_after) / 2 - (whole + whole_after) / 2)

    counts = {side: list(map(float, of.values())) for side, of in cells.items()}
    variance = 0.0
    for side, here in counts.items():
        slopes = [mix(counts | {side: [n + 0.5 * (i == at) for i, n in enumerate(here)]}) - mix(counts | {side: [n - 0.5 * (i == at) for i, n in enumerate(here)]}) for at in range(4)]  # fmt: skip
        variance += sum(n * slope**2 for n, slope in zip(here, slopes, strict=True))  # Poisson's cells
    assert part["contribution"] == pytest.approx(mix(counts))
    assert part["contribution_high"] - part["contribution_low"] == pytest.approx(2 * 1.96 * variance**0.5, rel=0.05)
