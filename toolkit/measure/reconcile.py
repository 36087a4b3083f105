"""Why Druid and Turnilo show another number: the difference, split by cause without a rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

import narwhals as nw
import polars as pl

from toolkit import errors, reference
from toolkit.load.sheets import to_polars
from toolkit.measure.plain import plain
from toolkit.measure.tally import TIMES, UNITS, Unit, dimensions, start_of
from toolkit.rates import usable_rate

STEPS = ("minute", *TIMES)
DIMENSIONS = (
    *("minute", "campaign", "banner", "project", "uselang", "bucket", "anonymous", "status_code", "country", "device"),
    "sample_rate",
)
OF_DRUID = {
    "truncation": "each row of Druid is cut to a whole number",
    "float32_rate": "Druid keeps the rate in 32 bits, a little above the decimal, and just misses a whole number",
    "rate_above_one": "Druid counts a request at a rate above 1 for less than one page view",
    "rate_unusable": "the rate is 0, negative or missing, and the requests cannot be weighted",
    "unexplained": "the published count is none that the query can give for these requests",
}
OF_REQUESTS = {
    "bot": "spiders and other automata are left out of Druid",
    "debug": "pages opened with a debug parameter are left out of Druid",
    "no_time": "requests without a time are left out of Druid",
    "infinite_rate": "requests with an infinite rate are left out of Druid",
    "hand_over": "Druid has the page view under the campaign that took over, not under this one",
    "only_requests": "the requests hold page views that the export of Druid does not",
    "only_druid": "the export of Druid holds page views that the requests do not",
}
CAUSES = {**OF_DRUID, **OF_REQUESTS}
COUNTS = ("request_count", "published", "weighted", "difference")
RESULT = ("unit", "weight", *COUNTS, *CAUSES, "n", "unweighted", "cause", "note")
RESERVED = (
    *RESULT,
    "requests",
    "normalized_request_count",
    "exact",
    "comparable",
    "only_normalized",
    "why",
    "ratio",
    "whole",
)
NEEDED = ("requests", "sample_rate", "flags")
WEIGHT = "1 / sample rate"
ONLY_NORMALIZED = "the export has only the normalised count, up to 1 too low for each row of Druid that it sums"
NOISE = 9  # decimals to which sums of fractions are the same


def reconcile(
    druid: Any, requests: Any | None = None, *, by: str | Sequence[str] | None = None, unit: Unit = "pageview"
) -> pl.DataFrame:
    """Published counts of Druid beside weighted page views, row by row, with the difference by cause.

    Parameters
    ----------
    druid : frame
        Rows of `load.impressions` of Druid banner_activity. With `keep=["normalized_request_count"]` the published
        count is the one in the export; otherwise it is what the query gives for each row, which is true of rows as
        fine as Druid's own.
    requests : frame, optional
        Rows of `load.impressions` of the requests behind it. Without them only the causes that lie in Druid's own
        rows are told.
    by : str or list of str, optional
        One row for each combination of these columns; `minute`, `hour`, `day` and `week` are made of `dt`. All dimensions
        that the export of Druid has, if not given.
    unit : {"pageview", "attempt"}
        What `weighted` counts where there are requests: page views, each under its last campaign, as Druid does; or
        campaign attempts, each under its own campaign and code.

    Returns
    -------
    pl.DataFrame
        The largest difference first. Columns:

        - the columns of `by`; unit; weight (how requests are weighted, in words)
        - request_count: requests that Druid counts
        - published: normalized_request_count [page views]
        - weighted: by 1 / sample rate, the decimal; of Druid's rows, or of the requests where given [units]
        - difference: weighted - published; the causes add up to it
        - truncation, float32_rate, rate_above_one, rate_unusable, unexplained: causes in Druid's rows [units]
        - where requests are given also bot, debug, no_time, infinite_rate, hand_over (attempts that another campaign
          took over; unit "attempt"), only_requests, only_druid (negative) [units]
        - n: units recorded, not weighted, of the requests where given
        - unweighted: those of n without a usable rate; they are in no weighted number
        - cause: the largest cause in words; null where nothing differs
        - note: under which name Druid has the campaign, and what else a reader of the row should know

    Notes
    -----
    A request that Druid leaves out for several causes counts under the first of bot, debug, no_time, infinite_rate.
    `only_requests` and `only_druid` are what is left once every other cause is taken off: other periods, other
    filters, lost rows. They are net within a row, so that finer dimensions show more of both.

    At rate 0.3, 10 requests stand for 33.33 page views; the cast makes them 33: `truncation`. At rate 0.1, 1 request
    stands for 10, no fraction to cut; in 32 bits the rate is 0.10000000149, the quotient 9.99999985, cut to 9:
    `float32_rate`. Where a row sums several rows of Druid both are in `truncation`.

    Examples
    --------
    >>> rows = pl.DataFrame({"campaign": ["A", "B"], "requests": [1, 10], "sample_rate": [0.1, 0.3], "flags": [0, 0]})
    >>> reconcile(rows).select("campaign", "published", "weighted", pl.col("difference", "truncation", "float32_rate").round(2)).rows()
    [('A', 9.0, 10.0, 1.0, 0.0, 1.0), ('B', 33.0, 33.333333333333336, 0.33, 0.33, 0.0)]
    """
    if unit not in UNITS:
        raise errors.bad_choice("unit", unit, UNITS)
    published = to_polars(_required(nw.from_native(plain(druid, parameter="druid")), []).to_native())
    names = _present(published) if by is None else dimensions(by, RESERVED)
    keys = [name for name in names if name != "sample_rate"]
    of_druid = _of_druid(_required(nw.from_native(published), keys), keys)
    causes = dict(OF_DRUID)
    if requests is None:
        both = of_druid.with_columns(weighted="exact")
    else:
        causes |= OF_REQUESTS
        more = ["campaign", "status_code", "attempts"] if unit == "attempt" else []
        counted = to_polars(
            _counted(
                _required(nw.from_native(plain(requests, parameter="requests")), keys, more), keys, unit
            ).to_native()
        )
        both = pl.concat([of_druid.drop("n", "unweighted"), _of_requests(counted)], how="diagonal_relaxed")
    rows = _summed(both, names)
    if requests is not None:
        rest = (pl.col("comparable") - pl.col("exact")).round(NOISE)
        rows = rows.with_columns(only_requests=rest.clip(lower_bound=0), only_druid=rest.clip(upper_bound=0))
    return _in_words(rows, names, causes, unit)


def _required(rows: Any, keys: Sequence[str], more: Sequence[str] = ()) -> Any:
    """Rows that have what is needed, and starts of minutes, hours and days where they are asked for."""
    have = rows.collect_schema().names()
    if missing := [
        name for name in (*NEEDED, *more, *keys) if name not in have and not (name in STEPS and "dt" in have)
    ]:
        raise errors.missing_columns("measure.reconcile", missing, have)
    starts = {"minute": nw.col("dt").dt.truncate("1m")}
    made = [name for name in keys if name in STEPS]
    return rows.with_columns((starts[name] if name in starts else start_of(name)).alias(name) for name in made)


def _raised(flag: str) -> nw.Expr:
    bit: int = 2 ** reference.flag_bit(flag)
    return nw.col("flags").cast(nw.Int64) // bit % 2 == 1


def _present(published: pl.DataFrame) -> list[str]:
    """Dimensions that an export of Druid has."""
    filled = {name for name in published.columns if published[name].count()}
    bit = 2 ** reference.flag_bit("only_normalized")
    if (published["flags"] // bit % 2 == 1).any():
        filled.discard("sample_rate")  # it is not known: the loader puts 1
    return [name for name in DIMENSIONS if name in filled or (name == "minute" and "dt" in filled)]


def _of_druid(rows: Any, keys: list[str]) -> pl.DataFrame:
    """Published and exact counts of each of Druid's rows, and the causes that lie in the row."""
    own: pl.DataFrame = rows.with_columns(only_normalized=_raised("only_normalized")).to_native()
    rate, n = pl.col("sample_rate").cast(pl.Float64), pl.col("requests")
    usable = usable_rate(rate)
    ratio = pl.when(usable.is_not_null()).then(n / rate)
    # 3 / 0.3 is 10 and a little less in floats; no fraction of a decimal rate is that close to a whole number
    whole = ratio.round_sig_figs(13).floor()
    in_32_bits = (n / rate.cast(pl.Float32).cast(pl.Float64)).floor()
    by_query = pl.when(usable.is_not_null()).then(in_32_bits).otherwise(0.0)
    given = pl.col("normalized_request_count").cast(pl.Float64) if "normalized_request_count" in own.columns else None
    count = by_query if given is None else pl.coalesce(given, by_query)
    counts = own.select(
        *keys,
        "only_normalized",
        sample_rate=rate,
        request_count=n,
        n=n,
        unweighted=pl.when(usable.is_null()).then(n).otherwise(0),
        published=count,
        exact=(n / usable).fill_null(0.0),
        ratio=ratio,
        whole=whole,
        by_query=by_query,
    )
    lost = pl.col("ratio") - pl.col("published")
    as_query = pl.col("published") == pl.col("by_query")
    # a row that sums rows of the query lost less than 1 with each of them, and each holds a request at least
    as_sum = ~as_query & (lost >= 0) & (lost < pl.col("n"))
    known = pl.col("ratio").is_not_null()
    return counts.with_columns(
        truncation=pl.when(known & as_query).then(pl.col("ratio") - pl.col("whole")).when(as_sum).then(lost),
        float32_rate=pl.when(known & as_query).then(pl.col("whole") - pl.col("published")),
        rate_above_one=pl.col("exact") - pl.col("ratio"),
        rate_unusable=pl.when(~known).then(-pl.col("published")),
        unexplained=pl.when(known & ~as_query & ~as_sum).then(lost),
    ).drop("ratio", "whole", "by_query")


