"""Tables of measures to charts: titled, with unit, weight and interval, and a text for those who cannot see them."""

from toolkit.chart.engagement import module_engagement
from toolkit.chart.filters import status_funnel_filters
from toolkit.chart.funnel import status_funnel
from toolkit.chart.renderer import enable

__all__ = ["enable", "module_engagement", "status_funnel", "status_funnel_filters"]
