"""The ledger of filters and the kinds of duplicates: each counted, with the headline before and after."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, keep, load, measure, reference
from toolkit.measure.noise import KINDS
from toolkit.measure.registrations import known_users

JUNE = datetime(2019, 6, 1, tzinfo=UTC)


def rows(*entries, at=JUNE, **more):
    """Module events of (user, visit, action, second)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "action", "s"], orient="row")
    base = {"wiki": "cswiki", "module": "help", "mode": "desktop", "flags": 0, **more}
    ms = int(at.timestamp() * 1000) + pl.col("s") * 1000
    timed = frame.select(
        "user", "visit", "action", ms=ms.cast(pl.Int64), **{name: pl.lit(value) for name, value in base.items()}
    )
    return timed.with_columns(dt=pl.from_epoch("ms", time_unit="ms").dt.replace_time_zone("UTC"))


def line(ledger, name):
    return ledger.filter(pl.col("filter") == name).row(0, named=True)


@pytest.fixture(scope="module")
def loaded(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="k")


class TestLedger:
    def test_a_filter_says_what_it_takes_and_what_the_headline_becomes(self):
        people = rows((1, 1, "impression", 0), (2, 2, "impression", 0), (2, 2, "link-click", 3))
        bot = rows((9, 9, "impression", 0), flags=2 ** reference.flag_bit("bot"))
        ledger = measure.noise(pl.concat([people, bot]))
        assert line(ledger, "all events")["share"] == pytest.approx(1 / 3)
        found = line(ledger, "bots")
        assert (found["matched"], found["n"], found["left"], found["share"]) == (1, 1, 3, 0.5)
        assert found["difference"] == pytest.approx(1 / 2 - 1 / 3)

    def test_an_event_is_taken_away_once_by_the_first_filter_that_matches(self):
        bot = rows((9, 9, "impression", 0), flags=2 ** reference.flag_bit("bot"), wiki="testwiki")
        ledger = measure.noise(pl.concat([rows((1, 1, "impression", 0)), bot]))
        assert [(line(ledger, name)["matched"], line(ledger, name)["n"]) for name in ("bots", "test wikis")] == [
            (1, 1),
            (1, 0),
        ]

    def test_false_overlay_impressions_are_dropped_and_overlays_without_clicks_marked(self):
        false = rows((1, 1, "impression", 0), at=datetime(2019, 9, 1, tzinfo=UTC), mode="mobile-overlay")
        silent = rows((2, 2, "impression", 0), at=datetime(2020, 3, 1, tzinfo=UTC), mode="mobile-overlay")
        ledger = measure.noise(pl.concat([false, silent]))
        assert line(ledger, "false overlay impressions")["n"] == 1
        marked = line(ledger, "no overlay clicks")
        assert (marked["matched"], marked["n"], marked["left"], marked["visits"], marked["share"]) == (1, 0, 1, 0, None)

    def test_marked_events_stay_for_the_steps_that_follow(self):
        silent = rows(
            (2, 2, "impression", 0), (2, 2, "impression", 0), at=datetime(2020, 3, 1, tzinfo=UTC), mode="mobile-overlay"
        )
        ledger = measure.noise(silent)
        assert line(ledger, "no overlay clicks")["matched"] == 2
        assert line(ledger, "burst of impressions")["n"] == 1

    def test_the_leak_of_2025_is_dropped(self):
        leak = rows((1, None, "impression", 0), at=datetime(2025, 4, 1, tzinfo=UTC)).with_columns(
            pl.col("visit").cast(pl.Int64)
        )
        assert line(measure.noise(leak), "events without a token")["n"] == 1

    def test_without_a_list_of_accounts_that_is_said(self):
        assert (
            "no list of accounts was given"
            in line(measure.noise(rows((1, 1, "impression", 0))), "test accounts")["note"]
        )

    def test_a_break_shows_the_headline_from_its_day_on(self):
        before, after = (
            rows((1, 1, "impression", 0), at=datetime(2019, 6, 5, tzinfo=UTC)),
            rows((2, 2, "impression", 0), (2, 2, "link-click", 1), at=datetime(2019, 6, 6, 5, tzinfo=UTC)),
        )
        found = measure.noise(pl.concat([before, after])).filter(kind="break")
        assert found.select("matched", "n", "share").rows() == [(2, 0, 1.0)]

    def test_steps_add_up_and_the_kept_rows_are_what_is_left(self, loaded, sample):
        accounts = known_users(pl.read_csv(sample / "test_accounts_2019.csv"), key="k")
        ledger = measure.noise(loaded.rows, accounts=accounts, account=loaded.account)
        assert line(ledger, "second deliveries")["n"] == loaded.account["duplicates"].sum()
        assert ledger.filter(pl.col("kind") != "delivery")["n"].sum() == loaded.rows.height - ledger["left"][-1]
        sound = measure.duplicate_kinds(loaded.rows.filter(keep.sound(accounts)))
        dropped = [kind for kind, (treated, _) in KINDS.items() if treated == "dropped"]
        assert sound.filter(~pl.col("duplicate").is_in(dropped).fill_null(value=False)).height == ledger["left"][-1]

    def test_test_accounts_are_the_true_ones(self, loaded, sample):
        truth = pl.read_csv(sample / "homepage_truth_visits_2019.csv.gz", infer_schema_length=None)
        due = truth.filter(staff_test_account=1)["module_events_in_file"].sum()
        accounts = known_users(pl.read_csv(sample / "test_accounts_2019.csv"), key="k")
        assert due > 0
        assert line(measure.noise(loaded.rows, accounts=accounts), "test accounts")["n"] == due


