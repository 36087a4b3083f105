"""Notebooks become pages, and pages hold what their notebooks hold."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import altair as alt
import nbformat
import polars as pl
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from toolkit.chart.renderer import MIME, mimebundle
from toolkit.errors import ToolkitError
from toolkit.share import gate, notebook_page, refresh, write_pages
from toolkit.share.page import title
from toolkit.share.pages import in_short

if TYPE_CHECKING:
    from pathlib import Path

WIDGET = "application/vnd.jupyter.widget-view+json"

CHART = mimebundle(
    alt.Chart(pl.DataFrame({"status": ["</script><b>"], "n": [10]}), title="Ten")
    .mark_bar()
    .encode(x="n:Q", y="status:N")
)


def write(notebook: Path, *cells: nbformat.NotebookNode) -> Path:
    """A notebook of these cells, with a kernel this machine may not have."""
    node = new_notebook(cells=list(cells), metadata={"kernelspec": {"name": "elsewhere", "display_name": "Elsewhere"}})
    nbformat.write(node, notebook)
    return notebook


def shown(data: dict[str, object], source: str = "chart") -> nbformat.NotebookNode:
    """A cell that has been run and has shown this."""
    return new_code_cell(source, execution_count=1, outputs=[new_output("display_data", data=data)])


def waiting(source: str, *tags: str) -> nbformat.NotebookNode:
    """A cell that hasn't been run."""
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def texts(page: str) -> str:
    """A page without its scripts and styles."""
    return re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)


class TestPage:
    """One notebook as one page."""

    def test_nothing_is_linked_from_outside(self, tmp_path):
        """What isn't named can't be fetched, and the policy forbids the rest."""
        page = notebook_page(write(tmp_path / "a.ipynb", new_markdown_cell("# A"), shown(CHART)))

        assert re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="(?!data:)[^"]*"', texts(page)) == []
        assert "default-src 'none'" in page

    def test_vega_is_in_it_once_and_only_for_charts(self, tmp_path):
        """Two thirds of a page with charts are Vega."""
        without = notebook_page(write(tmp_path / "a.ipynb", shown({"text/plain": "1"})))
        two = notebook_page(write(tmp_path / "b.ipynb", shown(CHART), shown(CHART)))

        assert len(without) < 50_000
        assert two.count("window.vegaEmbed=") == 1

    def test_text_in_data_does_not_end_the_script(self, tmp_path):
        """A banner may be named like a tag."""
        page = notebook_page(write(tmp_path / "a.ipynb", shown(CHART)))
        [spec] = re.findall(r'<script type="application/json">(.*?)</script>', page)

        assert json.loads(spec) == CHART[MIME]

    def test_an_explorer_is_shown_as_its_chart(self, tmp_path):
        """A widget is dead without a kernel; its other face isn't."""
        page = notebook_page(write(tmp_path / "a.ipynb", shown({WIDGET: {"model_id": "1"}, **CHART})))

        assert page.count('<figure class="toolkit-chart">') == 1
        assert "model_id" not in page

    def test_a_control_alone_is_not_shown_as_code(self, tmp_path):
        """`IntSlider(value=3)` says nothing to a reader."""
        page = notebook_page(
            write(tmp_path / "a.ipynb", shown({WIDGET: {"model_id": "1"}, "text/plain": "IntSlider()"}))
        )

        assert "IntSlider" not in page
        assert "Here the running notebook has a control." in page

    def test_the_first_heading_is_the_title(self, tmp_path):
        """Without marks; the name of the file where there is no heading."""
        page = notebook_page(write(tmp_path / "a.ipynb", new_markdown_cell("intro\n\n# How `many` *are* there? #")))
        bare = notebook_page(write(tmp_path / "b.ipynb"))

        assert "<title>How many are there?</title>" in page
        assert "<title>b</title>" in bare

    def test_formulas_are_drawn_and_code_is_left_alone(self, tmp_path):
        """A dollar in code is a dollar."""
        page = notebook_page(write(tmp_path / "a.ipynb", new_markdown_cell("$a$ and `$b$`\n\n$$\n\\frac{1}{2}\n$$")))

        assert page.count("<math") == 2
        assert "<code>$b$</code>" in page

    def test_a_picture_beside_the_notebook_is_embedded(self, tmp_path):
        """A page is sent alone."""
        (tmp_path / "dot.png").write_bytes(b"a picture")
        page = notebook_page(write(tmp_path / "a.ipynb", new_markdown_cell("![a dot](dot.png)")))

        assert 'src="data:image/png;base64,YSBwaWN0dXJl"' in page

    def test_the_same_notebook_gives_the_same_page(self, tmp_path):
        """No date, no random id."""
        notebook = write(tmp_path / "a.ipynb", new_markdown_cell("# A"), shown(CHART))

        assert notebook_page(notebook) == notebook_page(notebook)

    def test_scripts_of_outputs_are_not_allowed(self, tmp_path):
        """Only our own scripts are named in the policy."""
        page = notebook_page(write(tmp_path / "a.ipynb", shown({"text/html": "<script>1</script>"})))
        [policy] = re.findall(r"script-src ([^;]*);", page)

        assert re.fullmatch(r"'sha256-\S{44}' 'unsafe-eval'", policy)

    def test_it_goes_through_the_gate(self, tmp_path):
        """However a page is made, what must not leave stops it, unless somebody says why it may."""
        notebook = write(tmp_path / "a.ipynb", shown({"text/plain": "1"}, "USER = 'a@example.org'"))

        with pytest.raises(gate.RefusedError, match=r"cell 1 \[1\], code: email"):
            notebook_page(notebook)
        assert "by choice" in notebook_page(notebook, publish_anyway="nobody's address")


