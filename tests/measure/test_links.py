"""Links, mentors and the start modules, by eye and against the truth of the sample."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import load
from toolkit.measure.links import link_usage, mentor_usage, start_progress

NOON = 1_557_144_000_000  # 2019-05-06 12:00 UTC


def rows(*entries, **more):
    """Events of (user, visit, action, action_data, ms)."""
    frame = pl.DataFrame(entries, schema=["user", "visit", "action", "action_data", "ms"], orient="row")
    given = {"wiki": "cswiki", "module": "help", **more}
    return frame.with_columns(**{name: pl.lit(value) for name, value in given.items()})


@pytest.fixture(scope="module")
def found(sample):
    return load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz").rows


@pytest.fixture(scope="module")
def truth(sample):
    return pl.read_csv(sample / "homepage_truth_2019.csv.gz", infer_schema_length=None)


class TestLinks:
    def test_questions_are_one_link_whatever_their_number(self):
        frame = rows(
            (1, 1, "impression", "", 0),
            (1, 1, "link-click", "archivedQuestions=0;linkId=growthexperiments-help-questions-1", 1),
            (1, 1, "link-click", "linkId=growthexperiments-help-questions-2;archivedQuestions=0", 2),
        )
        found = link_usage(frame)
        assert found.select("link", "label", "clicks", "clicked").rows() == [
            ("growthexperiments-help-questions", "a question to the help desk", 2, 1)
        ]

    @pytest.mark.parametrize("data", ["", "linkId=", None, "archivedQuestions=0"])
    def test_a_link_without_an_id_is_a_link_all_the_same(self, data):
        found = link_usage(rows((1, 1, "impression", "", 0), (1, 1, "link-click", data, 1)))
        assert found.select("link", "clicked").rows() == [("(no link id)", 1)]

    def test_a_click_without_an_impression_is_in_a_note(self):
        found = link_usage(rows((1, 1, "impression", "", 0), (2, 2, "link-click", "linkId=mos", 1)))
        assert found.select("clicks", "n", "clicked", "share").row(0) == (0, 1, 0, 0.0)
        assert found["note"].item() == "1 clicks without a delivered impression, in no share"

    def test_clicks_are_those_of_the_truth(self, found, truth):
        """The truth names the links that were sent; ten clicks of these never arrived."""
        links = truth.select("module", link=pl.col("links_sent").str.split(";")).explode("link").drop_nulls()
        bare = pl.col("link").str.replace(r"^(growthexperiments-.*)-\d+$", "$1")
        due = links.with_columns(bare).group_by("module", "link").agg(sent=pl.len().cast(pl.Int64))
        both = link_usage(found).join(due, on=["module", "link"], how="full", coalesce=True).fill_null(0)
        assert (both["clicks"] <= both["sent"]).all()
        lost = truth.select(pl.col("link_clicks_sent").sum() - pl.col("link_clicks_in_file").sum()).item()
        assert both["sent"].sum() - both["clicks"].sum() == lost


class TestMentors:
    @pytest.mark.parametrize(
        ("active", "band"),
        [
            ("20190505120001", "less than a day ago"),
            ("20190505120000", "1 to 7 days ago"),
            ("20190429120000", "7 to 30 days ago"),
            ("20190406120000", "30 days ago or more"),
            ("20190507120000", "not known"),  # after the visit
            ("false", "not known"),  # a mentor without edits
            ("20191399000000", "not known"),
        ],
    )
    def test_activity_is_counted_back_from_the_visit(self, active, band):
        frame = rows((1, 1, "impression", f"mentorEditCount=5;mentorLastActive={active}", NOON), module="mentorship")
        assert mentor_usage(frame).filter(trait="mentor last active")["band"].to_list() == [band]

    @pytest.mark.parametrize(
        ("edits", "band"),
        [
            ("0", "below 100"),
            ("99", "below 100"),
            ("100", "100 to 999"),
            ("10000", "10,000 or more"),
            ("null", "not known"),
        ],
    )
    def test_edits_fall_into_bands(self, edits, band):
        frame = rows(
            (1, 1, "impression", f"mentorLastActive=20190406120000;mentorEditCount={edits}", NOON), module="mentorship"
        )
        assert mentor_usage(frame).filter(trait="edits of the mentor")["band"].to_list() == [band]

    def test_every_visit_is_in_one_band_of_each_trait(self, found):
        table = mentor_usage(found)
        shown = found.filter(module="mentorship", action="impression").select("wiki", "visit").n_unique()
        assert table.group_by("trait").agg(pl.col("n").sum())["n"].to_list() == [shown, shown]


class TestStartModules:
    def test_the_way_back_is_data(self):
        frame = rows((1, 1, "impression", "", 0), (1, 2, "impression", "", 9), module="start-email").with_columns(
            state=pl.Series(["confirmed", "noemail"])
        )
        assert start_progress(frame).select("state", "first", "last", "ever").rows() == [
            ("noemail", 0, 1, 1),
            ("confirmed", 1, 0, 1),
        ]

    def test_states_are_those_of_the_truth(self, found, truth):
        seen = truth.filter(pl.col("impressions_in_file") > 0, pl.col("module").str.starts_with("start-"))
        ends = seen.sort("visit_dt").group_by("wiki", "user_id", "module", maintain_order=True).agg(
            first=pl.col("state").first(), last=pl.col("state").last()
        )  # fmt: skip
        table = start_progress(found)
        for when in ("first", "last"):
            due = ends.group_by("module", state=when).agg(pl.len().cast(pl.Int64).alias(when)).sort("module", "state")
            assert_frame_equal(
                table.filter(pl.col(when) > 0).select("module", "state", when).sort("module", "state"), due
            )
