"""How much memory this process has held at most."""

from __future__ import annotations

import resource
from pathlib import Path


def peak_mb() -> float:
    """Peak of what was resident. [MB]

    What getrusage says begins with what the process had that started this one; Linux also tells the peak since then.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
