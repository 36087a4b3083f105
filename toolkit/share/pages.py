"""Writes notebooks as pages: one file for one notebook, a folder with a list of its pages for several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from nbformat import NotebookNode

from toolkit.errors import ToolkitError
from toolkit.share.page import TEMPLATES, PageMarkdown, notebook_page, policy, title, toolkit_version
from toolkit.share.parameters import other_parameters
from toolkit.share.run import read

IN_SHORT = re.compile(r"^[#>*_ ]*In short\b[.:*_ ]*\s*(.+?)\s*$", re.DOTALL | re.IGNORECASE)
"""A paragraph that opens with these words; they are left out of the list of pages."""

PAGE_SUFFIXES = {".html", ".htm"}
LIST = "index"


class Page(NamedTuple):
    """A line in the list of pages."""

    file: str
    title: str
    in_short: str


def write_pages(
    sources: Sequence[Path],
    out: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    execute: bool = False,
) -> list[Path]:
    """Write notebooks as pages, and say which files were written.

    Parameters
    ----------
    sources
        Notebooks, and folders whose notebooks are all taken.
    out
        For one notebook, the page's own path if it ends in ``.html`` or ``.htm``; else a folder, made if it isn't there.
    parameters
        Values for one notebook, see `notebook_page`.
    execute
        Run the notebooks first.

    Returns
    -------
    list of Path
        One page per notebook; after them, where a folder or several notebooks were given, ``index.html`` with each
        title and *In short* paragraph.

    Raises
    ------
    ToolkitError
        What was asked for can't be done; pages written before that stay.
    """
    notebooks = [notebook for source in sources for notebook in _notebooks(source)]
    alone = len(notebooks) == 1 and not sources[0].is_dir()
    _require_pages(notebooks, out, alone=alone, parameters=parameters)
    stems = [notebook.stem for notebook in notebooks]
    names = stems if alone else [*stems, LIST]
    pages = [out] if alone and _is_page(out) else [out / f"{name}.html" for name in names]
    _require_places(pages)

    pages[0].parent.mkdir(parents=True, exist_ok=True)
    for notebook, page in zip(notebooks, pages, strict=False):  # the list has no notebook
        text = notebook_page(notebook, parameters=parameters, execute=execute, siblings=stems)
        page.write_text(text, encoding="utf-8")
    if not alone:
        pages[-1].write_text(index_page(notebooks), encoding="utf-8")
    return pages


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


def _require_pages(notebooks: Sequence[Path], out: Path, *, alone: bool, parameters: Mapping[str, str] | None) -> None:
    """Stop before anything is written if not every notebook can get its page."""
    if not notebooks:
        msg = "no notebook to share; name one, or a folder of them"
    elif alone:
        return
    elif _is_page(out):
        msg = f"{len(notebooks)} notebooks don't fit into one file; name a folder in place of {str(out)!r}"
    elif parameters:
        msg = f"parameters are for one notebook, and here are {len(notebooks)}; share them one by one"
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


def index_page(notebooks: Sequence[Path]) -> str:
    """The HTML text of a list of pages: title and *In short* of each notebook, in the order given."""
    stems = frozenset(notebook.stem for notebook in notebooks)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(str(TEMPLATES)), autoescape=True)
    return environment.get_template("index.html.j2").render(
        pages=[_line(notebook, stems) for notebook in notebooks],
        policy=policy([]),
        style=(TEMPLATES / "page" / "page.css").read_text(encoding="utf-8"),
        version=toolkit_version(),
    )


def _line(notebook: Path, siblings: frozenset[str]) -> Page:
    node = read(notebook)
    renderer = PageMarkdown(escape=False)
    renderer.siblings = siblings
    answer = MarkdownWithMath(renderer=renderer).render("" if other_parameters(node) else in_short(node))
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
