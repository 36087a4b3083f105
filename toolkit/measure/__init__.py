"""Tables to measures: what is counted, by which weight, how sure."""

from toolkit.measure.arrivals import arrivals, returns
from toolkit.measure.change import change
from toolkit.measure.comparison import compare_modules, compare_shares, editcount_band, sample_size
from toolkit.measure.coverage import coverage, matched
from toolkit.measure.diet import diet
from toolkit.measure.difference import difference, status_change
from toolkit.measure.druid_activity import druid_banner_activity
from toolkit.measure.engagement import module_engagement, module_visits
from toolkit.measure.funnel import status_funnel
from toolkit.measure.hand_over import hand_overs
from toolkit.measure.history_coverage import history_coverage
from toolkit.measure.hovers import dwell, hovers
from toolkit.measure.impossible import impossible
from toolkit.measure.impressions_until import impressions_until
from toolkit.measure.links import link_usage, mentor_usage, start_progress
from toolkit.measure.log_funnel import log_funnel
from toolkit.measure.noise import duplicate_kinds, duplicates, noise
from toolkit.measure.over_time import breaks, status_over_time
from toolkit.measure.position import place_effect, place_usage
from toolkit.measure.reconcile import reconcile
from toolkit.measure.registrations import first_visits, known_users, time_to_first_visit
from toolkit.measure.retention import call_retention, retained_usage
from toolkit.measure.states import module_states, states, time_to_state, transitions, waits_for_state
from toolkit.measure.steps import ordered_funnel
from toolkit.measure.suppress import suppress
from toolkit.measure.survival import product_limit, survival_quantile
from toolkit.measure.tally import Unit, tally
from toolkit.measure.time_on_homepage import time_on_homepage
from toolkit.measure.usage import module_returns, module_usage, modules_used
from toolkit.measure.visits import visit_order
from toolkit.measure.waits import waits
from toolkit.measure.watch import watch
from toolkit.measure.ways import flows, steps  # last: a module of this room is called steps too

__all__ = [
    "Unit",
    "arrivals",
    "breaks",
    "call_retention",
    "change",
    "compare_modules",
    "compare_shares",
    "coverage",
    "diet",
    "difference",
    "druid_banner_activity",
    "duplicate_kinds",
    "duplicates",
    "dwell",
    "editcount_band",
    "first_visits",
    "flows",
    "hand_overs",
    "history_coverage",
    "hovers",
    "impossible",
    "impressions_until",
    "known_users",
    "link_usage",
    "log_funnel",
    "matched",
    "mentor_usage",
    "module_engagement",
    "module_returns",
    "module_states",
    "module_usage",
    "module_visits",
    "modules_used",
    "noise",
    "ordered_funnel",
    "place_effect",
    "place_usage",
    "product_limit",
    "reconcile",
    "retained_usage",
    "returns",
    "sample_size",
    "start_progress",
    "states",
    "status_change",
    "status_funnel",
    "status_over_time",
    "steps",
    "suppress",
    "survival_quantile",
    "tally",
    "time_on_homepage",
    "time_to_first_visit",
    "time_to_state",
    "transitions",
    "visit_order",
    "waits",
    "waits_for_state",
    "watch",
]
