"""Codes and packed texts: decoding undoes encoding, and nothing passes through a number."""

import csv
import io
from datetime import UTC, date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import decode, reference
from toolkit.errors import ToolkitError

CODES = reference.status_codes()["status_code"].to_list()


def one(expression, **columns):
    """Value of an expression on a frame of one row."""
    return pl.DataFrame({name: [value] for name, value in columns.items()}).select(expression).item()


@pytest.mark.parametrize("code", CODES)
def test_status_and_reason_give_the_code_back(code):
    assert one(decode.code(decode.status("c"), decode.reason("c")), c=code) == code


@pytest.mark.parametrize(
    ("code", "reason"),
    [("2.1", "close"), ("2.10", "cookies"), ("2.2", "waitdate"), ("2.20", "bannerSequenceAllStepsSkipped")],
)
def test_a_final_zero_is_another_reason(code, reason):
    """As numbers these would be the same two by two."""
    assert one(decode.reason("c"), c=code) == reason


def test_a_bare_status_is_not_other():
    frame = pl.DataFrame({"c": ["2", "2.0"]})
    assert frame.select(decode.reason("c")).to_series().to_list() == [None, "other"]


@pytest.mark.parametrize("code", ["9", "9.1", "2.99", "02.1", "2.1.1", "2.", "6.0", " 2.1", "banner_shown", ""])
def test_what_the_book_lacks_reads_as_unknown(code):
    frame = pl.DataFrame({"c": [code]})
    known, label = frame.select(decode.known("c"), decode.label("c").alias("label")).row(0)
    assert not known
    assert label == f"unknown ({code})"


def test_codes_sort_as_two_numbers():
    frame = pl.DataFrame({"c": ["6", "2.10", "2.9", "2", "x", "2.0", None]})
    assert frame.sort(decode.code_order("c"), "c")["c"].to_list() == ["2", "2.0", "2.9", "2.10", "6", None, "x"]


def test_codes_decode_lazily_and_eagerly_alike():
    frame = pl.DataFrame({"c": CODES})
    words = [
        decode.status("c"),
        decode.reason("c").alias("r"),
        decode.stage("c").alias("s"),
        decode.group("c").alias("g"),
    ]
    assert frame.lazy().select(words).collect().equals(frame.select(words))


def test_the_legal_reasons_are_all_in_the_book():
    due = [
        "0", "1", "2", *[f"2.{n}" for n in range(23)], "3", "3.17", "4", "5", *[f"5.{n}" for n in range(23)], "6", "7", "8",
    ]  # fmt: skip
    assert due == CODES


def through_floats(codes):
    """Codes as a table of numbers prints them."""
    return [str(float(code)) for code in codes]


def through_a_spreadsheet(codes):
    """Codes as a spreadsheet with a decimal comma writes them."""
    return [f"{float(code):g}".replace(".", ",") for code in codes]


