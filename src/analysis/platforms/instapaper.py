"""Instapaper: a reading list. Its CSV export can be imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Rule
from analysis.platforms.exports import epoch, in_batches, rows_of, table
from analysis.platforms.rows import Rows
from analysis.platforms.saves import BOOKMARK, save
from analysis.tables import Batch

CARD = Card(
    name="instapaper",
    title="Instapaper",
    purpose=("bookmarks",),
    mechanism="People save articles to read later, for themselves.",
    links=(LinkPolicy("none", None, "saves are private and link nothing"),),
    metrics=(BOOKMARK,),
    access=Access((), "free", "Settings, Export, Download .CSV file: the file holds the account's own saves"),
    rules=(
        Rule("The Selection column is the article's or the reader's words: it is not kept.", "house rule"),
    ),
    life=(LifeEvent(date(2008, 1, 28), "opened"),),
    hosts=("instapaper.com",),
    sources=("survey of November 2026: Instapaper CSV",),
)
EARLIEST = datetime(2008, 1, 1, tzinfo=UTC)
COLUMNS = {"url": "url", "title": "title", "folder": "folder", "timestamp": "timestamp", "tags": "tags"}


def export(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from the CSV export: URL, Title, Selection, Folder, Timestamp (epoch) and in newer ones Tags.

    ``community`` is the folder, where it is one of the reader's own making.
    """
    rows = rows_of(CARD.name, path, observed_at, f"{CARD.name} export", "csv")
    yield from in_batches(rows, _saves(rows, path))


def _saves(rows: Rows, path: Path) -> Iterator[None]:
    for line in table(path, COLUMNS, ("url", "timestamp"), "Instapaper CSV export", rows.lost):
        rows.begin()
        try:
            at = epoch(line["timestamp"], earliest=EARLIEST)
            folder = line.get("folder")
            own = folder if folder not in ("Unread", "Archive", "Starred") else ""
            save(rows, line["url"], at, title=line.get("title"), private=True, tags=own)
        except ValueError as error:
            rows.aside(str(error), line["url"], line.number)
        yield


IMPORTS = {"csv": export}
