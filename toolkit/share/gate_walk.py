"""Walks what is to be published down to its texts and tables: JSON, HTML, pictures, packed data, data files."""

from __future__ import annotations

import base64
import binascii
import bz2
import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote_to_bytes

import polars as pl

from toolkit.share.gate_tables import Table, in_column, in_table, whole
from toolkit.share.gate_text import in_code, in_text

PACKED = 40  # signs of base64 from which on a text may hold more than a word
DEEP = 40  # levels of texts within texts
UNPACKED = 500_000_000  # bytes, so that no packed file fills the memory
GEOMETRY = {"d", "points", "transform", "viewbox", "integrity"}
NAMING = {
    "id",
    "for",
    "class",
    "aria-labelledby",
    "aria-describedby",
    "aria-controls",
    "xlink:href",
    "clip-path",
    "name",
}
"""Attributes with names that programs make: they look like tokens and are of nobody."""
STRUCTURE = {"model_id", "comm_id", "cell_id", "kernel_id", "_model_module_version", "_view_module_version"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
BASE_64 = re.compile(rf"[A-Za-z0-9+/_-]{{{PACKED},}}={{0,2}}")
DATA_URL = re.compile(r"data:([\w.+/-]*)((?:;[\w=.+-]+)*),([^\"'\s)<>]*)")
HEADER = re.compile(r"[\"']?[^\d\"'{}<>][^\"'{}<>]{0,60}[\"']?")
ARIA = re.compile(r"(?:^|;\s*)([^:;]{1,60}):\s*([^;]*)")
STARTS_JSON = re.compile(r"(?:=|\(|:|,|>|^)\s*(?=[{\[])")
BOX = str.maketrans({"│": "\n", "┆": "\n", "|": "\n", "¦": "\n"})
RULE = re.compile(r"[\s─═╞╡╪┌┐└┘┬┴├┤┼+:=|╌┄-]*")


class Walk:
    """What was met on the way: kinds with their places, tables, and whole numbers that stand alone.

    Parameters
    ----------
    k
        The smallest count that may be shown.
    """

    def __init__(self, k: int) -> None:
        self.k = k
        self.found: list[tuple[str, str]] = []
        self.tables: list[Table] = []
        self.numbers: set[int] = set()
        self.is_own: Callable[[str], bool] = lambda _: False  # whether a script is the package's

    def table(self, columns: Mapping[str, Sequence[Any]], place: str) -> None:
        """A table: names and values."""
        kept = {str(name): list(values) for name, values in columns.items()}
        self.tables.append(Table(place, kept))
        self.found += [(place, kind) for kind in in_table(kept, self.k)]

    def code(self, source: str, place: str, constants: dict[str, object]) -> None:
        """Python code: what it says as a literal, and its texts as any others."""
        self.found += [(place, kind) for kind in in_code(source, constants)]
        self.text(source, place)

    def value(self, value: object, place: str, depth: int = 0) -> None:
        """Anything that JSON can say."""
        if depth > DEEP:
            return
        match value:
            case str():
                self.text(value, place, depth=depth + 1)
            case bytes():
                self.packed(value, place, depth=depth + 1)
            case dict():
                self._object(value, place, depth)
            case list() | tuple():
                self._array(value, place, depth)

    def _object(self, value: Mapping[str, Any], place: str, depth: int) -> None:
        if _are_columns(value):
            self.table(value, place)
        elif _is_split(value):
            self.table(dict(zip(value["columns"], zip(*value["data"], strict=True), strict=True)), place)
        elif (counts := _tallied(value)) is not None:
            self.table(counts, f"{place}, tally")
        for name, item in value.items():
            self.text(str(name), place, depth=depth + 1, tokens=depth > 0 and len(str(name)) != 32)  # noqa: PLR2004  # ids of models
            if isinstance(item, str | int | float):
                self.found += [(place, kind) for kind in in_column(str(name), [item], is_table=False)]
            if name in STRUCTURE or (isinstance(item, str) and item.startswith("IPY_MODEL_")):
                continue
            if isinstance(item, str):
                self.text(item, place, depth=depth + 1)
            else:
                self.value(item, place, depth + 1)

    def _array(self, value: Sequence[Any], place: str, depth: int) -> None:
        rows = [row for row in value if isinstance(row, dict)]
        if rows and len(rows) == len(value):
            flat = [dict(_flat(row)) for row in rows]
            names = dict.fromkeys(name for row in flat for name in row)
            self.table({name: [row.get(name) for row in flat] for name in names}, place)
            # strings of all rows in one go: most are short words
            self._strings([(name, item) for row in flat for name, item in row.items()], place, depth)
        elif value and all(isinstance(item, str) for item in value):
            self._strings([("", item) for item in value], place, depth)
            self.text("".join(value), place, depth=depth + 1)  # a text in lines, as notebooks store it
        elif _are_rows(value):
            self.table(dict(zip(map(str, value[0]), zip(*value[1:], strict=True), strict=True)), place)
            self._strings([("", item) for row in value for item in row], place, depth)
        else:
            for item in value:
                self.value(item, place, depth + 1)

    def _strings(self, named: Sequence[tuple[str, Any]], place: str, depth: int) -> None:
        short, seen = [], set[str]()
        for name, item in named:
            if isinstance(item, str) and name.rpartition(".")[2] not in STRUCTURE and item not in seen:
                seen.add(item)
                if len(item) < PACKED and "\n" not in item:
                    short.append(item)
                else:
                    self.text(item, place, depth=depth + 1)
            elif isinstance(item, list | dict | bytes):
                self.value(item, place, depth + 1)
        self.plain("\n".join(short), place)

    def plain(self, text: str, place: str, *, tokens: bool = True) -> None:
        """A text that is no more than that."""
        self.found += [(place, kind) for kind in in_text(text, tokens=tokens)]

    def text(self, text: str, place: str, *, depth: int = 0, tokens: bool = True) -> None:
        """A text: what it says, and what it holds if it is JSON, HTML, a table or something packed."""
        if depth > DEEP or not text:
            return
        stripped = text.strip()
        if stripped[:1] in {"{", "["} and (inner := _json(stripped)) is not None:
            self.value(inner, place, depth + 1)
            return
        if re.fullmatch(r"[\d,]{1,20}", stripped) and (alone := whole(stripped)) is not None:
            self.numbers.add(alone)
            return
        for url in DATA_URL.finditer(text):
            self._data_url(url, place, depth)
        text = DATA_URL.sub(" ", text)
        if "<" in text and re.search(r"<(?:[a-zA-Z][\w-]*[\s/>]|!--|!DOCTYPE)", text):
            self.html(text, place, depth)
            return
        for run in BASE_64.finditer(text):
            self._base_64(run[0], place, depth)
        self.plain(BASE_64.sub(_if_long, text), place, tokens=tokens)
        if "\n" in stripped:
            self._lines(text, place, depth)

    def _lines(self, text: str, place: str, depth: int) -> None:
        """Tables that are written as text: boxes of polars, Markdown, CSV, lines of JSON."""
        for boxed in _boxes(text):
            self.table(boxed, place)
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and lines[0].lstrip()[:1] == "{" and lines[0].rstrip()[-1:] == "}":
            objects = [found for line in lines if isinstance(found := _json(line.strip()), dict)]
            self._array(objects, place, depth + 1)
        elif (table := _separated(lines)) is not None:
            self.table(table, place)

    def html(self, text: str, place: str, depth: int = 0) -> None:
        """HTML or SVG: its words, attributes, comments, tables and what its scripts hold."""
        page = _Page(self, place, depth)
        page.feed(text)
        page.close()
        page.end()

    def script(self, text: str, place: str, depth: int = 0) -> None:
        """A script: the JSON that stands in it, and its texts."""
        if (whole_script := _json(text.strip())) is not None:
            self.value(whole_script, place, depth + 1)
            return
        if self.is_own(text):
            return
        at, rest, decoder = 0, [], json.JSONDecoder()
        for start in STARTS_JSON.finditer(text):
            if start.end() < at:
                continue
            try:
                value, end = decoder.raw_decode(text, start.end())
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict | list) and value:
                self.value(value, place, depth + 1)
                rest.append(text[at : start.end()])
                at = end
        rest.append(text[at:])
        for part in rest:
            for quoted in re.finditer(r"\"((?:[^\"\\\n]|\\.){20,})\"|'((?:[^'\\\n]|\\.){20,})'|`([^`]{20,})`", part):
                held = next(filter(None, quoted.groups())).replace("\\n", "\n").replace('\\"', '"').replace("\\/", "/")
                if "\n" in held or held[:1] in {"{", "[", "<"} or BASE_64.search(held):
                    self.text(held, place, depth=depth + 1)
            self.plain(BASE_64.sub(_if_long, part), place)

    def _data_url(self, url: re.Match[str], place: str, depth: int) -> None:
        raw = unquote_to_bytes(url[3])
        if "base64" in url[2]:
            raw = _decoded(raw.decode("ascii", "ignore")) or b""
        self.packed(raw, place, depth=depth + 1)

    def _base_64(self, run: str, place: str, depth: int) -> None:
        raw = _decoded(run)
        if raw is not None and (_magic(raw) or _is_words(raw)):
            self.packed(raw, place, depth=depth + 1)

    def packed(self, raw: bytes, place: str, *, depth: int = 0) -> None:
        """Bytes: pictures by the texts they carry, packed data unpacked, anything else as the text it is."""
        if depth > DEEP:
            return
        match _magic(raw):
            case "png":
                for text in _png_texts(raw):
                    self.text(text, f"{place}, text in the picture", depth=depth + 1)
            case "picture":
                self.plain("\n".join(_words(raw)), f"{place}, text in the picture", tokens=False)
            case "parquet" | "arrow" as form:
                self._frame(raw, form, place, depth)
            case "gzip" | "zlib" | "bz2" | "zstd" as form:
                unpacked = _unpacked(raw, form)
                if unpacked is not None:
                    self.packed(unpacked, place, depth=depth + 1)
            case "zip":
                self._zip(raw, place, depth)
            case _:
                try:
                    self.text(raw.decode("utf-8-sig"), place, depth=depth + 1)
                except UnicodeDecodeError:
                    self.plain("\n".join(_words(raw)), place, tokens=False)

    def _zip(self, raw: bytes, place: str, depth: int) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                for member in archive.infolist():
                    self.plain(member.filename, place)
                    if member.file_size < UNPACKED and not member.flag_bits & 1:
                        self.packed(
                            archive.read(member), f"{place}, {PurePath(member.filename).suffix} within", depth=depth + 1
                        )
        except zipfile.BadZipFile:
            return

    def _frame(self, raw: bytes, form: str, place: str, depth: int) -> None:
        read = pl.read_parquet if form == "parquet" else pl.read_ipc
        try:
            frame = read(io.BytesIO(raw))
            if form == "parquet":
                metadata = {
                    name: said
                    for name, said in pl.read_parquet_metadata(io.BytesIO(raw)).items()
                    if name != "ARROW:schema"
                }
                self.value(metadata, f"{place}, metadata", depth + 1)
        except pl.exceptions.PolarsError:
            self.plain("\n".join(_words(raw)), place, tokens=False)
            return
        # an address is one in each row, so values are looked at once; counts are not
        self.value(frame.to_dicts(), place, depth + 1)


