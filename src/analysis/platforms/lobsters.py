"""Lobsters: submissions and their score, from the list of the newest stories.

There is no search, so one walk down the list answers every watched URL and site together; a stopped
walk goes on at the page where it was (new stories push older ones down, so none is missed).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from analysis.platforms.card import Access, Card, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch
from analysis.urls import canonical, site

CARD = Card(
    name="lobsters",
    title="Lobsters",
    purpose=("direct exposure",),
    mechanism=(
        "Invited members submit links under tags; votes and age rank them. Small, technical, and quick to "
        "merge a second submission of a URL into the first."
    ),
    links=(LinkPolicy("ugc", None, "ugc, and sometimes noreferrer: such visits come without a referrer"),),
    metrics=(
        Metric(
            "score",
            "votes",
            "reading",
            "Upvotes minus flags, the submitter's own vote included",
            "votes",
            False,
        ),
        Metric("comments", "comments", "reading", "Comments below a story", "comments"),
        Metric("flags", "flags", "reading", "Members who flagged a story (downvotes until 2020)", "flags"),
        Metric("submission", "acts", "event", "A story submitted by a member", "submissions"),
    ),
    access=Access((), "free", "No key is needed."),
    limits=(Limit(5, 1, "IP address"), Limit(60, 60, "IP address")),
    limit_headers=("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
    rules=(
        Rule("5 requests a second and 60 a minute; 429 with RateLimit headers beyond.", "its source code"),
        Rule("utm_* parameters are taken off submitted URLs.", "its source code"),
    ),
    life=(
        LifeEvent(date(2012, 7, 3), "launched"),
        LifeEvent(date(2020, 1, 1), "downvotes became flags (year known, day not)", ("flags",)),
    ),
    hosts=("lobste.rs",),
    sources=("https://lobste.rs/about", "https://github.com/lobsters/lobsters"),
)

ITEM_PAGE = "https://lobste.rs/s/{item}"
ASKS = frozenset({"url", "site", "community", "item"})
TELLS = {"url": ("score", "comments"), "site": ("score", "comments"), "item": ("score", "comments", "flags")}
BASE = "https://lobste.rs"
OBSERVER = "lobste.rs"
STORIES_A_PAGE, STORIES_A_DAY = 25, 40
BACK = timedelta(days=30)
OVERLAP = timedelta(hours=3)
MOST_PAGES = 400


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One walk for all URLs and sites, one for each tag, one request an item not met on the way."""
    walked = [ask for ask in asks if ask.kind in ("url", "site")]
    tags = [ask for ask in asks if ask.kind == "community"]
    items = sum(ask.kind == "item" for ask in asks)
    pages = sum(_pages(part, session) for part in [walked, *([tag] for tag in tags)] if part)
    what = (f"{pages} pages of its lists", f"{items} items, less those met on the way")
    return Plan(pages + items, what=what if asks else ())


