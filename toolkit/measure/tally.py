"""Impressions grouped and counted: the small table from which funnels and charts are computed.

A tally keeps the sampling rate and the whole way of a page view (`codes`) as keys, so that weights, variances and
every stage can be computed from it afterwards without a loss. Anything that can group can make one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import narwhals as nw
from narwhals.typing import IntoFrameT

from toolkit import errors, reference

Unit = Literal["pageview", "attempt"]
UNITS = ("pageview", "attempt")
TIMES = {"hour": "1h", "day": "1d"}  # starts of them in UTC, made of `dt`
KEYS = ("unit", "codes", "sample_rate")
COUNTS = ("n", "partial", "first_ms", "last_ms")


def tally(frame: IntoFrameT, *, by: str | Sequence[str] = (), unit: Unit = "pageview") -> IntoFrameT:
    """Count impressions by dimensions, ways through the funnel and sampling rates.

    Parameters
    ----------
    frame : polars, DuckDB or other frame that narwhals knows, eager or lazy
        Rows of `load.impressions`: status_code, requests, sample_rate, flags, ms, the columns of `by`; for attempts
        also attempts and path.
    by : str or list of str
        Dimensions to keep: columns of the frame, or `hour` and `day` (starts in UTC).
    unit : {"pageview", "attempt"}
        What is counted: page views, each by its last campaign; or campaign attempts. With `campaign` among the
        dimensions each attempt is counted under its own campaign, otherwise the attempts of a page view stay
        together, since they were sampled together.

    Returns
    -------
    Same kind of frame
        One row for each combination of `by`, unit, codes (status codes of the page view's attempts, parted by
        blanks; one code for page views), sample_rate [0 to 1; null: unusable]. Columns n (page views recorded, not
        weighted), partial (those of them whose earlier attempts the export does not hold), first_ms and last_ms
        (receive times, ms since 1970).

    Examples
    --------
    >>> import polars as pl
    >>> rows = pl.DataFrame({"campaign": ["A", "A", "B"], "status_code": ["6", "6", "2.1"], "requests": [1, 1, 5],
    ...                      "sample_rate": [0.1, 0.1, 1.0], "flags": [0, 0, 0], "ms": [1, 2, 3]})
    >>> tally(rows, by="campaign").sort("campaign").select("campaign", "codes", "sample_rate", "n").rows()
    [('A', '6', 0.1, 2), ('B', '2.1', 1.0, 5)]
    """
    if unit not in UNITS:
        raise errors.bad_choice("unit", unit, UNITS)
    names = dimensions(by)
    rows: Any = nw.from_native(frame)
    rows = _with_times(rows, names)
    rows = (
        _attempted(rows, split="campaign" in names)
        if unit == "attempt"
        else _required(rows, []).with_columns(codes=nw.col("status_code"), partial=nw.lit(0))
    )
    _required(rows, names, who="by")
    rate = nw.col("sample_rate")
    usable = rows.with_columns(
        unit=nw.lit(unit), sample_rate=nw.when(rate > 0).then(nw.when(rate > 1).then(1.0).otherwise(rate))
    )
    grouped = usable.group_by(*names, *KEYS).agg(
        n=nw.col("requests").sum(),
        partial=(nw.col("partial") * nw.col("requests")).sum(),
        first_ms=nw.col("ms").min(),
        last_ms=nw.col("ms").max(),
    )
    native: IntoFrameT = grouped.to_native()
    return native


def dimensions(by: str | Sequence[str]) -> list[str]:
    """Names of dimensions as a list, each once."""
    return list(dict.fromkeys([by] if isinstance(by, str) else by))


def is_tally(columns: Sequence[str]) -> bool:
    """Whether a frame with these columns is a tally."""
    return set(KEYS) <= set(columns)


def _with_times(rows: Any, names: Sequence[str]) -> Any:
    have = rows.collect_schema().names()
    made = [
        nw.col("dt").dt.truncate(step).alias(name) for name, step in TIMES.items() if name in names and name not in have
    ]
    return rows.with_columns(*made) if made else rows


def _attempted(rows: Any, *, split: bool) -> Any:
    """Rows in units of attempts: one for each attempt, or one with all codes of a page view's attempts.

    Where the export does not hold the attempts, the page view's own campaign and code stand for them.
    """
    rows = _required(rows, ["attempts", "path"])
    bit = reference.flag_bit("partial_attempts")
    partial = (nw.col("flags").cast(nw.Int64) // 2**bit) % 2
    rows = rows.with_columns(partial=nw.when(nw.col("path").is_null()).then(1).otherwise(partial))
    if not split:
        return rows.with_columns(
            codes=nw.when(nw.col("path").is_null()).then(nw.col("status_code")).otherwise(nw.col("path"))
        )
    rows = rows.explode("attempts")
    known = ~nw.col("path").is_null()
    attempt = nw.col("attempts").struct
    return rows.with_columns(
        codes=nw.when(known).then(attempt.field("status_code")).otherwise(nw.col("status_code")),
        campaign=nw.when(known).then(attempt.field("campaign")).otherwise(nw.col("campaign")),
    )


def _required(rows: Any, more: Sequence[str], who: str = "measure.tally") -> Any:
    have = rows.collect_schema().names()
    needed = ["status_code", "requests", "sample_rate", "flags", "ms", *more] if who != "by" else more
    missing = [name for name in needed if name not in have]
    if missing:
        raise errors.missing_columns(who, missing, have)
    return rows
