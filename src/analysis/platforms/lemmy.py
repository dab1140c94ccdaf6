"""Lemmy: posts that link to a URL, and their counters, as one instance knows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, one_by_one, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch
from analysis.urls import canonical

SEARCHES = Limit(60, 600, "instance and IP address, searches; its operator may set another")
POSTS = Limit(180, 60, "instance and IP address, posts; its operator may set another")

CARD = Card(
    name="lemmy",
    title="Lemmy",
    purpose=("direct exposure",),
    mechanism=(
        "Members of many servers post links to communities; servers exchange posts and votes. What a server "
        "counts is what it has heard of, so the observer is part of every number."
    ),
    links=(LinkPolicy("nofollow", None, "noopener nofollow in the usual interface; an instance may differ"),),
    metrics=(
        Metric(
            "score", "votes", "reading", "Upvotes minus downvotes that this instance knows", "votes", False
        ),
        Metric("comments", "comments", "reading", "Comments that this instance knows", "comments"),
        Metric(
            "submissions",
            "posts",
            "reading",
            "Posts of exactly this URL that this instance's search finds",
            "submissions",
            False,
        ),
        Metric("submission", "acts", "event", "A post in a community", "submissions"),
    ),
    access=Access(
        (Key("instance", "the instance to ask, such as https://lemmy.world", secret=False, required=False),),
        "free",
        "No key is needed; set VIRALITY_LEMMY_INSTANCE to ask another instance than https://lemmy.world.",
    ),
    limits=(SEARCHES,),
    rules=(
        Rule(
            "Each instance sets limits and rules of its own; deletions are federated.", "Lemmy documentation"
        ),
    ),
    life=(LifeEvent(date(2019, 3, 1), "first release (month known, day not)"),),
    hosts=(
        "lemmy.world",
        "lemmy.ml",
        "beehaw.org",
        "lemm.ee",
        "sh.itjust.works",
        "programming.dev",
        "feddit.org",
    ),
    sources=("https://join-lemmy.org/docs", "https://github.com/LemmyNet/lemmy"),
)

ITEM_PAGE = "{item}"  # an item's id is its address
ASKS = frozenset({"url", "community", "item"})
TELLS = {"url": ("submissions",), "item": ("score", "comments")}
SWEEPS = True
INSTANCE = "https://lemmy.world"
PAGE = 50
MOST_PAGES = 40
BACK = timedelta(days=30)


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One request a URL or item, at least one a community."""
    host = urlsplit(session.option("instance", INSTANCE)).hostname
    return Plan(len(asks), what=(f"{len(asks)} asks of {host}",) if asks else ())


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Posts as events; score, comments and submissions as readings; deleted posts as gone."""
    yield from one_by_one(asks, session, _answer)


def _answer(ask: Ask, session: Session) -> Iterator[Batch]:
    if ask.kind == "url":
        yield from _search(ask, session)
    elif ask.kind == "community":
        yield from _community(ask, session)
    else:
        yield _item(ask, session)


def _get(session: Session, path: str, params: dict[str, Any], limit: Limit) -> tuple[Any, str]:
    """An answer, and the instance's host."""
    instance = session.option("instance", INSTANCE).rstrip("/")
    host = urlsplit(instance).netloc
    scope = f"{host} {path}"
    return session.get_json(f"{instance}/api/v3/{path}", params, limits=(limit,), scope=scope), host


def _search(ask: Ask, session: Session) -> Iterator[Batch]:
    """Every post of this URL, page by page."""
    assert ask.content_id is not None
    found: set[str] = set()
    params: dict[str, Any] = {"q": ask.value, "type_": "Url", "sort": "New", "limit": PAGE}
    for page in range(1, MOST_PAGES + 1):
        answer, host = _get(session, "search", params | {"page": page}, SEARCHES)
        rows = Rows(CARD.name, session.now(), host, "/api/v3/search")
        with understood("Lemmy's search"):
            views = answer["posts"]

        def use(view: dict[str, Any], rows: Rows = rows) -> None:
            if canonical(view["post"].get("url") or view["post"]["ap_id"]) == ask.value:
                found.add(_post(view, rows, session))

        each(views, use, rows, "a post of Lemmy's search")
        if len(views) < PAGE:
            rows.content(ask.value)
            rows.reading(ask.content_id, ask.content_id, "submissions", float(len(found)))
            yield rows.batch()
            return
        yield rows.batch()


