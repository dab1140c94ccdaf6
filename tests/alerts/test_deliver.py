"""Delivery: told once, whatever comes in between: a failure, a quiet time, a killed run, another run."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from loopback import loopback
from pydantic import SecretStr

from analysis.alerts import Alert, Rules, deliver, failed, stale
from analysis.alerts.state import NEWS
from analysis.errors import UserError

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECRET = "s3cr3t-token"


def alert(kind="spike", subject="visits example.org", since=NOW - 2 * HOUR, at=NOW - HOUR, **more):
    return Alert(kind, subject, since, at, f"{kind.title()}: {subject}", "what happened", **more)


@pytest.fixture
def state(tmp_path):
    return tmp_path / "alerts" / "told.json"


@pytest.fixture
def hook():
    """A webhook that takes everything."""
    with loopback((200, {}, {})) as server:
        yield server


def urls(*servers):
    return [SecretStr(f"{server.url.replace('http', 'json')}/{SECRET}") for server in servers]


def titles(server):
    return [json.loads(request.body)["title"] for request in server.requests]


def bodies(server):
    return [json.loads(request.body)["message"] for request in server.requests]


def test_the_same_is_told_once_and_everything_once(state, hook):
    spike, drop = alert(), alert("drop")
    first = deliver([spike], state=state, now=NOW, urls=urls(hook))
    assert first.sent == (spike.key,)
    later = [replace(spike, last=NOW + hours * HOUR) for hours in range(3)]
    for hours, one in enumerate(later):
        again = deliver([one, drop], state=state, now=NOW + hours * HOUR, urls=urls(hook))
        assert spike.key in again.known
    assert titles(hook) == ["Spike: visits example.org", "Drop: visits example.org"]


def test_an_episode_dated_anew_is_the_same_and_one_after_the_calm_is_another(state, hook):
    deliver([alert()], state=state, now=NOW, urls=urls(hook))
    moved = alert(since=NOW - 5 * HOUR)
    assert deliver([moved], state=state, now=NOW, urls=urls(hook)).sent == ()
    soon = alert(since=NOW + 20 * HOUR, at=NOW + 20 * HOUR)
    assert deliver([soon], state=state, now=NOW + 20 * HOUR, urls=urls(hook)).sent == ()
    other = alert(since=NOW + 3 * DAY, at=NOW + 3 * DAY)
    assert deliver([other], state=state, now=NOW + 3 * DAY, urls=urls(hook)).sent == (other.key,)
    assert len(hook.requests) == 2


def test_a_report_that_came_out_and_failed_again_is_told_again(state, hook):
    for hours in range(4):  # fails ten times in a row: one message
        one = failed("overview", NOW, NOW + hours * HOUR, "KeyError: 'x'", "virality report overview")
        deliver([one], state=state, now=NOW + hours * HOUR, urls=urls(hook))
    again = failed("overview", NOW + 5 * HOUR, NOW + 5 * HOUR, "KeyError: 'x'", "virality report overview")
    deliver([again], state=state, now=NOW + 5 * HOUR, urls=urls(hook))
    late = stale("overview", NOW, NOW + 5 * HOUR, "no run since", "virality run")
    deliver([late], state=state, now=NOW + 5 * HOUR, urls=urls(hook))
    assert titles(hook) == ["Report failed: overview"] * 2 + ["Report out of date: overview"]
    assert "Repeat: virality report overview" in bodies(hook)[0]


def test_what_an_address_did_not_take_is_tried_again_and_only_there(state, hook):
    with loopback((503, {}, {})) as broken:
        both = urls(hook, broken)
        done = deliver([alert(), alert("drop")], state=state, now=NOW, urls=both)
        assert done.sent == ()
        assert len(done.failed) == 2
        assert done.reasons == (("json 2", "it answered 503"),)
        assert len(broken.requests) == 1  # left alone for the rest of the run
        broken.answer = (200, {}, {})
        done = deliver([], state=state, now=NOW + HOUR, urls=both)
        assert len(done.sent) == 2
        deliver([alert()], state=state, now=NOW + 2 * HOUR, urls=both)
        assert len(hook.requests) == 2
        assert sorted(titles(broken)[1:]) == ["Drop: visits example.org", "Spike: visits example.org"]
    gone = deliver([alert("mix")], state=state, now=NOW, urls=both)  # nobody listens there any more
    assert gone.reasons == (("json 2", "it could not be reached"),)


def test_what_nobody_took_for_a_week_is_no_news_any_more(state):
    with loopback((500, {}, {})) as broken:
        deliver([alert()], state=state, now=NOW, urls=urls(broken))
        later = NOW + NEWS + 2 * HOUR
        assert deliver([], state=state, now=later, urls=urls(broken)).dropped == (alert().key,)
        assert deliver([], state=state, now=later, urls=urls(broken)).dropped == ()
        assert len(broken.requests) == 1
    old = alert(since=NOW - 30 * DAY, at=NOW - 29 * DAY)
    assert deliver([old], state=state, now=NOW, urls=urls(broken)).sent == ()


def test_the_quiet_time_holds_and_then_tells_all_at_once_but_urgent_kinds_pass(state, hook):
    rules = Rules(quiet="22:00-07:00", zone="Europe/Berlin", urgent=("failed",))
    night = datetime(2026, 5, 4, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
    told = [alert(), alert("drop"), failed("overview", night, night, "it broke", "again")]
    done = deliver(told, state=state, now=night, urls=urls(hook), rules=rules)
    assert len(done.held) == 2
    assert titles(hook) == ["Report failed: overview"]
    assert deliver([], state=state, now=night + 7 * HOUR, urls=urls(hook), rules=rules).held == done.held
    morning = deliver([], state=state, now=night + 8 * HOUR, urls=urls(hook), rules=rules)
    assert set(morning.sent) == set(done.held)
    assert titles(hook)[1:] == ["2 alerts: 1 drop, 1 spike"]
    assert "Spike: visits example.org" in bodies(hook)[1]


def test_many_are_one_message(state, hook):
    many = [alert(subject=f"visits site {n}") for n in range(50)]
    done = deliver(many, state=state, now=NOW, urls=urls(hook), rules=Rules(most=5))
    assert len(done.sent) == 50
    assert titles(hook) == ["50 alerts: 50 spike"]
    assert bodies(hook)[0].count("what happened") == 30
    assert "and 20 more" in bodies(hook)[0]


def test_only_the_kinds_asked_for_are_told(state, hook):
    done = deliver(
        [alert(), alert("mix")], state=state, now=NOW, urls=urls(hook), rules=Rules(kinds=("mix",))
    )
    assert done.sent == (alert("mix").key,)


def test_without_an_address_nothing_is_remembered(state, hook):
    assert deliver([alert()], state=state, now=NOW, urls=[]).unarmed == (alert().key,)
    assert not state.exists()
    assert deliver([alert()], state=state, now=NOW, urls=urls(hook)).sent == (alert().key,)


def test_no_secret_is_in_the_state_a_reason_or_a_log(state, caplog, capfd):
    caplog.set_level(0)
    with loopback((401, {}, {"error": SECRET})) as broken:
        done = deliver([alert()], state=state, now=NOW, urls=urls(broken))
    gone = deliver([alert()], state=state, now=NOW, urls=urls(broken))
    said = f"{done} {gone} {state.read_text()} {caplog.text} {capfd.readouterr()}"
    assert SECRET not in said
    with pytest.raises(UserError, match="address 1") as error:
        deliver([alert()], state=state, now=NOW, urls=[SecretStr(f"slakc://{SECRET}")])
    assert SECRET not in str(error.value)


def test_the_words_are_forgotten_when_everybody_has_them(state, hook):
    deliver([alert()], state=state, now=NOW, urls=urls(hook))
    assert "what happened" not in state.read_text()
    assert not list(state.parent.glob("*.part"))


def test_a_damaged_state_is_named_and_nothing_is_sent(state, hook):
    state.parent.mkdir()
    for damage in ("", "{", '{"format": 2}', '{"format": 1, "episodes": [{}]}', "[]"):
        state.write_text(damage)
        with pytest.raises(UserError, match=re.escape(str(state))):
            deliver([alert()], state=state, now=NOW, urls=urls(hook))
    assert not hook.requests


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from pydantic import SecretStr
from analysis.alerts import Alert, deliver, send, state
file, url, when, moment = sys.argv[1:]
now = datetime.fromisoformat(moment)
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if when == "before":  # nothing has gone out
    send.post = die
else:  # it arrived, and nobody noted it
    post = send.post
    send.post = lambda *given: (post(*given), die())
deliver([Alert("spike", "x", now, now, "Spike: x", "b")], state=Path(file), now=now, urls=[SecretStr(url)])
"""


