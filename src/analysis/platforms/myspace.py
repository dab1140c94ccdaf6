"""MySpace: profiles and friends. No programmatic source; placements somebody wrote down can be imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Metric, Rule
from analysis.platforms.exports import date_in, in_batches, number, rows_of, table
from analysis.platforms.rows import Rows, moment
from analysis.tables import Batch

CARD = Card(
    name="myspace",
    title="MySpace",
    purpose=("networking",),
    mechanism="Profiles linked to what their owners liked, friends saw it; music above all.",
    links=(
        LinkPolicy(
            "unknown", None, "links went through msplinks.com from 2007 on; no rel is on record (unconfirmed)"
        ),
    ),
    metrics=(
        Metric(
            "placement",
            "placements",
            "event",
            "a link put on a MySpace page, as the person who put it there wrote it down",
            "placements",
        ),
    ),
    access=Access(
        (),
        "free",
        "a CSV of placements that you keep yourself: url, placed_at, and if you like placement, audience, id",
    ),
    rules=(Rule("Write down your own placements only.", "house rule"),),
    life=(
        LifeEvent(date(2003, 8, 1), "opened"),
        LifeEvent(date(2013, 1, 15), "relaunched; old profiles, blogs and comments were dropped", ("*",)),
        LifeEvent(date(2019, 3, 18), "said that what was uploaded before 2016 is lost", ("*",)),
    ),
    hosts=("myspace.com", "msplinks.com"),
    retired="No programmatic source: MySpace has no interface and shows no counter (unconfirmed). "
    "What it sent is seen in first-party traffic, by its referrers; what was placed there, in a CSV "
    "of placements.",
    sources=("survey of November 2026 (unconfirmed)",),
)
COLUMNS = {
    "url": "url",
    "link": "url",
    "placed_at": "placed_at",
    "placed at": "placed_at",
    "date": "placed_at",
    "placement": "placement",
    "profile": "placement",
    "page": "placement",
    "audience": "audience",
    "friends": "audience",
    "id": "id",
    "title": "title",
}
EARLIEST = datetime(2003, 8, 1, tzinfo=UTC)
DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def placements(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events of kind placement from a CSV: url, placed_at (ISO 8601; UTC where no zone is given).

    Optional: placement (the profile or page; kept as the community), audience (friends who saw it,
    people), id (yours), title (of what was linked). Without an id, page, URL and moment stand for it.
    """
    rows = rows_of(CARD.name, path, observed_at, "placements list", "placements")
    yield from in_batches(rows, _placed(rows, path))


def _placed(rows: Rows, path: Path) -> Iterator[None]:
    for line in table(path, COLUMNS, ("url", "placed_at"), "list of MySpace placements", rows.lost):
        rows.begin()
        try:
            try:
                at = date_in(line["placed_at"], *DATES)
            except ValueError:
                at = moment(line["placed_at"])
            if at < EARLIEST:
                raise ValueError(f"{line['placed_at']!r} is before MySpace opened (2003-08)")
            audience = number(line.get("audience"))
            if audience is not None and audience < 0:
                raise ValueError(f"an audience of {line['audience']} people")
            page = line.get("placement") or None
            content = rows.content(line["url"], title=line.get("title") or None)
            native = line.get("id") or f"{page or 'myspace.com'}@{content}@{at:%Y%m%dT%H%M%S}"
            rows.event(
                native, content, "placement", at, audience=audience, community=page,
                observed_at=max(rows.observed_at, at),
            )  # fmt: skip
        except ValueError as error:
            rows.aside(str(error), line["url"], line.number)
        yield


IMPORTS = {"placements": placements}
