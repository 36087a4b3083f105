"""A ROW of Presto in one cell: a list of values without names, in the order of the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from toolkit.load.typed import NUMBER, TRUTH, WHOLE, list_of

_values = msgspec.json.Decoder(list[msgspec.Raw]).decode
_text = msgspec.json.Decoder(str).decode
IN_PYTHON = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^'",\[\]{}()]+)\s*(?:,|$)""")
FITS: dict[str, Callable[[str], object]] = {
    "string": lambda _: True,
    "integer": re.compile(WHOLE).match,
    "number": re.compile(NUMBER).match,
    "boolean": lambda value: value.lower() in TRUTH,
    "array": list_of,
}
PLAIN = {"None": "null", "True": "true", "False": "false"}


def row(text: str, orders: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """Values of a row by the names of the edition that they fit.

    Parameters
    ----------
    text : str
        The cell: a JSON list, a list as Python shows it, values between brackets, or `{name=value, ...}`.
    orders : sequence of mapping
        Properties of each edition that may be meant, in their order.

    Raises
    ------
    ValueError
        If no edition fits, or several of another order: which names the values have would be a guess.

    Examples
    --------
    >>> edition = {"action": {"type": "string"}, "action_data": {"type": "string"}, "user_id": {"type": "integer"}}
    >>> row('["impression","",77]', [edition])
    {'action': 'impression', 'action_data': '', 'user_id': '77'}
    >>> row("{action=impression, action_data=, user_id=77}", [edition])
    {'action': 'impression', 'action_data': '', 'user_id': '77'}
    >>> row('["impression",""]', [edition])
    Traceback (most recent call last):
        ...
    ValueError: 'event' is a row of 2 values; the known editions have 3
    """
    if text.startswith("{") and text.endswith("}"):
        return _named(text[1:-1], {name.lower(): name for order in orders for name in order})
    values = _cells(text)
    if values is None:
        raise ValueError("'event' is neither a JSON object nor a row of values")
    fitting = [order for order in orders if len(order) == len(values)]
    if not fitting:
        lengths = " or ".join(map(str, sorted({len(order) for order in orders})))
        raise ValueError(f"'event' is a row of {len(values)} values; the known editions have {lengths}")
    typed_so = [order for order in fitting if _agree(values, order)]
    listed_so = [order for order in typed_so if _listed(values, order)]  # tells apart what types alone do not
    names = {tuple(order) for order in typed_so}
    names = names if len(names) == 1 else {tuple(order) for order in listed_so}
    if len(names) != 1:
        how = "several known editions" if names else "no known edition"
        raise ValueError(f"'event' is a row of {len(values)} values, in the order of {how} by their types")
    return dict(zip(names.pop(), values, strict=True))


def _agree(values: Sequence[str | None], order: Mapping[str, Any]) -> bool:
    """Whether each value can be of the type that its name has."""
    pairs = zip(order.values(), values, strict=True)
    return all(not value or FITS[sub["type"]](value) for sub, value in pairs)


def _listed(values: Sequence[str | None], order: Mapping[str, Any]) -> bool:
    """Whether each value is in the list of its name, where there is one."""
    pairs = zip(order.values(), values, strict=True)
    return all(value is None or value in sub.get("enum", [value]) for sub, value in pairs)


def _named(text: str, known: Mapping[str, str]) -> dict[str, str | None]:
    """Values after `name=`, where each known name stands once."""
    signs = list(re.finditer(r"(?:^|, )(\w+)=", text))
    starts = [sign for sign in signs if sign[1].lower() in known]
    names = [known[sign[1].lower()] for sign in starts]
    if not names or signs[0] is not starts[0] or signs[0].start() or len(set(names)) < len(names):
        raise ValueError("'event' is a row whose names cannot be told apart from its values")
    ends = [*(sign.start() for sign in starts[1:]), len(text)]
    cells = [text[sign.end() : end] for sign, end in zip(starts, ends, strict=True)]
    return {name: None if cell == "null" else cell for name, cell in zip(names, cells, strict=True)}


def _cells(text: str) -> list[str | None] | None:
    """Values of a list, as text."""
    if not (text.startswith("[") and text.endswith("]")) and not (text.startswith("(") and text.endswith(")")):
        return None
    try:
        return [_cell(bytes(value)) for value in _values(text)]
    except msgspec.DecodeError:
        pass
    if "'" in text and (found := _in_python(text[1:-1])) is not None:
        return found
    return [None if cell == "null" else cell for cell in text[1:-1].split(", ")]


def _cell(token: bytes) -> str | None:
    return _text(token) if token.startswith(b'"') else None if token == b"null" else token.decode()


def _in_python(text: str) -> list[str | None] | None:
    cells: list[str | None] = []
    at = 0
    while at < len(text):
        found = IN_PYTHON.match(text, at)
        if not found:
            return None
        token = found[1].strip()
        at = found.end()
        if token[0] in "'\"":
            cells.append(re.sub(r"\\(['\"\\])", r"\1", token[1:-1]))
        else:
            cells.append(None if token == "None" else PLAIN.get(token, token))  # noqa: S105 - a word of Python
    return cells
