"""Reports in processes of their own, each by the clock, none left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from analysis.reports import failures
from analysis.reports.lines import ClockError, listen, message

JOB = "job.json"
START = 120.0  # seconds until a process must have begun
GONE = 255  # the status of a process whose parent has died
GRACE = 5.0  # seconds between asking a process to end and ending it
CAN_FORK = (
    sys.platform == "linux"
)  # elsewhere libraries may not survive it, and nothing tells of a child's end
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Processes:
    """The processes of one command, so that stopping it stops them.

    Parameters
    ----------
    store : the store's absolute path
    modules : of ours, to be imported before the first report is forked
    answer : answers what a process asks for (the pictures of its page)
    """

    def __init__(self, store: str, modules: list[str], answer: Answer) -> None:
        self.modules, self.answer = modules, answer
        self.stopped = False
        self._home = tempfile.TemporaryDirectory(prefix="virality-")
        self._environment = _environment(store, Path(self._home.name))
        self._lock = threading.Lock()
        self._zygote: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._running: set[int] = set()

    def prepare(self) -> None:
        """Start the process that reports are forked from, without waiting for it to be ready."""
        if not CAN_FORK or self.stopped or (self._zygote and self._zygote.poll() is None):
            return
        if self._control:
            self._control.close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, open(Path(self._home.name) / "stderr", "ab") as errors:
            self._zygote = subprocess.Popen(
                [sys.executable, "-m", "analysis.reports.zygote", *self.modules],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            )

    def execute(self, job: dict[str, Any], work: Path, say: Callable[[str], None]) -> dict[str, Any]:
        """Run one job (see ``execute.py``) and tell how it ended.

        Parameters
        ----------
        job : what execute.py reads
        work : a folder of this run alone
        say : is told of each cell

        Returns
        -------
        the outcome of both stages, or ``{"error": {...}}``. The exit code decides, never the notebook.
        """
        (work / JOB).write_text(json.dumps(job), encoding="utf-8")
        clocks: dict[str, float] = {}
        outcome: dict[str, Any] = {}
        for stage in ("run", "page"):
            heard, status = self._stage(stage, work, job, clocks, say)
            if status == GONE and self._zygote and not self.stopped:  # through no fault of its own: once more
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._zygote.wait(GRACE)
                heard, status = self._stage(stage, work, job, clocks, say)
            if status != 0 or not heard.get("outcome", {}).get("done"):
                return {
                    "error": _error(heard, status, job, work if status != GONE else Path(self._home.name))
                }
            outcome |= heard["outcome"]
        return outcome

    def stop(self) -> None:
        """End all of them, and what they would start next."""
        self.stopped = True
        with self._lock:
            if self._control:
                self._control.close()
                self._control = None
        for process in list(self._running):
            _signal(process, signal.SIGKILL)

    def close(self) -> None:
        """When the last report is done."""
        self.stop()
        if self._zygote:
            try:
                self._zygote.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._zygote.kill()
                self._zygote.wait()
        self._home.cleanup()

    def _stage(
        self,
        stage: str,
        work: Path,
        job: dict[str, Any],
        clocks: dict[str, float],
        say: Callable[[str], None],
    ) -> tuple[dict[str, Any], int | None]:
        """Run one stage: what was heard of it, and its exit status; None when a clock ended it."""
        heard: dict[str, Any] = {}
        process = 0
        clocks["start"] = time.monotonic() + START
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                keeper = self._begin(stage, work / JOB, theirs)
            with keeper:
                try:
                    for end, words in listen([ours, keeper], clocks):
                        if end is ours:
                            self._heed(words, heard, ours, job, clocks, say)
                        elif "pid" in words:
                            process = words["pid"]
                            self._running.add(process)
                            del clocks["start"]
                            clocks.setdefault("report", time.monotonic() + job["timeout"])
                        elif "status" in words:
                            return heard, words["status"]
                    return heard, GONE
                except ClockError as clock:
                    heard["clock"] = clock.name
                    _end(process, keeper)
                    return heard, None
                finally:
                    self._running.discard(process)

    def _heed(
        self,
        words: dict[str, Any],
        heard: dict[str, Any],
        channel: socket.socket,
        job: dict[str, Any],
        clocks: dict[str, float],
        say: Callable[[str], None],
    ) -> None:
        """Take in what a report says; whatever else its notebook writes into the line is no word of ours."""
        try:
            if "cell" in words:
                heard |= {name: words[name] for name in ("cell", "of", "source")}
                clocks["cell"] = time.monotonic() + job["cell_timeout"]
            elif "cell_done" in words:
                say(f"cell {words['cell_done']:d} of {words['of']:d}, {words['seconds']:.1f} s")
                clocks.pop("cell", None)
            elif "ask" in words:
                channel.sendall(message(**self.answer(words["ask"])))
            elif "outcome" in words:
                heard["outcome"] = dict(words["outcome"])
        except (KeyError, TypeError, ValueError, ConnectionError):
            return

    def _begin(self, stage: str, job: Path, channel: socket.socket) -> socket.socket:
        """Fork a process for the stage, or start one where that cannot be done.

        Returns
        -------
        a line to whoever is its parent, who tells its number and how it ended: the exit code decides
        """
        keeper, parent = socket.socketpair()
        with self._lock:
            self.prepare()
            if self.stopped:
                parent.close()
                return keeper
            if self._control:
                asked = f"{stage}\0{job}".encode("utf-8", "surrogateescape")
                with parent, contextlib.suppress(OSError):  # its end will be heard
                    socket.send_fds(self._control, [asked], [channel.fileno(), parent.fileno()])
                return keeper
        with open(job.with_name("stdout"), "ab") as out, open(job.with_name("stderr"), "ab") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", "analysis.reports.execute", stage, str(job), str(channel.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
                pass_fds=[channel.fileno()],
            )
        threading.Thread(target=_watch, args=(child, parent), daemon=True).start()
        return keeper


def _watch(child: subprocess.Popen, line: socket.socket) -> None:
    """Tell of a process that is a child of our own."""
    with line, contextlib.suppress(OSError):
        line.sendall(message(pid=child.pid))
        line.sendall(message(status=child.wait()))


def _end(process: int, keeper: socket.socket) -> None:
    """End a process, its kernel and whatever it started: asked first, then not."""
    for how in (signal.SIGTERM, signal.SIGKILL) if process else ():
        _signal(process, how)
        with contextlib.suppress(ClockError):
            if any("status" in words for _, words in listen([keeper], {"grace": time.monotonic() + GRACE})):
                return


def _error(heard: dict[str, Any], status: int | None, job: dict[str, Any], place: Path) -> dict[str, Any]:
    """Why a stage was not done, and in which cell: in its own words, or as its end tells.

    ``place`` is where its standard error went, or that of whoever should have forked it.
    """
    here = {}
    if "cell" in heard:
        here = {"cell": f"cell {heard['cell']} of {heard['of']}", "source": heard["source"]}
    if heard.get("outcome", {}).get("error"):
        return here | heard["outcome"]["error"]
    stopped = here | {"kind": failures.STOPPED}
    if heard.get("clock") == "report":
        return stopped | {"message": f"stopped after {job['timeout']:g} s (--timeout)"}
    if heard.get("clock") == "cell":
        seconds = job["cell_timeout"]
        return stopped | {"message": f"a cell ran longer than the {seconds:g} s of --cell-timeout"}
    if heard.get("clock"):
        return {"kind": failures.STOPPED, "message": f"its process did not start within {START:g} s"}
    if status == -signal.SIGKILL:
        return stopped | {"message": "the kernel died (out of memory, or killed)"}
    try:
        complaint = (place / "stderr").read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        complaint = []
    tail = f": {complaint[-1][:300]}" if complaint else ""
    message = f"the kernel died: its process ended with status {status}{tail}"
    return {"message": message, "traceback": "\n".join(complaint), **here}


def _environment(store: str, home: Path) -> dict[str, str]:
    """What a report may know: where the store is. Keys of platforms are none of its business."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRALITY_")}
    given = {
        "VIRALITY_STORE": store,
        "PLOTLY_RENDERER": "plotly_mimetype",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "IPYTHONDIR": str(home / "ipython"),  # nobody's start-up files, and no shared history
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
    }
    return kept | dict.fromkeys(ONE_THREAD, "1") | given


def _signal(process: int, how: signal.Signals) -> None:
    try:
        os.killpg(process, how)
    except (ProcessLookupError, PermissionError):
        return
