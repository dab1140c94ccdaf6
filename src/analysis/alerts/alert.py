"""What an alert is, and what became of a delivery: the words at the seam between watching and telling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

KINDS = ("spike", "drop", "mix", "missing", "failed", "stale")
"""Analytical: spike, drop, mix (of referrers). Operational: missing (data), failed and stale (reports)."""


@dataclass(frozen=True)
class Alert:
    """One thing worth telling, once.

    kind : one of KINDS
    subject : what it is about, as a machine names it: "visits example.org", "report overview"
    since : when the episode began, UTC; two alerts of one kind, subject and episode are the same thing
    at : when it could first be told, UTC
    title, body : plain text; whatever came from a platform has been through ``plain.text``
    severity : an urgent one may break the quiet time, where the rules say so
    until : when the episode was over; None while it goes on
    """

    kind: str
    subject: str
    since: datetime
    at: datetime
    title: str
    body: str
    severity: Literal["notice", "urgent"] = "notice"
    until: datetime | None = None

    @property
    def key(self) -> str:
        """What it is told once under."""
        return f"{self.kind}|{self.subject}|{self.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class Delivered:
    """What became of alerts, by key.

    sent : now, to every address
    known : told before; nothing was sent
    held : not in the quiet time; sent when it is over
    failed : at least one address did not take it; kept, and tried again next time
    dropped : tried for so long that it is no news any more; not tried again
    unarmed : no address is configured, so nothing was sent and nothing remembered
    reasons : address (as "slack" or "mailto 2", never its URL) to why it did not take one
    """

    sent: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    unarmed: tuple[str, ...] = ()
    reasons: tuple[tuple[str, str], ...] = ()