def _counted(rows: Any, keys: list[str], unit: Unit) -> Any:
    """Requests, or attempts, by what Druid does with them: a row for each key, rate and cause, of any engine."""
    rate = nw.col("sample_rate").cast(nw.Float64)
    why = (
        nw.when(_raised("bot")).then(nw.lit("bot"))
        .when(_raised("debug")).then(nw.lit("debug"))
        .when(_raised("no_time")).then(nw.lit("no_time"))
        .when(rate == float("inf")).then(nw.lit("infinite_rate"))
        .otherwise(nw.lit("comparable"))
    )  # fmt: skip
    all_keys = [*keys, "sample_rate", "why"]
    ready = rows.with_columns(n=nw.col("requests").cast(nw.Int64), sample_rate=rate, why=why)
    parts = [ready.select(*all_keys, "n")]
    if unit == "attempt":
        several = ready.with_columns(n_attempts=nw.col("attempts").list.len().cast(nw.Int64))
        most = to_polars(several.select(nw.col("n_attempts").max()).to_native())["n_attempts"][0] or 0
        parts += [_earlier(several, at).select(*all_keys, "n") for at in range(most - 1)]
    return nw.concat(parts).group_by(*all_keys).agg(n=nw.col("n").sum().cast(nw.Int64))  # wider on some engines


