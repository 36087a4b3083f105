"""Homepage events from both envelopes: numbers in place of ids, duplicates counted, oddities flagged."""

import gzip
import json

import polars as pl
import pytest

from toolkit import ToolkitError, keep, load


def event(**more):
    """Line of a HomepageModule event of 2019."""
    fields = {
        "action": "impression", "action_data": "", "user_id": 7, "user_editcount": 0, "module": "help",
        "is_mobile": False, "homepage_pageview_token": "t1",
    }  # fmt: skip
    capsule = {
        "schema": "HomepageModule", "revision": 19000731, "uuid": "u1", "dt": "2019-05-06T19:03:05Z",
        "webHost": "cs.wikipedia.org", "wiki": "cswiki", "recvFrom": "cp1", "seqId": 1, "userAgent": {"is_bot": False},
    }  # fmt: skip
    outside = {name: more.pop(name) for name in list(more) if name in capsule}
    return json.dumps({**capsule, **outside, "event": {**fields, **more}})


def test_both_envelopes_may_stand_in_one_file(write):
    """A folder of years joined end to end."""
    capsule = json.loads(event())
    modern = {
        "$schema": "/analytics/legacy/homepagemodule/1.5.1",
        "schema": "HomepageModule",
        "client_dt": "2022-09-05T03:18:00Z",
        "dt": "2022-09-05T03:18:00Z",
        "meta": {"id": "m1", "dt": "2022-09-05T03:18:09Z", "stream": "eventlogging_HomepageModule", "domain": "canary"},
        "webHost": "cs.wikipedia.org",
        "wiki": "cswiki",
        "event": {**capsule["event"], "mode": "desktop", "user_variant": "control"},
    }
    found = load.homepage_modules(write("m.ndjson", [json.dumps(modern), event(), json.dumps(modern)]))
    assert found.account.row(0)[1:] == (
        "HomepageModule, Event Platform and HomepageModule, EventLogging capsule",
        3,
        2,
        0,
        1,
    )
    assert found.rows["edition"].to_list() == ["1.5.1", "19000731"]
    assert [str(dt) for dt in found.rows["dt"]] == ["2022-09-05 03:18:09+00:00", "2019-05-06 19:03:05+00:00"]
    assert found.rows.filter(keep.flagged("canary"))["line"].to_list() == [1]


@pytest.mark.parametrize("year", [2019, 2022])
def test_second_deliveries_are_the_ones_that_the_truth_names(sample, year):
    found = load.homepage_modules(sample / f"homepage_modules_{year}.ndjson.gz")
    truth = pl.read_csv(sample / f"homepage_duplicates_{year}.csv")
    truth = truth.filter(file="homepagemodule") if "file" in truth.columns else truth
    assert found.account["duplicates"].item() == truth.height
    assert not set(found.rows["line"]) & set(truth["line"])


def test_a_row_leads_back_to_its_line(sample):
    path = sample / "homepage_modules_2019.ndjson.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    for row in load.homepage_modules(path).rows.gather_every(1000).iter_rows(named=True):
        source = json.loads(lines[row["line"] - 1])
        assert (source["event"]["module"], source["event"]["action"], source["seqId"]) == (
            row["module"],
            row["action"],
            row["seq_id"],
        )


def test_users_and_visits_are_numbers_per_wiki(write):
    lines = [
        event(uuid="a"),
        event(uuid="b", wiki="kowiki"),
        event(uuid="c"),
        event(uuid="d", homepage_pageview_token="t2"),
    ]
    rows = load.homepage_modules(write("m.ndjson", lines)).rows
    assert rows["user"].to_list() == [0, 1, 0, 0]
    assert rows["visit"].to_list() == [0, 1, 0, 2]


def test_no_id_of_a_person_is_kept(sample):
    rows = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows
    raw = json.loads(gzip.decompress((sample / "homepage_modules_2019.ndjson.gz").read_bytes()).splitlines()[0])
    text = str(rows.select(pl.exclude("dt", "client_dt")).head(200).to_dicts())
    assert raw["event"]["homepage_pageview_token"] not in text
    assert str(raw["event"]["user_id"]) not in text


def test_values_outside_the_edition_are_kept_and_flagged(write):
    lines = [
        event(uuid="a", action="close"),
        event(uuid="b", action="close", revision=19160826),
        event(uuid="c"),
        event(uuid="d", action="dance"),
        event(uuid="e", action="close", revision=99999999),
    ]
    rows = load.homepage_modules(write("m.ndjson", lines)).rows
    assert rows["line"].to_list() == [1, 2, 3, 4, 5]
    assert rows.filter(keep.flagged("later_value"))["line"].to_list() == [1]
    assert rows.filter(keep.flagged("unknown_value"))["line"].to_list() == [4]
    assert rows.filter(keep.flagged("unknown_edition"))["line"].to_list() == [5]


@pytest.mark.parametrize(
    ("module", "state", "flagged"),
    [("impact", "complete", 1), ("impact", "activated", 0), ("help", "complete", 1), ("start-email", "noemail", 0)],
)
def test_states_that_a_module_cannot_have_are_flagged(write, module, state, flagged):
    rows = load.homepage_modules(write("m.ndjson", [event(module=module, state=state)])).rows
    assert rows.filter(keep.flagged("impossible_state")).height == flagged


def test_the_platform_is_told_by_the_mode_where_there_is_one(write):
    lines = [
        event(uuid="a"),
        event(uuid="b", is_mobile=True),
        event(uuid="c", mode="mobile-details", revision=19160826),
    ]
    assert load.homepage_modules(write("m.ndjson", lines)).rows["platform"].to_list() == ["desktop", "mobile", "mobile"]


def test_bots_are_flagged_whether_the_agent_is_an_object_or_its_text(write):
    lines = [
        event(uuid="a", userAgent={"is_bot": True}),
        event(uuid="b", userAgent='{"is_bot": true}'),
        event(uuid="c", userAgent="Mozilla"),
    ]
    rows = load.homepage_modules(write("m.ndjson", lines)).rows
    assert rows.filter(keep.flagged("bot"))["line"].to_list() == [1, 2]


def test_a_broken_event_names_field_and_rule(write):
    found = load.homepage_modules(
        write("m.ndjson", [event(), event(user_id="x", uuid="b"), event(is_mobile="no", uuid="c")])
    )
    assert found.set_aside.select("line", "reason").rows() == [
        (2, "'event.user_id' is a str (not shown) where a whole number is due"),
        (3, "'event.is_mobile' is \"no\" where true or false is due"),
    ]


def test_visits_are_read_from_both_envelopes(sample):
    found = [load.homepage_visits(sample / f"homepage_visits_{year}.ndjson.gz").rows for year in (2019, 2022)]
    assert all(rows["visit"].n_unique() == rows.height for rows in found)
    assert found[1]["start_tutorial_state"].null_count() == found[1].height


def test_events_of_another_schema_say_who_reads_them(sample):
    with pytest.raises(
        ToolkitError,
        match="holds HomepageVisit events, not homepage modules; read it with toolkit.load.homepage_visits",
    ):
        load.homepage_modules(sample / "homepage_visits_2019.ndjson.gz")
