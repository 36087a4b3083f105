"""Module engagement on frames that can be checked by eye, and against the truth of the samples."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load, measure


def rows(*entries, module="help", platform="desktop"):
    """Events of (visit, action, second)."""
    frame = pl.DataFrame(entries, schema=["visit", "action", "s"], orient="row")
    return frame.select(
        "visit", "action", wiki=pl.lit("cswiki"), module=pl.lit(module), platform=pl.lit(platform), ms=pl.col("s") * 1000
    )  # fmt: skip


@pytest.fixture(scope="module")
def found(sample):
    """Events of the sample of 2019."""
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


@pytest.fixture(scope="module")
def truth(sample):
    """What the simulated readers did, by visit and module."""
    return pl.read_csv(sample / "homepage_truth_2019.csv.gz", infer_schema_length=None)


class TestVisits:
    def test_a_visit_counts_once_however_often_it_clicks(self):
        found = measure.module_engagement(
            rows((1, "impression", 0), (1, "link-click", 1), (1, "link-click", 2), (2, "impression", 0))
        )
        assert found.select("visits", "visits_clicked", "share", "clicks").row(0) == (2, 1, 0.5, 2)

    def test_a_click_without_an_impression_is_counted_apart(self):
        found = measure.module_engagement(rows((1, "impression", 0), (2, "link-click", 1)))
        assert found.select("visits", "visits_clicked", "visits_click_only").row(0) == (1, 0, 1)

    def test_the_same_visit_number_on_two_wikis_is_two_visits(self):
        one = rows((1, "impression", 0))
        both = pl.concat([one, one.with_columns(wiki=pl.lit("kowiki"))])
        assert measure.module_engagement(both)["visits"].item() == 2

    def test_a_share_of_nothing_is_null(self):
        assert measure.module_engagement(rows((1, "hover-in", 0)))["share"].item() is None

    def test_the_order_of_rows_changes_nothing(self, found):
        shuffled = found.sample(fraction=1, shuffle=True, seed=1)
        assert_frame_equal(
            measure.module_engagement(shuffled, by="state"), measure.module_engagement(found, by="state")
        )

    @pytest.mark.parametrize("by", ["wiki", "visit", "user", ["wiki", "platform"]])
    def test_any_dimension_may_split_the_modules(self, found, by):
        whole = measure.module_engagement(found)
        parts = (
            measure.module_engagement(found, by=by)
            .group_by("module")
            .agg(pl.col("visits", "clicks").sum())
            .sort("module")
        )
        assert_frame_equal(parts.filter(pl.col("visits") > 0), whole.select("module", "visits", "clicks"))

    def test_a_dimension_may_not_have_the_name_of_a_result(self):
        with pytest.raises(ToolkitError, match="'by' names no column of the result itself"):
            measure.module_engagement(rows((1, "impression", 0)), by="visits")

    def test_lazy_rows_give_the_same(self):
        frame = rows((1, "impression", 0), (1, "hover-in", 1), (1, "hover-out", 3))
        assert_frame_equal(measure.module_engagement(frame.lazy()), measure.module_engagement(frame))

    def test_two_halves_by_visit_add_up(self, found):
        half = found["visit"].max() // 2
        counts = [
            "visits",
            "visits_clicked",
            "impressions",
            "clicks",
            "hover_ins",
            "hover_outs",
            "pairs",
            "open",
            "orphan",
            "restored",
        ]
        parts = [
            measure.module_engagement(found.filter(part)) for part in (pl.col("visit") <= half, pl.col("visit") > half)
        ]
        added = pl.concat(parts).group_by("module").agg(pl.col(counts).sum()).sort("module")
        assert_frame_equal(added, measure.module_engagement(found).select("module", *counts))

    def test_wrong_columns_are_said(self):
        with pytest.raises(ToolkitError, match="needs the columns 'wiki', 'visit'"):
            measure.module_engagement(pl.DataFrame({"module": ["help"]}))


class TestTruth:
    """Delivered events by visit and module, as the simulated readers caused them; second deliveries are dropped."""

    @pytest.mark.parametrize("by", [["module"], ["module", "state"]])
    def test_visits_clicks_and_hovers_agree_exactly(self, found, truth, by):
        shown, clicked = pl.col("impressions_in_file") > 0, pl.col("link_clicks_in_file") > 0
        desktop = pl.col("client_is_mobile") == 0
        due = (
            truth.filter(
                pl.sum_horizontal("impressions_in_file", "link_clicks_in_file", "hover_in_in_file", "hover_out_in_file")
                > 0
            )
            .group_by(by)
            .agg(
                visits=shown.sum(),
                visits_clicked=(shown & clicked).sum(),
                visits_click_only=(~shown & clicked).sum(),
                impressions=pl.col("impressions_in_file").sum(),
                clicks=pl.col("link_clicks_in_file").sum(),
                hover_ins=pl.col("hover_in_in_file").filter(desktop).sum(),
                hover_outs=pl.col("hover_out_in_file").filter(desktop).sum(),
            )
            .sort(by)
        )
        engagement = measure.module_engagement(found, by=by)
        assert_frame_equal(engagement.select(due.columns), due, check_dtypes=False)

    def test_bounds_of_the_dwell_hold_the_true_median_of_each_module(self, found, truth):
        """Of visits in which a module was hovered once from end to end."""
        due = (
            truth.filter(pl.col("client_is_mobile") == 0, pl.col("closed_pairs_in_file") == 1)
            .group_by("module")
            .agg(true=pl.col("dwell_ms_closed_pairs").median() / 1000)
        )
        held = measure.module_engagement(found).join(due, on="module").select(
            pl.col("true").is_between("dwell_median_low_s", "dwell_median_high_s")
        ).to_series()  # fmt: skip
        assert held.len() == 7
        assert held.all()

    def test_hovers_are_said_to_be_missing_where_they_were_not_logged(self, found, sample):
        notes = measure.module_engagement(found, by="platform").group_by("platform").agg(pl.col("note").unique())
        assert dict(notes.iter_rows()) == {"desktop": [None], "mobile": ["hover is told on desktop layouts only"]}
        later = measure.module_engagement(load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows)
        assert later["note"].unique().to_list() == ["hover was logged until 2020-04-14"]
        assert later["dwell_median_low_s"].null_count() == later.height

    def test_2022_counts_visits_by_mode_as_the_truth_does(self, sample):
        rows_2022 = load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz").rows
        truth = pl.read_csv(sample / "homepage_truth_2022.csv.gz", infer_schema_length=None)
        task = pl.col("other_actions_in_file").str.contains(
            "se-task-click|se-edit-button-click|se-explanation-link-click"
        )
        shown = pl.col("impressions_in_file") > 0
        clicked = (pl.col("link_clicks_in_file") > 0) | task.fill_null(value=False)
        due = (
            truth.group_by("module", "mode")
            .agg(visits=shown.sum(), visits_clicked=(shown & clicked).sum())
            .filter(pl.col("visits") > 0)
        )
        found = measure.module_engagement(rows_2022, by="mode").filter(pl.col("visits") > 0)
        assert_frame_equal(found.select(due.columns), due, check_dtypes=False, check_row_order=False)
        assert found["pairs"].sum() == 0
