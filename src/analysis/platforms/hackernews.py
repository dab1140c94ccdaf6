"""Hacker News: submissions from Algolia's search, counters and deletions from the official Firebase API.

Algolia finds who submitted a URL or a site, but shows at most 1,000 hits a query and no deleted
items; Firebase knows one item at a time, with its state. So searches are cut into slices of time,
newest first, and known items are read again from Firebase.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from analysis.platforms.card import Access, Card, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch
from analysis.urls import canonical, site

ALGOLIA = Limit(10_000, 3600, "Algolia's search, per IP address")

CARD = Card(
    name="hackernews",
    title="Hacker News",
    purpose=("direct exposure",),
    mechanism=(
        "Readers submit a link; votes and age rank it. The front page shows it to everybody for some hours, "
        "a second chance pool and moderators may bring it back."
    ),
    links=(LinkPolicy("mixed", None, "nofollow while new or low-scored, then followed"),),
    metrics=(
        Metric(
            "points",
            "points",
            "reading",
            "Votes for a submission, its own first one included, as shown; software and moderators take "
            "votes away, so it may fall",
            "votes",
        ),
        Metric(
            "comments", "comments", "reading", "Comments below a submission that are not dead", "comments"
        ),
        Metric(
            "rank",
            "place",
            "reading",
            "Place in the list of submissions when it was looked at, 1 the topmost",
            "rank",
            cumulative=False,
            adds=False,
        ),
        Metric(
            "dead",
            "0 or 1",
            "reading",
            "1 when flags, software or moderators have killed the submission, else 0",
            "state",
            cumulative=False,
            adds=False,
        ),
        Metric(
            "submissions",
            "submissions",
            "reading",
            "Submissions of a URL that Algolia's search finds; deleted ones are not among them",
            "submissions",
        ),
        Metric("submission", "acts", "event", "A story, poll or job posted by a user", "submissions"),
    ),
    access=Access((), "free", "No key is needed."),
    limits=(ALGOLIA,),
    rules=(
        Rule("At most 10,000 searches an hour from one IP address.", "hn.algolia.com/api"),
        Rule(
            "Item counters come from the Firebase API, which states no limit; we ask one item at a time.",
            "github.com/HackerNews/API",
        ),
    ),
    life=(
        LifeEvent(date(2007, 2, 19), "opened to the public as Startup News"),
        LifeEvent(date(2014, 10, 7), "official Firebase API (v0)"),
    ),
    hosts=("news.ycombinator.com", "hn.algolia.com", "hckrnews.com", "hn.premii.com"),
    sources=("https://hn.algolia.com/api", "https://github.com/HackerNews/API"),
)

ITEM_PAGE = "https://news.ycombinator.com/item?id={item}"
ASKS = frozenset({"url", "site", "item"})
TELLS = {"url": ("submissions",), "site": ("submissions",), "item": ("points", "comments", "dead")}
SEARCH, ITEMS = "https://hn.algolia.com/api/v1", "https://hacker-news.firebaseio.com/v0"
PAGE = 1000
LATE_SECONDS = 3600  # Algolia indexes with a delay: the last hour is looked at again
LONGEST_QUERY = 500


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One request a URL or item; a site takes one for every 1,000 submissions."""
    kinds: list[str] = [ask.kind for ask in asks]
    words = {
        "url": "URLs searched at Algolia",
        "site": "sites searched at Algolia",
        "item": "items read at Firebase",
    }
    what = tuple(f"{kinds.count(k)} {text}" for k, text in words.items() if kinds.count(k))
    return Plan(len(asks), what=what)


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Submissions as events; points, comments, dead and submissions as readings."""
    for ask in asks:
        try:
            if ask.kind == "item":
                yield _item(ask, session)
            elif ask.kind == "url":
                yield from _search_url(ask, session)
            else:
                yield from _search_site(ask, session)
        except Unknown as error:
            if not _lone(error):
                raise
            session.unknown(ask, error)
        else:
            session.done(ask)


def _lone(error: Unknown) -> bool:
    """Whether the failure is this ask's own, so that the next one may well work."""
    return error.status == "failed"


def _rows(session: Session, observer: str) -> Rows:
    host = {"algolia": "search_by_date", "firebase": "item"}[observer]
    return Rows(CARD.name, session.now(), observer, f"{observer} {host}")


def _search(session: Session, text: str, since: float | None, before: float | None) -> dict[str, Any]:
    params: dict[str, Any] = {
        "query": text[:LONGEST_QUERY],
        "restrictSearchableAttributes": "url",
        "typoTolerance": "false",
        "tags": "(story,poll,job)",
        "hitsPerPage": PAGE,
    }
    bounds = [f"created_at_i>={since:.0f}"] if since is not None else []
    bounds += [f"created_at_i<={before:.0f}"] if before is not None else []
    if bounds:
        params["numericFilters"] = ",".join(bounds)
    base = session.option("search_url", SEARCH)
    answer = session.get_json(f"{base}/search_by_date", params)
    with understood("Algolia's search"):
        return {"hits": answer["hits"], "found": int(answer["nbHits"]), "page": int(answer["hitsPerPage"])}


