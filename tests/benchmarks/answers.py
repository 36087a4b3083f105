"""The questions that `measures.py` asks, answered by this toolkit and by what a user would pick instead.

Each contender gets the same store and makes of it what suits it best (`open_*`, not timed; the time is told). Then it
answers each question with the same small table. The toolkit opens its store and nothing more: it reads the files anew
each time, and gives its whole answer, of which the columns beyond the question (intervals, bounds, notes) are dropped.

    python tests/benchmarks/answers.py duckdb funnel store modules
"""

# ruff: noqa: PLC0415 - each process imports what it needs and pays for no other
from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from memory import peak_mb

STEPS = ("impression", "hover-in", "link-click")
Answer = Callable[[], pl.DataFrame]
CODED = {"impressions": ("campaign", "country", "status_code"), "homepage_modules": ("wiki", "module", "action")}
ASKED = {
    "impressions": "dt, campaign, country, status_code, requests, sample_rate",
    "homepage_modules": "wiki, visit, module, action, ms",
}


def table_of(question: str) -> str:
    """Table that a question is asked of."""
    return "impressions" if question in {"funnel", "tally"} else "homepage_modules"


def duckdb(question: str, store: Path) -> Answer:
    """A table of its own in memory, with enumerations for texts; SQL."""
    import duckdb as engine

    database = engine.connect()
    database.sql("set TimeZone = 'UTC'; set threads = 2")
    table = table_of(question)
    database.sql(f"create table plain as select {ASKED[table]} from '{store}/rows/*.parquet'")
    coded = CODED[table]
    for name in coded:
        database.sql(f"create type {name}_enum as enum (select distinct {name} from plain where {name} is not null)")
    # days are cut faster from times without a zone
    zoneless = ", dt at time zone 'UTC' as dt" if "dt" in ASKED[table].split(", ") else ""
    casts = ", ".join(f"{name}::{name}_enum as {name}" for name in coded)
    database.sql(f"create table rows as select * replace ({casts}{zoneless}) from plain")
    database.sql("drop table plain")
    queries = {
        "funnel": "select campaign, country, status_code, sum(requests)::bigint n, sum(requests / sample_rate) total"
        " from rows group by all",
        "tally": "select campaign, date_trunc('day', dt) as day, status_code, sample_rate, sum(requests)::bigint n"
        " from rows group by all",
        "engagement": "select module, count(*) filter (shown) visits, count(*) filter (shown and clicks > 0) visits_clicked,"
        " sum(clicks)::bigint clicks, sum(ins)::bigint hover_ins, sum(outs)::bigint hover_outs from ("
        " select wiki, visit, module, bool_or(action = 'impression') shown,"
        " count(*) filter (action = 'link-click') clicks, count(*) filter (action = 'hover-in') ins,"
        " count(*) filter (action = 'hover-out') outs from rows group by all) group by module",
        "steps": "with first as (select wiki, visit, min(ms) ms from rows where action = 'impression' group by all),"
        " second as (select wiki, visit, min(rows.ms) ms from rows join first using (wiki, visit)"
        " where action = 'hover-in' and rows.ms > first.ms group by all),"
        " third as (select wiki, visit, min(rows.ms) ms from rows join second using (wiki, visit)"
        " where action = 'link-click' and rows.ms > second.ms group by all)"
        " select 1 step, count(*) n from first union all select 2, count(*) from second"
        " union all select 3, count(*) from third",
    }
    return lambda: pl.DataFrame(database.sql(queries[question]))


