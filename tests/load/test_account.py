"""Accounts: they add up, say what happened in words, and read no row of a store."""

from collections import Counter
from datetime import UTC, datetime

import polars as pl
import pytest

from toolkit.errors import ToolkitError
from toolkit.load.account import ACCOUNT, SET_ASIDE, Counts, Load, refused
from toolkit.load.assemble import assembled
from toolkit.load.batch import Aside, Batch, Options, Piece, Table

ROWS = pl.DataFrame(
    {
        "line": [1, 2, 5],
        "dt": [datetime(2022, 9, 5, 3, tzinfo=UTC), None, datetime(2022, 9, 4, 1, tzinfo=UTC)],
        "wiki": "cswiki",
        "private user": [7, 7, None],
        "flags": pl.Series([2, 3, 0], dtype=pl.UInt32),
    }
)
BATCH = Batch(
    ROWS,
    [Aside(4, "no object", b'["x", 12345]'), Aside(3, "user_id: text", b'{"user_id": "4711"}')],
    5,
    "events",
    unread=Counter({"event.colour": 2}),
    left_out=Counter({"ip": 3}),
    notes=["Times are UTC."],
)


def read_batches(piece, _):
    """Two equal batches, of other lines; a file named `gone` cannot be read, `torn` breaks off."""
    if piece.path.name == "gone":
        raise PermissionError(13, "Permission denied")
    yield BATCH
    if piece.path.name == "torn":
        raise OSError(5, "Input/output error")


TABLE = Table("homepage_modules", read_batches, lambda *_: False, {"user": ("wiki", "private user")})


@pytest.fixture
def load(tmp_path):
    """Load of files of these names, which need not be there."""
    return lambda *names, **asked: assembled(TABLE, [Piece(tmp_path / name) for name in names], Options(**asked))


def test_what_became_of_every_row_is_said(load, tmp_path):
    assert load("a").sentences == [
        "5 rows in = 3 kept + 2 set aside + 0 duplicates.",
        f"{tmp_path}/a: events.",
        "From 2022-09-04 01:00 to 2022-09-05 03:00 UTC.",
        "1 users, numbered in order of appearance; user ids and tokens are not kept.",
        "Kept and flagged: 2 bot, 1 debug.",
        "Set aside: 1 x no object; 1 x user_id: text.",
        "Fields that no known edition has were not read: event.colour (2 rows).",
        "Left out for privacy, unless named in keep: ip (3 rows).",
        "Times are UTC.",
    ]


def test_what_readers_say_of_several_files_is_said_once_and_added_up(load):
    said = load("a", "b").sentences
    assert said.count("Times are UTC.") == 1
    assert "Left out for privacy, unless named in keep: ip (6 rows)." in said


def test_rows_set_aside_stand_in_the_order_of_their_lines_with_masks(load):
    assert load("a").set_aside.select("line", "raw").rows() == [(3, '{"user_id": [masked]}'), (4, '["x", [masked]]')]
    assert load("a", keep=("user_id",)).set_aside["raw"][0] == '{"user_id": "4711"}'


def test_columns_of_a_reader_are_public_and_end_with_their_place(load):
    assert load("a").rows.columns == ["dt", "wiki", "flags", "user", "file", "line"]
    assert load("a").rows["user"].to_list() == [0, 0, None]
    assert load("a", key=b"k").rows["user"].dtype == pl.Int64


def test_a_file_that_cannot_be_read_is_one_row_set_aside_and_the_rest_loads(load, tmp_path):
    found = load("gone", "a")
    assert found.account.rows() == [
        (f"{tmp_path}/gone", "not read", 1, 0, 1, 0),
        (f"{tmp_path}/a", "events", 5, 3, 2, 0),
    ]
    assert found.set_aside.row(0) == (
        f"{tmp_path}/gone",
        0,
        f"'{tmp_path}/gone' could not be read: Permission denied",
        "",
    )


def test_a_file_that_breaks_off_keeps_what_was_read(load):
    found = load("torn")
    assert found.account.select("shape", "rows_in", "kept", "set_aside").row(0) == ("events", 6, 3, 3)
    assert found.set_aside.row(-1)[1] == 6


def test_if_no_file_can_be_read_the_first_one_says_why(load):
    with pytest.raises(ToolkitError, match="gone' could not be read: Permission denied"):
        load("gone", "gone")


def test_strict_raises_with_the_first_ten_reasons(load):
    assert refused(good := Load("impressions", ROWS, pl.DataFrame(schema=SET_ASIDE), account(3, 3, 0))) is good
    with pytest.raises(ToolkitError) as raised:
        refused(load(*"abcdef"))
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("12 of 30 rows cannot be read as homepage modules; without strict=True")
    assert lines[1].endswith("/a:3: user_id: text")
    assert len(lines) == 12
    assert lines[-1] == "and 2 more"


def account(rows_in, kept, aside, duplicates=0):
    """One file's entry."""
    return pl.DataFrame([("a", "events", rows_in, kept, aside, duplicates)], schema=ACCOUNT, orient="row")


@pytest.mark.parametrize("wrong", [account(4, 3, 0), account(2, 2, 0), account(4, 3, 1)])
def test_an_account_that_does_not_add_up_is_refused(wrong):
    with pytest.raises(AssertionError, match="does not add up"):
        Load("impressions", ROWS, pl.DataFrame(schema=SET_ASIDE), wrong)


def test_an_account_of_lazy_rows_reads_none():
    unreadable = pl.LazyFrame({"a": ["x"]}).select(pl.col("a").cast(pl.Int64))
    found = Load("impressions", unreadable, unreadable, account(3, 2, 0, 1), counts=Counts(flags={"bot": 1}))
    assert "Kept and flagged: 1 bot." in repr(found)
    assert "<td style='text-align:right'>3</td>" in found._repr_html_()


def test_a_table_of_many_files_is_short_and_sums_up():
    files = pl.DataFrame([(f"<{at}>", "events", 2, 1, 1, 0) for at in range(50)], schema=ACCOUNT, orient="row")
    none = pl.LazyFrame(schema=SET_ASIDE)
    html = Load("impressions", none, none, files, counts=Counts())._repr_html_()
    assert html.count("<tr>") == 1 + 20 + 2
    assert "30 more files" in html
    assert "<td style='text-align:right'>100</td>" in html
    assert "&lt;0&gt;" in html
