"""The polite client and the limits: windows kept by several processes, waits said, secrets kept in."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
import stamina
from fakes import Still, session
from loopback import loopback

from analysis.platforms import modules
from analysis.platforms.card import Limit
from analysis.platforms.client import Connection, retry_after
from analysis.platforms.contract import Unknown
from analysis.platforms.pace import Clock, Pace

LIMITS = (Limit(5, 1, "second"), Limit(12, 10, "ten seconds"))


def worst(times, limit):
    """The most requests in any window of the limit's length."""
    return max(sum(start <= t < start + limit.seconds for t in times) for start in times)


def test_no_window_is_exceeded_and_the_wait_is_no_longer_than_needed(tmp_path):
    clock = Still()
    pace = Pace(tmp_path / "pace.sqlite", clock)
    times = []
    while len(times) < 40:
        seconds, why = pace.take("x", LIMITS)
        if seconds > 0:
            assert "its limit is" in why
            clock.sleep(seconds)
        else:
            times.append(clock.now().timestamp())
    pace.close()
    for limit in LIMITS:
        assert worst(times, limit) <= limit.requests
    assert times[-1] - times[0] <= 3 * (10 + 0.5) + 2


def test_scopes_have_windows_of_their_own(tmp_path):
    pace = Pace(tmp_path / "pace.sqlite", Still())
    one = (Limit(1, 3600, "instance"),)
    assert pace.take("mastodon one.example", one)[0] == 0
    assert pace.take("mastodon two.example", one)[0] == 0
    assert pace.take("mastodon one.example", one)[0] > 3599
    pace.close()


def test_a_hold_is_seen_by_every_process_and_forgotten_in_time(tmp_path):
    clock = Still()
    first, second = Pace(tmp_path / "pace.sqlite", clock), Pace(tmp_path / "pace.sqlite", clock)
    first.hold("x", 30)
    assert second.take("x", ()) == (30, "it asked us to wait")
    clock.sleep(31)
    assert second.take("x", ()) == (0, "")
    first.close(), second.close()


def test_old_requests_are_forgotten(tmp_path):
    clock = Still()
    pace = Pace(tmp_path / "pace.sqlite", clock)
    pace.take("x", LIMITS)
    pace.close()
    clock.sleep(4 * 86400)
    pace = Pace(tmp_path / "pace.sqlite", clock)
    assert pace._db.execute("select count(*) from sqlite_master where name like 'w_%'").fetchone() == (0,)
    pace.close()


ASKER = """
import sys, time
from pathlib import Path
from analysis.platforms.card import Limit
from analysis.platforms.pace import Clock, Pace
limits = (Limit(6, 0.5, "a"), Limit(9, 1.5, "b"))
pace, clock = Pace(Path(sys.argv[1]), Clock()), Clock()
for _ in range(10):
    while (seconds := pace.take("x", limits)[0]) > 0:
        time.sleep(seconds)
"""


def test_two_processes_together_stay_within_every_window(tmp_path):
    arguments = [sys.executable, "-c", ASKER, str(tmp_path / "pace.sqlite")]
    both = [subprocess.Popen(arguments) for _ in range(2)]
    assert [asker.wait(timeout=120) for asker in both] == [0, 0]
    # the moments they were allowed, as decided: on a busy machine a process is told late
    pace = Pace(tmp_path / "pace.sqlite", Clock())
    (table,) = pace._db.execute("select name from sqlite_master where name like 'w_%'").fetchone()
    times = sorted(stamp / 1000 for (stamp,) in pace._db.execute(f"select item_timestamp from {table}"))
    pace.close()
    assert len(times) == 20
    for limit in (Limit(6, 0.5, "a"), Limit(9, 1.5, "b")):
        assert worst(times, limit) <= limit.requests


@pytest.fixture
def card():
    return modules()["lobsters"].CARD


@pytest.fixture(autouse=True)
def no_waiting():
    with stamina.set_testing(True, attempts=3):
        yield


def test_a_passing_fault_is_tried_again_and_said(card):
    told = []
    with loopback(lambda r: (503, {}, {}) if len(state.requests) < 3 else (200, {}, {"a": 1})) as state:
        desk = Connection(card, clock=Still(), tell=lambda event, **fields: told.append(event))
        assert desk.get_json(state.url) == {"a": 1}
        desk.close()
    assert told == ["retrying", "retrying"]
    assert desk.requests == 3


def test_with_limits_on_a_retry_after_holds_everybody_back(card, tmp_path):
    clock = Still()
    pace = Pace(tmp_path / "pace.sqlite", clock)
    with loopback(
        lambda r: (429, {"Retry-After": "40"}, {}) if len(state.requests) < 2 else (200, {}, 1)
    ) as state:
        desk = Connection(card, clock=clock, pace=pace)
        assert desk.get_json(state.url) == 1
        desk.close()
    assert sum(clock.naps) == pytest.approx(40)
    assert desk.waited == pytest.approx(40)
    pace.close()


def test_a_wait_longer_than_patience_is_unknown_with_its_length(card, tmp_path):
    clock = Still()
    pace = Pace(tmp_path / "pace.sqlite", clock)
    with loopback((429, {"Retry-After": "7200"}, {})) as state:
        desk = Connection(card, clock=clock, pace=pace, patience=60)
        with pytest.raises(Unknown) as caught:
            desk.get_json(state.url)
        desk.close()
        later = Connection(card, clock=clock, pace=pace, patience=60)
        with pytest.raises(Unknown, match="it asked us to wait"):
            later.get_json(state.url)
        assert len(state.requests) == 1  # the next run does not even ask
    assert caught.value.status == "rate_limited"
    assert caught.value.retry_after == pytest.approx(7200)
    assert clock.naps == []
    pace.close()


def test_a_secret_in_a_reason_is_blotted_out(monkeypatch):
    monkeypatch.setenv("VIRALITY_YOUTUBE_API_KEY", "s3cr3t-value")
    desk = session("youtube")
    assert desk.key("api_key").get_secret_value() == "s3cr3t-value"
    assert "s3cr3t" not in str(desk.key("api_key"))
    error = desk.clean(Unknown("failed", "asked with key=s3cr3t-value"))
    assert (error.reason, str(error)) == ("asked with key=***", "failed: asked with key=***")


def test_a_budget_is_never_exceeded():
    desk = session("hackernews", budget=0.01)
    desk.spend(0.005, "a count")
    desk.spend(0.005, "a count")
    with pytest.raises(Unknown, match="budget") as caught:
        desk.spend(0.005, "a count")
    assert caught.value.status == "over_budget"
    assert desk.spent == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "12"}, 12),
        ({"retry-after": "0"}, 0),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "Sun, 01 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sat, 31 Oct 2026 12:00:30 GMT"}, 0),
        ({"ratelimit-reset": "9"}, 9),
        ({"x-ratelimit-reset": "1793534460"}, 60),
    ],
)
def test_how_long_an_answer_asks_us_to_wait(headers, seconds):
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    assert retry_after(headers, now) == seconds


def test_the_user_agent_names_the_tool_and_the_contact(card):
    with loopback((200, {}, {})) as state:
        desk = Connection(card, contact="somebody@example.com")
        desk.get_json(state.url)
        desk.close()
    agent = state.requests[0].headers["user-agent"]
    assert agent.startswith("virality/")
    assert "somebody@example.com" in agent


def test_time_is_read_from_the_clock(card):
    clock = Still()
    assert Connection(card, clock=clock).now() == clock.moment
    before = datetime.now(UTC)
    assert before <= Connection(card).now() <= datetime.now(UTC)
