"""A type that takes only valid lines, for msgspec: most lines need no closer look."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Annotated, Any, Literal

import msgspec

from toolkit.schema.document import Schema, allowed_in, required_of, types_of
from toolkit.schema.kinds import LEAST, MOST

_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_LIMITS: dict[str, dict[str, str]] = {
    "string": {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"},
    "integer": {"minimum": "ge", "maximum": "le"},
    "number": {"minimum": "ge", "maximum": "le"},
    "boolean": {},
    "null": {},
}
_NOTHING = Annotated[str, msgspec.Meta(pattern=r"(?!)")]


@dataclass
class Part:
    """Type of one object, and what it is made of.

    `must` are the names that the object must have, `may` those that it may have, `parts` those of them that are
    objects with a Part of their own; `attribute` says under which name of Python each is found.
    """

    type: Any = None
    must: list[str] = field(default_factory=list)
    may: list[str] = field(default_factory=list)
    parts: dict[str, Part] = field(default_factory=dict)
    attribute: dict[str, str] = field(default_factory=dict)


def strict_type(schema: Schema) -> Any:
    """Type for msgspec that takes only lines valid by this schema, formats apart.

    What it takes is valid; what it refuses may be valid all the same (5.0 for a whole number, a whole number beyond
    64 bits, a name that the schema allows and does not have) and is the `Validator`'s to judge. Two things are left to
    the caller, because they are cheaper for many lines at once: that the bytes are UTF-8, and that times are times
    (`rfc3339` on the column).

    Parameters
    ----------
    schema
        A JSON schema, draft 3 or 7.

    Returns
    -------
    type
        A msgspec Struct with fields f0, f1, ... in the order of the schema's properties; missing ones are None, parts
        of which the schema says nothing are msgspec.Raw.

    Examples
    --------
    >>> line = strict_type({"type": "object", "properties": {"code": {"type": "string", "required": True}}})
    >>> msgspec.json.decode(b'{"code": "2.10"}', type=line)
    Part(f0='2.10')
    >>> msgspec.json.decode(b'{"code": null}', type=line)
    Traceback (most recent call last):
        ...
    msgspec.ValidationError: Expected `str`, got `null` - at `$.code`
    """
    return strict_part(schema).type


def strict_part(schema: Schema, samples: Sequence[dict[str, Any]] | None = None) -> Part:
    """Strict type of an object and its parts; with samples, one that takes only their names.

    Parameters
    ----------
    schema
        A JSON schema, draft 3 or 7.
    samples
        Valid objects. What all of them have must be there, what some have may be missing, and no other name is
        taken: so the number of names in an object is known. Without samples the schema alone says it.

    Examples
    --------
    >>> schema = {"properties": {"code": {"type": "string"}, "day": {"type": "integer"}, "wiki": {"type": "string"}}}
    >>> part = strict_part(schema, [{"code": "6"}, {"code": "6.1", "day": 3}])
    >>> part.must, part.may
    (['code'], ['day'])
    >>> msgspec.json.decode(b'{"code": "6"}', type=part.type)
    Part(f0='6', f1=None)
    """
    part = Part()
    required = required_of(schema)
    fields: list[Any] = []
    for name, sub in _properties(schema, samples or ()).items():
        values = [some[name] for some in samples or () if name in some]
        if samples is not None and not values and name not in required:
            continue
        if values and all(isinstance(value, dict) for value in values) and _may_be_object(sub):
            part.parts[name] = strict_part(sub, values)
        kind = part.parts[name].type if name in part.parts else _type_of(sub)
        attribute = part.attribute[name] = f"f{len(fields)}"  # such as "$schema" is no name in Python
        if name in required or (samples is not None and len(values) == len(samples)):
            part.must.append(name)
            fields.append((attribute, kind))
        else:  # missing is None, but null is refused
            part.may.append(name)
            fields.append((attribute, kind, None))
    part.type = msgspec.defstruct(
        "Part",
        fields,
        rename={attribute: name for name, attribute in part.attribute.items()},
        forbid_unknown_fields=samples is not None or not _is_open(schema),
        kw_only=True,
        gc=False,
    )
    return part


def _properties(schema: Schema, samples: Sequence[dict[str, Any]]) -> dict[str, Schema]:
    """What the schema says of each name: of its properties (of all names, if it lists none), of others it requires."""
    listed: dict[str, Schema] = schema.get("properties", {})
    seen = () if "properties" in schema else dict.fromkeys(key for some in samples for key in some)
    others = schema.get("additionalProperties")
    rest = dict.fromkeys(
        [*seen, *sorted(required_of(schema) - listed.keys())], others if isinstance(others, dict) else {}
    )
    return {**listed, **rest}


def _may_be_object(sub: Schema) -> bool:
    return allowed_in(sub) is None and not {"object", "any"}.isdisjoint(types_of(sub))


def _is_open(schema: Schema) -> bool:
    """Whether any name with any value may stand in an object, for the schema has no names at all."""
    return "properties" not in schema and schema.get("additionalProperties", True) in (True, {})


def _type_of(sub: Schema) -> Any:
    """Type of one value."""
    kinds, allowed = types_of(sub), allowed_in(sub)
    if "any" in kinds and allowed is None:
        return msgspec.Raw
    if allowed is not None:
        # Literals are texts and whole numbers; of True and 1, or 1.0 and 1, Python can't tell which is which.
        fit = [value for value in allowed if type(value) is str or type(value) is int]
        fit = [value for value in fit if "any" in kinds or ("string" if type(value) is str else "integer") in kinds]
        return Literal[tuple(fit)] if fit else _NOTHING
    return functools.reduce(operator.or_, [_type_of_kind(kind, sub) for kind in kinds])


def _type_of_kind(kind: str, sub: Schema) -> Any:
    if kind == "array":
        return GenericAlias(list, (_type_of(sub.get("items", {})),))
    if kind == "object":
        others = sub.get("additionalProperties")
        if isinstance(others, dict) and others and not sub.keys() & {"properties", "required"}:
            return GenericAlias(dict, (str, _type_of(others)))  # any name, values of one type
        return strict_type(sub)
    limits: dict[str, Any] = {limit: sub[word] for word, limit in _LIMITS[kind].items() if word in sub}
    if kind == "integer":
        limits = {"ge": max(limits.get("ge", LEAST), LEAST), "le": min(limits.get("le", MOST), MOST)}
    return Annotated[_TYPES[kind], msgspec.Meta(**limits)] if limits else _TYPES[kind]
