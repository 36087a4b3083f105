"""A real JupyterLab and a real Chromium, with nothing but this machine to talk to."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import pytest
from real_lab import CHROMIUM, QUIET, ROOT, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route
    from real_lab import Lab

collect_ignore = ["conftest.py"]  # no doctests in here, and pytest can't import two files of this name for them


@dataclass
class Heard:
    """What a browser was kept from fetching, and what it complained of."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def bars(where: Page | Locator) -> list[str]:
    """The labels of the bars drawn, such as ``"requests: 63; status: shown"``."""
    marks = where.locator("svg.marks .mark-rect.role-mark path")
    return marks.evaluate_all("bars => bars.map((bar) => bar.getAttribute('aria-label'))")


@pytest.fixture(scope="session", name="read_bars")
def bars_fixture() -> Callable[[Page | Locator], list[str]]:
    """`bars`, for tests, which can't import from here."""
    return bars


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium; without one the tests are skipped, but never where CI promises to have it."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415, all other tests do without it
    except ImportError:
        _go_without("no playwright in this environment; install the package with [dev]")
    if CHROMIUM is None:
        _go_without("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def _go_without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Lab]:  # noqa: ARG001, no lab without a browser
    """A JupyterLab of this session's own, that serves copies of ``notebooks`` and ``data``, side by side."""
    home, folder = tmp_path_factory.mktemp("jupyter"), tmp_path_factory.mktemp("served")
    for name in ("notebooks", "data"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("local"))
    with started(home, folder) as served:
        yield served


@pytest.fixture(scope="module")
def heard() -> Heard:
    """What the page's browser is kept from and complains of."""
    return Heard()


@pytest.fixture(scope="module")
def context(chromium: Browser, heard: Heard) -> Iterator[BrowserContext]:
    """A fresh browser profile for each file of tests; requests that leave this machine are stopped and written down."""
    # tall, because JupyterLab may not draw the cells below the edge
    context = chromium.new_context(viewport={"width": 1200, "height": 2400}, timezone_id="UTC")
    context.set_default_timeout(60_000)

    def is_outside(url: str) -> bool:
        return not url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:"))

    def stop(route: Route) -> None:
        heard.outside.append(route.request.url)
        route.abort()

    context.route(is_outside, stop)
    yield context
    context.close()


@pytest.fixture(scope="module")
def page(context: BrowserContext, heard: Heard) -> Page:
    """An empty page, whose errors are written down."""
    page = context.new_page()
    page.on("pageerror", lambda error: heard.errors.append(str(error)))
    page.on("console", lambda message: heard.errors.append(message.text) if message.type == "error" else None)
    return page
