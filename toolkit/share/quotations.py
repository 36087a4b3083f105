"""Whether the numbers in a notebook's prose are what its claims say.

In prose a number is a link: to the claim that computes it, ``[46 %](#shown)``, or to where it was found. Free of this
are code marks and formulas, dates and years, the level of an interval (``95 % intervals``) and the line *Minutes*.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nbformat import NotebookNode

from toolkit.claims import IS_SHARE, MIME, spanned, written
from toolkit.share.run import read

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
DIGITS = r"[-\u2212]?\d+(?:,\d+)*(?:\.\d+)?"
QUOTED = re.compile(rf"{DIGITS}|\b(?:none|{'|'.join(WORDS)})\b", re.IGNORECASE)
IN_PERCENT = re.compile(r"%|\bpoints?\b")

LINK = re.compile(r"!?\[([^\[\]]*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)?)(?: +\"[^\"]*\")?\)")
MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
FREE = re.compile(
    "|".join(
        [
            r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)",
            r"(?P<mark>`+).+?(?P=mark)",
            r"\$\$.+?\$\$|\$[^$\n]+\$",
            r"<[!/A-Za-z][^<>]*>",
            LINK.pattern,
            r"^ *\d+[.)] ",  # of a list
            r"\b\d{4}-\d\d(?:-\d\d)?\b|\b(?:19|20)\d\d\b(?![,.]\d)|\b\d{1,2}(?:st|nd|rd|th)\b",
            rf"\b\d{{1,2}} {MONTH}\b|\b{MONTH} \d{{1,2}}\b",
            r"\d+ % intervals?\b",
            r"^\*\*Minutes\.\*\* \d+",
        ]
    ),
    re.MULTILINE | re.DOTALL,
)
BOUND = re.compile(r"#([^\W\d]\w*)")
UNBOUND = re.compile(rf"(?<![\w.]){DIGITS}(?: ?%)?(?!\w)")


@dataclass(frozen=True)
class Stated:
    """A claim as a cell of a notebook states it.

    Attributes
    ----------
    name : str
        What links lead to.
    claim : mapping
        What is known of it, see `claims.Claim`.
    sources : list of mapping
        The data it was computed from.
    cell, count : str, int
        Id and number of the cell.
    percent : bool
        Whether it is read in percent: by its column, or because prose quotes it so.
    """

    name: str
    claim: Mapping[str, Any]
    sources: list[Mapping[str, Any]]
    cell: str
    count: int
    percent: bool

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Terms and texts: number, interval, unit, filter, n, period, edition."""
        return [(term, text) for term, text in self._facts() if text]

    @property
    def sentence(self) -> str:
        """The facts in one line."""
        return "; ".join(f"{term}: {text}" for term, text in self.facts)

    def _facts(self) -> Iterator[tuple[str, str]]:
        claim = self.claim
        yield (
            "number",
            claim.get("missing", "") if "value" not in claim else written(claim["value"], percent=self.percent),
        )
        if "low" in claim and "high" in claim:
            level = f" ({claim['level'] * 100:g} %)" if "level" in claim else ""
            yield "interval", f"{spanned(claim['low'], claim['high'], percent=self.percent)}{level}"
        yield "column", claim.get("column", "")
        yield "of", "; ".join(f"{name} {_named(value)}" for name, value in claim.get("where", {}).items())
        weight = f", weighted by {claim['weight']}" if "weight" in claim else ""
        yield "unit", f"{claim['unit']}{weight}" if "unit" in claim else ""
        worth = f", worth {claim['n_eff']:,.0f} unweighted" if "n_eff" in claim else ""
        yield "n", f"{claim['n']:,} recorded{worth}" if "n" in claim else ""
        spans = [(claim.get("first"), claim.get("last"))] if "first" in claim else self._spans()
        yield "period", "; ".join(dict.fromkeys(f"{first} to {last} UTC" for first, last in spans))
        yield "data", "; ".join(f"{', '.join(each['files'])} ({', '.join(each['shapes'])})" for each in self.sources)
        yield "edition", "; ".join(", ".join(each["editions"]) for each in self.sources if "editions" in each)

    def _spans(self) -> list[tuple[str, str]]:
        return [(each["first"], each["last"]) for each in self.sources if "first" in each]


class Misquote(NamedTuple):
    """A number in prose that isn't what a claim says, or that no claim makes."""

    file: str
    place: str
    quoted: str
    claim: str
    sentence: str

    def __str__(self) -> str:
        """File, place, quoted text and what is the matter, on one line."""
        return f"{self.file}, {self.place}: {self.quoted!r} {self.sentence}"


def misquotes(notebook: Path) -> list[Misquote]:
    """Numbers in a notebook's prose that aren't what its claims say, or that no claim makes.

    Parameters
    ----------
    notebook
        A notebook whose cells have been run.

    Returns
    -------
    list of Misquote
        File, cell, the text quoted, the claim's name and a sentence; empty if all holds.

    Raises
    ------
    ToolkitError
        There is no such notebook.

    Examples
    --------
    >>> misquotes(Path("notebooks/00-start-here.ipynb"))
    []
    """
    return node_misquotes(read(notebook), notebook.name)


