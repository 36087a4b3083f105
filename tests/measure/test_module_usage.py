"""Use of modules on frames that can be checked by eye, and against the truth of the samples."""

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load
from toolkit.measure.links import link_usage, mentor_usage, start_progress
from toolkit.measure.position import place_effect
from toolkit.measure.retention import call_retention, retained_usage
from toolkit.measure.usage import module_returns, module_usage, modules_used

DAY = 86_400_000
YEARS = ["2019", "2022"]


def rows(*entries, **more):
    """Events of (user, visit, module, action, ms)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "module", "action", "ms"], orient="row")
    return frame.with_columns(wiki=pl.lit("cswiki"), **{name: pl.lit(value) for name, value in more.items()})


def events(sample, year):
    return load.homepage_modules(sample / f"homepage_modules_{year}.ndjson.gz", key="secret").rows


@pytest.fixture(scope="module")
def found(sample):
    """Events of both samples."""
    return {year: events(sample, year) for year in YEARS}


@pytest.fixture(scope="module")
def truth(sample):
    """Delivered events of each visit and module."""
    number = [
        pl.col(name).cast(pl.Int64, strict=False).fill_null(0)
        for name in ("impressions_in_file", "link_clicks_in_file")
    ]
    return {
        year: pl.read_csv(sample / f"homepage_truth_{year}.csv.gz", infer_schema_length=None)
        .with_columns(number)
        .group_by("wiki", "user_id", "homepage_pageview_token", "module")
        .agg(shown=pl.col("impressions_in_file").sum(), clicks=pl.col("link_clicks_in_file").sum())
        for year in YEARS
    }


UNIT = {"visit": ["wiki", "homepage_pageview_token"], "user": ["wiki", "user_id"]}


class TestModuleUsage:
    def test_a_user_of_two_visits_is_one_user_who_clicked(self):
        frame = rows((1, 1, "help", "impression", 0), (1, 2, "help", "impression", 5), (1, 2, "help", "link-click", 6))
        assert module_usage(frame).select("n", "clicked", "clicks").row(0) == (2, 1, 1)
        assert module_usage(frame, per="user").select("n", "clicked", "clicks").row(0) == (1, 1, 1)

    def test_the_same_user_number_on_two_wikis_is_two_users(self):
        one = rows((1, 1, "help", "impression", 0))
        both = pl.concat([one, one.with_columns(wiki=pl.lit("kowiki"))])
        assert module_usage(both, per="user")["n"].item() == 2

    def test_a_click_without_an_impression_is_counted_apart(self):
        frame = rows((1, 1, "help", "impression", 0), (2, 2, "help", "link-click", 5))
        assert module_usage(frame).select("n", "clicked", "clicks", "click_only").row(0) == (1, 0, 0, 1)

    def test_a_share_of_nothing_is_null(self):
        found = module_usage(rows((2, 2, "help", "link-click", 5)))
        assert found.select("n", "share", "share_low", "clicks_per_unit").row(0) == (0, None, None, None)

    def test_clicks_on_tasks_are_clicks_unless_only_links_are_asked_for(self):
        frame = rows((1, 1, "suggested-edits", "impression", 0), (1, 1, "suggested-edits", "se-task-click", 6))
        assert module_usage(frame)["clicked"].item() == 1
        assert module_usage(frame, actions="link-click")["clicked"].item() == 0

    def test_an_action_that_does_not_exist_is_said(self):
        with pytest.raises(ToolkitError, match="no action named 'linkclick'"):
            module_usage(rows((1, 1, "help", "impression", 0)), actions="linkclick")

    def test_visits_without_a_user_are_said(self):
        frame = rows(
            (None, 1, "help", "impression", 0), (None, 2, "help", "impression", 0), (3, 3, "help", "impression", 0)
        )
        assert module_usage(frame, per="user").select("n", "note").row(0) == (1, "2 visits have no user: left out")
        assert module_usage(frame).select("n", "users").row(0) == (3, 3)

    @pytest.mark.parametrize("per", ["visit", "user"])
    @pytest.mark.parametrize("year", YEARS)
    def test_delivered_clicks_are_those_of_the_truth(self, found, truth, year, per):
        due = (
            truth[year]
            .group_by(*UNIT[per], "module")
            .agg(pl.col("shown", "clicks").sum())
            .filter(pl.col("shown") > 0)
            .group_by("module")
            .agg(
                n=pl.len().cast(pl.Int64),
                clicked=(pl.col("clicks") > 0).sum().cast(pl.Int64),
                clicks=pl.col("clicks").sum(),
            )
            .sort("module")
        )
        measured = module_usage(found[year], per=per, actions="link-click").filter(pl.col("n") > 0)
        assert_frame_equal(measured.select(due.columns), due)

    def test_two_halves_by_user_add_up(self, found):
        frame = found["2019"]
        half = pl.col("user") % 2 == 0
        parts = pl.concat([module_usage(frame.filter(part), per="user") for part in (half, ~half)])
        added = parts.group_by("module").agg(pl.col("n", "clicked", "clicks").sum()).sort("module")
        assert_frame_equal(added, module_usage(frame, per="user").select(added.columns))


class TestModulesUsed:
    def test_two_clicks_on_one_module_are_one_module(self):
        frame = rows((1, 1, "help", "impression", 0), (1, 1, "help", "link-click", 5), (1, 2, "help", "link-click", 9))
        assert modules_used(frame).select("modules", "n", "share").rows() == [(0, 0, 0.0), (1, 1, 1.0)]

    @pytest.mark.parametrize("per", ["visit", "user"])
    def test_numbers_of_modules_are_those_of_the_truth(self, found, truth, per):
        units = truth["2019"].group_by(*UNIT[per], "module").agg(pl.col("shown", "clicks").sum())
        used = units.group_by(UNIT[per]).agg(
            shown=pl.col("shown").sum(), modules=(pl.col("clicks") > 0).sum().cast(pl.Int64)
        )
        due = used.filter(pl.col("shown") > 0).group_by("modules").agg(n=pl.len().cast(pl.Int64)).sort("modules")
        measured = modules_used(found["2019"], per=per)
        assert_frame_equal(measured.filter(pl.col("n") > 0).select("modules", "n"), due)
        assert measured["share"].sum() == pytest.approx(1)
        assert measured["n"].sum() == measured["of"][0]

    def test_each_value_of_a_dimension_is_a_whole(self, found):
        measured = modules_used(found["2019"], by="platform")
        assert measured.group_by("platform").agg(pl.col("share").sum().round(9))["share"].to_list() == [1.0, 1.0]


class TestModuleReturns:
    def test_two_visits_of_one_day_are_no_two_days(self):
        frame = rows((1, 1, "help", "link-click", 0), (1, 2, "help", "link-click", 5))
        assert module_returns(frame)["returned"].to_list() == [1, 0]

    def test_a_restored_page_is_the_same_visit_on_another_day(self):
        frame = rows((1, 1, "help", "link-click", 0), (1, 1, "help", "link-click", DAY + 5))
        assert module_returns(frame)["returned"].to_list() == [0, 1]

    def test_who_met_the_module_again_could_have_returned(self):
        frame = rows(
            (1, 1, "help", "link-click", 5),
            (1, 2, "help", "impression", 9),
            (2, 3, "help", "impression", 1),
            (2, 4, "help", "link-click", 7),
        )
        # the second user met the module before the click, not after it
        assert module_returns(frame).select("n", "seen_again", "share_seen_again").row(0) == (2, 1, 0.0)

    def test_several_visits_are_those_of_the_truth(self, found, truth):
        clicked = truth["2019"].filter(pl.col("clicks") > 0).group_by("wiki", "user_id", "module").len()
        due = clicked.group_by("module").agg(
            n=pl.len().cast(pl.Int64), returned=(pl.col("len") > 1).sum().cast(pl.Int64)
        )
        measured = module_returns(found["2019"]).filter(again="several visits")
        assert_frame_equal(measured.select("module", "n", "returned"), due.sort("module"))


MEASURES = {
    "module_usage": lambda frame: module_usage(frame, by="state"),
    "modules_used": modules_used,
    "module_returns": module_returns,
    "link_usage": link_usage,
    "mentor_usage": mentor_usage,
    "start_progress": start_progress,
    "place_effect": place_effect,
    "retained_usage": lambda frame: retained_usage(frame, days=2),
    "call_retention": lambda frame: call_retention(frame, days=2),
}


@pytest.mark.parametrize("name", MEASURES)
def test_the_order_of_rows_changes_nothing(found, name):
    shuffled = found["2019"].sample(fraction=1, shuffle=True, seed=3)
    assert_frame_equal(MEASURES[name](shuffled), MEASURES[name](found["2019"]), check_exact=True)


@pytest.fixture(scope="module")
def written(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("engine") / "rows.parquet"
    found["2019"].drop("file").write_parquet(path)
    return str(path)


@pytest.mark.parametrize("name", MEASURES)
def test_another_engine_gives_the_same(found, written, name):
    with duckdb.connect() as engine:
        assert_frame_equal(MEASURES[name](engine.read_parquet(written)), MEASURES[name](found["2019"].lazy()))


@pytest.mark.parametrize("name", MEASURES)
def test_missing_columns_and_loads_are_refused(sample, name):
    with pytest.raises(ToolkitError, match=r"needs the column|give the load's"):
        MEASURES[name](pl.DataFrame({"wiki": ["cswiki"], "module": ["help"]}))
    with pytest.raises(ToolkitError, match="give the load's `.rows`"):
        MEASURES[name](load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz"))
