"""The publication gate: nothing leaves with what must not leave.

A notebook, a page or a file of data is walked down to its texts and tables, and each find is named by where it is and
what kind it is, never by its value. What is found stops a page, unless somebody says why it may leave; the page then
says so.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from toolkit import errors
from toolkit.errors import ToolkitError
from toolkit.share.gate_tables import GIVEN_BACK, SMALL, across_tables
from toolkit.share.gate_text import constants_of
from toolkit.share.gate_walk import Walk
from toolkit.share.page import TEMPLATES, vega
from toolkit.share.parameters import other_parameters
from toolkit.share.run import read

K = 10
"""The smallest count of users or requests that may be shown; a policy, not a finding: see `suppress`."""

ROOM, CHOICE = "toolkit", "publish_anyway"
"""Where a notebook's metadata keep the choice to publish all the same."""

OF_GENERATED = (SMALL, GIVEN_BACK)
"""What a notebook's own choice may cover: small cells of data that are no person's. Identifiers never."""

TEXTUAL = ("text/", "image/svg", "application/javascript")
RECORD = re.compile(r'<aside [^>]*data-publish-anyway="([^"]*)"')


class Find(NamedTuple):
    """Something that must not leave, without its value."""

    file: str
    place: str
    kind: str
    times: int

    def __str__(self) -> str:
        """File, place and kind on one line."""
        place = f", {self.place}" if self.place else ""
        return f"{self.file}{place}: {self.kind}" + (f" ({self.times} times)" if self.times > 1 else "")


class RefusedError(ToolkitError):
    """A page was not written, or a file must not leave, for what it holds.

    Attributes
    ----------
    finds : list of Find
        Each by its place and kind.
    """

    def __init__(self, finds: Sequence[Find]) -> None:
        self.finds = list(finds)
        names = dict.fromkeys(find.file for find in finds)
        super().__init__(
            f"{', '.join(names)} must not leave as {'they are' if len(names) > 1 else 'it is'}:"
            + "".join(f"\n  {find}" for find in finds)
            + "\ntake that out, tables by measure.suppress, or say why it may leave: publish_anyway, --publish-anyway"
        )


class Choice(NamedTuple):
    """A choice to publish all the same, and the kinds of finds that it covers."""

    reason: str
    kinds: tuple[str, ...] | None  # all if none


def finds(path: Path, *, k: int = K) -> list[Find]:
    """What in a file must not leave.

    Parameters
    ----------
    path
        A notebook; a page or picture (HTML, SVG, PNG, JPEG); data (CSV, TSV, JSON, lines of JSON, Parquet, packed
        or not); anything else as the text it is.
    k
        The smallest count of users or requests that may be shown.

    Returns
    -------
    list of Find
        File, place, kind and how often; never a value. Empty if nothing was found.

    Raises
    ------
    ToolkitError
        The file is not there or can't be read.

    Examples
    --------
    >>> sorted({find.kind for find in finds(Path("data/sample/homepage_visits_2022.ndjson.gz"))})
    ['token of a page view, session or event', 'user id']
    """
    _require_k(k)
    if path.suffix == ".ipynb":
        return notebook_finds(read(path), path.name, k=k)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise errors.unreadable(path.as_posix(), error.strerror or "no file") from None
    walk = _walk(k)
    if path.suffix.lower() in {".html", ".htm", ".svg"}:
        walk.html(raw.decode("utf-8", "replace"), "")
    else:
        walk.packed(raw, "")
    walk.plain(path.name, "name of the file")
    return _counted(path.name, walk)


def notebook_finds(node: NotebookNode, name: str, *, k: int = K) -> list[Find]:
    """What in a notebook must not leave: sources, outputs of every kind, attachments, widgets and all metadata."""
    _require_k(k)
    walk = _walk(k)
    code = [cell for cell in node.cells if cell.cell_type == "code"]
    constants = {known: value for cell in code for known, value in constants_of(cell.source).items()}
    for number, cell in enumerate(node.cells, 1):
        count = cell.get("execution_count")
        _walk_cell(walk, cell, f"cell {number}" + (f" [{count}]" if count else ""), constants)
    metadata = json.loads(json.dumps(node.metadata))
    metadata.get(ROOM, {}).pop(CHOICE, None)
    widgets = metadata.pop("widgets", {})
    for number, (_, model) in enumerate(_models(widgets), 1):
        walk.value(model, f"saved widget {number}")
    walk.value(metadata, "metadata of the notebook")
    walk.plain(name, "name of the file")
    return _counted(name, walk)


