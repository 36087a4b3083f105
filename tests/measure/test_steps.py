"""Ordered funnels, held against all ways of taking the steps, counted one by one."""

from datetime import timedelta
from importlib import import_module
from itertools import pairwise, permutations, product

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load
from toolkit.measure.steps import ordered_funnel

ORDERS = ["strict", "permissive", "order-free"]
ABC = ["a", "b", "c"]


def rows(*entries, **more):
    """Events of (visit, action, second)."""
    schema = {"visit": pl.Int64, "action": pl.String, "second": pl.Int64}
    frame = pl.DataFrame(entries, schema=schema, orient="row")
    constants = {"wiki": "cswiki", "module": "help", **more}
    return frame.select(
        "visit", "action", ms=pl.col("second") * 1000, **{name: pl.lit(value) for name, value in constants.items()}
    )


def n(frame, steps, **more):
    """Units that take all steps: strict, permissive and in any order."""
    return ordered_funnel(frame, steps=steps, **more).filter(step=len(steps))["n"].to_list()


@pytest.fixture(scope="module", autouse=True)
def _letters():
    """Let letters stand for actions, so that the ways between them are easy to read."""
    with pytest.MonkeyPatch.context() as patch:
        # a measure of the room is called steps too
        patch.setattr(import_module("toolkit.measure.steps"), "click_actions", list)
        yield


class TestOrder:
    def test_a_later_time_counts_in_all_three(self):
        assert n(rows((1, "a", 0), (1, "b", 1)), ["a", "b"]) == [1, 1, 1]

    def test_the_same_time_may_be_either_order(self):
        assert n(rows((1, "a", 0), (1, "b", 0)), ["a", "b"]) == [0, 1, 1]

    def test_the_wrong_order_counts_only_where_order_is_free(self):
        assert n(rows((1, "b", 0), (1, "a", 1)), ["a", "b"]) == [0, 0, 1]

    def test_a_step_that_comes_before_and_after_counts(self):
        assert n(rows((1, "b", 0), (1, "a", 1), (1, "b", 2)), ["a", "b"]) == [1, 1, 1]

    def test_a_step_that_is_named_twice_needs_two_events(self):
        assert n(rows((1, "a", 0)), ["a", "a"]) == [0, 0, 0]
        assert n(rows((1, "a", 0), (1, "a", 0)), ["a", "a"]) == [0, 1, 1]
        assert n(rows((1, "a", 0), (1, "a", 3)), ["a", {"action": "a"}]) == [1, 1, 1]

    def test_the_same_visit_number_on_two_wikis_is_two_visits(self):
        both = pl.concat([rows((1, "a", 0)), rows((1, "b", 1), wiki="kowiki")])
        assert n(both, ["a", "b"]) == [0, 0, 0]

    def test_a_user_may_take_the_steps_on_several_visits(self):
        frame = rows((1, "a", 0), (2, "b", 9), user=7)
        assert n(frame, ["a", "b"]) == [0, 0, 0]
        assert n(frame, ["a", "b"], per="user") == [1, 1, 1]

    def test_events_without_a_unit_belong_to_none(self):
        assert n(rows((None, "a", 0), (None, "b", 1)), ["a", "b"]) == [0, 0, 0]


class TestWindow:
    def test_a_later_first_step_may_begin_where_the_first_is_too_old(self):
        frame = rows((1, "a", 0), (1, "a", 100), (1, "b", 110))
        assert n(frame, ["a", "b"], within="30s") == [1, 1, 1]
        assert n(frame, ["a", "b"], within=timedelta(seconds=9)) == [0, 0, 0]

    def test_time_runs_from_the_earliest_step_that_may_begin(self):
        frame = rows((1, "a", 0), (1, "a", 100), (1, "b", 110))
        times = ["time_median_low_s", "time_median_high_s"]
        assert ordered_funnel(frame, steps=["a", "b"]).filter(step=2).select(times).row(0) == (109.0, 111.0)
        windowed = ordered_funnel(frame, steps=["a", "b"], within="30s").filter(step=2)
        assert windowed.select(times).rows() == [(9.0, 11.0), (9.0, 11.0), (None, None)]

    @pytest.mark.parametrize("within", ["soon", "0s", timedelta(0)])
    def test_a_window_is_a_length_of_time(self, within):
        with pytest.raises(ToolkitError, match="'within' is a length of time"):
            n(rows((1, "a", 0)), ["a"], within=within)


