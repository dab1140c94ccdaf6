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
    from analysis.errors import UserError
    from analysis.platforms import describe, modules

    if name is None:
        typer.echo(describe.overview())
    elif name in modules():
        typer.echo(describe.text(name))
    else:
        raise UserError(f"there is no platform {name!r}; there are {', '.join(modules())}")
