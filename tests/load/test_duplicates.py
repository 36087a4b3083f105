"""Duplicates: by the id, judged by what rows say; compared with plain Python wherever there are ranges."""

import gzip

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.load import duplicates
from toolkit.load.assemble import assembled
from toolkit.load.batch import CONTENT, ID, Batch, Options, Piece, Table
from toolkit.load.duplicates import ids_of, in_turn, judged, lines_at, meaning, meanings, ranges, repeated
from toolkit.load.sources import Lines


def read_pairs(piece, _):
    """Lines of an id and a content, parted by a colon; a JSON object has the id `j`."""
    for first, block in Lines(piece):
        rows = [
            (line, "j" if raw.startswith(b"{") else raw.partition(b":")[0].decode(), raw.decode())
            for line, raw in enumerate(block, first)
        ]
        frame = pl.DataFrame(rows, schema={"line": pl.Int64, ID: pl.String, CONTENT: pl.String}, orient="row")
        yield Batch(frame.with_columns(at=pl.col("line")), rows_in=len(rows), shape="pairs")


PAIRS = Table("impressions", read_pairs, lambda *_: True)


@pytest.fixture
def load(write):
    """Load of files with these lines."""

    def load(*files):
        paths = [write(name, lines) for name, lines in files]
        return assembled(PAIRS, [Piece(path) for path in paths], Options())

    return load


def kept(found):
    """Files and lines of the rows kept."""
    return [(file[-1], line) for file, line in found.rows.select(pl.col("file").cast(pl.String), "line").rows()]


def test_the_first_of_equal_rows_is_kept_whatever_file_it_stands_in(load):
    found = load(("a", ["x:1", "y:1", "x:1"]), ("b", ["y:1", "z:1"]))
    assert kept(found) == [("a", 1), ("a", 2), ("b", 2)]
    assert found.account["duplicates"].to_list() == [1, 1]
    assert "Duplicates came with the id and the content of a row that is kept." in found.sentences


def test_of_three_rows_with_one_id_of_which_two_agree_none_is_kept(load):
    found = load(("a", ["x:1", "y:1", "x:1"]), ("b", ["x:2"]))
    assert kept(found) == [("a", 2)]
    [a, b] = found.account["file"]
    assert found.set_aside.rows() == [
        (a, 1, f"the same id as line 1 of '{b}' with other content: which one is right cannot be known", "x:1"),
        (a, 3, f"the same id as line 1 of '{b}' with other content: which one is right cannot be known", "x:1"),
        (b, 1, f"the same id as line 1 of '{a}' with other content: which one is right cannot be known", "x:2"),
    ]
    assert "3 rows are set aside because one id came with several contents." in found.sentences


def test_rows_without_an_id_are_never_duplicates(load):
    assert load(("a", [":1", ":1", ":1"])).rows.height == 3


def test_another_form_of_the_same_object_is_a_second_delivery(load):
    found = load(("a", ['{"i": 1, "v": 2.50}', '{"v":2.5,"i":1.0}']), ("b.gz", ['{"i":1,"v":25e-1}']))
    assert kept(found) == [("a", 1)]
    assert found.account["duplicates"].to_list() == [1, 1]


def test_another_value_of_the_same_type_is_a_conflict(load):
    assert load(("a", ['{"v": "2.10"}', '{"v": "2.1"}'])).account["set_aside"].item() == 2


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (b'{"a": 1, "b": 2}', b'{"b":2,"a":1}\r', True),
        (b'{"a": 1}', b'{"a": 1.0}', True),
        (b'{"a": 100}', b'{"a": 1e2}', True),
        (b'{"a": 0.0}', b'{"a": -0}', True),
        (b'{"a": "\\u0041"}', b'{"a": "A"}', True),
        (b'[{"a": 1},', b'{"a": 1}', True),
        (b'{"a": 1},', b'\xef\xbb\xbf{"a": 1}', True),
        (b'{"a": 1}', b'{"a": "1"}', False),
        (b'{"a": 1}', b'{"a": true}', False),
        (b'{"a": null}', b"{}", False),
        (b'{"a": [1, 2]}', b'{"a": [2, 1]}', False),
        (b'{"a": 9007199254740993}', b'{"a": 9007199254740992}', False),
        (b'{"a": 0.1}', b'{"a": 0.10000000000000001}', False),
        (b'{"a": 1, "a": 1}', b'{"a": 1}', False),
    ],
)
def test_objects_are_compared_by_what_they_say(left, right, same):
    assert (meaning(left) == meaning(right)) is same
    assert None not in {meaning(left), meaning(right)}


