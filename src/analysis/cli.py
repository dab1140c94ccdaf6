"""The command line: one command a verb. Heavy imports wait until a command needs them."""

from __future__ import annotations

import sys
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
imports = typer.Typer(help="Bring files into the store.", no_args_is_help=True)
app.add_typer(imports, name="import")


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


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same world.")] = 0,
) -> None:
    """Write a made-up world, whose truth is known, into an empty store.

    Example: VIRALITY_STORE=data/sample virality simulate
    """
    from analysis.simulate import fill
    from analysis.store import Store

    typer.echo(fill(Store.open(), seed))


def main() -> None:
    """Run the command; an error a user can mend is one line and exit status 2."""
    debug = "--debug" in sys.argv
    # --debug may stand anywhere: a user adds it at the end of the line that failed
    argv = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        app(args=argv)
    except Exception as error:
        if debug:
            raise
        from analysis.errors import UserError

        if isinstance(error, UserError):
            message = str(error)
        else:
            message = f"{type(error).__name__}: {error}. This is a fault of virality; --debug shows where."
        typer.echo(f"virality: {' '.join(message.split())}", err=True)
        sys.exit(2 if isinstance(error, UserError) else 1)


if __name__ == "__main__":
    main()
