"""How far a long conversion is, for eyes: a bar in a terminal or a notebook, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

from toolkit.load.store import Progress

WIDTH = 24  # signs of the bar
PATIENCE = 2.0  # seconds: what is done sooner needs no bar
FAST = 0.1  # seconds between two drawings: as fast as eyes follow
QUIET = 10.0  # seconds between two lines of a log


def shown(stream: TextIO | None = None, *, in_place: bool | None = None) -> Callable[[Progress], None]:
    """Watcher that writes to a stream, stderr unless told otherwise.

    `in_place` draws one line anew, as terminals and notebooks can; told from the stream if not given.
    """
    out = sys.stderr if stream is None else stream
    anew = out.isatty() or "ipykernel" in sys.modules if in_place is None else in_place
    begun = last = time.monotonic()

    def watch(now: Progress) -> None:
        nonlocal last
        at, ended = time.monotonic(), now.done >= now.total
        due = at - begun >= PATIENCE and (ended or at - last >= (FAST if anew else QUIET))
        if due:
            last = at
            n_full = WIDTH * now.done // max(now.total, 1)
            line = f"[{'#' * n_full:<{WIDTH}}] {said(now)}"
            out.write(f"\r{line}  " + ("\n" if ended else "") if anew else f"{said(now)}\n")
            out.flush()

    return watch


def said(now: Progress) -> str:
    """Progress in words.

    Examples
    --------
    >>> said(Progress(done=50_000_000, total=200_000_000, rows=60_000, set_aside=3, seconds=1.0, rate=50.0))
    ' 25% of 200 MB, 50 MB/s, 60,000 rows, 3 set aside'
    """
    share = f"{now.done / max(now.total, 1):4.0%}"
    return f"{share} of {now.total / 1e6:,.0f} MB, {now.rate:,.0f} MB/s, {now.rows:,} rows, {now.set_aside:,} set aside"