def polars(question: str, store: Path) -> Answer:
    """A frame in memory, with categories for texts; expressions written by hand."""
    table = table_of(question)
    names = ASKED[table].split(", ")
    rows = pl.scan_parquet(f"{store}/rows/*.parquet").select(names).collect()
    rows = rows.with_columns(pl.col(CODED[table]).cast(pl.Categorical)).rechunk()
    visit = ["wiki", "visit"]

    def is_action(name: str) -> pl.Expr:
        return pl.col("action") == name

    def funnel() -> pl.DataFrame:
        weighted = (pl.col("requests") / pl.col("sample_rate")).sum()
        return rows.group_by("campaign", "country", "status_code").agg(n=pl.col("requests").sum(), total=weighted)

    def tally() -> pl.DataFrame:
        dated = rows.lazy().with_columns(day=pl.col("dt").dt.truncate("1d"))
        return dated.group_by("campaign", "day", "status_code", "sample_rate").agg(n=pl.col("requests").sum()).collect()

    def engagement() -> pl.DataFrame:
        counted = rows.lazy().group_by(*visit, "module").agg(
            shown=is_action("impression").any(), clicks=is_action("link-click").sum(),
            hover_ins=is_action("hover-in").sum(), hover_outs=is_action("hover-out").sum(),
        )  # fmt: skip
        return counted.group_by("module").agg(
            visits=pl.col("shown").sum(), visits_clicked=(pl.col("shown") & (pl.col("clicks") > 0)).sum(),
            clicks=pl.col("clicks").sum(), hover_ins=pl.col("hover_ins").sum(), hover_outs=pl.col("hover_outs").sum(),
        ).collect()  # fmt: skip

    def steps() -> pl.DataFrame:
        found, counts = None, []
        for action in STEPS:
            some = rows.lazy().filter(is_action(action)).select(*visit, "ms")
            if found is not None:
                some = some.join(found.lazy().rename({"ms": "before"}), on=visit).filter(
                    pl.col("ms") > pl.col("before")
                )
            found = some.group_by(visit).agg(pl.col("ms").min()).collect()
            counts.append(found.height)
        return pl.DataFrame({"step": range(1, len(STEPS) + 1), "n": counts})

    return {"funnel": funnel, "tally": tally, "engagement": engagement, "steps": steps}[question]


def pandas(question: str, store: Path) -> Answer:
    """A frame in memory, with categories for texts; the usual group-bys."""
    import pandas as pd

    table = table_of(question)
    names = ASKED[table].split(", ")
    found = pl.scan_parquet(f"{store}/rows/*.parquet").select(names).collect()
    texts = {name: pd.Categorical(found[name].cast(pl.String).to_numpy()) for name in CODED[table]}
    rows = pd.DataFrame({name: texts.get(name, found[name].to_numpy()) for name in names})
    visit = ["wiki", "visit"]
    options: dict[str, Any] = {"observed": True, "dropna": False}

    def funnel() -> pl.DataFrame:
        rows["total"] = rows["requests"] / rows["sample_rate"]
        keys = ["campaign", "country", "status_code"]
        return of(rows.groupby(keys, **options)[["requests", "total"]].sum().rename(columns={"requests": "n"}))

    def tally() -> pl.DataFrame:
        dated = rows.assign(day=rows["dt"].dt.floor("D"))
        keys = ["campaign", "day", "status_code", "sample_rate"]
        return of(dated.groupby(keys, **options)[["requests"]].sum().rename(columns={"requests": "n"}))

    def engagement() -> pl.DataFrame:
        names = {"impression": "shown", "link-click": "clicks", "hover-in": "hover_ins", "hover-out": "hover_outs"}
        each = rows.assign(**{column: rows["action"] == action for action, column in names.items()})
        counted = each.groupby([*visit, "module"], **options)[list(names.values())].sum()
        shown = counted["shown"] > 0
        counted = counted.assign(visits=shown, visits_clicked=shown & (counted["clicks"] > 0)).drop(columns="shown")
        return of(counted.groupby("module", **options).sum())

    def steps() -> pl.DataFrame:
        before, counts = None, []
        for action in STEPS:
            some = rows.loc[rows["action"] == action, [*visit, "ms"]]
            if before is not None:
                some = some.merge(before, on=visit)
                some = some[some["ms"] > some["before"]]
            before = some.groupby(visit, **options)["ms"].min().rename("before").reset_index()
            counts.append(len(before))
        return pl.DataFrame({"step": range(1, len(STEPS) + 1), "n": counts})

    def of(table: Any) -> pl.DataFrame:
        flat = table.reset_index()
        return pl.DataFrame({
            name: flat[name].astype(str).tolist() if str(flat[name].dtype) == "category" else flat[name].to_numpy()
            for name in flat
        })  # fmt: skip

    return {"funnel": funnel, "tally": tally, "engagement": engagement, "steps": steps}[question]


def toolkit(question: str, store: Path) -> Answer:
    """The store, opened; measures."""
    import toolkit as tk

    load: Any = getattr(tk.load, table_of(question))
    rows = load(store, categories=True).rows

    def funnel() -> pl.DataFrame:
        found = tk.measure.status_funnel(rows, by=["campaign", "country"])
        return found.filter((pl.col("outcome") == "stopped") | (pl.col("stage") == "shown")).with_columns(
            pl.col("status_code").fill_null("6")
        ).filter(pl.col("n") > 0)  # fmt: skip

    def tally() -> pl.DataFrame:
        return (
            tk.measure.tally(rows, by=["campaign", "day"]).rename({"codes": "status_code"}).collect(engine="streaming")
        )

    def engagement() -> pl.DataFrame:
        return tk.measure.module_engagement(rows)

    def steps() -> pl.DataFrame:
        return tk.measure.ordered_funnel(rows, steps=STEPS).filter(order="strict")

    return {"funnel": funnel, "tally": tally, "engagement": engagement, "steps": steps}[question]


