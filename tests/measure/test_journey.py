"""States from visit to visit, the way between modules, and what cannot be."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load, measure, reference

TIME = int(datetime(2019, 6, 1, tzinfo=UTC).timestamp() * 1000)


def rows(*entries, module="start-email"):
    """Events of (user, visit, state, hour)."""
    frame = pl.DataFrame(
        entries, schema={"user": pl.Int64, "visit": pl.Int64, "state": pl.String, "h": pl.Int64}, orient="row"
    )
    return frame.select(
        "user", "visit", "state", ms=TIME + pl.col("h") * 3_600_000, wiki=pl.lit("cswiki"), module=pl.lit(module)
    )


def clicks(*entries):
    """Clicks of (user, visit, module, second)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "module", "s"], orient="row")
    return frame.select(
        "user", "visit", "module", ms=TIME + pl.col("s") * 1000, wiki=pl.lit("cswiki"), action=pl.lit("link-click")
    )


@pytest.fixture(scope="module")
def modules(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", keep="homepage_pageview_token").rows


class TestStates:
    def test_first_and_last_visit_are_those_in_time(self):
        found = measure.states(
            rows((1, 3, "confirmed", 9), (1, 1, "noemail", 1), (1, 2, "unconfirmed", 5), (2, 4, "noemail", 0))
        )
        assert found.select("state_first", "state_last", "n", "of", "share").rows() == [
            ("noemail", "noemail", 1, 2, 0.5), ("noemail", "confirmed", 1, 2, 0.5),
        ]  # fmt: skip

    def test_a_change_within_a_visit_has_a_beginning_and_an_end(self):
        found = measure.module_states(rows((1, 1, "activated", 2), (1, 1, "unactivated", 1), module="suggested-edits"))
        assert found.select("state", "state_end").row(0) == ("unactivated", "activated")

    def test_states_at_one_time_stand_in_their_order(self):
        found = measure.module_states(rows((1, 1, "activated", 1), (1, 1, "unactivated", 1), module="suggested-edits"))
        assert found.select("state", "state_end").row(0) == ("unactivated", "activated")

    def test_within_a_visit_the_browsers_clock_goes_before_the_receipt(self):
        sent = datetime(2022, 9, 5, tzinfo=UTC)
        received = pl.Series([sent + timedelta(seconds=9), sent + timedelta(seconds=8)])
        frame = rows((1, 1, "unactivated", 9), (1, 1, "activated", 1), module="suggested-edits").with_columns(
            client_dt=pl.Series([sent, sent + timedelta(seconds=1)]), dt=received, ms=received.dt.epoch("ms")
        )
        assert measure.module_states(frame).select("state", "state_end").row(0) == ("unactivated", "activated")

    def test_visits_of_the_server_have_states_too(self):
        pages = pl.DataFrame(
            {
                "wiki": "cswiki",
                "user": 1,
                "visit": [1, 2],
                "ms": [0, 9],
                "impact_module_state": ["unactivated", "notrendered"],
                "start_email_state": ["noemail", "confirmed"],
            }
        )
        found = measure.states(pages)
        assert found.select("module", "state_first", "state_last").rows() == [
            ("impact", "unactivated", "unactivated"),
            ("start-email", "noemail", "confirmed"),
        ]

    def test_states_of_the_sample_are_the_true_ones(self, sample, modules):
        truth = pl.read_csv(sample / "homepage_truth_2019.csv.gz", infer_schema_length=None)
        sent = truth.filter(
            pl.sum_horizontal("impressions_in_file", "link_clicks_in_file", "hover_in_in_file", "hover_out_in_file")
            > 0,
            pl.col("state").is_not_null(),
        )
        due = sent.select("wiki", "module", "state", token="homepage_pageview_token")
        found = measure.module_states(modules, by="homepage_pageview_token").select(
            "wiki", "module", "state", token="homepage_pageview_token"
        )
        assert_frame_equal(found, due, check_row_order=False)

    def test_suggested_edits_begin_as_the_truth_says(self, sample):
        """In 2022 events are received in bundles: only by the browser's clock do they stand in order."""
        kept = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz", keep="homepage_pageview_token").rows
        truth = pl.read_csv(sample / "homepage_truth_2022.csv.gz", infer_schema_length=None).filter(
            module="suggested-edits"
        )
        at_load = truth.select("wiki", "state_at_load", homepage_pageview_token="homepage_pageview_token").unique()
        ours = measure.module_states(kept, by="homepage_pageview_token").filter(module="suggested-edits")
        both = ours.join(at_load, on=["wiki", "homepage_pageview_token"])
        assert both.height == ours.height
        assert both.select((pl.col("state") == pl.col("state_at_load")).mean()).item() == 1


class TestTransitions:
    def test_backward_is_data(self):
        found = measure.transitions(rows((1, 1, "confirmed", 1), (1, 2, "noemail", 3), (1, 3, "unconfirmed", 4)))
        assert found.select("state", "state_next", "direction", "n", "median_h").rows() == [
            ("noemail", "unconfirmed", "forward", 1, 1.0), ("confirmed", "noemail", "backward", 1, 2.0),
        ]  # fmt: skip

    def test_one_visit_has_no_transition(self):
        assert measure.transitions(rows((1, 1, "noemail", 1), (2, 2, "noemail", 2))).is_empty()

    def test_pairs_and_shares_add_up(self, modules):
        found = measure.transitions(modules)
        visits = measure.module_states(modules)
        assert found["n"].sum() == visits.filter(pl.col("place") > 1).height
        assert found.group_by("module", "state").agg(pl.col("share").sum())["share"].to_list() == pytest.approx(
            [1.0] * found.select("module", "state").n_unique()
        )


class TestWaits:
    def test_a_state_is_reached_between_two_visits(self):
        found = measure.waits_for_state(
            rows((1, 1, "noemail", 0), (1, 2, "noemail", 4), (1, 3, "confirmed", 9)),
            module="start-email",
            state="confirmed",
        )
        assert found.select("reached", "wait_low_h", "wait_h").row(0) == (True, 4.0, 9.0)

    def test_who_never_gets_there_is_censored_at_the_last_visit(self):
        found = measure.waits_for_state(
            rows((1, 1, "noemail", 0), (1, 2, "unconfirmed", 4)), module="start-email", state="confirmed"
        )
        assert found.select("reached", "wait_low_h", "wait_h").row(0) == (False, 4.0, 4.0)

    def test_who_is_there_at_first_is_not_asked_and_a_higher_state_counts(self):
        frame = rows((1, 1, "confirmed", 0), (2, 2, "noemail", 0), (2, 3, "confirmed", 1))
        found = measure.waits_for_state(frame, module="start-email", state="unconfirmed")
        assert found.select("user", "reached").rows() == [(2, True)]

    def test_names_are_checked(self):
        with pytest.raises(
            ToolkitError, match="'state' takes 'noemail' or 'unconfirmed' or 'confirmed', not 'complete'"
        ):
            measure.waits_for_state(rows((1, 1, "noemail", 0)), module="start-email", state="complete")
        with pytest.raises(ToolkitError, match="no module named 'mail'"):
            measure.waits_for_state(rows((1, 1, "noemail", 0)), module="mail", state="complete")


def orders(entries):
    """Every order of the clicks of a visit that their times allow, equal modules of one time once: by brute force."""
    groups = {}
    for module, second in entries:
        groups.setdefault(second, set()).add(module)
    found = [[]]
    for second in sorted(groups):
        found = [[*way, *more] for way in found for more in permutations(sorted(groups[second]))]
    return found


class TestFlows:
    def test_a_way_has_a_start_and_an_end(self):
        found = measure.flows(clicks((1, 1, "impact", 5), (1, 1, "help", 9), (1, 1, "help", 9), (1, 1, "impact", 12)))
        assert found.select("from_module", "to_module", "n", "share").rows() == [
            ("(start)", "impact", 1.0, 1.0), ("help", "impact", 1.0, 1.0), ("impact", "(end)", 1.0, 0.5), ("impact", "help", 1.0, 0.5),
        ]  # fmt: skip

    def test_no_way_leads_from_one_visit_into_another(self):
        found = measure.flows(clicks((1, 1, "impact", 5), (1, 2, "help", 9)))
        assert found.filter(pl.col("from_module") != "(start)")["to_module"].unique().to_list() == ["(end)"]

    def test_equal_times_count_each_order_as_equally_likely_and_are_bounded(self):
        entries = [("a", 0), ("b", 1), ("c", 1), ("a", 1), ("b", 3), ("c", 4), ("d", 4)]
        found = measure.steps(clicks(*[(1, 1, module, second) for module, second in entries]), most=9)
        ways = orders(entries)
        for step, source, target, n, low, high in found.select(
            "step", "from_module", "to_module", "n", "n_low", "n_high"
        ).iter_rows():
            full = [["(start)", *way, "(end)"] for way in ways]
            hits = [way[step - 1 : step + 1] == [source, target] for way in full]
            assert n == pytest.approx(sum(hits) / len(hits)), (step, source, target)
            assert low == all(hits)
            assert high == any(hits)

    def test_flows_are_the_sum_of_their_steps(self, modules):
        steps = measure.steps(modules, actions="hover-in", most=1000)
        added = steps.group_by("from_module", "to_module").agg(pl.col("n").sum())
        flows = measure.flows(modules, actions="hover-in")
        assert_frame_equal(added, flows.select(added.columns), check_row_order=False)
        start = flows.filter(from_module="(start)")["n"].sum()
        visits = modules.filter(pl.col("action") == "hover-in").select("wiki", "visit").n_unique()
        assert start == pytest.approx(visits)
        assert flows.filter(to_module="(end)")["n"].sum() == pytest.approx(visits)

    def test_shares_of_a_row_add_up_and_lie_in_their_intervals(self, modules):
        found = measure.flows(modules)
        assert found.group_by("from_module").agg(pl.col("share").sum())["share"].to_list() == pytest.approx(
            [1.0] * found["from_module"].n_unique()
        )
        assert found.select(pl.col("share").is_between("share_low", "share_high").all()).item()


class TestImpossible:
    def event(self, **changed):
        base = {
            "wiki": "cswiki",
            "user": 1,
            "visit": 1,
            "module": "impact",
            "action": "impression",
            "state": "activated",
            "mode": "desktop",
            "action_data": "",
            "ms": TIME,
        }
        schema = {"state": pl.String, "mode": pl.String}
        return pl.DataFrame([{**base, **changed}], schema_overrides=schema)

    def test_a_legal_event_breaks_no_rule(self):
        assert measure.impossible(self.event()).is_empty()

    @pytest.mark.parametrize(
        ("changed", "rule"),
        [
            ({"state": "complete"}, "the module is never in this state"),
            ({"module": "help", "state": "complete"}, "the module is never in this state"),
            ({"module": "start-email", "state": None}, "the module always has a state"),
            ({"module": "start-account", "state": "complete", "action": "link-click"}, "the account's module has no link"),
            ({"action": "close", "ms": TIME + 30 * 86_400_000}, "only an overlay can be closed"),
            ({"action": "hover-in", "ms": TIME + 400 * 86_400_000}, "hover ended on 2020-04-14"),
            ({"action": "hover-in", "mode": "mobile-overlay"}, "no pointer hovers over an overlay"),
            ({"action": "open-nopageviews-tooltip", "module": "help", "state": None, "ms": TIME + 30 * 86_400_000}, "the tooltip is the impact module's"),
            ({"action": "link-click", "state": "unactivated", "action_data": "linkId=impact-article-title"}, "no article is shown before the first edit"),
            ({"module": "help", "state": None, "action": "link-click", "action_data": "linkId=tutorial"}, "the link is another module's"),
            ({"module": "start-email", "state": "confirmed", "action": "link-click", "action_data": "linkId=email-noemail"}, "the email's link is that of its state"),
            ({"module": "suggested-edits"}, "the module did not exist yet"),
            ({"action": "se-cta-click"}, "the action did not exist yet"),
        ],
    )  # fmt: skip
    def test_each_rule_is_broken_by_its_event(self, changed, rule):
        assert rule in measure.impossible(self.event(**changed))["rule"].to_list()

    def test_help_has_no_state_and_needs_none(self):
        assert measure.impossible(self.event(module="help", state=None)).is_empty()

    @pytest.mark.parametrize("link", ["mos", "help-desk", "growthexperiments-help-questions-archived-7", ""])
    def test_links_of_the_wikis_own_are_possible(self, link):
        event = self.event(module="help", state=None, action="link-click", action_data=f"linkId={link}")
        assert measure.impossible(event).is_empty()

    def test_the_loaders_flag_and_the_rule_are_one(self, modules):
        spoilt = modules.head(200).with_columns(state=pl.lit("complete"))
        never = measure.impossible(spoilt).filter(rule="the module is never in this state")
        legal = (
            reference.table("module")
            .filter(pl.col("states").fill_null("").str.contains(r"\bcomplete"))["module"]
            .implode()
        )
        assert never["n"].sum() == spoilt.filter(~pl.col("module").is_in(legal)).height

    @pytest.mark.parametrize("year", ["2019", "2022"])
    def test_what_the_real_code_sent_is_possible(self, sample, year):
        assert measure.impossible(load.homepage_modules(sample / f"homepage_modules_{year}.ndjson.gz").rows).is_empty()


def test_shuffling_changes_nothing(modules):
    other = modules.sample(fraction=1, shuffle=True, seed=8)
    for name in ("states", "transitions", "flows", "steps", "impossible"):
        given = modules.with_columns(state=pl.col("state").fill_null("complete")) if name == "impossible" else modules
        again = other.with_columns(state=pl.col("state").fill_null("complete")) if name == "impossible" else other
        assert_frame_equal(getattr(measure, name)(again, by="platform"), getattr(measure, name)(given, by="platform"))


def test_wrong_columns_are_said():
    with pytest.raises(ToolkitError, match="measure.module_states needs the columns 'wiki', 'user'"):
        measure.states(pl.DataFrame({"module": ["help"]}))
    with pytest.raises(ToolkitError, match="measure.flows needs the columns"):
        measure.flows(pl.DataFrame({"module": ["help"]}))


def test_the_curve_to_a_state_leaves_out_who_was_there_and_counts_who_left():
    frame = rows(
        (1, 1, "noemail", 0),
        (1, 2, "confirmed", 9),
        (2, 3, "noemail", 0),
        (2, 4, "noemail", 4),
        (3, 5, "noemail", 0),
        (3, 6, "noemail", 20),
        (4, 7, "confirmed", 0),
    )
    found = measure.time_to_state(frame, module="start-email", state="confirmed")
    assert found.select("time_h", "at_risk", "events", "censored", "share").rows() == [
        (4.0, 3.0, 0.0, 1.0, 0.0), (9.0, 2.0, 1.0, 0.0, 0.5), (20.0, 1.0, 0.0, 1.0, 0.5),
    ]  # fmt: skip
    assert found["n"].unique().to_list() == [3]


class TestShelves:
    def test_states_of_a_module_stand_from_the_first_to_the_last(self):
        place = {state: number for number, state in enumerate(reference.table("state")["state"])}
        for some in reference.table("module")["states"].drop_nulls():
            states = some.split(" ")
            assert states == sorted(states, key=place.__getitem__)

    def test_ranks_of_a_ladder_count_from_nought(self):
        ladders = reference.table("state").group_by("ladder").agg(pl.col("rank").cast(pl.Int64))
        assert all(ranks == list(range(len(ranks))) for ranks in ladders["rank"].to_list())

    def test_every_call_to_action_is_a_link_or_an_action_that_is_known(self):
        calls, links = reference.table("call"), reference.table("link")
        of_links = calls.filter(kind="link").join(links, left_on=["module", "call"], right_on=["module", "link_id"])
        assert of_links.select("since", "until").equals(of_links.select(since="since_right", until="until_right"))
        of_actions = calls.filter(kind="action").join(reference.table("action"), left_on="call", right_on="action")
        assert of_actions["since"].to_list() == of_actions["since_right"].to_list()
        assert of_links.height + of_actions.height == calls.height
