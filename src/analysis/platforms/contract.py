"""What a platform module offers the collector, and what the collector gives it.

A module beside this file offers, next to its ``CARD``:

* ``ASKS: frozenset[str]``: the kinds of Ask it can answer. A retired platform has none of this.
* ``fetch(asks, session) -> Iterator[Batch]``: every row exactly as the platform gives it.
* ``plan(asks, session) -> Plan``: what ``fetch`` would request and cost, asking nobody.
* ``IMPORTS: dict[str, Callable[[Path], Iterator[Batch]]]``: the platform's own exports, by format.
* ``TELLS: dict[str, tuple[str, ...]]``: the metrics an ask of a kind brings, so that only these are
  unknown when it fails; all of the card's where it is missing.
* ``takes(ask) -> bool``: which asks of those kinds make sense here (a video's URL, an article's);
  all of them where it is missing.
* ``ITEM_PAGE: str``: the address of an item's public page, "{item}" in place of its id, for `virality links`.
* ``AGES: tuple[timedelta, ...]``: its own set ages, where the default ones make no sense.
* ``SWEEPS = True``: its rules demand that deletions are followed, so `virality purge` asks about
  every stored item (as Asks of kind "item"; ``Batch.gone`` names those that are no more).

How ``fetch`` goes
------------------
It yields a Batch whenever it has something worth keeping, and only afterwards calls
``session.done(ask)`` for what that answered and ``session.save(key, value)`` for where it stands:
the collector stores in that order, so a run that is killed asks again and loses nothing.

When one ask fails it calls ``session.unknown(ask, error)`` and goes on. When nothing further can
work (no key, blocked, told to wait too long) it lets ``Unknown`` rise: the collector keeps what was
yielded, writes an unknown row for every ask that is not done, and goes on with other platforms.
Returning normally says that all remaining asks are done.

A counter of a URL itself, not of one submission, has ``item_id`` = the URL's content_id. A platform
that searches for a URL counts what it found in such a counter (``submissions``: 0 is an answer), so
that "looked and found nothing" is told from "did not look".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from analysis.platforms.card import Card, Limit
from analysis.platforms.rows import Rows
from analysis.tables import STATUSES, Batch

if TYPE_CHECKING:
    from pydantic import SecretStr


AskKind = Literal["url", "site", "community", "account", "item"]


@dataclass(frozen=True)
class Ask:
    """One thing to ask a platform about.

    kind : "url" which items carry it and what its counters say; "site" and "community" the new
        submissions there; "account" the new items of an account the user owns; "item" the counters
        of one known item, again
    value : canonical URL, host, community, account, or the item's native id
    content_id : the content its rows belong to; a site's is that of its root URL; None for
        communities and accounts, whose items each carry their own
    url : URL of that content as the watchlist spells it, for platforms that match URLs literally
    since : nothing older is wanted; None: as far back as the platform goes
    account_kind : business or private, for accounts and their items; the two are never mixed
    """

    kind: AskKind
    value: str
    content_id: str | None = None
    url: str | None = None
    since: datetime | None = None
    account_kind: Literal["business", "private"] | None = None

    def observer(self, name: str) -> str:
        """Who measured: ``name``, and for an account's own numbers which kind of account it is."""
        return f"{name} {self.account_kind}" if self.account_kind else name


class Unknown(Exception):  # noqa: N818 - the word of the house: an answer, not a crash
    """Why something is not known.

    status : one of tables.STATUSES but observed
    reason : in words, for a person, without secrets
    retry_after : seconds the platform asks us to wait, if it said so
    http : the HTTP status code behind it, if there was one
    passing : the same request may well succeed in a moment
    """

    def __init__(
        self, status: str, reason: str, *, retry_after: float | None = None, http: int | None = None
    ) -> None:
        if status not in STATUSES or status == "observed":
            raise ValueError(f"{status!r} is no reason for not knowing; expected one of {STATUSES[1:]}")
        super().__init__(f"{status}: {reason}")
        self.status, self.reason, self.retry_after, self.http = status, reason, retry_after, http
        self.passing = False


@dataclass(frozen=True)
class Plan:
    """What a fetch would do: requests (at least; paging may need more), dollars, and in words."""

    requests: int
    dollars: float = 0.0
    what: tuple[str, ...] = ()


