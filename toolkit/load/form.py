"""One form of event lines, compiled for speed: a type that takes only valid lines, and the columns of what it took.

Most lines of a file have the same names in the same places. The type is made of the schema and of the names that the
first lines have: what all of them have must be there, what some have may be missing, and any other name refuses the
line, which then goes the slow way. So the number of names in a line that was taken is known, and with the number of
names that stand in its bytes it shows whether one stands twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl
from msgspec.structs import astuple

from toolkit.schema import Part, Schema, at_path, polars_of, strict_part

FAULTS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
SLICE = 256  # lines whose objects are in memory at a time: they stay in the processor's cache
NAME = '":'  # ends each name of an object, and no text but one with quotes in it
QUOTED_NAME = '\\":'
PARTED_NAME = r'"[ \t\r\n]*:'
QUOTED_PARTED_NAME = r'\\"[ \t\r\n]*:'
BLANK_BEFORE_COLON = r"[ \t\r\n]:"


class Form:
    """Reader of lines of one edition that have the names which some sample lines have.

    What it takes is valid by the schema, formats apart; that the lines are UTF-8 is left to the caller.

    Parameters
    ----------
    kind, edition
        Envelope and edition of the lines.
    schema
        Schema of a whole line.
    sample
        Some lines, parsed.
    wanted
        Which leaves to give as columns: name, and for an object a mapping of its names.
    """

    def __init__(
        self,
        kind: str,
        edition: str | None,
        schema: Schema,
        sample: Sequence[dict[str, Any]],
        wanted: Mapping[str, Any],
    ) -> None:
        self.kind, self.edition = kind, edition
        self._root = strict_part(schema, sample)
        self._decode = msgspec.json.Decoder(self._root.type).decode
        self._columns = {path: (attributes, loose) for path, attributes, loose in _paths(self._root, wanted)}
        self._types = {path: polars_of(at_path(schema, path)) for path in self._columns}
        # of names that are columns, the columns tell whether they are there
        self._others, self._told = _apart(self._root, self._columns)
        # of each object that is always there, where its wanted leaves stand among its fields
        self._objects: dict[str, list[tuple[int, str]]] = {}
        for path, (attributes, loose) in self._columns.items():
            parent, _, leaf = attributes.rpartition(".")
            if not loose:
                self._objects.setdefault(parent, []).append((int(leaf.removeprefix("f")), path))

    def read(self, lines: Sequence[bytes]) -> tuple[pl.DataFrame, list[int]]:
        """Columns of the lines that are valid, with `at`, their place among the lines; the places of the others."""
        cells: dict[str, list[Any]] = {path: [] for path in self._columns}
        present: list[int] = []
        refused: list[int] = []
        some_may = _has_optional(self._others)
        for start in range(0, len(lines), SLICE):
            rows = self._taken(lines[start : start + SLICE], start, refused)
            if not rows:
                continue
            for parent, leaves in self._objects.items():
                objects = map(attrgetter(parent), rows) if parent else rows
                fields = list(zip(*map(astuple, objects), strict=True))  # four times as fast as field by field
                for number, path in leaves:
                    cells[path].extend(fields[number])
            for path, (attributes, loose) in self._columns.items():
                if loose:
                    cells[path].extend(_loose(rows, attributes))
            if some_may:
                present.extend(_present(self._others, rows))
        frame = pl.DataFrame({path: pl.Series(path, some, dtype=self._types[path]) for path, some in cells.items()})
        at = pl.int_range(len(lines), eager=True)
        if refused:
            there = pl.repeat(value=True, n=len(lines), dtype=pl.Boolean, eager=True)
            there[refused] = False
            at = at.filter(there)
        n_sure = pl.lit(pl.Series(present, dtype=pl.Int64)) if some_may else pl.lit(_sure(self._others), dtype=pl.Int64)
        n_told = pl.sum_horizontal(pl.lit(0, dtype=pl.Int64), *(pl.col(path).is_not_null() for path in self._told))
        names = (n_sure + n_told).cast(pl.Int64).alias("names")
        return frame.with_columns(at.alias("at")).with_columns(names), refused

    def _taken(self, lines: Sequence[bytes], start: int, refused: list[int]) -> list[Any]:
        """Objects of the lines that the type takes; the loop runs in C from fault to fault."""
        rows: list[Any] = []
        rest = iter(lines)
        n_refused = 0
        while True:
            try:
                rows.extend(map(self._decode, rest))  # what was decoded before a fault stays in the list
            except FAULTS:
                refused.append(start + len(rows) + n_refused)
                n_refused += 1
            else:
                return rows


def _paths(part: Part, wanted: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Path in JSON, path of attributes and whether an object on the way may be missing, of the wanted leaves."""
    for name, more in wanted.items():
        if name in part.parts and isinstance(more, dict):
            for path, attributes, loose in _paths(part.parts[name], more):
                yield f"{name}.{path}", f"{part.attribute[name]}.{attributes}", loose or name in part.may
        elif name in part.attribute and name not in part.parts:
            yield name, part.attribute[name], False


