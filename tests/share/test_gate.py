"""The publication gate: what must not leave is found wherever it hides, and what only looks like it is let through."""

from __future__ import annotations

import base64
import gzip
import html
import json
import struct
import zlib
from itertools import product
from pathlib import Path

import altair as alt
import nbformat
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from scipy.optimize import linprog

from toolkit.chart.renderer import MIME, mimebundle
from toolkit.errors import ToolkitError
from toolkit.measure.suppress import suppress
from toolkit.share import gate, refresh, write_pages
from toolkit.share.gate_tables import in_table
from toolkit.share.gate_text import in_code, in_text
from toolkit.share.pages import NotAllWrittenError
from toolkit.share.run import CellFailedError

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TOKEN = "rlffepkummjhorj3kna0l34gcplc6jda"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:66.0) Gecko/20100101 Firefox/66.0"
KINDS = {
    "user id": '{"event": {"user_id": 592248, "module": "help"}}',
    "token of a page view, session or event": f"the visit {TOKEN} had no click",
    "internet address": "seen from 203.0.113.9 and elsewhere",
    "raw user agent": f"agent: {AGENT}",
    "email address": "ask jane.doe@example.org about it",
    "path of a home folder": "read from /home/jane/exports/mine.gz",
    "secret": "http://localhost:8888/lab?token=0123456789abcdef0123456789abcdef",
}
"""A text of each kind that any hiding place may hold."""


def shown(data, source="chart", **metadata):
    """A cell that was run and has shown this."""
    return new_code_cell(source, execution_count=1, outputs=[new_output("display_data", data=data)], metadata=metadata)


def png(text, kind=b"tEXt"):
    """A picture of one dot that carries a text."""
    body = {b"tEXt": b"Comment\0" + text.encode(), b"zTXt": b"Comment\0\0" + zlib.compress(text.encode())}[kind]

    def chunk(name, held):
        return struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    dot = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(kind, body) + dot + chunk(b"IEND", b"")


def as_text(raw):
    return base64.b64encode(raw).decode()


def spec(**data):
    return {MIME: {"mark": "bar", "encoding": {"x": {"field": "n"}}, **data}, "text/plain": "Chart: one"}


def widget(state):
    return {"application/vnd.jupyter.widget-state+json": {"state": {"0" * 32: {"state": state}}, "version_major": 2}}


PLACES = {
    "stream": lambda said: [
        new_code_cell("print()", execution_count=1, outputs=[new_output("stream", text=f"a\n{said}\n")])
    ],
    "plain output": lambda said: [shown({"text/plain": said})],
    "html cell": lambda said: [
        shown({"text/html": f"<table><tr><th>a</th></tr><tr><td>{html.escape(said)}</td></tr></table>"})
    ],
    "html attribute": lambda said: [shown({"text/html": f'<p title="{html.escape(said)}">a</p>'})],
    "html comment": lambda said: [shown({"text/html": f"<p>a</p><!-- {said.replace('--', '')} -->"})],
    "script in html": lambda said: [shown({"text/html": f"<script>var rows = {json.dumps([{'a': said}])};</script>"})],
    "svg": lambda said: [shown({"image/svg+xml": f"<svg><text>{html.escape(said)}</text></svg>"})],
    "markdown output": lambda said: [shown({"text/markdown": f"*a* {said}"})],
    "json output": lambda said: [shown({"application/json": {"a": [{"b": said}]}})],
    "chart dataset": lambda said: [shown(spec(datasets={"data-1": [{"label": said, "x": 1}]}))],
    "inline values": lambda said: [shown(spec(hconcat=[{"data": {"values": [{"label": said}]}}]))],
    "csv in a chart": lambda said: [
        shown(spec(data={"values": f'label,x\n"{said.replace(chr(34), chr(34) * 2)}",20\n', "format": {"type": "csv"}}))
    ],
    "packed tally": lambda said: [
        shown({"application/vnd.tally+json": {"columns": as_text(gzip.compress(json.dumps({"a": [said]}).encode()))}})
    ],
    "deflated tally": lambda said: [
        shown({"text/html": f"<script>const t = '{as_text(zlib.compress(said.encode() * 3))}'</script>"})
    ],
    "text in a picture": lambda said: [shown({"image/png": as_text(png(said))})],
    "packed text in a picture": lambda said: [shown({"image/png": as_text(png(said, b"zTXt"))})],
    "code": lambda said: [new_code_cell(f"rows.filter({said!r})", execution_count=1)],
    "comment in code": lambda said: [new_code_cell(f"1  # {said}", execution_count=1)],
    "prose": lambda said: [new_markdown_cell(f"# A\n\n{said}")],
    "picture in prose": lambda said: [
        new_markdown_cell(
            f"![a](data:image/svg+xml;base64,{as_text(f'<svg><desc>{html.escape(said)}</desc></svg>'.encode())})"
        )
    ],
    "attachment": lambda said: [
        new_markdown_cell("![a](attachment:a.png)", attachments={"a.png": {"image/png": as_text(png(said))}})
    ],
    "metadata of a cell": lambda said: [new_markdown_cell("a", metadata={"slideshow": {"note": said}})],
    "metadata of an output": lambda said: [
        new_code_cell(
            "1", execution_count=1, outputs=[new_output("display_data", data={}, metadata={"text/plain": {"a": said}})]
        )
    ],
    "traceback": lambda said: [
        new_code_cell(
            "1",
            execution_count=1,
            outputs=[new_output("error", ename="E", evalue="a", traceback=["\x1b[31mline\x1b[0m", f"  {said}"])],
        )
    ],
}


