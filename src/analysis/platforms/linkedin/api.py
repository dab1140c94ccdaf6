"""Share statistics of an organisation, by day, from LinkedIn's versioned API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from analysis.platforms.contract import Ask, Session, Unknown, each, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch

VERSION = "202610"
DAY = timedelta(days=1)
YEAR = timedelta(days=365)
# figures of a day still change for a day or two; so much is asked again
SETTLING = timedelta(days=3)
COUNTERS = {
    "impressionCount": "impressions_organic",
    "uniqueImpressionsCount": "unique_impressions_organic",
    "clickCount": "clicks_organic",
    "likeCount": "reactions_organic",
    "commentCount": "comments_organic",
    "shareCount": "reposts_organic",
}


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """One request an organisation: its organic counts of each UTC day of at most the last twelve months.

    A version that LinkedIn has ended makes everything unknown: withdrawn, naming the option to set.
    """
    version = session.option("version", VERSION)
    headers = {
        "Authorization": f"Bearer {session.key('access_token').get_secret_value()}",
        "LinkedIn-Version": version,
        "X-Restli-Protocol-Version": "2.0.0",
    }
    base = session.option("base_url", "https://api.linkedin.com").rstrip("/")
    for ask in asks:
        number = ask.value.rstrip("/").rpartition("/")[2].rpartition(":")[2]
        if not number.isdigit():
            session.unknown(ask, Unknown("failed", f"{ask.value!r} is no organisation number"))
            continue
        now = session.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        start = _start(ask, session, midnight)
        span = f"(timeRange:(start:{_ms(start)},end:{_ms(midnight + DAY)}),timeGranularityType:DAY)"
        # Rest.li wants its brackets and colons as they are, so the query is not left to the client
        url = (
            f"{base}/rest/organizationalEntityShareStatistics?q=organizationalEntity"
            f"&organizationalEntity={quote(f'urn:li:organization:{number}', safe='')}&timeIntervals={span}"
        )
        try:
            answer = session.get_json(
                url, headers=headers, meaning=lambda code, body: _meaning(code, body, version)
            )
            yield _days(ask, answer, number, session)
        except Unknown as error:
            if error.status in ("failed", "blocked") and not error.passing and error.http != 401:
                session.unknown(ask, error)  # another organisation may well be ours
                continue
            raise
        session.save(_place(ask), (midnight - SETTLING).isoformat())
        session.done(ask)


def _place(ask: Ask) -> str:
    return f"counted {ask.value}"


def _start(ask: Ask, session: Session, midnight: datetime) -> datetime:
    stood = session.load(_place(ask))
    wanted = [midnight - YEAR, *([moment(stood)] if stood else []), *([ask.since] if ask.since else [])]
    start = max(wanted).replace(hour=0, minute=0, second=0, microsecond=0)
    return min(start, midnight)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _days(ask: Ask, answer: Any, number: str, session: Session) -> Batch:
    rows = Rows("linkedin", session.now(), ask.observer("linkedin statistics"), "linkedin share statistics")
    content = rows.content(ask.url or f"https://www.linkedin.com/company/{number}/")

    def day(element: dict[str, Any]) -> None:
        span, totals = element["timeRange"], element["totalShareStatistics"]
        start, end = moment(span["start"] / 1000), moment(span["end"] / 1000)
        values = {metric: count(totals[name]) for name, metric in COUNTERS.items() if name in totals}
        if not values:
            raise KeyError("impressionCount")
        if end <= start:
            raise ValueError(f"a day that ends at {end} and starts at {start}")
        for metric, value in values.items():
            rows.interval(content, metric, start, end, value, partial=end > rows.observed_at)

    with understood("share statistics"):
        elements = answer["elements"]
    each(elements, day, rows, "share statistics")
    return rows.batch()


def _meaning(code: int, body: Any, version: str) -> Unknown | None:
    said = body if isinstance(body, dict) else {}
    name, words = str(said.get("code", "")), str(said.get("message", ""))[:200]
    if code == 426 or name in ("NONEXISTENT_VERSION", "VERSION_MISSING"):
        return Unknown(
            "withdrawn",
            f"LinkedIn no longer answers version {version} ({words}); set VIRALITY_LINKEDIN_VERSION to a "
            "newer one, as YYYYMM",
        )
    return None
