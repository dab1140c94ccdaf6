"""``virality alerts``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def alerts(
    preview: Annotated[
        bool, typer.Option("--preview", help="Send nothing: show what would have been told.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, help="How many days a preview goes back.")] = 90,
    until: Annotated[str, typer.Option(help="End of a preview (ISO 8601, UTC). [default: now]")] = "",
    machine: Annotated[bool, typer.Option("--json", help="For a machine.")] = False,
) -> None:
    """Tell what is out of the ordinary, each thing once. Spikes, drops, changed referrers, missing data.

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