class TestCodesThatAnExportLost:
    @pytest.mark.parametrize(
        ("text", "codes"),
        [
            ("6.0", ["6"]),
            ("6.00", ["6"]),
            ("2.1", ["2.1", "2.10"]),
            ("2.0", ["2", "2.0"]),
            ("2", ["2", "2.0"]),
            ("2,1", ["2.1", "2.10"]),
            ("2,10", ["2.1", "2.10"]),
            ("2,3", ["2.3"]),
            ("3,17", ["3.17"]),
            ("2.0999999046325684", ["2.1", "2.10"]),
            ("02.Jan", ["2.1"]),
            ("02. Okt", ["2.10"]),
            ("2-Jan", ["2.1"]),
            ("2-Jan-26", ["2.1"]),
            ("Jan-02", ["2.1"]),
            ("Feb-22", ["2.22"]),
            ("Mrz 17", ["3.17"]),
            ("02.01.2026", ["2.1"]),
            ("02.01.", ["2.1"]),
            ("1/2/26", ["2.1"]),
            ("02/10/2026", ["2.10"]),
            ("2026-01-02", ["2.1"]),
            ("2026-01-02 00:00:00", ["2.1"]),
            ("2026-01-02T00:00:00.000Z", ["2.1"]),
            ("2026-05-02", ["2.5", "5.2"]),
            ("2017-03-01", ["3.17"]),
            ("2022-02-01", ["2.1", "2.22"]),
            ("2.1 or 2.10", ["2.1", "2.10"]),
        ],
    )
    def test_a_damaged_text_may_have_been(self, text, codes):
        assert decode.candidates(text) == codes

    @pytest.mark.parametrize(
        "text",
        ["", "9", "9.0", "2.99", "02.1", "2.1.1", "2.", ".1", " 6.0", "banner_shown", "2026-07-04", "1e400", "²"],
    )
    def test_other_texts_were_no_code(self, text):
        assert decode.candidates(text) == []
        assert not one(decode.lossy("c"), c=text)
        assert one(decode.restored("c", lossy=True), c=text) == text

    @pytest.mark.parametrize("code", CODES)
    @pytest.mark.parametrize("way", [through_floats, through_a_spreadsheet])
    def test_the_code_that_was_lost_is_among_the_candidates(self, way, code):
        (text,) = way([code])
        assert code in decode.candidates(text)

    def test_only_codes_of_one_value_stay_in_doubt(self):
        """Six values stand for two codes each; every other code survives a column of numbers."""
        frame = pl.DataFrame({"code": CODES, "text": through_floats(CODES)})
        found = frame.select("code", restored=decode.restored("text", lossy=True)).filter(decode.ambiguous("restored"))
        doubt = {"2": "2.0", "2.1": "2.10", "2.2": "2.20", "5": "5.0", "5.1": "5.10", "5.2": "5.20"}
        assert found["code"].to_list() == sorted([*doubt, *doubt.values()], key=CODES.index)
        assert found["restored"].unique().sort().to_list() == [f"{a} or {b}" for a, b in doubt.items()]
        sound = frame.filter(~pl.col("code").is_in(found["code"])).select("code", decode.restored("text", lossy=True))
        assert sound["code"].to_list() == sound["text"].to_list()

    @pytest.mark.parametrize("dtype", [pl.Float64, pl.Float32])
    def test_a_column_of_numbers_is_lossy_whatever_is_asked(self, dtype):
        frame = pl.DataFrame({"c": pl.Series([6, 2.1, 2.3, 9.5, float("nan"), None], dtype=dtype)})
        found = frame.select(decode.restored("c", lossy=False), lossy=decode.lossy("c"))
        assert found["c"].to_list() == ["6", "2.1 or 2.10", "2.3", "9.5", None, None]
        assert found["lossy"].to_list() == [True] * 5 + [False]
        assert decode.lossy_throughout(decode.signs(frame["c"]))

    def test_only_what_shows_damage_is_restored_unless_all_is_in_doubt(self):
        frame = pl.DataFrame({"c": ["6.0", "2,1", "02.Jan", "2.1", "2.0", None]})
        assert frame.select(decode.restored("c", lossy=False)).to_series().to_list() == [
            "6", "2.1 or 2.10", "2.1", "2.1", "2.0", None,
        ]  # fmt: skip

    def test_restored_codes_stay_as_they_are(self):
        frame = pl.DataFrame({"c": ["2.1 or 2.10", "2 or 2.0"]})
        for lossy in (True, False):
            assert frame.select(decode.restored("c", lossy=lossy)).equals(frame)

    def test_codes_inside_lists_are_restored(self):
        frame = pl.DataFrame({"c": [[{"code": "6.0"}, {"code": "2.1"}], []]})
        codes = pl.col("c").list.eval(decode.restored(pl.element().struct.field("code"), lossy=True))
        assert frame.lazy().select(codes).collect().to_series().to_list() == [["6", "2.1 or 2.10"], []]

    @pytest.mark.parametrize(
        ("codes", "throughout"),
        [
            (through_floats(CODES), True),
            (through_a_spreadsheet(CODES), True),
            ([f"{float(code):.2f}" for code in CODES], True),
            (CODES, False),
            (["2.0", "2.1", "5.1"], False),  # as floats print them, and as they are
            ([*CODES, "6.0"], False),  # one damaged code among sound ones
            (["6.0", "2.10"], False),
            (["2,1", "2.2"], False),
            (["02.Jan", "6"], False),
            (["6.0", "2.1 or 2.10"], True),
            ([None], False),
            ([], False),
        ],
    )
    def test_numbers_of_one_column_are_written_alike(self, codes, throughout):
        whole = pl.Series(codes, dtype=pl.String)
        assert decode.lossy_throughout(decode.signs(whole)) == throughout
        half = len(codes) // 2
        assert decode.lossy_throughout(decode.signs(whole[:half]) | decode.signs(whole[half:])) == throughout

    def test_a_table_that_a_library_took_for_numbers(self):
        """Written as text, read with types inferred, written again: what everybody does once."""
        out = io.StringIO()
        csv.writer(out).writerows([["c"], ["6"], ["2.10"], ["2.1"], ["2.3"]])
        again = pl.read_csv(pl.read_csv(out.getvalue().encode()).write_csv().encode(), infer_schema=False)
        signs = decode.signs(again["c"])
        assert again.select(decode.restored("c", lossy=decode.lossy_throughout(signs)))["c"].to_list() == [
            "6", "2.1 or 2.10", "2.1 or 2.10", "2.3",
        ]  # fmt: skip


