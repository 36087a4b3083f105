"""Every chart of the toolkit on one page, made of the sample: to look at after a change.

Run ``make gallery``, open ``gallery/gallery.html`` in a light and a dark browser, wide and narrow; with
``--pictures`` the same is taken as pictures of each chart.
"""

from __future__ import annotations

import argparse
import html
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import altair as alt
import nbformat
import polars as pl
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import toolkit as tk
from toolkit.chart.renderer import mimebundle
from toolkit.share import notebook_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SAMPLE = Path(__file__).parents[1] / "data/sample"
PERIOD = ("2026-03-05", "2026-03-08")
KEY = "gallery"
NOT_CHARTS = {"enable", "mimebundle"}

WIDTHS, SCHEMES = (600, 1200), ("light", "dark")


class Rows:
    """The sample, loaded once."""

    @cached_property
    def impressions(self) -> pl.DataFrame:
        """Requests of readers; campaigns have the longest names that were seen."""
        return tk.load.impressions(SAMPLE / "beacons.tsv.gz").rows.filter(tk.keep.without("debug", "bot"))

    @cached_property
    def druid(self) -> pl.DataFrame:
        """The same as Druid has it."""
        return tk.load.impressions(SAMPLE / "druid_banner_activity.csv.gz", keep="normalized_request_count").rows

    @cached_property
    def logs(self) -> pl.DataFrame:
        """Logs of browsers."""
        return tk.load.banner_history(SAMPLE / "banner_history.ndjson.gz").rows

    @cached_property
    def modules(self) -> pl.DataFrame:
        """Module events."""
        return tk.load.homepage_modules(SAMPLE / "homepage_modules_2019.ndjson.gz", key=KEY).rows

    @cached_property
    def visits(self) -> pl.DataFrame:
        """Visits that belong to them."""
        return tk.load.homepage_visits(SAMPLE / "homepage_visits_2019.ndjson.gz", key=KEY).rows

    @cached_property
    def registrations(self) -> pl.DataFrame:
        """When users registered: some time before their first visit, made up here."""
        first = self.visits.group_by("wiki", "user").agg(pl.col("dt").min(), n=pl.len()).sort("dt")
        return first.select("wiki", "user", registered=pl.col("dt") - pl.col("n") * timedelta(hours=7))


def charts(rows: Rows) -> dict[str, Callable[[], alt.TopLevelMixin]]:
    """Every public chart, by its name and what it is broken down by."""
    measure, chart = tk.measure, tk.chart
    attempts = {"unit": "attempt"}
    return {
        "arrivals": lambda: chart.arrivals(measure.arrivals(rows.visits, modules=rows.modules)),
        "call_retention": lambda: chart.call_retention(
            measure.call_retention(rows.modules, visits=rows.visits, days=7)
        ),
        "change": lambda: chart.change(measure.change(rows.impressions, after=PERIOD, by="campaign", **attempts)),
        "compare_shares": lambda: chart.compare_shares(measure.compare_modules(rows.modules, between="platform")),
        "coverage": lambda: chart.coverage(measure.coverage(rows.modules, rows.visits, by="platform")),
        "coverage, by day": lambda: chart.coverage(measure.coverage(rows.modules, rows.visits, by=["platform", "day"])),
        "difference": lambda: chart.difference(measure.status_change(rows.impressions, period=PERIOD, **attempts)),
        "duplicates": lambda: chart.duplicates(measure.duplicates(rows.modules)),
        "dwell": lambda: chart.dwell(measure.dwell(rows.modules)),
        "dwell_lengths": lambda: chart.dwell_lengths(measure.hovers(rows.modules)),
        "first_visits": lambda: chart.first_visits(measure.first_visits(rows.visits, registrations=rows.registrations)),
        "flows": lambda: chart.flows(measure.flows(rows.modules, actions="hover-in")),
        "hand_overs": lambda: chart.hand_overs(measure.hand_overs(rows.impressions)),
        "impossible": lambda: chart.impossible(
            measure.impossible(rows.modules.with_columns(state=pl.lit("complete")))  # which only some modules can be
        ),
        "impressions_until": lambda: chart.impressions_until(measure.impressions_until(rows.logs, by="campaign")),
        "link_usage": lambda: chart.link_usage(measure.link_usage(rows.modules)),
        "log_funnel": lambda: chart.log_funnel(measure.log_funnel(rows.logs)),
        "log_funnel, by campaign": lambda: chart.log_funnel(measure.log_funnel(rows.logs, by="campaign")),
        "mentor_usage": lambda: chart.mentor_usage(measure.mentor_usage(rows.modules)),
        "module_engagement": lambda: chart.module_engagement(measure.module_engagement(rows.modules)),
        "module_engagement, by platform": lambda: chart.module_engagement(
            measure.module_engagement(rows.modules, by="platform")
        ),
        "module_returns": lambda: chart.module_returns(measure.module_returns(rows.modules)),
        "module_usage": lambda: chart.module_usage(measure.module_usage(rows.modules, per="user")),
        "modules_used": lambda: chart.modules_used(measure.modules_used(rows.modules)),
        "noise": lambda: chart.noise(measure.noise(rows.modules)),
        "ordered_funnel": lambda: chart.ordered_funnel(
            measure.ordered_funnel(rows.modules, steps=["impression", "hover-in", "link-click"])
        ),
        "place_effect": lambda: chart.place_effect(measure.place_effect(rows.modules)),
        "place_usage": lambda: chart.place_usage(measure.place_usage(rows.modules)),
        "reconcile": lambda: chart.reconcile(measure.reconcile(rows.druid, rows.impressions, by=())),
        "reconcile, by campaign": lambda: chart.reconcile(
            measure.reconcile(rows.druid, rows.impressions, by="campaign", **attempts)
        ),
        "retained_usage": lambda: chart.retained_usage(
            measure.retained_usage(rows.modules, visits=rows.visits, days=7)
        ),
        "returns": lambda: chart.returns(
            measure.returns(rows.visits, by=["wiki", "referer_route"], modules=rows.modules, within_d=7)
        ),
        "sample_size": lambda: chart.sample_size(
            measure.sample_size(measure.compare_modules(rows.modules, between="platform"), difference=-0.02)
        ),
        "start_progress": lambda: chart.start_progress(measure.start_progress(rows.modules)),
        "states": lambda: chart.states(measure.states(rows.visits, modules=rows.modules)),
        "status_funnel": lambda: chart.status_funnel(measure.status_funnel(rows.impressions)),
        "status_funnel, by campaign": lambda: chart.status_funnel(
            measure.status_funnel(rows.impressions, by="campaign", **attempts)
        ),
        "status_over_time": lambda: chart.status_over_time(
            measure.status_over_time(rows.impressions, **attempts), most=1
        ),
        "status_over_time, by campaign": lambda: chart.status_over_time(
            measure.status_over_time(rows.impressions, by="campaign", **attempts), most=1
        ),
        "steps": lambda: chart.steps(measure.steps(rows.modules)),
        "time_on_homepage": lambda: chart.time_on_homepage(measure.time_on_homepage(rows.modules, visits=rows.visits)),
        "time_to_first_visit": lambda: chart.time_to_first_visit(
            measure.time_to_first_visit(rows.visits, registrations=rows.registrations)
        ),
        "time_to_state": lambda: chart.time_to_state(
            measure.time_to_state(rows.visits, module="start-email", state="confirmed")
        ),
        "transitions": lambda: chart.transitions(measure.transitions(rows.visits, modules=rows.modules)),
        "waits": lambda: chart.waits(measure.waits(rows.logs, by="campaign")),
        "watch": lambda: chart.watch(measure.watch(rows.impressions)),
    }


