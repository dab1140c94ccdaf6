"""What a page's HTML says of its links: their rel, and what its head tells search engines.

Pages are hostile input: unclosed, nested without end, full of half a tag. They are read tag by tag without
building a tree, so that depth costs nothing, and for a few seconds at most.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

MOST_LINKS, SECONDS, CHUNK = 20_000, 5.0, 1 << 14
WEAK = frozenset({"nofollow", "ugc", "sponsored"})
"""rel values that tell search engines not to count a link as the page's own word."""
ROBOTS = frozenset({"robots", "googlebot", "bingbot"})


@dataclass(frozen=True)
class Link:
    """A link as it stands: its absolute address and the words of its rel."""

    url: str
    rel: frozenset[str]


@dataclass(frozen=True)
class Anchors:
    """A page's links in order, what its meta robots say, and whether all of it was read."""

    links: tuple[Link, ...]
    robots: frozenset[str]
    whole: bool


class _Tags(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base, self.links, self.robots = url, list[Link](), set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # the first attribute of a name counts, as in a browser
        has = {name: value or "" for name, value in reversed(attrs)}
        if tag in ("a", "area") and "href" in has and len(self.links) < MOST_LINKS:
            url = _joined(self.base, has["href"])
            if url:
                self.links.append(Link(url, words(has.get("rel", ""))))
        elif tag == "base" and has.get("href"):
            self.base = _joined(self.base, has["href"]) or self.base
        elif tag == "meta" and has.get("name", "").strip().lower() in ROBOTS:
            self.robots |= words(has.get("content", ""))


def _joined(base: str, href: str) -> str:
    try:
        url = urljoin(base, href.strip())
    except ValueError:
        return ""
    return url if url.lower().startswith(("http://", "https://")) and len(url) <= 4096 else ""


def words(value: str) -> frozenset[str]:
    """The words of a rel, a meta robots or an X-Robots-Tag, in lower case."""
    return frozenset(value.lower().replace(",", " ").split())


def anchors(html: str, url: str) -> Anchors:
    """The links of a page that stands at ``url``."""
    tags, began = _Tags(url), time.monotonic()
    for place in range(0, len(html), CHUNK):
        tags.feed(html[place : place + CHUNK])
        # a page of half tags is scanned again with each piece; nobody's links are worth minutes
        if time.monotonic() - began > SECONDS:
            return Anchors(tuple(tags.links), frozenset(tags.robots), whole=False)
    return Anchors(tuple(tags.links), frozenset(tags.robots), whole=True)
