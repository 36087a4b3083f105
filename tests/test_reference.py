"""The shelves: codes, schemas, and what stands on them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from toolkit import errors, reference

ROOT = Path(__file__).parent.parent
TABLES = sorted(path.stem for path in (ROOT / "toolkit" / "tables").glob("*.csv"))
SCHEMAS = sorted((ROOT / "toolkit" / "schemas").rglob("*.json"))
KEYS = {
    "action": ["action"],
    "advice": ["status_code"],
    "calendar": ["date", "system"],
    "call": ["module", "call"],
    "flag": ["bit"],
    "group": ["group"],
    "layout": ["layout", "place"],
    "link": ["module", "link_id"],
    "module": ["module"],
    "outcome": ["status_code"],
    "reason": ["code"],
    "stage": ["stage"],
    "state": ["state"],
    "status": ["code"],
}
VALIDATORS = {
    "http://json-schema.org/draft-03/schema#": jsonschema.Draft3Validator,
    "http://json-schema.org/draft-07/schema#": jsonschema.Draft7Validator,
}


EVENTS = ("homepagemodule", "homepagevisit", "centralnoticeimpression", "centralnoticebannerhistory")


# Order of the properties of event in wikimedia/schemas-event-secondary at a03dbc0, jsonschema/analytics/legacy
PUBLISHED = {
    "homepagemodule": {
        "1.0.0 1.1.0": (
            "action action_data user_id user_editcount user_variant module state is_mobile mode homepage_pageview_token"
        ),
        "1.2.0 1.3.0 1.4.0 1.5.0 1.5.1 1.6.0 1.6.1 1.6.2 1.6.3 1.6.4 1.6.5 1.6.6 1.6.7 1.7.0": (
            "action action_data homepage_pageview_token is_mobile mode module state user_editcount user_id user_variant"
        ),
    },
    "homepagevisit": {
        "1.0.0 1.1.0": (
            "is_mobile referer_route referer_namespace referer_action user_editcount user_id impact_module_state"
            " start_tutorial_state start_userpage_state start_startediting_state start_email_state"
            " homepage_pageview_token"
        ),
        "1.1.1": (
            "impact_module_state is_mobile referer_namespace referer_action user_editcount user_id referer_route"
            " start_tutorial_state start_userpage_state start_startediting_state start_email_state"
            " homepage_pageview_token"
        ),
        "1.2.0 1.2.1 1.3.0 1.4.0 1.5.0 1.5.1 1.5.2 1.6.0": (
            "homepage_pageview_token impact_module_state is_mobile referer_action referer_namespace referer_route"
            " start_email_state start_startediting_state start_tutorial_state start_userpage_state user_editcount user_id"
        ),
    },
    "centralnoticeimpression": {
        "1.0.0": (
            "anonymous project db uselang device country region debug randomcampaign randombanner"
            " recordImpressionSampleRate impressionEventSampleRate status statusCode campaignStatuses campaignCategory"
            " campaign banner campaignCategoryUsesLegacy bannerCategory bucket bannersNotGuaranteedToDisplay"
            " bannerCanceledReason result reason requestedBanner alterFunctionMissing banner_count errorMsg"
            " testIdentifiers debugInfo"
        ),
        "1.1.0": (
            "alterFunctionMissing anonymous banner banner_count bannerCanceledReason bannerCategory"
            " bannersNotGuaranteedToDisplay bucket campaign campaignCategory campaignCategoryUsesLegacy"
            " campaignStatuses country db debug debugInfo device errorMsg impressionEventSampleRate project"
            " randombanner randomcampaign reason recordImpressionSampleRate region requestedBanner result status"
            " statusCode testIdentifiers uselang"
        ),
    },
    "centralnoticebannerhistory": {"1.0.0": "i r e n l", "1.1.0": "e i l n r"},
}


def whole(path: Path) -> dict[str, Any]:
    """Schema of a file, with what it extends."""
    folder = path.parent.name
    return reference.schema(path.stem) if folder == "schemas" else reference.schema(folder, path.stem)


def names(path: Path) -> str:
    """Name of a schema as a reader says it."""
    return str(path.relative_to(ROOT / "toolkit" / "schemas"))


class TestCodes:
    """Statuses, reasons, outcomes."""

    def test_there_are_nine_statuses(self) -> None:
        """Statuses are numbered 0 to 8 without a gap; only 8 is missing from the wiki page."""
        status = reference.table("status")

        assert status["code"].to_list() == [str(code) for code in range(9)]
        assert status.filter(pl.col("edition") == "source")["code"].to_list() == ["8"]

    def test_there_are_twenty_three_reasons(self) -> None:
        """Reasons are numbered 0 to 22 without a gap; only 21 and 22 are missing from the wiki page."""
        reason = reference.table("reason")

        assert reason["code"].to_list() == [str(code) for code in range(23)]
        assert reason.filter(pl.col("edition") == "source")["code"].to_list() == ["21", "22"]

    @pytest.mark.parametrize(
        ("code", "status"),
        list(
            enumerate(
                [
                    "campaign_not_chosen",
                    "campaign_chosen",
                    "banner_canceled",
                    "no_banner_available",
                    "banner_chosen",
                    "banner_loaded_but_hidden",
                    "banner_shown",
                    "banner_loader_error",
                ]
            )
        ),
    )
    def test_the_wiki_page_names_the_status(self, code: int, status: str) -> None:
        """Each of the eight statuses of the wiki page has its name here."""
        assert reference.table("status")["status"][code] == status

    @pytest.mark.parametrize(
        ("code", "reason"),
        [
            (0, "other"),
            (1, "close"),
            (2, "waitdate"),
            (9, "donate"),
            (10, "cookies"),
            (14, "waitnostorage"),
            (16, "noStorage"),
            (20, "bannerSequenceAllStepsSkipped"),
        ],
    )
    def test_the_wiki_page_names_the_reason(self, code: int, reason: str) -> None:
        """Reasons have the names of the wiki page, in its spelling."""
        assert reference.table("reason")["reason"][code] == reason

    def test_only_two_reasons_are_deprecated(self) -> None:
        """The wiki page calls 4 and 13 deprecated."""
        assert reference.table("reason").filter(pl.col("deprecated").is_not_null())["code"].to_list() == ["4", "13"]

    def test_an_outcome_for_every_legal_code(self) -> None:
        """Bare statuses, 3.17, and every reason behind 2 and 5."""
        legal = {*map(str, range(9)), "3.17", *(f"{status}.{reason}" for status in (2, 5) for reason in range(23))}

        assert set(reference.table("outcome")["status_code"]) == legal

    def test_codes_are_in_order_as_numbers(self) -> None:
        """2.10 comes after 2.9, and a bare status before .0."""
        codes = reference.status_codes()["status_code"].to_list()

        assert codes[:6] == ["0", "1", "2", "2.0", "2.1", "2.2"]
        assert codes.index("2.10") == codes.index("2.9") + 1

    def test_every_code_has_its_words(self) -> None:
        """Status, group and label are never missing; a reason is missing from bare codes only."""
        codes = reference.status_codes()

        assert codes.height == 56
        assert codes.select("status", "group", "label").null_count().sum_horizontal().item() == 0
        assert codes.filter(pl.col("reason").is_null())["status_code"].to_list() == list("012345678")

    def test_nothing_was_attempted_in_two_codes(self) -> None:
        """0 and 8 have no stage."""
        assert reference.status_codes().filter(pl.col("stage").is_null())["status_code"].to_list() == ["0", "8"]

    def test_labels_are_short(self) -> None:
        """A label fits beside a bar."""
        assert reference.table("outcome")["label"].str.len_chars().max() <= 40

    def test_labels_differ(self) -> None:
        """Two codes are never called the same, except that 2.17 and 3.17 are one fact."""
        doubled = reference.table("outcome").filter(pl.col("label").is_duplicated())

        assert doubled["status_code"].to_list() == ["2.17", "3.17"]


class TestTables:
    """What holds for all tables."""

    @pytest.mark.parametrize("name", TABLES)
    def test_no_key_stands_twice(self, name: str) -> None:
        """A row of a table is known by its key."""
        assert not reference.table(name).select(KEYS[name]).is_duplicated().any()

    @pytest.mark.parametrize("name", TABLES)
    def test_every_column_is_text(self, name: str) -> None:
        """2.10 stays 2.10."""
        assert set(reference.table(name).dtypes) == {pl.String}

    @pytest.mark.parametrize(
        ("name", "column", "where", "key"),
        [
            ("outcome", "group", "group", "group"),
            ("status", "stage", "stage", "stage"),
            ("link", "module", "module", "module"),
        ],
    )
    def test_what_is_referred_to_is_there(self, name: str, column: str, where: str, key: str) -> None:
        """Groups, stages and modules stand in their own table."""
        assert set(reference.table(name)[column].drop_nulls()) <= set(reference.table(where)[key])

    def test_every_group_is_in_use(self) -> None:
        """No legend for a group that has no code."""
        assert set(reference.table("group")["group"]) == set(reference.table("outcome")["group"])

    @pytest.mark.parametrize("column", ["since", "until", "date", "deprecated"])
    def test_days_are_days(self, column: str) -> None:
        """Days are ISO 8601."""
        days = [
            value
            for name in TABLES
            if column in (table := reference.table(name)).columns
            for value in table[column].drop_nulls()
        ]

        assert days
        assert pl.Series(days).str.to_date("%Y-%m-%d").is_not_null().all()

    def test_states_are_those_of_the_schema(self) -> None:
        """A module has no state that its schema does not list."""
        states = reference.table("module")["states"].drop_nulls().str.split(" ").explode()

        assert set(states) == set(reference.schema("homepagemodule", "19000731")["properties"]["state"]["enum"])

    @pytest.mark.parametrize("column", ["module", "action"])
    def test_the_tables_know_all_the_schema_lists(self, column: str) -> None:
        """Each module and action of each edition has a row."""
        listed = {
            value
            for edition in reference.editions("homepagemodule")
            for value in reference.schema("homepagemodule", edition)["properties"][column]["enum"]
        }

        assert listed <= set(reference.table(column)[column])

    def test_flags_are_numbered_from_0(self) -> None:
        """A flag is a bit of a mask."""
        bits = reference.table("flag")["bit"].to_list()

        assert bits == [str(bit) for bit in range(len(bits))]

    def test_the_platforms_and_kinds_are_closed_sets(self) -> None:
        """Words that code compares with are few."""
        assert set(reference.table("module")["platforms"].str.split(" ").explode()) == {"desktop", "mobile"}
        assert set(reference.table("action")["kind"]) == {"impression", "hover", "click", "other"}
        assert set(reference.table("flag")["table"]) <= {
            "impressions",
            "banner_history",
            "homepage_modules",
            "homepage_visits",
            "events",
            "all",
        }

    def test_an_unknown_table_is_answered_with_the_list(self) -> None:
        """The error says what there is."""
        with pytest.raises(
            errors.ToolkitError,
            match=r"^no code table named 'statuses'; toolkit/tables has action, advice, calendar, .*, status$",
        ):
            reference.table("statuses")


class TestSchemas:
    """Schemas by edition."""

    def test_the_first_homepage_schema_is_that_of_the_task(self) -> None:
        """Property for property as in task T219583."""
        properties = reference.schema("homepagemodule", "19000731")["properties"]

        assert {name: (part["type"], part["required"]) for name, part in properties.items()} == {
            "action": ("string", True),
            "action_data": ("string", False),
            "user_id": ("integer", True),
            "user_editcount": ("integer", True),
            "module": ("string", True),
            "state": ("string", False),
            "is_mobile": ("boolean", True),
            "homepage_pageview_token": ("string", True),
        }
        assert properties["action"]["enum"] == ["impression", "hover-in", "hover-out", "link-click"]
        assert properties["module"]["enum"] == [
            "start-account",
            "start-tutorial",
            "start-userpage",
            "start-email",
            "impact",
            "help",
            "mentorship",
        ]
        assert properties["state"]["enum"] == [
            "complete",
            "incomplete",
            "activated",
            "unactivated",
            "noemail",
            "unconfirmed",
            "confirmed",
        ]

    def test_editions_go_from_old_to_new(self) -> None:
        """A revision number is older than a version number."""
        assert reference.editions("homepagevisit")[:2] == ["18984461", "18999420"]
        assert reference.editions("homepagevisit")[-2:] == ["1.6.1", "1.6.2"]
        assert reference.editions("centralnoticeimpression") == ["19108542", "19510146", "19511351", "1.0.0", "1.1.0"]
        assert reference.editions("centralnoticebannerhistory") == [
            "13172419",
            "14321636",
            "19079897",
            "1.0.0",
            "1.1.0",
        ]
        assert reference.editions("banner_activity") == []

    def test_a_schema_without_editions_needs_none(self) -> None:
        """Druid has eighteen columns, the same at all times."""
        assert len(reference.schema("banner_activity")["properties"]) == 18

    def test_every_edition_of_event_platform_is_there(self) -> None:
        """Sixteen of HomepageModule; thirteen of HomepageVisit, with two that are not public."""
        versions = {name: [edition for edition in reference.editions(name) if "." in edition] for name in EVENTS}

        assert " ".join(versions["homepagemodule"]) == (
            "1.0.0 1.1.0 1.2.0 1.3.0 1.4.0 1.5.0 1.5.1 1.6.0 1.6.1 1.6.2 1.6.3 1.6.4 1.6.5 1.6.6 1.6.7 1.7.0"
        )
        assert " ".join(versions["homepagevisit"]) == (
            "1.0.0 1.1.0 1.1.1 1.2.0 1.2.1 1.3.0 1.4.0 1.5.0 1.5.1 1.5.2 1.6.0 1.6.1 1.6.2"
        )

    @pytest.mark.parametrize("name", EVENTS)
    def test_properties_stand_in_the_published_order(self, name: str) -> None:
        """Of every edition whose text is public: a row of Presto has no names but this order."""
        due = {edition: order.split() for some, order in PUBLISHED[name].items() for edition in some.split()}
        found = {edition: reference.schema(name, edition) for edition in reference.editions(name) if "." in edition}

        assert due == {
            edition: list(schema["properties"]) for edition, schema in found.items() if "x-inferred" not in schema
        }

    @pytest.mark.parametrize(
        ("name", "due"),
        [
            ("homepagemodule", "1.2.0 1.3.0 1.4.0 1.5.0 1.5.1 1.6.0"),
            ("homepagevisit", "1.1.1 1.2.0 1.2.1 1.3.0 1.4.0"),
            ("centralnoticeimpression", ""),
            ("centralnoticebannerhistory", ""),
        ],
    )
    def test_an_edition_published_in_two_orders_says_so(self, name: str, due: str) -> None:
        """Its YAML was sorted anew; its JSON text kept the order of 1.0.0."""
        others = {
            edition: reference.schema(name, edition).get("x-other-orders") for edition in reference.editions(name)
        }

        assert {edition: other for edition, other in others.items() if other} == {
            edition: ["1.0.0"] for edition in due.split()
        }

    @pytest.mark.parametrize("path", SCHEMAS, ids=names)
    def test_a_schema_says_where_it_comes_from(self, path: Path) -> None:
        """Title, source, day, and a meaning for each property, that of the edition it extends included."""
        schema = json.loads(path.read_text(encoding="utf-8"))

        assert {"title", "x-source", "x-adopted"} <= set(schema)
        assert all(part["description"].endswith(".") for part in whole(path)["properties"].values())

    @pytest.mark.parametrize("path", SCHEMAS, ids=names)
    def test_a_schema_keeps_the_rules_of_its_draft(self, path: Path) -> None:
        """An independent validator accepts it, and no word of the shelf's own form is left in it."""
        schema = whole(path)

        VALIDATORS[schema["$schema"]].check_schema(schema)
        assert not {"x-extends", "x-adds", "x-drops"} & set(schema)

    @pytest.mark.parametrize("path", SCHEMAS, ids=names)
    def test_what_is_inferred_says_so(self, path: Path) -> None:
        """Both in words and for programs; nobody is told that an extended text is inferred because its base is."""
        schema = whole(path)

        assert schema["x-source"].startswith("inferred") == bool(schema.get("x-inferred"))

    def test_an_edition_adds_to_the_one_it_extends(self) -> None:
        """Values stand at the end of the enum; the rest is as before."""
        before = reference.schema("homepagemodule", "1.5.0")["properties"]
        after = reference.schema("homepagemodule", "1.5.1")["properties"]

        assert after["module"]["enum"] == [*before["module"]["enum"], "mentorship-optin"]
        assert {key: part for key, part in after.items() if key != "module"} == {
            key: part for key, part in before.items() if key != "module"
        }

    def test_an_edition_drops_values_and_fields(self) -> None:
        """Hovers ended on 2020-04-14; the very first edition had no state."""
        before, after = (
            reference.schema("homepagemodule", edition)["properties"] for edition in ("19875950", "19983482")
        )

        assert set(before["action"]["enum"]) - set(after["action"]["enum"]) == {"hover-in", "hover-out"}
        assert "state" not in reference.schema("homepagemodule", "18976700")["properties"]

    def test_user_variant_is_required_since_september_2020(self) -> None:
        """In the revision that brought it and in all that follow."""
        assert "user_variant" not in reference.schema("homepagemodule", "20032959")["properties"]
        assert reference.schema("homepagemodule", "20490168")["properties"]["user_variant"]["required"] is True
        assert "user_variant" in reference.schema("homepagemodule", "1.0.0")["required"]

    def test_a_schema_can_be_changed_without_harm(self) -> None:
        """Each caller has one of its own."""
        reference.schema("homepagemodule", "1.5.1")["properties"].clear()

        assert reference.schema("homepagemodule", "1.5.1")["properties"]

    @pytest.mark.parametrize(
        ("name", "edition", "sentence"),
        [
            (
                "homepage",
                "1.5.1",
                r"^no schema named 'homepage'; toolkit/schemas has banner_activity, .*homepagemodule",
            ),
            (
                "homepagemodule",
                "1.0",
                r"^no edition of homepagemodule named '1.0'; toolkit/schemas/homepagemodule has 18976700, .*, 1.7.0$",
            ),
            ("homepagemodule", "", r"^no edition of homepagemodule named ''"),
        ],
    )
    def test_an_unknown_schema_is_answered_with_the_list(self, name: str, edition: str, sentence: str) -> None:
        """The error says what there is."""
        with pytest.raises(errors.ToolkitError, match=sentence):
            reference.schema(name, edition)