class TestErrors:
    """Each says where, and what to do."""

    def test_a_notebook_that_was_not_run(self, tmp_path):
        """A page of code without results is of no use."""
        with pytest.raises(ToolkitError, match=r"^a\.ipynb: 1 of its code cells haven't been run; .* --execute$"):
            notebook_page(write(tmp_path / "a.ipynb", waiting("1"), waiting("")))

    def test_no_notebook(self, tmp_path):
        """A mistyped name."""
        with pytest.raises(ToolkitError, match=r"^no notebook at '.*missing.ipynb'$"):
            notebook_page(tmp_path / "missing.ipynb")

    def test_not_a_notebook(self, tmp_path):
        """Another kind of file."""
        (tmp_path / "a.csv").write_text("a,b", encoding="utf-8")
        with pytest.raises(ToolkitError, match="isn't a notebook"):
            notebook_page(tmp_path / "a.csv")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"{}", "isn't a notebook"),
            (b"[]", "isn't a notebook"),
            (b'{"a": "\xff"}', "isn't a notebook"),
            (b'{"nbformat": 4, "nbformat_minor": 5, "cells": []}', r"is a damaged notebook \(.*metadata\)"),
            (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]}', r"damaged notebook \(what should"),
            (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 1}', r"damaged notebook \(what should"),
            (
                b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"cell_type": "code", "metadata": {}}]}',
                r"is a damaged notebook \('.*' is a required property\)",
            ),
            (b'{"nbformat": 7, "nbformat_minor": 0, "metadata": {}, "cells": []}', "is in notebook format 7; save it"),
        ],
    )
    def test_a_file_that_only_looks_like_a_notebook(self, tmp_path, content, message):
        """One sentence of ours, not one of nbformat's."""
        (tmp_path / "a.ipynb").write_bytes(content)
        with pytest.raises(ToolkitError, match=rf"^'\S*a\.ipynb' .*{message}.*$"):
            notebook_page(tmp_path / "a.ipynb")

    def test_what_is_too_much_in_a_notebook_does_no_harm(self, tmp_path):
        """Other tools add keys of their own."""
        cell = {"cell_type": "markdown", "metadata": {}, "source": "# A", "id": "a", "of_another_tool": 1}
        content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
        (tmp_path / "a.ipynb").write_text(json.dumps(content), encoding="utf-8")

        assert "<title>A</title>" in notebook_page(tmp_path / "a.ipynb")

    def test_a_folder_in_place_of_a_notebook(self, tmp_path):
        """Even if it is named like one."""
        (tmp_path / "a.ipynb").mkdir()
        with pytest.raises(ToolkitError, match=r"^'.*a\.ipynb' can't be read: "):
            notebook_page(tmp_path / "a.ipynb")

    def test_parameters_that_are_not_python(self, tmp_path):
        """Where to look."""
        notebook = write(tmp_path / "a.ipynb", waiting("A = 1\n%matplotlib inline", "parameters"))
        with pytest.raises(ToolkitError, match=r"^a\.ipynb: line 2 of its cell tagged 'parameters' isn't Python"):
            notebook_page(notebook, parameters={"A": "2"})

    def test_no_cell_for_parameters(self, tmp_path):
        """The tag is missing."""
        with pytest.raises(ToolkitError, match=r"^a.ipynb has no cell tagged 'parameters'"):
            notebook_page(write(tmp_path / "a.ipynb", waiting("A = 1")), parameters={"A": "2"})

    def test_an_unknown_parameter(self, tmp_path):
        """The known ones are listed."""
        notebook = write(tmp_path / "a.ipynb", waiting("CAMPAIGN = 'x'\nDAYS: int = 7", "parameters"))
        with pytest.raises(ToolkitError, match=r"^a.ipynb has no parameter 'DAY'; its parameters are CAMPAIGN, DAYS$"):
            notebook_page(notebook, parameters={"DAY": "2"})

    def test_a_parameter_of_another_kind(self, tmp_path):
        """A number is a number."""
        notebook = write(tmp_path / "a.ipynb", waiting("DAYS = 7", "parameters"))
        with pytest.raises(
            ToolkitError, match=r"^parameter 'DAYS' can't be 'seven'; write a value like its default, 7$"
        ):
            notebook_page(notebook, parameters={"DAYS": "seven"})

    def test_a_cell_that_fails(self, tmp_path):
        """Notebook, cell, and the last line of what went wrong."""
        notebook = write(tmp_path / "a.ipynb", new_markdown_cell("# A"), waiting("1"), waiting("int('one\\nx')"))
        with pytest.raises(ToolkitError, match=r"^a\.ipynb, cell 2: ValueError: invalid literal .*$"):
            notebook_page(notebook, execute=True)


