"""All benchmarks of measures in one run, written down as `docs/benchmarks.json`, `.md` and `.svg`.

    make bench
    python tests/benchmarks/report.py --rows 10000000 --sizes 1000000 10000000 100000000

Stores are made of seeded exports in `data/local/benchmarks`, which take as many bytes as the report says, and are used
again by the next run. `--write` alone draws the report anew from the figures of the last run.
"""

# ruff: noqa: T201 - a script, which speaks
from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import altair as alt
import make_rows
import polars as pl
from answers import CONTENDERS
from measures import QUESTIONS, compared, started
from scale import scaled

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "data/local/benchmarks"
DOCS = ROOT / "docs"
PACKAGES = ("polars", "duckdb", "pandas", "retentioneering", "narwhals", "altair", "numpy")
COLOURS = {"toolkit": "#0072b2", "toolkit, counts only": "#56b4e9", "duckdb": "#e69f00", "polars": "#009e73",
           "pandas": "#cc79a7", "retentioneering": "#d55e00"}  # fmt: skip


def store_of(table: str, rows: int) -> Path:
    """Store of so many rows, made if it is not there."""
    import toolkit as tk  # noqa: PLC0415 - its own start is measured elsewhere

    store = FOLDER / f"{table}-{rows}"
    load: Any = getattr(tk.load, table)
    if not (store / "manifest.json").is_file():
        exports = FOLDER / f"{table}-{rows}-exports"
        load([str(path) for path in make_rows.write(table, rows, exports)], into=store)
        for path in exports.iterdir():
            path.unlink()
        exports.rmdir()
    return store


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    cpu = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.is_file() else []  # fmt: skip
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "system": platform.system(),
        "processor": names[0] if names else platform.processor(),
        "cores": len(names) or None,
        "python": platform.python_version(),
        "packages": found,
    }


def measured(rows: int, sizes: list[int], rounds: int, names: list[str]) -> dict[str, Any]:
    """Run everything."""
    stores = {table: store_of(table, rows) for table in make_rows.TABLES}
    found: dict[str, Any] = {"machine": machine(), "rows": rows, "rounds": rounds, "start_s": started(max(rounds, 5))}
    found["measures"] = []
    for one in compared(stores, rounds, names):
        print(
            f"{one['question']:12} {one['contender']:22} {one['median_s']:8.3f} s {one['peak_mb']:6} MB  {one['hash']}"
        )
        found["measures"].append(one)
    found["sizes"] = []
    for size in sizes:
        for one in scaled({size: store_of("impressions", size)}, rounds):
            print(f"{one['rows']:12,} rows {one['tally_s']:8.3f} s {one['peak_mb']:6} MB")
            found["sizes"].append(one)
    return found


