"""Reports run in kernels of their own: what works comes out, what fails is named, nothing is left behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import markupsafe
import pandas as pd
import pytest
from typer.testing import CliRunner

from analysis.cli import app
from analysis.errors import UserError
from analysis.reports import run
from analysis.reports.asked import Asked
from analysis.reports.notebooks import Report
from analysis.reports.process import Processes
from analysis.reports.run import Options, make
from analysis.store import Store
from analysis.tables import EVENTS, conform

Writer = Callable[..., Path]

OK = (
    "# What was asked\n\nHow many?",
    "#parameters\nfrom datetime import date\n"
    "since: date | None = None  # first day\nword: str = 'plain'  # any text",
    "import os\nfrom IPython.display import Markdown, display\n"
    "display(Markdown(f'Asked since {since}.'))\n"
    "display(Markdown('Told: ' + ' '.join(sorted(name for name in os.environ if 'VIRALITY' in name))))\n"
    "print(repr(word))\n"
    "figure = {'data': [{'type': 'bar', 'x': ['a'], 'y': [1]}], 'layout': {}}\n"
    "display({'application/vnd.plotly.v1+json': figure}, raw=True)",
)
WRITE_PID = "import os\nopen('pid', 'w').write(str(os.getpid()))\n"
HOSTILE_WORD = '"); __import__("os").system("touch pwned"); ("\n{word}../../x\\'
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def records(project: Path) -> dict[str, dict]:
    found = [json.loads(path.read_text()) for path in (project / "reports/site/runs").glob("*/record.json")]
    return {record["report"]: record for record in found}


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine without a Chromium."""
    monkeypatch.setenv("BROWSER_PATH", "/nonexistent/chromium")
    run.pictures.browser.cache_clear()
    yield
    run.pictures.browser.cache_clear()


