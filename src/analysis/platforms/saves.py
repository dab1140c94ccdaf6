"""What importers of bookmarks share: one save is one event, under an id that a copy of the file repeats."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from analysis.platforms.card import Metric
from analysis.platforms.exports import day_written, epoch, in_batches, read_text, rows_of
from analysis.platforms.rows import Rows
from analysis.tables import Batch

BOOKMARK = Metric(
    "bookmark",
    "saves",
    "event",
    "one save of a URL by the account whose export was imported, at the time the export states; kind "
    "private_bookmark when the export marks the save as not shared",
    "saves",
)

_ANCHOR = re.compile(
    r"""<dt>\s*<a\b((?:"[^"]*"|'[^']*'|[^'">])*)(>)?(.*?)(?:(</a>)|(?=<dt>)|\Z)""", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")


def save(
    rows: Rows,
    url: str,
    at: datetime,
    *,
    title: str = "",
    private: bool = False,
    tags: str = "",
    native: str = "",
) -> None:
    """One save. ``native`` is the platform's own id; without one, the URL and the second stand for it."""
    content = rows.content(url, title=title.strip() or None)
    rows.event(
        native or f"{content}@{int(at.timestamp())}",
        content,
        "private_bookmark" if private else "bookmark",
        at,
        community=tags or None,
        observed_at=max(rows.observed_at, at),
    )


def netscape(
    platform: str, path: Path, earliest: datetime, observed_at: datetime | None = None
) -> Iterator[Batch]:
    """The bookmarks of a Netscape bookmark file: what Delicious, browsers and many others export.

    Only the link that a ``<DT>`` introduces is a bookmark; links inside a description are not.
    ADD_DATE is read in seconds, milli- or microseconds, by its size. Set aside are links that are no
    web address (``javascript:``, ``place:``, relative ones), undated ones, and one that is cut off.
    """
    rows = rows_of(platform, path, observed_at or day_written(path), f"{platform} export", "netscape")
    yield from in_batches(rows, _bookmarks(rows, read_text(path), earliest))


def _bookmarks(rows: Rows, text: str, earliest: datetime) -> Iterator[None]:
    line, counted = 1, 0
    for match in _ANCHOR.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        attributes, opened, title, closed = match.group(1, 2, 3, 4)
        found = {
            name.lower(): html.unescape(next(filter(None, values), ""))
            for name, *values in _ATTRIBUTE.findall(attributes)
        }
        url = found.get("href", "")
        rows.begin()
        if not opened or not closed:
            rows.aside("a bookmark that does not end: the file is cut off or damaged", "", line)
            continue
        try:
            at = epoch(found.get("add_date") or "nan", earliest=earliest)
            tags = ",".join(tag.strip() for tag in found.get("tags", "").split(",") if tag.strip())
            clean = html.unescape(re.sub(r"<[^>]*>", "", title))
            save(rows, url, at, title=clean, private=found.get("private") == "1", tags=tags)
        except ValueError as error:
            rows.aside(str(error), url, line)
        yield
