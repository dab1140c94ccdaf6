"""Which slots of an entry are to be run now, and which are skipped, by the stated rule for missed ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from analysis.reports import parameters
from analysis.reports.asked import Asked
from analysis.reports.record import Record
from analysis.schedule.entries import Entry
from analysis.schedule.state import Attempt, Standing

_NO_START = re.compile(r"did not start|kernel died", re.IGNORECASE)
MOST_OPEN = 100  # slots kept open for an entry that catches up with each


@dataclass(frozen=True)
class Skipped:
    """A slot that will not be run, and by which rule."""

    slot: datetime
    why: str


def due(entry: Entry, standing: Standing, now: datetime) -> tuple[list[Attempt], list[Skipped]]:
    """What is open at ``now``, oldest first, and what is skipped.

    A new entry begins with its newest slot. After that every slot since the one settled last is looked at:
    "newest" runs the last of them and skips the others, "each" runs all; what is older than ``skip_after``
    is skipped under either. A slot that was tried and failed is no skipped one: its failure was told, and it
    is given up when a later one takes its place.
    """
    newest = entry.when.newest(now)
    if standing.settled is None:
        fresh = [newest] if newest else []
    else:
        fresh = entry.when.slots(standing.settled, now)
    attempts = sorted([*standing.open, *(Attempt(slot) for slot in fresh)], key=lambda one: one.slot)
    kept: list[Attempt] = []
    skipped: list[Skipped] = []
    for number, one in enumerate(attempts):
        last = number == len(attempts) - 1
        if entry.skip_after is not None and now - one.slot > entry.skip_after:
            why = "it was older than skip_after allows when a run came round"
        elif entry.missed == "newest" and not last:
            why = "a later one was due before a run came round"
        elif len(attempts) - number > MOST_OPEN:
            why = f"more than {MOST_OPEN} were waiting"
        else:
            kept.append(one)
            continue
        if not one.tries:
            skipped.append(Skipped(one.slot, why))
    return kept, skipped


def answer(entry: Entry, slot: datetime, records: list[Record]) -> Record | None:
    """The newest run that asked what the slot asks, good or failed; None where there is none."""
    try:
        asked = Asked(
            entry.report, *parameters.resolve(entry.report.parameters, entry.words(slot), entry.name)
        )
    except (parameters.UserError, ValueError):
        return None
    given = {row["name"]: row["value"] for row in asked.rows() if row["given"]}
    same = [one for one in records if one.report == entry.report.name and one.given == given]
    return max(same, key=lambda one: (max(one.checked, one.finished), one.id), default=None)


def starting(record: Record) -> bool:
    """Whether the failure lay before the notebook: no cell was begun. Worth trying again at once."""
    error = record.error or {}
    return not error.get("cell") and bool(_NO_START.search(error.get("message", "")))


def own(record: Record) -> bool:
    """Whether the notebook itself raised an error, which it would raise again."""
    error = record.error or {}
    return error.get("cell", "").startswith("cell In [")
