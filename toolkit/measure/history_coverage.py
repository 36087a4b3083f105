"""What of browser logs there is to measure, and what is odd about them."""

from __future__ import annotations

from typing import Any

import polars as pl

from toolkit.measure.browser_logs import JITTER_S, each_once, entries_of
from toolkit.rates import share, usable_rate


def history_coverage(frame: Any) -> pl.DataFrame:
    """What of the logs there is to measure: sampled, forced, cut off, empty, out of order, overlapping, each counted.

    Parameters
    ----------
    frame : pl.DataFrame or pl.LazyFrame
        Rows of `load.banner_history`.

    Returns
    -------
    pl.DataFrame
        One row for each thing counted: what, unit (`log` or `entry`), n, of (how many there are in all), share
        [0 to 1; null of nothing], note.

    Notes
    -----
    Logs name no browser. One entry that two logs share (wiki, campaign, banner, code and second) may be chance in a
    large export, since many readers see the same banner in the same second; two that follow each other hardly can.

    Examples
    --------
    >>> rows = pl.DataFrame({"log": [0, 0, 1], "position": [0, 1, None], "ms": [90_000, 0, None], "sent_dt": None, "logged": [9, 9, None],
    ...                      "sent": [2, 2, 0], "status_code": ["6", "6", None], "sample_rate": [0.1, 0.1, None], "forced": [False, False, True]})
    >>> history_coverage(rows).select("what", "n", "of").rows()[2:5]
    [('forced', 1, 2), ('without entries', 1, 2), ('truncated', 1, 2)]
    """
    raw = entries_of(frame, "measure.history_coverage", [])
    entries = raw.drop_nulls(["log", "position"])
    once = each_once(raw)
    logs = once.drop_nulls("log").group_by("log").agg(
        pl.col("sample_rate", "logged", "sent").first(), pl.col("forced", "cut").first(), has=pl.col("position").count()
    )  # fmt: skip
    kept = once.drop_nulls(["log", "position"])
    step = (pl.col("ms") - pl.col("ms").shift(1).over("log")) / 1000
    shared = _overlapping(kept)
    longest = logs.filter(pl.col("logged") == pl.col("logged").max())
    ones = longest.height if longest.height > 1 else 0
    unusable = (~pl.col("forced") & usable_rate("sample_rate").is_null()).sum()
    n_logs, n_entries = logs.height, entries.height
    cut = logs.filter("cut")
    lines = [
        ("received", "log", n_logs, n_logs, None),
        ("sampled", "log", logs.filter(~pl.col("forced")).height, n_logs, "weight 1 / sample rate"),
        ("forced", "log", logs.filter("forced").height, n_logs, "sent by a reader who went to donate; never weighted"),
        ("without entries", "log", logs.filter(has=0).height, n_logs, "the browser could not store any"),
        ("truncated", "log", cut.height, n_logs, "the client cut the oldest entries off to keep the event short"),
        (
            "longest",
            "log",
            ones,
            n_logs,
            "as long as the longest: perhaps cut by the browser's own limit, which no export tells",
        ),
        ("without a usable rate", "log", int(logs.select(unusable).item()), n_logs, "in no weighted number"),
        (
            "overlapping",
            "log",
            shared,
            n_logs,
            "hold two neighbouring entries of another log: of the same browser; a log of one entry cannot be told",
        ),
        ("sent", "entry", n_entries, n_entries, None),
        (
            "cut off",
            "entry",
            int(cut.select((pl.col("logged") - pl.col("sent")).sum()).item()),
            n_entries,
            "not in the export, so beside those sent",
        ),
        ("without a log", "entry", raw.filter(pl.col("log").is_null()).height, raw.height, "in no measure of logs"),
        ("repeated", "entry", n_entries - kept.height, n_entries, "the same position of the same log; counted once"),
        (
            "before the entry before",
            "entry",
            int(kept.select((step < 0).sum()).item()),
            n_entries,
            f"times are shifted by up to {JITTER_S} s; order is that of positions",
        ),
        (
            "beyond the shift",
            "entry",
            int(kept.select((step < -2 * JITTER_S).sum()).item()),
            n_entries,
            "more than the shift explains: the browser's clock was set back",
        ),
    ]
    schema = {"what": pl.String, "unit": pl.String, "n": pl.Int64, "of": pl.Int64, "note": pl.String}
    table = pl.DataFrame(lines, schema=schema, orient="row")
    return table.with_columns(share=share("n", "of")).select("what", "unit", "n", "of", "share", "note")


def _overlapping(kept: pl.DataFrame) -> int:
    """Logs that share two neighbouring entries with another log."""
    identity = [name for name in ("wiki", "campaign", "banner", "status_code", "ms") if name in kept.columns]
    entry = pl.struct(identity)
    pairs = kept.select("log", entry=entry, then=entry.shift(-1).over("log")).filter(
        pl.col("log") == pl.col("log").shift(-1)
    )
    return pairs.filter(pl.col("log").n_unique().over("entry", "then") > 1)["log"].n_unique()
