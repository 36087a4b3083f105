"""Why a line breaks a schema, in words that name field, value found and rule, and quote nothing private."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from toolkit.schema.kinds import WORDS, kind_of

PRIVATE = frozenset({"user_id", "homepage_pageview_token", "i", "ip", "client_ip"})  # never quoted in a reason
LONG = 40  # signs of a value that a reason quotes
HIDDEN = PRIVATE | {"http", "useragent", "userAgent", "geocoded_data", "uri", "l"}  # nor anything below these
TOO_SMALL, TOO_LARGE = ", less than {}", ", more than {}"
TOO_SHORT, TOO_LONG = ", shorter than {} signs", ", longer than {} signs"
NO_TIME = ", no time such as 2019-05-06T19:03:05Z"


class Violation(NamedTuple):
    """One rule that a line breaks: where, which, and in words that name field, value found and rule.

    `rule` is json (no object of JSON at all), type, required, enum, minimum, maximum, length, pattern, format,
    additional (a name that the schema does not have), or range (a number that no column of 64 bits holds).
    """

    path: str
    rule: str
    words: str


def missing(path: str) -> Violation:
    """Violation of a name that is not there."""
    return Violation(path, "required", f"{path!r} is missing")


def found_in_words(path: str, value: Any, due: Collection[str] = ()) -> str:
    """Value as words may quote it: never an identifier, never what may hold one, never long."""
    if value is None:
        return "null"
    if HIDDEN.intersection(path.split(".")):
        return f"a {type(value).__name__} (not shown)"
    if isinstance(value, dict | list):
        return WORDS[kind_of(value)] if value else json.dumps(value)
    if isinstance(value, str) and {"object", "array"}.intersection(due):
        return "a text"  # often the object itself, as text
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "string" in due:
        return f"the number {text} (a number keeps no final 0)"
    return text if len(text) <= LONG else text[: LONG - 3] + "..."


def not_listed(allowed: list[Any]) -> str:
    """Words for a value that is not among those allowed."""
    if len(allowed) == 1:
        return f" where {json.dumps(allowed[0])} is due"
    return f", none of the {len(allowed)} values listed"


def plain(message: str) -> str:
    """Message of the decoder without its signs for types and paths."""
    return message.replace("`", "'").replace("$.", "")
