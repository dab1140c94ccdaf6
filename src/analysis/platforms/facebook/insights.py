"""What a page's owner exports: Business Suite content and Page Insights, by post, by day, in any language."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from analysis.platforms.exports import (
    Line,
    bin_of,
    counter,
    csv_rows,
    day_first,
    in_batches,
    number,
    numeric_date,
    plain,
    read_text,
    rows_of,
    table,
)
from analysis.platforms.rows import Rows
from analysis.tables import Batch

PLATFORM = "facebook"
POST_METRICS = (
    "reach", "impressions", "views", "viewers", "engagements", "reactions", "comments", "shares", "clicks",
    "link_clicks", "other_clicks", "engaged_users",
)  # fmt: skip
PAGE_DAILY = (
    "page_new_likes", "page_unlikes", "page_engaged_users", "page_reach", "page_impressions", "page_views",
    "page_follows",
)  # fmt: skip
PAGE_STANDING = ("page_likes", "page_followers")
PACIFIC = "America/Los_Angeles"
LIFETIME = frozenset(
    {"", "lifetime", "livstid", "gesamte laufzeit", "laufzeit", "à vie", "durée de vie", "total",
     "permanente", "de por vida", "vida útil", "a vita", "levensduur"}
)  # fmt: skip
ROOT = "https://www.facebook.com/"
_ID = re.compile(r"\d+(_\d+)?")


@cache
def aliases() -> dict[str, str]:
    """Column name, as ``plain`` makes it, to what it means: headers.toml turned round."""
    table_ = tomllib.loads(files(__package__).joinpath("headers.toml").read_text(encoding="utf-8"))
    return {plain(name): meaning for meaning, names in table_.items() for name in names}


def posts(
    path: Path, observed_at: datetime | None = None, zone: str = PACIFIC, account: str | None = None
) -> Iterator[Batch]:
    """Readings of own posts and intervals of days from a Business Suite or Page Insights CSV.

    By post: its counters as of the day of the export, for the item of that id. Where the Date column
    holds days instead of "Lifetime", the same columns are daily intervals (daily_...) on the post's
    content. By day of a page: intervals page_... on the page's own URL
    (``account``; else facebook.com's root), and the page's standing
    (page_likes, page_followers) as readings of that day. Headers may be in any language of
    headers.toml; a second header row of descriptions is skipped; an empty cell is unknown.

    ``zone`` is where Facebook's clock stands: Pacific time, unless the export says otherwise. Month
    and day are taken in that order unless a date of the file can only be read the other way.
    """
    text = read_text(path)
    rows = rows_of(PLATFORM, path, observed_at, "facebook insights", "insights")
    by_post = any(
        "id" in {aliases().get(plain(cell)) for cell in cells}
        for _, (_, cells) in zip(range(10), csv_rows(text), strict=False)
        if not isinstance(cells, str)
    )
    needed = ("id", "publish_time") if by_post else ("date",)
    lines = list(table(path, aliases(), needed, "Facebook export", rows.lost, text=text))
    lines = [line for line in lines if not _describes(line, by_post)]
    dates = [line.get(name) for line in lines for name in ("publish_time", "date")]
    step = _post if by_post else _page_day
    order, clock, page = day_first(dates), ZoneInfo(zone), account or ROOT

    def steps() -> Iterator[None]:
        for line in lines:
            rows.begin()
            try:
                step(rows, line, order, clock, page)
            except ValueError as error:
                rows.aside(str(error), line.get("id") or line.get("date"), line.number)
            yield

    yield from in_batches(rows, steps())


def _describes(line: Line, by_post: bool) -> bool:
    """Whether this is the second header row, which says in words what each column means."""
    empty = not line.get("id") if by_post else not line.get("date")
    numbers = [v for name, v in line.cells.items() if name in POST_METRICS + PAGE_DAILY + PAGE_STANDING]
    return empty and any(any(c.isalpha() for c in v) for v in numbers)


def _utc(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(UTC)


def _day(text: str, day: bool, zone: ZoneInfo) -> tuple[datetime, timedelta]:
    local = numeric_date(text, first_is_day=day).replace(hour=0, minute=0, second=0)
    start = _utc(local, zone)
    return start, _utc(local + timedelta(days=1), zone) - start


def _post(rows: Rows, line: Line, day: bool, zone: ZoneInfo, account: str) -> None:
    native = line["id"].strip("'\"")
    if not _ID.fullmatch(native):
        raise ValueError(f"{native!r} is no post id (a spreadsheet rounds them: import the original)")
    published = _utc(numeric_date(line["publish_time"], first_is_day=day), zone)
    values = {name: number(line[name]) for name in POST_METRICS if name in line.cells}
    lifetime = line.get("date").casefold() in LIFETIME
    when = None if lifetime else _day(line["date"], day, zone)
    content = rows.content(
        line.get("permalink") or f"https://www.facebook.com/{native}", published_at=published
    )
    for metric, value in values.items():
        if when is None:
            counter(rows, native, content, metric, value, published)
        else:
            bin_of(rows, content, f"daily_{metric}", when[0], value, when[1])


def _page_day(rows: Rows, line: Line, day: bool, zone: ZoneInfo, account: str) -> None:
    start, span = _day(line["date"], day, zone)
    values = {name: number(v) for name, v in line.cells.items() if name in PAGE_DAILY + PAGE_STANDING}
    if not values:
        raise ValueError("no column of this export is a count that is known here")
    content = rows.content(account)
    for metric, value in values.items():
        if metric in PAGE_DAILY:
            bin_of(rows, content, metric, start, value, span)
        else:
            over = start + span <= rows.observed_at
            counter(rows, content, content, metric, value, start, start + span if over else None)