class _Page(HTMLParser):
    """Reads HTML or SVG, however broken, and hands over what it finds."""

    def __init__(self, walk: Walk, place: str, depth: int) -> None:
        super().__init__(convert_charrefs=True)
        self.walk, self.place, self.depth = walk, place, depth
        self.words: list[str] = []
        self.raw: list[str] | None = None  # of a script or style
        self.tables: list[_Cells] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        aria = dict(attrs).get("aria-label") or ""
        pairs = {name.strip(): [value.strip()] for name, value in ARIA.findall(aria)}
        if pairs:
            self.walk.table(pairs, self.place)
        for name, value in attrs:
            if value and name not in GEOMETRY:
                local = value.startswith(("#", "url(#"))
                if name == "srcdoc":
                    self.walk.html(value, self.place, self.depth + 1)
                elif name in NAMING or local:
                    self.walk.plain(value, self.place, tokens=False)
                else:
                    self.walk.text(value, self.place, depth=self.depth + 1)
        if tag in {"script", "style"}:
            self.raw = []
        elif tag == "table":
            self.tables.append(_Cells())
        elif self.tables:
            self.tables[-1].start(tag, dict(attrs))
        if tag not in {"b", "i", "em", "strong", "span", "a", "code", "wbr", "tspan", "mark", "s", "sub", "sup", "u"}:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"} and self.raw is not None:
            held = "".join(self.raw)
            (self.walk.script if tag == "script" else self.walk.plain)(held, self.place)
            self.raw = None
        elif tag == "table" and self.tables:
            self._ended(self.tables.pop())
        elif self.tables:
            self.tables[-1].end(tag)
        if tag in {"p", "div", "td", "th", "tr", "li", "text", "pre", "figure"}:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self.raw is not None:
            self.raw.append(data)
            return
        self.words.append(data)
        if self.tables:
            self.tables[-1].add(data)

    def handle_comment(self, data: str) -> None:
        self.walk.text(data, self.place, depth=self.depth + 1)

    def unknown_decl(self, data: str) -> None:
        self.words.append(f"\n{data.removeprefix('CDATA[')}\n")

    def handle_pi(self, data: str) -> None:
        self.walk.plain(data, self.place)

    def end(self) -> None:
        """What is left when the text is over: tables and scripts that nobody closed, and the words."""
        while self.tables:
            self._ended(self.tables.pop())
        if self.raw:
            self.walk.script("".join(self.raw), self.place)
        words = "".join(self.words)
        for run in BASE_64.finditer(words):
            self.walk._base_64(run[0], self.place, self.depth + 1)  # noqa: SLF001  # the two are one
        self.walk.plain(BASE_64.sub(_if_long, words), self.place)
        if not re.search(r"\w\n\s*\w", words[:2000]) or "│" in words or "|" in words or "," in words:
            for line_table in _boxes(words):
                self.walk.table(line_table, self.place)
            for block in re.split(r"\n\s*\n", words):
                lines = [line for line in block.splitlines() if line.strip()]
                if (table := _separated(lines)) is not None:
                    self.walk.table(table, self.place)

    def _ended(self, cells: _Cells) -> None:
        table = cells.columns()
        if table is not None:
            self.walk.table(table, self.place)


