"""What homepage measures are given: odd arguments give one sentence, categories are as good as text."""

import inspect
from contextlib import suppress
from types import ModuleType

import polars as pl
import polars.selectors as cs
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, chart, load, measure

TEXTS = cs.by_name(
    "wiki", "module", "action", "action_data", "state", "mode", "platform", "referer_route", require_all=False
)
FOR_STATE = {"module": "start-tutorial", "state": "complete"}
OF_MODULES = {
    measure.call_retention: {"days": 2}, measure.compare_modules: {"between": "platform"}, measure.duplicate_kinds: {},
    measure.duplicates: {}, measure.dwell: {}, measure.flows: {}, measure.hovers: {}, measure.impossible: {}, measure.link_usage: {}, measure.mentor_usage: {},
    measure.module_engagement: {}, measure.module_returns: {}, measure.module_states: {}, measure.module_usage: {}, measure.modules_used: {},
    measure.noise: {}, measure.ordered_funnel: {}, measure.place_effect: {}, measure.place_usage: {}, measure.retained_usage: {"days": 2},
    measure.start_progress: {}, measure.states: {}, measure.steps: {}, measure.time_on_homepage: {},
    measure.time_to_state: FOR_STATE, measure.transitions: {}, measure.waits_for_state: FOR_STATE,
}  # fmt: skip
OF_VISITS = {measure.arrivals: {}, measure.returns: {}, measure.visit_order: {}}
OF_ACCOUNTS = {measure.first_visits: {}, measure.time_to_first_visit: {}}
MEASURES = {**OF_MODULES, **OF_VISITS, **OF_ACCOUNTS}
DAYS, HOURS, SECONDS = (
    "is a number of days above 0",
    "is a number of hours above 0",
    "is a number of seconds, 0 or more",
)


@pytest.fixture(scope="module")
def tables(sample):
    modules = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="k").rows.head(3000)
    visits = load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="k").rows.head(600)
    first = measure.visit_order(visits).filter(pl.col("place") == 1)
    return modules, visits, first.select("wiki", "user", registered=pl.col("dt") - pl.duration(hours=5))


def arguments(measured, tables):
    """Frame that a measure is of, and its other arguments."""
    modules, visits, accounts = tables
    more = {"registrations": accounts} if measured in OF_ACCOUNTS else {}
    return modules if measured in OF_MODULES else visits, {**MEASURES[measured], **more}


def named(measured):
    return measured.__name__


@pytest.mark.parametrize("room", [measure, chart])
def test_every_public_name_is_what_it_says_and_no_file_of_the_room(room):
    assert not [name for name in room.__all__ if isinstance(getattr(room, name), ModuleType)]


@pytest.mark.parametrize("measured", MEASURES, ids=named)
def test_what_is_no_table_is_refused_in_a_sentence(measured, tables):
    _, more = arguments(measured, tables)
    for given in (None, [1, 2], "visits.csv", 5, {"wiki": ["cswiki"]}, pl.Series([1])):
        with pytest.raises(ToolkitError, match="is a table, such as"):
            measured(given, **more)
    with pytest.raises(ToolkitError, match="needs the column"):
        measured(pl.DataFrame({"a": [1]}), **more)


@pytest.mark.parametrize("measured", MEASURES, ids=named)
def test_a_level_that_is_no_probability_is_refused_in_a_sentence(measured, tables):
    frame, more = arguments(measured, tables)
    if "level" in inspect.signature(measured).parameters:
        for level in ("95", None, 95, True, float("nan")):
            with pytest.raises(ToolkitError, match="'level' lies between 0 and 1"):
                measured(frame, **more, level=level)


@pytest.mark.parametrize("measured", MEASURES, ids=named)
def test_dimensions_that_make_no_sense_are_refused_in_a_sentence(measured, tables):
    frame, more = arguments(measured, tables)
    if "by" in inspect.signature(measured).parameters:
        for by in ("", 5, {"a": 1}, ["wiki", None], "colour"):
            with pytest.raises(ToolkitError):
                measured(frame, **{**more, "by": by})
        for by in ("ms", "user", "visit", "state", "action"):  # may split, or be refused
            with suppress(ToolkitError):
                assert measured(frame, **{**more, "by": by}).height >= 0


@pytest.mark.parametrize("kind", ["categorical", "enum"])
@pytest.mark.parametrize("measured", MEASURES, ids=named)
def test_categories_are_as_good_as_text(measured, tables, kind):
    frame, more = arguments(measured, tables)
    words = sorted(set().union(*(frame[name].drop_nulls() for name in cs.expand_selector(frame, TEXTS))))
    coded = frame.with_columns(TEXTS.cast(pl.Categorical if kind == "categorical" else pl.Enum(words)))
    found = measured(coded, **more).with_columns((TEXTS & ~cs.string()).cast(pl.String))
    assert_frame_equal(found, measured(frame, **more), abs_tol=1e-9)


