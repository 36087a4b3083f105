"""Numbers in prose: bound to a claim, and what it says."""

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toolkit.__main__ import main
from toolkit.claims import MIME
from toolkit.share import notebook_page, quotations, refresh, write_pages

CLAIMS = {
    "shown": {"value": 0.2845, "low": 0.2712, "high": 0.3097, "column": "share", "level": 0.95, "n": 1234},
    "requests": {"value": 9274, "unit": "requests"},
    "wait": {"value": 4.4499, "column": "median_s"},
    "fall": {"value": -0.0349, "column": "difference"},
    "breaks": {"value": 4, "unit": "breaks"},
    "gone": {"missing": "no row has campaign 'A'; there are 'B'", "column": "share"},
}


def cell(claims=CLAIMS, **more):
    """A cell that has stated claims."""
    face = {"claims": claims, "sources": [{"files": ["a.tsv"], "shapes": ["request log"], "editions": ["1.5.1"]}]}
    outputs = [new_output("execute_result", execution_count=1, data={MIME: face, "text/plain": "claims"})]
    return new_code_cell("claims", id="stated", execution_count=1, outputs=outputs, **more)


def notebook(*prose, claims=CLAIMS):
    return new_notebook(cells=[*map(new_markdown_cell, prose), cell(claims)])


def found(*prose):
    return quotations.node_misquotes(notebook(*prose), "a.ipynb")


@pytest.mark.parametrize(
    "prose",
    [
        "Of all [28.45 %](#shown), [28.5 %](#shown), [28.4 %](#shown), [28 %](#shown) or [0.28](#shown) are shown.",
        "Between [27 to 31 %](#shown), **[27.1\u201331.0 %](#shown)**.",
        "**[9,274](#requests)** and [9274 requests](#requests)",
        "[4.4 s](#wait), [4.45 seconds](#wait)",
        "It fell by [-3.5 points](#fall), or [\u22123 points](#fall).",
        "[four](#breaks) or [Four breaks](#breaks)",
    ],
)
def test_a_number_rounded_as_it_is_quoted_holds(prose):
    assert found(prose) == []


@pytest.mark.parametrize(
    ("prose", "quoted", "sentence"),
    [
        ("[29 %](#shown)", "29 %", "quotes the claim 'shown', which is '28 %'"),
        ("[28.44 %](#shown)", "28.44 %", "which is '28.45 %'"),
        ("[28 to 31 %](#shown)", "28 to 31 %", "which is '27 to 31 %'"),
        ("[9,275](#requests)", "9,275", "which is '9,274' (number: 9,274; unit: requests"),
        ("[4.5 s](#wait)", "4.5 s", "which is '4.4 s'"),
        ("[3.5 points](#fall)", "3.5 points", "which is '-3.5 points'"),
        ("[three](#breaks)", "three", "which is '4'"),
        ("[1 to 2](#breaks)", "1 to 2", "has not one number in it, nor two for its interval"),
        ("[most](#shown)", "most", "has not one number in it"),
        ("[12 %](#gone)", "12 %", "which has no number: no row has campaign 'A'; there are 'B'"),
        ("[12 %](#show)", "12 %", "leads to #show, and no claim has this name; there are shown, requests, wait"),
    ],
)
def test_a_number_that_is_another_is_named_with_what_was_computed(prose, quoted, sentence):
    [misquote] = found("# Fine", prose)
    assert (misquote.file, misquote.place, misquote.quoted) == ("a.ipynb", "cell 2", quoted)
    assert sentence in str(misquote)


@pytest.mark.parametrize(
    ("prose", "unbound"),
    [
        ("Of these **74.7 %** are shown.", ["74.7 %"]),
        ("All 9,274, and 0.25 of them", ["9,274", "0.25"]),
        ("# Why 99 %?", ["99 %"]),
        ("- 3 of 4", ["3", "4"]),
        ("a 95 % share, since -2", ["95 %", "-2"]),
        ("in 2,019 cases", ["2,019"]),
    ],
)
def test_a_number_without_a_claim_is_found(prose, unbound):
    assert [misquote.quoted for misquote in found(prose)] == unbound


