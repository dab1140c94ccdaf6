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
    """Learn each platform's forecast from the store. It is kept beside the data.

    Example: virality train --platform hackernews
    """
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from analysis import train as training
    from analysis.store import Store

    screen = Console(stderr=True)
    bars: dict[str, TaskID] = {}
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:

        def tell(name: str, done: int, of: int) -> None:
            if name not in bars:
                bars[name] = progress.add_task(f"learning {name}", total=of)
            progress.update(bars[name], completed=done)

        done = training.train(Store.open(), training.moment(as_of), platform or [], seed, tell)
    typer.echo(training.told(done))
