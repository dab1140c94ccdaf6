"""Steps as processes of their own, and the two commands as a user calls them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analysis import schedule
from analysis.cli import app
from analysis.errors import UserError
from analysis.schedule import BUSY, journal
from analysis.schedule.commands import Commands, Ended, shown
from analysis.schedule.state import FOLDER


@pytest.fixture
def commands(tmp_path):
    with open(tmp_path / "lock", "w") as lock:
        yield Commands(lock)


def test_a_command_ends_as_it_does_for_a_user(commands):
    done = commands(["--version"], 60)
    assert (done.status, done.late) == (0, False)
    assert done.output.startswith("virality ")
    wrong = commands(["report", "no-such"], 60)
    assert wrong.status == 2
    assert wrong.why.startswith(("no report 'no-such'", "/")), wrong.why


def test_a_command_whose_time_is_up_is_ended(commands, tmp_path, monkeypatch):
    monkeypatch.setenv("VIRALITY_STORE", str(tmp_path / "store"))
    done = commands(["simulate"], 0.1)  # it takes longer than the second that every command gets
    assert done.late
    assert done.status == -signal.SIGTERM
    assert done.why == "it was stopped because its time was up"


def test_why_a_command_failed_is_a_line():
    assert Ended(1, said="a\nvirality: no such thing\n").why == "no such thing"
    assert Ended(-9, said="").why == "it was ended by SIGKILL"
    assert Ended(3).why == "it ended with status 3"
    assert shown(["report", "a b", "-p", "x=1 2"]) == "virality report 'a b' -p 'x=1 2'"


@pytest.fixture
def silent():
    """The URL of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_command_ends_with_the_run_that_started_it(tmp_path, silent):
    (tmp_path / "watchlist.toml").write_text('urls = ["https://example.com/a"]\nplatforms = ["hackernews"]\n')
    code = (
        "import sys; from analysis.schedule.commands import Commands\n"
        "Commands(open('lock', 'w'))(['collect', '--watchlist', 'watchlist.toml'], 600)"
    )
    told = {"VIRALITY_STORE": "store", "VIRALITY_STATE": "state", "VIRALITY_HACKERNEWS_SEARCH_URL": silent}
    run = subprocess.Popen([sys.executable, "-c", code], env=told, cwd=tmp_path)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
    while run.poll() is None and not (child := children.read_text().split()):
        time.sleep(0.01)
    run.kill()
    run.wait()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{child[0]}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return
        if state == "Z":
            return
        time.sleep(0.1)
    os.kill(int(child[0]), signal.SIGKILL)
    pytest.fail("it still runs")


@pytest.fixture
def said(house, monkeypatch):
    monkeypatch.setenv("VIRALITY_SCHEDULE", str(house.folder / "schedule.toml"))
    (house.folder / "virality.toml").write_text('[targets.public]\nurl = "public"\n')
    return lambda *words: CliRunner().invoke(app, words)


def test_status_says_how_it_stands_and_its_exit_status_is_for_monitors(house, said):
    house.clock.moment = datetime.now(UTC)
    before = said("status")
    assert before.exit_code == 1
    assert "Last run: never" in before.output
    assert "`virality run` has never run here" in before.output
    house.run()
    after = said("status")
    assert (after.exit_code, "All is well." in after.output) == (0, True), after.output
    words = json.loads(said("status", "--json").output)
    assert words["well"] is True
    assert {one["entry"] for one in words["coming"]} == {"pulse", "week"}
    house.write("[[entry]]\nreport = 3\n")
    assert isinstance(said("status").exception, UserError)
    assert isinstance(said("run").exception, UserError)


def test_a_second_run_leaves_with_a_status_of_its_own(house, said):
    with journal.alone(house.site / FOLDER, house.clock.now()):
        done = said("run")
    assert done.exit_code == BUSY
    assert "another run is at it" in done.output


def test_a_folder_that_cannot_be_written_is_a_line(house, said, monkeypatch):
    (house.folder / "file").write_text("")
    monkeypatch.setenv("VIRALITY_SITE", str(house.folder / "file/site"))
    told = []
    monkeypatch.setattr(schedule, "_tell", lambda now, alerts: told.extend(alerts))
    done = said("run")
    assert done.exit_code == 1
    assert "the run could not go on" in done.output
    assert [(one.kind, one.subject) for one in told] == [("failed", "schedule run")]
