"""A URL's canonical form and content_id: many spellings of one article, one id.

w3lib makes a URL valid (quoting, IDN); ``url_rules.toml`` says what else is only spelling: trackers,
www and mobile hosts, AMP, index.html, redirectors that carry their target, sites with several
addresses for one page. A canonical URL is an identity first; it nearly always opens too.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from analysis.url_parts import HOST, WEB, Parts, split
from analysis.url_rules import RULES, Site

# What most URLs look like: nothing to quote, no query, no fragment. Told apart for speed alone.
_PLAIN = re.compile(r"https?://([A-Za-z0-9.-]{1,253})(/[A-Za-z0-9_~/.-]*)?", re.ASCII)
# What a rule about paths may know.
_MARKED = re.compile(r"/\.|/index|/default|amp", re.I)
_INDEX = re.compile(r"/(?:index\.(?:html?|shtml|xhtml|php\d?|aspx?|jsp|cgi)|default\.(?:html?|aspx?))", re.I)
_SESSION = re.compile(r";(?:jsessionid|phpsessid)=[^/;]*", re.I)


class Identity(NamedTuple):
    """What the tables keep of a URL."""

    url: str
    content_id: str
    site: str


@lru_cache(maxsize=65536)
def canonical(url: str) -> str:
    """The one URL that stands for this content; its own canonical form.

    Raises
    ------
    ValueError
        When it is no http(s) URL. Nothing else is raised, whatever the text.
    """
    if (plain := _PLAIN.fullmatch(url)) and not _MARKED.search(url):
        path = (plain[2] or "").rstrip("/")
        if host := _ordinary(plain[1], bool(path)):
            return f"https://{host}{path or '/'}"
    now, settled = _once(url)
    if settled:
        return now
    seen = set()
    # A rule may bare what another rule knows (a redirector inside a redirector). No cycle is known;
    # should two rules ever undo each other, the smallest member of the cycle stands for all.
    while now not in seen:
        seen.add(now)
        after, _ = _once(now)
        if after == now:
            return now
        now = after
    cycle = {now}
    while (after := _once(now)[0]) not in cycle:
        cycle.add(after)
        now = after
    return min(cycle)


def content_id(url: str) -> str:
    """Sixteen hex digits that stand for the canonical URL."""
    return hashlib.sha256(canonical(url).encode()).hexdigest()[:16]


def site(url: str) -> str:
    """The host a reader knows, without www."""
    return _site(canonical(url))


def identity(url: str) -> Identity:
    """Canonical URL, content_id and site in one go: what an importer asks of every distinct URL."""
    found = canonical(url)
    return Identity(found, hashlib.sha256(found.encode()).hexdigest()[:16], _site(found))


def _site(url: str) -> str:
    host = url[url.index("://") + 3 :].partition("/")[0]
    return (
        host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0].removeprefix("www.")
    )


def _once(url: str) -> tuple[str, bool]:
    """The URL with every rule applied once, and whether doing so again can change nothing.

    It can when a rule led elsewhere: to a redirector's target, to another path or host.
    """
    parts = split(url)
    host = _host(parts.host, bool(parts.path.strip("/")))
    path = _path(parts.path, host)
    fragment = parts.fragment
    if fragment and not (RULES.routes.fullmatch(fragment) or host in RULES.fragment_hosts):
        fragment = ""
    parts = parts._replace(host=host, path=path, fragment=fragment)
    rules = RULES.site(host)
    if (target := _target(parts)) is not None:
        return target, False
    settled = True
    if rules is not None:
        if (moved := _rewrite(parts, rules)) is not None:
            settled = moved == parts
            parts = moved
            if parts.host != host:  # the other host's rules are not this one's
                return parts.text(), False
        if rules.lower:
            parts = parts._replace(path=_lower(parts.path, rules.lower))
    if parts.query:
        parts = parts._replace(query=_query(parts, rules))
    return parts.text(), settled


@lru_cache(maxsize=65536)
def _ordinary(host: str, deep: bool) -> str | None:
    """The host's usual name when it is valid and no rule but those about hosts knows it."""
    host = host.lower().removesuffix(".")
    if not HOST.fullmatch(host):
        return None
    host = _host(host, deep)
    return None if RULES.is_special(host) else host


