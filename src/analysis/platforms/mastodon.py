"""Mastodon: what one instance, or several, know of a link: its uses by day, posts and their counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from analysis.platforms.card import Access, Card, Key, LifeEvent, Limit, LinkPolicy, Metric, Rule
from analysis.platforms.contract import Ask, Plan, Session, Unknown, each, understood
from analysis.platforms.patience import passing, patiently
from analysis.platforms.rows import Rows, count
from analysis.tables import Batch
from analysis.urls import content_id, site

CARD = Card(
    name="mastodon",
    title="Mastodon",
    purpose=("networking",),
    mechanism="Accounts on thousands of instances post and boost in the order of time; each instance knows "
    "only what reached it, and shows what trends there.",
    links=(LinkPolicy("nofollow", None, "nofollow noopener; the instance decides whether a referrer is sent, "
                      "so much of its traffic is dark"),),
    metrics=(
        Metric("uses", "posts", "interval", "posts with the link in one UTC day, as far as this instance "
               "knows; told for trending links only, for seven days", "uses"),
        Metric("accounts", "accounts", "interval", "accounts that posted the link in one UTC day, as far as "
               "this instance knows; not to be added up over days", "accounts", adds=False),
        Metric("reblogs", "boosts", "reading", "boosts of a post this instance knows of", "reblogs"),
        Metric("favourites", "favourites", "reading", "favourites of a post it knows of", "favourites"),
        Metric("replies", "posts", "reading", "replies to a post this instance knows of", "replies"),
        Metric("submission", "posts", "event", "a public post with the link; boosts have no time and are no "
               "event", "submissions"),
        Metric("reply", "posts", "event", "a public reply with the link", "submissions"),
    ),
    access=Access(
        (Key("access_token", "a token of the first instance; some want one", required=False),),
        "free",
        "Set VIRALITY_MASTODON_INSTANCES to the instances to ask (https://mastodon.social by default, commas "
        "between); make a token under Preferences, Development with the scope read.",
    ),
    limits=(Limit(300, 300, "instance and address"),),
    limit_headers=("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    rules=(
        Rule("Numbers of two instances are never added up: each is its observer's.", "Mastodon's source"),
        Rule("Respect each instance's rules; a post that is gone there is purged here.", "instances' terms"),
    ),
    life=(
        LifeEvent(date(2016, 10, 5), "opened"),
        LifeEvent(date(2022, 3, 30), "version 3.5: trending links with uses and accounts by day"),
        LifeEvent(date(2024, 10, 8), "version 4.3: a timeline of a trending link"),
    ),
    hosts=("mastodon.social", "mastodon.online", "mstdn.social", "mas.to", "fosstodon.org", "hachyderm.io",
           "infosec.exchange", "techhub.social", "mastodon.world", "mstdn.jp", "org.joinmastodon.android"),
    sources=("Mastodon API documentation", "Mastodon's source", "Mastodon.py 2.3.3"),
)  # fmt: skip

ASKS = frozenset({"url", "site", "item"})
TELLS: dict[str, tuple[str, ...]] = {
    "url": ("uses", "accounts"),
    "site": (),
    "item": ("reblogs", "favourites", "replies"),
}
TREND_PAGE, TREND_PAGES, TIMELINE_PAGE = 20, 5, 40
DAY = timedelta(days=1)
COUNTERS = {"reblogs_count": "reblogs", "favourites_count": "favourites", "replies_count": "replies"}
NOT_TRENDING = "this instance tells a link's uses only while it trends there, and it does not"


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One request for the trends and one for each URL and item, per instance."""
    asked = sum(ask.kind in ("url", "item") for ask in asks)
    hosts = _instances(session)
    what = f"trending links and {asked:,} links and posts of {', '.join(_host(h) for h in hosts)}"
    return Plan((1 + asked) * len(hosts), 0.0, (what,))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Intervals of trending links, the posts of each, and counters of known posts, instance by instance.

    A link that does not trend on any instance asked stays unknown: suppressed. An ask is done when one
    instance answered it; an instance that fails leaves the others whole.
    """
    answered: set[Ask] = set()
    why: dict[Ask, Unknown] = {}
    for place, base in enumerate(_instances(session)):
        instance = _Instance(session, base, keyed=place == 0)
        try:
            for batch, ask in instance.ask(asks, why):
                yield batch
                if ask is not None:
                    answered.add(ask)
                    session.done(ask)
        except Unknown as error:
            why |= dict.fromkeys((ask for ask in asks if ask not in answered and ask not in why), error)
        finally:
            instance.client.session.close()
    for ask in asks:
        if ask not in answered:
            session.unknown(ask, why.get(ask) or Unknown("suppressed", NOT_TRENDING))


def _instances(session: Session) -> list[str]:
    named = session.option("base_url", session.option("instances", "https://mastodon.social"))
    bases = [part.strip().rstrip("/") for part in named.split(",") if part.strip()]
    return [base if "://" in base else f"https://{base}" for base in bases]


def _host(base: str) -> str:
    return urlsplit(base).netloc


class _Instance:
    """One instance and its client; the observer of everything it tells."""

    def __init__(self, session: Session, base: str, *, keyed: bool) -> None:
        from mastodon import Mastodon

        token = None
        if keyed:
            try:
                token = session.key("access_token").get_secret_value()
            except Unknown:
                token = None  # most instances answer without
        self.session, self.base, self.host = session, base, _host(base)
        self.client = Mastodon(
            api_base_url=base,
            access_token=token,
            version_check_mode="none",
            ratelimit_method="throw",
            user_agent=session.user_agent,
            request_timeout=getattr(session, "timeout", 30.0),
        )

        # else the client asks the instance, outside our pace, what it offers before every page
        self.client.__dict__["timeline_is_available"] = lambda *args, **kwargs: True

    def ask(self, asks: Sequence[Ask], why: dict[Ask, Unknown]) -> Iterator[tuple[Batch, Ask | None]]:
        """Batches, each with the ask it answers."""
        if any(ask.kind in ("url", "site") for ask in asks):
            yield from self._trends([ask for ask in asks if ask.kind in ("url", "site")], why)
        for ask in asks:
            if ask.kind in ("url", "item"):
                try:
                    yield from self._link(ask) if ask.kind == "url" else self._item(ask)
                except Unknown as error:
                    why[ask] = error
                    if error.status not in ("suppressed", "failed") or error.passing:
                        raise

    def _rows(self, source: str) -> Rows:
        return Rows(CARD.name, self.session.now(), self.host, source)

    def _trends(self, asks: list[Ask], why: dict[Ask, Unknown]) -> Iterator[tuple[Batch, Ask | None]]:
        """Uses and accounts by day of every trending link that is asked about, or of an asked site."""
        urls = {ask.content_id or content_id(ask.value): ask for ask in asks if ask.kind == "url"}
        sites = {ask.value.removeprefix("www."): ask for ask in asks if ask.kind == "site"}
        rows = self._rows("mastodon trends/links")
        try:
            for page in range(TREND_PAGES):
                cards = self._call(self.client.trending_links, limit=TREND_PAGE, offset=page * TREND_PAGE)
                each(list(cards), lambda card: self._card(rows, card, urls, sites), rows, "trends/links")
                if len(cards) < TREND_PAGE:
                    break
        except Unknown as error:
            if error.http != 404:
                raise
            # an old instance, or one that keeps its trends to itself
            why |= dict.fromkeys(asks, Unknown("unsupported", f"{self.host} shows no trending links"))
            return
        yield rows.batch(), None
        for ask in sites.values():
            yield rows.batch(), ask  # none of its links trending is an answer: the list is whole

    def _card(self, rows: Rows, card: Any, urls: dict[str, Ask], sites: dict[str, Ask]) -> None:
        url = str(card["url"])
        key = content_id(url)
        if key not in urls and site(url) not in sites:
            return
        days = []
        for day in card["history"]:
            start = _moment(day["day"])
            days.append((start, count(day["uses"]), count(day["accounts"])))
        content = rows.content(url, title=card["title"] or None)
        for start, uses, accounts in days:
            partial = start + DAY > rows.observed_at
            rows.interval(content, "uses", start, start + DAY, uses, partial=partial)
            rows.interval(content, "accounts", start, start + DAY, accounts, partial=partial)

    def _link(self, ask: Ask) -> Iterator[tuple[Batch, Ask | None]]:
        """The posts with a trending link, newest first, back to ``since``."""
        url = ask.url or ask.value
        oldest: Any = None
        while True:
            try:
                # the client puts the URL into its own query as it is
                posts = self._call(
                    self.client.timeline_link, quote(url, safe=""), limit=TIMELINE_PAGE, max_id=oldest
                )
            except Unknown as error:
                if error.http == 404:
                    raise Unknown("suppressed", NOT_TRENDING, http=404) from None
                raise
            rows, seen = self._posts(list(posts), url)
            last = posts[-1]["id"] if posts else None
            over = len(posts) < TIMELINE_PAGE or last == oldest
            if over or (ask.since and seen and min(seen) < ask.since):
                yield rows.batch(), ask
                return
            oldest = last
            yield rows.batch(), None

    def _posts(self, posts: list[Any], url: str) -> tuple[Rows, list[datetime]]:
        rows = self._rows("mastodon timelines/link")
        content = rows.content(url)
        seen: list[datetime] = []
        each(posts, lambda post: seen.append(self._post(rows, post, content)), rows, "timelines/link")
        return rows, seen

    def _item(self, ask: Ask) -> Iterator[tuple[Batch, Ask | None]]:
        """The counters of a known post again; one that is gone here is forgotten."""
        rows = self._rows("mastodon statuses")
        native = self.session.load(f"id {self.host} {ask.value}")
        if native is None:
            raise Unknown("failed", f"{self.host} was never seen to know this post")
        try:
            post = self._call(self.client.status, native)
        except Unknown as error:
            if error.http not in (404, 410):
                raise
            rows.gone(ask.value)
        else:
            with understood("a status"):
                values = self._values(post)
            if ask.content_id is None:
                raise Unknown("failed", "an item without the content it carries")
            for metric, value in values.items():
                rows.reading(ask.value, ask.content_id, metric, value)
        yield rows.batch(), ask

    def _post(self, rows: Rows, post: Any, content: str) -> datetime:
        at, account = _moment(post["created_at"]), post["account"]
        followers, values = account["followers_count"], self._values(post)
        # A post's URI is the same on every instance, and names its author: hashed, it still joins what
        # several instances tell. Its id is known to this instance alone.
        native = self.session.actor(str(post["uri"]))
        rows.event(
            native,
            content,
            "reply" if post["in_reply_to_id"] else "submission",
            at,
            actor=self.session.actor(str(account["url"])),
            audience=count(followers) if followers is not None and followers >= 0 else None,
        )
        for metric, value in values.items():
            rows.reading(native, content, metric, value)
        self.session.save(f"id {self.host} {native}", str(post["id"]))
        return at

    @staticmethod
    def _values(post: Any) -> dict[str, float]:
        return {metric: count(post[name]) for name, metric in COUNTERS.items()}

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        kwargs = {name: value for name, value in kwargs.items() if value is not None}
        return patiently(self.session, lambda: self._once(method, *args, **kwargs), scope=self.host)

    def _once(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        from mastodon import errors

        try:
            return method(*args, **kwargs)
        except errors.MastodonRatelimitError:
            reset = self.client.ratelimit_reset
            # dated by the client, which knows the machine's clock
            wait = max(0.0, reset - time.time()) if reset else None
            raise passing(self.session.failure(429, retry_after=wait, detail=self.host)) from None
        except errors.MastodonNetworkError:
            raise passing(
                Unknown("failed", f"{self.host} could not be reached, or did not answer in time")
            ) from None
        except errors.MastodonAPIError as error:
            code = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else None
            if code is None:
                raise passing(
                    Unknown("failed", f"{self.host} answered something that is no whole JSON")
                ) from None
            failure = self.session.failure(code, detail=self.host)
            raise (passing(failure) if code >= 500 else failure) from None
        except (errors.MastodonError, KeyError, TypeError, ValueError, AttributeError) as error:
            said = f"{self.host} answered something its client cannot read ({type(error).__name__})"
            raise Unknown("failed", said) from None


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(float(value), UTC)
