"""Twitter/X through tweepy: hourly mentions and own posts' counters, within a budget in dollars."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from analysis.platforms.card import Limit
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, understood
from analysis.platforms.patience import passing, patiently
from analysis.platforms.rows import Rows, count, moment
from analysis.platforms.twitter.archive import PLATFORM, links_of, post_events
from analysis.tables import Batch

COUNTS_DOLLARS, POST_DOLLARS, OWNED_DOLLARS = 0.005, 0.005, 0.001
COUNTS_LIMITS = (Limit(300, 900, "app, counts/recent"),)
POSTS_LIMITS = (Limit(900, 900, "app, posts"),)
WINDOW = timedelta(days=7)
HOUR = timedelta(hours=1)
LONGEST_QUERY = 512
PAGE, SMALLEST_PAGE, IDS_AT_ONCE = 100, 5, 100
FIELDS = ["created_at", "public_metrics", "entities", "referenced_tweets"]
PUBLIC = {
    "impression_count": "impressions",
    "like_count": "likes",
    "retweet_count": "retweets",
    "quote_count": "quotes",
    "reply_count": "replies",
    "bookmark_count": "bookmarks",
}


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """At least one request a URL, a page an account, one for 100 items. Unknown without a key."""
    session.key("bearer_token")
    counted = [ask for ask in asks if ask.kind in ("url", "site")]
    accounts = [ask for ask in asks if ask.kind == "account"]
    items = [ask for ask in asks if ask.kind == "item"]
    what = []
    dollars = 0.0
    if counted:
        dollars += COUNTS_DOLLARS * len(counted)
        what.append(f"hourly mentions of {len(counted):,} URLs and sites, ${COUNTS_DOLLARS} each")
    if accounts:
        dollars += OWNED_DOLLARS * PAGE * len(accounts)
        what.append(f"posts of {len(accounts):,} accounts, ${OWNED_DOLLARS} a post, at most {PAGE} a page")
    if items:
        dollars += sum(_price(ask) for ask in items)
        what.append(f"counters of {len(items):,} posts, ${OWNED_DOLLARS} an own one, ${POST_DOLLARS} another")
    what.append(f"${session.budget:.3f} may be spent")
    requests = len(counted) + len(accounts) + -(-len(items) // IDS_AT_ONCE)
    return Plan(requests, round(dollars, 6), tuple(what))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Intervals of mentions, then readings of own posts; what the budget does not pay stays unknown.

    A request is booked before it is made, at the most it can cost; what it turns out not to cost is
    given back. Posts that X says do not exist any more go to ``Batch.gone``.
    """
    client = _client(session)
    try:
        for ask in asks:
            if ask.kind in ("url", "site"):
                yield from _each_alone(ask, session, partial(_mentions, ask, session, client))
        for ask in asks:
            if ask.kind == "account":
                yield from _each_alone(ask, session, partial(_timeline, ask, session, client))
        for price in (OWNED_DOLLARS, POST_DOLLARS):
            items = [ask for ask in asks if ask.kind == "item" and _price(ask) == price]
            for start in range(0, len(items), IDS_AT_ONCE):
                yield from _items(items[start : start + IDS_AT_ONCE], price, session, client)
    finally:
        client.session.close()


def _price(ask: Ask) -> float:
    return OWNED_DOLLARS if ask.account_kind else POST_DOLLARS


def _each_alone(ask: Ask, session: Session, steps: Callable[[], Iterator[Batch]]) -> Iterator[Batch]:
    """One ask; a fault of its own leaves the others whole, a fault of the platform rises."""
    try:
        yield from steps()
    except Unknown as error:
        if error.status in ("failed", "unsupported") and not error.passing:
            session.unknown(ask, error)
        else:
            raise
    else:
        session.done(ask)


def query(url: str, *, whole_site: bool = False) -> str:
    """The search query for posts that hold the URL: host and path, as X compares them, or the host alone."""
    parts = urlsplit(url)
    address = (parts.hostname or "").removeprefix("www.")
    if not whole_site:
        address += parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
    return f'url:"{address}"'


