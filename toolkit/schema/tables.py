"""Rules of a schema for a table: each an expression that says which rows break it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from toolkit import errors
from toolkit.schema.document import Schema, allowed_in, at_path, joined, required_of, types_of
from toolkit.schema.reasons import NO_TIME, TOO_LARGE, TOO_LONG, TOO_SHORT, TOO_SMALL, not_listed
from toolkit.schema.times import rfc3339

_BITS = 64


class Rule(NamedTuple):
    """One rule for a table: the column it is about, the rule, the words, and whether a row breaks it."""

    path: str
    rule: str
    words: str
    broken: pl.Expr


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
    required = required_of(schema)
    here = _there(schema, path, columns)
    for key, sub in schema.get("properties", {}).items():
        name = joined(path, key)
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
        name = joined(path, key)
        if "properties" in sub:
            yield from _leaves(sub, name)
        else:
            yield name


def _rules_of_value(sub: Schema, name: str) -> Iterator[Rule]:
    value = pl.col(name)
    allowed = allowed_in(sub)
    if allowed is not None:
        yield _rule(name, "enum", f"is{not_listed(allowed)}", ~value.is_in(allowed))
    if "minimum" in sub:
        yield _rule(name, "minimum", f"is{TOO_SMALL.format(sub['minimum'])}", value < sub["minimum"])
    if "maximum" in sub:
        yield _rule(name, "maximum", f"is{TOO_LARGE.format(sub['maximum'])}", value > sub["maximum"])
    if "minLength" in sub:
        yield _rule(name, "length", f"is{TOO_SHORT.format(sub['minLength'])}", value.str.len_chars() < sub["minLength"])
    if "maxLength" in sub:
        yield _rule(name, "length", f"is{TOO_LONG.format(sub['maxLength'])}", value.str.len_chars() > sub["maxLength"])
    if sub.get("format") == "date-time":
        yield _rule(name, "format", f"is{NO_TIME}", ~rfc3339(value))


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
        where no edition has it; one of an edition without an enum for the field is beside none.
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
    allowed = [at_path(schema, path).get("enum", []) for schema in schemas.values()]
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
    without = [name for name, items in zip(schemas, allowed, strict=True) if not items]  # no enum to be beside of
    return (
        pl.when(pl.col(edition).is_in(without))
        .then(None)
        .when(found.is_not_null() & first.is_null())
        .then(pl.lit("unknown"))
        .when(own < first)
        .then(pl.lit("later"))
        .when(own > last)
        .then(pl.lit("earlier"))
    )


def polars_of(sub: Schema) -> pl.DataType:
    """Polars type for the values of one property; text for what has no type of its own.

    Examples
    --------
    >>> polars_of({"type": ["integer", "null"]}), polars_of({"type": "array", "items": {"type": "number"}})
    (Int64, List(Float64))
    """
    plain = [kind for kind in types_of(sub) if kind != "null"]
    if plain == ["array"]:
        return pl.List(polars_of(sub.get("items", {})))
    simple: dict[str, Any] = {"integer": pl.Int64(), "number": pl.Float64(), "boolean": pl.Boolean()}
    return simple.get(plain[0], pl.String()) if len(plain) == 1 else pl.String()
