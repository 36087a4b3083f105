"""How long an explorer takes from a hand's choice to the redrawn chart, in a real JupyterLab with many rows behind it.

    python tests/benchmarks/explorers.py --rows 10000000 --choices 40

The rows are those of the sample, many times over on as many days as it has. Time runs from the change of a menu in the
browser to the first frame after the chart was drawn anew.
"""

# ruff: noqa: T201 - a script, which speaks
from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import Locator, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from real_lab import CHROMIUM, QUIET, ROOT, started

CELL = """
import polars as pl
import toolkit as tk
rows = tk.load.impressions("{sample}").rows
rows = pl.concat([rows] * ({n} // rows.height + 1)).head({n})
view = tk.explore.status_funnel(rows)
view
"""
CHOICES = {
    "country": ["DE", "US", "FR", ""],
    "device": ["desktop", "iphone", "all"],
    "unit": ["campaign attempts", "page views"],
    "by": ["campaign", "country", "day", "nothing"],
    "anonymous": ["True", "all"],
}
MEASURE = """([view, label, option]) => new Promise((resolve, reject) => {
    const picture = view.querySelector('.tk-picture');
    const menu = [...view.querySelectorAll('.widget-inline-hbox')]
        .find((box) => box.querySelector('label')?.textContent === label).querySelector('select, input');
    const before = Number(picture.dataset.drawn);
    const start = performance.now();
    const seen = new MutationObserver(() => {
        if (Number(picture.dataset.drawn) <= before) return;
        seen.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - start));
    });
    seen.observe(picture, { attributeFilter: ['data-drawn'] });
    menu.value = option;
    menu.dispatchEvent(new Event('change', { bubbles: true }));
    setTimeout(() => reject(new Error(`${label} ${option} was not drawn`)), 20000);
})"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--choices", type=int, default=60)
    parser.add_argument("--picture", type=Path, help="write a picture of the explorer there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        served, home = Path(folder, "served"), Path(folder, "home")
        served.mkdir()
        home.mkdir()
        cell = CELL.format(sample=ROOT / "data/sample/beacons.tsv.gz", n=options.rows)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, served / "explorer.ipynb")
        with started(home, served) as lab:
            page = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET).new_page(
                viewport={"width": 1300, "height": 1500}
            )
            page.set_default_timeout(180_000)
            lab.open(page, "explorer.ipynb")
            lab.run_all(page)
            view = page.locator(".tk-view").first
            view.locator(".tk-chart svg.marks").wait_for()
            if options.picture:
                view.screenshot(path=options.picture)
            print(json.dumps(_measured(page, view, options), indent=1))


def _measured(page: Page, view: Locator, options: argparse.Namespace) -> dict[str, object]:
    moves = [(label, option) for label, values in CHOICES.items() for option in values]
    handle, first, later = view.element_handle(), {}, []
    for at in range(options.choices + len(moves)):
        label, option = moves[at % len(moves)]
        ms = page.evaluate(MEASURE, [handle, label, option])
        if at < len(moves):
            first[f"{label}: {option}"] = round(ms)
        else:
            later.append(ms)
    later.sort()
    return {
        "rows": options.rows,
        "first time [ms]": first,
        "choices": len(later),
        "median [ms]": round(statistics.median(later)),
        "p95 [ms]": round(later[int(len(later) * 0.95)]),
        "most [ms]": round(later[-1]),
    }


if __name__ == "__main__":
    main()
