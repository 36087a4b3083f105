"""JSON text to rows: whatever the layout, each row is found, with the number of its line."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.load import sources
from toolkit.load.json_text import blocks
from toolkit.load.sources import Lines

CELLS = st.one_of(st.integers(), st.text(max_size=5), st.booleans(), st.none(), st.lists(st.just({"x": "},{"})))
ROWS = st.lists(st.dictionaries(st.text(max_size=4), CELLS, min_size=1, max_size=4), min_size=1, max_size=8)
LAYOUTS = {
    "lines": lambda rows: "\n".join(map(json.dumps, rows)),
    "array": json.dumps,
    "array, a row on each line": lambda rows: "[" + ",\n".join(map(json.dumps, rows)) + "]\n",
    "array, printed": lambda rows: json.dumps(rows, indent=2),
    "array, printed with tabs": lambda rows: json.dumps(rows, indent="\t").replace("\n", "\r\n"),
    "two arrays": lambda rows: json.dumps(rows[:1]) + "\n" + json.dumps(rows[1:]),
    "two arrays, printed": lambda rows: json.dumps(rows[:1], indent=1) + json.dumps(rows[1:], indent=1),
    "objects, printed": lambda rows: "\n".join(json.dumps(row, indent=1) for row in rows),
}


def read(path):
    """Rows of a file with their lines."""
    lines = Lines(path)
    return [
        (number, row.rstrip(b"\n"))
        for numbers, text in blocks(path, lines)
        for number, row in zip(numbers, text, strict=True)
    ], lines


@pytest.mark.parametrize("layout", LAYOUTS)
@given(rows=ROWS, size=st.integers(1, 60), mark=st.booleans())
def test_every_layout_gives_the_same_rows(tmp_path_factory, layout, rows, size, mark):
    text = LAYOUTS[layout](rows)
    path = tmp_path_factory.mktemp("rows") / "f.json"
    path.write_bytes((b"\xef\xbb\xbf" if mark and size > 3 else b"") + text.encode())
    before, sources.BLOCK = sources.BLOCK, size
    try:
        found, _ = read(path)
    finally:
        sources.BLOCK = before
    assert [json.loads(row) for _, row in found if row.strip()] == rows
    for number, row in found:
        if row.strip():
            assert row.lstrip()[:1] in text.split("\n")[number - 1].encode()


BROKEN = {
    '[\n{"a": 1},\n{"a": nope},\n{"a": 3}\n]': [(2, '{"a": 1}'), (3, '{"a": nope}'), (4, '{"a": 3}')],
    '[{"a": 1}, {"a": nope}, {"a": 3}]': [(1, '{"a": 1}'), (1, '{"a": nope}'), (1, '{"a": 3}')],
    '[{"a": 1}, {"a": 2': [(1, '{"a": 1}'), (1, '{"a": 2')],
    '[{"a": 1}] end': [(1, '{"a": 1}'), (1, "] end")],
    '{\n "a": 1\n}\n{\n "a": \n}\n{\n "a": 3\n}': [(1, '{  "a": 1 }'), (4, '{\x0b "a": \x0b}'), (7, '{  "a": 3 }')],
    '{"a": 1\n{"a": 2}': [(1, '{"a": 1'), (2, '{"a": 2}')],
    '[{"a": "two\nlines"}]': [(1, '{"a": "two\x0blines"}]')],
    "[]": [],
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_row_takes_no_other_with_it(tmp_path, text):
    path = tmp_path / "f.json"
    path.write_text(text)
    assert [(number, row.decode()) for number, row in read(path)[0]] == BROKEN[text]


def test_one_element_of_many_blocks_is_read(tmp_path, monkeypatch):
    """As a scan of Druid, whose one element holds all events of a segment."""
    monkeypatch.setattr(sources, "BLOCK", 1000)
    path = tmp_path / "scan.json"
    path.write_text(json.dumps([{"events": [{"n": at} for at in range(5000)]}, {"events": []}]))
    assert [len(json.loads(row)["events"]) for _, row in read(path)[0]] == [5000, 0]


def test_a_cut_archive_gives_its_whole_rows(tmp_path):
    text = json.dumps([{"n": at} for at in range(50_000)], indent=1).encode()
    path = tmp_path / "cut.json.gz"
    path.write_bytes(gzip.compress(text)[:-2000])
    found, lines = read(path)
    assert [json.loads(row)["n"] for _, row in found] == list(range(len(found)))
    assert len(found) > 10_000
    assert "ends early" in lines.cut