@pytest.mark.parametrize(("place", "kind"), list(product(PLACES, KINDS)))
def test_what_is_planted_is_found_by_its_place_and_kind_and_not_repeated(place, kind):
    found = gate.notebook_finds(new_notebook(cells=[new_markdown_cell("# A"), *PLACES[place](KINDS[kind])]), "a.ipynb")
    assert kind in {find.kind for find in found}
    assert {find.place.partition(",")[0].partition(" [")[0] for find in found} == {"cell 2"}
    said = " ".join(map(str, found))
    assert not [word for word in ("592248", TOKEN, "203.0.113.9", "Gecko", "jane", "0123456789") if word in said]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "metadata",
    [
        lambda said: {"papermill": {"input": said}},
        lambda said: {"widgets": widget({"value": f"<p>{html.escape(said)}</p>"})},
    ],
)
def test_metadata_and_saved_widgets_of_a_notebook_are_walked(kind, metadata):
    found = gate.notebook_finds(new_notebook(metadata=metadata(KINDS[kind])), "a.ipynb")
    assert kind in {find.kind for find in found}


FEW = pl.DataFrame({"module": ["help", "impact"], "users": [412, 7]})
MANY = FEW.with_columns(users=pl.Series([412, 70]))
TABLES = {
    "frame": lambda frame: {"text/html": frame._repr_html_()},
    "frame as text": lambda frame: {"text/plain": repr(frame)},
    "csv": lambda frame: {"text/plain": frame.write_csv()},
    "markdown": lambda frame: {
        "text/markdown": "| module | users |\n|---|---|\n" + "\n".join(f"| {a} | {b} |" for a, b in frame.rows())
    },
    "chart": lambda frame: dict(mimebundle(alt.Chart(frame).mark_bar().encode(x="users:Q", y="module:N"), None)),
    "picture of a chart": lambda frame: {
        "image/svg+xml": mimebundle(alt.Chart(frame).mark_bar().encode(x="users:Q", y="module:N"))["image/svg+xml"]
    },
    "csv in a chart": lambda frame: spec(data={"values": frame.write_csv(), "format": {"type": "csv"}}),
    "columns": lambda frame: {"application/json": frame.to_dict(as_series=False)},
    "split": lambda frame: {"application/json": {"columns": frame.columns, "data": [list(row) for row in frame.rows()]}},
    "saved widget": lambda frame: {"application/vnd.jupyter.widget-state+json": {"state": {"value": frame._repr_html_()}}},
    "pandas": lambda frame: {"text/plain": "   module  users\n" + "\n".join(f"{i}  {a}  {b}" for i, (a, b) in enumerate(frame.rows()))},
    "packed": lambda frame: {"application/json": {"tally": as_text(gzip.compress(json.dumps(frame.to_dict(as_series=False)).encode()))}},
}  # fmt: skip


