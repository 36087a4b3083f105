"""A tally on its way into a page: nothing is lost, the text is the same each time, and the page holds it."""

import json
import re
from pathlib import Path

import nbformat
import polars as pl
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from polars.testing import assert_frame_equal

import toolkit as tk
from toolkit.chart import live
from toolkit.share import gate, notebook_page
from toolkit.share.live import MODULES, script

FILTERS = ("campaign", "country", "device", "anonymous")
BY = ("campaign", "banner", "region", "day")
TABLE = pl.DataFrame({"stage": ["<shown>"], "recorded": [1234]})


def face_of(rows, *, by=BY, with_attempts=True):
    """Face of rows as an explorer makes it."""
    return live.funnel_face(
        lambda unit, dimensions: tk.measure.tally(rows, by=dimensions, unit=unit),
        filters=FILTERS,
        by=by,
        choices={"unit": "pageview", "by": None},
        table=TABLE,
        called="rows",
        n=rows.height,
        set_aside=0,
        with_attempts=with_attempts,
    )


@pytest.fixture(scope="module")
def rows(sample):
    return tk.load.impressions(sample / "beacons.tsv.gz").rows


@pytest.fixture(scope="module")
def face(rows):
    return face_of(rows)


def page_of(face, tmp_path):
    """Page of a notebook that shows this explorer and nothing else."""
    faces = {live.MIME: face, "text/plain": "Chart: a funnel", "image/svg+xml": "<svg/>"}
    cell = new_code_cell("view", execution_count=1, outputs=[new_output("display_data", data=faces)])
    cell.id = "shown"
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    return notebook_page(tmp_path / "a.ipynb", publish_anyway="a test")


def test_small_cells_of_a_tally_stop_the_notebook_as_they_stop_the_page(face, tmp_path):
    """In a notebook its counts are not yet compressed."""
    page_of(face, tmp_path)
    assert "cell below k" in {find.kind for find in gate.finds(tmp_path / "a.ipynb")}
    with pytest.raises(gate.RefusedError):
        notebook_page(tmp_path / "a.ipynb")


@pytest.mark.parametrize(("name", "unit"), [("pageview", "pageview"), ("attempt", "attempt"), ("way", "attempt")])
def test_what_is_unpacked_is_what_was_packed(rows, face, name, unit):
    found = live.unpacked(face, name)
    dimensions = [column for column in found.columns if column not in live.NUMBERS]
    tally = tk.measure.tally(rows, by=dimensions, unit=unit)
    expected = tally.with_columns(
        pl.col("day").dt.strftime("%Y-%m-%d"), pl.col("codes"), pl.col("n", "partial").cast(pl.Int64)
    ).select(found.columns)
    keys = [*dimensions, "codes", "sample_rate"]
    assert_frame_equal(found.sort(keys), expected.sort(keys), check_dtypes=False)


def test_the_bytes_compressed_for_a_page_are_a_third_smaller(face):
    """So a notebook holds them plain: what compresses differs from Python to Python, and outputs are compared."""
    before, after = (len(json.dumps(one["tallies"])) for one in (face, live.compressed(face)))
    assert after < before * 2 / 3


def test_the_order_of_rows_does_not_change_the_text(rows, face):
    assert json.dumps(face_of(rows.sample(fraction=1, shuffle=True, seed=3))) == json.dumps(face)


def test_a_row_more_does_change_it(rows, face):
    assert json.dumps(face_of(pl.concat([rows, rows.head(1)]))["tallies"]) != json.dumps(face["tallies"])


def test_rows_without_day_country_code_or_rate_are_kept(rows):
    odd = rows.head(3).with_columns(
        dt=pl.lit(None, dtype=rows.schema["dt"]),
        country=pl.lit(None, dtype=pl.String),
        status_code=pl.Series([None, "", "a b"]),
        sample_rate=pl.Series([0.01, None, 2.0]),
    )
    found = live.unpacked(face_of(odd, with_attempts=False), "pageview").sort("sample_rate", nulls_last=True)
    assert found.select("day", "country", "codes", "sample_rate", "n").rows() == [
        (None, None, None, 0.01, 1),
        (None, None, "a␣b", 1.0, 1),
        (None, None, "", None, 1),
    ]


def test_dimensions_of_very_many_values_need_a_second_key():
    """One key of all would be larger than a browser's whole numbers."""
    size = 4_000
    names = {name: pl.Series([f"{name}{at * 7 % size}" for at in range(size)]) for name in ("a", "b", "c", "d", "e")}
    frame = pl.DataFrame(names).with_columns(codes=pl.lit("6"), sample_rate=1.0, n=pl.int_range(1, size + 1), partial=0)
    values = {name: sorted(column) for name, column in names.items()}
    tally = live.packed(frame, values, [{"code": "6"}], [1.0])
    assert len(tally["keys"]) == 2
    found = live.unpacked({"values": values, "codes": [{"code": "6"}], "rates": [1.0], "tallies": {"": tally}}, "")
    keys = list(names)
    assert_frame_equal(found.select(frame.columns).sort(keys), frame.sort(keys), check_dtypes=False)


def test_an_explorer_shows_its_chart_and_the_tally_of_its_rows(rows):
    faces = tk.explore.status_funnel(rows)._repr_mimebundle_()
    assert {"application/vnd.vegalite.v6+json", "image/svg+xml", "text/plain", live.MIME} <= set(faces)
    face = faces[live.MIME]
    assert live.unpacked(face, "pageview")["n"].sum() == rows.height
    assert face["table"]["columns"] == ["stage", "outcome", "recorded", "estimate (interval)", "share (interval)"]
    assert json.dumps(face) == json.dumps(tk.explore.status_funnel(rows)._repr_mimebundle_()[live.MIME])


def test_rows_that_know_no_attempts_have_a_view_of_page_views(rows):
    bare = rows.drop("attempts", "path")
    face = tk.explore.status_funnel(bare)._repr_mimebundle_()[live.MIME]
    assert set(face["tallies"]) == {"pageview"}


def test_the_page_has_a_picture_and_a_table_for_those_without_scripts(face, tmp_path):
    page = page_of(face, tmp_path)
    figure = page.partition('<figure class="toolkit-live"')[2].partition("</figure>")[0]
    assert '<img alt="Chart: a funnel"' in figure
    assert "<td>&lt;shown&gt;</td><td>1,234</td>" in figure


def test_the_page_carries_the_tally_compressed_and_the_scripts_once(face, tmp_path):
    page = page_of(face, tmp_path)
    [carried] = re.findall(r'</div>\n<script type="application/json">(.*?)</script>', page)
    assert json.loads(carried) == json.loads(json.dumps(live.compressed(face)))
    assert page.count("viewModule.start();") == 1
    assert page_of(face, tmp_path) == page


def test_every_module_is_in_the_script_and_none_imports_any_more():
    folder = Path(tk.share.__file__).parent / "live"
    assert sorted(MODULES) == sorted(path.stem for path in folder.glob("*.js"))
    assert not re.findall(r"^(?:import|export)\b", script(), re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_comes_after_those_that_it_imports(module):
    folder = Path(tk.share.__file__).parent / "live"
    text = (folder / f"{module}.js").read_text(encoding="utf-8")
    assert set(re.findall(r"from '\./(\w+)\.js'", text)) <= set(MODULES[: MODULES.index(module)])
