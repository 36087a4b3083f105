"""Impressions from each export: accounts that add up, codes that stay text, reasons for what was set aside."""

import gzip
import json
from urllib.parse import parse_qsl, urlencode

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit import ToolkitError, keep, load
from toolkit.load.beacon import PARAMETERS, parameters

LOG = "dt\turi_path\turi_query\tagent_type"
ROW = "2026-03-02T00:00:01Z\t/beacon/impression\t?{query}\tuser"


def query(**more):
    """Query string of a beacon."""
    return urlencode(
        {"country": "DE", "statusCode": "2.10", "campaign": "A & B", "recordImpressionSampleRate": "0.1", **more}
    )


def row(**more):
    """Line of a request log."""
    return ROW.format(query=query(**more))


def event(**more):
    """Line of a CentralNoticeImpression event in the capsule."""
    fields = {
        "anonymous": True, "debug": False, "campaignCategoryUsesLegacy": False, "project": "wikipedia", "db": "dewiki",
        "uselang": "de", "device": "desktop", "country": "DE", "status": "banner_shown", "statusCode": "6",
        "campaignStatuses": '[{"statusCode":"6","campaign":"A","bannersCount":1}]', "campaignCategory": "x", "campaign": "A",
        "randomcampaign": 0.5, "randombanner": 0.5, "impressionEventSampleRate": 0.01, "recordImpressionSampleRate": 1, "bucket": 1,
    }  # fmt: skip
    capsule = {
        "schema": "CentralNoticeImpression", "revision": 19511351, "uuid": "u1", "dt": "2026-03-02T00:00:01Z",
        "webHost": "de.wikipedia.org", "wiki": "dewiki", "recvFrom": "cp1", "seqId": 1, "userAgent": {"is_bot": False},
    }  # fmt: skip
    outside = {name: more.pop(name) for name in list(more) if name in capsule}
    return json.dumps({**capsule, **outside, "event": {**fields, **more}})


