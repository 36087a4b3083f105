"""The verdict on a line is that of an independent validator, and its words name field, value and rule."""

import json
from functools import cache

import pytest
import schema_corpus
from hypothesis import given
from hypothesis import strategies as st

from toolkit import reference
from toolkit.errors import ToolkitError
from toolkit.schema import HIDDEN, Validator, Violation

EVENT = {
    "action": "impression", "action_data": "", "user_id": 7, "user_editcount": 0, "module": "help",
    "is_mobile": False, "homepage_pageview_token": "abc",
}  # fmt: skip
CODE = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}
CORPUS = list(schema_corpus.corpus(seed=3, n=3000))


@cache
def validator(name, edition):
    return Validator(schema_corpus.line_schema(name, edition))


def test_the_verdict_on_every_line_is_that_of_an_independent_validator():
    unlike = [
        event
        for event in CORPUS
        if schema_corpus.is_valid(event) != (not validator(event.name, event.edition).violations(event.line))
    ]
    assert unlike == []
    valid = sum(map(schema_corpus.is_valid, CORPUS))
    assert 900 < valid < 2100  # both verdicts were met


def test_the_same_rules_are_broken():
    """The validator names the rules that jsonschema finds broken in an object, and no others."""
    ours = {"const": "enum", "minLength": "length", "maxLength": "length", "additionalProperties": "additional"}
    for event in CORPUS:
        try:
            if not isinstance(schema_corpus.found(event), dict):
                continue
        except (ValueError, RecursionError):
            continue
        due = {ours.get(rule, rule) for rule in schema_corpus.errors(event)}
        assert {found.rule for found in validator(event.name, event.edition).violations(event.line)} == due, event


@given(st.sampled_from(schema_corpus.EDITIONS), st.randoms(use_true_random=False))
def test_a_good_event_of_any_edition_has_no_violation(edition, random):
    whole = schema_corpus.value_of(random, schema_corpus.line_schema(*edition))
    line = schema_corpus.written(random, whole)
    assert validator(*edition).violations(line) == []


@pytest.mark.parametrize(
    ("draft", "value", "rules"),
    [
        ("draft-03", "5", []),
        ("draft-03", "5.0", ["type"]),
        ("draft-07", "5.0", []),
        ("draft-07", "5.5", ["type"]),
        ("draft-07", "true", ["type"]),
        ("draft-03", "true", ["type"]),
        ("draft-07", "null", ["type"]),
        ("draft-07", "100000000000000000000000", []),
        ("draft-07", "1e30", []),
        ("draft-03", "1e30", ["type"]),
    ],
)
def test_a_whole_number_is_what_its_draft_says(draft, value, rules):
    schema = {"$schema": f"http://json-schema.org/{draft}/schema#", "properties": {"n": {"type": "integer"}}}
    assert [found.rule for found in Validator(schema).violations(f'{{"n": {value}}}'.encode())] == rules


@pytest.mark.parametrize(("line", "valid"), [(b'{"n": 1}', True), (b'{"n": 1.0}', True), (b'{"n": true}', False)])
def test_1_and_1_0_are_one_value_and_true_is_another(line, valid):
    assert (Validator({"properties": {"n": {"enum": [1]}}}).violations(line) == []) == valid


def test_numbers_that_no_column_holds_are_named_where_asked_for():
    schema = {"$schema": "http://json-schema.org/draft-03/schema#", "properties": {"n": {"type": "number"}}}
    for line in (b'{"n": 18446744073709551616}', b'{"n": 1e400}'):
        assert Validator(schema).violations(line) == []
        assert [found.rule for found in Validator(schema, held=True).violations(line)] == ["range"]
    assert Validator(schema, held=True).violations(b'{"n": 9223372036854775807}') == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not a line of JSON: Input data was truncated"),
        (b'{"code": "\\ud800"}', "not a line of JSON: half of a surrogate pair, which is no sign"),
        (b'{"code": "\xff"}', "not a line of JSON: no UTF-8: byte 0xff at column 11"),
        (b"[]", "not an object: a list"),
        (b"null", "not an object: null"),
        (b"[" * 9999, "not a line of JSON: nested too deeply"),
    ],
)
def test_what_is_no_object_of_json_is_one_violation(line, words):
    assert Validator(CODE).violations(line) == [Violation("", "json", words)]


