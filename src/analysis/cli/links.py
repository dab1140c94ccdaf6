"""``virality links``."""

from __future__ import annotations

from typing import Annotated

import typer

from analysis.cli.app import app


@app.command()
def links(
    pages: Annotated[
        list[str] | None, typer.Argument(help="Pages that link to you; by default those of known items.")
    ] = None,
    platform: Annotated[list[str] | None, typer.Option(help="Only this platform; may be repeated.")] = None,
    most: Annotated[int, typer.Option(min=1, help="Pages a platform, the newest items first.")] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the pages, look at none.")] = False,
) -> None:
    """Look at the pages that carry your links: followed or not. Or nofollow, ugc, sponsored, as they say.

    Reads rel, meta robots, X-Robots-Tag and redirects of public pages, as robots.txt allows, one page of a
    host in two seconds. What was seen is stored as readings (link_followed, link_nofollow, link_ugc,
    link_sponsored, link_wrapped: 1 or 0), what could not be seen as unknown with the reason. A page is
    looked at again after 30 days.

    Examples: virality links --platform lobsters --dry-run

    virality links https://example.org/links-i-like
    """
    from analysis.collect import links as linking
    from analysis.platforms.pace import Clock
    from analysis.settings import settings
    from analysis.store import Store

    store, clock = Store.open(), Clock()
    todo = linking.named(pages) if pages else linking.places(store, clock.now(), platform or [], most)
    if dry_run:
        for place in todo:
            typer.echo(f"{place.platform}  {place.url}")
        typer.echo(f"{len(todo):,} pages would be looked at")
        return
    for line in linking.look(todo, store, clock=clock, private=settings().private_pages).lines():
        typer.echo(line)
