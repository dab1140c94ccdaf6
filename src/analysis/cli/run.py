"""``virality run``."""

from __future__ import annotations

import sys

import typer

from analysis.cli.app import app


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
