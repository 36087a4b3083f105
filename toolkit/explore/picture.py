"""The chart of an explorer in the browser: it takes new numbers, and gives back what a hand picks in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets
import vl_convert

from toolkit.chart.drawing import Drawing, records
from toolkit.chart.renderer import VEGA_LITE

HERE = Path(__file__).parent


class Picture(anywidget.AnyWidget):
    """Chart, linked chart, a line on what is shown, buttons, and the view as code.

    Parameters
    ----------
    asked : function
        Called with `undo`, `reset`, `csv` or `json` when a button is pressed; gives a file's name, text and type to
        download, or nothing.
    picked : function
        Called with the dimension and the value of a mark that was clicked, and whether shift was held.
    """

    _esm = (HERE / "picture.js").read_text(encoding="utf-8")
    _css = (HERE / "picture.css").read_text(encoding="utf-8")
    shown = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        asked: Callable[[str], tuple[str, str, str] | None],
        picked: Callable[..., None],
    ) -> None:
        super().__init__()
        self._asked, self._picked, self._count = asked, picked, 0
        self.on_msg(self._heard)

    def show(
        self, main: Drawing | None, linked: Drawing | None, *, note: str, code: str, name: str, undo: bool
    ) -> None:
        """Show another view."""
        self._count += 1
        self.shown = {
            "main": main and _filling(main),
            "linked": linked and _filling(linked),
            "note": note,
            "code": code,
            "name": name,
            "undo": undo,
            "count": self._count,
        }

    def _heard(self, _: object, content: Mapping[str, Any], __: object) -> None:
        if content.get("ask") == "vega":
            self.send({"vega": _vega()})
        elif "ask" in content:
            answer = self._asked(content["ask"])
            if answer is not None:
                self.send(dict(zip(("file", "content", "type"), answer, strict=True)))
        elif "pick" in content:
            self._picked(content["dimension"], content["pick"], more=bool(content.get("more")))


@cache
def _vega() -> str:
    """Vega in one script, for a browser whose JupyterLab does not have the extension."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)


def _filling(drawing: Drawing) -> dict[str, Any]:
    """A drawing as its form, which stays the same while numbers change, and what fills it."""
    spec = drawing.bare()
    values = {**drawing.values, "title_text": drawing.title, "subtitle_text": list(drawing.subtitle)}
    return {
        "spec": spec,
        "datasets": {name: records(frame) for name, frame in drawing.data.items()},
        "values": values,
        "words": {"description": drawing.description},
    }
