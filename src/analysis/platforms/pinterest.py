"""Pinterest: the pins of a business account of one's own, and their daily analytics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, each, one_by_one, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch

CARD = Card(
    name="pinterest",
    title="Pinterest",
    purpose=("bookmarks", "direct exposure"),
    mechanism="People save pins to boards; search and recommendations show a pin for months and years.",
    links=(LinkPolicy("nofollow", None, "links of pins"),),
    metrics=(
        Metric(
            "saves", "saves", "interval", "Saves of one's own pins of this page, in a day", "saves", False
        ),
        Metric(
            "impressions",
            "impressions",
            "interval",
            "Times one's own pins were on a screen, in a day",
            "impressions",
            False,
        ),
        Metric(
            "outbound_clicks",
            "clicks",
            "interval",
            "Clicks from one's own pins to the page, in a day",
            "clicks",
            False,
        ),
        Metric(
            "pin_clicks",
            "clicks",
            "interval",
            "Clicks that enlarge one's own pins, in a day",
            "pin clicks",
            False,
        ),
        Metric("pin", "acts", "event", "A pin of the watched account", "pins"),
    ),
    access=Access(
        (Key("access_token", "an OAuth token with pins:read, boards:read and user_accounts:read"),),
        "free; trial access 1,000 requests a day",
        "Register an app with a business account at https://developers.pinterest.com, and set "
        "VIRALITY_PINTEREST_ACCESS_TOKEN. The watched account is the token's own.",
    ),
    limits=(Limit(1000, 86_400, "app, on trial"),),
    limit_headers=("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    rules=(Rule("Own pins only; numbers of the last 90 days.", "Pinterest API v5 documentation"),),
    life=(LifeEvent(date(2010, 3, 1), "launched (month known, day not)"),),
    hosts=(
        "pinterest.com",
        "pin.it",
        "pinterest.co.uk",
        "pinterest.de",
        "pinterest.fr",
        "pinterest.ca",
        "pinterest.es",
        "pinterest.it",
        "pinterest.jp",
        "pinterest.com.au",
        "com.pinterest",
    ),
    sources=("https://developers.pinterest.com/docs/api/v5/",),
)

ITEM_PAGE = "https://www.pinterest.com/pin/{item}/"
ASKS = frozenset({"account"})
BASE = "https://api.pinterest.com/v5"
OBSERVER = "pinterest api"
PAGE = 250
DAY = timedelta(days=1)
AGES = (DAY,)
BACK, FARTHEST = timedelta(days=30), timedelta(days=89)
KINDS = {
    "saves": "SAVE",
    "impressions": "IMPRESSION",
    "outbound_clicks": "OUTBOUND_CLICK",
    "pin_clicks": "PIN_CLICK",
}
# READY and ESTIMATE hold numbers; what the others say about a day
STATES = {"PROCESSING": ("not_yet", "Pinterest is still counting this day")}


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """A request for every 250 pins, and one a pin: how many there are is not known before."""
    if asks:
        session.key("access_token")
    return Plan(2 * len(asks), what=(f"{len(asks)} accounts; one request a pin besides",) if asks else ())


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Pins as events; saves, impressions and clicks as daily intervals of the page they link to."""
    session.key("access_token")
    yield from one_by_one(asks, session, _account)


def _get(session: Session, path: str, params: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {session.key('access_token').get_secret_value()}"}
    return session.get_json(f"{session.option('base_url', BASE)}/{path}", params, headers=headers)


def _account(ask: Ask, session: Session) -> Iterator[Batch]:
    pins: dict[str, str] = {}
    params: dict[str, Any] = {"page_size": PAGE}
    while True:
        page = _get(session, "pins", params)
        rows = Rows(CARD.name, session.now(), ask.observer(OBSERVER), "/v5/pins")

        def use(pin: dict[str, Any], rows: Rows = rows) -> None:
            native = str(pin["id"])
            created = _when(pin["created_at"])
            content = rows.content(
                pin.get("link") or f"https://www.pinterest.com/pin/{native}/", pin.get("title")
            )
            rows.event(native, content, "pin", created, actor=session.actor(ask.value))
            pins[native] = content

        with understood("Pinterest's pins"):
            items = page["items"]
        each(items, use, rows, "a pin")
        yield rows.batch()
        if not page.get("bookmark"):
            break
        params["bookmark"] = page["bookmark"]
    yield _analytics(ask, pins, session)


def _when(text: str) -> datetime:
    """Pinterest writes times without a zone, and means UTC."""
    naive = datetime.fromisoformat(text).tzinfo is None
    return moment(f"{text}+00:00" if naive else text)


def _analytics(ask: Ask, pins: dict[str, str], session: Session) -> Batch:
    """Daily numbers; several pins of one page are added up, and unknown where one of them is."""
    now = session.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    place = f"day {ask.value}"
    saved = session.load(place)
    start = moment(saved) - 2 * DAY if saved else ask.since or today - BACK
    start = min(max(start, today - FARTHEST), today - DAY)
    params = {
        "start_date": f"{start:%Y-%m-%d}",
        "end_date": f"{today:%Y-%m-%d}",
        "metric_types": ",".join(KINDS.values()),
    }
    sums: dict[tuple[str, str, datetime], list[float | tuple[str, str]]] = defaultdict(list)
    for native, content in pins.items():
        answer = _get(session, f"pins/{native}/analytics", params)
        with understood("Pinterest's analytics"):
            for day in answer["all"]["daily_metrics"]:
                begin = datetime.strptime(day["date"], "%Y-%m-%d").replace(tzinfo=UTC)
                state = day["data_status"]
                for metric, name in KINDS.items():
                    known = state in ("READY", "ESTIMATE")
                    sums[content, metric, begin].append(
                        count(day["metrics"][name])
                        if known
                        else STATES.get(state, ("suppressed", f"Pinterest gives no number: {state}"))
                    )
    rows = Rows(CARD.name, now, ask.observer(OBSERVER), "/v5/pins/analytics")
    for (content, metric, begin), values in sums.items():
        why = next((value for value in values if isinstance(value, tuple)), None)
        end = begin + DAY
        if why is None:
            total = sum(value for value in values if not isinstance(value, tuple))
            rows.interval(content, metric, begin, end, total, partial=end > now)
        else:
            rows.interval(content, metric, begin, end, None, partial=end > now, status=why[0], reason=why[1])
    session.save(place, today.isoformat())
    return rows.batch()
