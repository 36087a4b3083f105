"""A real JupyterLab on this machine, for tests and benchmarks."""

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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import vl_convert

from toolkit.chart.renderer import VEGA_LITE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
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


@contextmanager
def started(home: Path, folder: Path) -> Iterator[Lab]:
    """A JupyterLab that serves a folder and keeps all of its own in `home`."""
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
    raise TimeoutError("JupyterLab did not answer\n" + log.read_text(encoding="utf-8"))