def test_parameters_are_given_and_paths_lead_on_from_the_notebook(tmp_path, monkeypatch):
    """Text stays text, numbers are numbers, and a path is the caller's."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/a.csv").write_text("n\n1\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path)
    notebook = write(
        tmp_path / "notebooks/a.ipynb",
        waiting("CAMPAIGN = 'x'\nDAYS = 7\nFILES = 'none'\nLIST = ['none']", "parameters"),
        waiting("from pathlib import Path\nprint('got', CAMPAIGN, DAYS + 1, FILES, LIST, Path(LIST[0]).read_text())"),
    )
    before = notebook.read_bytes()
    page = notebook_page(
        notebook,
        parameters={"CAMPAIGN": "7", "DAYS": "30", "FILES": "exports/*.csv", "LIST": f"['{tmp_path}/exports/a.csv']"},
    )

    assert "got 7 31 ../exports/*.csv ['../exports/a.csv'] n\n1" in texts(page)
    assert "Parameters of this page" in page
    assert str(tmp_path) not in page
    assert notebook.read_bytes() == before


class TestOtherParameters:
    """A page of one's own data doesn't state numbers of other data as findings."""

    PROSE = (
        "# How many?\n\n**In short.** Most are **kept**.\n\n**Data.** A sample.\n\n*Minutes.* 5\n\n"
        "Of these **74.7 %** are shown, by `2.1` **now**.\n\n- a bold **9,274**"
    )

    @pytest.fixture
    def notebook(self, tmp_path, monkeypatch):
        """A notebook whose default is a path, with prose; two other files in a folder beside, where the caller is."""
        for folder, name in [("sample", "a.csv"), ("local", "b.csv"), ("local", "c.csv")]:
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / name).write_text(f"n\n{name}\n", encoding="utf-8")
        (tmp_path / "empty").mkdir()
        (tmp_path / "notebooks").mkdir()
        monkeypatch.chdir(tmp_path)
        return write(
            tmp_path / "notebooks/a.ipynb",
            new_markdown_cell(self.PROSE),
            waiting("FILES = '../sample/a.csv'\nDAYS = 7\nWORD = 'x'", "parameters"),
            waiting("from IPython.display import Markdown\nMarkdown(f'**In short.** Made **{DAYS}**')"),
        )

    def test_a_note_at_the_top_says_so(self, notebook):
        """With paths as they were given, and what differs only."""
        page = notebook_page(notebook, parameters={"FILES": "local/b.csv", "DAYS": "7", "WORD": "<i>"})
        [note] = re.findall(r'<main>\s*<aside class="callout" role="note">(.*?)</aside>', page, re.DOTALL)

        assert "This page was made with other parameters" in note
        assert re.findall("<code>(.*?)</code>", note) == [
            "FILES = 'local/b.csv'",
            "WORD = '&lt;i&gt;'",
        ]

    def test_numbers_in_sentences_are_struck_through(self, notebook):
        """Bold words are not, and neither are numbers that come from the new data."""
        page = texts(notebook_page(notebook, parameters={"DAYS": "8"}))
        struck = re.findall(r"""<s class="own-data" title="written for the notebook's own data">(.*?)</s>""", page)

        assert struck == ["74.7 %", "9,274"]
        assert "<strong>kept</strong>" in page
        assert "<p><strong>In short.</strong> Made <strong>8</strong></p>" in page

    def test_paragraphs_about_the_own_data_say_so(self, notebook):
        """*In short*, *Data*, and each that quotes a number; as words, for those who can't see a mark."""
        page = texts(notebook_page(notebook, parameters={"DAYS": "8"}))
        marked = re.findall(
            r"""<p class="own-data"><small>Written for the notebook's own data:</small> (.*?)</p>""", page
        )

        assert [paragraph[:20] for paragraph in marked] == [
            "<strong>In short.</s",
            "<strong>Data.</stron",
            'Of these <s class="o',
        ]
        assert "<p><em>Minutes.</em> 5</p>" in page

    def test_a_paragraph_under_a_heading_is_found_too(self, tmp_path):
        """*In short* may be a heading."""
        prose = "## In short\n\nAll.\n\n## What came in?\n\nRows."
        notebook = write(tmp_path / "a.ipynb", new_markdown_cell(prose), waiting("A = 1", "parameters"))
        page = notebook_page(notebook, parameters={"A": "2"})

        assert "own data:</small> All.</p>" in page
        assert "<p>Rows.</p>" in page

    @pytest.mark.parametrize("parameters", [{}, {"DAYS": "7"}, {"FILES": "sample/a.csv"}])
    def test_its_own_parameters_are_no_others(self, notebook, parameters):
        """The sentences were written for these."""
        page = texts(notebook_page(notebook, parameters=parameters, execute=True))

        assert 'role="note"' not in page
        assert "own-data" not in page
        assert "<strong>74.7 %</strong>" in page

    def test_what_papermill_gave_is_told_by_its_cell(self, notebook, tmp_path):
        """Its notebooks are shared as they are; the list of pages doesn't quote their answer."""
        node = nbformat.read(notebook, as_version=4)
        given = new_code_cell("# Parameters\nDAYS = 8\n", metadata={"tags": ["injected-parameters"]})
        node.cells.insert(2, given)
        nbformat.write(node, notebook)
        write_pages([notebook.parent], tmp_path / "out", execute=True)

        page = (tmp_path / "out/a.html").read_text(encoding="utf-8")
        assert "<li><code>DAYS = 8</code></li>" in page
        assert "Most are" in page
        assert "Most are" not in (tmp_path / "out/index.html").read_text(encoding="utf-8")

    def test_no_absolute_path_is_shown(self, notebook, tmp_path):
        """It says who you are."""
        page = notebook_page(notebook, parameters={"FILES": str(tmp_path / "local/b.csv")})

        assert str(tmp_path) not in page
        assert "<li><code>FILES = '../local/b.csv'</code></li>" in page

    def test_a_list_of_paths_in_place_of_a_path(self, notebook):
        """Loaders take both; patterns as well."""
        page = notebook_page(notebook, parameters={"FILES": "['local/b.csv', 'loc**/c.*']"})

        assert "<li><code>FILES = ['local/b.csv', 'loc**/c.*']</code></li>" in page
        assert re.findall("'[^']*'", texts(page).partition("Parameters of this page")[2])[:2] == [
            "'../local/b.csv'",
            "'../loc**/c.*'",
        ]

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ("local/typo.csv", r"no file at 'local/typo\.csv'; the folder has b\.csv, c\.csv"),
            ("typo.csv", r"no file at 'typo\.csv'; the folder has empty/, local/, notebooks/, sample/"),
            ("../sample/a.csv", r"no file at '\.\./sample/a\.csv'; .*"),
            ("nowhere/b.csv", r"no file at 'nowhere/b\.csv'; its folder holds no file or is not there either"),
            ("empty/b.csv", r"no file at 'empty/b\.csv'; the folder has no files"),
            ("local/*.gz", r"no file matches 'local/\*\.gz'; the folder has b\.csv, c\.csv"),
            ("['local/b.csv', 'local/typo.csv']", r"no file at 'local/typo\.csv'; the folder has b\.csv, c\.csv"),
            ("[]", r"no file .*"),
            ("", r"no file at ''; .*"),
        ],
    )
    def test_a_path_that_leads_nowhere_stops_before_anything_runs(self, notebook, value, message):
        """The notebook would look for it in a folder of its own."""
        with pytest.raises(ToolkitError, match=rf"^parameter 'FILES', taken from the folder you are in: {message}$"):
            notebook_page(notebook, parameters={"FILES": value})

    def test_a_text_that_is_no_path_may_be_anything(self, notebook):
        """Its default leads nowhere, so it isn't one."""
        page = notebook_page(notebook, parameters={"WORD": "['local/typo.csv']"})

        assert """<code>WORD = "['local/typo.csv']"</code>""" in page


