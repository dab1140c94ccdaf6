"""Threads: posts of an account of one's own, and their counters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, each, one_by_one, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch

CARD = Card(
    name="threads",
    title="Threads",
    purpose=("networking", "direct exposure"),
    mechanism="Followers and recommendations show a post; replies, reposts and quotes carry it on.",
    links=(LinkPolicy("nofollow", None, "links pass the redirector l.threads.net"),),
    metrics=(
        Metric(
            "views", "views", "reading", "Times a post of one's own was shown; an estimate by Meta", "views"
        ),
        Metric("likes", "likes", "reading", "Likes of a post of one's own", "likes", False),
        Metric(
            "replies", "replies", "reading", "Replies to a post of one's own, top level", "replies", False
        ),
        Metric("reposts", "reposts", "reading", "Reposts of a post of one's own", "reposts", False),
        Metric("quotes", "quotes", "reading", "Quotes of a post of one's own", "quotes", False),
        Metric("post", "acts", "event", "A post of the watched account", "posts"),
    ),
    access=Access(
        (Key("access_token", "a user token with threads_basic and threads_manage_insights"),),
        "free",
        "Create an app with the Threads use case at https://developers.facebook.com, add your account as a "
        "tester and set VIRALITY_THREADS_ACCESS_TOKEN. Only the token's own posts can be read.",
    ),
    limits=(Limit(200, 3600, "courtesy: the published limit grows with the account's impressions"),),
    rules=(Rule("Own posts only; delete what was deleted there.", "Meta Platform Terms"),),
    life=(LifeEvent(date(2023, 7, 5), "launched"),),
    hosts=("threads.net", "l.threads.net", "threads.com", "l.threads.com", "com.instagram.barcelona"),
    sources=("https://developers.facebook.com/docs/threads",),
)

ASKS = frozenset({"account"})
BASE = "https://graph.threads.net/v1.0"
OBSERVER = "threads api"
BACK = timedelta(days=30)
AGES = (timedelta(hours=3),)  # every look costs a request a post
COUNTERS = ("views", "likes", "replies", "reposts", "quotes")


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A request for every hundred posts, and one a post: how many there are is not known before."""
    if asks:
        session.key("access_token")
    return Plan(2 * len(asks), what=(f"{len(asks)} accounts; one request a post besides",) if asks else ())


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Posts as events, their counters as readings."""
    session.key("access_token")
    yield from one_by_one(asks, session, _account)


def _get(session: Session, path: str, params: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {session.key('access_token').get_secret_value()}"}
    return session.get_json(f"{session.option('base_url', BASE)}/{path}", params, headers=headers)


def _account(ask: Ask, session: Session) -> Iterator[Batch]:
    since = ask.since or session.now() - BACK
    params: dict[str, Any] = {
        "fields": "id,permalink,timestamp,media_type,link_attachment_url",
        "since": int(since.timestamp()),
        "limit": 100,
    }
    while True:
        page = _get(session, "me/threads", params)
        with understood("Threads' posts"):
            posts = page["data"]
        for start in range(0, len(posts) if isinstance(posts, list) else 1, 20):
            rows = Rows(CARD.name, session.now(), ask.observer(OBSERVER), "/me/threads")

            def use(post: dict[str, Any], rows: Rows = rows) -> None:
                _post(post, ask, rows, session)

            each(
                posts[start : start + 20] if isinstance(posts, list) else posts,
                use,
                rows,
                "a post of Threads",
            )
            yield rows.batch()
        after = ((page.get("paging") or {}).get("cursors") or {}).get("after")
        if not after or not posts:
            return
        params["after"] = after


def _post(post: dict[str, Any], ask: Ask, rows: Rows, session: Session) -> None:
    native = str(post["id"])
    # "+0000" without a colon is what it writes
    when = moment(post["timestamp"])
    url = post.get("link_attachment_url") or post["permalink"]
    insights = _get(session, f"{native}/insights", {"metric": ",".join(COUNTERS)})
    with understood("Threads' insights"):
        values = {entry["name"]: count(entry["values"][0]["value"]) for entry in insights["data"]}
    content = rows.content(url)
    rows.event(native, content, "post", when, actor=session.actor(ask.value))
    for metric in COUNTERS:
        if metric in values:
            rows.reading(native, content, metric, values[metric])
        else:
            why = "the answer leaves it out"
            rows.reading(native, content, metric, None, status="suppressed", reason=why)
