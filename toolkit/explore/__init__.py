"""Faces on measures and charts: choose by hand, take the code away."""

from toolkit.explore.engagement import module_engagement
from toolkit.explore.funnel import status_funnel
from toolkit.explore.view import View

__all__ = ["View", "module_engagement", "status_funnel"]
