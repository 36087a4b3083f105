"""Rows that came twice: told by their id, and classified by what they say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import polars as pl

from toolkit.load.batch import CONTENT, ID

PLACE = ("file", "piece", "part", "row")  # where a row stands, in the order of the sources
KEY = ("high", "low")  # hash of an id [128 bits]
IDS = {
    **dict.fromkeys(KEY, pl.UInt64),
    "content": pl.UInt64,
    **dict.fromkeys(PLACE, pl.UInt32),
    "line": pl.Int64,
}
IN_REACH = 750_000  # ids compared at once
READ_AGAIN = 100_000  # rows whose text is sought at once


def ids_of(frame: pl.DataFrame, *, file: int = 0, piece: int = 0, part: int = 0) -> pl.DataFrame:
    """Ids of a part's rows as hashes, with their places; a row without an id has none here.

    Parameters
    ----------
    frame : pl.DataFrame
        Rows with `line`, and with the columns ID and CONTENT if the export has ids.
    file, piece, part : int
        Where the rows stand.

    Returns
    -------
    pl.DataFrame
        Columns high, low (the id's hash), content, file, piece, part, row (from 0), line.

    Examples
    --------
    >>> frame = pl.DataFrame({ID: ["a", "", None, "a"], CONTENT: [1, 2, 3, 1], "line": [1, 2, 3, 4]})
    >>> ids_of(frame).select("row", "line").rows()
    [(0, 1), (3, 4)]
    """
    if ID not in frame.columns:
        return pl.DataFrame(schema=IDS)
    text = pl.col(ID).cast(pl.String)
    content = pl.col(CONTENT) if CONTENT in frame.columns else pl.lit(0)
    whole = content if CONTENT not in frame.columns or frame.schema[CONTENT] == pl.UInt64 else content.hash(2)
    return (
        frame.select(
            text.hash(0).alias("high"),
            text.hash(1).alias("low"),
            whole.cast(pl.UInt64).fill_null(0).alias("content"),
            *(pl.lit(at, dtype=pl.UInt32).alias(name) for name, at in zip(PLACE, (file, piece, part), strict=False)),
            pl.int_range(pl.len(), dtype=pl.UInt32).alias("row"),
            "line",
            has_id=text.fill_null("") != "",
        )
        .filter("has_id")
        .drop("has_id")
    )


def ranges(n_ids: int) -> Iterator[pl.Expr]:
    """Conditions that part any number of ids so that those of each fit in memory.

    Examples
    --------
    >>> len(list(ranges(0))), len(list(ranges(4_000_000)))
    (0, 6)
    """
    n_ranges = -(-n_ids // IN_REACH)
    for at in range(n_ranges):
        low, high = at * 2**64 // n_ranges, (at + 1) * 2**64 // n_ranges - 1
        yield pl.col("high").is_between(pl.lit(low, dtype=pl.UInt64), pl.lit(high, dtype=pl.UInt64))


def repeated(ids: pl.DataFrame) -> pl.DataFrame:
    """Rows whose id stands more than once, in the order of the sources; `unequal` where their contents differ."""
    high = ids["high"].sort()  # neighbours in order show which are equal in half the time of is_duplicated
    maybe = ids.filter(pl.col("high").is_in(high.filter(high == high.shift(1)).unique().implode()))
    twice = maybe.filter(pl.struct(KEY).is_duplicated())
    return twice.sort(PLACE).with_columns(unequal=(pl.col("content") != pl.col("content").first()).any().over(KEY))


def judged(repeated: pl.DataFrame, stated: pl.DataFrame | None = None) -> pl.DataFrame:
    """Verdict on each row whose id stands more than once.

    Parameters
    ----------
    repeated : pl.DataFrame
        What `repeated` gives.
    stated : pl.DataFrame, optional
        For places of unequal rows `stated`: a hash of what they say, whatever their form; null where it is unknown.

    Returns
    -------
    pl.DataFrame
        Places and lines, and `verdict`: `first` (kept), `duplicate` (says the same as the first) or `conflict`;
        `other_file` and `other_line` lead from a conflict to a row that says something else.

    Examples
    --------
    >>> frame = pl.DataFrame({ID: ["a", "b", "a", "b"], CONTENT: [1, 2, 1, 3], "line": [1, 2, 3, 4]})
    >>> judged(repeated(ids_of(frame))).select("line", "verdict", "other_line").rows()
    [(1, 'first', None), (2, 'conflict', 4), (3, 'duplicate', None), (4, 'conflict', 2)]
    """
    rows = repeated.sort(PLACE)
    if stated is None:
        says = rows.with_columns(says=pl.col("content"), by_form=pl.lit(value=True))
    else:
        # rows of one content say the same, and so do rows of one meaning
        both = rows.join(stated.select(*PLACE, "stated"), on=PLACE, how="left", maintain_order="left")
        meaning = pl.col("stated").min().over(*KEY, "content")
        says = both.with_columns(says=pl.coalesce(meaning, "content"), by_form=meaning.is_null())
    says = says.with_columns(says=pl.struct("says", "by_form"))
    differs = (pl.col("says") != pl.col("says").first()).over(KEY)
    found = says.with_columns(differs=differs).with_columns(conflict=pl.col("differs").any().over(KEY))
    is_first = pl.int_range(pl.len()).over(KEY) == 0
    others = (
        pl.when("conflict")
        .then(
            pl.when("differs")
            .then(pl.col(name).first().over(KEY))
            .otherwise(pl.col(name).filter(pl.col("differs")).first().over(KEY))
        )
        .alias(f"other_{name}")
        for name in ("file", "line")
    )
    verdict = (
        pl.when("conflict").then(pl.lit("conflict")).when(is_first).then(pl.lit("first")).otherwise(pl.lit("duplicate"))
    )
    return found.select(*PLACE, "line", verdict.alias("verdict"), *others)


def meanings(rows: pl.DataFrame, texts: Callable[[frozenset[int]], Iterable[tuple[int, bytes]]]) -> pl.DataFrame:
    """What rows say, as hashes: places, and `stated`.

    Parameters
    ----------
    rows : pl.DataFrame
        Places and lines within one piece.
    texts : callable
        Gives the bytes of the rows at some lines.
    """
    parts = []
    for some in rows.sort("line").iter_slices(READ_AGAIN):
        found = {line: meaning(raw) for line, raw in texts(frozenset(some["line"].to_list()))}
        stated = pl.Series("stated", [found.get(line) for line in some["line"]], dtype=pl.UInt64)
        parts.append(some.select(*PLACE, stated))
    return pl.concat([pl.DataFrame(schema={**{name: IDS[name] for name in PLACE}, "stated": pl.UInt64}), *parts])


def meaning(raw: bytes) -> int | None:
    """Hash of what a JSON object says: the order of its keys, blanks and the forms of numbers do not count.

    Null for what is no object: its form is all that is known of it. An element of an array may have the array's
    brackets and commas about it.

    Examples
    --------
    >>> meaning(b'{"a": 1.0, "b": [true]}') == meaning(b'{"b":[true],"a":1}')
    True
    >>> meaning(b'{"a": true}') == meaning(b'{"a": 1}')
    False
    >>> meaning(b"a,b") is None
    True
    """
    try:
        text = raw.decode("utf-8-sig").strip()
        found = _object(text) or _object(text.removeprefix("[").removesuffix("]").strip().strip(",").strip())
        if found is None:
            return None
        digest = blake2b(_canonical(found).encode(errors="surrogatepass"), digest_size=8).digest()
    except (UnicodeDecodeError, RecursionError, ArithmeticError):  # the last for an exponent beyond all bounds
        return None
    return int.from_bytes(digest, "big")


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs: a name that stands twice is not lost."""


def _object(text: str) -> _Pairs | None:
    try:
        found = json.loads(text, object_pairs_hook=_Pairs, parse_float=Decimal, parse_int=Decimal)
    except ValueError:
        return None
    return found if isinstance(found, _Pairs) else None


def _canonical(value: object) -> str:
    if isinstance(value, _Pairs):
        pairs = sorted((json.dumps(name), _canonical(part)) for name, part in value)
        return "{" + ",".join(f"{name}:{part}" for name, part in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, Decimal):
        return _number(value)
    return json.dumps(value)


def _number(value: Decimal) -> str:
    sign, digits, exponent = value.as_tuple()
    written = "".join(map(str, digits)).lstrip("0")
    short = written.rstrip("0")
    if not short:
        return "0"
    assert isinstance(exponent, int)
    return f"{'-' * sign}{short}e{exponent + len(written) - len(short)}"


def in_turn(texts: Iterator[tuple[int, bytes]]) -> Callable[[int], bytes]:
    """Text of a row by its line, for lines that are asked for in their order; empty where it cannot be had.

    Examples
    --------
    >>> text = in_turn(iter([(2, b"b"), (5, b"e")]))
    >>> text(2), text(5), text(6)
    (b'b', b'e', b'')
    """
    held: dict[int, bytes] = {}

    def text(line: int) -> bytes:
        while line not in held and (found := next(texts, None)) is not None:
            held[found[0]] = found[1]
        for passed in [other for other in held if other < line]:
            del held[passed]
        return held.get(line, b"")

    return text


def lines_at(numbered: Iterable[tuple[int, Sequence[bytes]]], wanted: frozenset[int]) -> Iterator[tuple[int, bytes]]:
    """Some lines out of numbered blocks of them.

    Examples
    --------
    >>> list(lines_at([(1, [b"a", b"b"]), (3, [b"c"])], frozenset({2, 3})))
    [(2, b'b'), (3, b'c')]
    """
    left = sorted(wanted)
    at = 0
    for first, block in numbered:
        while at < len(left) and left[at] < first + len(block):
            yield left[at], block[left[at] - first]
            at += 1
        if at == len(left):
            return