@pytest.mark.parametrize(
    "raw", [b"", b"[1, 2]", b"a,b", b"{", b'{"a": 1', b"\xff", b'{"a": 1e99999999999999999999}', b"[" * 10**5]
)
def test_what_is_no_object_has_no_meaning(raw):
    assert meaning(raw) is None


ROWS = st.lists(st.tuples(st.sampled_from([None, "", *"abcdefgh"]), st.integers(0, 1)), max_size=30)


@given(ROWS, st.integers(1, 30))
def test_ranges_of_ids_give_the_verdicts_of_all_at_once(rows, in_reach):
    frame = pl.DataFrame(rows, schema={ID: pl.String, CONTENT: pl.UInt64}, orient="row").with_row_index("line", 1)
    ids = ids_of(frame.with_columns(pl.col("line").cast(pl.Int64)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "IN_REACH", in_reach)
        spans = list(ranges(ids.height))
    found = pl.concat([judged(repeated(ids.filter(span))) for span in spans] or [judged(repeated(ids))])
    due = {}
    for line, (name, _) in enumerate(rows, 1):
        with_id = [(at, other) for at, (same, other) in enumerate(rows, 1) if same == name]
        if name and len(with_id) > 1:
            first = "first" if line == with_id[0][0] else "duplicate"
            due[line] = "conflict" if len({other for _, other in with_id}) > 1 else first
    assert dict(found.select("line", "verdict").iter_rows()) == due
    for line, other in found.filter(verdict="conflict").select("line", "other_line").iter_rows():
        assert rows[line - 1][0] == rows[other - 1][0]
        assert rows[line - 1][1] != rows[other - 1][1]


@given(st.integers(0, 10**8))
def test_ranges_hold_every_hash_once(n_ids):
    edges = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]
    ids = pl.DataFrame({"high": edges}, schema={"high": pl.UInt64})
    assert sum(ids.filter(span).height for span in ranges(n_ids)) == (len(edges) if n_ids else 0)


def test_texts_are_sought_a_bounded_number_at_a_time(monkeypatch):
    monkeypatch.setattr(duplicates, "READ_AGAIN", 2)
    frame = pl.DataFrame(
        {ID: ["x"] * 5, CONTENT: [0, 1, 2, 3, 4], "line": [5, 4, 3, 2, 1]}, schema_overrides={CONTENT: pl.UInt64}
    )
    asked = []

    def texts(lines):
        asked.append(lines)
        return [(line, b'{"a": 1}') for line in lines]

    stated = meanings(repeated(ids_of(frame)), texts)
    assert asked == [{1, 2}, {3, 4}, {5}]
    assert judged(repeated(ids_of(frame)), stated)["verdict"].to_list() == ["first", *["duplicate"] * 4]


def test_lines_are_found_again_in_a_compressed_file(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\nthree\nfour\n"))
    assert list(lines_at(Lines(path), frozenset({2, 4}))) == [(2, b"two"), (4, b"four")]


def test_texts_in_turn_are_not_held_longer_than_needed():
    text = in_turn((line, b"%d" % line) for line in range(1, 6))
    assert [text(2), text(2), text(4)] == [b"2", b"2", b"4"]
    assert list(text.__closure__[0].cell_contents) == [4]