def page(drawn: dict[str, alt.TopLevelMixin], folder: Path) -> Path:
    """A shared page with all charts, each under its name and above the text for those who cannot see it."""
    cells = [new_markdown_cell(f"# All charts\n\nOf the sample: {len(drawn)} charts.", id="charts")]
    for number, (name, chart) in enumerate(drawn.items()):
        faces = mimebundle(chart)
        said = html.escape(str(faces["text/plain"]))
        cells += [
            new_markdown_cell(f"## {name}", id=f"name-{number}"),
            new_code_cell(
                "", id=f"chart-{number}", execution_count=number + 1, outputs=[new_output("display_data", data=faces)]
            ),
            new_markdown_cell(f"<small>{said}</small>", id=f"said-{number}"),
        ]
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "gallery.ipynb"
    nbformat.write(new_notebook(cells=cells), source)
    written = folder / "gallery.html"
    text = notebook_page(source, publish_anyway="The data are generated by simulated browsers: no person's.")
    written.write_text(text, encoding="utf-8")
    source.unlink()
    return written


def pictures(written: Path, names: list[str], browser: Browser) -> Iterator[Path]:
    """A picture of each chart in the page, light and dark, narrow and wide."""
    for scheme in SCHEMES:
        for width in WIDTHS:
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
            opened = context.new_page()
            opened.goto(written.as_uri())
            opened.locator("figure:has(svg.marks)").nth(len(names) - 1).wait_for()
            for name, figure in zip(names, opened.locator("figure.toolkit-chart").all(), strict=True):
                place = written.parent / f"{name.replace(', ', '-').replace(' ', '-')}-{scheme}-{width}.png"
                figure.screenshot(path=place)
                yield place
            context.close()


def main() -> None:
    """Write the page; with ``--pictures`` take pictures of it, too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--out", type=Path, default=Path("gallery"))
    parser.add_argument("--pictures", action="store_true")
    options = parser.parse_args()
    drawn = {name: draw() for name, draw in charts(Rows()).items()}
    written = page(drawn, options.out)
    print(written)  # noqa: T201, a script speaks
    if options.pictures:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415, only this needs a browser

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            print(len(list(pictures(written, list(drawn), browser))), "pictures")  # noqa: T201
            browser.close()


if __name__ == "__main__":
    main()
