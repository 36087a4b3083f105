"""Tables to measures: what is counted, by which weight, how sure."""

from toolkit.measure.engagement import hovers, module_engagement, module_visits
from toolkit.measure.funnel import status_funnel
from toolkit.measure.tally import Unit, tally

__all__ = ["Unit", "hovers", "module_engagement", "module_visits", "status_funnel", "tally"]
