"""Tables made publishable: cells of few are taken out, and as many more as totals would give them back by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from toolkit import errors

K = 10
"""The smallest count that is shown; a policy, not a finding: no number stands in the sources."""

COUNTS = ("n", "users", "visits", "visits_clicked", "requests", "clicked", "count")
TOTALS = ("all", "total")
NOTE = "note"


def suppress(
    table: pl.DataFrame,
    *,
    k: int = K,
    counts: str | Sequence[str] = (),
    by: str | Sequence[str] = (),
    total: str | Sequence[str] = TOTALS,
) -> pl.DataFrame:
    """Table that may be published: without cells below `k`, and without those that would give them back.

    Parameters
    ----------
    table : pl.DataFrame
        What a measure gives, collected: one row for each cell, with its counts.
    k : int
        The smallest count that may be shown. [users, visits or requests]
    counts : str or list of str
        Columns that count; those named n, users, visits, visits_clicked, requests, clicked or count unless told
        otherwise.
    by : str or list of str
        Columns that say which group a row is; unless told otherwise, all that hold no numbers. They stay as they are.
    total : str or list of str
        Values of `by` that stand for all others: such a row is a total of the rows that agree with it elsewhere.

    Returns
    -------
    pl.DataFrame
        The same rows in the same order. In a row with a count from 1 to `k` - 1, all its numbers are null: a share or
        a weighted total would say the count again. Where one row alone is missing in a sum that can be known, the row
        with the next smallest count is missing, too; so are others, until what is missing adds up to `k` or more.
        Zero stays, unless nothing else is left to go. Column `note` says why a row has no numbers.

    Raises
    ------
    ToolkitError
        A column is missing, none counts, or `k` is below 1.

    Notes
    -----
    A sum can be known over any column of `by`: the rows that agree in all others add up to something a reader may
    find in another table, whether its total stands in this one or not. So each such line of the table is protected,
    and again as long as one protection opens another line. A sum below `k` is taken for one that isn't shown: totals
    that are shown belong into the table, as rows with one of the values in `total`, so that they are suppressed with it.

    What this can't protect: the same cells counted in two
    tables with other lines, rows that hold each other (the stages of a funnel, each a part of the one before, give
    the only code between two of them), and what a reader knows from elsewhere.

    Examples
    --------
    >>> table = pl.DataFrame({"module": ["help", "impact", "start", "all"], "users": [40, 3, 25, 68]})
    >>> suppress(table).select("module", "users").rows()
    [('help', 40), ('impact', None), ('start', None), ('all', 68)]
    >>> suppress(table)["note"].to_list()
    [None, 'fewer than 10', 'left out, for a total would give another cell back', None]
    """
    if not isinstance(table, pl.DataFrame):
        raise errors.not_allowed("table", table, "is a table in memory, as measures give it")
    if not isinstance(k, int) or isinstance(k, bool):
        raise errors.not_allowed("k", k, "is a whole number")
    for parameter, names in {"counts": counts, "by": by, "total": total}.items():
        if not isinstance(names, str | Sequence) or not all(isinstance(name, str) for name in names):
            raise errors.not_allowed(parameter, names, "is a text, or a list of them")
    if k < 1:
        raise errors.not_allowed("k", k, "is at least 1")
    named = [counts] if isinstance(counts, str) else list(counts)
    counted = named or [name for name in COUNTS if name in table.columns]
    if not counted:
        raise errors.missing_columns("suppress", COUNTS[:1], table.columns)
    keys = [by] if isinstance(by, str) else list(by)
    missing = [name for name in (*named, *keys) if name not in table.columns]
    if missing:
        raise errors.missing_columns("suppress", missing, table.columns)
    if words := [name for name in counted if not table.schema[name].is_numeric()]:
        raise errors.not_allowed("counts", ", ".join(words), "names columns of numbers")
    keys = keys or [name for name, kind in table.schema.items() if not kind.is_numeric() and name != NOTE]
    keys = [name for name in keys if name not in counted]
    small = _small(table, counted, k)
    more = _more(table, counted, keys, small, k, [total] if isinstance(total, str) else list(total))
    numbers = [name for name, kind in table.schema.items() if name not in {*keys, NOTE, "level"} and kind.is_numeric()]
    gone = pl.Series("gone", [at in small or at in more for at in range(table.height)], dtype=pl.Boolean)
    first = pl.Series("small", [at in small for at in range(table.height)], dtype=pl.Boolean)
    said = (
        pl.when(first)
        .then(pl.lit(f"fewer than {k}"))
        .when(gone)
        .then(pl.lit("left out, for a total would give another cell back"))
        .otherwise(pl.col(NOTE).cast(pl.String) if NOTE in table.columns else pl.lit(None, dtype=pl.String))
    )
    return table.with_columns(pl.when(~gone).then(pl.col(name)).alias(name) for name in numbers).with_columns(
        said.alias(NOTE)
    )


def _small(table: pl.DataFrame, counted: Sequence[str], k: int) -> set[int]:
    """Rows with a count from 1 to below k."""
    found = pl.any_horizontal((pl.col(name) > 0) & (pl.col(name) < k) for name in counted)
    return set(table.select(found.fill_null(value=False)).to_series().arg_true().to_list())


def _more(
    table: pl.DataFrame, counted: Sequence[str], keys: Sequence[str], small: set[int], k: int, totals: Sequence[str]
) -> set[int]:
    """Rows that have to go, too, so that no line of the table gives a small one back."""
    lines = list(_lines(table, keys, totals))
    columns = [table[name].to_list() for name in counted]
    more: set[int] = set()
    while True:
        added = {at for line in lines for values in columns if (at := _next(values, line, small | more, k)) is not None}
        if not added:
            return more
        more |= added


def _lines(table: pl.DataFrame, keys: Sequence[str], totals: Sequence[str]) -> Iterator[list[int]]:
    """Rows that add up to something: those that differ in one column alone, totals apart from their parts."""
    if not keys:
        yield list(range(table.height))
    texts = {name: table[name].cast(pl.String).to_list() for name in keys}
    n_values = {name: len(set(values)) for name, values in texts.items()}
    for name in keys:
        # a label goes with its code: a line over codes is one over labels
        apart = [
            texts[other]
            for other in keys
            if other != name and len(set(zip(texts[name], texts[other], strict=True))) > n_values[name]
        ]
        groups: dict[tuple[str | None, ...], list[int]] = {}
        for at in range(table.height):
            if texts[name][at] not in totals:
                groups.setdefault(tuple(other[at] for other in apart), []).append(at)
        yield from groups.values()


def _next(values: Sequence[float | None], line: Sequence[int], gone: set[int], k: int) -> int | None:
    """The row of a line that has to go next; none if what is gone can't be told apart."""
    known = {at: value for at in line if (value := values[at]) is not None}
    missing = [at for at in known if at in gone]
    hidden = sum(known[at] for at in missing)
    if not missing or sum(known.values()) < k or (len(missing) > 1 and hidden >= k):
        return None
    left = [at for at in known if at not in gone]
    return min(left, key=lambda at: (known[at] == 0, known[at], at), default=None)
