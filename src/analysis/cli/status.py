"""``virality status``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For a monitor.")] = False,
) -> None:
    """Say how the schedule stands. The last run, what is due next, what failed and how to repeat it.

    Exit status: 0 all is well, 1 something is not as it should be, 2 the schedule cannot be read.
    """
    import json

    from analysis import schedule
    from analysis.schedule.status import text

    due = schedule.open_schedule()
    found = schedule.how_it_stands(due)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), default=lambda value: value.isoformat(), ensure_ascii=False))
    else:
        typer.echo(text(found, due))
    raise typer.Exit(schedule.FAILED if found.problems else schedule.DONE)
