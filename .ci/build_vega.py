"""Build hook: writes Vega beside the JupyterLab renderer, so that charts are drawn without the internet."""

from pathlib import Path
from typing import Any

import vl_convert
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VEGA_LITE = "6.4"  # what altair 6 writes; the same number stands in toolkit/chart/renderer.py
VEGA = "toolkit/labextension/static/vega.js"


class BuildVega(BuildHookInterface):
    """Take Vega, Vega-Lite and vega-embed, in one script, out of vl-convert."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002, the hook's signature
        """Write the script before a wheel, or an editable install, is made."""
        if self.target_name != "wheel":
            return
        script = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
        Path(self.root, VEGA).write_text(script, encoding="utf-8")
        build_data["artifacts"].append(VEGA)  # git ignores it, the wheel must not
