"""Event streams as JSON lines, in the EventLogging capsule or the Event Platform envelope, to flat columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from toolkit import errors, reference
from toolkit.load.sources import Lines
from toolkit.schema import Reasons, polars_type, struct_type, widest

LOADERS = {
    "HomepageModule": "homepage_modules",
    "HomepageVisit": "homepage_visits",
    "CentralNoticeImpression": "impressions",
    "CentralNoticeBannerHistory": "banner_history",
}
CAPSULE = {
    "schema": True,
    "revision": True,
    "uuid": True,
    "dt": True,
    "wiki": True,
    "webHost": True,
    "recvFrom": True,
    "seqId": True,
}
PLATFORM = {
    "schema": True,
    "$schema": True,
    "dt": True,
    "client_dt": True,
    "wiki": True,
    "webHost": True,
    "meta": {"id": True, "dt": True, "domain": True},
}
ENVELOPES = ("eventcapsule", "event_platform")
IS_BOT = r'is_bot\\*"\s*:\s*true'  # in an object as in the same object kept as text


@dataclass(frozen=True)
class Envelope:
    """How one form of event lines is read: its name, verdict on a line, reasons, polars type."""

    kind: str
    shape: str
    keys: tuple[bytes, ...]
    strict: Callable[[bytes], Any]
    lenient: Callable[[bytes], Any]
    reasons: Reasons
    dtype: pl.Struct


@dataclass
class Read:
    """What was read of one file so far."""

    file: str
    shape: str = ""
    frames: list[pl.DataFrame] = field(default_factory=list)
    set_aside: list[tuple[str, int, str]] = field(default_factory=list)
    rows_in: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    @property
    def frame(self) -> pl.DataFrame:
        """All rows read, in the order of the file."""
        return pl.concat(self.frames)

    def refuse(self, line: int, reason: str) -> None:
        """Set one row aside."""
        self.set_aside.append((self.file, line, reason))

    def close(self, lines: Lines) -> None:
        """Note where the file breaks off, if it does."""
        if lines.cut is not None:
            self.rows_in += 1
            self.refuse(lines.n_lines, lines.cut)


@cache
def event_schema(name: str) -> dict[str, Any]:
    """Schema that takes the events of every known edition of `name`."""
    return widest([reference.schema(name.lower(), edition) for edition in reference.editions(name.lower())])


@cache
def envelope(kind: str, name: str) -> Envelope:
    """Reader of `name` events in one kind of envelope: `eventcapsule` or `event_platform`."""
    event = event_schema(name)
    around = widest([reference.schema("envelope", kind)])
    schema = {**around, "properties": {**around["properties"], "event": event}, "required": ["event"]}
    wanted = {**(CAPSULE if kind == "eventcapsule" else PLATFORM), "event": dict.fromkeys(event["properties"], True)}
    return Envelope(
        kind=kind,
        shape=f"{name}, {'EventLogging capsule' if kind == 'eventcapsule' else 'Event Platform'}",
        keys=tuple(f'"{key}"'.encode() for key in (*schema["properties"], *event["properties"])),
        strict=msgspec.json.Decoder(struct_type(schema)).decode,
        lenient=msgspec.json.Decoder(struct_type(schema, closed=False)).decode,
        reasons=Reasons(schema),
        dtype=polars_type(schema, wanted),
    )


def kind_of(line: bytes) -> tuple[str, str] | None:
    """Envelope and schema's name of one event line; null where it is neither.

    Examples
    --------
    >>> kind_of(b'{"schema": "HomepageVisit", "revision": 19041814, "event": {}}')
    ('eventcapsule', 'HomepageVisit')
    >>> kind_of(b"dt,status_code") is None
    True
    """
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(found, dict) or "event" not in found:
        return None
    kind = "event_platform" if "$schema" in found or "meta" in found else "eventcapsule"
    return kind, _name(found.get("schema"), found.get("$schema"))


def read(path: Path, name: str) -> Read:
    """Read the events of one schema from a file of JSON lines, in whichever envelope each line has.

    Each line gets a verdict; only lines proven to be one object of the right types are handed to polars, whose
    own reading of unproven lines can merge neighbours. Blank lines hold no row and are passed over.

    Returns
    -------
    Read
        Frames with the columns line, id, dt and client_dt (texts), wiki, edition, recv_from, seq_id, bot, canary, and
        the fields of the event with `event.` before their names.

    Raises
    ------
    ToolkitError
        If the first event of the file belongs to another schema.
    """
    done = Read(path.as_posix())
    lines = Lines(path)
    # the first line that is an event tells the envelope; a broken first line says nothing of the rest
    kinds = (kind_of(line) for line in lines.head())
    kind, found = next((kind for kind in kinds if kind is not None), (ENVELOPES[0], ""))
    if found not in {name, ""}:  # an event that does not say its schema is judged by its fields
        raise errors.wrong_kind(path.as_posix(), f"{found} events", LOADERS[name], [name], LOADERS.get(found))
    readers = [envelope(kind, name), *(envelope(other, name) for other in ENVELOPES if other != kind)]
    shapes: dict[str, None] = {readers[0].shape: None}
    for first, block in lines:
        frame = _block(done, readers, name, first, block, shapes)
        done.frames.append(frame)
    done.shape = " and ".join(shapes)
    done.close(lines)
    return done


def _block(
    done: Read, readers: list[Envelope], name: str, first: int, block: list[bytes], shapes: dict[str, None]
) -> pl.DataFrame:
    good: dict[int, list[tuple[int, bytes]]] = {at: [] for at in range(len(readers))}
    for number, line in enumerate(block, first):
        if not line.strip():
            continue
        done.rows_in += 1
        at, reason = _verdict(done, readers, name, line)
        if reason is None:
            good[at].append((number, line))
        else:
            done.refuse(number, reason)
    shapes.update({readers[at].shape: None for at, some in good.items() if some})
    return pl.concat([_columns(readers[at], some) for at, some in good.items()]).sort("line")


def _columns(reader: Envelope, good: list[tuple[int, bytes]]) -> pl.DataFrame:
    """Proven lines as columns, the same for both envelopes."""
    text = pl.Series("line", [line.decode() for _, line in good], dtype=pl.String)
    objects = text.str.json_decode(reader.dtype) if good else pl.Series([], dtype=reader.dtype)
    assert len(objects) == len(good), "polars read another number of objects than were proven"
    flat = _flatten(objects.struct.unnest())
    nothing = pl.lit(None, dtype=pl.String)

    def named(*names: str) -> pl.Expr:
        return pl.coalesce(*(pl.col(name).cast(pl.String) for name in names if name in flat.columns), nothing)

    return flat.select(
        pl.Series("line", [number for number, _ in good], dtype=pl.Int64),
        named("meta.id", "uuid").alias("id"),
        named("meta.dt", "dt").alias(
            "dt"
        ),  # when the server received it; under Event Platform dt is the browser's clock
        named("client_dt").alias("client_dt"),
        named("wiki").alias("wiki"),
        pl.coalesce(named("$schema").str.extract(r"/([^/]+)$"), named("revision")).alias("edition"),
        named("recvFrom").alias("recv_from"),
        named("seqId").cast(pl.Int64).alias("seq_id"),
        text.str.contains(IS_BOT).alias("bot"),
        (named("meta.domain") == "canary").fill_null(value=False).alias("canary"),
        pl.col("^event\\..*$"),
    )


def _verdict(done: Read, readers: list[Envelope], name: str, line: bytes) -> tuple[int, str | None]:
    """Which envelope a line has, and why it cannot be read as such an event; no reason if it can."""
    at = 0
    try:
        line.decode()  # parts that are not read are not checked by the decoder
    except UnicodeDecodeError as error:
        return at, errors.no_utf8(line, error.start)
    try:
        event = readers[0].strict(line)
    except msgspec.ValidationError:
        kind = kind_of(line)
        at = next((at for at, reader in enumerate(readers) if kind is not None and reader.kind == kind[0]), 0)
        try:
            event = readers[at].lenient(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return at, _why(readers[at], name, line, str(error))
        done.unread.update(_unread(line, readers[at].dtype))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return at, _why(readers[0], name, line, str(error))
    found = _schema_of(event)
    if found and found != name:
        return at, _other_schema(found)
    twice = _twice(line, readers[at])
    return at, f"{errors.quoted(twice)} stands more than once" if twice else None


def _twice(line: bytes, reader: Envelope) -> list[str]:
    """Names that one object of the line has more than once: which of the values was meant cannot be known."""
    if all(line.count(key) < 2 for key in reader.keys):  # noqa: PLR2004 - the common case, without reading the line anew
        return []
    found: list[str] = []

    def noted(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        found.extend(name for name in dict.fromkeys(names) if names.count(name) > 1)

    json.loads(line, object_pairs_hook=noted)
    return found


def _schema_of(event: Any) -> str:
    """Name of an event's schema, by `schema` or by `$schema`; empty if it has neither."""
    fields = zip(event.__struct_fields__, event.__struct_encode_fields__, strict=True)
    named = {rename: getattr(event, field) for field, rename in fields}
    return _name(named.get("schema"), named.get("$schema"))


