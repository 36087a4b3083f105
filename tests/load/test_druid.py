"""Results of Druid: the same rows in every form in which Druid, Turnilo and others write them come out the same."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest

from toolkit.errors import ToolkitError
from toolkit.load import druid
from toolkit.load.batch import Aside, Batch

NAMES = ["dt", "campaign", "banner", "anonymous", "status_code", "sample_rate", "request_count"]
ROWS = [
    ("2021-01-05T00:00:00.000Z", "A", "A1", "true", "6", "1.0", 90),
    ("2021-01-05T00:00:00.000Z", "A", None, "true", "2.1", "1.0", 12),
    ("2021-01-05T00:00:00.000Z", "A", None, "true", "2.10", "1.0", 3),
    ("2021-01-05T00:01:00.000Z", 'B "x", y%2C', "Ä 1", "false", "3.17", "0.1", 1),
    ("2021-01-05T00:01:00.000Z", "日本", None, None, "2", "0.01", 7),
    ("2021-01-05T23:59:00.000Z", "A", None, "true", "2.0", "0.01", 5),
    ("2021-01-05T23:59:00.000Z", "A", "A1", "false", "7", "1.0", 0),
]
KEYED = [dict(zip(NAMES, row, strict=True)) for row in ROWS]


def milliseconds(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def apart(row):
    """Time of a row, and its other cells."""
    return row["dt"], {name: value for name, value in row.items() if name != "dt"}


def timed(row):
    """A row as SQL and scans name its columns."""
    dt, rest = apart(row)
    return {"__time": dt, **rest}


SCANNED = [{**timed(row), "__time": milliseconds(row["dt"])} for row in KEYED]
LISTS = [list(timed(row).values()) for row in KEYED]
HEADER = ["__time", *NAMES[1:]]
TYPES = [["LONG", *["STRING"] * 5, "LONG"], ["TIMESTAMP", *["VARCHAR"] * 5, "BIGINT"]]
FORMS = {
    "Druid topN": [{"timestamp": dt, "result": [rest]} for dt, rest in map(apart, KEYED)],
    "Druid groupBy": [{"version": "v1", "timestamp": dt, "event": rest} for dt, rest in map(apart, KEYED)],
    "Druid scan, list": [
        {"segmentId": "banner_activity_2021", "columns": HEADER, "events": SCANNED[:3]},
        {"segmentId": None, "columns": HEADER, "events": SCANNED[3:], "rowSignature": []},
    ],
    "Druid scan, compactedList": [
        {"segmentId": "s", "columns": HEADER, "events": [list(row.values()) for row in SCANNED]}
    ],
    "Druid select": [
        {
            "timestamp": "2021-01-05T00:00:00.000Z",
            "result": {
                "pagingIdentifiers": {"s": 6},
                "dimensions": NAMES[1:6],
                "metrics": ["request_count"],
                "events": [
                    {"segmentId": "s", "offset": at, "event": {"timestamp": dt, **rest}}
                    for at, (dt, rest) in enumerate(map(apart, KEYED))
                ],
            },
        }
    ],
    "Druid SQL, object": [timed(row) for row in KEYED],
    "Druid SQL, array": [HEADER, *LISTS],
    "Druid SQL, objectLines": [timed(row) for row in KEYED],
    "Druid SQL, arrayLines": [HEADER, *LISTS],
}
WITH_HEADERS = {
    "Druid SQL, object": dict.fromkeys(HEADER),
    "Druid SQL, objectLines": {name: {"type": "STRING", "sqlType": "VARCHAR"} for name in HEADER},
}


def elements(values):
    """Elements with the numbers of their lines, as a reader of JSON cuts them."""
    return list(enumerate((json.dumps(value, ensure_ascii=False).encode() for value in values), 1))


def text_of(shape, *, pretty=False):
    """A whole export as bytes."""
    values = FORMS[shape]
    if "Lines" in shape:
        return b"".join(raw + b"\n" for _, raw in elements(values)) + b"\n"
    return json.dumps(values, ensure_ascii=False, indent=2 if pretty else None).encode()


def canonical_rows(frame, shape="", requests=None):
    return druid.canonical(frame, requests, shape).frame.select(NAMES).rows()


def read(shape, values=None, columns=()):
    """All rows of a result in one frame, and those set aside."""
    frames, asides = [], []
    for frame, aside in druid.frames(elements(FORMS[shape] if values is None else values), shape, columns, most=3):
        frames.append(frame)
        asides += aside
    return pl.concat(frames, how="diagonal"), asides


DUE = [(*row[:5], row[5], str(row[6])) for row in ROWS]


class TestEveryForm:
    @pytest.mark.parametrize("shape", FORMS)
    def test_the_same_rows_come_out(self, shape):
        frame, aside = read(shape)
        assert aside == []
        assert canonical_rows(frame, shape) == DUE

    @pytest.mark.parametrize("shape", FORMS)
    def test_codes_that_were_written_as_numbers_keep_their_zeros(self, shape):
        bare = [
            (line, raw.replace(b'"2.10"', b"2.10").replace(b'"2.1"', b"2.1").replace(b'"2"', b"2"))
            for line, raw in elements(FORMS[shape])
        ]
        frame = pl.concat([frame for frame, _ in druid.frames(bare, shape)], how="diagonal")
        assert canonical_rows(frame, shape) == DUE

    @pytest.mark.parametrize("shape", FORMS)
    @pytest.mark.parametrize("pretty", [False, True])
    def test_the_form_is_told_from_any_beginning(self, shape, pretty):
        """However early the text breaks off: at worst nothing is said, and nothing wrong."""
        text = text_of(shape, pretty=pretty)
        told = {druid.shape_of(text[:size]) for size in range(120, len(text))}
        assert told - {None} == {shape}
        assert druid.shape_of(text) == shape

    @pytest.mark.parametrize("shape", FORMS)
    def test_marks_blanks_and_line_ends_do_not_matter(self, shape):
        text = b"\xef\xbb\xbf \r\n" + text_of(shape, pretty=True).replace(b"\n", b"\r\n")
        assert druid.shape_of(text) == shape

    @pytest.mark.parametrize("shape", WITH_HEADERS)
    def test_a_header_of_objects_is_no_row(self, shape):
        frame, aside = read(shape, [WITH_HEADERS[shape], *FORMS[shape]])
        assert (canonical_rows(frame), aside) == (DUE, [])
        assert druid.shape_of(json.dumps([WITH_HEADERS[shape], *FORMS[shape]]).encode()) == "Druid SQL, object"

    @pytest.mark.parametrize("n_types", [0, 1, 2])
    @pytest.mark.parametrize("columns", [(), tuple(HEADER)])
    def test_names_and_types_are_no_rows(self, n_types, columns):
        frame, aside = read("Druid SQL, array", [HEADER, *TYPES[:n_types], *LISTS], columns)
        assert (canonical_rows(frame), aside) == (DUE, [])
        assert frame["line"].to_list() == list(range(2 + n_types, 2 + n_types + len(ROWS)))

    @pytest.mark.parametrize("shape", ["Druid SQL, array", "Druid SQL, arrayLines"])
    def test_without_a_header_the_names_are_given(self, shape):
        frame, aside = read(shape, LISTS, HEADER)
        assert (canonical_rows(frame), aside) == (DUE, [])

    def test_without_a_header_and_names_it_is_said_what_to_pass(self):
        with pytest.raises(ToolkitError, match=r"^'columns' names the columns, .* such as columns=\['status_code'"):
            read("Druid SQL, array", LISTS)

    @pytest.mark.parametrize("delimiter", [",", "\t"])
    def test_turnilo_and_its_titles(self, delimiter):
        """Cells are parted as the exporter does it: CRLF, no line end at the end, NULL, the user's zone."""
        zone = timezone(timedelta(hours=1))
        titles = ["Time (Minute)", "Campaign", "Banner", "Anonymous", "Status code", "Sample rate", "Request count"]
        local = [datetime.fromisoformat(row[0]).astimezone(zone).isoformat() for row in ROWS]
        out = io.StringIO()
        written = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
        written.writerow(titles)
        written.writerows(
            [dt, *("NULL" if cell is None else cell for cell in row[1:])] for dt, row in zip(local, ROWS, strict=True)
        )
        table = list(csv.reader(io.StringIO(out.getvalue().removesuffix("\r\n"), newline=""), delimiter=delimiter))
        frame = pl.DataFrame(table[1:], schema=dict.fromkeys(table[0], pl.String), orient="row")
        assert druid.is_activity(titles)
        assert canonical_rows(frame) == DUE
        assert druid.canonical(frame).notes == ["Times carry the offset +01:00 of a user: they are converted to UTC."]


