"""Files to lines: every byte is read or its loss is said."""

import bz2
import gzip
import zlib
from unittest.mock import patch

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from toolkit import ToolkitError
from toolkit.load import sources
from toolkit.load.batch import Piece
from toolkit.load.sources import Lines, files


def all_lines(path):
    """Lines of a file with their numbers, and why it was cut."""
    lines = Lines(path)
    read = [(first + at, line) for first, block in lines for at, line in enumerate(block)]
    return read, lines


@given(
    st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b"")), max_size=30),
    st.booleans(),
    st.booleans(),
    st.integers(1, 9),
)
def test_blocks_of_any_size_give_all_lines_with_their_numbers(tmp_path_factory, content, zipped, ended, size):
    raw = b"\n".join(content) + (b"\n" if ended else b"")
    path = tmp_path_factory.mktemp("lines") / "f"
    path.write_bytes(gzip.compress(raw) if zipped else raw)
    due = raw.removeprefix(sources.BOM).split(b"\n")
    if due[-1] == b"":
        due.pop()
    if raw.startswith((sources.GZIP, sources.BZIP2, sources.ZSTD, *sources.UTF_16)) and not zipped:
        return
    before, sources.BLOCK = sources.BLOCK, size
    try:
        read, lines = all_lines(path)
    finally:
        sources.BLOCK = before
    if not content[:1] or not content[0].startswith(b"\xef"):  # a mark of byte order in tiny blocks is of no file
        assert [line for _, line in read] == due
        assert [number for number, _ in read] == list(range(1, len(due) + 1))
    assert lines.cut is None
    ended = [(first + at, line) for first, block in Lines(path).ended() for at, line in enumerate(block)]
    assert ended == [(number, line + b"\n") for number, line in read]


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_gzip_gives_every_whole_line_and_says_where_it_breaks(tmp_path, share):
    raw = b"".join(b"line %d of a file that is long enough\n" % n for n in range(20_000))
    zipped = gzip.compress(raw)
    path = tmp_path / "cut.gz"
    path.write_bytes(zipped[: int(len(zipped) * share)])
    decompressor = zlib.decompressobj(31)
    whole = decompressor.decompress(zipped[: int(len(zipped) * share)]).count(b"\n")
    read, lines = all_lines(path)
    assert len(read) == whole > 0
    assert lines.n_lines == whole + 1
    assert "ends early" in lines.cut


def test_gzip_files_joined_end_to_end_are_one_file(tmp_path):
    path = tmp_path / "two.gz"
    path.write_bytes(gzip.compress(b"a\nb") + gzip.compress(b"c\nd\n") + b"\0" * 100)
    assert [line for _, line in all_lines(path)[0]] == [b"a", b"bc", b"d"]


LONG = b"".join(b"line %d of a file that is long enough\n" % n for n in range(200_000))
PACKED = {"bz2": bz2.compress, "zst": zstd.compress, "gz": gzip.compress}


@pytest.mark.parametrize("kind", PACKED)
def test_every_compression_is_told_by_its_first_bytes(tmp_path, kind):
    path = tmp_path / "no ending"
    path.write_bytes(PACKED[kind](b"a\nb") + PACKED[kind](b"c\nd"))
    read, lines = all_lines(path)
    assert [line for _, line in read] == [b"a", b"bc", b"d"]
    assert lines.cut is None


