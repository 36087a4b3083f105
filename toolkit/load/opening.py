"""What all loaders do alike: take what they were given, and hand over a `Load`."""

from __future__ import annotations

import shutil
from os import PathLike
from pathlib import Path
from typing import cast

from toolkit import errors
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
        return _checked(store.opened(Path(source), table.name), strict=strict)
    if not isinstance(source, str | PathLike | list | tuple):
        if into is not None:
            raise errors.not_allowed(
                "into", str(into), "takes what is read from files; write the frame to Parquet first"
            )
        piece = Piece(Path("a frame in memory"), frame=sheets.to_polars(source))
        return _checked(assembled(table, [piece], options), strict=strict)
    paths = files(cast("Source", source))
    if into is None:
        return _checked(assembled(table, [Piece(path) for path in paths], options), strict=strict)
    made = store.write(table, paths, Path(into), options, progress=shown())
    try:
        return _checked(made, strict=strict)
    except errors.ToolkitError:
        shutil.rmtree(into)  # what is refused is not kept
        raise


def _checked(load: Load, *, strict: bool) -> Load:
    return refused(load) if strict else load
