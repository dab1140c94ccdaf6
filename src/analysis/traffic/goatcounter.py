"""GoatCounter: its CSV export, one page view a line, with what it took for bots and which view was a
visit's first."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from analysis.errors import UserError
from analysis.platforms.card import Access, Card
from analysis.platforms.rows import moment
from analysis.tables import Batch
from analysis.traffic.counted import Counted
from analysis.traffic.exposure import METRICS
from analysis.traffic.machines import crawlers, is_spam
from analysis.traffic.referrers import host_of, of_referrer, of_tags
from analysis.urls import identity

CARD = Card(
    name="goatcounter",
    title="GoatCounter",
    purpose=(),
    mechanism="Counts in the visitor's browser without cookies.",
    links=(),
    metrics=METRICS,
    access=Access((), "free", "Download the export under Settings, Import/Export, and import the file."),
    sources=("https://www.goatcounter.com/help/export",),
)
VERSION = "2"
HOUR = timedelta(hours=1)


def read_csv(path: Path, observed_at: datetime | None = None, account: str | None = None) -> Iterator[Batch]:
    """The export: header ``2Path,Title,Event,...,Bot,Referrer,...,FirstVisit,Date``, dates in RFC 3339.

    ``account`` is the site's address. Events (clicks counted by name) are no page views and are set aside.

    Raises
    ------
    UserError
        When it is no export of version 2.
    """
    if account is None:
        raise UserError(
            "a GoatCounter export names no host: say which site it is of, with --account https://example.com"
        )
    root = identity(account if "://" in account else f"https://{account}")
    made = observed_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    counted = Counted(root, "goatcounter csv", made, path.name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.reader(file)
        header = next(table, [])
        # the first column carries the version: "2Path", or "2" in a column of its own
        if header[:1] == [VERSION]:
            header = header[1:]
        elif header and header[0].startswith(VERSION):
            header[0] = header[0][len(VERSION) :].lstrip(", ")
        at = {name.strip().lower(): n for n, name in enumerate(header)}
        missing = [
            name
            for name in ("path", "event", "useragent", "bot", "referrer", "firstvisit", "date")
            if name not in at
        ]
        if missing:
            raise UserError(
                f"{path.name} is no GoatCounter export of version {VERSION}: it lacks {', '.join(missing)}"
            )
        for cells in table:
            try:
                cells = cells[len(cells) - len(header) :] if len(cells) == len(header) + 1 else cells
                _row(counted, {name: cells[n] for name, n in at.items()}, table.line_num, made)
            except (ValueError, IndexError) as error:
                counted.aside(str(error), ",".join(cells)[:200], table.line_num)
    yield counted.batch()


def _row(counted: Counted, row: dict[str, str], line: int, made: datetime) -> None:
    if row["event"].strip().lower() in ("true", "1"):
        raise ValueError("an event, no page view")
    start = moment(row["date"]).replace(minute=0, second=0, microsecond=0)
    referrer = row["referrer"].strip()
    scheme = row.get("referrer scheme", "").strip().lower()
    if scheme == "c":  # a campaign: the name given in the link
        platform = of_tags(f"utm_source={referrer}") or "site"
    else:
        platform = of_referrer(
            referrer if "://" in referrer or not referrer else f"https://{referrer}", counted.own
        )
    removed = ""
    if row["bot"].strip() not in ("", "0"):
        removed = ".removed.counter"
    elif _crawler(row["useragent"]):
        removed = ".removed.crawler"
    elif is_spam(host_of(referrer)[0]):
        removed = ".removed.spam"
    first = row["firstvisit"].strip().lower() in ("true", "1")
    for metric in ("pageviews", "visits") if first else ("pageviews",):
        counted.add(
            row["path"],
            platform,
            metric + removed,
            start,
            start + HOUR,
            1,
            partial=start + HOUR > made,
            row=line,
        )


@lru_cache(maxsize=65536)
def _crawler(agent: str) -> bool:
    return bool(crawlers([agent])[0])


IMPORTS = {"csv": read_csv}
