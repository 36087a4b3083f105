"""Writes notebooks as pages: one file for one notebook, a folder with a list of its pages for several."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import jinja2
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbformat import NotebookNode

from toolkit.errors import ToolkitError
from toolkit.share import gate, quotations
from toolkit.share.gate import K
from toolkit.share.page import TEMPLATES, PageMarkdown, html, policy, title, toolkit_version
from toolkit.share.parameters import give_parameters, other_parameters, parameter_names
from toolkit.share.run import CellFailedError, Step, execute, read, require_outputs

IN_SHORT = re.compile(r"^[#>*_ ]*In short\b[.:*_ ]*\s*(.+?)\s*$", re.DOTALL | re.IGNORECASE)
"""A paragraph that opens with these words; they are left out of the list of pages."""

PAGE_SUFFIXES = {".html", ".htm"}
LIST = "index"


class Page(NamedTuple):
    """A line in the list of pages."""

    file: str
    title: str
    in_short: str


class NotAllWrittenError(ToolkitError):
    """Some of several notebooks did not become pages; the others did.

    Attributes
    ----------
    written : list of Path
        Pages that were written, and their list.
    problems : list of ToolkitError
        What was wrong with each of the others: a cell that failed (`CellFailedError`), something that must not leave
        (`RefusedError`), or another sentence.
    """

    def __init__(self, written: Sequence[Path], problems: Sequence[ToolkitError]) -> None:
        self.written, self.problems = list(written), list(problems)
        n = len(self.problems)
        reports = (one.report if isinstance(one, CellFailedError) else str(one) for one in self.problems)
        super().__init__("\n".join([f"{n} notebook{'s' if n > 1 else ''} did not become a page:", *reports]))


def notebook_page(
    notebook: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    execute: bool = False,
    siblings: Sequence[str] = (),
    k: int = K,
    publish_anyway: str | None = None,
) -> str:
    """The HTML text of one self-contained file.

    Parameters
    ----------
    notebook
        A notebook whose cells have been run, unless `execute` or `parameters` are given.
    parameters
        Values by name, in place of those in the cell tagged ``parameters``; the notebook is then run. A path, or a
        list of them as Python writes it, is taken from the caller's folder.
    execute
        Run the notebook first; the notebook's own file stays as it is.
    siblings
        Stems of the notebooks that become pages beside this one; links to them are led to the pages.
    k, publish_anyway
        As for `write_pages`.

    Returns
    -------
    str
        A page with the notebook's first heading as its title.

    Raises
    ------
    RefusedError
        The notebook holds what must not leave.
    ToolkitError
        There is no such notebook, parameter or file, a cell fails, or cells haven't been run.

    Notes
    -----
    The sentences of a notebook were written for its own parameters. With others, a note at the top says so; numbers in
    sentences that aren't what their claims say now are struck through, and what the claims say follows.
    """
    node = _with_outputs(notebook, parameters or {}, None, execute=execute)
    return _text(node, notebook, siblings, k, publish_anyway)


def write_pages(
    sources: Sequence[Path],
    out: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    execute: bool = False,
    k: int = K,
    publish_anyway: str | None = None,
    at_once: int | None = None,
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write notebooks as pages, and say which files were written.

    Parameters
    ----------
    sources
        Notebooks, and folders whose notebooks are all taken.
    out
        For one notebook, the page's own path if it ends in ``.html`` or ``.htm``; else a folder, made if it isn't there.
    parameters
        Values by name, see `notebook_page`. Of several notebooks, each is given those that it has.
    execute
        Run the notebooks first.
    k
        The smallest count of users or requests that may be shown, see `gate.finds`.
    publish_anyway
        Why pages may leave whatever the publication gate finds in them; the pages show it.
    at_once
        How many notebooks run at the same time; as many as there are cores unless told otherwise.
    progress
        Is told in a few words how far the runs are, after each cell.

    Returns
    -------
    list of Path
        One page per notebook; after them, where a folder or several notebooks were given, ``index.html`` with each
        title and *In short* paragraph.

    Raises
    ------
    CellFailedError
        A cell of the notebook failed.
    RefusedError
        The notebook holds what must not leave; its page is not written.
    NotAllWrittenError
        One of both, or another fault, in some of several notebooks; the pages of the others are written.
    ToolkitError
        What was asked for can't be done.
    """
    notebooks = [notebook for source in sources for notebook in _notebooks(source)]
    alone = len(notebooks) == 1 and not sources[0].is_dir()
    _require_pages(notebooks, out, alone=alone)
    given = _given(notebooks, parameters or {}, alone=alone)
    stems = [notebook.stem for notebook in notebooks]
    names = stems if alone else [*stems, LIST]
    pages = [out] if alone and _is_page(out) else [out / f"{name}.html" for name in names]
    _require_places(pages)

    watch = _Watch(len(notebooks), progress)
    written: dict[Path, Path] = {}
    problems: list[ToolkitError] = []
    with ThreadPoolExecutor(min(len(notebooks), at_once or os.cpu_count() or 1)) as pool:
        runs = {pool.submit(_run, one, given[one], watch, execute=execute): one for one in notebooks}
        places = dict(zip(notebooks, pages, strict=False))  # the list has no notebook
        for run in as_completed(runs):
            notebook = runs[run]
            try:
                text = _text(run.result(), notebook, stems, k, publish_anyway)
            except ToolkitError as error:
                problems.append(error)
            else:
                places[notebook].parent.mkdir(parents=True, exist_ok=True)
                places[notebook].write_text(text, encoding="utf-8")
                written[notebook] = places[notebook]
    if alone and problems:
        raise problems[0]
    found = [written[notebook] for notebook in notebooks if notebook in written]
    if not alone and written:
        kept = [notebook for notebook in notebooks if notebook in written]
        pages[-1].write_text(index_page(kept, given), encoding="utf-8")
        found.append(pages[-1])
    if problems:
        raise NotAllWrittenError(found, sorted(problems, key=str))
    return found


