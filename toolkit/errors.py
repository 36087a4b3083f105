"""Every wording of an error: where, what was given, what is possible, what to do."""

from __future__ import annotations

from collections.abc import Iterable


class ToolkitError(Exception):
    """Something a reader can put right: a path, a name, a file of another kind.

    The message is one sentence that says what was found and what to do. In a notebook only that sentence is
    shown: the call stack of a library says nothing to the one who mistyped a path.

    Examples
    --------
    >>> raise not_found("code table", "statuses", "toolkit/tables", ["reason", "stage", "status"])
    Traceback (most recent call last):
        ...
    toolkit.errors.ToolkitError: no code table named 'statuses'; toolkit/tables has reason, stage, status
    """

    def _render_traceback_(self) -> list[str]:
        """Give IPython the lines it shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


def quoted(names: Iterable[object]) -> str:
    """Names in quotes, separated by commas.

    Examples
    --------
    >>> quoted(["a", "b"])
    "'a', 'b'"
    """
    return ", ".join(repr(str(name)) for name in names)


def not_found(what: str, name: str, place: str, have: Iterable[str]) -> ToolkitError:
    """Say that a name is not in a closed list, and give the list."""
    return ToolkitError(f"no {what} named {name!r}; {place} has {', '.join(have)}")


def missing_columns(who: str, missing: Iterable[str], have: Iterable[str]) -> ToolkitError:
    """Say which columns a function needs and which the frame has."""
    names = list(missing)
    plural = "s" if len(names) > 1 else ""
    return ToolkitError(f"{who} needs the column{plural} {quoted(names)}; the frame has {quoted(have)}")


def bad_choice(parameter: str, given: object, possible: Iterable[str]) -> ToolkitError:
    """Say that an argument takes one of a few words."""
    return ToolkitError(f"{parameter!r} takes {' or '.join(map(repr, possible))}, not {given!r}")


def no_file(path: str, near: Iterable[str]) -> ToolkitError:
    """Say that nothing is at a path, and what stands beside it."""
    beside = list(near)
    hint = f"; the folder has {', '.join(beside)}" if beside else "; its folder holds no file or is not there either"
    return ToolkitError(f"no file at {path!r}{hint}")


def nothing_matches(pattern: str, near: Iterable[str]) -> ToolkitError:
    """Say that a pattern matches no file."""
    beside = list(near)
    hint = f"; the folder has {', '.join(beside)}" if beside else ""
    return ToolkitError(f"no file matches {pattern!r}{hint}")


def empty_file(path: str, n_bytes: int) -> ToolkitError:
    """Say that a file holds no line at all."""
    size = "0 bytes" if n_bytes == 0 else f"{n_bytes} bytes that hold no line"
    return ToolkitError(f"{path!r} is empty ({size}); export it again")


def wrong_kind(path: str, found: str, table: str, accepts: Iterable[str], instead: str | None = None) -> ToolkitError:
    """Say what a file holds when a loader reads something else."""
    way_out = f"read it with toolkit.load.{instead}" if instead else f"load.{table} reads {'; '.join(accepts)}"
    return ToolkitError(f"{path!r} holds {found}, not {table.replace('_', ' ')}; {way_out}")


def unreadable(path: str, why: str) -> ToolkitError:
    """Say that no line of a file could be read."""
    return ToolkitError(f"{path!r} could not be read: {why}")


def no_utf8(line: bytes, at: int) -> str:
    r"""Reason for a line that is no UTF-8: which byte, where.

    Examples
    --------
    >>> no_utf8(b"caf\xe9", 3)
    'no UTF-8: byte 0xe9 at column 4'
    """
    return f"no UTF-8: byte 0x{line[at]:02x} at column {at + 1}"


def not_allowed(parameter: str, given: object, rule: str) -> ToolkitError:
    """Say which rule an argument breaks."""
    return ToolkitError(f"{parameter!r} {rule}: {given!r}")
