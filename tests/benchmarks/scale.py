"""One machine and more and more rows: time and memory of a tally of a store, and of a funnel from that tally.

    python tests/benchmarks/scale.py store by-day

Each run is a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memory import peak_mb

HERE = Path(__file__).parent


def scaled(stores: dict[int, Path], rounds: int) -> Iterator[dict[str, Any]]:
    """One result for each size: rows, seconds and peak memory of the tally by day, its cells, seconds of a funnel of it."""
    for rows, store in stores.items():
        runs = []
        for _ in range(rounds):
            command = [sys.executable, str(HERE / "scale.py"), str(store)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            runs.append(json.loads(said))
        assert all(run["rows"] == rows for run in runs), (rows, runs)
        yield {
            "rows": rows,
            "store_mb": round(sum(path.stat().st_size for path in store.rglob("*.parquet")) / 1e6),
            "cells": runs[0]["cells"],
            **{
                name: round(statistics.median(run[name] for run in runs), 3)
                for name in ("tally_s", "cpu_s", "funnel_s")
            },
            "peak_mb": round(max(run["peak_mb"] for run in runs)),
        }


def main() -> None:
    """Tally a store by campaign and day, and make the funnel of its first campaign out of that."""
    import toolkit as tk  # noqa: PLC0415 - only the process that needs it pays for it

    begun, cpu = time.perf_counter(), time.process_time()
    rows = tk.load.impressions(sys.argv[1], categories=True).rows
    cells = tk.measure.tally(rows, by=["campaign", "day"]).collect(engine="streaming")
    tallied, used = time.perf_counter() - begun, time.process_time() - cpu
    peak = peak_mb()
    begun = time.perf_counter()
    tk.measure.status_funnel(cells, by="campaign")
    funnel = time.perf_counter() - begun
    found = {
        "rows": cells["n"].sum(), "cells": cells.height, "tally_s": tallied, "cpu_s": used, "funnel_s": funnel,
        "peak_mb": peak,
    }  # fmt: skip
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
