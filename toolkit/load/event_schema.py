"""Schemas as the event readers need them: one that takes every edition, and the types of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import polars as pl

from toolkit import reference
from toolkit.schema import Schema, Validator, to_draft_7


def union_of(schemas: Sequence[Schema]) -> Schema:
    """Schema that takes what any of the schemas takes: all properties, all values, required only what all require.

    Examples
    --------
    >>> old = {"properties": {"a": {"type": "string", "required": True, "enum": ["x"]}}}
    >>> new = {"properties": {"a": {"type": "string", "enum": ["y"]}, "b": {"type": "integer"}}, "required": ["a", "b"]}
    >>> union_of([old, new])
    {'type': 'object', 'properties': {'a': {'type': 'string', 'enum': ['x', 'y']}, 'b': {'type': 'integer'}}, 'required': ['a']}
    """
    translated = [to_draft_7(schema) for schema in schemas]
    properties: dict[str, Schema] = {}
    for schema in translated:
        for name, sub in schema.get("properties", {}).items():
            properties[name] = _either(properties[name], sub) if name in properties else sub
    required = [name for name in properties if all(name in schema.get("required", []) for schema in translated)]
    closed = (
        {"additionalProperties": False} if len(schemas) == 1 and schemas[0].get("additionalProperties") is False else {}
    )
    return {"type": "object", "properties": properties, "required": required, **closed}


def _either(one: Schema, other: Schema) -> Schema:
    plain = {key: value for key, value in {**one, **other}.items() if key != "enum"}
    if "enum" in one and "enum" in other:
        plain["enum"] = list(dict.fromkeys([*one["enum"], *other["enum"]]))
    return plain


@cache
def event_schema(name: str) -> Schema:
    """Schema that takes the events of every known edition of `name`."""
    return union_of([reference.schema(name.lower(), edition) for edition in reference.editions(name.lower())])


@cache
def whole_schema(kind: str, name: str, edition: str | None) -> Schema:
    """Schema of a whole line; for an edition that is not known or not said, one that takes any edition's events."""
    if edition is not None and edition in reference.editions(name.lower()):
        return reference.line_schema(name.lower(), edition, required=("event",))
    around = union_of([reference.schema("envelope", kind)])
    return {**around, "properties": {**around["properties"], "event": event_schema(name)}, "required": ["event"]}


@cache
def validator(kind: str, name: str, edition: str | None) -> Validator:
    """Judge of single lines."""
    return Validator(whole_schema(kind, name, edition), held=True)


@cache
def event_types(name: str) -> dict[str, pl.DataType]:
    """Types of the columns that an event's fields become."""
    return {f"event.{key}": polars_of(sub) for key, sub in event_schema(name)["properties"].items()}


@cache
def values(name: str, field: str) -> frozenset[str]:
    """Values of a field that any edition allows."""
    return frozenset(event_schema(name)["properties"].get(field, {}).get("enum", ()))


def at_path(schema: Schema, path: str) -> Schema:
    """Schema of the part of an object at a path such as `event.module`."""
    for name in path.split("."):
        schema = schema.get("properties", {}).get(name, {})
    return schema


def polars_of(sub: Schema) -> pl.DataType:
    """Polars type for the values of one property; text for what has no type of its own."""
    kinds = [sub["type"]] if isinstance(sub.get("type"), str) else sub.get("type", [])
    plain = [kind for kind in kinds if kind != "null"]
    if plain == ["array"]:
        return pl.List(polars_of(sub.get("items", {})))
    simple: dict[str, Any] = {"integer": pl.Int64(), "number": pl.Float64(), "boolean": pl.Boolean()}
    return simple.get(plain[0], pl.String()) if len(plain) == 1 else pl.String()
