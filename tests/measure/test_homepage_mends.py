"""What homepage measures once got wrong: intervals, clocks, hovers, bounds of ways, and arguments that make no sense."""

from datetime import UTC, datetime
from itertools import pairwise, permutations, product

import numpy as np
import polars as pl
import pytest

from toolkit import ToolkitError, measure
from toolkit.measure import comparison, retention, user_clusters
from toolkit.measure.coverage import coverage
from toolkit.measure.engagement import module_engagement
from toolkit.measure.hovers import hovers
from toolkit.measure.noise import duplicates, noise
from toolkit.measure.steps import ordered_funnel
from toolkit.measure.usage import module_usage
from toolkit.measure.ways import _fewest_and_most

HOURS_5 = 5 * 3_600_000
START = int(datetime(2022, 9, 5, tzinfo=UTC).timestamp() * 1000)


def events(*entries, **more):
    """Events of one visit: (module, action, ms)."""
    frame = pl.DataFrame(entries, schema=["module", "action", "ms"], orient="row")
    told = {"wiki": "cswiki", "user": 1, "visit": 1, "platform": "desktop", "state": None, **more}
    return frame.with_columns(pl.lit(value).alias(name) for name, value in told.items())


def simulated(seed, users=40):
    """Visits of users who click in a quarter of them on average, each at a rate of their own."""
    made = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), made.geometric(0.25, users))
    click = made.random(len(user)) < made.beta(0.5, 1.5, users)[user]
    shown = pl.DataFrame({"user": user, "visit": np.arange(len(user)), "action": "impression", "ms": 0})
    clicked = shown.filter(pl.Series(click)).with_columns(action=pl.lit("link-click"), ms=pl.lit(5000))
    return pl.concat([shown, clicked], how="vertical_relaxed").with_columns(
        wiki=pl.lit("cswiki"), module=pl.lit("help"), platform=pl.lit("desktop")
    )


class TestIntervals:
    @pytest.mark.parametrize(
        "measured",
        [module_engagement, lambda rows: ordered_funnel(rows).filter(step=2, order="strict")],
    )
    def test_intervals_of_visits_hold_the_truth_where_users_have_several(self, measured):
        held = 0
        for seed in range(40):
            low, high = measured(simulated(seed)).select("share_low", "share_high").row(0)
            held += low <= 0.25 <= high
        assert held >= 34

    def test_two_steps_say_as_much_as_the_modules_usage(self):
        rows = simulated(1)
        used = module_usage(rows).select("n_eff", "share_low", "share_high").row(0)
        funnel = ordered_funnel(rows).filter(step=2, order="strict")
        assert funnel.select("n_eff", "share_low", "share_high").row(0) == pytest.approx(used)
        assert funnel.select("conversion_low", "conversion_high").row(0) == pytest.approx(used[1:])
        assert module_engagement(rows).select("n_eff", "share_low", "share_high").row(0) == pytest.approx(used)

    def test_few_users_make_a_wider_interval_than_many_of_the_same_effective_number(self):
        table = pl.DataFrame({"n_eff": 100.0, "freedom": [2, 1_000_000]})
        few, many = table.select(user_clusters.students("n_eff", "freedom")).to_series()
        assert few == pytest.approx(100 * (1.959964 / 4.302653) ** 2, rel=1e-5)  # from a printed table of t
        assert many == pytest.approx(100, rel=1e-4)


class TestClock:
    """A clock that was set back by an hour between two events: the order of receipt holds."""

    def rows(self):
        received = pl.Series([START, START + 60_000])
        sent = pl.Series([START, START - 3_600_000])
        at, told = (some.cast(pl.Datetime("ms", "UTC")) for some in (received, sent))
        return events(
            ("impact", "impression", 0),
            ("help", "link-click", 0),
        ).with_columns(ms=received, dt=at, client_dt=told)

    def test_time_on_the_homepage(self):
        found = measure.time_on_homepage(self.rows(), visits=None)
        assert found.select("median_s", "clock").row(0) == (60.0, "receipt")

    def test_flows(self):
        rows = self.rows().with_columns(action=pl.lit("link-click"))
        found = measure.flows(rows).filter(from_module="(start)")
        assert found["to_module"].item() == "impact"

    def test_states(self):
        rows = self.rows().with_columns(module=pl.lit("suggested-edits"), state=pl.Series(["unactivated", "activated"]))
        assert measure.module_states(rows).select("state", "state_end").row(0) == ("unactivated", "activated")