@pytest.mark.parametrize("form", TABLES)
def test_a_cell_of_few_is_found_in_each_form_of_a_table(form):
    few, many = (
        gate.notebook_finds(new_notebook(cells=[shown(TABLES[form](frame))]), "a.ipynb") for frame in (FEW, MANY)
    )
    assert {find.kind for find in few} == {"cell below k"}
    assert not many
    assert not gate.notebook_finds(new_notebook(cells=[shown(TABLES[form](FEW))]), "a.ipynb", k=7)


@pytest.mark.parametrize(
    "columns",
    [
        {"module": ["a", "b", "all"], "users": [40, None, 43]},
        {"module": ["a", "b", "Total"], "users": ["40", "<10", "43"]},
        {"module": ["a", "b", "all"], "users": [40, "suppressed", 43]},
        {"module": ["a", "a", "a", "b"], "platform": ["x", "y", "all", "x"], "n": [50, None, 52, 30]},
        {"module": ["a", "b", "c", "all"], "users": [40, None, None, 42]},
        {"campaign": ["a", "b"], "desktop": [40, None], "mobile": [20, 30], "total": [60, 34]},
        {"module": ["a", "b"], "visits": [900, 800], "visits_clicked": [90, None], "share": [0.1, 0.005]},
    ],
)
def test_a_suppressed_cell_that_the_rest_gives_back_is_found(columns):
    assert "suppressed cell that the rest gives back" in set(in_table(columns, 10))


@pytest.mark.parametrize(
    "columns",
    [
        {"module": ["a", "b", "c", "all"], "users": [40, None, None, 62]},
        {"module": ["a", "b", "all"], "users": [40, None, None]},
        {"module": ["a", "b"], "visits": [900, 800], "visits_clicked": [90, None], "share": [0.1, None]},
        {"module": ["a", "b", "all"], "users": [40, 20, 60]},
    ],
)
def test_a_suppressed_cell_that_nothing_gives_back_is_let_through(columns):
    assert not list(in_table(columns, 10))


