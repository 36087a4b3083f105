"""The command line: what it prints, and with which code it ends."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

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
