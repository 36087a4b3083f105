"""What all choices of the engagement explorer share: counted once, so that a choice only adds up.

A choice of rows leaves most hovers as they are. It changes those of a visit that it cuts in two (another state after the
page was loaded anew, midnight), and those of a visit whose page was restored, for the impressions of other modules tell
when; these few are paired anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from toolkit import measure, rates, reference
from toolkit.measure.engagement import RESULT, SHARED, UNIT
from toolkit.measure.hovers import BOUNDS, COUNTS, KINDS, RESTART
from toolkit.measure.usage import click_actions
from toolkit.measure.user_clusters import clustered_shares

FILTERS = ("module", "platform", "state", "wiki")
GROUP = ("wiki", "visit", "module")
HOVERS = ("hover-in", "hover-out")
KEPT = COUNTS[: len(KINDS)]
DESKTOP = pl.col("platform") == "desktop"


@dataclass(frozen=True)
class Cells:
    """Events of homepage modules, counted as finely as any choice needs.

    Attributes
    ----------
    visits : pl.DataFrame
        One row for each visit, module, and value of the dimensions: impressions, clicks, hover_ins, hover_outs,
        first_ms, last_ms, user, dt (the day) and number (of the visit).
    hovers : pl.DataFrame
        Hovers with the dimensions, and whether a choice may cut them.
    cut : pl.DataFrame
        Events of the visits that have such hovers.
    """

    visits: pl.DataFrame
    hovers: pl.DataFrame
    cut: pl.DataFrame

    @classmethod
    def of(cls, rows: pl.DataFrame, by: Sequence[str]) -> Cells:
        """Count the events once.

        Parameters
        ----------
        rows : pl.DataFrame
            Rows of `load.homepage_modules`.
        by : list of str
            Dimensions beside those of `FILTERS`.
        """
        dimensions = list(dict.fromkeys([*FILTERS, *by]))
        rows = rows if "user" in rows.columns else rows.with_columns(user=pl.lit(None, dtype=pl.Int64))
        events = rows.select(list(dict.fromkeys([*GROUP, "user", "action", "dt", "ms", *dimensions]))).drop_nulls(
            "visit"
        )
        events = events.with_columns(pl.col("dt").dt.truncate("1d"))
        is_cut = _is_cut(events)
        groups = events.filter(DESKTOP, pl.col("action").is_in(HOVERS)).group_by(GROUP).agg(cut=is_cut)
        restored = events.filter(DESKTOP, action="impression").group_by("wiki", "visit").agg(restored=_span() > RESTART)
        odd = (
            groups.join(restored, on=["wiki", "visit"], how="left")
            .filter(pl.col("cut") | pl.col("restored").fill_null(value=False))
            .select("wiki", "visit")
            .unique()
        )
        whole = events.join(odd, on=["wiki", "visit"], how="anti")
        cut = events.join(odd, on=["wiki", "visit"], how="semi").filter(DESKTOP)
        hovers = pl.concat([_paired(whole, dimensions, cut=False), _paired(cut, dimensions, cut=True)])
        return cls(_counted(events, dimensions), hovers, cut)

    def where(self, conditions: Sequence[pl.Expr]) -> Cells:
        """Cells of which conditions on the dimensions and on dt hold."""
        if not conditions:
            return self
        hovers, cut = self.hovers.filter(conditions), self.cut.filter(conditions)
        if cut.height < self.cut.height:
            dimensions = [
                name for name in self.hovers.columns if name in cut.columns and name not in {*GROUP, "ms", "dt"}
            ]
            hovers = pl.concat([hovers.filter(~pl.col("cut")), _paired(cut, dimensions, cut=True)])
        return Cells(self.visits.filter(conditions), hovers, cut)

    def visits_with(self, dimension: str, conditions: Sequence[pl.Expr]) -> pl.DataFrame:
        """Visits with an impression for each value of a dimension, where conditions hold: columns value, total."""
        shown = self.visits.filter(pl.col("impressions") > 0, *conditions)
        return shown.group_by(value=dimension).agg(total=pl.col("number").n_unique())

    def engagement(self, by: Sequence[str]) -> pl.DataFrame:
        """What `measure.module_engagement` gives for these cells, split by dimensions."""
        keys = list(dict.fromkeys(["module", *by]))
        return (
            _added(self.visits, keys)
            .join(_summed(self.hovers, keys), on=keys, how="left", nulls_equal=True)
            .with_columns(
                pl.col(KEPT).fill_null(0),
                unit=pl.lit(UNIT),
                weight=pl.lit("1"),
                level=pl.lit(rates.LEVEL),
                n_eff=pl.col("n_eff").fill_null(0.0),
                note=_note(),
            )
            .sort(keys)
            .select(*keys, *RESULT)
        )


def _is_cut(events: pl.DataFrame) -> pl.Expr:
    """Whether some choice keeps a part of the events of a group."""
    told = [name for name in ("platform", "state", "dt") if events[name].n_unique() > 1]
    return pl.any_horizontal(pl.lit(value=False), *(pl.col(name).n_unique() > 1 for name in told))


def _span() -> pl.Expr:
    return pl.col("ms").max() - pl.col("ms").min()


def _paired(events: pl.DataFrame, dimensions: Sequence[str], *, cut: bool) -> pl.DataFrame:
    return measure.hovers(events, by=[*dimensions, "dt"]).with_columns(cut=pl.lit(cut))


def _counted(events: pl.DataFrame, dimensions: Sequence[str]) -> pl.DataFrame:
    timed = DESKTOP & pl.col("ms").is_not_null()
    numbered = events.with_columns(number=pl.struct("wiki", "visit").rank("dense"))
    return numbered.group_by(list(dict.fromkeys([*GROUP, *dimensions, "dt", "number"]))).agg(
        impressions=(pl.col("action") == "impression").sum().cast(pl.Int64),
        clicks=pl.col("action").is_in(click_actions(None)).sum().cast(pl.Int64),
        hover_ins=(timed & (pl.col("action") == "hover-in")).sum().cast(pl.Int64),
        hover_outs=(timed & (pl.col("action") == "hover-out")).sum().cast(pl.Int64),
        first_ms=pl.col("ms").min(),
        last_ms=pl.col("ms").max(),
        user=pl.col("user").min(),
    )


def _added(cells: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    shown, clicked = pl.col("impressions") > 0, pl.col("clicks") > 0
    within = cells.group_by(list(dict.fromkeys(["wiki", "visit", *keys]))).agg(
        pl.col("impressions", "clicks", "hover_ins", "hover_outs").sum(),
        pl.col("first_ms", "user").min(),
        pl.col("last_ms").max(),
        desktop=DESKTOP.any(),
    )
    shares = clustered_shares(within.filter(shown).with_columns(clicked=clicked), by=keys, of="clicked")
    counted = within.group_by(keys).agg(
        pl.col("impressions", "clicks", "hover_ins", "hover_outs").sum(),
        pl.col("desktop").any(),
        visits=shown.sum().cast(pl.Int64),
        visits_clicked=(shown & clicked).sum().cast(pl.Int64),
        visits_click_only=(~shown & clicked).sum().cast(pl.Int64),
        first_dt=pl.from_epoch(pl.col("first_ms").min(), time_unit="ms").dt.replace_time_zone("UTC"),
        last_dt=pl.from_epoch(pl.col("last_ms").max(), time_unit="ms").dt.replace_time_zone("UTC"),
    )
    return counted.join(shares.select(*keys, *SHARED), on=keys, how="left", nulls_equal=True)


def _summed(found: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    pair = pl.col("kind") == "pair"
    parts = (("median", 0.5), ("p90", 0.9))
    bounds = {
        f"dwell_{name}_{side}_s": pl.col(f"dwell_{side}_s").filter(pair).quantile(part, "linear")
        for name, part in parts
        for side in ("low", "high")
    }
    counts = dict(zip(KEPT, ((pl.col("kind") == kind).sum().cast(pl.Int64) for kind in KINDS), strict=True))
    return found.group_by(keys).agg(**counts, **{name: bounds[name] for name in BOUNDS})


def _note() -> pl.Expr:
    """Why there are no hovers, in the words of the measure."""
    day = reference.table("action").filter(action="hover-in")["until"].item()
    none = (pl.col("hover_ins") + pl.col("hover_outs")) == 0
    return (
        pl.when(none & (pl.col("first_dt") > datetime.fromisoformat(day).replace(tzinfo=UTC)))
        .then(pl.lit(f"hover was logged until {day}"))
        .when(none & ~pl.col("desktop"))
        .then(pl.lit("hover is told on desktop layouts only"))
        .when(none)
        .then(pl.lit("no hover of the module was recorded"))
    )