class _Watch:
    """Counts cells that have ended in all notebooks, and says so."""

    def __init__(self, n_notebooks: int, progress: Callable[[str], None] | None) -> None:
        self.progress = progress
        self.n_notebooks, self.ended = n_notebooks, 0
        self.cells: dict[Path, tuple[int, int]] = {}
        self.lock = Lock()

    def step(self, notebook: Path, done: int, total: int) -> None:
        """A cell has ended."""
        with self.lock:
            self.cells[notebook] = (done, total)
            self._say()

    def end(self) -> None:
        """A notebook has ended."""
        with self.lock:
            self.ended += 1
            self._say()

    def _say(self) -> None:
        if self.progress is not None and self.cells:
            done, total = (sum(of) for of in zip(*self.cells.values(), strict=True))
            self.progress(f"{self.ended} of {self.n_notebooks} notebooks done, {done} of {total} cells run")


def _run(notebook: Path, given: Mapping[str, str], watch: _Watch, *, execute: bool) -> NotebookNode:
    """A notebook with its outputs, watched."""
    try:
        return _with_outputs(notebook, given, lambda done, total: watch.step(notebook, done, total), execute=execute)
    finally:
        watch.end()


def _with_outputs(notebook: Path, given: Mapping[str, str], step: Step | None, *, execute: bool) -> NotebookNode:
    """A notebook with its outputs."""
    node = read(notebook)
    if given:
        give_parameters(node, notebook, given)
    if given or execute:
        _execute(node, notebook, step)
    else:
        require_outputs(node, notebook)
    return node


_execute = execute  # `execute` is also a parameter's name


def _text(node: NotebookNode, notebook: Path, stems: Sequence[str], k: int, publish_anyway: str | None) -> str:
    """The HTML text of a notebook's page, once the gate has let it pass."""
    found, reason = gate.require_publishable(node, notebook.name, k=k, publish_anyway=publish_anyway)
    text = html(node, notebook, stems)
    # pictures beside the notebook come in with the page
    kinds = {find.kind for find in found}
    embedded = [find for find in gate.page_finds(text, notebook.name, k=k) if find.kind not in kinds]
    if embedded and publish_anyway is None:
        raise gate.RefusedError(embedded)
    if found or embedded:
        gate.record(node, [*found, *embedded], reason or publish_anyway or "", k=k)
        text = html(node, notebook, stems)
    return text