class TestLogs:
    def test_all_of_the_sample_is_kept(self, sample):
        found = load.impressions(sample / "beacons.tsv.gz")
        assert found.account.row(0)[2:] == (9274, 9274, 0, 0)
        assert found.rows.schema["status_code"] == pl.String

    def test_a_code_keeps_its_final_zero(self, write):
        found = load.impressions(write("log.tsv", [LOG, row(statusCode="2.10"), row(statusCode="2.1")]))
        assert found.rows["status_code"].to_list() == ["2.10", "2.1"]

    @pytest.mark.parametrize("line", ["{dt}\t?{query}", "?{query}\t{dt}", '{dt},"?{query}"', "?{query}&x={dt}"])
    def test_queries_without_a_header_or_a_path_are_found(self, write, line):
        lines = [line.format(dt="2026-03-02T00:00:01Z", query=query(campaign=name)) for name in ("A", "B & C")]
        found = load.impressions(write("queries.txt", lines)).rows
        assert found["campaign"].to_list() == ["A", "B & C"]
        assert found["dt"].dt.second().to_list() == [1, 1]

    @pytest.mark.parametrize(
        ("line", "due"),
        [
            ("https://de.wikipedia.org/beacon/impression?campaign=it's&statusCode=6", ["it's", "6"]),
            ("curl 'https://de.wikipedia.org/beacon/impression?campaign=its&statusCode=6' -v", ["its", "6"]),
        ],
    )
    def test_a_single_quote_ends_an_address_only_where_one_opens_it(self, write, line, due):
        found = load.impressions(write("log.txt", [line])).rows
        assert list(found.select("campaign", "status_code").row(0)) == due

    def test_a_status_of_tomorrow_is_kept_and_flagged(self, write):
        found = load.impressions(write("log.tsv", [LOG, row(statusCode="9"), row(statusCode="6")]))
        assert found.rows.filter(keep.flagged("unknown_code"))["status_code"].to_list() == ["9"]

    def test_lines_that_are_no_rows_are_set_aside_with_line_and_reason(self, write):
        lines = [
            LOG,
            row(),
            "too\tfew",
            "",
            row().encode() + b"\xe9",
            row().replace("/beacon/impression", "/wiki/Main"),
            row(),
        ]
        found = load.impressions(write("log.tsv.gz", lines))
        assert found.account.row(0)[2:] == (5, 2, 3, 0)
        assert found.set_aside.select("line", "reason").rows() == [
            (3, "2 fields where the header has 4"),
            (5, f"no UTF-8: byte 0xe9 at column {len(row()) + 1}"),
            (6, "a request of '/wiki/Main', not of '/beacon/impression'"),
        ]
        assert found.rows["line"].to_list() == [2, 7]

    def test_carriage_returns_and_a_missing_last_line_end_change_nothing(self, write):
        plain = load.impressions(write("a.tsv", [LOG, row(), row()]))
        dos = load.impressions(write("b.tsv", [LOG + "\r", row() + "\r", row() + "\r"], end=""))
        assert plain.rows.drop("file").equals(dos.rows.drop("file"))

    @pytest.mark.parametrize(
        ("rate", "flag"),
        [
            ("0", "rate_unusable"),
            ("-1", "rate_unusable"),
            ("x", "rate_unusable"),
            ("", "rate_unusable"),
            ("Infinity", "rate_above_one"),
            ("2", "rate_above_one"),
        ],
    )
    def test_odd_rates_are_flagged(self, write, rate, flag):
        found = load.impressions(write("log.tsv", [LOG, row(recordImpressionSampleRate=rate)]))
        assert found.rows.filter(keep.flagged(flag)).height == 1

    def test_a_missing_time_is_flagged_and_the_row_kept(self, write):
        found = load.impressions(write("log.tsv", [LOG, "-" + row()[20:]]))
        assert found.rows.filter(keep.flagged("no_time"))["dt"].to_list() == [None]

    def test_shown_though_hidden_is_flagged(self, write):
        found = load.impressions(
            write("log.tsv", [LOG, row(statusCode="6", bannerLoadedButHiddenReason="x"), row(statusCode="6")])
        )
        assert found.rows.filter(keep.flagged("shown_but_hidden"))["line"].to_list() == [2]

    def test_attempts_that_cannot_be_read_are_flagged(self, write):
        found = load.impressions(write("log.tsv", [LOG, row(campaignStatuses="[{"), row()]))
        assert found.rows.filter(keep.flagged("unreadable_attempts"))["line"].to_list() == [2]
        assert found.rows.filter(keep.flagged("partial_attempts"))["line"].to_list() == [2, 3]

    def test_a_header_that_cannot_be_used_says_why(self, write):
        with pytest.raises(ToolkitError, match="its header names 'dt' more than once"):
            load.impressions(write("log.tsv", ["dt\tdt\turi_query", "a\tb\t?x=1"]))
        with pytest.raises(ToolkitError, match="a tab separated table whose header is no UTF-8"):
            load.impressions(write("log.tsv", [b"dt\turi_query\t\xff", b"a\t?x=1\tc"]))

    def test_a_column_with_the_name_of_ours_does_no_harm(self, write):
        found = load.impressions(write("log.tsv", ["line\turi_query", "77\t?statusCode=6"]))
        assert found.rows.select("line", "status_code").row(0) == (2, "6")


