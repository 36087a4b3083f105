"""Files as they come: odd first lines, links to nowhere, damaged archives, and lines that nobody foresaw."""

import gzip
import json
from urllib.parse import quote

import polars as pl
import pytest

from toolkit import ToolkitError, keep, load


def event(n=0, **more):
    """Line of a HomepageModule event of 2019."""
    fields = {
        "action": "impression", "action_data": "", "user_id": 592248, "user_editcount": 0, "module": "help",
        "is_mobile": False, "homepage_pageview_token": "rlffepkummhjorj3kna0l34gcplc6jda",
    }  # fmt: skip
    capsule = {
        "schema": "HomepageModule", "revision": 19000731, "uuid": f"u{n}", "dt": "2019-05-06T19:03:05Z",
        "webHost": "cs.wikipedia.org", "wiki": "cswiki", "recvFrom": "cp1", "seqId": n, "userAgent": {"is_bot": False},
    }  # fmt: skip
    outside = {name: more.pop(name) for name in list(more) if name in capsule}
    return json.dumps({**capsule, **outside, "event": {**fields, **more}})


def platform(n=0, **more):
    """Line of a HomepageModule event of 2022."""
    fields = json.loads(event())["event"] | {"mode": "desktop", "user_variant": "control", **more}
    meta = {"id": f"m{n}", "dt": "2022-09-05T03:18:09.074Z", "stream": "eventlogging_HomepageModule"}
    uri = "/analytics/legacy/homepagemodule/1.5.1"
    return json.dumps({"$schema": uri, "schema": "HomepageModule", "meta": meta, "event": fields, "wiki": "cswiki"})


def counts(found):
    """Rows in, kept, set aside, duplicates."""
    return found.account.select("rows_in", "kept", "set_aside", "duplicates").sum().row(0)


MANY = [event(n) for n in range(200)]


@pytest.mark.parametrize("first", [f"[{event(999)}]", "[1, 2]", "[]", "42", "null", "{", "WARN hive\nOK", '"text"'])
def test_odd_first_lines_cost_themselves_alone(write, first):
    found = load.homepage_modules(write("m.ndjson", [first, *MANY]))
    n_odd = first.count("\n") + 1
    assert counts(found) == (200 + n_odd, 200, n_odd, 0)
    assert "592248" not in " ".join(found.set_aside["reason"])


def test_lines_of_an_edition_that_nobody_knows_lend_it_to_no_other(write):
    strange = [event(1000 + n, revision=29999999) for n in range(100)]
    other = event(5000, schema="NavigationTiming", revision=5)
    late = event(5001, action="close")
    found = load.homepage_modules(write("m.ndjson", [*strange, other, late, *MANY]))
    assert counts(found) == (302, 301, 1, 0)
    assert found.set_aside["reason"].to_list() == ["an event of another schema, 'NavigationTiming'"]
    assert found.rows.filter(keep.flagged("unknown_edition"))["edition"].unique().to_list() == ["29999999"]
    assert found.rows.filter(keep.flagged("unknown_edition")).height == 100
    assert found.rows.filter(keep.flagged("later_value"))["line"].to_list() == [102]


def test_an_address_of_another_schema_is_another_schema(write):
    lines = [platform(n) for n in range(3)]
    uri = "/analytics/legacy/navigationtiming/1.0.0"
    without = json.loads(lines[0]) | {"$schema": uri}
    del without["schema"]
    lines += [json.dumps(json.loads(lines[1]) | {"$schema": uri}), json.dumps(without)]
    found = load.homepage_modules(write("m.ndjson", lines))
    assert found.set_aside.select("line", "reason").rows() == [
        (line, "an event of another schema, 'navigationtiming'") for line in (4, 5)
    ]


@pytest.mark.parametrize("number", ["1e30", "9.3e18", "9223372036854775808", "1.5"])
def test_a_number_that_no_column_holds_costs_its_line(write, number):
    lines = [platform(n) for n in range(3)] + [
        platform(9).replace('"user_editcount": 0', f'"user_editcount": {number}')
    ]
    found = load.homepage_modules(write("m.ndjson", lines))
    assert counts(found) == (4, 3, 1, 0)
    assert "event.user_editcount" in found.set_aside["reason"][0]


