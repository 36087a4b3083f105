"""A row that breaks the schema of its edition without a loss is marked alike, as an event line and as a table's row."""

import json
from pathlib import Path

import polars as pl

from toolkit import load, reference

LARGE = 2**53 + 2  # above the maximum of Event Platform's whole numbers
OLD = {"schema": "HomepageModule", "revision": 19000731, "wiki": "cswiki", "dt": "2019-05-14T08:03:12Z"}
NEW = {"$schema": "/analytics/legacy/homepagemodule/1.5.1", "schema": "HomepageModule", "wiki": "cswiki"}
NEW |= {"meta": {"dt": "2022-09-05T03:18:08.970Z", "id": "", "stream": "eventlogging_HomepageModule"}}
EVENT = {"action": "impression", "action_data": "", "user_id": 5, "user_editcount": 12, "module": "help"}
EVENT |= {"is_mobile": True, "homepage_pageview_token": "zz9"}
CASES = [
    (OLD, {}, set()),
    (OLD, {"mode": "mobile-summary"}, {"off_schema"}),  # no field of this edition
    (OLD, {"mode": "tablet"}, {"off_schema"}),
    (OLD, {"user_id": LARGE}, set()),  # an edition without bounds
    (OLD, {"state": "activated", "module": "impact"}, set()),
    (OLD, {"module": "suggested-edits"}, {"later_value"}),
    (OLD, {"module": "weather"}, {"unknown_value"}),
    (NEW, {"mode": "mobile-summary", "user_variant": "A"}, set()),
    (NEW, {"mode": "mobile-summary", "user_variant": "A", "user_id": LARGE}, {"off_schema"}),
]


def events() -> list[dict[str, object]]:
    return [
        {**around, **({"meta": {**around["meta"], "id": f"id {at}"}} if "meta" in around else {"uuid": f"id {at}"})}
        | {"event": {**EVENT, **more}}
        for at, (around, more, _) in enumerate(CASES)
    ]  # fmt: skip


def flat(event: dict[str, object], before: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in event.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


def marks(found: load.Load) -> list[set[str]]:
    bits = {name: reference.flag_bit(name) for name in ("off_schema", "later_value", "unknown_value")}
    rows = found.rows.sort("line")
    assert rows.height == len(CASES), found.set_aside
    return [{name for name, bit in bits.items() if mask >> bit & 1} for mask in rows["flags"]]


def test_an_event_line_and_a_row_of_a_table_have_the_same_marks(tmp_path: Path) -> None:
    wanted = [flags for _, _, flags in CASES]
    lines = tmp_path / "events.ndjson"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events()))
    assert marks(load.homepage_modules(lines)) == wanted
    table = pl.DataFrame([flat(event) for event in events()], infer_schema_length=None)
    parquet = tmp_path / "events.parquet"
    table.write_parquet(parquet)
    assert marks(load.homepage_modules(parquet)) == wanted
    csv = tmp_path / "events.tsv"
    table.write_csv(csv, separator="\t", null_value="NULL")
    assert marks(load.homepage_modules(csv)) == wanted
