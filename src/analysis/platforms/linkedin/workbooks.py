"""LinkedIn's exports: the creator analytics workbook, and what a company page's admin downloads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.platforms.exports import (
    bin_of,
    counter,
    csv_rows,
    in_batches,
    number,
    numeric_date,
    plain,
    read_text,
    rows_of,
)
from analysis.platforms.rows import Rows
from analysis.tables import Batch

PLATFORM = "linkedin"
ROOT = "https://www.linkedin.com/"
_KINDS = ("impressions", "unique impressions", "clicks", "reactions", "comments", "reposts")
COLUMNS = {
    "date": "date",
    "post url": "link",
    "post link": "link",
    "post publish date": "created",
    "created date": "created",
    "impressions": "impressions",
    "engagements": "engagements",
    "clicks": "clicks",
    "likes": "reactions",
    "reactions": "reactions",
    "comments": "comments",
    "reposts": "reposts",
    "shares": "reposts",
    "views": "views",
    "follows": "follows",
    "new followers": "new_followers",
    "organic followers": "new_followers_organic",
    "sponsored followers": "new_followers_sponsored",
    "auto-invited followers": "new_followers_invited",
    "total followers": "new_followers",
    "total page views (total)": "page_views",
    "total unique visitors (total)": "unique_visitors",
    **{f"{kind} (total)": kind.replace(" ", "_") for kind in _KINDS},
    **{
        f"{kind} ({part})": f"{kind.replace(' ', '_')}_{part}"
        for kind in _KINDS
        for part in ("organic", "sponsored")
    },
    "shares (total)": "reposts",
    "shares (organic)": "reposts_organic",
    "shares (sponsored)": "reposts_sponsored",
}
_ACTIVITY = re.compile(r"(?:activity|share|ugcPost)[-:](\d+)")
_PERIOD = re.compile(r"\s*(\S+)\s*[-–—]\s*(\S+)\s*")
_FOLLOWERS_ON = re.compile(r"total followers on\s+([\d/.\-]+)", re.IGNORECASE)
_DISCOVERY = {"impressions": "period_impressions", "members reached": "period_members_reached"}
Sheet = list[list[Any]]


def creator(path: Path, observed_at: datetime | None = None, account: str | None = None) -> Iterator[Batch]:
    """Intervals and readings from the creator analytics workbook (XLSX).

    ENGAGEMENT and FOLLOWERS: impressions, engagements and new followers of each day. FOLLOWERS, first
    row: the followers' total as a reading of the day it names. DISCOVERY and TOP POSTS: counts over
    the export's whole period, as one interval each, not spread. DEMOGRAPHICS: each share of the
    followers as a reading, "< 1%" as suppressed. Days are UTC days; the account's own counts stand on
    ``account``, the profile's URL (else on linkedin.com's root).
    """
    rows = rows_of(PLATFORM, path, observed_at, "linkedin creator", "creator")
    book = {name.strip().casefold(): sheet for name, sheet in _sheets(path).items()}
    if not book.keys() & {"engagement", "followers", "discovery", "top posts"}:
        raise UserError(
            f"{path.name} is no creator analytics workbook: expected the sheets DISCOVERY, ENGAGEMENT, "
            f"TOP POSTS, FOLLOWERS, found {', '.join(_sheets(path)) or 'none'}; for a company page's export "
            "the format is page"
        )
    yield from in_batches(rows, _creator(rows, book, account or ROOT))


def page(path: Path, observed_at: datetime | None = None, account: str | None = None) -> Iterator[Batch]:
    """Intervals and readings from a company page's export: content, followers or visitors (XLSX, XLS, CSV).

    Sheets by day (Metrics, New followers, Visitor metrics) give intervals of that UTC day on
    ``account``, the page's URL (else linkedin.com's root); All posts gives readings (post_...) of each
    post. Rates are left out, the titles too: they are words of posts.
    """
    rows = rows_of(PLATFORM, path, observed_at, "linkedin page", "page")
    tables = [(sheet, *head) for sheet in _sheets(path).values() if (head := _header(sheet)) is not None]
    if not tables:
        raise UserError(
            f"{path.name} is no export of a LinkedIn page: expected a sheet with a column Date or Post link "
            "and counts; the creator workbook is the format creator"
        )

    def steps() -> Iterator[None]:
        for sheet, place, names in tables:
            yield from _daily_or_posts(rows, sheet, place, names, account or ROOT)

    yield from in_batches(rows, steps())


def _sheets(path: Path) -> dict[str, Sheet]:
    """Every sheet as rows of cells, from XLSX, the older XLS, or CSV."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; check the path") from error
    try:
        if start.startswith(b"PK"):
            import openpyxl

            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            found = {s.title: [list(row) for row in s.iter_rows(values_only=True)] for s in book.worksheets}
            book.close()
            return found
        if start.startswith(b"\xd0\xcf\x11\xe0"):
            import xlrd

            old = xlrd.open_workbook(path)
            return {s.name: [s.row_values(i) for i in range(s.nrows)] for s in old.sheets()}
    except UserError:
        raise
    except Exception as error:  # zip, xml and record faults of both readers
        raise UserError(
            f"{path.name} is a damaged workbook ({type(error).__name__}: {error}); download it again"
        ) from error
    return {"csv": [cells for _, cells in csv_rows(read_text(path)) if not isinstance(cells, str)]}


