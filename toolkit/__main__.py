"""The command line: check an export, convert it, explain codes, share notebooks.

`python -m toolkit --help`
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

import toolkit as tk
from toolkit import sql
from toolkit.load.account import Load
from toolkit.load.batch import Options
from toolkit.load.progress import shown
from toolkit.load.sources import files
from toolkit.load.store import write
from toolkit.load.tables import TABLES, table_of
from toolkit.share import gate, misquotes, write_pages
from toolkit.share import refresh as run_again
from toolkit.share.pages import NotAllWrittenError
from toolkit.share.run import CellFailedError

LOADERS: dict[str, Callable[..., Load]] = {
    "impressions": tk.load.impressions,
    "banner-history": tk.load.banner_history,
    "homepage-modules": tk.load.homepage_modules,
    "homepage-visits": tk.load.homepage_visits,
}
PATH = click.Path(path_type=Path)
SMALLEST = click.option(
    "--k",
    type=click.IntRange(1),
    default=gate.K,
    show_default=True,
    help="The smallest count of users or requests that may be shown.",
)
ANYWAY = click.option(
    "--publish-anyway", metavar="REASON", help="Why it may leave whatever is found; pages show the reason."
)


class Commands(click.Group):
    """Commands whose errors are one sentence."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a reader can put right is said without a traceback."""
        try:
            return super().invoke(ctx)
        except CellFailedError as error:
            raise click.ClickException(error.report) from None
        except tk.ToolkitError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=Commands)
@click.version_option(tk.__version__, prog_name="toolkit")
def main() -> None:
    """Exports of CentralNotice banner and Growth homepage events: check, decode, share."""


@main.command()
@click.argument("codes", nargs=-1)
def decode(codes: tuple[str, ...]) -> None:
    """Explain status codes, such as 2.1 3.17; without any, the whole book."""
    for row in tk.decode.explain(*codes).iter_rows(named=True):
        click.echo(f"{row['status_code']:<6} {row['label']}")
        parts = [row["status"], row["reason"], f"group: {row['group']}", f"last stage: {row['stage'] or 'none'}"]
        click.echo("       " + "; ".join(part for part in parts if part))
        click.echo(f"       {row['meaning'] or 'not in the book of codes: newer software, or damaged'}")
        if row["since"]:
            click.echo(f"       since {row['since']}; source: {row['source']}")
        if row["caveat"]:
            click.echo(f"       caveat: {row['caveat']}")


@main.command()
@click.argument(
    "words", nargs=-1, required=True, metavar="TABLE SOURCES... | --publish FILES... | --claims NOTEBOOKS..."
)
@click.option("--set-aside", "n_shown", default=10, show_default=True, help="How many rows set aside to list.")
@click.option("--publish", is_flag=True, help="Look in FILES for what must not leave, in place of reading exports.")
@click.option(
    "--claims", is_flag=True, help="Look in NOTEBOOKS for numbers in prose that aren't what their claims say."
)
@SMALLEST
@ANYWAY
def check(
    words: tuple[str, ...], n_shown: int, k: int, publish_anyway: str | None, *, publish: bool, claims: bool
) -> None:
    """Say what became of each row of an export, or what in a file doesn't hold or must not leave; exit with 1 if there is any.

    TABLE is impressions, banner-history, homepage-modules or homepage-visits, and SOURCES are exports: each row that
    was set aside is counted, with its reason.

    With --publish, FILES are notebooks, pages, pictures and data. Each find is named by its place and kind, never by
    its value.

    With --claims, NOTEBOOKS have been run. Each number in prose that isn't what its claim says, or that no claim makes,
    is named by its cell, with what was computed.
    """
    if publish or claims:
        paths = [Path(word) for word in words]
        codes = [_check_publication(paths, k, publish_anyway)] if publish else []
        raise SystemExit(max([*codes, *([_check_claims(paths)] if claims else [])]))
    table, *sources = words
    if table not in LOADERS:
        raise click.BadParameter(f"{table!r} is not one of {', '.join(map(repr, LOADERS))}.", param_hint="'TABLE'")
    if not sources:
        raise click.BadParameter("name an export after the table.", param_hint="'SOURCES...'")
    load = LOADERS[table](sources)
    for sentence in load.sentences:
        click.echo(sentence)
    shown = load.set_aside.lazy().select("file", "line", "reason").head(n_shown).collect()
    for file, line, reason in shown.iter_rows():
        click.echo(f"  {file}:{line}: {reason}")
    n_aside = load.account["set_aside"].sum()
    if n_aside > n_shown:
        click.echo(f"  and {n_aside - n_shown:,} more")
    raise SystemExit(1 if n_aside else 0)


def _check_claims(notebooks: list[Path]) -> int:
    """Say which numbers in prose don't hold; 1 if there is any."""
    found = [misquote for notebook in notebooks for misquote in misquotes(notebook)]
    for misquote in found:
        click.echo(misquote)
    return 1 if found else 0


