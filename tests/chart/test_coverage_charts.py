"""Charts of coverage: lines by day, dots by group, warnings with an asterisk."""

import polars as pl
import pytest
import vl_convert

from toolkit import ToolkitError, chart, load, measure


@pytest.fixture(scope="module")
def tables(sample):
    return (
        load.homepage_modules(sample / "homepage_modules_2019.ndjson.gz", key="k").rows,
        load.homepage_visits(sample / "homepage_visits_2019.ndjson.gz", key="k").rows,
    )


@pytest.mark.parametrize("by", [["wiki", "platform", "day"], ["week"], ["platform"], []])
def test_it_draws_by_time_and_by_group(tables, by):
    table = measure.coverage(*tables, by=by)
    spec = chart.coverage(table).to_dict()
    assert spec["description"].startswith("Share of visits with module events: ")
    assert f"{table['with_events'].sum():,} of {table['visits'].sum():,}" in spec["description"]
    assert vl_convert.vegalite_to_svg(spec, vl_version="6.4").count("<path") > 3


def test_a_warning_is_an_asterisk_with_its_sentence(tables):
    plain = chart.coverage(measure.coverage(*tables, by="platform")).to_dict()
    warned = chart.coverage(measure.coverage(*tables, by="platform", compare="platform")).to_dict()
    assert len(plain["title"]["subtitle"]) == 3
    assert warned["title"]["subtitle"][-1].startswith("* coverage differs between values of platform")
    assert " % *" in str(warned["datasets"])


def test_too_many_groups_and_other_tables_are_refused(tables):
    with pytest.raises(ToolkitError, match="at most 25 of them"):
        chart.coverage(many(tables))
    with pytest.raises(ToolkitError, match="chart.coverage needs the columns"):
        chart.coverage(pl.DataFrame({"share": [0.5]}))


def many(tables):
    """Coverage by more groups than can be read."""
    users = tables[1].select("wiki", "user").unique().with_columns(group=pl.col("user") % 40)
    return measure.coverage(*tables, by="group", users=users)
