"""Reports in processes of their own, each by the clock, none left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

OUTCOME = "outcome.json"
GRACE = 5.0  # seconds between asking a process to end and ending it
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Processes:
    """The processes of one command, so that stopping it stops them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen] = set()
        self.stopped = False

    def execute(
        self, job: dict[str, Any], store: str, work: Path, timeout: float, say: Callable[[str], None]
    ) -> dict[str, Any]:
        """Run one job (see ``execute.py``) and tell how it ended.

        Parameters
        ----------
        job : what execute.py reads
        store : the store's absolute path
        work : a folder of this run alone; short, because sockets live there
        timeout : seconds it may take
        say : is told of each cell

        Returns
        -------
        the outcome that execute.py left, or ``{"error": {...}}`` when it left none or was stopped.
        The exit code decides, never the notebook.
        """
        path = work / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        heard: dict[str, Any] = {}
        timed_out = False
        with open(work / "stderr", "w+b") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "analysis.reports.execute", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                errors="replace",
                env=_environment(store, work),
                start_new_session=True,
            )
            self._running.add(process)
            reader = threading.Thread(target=_listen, args=(process, heard, say), daemon=True)
            reader.start()
            if self.stopped:
                _stop(process)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                timed_out = True
                _stop(process)
            finally:
                self._running.discard(process)
            reader.join(GRACE)
            if process.stdout is not None and not reader.is_alive():
                process.stdout.close()
            errors.seek(0)
            complaint = errors.read().decode("utf-8", "replace").strip().splitlines()
        here = {}
        if "cell" in heard and "stage" not in heard:
            here = {"cell": f"cell {heard['cell']} of {heard['of']}", "source": heard["source"]}
        if timed_out:
            return {"error": {"message": f"stopped after {timeout:g} s (--timeout)", **here}}
        outcome = _read(Path(job["out"]) / OUTCOME)
        if process.returncode == 0 and outcome.get("done"):
            return outcome
        if outcome.get("error"):
            return {"error": here | outcome["error"]}
        tail = f": {complaint[-1][:300]}" if complaint else ""
        return {"error": {"message": f"the process ended with status {process.returncode}{tail}", **here}}

    def stop(self) -> None:
        """End all of them, and what they would start next."""
        self.stopped = True
        for process in list(self._running):
            _stop(process)


def _listen(process: subprocess.Popen, heard: dict[str, Any], say: Callable[[str], None]) -> None:
    for line in process.stdout or ():
        try:
            words = json.loads(line)
        except ValueError:
            continue  # something a library printed
        if not isinstance(words, dict):
            continue
        heard.update(words)
        if words.get("seconds") is not None:
            say(f"cell {words['done']} of {words['of']}, {words['seconds']:.1f} s")


def _environment(store: str, work: Path) -> dict[str, str]:
    """What a kernel may know: where the store is. Keys of platforms are none of a report's business."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRALITY_")}
    given = {
        "VIRALITY_STORE": store,
        "PLOTLY_RENDERER": "plotly_mimetype",
        "PYTHONHASHSEED": "0",
        "TZ": "UTC",
        "IPYTHONDIR": str(work / "ipython"),  # nobody's start-up files, and no shared history
        "JUPYTER_RUNTIME_DIR": str(work / "runtime"),
    }
    return kept | dict.fromkeys(ONE_THREAD, "1") | given


def _stop(process: subprocess.Popen) -> None:
    """End the child; its kernel ends with it."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _read(path: Path) -> dict[str, Any]:
    """The outcome, taken out of the folder that will be published."""
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    path.unlink()
    return words if isinstance(words, dict) else {}
