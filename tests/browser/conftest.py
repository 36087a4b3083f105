"""A real JupyterLab and a real Chromium, with nothing but this machine to talk to."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
import vl_convert

from toolkit.chart.renderer import VEGA_LITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route

collect_ignore = ["conftest.py"]  # no doctests in here, and pytest can't import two files of this name for them

ROOT = Path(__file__).parents[2]

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)

QUIET = [  # no sandbox in containers; no talk of the browser's own
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass(frozen=True)
class Lab:
    """Where a JupyterLab is, and the folder it serves."""

    url: str
    token: str
    folder: Path

    def open(self, page: Page, notebook: str) -> None:
        """Open a notebook of the served folder and wait for its kernel."""
        page.goto(f"{self.url}/lab/tree/{notebook}?token={self.token}&reset")
        page.wait_for_function(
            "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.connectionStatus === 'connected'"
        )

    def run_all(self, page: Page) -> None:
        """Run all cells, and wait for the last one."""
        self.command(page, "notebook:run-all-cells")

    def command(self, page: Page, name: str, **arguments: str) -> None:
        """Do what a menu or a button does, and wait until it is done."""
        page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)", [name, arguments]
        )

    def execute(self, page: Page, code: str) -> None:
        """Run code in the notebook's kernel, outside of any cell, and wait for it."""
        page.evaluate(
            """code => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
                .requestExecute({ code }).done.then(({ content }) => {
                    if (content.status !== 'ok') throw new Error(content.evalue);
                })""",
            code,
        )


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
    _settle(home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = Lab(f"http://127.0.0.1:{port}", secrets.token_hex(8), folder)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={served.token}", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
    ]
    with (home / "log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=os.environ | _environment(home), stdout=log, stderr=log)
        try:
            _wait_for(served, process, home / "log")
            yield served
        finally:
            process.terminate()
            process.wait(20)


def _settle(home: Path) -> None:
    """Put our renderer as it is in this tree where JupyterLab looks first, and keep its news pop-up away."""
    extension = home / "path/labextensions/wikimedia-event-toolkit"
    shutil.copytree(ROOT / "toolkit/labextension", extension)
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    (extension / "static/vega.js").write_text(vega, encoding="utf-8")
    settings = home / "settings/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    news = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news), encoding="utf-8")


def _environment(home: Path) -> dict[str, str]:
    return {
        "JUPYTER_PATH": f"{home}/path",
        "JUPYTER_CONFIG_DIR": f"{home}/config",
        "JUPYTER_DATA_DIR": f"{home}/data",
        "JUPYTER_RUNTIME_DIR": f"{home}/run",
        "JUPYTERLAB_SETTINGS_DIR": f"{home}/settings",
        "JUPYTERLAB_WORKSPACES_DIR": f"{home}/workspaces",
        "IPYTHONDIR": f"{home}/ipython",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "TZ": "UTC",
    }


def _wait_for(served: Lab, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        try:
            with urllib.request.urlopen(f"{served.url}/api?token={served.token}", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer\n{log.read_text(encoding='utf-8')}")


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
