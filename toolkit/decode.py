"""Codes and packed texts to words, and back.

Status codes are looked up whole and as text: `2.10` is not `2.1`, `2` is not `2.0`. A code that the book does not
have keeps its text and reads as unknown. A code that an export has damaged reads as every code that it may have been,
`2.1 or 2.10`; all functions here take such a text, and call ambiguous whatever those codes do not share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from itertools import product

import msgspec
import polars as pl

from toolkit import errors, reference
from toolkit.rates import as_expr

ATTEMPT: dict[str, type[pl.DataType]] = {"campaign": pl.String, "status_code": pl.String, "banners_count": pl.Int64}
ATTEMPTS = pl.List(pl.Struct(ATTEMPT))
UNKNOWN = "unknown"
AMBIGUOUS = "ambiguous"
OR = " or "  # between the codes that a damaged one may have been
BLANK = "␣"  # a blank inside a code, where blanks part codes


# What spreadsheets make of `2.1`: a day with or without its year, in figures or with the month's name.
NUMBER = re.compile(r"(?:0|[1-9]\d*)(?:[.,]\d+)?")
DATES = tuple(
    re.compile(form)
    for form in (
        r"(?P<year>\d{4})-(?P<a>\d\d?)-(?P<b>\d\d?)(?:[T ]0?0:00(?::00(?:\.0+)?)?Z?)?",
        r"(?P<a>\d\d?)(?P<sign>[./-])(?P<b>\d\d?)(?P=sign)(?P<year>\d{4})(?: 0?0:00(?::00)?)?",
        r"(?P<a>\d\d)\.(?P<b>\d\d)\.(?P<year>\d\d)?",
        r"(?P<a>\d\d?)/(?P<b>\d\d?)(?:/(?P<year>\d\d))?",
        r"(?P<a>\d\d?)[ .-]{1,2}(?P<b>[^\W\d_]{3,9})\.?(?:[ -](?P<year>\d{4}|\d\d))?",
        r"(?P<b>[^\W\d_]{3,9})\.?[ -](?P<a>\d\d?)",
    )
)
MONTHS = ("jan", "feb", "mar mrz mär", "apr", "may mai", "jun", "jul", "aug", "sep", "oct okt", "nov", "dec dez")


@cache
def _book(column: str) -> dict[str, str]:
    """One column of the code book, by code."""
    codes = reference.status_codes().drop_nulls(column)
    return dict(codes.select("status_code", column).iter_rows())


@cache
def _words(column: str) -> dict[str, str]:
    """One column of the code book, by code and by text of several codes: what they share, or that they do not."""
    book = _book(column)
    values = {text: {book.get(code) for code in codes} for text, codes in _several().items()}
    shared = {text: AMBIGUOUS if len(found) > 1 else found.pop() for text, found in values.items()}
    return book | {text: word for text, word in shared.items() if word is not None}


@cache
def _several() -> dict[str, list[str]]:
    """Every text of several codes that `restored` may give, with those codes in the order of the book."""
    dates = (f"{year}-{a}-{b}" for a, b, year in product(range(1, 13), range(1, 13), range(2000, 2100)) if b == 1)
    damaged = (*_book("status"), *(f"{a}/{b}" for a, b in product(range(1, 32), range(1, 13))), *dates)
    found = (candidates(text) for text in damaged)
    return {OR.join(codes): codes for codes in found if len(codes) > 1}


@cache
def _by_status(column: str) -> dict[str, str]:
    """One column of the status table, by the number before the dot."""
    return dict(reference.table("status").drop_nulls(column).select("code", column).iter_rows())


def _text(code: str | pl.Expr) -> pl.Expr:
    """Codes as text, where they are categories; numbers are refused, of which 2.1 and 2.10 are one."""

    def texts(codes: pl.Series) -> pl.Series:
        if codes.dtype.is_numeric():
            raise errors.not_allowed(
                "code", f"numbers ({codes.dtype})", "is text; `restored` says what a number may have been"
            )
        return codes.cast(pl.String)

    return as_expr(code).map_batches(texts, return_dtype=pl.String, is_elementwise=True)


def _look_up(code: str | pl.Expr, column: str) -> pl.Expr:
    return _text(code).replace_strict(_words(column), default=None, return_dtype=pl.String)


def _status_number(code: str | pl.Expr) -> pl.Expr:
    return _text(code).str.extract(r"^(\d+)(?:\.|$)")


def known(code: str | pl.Expr) -> pl.Expr:
    """Whether the book has a status code; of several codes that one may have been, none is known.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.10", "2.99", "2.1 or 2.10", None]}).select(known("c")).to_series().to_list()
    [True, False, False, False]
    """
    return _text(code).is_in(list(_book("status"))).fill_null(value=False)


def ambiguous(code: str | pl.Expr) -> pl.Expr:
    """Whether a text names the several codes that a damaged one may have been.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.10", "2.99", "2.1 or 2.10", None]}).select(ambiguous("c")).to_series().to_list()
    [False, False, True, False]
    """
    return _text(code).is_in(list(_several())).fill_null(value=False)


def candidates(code: str) -> list[str]:
    """Codes of the book, in its order, that a damaged text may have been.

    A number stands for every code of the same value, since numbers keep no final zero and spreadsheets add some; a
    decimal comma is a dot. A date stands for day and month as status and reason, either way round, and the first of
    a month for that month and the year: so spreadsheets read 3.17 as March 2017.

    Examples
    --------
    >>> candidates("6.0"), candidates("2,1"), candidates("02.Jan"), candidates("2026-05-02")
    (['6'], ['2.1', '2.10'], ['2.1'], ['2.5', '5.2'])
    """
    if NUMBER.fullmatch(code):
        value = float(code.replace(",", "."))
        return [each for each in _book("status") if abs(float(each) - value) < 1e-6]  # noqa: PLR2004 - 2.1 in 32 bits
    readings = next((_readings(found) for form in DATES if (found := form.fullmatch(code))), set())
    return [each for each in code.split(OR) if OR in code] or [each for each in _book("status") if each in readings]


def _readings(date: re.Match[str]) -> set[str]:
    """Codes that a spreadsheet may have taken for this date."""
    a, b = int(date["a"]), _month(date["b"])
    year = int(date.groupdict().get("year") or 0) % 100
    of_year = {f"{b if a == 1 else a}.{year}"} if 1 in {a, b} and year > len(MONTHS) else set()
    return {f"{a}.{b}", f"{b}.{a}"} | of_year


def _month(text: str) -> int:
    """Number of a month, from its figures or its name."""
    if text.isdecimal():
        return int(text)
    return next((at for at, names in enumerate(MONTHS, 1) if text[:3].lower() in names.split()), 0)


def lossy(code: str | pl.Expr) -> pl.Expr:
    """Whether a text shows that it has been through a number or a spreadsheet: no code, and it may have been one.

    `2.0` and `5.0` are codes, and `2.1` may be itself, so they show nothing.

    Examples
    --------
    >>> pl.DataFrame({"c": ["6.0", "2,1", "02.Jan", "2.0", "2.99"]}).select(lossy("c")).to_series().to_list()
    [True, True, True, False, False]
    """

    def ask(codes: pl.Series) -> pl.Series:
        if codes.dtype.is_numeric():
            return codes.is_not_null()
        return _each(codes, _is_damaged, pl.Boolean()).fill_null(value=False)

    return as_expr(code).map_batches(ask, return_dtype=pl.Boolean, is_elementwise=True)


def signs(codes: pl.Series) -> set[str]:
    """What the forms of some codes show of what their column has been through; gathered for `lossy_throughout`.

    Examples
    --------
    >>> sorted(signs(pl.Series(["6.0", "2.3", "2,1", None])))
    ['a final .0', 'comma', 'dot', 'one figure']
    """
    if codes.dtype.is_numeric():
        return {"number"}
    codes = codes.unique()
    damaged = codes.to_frame("code").select(lossy("code")).to_series()
    shown = {
        "whole": codes.str.contains(r"^\d+$"),
        "dot": codes.str.contains(r"^\d+\.\d+$"),
        "one figure": codes.str.contains(r"^\d+\.\d$"),
        "final zero": codes.str.contains(r"^\d+\.[1-9]0$"),
        "comma": damaged & codes.str.contains(r"^\d+,\d+$"),
        "a final .0": damaged & codes.str.contains(r"^\d+\.0$"),
        "padded": damaged & codes.str.contains(r"^\d+\.\d+0$"),
    }
    return {name for name, rows in shown.items() if rows.any()}


def lossy_throughout(signs: Collection[str]) -> bool:
    """Whether a whole column has been through numbers: some code shows it, and no other shows the contrary.

    Numbers of one column are written alike. Where a number made `6.0`, it made no `6` and no `2.10`; where `2,1` is a
    number, `2.1` is none; where all have two figures, `6.00`, none has one. If both stand there, only the damaged
    codes are in doubt: so it is after damaged and sound exports were joined. A date shows nothing of other codes.

    Examples
    --------
    >>> lossy_throughout(signs(pl.Series(["6.0", "2.1"]))), lossy_throughout(signs(pl.Series(["6.0", "2.1", "6"])))
    (True, False)
    """
    contrary = {"a final .0": {"whole", "final zero"}, "padded": {"whole", "one figure"}, "comma": {"dot"}}
    shown = [against for sign, against in contrary.items() if sign in signs]
    return "number" in signs or (bool(shown) and not any(against & set(signs) for against in shown))


def restored(code: str | pl.Expr, *, lossy: bool) -> pl.Expr:
    """Status codes of a column that has been through numbers or a spreadsheet, as far as they can be known.

    Parameters
    ----------
    code : str or pl.Expr
        Column of text, or of numbers: those have lost their final zeros throughout.
    lossy : bool
        Whether every code of the column may be damaged (see `lossy_throughout`), or only those that show it.

    Returns
    -------
    pl.Expr
        The code where only one is possible; `2.1 or 2.10` where several are; the text as it is where none is.

    Examples
    --------
    >>> frame = pl.DataFrame({"c": ["6.0", "2.1", "2.3", "2.99"]})
    >>> frame.select(restored("c", lossy=True)).to_series().to_list()
    ['6', '2.1 or 2.10', '2.3', '2.99']
    >>> frame.select(restored("c", lossy=False)).to_series().to_list()
    ['6', '2.1', '2.3', '2.99']
    """

    def ask(codes: pl.Series) -> pl.Series:
        in_doubt = lossy or codes.dtype.is_numeric()
        return _each(
            codes,
            lambda text: OR.join(candidates(text) if in_doubt or _is_damaged(text) else []) or text,
            pl.String(),
        )

    return as_expr(code).map_batches(ask, return_dtype=pl.String, is_elementwise=True)


def _is_damaged(text: str) -> bool:
    return text not in _book("status") and OR not in text and bool(candidates(text))


def _each(codes: pl.Series, meaning: Callable[[str], str | bool], dtype: pl.DataType) -> pl.Series:
    """What a function says of each code, asked once for each distinct one; null where there is no code."""
    texts = (codes.fill_nan(None) if codes.dtype.is_float() else codes).cast(pl.String)
    distinct = texts.drop_nulls().unique()
    said = pl.Series([meaning(text) for text in distinct], dtype=dtype)
    return texts.replace_strict(distinct, said, default=None, return_dtype=dtype)


def status(code: str | pl.Expr) -> pl.Expr:
    """Key of the status of a status code, `unknown` where there is none.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.1 or 2.10", "2.99", "9"]}).select(status("c")).to_series().to_list()
    ['banner_canceled', 'banner_canceled', 'banner_canceled', 'unknown']
    """
    of_number = _status_number(code).replace_strict(_by_status("status"), default=UNKNOWN, return_dtype=pl.String)
    return pl.when(ambiguous(code)).then(_look_up(code, "status")).otherwise(of_number)


def reason(code: str | pl.Expr) -> pl.Expr:
    """Reason in a status code; null where the code gives none, `unknown` where the book has no such reason.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.0", "2", "6", "2.99"]}).select(reason("c")).to_series().to_list()
    ['close', 'other', None, None, 'unknown']
    """
    code = _text(code)
    return (
        pl.when(known(code) | ambiguous(code))
        .then(_look_up(code, "reason"))
        .when(code.str.contains(".", literal=True))
        .then(pl.lit(UNKNOWN))
    )


def stage(code: str | pl.Expr) -> pl.Expr:
    """Last stage of the funnel that a page view with this code has reached.

    One of `attempted`, `passed`, `chosen`, `loaded`, `shown`; null for 0 and 8, where nothing was attempted. A code
    whose status is known but whose reason is not has the stage of its status. A code without a known status was
    recorded, so it was attempted; how far it came cannot be known. Of several codes that one may have been, the
    stage that all have reached.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "3", "7", "5.6", "6", "0", "2.99", "9"]}).select(stage("c")).to_series().to_list()
    ['attempted', 'passed', 'chosen', 'loaded', 'shown', None, 'attempted', 'attempted']
    """
    number = _status_number(code)
    known_status = number.is_in(list(_by_status("status")))
    reached = number.replace_strict(_by_status("stage"), default=None, return_dtype=pl.String)
    at_least = _look_up(code, "stage").replace(AMBIGUOUS, "attempted")
    return (
        pl.when(ambiguous(code))
        .then(at_least)
        .when(known_status.fill_null(value=False))
        .then(reached)
        .otherwise(pl.lit("attempted"))
    )


def group(code: str | pl.Expr) -> pl.Expr:
    """Group of causes that a status code belongs to, `unknown` where the book does not have the code.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.22", "2 or 2.0", "2.1 or 2.10", "2.99"]}).select(group("c")).to_series().to_list()
    ['user choice', 'frequency cap', 'unspecified', 'ambiguous', 'unknown']
    """
    return _look_up(code, "group").fill_null(UNKNOWN)


def label(code: str | pl.Expr) -> pl.Expr:
    """Plain words for a status code; `unknown (2.99)` where the book does not have it.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.99", None]}).select(label("c")).to_series().to_list()
    ['closed earlier', 'unknown (2.99)', 'unknown (no code)']
    >>> pl.DataFrame({"c": ["2.1 or 2.10"]}).select(label("c")).item()
    'closed earlier, or cookie in the way (2.1 or 2.10)'
    """
    code = _text(code)
    book = _book("label")
    several = {text: f"{', or '.join(book[one] for one in codes)} ({text})" for text, codes in _several().items()}
    words = code.replace_strict(book | several, default=None, return_dtype=pl.String)
    return words.fill_null(pl.format("unknown ({})", code.fill_null("no code")))


def code(status: str | pl.Expr, reason: str | pl.Expr) -> pl.Expr:
    """Status code of a status key and a reason, formed as the client forms it.

    No reason, or an empty one, gives the bare status. A reason that the table does not have gives `.0`, as the
    client's look-up does. An unknown status gives null.

    Examples
    --------
    >>> frame = pl.DataFrame({"s": ["banner_canceled", "banner_canceled", "banner_shown"], "r": ["cookies", "my rule", None]})
    >>> frame.select(code("s", "r")).to_series().to_list()
    ['2.10', '2.0', '6']
    """
    statuses = {key: number for number, key in _by_status("status").items()}
    reasons = dict(reference.table("reason").select("reason", "code").iter_rows())
    number = as_expr(status).replace_strict(statuses, default=None, return_dtype=pl.String)
    reason = as_expr(reason)
    why = reason.replace_strict(reasons, default="0", return_dtype=pl.String)
    return pl.when(reason.fill_null("") == "").then(number).otherwise(number + "." + why)


def code_order(code: str | pl.Expr) -> pl.Expr:
    """Number to sort status codes by: status, then reason, the bare status first; what is no code comes last.

    Several codes that one may have been come after the first of them.

    Examples
    --------
    >>> pl.DataFrame({"c": ["?", "2.10", "6", "2.9", "2", "2.0"]}).sort(code_order("c")).to_series().to_list()
    ['2', '2.0', '2.9', '2.10', '6', '?']
    """
    parts = _text(code).str.extract_groups(r"^(?<s>\d{1,6})(?:\.(?<r>\d{1,6}))?(?<more> or .+)?$")
    status_number = parts.struct.field("s").cast(pl.Int64)
    reason_number = parts.struct.field("r").cast(pl.Int64)
    place = status_number * 10_000_000 + reason_number.fill_null(-1) + 1
    return (2 * place + parts.struct.field("more").is_not_null()).fill_null(2**62)


def before_its_time(code: str | pl.Expr, dt: str | pl.Expr) -> pl.Expr:
    """Whether an event is older than the code it has: written before the day on which its author wrote the code.

    False where there is no time or the book does not have the code; of several codes that one may have been, the
    oldest counts.

    Examples
    --------
    >>> from datetime import date
    >>> frame = pl.DataFrame({"c": ["2.22", "2.2", "2.22"], "t": [date(2026, 3, 2), date(2026, 3, 2), None]})
    >>> frame.select(before_its_time("c", "t")).to_series().to_list()
    [True, False, False]
    """
    days = dict(reference.table("outcome").select("status_code", pl.col("earliest").str.to_date()).iter_rows())
    days |= {text: min(days[code] for code in codes) for text, codes in _several().items()}
    earliest = _text(code).replace_strict(days, default=None, return_dtype=pl.Date)
    return (as_expr(dt).dt.date() < earliest).fill_null(value=False)


def stray_reason(code: str | pl.Expr) -> pl.Expr:
    """Whether a code attaches a reason to a status that does not take it.

    A status that takes every reason may have one that is newer than the book; that is unknown, not astray.

    Examples
    --------
    >>> pl.DataFrame({"c": ["6.1", "3.5", "3.17", "2.99", "9.1"]}).select(stray_reason("c")).to_series().to_list()
    [True, True, False, False, False]
    """
    per_status = reference.status_codes().group_by("status").agg(pl.col("reason").count())
    takes_none = per_status.filter(pl.col("reason") < reference.table("reason").height)["status"]
    numbers = reference.table("status").filter(pl.col("status").is_in(takes_none.to_list()))["code"]
    code = _text(code)
    return code.str.contains(rf"^(?:{'|'.join(numbers)})\..").fill_null(value=False) & ~known(code) & ~ambiguous(code)


def explain(*codes: str) -> pl.DataFrame:
    """One row for each code with all that the book says of it.

    Parameters
    ----------
    *codes
        Status codes as text, such as `"2.1"`; none for the whole book.

    Returns
    -------
    pl.DataFrame
        Columns status_code, label, status, reason, stage (last one reached), group, meaning, since (date), source,
        caveat (what cannot be known, or is easily taken for something else).

    Examples
    --------
    >>> explain("2.10", "2.99").select("status_code", "label", "status", "reason").rows()
    [('2.10', 'cookie in the way', 'banner_canceled', 'cookies'), ('2.99', 'unknown (2.99)', 'banner_canceled', 'unknown')]
    >>> explain("2.1")["caveat"].item()
    'an export of numbers keeps it as 2.1, which is 2.1 or 2.10'
    """
    asked = pl.DataFrame({"status_code": list(codes) or list(_book("status"))}, schema={"status_code": pl.String})
    words = asked.with_columns(
        label=label("status_code"),
        status=status("status_code"),
        reason=reason("status_code"),
        stage=stage("status_code"),
        group=group("status_code"),
    )
    said = pl.concat([_said(code) for code in words["status_code"]])
    return pl.concat([words, said], how="horizontal")


def _said(code: str) -> pl.DataFrame:
    """What the tables say of one code, or of all that it may have been."""
    single = pl.DataFrame({"status_code": _several().get(code, [code])})
    sources = ["meaning", "since", "source"]
    of_status = reference.table("status").select("status", *sources)
    of_reason = reference.table("reason").select("reason", *sources)
    both = (
        single.with_columns(status=status("status_code"), reason=reason("status_code"))
        .join(of_status, on="status", how="left", maintain_order="left")
        .join(of_reason, on="reason", how="left", maintain_order="left", suffix="_reason")
        .join(reference.table("outcome").select("status_code", "caveat"), on="status_code", how="left")
    )
    meaning = pl.concat_str("meaning", "meaning_reason", separator=" - ", ignore_nulls=True)
    each = both.select(
        meaning=pl.format("{}: {}", "status_code", meaning) if single.height > 1 else meaning,
        since=pl.max_horizontal("since", "since_reason"),
        source=pl.coalesce("source_reason", "source"),
    )
    return each.select(
        meaning=pl.col("meaning").str.join("; or "),
        since=pl.col("since").min(),
        source=pl.col("source").unique(maintain_order=True).str.join("; "),
    ).with_columns(
        pl.col("meaning", "source").replace("", None), caveat=pl.lit(_caveat(code, both["caveat"][0]), pl.String)
    )


def _caveat(code: str, of_table: str | None) -> str | None:
    """What cannot be known of a code."""
    if code in _several():
        return "the export kept a number or a date; which code it was cannot be known: export codes as text"
    alike = candidates(code)
    lost = f"an export of numbers keeps it as {alike[0]}, which is {OR.join(alike)}" if len(alike) > 1 else None
    return "; ".join(part for part in (of_table, lost) if part) or None


class _Attempt(msgspec.Struct):
    """One entry of campaignStatuses; the schema and the code disagree on the name of the count."""

    campaign: str | None = None
    statusCode: str | None = None  # noqa: N815 - the client's spelling
    bannersCount: int | None = None  # noqa: N815
    bannerCount: int | None = None  # noqa: N815


_attempts_of = msgspec.json.Decoder(list[_Attempt]).decode


def _entries(text: str | None) -> list[_Attempt] | None:
    """Entries of one campaignStatuses text; null where it is not a list of objects with text codes."""
    try:
        return _attempts_of(text or "null")
    except msgspec.DecodeError:
        return None


def _attempts(texts: pl.Series) -> pl.Series:
    """Attempts of each text, parsed once where it stands many times."""
    distinct = texts.unique()
    found = [_entries(text) for text in distinct]
    places = [place for place, entries in enumerate(found) for _ in entries or ()]
    entries = [entry for some in found for entry in some or ()]
    # from 2019-09-24 to 2019-10-21 the client sent the status' key here, not its code
    number_of = {key: number for number, key in _by_status("status").items()}
    columns = {
        "campaign": [entry.campaign for entry in entries],
        "status_code": [number_of.get(entry.statusCode or "", entry.statusCode) for entry in entries],
        "banners_count": [entry.bannerCount if entry.bannersCount is None else entry.bannersCount for entry in entries],
    }
    rows = pl.DataFrame({"place": places, **columns}, schema={"place": pl.UInt32, **ATTEMPT})
    lists = rows.group_by("place").agg(attempts=pl.struct(list(columns)))
    known = pl.DataFrame(
        {"text": distinct, "known": [some is not None for some in found]}, schema_overrides={"known": pl.Boolean}
    ).with_row_index("place")
    parsed = known.join(lists, on="place", how="left").select(
        "text", attempts=pl.when("known").then(pl.col("attempts").fill_null([]))
    )
    whole = texts.alias("text").to_frame().join(parsed, on="text", how="left", nulls_equal=True, maintain_order="left")
    return whole["attempts"].cast(ATTEMPTS)


def attempts(campaign_statuses: str | pl.Expr) -> pl.Expr:
    """Campaign attempts in order, from the JSON text `campaignStatuses`.

    Returns
    -------
    pl.Expr
        List of {campaign, status_code, banners_count}; null where the text is missing or not such a list.

    Examples
    --------
    >>> text = '[{"statusCode":"2.10","campaign":"A","bannersCount":3},{"statusCode":"6","campaign":"B"}]'
    >>> pl.DataFrame({"t": [text]}).select(attempts("t")).item().to_list()[0]
    {'campaign': 'A', 'status_code': '2.10', 'banners_count': 3}
    """
    return as_expr(campaign_statuses).map_batches(_attempts, return_dtype=ATTEMPTS, is_elementwise=True)


def path(attempts: str | pl.Expr) -> pl.Expr:
    """Codes of the attempts in order, parted by blanks: a page view's way in one text; null where there is none.

    A blank inside a code, which no code of the book has, is written as `␣`.

    Examples
    --------
    >>> frame = pl.DataFrame({"t": ['[{"statusCode":"2.2","campaign":"A"},{"statusCode":"6","campaign":"B"}]']})
    >>> from toolkit import decode
    >>> frame.select(decode.path(decode.attempts("t"))).item()
    '2.2 6'
    """
    attempts = as_expr(attempts)
    code = pl.element().struct.field("status_code").fill_null("?").str.replace_all(" ", BLANK, literal=True)
    return pl.when(attempts.list.len() > 0).then(attempts.list.eval(code).list.join(" "))


def action_data(text: str | pl.Expr) -> pl.Expr:
    """Pairs of key and value packed in `action_data`.

    Split at `;`, each part at its first `=`; a part without `=` has no key. The client escapes nothing, so free text
    with these signs cannot be told apart. Values stay text: a mentor's last activity is a time, not a number.

    Returns
    -------
    pl.Expr
        List of {key, value}; empty for an empty text, null for null.

    Examples
    --------
    >>> frame = pl.DataFrame({"d": ["linkId=mentor-usertalk;mentorEditCount=12", "a;b=", ""]})
    >>> frame.select(action_data("d")).to_series().to_list()[1]
    [{'key': None, 'value': 'a'}, {'key': 'b', 'value': ''}]
    """
    text = as_expr(text)
    halves = pl.element().str.splitn("=", 2).struct
    no_key = halves.field("field_1").is_null()
    pair = pl.struct(
        key=pl.when(~no_key).then(halves.field("field_0")),
        value=pl.when(no_key).then(halves.field("field_0")).otherwise(halves.field("field_1")),
    )
    pairs = text.str.split(";").list.eval(pair)
    return pl.when(text == "").then(pairs.list.head(0)).otherwise(pairs)


def action_text(pairs: str | pl.Expr) -> pl.Expr:
    """Text of `action_data` from its pairs: what `action_data` undoes.

    Examples
    --------
    >>> frame = pl.DataFrame({"d": ["linkId=tutorial", "a;b=1=2", ""]})
    >>> frame.select(action_text(action_data("d"))).to_series().to_list()
    ['linkId=tutorial', 'a;b=1=2', '']
    """
    key, value = pl.element().struct.field("key"), pl.element().struct.field("value")
    part = pl.when(key.is_null()).then(value).otherwise(key + "=" + value)
    return as_expr(pairs).list.eval(part).list.join(";")


def action_value(text: str | pl.Expr, key: str) -> pl.Expr:
    """Value of one key of `action_data`, as text; null where the key is not there.

    Examples
    --------
    >>> frame = pl.DataFrame({"d": ["mentorEditCount=7;linkId=view-more", "linkId=tutorial", ""]})
    >>> frame.select(action_value("d", "linkId")).to_series().to_list()
    ['view-more', 'tutorial', None]
    """
    is_key = pl.element().struct.field("key") == key
    return action_data(text).list.eval(pl.element().filter(is_key).struct.field("value")).list.first()


def link(text: str | pl.Expr) -> pl.Expr:
    """Name of the clicked link in `action_data`, the running number of a question link left off.

    Examples
    --------
    >>> frame = pl.DataFrame({"d": ["linkId=growthexperiments-help-questions-3", "linkId=tutorial"]})
    >>> frame.select(link("d")).to_series().to_list()
    ['growthexperiments-help-questions', 'tutorial']
    """
    return action_value(text, "linkId").str.replace(r"^(growthexperiments-\w+-questions(?:-archived)?)-\d+$", "$1")