def test_refresh_stores_what_the_code_shows_now_and_nothing_of_the_run(tmp_path):
    """A second time, nothing changes; the kernel named in the file doesn't matter."""
    cells = (
        waiting("import ipywidgets\nipywidgets.IntSlider()", "parameters"),
        new_code_cell("1 + 1", execution_count=9, metadata={"execution": {"iopub.status.busy": "now"}}),
    )
    notebook = write(tmp_path / "a.ipynb", *cells)
    ids = [cell.id for cell in cells]

    assert refresh(notebook)
    node = nbformat.read(notebook, as_version=4)
    assert [cell.id for cell in node.cells] == ids
    assert [cell.metadata for cell in node.cells] == [{"tags": ["parameters"]}, {}]
    assert [list(cell.outputs[0].data) for cell in node.cells] == [["text/plain"], ["text/plain"]]
    assert node.cells[1].outputs[0].data["text/plain"] == "2"
    assert node.metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert not refresh(notebook)


def test_a_notebook_that_fails_is_left_as_it_was(tmp_path):
    """Half of the outputs would be worse than the old ones."""
    notebook = write(tmp_path / "a.ipynb", waiting("1 / 0"))
    before = notebook.read_bytes()

    with pytest.raises(ToolkitError, match="ZeroDivisionError: division by zero"):
        refresh(notebook)
    assert notebook.read_bytes() == before


