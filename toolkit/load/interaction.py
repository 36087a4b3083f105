"""The stream homepage_module_interaction of 2026 to columns of HomepageModule, which it took over from in part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import polars as pl

from toolkit.load import refined
from toolkit.load.batch import Aside, Batch, Options

STREAM = "mediawiki.product_metrics.homepage_module_interaction"
LACKS = (
    "The stream homepage_module_interaction has no page view token, no state and no mode, so that its events cannot be "
    "put together by visit; it cuts the module's data after 320 signs."
)
ACTIONS = {"click": "link-click"}
PLATFORMS = {"desktop_browser": "false", "mobile_browser": "true"}
# under which name a column of the stream is read; the first one that is there
NAMES = {
    "meta.id": ("meta.id",),
    "meta.dt": ("meta.dt",),
    "meta.domain": ("meta.domain",),
    "client_dt": ("dt",),
    "wiki": ("wiki", "mediawiki.database", "database"),
    "event.user_id": ("performer.id", "performer_id"),
    "event.user_editcount": ("performer.edit_count", "performer_edit_count"),
    "event.module": ("action_source",),
    "useragent.is_bot": ("performer.is_bot", "performer_is_bot"),
}
PLATFORM = ("agent.client_platform_family", "agent_client_platform_family")
OTHERS = "experiment.other_assigned"


def is_interaction(columns: Sequence[str]) -> bool:
    """Whether columns are those of the stream, or of a table made of it.

    Examples
    --------
    >>> is_interaction(["$schema", "action", "action_source", "meta.stream"]), is_interaction(["event_action"])
    (True, False)
    """
    return {"action", "action_source"} <= {_plain(column) for column in columns}


def interaction(batch: Batch, options: Options) -> Batch:
    """Columns of HomepageModule events, as `refined.events` gives them.

    A click is a link-click, the source is the module. action_data has the names and values of the context, and the
    subtype as `linkId`, in HomepageModule's own form; a context that is no whole JSON object is `action_context=` and its
    text. The variant is `experiment:group`, as HomepageModule wrote it at last. Token, state and mode are null.

    Parameters
    ----------
    batch : Batch
        Rows of the stream in columns, from event lines (`sheets.read_json_rows`) or from a table.
    options : Options
        Which private columns to carry on.

    Examples
    --------
    >>> cells = {"line": [1], "action": ["click"], "action_source": ["help"], "action_subtype": ["help-desk"]}
    >>> done = interaction(Batch(pl.DataFrame(cells), rows_in=1), Options())
    >>> done.frame.select("event.action", "event.module", "event.action_data").row(0)
    ('link-click', 'help', 'linkId=help-desk')
    """
    frame = batch.frame.with_columns(refined.content(batch.frame))
    at = {_plain(column): column for column in reversed(frame.columns)}

    def texts(*names: str) -> pl.Series:
        found = next((at[name] for name in names if name in at), None)
        nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
        return nothing if found is None else frame[found].cast(pl.String, strict=False)

    own = [frame[name] for name in frame.columns if name == "line" or name.startswith("private ")]
    private = [frame[name] for plain, name in at.items() if plain.partition(".")[0] in {"http", "ip", "geocoded_data"}]
    found = {to: next((at[name] for name in names if name in at), None) for to, names in NAMES.items()}
    read = [frame[name].rename(to) for to, name in found.items() if name is not None]
    data = [_data(*pair) for pair in zip(texts("action_context"), texts("action_subtype"), strict=True)]
    columns = pl.DataFrame(
        [
            *own,
            *private,
            *read,
            texts("action").replace(ACTIONS).rename("event.action"),
            pl.Series("event.action_data", data, dtype=pl.String),
            _variants(frame, at),
            texts(*PLATFORM).replace_strict(PLATFORMS, default=None, return_dtype=pl.String).rename("event.is_mobile"),
            texts("$schema").str.extract(r"/([^/]+)$").rename("private edition"),
            texts("meta.stream").rename("private stream"),
        ]
    )
    is_other = (pl.col("private stream") != STREAM).fill_null(value=False)
    other = columns.filter(is_other).select("line", "private stream").iter_rows()
    aside = [Aside(line, f"an event of another stream, {stream!r}", b"") for line, stream in other]
    mine = columns.filter(~is_other).drop("private stream")
    done = refined.events(
        batch.with_frame(mine, *aside), "HomepageModule", options, needs=frozenset({"action", "module"})
    )
    editions = mine.select("line", pl.col("private edition").alias("edition"))
    order = done.frame.columns
    rows = done.frame.drop("edition").join(editions, on="line", how="left", maintain_order="left").select(order)
    return replace(done, frame=rows, shape=f"homepage_module_interaction, {batch.shape}", notes=[*batch.notes, LACKS])


def _plain(column: str) -> str:
    """Name of a column as in an event line."""
    plain = (
        column.strip(' `"').lower().replace("__", ".").removeprefix("homepage_module_interaction.").removeprefix("t.")
    )
    if plain == "_schema":
        return "$schema"
    opened = next((struct for struct in ("meta", "experiment") if plain.startswith(struct + "_")), None)
    return f"{opened}.{plain[len(opened) + 1 :]}" if opened else plain


def _data(context: str | None, subtype: str | None) -> str | None:
    """Data of a module as HomepageModule wrote it."""
    parts = list(_parts(context)) if context else []
    parts += [f"linkId={subtype}"] if subtype else []
    return ";".join(parts) if parts else None


def _parts(context: str) -> Iterator[str]:
    try:
        found = msgspec.json.decode(context)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        yield f"action_context={context}"
        return
    for key, value in found.items():
        yield f"{key}={_value(value)}"


def _value(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_value, value))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _variants(frame: pl.DataFrame, at: Mapping[str, str]) -> pl.Series:
    """Groups that an account is in: `experiment:group`, those of other experiments after a semicolon."""
    parts = {name: frame[at[name]].to_list() for name in ("experiment", *EXPERIMENT, OTHERS) if name in at}
    if not parts:
        return pl.Series("event.user_variant", [None], dtype=pl.String).new_from_index(0, frame.height)
    rows = [_variant(dict(zip(parts, row, strict=True))) for row in zip(*parts.values(), strict=True)]
    return pl.Series("event.user_variant", rows, dtype=pl.String)


EXPERIMENT = ("experiment.enrolled", "experiment.assigned")


def _variant(row: dict[str, Any]) -> str | None:
    whole = _mapping(row.get("experiment"))
    enrolled, assigned = (row.get(name) or whole.get(name.rpartition(".")[2]) for name in EXPERIMENT)
    others = _mapping(row.get(OTHERS) or whole.get("other_assigned"))
    pairs = {**({enrolled: assigned} if enrolled and assigned else {}), **others}
    return ";".join(f"{name}:{group}" for name, group in pairs.items()) or None


def _mapping(value: Any) -> dict[str, Any]:
    """Mapping of a cell that has one as JSON text, as a struct, or as keys and values."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return {}
    if isinstance(value, list):
        value = {
            entry["key"]: entry["value"]
            for entry in value
            if isinstance(entry, dict) and entry.keys() == {"key", "value"}
        }
    return {key: part for key, part in value.items() if part is not None} if isinstance(value, dict) else {}
