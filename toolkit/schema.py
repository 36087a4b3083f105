"""A JSON schema, compiled for reading: a decoder that gives a verdict on a line, a polars type, and all reasons.

The verdict on each line comes from a msgspec decoder made of the schema. Only lines that fail meet the full
validator, which says everything that is wrong with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import GenericAlias
from typing import Annotated, Any

import jsonschema_rs
import msgspec
import polars as pl

Schema = dict[str, Any]
PRIVATE = frozenset({"user_id", "homepage_pageview_token", "i", "ip", "client_ip"})  # never quoted in a reason
LONG = 40  # signs of a value that a reason quotes

_INT64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_PLAIN: dict[str, Any] = {"string": str, "integer": _INT64, "number": float, "boolean": bool}
_POLARS: dict[str, type[pl.DataType]] = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
}
_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


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


def widest(schemas: list[Schema]) -> Schema:
    """Schema that accepts what any edition accepts: all properties, required only what every edition requires.

    Lists of allowed values are dropped: a value that an edition does not know is no reason to lose a row.

    Examples
    --------
    >>> old = {"properties": {"a": {"type": "string", "required": True, "enum": ["x"]}}}
    >>> new = {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
    >>> widest([old, new])
    {'type': 'object', 'properties': {'a': {'type': 'string'}, 'b': {'type': 'integer'}}, 'required': ['a']}
    """
    translated = [to_draft_7(schema) for schema in schemas]
    properties = {name: sub for schema in translated for name, sub in schema.get("properties", {}).items()}
    open_lists = {name: {key: value for key, value in sub.items() if key != "enum"} for name, sub in properties.items()}
    required = [name for name in properties if all(name in schema.get("required", []) for schema in translated)]
    return {"type": "object", "properties": open_lists, "required": required}


def struct_type(schema: Schema, name: str = "Event", *, closed: bool = True) -> Any:
    """Type that msgspec decodes an object of this schema into; unread parts stay raw.

    Optional properties may be missing or null; required ones may be neither. A closed type refuses names that the
    schema does not have.

    Examples
    --------
    >>> event = struct_type({"properties": {"code": {"type": "string"}}, "required": ["code"]})
    >>> msgspec.json.decode(b'{"code": 2.10}', type=event)
    Traceback (most recent call last):
        ...
    msgspec.ValidationError: Expected `str`, got `float` - at `$.code`
    """
    properties = schema.get("properties", {})
    names = {f"f{at}": key for at, key in enumerate(properties)}  # such as "$schema" is no name in Python
    required = set(schema.get("required", []))
    fields: list[Any] = []
    for field, key in names.items():
        kind = _field_type(properties[key], key, closed=closed)
        if key in required:
            fields.append((field, kind))
        else:  # raw takes any value, null included, and no other type beside it
            fields.append((field, kind if kind is msgspec.Raw else kind | None | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=closed, kw_only=True)


def _field_type(sub: Schema, name: str, *, closed: bool) -> Any:
    kind = sub.get("type")
    part: Any = sub.get("items", {}).get("type")
    if kind == "object" and sub.get("properties"):
        return struct_type(sub, name, closed=closed)
    if kind == "array" and part in _PLAIN:
        return GenericAlias(list, (_PLAIN[part],))
    return _PLAIN.get(kind, msgspec.Raw) if isinstance(kind, str) else msgspec.Raw


def polars_type(schema: Schema, fields: dict[str, Any]) -> pl.Struct:
    """Polars type of the named fields of a schema; nested objects by a nested mapping.

    Examples
    --------
    >>> polars_type({"properties": {"dt": {"type": "string"}, "ip": {"type": "string"}}}, {"dt": True})
    Struct({'dt': String})
    """
    properties = schema["properties"]
    of = {
        name: polars_type(properties[name], inner) if isinstance(inner, dict) else _POLARS[properties[name]["type"]]
        for name, inner in fields.items()
        if name in properties
    }
    return pl.Struct(of)


class Reasons:
    """All reasons why an object breaks a schema, in words that name field, value found and rule."""

    def __init__(self, schema: Schema) -> None:
        self._validator = jsonschema_rs.Draft7Validator(_optional_or_null(to_draft_7(schema)))

    def of(self, line: bytes, first: str) -> str:
        """Reasons for one line of JSON text, parted by `; `; `first` is what the decoder said.

        Examples
        --------
        >>> reasons = Reasons({"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code", "dt"]})
        >>> reasons.of(b'{"code": 2.10}', "Expected `str`, got `float`")
        "'code' is the number 2.1 (a number keeps no final 0) where a text is due; 'dt' is missing"
        """
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return f"not a line of JSON: {_plain(str(error))}"
        if not isinstance(found, dict):
            return f"not an object: {line.strip()[:LONG].decode(errors='replace')}"
        return "; ".join(sorted(set(self._all(found)))) or _plain(first)

    def _all(self, found: dict[str, Any]) -> Iterator[str]:
        for error in self._validator.iter_errors(found):
            path = ".".join(map(str, error.instance_path))
            rule, kind = str(error.schema_path[-1]), error.kind.as_dict()
            if rule == "required":
                yield f"{_joined(path, kind['property'])!r} is missing"
            elif rule == "type":
                due = kind["types"]
                yield f"{path!r} is {_shown(path, error.instance)} where {' or '.join(_WORDS.get(kind, kind) for kind in due)} is due"
            else:
                yield f"{path!r} is {_shown(path, error.instance)}: breaks {rule!r}"


def _optional_or_null(schema: Schema) -> Schema:
    """Schema in which a property that need not be there may be null too, as the decoder has it."""
    required = schema.get("required", [])
    properties = {
        name: _optional_or_null({**sub, "type": sub["type"] if name in required else [sub["type"], "null"]})
        if "type" in sub
        else sub
        for name, sub in schema.get("properties", {}).items()
    }
    return {**schema, **({"properties": properties} if properties else {})}


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(path: str, value: object) -> str:
    """Value as a reason may quote it: never an identifier, never long."""
    if path.rsplit(".", 1)[-1] in PRIVATE:
        return f"a {type(value).__name__} (not shown)"
    text = msgspec.json.encode(value).decode()
    if isinstance(value, float):
        return f"the number {text} (a number keeps no final 0)"
    return text if len(text) <= LONG else text[: LONG - 3] + "..."


def _plain(message: str) -> str:
    """Message of the decoder without its signs for types and paths."""
    return message.replace("`", "'").replace("$.", "")
