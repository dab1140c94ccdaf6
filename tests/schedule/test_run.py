"""One run after another: what is due is run once, what fails is told and tried again, the rest goes on."""

import errno
import json
from datetime import timedelta

import pytest

from analysis.alerts import Delivered
from analysis.reports.site import Site
from analysis.schedule import journal, state
from analysis.schedule.commands import Ended
from analysis.schedule.frame import Means
from analysis.schedule.run import Run
from analysis.schedule.state import FOLDER
from analysis.schedule.status import text

PULSE = ["report", "pulse", "--renew", "1.083"]
WEEK = "report week -p since=2026-02-23 -p until=2026-03-02 --renew 0"
OWN = {"message": "ValueError: no such column", "cell": "cell In [2]"}


def down(*platforms):
    """What collect prints when these platforms did not answer."""
    lines = [
        {"event": "finished", "platform": name, "unknown": [{"status": "failed", "reason": "503", "asks": 1}]}
        for name in platforms
    ]
    quiet = {
        "event": "finished",
        "platform": "quiet",
        "unknown": [{"status": "not_configured", "reason": "", "asks": 1}],
    }
    return Ended(0, "\n".join(map(json.dumps, [quiet, *lines])))


def test_what_is_due_is_run_once_and_published_once(house):
    assert house.run() == 0  # new entries begin with their newest slots: Sunday 06:00, Monday a week ago
    assert house.act.named("report", "site", "publish") == [
        "report week -p since=2026-02-16 -p until=2026-02-23 --renew 0",
        " ".join(PULSE),
        "site",
        "publish public",
    ]
    house.act.calls.clear()
    assert house.run() == 0
    assert house.act.named("report", "publish") == []
    house.clock.turn(hours=3)  # Monday 08:00
    assert house.run() == 0
    assert house.act.named("report") == [" ".join(PULSE), WEEK]
    assert house.status().problems == ()
    assert house.told == []


def test_missed_slots_are_run_or_skipped_by_the_rule(house):
    house.run()
    house.act.calls.clear()
    house.clock.turn(days=15)  # Tuesday, a fortnight later
    assert house.problems() == {("overdue", "report pulse"), ("overdue", "report week")}
    assert house.run() == 0
    assert house.act.named("report") == [  # week catches up with each, pulse with the newest
        WEEK,
        "report week -p since=2026-03-02 -p until=2026-03-09 --renew 0",
        " ".join(PULSE),
        "report week -p since=2026-03-09 -p until=2026-03-16 --renew 0",
    ]
    skipped = house.log("skipped")
    assert [line["entry"] for line in skipped] == ["pulse"] * 14
    assert {(one.kind, one.subject) for one in house.told} == {("stale", "report pulse")}
    assert "14 slots from 2026-03-02 06:00 UTC to 2026-03-15 06:00 UTC" in house.told[0].body
    assert house.status().problems == ()  # a later page is out


def test_a_page_that_nobody_renews_is_listed_and_no_fault_of_the_schedule(house):
    house.run()
    house.act.page(["report", "pulse", "-p", "top=5"], renew_days=1)
    house.clock.turn(days=2)
    house.run()
    status = house.status()
    assert status.problems == ()
    assert [(one.subject, one.command) for one in status.stale] == [
        ("report pulse", "virality report pulse -p top=5")
    ]
    assert "virality report pulse -p top=5" in text(status, house.schedule())
    assert json.loads(json.dumps(status.to_dict(), default=str))["well"] is True


def test_what_is_too_old_is_skipped_and_told(house):
    house.write('collect = false\n[[entry]]\nreport = "pulse"\nwhen = "daily 06:00"\nskip_after = "3 h"\n')
    assert house.run() == 0  # 05:00: yesterday's is 23 hours late
    assert house.act.named("report") == []
    assert house.problems() == {("skipped", "report pulse")}
    assert house.alerts() == {("stale", "report pulse")}
    house.clock.turn(hours=2)
    assert house.run() == 0
    assert house.problems() == set()


def test_a_notebooks_own_error_is_final_and_told_with_its_command(house):
    house.act.answers["report"] = lambda words, seconds: house.act.page(
        words, OWN if "pulse" in words else None
    )
    assert house.run() == 1
    assert len(house.act.named("report")) == 2  # not started again
    (problem,) = house.status().problems
    assert (problem.kind, problem.subject, problem.command) == (
        "failed",
        "report pulse",
        "virality " + " ".join(PULSE),
    )
    assert "ValueError: no such column in cell In [2]" in problem.why
    assert "not repeated by itself" in problem.why
    assert house.alerts() == {("failed", "report pulse")}
    first = house.told[0].key
    house.act.calls.clear()
    house.clock.turn(minutes=10)
    assert house.run() == 1
    assert house.act.named("report") == []
    assert {one.key for one in house.told} == {first}  # the same alert: told once by who delivers
    house.act.page(PULSE)  # somebody mends it and repeats the command
    house.clock.turn(minutes=10)
    assert house.run() == 0
    assert house.problems() == set()


