"""What the pages that carry the publisher's links really say of them: `virality links`.

Stored as readings of the item that stands on the page, by observer "virality links" and with the page's
address as their source: the metrics of ``card.LINKS``, each 1 or 0. A page that could not be seen, or that
shows no such link, gives one row of ``link_followed`` that is unknown, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import pandas as pd

from analysis import platforms
from analysis.errors import UserError
from analysis.models.exposure import SHARES
from analysis.platforms.anchors import WEAK, Anchors, Link, anchors
from analysis.platforms.card import LINKS, Access, Card, LinkPolicy
from analysis.platforms.client import Connection
from analysis.platforms.contract import Unknown
from analysis.platforms.pace import Clock, Pace, state_folder
from analysis.platforms.pages import Reader
from analysis.platforms.rows import Rows
from analysis.settings import settings
from analysis.store import Store
from analysis.tables import item_of
from analysis.urls import content_id, site

OBSERVER = "virality links"
AGAIN = timedelta(days=30)
SHORT = frozenset({
    "t.co", "lnkd.in", "bit.ly", "buff.ly", "ow.ly", "tinyurl.com", "is.gd", "dlvr.it", "goo.gl", "trib.al",
    "fb.me", "href.li", "t.umblr.com", "youtu.be", "redd.it", "amzn.to", "j.mp", "v.gd", "rb.gy", "cutt.ly",
})  # fmt: skip
"""Hosts whose addresses say nothing of where they lead."""
MOST_SHORT = 10
WEB = Card(
    name="site",
    title="Another site",
    purpose=("links",),
    mechanism="A page of any other site that links to the content.",
    links=(LinkPolicy("unknown", None, "each page says so itself"),),
    metrics=(),
    access=Access((), "free", "public pages, as robots.txt allows"),
)
"""The card of pages that no platform's card names."""


@dataclass(frozen=True)
class Place:
    """A page to look at: the item it shows, and the contents it may link to (none: any of ours)."""

    platform: str
    item: str
    url: str
    contents: tuple[str, ...]


@dataclass
class Looked:
    """What a run saw."""

    pages: int = 0
    rows: int = 0
    followed: Counter[str] = field(default_factory=Counter)
    weak: Counter[str] = field(default_factory=Counter)
    unknown: Counter[tuple[str, str]] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """For a person."""
        said = [f"{self.pages:,} pages looked at, {self.rows:,} new readings"]
        said += [
            f"{name}: {self.followed[name]:,} links followed, {self.weak[name]:,} not"
            for name in sorted({*self.followed, *self.weak})
        ]
        return said + [f"{name}: {count:,} unknown, {why}" for (name, why), count in self.unknown.items()]


def places(store: Store, now: pd.Timestamp, only: Iterable[str] = (), most: int = 50) -> list[Place]:
    """The newest items whose pages were not looked at within ``AGAIN``, at most so many a platform."""
    known = {name: module for name, module in platforms.modules().items() if hasattr(module, "ITEM_PAGE")}
    for name in only:
        if name not in known:
            raise UserError(f"no page of an item of {name!r} is known; there are {', '.join(known)}")
    wanted = [name for name in known if not only or name in set(only)]
    events = store.read(
        "events", ["event_id", "content_id", "platform", "kind", "occurred_at"], platform=wanted
    )
    events = events[events["kind"].isin(SHARES)].assign(
        item=item_of(events["event_id"]).str.split("#").str[0]
    )
    looked = store.read("readings", ["platform", "item_id", "observed_at"], metric="link_followed")
    recent = looked[looked["observed_at"] > now - AGAIN]
    seen = set(zip(recent["platform"], recent["item_id"], strict=True))
    found = []
    for platform, part in events.sort_values("occurred_at", ascending=False).groupby("platform", sort=True):
        new = [item for item in dict.fromkeys(part["item"]) if (platform, item) not in seen][:most]
        carried = part.groupby("item")["content_id"].unique()
        found += [
            Place(str(platform), item, known[str(platform)].ITEM_PAGE.format(item=item), tuple(carried[item]))
            for item in new
        ]
    return found


def named(urls: Sequence[str]) -> list[Place]:
    """Pages a user names, each of the platform its host belongs to."""
    hosts = {host: card.name for card in platforms.cards().values() for host in card.hosts}
    found = []
    for url in urls:
        try:
            key = content_id(url)
        except ValueError as error:
            raise UserError(f"{error}; give a page's whole address, as https://example.org/links") from None
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        found.append(Place(hosts.get(host, WEB.name), key, url, ()))
    return found


