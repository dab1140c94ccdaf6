"""Looking at a public page as politely as platforms are asked, and never at a private one.

Addresses come from platforms, so they may be anything. Only http and https on their usual ports are
fetched; a name is resolved once, every address it has must be public, and the connection goes to the
address that was checked, so that no second answer of a name server leads into this machine's network.
Redirects are followed one by one, each checked anew. robots.txt is kept wherever it stands (RFC 9309), and
no page is read further than two megabytes.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from protego import Protego

from analysis.platforms.anchors import words
from analysis.platforms.card import Limit
from analysis.platforms.client import PASSING, Connection, retry_after
from analysis.platforms.contract import Unknown

MOST_BYTES, MOST_HOPS, SECONDS = 2 << 20, 5, 60.0
ROBOTS_BYTES = 500 << 10
MOST_RULES = 1_000_000  # agents times lines: a parser may hold every rule for every agent
LONGEST_DELAY = 86400.0  # seconds; nobody waits so long
AGENT = "virality"
ONE_HOST = Limit(1, 2.0, "host; ours, as pages state none")
PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True)
class Page:
    """A page as it was seen: where it stands in the end, its text, and the words of its X-Robots-Tag."""

    url: str
    html: str
    robots: frozenset[str]


@dataclass(frozen=True)
class _Answer:
    status: int
    location: str | None
    headers: Any
    body: bytes


def public(addresses: Iterable[str]) -> bool:
    """Whether every address belongs to the public internet."""
    return all(_is_public(address) for address in addresses)


def _is_public(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


class Reader:
    """Reads pages for one platform's connection.

    Parameters
    ----------
    desk : paces and retries; its User-Agent is ours
    private : also look at loopback and private addresses, on any port: for tests and an intranet
    """

    def __init__(self, desk: Connection, *, private: bool = False) -> None:
        self._desk, self._private = desk, private
        self._robots: dict[str, Protego | None] = {}

    def read(self, url: str) -> Page:
        """The page, wherever it redirects to. Unknown says why it could not be seen."""
        url, answer = self._follow(url)
        kind = answer.headers.get("content-type", "text/html").split(";")[0].strip().lower()
        if kind not in ("text/html", "application/xhtml+xml", ""):
            raise Unknown("unsupported", f"{_host(url)} answered with {kind[:40]!r}, which is no page")
        from w3lib.encoding import html_to_unicode

        _, html = html_to_unicode(answer.headers.get("content-type"), answer.body)
        said = answer.headers.get("x-robots-tag", "")
        # "googlebot: nofollow" speaks to one engine, which is enough
        return Page(url, html, words(said.replace(":", " ")))

    def lands(self, url: str, there: Callable[[str], bool]) -> bool:
        """Whether a shortened address leads ``there``; no page is read on the way, nor at the end."""
        return there(self._follow(url, there)[0])

    def _follow(self, url: str, there: Callable[[str], bool] | None = None) -> tuple[str, _Answer]:
        try:
            return self._hops(url, there)
        except ValueError:
            raise Unknown("unsupported", "an address on the way is no URL") from None

    def _hops(self, url: str, there: Callable[[str], bool] | None) -> tuple[str, _Answer]:
        for _ in range(MOST_HOPS + 1):
            rules = self._rules(url)
            if not rules.can_fetch(url, AGENT):
                raise Unknown("blocked", f"robots.txt of {_host(url)} does not allow it")
            answer = self._polite(url, MOST_BYTES if there is None else 0, rules.crawl_delay(AGENT))
            if answer.location is None:
                if answer.status >= 400 and there is None:
                    raise self._desk.failure(answer.status, detail=f"at {_host(url)}")
                return url, answer
            url = urljoin(url, answer.location)
            if there is not None and there(url):
                return url, answer
        raise Unknown("failed", f"it redirects more than {MOST_HOPS} times, last to {_host(url)}")

    def _rules(self, url: str) -> Protego:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._robots:
            text = self._robots_txt(f"{origin}/robots.txt")
            self._robots[origin] = None if text is None else Protego.parse(text)
        rules = self._robots[origin]
        if rules is None:
            raise Unknown("blocked", f"robots.txt of {_host(url)} could not be read")
        return rules

    def _robots_txt(self, place: str) -> str | None:
        """What it says (RFC 9309, 2.3.1): nothing where none may be seen; None, a no, where it fails."""
        for _ in range(MOST_HOPS + 1):
            try:
                answer = self._polite(place, ROBOTS_BYTES)
            except Unknown as error:
                if error.passing:
                    return None
                raise
            if answer.location is None:
                break
            place = urljoin(place, answer.location)
        if answer.status >= 500:
            return None
        if not 200 <= answer.status < 300:
            return ""
        text = answer.body.decode("utf-8-sig", "replace")
        if len(answer.body) >= ROBOTS_BYTES:  # a rule cut in two would be another rule
            text = text[: text.rfind("\n") + 1]
        tangled = text.lower().count("agent") * len(text.splitlines()) > MOST_RULES
        return None if tangled else text

    def _polite(self, url: str, most: int, delay: float | None = None) -> _Answer:
        limit = Limit(1, min(max(delay or 0.0, ONE_HOST.seconds), LONGEST_DELAY), ONE_HOST.scope)
        return self._desk.politely(
            lambda: self._once(url, most), limits=(limit,), scope=f"pages {_host(url)}"
        )

    def _checked(self, url: str) -> tuple[str, str, int]:
        """The address of a URL's host that may be asked, its host and port."""
        try:
            parts = urlsplit(url)
            # a name in other letters is asked for as name servers know it
            host = (parts.hostname or "").encode("idna").decode()
            port = parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:
            raise Unknown("unsupported", "its address is no URL") from None
        if parts.scheme not in PORTS or not host or "@" in parts.netloc:
            raise Unknown("unsupported", f"{parts.scheme[:20]!r} addresses are not looked at")
        if not self._private and port != PORTS[parts.scheme]:
            raise Unknown("blocked", f"{host} on port {port}: only the usual ports are looked at")
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Unknown("failed", f"{host} has no address") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self._private and not public(addresses):
            raise Unknown("blocked", f"{host} is an address of a private network: never looked at")
        return addresses[0], host, port

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context()

    def _once(self, url: str, most: int) -> _Answer:
        import httpx2

        logging.getLogger("httpx2").setLevel(logging.WARNING)
        address, host, port = self._checked(url)
        parts = urlsplit(url)
        shown = f"[{address}]" if ":" in address else address
        at = urlunsplit((parts.scheme, f"{shown}:{port}", parts.path or "/", parts.query, ""))
        named = host if port == PORTS[parts.scheme] else f"{host}:{port}"
        headers = {"Host": named, "User-Agent": self._desk.user_agent, "Accept": "text/html,*/*;q=0.1",
                   "Accept-Encoding": "identity"}  # fmt: skip
        began, body = time.monotonic(), b""
        try:
            # a client of its own for each request: no cookie and no connection is carried to another host
            with (
                httpx2.Client(verify=self._trust, trust_env=False, timeout=self._desk.timeout) as client,
                client.stream("GET", at, headers=headers, extensions={"sni_hostname": host}) as answer,
            ):
                for chunk in answer.iter_bytes() if most and not answer.is_redirect else ():
                    body += chunk
                    if len(body) >= most:
                        break
                    if time.monotonic() - began > SECONDS:
                        raise Unknown("failed", f"{host} took longer than {SECONDS:g} s for one page")
        except httpx2.TimeoutException:
            slow = Unknown("failed", f"{host} did not answer within {self._desk.timeout:g} s")
            raise self._desk.passing(slow) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as error:
            gone = Unknown("failed", f"{host} could not be reached ({type(error).__name__})")
            raise self._desk.passing(gone) from None
        if answer.status_code in PASSING:
            after = retry_after(answer.headers, self._desk.now())
            raise self._desk.passing(
                self._desk.failure(answer.status_code, retry_after=after, detail=f"at {host}")
            )
        location = answer.headers.get("location") if answer.is_redirect else None
        return _Answer(answer.status_code, location, answer.headers, body[:most])


def _host(url: str) -> str:
    return urlsplit(url).hostname or "?"