@pytest.mark.parametrize(("when", "arrived"), [("before", 0), ("after", 1)])
def test_a_run_killed_between_sending_and_noting_repeats_and_says_so(state, hook, when, arrived):
    url = urls(hook)[0].get_secret_value()
    words = [sys.executable, "-c", KILLED, str(state), url, when, NOW.isoformat()]
    assert subprocess.run(words, timeout=60).returncode == -signal.SIGKILL
    assert len(hook.requests) == arrived
    one = Alert("spike", "x", NOW, NOW, "Spike: x", "b")
    assert deliver([one], state=state, now=NOW, urls=urls(hook)).sent == (one.key,)
    assert "may be a repeat" in bodies(hook)[-1]
    for _ in range(3):
        assert deliver([one], state=state, now=NOW, urls=urls(hook)).sent == ()
    assert len(hook.requests) == arrived + 1


def test_runs_killed_at_any_moment_lose_nothing_and_repeat_only_what_they_say_may_be_a_repeat(state):
    def slow(request):
        time.sleep(0.02)
        return 200, {}, {}

    rng = np.random.default_rng(4)
    with loopback(slow) as hook:
        url = urls(hook)[0].get_secret_value()
        words = [sys.executable, "-c", TOGETHER, str(state), url, NOW.isoformat()]
        for _ in range(4):
            seen = len(hook.requests)
            run = subprocess.Popen(words)
            while run.poll() is None and len(hook.requests) == seen:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.05))
            run.kill()
            run.wait()
        assert subprocess.run(words, timeout=60).returncode == 0
        told = list(zip(titles(hook), bodies(hook), strict=True))
    assert {title for title, _ in told} == {f"Spike: {n}" for n in range(8)}
    first: set[str] = set()
    for title, body in told:
        assert title not in first or "may be a repeat" in body
        first.add(title)
    assert sorted(file.name for file in state.parent.iterdir()) == ["told.json", "told.lock"]


TOGETHER = """
import sys
from datetime import datetime
from pathlib import Path
from pydantic import SecretStr
from analysis.alerts import Alert, Rules, deliver
file, url, moment = sys.argv[1:]
now = datetime.fromisoformat(moment)
every = [Alert("spike", f"visits site {n}", now, now, f"Spike: {n}", "b") for n in range(8)]
for _ in range(5):
    deliver(every, state=Path(file), now=now, urls=[SecretStr(url)], rules=Rules(most=10))
"""


def test_two_runs_at_once_tell_it_once(state, hook):
    words = [sys.executable, "-c", TOGETHER, str(state), urls(hook)[0].get_secret_value(), NOW.isoformat()]
    runs = [subprocess.Popen(words) for _ in range(3)]
    assert [run.wait(60) for run in runs] == [0, 0, 0]
    assert sorted(titles(hook)) == [f"Spike: {n}" for n in range(8)]
