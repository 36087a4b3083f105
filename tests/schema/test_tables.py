"""The rules of a schema for a table find what the validator finds line by line."""

from random import Random

import polars as pl
import pytest

from toolkit import reference
from toolkit.errors import ToolkitError
from toolkit.schema import Rule, Validator, beside_enum, bitmask, broken_rules, rules


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