class TestExclude:
    def test_an_event_between_the_steps_rules_the_way_out(self):
        frame = rows((1, "a", 0), (1, "x", 1), (1, "b", 2))
        assert n(frame, ["a", "b"], exclude="x") == [0, 0, 0]
        assert n(frame, ["a", "b"], exclude=[{"action": "y"}]) == [1, 1, 1]

    def test_a_way_after_it_counts(self):
        assert n(rows((1, "a", 0), (1, "x", 1), (1, "a", 2), (1, "b", 3)), ["a", "b"], exclude="x") == [1, 1, 1]

    def test_at_the_time_of_a_step_it_may_be_between_them_or_not(self):
        assert n(rows((1, "a", 0), (1, "b", 2), (1, "x", 2)), ["a", "b"], exclude="x") == [0, 1, 1]


class TestSteps:
    def test_conditions_and_expressions_say_the_same(self):
        frame = pl.concat([rows((1, "a", 0), (1, "b", 1)), rows((2, "a", 0), (2, "b", 1), module="impact")])
        by_words = n(frame, [{"action": "a"}, {"action": ["b", "c"], "module": "help"}])
        both = (pl.col("action") == "b") & (pl.col("module") == "help")
        assert by_words == n(frame.lazy(), [pl.col("action") == "a", both]) == [1, 1, 1]

    def test_a_missing_value_is_a_condition_too(self):
        frame = rows((1, "a", 0), (1, "b", 1)).with_columns(state=pl.Series([None, "new"]))
        assert n(frame, [{"state": None}, {"state": "new"}]) == [1, 1, 1]

    def test_labels_are_those_given(self):
        found = ordered_funnel(rows((1, "a", 0)), steps={"seen": "a", "used": {"action": "b", "module": "help"}})
        assert found["label"].unique(maintain_order=True).to_list() == ["seen", "used"]

    def test_a_step_that_was_not_logged_then_says_so(self):
        late = rows((1, "impression", 1_650_000_000))
        found = ordered_funnel(late, steps=["impression", "hover-in"])
        assert found["note"].unique(maintain_order=True).to_list() == [None, "hover-in was logged until 2020-04-14"]

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"steps": []}, "'steps' is a list of steps"),
            ({"steps": "impression"}, "'steps' is a list of steps"),
            ({"per": "wiki"}, "'per' takes 'visit' or 'user'"),
            ({"by": "share"}, "'by' names no column of the result itself"),
            ({"steps": [{"country": "CZ"}], "by": "state"}, "needs the columns 'country', 'state'"),
        ],
    )
    def test_wrong_arguments_are_said(self, wrong, message):
        with pytest.raises(ToolkitError, match=message):
            ordered_funnel(rows((1, "a", 0)), **wrong)


class TestShares:
    def test_shares_are_of_the_first_step_and_conversions_of_the_step_before(self):
        frame = rows(*[(v, "a", 0) for v in range(4)], (1, "b", 1), (2, "b", 1), (1, "c", 2))
        found = ordered_funnel(frame, steps=ABC).filter(order="strict")
        assert found.select("n", "share", "conversion").rows() == [(4, 1.0, 1.0), (2, 0.5, 0.5), (1, 0.25, 0.5)]
        assert found["share_low"].is_null().to_list() == [True, False, False]

    def test_a_share_of_nothing_is_null(self):
        found = ordered_funnel(rows((1, "b", 0)), steps=["a", "b"])
        assert found["n"].to_list() == [0] * 6
        assert found["share"].null_count() == 6

    def test_no_events_give_a_funnel_of_nobody(self):
        assert ordered_funnel(rows(), steps=["a", "b"])["n"].to_list() == [0] * 6
        assert ordered_funnel(rows(), steps=["a", "b"], by="module").is_empty()


STEPS = st.lists(st.sampled_from(ABC), min_size=1, max_size=3)
EVENTS = st.lists(st.tuples(st.integers(1, 2), st.sampled_from([*ABC, "x"]), st.integers(0, 5)), max_size=11)
WINDOW = st.none() | st.integers(1, 5)


def ways(events, steps, order, window, exclude):
    """Every way of giving each step an event of its own: its first and its last time."""
    outs = [second for action, second in events if exclude and action == "x"]
    for chosen in permutations(range(len(events)), len(steps)):
        picked = [events[at] for at in chosen]
        times = [second for _, second in picked]
        if [action for action, _ in picked] != steps:
            continue
        pairs = list(pairwise(times))
        if order == "strict" and not all(before < after for before, after in pairs):
            continue
        if order == "permissive" and not all(before <= after for before, after in pairs):
            continue
        first, last = min(times), max(times)
        if window is not None and last - first > window:
            continue
        closed = order == "strict" and len(steps) > 1
        if any(first <= out <= last if closed else first < out < last for out in outs):
            continue
        yield first, last