class Session(Protocol):
    """What the collector gives a platform. ``client.Connection`` is one; tests make their own of it."""

    card: Card
    """The platform's card; its ``limits`` are kept by every request unless told otherwise."""
    budget: float
    """Dollars this run may still spend on this platform."""
    contact: str
    """The address platforms may write to; "" when the user gave none."""
    user_agent: str
    """The tool and its contact, for a client of a platform's own."""
    timeout: float
    """Seconds to wait for an answer."""

    def now(self) -> datetime:
        """The moment, in UTC. Tests set it."""

    def key(self, name: str) -> SecretStr:
        """The key VIRALITY_<PLATFORM>_<NAME>. Raises Unknown("not_configured") saying how to get one."""

    def option(self, name: str, default: str) -> str:
        """A setting that is no secret, from VIRALITY_<PLATFORM>_<NAME>.

        Hosts are options too, so that an instance, a proxy or a test can stand in:
        ``session.option("base_url", "https://api.example.com")``.
        """

    def get_json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        limits: tuple[Limit, ...] | None = None,
        scope: str = "",
        meaning: Callable[[int, Any], Unknown | None] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded answer to a polite GET: paced, retried, Retry-After honoured.

        Where a question is asked by POST, ``body`` (sent as JSON) or ``form`` holds it.

        ``limits`` (default: the card's) are kept per ``scope``: an instance, a URL; "" for the whole
        platform. Raises Unknown for everything that is not a 2xx with JSON. ``meaning`` gets the status
        code and decoded body of a refusal, where a platform says more in the body than in the code;
        None from it leaves it to the code.
        """

    def permit(
        self, *, limits: tuple[Limit, ...] | None = None, scope: str = "", is_request: bool = True
    ) -> None:
        """Wait until one more request is allowed, and count it: before each request of a client of its own.

        Not ``is_request``: a place in a window that a batched request takes for each thing it asks about.
        Raises Unknown("rate_limited") when the wait would be longer than a run may take.
        """

    def wait(self, seconds: float, why: str) -> None:
        """Wait because the platform said so, and say so. Raises Unknown("rate_limited") when too long."""

    def hold(self, seconds: float) -> None:
        """Let nobody on this machine ask the platform for so long: it told one of us, and means all."""

    def failure(self, code: int, *, retry_after: float | None = None, detail: str = "") -> Unknown:
        """The Unknown that an HTTP status code stands for, for a client of its own."""

    def spend(self, dollars: float, what: str) -> None:
        """Book a cost before it is caused. Raises Unknown("over_budget") and books nothing when too much."""

    def actor(self, native: str) -> str:
        """A keyed hash of an account, scoped to this platform: the only form in which one is kept."""

    def load(self, key: str) -> str | None:
        """Where an earlier run stood, as saved under this key for this store."""

    def save(self, key: str, value: str) -> None:
        """Remember where we stand, once everything yielded so far is stored."""

    def done(self, *asks: Ask) -> None:
        """These asks are answered by what was yielded so far."""

    def unknown(self, ask: Ask, error: Unknown) -> None:
        """Leave this one ask unknown for this reason; the fetch goes on.

        Unless it is the third in a row that failed in passing (no answer, a server's fault): then it is
        not this ask, and the error rises, so that a platform that is down is not asked a thousand times.
        """


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Read an answer inside this: what it lacks becomes Unknown("failed", "... has changed"), naming it."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise Unknown("failed", f"{what} has changed its schema: {_lack(error)}") from error


def one_by_one(
    asks: Iterable[Ask], session: Session, answer: Callable[[Ask, Session], Iterator[Batch]]
) -> Iterator[Batch]:
    """Every ask's batches; one that fails by itself stays unknown, what holds for all of them rises."""
    for ask in asks:
        try:
            yield from answer(ask, session)
        except Unknown as error:
            if error.status != "failed":
                raise
            session.unknown(ask, error)
        else:
            session.done(ask)


def each(records: Any, use: Callable[[Any], None], rows: Rows, what: str) -> None:
    """Call ``use`` on every record; one it cannot read is set aside with its reason.

    Raises Unknown("failed") when ``records`` is no list, or when not one of them can be read: then
    it is the schema that has changed. ``use`` must read everything before it adds a row.
    """
    if not isinstance(records, list):
        raise Unknown(
            "failed", f"{what} has changed its schema: a list expected, got {type(records).__name__}"
        )
    refused = ""
    bad = 0
    for record in records:
        try:
            use(record)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
            bad, refused = bad + 1, _lack(error)
            rows.aside(f"{what}: {refused}")
    if bad and bad == len(records):
        raise Unknown("failed", f"{what} has changed its schema: {refused}")


def _lack(error: Exception) -> str:
    return f"no {error.args[0]!r}" if isinstance(error, KeyError) and error.args else str(error)[:200]
