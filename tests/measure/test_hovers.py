"""Hovers: which ends belong together and how long they lie apart, whatever the order of the rows."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load
from toolkit.measure.hovers import dwell, hovers


@pytest.fixture(scope="module")
def truth(sample):
    """What the simulated readers did on desktop, by visit and module."""
    found = pl.read_csv(sample / "homepage_truth_2019.csv.gz", infer_schema_length=None)
    return found.filter(pl.col("client_is_mobile") == 0)


@pytest.fixture(scope="module")
def found(sample):
    """Events of the sample of 2019."""
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


ACTIONS = {"in": "hover-in", "out": "hover-out", "click": "link-click", "shown": "impression"}


def rows(*entries, module="help", platform="desktop", visit=1, start=0):
    """Events of one visit: what, and in which second."""
    return pl.DataFrame({
        "wiki": "cswiki", "visit": visit, "module": module, "platform": platform,
        "action": [ACTIONS[what] for what, _ in entries],
        "ms": [round((start + second) * 1000) for _, second in entries],
    }, schema_overrides={"ms": pl.Int64, "action": pl.String})  # fmt: skip


def told(*entries, **more):
    """Kind and bounds of each episode, in order of time."""
    return (
        hovers(rows(*entries, **more)).sort("ms", "dwell_high_s").select("kind", "dwell_low_s", "dwell_high_s").rows()
    )


def kinds(*entries):
    return [kind for kind, *_ in told(*entries)]


class TestTurns:
    def test_a_pair_lies_between_one_second_less_and_one_more_than_its_times_say(self):
        assert told(("in", 0), ("out", 4)) == [("pair", 3.0, 5.0)]

    def test_a_pair_within_one_second_lasts_up_to_a_second(self):
        assert told(("out", 5), ("in", 5)) == [("pair", 0.0, 1.0)]

    def test_times_in_milliseconds_leave_a_millisecond_open(self):
        assert told(("in", 0.5), ("out", 4.25)) == [("pair", 3.749, 3.751)]

    def test_events_that_waited_in_the_browser_may_be_half_a_minute_older(self):
        start = 1_580_000_000  # 2020-01-26
        assert told(("in", 0), ("out", 40), start=start) == [("pair", 9.0, 71.0)]

    def test_a_pointer_that_was_inside_goes_out_first_within_a_second(self):
        assert told(("in", 0), ("in", 5), ("out", 5), ("out", 9)) == [("pair", 4.0, 6.0), ("pair", 3.0, 5.0)]

    def test_an_out_and_the_in_of_the_next_second_that_lack_their_likes_were_swapped(self):
        found = hovers(rows(("out", 5), ("in", 6)))
        assert found.select("kind", "swapped", "dwell_low_s", "dwell_high_s").rows() == [("pair", True, 0.0, 2.0)]

    def test_an_out_two_seconds_before_an_in_is_an_orphan(self):
        assert kinds(("out", 5), ("in", 7)) == ["orphan", "open"]

    def test_an_in_that_has_its_out_is_not_swapped(self):
        assert kinds(("out", 5), ("in", 6), ("out", 9)) == ["orphan", "pair"]

    @given(st.lists(st.integers(1, 2500), min_size=2, max_size=24), st.randoms(use_true_random=False))
    def test_a_pointer_that_goes_in_and_out_by_turns_is_found_hover_by_hover(self, gaps, random):
        times = [sum(gaps[: at + 1]) for at in range(len(gaps) // 2 * 2)]
        events = [("in" if at % 2 == 0 else "out", time // 1000) for at, time in enumerate(times)]
        random.shuffle(events)
        found = told(*events)
        lengths = [(out - inn) / 1000 for inn, out in zip(times[::2], times[1::2], strict=True)]
        assert len(found) == len(lengths)
        for (kind, low, high), length in zip(found, lengths, strict=True):
            assert kind == "pair"
            assert low <= length <= high


EVENTS = st.lists(
    st.tuples(st.sampled_from(["in", "out", "shown", "click"]), st.sampled_from([*range(12), 100, 101, 102, 103])),
    max_size=25,
)


def by_hand(events):
    """How often each kind occurs, second by second; no out is taken to be swapped."""
    starts = sorted({second for what, second in events if what == "shown"})
    loads = [after for before, after in pairwise(starts) if after - before > 30]
    counts = dict.fromkeys(["pair", "restored", "open", "orphan"], 0)
    waiting = None
    seconds = sorted({second for what, second in events if what in {"in", "out"}})
    page = {second: sum(start <= second for start in loads) for second in seconds}
    more_ins = {second: events.count(("in", second)) - events.count(("out", second)) for second in seconds}
    for second in seconds:
        left = {way: sum(event == (way, second) for event in events) for way in ("in", "out")}
        load = page[second]
        if waiting not in {None, load}:  # a page that was loaded anew has the pointer where its own events say
            told = [more_ins[later] for later in seconds if later >= second and page[later] == load and more_ins[later]]
            if not told or told[0] > 0:
                counts["open"] += 1
                waiting = None
        way = "in" if waiting is None else "out"
        while left["in"] or left["out"]:
            if not left[way]:
                way = "out" if way == "in" else "in"
            left[way] -= 1
            if way == "in":
                counts["open"] += waiting is not None
                waiting = load
            elif waiting is None:
                counts["orphan"] += 1
            else:
                counts["pair" if waiting == load else "restored"] += 1
                waiting = None
            way = "out" if way == "in" else "in"
    counts["open"] += waiting is not None
    return counts


@settings(max_examples=60)
@example([("in", 0), ("in", 100), ("out", 100), ("shown", 0), ("shown", 100)])
@given(EVENTS)
def test_kinds_are_those_of_a_count_by_hand(events):
    found = hovers(rows(*events))
    swaps = found["swapped"].sum()
    due = by_hand(events)
    got = {kind: found.filter(kind=kind).height for kind in due}
    if not swaps:
        assert got == due
    else:  # each swap makes a pair of an orphan and an open hover
        assert got["pair"] + got["restored"] == due["pair"] + due["restored"] + swaps
        assert got["orphan"] == due["orphan"] - swaps


@settings(max_examples=60)
@given(EVENTS, st.randoms(use_true_random=False))
def test_every_event_is_in_one_episode_and_shuffled_rows_give_the_same(events, random):
    frame = rows(*events)
    found = hovers(frame)
    ends = {kind: found.filter(kind=kind).height for kind in ("pair", "restored", "open", "orphan")}
    assert ends["pair"] + ends["restored"] + ends["open"] == frame.filter(action="hover-in").height
    assert ends["pair"] + ends["restored"] + ends["orphan"] == frame.filter(action="hover-out").height
    shuffled = list(events)
    random.shuffle(shuffled)
    assert_frame_equal(hovers(rows(*shuffled)), found)


class TestOddities:
    def test_a_page_loaded_anew_does_not_make_a_hover_of_hours(self):
        found = told(("shown", 0), ("in", 1), ("shown", 9000), ("out", 9001))
        assert found == [("restored", None, None)]

    def test_an_impression_that_comes_late_is_no_new_page(self):
        assert kinds(("shown", 0), ("in", 1), ("shown", 2), ("out", 3)) == ["pair"]

    def test_a_pair_between_an_unmatched_in_and_an_unmatched_out_is_nested(self):
        found = hovers(rows(("in", 0), ("in", 2), ("out", 4), ("out", 8)))
        assert found.sort("ms").select("kind", "nested").rows() == [("open", False), ("pair", True), ("orphan", False)]

    def test_a_pair_after_an_unmatched_in_alone_is_not_nested(self):
        assert hovers(rows(("in", 0), ("in", 2), ("out", 4)))["nested"].sum() == 0

    def test_pairs_of_two_modules_at_one_time_overlap(self):
        both = [rows(("in", 0), ("out", 9)), rows(("in", 3), ("out", 6), module="impact")]
        assert hovers(pl.concat(both))["overlapping"].to_list() == [True, True]

    def test_pairs_that_may_just_follow_each_other_do_not_overlap(self):
        both = [rows(("in", 0), ("out", 4)), rows(("in", 3), ("out", 6), module="impact")]
        assert hovers(pl.concat(both))["overlapping"].sum() == 0

    def test_a_click_shows_how_long_an_open_hover_lasted_at_least(self):
        assert told(("in", 0), ("click", 7)) == [("open", 6.0, None)]

    def test_without_a_click_nothing_is_known_of_an_open_hover(self):
        assert told(("click", 0), ("in", 3)) == [("open", None, None)]

    def test_taps_on_mobile_and_events_without_a_visit_are_no_hovers(self):
        assert hovers(rows(("in", 0), ("out", 1), platform="mobile")).is_empty()
        assert hovers(rows(("in", 0), ("out", 1)).with_columns(visit=pl.lit(None, dtype=pl.Int64))).is_empty()

    def test_hovers_do_not_pair_across_modules_visits_or_wikis(self):
        ends = [
            rows(("in", 0)),
            rows(("out", 5), visit=2),
            rows(("out", 5), module="impact"),
            rows(("out", 5)).with_columns(wiki=pl.lit("kowiki")),
        ]
        assert sorted(hovers(pl.concat(ends))["kind"]) == ["open", "orphan", "orphan", "orphan"]

    def test_columns_to_keep_are_those_of_the_event_that_begins(self):
        frame = rows(("in", 0), ("out", 4)).with_columns(state=pl.Series(["incomplete", "complete"]))
        assert hovers(frame, by="state")["state"].to_list() == ["incomplete"]


class TestDwell:
    def test_bounds_are_those_of_the_pairs(self):
        found = dwell(rows(("in", 0), ("out", 2), ("in", 10), ("out", 16), ("in", 20), ("out", 30)))
        assert found.select("pairs", "dwell_median_low_s", "dwell_median_high_s").row(0) == (3, 5.0, 7.0)

    def test_open_hovers_that_were_seen_to_last_raise_the_median(self):
        pairs = [("in", 0), ("out", 2), ("in", 10), ("out", 12), ("in", 20), ("out", 30)]
        found = dwell(rows(*pairs, ("in", 40), ("click", 49)).lazy())
        assert found.select("dwell_median_low_s", "dwell_open_median_low_s").row(0) == (1.0, 1.0)
        found = dwell(rows(*pairs, ("in", 40), ("click", 49), ("in", 60), ("click", 69)))
        assert found.select("open", "dwell_median_low_s", "dwell_open_median_low_s").row(0) == (2, 1.0, 9.0)

    def test_two_halves_by_visit_add_up(self, found):
        counts = ["hover_ins", "hover_outs", "pairs", "open", "orphan", "restored", "nested", "overlapping", "swapped"]
        half = pl.col("visit") <= found["visit"].max() // 2
        added = (
            pl.concat([dwell(found.filter(part)) for part in (half, ~half)])
            .group_by("module")
            .agg(pl.col(counts).sum())
        )
        assert_frame_equal(added.sort("module"), dwell(found).select("module", *counts))

    def test_no_numbers_depend_on_the_order_of_lines_or_hosts(self, found):
        shuffled = found.sample(fraction=1, shuffle=True, seed=1).drop("line", "seq_id", "recv_from")
        assert_frame_equal(dwell(shuffled, by="state"), dwell(found, by="state"))

    def test_wrong_columns_are_said(self):
        with pytest.raises(ToolkitError, match="needs the columns 'wiki', 'visit'"):
            dwell(pl.DataFrame({"module": ["help"]}))
        with pytest.raises(ToolkitError, match="'by' names no column of the result itself"):
            dwell(rows(("in", 0)), by="pairs")


class TestTruth:
    """Delivered events by visit and module, as the simulated readers caused them, in milliseconds."""

    def test_nearly_every_true_pair_is_found(self, found, truth):
        due = truth.group_by("module").agg(
            true_pairs=pl.col("closed_pairs_in_file").sum(),
            true_open=pl.col("open_hover_in").sum(),
            true_orphan=pl.col("orphan_hover_out").sum(),
        )
        both = dwell(found).join(due, on="module")
        for kind in ("pairs", "open", "orphan"):
            assert (both[kind] - both[f"true_{kind}"]).abs().sum() <= 2

    def test_lengths_lie_in_their_bounds_but_for_what_the_network_adds(self, found, truth):
        """By module and how many pairs a visit has: sums of the bounds hold the sum of the true lengths."""
        per_visit = hovers(found).filter(kind="pair").group_by("visit", "module").agg(
            pl.len(), pl.col("dwell_low_s", "dwell_high_s").sum()
        ).group_by("module", "len").agg(pl.col("dwell_low_s", "dwell_high_s").sum())  # fmt: skip
        due = truth.group_by("module", len=pl.col("closed_pairs_in_file").cast(pl.get_index_type())).agg(
            true=pl.col("dwell_ms_closed_pairs").sum() / 1000
        )
        both = per_visit.join(due, on=["module", "len"])
        assert both.height > 20
        assert both.select(pl.col("true").is_between("dwell_low_s", "dwell_high_s").mean()).item() > 0.95
