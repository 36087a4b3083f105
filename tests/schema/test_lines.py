"""Names in a line: those that stand twice, and those that its schema does not have."""

from toolkit import reference
from toolkit.schema import doubled_keys, unknown_keys


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
