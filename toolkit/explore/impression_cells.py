"""Impressions counted once for an explorer, so that each choice meets a small table and not the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import polars as pl

from toolkit import keep, measure, rates, reference
from toolkit.chart.drawing import Drawing
from toolkit.chart.funnel import UNITS
from toolkit.chart.linked import linked_bars
from toolkit.explore.view import narrow, refuse_none

FILTERS = ("campaign", "country", "device", "anonymous")
DIMENSIONS = ("campaign", "banner", "bucket", "project", "wiki", "uselang", "country", "region", "device", "anonymous")
SIGN = "\x1f"  # between campaigns, which no name has
SOME = 100_000  # rows that are looked at to see how many are alike
PAYS = 0.3  # share of distinct rows among them up to which it pays to count alike ones first
WAY = ("attempts", "path", "flags")
"""What tells which campaign a page view was taken over from; a tally that has it still knows."""


class ImpressionCells:
    """Tallies of one source, each made once, and what choices leave of them.

    Parameters
    ----------
    rows : pl.DataFrame or pl.LazyFrame
        Rows of `load.impressions`; those of a store stay there, and each tally reads the columns that it needs.

    Attributes
    ----------
    columns : list of str
        Of the rows.
    n_rows : int
        How many there are.
    varying : list of str
        Dimensions that have more than one value.
    """

    def __init__(self, rows: pl.DataFrame | pl.LazyFrame) -> None:
        partial_attempts = 2 ** reference.flag_bit("partial_attempts")
        schema = rows.collect_schema()
        self.columns = schema.names()
        self._way = [column for column in WAY if column in self.columns]
        self._rows = rows.with_columns(_categories(schema), pl.col("flags").cast(pl.Int64) & partial_attempts)
        self.tally, self._cube = cache(self._tally_of), cache(self._cube_of)
        there = [column for column in DIMENSIONS if column in self.columns]
        counts = self._rows.lazy().select(pl.len().alias("rows"), pl.col(there).n_unique()).collect(engine="streaming")
        self.n_rows: int = counts["rows"].item()
        self.varying = [column for column in there if counts[column].item() > 1]
        refuse_none(self.alike)

    @cached_property
    def alike(self) -> pl.DataFrame:
        """Rows of which all that can be chosen, the day, the code and the rate are the same, as one."""
        return self._as_one(self._rows.lazy(), with_way=False)

    def codes(self) -> pl.Series:
        """Status codes that the rows have, those of earlier attempts among them."""
        there = [column for column in ("status_code", "path") if column in self.columns]
        found = pl.collect_all(
            self._rows.lazy().select(codes=pl.col(column).cast(pl.String).unique()) for column in there
        )
        return pl.concat(found)["codes"].str.split(" ").explode(empty_as_null=True).drop_nulls().unique()

    @cached_property
    def _of_one_way(self) -> pl.DataFrame | None:
        """The same with the campaigns attempted; none where hardly two rows are alike, so that it does not pay."""
        if not {*WAY} <= {*self._way}:
            return None
        some = self._rows.lazy().head(SOME).collect(engine="streaming")
        if self._as_one(some.lazy(), with_way=True).height > 2 * PAYS * some.height:
            return None
        return self._as_one(self._rows.lazy(), with_way=True)

    def _as_one(self, rows: pl.LazyFrame, *, with_way: bool) -> pl.DataFrame:
        rows = rows.with_columns(dt=pl.col("dt").dt.truncate("1d"))
        keys = [*FILTERS, "dt", "status_code", "sample_rate"]
        way = []
        if with_way:
            # with the codes of the path all that a measure asks of the attempts
            campaign = pl.element().struct.field("campaign").fill_null("?")
            campaigns = pl.col("attempts").list.eval(campaign).list.join(SIGN)
            rows = rows.with_columns(campaigns.cast(pl.Categorical).alias("campaigns"))
            keys += ["flags", "path", "campaigns"]
            way = [pl.col("attempts").first()]
        ends = {"first": pl.col("ms").min(), "last": pl.col("ms").max()}
        found = rows.group_by(keys).agg(pl.col("requests").sum(), *way, **ends).collect(engine="streaming")
        found = found if with_way else found.with_columns(flags=pl.lit(0, dtype=pl.Int64))
        # nothing is counted at the last time, which is there to be known
        last = found.with_columns(requests=pl.lit(0, dtype=found.schema["requests"]), ms="last")
        return pl.concat([found.with_columns(ms="first"), last]).drop("first", "last", "campaigns", strict=False)

    def of(
        self,
        dimensions: Sequence[str],
        *,
        unit: measure.Unit,
        chosen: Mapping[str, Any],
        days: tuple[str, str] | None = None,
        taken_over: bool = False,
    ) -> pl.DataFrame:
        """Cells of a tally that have the chosen values, with `day` and the dimensions.

        Parameters
        ----------
        dimensions : list of str
            What the measure will be by.
        unit : {"pageview", "attempt"}
            What is counted.
        chosen : dict
            Values of columns of `FILTERS`.
        days : (str, str), optional
            First and last day; without it, cells without a time stay in.
        taken_over : bool
            Whether cells of page views know the attempts that other campaigns took over. Those of a campaign that is
            chosen then hold page views of others too, to be filtered after the measure.

        Returns
        -------
        pl.DataFrame
            A tally, for measures that take one.
        """
        by_campaign = "campaign" in dimensions
        # an attempt has a campaign of its own, and attempts of a page view stay together where none is asked for
        own = ["campaign"] if by_campaign or unit == "pageview" else []
        way = self._way if by_campaign and unit == "pageview" and taken_over else []
        others = [column for column in FILTERS if column != "campaign"]
        found = self.tally(unit, tuple(sorted({*own, *others, "day", *dimensions, *way})))
        found = narrow(found, {column: value for column, value in chosen.items() if column != "campaign"})
        if "campaign" in chosen:
            found = found.filter(_meets(chosen["campaign"], attempts="attempts" in way))
        return found.with_columns(dt="day").filter(keep.period(*days)) if days else found

    def linked(
        self,
        chosen: Mapping[str, Any],
        *,
        unit: measure.Unit,
        days: tuple[str, str] | None = None,
        with_days: bool = True,
        recorded: bool = False,
    ) -> Drawing:
        """Bars beside a chart: what the other choices leave of each dimension.

        Parameters
        ----------
        chosen : dict
            Values of columns of `FILTERS`.
        unit : {"pageview", "attempt"}
            What is counted.
        days : (str, str), optional
            First and last day.
        with_days : bool
            Whether there are bars of days.
        recorded : bool
            Whether units count once each, in place of 1 / sample rate.

        Returns
        -------
        Drawing
            That of `linked_bars`.
        """
        cube, plans = self._cube(unit), []
        schema = cube.collect_schema()
        panels = (*FILTERS, *(["days"] if with_days else []))
        for panel in panels:
            others = [pl.col(column) == value for column, value in chosen.items() if column != panel]
            found = cube.filter(others) if others else cube
            if days and panel != "days":
                found = found.with_columns(dt="day").filter(keep.period(*days))
            column = "day" if panel == "days" else panel
            text = [pl.col("value").cast(pl.String)] if schema[column] == pl.Categorical else []
            total = pl.col("recorded" if recorded else "weighted").sum()
            plans.append(found.group_by(value=column).agg(total=total).with_columns(text))
        totals = dict(zip(panels, pl.collect_all(plans), strict=True))
        marked = {**{column: chosen.get(column) for column in FILTERS}, "days": days}
        return linked_bars(totals, marked, UNITS[unit])

    def _tally_of(self, unit: measure.Unit, dimensions: tuple[str, ...]) -> pl.DataFrame:
        rows: pl.DataFrame | pl.LazyFrame | None = None
        if {*dimensions} <= {*FILTERS, "day", *WAY}:
            rows = self.alike if unit == "pageview" and not {*dimensions} & {*WAY} else self._of_one_way
        made = (
            measure.tally(self._rows if rows is None else rows, by=dimensions, unit=unit)
            .lazy()
            .collect(engine="streaming")
        )
        made = made.with_columns(_categories(made.schema))
        if "path" not in dimensions:
            return made
        # what rows have that a measure asks for attempts
        told = made.with_columns(requests="n", status_code="codes", ms="first_ms")
        return told.with_columns(pl.col("campaign").cast(pl.String))

    def _cube_of(self, unit: measure.Unit) -> pl.LazyFrame:
        """Units of each combination of what can be chosen, weighted and not."""
        tallied = self.tally(unit, tuple(sorted({*FILTERS, "day"})))
        sums = {"weighted": (pl.col("n") / pl.col("sample_rate")).sum(), "recorded": pl.col("n").sum()}
        return tallied.group_by(*FILTERS, "day").agg(**sums).with_columns(pl.col("campaign").cast(pl.String)).lazy()


def _categories(schema: pl.Schema) -> pl.Expr:
    """Dimensions as categories: several times faster to choose from and to group."""
    texts = [column for column in (*DIMENSIONS, "path") if schema.get(column) == pl.String]
    return pl.col(texts).cast(pl.Categorical)


def values(rows: pl.DataFrame, column: str) -> list[Any]:
    """Values of a dimension, most page views first."""
    size = (pl.col("requests") * rates.weight("sample_rate").fill_null(0)).sum()
    sizes = rows.group_by(column).agg(size=size).drop_nulls(column)
    return list(sizes.sort("size", column, descending=[True, False])[column])


def _meets(campaign: str, *, attempts: bool) -> pl.Expr:
    """Cells of a campaign: where attempts are known, also those that it lost to another one."""
    own = pl.col("campaign") == campaign
    if not attempts:
        return own
    names = pl.col("attempts").list.eval(pl.element().struct.field("campaign"))
    return own | names.list.contains(campaign).fill_null(value=False)
