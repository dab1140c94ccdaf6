"""``virality status``: the last run, what is due next, what is not as it should be and how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from analysis.reports.record import Record, standing
from analysis.reports.site import Site
from analysis.schedule import journal, state
from analysis.schedule.commands import shown
from analysis.schedule.entries import Schedule
from analysis.schedule.frame import ROOM, SET_BACK
from analysis.schedule.problems import Problem, problems, span


@dataclass(frozen=True)
class Coming:
    """An entry: when it is due next, and what came out last."""

    entry: str
    report: str
    when: str
    next: datetime | None
    out: str
    out_at: str
    target: str | None


@dataclass(frozen=True)
class Status:
    """What a person or a monitor asks; ``problems`` is empty when all is well.

    stale : pages that say they should have been renewed, whether a schedule knows them or not
    running : who holds the lock, empty when nobody does
    run : the last run as the state has it
    """

    now: datetime
    running: str
    run: dict[str, Any]
    coming: tuple[Coming, ...]
    problems: tuple[Problem, ...]
    stale: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"well": not self.problems, **asdict(self)}


def look(schedule: Schedule, site: Path, now: datetime) -> Status:
    """How the schedule of a site stands at ``now``; nothing is changed."""
    folder = site / state.FOLDER
    known, damage = state.load(folder, mend=False)
    running = journal.holder(folder)
    found = list(problems(known, schedule, now))
    if damage:
        found.insert(0, Problem("trouble", "schedule state", now, damage, "virality run"))
    began = known.run.get("started")
    if not began:
        found.insert(
            0, Problem("overdue", "schedule run", now, "`virality run` has never run here", "virality run")
        )
    elif not known.run.get("ended") and not running:
        step = known.run.get("step")
        why = f"it ended without a word at its step {step!r} (killed, or the machine went down)"
        since = datetime.fromisoformat(began)
        found.insert(0, Problem("trouble", "schedule run", since, why, "virality run"))
    if known.latest and known.latest - now > SET_BACK and "clock" not in known.troubles:
        why = f"the clock stands {span(known.latest - now)} before the last run"
        found.append(Problem("trouble", "clock", now, why))
    place = next(one for one in (site, *site.parents) if one.exists())
    if (free := shutil.disk_usage(place).free) < ROOM and "disk" not in known.troubles:
        found.append(Problem("trouble", "disk", now, f"only {free / 1e6:,.0f} MB are left where {site} is"))
    coming = []
    for entry in schedule.entries:
        out = known.entries[entry.name].out if entry.name in known.entries else {}
        coming.append(
            Coming(entry.name, entry.report.name, entry.when.words, entry.when.next(now), out.get("id", ""),
                   out.get("at", ""), entry.target)
        )  # fmt: skip
    return Status(now, running, known.run, tuple(coming), tuple(found), tuple(_stale(site, now)))


def _stale(site: Path, now: datetime) -> Iterator[Problem]:
    asked: dict[str, list[Record]] = {}
    for record in Site(site).records():
        asked.setdefault(record.question, []).append(record)
    for same in asked.values():
        newest, _ = standing(same)
        if newest and newest.renew_by and datetime.fromisoformat(newest.renew_by) < now:
            words = ["report", newest.report]
            for name, value in newest.given.items():
                words += ["-p", f"{name}={value}"]
            since = datetime.fromisoformat(newest.renew_by)
            why = f"its page of {newest.checked[:10]} should have been renewed by then"
            yield Problem("stale", f"report {newest.report}", since, why, shown(words))


def text(status: Status, schedule: Schedule) -> str:
    """The status as a person reads it."""

    def local(moment: datetime | str | None) -> str:
        if not moment:
            return "never"
        exact = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return f"{exact.astimezone(schedule.zone):%Y-%m-%d %H:%M %Z}"

    run = status.run
    if not run:
        last = "never"
    elif run.get("ended"):
        how = "all well" if run.get("status") == 0 else run.get("why") or "something failed"
        last = f"{local(run['started'])} to {local(run['ended'])}: {how}"
    else:
        last = f"{local(run['started'])}, at its step {run.get('step')!r}"
    lines = [f"Last run: {last}"]
    if status.running:
        lines.append(f"Running: {status.running}")
    lines += ["", "Due next:"]
    for one in sorted(status.coming, key=lambda one: (one.next is None, one.next or status.now)):
        came = f"; last out {local(one.out_at)} ({one.out})" if one.out else "; not out yet"
        lines.append(f"  {local(one.next)}  {one.entry} ({one.when}){came}")
    lines += ["", "Not as it should be:" if status.problems else "All is well."]
    for problem in (*status.problems, *status.stale):
        lines.append(f"  {problem.subject}: {problem.kind} since {local(problem.since)}: {problem.why}")
        if problem.command:
            lines.append(f"    {problem.command}")
    return "\n".join(lines)