def look(
    todo: Sequence[Place],
    store: Store,
    *,
    clock: Clock | None = None,
    limits: bool = True,
    private: bool = False,
    timeout: float = 30.0,
    tell: Callable[..., None] = lambda event, **fields: None,
) -> Looked:
    """Look at pages and store what they say of the publisher's links.

    Parameters
    ----------
    todo : the pages
    store : names the publisher's contents, and takes the readings
    clock, limits, timeout : as for ``collect``
    private : also look at loopback and private addresses (tests, an intranet)
    tell : progress
    """
    clock, out = clock or Clock(), Looked()
    contents = store.read("content", ["content_id", "url", "site"])
    urls = dict(zip(contents["content_id"], contents["url"], strict=True))
    pace = Pace(state_folder() / "pace.sqlite", clock) if limits else None
    cards = platforms.cards()
    for platform in dict.fromkeys(place.platform for place in todo):
        card = cards.get(platform, WEB)
        desk = Connection(
            card, tell=tell, pace=pace, clock=clock, contact=settings().contact, timeout=timeout
        )
        with closing(desk):
            reader = Reader(desk, private=private)
            for place in (one for one in todo if one.platform == platform):
                rows = Rows(platform, clock.now(), OBSERVER, place.url[:500])
                try:
                    if card.retired:
                        raise Unknown("unsupported", f"{card.title}: {card.retired}")
                    _page(reader, place, rows, urls, out)
                except Unknown as error:
                    _unknown(rows, place, error, out)
                # kept page by page: a run that is stopped has lost nothing
                out.rows += store.append_batch(rows.batch())["readings"].new
                out.pages += 1
    if pace is not None:
        pace.close()
    return out


def _page(reader: Reader, place: Place, rows: Rows, urls: dict[str, str], out: Looked) -> None:
    page = reader.read(place.url)
    found = anchors(page.html, page.url)
    matched = _matched(reader, found, page.url, place, urls)
    if not matched:
        rest = "" if found.whole else " in the part of it that could be read"
        raise Unknown(
            "failed", f"no link to it stands on the page{rest}; it may be gone, or drawn by a script"
        )
    hidden = found.robots | page.robots
    for key, links in matched.items():
        values = said(links, hidden)
        item = place.item if place.contents else f"{place.item}-{key}"
        for metric in LINKS:
            rows.reading(item, key, metric.name, float(values[metric.name]))
        (out.followed if values["link_followed"] else out.weak)[place.platform] += 1


def said(links: Sequence[tuple[Link, bool]], robots: Iterable[str]) -> dict[str, bool]:
    """What a page says of its links to one content, each with whether it is wrapped in a redirect.

    The best of several links counts: one followed link is a followed link.
    """
    page = bool({"nofollow", "none"} & set(robots))
    return {
        "link_followed": not page and any(not link.rel & WEAK for link, _ in links),
        "link_nofollow": page or all("nofollow" in link.rel for link, _ in links),
        "link_ugc": all("ugc" in link.rel for link, _ in links),
        "link_sponsored": all("sponsored" in link.rel for link, _ in links),
        "link_wrapped": all(wrapped for _, wrapped in links),
    }


def _matched(
    reader: Reader, found: Anchors, page: str, place: Place, urls: dict[str, str]
) -> dict[str, list[tuple[Link, bool]]]:
    """The page's links to the contents it may link to, by content."""
    wanted = set(place.contents) if place.contents else set(urls) - {_key(page)}
    sites = {site(urls[key]) for key in wanted if key in urls}
    matched: dict[str, list[tuple[Link, bool]]] = {}
    short: list[Link] = []
    for link in found.links:
        key = _key(link.url)
        if key in wanted:
            # the same address by a redirector's parameter is unwrapped by its canonical form
            matched.setdefault(str(key), []).append((link, not _on(link.url, sites)))
        elif (urlsplit(link.url).hostname or "").removeprefix("www.") in SHORT:
            short.append(link)
    if matched or not place.contents:
        return matched
    for link in list({one.url: one for one in short}.values())[:MOST_SHORT]:
        try:
            reached = reader.lands(link.url, lambda url: _key(url) in wanted)
        except Unknown:
            continue  # where it leads cannot be known: the page's other links may still say it
        if reached:
            matched.setdefault(place.contents[0], []).append((link, True))
    return matched


def _key(url: str) -> str | None:
    try:
        return content_id(url)
    except ValueError:
        return None


def _on(url: str, sites: set[str]) -> bool:
    host = (urlsplit(url).hostname or "").lower()
    return any(host == name or host.endswith(f".{name}") for name in sites)


def _unknown(rows: Rows, place: Place, error: Unknown, out: Looked) -> None:
    keys = place.contents or (place.item,)
    rows.reading(place.item, keys[0], "link_followed", None, status=error.status, reason=error.reason)
    out.unknown[place.platform, error.reason] += 1
