"""The tables that loaders end in, and which of them a file holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from toolkit import errors
from toolkit.load.banner_impressions import IMPRESSIONS, holds_impressions
from toolkit.load.batch import Piece, Table
from toolkit.load.event_exports import described, shape_of
from toolkit.load.events import LOADERS
from toolkit.load.head import head_of
from toolkit.load.history import HISTORY
from toolkit.load.homepage import MODULES, VISITS

TABLES = {table.name: table for table in (IMPRESSIONS, HISTORY, MODULES, VISITS)}


def table_of(paths: Sequence[Path]) -> Table:
    """Table that the files hold, told by the first that can be read.

    Parameters
    ----------
    paths : sequence of Path
        Files of one kind.

    Raises
    ------
    ToolkitError
        If no file can be read, or the first holds none of the tables, or what may be several of them.

    Examples
    --------
    >>> table_of([Path("data/sample/homepage_visits_2022.ndjson.gz")]).name
    'homepage_visits'
    """
    failed: list[errors.ToolkitError] = []
    for path in paths:
        try:
            head = head_of(Piece(path))
        except errors.ToolkitError as error:
            failed.append(error)
            continue
        named = [LOADERS[name] for name in LOADERS if shape_of(head, name)]
        found = dict.fromkeys([*(["impressions"] if holds_impressions(head) else []), *named])
        if len(found) == 1:
            return TABLES[next(iter(found))]
        look = f"what may be {' or '.join(found)}" if found else described(head)[0]
        raise errors.not_allowed("--as", path.as_posix(), f"has to say which table to read; the file holds {look}")
    raise failed[0]
