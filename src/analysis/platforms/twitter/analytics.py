"""Twitter/X analytics as CSV: by post or by day, as the old and the new site write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from analysis.platforms.exports import (
    bin_of,
    counter,
    csv_rows,
    date_in,
    in_batches,
    number,
    plain,
    read_text,
    rows_of,
    table,
)
from analysis.platforms.rows import Rows
from analysis.platforms.twitter.archive import PLATFORM, permalink
from analysis.tables import Batch

METRICS = {
    "impressions": "impressions",
    "engagements": "engagements",
    "likes": "likes",
    "retweets": "retweets",
    "reposts": "retweets",
    "replies": "replies",
    "quotes": "quotes",
    "bookmarks": "bookmarks",
    "shares": "shares",
    "url clicks": "url_clicks",
    "user profile clicks": "profile_visits",
    "profile visits": "profile_visits",
    "follows": "follows",
    "new follows": "follows",
    "unfollows": "unfollows",
    "tweets published": "posts",
    "create post": "posts",
    "media views": "media_views",
    "video views": "video_views",
}
COLUMNS = METRICS | {
    "tweet id": "id",
    "post id": "id",
    "time": "time",
    "date": "time",
    "tweet permalink": "link",
    "post link": "link",
}
BY_POST = frozenset(METRICS.values()) - {"unfollows", "posts", "media_views", "video_views"}
TIMES = ("%Y-%m-%d %H:%M %z", "%Y-%m-%d %H:%M:%S %z", "%a, %b %d, %Y", "%Y-%m-%d", "%b %d, %Y", "%m/%d/%Y")
ACCOUNT = "https://x.com/"


def analytics(path: Path, observed_at: datetime | None = None, account: str | None = None) -> Iterator[Batch]:
    """Readings of own posts, or daily intervals of the account, by the columns the file has.

    By post: every metric the card defines, for the item of that id, as of the day the export was made;
    ratios and promoted columns are left out. By day: intervals account_<metric> of that UTC day, on
    the profile's URL (``account``; else x.com's root), partial when the export was made before the day
    was over. An empty cell or "-" is unknown, not 0.
    """
    text = read_text(path)
    rows = rows_of(PLATFORM, path, observed_at, "twitter analytics", "analytics")
    by_post = any(
        "id" in {COLUMNS.get(plain(cell)) for cell in cells}
        for _, (_, cells) in zip(range(3), csv_rows(text), strict=False)
    )
    steps = _posts(rows, path, text) if by_post else _days(rows, path, text, account or ACCOUNT)
    yield from in_batches(rows, steps)


def _posts(rows: Rows, path: Path, text: str) -> Iterator[None]:
    for line in table(path, COLUMNS, ("id", "time"), "Twitter analytics export", rows.lost, text=text):
        rows.begin()
        try:
            native = line["id"].strip("'\"")
            if not native.isdigit():
                raise ValueError(f"{native!r} is no post id (a spreadsheet rounds them: import the original)")
            at = date_in(line["time"], *TIMES)
            values = {m: number(v) for m, v in line.cells.items() if m in BY_POST}
            content = rows.content(permalink(native), published_at=at if ":" in line["time"] else None)
            for metric, value in values.items():
                counter(rows, native, content, metric, value, at)
        except ValueError as error:
            rows.aside(str(error), line["id"], line.number)
        yield


def _days(rows: Rows, path: Path, text: str, account: str) -> Iterator[None]:
    content = None
    for line in table(
        path, COLUMNS, ("time", "impressions"), "Twitter analytics export", rows.lost, text=text
    ):
        rows.begin()
        try:
            day = date_in(line["time"], *TIMES)
            values = {m: number(v) for m, v in line.cells.items() if m in METRICS.values()}
            content = content or rows.content(account)
            for metric, value in values.items():
                bin_of(rows, content, f"account_{metric}", day, value)
        except ValueError as error:
            rows.aside(str(error), line["time"], line.number)
        yield
