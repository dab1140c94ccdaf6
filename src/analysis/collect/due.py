"""What is due: which asks a platform gets now, by the ages of what is watched and by what was read.

A counter's history exists only if somebody looked, so content is looked at again at set ages. The
age of an item counts from its own date on the platform; that of a watched URL from our first look.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from analysis.collect.watchlist import Watchlist
from analysis.platforms.contract import Ask
from analysis.urls import canonical, content_id

if TYPE_CHECKING:
    from analysis.store import Store

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
AGES = (
    *(n * MINUTE for n in (10, 20, 40)),
    *(n * HOUR for n in (1, 2, 3, 6, 12, 24, 48)),
    *(n * DAY for n in range(3, 31)),
)
DISCOVERY = timedelta(days=30)
"""How far back sites, communities and accounts are searched when the watchlist does not say."""

Marks = Mapping[str, tuple[datetime, datetime]]
"""Ask (as ``mark`` writes it) to the first and the last time it was answered."""


@dataclass(frozen=True)
class Due:
    """Asks a platform gets now, and of those the ones whose failure is news (worth an unknown row)."""

    asks: tuple[Ask, ...]
    noted: frozenset[Ask]


def mark(ask: Ask) -> str:
    """An ask as the text under which its looks are remembered."""
    return f"{ask.kind} {ask.account_kind or ''} {ask.value}"


def is_due(base: datetime, last: datetime | None, now: datetime, ages: Sequence[timedelta]) -> bool:
    """Whether a set age has passed since the last look.

    Several ages passed without a look are one look now; after the last age nothing is due.
    """
    passed = bisect_right(ages, now - base)
    if passed == 0:
        return False
    if passed == len(ages) and now - base > ages[-1] + DAY:
        return False
    return last is None or last < base + ages[passed - 1]


def due(module: ModuleType, watchlist: Watchlist, store: Store, marks: Marks, now: datetime) -> Due:
    """What to ask this platform now.

    Parameters
    ----------
    module : the platform's module, with CARD and ASKS
    watchlist : what the user watches
    store : what is known
    marks : when asks were answered before
    now : the moment, UTC
    """
    platform = module.CARD.name
    kinds = module.ASKS
    ages: Sequence[timedelta] = watchlist.ages.get(platform) or getattr(module, "AGES", None) or AGES
    asks: list[Ask] = []
    noted: set[Ask] = set()
    looks = _looks(store, platform, now - ages[-1] - DAY)

    takes = getattr(module, "takes", lambda ask: True)

    def consider(ask: Ask, base: datetime | None, last: datetime | None, tried: datetime | None) -> None:
        if not takes(ask):
            return
        if base is None or is_due(base, last, now, ages):
            asks.append(ask)
            if tried is None or is_due(base or tried, tried, now, ages):
                noted.add(ask)

    if "url" in kinds:
        for url in watchlist.urls:
            key = content_id(url)
            ask = Ask("url", canonical(url), key, url, watchlist.since)
            first, last = marks.get(mark(ask), (None, None))
            seen, read, tried = looks.whole.get(key, (None, None, None))
            if read is None and last is None:
                consider(ask, None, None, tried)
            else:
                begun = min(t for t in (first, seen) if t is not None)
                consider(ask, begun, max(t for t in (last, read) if t is not None), tried)
    since = watchlist.since or now - DISCOVERY
    wide = [Ask("site", s, content_id(f"https://{s}/"), f"https://{s}/", since) for s in watchlist.sites]
    wide += [Ask("community", c.name, since=since) for c in watchlist.communities if c.platform == platform]
    wide += [
        Ask("account", a.name, since=since, account_kind=a.kind)
        for a in watchlist.accounts
        if a.platform == platform
    ]
    for ask in wide:
        if ask.kind not in kinds or not takes(ask):
            continue
        _, last = marks.get(mark(ask), (None, None))
        if last is None or now - last >= ages[0]:
            asks.append(ask)
            tried = looks.whole.get(ask.content_id or "", (None, None, None))[2]
            if tried is None or now - tried >= DAY:
                noted.add(ask)
    if "item" in kinds:
        urls = {canonical(url) for url in watchlist.urls}
        for row in looks.items.itertuples():
            if not _watched(row, watchlist, urls, platform):
                continue
            kind = _account_kind(row.observer)
            ask = Ask("item", row.item_id, row.content_id, row.url, account_kind=kind)
            base = _time(row.occurred_at) or _time(row.first)
            if base is not None:
                consider(ask, base, _time(row.last), _time(row.tried))
    return Due(tuple(asks), frozenset(noted))


@dataclass(frozen=True)
class _Looks:
    """Looks at whole content (first, last known, last tried), and the items that have readings."""

    whole: dict[str, tuple[datetime | None, datetime | None, datetime | None]]
    items: pd.DataFrame


def _looks(store: Store, platform: str, oldest: datetime) -> _Looks:
    connection = store.sql()
    try:
        whole = connection.execute(
            """
            select content_id, min(observed_at), max(observed_at) filter (status = 'observed'),
                   max(observed_at)
            from (
                select content_id, observed_at, status from readings
                where platform = $1 and item_id = content_id
                union all
                select content_id, observed_at, status from intervals where platform = $1
            ) group by content_id
            """,
            [platform],
        ).fetchall()
        items = connection.execute(
            """
            select r.*, e.occurred_at, e.community, c.url, c.site from (
                select item_id, content_id, min(observed_at) as first, max(observed_at) as tried,
                       max(observed_at) filter (status = 'observed') as last,
                       arg_max(observer, observed_at) as observer
                from readings where platform = $1 and item_id != content_id group by item_id, content_id
            ) r
            left join events e on e.event_id = $1 || ':' || r.item_id
            left join content c on c.content_id = r.content_id
            where coalesce(e.occurred_at, r.first) >= $2
            order by r.item_id
            """,
            [platform, oldest.astimezone(UTC).replace(tzinfo=None)],
        ).df()
    finally:
        connection.close()
    return _Looks({row[0]: (_time(row[1]), _time(row[2]), _time(row[3])) for row in whole}, items)


def _watched(row: Any, watchlist: Watchlist, urls: set[str], platform: str) -> bool:
    """Whether the watchlist names this item: by its account, its URL, its site or its community."""
    if kind := _account_kind(row.observer):
        return any(a.platform == platform and a.kind == kind for a in watchlist.accounts)
    if row.url in urls:
        return True
    site = row.site if isinstance(row.site, str) else ""
    if any(site == s or site.endswith("." + s) for s in watchlist.sites):
        return True
    named = row.community.casefold().split(",") if isinstance(row.community, str) else []
    return any(c.platform == platform and c.name.casefold() in named for c in watchlist.communities)


def _account_kind(observer: Any) -> Literal["business", "private"] | None:
    last = str(observer).rpartition(" ")[2]
    return last if last in ("business", "private") else None  # type: ignore[return-value]


def _time(value: Any) -> datetime | None:
    if value is None or pd.isna(value):
        return None
    moment = pd.Timestamp(value).to_pydatetime()
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
