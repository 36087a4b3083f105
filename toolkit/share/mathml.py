"""Draws formulas as MathML, which browsers show without a script."""

from __future__ import annotations

import html
from typing import Literal

from latex2mathml import exceptions
from latex2mathml.converter import convert

# each is an exception of its own, with no common base
UNREADABLE: tuple[type[Exception], ...] = tuple(error for error in vars(exceptions).values() if isinstance(error, type))


def mathml(tex: str, display: Literal["inline", "block"] = "inline") -> str:
    r"""A formula as MathML; as it was typed, where it can't be read.

    Examples
    --------
    >>> mathml("a < b")
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><mi>a</mi><mo>&#x0003C;</mo>...</math>'
    >>> mathml("x^2^3")
    '<code>x^2^3</code>'
    """
    try:
        return str(convert(tex.strip().strip("$"), display=display))
    except UNREADABLE:
        return f"<code>{html.escape(tex)}</code>"
