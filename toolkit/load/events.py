"""Event lines, in the EventLogging capsule or the Event Platform envelope, to flat columns: a verdict on each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import polars as pl

from toolkit import errors
from toolkit.load.batch import CONTENT, ID, Aside, Batch, Options, Piece
from toolkit.load.event_schema import editions, event_schema, event_types, validator, values, whole_schema
from toolkit.load.event_table import MARKS, as_time
from toolkit.load.form import FAULTS, Form, n_names
from toolkit.load.json_text import NO_BLANK, blocks
from toolkit.load.sources import Lines
from toolkit.schema import LONG, Schema, Violation, doubled_keys, parsed, rfc3339, unknown_keys

LOADERS = {
    "HomepageModule": "homepage_modules",
    "HomepageVisit": "homepage_visits",
    "CentralNoticeImpression": "impressions",
    "CentralNoticeBannerHistory": "banner_history",
}
AROUND = {"wiki": pl.String, "recvFrom": pl.String, "seqId": pl.Int64, "revision": pl.Int64, "$schema": pl.String}
AROUND |= {"uuid": pl.String, "dt": pl.String, "client_dt": pl.String}
META = {"id": pl.String, "dt": pl.String, "domain": pl.String}
TIMES = ("dt", "client_dt", "meta.dt")
IS_BOT = r'is_bot\\*"\s*:\s*true'  # in an object as in the same object kept as text
PRIVATE = ("ip", "userAgent", "useragent", "http", "geocoded_data")
BLANK = b" \t\r\n"  # of JSON
HIDDEN_REASON = '"bannerLoadedButHiddenReason"'  # the client sends it, and no edition has it
SAMPLE = 200  # lines whose names tell the form
FORMS = 8  # forms of lines in one file that are read fast
FEW = 50  # lines for which no form is made
SHAPES = {"eventcapsule": "EventLogging capsule", "event_platform": "Event Platform"}


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
    except FAULTS:
        return None
    if not isinstance(found, dict) or "event" not in found:
        return None
    kind, name, _ = _header(found)
    return kind, name


def _header(found: dict[str, Any]) -> tuple[str, str, str | None]:
    """Envelope, schema's name (empty if the line does not say it) and edition of an event."""
    uri = found.get("$schema")
    parts = uri.rsplit("/", 2) if isinstance(uri, str) else []
    by_uri = parts[-2] if parts[1:] else ""
    said = found.get("schema")
    name = said if isinstance(said, str) and (not by_uri or said.lower() == by_uri.lower()) else ""
    name = name or next((known for known in LOADERS if known.lower() == by_uri.lower()), by_uri)
    is_platform = "$schema" in found or ("meta" in found and "revision" not in found)
    kind = "event_platform" if is_platform else "eventcapsule"
    revision = found.get("revision")
    edition = parts[-1] if parts[1:] else str(revision) if type(revision) is int else None
    return kind, name, edition


@dataclass
class _File:
    """What is known of a file so far: forms of its lines, the last that fitted first."""

    name: str
    options: Options
    forms: list[Form] = field(default_factory=list)
    shapes: dict[str, None] = field(default_factory=dict)


def batches(piece: Piece, name: str, options: Options) -> Iterator[Batch]:
    """Events of one schema in a file of JSON text, in whichever envelope each line has.

    Each line gets a verdict by the schema of its edition. Set aside is what is no JSON, is of another schema, names a
    field twice, lacks a required field, or has a value that its column cannot hold. Kept and marked in `off schema` is
    what breaks the schema in a way that loses nothing. Blank lines hold no row.

    Returns
    -------
    iterator of Batch
        Frames with the columns line, dt and client_dt (texts), wiki, edition, recv_from, seq_id, bot, canary, off
        schema, late value, unknown value, what tells second deliveries, and each field of the event with `event.`
        before its name.
    """
    lines = Lines(piece)
    file = _File(name, options)
    batch = None
    for numbers, rows in blocks(piece, lines):
        batch = _block(file, numbers, rows)
        yield batch
    if batch is not None and lines.cut is not None:
        yield batch.cut_off(lines.n_lines, lines.cut)


def batch_of(rows: Iterable[tuple[int, bytes]], name: str, options: Options) -> Batch:
    """Events from rows that were made elsewhere: number of the line, and JSON text."""
    found = list(rows)
    return _block(_File(name, options), [number for number, _ in found], [text + b"\n" for _, text in found])


