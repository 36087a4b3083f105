"""Reads the shelves: the tables of codes and the schemas by edition."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import polars as pl

from toolkit import errors


def table(name: str) -> pl.DataFrame:
    """One table of codes, every column text.

    Parameters
    ----------
    name
        Name of a file in toolkit/tables, without its ending.

    Returns
    -------
    polars.DataFrame
        The table as it stands in the file; an empty cell is null.

    Raises
    ------
    toolkit.errors.ToolkitError
        There is no such table.

    Examples
    --------
    >>> table("stage").select("stage", "order", "label")
    shape: (5, 3)
    ┌───────────┬───────┬────────────────────┐
    │ stage     ┆ order ┆ label              │
    │ ---       ┆ ---   ┆ ---                │
    │ str       ┆ str   ┆ str                │
    ╞═══════════╪═══════╪════════════════════╡
    │ attempted ┆ 1     ┆ campaign attempted │
    │ passed    ┆ 2     ┆ campaign passed    │
    │ chosen    ┆ 3     ┆ banner chosen      │
    │ loaded    ┆ 4     ┆ banner loaded      │
    │ shown     ┆ 5     ┆ banner shown       │
    └───────────┴───────┴────────────────────┘
    """
    return _table(name).clone()


def status_codes() -> pl.DataFrame:
    """Every code that may occur, with its parts, stage, group and label.

    Returns
    -------
    polars.DataFrame
        One row for each code, ordered by status and reason as numbers, a bare status first. Columns: status_code,
        status, reason (null in a bare code), stage (null where nothing was attempted), group, label.

    Notes
    -----
    A code has the stage of its status: the last stage that a page view ending with it has reached.

    Examples
    --------
    >>> status_codes().filter(pl.col("status") == "no_banner_available").select("status_code", "reason", "stage")
    shape: (2, 3)
    ┌─────────────┬─────────────────────────────┬────────┐
    │ status_code ┆ reason                      ┆ stage  │
    │ ---         ┆ ---                         ┆ ---    │
    │ str         ┆ str                         ┆ str    │
    ╞═════════════╪═════════════════════════════╪════════╡
    │ 3           ┆ null                        ┆ passed │
    │ 3.17        ┆ requestedBannerNotAvailable ┆ passed │
    └─────────────┴─────────────────────────────┴────────┘
    """
    parts = pl.col("status_code").str.split(".")
    return (
        table("outcome")
        .with_columns(code=parts.list.get(0), reason_code=parts.list.get(1, null_on_oob=True))
        .join(table("status").select("code", "status", "stage"), on="code", how="left")
        .join(table("reason").select(pl.col("code").alias("reason_code"), "reason"), on="reason_code", how="left")
        .sort(pl.col("code").cast(pl.Int64), pl.col("reason_code").cast(pl.Int64), nulls_last=False)
        .select("status_code", "status", "reason", "stage", "group", "label")
    )


def flag_bit(flag: str) -> int:
    """Bit of a flag in the column `flags`.

    Parameters
    ----------
    flag
        A name in the table of flags.

    Returns
    -------
    int
        Its bit, from 0.

    Raises
    ------
    toolkit.errors.ToolkitError
        There is no such flag.

    Examples
    --------
    >>> flag_bit("bot")
    1
    """
    bits = _bits()
    if flag not in bits:
        raise errors.not_found("flag", flag, "toolkit/tables/flag.csv", bits)
    return bits[flag]


def editions(schema: str) -> list[str]:
    """Editions of a schema, the oldest first.

    Parameters
    ----------
    schema
        Name of a schema: a folder of toolkit/schemas, or a file that has no editions.

    Returns
    -------
    list of str
        Revision numbers until 2021, version numbers since; nothing for a schema that has no editions.

    Raises
    ------
    toolkit.errors.ToolkitError
        There is no such schema.

    Examples
    --------
    >>> editions("centralnoticeimpression")
    ['19108542', '19510146', '19511351', '1.0.0', '1.1.0']
    """
    return sorted(_shelf(schema), key=lambda edition: (_read(schema, edition)["x-adopted"], edition))


def schema(name: str, edition: str = "") -> dict[str, Any]:
    """One JSON schema, for the part of an event called event.

    Parameters
    ----------
    name
        Name of a schema: a folder of toolkit/schemas, or a file that has no editions.
    edition
        One of `editions(name)`; left out for a schema that has none.

    Returns
    -------
    dict
        The whole schema, also where the file names only what it adds to the edition before; `x-source` and `x-adopted`
        say where it comes from and since when it was in use.

    Raises
    ------
    toolkit.errors.ToolkitError
        There is no such schema or edition.

    Examples
    --------
    >>> schema("homepagemodule", "19000731")["properties"]["action"]["enum"]
    ['impression', 'hover-in', 'hover-out', 'link-click']
    """
    have = _shelf(name)
    if edition not in have and (edition or have):
        raise errors.not_found(f"edition of {name}", edition, f"toolkit/schemas/{name}", editions(name))
    return _read(name, edition)


def line_schema(name: str, edition: str, *, required: Iterable[str] | None = None) -> dict[str, Any]:
    """One JSON schema, for the whole line of an event: the event and what stands around it.

    Parameters
    ----------
    name
        Name of a schema that has editions.
    edition
        One of `editions(name)`.
    required
        Names around the event that must be there; those that the envelope's own schema names if left out. An export
        may lack some that the event had when it was sent.

    Returns
    -------
    dict
        A schema in the draft of the edition. `schema` takes the event's name alone; `revision` or `$schema` takes this
        edition alone.

    Raises
    ------
    toolkit.errors.ToolkitError
        There is no such schema or edition.

    Examples
    --------
    >>> line_schema("homepagevisit", "1.4.0")["properties"]["$schema"]["const"]
    '/analytics/legacy/homepagevisit/1.4.0'
    >>> line_schema("homepagevisit", "19041814")["properties"]["revision"]["enum"]
    [19041814]
    """
    event = schema(name, edition)
    if event.get("x-envelope") == "none":  # the fields stand in the line itself
        event["properties"]["$schema"]["const"] = f"/{event['title']}/{edition}"
        return event
    if "." in edition:
        around = schema("envelope", "event_platform")
        around["properties"]["$schema"]["const"] = f"/{event['title']}/{edition}"
        around["properties"]["schema"]["const"] = schema(name, editions(name)[0])["title"]
    else:
        around = schema("envelope", "eventcapsule")
        around["properties"]["revision"]["enum"] = [int(edition)]
        around["properties"]["schema"]["enum"] = [event["title"]]
        # EventLogging took no names beside those of the schema: eventlogging/schema.py, get_schema
        event = {"additionalProperties": False, **event, "required": True}
    around["properties"]["event"] = {key: part for key, part in event.items() if key != "$schema"}
    return around if required is None else _requiring(around, list(required))


def _requiring(around: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Same envelope with other names required."""
    if "required" in around:
        return {**around, "required": names}
    properties = {key: {**part, "required": key in names} for key, part in around["properties"].items()}
    return {**around, "properties": properties}