def toolkit_counts(question: str, store: Path) -> Answer:
    """The store, opened; the reduction that the measure begins with, and a sum over it: no more than was asked."""
    import toolkit as tk
    from toolkit.measure.engagement import module_visits

    load: Any = getattr(tk.load, table_of(question))
    rows = load(store, categories=True).rows

    def funnel() -> pl.DataFrame:
        cells = tk.measure.tally(rows, by=["campaign", "country"]).collect(engine="streaming")
        total = (pl.col("n") / pl.col("sample_rate")).sum()
        return cells.group_by("campaign", "country", status_code="codes").agg(pl.col("n").sum(), total=total)

    def engagement() -> pl.DataFrame:
        shown, clicks = pl.col("impressions") > 0, pl.col("clicks")
        return module_visits(rows).group_by("module").agg(
            visits=shown.sum(), visits_clicked=(shown & (clicks > 0)).sum(), clicks=clicks.sum(),
            hover_ins=pl.col("hover_ins").sum(), hover_outs=pl.col("hover_outs").sum(),
        ).collect(engine="streaming")  # fmt: skip

    return {"funnel": funnel, "engagement": engagement}[question]


def retentioneering(question: str, store: Path) -> Answer:
    """An event stream of the library, one path for each visit; its funnel, with its tracking off."""
    import os

    os.environ["RETENTIONEERING_NO_TRACK"] = "1"
    from retentioneering import Eventstream

    assert question == "steps", question
    rows = pl.scan_parquet(f"{store}/rows/*.parquet").select("wiki", "visit", "action", "ms").sort("ms").collect()
    path = rows.select(pl.format("{} {}", "wiki", "visit")).to_series()
    import pandas as pd

    events = pd.DataFrame({
        "user_id": path.to_numpy(), "event": rows["action"].cast(pl.String).to_numpy(),
        "timestamp": pd.to_datetime(rows["ms"].to_numpy(), unit="ms"),
    })  # fmt: skip
    stream = Eventstream(events, schema={"path_cols": ["user_id"], "event_col": "event", "timestamp_col": "timestamp"})

    def steps() -> pl.DataFrame:
        found = stream.funnel_data(steps=list(STEPS))["steps"]
        return pl.DataFrame({"step": range(1, len(STEPS) + 1), "n": [one["unique_paths"] for one in found]})

    return steps


CONTENDERS: dict[str, Callable[[str, Path], Answer]] = {
    "toolkit": toolkit, "toolkit, counts only": toolkit_counts, "duckdb": duckdb, "polars": polars, "pandas": pandas,
    "retentioneering": retentioneering,
}  # fmt: skip
COLUMNS = {
    "funnel": ("campaign", "country", "status_code", "n", "total"),
    "tally": ("campaign", "day", "status_code", "sample_rate", "n"),
    "engagement": ("module", "visits", "visits_clicked", "clicks", "hover_ins", "hover_outs"),
    "steps": ("step", "n"),
}


def digest(answer: pl.DataFrame, question: str) -> str:
    """Hash of an answer, whatever the order of its rows and the types of its engine; totals to nine figures."""
    texts = answer.select(
        pl.col(name).dt.date().cast(pl.String) if name == "day"
        else pl.col(name).round_sig_figs(9).cast(pl.Float64).cast(pl.String) if name in {"total", "sample_rate"}
        else pl.col(name).cast(pl.Int64).cast(pl.String) if answer.schema[name].is_numeric()
        else pl.col(name).cast(pl.String)
        for name in COLUMNS[question]
    )  # fmt: skip
    rows = sorted(texts.rows(), key=str)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]


def main() -> None:
    """Open the store, then answer once for each line that comes in."""
    contender, question, store = sys.argv[1:]
    begun = time.perf_counter()
    answer = CONTENDERS[contender](question, Path(store))
    _say(opened=time.perf_counter() - begun)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        found = answer()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        _say(wall=wall, cpu=cpu, peak_mb=peak_mb(), rows=found.height, digest=digest(found, question))


def _say(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
