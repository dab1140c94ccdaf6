"""The distinct strings of an import, each decoded and classified once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

import numpy as np

from analysis.traffic import machines, referrers
from analysis.traffic.exposure import CLASSES, DIRECT, INTERNAL
from analysis.traffic.visits import Meaning
from analysis.traffic.walk import CRAWLER, NO_AGENT
from analysis.urls import Identity, identity

_ESCAPED = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_KEPT = "".join(map(chr, range(33, 127)))


@dataclass
class Numbered:
    """Distinct texts in the order they came."""

    texts: list[bytes] = field(default_factory=list)
    numbers: dict[bytes, int] = field(default_factory=dict)

    def number(self, text: bytes) -> int:
        """The text's number; the next one when it is new."""
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def of(self, texts: list[bytes]) -> np.ndarray:
        """The numbers of texts."""
        return np.fromiter((self.number(text) for text in texts), np.int32, len(texts))


@dataclass(frozen=True)
class Classified:
    """What every string is, and what its numbers of pages and sources stand for."""

    meaning: Meaning
    pages: list[Identity]
    sources: list[str]


class Strings:
    """Targets (as URLs), referrers and agents of a site."""

    def __init__(self, root: Identity) -> None:
        self.root = root
        self.targets, self.referrers, self.agents = Numbered(), Numbered(), Numbered()
        self._base = root.url.rstrip("/").encode()

    def pages_of(self, targets: list[tuple[bytes, bytes, bytes]], assets: np.ndarray) -> np.ndarray:
        """The numbers of targets; those that are assets get none (-1), nobody asks for them."""
        out = np.full(len(targets), -1, np.int32)
        chosen = np.flatnonzero(~assets[: len(targets)])
        out[chosen] = self.targets.of([self.url(targets[at]) for at in chosen.tolist()])
        return out

    def url(self, target: tuple[bytes, bytes, bytes]) -> bytes:
        """A request target, its host and its query as one URL; bytes that no URL may hold are quoted."""
        path, host, query = target
        if b"\\x" in path:
            path = _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), path)
        if query:
            path += (b"" if query.startswith(b"?") else b"?") + query
        if not path.isascii() or b" " in path:
            path = quote(path, safe=_KEPT).encode()
        if path.startswith(b"/"):
            return (b"https://" + host if host and host != b"-" else self._base) + path
        return path

    def classify(self) -> Classified:
        """Every distinct string's answer."""
        sources = list(CLASSES)
        numbers = {name: number for number, name in enumerate(sources)}

        def source(name: str | None) -> int:
            if name is None:
                return -1
            if name not in numbers:
                numbers[name] = len(sources)
                sources.append(name)
            return numbers[name]

        pages: list[Identity] = []
        known: dict[str, int] = {}
        hosts = {self.root.site}
        page = np.full(len(self.targets.texts), -1, np.int64)
        tag = np.full(len(self.targets.texts), -1, np.int64)
        for number, target in enumerate(self.targets.texts):
            text = target.decode("utf-8", "replace")
            try:
                found = identity(text)
            except ValueError:
                continue
            if found.site != self.root.site and not found.site.endswith(f".{self.root.site}"):
                continue
            if found.url not in known:
                known[found.url] = len(pages)
                pages.append(found)
                hosts.add(found.site)
            page[number] = known[found.url]
            if "utm_" in text:
                tag[number] = source(referrers.of_tags(text.partition("?")[2]))
        own = frozenset(hosts)
        texts = [text.decode("utf-8", "replace") for text in self.referrers.texts]
        places = [referrers.host_of(text) for text in texts]
        came = np.fromiter(
            (source(referrers.of_place(host, path, own)) for host, path in places), np.int64, len(texts)
        )
        spam = np.fromiter((machines.is_spam(host) for host, _ in places), bool, len(texts))
        agents = [_agent(text) for text in self.agents.texts]
        machine = np.where(machines.crawlers(agents), CRAWLER, 0)
        machine[[text.strip() in ("", "-") for text in agents]] = NO_AGENT
        app = np.fromiter(map(source, referrers.of_agents(agents)), np.int64, len(agents))
        return Classified(Meaning(page, tag, came, spam, machine, app), pages, sources)


def _agent(text: bytes) -> str:
    """An agent as it was sent: W3C logs write it percent-encoded, some of them twice."""
    agent = text.decode("utf-8", "replace")
    if "%20" in agent and " " not in agent:
        agent = unquote(agent)
    elif "%2520" in agent and " " not in agent:
        agent = unquote(unquote(agent))
    return agent


DIRECT_NUMBER, INTERNAL_NUMBER = CLASSES.index(DIRECT), CLASSES.index(INTERNAL)
