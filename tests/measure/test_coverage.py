"""Coverage: which visits have module events, joined by wiki and token."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load, measure
from toolkit.measure.coverage import NO_MATCH

TOKEN = "homepage_pageview_token"


def modules(*entries, wiki="cswiki", platform="desktop"):
    """Module events of (user, visit)."""
    frame = pl.DataFrame(entries, schema=["user", "visit"], orient="row")
    return frame.with_columns(wiki=pl.lit(wiki), ms=pl.lit(5), platform=pl.lit(platform))


def visits(*entries, wiki="cswiki", mobile=False):
    """Visits of (user, visit)."""
    frame = pl.DataFrame(entries, schema=["user", "visit"], orient="row")
    return frame.with_columns(wiki=pl.lit(wiki), ms=pl.lit(0), is_mobile=pl.lit(mobile))


@pytest.fixture(scope="module")
def tables(sample):
    """Both tables of 2019 with the same key, and with the token."""
    kept = {"key": "k", "keep": [TOKEN, "user_id"]}
    return (
        load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", **kept).rows,
        load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", **kept).rows,
    )


class TestLedger:
    def test_both_sides_are_counted(self):
        found = measure.coverage(modules((1, 1), (1, 1), (4, 9)), visits((1, 1), (2, 2), (3, 3)), by=[])
        counts = ("n", "visits", "with_events", "without_events", "events_only")
        assert found.select(counts).row(0) == (4, 3, 1, 2, 1)
        assert found["share"].item() == pytest.approx(1 / 3)
        assert found["events_only_share"].item() == 0.25

    def test_the_same_token_on_two_wikis_is_two_visits(self):
        found = measure.coverage(modules((1, 1), wiki="kowiki"), visits((1, 1)), by="wiki")
        assert found.select("wiki", "with_events", "without_events", "events_only").rows() == [
            ("cswiki", 0, 1, 0),
            ("kowiki", 0, 0, 1),
        ]

    def test_a_visit_keeps_the_platform_that_the_server_saw(self):
        found = measure.coverage(modules((1, 1), platform="desktop"), visits((1, 1), mobile=True), by="platform")
        assert found.select("platform", "with_events", "platform_differs").rows() == [("mobile", 1, 1)]

    def test_events_without_a_token_are_no_visit(self):
        leaked = modules((1, None), (2, None)).with_columns(pl.col("visit").cast(pl.Int64))
        found = measure.coverage(pl.concat([modules((1, 1)), leaked]), visits((1, 1)), by="platform")
        assert found.select("n", "with_events", "events_without_token").rows() == [(1, 1, 2)]

    def test_a_share_of_nothing_is_null(self):
        found = measure.coverage(modules((4, 9)), visits((1, 1)), by="platform")
        assert found.height == 1
        only = measure.coverage(modules((4, 9), platform="mobile"), visits((1, 1)), by="platform").filter(
            platform="mobile"
        )
        assert only.select("visits", "share").row(0) == (0, None)

    def test_a_click_on_the_tutorial_is_logged_as_a_visit_of_its_own(self):
        """The button posts to Special:Homepage, which redirects: a second visit within a second, without events."""
        click = modules((1, 1)).with_columns(
            module=pl.lit("start-tutorial"), action=pl.lit("link-click"), ms=pl.lit(1_560_000_000_000)
        )
        pages = visits((1, 1), (1, 2), (2, 3)).with_columns(referer_route=pl.lit("other"), ms=pl.lit(1_560_000_001_000))
        assert measure.coverage(click, pages, by=[]).select("without_events", "redirects").row(0) == (2, 1)


class TestJoin:
    def test_loads_without_a_key_are_refused(self, sample):
        own = [
            load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows,
            load.homepage_visits(sample / "homepage_visits_2022.ndjson.gz").rows,
        ]
        with pytest.raises(ToolkitError, match="loads with the same key="):
            measure.coverage(*own)

    def test_loads_with_different_keys_share_no_visit_and_that_is_said(self, sample, tables):
        others = load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="another").rows
        found = measure.coverage(tables[0].drop(TOKEN, "user_id"), others, by=[])
        assert found["with_events"].item() == 0
        assert found["note"].item() == NO_MATCH

    def test_tokens_join_as_keys_do(self, tables):
        keyed = measure.coverage(*(table.drop(TOKEN, "user_id") for table in tables))
        assert_frame_equal(measure.coverage(*tables), keyed)

    def test_tokens_join_loads_without_a_key(self, sample, tables):
        own = [
            load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", keep=TOKEN).rows,
            load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", keep=TOKEN).rows,
        ]
        counts = ["visits", "with_events", "events_only"]
        assert_frame_equal(
            measure.coverage(*own, by="platform").select(counts),
            measure.coverage(*tables, by="platform").select(counts),
        )


class TestComparison:
    def variants(self, lost):
        """Twenty users of each variant; of the second, the first few have no module events."""
        pages = visits(*[(user, user) for user in range(40)])
        users = pl.DataFrame({"wiki": "cswiki", "user": range(40), "variant": ["C"] * 20 + ["D"] * 20})
        return modules(*[(user, user) for user in range(40) if user not in lost]), pages, users

    def test_variants_of_unlike_coverage_carry_a_warning(self):
        events, pages, users = self.variants(range(20, 32))
        found = measure.coverage(events, pages, by="variant", users=users, compare="variant")
        assert found["share"].to_list() == [1.0, 0.4]
        assert found["difference"].to_list() == pytest.approx([0.6, -0.6])
        assert all("coverage differs between values of variant" in note for note in found["note"])

    def test_variants_of_like_coverage_carry_none(self):
        events, pages, users = self.variants([1, 2, 25])
        found = measure.coverage(events, pages, by="variant", users=users, compare="variant")
        assert found["note"].to_list() == [None, None]
        assert found["p_value"].n_unique() == 1

    def test_two_values_are_one_test_and_three_are_three(self):
        events, pages, users = self.variants([1, 2, 3, 25])
        two = measure.coverage(events, pages, by="variant", users=users, compare="variant")
        assert two["p_adjusted"].to_list() == two["p_value"].to_list()
        three = measure.coverage(
            events, pages, by="third", users=users.with_columns(third=pl.col("user") % 3), compare="third"
        )
        assert three["p_adjusted"].min() == pytest.approx(min(1, 3 * three["p_value"].min()))

    def test_the_test_of_independent_visits_is_that_of_two_shares(self):
        """One visit a user: the pooled z test, by the formula of textbooks."""
        events, pages, users = self.variants(range(20, 26))
        found = measure.coverage(events, pages, by="variant", users=users, compare="variant")
        scipy = pytest.importorskip("scipy.stats")
        table = [[20, 0], [14, 6]]
        due = scipy.chi2_contingency(table, correction=False).pvalue
        assert found["p_value"][0] == pytest.approx(due)

    def test_a_variant_that_only_module_events_know_is_that_of_the_user(self):
        events = modules((1, 1), (2, 2)).with_columns(variant=pl.Series(["C", "D"]))
        found = measure.coverage(events, visits((1, 1), (1, 5), (2, 2), (3, 3)), by="variant")
        assert found.select("variant", "visits", "with_events").rows() == [("C", 2, 1), ("D", 1, 1), (None, 1, 0)]


class TestTruth:
    def test_visits_with_and_without_events_are_the_true_ones(self, sample, tables):
        truth = pl.read_csv(sample / "homepage_truth_visits_2019.csv.gz", infer_schema_length=None)
        there = pl.col("module_events_in_file") > 0
        due = truth.group_by(
            platform=pl.when(pl.col("skin_is_minerva") == 1).then(pl.lit("mobile")).otherwise(pl.lit("desktop"))
        ).agg(
            visits=pl.len().cast(pl.Int64),
            with_events=there.sum().cast(pl.Int64),
            without_events=(~there).sum().cast(pl.Int64),
        )
        found = measure.coverage(*tables, by="platform")
        assert_frame_equal(found.select(due.columns), due.sort("platform"))

    def test_every_redirect_found_is_one_and_most_are_found(self, sample, tables):
        truth = pl.read_csv(sample / "homepage_truth_visits_2019.csv.gz", infer_schema_length=None)
        ours = measure.matched(*tables).join(truth.select("wiki", "left_by", visit=TOKEN), on=["wiki", "visit"])
        assert ours.filter("redirect")["left_by"].unique().to_list() == ["redirect"]
        assert ours.filter("redirect").height > 0.75 * ours.filter(left_by="redirect").height

    def test_days_add_up_to_the_whole_and_the_order_of_rows_changes_nothing(self, tables):
        whole, days = measure.coverage(*tables, by=[]), measure.coverage(*tables)
        counts = ["n", "visits", "with_events", "without_events", "redirects", "events_only"]
        assert_frame_equal(days.select(pl.col(counts).sum()), whole.select(counts))
        shuffled = [table.sample(fraction=1, shuffle=True, seed=5) for table in tables]
        assert_frame_equal(measure.coverage(*shuffled), days)


def test_wrong_names_are_said():
    with pytest.raises(ToolkitError, match="measure.coverage needs the column 'colour'"):
        measure.coverage(modules((1, 1)), visits((1, 1)), by="colour")
    with pytest.raises(ToolkitError, match="'compare' takes 'wiki', not 'variant'"):
        measure.coverage(modules((1, 1)), visits((1, 1)), by="wiki", compare="variant")
