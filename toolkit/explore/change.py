"""Why a share changed, under a hand's choices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from toolkit import chart, decode, errors, measure, reference
from toolkit.chart import look
from toolkit.chart.drawing import Drawing, Finished
from toolkit.explore import code
from toolkit.explore.impression_cells import FILTERS, ImpressionCells, values
from toolkit.explore.view import DAY, Choices, View, days, dropdown, frame_of, menu
from toolkit.load import Load

UNITS = {"attempt": "campaign attempts", "pageview": "page views"}


def change(source: Any, *, name: str | None = None, choices: Mapping[str, Any] | str | None = None) -> View:
    """Explore why a share changed from one day on: choose the day, outcome, dimensions, unit and filters.

    Parameters
    ----------
    source : Load, pl.DataFrame or pl.LazyFrame
        What `load.impressions` gives, or rows of it, of two days or more; of a store, each tally reads the
        columns that it needs.
    name : str, optional
        How the code shown calls the source; `impressions` for a load, `rows` for a frame unless given.
    choices : dict or str, optional
        Choices to start with: those of another view, or the text of its download as JSON.

    Returns
    -------
    View
        A widget; `view.code`, `view.choices`, `view.table`, `view.chart`. Bars beside the chart choose when they are
        clicked. A page without a kernel shows the chart.

    Raises
    ------
    toolkit.errors.ToolkitError
        The rows are of less than two days.

    Notes
    -----
    All days from `since` on are compared with all days before it, as they are in the rows.

    Examples
    --------
    >>> import toolkit as tk
    >>> view = tk.explore.change(tk.load.impressions("data/sample/beacons.tsv.gz"))
    >>> print(view.choose(country="DE", by="device", since="2026-03-05").code)
    change = (
        impressions.rows
        .filter(pl.col("country") == "DE")
        .pipe(
            tk.measure.change,
            after=("2026-03-05", "2026-03-08"),
            before=("2026-03-02", "2026-03-05"),
            by="device",
            unit="attempt",
        )
    )
    tk.chart.change(change)
    """
    rows, called = frame_of(source, name, "impressions", ("dt", *FILTERS))
    cells = ImpressionCells(rows)
    slider = days(cells.alike)
    if slider is None:
        raise errors.not_allowed("source", f"{cells.n_rows} rows of one day", "has two days or more to compare")
    words, every = zip(*slider.options, strict=True)
    by = cells.varying
    since = menu("since", list(zip(words[1:], every[1:], strict=True)))
    since.value = every[(len(every) + 1) // 2]
    controls: dict[str, widgets.Widget] = {
        **{column: dropdown(column, values(cells.alike, column)) for column in FILTERS},
        "since": since,
        "outcome": menu("share of", _outcomes(cells)),
        "unit": menu("unit", [(word, unit) for unit, word in UNITS.items()]),
        "by": dropdown("by", by, none="nothing"),
        "and": dropdown("and", by, none="nothing"),
    }
    if "campaign" in by:
        controls["by"].value = "campaign"
    ends = every[0], f"{date.fromisoformat(every[-1]) + timedelta(days=1):{DAY}}"

    def look_at(choices: Choices) -> tuple[pl.DataFrame, str]:
        return _looked(cells, choices, ends, called)

    set_aside = int(source.account["set_aside"].sum()) if isinstance(source, Load) else None
    return View(
        "change",
        controls,
        look=look_at,
        draw=_drawn,
        shown=_shown,
        said=partial(_said, n=int(cells.alike["requests"].sum()), set_aside=set_aside),
        linked=lambda choices: cells.linked(_chosen(choices), unit=choices["unit"], with_days=False),
        choices=choices,
    )


def _outcomes(cells: ImpressionCells) -> list[tuple[str, str]]:
    """Outcomes whose share may be asked for: stages, and the groups of causes that the rows have."""
    stages = reference.table("stage").sort(pl.col("order").cast(pl.Int64), descending=True)
    labels = [(label, stage) for stage, label in stages.select("stage", "label").iter_rows()][:-1]  # all are attempted
    groups = set(cells.codes().to_frame("status_code").select(decode.group("status_code")).to_series())
    return labels + [(group, group) for group in look.group_order() if group in groups - {"shown"}]


def _chosen(choices: Choices) -> dict[str, Any]:
    return {column: choices[column] for column in FILTERS if choices[column] is not None}


def _dimensions(choices: Choices) -> list[str]:
    return list(dict.fromkeys(column for column in (choices["by"], choices["and"]) if column))


def _looked(cells: ImpressionCells, choices: Choices, ends: tuple[str, str], called: str) -> tuple[pl.DataFrame, str]:
    """Table of the measure, and the code that gives it."""
    names, unit, chosen, since = _dimensions(choices), choices["unit"], _chosen(choices), choices["since"]
    apart = unit == "attempt" and "campaign" in chosen  # an attempt has a campaign of its own
    wanted = list(dict.fromkeys([*names, *(["campaign"] if apart else [])]))
    found = cells.of(wanted, unit=unit, chosen=chosen)
    before = pl.col("day").dt.strftime(DAY) < since
    sides = found.drop_nulls(["day", "sample_rate"]).select(before.alias("side"))["side"].unique()
    text = _code(called, choices, names, ends, tallied=wanted if apart else None)
    if len(sides) < 2:  # noqa: PLR2004 - before and after
        return pl.DataFrame(), text
    table = measure.change(
        found, after=(since, ends[1]), before=(ends[0], since), by=names, unit=unit, outcome=choices["outcome"]
    )
    texts = [pl.col(column).cast(pl.String) for column in names if table.schema[column] == pl.Categorical]
    return table.with_columns(texts), text


def _code(called: str, choices: Choices, names: list[str], ends: tuple[str, str], *, tallied: list[str] | None) -> str:
    """Lines that give the same table without the explorer."""
    chosen, since = _chosen(choices), choices["since"]
    steps = []
    if tallied is not None:
        campaign = chosen.pop("campaign")
        steps.append(code.pipe("tally", by=code.listed([*tallied, "day"]), unit=code.quoted("attempt")))
        steps.append(f".filter({code.condition('campaign', campaign)})")
    unit = code.quoted("attempt") if choices["unit"] == "attempt" and tallied is None else None
    outcome = choices["outcome"]
    step = code.pipe(
        "change",
        after=f'("{since}", "{ends[1]}")',
        before=f'("{ends[0]}", "{since}")',
        by=code.listed(names) if names else None,
        unit=unit,
        outcome=code.quoted(outcome) if outcome != "shown" else None,
    )
    return code.lines("change", called, code.conditions(chosen, None), [*steps, step])


def _drawn(table: pl.DataFrame) -> Drawing:
    return Finished.of_chart(chart.change(table))


def _said(choices: Choices, table: pl.DataFrame, *, n: int, set_aside: int | None) -> str:
    """Unit, weight, filters and rows of the present view in one line."""
    row = table.row(0, named=True)
    filters = [f"{name} {value}" for name, value in _chosen(choices).items()]
    aside = [] if set_aside is None else [f"{look.count(set_aside)} rows of the files set aside"]
    timeless = [f"{look.count(row['timeless'])} recorded without a time"] if row["timeless"] else []
    return "; ".join(
        [
            f"unit: {UNITS[row['unit']]}, weight {row['weight']}, {look.intervals(row['level'])}",
            f"filters: {', '.join(filters) or 'none'}",
            f"{look.count(n)} page views loaded",
            *timeless,
            *aside,
        ]
    )


def _shown(table: pl.DataFrame) -> pl.DataFrame:
    """Table with numbers as a reader expects them."""
    points = pl.format("{} ({} to {})", *(_points(f"contribution{end}") for end in ("", "_low", "_high")))
    code_words = pl.concat_str("status_code", "label", separator=" ", ignore_nulls=True)
    return table.select(
        pl.col("value").alias(table["dimension"][0]),
        pl.when(part="mix").then(pl.lit("its part of all")).otherwise(code_words).alias("what changed"),
        points.alias("points (interval)"),
        pl.format("{} to {}", look.percents("size_before"), look.percents("size_after")).alias("part of all"),
        pl.format("{} to {}", look.percents("share_before"), look.percents("share_after")).alias("share within"),
        pl.format("{} to {}", "n_before", "n_after").alias("recorded"),
    )


def _points(column: str) -> pl.Expr:
    return pl.col(column).map_elements(lambda value: f"{value * 100:+.1f}", return_dtype=pl.String)
