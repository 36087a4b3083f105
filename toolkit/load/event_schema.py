"""Schemas as the event readers need them: one that takes every edition, and the types of its parts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

import polars as pl

from toolkit import reference
from toolkit.schema import Schema, Validator, polars_of, union_of


@cache
def event_schema(name: str) -> Schema:
    """Schema that takes the events of every known edition of `name`."""
    return union_of([reference.schema(name.lower(), edition) for edition in reference.editions(name.lower())])


@cache
def editions(name: str) -> dict[str, str]:
    """Editions of the events `name` on the shelf, the oldest first, with the day from which each was in use."""
    return {key: reference.schema(name.lower(), key)["x-adopted"] for key in reference.editions(name.lower())}


@cache
def edition_in_use(name: str) -> pl.Expr:
    """Edition that was in use at the time `dt`; null before the first. Made once: each day in it is a frame to make."""
    by_date = pl.lit(None, dtype=pl.String)
    for edition, day in editions(name).items():
        begun = pl.lit(datetime.fromisoformat(day).replace(tzinfo=UTC), dtype=pl.Datetime("ms", "UTC"))
        by_date = pl.when(pl.col("dt") >= begun).then(pl.lit(edition)).otherwise(by_date)
    return by_date


@cache
def whole_schema(kind: str, name: str, edition: str | None) -> Schema:
    """Schema of a whole line; for an edition that is not known or not said, one that takes any edition's events."""
    if edition in editions(name):
        return reference.line_schema(name.lower(), str(edition), required=("event",))
    around = union_of([reference.schema("envelope", kind)])
    said: dict[str, Schema] = {"schema": {"type": "string", "enum": [name]}}
    if edition is not None and kind == "eventcapsule":
        said["revision"] = {"type": "integer", "enum": [int(edition)]}
    if edition is not None and kind == "event_platform":
        said["$schema"] = {"type": "string", "pattern": f"/{re.escape(name.lower())}/{re.escape(edition)}$"}
    properties = {**around["properties"], **said, "event": event_schema(name)}
    return {**around, "properties": properties, "required": ["event"]}


@cache
def validator(kind: str, name: str, edition: str | None) -> Validator:
    """Judge of single lines."""
    return Validator(whole_schema(kind, name, edition), held=True)


@cache
def event_types(name: str) -> dict[str, pl.DataType]:
    """Types of the columns that an event's fields become."""
    return {f"event.{key}": polars_of(sub) for key, sub in event_schema(name)["properties"].items()}


@cache
def values(name: str, field: str) -> frozenset[str]:
    """Values of a field that any edition allows."""
    return frozenset(event_schema(name)["properties"].get(field, {}).get("enum", ()))
