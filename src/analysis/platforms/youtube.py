"""YouTube: the public counters of videos, fifty a request, and the uploads of a channel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, one_by_one, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch

CARD = Card(
    name="youtube",
    title="YouTube",
    purpose=("direct exposure",),
    mechanism=(
        "Recommendations and search show a video to people who did not ask for it; subscribers see it first. "
        "Old videos keep being shown."
    ),
    links=(LinkPolicy("nofollow", None, "links in descriptions and comments pass a redirector"),),
    metrics=(
        Metric(
            "views", "views", "reading", "Public view count; validated and corrected, so it may fall", "views"
        ),
        Metric("likes", "likes", "reading", "Public like count; its owner may hide it", "likes"),
        Metric(
            "comments",
            "comments",
            "reading",
            "Public comment count, missing where comments are off",
            "comments",
        ),
        Metric("upload", "acts", "event", "A video published on a watched channel", "uploads"),
    ),
    access=Access(
        (Key("api_key", "a YouTube Data API v3 key"),),
        "free up to 10,000 units a day; each request used here costs 1",
        "Create a project at https://console.cloud.google.com, switch on the YouTube Data API v3, create "
        "an API key and set VIRALITY_YOUTUBE_API_KEY.",
    ),
    limits=(Limit(10_000, 86_400, "units a day and project; each request used here costs 1"),),
    rules=(
        Rule(
            "Stored statistics are refreshed or deleted within 30 days.",
            "YouTube API Services Developer Policies",
        ),
        Rule(
            "Metrics of several channels are not added up into one.",
            "YouTube API Services Developer Policies",
        ),
    ),
    life=(LifeEvent(date(2021, 11, 10), "dislike counts became private"),),
    hosts=("youtube.com", "m.youtube.com", "youtu.be", "com.google.android.youtube"),
    retention_days=None,
    sources=("https://developers.google.com/youtube/v3/docs/videos/list",),
)

ITEM_PAGE = "https://www.youtube.com/watch?v={item}"
ASKS = frozenset({"url", "account", "item"})
BASE = "https://www.googleapis.com/youtube/v3"
OBSERVER = "youtube data api"
AT_ONCE = 50
BACK = timedelta(days=30)
COUNTERS = {"views": "viewCount", "likes": "likeCount", "comments": "commentCount"}


def video(url: str) -> str | None:
    """The id of the video a URL shows, if it shows one."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    if host == "youtu.be":
        found = parts.path.strip("/")
    elif host in ("youtube.com", "youtube-nocookie.com"):
        first, _, rest = parts.path.strip("/").partition("/")
        found = rest if first in ("shorts", "embed", "live", "v") else parse_qs(parts.query).get("v", [""])[0]
    else:
        return None
    return found if re.fullmatch(r"[\w-]{11}", found) else None


def takes(ask: Ask) -> bool:
    """Of URLs, those of videos."""
    return ask.kind != "url" or video(ask.value) is not None


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A request for every fifty videos; three or more a channel."""
    if asks:
        session.key("api_key")
    channels = sum(ask.kind == "account" for ask in asks)
    videos = len(asks) - channels
    what = tuple(f"{n} {word}" for n, word in ((videos, "videos"), (channels, "channels")) if n)
    return Plan(-(-videos // AT_ONCE) + 3 * channels, what=what)


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Counters as readings, uploads of a channel as events, videos that are no more as gone."""
    session.key("api_key")
    singles = [ask for ask in asks if ask.kind != "account"]
    for start in range(0, len(singles), AT_ONCE):
        part = singles[start : start + AT_ONCE]
        yield _videos(part, session)
        session.done(*part)
    yield from one_by_one((ask for ask in asks if ask.kind == "account"), session, _channel)


def _get(session: Session, path: str, params: dict[str, Any]) -> Any:
    # in a header, not in the URL: URLs end up in logs
    headers = {"X-Goog-Api-Key": session.key("api_key").get_secret_value()}
    base = session.option("base_url", BASE)
    return session.get_json(f"{base}/{path}", params, headers=headers, meaning=_meaning)


