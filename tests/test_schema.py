"""A schema compiled: the decoder's verdict is the validator's, and reasons name field, value and rule."""

import json
from functools import cache
from random import Random

import jsonschema
import msgspec
import polars as pl
import pytest
import schema_corpus
from hypothesis import given
from hypothesis import strategies as st
from rfc3339_validator import validate_rfc3339

from toolkit import reference
from toolkit.errors import ToolkitError
from toolkit.schema import (
    HIDDEN,
    Reasons,
    Rule,
    Validator,
    Violation,
    beside_enum,
    bitmask,
    broken_rules,
    doubled_keys,
    rfc3339,
    rules,
    strict_type,
    struct_type,
    to_draft_7,
    unknown_keys,
    widest,
)

SEED = reference.schema("homepagemodule", "19000731")
EVENT = {
    "action": "impression", "action_data": "", "user_id": 7, "user_editcount": 0, "module": "help",
    "is_mobile": False, "homepage_pageview_token": "abc",
}  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=5),
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.floats(0.1, 0.9),
    st.lists(st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from([*EVENT, "state"]), VALUES), st.sets(st.sampled_from(list(EVENT))))
def test_the_decoder_agrees_with_a_draft_3_validator(changes, missing):
    """Types and required fields; values outside an enum are the loader's matter."""
    event = {name: value for name, value in {**EVENT, **changes}.items() if name not in missing}
    open_seed = {
        **SEED,
        "properties": {name: {k: v for k, v in sub.items() if k != "enum"} for name, sub in SEED["properties"].items()},
    }
    due = jsonschema.Draft3Validator(open_seed).is_valid(event)
    try:
        msgspec.json.decode(json.dumps(event).encode(), type=struct_type(widest([SEED])))
        found = True
    except msgspec.ValidationError:
        found = False
    assert found == due


def test_draft_3_and_its_translation_agree():
    broken = {**EVENT, "user_id": "7", "module": "nothing"}
    old = sorted(error.json_path for error in jsonschema.Draft3Validator(SEED).iter_errors(broken))
    new = sorted(error.json_path for error in jsonschema.Draft7Validator(to_draft_7(SEED)).iter_errors(broken))
    assert old == new == ["$.module", "$.user_id"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"module": 3}, "'module' is 3 where a text is due"),
        ({"user_id": "abc"}, "'user_id' is a str (not shown) where a whole number is due"),
        ({"is_mobile": 1}, "'is_mobile' is 1 where true or false is due"),
        ({"module": None}, "'module' is null where a text is due"),
    ],
)
def test_a_reason_names_field_value_and_rule(change, reason):
    line = json.dumps({**EVENT, **change}).encode()
    assert Reasons(widest([SEED])).of(line, "") == reason


def test_all_reasons_are_given():
    line = json.dumps({"action": 1, "user_id": 7}).encode()
    reasons = Reasons(widest([SEED])).of(line, "").split("; ")
    assert len(reasons) == 5
    assert "'module' is missing" in reasons


@pytest.mark.parametrize("line", [b"", b"{", b'{"a":1}{"a":2}', b"nan", b'{"a":\xff}'])
def test_what_is_no_json_says_so(line):
    assert Reasons(widest([SEED])).of(line, "").startswith("not a line of JSON")


def test_an_optional_field_may_be_null_and_a_required_one_may_not():
    decode = msgspec.json.Decoder(struct_type(widest([SEED]))).decode
    decode(json.dumps({**EVENT, "state": None}).encode())
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps({**EVENT, "module": None}).encode())


@cache
def decoder(name, edition):
    return msgspec.json.Decoder(strict_type(schema_corpus.line_schema(name, edition))).decode


@cache
def validator(name, edition):
    return Validator(schema_corpus.line_schema(name, edition))


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


CORPUS = list(schema_corpus.corpus(seed=3, n=3000))


def test_the_verdict_on_every_line_is_that_of_an_independent_validator():
    unlike = [
        event
        for event in CORPUS
        if schema_corpus.is_valid(event) != (not validator(event.name, event.edition).violations(event.line))
    ]
    assert unlike == []
    valid = sum(map(schema_corpus.is_valid, CORPUS))
    assert 900 < valid < 2100  # both verdicts were met


def test_what_the_strict_type_takes_is_valid():
    taken = accepted(CORPUS)
    assert [event for event in taken if not schema_corpus.is_valid(event)] == []
    assert len(taken) > 0.5 * sum(map(schema_corpus.is_valid, CORPUS))  # it refuses names, and numbers of many digits


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


@pytest.mark.parametrize("text", [*schema_corpus.TIMES, *schema_corpus.NO_TIMES])
def test_a_time_is_what_rfc3339_validator_takes(text):
    due = validate_rfc3339(text.upper())
    assert pl.select(rfc3339(pl.lit(text))).item() == due
    schema = {"properties": {"dt": {"type": "string", "format": "date-time"}}}
    assert (Validator(schema).violations(json.dumps({"dt": text}).encode()) == []) == due


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,3})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])\n?",
        fullmatch=True,
    )
)
def test_a_text_like_a_time_is_a_time_where_rfc3339_validator_says_so(text):
    assert pl.select(rfc3339(pl.lit(text))).item() == validate_rfc3339(text.upper())


