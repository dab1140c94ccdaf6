"""``virality publish``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def publish(
    target: Annotated[str, typer.Argument(help="A name from [targets] of virality.toml, or a folder.")],
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Bring the release before back instead.")
    ] = False,
) -> None:
    """Send the built site to where readers are: a folder, S3 or SFTP. Only what changed is sent.

    Readers see the old site or the new one; an upload that broke off is ended by the same command. What
    others read (S3, SFTP, ...) must be declared in virality.toml with production = true.

    Examples: virality publish public

    virality publish /srv/www/reports

    virality publish public --rollback

    Exit status: 0 done (also when nothing had changed), 2 refused or broken off; readers have what they had.
    """
    from pathlib import Path

    from analysis import publish as publishing
    from analysis.settings import settings

    site = Path(settings().path("site"))
    act = publishing.rollback if rollback else publishing.publish
    typer.echo(act(target, site=site, say=lambda line: typer.echo(line, err=True)))