@pytest.mark.parametrize(("n", "kinds"), [(7, {"cell below k"}), (700, set())])
def test_the_tally_of_a_live_page_is_unpacked(n, kinds):
    """Its counts stand in bytes of seven bits."""
    counts = [as_text(zlib.compress(b"".join(bytes([one % 128 + 128, one // 128]) for one in (300, n))))]
    tally = {
        "columns": [["campaign"]],
        "sizes": [[2]],
        "keys": ["eJw="],
        "counts": {"n": counts[0]},
        "rows": 2,
        "ways": [],
    }
    page = f'<script type="application/json">{json.dumps({"tally": tally})}</script>'
    assert {find.kind for find in gate.page_finds(page, "a.html")} == kinds


def test_a_total_in_another_table_gives_a_cell_back_too():
    parts = shown({"text/html": pl.DataFrame({"module": ["a", "b", "c"], "n": [40, None, 25]})._repr_html_()})
    total = shown({"text/plain": "69"})
    apart = gate.notebook_finds(new_notebook(cells=[parts]), "a.ipynb")
    both = gate.notebook_finds(new_notebook(cells=[total, parts]), "a.ipynb")
    assert not apart
    assert [(find.place, find.kind) for find in both] == [
        ("cell 2 [1], output 1, text/html", "suppressed cell that the rest gives back")
    ]


INNOCENT = [
    "version 1.2.3.4 of Chrome/74.0.3729.169, v6.2.0.1, polars==2.1.0.0",
    "12:34:56, 2026-03-02T00:03:52.123456789Z, rows[1000::2], std::vector, x[::-1]",
    "127.0.0.1 and ::1 are this machine",
    "@media print, vega@6.js, npm/vega-lite@6?noext, git@github.com:wikimedia/x.git",
    "sha256:2b9cf60c64fffb0a33f973955e42ecf73f85a838862213a123339a8e9cc7fbe8",
    "data-6ad41af2b9cf60c64fffb0a33f973955, altair-viz-6ad41af2b9cf60c64fffb0a33f973955",
    "md5 6ad41af2b9cf60c64fffb0a33f973955, commit 5a25739b1f",
    "https://meta.wikimedia.org/home/about, ../data/home/x, /home/<you>/x, /wiki/Special:Homepage",
    "694 users and 1,407 visits, numbered in order of appearance; user ids and tokens are not kept",
    "Left out for privacy, unless named in keep: userAgent (17,881 rows)",
    "password=os.environ['X'], password = getpass(), api_key='...', token='homepage_pageview_token'",
    "the column user_id holds integers; user_editcount: 5; user ids 3",
    "Wiki Loves Earth 2026 & Friends, WMDE Frühling 2026: 100 % Ehrenamt",
    "requestedBannerNotAvailable, Mozilla is a foundation, 0.3127494150813, 2.10",
    "C:/data/Users.csv, /Users/Shared/x",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_it_is_not_reported(text):
    assert not list(in_text(text))
    assert not gate.notebook_finds(
        new_notebook(cells=[new_markdown_cell(text), shown({"text/plain": text})]), "a.ipynb"
    )


@pytest.mark.parametrize(
    "columns",
    [
        {"user": [0, 1, 2, 693], "visit": [0, 1406, 3, 4], "line": [1, 2, 3, 4]},
        {"user": [None, "[masked]"], "token": ["[masked]", None]},
        {"user_id": [None, None]},
        {"check": ["bot", "no_time"], "n": [536, 4], "of": ["rows kept", "rows kept"]},
        {"stage": ["shown"], "n_eff": [3.0], "level": [0.95], "rank": [1], "n_days": [6]},
        {"module": ["help"], "dwell_median_s": [3.0], "hover_ins": [4], "user_editcount": [2]},
        {"agent_type": ["user", "spider"], "n": [20, 30]},
        {"name": ["i", "ip"], "id": ["a", "b"], "session": ["first", "later"]},
        {"users": [0, 10], "module": ["a", "b"]},
        {"at": [1772409832000, 1772409833000], "seq": [1689476937, 1689476938]},
    ],
)
def test_innocent_columns_are_not_reported(columns):
    assert not list(in_table(columns, 10))


@pytest.mark.parametrize(
    ("columns", "kind"),
    [
        ({"user_id": [17]}, "user id"),
        ({"event.userId": ["17"]}, "user id"),
        ({"private user": [592248]}, "user id"),
        ({"user": [7_212_345_678_901_234_567]}, "user id"),
        ({"user": [592248, 3, 88123]}, "user id"),
        ({"user": ["Jane Doe"]}, "user id"),
        ({"user_text": ["Jane"]}, "user id"),
        ({"visit": [4_123_456_789_012_345_678]}, "token of a page view, session or event"),
        ({"homepage_pageview_token": ["abcDEF123456789"]}, "token of a page view, session or event"),
        ({"x": [TOKEN]}, None),  # by the text, not by the column
        ({"i": ["7bae2250867b56422aea"]}, "token of a page view, session or event"),
        ({"client_ip": ["2001:db8::1"]}, "internet address"),
        ({"userAgent": ['{"browser_family": "Firefox"}']}, "raw user agent"),
        ({"variable": ["users"], "value": [3]}, "cell below k"),
        ({"day": ["x"], "requests": ["1"]}, "cell below k"),
        ({"request_count": [2]}, "cell below k"),
    ],
)
def test_columns_are_told_by_name_and_values(columns, kind):
    assert set(in_table(columns, 10)) == ({kind} if kind else set())


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ('tk.load.homepage_modules(FILES, key=b"Sesame")', "secret"),
        ('hashed(frame, mapping, key="Sesame".encode())', "secret"),
        ("USER_IDS = [592248, 17]", "user id"),
        (f"rows.filter(pl.col('token') == '{TOKEN}')", "token of a page view, session or event"),
        ('%time\ntk.load.impressions(FILES, key="Sesame")', "secret"),
    ],
)
def test_code_is_read_as_code(source, kind):
    assert kind in set(in_code(source))


def test_a_key_set_in_another_cell_is_as_literal_as_one_in_the_call():
    cells = [
        new_code_cell('KEY = b"Sesame"', execution_count=1),
        new_code_cell("load.impressions(F, key=KEY)", execution_count=2),
    ]
    assert [find.kind for find in gate.notebook_finds(new_notebook(cells=cells), "a")] == ["secret"]


@pytest.mark.parametrize(
    "source",
    [
        'tk.load.homepage_modules(F, key=Path("k").read_bytes())',
        'sorted(rows, key="n".count)',
        'alt.Chart(t).encode(key="n:N")',
        "USERS = 3",
    ],
)
def test_other_keys_are_no_secrets(source):
    assert not list(in_code(source))


class TestFiles:
    """Pages, pictures and data, as they are."""

    ROWS = pl.DataFrame({"user_id": [592248], "module": ["help"]})

    @pytest.mark.parametrize(
        ("name", "make"),
        [
            ("a.csv", lambda path, rows: rows.write_csv(path)),
            ("a.tsv", lambda path, rows: rows.write_csv(path, separator="\t")),
            ("a.csv.gz", lambda path, rows: path.write_bytes(gzip.compress(rows.write_csv().encode()))),
            ("a.json", lambda path, rows: rows.write_json(path)),
            ("a.ndjson", lambda path, rows: rows.write_ndjson(path)),
            ("a.parquet", lambda path, rows: rows.write_parquet(path)),
            ("a.svg", lambda path, _: path.write_text('<svg><g aria-label="user_id: 592248; n: 20"/></svg>')),
            ("a.png", lambda path, _: path.write_bytes(png("user_id=592248"))),
            ("a.html", lambda path, rows: path.write_text(f"<html>{rows._repr_html_()}</html>")),
            ("b.html", lambda path, rows: alt.Chart(rows).mark_bar().encode(x="user_id:Q").save(path)),
        ],
    )
    def test_a_user_id_is_found(self, tmp_path, name, make):
        make(tmp_path / name, self.ROWS)
        assert {find.kind for find in gate.finds(tmp_path / name)} == {"user id"}
        make(tmp_path / name, self.ROWS.rename({"user_id": "line"}))
        if name not in {"a.svg", "a.png"}:
            assert not gate.finds(tmp_path / name)

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ToolkitError, match="could not be read"):
            gate.finds(tmp_path / "a.csv")


def write(path, *cells, **metadata):
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)
    return path


class TestPages:
    """What the gate stops is not written."""

    def test_a_page_with_a_find_is_refused(self, tmp_path):
        notebook = write(tmp_path / "a.ipynb", shown({"text/plain": KINDS["internet address"]}))
        with pytest.raises(gate.RefusedError, match=r"a\.ipynb, cell 1 \[1\], output 1, text/plain: internet address"):
            write_pages([notebook], tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_choice_to_publish_all_the_same_stands_in_the_page(self, tmp_path):
        notebook = write(tmp_path / "a.ipynb", new_markdown_cell("# A"), shown(TABLES["frame"](FEW)))
        (page,) = write_pages([notebook], tmp_path / "out", publish_anyway="7 are <us>")
        text = page.read_text(encoding="utf-8")
        assert "by choice: this page holds cell below 10. The reason given: 7 are &lt;us&gt;" in text
        assert "<title>A</title>" in text
        assert gate.uncovered_finds(page)[0] == []

    def test_a_choice_has_a_reason(self, tmp_path):
        with pytest.raises(ToolkitError, match="is a reason, which the page will show"):
            write_pages(
                [write(tmp_path / "a.ipynb", shown(TABLES["frame"](FEW)))], tmp_path / "out", publish_anyway=" "
            )

    def test_a_picture_beside_the_notebook_is_looked_at(self, tmp_path):
        (tmp_path / "a.png").write_bytes(png("from 203.0.113.9"))
        with pytest.raises(gate.RefusedError, match="page, text in the picture: internet address"):
            write_pages([write(tmp_path / "a.ipynb", new_markdown_cell("![a](a.png)"))], tmp_path / "out")

    def test_a_notebooks_own_choice_covers_small_cells_of_its_own_data_alone(self, tmp_path):
        cells = [
            new_code_cell("N = 1", execution_count=1, metadata={"tags": ["parameters"]}),
            shown(TABLES["frame"](FEW)),
        ]
        notebook = write(tmp_path / "a.ipynb", *cells)
        gate.remember(notebook, "The data are generated.")
        (page,) = write_pages([notebook], tmp_path / "out")
        assert "The reason given: The data are generated." in page.read_text(encoding="utf-8")

        node = nbformat.read(notebook, as_version=4)
        node.cells[0].source = "N = 2"
        nbformat.write(node, tmp_path / "b.ipynb")
        with pytest.raises(gate.RefusedError):
            write_pages([tmp_path / "b.ipynb"], tmp_path / "out")

        node.cells[0].source = "N = 1"
        node.cells.append(new_markdown_cell(KINDS["email address"]))
        nbformat.write(node, tmp_path / "c.ipynb")
        with pytest.raises(gate.RefusedError) as refused:
            write_pages([tmp_path / "c.ipynb"], tmp_path / "out")
        assert {find.kind for find in refused.value.finds} == {"email address"}

    def test_refresh_keeps_the_choice(self, tmp_path):
        notebook = write(tmp_path / "a.ipynb", new_code_cell("1"))
        gate.remember(notebook, "Generated.")
        refresh(notebook)
        assert gate.choice_for(nbformat.read(notebook, as_version=4)).reason == "Generated."

    def test_several_run_side_by_side_and_one_that_fails_does_not_stop_the_others(self, tmp_path):
        write(tmp_path / "a.ipynb", new_markdown_cell("# A"), new_code_cell("print(6 * 7)"))
        write(tmp_path / "b.ipynb", new_code_cell("1"), new_code_cell("wanted = 'x'\nint(wanted)"))
        write(tmp_path / "c.ipynb", new_code_cell("print('203.0.113.9')"))
        said = []
        with pytest.raises(NotAllWrittenError) as failed:
            write_pages([tmp_path], tmp_path / "out", execute=True, at_once=3, progress=said.append)
        assert [path.name for path in failed.value.written] == ["a.html", "index.html"]
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.html", "index.html"]
        assert "<pre>42" in (tmp_path / "out/a.html").read_text(encoding="utf-8")
        cell = next(problem for problem in failed.value.problems if isinstance(problem, CellFailedError))
        assert (cell.notebook, cell.cell, cell.code) == ("b.ipynb", 2, "wanted = 'x'\nint(wanted)")
        assert cell.sentence.startswith("ValueError: invalid literal")
        assert "    int(wanted)" in str(failed.value)
        assert "203.0.113.9" not in str(failed.value)
        assert said[-1] == "3 of 3 notebooks done, 4 of 4 cells run"

    def test_each_of_several_notebooks_is_given_the_parameters_that_it_has(self, tmp_path):
        for name in "ab":
            tagged = new_code_cell(f"{name.upper()} = 1", metadata={"tags": ["parameters"]})
            write(tmp_path / f"{name}.ipynb", tagged, new_code_cell(f"print('got', {name.upper()} + 40)"))
        write_pages([tmp_path], tmp_path / "out", parameters={"A": "2", "B": "3"})
        assert "got 42" in (tmp_path / "out/a.html").read_text(encoding="utf-8")
        assert "got 43" in (tmp_path / "out/b.html").read_text(encoding="utf-8")
        with pytest.raises(ToolkitError, match="no notebook of the 2 has a parameter 'C'; they have A, B"):
            write_pages([tmp_path], tmp_path / "more", parameters={"C": "2"})


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_of_this_repository_hold_small_cells_of_generated_data_and_nothing_else(notebook, tmp_path):
    """No one is in the samples, so their small cells may leave; the choice is made by `gate.remember`."""
    found = gate.finds(notebook)
    assert {find.kind for find in found} <= {"cell below k"}
    copied = tmp_path / notebook.name
    copied.write_bytes(notebook.read_bytes())
    gate.remember(copied, "The data are generated: no person's.")
    assert gate.uncovered_finds(copied)[0] == []


class TestSuppress:
    """Tables made publishable."""

    def test_a_cell_of_few_takes_the_next_smallest_with_it(self):
        table = pl.DataFrame(
            {"module": ["a", "b", "c", "all"], "users": [40, 3, 25, 68], "share": [0.4, 0.1, 0.2, 0.3]}
        )
        found = suppress(table)
        assert found["users"].to_list() == [40, None, None, 68]
        assert found["share"].to_list() == [0.4, None, None, 0.3]
        assert found["note"][1] == "fewer than 10"
        assert not list(in_table(found.to_dict(as_series=False), 10))

    def test_the_total_need_not_stand_in_the_table(self):
        assert suppress(pl.DataFrame({"module": ["a", "b", "c"], "n": [40, 3, 25]}))["n"].to_list() == [40, None, None]

    def test_labels_that_go_with_codes_open_no_way_around(self):
        table = pl.DataFrame({"code": ["6", "2.1", "5"], "label": ["shown", "closed", "hidden"], "n": [40, 3, 25]})
        assert suppress(table)["n"].to_list() == [40, None, None]

    def test_what_is_missing_adds_up_to_k(self):
        assert suppress(pl.DataFrame({"m": ["a", "b", "c", "d"], "n": [40, 1, 1, 25]}))["n"].to_list() == [
            40,
            None,
            None,
            None,
        ]

    def test_zero_and_what_is_large_stay_and_notes_are_kept(self):
        table = pl.DataFrame({"m": ["a", "b"], "n": [0, 10], "note": ["x", None]})
        assert suppress(table).equals(table)

    def test_what_can_not_be_is_said(self):
        table = pl.DataFrame({"m": ["a"], "rank": [1]})
        with pytest.raises(ToolkitError, match="suppress needs the column 'n'"):
            suppress(table)
        with pytest.raises(ToolkitError, match="suppress needs the column 'users'"):
            suppress(table, counts="users")
        with pytest.raises(ToolkitError, match="'k' is at least 1"):
            suppress(table, counts="rank", k=0)

    @settings(max_examples=25)
    @given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3))
    def test_no_reader_can_work_out_a_small_cell_from_totals(self, cells):
        """Linear programming finds what a missing cell can be at least and at most, given all that is shown."""
        table = np.pad(np.array(cells), ((0, 1), (0, 1)))
        table[3, :3], table[:3, 3] = table[:3, :3].sum(axis=0), table[:3, :3].sum(axis=1)
        table[3, 3] = table[:3, 3].sum()
        names = ["x", "y", "z", "all"]
        rows = [{"a": names[i], "b": names[j], "n": int(table[i, j])} for i, j in product(range(4), repeat=2)]
        found = suppress(pl.DataFrame(rows))["n"].to_list()
        signs = np.array([1, 1, 1, -1])
        sums = [np.outer(np.eye(4)[i], signs).ravel() for i in range(4)]
        sums += [np.outer(signs, np.eye(4)[i]).ravel() for i in range(4)]
        bounds = [(0, None) if n is None else (n, n) for n in found]
        for at, n in enumerate(table.ravel()):
            if 0 < n < 10:
                assert found[at] is None
                least, most = (
                    linprog(sign * np.eye(16)[at], A_eq=np.array(sums), b_eq=np.zeros(8), bounds=bounds)
                    for sign in (1, -1)
                )
                assert most.status == 3 or round(-most.fun - least.fun, 6) >= 1
