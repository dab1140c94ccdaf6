"""Matomo: visits and page views by hour, page and referrer, from its visit log (Live.getLastVisitsDetails).

Its reports cross page and referrer by the day only; the visit log has the moment. Visitors' addresses
and ids in the answer are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.platforms.card import Access, Card, Key, Limit, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, understood
from analysis.tables import Batch
from analysis.traffic.counted import Counted, of_source, since_last
from analysis.traffic.exposure import AI, DIRECT, METRICS, SEARCH
from analysis.traffic.referrers import of_referrer
from analysis.urls import identity

CARD = Card(
    name="matomo",
    title="Matomo",
    purpose=(),
    mechanism="Counts in the visitor's browser or from a log; it leaves out known bots by itself.",
    links=(),
    metrics=METRICS,
    access=Access(
        (
            Key("token", "token_auth of a user who may view the site"),
            Key("base_url", "where Matomo is, as https://matomo.example.com", secret=False),
            Key("site_id", "the site's number; 1 by default", secret=False, required=False),
        ),
        "free when self-hosted",
        "Make a token under Administration, Personal, Security and set VIRALITY_MATOMO_TOKEN and "
        "VIRALITY_MATOMO_BASE_URL.",
    ),
    limits=(Limit(350, 60, "Matomo Cloud, a user"),),
    rules=(Rule("The visit log holds personal data: only counts are kept.", "Matomo privacy guide"),),
    sources=("https://developer.matomo.org/api-reference/reporting-api",),
)
ASKS = frozenset({"site"})
AGES = (timedelta(0),)
PAGE = 500
BACK, AGAIN, HOUR, DAY = timedelta(days=30), timedelta(hours=24), timedelta(hours=1), timedelta(days=1)


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A request for each day at least."""
    return Plan(30 * len(asks), what=tuple(f"the visit log of {ask.value}" for ask in asks))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Hourly counts of each site, day by day of the site since the last time."""
    token = session.key("token").get_secret_value()
    base = session.key("base_url").get_secret_value().rstrip("/")

    def read(ask: Ask, since: datetime, now: datetime) -> Batch:
        root = identity(f"https://{ask.value}/")
        counted = Counted(root, f"matomo {ask.value}", now, "Live.getLastVisitsDetails")
        # days are the site's: one more on either side holds every hour that is asked for
        day, last = (since - DAY).date(), (now + DAY).date()
        hour = since.replace(minute=0, second=0, microsecond=0)
        while day <= last:
            _day(counted, session, base, token, day.isoformat(), hour, now)
            day += DAY
        return counted.batch()

    yield from since_last(asks, session, read, BACK, AGAIN)


def _day(
    counted: Counted, session: Session, base: str, token: str, day: str, since: datetime, now: datetime
) -> None:
    offset = 0
    while True:
        visits = session.get_json(
            f"{base}/index.php",
            form={
                "module": "API",
                "method": "Live.getLastVisitsDetails",
                "idSite": session.option("site_id", "1"),
                "period": "day",
                "date": day,
                "format": "JSON",
                "filter_limit": PAGE,
                "filter_offset": offset,
                "token_auth": token,
            },
        )
        if isinstance(visits, dict):
            said = str(visits.get("message", "an answer that is no list"))
            blocked = any(word in said.lower() for word in ("token", "access", "permission", "disabled"))
            raise Unknown("blocked" if blocked else "failed", f"Matomo says: {said[:200]}")
        with understood("the visit log"):
            for visit in visits:
                _visit(counted, visit, since, now)
        if len(visits) < PAGE:
            return
        offset += len(visits)


def _visit(counted: Counted, visit: dict[str, Any], since: datetime, now: datetime) -> None:
    platform = _platform(visit, counted.own)
    begun = False
    for action in visit["actionDetails"]:
        if action.get("type") != "action":
            continue
        at = datetime.fromtimestamp(int(action.get("timestamp") or visit["serverTimestamp"]), UTC)
        start = at.replace(minute=0, second=0)
        if not since <= at <= now:
            begun = True
            continue
        try:
            for metric in ("pageviews",) if begun else ("pageviews", "visits"):
                counted.add(
                    action["url"], platform, metric, start, start + HOUR, 1, partial=start + HOUR > now
                )
        except ValueError as error:
            counted.aside(str(error), str(action.get("url", "")))
        begun = True


def _platform(visit: dict[str, Any], own: frozenset[str]) -> str:
    kind, name = visit.get("referrerType") or "", visit.get("referrerName") or ""
    if kind == "direct":
        return DIRECT
    if kind == "search":
        return SEARCH
    if kind in ("ai", "ai_assistant", "aiassistant"):
        return AI
    if kind == "campaign":
        return of_source(name, "", own)
    return of_referrer(visit.get("referrerUrl") or name, own)