def test_every_year_has_the_days_of_the_calendar():
    days = [f"{year:04}-{day}T00:00:00Z" for year in range(10000) for day in ("02-28", "02-29", "02-30", "12-31")]
    due = [validate_rfc3339(day) for day in days]
    assert pl.DataFrame({"dt": days}).select(rfc3339("dt")).to_series().to_list() == due


CODE = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"module": 3}, "'event.module' is 3 where a text is due"),
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


def test_names_that_stand_twice_are_told_with_their_path():
    line = b'{"a": 1, "l": [{"b": 1, "b": 1}], "a": {"c": 1, "c": 2, "c": 3}}'
    assert doubled_keys(line) == ["l.0.b", "a", "a.c"]
    assert doubled_keys(b'{"a": {"a": 1}}') == []


def test_unknown_names_are_told_where_they_are_allowed_too():
    schema = reference.line_schema("homepagemodule", "1.5.1")
    assert unknown_keys(schema, {"event": {"mood": 1, "mode": "desktop"}, "meta": {"x": 1}, "year": 2022}) == [
        "event.mood",
        "meta.x",
        "year",
    ]


def flat(whole, path=""):
    for key, value in whole.items():
        if isinstance(value, dict):
            yield from flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


@pytest.mark.parametrize("edition", ["19000731", "1.5.1"])
def test_on_typed_columns_the_expressions_find_what_the_validator_finds(edition):
    """Rows whose values have the right types: the two compilations of a schema agree, rule for rule."""
    event = reference.schema("homepagemodule", edition)
    schema = {"$schema": event["$schema"], "properties": {"event": {**event, "required": True}}, "required": ["event"]}
    if "." in edition:
        del schema["properties"]["event"]["required"]
        schema["properties"]["event"]["required"] = event["required"]
    made = rules(schema)
    random = Random(7)
    kinds = {"string": ["desktop", "impression", "help", "nope"], "integer": [0, 2**53 - 1, 2**53], "boolean": [True]}
    rows = [
        {
            key: random.choice([None, *kinds[part["type"]], *part.get("enum", [])])
            for key, part in event["properties"].items()
        }
        for _ in range(500)
    ]
    types = {"string": pl.String, "integer": pl.Int64, "boolean": pl.Boolean}
    columns = {key: types[part["type"]] for key, part in event["properties"].items()}
    frame = pl.DataFrame(rows, schema=columns).select(pl.all().name.prefix("event."))
    check = Validator(schema)
    for row, mask in zip(rows, frame.select(bitmask(made)).to_series(), strict=True):
        there = {key: value for key, value in row.items() if value is not None}
        due = [(found.path, found.rule) for found in check.violations_of({"event": there})]
        assert sorted((rule.path, rule.rule) for rule in broken_rules(mask, made)) == sorted(due)


def test_an_object_without_any_value_is_missing_as_a_whole():
    schema = reference.line_schema("homepagemodule", "1.5.1", required=["event"])
    columns = {"event.action": [None, "impression"], "event.module": [None, None], "meta.dt": [None, None]}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    made = rules(schema, list(columns))
    found = [[rule.words for rule in broken_rules(mask, made)] for mask in frame.select(bitmask(made)).to_series()]
    assert found == [["'event' is missing"], ["'event.module' is missing"]]


def test_bounds_lengths_and_times_are_rules_of_a_table_too():
    schema = {
        "properties": {
            "n": {"minimum": 0, "maximum": 9},
            "s": {"minLength": 1, "maxLength": 2},
            "dt": {"format": "date-time"},
        }
    }
    rows = [(0, "a", "2019-05-01T00:00:00Z"), (-1, "", "2019-05-01"), (10, "abc", None), (None, None, None)]
    frame = pl.DataFrame(rows, schema=["n", "s", "dt"], orient="row")
    made = rules(schema)
    found = [[rule.words for rule in broken_rules(mask, made)] for mask in frame.select(bitmask(made)).to_series()]
    assert found == [
        [],
        [
            "'n' is less than 0",
            "'s' is shorter than 1 signs",
            "'dt' is no time such as 2019-05-06T19:03:05Z",
        ],
        ["'n' is more than 9", "'s' is longer than 2 signs"],
        [],
    ]


def test_a_mask_has_room_for_64_rules():
    many = [Rule("a", "required", "", pl.lit(value=True))] * 65
    with pytest.raises(ToolkitError, match="at most 64"):
        bitmask(many)
    assert pl.select(bitmask(many[:64])).item() == 2**64 - 1


def test_a_value_is_later_earlier_or_unknown():
    name = "homepagemodule"
    schemas = {edition: reference.schema(name, edition) for edition in reference.editions(name)}
    rows = [
        ("19000731", "hover-in", None),
        ("1.5.1", "hover-in", "earlier"),
        ("1.5.1", "mentorship-optout", None),
        ("1.5.0", "mentorship-optout", None),
        ("1.4.0", "mentorship-optout", "later"),
        ("19875950", "hover-in", None),
        ("1.4.0", "mentorship-opted", "unknown"),
        ("9.9.9", "hover-in", None),
        ("9.9.9", "hover", "unknown"),
        (None, "hover", "unknown"),
        ("1.4.0", None, None),
    ]
    frame = pl.DataFrame(rows, schema=["edition", "event.action", "due"], orient="row")
    found = frame.select(beside_enum(schemas, "action", value="event.action")).to_series()
    assert found.to_list() == frame["due"].to_list()
