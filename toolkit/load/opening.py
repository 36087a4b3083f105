"""What all loaders do alike: take what they were given, and hand over a `Load`."""

from __future__ import annotations

import shutil
from dataclasses import replace
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
    table: Table,
    source: Source | object,
    options: Options,
    *,
    strict: bool,
    into: str | PathLike[str] | None,
    categories: bool,
) -> Load:
    """Read what a source holds as one table, into memory or into a store.

    Raises
    ------
    ToolkitError
        If there is nothing to read, or with `strict` a row is set aside.
    """
    if isinstance(source, str | PathLike) and store.is_store(Path(source)):
        return _checked(store.opened(Path(source), table.name, categories=categories), strict=strict)
    if not isinstance(source, str | PathLike | list | tuple):
        if into is not None:
            raise errors.not_allowed(
                "into", str(into), "takes what is read from files; write the frame to Parquet first"
            )
        piece = Piece(Path("a frame in memory"), frame=sheets.to_polars(source))
        return _checked(_told(_assembled(table, [piece], options, categories=categories), options), strict=strict)
    stores = [name for name in source if store.is_store(Path(name))] if isinstance(source, list | tuple) else []
    if stores:
        raise errors.not_allowed("source", str(stores[0]), "is one store, or exports; open each store by itself")
    paths = files(cast("Source", source))
    if into is None:
        found = _assembled(table, [Piece(path) for path in paths], options, categories=categories)
        return _checked(_told(found, options), strict=strict)
    made = store.write(table, paths, Path(into), options, progress=shown(), categories=categories)
    try:
        return _checked(made, strict=strict)
    except errors.ToolkitError:
        shutil.rmtree(into)  # what is refused is not kept
        raise


def _assembled(table: Table, pieces: list[Piece], options: Options, *, categories: bool) -> Load:
    found = assembled(table, pieces, options)
    return replace(found, rows=table.compact(found.rows.lazy().collect())) if categories else found


def _told(load: Load, options: Options) -> Load:
    """Load that says which fields were asked for and are not in the export."""
    rows = load.rows.lazy().collect()
    absent = [name for name in options.keep if name not in rows.columns or rows[name].null_count() == rows.height]
    note = f"Asked for by keep, and nowhere in the export: {', '.join(absent)}."
    return replace(load, notes=(*load.notes, note)) if absent else load


def _checked(load: Load, *, strict: bool) -> Load:
    return refused(load) if strict else load
