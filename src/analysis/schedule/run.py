"""One run of the schedule: collect, due reports, site, publish, tell; each goes on when another fails.

What is about to be done is written down before it is done, and what was done after it. So a run that is
killed anywhere is made up for by the next one: an open slot is run again (equal inputs are up to date), a
site that should be published is published again (an equal one is published already), an alert that was sent
is not sent again.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import suppress
from datetime import datetime

from analysis.alerts import Delivered
from analysis.reports import manifest
from analysis.reports.record import Record
from analysis.schedule import problems, slots
from analysis.schedule.commands import Ended, shown
from analysis.schedule.entries import Entry
from analysis.schedule.frame import Frame
from analysis.schedule.state import Attempt, Standing

PAUSES = (5.0, 20.0)  # seconds before a report that did not start is started again
TELL_SECONDS = 120.0
DOWN = ("failed", "blocked")  # what a platform answers when it is down, rather than not asked


class Run(Frame):
    """One run: ``Run(schedule, site, means)()``."""

    def __call__(self) -> int:
        """All steps; the exit status: 0 all well, 1 something failed."""
        self.begin()
        try:
            if self.schedule.collect:
                self.step("collect", self._collect)
            self.step("reports", self._reports)
            self.step("site", self._build)
            self.step("publish", self._publish)
            self.step("tell", self._tell)
        except BaseException as error:
            self.end(f"stopped ({type(error).__name__})", 1)
            raise
        return self.end("", int(self.failed))

    def _collect(self) -> None:
        words = ["collect", "--log", "json"]
        ended = self.act(words)
        if ended is None or ended.status != 0:
            why = ended.why if ended else "the run's time was up"
            self.note("collect", why, shown(words[:1]))
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
            self.note(subject, why, f"virality collect --platform {subject.removeprefix('collect ')}")
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
                self.log("skipped", entry=entry.name, slot=one.slot, why=one.why)
            if skipped:
                standing.skipped = problems.skipped(entry, skipped, now, self.schedule.limit)
                self.means.say(f"{entry.name}: {standing.skipped['why']}")
            standing.open = attempts
            newest = max([one.slot for one in attempts] + [one.slot for one in skipped], default=None)
            if newest is not None:
                standing.settled = max(standing.settled or newest, newest)
            todo += [(entry, standing, one) for one in attempts if one.ripe(now)]
        todo.sort(key=lambda one: one[2].slot)
        self.save()
        done = 0
        for entry, standing, attempt in todo:
            if not self._report(entry, standing, attempt):
                break
            done += 1
            self.save()
        if done < len(todo):
            self.note(
                "schedule time", f"{len(todo) - done} reports were not reached within `limit`", "virality run"
            )
        else:
            self.state.well("schedule time")
        if any(one.tries for standing in self.state.entries.values() for one in standing.open):
            self.failed = True

    def _repeated(self, entry: Entry, standing: Standing, records: list[Record], now: datetime) -> None:
        """Take note of what somebody repeated by hand since it failed."""
        for one in [one for one in standing.open if one.tries]:
            record = slots.answer(entry, one.slot, records)
            since = one.at or now
            if record and record.status == "ok" and datetime.fromisoformat(record.checked) > since:
                self._out(entry, standing, one, record)

    def _report(self, entry: Entry, standing: Standing, attempt: Attempt) -> bool:
        """Run a slot; False when the run's time was up before."""
        words = problems.command(entry, attempt.slot, self.schedule.limit)
        ended, record, failure = Ended(None), None, None
        for pause in (*PAUSES, None):
            before = slots.answer(entry, attempt.slot, self.place.records())
            done = self.act(words)
            if done is None:
                return False
            ended = done
            record = slots.answer(entry, attempt.slot, self.place.records())
            failure = record if record != before and record and record.status == "failed" else None
            if pause is None or not (ended.status is None or (failure and slots.starting(failure))):
                break
            self.log("restart", entry=entry.name, slot=attempt.slot, pause=pause)
            self.means.clock.sleep(pause)
        if ended.status == 0 and record and record.status == "ok":
            self._out(entry, standing, attempt, record)
            self.means.say(f"{entry.name}: out")
            return True
        why, now = problems.failure(failure) if failure else ended.why, self.means.clock.now()
        final = failure is not None and slots.own(failure)
        attempt.failed(why, shown(words), final, now)
        standing.failing_since = standing.failing_since or now
        self.log("failed", entry=entry.name, slot=attempt.slot, why=why, tries=attempt.tries, final=final)
        self.means.say(f"{entry.name}: FAILED: {why}")
        return True

    def _out(self, entry: Entry, standing: Standing, attempt: Attempt, record: Record) -> None:
        now = self.means.clock.now()
        standing.open = [
            one for one in standing.open if one is not attempt and not (one.final and one.slot < attempt.slot)
        ]
        if attempt.slot.isoformat() >= standing.out.get("slot", ""):
            standing.out = {"slot": attempt.slot.isoformat(), "at": now.isoformat(), "id": record.id}
        if not any(one.tries for one in standing.open):
            standing.failing_since = None
        self.log("out", entry=entry.name, slot=attempt.slot, id=record.id)

    def _build(self) -> None:
        problems.leave_notices(self.state, self.schedule, self.site, self.means.clock.now())
        self._plain(["site"], "site")

    def _publish(self) -> None:
        known = self.state
        targets = {entry.target for entry in self.schedule.entries if entry.target}
        if not targets:
            return
        site = hashlib.sha256((self.site / manifest.NAME).read_bytes()).hexdigest()
        for target in targets:
            if known.published.get(target) != site:
                known.unpublished.setdefault(target, self.means.clock.now())
        self.save()
        for target in sorted(known.unpublished):
            if self._plain(["publish", target], f"publish {target}"):
                del known.unpublished[target]
                known.published[target] = site
                self.save()
                self.means.say(f"published to {target}")

    def _plain(self, words: list[str], subject: str) -> bool:
        ended = self.act(words)
        if ended is not None and ended.status == 0:
            self.state.well(subject)
            return True
        self.note(subject, ended.why if ended else "the run's time was up", shown(words))
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
        seconds = max(self.seconds(), TELL_SECONDS)
        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            raise TimeoutError(None, f"the alerts were not delivered in {seconds:,.0f} s")
        if heard:
            raise heard[0]
        told = done[0]
        self.log("told", sent=told.sent, held=told.held, failed=told.failed, unarmed=len(told.unarmed))
        if told.reasons:
            self.note("alerts", "; ".join(f"{address}: {why}" for address, why in told.reasons))
        else:
            self.state.well("alerts")
        for subject in self.passing:
            self.state.well(subject)
