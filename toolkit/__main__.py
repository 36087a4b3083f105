"""The command line: check an export, explain codes, share notebooks.

`python -m toolkit --help`
"""

from __future__ import annotations

from pathlib import Path

import click

import toolkit as tk
from toolkit.share import refresh as run_again
from toolkit.share import write_pages

LOADERS = {
    "impressions": tk.load.impressions,
    "homepage-modules": tk.load.homepage_modules,
    "homepage-visits": tk.load.homepage_visits,
}
PATH = click.Path(path_type=Path)


class Commands(click.Group):
    """Commands whose errors are one sentence."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; what a reader can put right is said without a traceback."""
        try:
            return super().invoke(ctx)
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


@main.command()
@click.argument("table", type=click.Choice(list(LOADERS)))
@click.argument("sources", nargs=-1, required=True)
@click.option("--set-aside", "n_shown", default=10, show_default=True, help="How many rows set aside to list.")
def check(table: str, sources: tuple[str, ...], n_shown: int) -> None:
    """Read exports as TABLE and say what became of each row; exit with 1 if any was set aside."""
    load = LOADERS[table](sources)
    for entry in load.account.iter_rows(named=True):
        click.echo(f"{entry['file']}: {entry['shape']}")
    for sentence in load.sentences:
        click.echo(sentence)
    for file, line, reason in load.set_aside.head(n_shown).iter_rows():
        click.echo(f"  {file}:{line}: {reason}")
    if load.set_aside.height > n_shown:
        click.echo(f"  and {load.set_aside.height - n_shown:,} more")
    raise SystemExit(1 if load.set_aside.height else 0)


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
    help="Give a notebook's parameter another value, and run it.",
)
@click.option("--execute", is_flag=True, help="Run the notebooks first.")
def share(sources: tuple[Path, ...], out: Path, parameters: tuple[str, ...], *, execute: bool) -> None:
    """Make each notebook one HTML file that works without a kernel and without a network."""
    given = dict(_named(text) for text in parameters)
    for page in write_pages(list(sources), out, parameters=given or None, execute=execute):
        click.echo(f"{page} ({page.stat().st_size / 1e6:.1f} MB)")


@main.command()
@click.argument("notebooks", nargs=-1, required=True, type=PATH)
def refresh(notebooks: tuple[Path, ...]) -> None:
    """Run notebooks and store their outputs in them, the same on every machine."""
    for notebook in notebooks:
        click.echo(f"{notebook}: {'new outputs' if run_again(notebook) else 'unchanged'}")


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise tk.errors.not_allowed("parameter", text, "has the form NAME=VALUE")
    return name, value


if __name__ == "__main__":
    main()
