"""The run log (JSON lines, rotated), and the lock that keeps two runs apart."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

LOG, LOCK = "log.jsonl", "lock"
TRIES = 3  # `virality status` looks whether the lock is free by holding it for a moment
LARGEST, KEPT = 1_000_000, 5  # bytes a file, and files beside the newest


class BusyError(Exception):
    """Another run holds the lock; the words say which."""


class Journal:
    """Appends one JSON object a line: time, run, event, and the event's fields.

    A log that cannot be written (a full disk) is said once on standard error and stops nothing.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.file, self.run, self._told = folder / LOG, run, False

    def __call__(self, event: str, now: datetime, **fields: Any) -> None:
        """Write one event."""
        words = {
            "time": now.astimezone(UTC).isoformat(timespec="seconds"),
            "run": self.run,
            "event": event,
            **fields,
        }
        line = json.dumps(words, ensure_ascii=False, default=_plain) + "\n"
        try:
            self._rotate()
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            if not self._told:
                print(
                    f"virality: the run log {self.file} cannot be written: {error.strerror}", file=sys.stderr
                )
            self._told = True

    def _rotate(self) -> None:
        if not self.file.exists() or self.file.stat().st_size < LARGEST:
            return
        for number in range(KEPT - 1, 0, -1):
            older = self.file.with_name(f"{LOG}.{number}")
            if older.exists():
                os.replace(older, self.file.with_name(f"{LOG}.{number + 1}"))
        os.replace(self.file, self.file.with_name(f"{LOG}.1"))


def read(folder: Path) -> list[dict[str, Any]]:
    """All events that are still kept, oldest first; a line torn by a kill is passed over."""
    files = [folder / f"{LOG}.{number}" for number in range(KEPT, 0, -1)] + [folder / LOG]
    found = []
    for file in files:
        if not file.exists():
            continue
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@contextmanager
def alone(folder: Path, now: datetime) -> Iterator[IO[str]]:
    """Hold the lock; the open file is what holds it, also in the processes it is handed down to.

    Raises
    ------
    BusyError
        At once, when another run holds it: since when, and which.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+", encoding="utf-8") as file:
        for left in range(TRIES, -1, -1):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not left:
                    raise BusyError(_holder(file)) from None
                time.sleep(0.05)
        file.truncate(0)
        json.dump(
            {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat(timespec="seconds")},
            file,
        )
        file.flush()
        yield file
        file.truncate(0)


def holder(folder: Path) -> str:
    """Who holds the lock; empty when nobody does."""
    file = folder / LOCK
    if not file.exists():
        return ""
    with open(file, encoding="utf-8") as open_file:
        try:
            fcntl.flock(open_file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(open_file)
    return ""


def _holder(file: IO[str]) -> str:
    try:
        file.seek(0)
        who = json.load(file)
        return f"process {who['pid']} on {who['host']} has been at it since {who['since']}"
    except (ValueError, KeyError, TypeError, OSError):
        return "who it is cannot be read"
