"""A month of the schedule under a turned clock, through the real rooms, with what goes wrong in a month.

Collected is from a loopback platform, reports run in kernels, the site is published to a folder and alerts go
to a loopback webhook. After every run the month is held against what was due: a report is out, or its absence
is told by page, status and alert.
"""

import contextlib
import errno
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
import stamina
from loopback import loopback
from one_parent import one_parent
from pydantic import SecretStr
from typer.testing import CliRunner

from analysis import alerts, collect
from analysis.cli import app
from analysis.collect.telling import JsonLog
from analysis.collect.watchlist import Watchlist
from analysis.errors import UserError
from analysis.publish import folder
from analysis.reports import run as reports
from analysis.reports import site as sites
from analysis.reports.site import Site
from analysis.schedule import journal, problems
from analysis.schedule.commands import Ended
from analysis.schedule.frame import Means
from analysis.schedule.run import Run
from analysis.schedule.state import FOLDER
from analysis.store import Store

from .conftest import House

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAGE = "https://example.com/a"
MOOD = """\
import os, pathlib, signal
mood = pathlib.Path('mood').read_text()
if mood == 'killed':
    os.kill(os.getpid(), signal.SIGKILL)
if mood == 'failing':
    raise ValueError('no such column')
"""
COUNT = "from analysis.store import Store\nprint(len(Store.open().read('readings', ['item_id'])))"
SCHEDULE = """\
zone = "Europe/Berlin"
[[entry]]
report = "pulse"
when = "daily 06:00"
target = "public"
[[entry]]
report = "week"
when = "weekly monday 07:00"
parameters = { since = "last full week", until = "last full week" }
missed = "each"
target = "public"
"""
FIRST, LAST = datetime(2026, 3, 1, 5, 10, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)


class Killed(BaseException):
    """kill -9, as far as one process can play it: it has no last words."""


class Doomed(Run):
    def end(self, why, status):
        return 1 if "Killed" in why else super().end(why, status)


class Month(House):
    """The house with its real rooms; ``broken`` maps a command's first word to what befalls it."""

    def __init__(self, folder, webhook, platform):
        super().__init__(folder)
        self.clock.moment, self.act = FIRST, self.carry_out
        self.store = Store.open(folder / "data/store")
        self.webhook, self.platform, self.broken = webhook, platform, {}
        self.heard = []
        webhook.answer = self.hear

    def hear(self, request):
        self.heard.append((self.clock.now(), json.loads(request.body)))
        return 200, {}, b""

    def mood(self, word):
        (self.folder / "notebooks/mood").write_text(word)

    def published(self):
        """The index that readers are served."""
        return (self.folder / "public/current/index.html").read_bytes()

    def carry_out(self, words, seconds):
        if words[0] in self.broken:
            return self.broken[words[0]](words)
        return self.really(words)

    def really(self, words):
        if words[0] == "collect":
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                collect.collect(
                    Watchlist(urls=(PAGE,)),
                    self.store,
                    only=["hackernews"],
                    clock=self.clock,
                    tell=JsonLog(),
                    limits=False,
                )
            return Ended(0, said.getvalue())
        done = CliRunner().invoke(app, words)
        if isinstance(done.exception, UserError):
            return Ended(2, said=f"virality: {done.exception}")
        if done.exception and not isinstance(done.exception, SystemExit):
            return Ended(1, said=f"virality: {type(done.exception).__name__}: {done.exception}")
        return Ended(done.exit_code, done.stdout, done.stderr)

    def tell(self, now, found):
        url = SecretStr(self.webhook.url.replace("http", "json") + "/hook")
        return alerts.deliver(found, state=self.folder / "told.json", now=now, urls=[url])

    def run(self):
        means = Means(self.act, self.tell, self.clock, self.said.append)
        with journal.alone(self.site / FOLDER, self.clock.now()):
            return Doomed(self.schedule(), self.site, means)()

    def absent(self):
        """(entry, slot) of all that was due since the first run and is not out."""
        out = {(line["entry"], line["slot"]) for line in self.log("out")}
        return [
            (entry.name, slot)
            for entry in self.schedule().entries
            for slot in entry.when.slots(FIRST, min(self.clock.now(), LAST))
            if (entry.name, slot.isoformat()) not in out
        ]

    def told_of(self, entry, slot):
        """Whether an alert that names the entry went out since the slot."""
        return any(when >= slot and entry in body["title"] + body["message"] for when, body in self.heard)

    def check(self, written=True):
        """After a run: what is absent is told by page, status and alert, unless a later slot is out.

        Where no page could be written, the one that stands says itself that it is out of date.
        """
        newest = {name: one["out"].get("slot", "") for name, one in self.remembered()["entries"].items()}
        status = {one.subject for one in self.status().problems}
        index = (self.site / "index.html").read_text()
        for entry, slot in self.absent():
            assert self.told_of(entry, slot), (self.clock.now(), entry, slot)
            if slot.isoformat() > newest[entry]:
                assert f"report {entry}" in status
                stands = Site(self.site).find(self.remembered()["entries"][entry]["out"]["id"])
                told = datetime.fromisoformat(stands.renew_by) < slot + timedelta(hours=4)
                assert told if not written else f"<strong>report {entry}</strong>" in index
        if "publish public" not in status and written:
            assert self.published() == index.encode()


