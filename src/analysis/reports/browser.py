"""One Chromium for all that a command draws: asked over a pipe, so that no port is open to anybody.

It speaks the DevTools protocol: JSON messages, each ended by a NUL.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

OPTIONS = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run"),
    *("--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--remote-debugging-pipe"),
)
SECONDS = 90.0
# Chromium reads its orders from descriptor 3 and answers on 4
_AT_THREE_AND_FOUR = (
    "import os, sys\n"
    "os.dup2(int(sys.argv[1]), 3)\n"
    "os.dup2(int(sys.argv[2]), 4)\n"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


class BrowserError(Exception):
    """Chromium did not start, ended, or did not answer in time."""


class Chromium:
    """A headless Chromium that opens pages and evaluates an expression in each.

    Parameters
    ----------
    program : its path
    """

    def __init__(self, program: str) -> None:
        self.program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._profile: tempfile.TemporaryDirectory | None = None
        self._number = 0
        self._buffer = b""

    def start(self) -> None:
        """Begin to start it, without waiting until it is ready."""
        with self._lock, contextlib.suppress(OSError):
            self._ensure()

    def evaluate(self, page: Path, expression: str) -> Any:
        """Open the page and wait for what the expression, a promise, comes to.

        Raises
        ------
        BrowserError
            When there was no answer; the next page gets a Chromium that is started anew.
        """
        with self._lock:
            try:
                self._ensure()
                until = time.monotonic() + SECONDS
                target = self._ask("Target.createTarget", until, url="about:blank")["targetId"]
                session = self._ask("Target.attachToTarget", until, targetId=target, flatten=True)[
                    "sessionId"
                ]
                self._ask("Page.navigate", until, session, url=page.as_uri())
                said = {"expression": expression, "awaitPromise": True, "returnByValue": True}
                result = self._ask("Runtime.evaluate", until, session, **said)
                self._ask("Target.closeTarget", until, targetId=target)
                return result["result"].get("value")
            except (OSError, ValueError, KeyError, BrowserError) as error:
                self._end()
                raise BrowserError(str(error)) from None

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._end()

    def _ensure(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self._end()
        self._profile = tempfile.TemporaryDirectory(prefix="virality-chromium-", ignore_cleanup_errors=True)
        orders, self._orders = _pipe()
        self._answers, answers = _pipe()
        root = (
            ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        )  # refuses to start else
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _AT_THREE_AND_FOUR, str(orders), str(answers), self.program]
            + [*OPTIONS, *root, f"--user-data-dir={self._profile.name}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[orders, answers],
            start_new_session=True,
        )
        os.close(orders)
        os.close(answers)
        self._buffer = b""

    def _end(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, 9)
            self._process.wait()
            os.close(self._orders)
            os.close(self._answers)
            self._process = None
        if self._profile:
            self._profile.cleanup()
            self._profile = None

    def _ask(self, method: str, until: float, session: str | None = None, **words: Any) -> dict[str, Any]:
        self._number += 1
        order = {"id": self._number, "method": method, "params": words}
        if session:
            order["sessionId"] = session
        data = json.dumps(order).encode() + b"\0"
        while data:
            data = data[os.write(self._orders, data) :]
        while True:
            heard = self._hear(until)
            if heard.get("id") == self._number:
                if "error" in heard:
                    raise BrowserError(f"{method}: {heard['error'].get('message')}")
                result: dict[str, Any] = heard["result"]
                return result

    def _hear(self, until: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._answers, selectors.EVENT_READ)
            while b"\0" not in self._buffer:
                if not waiting.select(max(until - time.monotonic(), 0)):
                    raise BrowserError(f"no answer in {SECONDS:g} s")
                chunk = os.read(self._answers, 2**20)
                if not chunk:
                    raise BrowserError("it ended")
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\0")
        heard: dict[str, Any] = json.loads(line)
        return heard


def _pipe() -> tuple[int, int]:
    """A pipe whose ends have numbers of two digits: 3 and 4 are wanted by Chromium."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
