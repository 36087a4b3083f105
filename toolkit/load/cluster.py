"""Tables of the cluster, as Spark, DuckDB or polars hold them, in the columns of our tables; nothing is computed yet.

`event.homepagemodule`, `event.homepagevisit`, `event.centralnoticeimpression` and `wmf_fr_tech.banner_activity_minutely`
are read where they are: what comes out is a frame of the same engine, and only a measure makes it work. The pipeline has
refined these tables (no canary events, one row for each id within an hour), so that no row is judged or set aside here.

What narwhals cannot say on every engine is said in the engine's own words: times, hashes, JSON, addresses.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import blake2b, sha256
from typing import Any

import narwhals as nw
import polars as pl
from narwhals.typing import IntoFrameT

from toolkit import decode, errors, reference
from toolkit.load.beacon import decoded
from toolkit.load.event_table import time

__all__ = ["homepage_modules", "homepage_visits", "impressions"]

PARTITIONS = ("year", "month", "day")
DIGITS = 15  # of a hash in base 16: 60 bits
ESCAPED = "^(?:[^%]|%[0-9A-Fa-f]{2})*$"
REFERER = {"referer_route": nw.String(), "referer_namespace": nw.Int64(), "referer_action": nw.String()}
STATES = ("impact_module_state", "start_email_state", "start_tutorial_state", "start_userpage_state")
TEXTS = ("campaign", "banner", "project", "uselang", "country", "region", "device")
ATTEMPT = "struct<statusCode:string,campaign:string,bannersCount:bigint>"
STRUCTURE = '[{"statusCode":"VARCHAR","campaign":"VARCHAR","bannersCount":"BIGINT"}]'


@dataclass(frozen=True)
class _Told:
    """One column in the words of each engine."""

    spark: str
    duckdb: str
    polars: pl.Expr


def homepage_modules(
    frame: IntoFrameT,
    *,
    since: date | None = None,
    until: date | None = None,
    key: str | bytes | None = None,
) -> IntoFrameT:
    """Events of `event.homepagemodule` in the columns of `load.homepage_modules`.

    Parameters
    ----------
    frame : Spark or DuckDB frame, or polars frame, eager or lazy
        The table, such as `spark.table("event.homepagemodule")`: its struct `event`, meta, dt, client_dt, wiki, in
        whatever case the names are.
    since, until : date, optional
        First and last day, both included, by the partitions year, month and day. [UTC]
    key : str or bytes, optional
        Secret of the hashes of users and visits: tables read with the same key can be joined. Without one, each
        call hashes by a secret of its own.

    Returns
    -------
    Same kind of frame
        dt [UTC], ms [since 1970], client_dt, wiki, user, visit, is_mobile, user_editcount, module, action, action_data,
        state, mode, variant, platform, flags. There is no file, line or edition.

    Raises
    ------
    ToolkitError
        If the table has not the columns, or not the partitions that the days need.

    Notes
    -----
    `user` and `visit` are the first 60 bits of SHA-256 over the secret, the wiki and the identifier, the same number on
    every engine; they are not the hashes of `load.homepage_modules`, and cannot be joined to those. The secret, hashed,
    stands in the plan, which the cluster keeps in its logs: who reads them can hash guesses.

    Times that are none are null. An event that was delivered twice, in two hours, is two rows.

    Examples
    --------
    >>> event = {"action": "impression", "module": "help", "is_mobile": True, "user_id": 7, "homepage_pageview_token": "t1"}
    >>> table = pl.LazyFrame({"wiki": ["cswiki"], "dt": ["2019-05-06T19:03:05Z"], "event": [event], "year": 2019, "month": 5, "day": 6})
    >>> rows = homepage_modules(table, since=date(2019, 5, 1), until=date(2019, 5, 31), key="secret")
    >>> rows.select("ms", "wiki", "module", "action", "state", "platform").collect().row(0)
    (1557169385000, 'cswiki', 'help', 'impression', None, 'mobile')
    """
    rows, has = _table(frame, "homepage_modules", ("event.module", "event.action"), since, until)
    texts = {name: has(f"event.{name}", nw.String()) for name in ("module", "action", "action_data")}
    blank = {name: has(f"event.{name}", nw.String()) for name in ("state", "mode")}
    blank["variant"] = has("event.user_variant", nw.String())
    stated = {name: nw.when(text != "").then(text) for name, text in blank.items()}
    flat = rows.select(**_envelope(has), **texts, **stated)
    desktop = nw.coalesce(nw.col("mode") == "desktop", ~nw.col("is_mobile"))
    platform = nw.when(desktop).then(nw.lit("desktop")).when(~desktop).then(nw.lit("mobile"))
    timed = _identified(flat, key).with_columns(platform=platform)
    order = ("module", "action", "action_data", "state", "mode", "variant", "platform", "flags")
    native: IntoFrameT = timed.select(*HOMEPAGE, *order).to_native()
    return native


def homepage_visits(
    frame: IntoFrameT,
    *,
    since: date | None = None,
    until: date | None = None,
    key: str | bytes | None = None,
) -> IntoFrameT:
    """Visits of `event.homepagevisit` in the columns of `load.homepage_visits`.

    Parameters
    ----------
    frame, since, until, key
        See `homepage_modules`; with the same key, `user` and `visit` are the same in both.

    Returns
    -------
    Same kind of frame
        dt, ms, client_dt, wiki, user, visit, is_mobile, user_editcount, referer_route, referer_namespace,
        referer_action, impact_module_state, start_email_state, start_tutorial_state, start_userpage_state, flags.

    Examples
    --------
    >>> event = {"referer_route": "direct", "is_mobile": True, "user_id": 7, "homepage_pageview_token": "t1"}
    >>> table = pl.DataFrame({"wiki": ["cswiki"], "dt": ["2019-05-06T19:03:05Z"], "event": [event]})
    >>> homepage_visits(table).select("ms", "referer_route", "is_mobile").row(0)
    (1557169385000, 'direct', True)
    """
    rows, has = _table(frame, "homepage_visits", ("event.referer_route",), since, until)
    told = {name: has(f"event.{name}", dtype) for name, dtype in (REFERER | dict.fromkeys(STATES, nw.String())).items()}
    flat = rows.select(**_envelope(has), **told)
    native: IntoFrameT = _identified(flat, key).select(*HOMEPAGE, *told, "flags").to_native()
    return native


def impressions(frame: IntoFrameT, *, since: date | None = None, until: date | None = None) -> IntoFrameT:
    """Page views of `event.centralnoticeimpression`, or groups of them of `wmf_fr_tech.banner_activity_minutely`.

    Parameters
    ----------
    frame : Spark or DuckDB frame, or polars frame, eager or lazy
        One of the two tables, told by its columns.
    since, until : date, optional
        See `homepage_modules`.

    Returns
    -------
    Same kind of frame
        dt, ms, campaign, banner, bucket, project, wiki, uselang, country, region, device, anonymous, status_code,
        attempts, path, requests, sample_rate, flags, as `load.impressions` has them.

    Notes
    -----
    Of `flags` the bits of debug, bot, partial_attempts, unreadable_attempts, no_campaign, rate_above_one and
    rate_unusable are set; for what a code says of itself see `toolkit.decode`, on the tally.

    Campaigns, banners, projects and languages of banner_activity are not escaped any more; one that is no valid escape
    stays as it is, whole.

    Examples
    --------
    >>> row = {"dt": "2026-03-02T00:03:00Z", "campaign": "A+%26+B", "status_code": "6", "sample_rate": 0.1, "request_count": 5}
    >>> impressions(pl.DataFrame([row])).select("campaign", "status_code", "requests", "sample_rate").row(0)
    ('A & B', '6', 5, 0.1)
    """
    names = _named(nw.from_native(frame))
    of = _of_activity if "request_count" in names and "event.campaign" not in names else _of_event
    made = of(frame, since, until)
    bits = {
        "no_campaign": nw.col("campaign").is_null(),
        "rate_above_one": nw.col("sample_rate") > 1,
        "rate_unusable": nw.col("sample_rate").is_null() | (nw.col("sample_rate") <= 0),
        "partial_attempts": nw.col("partial"),
        "unreadable_attempts": nw.col("statuses") & nw.col("attempts").is_null(),
        "debug": nw.col("debug"),
        "bot": nw.col("bot"),
    }
    flagged = made.with_columns(flags=_flags(bits))
    native: IntoFrameT = flagged.select(
        "dt", "ms", *IMPRESSION, "status_code", "attempts", "path", "requests", "sample_rate", "flags"
    ).to_native()
    return native


HOMEPAGE = ("dt", "ms", "client_dt", "wiki", "user", "visit", "is_mobile", "user_editcount")
IMPRESSION = ("campaign", "banner", "bucket", "project", "wiki", "uselang", "country", "region", "device", "anonymous")


def _of_event(frame: Any, since: date | None, until: date | None) -> Any:
    rows, has = _table(frame, "impressions", ("event.statuscode", "event.campaign"), since, until)
    bucket = has("event.bucket", nw.String())
    flat = rows.select(
        **{name: has(f"event.{name}", nw.String()) for name in TEXTS},
        bucket=bucket.str.replace_all(r"\.0$", ""),
        anonymous=has("event.anonymous", nw.Boolean()),
        wiki=nw.coalesce(has("wiki", nw.String()), has("event.db", nw.String())),
        status_code=has("event.statuscode", nw.String()),
        sample_rate=has("event.impressioneventsamplerate", nw.Float64()),
        text=has("event.campaignstatuses", nw.String()),
        time=_received(has),
        debug=has("event.debug", nw.Boolean()),
        bot=has("useragent.is_bot", nw.Boolean()),
        requests=nw.lit(1, dtype=nw.Int64()),
    )
    read = _said(_said(flat, dt=_time("time"), attempts=_attempts()), ms=_ms("dt"), path=_path())
    missing = nw.col("text").is_null()
    return read.with_columns(partial=nw.col("attempts").is_null(), statuses=~missing)


def _of_activity(frame: Any, since: date | None, until: date | None) -> Any:
    rows, has = _table(frame, "impressions", ("campaign", "status_code", "request_count"), since, until)
    first = {name: has(name, nw.String()) for name in ("first_campaign", "first_campaign_status_code")}
    flat = rows.select(
        **{name: has(name, nw.String()) for name in TEXTS},
        **first,
        bucket=has("bucket", nw.String()),
        anonymous=has("anonymous", nw.Boolean()),
        wiki=nw.lit(None, dtype=nw.String()),
        status_code=has("status_code", nw.String()),
        # in 32 bits, where 0.1 is a little more than 0.1: the text is the number that was meant
        sample_rate=has("sample_rate", nw.String()).cast(nw.Float64()),
        time=has("dt", nw.String()),
        fell_back=has("is_campaign_fallback", nw.Boolean()),
        requests=has("request_count", nw.Int64()),
    )
    plain = _said(
        flat, dt=_time("time"), **{name: _plain(name) for name in ("campaign", "banner", "project", "uselang")}
    )
    fell_back = nw.coalesce(nw.col("fell_back"), nw.col("first_campaign") != nw.col("campaign"))
    read = _said(_said(plain.with_columns(fell_back=fell_back), attempts=_ends()), ms=_ms("dt"), path=_path())
    no = nw.lit(value=False)
    # attempts between the first and the last are not in this table
    partial = nw.coalesce(nw.col("fell_back"), nw.lit(value=True))
    return read.with_columns(partial=partial, statuses=no, debug=no, bot=no)


def _table(
    frame: Any, who: str, needed: tuple[str, ...], since: date | None, until: date | None
) -> tuple[Any, Callable[[str, Any], nw.Expr]]:
    """Rows of the days, and what gives a column of them by its name in lower case; null where it is not there."""
    rows = nw.from_native(frame)
    names = _named(rows)
    days = PARTITIONS if since or until else ()
    if missing := [name for name in (*needed, *days) if name not in names]:
        raise errors.missing_columns(f"load.cluster.{who}", missing, list(names))
    year, month, day = (nw.col(name) for name in PARTITIONS)
    # each part compared with a number, which is what the metastore can leave partitions out by
    if since:
        rows = rows.filter(
            (year > since.year)
            | ((year == since.year) & ((month > since.month) | ((month == since.month) & (day >= since.day))))
        )
    if until:
        rows = rows.filter(
            (year < until.year)
            | ((year == until.year) & ((month < until.month) | ((month == until.month) & (day <= until.day))))
        )

    def has(name: str, dtype: Any) -> nw.Expr:
        return names[name].cast(dtype) if name in names else nw.lit(None, dtype=dtype)

    return rows, has


def _named(rows: Any) -> dict[str, nw.Expr]:
    """Columns and fields of structs by their names in lower case, as `event.action`."""
    names: dict[str, nw.Expr] = {}
    for column, dtype in rows.collect_schema().items():
        names[column.lower()] = nw.col(column)
        if isinstance(dtype, nw.Struct):
            names |= {
                f"{column}.{field.name}".lower(): nw.col(column).struct.field(field.name) for field in dtype.fields
            }
    return names


def _received(has: Callable[[str, Any], nw.Expr]) -> nw.Expr:
    return nw.coalesce(has("meta.dt", nw.String()), has("dt", nw.String()))


def _envelope(has: Callable[[str, Any], nw.Expr]) -> dict[str, nw.Expr]:
    """What both homepage tables share."""
    return {
        "wiki": has("wiki", nw.String()),
        "time": _received(has),
        "client_time": has("client_dt", nw.String()),
        "user_id": has("event.user_id", nw.Int64()),
        "token": has("event.homepage_pageview_token", nw.String()),
        "is_mobile": has("event.is_mobile", nw.Boolean()),
        "user_editcount": has("event.user_editcount", nw.Int64()),
        "bot": has("useragent.is_bot", nw.Boolean()),
    }


def _identified(flat: Any, key: str | bytes | None) -> Any:
    """Events with times, and hashes in the place of identifiers."""
    if key is not None and not key:
        raise errors.not_allowed("key", key, "is a secret of at least one byte")
    secret = secrets.token_bytes(16) if key is None else key.encode() if isinstance(key, str) else key
    salt = blake2b(secret, digest_size=16).hexdigest()  # plain signs, whatever the secret is
    user, visit = _hash(f"{salt} user", "user_id"), _hash(f"{salt} visit", "token")
    timed = _said(flat, dt=_time("time"), client_dt=_time("client_time"), user=user, visit=visit)
    return _said(timed, ms=_ms("dt")).with_columns(flags=_flags({"bot": nw.col("bot")}))


def _flags(bits: Mapping[str, nw.Expr]) -> nw.Expr:
    one = [nw.when(raised).then(nw.lit(2 ** reference.flag_bit(name))).otherwise(0) for name, raised in bits.items()]
    return nw.sum_horizontal(*one).cast(nw.Int64)


def _said(rows: Any, **columns: _Told) -> Any:
    """Rows with columns that are told in the words of their engine."""
    native = rows.to_native()
    others = [name for name in rows.collect_schema().names() if name not in columns]
    if rows.implementation.is_duckdb():
        made = [f'{told.duckdb} as "{name}"' for name, told in columns.items()]
        return nw.from_native(native.project(", ".join([*(f'"{name}"' for name in others), *made])))
    if rows.implementation.is_spark_like():
        made = [f"{told.spark} as `{name}`" for name, told in columns.items()]
        return nw.from_native(native.selectExpr(*(f"`{name}`" for name in others), *made))
    if not isinstance(native, pl.DataFrame | pl.LazyFrame):
        raise errors.not_allowed("frame", type(native).__name__, "is of Spark, DuckDB or polars")
    return nw.from_native(native.with_columns(**{name: told.polars for name, told in columns.items()}))


def _time(text: str) -> _Told:
    return _Told(f"try_cast({text} as timestamp)", f"try_cast({text} as timestamptz)", time(text))


def _ms(of: str) -> _Told:
    return _Told(f"unix_millis({of})", f"epoch_ms({of})", pl.col(of).dt.epoch("ms"))


def _hash(salt: str, column: str) -> _Told:
    """Number of 60 bits for a wiki and an identifier of it; null where there is none."""
    text = pl.concat_str(pl.lit(f"{salt} "), "wiki", pl.lit(" "), pl.col(column).cast(pl.String))
    return _Told(
        f"cast(conv(substr(sha2(concat('{salt} ', wiki, ' ', cast({column} as string)), 256), 1, {DIGITS}), 16, 10) as bigint)",
        f"cast('0x' || substr(sha256('{salt} ' || wiki || ' ' || cast({column} as varchar)), 1, {DIGITS}) as bigint)",
        text.map_batches(_hashed, return_dtype=pl.Int64, is_elementwise=True),
    )


def _hashed(texts: pl.Series) -> pl.Series:
    distinct = texts.drop_nulls().unique()
    found = [int(sha256(text.encode()).hexdigest()[:DIGITS], 16) for text in distinct]
    return texts.replace_strict(distinct, pl.Series(found, dtype=pl.Int64), default=None, return_dtype=pl.Int64)


def _attempts() -> _Told:
    """Attempts from the JSON text of them."""
    return _Told(
        f"transform(from_json(text, 'array<{ATTEMPT}>'), a -> named_struct('campaign', a.campaign, "
        "'status_code', a.statusCode, 'banners_count', a.bannersCount))",
        "[{'campaign': a.campaign, 'status_code': a.statusCode, 'banners_count': a.bannersCount} "
        f"for a in try(json_transform(case when json_valid(text) then text end, '{STRUCTURE}'))]",
        decode.attempts("text"),
    )


def _ends() -> _Told:
    """First and last attempt, which are all that banner_activity has; null where the first is not known."""
    spark, duckdb, polars = (
        {
            name: made(campaign, code)
            for name, (campaign, code) in {
                "first": ("first_campaign", "first_campaign_status_code"),
                "last": ("campaign", "status_code"),
            }.items()
        }
        for made in (
            lambda campaign, code: (
                f"named_struct('campaign', {campaign}, 'status_code', {code}, 'banners_count', cast(null as bigint))"
            ),
            lambda campaign, code: (
                f"{{'campaign': {campaign}, 'status_code': {code}, 'banners_count': cast(null as bigint)}}"
            ),
            lambda campaign, code: pl.struct(
                campaign=campaign, status_code=code, banners_count=pl.lit(None, dtype=pl.Int64)
            ),
        )
    )
    whole = "case when fell_back then {both} when first_campaign is not null then {alone} end"
    return _Told(
        whole.format(both=f"array({spark['first']}, {spark['last']})", alone=f"array({spark['last']})"),
        whole.format(both=f"[{duckdb['first']}, {duckdb['last']}]", alone=f"[{duckdb['last']}]"),
        pl.when("fell_back").then(pl.concat_list(polars["first"], polars["last"]))
        .when(pl.col("first_campaign").is_not_null()).then(pl.concat_list(polars["last"])),
    )  # fmt: skip


@cache
def _path() -> _Told:
    """Codes of the attempts, as `decode.path` has them."""
    code = f"replace(coalesce(a.status_code, '?'), ' ', '{decode.BLANK}')"
    return _Told(
        f"nullif(array_join(transform(attempts, a -> {code}), ' '), '')",
        f"nullif(array_to_string([{code} for a in attempts], ' '), '')",
        decode.path("attempts"),
    )


def _plain(column: str) -> _Told:
    """Text that was escaped in an address."""
    spark = f"case when {column} rlike '{ESCAPED}' then url_decode({column}) else {column} end"
    # DuckDB refuses bytes that are no UTF-8, and keeps the sign for a blank
    duckdb = f"coalesce(try(url_decode(replace({column}, '+', ' '))), {column})"
    return _Told(spark, duckdb, decoded(column))
