"""``virality import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analysis.cli.app import app

imports = typer.Typer(help="Bring files into the store.", no_args_is_help=True)
app.add_typer(imports, name="import")

_Files = Annotated[list[Path], typer.Argument(help="CSV, TSV, JSON Lines or Parquet, each also gzipped.")]
_Mapping = Annotated[
    Path, typer.Option("--mapping", "-m", help="The TOML file that says which column is what.")
]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read and check all, write nothing; usable rows count as new.")
]


@imports.command("export")
def import_export(
    platform: Annotated[str, typer.Argument(help="The platform it was downloaded from.")],
    format: Annotated[str, typer.Argument(help="Which of its exports; a wrong one names those there are.")],
    files: Annotated[list[Path], typer.Argument(help="The files, as they were downloaded.")],
    made: Annotated[
        str, typer.Option(help="When it was made (ISO 8601, UTC); by default what it says, or its own date.")
    ] = "",
    account: Annotated[str, typer.Option(help="URL of the profile or page it is about.")] = "",
    zone: Annotated[str, typer.Option(help="Time zone of its clock, as Europe/Berlin.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count, write nothing.")] = False,
) -> None:
    """Import what a platform lets you download: your saves, your posts, your page's figures.

    Example: virality import export pinboard json pinboard_export.json
    """
    from datetime import UTC, datetime

    from analysis.errors import UserError
    from analysis.importing.exports import import_exports
    from analysis.store import Store

    moment = None
    if made:
        try:
            moment = datetime.fromisoformat(made)
        except ValueError:
            raise UserError(f"--made {made!r} is no time; expected for example 2026-05-01T12:00") from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    counts = import_exports(
        files, platform, format, Store.open(), made=moment, account=account or None, zone=zone or None,
        dry_run=dry_run, progress=lambda told: typer.echo(told, err=True),
    )  # fmt: skip
    for line in counts.shown:
        typer.echo(f"set aside: {line}", err=True)
    for place in counts.kept_in:
        typer.echo(f"what was set aside is in {place}", err=True)
    typer.echo(str(counts))


@imports.command("log")
def import_log(
    files: Annotated[list[Path], typer.Argument(help="Log files or folders of them: plain, .gz or .zst.")],
    site: Annotated[str, typer.Option(help="The site the logs are of, as https://example.com.")],
    format: Annotated[
        str | None,
        typer.Option(
            help="combined, common, vhost, caddy, w3c, or the server's format string; by default found out."
        ),
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="Time zone of times without an offset, as Europe/Berlin.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(min=1, help="Keep watching: import what is new every so many seconds.")
    ] = None,
) -> None:
    """Import access logs as hourly visits and page views by source; addresses are dropped on the way.

    A file that was rotated or has grown adds only what is new.

    Examples: virality import log /var/log/nginx --site https://example.com

    virality import log access.log --site example.com --format '$remote_addr [$time_local] "$request" $status'
    """
    from analysis.importing import logs
    from analysis.store import Store

    if every is not None:
        logs.watch(files, site, Store.open(), format, zone, every, typer.echo)
    for line in logs.import_logs(files, site, Store.open(), format, zone).lines():
        typer.echo(line)


@imports.command("readings")
def import_readings(files: _Files, mapping: _Mapping, dry_run: _DryRun = False) -> None:
    """Bring values of counters, each at the moment somebody looked, into the store.

    Example: virality import readings data/raw/*.csv.gz --mapping data/mappings/hn_frontpage.toml

    The last line says `N rows: A new, B known, C set aside`. A row of the file is new when it added at least
    one event, reading or interval to the store; known when all it says was there already, or stood in an
    earlier row; set aside, with its line and the reason, when it cannot be used. Importing a file again adds
    nothing.
    """
    _import("readings", files, mapping, dry_run)


@imports.command("events")
def import_events(files: _Files, mapping: _Mapping, dry_run: _DryRun = False) -> None:
    """Bring public acts that a platform dated (submissions, reposts, ...) into the store.

    Example: virality import events data/raw/lobsters.csv.gz --mapping data/mappings/lobsters.toml

    A mapping to events may carry each item's numbers as well. The last line says `N rows: A new, B known,
    C set aside`; what the words mean stands in `virality import readings --help`.
    """
    _import("events", files, mapping, dry_run)


@imports.command("intervals")
def import_intervals(files: _Files, mapping: _Mapping, dry_run: _DryRun = False) -> None:
    """Bring counts that somebody already binned (visits an hour, mentions a day) into the store.

    Example: virality import intervals data/raw/Twitter_volume_*.csv --mapping data/mappings/nab_tweets.toml

    The last line says `N rows: A new, B known, C set aside`; what the words mean stands in `virality import
    readings --help`.
    """
    _import("intervals", files, mapping, dry_run)


def _import(table: str, files: list[Path], mapping: Path, dry_run: bool) -> None:
    import pyarrow as pa

    from analysis.importing import import_files
    from analysis.store import Store

    # The other allocators keep some 60 MB of what was freed.
    pa.set_memory_pool(pa.system_memory_pool())
    there = sys.stderr.isatty()

    def tell(told: str) -> None:
        if there:
            typer.echo(f"\r\x1b[K{told}", err=True, nl=False)

    counts = import_files(files, mapping, table, Store.open(), dry_run, tell)
    if there:
        typer.echo("\r\x1b[K", err=True, nl=False)
    for line in counts.shown:
        typer.echo(f"set aside: {line}", err=True)
    if len(counts.shown) < counts.set_aside:
        typer.echo(f"set aside: ... and {counts.set_aside - len(counts.shown):,} more", err=True)
    for place in counts.kept_in:
        typer.echo(f"what was set aside is in {place}", err=True)
    typer.echo(str(counts))
