"""Raw requests of `/beacon/event` to the event lines that the client sent: a capsule without what the server adds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

import msgspec

from toolkit import errors

PATH = b"/beacon/event"
# A query ends at a blank or a double quote: the client encodes both. The path may stand in a column of its own.
REQUEST = re.compile(rb'/beacon/event(?:\.gif)?["\t]*\?([^\s"]*)')
BARE = re.compile(rb'^\s*"?\??(%7[Bb][^\s"]*)')
COMMON = re.compile(rb"\[(\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\]")  # time in combined log format
ISO = re.compile(rb"(?<!\d)(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:?\d\d)?")
END = b";"

_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Reason(str):
    """Why a line holds no event that can be read."""

    __slots__ = ()


def holds_beacon_events(lines: Iterable[bytes]) -> bool:
    """Whether one of some lines is a request of `/beacon/event`.

    Examples
    --------
    >>> holds_beacon_events([b"https://cs.wikipedia.org/beacon/event?%7B%22event%22%3A%7B%7D%7D;"])
    True
    """
    return any(REQUEST.search(line) or BARE.match(line) for line in lines)


def capsules(lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes | Reason]]:
    """Event lines of requests: the JSON text that the client sent, and the line's time as `dt` where it has one.

    What the server adds to an event is not there: uuid, recvFrom, seqId, and the user agent. Blank lines hold no event.

    Parameters
    ----------
    lines : iterable of (int, bytes)
        Numbers and lines of access logs, or addresses alone.

    Yields
    ------
    (int, bytes or Reason)
        Number of the line, and its event or why there is none.

    Examples
    --------
    >>> log = b'1.2.3.4 - - [02/May/2019:10:00:00 +0000] "POST /beacon/event?%7B%22schema%22%3A%22HomepageVisit%22%7D; HTTP/1.1" 204 0'
    >>> list(capsules([(1, log), (2, b"/beacon/event?%7B%22schema%22%3A%22Homep")]))
    [(1, b'{"dt":"2019-05-02T10:00:00Z","schema":"HomepageVisit"}'), (2, "the event breaks off: no ';' ends it")]
    """
    for number, line in lines:
        if line.strip():
            yield number, _capsule(line)


def _capsule(line: bytes) -> bytes | Reason:
    found = REQUEST.search(line) or BARE.match(line)
    if found is None:
        return Reason(f"holds no request of {PATH.decode()!r} with an event")
    query = found[1]
    if END not in query:
        return Reason("the event breaks off: no ';' ends it")
    text = unquote_to_bytes(query[: query.rindex(END)].replace(b"+", b" ")).strip(b" ;")
    try:
        text.decode()
        names = _object(text)
    except UnicodeDecodeError as error:
        return Reason(f"the event is {errors.no_utf8(text, error.start)}")
    except (msgspec.DecodeError, RecursionError) as error:
        return Reason(f"the event is no JSON object: {str(error).replace('`', chr(39))}")
    time = None if "dt" in names else _time(line[: found.start()] + b" " + line[found.end() :])
    if time is None:
        return text
    rest = text[1:].lstrip()
    return b'{"dt":"' + time.encode() + (b'"' if rest.startswith(b"}") else b'",') + rest


def _time(line: bytes) -> str | None:
    """First time that stands in a line beside the request, in UTC."""
    if found := COMMON.search(line):
        return _utc(found[1].decode(), "%d/%b/%Y:%H:%M:%S %z")
    if not (found := ISO.search(line)):
        return None
    day, time, zone = (part.decode() if part else "" for part in found.groups())
    if zone in {"", "Z"}:
        return f"{day}T{time}Z"
    fraction = ".%f" if "." in time else ""
    return _utc(f"{day}T{time}{zone}", f"%Y-%m-%dT%H:%M:%S{fraction}%z")


def _utc(text: str, form: str) -> str | None:
    try:
        at = datetime.strptime(text, form).astimezone(UTC)
    except ValueError:
        return None
    return at.strftime("%Y-%m-%dT%H:%M:%S" + (".%f" if at.microsecond else "")) + "Z"
