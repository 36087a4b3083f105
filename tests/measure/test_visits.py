"""Arrivals, returns, first visits and time on the homepage: on frames a person can check, and against the truth."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load, measure
from toolkit.measure import registrations
from toolkit.measure.arrivals import NO_ROUTE

START = datetime(2019, 5, 6, tzinfo=UTC)


def visits(*entries, **more):
    """Visits of (user, visit, hour, route)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "h", "referer_route"], orient="row")
    ms = int(START.timestamp() * 1000) + pl.col("h") * 3_600_000
    return frame.select(
        "user", "visit", "referer_route", ms=ms, wiki=pl.lit("cswiki"), is_mobile=pl.lit(value=False)
    ).with_columns(**more)


def events(*entries, module="help"):
    """Module events of (user, visit, action, second)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "action", "s"], orient="row")
    return frame.select(
        "user", "visit", "action", ms=(pl.col("s") * 1000).cast(pl.Int64), wiki=pl.lit("cswiki"), module=pl.lit(module)
    )


@pytest.fixture(scope="module")
def sample_visits(sample):
    return load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="k").rows


@pytest.fixture(scope="module")
def sample_modules(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="k").rows


class TestOrder:
    def test_the_earliest_visit_of_a_user_is_the_first(self):
        found = measure.visit_order(visits((1, 5, 9, "direct"), (1, 6, 2, "other"), (2, 7, 4, "direct"))).sort("visit")
        assert found.select("visit", "order", "place", "since_before_s").rows() == [
            (5, "later", 2, 7 * 3600.0), (6, "first", 1, None), (7, "first", 1, None),
        ]  # fmt: skip

    def test_a_token_that_was_logged_twice_is_one_visit(self):
        assert measure.visit_order(visits((1, 5, 0, "direct"), (1, 5, 1, "direct"))).height == 1

    def test_the_same_user_number_on_two_wikis_is_two_users(self):
        one = visits((1, 5, 0, "direct"))
        both = pl.concat([one, one.with_columns(wiki=pl.lit("kowiki"))])
        assert measure.visit_order(both)["order"].to_list() == ["first", "first"]

    def test_which_of_two_visits_at_once_is_first_depends_on_what_they_say_and_is_counted(self):
        frame = visits((1, 5, 0, "other"), (1, 6, 0, "direct"))
        renumbered = frame.with_columns(visit=11 - pl.col("visit"))
        for rows in (frame, renumbered, frame.reverse()):
            found = measure.arrivals(rows)
            assert found.select("order", "referer_route", "tied").rows() == [
                ("first", "direct", 1),
                ("later", "other", 1),
            ]
        assert found["note"].drop_nulls().len() == 2

    def test_a_visit_without_a_user_is_neither_first_nor_later(self):
        frame = pl.concat([visits((1, 5, 0, "direct")), visits((None, 6, 1, "direct"))], how="vertical_relaxed")
        assert measure.visit_order(frame).sort("visit")["order"].to_list() == ["first", None]
        assert measure.returns(frame).select("n", "visits", "without_user").row(0) == (1, 1, 1)


class TestArrivals:
    def test_shares_are_of_the_visits_of_the_same_order(self):
        frame = visits((1, 1, 0, "direct"), (2, 2, 0, "other"), (1, 3, 5, "direct"), (1, 4, 6, "direct"))
        found = measure.arrivals(frame)
        assert found.select("order", "referer_route", "n", "whole", "share").rows() == [
            ("first", "direct", 1, 2, 0.5), ("first", "other", 1, 2, 0.5), ("later", "direct", 2, 2, 1.0),
        ]  # fmt: skip

    def test_many_visits_of_one_user_say_less_than_as_many_of_many_users(self):
        one = visits(*[(1, at, at, "direct") for at in range(1, 9)], *[(2, 20 + at, at, "other") for at in range(1, 9)])
        many = visits(
            *[(at, at, 0, "direct") for at in range(8)],
            *[(at, 30 + at, 5, ["direct", "other"][at % 2]) for at in range(8)],
        )
        width = [
            measure.arrivals(rows)
            .filter(order="later")
            .select((pl.col("share_high") - pl.col("share_low")).first())
            .item()
            for rows in (one, many)
        ]
        assert width[0] > width[1]

    def test_no_route_is_a_route_of_its_own(self):
        assert measure.arrivals(visits((1, 1, 0, None), (2, 2, 0, "direct")))["referer_route"].to_list() == [
            NO_ROUTE,
            "direct",
        ]

    @pytest.mark.parametrize("year", ["2019", "2022"])
    def test_routes_of_first_visits_are_the_true_ones(self, sample, year):
        """The first visit of each user by the simulation's own clock; the redirects of 2019 are visits to the server."""
        truth = pl.read_csv(sample / f"homepage_truth_visits_{year}.csv.gz", infer_schema_length=None)
        first = (
            truth.sort("visit_dt")
            .group_by("wiki", "user_id", maintain_order=True)
            .agg(pl.col("referer_route_true").first())
        )
        due = first.group_by(referer_route="referer_route_true").agg(n=pl.len().cast(pl.Int64))
        rows = load.homepage_visits(sample / f"homepage_visits_{year}.ndjson.gz").rows
        found = measure.arrivals(rows).filter(order="first")
        assert_frame_equal(found.select("referer_route", "n"), due, check_row_order=False)


