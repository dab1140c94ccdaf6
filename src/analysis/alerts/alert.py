"""What an alert is, and what became of a delivery: the words at the seam between watching and telling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

KINDS = ("spike", "drop", "mix", "missing", "failed", "stale")
"""Analytical: spike, drop, mix (of referrers). Operational: missing (data), failed and stale (reports)."""


@dataclass(frozen=True)
class Alert:
    """One thing worth telling, once.

    kind : one of KINDS
    subject : what it is about, as a machine names it: "visits example.org", "report overview"
    since : when the episode began, UTC
    at : when it could first be told, UTC
    title, body : plain text; whatever came from a platform has been through ``plain.text``
    last : when it was last seen, UTC; None: at. Of one kind and subject, what was seen again before the
        re-arming time had passed is the same episode, however its beginning was dated (a report's failure:
        before it came out again)
    """

    kind: str
    subject: str
    since: datetime
    at: datetime
    title: str
    body: str
    last: datetime | None = None

    @property
    def key(self) -> str:
        """The episode's name, in records and on the terminal."""
        return f"{self.kind}|{self.subject}|{self.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Delivered:
    """What became of alerts, by key.

    sent : now, to every address
    known : told before; nothing was sent
    held : not in the quiet time; sent when it is over
    failed : at least one address did not take it; kept, and tried again next time
    dropped : not taken for so long that it is no news any more; not tried again
    unarmed : no address is configured, so nothing was sent and nothing remembered
    reasons : address (as "slack" or "mailto 2", never its URL) and why it did not take one
    fired : the alerts themselves, in order of time
    """

    sent: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    unarmed: tuple[str, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
    fired: tuple[Alert, ...] = ()