class TestPages:
    """Several notebooks as a folder."""

    @pytest.fixture
    def folder(self, tmp_path):
        """Two notebooks that are linked."""
        folder = tmp_path / "notebooks"
        folder.mkdir()
        first = (
            "# Who *sees* it?\n\n**In short.** Of 100 requests\n63 showed `it` [again](02_b.ipynb).\n\n*Data* a week"
        )
        write(folder / "01_a.ipynb", new_markdown_cell(first), new_markdown_cell("[next](02_b.ipynb#End)"))
        write(folder / "02_b.ipynb", new_markdown_cell("# Next"))
        return folder

    def test_a_folder_becomes_pages_and_a_list_of_them(self, folder, tmp_path):
        """In the order of their names."""
        out = tmp_path / "deep/pages"
        written = write_pages([folder], out)

        assert written == [out / "01_a.html", out / "02_b.html", out / "index.html"]
        assert all(page.is_file() for page in written)

    def test_the_list_has_titles_and_answers(self, folder, tmp_path):
        """So that one can choose what to read."""
        index = write_pages([folder], tmp_path)[-1].read_text(encoding="utf-8")

        assert '<h2><a href="01_a.html">Who sees it?</a></h2>' in index
        assert '<p>Of 100 requests\n63 showed <code>it</code> <a href="02_b.html">again</a>.</p>' in index
        assert "In short" not in index

    def test_links_between_notebooks_lead_to_pages(self, folder, tmp_path):
        """A link to a notebook that isn't shared stays what it was."""
        write_pages([folder], tmp_path / "all")
        write_pages([folder / "01_a.ipynb"], tmp_path / "one")

        assert 'href="02_b.html#End"' in (tmp_path / "all/01_a.html").read_text(encoding="utf-8")
        assert 'href="02_b.ipynb#End"' in (tmp_path / "one/01_a.html").read_text(encoding="utf-8")

    def test_one_notebook_becomes_one_file(self, folder, tmp_path):
        """Under the name given, or its own in the folder given."""
        notebook = folder / "02_b.ipynb"

        assert write_pages([notebook], tmp_path / "x/page.html") == [tmp_path / "x/page.html"]
        assert write_pages([notebook], tmp_path / "y") == [tmp_path / "y/02_b.html"]

    def test_a_page_may_end_in_htm(self, folder, tmp_path):
        """It is no folder then."""
        written = write_pages([folder / "02_b.ipynb"], tmp_path / "page.htm")

        assert written == [tmp_path / "page.htm"]
        assert written[0].is_file()

    @pytest.mark.parametrize(
        ("source", "out", "message"),
        [
            ("notebooks/02_b.ipynb", "taken.html", r"^'.*taken\.html' is a folder, and a page would have its name"),
            ("notebooks/02_b.ipynb", "taken", r"^'.*02_b\.html' is a folder, and a page"),
            ("notebooks", "taken", r"^'.*02_b\.html' is a folder, and a page"),
            ("notebooks/02_b.ipynb", "a.csv/page.html", r"^'.*a\.csv' is a file, so nothing can be written below it"),
            ("notebooks/02_b.ipynb", "a.csv/deep/pages", r"^'.*a\.csv' is a file, so"),
            ("notebooks", "a.csv", r"^'.*a\.csv' is a file, so"),
        ],
    )
    def test_a_place_that_is_taken_is_said_before_anything_is_run(self, folder, tmp_path, source, out, message):
        """Else the answer would come after minutes, from the depths of Python."""
        (tmp_path / "taken.html").mkdir()
        (tmp_path / "taken/02_b.html").mkdir(parents=True)
        (tmp_path / "a.csv").write_text("a,b", encoding="utf-8")
        write(folder / "01_a.ipynb", waiting("1 / 0"))

        with pytest.raises(ToolkitError, match=message):
            write_pages([tmp_path / source], tmp_path / out, execute=True)

    def test_no_notebook_takes_the_name_of_the_list(self, folder, tmp_path):
        """One of both would overwrite the other; alone there is no list."""
        write(folder / "Index.ipynb", new_markdown_cell("# Mine"))
        with pytest.raises(ToolkitError, match=r"^a notebook named 'index' would have the name of the list of pages"):
            write_pages([folder], tmp_path / "out")

        assert not (tmp_path / "out").exists()
        assert write_pages([folder / "Index.ipynb"], tmp_path / "out") == [tmp_path / "out/Index.html"]

    @pytest.mark.parametrize(
        ("sources", "out", "parameters", "message"),
        [
            ([], "out", None, "^no notebook to share"),
            (["."], "out", None, "^no notebooks in the folder"),
            (["notebooks"], "a.html", None, "^2 notebooks don't fit into one file"),
            (["notebooks"], "a.HTM", None, "^2 notebooks don't fit into one file"),
            (["notebooks"], "out", {"A": "1"}, "^no notebook of the 2 has a parameter 'A'"),
            (["notebooks", "notebooks/02_b.ipynb"], "out", None, "^several notebooks named '02_b'"),
        ],
    )
    def test_what_can_not_be_is_said_before_anything_is_written(
        self, folder, tmp_path, sources, out, parameters, message
    ):
        """A folder half written would look whole."""
        with pytest.raises(ToolkitError, match=message):
            write_pages([folder.parent / source for source in sources], tmp_path / out, parameters=parameters)

        assert not (tmp_path / out).exists()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("# A\n\n**In short.** One.", "One."),
        ("*In short*: Two\nlines.\n\nMore.", "Two\nlines."),
        ("## In short\n\nThree.\n\nMore.", "Three."),
        ("> **In short** four", "four"),
        ("In shorthand.", ""),
        ("# A", ""),
    ],
)
def test_the_answer_is_found_as_people_write_it(source, text):
    """Bold, italic, quoted or under a heading."""
    assert in_short(new_notebook(cells=[new_markdown_cell(source)])) == text


def test_a_comment_in_code_is_not_a_title():
    """Only Markdown cells have headings."""
    assert title(new_notebook(cells=[new_code_cell("# a comment"), new_markdown_cell("## A title")])) == "A title"