class TestOtherLogs:
    """The same request in other lines gives the same row."""

    URL = f"/beacon/impression?{query(campaignStatuses='[]')}"
    LINES = (
        f'10.0.0.1 - - [02/Mar/2026:01:00:01 +0100] "POST {URL} HTTP/1.1" 204 0 "https://de.wikipedia.org/" "Mozilla/5.0"',
        f"2026-03-02T00:00:01Z\tde.wikipedia.org\t{URL.replace('?', chr(9) + '?')}\tuser\tDE",
        json.dumps(
            {
                "dt": "2026-03-02T00:00:01Z",
                "uri_path": "/beacon/impression",
                "uri_query": URL.partition("impression")[2],
                "agent_type": "user",
            }
        ),
        f"2026-03-02T00:00:01Z https://de.wikipedia.org{URL}",
    )

    @pytest.mark.parametrize("line", LINES, ids=["combined", "no header", "webrequest", "url"])
    def test_a_request_is_found_in_lines_of_any_form(self, write, line):
        found = load.impressions(write("log", [line, line]))
        due = load.impressions(write("log.tsv", [LOG, row(campaignStatuses="[]")]))
        assert found.rows.height == 2
        assert found.rows.head(1).drop("file", "line").equals(due.rows.drop("file", "line"))

    def test_a_bare_address_has_no_time(self, write):
        found = load.impressions(write("urls.txt", ["https://de.wikipedia.org" + self.URL]))
        assert found.rows.filter(keep.flagged("no_time"))["status_code"].to_list() == ["2.10"]

    def test_spiders_are_told_where_the_line_tells_them(self, write):
        lines = [self.LINES[1].replace("user", "spider"), self.LINES[1], self.LINES[2].replace("user", "automated")]
        found = load.impressions([write("a.tsv", lines[:2]), write("b.ndjson", lines[2:])])
        assert found.rows.filter(keep.flagged("bot"))["line"].to_list() == [1, 1]

    def test_lines_without_such_a_request_are_set_aside(self, write):
        combined = load.impressions(write("a.log", [self.LINES[0], "hello", self.LINES[0].replace("beacon", "w")]))
        assert combined.account.row(0)[2:] == (3, 1, 2, 0)
        requests = load.impressions(
            write(
                "b.ndjson", [self.LINES[2], '{"uri_query": 7}', "{", self.LINES[2].replace("/beacon/impression", "/w")]
            )
        )
        assert requests.account.row(0)[2:] == (4, 1, 3, 0)
        assert requests.set_aside["line"].to_list() == [2, 3, 4]


class TestQueries:
    def test_every_query_of_the_sample_reads_as_urllib_reads_it(self, sample):
        text = gzip.decompress((sample / "beacons.tsv.gz").read_bytes()).decode()
        queries = [line.split("\t")[3] for line in text.splitlines()[1:]]
        found = parameters(pl.DataFrame({"q": queries}), "q").rows(named=True)
        assert found == [by_urllib(text) for text in queries]

    @given(
        st.lists(
            st.sampled_from(
                [
                    "country",
                    "c%6Funtry",
                    "campaign",
                    "statusCode",
                    "x",
                    "&",
                    "&&",
                    "=",
                    "+",
                    "%",
                    "%E9",
                    "%2B",
                    "#",
                    "?",
                    "a",
                    "ü",
                    "2.10",
                    ";",
                ]
            ),
            max_size=14,
        ).map("".join)
    )
    def test_hostile_queries_read_as_urllib_reads_them(self, text):
        found = parameters(pl.DataFrame({"q": ["?" + text]}), "q").row(0, named=True)
        assert found == by_urllib("?" + text)


def by_urllib(text):
    """What the standard library reads; the first value of a name wins."""
    pairs = parse_qsl(text.removeprefix("?").partition("#")[0], keep_blank_values=True)
    return {name: dict(reversed(pairs)).get(name) for name in PARAMETERS}


