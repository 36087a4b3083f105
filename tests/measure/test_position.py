"""Places on the page: ties, overlays, layouts, and an effect that was planted."""

import random

import polars as pl
import pytest

from toolkit import ToolkitError, load
from toolkit.measure.position import module_places, place_effect, place_usage

ORDER = ["help", "impact", "mentorship"]


def page(user, order, clicked=(), *, visit=None, step=1, **more):
    """A visit whose impressions are sent in this order, a millisecond apart."""
    given = {"wiki": "cswiki", "platform": "desktop", "state": None, "mode": None, "recv_from": "cp1", **more}
    shown = [(module, "impression", step * place) for place, module in enumerate(order)]
    events = [*shown, *((module, "link-click", 100) for module in clicked)]
    frame = pl.DataFrame(events, schema=["module", "action", "ms"], orient="row")
    return frame.with_columns(
        user=pl.lit(user), visit=pl.lit(user if visit is None else visit), client_dt=pl.lit(None, dtype=pl.Datetime("ms", "UTC")),
        seq_id=pl.lit(None, dtype=pl.Int64), **{name: pl.lit(value, dtype=pl.String) for name, value in given.items()},
    )  # fmt: skip


def test_impressions_of_one_time_share_their_places():
    found = module_places(page(1, ORDER, step=0))
    assert found["place"].to_list() == [2.0, 2.0, 2.0]
    assert found["tied"].all()


def test_the_running_number_orders_one_host_only():
    frame = page(1, ORDER, step=0).with_columns(seq_id=pl.Series([3, 2, 1]))
    assert module_places(frame).sort("place")["module"].to_list() == ORDER[::-1]
    two_hosts = frame.with_columns(recv_from=pl.Series(["cp1", "cp2", "cp1"]))
    assert module_places(two_hosts)["tied"].all()


def test_a_module_that_was_opened_has_no_place_on_the_page():
    frame = pl.concat(
        [page(1, ["help"], mode="mobile-summary"), page(1, ["impact"], ["impact"], mode="mobile-overlay")]
    )
    assert module_places(frame).select("module", "place", "places").rows() == [("help", 1.0, 1)]


def test_a_click_in_the_overlay_is_one_on_the_module():
    frame = pl.concat([page(1, ["help"], mode="mobile-summary"), page(1, ["help"], ["help"], mode="mobile-overlay")])
    assert module_places(frame)["clicked"].to_list() == [True]


def test_a_layout_ranks_what_was_shown():
    found = module_places(page(1, ["mentorship", "help"]), layout=ORDER)
    assert found.sort("place").select("module", "place", "places").rows() == [("help", 1.0, 2), ("mentorship", 2.0, 2)]


def test_a_planted_effect_of_the_place_is_found_and_the_modules_own_share_taken_out():
    """Each place further down costs ten points; mentorship is clicked most wherever it stands, and stands low."""
    chance, pages = random.Random(4), []
    for user in range(1500):
        order = ORDER if chance.random() < 0.85 else chance.sample(ORDER, 3)
        clicked = [
            m for place, m in enumerate(order) if chance.random() < 0.3 - 0.1 * place + 0.4 * (m == "mentorship")
        ]
        pages.append(page(user, order, clicked))
    found = place_effect(pl.concat(pages))
    crude, within = found.row(0, named=True), found.row(1, named=True)
    assert crude["difference_low"] > -0.1
    assert within["difference_low"] < -0.1 < within["difference_high"] < 0
    assert within["note"] is None
    assert within["agreement"] > 0.5


def test_one_layout_for_all_tells_nothing_of_the_place_within_modules():
    found = place_effect(pl.concat([page(user, ORDER, ["help"]) for user in range(40)]))
    assert found["difference"].to_list() == [pytest.approx(-0.5), None, None]
    assert "never varies" in found["note"][1]


def test_a_handful_of_visits_that_differ_has_no_interval():
    pages = [page(user, ORDER, ["help"]) for user in range(40)]
    found = place_effect(pl.concat([*pages, page(90, ORDER[::-1]), page(91, ORDER[::-1])])).row(1, named=True)
    assert found["users_moved"] == 2
    assert (found["difference_low"], found["p_value"]) == (None, None)
    assert "fewer than 30 users" in found["note"]


def test_the_order_of_arrival_is_drawn_by_lot_in_the_sample_and_that_is_said(sample):
    frame = load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows
    by_arrival, by_layout = place_usage(frame), place_usage(frame, layout="2019")
    assert by_arrival["agreement"][0] < 0.01
    assert "nothing can be concluded" in by_arrival["note"][0]
    assert by_layout["agreement"][0] > 0.95
    assert by_layout["note"][0] is None
    assert by_arrival["n"].sum() == by_layout["n"].sum()


def test_a_layout_names_each_module_once():
    with pytest.raises(ToolkitError, match="each once"):
        place_usage(page(1, ORDER), layout=["help", "help"])
