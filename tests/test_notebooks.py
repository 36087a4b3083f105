"""Notebooks as readers meet them: run in order, of one anatomy, small, and with numbers in their prose that hold."""

import json
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"(?<![\w.,])-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?![\w])")


def cells(path, kind="code"):
    """Cells of one kind."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def numbers_shown(path):
    """All numbers that stand in the outputs of a notebook: tables, texts, and the data of charts."""
    texts = []
    for cell in cells(path):
        for output in cell.outputs:
            faces = output.get("data", {"text/plain": output.get("text", "")})
            for kind, face in faces.items():
                if kind.startswith("image/"):
                    continue
                texts.append(face if isinstance(face, str) else json.dumps(face))
    return {float(found.replace(",", "")) for text in texts for found in NUMBER.findall(unescape(text))}


def numbers_quoted(path):
    """Numbers in bold in the prose, with the digits after the point and whether they are percentages."""
    bold = [found for cell in cells(path, "markdown") for found in re.findall(r"\*\*([\d,.]+)( ?%)?\*\*", cell.source)]
    return [(text, len(text.partition(".")[2]), bool(percent)) for text, percent in bold]


def stands_in(text, shown, *, digits, percent):
    """Whether a number quoted is one that is shown, rounded as it is quoted."""
    value = float(text.replace(",", ""))
    return any(
        round(number * (100 if percent else 1), digits) == value or (percent and round(number, digits) == value)
        for number in shown
    )


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


def test_numbers_quoted_in_prose_stand_in_an_output(notebook):
    shown = numbers_shown(notebook)
    quoted = numbers_quoted(notebook)
    assert quoted
    assert not [text for text, digits, percent in quoted if not stands_in(text, shown, digits=digits, percent=percent)]


def test_a_number_that_is_nowhere_would_be_seen(notebook):
    shown = numbers_shown(notebook)
    assert not stands_in("87.6543", shown, digits=4, percent=True)
    assert not stands_in("123,457", shown, digits=0, percent=False)


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
