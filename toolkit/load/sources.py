"""Files to lines: which files are meant, and their bytes cut at line ends, with nothing lost on the way."""

from __future__ import annotations

import bz2
import glob
import io
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

from backports import zstd

from toolkit import errors
from toolkit.load.batch import Piece

Source = str | PathLike[str] | Sequence[str | PathLike[str]]
BLOCK = 8 * 2**20  # bytes; larger blocks cost memory and gain nothing
CHUNK = 2**18  # bytes of which lines are made at once
START = 2**18  # bytes that are looked at to tell what a file is
SLICE = 2**16  # compressed bytes at a time: of a damaged stream at most these are lost
GZIP, BZIP2, ZSTD = b"\x1f\x8b", b"BZh", b"\x28\xb5\x2f\xfd"
PACKED = (GZIP, BZIP2, ZSTD)
BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
NO_DATA = (".", "_")  # how names of files begin that stand beside data: hidden ones, marks of a finished job


def files(source: Source) -> list[Path]:
    """Paths that a path, a pattern, a folder or a list of them means, each file once, sorted within each.

    Of a folder all files are meant, those of its folders too, but for names that begin with a dot or an underscore.

    Raises
    ------
    ToolkitError
        If a path is not there, a folder holds no file, or a pattern matches nothing.
    """
    named: Iterable[str | PathLike[str]] = [source] if isinstance(source, str | PathLike) else source
    if not isinstance(named, Sequence) or not all(isinstance(name, str | PathLike) for name in named):
        raise errors.not_allowed("source", type(source).__name__, "is a path, a pattern, a folder or a list of them")
    found = [path for name in named for path in _files_of(Path(name).expanduser())]
    if not found:
        raise errors.not_allowed("source", source, "names no file")
    once: dict[Path, Path] = {}
    for path in found:
        once.setdefault(path.resolve(), path)
    return list(once.values())


def _files_of(path: Path) -> list[Path]:
    if os.path.isdir(path):  # noqa: PTH112 - unlike Path.is_dir it says no to a name that is too long
        found = _files_in(path)
        if not found:
            raise errors.unreadable(path.as_posix(), "the folder holds no file")
        return found
    if os.path.lexists(path):  # a link to nowhere is a file that cannot be read
        return [path]
    if glob.has_magic(str(path)):
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 - absolute patterns too
        if not matches:
            raise errors.nothing_matches(path.as_posix(), _names_in(path.parent)[:8])
        within = [_files_in(match) if match.is_dir() else [match] for match in matches]
        return [file for some in within for file in some]
    raise errors.no_file(path.as_posix(), _names_in(path.parent)[:8])


def _files_in(folder: Path) -> list[Path]:
    inner = sorted(folder.rglob("*"))
    hidden = (any(part.startswith(NO_DATA) for part in path.relative_to(folder).parts) for path in inner)
    return [path for path, is_hidden in zip(inner, hidden, strict=True) if not path.is_dir() and not is_hidden]


def _names_in(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir() if child.is_file()) if os.path.isdir(folder) else []  # noqa: PTH112


