"""A JSON schema, compiled for reading: a type that takes only valid lines, the exact verdict on others, rules for tables.

Most lines are taken by a decoder made of the schema. Only those that it refuses meet the full validator, which says
everything that is wrong with them. A schema's rules also hold for a table, as expressions.
"""

from toolkit.schema.document import Schema, at_path, to_draft_7, union_of
from toolkit.schema.lines import doubled_keys, parsed, unknown_keys
from toolkit.schema.reasons import HIDDEN, LONG, PRIVATE, Violation
from toolkit.schema.strict import Part, strict_part, strict_type
from toolkit.schema.tables import Rule, beside_enum, bitmask, broken_rules, polars_of, rules
from toolkit.schema.times import rfc3339
from toolkit.schema.validator import Validator

__all__ = [
    "HIDDEN",
    "LONG",
    "PRIVATE",
    "Part",
    "Rule",
    "Schema",
    "Validator",
    "Violation",
    "at_path",
    "beside_enum",
    "bitmask",
    "broken_rules",
    "doubled_keys",
    "parsed",
    "polars_of",
    "rfc3339",
    "rules",
    "strict_part",
    "strict_type",
    "to_draft_7",
    "union_of",
    "unknown_keys",
]
