"""Telling: what was not told before, outside the quiet time, once to every address.

At least once, and never again once an address has taken it: see ``state`` for what a killed run leaves.
An address that fails is left alone for the rest of the run, and what it missed is kept for the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.alerts import send
from analysis.alerts.alert import KINDS, Alert, Delivered
from analysis.alerts.rules import Rules
from analysis.alerts.state import NEWS, Episode, State

if TYPE_CHECKING:
    from pydantic import SecretStr

SHOWN = 30
"""Alerts a single message spells out; the others are counted."""
REPEAT = "(This may be a repeat: the run that sent it first ended before it could note that it was sent.)"


@dataclass(frozen=True)
class Message:
    """One message and the episodes it tells of."""

    kind: str
    title: str
    body: str
    episodes: tuple[Episode, ...]


def deliver(
    alerts: Sequence[Alert],
    *,
    state: Path,
    now: datetime,
    urls: Sequence[SecretStr],
    rules: Rules | None = None,
) -> Delivered:
    """Tell what was not told before.

    Parameters
    ----------
    alerts
        What fired, in any order; the same ones may be given again in every run.
    state
        The file that remembers what was told; made when it is not there.
    now
        The moment, UTC.
    urls
        Addresses, as Apprise writes them. Without any, nothing is sent and nothing remembered.
    rules
        When to tell; the defaults otherwise.

    Raises
    ------
    UserError
        When an address is none, or the state file is damaged. A service that fails raises nothing.
    """
    rules = rules or Rules()
    alerts = sorted((one for one in alerts if one.kind in rules.kinds), key=lambda one: (one.at, one.key))
    addresses = send.channels(urls)
    if not addresses:
        return Delivered(unarmed=tuple(one.key for one in alerts), fired=tuple(alerts))
    with State.locked(state) as told:
        known = tuple(one.key for one in alerts if not _add(told, one, rules, now))
        dropped = [one for one in told.episodes if one.open and now - max(one.at, one.seen) > NEWS]
        keys = tuple(one.alert.key for one in dropped)
        for one in dropped:
            one.close()
        waiting = [one for one in told.episodes if one.open]
        quiet = rules.is_quiet(now)
        held = [one for one in waiting if quiet and one.kind not in rules.urgent]
        for one in held:
            one.held = True
        due = [one for one in waiting if one not in held]
        told.save(now)
        reasons = tuple(
            (name, reason)
            for name, channel in addresses.items()
            if (reason := _send(told, name, channel, due, rules, now))
        )
        sent: list[str] = []
        failed: list[str] = []
        for one in due:
            (sent if set(addresses) <= set(one.sent) else failed).append(one.alert.key)
        for one in due:
            if set(addresses) <= set(one.sent):
                one.close()
        told.save(now)
    return Delivered(
        sent=tuple(sent), known=known, held=tuple(one.alert.key for one in held), failed=tuple(failed),
        dropped=keys, reasons=reasons, fired=tuple(alerts),
    )  # fmt: skip


def _add(told: State, alert: Alert, rules: Rules, now: datetime) -> bool:
    """Whether the alert opened an episode that is worth telling."""
    if now - max(alert.at, alert.last or alert.at) > NEWS:
        return False
    return told.take(alert, rules.rearm)[1]


def _send(
    told: State, name: str, channel: send.Apprise, due: list[Episode], rules: Rules, now: datetime
) -> str:
    """Send an address what it does not have; why it stopped taking, or nothing."""
    for message in messages([one for one in due if name not in one.sent], rules.most, name):
        for one in message.episodes:
            one.trying = [*one.trying, name]
        told.save(now)
        reason = send.post(channel, message.title, message.body, message.kind)
        for one in message.episodes:
            one.trying = [other for other in one.trying if other != name]
            if not reason:
                one.sent.append(name)
        told.save(now)
        if reason:
            return reason
    return ""


def messages(episodes: list[Episode], most: int, name: str) -> list[Message]:
    """One message each; a single one for all when they are many, or have waited for a quiet time's end."""
    if len(episodes) > most or (len(episodes) > 1 and any(one.held for one in episodes)):
        return [_digest(episodes, name)]
    return [Message(one.kind, one.title, _body(one, name), (one,)) for one in episodes]


def _digest(episodes: list[Episode], name: str) -> Message:
    ranked = sorted(episodes, key=lambda one: (-KINDS.index(one.kind), one.at))
    counts = {kind: sum(one.kind == kind for one in ranked) for kind in dict.fromkeys(o.kind for o in ranked)}
    title = f"{len(ranked)} alerts: " + ", ".join(f"{number} {kind}" for kind, number in counts.items())
    parts = [f"{one.title}\n{_body(one, name)}" for one in ranked[:SHOWN]]
    if len(ranked) > SHOWN:
        parts.append(f"and {len(ranked) - SHOWN} more: virality alerts lists them")
    return Message(ranked[0].kind, title, "\n\n".join(parts), tuple(ranked))


def _body(one: Episode, name: str) -> str:
    when = f"Since {one.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    return "\n".join(part for part in (one.body, when, REPEAT if name in one.trying else "") if part)
