"""Query strings of `/beacon/impression` to columns, equal to what urllib gives and many times faster."""

from __future__ import annotations

from collections.abc import Sequence
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
FIRST = 1000  # rows among which one that is not empty tells the usual order of keys
LAST = "bucket"  # of the parameters that every request has
ODD_KEY = r"(?:^|[?&])(?:[^=&#]*[%+][^=&#]*(?:[=&#]|$)|[^=&#]+(?:[&#]|$))"  # encoded, or without a value


def parameters(frame: pl.DataFrame, query: str) -> pl.DataFrame:
    """One column for each parameter that the toolkit reads, decoded; the first value of a repeated one.

    A parameter that is not there is null, an empty one is an empty text. The client writes its parameters in one
    order: a row whose first keys stand as in the first row is cut into its values, any other is searched for each key,
    and one with a key that is itself encoded, or that has no `=`, is read by urllib.

    Examples
    --------
    >>> frame = pl.DataFrame({"q": ["?country=DE&campaign=A+%26+B&statusCode=2.10", "?c%6Funtry=FR&statusCode=6#x"]})
    >>> parameters(frame, "q").select("country", "campaign", "statusCode").rows()
    [('DE', 'A & B', '2.10'), ('FR', None, '6')]
    """
    text = frame[query]
    if text.str.contains("#", literal=True).any():
        text = text.str.replace(r"(?s)#.*$", "")
    text = text.str.strip_prefix("?")
    keys = _keys(next((row for row in text.head(FIRST) if row), ""))
    pieces = text.str.splitn("&", len(keys) + 1).struct.unnest()
    as_usual = [pl.col(f"field_{at}").str.starts_with(f"{key}=").fill_null(value=False) for at, key in enumerate(keys)]
    fits = pieces.select(pl.all_horizontal(pl.lit(value=bool(keys)), *as_usual)).to_series()
    if not keys:
        raw = _searched(text, PARAMETERS)
    elif fits.all():
        raw = _cut(pieces, keys)
    else:
        at = pl.int_range(len(text), eager=True)
        order = pl.concat([at.filter(fits), at.filter(~fits)])
        both = pl.concat([_cut(pieces.filter(fits), keys), _searched(text.filter(~fits), PARAMETERS)])
        raw = both[order.arg_sort()]
    return raw.with_columns(decoded(key) for key in PARAMETERS)


def _keys(query: str) -> list[str]:
    """First keys of a query, to the last that every request has; nothing where they are not plain names."""
    keys = [pair.partition("=")[0] for pair in query.split("&")]
    usual = keys[: keys.index(LAST) + 1] if LAST in keys else keys
    return usual if len(set(usual)) == len(usual) and all(key.isalnum() for key in usual) else []


def _cut(pieces: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Parameters of rows whose first keys are these; what stands behind them is searched."""
    there = {key: f"field_{at}" for at, key in enumerate(keys) if key in PARAMETERS}
    cut = pieces.select(pl.col(there[key]).str.slice(len(key) + 1).alias(key) for key in there)
    others = _searched(pieces[f"field_{len(keys)}"], [key for key in PARAMETERS if key not in there])
    return pl.concat([cut, others], how="horizontal").select(PARAMETERS)


def _searched(text: pl.Series, keys: Sequence[str]) -> pl.DataFrame:
    """Parameters of rows in any order."""
    slow = text.str.contains(ODD_KEY).fill_null(value=False).arg_true()
    if len(slow):
        text = text.scatter(slow, [_with_plain_keys(query) for query in text.gather(slow)])
    queries = ("&" + text.fill_null("")).alias("query").to_frame()
    return queries.select(pl.col("query").str.extract(f"&{key}=([^&]*)").alias(key) for key in keys)


def decoded(column: str) -> pl.Expr:
    """Percent signs and pluses of a column undone; bytes that are no UTF-8 become U+FFFD, as in urllib.

    Examples
    --------
    >>> pl.DataFrame({"c": ["A+%26+B", "100%", None]}).select(decoded("c")).to_series().to_list()
    ['A & B', '100%', None]
    """

    def undo(values: pl.Series) -> pl.Series:
        distinct = values.drop_nulls().unique()
        coded = distinct.filter(distinct.str.contains("[%+]"))
        if coded.is_empty():
            return values
        return values.replace(coded, pl.Series([unquote_plus(value) for value in coded], dtype=pl.String))

    return pl.col(column).map_batches(undo, return_dtype=pl.String, is_elementwise=True)


def _with_plain_keys(query: str) -> str:
    return urlencode(parse_qsl(query, keep_blank_values=True))