class TestDuplicates:
    @pytest.mark.parametrize(
        ("events", "mode", "kinds"),
        [
            ([("impression", 0), ("impression", 0)], "desktop", [None, "burst of impressions"]),
            ([("impression", 0), ("impression", 1)], "desktop", [None, "burst of impressions"]),
            ([("impression", 0), ("impression", 7200)], "desktop", [None, "repeated impression"]),
            ([("impression", 0), ("impression", 7200)], "mobile-overlay", [None, "overlay opened again"]),
            ([("link-click", 0), ("link-click", 1)], "desktop", [None, "repeated click"]),
            ([("link-click", 0), ("link-click", 60)], "desktop", [None, None]),
            ([("close", 5), ("close", 5)], "mobile-overlay", [None, "same event again"]),
            ([("hover-in", 0), ("hover-in", 0)], "desktop", [None, None]),
        ],
    )
    def test_each_kind(self, events, mode, kinds):
        found = measure.duplicate_kinds(rows(*[(1, 1, action, second) for action, second in events], mode=mode))
        assert found["duplicate"].to_list() == kinds

    def test_other_links_and_other_visits_are_no_likes(self):
        frame = rows((1, 1, "link-click", 0), (1, 1, "link-click", 0), (1, 2, "link-click", 0)).with_columns(
            action_data=pl.Series(["linkId=a", "linkId=b", "linkId=a"])
        )
        assert measure.duplicate_kinds(frame)["duplicate"].to_list() == [None, None, None]

    @pytest.mark.parametrize("year", ["2019", "2022"])
    def test_repeated_impressions_are_the_true_ones(self, sample, year):
        """Every impression of a visit and module beyond the first, overlays apart."""
        truth = pl.read_csv(sample / f"homepage_truth_{year}.csv.gz", infer_schema_length=None)
        page = truth if "mode" not in truth.columns else truth.filter(pl.col("mode") != "mobile-overlay")
        due = page.select((pl.col("impressions_in_file") - 1).clip(0).sum()).item()
        found = measure.duplicates(load.homepage_modules(sample / f"homepage_modules_{year}.ndjson.gz").rows)
        assert found.filter(pl.col("kind").is_in(["burst of impressions", "repeated impression"]))["n"].sum() == due

    def test_second_deliveries_are_those_of_the_account(self, loaded, sample):
        due = pl.read_csv(sample / "homepage_duplicates_2019.csv").height
        found = measure.duplicates(loaded.rows, account=loaded.account).row(0, named=True)
        assert (found["kind"], found["n"], found["of"]) == (
            "re-delivery",
            loaded.account["duplicates"].sum(),
            loaded.rows.height + found["n"],
        )
        assert found["n"] <= due

    def test_the_rows_keep_their_order_and_number(self, loaded):
        found = measure.duplicate_kinds(loaded.rows)
        assert_frame_equal(found.drop("duplicate"), loaded.rows)


def test_shuffling_changes_nothing(loaded):
    other = loaded.rows.sample(fraction=1, shuffle=True, seed=4)
    assert_frame_equal(measure.noise(other), measure.noise(loaded.rows))
    assert_frame_equal(measure.duplicates(other), measure.duplicates(loaded.rows))


def test_lazy_rows_give_the_same():
    frame = rows((1, 1, "impression", 0), (1, 1, "impression", 9), (2, 2, "impression", timedelta(hours=1).seconds))
    assert_frame_equal(measure.noise(frame.lazy()), measure.noise(frame))


def test_wrong_columns_are_said():
    with pytest.raises(ToolkitError, match="measure.noise needs the columns 'user', 'visit'"):
        measure.noise(pl.DataFrame({"wiki": ["cswiki"]}))