class TestSeveralCodesInOne:
    @pytest.mark.parametrize(
        ("text", "status", "reason", "stage", "group"),
        [
            ("2.1 or 2.10", "banner_canceled", "ambiguous", "attempted", "ambiguous"),
            ("2 or 2.0", "banner_canceled", "ambiguous", "attempted", "unspecified"),
            ("5.2 or 5.20", "banner_loaded_but_hidden", "ambiguous", "loaded", "hidden after load"),
            ("2.5 or 5.2", "ambiguous", "ambiguous", "attempted", "ambiguous"),
        ],
    )
    def test_what_they_share_is_said(self, text, status, reason, stage, group):
        words = [decode.status("c"), decode.reason("c"), decode.stage("c"), decode.group("c")]
        found = pl.DataFrame({"c": [text]}).select(word.alias(str(at)) for at, word in enumerate(words))
        assert found.row(0) == (status, reason, stage, group)

    def test_they_are_neither_known_nor_unknown(self):
        frame = pl.DataFrame({"c": ["2.1 or 2.10", "2.1", "2.99", "2.98 or 2.99", None]})
        assert frame.select(decode.known("c")).to_series().to_list() == [False, True, False, False, False]
        assert frame.select(decode.ambiguous("c")).to_series().to_list() == [True, False, False, False, False]
        assert frame.select(decode.label("c")).to_series().to_list() == [
            "closed earlier, or cookie in the way (2.1 or 2.10)",
            "closed earlier",
            "unknown (2.99)",
            "unknown (2.98 or 2.99)",
            "unknown (no code)",
        ]

    def test_they_come_after_the_first_of_them(self):
        due = ["2", "2 or 2.0", "2.0", "2.1", "2.1 or 2.10", "2.2", "2.2 or 2.20", "2.10", "5 or 5.0", "6", "?"]
        frame = pl.DataFrame({"c": due[::-1]})
        assert frame.sort(decode.code_order("c"))["c"].to_list() == due

    def test_all_that_can_be_restored_is_understood(self):
        for text, codes in decode._several().items():
            assert decode.candidates(text) == codes
            assert set(codes) <= set(CODES)
            assert "unknown" not in one(decode.label("c"), c=text)

    def test_they_are_explained(self):
        (row,) = decode.explain("2.1 or 2.10").to_dicts()
        assert row["meaning"].startswith("2.1: ")
        assert "; or 2.10: " in row["meaning"]
        assert (row["since"], row["source"]) == ("2015-09-28", "CentralNotice f76d1883; CentralNotice 097625d6")
        assert "cannot be known" in row["caveat"]


class TestExplained:
    def test_columns_keep_their_order(self):
        columns = ["status_code", "label", "status", "reason", "stage", "group", "meaning", "since", "source", "caveat"]
        assert decode.explain().columns == columns
        assert decode.explain()["status_code"].to_list() == CODES

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("2.10", "keeps it as 2.1, which is 2.1 or 2.10"),
            ("2.0", "keeps it as 2, which is 2 or 2.0"),
            ("0", "never sent"),
            ("4", "never sent"),
            ("6", "an upper bound"),
            ("2.21", "campaigns without a type"),
            ("5.3", "tables of events may lack"),
        ],
    )
    def test_what_cannot_be_known_is_said(self, code, words):
        assert words in decode.explain(code)["caveat"].item()

    @pytest.mark.parametrize("code", ["2.3", "2.15", "2.99", "9"])
    def test_nothing_is_said_where_there_is_nothing(self, code):
        assert decode.explain(code)["caveat"].item() is None