class TestHovers:
    @pytest.mark.parametrize(
        ("entries", "due"),
        [
            (
                [("impression", 0), ("hover-out", 2000), ("hover-in", 2000), ("hover-out", 11_000)],
                [("orphan", 2000, None, None), ("pair", 2000, 8.0, 10.0)],
            ),
            (
                [("impression", 0), ("hover-in", 2000), ("impression", HOURS_5), ("hover-in", HOURS_5 + 9000), ("hover-out", HOURS_5 + 9000)],
                [("open", 2000, None, None), ("pair", HOURS_5 + 9000, 0.0, 1.0)],
            ),
            (
                [("impression", 0), ("hover-in", 2000), ("impression", HOURS_5), ("hover-out", HOURS_5 + 9000)],
                [("restored", 2000, None, None)],
            ),
        ],
    )  # fmt: skip
    def test_what_the_times_tell(self, entries, due):
        rows = events(*(("help", action, ms) for action, ms in entries))
        assert hovers(rows).select("kind", "ms", "dwell_low_s", "dwell_high_s").rows() == due


class TestWays:
    def bounds(self, source, target, *entries):
        found = measure.flows(events(*((module, "link-click", ms) for module, ms in entries)))
        return found.filter(from_module=source, to_module=target).select("n", "n_low", "n_high").row(0)

    def test_a_way_that_every_order_has_is_certain(self):
        assert self.bounds("start-userpage", "impact", ("start-userpage", 0), ("start-userpage", 1), ("impact", 1)) == (
            1,
            1,
            1,
        )

    def test_of_three_at_once_each_follows_another_at_most_once(self):
        assert self.bounds("a", "b", ("a", 0), ("b", 0), ("c", 0))[1:] == (0, 1)

    def test_bounds_are_those_of_all_orders_tried_one_by_one(self):
        made = np.random.default_rng(3)
        for _ in range(60):
            groups = [list(made.choice(list("abcd"), made.integers(1, 4), replace=False)) for _ in range(3)]
            orders = [sum(way, ()) for way in product(*(permutations(group) for group in groups))]
            for source, target in product("ab", "ab"):
                hits = [sum(pair == (source, target) for pair in pairwise(way)) for way in orders]
                assert _fewest_and_most(source, target, groups) == (min(hits), max(hits))


class TestClicks:
    def test_a_task_click_is_a_click_in_every_measure(self):
        rows = events(("suggested-edits", "impression", 0), ("suggested-edits", "se-task-click", 9000))
        assert module_engagement(rows)["share"].item() == module_usage(rows)["share"].item() == 1
        assert "suggested-edits" in measure.flows(rows)["to_module"].to_list()
        told = {"mode": "desktop", "flags": 0, "dt": datetime(2022, 9, 5, tzinfo=UTC)}
        ledger = noise(rows.with_columns(pl.lit(value).alias(name) for name, value in told.items()))
        assert ledger["clicks"][0] == ledger["clicked"][0] == 1