def _earlier(rows: Any, at: int) -> Any:
    """Attempt at one position of each page view that attempted another one after it."""
    attempt = nw.col("attempts").list.get(at).struct
    comparable = nw.col("why") == "comparable"
    return rows.filter(nw.col("n_attempts") > at + 1).with_columns(
        campaign=attempt.field("campaign"),
        status_code=attempt.field("status_code"),
        # those of the last attempt are not this one's
        banner=nw.lit(None, dtype=nw.String),
        bucket=nw.lit(None, dtype=nw.String),
        why=nw.when(comparable).then(nw.lit("hand_over")).otherwise(nw.col("why")),
    )


def _of_requests(counted: pl.DataFrame) -> pl.DataFrame:
    """Weighted units in a column for each thing that Druid does with them."""
    weighted = (pl.col("n") / usable_rate("sample_rate")).fill_null(0.0)
    kinds = ("comparable", "bot", "debug", "no_time", "infinite_rate", "hand_over")
    return counted.with_columns(
        *(pl.when(pl.col("why") == kind).then(weighted).otherwise(0.0).alias(kind) for kind in kinds),
        weighted=weighted,
        unweighted=pl.when(usable_rate("sample_rate").is_null()).then("n").otherwise(0),
    ).drop("why")


def _summed(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    values = [name for name in rows.columns if name in {*RESULT, "exact", "comparable"}]
    sums = [pl.col(values).sum(), pl.col("only_normalized").any(ignore_nulls=True)]
    # sorted, so that sums of fractions do not depend on the order of rows
    in_order = rows.sort(pl.all())
    return in_order.group_by(names, maintain_order=True).agg(sums) if names else in_order.select(sums)


def _in_words(rows: pl.DataFrame, names: list[str], causes: dict[str, str], unit: Unit) -> pl.DataFrame:
    largest = pl.concat_list(pl.col(name).abs() for name in causes).list.arg_max()
    differs = pl.any_horizontal(pl.col(name).abs().round(NOISE) > 0 for name in causes)
    notes = [pl.when(pl.col("only_normalized")).then(pl.lit(ONLY_NORMALIZED))]
    if "campaign" in names:
        escaped = pl.col("campaign").map_elements(_escaped, return_dtype=pl.String)
        notes.append(pl.when(escaped != pl.col("campaign")).then(pl.format("Druid has the campaign as '{}'", escaped)))
    said = rows.with_columns(
        unit=pl.lit(unit),
        weight=pl.lit(WEIGHT),
        difference=pl.col("weighted") - pl.col("published"),
        cause=pl.when(differs).then(largest.replace_strict(dict(enumerate(causes.values())), return_dtype=pl.String)),
        note=pl.concat_str(notes, separator="; ", ignore_nulls=True).replace("", None),
    )
    shown = [name for name in RESULT if name in said.columns]
    in_order = said.sort(pl.col("difference").abs().round(NOISE), *names, descending=[True, *(False for _ in names)])
    return in_order.select(*names, *shown)


def _escaped(name: str) -> str:
    """Name as the client writes it into an address, and as Druid keeps it."""
    return quote_plus(name, safe="*").replace("~", "%7E")
