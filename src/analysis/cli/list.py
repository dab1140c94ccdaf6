"""``virality list``."""

from __future__ import annotations

import typer

from analysis.cli.app import app


@app.command("list")
def list_reports() -> None:
    """List the reports, their parameters and the newest runs.

    Example: virality list
    """
    from pathlib import Path

    from analysis.reports import telling
    from analysis.reports.site import Site
    from analysis.settings import settings

    places = settings()
    typer.echo(telling.overview(Path(places.path("notebooks")), Site.open()))
