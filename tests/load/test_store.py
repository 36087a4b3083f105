"""Stores: the same rows whatever was cut, killed or run beside it, and nothing but the manifest read to open one."""

import json
import os
import signal
import subprocess
import sys
import time
from hashlib import blake2b
from pathlib import Path

import polars as pl
import polars.selectors as cs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit import load
from toolkit.__main__ import main
from toolkit.errors import ToolkitError
from toolkit.load import store as stores
from toolkit.load.assemble import assembled
from toolkit.load.batch import CONTENT, ID, Aside, Batch, Options, Piece, Table
from toolkit.load.parts import Job, Task, Worker
from toolkit.load.sources import Lines
from toolkit.load.store import Progress, cut, is_store, opened, write

KEYED = Options(key=b"a secret")
SCHEMA = {
    "line": pl.Int64,
    "dt": pl.Datetime("ms", "UTC"),
    "wiki": pl.String,
    "value": pl.Float64,
    "private user": pl.Int64,
    "flags": pl.UInt32,
    ID: pl.String,
    CONTENT: pl.UInt64,
}


def read_lines(piece, _):
    """JSON objects, one a line; anything else is set aside. An odd one is a fact of its file."""
    if os.environ.get("SLOW"):
        time.sleep(0.15)
    for first, block in Lines(piece):
        rows, aside, facts = [], [], set()
        for line, raw in enumerate(block, first):
            if not raw.strip():
                continue
            try:
                found = json.loads(raw)
            except ValueError:
                aside.append(Aside(line, "no JSON", raw))
                continue
            content = int.from_bytes(blake2b(raw.strip(), digest_size=8).digest(), "big")
            facts |= {"odd"} if found.get("odd") else set()
            dt = None if found.get("dt") is None else found["dt"]
            rows.append(
                (line, dt, found.get("wiki"), found.get("value"), found.get("user"), 2, found.get("id"), content)
            )
        frame = pl.DataFrame(rows, schema={**SCHEMA, "dt": pl.Int64}, orient="row")
        frame = frame.with_columns(pl.col("dt").cast(pl.Datetime("ms")).dt.replace_time_zone("UTC"))
        if "wide" in piece.path.name:
            frame = frame.with_columns(more=pl.lit("x"))
        yield Batch(frame, aside, len(rows) + len(aside), "lines", facts=facts)


def by_lines(path, _):
    """Whether a file may be cut: all but those named so."""
    return "whole" not in path.name


def negated(facts):
    """What becomes of a file in which one value is odd: all are negated."""
    return (lambda rows: rows.with_columns(-pl.col("value"))) if "odd" in facts else None


TABLE = Table("homepage_modules", read_lines, by_lines, {"user": ("wiki", "private user")}, fix=negated)


@pytest.fixture
def small(monkeypatch):
    """Pieces of a few lines."""
    monkeypatch.setattr(stores, "PIECE", 200)


@pytest.fixture
def export(tmp_path):
    """Write objects, or broken lines, as a file."""

    def export(name, lines):
        path = tmp_path / name
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return path

    return export


def many(export, n=60):
    """Two files: each of the second's events is one of the first's, now and then with another value."""
    first = [{"id": f"{at}", "wiki": "cswiki", "user": at % 7, "value": at, "dt": at * 1000} for at in range(n)]
    second = [
        {"value": at + (at % 10 == 3), "id": f"{at}"} | first[at] | ({"value": -1} if at % 10 == 3 else {})
        for at in range(0, n, 3)
    ]
    return [export("first.ndjson", [*first, "broken 5"]), export("second.ndjson", second)]