class TestWhatIsNoResult:
    @pytest.mark.parametrize(
        "text",
        [
            '{"schema":"CentralNoticeImpression","event":{"statusCode":"6","campaign":"A"},"dt":"2021-01-05T00:00:00Z"}',
            '{"event":{"statusCode":"6","campaign":"A"},"timestamp":1546646400,"schema":"CentralNoticeImpression"}',
            '{"$schema":"/analytics/legacy/centralnoticeimpression/1.1.0","meta":{"id":"1"},"event":{"campaign":"A"}}',
            '[{"uuid":"1","event":{"campaign":"A"}}]',
            '{"dt":"2021-01-05T00:00:00Z","uri_query":"?campaign=A","uri_path":"/beacon/impression","country":"NL"}',
            '{"dt":"2021-01-05","statuscode":"6","campaign":"A","campaignstatuses":"[]"}',
            '{"event_action":"impression","event_module":"help","wiki":"cswiki"}',
            '{"event_statusCode":"6","event_campaign":"A","wiki":"cswiki"}',
            '{"error":"Unknown exception","errorMessage":"Query timeout"}',
            '[02/Mar/2026:10:00:00 +0000] "GET /beacon/impression?campaign=A HTTP/1.1"',
            "dt,campaign,status_code",
            '{"status_code": ',
            "[]",
            "[[[",
            "}",
            "",
        ],
    )
    def test_it_is_told_from_events_requests_and_others(self, text):
        assert druid.shape_of(text.encode()) is None

    def test_rows_of_the_data_source_of_events_are_results(self):
        assert druid.shape_of(b'{"__time":1,"event_statusCode":"6","wiki":"cswiki"}') == "Druid SQL, objectLines"
        assert druid.is_activity(["event_statusCode", "event_count"])


