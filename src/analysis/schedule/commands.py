"""The steps of a run are virality's own commands, each in a process of its own, by the clock.

So a step that hangs, dies or eats all memory takes nothing with it, and "how to repeat it" is the very
command that ran.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO

GRACE = 10.0  # seconds between asking a step to end and ending it
KEPT = 4000  # bytes of what a step said last


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    status : its exit status; negative when a signal ended it; None when it could not be started
    output : what it printed
    said : the last of what it said on standard error
    late : whether it was stopped because its time was up
    """

    status: int | None
    output: str = ""
    said: str = ""
    late: bool = False

    @property
    def why(self) -> str:
        """In a line, why it did not end well."""
        if self.late:
            return "it was stopped because its time was up"
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        last = lines[-1].removeprefix("virality: ")[:500] if lines else ""
        if self.status is not None and self.status < 0:
            return f"it was ended by {signal.Signals(-self.status).name}" + (f" ({last})" if last else "")
        return last or f"it ended with status {self.status}"


Act = Callable[[Sequence[str], float], Ended]
"""Carries out a command of virality (its words) within so many seconds."""


def shown(words: Sequence[str]) -> str:
    """The command as a person types it."""
    return shlex.join(["virality", *words])


class Commands:
    """Carries out commands in child processes; none outlives the run.

    ``lock`` is handed down: while a child of a killed run still ends, no second run begins.
    """

    def __init__(self, lock: IO[str]) -> None:
        self._lock = lock
        self._child: subprocess.Popen | None = None

    def __call__(self, words: Sequence[str], seconds: float) -> Ended:
        """Run one command; see ``Act``."""
        command = [sys.executable, "-m", "analysis.schedule.child", str(os.getpid()), *words]
        with TemporaryFile() as output, TemporaryFile() as errors:
            try:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                    pass_fds=(self._lock.fileno(),),
                )
            except OSError as error:
                return Ended(None, said=f"it could not be started: {error.strerror}")
            self._child = child
            late = False
            try:
                child.wait(max(seconds, 1.0))
            except subprocess.TimeoutExpired:
                late = True
                self.stop()
            except BaseException:  # somebody stops the run
                self.stop()
                raise
            finally:
                self._child = None
            return Ended(child.returncode, _tail(output, 10_000_000), _tail(errors, KEPT), late)

    def stop(self) -> None:
        """End the command that runs now, if any, and what it started."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        child.terminate()
        deadline = time.monotonic() + GRACE
        while child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _tail(file: IO[bytes], most: int) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - most))
    return file.read().decode("utf-8", "replace")
