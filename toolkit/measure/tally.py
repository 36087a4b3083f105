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
from toolkit.decode import BLANK
from toolkit.load import Load
from toolkit.measure.collected import by_category, in_words

Unit = Literal["pageview", "attempt"]
UNITS = ("pageview", "attempt")
TIMES = ("hour", "day", "week")  # starts of them in UTC, made of `dt`
KEYS = ("unit", "codes", "sample_rate")
COUNTS = ("n", "partial", "first_ms", "last_ms")
OWN = "code where no attempts are known"
CODES = ("status_code", "first_campaign_status_code")
NEEDED = ("status_code", "requests", "sample_rate", "flags", "ms")


def tally(frame: IntoFrameT, *, by: str | Sequence[str] | None = (), unit: Unit = "pageview") -> IntoFrameT:
    """Count impressions by dimensions, ways through the funnel and sampling rates.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.impressions`: status_code, requests, sample_rate, flags, ms, the columns of `by`; for attempts
        also attempts and path.
    by : str or list of str
        Dimensions to keep: columns of the frame, or `hour`, `day` and `week` (starts in UTC; a week starts on Monday).
    unit : {"pageview", "attempt"}
        What is counted: page views, each by its last campaign; or campaign attempts. With `campaign` among the
        dimensions each attempt is counted under its own campaign, otherwise the attempts of a page view stay
        together, since they were sampled together.

    Returns
    -------
    Same kind of frame
        One row for each combination of `by`, unit, codes (status codes of the page view's attempts, parted by
        blanks; one code for page views; a blank inside a code is `␣`), sample_rate [0 to 1; null: unusable]. Columns n (page views recorded, not
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
    names = dimensions(by, (*KEYS, *COUNTS))
    rows = _narrowed(_with_times(as_frame(frame), names), names)
    split = "campaign" in names
    rows = _attempted(rows, split=split) if unit == "attempt" else _required(rows, []).with_columns(partial=nw.lit(0))
    _required(rows, names, who="by")
    together = unit == "attempt" and not split
    if together:
        rows = rows.with_columns(nw.when(nw.col("path").is_null()).then(nw.col("status_code")).alias(OWN))
    # what is made of codes and rates is made of groups of rows: of few, where rows are many
    way = ["path", OWN] if together else ["status_code"]
    keys = [*names, *way]
    counted = in_words(_counted(_with_counts(by_category(rows, keys)), [*keys, "sample_rate"]))
    if split:  # text, as campaigns of attempts are: an enumeration may not have them all
        counted = counted.with_columns(_text("campaign"))
    codes = nw.coalesce(_text("path"), _escaped(OWN)) if together else _escaped("status_code")
    grouped = _counted(_usable(counted).with_columns(codes=codes, unit=nw.lit(unit)), [*names, *KEYS])
    native: IntoFrameT = grouped.to_native()
    return native


def attempts(frame: IntoFrameT) -> IntoFrameT:
    """One row for each campaign attempt, under the campaign attempted and with the code in which it ended.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.impressions`, as `tally` takes them for attempts.

    Returns
    -------
    Same kind of frame
        The columns of the frame but for attempts, with campaign and status_code of the attempt; codes (the code,
        a blank inside it as `␣`); partial (1: the export does not hold all attempts of the page view, else 0). A page
        view whose attempts are not known is one row with what it says itself.

    Examples
    --------
    >>> import polars as pl
    >>> from toolkit import decode
    >>> text = '[{"statusCode":"2.1","campaign":"A"},{"statusCode":"6","campaign":"B"}]'
    >>> rows = pl.DataFrame({"campaign": ["B"], "status_code": ["6"], "text": [text], "requests": [1],
    ...                      "sample_rate": [1.0], "flags": [0], "ms": [1]})
    >>> rows = rows.with_columns(attempts=decode.attempts("text")).with_columns(path=decode.path("attempts"))
    >>> attempts(rows).select("campaign", "status_code", "partial").rows()
    [('A', '2.1', 0), ('B', '6', 0)]
    """
    found = _attempted(as_frame(frame), split=True).with_columns(codes=_escaped("status_code")).drop("attempts")
    native: IntoFrameT = found.to_native()
    return native


def attempts_taken_over(frame: IntoFrameT, *, by: str | Sequence[str]) -> IntoFrameT:
    """Count attempts of each campaign, and those of them that are in another campaign's row of page views.

    Parameters
    ----------
    frame : polars, DuckDB, Spark or other frame that narwhals knows, eager or lazy
        Rows of `load.impressions`, as `tally` takes them for attempts.
    by : str or list of str
        Dimensions to keep, `campaign` among them: the one attempted.

    Returns
    -------
    Same kind of frame
        One row for each combination of `by` and sample_rate [0 to 1; null: unusable]. Columns attempts, taken_over (of
        them: those after which another campaign was attempted) and incomplete (of them: those of page views of which
        the export holds only some attempts), all recorded, not weighted. Page views whose attempts the export does
        not hold at all are not among them.

    Examples
    --------
    >>> import polars as pl
    >>> from toolkit import decode
    >>> text = '[{"statusCode":"2.1","campaign":"A"},{"statusCode":"6","campaign":"B"}]'
    >>> rows = pl.DataFrame({"campaign": ["B"], "status_code": ["6"], "text": [text], "requests": [1],
    ...                      "sample_rate": [1.0], "flags": [0], "ms": [1]})
    >>> rows = rows.with_columns(attempts=decode.attempts("text")).with_columns(path=decode.path("attempts"))
    >>> attempts_taken_over(rows, by="campaign").sort("campaign").rows()
    [('A', 1.0, 1, 1, 0), ('B', 1.0, 1, 0, 0)]
    """
    names = dimensions(by, (*KEYS, *COUNTS))
    rows = _narrowed(_with_times(as_frame(frame), names), names).with_columns(last_campaign=nw.col("campaign"))
    known = _attempted(rows, split=True).filter(~nw.col("path").is_null())
    _required(known, names, who="by")
    lost = nw.when(nw.col("campaign") != nw.col("last_campaign")).then(nw.col("requests")).otherwise(0)
    counted = _usable(known.with_columns(nw.col("requests").cast(nw.Int64))).with_columns(
        taken_over=lost, incomplete=nw.col("partial") * nw.col("requests")
    )
    sums = [nw.col("requests").sum().alias("attempts"), nw.col("taken_over", "incomplete").sum()]
    sums = [total.cast(nw.Int64) for total in sums]
    native: IntoFrameT = counted.group_by(*names, "sample_rate").agg(*sums).to_native()
    return native


def dimensions(by: str | Sequence[str] | None, reserved: Sequence[str] = ()) -> list[str]:
    """Names of dimensions as a list, each once.

    Raises
    ------
    ToolkitError
        If one is the name of a column that the result has itself.
    """
    if not (by is None or (isinstance(by, str | Sequence) and all(isinstance(name, str) for name in by))):
        raise errors.not_allowed("by", by, "is the name of a column, or a list of them")
    names = list(dict.fromkeys([by] if isinstance(by, str) else by or ()))
    if "" in names:
        raise errors.not_allowed("by", by, "is the name of a column; rename the one without a name before")
    if taken := [name for name in names if name in reserved]:
        raise errors.not_allowed("by", ", ".join(taken), "names no column of the result itself; rename it before")
    return names


def as_frame(frame: Any, *, parameter: str = "frame") -> Any:
    """Frame as narwhals has it.

    Parameters
    ----------
    frame : frame
        Of polars, DuckDB, Spark or another engine that narwhals knows, eager or lazy.
    parameter : str
        What the measure calls it.

    Raises
    ------
    ToolkitError
        It is a load, no frame at all, or has status codes as numbers, of which 2.1 and 2.10 are the same.

    Examples
    --------
    >>> as_frame("impressions.csv")
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 'frame' is a table, such as the `.rows` of a load: 'impressions.csv'
    """
    if isinstance(frame, Load):
        raise errors.not_allowed(parameter, "a load", "is a table: give the load's `.rows`")
    rows = nw.from_native(frame, pass_through=True)
    if not isinstance(rows, nw.DataFrame | nw.LazyFrame):
        raise errors.not_allowed(parameter, frame, "is a table, such as the `.rows` of a load")
    schema = rows.collect_schema()
    for name in CODES:
        if name in schema and schema[name].is_numeric():
            rule = "are text, since the numbers 2.1 and 2.10 are one: load the export with toolkit.load, or read them as text"
            raise errors.not_allowed(name, f"numbers ({schema[name]})", rule)
    return rows


def _text(column: str) -> nw.Expr:
    return nw.col(column).cast(nw.String)


def _escaped(column: str) -> nw.Expr:
    return _text(column).str.replace_all(" ", BLANK, literal=True)


def is_tally(columns: Sequence[str]) -> bool:
    """Whether a frame with these columns is a tally."""
    return set(KEYS) <= set(columns)


def _with_counts(rows: Any) -> Any:
    """Rows with what they count: requests, and those of them whose attempts are not all known."""
    requests = nw.col("requests").cast(nw.Int64)
    return rows.with_columns(
        n=requests, partial=nw.col("partial") * requests, first_ms=nw.col("ms"), last_ms=nw.col("ms")
    )


def _counted(rows: Any, keys: Sequence[str]) -> Any:
    """Counts of rows or of groups of them."""
    # sums are wider than 64 bits on some engines
    sums = nw.col("n", "partial").sum().cast(nw.Int64)
    return rows.group_by(*dict.fromkeys(keys)).agg(sums, nw.col("first_ms").min(), nw.col("last_ms").max())


def _usable(rows: Any) -> Any:
    """Rows with the probability at which they were recorded, null where it is not known."""
    rate = nw.col("sample_rate").cast(nw.Float64)
    probability = nw.when((rate > 0) & ~rate.is_nan()).then(nw.when(rate > 1).then(1.0).otherwise(rate))
    return rows.with_columns(sample_rate=probability)


def _with_times(rows: Any, names: Sequence[str]) -> Any:
    have = rows.collect_schema().names()
    made = [start_of(name).alias(name) for name in TIMES if name in names and name not in have]
    return rows.with_columns(*made) if made else rows


def _narrowed(rows: Any, names: Sequence[str]) -> Any:
    """Only the columns that are needed: each row is written once for each of its attempts."""
    needed = {*names, *NEEDED, "attempts", "path", "campaign"}
    return rows.select([name for name in rows.collect_schema().names() if name in needed])


def start_of(of: str) -> nw.Expr:
    """Start of the hour, the day or the week; not every engine knows weeks, and those that do start them apart."""
    if of == "hour":
        return nw.col("dt").dt.truncate("1h")
    day = nw.col("dt").dt.truncate("1d")
    if of == "day":
        return day
    weekday = day.dt.weekday() % 7  # Sunday is 7, and on Spark 0
    return nw.coalesce(*(nw.when(weekday == (1 + n) % 7).then(day.dt.offset_by(f"-{n}d")) for n in range(7)))


def _attempted(rows: Any, *, split: bool) -> Any:
    """Rows in units of attempts: one for each attempt, or one for all attempts of a page view.

    Where the export does not hold the attempts, the page view's own campaign and code stand for them.
    """
    rows = _required(rows, ["attempts", "path"])
    bit = reference.flag_bit("partial_attempts")
    partial = (nw.col("flags").cast(nw.Int64) // 2**bit) % 2
    rows = rows.with_columns(partial=nw.when(nw.col("path").is_null()).then(1).otherwise(partial))
    if not split:
        return rows
    known = ~nw.col("path").is_null()
    # an empty list would take its row with it on some engines; null keeps it on all
    rows = rows.with_columns(attempts=nw.when(known).then(nw.col("attempts"))).explode("attempts")
    attempt = nw.col("attempts").struct
    return rows.with_columns(
        status_code=nw.when(known).then(attempt.field("status_code")).otherwise(_text("status_code")),
        campaign=nw.when(known).then(attempt.field("campaign")).otherwise(_text("campaign")),
    )


def _required(rows: Any, more: Sequence[str], who: str = "measure.tally") -> Any:
    have = rows.collect_schema().names()
    needed = [*NEEDED, *more] if who != "by" else more
    missing = [name for name in needed if name not in have]
    if missing:
        raise errors.missing_columns(who, missing, have)
    return rows
