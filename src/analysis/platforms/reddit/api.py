"""Reddit through praw.

praw reads an attribute it lacks by asking Reddit again, once an item; so submissions are read from
``vars``. Reddit also gives a local ``created`` next to ``created_utc``: only the latter is a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from analysis.platforms.client import ATTEMPTS, PASSING, PAUSE_SECONDS, retry_after
from analysis.platforms.contract import Ask, Session, Unknown, each, understood
from analysis.platforms.rows import Rows, count, moment
from analysis.tables import Batch
from analysis.urls import canonical

if TYPE_CHECKING:
    import praw

PLATFORM = "reddit"
PAGE = 100
OBSERVER = "reddit api"


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Submissions as events; score, comments and submissions as readings; deleted items as gone."""
    reddit = _client(session)
    items = [ask for ask in asks if ask.kind == "item"]
    for start in range(0, len(items), PAGE):
        part = items[start : start + PAGE]
        with _answers(session):
            yield _sweep(reddit, part, session)
        session.done(*part)
    for ask in asks:
        if ask.kind == "item":
            continue
        try:
            with _answers(session):
                if ask.kind == "url":
                    yield from _url(reddit, ask, session)
                else:
                    yield from _listing(reddit, ask, session)
        except Unknown as error:
            # a community may be private, banned or misspelt; the others are not
            lone = ask.kind == "community" and error.http in (302, 403, 404)
            if not (lone or error.status == "failed"):
                raise
            session.unknown(ask, error)
        else:
            session.done(ask)


