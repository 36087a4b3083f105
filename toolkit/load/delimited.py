"""Tab and comma separated files to columns of text: no type is inferred, no row of another length is mended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import polars as pl

from toolkit import errors
from toolkit.load.batch import Aside, Batch, Piece
from toolkit.load.sources import Lines

SHAPES = {"\t": "tab separated", ",": "comma separated", ";": "semicolon separated", "\x01": "Hive text"}
NULLS = ["NULL", r"\N"]
LOOK_AHEAD = 100  # lines that one quoted field may run over
NUMBERED = {"line": pl.Int64, "text": pl.String}
ESCAPES = {"t": "\t", "n": "\n", "0": "\0", "\\": "\\"}  # what mysql -B writes for signs that would break a line
NO_FIELDS = "its fields cannot be told apart: "
UNCLOSED = NO_FIELDS + "a quote opens a field and none closes it"
STRAY = NO_FIELDS + "a quote stands inside a field"
AGAIN = "the header once more"
BOM = "\ufeff"


def read_delimited(piece: Piece, columns: Sequence[str] = ()) -> Iterator[Batch]:
    r"""Rows of a separated file in columns of text; `NULL` and `\N` are null, an empty field is an empty text.

    The separator is told from the header: tab, comma, semicolon, or the `\001` of Hive's text tables. Fields may be
    quoted where the separator is a comma or a semicolon, and in a tab separated file whose header is quoted. A quoted
    field may hold line ends. Of a quote that none closes its line alone is set aside: it takes no other with it.

    Parameters
    ----------
    piece : Piece
        The file.
    columns : sequence of str, optional
        Names of the columns, for a file without a header.

    Yields
    ------
    Batch
        Columns line and those of the header; a column that is itself called line is `line in the file`, one without
        a name `column 1` and so on. Blank lines hold no row.

    Raises
    ------
    ToolkitError
        If the file holds no line, or its header is no UTF-8, cannot be told apart, or names a column twice.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "codes.csv"
    ...     _ = path.write_text('wiki,status_code\ncswiki,2.10\nkowiki\n"viwiki",NULL\n')
    ...     (batch,) = read_delimited(Piece(path))
    >>> batch.frame.rows(), batch.aside
    ([(2, 'cswiki', '2.10'), (4, 'viwiki', None)], [Aside(line=3, reason='1 field where the header has 2', raw=b'kowiki')])
    """
    name = piece.path.as_posix()
    lines = Lines(piece)
    sheet: _Sheet | None = None
    held: list[bytes] = []
    end = 1
    for first, block in lines:
        start, rows, end = first - len(held), [*held, *block], first + len(block)
        if sheet is None:
            at = next((at for at, line in enumerate(rows) if line.strip()), None)
            if at is None:
                continue
            sheet = _Sheet.of(name, rows[at], columns)
            if not columns:
                start, rows = start + at + 1, rows[at + 1 :]
        batch, held = sheet.batch(start, rows, more=True)
        yield batch
    if sheet is None:
        raise errors.unreadable(name, lines.cut) if lines.cut else errors.empty_file(name, lines.n_bytes)
    if held:
        yield sheet.batch(end - len(held), held, more=False)[0]
    if lines.cut:
        yield Batch(sheet.nothing, [Aside(lines.n_lines, lines.cut, b"")], 1, sheet.shape)


@dataclass
class _Sheet:
    """How the lines of one file are parted."""

    names: list[str]
    separator: str
    is_quoted: bool
    has_escapes: bool
    header: str | None
    shape: str = field(init=False)
    nothing: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        self.shape = SHAPES[self.separator]
        self.nothing = pl.DataFrame(schema={"line": pl.Int64, **dict.fromkeys(self.names, pl.String)})

    @classmethod
    def of(cls, file: str, first: bytes, columns: Sequence[str]) -> _Sheet:
        """Sheet that starts with this line, its header unless the columns are named."""
        try:
            text = first.decode().removeprefix(BOM).removesuffix("\r")
        except UnicodeDecodeError as error:
            raise errors.unreadable(file, f"its header is no UTF-8 at column {error.start + 1}") from None
        separator, is_quoted, cells = _header(text)
        given = list(columns) or cells
        twice = sorted({name for name in given if name and given.count(name) > 1})
        if twice:
            raise errors.unreadable(file, f"its header names {errors.quoted(twice)} more than once")
        # the number of a row's line has the name `line` here
        names = [{"": f"column {at}", "line": "line in the file"}.get(name, name) for at, name in enumerate(given, 1)]
        return cls(names, separator, is_quoted, separator == "\t" and _is_mysql(names), None if columns else text)

    def batch(self, first: int, lines: list[bytes], *, more: bool) -> tuple[Batch, list[bytes]]:
        """Rows of some lines, and the last lines if a field that opens in them may close in the next block."""
        numbered, aside = _texts(first, lines)
        joined: list[tuple[int, list[str]]] = []
        end = first + len(lines)
        if self.is_quoted:
            numbered, joined, end = self._join(numbered, end, more=more)
        is_blank = pl.col("text").str.strip_chars(" ") == ""
        numbered = numbered.with_columns(pl.col("text").str.strip_suffix("\r")).filter(~is_blank)
        fits = self._fits() & (pl.col("text") != pl.lit(self.header or ""))
        good, odd = numbered.filter(fits), numbered.filter(~fits)
        whole = b"\n".join(lines) if good.height == len(lines) else b""
        text = whole if whole and b"\r" not in whole else "\n".join(good["text"].to_list()).encode()
        frame = good.select("line").hstack(self._columns(text, good.height))
        if joined:
            rows = [[line, *(None if cell in NULLS else cell for cell in cells)] for line, cells in joined]
            frame = pl.concat([frame, pl.DataFrame(rows, schema=frame.schema, orient="row")]).sort("line")
        aside = [entry for entry in aside if entry.line < end]
        aside += [Aside(line, self._why(text), text.encode()) for line, text in odd.iter_rows()]
        return Batch(frame, aside, frame.height + len(aside), self.shape), lines[end - first :]

    def _fits(self) -> pl.Expr:
        """Whether a line by itself has as many fields as there are columns."""
        text, due = pl.col("text"), len(self.names) - 1
        plain = text.str.count_matches(self.separator, literal=True) == due
        if not self.is_quoted:
            return plain
        one = f'(?:"(?:[^"]|"")*"|[^"{self.separator}]*)'
        quoted = pl.when(text.str.contains('"', literal=True)).then(text)  # the others need no such look
        return (
            pl.when(quoted.is_null())
            .then(plain)
            .otherwise(quoted.str.contains(f"^{one}(?:{self.separator}{one}){{{due}}}$"))
        )

    def _why(self, text: str) -> str:
        if text == self.header:
            return AGAIN
        if not self.is_quoted:
            return _other_length(text.count(self.separator) + 1, len(self.names))
        found = fields(text, self.separator)
        if found is not None:
            return _other_length(len(found), len(self.names))
        return UNCLOSED if text.count('"') % 2 else STRAY

    def _columns(self, text: bytes, height: int) -> pl.DataFrame:
        if height == 0:
            return self.nothing.drop("line")
        frame = pl.read_csv(
            text,
            has_header=False,
            separator=self.separator,
            quote_char='"' if self.is_quoted else None,
            schema=dict.fromkeys(self.names, pl.String),
            null_values=NULLS,
            empty_string_is_null=False,
        )
        assert frame.height == height, "polars read another number of rows than were proven"
        return frame.with_columns(_unescaped(pl.all())) if self.has_escapes else frame

    def _join(
        self, numbered: pl.DataFrame, end: int, *, more: bool
    ) -> tuple[pl.DataFrame, list[tuple[int, list[str]]], int]:
        """Take out the lines over which a quoted field runs.

        Quotes come in pairs: a field that opens in a line with an odd number of them closes in the next such line.

        Returns
        -------
        tuple
            The other lines; first line and fields of each record that was joined; number of the first line that is
            not decided yet, because the field that opens in it may close in the next block.
        """
        is_odd = numbered["text"].str.count_matches('"', literal=True) % 2 == 1
        odd = is_odd.arg_true().to_list()
        if not odd:
            return numbered, [], end
        number, texts = numbered["line"].to_list(), numbered["text"].to_list()
        joined: list[tuple[int, list[str]]] = []
        taken: list[int] = []
        for at, to in pairwise([*odd, len(texts)]):
            if taken and at <= taken[-1]:
                continue
            if to == len(texts):
                end = number[at] if more and end - number[at] <= LOOK_AHEAD else end
                continue
            is_near = number[to] - number[at] == to - at <= LOOK_AHEAD  # and no line between them was no UTF-8
            cells = fields("\n".join(texts[at : to + 1]).removesuffix("\r"), self.separator) if is_near else None
            if cells is not None and len(cells) == len(self.names):
                joined.append((number[at], cells))
                taken += range(at, to + 1)
        return numbered.filter(~pl.col("line").is_in([number[at] for at in taken]), pl.col("line") < end), joined, end


def header_of(line: bytes) -> list[str]:
    r"""Names in the first line of a separated file; nothing if it is no UTF-8.

    Examples
    --------
    >>> header_of(b'\xef\xbb\xbf"dt", "event.action"')
    ['dt', 'event.action']
    """
    try:
        return _header(line.decode().removeprefix(BOM).removesuffix("\r"))[2]
    except UnicodeDecodeError:
        return []


def _header(text: str) -> tuple[str, bool, list[str]]:
    """Separator, whether fields may be quoted, and names of the columns."""
    separator = _separator(text)
    cells = [cell.strip() for cell in text.split(separator)]
    in_quotes = all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in cells)
    is_quoted = separator in ",;" or (in_quotes and separator == "\t")
    if is_quoted:
        cells = fields(text, separator) or [cell.strip('"') for cell in cells]
    return separator, is_quoted, [cell.strip() for cell in cells]


def texts_of(first: int, lines: list[bytes], shape: str) -> Batch:
    r"""Lines as they are: columns line and text; what is no UTF-8 is set aside, and blank lines hold no row.

    Examples
    --------
    >>> batch = texts_of(5, [b"one\r", b"", b"caf\xe9"], "lines")
    >>> batch.frame.rows(), batch.aside
    ([(5, 'one')], [Aside(line=7, reason='no UTF-8: byte 0xe9 at column 4', raw=b'caf\xe9')])
    """
    frame, aside = _texts(first, lines)
    text = pl.col("text").str.strip_suffix("\r")
    rows = frame.with_columns(text).filter(text.str.strip_chars(" ") != "")
    return Batch(rows, aside, rows.height + len(aside), shape)


def fields(text: str, separator: str) -> list[str] | None:
    """Fields of one record, quoted or not; nothing where they cannot be told apart.

    Examples
    --------
    >>> fields('a,"b ""c"", d",', ",")
    ['a', 'b "c", d', '']
    >>> fields('a,"b', ","), fields('a,b"c', ",")
    (None, None)
    """
    if not _record(separator).fullmatch(text):
        return None
    found = _field(separator).findall(separator + text)
    return [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in found]


@cache
def _field(separator: str) -> re.Pattern[str]:
    return re.compile(rf'{separator}("(?:[^"]|"")*+"|[^"\n{separator}]*+)')


@cache
def _record(separator: str) -> re.Pattern[str]:
    one = rf'(?:"(?:[^"]|"")*+"|[^"\n{separator}]*+)'
    return re.compile(rf"{one}(?:{separator}{one})*+")


def _separator(header: str) -> str:
    """Sign that parts the columns: the one that no name would hold, else the most frequent."""
    bare = re.sub(r'"[^"]*"', "", header)
    return next((sign for sign in ("\x01", "\t") if sign in bare), ";" if bare.count(";") > bare.count(",") else ",")


def _is_mysql(names: Sequence[str]) -> bool:
    return "timestamp" in names and any(name.startswith("event_") for name in names)


def _unescaped(column: pl.Expr) -> pl.Expr:
    """Line ends, tabs, backslashes and NUL, where mysql -B wrote them with a backslash."""

    def undo(values: pl.Series) -> pl.Series:
        written = values.filter(values.str.contains("\\", literal=True)).unique()
        plain = [re.sub(r"\\([tn0\\])", lambda sign: ESCAPES[sign[1]], value) for value in written]
        return values.replace(written, pl.Series(plain, dtype=pl.String)) if plain else values

    return column.map_batches(undo, return_dtype=pl.String, is_elementwise=True)


def _texts(first: int, lines: list[bytes]) -> tuple[pl.DataFrame, list[Aside]]:
    """Lines as text with their numbers; what is no UTF-8 is set aside."""
    try:
        texts = b"\n".join(lines).decode().split("\n") if lines else []
        return pl.DataFrame({"line": range(first, first + len(lines)), "text": texts}, schema=NUMBERED), []
    except UnicodeDecodeError:
        found = [(number, line, _fault(line)) for number, line in enumerate(lines, first)]
    rows = [(number, line.decode()) for number, line, at in found if at is None]
    aside = [Aside(number, errors.no_utf8(line, at), line) for number, line, at in found if at is not None]
    return pl.DataFrame(rows, schema=NUMBERED, orient="row"), aside


def _fault(line: bytes) -> int | None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _other_length(found: int, due: int) -> str:
    return f"{found} field{'s' if found != 1 else ''} where the header has {due}"
