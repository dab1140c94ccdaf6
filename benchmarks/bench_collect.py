"""A collect of 1,000 watched URLs over eight loopback platforms: requests made beside requests needed.

Limits off: what a collect costs by itself. Limits on: time passes only when the collector waits, and
the server dates each request by that time, so that the fullest window of every limit can be counted.

    python -m benchmarks.bench_collect
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from analysis.collect import collect
from analysis.collect.watchlist import Watchlist
from analysis.platforms import modules
from analysis.platforms.card import Limit
from analysis.platforms.pace import Clock
from analysis.store import Store

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures" / "collect.md"
PLAIN, ARTICLES, VIDEOS = 800, 100, 100
STORIES, PAGE = 1200, 25
URLS = (
    *(f"https://example.com/article-{n}" for n in range(PLAIN)),
    *(f"https://en.wikipedia.org/wiki/Article_{n}" for n in range(ARTICLES)),
    *(f"https://www.youtube.com/watch?v=v{n:010d}" for n in range(VIDEOS)),
)
PLATFORMS = ("facebook", "hackernews", "hatena", "lemmy", "lobsters", "reddit", "wikipedia", "youtube")
# what the platforms' own batching makes unavoidable: one URL, fifty URLs, a page of a list a request
NEEDED = {
    "facebook": len(URLS) // 50,
    "hackernews": len(URLS),
    "hatena": len(URLS) // 50 + len(URLS) // 10,
    "lemmy": len(URLS),
    "lobsters": STORIES // PAGE,
    "reddit": 1 + len(URLS),
    "wikipedia": ARTICLES,
    "youtube": VIDEOS // 50,
}
HOSTS = {
    "facebook": ("base_url",), "hackernews": ("search_url",), "hatena": ("counts_url", "entries_url"),
    "lemmy": ("instance",), "lobsters": ("base_url",), "reddit": ("oauth_url", "reddit_url"),
    "wikipedia": ("base_url",), "youtube": ("base_url",),
}  # fmt: skip
KEYS = ("FACEBOOK_ACCESS_TOKEN", "REDDIT_CLIENT_ID", "REDDIT_CLIENT_SECRET", "YOUTUBE_API_KEY")


class Still(Clock):
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        """The moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.moment += timedelta(seconds=seconds)


def bookmarked(url: str) -> bool:
    """Every tenth URL has a bookmark and a submission."""
    return url in URLS and URLS.index(url) % 10 == 0


def answer(platform: str, path: str, query: dict[str, list[str]], now: datetime) -> Any:
    """What the made-up platform answers."""
    if platform == "hackernews":
        return {"hits": [], "nbHits": 0, "hitsPerPage": 1000}
    if platform == "facebook":
        counts = dict.fromkeys(("reaction_count", "comment_count", "share_count", "comment_plugin_count"), 3)
        urls = query["ids"][0].split(",") if "ids" in query else query["id"]
        return {url: {"engagement": counts, "id": url} for url in urls}
    if platform == "hatena":
        if path == "/count/entries":
            return {url: int(bookmarked(url)) for url in query["url"]}
        stamp = f"{now:%Y/%m/%d %H:%M}"
        return {"eid": path + query["url"][0], "title": "t", "bookmarks": [{"timestamp": stamp, "user": "u"}]}
    if platform == "lemmy":
        return {"posts": []}
    if platform == "wikipedia":
        days = [now - timedelta(days=n) for n in range(1, 61)]
        return {"items": [{"timestamp": f"{d:%Y%m%d}00", "granularity": "daily", "views": 9} for d in days]}
    if platform == "youtube":
        snippet = {"title": "t", "publishedAt": "2026-10-01T00:00:00Z", "channelId": "c"}
        numbers = {"viewCount": "1", "likeCount": "1", "commentCount": "1"}
        return {
            "items": [{"id": v, "snippet": snippet, "statistics": numbers} for v in query["id"][0].split(",")]
        }
    if platform == "lobsters":
        last = path.rpartition("/")[2].removesuffix(".json")
        start = (int(last) - 1 if last.isdigit() else 0) * PAGE
        return [story(n, now) for n in range(start, min(start + PAGE, STORIES))]
    if path.endswith("access_token"):
        return {"access_token": "t", "token_type": "bearer", "expires_in": 86400, "scope": "*"}
    url = query["url"][0]
    found = [{"kind": "t3", "data": submission(url, now)}] if bookmarked(url) else []
    return {"kind": "Listing", "data": {"children": found, "after": None, "before": None}}


def story(number: int, now: datetime) -> dict[str, Any]:
    """A made-up story; the last one is just older than thirty days."""
    return {
        "short_id": f"s{number}", "title": "t", "url": f"https://example.com/article-{number * 7}",
        "created_at": (now - timedelta(days=30.5) * number / (STORIES - 1)).isoformat(), "flags": 0,
        "score": 1, "comment_count": 0, "submitter_user": "u", "tags": ["a"],
    }  # fmt: skip


