"""How nbval compares what a notebook shows now with what is stored in it.

Decimals may differ in their last digits, which depend on the processor; everything else, integers and texts too, must be
the same. Pictures are not compared: they are drawn from charts, which are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Self

import pytest
from nbval import plugin as nbval

collect_ignore = ["conftest.py"]  # no doctests in here, and pytest can't import two files of this name for them

RELATIVE, ABSOLUTE = 1e-9, 1e-12

TEXT = 80
"""So many characters of a text are shown."""

DECIMAL = re.compile(r"(?<![\w.])-?\d+\.\d+(?:[eE][+-]?\d+)?")
"""Not part of a word, an id or a version."""

DATASET = re.compile(r"data-[0-9a-f]{32}")
"""Altair's name for data: a hash of the values, and so different where a last digit is."""


class Output(str):
    """What an output holds under one MIME type; equal to another if they differ in last digits only.

    It is a text for nbval, which prints it.
    """

    __slots__ = ("value",)
    __hash__ = None  # equal ones can have different digits

    def __new__(cls, value: object) -> Self:
        """Keep the value beside its text."""
        value = _renamed(value, {name: f"data-{place}" for place, name in enumerate(dict.fromkeys(_named(value)))})
        output = super().__new__(cls, value)
        output.value = value
        return output

    def __eq__(self, other: object) -> bool:
        """Equal but for last digits."""
        return isinstance(other, Output) and not any(differences(self.value, other.value))

    def __ne__(self, other: object) -> bool:
        """What nbval asks."""
        return not self == other


def differences(stored: object, now: object, path: str = "") -> Iterator[str]:
    """One line for each place where two outputs differ, such as ``.encoding.x: stored 'a', now 'b'``."""
    if isinstance(stored, dict) and isinstance(now, dict):
        for key in sorted(stored.keys() | now.keys()):
            yield from differences(stored.get(key, "nothing"), now.get(key, "nothing"), f"{path}.{key}")
    elif isinstance(stored, list) and isinstance(now, list):
        if len(stored) != len(now):
            yield f"{path or 'list'}: stored {len(stored)} items, now {len(now)}"
        for place, (one, other) in enumerate(zip(stored, now, strict=False)):
            yield from differences(one, other, f"{path}[{place}]")
    elif not _same(stored, now):
        start = max(0, _common(str(stored), str(now)) - 20)
        yield f"{path or 'text'}: stored {_shown(stored, start)}, now {_shown(now, start)}"


def _common(one: str, other: str) -> int:
    """So many characters are the same from the start."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _shown(value: object, start: int) -> str:
    """A value as code; of a long text, the part where it differs."""
    if isinstance(value, str) and len(value) > TEXT:
        return f"...{value[start : start + TEXT]!r}..."
    code = repr(value)
    return code if len(code) <= TEXT else f"{code[:TEXT]}..."


def _same(stored: object, now: object) -> bool:
    match stored, now:
        case (bool(), _) | (_, bool()):
            return stored is now
        case (float(), int() | float()) | (int(), float()):
            return math.isclose(stored, now, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        case str(), str():
            numbers = zip(DECIMAL.findall(stored), DECIMAL.findall(now), strict=False)
            return DECIMAL.sub("#", stored) == DECIMAL.sub("#", now) and all(
                math.isclose(float(one), float(other), rel_tol=RELATIVE, abs_tol=ABSOLUTE) for one, other in numbers
            )
        case _:
            return stored == now


def _named(value: object) -> Iterator[str]:
    """Names of datasets in the order they are used, which is the same whatever the hashes are.

    Not in the order they are stored: a notebook sorts the keys of its JSON, a chart doesn't.
    """
    match value:
        case str():
            yield from DATASET.findall(value)
        case dict():
            for key in sorted(value):
                yield from _named(value[key])
        case list():
            for item in value:
                yield from _named(item)


def _renamed(value: object, names: dict[str, str]) -> object:
    """The same value with its datasets under other names."""
    match value:
        case str():
            return DATASET.sub(lambda found: names.get(found[0], found[0]), value)
        case dict():
            return {_renamed(key, names): _renamed(item, names) for key, item in value.items()}
        case list():
            return [_renamed(item, names) for item in value]
        case _:
            return value


def _comparable(sanitize: Callable[[object], object], value: object) -> Output:
    return Output(sanitize(value))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave the SVG pictures out, as nbval does with other pictures."""
    if isinstance(collector, nbval.IPyNbFile):
        collector.skip_compare += ("image/svg+xml",)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let each cell compare by our rules what nbval has made comparable by its own."""
    if isinstance(item, nbval.IPyNbCell):
        item.sanitize = partial(_comparable, item.sanitize)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Name the places where a stored output and a new one differ."""
    if op == "==" and isinstance(left, Output) and isinstance(right, Output):
        return list(differences(left.value, right.value))[:10]
    return None