def everything(store):
    """Bytes of all files of a store."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()
    }


@pytest.mark.usefixtures("small")
def test_a_store_holds_what_is_assembled_in_memory(export, tmp_path):
    sources = many(export)
    found = write(TABLE, sources, tmp_path / "store", KEYED)
    due = assembled(TABLE, [Piece(path) for path in sources], KEYED)
    assert found.rows.collect().equals(due.rows)
    assert found.set_aside.collect().equals(due.set_aside)
    assert found.account.equals(due.account)
    assert found.sentences == due.sentences
    # 61 and 20 rows; 2 ids of 20 have two contents, 18 came twice, 1 line is broken
    assert due.account.rows() == [
        (sources[0].as_posix(), "lines", 61, 58, 3, 0),
        (sources[1].as_posix(), "lines", 20, 0, 2, 18),
    ]


@pytest.mark.usefixtures("small")
def test_one_process_and_two_give_the_same_bytes(export, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "IN_WORKERS", 0)
    sources = many(export)
    for n in (1, 2):
        write(TABLE, sources, tmp_path / f"{n}", KEYED, processes=n)
    assert everything(tmp_path / "1") == everything(tmp_path / "2")


@pytest.mark.usefixtures("small")
def test_nothing_but_the_manifest_is_read_to_open_a_store(export, tmp_path):
    store = tmp_path / "store"
    before = write(TABLE, many(export), store, KEYED)
    for path in store.rglob("*.parquet"):
        path.write_bytes(b"no Parquet")
    found = opened(store, "homepage_modules")
    assert isinstance(found.rows, pl.LazyFrame)
    assert repr(found) == repr(before)
    assert "From 1970-01-01 00:00 to 1970-01-01 00:00 UTC." in found.sentences
    assert "58 bot" in repr(found)
    assert found._repr_html_() == before._repr_html_()


def test_a_folder_without_a_manifest_is_no_store(tmp_path):
    with pytest.raises(ToolkitError, match="could not be read: it is no store"):
        opened(tmp_path, "homepage_modules")
    assert not is_store(tmp_path)


def test_a_store_of_another_table_names_the_loader(export, tmp_path):
    write(TABLE, [export("a", [{"id": "1"}])], tmp_path / "store", KEYED)
    with pytest.raises(ToolkitError, match="a store of homepage modules, not impressions; .*load.homepage_modules"):
        opened(tmp_path / "store", "impressions")


def test_a_part_that_is_gone_is_said(export, tmp_path):
    write(TABLE, [export("a", [{"id": "1"}])], tmp_path / "store", KEYED)
    (tmp_path / "store" / "rows" / "00000-00000-000.parquet").unlink()
    with pytest.raises(ToolkitError, match="'rows/00000-00000-000.parquet' is missing"):
        opened(tmp_path / "store", "homepage_modules")


def test_a_store_is_not_overwritten_unasked(export, tmp_path):
    path, store = export("a", [{"id": "1"}]), tmp_path / "store"
    write(TABLE, [path], store, KEYED)
    with pytest.raises(ToolkitError, match="is a store already, of 1 homepage_modules rows"):
        write(TABLE, [path], store, KEYED)
    path.write_text('{"id": "1"}\n{"id": "2"}\n')
    assert write(TABLE, [path], store, KEYED, overwrite=True).rows.collect().height == 2


def test_a_folder_of_other_files_is_left_alone(export, tmp_path):
    path = export("a", [{"id": "1"}])
    with pytest.raises(ToolkitError, match="holds other files"):
        write(TABLE, [path], tmp_path, KEYED, overwrite=True)
    with pytest.raises(ToolkitError, match="this is a file"):
        write(TABLE, [path], path, KEYED)


def test_an_export_without_rows_gives_empty_parquet_of_the_same_columns(export, tmp_path):
    found = write(TABLE, [export("a", ["broken"])], tmp_path / "store", KEYED)
    full = write(TABLE, [export("b", [{"id": "1"}])], tmp_path / "full", KEYED)
    rows = pl.read_parquet(tmp_path / "store" / "rows" / "*.parquet")
    assert rows.is_empty()
    assert [name for name in rows.columns if rows.schema[name] != full.rows.collect_schema()[name]] == ["file"]
    assert found.account.row(0)[1:] == ("lines", 1, 0, 1, 0)
    assert full.set_aside.collect().schema == found.set_aside.collect().schema


def test_a_file_that_cannot_be_read_is_one_row_set_aside(export, tmp_path):
    good, gone = export("a", [{"id": "1"}]), export("b", [{"id": "2"}])
    gone.write_bytes("ü".encode("utf-16"))
    found = write(TABLE, [gone, good], tmp_path / "store", KEYED)
    assert found.account.rows() == [(gone.as_posix(), "not read", 1, 0, 1, 0), (good.as_posix(), "lines", 1, 1, 0, 0)]
    assert "UTF-16" in found.set_aside.collect()["reason"].item()
    with pytest.raises(ToolkitError, match="UTF-16"):
        write(TABLE, [gone], tmp_path / "other", KEYED)
    assert not is_store(tmp_path / "other")


@pytest.mark.usefixtures("small")
def test_what_one_batch_shows_corrects_the_whole_file(export, tmp_path):
    plain = [{"id": f"{at}", "value": at} for at in range(20)]
    odd = [{"id": f"{at}", "value": at} for at in range(20, 40)] + [{"id": "40", "value": 40, "odd": True}]
    found = write(TABLE, [export("a", plain), export("b", odd)], tmp_path / "store", KEYED)
    assert found.rows.collect()["value"].to_list() == [*range(20), *(-at for at in range(20, 41))]


def test_files_with_other_columns_make_one_table(export, tmp_path):
    sources = [export("a", [{"id": "1"}]), export("wide", [{"id": "2"}])]
    found = write(TABLE, sources, tmp_path / "store", KEYED)
    assert found.rows.collect()["more"].to_list() == [None, "x"]
    assert found.rows.collect().equals(assembled(TABLE, [Piece(path) for path in sources], KEYED).rows)


def test_identifiers_meet_in_stores_with_one_key_only(export, tmp_path):
    path = export("a", [{"id": "1", "wiki": "cswiki", "user": 7}])

    def user(name, options):
        return write(TABLE, [path], tmp_path / name, options).rows.collect()["user"].item()

    assert user("a1", KEYED) == user("a2", KEYED)
    assert len({user("b1", Options()), user("b2", Options()), user("a3", KEYED)}) == 3
    assert "hashed with a key that was thrown away" in repr(opened(tmp_path / "b1", "homepage_modules"))


def test_no_file_of_a_store_holds_the_key(export, tmp_path, monkeypatch):
    monkeypatch.setattr("secrets.token_bytes", lambda _: b"0123456789abcdef")
    write(TABLE, [export("a", [{"id": "1", "wiki": "cswiki", "user": 7}])], tmp_path / "store", Options())
    assert not [name for name, raw in everything(tmp_path / "store").items() if b"0123456789abcdef" in raw]


def test_a_file_is_cut_at_line_ends_and_lines_keep_their_numbers(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"%d\n" % at for at in range(1000)) + b"\n\n" + b"x" * 5000 + b"\nlast")
    for size in (1, 7, 100, 4000, 10**6):
        pieces = list(cut(path, size))
        raw = path.read_bytes()
        assert b"".join(raw[piece.start : piece.stop] for piece in pieces) == raw
        assert all(piece.first_line == raw[: piece.start].count(b"\n") + 1 for piece in pieces)
        assert all(raw[: piece.start].endswith(b"\n") for piece in pieces[1:])
    assert not list(cut(Path(os.devnull), 1))


@pytest.mark.usefixtures("small")
def test_progress_adds_up(export, tmp_path):
    told = []
    sources = many(export)
    write(TABLE, sources, tmp_path / "store", KEYED, progress=told.append)
    last = told[-1]
    assert isinstance(last, Progress)
    assert last.done == last.total == sum(path.stat().st_size for path in sources)
    assert (last.rows, last.set_aside) == (80, 1)


def test_a_source_that_grows_meanwhile_makes_no_store(export, tmp_path):
    path = export("a", [{"id": "1"}])

    def grow(_):
        path.write_text('{"id": "1"}\n{"id": "2"}\n{"id": "3"}\n')

    with pytest.raises(ToolkitError, match="its sources changed while they were read"):
        write(TABLE, [path], tmp_path / "store", KEYED, progress=grow)
    assert write(TABLE, [path], tmp_path / "store", KEYED).account["kept"].item() == 3


class Killed(BaseException):
    """The end of a run at some moment."""


def killed_at(monkeypatch, moment):
    """Let a run end when the n-th file gets its name."""
    names = [0]
    replace = Path.replace

    def replaced(path, target):
        names[0] += 1
        if names[0] == moment:
            raise Killed
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replaced)


@pytest.mark.usefixtures("small")
def test_a_run_that_ends_at_any_moment_leaves_no_half_store_and_is_taken_up_again(export, tmp_path):
    sources = many(export, 15)
    due = write(TABLE, sources, tmp_path / "due", KEYED)
    n_killed = 0
    for moment in range(1, 1000):
        store = tmp_path / f"killed-{moment}"
        with pytest.MonkeyPatch.context() as patch:
            killed_at(patch, moment)
            try:
                write(TABLE, sources, store, KEYED)
                break
            except Killed:
                n_killed += 1
        with pytest.raises(
            ToolkitError, match="its conversion has not ended; run the same command again|it is no store"
        ):
            opened(store, "homepage_modules")
        write(TABLE, sources, store, KEYED)
        assert everything(store) == everything(tmp_path / "due"), moment
    assert n_killed > 20
    assert due.rows.collect().height == 14


@pytest.mark.usefixtures("small")
def test_a_store_that_is_being_overwritten_is_the_old_one_or_none_or_the_new_one(export, tmp_path):
    old, new = [export("old", [{"id": f"{at}", "value": 1} for at in range(30)])], many(export, 30)
    due = {
        "old": write(TABLE, old, tmp_path / "old store", KEYED),
        "new": write(TABLE, new, tmp_path / "new store", KEYED),
    }
    seen = set()
    for moment in range(1, 1000, 4):
        store = tmp_path / f"killed-{moment}"
        write(TABLE, old, store, KEYED)
        with pytest.MonkeyPatch.context() as patch:
            killed_at(patch, moment)
            try:
                write(TABLE, new, store, KEYED, overwrite=True)
                break
            except Killed:
                pass
        try:
            found = opened(store, "homepage_modules")
        except ToolkitError:
            seen.add("none")
        else:
            assert found.rows.collect().equals(due["old"].rows.collect())
            seen.add("old")
        write(TABLE, new, store, KEYED, overwrite=True)
        assert everything(store) == everything(tmp_path / "new store"), moment
    assert seen == {"old", "none"}


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_that_is_killed_is_resumed(export, tmp_path, processes):
    """With kill -9, while pieces are being converted; no worker stays behind."""
    sources, store = many(export, 300), tmp_path / "store"
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path; from toolkit.load import store; import test_store as here\n"
        "store.PIECE, store.IN_WORKERS = 2000, 0\n"
        f"store.write(here.TABLE, [Path(p) for p in {[str(path) for path in sources]!r}], Path({str(store)!r}), here.KEYED, processes={processes})\n"
    )
    run = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "SLOW": "1"}, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(store.glob("unfinished/*/done/*.json"))) < 3:
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert is_store(store)
    with pytest.raises(ToolkitError, match="its conversion has not ended; run the same command again to finish it"):
        opened(store, "homepage_modules")
    while _alive_in(run.pid):
        assert time.monotonic() < deadline, "a worker stayed behind"
        time.sleep(0.05)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "PIECE", 2000)
        found = write(TABLE, sources, store, KEYED)
        write(TABLE, sources, tmp_path / "due", KEYED)
    assert found.notes[-1].startswith("Resumed: ")
    assert everything(store) == everything(tmp_path / "due")


def _alive_in(session):
    """Whether a process of a session runs."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            return True
    return False


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: (path.write_text(path.read_text() + '{"id": "x"}\n'), KEYED), "the sources have changed since"),
        (lambda path: (os.utime(path, (1, 1)), KEYED), "the sources have changed since"),
        (lambda _: (None, Options(key=b"another")), "it had other options"),
        (lambda _: (None, Options(key=b"a secret", keep=("ip",))), "it had other options"),
    ],
)
def test_a_run_with_other_arguments_starts_anew_and_says_why(export, tmp_path, change, why):
    path, store = export("a", [{"id": f"{at}"} for at in range(100)]), tmp_path / "store"
    with pytest.MonkeyPatch.context() as patch:
        killed_at(patch, 12)
        with pytest.raises(Killed):
            write(TABLE, [path], store, KEYED)
    _, options = change(path)
    found = write(TABLE, [path], store, options)
    assert found.notes == (f"An unfinished conversion was there and was not resumed: {why}.",)
    assert found.account["kept"].item() == len(path.read_text().splitlines())


