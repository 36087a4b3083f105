"""Kinds of values in JSON: how each is told, and what it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LEAST, MOST = -(2**63), 2**63 - 1  # whole numbers that a column of 64 bits holds
WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
}


def is_number(value: object) -> bool:
    """Whether a value is a number in JSON; to Python true and false are numbers too."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: object) -> bool:
    """Whether a value is a whole number by draft 7, for which 5.0 is one."""
    return is_whole(value) or (isinstance(value, float) and value.is_integer())


def is_whole(value: object) -> bool:
    """Whether a value is a whole number by draft 3, for which 5.0 is none."""
    return isinstance(value, int) and not isinstance(value, bool)


IS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": is_integer,
    "number": is_number,
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def kind_of(value: object) -> str:
    """Name of a value's type in JSON."""
    return next((kind for kind, test in IS.items() if kind not in {"any", "null"} and test(value)), "null")
