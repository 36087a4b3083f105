"""What all loaders do alike: take what they were given, and hand over a `Load`."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import cast

from toolkit.load import sheets, store
from toolkit.load.account import Load, refused
from toolkit.load.assemble import assembled
from toolkit.load.batch import Options, Piece, Table
from toolkit.load.progress import shown
from toolkit.load.sources import Source, files


def loaded(
    table: Table, source: Source | object, options: Options, *, strict: bool, into: str | PathLike[str] | None
) -> Load:
    """Read what a source holds as one table, into memory or into a store.

    Raises
    ------
    ToolkitError
        If there is nothing to read, or with `strict` a row is set aside.
    """
    if isinstance(source, str | PathLike) and store.is_store(Path(source)):
        done = store.opened(Path(source), table.name)
    elif isinstance(source, str | PathLike | list | tuple):
        paths = files(cast("Source", source))
        if into is not None:
            done = store.write(table, paths, Path(into), options, progress=shown())
        else:
            done = assembled(table, [Piece(path) for path in paths], options)
    else:
        frame = sheets.to_polars(source)
        done = assembled(table, [Piece(Path("a frame in memory"), frame=frame)], options)
    return refused(done) if strict else done
