"""LinkedIn: what one's own organisation or profile reached. No count of a URL exists any more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session
from analysis.platforms.linkedin.workbooks import COLUMNS, creator, page
from analysis.tables import Batch

_UNIQUE = "; people, not to be added up"
_DAILY = sorted({name for name in COLUMNS.values() if name not in ("date", "link", "created")})


def _adds(name: str) -> bool:
    return "unique" not in name and "reached" not in name


def _words(name: str) -> str:
    return name.replace("_", " ") + ("" if _adds(name) else _UNIQUE)


CARD = Card(
    name="linkedin",
    title="LinkedIn",
    purpose=("networking",),
    mechanism="Members and companies share with connections and followers; a ranked feed spreads what these "
    "react to, for days.",
    links=(LinkPolicy("nofollow", None, "behind lnkd.in and a redirect page"),),
    metrics=(
        *(
            Metric(name, "count", "interval", f"{_words(name)}, in one day", name.removesuffix("_organic"),
                   adds=_adds(name))
            for name in _DAILY
        ),
        *(
            Metric(f"post_{name}", "count", "reading", f"{_words(name)} of a post, when exported", name,
                   adds=_adds(name))
            for name in _DAILY
        ),
        Metric("shares", "shares", "reading", "shares of a URL: told in public until 2018", "url shares"),
        Metric("period_impressions", "views", "interval", "impressions in an export's whole period",
               "impressions in a period"),
        Metric(
            "period_members_reached", "people", "interval", "members reached in an export's whole period; "
            "not to be added up", "members reached", adds=False,
        ),
        Metric("period_post_engagements", "acts", "interval", "engagements of a top post in it",
               "engagements of top posts"),
        Metric("period_post_impressions", "views", "interval", "impressions of a top post in it",
               "impressions of top posts"),
        Metric("followers", "members", "reading", "followers on the day the export names", "followers",
               adds=False),
        Metric(
            "follower_share", "fraction", "reading", "share of followers with a property, rounded; "
            "below 1 % is suppressed", "follower shares", cumulative=False, adds=False,
        ),
    ),
    access=Access(
        (Key("access_token", "a member's token with the scope rw_organization_admin"),),
        "free, after review of the app (Community Management API)",
        "Make an app at developer.linkedin.com, have it reviewed, and set VIRALITY_LINKEDIN_ACCESS_TOKEN. "
        "The exports need no token: Analytics, Export.",
    ),
    limits=(Limit(100, 60, "app; LinkedIn publishes none, this is ours (unconfirmed)"),),
    rules=(
        Rule("Only your own organisation can be asked about.", "LinkedIn docs"),
        Rule("Requests name a version (LinkedIn-Version: YYYYMM) that ends in time.", "LinkedIn docs"),
    ),
    life=(
        LifeEvent(date(2003, 5, 5), "opened"),
        LifeEvent(date(2018, 2, 1), "the share counter of a URL was withdrawn; it answered 0 for every URL", (
            "url_shares",)),
        LifeEvent(date(2023, 6, 1), "unversioned marketing APIs are retired step by step"),
    ),
    hosts=("linkedin.com", "lnkd.in", "com.linkedin.android"),
    retired="No count of a URL: the share counter ended in February 2018. What is left is your own "
    "organisation's statistics and exports.",
    sources=("LinkedIn docs, organizationalEntityShareStatistics", "a creator workbook's layout"),
)  # fmt: skip

ASKS = frozenset({"account"})


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Daily statistics of own organisations, as intervals (see ``api``)."""
    from analysis.platforms.linkedin import api

    return api.fetch(asks, session)


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """Requests ``fetch`` would make. Unknown without a key."""
    session.key("access_token")
    return Plan(len(asks), 0.0, (f"daily share statistics of {len(asks):,} organisations",))


IMPORTS = {"creator": creator, "page": page}

# its figures are by day
AGES = (timedelta(days=1),)
