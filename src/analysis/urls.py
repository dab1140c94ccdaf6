"""A URL's canonical form and content_id. First form; the rules file is being written."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from urllib.parse import urlsplit

from w3lib.url import canonicalize_url


@lru_cache(maxsize=65536)
def canonical(url: str) -> str:
    """The one URL that stands for this content. ValueError when it is no http(s) URL."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http(s) URL")
    return canonicalize_url(url.strip())


def content_id(url: str) -> str:
    """Sixteen hex digits that stand for the canonical URL."""
    return hashlib.sha256(canonical(url).encode()).hexdigest()[:16]


def site(url: str) -> str:
    """The host a reader knows, without www."""
    return (urlsplit(canonical(url)).hostname or "").removeprefix("www.")