def _block(file: _File, numbers: Sequence[int], lines: list[bytes]) -> Batch:
    """Verdict on each line: fast for lines alike, one by one for the others."""
    text, rest = _texts(lines)
    n = n_names(text)
    broken = set(rest)
    left = [at for at in range(len(lines)) if at not in broken] if broken else range(len(lines))
    frames: list[pl.DataFrame] = []
    for at in range(FORMS):
        if len(left) <= FEW and at >= len(file.forms):
            break
        if at >= len(file.forms) and not _learn(file, [lines[place] for place in left]):
            break
        form = file.forms[at]
        found, refused = form.read(lines if len(left) == len(lines) else [lines[place] for place in left])
        places = pl.Series("at", left, dtype=pl.Int64)
        frame = found if len(left) == len(lines) else found.with_columns(at=places.gather(found["at"]))
        doubt = _doubt(frame, n)
        in_doubt = frame["at"].filter(doubt).to_list()
        if in_doubt:
            frame = frame.filter(~doubt)
        refused = sorted([*places.gather(refused).to_list(), *in_doubt])
        if len(refused) < len(left):
            is_known = form.edition is None or form.edition in editions(file.name)
            edition = pl.lit(form.edition, dtype=pl.String).alias("edition")
            frames.append(frame.with_columns(edition, pl.lit(not is_known).alias(MARKS[-1])))
            file.shapes.setdefault(f"{file.name}, {SHAPES[form.kind]}")
        if at and len(refused) * 2 < len(left):
            file.forms.insert(0, file.forms.pop(at))
        left = refused
        if not left:
            break
    aside, unread, kept, n_blank = _judged(file, numbers, lines, sorted([*rest, *left]))
    frames.append(kept)
    raw = pl.concat([frame.drop("names", strict=False) for frame in frames if frame.height] or [kept], how="diagonal")
    if len(frames) > 1:
        raw = raw.sort("at")
    frame = _columns(raw, text if raw.height == len(lines) else text.gather(raw["at"]), file)
    frame = frame.with_columns(pl.Series("line", numbers, dtype=pl.Int64).gather(raw["at"]))
    return Batch(
        frame,
        aside,
        len(lines) - n_blank,
        " and ".join(file.shapes),
        unread,
        _left_out(file, lines, len(lines) - n_blank),
    )


def _texts(lines: list[bytes]) -> tuple[pl.Series, list[int]]:
    """Lines as text, and the places of those that are none, which are empty there."""
    try:
        return pl.Series("text", lines, dtype=pl.Binary).cast(pl.String), []
    except pl.exceptions.PolarsError:
        broken = [
            at
            for start in range(0, len(lines), SAMPLE)
            if not _is_text(b"".join(lines[start : start + SAMPLE]))  # as each ends in a line end, they can be joined
            for at in range(start, min(start + SAMPLE, len(lines)))
            if not _is_text(lines[at])
        ]
    whole = list(lines)
    for at in broken:
        whole[at] = b""
    return pl.Series("text", whole, dtype=pl.Binary).cast(pl.String), broken


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _doubt(frame: pl.DataFrame, n: pl.Series) -> pl.Series:
    """Lines that a form took, and that may all the same name a field twice or have a time that is none."""
    times = [~rfc3339(name).fill_null(value=True) for name in TIMES if name in frame.columns]
    untimed = pl.any_horizontal(*times) if times else pl.lit(value=False)
    return frame.select(untimed | (pl.col("names") != n.gather(frame["at"]))).to_series()


def _learn(file: _File, lines: Sequence[bytes]) -> bool:
    """Make a form of lines that no form takes yet; whether there is one."""
    groups: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for line in lines[:SAMPLE]:
        try:
            found = msgspec.json.decode(line)
        except FAULTS:
            continue
        if isinstance(found, dict) and isinstance(found.get("event"), dict):
            kind, name, edition = _header(found)
            if name in {file.name, ""} and (edition is not None or "revision" not in found):
                groups.setdefault((kind, edition), []).append(found)
    for (kind, edition), sample in sorted(groups.items(), key=lambda group: -len(group[1])):
        judge = validator(kind, file.name, edition)
        valid = [found for found in sample if not judge.violations_of(found)]
        if len(valid) > len(sample) // 2:
            fields = dict.fromkeys(event_schema(file.name)["properties"], True)
            wanted = {**dict.fromkeys(AROUND, True), "meta": dict.fromkeys(META, True), "event": fields}
            file.forms.append(Form(kind, edition, whole_schema(kind, file.name, edition), valid, wanted))
            return True
    return False