def _client(session: Session) -> praw.Reddit:
    client_id, secret = session.key("client_id"), session.key("client_secret")
    import praw
    import prawcore

    logging.getLogger("prawcore").setLevel(logging.ERROR)  # it would print URLs of its retries

    class Requestor(prawcore.Requestor):
        """praw's own way out, kept within the limits that all processes share."""

        def request(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
            for attempt in range(ATTEMPTS):
                session.permit()
                answer = super().request(*args, timeout=timeout, **kwargs)
                if answer.status_code != 429 or attempt == ATTEMPTS - 1:
                    break
                # praw gives up at once
                session.wait(_told(answer.headers, session) or PAUSE_SECONDS, "it asked us to wait")
            remaining = answer.headers.pop("x-ratelimit-remaining", None)
            # taken out above, because praw would wait a second time, and say nothing
            if remaining is not None and float(remaining) < 1 and answer.status_code != 429:
                session.wait(
                    float(answer.headers.get("x-ratelimit-reset", 60)), "no requests remain in its window"
                )
            return answer

    return praw.Reddit(
        client_id=client_id.get_secret_value(),
        client_secret=secret.get_secret_value(),
        user_agent=session.user_agent,
        oauth_url=session.option("oauth_url", "https://oauth.reddit.com"),
        reddit_url=session.option("reddit_url", "https://www.reddit.com"),
        timeout=session.timeout,  # type: ignore[arg-type]
        requestor_class=Requestor,
        check_for_updates=False,
    )


def _told(headers: Mapping[str, str], session: Session) -> float | None:
    return retry_after({name.lower(): value for name, value in headers.items()}, session.now())


@contextmanager
def _answers(session: Session) -> Iterator[None]:
    """Turn what praw raises into Unknown."""
    import praw.exceptions
    import prawcore.exceptions as core

    try:
        yield
    except core.TooManyRequests as error:
        seconds = _told(error.response.headers, session)
        session.hold(PAUSE_SECONDS if seconds is None else seconds)
        raise session.failure(429, retry_after=seconds) from None
    except core.OAuthException:
        raise Unknown("blocked", "Reddit refused the key (OAuth); check client id and secret") from None
    except core.BadJSON:
        raise Unknown("failed", "Reddit answered with no whole JSON") from None
    except core.ResponseException as error:
        answered = session.failure(error.response.status_code)
        answered.passing = error.response.status_code in PASSING
        raise answered from None
    except core.RequestException as error:
        cause = error.original_exception
        if isinstance(cause, Unknown):
            raise cause from None
        unreached = Unknown("failed", f"Reddit could not be reached ({type(cause).__name__})")
        unreached.passing = True
        raise unreached from None
    except (core.PrawcoreException, praw.exceptions.PRAWException) as error:
        raise Unknown("failed", f"Reddit's answer was not understood ({type(error).__name__})") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if error.args and error.args[0] in (401, 403):
            # praw looks a refusal up by a header that is not always there
            raise session.failure(error.args[0]) from None
        raise Unknown("failed", f"Reddit's answer has changed its schema ({type(error).__name__})") from None


def _rows(session: Session, source: str) -> Rows:
    return Rows(PLATFORM, session.now(), OBSERVER, source)


def _submission(submission: Any, rows: Rows, session: Session) -> None:
    """Add one submission."""
    data = vars(submission)
    native, created = str(data["id"]), moment(data["created_utc"])
    score, comments = count(data["score"]), count(data["num_comments"])
    address = canonical(_target(data))
    author = data["author"]
    content = rows.content(address, data["title"])
    parent = data.get("crosspost_parent")
    promoted = bool(data.get("promoted"))  # an advertisement; it stands in no community
    rows.event(
        native, content, "promotion" if promoted else "submission", created,
        actor=session.actor(author.name) if author is not None else None,
        community=None if promoted and "subreddit" not in data else str(data["subreddit"]),
        parent_id=f"{PLATFORM}:{parent.removeprefix('t3_')}" if parent else None,
    )  # fmt: skip
    rows.reading(native, content, "score", score)
    rows.reading(native, content, "comments", comments)


def _target(data: dict[str, Any]) -> str:
    """What the submission is about: the linked URL; a crosspost's and a self post's is a path of Reddit."""
    url = str(data["url"])
    parents = data.get("crosspost_parent_list")
    if url.startswith("/r/") and parents and parents[0].get("url"):
        url = str(parents[0]["url"])
    return f"https://www.reddit.com{url}" if url.startswith("/") else url


def _submissions(listing: Any) -> list[Any]:
    """The submissions in an answer; comments and communities are not content."""
    import praw.models
    from praw.models.listing.listing import Listing

    if not isinstance(listing, praw.models.ListingGenerator | Listing):
        raise TypeError("no listing")
    return [thing for thing in iter(listing) if isinstance(thing, praw.models.Submission)]


def _url(reddit: praw.Reddit, ask: Ask, session: Session) -> Iterator[Batch]:
    """Who posted it: /api/info matches the literal URL, /duplicates of one found adds its variants."""
    assert ask.content_id is not None
    rows = _rows(session, "/api/info?url=")
    found: set[str] = set()

    def use(thing: Any) -> None:
        if canonical(_target(vars(thing))) == ask.value and vars(thing)["id"] not in found:
            _submission(thing, rows, session)
            found.add(vars(thing)["id"])

    first = _submissions(reddit.get("api/info", params={"url": ask.value, "limit": PAGE}))
    each(first, use, rows, "a submission from /api/info")
    yield rows.batch()
    if first and vars(first[0]).get("num_duplicates") != 0:
        each(_submissions(first[0].duplicates(limit=PAGE)), use, rows, "a submission from /duplicates")
    rows.content(ask.value)
    rows.reading(ask.content_id, ask.content_id, "submissions", float(len(found)))
    yield rows.batch()


def _listing(reddit: praw.Reddit, ask: Ask, session: Session) -> Iterator[Batch]:
    """The newest submissions, back to where the last run stood; on the first look also the top ones."""
    place = f"{ask.kind} {ask.value}"
    saved = session.load(place)
    where = reddit.domain(ask.value) if ask.kind == "site" else reddit.subreddit(ask.value)
    start = session.now()
    floor = moment(saved) - timedelta(hours=1) if saved else ask.since
    pages: dict[str, Any] = {"limit": None, "request_limit": PAGE}
    yield from _pages(where.new(**pages), f"{place} new", floor, session, ordered=True)
    if not saved:
        top = where.top(time_filter=_span(ask.since, start), **pages)
        yield from _pages(top, f"{place} top", floor, session, ordered=False)
    session.save(place, start.isoformat())


def _pages(
    listing: Any, source: str, floor: datetime | None, session: Session, *, ordered: bool
) -> Iterator[Batch]:
    rows = _rows(session, source)
    page: list[Any] = []
    seen: set[str] = set()

    def flush() -> Batch:
        each(page, lambda thing: _submission(thing, rows, session), rows, f"a submission from {source}")
        page.clear()
        return rows.batch()

    try:
        for thing in listing:
            with understood(f"a submission from {source}"):
                native, created = str(vars(thing)["id"]), moment(vars(thing)["created_utc"])
            if floor is not None and created < floor:
                if ordered:
                    break
                continue
            if native not in seen:
                seen.add(native)
                page.append(thing)
            if len(page) >= PAGE:
                yield flush()
    finally:
        # what came before a page failed is kept
        rest = flush() if page else None
    if rest is not None:
        yield rest


def _span(since: datetime | None, now: datetime) -> str:
    if since is None:
        return "all"
    days = (now - since) / timedelta(days=1)
    return next(
        (word for limit, word in ((1, "day"), (7, "week"), (30, "month"), (365, "year")) if days <= limit),
        "all",
    )


def _sweep(reddit: praw.Reddit, asks: Sequence[Ask], session: Session) -> Batch:
    """Counters of known items, and which of them are gone."""
    rows = _rows(session, "/api/info?id=")
    answers = _submissions(reddit.get("api/info", params={"id": ",".join(f"t3_{ask.value}" for ask in asks)}))
    by_id = {str(vars(thing)["id"]): thing for thing in answers}

    def use(ask: Ask) -> None:
        thing = by_id.get(ask.value)
        if thing is None or _deleted(vars(thing)):
            rows.gone(ask.value)
            return
        assert ask.content_id is not None
        score, comments = count(vars(thing)["score"]), count(vars(thing)["num_comments"])
        rows.reading(ask.value, ask.content_id, "score", score)
        rows.reading(ask.value, ask.content_id, "comments", comments)

    each(list(asks), use, rows, "a submission from /api/info")
    return rows.batch()


def _deleted(data: dict[str, Any]) -> bool:
    """Deleted by its author, or by Reddit. Answers before 2019 say so by the author alone."""
    if "removed_by_category" in data:
        return data["removed_by_category"] in ("deleted", "author") or data.get("selftext") == "[deleted]"
    return data["author"] is None or data.get("selftext") == "[deleted]"