def test_a_whole_number_with_a_point_is_one_since_draft_7_only(write):
    new = load.homepage_modules(write("n.ndjson", [platform().replace('"user_editcount": 0', '"user_editcount": 5.0')]))
    old = load.homepage_modules(write("o.ndjson", [event().replace('"user_editcount": 0', '"user_editcount": 5.0')]))
    assert new.rows["user_editcount"].to_list() == [5]
    assert old.set_aside["reason"].to_list() == ["'event.user_editcount' is 5.0 where a whole number is due"]


def test_a_broken_element_says_what_is_wrong_in_the_file(tmp_path):
    text = json.dumps([json.loads(line) for line in MANY[:3]], indent=1)
    path = tmp_path / "m.json"
    path.write_text(text.replace('"help",', '"help",,', 1))
    found = load.homepage_modules(path)
    assert counts(found) == (3, 2, 1, 0)
    line, reason, raw = found.set_aside.select("line", "reason", "raw").row(0)
    assert line == 2
    assert "\x0b" not in reason + raw
    assert raw.count("\n") > 5


def test_an_array_that_is_not_closed_is_one_entry_for_the_cut(tmp_path):
    rows = [json.loads(line) for line in MANY[:3]]
    path = tmp_path / "m.json"
    path.write_text(json.dumps(rows, indent=1).removesuffix("\n]"))
    found = load.homepage_modules(path)
    assert counts(found) == (4, 3, 1, 0)
    assert found.set_aside["reason"].to_list() == ["the array is not closed: the export may have been cut short"]
    path.write_text(json.dumps(rows, indent=1).removesuffix('"\n  }\n }\n]'))
    assert load.homepage_modules(path).rows.height == 2


def test_a_link_to_nowhere_is_one_entry_however_the_files_are_named(tmp_path):
    (tmp_path / "a.ndjson").write_text("\n".join(MANY[:2]))
    (tmp_path / "b.ndjson").symlink_to(tmp_path / "gone")
    for source in (tmp_path, f"{tmp_path}/*", [tmp_path / "a.ndjson", tmp_path / "b.ndjson"]):
        assert counts(load.homepage_modules(source)) == (3, 2, 1, 0)


def test_a_damaged_parquet_file_says_so(tmp_path):
    (tmp_path / "h.parquet").write_bytes(b"PAR1xxxxPAR1")
    with pytest.raises(ToolkitError, match="it is no whole Parquet file"):
        load.homepage_modules(tmp_path / "h.parquet")


def test_a_wrong_checksum_says_that_rows_before_it_may_be_wrong(tmp_path):
    packed = bytearray(gzip.compress("\n".join(MANY).encode()))
    packed[-6] ^= 1
    (tmp_path / "m.gz").write_bytes(packed)
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(packed)
    found = load.homepage_modules(tmp_path / "m.gz")
    assert found.rows.height == 200
    assert "rows before this line may have been altered" in found.set_aside["reason"][0]


def test_strict_raises_and_leaves_no_store(write, tmp_path):
    path = write("m.ndjson", [*MANY, "{"])
    with pytest.raises(ToolkitError, match="not a line of JSON"):
        load.homepage_modules(path, strict=True)
    with pytest.raises(ToolkitError, match="not a line of JSON"):
        load.homepage_modules(path, strict=True, into=tmp_path / "store")
    assert not (tmp_path / "store").exists()
    assert counts(load.homepage_modules(write("good.ndjson", MANY), strict=True)) == (200, 200, 0, 0)


def test_a_shape_may_be_forced_and_is_one_of_a_few(write):
    path = write("m.ndjson", MANY)
    assert load.homepage_modules(path, shape="events").rows.height == 200
    with pytest.raises(ToolkitError, match="'shape' takes 'events' or 'requests' or 'table', not 'xml'"):
        load.homepage_modules(path, shape="xml")


