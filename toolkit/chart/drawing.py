"""A chart in two halves: its form, made once, and the numbers and words that fill it.

Altair checks and copies a whole chart in each step, which takes a tenth of a second. A form depends on no number, so
that it is made once for all tables of its kind; a table then fills it in a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import altair as alt
import polars as pl

from toolkit.chart import look

Form = Callable[..., Any]  # the same altair chart for the same arguments, its data named and not held


@dataclass(frozen=True)
class Drawing:
    """What a chart shows.

    Attributes
    ----------
    form : function
        Makes the chart without data, title and description; must be `functools.cache`d.
    of : tuple
        Arguments of the form: what the marks, axes and legends depend on.
    data : dict of pl.DataFrame
        Data by the names that the form gives them.
    title, subtitle, description : str, list of str, str
        Words of this chart; the description is for those who cannot see it.
    values : dict
        Values of the form's parameters, such as the length of an axis.
    """

    form: Form
    of: tuple[Hashable, ...]
    data: Mapping[str, pl.DataFrame]
    title: str
    subtitle: Sequence[str]
    description: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def chart(self) -> Any:
        """Altair chart to go on with.

        Returns
        -------
        alt.TopLevelMixin
            The form filled.
        """
        form = self.form(*self.of)
        params = [alt.VariableParameter(name=name, value=value) for name, value in self.values.items()]
        have = [] if form.params is alt.Undefined else form.params
        words = {"title": look.heading(self.title, self.subtitle), "description": self.description}
        filled = {"datasets": {name: records(frame) for name, frame in self.data.items()}}
        return form.properties(**words, **filled, **({"params": [*params, *have]} if params or have else {}))

    def bare(self) -> dict[str, Any]:
        """Specification without numbers and words: the title stands in the parameters `title_text`, `subtitle_text`.

        Returns
        -------
        dict
            The same object for the same form, not to be changed.
        """
        return _bare(self.form, self.of)

    def spec(self) -> dict[str, Any]:
        """Vega-Lite specification: what `chart().to_dict()` gives, much faster.

        Returns
        -------
        dict
            A new one in each call as far as it is filled; what belongs to the form is shared and not to be changed.
        """
        spec = _spec(self.form, self.of)
        params = [{"name": name, "value": value} for name, value in self.values.items()]
        filled = {
            **spec,
            "title": {**_heading(), "text": self.title, "subtitle": list(self.subtitle)},
            "description": self.description,
            "datasets": {name: records(frame) for name, frame in self.data.items()},
        }
        both = [*params, *spec.get("params", [])]
        return {**filled, "params": both} if both else filled


@dataclass(frozen=True)
class Finished(Drawing):
    """A chart that altair made whole, where a drawing is due: it is made anew each time."""

    given: Any = None

    @classmethod
    def of_chart(cls, chart: Any) -> Finished:
        """Drawing of any chart that `look.titled` made."""
        words = chart.title
        return cls(lambda: None, (), {}, words.text, words.subtitle, chart.description, given=chart)

    def chart(self) -> Any:
        """Altair chart as it was given."""
        return self.given

    def bare(self) -> dict[str, Any]:
        """Specification with its numbers; the title stands in parameters as in that of a drawing."""
        return {**self.spec(), "title": {**_heading(), **TITLE}}

    def spec(self) -> dict[str, Any]:
        """Vega-Lite specification."""
        spec: dict[str, Any] = self.given.to_dict(validate=False)
        return spec


TITLE = {"text": {"expr": "title_text"}, "subtitle": {"expr": "subtitle_text"}}


@cache
def _spec(form: Form, of: tuple[Hashable, ...]) -> dict[str, Any]:
    spec: dict[str, Any] = form(*of).to_dict()
    return spec


@cache
def _bare(form: Form, of: tuple[Hashable, ...]) -> dict[str, Any]:
    return {**_spec(form, of), "title": {**_heading(), **TITLE}}


@cache
def _heading() -> dict[str, Any]:
    found: dict[str, Any] = look.heading("", []).to_dict()
    return found


def records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows as a chart takes them: times as ISO text without a zone, no number that is none.

    Examples
    --------
    >>> from datetime import datetime
    >>> records(pl.DataFrame({"at": [datetime(2026, 3, 2)], "share": [float("nan")]}))
    [{'at': '2026-03-02T00:00:00', 'share': None}]
    """
    made = []
    for name, dtype in frame.schema.items():
        if dtype.is_temporal():
            made.append(pl.col(name).cast(pl.Datetime("ms")).dt.strftime("%Y-%m-%dT%H:%M:%S"))
        elif dtype.is_float():
            made.append(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name))
    return frame.with_columns(made).to_dicts()
