"""Claims: a number, stated where it is computed, with what it is a number of."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

import toolkit as tk
from toolkit import ToolkitError
from toolkit.claims import MIME, Claim

FUNNEL = pl.DataFrame(
    {
        "campaign": ["A", "A", "B", None],
        "stage": pl.Series(["loaded", "shown", "shown", "shown"], dtype=pl.Enum(["loaded", "shown"])),
        "day": [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 2), date(2026, 3, 2)],
        "unit": "attempt",
        "weight": "1 / sample rate",
        "n": [60, 40, 3, 1],
        "n_eff": [6.0, 4.0, 3.0, 1.0],
        "share": [0.6, 0.4, 0.25, None],
        "share_low": [0.5, 0.3, 0.1, None],
        "share_high": [0.7, 0.5, 0.5, None],
        "wait_s": [1.5, 2.0, 3.0, float("nan")],
        "wait_low_s": [1.0, 1.5, 2.0, None],
        "wait_high_s": [2.0, 2.5, 4.0, None],
        "level": 0.95,
        "first_dt": datetime(2026, 3, 2, 0, 3, 52, tzinfo=UTC),
        "last_dt": datetime(2026, 3, 7, 23, 44, tzinfo=UTC),
    }
)


def test_a_claim_knows_what_its_row_knows():
    assert tk.claims.cell(FUNNEL, "share", campaign="A", stage="shown") == Claim(
        0.4,
        "share",
        unit="attempt",
        weight="1 / sample rate",
        where={"campaign": "A", "stage": "shown"},
        low=0.3,
        high=0.5,
        level=0.95,
        n=40,
        n_eff=4.0,
        first="2026-03-02 00:03",
        last="2026-03-07 23:44",
    )


def test_the_bounds_of_a_number_with_a_unit_stand_before_the_unit():
    claim = tk.claims.cell(FUNNEL, "wait_s", campaign="B")
    assert (claim.value, claim.low, claim.high) == (3.0, 2.0, 4.0)


def test_units_may_stand_in_a_column_that_is_called_after_them():
    table = pl.DataFrame(
        {"module": ["help"], "unit": ["visit (wiki, page view token)"], "visits": [40], "share": [0.1]}
    )
    assert tk.claims.cell(table, "share", module="help").n == 40


def test_a_number_without_an_interval_has_no_level():
    claim = tk.claims.cell(FUNNEL, "n", campaign="B")
    assert (claim.low, claim.high, claim.level) == (None, None, None)


@pytest.mark.parametrize(
    ("named", "n"),
    [
        ({"campaign": None}, 1),
        ({"campaign": "A", "day": "2026-03-03"}, 40),
        ({"campaign": "A", "day": date(2026, 3, 2)}, 60),
        ({"n": 3}, 3),
    ],
)
def test_a_row_is_told_by_words_days_numbers_and_what_is_missing(named, n):
    assert tk.claims.cell(FUNNEL, "n", **named).value == n


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ({"campaign": "C"}, "no row has campaign 'C'; there are 'A', 'B', None"),
        ({"campaign": "B", "stage": "loaded"}, "no row has campaign 'B' and stage 'loaded' together"),
        ({"campaign": "A"}, "2 rows have campaign 'A'; say which by stage or day"),
        ({"stage": "seen"}, "no row has stage 'seen'; there are 'loaded', 'shown'"),
        ({}, "the table has 4 rows; say which by campaign"),
    ],
)
def test_what_is_not_one_row_is_said_and_stops_nothing(named, sentence):
    """On other data a campaign may not be there; the notebook goes on, and the check of quotations fails."""
    rows = FUNNEL if named else FUNNEL.filter(stage="shown").vstack(FUNNEL.head(1).with_columns(campaign=pl.lit("Z")))
    claim = tk.claims.cell(rows, "share", **named)
    assert (claim.value, claim.missing) == (None, sentence)


def test_a_share_of_nothing_is_no_number():
    assert tk.claims.cell(FUNNEL, "share", campaign=None).missing == "share is not known in this row"
    assert tk.claims.cell(FUNNEL, "wait_s", campaign=None).value is None


def test_what_a_table_does_not_have_is_refused():
    with pytest.raises(ToolkitError, match="claims.cell needs the columns 'shere', 'banner'"):
        tk.claims.cell(FUNNEL, "shere", banner="b")
    with pytest.raises(ToolkitError, match="'column' is a column of numbers: 'campaign'"):
        tk.claims.cell(FUNNEL, "campaign", n=3)
    with pytest.raises(ToolkitError, match="'table' is a collected table"):
        tk.claims.cell(FUNNEL.lazy(), "share", n=3)
    with pytest.raises(ToolkitError, match="'shown' is a claim"):
        tk.claims.show(shown=0.4)
    with pytest.raises(ToolkitError, match="'claims' are named"):
        tk.claims.show()
    with pytest.raises(ToolkitError, match="'loads' are what load.impressions and its like give"):
        tk.claims.show(FUNNEL, shown=tk.claims.number(1, "row"))


def test_the_output_holds_value_interval_filters_and_data_without_folders(sample):
    load = tk.load.homepage_modules(sample / "homepage_modules_2022.ndjson.gz")
    shown = tk.claims.show(load, shown=tk.claims.cell(FUNNEL, "share", campaign="A", stage="shown"))
    faces = shown._repr_mimebundle_()
    stated = faces[MIME]["claims"]["shown"]
    [source] = faces[MIME]["sources"]

    assert (stated["value"], stated["low"], stated["where"]) == (0.4, 0.3, {"campaign": "A", "stage": "shown"})
    assert "missing" not in stated
    assert source["files"] == ["homepage_modules_2022.ndjson.gz"]
    assert source["editions"] == ["1.5.1"]
    assert json.loads(json.dumps(faces)) == faces
    assert '<tr id="shown"><td>shown</td><td>40.0 %</td><td>30.0 to 50.0 %</td>' in faces["text/html"]
    assert faces["text/plain"] == "claims: shown 40.0 %"


def test_rows_in_another_order_make_the_same_claim():
    claims = [
        tk.claims.cell(rows, "share", campaign="A", stage="shown")
        for rows in (FUNNEL, FUNNEL.reverse(), FUNNEL.sample(fraction=1, shuffle=True, seed=1))
    ]
    assert claims[0] == claims[1] == claims[2]
