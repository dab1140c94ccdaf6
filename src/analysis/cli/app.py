"""The command line itself, and the options that come before the verb."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis import __version__

app = typer.Typer(
    name="virality",
    help="Where attention came from, whether it was real, when it will stop and what it will reach.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"virality {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Options that come before the verb."""
