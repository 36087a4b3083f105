"""Seeded exports of any number of rows as Parquet, part by part, each part a day of its own.

    python tests/benchmarks/make_rows.py impressions 10000000 folder
    python tests/benchmarks/make_rows.py homepage_modules 10000000 folder

A part has a million rows at most and depends on the seed and its number only, so memory is that of one part. What is
drawn has the shape of the real thing and not its numbers: few campaigns and countries take most rows, a fifth of the
page views attempt a second campaign, sampling rates differ between campaigns; visits have seven modules, hover on
desktop, and clicks.
"""

# ruff: noqa: T201 - a script, which speaks
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl

PART = 1_000_000  # rows
DAY = 86_400_000  # ms
FIRST = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp() * 1000)
CAMPAIGNS = [
    f"C26_{place}_{what}_{number}"
    for place, what, number in product(
        ("enWW", "deDE", "frFR", "jaJP", "hiIN"), ("fundraising_dsk", "fundraising_mob", "community_survey"), (1, 2, 3)
    )
]
COUNTRIES = [one + other for one, other in product("ABCDEFGHIJKLMNOPQRST", "AEIORNSUTZ")]
LANGUAGES = [one + other for one, other in product("abdefhijkl", "aeiknrst")]
DEVICES = ("desktop", "iphone", "android", "ipad", "unknown")
CODES = ("6", "2.2", "2.1", "2.3", "2.16", "3", "2.9", "5", "7", "2.17", "3.17", "2.14")
WORDS = {"2": "banner_canceled", "3": "no_banner_available", "5": "banner_loaded_but_hidden", "6": "banner_shown", "7": "banner_loader_error"}  # fmt: skip
RATES = (1.0, 0.1, 0.01)
MODULES = ("start-account", "start-email", "start-tutorial", "start-userpage", "help", "mentorship", "impact")
STATES = ("complete", "noemail", "incomplete", "incomplete", None, None, "unactivated")
WIKIS = ("cswiki", "kowiki", "arwiki", "viwiki")
BASE36 = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)


def impressions(n: int, part: int, seed: int = 2026) -> pl.DataFrame:
    """CentralNoticeImpression events of one day, as a Hive table has them."""
    draw = np.random.default_rng([seed, part])
    campaign, country = _often(draw, len(CAMPAIGNS), n), _often(draw, len(COUNTRIES), n)
    code = _often(draw, len(CODES), n)
    before, failed = _often(draw, len(CAMPAIGNS), n), draw.integers(1, len(CODES), n)
    fell_back = (draw.random(n) < 0.2) & (before != campaign)
    rows = pl.DataFrame({
        "ms": FIRST + part * DAY + np.sort(draw.integers(0, DAY, n)),
        "campaign": _words(CAMPAIGNS, campaign), "statusCode": _words(CODES, code),
        "earlier": _words(CAMPAIGNS, before), "earlier_code": _words(CODES, failed), "fell_back": fell_back,
        "country": _words(COUNTRIES, country), "uselang": _words(LANGUAGES, _often(draw, len(LANGUAGES), n)),
        "device": _words(DEVICES, _often(draw, len(DEVICES), n)), "anonymous": draw.random(n) < 0.95,
        "bucket": draw.integers(0, 2, n), "impressionEventSampleRate": np.array(RATES)[campaign % len(RATES)],
    })  # fmt: skip
    chosen = ~pl.col("statusCode").str.contains(r"^[23]")
    attempt = '{"statusCode":"' + pl.col("statusCode") + '","campaign":"' + pl.col("campaign") + '","bannersCount":2}'
    failed_before = (
        '{"statusCode":"' + pl.col("earlier_code") + '","campaign":"' + pl.col("earlier") + '","bannersCount":1}'
    )
    event = rows.with_columns(
        status=pl.col("statusCode").str.head(1).replace_strict(WORDS),
        campaignStatuses=pl.when("fell_back").then("[" + failed_before + "," + attempt + "]").otherwise("[" + attempt + "]"),
        banner=pl.when(chosen).then(pl.col("campaign") + "_banner_" + pl.col("bucket").cast(pl.String)),
        region=pl.lit("XX"), project=pl.lit("wikipedia"), db=pl.col("uselang") + "wiki", debug=pl.lit(value=False),
        randomcampaign=pl.lit(0.5), randombanner=pl.lit(0.5), recordImpressionSampleRate=pl.lit(0.01),
        campaignCategory=pl.lit("fundraising"), campaignCategoryUsesLegacy=pl.lit(value=False),
    ).drop("ms", "earlier", "earlier_code", "fell_back")  # fmt: skip
    return pl.DataFrame({
        "event": event.to_struct(), "dt": _iso(rows["ms"]), "wiki": event["db"],
        "schema": pl.repeat("CentralNoticeImpression", n, eager=True), "revision": pl.repeat(19511351, n, eager=True),
    })  # fmt: skip


