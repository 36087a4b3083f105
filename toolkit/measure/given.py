"""What a measure is given: frames with their columns, and numbers; what makes no sense is refused in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

import narwhals as nw
import polars as pl
import polars.selectors as cs

from toolkit import errors
from toolkit.measure.plain import plain
from toolkit.measure.tally import dimensions


def rows_of(frame: Any, who: str, needed: Sequence[str] = (), *, parameter: str = "frame") -> Any:
    """Frame as narwhals has it, with the columns that a measure needs and their categories as text.

    Parameters
    ----------
    frame : frame
        What the measure was given.
    who : str
        Name of the measure.
    needed : list of str
        Columns that it needs.
    parameter : str
        What the measure calls the frame.

    Raises
    ------
    ToolkitError
        If it is no frame, or columns are missing.

    Examples
    --------
    >>> rows = pl.DataFrame({"wiki": ["cswiki"]}, schema={"wiki": pl.Categorical})
    >>> rows_of(rows, "arrivals", ["wiki"]).to_native().schema["wiki"]
    String
    >>> rows_of("visits.csv", "arrivals")
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 'frame' is a table, such as the `.rows` of a load: 'visits.csv'
    """
    rows = nw.from_native(plain(frame, parameter=parameter))
    _check_columns(rows.collect_schema().names(), who, needed)
    return rows


def table_of(table: Any, who: str, needed: Sequence[str] = (), *, parameter: str = "table") -> pl.DataFrame:
    """Small table in memory, with the columns that a measure needs.

    Examples
    --------
    >>> table_of(pl.LazyFrame({"wiki": ["cswiki"]}), "known_users", ["wiki"]).rows()
    [('cswiki',)]
    """
    if not isinstance(table, pl.DataFrame | pl.LazyFrame):
        raise errors.not_allowed(parameter, a(table), "is a table of polars")
    found = table.lazy().collect()
    _check_columns(found.columns, who, needed)
    return found.with_columns(cs.by_name("wiki", require_all=False).cast(pl.String))  # to join by


def number(parameter: str, given: Any, rule: str, *, least: float | None = None, above: float | None = None) -> None:
    """Refuse what is no number, or one that is too small.

    Parameters
    ----------
    parameter : str
        What the measure calls it.
    given
        What it was given.
    rule : str
        What is allowed, in words.
    least, above : float, optional
        The least number that is allowed, or the greatest that no longer is.

    Examples
    --------
    >>> number("days", "7", "is a number of days above 0", above=0)
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: 'days' is a number of days above 0: '7'
    """
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given)
    too_small = is_number and ((least is not None and given < least) or (above is not None and given <= above))
    if not is_number or too_small:
        raise errors.not_allowed(parameter, given, rule)


def other_dimensions(by: str | Sequence[str] | None, reserved: Sequence[str]) -> list[str]:
    """Dimensions of a result beside module, action, state and layout, which it may have itself.

    Examples
    --------
    >>> other_dimensions(["module", "wiki"], ["module", "n"])
    ['wiki']
    """
    own = {"module", "action", "state", "mode"} & set(reserved)
    return [name for name in dimensions(by, [name for name in reserved if name not in own]) if name not in own]


def a(given: Any) -> str:
    """What kind of thing something is.

    Examples
    --------
    >>> a([1]), a(None)
    ('a list', 'nothing')
    """
    return "nothing" if given is None else f"a {type(given).__name__}"


def _check_columns(have: Sequence[str], who: str, needed: Sequence[str]) -> None:
    if missing := [name for name in dict.fromkeys(needed) if name not in have]:
        raise errors.missing_columns(f"measure.{who}", missing, have)
