"""Identifiers: numbers within a load, hashes across loads, and masks that let nothing through."""

import json
from urllib.parse import quote

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import ToolkitError
from toolkit.load.identity import hashed, masked, numbered

VISIT = {"visit": ("wiki", "private token")}
FRAME = pl.DataFrame({"wiki": ["cs", "cs", "ko", "cs", "cs"], "private token": ["b", "a", "b", "b", None]})


def test_numbers_are_dense_and_in_order_of_appearance():
    assert numbered(FRAME, VISIT)["visit"].to_list() == [0, 1, 2, 0, None]
    assert numbered(FRAME, VISIT).schema["visit"] == pl.UInt32


def test_a_missing_wiki_is_one_of_its_own_but_a_missing_user_is_nobody():
    frame = pl.DataFrame({"wiki": [None, None, "cs"], "private token": ["a", "a", None]})
    assert numbered(frame, VISIT)["visit"].to_list() == [0, 0, None]
    assert hashed(frame, VISIT, b"k")["visit"].is_null().to_list() == [False, False, True]


@given(
    st.lists(st.tuples(st.sampled_from(["cs", "ko", None]), st.one_of(st.none(), st.integers(0, 9)))),
    st.binary(min_size=1),
)
def test_numbers_and_hashes_tell_the_same_people_apart(rows, key):
    frame = pl.DataFrame(rows, schema={"wiki": pl.String, "private user": pl.Int64}, orient="row")
    mapping = {"user": ("wiki", "private user")}
    pairs = set(zip(numbered(frame, mapping)["user"], hashed(frame, mapping, key)["user"], strict=True))
    people = {row for row in rows if row[1] is not None}
    assert len({pair for pair in pairs if None not in pair}) == len(people)
    assert all((number is None) == (hash_ is None) for number, hash_ in pairs)
    assert all(hash_ is None or 0 <= hash_ < 2**63 for _, hash_ in pairs)


def test_hashes_are_equal_across_frames_and_types_for_one_key():
    whole = hashed(FRAME, VISIT, b"key")["visit"]
    assert hashed(FRAME.reverse(), VISIT, b"key")["visit"].reverse().equals(whole)
    as_number = pl.DataFrame({"wiki": ["cs"], "private user": [7]})
    as_text = pl.DataFrame({"wiki": ["cs"], "private user": ["7"]})
    mapping = {"user": ("wiki", "private user")}
    assert hashed(as_number, mapping, b"k")["user"].equals(hashed(as_text, mapping, b"k")["user"])


def test_hashes_differ_by_key_by_name_and_by_where_values_are_parted():
    frame = pl.DataFrame({"wiki": ["a", "ab"], "private token": ["bc", "c"]})
    found = [
        *hashed(frame, VISIT, b"1")["visit"],
        *hashed(frame, VISIT, b"2")["visit"],
        *hashed(frame, {"user": ("wiki", "private token")}, b"1")["user"],
    ]
    assert len(set(found)) == 6


def test_a_key_may_have_any_length_but_none():
    assert hashed(FRAME, VISIT, b"x" * 1000)["visit"][0] != hashed(FRAME, VISIT, b"x" * 999)["visit"][0]
    with pytest.raises(ToolkitError, match="'key' is a secret of at least one byte"):
        hashed(FRAME, VISIT, b"")


SECRETS = ("4711", "k3jh4g5k2j3h4g5k2j3h", "203.0.113.9", "2001:db8::1", "secret agent", "a0b1c2d3")
EVENT = {
    "event": {"user_id": 4711, "homepage_pageview_token": SECRETS[1], "module": "help", "i": "a0b1c2d3"},
    "ip": "203.0.113.9",
    "userAgent": {"family": "secret agent", "os": {"name": "secret agent"}, "is_bot": False},
    "http": {"client_ip": "2001:db8::1", "request_headers": {"user-agent": "Mozilla/5.0 (secret agent)"}},
    "wiki": "cswiki",
    "dt": "2019-05-06T12:00:01Z",
}
TEXT = json.dumps(EVENT)
FORMS = {
    "whole": TEXT,
    "compact": json.dumps(EVENT, separators=(",", ":")),
    "text in a text": json.dumps({"event": TEXT}),
    "doubled quotes": '"' + TEXT.replace('"', '""') + '"',
    "single quotes": repr(EVENT),
    "percent-encoded": "?" + quote(TEXT) + ";",
    "encoded twice": quote(quote(TEXT)),
    "encoded in part": quote(TEXT, safe="{}:,"),
    "blanks encoded": TEXT.replace(" ", "%20"),
    "escaped names": TEXT.replace("user_id", "\\u0075ser_id"),
    "capitals": TEXT.replace("user_id", "userId").replace("client_ip", "clientIP"),
    "trailing text": TEXT + "}x",
    "no colon": TEXT.replace('"user_id":', '"user_id"'),
    "an array of values": json.dumps([4711, SECRETS[1], "help", "203.0.113.9"]),
    "tabs": "\t".join(["cswiki", "4711", SECRETS[1], "203.0.113.9", "2001:db8::1", "2.10"]),
    "commas": f'cswiki,"4711",{SECRETS[1]},203.0.113.9,2001:db8::1,2.10',
    "access log": '203.0.113.9 - - [06/May/2019:12:00:01 +0000] "GET /beacon/impression?token=k3jh4g5k2j3h4g5k2j3h HTTP/1.1" 204 0 "-" "Mozilla/5.0 (secret agent)"',
}


@pytest.mark.parametrize("form", FORMS)
def test_no_identifier_is_seen_in_any_form(form):
    shown = masked(FORMS[form].encode())
    assert not [secret for secret in (*SECRETS, "secret", "203.0.113") if secret in shown]
    assert "[masked]" in shown


@pytest.mark.parametrize("form", ["whole", "compact", "text in a text", "percent-encoded", "encoded in part"])
@given(at=st.integers(0, 2000))
def test_no_identifier_is_seen_wherever_a_line_breaks_off(form, at):
    shown = masked(FORMS[form][:at].encode())
    assert not [secret for secret in SECRETS if secret in shown]


def test_what_points_at_nobody_is_shown():
    shown = masked(TEXT.encode())
    assert '"module": "help"' in shown
    assert '"wiki": "cswiki", "dt": "2019-05-06T12:00:01Z"' in shown
    assert json.loads(shown.replace("[masked]", "null"))["event"]["module"] == "help"
    assert masked(b'{"uuid": "550e8400-e29b-41d4-a716-446655440000", "status_code": "2.10"}').endswith('"2.10"}')
    assert masked(b"2019-05-06T12:00:01\t2.10\tcswiki") == "2019-05-06T12:00:01\t2.10\tcswiki"


def test_what_is_asked_for_is_shown():
    shown = masked(TEXT.encode(), keep=["ip", "event.user_id", "http.client_ip"])
    assert '"user_id": 4711' in shown
    assert '"ip": "203.0.113.9"' in shown
    assert "k3jh" not in shown


def test_bytes_that_are_no_text_are_escaped_and_long_rows_cut():
    assert masked(b'{"a": "caf\xe9"}') == '{"a": "caf\\xe9"}'
    assert len(masked(b'{"a": "' + b"x y " * 10**6)) == 500


@given(st.binary(max_size=300))
def test_any_bytes_can_be_masked(raw):
    assert len(masked(raw)) <= 500
