"""Posts with a URL, of a site or by an account, with their counters, likes and quotes, through atproto."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from analysis.platforms.bluesky import records
from analysis.platforms.bluesky.records import PLATFORM
from analysis.platforms.contract import Ask, Session, Unknown, each, understood
from analysis.platforms.patience import passing, patiently
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch
from analysis.urls import content_id, site

PAGE = 100
COUNTERS = {"likeCount": "likes", "repostCount": "reposts", "quoteCount": "quotes", "replyCount": "replies"}
SEARCH, LIKES, QUOTES = "app.bsky.feed.searchPosts", "app.bsky.feed.getLikes", "app.bsky.feed.getQuotes"
FEED = "app.bsky.feed.getAuthorFeed"


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Each ask's posts newest first back to ``since``; of each post its likes and quotes since last time.

    A search that finds nothing is an answer (submissions: 0).
    """
    if not asks:
        return
    with _caller(session) as call:
        for ask in asks:
            try:
                yield from _Posts(ask, session, call).steps()
            except Unknown as error:
                # a fault of this ask alone leaves the others whole; anything else holds for all
                if error.status != "failed" or error.passing:
                    raise
                session.unknown(ask, error)
            else:
                session.done(ask)


class _Posts:
    """One ask on its way through the pages."""

    def __init__(self, ask: Ask, session: Session, call: Callable[[str, dict[str, Any]], Any]) -> None:
        self.ask, self.session, self.call = ask, session, call
        self.found = 0

    def steps(self) -> Iterator[Batch]:
        ask = self.ask
        url = ask.url or ask.value
        since = {"since": ask.since.isoformat().replace("+00:00", "Z")} if ask.since else {}
        if ask.kind == "account":
            yield from self._pages(FEED, {"actor": ask.value.lstrip("@")}, "feed")
            return
        host = ask.value.removeprefix("www.")
        asked = {"q": url, "url": url} if ask.kind == "url" else {"q": host, "domain": host}
        yield from self._pages(SEARCH, {**asked, "sort": "latest", **since}, "posts")
        if ask.kind == "url":
            rows = self._rows("bluesky searchPosts")
            content = rows.content(url)
            rows.reading(content, content, "submissions", self.found)
            yield rows.batch()

    def _rows(self, source: str) -> Rows:
        return Rows(PLATFORM, self.session.now(), self.ask.observer("bluesky appview"), source)

    def _pages(self, method: str, params: dict[str, Any], name: str) -> Iterator[Batch]:
        cursor: str | None = None
        while True:
            answer = self.call(method, {**params, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
            rows = self._rows(f"bluesky {method.rpartition('.')[2]}")
            more: list[dict[str, Any]] = []
            with understood(method):
                listed, after = answer[name], answer.get("cursor")
            each(listed, partial(self._entry, rows, more), rows, method)
            yield rows.batch()
            for post in more:
                yield from self._likes(post)
                yield from self._quotes(post)
            old = self.ask.since and more and all(moment(p["indexedAt"]) < self.ask.since for p in more)
            if not after or after == cursor or not listed or old:
                return
            cursor = after

    def _entry(self, rows: Rows, more: list[dict[str, Any]], entry: dict[str, Any]) -> None:
        if self.ask.kind != "account":
            self._post(rows, entry)
            more.append(entry)
            return
        reason = entry.get("reason") or {}
        if str(reason.get("$type", "")).endswith("#reasonRepost"):
            post = entry["post"]
            subject = records.native(self.session, str(post["uri"]))
            did = str(reason["by"]["did"])
            key = self._content(rows, post)
            rows.event(
                records.act(self.session, "repost", did, subject), key, "repost", moment(reason["indexedAt"]),
                actor=self.session.actor(did), parent_id=f"{PLATFORM}:{subject}",
            )  # fmt: skip
        elif not reason:
            self._post(rows, entry["post"])
            more.append(entry["post"])

    def _content(self, rows: Rows, post: dict[str, Any]) -> str:
        """The content a post belongs to: what was asked about, else its first link, else itself."""
        found = records.links(post["record"])
        if self.ask.kind == "url":
            return rows.content(self.ask.url or self.ask.value)
        if self.ask.kind == "site":
            wanted = self.ask.value.removeprefix("www.")
            inside = [url for url in found if site(url) == wanted or site(url).endswith(f".{wanted}")]
            return rows.content(inside[0] if inside else self.ask.url or f"https://{wanted}/")
        if found:
            return rows.content(found[0])
        did, _, rkey = str(post["uri"]).removeprefix("at://").split("/")
        return rows.content(f"https://bsky.app/profile/{did}/post/{rkey}")

    def _post(self, rows: Rows, post: dict[str, Any], *, parent: str | None = None) -> str:
        record, did = post["record"], str(post["author"]["did"])
        native = records.native(self.session, str(post["uri"]))
        at = records.occurred(record.get("createdAt"), moment(post["indexedAt"]))
        values = {metric: count(post[name]) for name, metric in COUNTERS.items() if name in post}
        refers = records.answered(record) or records.quoted(record)
        if parent is None and refers:
            parent = records.native(self.session, refers)
        content = self._content(rows, post)
        rows.event(
            native,
            content,
            records.kind_of(record),
            at,
            actor=self.session.actor(did),
            parent_id=f"{PLATFORM}:{parent}" if parent else None,
        )
        for metric, value in values.items():
            rows.reading(native, content, metric, value)
        # the stream keeps likes and reposts of posts it knows to carry watched content
        self.session.save(f"post {native}", content)
        self.found += 1
        return content

    def _likes(self, post: dict[str, Any]) -> Iterator[Batch]:
        if not post.get("likeCount"):
            return
        uri = str(post["uri"])
        subject = records.native(self.session, uri)
        place = f"liked {subject}"
        seen = self.session.load(place) or ""
        newest, cursor = seen, None
        content = self.session.load(f"post {subject}") or content_id(self.ask.url or self.ask.value)
        while True:
            answer = self.call(LIKES, {"uri": uri, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
            rows = self._rows("bluesky getLikes")
            with understood(LIKES):
                listed, after = answer["likes"], answer.get("cursor")
            stamps: list[str] = []

            def like(entry: dict[str, Any], rows: Rows = rows, stamps: list[str] = stamps) -> None:
                did, witnessed = str(entry["actor"]["did"]), moment(entry["indexedAt"])
                rows.event(
                    records.act(self.session, "like", did, subject),
                    content,
                    "like",
                    records.occurred(entry["createdAt"], witnessed),
                    actor=self.session.actor(did),
                    parent_id=f"{PLATFORM}:{subject}",
                )
                stamps.append(witnessed.isoformat(timespec="microseconds"))

            each(listed, like, rows, LIKES)
            yield rows.batch()
            newest = max([newest, *stamps])
            if not after or after == cursor or not listed or (stamps and max(stamps) <= seen):
                break
            cursor = after
        if newest:
            self.session.save(place, newest)

    def _quotes(self, post: dict[str, Any]) -> Iterator[Batch]:
        if not post.get("quoteCount"):
            return
        uri, cursor = str(post["uri"]), None
        parent = records.native(self.session, uri)
        while True:
            answer = self.call(QUOTES, {"uri": uri, "limit": PAGE, **({"cursor": cursor} if cursor else {})})
            rows = self._rows("bluesky getQuotes")
            with understood(QUOTES):
                listed, after = answer["posts"], answer.get("cursor")
            found = self.found
            each(listed, partial(self._quote, rows, parent), rows, QUOTES)
            self.found = found  # a quote need not carry the URL: it is not among what search found
            yield rows.batch()
            if not after or after == cursor or not listed:
                return
            cursor = after

    def _quote(self, rows: Rows, parent: str, post: dict[str, Any]) -> None:
        record, did = post["record"], str(post["author"]["did"])
        native = records.native(self.session, str(post["uri"]))
        at = records.occurred(record.get("createdAt"), moment(post["indexedAt"]))
        values = {metric: count(post[name]) for name, metric in COUNTERS.items() if name in post}
        content = self.session.load(f"post {parent}") or content_id(self.ask.url or self.ask.value)
        rows.event(
            native, content, "quote", at, actor=self.session.actor(did), parent_id=f"{PLATFORM}:{parent}"
        )
        for metric, value in values.items():
            rows.reading(native, content, metric, value)
        self.session.save(f"post {native}", content)


@contextmanager
def _caller(session: Session) -> Iterator[Callable[[str, dict[str, Any]], Any]]:
    """A function that asks one method and gives its decoded answer, logged in."""
    import httpx
    from atproto import Client, Request
    from atproto_client.models.dot_dict import DotDict

    handle = session.key("handle").get_secret_value()
    password = session.key("app_password").get_secret_value()
    client = Client(
        base_url=session.option("base_url", "https://bsky.social").rstrip("/"),
        request=Request(timeout=httpx.Timeout(float(getattr(session, "timeout", 30.0)))),
    )
    client.request.add_additional_header("User-Agent", session.user_agent)

    def call(method: str, params: dict[str, Any]) -> Any:
        asked: Any = DotDict(params)
        answer = patiently(session, lambda: _once(session, lambda: client.invoke_query(method, params=asked)))
        if not isinstance(answer.content, dict):
            raise passing(Unknown("failed", f"{method} answered something that is no JSON object"))
        return answer.content

    try:
        login = partial(client.login, handle, password, fetch_bsky_profile=False)
        patiently(session, lambda: _once(session, login))
        yield call
    finally:
        client.request.close()


def _once(session: Session, ask: Callable[[], Any]) -> Any:
    import httpx
    from atproto import exceptions

    try:
        return ask()
    except exceptions.InvokeTimeoutError:
        raise passing(Unknown("failed", "Bluesky did not answer in time")) from None
    except exceptions.RateLimitExceededError as error:
        wait = error.retry_after
        if wait is None and error.reset_at is not None:
            wait = max(0.0, (error.reset_at - session.now()).total_seconds())
        raise passing(session.failure(429, retry_after=wait)) from None
    except exceptions.RequestErrorBase as error:
        if error.response is None:
            raise passing(Unknown("failed", "Bluesky could not be reached")) from None
        code = error.response.status_code
        name = str(getattr(error.response.content, "error", "") or "")
        failure = session.failure(code, detail=name[:80])
        raise (passing(failure) if code >= 500 else failure) from None
    except httpx.HTTPError as error:
        raise passing(Unknown("failed", f"Bluesky could not be reached ({type(error).__name__})")) from None
    except exceptions.AtProtocolError as error:
        raise Unknown(
            "failed", f"Bluesky answered what its client cannot read ({type(error).__name__})"
        ) from None
    except ValueError:
        raise passing(Unknown("failed", "Bluesky answered something that is no whole JSON")) from None
