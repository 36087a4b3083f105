"""Readers of HomepageModule lines that `ingest.py` compares, each to be run in a process of its own.

python tests/benchmarks/readers.py duckdb lines.ndjson folder
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

EVENT = {
    "action": "VARCHAR",
    "action_data": "VARCHAR",
    "user_id": "BIGINT",
    "user_editcount": "BIGINT",
    "module": "VARCHAR",
    "state": "VARCHAR",
    "is_mobile": "BOOLEAN",
    "mode": "VARCHAR",
    "user_variant": "VARCHAR",
    "homepage_pageview_token": "VARCHAR",
}
AROUND = {"dt": "VARCHAR", "wiki": "VARCHAR", "revision": "BIGINT", "recvFrom": "VARCHAR", "seqId": "BIGINT"}


def duckdb(source: str, target: str) -> None:
    """`read_json(ignore_errors)` to one Parquet file."""
    import duckdb as engine  # noqa: PLC0415 - only the process that needs it pays for it

    event = ", ".join(f"{name} {kind}" for name, kind in EVENT.items())
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in AROUND.items())
    engine.sql(
        "COPY (SELECT event.*, * EXCLUDE (event, userAgent, dt), try_cast(dt AS TIMESTAMP) AS dt, userAgent.is_bot AS bot"
        f" FROM read_json('{source}', format = 'newline_delimited', ignore_errors = true,"
        f" columns = {{event: 'STRUCT({event})', {columns}, userAgent: 'STRUCT(is_bot BOOLEAN)'}}))"
        f" TO '{target}/all.parquet' (FORMAT parquet, COMPRESSION zstd)"
    )


def polars(source: str, target: str) -> None:
    """`scan_ndjson(ignore_errors)` to one Parquet file."""
    import polars as pl  # noqa: PLC0415 - same

    kinds = {"VARCHAR": pl.String, "BIGINT": pl.Int64, "BOOLEAN": pl.Boolean}
    event, around = ({name: kinds[kind] for name, kind in part.items()} for part in (EVENT, AROUND))
    schema = pl.Schema({"event": pl.Struct(event), **around, "userAgent": pl.Struct({"is_bot": pl.Boolean})})
    pl.scan_ndjson(source, schema=schema, ignore_errors=True).unnest("event").with_columns(
        pl.col("dt").str.to_datetime("%+", time_unit="ms", time_zone="UTC", strict=False),
        pl.col("userAgent").struct.field("is_bot").alias("bot"),
    ).drop("userAgent").sink_parquet(f"{target}/all.parquet", compression="zstd")


def toolkit(source: str, target: str) -> None:
    """Read by the toolkit, validation and accounting on."""
    import toolkit as tk  # noqa: PLC0415 - same

    load: Any = tk.load.homepage_modules
    account = load(source, into=f"{target}/store").account
    Path(target, "aside").write_text(str(account["set_aside"].sum()))


READERS = {"duckdb": duckdb, "polars": polars, "toolkit": toolkit}

if __name__ == "__main__":
    READERS[sys.argv[1]](*sys.argv[2:])