def test_modules_and_visits_of_one_key_can_be_joined(sample):
    modules = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz", key="secret").rows
    visits = load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz", key="secret").rows
    joined = modules.select("wiki", "user", "visit").unique().join(visits, on=["wiki", "user", "visit"])
    assert joined.height == modules.select("wiki", "visit").unique().height == 559
    assert load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz", key="other").rows["visit"].is_in(
        modules["visit"].implode()
    ).sum() == 0  # fmt: skip


def test_private_fields_are_loaded_only_when_named(write):
    path = write("m.ndjson", [json.dumps({**json.loads(event()), "ip": "203.0.113.7"})])
    plain = load.homepage_modules(path)
    assert "203.0.113.7" not in str(plain.rows.to_dicts())
    assert any("ip" in note and "Left out" in note for note in plain.sentences)
    kept = load.homepage_modules(path, keep=["ip", "userAgent", "user_id"]).rows
    assert kept.select("ip", "userAgent", "user_id").row(0) == ("203.0.113.7", '{"is_bot":false}', "592248")


def test_a_frame_in_memory_is_read_as_its_file_would_be(sample):
    source = sample / "homepage_visits_2022.ndjson.gz"
    frame = pl.DataFrame({"dt": ["2022-09-05 00:00:00"], "wiki": ["cswiki"], "event_action": ["impression"]})
    assert load.homepage_visits(source).rows.height == 614
    with pytest.raises(ToolkitError, match="holds a frame with the columns"):
        load.homepage_visits(frame.select("dt"))
    with pytest.raises(ToolkitError, match="takes what is read from files"):
        load.homepage_modules(frame, into="store")


@pytest.mark.parametrize("value", ["[1]", '{"a": 1}', "9223372036854775808", "2.10", "true", "5"])
def test_a_field_of_another_edition_has_its_type_all_the_same(write, value):
    line = event(999).replace('"module": "help"', f'"module": "help", "mode": {value}')
    found = load.homepage_modules(write("m.ndjson", [*MANY, line]))
    assert counts(found) == (201, 200, 1, 0)
    assert "'event.mode' is" in found.set_aside["reason"][0]


@pytest.mark.parametrize("meta", ["5", '{"domain": ["x"]}', "[]"])
def test_what_stands_beside_a_capsule_is_not_read(write, meta):
    line = event(999).replace('"wiki"', f'"meta": {meta}, "wiki"', 1)
    assert counts(load.homepage_modules(write("m.ndjson", [*MANY, line]))) == (201, 201, 0, 0)


@pytest.mark.parametrize("revision", ["19000731.0", '"19000731"', "true"])
def test_a_revision_is_a_whole_number(write, revision):
    line = event(999).replace("19000731", revision)
    found = load.homepage_modules(write("m.ndjson", [*MANY, line]))
    assert found.set_aside["reason"].to_list()[0].startswith("'revision' is")


def test_a_first_line_of_an_odd_form_costs_itself(write):
    lines = [platform(n) for n in range(60)]
    odd = json.dumps({**json.loads(lines[0]), "http": "x"})
    assert counts(load.homepage_modules(write("m.ndjson", [odd, *lines[1:]]))) == (60, 59, 1, 0)


def test_what_was_asked_for_and_is_not_there_is_said(write):
    path = write("m.ndjson", MANY[:1])
    assert load.homepage_modules(path, keep="nonsense").notes[-1].endswith("nowhere in the export: nonsense.")