class TestRowsThatDoNotCount:
    def test_a_grand_total_is_set_aside(self):
        at = "2021-01-05T00:00:00.000Z"
        values = [{"timestamp": at, "result": {"n": 5}}, {"result": {"n": 5}}, {"timestamp": None, "result": {"n": 5}}]
        frame, aside = read("Druid timeseries", values)
        assert frame.rows() == [(1, at, "5")]
        assert [(entry.line, entry.reason) for entry in aside] == [(2, druid.GRAND_TOTAL), (3, druid.GRAND_TOTAL)]

    def test_a_bucket_without_requests_is_a_row_of_none(self):
        values = [{"timestamp": f"2021-01-0{day}", "result": {"requests": n}} for day, n in [(1, 0), (2, None), (3, 4)]]
        frame, aside = read("Druid timeseries", [*values, {"timestamp": "2021-01-04", "result": None}])
        found = druid.canonical(frame, shape="Druid timeseries").frame
        assert (found["request_count"].to_list(), aside) == (["0", "0", "4", "0"], [])
        assert druid.canonical(frame).frame["request_count"].to_list() == ["0", None, "4", None]

    def test_a_row_of_another_length_is_set_aside_and_takes_no_other_with_it(self):
        values = [{"columns": ["status_code", "request_count"], "events": [["6", 1], ["2.1"], ["2.10", 2.0], 7]}]
        frame, aside = read("Druid scan, compactedList", values)
        assert frame.select("status_code", "request_count").rows() == [("6", "1"), ("2.10", "2.0")]
        assert aside == [
            Aside(1, "1 field where the header has 2", b'["2.1"]'),
            Aside(1, "neither an object nor a list where a row is due", b"7"),
        ]

    def test_every_row_is_kept_or_set_aside(self):
        """Rows of many kinds inside one element: 2 kept and 2 set aside of a topN, none of what cannot be opened."""
        good = {"status_code": "6", "n": 1}
        values = [
            {"timestamp": "2021-01-05", "result": [good, None, good, [1]]},
            {"timestamp": "2021-01-06", "result": []},
            {"timestamp": "2021-01-07"},
            "text",
            [1],
            None,
        ]
        frame, aside = read("Druid topN", values)
        assert frame["line"].to_list() == [1, 1]
        assert [(entry.line, entry.reason) for entry in aside] == [
            (1, "no object where one is due"),
            (1, "no object where one is due"),
            (3, "'result' is missing"),
            (4, "a text where a row is due"),
            (5, "no object where one is due"),
            (6, "no object where one is due"),
        ]
        assert [entry.raw for entry in aside[:2]] == [b"null", b"[1]"]

    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            (b'{"status_code": "6", "n": ', "no JSON: Input data was truncated"),
            (b'{"status_code": "\xff"}', "no UTF-8: byte 0xff at column 18"),
            (b"NaN", "no JSON: "),
            (b"[" * 100_000, "no JSON: "),
        ],
    )
    def test_what_is_no_json_says_so(self, raw, reason):
        lines = [(1, b'{"status_code": "6"}'), (2, raw), (3, b'{"status_code": "7"}')]
        [(frame, [aside])] = druid.frames(lines, "Druid SQL, objectLines")
        assert frame["line"].to_list() == [1, 3]
        assert (aside.line, aside.raw) == (2, raw)
        assert aside.reason.startswith(reason)

    @pytest.mark.parametrize("colon", [":", ": ", " : "])
    def test_a_name_that_stands_twice_is_not_decided(self, colon):
        texts = ['{"status_code": "6", "n": 1, "n": 2}', '{"status_code": "6", "n": "\\":"}', '{"timestamp": {"n": 1}}']
        lines = list(enumerate((text.replace(": ", colon).encode() for text in texts), 1))
        [(frame, aside)] = druid.frames(lines, "Druid SQL, objectLines")
        assert frame["line"].to_list() == [2, 3]
        assert [(entry.line, entry.reason) for entry in aside] == [(1, "'n' stands more than once")]

    def test_blank_lines_are_no_rows(self):
        lines = [(1, b" \n"), (2, b'["status_code"]\n'), (3, b"\r\n"), (4, b'["6"]\n'), (5, b"\n")]
        assert list(druid.rows(lines, "Druid SQL, arrayLines")) == [(4, {"status_code": "6"})]

    def test_rows_of_types_in_a_table_are_no_rows(self):
        table = pl.DataFrame(
            {"line": [2, 3, 4], "campaign": ["STRING", "VARCHAR(9)", "LONG"], "n": ["LONG", "BIGINT", "1"]}
        )
        batch = druid.without_types(Batch(table, [Aside(5, "broken", b"x")], 4))
        assert (batch.frame.rows(), batch.rows_in) == ([(4, "LONG", "1")], 2)
        sound = Batch(table[2:], rows_in=1)
        assert druid.without_types(sound).frame.equals(sound.frame)

    def test_frames_are_cut_without_loss(self):
        lines = [(at, b'{"status_code": "6", "n": %d}' % at if at % 3 else b"{") for at in range(1, 21)]
        found = list(druid.frames(lines, "Druid SQL, objectLines", most=7))
        assert [frame.height + len(aside) for frame, aside in found] == [7, 7, 6]
        assert sum(len(aside) for _, aside in found) == 6


