"""Who comes back: by eye, against a count by hand over the truth, and against strata with a known answer."""

import random

import polars as pl
import pytest

from toolkit import ToolkitError, load
from toolkit.measure.retention import call_retention, mantel_haenszel, retained_usage

DAY = 86_400_000


def visit(user, visit, day, *clicks, module="mentorship", **more):
    """Events of one visit: the impression, and clicks on links."""
    actions = ["impression", *["link-click"] * len(clicks)]
    given = {"wiki": "cswiki", "platform": "desktop", "state": None, **more}
    return pl.DataFrame({
        "user": user, "visit": visit, "module": module, "action": actions, "ms": pl.Series([int(day * DAY)] * len(actions), dtype=pl.Int64),
        "action_data": ["", *(f"linkId={link}" for link in clicks)],
    }).with_columns(**{name: pl.lit(value, dtype=pl.String) for name, value in given.items()})  # fmt: skip


END = visit(99, 99, 60)  # so that all others' time is over
FEW = pl.concat([
    visit(1, 1, 0, "mentor-usertalk"), visit(1, 2, 9), visit(2, 3, 0), visit(2, 4, 6.9), visit(3, 5, 1), visit(3, 6, 9), visit(4, 7, 1), END,
])  # fmt: skip


class TestRetainedUsage:
    def test_a_return_counts_from_day_n_to_the_end_of_the_window(self):
        """User 1 is back after 9 days, 2 after 6.9, 3 after 8, 4 never."""
        assert retained_usage(FEW, days=7, window=14).select("n", "others_n").row(0) == (2, 2)
        assert retained_usage(FEW, days=6, window=8.5).select("n", "others_n").row(0) == (2, 2)
        assert retained_usage(FEW, days=8.5, window=14).select("n", "others_n").row(0) == (1, 3)

    def test_a_user_whose_window_is_not_over_is_counted_apart(self):
        late = pl.concat([FEW, visit(5, 8, 50), visit(5, 9, 58)])
        found = retained_usage(late, days=7, window=14)
        assert found.select("n", "others_n", "incomplete").row(0) == (2, 2, 2)  # users 5 and 99

    def test_a_click_after_the_first_days_says_nothing_of_what_led_to_the_return(self):
        frame = pl.concat([visit(1, 1, 0), visit(1, 2, 9, "mentor-usertalk"), visit(2, 3, 0), END])
        assert retained_usage(frame, days=7).select("n", "clicked").row(0) == (1, 0)

    def test_visits_without_module_events_are_returns_too(self):
        frame = pl.concat([visit(1, 1, 0), visit(2, 3, 0), END])
        seen = pl.DataFrame({"wiki": "cswiki", "user": [1, 1, 2], "visit": [1, 2, 3], "ms": [0, 8 * DAY, 0]})
        assert retained_usage(frame, days=7, visits=seen).select("n", "others_n").row(0) == (1, 1)

    def test_an_outside_table_decides_who_is_retained(self):
        found = retained_usage(FEW, days=7, retained=pl.DataFrame({"wiki": ["cswiki"], "user": [4]}))
        assert found.select("n", "clicked", "others_n", "window").row(0) == (1, 0, 3, None)

    def test_users_numbered_by_two_loads_are_refused(self, sample):
        modules = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows
        visits = load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz").rows
        with pytest.raises(ToolkitError, match="load both with the same `key=`"):
            retained_usage(modules, days=2, visits=visits)

    def test_users_hashed_by_two_keys_are_refused(self, sample):
        modules = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz", key="a").rows
        visits = load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz", key="b").rows
        with pytest.raises(ToolkitError, match="load both with the same `key=`"):
            retained_usage(modules, days=2, visits=visits)

    def test_a_window_that_ends_before_it_begins_is_refused(self):
        with pytest.raises(ToolkitError, match="is longer than 7 days"):
            retained_usage(FEW, days=7, window=7)

    def test_it_is_the_count_by_hand_on_the_sample(self, sample):
        modules = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="k").rows
        visits = load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="k").rows
        found = retained_usage(modules, days=3, visits=visits).filter(module="help").row(0, named=True)
        times, seen, clicked = {}, {}, {}
        for wiki, user, visit_id, ms in pl.concat(
            [visits.select("wiki", "user", "visit", "ms"), modules.select("wiki", "user", "visit", "ms")]
        ).iter_rows():
            of_user = times.setdefault((wiki, user), {})
            of_user[visit_id] = min(ms, of_user.get(visit_id, ms))
        end = max(ms for of_user in times.values() for ms in of_user.values())
        first = {user: min(of_user.values()) for user, of_user in times.items()}
        for wiki, user, action, ms in modules.filter(module="help").select("wiki", "user", "action", "ms").iter_rows():
            if ms < first[wiki, user] + 3 * DAY:
                seen[wiki, user] = seen.get((wiki, user), False) or action == "impression"
                clicked[wiki, user] = clicked.get((wiki, user), False) or action == "link-click"
        over = [user for user, shown in seen.items() if shown and end - first[user] >= 6 * DAY]
        back = {user for user in over if any(3 * DAY <= ms - first[user] < 6 * DAY for ms in times[user].values())}
        due = (len(back), sum(clicked[user] for user in back), len(over) - len(back), sum(seen.values()) - len(over))
        assert (found["n"], found["clicked"], found["others_n"], found["incomplete"]) == due