def _slices(
    session: Session, text: str, since: float | None, before: float | None
) -> Iterator[tuple[list[dict[str, Any]], float | None]]:
    """All hits of a search, newest first, with the time down to which they are complete (None: all)."""
    seen: set[str] = set()
    while True:
        answer = _search(session, text, since, before)
        hits = answer["hits"]
        if not isinstance(hits, list):
            raise Unknown("failed", "Algolia's search has changed its schema: hits is no list")
        with understood("Algolia's search"):
            fresh = [hit for hit in hits if str(hit["objectID"]) not in seen]
            oldest = min((float(hit["created_at_i"]) for hit in hits), default=None)
            seen.update(str(hit["objectID"]) for hit in fresh)
        more = len(hits) < answer["found"] and len(hits) >= answer["page"] and oldest is not None
        if not more:
            yield fresh, None
            return
        assert oldest is not None
        # The oldest second may continue in the next slice. A whole slice inside one second cannot be
        # split further: step past it.
        before = oldest if before is None or oldest < before else oldest - 1
        yield fresh, before


def _hit(hit: dict[str, Any], rows: Rows, session: Session, wanted: Ask | None) -> bool:
    """Add one hit when it is what was asked for; whether it was."""
    native = str(hit["objectID"])
    url = hit.get("url") or f"https://news.ycombinator.com/item?id={native}"
    created = moment(hit["created_at_i"])
    try:
        address = canonical(url)
    except ValueError:
        if wanted is not None:
            return False
        raise
    if wanted is not None and not _matches(wanted, address):
        return False
    points, comments = hit.get("points"), hit.get("num_comments")
    values = {"points": points, "comments": comments}
    numbers = {name: None if value is None else count(value) for name, value in values.items()}
    author = hit.get("author")
    content = rows.content(address, hit.get("title"))
    rows.event(native, content, "submission", created, actor=session.actor(author) if author else None)
    for name, number in numbers.items():
        if number is None:
            rows.reading(native, content, name, None, status="failed", reason=f"the answer holds no {name}")
        else:
            rows.reading(native, content, name, number)
    return True


def _matches(ask: Ask, address: str) -> bool:
    if ask.kind == "url":
        return address == ask.value
    host = site(address)
    return host == ask.value or host.endswith("." + ask.value)


def _search_url(ask: Ask, session: Session) -> Iterator[Batch]:
    parts = urlsplit(ask.value)
    text = f"{(parts.hostname or '').removeprefix('www.')}{parts.path}".rstrip("/")
    rows = _rows(session, "algolia")
    found: set[str] = set()

    def use(hit: dict[str, Any]) -> None:
        if _hit(hit, rows, session, ask):
            found.add(str(hit["objectID"]))

    for hits, _ in _slices(session, text, ask.since.timestamp() if ask.since else None, None):
        each(hits, use, rows, "a hit of Algolia's search")
    assert ask.content_id is not None
    rows.content(ask.value)
    rows.reading(ask.content_id, ask.content_id, "submissions", float(len(found)))
    yield rows.batch()


def _search_site(ask: Ask, session: Session) -> Iterator[Batch]:
    """Walk from now back to where the last run stood, and on with what a stopped run left open."""
    place = f"site {ask.value}"
    now = session.now().timestamp()
    floor = ask.since.timestamp() if ask.since else None
    with understood("the saved place"):
        saved = json.loads(session.load(place) or '{"seen": null, "open": []}')
        stretches: list[list[float | None]] = [list(pair) for pair in saved["open"]]
        seen = saved["seen"]
    stretches.append([floor if seen is None else seen - LATE_SECONDS, now])
    rows = _rows(session, "algolia")

    def use(hit: dict[str, Any]) -> None:
        _hit(hit, rows, session, ask)

    while stretches:
        low, high = stretches[-1]
        for hits, down_to in _slices(session, ask.value, low, high):
            each(hits, use, rows, "a hit of Algolia's search")
            yield rows.batch()
            stretches[-1][1] = down_to
            if down_to is None:
                stretches.pop()
            session.save(place, json.dumps({"seen": now, "open": stretches}))


def _item(ask: Ask, session: Session) -> Batch:
    rows = _rows(session, "firebase")
    item = session.get_json(f"{session.option('items_url', ITEMS)}/item/{ask.value}.json", limits=())
    if item is None:
        raise Unknown("failed", "Firebase knows no item of this number")
    with understood("a Firebase item"):
        if item.get("deleted"):
            rows.gone(ask.value)
            return rows.batch()
        assert ask.content_id is not None
        kind = item["type"]
        numbers = {"points": count(item["score"]), "dead": 1.0 if item.get("dead") else 0.0}
        if "descendants" in item:
            numbers["comments"] = count(item["descendants"])
        elif kind == "story" and not item.get("dead"):
            raise KeyError("descendants")
    for name, number in numbers.items():
        rows.reading(ask.value, ask.content_id, name, number)
    return rows.batch()
