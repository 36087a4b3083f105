"""A schema as it is written: what its words say in either draft, and several editions as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]


def to_draft_7(schema: Schema) -> Schema:
    """Same schema with `required` as a list of names, as validators of today read it.

    Draft 3 marks each property by itself with `required: true`.

    Examples
    --------
    >>> to_draft_7({"properties": {"a": {"type": "string", "required": True}, "b": {"type": "string"}}})
    {'properties': {'a': {'type': 'string'}, 'b': {'type': 'string'}}, 'required': ['a']}
    """
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {key: value for key, value in schema.items() if not (key == "required" and isinstance(value, bool))}
    marked = [name for name, sub in properties.items() if sub.get("required") is True]
    kept = {key: value for key, value in schema.items() if key not in {"properties", "required", "$schema"}}
    listed = schema["required"] if isinstance(schema.get("required"), list) else []
    required = [*listed, *marked]
    return {
        **kept,
        "properties": {name: to_draft_7(sub) for name, sub in properties.items()},
        **({"required": required} if required else {}),
    }


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


def at_path(schema: Schema, path: str) -> Schema:
    """Schema of the part of an object at a path such as `event.module`; empty where the schema has no such path.

    Examples
    --------
    >>> at_path({"properties": {"event": {"properties": {"module": {"type": "string"}}}}}, "event.module")
    {'type': 'string'}
    """
    for name in path.split("."):
        schema = schema.get("properties", {}).get(name, {})
    return schema


def types_of(schema: Schema) -> list[str]:
    """Types that a schema names; any if it names none.

    Examples
    --------
    >>> types_of({"type": "string"}), types_of({"type": ["string", "null"]}), types_of({})
    (['string'], ['string', 'null'], ['any'])
    """
    kinds = schema.get("type", ["any"])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def required_of(schema: Schema) -> set[str]:
    """Names that must be there, whether each says so itself (draft 3) or the object lists them.

    Examples
    --------
    >>> sorted(required_of({"properties": {"a": {"required": True}, "b": {"required": False}}, "required": ["c"]}))
    ['a', 'c']
    """
    listed = schema["required"] if isinstance(schema.get("required"), list) else []
    return {*listed, *(key for key, sub in schema.get("properties", {}).items() if sub.get("required") is True)}


def allowed_in(schema: Schema) -> list[Any] | None:
    """Values that a schema lists; null if it lists none."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def joined(path: str, name: str) -> str:
    """Path of a name in an object that stands at a path; the whole line has none."""
    return f"{path}.{name}" if path else name
