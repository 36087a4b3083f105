"""Times by RFC 3339, in a text and in a column of texts."""

from __future__ import annotations

import re

import polars as pl

_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
_PATTERN = (
    r"(?:(?:000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})-"
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29)"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_WHOLE = re.compile(_PATTERN)


def is_time(text: str) -> bool:
    """Whether a text is a date and time by RFC 3339; a line end after it is no matter.

    Examples
    --------
    >>> is_time("2019-05-01T00:00:00Z"), is_time("2019-05-01 00:00:00Z")
    (True, False)
    """
    return _WHOLE.fullmatch(text.removesuffix("\n")) is not None


def rfc3339(column: str | pl.Expr) -> pl.Expr:
    r"""Whether a text is a date and time by RFC 3339, as the library rfc3339-validator has it; null where there is none.

    Examples
    --------
    >>> frame = pl.DataFrame({"dt": ["2019-05-01T00:00:00Z", "2019-05-01 00:00:00Z", "2019-02-29T00:00:00+02:00", None]})
    >>> frame.select(rfc3339("dt")).to_series().to_list()
    [True, False, False, None]
    """
    text = pl.col(column) if isinstance(column, str) else column
    return text.str.contains(rf"^(?:{_PATTERN})\n?$")