def submission(url: str, now: datetime) -> dict[str, Any]:
    """A made-up submission."""
    return {
        "id": f"r{URLS.index(url)}", "url": url, "title": "t", "author": "u", "subreddit": "s", "score": 1,
        "num_comments": 0, "created_utc": now.timestamp(), "num_duplicates": 0, "removed_by_category": None,
    }  # fmt: skip


@contextmanager
def platforms(clock: Clock) -> Iterator[dict[str, list[float]]]:
    """Eight made-up platforms; gives when each was asked, by the clock."""
    asked: dict[str, list[float]] = defaultdict(list)

    def server(platform: str) -> ThreadingHTTPServer:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                asked[platform].append(clock.now().timestamp())
                body = json.dumps(answer(platform, parts.path, parse_qs(parts.query), clock.now())).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name the server looks for

            def log_message(self, *_: Any) -> None: ...

        found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        for host in HOSTS[platform]:
            os.environ[f"VIRALITY_{platform}_{host}".upper()] = f"http://127.0.0.1:{found.server_port}"
        return found

    servers = [server(platform) for platform in PLATFORMS]
    try:
        yield asked
    finally:
        for each in servers:
            each.shutdown()
            each.server_close()


def fullest(times: list[float], limit: Limit) -> int:
    """The most requests in any window of the limit's length."""
    most, start = 0, 0
    ordered = sorted(times)
    for end, moment in enumerate(ordered):
        while ordered[start] <= moment - limit.seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


def main() -> None:
    """Measure, print, and write docs/figures/collect.md."""
    for name in KEYS:
        os.environ[f"VIRALITY_{name}"] = "made-up"
    os.environ["VIRALITY_CONTACT"] = "benchmark@example.com"
    watchlist = Watchlist(urls=URLS, platforms=PLATFORMS)
    rows, windows = [], []
    with tempfile.TemporaryDirectory() as place:
        os.environ["VIRALITY_STATE"] = f"{place}/state"
        with platforms(Clock()) as asked:
            begun = time.perf_counter()
            outcomes = collect(watchlist, Store.open(f"{place}/off"), limits=False)
            seconds = time.perf_counter() - begun
            for out in outcomes:
                made, needed = len(asked[out.platform]), NEEDED[out.platform]
                if made != out.requests or out.unknown:
                    sys.exit(
                        f"{out.platform}: {made} requests seen, {out.requests} told; unknown {out.unknown}"
                    )
                rows.append(
                    (modules()[out.platform].CARD.title, out.total, made, needed, sum(out.new.values()))
                )
        for platform in PLATFORMS:
            clock = Still()
            with platforms(clock) as asked:
                started = clock.now()
                only = collect(
                    watchlist, Store.open(f"{place}/on"), only=(platform,), clock=clock, patience=7200
                )
            waited = (clock.now() - started).total_seconds()
            for limit in modules()[platform].CARD.limits:
                most = fullest(asked[platform], limit)
                windows.append((only[0], limit, most, waited))
                if most > limit.requests or only[0].unknown:
                    sys.exit(f"{platform}: {most} requests in {limit.seconds} s, allowed {limit.requests}")
    text = page(rows, seconds, windows)
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(text, encoding="utf-8")
    print(text)


def page(rows: list[tuple[Any, ...]], seconds: float, windows: list[tuple[Any, ...]]) -> str:
    """The figures as Markdown."""
    total = [sum(row[i] for row in rows) for i in range(1, 5)]
    lines = [
        "# A collect of 1,000 watched URLs over eight loopback platforms",
        "",
        f"One run, {os.cpu_count()} cores shared with the servers, Python {sys.version.split()[0]}, "
        f"{datetime.now(UTC):%Y-%m-%d}. Requests needed: what the platforms' own batching makes unavoidable.",
        "",
        "| platform | asks | requests made | requests needed | ratio | new rows |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, asks, made, needed, new in [*rows, ("all", *total)]:
        lines.append(f"| {name} | {asks:,} | {made:,} | {needed:,} | {made / needed:.2f} | {new:,} |")
    rate = total[1] / seconds
    lines += ["", f"Limits off: {seconds:.1f} s in all, {rate:,.0f} requests a second.", ""]
    lines += ["With limits on, in time that passes only by waiting:", ""]
    lines += [
        "| platform | limit | fullest window | waited in all, s |",
        "| --- | --- | ---: | ---: |",
    ]
    for out, limit, most, waited in windows:
        allowed = f"{limit.requests:,} in {limit.seconds:,.0f} s"
        title = modules()[out.platform].CARD.title
        lines.append(f"| {title} | {allowed} | {most:,} | {waited:,.0f} |")
    lines += ["", "No window was exceeded."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
