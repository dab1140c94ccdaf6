"""Google Analytics 4: sessions and page views by hour, page and referrer, through the Data API.

Sessions are counted where they start (event session_start), by the page's own referrer: the session's
source in GA4 is the last one that was not direct, days back. Page views stand under the referrer of the
page itself. Its hours are local: the one that clocks repeat is one bin of two.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis.errors import UserError
from analysis.platforms.card import Access, Card, Key, Limit, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, understood
from analysis.tables import Batch
from analysis.traffic import google
from analysis.traffic.counted import NONE, Counted, local_bin, of_source, since_last
from analysis.traffic.exposure import METRICS
from analysis.traffic.referrers import of_referrer
from analysis.urls import identity

CARD = Card(
    name="ga4",
    title="Google Analytics 4",
    purpose=(),
    mechanism="Counts in the visitor's browser: who blocks it or refuses consent is not seen.",
    links=(),
    metrics=METRICS,
    access=Access(
        (*google.KEYS, Key("property", "the property's number", secret=False)),
        "free within quota",
        "Create a service account in Google Cloud, give it the Viewer role in the property, and set "
        "VIRALITY_GA4_PROPERTY and VIRALITY_GA4_CREDENTIALS.",
    ),
    limits=(Limit(10, 1, "courtesy; the quota is in tokens, 40,000 an hour for a standard property"),),
    rules=(Rule("Sampled and thresholded reports say so; what they withhold is unknown.", "GA4 Data API"),),
    sources=("https://developers.google.com/analytics/devguides/reporting/data/v1",),
)
ASKS = frozenset({"site"})
AGES = (timedelta(0),)
BASE = "https://analyticsdata.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
PAGE = 100_000
BACK, SETTLES = timedelta(days=30), timedelta(hours=48)
EVENTS = {"session_start": "visits", "page_view": "pageviews"}
HOUR = timedelta(hours=1)


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One report a site; more when it has more rows than a page."""
    return Plan(len(asks), what=tuple(f"sessions and page views of {ask.value}" for ask in asks))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Hourly visits and page views of each site since the last time, the last two days again."""
    auth = google.headers(session, SCOPE)
    name = session.key("property").get_secret_value().removeprefix("properties/")
    url = f"{session.option('base_url', BASE)}/v1beta/properties/{name}:runReport"

    def read(ask: Ask, since: datetime, now: datetime) -> Batch:
        return _report(ask, session, url, auth, name, since, now)

    yield from since_last(asks, session, read, BACK, SETTLES)


def _report(
    ask: Ask, session: Session, url: str, auth: dict[str, str], name: str, since: datetime, now: datetime
) -> Batch:
    counted = Counted(identity(f"https://{ask.value}/"), f"ga4 {name}", now, "ga4 runReport")
    offset, total = 0, 1
    while offset < total:
        answer = session.get_json(
            url,
            headers=auth,
            body={
                "dateRanges": [{"startDate": f"{since:%Y-%m-%d}", "endDate": f"{now:%Y-%m-%d}"}],
                "dimensions": [{"name": n} for n in ("dateHour", "eventName", "fullPageUrl", "pageReferrer")],
                "metrics": [{"name": "eventCount"}],
                "dimensionFilter": {
                    "filter": {"fieldName": "eventName", "inListFilter": {"values": list(EVENTS)}}
                },
                "orderBys": [{"dimension": {"dimensionName": "dateHour"}}],
                "limit": str(PAGE),
                "offset": str(offset),
                "keepEmptyRows": False,
                "returnPropertyQuota": True,
            },
        )
        with understood("the report"):
            rows = answer.get("rows", [])
            total = int(answer.get("rowCount", 0))
            meta = answer.get("metadata", {})
            zone = ZoneInfo(meta.get("timeZone", "UTC"))
            for row in rows:
                _row(counted, row, zone, _sampled(meta), now)
            _withheld(counted, meta, since, now)
        offset += len(rows)
        if not rows:
            break
        left = answer.get("propertyQuota", {}).get("tokensPerHour", {})
        if offset < total and left.get("remaining", 1) <= left.get("consumed", 0):
            raise Unknown(
                "rate_limited",
                f"GA4: the property's tokens of this hour are used up after {offset:,} of {total:,} rows",
                retry_after=3600,
            )
    return counted.batch()


def _row(counted: Counted, row: dict[str, Any], zone: ZoneInfo, sampled: str | None, now: datetime) -> None:
    hour, event, url, referrer = (value["value"] for value in row["dimensionValues"])
    value = float(row["metricValues"][0]["value"])
    if hour == "(other)" or url in ("(other)", "(not set)", ""):
        counted.aside(f"{value:g} events in a row named {url or hour}: too many different pages for GA4")
        return
    start, end = local_bin(datetime.strptime(hour, "%Y%m%d%H"), zone, HOUR)
    platform = of_referrer("" if referrer.lower() in NONE else referrer, counted.own)
    try:
        counted.add(
            url, platform, EVENTS[event], start, end, value, partial=end > now - SETTLES, reason=sampled
        )
    except ValueError as error:
        counted.aside(str(error), url)


def _sampled(meta: dict[str, Any]) -> str | None:
    found = meta.get("samplingMetadatas")
    if not found:
        return None
    return f"sampled: from {found[0]['samplesReadCount']} of {found[0]['samplingSpaceSize']} events"


def _withheld(counted: Counted, meta: dict[str, Any], since: datetime, now: datetime) -> None:
    start = since.replace(minute=0, second=0, microsecond=0)
    if meta.get("subjectToThresholding"):
        counted.unknown(
            "visits", start, now, "suppressed", "GA4 withheld rows with too few visitors (thresholding)"
        )
    elif meta.get("dataLossFromOtherRow"):
        counted.unknown("visits", start, now, "suppressed", "GA4 rolled rows up into (other)")


COLUMNS = {
    "page": (
        "page path and screen class",
        "page path + query string",
        "page path",
        "landing page",
        "full page url",
        "landing page + query string",
        "pagepath",
    ),
    "source": ("session source / medium", "session source/medium", "source / medium", "session source"),
    "hour": ("date + hour (yyyymmddhh)", "date hour", "datehour"),
    "date": ("date", "nth day"),
    "pageviews": ("views", "screenpageviews"),
    "visits": ("sessions",),
}


def read_csv(
    path: Path, observed_at: datetime | None = None, account: str | None = None, zone: str | None = None
) -> Iterator[Batch]:
    """A report's "Download CSV": comment lines with its dates, a header, rows.

    ``account`` is the site's address. Without a date column the whole period of the report is one bin.

    Raises
    ------
    UserError
        When the file has no header this suite knows.
    """
    if account is None:
        raise UserError(
            "a GA4 export names no host: say which site it is of, with --account https://example.com"
        )
    root = identity(account if "://" in account else f"https://{account}")
    text = path.read_text("utf-8-sig").splitlines()
    notes = dict(line[1:].partition(":")[::2] for line in text if line.startswith("#") and ":" in line)
    dates = {key.strip().lower(): value.strip() for key, value in notes.items()}
    body = [(n, line) for n, line in enumerate(text, 1) if line.strip() and not line.startswith("#")]
    table = list(csv.reader(io.StringIO("\n".join(line for _, line in body))))
    header = [name.strip().lower() for name in table[0]] if table else []
    at = {key: next((header.index(n) for n in names if n in header), -1) for key, names in COLUMNS.items()}
    if at["page"] < 0 or (at["pageviews"] < 0 and at["visits"] < 0):
        raise UserError(
            f"{path.name} is no GA4 export with pages and views or sessions; its columns: {', '.join(header)}"
        )
    made = observed_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    local = ZoneInfo(zone or "UTC")
    counted = Counted(root, "ga4 csv", made, path.name)
    for (line, _), cells in zip(body[1:], table[1:], strict=True):
        try:
            start, end = _when(cells, at, dates, local)
            name, _, medium = (cells[at["source"]] if at["source"] >= 0 else "(not set)").partition(" / ")
            platform = of_source(name, medium, counted.own) if at["source"] >= 0 else "all"
            for metric in ("pageviews", "visits"):
                if at[metric] >= 0:
                    value = float(cells[at[metric]].replace(",", ""))
                    counted.add(
                        cells[at["page"]], platform, metric, start, end, value, partial=end > made, row=line
                    )
        except (ValueError, IndexError, KeyError) as error:
            counted.aside(str(error), ",".join(cells), line)
    yield counted.batch()


def _when(
    cells: list[str], at: dict[str, int], dates: dict[str, str], zone: ZoneInfo
) -> tuple[datetime, datetime]:
    if at["hour"] >= 0:
        return local_bin(datetime.strptime(cells[at["hour"]], "%Y%m%d%H"), zone, HOUR)
    day = timedelta(days=1)
    if at["date"] >= 0:
        return local_bin(datetime.strptime(cells[at["date"]].replace("-", ""), "%Y%m%d"), zone, day)
    first = datetime.combine(_date(dates["start date"]), datetime.min.time())
    last = datetime.combine(_date(dates["end date"]), datetime.min.time())
    return local_bin(first, zone, last - first + day)


def _date(text: str) -> date:
    return datetime.strptime(text.replace("-", ""), "%Y%m%d").date()


IMPORTS = {"csv": read_csv}
