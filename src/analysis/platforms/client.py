"""One polite way to ask: paced, retried, waiting when told to, and never letting a secret out."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from pydantic import SecretStr

from analysis import __version__
from analysis.actors import actor_hash
from analysis.platforms.card import Card, Limit
from analysis.platforms.contract import Ask, Unknown
from analysis.platforms.pace import Clock, Pace
from analysis.settings import keys

ATTEMPTS = 3
TIMEOUT_SECONDS = 30.0
PATIENCE_SECONDS = 300.0
# Told to slow down without being told how long: a minute is the shortest window platforms publish.
PAUSE_SECONDS = 60.0
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

Tell = Callable[..., None]
Answer = TypeVar("Answer")


class Connection:
    """A platform's Session (see contract.py), as the collector and tests make one.

    Parameters
    ----------
    card : the platform's card
    tell : called with an event's name and its fields: waiting, retrying, answered
    pace : the shared record of requests; None switches limits off
    clock : the time, and waiting
    budget : dollars this run may spend here
    contact : an address in the User-Agent that the platform may write to
    patience : seconds a single wait may last; a longer one becomes Unknown("rate_limited")
    timeout : seconds to wait for an answer
    """

    def __init__(
        self,
        card: Card,
        *,
        tell: Tell = lambda event, **fields: None,
        pace: Pace | None = None,
        clock: Clock | None = None,
        budget: float = 0.0,
        contact: str = "",
        patience: float = PATIENCE_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.card, self.budget, self.contact = card, budget, contact
        self.spent, self.requests, self.waited = 0.0, 0, 0.0
        self.user_agent = f"virality/{__version__} (contact: {contact or 'none given'})"
        self.answered: set[Ask] = set()
        self.failed: dict[Ask, Unknown] = {}
        self.places: dict[str, str] = {}
        self._tell, self._pace, self._clock = tell, pace, clock or Clock()
        self._patience, self.timeout = patience, timeout
        self._secrets: list[str] = []
        self._failures = 0
        self._http: Any = None

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()
            self._http = None

    # what a platform may ask of us

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._clock.now()

    def key(self, name: str) -> SecretStr:
        """The key, or Unknown("not_configured") with the way to get one."""
        value = keys(self.card.name, (name,))[name]
        if value is None:
            variable = f"VIRALITY_{self.card.name.upper()}_{name.upper()}"
            raise Unknown("not_configured", f"{variable} is not set. {self.card.access.how}")
        if value.get_secret_value() not in self._secrets:
            self._secrets.append(value.get_secret_value())
        return value

    def option(self, name: str, default: str) -> str:
        """A setting that is no secret."""
        value = keys(self.card.name, (name,))[name]
        return value.get_secret_value() if value else default

    def actor(self, native: str) -> str:
        """The account as a keyed hash."""
        return actor_hash(self.card.name, native)

    def spend(self, dollars: float, what: str) -> None:
        """Book a cost before it is caused."""
        if dollars > self.budget + 1e-9:
            raise Unknown(
                "over_budget",
                f"{what} costs ${dollars:.3f} and ${self.budget:.3f} of this run's budget is left; "
                f"allow more with budget.{self.card.name} in the watchlist",
            )
        self.budget -= dollars
        self.spent += dollars

    def load(self, key: str) -> str | None:
        """Where an earlier run stood."""
        return self.places.get(key)

    def save(self, key: str, value: str) -> None:
        """Remember where we stand."""
        self.places[key] = value

    def done(self, *asks: Ask) -> None:
        """These asks are answered."""
        self.answered.update(asks)
        self._failures = 0

    def unknown(self, ask: Ask, error: Unknown) -> None:
        """Leave this ask unknown; the third in a row that nobody answered ends the fetch."""
        self.failed[ask] = self.clean(error)
        self._failures = self._failures + 1 if error.passing else 0
        if self._failures >= ATTEMPTS:
            raise error

    def permit(
        self, *, limits: tuple[Limit, ...] | None = None, scope: str = "", is_request: bool = True
    ) -> None:
        """Wait until one more request is allowed, and count it."""
        if self._pace is not None:
            chosen = self.card.limits if limits is None else limits
            name = f"{self.card.name} {scope}".strip()
            while True:
                seconds, why = self._pace.take(name, chosen)
                if seconds <= 0:
                    break
                self._pause(seconds, why)
        self.requests += is_request

    def hold(self, seconds: float) -> None:
        """Let nobody on this machine ask the platform for so long."""
        if self._pace is not None:
            self._pace.hold(self.card.name, seconds)

    def wait(self, seconds: float, why: str) -> None:
        """Wait because the platform said so; every process of this machine waits along."""
        self.hold(seconds)
        self._pause(seconds, why)

    def _pause(self, seconds: float, why: str) -> None:
        if seconds > self._patience:
            raise Unknown(
                "rate_limited",
                f"{self.card.title}: {why}; the next request is allowed in {seconds:,.0f} s, "
                f"and a wait may last {self._patience:,.0f} s",
                retry_after=seconds,
            )
        self._tell("waiting", seconds=round(seconds, 3), why=why)
        self.waited += seconds
        self._clock.sleep(seconds)

    def failure(self, code: int, *, retry_after: float | None = None, detail: str = "") -> Unknown:
        """The Unknown that an HTTP status code stands for."""
        said = f"{self.card.title} answered {code}{f' ({detail})' if detail else ''}"
        if code in (401, 403, 451):
            hint = (
                "; check the key and what it may do" if any(k.required for k in self.card.access.keys) else ""
            )
            return self.clean(Unknown("blocked", said + hint, http=code))
        if code == 402:
            return self.clean(Unknown("over_budget", f"{said}: it wants to be paid first", http=code))
        if code == 410:
            return self.clean(Unknown("withdrawn", f"{said}: it no longer offers this", http=code))
        if code == 429:
            when = f", again in {retry_after:,.0f} s" if retry_after is not None else ""
            return self.clean(
                Unknown(
                    "rate_limited", f"{said}: too many requests{when}", http=code, retry_after=retry_after
                )
            )
        return self.clean(Unknown("failed", said, http=code, retry_after=retry_after))

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
        """The decoded answer to a polite GET; a POST where ``body`` (as JSON) or ``form`` asks."""
        return self.politely(
            lambda: self._once(url, params, headers, meaning, body, form), limits=limits, scope=scope
        )

    def politely(
        self, ask: Callable[[], Answer], *, limits: tuple[Limit, ...] | None = None, scope: str = ""
    ) -> Answer:
        """What ``ask`` answers: asked when the limits permit, again where its Unknown is passing."""
        import stamina

        # we say ourselves, through tell, what it would write to a log
        logging.getLogger("stamina").setLevel(logging.ERROR)
        last = False

        def again(error: Exception) -> bool | float:
            """Whether to try again; the seconds a platform names are waited out by permit."""
            if not isinstance(error, Unknown) or not error.passing:
                return False
            told = error.http == 429 or error.retry_after is not None
            seconds = PAUSE_SECONDS if error.retry_after is None else error.retry_after
            if told and self._pace is not None:
                # kept where every process sees it; permit waits it out, and says so
                self._pace.hold(f"{self.card.name} {scope}".strip(), seconds)
            if last:
                return False
            self._tell("retrying", why=error.reason)
            if told and self._pace is None:
                self._pause(seconds, "it asked us to wait")
            return 0.0 if told else True

        for attempt in stamina.retry_context(on=again, attempts=ATTEMPTS, wait_initial=0.5, timeout=None):
            with attempt:
                last = attempt.num >= ATTEMPTS
                self.permit(limits=limits, scope=scope)
                return ask()
        raise AssertionError("stamina ends by returning or raising")

    def _once(
        self,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        meaning: Callable[[int, Any], Unknown | None] | None,
        body: Any,
        form: Mapping[str, Any] | None,
    ) -> Any:
        import httpx2

        if self._http is None:
            # its own log line names every URL in full, and some platforms take keys in the URL
            logging.getLogger("httpx2").setLevel(logging.WARNING)
            self._http = httpx2.Client(
                headers={"User-Agent": self.user_agent, "Accept": "application/json"},
                timeout=self.timeout,
                follow_redirects=False,
            )
        try:
            method = "GET" if body is None and form is None else "POST"
            answer = self._http.request(method, url, params=params, headers=headers, json=body, data=form)
        except httpx2.TimeoutException:
            raise self.passing(
                Unknown("failed", f"{self.card.title} did not answer within {self.timeout:g} s")
            ) from None
        except httpx2.HTTPError as error:
            raise self.passing(
                Unknown("failed", f"{self.card.title} could not be reached ({type(error).__name__})")
            ) from None
        if meaning is not None and not answer.is_success:
            try:
                meant = meaning(answer.status_code, json.loads(answer.content))
            except ValueError:
                meant = None
            if meant is not None:
                meant.http = answer.status_code
                meant.retry_after = meant.retry_after or retry_after(answer.headers, self.now())
                raise self.clean(meant)
        if answer.status_code in PASSING:
            after = retry_after(answer.headers, self.now())
            raise self.passing(self.failure(answer.status_code, retry_after=after))
        if answer.is_redirect:
            # never followed: the request may carry a key, and the other host is not the one configured
            raise self.failure(answer.status_code, detail="it points elsewhere; set base_url if it has moved")
        if not answer.is_success:
            raise self.failure(answer.status_code)
        try:
            return json.loads(answer.content)
        except ValueError:
            problem = f"{self.card.title} answered {len(answer.content):,} bytes that are no whole JSON"
            raise self.passing(Unknown("failed", problem)) from None

    def passing(self, error: Unknown) -> Unknown:
        """The error, said to be worth another try."""
        error.passing = True
        return error

    def clean(self, error: Unknown) -> Unknown:
        """The error with every secret in its reason blotted out."""
        error.reason = self.blot(error.reason)
        error.args = (f"{error.status}: {error.reason}",)
        return error

    def blot(self, text: str) -> str:
        """The text without any secret that was handed out."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds an answer asks us to wait: Retry-After in seconds or as a date, else a RateLimit reset."""
    value = (headers.get("retry-after") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    if value:
        try:
            date = parsedate_to_datetime(value)
        except (TypeError, ValueError):
            return None
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
    reset = (headers.get("ratelimit-reset") or headers.get("x-ratelimit-reset") or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", reset):
        seconds = float(reset)
        # some send the moment, some the seconds until then
        return max(0.0, seconds - now.timestamp()) if seconds > 1e9 else seconds
    return None