def _judged(
    file: _File, numbers: Sequence[int], lines: Sequence[bytes], places: Iterable[int]
) -> tuple[list[Aside], Counter[str], pl.DataFrame, int]:
    """Verdict on single lines: those set aside, names that nothing reads, rows kept, and how many lines are blank."""
    aside: list[Aside] = []
    unread: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    n_blank = 0
    for at in places:
        line = lines[at]
        if not line.strip(BLANK):
            n_blank += 1
            continue
        found = _verdict(file, line.rstrip(b"\r\n"))
        if isinstance(found, str):
            aside.append(Aside(numbers[at], found, line.rstrip(b"\r\n").replace(NO_BLANK, b"\n")))
        else:
            row, names = found
            rows.append({"at": at, **row})
            unread.update(names)
    types = {**AROUND, **{f"meta.{name}": kind for name, kind in META.items()}, **event_types(file.name)}
    schema: dict[str, Any] = {"at": pl.Int64, "edition": pl.String, **types, **dict.fromkeys(MARKS, pl.Boolean)}
    try:
        frame = pl.DataFrame(rows, schema=schema, orient="row")
    except (TypeError, OverflowError, pl.exceptions.PolarsError):  # of a value that nobody foresaw: its line alone
        held = [row for row in rows if _fits(row, schema)]
        lost = sorted({row["at"] for row in rows} - {row["at"] for row in held})
        why = "holds a value that its column cannot hold"
        aside += [Aside(numbers[at], why, lines[at].rstrip(b"\r\n")) for at in lost]
        frame = pl.DataFrame(held, schema=schema, orient="row")
    return aside, unread, frame, n_blank


def _fits(row: dict[str, Any], schema: dict[str, Any]) -> bool:
    try:
        pl.DataFrame([row], schema=schema, orient="row")
    except (TypeError, OverflowError, pl.exceptions.PolarsError):
        return False
    return True


def _verdict(file: _File, line: bytes) -> str | tuple[dict[str, Any], list[str]]:  # noqa: PLR0911 - a reason each
    """Every reason why a line is set aside; or its row, and the names in it that no edition has."""
    try:
        found = parsed(line.replace(NO_BLANK, b"\n"))
    except ValueError as error:
        return str(error) if str(error).startswith("no UTF-8") else f"not a line of JSON: {error}"
    if NO_BLANK in line:
        return "not a line of JSON: a vertical tab between values"
    if not isinstance(found, dict):
        look = "a list" if isinstance(found, list) else "a text" if isinstance(found, str) else None
        return f"not an object: {look or line.strip()[:LONG].decode()}"
    kind, name, edition = _header(found)
    if name not in {file.name, ""}:
        loader = f"; load.{LOADERS[name]} reads it" if name in LOADERS else ""
        return f"an event of another schema, {name!r}{loader}"
    twice = doubled_keys(line)
    if twice:
        return f"{errors.quoted(twice)} stands more than once"
    schema = whole_schema(kind, file.name, edition)
    broken = _violations(file.name, kind, edition, found)
    if any(_loses(file.name, violation, found, schema) for violation in broken):
        return "; ".join(sorted({violation.words for violation in broken}))
    file.shapes.setdefault(f"{file.name}, {SHAPES[kind]}")
    is_known = edition is None or edition in editions(file.name)
    meta = found.get("meta") if kind == "event_platform" else None
    around = meta if isinstance(meta, dict) else {}
    return _row(file.name, found, around, edition, broken, is_known=is_known), unknown_keys(
        whole_schema(kind, file.name, None), found
    )


def _violations(name: str, kind: str, edition: str | None, found: dict[str, Any]) -> list[Violation]:
    """Every rule that an event breaks: of its own edition, and of the columns in which other editions' fields go."""
    broken = validator(kind, name, edition).violations_of(found)
    if edition is None and found.get("revision") is not None:
        broken.append(Violation("revision", "type", f"'revision' is {found['revision']!r} where a whole number is due"))
    if any(violation.rule == "additional" for violation in broken):  # what another edition has must be of its type
        others = validator(kind, name, None).violations_of(found)
        broken += [violation for violation in others if violation.rule in {"type", "range"}]
    event = found.get("event")
    for key, dtype in event_types(name).items():
        items = (
            event.get(key.removeprefix("event.")) if isinstance(event, dict) and dtype == pl.List(pl.String) else None
        )
        if isinstance(items, list) and not all(isinstance(item, str) for item in items):
            broken.append(
                Violation(key, "type", f"{key!r} holds what is no text")
            )  # an edition may say nothing of items
    return broken