class TestCells:
    def test_numbers_are_the_text_that_they_were(self):
        raw = b'{"__time":1,"a":2.10,"b":1E-7,"c":-0.0,"d":123456789012345678901,"e":true,"f":null,"g":["6","2.1"],"h":" x","line":5}'
        [(frame, _)] = druid.frames([(4, raw)], "Druid SQL, objectLines")
        assert frame.row(0, named=True) == {
            "line": 4,
            "__time": "1",
            "a": "2.10",
            "b": "1E-7",
            "c": "-0.0",
            "d": "123456789012345678901",
            "e": "true",
            "f": None,
            "g": '["6","2.1"]',
            "h": " x",
            "line in the file": "5",
        }

    @pytest.mark.parametrize(
        ("text", "due"),
        [
            ("2021-01-05T00:00:00.000Z", "2021-01-05T00:00:00.000Z"),
            ("2021-01-05T00:00:00.000+01:00", "2021-01-04T23:00:00.000Z"),
            ("2021-01-05T00:00:00-0330", "2021-01-05T03:30:00.000Z"),
            ("2021-01-05 00:00:00", "2021-01-05T00:00:00.000Z"),
            ("2021-01-05 10:20:30.5 UTC", "2021-01-05T10:20:30.500Z"),
            ("2021-01-05T10:20", "2021-01-05T10:20:00.000Z"),
            ("2021-01-05", "2021-01-05T00:00:00.000Z"),
            ("2021-01-05T00:00:00.000Z/2021-01-06T00:00:00.000Z", "2021-01-05T00:00:00.000Z"),
            (" 1638316800000 ", "2021-12-01T00:00:00.000Z"),
            ("2021-02-30", None),
            ("2021-01-05T25:00:00Z", None),
            ("13", None),
            ("Tuesday", None),
            ("", None),
        ],
    )
    def test_times(self, text, due):
        assert druid.canonical(pl.DataFrame({"Time": [text], "n": ["1"]})).frame["dt"].item() == due

    @pytest.mark.parametrize("text", ["", " ", "NULL", "null", r"\N"])
    def test_words_for_nothing_are_null(self, text):
        frame = pl.DataFrame({"status_code": [text], "campaign": [text], "n": ["1"]})
        assert druid.canonical(frame).frame.select("status_code", "campaign").row(0) == (None, None)

    @pytest.mark.parametrize("text", ["2.10", " 2.10", '"2.10"', '" 2.10 "'])
    def test_blanks_and_quotes_around_a_code_are_no_part_of_it(self, text):
        assert druid.canonical(pl.DataFrame({"status_code": [text], "n": ["1"]})).frame["status_code"].item() == "2.10"

    def test_a_rate_of_32_bits_is_the_decimal_that_was_meant(self):
        frame = pl.DataFrame({"sample_rate": ["0.10000000149011612", "1.0", "x"], "n": ["1"] * 3})
        assert druid.canonical(frame).frame["sample_rate"].to_list() == ["0.1", "1.0", None]

    def test_columns_of_other_types_are_read_too(self):
        """As in a frame in memory: a code that is a number has lost its zeros, a time has its zone."""
        frame = pl.DataFrame(
            {
                "__time": [datetime(2021, 1, 5, tzinfo=UTC)],
                "status_code": [2.1],
                "anonymous": [True],
                "request_count": [3],
                "sample_rate": pl.Series([0.1], dtype=pl.Float32),
                "more": [[1]],
            }
        ).with_columns(pl.col("__time").dt.convert_time_zone("Europe/Berlin"))
        found = druid.canonical(frame)
        due = ("2021-01-05T00:00:00.000Z", "true", "2.1 or 2.10", "0.1", "3")
        assert found.frame.select("dt", "anonymous", "status_code", "sample_rate", "request_count").row(0) == due
        assert found.unread == ["more"]


