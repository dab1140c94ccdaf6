"""One run of the schedule: collect, due reports, site, publish, tell; each goes on when another fails.

What is about to be done is written down before it is done, and what was done after it. So a run that is
killed anywhere is made up for by the next one: an open slot is run again (equal inputs are up to date), a
site that should be published is published again (an equal one is published already), an alert that was sent
is not sent again.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from analysis.alerts import Alert, Delivered
from analysis.platforms.pace import Clock
from analysis.reports.record import Record
from analysis.reports.site import Site
from analysis.schedule import problems, slots, state
from analysis.schedule.commands import Act, Ended, shown
from analysis.schedule.entries import Entry, Schedule
from analysis.schedule.journal import Journal
from analysis.schedule.state import Attempt, Standing

PAUSES = (5.0, 20.0)  # seconds before a report that did not start is started again
ROOM = 100_000_000  # bytes; with less left on a disk that is told before it is full
SET_BACK = timedelta(minutes=2)  # clocks are put right by less than this all the time
FORGET = timedelta(days=1)  # a clock set back by more than this was wrong before
TELL_SECONDS = 120.0
DOWN = ("failed", "blocked")  # what a platform answers when it is down, rather than not asked

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


class Run:
    """One run, under the lock its caller holds.

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

    def __call__(self) -> int:
        """All steps; the exit status: 0 all well, 1 something failed."""
        self._begin()
        try:
            if self.schedule.collect:
                self._step("collect", self._collect)
            self._step("reports", self._reports)
            self._step("site", self._build)
            self._step("publish", self._publish)
            self._step("tell", self._tell)
        except BaseException as error:
            self._end(f"stopped ({type(error).__name__})", 1)
            raise
        return self._end("", int(self.failed))

    # -- the frame ----------------------------------------------------------------------------

    def _begin(self) -> None:
        now, known = self.began, self.state
        if self.damage:
            self._note_once("schedule state", self.damage)
        before = known.run
        if before and not before.get("ended"):
            why = (
                f"the run of {before.get('started')} ended without a word at its step {before.get('step')!r} "
                "(killed, or the machine went down); what it left is made up for now"
            )
            self._log("killed", before=before.get("id"), step=before.get("step"))
            self._note_once("schedule run", why)
        self._look_at_clock(now)
        names = {entry.name for entry in self.schedule.entries}
        known.entries = {name: standing for name, standing in known.entries.items() if name in names}
        targets = {entry.target for entry in self.schedule.entries}
        known.unpublished = {name: since for name, since in known.unpublished.items() if name in targets}
        for subject in list(known.troubles):
            room, _, name = subject.partition(" ")
            if (room == "publish" and name not in targets) or (
                room == "collect" and not self.schedule.collect
            ):
                known.well(subject)  # nobody asks for it any more
        known.run = {"id": self.journal.run, "pid": os.getpid(), "started": now.isoformat(), "step": "start"}
        self._save()
        self._log("begin", schedule=str(self.schedule.file))
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
            self._note("clock", why + "slots that were run are not run again", failed=False)
            return
        # so far ahead it was wrong, and the slots it showed were none: they will be due in their time
        for standing in self.state.entries.values():
            standing.settled = min(standing.settled, now) if standing.settled else None
            standing.open = [one for one in standing.open if one.slot <= now]
        self.state.latest = now
        self._note_once("clock", why + "slots after now will be run when they are due")

    def _look_at_disk(self) -> None:
        free = shutil.disk_usage(self.site).free
        if free < ROOM:
            self._note("disk", f"only {free / 1e6:,.0f} MB are left where {self.site} is", failed=False)
        else:
            self.state.well("disk")

    def _step(self, name: str, act: Callable[[], None]) -> None:
        """One step; what goes wrong in it is told, and the next one comes."""
        self.state.run["step"] = name
        subject = f"schedule {name}"
        try:
            self._save()
            act()
        except OSError as error:
            self._note(subject, f"{name} could not be done: {error.strerror or error}", "virality run")
        except Exception as error:
            self._note(subject, f"{name} could not be done: {error}", "virality run")
        else:
            self.state.well(subject)

    def _end(self, why: str, status: int) -> int:
        self.state.run |= {"ended": self.means.clock.now().isoformat(), "status": status, "why": why}
        try:
            self._save()
        except OSError as error:
            self.means.say(f"the schedule's state cannot be written: {error.strerror}")
            status = 1
        self._log("end", status=status, why=why)
        return status

    def _seconds(self) -> float:
        """How long the next command may take."""
        left = self.began + self.schedule.limit - self.means.clock.now()
        return min(self.schedule.step_limit, left).total_seconds()

    def _note(self, subject: str, why: str, command: str = "", failed: bool = True) -> None:
        self.failed |= failed
        self.state.trouble(subject, why, command, self.means.clock.now())
        self._log("trouble", subject=subject, why=why, command=command)
        self.means.say(f"{subject}: {why}")

    def _note_once(self, subject: str, why: str) -> None:
        """A trouble of the past, which is no failure of this run."""
        self._note(subject, why, failed=False)
        self.passing.append(subject)

    def _log(self, event: str, **fields: Any) -> None:
        self.journal(event, self.means.clock.now(), **fields)

    def _save(self) -> None:
        state.save(self.state, self.folder)

    def _act(self, words: Sequence[str]) -> Ended | None:
        """Carry out a command; None when the run's time is up."""
        seconds = self._seconds()
        if seconds <= 0:
            return None
        began = self.means.clock.now()
        ended = self.means.act(words, seconds)
        took = (self.means.clock.now() - began).total_seconds()
        self._log("command", command=shown(words), status=ended.status, seconds=round(took, 1),
                  why="" if ended.status == 0 else ended.why)  # fmt: skip
        return ended

    # -- the steps ----------------------------------------------------------------------------

    def _collect(self) -> None:
        words = ["collect", "--log", "json"]
        ended = self._act(words)
        if ended is None or ended.status != 0:
            why = ended.why if ended else "the run's time was up"
            self._note("collect", why, shown(words[:1]))
            return
        self.state.well("collect")
        down: dict[str, str] = {}
        for line in ended.output.splitlines():
            with suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and told.get("event") == "finished":
                    reasons = [one["reason"] for one in told["unknown"] if one["status"] in DOWN]
                    if reasons:
                        down[f"collect {told['platform']}"] = f"it could not be asked: {reasons[0]}"
        for subject in [name for name in self.state.troubles if name.startswith("collect ")]:
            if subject not in down:
                self.state.well(subject)
        for subject, why in down.items():
            self._note(subject, why, f"virality collect --platform {subject.removeprefix('collect ')}")
        self.means.say("collected" + (f", but for {len(down)} platforms" if down else ""))

    def _reports(self) -> None:
        now = self.means.clock.now()
        todo: list[tuple[Entry, Standing, Attempt]] = []
        records = self.place.records()
        for entry in self.schedule.entries:
            standing = self.state.entries.setdefault(entry.name, Standing())
            self._repeated(entry, standing, records, now)
            attempts, skipped = slots.due(entry, standing, now)
            for one in skipped:
                self._log("skipped", entry=entry.name, slot=one.slot, why=one.why)
            if skipped:
                standing.skipped = problems.skipped(entry, skipped, now, self.schedule.limit)
                self.means.say(f"{entry.name}: {standing.skipped['why']}")
            standing.open = attempts
            newest = max([one.slot for one in attempts] + [one.slot for one in skipped], default=None)
            if newest is not None:
                standing.settled = max(standing.settled or newest, newest)
            todo += [(entry, standing, one) for one in attempts if one.ripe(now)]
        todo.sort(key=lambda one: one[2].slot)
        for entry, _, _ in todo:
            if entry.target:
                self.state.unpublished.setdefault(entry.target, now)
        self._save()
        for entry, standing, attempt in todo:
            self._report(entry, standing, attempt)
            self._save()
        if any(one.tries for standing in self.state.entries.values() for one in standing.open):
            self.failed = True

    def _repeated(self, entry: Entry, standing: Standing, records: list[Record], now: datetime) -> None:
        """Take note of what somebody repeated by hand since it failed."""
        for one in [one for one in standing.open if one.tries]:
            record = slots.answer(entry, one.slot, records)
            since = one.at or now
            if record and record.status == "ok" and datetime.fromisoformat(record.checked) > since:
                self._out(entry, standing, one, record)

    def _report(self, entry: Entry, standing: Standing, attempt: Attempt) -> None:
        words = problems.command(entry, attempt.slot, self.schedule.limit)
        record = ended = None
        for pause in (*PAUSES, None):
            ended = self._act(words)
            record = slots.answer(entry, attempt.slot, self.place.records())
            again = (
                ended
                and ended.status == 1
                and record
                and record.status == "failed"
                and slots.starting(record)
            )
            started = ended is None or (ended.status is not None and not again)
            if started or pause is None:
                break
            self._log("restart", entry=entry.name, slot=attempt.slot, pause=pause)
            self.means.clock.sleep(pause)
        if ended and ended.status == 0 and record and record.status == "ok":
            self._out(entry, standing, attempt, record)
            self.means.say(f"{entry.name}: out")
            return
        failure = record if ended and ended.status == 1 and record and record.status == "failed" else None
        why = problems.failure(failure) if failure else ended.why if ended else "the run's time was up"
        now = self.means.clock.now()
        attempt.failed(why, shown(words), failure is not None and slots.own(failure), now)
        standing.failing_since = standing.failing_since or now
        self.failed = True
        self._log(
            "failed", entry=entry.name, slot=attempt.slot, why=why, tries=attempt.tries, final=attempt.final
        )
        self.means.say(f"{entry.name}: FAILED: {why}")

    def _out(self, entry: Entry, standing: Standing, attempt: Attempt, record: Record) -> None:
        now = self.means.clock.now()
        standing.open = [
            one for one in standing.open if one is not attempt and not (one.final and one.slot < attempt.slot)
        ]
        if attempt.slot.isoformat() >= standing.out.get("slot", ""):
            standing.out = {"slot": attempt.slot.isoformat(), "at": now.isoformat(), "id": record.id}
        if not any(one.tries for one in standing.open):
            standing.failing_since = None
        if entry.target:
            self.state.unpublished.setdefault(entry.target, now)
        self._log("out", entry=entry.name, slot=attempt.slot, id=record.id)

    def _build(self) -> None:
        problems.leave_notices(self.state, self.schedule, self.site, self.means.clock.now())
        self._plain(["site"], "site")

    def _publish(self) -> None:
        for target in sorted(self.state.unpublished):
            if self._plain(["publish", target], f"publish {target}"):
                del self.state.unpublished[target]
                self._save()
                self.means.say(f"published to {target}")

    def _plain(self, words: list[str], subject: str) -> bool:
        ended = self._act(words)
        if ended is not None and ended.status == 0:
            self.state.well(subject)
            return True
        self._note(subject, ended.why if ended else "the run's time was up", shown(words))
        return False

    def _tell(self) -> None:
        now = self.means.clock.now()
        alerts = problems.alerts(self.state, self.schedule, now)
        done: list[Delivered] = []
        heard: list[BaseException] = []

        def deliver() -> None:
            try:
                done.append(self.means.tell(now, alerts))
            except BaseException as error:
                heard.append(error)

        # a step of its own time: what is late by now is just what should be told
        seconds = max(self._seconds(), TELL_SECONDS)
        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise TimeoutError(None, f"the alerts were not delivered in {seconds:,.0f} s")
        if heard:
            raise heard[0]
        told = done[0]
        self._log("told", sent=told.sent, held=told.held, failed=told.failed, unarmed=len(told.unarmed))
        if told.reasons:
            self._note("alerts", "; ".join(f"{address}: {why}" for address, why in told.reasons))
        else:
            self.state.well("alerts")
        for subject in self.passing:
            self.state.well(subject)
