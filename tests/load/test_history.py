"""Banner history: one row for each entry of a log, and no entry lost."""

import json

import polars as pl
import pytest

from toolkit import keep, load


def event(*entries, **more):
    """Line of a CentralNoticeBannerHistory event."""
    outside = {
        "uuid": "u1",
        "dt": "2023-11-20T10:00:00Z",
        "wiki": "dewiki",
        "recvFrom": "cp1",
        "seqId": 1,
        "revision": 19079897,
    }
    outside |= {name: more.pop(name) for name in list(more) if name in outside}
    fields = {"i": "6f1d0c", "r": 0.01, "n": len(entries), "l": list(entries), **more}
    return json.dumps(
        {"schema": "CentralNoticeBannerHistory", "webHost": "de.wikipedia.org", **outside, "event": fields}
    )


def test_each_entry_is_a_row_in_the_order_of_the_log(write):
    line = event("|demo_nl|1700000098|2.3", "ctl|demo_nl|1700000012|2.10", n=5)
    rows = load.banner_history(write("h.ndjson", [line])).rows
    assert rows.select("log", "position", "banner", "campaign", "status_code", "logged", "sent").rows() == [
        (0, 0, None, "demo_nl", "2.3", 5, 2),
        (0, 1, "ctl", "demo_nl", "2.10", 5, 2),
    ]
    assert rows["ms"].to_list() == [1700000098000, 1700000012000]
    assert rows["sample_rate"].to_list() == [0.01, 0.01]


def test_a_bar_in_a_banner_s_name_belongs_to_the_name(write):
    rows = load.banner_history(write("h.ndjson", [event("a|b|camp|1700000012|6")])).rows
    assert rows.select("banner", "campaign", "status_code").row(0) == ("a|b", "camp", "6")


def test_a_log_without_a_rate_was_forced(write):
    line = json.loads(event("|c|1700000012|6"))
    del line["event"]["r"]
    rows = load.banner_history(write("h.ndjson", [json.dumps(line)])).rows
    assert rows.select("sample_rate", "forced").row(0) == (None, True)


def test_a_log_without_entries_is_one_row_without_position(write):
    rows = load.banner_history(write("h.ndjson", [event(e="no storage")])).rows
    assert rows.select("position", "campaign", "error").row(0) == (None, None, "no storage")
    assert rows.filter(keep.flagged("empty_log")).height == 1


@pytest.mark.parametrize("entry", ["|c|soon|6", "6", "", "c|1700000012|6|"])
def test_an_entry_that_is_none_is_set_aside_and_the_others_stay(write, entry):
    found = load.banner_history(write("h.ndjson", [event("|c|1700000012|6", entry, "|c|1700000013|6")]))
    assert found.rows["position"].to_list() == [0, 2]
    assert found.set_aside["reason"].to_list() == [
        f"entry 2 of the log is '{entry}' where banner|campaign|time|status code is due"
    ]
    assert found.account.select("rows_in", "kept", "set_aside").row(0) == (3, 2, 1)


def test_a_second_delivery_of_a_log_is_a_second_delivery_of_its_entries(write):
    line = event("|c|1700000012|6", "|c|1700000013|2.2")
    found = load.banner_history(write("h.ndjson", [line, line, event("|c|1700000012|6", uuid="u2")]))
    assert found.account.select("rows_in", "kept", "set_aside", "duplicates").row(0) == (5, 3, 0, 2)
    assert found.rows["log"].to_list() == [0, 0, 0]  # one browser's log sent twice under two ids


def test_the_identifier_of_a_log_is_not_kept_unless_named(write):
    path = write("h.ndjson", [event("|c|1700000012|6"), "{broken 6f1d0c"])
    assert "6f1d0c" not in str(load.banner_history(path).rows.to_dicts())
    assert load.banner_history(path, keep="i").rows["i"].to_list() == ["6f1d0c"]


def test_both_editions_of_platform_and_capsule_are_read(write):
    old = json.loads(event("|c|1700000012|6"))
    new = {
        "$schema": "/analytics/legacy/centralnoticebannerhistory/1.0.0",
        "schema": "CentralNoticeBannerHistory",
        "event": old["event"],
        "meta": {"id": "m1", "dt": "2023-11-20T10:00:00Z", "stream": "eventlogging_CentralNoticeBannerHistory"},
    }
    rows = load.banner_history(write("h.ndjson", [json.dumps(old), json.dumps(new)])).rows
    assert rows["edition"].to_list() == ["19079897", "1.0.0"]
    assert rows.select(pl.col("sent_dt").n_unique()).item() == 1
