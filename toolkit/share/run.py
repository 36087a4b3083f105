"""Reads notebooks, and runs them the same way every time."""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import nbclient
import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NBFormatError, NotebookNode, ValidationError

from toolkit.errors import ToolkitError

Step = Callable[[int, int], None]
"""Is told how many code cells of a notebook have ended, and how many there are."""

KERNEL = "python3"

ENVIRONMENT = {
    "TZ": "UTC",  # Vega places times that have a zone by the clock of the machine
    "POLARS_MAX_THREADS": "1",  # with more, sums of groups differ in their last digit from run to run
}

SVG = "image/svg+xml"
UNSEEN = re.compile(r' (?:aria-[a-z]+|role|pointer-events)="[^"]*"')
PLACES = re.compile(r' (?:d|transform|width|height|[cr]?[xy]|[xy][12]|r)="[^"]*"')
LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")

WIDGET = "application/vnd.jupyter.widget-view+json"


class CellFailedError(ToolkitError):
    """A cell of a notebook failed.

    Attributes
    ----------
    notebook : str
        Name of the file.
    cell : int
        Number of the cell, as it stands in the brackets beside it.
    code : str
        Text of the cell.
    sentence : str
        Kind of the error, and the first line of what it says.
    """

    def __init__(self, notebook: str, cell: int, code: str, sentence: str) -> None:
        self.notebook, self.cell, self.code, self.sentence = notebook, cell, code, sentence
        super().__init__(f"{notebook}, cell {cell}: {sentence}")

    @property
    def report(self) -> str:
        """The sentence, and below it the text of the cell."""
        return "\n".join([str(self), *(f"    {line}" for line in self.code.splitlines())])


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
    explorer is stored as its chart, and a picture without what cannot be seen in it. A choice about its publication
    stays. Whether the prose still says what its claims say is asked of `quotations.misquotes`.
    """
    node = read(notebook)
    execute(node, notebook)
    node.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": KERNEL},
            "language_info": {"name": "python"},
            **{key: node.metadata[key] for key in ("toolkit",) if key in node.metadata},
        }
    )
    for cell in node.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in ("tags",) if key in cell.metadata})
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
            output.get("metadata", {}).pop(WIDGET, None)
            if SVG in output.get("data", {}):
                output.data[SVG] = light(output.data[SVG])
    text = nbformat.writes(node).rstrip("\n") + "\n"
    changed: bool = text != notebook.read_text(encoding="utf-8")
    if changed:
        notebook.write_text(text, encoding="utf-8")
    return changed


def light(svg: str) -> str:
    """A picture with whole hundredths of pixels, and without the labels and roles that no picture shows.

    Examples
    --------
    >>> light('<path aria-label="n: 3" role="graphics-symbol" d="M0,67.49999h2.37032"/><text>0.1234</text>')
    '<path d="M0,67.5h2.37"/><text>0.1234</text>'
    """
    return PLACES.sub(lambda place: LONG.sub(_hundredths, place[0]), UNSEEN.sub("", svg))


def _hundredths(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def read(notebook: Path) -> NotebookNode:
    """A notebook's cells, in today's format."""
    damaged = f"{str(notebook)!r} is a damaged notebook"
    try:
        text = notebook.read_text(encoding="utf-8")
        content = json.loads(text)
        if not (isinstance(content, dict) and "nbformat" in content):
            raise _not_a_notebook(notebook)
        node: NotebookNode = nbformat.reads(text, as_version=4)
        nbformat.validate(node, relax_add_props=True)  # to read, what is needed has to be there; more does no harm
    except (FileNotFoundError, NotADirectoryError):
        msg = f"no notebook at {str(notebook)!r}"
    except OSError as error:
        msg = f"{str(notebook)!r} can't be read: {error.strerror}"
    except NBFormatError:
        msg = (
            f"{str(notebook)!r} is in notebook format {content['nbformat']!r}; save it in format 4, as JupyterLab does"
        )
    except ValidationError as error:
        msg = f"{damaged} ({str(error.message).splitlines()[0]}); take an earlier copy of it"
    except (AttributeError, KeyError, TypeError):  # nbformat looks into cells before it checks that they are cells
        msg = f"{damaged} (what should be a cell isn't one); take an earlier copy of it"
    except (ValueError, RecursionError):  # not UTF-8, or not JSON
        raise _not_a_notebook(notebook) from None
    else:
        return node
    raise ToolkitError(msg) from None


def _not_a_notebook(notebook: Path) -> ToolkitError:
    return ToolkitError(f"{str(notebook)!r} isn't a notebook; a notebook is the .ipynb file that JupyterLab saves")


def require_outputs(node: NotebookNode, notebook: Path) -> None:
    """Stop at a notebook whose code hasn't been run."""
    waiting = [cell for cell in node.cells if cell.cell_type == "code" and cell.source and cell.execution_count is None]
    if waiting:
        msg = (
            f"{notebook.name}: {len(waiting)} of its code cells haven't been run;"
            " run them all in JupyterLab and save, or give --execute"
        )
        raise ToolkitError(msg)


def execute(node: NotebookNode, notebook: Path, step: Step | None = None) -> None:
    """Run all cells in place, in the notebook's folder, under the same settings on every machine."""
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    n_run = count(1)

    def ended(**_: object) -> None:
        if step is not None:
            step(next(n_run), sum(bool(cell.source.strip()) for cell in code))

    for cell in code:
        cell.execution_count = None  # of another run
    client = nbclient.NotebookClient(
        node,
        kernel_name=KERNEL,
        timeout=None,
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # else it warns of its own network protocol on every run
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_executed=ended,
    )
    try:
        if threading.current_thread() is threading.main_thread():
            client.execute(env=os.environ | ENVIRONMENT)
        else:  # nbclient's own way leaves the thread's event loop open
            asyncio.run(client.async_execute(env=os.environ | ENVIRONMENT))
    except CellExecutionError as error:
        failed = max(code, key=lambda cell: cell.execution_count or 0)
        first_line = next((line for line in _bare(error.evalue).splitlines() if line.strip()), "")
        sentence = f"{error.ename}: {first_line.strip()}" if first_line else error.ename
        raise CellFailedError(notebook.name, failed.execution_count or 0, failed.source, sentence) from None
    except DeadKernelError:
        msg = f"{notebook.name}: its Python stopped without a word; most often the memory of the machine was used up"
    else:
        return
    raise ToolkitError(msg) from None


def _bare(text: str) -> str:
    """Text without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