@cache
def _bits() -> dict[str, int]:
    return {flag: int(bit) for flag, bit in _table("flag").select("flag", "bit").iter_rows()}


@cache
def _table(name: str) -> pl.DataFrame:
    have = _stems(_folder("tables"), ".csv")
    if name not in have:
        raise errors.not_found("code table", name, "toolkit/tables", have)
    return pl.read_csv((_folder("tables") / f"{name}.csv").read_bytes(), infer_schema=False)


def _shelf(name: str) -> list[str]:
    folder = _folder("schemas")
    with_editions = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    without = _stems(folder, ".json")
    if name not in [*with_editions, *without]:
        raise errors.not_found("schema", name, "toolkit/schemas", sorted([*with_editions, *without]))
    return _stems(folder / name, ".json") if name in with_editions else []


def _read(name: str, edition: str) -> dict[str, Any]:
    # Parsed for each caller, so that nobody changes the schema of another; the text of the file is kept.
    parsed: dict[str, Any] = json.loads(_text(f"{name}/{edition}.json" if edition else f"{name}.json"))
    if "x-extends" not in parsed:
        return parsed
    base = _read(name, parsed.pop("x-extends"))
    adds, drops = parsed.pop("x-adds", {}), parsed.pop("x-drops", {})
    base = {key: part for key, part in base.items() if key not in {"x-inferred", "x-note"}}
    kept = {key: part for key, part in base["properties"].items() if drops.get(key) is not True}
    properties = {key: _without(part, drops.get(key, [])) for key, part in kept.items()}
    merged = {**properties, **{key: _with(properties.get(key, {}), part) for key, part in adds.items()}}
    return {**base, **parsed, "properties": merged}


def _with(part: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A property with what an edition adds to it: values at the end of its enum, other words in the place of its own."""
    enum = [*part.get("enum", []), *more.get("enum", [])]
    return {**part, **more, **({"enum": enum} if enum else {})}


def _without(part: dict[str, Any], values: list[str]) -> dict[str, Any]:
    """A property without some values of its enum."""
    return {**part, "enum": [value for value in part["enum"] if value not in values]} if values else part


@cache
def _text(path: str) -> str:
    return (_folder("schemas") / path).read_text(encoding="utf-8")


def _folder(shelf: str) -> Traversable:
    return files("toolkit") / shelf


def _stems(folder: Traversable, ending: str) -> list[str]:
    return sorted(entry.name.removesuffix(ending) for entry in folder.iterdir() if entry.name.endswith(ending))
