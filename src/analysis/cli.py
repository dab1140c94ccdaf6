"""The command line: one command a verb. Heavy imports wait until a command needs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from analysis import __version__

app = typer.Typer(
    name="virality",
    help="Where attention came from, whether it was real, when it will stop and what it will reach.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
imports = typer.Typer(help="Bring files into the store.", no_args_is_help=True)
app.add_typer(imports, name="import")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"virality {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Options that come before the verb."""


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same world.")] = 0,
) -> None:
    """Write a made-up world, whose truth is known, into an empty store.

    Example: VIRALITY_STORE=data/sample virality simulate
    """
    from analysis.simulate import fill
    from analysis.store import Store

    typer.echo(fill(Store.open(), seed))


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
    """Ask platforms about what the watchlist names, as far as it is due, and store what comes.

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


@app.command()
def platforms(
    name: Annotated[str | None, typer.Argument(help="A platform, to see its card.")] = None,
) -> None:
    """List the platforms, or print one's card: purpose, metrics, access, limits, rules, life.

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


@app.command()
def purge(
    names: Annotated[
        list[str] | None, typer.Argument(help="Platforms; by default all whose rules demand it.")
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="Forget this item of the one platform named.")
    ] = None,
) -> None:
    """Forget what platforms say is gone, and what is older than a platform's card lets us keep.

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


@app.command()
def report(
    names: Annotated[list[str] | None, typer.Argument(help="Reports, as `virality list` names them.")] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="name=value for one report; may be repeated."),
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
    """Run notebooks and publish their pages; what is up to date is left alone.

    Examples: virality report overview -p since=2021-06-01 -p until=2021-07-01

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


@app.command()
def site() -> None:
    """Build what stands over all runs anew: index, history, a page per content, feed and manifest.json.

    Nothing is rewritten that has not changed. `virality report` does the same as it publishes; this is for
    when runs were removed, settings changed (site_address, site_zone), or virality itself is newer.

    Example: VIRALITY_SITE_ADDRESS=https://example.org/reports/ virality site
    """
    from analysis.reports.site import Site

    place = Site.open()
    rewritten = place.build()
    runs = len(place.records())
    typer.echo(f"{place.index}: {runs:,} runs, {rewritten:,} files rewritten, the others stand as they were")


@app.command("list")
def list_reports() -> None:
    """List the reports with their parameters and defaults, and the newest runs.

    Example: virality list
    """
    from pathlib import Path

    from analysis.reports import telling
    from analysis.reports.site import Site
    from analysis.settings import settings

    places = settings()
    typer.echo(telling.overview(Path(places.path("notebooks")), Site.open()))


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


_Files = Annotated[list[Path], typer.Argument(help="CSV, TSV, JSON Lines or Parquet, each also gzipped.")]
_Mapping = Annotated[
    Path, typer.Option("--mapping", "-m", help="The TOML file that says which column is what.")
]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read and check all, write nothing; usable rows count as new.")
]


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


@app.command()
def run() -> None:
    """Do what is due: collect, reports, site, publish, alerts. What cron, systemd or a workflow calls.

    The schedule (reports/schedule.toml) says what is due when; nothing is run twice, and what was missed is
    caught up with by its rule. Examples of all three callers are in examples/schedule.

    Exit status: 0 all well, 1 something failed (the rest was done), 2 the schedule or a setting is wrong and
    nothing was done, 75 another run is at it.
    """
    import signal

    from analysis import schedule
    from analysis.schedule.journal import BusyError

    due = schedule.open_schedule()
    for name in (signal.SIGTERM, signal.SIGHUP):
        # stopped like this, a run still ends its step and says so in its log
        signal.signal(name, lambda number, frame: sys.exit(128 + number))
    try:
        status = schedule.go(due, typer.echo)
    except BusyError as error:
        typer.echo(f"another run is at it, and this one left everything to it: {error}")
        status = schedule.BUSY
    except OSError as error:
        typer.echo(f"virality: the run could not go on: {error}", err=True)
        status = schedule.FAILED
    raise typer.Exit(status)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For a monitor.")] = False,
) -> None:
    """Say how the schedule stands: the last run, what is due next, what failed and how to repeat it.

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


@app.command()
def alerts(
    preview: Annotated[
        bool, typer.Option("--preview", help="Send nothing: show what would have been told.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How many days a preview goes back.")] = 90,
    until: Annotated[str, typer.Option(help="End of a preview (ISO 8601, UTC). [default: now]")] = "",
    machine: Annotated[bool, typer.Option("--json", help="For a machine.")] = False,
) -> None:
    """Tell what is out of the ordinary, each thing once: spikes, drops, referrers that changed, missing data.

    Addresses (mail, Slack, a webhook, ...) are in VIRALITY_ALERTS, rules in [alerts] of virality.toml.

    Examples: virality alerts --preview

    virality alerts

    Exit status: 0 everything was told (or nothing is to tell), 1 an address did not take a message, which is
    kept and tried again.
    """
    import json
    from datetime import UTC, datetime

    from analysis.alerts import check, telling
    from analysis.alerts.preview import preview as replay
    from analysis.alerts.rules import read
    from analysis.settings import FILE, root
    from analysis.store import Store

    store = Store.open()
    if preview:
        shown = replay(store, telling.until(store, until, days), read(root() / FILE), days)
        typer.echo(json.dumps(telling.preview_json(shown)) if machine else "\n".join(shown.lines()))
        return
    now = datetime.now(UTC)
    done = check(store, now)
    typer.echo(json.dumps(telling.delivered_json(done, now)) if machine else telling.delivered(done))
    if done.failed:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; an error a user can mend is one line and exit status 2."""
    debug = "--debug" in sys.argv
    # --debug may stand anywhere: a user adds it at the end of the line that failed
    argv = [word for word in sys.argv[1:] if word != "--debug"]
    try:
        app(args=argv)
    except Exception as error:
        if debug:
            raise
        from analysis.errors import UserError

        if isinstance(error, UserError):
            message = str(error)
        else:
            message = f"{type(error).__name__}: {error}. This is a fault of virality; --debug shows where."
        typer.echo(f"virality: {' '.join(message.split())}", err=True)
        sys.exit(2 if isinstance(error, UserError) else 1)


if __name__ == "__main__":
    main()
