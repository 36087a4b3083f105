"""Tables before their columns have a meaning: every record read as it was written, or set aside alone."""

import csv
import gzip
import importlib.util
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import duckdb
import polars as pl
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from toolkit import ToolkitError
from toolkit.load import delimited, sheets, sources
from toolkit.load.batch import Aside, Options, Piece

LETTERS = st.text(alphabet='ab1 ,;\t"\né\\|', max_size=6)


def read(raw, *, name="table", columns=()):
    """Rows and what was set aside of a separated file with these bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        batches = list(sheets.read_delimited(Piece(path), columns))
    return pl.concat([batch.frame for batch in batches]), sorted(entry for batch in batches for entry in batch.aside)


def reasons(aside):
    return [(entry.line, entry.reason) for entry in aside]


def written(rows, sign, end, quoting):
    text = io.StringIO()
    csv.writer(text, delimiter=sign, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue()


@given(
    st.integers(2, 5).flatmap(lambda n: st.lists(st.lists(LETTERS, min_size=n, max_size=n), max_size=8)),
    st.sampled_from([",", ";"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.booleans(),
)
@example(
    rows=[['"', ""], ["a\n\n,b", '""'], ["\n", "\n"]], sign=",", end="\n", quoting=csv.QUOTE_MINIMAL, has_final=False
)
def test_what_is_written_as_csv_is_read_as_csv_reader_reads_it(rows, sign, end, quoting, has_final):
    assume(not any(all(not cell.strip(" ") for cell in row) and len(row) < 2 for row in rows))
    names = [f"c{at}" for at in range(len(rows[0]) if rows else 2)]
    text = written([names, *rows], sign, end, quoting)
    assume(text.splitlines()[0].count(sign) == len(names) - 1)
    raw = (text if has_final else text.removesuffix(end)).encode()
    frame, aside = read(raw)
    due = list(csv.reader(io.StringIO(raw.decode(), newline=""), delimiter=sign, strict=True))[1:]
    same = [row for row in due if row != names]
    assert aside == []
    assert [list(row) for row in frame.drop("line").iter_rows()] == same


@given(st.lists(st.text(alphabet='a,"\n\\1', max_size=12), max_size=12), st.integers(0, 3))
def test_every_line_of_a_damaged_file_is_in_a_row_or_set_aside(lines, at):
    """Lines that rows take up, counted from their own text, and those set aside are the lines of the file."""
    raw = "\n".join(["a,b", *lines]).encode()
    raw = raw.replace(b"1", b"\xff", at)
    frame, aside = read(raw)
    blank = sum(not line.strip(b" \r") for line in raw.split(b"\n"))
    within = sum(cell.count("\n") for row in frame.drop("line").iter_rows() for cell in row if cell)
    blank_within = sum(
        not part.strip(" ")
        for row in frame.drop("line").iter_rows()
        for cell in row
        if cell
        for part in cell.split("\n")[1:-1]
    )
    assert frame.height + within + len(aside) == raw.count(b"\n") + 1 - 1 - blank + blank_within
    assert frame["line"].is_sorted()
    assert not set(frame["line"]) & {entry.line for entry in aside}


def test_a_quoted_field_may_hold_line_ends_and_the_row_has_its_first_line():
    frame, aside = read(b'a,b\n1,"x\n\ny, z"\n2,"w"\n')
    assert (frame.rows(), aside) == ([(2, "1", "x\n\ny, z"), (5, "2", "w")], [])


def test_an_odd_quote_takes_no_other_line_with_it():
    frame, aside = read(b'a,b\n1,"x\n2,y\n3,"z"\n4,q"r\n5,"s"t\n6,u\n')
    assert frame.rows() == [(3, "2", "y"), (4, "3", "z"), (7, "6", "u")]
    assert reasons(aside) == [(2, delimited.UNCLOSED), (5, delimited.UNCLOSED), (6, delimited.STRAY)]
    assert aside[0].raw == b'1,"x'


def test_the_look_ahead_is_bounded():
    filler = b"".join(b"%d,x\n" % at for at in range(delimited.LOOK_AHEAD))
    frame, aside = read(b'a,b\n0,"x\n' + filler + b'y",z"\n')
    assert frame.height == delimited.LOOK_AHEAD
    assert len(aside) == 2


def test_a_record_may_run_over_the_end_of_a_block(monkeypatch):
    monkeypatch.setattr(sources, "BLOCK", 16)
    frame, aside = read(b'a,b\n1,"' + b"x" * 20 + b"\n" + b"y" * 20 + b'"\n2,z\n3,"open\n4,w\n')
    assert frame.rows() == [(2, "1", "x" * 20 + "\n" + "y" * 20), (4, "2", "z"), (6, "4", "w")]
    assert reasons(aside) == [(5, delimited.UNCLOSED)]


def test_rows_of_another_length_and_bytes_that_are_no_text_are_set_aside_alone():
    frame, aside = read(b"a\tb\tc\n1\t2\t3\n1\t2\n\n1\t2\t3\t4\ncaf\xe9\t2\t3\n4\t5\t6")
    assert frame.rows() == [(2, "1", "2", "3"), (7, "4", "5", "6")]
    assert aside == [
        Aside(3, "2 fields where the header has 3", b"1\t2"),
        Aside(5, "4 fields where the header has 3", b"1\t2\t3\t4"),
        Aside(6, "no UTF-8: byte 0xe9 at column 4", b"caf\xe9\t2\t3"),
    ]


@pytest.mark.parametrize(
    ("header", "sign"),
    [
        (b"wiki\tn", b"\t"),
        (b"wiki,n", b","),
        (b"wiki;n", b";"),
        (b"wiki\x01n", b"\x01"),
        (b'\xef\xbb\xbf"wiki", "n"', b","),
        (b'"wiki"\t"n"', b"\t"),
    ],
)
def test_the_header_tells_the_separator(header, sign):
    frame, _ = read(header + b"\r\n" + sign.join([b"cswiki", b"2.10"]) + b"\r\n")
    assert frame.rows(named=True) == [{"line": 2, "wiki": "cswiki", "n": "2.10"}]


def test_a_tab_separated_file_has_no_quotes_unless_its_header_has():
    assert read(b'a\tb\n"x\ty""z\n')[0].rows() == [(2, '"x', 'y""z')]
    assert read(b'"a"\t"b"\n"x\ty"\tz\n')[0].rows() == [(2, "x\ty", "z")]


def test_escapes_of_mysql_are_undone_in_its_tables_alone():
    row = rb"2019" + b"\t" + rb"a\tb\\n\0" + b"\t" + rb"\N" + b"\n"
    assert read(b"timestamp\tevent_action\tevent_state\n" + row)[0].rows() == [(2, "2019", "a\tb\\n\0", None)]
    assert read(b"dt\tevent.action\tevent.state\n" + row)[0].rows() == [(2, "2019", rb"a\tb\\n\0".decode(), None)]


def test_null_is_null_and_empty_is_empty():
    frame, _ = read(b'a,b,c,d\n,"",NULL,\\N\n"x\ny",NULL,,""\n')
    assert frame.rows() == [(2, "", "", None, None), (3, "x\ny", None, "", "")]


def test_the_header_may_stand_again_where_files_were_joined():
    frame, aside = read(b"a,b\n1,2\na,b\n3,4\n")
    assert frame["a"].to_list() == ["1", "3"]
    assert reasons(aside) == [(3, delimited.AGAIN)]


def test_a_file_of_a_header_alone_has_no_rows():
    frame, aside = read(b"a,b")
    assert (frame.columns, frame.height, aside) == (["line", "a", "b"], 0, [])


def test_columns_without_a_name_or_called_line_are_read_too():
    assert read(b",line,b\n0,7,x\n")[0].rows(named=True) == [
        {"line": 2, "column 1": "0", "line in the file": "7", "b": "x"}
    ]


def test_columns_may_be_named_where_there_is_no_header():
    assert read(b"1,2\n3,4\n", columns=("a", "b"))[0].rows() == [(1, "1", "2"), (2, "3", "4")]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"a,b,a\n", "names 'a' more than once"),
        (b"caf\xe9,b\n", "no UTF-8 at column 4"),
    ],
)
def test_a_file_without_a_usable_header_is_refused(raw, words):
    with pytest.raises(ToolkitError, match=words):
        read(raw)


def test_a_file_that_breaks_off_has_one_entry_for_it():
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,x\n" % at for at in range(5000)), mtime=0)
    frame, aside = read(whole[: len(whole) // 2])
    assert frame["line"].to_list() == list(range(2, frame.height + 2))
    assert [entry.line for entry in aside] == [frame.height + 2]
    assert "ends early" in aside[0].reason


@pytest.mark.parametrize("raw", [b"", b"PAR1", b"no parquet at all", None])
def test_a_parquet_file_that_cannot_be_read_is_one_entry(tmp_path, raw):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100] if raw is None else raw)
    (batch,) = sheets.read_parquet(Piece(path))
    assert (batch.rows_in, batch.frame.height) == (1, 0)
    assert batch.aside[0].line == 1
    assert "cannot be read as Parquet: " in batch.aside[0].reason


def test_parquet_is_read_in_pieces_with_row_numbers_that_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "ROWS", 400)
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": range(1000)}).write_parquet(path, row_group_size=300)
    batches = list(sheets.read_parquet(Piece(path)))
    assert [batch.frame.height for batch in batches] == [400, 400, 200]
    rows = pl.concat([batch.frame for batch in batches])
    assert rows["line"].to_list() == list(range(1, 1001))
    assert rows["a"].to_list() == list(range(1000))


def test_damage_in_the_middle_of_a_parquet_file_keeps_what_stands_before(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "ROWS", 500)
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": [str(at) * 9 for at in range(1000)]}).write_parquet(path, row_group_size=500, compression="zstd")
    raw = bytearray(path.read_bytes())
    middle = len(raw) * 6 // 10
    raw[middle : middle + 200] = bytes(200)
    path.write_bytes(raw)
    first, last = sheets.read_parquet(Piece(path))
    assert first.frame.height == 500
    assert last.aside[0].line == 501
    assert "from row 501 on" in last.aside[0].reason


def test_an_empty_parquet_table_has_its_columns(tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame(schema={"event": pl.Struct({"action": pl.String})}).write_parquet(path)
    (batch,) = sheets.read_parquet(Piece(path))
    assert batch.frame.columns == ["line", "event.action"]


def test_texts_that_parquet_holds_as_bytes_are_texts(tmp_path):
    path = tmp_path / "x.parquet"
    pl.DataFrame({"a": [b"caf\xc3\xa9", b"caf\xe9", None]}).write_parquet(path)
    (batch,) = sheets.read_parquet(Piece(path))
    assert batch.frame.rows() == [(1, "café"), (3, None)]
    assert reasons(batch.aside) == [(2, "'a' is no UTF-8")]


def test_structs_are_columns_and_maps_stay_whole():
    frame = duckdb.sql(
        "select {'action': 'x', 'more': {'deep': 1}} as event, {'country': 'CZ'} as geocoded_data, 7 as line"
    )
    (batch,) = sheets.read_frame(Piece(Path("frame"), frame=sheets.to_polars(frame)))
    assert batch.frame.columns == ["line", "event.action", "event.more.deep", "geocoded_data", "line in the file"]


def test_json_rows_keep_numbers_as_they_are_written():
    lines = [
        b'{"a": 2.10, "b": {"c": [1, {"d": 1e3}], "e": null}, "geocoded_data": {"x": 1}}',
        b'{"a": 6}',
        b"[1]",
        b'{"a": 1, "a": 2}',
    ]
    batch = sheets.read_json_rows(enumerate([*lines, b'{"a": "caf\xe9"}'], 1))
    assert batch.frame.select("line", "a", "b.c", "b.e", "geocoded_data", sheets.NO_TEXT).rows() == [
        (1, "2.10", '[1,{"d":1e3}]', None, '{"x":1}', "\na\nb.c\ngeocoded_data\n"),
        (2, "6", None, None, None, ""),
    ]
    assert reasons(batch.aside) == [
        (3, "no JSON object: Expected 'object', got 'array'"),
        (4, "'a' stands more than once"),
        (5, "no UTF-8: byte 0xe9 at column 11"),
    ]


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=3), st.one_of(st.none(), st.text(max_size=5), st.integers(), st.booleans()), max_size=4
        ),
        max_size=5,
    )
)
def test_every_object_is_a_row_with_its_own_cells(rows):
    assume(not any("." in key for row in rows for key in row))
    batch = sheets.read_json_rows(enumerate((json.dumps(row).encode() for row in rows), 1))
    assert batch.aside == []
    for found, row in zip(batch.frame.iter_rows(named=True), rows, strict=True):
        due = {
            key: value if value is None or isinstance(value, str) else json.dumps(value) for key, value in row.items()
        }
        assert {key: found[key] for key in row} == due


def test_what_is_no_frame_is_refused_by_name():
    with pytest.raises(ToolkitError, match="'source' is a path, a pattern, a list of them, or a frame: 'builtins.int'"):
        sheets.to_polars(5)


class FakeColumn:
    """Column of pandas as far as it is read."""

    def __init__(self, values):
        self.values = values

    def tolist(self):
        return self.values

    def isna(self):
        return SimpleNamespace(tolist=lambda: [value is None or value != value for value in self.values])  # noqa: PLR0124 - nan


class FakeFrame(dict):
    """Frame of pandas as far as it is read."""

    columns = property(list)


def test_columns_of_pandas_are_read_without_pyarrow():
    nan = float("nan")
    frame = FakeFrame(
        event=FakeColumn([{"action": "x"}, {"user_id": 5}, None]),
        n=FakeColumn([1.0, nan, 3.0]),
        wiki=FakeColumn(["cswiki", None, nan]),
        code=FakeColumn(["2.10", 2.1, 6]),
        empty=FakeColumn([None, nan, None]),
    )
    found = sheets._of_pandas(frame)
    assert found.to_dict(as_series=False) == {
        "event": ['{"action":"x"}', '{"user_id":5}', None],
        "n": [1.0, None, 3.0],
        "wiki": ["cswiki", None, None],
        "code": ["2.10", "2.1", "6"],
        "empty": [None, None, None],
        sheets.NO_TEXT: ["", "\ncode\n", ""],
    }


@pytest.mark.skipif(importlib.util.find_spec("pandas") is None, reason="pandas is not installed")
def test_frames_of_pandas():
    import pandas as pd  # noqa: PLC0415 - only where it is installed

    frame = pd.DataFrame(
        {
            "event": [{"action": "x"}, {"user_id": 5}],
            "n": [1, None],
            "dt": pd.to_datetime(["2021-01-05T00:00:00Z", None]),
            "code": ["2.10", 2.1],
        }
    )
    found = sheets.to_polars(frame)
    assert found["n"].to_list() == [1.0, None]
    assert found["code"].to_list() == ["2.10", "2.1"]
    assert [str(at) for at in found["dt"]] == ["2021-01-05 00:00:00+00:00", "None"]


def test_each_form_of_table_has_its_reader(tmp_path):
    text, rows, columns = tmp_path / "a.csv", tmp_path / "a.json", tmp_path / "a.parquet"
    text.write_text("a\nx\n")
    rows.write_text('{"a": "x"}\n')
    frame = pl.DataFrame({"a": ["x"]})
    frame.write_parquet(columns)
    pieces = {
        "text": Piece(text), "JSON": Piece(rows), "Parquet": Piece(columns), "frame": Piece(Path("frame"), frame=frame),
    }  # fmt: skip
    for form, piece in pieces.items():
        (batch,) = sheets.read_table(piece, SimpleNamespace(form=form), Options())
        assert batch.frame["a"].to_list() == ["x"], form
