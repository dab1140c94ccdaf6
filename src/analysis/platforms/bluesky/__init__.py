"""Bluesky: likes, reposts and quotes one by one: by search, and from the live stream, deletes applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown
from analysis.tables import Batch

_BOUND = "; dated by its createdAt, but never later than it was witnessed"

CARD = Card(
    name="bluesky",
    title="Bluesky",
    purpose=("networking", "direct exposure"),
    mechanism="Accounts post, repost and like in public; feeds that anybody may write decide what is shown. "
    "Every act is a public record and can be followed live.",
    links=(
        LinkPolicy("nofollow", None, "nofollow noopener; only the web app sends a referrer (unconfirmed)"),
    ),
    metrics=(
        Metric("submission", "posts", "event", f"a post that carries the link{_BOUND}", "submissions"),
        Metric("reply", "posts", "event", f"a reply that carries the link{_BOUND}", "submissions"),
        Metric("quote", "posts", "event", f"a post that quotes a post with the link{_BOUND}", "quotes"),
        Metric("like", "likes", "event", f"one like of a post with the link{_BOUND}", "likes"),
        Metric("repost", "reposts", "event", f"one repost of such a post (stream){_BOUND}", "reposts"),
        Metric("submissions", "posts", "reading", "posts with the URL that search finds; it hides some",
               "submissions", cumulative=False),
        Metric("likes", "likes", "reading", "likes of a post, as the AppView counts them", "likes"),
        Metric("reposts", "reposts", "reading", "reposts of a post, as the AppView counts them", "reposts"),
        Metric("quotes", "posts", "reading", "quotes of a post, as the AppView counts them", "quotes"),
        Metric("replies", "posts", "reading", "replies to a post, as the AppView counts them", "replies"),
    ),
    access=Access(
        (
            Key("handle", "your handle, like name.bsky.social", secret=False),
            Key("app_password", "an app password, never the account's own"),
        ),
        "free",
        "Make an app password under Settings, Privacy and security, and set VIRALITY_BLUESKY_HANDLE and "
        "VIRALITY_BLUESKY_APP_PASSWORD: search answers 403 without in practice (third parties). "
        "The live stream needs no key; set VIRALITY_BLUESKY_LIVE to the seconds a run may follow it.",
    ),
    limits=(Limit(3000, 300, "address"),),
    limit_headers=("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy"),
    rules=(
        Rule("Deletes arrive as events and are applied: what was taken back is forgotten.", "protocol"),
        Rule("Accounts are kept as keyed hashes, also inside the ids of their acts.", "house rule"),
    ),
    life=(
        LifeEvent(date(2023, 2, 17), "opened by invitation"),
        LifeEvent(date(2024, 2, 6), "opened to everybody"),
        LifeEvent(date(2024, 2, 22), "other servers may join"),
    ),
    hosts=("bsky.app", "bsky.social", "go.bsky.app", "xyz.blueskyweb.app"),
    sources=("atproto lexicons", "atproto 0.0.73", "issue threads on searchPosts (third parties)"),
)  # fmt: skip

ASKS = frozenset({"url", "site", "account"})
TELLS: dict[str, tuple[str, ...]] = {"url": ("submissions",), "site": ()}


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Posts found by search with their likes and quotes, then the live stream where it is switched on."""
    from analysis.platforms.bluesky import search, stream

    seconds = float(session.option("live", "0") or 0)
    failure = None
    try:
        yield from search.fetch(asks, session)
    except Unknown as error:
        failure = error
    if seconds > 0:  # needs no key, and is another server
        yield from stream.follow(asks, session, seconds=seconds)
    if failure:
        raise failure


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """At least one search a URL or site and one feed an account; likes and quotes come on top."""
    seconds = float(session.option("live", "0") or 0)
    follows = f"the live stream for at most {seconds:g} s"
    try:
        session.key("handle")
        session.key("app_password")
    except Unknown:
        if seconds <= 0:
            raise
        return Plan(1, 0.0, (f"{follows}; no search without a key",))
    what = f"posts, likes and quotes of {len(asks):,} URLs, sites and accounts"
    return Plan(1 + len(asks), 0.0, (what, follows) if seconds > 0 else (what,))
