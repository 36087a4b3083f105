"""How the outputs of notebooks are compared when notebooks are tested."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "notebooks/conftest.py"


@pytest.fixture(scope="module")
def comparison():
    """The module of rules, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("comparison", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


A, B, C = (f"data-{letter * 32}" for letter in "abc")


def layers(one: str, other: str, **order: str) -> dict[str, object]:
    """A chart of two layers, each with data of its own."""
    rows = {one: [{"n": 1}], other: [{"n": 2}]}
    return {
        "datasets": {name: rows[name] for name in order.values()},
        "layer": [{"data": {"name": one}}, {"data": {"name": other}}],
    }


@pytest.mark.parametrize(
    ("stored", "now"),
    [
        (0.1, 0.1 + 1e-12),
        ("mean 0.4903211902631223", "mean 0.4903211902631225"),
        ({"a": [1, 0.5]}, {"a": [1, 0.5 + 1e-14]}),
        (layers(A, B, first=A, second=B), layers(A, B, first=B, second=A)),
        (layers(A, C, first=A, second=C), layers(B, A, first=A, second=B)),
    ],
)
def test_last_digits_and_names_made_of_them_do_not_count(comparison, stored, now):
    assert comparison.Output(stored) == comparison.Output(now)
    assert not comparison.Output(stored) != comparison.Output(now)  # noqa: SIM202, nbval asks this way


@pytest.mark.parametrize(
    ("stored", "now", "said"),
    [
        ({"n": 63}, {"n": 64}, ".n: stored 63, now 64"),
        ({"a": [1, {"b": 0.5}]}, {"a": [1, {"b": 0.50001}]}, ".a[1].b: stored 0.5, now 0.50001"),
        ({"a": 1}, {}, ".a: stored 1, now 'nothing'"),
        ([1] * 80, "csv", "text: stored [" + "1, " * 26 + "1..., now 'csv'"),
        ([1], [1, 2], "list: stored 1 items, now 2"),
        ({"a": True}, {"a": 1}, ".a: stored True, now 1"),
        ("10000000000", "10000000001", "text: stored '10000000000', now '10000000001'"),
        ("x" * 200 + "a", "x" * 200 + "b", f"text: stored ...'{'x' * 20}a'..., now ...'{'x' * 20}b'..."),
        ("v1.10.0", "v1.10.1", "text: stored 'v1.10.0', now 'v1.10.1'"),
    ],
)
def test_the_place_of_a_difference_is_named(comparison, stored, now, said):
    assert list(comparison.differences(stored, now)) == [said]
    assert comparison.Output(stored) != comparison.Output(now)