def _meaning(code: int, body: Any) -> Unknown | None:
    try:
        reason = body["error"]["errors"][0]["reason"]
    except (KeyError, IndexError, TypeError):
        return None
    if reason in ("quotaExceeded", "dailyLimitExceeded", "rateLimitExceeded"):
        return Unknown(
            "rate_limited", f"YouTube's quota is used up ({reason}); it is renewed at midnight, Pacific time"
        )
    return None


def _videos(asks: Sequence[Ask], session: Session) -> Batch:
    """The counters of videos, known ones or such as a watched URL shows."""
    wanted: dict[str, list[Ask]] = {}
    for ask in asks:
        wanted.setdefault(ask.value if ask.kind == "item" else video(ask.value) or "", []).append(ask)
    answer = _get(
        session, "videos", {"part": "snippet,statistics", "id": ",".join(wanted), "maxResults": AT_ONCE}
    )
    rows = Rows(CARD.name, session.now(), OBSERVER, "/videos")
    with understood("YouTube's videos"):
        items = answer["items"]
    met: set[str] = set()

    def use(item: dict[str, Any]) -> None:
        title, published = item["snippet"]["title"], moment(item["snippet"]["publishedAt"])
        for ask in wanted.get(item["id"], ()):
            if item["id"] not in met:
                _video(item, ask.content_id or "", rows)
            if ask.kind == "url":
                rows.content(ask.value, title, published)
            met.add(item["id"])

    each(items, use, rows, "a video")
    for native, missed in wanted.items():
        if native in met:
            continue
        for ask in missed:
            if ask.kind == "item":
                rows.gone(native)
            else:
                session.unknown(ask, Unknown("failed", "YouTube knows no public video of this URL"))
    return rows.batch()


def _video(item: dict[str, Any], content: str, rows: Rows) -> None:
    statistics = item["statistics"]
    values = {metric: count(statistics[name]) for metric, name in COUNTERS.items() if name in statistics}
    for metric in COUNTERS:
        if metric in values:
            rows.reading(item["id"], content, metric, values[metric])
        else:
            why = f"the owner does not show {metric}"
            rows.reading(item["id"], content, metric, None, status="suppressed", reason=why)


def _channel(ask: Ask, session: Session) -> Iterator[Batch]:
    """Uploads of a channel that are young enough to be watched, and their counters."""
    by = "id" if re.fullmatch(r"UC[\w-]{22}", ask.value) else "forHandle"
    answer = _get(session, "channels", {"part": "contentDetails", by: ask.value})
    with understood("YouTube's channels"):
        if not answer.get("items"):
            raise Unknown("failed", f"YouTube knows no channel {ask.value!r}; give its id (UC...) or @handle")
        uploads = answer["items"][0]["contentDetails"]["relatedPlaylists"]["uploads"]
    floor = ask.since or session.now() - BACK
    params = {"part": "contentDetails", "playlistId": uploads, "maxResults": AT_ONCE}
    while True:
        page = _get(session, "playlistItems", params)
        with understood("YouTube's uploads"):
            found = [item["contentDetails"]["videoId"] for item in page["items"]]
        rows = Rows(CARD.name, session.now(), ask.observer(OBSERVER), "/playlistItems")
        oldest: list[datetime] = []
        if found:
            details = _get(session, "videos", {"part": "snippet,statistics", "id": ",".join(found)})

            def use(item: dict[str, Any], rows: Rows = rows, oldest: list[datetime] = oldest) -> None:
                published = moment(item["snippet"]["publishedAt"])
                oldest.append(published)
                if published < floor:
                    return
                statistics, channel = item["statistics"], session.actor(item["snippet"]["channelId"])
                assert isinstance(statistics, dict)
                content = rows.content(
                    f"https://www.youtube.com/watch?v={item['id']}", item["snippet"]["title"], published
                )
                rows.event(item["id"], content, "upload", published, actor=channel)
                _video(item, content, rows)

            with understood("YouTube's videos"):
                items = details["items"]
            each(items, use, rows, "a video")
        yield rows.batch()
        params["pageToken"] = page.get("nextPageToken", "")
        if not params["pageToken"] or not oldest or min(oldest) < floor:
            return
