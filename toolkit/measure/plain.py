"""Frames with their categories as text, for measures that compare columns with each other."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from toolkit.measure.tally import as_frame


def plain(frame: Any, *, parameter: str = "frame") -> Any:
    """Frame with text for categories, since codes and names of several columns are compared with each other.

    Parameters
    ----------
    frame : frame
        Of polars, DuckDB, Spark or another engine that narwhals knows, eager or lazy.
    parameter : str
        What the measure calls it.

    Returns
    -------
    Same kind of frame
        The same rows and columns.

    Raises
    ------
    ToolkitError
        It is a load, no frame at all, or has status codes as numbers, of which 2.1 and 2.10 are the same.

    Examples
    --------
    >>> import polars as pl
    >>> plain(pl.DataFrame({"device": ["ipad"]}, schema={"device": pl.Categorical}))["device"].dtype
    String
    >>> plain("impressions.csv")
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 'frame' is a table, such as the `.rows` of a load: 'impressions.csv'
    """
    rows = as_frame(frame, parameter=parameter)
    coded = [name for name, kind in rows.collect_schema().items() if isinstance(kind, nw.Categorical | nw.Enum)]
    return (rows.with_columns(nw.col(*coded).cast(nw.String)) if coded else rows).to_native()
