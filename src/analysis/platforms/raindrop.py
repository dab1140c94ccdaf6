"""Raindrop.io: bookmarks in collections. Its CSV and HTML exports can be imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Rule
from analysis.platforms.exports import in_batches, rows_of, table
from analysis.platforms.rows import Rows, moment
from analysis.platforms.saves import BOOKMARK, netscape, save
from analysis.tables import Batch

CARD = Card(
    name="raindrop",
    title="Raindrop.io",
    purpose=("bookmarks", "archive"),
    mechanism="People save links into collections of their own, private unless a collection is shared.",
    links=(LinkPolicy("unknown", None, "not stated by the platform"),),
    metrics=(BOOKMARK,),
    access=Access((), "free", "Settings, Backups or Export, CSV: the file holds the account's own saves"),
    rules=(Rule("Notes, excerpts and highlights are private words: they are not kept.", "house rule"),),
    life=(LifeEvent(date(2013, 1, 1), "opened (the year is known, not the day)"),),
    hosts=("raindrop.io",),
    sources=("survey of November 2026: Raindrop CSV",),
)
EARLIEST = datetime(1993, 1, 1, tzinfo=UTC)
COLUMNS = {
    "id": "id",
    "title": "title",
    "url": "url",
    "link": "url",
    "tags": "tags",
    "created": "created",
    "folder": "folder",
    "favorite": "favorite",
}


def export(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from the CSV export (id, title, url, folder, tags, created, ...); the id is Raindrop's own."""
    rows = rows_of(CARD.name, path, observed_at, f"{CARD.name} export", "csv")
    yield from in_batches(rows, _saves(rows, path))


def _saves(rows: Rows, path: Path) -> Iterator[None]:
    for line in table(path, COLUMNS, ("url", "created"), "Raindrop CSV export", rows.lost):
        rows.begin()
        try:
            if line.get("favorite", "true").casefold() not in ("true", "false", ""):
                raise ValueError(f"{line['favorite']!r} is neither true nor false: cut off or badly quoted")
            at = moment(line["created"])
            if at < EARLIEST:
                raise ValueError(f"{line['created']!r} is no time after {EARLIEST:%Y-%m-%d}")
            tags = ",".join(tag.strip() for tag in line.get("tags").split(",") if tag.strip())
            save(rows, line["url"], at, title=line.get("title"), tags=tags, native=line.get("id"))
        except ValueError as error:
            rows.aside(str(error), line["url"], line.number)
        yield


def html(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from the HTML export, a Netscape bookmark file."""
    return netscape(CARD.name, path, EARLIEST, observed_at)


IMPORTS = {"csv": export, "netscape": html}