def _mentions(ask: Ask, session: Session, client: Any) -> Iterator[Batch]:
    url = ask.url or (ask.value if "://" in ask.value else f"https://{ask.value}/")
    asked = query(url, whole_site=ask.kind == "site")
    if len(asked) > LONGEST_QUERY or '"' in asked[5:-1]:
        raise Unknown(
            "unsupported", f"X takes no query of {len(asked)} characters or with quotes: {url[:80]}"
        )
    session.spend(COUNTS_DOLLARS, f"counts/recent for {url[:80]}")
    now = session.now()
    start = _start(ask, session, now)
    answer = patiently(
        session,
        lambda: _call(
            session,
            client.get_recent_tweets_count,
            query=asked,
            granularity="hour",
            **({"start_time": start} if start else {}),
        ),
        limits=COUNTS_LIMITS,
        scope="counts",
    )
    rows = Rows(PLATFORM, session.now(), "x counts", "x counts/recent")
    content = rows.content(url)
    last: datetime | None = None

    def bucket(record: dict[str, Any]) -> None:
        nonlocal last
        begin, end, value = moment(record["start"]), moment(record["end"]), count(record["tweet_count"])
        whole = end - begin == HOUR and end <= rows.observed_at
        rows.interval(content, "mentions", begin, end, value, partial=not whole)
        last = end if whole and (last is None or end > last) else last

    with understood("counts/recent"):
        # no post in seven days is an answer too: X still lists the hours, each with 0
        each(answer["data"], bucket, rows, "counts/recent")
    yield rows.batch()
    if last is not None:
        session.save(_place(ask), last.isoformat())


def _place(ask: Ask) -> str:
    return f"counted {ask.kind} {ask.value}"


def _start(ask: Ask, session: Session, now: datetime) -> datetime | None:
    """From an hour before the last look ended (late posts, deletions), else all there is."""
    stood = session.load(_place(ask))
    wanted = [moment(stood) - HOUR] if stood else []
    wanted += [ask.since] if ask.since else []
    start = max(wanted, default=None)
    # X refuses a start outside its window or within the last ten seconds; without one it gives it all
    return start if start and now - WINDOW + HOUR < start < now - timedelta(minutes=1) else None


def _timeline(ask: Ask, session: Session, client: Any) -> Iterator[Batch]:
    """Posts of an account of the user's own: its events and their counters, newest first."""
    native = ask.value.lstrip("@")
    if not native.isdigit():
        session.spend(POST_DOLLARS, f"looking up @{native}")
        found = patiently(
            session,
            lambda: _call(session, client.get_user, username=native),
            limits=POSTS_LIMITS,
            scope="posts",
        )
        with understood("users/by/username"):
            if "data" not in found:
                raise Unknown("failed", f"X knows no account @{native}")
            native = str(found["data"]["id"])
    token: str | None = None
    while True:
        size = min(PAGE, int(session.budget / OWNED_DOLLARS + 1e-6))
        size = max(size, SMALLEST_PAGE)
        session.spend(OWNED_DOLLARS * size, f"{size} posts of {ask.value}")
        more: dict[str, Any] = {"pagination_token": token} if token else {}
        more |= {"start_time": ask.since} if ask.since else {}
        answer = patiently(
            session,
            lambda size=size, more=more: _call(  # type: ignore[misc]
                session, client.get_users_tweets, native, max_results=size, tweet_fields=FIELDS, **more
            ),
            limits=POSTS_LIMITS,
            scope="posts",
        )
        rows = Rows(PLATFORM, session.now(), ask.observer("x posts"), "x users/tweets")
        with understood("users/tweets"):
            posts = answer.get("data") or []
            session.spend(-OWNED_DOLLARS * (size - len(posts)), "posts that were not there")
            actor = session.actor(native)
            each(posts, lambda post: _post(rows, post, actor=actor), rows, "users/tweets")  # noqa: B023
            token = (answer.get("meta") or {}).get("next_token")
        yield rows.batch()
        if not token:
            return


