"""What holds a run together: its state, its log, its clock, its time, and what it notes of troubles."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.alerts import Alert, Delivered
from analysis.platforms.pace import Clock
from analysis.reports.site import Site
from analysis.schedule import problems, state
from analysis.schedule.commands import Act, Ended, shown
from analysis.schedule.entries import Schedule
from analysis.schedule.journal import Journal

ROOM = 100_000_000  # bytes; with less left on a disk that is told before it is full
SET_BACK = timedelta(minutes=2)  # clocks are put right by less than this all the time
FORGET = timedelta(days=1)  # a clock set back by more than this was wrong before

Tell = Callable[[datetime, Sequence[Alert]], Delivered]
"""Delivers alerts, each once; see ``analysis.alerts.check``."""


@dataclass(frozen=True)
class Means:
    """What a run acts through; a test gives its own.

    act : carries out a command of virality
    tell : delivers alerts
    clock : the time, and waiting
    say : is told one line of progress at a time
    """

    act: Act
    tell: Tell
    clock: Clock
    say: Callable[[str], None] = print


class Frame:
    """A run, under the lock its caller holds; its steps are in ``run.py``.

    Parameters
    ----------
    schedule : what is due when
    site : the site's folder; what the schedule remembers lies in ``.schedule`` in it
    means : see Means
    """

    def __init__(self, schedule: Schedule, site: Path, means: Means) -> None:
        self.schedule, self.site, self.means = schedule, site, means
        self.folder, self.place = site / state.FOLDER, Site(site)
        self.began = means.clock.now()
        self.journal = Journal(self.folder, f"{self.began:%Y%m%dT%H%M%SZ}")
        self.state, self.damage = state.load(self.folder)
        self.failed = False
        self.passing: list[str] = []  # troubles that are over once they were told

    def begin(self) -> None:
        """Look at what the last run left, at clock and disk; write down that this one has begun."""
        now, known = self.began, self.state
        if self.damage:
            self.note_once("schedule state", self.damage)
        before = known.run
        if before and not before.get("ended"):
            why = (
                f"the run of {before.get('started')} ended without a word at its step {before.get('step')!r} "
                "(killed, or the machine went down); what it left is made up for now"
            )
            self.log("killed", before=before.get("id"), step=before.get("step"))
            self.note_once("schedule run", why)
        self._look_at_clock(now)
        names = {entry.name for entry in self.schedule.entries}
        known.entries = {name: standing for name, standing in known.entries.items() if name in names}
        targets = {entry.target for entry in self.schedule.entries}
        known.unpublished = {name: since for name, since in known.unpublished.items() if name in targets}
        known.published = {name: site for name, site in known.published.items() if name in targets}
        for subject in list(known.troubles):
            room, _, name = subject.partition(" ")
            collects = room != "collect" or self.schedule.collect
            if not collects or (room == "publish" and name not in targets):
                known.well(subject)  # nobody asks for it any more
        known.run = {"id": self.journal.run, "pid": os.getpid(), "started": now.isoformat(), "step": "start"}
        self.save()
        self.log("begin", schedule=str(self.schedule.file))
        self._look_at_disk()

    def _look_at_clock(self, now: datetime) -> None:
        latest = self.state.latest
        if latest is None or now >= latest - SET_BACK:
            self.state.well("clock")
            self.state.latest = max(now, latest or now)
            return
        back = latest - now
        why = f"the clock stands {problems.span(back)} before the last run ({latest:%Y-%m-%d %H:%M} UTC); "
        if back <= FORGET:
            self.note("clock", why + "slots that were run are not run again", failed=False)
            return
        # so far ahead it was wrong, and the slots it showed were none: they will be due in their time
        for standing in self.state.entries.values():
            standing.settled = min(standing.settled, now) if standing.settled else None
            standing.open = [one for one in standing.open if one.slot <= now]
            standing.out = standing.out if standing.out.get("slot", "") <= now.isoformat() else {}
            standing.skipped = (
                standing.skipped if standing.skipped.get("newest", "") <= now.isoformat() else {}
            )
        self.state.latest = now
        self.note_once("clock", why + "slots after now will be run when they are due")

    def _look_at_disk(self) -> None:
        free = shutil.disk_usage(self.site).free
        if free < ROOM:
            self.note("disk", f"only {free / 1e6:,.0f} MB are left where {self.site} is", failed=False)
        else:
            self.state.well("disk")

    def step(self, name: str, act: Callable[[], None]) -> None:
        """One step; what goes wrong in it is told, and the next one comes."""
        self.state.run["step"] = name
        subject = f"schedule {name}"
        try:
            self.save()
            act()
        except OSError as error:
            self.note(subject, f"{name} could not be done: {error.strerror or error}", "virality run")
        except Exception as error:
            self.note(subject, f"{name} could not be done: {error}", "virality run")
        else:
            self.state.well(subject)

    def end(self, why: str, status: int) -> int:
        """Write down how it ended; the exit status."""
        self.state.run |= {"ended": self.means.clock.now().isoformat(), "status": status, "why": why}
        try:
            self.save()
        except OSError as error:
            self.means.say(f"the schedule's state cannot be written: {error.strerror}")
            status = 1
        self.log("end", status=status, why=why)
        return status

    def seconds(self) -> float:
        """How long the next command may take."""
        left = self.began + self.schedule.limit - self.means.clock.now()
        return min(self.schedule.step_limit, left).total_seconds()

    def note(self, subject: str, why: str, command: str = "", failed: bool = True) -> None:
        """A trouble, told everywhere; ``failed``: it makes this run a failed one."""
        self.failed |= failed
        self.state.trouble(subject, why, command, self.means.clock.now())
        self.log("trouble", subject=subject, why=why, command=command)
        self.means.say(f"{subject}: {why}")

    def note_once(self, subject: str, why: str) -> None:
        """A trouble of the past, which is no failure of this run."""
        self.note(subject, why, failed=False)
        self.passing.append(subject)

    def log(self, event: str, **fields: Any) -> None:
        """Write a line of the run log."""
        self.journal(event, self.means.clock.now(), **fields)

    def save(self) -> None:
        """Write the state down."""
        state.save(self.state, self.folder)

    def act(self, words: Sequence[str]) -> Ended | None:
        """Carry out a command; None when the run's time is up."""
        seconds = self.seconds()
        if seconds <= 0:
            return None
        began = self.means.clock.now()
        ended = self.means.act(words, seconds)
        took = (self.means.clock.now() - began).total_seconds()
        self.log("command", command=shown(words), status=ended.status, seconds=round(took, 1),
                  why="" if ended.status == 0 else ended.why)  # fmt: skip
        return ended
