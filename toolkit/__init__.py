"""CentralNotice banners and Growth homepage modules: from exports to funnels, engagement, charts and shared pages."""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    __version__: str
    from toolkit import chart, claims, decode, errors, explore, keep, load, measure, quality, reference, share

ROOMS = ("chart", "claims", "decode", "errors", "explore", "keep", "load", "measure", "quality", "reference", "share")
__all__ = [
    "ToolkitError",
    "__version__",
    "chart",
    "claims",
    "decode",
    "errors",
    "explore",
    "keep",
    "load",
    "measure",
    "quality",
    "reference",
    "share",
]


def __getattr__(name: str) -> ModuleType | str:
    """Room of the package, opened when it is first used: a process that only reads need not wait for the charts."""
    if name in ROOMS:
        return import_module(f"toolkit.{name}")
    if name == "__version__":
        found: str = import_module("importlib.metadata").version("wikimedia-event-toolkit")
        return found
    msg = f"module 'toolkit' has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted({*globals(), *ROOMS})
