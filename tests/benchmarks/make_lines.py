"""Seeded event lines, beacon lines and hostile query strings of any size, with faults whose truth is known.

python tests/benchmarks/make_lines.py wide 1GB wide.ndjson --faults 0.01

Lines are joined from fragments made beforehand, so a gigabyte takes less than a minute. Beside the lines stands
`<name>.truth.csv` with one row for each odd line: its number, its kind, and the verdict due (`kept`, `aside`, `blank`).
"""

# ruff: noqa: T201 - a script, which speaks
from __future__ import annotations

import argparse
import base64
import csv
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote_plus, urlencode

START = datetime(2019, 7, 1, tzinfo=UTC)
WIKIS = ("cswiki", "kowiki", "arwiki", "viwiki", "enwiki", "testwiki")
MODULES = {
    "start-account": "complete",
    "start-email": "noemail",
    "start-tutorial": "incomplete",
    "start-userpage": "incomplete",
    "help": None,
    "mentorship": None,
    "impact": "unactivated",
}
TASKS = ("copyedit", "links", "references", "update", "expand", "section-link", "image-recommendation")
AGENTS = (
    ("Firefox", "67", "0", "Other", "Windows", "10"),
    ("Chrome", "75", "0", "Other", "Linux", "4"),
    ("Mobile Safari", "12", "1", "iPhone", "iOS", "12"),
    ("Chrome Mobile", "74", "0", "Samsung SM-G960F", "Android", "9"),
    ("Edge", "18", "17763", "Other", "Windows", "10"),
)
UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
BATCH = 20_000  # lines joined in one go
LONG_LEFT_OUT = 0.95  # of the lines of 100 kB; they would be most of the bytes


class Odd(NamedTuple):
    """One kind of odd line: how it is made of a good one, and what a reader must do with it."""

    verdict: str
    make: Callable[[str], bytes]


def _swapped(old: str, new: str) -> Callable[[str], bytes]:
    """Same line with one passage replaced; the passage stands in every line."""

    def make(line: str) -> bytes:
        assert old in line, f"{old} is not in {line}"
        return line.replace(old, new, 1).encode()

    return make


def _changed(change: Callable[[dict[str, object], dict[str, object]], None]) -> Callable[[str], bytes]:
    """Same line with the object or its event changed."""

    def make(line: str) -> bytes:
        found = json.loads(line)
        change(found, found["event"])
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()

    return make


def _set(key: str, value: object) -> Callable[[str], bytes]:
    return _changed(lambda _, event: event.update({key: value}))


def _without(key: str) -> Callable[[str], bytes]:
    return _changed(lambda _, event: event.pop(key))


def _raw(key: str, text: str) -> Callable[[str], bytes]:
    """Same line with a value of the event written as the text given."""
    marked = _set(key, "@@")
    return lambda line: marked(line).replace(b'"@@"', text.encode(), 1)


def _reversed(line: str) -> bytes:
    found = json.loads(line)
    event = dict(reversed(found.pop("event").items()))
    return json.dumps({**dict(reversed(found.items())), "event": event}, separators=(",", ":")).encode()


def _escaped(line: str) -> bytes:
    return line.replace('"wiki"', '"w\\u0069ki"', 1).replace('"impression"', '"im\\u0070ression"', 1).encode()


