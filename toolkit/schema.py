"""A JSON schema, compiled for reading: a decoder that gives a verdict on a line, a polars type, and all reasons.

The verdict on each line comes from a msgspec decoder made of the schema. Only lines that fail meet the full
validator, which says everything that is wrong with them.
"""

from __future__ import annotations

import functools
import json
import math
import operator
import re
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from types import GenericAlias
from typing import Annotated, Any, Literal, NamedTuple

import jsonschema_rs
import msgspec
import polars as pl

from toolkit import errors

Schema = dict[str, Any]
PRIVATE = frozenset({"user_id", "homepage_pageview_token", "i", "ip", "client_ip"})  # never quoted in a reason
LONG = 40  # signs of a value that a reason quotes

HIDDEN = PRIVATE | {"http", "useragent", "userAgent", "geocoded_data", "uri", "l"}  # nor anything below these

_LEAST, _MOST = -(2**63), 2**63 - 1
_STRICT: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool, "null": None}
_LIMITS: dict[str, dict[str, str]] = {
    "string": {"minLength": "min_length", "maxLength": "max_length", "pattern": "pattern"},
    "integer": {"minimum": "ge", "maximum": "le"},
    "number": {"minimum": "ge", "maximum": "le"},
    "boolean": {},
    "null": {},
}
_BITS = 64
_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
_TIME_PATTERN = (
    r"(?:(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-"
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29)"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_TIME = re.compile(_TIME_PATTERN)

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
        name: _optional_or_null({**sub, "type": sub["type"] if name in required else sorted({*_types(sub), "null"})})
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


class Violation(NamedTuple):
    """One rule that a line breaks: where, which, and in words that name field, value found and rule.

    `rule` is json (no object of JSON at all), type, required, enum, minimum, maximum, length, pattern, format,
    additional (a name that the schema does not have), or range (a number that no column of 64 bits holds).
    """

    path: str
    rule: str
    words: str


class Rule(NamedTuple):
    """One rule for a table: the column it is about, the rule, the words, and whether a row breaks it."""

    path: str
    rule: str
    words: str
    broken: pl.Expr


