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
from toolkit.share import notebook_page, refresh, write_pages
from toolkit.share.page import title
from toolkit.share.pages import in_short

if TYPE_CHECKING:
    from pathlib import Path

WIDGET = "application/vnd.jupyter.widget-view+json"

CHART = mimebundle(
    alt.Chart(pl.DataFrame({"status": ["</script><b>"], "n": [1]}), title="One")
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

    @pytest.mark.parametrize(
        ("sources", "out", "parameters", "message"),
        [
            ([], "out", None, "^no notebook to share"),
            (["."], "out", None, "^no notebooks in the folder"),
            (["notebooks"], "a.html", None, "^2 notebooks don't fit into one file"),
            (["notebooks"], "out", {"A": "1"}, "^parameters are for one notebook, and here are 2"),
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
