"""Facebook: who shows a link to friends. Rough counters of a URL, and what a page's owner can export."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session
from analysis.platforms.facebook.insights import PAGE_DAILY, PAGE_STANDING, POST_METRICS, posts
from analysis.tables import Batch

_POST = {
    "reach": ("accounts", "accounts that saw the post at least once; not to be added up"),
    "impressions": ("views", "times the post entered a screen"),
    "views": (
        "views",
        "times the post was shown or played; replaces impressions since 2025 (third parties)",
    ),
    "viewers": ("accounts", "accounts that viewed the post; not to be added up"),
    "engagements": ("acts", "reactions, comments and shares together"),
    "reactions": ("reactions", "likes and the other reactions"),
    "comments": ("comments", "comments"),
    "shares": ("shares", "shares"),
    "clicks": ("clicks", "all clicks on the post"),
    "link_clicks": ("clicks", "clicks on links in the post"),
    "other_clicks": ("clicks", "clicks that lead nowhere outside: names, times, see more"),
    "engaged_users": ("accounts", "accounts that clicked or reacted; not to be added up"),
}

CARD = Card(
    name="facebook",
    title="Facebook",
    purpose=("networking", "direct exposure"),
    mechanism="People and pages share a link with friends and followers; a ranked feed decides who sees it.",
    links=(LinkPolicy("nofollow", None, "through l.facebook.com, which is what a referrer shows"),),
    metrics=(
        Metric(
            "url_reactions", "reactions", "reading", "reaction_count of a URL: on all posts and comments "
            "that share it; imprecise on purpose", "url reactions",
        ),
        Metric(
            "url_comments", "comments", "reading", "comment_count of a URL, on all posts that share it; "
            "imprecise on purpose", "url comments",
        ),
        Metric("url_shares", "shares", "reading", "share_count of a URL; imprecise", "url shares"),
        Metric(
            "url_engagements", "acts", "reading", "reactions, comments and shares of a URL together",
            "url engagements",
        ),
        Metric(
            "url_plugin_comments", "comments", "reading", "comment_plugin_count: comments written below the "
            "page itself, in Facebook's comment box", "plugin comments",
        ),
        *(Metric(name, *_POST[name][:1], "reading", f"{_POST[name][1]}; over the post's life", name,
                 adds=_POST[name][0] != "accounts")
          for name in POST_METRICS),
        Metric(
            "consumers", "accounts", "reading", "accounts that clicked anywhere in the post; over its life, "
            "not to be added up", "consumers", adds=False,
        ),
        Metric(
            "fan_impressions", "views", "reading", "impressions on people who like the page; over the post's "
            "life", "fan impressions",
        ),
        Metric(
            "fan_reach", "accounts", "reading", "accounts that like the page and saw the post; over its "
            "life, not to be added up", "fan reach", adds=False,
        ),
        Metric("paid", "0 or 1", "reading", "1 when the post is an advertisement", "state", cumulative=False,
               adds=False),
        *(Metric(f"daily_{name}", *_POST[name][:1], "interval", f"{_POST[name][1]}; in one day", name,
                 adds=_POST[name][0] != "accounts")
          for name in POST_METRICS),
        *(Metric(name, "count", "interval", f"{name.replace('_', ' ')} in one day (Page Insights)", name)
          for name in PAGE_DAILY),
        *(Metric(name, "accounts", "reading", f"{name.replace('_', ' ')} on that day", name, adds=False)
          for name in PAGE_STANDING),
    ),
    access=Access(
        (Key("access_token", "any token, an app's own (app id|app secret) included"),),
        "free",
        "Make an app at developers.facebook.com and set VIRALITY_FACEBOOK_ACCESS_TOKEN to its id|secret. The "
        "exports need no token: Business Suite, Insights, Content, Export.",
    ),
    limits=(Limit(200, 3600, "app and user (unconfirmed)"),),
    limit_headers=("x-app-usage", "x-business-use-case-usage"),
    rules=(
        Rule("At most 10 looks at a URL an hour and an app.", "Graph API reference, URL"),
        Rule("Meta Content Library is a clean room for accepted researchers: out of scope here.", "Meta"),
        Rule("Titles and descriptions in exports are words of a post: they are not kept.", "house rule"),
    ),
    life=(
        LifeEvent(date(2004, 2, 4), "opened"),
        LifeEvent(date(2016, 8, 8), "the old share counter (links.getStats) ended", ("url_shares",)),
        LifeEvent(date(2018, 4, 4), "the APIs were closed bit by bit after Cambridge Analytica"),
        LifeEvent(date(2024, 8, 14), "CrowdTangle was shut (third parties)"),
        LifeEvent(date(2025, 11, 1), "views replace impressions (third parties)", ("impressions",)),
    ),
    hosts=("facebook.com", "l.facebook.com", "lm.facebook.com", "m.facebook.com", "fb.me", "fb.com"),
    sources=("Graph API reference, URL", "Business Suite and Page Insights exports (third parties)"),
)  # fmt: skip

ASKS = frozenset({"url"})
TELLS = {"url": ("url_reactions", "url_comments", "url_shares", "url_plugin_comments")}


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Engagement counters of URLs, as readings (see ``graph``)."""
    from analysis.platforms.facebook import graph

    return graph.fetch(asks, session)


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """Requests ``fetch`` would make."""
    from analysis.platforms.facebook import graph

    return graph.plan(asks, session)


IMPORTS = {"insights": posts}
