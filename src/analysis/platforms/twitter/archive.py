"""The archive an account downloads from Twitter/X: data/tweets.js and data/deleted-tweets.js."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.platforms.exports import in_batches, json_records, read_text, rows_of
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch

PLATFORM = "twitter"
CREATED = "%a %b %d %H:%M:%S %z %Y"
COUNTERS = {"favorite_count": "likes", "retweet_count": "retweets"}
_MADE = re.compile(r'"generationDate"\s*:\s*"([^"]+)"')
_NO_WORD = re.compile(r"https?://\S+|[@#]\w+")
_STATUS = re.compile(r"https?://(?:www\.|mobile\.)?(?:twitter|x)\.com/[^/]+/status(?:es)?/(\d+)")


def tweets(path: Path, observed_at: datetime | None = None) -> Iterator[Batch]:
    """Events and readings from tweets.js (``window.YTD.tweets.part0 = [...]``).

    One event a post: submission, reply (parent_id: what it answers), quote or repost, about the first
    link it carries (a further link gives a further event, id#2 and so on), or about the post itself
    where it carries none. Likes and retweets are readings of the day the archive was made: from its
    manifest.js where that lies beside, else from the file's date. A repost's counters belong to
    somebody else's post and are left out. A record of deleted-tweets.js makes the store forget it.
    No words of a post are kept, but how many there were beside links, names and hashtags: ``words``.
    """
    made = observed_at or _archive_made(path)
    rows = rows_of(PLATFORM, path, made, "twitter archive", "archive")
    yield from in_batches(rows, _tweets(rows, read_text(path)))


def _archive_made(path: Path) -> datetime | None:
    manifest = path.parent / "manifest.js"
    found = _MADE.search(read_text(manifest)) if manifest.is_file() else None
    try:
        return moment(found.group(1)) if found else None
    except ValueError:
        return None


def _tweets(rows: Rows, text: str) -> Iterator[None]:
    for line, record in json_records(text, rows.lost):
        rows.begin()
        post = record.get("tweet", record)
        try:
            _tweet(rows, post)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            rows.aside(f"no {error}" if isinstance(error, KeyError) else str(error), _id(post), line)
        yield


def _id(post: Any) -> str:
    return str(post.get("id_str") or post.get("id") or "") if isinstance(post, dict) else ""


def _tweet(rows: Rows, post: dict[str, Any]) -> None:
    native = _id(post)
    if not native.isdigit():
        raise KeyError("id_str")
    if post.get("deleted_at"):
        rows.gone(native)
        return
    at = datetime.strptime(post["created_at"], CREATED)
    words = post.get("full_text", post.get("text"))
    repost = isinstance(words, str) and words.startswith("RT @")
    counters = {} if repost else {m: count(post[n]) for n, m in COUNTERS.items() if post.get(n) is not None}
    answered = post.get("in_reply_to_status_id_str") or post.get("in_reply_to_status_id")
    made = max(rows.observed_at, at)
    contents = post_events(rows, native, at, links_of(post), answered, made, repost=repost)
    if isinstance(words, str) and not repost:
        counters["words"] = float(len(re.findall(r"\w+", _NO_WORD.sub(" ", words))))
    for metric, value in counters.items():
        rows.reading(native, contents, metric, value, observed_at=made)


def links_of(post: dict[str, Any]) -> list[str]:
    """The links a post carries, unwrapped from t.co, each once and in order."""
    urls = (post.get("entities") or {}).get("urls") or []
    found = [entry.get("unwound_url") or entry.get("expanded_url") for entry in urls]
    return list(dict.fromkeys(url for url in found if url and url.startswith(("http://", "https://"))))


def post_events(
    rows: Rows,
    native: str,
    at: datetime,
    links: list[str],
    answered: str | None,
    made: datetime,
    *,
    quotes: str | None = None,
    repost: bool = False,
    actor: str | None = None,
) -> str:
    """An event for each link of the post, or one for the post itself; the content of the first."""
    links = [link for link in links if f"/status/{native}" not in link]
    posts = [link for link in links if _STATUS.match(link)]
    if not quotes and posts and (match := _STATUS.match(posts[0])):
        quotes = match.group(1)
    carried = [link for link in links if link not in posts] or posts or [permalink(native)]
    kind = "repost" if repost else "reply" if answered else "quote" if quotes else "submission"
    parent = {"reply": answered, "quote": quotes}.get(kind)
    keys = []
    for url in carried:
        try:
            keys.append(rows.content(url))
        except ValueError:
            continue  # an address of another kind carries no content
    keys = list(dict.fromkeys(keys)) or [rows.content(permalink(native))]
    for place, key in enumerate(keys, 1):
        rows.event(
            native if place == 1 else f"{native}#{place}",
            key,
            kind,
            at,
            parent_id=f"{PLATFORM}:{parent}" if parent else None,
            actor=actor,
            observed_at=made,
        )
    return keys[0]


def permalink(native: str) -> str:
    """Where the post stands, without its author's name."""
    return f"https://x.com/i/web/status/{native}"
