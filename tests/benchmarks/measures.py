"""Questions of the toolkit's measures side by side: what they cost, and whether all contenders answer the same.

Each contender answers each question in a process of its own. Those of one question are open at the same time and take
turns, so that whatever else the machine does weighs on all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from answers import CONTENDERS, table_of

QUESTIONS = {
    "funnel": "status funnel by campaign and country, with reasons",
    "tally": "tally by campaign and day",
    "engagement": "module engagement",
    "steps": "ordered funnel: impression, hover, click",
}
ABSENT = {
    ("toolkit, counts only", "tally"), ("toolkit, counts only", "steps"),
    *(("retentioneering", question) for question in ("funnel", "tally", "engagement")),
}  # fmt: skip
HERE = Path(__file__).parent


class Contender:
    """One contender and one question, in a process that waits for its turn."""

    def __init__(self, name: str, question: str, store: Path) -> None:
        """Start it and let it open the store."""
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "answers.py"), name, question, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"},
        )
        self.opened: float = self._said()["opened"]

    def answer(self) -> dict[str, Any]:
        """Answer once."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._said()

    def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            _, error = self._process.communicate()
            msg = f"{self.name} stopped: {error.strip()[-2000:]}"
            raise RuntimeError(msg)
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()


def compared(
    stores: dict[str, Path], rounds: int, names: Sequence[str] = tuple(CONTENDERS)
) -> Iterator[dict[str, Any]]:
    """One result for each question and contender: seconds (median and least), CPU seconds, peak memory, hash.

    Parameters
    ----------
    stores : dict
        Store of each table.
    rounds : int
        Timed answers of each contender, after one that is not timed.
    names : list of str
        Contenders.
    """
    for question in QUESTIONS:
        some = [name for name in names if (name, question) not in ABSENT]
        contenders = [Contender(name, question, stores[table_of(question)]) for name in some]
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in some}
        for turn in range(rounds + 1):
            for contender in contenders:
                run = contender.answer()
                if turn:
                    runs[contender.name].append(run)
        for contender in contenders:
            contender.close()
            mine = runs[contender.name]
            yield {
                "question": question,
                "contender": contender.name,
                "opened_s": round(contender.opened, 2),
                "median_s": round(statistics.median(run["wall"] for run in mine), 3),
                "least_s": round(min(run["wall"] for run in mine), 3),
                "cpu_s": round(statistics.median(run["cpu"] for run in mine), 3),
                "peak_mb": round(max(run["peak_mb"] for run in mine)),
                "rows": mine[0]["rows"],
                "hash": mine[0]["digest"],
            }


def started(rounds: int) -> dict[str, float]:
    """Seconds that a start takes in a new process: of polars alone, of the toolkit, and with its measures. [median]"""
    found = {}
    for name, what in (
        ("polars", "import polars"),
        ("toolkit", "import toolkit"),
        ("measures", "import toolkit; toolkit.measure"),
    ):
        code = f"import time; begun = time.perf_counter(); {what}; print(time.perf_counter() - begun)"
        runs = [
            float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
            for _ in range(rounds)
        ]
        found[name] = round(statistics.median(runs), 3)
    return found
