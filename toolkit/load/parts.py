"""One piece of an export to Parquet parts, in this process or in another one."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import polars as pl

from toolkit import errors
from toolkit.load import duplicates
from toolkit.load.account import flag_counts, period
from toolkit.load.assemble import Ledger, aside_frame, in_file, public, safely
from toolkit.load.batch import Aside, Options, Piece, Table
from toolkit.load.identity import hashed

PART = 8 * 2**20  # bytes of rows and of rows set aside that are held before they are written
ID_GROUP = 65_536  # ids in one group of a Parquet file: a range of them is read without the others
START = "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from toolkit.load.parts import serve; serve()"
Told = Callable[[int, int], None]  # how many rows and rows set aside were just read


@dataclass(frozen=True)
class Job:
    """What all pieces of a conversion have in common; the options hold a key."""

    work: Path
    table: Table
    options: Options
    files: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """One piece: of which file, and which of its pieces."""

    file: int
    number: int
    piece: Piece
    n_bytes: int

    @property
    def name(self) -> str:
        """Name that the same piece has in every run."""
        return f"{self.file:05}-{self.number:05}"


@dataclass
class Part:
    """Some rows of a piece as one Parquet file, and what the account says of them."""

    name: str
    rows: int = 0
    columns: int = 0  # none if nothing of the piece could be read
    set_aside: int = 0
    ids: int = 0
    first: datetime | None = None
    last: datetime | None = None
    flags: dict[str, int] = field(default_factory=dict)


@dataclass
class Done:
    """A piece that is converted: the account of its rows, and its parts."""

    ledger: Ledger = field(default_factory=Ledger)
    parts: list[Part] = field(default_factory=list)


def described(name: str, rows: pl.DataFrame, n_aside: int, n_ids: int = 0) -> Part:
    """What the account says of a part.

    Examples
    --------
    >>> described("00000-00000-000", pl.DataFrame({"line": [1, 2]}), 1).rows
    2
    """
    first, last = period(rows)
    flags = dict(flag_counts(rows).select("flag", "n").iter_rows()) if "flags" in rows.columns else {}
    return Part(name, rows.height, rows.width, n_aside, n_ids, first, last, flags)


def written(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file aside and give it its name when all of it is on the disk: it is there whole or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    write(aside)
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path)


def written_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as Parquet, whole or not at all."""
    written(path, lambda aside: frame.write_parquet(aside, compression="zstd", compression_level=1))


def converted(job: Job, task: Task, told: Told) -> Done:
    """Parts of one piece, written to the job's folder; the record of them comes last."""
    done = Done()
    frames: list[pl.DataFrame] = []
    aside: list[Aside] = []
    size = 0
    for batch in safely(job.table, task.piece, job.options):
        done.ledger.add(batch)
        frames.append(batch.frame)
        aside.extend(batch.aside)
        size += int(batch.frame.estimated_size()) + sum(len(entry.raw) for entry in batch.aside)
        told(batch.frame.height, len(batch.aside))
        if size >= PART:
            done.parts.append(_part(job, task, len(done.parts), frames, aside))
            frames, aside, size = [], [], 0
    if frames or not done.parts:
        done.parts.append(_part(job, task, len(done.parts), frames, aside))
    record = msgspec.json.encode(done)
    written(job.work / "done" / f"{task.name}.json", lambda path: path.write_bytes(record))
    return done


def _part(job: Job, task: Task, number: int, frames: list[pl.DataFrame], aside: list[Aside]) -> Part:
    name = f"{task.name}-{number:03}"
    some = [frame for frame in frames if frame.width]
    file = job.files[task.file]
    rows, n_ids = pl.DataFrame(), 0
    if some:
        whole = pl.concat(some, how="diagonal_relaxed")
        ids = duplicates.ids_of(whole, file=task.file, piece=task.number, part=number).sort("high")
        n_ids = ids.height
        if n_ids:
            written(
                job.work / "ids" / f"{name}.parquet",
                lambda path: ids.write_parquet(path, compression="lz4", row_group_size=ID_GROUP),
            )
        assert job.options.key is not None, "a store hashes identifiers"
        known = hashed(whole, job.table.numbered, job.options.key).with_columns(in_file(file, job.files))
        rows = job.table.compact(public(known))
        written_frame(rows, job.work / "rows" / f"{name}.parquet")
    if aside:
        written_frame(aside_frame(aside, file, job.options.keep), job.work / "aside" / f"{name}.parquet")
    return described(name, rows, len(aside), n_ids)


class Worker:
    """Another process that converts pieces, one after the other.

    It is a program of its own and not a fork, which would copy locks of polars, nor a process of multiprocessing,
    which would run the caller's script once more. It ends when its input ends: when this process does, too.
    """

    def __init__(self, job: Job, n_threads: int) -> None:
        """Start it, with so many threads for polars."""
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(  # noqa: S603 - this Python, with a text of ours
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env={**os.environ, "POLARS_MAX_THREADS": str(n_threads)},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tasks, self._answers = self._process.stdin, self._process.stdout
        self._send(sys.path)
        self._send(job)

    def _send(self, message: object) -> None:
        pickle.dump(message, self._tasks)
        self._tasks.flush()

    def convert(self, task: Task, told: Told) -> Done:
        """Parts of one piece.

        Raises
        ------
        ToolkitError
            If the process was ended from outside.
        """
        try:
            self._send(task)
            while True:
                answer = pickle.load(self._answers)  # noqa: S301 - from our own process
                if isinstance(answer, Done):
                    return answer
                told(*answer)
        except (EOFError, BrokenPipeError):
            code = self._process.wait()
            self._said.seek(0)
            said = self._said.read().decode(errors="replace")
        if said:
            msg = f"a process that converted {task.piece.path.as_posix()!r} failed:\n{said}"
            raise RuntimeError(msg)
        raise errors.unreadable(
            task.piece.path.as_posix(), f"the process that did was ended (code {code}); run the same command again"
        )

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it: at once if something went wrong."""
        if kind is not None:
            self._process.kill()
        self._tasks.close()
        self._process.wait()
        self._answers.close()
        self._said.close()


def serve() -> None:
    """Convert what comes in until nothing does: what a worker runs."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints does not disturb the answers

    def answer(message: object) -> None:
        pickle.dump(message, answers)
        answers.flush()

    tasks = sys.stdin.buffer
    job = pickle.load(tasks)  # noqa: S301 - from the process that started this one
    while True:
        try:
            task = pickle.load(tasks)  # noqa: S301 - same
        except EOFError:
            return
        answer(converted(job, task, lambda rows, aside: answer((rows, aside))))