def test_a_kernel_that_does_not_start_is_started_again_and_a_dead_one_next_time(house):
    tries = []

    def flaky(words, seconds):
        tries.append(words)
        if len(tries) < 3:
            return house.act.page(words, {"message": "the kernel died", "cell": ""}, kernel_seconds=None)
        return house.act.page(words)

    house.act.answers["report"] = flaky
    assert house.run() == 0
    assert (len(tries), house.clock.naps) == (4, [5.0, 20.0])
    house.clock.naps.clear()
    house.act.answers["report"] = lambda words, seconds: house.act.page(
        words, {"message": "the kernel died (out of memory, or killed)", "cell": "cell 3 of 5"}
    )
    house.clock.turn(hours=2)
    house.act.calls.clear()
    assert house.run() == 1
    assert house.clock.naps == []
    assert len(house.act.named("report")) == 2
    assert {one[1] for one in house.problems()} == {"report pulse", "report week"}
    house.clock.turn(minutes=1)
    assert house.run() == 1
    assert len(house.act.named("report")) == 2  # not yet: it waits five minutes, then ten, ...
    del house.act.answers["report"]
    house.clock.turn(minutes=5)
    assert house.run() == 0
    assert len(house.act.named("report")) == 4
    assert house.problems() == set()


def test_pauses_grow_to_a_day(house):
    house.write('collect = false\n[[entry]]\nreport = "pulse"\nwhen = "monthly 1 06:00"\n')
    house.act.answers["report"] = Ended(1, said="virality: no space left on device")
    for number in range(12):
        assert house.run() == 1
        assert len(house.act.named("report")) == number + 1
        pause = min(timedelta(minutes=5) * 2**number, timedelta(days=1))
        house.clock.moment += pause - timedelta(minutes=1)
        assert house.run() == 1
        assert len(house.act.named("report")) == number + 1
        house.clock.turn(minutes=1)
    (problem,) = house.status().problems
    assert "no space left on device" in problem.why


def test_steps_go_on_when_others_fail(house):
    house.write((house.folder / "schedule.toml").read_text().replace("collect = false", ""))
    house.act.answers |= {
        "collect": down("hackernews"),
        "publish": Ended(1, said="virality: it did not answer"),
    }
    assert house.run() == 1
    assert len(house.act.named("report")) == 2
    assert house.problems() == {("trouble", "collect hackernews"), ("trouble", "publish public")}
    assert house.alerts() == {("missing", "collect hackernews"), ("failed", "publish public")}
    notices = json.loads((house.site / FOLDER / "notices.json").read_text())
    assert [one["subject"] for one in notices] == ["collect hackernews"]
    Site(house.site).build()
    page = (house.site / "index.html").read_text()
    assert (
        "<strong>collect hackernews</strong>, since 2026-03-02 05:00 UTC: it could not be asked: 503" in page
    )
    since = {one.subject: one.since for one in house.status().problems}
    house.act.calls.clear()
    house.clock.turn(minutes=15)
    assert house.run() == 1
    assert house.act.named("publish") == ["publish public"]  # tried again, though nothing new was due
    assert {one.subject: one.since for one in house.status().problems} == since
    del house.act.answers["publish"]
    house.act.answers["collect"] = down()
    assert house.run() == 0
    assert house.problems() == set()
    house.act.answers["collect"] = Ended(2, said="virality: there is no watchlist")
    house.clock.turn(days=1)
    assert house.run() == 1
    assert house.act.named("report")
    assert [(one.subject, one.command) for one in house.status().problems] == [
        ("collect", "virality collect")
    ]


def test_what_the_time_did_not_reach_is_told_and_run_next_time(house):
    def slow(words, seconds):
        house.clock.turn(seconds=seconds)
        return Ended(-15, late=True)

    house.write("step_limit = '90 min'\n" + (house.folder / "schedule.toml").read_text())
    house.act.answers["report"] = slow
    assert house.run() == 1
    assert len(house.act.named("report")) == 2
    assert "its time was up" in house.status().problems[0].why
    assert house.act.named("publish") == []
    house.clock.turn(minutes=1)
    house.write(house.schedule().file.read_text().replace("90 min", "2 h"))
    house.clock.turn(days=7, hours=1)
    house.act.calls.clear()
    assert house.run() == 1  # the first takes all of the time there is
    assert len(house.act.named("report")) == 1
    unreached = {one.subject: one.why for one in house.status().problems}["schedule time"]
    assert unreached == "3 reports were not reached within `limit`"
    del house.act.answers["report"]
    house.clock.turn(minutes=10)
    assert house.run() == 0
    assert house.problems() == set()


