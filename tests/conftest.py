"""What all tests share: where the samples stand, and how long Hypothesis may think."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

collect_ignore = ["conftest.py"]  # doctest would take the conftest.py of another folder for it
ROOT = Path(__file__).parents[1]
settings.register_profile(
    "toolkit", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("toolkit")


@pytest.fixture(scope="session")
def sample():
    """Folder of the committed samples."""
    return ROOT / "data" / "sample"


@pytest.fixture
def write(tmp_path):
    """Write lines to a file, gzip if its name says so; gives the path."""

    def write(name, lines, *, end="\n"):
        path = tmp_path / name
        raw = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines) + end.encode()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return write