class TestEvents:
    @pytest.mark.parametrize(
        ("name", "n"), [("impressions_capsule.ndjson.gz", 2960), ("impressions_event_platform.ndjson.gz", 3035)]
    )
    def test_both_envelopes_are_read(self, sample, name, n):
        found = load.impressions(sample / name)
        assert found.rows.height == n
        assert found.set_aside.is_empty()

    def test_both_envelopes_hold_the_same_events(self, sample):
        """All capsule events are in the other file, which has the browsers with Do Not Track besides."""
        old, new = (
            load.impressions(sample / f"impressions_{kind}.ndjson.gz").rows for kind in ("capsule", "event_platform")
        )
        keys = ["campaign", "status_code", "path", "country", "device", "sample_rate"]
        counts = [frame.group_by(keys).agg(n=pl.col("requests").sum()) for frame in (old, new)]
        joined = counts[0].join(counts[1], on=keys, how="left")
        assert joined.filter(pl.col("n_right").is_null() | (pl.col("n_right") < pl.col("n"))).is_empty()

    def test_an_event_is_weighted_by_its_own_rate(self, write):
        assert load.impressions(write("e.ndjson", [event()])).rows["sample_rate"].to_list() == [0.01]

    def test_a_code_that_is_a_number_is_set_aside(self, write):
        """2.10 has become 2.1 in it; what it was cannot be known."""
        found = load.impressions(write("e.ndjson", [event(), event(statusCode=2.10, uuid="u2")]))
        assert found.set_aside.select("line", "reason").row(0) == (
            2,
            "'event.statusCode' is the number 2.1 (a number keeps no final 0) where a text is due",
        )
        assert '"statusCode": 2.1' in found.set_aside["raw"][0]

    def test_a_second_delivery_is_counted_and_dropped(self, write):
        found = load.impressions(write("e.ndjson", [event(), event(), event(uuid="u2")]))
        assert found.account.row(0)[2:] == (3, 2, 0, 1)

    def test_second_deliveries_are_found_across_files(self, write):
        found = load.impressions([write("a.ndjson", [event()]), write("b.ndjson", [event(), event(uuid="u2")])])
        assert found.account["duplicates"].to_list() == [0, 1]

    def test_an_empty_id_is_no_id(self, write):
        assert load.impressions(write("e.ndjson", [event(uuid="")] * 2)).rows.height == 2

    def test_a_field_that_stands_twice_is_set_aside(self, write):
        """One reader takes the first value, another the last."""
        line = event().replace('"statusCode": "6"', '"statusCode": "6", "statusCode": "2.1"', 1)
        found = load.impressions(write("e.ndjson", [event(uuid="u2", reason="campaign"), line]))
        assert found.set_aside.select("line", "reason").rows() == [(2, "'event.statusCode' stands more than once")]

    def test_a_bucket_is_the_number_that_was_sent(self, write):
        lines = [event(uuid=str(at), bucket=bucket) for at, bucket in enumerate([1, 1.0, 1.5])]
        assert load.impressions(write("e.ndjson", lines)).rows["bucket"].to_list() == ["1", "1", "1.5"]

    def test_broken_lines_at_the_head_do_not_hide_the_rest(self, write):
        found = load.impressions(write("e.ndjson", ["{broken"] * 20 + [event()]))
        assert found.account.row(0)[2:] == (21, 1, 20, 0)

    def test_an_event_that_does_not_name_its_schema_is_judged_by_its_fields(self, write):
        line = json.loads(event())
        del line["schema"]
        assert load.impressions(write("e.ndjson", [json.dumps(line)])).rows.height == 1

    def test_events_without_an_id_are_never_dropped(self, write):
        line = json.loads(event())
        del line["uuid"]
        found = load.impressions(write("e.ndjson", [json.dumps(line)] * 2))
        assert found.rows.height == 2

    def test_fields_no_edition_has_are_said(self, write):
        found = load.impressions(write("e.ndjson", [event(newField=1)]))
        assert "Fields that no known edition has were not read: event.newField (1 rows)." in found.notes
        assert found.rows.filter(keep.flagged("off_schema")).height == 1

    def test_one_broken_line_costs_one_row(self, write):
        lines = [event(uuid="a"), event(uuid="b")[:40], "", "null", "[1]", event(uuid="c") + "}", event(uuid="d")]
        found = load.impressions(write("e.ndjson", lines))
        assert found.account.row(0)[2:] == (6, 2, 4, 0)
        assert found.set_aside["line"].to_list() == [2, 4, 5, 6]
        assert found.rows["line"].to_list() == [1, 7]

    def test_a_line_of_another_schema_says_who_reads_it(self, write):
        other = json.dumps({"schema": "HomepageVisit", "revision": 1, "event": {}})
        found = load.impressions(write("e.ndjson", [event(), other]))
        assert found.set_aside["reason"].to_list() == [
            "an event of another schema, 'HomepageVisit'; load.homepage_visits reads it"
        ]


