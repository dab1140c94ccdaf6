"""StumbleUpon: one page after another at random by topic. Closed; archived readings can be imported."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from analysis.platforms.card import Access, Card, LifeEvent, LinkPolicy, Metric, Rule
from analysis.platforms.exports import in_batches, number, rows_of, table
from analysis.platforms.rows import Rows
from analysis.tables import Batch

log = logging.getLogger(__name__)

CARD = Card(
    name="stumbleupon",
    title="StumbleUpon",
    purpose=("direct exposure", "archive"),
    mechanism="A button showed the next page that fits a reader's topics; pages people liked came again "
    "for months, so attention had a long tail.",
    links=(LinkPolicy("unknown", None, "pages were shown in a frame; no rel is on record (unconfirmed)"),),
    metrics=(
        Metric(
            "views", "views", "reading", "times StumbleUpon showed the page, on its page about it", "views"
        ),
        Metric("reviews", "reviews", "reading", "reviews of the page by members", "reviews"),
    ),
    access=Access(
        (), "free", "an extract of archived discover pages as CSV (id, url, title, review_count, ...)"
    ),
    rules=(Rule("Members named in an extract are not kept.", "house rule"),),
    life=(
        LifeEvent(date(2002, 2, 1), "opened (about then) (unconfirmed)"),
        LifeEvent(date(2018, 6, 30), "closed; members were moved to Mix (third parties)", ("*",)),
    ),
    hosts=("stumbleupon.com", "su.pr", "mix.com"),
    retired="StumbleUpon closed on 2018-06-30 and moved to Mix (third parties), "
    "which has no interface for tools. Extracts of archived pages can be imported.",
    sources=(
        "survey of November 2026 (third parties)",
        "a public extract of archived StumbleUpon pages, 2009 to 2012",
    ),
)
COLUMNS = {name: name for name in ("id", "url", "title", "review_count", "view_count", "date", "source")}
EARLIEST = datetime(2001, 11, 1, tzinfo=UTC)
LATEST = datetime(2018, 7, 1, tzinfo=UTC)


def discover(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Readings of views and reviews from archived discover pages, plain or gzipped.

    ``date`` (YYYYMMDDhhmmss, UTC) is the moment the page was archived: when the counters were looked
    at. A counter that falls below its reading before is kept as it is, and its ``reason`` says so:
    StumbleUpon did reset and correct its counters.
    """
    rows = rows_of(CARD.name, path, observed_at, "stumbleupon archive", "discover")
    # a fall is only seen in order, so the whole file is read first
    looks: dict[tuple[str, str], dict[datetime, tuple[str, float, int]]] = defaultdict(dict)
    for _ in _pages(rows, path, looks):
        pass
    falls = 0
    for (item, metric), readings in looks.items():
        before: tuple[datetime, float] | None = None
        for at, (content, value, row) in sorted(readings.items()):
            rows.resume(row)
            fell = before is not None and value < before[1]
            falls += fell
            reason = (
                f"lower than {before[1]:,.0f} on {before[0]:%Y-%m-%d}: reset or corrected there"
                if before and fell
                else None
            )
            rows.reading(item, content, metric, value, observed_at=at, reason=reason)
            before = (at, value)
    if falls:
        log.info("%s: %d readings are lower than the one before; they are kept and marked", path.name, falls)
    yield from in_batches(rows, ())


def _pages(
    rows: Rows, path: Path, looks: dict[tuple[str, str], dict[datetime, tuple[str, float, int]]]
) -> Iterator[None]:
    for line in table(path, COLUMNS, ("id", "url", "view_count", "date"), "StumbleUpon extract", rows.lost):
        row = rows.begin()
        try:
            at = datetime.strptime(line["date"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
            if not EARLIEST <= at < LATEST:
                raise ValueError(f"{line['date']!r} is no time of StumbleUpon's life (2001 to 2018)")
            values = {"views": number(line["view_count"]), "reviews": number(line.get("review_count"))}
            if not line["id"]:
                raise ValueError("a page without its id")
            content = rows.content(line["url"], title=line.get("title") or None)
            for metric, value in values.items():
                if value is not None:
                    # the same page archived in the same second, listed under two topics: one look
                    looks[line["id"], metric].setdefault(at, (content, value, row))
        except ValueError as error:
            rows.aside(str(error), line["url"], line.number)
        yield


IMPORTS = {"discover": discover}
