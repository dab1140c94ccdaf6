"""``virality platforms``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def platforms(
    name: Annotated[str | None, typer.Argument(help="A platform, to see its card.")] = None,
) -> None:
    """List the platforms, or print one's card. Purpose, metrics, access, limits, rules, life.

    Example: virality platforms reddit
    """
    from analysis.platforms import describe, named

    typer.echo(describe.overview() if name is None else describe.text(named(name).name))
