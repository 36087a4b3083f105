"""A matrix of shares whose rows add up to 100 %: from what to what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import look

DARK = 0.55  # share from which on a cell needs light text
CELL = (92, 30)  # width and height of a cell [px]


def matrix(
    table: pl.DataFrame,
    row: str,
    column: str,
    row_title: str,
    column_title: str,
    what: str,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
) -> Any:
    """Draw one matrix.

    Parameters
    ----------
    table : pl.DataFrame
        One row for each cell: the columns `row` and `column`, n, of, share, share_low, share_high.
    row, column : str
        Columns that say from what and to what.
    row_title, column_title : str
        What these are, in words.
    what : str
        What is counted, in words.
    rows, columns : list of str
        Their values in order.

    Examples
    --------
    >>> cells = pl.DataFrame({"a": "no", "b": "yes", "n": 1, "of": 2, "share": 0.5, "share_low": 0.1, "share_high": 0.9})
    >>> matrix(cells, "a", "b", "from", "to", "users", rows=["no"], columns=["yes"]).to_dict()["width"]
    92
    """
    cells = table.with_columns(said=look.percents("share"))
    tips = [
        alt.Tooltip(f"{row}:N", title=row_title), alt.Tooltip(f"{column}:N", title=column_title), alt.Tooltip("said:N", title="share"),
        alt.Tooltip("share_low:Q", title="from", format=".1%"), alt.Tooltip("share_high:Q", title="to", format=".1%"),
        alt.Tooltip("n:Q", title=what, format=",.6~g"), alt.Tooltip("of:Q", title="of", format=",.6~g"),
    ]  # fmt: skip
    base = alt.Chart(cells).encode(
        x=alt.X(f"{column}:N", sort=list(columns), scale=alt.Scale(domain=list(columns)), title=column_title, axis=alt.Axis(orient="top", labelAngle=0 if len(columns) < 5 else -35, labelLimit=160)),  # noqa: PLR2004
        y=alt.Y(f"{row}:N", sort=list(rows), scale=alt.Scale(domain=list(rows)), title=row_title, axis=alt.Axis(labelLimit=160)),
    )  # fmt: skip
    fill = alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=["#eaf2f8", look.BLUE]), legend=None)
    ink = alt.condition(alt.datum.share > DARK, alt.value("white"), alt.value("#222"))
    text = base.mark_text(fontSize=11).encode(text="said:N", color=ink)
    width, height = (CELL[0] if len(columns) < 5 else 62), CELL[1]  # noqa: PLR2004 - small matrices have room
    return alt.layer(base.mark_rect().encode(color=fill, tooltip=tips), text).properties(
        width=width * len(columns), height=height * len(rows)
    )