class TestReturns:
    def test_who_came_twice_returned(self):
        found = measure.returns(visits((1, 1, 0, "direct"), (1, 2, 30, "direct"), (2, 3, 0, "direct")))
        assert found.select("n", "visits_first", "visits_later", "users_returned", "share").row(0) == (2, 2, 1, 1, 0.5)

    def test_a_window_counts_only_users_that_it_sees_to_its_end(self):
        frame = visits(
            (1, 1, 0, "direct"), (1, 2, 30, "direct"), (2, 3, 0, "direct"), (2, 4, 10, "direct"), (3, 5, 29, "direct")
        )
        found = measure.returns(frame, within_d=1)
        assert found.select("n", "users_returned", "too_recent").row(0) == (2, 1, 1)

    def test_wikis_add_up_to_the_whole(self, sample):
        rows = load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz").rows
        counts = ["n", "visits", "visits_later", "users_returned"]
        assert_frame_equal(
            measure.returns(rows, by="wiki").select(pl.col(counts).sum()), measure.returns(rows).select(counts)
        )


class TestFirstVisits:
    def accounts(self, *hours):
        return pl.DataFrame(
            {
                "wiki": "cswiki",
                "user": range(1, len(hours) + 1),
                "registered": [START + timedelta(hours=h) for h in hours],
            }
        )

    def found(self, **more):
        frame = visits((1, 1, 5, "direct"), (1, 2, 6, "direct"), (2, 3, 40, "direct"), (9, 4, 50, "direct"))
        return measure.first_visits(frame, registrations=self.accounts(0, 0, 0, 45), within_h=[10, 48], **more)

    def test_a_window_counts_who_was_watched_to_its_end(self):
        found = self.found(until=START + timedelta(hours=50))
        assert found.select("within_h", "n", "visited", "too_recent", "unregistered").rows() == [
            (10.0, 3, 1, 1, 1),
            (48.0, 3, 2, 1, 1),
        ]

    def test_the_wait_is_from_the_registration_to_the_first_visit(self):
        assert self.found()["median_h"].to_list() == [5.0, 22.5]

    def test_a_visit_before_the_registration_is_said(self):
        frame = visits((1, 1, 5, "direct"))
        found = measure.first_visits(
            frame, registrations=self.accounts(7), within_h=1, until=START + timedelta(hours=50)
        )
        assert found.select("visited", "before").row(0) == (1, 1)
        assert "older than the registration" in found["note"].item()

    def test_waits_are_censored_at_the_end(self):
        found = registrations.waits(
            visits((1, 1, 5, "direct")), registrations=self.accounts(0, 1), until=START + timedelta(hours=9)
        )
        assert found.rows() == [(5.0, True), (8.0, False)]

    def test_numbered_users_are_refused(self):
        numbered = visits((1, 1, 5, "direct")).with_columns(pl.col("user").cast(pl.UInt32))
        with pytest.raises(ToolkitError, match="measure.known_users with the same key"):
            measure.first_visits(numbered, registrations=self.accounts(0))

    def test_a_list_of_user_ids_meets_the_loaders_users(self, sample, sample_visits):
        listed = pl.read_csv(sample / "test_accounts_2019.csv")
        assert sample_visits.join(measure.known_users(listed, key="k"), on=["wiki", "user"], how="semi").height > 0
        assert sample_visits.join(measure.known_users(listed, key="other"), on=["wiki", "user"], how="semi").is_empty()