@settings(max_examples=120)
@given(EVENTS, STEPS, WINDOW, st.booleans())
def test_counts_and_times_are_those_of_all_ways_tried_one_by_one(events, steps, window, exclude):
    found = ordered_funnel(rows(*events), steps=steps, within=window and f"{window}s", exclude="x" if exclude else None)
    for order, (step, _) in product(ORDERS, enumerate(steps, start=1)):
        row = found.filter(step=step, order=order).row(0, named=True)
        by_visit = {}
        for visit in {visit for visit, *_ in events}:
            own = [(action, second) for who, action, second in events if who == visit]
            if possible := list(ways(own, steps[:step], order, window, exclude)):
                last = min(end for _, end in possible)
                by_visit[visit] = last - min(begin for begin, end in possible if end == last)
        assert row["n"] == len(by_visit)
        if by_visit and order != "order-free" and step > 1:
            lengths = pl.Series(list(by_visit.values()))
            assert row["time_median_low_s"] == (lengths - 1).clip(0).median()
            assert row["time_median_high_s"] == (lengths + 1).median()


@settings(max_examples=40)
@given(EVENTS, STEPS, WINDOW, st.randoms(use_true_random=False))
def test_bounds_are_in_order_and_shuffled_rows_give_the_same(events, steps, window, random):
    within = window and f"{window}s"
    found = ordered_funnel(rows(*events), steps=steps, within=within, exclude="x")
    wide = found.pivot("order", index="step", values="n")
    assert (wide["strict"] <= wide["permissive"]).all()
    assert (wide["permissive"] <= wide["order-free"]).all()
    shuffled = list(events)
    random.shuffle(shuffled)
    assert_frame_equal(ordered_funnel(rows(*shuffled), steps=steps, within=within, exclude="x"), found)


@pytest.fixture(scope="module")
def found(sample):
    """Events of the sample of 2019."""
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


HOVERED = ["impression", "hover-in", "link-click"]


class TestSample:
    def test_halves_by_visit_add_up_and_shuffled_rows_give_the_same(self, found):
        whole = ordered_funnel(found, steps=HOVERED, by="module")
        half = pl.col("visit") <= found["visit"].max() // 2
        parts = pl.concat([ordered_funnel(found.filter(part), steps=HOVERED, by="module") for part in (half, ~half)])
        added = parts.group_by("module", "step", "order").agg(pl.col("n").sum()).sort("module", "step", "order")
        assert_frame_equal(added, whole.select("module", "step", "order", "n"))
        shuffled = found.sample(fraction=1, shuffle=True, seed=1).drop("line", "seq_id")
        assert_frame_equal(ordered_funnel(shuffled, steps=HOVERED, by="module"), whole)

    def test_another_engine_counts_the_same(self, sample, tmp_path):
        """DuckDB reduces the events; of 2022, so that the clock of the browser is in it."""
        later = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows
        later.select("wiki", "user", "visit", "ms", "dt", "client_dt", "module", "action").write_parquet(
            tmp_path / "events.parquet"
        )
        asked = {
            "steps": [{"action": "impression", "module": ["help", "impact"]}, "link-click"],
            "by": "module", "within": "1h", "exclude": "close",
        }  # fmt: skip
        with duckdb.connect() as engine:
            again = ordered_funnel(engine.read_parquet(str(tmp_path / "events.parquet")), **asked)
        assert_frame_equal(again, ordered_funnel(later, **asked))

    def test_visits_with_an_impression_and_a_click_are_the_true_ones(self, found, sample):
        truth = pl.read_csv(sample / "homepage_truth_2019.csv.gz", infer_schema_length=None)
        due = (
            truth.filter(pl.col("impressions_in_file") > 0)
            .group_by("module")
            .agg(pl.len().cast(pl.Int64), clicked=(pl.col("link_clicks_in_file") > 0).sum().cast(pl.Int64))
            .sort("module")
        )
        free = ordered_funnel(found, by="module").filter(order="order-free")
        assert free.filter(step=1)["n"].to_list() == due["len"].to_list()
        assert free.filter(step=2)["n"].to_list() == due["clicked"].to_list()

    def test_the_clock_of_the_browser_orders_events_that_arrive_in_bunches(self, sample):
        later = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows
        steps = ["impression", "link-click"]
        counts = n(later, steps)
        by_receipt = n(later.drop("client_dt"), steps)
        assert counts[0] == counts[2]  # a click follows an impression, without exception
        assert by_receipt[0] < counts[0]
