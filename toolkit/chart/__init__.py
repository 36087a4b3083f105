"""Tables of measures to charts: titled, with unit, weight and interval, and a text for those who cannot see them."""

from toolkit.chart.change import change
from toolkit.chart.comparison import compare_shares, sample_size
from toolkit.chart.coverage import coverage
from toolkit.chart.difference import difference
from toolkit.chart.dwell import dwell, dwell_lengths
from toolkit.chart.engagement import module_engagement
from toolkit.chart.funnel import status_funnel
from toolkit.chart.hand_over import hand_overs
from toolkit.chart.history import impressions_until, log_funnel, waits
from toolkit.chart.impossible import impossible
from toolkit.chart.links import link_usage, mentor_usage, start_progress
from toolkit.chart.noise import duplicates, noise
from toolkit.chart.over_time import status_over_time
from toolkit.chart.position import place_effect, place_usage
from toolkit.chart.reconcile import reconcile
from toolkit.chart.renderer import enable, mimebundle
from toolkit.chart.retention import call_retention, retained_usage
from toolkit.chart.states import states, time_to_state, transitions
from toolkit.chart.steps import ordered_funnel
from toolkit.chart.usage import module_returns, module_usage, modules_used
from toolkit.chart.visits import arrivals, first_visits, returns, time_on_homepage, time_to_first_visit
from toolkit.chart.watch import watch
from toolkit.chart.ways import flows, steps  # last: a module of this room is called steps too

__all__ = [
    "arrivals",
    "call_retention",
    "change",
    "compare_shares",
    "coverage",
    "difference",
    "duplicates",
    "dwell",
    "dwell_lengths",
    "enable",
    "first_visits",
    "flows",
    "hand_overs",
    "impossible",
    "impressions_until",
    "link_usage",
    "log_funnel",
    "mentor_usage",
    "mimebundle",
    "module_engagement",
    "module_returns",
    "module_usage",
    "modules_used",
    "noise",
    "ordered_funnel",
    "place_effect",
    "place_usage",
    "reconcile",
    "retained_usage",
    "returns",
    "sample_size",
    "start_progress",
    "states",
    "status_funnel",
    "status_over_time",
    "steps",
    "time_on_homepage",
    "time_to_first_visit",
    "time_to_state",
    "transitions",
    "waits",
    "watch",
]
