"""What search and stream share: links in a record, ids without accounts, times bounded by who saw them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analysis.platforms.contract import Session
from analysis.platforms.rows import moment
from analysis.urls import canonical

PLATFORM = "bluesky"
POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"


def links(record: dict[str, Any]) -> list[str]:
    """The canonical URLs a post carries: its card first, then its text's links, each once."""
    embed = record.get("embed") or {}
    media = embed.get("media") or {}
    found = [(part.get("external") or {}).get("uri") for part in (embed, media)]
    for facet in record.get("facets") or []:
        found += [feature.get("uri") for feature in facet.get("features") or []]
    urls = []
    for url in found:
        try:
            urls.append(canonical(str(url)) if url else "")
        except ValueError:
            continue  # an address of another kind, or a broken one, carries no content
    return list(dict.fromkeys(url for url in urls if url))


def quoted(record: dict[str, Any]) -> str | None:
    """The URI of the post a record quotes, if it quotes one."""
    embed = record.get("embed") or {}
    inner = embed.get("record") or {}
    uri = inner.get("uri") or (inner.get("record") or {}).get("uri")
    return str(uri) if uri and f"/{POST}/" in str(uri) else None


def answered(record: dict[str, Any]) -> str | None:
    """The URI of the post a record answers, if it answers one."""
    uri = ((record.get("reply") or {}).get("parent") or {}).get("uri")
    return str(uri) if uri else None


def kind_of(record: dict[str, Any]) -> str:
    """What a post that carries a link is."""
    return "reply" if answered(record) else "quote" if quoted(record) else "submission"


def native(session: Session, uri: str) -> str:
    """An id for the record at at://did/collection/rkey that holds the account only as a keyed hash.

    ValueError when it is no such URI.
    """
    scheme, _, rest = uri.partition("://")
    parts = rest.split("/")
    if scheme != "at" or len(parts) != 3 or not all(parts):
        raise ValueError(f"{uri[:20]!r}... is no record's URI")
    did, collection, rkey = parts
    return f"{collection.rpartition('.')[2]}:{session.actor(did)}/{rkey}"


def act(session: Session, kind: str, did: str, subject: str) -> str:
    """An id for a like or repost: one account does each once to a post, whatever told us of it."""
    return f"{kind}:{session.actor(did)}>{subject}"


def occurred(created: Any, witnessed: datetime) -> datetime:
    """When an act happened: createdAt is the poster's claim, so it is never later than it was witnessed."""
    try:
        return min(moment(created), witnessed)
    except ValueError:
        return witnessed