def _header(sheet: Sheet) -> tuple[int, list[str | None]] | None:
    """Where the header stands among the first rows, and what each of its columns means."""
    for place, cells in enumerate(sheet[:6]):
        names = [COLUMNS.get(plain(str(cell))) if cell is not None else None for cell in cells]
        if ("date" in names or "link" in names) and len({n for n in names if n}) >= 2:
            return place, names
    return None


def _date(cell: Any) -> datetime:
    if isinstance(cell, datetime):
        return cell.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)
    return numeric_date(str(cell)).replace(tzinfo=UTC)


def _value(cell: Any) -> float | None:
    if isinstance(cell, bool):
        raise ValueError(f"{cell!r} is no number")
    return float(cell) if isinstance(cell, int | float) else number(str("" if cell is None else cell))


def _each(rows: Rows, sheet: Sheet, first: int, use: Callable[[list[Any]], None]) -> Iterator[None]:
    for place, cells in enumerate(sheet[first:], first + 1):
        if any(cell not in (None, "") for cell in cells):
            rows.begin()
            try:
                use(cells)
            except ValueError as error:
                rows.aside(str(error), "", place)
            yield


def _daily_or_posts(
    rows: Rows, sheet: Sheet, place: int, names: list[str | None], account: str
) -> Iterator[None]:
    by_day = "link" not in names
    content = rows.content(account) if by_day else ""

    def use(cells: list[Any]) -> None:
        found = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        values = {n: _value(c) for n, c in found.items() if n not in ("date", "link", "created")}
        if by_day:
            day = _date(found.get("date"))
            for metric, value in values.items():
                bin_of(rows, content, metric, day, value)
            return
        made = _date(found["created"]) if found.get("created") else rows.observed_at
        item, key = _post(rows, found.get("link"))
        for metric, value in values.items():
            counter(rows, item, key, f"post_{metric}", value, made)

    yield from _each(rows, sheet, place + 1, use)


def _post(rows: Rows, cell: Any) -> tuple[str, str]:
    link = str(cell or "").strip()
    content = rows.content(link)
    found = _ACTIVITY.search(link)
    return (found.group(1) if found else content), content


def _creator(rows: Rows, book: dict[str, Sheet], account: str) -> Iterator[None]:
    content = rows.content(account)
    period: tuple[datetime, timedelta] | None = None
    days: list[datetime] = []

    def by_day(cells: list[Any], names: list[str | None]) -> None:
        found = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        day = _date(found.pop("date"))
        values = {name: _value(cell) for name, cell in found.items()}
        days.append(day)
        for metric, value in values.items():
            bin_of(rows, content, metric, day, value)

    followers = book.get("followers") or [[]]
    made = _FOLLOWERS_ON.match(str(followers[0][0] if followers[0] else ""))
    if made:
        # the workbook dates itself: everything in it was known at the end of that day
        rows.observed_at = numeric_date(made.group(1)).replace(tzinfo=UTC) + timedelta(days=1)
        rows.begin()
        counter(rows, content, content, "followers", _value(followers[0][1]), rows.observed_at)
    for name in ("engagement", "followers"):
        head = _header(book.get(name, []))
        if head:
            names = head[1]
            yield from _each(rows, book[name], head[0] + 1, lambda cells, names=names: by_day(cells, names))  # type: ignore[misc]
    discovery = book.get("discovery") or [[]]
    spans = [m for cell in discovery[0] if cell and (m := _PERIOD.fullmatch(str(cell)))]
    if spans:
        first, last = (_date(part) for part in spans[0].groups())
        period = first, last - first + timedelta(days=1)
    elif days:
        period = min(days), max(days) - min(days) + timedelta(days=1)

    def overall(cells: list[Any]) -> None:
        metric = _DISCOVERY.get(plain(str(cells[0])))
        if metric and period:
            bin_of(rows, content, metric, period[0], _value(cells[1] if len(cells) > 1 else None), period[1])

    yield from _each(rows, discovery, 1, overall)
    yield from _top_posts(rows, book.get("top posts", []), period)
    yield from _each(rows, book.get("demographics", []), 1, lambda cells: _share(rows, cells, content))


def _top_posts(rows: Rows, sheet: Sheet, period: tuple[datetime, timedelta] | None) -> Iterator[None]:
    """Two lists side by side, by engagements and by impressions, each with its own link."""
    head = _header(sheet)
    if head is None:
        return
    starts = [i for i, name in enumerate(head[1]) if name == "link"]

    def use(cells: list[Any]) -> None:
        for at in starts:
            part = dict(zip(head[1][at : at + 3], cells[at : at + 3], strict=False))
            if not part.get("link"):
                continue
            if period is None:
                raise ValueError("the workbook does not say which period its top posts are counted over")
            _, key = _post(rows, part["link"])
            for metric in ("engagements", "impressions"):
                if metric in part:
                    bin_of(rows, key, f"period_post_{metric}", period[0], _value(part[metric]), period[1])

    yield from _each(rows, sheet, head[0] + 1, use)


def _share(rows: Rows, cells: list[Any], content: str) -> None:
    kind, name, share = (*cells, None, None, None)[:3]
    if not kind or not name:
        raise ValueError("a share of followers without its name")
    item = f"{kind}: {name}"
    if str(share).strip().startswith("<"):
        reason = f"LinkedIn says {share}"
        rows.reading(item, content, "follower_share", None, status="suppressed", reason=reason)
    else:
        counter(rows, item, content, "follower_share", _value(share), rows.observed_at)
