"""A project of its own, a clock that a test turns, and commands that only pretend."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from reports.conftest import project, write  # noqa: F401  # fixtures

from analysis.alerts import Delivered
from analysis.platforms.pace import Clock
from analysis.reports import notebooks, parameters
from analysis.reports.asked import Asked
from analysis.reports.record import Record
from analysis.reports.site import Site
from analysis.schedule import journal
from analysis.schedule.commands import Ended
from analysis.schedule.entries import read
from analysis.schedule.frame import Means
from analysis.schedule.run import Run
from analysis.schedule.state import FOLDER
from analysis.schedule.status import look

START = datetime(2026, 3, 2, 5, tzinfo=UTC)  # a Monday
OK = Ended(0)


class Turned(Clock):
    """Time that passes only when somebody turns the clock, or waits."""

    def __init__(self, moment=START):
        self.moment, self.naps = moment, []

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.moment += timedelta(seconds=seconds)

    def turn(self, **length):
        self.moment += timedelta(**length)


class Pretended:
    """Stands for virality's commands: remembers them, and answers as a test tells it (by first word)."""

    def __init__(self, folder, clock):
        self.folder, self.clock, self.calls, self.answers = folder, clock, [], {}

    def __call__(self, words, seconds):
        self.calls.append(list(words))
        answer = self.answers.get(words[0], OK)
        answer = answer(words, seconds) if callable(answer) else answer
        if words[0] == "report" and answer == OK:
            self.page(words)
        if words[0] == "site" and answer == OK:
            Site(self.folder / "reports/site").build()
        return answer

    def named(self, *first):
        return [" ".join(words) for words in self.calls if words[0] in first]

    def page(self, words, error=None, kernel_seconds=1.0, renew_days=None):
        """Leave the page that the command makes, or the failure."""
        given = [word for flag, word in pairwise(words) if flag == "-p"]
        report = notebooks.load(self.folder / "notebooks", words[1])
        asked = Asked(report, *parameters.resolve(report.parameters, given, words[1]))
        told = {"source": "", **error} if error else None
        now, status = self.clock.now().isoformat(), "failed" if error else "ok"
        number = hashlib.sha256(f"{words} {now}".encode()).hexdigest()[:12]
        record = Record(
            id=f"{words[1]}-{number}" + ("-failed" if error else ""), report=words[1], title=report.title,
            status=status, parameters=asked.rows(), started=now, finished=now, checked=now,
            seconds=1.0, kernel_seconds=kernel_seconds, renew_days=renew_days, fingerprint=number,
            notebook="", data_as_of="", inputs={}, error=told,
        )  # fmt: skip
        site = Site(self.folder / "reports/site")
        site.prepare()
        staged = site.stage(record.id)
        (staged / "index.html").write_text("a page")
        site.publish(record, staged)
        return Ended(1 if error else 0)


class House:
    """A schedule, its run, and what came of it."""

    def __init__(self, folder):
        self.folder, self.site = folder, folder / "reports/site"
        self.clock = Turned()
        self.act = Pretended(folder, self.clock)
        self.told, self.said, self.targets = [], [], {"public"}

    def schedule(self):
        return read(self.folder / "schedule.toml", self.folder / "notebooks", self.targets)

    def write(self, text):
        (self.folder / "schedule.toml").write_text(text)

    def tell(self, now, alerts):
        self.told += alerts
        return Delivered()

    def run(self, tell=None):
        means = Means(self.act, tell or self.tell, self.clock, self.said.append)
        with journal.alone(self.site / FOLDER, self.clock.now()):
            return Run(self.schedule(), self.site, means)()

    def status(self):
        return look(self.schedule(), self.site, self.clock.now())

    def problems(self):
        return {(one.kind, one.subject) for one in self.status().problems}

    def alerts(self):
        return {(one.kind, one.subject) for one in self.told}

    def log(self, *events):
        return [line for line in journal.read(self.site / FOLDER) if line["event"] in events or not events]

    def remembered(self):
        return json.loads((self.site / FOLDER / "state.json").read_text())


@pytest.fixture
def house(project: Path, write) -> House:  # noqa: F811
    dated = (
        "#parameters\nfrom datetime import date\nsince: date | None = None  # first day\n"
        "until: date | None = None  # first day after"
    )
    write("pulse", "# Pulse", "#parameters\ntop: int = 3  # how many", "1")
    write("week", "# Week", dated, "1")
    found = House(project)
    found.write(
        'collect = false\n[[entry]]\nreport = "pulse"\nwhen = "daily 06:00"\ntarget = "public"\n'
        '[[entry]]\nreport = "week"\nwhen = "weekly monday 07:00"\n'
        'parameters = { since = "last full week", until = "last full week" }\nmissed = "each"\n'
    )
    return found
