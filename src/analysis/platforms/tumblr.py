"""Tumblr: posts under a tag or on a blog of one's own, and their notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, each, one_by_one, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch
from analysis.urls import canonical, site

CARD = Card(
    name="tumblr",
    title="Tumblr",
    purpose=("networking", "direct exposure"),
    mechanism="Followers see a post and reblog it to theirs; tags and search bring strangers, for years.",
    links=(
        LinkPolicy("unknown", None, "links pass a redirector (href.li, t.umblr.com); the rel is unconfirmed"),
    ),
    metrics=(
        Metric(
            "notes",
            "notes",
            "reading",
            "Likes, reblogs and replies of a post and its reblogs together",
            "notes",
        ),
        Metric("post", "acts", "event", "A post under a watched tag or on a watched blog", "posts"),
    ),
    access=Access(
        (Key("api_key", "an OAuth consumer key"),),
        "free",
        "Register an application at https://www.tumblr.com/oauth/apps and set VIRALITY_TUMBLR_API_KEY to its "
        "OAuth consumer key.",
    ),
    limits=(Limit(1000, 3600, "consumer key"),),
    limit_headers=("x-ratelimit-perhour-remaining", "x-ratelimit-perday-remaining"),
    rules=(
        Rule(
            "What was deleted there is deleted here within a reasonable time.", "Tumblr API License Agreement"
        ),
    ),
    life=(
        LifeEvent(date(2007, 2, 19), "launched"),
        LifeEvent(date(2018, 12, 17), "adult content banned; traffic fell", ("notes",)),
    ),
    hosts=("tumblr.com", "t.umblr.com", "href.li", "com.tumblr"),
    sources=("https://www.tumblr.com/docs/en/api/v2",),
)

ASKS = frozenset({"account", "community"})
BASE = "https://api.tumblr.com"
OBSERVER = "tumblr api"
PAGE = 20
MOST_PAGES = 50
BACK = timedelta(days=30)
LINK = re.compile(r'"type":"link","url":"(?P<url>(?:[^"\\]|\\.)+)"')


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """At least one request a blog or tag."""
    if asks:
        session.key("api_key")
    return Plan(len(asks), what=(f"{len(asks)} blogs and tags, {PAGE} posts a request",) if asks else ())


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Posts as events, notes as readings."""
    session.key("api_key")
    yield from one_by_one(asks, session, _posts)


def _posts(ask: Ask, session: Session) -> Iterator[Batch]:
    """Newest first, back to where the last run stood; a blog's young posts are read every time."""
    place = f"{ask.kind} {ask.value}"
    start = session.now()
    saved = session.load(place) if ask.kind == "community" else None
    floor = moment(saved) if saved else ask.since or start - BACK
    params: dict[str, Any] = {"api_key": session.key("api_key").get_secret_value(), "limit": PAGE}
    base = session.option("base_url", BASE)
    if ask.kind == "community":
        url, source = f"{base}/v2/tagged", "/v2/tagged"
        params["tag"] = ask.value
    else:
        blog = ask.value if "." in ask.value else f"{ask.value}.tumblr.com"
        url, source = f"{base}/v2/blog/{blog}/posts", "/v2/blog/posts"
    seen: set[str] = set()
    for _ in range(MOST_PAGES):
        answer = session.get_json(url, params)
        with understood("Tumblr's posts"):
            response = answer["response"]
            posts = response if isinstance(response, list) else response["posts"]
        rows = Rows(CARD.name, session.now(), ask.observer(OBSERVER), source)
        dates: list[datetime] = []

        def use(post: dict[str, Any], rows: Rows = rows, dates: list[datetime] = dates) -> None:
            when = moment(post["timestamp"])
            native = str(post.get("id_string") or post["id"])
            if native in seen:
                return
            if when >= floor:
                _post(post, native, when, ask, rows, session)
            seen.add(native)
            dates.append(when)

        each(posts, use, rows, "a post of Tumblr")
        yield rows.batch()
        if not dates or min(dates) < floor:
            break
        params["before"] = int(min(dates).timestamp())
    if ask.kind == "community":
        session.save(place, start.isoformat())


def _post(post: dict[str, Any], native: str, when: datetime, ask: Ask, rows: Rows, session: Session) -> None:
    notes, blog = count(post["note_count"]), str(post["blog_name"])
    link = _link(post)
    content = rows.content(link or post["post_url"], None if link else post.get("summary"))
    tag = ask.value if ask.kind == "community" else None
    parent = post.get("reblogged_from_id")
    rows.event(
        native, content, "post", when,
        actor=session.actor(blog), community=tag, parent_id=f"{CARD.name}:{parent}" if parent else None,
    )  # fmt: skip
    rows.reading(native, content, "notes", notes)


def _link(post: dict[str, Any]) -> str | None:
    """The page a post is about: its link, or the first link card in it; None when it is about itself."""
    found = [post.get("url")] if post.get("type") == "link" else []
    found += [block.get("url") for block in post.get("content") or [] if block.get("type") == "link"]
    body = unescape(str(post.get("body") or ""))
    found += [match["url"].replace("\\/", "/") for match in LINK.finditer(body)]
    for url in found:
        try:
            address = canonical(str(url))
        except ValueError:
            continue
        if not site(address).endswith("tumblr.com"):
            return address
    return None
