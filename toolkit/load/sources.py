"""Files to lines: which files are meant, and their bytes cut at line ends, with nothing lost on the way."""

from __future__ import annotations

import glob
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from toolkit import errors

Source = str | PathLike[str] | Sequence[str | PathLike[str]]
BLOCK = 8 * 2**20  # bytes; larger blocks cost memory and gain nothing
GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


def files(source: Source) -> list[Path]:
    """Paths that a path, a pattern or a list of them means, each once, sorted within a pattern.

    Raises
    ------
    ToolkitError
        If a path is not there or is a folder, or a pattern matches nothing.
    """
    named: Iterable[str | PathLike[str]] = [source] if isinstance(source, str | PathLike) else source
    found = [path for name in named for path in _files_of(Path(name))]
    if not found:
        raise errors.not_allowed("source", source, "names no file")
    return list(dict.fromkeys(found))


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        raise errors.is_folder(path.as_posix(), _names_in(path))
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        found = glob.glob(str(path), recursive=True)  # noqa: PTH207 - takes absolute patterns too
        matches = [Path(match) for match in sorted(found)]
        if not matches:
            raise errors.nothing_matches(path.as_posix(), _names_in(path.parent)[:8])
        return [match for match in matches if match.is_file()]
    raise errors.no_file(path.as_posix(), _names_in(path.parent)[:8])


def _names_in(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir() if child.is_file()) if folder.is_dir() else []


@dataclass
class Lines:
    """Lines of a file, plain or gzip (told by its first bytes), a block at a time.

    Iterate to get `(number of the first line, lines)`; line numbers are those of the decompressed file, from 1.
    After the last block, `cut` says why the file ends early, if it does, and `n_lines` counts all lines, an
    incomplete last one included.
    """

    path: Path
    cut: str | None = None
    n_lines: int = 0
    n_bytes: int = field(default=0)

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
        if self.cut is not None:
            self.n_lines += 1  # what is left of the line in which the file breaks off, be it nothing
        elif tail:
            self.n_lines += 1
            yield self.n_lines, [tail]

    def _start(self) -> None:
        self.cut, self.n_lines, self.n_bytes = None, 0, self.path.stat().st_size

    def _bytes(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            head = file.read(2)
            file.seek(0)
            raw = iter(lambda: file.read(BLOCK), b"")
            yield from self._unzipped(raw) if head == GZIP else raw

    def _unzipped(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Decompress gzip, several members included, giving every byte that stands before a fault."""
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        for piece in raw:
            rest = piece
            while rest:
                if member.eof:
                    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                try:
                    text = member.decompress(rest, BLOCK)
                except zlib.error as error:
                    self.cut = f"the gzip stream is damaged here ({error}); what follows cannot be read"
                    return
                rest = member.unconsumed_tail or member.unused_data.lstrip(b"\0")  # some writers pad with zeros
                if text:
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
                return some[:5]
        return []
