"""Reddit: submissions of a URL, a site or a community; score and comments; and what was deleted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session
from analysis.tables import Batch

CARD = Card(
    name="reddit",
    title="Reddit",
    purpose=("direct exposure",),
    mechanism=(
        "Members post a link to a community; votes and age rank it there, and on front pages beyond it when "
        "it does well. The same URL may be posted to many communities."
    ),
    links=(LinkPolicy("nofollow", None, "nofollow ugc on links in posts and comments"),),
    metrics=(
        Metric(
            "score",
            "votes",
            "reading",
            "Upvotes minus downvotes as shown: blurred on purpose, never below 0, and it falls as well",
            "votes",
            cumulative=False,
        ),
        Metric(
            "comments",
            "comments",
            "reading",
            "Comments below a submission, removed ones included",
            "comments",
        ),
        Metric("ups", "votes", "reading", "Upvotes, blurred on purpose; told until June 2014", "votes up"),
        Metric(
            "downs", "votes", "reading", "Downvotes, blurred on purpose; told until June 2014", "votes down"
        ),
        Metric(
            "submissions",
            "submissions",
            "reading",
            "Submissions of a URL that /api/info and /duplicates know; deleted ones are not among them",
            "submissions",
        ),
        Metric(
            "submission",
            "acts",
            "event",
            "A link posted to a community; a crosspost is one of its own",
            "submissions",
        ),
        Metric("promotion", "acts", "event", "A link shown as an advertisement", "advertisements"),
    ),
    access=Access(
        (
            Key("client_id", "the app's id"),
            Key("client_secret", "the app's secret"),
        ),
        "free for non-commercial use; commercial use by contract",
        "Ask for API access at https://support.reddithelp.com (approval is needed since November 2025), "
        "create an app of the type script at https://www.reddit.com/prefs/apps, and set "
        "VIRALITY_REDDIT_CLIENT_ID and VIRALITY_REDDIT_CLIENT_SECRET.",
    ),
    limits=(Limit(1000, 600, "OAuth client"),),
    limit_headers=("x-ratelimit-used", "x-ratelimit-remaining", "x-ratelimit-reset"),
    rules=(
        Rule(
            "What was deleted there is deleted here: `virality purge reddit` asks about every stored item.",
            "Reddit Data API Terms",
        ),
        Rule(
            "Never match Redditors with identities elsewhere: actors are hashed per platform.",
            "Reddit Data API Terms",
        ),
        Rule("100 queries a minute per OAuth client, averaged over ten minutes.", "Reddit Data API Wiki"),
    ),
    life=(
        LifeEvent(date(2005, 6, 23), "launched"),
        LifeEvent(date(2023, 7, 1), "API priced; many clients closed, communities went dark in protest"),
        LifeEvent(date(2025, 11, 1), "new API keys need approval (month known, day not)"),
        LifeEvent(date(2026, 5, 29), "anonymous .json answers 403: reading needs a key"),
    ),
    hosts=(
        "reddit.com",
        "old.reddit.com",
        "new.reddit.com",
        "out.reddit.com",
        "np.reddit.com",
        "m.reddit.com",
        "amp.reddit.com",
        "redd.it",
        "com.reddit.frontpage",
    ),
    sources=(
        "https://support.reddithelp.com/hc/en-us/articles/16160319875092",
        "https://www.reddit.com/dev/api",
    ),
)

ITEM_PAGE = "https://www.reddit.com/comments/{item}"
ASKS = frozenset({"url", "site", "community", "item"})
TELLS = {
    "url": ("submissions",),
    "site": ("submissions",),
    "item": ("score", "comments"),
}
SWEEPS = True


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A token, two requests a URL, one for every 100 items, at least one a site or community."""
    session.key("client_id"), session.key("client_secret")
    kinds = [ask.kind for ask in asks]
    urls, items, lists = (
        kinds.count("url"),
        kinds.count("item"),
        kinds.count("site") + kinds.count("community"),
    )
    requests = (1 if asks else 0) + 2 * urls + -(-items // 100) + lists
    what = tuple(
        f"{n} {w}" for n, w in ((urls, "URLs"), (items, "items"), (lists, "sites and communities")) if n
    )
    return Plan(requests, what=what)


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Submissions as events; score, comments and submissions as readings; deleted items as gone."""
    from analysis.platforms.reddit import api

    return api.fetch(asks, session)
