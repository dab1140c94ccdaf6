"""Google Search Console: clicks and impressions by hour and page, ten days back, through its API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from analysis.platforms.card import Access, Card, Limit, Rule
from analysis.platforms.contract import Ask, Plan, Session, understood
from analysis.tables import Batch
from analysis.traffic import google
from analysis.traffic.counted import Counted
from analysis.traffic.exposure import METRICS, SEARCH
from analysis.urls import identity

CARD = Card(
    name="search_console",
    title="Google Search Console",
    purpose=(),
    mechanism="Google counts what it showed and what was clicked in its results.",
    links=(),
    metrics=METRICS,
    access=Access(
        google.KEYS,
        "free",
        "Add a service account as a user of the property and set VIRALITY_SEARCH_CONSOLE_CREDENTIALS; "
        "VIRALITY_SEARCH_CONSOLE_PROPERTY names the property when it is not sc-domain:<site>.",
    ),
    limits=(Limit(1200, 60, "site"),),
    rules=(Rule("Only the top rows of a day are given; rare pages may be left out.", "Search Console API"),),
    sources=("https://developers.google.com/webmaster-tools/v1/searchanalytics/query",),
)
ASKS = frozenset({"site"})
AGES = (timedelta(0),)
BASE = "https://searchconsole.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/webmasters.readonly"
PAGE, MOST = 25_000, 50_000
BACK, HOUR = timedelta(days=10), timedelta(hours=1)
# the API's days are those of this zone
PACIFIC = ZoneInfo("America/Los_Angeles")


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A request for each day of the last ten."""
    return Plan(10 * len(asks), what=tuple(f"search clicks of {ask.value}" for ask in asks))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Hourly clicks and impressions of the last ten days; hours that may still change are partial."""
    auth = google.headers(session, SCOPE)
    for ask in asks:
        now = session.now()
        name = session.option("property", f"sc-domain:{ask.value}")
        base = session.option("base_url", BASE)
        url = f"{base}/webmasters/v3/sites/{quote(name, safe='')}/searchAnalytics/query"
        since = max(now - BACK, ask.since or now - BACK).astimezone(PACIFIC).date()
        day = since
        while day <= now.astimezone(PACIFIC).date():
            counted = Counted(
                identity(f"https://{ask.value}/"), f"search_console {name}", now, "searchAnalytics"
            )
            _day(counted, session, url, auth, day.isoformat(), now)
            yield counted.batch()
            day += timedelta(days=1)
        session.done(ask)


def _day(counted: Counted, session: Session, url: str, auth: dict[str, str], day: str, now: datetime) -> None:
    first = 0
    while True:
        answer = session.get_json(
            url,
            headers=auth,
            body={
                "startDate": day,
                "endDate": day,
                "dimensions": ["HOUR", "PAGE"],
                "dataState": "HOURLY_ALL",
                "rowLimit": PAGE,
                "startRow": first,
            },
        )
        with understood("search analytics"):
            rows = answer.get("rows", [])
            meta = answer.get("metadata", {})
            told = meta.get("firstIncompleteHour") or meta.get("first_incomplete_hour")
            incomplete = datetime.fromisoformat(told) if told else now
            for row in rows:
                start = datetime.fromisoformat(row["keys"][0])
                try:
                    for metric in ("clicks", "impressions"):
                        counted.add(
                            row["keys"][1],
                            SEARCH,
                            metric,
                            start,
                            start + HOUR,
                            float(row[metric]),
                            partial=start >= incomplete,
                        )
                except ValueError as error:
                    counted.aside(str(error), row["keys"][1])
        first += len(rows)
        if len(rows) < PAGE or first >= MOST:
            break
