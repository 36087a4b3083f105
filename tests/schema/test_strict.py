"""What the strict type takes is valid; of what it refuses nothing is said."""

import json
from functools import cache
from itertools import combinations

import jsonschema
import msgspec
import polars as pl
import pytest
import schema_corpus

from toolkit.schema import rfc3339, strict_part, strict_type

CORPUS = list(schema_corpus.corpus(seed=3, n=3000))


@cache
def decoder(name, edition):
    return msgspec.json.Decoder(strict_type(schema_corpus.line_schema(name, edition))).decode


def accepted(events):
    """Lines that the strict type takes, and whose times are times: what a loader takes at first sight."""
    taken = []
    for event in events:
        try:
            event.line.decode()
            decoder(event.name, event.edition)(event.line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        taken.append(event)
    times = [
        (at, text)
        for at, event in enumerate(taken)
        for whole in [json.loads(event.line)]
        for place in (whole, whole.get("meta", {}))
        for key in ("dt", "client_dt")
        if isinstance(text := place.get(key), str)
    ]
    frame = pl.DataFrame(times, schema={"at": pl.Int64, "text": pl.String}, orient="row")
    wrong = set(frame.filter(~rfc3339("text"))["at"])
    return [event for at, event in enumerate(taken) if at not in wrong]


def test_what_the_strict_type_takes_is_valid():
    taken = accepted(CORPUS)
    assert [event for event in taken if not schema_corpus.is_valid(event)] == []
    assert len(taken) > 0.5 * sum(map(schema_corpus.is_valid, CORPUS))  # it refuses names, and numbers of many digits


SCHEMAS = (
    {},
    {"type": "object"},
    {"required": ["a"]},
    {"type": "object", "required": ["a"], "additionalProperties": {"type": "string"}},
    {"additionalProperties": {"type": "string"}},
    {"additionalProperties": {}},
    {"additionalProperties": False},
    {"properties": {}},
    {"properties": {"a": {}}, "required": ["a"]},
    {"properties": {"a": {"type": ["string", "null"]}}},
    {"properties": {"a": {"type": ["integer", "boolean"]}}},
    {"properties": {"a": {"type": "array", "items": {"type": "integer"}}}},
    {"properties": {"a": {"enum": [1, "x", True, None, 2.5]}}},
    {"properties": {"a": {"const": True}}},
    {"properties": {"a": {"type": "object"}, "b": {"type": "object", "required": ["a"]}}},
    {"properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}},
    {"properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}, "required": ["a"]}}},
    {"properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {}}}}},
)
VALUES = (None, True, 1, 2.5, "x", [], [1], ["x"], {}, {"a": "x"}, {"a": 1}, {"b": "x"}, {"b": 1}, {"a": {"a": 1}})
LINES = [{}, *({"a": value} for value in VALUES), *({"b": value} for value in VALUES), {"a": "x", "b": "x"}]


def taken(kind, values):
    """Those that a type takes."""
    for value in values:
        try:
            msgspec.json.decode(json.dumps(value).encode(), type=kind)
        except msgspec.ValidationError:
            continue
        yield value


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_what_the_type_of_a_small_schema_takes_is_valid(schema):
    check = jsonschema.Draft7Validator(schema)
    found = list(taken(strict_type(schema), LINES))
    assert [line for line in found if not check.is_valid(line)] == []
    assert found or schema == {"properties": {"a": {"const": True}}, "required": ["a"]}


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
def test_with_samples_it_takes_their_names_alone_and_nothing_invalid(schema):
    check = jsonschema.Draft7Validator(schema)
    for samples in combinations(filter(check.is_valid, LINES[::2]), 2):
        part = strict_part(schema, samples)
        found = list(taken(part.type, LINES))
        assert [line for line in found if not check.is_valid(line)] == []
        assert all({*part.must} <= line.keys() <= {*part.must, *part.may} for line in found)
        assert {*part.must, *part.may} <= {*samples[0], *samples[1]}


def test_names_that_no_schema_has_are_held_to_what_it_says_of_others():
    schema = {"properties": {"headers": {"type": "object", "additionalProperties": {"type": "string"}}}}
    part = strict_part(schema, [{"headers": {"x-client": "a"}}])
    lines = [{"headers": {"x-client": "b"}}, {"headers": {"x-client": 5}}, {"headers": {"other": "b"}}, {"headers": {}}]
    assert list(taken(part.type, lines)) == lines[:1]


def test_a_missing_name_is_none_and_a_null_is_refused():
    part = strict_part({"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]})
    assert (part.must, part.may) == (["a"], ["b"])
    assert msgspec.json.decode(b'{"a": ""}', type=part.type).f1 is None
    with pytest.raises(msgspec.ValidationError, match=r"got `null` - at `\$\.b`"):
        msgspec.json.decode(b'{"a": "", "b": null}', type=part.type)