def node_misquotes(node: NotebookNode, name: str) -> list[Misquote]:
    """As `misquotes`, of a notebook that has been read."""
    found = list(claims(node))
    stated = {one.name: one for one in found}
    twice = [
        Misquote(name, f"claims of cell [{one.count}]", one.name, one.name, "is the name of two claims; rename one")
        for one in found
        if stated[one.name] is not one
    ]
    return [
        *twice,
        *(
            Misquote(name, f"cell {number}", text, claim, sentence)
            for number, cell in enumerate(node.cells, 1)
            if cell.cell_type == "markdown"
            for text, claim, sentence in _of_prose(cell.source, stated)
        ),
    ]


def claims(node: NotebookNode) -> Iterator[Stated]:
    """All claims that the cells of a notebook state, in order."""
    prose = "\n".join(cell.source for cell in node.cells if cell.cell_type == "markdown")
    in_percent = {name for text, name in quotations(prose) if IN_PERCENT.search(text)}
    for cell in node.cells:
        for output in cell.get("outputs", []):
            face = output.get("data", {}).get(MIME, {})
            for name, claim in face.get("claims", {}).items():
                percent = name in in_percent or IS_SHARE.search(claim.get("column", "")) is not None
                count = cell.execution_count or 0
                yield Stated(name, claim, face.get("sources", []), cell.get("id", ""), count, percent)


def quotations(prose: str) -> Iterator[tuple[str, str]]:
    """Each link that leads to a claim: its text, and the claim's name.

    Examples
    --------
    >>> list(quotations("Of them [46 %](#shown) and **[1,234](#readers)**, see [03](03.ipynb) and [T1](https://a.b/T1)."))
    [('46 %', 'shown'), ('1,234', 'readers')]
    """
    for link in FREE.finditer(prose):
        if link[0].startswith("[") and (parts := LINK.fullmatch(link[0])) and (name := BOUND.fullmatch(parts[2])):
            yield parts[1], name[1]


def requoted(text: str, claim: Mapping[str, Any]) -> str | None:
    """A quotation with the numbers of its claim, written as it writes them; None where it has none.

    Examples
    --------
    >>> requoted("12 to 14 %", {"value": 0.5, "low": 0.4449, "high": 0.5551})
    '44 to 56 %'
    >>> requoted("some 12.0 s", {"value": 13.26}), requoted("12 %", {"missing": "no row"})
    ('some 13.3 s', None)
    """
    found, values = list(QUOTED.finditer(text)), _values(text, claim)
    if values is None:
        return None
    parts, end = [], 0
    for number, value in zip(found, values, strict=True):
        parts += [text[end : number.start()], written(value, digits=_digits(number[0]))]
        end = number.end()
    return "".join([*parts, text[end:]])


def agrees(text: str, claim: Mapping[str, Any]) -> bool:
    """Whether a quotation is what its claim says, rounded as it is quoted.

    Examples
    --------
    >>> claim = {"value": 0.2845, "low": 0.2712, "high": 0.3097}
    >>> [agrees(text, claim) for text in ("28.5 %", "28 %", "27 to 31 %", "0.28", "29 %", "28.44 %")]
    [True, True, True, True, False, False]
    """
    values = _values(text, claim)
    return values is not None and all(
        abs(value - _number(number)) <= 0.5 * 10 ** -_digits(number) * (1 + 1e-9)
        for number, value in zip(QUOTED.findall(text), values, strict=True)
    )


def _of_prose(prose: str, stated: Mapping[str, Stated]) -> Iterator[tuple[str, str, str]]:
    """Text, claim and sentence of each fault in a cell of Markdown."""
    for text, name in quotations(prose):
        if name not in stated:
            if QUOTED.search(text):
                have = ", ".join(stated) or "none"
                yield text, name, f"leads to #{name}, and no claim has this name; there are {have}"
            continue
        claim = stated[name].claim
        if agrees(text, claim):
            continue
        computed = requoted(text, claim)
        if computed is not None:
            yield text, name, f"quotes the claim {name!r}, which is {computed!r} ({stated[name].sentence})"
        elif "value" not in claim:
            yield text, name, f"quotes the claim {name!r}, which has no number: {claim.get('missing', '')}"
        else:
            yield text, name, f"quotes the claim {name!r}, but has not one number in it, nor two for its interval"
    for number in UNBOUND.findall(FREE.sub(" ", prose)):
        yield (
            number,
            "",
            "is bound to no claim: write [number](#name), state the claim by claims.show, or set code marks",
        )


def _values(text: str, claim: Mapping[str, Any]) -> list[float] | None:
    """The claim's numbers that a text quotes, in the text's scale: one is the number, two are its interval."""
    names = {1: ("value",), 2: ("low", "high")}.get(len(QUOTED.findall(text)), ())
    if not names or any(name not in claim for name in names):
        return None
    scale = 100 if IN_PERCENT.search(text) else 1
    return [claim[name] * scale for name in names]


def _number(text: str) -> float:
    word = text.lower()
    if word == "none":
        return 0.0
    return float(WORDS.index(word)) if word in WORDS else float(text.replace(",", "").replace("\u2212", "-"))


def _digits(number: str) -> int:
    """How many digits stand after the point."""
    return len(number.partition(".")[2])


def _named(value: object) -> str:
    return "(none)" if value is None else str(value)