def _pages(asks: Sequence[Ask], session: Session) -> int:
    days = (session.now() - min(_floor(ask, session) for ask in asks)) / timedelta(days=1)
    return max(1, -(-round(days * STORIES_A_DAY) // STORIES_A_PAGE))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Stories as events; score, comments and flags as readings."""
    met: set[str] = set()
    together = [ask for ask in asks if ask.kind in ("url", "site")]
    if together:
        yield from _walk(together, "newest", session, met)
    for ask in asks:
        if ask.kind == "community":
            try:
                yield from _walk([ask], f"t/{ask.value}", session, met)
            except Unknown as error:
                if error.http != 404:
                    raise
                session.unknown(ask, error)
    for ask in asks:
        if ask.kind != "item":
            continue
        if ask.value not in met:
            try:
                yield _item(ask, session)
            except Unknown as error:
                if error.status != "failed":
                    raise
                session.unknown(ask, error)
                continue
        session.done(ask)


def _place(ask: Ask) -> str:
    return f"{ask.kind} {ask.value}"


def _floor(ask: Ask, session: Session) -> datetime:
    """How far down the list must be read for this ask."""
    saved = session.load(_place(ask))
    if saved:
        return moment(saved) - OVERLAP
    return ask.since or session.now() - BACK


def _walk(asks: Sequence[Ask], path: str, session: Session, met: set[str]) -> Iterator[Batch]:
    """Down a list, page by page, until it is older than anything asked for."""
    names = "\n".join(sorted(_place(ask) for ask in asks))
    key = f"walk {path}"
    mine = hashlib.sha256(names.encode()).hexdigest()[:16]
    top, page = session.now(), 1
    floor = min(_floor(ask, session) for ask in asks)
    saved = json.loads(session.load(key) or "{}")
    if saved.get("asks") == mine:
        page, top, floor = saved["page"], moment(saved["top"]), moment(saved["floor"])
    urls = {ask.value for ask in asks if ask.kind == "url"}
    sites = {ask.value for ask in asks if ask.kind == "site"}
    everything = any(ask.kind == "community" for ask in asks)
    base = session.option("base_url", BASE)
    seen: set[str] = set()
    while page <= MOST_PAGES:
        rows = Rows(CARD.name, session.now(), OBSERVER, f"/{path}/page")
        stories = session.get_json(f"{base}/{path}.json" if page == 1 else f"{base}/{path}/page/{page}.json")
        oldest: list[datetime] = []
        before = len(seen)

        def use(story: dict[str, Any], rows: Rows = rows, oldest: list[datetime] = oldest) -> None:
            if story["short_id"] in seen:
                return
            created = moment(story["created_at"])
            address = _address(story)
            host = site(address)
            if everything or address in urls or any(host == s or host.endswith("." + s) for s in sites):
                _story(story, created, address, rows, session)
                met.add(story["short_id"])
            seen.add(story["short_id"])
            oldest.append(created)

        each(stories, use, rows, f"a story of /{path}")
        yield rows.batch()
        page += 1
        state = {"asks": mine, "page": page, "top": top.isoformat(), "floor": floor.isoformat()}
        session.save(key, json.dumps(state))
        if len(seen) == before or min(oldest) < floor:
            break
    session.save(key, "{}")
    for ask in asks:
        session.save(_place(ask), top.isoformat())
    session.done(*asks)


def _address(story: dict[str, Any]) -> str:
    """What the story is about: its link, or for a text its own page."""
    return canonical(story["url"] or story.get("comments_url") or f"{BASE}/s/{story['short_id']}")


def _story(story: dict[str, Any], created: datetime, address: str, rows: Rows, session: Session) -> None:
    native = str(story["short_id"])
    numbers = _numbers(story)
    submitter = story["submitter_user"]
    # an object until about 2024, a name since
    name = submitter["username"] if isinstance(submitter, dict) else str(submitter)
    tags = story.get("tags") or []
    content = rows.content(address, story["title"])
    rows.event(
        native, content, "submission", created, actor=session.actor(name), community=",".join(tags) or None
    )
    for metric, value in numbers.items():
        rows.reading(native, content, metric, value)


def _numbers(story: dict[str, Any]) -> dict[str, float]:
    flags = story["flags"] if "flags" in story else story["downvotes"]
    return {"score": count(story["score"]), "comments": count(story["comment_count"]), "flags": count(flags)}


def _item(ask: Ask, session: Session) -> Batch:
    rows = Rows(CARD.name, session.now(), OBSERVER, "/s")
    assert ask.content_id is not None
    try:
        story = session.get_json(f"{session.option('base_url', BASE)}/s/{ask.value}.json")
    except Unknown as error:
        if error.http not in (404, 410):
            raise
        rows.gone(ask.value)
        return rows.batch()
    with understood("a story"):
        numbers = _numbers(story)
    for metric, value in numbers.items():
        rows.reading(ask.value, ask.content_id, metric, value)
    return rows.batch()
