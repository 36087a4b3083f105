"""Verdicts on 60,000 good and bad lines beside those of jsonschema, and what a verdict costs beside it.

Run as `python tests/benchmarks/validation.py`, with `--speed` for the costs alone. Times are seconds of the processor, the best of several rounds, taken in
turns in one run.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from itertools import chain
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import jsonschema
import msgspec
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))
import schema_corpus

from toolkit.schema import Validator, rfc3339, strict_type

LINES = 60_000
ROUNDS = 7
BAD = 0.01
TIMES = ("dt", "client_dt")
AGENT = (
    "browser_family", "browser_major", "browser_minor", "device_family", "os_family", "os_major", "os_minor",
    "wmf_app_version",
)  # fmt: skip
KINDS = {
    "HomepageModule 19000731, wide": ("homepagemodule", "19000731", True),
    "HomepageModule 19000731, narrow": ("homepagemodule", "19000731", False),
    "HomepageModule 1.6.7": ("homepagemodule", "1.6.7", True),
    "CentralNoticeImpression 19511351": ("centralnoticeimpression", "19511351", True),
}


@cache
def validator(name: str, edition: str) -> Validator:
    """Exact verdict on the lines of one edition."""
    return Validator(schema_corpus.line_schema(name, edition))


@cache
def decoder(name: str, edition: str) -> Callable[[bytes], Any]:
    """First verdict on the lines of one edition."""
    return msgspec.json.Decoder(strict_type(schema_corpus.line_schema(name, edition))).decode


def agreement() -> None:
    """Print how many verdicts differ."""
    unlike = unsound = valid = taken = 0
    for event in schema_corpus.corpus(seed=11, n=LINES):
        due = schema_corpus.is_valid(event)
        valid += due
        unlike += due != (not validator(event.name, event.edition).violations(event.line))
        try:
            event.line.decode()
            decoder(event.name, event.edition)(event.line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        whole = json.loads(event.line)
        texts = [place[key] for place in (whole, whole.get("meta", {})) for key in TIMES if key in place]
        if pl.DataFrame({"dt": texts}, schema={"dt": pl.String}).select(rfc3339("dt").all()).item():
            taken += 1
            unsound += not due
    print(  # noqa: T201 - a script that speaks
        f"{LINES} lines, {valid} of them valid: {unlike} verdicts unlike jsonschema's; {taken} taken at first sight, {unsound} of them invalid"
    )


def common(random: Random, schema: dict[str, Any], *, is_wide: bool) -> Any:
    """A value as most events have it: all properties where it is wide, and in their order; else the required ones."""
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else random.choice(schema["enum"])
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        listed = schema["required"] if isinstance(schema.get("required"), list) else []
        return {
            key: common(random, part, is_wide=is_wide)
            for key, part in schema.get("properties", {}).items()
            if is_wide or key in listed or part.get("required") is True
        }
    if kind == "string" and schema.get("format") == "date-time":
        return f"2019-05-{random.randrange(10, 32)}T08:03:{random.randrange(10, 60)}Z"
    made = {"string": f"{random.getrandbits(128 if is_wide else 32):x}", "integer": random.randrange(10**5)}
    return {**made, "boolean": random.random() < 0.5, "number": random.random(), "array": []}[kind]


def lines(name: str, edition: str, *, is_wide: bool, n: int = 20_000) -> list[bytes]:
    """Mostly good lines of one edition; one in a hundred is spoilt."""
    random = Random(5)
    schema = schema_corpus.line_schema(name, edition)
    made = []
    for _ in range(n):
        whole = common(random, schema, is_wide=is_wide)
        if is_wide and "userAgent" in whole:
            whole["userAgent"] = {**dict.fromkeys(AGENT, "Firefox"), "is_bot": False, "is_mediawiki": False}
        if random.random() < BAD:
            random.choice(schema_corpus.SPOILERS)(random, whole)
        made.append(json.dumps(whole, separators=(",", ":")).encode())
    return made


def slow(name: str, edition: str) -> Callable[[list[bytes]], int]:
    """Count of invalid lines by jsonschema, all its errors looked at."""
    schema = schema_corpus.line_schema(name, edition)
    draft = next(draft for key, draft in schema_corpus.DRAFTS.items() if key in schema["$schema"])
    check = draft(schema, format_checker=jsonschema.FormatChecker(["date-time"]))
    return lambda some: sum(bool(list(check.iter_errors(json.loads(line)))) for line in some)


def quick(name: str, edition: str) -> Callable[[list[bytes]], int]:
    """Same count in two steps: a typed decoder and a look at the column of times; the exact verdict on what is left."""
    decode, exact = decoder(name, edition), validator(name, edition)
    properties = schema_corpus.line_schema(name, edition)["properties"]
    places = [f"f{at}" for at, key in enumerate(properties) if key in TIMES]
    if "meta" in properties:
        places.append(f"f{list(properties).index('meta')}.f{list(properties['meta']['properties']).index('dt')}")
    times_of = attrgetter(*places)

    def count(some: list[bytes]) -> int:
        left, taken, times = [], [], []
        for line in some:
            try:
                if not line.isascii():
                    line.decode()
                times.append(times_of(decode(line)))  # a loader has the times as columns anyway
            except (msgspec.DecodeError, UnicodeDecodeError):
                left.append(line)
            else:
                taken.append(line)
        texts = pl.Series([text if isinstance(text, str) else None for text in flat(times)], dtype=pl.String)
        wrong = texts.to_frame("dt").select(~rfc3339("dt")).to_series().fill_null(value=False).arg_true() // len(places)
        left.extend(taken[at] for at in wrong.unique())
        return sum(bool(exact.violations(line)) for line in left)

    flat = chain.from_iterable if len(places) > 1 else iter
    return count


def spent(work: Callable[[list[bytes]], int], some: list[bytes]) -> tuple[float, int]:
    """Microseconds of the processor per line, and the count."""
    gc.collect()
    start = time.process_time()
    bad = work(some)
    return (time.process_time() - start) / len(some) * 1e6, bad


def speed() -> None:
    """Print what a verdict costs."""
    for title, (name, edition, is_wide) in KINDS.items():
        some = lines(name, edition, is_wide=is_wide)
        few = some[: len(some) // 10]
        ours, theirs = quick(name, edition), slow(name, edition)
        assert ours(few) == theirs(few)
        rounds = [(spent(theirs, few)[0], *spent(ours, some)) for _ in range(ROUNDS)]
        slowest, quickest = min(one[0] for one in rounds), min(one[1] for one in rounds)
        size = sum(map(len, some)) // len(some)
        print(  # noqa: T201 - same
            f"{title}: {size} bytes a line, {rounds[0][2]} of {len(some)} invalid; "
            f"jsonschema {slowest:.1f} us, here {quickest:.2f} us a line: {slowest / quickest:.0f} times"
        )


if __name__ == "__main__":
    speed()
    if "--speed" not in sys.argv:
        agreement()
