"""``virality simulate``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same world.")] = 0,
) -> None:
    """Write a made-up world of known truth into an empty store.

    Example: VIRALITY_STORE=data/sample virality simulate
    """
    from analysis.simulate import fill
    from analysis.store import Store

    typer.echo(fill(Store.open(), seed))
