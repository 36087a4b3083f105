"""The README keeps its word: its code runs, its picture is of today, its files are there."""

import os
import re
from pathlib import Path

import pytest
import vl_convert

import toolkit as tk

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURE = ROOT / ".github" / "status-funnel.svg"


def test_the_lines_of_code_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    scope = {}
    for block in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        exec(block, scope)
    assert scope["funnel"].height > 0


def test_the_picture_is_what_the_toolkit_draws_today(sample):
    """After a change on purpose: `GOLDEN=new pytest tests/test_readme.py`, and look at it."""
    rows = tk.load.impressions(sample / "beacons.tsv.gz").rows.filter(tk.keep.without("debug", "bot"))
    spec = tk.chart.status_funnel(rows.pipe(tk.measure.status_funnel)).properties(background="white").to_dict()
    svg = vl_convert.vegalite_to_svg(spec, vl_version="6.4")
    if os.environ.get("GOLDEN") == "new":
        PICTURE.write_text(svg, encoding="utf-8")
    # sums differ in their last digits from run to run, and so do places on the canvas
    digits = re.compile(r"\d+\.\d{3,}")
    assert digits.sub("#", svg) == digits.sub("#", PICTURE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^):]+)\)", README))))
def test_files_it_links_to_are_there(path):
    assert (ROOT / path).exists()


def test_its_commands_are_those_of_the_makefile():
    """CI runs `make test`; the plain lines beside it must be the same."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in (
        "ruff check",
        "ruff format --check",
        "mypy",
        "pytest",
        "toolkit share notebooks -o pages",
        "--ServerApp.root_dir=. notebooks/00-start-here.ipynb",  # so that data/local can be seen in JupyterLab
    ):
        assert command in README
        assert command in recipe
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
