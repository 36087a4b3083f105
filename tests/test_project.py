"""The project's own files agree: versions, names, lock file, exports."""

import importlib
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import toolkit

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = {"playwright-python": "playwright", "jsonschema-with-format-nongpl": "jsonschema"}


def bounds(specifier: str) -> frozenset[str]:
    """Parts of a version's bounds, in no order."""
    return frozenset(specifier.replace(" ", "").split(","))


def wanted() -> dict[str, frozenset[str]]:
    """Names and bounds by pyproject.toml."""
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    named = {canonicalize_name(need.name): bounds(str(need.specifier)) for need in map(Requirement, lines)}
    return {**named, "python": bounds(PROJECT["requires-python"])}


def in_environment() -> dict[str, frozenset[str]]:
    """Names and bounds by environment.yml, by their names on PyPI."""
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    split = [line.partition(" ") for line in lines if isinstance(line, str) and line != "pip"]
    return {CONDA.get(name, canonicalize_name(name)): bounds(rest) for name, _, rest in split}


def test_environment_is_in_step_with_pyproject():
    assert in_environment() == wanted()


def test_environment_installs_the_project_itself():
    lines = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert lines[-1] == {"pip": ["-e ."]}


def test_constraints_pin_all_that_is_needed_and_name_no_host():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\n]+)", text, flags=re.MULTILINE)
    assert not re.search(r"://|--index|--find-links|@ ", text)
    for line in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        need = Requirement(line)
        pinned = [version for name, version in pins if canonicalize_name(name) == canonicalize_name(need.name)]
        assert pinned, line
        assert all(need.specifier.contains(version) for version in pinned), line


def test_the_labextension_has_the_version_of_the_package():
    package = json.loads((ROOT / "toolkit/labextension/package.json").read_text(encoding="utf-8"))
    assert package["version"] == PROJECT["version"] == toolkit.__version__
    assert package["name"] == PROJECT["name"]


@pytest.mark.parametrize("room", [*toolkit.__all__, "__init__"])
def test_every_name_in_all_is_there(room):
    """An export that was renamed would leave its name behind."""
    module = toolkit if room == "__init__" else getattr(toolkit, room)
    for name in getattr(module, "__all__", []):
        assert hasattr(module, name)


def test_one_noun_stands_on_three_floors():
    """A measure has a chart and an explorer of its name."""
    for noun in ("status_funnel", "module_engagement"):
        for room in ("measure", "chart", "explore"):
            assert noun in importlib.import_module(f"toolkit.{room}").__all__


def test_no_tracked_text_names_a_place_of_one_machine():
    """Outputs of notebooks included."""
    homes = re.compile(r"/(?:home|Users|root|work|tmp)/[\w.-]+/")
    texts = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("*.md"), *ROOT.glob("data/*.*"), *ROOT.glob("toolkit/**/*.py")]
    assert not [path.name for path in texts if path.is_file() and homes.search(path.read_text(encoding="utf-8"))]


def test_the_installed_labextension_is_the_one_of_this_tree():
    """JupyterLab serves the installed copy: after a change run `pip install -e .` again."""
    installed = Path(sys.prefix) / "share/jupyter/labextensions" / PROJECT["name"]
    for name in ("package.json", "static/remoteEntry.js", "static/chart.css"):
        assert (installed / name).read_text(encoding="utf-8") == (ROOT / "toolkit/labextension" / name).read_text(
            encoding="utf-8"
        )
    assert (installed / "static/vega.js").stat().st_size > 500_000
