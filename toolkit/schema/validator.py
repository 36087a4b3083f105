"""The exact verdict on a line of JSON, and every reason: a schema compiled to functions, one for each of its words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container
from typing import Any, NamedTuple

from toolkit import errors
from toolkit.schema.document import Schema, joined, types_of
from toolkit.schema.kinds import IS, LEAST, MOST, WORDS, is_number, is_whole, kind_of
from toolkit.schema.lines import parsed
from toolkit.schema.reasons import (
    NO_TIME,
    TOO_LARGE,
    TOO_LONG,
    TOO_SHORT,
    TOO_SMALL,
    Violation,
    found_in_words,
    missing,
    not_listed,
)
from toolkit.schema.times import is_time


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
            return [Violation("", "json", f"not an object: {WORDS[kind_of(found)] if found is not None else 'null'}")]
        return self.violations_of(found)

    def violations_of(self, found: object) -> list[Violation]:
        """Every rule that a value breaks, as `json.loads` gives it."""
        broken: list[Violation] = []
        self._check(found, "", broken)
        return broken


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
    if draft.held and {"integer", "number"} & set(types_of(schema)):
        checks.append(_check_whole_range if "number" not in types_of(schema) else _check_range)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        before = len(broken)
        typed(value, path, broken)
        if len(broken) == before:  # of a wrong type nothing else need be said
            for one in checks:
                one(value, path, broken)

    return check


def _check_type(schema: Schema, draft: _Draft) -> _Check:
    kinds = types_of(schema)
    tests = [is_whole if kind == "integer" and draft.third else IS[kind] for kind in kinds]
    sure = _PYTHON.get(kinds[0]) if len(kinds) == 1 else None
    due = " or ".join(WORDS.get(kind, kind) for kind in kinds)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if type(value) is not sure and not any(test(value) for test in tests):
            broken.append(
                Violation(path, "type", f"{path!r} is {found_in_words(path, value, kinds)} where {due} is due")
            )

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
                    one(item, joined(path, key), broken)
        for key in required:
            if key not in value:
                broken.append(missing(joined(path, key)))  # noqa: PERF401 - a comprehension made for nothing is slow

    return check


def _surely(sub: Schema, draft: _Draft) -> tuple[type | None, Container[Any] | None]:
    """Python type, and values, for which a property is valid without a closer look; no type if none is sure."""
    words = sub.keys() & (_KNOWN - _NOTES - {"required"})
    kind = _PYTHON.get(str(sub.get("type")))
    if words == {"type"}:
        return kind, range(LEAST, MOST + 1) if kind is int and draft.held else None
    if kind is str and words == {"type", "enum"}:
        return kind, frozenset(sub["enum"])
    if kind is int and words == {"type", "minimum", "maximum"}:
        return kind, range(sub["minimum"], sub["maximum"] + 1)
    return None, None


def _check_required(schema: Schema, draft: _Draft) -> _Check:
    listed = set() if draft.third else set(schema["required"])  # in draft 3 the object above looks

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if isinstance(value, dict) and not value.keys() >= listed:
            broken.extend(missing(joined(path, key)) for key in schema["required"] if key not in value)

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
            here = joined(path, key)
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
                inner(item, joined(path, str(at)), broken)

    return check


def _check_enum(schema: Schema, _: _Draft) -> _Check:
    allowed = [schema["const"]] if "const" in schema else schema["enum"]
    due = not_listed(allowed)

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if not any(_same(value, one) for one in allowed):
            broken.append(Violation(path, "enum", f"{path!r} is {found_in_words(path, value)}{due}"))

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
                broken.append(Violation(path, rule, f"{path!r} is {found_in_words(path, value)}{said}"))

        return check

    return made


def _check_format(schema: Schema, _: _Draft) -> _Check:
    timed = schema["format"] == "date-time"  # other formats are for the reader of the schema, as in jsonschema itself

    def check(value: Any, path: str, broken: list[Violation]) -> None:
        if timed and isinstance(value, str) and not is_time(value):
            broken.append(Violation(path, "format", f"{path!r} is {found_in_words(path, value)}{NO_TIME}"))

    return check


def _check_range(value: Any, path: str, broken: list[Violation]) -> None:
    if IS["number"](value) and not (LEAST <= value <= MOST if isinstance(value, int) else abs(value) < math.inf):
        broken.append(Violation(path, "range", f"{path!r} is {found_in_words(path, value)}, which 64 bits do not hold"))


def _check_whole_range(value: Any, path: str, broken: list[Violation]) -> None:
    """Same where the column is of whole numbers: 1e30 is one, by draft 7."""
    _check_range(int(value) if isinstance(value, float) and value.is_integer() else value, path, broken)


def _same(one: object, other: object) -> bool:
    """Whether two values are one in JSON: 1 and 1.0 are, 1 and true are not."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


_PYTHON: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "object": dict}


_CHECKS: dict[str, Callable[[Schema, _Draft], _Check]] = {
    "properties": _check_properties,
    "required": _check_required,
    "additionalProperties": _check_additional,
    "items": _check_items,
    "enum": _check_enum,
    "const": _check_enum,
    "format": _check_format,
    "minimum": _check_limit("minimum", "minimum", lambda value, least: is_number(value) and value < least, TOO_SMALL),
    "maximum": _check_limit("maximum", "maximum", lambda value, most: is_number(value) and value > most, TOO_LARGE),
    "minLength": _check_limit(
        "minLength", "length", lambda value, least: isinstance(value, str) and len(value) < least, TOO_SHORT
    ),
    "maxLength": _check_limit(
        "maxLength", "length", lambda value, most: isinstance(value, str) and len(value) > most, TOO_LONG
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
