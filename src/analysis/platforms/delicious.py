"""Delicious: social bookmarking, 2003 to 2017. Its exports, as any Netscape file, can be imported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Rule
from analysis.platforms.saves import BOOKMARK, netscape
from analysis.tables import Batch

CARD = Card(
    name="delicious",
    title="Delicious",
    purpose=("bookmarks", "links", "archive"),
    mechanism="People saved links in public under tags; popular and recent lists showed what many saved.",
    links=(LinkPolicy("nofollow", None, "links on bookmark pages carried nofollow, as far as is known"),),
    metrics=(BOOKMARK,),
    access=Access((), "free", "the bookmark file (HTML) that was downloaded while the service ran"),
    rules=(
        Rule("A bookmark file is personal: keep the account's own saves only, and no notes.", "house rule"),
    ),
    life=(
        LifeEvent(date(2003, 9, 1), "opened as del.icio.us"),
        LifeEvent(date(2017, 6, 1), "bought by Pinboard and closed to new saves", ("*",)),
    ),
    hosts=("delicious.com", "del.icio.us"),
    retired="Delicious is closed: there is no interface and no page left to read. Only exports made before "
    "then, and archives, still speak.",
    sources=("survey of November 2026: own saves, Netscape HTML",),
)
# browsers wrote such files before Delicious existed; the web itself is the bound
EARLIEST = datetime(1993, 1, 1, tzinfo=UTC)


def bookmarks(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events from a Netscape bookmark file (``saves.netscape``)."""
    return netscape(CARD.name, path, EARLIEST, observed_at)


IMPORTS = {"netscape": bookmarks}