class TestTime:
    def test_a_visit_lasts_from_its_first_impression_to_its_last_event(self):
        found = measure.time_on_homepage(
            events((1, 1, "impression", 3), (1, 1, "hover-in", 1), (1, 1, "link-click", 9))
        )
        assert found.select("order", "n", "median_s").rows() == [("first", 1, 6.0)]
        assert "lower bound" in found["note"].item()

    def test_a_long_pause_is_not_time_on_the_page(self):
        found = measure.time_on_homepage(
            events(
                (1, 1, "impression", 0), (1, 1, "hover-in", 4), (1, 1, "impression", 90_000), (1, 1, "hover-in", 90_002)
            )
        )
        assert found.select("median_s", "idle").row(0) == (6.0, 1)

    def test_a_visit_without_an_impression_has_no_time_and_is_counted(self):
        found = measure.time_on_homepage(events((1, 1, "impression", 0), (2, 2, "hover-in", 4)))
        assert found.select("n", "zero", "no_impression").row(0) == (1, 1, 1)

    def test_the_order_comes_from_all_visits_where_they_are_given(self):
        found = measure.time_on_homepage(
            events((1, 2, "impression", 40_000)), visits=visits((1, 1, -400_000, "direct"), (1, 2, 0, "direct"))
        )
        assert found["order"].to_list() == ["later"]

    def test_the_browsers_clock_is_used_where_all_events_have_it(self):
        clock = pl.Series([START, START + timedelta(seconds=2.5)])
        found = measure.time_on_homepage(
            events((1, 1, "impression", 30), (1, 1, "link-click", 30)).with_columns(client_dt=clock, dt=START)
        )
        assert found.select("median_s", "clock").row(0) == (2.5, "browser")


class TestOrderOfRows:
    def test_shuffling_changes_nothing(self, sample_visits, sample_modules):
        other_visits, other_modules = (
            rows.sample(fraction=1, shuffle=True, seed=3) for rows in (sample_visits, sample_modules)
        )
        for name in ("arrivals", "returns"):
            assert_frame_equal(
                getattr(measure, name)(other_visits, by="wiki"), getattr(measure, name)(sample_visits, by="wiki")
            )
        assert_frame_equal(
            measure.time_on_homepage(other_modules, by="platform"),
            measure.time_on_homepage(sample_modules, by="platform"),
        )

    def test_lazy_rows_give_the_same(self, sample_visits):
        assert_frame_equal(measure.arrivals(sample_visits.lazy(), by="day"), measure.arrivals(sample_visits, by="day"))


def test_wrong_columns_are_said():
    with pytest.raises(ToolkitError, match="measure.arrivals needs the columns? 'wiki'"):
        measure.arrivals(pl.DataFrame({"referer_route": ["direct"]}))
    with pytest.raises(ToolkitError, match="measure.arrivals needs the column 'variant'"):
        measure.arrivals(visits((1, 1, 0, "direct")), by="variant")


def test_the_curve_to_the_first_visit_counts_who_is_still_waiting():
    accounts = TestFirstVisits().accounts(0, 0, 0)
    found = measure.time_to_first_visit(
        visits((1, 1, 5, "direct"), (2, 2, 7, "direct")), registrations=accounts, until=START + timedelta(hours=9)
    )
    assert found.select("time_h", "at_risk", "events", "censored").rows() == [
        (5.0, 3.0, 1.0, 0.0),
        (7.0, 2.0, 1.0, 0.0),
        (9.0, 1.0, 0.0, 1.0),
    ]
    assert found["share"].to_list() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
