# /// script
# requires-python = ">=3.11"
# dependencies = ["polars>=2.1,<3"]
# ///
"""Cuts the committed samples out of a folder of full samples: python data/cut.py SAMPLES_FOLDER.

The same folder always gives the same bytes with the same versions of Python and polars.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path

import polars as pl

SAMPLE = Path(__file__).parent / "sample"
WIKI = "cswiki"  # both wikis of 2019 together would not fit under the limit
LIMIT = 1_000_000  # bytes a file

WHOLE = {
    "beacons.tsv.gz": "centralnotice/beacons.tsv.gz",
    "impressions_capsule.ndjson.gz": "centralnotice/impressions.ndjson.gz",
    "impressions_event_platform.ndjson.gz": "centralnotice/impressions_eventplatform.ndjson.gz",
    "banner_history.ndjson.gz": "centralnotice/bannerhistory.ndjson.gz",
    "druid_banner_activity.csv.gz": "centralnotice/druid_banner_activity_minutely.csv.gz",
    "homepage_modules_2022.ndjson.gz": "homepage/2022/homepagemodule.ndjson.gz",
    "homepage_visits_2022.ndjson.gz": "homepage/2022/homepagevisit.ndjson.gz",
    "homepage_truth_2022.csv.gz": "homepage/2022/truth.csv.gz",
    "homepage_truth_visits_2022.csv.gz": "homepage/2022/truth_visits.csv.gz",
    "homepage_duplicates_2022.csv": "homepage/2022/truth_duplicates.csv",
}
ONE_WIKI_EVENTS = {
    "homepage_modules_2019.ndjson.gz": "homepage/2019-05/homepagemodule.ndjson.gz",
    "homepage_visits_2019.ndjson.gz": "homepage/2019-05/homepagevisit.ndjson.gz",
}
ONE_WIKI_ROWS = {
    "homepage_truth_2019.csv.gz": "homepage/2019-05/truth.csv.gz",
    "homepage_truth_visits_2019.csv.gz": "homepage/2019-05/truth_visits.csv.gz",
    "test_accounts_2019.csv": "homepage/2019-05/known_test_accounts.csv",
}
PAGEVIEWS = [
    "dt", "kind", "agent_type", "user_kind", "country", "device", "anonymous", "debug", "left_early", "choice_data_stale_by_s",
    "status_code", "reason", "campaign", "banner", "campaigns_attempted",
    "impression_reached", "impression_status_code", "impression_reason", "impression_campaign", "impression_banner",
    "impression_campaign_statuses", "impression_random", "impression_sample_rate", "impression_event_rate",
    "beacon_sent", "event_logged", "event_legacy_stored", "event_ep_stored",
]  # fmt: skip


def read(path: Path) -> bytes:
    """Bytes of a file, unpacked."""
    raw = path.read_bytes()
    return gzip.decompress(raw) if path.suffix == ".gz" else raw


def write(name: str, raw: bytes) -> None:
    """Put a file into the sample, packed without a time stamp."""
    packed = gzip.compress(raw, compresslevel=9, mtime=0) if name.endswith(".gz") else raw
    if len(packed) >= LIMIT:
        msg = f"data/sample/{name} would have {len(packed)} bytes; the limit is {LIMIT}"
        raise SystemExit(msg)
    (SAMPLE / name).write_bytes(packed)


def of_wiki(lines: list[bytes]) -> list[bytes]:
    """Lines of JSON that belong to the wiki, as they stand."""
    return [line for line in lines if json.loads(line)["wiki"] == WIKI]


def rows_of_wiki(raw: bytes) -> bytes:
    """Rows of a CSV that belong to the wiki, under its header."""
    header, *rows = raw.decode().splitlines()
    at = header.split(",").index("wiki")
    kept = [row for row in rows if next(csv.reader([row]))[at] == WIKI]
    return "\n".join([header, *kept, ""]).encode()


def duplicates(full: list[bytes], raw: bytes) -> bytes:
    """Second deliveries that are in the cut, with their line numbers in it."""
    kept = [number for number, line in enumerate(full, start=1) if json.loads(line)["wiki"] == WIKI]
    new_number = {old: new for new, old in enumerate(kept, start=1)}
    rows = [row for row in csv.DictReader(io.StringIO(raw.decode())) if int(row["line"]) in new_number]
    return "\n".join(["line,uuid", *(f"{new_number[int(row['line'])]},{row['uuid']}" for row in rows), ""]).encode()


def main(samples: Path) -> None:
    """Write every file of data/sample."""
    SAMPLE.mkdir(exist_ok=True)
    for name, source in WHOLE.items():
        write(name, read(samples / source))
    for name, source in ONE_WIKI_EVENTS.items():
        write(name, b"\n".join([*of_wiki(read(samples / source).splitlines()), b""]))
    for name, source in ONE_WIKI_ROWS.items():
        write(name, rows_of_wiki(read(samples / source)))
    modules = read(samples / ONE_WIKI_EVENTS["homepage_modules_2019.ndjson.gz"]).splitlines()
    write("homepage_duplicates_2019.csv", duplicates(modules, read(samples / "homepage/2019-05/truth_duplicates.csv")))
    parquet = io.BytesIO()
    pageviews = pl.read_parquet(samples / "centralnotice/truth.parquet").select(PAGEVIEWS)
    pageviews.write_parquet(parquet, compression="zstd", compression_level=19)
    write("pageviews_truth.parquet", parquet.getvalue())


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the script and the folder
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
