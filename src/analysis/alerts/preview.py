"""What would have been told, had alerts been armed: a replay, with only what was known at each moment.

In a made-up world, where the truth is known, each alert is laid beside it: a spike is right when a planted
episode of that content (for a site: of any) was going on, missing data when the site's counter had failed; a
drop is false. Nobody planted changes of the mix, but episodes make some: they are not judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from analysis.alerts.alert import KINDS, Alert
from analysis.alerts.rules import Rules
from analysis.alerts.state import State
from analysis.alerts.watching import alerts
from analysis.simulate import MADE_UP, world
from analysis.store import Store

DAYS = 90


@dataclass(frozen=True)
class Told:
    """One alert that would have been told; held: only after a quiet time; right: None where nobody knows."""

    alert: Alert
    held: bool
    right: bool | None


@dataclass(frozen=True)
class Preview:
    """A replay: what would have been told between since and now, and how often the same came again."""

    since: datetime
    now: datetime
    told: tuple[Told, ...]
    again: int
    rules: Rules

    def lines(self) -> list[str]:
        """For a person: each alert, then how many, by kind."""
        out = []
        for one in self.told:
            mark = {True: "right  ", False: "false  ", None: ""}[one.right]
            held = " (held until the quiet time was over)" if one.held else ""
            out.append(f"{one.alert.at:%Y-%m-%d %H:%M}  {mark}{one.alert.title}{held}")
        days = (self.now - self.since) / timedelta(days=1)
        many = f"{len(self.told)} alert{'' if len(self.told) == 1 else 's'}"
        out.append(f"{many} in the {days:.0f} days before {self.now:%Y-%m-%d %H:%M} UTC.")
        for kind in KINDS:
            mine = [one for one in self.told if one.alert.kind == kind]
            judged = [one for one in mine if one.right is not None]
            right = f", {sum(bool(one.right) for one in judged)} of them right" if judged else ""
            if mine:
                out.append(f"  {kind}: {len(mine)}{right}")
        out.append(
            f"Ordinary noise may bring {self.rules.false_per_month * days / 30:.1f} in that time "
            f"(alerts.false_per_month = {self.rules.false_per_month:g})."
        )
        return out


def preview(store: Store, now: datetime, rules: Rules, days: int = DAYS) -> Preview:
    """Replay the ``days`` before ``now`` from nothing told."""
    since = now - timedelta(days=days)
    memory, told, again = State(Path("none")), [], 0
    truth = planted(store)
    for alert in alerts(store, now, rules, pd.Timedelta(days=days)):
        if memory.take(alert, rules.rearm)[1]:
            held = rules.is_quiet(alert.at) and alert.kind not in rules.urgent
            told.append(Told(alert, held, None if truth is None else right(alert, truth)))
        else:
            again += 1
    return Preview(since, now, tuple(told), again, rules)


def planted(store: Store) -> pd.DataFrame | None:
    """The truth of the made-up world in a store; None where what is in it really happened."""
    rows = store.sql().execute("select source from intervals limit 1").fetchall()
    said = [re.fullmatch(rf"{MADE_UP} \d+: seed (\d+), (\d+) days, (\d+) contents", row[0]) for row in rows]
    return world(*(int(number) for number in said[0].groups())).truth if said and said[0] else None


def right(alert: Alert, truth: pd.DataFrame) -> bool | None:
    """Whether something was planted that the alert tells of; None where nobody knows."""
    if alert.kind not in ("spike", "drop", "missing"):
        return None
    facts = truth[truth["fact"] == {"spike": "spike", "missing": "gap"}.get(alert.kind, "drop")]
    content = alert.subject.rpartition(" ")[2]
    if content in set(truth["content_id"].dropna()):
        facts = facts[facts["content_id"] == content]
    hour, since, last = pd.Timedelta(hours=1), pd.Timestamp(alert.since), pd.Timestamp(alert.last or alert.at)
    return bool(((facts["onset"] - hour <= last) & (facts["end"] + hour >= since)).any())
