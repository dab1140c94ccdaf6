"""Pinboard: paid social bookmarking. Its JSON and HTML exports can be imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Rule
from analysis.platforms.exports import in_batches, json_records, read_text, rows_of
from analysis.platforms.rows import Rows, moment
from analysis.platforms.saves import BOOKMARK, netscape, save
from analysis.tables import Batch

CARD = Card(
    name="pinboard",
    title="Pinboard",
    purpose=("bookmarks", "links", "archive"),
    mechanism="People save links for themselves, in public unless they say otherwise; a popular list shows "
    "what many saved.",
    links=(LinkPolicy("unknown", None, "not stated by the platform"),),
    metrics=(BOOKMARK,),
    access=Access((), "a paid account", "Settings, Backup, JSON: the file holds the account's own saves"),
    rules=(Rule("Notes (extended) are private words: they are not kept.", "house rule"),),
    life=(LifeEvent(date(2009, 7, 1), "opened"),),
    hosts=("pinboard.in",),
    sources=("survey of November 2026: Pinboard JSON (href, description, time, tags)",),
)
# people moved in with bookmarks older than Pinboard and kept their dates
EARLIEST = datetime(1993, 1, 1, tzinfo=UTC)


def backup(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from the JSON backup: a list of href, description (the title), time, tags, shared.

    One event a save. A file cut off at either end gives its whole records; the rest is set aside.
    """
    rows = rows_of(CARD.name, path, observed_at, f"{CARD.name} export", "json")
    yield from in_batches(rows, _saves(rows, read_text(path)))


def _saves(rows: Rows, text: str) -> Iterator[None]:
    for line, record in json_records(text, rows.lost):
        rows.begin()
        try:
            at = moment(record["time"])
            if at < EARLIEST:
                raise ValueError(f"{record['time']!r} is no time after {EARLIEST:%Y-%m-%d}")
            save(
                rows,
                record["href"],
                at,
                title=record.get("description") or "",
                private=record.get("shared") == "no",
                tags=",".join(str(record.get("tags") or "").split()),
            )
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            missing = f"no {error}" if isinstance(error, KeyError) else str(error)
            rows.aside(missing, str(record.get("href", "")), line)
        yield


def html(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from the HTML backup, a Netscape bookmark file."""
    return netscape(CARD.name, path, EARLIEST, observed_at)


IMPORTS = {"json": backup, "netscape": html}
