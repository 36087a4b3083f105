"""Files to lines: which files are meant, and their bytes cut at line ends, with nothing lost on the way."""

from __future__ import annotations

import glob
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from toolkit import errors

Source = str | PathLike[str] | Sequence[str | PathLike[str]]
BLOCK = 8 * 2**20  # bytes; larger blocks cost memory and gain nothing
GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


def files(source: Source) -> list[Path]:
    """Paths that a path, a pattern or a list of them means, each file once, sorted within a pattern.

    Raises
    ------
    ToolkitError
        If a path is not there or is a folder, or a pattern matches nothing.
    """
    named: Iterable[str | PathLike[str]] = [source] if isinstance(source, str | PathLike) else source
    if not isinstance(named, Sequence) or not all(isinstance(name, str | PathLike) for name in named):
        raise errors.not_allowed("source", type(source).__name__, "is a path, a pattern or a list of them")
    found = [path for name in named for path in _files_of(Path(name).expanduser())]
    if not found:
        raise errors.not_allowed("source", source, "names no file")
    once: dict[Path, Path] = {}
    for path in found:
        once.setdefault(path.resolve(), path)
    return list(once.values())


def _files_of(path: Path) -> list[Path]:
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir it says no to a name that is too long
        raise errors.is_folder(path.as_posix(), _names_in(path))
    if os.path.exists(path):  # noqa: PTH110 - same
        return [path]
    if glob.has_magic(str(path)):
        found = glob.glob(str(path), recursive=True)  # noqa: PTH207 - takes absolute patterns too
        matches = [Path(match) for match in sorted(found)]
        if not matches:
            raise errors.nothing_matches(path.as_posix(), _names_in(path.parent)[:8])
        return [match for match in matches if match.is_file()]
    raise errors.no_file(path.as_posix(), _names_in(path.parent)[:8])


def _names_in(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir() if child.is_file()) if os.path.isdir(folder) else []  # noqa: PTH112


@dataclass
class Lines:
    """Lines of a file, plain or gzip (told by its first bytes), a block at a time.

    Iterate to get `(number of the first line, lines)`; line numbers are those of the decompressed file, from 1.
    After the last block, `cut` says why the file ends early, if it does, and `n_lines` counts all lines, the one in
    which it breaks off included, be it empty.
    """

    path: Path
    cut: str | None = None
    n_lines: int = 0
    n_bytes: int = 0

    def __iter__(self) -> Iterator[tuple[int, list[bytes]]]:
        """Blocks of lines with the number of their first."""
        self._start()
        tail = b""
        for at, raw in enumerate(self._bytes()):
            block = raw.removeprefix(BOM) if at == 0 else raw
            whole, newline, rest = block.rpartition(b"\n")
            if not newline:
                tail += block
                continue
            lines = (tail + whole).split(b"\n")
            tail = rest
            first, self.n_lines = self.n_lines + 1, self.n_lines + len(lines)
            yield first, lines
        if tail and (self.cut is None or self._whole):
            self.n_lines += 1
            yield self.n_lines, [tail]
        if self.cut is not None:
            self.n_lines += 1

    def _start(self) -> None:
        self.cut, self.n_lines, self.n_bytes = None, 0, self.path.stat().st_size
        self._whole = False  # whether the text before a fault is a whole stream, so that its last line is whole too

    def _bytes(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            head = file.read(2)
            file.seek(0)
            raw = iter(lambda: file.read(BLOCK), b"")
            yield from self._unzipped(raw) if head == GZIP else raw

    def _unzipped(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Decompress gzip, several members included, giving every byte that stands before a fault."""
        member = _member()
        for piece in raw:
            rest = piece
            while rest:
                if member.eof:
                    rest = rest.lstrip(b"\0")  # some writers pad with zeros
                    if not rest:
                        break
                    member, self._whole = _member(), True
                before = member.copy()
                try:
                    text = member.decompress(rest, BLOCK)
                except zlib.error as error:
                    last = _up_to_fault(before, rest)
                    self._whole = self._whole and not last
                    self.cut = f"the gzip stream is damaged here ({error}); what follows cannot be read"
                    yield last
                    return
                rest = member.unconsumed_tail or member.unused_data
                if text:
                    self._whole = False
                    yield text
        if last := member.flush():
            yield last
        if not member.eof:
            self.cut = "the gzip stream ends early here; copy or export the file again"

    def head(self) -> list[bytes]:
        """First lines that are not blank, a few at most, without reading the rest."""
        for _, lines in self:
            some = [line.strip(b"\r") for line in lines[:1000] if line.strip()]
            if some:
                return some
        return []


def _member() -> Any:
    """Decompressor of one gzip member; zlib's own type has no public name."""
    return zlib.decompressobj(zlib.MAX_WBITS | 16)


def _up_to_fault(member: Any, rest: bytes) -> bytes:
    """Text before the byte at which decompression fails: a wrong checksum shows only at the very end."""
    text = b""
    while rest:
        step = max(len(rest) // 64, 1)
        before = member.copy()
        try:
            text += member.decompress(rest[:step])
            rest = rest[step:]
        except zlib.error:
            if step == 1:
                break
            member, rest = before, rest[:step]
    return text