class _Cells:
    """Cells of one HTML table: names from its first row, and every row below of that length."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self.heads = 0  # rows that stand in the head
        self.in_head = False
        self.cell: list[str] | None = None

    def start(self, tag: str, attrs: Mapping[str, str | None]) -> None:
        if tag == "thead":
            self.in_head = True
        elif tag == "tr":
            self.rows.append([])
            self.heads += self.in_head
        elif tag in {"td", "th"}:
            if not self.rows:
                self.rows.append([])
            self.close()
            span = attrs.get("colspan") or "1"
            self.rows[-1] += [""] * (min(int(span), 1000) - 1 if span.isdigit() else 0)
            self.cell = []

    def end(self, tag: str) -> None:
        if tag == "thead":
            self.in_head = False
        if tag in {"td", "th", "tr", "thead", "tbody"}:
            self.close()

    def close(self) -> None:
        """Put the cell at hand into its row."""
        if self.cell is not None:
            self.rows[-1].append("".join(self.cell).strip())
            self.cell = None

    def add(self, data: str) -> None:
        if self.cell is not None:
            self.cell.append(data)

    def columns(self) -> dict[str, list[str]] | None:
        self.close()
        rows = [row for row in self.rows if any(row)]
        if len(rows) < 2:  # noqa: PLR2004  # a name and a value
            return None
        body = self.rows[max(self.heads, 1) :]
        width = max((len(row) for row in body), default=0)
        names = next(
            (row for row in reversed(self.rows[: max(self.heads, 1)]) if len(row) == width and not _are_types(row)),
            None,
        )
        if names is None:
            return None
        unique = [f"{name}" if names.index(name) == at else f"{name} {at}" for at, name in enumerate(names)]
        kept = [row for row in body if len(row) == width]
        return {name: [row[at] for row in kept] for at, name in enumerate(unique)}


NUMERIC = re.compile(r"[iuf](?:8|16|32|64|128)")
TYPES = re.compile(
    r"(?:str|cat|enum|bool|date|null|[iuf](?:8|16|32|64|128)|datetime\[.*|duration\[.*|list\[.*|struct\[.*|decimal\[.*|binary|object)"
)


def _are_types(row: Sequence[str]) -> bool:
    """Whether a row of a head is polars' row of types."""
    return all(TYPES.fullmatch(cell) for cell in row)


