"""A time is what the library rfc3339-validator takes."""

import json

import polars as pl
import pytest
import schema_corpus
from hypothesis import given
from hypothesis import strategies as st
from rfc3339_validator import validate_rfc3339

from toolkit.schema import Validator, rfc3339


@pytest.mark.parametrize("text", [*schema_corpus.TIMES, *schema_corpus.NO_TIMES])
def test_a_time_is_what_rfc3339_validator_takes(text):
    due = validate_rfc3339(text.upper())
    assert pl.select(rfc3339(pl.lit(text))).item() == due
    schema = {"properties": {"dt": {"type": "string", "format": "date-time"}}}
    assert (Validator(schema).violations(json.dumps({"dt": text}).encode()) == []) == due


@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,3})?([Zz]|[+-][0-2][0-9]:[0-6][0-9])\n?",
        fullmatch=True,
    )
)
def test_a_text_like_a_time_is_a_time_where_rfc3339_validator_says_so(text):
    assert pl.select(rfc3339(pl.lit(text))).item() == validate_rfc3339(text.upper())


def test_every_year_has_the_days_of_the_calendar():
    days = [f"{year:04}-{day}T00:00:00Z" for year in range(10000) for day in ("02-28", "02-29", "02-30", "12-31")]
    due = [validate_rfc3339(day) for day in days]
    assert pl.DataFrame({"dt": days}).select(rfc3339("dt")).to_series().to_list() == due
