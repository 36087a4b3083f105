"""What a hurried reader passes to the measures of banners: said in one sentence, or taken where it is clear."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit import ToolkitError, load, measure

AFTER = ("2026-03-05", "2026-03-06")
OF_IMPRESSIONS = {
    "status_funnel": {"by": "campaign"},
    "status_over_time": {"by": "device"},
    "watch": {},
    "change": {"after": AFTER, "by": "country"},
    "status_change": {"period": AFTER, "by": "country"},
    "hand_overs": {},
}
OF_LOGS = {"log_funnel": {"by": "campaign"}, "impressions_until": {}, "waits": {}, "diet": {}}
BY_LEVEL = {**OF_IMPRESSIONS, **OF_LOGS}
ALL = {**BY_LEVEL, "reconcile": {}, "history_coverage": {}, "druid_banner_activity": {}}


@pytest.fixture(scope="module")
def rows(sample):
    beacons = load.impressions(sample / "beacons.tsv.gz", keep=["uri_query", "country_code", "subdivision"]).rows
    few = beacons.filter(pl.int_range(pl.len()) % 5 == 0)
    logs = load.banner_history(sample / "banner_history.ndjson.gz").rows
    druid = load.impressions(sample / "druid_banner_activity.csv.gz").rows.head(500)
    return {**dict.fromkeys([*OF_IMPRESSIONS, "druid_banner_activity"], few), **dict.fromkeys(OF_LOGS, logs), "history_coverage": logs, "reconcile": druid}  # fmt: skip


def asked(name, frame, **choices):
    return getattr(measure, name)(frame, **ALL[name] | choices)


@pytest.mark.parametrize("frame", [None, [1], "path.csv", pl.Series([1]), {"a": [1]}])
@pytest.mark.parametrize("name", ALL)
def test_what_is_no_frame_is_said(name, frame):
    with pytest.raises(ToolkitError, match="is a table, such as the `.rows` of a load"):
        asked(name, frame)


@pytest.mark.parametrize("level", ["95", 95, None, True, float("nan"), 1])
@pytest.mark.parametrize("name", BY_LEVEL)
def test_a_level_lies_between_0_and_1(name, level, rows):
    with pytest.raises(ToolkitError, match="'level' lies between 0 and 1"):
        asked(name, rows[name], level=level)


@pytest.mark.parametrize("kind", ["categories", "enumerations"])
@pytest.mark.parametrize(
    ("name", "choices"),
    [*((name, {}) for name in ALL), *((name, {"by": "campaign"}) for name in ALL if "by" in ALL[name])],
)
def test_categories_are_as_good_as_text(name, choices, kind, rows):
    """An enumeration keeps its order; a campaign that was attempted need not be in it."""
    given = rows[name]
    texts = [column for column, dtype in given.schema.items() if dtype == pl.String]
    enums = {column: pl.Enum(given[column].drop_nulls().unique().sort()) for column in texts}
    coded = given.cast(enums) if kind == "enumerations" else given.with_columns(pl.col(texts).cast(pl.Categorical))
    found, due = (asked(name, frame, **choices) for frame in (coded, given))
    as_text = found.cast({column: dtype for column, dtype in due.schema.items() if dtype == pl.String})
    assert_frame_equal(as_text, due, check_row_order=name != "druid_banner_activity")


def test_codes_that_are_numbers_are_refused(rows):
    numbers = rows["watch"].with_columns(pl.lit(2.1).alias("status_code"))
    with pytest.raises(ToolkitError, match="'status_code' are text, since the numbers 2.1 and 2.10 are one"):
        measure.status_funnel(numbers)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (("2026-03-05",), "is two times, .start, end."),
        ("2026-03-05", "is two times, .start, end."),
        (5, "is two times, .start, end."),
        (("2026-03-05", "soon"), "takes times such as 2026-03-05"),
        ((1, 2), "takes times such as 2026-03-05"),
        (("2026-03-06", "2026-03-05"), "starts before it ends"),
    ],
)
def test_times_that_are_none_are_said(times, said, rows):
    with pytest.raises(ToolkitError, match=f"'period'.*{said}"):
        measure.status_change(rows["change"], period=times)
    with pytest.raises(ToolkitError, match=f"'after'.*{said}"):
        measure.change(rows["change"], after=times)


@pytest.mark.parametrize(
    "times",
    [
        (date(2026, 3, 5), date(2026, 3, 6)),
        [datetime(2026, 3, 5), datetime(2026, 3, 6, tzinfo=UTC)],  # noqa: DTZ001 - a reader writes it so
        ("2026-03-05T01:00+01:00", "2026-03-06"),
    ],
)
def test_times_that_are_clear_are_taken_and_said_back(times, rows):
    found = asked("change", rows["change"], after=times)
    assert found["after"].unique().to_list() == ["2026-03-05 00:00 to 2026-03-06 00:00"]
    assert_frame_equal(found, asked("change", rows["change"]))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"between": ("device", "a")}, "'between' names a column"),
        ({"between": "device"}, "'between' names a column"),
        ({"between": ("device", "desktop", "tablet")}, "no value named 'tablet'; 'device' has"),
        ({"between": ("device", "desktop", 5)}, "no value named '5'"),
        ({"between": ("device", "desktop", "iphone"), "after": AFTER}, "'between' names two segments of all rows"),
    ],
)
def test_segments_that_are_not_clear_are_said(choices, said, rows):
    with pytest.raises(ToolkitError, match=said):
        measure.change(rows["change"], **choices)


def test_what_has_no_hour_is_said_in_english(rows):
    with pytest.raises(ToolkitError, match="none of them has an hour"):
        measure.status_over_time(rows["watch"].with_columns(dt=pl.lit(None, pl.Datetime("ms", "UTC"))), every="hour")