def _loses(name: str, violation: Violation, found: dict[str, Any], schema: Schema) -> bool:
    """Whether a row could not be kept without losing or guessing something."""
    if violation.rule in {"enum", "minimum", "maximum", "length", "pattern", "additional"}:
        return False
    in_event, _, name_there = violation.path.partition(".")
    if violation.rule == "required" and name_there and "x-inferred" in schema["properties"][in_event]:
        # what was concluded from code is no ground to lose a row
        return name_there in event_schema(name)["required"]
    value, required = _at(found, schema, violation.path.split("."))
    if violation.rule == "type" and value is None:
        return required
    return violation.rule != "format" or as_time(value) is None


def _at(found: Any, schema: Schema, path: list[str]) -> tuple[Any, bool]:
    """Value at a path, and whether the schema requires one there."""
    value = found.get(path[0]) if isinstance(found, dict) else None
    if path[1:]:
        return _at(value, schema.get("properties", {}).get(path[0], {}), path[1:])
    listed = schema.get("required", [])
    by_itself = schema.get("properties", {}).get(path[0], {}).get("required") is True
    return value, by_itself or (isinstance(listed, list) and path[0] in listed)


def _row(
    name: str,
    found: dict[str, Any],
    meta: dict[str, Any],
    edition: str | None,
    broken: Sequence[Violation],
    *,
    is_known: bool,
) -> dict[str, Any]:
    """Columns of one line that is kept."""
    row = {key: found.get(key) for key in AROUND}
    row |= {f"meta.{key}": meta.get(key) for key in META}
    row |= {time: as_time(row[time]) for time in TIMES}
    types = event_types(name)
    event = {f"event.{key}": value for key, value in found["event"].items()}
    row |= {key: _held(event.get(key), kind) for key, kind in types.items()}
    beside = {violation.path for violation in broken if violation.rule == "enum"}
    known = {path for path in beside if row.get(path) in values(name, path.removeprefix("event."))}
    marks = (bool(broken) and len(beside) < len(broken), bool(known), bool(beside - known), not is_known)
    return {**row, "edition": edition, **dict(zip(MARKS, marks, strict=True))}


def _held(value: Any, kind: pl.DataType) -> Any:
    """Value as its column holds it: 5.0 is a whole number in JSON, 5 any number."""
    if kind == pl.Int64:
        return None if value is None else int(value)
    return float(value) if kind == pl.Float64 and value is not None else value


def _columns(frame: pl.DataFrame, text: pl.Series, file: _File) -> pl.DataFrame:
    """Columns of all forms alike."""

    def first(*names: str) -> pl.Expr:
        have = [pl.col(name) for name in names if name in frame.columns]
        return pl.coalesce(have) if have else pl.lit(None, dtype=pl.String)

    fields = event_types(file.name)
    return frame.select(
        first("meta.id", "uuid").alias(ID),
        first("meta.dt", "dt").alias(
            "dt"
        ),  # when the server received it; under Event Platform dt is the browser's clock
        first("client_dt").alias("client_dt"),
        first("wiki").alias("wiki"),
        first("edition").alias("edition"),
        first("recvFrom").alias("recv_from"),
        first("seqId").cast(pl.Int64).alias("seq_id"),
        text.str.contains(IS_BOT).alias("bot"),
        (first("meta.domain") == "canary").fill_null(value=False).alias("canary"),
        *([text.str.contains(HIDDEN_REASON, literal=True).alias("hidden")] if "event.statusCode" in fields else []),
        text.hash().alias(CONTENT),
        *(first(mark).cast(pl.Boolean).fill_null(value=False).alias(mark) for mark in MARKS),
        *(pl.col(key) if key in frame.columns else pl.lit(None, dtype=kind).alias(key) for key, kind in fields.items()),
        *(_private(name, text) for name in file.options.keep),
    )


def _private(name: str, text: pl.Series) -> pl.Series:
    """A field that was asked for, wherever it stands; objects as JSON text."""
    places = [f"$.{name}", f"$.event.{name}", f"$.http.{name}", f"$.meta.{name}"]
    return pl.select(pl.coalesce(text.str.json_path_match(place) for place in places).alias(name)).to_series()


def _left_out(file: _File, lines: Sequence[bytes], n_rows: int) -> Counter[str]:
    """Private fields of the first object that were not asked for: the others are taken to have them too."""
    found = next((some for some in map(_object, lines) if some), None) or {}
    return Counter({name: n_rows for name in PRIVATE if found.get(name) is not None and name not in file.options.keep})


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(line)
    except FAULTS:
        return None
    return found if isinstance(found, dict) else None
