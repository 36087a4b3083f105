"""Codes and packed texts: decoding undoes encoding, and nothing passes through a number."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import decode, reference

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


def test_a_code_that_is_a_number_is_refused():
    """A float column has lost its codes; it must not be decoded as if it had not."""
    with pytest.raises(pl.exceptions.PolarsError):
        pl.DataFrame({"c": [2.1]}).select(decode.status("c"))


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
