"""Writes the data dictionary (README.md) and datapackage.json from the files, the schemas and sources.toml.

python data/describe.py            write both
python data/describe.py --check    exit with 1 where one of them is out of step
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import sys
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from toolkit import reference

HERE = Path(__file__).parent
MEDIA = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
LICENCES = {
    "CC0-1.0": {
        "name": "CC0-1.0",
        "title": "CC0 1.0 Universal",
        "path": "https://creativecommons.org/publicdomain/zero/1.0/",
    }
}

Field = dict[str, Any]


@cache
def sources() -> dict[str, Any]:
    """Read what people wrote."""
    return tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))


@cache
def content(path: str) -> bytes:
    """Bytes of a sample, unpacked."""
    raw = (HERE / "sample" / path).read_bytes()
    return gzip.decompress(raw) if path.endswith(".gz") else raw


def form(path: str) -> str:
    """How a file is written, by its ending."""
    return path.removesuffix(".gz").rsplit(".", maxsplit=1)[1]


def rows(path: str) -> int:
    """Rows of a file, its header not counted."""
    if form(path) == "parquet":
        return pl.read_parquet(HERE / "sample" / path).height
    return content(path).count(b"\n") - (form(path) in {"csv", "tsv"})


def header(path: str) -> list[str]:
    """Columns that stand in a file; of events, the fields of any of them."""
    kind = form(path)
    if kind == "parquet":
        return list(pl.read_parquet_schema(HERE / "sample" / path))
    if kind == "ndjson":
        return sorted({name for line in content(path).splitlines() for name in json.loads(line)["event"]})
    return next(csv.reader([content(path).split(b"\n", 1)[0].decode()], delimiter="," if kind == "csv" else "\t"))


def of_schema(name: str, edition: str = "") -> list[Field]:
    """Fields of a schema, those included that the code sends beside it."""
    definition = reference.schema(name, edition)
    listed = [
        field(key, part.get("type", "any"), part["description"], part.get("enum"))
        for key, part in definition["properties"].items()
    ]
    unlisted = sources()["unlisted"].get(name, {})
    return [*listed, *(field(key, "string", meaning) for key, meaning in unlisted.items())]


def field(name: str, kind: str, meaning: str, values: list[str] | None = None) -> Field:
    """One field as Data Package writes it."""
    return {"name": name, "type": kind, "description": meaning} | ({"constraints": {"enum": values}} if values else {})


def fields(entry: dict[str, Any]) -> list[Field]:
    """Columns of a file with type and meaning; stops where the file has others."""
    if "columns" in entry:
        listed = [
            field(name, kind, sources()["meaning"][name])
            for name, kind in sources()["columns"][entry["columns"]].items()
        ]
    else:
        listed = of_schema(entry["schema"], entry.get("edition", ""))
    names = [one["name"] for one in listed]
    found = header(entry["path"])
    if form(entry["path"]) == "ndjson":
        strange = set(found) - set(names)
    else:
        strange = set(found) ^ set(names) or {name for name, other in zip(found, names, strict=True) if name != other}
    if strange:
        msg = f"data/sample/{entry['path']} and its description differ in {', '.join(sorted(strange))}"
        raise SystemExit(msg)
    return listed


def resource(entry: dict[str, Any]) -> dict[str, Any]:
    """One file as Data Package writes it."""
    path = HERE / "sample" / entry["path"]
    raw = path.read_bytes()
    packed = {"compression": "gz"} if path.suffix == ".gz" else {}
    kind = form(entry["path"])
    dialect = {"tsv": {"delimiter": "\t", "quoteChar": None}}.get(kind)
    return {
        "name": entry["path"].split(".")[0].replace("_", "-"),
        "path": f"sample/{entry['path']}",
        "description": entry["what"],
        "format": kind,
        "mediatype": MEDIA[kind],
        **packed,
        **({} if kind == "parquet" else {"encoding": "utf-8"}),
        **({"dialect": dialect} if dialect else {}),
        "bytes": len(raw),
        "hash": f"sha256:{hashlib.sha256(raw).hexdigest()}",
        "rows": rows(entry["path"]),
        "schema": {"fields": fields(entry)},
        "sources": [{"title": sources()["source"]}],
        "licenses": [LICENCES[sources()["licence"]]],
    }


def package() -> str:
    """Text of datapackage.json."""
    whole = {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": sources()["name"],
        "title": sources()["title"],
        "description": sources()["about"].strip().replace("\n", " "),
        "licenses": [LICENCES[sources()["licence"]]],
        "sources": [{"title": sources()["source"]}],
        "resources": [resource(entry) for entry in sources()["file"]],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def cell(text: object) -> str:
    """Text that does not break a table of Markdown."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def markdown(head: Sequence[object], body: Iterable[Sequence[object]]) -> str:
    """Rows as a table of Markdown."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cell(one) for one in line)} |" for line in lines)


def described(listed: list[Field]) -> str:
    """Fields as a table of Markdown, their values behind the meaning."""

    def meaning(one: Field) -> str:
        values = one.get("constraints", {}).get("enum")
        return f"{one['description']} Values: {', '.join(values)}." if values else str(one["description"])

    return markdown(["column", "type", "meaning"], [[f"`{one['name']}`", one["type"], meaning(one)] for one in listed])


def anchor(entry: dict[str, Any]) -> str:
    """Heading that explains the columns of a file."""
    if "columns" in entry:
        return str(entry["columns"])
    return " ".join(filter(None, [entry["schema"], entry.get("edition", "")]))


def codes(name: str, columns: list[str]) -> str:
    """Show a table of toolkit/tables as a table of Markdown."""
    return markdown(columns, reference.table(name).select(columns).fill_null("").rows())


def dictionary() -> str:
    """Text of README.md."""
    listed = sources()["file"]
    explained = {anchor(entry): entry for entry in listed}
    envelopes = dict.fromkeys(entry["envelope"] for entry in listed if "envelope" in entry)
    files = markdown(
        ["file", "rows", "bytes", "columns", "what it is"],
        [
            [
                f"`{one['path']}`",
                rows(one["path"]),
                (HERE / "sample" / one["path"]).stat().st_size,
                anchor(one),
                one["what"],
            ]
            for one in listed
        ],
    )
    parts = [
        "<!-- Written by data/describe.py from sources.toml, toolkit/schemas and toolkit/tables. Change those. -->",
        f"# {sources()['title']}",
        sources()["about"].strip(),
        f"{sources()['source']}. Licence: {sources()['licence']}, see `LICENSE`. Put your own exports into `local/`, which git ignores.",
        "## Files",
        files,
        "## Columns",
        "Of events, the columns are those of the part `event`; the envelopes follow.",
    ]
    for title, entry in explained.items():
        parts += [f"### {title}", described(fields(entry))]
        if "parameters" in entry:
            parts += ["Parameters of `uri_query`:", described(of_schema(entry["parameters"]))]
    for name in envelopes:
        parts += [f"### Envelope {name}", described(of_schema("envelope", name))]
    parts += [
        "## Codes",
        "A status code is a status, or a status and a reason with a dot between: always text, since 2.1 and 2.10 differ.",
        "### Statuses",
        codes("status", ["code", "status", "stage", "recorded", "since", "meaning"]),
        "### Reasons",
        codes("reason", ["code", "reason", "set_by", "since", "deprecated", "meaning"]),
        "### Modules",
        codes("module", ["module", "label", "states", "since"]),
        "### Actions",
        codes("action", ["action", "label", "kind", "since", "until"]),
    ]
    return "\n\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    """Write the two files, or say which is out of step."""
    texts = {"README.md": dictionary(), "datapackage.json": package()}
    if arguments == ["--check"]:
        stale = [
            name
            for name, text in texts.items()
            if not (HERE / name).exists() or (HERE / name).read_text(encoding="utf-8") != text
        ]
        for name in stale:
            print(f"data/{name} is out of step; run python data/describe.py", file=sys.stderr)
        return 1 if stale else 0
    for name, text in texts.items():
        (HERE / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
