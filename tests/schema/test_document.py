"""A schema read in either draft says the same, and one made of all editions takes what any of them takes."""

import jsonschema
import pytest

from toolkit import reference
from toolkit.schema import at_path, polars_of, to_draft_7, union_of

SEED = reference.schema("homepagemodule", "19000731")


def test_draft_3_and_its_translation_agree():
    broken = {
        "action": "impression", "action_data": "", "user_id": "7", "user_editcount": 0, "module": "nothing",
        "is_mobile": False, "homepage_pageview_token": "abc",
    }  # fmt: skip
    old = sorted(error.json_path for error in jsonschema.Draft3Validator(SEED).iter_errors(broken))
    new = sorted(error.json_path for error in jsonschema.Draft7Validator(to_draft_7(SEED)).iter_errors(broken))
    assert old == new == ["$.module", "$.user_id"]


@pytest.mark.parametrize("name", ["homepagemodule", "homepagevisit", "centralnoticeimpression"])
def test_one_schema_of_all_editions_has_their_names_and_their_values(name):
    schemas = [reference.schema(name, edition) for edition in reference.editions(name)]
    whole = union_of(schemas)
    assert whole["properties"].keys() == {key for schema in schemas for key in schema["properties"]}
    for key, sub in whole["properties"].items():
        listed = [at_path(schema, key)["enum"] for schema in schemas if "enum" in at_path(schema, key)]
        assert sorted(sub.get("enum", [])) == sorted({value for values in listed for value in values})
    assert set(whole["required"]) == set.intersection(*(set(to_draft_7(schema)["required"]) for schema in schemas))


def test_what_is_at_no_path_has_no_schema_and_is_text():
    assert at_path(SEED, "module.mood") == {}
    assert str(polars_of(at_path(SEED, "module.mood"))) == "String"
