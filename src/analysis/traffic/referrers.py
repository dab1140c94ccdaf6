"""Where a visit came from: its referrer, the tags of its URL, the app it was opened in.

Order of lists: AI assistants and the overlay's exceptions, the cards' hosts, the overlay, Matomo's
networks, Matomo's search engines. A referrer is believed over a tag, a tag over an app.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from analysis.platforms import cards
from analysis.traffic.exposure import AI, DIRECT, INTERNAL, SEARCH, SITE

DATA = Path(__file__).with_name("data")
PAID = frozenset(("cpc", "ppc", "paidsearch", "paid-search", "sem", "organic"))
_USUAL = re.compile(r"(?:https?|android-app)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)(?:(/[^?#]*)|[?#]|$)", re.ASCII)
_SLUG = re.compile(r"[^a-z0-9]+")
_COUNTRY = re.compile(r"(?:com?\.|org\.|ne\.)?[a-z]{2}|com|net|org")


def slug(name: str) -> str:
    """A network's name as a platform's: ``Hacker News`` is ``hackernews``."""
    return _SLUG.sub("", unquote(name).lower())


@dataclass
class Lists:
    """The lists as look-ups. ``below``: host to source, for it and all below it; ``exact``: it alone."""

    below: dict[str, str] = field(default_factory=dict)
    exact: dict[str, str] = field(default_factory=dict)
    paths: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    any_country: dict[str, str] = field(default_factory=dict)
    any_door: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    apps: list[tuple[re.Pattern[str], str]] = field(default_factory=list)

    def add(self, address: str, source: str, exact: bool = False) -> None:
        """One address of the lists, as they write it: host, host/path, ``google.{}``, ``{}.bing.com``."""
        host, slash, path = address.lower().partition("/")
        if slash and path:
            self.paths.setdefault(host.removeprefix("www."), []).append((f"/{path}", source))
        elif host.endswith(".{}"):
            self.any_country.setdefault(host[:-3].removeprefix("www."), source)
        elif host.startswith("{}."):
            self.any_door.setdefault(host[3:], source)
        elif exact:
            self.exact.setdefault(host.removeprefix("www."), source)
        else:
            self.below.setdefault(host, source)

    def of_host(self, host: str, path: str = "/") -> str | None:
        """The source a host (in lower case) stands for; None when no list knows it."""
        host = host.removeprefix("www.")
        bare = host.partition(".")[2] if host.startswith(("m.", "mobile.")) else host
        for under, source in self.paths.get(host, ()):
            # Only assistants share a host with something else; engines with a path are engines anyway.
            if path.startswith(under) and source != SEARCH:
                return source
        name = host
        while name:
            if name in self.below:
                return self.below[name]
            name = name.partition(".")[2]
        if bare in self.exact:
            return self.exact[bare]
        first, _, rest = bare.partition(".")
        for stem, tail in (
            (first, rest),
            (".".join(bare.split(".")[:2]), bare.partition(".")[2].partition(".")[2]),
        ):
            if stem in self.any_country and _COUNTRY.fullmatch(tail):
                return self.any_country[stem]
        if rest in self.any_door:
            return self.any_door[rest]
        for under, source in self.paths.get(host, ()):
            if path.startswith(under):
                return source
        return None


@cache
def lists() -> Lists:
    """Cards, overlay and Matomo's lists, read once."""
    out = Lists()
    overlay = tomllib.loads((DATA / "overlay.toml").read_text("utf-8"))
    matomo = json.loads((DATA / "matomo.json").read_text("utf-8"))["lists"]
    for hosts in [*overlay[AI].values(), *matomo[AI].values()]:
        for host in hosts:
            out.add(host, AI)
    for kind in (SITE, SEARCH):
        for hosts in overlay[kind].values():
            for host in hosts:
                out.add(host, kind)
    known = cards()
    for name, card in known.items():
        for host in card.hosts:
            out.add(host, name)
    for name, hosts in overlay["platforms"].items():
        for host in hosts:
            out.add(host, name)
    for name, hosts in matomo["platforms"].items():
        for host in hosts:
            out.add(host, slug(name))
        out.tags[slug(name)] = slug(name)
    for hosts in matomo[SEARCH].values():
        for host in hosts:
            out.add(host, SEARCH, exact=True)
    out.tags.update({name: name for name in [*known, *overlay["platforms"]]})
    out.tags.update({word: name for name, words in overlay["tags"].items() for word in words})
    out.apps = [(re.compile("|".join(words)), name) for name, words in overlay["apps"].items()]
    return out


def host_of(referrer: str) -> tuple[str, str]:
    """A referrer's host in lower case and its path; ("", "") when it names no place.

    ``android-app://com.reddit.frontpage/`` has the app's id for a host; a scheme may be missing.
    """
    if usual := _USUAL.match(referrer):
        return usual[1], usual[2] or "/"
    text = referrer.strip()
    if not text or text == "-":
        return "", ""
    scheme, separator, rest = text.partition("://")
    if not separator:
        if scheme.startswith("//"):
            rest = scheme[2:]
        elif re.match(r"[\w-]+(\.[\w-]+)+(?:[:/?]|$)", scheme):
            rest = scheme
        else:
            return "", ""
    elif scheme.lower() not in ("http", "https", "android-app", "ios-app"):
        return "", ""
    try:
        parts = urlsplit(f"https://{rest}")
        host = parts.hostname or ""
    except ValueError:
        return "", ""
    if not re.fullmatch(r"[\w.:-]+", host):
        return "", ""
    return host.rstrip("."), parts.path or "/"


def of_referrer(referrer: str, own: frozenset[str]) -> str:
    """The source a referrer names: a platform, a class, INTERNAL for a host of ``own``, DIRECT for none.

    Parameters
    ----------
    referrer : the header as it was sent; "-" and "" are none
    own : the site's own hosts, without ``www.``
    """
    return of_place(*host_of(referrer), own)


def of_place(host: str, path: str, own: frozenset[str]) -> str:
    """The source of a referrer whose host and path are known."""
    if not host:
        return DIRECT
    if host.removeprefix("www.") in own:
        return INTERNAL
    return _listed(host, path if host.removeprefix("www.") in lists().paths else "/") or SITE


@lru_cache(maxsize=65536)
def _listed(host: str, path: str) -> str | None:
    return lists().of_host(host, path)


def of_tags(query: str) -> str | None:
    """The source that utm_source and utm_medium name; SITE when it is no platform; None without a tag."""
    if "utm_" not in query:
        return None
    tags = {
        name.lower(): value.strip().lower() for name, value in parse_qsl(query.lstrip("?"), errors="replace")
    }
    named, medium = tags.get("utm_source", ""), tags.get("utm_medium", "")
    if not named:
        return SEARCH if medium in PAID else None
    known = lists()
    found = known.tags.get(named) or known.tags.get(slug(named))
    if found is None and "." in named:
        found = known.of_host(host_of(named)[0])
    if found is None and medium in PAID:
        found = SEARCH
    return found or SITE


def of_agents(agents: list[str]) -> list[str | None]:
    """Of each agent, the network whose own in-app browser it is; None for every other browser."""
    import pyarrow as pa
    import pyarrow.compute as pc

    apps = lists().apps
    any_app = "|".join(pattern.pattern for pattern, _ in apps)
    maybe = pc.match_substring_regex(pa.array(agents, pa.string()), any_app).to_pylist()
    return [
        next((name for pattern, name in apps if pattern.search(agent)), None) if likely else None
        for agent, likely in zip(agents, maybe, strict=True)
    ]
