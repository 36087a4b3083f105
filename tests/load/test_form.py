"""What a form takes is valid, its columns are the values of the lines, and the names it counts are those that stand there."""

import json
from itertools import islice

import polars as pl
import pytest
import schema_corpus
from polars.testing import assert_frame_equal

from toolkit.load.form import Form, n_names
from toolkit.schema import doubled_keys
from toolkit.schema.document import types_of

EDITIONS = (
    ("homepagemodule", "19000731"),
    ("homepagemodule", "1.6.7"),
    ("homepagevisit", "19041814"),
    ("centralnoticeimpression", "19511351"),
    ("centralnoticebannerhistory", "19079897"),
    ("homepage_module_interaction", "2.0.0"),
)
SAMPLES = 64


def leaves(schema):
    """Names of a schema that have a type, as a form wants them."""
    parts = schema["properties"].items()
    return {name: leaves(sub) if "properties" in sub else True for name, sub in parts if types_of(sub) != ["any"]}


def at(value, path):
    """Value at a path, null where there is none."""
    for name in path.split("."):
        value = None if value is None else value.get(name)
    return value


@pytest.fixture(params=EDITIONS, ids=" ".join, scope="module")
def read(request):
    """Lines of one edition, good and bad; the columns of those that a form of some good ones took."""
    name, edition = request.param
    events = schema_corpus.corpus(seed=9, n=2000, bad=0.6, editions=(request.param,))
    events = [event for event in events if is_text(event.line)]
    schema = schema_corpus.line_schema(name, edition)
    samples = [json.loads(event.line) for event in islice(filter(schema_corpus.is_valid, events), SAMPLES)]
    form = Form("", edition, schema, samples, leaves(schema))
    frame, refused = form.read([event.line for event in events])
    return form, events, frame, refused


def is_text(line):
    """Whether a line is UTF-8, which its reader has seen to before a form meets it."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_what_a_form_takes_is_valid_but_for_its_times(read):
    _, events, frame, refused = read
    taken = [events[place] for place in frame["at"]]
    assert sorted([*frame["at"], *refused]) == list(range(len(events)))
    assert [event for event in taken if schema_corpus.errors(event) - {"format"}] == []
    assert len(taken) > 0.25 * sum(
        map(schema_corpus.is_valid, events)
    )  # it refuses numbers of many digits, and rare names
    assert len(refused) > 100


def test_its_columns_are_the_values_of_the_lines(read):
    _, events, frame, _ = read
    for row in frame.drop("names").iter_rows(named=True):
        whole = json.loads(events[row.pop("at")].line)
        assert row == {path: as_kind(value, at(whole, path)) for path, value in row.items()}


def as_kind(kind, value):
    """Value as a number with a fraction where the other is one: 1e23 is no whole number to Python."""
    return float(value) if isinstance(kind, float) else value


def test_it_takes_the_names_of_its_samples_and_counts_them():
    schema = {
        "properties": {
            "event": {"properties": {"action": {"type": "string"}}, "required": ["action"]},
            "meta": {"properties": {"dt": {"type": "string"}, "id": {"type": "string"}}},
            "wiki": {"type": "string"},
            "ip": {"type": "string"},
        }
    }
    full = {"event": {"action": "click"}, "meta": {"dt": "a", "id": "b"}, "wiki": "cswiki"}
    lines = [
        full,
        {"event": {"action": "click"}, "wiki": "cswiki"},
        {"event": {"action": "click"}, "meta": {"id": "b"}},
        {"event": {"action": "click"}, "ip": "c"},
        {"event": {}},
    ]
    samples = [full, {"event": {"action": "click"}, "meta": {"id": "b"}}, {"event": {"action": "click"}}]
    form = Form("", None, schema, samples, {"event": {"action": True}, "meta": {"dt": True, "id": True}})
    frame, refused = form.read([json.dumps(line).encode() for line in lines])
    columns = {"event.action": ["click"] * 3, "meta.dt": ["a", None, None], "meta.id": ["b", None, "b"]}
    assert_frame_equal(frame, pl.DataFrame({**columns, "at": [0, 1, 2], "names": [6, 3, 4]}))
    assert refused == [3, 4]


def test_the_number_of_names_tells_lines_with_a_name_twice(read):
    form, events, frame, _ = read
    taken = [events[place].line for place in frame["at"]]
    sure = [line for line, is_sure in zip(taken, alike(frame, taken), strict=True) if is_sure]
    assert [line for line in sure if doubled_keys(line)] == []
    assert len(sure) > 0.25 * len(taken)  # a null where a name may be missing leaves it open
    twice = [line.replace(b"{", first_pair(line) + b",", 1) for line in sure]
    frame, _ = form.read(twice)
    assert frame.height == len(twice)
    assert not any(alike(frame, twice))


def alike(frame, lines):
    """Whether the names that the form counted are those that stand in each line."""
    return frame["names"] == n_names(pl.Series([line.decode() for line in lines]))


def first_pair(line):
    """First name and value of a line, after the brace that opens it."""
    name, value = next(iter(json.loads(line).items()))
    return json.dumps({name: value}).removesuffix("}").encode()


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r", "\n", " \n "])
def test_names_are_counted_whatever_stands_before_the_colon(blank):
    assert n_names(pl.Series([f'{{"a"{blank}: 1, "b": "c\\"{blank}: 1"}}'])).to_list() == [2]
