"""The face that all explorers share: choices above, then chart, code and table, which follow each choice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import polars as pl
from traitlets import TraitError

from toolkit import errors
from toolkit.chart.renderer import mimebundle
from toolkit.load import Load

ALL = "all"
EVERY = object()  # what a menu has where a reader says None: ipywidgets shows nothing for None itself
DAY = "%Y-%m-%d"
WIDGET = "application/vnd.jupyter.widget-view+json"
STYLE = """<style>
.tk-view .tk-code {margin: 4px 0; padding: 8px 10px; line-height: 1.45; border-left: 3px solid #0072b2; background: var(--jp-layout-color2, #f5f5f5);
  color: var(--jp-ui-font-color1, #222); font-family: var(--jp-code-font-family, monospace); font-size: 12px; white-space: pre-wrap;}
.tk-table {max-height: 300px; overflow: auto; line-height: 1.5;}
.tk-table table {border-collapse: collapse; font-size: 12px; color: var(--jp-ui-font-color1, #222);}
.tk-table th, .tk-table td {padding: 2px 10px; text-align: right; white-space: nowrap;}
.tk-table th {position: sticky; top: 0; background: var(--jp-layout-color1, #fff); border-bottom: 1px solid #999; font-weight: 600;}
.tk-table td.text, .tk-table th.text {text-align: left;}
.tk-note {color: var(--jp-ui-font-color2, #666); font-size: 12px;}
</style>"""


class View(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A measure, its chart and its table under a few choices.

    Attributes
    ----------
    choices : dict
        Present value of each control, by its name.
    table : pl.DataFrame
        The measure under these choices.
    chart : alt.TopLevelMixin
        Its chart.
    code : str
        Lines that give this chart in a notebook without the explorer.
    """

    def __init__(
        self,
        controls: Mapping[str, widgets.Widget],
        look: Callable[[dict[str, Any]], tuple[pl.DataFrame, str]],
        draw: Callable[[pl.DataFrame], Any],
        shown: Callable[[pl.DataFrame], pl.DataFrame],
        twin: Any = None,
    ) -> None:
        self._controls = dict(controls)
        self._look, self._draw, self._shown, self._twin = look, draw, shown, twin
        self._picture, self._said, self._rows = widgets.Output(), widgets.HTML(), widgets.HTML()
        row = widgets.HBox(
            list(self._controls.values()), layout=widgets.Layout(flex_flow="row wrap", grid_gap="2px 14px")
        )
        super().__init__([row, self._picture, self._said, self._rows])
        self.add_class("tk-view")
        for control in self._controls.values():
            control.observe(self._follow, names="value")
        self._follow(None)

    @property
    def choices(self) -> dict[str, Any]:
        """Present value of each control, by its name."""
        return {name: None if control.value is EVERY else control.value for name, control in self._controls.items()}

    def choose(self, **choices: Any) -> View:
        """Set controls by name, as a hand would.

        Examples
        --------
        >>> import toolkit as tk
        >>> view = tk.explore.status_funnel(tk.load.impressions("data/sample/beacons.tsv.gz"))
        >>> view.choose(country="DE", unit="attempt").choices["country"]
        'DE'
        """
        for name, value in choices.items():
            if name not in self._controls:
                raise errors.not_found("choice", name, "this explorer", self._controls)
            try:
                self._controls[name].value = EVERY if value is None else value
            except TraitError:
                options = [None if option is EVERY else option for _, option in self._controls[name].options]
                raise errors.not_found(f"{name} to choose", str(value), "this explorer", map(str, options)) from None
        return self

    def _follow(self, _: object) -> None:
        table, code = self._look(self.choices)
        self.table, self.code = table, code
        try:
            self.chart = self._draw(table) if table.height else None
            problem = "No rows under these choices: take one of them back."
        except errors.ToolkitError as error:
            self.chart, problem = None, str(error)
        if self.chart is None:
            self._picture.outputs = ()
            self._said.value = f"{STYLE}<div class='tk-note' role='status'>{escape(problem)}</div>"
            self._rows.value = ""
            return
        self._picture.outputs = (
            {"output_type": "display_data", "data": mimebundle(self.chart, static=None), "metadata": {}},
        )
        self._said.value = (
            f"{STYLE}<div class='tk-note'>This view as code:</div><pre class='tk-code'>{escape(code)}</pre>"
        )
        self._rows.value = f"<div class='tk-table'>{html_table(self._shown(table))}</div>"

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        """Widget for a live notebook; for readers without a kernel a chart with the same data, menus included."""
        live = super()._repr_mimebundle_(**kwargs)
        if WIDGET not in live or self.chart is None:
            return dict(live)
        # the picture is of the present view; the chart with menus would be drawn the same
        menus = mimebundle(self._twin, static=None) if self._twin is not None else {}
        return {**mimebundle(self.chart), **menus, WIDGET: live[WIDGET]}


def rows_of(
    source: Load | pl.DataFrame | pl.LazyFrame, name: str | None, default: str, needed: Sequence[str]
) -> tuple[pl.DataFrame, str]:
    """Rows of a load or of a frame, and how code calls them."""
    given, called = (source.rows, f"{name or default}.rows") if isinstance(source, Load) else (source, name or "rows")
    if isinstance(given, pl.LazyFrame):  # of a store
        rows, called = given.collect(), f"{called}.collect()"
    else:
        rows = given
    if missing := [column for column in needed if column not in rows.columns]:
        raise errors.missing_columns("the explorer", missing, rows.columns)
    if rows.is_empty():
        raise errors.not_allowed("source", "0 rows", "has rows to explore")
    return rows, called


def dropdown(name: str, values: Sequence[Any], *, none: str = ALL) -> widgets.Dropdown:
    """Menu of one dimension, all values first."""
    return menu(name, [(none, None), *((str(value), value) for value in values)])


def menu(name: str, options: Sequence[tuple[str, Any]]) -> widgets.Dropdown:
    """Menu of words and what they stand for, with its name before it."""
    options = [(word, EVERY if value is None else value) for word, value in options]
    wide = widgets.Layout(width="auto", max_width="340px")
    return widgets.Dropdown(options=options, description=name, style={"description_width": "initial"}, layout=wide)


def days(rows: pl.DataFrame) -> widgets.SelectionRangeSlider | None:
    """Slider over the days of the rows, in UTC; none where there are less than two."""
    found = rows["dt"].drop_nulls().dt.date().unique().sort()
    if len(found) < 2:  # noqa: PLR2004 - a range needs two ends
        return None
    options = [(f"{day:%d %b}", day.strftime(DAY)) for day in pl.date_range(found[0], found[-1], eager=True)]
    return widgets.SelectionRangeSlider(
        options=options,
        index=(0, len(options) - 1),
        description="days (UTC)",
        style={"description_width": "initial"},
        layout=widgets.Layout(width="420px"),
    )


def narrowed(control: widgets.SelectionRangeSlider | None, chosen: tuple[str, str] | None) -> tuple[str, str] | None:
    """Chosen period; none where it is the whole one, so that rows without a time still count."""
    if control is None or chosen is None or chosen == (control.options[0][1], control.options[-1][1]):
        return None
    return chosen


def narrow(frame: pl.DataFrame, chosen: Mapping[str, object]) -> pl.DataFrame:
    """Rows that have the chosen values."""
    return frame.filter([pl.col(column) == value for column, value in chosen.items()]) if chosen else frame


def html_table(frame: pl.DataFrame) -> str:
    """Frame of text and numbers as HTML, numbers to the right.

    Examples
    --------
    >>> html_table(pl.DataFrame({"a": ["x"], "n": [1200]}))
    "<table><thead><tr><th class='text'>a</th><th>n</th></tr></thead><tbody><tr><td class='text'>x</td><td>1,200</td></tr></tbody></table>"
    """
    texts = {name for name, dtype in frame.schema.items() if not dtype.is_numeric()}
    head = "".join(f"<th{_left(name in texts)}>{escape(name)}</th>" for name in frame.columns)
    body = "".join(
        "<tr>" + "".join(f"<td{_left(name in texts)}>{_text(value)}</td>" for name, value in row.items()) + "</tr>"
        for row in frame.rows(named=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _left(is_text: bool) -> str:  # noqa: FBT001 - a helper of two calls
    return " class='text'" if is_text else ""


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escape(str(value))
