"""A ROW of Presto in one cell: a list of values without names, in the order of the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

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
    "array": lambda value: list_of(value) is not None,
}
LOOKED_AT = 10_000  # kinds of rows that are remembered
KINDS = {"integer": "number"}
WAY_OUT = "export its fields as columns, such as event.action"
PLAIN = {"None": "null", "True": "true", "False": "false"}


class Order(NamedTuple):
    """Order in which an edition names its values.

    Attributes
    ----------
    edition : str
        Such as `1.5.1`.
    properties : mapping
        Schema of each value, in order.
    required : set of str
        Names of the values that are always there.
    is_published : bool
        Whether the text of the edition is public; else the order is a guess.
    """

    edition: str
    properties: Mapping[str, Any]
    required: Collection[str] = frozenset()
    is_published: bool = True


def row(text: str, orders: Sequence[Order], edition: str | None = None) -> dict[str, str | None]:
    """Values of a row by their names, where these are certain.

    Parameters
    ----------
    text : str
        The cell: a JSON list, a list as Python shows it, values between brackets, or `{name=value, ...}`.
    orders : sequence of Order
        Of each known edition; an edition may have several.
    edition : str, optional
        The edition that the row says it is of.

    Raises
    ------
    ValueError
        If it is not certain which value has which name; the sentence says which orders fit, and what to do.

    Examples
    --------
    >>> published = Order("1.0.0", {"action": {"type": "string"}, "module": {"type": "string"}, "user_id": {"type": "integer"}})
    >>> row('["impression","",77]', [published])
    {'action': 'impression', 'module': '', 'user_id': '77'}
    >>> row("{action=impression, module=, user_id=77}", [published])
    {'action': 'impression', 'module': '', 'user_id': '77'}
    >>> row('["impression",""]', [published])
    Traceback (most recent call last):
        ...
    ValueError: 'event' is a row of 2 values without names; the known editions have 3; export its fields as columns, such as event.action
    >>> row('["impression","",77]', [published._replace(is_published=False)])
    Traceback (most recent call last):
        ...
    ValueError: 'event' is a row of 3 values without names; only the order of edition 1.0.0 fits, which is inferred, and two values of one type could be swapped; export its fields as columns, such as event.action
    """
    return reader(orders)(text, edition)


def reader(orders: Sequence[Order]) -> Callable[[str, str | None], dict[str, str | None]]:
    """Function that gives the values of a row by their names, as `row` does; it looks once at rows of one kind.

    Which order a row can have depends on what its values could be, and on which of them are equal, but for those that
    an edition lists: most rows of a table are alike in this.
    """
    names = {name.lower(): name for order in orders for name in order.properties}
    listed = frozenset().union(*_lists(orders).values())
    has_lists = any(sub["type"] == "array" for order in orders for sub in order.properties.values())

    @lru_cache(LOOKED_AT)
    def order_of(kinds: tuple[str | None, ...], edition: str | None) -> Order:
        return _order(kinds, orders, edition)

    def read(text: str, edition: str | None) -> dict[str, str | None]:
        if text.startswith("{") and text.endswith("}"):
            return _named(text[1:-1], names)
        values = _cells(text)
        if values is None:
            raise ValueError("'event' is neither a JSON object nor a row of values")
        order = order_of(_alike(values, listed, has_lists=has_lists), edition)
        return dict(zip(order.properties, values, strict=True))

    return read


def _alike(values: Sequence[str | None], listed: Collection[str], *, has_lists: bool) -> tuple[str | None, ...]:
    """Values of which all that could tell the order is left."""
    alike: list[str | None] = []
    for value in values:
        if not value or value in listed or value.lower() in TRUTH:
            alike.append(value)
            continue
        at = values.index(value)
        if FITS["integer"](value):
            alike.append(f"99999{at}")
        elif FITS["number"](value):
            alike.append(f"99999{at}.5")
        else:
            alike.append(f'["{at}"]' if has_lists and FITS["array"](value) else f"value {at}")
    return tuple(alike)


def _order(values: Sequence[str | None], orders: Sequence[Order], edition: str | None) -> Order:
    """Order of the values, where it is certain."""
    meant = [order for order in orders if edition in {None, order.edition}]
    whose = "the known editions have" if edition is None else f"its edition {edition} has"
    if not meant:
        raise _no_names(values, f"its edition {edition} is not known")
    counted = [order for order in meant if len(order.properties) == len(values)]
    if not counted:
        lengths = " or ".join(map(str, sorted({len(order.properties) for order in meant})))
        raise _no_names(values, f"{whose} {lengths}")
    fitting = _fitting(values, counted, orders, is_said=edition is not None)
    if not fitting:
        of = "no known edition" if edition is None else f"its edition {edition}"
        not_so = "they fit the order of no known edition" if edition is None else f"they do not fit the order of {of}"
        raise _no_names(values, f"{not_so} by type and by the values it lists")
    readings = [dict(zip(order.properties, values, strict=True)) for order in fitting]
    if len({frozenset(_there(reading)) for reading in readings}) > 1:
        raise _no_names(values, f"the orders of editions {_editions(fitting)} fit, and give them different names")
    if not any(order.is_published for order in fitting) and any(_could_swap(values, order) for order in fitting):
        why = f"only the order of edition {fitting[0].edition} fits, which is inferred"
        raise _no_names(values, f"{why}, and two values of one type could be swapped")
    return fitting[0]


def _no_names(values: Sequence[str | None], why: str) -> ValueError:
    return ValueError(f"'event' is a row of {len(values)} values without names; {why}; {WAY_OUT}")


def _fitting(
    values: Sequence[str | None], counted: Sequence[Order], orders: Sequence[Order], *, is_said: bool
) -> list[Order]:
    """Orders that a row can have; one that the row itself names may have values that no edition lists."""
    typed_so = [order for order in counted if _agree(values, order)]
    listed_so = [order for order in typed_so if _listed(values, order)]
    if listed_so or not is_said:
        return listed_so
    certain = [order for order in typed_so if order.is_published and not _misplaced(values, order, _lists(orders))]
    return certain if len(certain) == len(typed_so) == 1 else []


def _there(reading: Mapping[str, str | None]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in reading.items() if value is not None]


def _editions(orders: Sequence[Order]) -> str:
    """First edition of each order."""
    first: dict[tuple[str, ...], str] = {}
    for order in sorted(orders, key=lambda order: not order.is_published):
        inferred = "" if order.is_published else " (inferred)"
        first.setdefault(tuple(order.properties), f"{order.edition}{inferred}")
    return " and ".join(first.values())


def _agree(values: Sequence[str | None], order: Order) -> bool:
    """Whether each value can be of the type that its name has."""
    pairs = zip(order.properties.values(), values, strict=True)
    return all(not value or FITS[sub["type"]](value) for sub, value in pairs)


def _listed(values: Sequence[str | None], order: Order) -> bool:
    """Whether each value is in the list of its name, where there is one, and none is missing that is always there."""
    pairs = zip(order.properties.items(), values, strict=True)
    return all(
        name not in order.required if value is None else not value or value in sub.get("enum", [value])
        for (name, sub), value in pairs
    )


def _lists(orders: Sequence[Order]) -> dict[str, set[str]]:
    """Values that any edition lists for a name."""
    lists: dict[str, set[str]] = {}
    for order in orders:
        for name, sub in order.properties.items():
            if "enum" in sub:
                lists.setdefault(name, set()).update(sub["enum"])
    return lists


def _misplaced(values: Sequence[str | None], order: Order, lists: Mapping[str, Collection[str]]) -> bool:
    """Whether a name has a value that is not in its list, and another name has one that is."""
    unlisted = [(name, value) for name, value in zip(order.properties, values, strict=True) if value]
    unlisted = [(name, value) for name, value in unlisted if value not in lists.get(name, ())]
    return any(value in lists.get(name, ()) for name, _ in unlisted for _, value in unlisted)


def _could_swap(values: Sequence[str | None], order: Order) -> bool:
    """Whether two values of one type could change places and nobody would notice."""
    kinds = [KINDS.get(sub["type"], sub["type"]) for sub in order.properties.values()]
    for one, other in combinations(range(len(values)), 2):
        if kinds[one] == kinds[other] and values[one] != values[other]:
            swapped = [*values]
            swapped[one], swapped[other] = values[other], values[one]
            if _agree(swapped, order) and _listed(swapped, order):
                return True
    return False


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
