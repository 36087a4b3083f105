"""A dimension that is called as a measure calls something inside is refused in a sentence, never by an engine's error."""

from datetime import UTC, datetime

import polars as pl
import pytest

from toolkit import ToolkitError, measure

INSIDE = {
    "status_funnel": ["rest", "part", "largest", "both", ""],
    "status_over_time": ["rest", "seen", "has", ""],
    "watch": ["worst", "least", "has", ""],
    "reconcile": ["ratio", "whole", ""],
    "hand_overs": ["requests", "rest", ""],
    "status_change": ["reach", "n_attempted", "of_funnel", ""],
}
MORE = {"status_change": {"period": ("2026-03-03", "2026-03-04")}}


@pytest.mark.parametrize(("name", "by"), [(name, by) for name, names in INSIDE.items() for by in names])
def test_a_name_from_within_is_refused_in_a_sentence(name, by):
    days = [datetime(2026, 3, day, tzinfo=UTC) for day in (2, 3)]
    rows = pl.DataFrame({"campaign": "A", "banner": "B", "status_code": "6", "requests": 1, "sample_rate": 1.0, "flags": 0,
                         "ms": 0, "dt": days, "attempts": None, "path": None}, schema_overrides={"path": pl.String})  # fmt: skip
    rows = rows if by in rows.columns else rows.with_columns(pl.lit("x").alias(by))
    with pytest.raises(ToolkitError, match="'by'"):
        getattr(measure, name)(rows, by=by, **MORE.get(name, {}))
