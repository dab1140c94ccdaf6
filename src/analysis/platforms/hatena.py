"""Hatena Bookmark: who bookmarked a URL and when, to the minute, in Japanese time.

Counts come for fifty URLs a request; the bookmarks themselves are asked for only where the count has
changed. Matching is literal, so a URL is asked for as the watchlist spells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

from analysis.platforms.card import Access, Card, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, understood
from analysis.platforms.rows import Rows, count
from analysis.tables import Batch

CARD = Card(
    name="hatena",
    title="Hatena Bookmark",
    purpose=("links", "direct exposure", "bookmarks"),
    mechanism=(
        "Members bookmark a page with tags and a comment; many bookmarks in a short time put it on the hot "
        "entries of Hatena's front page, Japan's largest."
    ),
    links=(LinkPolicy("unknown", None, "entry pages link to the bookmarked page; the rel is unconfirmed"),),
    metrics=(
        Metric(
            "bookmarks",
            "bookmarks",
            "reading",
            "Bookmarks of exactly this URL, private ones included; http and https are two entries",
            "bookmarks",
        ),
        Metric(
            "bookmark",
            "acts",
            "event",
            "A public bookmark, dated to the minute; its member may take it back",
            "bookmarks",
        ),
    ),
    access=Access((), "free", "No key is needed; a User-Agent is."),
    limits=(Limit(2, 1, "courtesy: none is published"),),
    rules=(
        Rule("Send a User-Agent; at most 50 URLs a request for counts.", "Hatena developer documentation"),
    ),
    life=(
        LifeEvent(date(2005, 2, 10), "launched"),
        LifeEvent(date(2020, 3, 4), "the count of a whole site was withdrawn"),
    ),
    hosts=("b.hatena.ne.jp", "hatena.ne.jp"),
    sources=(
        "https://developer.hatena.ne.jp/ja/documents/bookmark/apis/getinfo",
        "https://developer.hatena.ne.jp/ja/documents/bookmark/apis/getcount",
    ),
)

ASKS = frozenset({"url"})
ENTRIES, COUNTS = "https://b.hatena.ne.jp", "https://bookmark.hatenaapis.com"
OBSERVER = "b.hatena.ne.jp"
JAPAN = timezone(timedelta(hours=9))  # no summer time since 1951
AT_ONCE = 50


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A request for every fifty URLs, and one for each whose count has changed."""
    batches = -(-len(asks) // AT_ONCE)
    return Plan(
        batches, what=(f"counts of {len(asks)} URLs; one request more for each that changed",) if asks else ()
    )


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Bookmarks as events, their count as a reading of the URL."""
    for start in range(0, len(asks), AT_ONCE):
        yield from _some(asks[start : start + AT_ONCE], session)


def _some(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    base = session.option("counts_url", COUNTS)
    answer = session.get_json(f"{base}/count/entries", {"url": [_spelling(ask) for ask in asks]})
    rows = Rows(CARD.name, session.now(), OBSERVER, "/count/entries")
    counts: dict[Ask, float] = {}
    if not isinstance(answer, dict):
        raise Unknown("failed", f"Hatena's counts have changed their schema: {type(answer).__name__}")
    for ask in asks:
        try:
            with understood("Hatena's count of a URL"):
                counts[ask] = count(answer[_spelling(ask)])
        except Unknown as error:
            session.unknown(ask, error)
    for ask, value in counts.items():
        assert ask.content_id is not None
        rows.content(ask.value)
        rows.reading(ask.content_id, ask.content_id, "bookmarks", value)
    yield rows.batch()
    for ask, value in counts.items():
        place = f"count {ask.content_id}"
        if value > 0 and session.load(place) != str(value):
            try:
                yield _entry(ask, session)
            except Unknown as error:
                if error.status != "failed":
                    raise
                session.unknown(ask, error)
                continue
        session.save(place, str(value))
        session.done(ask)


def _spelling(ask: Ask) -> str:
    return ask.url or ask.value


def _entry(ask: Ask, session: Session) -> Batch:
    base = session.option("entries_url", ENTRIES)
    entry = session.get_json(f"{base}/entry/jsonlite/", {"url": _spelling(ask)})
    rows = Rows(CARD.name, session.now(), OBSERVER, "/entry/jsonlite")
    if entry is None:  # all its bookmarks are private
        return rows.batch()
    assert ask.content_id is not None
    with understood("Hatena's entry"):
        rows.content(ask.value, entry.get("title"))
        native, bookmarks = str(entry["eid"]), entry["bookmarks"]

    def use(bookmark: dict[str, Any]) -> None:
        when = japanese(bookmark["timestamp"])
        actor = session.actor(bookmark["user"])
        # an entry and a member make a bookmark; the member only as a hash
        rows.event(f"{native}-{actor}", ask.content_id or "", "bookmark", when, actor=actor)

    each(bookmarks, use, rows, "a bookmark of Hatena's entry")
    return rows.batch()


def japanese(text: str) -> datetime:
    """Hatena's local time, "2026/11/01 09:30", as a moment."""
    form = "%Y/%m/%d %H:%M:%S" if text.count(":") == 2 else "%Y/%m/%d %H:%M"
    return datetime.strptime(text, form).replace(tzinfo=JAPAN)
