"""Wikipedia page views: how often people opened an article, day by day (UTC), about a day late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from analysis.platforms.card import Access, Card, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, one_by_one, understood
from analysis.platforms.rows import Rows, count
from analysis.tables import Batch

CARD = Card(
    name="wikipedia",
    title="Wikipedia page views",
    purpose=("archive",),
    mechanism="Readers look things up; an article's views rise when its subject is in the news or is shared.",
    links=(
        LinkPolicy("nofollow", date(2007, 1, 21), "nofollow on all external links of the English Wikipedia"),
    ),
    metrics=(
        Metric(
            "views",
            "page views",
            "interval",
            "Views of one article in a UTC day, month or hour by agents taken for people (agent=user), on "
            "desktop, mobile web and apps; redirects to it are not counted",
            "views",
            cumulative=False,
        ),
    ),
    access=Access(
        (), "free", "No key is needed, but an address: set contact in virality.toml (or VIRALITY_CONTACT)."
    ),
    limits=(Limit(10, 1, "courtesy; the documentation asks for fewer than 100 a second"),),
    rules=(Rule("A User-Agent with a way to contact its user is mandatory.", "Wikimedia User-Agent policy"),),
    life=(
        LifeEvent(date(2015, 7, 1), "the page view definition in use begins"),
        LifeEvent(date(2020, 5, 1), "automated agents are told from people (agent=automated)", ("views",)),
    ),
    hosts=(
        "wikipedia.org",
        "en.wikipedia.org",
        "de.wikipedia.org",
        "fr.wikipedia.org",
        "es.wikipedia.org",
        "ja.wikipedia.org",
        "ru.wikipedia.org",
        "zh.wikipedia.org",
        "it.wikipedia.org",
        "pt.wikipedia.org",
        "en.m.wikipedia.org",
        "org.wikipedia",
    ),
    sources=(
        "https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html",
    ),
)

ASKS = frozenset({"url"})
AGES = tuple(timedelta(days=n) for n in range(1, 3651))
BASE = "https://wikimedia.org/api/rest_v1"
OBSERVER = "wikimedia.org"
BACK = timedelta(days=60)
BEGIN = datetime(2015, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def takes(ask: Ask) -> bool:
    """Articles only."""
    return _article(ask.value) is not None


def _article(url: str) -> tuple[str, str] | None:
    """Project and title, such as ("en.wikipedia", "Digg")."""
    parts = urlsplit(url)
    host = (parts.hostname or "").replace(".m.wikipedia", ".wikipedia").removeprefix("www.")
    if not host.endswith(".wikipedia.org") or not parts.path.startswith("/wiki/"):
        return None
    title = unquote(parts.path.removeprefix("/wiki/"))
    return (host.removesuffix(".org"), title) if title else None


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One request an article."""
    if asks:
        _contact(session)
    return Plan(len(asks), what=(f"{len(asks)} articles",) if asks else ())


def _contact(session: Session) -> None:
    if not session.contact:
        raise Unknown("not_configured", f"Wikimedia wants to know whom to write to. {CARD.access.how}")


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Daily views as intervals; days that must be there and are not are unknown."""
    _contact(session)
    yield from one_by_one(asks, session, _answer)


def _answer(ask: Ask, session: Session) -> Iterator[Batch]:
    yield _views(ask, session)
    last = session.now().replace(hour=0, minute=0, second=0, microsecond=0) - 2 * DAY
    session.save(f"day {ask.content_id}", last.isoformat())


def _views(ask: Ask, session: Session) -> Batch:
    article = _article(ask.value)
    assert article is not None
    assert ask.content_id is not None
    project, title = article
    now = session.now()
    end = now.replace(hour=0, minute=0, second=0, microsecond=0)
    saved = session.load(f"day {ask.content_id}")
    start = datetime.fromisoformat(saved) if saved else max(ask.since or now - BACK, BEGIN)
    start = min(start.replace(hour=0, minute=0, second=0, microsecond=0), end - DAY)
    name = quote(title.replace(" ", "_"), safe="")
    base = session.option("base_url", BASE)
    span = f"{start:%Y%m%d}00/{end - DAY:%Y%m%d}00"
    url = f"{base}/metrics/pageviews/per-article/{project}/all-access/user/{name}/daily/{span}"
    rows = Rows(CARD.name, now, OBSERVER, "/metrics/pageviews/per-article")
    rows.content(ask.value, title.replace("_", " "))
    try:
        answer = session.get_json(url)
    except Unknown as error:
        if error.http != 404:
            raise
        answer = {"items": []}  # how it says that it has nothing for these days
    with understood("page views"):
        items = answer["items"]
    seen: set[datetime] = set()

    def use(item: dict[str, Any]) -> None:
        begin, until = bin_of(item["timestamp"], item["granularity"])
        rows.interval(ask.content_id or "", "views", begin, until, count(item["views"]), partial=until > now)
        seen.update(begin + n * DAY for n in range(max(1, (until - begin).days)))

    each(items, use, rows, "a day of page views")
    newest = max(seen, default=None)
    day = start
    while day < end:
        if day not in seen:
            late = newest is None or day > newest
            why = "not loaded yet" if late else "the answer leaves this day out"
            status = "not_yet" if late else "failed"
            rows.interval(ask.content_id, "views", day, day + DAY, None, status=status, reason=why)
        day += DAY
    return rows.batch()


def bin_of(timestamp: str, granularity: str) -> tuple[datetime, datetime]:
    """The bin a timestamp such as "2020010100" names: start and end, UTC."""
    start = datetime.strptime(timestamp, "%Y%m%d%H").replace(tzinfo=UTC)
    if granularity == "monthly":
        return start, (start.replace(day=1) + 32 * DAY).replace(day=1)
    return start, start + {"daily": DAY, "hourly": timedelta(hours=1)}[granularity]
