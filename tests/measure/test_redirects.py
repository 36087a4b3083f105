"""Redirects: a click on the tutorial that was logged as a visit is no return."""

import polars as pl
import pytest

from toolkit import ToolkitError, load, measure

START = 1_557_100_800_000  # 2019-05-06 [ms]
FIXED = 1_564_000_000_000  # 2019-07-24 [ms]


def pages(*entries, start=START):
    """Visits of (user, visit, second, route)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "s", "referer_route"], orient="row")
    ms = start + pl.col("s") * 1000
    return frame.select(
        "user", "visit", "referer_route", ms=ms, wiki=pl.lit("cswiki"), start_tutorial_state=pl.lit("incomplete")
    )


@pytest.fixture
def visits():
    """A user who clicks the tutorial on the only visit, and one who comes again by the route of redirects."""
    return pages((1, 11, 0, "direct"), (1, 12, 60, "other"), (2, 21, 0, "direct"), (2, 22, 60, "other"))


@pytest.fixture
def modules():
    shown = {"wiki": "cswiki", "module": "start-tutorial"}
    rows = [(1, 11, "impression", 1), (1, 11, "link-click", 59), (2, 21, "impression", 1), (2, 22, "impression", 61)]
    frame = pl.DataFrame(rows, schema=["user", "visit", "action", "s"], orient="row")
    return frame.select(
        "user", "visit", "action", ms=START + pl.col("s") * 1000, **{k: pl.lit(v) for k, v in shown.items()}
    )


def test_a_redirect_is_no_return(visits, modules):
    found = measure.returns(visits, modules=modules)
    assert found.select("visits", "users_returned", "share", "redirects").row(0) == (3, 1, 0.5, 1)


def test_a_redirect_is_no_later_visit_and_no_arrival(visits, modules):
    assert 12 not in measure.visit_order(visits, modules=modules)["visit"]
    found = measure.arrivals(visits, modules=modules).filter(order="later")
    assert found.select("n", "whole", "redirects").row(0) == (1, 1, 1)


def test_a_redirect_makes_no_pair_of_visits(visits, modules):
    assert measure.transitions(visits, modules=modules)["n"].sum() == 1
    assert measure.states(visits, modules=modules)["visits"].sum() == 3
    assert "redirects left out: 1 visits" in measure.states(visits, modules=modules)["note"][0]


def test_nobody_is_watched_until_a_redirect(visits, modules):
    asked = {"module": "start-tutorial", "state": "complete"}
    found = measure.waits_for_state(visits, modules=modules, **asked)
    assert found.select("user", (pl.col("wait_h") * 60).round(2)).rows() == [(1, 0.0), (2, 1.0)]
    assert "redirects left out: 1 visits" in measure.time_to_state(visits, modules=modules, **asked)["note"][0]


def test_a_click_on_a_page_left_open_for_days_is_no_return(visits, modules):
    """User 1 clicks on day 9, on the page of day 0; user 2 comes on day 9 again."""
    day_9 = pl.when(pl.col("ms") > START + 30_000).then(pl.col("ms") + 9 * 86_400_000).otherwise(pl.col("ms"))
    late = [frame.with_columns(ms=day_9) for frame in (visits, modules)]
    ended = pages((3, 31, 60 * 86_400, "direct"))
    found = measure.retained_usage(late[1], visits=pl.concat([late[0], ended]), days=7)
    assert found.select("n", "others_n").row(0) == (1, 1)


@pytest.mark.parametrize("measured", [measure.returns, measure.arrivals, measure.states, measure.transitions])
def test_without_module_events_a_sentence_warns_of_redirects_until_they_ended(measured, visits):
    def said(frame):
        return [note for note in measured(frame)["note"] if note and "tutorial" in note]

    assert said(visits)
    assert not said(visits.with_columns(ms=pl.col("ms") - START + FIXED))


def test_redirects_of_each_group_add_up_to_all(visits, modules):
    split = measure.returns(visits, modules=modules, by="user")
    assert split["redirects"].sum() == measure.returns(visits, modules=modules)["redirects"].item()


def test_loads_that_number_visits_apart_are_refused(visits, modules):
    with pytest.raises(ToolkitError, match="same key"):
        measure.returns(visits.with_columns(pl.col("visit").cast(pl.UInt32)), modules=modules)


def test_returns_of_the_sample_come_near_the_truth(sample):
    visits = load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="k").rows
    modules = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="k").rows
    truth = pl.read_csv(sample / "homepage_truth_visits_2019.csv.gz", infer_schema_length=None)
    made = truth.filter(pl.col("client_status") != "redirect").group_by("wiki", "user_id").len()
    true = made.select((pl.col("len") > 1).mean()).item()
    with_them, without = (measure.returns(visits, modules=given)["share"].item() for given in (None, modules))
    # users without scripts keep theirs: their click is not logged either
    assert abs(without - true) < 0.02 < with_them - true
