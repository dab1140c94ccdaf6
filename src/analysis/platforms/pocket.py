"""Pocket: a reading list, shut in July 2025. Its CSV export can be imported."""

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
    name="pocket",
    title="Pocket",
    purpose=("bookmarks", "direct exposure"),
    mechanism="People saved articles to read later, for themselves; its recommendations on Firefox's new tab "
    "sent readers of their own.",
    links=(LinkPolicy("none", None, "saves were private and linked nothing"),),
    metrics=(BOOKMARK,),
    access=Access((), "free", "the CSV export that was downloaded before the service shut"),
    rules=(Rule("A reading list is personal: keep the account's own saves only.", "house rule"),),
    life=(
        LifeEvent(date(2007, 8, 1), "opened as Read It Later"),
        LifeEvent(date(2025, 7, 8), "shut; exports were offered for some months", ("*",)),
    ),
    hosts=("getpocket.com", "pocket.co"),
    retired="Pocket was shut in July 2025: its interface answers no more. Only exports made before then "
    "speak.",
    sources=("survey of November 2026: Pocket (shut 2025-07), CSV (title,url,time_added epoch,tags,status)",),
)
EARLIEST = datetime(2007, 8, 1, tzinfo=UTC)
COLUMNS = {"title": "title", "url": "url", "time_added": "time_added", "tags": "tags", "status": "status"}
STATUSES = ("unread", "archive", "")


def export(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from the CSV export: title, url, time_added (epoch), tags (with |), status."""
    rows = rows_of(CARD.name, path, observed_at, f"{CARD.name} export", "csv")
    yield from in_batches(rows, _saves(rows, path))


def _saves(rows: Rows, path: Path) -> Iterator[None]:
    for line in table(path, COLUMNS, ("url", "time_added"), "Pocket CSV export", rows.lost):
        rows.begin()
        try:
            if line.get("status") not in STATUSES:
                raise ValueError(
                    f"{line['status']!r} is no status (unread, archive): cut off or badly quoted"
                )
            tags = ",".join(tag.strip() for tag in line.get("tags").split("|") if tag.strip())
            # where a page had no title Pocket wrote its URL instead
            title = "" if line.get("title") == line["url"] else line.get("title")
            at = epoch(line["time_added"], earliest=EARLIEST)
            save(rows, line["url"], at, title=title, private=True, tags=tags)
        except ValueError as error:
            rows.aside(str(error), line["url"], line.number)
        yield


IMPORTS = {"csv": export}
