"""Codes and packed texts to words, and back.

Status codes are looked up whole and as text: `2.10` is not `2.1`, `2` is not `2.0`. A code that the book does not
have keeps its text and reads as unknown.
"""

from __future__ import annotations

from functools import cache

import msgspec
import polars as pl

from toolkit import reference
from toolkit.rates import as_expr

ATTEMPTS = pl.List(pl.Struct({"campaign": pl.String, "status_code": pl.String, "banners_count": pl.Int64}))
UNKNOWN = "unknown"
BLANK = "␣"  # a blank inside a code, where blanks part codes


@cache
def _book(column: str) -> dict[str, str]:
    """One column of the code book, by code."""
    codes = reference.status_codes().drop_nulls(column)
    return dict(codes.select("status_code", column).iter_rows())


@cache
def _by_status(column: str) -> dict[str, str]:
    """One column of the status table, by the number before the dot."""
    return dict(reference.table("status").drop_nulls(column).select("code", column).iter_rows())


def _look_up(code: str | pl.Expr, column: str) -> pl.Expr:
    return as_expr(code).replace_strict(_book(column), default=None, return_dtype=pl.String)


def _status_number(code: str | pl.Expr) -> pl.Expr:
    return as_expr(code).str.extract(r"^(\d+)(?:\.|$)")


def known(code: str | pl.Expr) -> pl.Expr:
    """Whether the book has a status code.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.10", "2.99", "9", None]}).select(known("c")).to_series().to_list()
    [True, False, False, False]
    """
    return as_expr(code).is_in(list(_book("status"))).fill_null(value=False)


def status(code: str | pl.Expr) -> pl.Expr:
    """Key of the status of a status code, `unknown` where there is none.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "6", "2.99", "9"]}).select(status("c")).to_series().to_list()
    ['banner_canceled', 'banner_shown', 'banner_canceled', 'unknown']
    """
    number = _status_number(code)
    return number.replace_strict(_by_status("status"), default=UNKNOWN, return_dtype=pl.String)


def reason(code: str | pl.Expr) -> pl.Expr:
    """Reason in a status code; null where the code gives none, `unknown` where the book has no such reason.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.0", "2", "6", "2.99"]}).select(reason("c")).to_series().to_list()
    ['close', 'other', None, None, 'unknown']
    """
    code = as_expr(code)
    return (
        pl.when(known(code))
        .then(_look_up(code, "reason"))
        .when(code.str.contains(".", literal=True))
        .then(pl.lit(UNKNOWN))
    )


def stage(code: str | pl.Expr) -> pl.Expr:
    """Last stage of the funnel that a page view with this code has reached.

    One of `attempted`, `passed`, `chosen`, `loaded`, `shown`; null for 0 and 8, where nothing was attempted. A code
    whose status is known but whose reason is not has the stage of its status. A code without a known status was
    recorded, so it was attempted; how far it came cannot be known.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "3", "7", "5.6", "6", "0", "2.99", "9"]}).select(stage("c")).to_series().to_list()
    ['attempted', 'passed', 'chosen', 'loaded', 'shown', None, 'attempted', 'attempted']
    """
    number = _status_number(code)
    known_status = number.is_in(list(_by_status("status")))
    reached = number.replace_strict(_by_status("stage"), default=None, return_dtype=pl.String)
    return pl.when(known_status.fill_null(value=False)).then(reached).otherwise(pl.lit("attempted"))


def group(code: str | pl.Expr) -> pl.Expr:
    """Group of causes that a status code belongs to, `unknown` where the book does not have the code.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.22", "3", "7", "2.99"]}).select(group("c")).to_series().to_list()
    ['user choice', 'frequency cap', 'configuration', 'technical', 'unknown']
    """
    return _look_up(code, "group").fill_null(UNKNOWN)


