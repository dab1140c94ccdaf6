"""A URL's engagement from the Graph API: many URLs a request, ten looks a URL an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analysis.platforms.card import Limit
from analysis.platforms.contract import Ask, Plan, Session, Unknown, understood
from analysis.platforms.rows import Rows, count
from analysis.tables import Batch

AT_ONCE = 50
PER_URL = (Limit(10, 3600, "URL"),)
VERSION = "v24.0"
COUNTERS = {
    "reaction_count": "url_reactions",
    "comment_count": "url_comments",
    "share_count": "url_shares",
    "comment_plugin_count": "url_plugin_comments",
}
# Graph API, Handling errors: throttled; the token; a permission; an argument; try again
THROTTLED = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
TOKEN = frozenset({102, 190, 458, 459, 460, 463, 464, 467})
WITHDRAWN = frozenset({12, 2635})
PASSING = frozenset({1, 2})


def plan(asks: Sequence[Ask], session: Session) -> Plan:
    """One request for fifty URLs. Unknown without a key."""
    session.key("access_token")
    return Plan(-(-len(asks) // AT_ONCE), 0.0, (f"engagement of {len(asks):,} URLs, {AT_ONCE} a request",))


def fetch(asks: Sequence[Ask], session: Session) -> Iterator[Batch]:
    """Four readings a URL, with the URL's content_id as item.

    A URL that was looked at ten times this hour stays unknown and the others go on. One that Facebook
    shows no engagement for is suppressed. When one URL spoils a request for many, each is asked alone.
    """
    headers = {"Authorization": f"Bearer {session.key('access_token').get_secret_value()}"}
    for start in range(0, len(asks), AT_ONCE):
        allowed = []
        for ask in asks[start : start + AT_ONCE]:
            try:
                session.permit(limits=PER_URL, scope=f"url {_spelt(ask)}", is_request=False)
            except Unknown as error:
                session.unknown(ask, error)
            else:
                allowed.append(ask)
        if allowed:
            yield from _group(allowed, session, headers)


def _group(asks: Sequence[Ask], session: Session, headers: dict[str, str]) -> Iterator[Batch]:
    try:
        answer = _ask(asks, session, headers)
    except Unknown as error:
        if error.http != 400 or error.status != "failed":
            raise
        if len(asks) == 1:
            session.unknown(asks[0], error)
            return
        for ask in asks:  # one of them is refused; alone, the others are not
            yield from _group([ask], session, headers)
        return
    rows = Rows("facebook", session.now(), "facebook graph", "facebook url engagement")
    for ask in asks:
        content = ask.content_id or rows.content(ask.value)
        found = answer.get(_spelt(ask))
        if not isinstance(found, dict):
            session.unknown(ask, Unknown("failed", "Facebook said nothing about this URL"))
            continue
        engagement = found.get("engagement")
        try:
            with understood("Facebook's engagement"):
                values = {m: count(engagement[n]) for n, m in COUNTERS.items()} if engagement else None
        except Unknown as error:
            session.unknown(ask, error)
            continue
        for metric in COUNTERS.values():
            if values is None:
                reason = "Facebook shows no engagement for this URL"
                rows.reading(content, content, metric, None, status="suppressed", reason=reason)
            else:
                rows.reading(content, content, metric, values[metric])
        session.done(ask)
    yield rows.batch()


def _ask(asks: Sequence[Ask], session: Session, headers: dict[str, str]) -> dict[str, Any]:
    base = session.option("base_url", "https://graph.facebook.com").rstrip("/")
    version = session.option("version", VERSION)
    alone = len(asks) == 1
    which = {"id": _spelt(asks[0])} if alone else {"ids": ",".join(map(_spelt, asks))}
    answer = session.get_json(
        f"{base}/{version}/", which | {"fields": "engagement"}, headers=headers, meaning=_meaning
    )
    if not isinstance(answer, dict):
        raise Unknown(
            "failed", f"Facebook has changed its schema: an object expected, got {type(answer).__name__}"
        )
    return {_spelt(asks[0]): answer} if alone else answer


def _spelt(ask: Ask) -> str:
    """The URL as the watchlist spells it: Facebook counts each spelling by itself. A comma parts ids."""
    return (ask.url or ask.value).replace(",", "%2C")


def _meaning(code: int, body: Any) -> Unknown | None:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return None
    number, said = error.get("code"), str(error.get("message", ""))[:200]
    said = f"Facebook answered {code}, error {number}: {said}"
    if number in THROTTLED:
        return Unknown("rate_limited", said)
    if number in TOKEN or number == 10 or (isinstance(number, int) and 200 <= number < 300) or number == 368:
        return Unknown("blocked", said)
    if number in WITHDRAWN:
        return Unknown("withdrawn", said)
    meant = Unknown("failed", said)
    meant.passing = number in PASSING or code >= 500
    return meant
