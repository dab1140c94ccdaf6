"""``virality train``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def train(
    platform: Annotated[list[str] | None, typer.Option(help="Only this platform; may be repeated.")] = None,
    as_of: Annotated[str, typer.Option(help="Cut-off, UTC: nothing observed later is learned from.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="The same seed and data make the same model.")] = 0,
) -> None:
    """Learn each platform's forecast from the store, and keep it beside the data.

    Example: virality train --platform hackernews
    """
    from analysis import train as training
    from analysis.store import Store

    typer.echo(training.told(training.train(Store.open(), training.moment(as_of), platform or [], seed)))
