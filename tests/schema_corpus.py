"""Event lines, good and bad, of every edition: made from the schemas by a seeded generator, then spoilt in known ways."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import Any, NamedTuple

import jsonschema

from toolkit import reference

NAMES = (
    "homepagemodule",
    "homepagevisit",
    "centralnoticeimpression",
    "centralnoticebannerhistory",
    "homepage_module_interaction",
)
EDITIONS = tuple((name, edition) for name in NAMES for edition in reference.editions(name))
DRAFTS = {"draft-03": jsonschema.Draft3Validator, "draft-07": jsonschema.Draft7Validator}
TEXTS = (
    "", "a", "2.10", "enwiki", "linkId=tutorial;a=b", 'a "quoted": word', "\u00e9\u4e2d\U0001f600", "nul\x00", "tab\t\\", "null",
    "x" * 200, "[]", '{"a": 1}', "/beacon/event?%7B", "\u2028",
)  # fmt: skip
TIMES = (
    "2019-05-01T00:00:00Z", "2019-05-01t00:00:00z", "2024-02-29T23:59:59.123456Z", "2019-12-31T12:00:00+14:00",
    "2000-02-29T00:00:00.1-00:00", "0001-01-01T00:00:00Z",
)  # fmt: skip
NO_TIMES = (
    "2019-05-01 00:00:00Z", "2019-05-01t00:00:60z", "2019-05-01T00:00:00+0200", "2019-05-01T00:00:00", "2019-05-01",
    "20190501000000", "2019-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2019-04-31T00:00:00Z", "2019-13-01T00:00:00Z",
    "2019-05-00T00:00:00Z", "2019-05-01T24:00:00Z", "2019-05-01T00:60:00Z", "2019-05-01T00:00Z", "0000-01-01T00:00:00Z",
    "2019-05-01T00:00:00.Z", "2019-05-01T00:00:00+24:00", "2019-05-01T00:00:00Z ", " 2019-05-01T00:00:00Z", "", "-",
    "2019-05-01T00:00:00\u0660Z", "2019-05-01T00:00:0\u0661Z", "2019-05-01T00:00:00Z\n", "2019-05-01T00:00:00Z\n\n", "now",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 7, 2**31, 2**53 - 1, 2**53, -(2**53), 2**63 - 1, 2**63, 2**64, 10**23, -(10**23), 5.0, 0.5, -0.0, 1e30, 1e-7,
    9007199254740991.0, 9007199254740992.0, True, False,
)  # fmt: skip
OTHERS = (
    None,
    [],
    {},
    [1],
    [None],
    [[]],
    {"a": 1},
    {"a": None},
    {"": {"b": [{}]}},
    *NUMBERS,
    *TEXTS[:8],
    "true",
    "1",
    "nope",
)
WRITTEN = ("1e400", "-1e400", "1E2", "5.00", "-0", "123456789012345678901234567890.5", "1" * 300)  # as JSON has them
SPOILT: tuple[tuple[bytes, bytes], ...] = (
    (b":", b""), (b",", b",,"), (b"{", b"{,"), (b"}", b",}"), (b"}", b"}}"), (b"}", b""), (b'"', b"'"), (b'"', b""),
    (b":", b": NaN,"), (b":", b":01"), (b":", b":+"), (b"{", b"\xef\xbb\xbf{"), (b'"', b'"\xff'), (b'"', b'"\xed\xa0\x80'),
    (b'"', b'"\x01'), (b'"', b'"\\q'), (b'"', b'"\\ud800'), (b'"', b'"\\udc00\\ud83d'), (b'"', b'"\\ud83d\\ude00'),
    (b'"', b'"\\u0000'), (b'"', b'"\\u12'), (b"{", b'{"a":Infinity,'), (b"{", b"[{"), (b"{", b'{"event":0,'),
    (b"{", b'{"d":' + b"[" * 300 + b"]" * 300 + b","), (b"{", b'{"d":' + b"[" * 5000 + b"]" * 5000 + b","),
    (b"{", b'{"d":' + b"[" * 9 + b"]" * 8 + b","), (b"true", b"tru"), (b"null", b"NULL"), (b"}", b"} {}"), (b"}", b"}\x00"),
    (b"{", b"  {"), (b"}", b"}\r"), (b"{", b"\x0b{"), (b"{", b"\xc2\xa0{"),
)  # fmt: skip


class Event(NamedTuple):
    """One line, and the edition it is held against."""

    name: str
    edition: str
    line: bytes


@cache
def line_schema(name: str, edition: str) -> dict[str, Any]:
    """Schema of a whole line; not to be changed."""
    return reference.line_schema(name, edition)


@cache
def _oracle(name: str, edition: str) -> Any:
    schema = line_schema(name, edition)
    draft = next(draft for key, draft in DRAFTS.items() if key in schema["$schema"])
    times = jsonschema.FormatChecker(["date-time"])
    assert not times.conforms(NO_TIMES[0], "date-time"), (
        "jsonschema checks no times: rfc3339-validator is not installed"
    )
    return draft(schema, format_checker=times)


def found(event: Event) -> Any:
    """Value of a line by the standard library; a ValueError or RecursionError where it is no JSON by RFC 8259.

    Half of a surrogate pair passes as an escape, but no text can hold it; such a line counts as no JSON.
    """
    value = json.loads(event.line.decode(), parse_constant=int)  # int("NaN") is a ValueError
    json.dumps(value, ensure_ascii=False).encode()
    return value


def is_valid(event: Event) -> bool:
    """The verdict of the library jsonschema."""
    try:
        value = found(event)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(_oracle(event.name, event.edition).is_valid(value))


def errors(event: Event) -> set[str]:
    """Rules that the library jsonschema finds broken; of a value of a wrong type, that alone. The line is an object."""
    broken = [
        (str(error.validator), tuple(error.absolute_path))
        for error in _oracle(event.name, event.edition).iter_errors(found(event))
    ]
    untyped = {path for rule, path in broken if rule == "type"}
    return {rule for rule, path in broken if rule == "type" or path not in untyped}


def corpus(
    seed: int, n: int, *, bad: float = 0.75, editions: tuple[tuple[str, str], ...] = EDITIONS
) -> Iterator[Event]:
    """Some lines, of which about the share `bad` is spoilt; not every spoilt line is invalid."""
    random = Random(seed)
    for _ in range(n):
        name, edition = random.choice(editions)
        whole = value_of(random, line_schema(name, edition))
        if random.random() >= bad:
            yield Event(name, edition, written(random, whole))
            continue
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            random.choice(SPOILERS)(random, whole)
        line = written(random, whole)
        yield Event(name, edition, spoilt(random, line) if random.random() < 0.25 else line)


def value_of(random: Random, schema: dict[str, Any]) -> Any:
    """A value that is valid by a schema."""
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else random.choice(schema["enum"])
    kind = schema.get("type", "any")
    kind = random.choice(kind) if isinstance(kind, list) else kind
    if kind == "object":
        return _object(random, schema)
    least, most = schema.get("minimum", -(2**70)), schema.get("maximum", 2**70)
    made: dict[str, Callable[[], Any]] = {
        "any": lambda: copy.deepcopy(random.choice(OTHERS)),
        "null": lambda: None,
        "boolean": lambda: random.random() < 0.5,
        "integer": lambda: random.choice((0, 1, 7, 4321, random.randrange(10**6), least, most)),
        "number": lambda: random.choice((0, 1, 0.01, random.random(), 1e-7, least, most)),
        "array": lambda: [value_of(random, schema.get("items", {})) for _ in range(random.randrange(4))],
        "string": lambda: _text(random, schema),
    }
    return made[kind]()


def _object(random: Random, schema: dict[str, Any]) -> dict[str, Any]:
    listed = schema.get("required") if isinstance(schema.get("required"), list) else []
    parts = schema.get("properties", {})
    there = [
        key for key, part in parts.items() if key in listed or part.get("required") is True or random.random() < 0.6
    ]
    if random.random() < 0.3:
        random.shuffle(there)
    others = schema.get("additionalProperties")
    more = {"x-client": value_of(random, others)} if isinstance(others, dict) else {}
    return {key: value_of(random, parts[key]) for key in there} | more


def _text(random: Random, schema: dict[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return random.choice(TIMES)
    text = random.choice(TEXTS)[: schema.get("maxLength")]
    return text if len(text) >= schema.get("minLength", 0) else "x" * schema["minLength"]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a value, as the object or list and the key or index."""
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [place for key, inner in pairs for place in [(value, key), *_places(inner)]]


