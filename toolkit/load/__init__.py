"""Exports to tables: every row is kept, set aside with file, line and reason, or counted as a duplicate."""

from toolkit.load.account import Load
from toolkit.load.homepage import homepage_modules, homepage_visits
from toolkit.load.impressions import impressions

__all__ = ["Load", "homepage_modules", "homepage_visits", "impressions"]
