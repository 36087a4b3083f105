"""Reads notebooks, gives them parameters, and runs them the same way every time."""

from __future__ import annotations

import ast
import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode
from nbformat.reader import NotJSONError
from nbformat.v4 import new_code_cell

from toolkit.errors import ToolkitError

KERNEL = "python3"

ENVIRONMENT = {
    "TZ": "UTC",  # Vega places times that have a zone by the clock of the machine
    "POLARS_MAX_THREADS": "1",  # with more, sums of groups differ in their last digit from run to run
}

GIVEN = "injected-parameters"
"""The tag papermill gives to the cell it adds; other tools know it."""

WIDGET = "application/vnd.jupyter.widget-view+json"


def refresh(notebook: Path) -> bool:
    """Run a notebook and store its outputs in it; whether that changed the file.

    Parameters
    ----------
    notebook
        The notebook, run in its own folder.

    Returns
    -------
    bool
        False where the file already held these outputs, byte for byte.

    Raises
    ------
    ToolkitError
        A cell fails; the file stays as it was.

    Notes
    -----
    What belongs to one run is not stored: timings, the state and the ids of widgets, the version of Python. An
    explorer is stored as its chart.
    """
    node = read(notebook)
    execute(node, notebook)
    node.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": KERNEL},
            "language_info": {"name": "python"},
        }
    )
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in ("tags",) if key in cell.metadata})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
            output.get("metadata", {}).pop(WIDGET, None)
    text = nbformat.writes(node).rstrip("\n") + "\n"
    changed: bool = text != notebook.read_text(encoding="utf-8")
    if changed:
        notebook.write_text(text, encoding="utf-8")
    return changed


def read(notebook: Path) -> NotebookNode:
    """A notebook's cells, in today's format."""
    try:
        node: NotebookNode = nbformat.read(notebook, as_version=4)
    except FileNotFoundError:
        msg = f"no notebook at {str(notebook)!r}"
    except NotJSONError:
        msg = f"{str(notebook)!r} isn't a notebook; a notebook is the .ipynb file that JupyterLab saves"
    else:
        return node
    raise ToolkitError(msg)


def require_outputs(node: NotebookNode, notebook: Path) -> None:
    """Stop at a notebook whose code hasn't been run."""
    waiting = [cell for cell in node.cells if cell.cell_type == "code" and cell.source and cell.execution_count is None]
    if waiting:
        msg = (
            f"{notebook.name}: {len(waiting)} of its code cells haven't been run;"
            " run them all in JupyterLab and save, or give --execute"
        )
        raise ToolkitError(msg)


def execute(node: NotebookNode, notebook: Path) -> None:
    """Run all cells in place, in the notebook's folder, under the same settings on every machine."""
    client = nbclient.NotebookClient(
        node,
        kernel_name=KERNEL,
        timeout=None,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # else it warns of its own network protocol on every run
        resources={"metadata": {"path": str(notebook.parent)}},
    )
    try:
        client.execute(env=os.environ | ENVIRONMENT)
    except CellExecutionError as error:
        last_line = f"{error.ename}: {error.evalue}".strip().splitlines()[-1]
        msg = f"{notebook.name}, cell {_failed(node)}: {last_line}"
    except DeadKernelError:
        msg = f"{notebook.name}: its Python stopped without a word; most often the memory of the machine was used up"
    else:
        return
    raise ToolkitError(msg) from None


def _failed(node: NotebookNode) -> int:
    """The number of the cell that failed, as it stands in the brackets beside it."""
    return max(cell.execution_count or 0 for cell in node.cells if cell.cell_type == "code")


def give_parameters(node: NotebookNode, notebook: Path, parameters: Mapping[str, str]) -> None:
    """Add a cell that sets the parameters, after the cell tagged ``parameters`` that holds their defaults.

    A value is read as what its default is: text stays text, anything else is read as Python. A path, or a pattern that
    finds files, is taken from the caller's folder and rewritten to lead there from the notebook's folder.
    """
    node.cells = [cell for cell in node.cells if GIVEN not in cell.metadata.get("tags", [])]
    place, defaults = _defaults(node, notebook)
    lines = []
    for name, text in parameters.items():
        if name not in defaults:
            msg = f"{notebook.name} has no parameter {name!r}; its parameters are {', '.join(defaults)}"
            raise ToolkitError(msg)
        value = _from_folder(_like(defaults[name], text, name), notebook.parent)
        lines.append(f"{name} = {value!r}")
    cell = new_code_cell("\n".join(lines), id=GIVEN, metadata={"tags": [GIVEN]})
    node.cells.insert(place + 1, cell)


def _defaults(node: NotebookNode, notebook: Path) -> tuple[int, dict[str, ast.expr]]:
    """The place of the cell tagged ``parameters``, and the expression of each default by name."""
    for place, cell in enumerate(node.cells):
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            return place, dict(_assigned(cell.source))
    msg = f"{notebook.name} has no cell tagged 'parameters'; tag the cell that sets what may be changed"
    raise ToolkitError(msg)


def _assigned(source: str) -> Iterator[tuple[str, ast.expr]]:
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=default):
                yield name, default
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as default):
                yield name, default


def _like(default: ast.expr, text: str, name: str) -> object:
    """The value a text stands for, where the default tells whether it is text."""
    if isinstance(default, ast.Constant) and isinstance(default.value, str):
        return text
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        pass
    if isinstance(default, ast.Constant) and default.value is None:
        return text  # None says nothing about the kind
    msg = f"parameter {name!r} can't be {text!r}; write a value like its default, {ast.unparse(default)}"
    raise ToolkitError(msg)


def _from_folder(value: object, folder: Path) -> object:
    """The value, where paths that exist lead there from `folder`; no absolute path gets into a page."""
    match value:
        case str() if glob.glob(value):  # noqa: PTH207, absolute patterns too
            return Path(os.path.relpath(value, folder)).as_posix()
        case list():
            return [_from_folder(item, folder) for item in value]
        case _:
            return value
