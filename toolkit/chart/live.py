"""A tally on its way into a page: small enough to be sent, and the same text in every run.

Rows are sorted by the numbers of their values, and each row is the distance to the one before it, so that a tally in
which most combinations occur takes about a byte a row. Nothing is compressed in a notebook, because programs that
compress differ; a page compresses it.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from toolkit import decode, rates, reference
from toolkit.chart import look
from toolkit.chart.drawing import Drawing
from toolkit.chart.funnel import UNITS, _many_form, _one_form, _over_time_form
from toolkit.chart.linked import linked_bars
from toolkit.decode import BLANK
from toolkit.measure.funnel import BOUND, INCOMPLETE, LOST, NOT_KNOWN, TAKEN_OVER, TAKEN_OVER_LIMIT
from toolkit.measure.tally import attempts_taken_over

MIME = "application/vnd.wikimedia-event-toolkit.live+json"
SAFE = 2**52  # keys stay whole numbers in the browser
GROUP = 7  # bits of a number in one byte; the eighth says that more follow
COUNTS = ("n", "partial", *LOST)
NUMBERS = ("unit", "codes", "sample_rate", "first_ms", "last_ms", *COUNTS)
WAY = ("attempts", "path", "flags")  # what tells which attempts other campaigns took over
FEW = 100_000  # rows of a source up to which a page can break down by every column

Face = dict[str, Any]
Tally = Callable[[str, tuple[str, ...]], pl.DataFrame]


def funnel_face(
    tally: Tally,
    *,
    filters: Sequence[str],
    by: Sequence[str],
    choices: Mapping[str, Any],
    table: pl.DataFrame,
    called: str,
    n: int,
    set_aside: int | None,
    with_attempts: bool,
) -> Face:
    """Status funnel that a page can filter: its tallies, and what their numbers mean.

    Parameters
    ----------
    tally : function
        Unit and dimensions to the tally of the source.
    filters : list of str
        Dimensions that can be chosen from.
    by : list of str
        Dimensions to break down by; `day` among them.
    choices : dict
        Present choice of each control.
    table : pl.DataFrame
        What a reader without scripts sees below the picture: text and numbers.
    called : str
        How code calls the source.
    n : int
        Page views loaded.
    set_aside : int or None
        Rows set aside, where that is known.
    with_attempts : bool
        Whether the source knows the attempts of its page views.

    Returns
    -------
    dict
        JSON, the same in every run for the same rows.
    """
    dimensions = tuple(sorted({*filters, *by, "day"}))
    apart = {"pageview": _texts(tally("pageview", dimensions))}
    if with_attempts:
        ways = tally("pageview", tuple(sorted({*dimensions, *WAY}))).with_columns(
            pl.col("campaign").cast(pl.String), requests="n", status_code="codes", ms="first_ms"
        )
        lost = attempts_taken_over(ways, by=dimensions)
        apart |= {
            "attempt": _texts(tally("attempt", dimensions)),
            "way": _texts(tally("attempt", tuple(name for name in dimensions if name != "campaign"))),
            "lost": _texts(lost.with_columns(codes=pl.lit(None, dtype=pl.String))),
        }
    values = {name: _values(name, apart) for name in dimensions}
    codes = _codes(pl.concat([frame["codes"] for frame in apart.values()]))
    probabilities = pl.concat([frame["sample_rate"] for frame in apart.values()]).drop_nulls().unique().sort().to_list()
    return {
        "filters": list(filters),
        "by": list(by),
        "values": values,
        "choosable": {name: _present(values[name], apart["pageview"][name]) for name in filters},
        "codes": codes,
        "rates": probabilities,
        "tallies": {name: packed(frame, values, codes, probabilities) for name, frame in apart.items()},
        "choices": dict(choices),
        "table": {"columns": table.columns, "rows": [list(row) for row in table.rows()]},
        "called": called,
        "n": n,
        "set_aside": set_aside,
    }


def packed(
    frame: pl.DataFrame,
    values: Mapping[str, Sequence[Any]],
    codes: Sequence[Mapping[str, Any]],
    probabilities: Sequence[float],
) -> Face:
    """Tally as texts of bytes.

    Returns
    -------
    dict
        columns (dimensions, then `way` and `rate`: numbers of their values, the number after the last for none) and
        their sizes, in groups whose numbers fit together; keys (a text for each group), ways (numbers of codes), rows,
        counts (texts by name; null where all are 0).
    """
    names = [name for name in frame.columns if name not in NUMBERS]
    counts = [name for name in frame.columns if name in COUNTS]
    at_code = {code["code"]: at for at, code in enumerate(codes)}
    texts = frame["codes"].unique().sort(nulls_last=True).to_list()
    sizes = {**{name: len(values[name]) + 1 for name in names}, "way": len(texts), "rate": len(probabilities) + 1}
    numbered = frame.select(
        *(_number(pl.col(name), values[name]) for name in names),
        _number(pl.col("codes"), texts).alias("way"),
        _number(pl.col("sample_rate"), probabilities).alias("rate"),
        *counts,
    )
    columns = [*sorted(names, key=lambda name: sizes[name]), "way", "rate"]
    groups: list[list[str]] = [[]]
    for name in columns:
        if math.prod(sizes[one] for one in [*groups[-1], name]) > SAFE:
            groups.append([])
        groups[-1].append(name)
    keys = [f"key {at}" for at in range(len(groups))]
    rows = (
        numbered.with_columns(_key(group, sizes).alias(key) for key, group in zip(keys, groups, strict=True))
        .group_by(keys)
        .agg(pl.col(counts).sum())
        .sort(keys)
    )
    same = pl.lit(value=True)
    gaps = []
    for key in keys:
        gaps.append(pl.when(same).then(pl.col(key) - pl.col(key).shift(1, fill_value=0)).otherwise(key).alias(key))
        same = same & (pl.col(key) == pl.col(key).shift(1))
    rows = rows.with_columns(gaps)
    return {
        "columns": groups,
        "sizes": [[sizes[name] for name in group] for group in groups],
        "ways": [[at_code[None if text is None else code] for code in _parted(text)] for text in texts],
        "rows": rows.height,
        "keys": [_bytes(rows[key]) for key in keys],
        "counts": {name: _bytes(rows[name]) if rows[name].sum() else None for name in counts},
    }


def compressed(face: Face) -> Face:
    """Face with its bytes compressed, as a page carries them."""

    def smaller(text: str) -> str:
        return base64.b64encode(zlib.compress(base64.b64decode(text), 9)).decode("ascii")

    tallies = {
        name: {
            **tally,
            "keys": [smaller(key) for key in tally["keys"]],
            "counts": {count: text and smaller(text) for count, text in tally["counts"].items()},
        }
        for name, tally in face["tallies"].items()
    }
    return {**face, "tallies": tallies}


def unpacked(face: Face, name: str) -> pl.DataFrame:
    """One tally of a face as a frame: for those who check what leaves.

    Returns
    -------
    pl.DataFrame
        Dimensions, codes (with blanks between those of one page view), sample_rate, counts.
    """
    tally = face["tallies"][name]
    columns: dict[str, list[Any]] = {}
    same = [True] * tally["rows"]
    for key, names, sizes in zip(tally["keys"], tally["columns"], tally["sizes"], strict=True):
        before, rest = 0, []
        for at, gap in enumerate(_numbers(key)):
            value = before + gap if same[at] else gap
            same[at] = same[at] and gap == 0
            before = value
            rest.append(value)
        for column, size in zip(reversed(names), reversed(sizes), strict=True):
            columns[column] = [value % size for value in rest]
            rest = [value // size for value in rest]
    texts = [_joined([face["codes"][at]["code"] for at in way]) for way in tally["ways"]]
    meanings = {**face["values"], "way": texts, "rate": face["rates"]}
    meant = {column: [*meanings[column], None] for column in columns}
    counts = {count: _numbers(text) if text else [0] * tally["rows"] for count, text in tally["counts"].items()}
    made = {column: [meant[column][at] for at in found] for column, found in columns.items()}
    frame = pl.DataFrame({**made, **counts}, infer_schema_length=None)
    return frame.rename({"way": "codes", "rate": "sample_rate"})


def shelves() -> Face:
    """What every live funnel needs beside its face: words, order, the normal quantile."""
    stages = reference.table("stage").select("stage", "label", at=pl.col("order").cast(pl.Int64)).sort("at")
    return {
        "stages": stages.to_dicts(),
        "groups": look.group_order(),
        "several": look.SEVERAL,
        "odd": [decode.UNKNOWN, "unexpected", decode.AMBIGUOUS],
        "units": UNITS,
        "most": look.MOST,
        "level": rates.LEVEL,
        "z": rates.z_of(),
        "notes": {
            "limit": TAKEN_OVER_LIMIT,
            "taken_over": TAKEN_OVER,
            "incomplete": INCOMPLETE,
            "not_known": NOT_KNOWN,
            "bound": BOUND,
        },
    }


def forms(face: Face) -> dict[str, dict[str, Any]]:
    """Specifications that the page fills, by what they are of."""

    def bare(form: Any, *of: Any) -> dict[str, Any]:
        return Drawing(form, of, {}, "", (), "").bare()

    found = {
        f"one {units} {'stops' if has_stops else 'reached'}": bare(_one_form, units, has_stops)
        for units in UNITS.values()
        for has_stops in (True, False)
    }
    found |= {f"many {name}": bare(_many_form, name) for name in face["by"] if name != "day"}
    nothing = pl.DataFrame(schema={"value": pl.String, "total": pl.Float64})
    days = {"days": nothing.cast({"value": pl.Date})} if len(_known(face["values"]["day"])) > 1 else {}
    linked = linked_bars({**dict.fromkeys(face["filters"], nothing), **days}, {}, "")
    return {**found, "over time day": bare(_over_time_form, "day"), "linked": linked.bare()}


def _texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Tally with days and categories as text."""
    made = [
        pl.col(name).dt.strftime("%Y-%m-%d") if dtype.is_temporal() else pl.col(name).cast(pl.String)
        for name, dtype in frame.schema.items()
        if name not in NUMBERS and dtype != pl.Boolean
    ]
    return frame.with_columns(made)