@dataclass
class Lines:
    """Lines of a file, plain, gzip, bzip2 or zstd (told by its first bytes), a block at a time.

    Iterate to get `(number of the first line, lines)`, or call `blocks` for the bytes of whole lines; line numbers are
    those of the decompressed file, from 1. After the last block, `cut` says why the file ends early, if it does, and
    `n_lines` counts all lines, the one in which it breaks off included, be it empty.
    """

    piece: Piece | Path
    cut: str | None = None
    n_lines: int = 0
    n_bytes: int = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self.piece.path if isinstance(self.piece, Piece) else self.piece

    def __iter__(self) -> Iterator[tuple[int, list[bytes]]]:
        """Blocks of lines with the number of their first."""
        for first, block in self.blocks():
            yield first, block.split(b"\n")

    def ended(self) -> Iterator[tuple[int, list[bytes]]]:
        r"""Same as iterating, but each line has its end, `\n`, the last one too; faster."""
        piece = self.piece if isinstance(self.piece, Piece) else Piece(self.piece)
        with piece.path.open("rb") as file:
            is_packed = file.read(4).startswith((GZIP, BZIP2, ZSTD, *UTF_16))
            if not is_packed:
                yield from self._ended(piece, file)
        if is_packed:
            for first, block in self.blocks():
                lines = io.BytesIO(block).readlines()
                lines[-1:] = [lines[-1] + b"\n"] if lines and not block.endswith(b"\n") else [*lines[-1:], b"\n"]
                yield first, lines

    def _ended(self, piece: Piece, file: BinaryIO) -> Iterator[tuple[int, list[bytes]]]:
        self._start(piece)
        file.seek(piece.start)
        left = (self.n_bytes if piece.stop is None else piece.stop) - piece.start
        while left > 0:
            lines: list[bytes] = []
            size = 0
            while size < min(BLOCK, left):
                # read in chunks: from a buffer in the processor's cache lines are had in half the time
                chunk = file.read(min(CHUNK, left - size))
                if not chunk:
                    break
                some = io.BytesIO(chunk).readlines()
                size += len(chunk)
                if size < left and not chunk.endswith(b"\n"):
                    rest = file.readline()
                    some[-1] += rest
                    size += len(rest)
                lines += some
            if not lines:
                break
            left -= size
            first, self.n_lines = self.n_lines + 1, self.n_lines + len(lines)
            if first == 1:
                lines[0] = lines[0].removeprefix(BOM)
            if not lines[-1].endswith(b"\n"):
                lines[-1] += b"\n"
            yield first, lines

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        r"""Whole lines as they stand, joined by `\n`, without the one that ends the last, with the number of the first."""
        piece = self.piece if isinstance(self.piece, Piece) else Piece(self.piece)
        self._start(piece)
        tail: list[bytes] = []
        for at, raw in enumerate(self._bytes(piece)):
            block = raw.removeprefix(BOM) if at == 0 and piece.start == 0 else raw
            whole, newline, rest = block.rpartition(b"\n")
            if not newline:
                tail += [block] if block else []
                continue
            text = b"".join([*tail, whole]) if tail else whole
            tail = [rest] if rest else []
            first, self.n_lines = self.n_lines + 1, self.n_lines + text.count(b"\n") + 1
            yield first, text
        if tail and (self.cut is None or self._whole):
            self.n_lines += 1
            yield self.n_lines, b"".join(tail)
        if self.cut is not None:
            self.n_lines += 1

    def _start(self, piece: Piece) -> None:
        self.cut, self.n_lines, self.n_bytes = None, piece.first_line - 1, piece.path.stat().st_size
        self._whole = False  # whether the text before a fault is a whole stream, so that its last line is whole too

    def _bytes(self, piece: Piece, size: int | None = None) -> Iterator[bytes]:
        with piece.path.open("rb") as file:
            head = file.read(4)
            if head.startswith(UTF_16):
                raise errors.unreadable(piece.path.as_posix(), "its text is UTF-16; save it as UTF-8")
            file.seek(piece.start)
            if head.startswith(GZIP):
                yield from self._gunzipped(iter(lambda: file.read(BLOCK), b""))
            elif head.startswith((BZIP2, ZSTD)):
                name, member = (
                    ("bzip2", bz2.BZ2Decompressor) if head.startswith(BZIP2) else ("zstd", zstd.ZstdDecompressor)
                )
                yield from self._unpacked(iter(lambda: file.read(SLICE), b""), name, member)
            else:
                stop = self.n_bytes if piece.stop is None else piece.stop
                yield from iter(lambda: file.read(min(size or BLOCK, stop - file.tell())), b"")

    def _gunzipped(self, raw: Iterator[bytes]) -> Iterator[bytes]:
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
                    # a checksum stands behind all text, so that the last line is whole
                    self._whole = "check" in str(error) or (self._whole and not last)
                    self.cut = _damaged("gzip", error)
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

    def _unpacked(self, raw: Iterator[bytes], name: str, new: Any) -> Iterator[bytes]:
        """Decompress bzip2 or zstd, several members included, giving every whole block before a fault."""
        member = new()
        texts: list[bytes] = []
        size = 0
        for piece in raw:
            rest = piece
            while rest or not (member.eof or member.needs_input):
                if member.eof:
                    member, self._whole = new(), True
                try:
                    text = member.decompress(rest, BLOCK)
                except (OSError, EOFError, ValueError, zstd.ZstdError) as error:
                    self.cut = _damaged(name, error)
                    yield b"".join(texts)
                    return
                rest = member.unused_data if member.eof else b""
                if text:
                    texts.append(text)
                    size += len(text)
                    self._whole = False
                if size >= BLOCK:
                    yield b"".join(texts)
                    texts, size = [], 0
        yield b"".join(texts)
        if not member.eof:
            self.cut = f"the {name} stream ends early here; copy or export the file again"

    def chunks(self, size: int = BLOCK) -> Iterator[bytes]:
        """Bytes of the text as they come, cut anywhere: for text whose lines may be as long as the file."""
        piece = self.piece if isinstance(self.piece, Piece) else Piece(self.piece)
        self._start(piece)
        for at, raw in enumerate(self._bytes(piece, size)):
            chunk = raw.removeprefix(BOM) if at == 0 and piece.start == 0 else raw
            self.n_lines += chunk.count(b"\n")
            yield chunk
        if self.cut is not None:
            self.n_lines += 1

    def start(self) -> bytes:
        """First bytes of the text, with a line that is not blank in them, or as much of it as a block holds."""
        found = b""
        for chunk in self.chunks(START):
            found = found.lstrip() + chunk if not found.strip() else found + chunk
            if len(found) >= BLOCK or b"\n" in found.strip():
                break
        return found

    def head(self) -> list[bytes]:
        """First lines that are not blank, a few at most, without reading the rest; a long one may break off."""
        return [line.strip(b"\r") for line in self.start().split(b"\n", 1000)[:1000] if line.strip()]


def _damaged(name: str, error: Exception) -> str:
    """Why a stream ends before its time; a checksum that does not fit says that something before it was altered."""
    if "check" in str(error):
        return (
            f"the checksum of the {name} stream does not fit ({error}): the stream is damaged, and rows before this line "
            "may have been altered; copy or export the file again"
        )
    return f"the {name} stream is damaged here ({error}); what follows cannot be read"


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