def _given(notebooks: Sequence[Path], parameters: Mapping[str, str], *, alone: bool) -> dict[Path, dict[str, str]]:
    """The parameters that each notebook is given: of several, those that it has."""
    if alone or not parameters:
        return {notebook: dict(parameters) for notebook in notebooks}
    names = {notebook: parameter_names(read(notebook), notebook) for notebook in notebooks}
    for name in parameters:
        if not any(name in of_one for of_one in names.values()):
            have = sorted({one for of_one in names.values() for one in of_one})
            msg = f"no notebook of the {len(notebooks)} has a parameter {name!r}; they have {', '.join(have) or 'none'}"
            raise ToolkitError(msg)
    return {
        notebook: {name: value for name, value in parameters.items() if name in names[notebook]}
        for notebook in notebooks
    }


def _is_page(out: Path) -> bool:
    return out.suffix.lower() in PAGE_SUFFIXES


def _notebooks(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    notebooks = sorted(source.glob("*.ipynb"))
    if not notebooks:
        msg = f"no notebooks in the folder {str(source)!r}"
        raise ToolkitError(msg)
    return notebooks


def _require_pages(notebooks: Sequence[Path], out: Path, *, alone: bool) -> None:
    """Stop before anything is written if not every notebook can get its page."""
    if not notebooks:
        msg = "no notebook to share; name one, or a folder of them"
    elif alone:
        return
    elif _is_page(out):
        msg = f"{len(notebooks)} notebooks don't fit into one file; name a folder in place of {str(out)!r}"
    elif same := sorted({one.stem for one in notebooks if [other.stem for other in notebooks].count(one.stem) > 1}):
        msg = f"several notebooks named {', '.join(map(repr, same))}; their pages would have one name"
    elif any(notebook.stem.lower() == LIST for notebook in notebooks):
        msg = f"a notebook named {LIST!r} would have the name of the list of pages; rename it, or share it alone"
    else:
        return
    raise ToolkitError(msg)


def _require_places(pages: Sequence[Path]) -> None:
    """Stop before a notebook is run if its page couldn't be written."""
    for page in pages:
        if page.is_dir():
            msg = f"{str(page)!r} is a folder, and a page would have its name; name another page, or another folder"
            raise ToolkitError(msg)
    for place in pages[0].parents:
        if place.exists() and not place.is_dir():
            msg = f"{str(place)!r} is a file, so nothing can be written below it; name a page, or a folder of pages"
            raise ToolkitError(msg)


def index_page(notebooks: Sequence[Path], given: Mapping[Path, Mapping[str, str]] | None = None) -> str:
    """The HTML text of a list of pages: title and *In short* of each notebook, in the order given.

    A notebook that was `given` other parameters has no *In short*: it speaks of its own data.
    """
    stems = frozenset(notebook.stem for notebook in notebooks)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(str(TEMPLATES)), autoescape=True)
    return environment.get_template("index.html.j2").render(
        pages=[_line(notebook, stems, own=not (given or {}).get(notebook)) for notebook in notebooks],
        policy=policy([]),
        style=(TEMPLATES / "page" / "page.css").read_text(encoding="utf-8"),
        version=toolkit_version(),
    )


def _line(notebook: Path, siblings: frozenset[str], *, own: bool) -> Page:
    node = read(notebook)
    renderer = PageMarkdown(escape=False)
    renderer.siblings = siblings
    renderer.stated = {one.name: one for one in quotations.claims(node)}
    renderer.beside = f"{notebook.stem}.html"
    answer = MarkdownWithMath(renderer=renderer).render(in_short(node) if own and not other_parameters(node) else "")
    return Page(f"{notebook.stem}.html", title(node) or notebook.stem, str(answer))


def in_short(node: NotebookNode) -> str:
    """The paragraph that answers the notebook's question, as Markdown; empty if there is none."""
    for cell in node.cells:
        paragraphs = re.split(r"\n\s*\n", cell.source) if cell.cell_type == "markdown" else []
        for place, paragraph in enumerate(paragraphs):
            if found := IN_SHORT.match(paragraph):
                return found[1]
            if re.fullmatch(r"#+ *In short[.: ]*", paragraph, re.IGNORECASE):
                return "".join(paragraphs[place + 1 : place + 2])
    return ""