class TestCodesAndTheirTime:
    @pytest.mark.parametrize(
        ("code", "day", "early"),
        [
            ("2.22", date(2026, 4, 3), True),
            ("2.22", date(2026, 4, 4), False),
            ("5.21", date(2020, 6, 23), True),
            ("3.17", date(2017, 3, 20), True),
            ("3.17", date(2017, 3, 21), False),
            ("3", date(2015, 7, 30), False),
            ("2.1", date(2015, 8, 30), False),  # close had its code before the others
            ("2.10", date(2015, 8, 30), True),
            ("7", date(2016, 10, 25), True),
            ("8", date(2019, 7, 14), True),
            ("2.99", date(2000, 1, 1), False),
            ("2.2 or 2.20", date(2016, 1, 1), False),
            ("2.22", None, False),
            (None, date(2000, 1, 1), False),
        ],
    )
    def test_no_code_is_older_than_its_source(self, code, day, early):
        frame = pl.DataFrame({"c": [code], "t": [day]}, schema={"c": pl.String, "t": pl.Date})
        assert frame.select(decode.before_its_time("c", "t")).item() is early
        times = frame.with_columns(pl.col("t").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"))
        assert times.select(decode.before_its_time("c", "t")).item() is early

    def test_the_last_moment_of_a_day_is_that_day(self):
        frame = pl.DataFrame(
            {"c": ["2.22"] * 2, "t": [datetime(2026, 4, 3, 23, 59, tzinfo=UTC), datetime(2026, 4, 4, tzinfo=UTC)]}
        )
        assert frame.select(decode.before_its_time("c", "t")).to_series().to_list() == [True, False]

    def test_a_code_is_never_written_after_it_was_merged(self):
        """Days of authors are not after those of the merge, which stand in the other tables."""
        book = decode.explain().select("status_code", "since")
        both = reference.table("outcome").join(book, on="status_code")
        assert both.filter(pl.col("earliest") > pl.col("since")).is_empty()
        assert both["earliest"].str.to_date().is_not_null().all()

    @pytest.mark.parametrize("code", ["6.1", "7.2", "3.5", "6.0", "0.1", "8.22", "3.99", "6.function"])
    def test_a_reason_where_none_is_taken_is_astray(self, code):
        assert one(decode.stray_reason("c"), c=code)

    @pytest.mark.parametrize("code", [*CODES, "2.99", "5.23", "9.1", "6.", "", "2.1 or 2.10", "2.5 or 5.2"])
    def test_other_codes_are_not(self, code):
        assert not one(decode.stray_reason("c"), c=code)


class TestAttempts:
    def test_codes_stay_text(self):
        text = '[{"statusCode":"2.10","campaign":"A & B","bannersCount":2},{"statusCode":"6","campaign":"C"}]'
        assert one(decode.attempts("t"), t=text).to_list() == [
            {"campaign": "A & B", "status_code": "2.10", "banners_count": 2},
            {"campaign": "C", "status_code": "6", "banners_count": None},
        ]

    def test_the_other_spelling_of_the_count_is_read(self):
        assert (
            one(decode.attempts("t"), t='[{"statusCode":"6","campaign":"C","bannerCount":4}]')[0]["banners_count"] == 4
        )

    def test_status_keys_of_autumn_2019_become_codes(self):
        assert one(decode.attempts("t"), t='[{"statusCode":"banner_canceled","campaign":"C"}]')[0]["status_code"] == "2"

    @pytest.mark.parametrize("text", ["", "no json", '{"a":1}', '[{"statusCode":2.10}]', None])
    def test_what_is_no_such_list_is_null(self, text):
        """A code that is a number in the JSON has lost its final zero."""
        frame = pl.DataFrame({"t": [text]}, schema={"t": pl.String})
        assert frame.select(decode.attempts("t")).to_series().null_count() == 1


class TestActionData:
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
    def test_text_comes_back_from_its_pairs(self, text):
        assert one(decode.action_text(decode.action_data("d")), d=text) == text

    def test_the_place_of_a_key_does_not_matter(self):
        frame = pl.DataFrame(
            {"d": ["linkId=mentor-usertalk;mentorEditCount=3", "mentorEditCount=3;linkId=mentor-usertalk"]}
        )
        assert frame.select(decode.action_value("d", "linkId")).to_series().to_list() == ["mentor-usertalk"] * 2

    def test_a_time_stays_text(self):
        assert (
            one(decode.action_value("d", "mentorLastActive"), d="mentorLastActive=20190412093000") == "20190412093000"
        )

    def test_numbers_of_question_links_are_left_off(self):
        frame = pl.DataFrame(
            {"d": ["linkId=growthexperiments-mentor-questions-archived-12", "linkId=impact-pageviews"]}
        )
        assert frame.select(decode.link("d")).to_series().to_list() == [
            "growthexperiments-mentor-questions-archived",
            "impact-pageviews",
        ]


@pytest.mark.parametrize(
    "decoded", [decode.status, decode.reason, decode.stage, decode.label, decode.known, decode.code_order]
)
def test_codes_may_be_categories_and_no_numbers(decoded):
    """A float is 2.1 for 2.1 and for 2.10."""
    codes = ["2.1", "2.10", "6", "2.99", None]
    texts, categories = (pl.DataFrame({"c": codes}, schema={"c": dtype}) for dtype in (pl.String, pl.Categorical))

    assert categories.select(decoded("c")).equals(texts.select(decoded("c")))
    with pytest.raises(ToolkitError, match="is text; `restored` says"):
        pl.DataFrame({"c": [2.1]}).select(decoded("c"))
