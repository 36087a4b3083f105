"""Event lines to Parquet side by side: what a user would pick instead, and this toolkit.

python tests/benchmarks/ingest.py --wide 1GB --narrow 10000000 --faults 0 0.01 --rounds 3

Every run is a fresh process; the readers take turns. All write the columns of the table `homepage_modules`. Beside
time and memory stands what became of the lines: how many rows came out, how many lines were set aside with a reason,
and, held against an independent reading of every line (`--check`), how many rows were lost and how many were made up
or altered.
"""

# ruff: noqa: T201 - a script, which speaks
from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from make_lines import size_of, write
from readers import READERS

COMPARED = ("wiki", "module", "action", "action_data", "state", "is_mobile", "user_editcount")  # no reader renames them
ROW = {"module", "action", "is_mobile"}  # columns that every reader writes
EVERY = 0.02  # seconds between two looks at the memory


class Run(NamedTuple):
    """One run of one reader."""

    wall: float
    cpu: float
    peak_mb: float
    kept: int
    aside: int | None  # none where the reader does not say


def measured(command: list[str], target: Path) -> Run | str:
    """Run a command, its children counted with it; why it stopped, if it did."""
    begun, peak, ended = time.perf_counter(), 0, threading.Event()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:

        def watch() -> None:
            nonlocal peak
            while not ended.wait(EVERY):
                peak = max(peak, sum(map(_resident, _family(process.pid))))

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - begun
        ended.set()
        watcher.join()
    if process.returncode:
        return (said.strip().splitlines() or [f"ended with {process.returncode}"])[-1]
    aside = target / "aside"
    return Run(
        wall,
        used.ru_utime + used.ru_stime,  # of the process and of all its children it waited for
        max(peak / 2**20, used.ru_maxrss / 2**10),
        pl.scan_parquet(_parts(target)).select(pl.len()).collect().item(),
        int(aside.read_text()) if aside.exists() else None,
    )


def _parts(target: Path) -> list[Path]:
    """Parquet files with rows; those of a store that hold its account or the rows set aside are not meant."""
    return sorted(path for path in target.rglob("*.parquet") if set(pl.read_parquet_schema(path)) >= ROW)


def _family(pid: int) -> list[int]:
    """A process and those it started, and those they started."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:  # it has just ended
        return []
    return [pid, *(one for child in children for one in _family(child))]


def _resident(pid: int) -> int:
    """Memory in use. [bytes]"""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _rows_due(source: Path) -> Iterator[tuple[Any, ...]]:
    """Rows that an honest reader gives, by Python's own JSON reader and the truth beside the file."""
    truth = pl.read_csv(f"{source}.truth.csv", schema={"line": pl.Int64, "kind": pl.String, "verdict": pl.String})
    odd = set(truth.filter(pl.col("verdict") != "kept")["line"])
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if number not in odd:
                found = json.loads(line)
                flat = {**found["event"], "wiki": found["wiki"]}
                yield tuple(_text(flat.get(name)) for name in COMPARED)


def _text(value: object) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def compared(due: Counter[tuple[Any, ...]], target: Path) -> tuple[int, int]:
    """How many rows due are missing, and how many of those that are there are not due."""
    parts = [pl.scan_parquet(part) for part in _parts(target)]
    there = pl.concat(parts, how="diagonal_relaxed")
    absent = [pl.lit(None, pl.String).alias(name) for name in COMPARED if name not in there.collect_schema()]
    rows = there.with_columns(absent).select(pl.col(COMPARED).cast(pl.String)).group_by(COMPARED).len()
    found: Counter[tuple[Any, ...]] = Counter({row[:-1]: row[-1] for row in rows.collect().iter_rows()})
    return (due - found).total(), (found - due).total()


def table(source: Path, readers: list[str], rounds: int, *, check: bool) -> pl.DataFrame:
    """Medians of every reader over one file, with ratios to the first."""
    due = Counter(_rows_due(source)) if check else Counter()
    runs: dict[str, list[Run]] = {reader: [] for reader in readers}
    stopped: dict[str, str] = {}
    wrong: dict[str, tuple[int, int]] = {}
    for _ in range(rounds):
        for reader in readers:
            target = Path(tempfile.mkdtemp(dir=source.parent))
            found = measured(_command(reader, source, target), target)
            if isinstance(found, str):
                stopped[reader] = found
            else:
                runs[reader].append(found)
                if check:
                    wrong[reader] = compared(due, target)
            shutil.rmtree(target)
    frame = pl.DataFrame(
        [
            {
                "reader": reader if reader in READERS else Path(shlex.split(reader)[1]).name,
                "wall_s": statistics.median(run.wall for run in some) if some else None,
                "cpu_s": statistics.median(run.cpu for run in some) if some else None,
                "peak_mb": statistics.median(run.peak_mb for run in some) if some else None,
                "kept": some[-1].kept if some else None,
                "set_aside": some[-1].aside if some else None,
                "lost": wrong.get(reader, (None, None))[0],
                "made_up": wrong.get(reader, (None, None))[1],
                "stopped": stopped.get(reader),
            }
            for reader, some in runs.items()
        ],
        infer_schema_length=None,
    )
    ratios = [(pl.col(name) / pl.col(name).first()).alias(f"{name[:-2]}_ratio") for name in ("wall_s", "cpu_s")]
    return frame.with_columns(ratios).select(pl.exclude("stopped"), "stopped")


def _command(reader: str, source: Path, target: Path) -> list[str]:
    if reader in READERS:
        return [sys.executable, str(Path(__file__).with_name("readers.py")), reader, str(source), str(target)]
    return [part.format(source=source, target=target) for part in shlex.split(reader)]


def main() -> None:
    """Make the files, run the readers over them, print one table for each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wide", default="20MB", help="bytes of wide lines, such as 1GB; 0 for none")
    parser.add_argument("--narrow", default="20MB", help="bytes of narrow lines, or their number, such as 10000000")
    parser.add_argument("--faults", type=float, nargs="+", default=[0.0, 0.01], help="shares of odd lines")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--readers", nargs="+", default=list(READERS), help="names, or commands with {source} and {target}"
    )
    parser.add_argument("--check", action="store_true", help="hold every row against an independent reading; slow")
    parser.add_argument("--folder", type=Path, help="where files are made; a new one that is removed if not given")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    try:
        for kind, size in (("wide", asked.wide), ("narrow", asked.narrow)):
            for faults in asked.faults if size != "0" else ():
                source = folder / f"{kind}-{size}-{faults:g}.ndjson"
                n_lines = write(source, kind, **size_of(size), faults=faults)
                print(f"\n{kind} lines: {n_lines:,}, {source.stat().st_size / 1e6:,.0f} MB, {faults:.0%} odd")
                with pl.Config(
                    tbl_hide_dataframe_shape=True,
                    tbl_hide_column_data_types=True,
                    tbl_cols=-1,
                    tbl_width_chars=160,
                    float_precision=2,
                ):
                    print(table(source, asked.readers, asked.rounds, check=asked.check))
                source.unlink()
    finally:
        if asked.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
