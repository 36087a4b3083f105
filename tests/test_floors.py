"""Rooms stand on floors, and imports only go down: read from the syntax trees."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "toolkit"
FLOORS = {
    "errors": 0,
    "rates": 1,
    "reference": 1,
    "schema": 1,
    "decode": 2,
    "keep": 2,
    "load": 3,
    "measure": 4,
    "quality": 4,
    "sql": 5,
    "chart": 5,
    "claims": 5,
    "explore": 6,
    "share": 6,
    "__init__": 7,
    "__main__": 8,
}
THIRD_PARTY = {
    "errors": set(),
    "rates": {"numpy", "polars", "scipy"},
    "reference": {"polars"},
    "schema": {"polars", "msgspec"},
    "decode": {"polars", "msgspec"},
    "keep": {"polars"},
    "load": {"backports", "msgspec", "narwhals", "polars"},
    "measure": {"narwhals", "numpy", "polars", "scipy"},
    "quality": {"polars"},
    "chart": {"polars", "altair", "vl_convert"},
    "claims": {"polars"},
    "explore": {"anywidget", "ipywidgets", "polars", "traitlets", "vl_convert"},
    "sql": {"click"},
    "share": {"backports", "jinja2", "polars", "latex2mathml", "nbclient", "nbconvert", "nbformat", "vl_convert"},
    "__init__": set(),
    "__main__": {"click"},
}
STANDARD = set(__import__("sys").stdlib_module_names) | {"toolkit"}
MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    """Room in which a file stands: the folder, or the file itself on the top."""
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> list[str]:
    """Dotted names that a file imports; from the package itself down to the room."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            whole = "." * node.level + (node.module or "")
            names += [f"toolkit.{alias.name}" for alias in node.names] if whole == "toolkit" else [whole]
    return names


def rooms_in(names: list[str]) -> list[str]:
    """Rooms of this package among dotted names."""
    return [name.split(".")[1] for name in names if name.startswith("toolkit.")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_go_down(path):
    """A room imports from floors below, or from itself."""
    room = room_of(path)
    for other in rooms_in(imports_of(path)):
        if other in FLOORS and other != room:
            assert FLOORS[other] < FLOORS[room], f"{room} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_room_uses_its_own_libraries(path):
    """Altair is the charts' matter, ipywidgets the explorers', and so on."""
    found = {name.split(".")[0] for name in imports_of(path)} - STANDARD
    assert found <= THIRD_PARTY[room_of(path)]


def test_every_room_has_a_floor():
    """A new room says where it stands."""
    assert {room_of(path) for path in MODULES} == set(FLOORS)


def test_imports_are_absolute():
    """A dot hides where a name comes from."""
    assert not [path for path in MODULES for name in imports_of(path) if name.startswith(".")]


def test_a_wrong_import_would_be_seen():
    """The check itself can fail: a chart imported by a measure stands above it."""
    names = ["toolkit.chart.look"]
    assert [room for room in rooms_in(names) if FLOORS[room] >= FLOORS["measure"]] == ["chart"]
