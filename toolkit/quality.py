"""What a reader should know of a load before trusting a number of it."""

from __future__ import annotations

import polars as pl

from toolkit import reference
from toolkit.load import Load
from toolkit.rates import share

REPORT = {
    "check": pl.String,
    "n": pl.Int64,
    "of": pl.String,
    "share": pl.Float64,
    "meaning": pl.String,
    "example": pl.String,
}
COUNTS = {
    "set_aside": "rows that could not be read: see load.set_aside",
    "duplicates": "second deliveries of a row that was kept",
}


def report(load: Load) -> pl.DataFrame:
    """Everything odd in a load, one row for each kind, with an example that leads back to the export.

    Parameters
    ----------
    load : Load
        What a loader gave; of a store only the columns that are needed are read.

    Returns
    -------
    pl.DataFrame
        - check: `set_aside`, `duplicates`, the name of a flag, or `no COLUMN` for a column with missing values
        - n: rows; of: `rows in` or `rows kept`; share: n of them [0 to 1]
        - meaning; example: file and line of the first such row

        Ordered as above, most rows first; what did not occur is not listed, but for the first two.

    Examples
    --------
    >>> from toolkit import load
    >>> report(load.impressions("data/sample/beacons.tsv.gz")).select("check", "n", "of").head(4).rows()
    [('set_aside', 0, 'rows in'), ('duplicates', 0, 'rows in'), ('bot', 536, 'rows kept'), ('debug', 79, 'rows kept')]
    """
    rows_in, *counts = load.account.select("rows_in", *COUNTS).sum().row(0)
    first_aside = load.set_aside.lazy().select(pl.format("{}:{}", "file", "line").first()).collect()
    examples = [first_aside.item() if first_aside.height else None, None]
    counted = [
        (check, n, "rows in", n / rows_in if rows_in else None, meaning, example)
        for (check, meaning), n, example in zip(COUNTS.items(), counts, examples, strict=True)
    ]
    kept = load.rows.lazy()
    names = kept.collect_schema().names()
    n_kept = int(load.account["kept"].sum())
    flags = reference.table("flag")
    raised = {
        flag: (pl.col("flags") // 2 ** int(bit) % 2 == 1, meaning)
        for bit, flag, meaning in flags.select("bit", "flag", "meaning").iter_rows()
    }
    absent = {
        f"no {name}": (pl.col(name).is_null(), f"{name} is missing")
        for name in names
        if name not in {"file", "line", "flags", "ms", "dt"}  # a flag tells of times
    }
    found = [_found(kept, raised), _found(kept, absent)]
    listed = [
        part.filter((pl.col("n") > 0) & (pl.col("n") < max(n_kept, 1) + (part is found[0])))
        .with_columns(of=pl.lit("rows kept"), share=share("n", pl.lit(n_kept)))
        .select(pl.col(name).cast(kind) for name, kind in REPORT.items())
        .sort("n", "check", descending=[True, False])
        for part in found
    ]
    return pl.concat([pl.DataFrame(counted, schema=REPORT, orient="row"), *listed])


def _found(rows: pl.LazyFrame, checks: dict[str, tuple[pl.Expr, str]]) -> pl.DataFrame:
    """For each check how many rows it finds, and the first of them."""
    place = pl.format("{}:{}", pl.col("file").cast(pl.String), "line")
    n = rows.select(condition.sum().cast(pl.Int64).alias(check) for check, (condition, _) in checks.items())
    first = rows.select(place.filter(condition).first().alias(check) for check, (condition, _) in checks.items())
    counts, examples = pl.collect_all([n, first])
    meanings = [meaning for _, meaning in checks.values()]
    return pl.DataFrame(
        {"check": list(checks), "n": counts.row(0), "meaning": meanings, "example": examples.row(0)},
        schema_overrides={"n": pl.Int64, "example": pl.String},
    )