class TestNames:
    @pytest.mark.parametrize(
        ("spelling", "name"),
        [
            ("Status code", "status_code"),
            ("\ufeffstatus_code", "status_code"),
            ('"t.status_code"', "status_code"),
            ("event_statusCode", "status_code"),
            ("STATUS_CODE ", "status_code"),
            ("First campaign status code", "first_campaign_status_code"),
            ("Is campaign fallback", "is_campaign_fallback"),
            ("event_uselang", "uselang"),
            ("event_impressionEventSampleRate", "sample_rate"),
            ("Normalized request count", "normalized_request_count"),
            ("event_normalized_count", "normalized_request_count"),
            ("__time", "dt"),
            ("Time (Hour)", "dt"),
        ],
    )
    def test_spellings(self, spelling, name):
        cell = "2021-01-05T00:00:00.000Z" if name == "dt" else "0.5"
        found = druid.canonical(pl.DataFrame({spelling: [cell], "request_count": ["1"]}))
        assert (found.frame[name].item(), found.unread) == (cell, [])

    def test_every_column_is_there(self):
        found = druid.canonical(pl.DataFrame({"line": [7], "private id": ["x"], "n": ["1"], "wiki": ["cswiki"]}))
        assert found.frame.columns == ["line", "private id", *druid._spellings(), "normalized"]
        assert found.unread == ["wiki"]

    def test_without_rows_nothing_has_to_count(self):
        found = druid.canonical(pl.DataFrame(schema={"line": pl.Int64}))
        assert found.frame.columns == ["line", *druid._spellings(), "normalized"]
        assert found.frame.is_empty()

    def test_the_time_of_the_row_goes_before_that_of_its_bucket(self):
        frame = pl.DataFrame({"timestamp": ["2021-01-01"], "__time": ["2021-01-05"], "n": ["1"]})
        found = druid.canonical(frame)
        assert (found.frame["dt"].item(), found.unread) == ("2021-01-05T00:00:00.000Z", ["timestamp"])