def text_of(found: dict[str, Any]) -> str:
    """Report in Markdown."""
    on, start = found["machine"], found["start_s"]
    packages = ", ".join(f"{name} {number}" for name, number in on["packages"].items())
    lines = [
        "# Benchmarks of measures",
        "",
        f"Written by `make bench` on {on['date']}: {on['cores']} cores ({on['processor']}), {on['system']}, Python {on['python']}, {packages}.",
        "Others used the machine at the same time, so compare contenders and not seconds: all of a question were open at once and took turns,",
        f"{found['rounds']} timed rounds after one that was not. The figures themselves are in [benchmarks.json](benchmarks.json).",
        "",
        "![Seconds of each contender, and time and memory by rows](benchmarks.svg)",
        "",
        f"## {found['rows'] / 1e6:,.0f} million rows",
        "",
        "Every contender has the same store. *toolkit* opens it and reads its files each time, and gives the whole answer of the measure, with intervals,",
        "effective numbers, three orders of a funnel or bounds of dwell. *toolkit, counts only* reads the files too and stops at what the others compute. *duckdb*",
        "has a table of its own in memory, with enumerations for texts; *polars* and *pandas* have frames in memory with categories: to make those is not in the",
        "seconds, but in the column *opened*. Answers are equal where the hash of their numbers is.",
    ]
    table = pl.DataFrame(found["measures"])
    for question, words in QUESTIONS.items():
        some = table.filter(question=question)
        of = dict(some.select("contender", "median_s").iter_rows())
        first = some.filter(contender="toolkit")["hash"].item()
        lines += [
            "",
            f"### {words[0].upper()}{words[1:]}",
            "",
            "| contender | median s | least s | of duckdb's | CPU s | peak MB | opened s | same answer |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for one in some.iter_rows(named=True):
            ratio = one["median_s"] / of["duckdb"]
            same = "yes" if one["hash"] == first else f"no ({one['hash']})"
            lines.append(
                f"| {one['contender']} | {one['median_s']:.2f} | {one['least_s']:.2f} | {ratio:.2f} | {one['cpu_s']:.2f}"
                f" | {one['peak_mb']:,} | {one['opened_s']:.1f} | {same} |"
            )
    lines += [
        "",
        "## More and more rows",
        "",
        "Page views in a store, one million a day, tallied by campaign and day in one pass; then a funnel by campaign of the tally, which is all that explorers and",
        "pages ask for.",
        "",
        "| rows | store MB | tally s | CPU s | peak MB | cells of the tally | funnel of the tally s |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one['rows']:,} | {one['store_mb']:,} | {one['tally_s']:.2f} | {one['cpu_s']:.2f} | {one['peak_mb']:,} | {one['cells']:,} | {one['funnel_s']:.2f} |"
            for one in found["sizes"]
        ),
        "",
        "## Start",
        "",
        f"`import toolkit` takes {start['toolkit']:.2f} s, since rooms are opened when they are first used; with its measures {start['measures']:.2f} s, of which",
        f"polars alone takes {start['polars']:.2f} s.",
        "",
    ]
    return "\n".join(lines)


def chart_of(found: dict[str, Any]) -> alt.Chart:
    """Seconds of each contender by question, and time and memory by rows."""
    table = pl.DataFrame(found["measures"])
    names = [name for name in CONTENDERS if name in set(table["contender"])]
    rows = [
        alt.Chart(table.filter(question=question), title=alt.Title(words, anchor="start", fontSize=12))
        .mark_bar()
        .encode(
            alt.X("median_s:Q", title="seconds, median" if question == list(QUESTIONS)[-1] else None),
            alt.Y("contender:N", sort=names, title=None),
            alt.Color("contender:N", legend=None, scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))),
        )
        .properties(width=420, height={"step": 17})
        for question, words in QUESTIONS.items()
    ]
    sizes = pl.DataFrame(found["sizes"])
    by_rows = [
        alt.Chart(sizes, title=alt.Title(title, anchor="start", fontSize=12))
        .mark_line(point=True, color="#0072b2")
        .encode(
            alt.X(
                "rows:Q",
                scale=alt.Scale(type="log"),
                title="rows",
                axis=alt.Axis(format="~s", values=sizes["rows"].to_list()),
            ),
            alt.Y(f"{name}:Q", scale=scale, title=unit),
        )
        .properties(width=260, height=190)
        for name, title, unit, scale in (
            ("tally_s", "Time of a tally by campaign and day", "seconds", alt.Scale(type="log")),
            ("peak_mb", "Its peak memory", "MB", alt.Scale(zero=True)),
        )
    ]
    whole: alt.Chart = alt.hconcat(alt.vconcat(*rows), alt.vconcat(*by_rows)).configure_view(stroke=None)
    return whole


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contenders", nargs="*", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--write", action="store_true", help="only draw the report of the last run anew")
    options = parser.parse_args()
    figures = DOCS / "benchmarks.json"
    if not options.write:
        found = measured(options.rows, options.sizes, options.rounds, options.contenders)
        figures.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(figures.read_bytes())
    (DOCS / "benchmarks.md").write_text(text_of(found), encoding="utf-8")
    chart_of(found).save(DOCS / "benchmarks.svg")
    print(f"Written: {DOCS / 'benchmarks.md'}")


if __name__ == "__main__":
    sys.exit(main())
