"""Requests of `/beacon/event` give the events that were sent, and the time of their line."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.load.beacon_event import Reason, capsules, holds_beacon_events

CAPSULE = {
    "event": {"action": "hover-in", "module": "help", "user_id": 5, "action_data": "a;b=1+1 'ž'"},
    "revision": 19000731, "schema": "HomepageModule", "webHost": "cs.wikipedia.org", "wiki": "cswiki",
}  # fmt: skip
QUERY = quote(json.dumps(CAPSULE), safe="-_.!~*'()") + ";"  # as encodeURIComponent has it


def one(line):
    ((_, found),) = capsules([(1, line)])
    return found


@pytest.mark.parametrize(
    ("line", "dt"),
    [
        (
            f'1.2.3.4 - - [02/May/2019:12:00:00 +0200] "POST /beacon/event?{QUERY} HTTP/1.1" 204 0 "-" "Mozilla"',
            "2019-05-02T10:00:00Z",
        ),
        (f"https://cs.wikipedia.org/beacon/event?{QUERY}", None),
        (f"/beacon/event?{QUERY}\r", None),
        (f"?{QUERY}", None),
        (QUERY, None),
        (
            f"cp3040\t12\t2019-05-02T10:00:00\t1.2.3.4\tcs.wikipedia.org\t/beacon/event\t?{QUERY}\t-",
            "2019-05-02T10:00:00Z",
        ),
        (f"?{QUERY}\tcp3040.esams.wmnet\t132\t2019-05-02 10:00:00.5\t1.2.3.4", "2019-05-02T10:00:00.5Z"),
        (f"2019-05-02T12:00:00+02:00 /beacon/event?{QUERY}", "2019-05-02T10:00:00Z"),
    ],
)
def test_the_event_of_a_line_and_its_time(line, dt):
    found = one(line.encode())
    assert json.loads(found) == ({"dt": dt, **CAPSULE} if dt else CAPSULE)
    assert holds_beacon_events([line.encode()])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"/beacon/event?{QUERY[:-1]}", "the event breaks off: no ';' ends it"),
        ("/beacon/event?%7B%22event%22;", "the event is no JSON object: Input data was truncated"),
        ("/beacon/event?%5B%5D;", "the event is no JSON object: Expected 'object', got 'array'"),
        ("/beacon/event?%7B%22a%22%3A%22%FF%22%7D;", "the event is no UTF-8: byte 0xff at column 7"),
        ("/beacon/impression?country=CZ", "holds no request of '/beacon/event' with an event"),
    ],
)
def test_a_line_without_a_whole_event_says_why(line, reason):
    found = one(line.encode())
    assert isinstance(found, Reason)
    assert found == reason


def test_the_time_of_an_event_is_not_put_in_twice():
    line = b"2019-05-02T10:00:00Z /beacon/event?%7B%22dt%22%3A%22x%22%7D;"
    assert one(line) == b'{"dt":"x"}'
    assert one(b"2019-05-02T10:00:00Z /beacon/event?%7B%7D;") == b'{"dt":"2019-05-02T10:00:00Z"}'


def test_a_plus_is_a_blank_as_the_server_read_it():
    assert one(b"/beacon/event?%7B%22a%22:+%22b%2Bc%22%7D;;") == b'{"a": "b+c"}'


def test_blank_lines_hold_no_event():
    assert [number for number, _ in capsules(enumerate([b"", b"  ", QUERY.encode()], 1))] == [3]


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(), st.integers(), st.booleans(), st.none()), max_size=4))
def test_what_the_client_encodes_is_what_is_read(event):
    raw = json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return
    assert one(b"/beacon/event?" + quote(raw, safe="-_.!~*'()").encode() + b";") == raw
