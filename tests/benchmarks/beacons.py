"""Query strings of `/beacon/impression` to columns: urllib against this toolkit, in time and in every value.

python tests/benchmarks/beacons.py --lines 200000
"""

# ruff: noqa: T201 - a script, which speaks
from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import islice
from urllib.parse import parse_qsl, urlsplit

import polars as pl
from make_lines import beacons, hostile

from toolkit.load.beacon import PARAMETERS, parameters


def by_urllib(queries: list[str]) -> pl.DataFrame:
    """Parameters as Python reads them; the first value of a repeated one."""
    rows = [dict(reversed(parse_qsl(_query(query), keep_blank_values=True))) for query in queries]
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in PARAMETERS}, schema=dict.fromkeys(PARAMETERS, pl.String)
    )


def _query(text: str) -> str:
    return urlsplit("/beacon/impression?" + text.removeprefix("?")).query


def by_toolkit(queries: list[str]) -> pl.DataFrame:
    """The same by expressions."""
    return parameters(pl.DataFrame({"query": queries}), "query").select(PARAMETERS)


def differences(queries: list[str]) -> pl.DataFrame:
    """Values that the two read differently: none."""
    ours, theirs = by_toolkit(queries), by_urllib(queries)
    return pl.concat(
        [
            pl.DataFrame({"query": queries, "parameter": name, "toolkit": ours[name], "urllib": theirs[name]}).filter(
                pl.col("toolkit").ne_missing(pl.col("urllib"))
            )
            for name in PARAMETERS
        ]
    )


def _cpu(read: Callable[[list[str]], pl.DataFrame], queries: list[str], rounds: int) -> tuple[float, float]:
    """Least wall and CPU time of several rounds. [us per row]"""
    times = []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        read(queries)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(wall for wall, _ in times) / len(queries) * 1e6, min(cpu for _, cpu in times) / len(queries) * 1e6


def main() -> None:
    """Print the times per row, and every difference on the hostile corpus."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--hostile", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    queries = list(islice(beacons(), asked.lines))
    (wall, cpu), (our_wall, our_cpu) = (_cpu(read, queries, asked.rounds) for read in (by_urllib, by_toolkit))
    print(f"urllib  {wall:6.2f} us/row, {cpu:6.2f} CPU")
    print(
        f"toolkit {our_wall:6.2f} us/row, {our_cpu:6.2f} CPU: {wall / our_wall:.1f} times as fast, {cpu / our_cpu:.1f} by CPU"
    )
    for name, some in (("of browsers", queries), ("hostile", list(hostile(asked.hostile)))):
        found = differences(some)
        print(f"{len(some):,} lines {name}: {found['query'].n_unique()} read differently")
        with pl.Config(fmt_str_lengths=100, tbl_rows=20, tbl_hide_dataframe_shape=True):
            if found.height:
                print(found)


if __name__ == "__main__":
    main()