def test_good_ones_come_out_beside_failing_dying_and_endless_ones(
    project: Path, write: Writer, no_pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRALITY_REDDIT_CLIENT_SECRET", "hush")
    write("fails", "# Fails", "1 + 1", "raise ValueError('no <column> x')")
    asks = "raise UserError('since=2030 comes after the data; choose an earlier since')"
    write("asked", "# Asked", "from analysis.errors import UserError\n" + asks)
    write("killed", "# Killed", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    write("endless", "# Endless", "import time\ntime.sleep(600)")
    write("ok", *OK)
    (project / "notebooks" / "broken.ipynb").write_text("{")
    write("no name; for a report", "# Misnamed")
    done = CliRunner().invoke(app, ["report", "--all", "--cell-timeout", "6"])
    assert done.exit_code == 1
    found = records(project)
    assert {name: record["status"] for name, record in found.items()} == {
        "ok": "ok",
        "broken": "failed",
        "endless": "failed",
        "no name; for a report": "failed",
        "asked": "failed",
        "fails": "failed",
        "killed": "failed",
    }
    assert found["fails"]["error"]["message"] == "ValueError: no <column> x"
    assert found["fails"]["error"]["cell"] == "cell In [2]"
    assert found["asked"]["error"]["message"] == "since=2030 comes after the data; choose an earlier since"
    kinds = {name: record["error"]["kind"] for name, record in found.items() if record["error"]}
    assert kinds.pop("asked") == "asked"
    assert kinds.pop("killed") == kinds.pop("endless") == "stopped"
    assert set(kinds.values()) == {"wrong"}
    assert "kernel died" in found["killed"]["error"]["message"]
    assert found["killed"]["error"]["cell"] == "cell 1 of 1"
    assert "--cell-timeout" in found["endless"]["error"]["message"]
    assert "not a notebook" in found["broken"]["error"]["message"]
    assert found["ok"]["summary"] == "Asked since None."
    assert "fails: FAILED in cell In [2]: ValueError: no <column> x" in done.output
    assert not list((project / "reports/site/.staging").iterdir())
    for record in found.values():
        page = (project / "reports/site/runs" / record["id"] / "index.html").read_text()
        assert "no <column>" not in page
    ok = project / "reports/site/runs" / found["ok"]["id"]
    named = {"index.html", "changes.html", "notebook.ipynb", "results.json", "figure-1.csv"}
    assert set(found["ok"]["files"]) == named
    assert "<p>Told: VIRALITY_STORE</p>" in (ok / "index.html").read_text()  # keys stay outside
    assert "there was no Chromium" in (ok / "index.html").read_text()
    assert str(project) not in (ok / "notebook.ipynb").read_text()
    index = (project / "reports/site/index.html").read_text()
    assert index.count('class="tag failed"') >= 4


@pytest.mark.usefixtures("kept_parent")
def test_equal_inputs_are_up_to_date_and_equal_bytes(project: Path, write: Writer, no_pictures: None) -> None:
    write("ok", *OK)
    said: list[str] = []
    first = make(["ok"], [], say=said.append).records[0]
    folder = project / "reports/site/runs" / first.id
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again = make(["ok"], [], say=said.append)
    assert again.current == {first.id}
    assert said[-1] == "ok: up to date"
    assert again.records[0].checked > first.checked
    page = {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name not in ("record.json", "run.js")
    }
    assert page == {name: before[name] for name in page}
    forced = make(["ok"], [], options=Options(again=True), say=said.append).records[0]
    assert (forced.id, forced.files) == (first.id, first.files)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRALITY_SITE", str(project / "elsewhere"))
        other = make(["ok"], [], say=said.append).records[0]
    assert (other.id, other.files) == (first.id, first.files)
    event = {
        "event_id": "reddit:1",
        "content_id": "c",
        "platform": "reddit",
        "kind": "submission",
        "occurred_at": "2026-01-01T00:00:00Z",
        "observed_at": "2026-01-02T03:04:00Z",
        "observer": "me",
        "source": "test",
    }
    frame = pd.DataFrame([event])
    for name in ("occurred_at", "observed_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    Store.open().append(EVENTS, conform(frame, EVENTS))
    newer = make(["ok"], [], say=said.append).records[0]
    assert newer.id != first.id
    assert newer.data_as_of == "2026-01-02 03:04 UTC"
    assert f'"newer":"{newer.id}"' in (folder / "run.js").read_text()


def test_hostile_parameters_reach_neither_code_nor_path(
    project: Path, write: Writer, no_pictures: None
) -> None:
    braces = project / "{word}"
    (project / "notebooks").rename(braces)
    (project / "virality.toml").write_text(f"notebooks = {json.dumps(str(braces))}\n")
    write("ok", *OK, folder=braces.name)
    done = make(["ok"], [f"word={HOSTILE_WORD}", "since=2021-06-01"], say=lambda line: None)
    assert not done.failed, done.failed
    assert not list(project.rglob("pwned*"))
    record = done.records[0]
    assert re.fullmatch(r"ok-[0-9a-f]{12}", record.id)
    page = (project / "reports/site/runs" / record.id / "index.html").read_text()
    assert "since 2021-06-01" in page
    assert str(markupsafe.escape(repr(HOSTILE_WORD))) in page
    assert record.renew_by is None  # a question asked once is not renewed


def test_the_clock_ends_a_report_and_its_kernel(
    project: Path, write: Writer, no_pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    write("stuck", "# Stuck", stubborn + WRITE_PID + "time.sleep(600)")
    pid = project / "notebooks" / "pid"
    heed = Processes._heed

    def heed_and_turn_the_clock(self, words, heard, channel, job, clocks, say) -> None:
        heed(self, words, heard, channel, job, clocks, say)
        if "cell" in words:
            _wait_for(pid)
            assert 0 < clocks["report"] - time.monotonic() <= 300
            clocks["report"] = 0.0

    monkeypatch.setattr(Processes, "_heed", heed_and_turn_the_clock)
    done = make(["stuck"], [], options=Options(timeout=300), say=lambda line: None)
    error = done.failed[0].error or {}
    assert error["message"] == "stopped after 300 s (--timeout)"
    assert error["cell"] == "cell 1 of 1"
    assert _gone(int(pid.read_text()))


def test_a_killed_command_leaves_no_kernel_and_no_half_page(project: Path, write: Writer) -> None:
    write(
        "slow",
        "# Slow",
        WRITE_PID + "import time\ntime.sleep(100)",
    )
    command = [sys.executable, "-m", "analysis.cli", "report", "slow"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pid_file = project / "notebooks" / "pid"
    _wait_for(pid_file)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert _gone(int(pid_file.read_text()))
    assert not list((project / "reports/site/runs").iterdir())
    site = run.Site(project / "reports/site")
    site.prepare()
    assert not list((project / "reports/site/.staging").iterdir())


def _wait_for(file: Path) -> None:
    """Wait until a cell has written it."""
    deadline = time.monotonic() + 300  # for no machine that still runs
    while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.2)
    return False


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nothing"], "no report 'nothing'"),
        (["okk"], "did you mean 'ok'"),
        (["../ok"], "no report '../ok'"),
        ([], "name the reports to run, or give --all"),
        (["ok", "--all"], "name the reports to run, or give --all"),
        (["--all", "-p", "word=x"], "-p goes with one report"),
        (["ok", "-p", "wrod=x"], "did you mean 'word'"),
        (["ok", "-p", "since=0001-01-01"], "the year 1 cannot be meant"),
    ],
)
def test_bad_requests_are_one_line_and_start_nothing(
    project: Path, write: Writer, words: list[str], complaint: str
) -> None:
    write("ok", *OK)
    done = CliRunner().invoke(app, ["report", *words])
    assert isinstance(done.exception, UserError)
    assert complaint in str(done.exception)
    assert not (project / "reports").exists()


def test_an_unwritable_reports_folder_is_one_line(
    project: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("ok", *OK)
    (project / "file").write_text("")
    monkeypatch.setenv("VIRALITY_SITE", str(project / "file" / "site"))
    with pytest.raises(UserError, match=r"the reports folder .*file/site cannot be written.*VIRALITY_SITE"):
        make(["ok"], [])


def test_list_shows_contracts_and_runs(project: Path, write: Writer) -> None:
    write("ok", *OK)
    (project / "notebooks" / "broken.ipynb").write_text("[]")
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 0
    assert "ok – What was asked" in done.output
    assert re.search(r"since\s+date \| None\s+not set\s+first day", done.output)
    assert "broken: cannot run" in done.output
    assert "No runs in" in done.output
    assert not (project / "reports").exists()


@pytest.mark.usefixtures("kept_parent")
def test_what_takes_longest_is_begun_first(project: Path, write: Writer, no_pictures: None) -> None:
    words = "import time, pathlib\nwith open('order', 'a') as file: print({name!r}, file=file)\n"
    for name, pause in (("a_short", ""), ("b_slow", "time.sleep(2)"), ("c_longer", "\n" + "# words\n" * 50)):
        write(name, f"# {name}", words.format(name=name) + pause)
    order = project / "notebooks/order"
    for expected in (["c_longer", "b_slow", "a_short"], ["b_slow"]):
        make([], [], everything=True, options=Options(workers=1, again=True), say=lambda line: None)
        assert order.read_text().split()[: len(expected)] == expected  # by length, then by what they took
        order.unlink()


def test_a_page_stands_at_the_moment_it_was_asked_for(project: Path) -> None:
    inputs = run.provenance.Inputs("s", {}, {}, "2026-01-02T03:04:00Z", {}, "", "")
    site = run.Site(project / "site")
    site.prepare()
    runner = run._Runner(site, inputs, Options(), print)
    report = Report("r", project / "r.ipynb", "R", (), "0")
    for asked, expected in (
        (None, "2026-01-02 03:04 UTC"),
        (date(2026, 1, 1), "2026-01-01 00:00 UTC"),
        (datetime(2026, 1, 2, 1, tzinfo=UTC), "2026-01-02 01:00 UTC"),
        (date(2027, 1, 1), "2026-01-02 03:04 UTC"),
    ):
        assert runner._as_of(Asked(report, {"as_of": asked}, set())) == expected
