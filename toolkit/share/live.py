"""The live views of a page: their scripts as one, and what all of them share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from nbformat import NotebookNode

from toolkit.chart import live

MODULES = ("special", "rates", "words", "code", "tally", "funnel", "model", "drawing", "view")
"""Files of the folder `live`, each after those that it imports."""

IMPORT = re.compile(r"^import (\{[^}]*\}) from '\./(\w+)\.js';$", re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def faces(node: NotebookNode) -> Iterable[live.Face]:
    """Faces of the explorers among a notebook's outputs."""
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if live.MIME in output.get("data", {}):
                yield output.data[live.MIME]


def shared(found: Iterable[live.Face]) -> dict[str, Any] | None:
    """What the live views of a page need beside their tallies; none where there are no such views.

    Returns
    -------
    dict or None
        shelves (words and order of stages, codes' groups, units) and forms (specifications of charts by name).
    """
    forms: dict[str, Any] = {}
    for face in found:
        forms |= live.forms(face)
    return {"shelves": live.shelves(), "forms": forms} if forms else None


@cache
def script() -> str:
    """The modules as one script that leaves no names behind, and starts them.

    A page may fetch nothing, itself included, so that its modules can't import one another there: each becomes a
    function that gives what it exports.
    """
    return "(() => {{\n'use strict';\n{}\nviewModule.start();\n}})();".format("\n".join(map(_scope, MODULES)))


def _scope(module: str) -> str:
    text = (files("toolkit.share") / "live" / f"{module}.js").read_text(encoding="utf-8")
    exports = ", ".join(found[2] for found in EXPORT.finditer(text))
    body = EXPORT.sub(r"\1", IMPORT.sub(r"const \1 = \2Module;", text))
    return f"const {module}Module = (() => {{\n{body}return {{ {exports} }};\n}})();"