def _values(name: str, apart: Mapping[str, pl.DataFrame]) -> list[Any]:
    """Values of a dimension, most page views first; days in their order."""
    sizes = [
        frame.select(name, size=(pl.col("n") / pl.col("sample_rate")).fill_null(0.0) * float(unit == "pageview"))
        for unit, frame in apart.items()
        if {name, "n"} <= set(frame.columns)
    ]
    found = pl.concat(sizes).drop_nulls(name).group_by(name).agg(pl.col("size").sum())
    order = found.sort(name) if name == "day" else found.sort("size", name, descending=[True, False])
    return list(order[name])


def _known(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _present(values: Sequence[Any], column: pl.Series) -> list[int]:
    """Numbers of the values that a column has."""
    found = set(column.unique())
    return [at for at, value in enumerate(values) if value in found]


def _codes(ways: pl.Series) -> list[dict[str, Any]]:
    """Every code, in the order of the funnel's rows: code, number of its last stage (0: nothing attempted), words."""
    texts = {None if text is None else code for text in ways.unique() for code in _parted(text)}
    stages = reference.table("stage").select("stage", at=pl.col("order").cast(pl.Int64))
    frame = pl.DataFrame({"code": list(texts)}, schema={"code": pl.String})
    words = frame.with_columns(stage=decode.stage("code"), label=decode.label("code"), group=decode.group("code"))
    ordered = words.join(stages, on="stage", how="left").sort(decode.code_order("code"), "code")
    return ordered.select("code", pl.col("at").fill_null(0), "label", "group").to_dicts()


def _parted(text: str | None) -> list[str]:
    return ["" if text is None else code.replace(BLANK, " ") for code in (text or "").split(" ")]


def _joined(codes: Sequence[str | None]) -> str | None:
    return None if codes == [None] else " ".join((code or "").replace(" ", BLANK) for code in codes)


def _number(column: pl.Expr, values: Sequence[Any]) -> pl.Expr:
    """Place of a value in the list; the place after the last for none."""
    return column.replace_strict(
        {value: at for at, value in enumerate(values) if value is not None},
        default=next((at for at, value in enumerate(values) if value is None), len(values)),
        return_dtype=pl.Int64,
    )


def _key(names: Sequence[str], sizes: Mapping[str, int]) -> pl.Expr:
    """Numbers of several columns as one."""
    key: pl.Expr = pl.lit(0, dtype=pl.Int64)
    for name in names:
        key = key * sizes[name] + pl.col(name)
    return key


def _bytes(numbers: pl.Series) -> str:
    """Numbers of any size as text: seven bits a byte, the lowest first."""
    value = pl.col("value")
    longest = max([1, *(-(-int(most).bit_length() // GROUP) for most in numbers.top_k(1))])
    parts = [
        pl.when((value >= 2 ** (GROUP * at)) | (at == 0)).then(
            (value // 2 ** (GROUP * at)) % 2**GROUP
            + pl.when(value >= 2 ** (GROUP * (at + 1))).then(2**GROUP).otherwise(0)
        )
        for at in range(longest)
    ]
    found = numbers.alias("value").to_frame().select(pl.concat_list(parts).list.drop_nulls().alias("value"))
    return base64.b64encode(found["value"].explode().drop_nulls().cast(pl.UInt8).to_numpy().tobytes()).decode("ascii")


def _numbers(text: str) -> list[int]:
    found, value, bits = [], 0, 0
    for byte in base64.b64decode(text):
        value += (byte % 2**GROUP) << bits
        bits += GROUP
        if byte < 2**GROUP:
            found.append(value)
            value, bits = 0, 0
    return found
