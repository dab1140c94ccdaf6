"""The command line: one file a verb, found by reading this folder.

A verb's file imports what is heavy only when the verb is called: all of them are read for `--help`.
"""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module

import typer

from analysis.cli.app import app

for _verb in pkgutil.iter_modules(__path__):
    if not _verb.name.startswith("_"):
        import_module(f"{__name__}.{_verb.name}")


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