def test_private_fields_of_an_access_log_are_left_out_and_said(write):
    line = (
        '203.0.113.7 - alice [05/Dec/2021:12:00:07 +0000] "POST /beacon/impression?country=NL&statusCode=6&campaign=A'
        '&recordImpressionSampleRate=1 HTTP/1.1" 204 0 "-" "Mozilla/5.0 (X)"'
    )
    path = write("access.log", [line, line.replace("/beacon/impression", "/x")])
    found = load.impressions(path)
    shown = str(found.rows.to_dicts()) + str(found.set_aside.to_dicts()) + repr(found) + found._repr_html_()
    assert not [secret for secret in ("203.0.113.7", "alice", "Mozilla") if secret in shown]
    assert "Left out for privacy, unless named in keep: ip (1 rows), user_agent (1 rows)." in found.sentences
    kept = load.impressions(path, keep=["ip", "user_agent"]).rows
    assert kept.select("ip", "user_agent").row(0) == ("203.0.113.7", "Mozilla/5.0 (X)")


def webrequest(**more):
    """Row of webrequest as JSON."""
    row = {
        "dt": "2021-12-05T12:00:07Z",
        "ip": "203.0.113.7",
        "geocoded_data": {"country_code": "NL"},
        "agent_type": "user",
    }
    query = "?country=NL&statusCode=2.10&campaign=A&recordImpressionSampleRate=1"
    return {**row, "uri_path": "/beacon/impression", "uri_query": query, **more}


@pytest.mark.parametrize("printed", [None, 1])
def test_rows_of_webrequest_are_read_with_all_their_columns(tmp_path, printed):
    path = tmp_path / "w.json"
    rows = [webrequest(), webrequest(agent_type="spider"), webrequest(uri_path="/wiki/Main")]
    path.write_text(json.dumps(rows, indent=printed))
    found = load.impressions(path)
    assert counts(found) == (3, 2, 1, 0)
    assert found.rows["status_code"].to_list() == ["2.10", "2.10"]
    assert found.rows.filter(keep.flagged("bot")).height == 1
    assert "203.0.113.7" not in str(found.set_aside.to_dicts())


def test_sent_events_are_found_in_rows_and_tables_of_webrequest(write):
    query = "?" + quote(event()) + ";"
    table = [
        "webrequest.dt\twebrequest.uri_path\twebrequest.uri_query",
        f"2021-12-05T12:00:07Z\t/beacon/event\t{query}",
    ]
    for path in (
        write("w.ndjson", [json.dumps(webrequest(uri_path="/beacon/event", uri_query=query))]),
        write("w.tsv", table),
    ):
        found = load.homepage_modules(path)
        assert counts(found) == (1, 1, 0, 0)
        assert found.rows["module"].to_list() == ["help"]


def test_codes_that_a_float_column_made_are_judged_as_restored():
    frame = pl.DataFrame(
        {
            "__time": ["2026-06-02T00:00:00Z"] * 4,
            "status_code": [6.0, 2.1, 3.17, 2.3],
            "campaign": ["a"] * 4,
            "request_count": [1] * 4,
        }
    )
    rows = load.impressions(frame).rows
    assert rows["status_code"].to_list() == ["6", "2.1 or 2.10", "3.17", "2.3"]
    assert rows.filter(keep.flagged("stray_reason")).height == 0
    assert rows.filter(keep.flagged("ambiguous_code"))["line"].to_list() == [2]


def test_a_number_in_druid_s_json_has_lost_its_final_zero(write):
    def row(code):
        return json.dumps({"__time": "2026-06-02T00:00:00Z", "status_code": code, "campaign": "a", "request_count": 1})

    assert load.impressions(write("a.ndjson", [row(2.1), row(6.0)])).rows["status_code"].to_list() == [
        "2.1 or 2.10",
        "6",
    ]
    assert load.impressions(write("b.ndjson", [row("2.1"), row("6")])).rows["status_code"].to_list() == ["2.1", "6"]


def test_several_stores_are_opened_one_by_one(sample, tmp_path):
    source = sample / "homepage_visits_2022.ndjson.gz"
    made = load.homepage_visits(source, into=tmp_path / "store")
    assert isinstance(made.rows, pl.LazyFrame)
    with pytest.raises(ToolkitError, match="open each store by itself"):
        load.homepage_visits([tmp_path / "store", source])
    with pytest.raises(ToolkitError, match="a store of homepage visits"):
        load.homepage_modules(tmp_path / "store")