def page_finds(page: str, name: str, *, k: int = K) -> list[Find]:
    """What in the HTML text of a page must not leave."""
    _require_k(k)
    walk = _walk(k)
    walk.html(page, "page")
    return _counted(name, walk)


def require_publishable(
    node: NotebookNode, name: str, *, k: int = K, publish_anyway: str | None = None
) -> tuple[list[Find], str]:
    """Stop unless nothing was found in a notebook, or somebody chose to publish all the same.

    Parameters
    ----------
    node, name
        A notebook with its outputs, and what to call it.
    k
        The smallest count of users or requests that may be shown.
    publish_anyway
        Why it may leave all the same, whatever is found. Else the choice that the notebook itself keeps (see
        `remember`), which covers small cells and only those.

    Returns
    -------
    tuple of list of Find and str
        What leaves by choice, and the reason; nothing and an empty text if nothing was found.

    Raises
    ------
    RefusedError
        Something was found that no choice covers.
    """
    found = notebook_finds(node, name, k=k)
    choice = choice_for(node, publish_anyway)
    uncovered = [find for find in found if not _covers(choice, find)]
    if uncovered:
        raise RefusedError(uncovered)
    return found, choice.reason if found and choice else ""


def choice_for(node: NotebookNode, publish_anyway: str | None = None) -> Choice | None:
    """The choice to publish all the same that holds for a notebook, if there is one.

    Its own holds as long as its parameters are those it was made for: with other data it lapses.
    """
    if publish_anyway is not None:
        if not publish_anyway.strip():
            raise errors.not_allowed(CHOICE, publish_anyway, "is a reason, which the page will show")
        return Choice(publish_anyway.strip(), None)
    kept = node.metadata.get(ROOM, {}).get(CHOICE, {})
    holds = kept.get("parameters") == _parameters(node) and not other_parameters(node)
    return Choice(str(kept["reason"]), OF_GENERATED) if holds and kept.get("reason") else None


def remember(notebook: Path, reason: str) -> None:
    """Keep in a notebook why its small cells may leave, such as that its data are generated.

    The choice covers cells below k and what totals give back, nothing else; it stands in the notebook's metadata and
    on its page, and lapses when the notebook is given other parameters.

    Parameters
    ----------
    notebook
        The notebook, which is changed.
    reason
        A sentence for readers of the page.

    Raises
    ------
    ToolkitError
        There is no such notebook, or no reason.
    """
    if not reason.strip():
        raise errors.not_allowed("reason", reason, "is a sentence, which the page will show")
    node = read(notebook)
    kept = dict(node.metadata.get(ROOM, {}))
    node.metadata[ROOM] = nbformat.from_dict(
        {**kept, CHOICE: {"reason": reason.strip(), "parameters": _parameters(node)}}
    )
    notebook.write_text(nbformat.writes(node).rstrip("\n") + "\n", encoding="utf-8")


def record(node: NotebookNode, found: Sequence[Find], reason: str, *, k: int = K) -> None:
    """Put a line at the top of a notebook that says what its page holds by choice, and why."""
    kinds = Counter(find.kind for find in found)
    said = ", ".join(kinds).replace("below k", f"below {k}")
    cell = new_markdown_cell(
        f'<aside class="callout" role="note" data-publish-anyway="{html.escape("; ".join(kinds))}">'
        f"<p>Published all the same, by choice: this page holds {html.escape(said)}. "
        f"The reason given: {html.escape(' '.join(reason.split()))}</p></aside>",
        id="publish-anyway",
    )
    node.cells.insert(0, cell)


def recorded(page: str) -> frozenset[str]:
    """Kinds of finds that a page says it holds by choice.

    Examples
    --------
    >>> recorded('<aside class="callout" data-publish-anyway="cell below k">')
    frozenset({'cell below k'})
    """
    return frozenset(kind for found in RECORD.finditer(page) for kind in html.unescape(found[1]).split("; ") if kind)