def _community(ask: Ask, session: Session) -> Iterator[Batch]:
    """The newest posts, back to where the last run stood."""
    place = f"community {ask.value}"
    start = session.now()
    saved = session.load(place)
    floor = moment(saved) - timedelta(hours=1) if saved else ask.since or start - BACK
    params: dict[str, Any] = {"community_name": ask.value, "sort": "New", "limit": PAGE}
    for page in range(1, MOST_PAGES + 1):
        answer, host = _get(session, "post/list", params | {"page": page}, POSTS)
        rows = Rows(CARD.name, session.now(), host, "/api/v3/post/list")
        with understood("Lemmy's posts"):
            views = answer["posts"]
        dates: list[datetime] = []

        def use(view: dict[str, Any], rows: Rows = rows, dates: list[datetime] = dates) -> None:
            when = _when(view["post"]["published"])
            if when >= floor:
                _post(view, rows, session)
            # pinned posts stand first whatever their age
            if not view["post"].get("featured_community") and not view["post"].get("featured_local"):
                dates.append(when)

        each(views, use, rows, "a post of Lemmy")
        yield rows.batch()
        if len(views) < PAGE or (dates and min(dates) < floor):
            break
    session.save(place, start.isoformat())


def _when(text: str) -> datetime:
    """A time of Lemmy's: always UTC, though it did not say so before version 0.19."""
    naive = datetime.fromisoformat(text).tzinfo is None
    return moment(f"{text}+00:00" if naive else text)


def _post(view: dict[str, Any], rows: Rows, session: Session) -> str:
    """Add one post; its id, which is the address it has on its own instance."""
    post, counts = view["post"], view["counts"]
    native, when = str(post["ap_id"]), _when(post["published"])
    if post.get("deleted") or post.get("removed"):
        rows.gone(native)
        return native
    score, comments = count(counts["score"]), count(counts["comments"])
    community, creator = view["community"], view["creator"]["actor_id"]
    local = int(post["id"])
    name = f"{community['name']}@{urlsplit(community['actor_id']).netloc}"
    content = rows.content(post.get("url") or native, post["name"])
    rows.event(native, content, "submission", when, actor=session.actor(creator), community=name)
    rows.reading(native, content, "score", score)
    rows.reading(native, content, "comments", comments)
    session.save(f"post {rows.observer} {native}", str(local))
    return native


def _item(ask: Ask, session: Session) -> Batch:
    """One post again; an instance has a number of its own for it."""
    host = urlsplit(session.option("instance", INSTANCE)).netloc
    number = session.load(f"post {host} {ask.value}")
    if number is None and urlsplit(ask.value).netloc == host:
        number = ask.value.rpartition("/")[2]
    if number is None:
        raise Unknown(
            "failed", f"the number of this post on {host} is not known; searching its URL finds it again"
        )
    try:
        answer, host = _get(session, "post", {"id": number}, POSTS)
    except Unknown as error:
        if error.http not in (404, 410):
            raise
        answer = None
    rows = Rows(CARD.name, session.now(), host, "/api/v3/post")
    if answer is None:
        rows.gone(ask.value)
        return rows.batch()
    assert ask.content_id is not None
    with understood("Lemmy's post"):
        view = answer["post_view"]
        if view["post"].get("deleted") or view["post"].get("removed"):
            rows.gone(ask.value)
            return rows.batch()
        values = {"score": count(view["counts"]["score"]), "comments": count(view["counts"]["comments"])}
    for metric, value in values.items():
        rows.reading(ask.value, ask.content_id, metric, value)
    return rows.batch()
