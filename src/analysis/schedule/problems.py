"""What is not as it should be, from the state alone: told by the run, the status and the site."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from analysis.alerts import Alert, failed, stale
from analysis.reports import private
from analysis.reports.files import write
from analysis.reports.record import Record
from analysis.reports.site import NOTICES
from analysis.schedule.commands import shown
from analysis.schedule.entries import Entry, Schedule
from analysis.schedule.slots import Skipped
from analysis.schedule.state import Standing, State

TOLD_FOR = timedelta(days=7)  # skipped slots are news for so long


@dataclass(frozen=True)
class Problem:
    """One thing that is not as it should be.

    kind : failed (a report), skipped (by a rule), overdue (nobody ran it), unpublished (a target), trouble
    subject : "report NAME", "publish TARGET", "collect PLATFORM", ...
    since, why : since when, and why in a sentence
    command : what repeats or mends it; empty where nothing does
    """

    kind: str
    subject: str
    since: datetime
    why: str
    command: str = ""


def command(entry: Entry, slot: datetime, limit: timedelta) -> list[str]:
    """The words of the command that makes a slot's page.

    A page that every slot renews says itself when the next one stayed away; one about a fixed period stands.
    """
    words = ["report", entry.report.name]
    for word in entry.words(slot):
        words += ["-p", word]
    days = (entry.when.period(slot) + limit) / timedelta(days=1) if entry.repeats else 0
    return [*words, "--renew", f"{days:.4g}"]


def problems(state: State, schedule: Schedule, now: datetime) -> list[Problem]:
    """Everything that is not as it should be at ``now``, reports first."""
    found = []
    for entry in schedule.entries:
        found += _of_entry(entry, state.entries.get(entry.name, Standing()), schedule, now)
    for target, since in state.unpublished.items():
        subject = f"publish {target}"
        if subject not in state.troubles:
            why = f"what was made since is not published to {target} yet; the next run does it"
            found.append(Problem("unpublished", subject, since, why, shown(["publish", target])))
    found += [
        Problem("trouble", name, one.since, one.why, one.command) for name, one in state.troubles.items()
    ]
    return found


def _of_entry(entry: Entry, standing: Standing, schedule: Schedule, now: datetime) -> list[Problem]:
    subject, found = f"report {entry.name}", []
    tried = [one for one in standing.open if one.tries]
    if tried:
        one = tried[-1]
        times = "once" if one.tries == 1 else f"{one.tries} times"
        again = (
            "the same notebook would fail again, so it is not repeated by itself"
            if one.final
            else f"it is tried again from {local(one.again, entry)} on"
            if one.again
            else ""
        )
        more = f" (and {len(tried) - 1} before it)" if len(tried) > 1 else ""
        why = f"due {local(one.slot, entry)}{more}, failed {times}: {one.why}; {again}"
        found.append(Problem("failed", subject, standing.failing_since or one.slot, why, one.command))
    waiting = [one.slot for one in standing.open if not one.tries]
    if standing.settled is None:
        waiting += [newest] if (newest := entry.when.newest(now)) else []
    else:
        waiting += entry.when.slots(standing.settled, now)
    late = [slot for slot in waiting if now - slot > schedule.limit]
    if late:
        why = f"due {local(late[-1], entry)} and not run: `virality run` was not called since, or was stopped"
        if standing.settled is None:
            why = f"due {local(late[-1], entry)} and never run yet"
        found.append(Problem("overdue", subject, late[0], why, "virality run"))
    if standing.skipped and standing.out.get("slot", "") < standing.skipped["newest"]:
        since = datetime.fromisoformat(standing.skipped["first"])
        found.append(Problem("skipped", subject, since, standing.skipped["why"], standing.skipped["command"]))
    return found


def skipped(entry: Entry, ones: Sequence[Skipped], now: datetime, limit: timedelta) -> dict[str, str]:
    """What is remembered of skipped slots, oldest first."""
    first, newest = ones[0], ones[-1]
    span = local(newest.slot, entry)
    if len(ones) > 1:
        span = f"{len(ones)} slots from {local(first.slot, entry)} to {span}"
    return {
        "first": first.slot.isoformat(),
        "newest": newest.slot.isoformat(),
        "at": now.isoformat(),
        "why": f"{span}: skipped, because {newest.why}",
        "command": shown(command(entry, newest.slot, limit)),
    }


def alerts(state: State, schedule: Schedule, now: datetime) -> list[Alert]:
    """What is worth telling somebody, the same in every run while it goes on: it is told once."""
    found = []
    for one in problems(state, schedule, now):
        if one.kind == "failed":
            found.append(failed(one.subject.removeprefix("report "), one.since, now, one.why, one.command))
        elif one.kind == "trouble":
            kind = "missing" if one.subject.startswith("collect ") else "failed"
            body = f"{one.why}\nRepeat: {one.command}" if one.command else one.why
            found.append(Alert(kind, one.subject, one.since, now, f"Trouble: {one.subject}", body))
    for entry in schedule.entries:
        # also when a later slot came out: the page that was skipped is missing all the same
        what = state.entries.get(entry.name, Standing()).skipped
        if what and now - datetime.fromisoformat(what["at"]) < TOLD_FOR:
            first, at = datetime.fromisoformat(what["first"]), datetime.fromisoformat(what["at"])
            found.append(stale(entry.name, first, at, what["why"], what["command"]))
    return found


def leave_notices(state: State, schedule: Schedule, site: Path, now: datetime) -> None:
    """Leave for the site's index what its readers should know: which report is missing, and why."""
    known = private.places(site)
    told = [
        {
            "subject": one.subject,
            "since": f"{one.since.astimezone(UTC):%Y-%m-%dT%H:%M}",
            "why": private.in_error(one.why, known),
        }
        for one in problems(state, schedule, now)
        # the rest is the keeper's: it names folders, and readers can do nothing about it
        if one.subject.startswith(("report ", "collect "))
    ]
    write(site / NOTICES, json.dumps(told, indent=1, ensure_ascii=False).encode())


def failure(record: Record) -> str:
    """A failed run in a sentence."""
    error = record.error or {}
    where = f" in {error['cell']}" if error.get("cell") else ""
    return f"{error.get('message', 'it failed')}{where}"


def local(moment: datetime, entry: Entry) -> str:
    """The moment as the schedule's zone writes it."""
    return f"{moment.astimezone(entry.when.zone):%Y-%m-%d %H:%M %Z}"


def span(length: timedelta) -> str:
    """A length of time in words."""
    minutes = round(length.total_seconds() / 60)
    for size, word in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{round(minutes / size)} {word}s"
    return f"{minutes} minutes"
