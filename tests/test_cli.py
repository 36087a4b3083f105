"""The command line: what it prints, and with which code it ends."""

import subprocess
import sys

import nbformat
import polars as pl
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook, new_output

from toolkit import load
from toolkit.__main__ import main


@pytest.fixture
def run():
    """Run a command; gives the exit code and all it printed."""

    def run(*words):
        found = CliRunner().invoke(main, [str(word) for word in words])
        return found.exit_code, found.output

    return run


def test_codes_are_explained(run):
    code, said = run("decode", "2.10", "3.17", "2.99")
    assert code == 0
    assert "cookies" in said
    assert "requestedBannerNotAvailable" in said
    assert "unknown (2.99)" in said


def test_the_whole_book_has_every_code(run):
    assert run("decode")[1].count("group:") == 56


def test_a_clean_export_ends_with_zero(run, sample):
    code, said = run("check", "impressions", sample / "beacons.tsv.gz")
    assert code == 0
    assert "9,274 rows in = 9,274 kept + 0 set aside + 0 duplicates." in said


def test_rows_set_aside_are_listed_and_end_with_one(run, write):
    path = write("log.tsv", ["dt\turi_query", "x\t?statusCode=6", "short", "long\tlong\tlong"])
    code, said = run("check", "impressions", path, "--set-aside", 1)
    assert code == 1
    assert f"{path.as_posix()}:3: 1 field where the header has 2" in said
    assert "and 1 more" in said


def test_an_error_is_one_sentence(run, tmp_path):
    code, said = run("check", "impressions", tmp_path / "gone.gz")
    assert code == 1
    assert said.startswith("Error: no file at")
    assert "Traceback" not in said


def test_a_parameter_has_a_name_and_a_value(run, tmp_path):
    assert "has the form NAME=VALUE" in run("share", tmp_path / "a.ipynb", "-o", tmp_path / "a.html", "-p", "X")[1]


def test_it_runs_as_a_module():
    found = subprocess.run([sys.executable, "-m", "toolkit", "decode", "6"], capture_output=True, text=True, check=True)
    assert found.stdout.startswith("6      banner shown")


def test_an_export_is_converted_to_a_store_that_the_loader_opens(run, sample, tmp_path):
    source, store = sample / "homepage_visits_2022.ndjson.gz", tmp_path / "visits"
    code, said = run("convert", source, "-o", store)
    assert code == 0
    assert "615 rows in = 614 kept + 0 set aside + 1 duplicates." in said
    assert f"toolkit.load.homepage_visits({store.as_posix()!r})" in said
    found, plain = load.homepage_visits(store), load.homepage_visits(source)
    assert found.account.drop("file").equals(plain.account.drop("file"))
    assert (
        found.rows.select(pl.exclude("user", "visit", "file"))
        .collect()
        .equals(plain.rows.drop("user", "visit", "file"))
    )


def test_a_store_is_not_overwritten_unless_asked(run, sample, tmp_path):
    source, store = sample / "homepage_visits_2022.ndjson.gz", tmp_path / "visits"
    assert run("convert", source, "-o", store)[0] == 0
    code, said = run("convert", source, "-o", store)
    assert code == 1
    assert "Traceback" not in said
    assert run("convert", source, "-o", store, "--overwrite")[0] == 0


def test_stores_with_one_key_can_be_joined(run, sample, tmp_path):
    (tmp_path / "key").write_text("a secret")
    for name in ("modules", "visits"):
        source = sample / f"homepage_{name}_2022.ndjson.gz"
        assert run("convert", source, "-o", tmp_path / name, "--key-file", tmp_path / "key")[0] == 0
    modules, visits = load.homepage_modules(tmp_path / "modules").rows, load.homepage_visits(tmp_path / "visits").rows
    both = modules.select("wiki", "visit", "user").unique().join(visits, on=["wiki", "visit", "user"]).collect()
    assert both.height == modules.select("wiki", "visit").unique().collect().height == 559


def test_what_may_be_two_tables_has_to_be_named(run, tmp_path):
    (tmp_path / "t.csv").write_text("dt,event\n2019-05-06T00:00:00Z,x\n")
    code, said = run("convert", tmp_path / "t.csv", "-o", tmp_path / "store")
    assert code == 1
    assert "has to say which table to read" in said


def few(path, users=3):
    """A notebook whose table has a cell of so many."""
    table = pl.DataFrame({"module": ["help", "impact"], "users": [40, users]})
    output = new_output("display_data", data={"text/html": table._repr_html_()})
    nbformat.write(new_notebook(cells=[new_code_cell("table", execution_count=1, outputs=[output])]), path)
    return path


def test_what_must_not_leave_is_named_and_ends_with_one(run, tmp_path):
    code, said = run("check", "--publish", few(tmp_path / "a.ipynb"), few(tmp_path / "b.ipynb", 30))
    assert code == 1
    assert said == "a.ipynb, cell 1 [1], output 1, text/html: cell below k\nb.ipynb: may leave\n"
    assert run("check", "--publish", tmp_path / "a.ipynb", "--k", 3)[0] == 0


def test_a_page_of_it_is_not_written_unless_somebody_says_why(run, tmp_path):
    notebook, page = few(tmp_path / "a.ipynb"), tmp_path / "a.html"
    code, said = run("share", notebook, "-o", page)
    assert code == 1
    assert said.startswith(
        "Error: a.ipynb must not leave as it is:\n  a.ipynb, cell 1 [1], output 1, text/html: cell below k"
    )
    assert not page.exists()
    assert run("share", notebook, "-o", page, "--publish-anyway", "all are invented")[0] == 0
    assert "The reason given: all are invented" in page.read_text(encoding="utf-8")
    code, said = run("check", "--publish", page)
    assert code == 0
    assert said == "a.html: may leave; it holds, by a choice that it records, cell below k\n"


def test_a_choice_lets_a_file_pass_the_check_and_is_said(run, tmp_path):
    code, said = run("check", "--publish", few(tmp_path / "a.ipynb"), "--publish-anyway", "all are invented")
    assert code == 0
    assert said.endswith("a.ipynb: may leave all the same, by choice: all are invented\n")


def test_a_table_that_is_none_is_said(run, tmp_path):
    assert "'nothing' is not one of 'impressions', 'banner-history'" in run("check", "nothing", tmp_path)[1]
    assert "name an export after the table" in run("check", "impressions")[1]


def test_a_cell_that_fails_is_shown_with_its_sentence(run, tmp_path):
    nbformat.write(new_notebook(cells=[new_code_cell("wanted = 'x'\nint(wanted)")]), tmp_path / "a.ipynb")
    code, said = run("share", tmp_path / "a.ipynb", "-o", tmp_path / "a.html", "--execute")
    assert code == 1
    assert "Error: a.ipynb, cell 1: ValueError: invalid literal" in said
    assert said.endswith("    wanted = 'x'\n    int(wanted)\n")