@lru_cache(maxsize=65536)
def _host(host: str, deep: bool) -> str:
    """The host's usual name. ``deep``: the page lies below the root."""
    if host.startswith("["):
        return host
    while True:
        before = host
        door, _, rest = host.partition(".")
        if (door in RULES.always and RULES.owned(rest)) or (
            deep and door in RULES.deep and RULES.owned(rest) and rest not in RULES.never
        ):
            host = rest
        host = RULES.aliases.get(host, host)
        if RULES.any_host_pattern.fullmatch(host):
            for pattern, replacement in RULES.host_patterns:
                if found := pattern.fullmatch(host):
                    host = replacement.format(*found.groups())
        if host == before:
            return host


def _path(path: str, host: str) -> str:
    """The path without index.html, trailing slash, session and AMP."""
    if ";" in path:
        path = _SESSION.sub("", path)
    while True:
        before = path
        path = path.rstrip("/")
        head, slash, tail = path.rpartition("/")
        is_index = slash and tail[:1] in "iIdD" and _INDEX.fullmatch(slash + tail)
        if is_index or (tail == "amp" and _is_slug(head) and not RULES.is_amp_a_name(host)):
            path = head
        elif tail.endswith((".amp", ".amp.html")) and "-" in tail:
            path = path.removesuffix(".html").removesuffix(".amp") + (".html" if tail.endswith("l") else "")
        if head.startswith("/amp/") and _is_slug(path) and not RULES.is_amp_a_name(host):
            path = path[4:]
        if path == before:
            return path or "/"


def _is_slug(path: str) -> bool:
    """Whether the path's last segment is a title written for a URL, and no name or section."""
    last = path.rpartition("/")[2]
    return last.count("-") >= 2 or last.endswith(".html") or (last.isdigit() and len(last) >= 5)


def _target(parts: Parts) -> str | None:
    """The URL a redirector carries, made valid; None when this is no redirector."""
    for path, names in RULES.redirectors(parts.host):
        if not parts.query or not path.fullmatch(parts.path):
            continue
        for pair in parts.query.split("&"):
            name, _, value = pair.partition("=")
            if name in names and WEB.match(target := unquote(value)):
                try:
                    return split(target).text()
                except ValueError:
                    continue
    for pattern in RULES.wrappers(parts.host):
        if found := pattern.fullmatch(parts.path):
            query = f"?{parts.query}" if parts.query else ""
            try:
                return split(f"https://{found[1].rstrip('/').removesuffix('/amp')}{query}").text()
            except ValueError:
                continue
    return None


def _rewrite(parts: Parts, rules: Site) -> Parts | None:
    for pattern, path, query in rules.rewrite:
        if found := pattern.fullmatch(parts.path):
            path = path.format(*found.groups())
            if path.startswith("https://"):
                host, _, path = path[8:].partition("/")
                parts = parts._replace(host=host)
                path = f"/{path}"
            elif rules.host:
                parts = parts._replace(host=rules.host)
            query = parts.query if query is None else query.format(*found.groups())
            return parts._replace(path=path, query=query)
    return None


def _lower(path: str, segments: tuple[int, ...]) -> str:
    out = path.split("/")
    for index in segments:
        if index < len(out):
            out[index] = out[index].lower()
    return "/".join(out)


def _query(parts: Parts, rules: Site | None) -> str:
    """The parameters that say what the page is, sorted by name (equal names keep their order)."""
    pairs = [pair for pair in parts.query.split("&") if pair]
    names = [pair.partition("=")[0].lower() for pair in pairs]
    kept = rules.keep_on.get(parts.path) if rules else None
    keep = frozenset(kept).intersection(names) if kept else None
    dropped = rules.drop if rules else frozenset()
    out = [
        (name, pair)
        for name, pair in zip(names, pairs, strict=True)
        if (name in kept if keep and kept else not (name in dropped or RULES.is_tracker(name, pair)))
    ]
    out.sort(key=lambda both: both[0])
    return "&".join(pair for _, pair in out)