class TestLines:
    """Schemas of whole lines."""

    def test_name_and_edition_are_fixed(self) -> None:
        """A line of another edition is none of this one."""
        old = reference.line_schema("homepagemodule", "19000731")["properties"]
        new = reference.line_schema("homepagemodule", "1.5.1")["properties"]

        assert (old["schema"]["enum"], old["revision"]["enum"]) == (["HomepageModule"], [19000731])
        assert new["schema"]["const"] == "HomepageModule"
        assert new["$schema"]["const"] == "/analytics/legacy/homepagemodule/1.5.1"

    def test_the_event_of_the_capsule_is_closed_and_that_of_event_platform_is_open(self) -> None:
        """EventLogging refused names that a schema does not have; Event Platform drops them later."""
        assert (
            reference.line_schema("homepagemodule", "19000731")["properties"]["event"]["additionalProperties"] is False
        )
        assert "additionalProperties" not in reference.line_schema("homepagemodule", "1.5.1")["properties"]["event"]

    @pytest.mark.parametrize("edition", ["19000731", "1.5.1"])
    def test_an_export_may_lack_what_stands_around_the_event(self, edition: str) -> None:
        """Then the event alone is required."""
        rules = reference.line_schema("homepagemodule", edition, required=["event"])
        validator = VALIDATORS[rules["$schema"]](rules)

        assert [error.message for error in validator.iter_errors({})] == ["'event' is a required property"]

    def test_the_stream_of_2026_has_no_event_within(self) -> None:
        """Its fields stand in the line."""
        line = reference.line_schema("homepage_module_interaction", "2.0.0")

        assert line["properties"]["$schema"]["const"] == "/analytics/product_metrics/web/base/2.0.0"
        assert {"action", "action_subtype", "action_source", "action_context"} <= set(line["properties"])


