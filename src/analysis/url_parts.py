"""A URL taken apart and made valid: quoted, its host in ASCII and checked, dot segments resolved.

What is valid, as RFC 3986 says; what is only spelling is for ``urls``.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import unquote

WEB = re.compile(r"https?://", re.I)
HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_AUTHORITY = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.I | re.S)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_HTML_AMPERSAND = re.compile(r"(^|&)(?:amp;)+")
_LEGAL = re.compile(r"[A-Za-z0-9\-._~:/?@!$&()*+,;=%]*", re.ASCII)
_CONTROLS = "".join(map(chr, range(33)))
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PORTS = {"http": "80", "https": "443"}


class Parts(NamedTuple):
    """Scheme, host and the rest; ``port`` with its colon, empty when it is the scheme's own."""

    scheme: str
    host: str
    port: str
    path: str
    query: str
    fragment: str

    def text(self) -> str:
        """The URL again."""
        query = f"?{self.query}" if self.query else ""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.scheme}://{self.host}{self.port}{self.path}{query}{fragment}"


def split(url: str) -> Parts:
    """The URL's parts, made valid: quoted, host in ASCII and checked, dot segments resolved."""
    text = url.strip(_CONTROLS).translate({9: None, 10: None, 13: None})
    if not WEB.match(text):
        raise _refuse(url, "it does not start with http:// or https://")
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        raise _refuse(url, "it cannot be taken apart")
    scheme, authority, path, query, fragment = found.groups()
    scheme = scheme.lower()
    # Who asked (user:password@) is no part of what was published, and nobody else's business.
    host, port = _host_and_port(url, authority.rpartition("@")[2])
    if port == _PORTS[scheme]:
        port = ""
    try:
        path, query, fragment = _quoted(path), _quoted(query or ""), _quoted(fragment or "")
    except UnicodeError:
        raise _refuse(url, "it holds characters that no encoding knows") from None
    query = _HTML_AMPERSAND.sub(r"\1", query).replace("%20", "+")
    # Another port speaks one of the two languages only: there the scheme is part of the address.
    return Parts(
        scheme if port else "https", host, f":{port}" if port else "", _dots(path) or "/", query, fragment
    )


def _host_and_port(url: str, authority: str) -> tuple[str, str]:
    if authority.startswith("["):
        inside, bracket, rest = authority[1:].partition("]")
        try:
            host = f"[{ipaddress.IPv6Address(inside.partition('%')[0]).compressed}]"
        except ValueError:
            raise _refuse(url, "its IPv6 address is none") from None
        if not bracket or (rest and not rest.startswith(":")):
            raise _refuse(url, "something stands between its host and its path")
        port = rest[1:]
    else:
        host, _, port = authority.partition(":")
        host = _ascii_host(url, host)
    if port and not (port.isascii() and port.isdigit() and len(port) <= 6 and int(port) < 65536):
        raise _refuse(url, f"{port[:20]!r} is no port")
    return host, str(int(port)) if port else ""


def _ascii_host(url: str, host: str) -> str:
    if "%" in host:
        host = unquote(host)
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            raise _refuse(url, "its host is not a name of the internet") from None
    return _valid_host(url, host.lower())


def _valid_host(url: str, host: str) -> str:
    host = host.removesuffix(".")
    if not HOST.fullmatch(host) or len(host) > 253:
        raise _refuse(url, "it has no valid host")
    return host


def _quoted(text: str) -> str:
    """The text with every character legal, and no escape for a character that needs none."""
    if not text or (text.isascii() and text.replace("/", "").replace("-", "").replace("_", "").isalnum()):
        return text
    # w3lib quotes what no URL may hold; a stray % it leaves alone
    text = _ESCAPE.sub(_escape, text)
    if _LEGAL.fullmatch(text):
        return text
    from w3lib.url import safe_url_string

    return safe_url_string(f"https://h/?{text}").partition("?")[2]


def _escape(found: re.Match[str]) -> str:
    code = found[1]
    if code is None:
        return "%25"
    character = chr(int(code, 16))
    return character if character in _UNRESERVED else f"%{code.upper()}"


def _dots(path: str) -> str:
    """The path with its . and .. segments resolved (RFC 3986, section 5.2.4)."""
    if "/." not in path:
        return path
    out: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if out:
                out.pop()
        elif segment != ".":
            out.append(segment)
    if segments[-1] in (".", ".."):
        out.append("")
    return "/" + "/".join(out)


def _refuse(url: str, why: str) -> ValueError:
    shown = url if len(url) <= 120 else url[:119] + "…"
    return ValueError(f"{shown!r} is no http(s) URL: {why}")