def uncovered_finds(path: Path, *, k: int = K) -> tuple[list[Find], list[Find]]:
    """What in a file must not leave, and what leaves by a choice that the notebook or page itself records."""
    found = finds(path, k=k)
    if not found:
        return [], []
    if path.suffix == ".ipynb":
        choice = choice_for(read(path))
        by_choice = [find for find in found if _covers(choice, find)]
    else:
        kinds = recorded(path.read_text(encoding="utf-8", errors="replace")) if path.suffix in {".html", ".htm"} else ()
        by_choice = [find for find in found if find.kind in kinds]
    return [find for find in found if find not in by_choice], by_choice


def _covers(choice: Choice | None, find: Find) -> bool:
    return choice is not None and (choice.kinds is None or find.kind in choice.kinds)


def _require_k(k: int) -> None:
    if k < 1:
        raise errors.not_allowed("k", k, "is at least 1")


def _parameters(node: NotebookNode) -> str:
    """Text of the cell tagged ``parameters``; empty if there is none."""
    tagged = (cell.source for cell in node.cells if "parameters" in cell.metadata.get("tags", []))
    return next(tagged, "")


def _walk(k: int) -> Walk:
    walk = Walk(k)
    walk.is_own = lambda script: script in _own_scripts()
    return walk


@cache
def _own_scripts() -> frozenset[str]:
    """Scripts that every page of ours holds; they are code of libraries."""
    return frozenset(
        {
            vega(),
            *(path.read_text(encoding="utf-8") for path in (TEMPLATES / "page").iterdir() if path.name.endswith(".js")),
        }
    )


def _walk_cell(walk: Walk, cell: NotebookNode, place: str, constants: Mapping[str, object]) -> None:
    if cell.cell_type == "code":
        walk.code(cell.source, f"{place}, code", dict(constants))
    else:
        walk.text(cell.source, f"{place}, text")
    walk.value(json.loads(json.dumps(cell.metadata)), f"{place}, metadata")
    for name, faces in cell.get("attachments", {}).items():
        walk.plain(name, f"{place}, attachment", tokens=False)
        _walk_faces(walk, faces, f"{place}, attachment")
    outputs: Iterable[Mapping[str, Any]] = cell.get("outputs", [])
    for number, output in enumerate(outputs, 1):
        where = f"{place}, output {number}"
        walk.value(json.loads(json.dumps(output.get("metadata", {}))), f"{where}, metadata")
        _walk_faces(walk, output.get("data", {}), where)
        walk.text(output.get("text", ""), f"{where}, {output.get('name', 'text')}")
        for part in ("ename", "evalue"):
            walk.plain(output.get(part, ""), f"{where}, error")
        walk.text("\n".join(output.get("traceback", [])), f"{where}, error")


def _walk_faces(walk: Walk, faces: Mapping[str, Any], place: str) -> None:
    for kind, face in faces.items():
        where = f"{place}, {kind}"
        if isinstance(face, list):
            face = "".join(map(str, face)) if all(isinstance(line, str) for line in face) else face  # noqa: PLW2901
        if kind in {"text/html", "image/svg+xml"} and isinstance(face, str):
            walk.html(face, where)
        elif kind.startswith(TEXTUAL) or not isinstance(face, str):
            walk.value(json.loads(json.dumps(face)), where)
        else:
            walk.text(f"data:{kind};base64,{''.join(face.split())}" if kind.startswith("image/") else face, where)


def _models(widgets: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Saved states of widgets, without the random names of their models."""
    for saved in widgets.values():
        state = saved.get("state", {}) if isinstance(saved, dict) else {}
        yield from state.items()
        rest = {name: value for name, value in saved.items() if name != "state"} if isinstance(saved, dict) else saved
        if rest:
            yield "", rest


def _counted(name: str, walk: Walk) -> list[Find]:
    beyond = [(table.place, GIVEN_BACK) for table in across_tables(walk.tables, walk.numbers, walk.k)]
    return _found(name, [*walk.found, *beyond])


def _found(name: str, seen: Collection[tuple[str, str]]) -> list[Find]:
    return [Find(name, place, kind, times) for (place, kind), times in Counter(seen).items()]