def homepage_modules(n: int, part: int, seed: int = 2026) -> pl.DataFrame:
    """HomepageModule events of one day of 2019, as a Hive table has them."""
    draw = np.random.default_rng([seed, part, 1])
    visits = n // 10
    start = FIRST - 2400 * DAY + part * DAY + np.sort(draw.integers(0, DAY - 3_600_000, visits))
    user, mobile = draw.integers(1, 200_000, visits), draw.random(visits) < 0.4
    token = BASE36[draw.integers(0, 36, (visits, 32))].view("S32").ravel().astype(str)
    at_visit, module, action, ms = [], [], [], []

    def more(visit: np.ndarray, which: np.ndarray, what: str, when: np.ndarray) -> None:
        at_visit.append(visit)
        module.append(which)
        action.append(np.full(len(visit), what))
        ms.append(when)

    whole = np.repeat(np.arange(visits), len(MODULES))
    more(
        whole, np.tile(np.arange(len(MODULES)), visits), "impression", start[whole] + draw.integers(0, 900, len(whole))
    )
    hover = np.repeat(np.arange(visits), np.where(mobile, 0, draw.poisson(2.4, visits)))
    over, into = draw.integers(0, len(MODULES), len(hover)), start[hover] + draw.integers(2_000, 300_000, len(hover))
    more(hover, over, "hover-in", into)
    more(hover, over, "hover-out", into + draw.geometric(1 / 900, len(hover)))
    click = np.repeat(np.arange(visits), draw.poisson(0.3, visits))
    more(
        click,
        _often(draw, len(MODULES), len(click)),
        "link-click",
        start[click] + draw.integers(3_000, 400_000, len(click)),
    )
    events = pl.DataFrame({
        "visit": np.concatenate(at_visit), "at": np.concatenate(module), "action": np.concatenate(action),
        "ms": np.concatenate(ms) // 1000 * 1000,
    }).sort("ms", maintain_order=True).head(n)  # fmt: skip
    visit, at = events["visit"].to_numpy(), events["at"].to_numpy()
    event = pl.DataFrame({
        "action": events["action"], "action_data": pl.repeat("", events.height, eager=True),
        "user_id": user[visit] * len(WIKIS) + visit % len(WIKIS), "user_editcount": user[visit] % 90,
        "module": _words(MODULES, at), "is_mobile": mobile[visit],
        "homepage_pageview_token": pl.Series(token).gather(visit), "state": _words(STATES, at),
    })  # fmt: skip
    return pl.DataFrame({
        "event": event.to_struct(), "dt": _iso(events["ms"]), "wiki": _words(WIKIS, user[visit] % len(WIKIS)),
        "schema": pl.repeat("HomepageModule", events.height, eager=True),
        "revision": pl.repeat(19000731, events.height, eager=True),
    })  # fmt: skip


TABLES: dict[str, Callable[[int, int], pl.DataFrame]] = {
    "impressions": impressions,
    "homepage_modules": homepage_modules,
}


def write(table: str, rows: int, folder: Path) -> list[Path]:
    """Parts of a table with so many rows in all; the last one is as large as the others."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = -(-rows // PART)
    paths = [folder / f"{table}-{part:04}.parquet" for part in range(parts)]
    for part, path in enumerate(paths):
        TABLES[table](rows // parts, part).write_parquet(path, compression="lz4")
    return paths


def _often(draw: np.random.Generator, of: int, n: int) -> np.ndarray:
    """Numbers below `of`, low ones more often than high ones."""
    weight = 1 / np.arange(1, of + 1) ** 1.2
    return np.searchsorted(np.cumsum(weight / weight.sum()), draw.random(n))


def _words(words: Sequence[str | None], at: np.ndarray) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(at)


def _iso(ms: pl.Series) -> pl.Series:
    return pl.from_epoch(ms, time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")


def main() -> None:
    """Write one table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("table", choices=list(TABLES))
    parser.add_argument("rows", type=int)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    paths = write(options.table, options.rows, options.folder)
    print(f"{len(paths)} parts, {sum(path.stat().st_size for path in paths) / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
