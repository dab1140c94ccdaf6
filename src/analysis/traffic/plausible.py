"""Plausible: visits and page views by hour, page and referrer, through its Stats API v2 or its CSV export."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from analysis.errors import UserError
from analysis.platforms.card import Access, Card, Key, Limit, Rule
from analysis.platforms.contract import Ask, Plan, Session, understood
from analysis.tables import Batch
from analysis.traffic.counted import Counted, local_bin, of_source, since_last
from analysis.traffic.exposure import ALL, METRICS
from analysis.urls import identity

CARD = Card(
    name="plausible",
    title="Plausible",
    purpose=(),
    mechanism="Counts in the visitor's browser without cookies; it leaves out known bots by itself.",
    links=(),
    metrics=METRICS,
    access=Access(
        (
            Key("key", "a Stats API key"),
            Key("zone", "the site's reporting time zone; UTC by default", secret=False, required=False),
        ),
        "part of a subscription; free when self-hosted",
        "Make a Stats API key in the account's settings and set VIRALITY_PLAUSIBLE_KEY, and "
        "VIRALITY_PLAUSIBLE_ZONE as in the site's settings; VIRALITY_PLAUSIBLE_BASE_URL if self-hosted.",
    ),
    limits=(Limit(600, 3600, "key"),),
    rules=(Rule("Answers carry no rate headers: the limit is kept by counting.", "Plausible Stats API"),),
    sources=("https://plausible.io/docs/stats-api",),
)
ASKS = frozenset({"site"})
AGES = (timedelta(0),)
BASE = "https://plausible.io"
PAGE = 10_000
BACK, AGAIN, HOUR, DAY = timedelta(days=30), timedelta(hours=2), timedelta(hours=1), timedelta(days=1)
# a visit belongs to the page it began with; a page view to the page itself
QUESTIONS = {"visits": "visit:entry_page", "pageviews": "event:page"}


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """Two queries a site; more when an answer has several pages."""
    return Plan(2 * len(asks), what=tuple(f"visits and page views of {ask.value}" for ask in asks))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Hourly counts of each site since the last time."""
    auth = {"Authorization": f"Bearer {session.key('key').get_secret_value()}"}
    zone = ZoneInfo(session.option("zone", "UTC"))
    url = f"{session.option('base_url', BASE)}/api/v2/query"

    def read(ask: Ask, since: datetime, now: datetime) -> Batch:
        counted = Counted(identity(f"https://{ask.value}/"), f"plausible {ask.value}", now, "plausible query")
        for metric, page in QUESTIONS.items():
            _ask(counted, session, url, auth, ask.value, metric, page, since.astimezone(zone), zone, now)
        return counted.batch()

    yield from since_last(asks, session, read, BACK, AGAIN)


def _ask(
    counted: Counted,
    session: Session,
    url: str,
    auth: dict[str, str],
    site: str,
    metric: str,
    page: str,
    since: datetime,
    zone: ZoneInfo,
    now: datetime,
) -> None:
    offset = 0
    while True:
        answer = session.get_json(
            url,
            headers=auth,
            body={
                "site_id": site,
                "metrics": [metric],
                "date_range": [
                    since.replace(minute=0, second=0, microsecond=0).isoformat(),
                    now.astimezone(zone).isoformat(),
                ],
                "dimensions": ["time:hour", page, "visit:referrer", "visit:utm_source"],
                "include": {"total_rows": True},
                "pagination": {"limit": PAGE, "offset": offset},
            },
        )
        with understood("the query's answer"):
            rows = answer["results"]
            warning = answer.get("meta", {}).get("metric_warnings", {}).get(metric, {}).get("warning")
            for row in rows:
                _row(counted, row, metric, zone, now, warning)
            total = answer.get("meta", {}).get("total_rows", offset + len(rows))
        offset += len(rows)
        if not rows or offset >= total:
            break


def _row(
    counted: Counted, row: dict[str, Any], metric: str, zone: ZoneInfo, now: datetime, warning: str | None
) -> None:
    hour, path, referrer, tag = row["dimensions"]
    start, end = local_bin(datetime.fromisoformat(hour), zone, HOUR)
    platform = of_source(referrer, "", counted.own)
    if platform == "direct":
        platform = of_source(tag, "", counted.own)
    try:
        counted.add(
            path, platform, metric, start, end, float(row["metrics"][0]), partial=end > now, reason=warning
        )
    except ValueError as error:
        counted.aside(str(error), path)


def read_export(
    path: Path, observed_at: datetime | None = None, account: str | None = None, zone: str | None = None
) -> Iterator[Batch]:
    """The account's export: a zip of ``imported_*.csv``, or one of them. Days, not hours.

    ``imported_entry_pages`` gives visits by page and ``imported_pages`` page views, from all sources
    together; ``imported_sources`` gives the site's visits by source. The export does not cross them.

    Raises
    ------
    UserError
        When none of these files is in it.
    """
    made = observed_at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if account is None:
        raise UserError(
            "a Plausible export names no host for all: say which site it is of, with --account https://example.com"
        )
    root = identity(account if "://" in account else f"https://{account}")
    counted = Counted(root, "plausible csv", made, path.name)
    found = 0
    for name, text in _files(path):
        kind = next((kind for kind in _KINDS if kind in name), None)
        if kind is not None:
            found += 1
            _read(counted, text, kind, made, ZoneInfo(zone or "UTC"), found * 10_000_000)
    if not found:
        raise UserError(f"{path.name} holds none of {', '.join(_KINDS)}: it is no Plausible export")
    yield counted.batch()


_KINDS = {
    "imported_entry_pages": ("entry_page", "entrances", "visits"),
    "imported_pages": ("page", "pageviews", "pageviews"),
    "imported_sources": ("source", "visits", "visits"),
}


def _files(path: Path) -> Iterator[tuple[str, str]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            for name in sorted(packed.namelist()):
                if name.endswith(".csv"):
                    yield name, packed.read(name).decode("utf-8-sig")
    else:
        yield path.name, path.read_text("utf-8-sig")


def _read(counted: Counted, text: str, kind: str, made: datetime, zone: ZoneInfo, base: int) -> None:
    column, value, metric = _KINDS[kind]
    for line, row in enumerate(csv.DictReader(io.StringIO(text)), 2):
        try:
            start, end = local_bin(datetime.fromisoformat(row["date"]), zone, DAY)
            if kind == "imported_sources":
                named = row.get("referrer") or row[column] or ""
                page, platform = counted.root.url, of_source(named, row.get("utm_medium") or "", counted.own)
            else:
                host = row.get("hostname") or ""
                page, platform = host + row[column] if host else row[column], ALL
            counted.add(
                page, platform, metric, start, end, float(row[value]), partial=end > made, row=base + line
            )
        except (ValueError, KeyError, TypeError) as error:
            counted.aside(f"{kind}: {error}", str(list(row.values()))[:200], line)


IMPORTS = {"csv": read_export}