class TestCallRetention:
    def test_who_followed_the_call_is_compared_with_the_same_kind_of_user(self):
        found = call_retention(FEW, days=7).row(0, named=True)
        assert (found["n"], found["retained"], found["others_n"], found["others_retained"]) == (1, 1, 3, 1)
        assert found["difference"] == pytest.approx(1 - 1 / 3)

    def test_another_link_is_no_call(self):
        frame = pl.concat([visit(1, 1, 0, "mentor-userpage"), visit(2, 3, 0), END])
        found = call_retention(frame, days=7).row(0, named=True)
        assert (found["n"], found["others_n"], found["note"]) == (0, 2, "nobody followed a call of this module")
        own = call_retention(frame, days=7, calls={"mentorship": ["mentor-userpage"]})
        assert own["n"].item() == 1

    @pytest.mark.parametrize("stratum", ["wiki", "platform", "state"])
    def test_users_of_another_stratum_are_not_compared(self, stratum):
        frame = pl.concat(
            [visit(1, 1, 0, "mentor-usertalk", **{stratum: "one"}), visit(2, 3, 0, **{stratum: "other"}), END]
        )
        found = call_retention(frame, days=7).row(0, named=True)
        assert (found["compared_n"], found["difference"]) == (0, None)
        assert "no user who did has a comparable one" in found["note"]
        without = call_retention(
            frame, days=7, within=[name for name in ("wiki", "platform", "state", "week") if name != stratum]
        )
        assert without["compared_n"].item() == 1

    def test_a_planted_confounder_is_taken_out(self):
        """On mobile fewer follow the call and fewer return, but the call itself does nothing."""
        chance, parts = random.Random(2), []
        for user in range(900):
            mobile = chance.random() < 0.5
            follows, returns = chance.random() < (0.1 if mobile else 0.5), chance.random() < (0.1 if mobile else 0.5)
            more = {"platform": "mobile" if mobile else "desktop"}
            parts.append(visit(user, 2 * user, 0, *(["mentor-usertalk"] if follows else []), **more))
            if returns:
                parts.append(visit(user, 2 * user + 1, 8, **more))
        found = call_retention(pl.concat([*parts, visit(9999, 9999, 60)]), days=7).row(0, named=True)
        assert found["share_low"] > found["others_share_high"]  # what a naive comparison would report
        assert found["difference_low"] < 0 < found["difference_high"]


class TestMantelHaenszel:
    def test_one_stratum_is_the_plain_difference(self):
        cells = pl.DataFrame({"module": "help", "n": [40.0], "x": [20.0], "m": [60.0], "y": [15.0]})
        found = mantel_haenszel(cells, by=["module"]).row(0, named=True)
        assert found["difference"] == pytest.approx(0.25)

    def test_the_ends_of_the_interval_are_as_far_from_it_as_satos_variance_allows(self):
        """18 of 20 against 20 of 200: a stratum whose variance is 0.9 * 0.1 / 20 + 0.1 * 0.9 / 200 at the difference seen."""
        cells = pl.DataFrame({"module": "help", "n": [20.0], "x": [18.0], "m": [200.0], "y": [20.0]})
        found = mantel_haenszel(cells, by=["module"]).row(0, named=True)
        weight = 20 * 200 / 220
        q = (18 * 180 + 20 * 2) / 440 / weight**2  # the variance if there were no difference
        p = (0.09 / 20 + 0.09 / 200 - q) / 0.8  # linear in the difference
        for end in (found["difference_low"], found["difference_high"]):
            assert (end - 0.8) ** 2 == pytest.approx(1.959964**2 * (p * end + q), rel=1e-5)

    @pytest.mark.parametrize(("strata", "most", "others"), [(60, 3, 8), (4, 30, 120)])
    def test_intervals_hold_the_truth_for_many_small_and_for_few_large_strata(self, strata, most, others):
        chance, found = random.Random(5), []
        for draw in range(300):
            for _ in range(strata):
                base, n, m = chance.uniform(0.1, 0.4), chance.randint(0, most), chance.randint(0, others)
                x, y = (
                    sum(chance.random() < share for _ in range(size)) for share, size in ((base + 0.1, n), (base, m))
                )
                found.append((draw, float(n), float(x), float(m), float(y)))
        table = mantel_haenszel(pl.DataFrame(found, schema=["draw", "n", "x", "m", "y"], orient="row"), by=["draw"])
        assert 0.92 < table.select(pl.lit(0.1).is_between("difference_low", "difference_high").mean()).item() < 0.985
        assert table["difference"].mean() == pytest.approx(0.1, abs=0.01)
