"""Faces on measures and charts: choose by hand, take the code away."""

from toolkit.explore.change import change
from toolkit.explore.coverage import coverage
from toolkit.explore.engagement import module_engagement
from toolkit.explore.funnel import status_funnel
from toolkit.explore.steps import ordered_funnel
from toolkit.explore.view import View

__all__ = ["View", "change", "coverage", "module_engagement", "ordered_funnel", "status_funnel"]