SYNTAX: dict[str, Odd] = {
    "syn_truncated": Odd("aside", lambda line: line[: len(line) * 2 // 3].encode()),
    "syn_garbage": Odd("aside", lambda _: b"\x01\x02 no event at all"),
    "syn_text": Odd("aside", lambda _: b"Traceback (most recent call last):"),
    "syn_trailing_text": Odd("aside", lambda line: line.encode() + b" -- end"),
    "syn_two_objects": Odd("aside", lambda line: f"{line}{line}".encode()),
    "syn_two_objects_comma": Odd("aside", lambda line: f"{line},{line}".encode()),
    "syn_trailing_comma": Odd("aside", lambda line: line[:-1].encode() + b",}"),
    "syn_single_quotes": Odd("aside", lambda line: line.replace('"', "'").encode()),
    "syn_unquoted_key": Odd("aside", _swapped('"wiki"', "wiki")),
    "syn_raw_control": Odd("aside", lambda line: line.replace('"event"', '"ev\x02ent"', 1).encode()),
    "syn_bad_utf8": Odd("aside", lambda line: line.encode().replace(b'wiki"', b'\xffiki"', 1)),
    "syn_list": Odd("aside", lambda line: f"[{line}]".encode()),
    "syn_null": Odd("aside", lambda _: b"null"),
    "syn_number": Odd("aside", lambda _: b"42"),
    "syn_blank": Odd("blank", lambda _: b""),
    "syn_spaces": Odd("blank", lambda _: b"   "),
    "syn_broken_in_two": Odd("aside", lambda line: f"{line[:80]}\n{line[80:]}".encode()),
    "sch_event_null": Odd("aside", _changed(lambda whole, _: whole.update(event=None))),
    "sch_event_list": Odd("aside", _changed(lambda whole, _: whole.update(event=[]))),
    "sch_no_event": Odd("aside", _changed(lambda whole, _: whole.pop("event") and None)),
    "sch_dt_number": Odd("aside", _changed(lambda whole, _: whole.update(dt=1561939200))),
    "dup_outside": Odd("aside", lambda line: line[:-1].encode() + b',"wiki":"dewiki"}'),
    "ok_crlf": Odd("kept", lambda line: line.encode() + b"\r"),
    "ok_leading_blanks": Odd("kept", lambda line: b"  " + line.encode() + b" \t"),
    "ok_spaces_inside": Odd("kept", lambda line: json.dumps(json.loads(line)).encode()),
    "ok_order": Odd("kept", _reversed),
    "ok_escaped_key": Odd("kept", _escaped),
}


def odd_kinds(text: str, number: str, flag: str, optional: str) -> dict[str, Odd]:
    """All kinds of odd lines, with faults planted in the named fields of the event."""
    typed = {
        "typ_float_for_int": Odd("aside", _raw(number, "1.5")),
        "typ_whole_float_for_int": Odd("aside", _raw(number, "5.0")),
        "typ_text_for_int": Odd("aside", _set(number, "1")),
        "typ_true_for_int": Odd("aside", _set(number, value=True)),
        "typ_null_for_int": Odd("aside", _set(number, None)),
        "typ_huge_int": Odd("aside", _raw(number, "100000000000000000000000")),
        "typ_nan": Odd("aside", _raw(number, "NaN")),
        "typ_number_for_text": Odd("aside", _raw(text, "2.10")),
        "typ_true_for_text": Odd("aside", _set(text, value=True)),
        "typ_object_for_text": Odd("aside", _set(text, {"a": 1})),
        "typ_one_for_bool": Odd("aside", _set(flag, 1)),
        "typ_text_for_bool": Odd("aside", _set(flag, "true")),
        "sch_missing": Odd("aside", _without(flag)),
        "dup_inside": Odd(
            "aside", lambda line: line.replace('{"event":{', '{"event":{' + f'"{text}":"x",', 1).encode()
        ),
        "dup_same_value": Odd("aside", lambda line: line.replace(f'"{flag}":', f'"{flag}":true,"{flag}":', 1).encode()),
        "dup_escaped": Odd(
            "aside",
            lambda line: line.replace(
                '{"event":{', '{"event":{' + f'"\\u00{ord(text[0]):x}{text[1:]}":"x",', 1
            ).encode(),
        ),
        "str_lone_surrogate": Odd("aside", _raw(text, '"a\\ud800b"')),
        "ok_nul": Odd("kept", _raw(optional, '"a\\u0000b"')),
        "ok_key_in_value": Odd("kept", _set(optional, 'x","wiki":"y","' + text + '":"z')),
        "ok_unicode": Odd("kept", _set(optional, "naïve\u2028café 日本 \U0001f600")),
        "ok_escapes": Odd("kept", _raw(optional, '"\\u00e9\\ud83d\\ude00\\/\\t\\\\ \\""')),
        "ok_long": Odd("kept", _set(optional, "x" * 100_000)),
    }
    return SYNTAX | typed


KINDS = {
    "homepage": odd_kinds("module", "user_editcount", "is_mobile", "action_data"),
    "impression": odd_kinds("statusCode", "bucket", "anonymous", "banner"),
}
EITHER = {  # kinds whose verdict depends on what these lines do not say, or that are no fault in them
    ("narrow", "homepage"): {"typ_whole_float_for_int"},  # a whole number in later editions; the lines name none
    ("wide", "impression"): {"typ_float_for_int", "typ_whole_float_for_int", "typ_huge_int"},  # bucket is any number
}


def _token(rng: random.Random) -> str:
    return base64.b32hexencode(rng.randbytes(20)).decode().lower()


def _agents(rng: random.Random) -> list[str]:
    names = ("browser_family", "browser_major", "browser_minor", "device_family", "os_family", "os_major")
    agents = [dict(zip(names, agent, strict=True)) for agent in AGENTS]
    rest = {"is_mediawiki": False, "os_minor": None, "wmf_app_version": "-"}
    return [
        json.dumps({**agent, "is_bot": rng.random() < 0.01, **rest}, separators=(",", ":"))
        for agent in agents
        for _ in range(40)
    ]


def _homepage_events(rng: random.Random, *, wide: bool) -> list[str]:
    """First part of some thousand events; the user and the page come after it."""
    events = []
    for _ in range(4000):
        module = rng.choice(list(MODULES))
        state, action = MODULES[module], rng.choice(("impression", "impression", "hover-in", "hover-out", "link-click"))
        first = f'"action":"{action}",'
        if wide:
            topics = ",".join(rng.choices(TASKS, k=rng.randint(18, 30)))
            first += (
                f'"action_data":"taskTypes={topics};taskCount={rng.randint(0, 900)};editCount={rng.randint(0, 9999)}",'
            )
        first += f'"module":"{module}",'
        if state and (wide or rng.random() < 0.1):
            first += f'"state":"{state}",'
        events.append(first)
    return events


def _homepage_views(rng: random.Random, *, wide: bool) -> Iterator[tuple[str, str, str]]:
    """User and page of one page view after another, with wiki and user agent."""
    agents = _agents(rng)
    while True:
        mobile = rng.random() < 0.4
        mode = f'"mode":"{"mobile-summary" if mobile else "desktop"}",' if wide else ""
        page = (
            f'"user_id":{rng.randrange(1, 10**7)},"user_editcount":{rng.choice((0, 0, 0, 1, 2, 5, 17, 230))},'
            f'"is_mobile":{"true" if mobile else "false"},{mode}"homepage_pageview_token":"{_token(rng)}"}}'
        )
        yield page, rng.choice(WIKIS), rng.choice(agents)


def _impression_events(rng: random.Random) -> list[str]:
    """Some thousand whole events."""
    events = []
    for _ in range(4000):
        attempts = [
            {
                "statusCode": rng.choice(("2.1", "2.10", "6", "5.4", "3.17")),
                "campaign": f"demo_{rng.randrange(40)}",
                "bannersCount": rng.randint(1, 4),
            }
            for _ in range(rng.randint(1, 4))
        ]
        last = attempts[-1]
        country = rng.choice(("NL", "DE", "FR", "JP", "BR"))
        first = (
            f'"anonymous":{rng.choice(("true", "false"))},"project":"wikipedia","db":"{rng.choice(WIKIS)}","uselang":"en",'
            f'"device":"{rng.choice(("desktop", "android", "iphone"))}","country":"{country}","region":"{country}",'
            f'"debug":false,"randomcampaign":{rng.random():.13f},"randombanner":{rng.random():.13f},'
            f'"recordImpressionSampleRate":0.01,"impressionEventSampleRate":{rng.choice(("1", "0.01"))},'
            f'"status":"banner_shown","statusCode":"{last["statusCode"]}","campaign":"{last["campaign"]}",'
            f'"campaignStatuses":{json.dumps(json.dumps(attempts, separators=(",", ":")))},'
            f'"campaignCategory":"fundraising","campaignCategoryUsesLegacy":false,"bucket":{rng.randrange(4)},'
            f'"banner":"{last["campaign"]}_banner","bannerCategory":"fundraising","result":"show"}}'
        )
        events.append(first)
    return events


def lines(kind: str, seed: int = 0, *, shape: str = "homepage") -> Iterator[list[str]]:
    """Good lines without end, some thousand at a time.

    `kind` is `wide` (a capsule of about 1 kB) or `narrow` (an event with few fields, of about 155 bytes); `shape` is
    `homepage` (HomepageModule) or `impression` (CentralNoticeImpression, wide alone).
    """
    rng = random.Random(seed)
    wide = kind == "wide"
    events = _homepage_events(rng, wide=wide) if shape == "homepage" else _impression_events(rng)
    views = _homepage_views(rng, wide=wide)
    schema, revision = ("HomepageModule", 19160826) if shape == "homepage" else ("CentralNoticeImpression", 19511351)
    times = [(START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ") for second in range(90_000)]
    number = 0
    while True:
        made: list[str] = []
        some = rng.choices(events, k=BATCH)
        for view in range(BATCH // 8):
            page, wiki, agent = next(views)
            if shape != "homepage":
                page = ""
            for event in some[view * 8 : view * 8 + 8]:
                number += 1
                dt = times[number // 16 % 90_000]
                if wide:
                    made.append(
                        f'{{"event":{{{event}{page},"schema":"{schema}","revision":{revision},'
                        f'"uuid":"{rng.getrandbits(128):032x}","dt":"{dt}","timestamp":{1561939200 + number // 16},'
                        f'"webHost":"{wiki[:2]}.wikipedia.org","wiki":"{wiki}","recvFrom":"cp30{number % 40 + 10}.esams.wmnet",'
                        f'"seqId":{number},"topic":"eventlogging-valid-mixed","userAgent":{agent}}}'
                    )
                else:
                    made.append(f'{{"event":{{{event}{page},"dt":"{dt}","wiki":"{wiki}"}}')
        yield made


def size_of(text: str) -> dict[str, int]:
    """Size as `write` takes it: `20MB` is bytes, `10000000` is lines.

    >>> size_of("1.5GB"), size_of("10000000")
    ({'n_bytes': 1500000000}, {'n_lines': 10000000})
    """
    unit = next((unit for unit in UNITS if text.endswith(unit)), None)
    return {"n_bytes": int(float(text.removesuffix(unit)) * UNITS[unit])} if unit else {"n_lines": int(text)}


def write(
    path: Path,
    kind: str,
    *,
    n_bytes: int | None = None,
    n_lines: int | None = None,
    faults: float = 0.0,
    seed: int = 0,
    shape: str = "homepage",
) -> int:
    """Write lines until a size is reached, and the truth of the odd ones beside; how many lines there are."""
    rng = random.Random(seed + 1)
    made = written = 0
    with path.open("wb") as file, Path(f"{path}.truth.csv").open("w", newline="") as beside:
        truth = csv.writer(beside)
        truth.writerow(("line", "kind", "verdict"))
        for good in lines(kind, seed, shape=shape):
            block = good if n_lines is None else good[: n_lines - made]
            odd = (
                {at: _odd(rng, block[at], kind, shape) for at in range(len(block)) if rng.random() < faults}
                if faults
                else {}
            )
            if odd:
                text = b"\n".join(odd[at][1] if at in odd else line.encode() for at, line in enumerate(block)) + b"\n"
            else:
                text = ("\n".join(block) + "\n").encode()
            more = 0  # lines that came of breaking one in two
            for at, (name, raw) in odd.items():
                first, more = made + at + 1 + more, more + raw.count(b"\n")
                truth.writerows(
                    (number, name, KINDS[shape][name].verdict) for number in range(first, made + at + 2 + more)
                )
            file.write(text)
            made, written = made + len(block) + more, written + len(text)
            if (n_bytes is not None and written >= n_bytes) or (n_lines is not None and made >= n_lines):
                break
    return made


def _odd(rng: random.Random, line: str, kind: str, shape: str) -> tuple[str, bytes]:
    """Kind of one odd line, and the line."""
    name = rng.choice([name for name in KINDS[shape] if name not in EITHER.get((kind, shape), set())])
    if name == "ok_long" and rng.random() < LONG_LEFT_OUT:
        name = "ok_unicode"
    return name, KINDS[shape][name].make(line)


def beacons(seed: int = 0) -> Iterator[str]:
    """Query strings of `/beacon/impression` without end, as browsers send them, of about 400 to 800 bytes."""
    rng = random.Random(seed)
    plus = {"safe": "", "quote_via": quote_plus}
    while True:
        campaign = rng.choice(("demo_nl_2021", "Demo Spring Drive", "demo & more", "demo_öst"))
        code = rng.choice(("6", "2.10", "2.1", "3.17", "5.4", "2.21"))
        attempts = [{"statusCode": code, "campaign": campaign, "bannersCount": rng.randint(1, 4)}] * rng.randint(1, 4)
        pairs = {
            "country": rng.choice(("NL", "DE", "FR", "XX")),
            "region": rng.choice(("NH", "BE", "XX")),
            "anonymous": rng.choice(("true", "false")),
            "project": "wikipedia",
            "db": rng.choice(WIKIS),
            "uselang": "en",
            "device": rng.choice(("desktop", "android", "iphone")),
            "debug": "false",
            "randomcampaign": f"{rng.random():.13f}",
            "randombanner": f"{rng.random():.13f}",
            "recordImpressionSampleRate": rng.choice(("1", "0.01")),
            "impressionEventSampleRate": "0",
            "campaignStatuses": json.dumps(attempts, separators=(",", ":")),
            "status": "banner_shown",
            "statusCode": code,
            "campaign": campaign,
            "campaignCategory": "fundraising",
            "campaignCategoryUsesLegacy": "true",
            "bucket": str(rng.randrange(4)),
            **({"banner": f"{campaign}_cnt", "bannerCategory": "fundraising"} if code == "6" else {"reason": "close"}),
            "result": "show",
        }
        yield "?" + urlencode(pairs, **plus)  # type: ignore[arg-type]


def hostile(n_lines: int = 20_000, seed: int = 0) -> Iterator[str]:
    """Query strings that no browser should send: made of pieces, of which each has tripped some reader."""
    rng = random.Random(seed)
    names = ("country", "campaign", "statusCode", "banner", "status", "bucket", "reason", "db", "campaignStatuses")
    keys = (
        *names * 4,
        *("c%61mpaign", "%63ountry", "status%43ode", "count+ry", "campaign%20", "+campaign", "campaign%00", "%", "%zz"),
        *(
            "mycampaign",
            "campaignX",
            "statusCodes",
            "xstatusCode",
            "campaign.banner",
            "campaign[]",
            "Campaign",
            "",
            "?country",
        ),
        *(
            "c\u00e4mpaign",
            "%FFbanner",
            "db;",
            ";db",
            "banner%26",
            "banner%3Dx",
            "country%23",
            "$",
            ".*",
            "(",
            "campai\u200bgn",
        ),
    )
    values = (
        *(
            "",
            "A",
            "DE",
            "2.10",
            "6",
            "Demo+Spring+Drive",
            "a%20b",
            "100%",
            "%",
            "%2",
            "%zz",
            "%%41",
            "%E9",
            "%C3%A9",
            "%ff%fe",
            "%00",
        ),
        *(
            "a=b",
            "a==",
            "=",
            "a;b=c",
            ";",
            "%26campaign%3DX",
            "%23",
            "%3B",
            "+",
            "++",
            "%2B",
            "%252B",
            "caf\u00e9",
            "\u65e5\u672c",
            "\U0001f600",
        ),
        *(
            "%ed%a0%80",
            "%f0%9f%98%80",
            "%F0%9F",
            "a b",
            "'",
            '"',
            "\\",
            "null",
            "NULL",
            "[%22x%22]",
            "?country=FR",
            "\u2028",
            "x" * 300,
        ),
    )
    joints = ("=",) * 12 + ("", "==", "%3D", " =", "= ")
    between = ("&",) * 16 + ("&&", ";", "#", "&amp;", "?", "& ", "")
    starts = ("?",) * 6 + ("", "??", "&", "?&", "#", "?#")
    for _ in range(n_lines):
        pairs = [rng.choice(keys) + rng.choice(joints) + rng.choice(values) for _ in range(rng.randint(0, 7))]
        yield rng.choice(starts) + "".join(pair + rng.choice(between) for pair in pairs)


def main() -> None:
    """Write one file of lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("wide", "narrow", "beacons", "hostile"))
    parser.add_argument("size", help="bytes, such as 1GB, or a number of lines")
    parser.add_argument("path", type=Path)
    parser.add_argument("--faults", type=float, default=0.0, help="share of odd lines, of event lines alone")
    parser.add_argument("--shape", choices=tuple(KINDS), default="homepage")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    size = size_of(asked.size)
    if asked.kind in {"wide", "narrow"}:
        n_lines = write(asked.path, asked.kind, **size, faults=asked.faults, seed=asked.seed, shape=asked.shape)
    else:
        n_lines = size.get("n_lines") or size["n_bytes"] // 600
        made = hostile(n_lines, asked.seed) if asked.kind == "hostile" else islice(beacons(asked.seed), n_lines)
        asked.path.write_text("".join(f"{query}\n" for query in made), newline="\n")
    print(f"{n_lines:,} lines, {asked.path.stat().st_size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
