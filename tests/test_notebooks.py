"""Notebooks as readers meet them: run in order, of one anatomy, small, and with numbers in their prose that hold."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from toolkit.claims import MIME
from toolkit.share import misquotes, quotations

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path, kind="code"):
    """Cells of one kind."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return request.param


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 3


def test_every_code_cell_was_run_in_order_and_none_failed(notebook):
    """Nbval passes cells that never ran; this does not."""
    found = cells(notebook)
    assert [cell.execution_count for cell in found] == list(range(1, len(found) + 1))
    assert not [output for cell in found for output in cell.outputs if output.output_type == "error"]


def test_every_number_in_prose_is_what_its_claim_says(notebook):
    assert misquotes(notebook) == []


def test_a_number_is_quoted_in_every_notebook(notebook):
    stated = {one.name for one in quotations.claims(nbformat.read(notebook, as_version=4))}
    quoted = {name for cell in cells(notebook, "markdown") for _, name in quotations.quotations(cell.source)}
    assert quoted
    assert stated == quoted


def test_a_number_that_drifts_is_seen_in_every_quotation(notebook):
    """The stored value of each claim moves by a hundredth of itself and one; no quotation holds then."""
    node = nbformat.read(notebook, as_version=4)
    for cell in node.cells:
        for output in cell.get("outputs", []):
            for claim in output.get("data", {}).get(MIME, {}).get("claims", {}).values():
                claim["value"] = claim["value"] * 1.01 + 1
    n_quoted = sum(len(list(quotations.quotations(cell.source))) for cell in cells(notebook, "markdown"))
    assert len(quotations.node_misquotes(node, notebook.name)) == n_quoted


def test_a_notebook_has_its_parts(notebook):
    prose = [cell.source for cell in cells(notebook, "markdown")]
    assert re.match(r"# .*\?\n", prose[0])
    for part in ("**In short.**", "**Data.**", "**Minutes.**"):
        assert part in prose[0]
    for part in ("## What we conclude", "## What this can't tell", "## Try next"):
        assert part in prose[-1]


def test_a_notebook_defines_nothing_and_names_its_parameters(notebook):
    code = cells(notebook)
    assert not [cell.source for cell in code if re.search(r"^\s*(def|class) ", cell.source, flags=re.MULTILINE)]
    (parameters,) = [cell.source for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert all(re.match(r"[A-Z_]+ = ", line) for line in parameters.splitlines())


def test_a_notebook_is_small_and_belongs_to_no_machine(notebook):
    node = nbformat.read(notebook, as_version=4)
    assert notebook.stat().st_size < 450_000
    assert node.metadata.kernelspec.name == "python3"
    assert "widgets" not in node.metadata


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('tk.keep.without("debug", "bot")', 'tk.keep.without("debug")'),
        ('"2.1", "2.10"', '"2.1", "2.11"'),
        ("modules.rows.pipe(", "modules.rows.head(17_000).pipe("),
    ],
)
def test_a_changed_number_in_the_analysis_makes_nbval_fail(tmp_path, old, new):
    """The code is changed and the stored outputs are not."""
    copied = tmp_path / "notebooks"
    copied.mkdir()
    (tmp_path / "data").symlink_to(ROOT / "data")
    for name in ("conftest.py", "00-start-here.ipynb"):
        shutil.copy(ROOT / "notebooks" / name, copied)
    node = nbformat.read(copied / "00-start-here.ipynb", as_version=4)
    assert sum(old in cell.source for cell in node.cells if cell.cell_type == "code") == 1
    for cell in node.cells:
        cell.source = cell.source.replace(old, new) if cell.cell_type == "code" else cell.source
    nbformat.write(node, copied / "00-start-here.ipynb")
    words = [
        "--nbval",
        "--nbval-current-env",
        f"--nbval-sanitize-with={ROOT / 'tests/sanitize.cfg'}",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", *words, str(copied)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert found.returncode == 1, found.stdout
    assert "failed" in found.stdout.splitlines()[-1]
