"""Counts that a service made, as intervals of exposure: what falls into one bin is added up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
import pandas as pd

from analysis.platforms.contract import Ask, Session, one_by_one
from analysis.tables import CONTENT, INTERVALS, Batch, conform
from analysis.traffic.exposure import ALL, DIRECT
from analysis.traffic.referrers import lists, of_referrer, of_tags, slug
from analysis.urls import Identity, identity

NONE = frozenset(("", "-", "(direct)", "(none)", "(not set)", "direct / none", "direct", "not set", "none"))


class Counted:
    """Gathers counts by source, page and bin.

    Parameters
    ----------
    root : the site's root
    observer : who counted
    observed_at : when it was read
    source : where the rows come from: an endpoint, a file
    """

    def __init__(self, root: Identity, observer: str, observed_at: datetime, source: str) -> None:
        self.root, self.observer, self.observed_at, self.source = root, observer, observed_at, source
        self.own = frozenset((root.site,))
        self._pages: dict[str, Identity] = {root.url: root}
        self._bins: dict[tuple[str, str, str, datetime, datetime], list] = {}
        self._aside: list[tuple[int | None, str, str]] = []
        self._used: list[int] = []

    def page(self, address: str) -> Identity:
        """A page by its URL, host and path, or path. ValueError when it is none of the site's."""
        if "://" not in address:
            base = self.root.url.rstrip("/")
            address = base + address if address.startswith("/") else f"https://{address}"
        found = identity(address)
        if found.site != self.root.site and not found.site.endswith(f".{self.root.site}"):
            raise ValueError(f"{found.site} is not {self.root.site}")
        return self._pages.setdefault(found.url, found)

    def add(
        self,
        address: str,
        platform: str,
        metric: str,
        start: datetime,
        end: datetime,
        value: float,
        *,
        partial: bool = False,
        reason: str | None = None,
        row: int = 0,
    ) -> None:
        """Add a count to a bin. ValueError when the address is no page of the site."""
        page = self.page(address)
        found = self._bins.setdefault(
            (platform, page.content_id, metric, start, end), [0.0, partial, reason, row]
        )
        found[0] += value
        found[1] |= partial
        if row:
            self._used.append(row)

    def unknown(self, metric: str, start: datetime, end: datetime, status: str, reason: str) -> None:
        """Say that a part of the site's total of this period is not known."""
        self._bins[(ALL, self.root.content_id, metric, start, end)] = [None, False, reason, 0, status]

    def aside(self, reason: str, text: str = "", line: int | None = None) -> None:
        """Something that could not be used."""
        self._aside.append((line, reason, text))

    def batch(self) -> Batch:
        """Everything so far."""
        keys, values = list(self._bins), list(self._bins.values())
        intervals = pd.DataFrame(keys, columns=["platform", "content_id", "metric", "start", "end"])
        intervals = intervals.assign(
            observed_at=self.observed_at,
            observer=self.observer,
            value=[value[0] for value in values],
            status=[value[4] if len(value) > 4 else "observed" for value in values],
            reason=[value[2] for value in values],
            partial=[bool(value[1]) for value in values],
            source=self.source,
        )
        for name in ("start", "end", "observed_at"):
            intervals[name] = pd.to_datetime(intervals[name], utc=True).astype("datetime64[us, UTC]")
        used = {key[1] for key in keys}
        content = pd.DataFrame(
            [page for page in self._pages.values() if page.content_id in used],
            columns=["url", "content_id", "site"],
        )
        aside = pd.DataFrame(
            [(self.source, *row) for row in self._aside], columns=["source", "line", "reason", "text"]
        )
        origins = {
            "": np.array(sorted(set(self._used)), np.int64),
            "intervals": np.array([value[3] for value in values], np.int64),
        }
        return Batch(
            content=conform(content, CONTENT),
            intervals=conform(intervals, INTERVALS),
            set_aside=aside,
            origins=origins if self._used else {},
        )


def of_source(name: str, medium: str, own: frozenset[str]) -> str:
    """The source a service names: ``google / organic``, ``t.co / referral``, ``(direct) / (none)``,
    ``Twitter``."""
    named, how = name.strip().lower(), medium.strip().lower()
    if named in NONE and how in NONE:
        return DIRECT
    if named in NONE:
        return of_tags(f"utm_medium={how}") or "site"
    found = lists().tags.get(named) or lists().tags.get(slug(named))
    if found:
        return found
    if "." in named:
        return of_referrer(f"https://{named}" if "://" not in named else named, own)
    return of_tags(f"utm_source={named}&utm_medium={how}") or "site"


def local_bin(local: datetime, zone: tzinfo, length: timedelta) -> tuple[datetime, datetime]:
    """A bin that is labelled with local time, in UTC: the hour that clocks repeat is one bin of two hours."""
    after = (local + length).replace(tzinfo=zone, fold=0)
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC), after.astimezone(UTC)


def since_last(
    asks: Sequence[Ask],
    session: Session,
    read: Callable[[Ask, datetime, datetime], Batch],
    back: timedelta,
    again: timedelta,
) -> Iterator[Batch]:
    """Each site's counts from the end of the last time until now.

    Parameters
    ----------
    asks, session : as ``fetch`` has them
    read : the counts of one site from a moment to another
    back : how far the first time goes back, where the user names no beginning
    again : how much of the last time is asked for once more, because it may have changed
    """

    def answer(ask: Ask, session: Session) -> Iterator[Batch]:
        now, place = session.now(), f"until {ask.content_id}"
        saved = session.load(place)
        since = datetime.fromisoformat(saved) - again if saved else ask.since or now - back
        yield read(ask, since, now)
        session.save(place, now.isoformat())

    return one_by_one(asks, session, answer)
