"""Rows of Presto: what is remembered of one row says nothing false of another."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.load.presto import Order, reader, row

TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
MODE = {"type": "string", "enum": ["desktop", "mobile"]}
ORDERS = [
    Order("1", {"mode": MODE, "token": TEXT, "n": WHOLE}),
    Order("2", {"token": TEXT, "mode": MODE, "n": NUMBER}, is_published=False),
    Order("3", {"l": {"type": "array"}, "r": NUMBER}),
    Order("4", {"one": TEXT, "other": TEXT}, is_published=False),
]
CELLS = st.sampled_from([None, "", "x", "y", "desktop", "mobile", "true", "1", "7", "7.5", 7, 7.5, True, [], ["a"]])
ROWS = st.lists(st.tuples(st.lists(CELLS, min_size=2, max_size=3), st.sampled_from([None, "1", "2", "3", "4", "9"])))


def told(read, cells, edition):
    """Names and values of a row, or why there are none."""
    try:
        return read(json.dumps(cells), edition)
    except ValueError as error:
        return str(error)


@given(ROWS)
def test_a_row_is_read_as_if_it_were_the_only_one(rows):
    read = reader(ORDERS)
    for cells, edition in rows:
        assert told(read, cells, edition) == told(lambda text, said: row(text, ORDERS, said), cells, edition)


def test_two_values_that_are_equal_cannot_be_swapped_and_two_others_can():
    read = reader([ORDERS[3]])
    assert read('["x", "x"]', None) == {"one": "x", "other": "x"}
    with pytest.raises(ValueError, match="two values of one type could be swapped"):
        read('["x", "y"]', None)


def test_an_empty_list_is_a_list():
    assert row("[[], 0.5]", ORDERS[2:3]) == {"l": "[]", "r": "0.5"}
