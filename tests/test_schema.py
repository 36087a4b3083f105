"""A schema compiled: the decoder's verdict is the validator's, and reasons name field, value and rule."""

import json

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import reference
from toolkit.schema import Reasons, struct_type, to_draft_7, widest

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