@pytest.mark.parametrize(
    ("file", "schema", "edition"),
    [
        ("homepage_modules_2019", "homepagemodule", "19000731"),
        ("homepage_visits_2019", "homepagevisit", "19041814"),
        ("homepage_modules_2022", "homepagemodule", "1.5.1"),
        ("homepage_visits_2022", "homepagevisit", "1.4.0"),
        ("impressions_capsule", "centralnoticeimpression", "19511351"),
        ("impressions_event_platform", "centralnoticeimpression", "1.1.0"),
    ],
)
class TestSamplesAgainstSchemas:
    """What the published code sent, against the schemas here, by a validator that the toolkit does not use."""

    def test_every_event_is_valid(self, file: str, schema: str, edition: str) -> None:
        """No event breaks the schema of its edition."""
        rules = reference.schema(schema, edition)
        validator = VALIDATORS[rules["$schema"]](rules)
        # Ids differ and shapes repeat: the same event under another id needs no second look.
        distinct = {
            json.dumps(
                {
                    name: value if name not in {"user_id", "homepage_pageview_token"} else type(value)(0)
                    for name, value in event.items()
                }
            ): event
            for line in gzip.decompress((ROOT / "data" / "sample" / f"{file}.ndjson.gz").read_bytes()).splitlines()
            for event in [json.loads(line)["event"]]
        }

        assert distinct
        assert [error.message for event in distinct.values() for error in validator.iter_errors(event)] == []

    def test_every_envelope_is_valid(self, file: str, schema: str, edition: str) -> None:
        """Nothing stands around an event that the envelope does not list."""
        rules = reference.schema("envelope", "event_platform" if "." in edition else "eventcapsule")
        validator = VALIDATORS[rules["$schema"]](rules)
        lines = gzip.decompress((ROOT / "data" / "sample" / f"{file}.ndjson.gz").read_bytes()).splitlines()[:500]
        envelopes = [json.loads(line) for line in lines]

        assert {envelope["schema"].lower() for envelope in envelopes} == {schema}
        assert [error.message for envelope in envelopes for error in validator.iter_errors(envelope)] == []
