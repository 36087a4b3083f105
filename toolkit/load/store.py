"""Exports of any size to a folder of typed Parquet files, and the load that stands in it."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import polars as pl
import polars.selectors as cs

from toolkit import errors
from toolkit.load import duplicates
from toolkit.load.account import ACCOUNT, N_REASONS, SET_ASIDE, Counts, Load, is_conflict
from toolkit.load.assemble import KEYED, Ledger, aside_frame, noted, public, settled, texts, without_rows
from toolkit.load.batch import Options, Piece, Table
from toolkit.load.identity import hashed
from toolkit.load.parts import Done, Job, Part, Task, Told, Worker, converted, described, written, written_frame

FORMAT = "toolkit store 1"
MANIFEST = "manifest.json"
UNFINISHED = "unfinished"
PIECE = 64 * 2**20  # bytes
IN_WORKERS = 32 * 2**20  # bytes from which on it pays to start other processes
COUNTED = 2**20  # bytes looked through for line ends at once
IN_REACH = 4_000_000  # distinct values counted at once
DROPPED_KEY = "hashed with a key that was thrown away"
README = """This folder is one table of wikimedia-event-toolkit. Open it with toolkit.load, which reads manifest.json first.

rows/*.parquet      the rows kept; `file` and `line` lead back to the export; `user` and `visit` are keyed hashes
set_aside.parquet   the rows that could not be read: file, line, reason, raw text with identifiers masked
manifest.json       the account of every row, the sources, the options, and which parts belong to the table
"""


@dataclass(frozen=True)
class Progress:
    """How far a conversion is.

    Attributes
    ----------
    done, total : int
        Bytes of the sources.
    rows, set_aside : int
        Read so far in this run.
    seconds : float
        Since the start of this run.
    rate : float
        Of this run [MB/s].
    """

    done: int
    total: int
    rows: int
    set_aside: int
    seconds: float
    rate: float


Watch = Callable[[Progress], None]


def is_store(path: Path) -> bool:
    """Whether a folder is a store, be it unfinished.

    Examples
    --------
    >>> is_store(Path("data"))
    False
    """
    return (path / UNFINISHED / "plan.json").is_file() or _manifest(path) is not None


def opened(store: Path, table: str, *, categories: bool = False) -> Load:
    """Load of a store: lazy rows, and the account as it was written; no part is read.

    Parameters
    ----------
    store : Path
        A folder that `write` made.
    table : str
        Which table it should hold.
    categories : bool
        Whether texts of which there are few stay categories, as they are in the files, or become plain texts.

    Raises
    ------
    ToolkitError
        If the folder is no store, is not finished, holds another table, or lacks a part.
    """
    name = store.as_posix()
    found = _manifest(store)
    if found is None:
        if (store / UNFINISHED).is_dir():
            raise errors.unreadable(name, "its conversion has not ended; run the same command again to finish it")
        raise errors.unreadable(name, f"it is no store; one has a {MANIFEST}, written last")
    if found["table"] != table:
        what = found["table"]
        raise errors.wrong_kind(name, f"a store of {what.replace('_', ' ')}", table, [], what)
    parts = [store / "rows" / part["name"] for part in found["parts"]]
    missing = next((path for path in [*parts, store / "set_aside.parquet"] if not path.is_file()), None)
    if missing is not None:
        raise errors.unreadable(name, f"{missing.relative_to(store).as_posix()!r} is missing; convert the export again")
    counts = found["counts"]
    times = {end: datetime.fromisoformat(counts[end]) if counts[end] else None for end in ("first", "last")}
    reasons = tuple((reason, n) for reason, n in counts["reasons"])
    rows = pl.scan_parquet(parts, glob=False)
    return Load(
        table,
        rows if categories else rows.with_columns(cs.categorical().cast(pl.String)),
        pl.scan_parquet(store / "set_aside.parquet", glob=False),
        pl.DataFrame(found["account"], schema=ACCOUNT, orient="row"),
        tuple(found["notes"]),
        Counts(**{**counts, **times, "reasons": reasons}),
    )


def write(
    table: Table,
    sources: Sequence[Path],
    store: Path,
    options: Options,
    *,
    processes: int | None = None,
    progress: Watch | None = None,
    overwrite: bool = False,
    categories: bool = False,
) -> Load:
    """Load of exports of any size, written to a folder as typed Parquet.

    Memory is bounded whatever the size. A run that is killed leaves no half store: `opened` refuses the folder, and
    the next run with the same arguments does what is missing and says so; with other arguments it starts anew and
    says why. The store is the same whatever the number of processes.

    Parameters
    ----------
    table : Table
        What to read.
    sources : sequence of Path
        The exports.
    store : Path
        Folder to make.
    options : Options
        With a key, identifiers are equal in all stores with that key; without one they are hashed with a key that is
        thrown away at the end.
    processes : int, optional
        How many to use; as many as there are cores if not given.
    progress : callable, optional
        Called with a `Progress` as the conversion goes on.
    overwrite : bool
        Whether a store that is there may be replaced; until the new one is complete the old one stays.
    categories : bool
        See `opened`.

    Raises
    ------
    ToolkitError
        If the folder holds a store or something else, if no source can be read, or if one changes meanwhile.
    """
    _refuse_to_overwrite(store, overwrite=overwrite)
    store.mkdir(parents=True, exist_ok=True)
    with _alone_in(store):
        return _written(table, sources, store, options, processes, progress, categories=categories)


def _written(
    table: Table,
    sources: Sequence[Path],
    store: Path,
    options: Options,
    processes: int | None,
    progress: Watch | None,
    *,
    categories: bool,
) -> Load:
    plan = _plan(table, sources, options)
    work, notes = _work(store, plan)
    if not (work / MANIFEST).is_file():
        job = Job(work, table, replace(options, key=options.key or _key(work)), tuple(plan["names"]))
        tasks = _convert(job, plan, processes, progress)
        if _plan(table, sources, options) != plan:
            raise errors.unreadable(store.as_posix(), "its sources changed while they were read; run the command again")
        n_there = sum(there for _, there in tasks)
        if n_there:
            notes.append(f"Resumed: {n_there:,} of {len(tasks):,} pieces were there.")
        _finish(job, plan, [task for task, _ in tasks])
    _publish(store, work)
    found = opened(store, table.name, categories=categories)
    return replace(found, notes=(*found.notes, *notes))


@contextmanager
def _alone_in(store: Path) -> Iterator[None]:
    """Hold a folder while a conversion writes to it, where the system can; the end of the process lets go of it."""
    try:
        import fcntl  # noqa: PLC0415 - not on every system
    except ImportError:
        yield
        return
    number = os.open(store, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.unreadable(
                store.as_posix(), "another conversion writes to it at this moment; wait for its end"
            ) from None
        yield
    finally:
        os.close(number)


def _manifest(store: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((store / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def _refuse_to_overwrite(store: Path, *, overwrite: bool) -> None:
    name = store.as_posix()
    if store.exists() and not store.is_dir():
        raise errors.not_allowed("store", name, "is a folder to make; this is a file")
    there = _manifest(store)
    if there is not None and not overwrite:
        n_rows = sum(part["rows"] for part in there["parts"])
        rule = f"is a store already, of {n_rows:,} {there['table']} rows; name another folder or overwrite it"
        raise errors.not_allowed("store", name, rule)
    if there is None and not (store / UNFINISHED).is_dir() and store.is_dir() and any(store.iterdir()):
        raise errors.not_allowed("store", name, "is a folder to make; this one holds other files")


def _plan(table: Table, sources: Sequence[Path], options: Options) -> dict[str, Any]:
    """What a conversion depends on: a run is resumed only if all of it is the same."""
    stats = [path.stat() for path in sources]
    secret = blake2b(options.key or b"").digest()
    return {
        "version": f"{version('wikimedia-event-toolkit')}, polars {pl.__version__}, {FORMAT}",
        "table": table.name,
        "names": [path.as_posix() for path in sources],
        "sizes": [found.st_size for found in stats],
        "times": [found.st_mtime_ns for found in stats],
        "options": {
            "shape": options.shape,
            "keep": list(options.keep),
            "columns": list(options.columns),
            "requests": options.requests,
            "key": blake2b(b"toolkit store", key=secret, digest_size=8).hexdigest() if options.key else None,
        },
    }


CHANGED = {
    "version": "another version wrote it",
    "table": "it was for another table",
    "names": "it had other sources",
    "sizes": "the sources have changed since",
    "times": "the sources have changed since",
    "options": "it had other options",
}


def _work(store: Path, plan: dict[str, Any]) -> tuple[Path, list[str]]:
    """Folder of the unfinished conversion, one for each plan, and what to say of another one that was there."""
    text = json.dumps(plan, sort_keys=True)
    unfinished = store / UNFINISHED
    work = unfinished / blake2b(text.encode(), digest_size=8).hexdigest()
    notes = []
    try:
        before = json.loads((unfinished / "plan.json").read_bytes())
    except (OSError, ValueError):
        before = None
    if before != plan:
        if before is not None:
            why = dict.fromkeys(said for field, said in CHANGED.items() if before.get(field) != plan[field])
            notes.append(f"An unfinished conversion was there and was not resumed: {', '.join(why)}.")
        shutil.rmtree(unfinished, ignore_errors=True)
    elif not any((work / "done").glob("*")):
        notes.append("An unfinished conversion was there, without a finished piece: started anew.")
    for folder in ("rows", "aside", "ids", "done", "fixed", "verdicts"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    written(unfinished / "plan.json", lambda path: path.write_text(text, encoding="utf-8"))
    return work, notes


def _key(work: Path) -> bytes:
    """Random key of a conversion: kept while it may be resumed, so that it is deleted with the folder of it."""
    path = work / "key"
    if not path.is_file():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def cut(path: Path, size: int) -> Iterator[Piece]:
    """Pieces of a plain file of about so many bytes, each of whole lines."""
    with path.open("rb", buffering=0) as file:
        end = os.fstat(file.fileno()).st_size
        start, first_line = 0, 1
        while start < end:
            stop, n_lines = _next_cut(file, start, min(start + size, end), end)
            yield Piece(path, start, stop, first_line)
            start, first_line = stop, first_line + n_lines


def _next_cut(file: BinaryIO | Any, start: int, goal: int, end: int) -> tuple[int, int]:
    """First line end at or after a byte, and how many there are up to it."""
    n_lines, at = 0, start
    file.seek(start)
    while at < goal:
        block = file.read(min(COUNTED, goal - at))
        at += len(block)
        ends_line = block.endswith(b"\n")
        n_lines += len(io.BytesIO(block).readlines()) - (not ends_line)  # in a third of the time of bytes.count
    while at < end and not ends_line:
        block = file.read(COUNTED)
        found = block.find(b"\n")
        ends_line = found >= 0
        n_lines += ends_line
        at += found + 1 if ends_line else len(block)
    return at, n_lines


def _tasks(job: Job, plan: dict[str, Any]) -> Iterator[Task]:
    for number, (name, size) in enumerate(zip(plan["names"], plan["sizes"], strict=True)):
        path = Path(name)
        try:
            in_pieces = size > PIECE and job.table.cuts(path, job.options)
        except (errors.ToolkitError, OSError):
            in_pieces = False  # whoever reads it says why it cannot be read
        if not in_pieces:
            yield Task(number, 0, Piece(path), size)
            continue
        for at, piece in enumerate(cut(path, PIECE)):
            yield Task(number, at, piece, (piece.stop or size) - piece.start)


class _Meter:
    """Adds up what is done and tells it."""

    def __init__(self, total: int, watch: Watch | None) -> None:
        self._total, self._watch = total, watch
        self._start = time.monotonic()
        self._lock = threading.Lock()
        self._done = self._now = self._rows = self._aside = 0

    def add(self, rows: int = 0, aside: int = 0, n_bytes: int = 0, *, now: bool = True) -> None:
        with self._lock:
            self._done += n_bytes
            self._now += n_bytes if now else 0
            self._rows += rows
            self._aside += aside
            if self._watch is not None:
                seconds = time.monotonic() - self._start
                rate = self._now / 1e6 / max(seconds, 1e-9)
                self._watch(Progress(self._done, self._total, self._rows, self._aside, seconds, rate))


def _convert(job: Job, plan: dict[str, Any], processes: int | None, watch: Watch | None) -> list[tuple[Task, bool]]:
    """Convert every piece that is not there yet; all pieces in order, and whether each was there."""
    meter = _Meter(sum(plan["sizes"]), watch)
    pending = _tasks(job, plan)
    tasks: list[tuple[Task, bool]] = []
    lock = threading.Lock()
    stopped = threading.Event()

    def next_task() -> Task | None:
        with lock:
            for task in pending:
                there = (job.work / "done" / f"{task.name}.json").is_file()
                tasks.append((task, there))
                if not there:
                    return task
                meter.add(n_bytes=task.n_bytes, now=False)
        return None

    def convert_all(convert: Callable[[Task, Told], Done]) -> None:
        try:
            while not stopped.is_set() and (task := next_task()) is not None:
                convert(task, meter.add)
                meter.add(n_bytes=task.n_bytes)
        finally:
            stopped.set()  # nothing is left, or one has failed

    def elsewhere(n_threads: int) -> None:
        with Worker(job, n_threads) as worker:
            convert_all(worker.convert)

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = processes or cores
    n_workers = min(most, sum(-(-size // PIECE) or 1 for size in plan["sizes"]))
    if n_workers < 2 or sum(plan["sizes"]) < IN_WORKERS:  # noqa: PLR2004 - one of several is a worker
        convert_all(partial(converted, job))
        return tasks
    with ThreadPoolExecutor(n_workers - 1) as threads:
        runs = [threads.submit(elsewhere, max(cores // n_workers, 1)) for _ in range(n_workers - 1)]
        convert_all(partial(converted, job))  # this process is one of them: it need not be started
    for run in runs:
        run.result()
    return tasks


def _finish(job: Job, plan: dict[str, Any], tasks: list[Task]) -> None:
    """Last step: duplicates, corrections, one schema, the account; the manifest comes last."""
    work = job.work
    for folder in ("fixed", "verdicts"):  # of a run that was killed in this step
        for old in (work / folder).iterdir():
            old.unlink()
    done = [msgspec.json.decode((work / "done" / f"{task.name}.json").read_bytes(), type=Done) for task in tasks]
    ledgers = [Ledger() for _ in job.files]
    for task, one in zip(tasks, done, strict=True):
        if one.ledger.is_unread and ledgers[task.file].is_unread:
            one.parts = []  # said once
        else:
            ledgers[task.file].merge(one.ledger)
    if all(ledger.is_unread for ledger in ledgers):
        reason = pl.read_parquet(work / "aside" / f"{done[0].parts[0].name}.parquet")["reason"].item(0)
        shutil.rmtree(work.parent)
        raise errors.ToolkitError(reason)

    n_dropped = _judge(job, tasks, done)
    schema = _schema(job, done)
    verdicts = pl.scan_parquet(sorted((work / "verdicts").iterdir()), glob=False) if n_dropped else None
    parts: list[tuple[Part, bool]] = []
    for task, one in zip(tasks, done, strict=True):
        ledger = ledgers[task.file]
        is_due = [(task.file, task.number, at) in n_dropped for at in range(len(one.parts))]
        text = duplicates.in_turn(
            _conflict_texts(job, task, verdicts) if any(is_due) and verdicts is not None else iter(())
        )
        for at, part in enumerate(one.parts):
            path = work / "rows" / f"{part.name}.parquet"
            corrected = bool(part.columns and job.table.correction(ledger.facts))
            other = part.columns and tuple(pl.read_parquet_schema(path).items()) != tuple(schema.items())
            fixed = is_due[at] or corrected or other
            here = verdicts if is_due[at] else None
            parts.append((_fixed(job, task, at, part, schema, ledger, here, text) if fixed else part, bool(fixed)))
    _manifested(job, plan, ledgers, parts)


def _judge(job: Job, tasks: list[Task], done: list[Done]) -> Counter[tuple[int, int, int]]:
    """Write what becomes of rows whose id stands more than once; how many rows of each part leave it."""
    work = job.work
    names = [part.name for one in done for part in one.parts if part.ids]
    n_ids = sum(part.ids for one in done for part in one.parts)
    ids = pl.scan_parquet([work / "ids" / f"{name}.parquet" for name in names], glob=False) if names else None
    spans = list(duplicates.ranges(n_ids))
    unequal: list[Path] = []
    places: Counter[tuple[int, int]] = Counter()

    def twice(span: pl.Expr) -> pl.DataFrame:
        assert ids is not None
        return duplicates.repeated(ids.filter(span).collect(engine="streaming"))

    for at, span in enumerate(spans):
        found = twice(span).filter("unequal")
        if found.height:
            path = work / "verdicts" / f"unequal-{at:05}"
            found.write_parquet(path)
            unequal.append(path)
            places.update({(file, piece): n for file, piece, n in found.group_by("file", "piece").len().iter_rows()})
    stated: list[Path] = []
    for task in tasks:
        if not places[task.file, task.number]:
            continue
        here = pl.scan_parquet(unequal, glob=False).filter(file=task.file, piece=task.number)
        path = work / "verdicts" / f"stated-{task.name}"
        said = duplicates.meanings(here.collect(), partial(texts, job.table, task.piece, options=job.options))
        said.write_parquet(path)
        stated.append(path)
    counts: Counter[tuple[int, int, int]] = Counter()
    for at, span in enumerate(spans):
        rows = twice(span)
        here = rows.lazy().filter("unequal").select(duplicates.PLACE)
        known = pl.scan_parquet(stated, glob=False).join(here, on=duplicates.PLACE, how="semi") if stated else None
        said_here = None if known is None else known.collect(engine="streaming")
        verdicts = duplicates.judged(rows, said_here).filter(pl.col("verdict") != "first")
        if verdicts.height:
            verdicts.write_parquet(work / "verdicts" / f"{at:05}.parquet", row_group_size=65_536)
            found = verdicts.group_by("file", "piece", "part").len()
            counts.update({(file, piece, part): n for file, piece, part, n in found.iter_rows()})
    for path in (*unequal, *stated):
        path.unlink()
    return counts


def _schema(job: Job, done: list[Done]) -> pl.Schema:
    """Columns of the table: those of every part, with categories where an older part may have texts."""
    names = [part.name for one in done for part in one.parts if part.columns]
    if not names:
        return pl.Schema()
    schemas = {tuple(pl.read_parquet_schema(job.work / "rows" / f"{name}.parquet").items()) for name in names}
    empty = [pl.DataFrame(schema=dict(schema)) for schema in sorted(schemas, key=repr)]
    joined = job.table.compact(pl.concat(empty, how="diagonal_relaxed"))
    last = [name for name in ("file", "line") if name in joined.columns]
    return joined.select(pl.exclude(last), *last).schema


def _conflict_texts(job: Job, task: Task, verdicts: pl.LazyFrame) -> Iterator[tuple[int, bytes]]:
    """Bytes of the rows of a piece whose id came with several contents, in the order of their lines."""
    found = verdicts.filter(file=task.file, piece=task.number, verdict="conflict").select("line").collect()
    for some in found["line"].unique().sort().to_frame().iter_slices(duplicates.READ_AGAIN):
        yield from texts(job.table, task.piece, frozenset(some["line"].to_list()), job.options)


def _fixed(
    job: Job,
    task: Task,
    number: int,
    part: Part,
    schema: pl.Schema,
    ledger: Ledger,
    verdicts: pl.LazyFrame | None,
    text: Callable[[int], bytes],
) -> Part:
    """Part once more, without second deliveries and conflicts, corrected by the facts of its file."""
    rows = pl.read_parquet(job.work / "rows" / f"{part.name}.parquet", glob=False)
    n_aside = part.set_aside
    if verdicts is not None:
        here = verdicts.filter(file=task.file, piece=task.number, part=number).collect()
        before = rows.height
        rows, found = settled(rows, here, job.files, text)
        ledger.merge(Ledger(set_aside=len(found), conflicts=len(found), duplicates=before - rows.height - len(found)))
        path = job.work / "aside" / f"{part.name}.parquet"
        if found:
            more = aside_frame(found, job.files[task.file], job.options.keep)
            old = pl.read_parquet(path, glob=False) if n_aside else pl.DataFrame(schema=SET_ASIDE)
            written_frame(
                pl.concat([old, more]).sort("line", maintain_order=True),
                job.work / "fixed" / f"aside-{part.name}.parquet",
            )
            n_aside += len(found)
    if correct := job.table.correction(ledger.facts):
        rows = job.table.compact(correct(rows.with_columns(cs.categorical().cast(pl.String))))
    joined = pl.concat([pl.DataFrame(schema=schema), rows], how="diagonal_relaxed").select(schema.names())
    whole = job.table.compact(joined)
    written_frame(whole, job.work / "fixed" / f"{part.name}.parquet")
    return described(part.name, whole, n_aside)


def _manifested(
    job: Job,
    plan: dict[str, Any],
    ledgers: list[Ledger],
    parts: list[tuple[Part, bool]],
) -> None:
    """Rows set aside as one file, and the manifest of the store, still in the folder of the conversion."""
    work = job.work
    aside = [
        fixed
        if (fixed := work / "fixed" / f"aside-{part.name}.parquet").is_file()
        else work / "aside" / f"{part.name}.parquet"
        for part, _ in parts
        if part.set_aside
    ]
    some = pl.scan_parquet(aside, glob=False) if aside else pl.LazyFrame(schema=SET_ASIDE)
    written(work / "set_aside.parquet", lambda path: some.sink_parquet(path, compression="zstd", compression_level=1))
    filled = [one for one in parts if one[0].rows] or [one for one in parts if one[0].columns][:1]
    if not filled:
        empty = Part("00000-00000-000")
        assert job.options.key is not None
        columns = public(hashed(without_rows(job.table, job.files), job.table.numbered, job.options.key))
        written_frame(job.table.compact(columns), work / "rows" / f"{empty.name}.parquet")
        filled = [(empty, False)]
    paths = [work / ("fixed" if is_fixed else "rows") / f"{part.name}.parquet" for part, is_fixed in filled]
    account = [ledger.entry(name) for ledger, name in zip(ledgers, job.files, strict=True)]
    n_rows, n_aside = sum(part.rows for part, _ in parts), sum(part.set_aside for part, _ in parts)
    assert (n_rows, n_aside) == (sum(entry[3] for entry in account), sum(entry[4] for entry in account))
    flags = sum((Counter(part.flags) for part, _ in parts), Counter[str]())
    counts = Counts(
        first=min((part.first for part, _ in parts if part.first is not None), default=None),
        last=max((part.last for part, _ in parts if part.last is not None), default=None),
        flags=dict(sorted(flags.items(), key=lambda one: (-one[1], one[0]))),
        identifiers={name: _distinct(pl.scan_parquet(paths, glob=False), name, n_rows) for name in job.table.numbered},
        made=KEYED if plan["options"]["key"] else DROPPED_KEY,
        reasons=_most_frequent(some, n_aside),
        conflicts=sum(ledger.conflicts for ledger in ledgers),
    )
    manifest = {
        "format": FORMAT,
        **plan,
        "account": account,
        "notes": noted(ledgers),
        "counts": {**asdict(counts), "first": _iso(counts.first), "last": _iso(counts.last)},
        "parts": [{"name": f"{part.name}.parquet", "rows": part.rows, "fixed": is_fixed} for part, is_fixed in filled],
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    written(work / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _distinct(rows: pl.LazyFrame, name: str, n_rows: int) -> int:
    """How many values a column of hashes has, counted a range at a time."""
    n_ranges = -(-n_rows // IN_REACH) or 1
    column = pl.col(name).drop_nulls()
    return sum(
        rows.select(column.filter(column % n_ranges == at).n_unique()).collect(engine="streaming").item()
        for at in range(n_ranges)
    )


def _most_frequent(aside: pl.LazyFrame, n_aside: int) -> tuple[tuple[str, int], ...]:
    """Reasons that stand most often, counted a range of them at a time."""
    n_ranges = -(-n_aside // IN_REACH) or 1
    best: list[tuple[str, int]] = []
    for at in range(n_ranges):
        here = aside.select("reason").filter(~is_conflict("reason"), pl.col("reason").hash() % n_ranges == at)
        counts = here.group_by("reason").len("n").collect(engine="streaming")
        best += counts.sort("n", "reason", descending=[True, False]).head(N_REASONS).rows()
    return tuple(sorted(best, key=lambda one: (-one[1], one[0]))[:N_REASONS])


def _publish(store: Path, work: Path) -> None:
    """Move what is finished to its place, so that a run that is killed meanwhile can be taken up again."""
    manifest = json.loads((work / MANIFEST).read_bytes())
    (store / MANIFEST).unlink(missing_ok=True)
    rows = store / "rows"
    rows.mkdir(exist_ok=True)
    names = {part["name"] for part in manifest["parts"]}
    for old in rows.iterdir():
        if old.name not in names:
            old.unlink()
    moves = [
        (work / ("fixed" if part["fixed"] else "rows") / part["name"], rows / part["name"])
        for part in manifest["parts"]
    ]
    for source, target in [*moves, (work / "set_aside.parquet", store / "set_aside.parquet")]:
        if source.is_file():  # else it was moved before
            source.replace(target)
    written(store / "README.txt", lambda path: path.write_text(README, encoding="utf-8"))
    for folder in (rows, store):
        _on_disk(folder)
    (work / MANIFEST).replace(store / MANIFEST)
    _on_disk(store)
    shutil.rmtree(store / UNFINISHED)


def _on_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        os.fsync(number)
        os.close(number)