@pytest.mark.parametrize(
    "prose",
    [
        "`2.1`, ``6``, T411382, FR2026_en, v2",
        "```\n1 2 3\n```\nand\n\n~~~sh\n4\n~~~",
        "[99 % in 2025](https://example.org/9), [03](03.ipynb), ![7](a.png)",
        "2026-03-02, on 2 March, March 2, since the 7th, May 2019 to 2022",
        "with 95 % intervals, $x = 3$ and\n$$\n4\n$$",
        "**Minutes.** 10",
        "1. first\n2. second",
        '<span style="width: 3px">a</span><!-- 4 -->',
    ],
)
def test_codes_sources_dates_and_levels_are_no_results(prose):
    assert found(prose) == []


def test_a_name_is_stated_once():
    node = notebook()
    node.cells.append(cell({"shown": {"value": 1}}))
    [misquote] = quotations.node_misquotes(node, "a.ipynb")
    assert str(misquote) == "a.ipynb, claims of cell [1]: 'shown' is the name of two claims; rename one"


def test_commands_name_what_does_not_hold_and_fail(tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook("Here [28 %](#shown)."), path)
    assert CliRunner().invoke(main, ["check", "--claims", str(path)]).exit_code == 0
    nbformat.write(notebook("Here [29 %](#shown)."), path)
    checked = CliRunner().invoke(main, ["check", "--claims", str(path)])
    assert checked.exit_code == 1
    assert checked.output.startswith(
        "a.ipynb, cell 1: '29 %' quotes the claim 'shown', which is '28 %' (number: 28.4 %;"
    )


def test_refresh_stores_what_was_computed_and_names_what_no_longer_holds(tmp_path):
    code = "import toolkit as tk\n\ntk.claims.show(rows=tk.claims.number(6 * 7, 'rows'))"
    path = tmp_path / "a.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("All [41](#rows)."), new_code_cell(code)]), path)
    refreshed = CliRunner().invoke(main, ["refresh", str(path)])
    assert refreshed.exit_code == 1
    assert "a.ipynb, cell 1: '41' quotes the claim 'rows', which is '42'" in refreshed.output
    assert refresh(path) is False
    assert [one.claim["value"] for one in quotations.claims(nbformat.read(path, as_version=4))] == [42]


def test_a_page_says_what_a_number_is_a_number_of(tmp_path):
    nbformat.write(notebook("Here [28 %](#shown)."), tmp_path / "a.ipynb")
    page = notebook_page(tmp_path / "a.ipynb")
    facts = "number: 28.4 %; interval: 27.1 to 31.0 % (95 %); column: share; n: 1,234 recorded; data: a.tsv (request log); edition: 1.5.1"
    assert f'Here <a class="claim" href="#shown" title="{facts}">28 %</a>.' in page
    assert '<dl class="claim" id="shown">' in page


def test_a_page_shows_the_number_computed_now_beside_one_that_is_not(tmp_path):
    nbformat.write(notebook("Of [29 %](#shown), [12 %](#gone), [9,274](#requests)."), tmp_path / "a.ipynb")
    page = notebook_page(tmp_path / "a.ipynb")
    text = page[page.index("Of <s") : page.index("9,274</a>")]
    assert '>29 %</s> <a class="claim" href="#shown"' in text
    assert ">28 %</a>" in text
    assert 'title="no row has campaign' in text
    assert "<s" not in text[text.index("12 %</s>") + 8 :]


def test_with_other_parameters_the_number_computed_from_them_follows(tmp_path):
    code = (
        "import toolkit as tk\n\ntk.claims.show(rows=tk.claims.number(6 * N, 'rows'), none=tk.claims.number(0, 'rows'))"
    )
    parameters = new_code_cell("N = 7", metadata={"tags": ["parameters"]})
    prose = new_markdown_cell("All [42](#rows), and [0](#none) besides.")
    nbformat.write(new_notebook(cells=[prose, parameters, new_code_cell(code)]), tmp_path / "a.ipynb")
    page = notebook_page(tmp_path / "a.ipynb", parameters={"N": "1000"})
    assert ">42</s> <a" in page
    assert ">6,000</a>" in page
    assert page.count('<s class="own-data"') == 2  # of the note at the top, and of the number
    assert "and the one that was computed now follows" in page


def test_the_list_of_pages_leads_to_the_claims_in_their_page(tmp_path):
    nbformat.write(notebook("# How many?\n\n**In short.** Some [28 %](#shown)."), tmp_path / "a.ipynb")
    nbformat.write(notebook("# And?"), tmp_path / "b.ipynb")
    pages = write_pages([tmp_path], tmp_path / "out")
    assert 'href="a.html#shown"' in pages[-1].read_text(encoding="utf-8")
