"""Query strings of `/beacon/impression` to columns, equal to what urllib gives and many times faster."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_plus, urlencode

import polars as pl

PARAMETERS = (
    "country",
    "region",
    "anonymous",
    "project",
    "db",
    "uselang",
    "device",
    "debug",
    "recordImpressionSampleRate",
    "campaignStatuses",
    "statusCode",
    "campaign",
    "bucket",
    "banner",
    "reason",
    "bannerLoadedButHiddenReason",
)
ODD_KEY = r"(?:^|[?&])(?:[^=&#]*[%+][^=&#]*(?:[=&#]|$)|[^=&#]+(?:[&#]|$))"  # encoded, or without a value


def parameters(frame: pl.DataFrame, query: str) -> pl.DataFrame:
    """One column for each parameter that the toolkit reads, decoded; the first value of a repeated one.

    A parameter that is not there is null, an empty one is an empty text. Parts of a column are decoded once for
    each distinct text. The rare lines with a key that is itself encoded, or that has no `=`,
    take the slow way.

    Examples
    --------
    >>> frame = pl.DataFrame({"q": ["?country=DE&campaign=A+%26+B&statusCode=2.10", "?c%6Funtry=FR&statusCode=6#x"]})
    >>> parameters(frame, "q").select("country", "campaign", "statusCode").rows()
    [('DE', 'A & B', '2.10'), ('FR', None, '6')]
    """
    # the sign before the first key may be missing: give each key one, and drop a fragment
    plain = "&" + pl.col(query).str.replace(r"#.*$", "").str.strip_prefix("?")
    slow = pl.col(query).str.contains(ODD_KEY)
    text = pl.when(slow).then(pl.col(query).map_elements(_with_plain_keys, return_dtype=pl.String)).otherwise(plain)
    raw = frame.select(text.alias("query")).select(
        pl.col("query").str.extract(f"&{key}=([^&]*)").alias(key) for key in PARAMETERS
    )
    return raw.with_columns(decoded(key) for key in PARAMETERS)


def decoded(column: str) -> pl.Expr:
    """Percent signs and pluses of a column undone; bytes that are no UTF-8 become U+FFFD, as in urllib.

    Examples
    --------
    >>> pl.DataFrame({"c": ["A+%26+B", "100%", None]}).select(decoded("c")).to_series().to_list()
    ['A & B', '100%', None]
    """

    def undo(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique()
        plain = [unquote_plus(value) for value in distinct]
        return values.replace_strict(distinct, pl.Series(plain, dtype=pl.String), default=None, return_dtype=pl.String)

    return pl.col(column).map_batches(undo, return_dtype=pl.String, is_elementwise=True)


def _with_plain_keys(query: str) -> str:
    pairs = parse_qsl(query.removeprefix("?").partition("#")[0], keep_blank_values=True)
    return "&" + urlencode(pairs)
