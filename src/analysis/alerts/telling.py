"""What the command line says about alerts: for a person, and for a machine."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.alerts.alert import Alert, Delivered
from analysis.alerts.plain import text
from analysis.alerts.preview import Preview
from analysis.errors import UserError
from analysis.store import Store

WORDS = {
    "sent": "sent",
    "known": "told before",
    "held": "held until the quiet time is over",
    "failed": "not taken yet; tried again next time",
    "dropped": "not taken for so long that it is no news any more",
    "unarmed": "not sent: no address",
}


def delivered(done: Delivered) -> str:
    """What became of the alerts, in lines for a person."""
    lines = []
    for one in done.fired:
        became = _became(done, one.key)
        lines.append(f"{one.at:%Y-%m-%d %H:%M}  {one.title} ({WORDS.get(became, became)})")
    kept = [
        key for key in (*done.sent, *done.failed, *done.dropped) if key not in {f.key for f in done.fired}
    ]
    lines += [f"from before: {text(key)} ({WORDS.get(_became(done, key), '')})" for key in kept]
    lines += [f"{name} did not take it: {reason}" for name, reason in done.reasons]
    if not lines:
        lines.append("nothing worth telling happened in the last days")
    if done.unarmed:
        lines.append("To be told, set VIRALITY_ALERTS to addresses as Apprise writes them; docs/alerts.md")
    return "\n".join(lines)


def delivered_json(done: Delivered, now: datetime) -> dict[str, Any]:
    """The same for a machine."""
    keys = {field.name: list(getattr(done, field.name)) for field in fields(done)[:-2]}
    fired = [{**alert_json(one), "became": _became(done, one.key)} for one in done.fired]
    reasons = [{"address": name, "reason": reason} for name, reason in done.reasons]
    return {"now": now.isoformat(), "alerts": fired, **keys, "reasons": reasons}


def preview_json(shown: Preview) -> dict[str, Any]:
    """A preview for a machine."""
    told = [{**alert_json(one.alert), "held": one.held, "right": one.right} for one in shown.told]
    return {
        "since": shown.since.isoformat(),
        "now": shown.now.isoformat(),
        "alerts": told,
        "again": shown.again,
    }


def alert_json(one: Alert) -> dict[str, Any]:
    """One alert."""
    times = {"since": one.since, "at": one.at, "last": one.last or one.at}
    said = {"kind": one.kind, "subject": one.subject, "title": one.title, "body": one.body}
    return {"key": one.key, **said, **{name: when.isoformat() for name, when in times.items()}}


def until(store: Store, said: str, days: int) -> datetime:
    """The end of a preview: as asked; else now, or the newest data where they are older than its days."""
    if said:
        try:
            when = datetime.fromisoformat(said)
        except ValueError:
            raise UserError(f"--until {said!r} is no moment; expected 2026-05-01T12:00, in UTC") from None
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    now = datetime.now(UTC)
    rows = store.sql().execute("select max(\"end\") from intervals where status = 'observed'").fetchall()
    newest = rows[0][0].replace(tzinfo=UTC) if rows and rows[0][0] else now
    return newest if now - newest > timedelta(days=days) else now


def _became(done: Delivered, key: str) -> str:
    return next((name for name in WORDS if key in getattr(done, name)), "known")
