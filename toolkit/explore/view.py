"""The face that all explorers share: choices above, then chart, code and table, which follow each choice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets as widgets
import polars as pl
from traitlets import TraitError

from toolkit import errors
from toolkit.chart.drawing import Drawing
from toolkit.chart.renderer import mimebundle
from toolkit.explore.picture import Picture
from toolkit.load import Load

ALL = "all"
EVERY = object()  # what a menu has where a reader says None: ipywidgets shows nothing for None itself
DAY = "%Y-%m-%d"
MANY = 15  # values from which a menu is a box to search in
WIDGET = "application/vnd.jupyter.widget-view+json"
NOTHING = "No rows under these choices: take one of them back."
STYLE = """<style>
.tk-table {max-height: 300px; overflow: auto; line-height: 1.5;}
.tk-table table {border-collapse: collapse; font-size: 12px; color: var(--jp-ui-font-color1, #222);}
.tk-table th, .tk-table td {padding: 2px 10px; text-align: right; white-space: nowrap;}
.tk-table th {position: sticky; top: 0; background: var(--jp-layout-color1, #fff); border-bottom: 1px solid #999; font-weight: 600;}
.tk-table td.text, .tk-table th.text {text-align: left;}
</style>"""

Choices = dict[str, Any]


class View(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """A measure, its chart and its table under a few choices.

    Parameters
    ----------
    name : str
        What files that are downloaded are called.
    controls : dict
        Widget of each choice, in the order in which they stand.
    look : function
        Choices to the table of the measure and the code that gives it.
    draw : function
        Table to its drawing.
    shown : function
        Table to the one that a reader sees.
    said : function
        Choices and table to one line on unit, weight, filters and rows.
    linked : function, optional
        Choices to a second drawing, whose marks choose when they are clicked.
    twin : function, optional
        Choices and the table that a reader sees to more faces by MIME type, for readers without a kernel.
    choices : dict or str, optional
        Choices to start with: those of a view, or the text of its download as JSON.

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
        name: str,
        controls: Mapping[str, widgets.Widget],
        *,
        look: Callable[[Choices], tuple[pl.DataFrame, str]],
        draw: Callable[[pl.DataFrame], Drawing],
        shown: Callable[[pl.DataFrame], pl.DataFrame],
        said: Callable[[Choices, pl.DataFrame], str],
        linked: Callable[[Choices], Drawing] | None = None,
        twin: Callable[[Choices, pl.DataFrame], Mapping[str, object]] | None = None,
        choices: Mapping[str, Any] | str | None = None,
    ) -> None:
        self._name, self._controls = name, dict(controls)
        self._look, self._draw, self._shown, self._said = look, draw, shown, said
        self._linked, self._twin = linked, twin
        self._picture, self._rows = Picture(self._asked, self._picked), widgets.HTML()
        row = widgets.HBox(
            list(self._controls.values()), layout=widgets.Layout(flex_flow="row wrap", grid_gap="2px 14px")
        )
        super().__init__([row, self._picture, self._rows])
        self.add_class("tk-view")
        self._first = self.choices
        self._past: list[Choices] = []
        self._held = False
        self._now = self._first
        for control in self._controls.values():
            control.observe(self._follow, names="value")
        if choices is not None:
            self.choose(**(json.loads(choices) if isinstance(choices, str) else choices))
            self._past.clear()
        self._show()

    @property
    def choices(self) -> Choices:
        """Present value of each control, by its name."""
        return {name: _chosen(control) for name, control in self._controls.items()}

    @property
    def chart(self) -> Any:
        """Chart of the present view; none where no rows are left."""
        return None if self._drawing is None else self._drawing.chart()

    def choose(self, **choices: Any) -> View:
        """Set controls by name, as a hand would.

        Examples
        --------
        >>> import toolkit as tk
        >>> view = tk.explore.status_funnel(tk.load.impressions("data/sample/beacons.tsv.gz"))
        >>> view.choose(country="DE", unit="attempt").choices["country"]
        'DE'
        """
        for name in choices:
            if name not in self._controls:
                raise errors.not_found("choice", name, "this explorer", self._controls)
        self._held = True  # all of them are one step
        try:
            for name, value in choices.items():
                _choose(self._controls[name], name, value)
        finally:
            self._held = False
            self._follow(None)
        return self

    def undo(self) -> View:
        """Take the last choice back."""
        if self._past:
            before = self._past.pop()
            self.choose(**before)
            self._past.pop()  # going back is no step of its own
            self._show()
        return self

    def reset(self) -> View:
        """Take all choices back."""
        return self.choose(**self._first)

    def _follow(self, _: object) -> None:
        if not self._held and self.choices != self._now:
            self._past.append(self._now)
            self._show()

    def _show(self) -> None:
        self._now = self.choices
        self.table, self.code = self._look(self._now)
        note = NOTHING
        self._drawing: Drawing | None = None
        if self.table.height:
            try:
                self._drawing = self._draw(self.table)
                note = self._said(self._now, self.table)
            except errors.ToolkitError as error:
                note = str(error)
        drawn = self._drawing is not None
        self._picture.show(
            self._drawing,
            self._linked(self._now) if self._linked else None,
            note=note,
            code=self.code,
            name=self._name,
            undo=bool(self._past),
        )
        self._rows.value = f"{STYLE}<div class='tk-table'>{html_table(self._shown(self.table))}</div>" if drawn else ""

    def _asked(self, ask: str) -> tuple[str, str, str] | None:
        """Answer to a button: a step back, or a file's name, text and type."""
        if ask == "csv":
            return f"{self._name}.csv", self.table.write_csv(), "text/csv"
        if ask == "json":
            return f"{self._name}.json", json.dumps(self.choices, ensure_ascii=False, indent=1), "application/json"
        if ask in {"undo", "reset"}:
            getattr(self, ask)()
        return None

    def _picked(self, dimension: str, value: Any, *, more: bool) -> None:
        """Choose what was clicked; a second click takes it back. Of days, shift makes a range."""
        now = self.choices[dimension]
        if isinstance(self._controls[dimension], widgets.SelectionRangeSlider):
            ends = (value, value) if not more else (min(now[0], value), max(now[1], value))
            self.choose(**{dimension: self._first[dimension] if ends == now else ends})
        else:
            self.choose(**{dimension: None if now == value else value})

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        """Widget for a live notebook; for readers without a kernel the chart, and for shared pages what they compute from."""
        live = super()._repr_mimebundle_(**kwargs)
        if WIDGET not in live or self._drawing is None:
            return dict(live)
        twin = self._twin(self._now, self._shown(self.table)) if self._twin is not None else {}
        return {**mimebundle(self.chart), **twin, WIDGET: live[WIDGET]}


def _chosen(control: widgets.Widget) -> Any:
    value = control.value
    if isinstance(control, widgets.Combobox):
        return value or None
    return None if value is EVERY else value


def _choose(control: widgets.Widget, name: str, value: Any) -> None:
    if isinstance(control, widgets.Combobox):
        text = "" if value is None else str(value)
        if text not in control.options:  # the box itself takes any text
            raise errors.not_found(f"{name} to choose", text, "this explorer", ["None", *control.options[1:]])
        control.value = text
        return
    try:
        control.value = EVERY if value is None else tuple(value) if isinstance(value, list) else value
    except TraitError:
        options = [None if option is EVERY else option for _, option in control.options]
        raise errors.not_found(f"{name} to choose", str(value), "this explorer", map(str, options)) from None


def frame_of(
    source: Load | pl.DataFrame | pl.LazyFrame, name: str | None, default: str, needed: Sequence[str]
) -> tuple[pl.DataFrame | pl.LazyFrame, str]:
    """Rows of a load or of a frame, and how code calls them; those of a store stay there."""
    rows, called = (source.rows, f"{name or default}.rows") if isinstance(source, Load) else (source, name or "rows")
    if not isinstance(rows, pl.DataFrame | pl.LazyFrame):
        raise errors.not_allowed("source", source, "is a load, or a frame of polars with its rows")
    have = rows.collect_schema().names()
    if missing := [column for column in needed if column not in have]:
        raise errors.missing_columns("the explorer", missing, have)
    return rows, called


def rows_of(
    source: Load | pl.DataFrame | pl.LazyFrame, name: str | None, default: str, needed: Sequence[str]
) -> tuple[pl.DataFrame, str]:
    """Rows of a load or of a frame in memory, and how code calls them."""
    given, called = frame_of(source, name, default, needed)
    rows = given.lazy().collect()
    refuse_none(rows)
    return rows, called if isinstance(given, pl.DataFrame) else f"{called}.collect()"


def refuse_none(rows: pl.DataFrame) -> None:
    """Refuse a source without rows."""
    if rows.is_empty():
        raise errors.not_allowed("source", "0 rows", "has rows to explore")


def dropdown(name: str, values: Sequence[Any], *, none: str = ALL) -> widgets.Widget:
    """Menu of one dimension, all values first; a box to search in where there are many."""
    if len(values) > MANY and all(isinstance(value, str) for value in values):
        return widgets.Combobox(
            options=["", *values],  # an emptied box is a choice too
            ensure_option=True,
            placeholder=f"{none}: type to search {len(values)}",
            description=name,
            style={"description_width": "initial"},
            layout=widgets.Layout(width="auto", max_width="340px"),
        )
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