def _sure(part: Part) -> int:
    """Number of names that are there whenever this object is."""
    return len(part.must) + sum(_sure(inner) for name, inner in part.parts.items() if name in part.must)


def _has_optional(part: Part) -> bool:
    return bool(part.may) or any(map(_has_optional, part.parts.values()))


def _apart(part: Part, columns: Collection[str], path: str = "") -> tuple[Part, list[str]]:
    """Same object without the names that may be there and are columns; and those names, with their path."""
    told = [name for name in part.may if f"{path}{name}" in columns and name not in part.parts]
    found = [f"{path}{name}" for name in told]
    parts = dict(part.parts)
    for name, inner in part.parts.items():
        if name in part.must:
            parts[name], more = _apart(inner, columns, f"{path}{name}.")
            found += more
    return Part(None, part.must, [name for name in part.may if name not in told], parts, part.attribute), found


def _present(part: Part, rows: Sequence[Any]) -> list[int]:
    """Number of names that each object has, those of the objects in it included."""
    n = [len(part.must)] * len(rows)
    for name in part.may:
        values = map(attrgetter(part.attribute[name]), rows)
        n = [so_far + (value is not None) for so_far, value in zip(n, values, strict=True)]
    for name, inner in part.parts.items():
        if name in part.must and not _has_optional(inner):
            sure = _sure(inner)
            n = [so_far + sure for so_far in n]
            continue
        objects = list(map(attrgetter(part.attribute[name]), rows))
        there = [at for at, some in enumerate(objects) if some is not None]
        for at, more in zip(there, _present(inner, [objects[at] for at in there]), strict=True):
            n[at] += more
    return n


def _loose(rows: Sequence[Any], attributes: str) -> Iterable[Any]:
    """Leaf of an object that may be missing."""
    first, _, rest = attributes.partition(".")
    outer = map(attrgetter(first), rows)
    get = attrgetter(rest)
    return (None if some is None else get(some) for some in outer)


def n_names(text: pl.Series) -> pl.Series:
    r"""How many names stand in each line of JSON; may be wrong where a text has quotes and colons in it.

    Examples
    --------
    >>> n_names(pl.Series(['{"a": 1, "b" : "c\\":"}', "{}"])).to_list()
    [2, 0]
    """
    parted = text.str.contains(BLANK_BEFORE_COLON).any()
    if parted:
        n = text.str.count_matches(PARTED_NAME) - text.str.count_matches(QUOTED_PARTED_NAME)
    else:
        n = text.str.count_matches(NAME)  # as a pattern: faster than as a literal
        if text.str.contains(QUOTED_NAME, literal=True).any():
            n = n - text.str.count_matches(QUOTED_NAME, literal=True)
    return n.cast(pl.Int64)