@pytest.mark.parametrize("kind", ["bz2", "zst"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_stream_of_blocks_gives_whole_lines_and_says_where_it_breaks(tmp_path, kind, share):
    packed = PACKED[kind](LONG)
    path = tmp_path / "cut"
    path.write_bytes(packed[: int(len(packed) * share)])
    read, lines = all_lines(path)
    assert [line for _, line in read] == LONG.split(b"\n")[: len(read)]
    assert "ends early" in lines.cut
    assert lines.n_lines == len(read) + 1


@pytest.mark.parametrize("kind", ["bz2", "zst"])
def test_a_damaged_stream_keeps_the_blocks_before(tmp_path, kind):
    path = tmp_path / "bad"
    path.write_bytes(PACKED[kind](b"a\nb") + b"no such stream")
    read, lines = all_lines(path)
    assert [line for _, line in read] == [b"a", b"b"]
    assert "damaged" in lines.cut


def test_some_whole_lines_of_a_file_keep_their_numbers(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"one\ntwo\nthree\nfour")
    read, _ = all_lines(Piece(path, start=4, stop=14, first_line=2))
    assert read == [(2, b"two"), (3, b"three")]


@given(
    st.lists(st.sampled_from([b"", b"a", b"bcd"]), min_size=1, max_size=12),
    st.integers(0, 12),
    st.integers(1, 9),
    st.integers(1, 5),
)
def test_two_pieces_give_the_lines_of_the_whole_once(tmp_path_factory, content, n_first, size, chunk):
    path = tmp_path_factory.mktemp("pieces") / "f"
    path.write_bytes(b"".join(line + b"\n" for line in content))
    cut = sum(len(line) + 1 for line in content[:n_first])
    pieces = [Piece(path, 0, cut), Piece(path, cut, None, first_line=1 + len(content[:n_first]))]
    with patch.multiple(sources, BLOCK=size, CHUNK=chunk):
        ended = [
            (first + at, line)
            for piece in pieces
            for first, block in Lines(piece).ended()
            for at, line in enumerate(block)
        ]
    assert ended == [(number, line + b"\n") for number, line in enumerate(content, 1)]


def test_another_coding_of_text_is_refused(tmp_path):
    path = tmp_path / "excel.txt"
    path.write_bytes("a\tb\n".encode("utf-16"))
    with pytest.raises(ToolkitError, match="UTF-16; save it as UTF-8"):
        all_lines(path)


def test_a_damaged_gzip_keeps_what_stands_before(tmp_path):
    good = gzip.compress(b"a\nb\n")
    path = tmp_path / "bad.gz"
    path.write_bytes(good + b"this is no gzip")
    read, lines = all_lines(path)
    assert [line for _, line in read] == [b"a", b"b"]
    assert "damaged" in lines.cut


@pytest.mark.parametrize("n", [3, 200_000])
def test_a_wrong_checksum_costs_no_line(tmp_path, n):
    """It stands behind all data and says nothing of which byte is wrong."""
    zipped = bytearray(gzip.compress(b"".join(b"line %d\n" % at for at in range(n))))
    zipped[-8] ^= 0xFF
    path = tmp_path / "crc.gz"
    path.write_bytes(zipped)
    read, lines = all_lines(path)
    assert len(read) == n
    assert "damaged" in lines.cut


def test_what_follows_a_whole_stream_does_not_cost_its_last_line(tmp_path):
    path = tmp_path / "tail.gz"
    path.write_bytes(gzip.compress(b"a\nb") + b"garbage")
    read, lines = all_lines(path)
    assert [line for _, line in read] == [b"a", b"b"]
    assert lines.cut is not None
    path.write_bytes(gzip.compress(b"a\nb") + b"\0" * (sources.BLOCK + 5))
    assert all_lines(path)[1].cut is None


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "bom"
    path.write_bytes(b"\xef\xbb\xbfdt,x\n1,2\n")
    assert all_lines(path)[0] == [(1, b"dt,x"), (2, b"1,2")]


class TestNames:
    def test_a_missing_file_names_its_neighbours(self, tmp_path):
        (tmp_path / "here.gz").touch()
        with pytest.raises(ToolkitError, match=r"no file at '.*gone\.gz'; the folder has here\.gz"):
            files(tmp_path / "gone.gz")

    def test_a_folder_means_all_files_in_it_but_marks_and_hidden_ones(self, tmp_path):
        for name in ("b.gz", "year=2021/part-0", "_SUCCESS", ".part-0.crc", "_temporary/part-1"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        assert [path.relative_to(tmp_path).as_posix() for path in files(tmp_path)] == ["b.gz", "year=2021/part-0"]
        assert files(f"{tmp_path}/*=*") == [tmp_path / "year=2021/part-0"]

    def test_a_folder_without_files_is_refused(self, tmp_path):
        with pytest.raises(ToolkitError, match="the folder holds no file"):
            files(tmp_path)

    def test_a_pattern_means_many_in_order(self, tmp_path):
        for name in ("b.gz", "a.gz", "c.txt"):
            (tmp_path / name).touch()
        assert [path.name for path in files(tmp_path / "*.gz")] == ["a.gz", "b.gz"]

    def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(self, tmp_path):
        (tmp_path / "a[1].gz").touch()
        assert [path.name for path in files(tmp_path / "a[1].gz")] == ["a[1].gz"]

    def test_a_pattern_that_matches_nothing_says_so(self, tmp_path):
        with pytest.raises(ToolkitError, match="no file matches"):
            files(tmp_path / "*.gz")

    def test_what_is_no_path_says_so(self):
        for source in (None, 5, [5]):
            with pytest.raises(ToolkitError, match="is a path, a pattern, a folder or a list of them"):
                files(source)
        with pytest.raises(ToolkitError, match="no file at"):
            files("x" * 5000)

    def test_a_file_by_two_spellings_is_read_once(self, tmp_path):
        (tmp_path / "a.gz").touch()
        assert len(files([tmp_path / "a.gz", tmp_path / ".." / tmp_path.name / "a.gz"])) == 1

    def test_a_file_named_twice_is_read_once(self, tmp_path):
        (tmp_path / "a.gz").touch()
        assert len(files([tmp_path / "a.gz", tmp_path / "*.gz"])) == 1