def test_a_second_run_leaves_at_once_and_says_who_is_first(house):
    folder = house.site / FOLDER
    with journal.alone(folder, house.clock.now()):
        assert "has been at it since" in journal.holder(folder)
        with pytest.raises(journal.BusyError, match=r"process \d+ on .* since 2026-03-02"):
            house.run()
    assert journal.holder(folder) == ""
    assert house.act.calls == []
    assert house.run() == 0


@pytest.mark.parametrize("step", ["report", "site", "publish", "tell"])
def test_a_killed_run_is_told_and_made_up_for(house, step):
    class Killed(BaseException):
        pass

    def kill(*rest):
        raise Killed

    house.act.answers[step] = kill
    means = Means(house.act, kill if step == "tell" else house.tell, house.clock, house.said.append)
    with journal.alone(house.site / FOLDER, house.clock.now()):
        run = Run(house.schedule(), house.site, means)
        run.end = kill  # a kill leaves no last words
        with pytest.raises(Killed):
            run()
    assert ("trouble", "schedule run") in house.problems()
    house.act.answers.clear()
    before = len(house.act.calls)
    assert house.run() == 0
    again = [words[0] for words in house.act.calls[before:]]
    assert again.count("publish") == (step != "tell")
    assert ("failed", "schedule run") in house.alerts()
    assert house.problems() == set()


def test_a_clock_set_back_a_little_repeats_nothing_and_is_told(house):
    house.clock.turn(hours=3)
    house.run()
    house.act.calls.clear()
    house.clock.turn(hours=-4)
    assert house.problems() == {("trouble", "clock")}
    assert house.run() == 0
    house.clock.turn(hours=3)
    assert house.run() == 0  # 06:00 and 07:00 come a second time
    assert house.act.named("report") == []
    assert house.alerts() == {("failed", "clock")}
    house.clock.turn(hours=2)
    assert house.run() == 0
    assert house.problems() == set()


def test_a_clock_that_was_far_ahead_takes_no_slot_away(house):
    house.run()
    house.clock.turn(days=400)
    house.run()
    house.clock.turn(days=-400)
    house.told.clear()
    house.act.calls.clear()
    assert house.run() == 0
    assert house.alerts() >= {("failed", "clock")}
    house.clock.turn(hours=3)
    assert house.run() == 0
    assert house.act.named("report") == [" ".join(PULSE), WEEK]
    assert house.problems() == set()


def test_a_full_disk_is_told(house, monkeypatch):
    house.run()
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 5e6})())
    assert house.problems() == {("trouble", "disk")}
    house.clock.turn(days=1)
    assert house.run() == 0
    assert house.alerts() == {("failed", "disk")}

    def full(*rest):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state.os, "replace", full)
    house.clock.turn(days=1)
    with pytest.raises(OSError, match="No space left"):
        house.run()
    assert not list((house.site / FOLDER).glob(".state.json-*"))  # and no half-written rest


def test_alerts_that_cannot_be_sent_fail_the_run_and_nothing_else(house):
    def broken(now, alerts):
        raise RuntimeError("no such service")

    def refused(now, alerts):
        return Delivered(failed=("one",), reasons=(("slack", "it answered 500"),))

    assert house.run(tell=refused) == 1
    assert house.problems() == {("trouble", "alerts")}
    assert house.run(tell=broken) == 1
    assert house.problems() == {("trouble", "alerts"), ("trouble", "schedule tell")}
    assert house.run() == 0
    assert house.problems() == set()


def test_a_damaged_state_is_put_aside_and_told(house):
    house.run()
    (house.site / FOLDER / "state.json").write_text('{"run": 3')
    assert ("trouble", "schedule state") in house.problems()
    assert house.run() == 0
    assert ("failed", "schedule state") in house.alerts()
    assert (house.site / FOLDER / "state.damaged").exists()
    assert house.problems() == set()


def test_an_entry_that_left_the_file_is_forgotten(house):
    house.act.answers["publish"] = Ended(1, said="no")
    house.run()
    house.write('collect = false\n[[entry]]\nreport = "week"\nwhen = "weekly monday 07:00"\n')
    assert house.run() == 0
    assert set(house.remembered()["entries"]) == {"week"}
    assert house.remembered()["unpublished"] == {}
    assert house.problems() == set()


def test_the_log_rotates_and_survives_a_torn_line(house, monkeypatch):
    monkeypatch.setattr(journal, "LARGEST", 2000)
    for _ in range(40):
        house.run()
        house.clock.turn(hours=6)
    folder = house.site / FOLDER
    assert len(list(folder.glob("log.jsonl*"))) == journal.KEPT + 1
    assert all(file.stat().st_size < 2300 for file in folder.glob("log.jsonl*"))
    with open(folder / "log.jsonl", "a") as file:
        file.write('{"time": "2026-')
    assert house.log("end")[-1]["status"] == 0
