"""One line of JSON: its value, the names in it that stand twice, and those that its schema does not have."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from toolkit import errors
from toolkit.schema.document import Schema, joined
from toolkit.schema.reasons import plain

_HALF = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_DECODER = msgspec.json.Decoder(float_hook=float)  # which takes 1e400 too, as json.loads does


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
        raise ValueError(_half(line) or plain(str(error))) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _half(line: bytes) -> str:
    """What is wrong with a line that is JSON but for half of a surrogate pair; nothing if it is none."""
    try:
        json.loads(_HALF.sub(rb"\\\\", line))
    except (ValueError, RecursionError):
        return ""
    return "half of a surrogate pair, which is no sign" if _HALF.search(line) else ""


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
                found.append(joined(path, key))
            seen.add(key)
            _doubled(inner, joined(path, key), found)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            _doubled(inner, joined(path, str(at)), found)


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
        for name in (unknown_keys(known[key], value, joined(path, key)) if key in known else [joined(path, key)])
    ]
