"""Gives notebooks other parameters, and tells which ones a page was made with."""

from __future__ import annotations

import ast
import glob
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from toolkit import errors
from toolkit.errors import ToolkitError

GIVEN = "injected-parameters"
"""The tag papermill gives to the cell it adds; other tools know it."""

AS_GIVEN = "as_given"
"""Metadata of the added cell: the parameters that aren't their defaults, with paths as the caller wrote them."""

N_BESIDE = 8
"""How many names of a folder fit into a sentence."""


def give_parameters(node: NotebookNode, notebook: Path, parameters: Mapping[str, str]) -> None:
    """Add a cell that sets the parameters, after the cell tagged ``parameters`` that holds their defaults.

    A value is read as what its default is: text stays text, anything else is read as Python. A path, or a pattern that
    finds files, is taken from the caller's folder and rewritten to lead there from the notebook's folder. Where the
    default is a path, the value has to lead somewhere, and may be a list of paths.
    """
    node.cells = [cell for cell in node.cells if GIVEN not in cell.metadata.get("tags", [])]
    place, defaults = _defaults(node, notebook)
    lines, as_given = [], []
    for name, text in parameters.items():
        if name not in defaults:
            msg = f"{notebook.name} has no parameter {name!r}; its parameters are {', '.join(defaults)}"
            raise ToolkitError(msg)
        default = _constant(defaults[name])
        is_path = _is_path(default, notebook.parent)
        given = (_paths(text) if is_path and isinstance(default, str) else None) or _like(defaults[name], text, name)
        if is_path:
            _require_files(given, name)
        value = _from_folder(given, notebook.parent)
        lines.append(f"{name} = {value!r}")
        if value != default:
            as_given.append(f"{name} = {_without_absolute(given, value)!r}")
    metadata = {"tags": [GIVEN], AS_GIVEN: as_given}
    node.cells.insert(place + 1, new_code_cell("\n".join(lines), id=GIVEN, metadata=metadata))


def parameter_names(node: NotebookNode, notebook: Path) -> list[str]:
    """Names that a notebook's cell tagged ``parameters`` sets; none if it has no such cell."""
    tagged = any(cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []) for cell in node.cells)
    return list(_defaults(node, notebook)[1]) if tagged else []


def other_parameters(node: NotebookNode) -> list[str]:
    """Parameters that aren't those its text was written for, each as ``NAME = value``; empty for most notebooks.

    Notes
    -----
    What papermill gave counts as well, defaults or not: it stores no more than its cell.
    """
    for cell in node.cells:
        if GIVEN in cell.metadata.get("tags", []):
            lines = [line for line in cell.source.splitlines() if line.strip() and not line.startswith("#")]
            return list(cell.metadata.get(AS_GIVEN, lines))
    return []


def _defaults(node: NotebookNode, notebook: Path) -> tuple[int, dict[str, ast.expr]]:
    """The place of the cell tagged ``parameters``, and the expression of each default by name."""
    for place, cell in enumerate(node.cells):
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            try:
                return place, dict(_assigned(cell.source))
            except SyntaxError as error:
                where = f"line {error.lineno} of its cell tagged 'parameters'"
                msg = f"{notebook.name}: {where} isn't Python; keep to lines such as NAME = 'value'"
                raise ToolkitError(msg) from None
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


def _constant(expression: ast.expr) -> object:
    """The value of an expression; the expression itself where it has to be run to have one."""
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return expression


def _paths(text: str) -> list[str] | None:
    """The texts in a list written as Python; None if it isn't one."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _leads_somewhere(path: str, folder: Path = Path()) -> bool:
    """Whether something is at a path, or matches it as a pattern."""
    here = str(folder / path)
    # glob.glob, because a path may be absolute
    return bool(path) and (Path(here).exists() or any(glob.iglob(here, recursive=True)))  # noqa: PTH207


def _is_path(default: object, folder: Path) -> bool:
    """Whether a default leads to files from the notebook's folder: only then is a value known to be a path."""
    texts = default if isinstance(default, list) else [default]
    return any(isinstance(text, str) and _leads_somewhere(text, folder) for text in texts)


def _require_files(given: object, name: str) -> None:
    """Stop at a path that leads nowhere, before the notebook is run and looks for it in a folder of its own."""
    for path in given if isinstance(given, list) else [given]:
        if isinstance(path, str) and not _leads_somewhere(path):
            wording = errors.nothing_matches if glob.has_magic(path) else errors.no_file
            msg = f"parameter {name!r}, taken from the folder you are in: {wording(path, _beside(Path(path).parent))}"
            raise ToolkitError(msg)


def _beside(folder: Path) -> list[str]:
    """The first names in a folder, or what to say of a folder without any."""
    if not folder.is_dir():
        return []
    names = sorted(f"{child.name}/" if child.is_dir() else child.name for child in folder.iterdir())
    seen = [name for name in names if not name.startswith(".")]
    return [*seen[:N_BESIDE], *(["..."] if seen[N_BESIDE:] else [])] or ["no files"]


def _from_folder(value: object, folder: Path) -> object:
    """The value, where paths that exist lead there from `folder`; no absolute path gets into a page."""
    match value:
        case str() if _leads_somewhere(value):
            return Path(os.path.relpath(value, folder)).as_posix()
        case list():
            return [_from_folder(item, folder) for item in value]
        case _:
            return value


def _without_absolute(given: object, value: object) -> object:
    """The value as the caller wrote it, but for absolute paths, which say too much about a machine."""
    match given, value:
        case list(), list():
            return [_without_absolute(*pair) for pair in zip(given, value, strict=True)]
        case str(), _ if Path(given).is_absolute():
            return value
        case _:
            return given