def _check_publication(paths: list[Path], k: int, publish_anyway: str | None) -> int:
    """Say what in files must not leave; 1 if there is any that no choice covers."""
    code = 0
    for path in paths:
        uncovered, by_choice = gate.uncovered_finds(path, k=k)
        for find in uncovered:
            click.echo(find)
        if uncovered and publish_anyway is not None:
            click.echo(f"{path.name}: may leave all the same, by choice: {publish_anyway}")
        elif uncovered:
            code = 1
        elif by_choice:
            kinds = ", ".join(dict.fromkeys(find.kind for find in by_choice))
            click.echo(f"{path.name}: may leave; it holds, by a choice that it records, {kinds}")
        else:
            click.echo(f"{path.name}: may leave")
    return code


@main.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--as", "table", type=click.Choice(list(LOADERS)), help="The table to read them as; told by the content.")
@click.option("-o", "--out", required=True, type=PATH, help="Folder of the store to make.")
@click.option("--keep", multiple=True, metavar="FIELD", help="Load a private field all the same, such as ip.")
@click.option("--key-file", type=PATH, help="Secret for the hashes of identifiers; stores with one key can be joined.")
@click.option("--processes", type=click.IntRange(1), help="How many to use; as many as there are cores.")
@click.option("--overwrite", is_flag=True, help="Replace a store that is there, once the new one is complete.")
def convert(
    sources: tuple[str, ...],
    table: str | None,
    out: Path,
    keep: tuple[str, ...],
    key_file: Path | None,
    processes: int | None,
    *,
    overwrite: bool,
) -> None:
    """Write exports of any size as one typed store, which the loaders open at once; say what became of each row."""
    options = Options(keep=keep, key=None if key_file is None else _secret(key_file))
    paths = files(sources)
    kind = table_of(paths) if table is None else TABLES[table.replace("-", "_")]
    load = write(kind, paths, out, options, processes=processes, progress=shown(), overwrite=overwrite)
    for sentence in load.sentences:
        click.echo(sentence)
    click.echo(f"Open it with toolkit.load.{load.table}({out.as_posix()!r}).")


def _secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise tk.errors.unreadable(path.as_posix(), error.strerror or "no file") from None
    if not secret:
        raise tk.errors.not_allowed("key-file", path.as_posix(), "holds a secret of at least one byte")
    return secret


@main.command()
@click.argument("sources", nargs=-1, required=True, type=PATH)
@click.option(
    "-o", "--out", required=True, type=PATH, help="The page; for several notebooks or a folder, the folder of pages."
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    help="Give a parameter another value, and run the notebooks that have it.",
)
@click.option("--execute", is_flag=True, help="Run the notebooks first.")
@click.option("--at-once", type=click.IntRange(1), help="How many notebooks to run at the same time; as many as cores.")
@SMALLEST
@ANYWAY
def share(
    sources: tuple[Path, ...],
    out: Path,
    parameters: tuple[str, ...],
    at_once: int | None,
    k: int,
    publish_anyway: str | None,
    *,
    execute: bool,
) -> None:
    """Make each notebook one HTML file that works without a kernel and without a network.

    A notebook that holds what must not leave, such as user ids or counts of few people, becomes no page. Where one of
    several fails, the others are written.
    """
    given = dict(_named(text) for text in parameters)
    try:
        pages = write_pages(
            list(sources),
            out,
            parameters=given or None,
            execute=execute,
            k=k,
            publish_anyway=publish_anyway,
            at_once=at_once,
            progress=_progress(),
        )
    except NotAllWrittenError as error:
        _say_pages(error.written)
        raise
    _say_pages(pages)


def _say_pages(pages: list[Path]) -> None:
    for page in pages:
        click.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")


def _progress() -> Callable[[str], None]:
    """Watcher that draws one line anew in a terminal, and writes a line for each notebook elsewhere."""
    last = ""

    def watch(said: str) -> None:
        nonlocal last
        notebooks = said.partition(",")[0]
        if sys.stderr.isatty():
            click.echo(f"\r{said}  ", err=True, nl=False)
        elif notebooks != last:
            click.echo(said, err=True)
        last = notebooks

    return watch


@main.command()
@click.argument("notebooks", nargs=-1, required=True, type=PATH)
def refresh(notebooks: tuple[Path, ...]) -> None:
    """Run notebooks and store their outputs in them, the same on every machine.

    Numbers in prose that aren't what their claims say are named; exit with 1 if there is any.
    """
    for notebook in notebooks:
        click.echo(f"{notebook}: {'new outputs' if run_again(notebook) else 'unchanged'}")
    raise SystemExit(_check_claims(list(notebooks)))


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise tk.errors.not_allowed("parameter", text, "has the form NAME=VALUE")
    return name, value


main.add_command(sql.command)

if __name__ == "__main__":
    main()
