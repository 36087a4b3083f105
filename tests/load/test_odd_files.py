"""Files as they come: odd first lines, links to nowhere, damaged archives, and lines that nobody foresaw."""

import gzip
import json

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