def _put(make: Callable[[Random, Any], Any]) -> Callable[[Random, dict[str, Any]], None]:
    """Spoiler that puts another value in some place."""

    def spoiler(random: Random, whole: dict[str, Any]) -> None:
        places = _places(whole)
        if places:
            where, key = random.choice(places)
            where[key] = make(random, where[key])

    return spoiler


def _drop(random: Random, whole: dict[str, Any]) -> None:
    places = [(where, key) for where, key in _places(whole) if isinstance(where, dict)]
    if places:
        where, key = random.choice(places)
        del where[key]


def _extra(random: Random, whole: dict[str, Any]) -> None:
    objects = [whole, *(where[key] for where, key in _places(whole) if isinstance(where[key], dict))]
    random.choice(objects)[random.choice(("mood", "", "Event", "event ", "\u00e9"))] = copy.deepcopy(
        random.choice(OTHERS)
    )


def _time(random: Random, whole: dict[str, Any]) -> None:
    places = [(where, key) for where, key in _places(whole) if key in {"dt", "client_dt"}]
    where, key = random.choice(places or [(whole, "dt")])
    where[key] = random.choice(NO_TIMES + TIMES)


def _other(random: Random, _: Any) -> Any:
    return copy.deepcopy(random.choice(OTHERS))


SPOILERS: tuple[Callable[[Random, dict[str, Any]], None], ...] = (
    _drop,
    _extra,
    _time,
    _put(lambda *_: None),
    _put(_other),
    _put(lambda random, _: random.choice(NUMBERS)),
    _put(lambda random, _: f"@{random.choice(WRITTEN)}@"),
    _put(lambda _, value: float(value) if type(value) is int and abs(value) < 2**60 else str(value)),
    _put(lambda _, value: int(value) if type(value) is bool else [value]),
    _put(lambda _, value: value + " " if isinstance(value, str) else {}),
    _put(lambda _, value: value.upper() if isinstance(value, str) else {"a": value}),
)


def written(random: Random, value: Any) -> bytes:
    """JSON text of a value, in one of several hands."""
    text = json.dumps(value, ensure_ascii=random.random() < 0.5, separators=random.choice([(",", ":"), (", ", ": ")]))
    for number in WRITTEN:
        text = text.replace(f'"@{number}@"', number)
    return text.encode()


def spoilt(random: Random, line: bytes) -> bytes:
    """Line with one of its signs changed, or cut off."""
    if random.random() < 0.3:
        return line[: random.randrange(len(line) + 1)]
    old, new = random.choice(SPOILT)
    places = [at for at in range(len(line)) if line.startswith(old, at)]
    if not places:
        return line + new
    at = random.choice((places[0], places[-1], random.choice(places)))
    return line[:at] + new + line[at + len(old) :]
