"""``virality purge``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def purge(
    names: Annotated[
        list[str] | None, typer.Argument(help="Platforms; by default all whose rules demand it.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="Forget this item of the one platform named.")
    ] = None,
) -> None:
    """Forget what platforms say is gone, or may be kept no longer.

    Example: virality purge reddit
    """
    from analysis import purge as purging
    from analysis.collect import telling
    from analysis.errors import UserError
    from analysis.store import Store

    if item:
        if not names or len(names) != 1:
            raise UserError("--item needs exactly one platform: virality purge reddit --item 1abcd")
        typer.echo(f"{purging.forget(Store.open(), names[0], item):,} rows forgotten")
        return
    purged = purging.purge(Store.open(), names or [], tell=telling.Progress())
    if not purged:
        typer.echo("nothing stored is under a rule that asks for it, and nothing is too old")
    for done in purged:
        said = f"{done.platform}: {done.asked:,} items asked about, {done.gone:,} gone, {done.old:,} too old"
        typer.echo(f"{said}; unknown: {done.unknown}" if done.unknown else said)