def _items(asks: Sequence[Ask], price: float, session: Session, client: Any) -> Iterator[Batch]:
    """Counters of known posts again; a post X no longer has is gone."""
    known = {ask.value: ask for ask in asks if ask.value.isdigit()}
    for ask in asks:
        if ask.value not in known:
            session.unknown(ask, Unknown("failed", f"{ask.value!r} is no post id"))
    if not known:
        return
    session.spend(price * len(known), f"{len(known)} posts")
    answer = patiently(
        session,
        lambda: _call(session, client.get_tweets, ids=list(known), tweet_fields=FIELDS),
        limits=POSTS_LIMITS,
        scope="posts",
    )
    kinds = {ask.account_kind for ask in asks}
    for kind in kinds:
        mine = {native: ask for native, ask in known.items() if ask.account_kind == kind}
        if not mine:
            continue
        rows = Rows(PLATFORM, session.now(), next(iter(mine.values())).observer("x posts"), "x tweets")
        with understood("tweets"):
            posts = [post for post in answer.get("data") or [] if str(post["id"]) in mine]
            each(posts, lambda post: _post(rows, post, mine[str(post["id"])]), rows, "tweets")  # noqa: B023
            answered = {str(post["id"]) for post in posts}
            hidden: dict[str, str] = {}
            for error in answer.get("errors") or []:
                native = str(error.get("resource_id") or error.get("value"))
                if native in mine and str(error.get("type", "")).endswith("resource-not-found"):
                    rows.gone(native)
                    answered.add(native)
                elif native in mine:
                    hidden[native] = str(error.get("title"))
        yield rows.batch()
        session.done(*(ask for native, ask in mine.items() if native in answered))
        for native in mine.keys() - answered:
            why = Unknown("failed", "X said nothing about this post")
            if native in hidden:
                why = Unknown("blocked", f"X does not show this post: {hidden[native]}")
            session.unknown(mine[native], why)


def _post(rows: Rows, post: dict[str, Any], ask: Ask | None = None, *, actor: str | None = None) -> None:
    native, at = str(post["id"]), moment(post["created_at"])
    values = {m: count(post["public_metrics"][n]) for n, m in PUBLIC.items() if n in post["public_metrics"]}
    refers = {str(r["type"]): str(r["id"]) for r in post.get("referenced_tweets") or []}
    repost = "retweeted" in refers
    if ask and ask.content_id:
        content = ask.content_id
    else:
        content = post_events(
            rows,
            native,
            at,
            links_of(post),
            refers.get("replied_to"),
            rows.observed_at,
            quotes=refers.get("quoted"),
            repost=repost,
            actor=actor,
        )
    # a repost shows the counters of the post it repeats: somebody else's
    for metric, value in values.items() if not repost else ():
        rows.reading(native, content, metric, value)


def _client(session: Session) -> Any:
    import requests
    import tweepy

    # at DEBUG tweepy writes its headers, and in them the token
    logging.getLogger("tweepy.client").setLevel(logging.INFO)
    token = session.key("bearer_token").get_secret_value()
    client = tweepy.Client(bearer_token=token, return_type=dict)
    client.user_agent = session.user_agent
    base = session.option("base_url", "https://api.twitter.com").rstrip("/")
    seconds = float(getattr(session, "timeout", 30.0))

    class Adapter(requests.adapters.HTTPAdapter):
        """Tweepy fixes its host and sets no time limit; both are ours to choose."""

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            request.url = base + request.url.removeprefix("https://api.twitter.com")
            return super().send(request, *args, **(kwargs | {"timeout": seconds}))

    client.session.mount("https://api.twitter.com", Adapter())
    return client


def _call(session: Session, method: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
    """The decoded answer, or Unknown with what X meant by its refusal."""
    import requests
    import tweepy

    try:
        answer = method(*args, **kwargs)
    except tweepy.HTTPException as error:
        raise _refusal(session, error.response) from None
    except requests.JSONDecodeError:
        raise passing(Unknown("failed", "X answered something that is no whole JSON")) from None
    except requests.Timeout:
        raise passing(Unknown("failed", "X did not answer in time")) from None
    except requests.RequestException as error:
        raise passing(Unknown("failed", f"X could not be reached ({type(error).__name__})")) from None
    except (AttributeError, TypeError, ValueError) as error:  # tweepy, on a body or header it does not expect
        raise Unknown("failed", f"X answered something tweepy cannot read ({type(error).__name__})") from None
    if not isinstance(answer, dict):
        raise Unknown("failed", f"X has changed its schema: an object expected, got {type(answer).__name__}")
    return answer


def _refusal(session: Session, response: Any) -> Unknown:
    code = response.status_code
    try:
        body = response.json()
        title = str(body.get("title") or "") if isinstance(body, dict) else ""
    except ValueError:
        title = ""
    if code == 429 and "usagecap" in title.replace(" ", "").casefold():
        return Unknown("over_budget", "X says the usage cap of this app is reached", http=code)
    wait = None
    if code == 429:
        reset = response.headers.get("x-rate-limit-reset", "")
        told = response.headers.get("retry-after", "")
        if told.isdigit():
            wait = float(told)
        elif reset.isdigit():
            wait = max(0.0, float(reset) - session.now().timestamp() + 1)
    error = session.failure(code, retry_after=wait, detail=title[:80])
    return passing(error) if code == 429 or code >= 500 else error
