"""Tables of events, whatever they were exported by, give the columns that the event lines give."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit.load import refined, sheets
from toolkit.load.batch import CONTENT, ID, Batch, Options, Piece
from toolkit.load.interaction import interaction, is_interaction

MODULE_2019 = {
    "event": {
        "action": "link-click", "action_data": "linkId=tutorial", "user_id": 4321, "user_editcount": 0,
        "module": "start-tutorial", "state": "incomplete", "is_mobile": False, "homepage_pageview_token": "3kq0v9d2m1a7",
    },
    "schema": "HomepageModule", "revision": 19000731, "uuid": "2f4a5c1d9e8b", "dt": "2019-05-14T08:03:12Z",
    "webHost": "cs.wikipedia.org", "wiki": "cswiki", "recvFrom": "cp3040.esams.wmnet", "seqId": 123456,
    "userAgent": '{"browser_family": "Firefox", "is_bot": false, "os_minor": null}',
}  # fmt: skip
STATELESS = {
    **MODULE_2019, "uuid": "aa11", "seqId": 7, "userAgent": '{"is_bot": true}',
    "event": {
        "action": "impression", "action_data": "", "user_id": 5, "user_editcount": 12, "module": "help",
        "is_mobile": True, "homepage_pageview_token": "zz9",
    },
}  # fmt: skip
MODULE_2022 = {
    "$schema": "/analytics/legacy/homepagemodule/1.5.1", "schema": "HomepageModule", "wiki": "arwiki",
    "client_dt": "2022-09-05T03:18:09.437Z", "dt": "2022-09-05T03:18:09.437Z", "webHost": "ar.m.wikipedia.org",
    "event": {
        "action": "impression", "action_data": "", "user_id": 77, "user_editcount": 3, "user_variant": "control",
        "module": "impact", "state": "activated", "is_mobile": True, "mode": "mobile-summary",
        "homepage_pageview_token": "k3j9v0aq5t7u",
    },
    "meta": {
        "id": "3f2d6f5e-8b9a", "dt": "2022-09-05T03:18:08.970Z", "stream": "eventlogging_HomepageModule",
        "domain": "ar.m.wikipedia.org",
    },
}  # fmt: skip
VISIT = {
    "$schema": "/analytics/legacy/homepagevisit/1.4.0", "schema": "HomepageVisit", "wiki": "viwiki",
    "client_dt": "2022-09-05T03:18:00.001Z", "dt": "2022-09-05T03:18:00.001Z", "webHost": "vi.wikipedia.org",
    "event": {
        "is_mobile": False, "referer_route": "specialcontributions", "referer_namespace": -1, "referer_action": "view",
        "user_id": 9, "user_editcount": 0, "impact_module_state": "unactivated", "start_email_state": "noemail",
        "homepage_pageview_token": "vv1",
    },
    "meta": {
        "id": "v-1", "dt": "2022-09-05T03:18:00.100Z", "stream": "eventlogging_HomepageVisit", "domain": "canary",
    },
}  # fmt: skip
IMPRESSION = {
    "schema": "CentralNoticeImpression", "revision": 19511351, "uuid": "c0ffee", "dt": "2020-02-01T00:00:01Z",
    "wiki": "dewiki", "webHost": "de.wikipedia.org", "recvFrom": "cp1", "seqId": 1, "userAgent": '{"is_bot": false}',
    "event": {
        "anonymous": True, "debug": False, "campaignCategoryUsesLegacy": False, "project": "wikipedia", "db": "dewiki",
        "uselang": "de", "device": "desktop", "country": "DE", "status": "banner_shown", "statusCode": "2.10",
        "campaignStatuses": '[{"statusCode":"2.10","campaign":"C1","bannersCount":1}]', "campaignCategory": "fundraising",
        "campaign": "C1", "randomcampaign": 0.25, "randombanner": 0.5, "impressionEventSampleRate": 0.01, "bucket": 1,
        "banner": "B_1",
    },
}  # fmt: skip
HISTORY = {
    "schema": "CentralNoticeBannerHistory", "revision": 19079897, "uuid": "hh", "dt": "2020-02-01T00:00:01Z",
    "wiki": "nlwiki", "recvFrom": "cp1", "seqId": 2, "userAgent": '{"is_bot": false}',
    "event": {"i": "6f1d0c", "r": 0.01, "n": 2, "l": ["|demo_nl|1700000012|2.3", "ctl|demo_nl|1700000231|6"]},
}  # fmt: skip
TABLES = {
    "module 2019": ("HomepageModule", [MODULE_2019, STATELESS]),
    "module 2022": ("HomepageModule", [MODULE_2022]),
    "visit": ("HomepageVisit", [VISIT]),
    "impression": ("CentralNoticeImpression", [IMPRESSION]),
    "history": ("CentralNoticeBannerHistory", [HISTORY]),
}
NUMBERED = ["line", ID, "dt", "client_dt", "wiki", "edition", "recv_from", "seq_id", "bot", "canary"]


def as_lines(name, rows):
    """What an event line says, by columns: written down anew, so that the test does not ask the code it tests."""
    kinds = {"string": pl.String, "integer": pl.Int64, "number": pl.Float64, "boolean": pl.Boolean}
    schema = {f"event.{field}": kinds.get(kind, pl.List(pl.String)) for field, kind in refined.kinds(name).items()}
    around = {
        "line": [row["line"] for row in rows],
        ID: [row.get("uuid") or row["meta"]["id"] for row in rows],
        "dt": [row.get("meta", row)["dt"] for row in rows],
        "client_dt": [row.get("client_dt") for row in rows],
        "wiki": [row["wiki"] for row in rows],
        "edition": [str(row.get("revision") or row["$schema"].rpartition("/")[2]) for row in rows],
        "recv_from": [row.get("recvFrom") for row in rows],
        "seq_id": [row.get("seqId") for row in rows],
        "bot": ['"is_bot": true' in str(row.get("userAgent")) for row in rows],
        "canary": [row.get("meta", {}).get("domain") == "canary" for row in rows],
    }
    types = dict.fromkeys(around, pl.String) | {
        "line": pl.Int64,
        "seq_id": pl.Int64,
        "bot": pl.Boolean,
        "canary": pl.Boolean,
    }
    events = {column: [row["event"].get(column.removeprefix("event.")) for row in rows] for column in schema}
    return pl.DataFrame({**around, **events}, schema={**types, **schema})


def numbered(rows, first):
    return [{"line": line, **row} for line, row in enumerate(rows, first)]


def check(found, name, rows, first, lacks=()):
    """Columns of a table equal those of the event lines, but for those that the export does not have."""
    (batch,) = found
    assert refined.is_refined(batch.frame.columns, name)
    done = refined.events(batch, name, Options())
    assert [aside.reason for aside in done.aside] == []
    assert not done.unread
    due = as_lines(name, numbered(rows, first))
    due = due.with_columns(pl.lit(None, dtype=due[column].dtype).alias(column) for column in lacks)
    assert_frame_equal(done.frame.select(due.columns), due)
    return done


def flat(row, join, *, lower=False):
    """Cells of an event as a table has them, nested names joined."""
    cells = {}
    for key, value in row.items():
        if isinstance(value, dict):
            cells |= {f"{key}{join}{inner}": cell for inner, cell in value.items()}
        else:
            cells[key] = value
    return {key.lower() if lower else key: cell for key, cell in cells.items()}


def cell_of(value, null, truth):
    if value is None:
        return null
    if isinstance(value, bool):
        return truth[value]
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def separated(rows, sign, null="NULL", truth=("false", "true"), **quoting):
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    if quoting:
        writer = csv.writer(text, delimiter=sign, lineterminator="\n", **quoting)
        writer.writerow(names)
        writer.writerows([cell_of(row.get(name), null, truth) for name in names] for row in rows)
        return text.getvalue()
    lines = [sign.join(names), *(sign.join(cell_of(row.get(name), null, truth) for name in names) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def table(tmp_path):
    """Batches of a separated file with this text."""

    def read(text, name="table.txt"):
        path = tmp_path / name
        path.write_text(text, newline="", encoding="utf-8")
        return list(sheets.read_delimited(Piece(path)))

    return read


@pytest.mark.parametrize("key", TABLES)
@pytest.mark.parametrize(("join", "lower"), [(".", False), (".", True), ("_", True), ("__", True)])
def test_columns_of_hive_in_any_spelling(table, key, join, lower):
    name, rows = TABLES[key]
    cells = [{**flat(row, join, lower=lower), "year": 2021, "month": 5, "hour": 10} for row in rows]
    check(table(separated(cells, "\t")), name, rows, 2)


@pytest.mark.parametrize("key", TABLES)
def test_hive_text_with_its_own_separator(table, key):
    name, rows = TABLES[key]
    cells = [{f"t.{column}": cell for column, cell in flat(row, ".", lower=True).items()} for row in rows]
    check(table(separated(cells, "\x01", null=r"\N")), name, rows, 2)


@pytest.mark.parametrize("key", ["module 2019", "impression", "history"])
def test_mysql_tables(table, key):
    name, rows = TABLES[key]
    kept = ("uuid", "wiki", "webHost", "userAgent", "event")
    cells = [
        {
            "id": at,
            "timestamp": row["dt"].translate(str.maketrans("", "", "-:TZ")),
            **flat({column: row[column] for column in kept if column in row}, "_"),
        }
        for at, row in enumerate(rows, 1000)
    ]
    lacks = ["edition", "recv_from", "seq_id"]
    check(table(separated(cells, ",", truth=("0", "1"), quoting=csv.QUOTE_MINIMAL)), name, rows, 2, lacks)
    escaped = [
        {column: cell.replace("\\", r"\\") if isinstance(cell, str) else cell for column, cell in row.items()}
        for row in cells
    ]
    check(table(separated(escaped, "\t", truth=("0", "1"))), name, rows, 2, lacks)


@pytest.mark.parametrize("key", TABLES)
def test_superset_csv(table, key):
    """Empty cells for nulls, times without a zone."""
    name, rows = TABLES[key]
    cells = [flat(row, ".") for row in rows]
    for row in cells:
        row |= {
            column: row[column].replace("T", " ").replace("Z", "")
            for column in ("dt", "client_dt", "meta.dt")
            if column in row
        }
    check(table(separated(cells, ",", null="", truth=("False", "True"), quoting=csv.QUOTE_ALL)), name, rows, 2)


@pytest.mark.parametrize("key", TABLES)
@pytest.mark.parametrize("lower", [False, True])
def test_event_as_json_text(table, key, lower):
    name, rows = TABLES[key]
    cells = [
        {
            **flat({column: cell for column, cell in row.items() if column != "event"}, ".", lower=lower),
            "event": json.dumps({field.lower() if lower else field: cell for field, cell in row["event"].items()}),
        }
        for row in rows
    ]
    check(table(separated(cells, ",", quoting=csv.QUOTE_MINIMAL)), name, rows, 2)
    check(table(separated(cells, "\t")), name, rows, 2)


WAY_OUT = "export its fields as columns, such as event.action"
IMPRESSION_2024 = {
    **{key: cell for key, cell in MODULE_2022.items() if key != "schema"},
    "$schema": "/analytics/legacy/centralnoticeimpression/1.1.0", "schema": "CentralNoticeImpression",
    "event": IMPRESSION["event"],
}  # fmt: skip
# orders as they are published, written down anew
MODULE_ORDERS = {
    "19000731": "action action_data user_id user_editcount module state is_mobile homepage_pageview_token",
    "1.0.0": (
        "action action_data user_id user_editcount user_variant module state is_mobile mode homepage_pageview_token"
    ),
    "1.5.1": (
        "action action_data homepage_pageview_token is_mobile mode module state user_editcount user_id user_variant"
    ),
}
VISIT_ORDERS = {
    "1.0.0": (
        "is_mobile referer_route referer_namespace referer_action user_editcount user_id impact_module_state"
        " start_tutorial_state start_userpage_state start_startediting_state start_email_state homepage_pageview_token"
    ),
    "1.1.1": (
        "impact_module_state is_mobile referer_namespace referer_action user_editcount user_id referer_route"
        " start_tutorial_state start_userpage_state start_startediting_state start_email_state homepage_pageview_token"
    ),
    "1.4.0": (
        "homepage_pageview_token impact_module_state is_mobile referer_action referer_namespace referer_route"
        " start_email_state start_startediting_state start_tutorial_state start_userpage_state user_editcount user_id"
    ),
}
IMPRESSION_ORDER = (
    "alterFunctionMissing anonymous banner banner_count bannerCanceledReason bannerCategory"
    " bannersNotGuaranteedToDisplay bucket campaign campaignCategory campaignCategoryUsesLegacy campaignStatuses country"
    " db debug debugInfo device errorMsg impressionEventSampleRate project randombanner randomcampaign reason"
    " recordImpressionSampleRate region requestedBanner result status statusCode testIdentifiers uselang"
)
OF_PRESTO = {
    "module 2019": ("HomepageModule", [MODULE_2019, STATELESS], MODULE_ORDERS["19000731"]),
    "module 2022": ("HomepageModule", [MODULE_2022], MODULE_ORDERS["1.5.1"]),
    "module 2022, order of its JSON text": ("HomepageModule", [MODULE_2022], MODULE_ORDERS["1.0.0"]),
    "visit": ("HomepageVisit", [VISIT], VISIT_ORDERS["1.4.0"]),
    "visit, order of its JSON text": ("HomepageVisit", [VISIT], VISIT_ORDERS["1.0.0"]),
    "impression": ("CentralNoticeImpression", [IMPRESSION_2024], IMPRESSION_ORDER),
    "history": ("CentralNoticeBannerHistory", [HISTORY], "i r e n l"),
}


@pytest.mark.parametrize(
    ("key", "form"),
    [
        *((key, form) for key in OF_PRESTO for form in ("json", "python")),
        *(
            (key, "names") for key in OF_PRESTO if key not in {"impression", "history"}
        ),  # whose cells hold what parts the names
    ],
)
def test_a_row_of_presto_is_read_in_the_order_of_its_edition(table, key, form):
    name, rows, order = OF_PRESTO[key]
    cells = []
    for row in rows:
        around = flat({column: cell for column, cell in row.items() if column != "event"}, ".", lower=True)
        values = {field: row["event"].get(field) for field in order.split()}
        if form == "names":
            words = ", ".join(f"{field}={cell_of(value, 'null', ('false', 'true'))}" for field, value in values.items())
            cells.append({**around, "event": f"{{{words}}}"})
        else:
            written = {"json": json.dumps, "python": str}[form]
            cells.append(
                {**around, "event": written([json.dumps(v) if isinstance(v, list) else v for v in values.values()])}
            )
    check(table(separated(cells, ",", quoting=csv.QUOTE_MINIMAL)), name, rows, 2)


def of_presto(table, name, event, order, said=None):
    """What becomes of one event that stands in one cell, in an order, next to what tells its edition."""
    row = {"wiki": "cswiki", **(said or {}), "event": json.dumps([event.get(field) for field in order.split()])}
    (batch,) = table(separated([row], ",", quoting=csv.QUOTE_MINIMAL))
    return refined.events(batch, name, Options())


def value_of(done, field):
    return [done.frame[f"event.{field}"].to_list(), [aside.reason for aside in done.aside]]


@pytest.mark.parametrize("edition", VISIT_ORDERS)
def test_a_presto_row_without_an_edition_is_read_where_one_published_order_fits(table, edition):
    done = of_presto(table, "HomepageVisit", VISIT["event"] | {"user_editcount": 31}, VISIT_ORDERS[edition])
    assert value_of(done, "user_id") == [[9], []]
    assert value_of(done, "user_editcount") == [[31], []]


@pytest.mark.parametrize("said", [{"revision": 20032959}, None])
def test_a_presto_row_that_only_an_inferred_order_fits_is_set_aside(table, said):
    order = MODULE_ORDERS["19000731"] + " mode"
    event = {**MODULE_2022["event"], "user_id": 77, "user_editcount": 3}
    done = of_presto(table, "HomepageModule", event, order, said)
    assert done.frame.is_empty()
    edition = "20032959" if said else "19141892"
    assert [aside.reason for aside in done.aside] == [
        (
            f"'event' is a row of 9 values without names; only the order of edition {edition} fits, which is inferred,"
            f" and two values of one type could be swapped; {WAY_OUT}"
        )
    ]


def test_a_presto_row_of_an_inferred_order_is_read_where_no_swap_can_go_unnoticed(table):
    said = {"revision": 19079897}
    assert value_of(of_presto(table, "CentralNoticeBannerHistory", HISTORY["event"], "i r e n l", said), "n") == [
        [2],
        [],
    ]
    swappable = {**HISTORY["event"], "r": 1}
    done = of_presto(table, "CentralNoticeBannerHistory", swappable, "i r e n l", said)
    assert done.frame.is_empty()
    assert "two values of one type could be swapped" in done.aside[0].reason


def test_a_presto_row_that_several_orders_fit_is_set_aside_unless_it_says_its_edition(table):
    event = {"i": "7", "r": "8", "e": None, "n": 5, "l": None}
    both = of_presto(table, "CentralNoticeBannerHistory", event, "i r e n l")
    assert value_of(both, "i") == [
        [],
        [
            (
                "'event' is a row of 5 values without names; the orders of editions 1.0.0 and 1.1.0 fit,"
                f" and give them different names; {WAY_OUT}"
            )
        ],
    ]
    for edition, found in (("1.0.0", "7"), ("1.1.0", "8")):
        said = {"$schema": f"/analytics/legacy/centralnoticebannerhistory/{edition}"}
        assert value_of(of_presto(table, "CentralNoticeBannerHistory", event, "i r e n l", said), "i") == [[found], []]


@pytest.mark.parametrize("edition", ["1.1.0", "1.5.1", None])
def test_a_value_of_presto_never_goes_under_the_name_of_another(table, edition):
    said = {"$schema": f"/analytics/legacy/homepagemodule/{edition}"} if edition else None
    swapped = MODULE_ORDERS["1.0.0"].replace("mode homepage_pageview_token", "homepage_pageview_token mode")
    done = of_presto(table, "HomepageModule", MODULE_2022["event"], swapped, said)
    assert done.frame.is_empty()
    fits = (
        f"they do not fit the order of its edition {edition}" if edition else "they fit the order of no known edition"
    )
    assert [aside.reason for aside in done.aside] == [
        f"'event' is a row of 10 values without names; {fits} by type and by the values it lists; {WAY_OUT}"
    ]


def test_a_new_word_in_a_presto_row_is_kept_where_its_edition_is_published(table):
    said = {"$schema": "/analytics/legacy/homepagemodule/1.6.5"}
    event = {**MODULE_2022["event"], "action": "waved"}
    assert value_of(of_presto(table, "HomepageModule", event, MODULE_ORDERS["1.5.1"], said), "action") == [
        ["waved"],
        [],
    ]
    assert of_presto(table, "HomepageModule", event, MODULE_ORDERS["1.5.1"]).frame.is_empty()


def test_a_new_word_in_a_presto_row_without_an_edition_is_set_aside_even_if_types_leave_one_order(table):
    event = {**VISIT["event"], "referer_route": "waved"}
    said = {"$schema": "/analytics/legacy/homepagevisit/1.1.1"}
    kept = of_presto(table, "HomepageVisit", event, VISIT_ORDERS["1.1.1"], said)
    assert value_of(kept, "referer_route") == [["waved"], []]
    assert of_presto(table, "HomepageVisit", event, VISIT_ORDERS["1.1.1"]).frame.is_empty()


def test_a_presto_row_of_an_edition_in_the_order_of_another_is_set_aside(table):
    said = {"$schema": "/analytics/legacy/homepagemodule/1.6.5"}  # never written as JSON, thus with one order
    done = of_presto(table, "HomepageModule", MODULE_2022["event"], MODULE_ORDERS["1.0.0"], said)
    assert done.frame.is_empty()
    assert "they do not fit the order of its edition 1.6.5" in done.aside[0].reason


def test_a_presto_row_of_an_edition_that_nobody_knows_is_set_aside(table):
    said = {"$schema": "/analytics/legacy/homepagemodule/1.9.0"}
    done = of_presto(table, "HomepageModule", MODULE_2022["event"], MODULE_ORDERS["1.5.1"], said)
    assert [aside.reason for aside in done.aside] == [
        f"'event' is a row of 10 values without names; its edition 1.9.0 is not known; {WAY_OUT}"
    ]


def test_a_row_of_presto_that_fits_no_edition_is_set_aside(table):
    fits_none = "they fit the order of no known edition by type and by the values it lists"
    text = 'wiki\tevent\ncswiki\t["impression","",77]\ncswiki\t["a","b",1,2,"c","d","e","f"]\ncswiki\tnonsense\ncswiki\tNULL\n'
    (batch,) = table(text)
    done = refined.events(batch, "HomepageModule", Options())
    assert done.frame.is_empty()
    assert [aside.reason for aside in sorted(done.aside)] == [
        f"'event' is a row of 3 values without names; the known editions have 7 or 8 or 9 or 10; {WAY_OUT}",
        f"'event' is a row of 8 values without names; {fits_none}; {WAY_OUT}",
        "'event' is neither a JSON object nor a row of values",
        "'event' is missing",
    ]


@pytest.mark.parametrize("key", TABLES)
def test_json_rows_of_spark(key):
    name, rows = TABLES[key]
    lines = [
        json.dumps({**{column.lower(): cell for column, cell in row.items()}, "year": 2021}).encode() for row in rows
    ]
    check([sheets.read_json_rows(enumerate(lines, 1))], name, rows, 1)
    flattened = [json.dumps(flat(row, "_", lower=True)).encode() for row in rows]
    check([sheets.read_json_rows(enumerate(flattened, 1))], name, rows, 1)


@pytest.mark.parametrize("key", TABLES)
def test_parquet_with_nested_columns_and_partitions(tmp_path, key):
    name, rows = TABLES[key]
    folder = tmp_path / "datacenter=eqiad" / "year=2021" / "month=1"
    folder.mkdir(parents=True)
    source, target = tmp_path / "rows.json", folder / "part-0.parquet"
    source.write_text(
        "".join(json.dumps({column.lower(): cell for column, cell in row.items()}) + "\n" for row in rows)
    )
    duckdb.sql(
        f"copy (select *, map {{'country': 'CZ'}} as geocoded_data from read_json('{source}', convert_strings_to_integers=false)) to '{target}'"
    )
    done = check(sheets.read_parquet(Piece(target)), name, rows, 1)
    assert done.left_out["geocoded_data"] == len(rows)


@pytest.mark.parametrize("key", TABLES)
def test_frames_of_duckdb(tmp_path, key):
    name, rows = TABLES[key]
    source = tmp_path / "rows.json"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    frame = sheets.to_polars(duckdb.sql(f"select * from read_json('{source}')"))
    check(sheets.read_frame(Piece(Path("frame"), frame=frame)), name, rows, 1)


def of_frame(frame, name="HomepageModule", options=None):
    (batch,) = sheets.read_frame(Piece(Path("frame"), frame=frame))
    return refined.events(batch, name, options or Options())


SMALL = {"event.action": ["impression"], "event.module": ["help"]}


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ("5", 5),
        ("5.0", 5),
        (5.0, 5),
        (5, 5),
        ("-3", -3),
        ("5.5", None),
        ("1e3", None),
        (5.5, None),
        ("x", None),
        (2.0**60, None),
    ],
)
def test_whole_numbers_are_cast_exactly_or_not_at_all(given, due):
    done = of_frame(pl.DataFrame({**SMALL, "event.user_editcount": [given]}))
    assert done.frame["event.user_editcount"].to_list() == ([] if due is None else [due])
    assert len(done.aside) == (due is None)


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ("true", True),
        ("T", True),
        ("1", True),
        ("1.0", True),
        (1.0, True),
        (0, False),
        ("False", False),
        ("yes", None),
        (2, None),
    ],
)
def test_truth_in_any_spelling(given, due):
    done = of_frame(pl.DataFrame({**SMALL, "event.is_mobile": [given]}))
    assert done.frame["event.is_mobile"].to_list() == ([] if due is None else [due])


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ("2021-01-05T00:00:00Z", "2021-01-05T00:00:00Z"),
        ("2021-01-05T00:00:00.120Z", "2021-01-05T00:00:00.120Z"),
        ("2021-01-05T02:00:00+02:00", "2021-01-05T00:00:00Z"),
        ("2021-01-05 02:00:00+0200", "2021-01-05T00:00:00Z"),
        ("2021-01-05 00:00:00", "2021-01-05T00:00:00Z"),
        ("2021-01-05 00:00:00.000 UTC", "2021-01-05T00:00:00Z"),
        ("20210105000000", "2021-01-05T00:00:00Z"),
        (20210105000000, "2021-01-05T00:00:00Z"),
        (20210105000000.0, "2021-01-05T00:00:00Z"),
        (1609804800, "2021-01-05T00:00:00Z"),
        ("1609804800123", "2021-01-05T00:00:00.123Z"),
        (1609804800.5, "2021-01-05T00:00:00.500Z"),
        (datetime(2021, 1, 5), "2021-01-05T00:00:00Z"),  # noqa: DTZ001 - without a zone on purpose
        (datetime(2021, 1, 5, tzinfo=UTC), "2021-01-05T00:00:00Z"),
        ("20210231000000", None),
        ("2021-01-05", None),
        ("yesterday", None),
    ],
)
def test_times_are_utc_whatever_their_form(given, due):
    done = of_frame(pl.DataFrame({**SMALL, "dt": [given]}))
    assert done.frame["dt"].to_list() == ([] if due is None else [due])


def test_reasons_name_column_value_and_rule_but_no_identifier():
    frame = pl.DataFrame(
        {
            "event.action": ["impression", None],
            "event.module": ["help", "help"],
            "event.is_mobile": ["perhaps", "true"],
            "event.user_id": ["77x", "5"],
            "schema": ["HomepageModule", "HomepageModule"],
        }
    )
    done = of_frame(frame)
    assert [aside.reason for aside in done.aside] == [
        "'event.user_id' is a str (not shown) where a whole number is due; 'event.is_mobile' is 'perhaps' where true or false is due",
        "'event.action' is missing",
    ]


def test_the_text_of_a_row_set_aside_shows_nothing_private():
    event = pl.DataFrame({"event": [{"i": "6f1d0c", "n": "x", "l": ["|a|1|2"]}], "ip": ["1.2.3.4"], "wiki": ["cswiki"]})
    done = of_frame(event, "CentralNoticeBannerHistory")
    assert [aside.raw for aside in done.aside] == [b'[masked]\tx\t["|a|1|2"]\tcswiki']
    asked = of_frame(event, "CentralNoticeBannerHistory", Options(keep=("i",)))
    assert asked.aside[0].raw.startswith(b"6f1d0c")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (2.5, "'event.action_data' is 2.5 where a text is due"),
        (True, "'event.action_data' is true where a text is due"),
        (["a"], """'event.action_data' is ["a"] where a text is due"""),
        ({"a": 1}, "'event.action_data' is an object where a text is due"),
    ],
)
def test_json_that_is_no_text_is_no_text(cell, reason):
    row = {**STATELESS, "event": {**STATELESS["event"], "action_data": cell}}
    for given in (row, {**row, "event": json.dumps(row["event"])}):
        done = refined.events(sheets.read_json_rows([(1, json.dumps(given).encode())]), "HomepageModule", Options())
        assert [aside.reason for aside in done.aside] == [reason]


def test_what_stands_around_an_event_may_be_json_text_too(table):
    cells = [
        {
            **flat({"event": MODULE_2022["event"]}, "."),
            "meta": json.dumps(MODULE_2022["meta"]),
            "dt": "2022-09-05T00:00:00Z",
        }
    ]
    (batch,) = table(separated(cells, "\t"))
    done = refined.events(batch, "HomepageModule", Options())
    assert done.frame.select(ID, "dt").row(0) == ("3f2d6f5e-8b9a", "2022-09-05T03:18:08.970Z")


def test_a_field_that_one_of_the_objects_lacks_is_missing_there():
    """Tables have the same columns in all rows, JSON rows need not."""
    lines = [json.dumps({"event": event}).encode() for event in (MODULE_2019["event"], {"action": "impression"})]
    done = refined.events(sheets.read_json_rows(enumerate(lines, 1)), "HomepageModule", Options())
    assert done.frame["line"].to_list() == [1]
    assert "'event.module' is missing" in done.aside[0].reason


def test_a_second_column_of_the_time_is_read_only_where_the_first_has_none():
    frame = pl.DataFrame(
        {
            **{key: cell * 2 for key, cell in SMALL.items()},
            "timestamp": ["20190101000000", "20210105000000"],
            "dt": ["2021-01-05T00:00:00Z", None],
        }
    )
    assert of_frame(frame).frame["dt"].to_list() == ["2021-01-05T00:00:00Z"] * 2
    bad = of_frame(frame.with_columns(timestamp=pl.Series(["x", "20210105000000"])))
    assert [aside.reason for aside in bad.aside] == ["'timestamp' is 'x' where a time is due"]


def test_a_column_that_the_export_does_not_have_is_null_and_noted():
    done = of_frame(pl.DataFrame(SMALL))
    assert done.frame["event.user_id"].to_list() == [None]
    (note,) = done.notes
    assert note == (
        "The table has no column 'event.user_id', 'event.user_editcount', 'event.is_mobile', "
        "'event.homepage_pageview_token': null in all its rows."
    )


def test_events_of_another_schema_are_set_aside():
    frame = pl.DataFrame(
        {
            "event.action": ["a", "b", "c"],
            "event.module": ["x", "y", "z"],
            "schema": ["HomepageModule", "HelpPanel", None],
            "_schema": [None, None, "/analytics/legacy/helppanel/1.0.0"],
        }
    )
    done = of_frame(frame)
    assert done.frame["event.action"].to_list() == ["a"]
    assert [aside.reason for aside in done.aside] == [
        "an event of another schema, 'HelpPanel'",
        "an event of another schema, 'helppanel'",
    ]


def test_codes_that_went_through_numbers_are_marked_and_not_mended():
    event = {f"event.{field}": [cell] * 3 for field, cell in IMPRESSION["event"].items()}
    floats = of_frame(pl.DataFrame({**event, "event.statusCode": [2.1, 6.0, None]}), "CentralNoticeImpression")
    assert floats.frame.select("event.statusCode", "lossy code").rows() == [("2.1", True), ("6.0", True)]
    assert [aside.reason for aside in floats.aside] == ["'event.statusCode' is missing"]
    texts = of_frame(pl.DataFrame({**event, "event.statusCode": ["2.1", "2.10", "6"]}), "CentralNoticeImpression")
    assert texts.frame["lossy code"].to_list() == [False] * 3


def test_a_number_in_json_is_a_code_only_where_its_last_zero_was_kept():
    lines = [
        json.dumps({**IMPRESSION, "event": {**IMPRESSION["event"], "statusCode": 0}}).replace(
            '"statusCode": 0', f'"statusCode": {code}'
        )
        for code in ("2.1", "2.10", '"2.1"', "6")
    ]
    batch = sheets.read_json_rows(enumerate((line.encode() for line in lines), 1))
    done = refined.events(batch, "CentralNoticeImpression", Options())
    assert done.frame.select("event.statusCode", "lossy code").rows() == [
        ("2.1", True),
        ("2.10", False),
        ("2.1", False),
        ("6", False),
    ]


def test_private_columns_stay_behind_unless_asked_for():
    frame = pl.DataFrame(
        {**SMALL, "ip": ["1.2.3.4"], "http": [{"client_ip": "1.2.3.4", "method": "POST"}], "odd": ["x"]}
    )
    done = of_frame(frame)
    assert done.left_out == {"ip": 1, "http": 1}
    assert done.unread == {"odd": 1}
    assert not {"ip", "http", "odd"} & set(done.frame.columns)
    asked = of_frame(frame, options=Options(keep=("ip", "http")))
    assert asked.frame.select("ip", "http").row(0) == ("1.2.3.4", '{"client_ip":"1.2.3.4","method":"POST"}')
    assert not asked.left_out


def test_the_same_row_in_two_partitions_has_the_same_content():
    frame = pl.DataFrame(
        {
            **{key: cell * 3 for key, cell in SMALL.items()},
            "uuid": ["u", "u", "u"],
            "hour": [1, 2, 2],
            "dt": [None, None, "2020-01-01T00:00:00Z"],
        }
    )
    first, second, other = of_frame(frame).frame[CONTENT]
    assert first == second != other


@pytest.mark.parametrize(
    ("path", "edition"),
    [("HomepageModule_19000731.tsv", "19000731"), ("homepagemodule_20190506.tsv", None), ("export.tsv", None)],
)
def test_the_edition_may_stand_in_the_name_of_the_file(path, edition):
    batch = Batch(pl.DataFrame({"line": [1], "event_action": ["a"], "event_module": ["b"]}), rows_in=1)
    done = refined.events(batch, "HomepageModule", Options(), Path(path))
    assert done.frame["edition"].to_list() == [edition]


@pytest.mark.parametrize(
    "agent", [{"is_bot": True}, '{"is_bot": true}', [{"key": "is_bot", "value": "true"}], "{is_bot=true}"]
)
def test_bots_are_told_by_their_agent_in_any_form(agent):
    assert of_frame(pl.DataFrame({**SMALL, "useragent": [agent]})).frame["bot"].to_list() == [True]
    assert of_frame(pl.DataFrame({**SMALL, "useragent": ["Mozilla/5.0 (compatible)"]})).frame["bot"].to_list() == [
        False
    ]


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (["status_code", "campaign", "request_count", "country"], "CentralNoticeImpression"),
        (["uri_query", "dt"], "CentralNoticeImpression"),
        (["event_action", "event_module"], "HomepageVisit"),
        (["action", "action_source"], "HomepageModule"),
    ],
)
def test_other_tables_are_no_tables_of_events(columns, name):
    assert not refined.is_refined(columns, name)


def test_an_empty_table_has_all_columns(table):
    (batch,) = table("event_action\tevent_module\n")
    done = refined.events(batch, "HomepageModule", Options())
    assert done.frame.height == 0
    assert set(NUMBERED) < set(done.frame.columns)


NEW = {
    "$schema": "/analytics/product_metrics/web/base/2.0.0",
    "meta": {"id": "n1", "dt": "2026-04-01T00:00:01Z", "stream": "mediawiki.product_metrics.homepage_module_interaction", "domain": "cs.wikipedia.org"},
    "dt": "2026-04-01T00:00:00Z", "action": "click", "action_source": "help", "action_subtype": "help-desk",
    "action_context": '{"taskTypes":["a","b"],"n":3}', "mediawiki": {"database": "cswiki"},
    "performer": {"id": 5, "edit_count": 2}, "agent": {"client_platform_family": "mobile_browser"},
    "experiment": {"enrolled": "exp", "assigned": "treatment", "coordinator": "default", "other_assigned": {"exp2": "control"}},
}  # fmt: skip


@pytest.mark.parametrize("form", ["lines", "frame"])
def test_the_stream_of_2026_gives_module_events_with_what_it_lacks_named(form):
    cut = {
        **NEW,
        "action": "impression",
        "action_subtype": None,
        "action_context": '{"taskTypes":["a","b',
        "meta": {**NEW["meta"], "id": "n2"},
    }
    other = {**NEW, "meta": {**NEW["meta"], "stream": "mediawiki.product_metrics.other"}}
    if form == "lines":
        batch = sheets.read_json_rows(enumerate((json.dumps(row).encode() for row in (NEW, cut, other)), 1))
    else:
        (batch,) = sheets.read_frame(Piece(Path("frame"), frame=pl.DataFrame([NEW, cut, other])))
    assert is_interaction(batch.frame.columns)
    done = interaction(batch, Options())
    wanted = [
        "line",
        ID,
        "dt",
        "client_dt",
        "wiki",
        "edition",
        "event.action",
        "event.module",
        "event.user_id",
        "event.is_mobile",
    ]
    assert done.frame.select(wanted).row(0) == (
        *(1, "n1", "2026-04-01T00:00:01Z", "2026-04-01T00:00:00Z", "cswiki", "2.0.0", "link-click", "help", 5, True),
    )
    assert done.frame.select("event.action", "event.action_data").rows() == [
        ("link-click", "taskTypes=a,b;n=3;linkId=help-desk"),
        ("impression", 'action_context={"taskTypes":["a","b'),
    ]
    assert done.frame["event.user_variant"].to_list() == ["exp:treatment;exp2:control"] * 2
    assert done.frame["event.mode"].null_count() == 2
    assert [aside.reason for aside in done.aside] == ["an event of another stream, 'mediawiki.product_metrics.other'"]
    assert "no page view token" in done.notes[0]


def test_a_revision_that_is_no_number_sets_its_row_aside():
    """As in an event line; a number that a column with nulls made a float is one."""
    columns = {
        "event_action": "impression",
        "event_module": "help",
        "revision": ["19000731", "abc", None, "19000731.0"],
    }
    frame = pl.DataFrame({"line": [1, 2, 3, 4], **columns})
    done = refined.events(Batch(frame, rows_in=4), "HomepageModule", Options(), needs=frozenset())
    assert done.frame["edition"].to_list() == ["19000731", None, "19000731"]
    assert [(entry.line, entry.reason) for entry in done.aside] == [
        (2, "'revision' is 'abc' where a whole number is due")
    ]
