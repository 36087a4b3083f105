"""Exports to tables: every row is kept, set aside with file, line and reason, or counted as a duplicate."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.load.account import Load
    from toolkit.load.banner_impressions import impressions
    from toolkit.load.history import banner_history
    from toolkit.load.homepage import homepage_modules, homepage_visits

__all__ = ["Load", "banner_history", "homepage_modules", "homepage_visits", "impressions"]
HOMES = {
    "Load": "account",
    "banner_history": "history",
    "homepage_modules": "homepage",
    "homepage_visits": "homepage",
    "impressions": "banner_impressions",
}


def __getattr__(name: str) -> Any:
    """Loader, from the module in which it lives: a process that reads one table need not import the others."""
    if name in HOMES:
        return getattr(import_module(f"toolkit.load.{HOMES[name]}"), name)
    msg = f"module 'toolkit.load' has no attribute {name!r}"
    raise AttributeError(msg)