def _name(schema: object, uri: object) -> str:
    if isinstance(schema, str) and schema:
        return schema
    parts = uri.rsplit("/", 2) if isinstance(uri, str) else []
    return next((name for name in LOADERS if parts[1:] and name.lower() == parts[-2].lower()), "")


def _why(reader: Envelope, name: str, line: bytes, message: str) -> str:
    kind = kind_of(line)
    if kind is not None and kind[1] and kind[1] != name:
        return _other_schema(kind[1])
    return reader.reasons.of(line, message)


def _other_schema(found: str) -> str:
    loader = f"; load.{LOADERS[found]} reads it" if found in LOADERS else ""
    return f"an event of another schema, {found!r}{loader}"


def _unread(line: bytes, dtype: pl.Struct) -> list[str]:
    """Names in the event part that no edition of the schema has."""
    event = msgspec.json.decode(line).get("event", {})
    inner = next(part.dtype for part in dtype.fields if part.name == "event")
    assert isinstance(inner, pl.Struct)
    known = {part.name for part in inner.fields}
    return [f"event.{key}" for key in event if key not in known]


def _flatten(frame: pl.DataFrame) -> pl.DataFrame:
    """Fields of `event` under their names with `event.` before, those of `meta` with `meta.`."""
    for name in ("event", "meta"):
        if name in frame.columns:
            frame = frame.with_columns(pl.col(name).name.prefix_fields(f"{name}.")).unnest(name)
    return frame


def outside_enum(name: str, column: str) -> pl.Expr:
    """Whether a value is not among those that its own edition of the schema allows.

    An edition that the shelf does not have is held against all editions it has.
    """
    properties = {key: reference.schema(name.lower(), key)["properties"] for key in reference.editions(name.lower())}
    allowed = {key: has[column]["enum"] for key, has in properties.items() if "enum" in has.get(column, {})}
    value = pl.col(f"event.{column}")
    known = value.is_in(sorted({item for items in allowed.values() for item in items}))
    for key, items in allowed.items():
        known = pl.when(pl.col("edition") == key).then(value.is_in(items)).otherwise(known)
    return value.is_not_null() & ~known


def time(text: str) -> pl.Expr:
    """Time of an ISO text in UTC; null where it is none.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": ["2019-05-06T19:03:05Z", "2022-09-05T03:18:09.074Z", "-", None]})
    >>> frame.select(time("t").dt.epoch("ms")).to_series().to_list()
    [1557169385000, 1662347889074, None, None]
    """
    return pl.col(text).str.to_datetime("%+", time_unit="ms", time_zone="UTC", strict=False)