@pytest.fixture
def month(house, write, monkeypatch):
    monkeypatch.setenv("VIRALITY_STATE", str(house.folder / "state"))
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    reports.pictures.browser.cache_clear()
    write("pulse", "# Pulse", "#parameters\ntop: int = 3  # how many", MOOD + COUNT)

    def platform(request):
        if request.path.startswith("/item"):
            return 200, {}, {"type": "story", "score": 9, "descendants": 1}
        hit = {
            "objectID": "1", "url": PAGE, "title": "A story", "author": "somebody", "points": 3,
            "num_comments": 0, "created_at_i": int((FIRST - timedelta(minutes=5)).timestamp()),
        }  # fmt: skip
        return 200, {}, {"hits": [hit], "nbHits": 1, "hitsPerPage": 1000}

    with (
        one_parent(),
        stamina.set_testing(True, attempts=2),
        loopback(platform) as there,
        loopback((200, {}, b"")) as webhook,
    ):
        monkeypatch.setenv("VIRALITY_HACKERNEWS_SEARCH_URL", there.url)
        monkeypatch.setenv("VIRALITY_HACKERNEWS_ITEMS_URL", there.url)
        found = Month(house.folder, webhook, there)
        found.well = platform
        found.write(SCHEDULE)
        (house.folder / "virality.toml").write_text('[targets.public]\nurl = "public"\n')
        found.mood("well")
        monkeypatch.setattr(reports, "_now", lambda: found.clock.now().isoformat(timespec="milliseconds"))
        yield found
    reports.pictures.browser.cache_clear()


@contextlib.contextmanager
def platform_down(month):
    month.platform.answer = (503, {}, {})
    yield
    month.platform.answer = month.well


@contextlib.contextmanager
def notebook_failing(month):
    month.mood("failing")
    yield
    month.mood("well")


@contextlib.contextmanager
def kernel_killed(month):
    month.mood("killed")
    yield
    month.mood("well")


@contextlib.contextmanager
def disk_full(month):
    def full(*rest):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sites, "write", full)
        patch.setattr(problems, "write", full)
        yield


@contextlib.contextmanager
def upload_cut(month):
    """The third file of the upload does not arrive; readers keep what they have."""
    real, sent = folder._write, []

    def cut(path, data):
        sent.append(path)
        if len(sent) > 2:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        real(path, data)

    before = month.published()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "_write", cut)
        yield
    assert month.published() == before
    assert month.problems() == {("trouble", "publish public")}
    assert "could not" in month.heard[-1][1]["message"] or "cannot" in month.heard[-1][1]["message"]


@contextlib.contextmanager
def killed_at(month, step, after):
    def kill(words):
        if after:  # what the step did is done, and nobody was told
            month.really(words)
        raise Killed

    month.broken[step] = kill
    with pytest.raises(Killed):
        yield
    month.broken.clear()
    assert ("trouble", "schedule run") in month.problems()


@contextlib.contextmanager
def two_at_once(month):
    with journal.alone(month.site / FOLDER, month.clock.now()), pytest.raises(journal.BusyError):
        yield


@contextlib.contextmanager
def clock_set_back(month):
    yield
    before = len(month.log("out"))
    month.clock.turn(hours=-5)
    assert month.problems() == {("trouble", "clock")}
    assert month.run() == 0
    assert "before the last run" in month.heard[-1][1]["message"]
    month.clock.turn(hours=5)
    assert month.run() == 0
    assert len(month.log("out")) == before


MORNINGS = {  # day: what befalls the run, its exit status, and the entries that are absent after it
    3: (platform_down, 1, []),
    6: (notebook_failing, 1, ["pulse"]),
    9: (disk_full, 1, ["pulse"]),
    12: (kernel_killed, 1, ["pulse"]),
    15: (upload_cut, 1, []),
    18: (two_at_once, None, ["pulse"]),
    20: (lambda month: killed_at(month, "report", after=False), None, ["pulse"]),
    21: (lambda month: killed_at(month, "report", after=True), None, ["pulse"]),
    22: (lambda month: killed_at(month, "publish", after=True), None, []),
    24: (clock_set_back, 0, []),
}
AWAY = (26, 27)


def test_a_month(month):
    gone = []  # absent for good: the notebook's own error, and what nobody was there for
    while month.clock.now() < LAST:
        now = month.clock.now()
        befalls, status, absent = MORNINGS.get(now.day, (contextlib.nullcontext, 0, []))
        if now.hour >= 12:
            befalls, status, absent = (
                contextlib.nullcontext,
                int(now.day == 6),
                ["pulse"] if now.day == 6 else [],
            )
        if now.day in AWAY or (now.hour >= 12 and now.day not in MORNINGS):
            month.clock.turn(hours=12)
            continue
        done = None
        with befalls(month):
            done = month.run()
        assert done == status, (now, month.said[-5:])
        if done is not None:
            month.check(written=befalls is not disk_full)
        today = [entry for entry, slot in month.absent() if (entry, slot) not in gone]
        skipped = 2 if now.day == 28 and now.hour < 12 else 0
        assert today == absent + ["pulse"] * skipped, now
        if now.hour >= 12 or skipped:
            gone += [one for one in month.absent() if one not in gone]
        # what another run is at is no problem until it is late
        assert bool(month.problems()) == (status != 0 and befalls is not two_at_once), now
        month.clock.turn(hours=12)
    assert [(entry, slot.day) for entry, slot in month.absent()] == [
        ("pulse", 6),
        ("pulse", 26),
        ("pulse", 27),
    ]
    assert not month.problems()
    out = [(line["entry"], line["slot"]) for line in month.log("out")]
    assert len(out) == len(set(out)) == 30 - 3 + 1 + 5 + 1
    told = [(body["title"], body["message"]) for _, body in month.heard]
    assert len(told) == len(set(told))