@pytest.mark.parametrize("line", [b"{", b'{"a":1}{"a":2}', b"nan", b'{"a":NaN}'])
def test_what_is_no_json_says_so(line):
    assert [found.words[:18] for found in Validator(CODE).violations(line)] == ["not a line of JSON"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"module": 3}, "'event.module' is 3 where a text is due"),
        ({"is_mobile": 1}, "'event.is_mobile' is 1 where true or false is due"),
        ({"module": 2.10}, "'event.module' is the number 2.1 (a number keeps no final 0) where a text is due"),
        ({"module": None}, "'event.module' is null where a text is due"),
        ({"module": {"user_id": 4321}}, "'event.module' is an object where a text is due"),
        ({"module": "nothing"}, "'event.module' is \"nothing\", none of the 7 values listed"),
        ({"user_id": "4321"}, "'event.user_id' is a str (not shown) where a whole number is due"),
        ({"mood": 4321}, "'event.mood' is no field of this edition"),
        ({"state": "x" * 99}, f"'event.state' is \"{'x' * 36}..., none of the 7 values listed"),
    ],
)
def test_words_name_field_value_and_rule(change, words):
    line = json.dumps({"event": {**EVENT, **change}}).encode()
    schema = reference.line_schema("homepagemodule", "19000731", required=["event"])
    assert [found.words for found in Validator(schema).violations(line)] == [words]


def test_all_reasons_are_given():
    schema = reference.line_schema("homepagemodule", "19000731", required=["event"])
    found = Validator(schema).violations(
        b'{"event": {"action": 1, "user_id": 7, "user_editcount": 1, "is_mobile": true}}'
    )
    assert sorted(violation.words for violation in found) == [
        "'event.action' is 1 where a text is due",
        "'event.homepage_pageview_token' is missing",
        "'event.module' is missing",
    ]


@pytest.mark.parametrize(
    "whole",
    [
        {"http": {"status_code": "s3cr3t"}},
        {"http": {"request_headers": {"x-client-ip": ["s3cr3t"]}}},
        {"useragent": {"is_bot": "s3cr3t"}},
        {"useragent": "s3cr3t"},
        {"meta": {"uri": "s3cr3t" * 2000}},
        {"event": '{"user_id": "s3cr3t"}'},
        {"event": ["s3cr3t"]},
        {"event": {"user_id": "s3cr3t", "mode": {"user_id": "s3cr3t"}}},
    ],
)
def test_words_quote_nothing_that_may_be_private(whole):
    """Neither by its name, nor because it stands within something of such a name, or in an object of a wrong type."""
    found = validator("homepagemodule", "1.5.1").violations(json.dumps(whole).encode())
    assert {violation.rule for violation in found} & {"type", "length"}
    assert not [violation for violation in found if "s3cr3t" in violation.words]


@given(st.sampled_from(schema_corpus.EDITIONS), st.integers(0, 10**6))
def test_no_words_quote_a_private_value(edition, seed):
    event = next(schema_corpus.corpus(seed, 1, bad=1, editions=(edition,)))
    try:
        whole = schema_corpus.found(event)
    except (ValueError, RecursionError):
        return
    secret = "s3cr3t"
    text = json.dumps(_with_secrets(whole, secret)).encode()
    assert not [found for found in validator(*edition).violations(text) if secret in found.words]


def _with_secrets(value, secret):
    if isinstance(value, dict):
        return {key: secret if key in HIDDEN else _with_secrets(inner, secret) for key, inner in value.items()}
    return [_with_secrets(inner, secret) for inner in value] if isinstance(value, list) else value


def test_a_schema_with_a_strange_word_is_refused():
    with pytest.raises(ToolkitError, match="'anyOf'"):
        Validator({"properties": {"a": {"anyOf": []}}})