def test_a_worker_that_fails_says_how(export, tmp_path):
    job = Job(tmp_path, Table("homepage_modules", fail, by_lines), KEYED, ("a",))
    task = Task(0, 0, Piece(export("a", [{"id": "1"}])), 1)
    with (
        Worker(job, 1) as worker,
        pytest.raises(RuntimeError, match="(?s)a process that converted .*ZeroDivisionError"),
    ):
        worker.convert(task, lambda *_: None)


@pytest.mark.usefixtures("small")
def test_a_conversion_fails_if_one_of_its_processes_does(export, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "IN_WORKERS", 0)
    failing = Table("homepage_modules", fail, by_lines)
    with pytest.raises((RuntimeError, ZeroDivisionError), match="division by zero"):
        write(failing, many(export), tmp_path / "store", KEYED, processes=2)
    with pytest.raises(ToolkitError, match="its conversion has not ended"):
        opened(tmp_path / "store", "homepage_modules")


def fail(*_):
    """Fail as a reader with a fault does."""
    yield 1 / 0


def test_the_command_converts_and_says_what_became_of_each_row(sample, tmp_path):
    (tmp_path / "key").write_text("secret\n")
    words = ["convert", str(sample / "homepage_visits_2022.ndjson.gz"), "--as", "homepage-visits", "-o"]
    words += [str(tmp_path / "store"), "--key-file", str(tmp_path / "key")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0
    assert " = 614 kept + 0 set aside + " in done.output
    assert "hashed with the key that was given" in done.output
    assert opened(tmp_path / "store", "homepage_visits").rows.collect().height == 614
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 1
    assert again.output.startswith("Error: 'store' is a store already")
    assert CliRunner().invoke(main, [*words, "--overwrite", "--processes", "1"]).exit_code == 0


LINE = st.one_of(
    st.just("broken"),
    st.just(""),
    st.builds(
        lambda id_, value, form: form % (json.dumps(id_), value),
        st.sampled_from([None, "", "a", "b", "c", "d"]),
        st.integers(0, 1),
        st.sampled_from(['{"id": %s, "value": %d}', '{"id":%s,"value":%d.0}', '{"id":%s,"x":1,"value":%d}']),
    ),
)


def oracle(files):
    """Verdict on each line by its place, by comparing objects."""
    found, by_id = {}, {}
    for file, lines in enumerate(files):
        for at, line in enumerate(lines, 1):
            if line == "broken":
                found[file, at] = "aside"
            elif line:
                event = json.loads(line)
                found[file, at] = "kept"
                if event["id"]:
                    by_id.setdefault(event["id"], []).append(((file, at), event))
    for (first, event), *others in by_id.values():
        same = all(other == event for _, other in others)
        found.update({place: "duplicate" if same else "aside" for place, _ in others})
        found[first] = "kept" if same else "aside"
    return found


@settings(max_examples=60)
@given(st.lists(st.lists(LINE, max_size=12), min_size=1, max_size=3), st.integers(1, 400))
def test_rows_in_are_kept_or_set_aside_or_duplicates(tmp_path_factory, files, size):
    folder = tmp_path_factory.mktemp("property")
    sources = [folder / f"{at}" for at in range(len(files))]
    for path, lines in zip(sources, files, strict=True):
        path.write_text("".join(f"{line}\n" for line in lines))
    verdicts = oracle(files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "PIECE", size)
        stored = write(TABLE, sources, folder / "store", KEYED)
    held = assembled(TABLE, [Piece(path) for path in sources], KEYED)
    for found in (stored, held):
        rows, aside = found.rows.lazy().collect(), found.set_aside.lazy().collect()
        assert _places(rows) == sorted(place for place, verdict in verdicts.items() if verdict == "kept")
        assert _places(aside) == sorted(place for place, verdict in verdicts.items() if verdict == "aside")
        for file, entry in enumerate(found.account.iter_rows(named=True)):
            here = [verdict for place, verdict in verdicts.items() if place[0] == file]
            assert entry["rows_in"] == entry["kept"] + entry["set_aside"] + entry["duplicates"] == len(here)
            assert entry["duplicates"] == here.count("duplicate")
    assert stored.rows.collect().equals(held.rows)
    assert stored.set_aside.collect().equals(held.set_aside)


def _places(rows):
    return [(int(Path(str(file)).name), line) for file, line in rows.select("file", "line").iter_rows()]


def test_a_store_holds_texts_of_which_there_are_few_as_categories(tmp_path):
    """And gives them as texts, unless categories are asked for; a load in memory has the choice as well."""
    source = "data/sample/beacons.tsv.gz"
    in_memory = load.impressions(source).rows.collect_schema()
    stored = load.impressions(source, into=tmp_path / "store").rows
    compact = load.impressions(tmp_path / "store", categories=True).rows
    fast = load.impressions(source, categories=True).rows

    assert stored.collect_schema() == in_memory
    assert compact.collect_schema()["campaign"] == fast.collect_schema()["campaign"] == pl.Categorical
    assert compact.select(cs.categorical().cast(pl.String)).collect().equals(stored.select(cs.string()).collect())


def test_codes_of_a_store_that_went_through_numbers_are_restored_and_stay_categories(tmp_path):
    """The account is known at the end only, so that a part is written anew."""
    export = tmp_path / "druid.parquet"
    columns = {"status_code": [6.0, 2.1, 3.17], "campaign": "a", "request_count": 1, "__time": "2026-06-02T00:00:00Z"}
    pl.DataFrame(columns).write_parquet(export)
    stored = load.impressions(export, into=tmp_path / "store").rows.collect()
    compact = load.impressions(tmp_path / "store", categories=True).rows.collect()

    assert stored["status_code"].to_list() == ["6", "2.1 or 2.10", "3.17"]
    assert compact["status_code"].to_list() == stored["status_code"].to_list()
    assert compact["status_code"].dtype == pl.Categorical


def test_parts_that_an_older_run_wrote_as_texts_become_categories(tmp_path, monkeypatch):
    """So that what a run that was killed left behind is of one kind with the rest."""
    monkeypatch.setattr(Table, "compact", lambda _, rows: rows)
    monkeypatch.setattr(stores, "_finish", lambda *_: 1 / 0)
    source = "data/sample/homepage_modules_2022.ndjson.gz"
    with pytest.raises(ZeroDivisionError):
        load.homepage_modules(source, into=tmp_path / "store")
    monkeypatch.undo()
    load.homepage_modules(source, into=tmp_path / "store")

    assert load.homepage_modules(tmp_path / "store", categories=True).rows.collect_schema()["module"] == pl.Categorical


def test_two_conversions_do_not_write_to_one_folder(tmp_path):
    """The second one says so and leaves the first one alone."""
    fcntl = pytest.importorskip("fcntl", reason="this system cannot tell")
    (tmp_path / "store").mkdir()
    other = os.open(tmp_path / "store", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(ToolkitError, match="another conversion writes to it"):
        load.impressions("data/sample/beacons.tsv.gz", into=tmp_path / "store")
    os.close(other)

    assert load.impressions("data/sample/beacons.tsv.gz", into=tmp_path / "store").account["kept"].item() == 9274
