"""Twitter/X: who passes a link on to whom. Paid counts by the hour, an account's own posts, and exports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session
from analysis.platforms.twitter.analytics import METRICS, analytics
from analysis.platforms.twitter.archive import tweets
from analysis.tables import Batch


def _reading(name: str, unit: str, definition: str) -> Metric:
    return Metric(name, unit, "reading", definition, name)


CARD = Card(
    name="twitter",
    title="Twitter/X",
    purpose=("networking", "direct exposure"),
    mechanism="Accounts pass a link on to those who follow them, who pass it on again; a ranked feed shows "
    "some posts to many others. Every link goes through t.co.",
    links=(LinkPolicy("nofollow", None, "behind t.co, which is what a referrer shows"),),
    metrics=(
        Metric(
            "mentions",
            "posts",
            "interval",
            "posts of the last 7 days that hold a URL (counts/recent, query url:), by the hour; the first "
            "and the last hour are cut by the window. Deleted posts leave the count",
            "mentions",
        ),
        _reading("impressions", "views", "times the post was shown (public metrics, analytics)"),
        _reading("likes", "likes", "likes of the post; favorite_count in an archive"),
        _reading("retweets", "reposts", "reposts without words; Reposts in newer exports"),
        _reading("quotes", "posts", "posts that quote the post"),
        _reading("replies", "posts", "direct replies"),
        _reading("bookmarks", "bookmarks", "accounts that saved the post"),
        _reading("engagements", "acts", "everything done with the post, as analytics counts it"),
        _reading("url_clicks", "clicks", "clicks on links in the post (analytics)"),
        _reading("shares", "shares", "shares of the post by its share menu (analytics)"),
        _reading("profile_visits", "visits", "visits of the profile from the post (analytics)"),
        _reading("follows", "accounts", "accounts that followed from the post (analytics)"),
        Metric(
            "words",
            "words",
            "reading",
            "words of an own post beside links, names and hashtags (archive); none of them is kept",
            "words",
            cumulative=False,
        ),
        *(
            Metric(
                f"account_{name}",
                "count",
                "interval",
                f"{name} of the whole account in a day (analytics)",
                name,
            )
            for name in sorted(set(METRICS.values()))
        ),
        Metric(
            "submission", "posts", "event", "an own post that carries the link (archive, timeline)", "posts"
        ),
        Metric("repost", "posts", "event", "an own repost of somebody's post (archive)", "posts"),
        Metric("reply", "posts", "event", "an own reply that carries the link (archive, timeline)", "posts"),
        Metric("quote", "posts", "event", "an own post that quotes another (archive, timeline)", "posts"),
    ),
    access=Access(
        (Key("bearer_token", "the app's bearer token"),),
        "pay per use, no free tier for newcomers [D, 2026-08]: counts/recent $0.005 a request, a post read "
        "$0.005, a post of your own account $0.001; the same post within 24 h is paid once",
        "Make an app at developer.x.com, add credit, set VIRALITY_TWITTER_BEARER_TOKEN, and allow dollars "
        "for this platform in the watchlist. Archive and analytics exports cost nothing.",
    ),
    limits=(Limit(300, 900, "app, counts/recent"),),
    limit_headers=("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"),
    rules=(
        Rule("Stored posts follow deletions: counts and ids are kept, never text.", "X developer terms"),
        Rule("An account's numbers are read only for accounts you own.", "price list: owned reads"),
    ),
    life=(
        LifeEvent(date(2006, 7, 15), "opened"),
        LifeEvent(date(2015, 11, 20), "the share counter of a URL was withdrawn", ("url_shares",)),
        LifeEvent(date(2022, 12, 15), "view counts are shown on posts", ("impressions",)),
        LifeEvent(date(2023, 2, 9), "the end of the free API was announced (third parties)"),
        LifeEvent(date(2023, 7, 24), "renamed X"),
    ),
    hosts=("t.co", "twitter.com", "x.com", "mobile.twitter.com"),
    sources=(
        "X developer documentation, transcribed August 2026",
        "archive format (third parties)",
        "tweepy 4.17",
    ),
)

ITEM_PAGE = "https://x.com/i/web/status/{item}"
ASKS = frozenset({"url", "site", "account", "item"})
TELLS = {
    "url": ("mentions",),
    "site": ("mentions",),
    "item": ("impressions", "likes", "retweets", "quotes", "replies", "bookmarks"),
}


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Hourly mentions of URLs and sites, and counters of an account's own posts (see ``api``)."""
    from analysis.platforms.twitter import api

    return api.fetch(asks, session)


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """Requests and dollars ``fetch`` would cause, before any of them is."""
    from analysis.platforms.twitter import api

    return api.plan(asks, session)


IMPORTS = {"archive": tweets, "analytics": analytics}

# counts/recent looks back seven days by the hour, and each look costs: the early ages tell nothing more
AGES = (
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(hours=24),
    timedelta(hours=48),
    *(timedelta(days=n) for n in range(3, 31)),
)