def _flat(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _are_columns(value: Mapping[str, Any]) -> bool:
    """Whether an object is a table by columns: lists of one length that hold no objects."""
    lists = list(value.values())
    return (
        len(lists) > 0
        and all(isinstance(one, list) and len(one) == len(lists[0]) for one in lists)
        and len(lists[0]) > 0
        and not any(isinstance(item, dict | list) for one in lists for item in one)
    )


def _is_split(value: Mapping[str, Any]) -> bool:
    """Whether an object is a table as names and rows, as pandas writes it."""
    names, rows = value.get("columns"), value.get("data")
    return (
        isinstance(names, list)
        and isinstance(rows, list)
        and bool(rows)
        and all(isinstance(name, str) for name in names)
        and all(isinstance(row, list) and len(row) == len(names) for row in rows)
    )


def _tallied(value: Mapping[str, Any]) -> dict[str, list[int]] | None:
    """Counts of a tally as a live view holds it: bytes of seven bits each, deflated in a page; null if it is none."""
    counts, rows = value.get("counts"), value.get("rows")
    if not (isinstance(counts, dict) and isinstance(rows, int) and "keys" in value):
        return None
    found = {name: _numbers(_decoded(text) or b"", rows) for name, text in counts.items() if isinstance(text, str)}
    return found if found and all(len(numbers) == rows for numbers in found.values()) else None


def _numbers(packed: bytes, rows: int) -> list[int]:
    """Whole numbers of seven bits a byte, the lowest first; the eighth bit says that more follow."""
    numbers, number, shift = list[int](), 0, 0
    for byte in _unpacked(packed, "zlib") or packed:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:  # noqa: PLR2004  # the eighth bit
            numbers.append(number)
            number = shift = 0
    return numbers[:rows]


def _are_rows(value: Sequence[Any]) -> bool:
    """Whether an array is a table as rows, the first of them names."""
    return (
        len(value) > 1
        and all(isinstance(row, list) and len(row) == len(value[0]) for row in value)
        and len(value[0]) > 0
        and all(isinstance(name, str) for name in value[0])
        and not any(isinstance(item, dict | list) for row in value for item in row)
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _separated(lines: Sequence[str]) -> dict[str, list[str]] | None:
    """A table of CSV or TSV, or of columns with blanks between, as pandas prints it; null if it is none."""
    if len(lines) < 2:  # noqa: PLR2004  # a name and a value
        return None
    for sign in ("\t", ",", ";", "|"):
        if (sign in lines[0] and lines[0].count(sign) == lines[-1].count(sign)) or (sign == "," and _is_word(lines)):
            try:
                rows = list(csv.reader(lines, delimiter=sign))
            except csv.Error:
                return None
            names = [name.strip() for name in rows[0]]
            kept = [row for row in rows[1:] if len(row) == len(names)]
            if (
                kept
                and len(kept) >= 0.9 * (len(rows) - 1)
                and all(HEADER.fullmatch(name) or not name for name in names)
            ):
                return {name: [row[at] for row in kept] for at, name in enumerate(names)}
    apart = [re.split(r"\s{2,}", line.strip()) for line in lines]
    names = apart[0]
    kept = [row[-len(names) :] for row in apart[1:] if len(row) in {len(names), len(names) + 1}]
    if len(names) > 1 and kept and all(HEADER.fullmatch(name) for name in names):
        return {name: [row[at] for row in kept] for at, name in enumerate(names)}
    return None


def _is_word(lines: Sequence[str]) -> bool:
    """Whether lines are a column of one: a name, and numbers below it."""
    return re.fullmatch(r"[A-Za-z_][\w.]*", lines[0].strip()) is not None and all(
        re.fullmatch(r"\s*-?[\d.]+\s*", line) for line in lines[1:]
    )


def _boxes(text: str) -> Iterator[dict[str, list[str]]]:
    """Tables in boxes, as polars prints them, and those of Markdown."""
    block: list[list[str]] = []
    rules: list[int] = []
    for line in [*text.splitlines(), ""]:
        bare = line.strip()
        if bare and RULE.fullmatch(bare) and (block or bare[0] in "┌+╭|"):
            rules.append(len(block))
        elif bare[:1] in {"│", "|", "┆", "¦"} and len(bare) > 1:
            block.append([cell.strip() for cell in bare[1:-1].translate(BOX).split("\n")])
        elif bare.count(" | ") and block and bare.count("|") == len(block[0]) - 1:
            block.append([cell.strip() for cell in bare.split("|")])
        else:
            if len(block) > 1:
                yield from _boxed(block, rules)
            block, rules = [], []


def _boxed(block: Sequence[list[str]], rules: Sequence[int]) -> Iterator[dict[str, list[str]]]:
    width = len(block[0])
    rows = [row for row in block if len(row) == width]
    n_head = next((at for at in rules if 0 < at < len(block)), 1)
    heads = list(zip(*rows[:n_head], strict=True))
    names = ["".join(cells[: cells.index("---")] if "---" in cells else cells[:1]) for cells in heads]
    numeric = [at for at, cells in enumerate(heads) if "---" in cells and any(map(NUMERIC.fullmatch, cells))]
    body: list[list[str]] = []
    for row in rows[n_head:]:
        if body and any(not row[at] for at in numeric):  # polars breaks words, never numbers
            body[-1] = [f"{above} {cell}".strip() for above, cell in zip(body[-1], row, strict=True)]
        else:
            body.append(row)
    if body and any(names):
        yield {name: [row[at] for row in body] for at, name in enumerate(names)}


def _decoded(run: str) -> bytes | None:
    plain = run.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain[: len(plain) - (len(plain) % 4 == 1)] + "=" * (-len(plain) % 4))
    except (binascii.Error, ValueError):
        return None


def _if_long(run: re.Match[str]) -> str:
    """Nothing in place of what is packed; a long run of letters is a word and stays."""
    text = run[0]
    raw = _decoded(text)
    return " " if raw is not None and (_magic(raw) or _is_words(raw) or len(text) > 4 * PACKED) else text


def _is_words(raw: bytes) -> bool:
    try:
        return raw[:2000].decode().isprintable() or "\n" in raw[:2000].decode()
    except UnicodeDecodeError:
        return False


def _magic(raw: bytes) -> str:
    """What bytes are, by how they begin."""
    if raw[:2] in {b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}:
        return "zlib"
    starts = {
        b"\x89PNG\r\n\x1a\n": "png",
        b"\xff\xd8\xff": "picture",
        b"GIF8": "picture",
        b"RIFF": "picture",
        b"%PDF": "picture",
        b"PAR1": "parquet",
        b"ARROW1": "arrow",
        b"\x1f\x8b": "gzip",
        b"BZh": "bz2",
        b"\x28\xb5\x2f\xfd": "zstd",
        b"PK\x03\x04": "zip",
    }
    return next((form for start, form in starts.items() if raw.startswith(start)), "")


def _unpacked(raw: bytes, form: str) -> bytes | None:
    try:
        match form:
            case "gzip":
                return gzip.GzipFile(fileobj=io.BytesIO(raw)).read(UNPACKED)
            case "bz2":
                return bz2.BZ2File(io.BytesIO(raw)).read(UNPACKED)
            case "zlib":
                return zlib.decompressobj().decompress(raw, UNPACKED)
            case _:
                from backports import zstd  # noqa: PLC0415  # seldom needed

                return zstd.ZstdFile(io.BytesIO(raw)).read(UNPACKED)
    except (OSError, EOFError, zlib.error, ValueError):
        return None


def _png_texts(raw: bytes) -> Iterator[str]:
    """Texts that a PNG carries beside its picture: tEXt, zTXt, iTXt and EXIF."""
    at = 8
    while at + 12 <= len(raw):
        length = int.from_bytes(raw[at : at + 4], "big")
        kind, body = raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]
        at += 12 + length
        name, _, rest = body.partition(b"\0")
        match kind:
            case b"tEXt":
                yield f"{name.decode('latin-1')}: {rest.decode('utf-8', 'replace')}"
            case b"zTXt":
                yield f"{name.decode('latin-1')}: {(_unpacked(rest[1:], 'zlib') or b'').decode('utf-8', 'replace')}"
            case b"iTXt":
                packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
                yield f"{name.decode('latin-1')}: {((_unpacked(text, 'zlib') or b'') if packed else text).decode('utf-8', 'replace')}"
            case b"eXIf":
                yield "\n".join(_words(body))
            case b"IEND":
                yield "\n".join(_words(raw[at:]))  # behind the end of the picture
                return


def _words(raw: bytes) -> Iterator[str]:
    """Runs of signs that can be read, in bytes of any kind."""
    yield from (run.decode("ascii") for run in re.findall(rb"[\x20-\x7e]{6,}", raw))