class TestDruid:
    def test_the_sample_counts_what_the_beacons_count(self, sample):
        """The aggregation left out what is not a reader's, and rows without a time."""
        druid = load.impressions(sample / "druid_banner_activity.csv.gz").rows
        beacons = load.impressions(sample / "beacons.tsv.gz").rows.filter(keep.without("debug", "bot", "no_time"))
        keys = [
            "campaign",
            "banner",
            "status_code",
            "sample_rate",
            "country",
            "device",
            "anonymous",
            "bucket",
            "uselang",
        ]
        sums = [frame.group_by(keys).agg(pl.col("requests").sum()).sort(keys) for frame in (druid, beacons)]
        assert sums[0].equals(sums[1])

    def test_names_are_decoded_and_codes_are_text(self, write):
        lines = [
            "dt,campaign,status_code,sample_rate,request_count",
            "2026-03-02T00:00:00Z,A+%26+B,2.10,0.10000000149011612,3",
        ]
        found = load.impressions(write("d.csv", lines)).rows.row(0, named=True)
        assert (found["campaign"], found["status_code"], found["sample_rate"], found["requests"]) == (
            "A & B",
            "2.10",
            0.1,
            3,
        )

    def test_a_bad_line_takes_no_other_with_it(self, write):
        """A quote that does not close, a byte that is no UTF-8: each costs its own line."""
        lines = [
            "status_code,request_count,campaign",
            "6,1,A",
            "6,many,A",
            "6,,A",
            '6,2,"A',
            b"6,2,\xff",
            "6,3,B",
            '6,1,"B, C"',
        ]
        found = load.impressions(write("d.csv", lines))
        assert found.account.row(0)[2:] == (7, 3, 4, 0)
        assert found.set_aside.select("line", "reason").rows() == [
            (3, "'request_count' is 'many' where a whole number is due"),
            (4, "'request_count' is missing"),
            (5, "its fields cannot be told apart: a quote opens a field and none closes it"),
            (6, "no UTF-8: byte 0xff at column 5"),
        ]
        assert found.rows["campaign"].to_list() == ["A", "B", "B, C"]

    def test_booleans_are_read_in_any_spelling_and_other_words_are_flagged(self, write):
        lines = [
            "status_code,request_count,anonymous",
            "6,1,true",
            "6,1,True",
            "6,1,1",
            "6,1,FALSE",
            "6,1,perhaps",
            "6,1,",
        ]
        found = load.impressions(write("d.csv", lines)).rows
        assert found["anonymous"].to_list() == [True, True, True, False, None, None]
        assert found.filter(keep.flagged("unknown_value"))["line"].to_list() == [6]


