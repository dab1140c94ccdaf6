"""``virality site``."""

from __future__ import annotations

import typer

from analysis.cli.app import app


@app.command()
def site() -> None:
    """Build anew what stands over all runs. Index, history, a page per content, feed and manifest.json.

    Nothing is rewritten that has not changed. `virality report` does the same as it publishes; this is for
    when runs were removed, settings changed (site_address, site_zone), or virality itself is newer. Where
    virality.toml has [retention], runs that it does not keep are removed first.

    Example: VIRALITY_SITE_ADDRESS=https://example.org/reports/ virality site
    """
    from datetime import UTC, datetime

    from analysis.reports import retention
    from analysis.reports.site import Site
    from analysis.settings import FILE, root

    place, rule = Site.open(), retention.read(root() / FILE)
    if rule is not None:
        gone = retention.thin(place, rule, datetime.now(UTC))
        typer.echo(f"{len(gone):,} runs removed by [retention]")
    rewritten = place.build()
    runs = len(place.records())
    typer.echo(f"{place.index}: {runs:,} runs, {rewritten:,} files rewritten, the others stand as they were")
