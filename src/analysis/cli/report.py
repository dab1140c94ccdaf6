"""``virality report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def report(
    names: Annotated[list[str] | None, typer.Argument(help="Reports, as `virality list` names them.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter", "-p", help="name=value for one report; a name given again is one more page."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every notebook of the folder.")] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds one report may take.")] = 900.0,
    cell_timeout: Annotated[float, typer.Option(min=1, help="Seconds one cell may take.")] = 300.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Reports at a time; never more than there are cores.")
    ] = None,
    renew: Annotated[
        float | None,
        typer.Option(min=0, help="Days after which a page says it is out of date; 0: never. [default: 7]"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Run even what is up to date.")] = False,
    single_file: Annotated[
        bool, typer.Option("--single-file", help="Also write each page here as one file, to send by mail.")
    ] = False,
) -> None:
    """Run notebooks and publish their pages. What is up to date is left alone.

    Examples: virality report overview -p since=2021-06-01 -p until=2021-07-01

    virality report story -p url=https://example.org/a -p url=https://example.org/b     (two pages)

    virality report --all

    virality report story -p url=https://example.org/a --single-file

    Exit status: 0 all pages are there, 1 a report failed (the others still came out), 2 nothing was run.
    """
    from analysis.reports import run, telling

    asked = run.Options(timeout, cell_timeout, workers, renew, again)
    done = run.make(names or [], parameter or [], everything, asked, lambda line: typer.echo(line, err=True))
    typer.echo(telling.ending(done.records, done.current, done.site))
    if single_file:
        from analysis.reports.single import single

        for record in done.records:
            if record.status == "ok":
                typer.echo(f"To send: {single(done.site, record, Path.cwd())}")
    if done.failed:
        raise typer.Exit(1)