class TestWrongInput:
    def test_an_empty_file_says_so(self, write, tmp_path):
        (tmp_path / "none.tsv").touch()
        with pytest.raises(ToolkitError, match=r"is empty \(0 bytes\); export it again"):
            load.impressions(tmp_path / "none.tsv")
        with pytest.raises(ToolkitError, match="is empty .* hold no line"):
            load.impressions(write("blank.tsv.gz", [""]))

    def test_a_truncated_gzip_gives_its_lines_and_one_entry(self, sample, tmp_path):
        raw = (sample / "impressions_capsule.ndjson.gz").read_bytes()
        (tmp_path / "cut.ndjson.gz").write_bytes(raw[: len(raw) // 2])
        found = load.impressions(tmp_path / "cut.ndjson.gz")
        assert found.rows.height > 1000
        assert found.set_aside["reason"].to_list() == ["the gzip stream ends early here; copy or export the file again"]
        assert found.set_aside["line"].to_list() == [found.rows["line"].max() + 1]

    def test_a_gzip_cut_in_its_first_line_is_unreadable(self, sample, tmp_path):
        (tmp_path / "cut.gz").write_bytes((sample / "beacons.tsv.gz").read_bytes()[:15])
        with pytest.raises(ToolkitError, match="could not be read: the gzip stream ends early"):
            load.impressions(tmp_path / "cut.gz")

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            (
                "homepage_modules_2019.ndjson.gz",
                "holds HomepageModule events, not impressions; read it with toolkit.load.homepage_modules",
            ),
            (
                "homepage_truth_2019.csv.gz",
                "holds a comma separated table that starts with the columns 'wiki', .*; load.impressions reads requests",
            ),
            ("pageviews_truth.parquet", "holds a Parquet file with the columns"),
        ],
    )
    def test_a_file_of_another_kind_says_what_it_holds(self, sample, name, said):
        with pytest.raises(ToolkitError, match=said):
            load.impressions(sample / name)

    def test_among_several_files_one_that_cannot_be_read_is_one_entry(self, write, tmp_path):
        (tmp_path / "empty.tsv").touch()
        found = load.impressions([write("a.tsv", [LOG, row()]), tmp_path / "empty.tsv", write("b.txt", ["hello"])])
        assert found.account.select("rows_in", "kept", "set_aside").rows() == [(1, 1, 0), (1, 0, 1), (1, 0, 1)]
        assert "is empty (0 bytes)" in found.set_aside["reason"][0]

    def test_where_no_file_can_be_read_the_first_one_says_why(self, write, tmp_path):
        (tmp_path / "empty.tsv").touch()
        with pytest.raises(ToolkitError, match="is empty"):
            load.impressions([tmp_path / "empty.tsv", write("b.txt", ["hello"])])

    def test_the_sentence_is_all_that_a_notebook_shows(self, tmp_path):
        with pytest.raises(ToolkitError) as caught:
            load.impressions(tmp_path)
        assert caught.value._render_traceback_() == [f"ToolkitError: {caught.value}"]


def test_exports_of_the_same_page_views_are_not_to_be_counted_together(sample):
    """One random number decides on the request and on the event: the smaller sample is a part of the larger."""
    one = load.impressions([sample / "impressions_capsule.ndjson.gz"])
    both = load.impressions([sample / "beacons.tsv.gz", sample / "impressions_capsule.ndjson.gz"])
    assert not any("do not count them together" in note for note in one.notes)
    assert any("do not count them together" in note for note in both.notes)


def test_a_load_shows_its_account(sample):
    found = load.impressions(sample / "beacons.tsv.gz")
    assert "9,274 rows in = 9,274 kept + 0 set aside + 0 duplicates." in repr(found)
    assert "<td style='text-align:right'>9,274</td>" in found._repr_html_()


def test_an_account_that_does_not_add_up_is_refused(sample):
    found = load.impressions(sample / "beacons.tsv.gz")
    with pytest.raises(AssertionError, match="does not add up"):
        load.Load("impressions", found.rows.head(1), found.set_aside, found.account)


def druid_names(write, *names, separator=",", time="dt"):
    """Campaigns of rows of Druid with these names."""
    header = separator.join([time, "Campaign" if time == "Time" else "campaign", "status_code", "request_count"])
    rows = [separator.join(["2026-03-02T00:00:00Z", name, "6", "1"]) for name in names]
    found = load.impressions(write("druid.txt", [header, *rows]))
    return found.rows["campaign"].to_list(), found.notes


def test_names_that_druid_has_decoded_are_not_decoded_once_more(write):
    """The refinery stores them as in the address, the stream decoded: names with blanks tell."""
    assert druid_names(write, "A+B", "C%20D", "E")[0] == ["A B", "C D", "E"]
    names, notes = druid_names(write, "A+B", "WMDE Frühling", "100%25", "Tips & more", "日本")
    assert names == ["A+B", "WMDE Frühling", "100%25", "Tips & more", "日本"]
    assert "Names of campaigns and banners stand decoded in the export: their signs are read as they are." in notes


def test_quotes_that_turnilo_doubled_in_tsv_are_single_again(write):
    """Hive doubles none."""
    assert druid_names(write, 'a ""b""', separator="\t", time="Time")[0] == ['a "b"']
    assert druid_names(write, 'a ""b""', separator="\t")[0] == ['a ""b""']