class TestImpossible:
    @pytest.mark.parametrize(
        ("changed", "rule"),
        [
            ({"module": "impact", "action": "hover-in", "mode": "mobile-summary", "day": "2019-08-01"}, "hover on mobile layouts ended on 2019-06-27"),
            ({"module": "impact", "action": "hover-in", "mode": "mobile-details", "day": "2019-08-01"}, "hover on mobile layouts ended on 2019-06-27"),
            ({"module": "impact", "mode": "desktop", "edition": "19000731"}, "the schema's edition has no mode"),
            ({"module": "impact", "action_data": "linkId=impact-pageviews"}, "only a click has a link"),
            ({"module": "start-tutorial", "state": "complete", "action": "link-click"}, "every link of the tutorial's module has an id"),
            ({"module": "impact", "action": "se-task-click", "day": "2022-09-05"}, "suggested edits are elsewhere"),
            ({"module": "banner", "action": "se-task-click", "day": "2022-09-05"}, "suggested edits are elsewhere"),
        ],
    )  # fmt: skip
    def test_what_the_code_cannot_send(self, changed, rule):
        told = {
            "action": "impression",
            "state": "activated",
            "mode": None,
            "action_data": "",
            "edition": None,
            "day": "2019-06-01",
            **changed,
        }
        day = datetime.fromisoformat(told.pop("day")).replace(tzinfo=UTC)
        row = pl.DataFrame(
            [{"wiki": "cswiki", "user": 1, "visit": 1, "ms": int(day.timestamp() * 1000), **told}],
            schema_overrides={"mode": pl.String, "edition": pl.String},
        )  # fmt: skip
        assert rule in measure.impossible(row)["rule"].to_list()


ROWS = events(("help", "impression", 0), ("help", "link-click", 9000), action_data="", mode="desktop", flags=0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: measure.flows(ROWS, by="module"), "'by' does not split ways"),
        (lambda: measure.steps(ROWS, by="module"), "'by' does not split ways"),
        (lambda: measure.steps(ROWS, most=0), "'most' is a number of steps"),
        (lambda: measure.flows(ROWS, actions="clack"), "no action named 'clack'"),
        (lambda: ordered_funnel(ROWS, steps=["clack"]), "no action named 'clack'"),
        (lambda: ordered_funnel(ROWS, steps=[{}]), "'steps' has actions"),
        (lambda: ordered_funnel(ROWS, steps=[5]), "'steps' has actions"),
        (lambda: ordered_funnel(ROWS, steps=[None]), "'steps' has actions"),
        (lambda: module_usage(ROWS, by=5), "'by' is the name of a column"),
        (lambda: retention.call_retention(ROWS, calls={}), "'calls' has for each module"),
        (lambda: comparison.sample_size(pl.DataFrame(schema=dict.fromkeys(comparison.COMPARED, pl.Float64)), tests=0), "'tests' is a number"),
        (lambda: measure.returns(ROWS, within_d=-1), "'within_d' is a number of days"),
        (lambda: measure.time_on_homepage(ROWS, gap_s=-1), "'gap_s' is a number of seconds"),
        (lambda: duplicates(ROWS, burst_s=-1), "'burst_s' is a number of seconds"),
        (lambda: coverage(ROWS, ROWS, alpha=2), "'alpha' lies between 0 and 1"),
        (lambda: measure.returns(ROWS, level=2), "'level' lies between 0 and 1"),
        (lambda: measure.first_visits(ROWS, registrations=pl.DataFrame(), level=2), "'level' lies between 0 and 1"),
        (lambda: measure.flows(ROWS, level=2), "'level' lies between 0 and 1"),
        (lambda: measure.steps(ROWS, level=2), "'level' lies between 0 and 1"),
        (lambda: measure.impossible(ROWS, level=2), "'level' lies between 0 and 1"),
        (lambda: noise(ROWS, level=2), "'level' lies between 0 and 1"),
        (lambda: duplicates(ROWS, level=2), "'level' lies between 0 and 1"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_in_a_sentence(call, words):
    with pytest.raises(ToolkitError, match=words):
        call()


def test_visits_that_cannot_be_placed_are_counted():
    pages = pl.DataFrame({"wiki": "cswiki", "user": 1, "visit": [1], "ms": 0, "is_mobile": False})
    rows = pl.concat([ROWS, ROWS.with_columns(visit=pl.lit(2, dtype=pl.Int32))])
    found = measure.time_on_homepage(rows.with_columns(pl.col("visit").cast(pl.Int64)), visits=pages)
    assert found.select("n", "unplaced").row(0) == (1, 1)