def label(code: str | pl.Expr) -> pl.Expr:
    """Plain words for a status code; `unknown (2.99)` where the book does not have it.

    Examples
    --------
    >>> pl.DataFrame({"c": ["2.1", "2.99", None]}).select(label("c")).to_series().to_list()
    ['closed earlier', 'unknown (2.99)', 'unknown (no code)']
    """
    code = as_expr(code)
    return _look_up(code, "label").fill_null(pl.format("unknown ({})", code.fill_null("no code")))


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

    Examples
    --------
    >>> pl.DataFrame({"c": ["?", "2.10", "6", "2.9", "2", "2.0"]}).sort(code_order("c")).to_series().to_list()
    ['2', '2.0', '2.9', '2.10', '6', '?']
    """
    parts = as_expr(code).str.extract_groups(r"^(?<s>\d{1,6})(?:\.(?<r>\d{1,6}))?$")
    status_number = parts.struct.field("s").cast(pl.Int64)
    reason_number = parts.struct.field("r").cast(pl.Int64)
    return (status_number * 10_000_000 + reason_number.fill_null(-1) + 1).fill_null(2**62)


def explain(*codes: str) -> pl.DataFrame:
    """One row for each code with all that the book says of it.

    Parameters
    ----------
    *codes
        Status codes as text, such as `"2.1"`; none for the whole book.

    Returns
    -------
    pl.DataFrame
        Columns status_code, label, status, reason, stage (last one reached), group, meaning, since (date), source.

    Examples
    --------
    >>> explain("2.10", "2.99").select("status_code", "label", "status", "reason").rows()
    [('2.10', 'cookie in the way', 'banner_canceled', 'cookies'), ('2.99', 'unknown (2.99)', 'banner_canceled', 'unknown')]
    """
    asked = pl.DataFrame({"status_code": list(codes) or list(_book("status"))}, schema={"status_code": pl.String})
    words = asked.with_columns(
        label=label("status_code"),
        status=status("status_code"),
        reason=reason("status_code"),
        stage=stage("status_code"),
        group=group("status_code"),
    )
    sources = ["meaning", "since", "source"]
    of_status = reference.table("status").select("status", *sources)
    of_reason = reference.table("reason").select("reason", *sources)
    both = words.join(of_status, on="status", how="left").join(of_reason, on="reason", how="left", suffix="_reason")
    return both.select(
        *words.columns,
        meaning=pl.concat_str("meaning", "meaning_reason", separator=" - ", ignore_nulls=True),
        since=pl.max_horizontal("since", "since_reason"),
        source=pl.coalesce("source_reason", "source"),
    )


class _Attempt(msgspec.Struct):
    """One entry of campaignStatuses; the schema and the code disagree on the name of the count."""

    campaign: str | None = None
    statusCode: str | None = None  # noqa: N815 - the client's spelling
    bannersCount: int | None = None  # noqa: N815
    bannerCount: int | None = None  # noqa: N815


_attempts_of = msgspec.json.Decoder(list[_Attempt]).decode


def _attempt_rows(text: str | None) -> list[dict[str, str | int | None]] | None:
    """Entries of one campaignStatuses text; null where it is not a list of objects with text codes."""
    try:
        entries = _attempts_of(text or "null")
    except msgspec.DecodeError:
        return None
    keys = {key: number for number, key in _by_status("status").items()}
    return [
        {
            "campaign": entry.campaign,
            # from 2019-09-24 to 2019-10-21 the client sent the status' key here, not its code
            "status_code": keys.get(entry.statusCode or "", entry.statusCode),
            "banners_count": entry.bannerCount if entry.bannersCount is None else entry.bannersCount,
        }
        for entry in entries
    ]


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

    def parse(texts: pl.Series) -> pl.Series:
        distinct = texts.unique()
        parsed = pl.Series([_attempt_rows(text) for text in distinct], dtype=ATTEMPTS)
        order = pl.DataFrame({"text": distinct, "at": pl.arange(len(distinct), eager=True)})
        at = pl.DataFrame({"text": texts}).join(order, on="text", how="left", nulls_equal=True, maintain_order="left")[
            "at"
        ]
        return parsed.gather(at)

    return as_expr(campaign_statuses).map_batches(parse, return_dtype=ATTEMPTS, is_elementwise=True)


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