@pytest.mark.parametrize(
    ("measured", "odd", "said"),
    [
        (measure.module_usage, {"actions": []}, "'actions' is the name of an action"),
        (measure.module_usage, {"actions": 5}, "'actions' is the name of an action"),
        (measure.module_usage, {"per": ["visit"]}, "'per' takes 'visit' or 'user'"),
        (measure.retained_usage, {"days": "7"}, DAYS),
        (measure.retained_usage, {"days": float("nan")}, DAYS),
        (measure.retained_usage, {"window": -5}, "'window' is longer than 2 days"),
        (measure.retained_usage, {"visits": "visits.csv"}, "'visits' is a table"),
        (measure.retained_usage, {"retained": 5}, "'retained' is a table of polars"),
        (measure.call_retention, {"calls": {"help": "help-desk"}}, "'calls' has for each module a list"),
        (measure.call_retention, {"calls": {"halp": ["help-desk"]}}, "no module named 'halp'"),
        (measure.call_retention, {"within": []}, "'within' names one of"),
        (measure.place_usage, {"layout": ["halp"]}, "no module named 'halp'"),
        (measure.place_usage, {"layout": "2018"}, "no layout named '2018'; toolkit/tables/layout.csv has 2019"),
        (measure.place_usage, {"layout": 5}, "'layout' lists modules"),
        (measure.steps, {"most": "3"}, "'most' is a number of steps"),
        (measure.duplicates, {"burst_s": "1"}, SECONDS),
        (measure.time_on_homepage, {"gap_s": None}, SECONDS),
        (measure.returns, {"within_d": "7"}, DAYS),
        (measure.returns, {"modules": 5}, "'modules' is a table"),
        (measure.first_visits, {"within_h": []}, HOURS),
        (measure.first_visits, {"within_h": [24, "x"]}, HOURS),
        (measure.first_visits, {"until": "2019-06-01"}, "'until' is a time in UTC"),
        (measure.first_visits, {"registrations": None}, "'registrations' is a table of polars"),
        (measure.compare_modules, {"between": ""}, "'between' is the name of a column"),
        (measure.compare_modules, {"between": "module"}, "not among the columns of by"),
        (measure.noise, {"accounts": "staff.csv"}, "'accounts' is a table of polars"),
        (measure.noise, {"account": 5}, "'account' is a table of polars"),
        (measure.time_to_state, {"state": None}, "'state' takes"),
    ],
)
def test_an_odd_argument_is_refused_in_a_sentence_that_names_it(measured, odd, said, tables):
    frame, more = arguments(measured, tables)
    with pytest.raises(ToolkitError, match=said):
        measured(frame, **{**more, **odd})


@pytest.mark.parametrize(
    "drawn",
    [
        chart.arrivals, chart.call_retention, chart.compare_shares, chart.coverage, chart.dwell, chart.dwell_lengths,
        chart.first_visits, chart.flows, chart.link_usage, chart.mentor_usage, chart.module_engagement, chart.module_returns,
        chart.module_usage, chart.modules_used, chart.noise, chart.ordered_funnel, chart.place_effect, chart.place_usage,
        chart.retained_usage, chart.sample_size, chart.start_progress, chart.states, chart.steps, chart.time_on_homepage,
        chart.time_to_first_visit, chart.time_to_state, chart.transitions,
    ],
    ids=named,
)  # fmt: skip
def test_a_chart_of_what_is_no_table_is_refused_in_a_sentence(drawn):
    for given in (None, [1], "table.csv", pl.LazyFrame({"share": [0.5]})):
        with pytest.raises(ToolkitError, match="is the collected table of a measure"):
            drawn(given)


class TestLists:
    def test_a_list_of_accounts_means_nothing_for_users_that_are_numbered_in_one_load(self, sample):
        rows = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows
        accounts = measure.known_users(pl.DataFrame({"wiki": ["cswiki"], "user_id": [7]}), key="k")
        with pytest.raises(ToolkitError, match="numbered within one load"):
            measure.noise(rows, accounts=accounts)

    def test_a_list_of_ids_asks_for_rows_with_ids(self, tables):
        with pytest.raises(ToolkitError, match="measure.noise needs the column 'user_id'"):
            measure.noise(tables[0], accounts=pl.DataFrame({"wiki": ["cswiki"], "user_id": [7]}))