class TestCounts:
    @pytest.mark.parametrize(
        "name", ["request_count", "Request count", "SUM(request_count)", "sum_request_count", "requests", "event_count"]
    )
    def test_names_that_are_sure(self, name):
        found = druid.canonical(pl.DataFrame({name: ["5"], "status_code": ["6"], "other": ["9"]}))
        assert (found.frame["request_count"].item(), found.notes, found.unread) == ("5", [], ["other"])

    @pytest.mark.parametrize("name", ["n", "Count", "COUNT(*)", "rows"])
    def test_names_that_may_count_rows_of_druid_say_so(self, name):
        found = druid.canonical(pl.DataFrame({name: ["5"], "status_code": ["6"]}))
        assert found.frame["request_count"].item() == "5"
        assert found.notes == [
            f"{name!r} is read as the number of requests; a COUNT(*) of Druid counts its rows, which hold several."
        ]

    def test_the_one_other_column_of_numbers_is_taken_and_named(self):
        found = druid.canonical(pl.DataFrame({"EXPR$1": ["5"], "status_code": ["6"], "note": ["x"]}))
        assert found.frame["request_count"].item() == "5"
        assert found.notes == ["'EXPR$1', the one other column of numbers, is read as the number of requests."]
        assert found.unread == ["note"]

    @pytest.mark.parametrize("columns", [{}, {"a": ["1"], "b": ["2"]}, {"a": ["x"]}, {"a": [None]}])
    def test_none_or_two_are_not_guessed(self, columns):
        with pytest.raises(ToolkitError, match=r"needs the column 'request_count'; the frame has 'status_code'"):
            druid.canonical(pl.DataFrame({"status_code": ["6"], **columns}))

    @pytest.mark.parametrize("requests", ["b", "B "])
    def test_the_column_that_was_named_is_taken(self, requests):
        frame = pl.DataFrame({"status_code": ["6"], "a": ["1"], "b": ["2"], "request_count": ["3"]})
        found = druid.canonical(frame, requests)
        assert (found.frame["request_count"].item(), found.unread) == ("2", ["a", "request_count"])

    def test_a_column_that_is_not_there_cannot_be_taken(self):
        with pytest.raises(ToolkitError, match="no column named 'c'; the export has status_code, a"):
            druid.canonical(pl.DataFrame({"status_code": ["6"], "a": ["1"]}), "c")

    def test_the_normalised_count_alone_has_a_rate_of_one_and_a_doubt(self):
        frame = pl.DataFrame(
            {"Status code": ["6", "2.10"], "Normalized request count": ["9000", "33.3"], "Sample rate": ["0.1"] * 2}
        )
        found = druid.canonical(frame)
        assert found.frame.select("request_count", "sample_rate", "normalized").rows() == [
            ("9000", "1", True),
            ("33", "1", True),
        ]
        assert found.notes[0] == druid.UNDERCOUNT
        assert "rounded" in found.notes[1]

    def test_both_counts_keep_their_columns(self):
        frame = pl.DataFrame(
            {"request_count": ["1"], "normalized_request_count": ["9"], "sample_rate": ["0.1"], "status_code": ["6"]}
        )
        row = druid.canonical(frame).frame.select(
            "request_count", "normalized_request_count", "sample_rate", "normalized"
        )
        assert row.row(0) == ("1", "9", "0.1", False)

    @pytest.mark.parametrize(
        ("text", "due"), [("5.0", "5"), ("1.2E3", "1200"), ("3.5", "3.5"), ("-1", "-1"), ("x", "x"), ("NaN", "NaN")]
    )
    def test_whole_numbers_lose_their_fraction_and_nothing_else(self, text, due):
        assert druid.canonical(pl.DataFrame({"request_count": [text]})).frame["request_count"].item() == due

    def test_the_weight_of_the_data_source_of_events_is_doubted(self):
        frame = pl.DataFrame({"event_statusCode": ["6"], "event_count": ["1"], "event_normalized_count": ["100.0"]})
        assert druid.canonical(frame).notes == [druid.STREAM_RATE]
