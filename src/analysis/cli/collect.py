"""``virality collect``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def collect(
    watchlist: Annotated[
        str, typer.Option(help="The watchlist; by default the one virality.toml names.")
    ] = "",
    platform: Annotated[list[str] | None, typer.Option(help="Only this platform; may be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be asked, and its cost.")
    ] = False,
    log: Annotated[str, typer.Option(help="text for a person, json for a machine.")] = "text",
    patience: Annotated[float, typer.Option(min=0, help="Seconds one wait may last.")] = 300.0,
    example: Annotated[bool, typer.Option("--example", help="Print a watchlist to start from.")] = False,
) -> None:
    """Ask platforms what is due of the watchlist. What comes is stored.

    Example: virality collect --watchlist data/watchlist.toml --dry-run
    """
    from analysis.collect.watchlist import EXAMPLE, read
    from analysis.errors import UserError

    if example:
        typer.echo(EXAMPLE, nl=False)
        return
    if log not in ("text", "json"):
        raise UserError(f"--log {log!r}: expected text or json")
    from analysis import collect as collecting
    from analysis.collect import sources, telling
    from analysis.settings import settings
    from analysis.store import Store

    wanted = read(watchlist or settings().path("watchlist"), set(sources()))
    store, only = Store.open(), platform or []
    if dry_run:
        typer.echo(telling.plan_table(collecting.plans(wanted, store, only=only), wanted.budget))
        return
    tell = telling.JsonLog() if log == "json" else telling.Progress()
    outcomes = collecting.collect(wanted, store, only=only, tell=tell, patience=patience)
    if log == "text":
        typer.echo(telling.outcome_table(outcomes))