def strict_type(schema: Schema, name: str = "Line", *, closed: bool = True) -> Any:
    """Type for msgspec that takes only lines valid by this schema, formats apart.

    What it takes is valid; what it refuses may be valid all the same (5.0 for a whole number, a whole number beyond
    64 bits) and is the `Validator`'s to judge. Two things are left to the caller, because they are cheaper for many
    lines at once: that the bytes are UTF-8, and that times are times (`rfc3339` on the column).

    Parameters
    ----------
    schema
        A JSON schema, draft 3 or 7.
    name
        Name of the type, which no message shows.
    closed
        Whether to refuse names that the schema does not have even where it allows others.

    Returns
    -------
    type
        A msgspec Struct with fields f0, f1, ... in the order of the schema's properties; missing ones are UNSET, parts
        of which the schema says nothing are msgspec.Raw.

    Examples
    --------
    >>> line = strict_type({"type": "object", "properties": {"code": {"type": "string", "required": True}}})
    >>> msgspec.json.decode(b'{"code": "2.10"}', type=line)
    Line(f0='2.10')
    >>> msgspec.json.decode(b'{"code": null}', type=line)
    Traceback (most recent call last):
        ...
    msgspec.ValidationError: Expected `str`, got `null` - at `$.code`
    """
    required = _required(schema)
    closed = closed or schema.get("additionalProperties") is False
    fields: list[Any] = []
    names: dict[str, str] = {}
    for at, (key, sub) in enumerate(schema.get("properties", {}).items()):
        kind = _strict(sub, closed=closed)
        names[f"f{at}"] = key  # such as "$schema" is no name in Python
        if key in required:
            fields.append((f"f{at}", kind))
        elif kind is msgspec.Raw:  # takes any value and stands beside no other type
            fields.append((f"f{at}", kind, msgspec.Raw()))
        else:
            fields.append((f"f{at}", kind | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(name, fields, rename=names, forbid_unknown_fields=closed, kw_only=True, gc=False)


def _strict(sub: Schema, *, closed: bool) -> Any:
    kinds = [sub["type"]] if isinstance(sub.get("type"), str) else sub.get("type", ["any"])
    allowed = [sub["const"]] if "const" in sub else sub.get("enum")
    if "any" in kinds and allowed is None:
        return msgspec.Raw
    if allowed is not None:
        # Literals are texts and whole numbers; of True and 1, or 1.0 and 1, Python can't tell which is which.
        fit = [value for value in allowed if type(value) is str or type(value) is int]
        fit = [value for value in fit if "any" in kinds or ("string" if type(value) is str else "integer") in kinds]
        return Literal[tuple(fit)] if fit else Annotated[str, msgspec.Meta(pattern=r"(?!)")]
    return functools.reduce(operator.or_, [_strict_of(kind, sub, closed=closed) for kind in kinds])


def _strict_of(kind: str, sub: Schema, *, closed: bool) -> Any:
    if kind == "array":
        return GenericAlias(list, (_strict(sub.get("items", {}), closed=closed),))
    if kind == "object":
        others = sub.get("additionalProperties", {})
        if others and others is not True:  # any name, values of one type
            return GenericAlias(dict, (str, _strict(others, closed=closed)))
        return strict_type(sub, "Part", closed=closed and "properties" in sub)
    limits: dict[str, Any] = {limit: sub[word] for word, limit in _LIMITS[kind].items() if word in sub}
    if kind == "integer":
        limits = {"ge": max(limits.get("ge", _LEAST), _LEAST), "le": min(limits.get("le", _MOST), _MOST)}
    return Annotated[_STRICT[kind], msgspec.Meta(**limits)] if limits else _STRICT[kind]


class Validator:
    """The exact verdict on a line of JSON, and every reason.

    Its verdict is that of the library jsonschema, with the draft that the schema names (3 or 7) and the format
    date-time checked. It is slow beside `strict_type`, and meant for the lines which that refuses.

    Parameters
    ----------
    schema
        A JSON schema of the words that this project's schemas use.
    held
        Whether numbers that no column of 64 bits holds break a rule too (range); no JSON schema minds them.

    Raises
    ------
    toolkit.errors.ToolkitError
        The schema has a word that is not known here.

    Examples
    --------
    >>> validator = Validator({"properties": {"code": {"type": "string"}}, "required": ["code", "dt"]})
    >>> for violation in validator.violations(b'{"code": 2.10}'):
    ...     print(violation)
    Violation(path='code', rule='type', words="'code' is the number 2.1 (a number keeps no final 0) where a text is due")
    Violation(path='dt', rule='required', words="'dt' is missing")
    """

    def __init__(self, schema: Schema, *, held: bool = False) -> None:
        self._check = _compiled(schema, _Draft("draft-03" in schema.get("$schema", ""), held))

    def violations(self, line: bytes) -> list[Violation]:
        """Every rule that one line breaks; nothing if it is valid."""
        try:
            found = parsed(line)
        except ValueError as error:
            return [Violation("", "json", f"not a line of JSON: {error}")]
        if not isinstance(found, dict):
            return [Violation("", "json", f"not an object: {_WORDS[_kind(found)] if found is not None else 'null'}")]
        return self.violations_of(found)

    def violations_of(self, found: object) -> list[Violation]:
        """Every rule that a value breaks, as `json.loads` gives it."""
        broken: list[Violation] = []
        self._check(found, "", broken)
        return broken


def parsed(line: bytes) -> Any:
    r"""Value of one line of JSON by RFC 8259; of a name that stands twice, the last.

    Raises
    ------
    ValueError
        The line is no JSON, or holds what no text can: half of a surrogate pair, or thousands of levels.

    Examples
    --------
    >>> parsed(b'{"code": "2.10"}')
    {'code': '2.10'}
    >>> parsed(b'{"code": NaN}')
    Traceback (most recent call last):
        ...
    ValueError: JSON is malformed: invalid character (byte 9)
    """
    try:
        line.decode()
        return _DECODER.decode(line)
    except UnicodeDecodeError as error:
        raise ValueError(errors.no_utf8(line, error.start)) from None
    except msgspec.DecodeError as error:
        raise ValueError(_half(line) or _plain(str(error))) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _half(line: bytes) -> str:
    """What is wrong with a line that is JSON but for half of a surrogate pair; nothing if it is none."""
    try:
        json.loads(_HALF.sub(rb"\\\\", line))
    except (ValueError, RecursionError):
        return ""
    return "half of a surrogate pair, which is no sign" if _HALF.search(line) else ""


_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


_DECODER = msgspec.json.Decoder(float_hook=float)  # which takes 1e400 too, as json.loads does


def doubled_keys(line: bytes) -> list[str]:
    """Names that an object of the line has more than once, with their path, in order; a line of JSON is expected.

    Examples
    --------
    >>> doubled_keys(b'{"event": {"module": "help", "module": "impact"}, "wiki": "cswiki"}')
    ['event.module']
    """
    found: list[str] = []
    _doubled(json.loads(line, object_pairs_hook=_Pairs), "", found)
    return list(dict.fromkeys(found))


class _Pairs(list[tuple[str, Any]]):
    """An object with all its pairs."""


def _doubled(value: object, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        seen: set[str] = set()
        for key, inner in value:
            if key in seen:
                found.append(_joined(path, key))
            seen.add(key)
            _doubled(inner, _joined(path, key), found)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            _doubled(inner, _joined(path, str(at)), found)


def unknown_keys(schema: Schema, found: object, path: str = "") -> list[str]:
    """Names in an object that its schema does not have, with their path; whether the schema allows them or not.

    Examples
    --------
    >>> unknown_keys({"properties": {"event": {"properties": {"module": {}}}}}, {"event": {"mood": 1}, "ip": ""})
    ['event.mood', 'ip']
    """
    if not isinstance(found, dict) or "properties" not in schema:
        return []
    known = schema["properties"]
    return [
        name
        for key, value in found.items()
        for name in (unknown_keys(known[key], value, _joined(path, key)) if key in known else [_joined(path, key)])
    ]


class _Draft(NamedTuple):
    """How the words of a schema are meant."""

    third: bool
    held: bool


_Check = Callable[[Any, str, list[Violation]], None]


def _compiled(schema: Schema, draft: _Draft) -> _Check:
    """Function that notes all that a value breaks."""
    strange = sorted(key for key in schema if key not in _KNOWN and not key.startswith("x-"))
    if strange:
        raise errors.bad_choice("schema", errors.quoted(strange), sorted(_KNOWN - _NOTES))
    typed = _check_type(schema, draft)
    checks = [_CHECKS[key](schema, draft) for key in schema if key in _CHECKS]
    if draft.held and {"integer", "number"} & set(_types(schema)):
        checks.append(_check_range)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        before = len(broken)
        typed(value, path, broken)
        if len(broken) == before:  # of a wrong type nothing else need be said
            for one in checks:
                one(value, path, broken)

    return check


def _types(schema: Schema) -> list[str]:
    kinds = schema.get("type", ["any"])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _required(schema: Schema) -> set[str]:
    """Names that must be there, whether each says so itself (draft 3) or the object lists them."""
    listed = schema["required"] if isinstance(schema.get("required"), list) else []
    return {*listed, *(key for key, sub in schema.get("properties", {}).items() if sub.get("required") is True)}


def _check_type(schema: Schema, draft: _Draft) -> _Check:
    kinds = _types(schema)
    tests = [_is_whole if kind == "integer" and draft.third else _IS[kind] for kind in kinds]
    sure = _PYTHON.get(kinds[0]) if len(kinds) == 1 else None
    due = " or ".join(_WORDS.get(kind, kind) for kind in kinds)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if type(value) is not sure and not any(test(value) for test in tests):
            broken.append(Violation(path, "type", f"{path!r} is {_found(path, value, kinds)} where {due} is due"))

    return check


def _check_properties(schema: Schema, draft: _Draft) -> _Check:
    properties = schema["properties"]
    checks = [(key, *_surely(sub, draft), _compiled(sub, draft)) for key, sub in properties.items()]
    required = [key for key, sub in properties.items() if draft.third and sub.get("required") is True]

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if not isinstance(value, dict):
            return
        for key, kind, among, one in checks:
            if key in value:
                item = value[key]
                if type(item) is not kind or (among is not None and item not in among):
                    one(item, _joined(path, key), broken)
        for key in required:
            if key not in value:
                broken.append(_missing(_joined(path, key)))  # noqa: PERF401 - a comprehension made for nothing is slow

    return check


def _surely(sub: Schema, draft: _Draft) -> tuple[type | None, Container[Any] | None]:
    """Python type, and values, for which a property is valid without a closer look; no type if none is sure."""
    words = sub.keys() & (_KNOWN - _NOTES - {"required"})
    kind = _PYTHON.get(str(sub.get("type")))
    if words == {"type"}:
        return kind, range(_LEAST, _MOST + 1) if kind is int and draft.held else None
    if kind is str and words == {"type", "enum"}:
        return kind, frozenset(sub["enum"])
    if kind is int and words == {"type", "minimum", "maximum"}:
        return kind, range(sub["minimum"], sub["maximum"] + 1)
    return None, None


def _check_required(schema: Schema, draft: _Draft) -> _Check:
    listed = set() if draft.third else set(schema["required"])  # in draft 3 the object above looks

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if isinstance(value, dict) and not value.keys() >= listed:
            broken.extend(_missing(_joined(path, key)) for key in schema["required"] if key not in value)

    return check


def _check_additional(schema: Schema, draft: _Draft) -> _Check:
    known, others = set(schema.get("properties", {})), schema["additionalProperties"]
    inner = _compiled(others, draft) if isinstance(others, dict) else None

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if not isinstance(value, dict) or others is True or value.keys() <= known:
            return
        for key in value:
            if key in known:
                continue
            here = _joined(path, key)
            if inner is None:
                broken.append(Violation(here, "additional", f"{here!r} is no field of this edition"))
            else:
                inner(value[key], here, broken)

    return check


def _check_items(schema: Schema, draft: _Draft) -> _Check:
    inner = _compiled(schema["items"], draft)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if isinstance(value, list):
            for at, item in enumerate(value):
                inner(item, _joined(path, str(at)), broken)

    return check


def _check_enum(schema: Schema, _: _Draft) -> _Check:
    allowed = [schema["const"]] if "const" in schema else schema["enum"]
    due = _not_listed(allowed)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if not any(_same(value, one) for one in allowed):
            broken.append(Violation(path, "enum", f"{path!r} is {_found(path, value)}{due}"))

    return check


def _check_limit(
    key: str, rule: str, breaks: Callable[[Any, Any], bool], words: str
) -> Callable[[Schema, _Draft], _Check]:
    """Maker of a check that compares a value with a limit of the schema."""

    def made(schema: Schema, _: _Draft) -> _Check:
        limit = schema[key]

        def check(value: Any, path: str, broken: list[Violation]) -> None:
            if breaks(value, limit):
                said = words.format(limit)
                broken.append(Violation(path, rule, f"{path!r} is {_found(path, value)}{said}"))

        return check

    return made


def _check_format(schema: Schema, _: _Draft) -> _Check:
    timed = schema["format"] == "date-time"  # other formats are for the reader of the schema, as in jsonschema itself

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if timed and isinstance(value, str) and not _is_time(value):
            broken.append(Violation(path, "format", f"{path!r} is {_found(path, value)}{_NO_TIME}"))

    return check


def _check_range(value: Any, path: str, broken: list[Violation]) -> None:
    if _IS["number"](value) and not (_LEAST <= value <= _MOST if isinstance(value, int) else abs(value) < math.inf):
        broken.append(Violation(path, "range", f"{path!r} is {_found(path, value)}, which 64 bits do not hold"))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, float) and value.is_integer())


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _same(one: object, other: object) -> bool:
    """Whether two values are one in JSON: 1 and 1.0 are, 1 and true are not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _is_time(text: str) -> bool:
    return _TIME.fullmatch(text.removesuffix("\n")) is not None


def rfc3339(column: str | pl.Expr) -> pl.Expr:
    r"""Whether a text is a date and time by RFC 3339, as the library rfc3339-validator has it; null where there is none.

    Examples
    --------
    >>> frame = pl.DataFrame({"dt": ["2019-05-01T00:00:00Z", "2019-05-01 00:00:00Z", "2019-02-29T00:00:00+02:00", None]})
    >>> frame.select(rfc3339("dt")).to_series().to_list()
    [True, False, False, None]
    """
    text = pl.col(column) if isinstance(column, str) else column
    return text.str.contains(rf"^(?:{_TIME_PATTERN})\n?$")


def rules(schema: Schema, columns: Collection[str] | None = None) -> list[Rule]:
    """Rules of a schema for a table: flat columns of the right types, named by path, such as `event.action`.

    What a table can still break is looked at: required, enum, minimum, maximum, length, format. Types are the
    columns' own; null and missing are one.

    Parameters
    ----------
    schema
        A JSON schema.
    columns
        Columns that the table has; rules for others are left out. All are expected if not given.

    Returns
    -------
    list of Rule
        In the order of the schema. `broken` is never null; `words` say the rule, and no value.

    Examples
    --------
    >>> schema = {"properties": {"event": {"properties": {"mode": {"enum": ["desktop", "mobile"]}}, "required": ["mode"]}}}
    >>> both = rules(schema)
    >>> [rule.words for rule in both]
    ["'event.mode' is missing", "'event.mode' is none of the 2 values listed"]
    >>> frame = pl.DataFrame({"event.mode": ["desktop", "tablet"], "event.state": ["", ""]})
    >>> frame.select(bitmask(both)).to_series().to_list()
    [0, 2]
    """
    return list(_rules(schema, "", columns))


def _rules(schema: Schema, path: str, columns: Collection[str] | None) -> Iterator[Rule]:
    required = _required(schema)
    here = _there(schema, path, columns)
    for key, sub in schema.get("properties", {}).items():
        name = _joined(path, key)
        if "properties" in sub:
            inner = _there(sub, name, columns)
            if key in required and inner is not None and here is not None:
                yield Rule(name, "required", f"{name!r} is missing", here & ~inner)
            yield from _rules(sub, name, columns)
        elif columns is None or name in columns:
            if key in required and here is not None:
                yield Rule(name, "required", f"{name!r} is missing", here & pl.col(name).is_null())
            yield from _rules_of_value(sub, name)


def _there(schema: Schema, path: str, columns: Collection[str] | None) -> pl.Expr | None:
    """Whether an object has any value; the object of the whole line always is there."""
    if not path:
        return pl.lit(value=True)
    names = [name for name in _leaves(schema, path) if columns is None or name in columns]
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names) if names else None


def _leaves(schema: Schema, path: str) -> Iterator[str]:
    for key, sub in schema["properties"].items():
        name = _joined(path, key)
        if "properties" in sub:
            yield from _leaves(sub, name)
        else:
            yield name


def _rules_of_value(sub: Schema, name: str) -> Iterator[Rule]:
    value = pl.col(name)
    allowed = [sub["const"]] if "const" in sub else sub.get("enum")
    if allowed is not None:
        yield _rule(name, "enum", f"is{_not_listed(allowed)}", ~value.is_in(allowed))
    if "minimum" in sub:
        yield _rule(name, "minimum", f"is{_TOO_SMALL.format(sub['minimum'])}", value < sub["minimum"])
    if "maximum" in sub:
        yield _rule(name, "maximum", f"is{_TOO_LARGE.format(sub['maximum'])}", value > sub["maximum"])
    if "minLength" in sub:
        yield _rule(
            name, "length", f"is{_TOO_SHORT.format(sub['minLength'])}", value.str.len_chars() < sub["minLength"]
        )
    if "maxLength" in sub:
        yield _rule(name, "length", f"is{_TOO_LONG.format(sub['maxLength'])}", value.str.len_chars() > sub["maxLength"])
    if sub.get("format") == "date-time":
        yield _rule(name, "format", f"is{_NO_TIME}", ~rfc3339(value))


def _rule(name: str, rule: str, words: str, broken: pl.Expr) -> Rule:
    return Rule(name, rule, f"{name!r} {words.replace('is,', 'is')}", broken.fill_null(value=False))


def bitmask(rules: Sequence[Rule]) -> pl.Expr:
    """One whole number per row, with bit i set where the row breaks rule i; 0 where it is valid.

    Raises
    ------
    toolkit.errors.ToolkitError
        There are more than 64 rules: make a mask of each part.

    Examples
    --------
    >>> late = Rule("day", "maximum", "'day' is more than 31", pl.col("day") > 31)
    >>> pl.DataFrame({"day": [31, 32]}).select(bitmask([late])).to_series().to_list()
    [0, 1]
    """
    if len(rules) > _BITS:
        raise errors.not_allowed("rules", len(rules), f"are at most {_BITS}, one for each bit of the mask")
    none = pl.lit(0, dtype=pl.UInt64)
    bits = (
        pl.when(rule.broken).then(pl.lit(1 << at, dtype=pl.UInt64)).otherwise(none) for at, rule in enumerate(rules)
    )
    return pl.sum_horizontal(none, *bits).cast(pl.UInt64)


def broken_rules(mask: int, rules: Sequence[Rule]) -> list[Rule]:
    """Rules whose bits are set in a mask, for the few rows where it is not 0.

    Examples
    --------
    >>> one, two = (Rule(name, "required", f"{name!r} is missing", pl.lit(True)) for name in ("dt", "wiki"))
    >>> [rule.words for rule in broken_rules(2, [one, two])]
    ["'wiki' is missing"]
    """
    return [rule for at, rule in enumerate(rules) if mask >> at & 1]


def beside_enum(schemas: Mapping[str, Schema], path: str, *, edition: str = "edition", value: str = "") -> pl.Expr:
    """Why a value is not in the enum of its own edition: later, earlier or unknown; null where it is in it.

    Parameters
    ----------
    schemas
        Schema of each edition, the oldest first.
    path
        Path of the field in the schemas, such as `action`.
    edition
        Column with the edition of each row. A value of an edition that is not among the schemas is unknown only
        where no edition has it.
    value
        Column with the values; named as the path if not given.

    Returns
    -------
    polars.Expr
        `later`: only a later edition has the value. `earlier`: only an earlier one. `unknown`: none has it.

    Examples
    --------
    >>> schemas = {"1": {"properties": {"a": {"enum": ["x", "y"]}}}, "2": {"properties": {"a": {"enum": ["y", "z"]}}}}
    >>> frame = pl.DataFrame({"edition": ["1", "1", "2", "2", "3"], "a": ["x", "z", "x", "?", "x"]})
    >>> frame.select(beside_enum(schemas, "a")).to_series().to_list()
    [None, 'later', 'earlier', 'unknown', None]
    """
    allowed = [_enum(schema, path.split(".")) for schema in schemas.values()]
    values = sorted({item for items in allowed for item in items})
    having = {item: [at for at, items in enumerate(allowed) if item in items] for item in values}
    assert all(ats == [*range(ats[0], ats[-1] + 1)] for ats in having.values()), "a value was dropped and came back"

    def looked_up(column: pl.Expr, to: Mapping[str, int]) -> pl.Expr:
        text = column.cast(pl.String)
        return text.replace_strict(list(to), list(to.values()), default=None, return_dtype=pl.Int32)

    found = pl.col(value or path)
    first = looked_up(found, {item: ats[0] for item, ats in having.items()})
    last = looked_up(found, {item: ats[-1] for item, ats in having.items()})
    own = looked_up(pl.col(edition), {name: at for at, name in enumerate(schemas)})
    return (
        pl.when(found.is_not_null() & first.is_null())
        .then(pl.lit("unknown"))
        .when(own < first)
        .then(pl.lit("later"))
        .when(own > last)
        .then(pl.lit("earlier"))
    )


def _enum(schema: Schema, path: list[str]) -> list[str]:
    for key in path:
        schema = schema.get("properties", {}).get(key, {})
    return list(schema.get("enum", []))


def _missing(path: str) -> Violation:
    return Violation(path, "required", f"{path!r} is missing")


def _found(path: str, value: Any, due: Collection[str] = ()) -> str:
    """Value as words may quote it: never an identifier, never what may hold one, never long."""
    if value is None:
        return "null"
    if HIDDEN.intersection(path.split(".")):
        return f"a {type(value).__name__} (not shown)"
    if isinstance(value, dict | list):
        return (_WORDS[_kind(value)]) if value else json.dumps(value)
    if isinstance(value, str) and {"object", "array"}.intersection(due):
        return "a text"  # often the object itself, as text
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "string" in due:
        return f"the number {text} (a number keeps no final 0)"
    return text if len(text) <= LONG else text[: LONG - 3] + "..."


def _kind(value: object) -> str:
    """Name of a value's type in JSON."""
    return next((kind for kind, test in _IS.items() if kind not in {"any", "null"} and test(value)), "null")


def _not_listed(allowed: list[Any]) -> str:
    if len(allowed) == 1:
        return f" where {json.dumps(allowed[0])} is due"
    return f", none of the {len(allowed)} values listed"


_TOO_SMALL, _TOO_LARGE = ", less than {}", ", more than {}"
_TOO_SHORT, _TOO_LONG = ", shorter than {} signs", ", longer than {} signs"
_NO_TIME = ", no time such as 2019-05-06T19:03:05Z"
_IS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_PYTHON: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "object": dict}
_CHECKS: dict[str, Callable[[Schema, _Draft], _Check]] = {
    "properties": _check_properties,
    "required": _check_required,
    "additionalProperties": _check_additional,
    "items": _check_items,
    "enum": _check_enum,
    "const": _check_enum,
    "format": _check_format,
    "minimum": _check_limit("minimum", "minimum", lambda value, least: _is_number(value) and value < least, _TOO_SMALL),
    "maximum": _check_limit("maximum", "maximum", lambda value, most: _is_number(value) and value > most, _TOO_LARGE),
    "minLength": _check_limit(
        "minLength", "length", lambda value, least: isinstance(value, str) and len(value) < least, _TOO_SHORT
    ),
    "maxLength": _check_limit(
        "maxLength", "length", lambda value, most: isinstance(value, str) and len(value) > most, _TOO_LONG
    ),
    "pattern": _check_limit(
        "pattern",
        "pattern",
        lambda value, form: isinstance(value, str) and re.search(form, value) is None,
        ", not of the form {}",
    ),
}
_NOTES = {"$schema", "$id", "title", "description", "default", "examples"}
_KNOWN = {"type", *_CHECKS, *_NOTES}
