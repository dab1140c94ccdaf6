"""Keeping limits together: every process of this user on this machine shares one record of requests.

pyrate-limiter counts the requests in SQLite; each decision is one transaction, taken and dated under
the file's write lock, so two processes never both take the last place in a window.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from analysis.platforms.card import Limit

# A request arrives later than it was allowed, and not always by the same delay; windows are kept a
# little longer than stated, so that what the platform counts stays within its limit too.
MARGIN_SECONDS = 0.25
FORGET_SECONDS = 3 * 86400


class Clock:
    """The time, and waiting. Tests put their own in its place."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def state_folder() -> Path:
    """Where this user keeps what is neither data nor configuration: VIRALITY_STATE, else by XDG."""
    if here := os.environ.get("VIRALITY_STATE"):
        return Path(here)
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "virality"


class Pace:
    """Who may ask now, and who must wait how long.

    Parameters
    ----------
    path : the SQLite file the processes share
    clock : its time dates the requests
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, isolation_level=None, timeout=60, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS holds (name TEXT PRIMARY KEY, until REAL)")
        self._forget()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def take(self, name: str, limits: tuple[Limit, ...]) -> tuple[float, str]:
        """Take a place in every window of ``name``: (0, "") when allowed, else seconds to wait and why.

        Nothing is taken unless all windows have a place.
        """
        from pyrate_limiter import Rate, RateItem, SQLiteBucket

        rates = [Rate(count, int((span + MARGIN_SECONDS) * 1000)) for span, count in _tightest(limits)]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                now = self._clock.now().timestamp()
                held = self._db.execute("SELECT until FROM holds WHERE name = ?", (name,)).fetchone()
                if held and held[0] > now:
                    self._db.execute("ROLLBACK")
                    return held[0] - now, "it asked us to wait"
                if not rates:
                    self._db.execute("ROLLBACK")
                    return 0.0, ""
                table = _table(name)
                self._db.execute(
                    f"CREATE TABLE IF NOT EXISTS '{table}' (name VARCHAR, item_timestamp INTEGER)"
                )
                self._db.execute(f"CREATE INDEX IF NOT EXISTS 'i_{table}' ON '{table}' (item_timestamp)")
                bucket = SQLiteBucket(rates, self._db, table)
                item = RateItem(name, int(now * 1000))
                if bucket.put(item):
                    return 0.0, ""
                wait = bucket.waiting(item)
                self._db.execute("ROLLBACK")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        assert isinstance(wait, int)
        rate = bucket.failing_rate
        assert rate is not None
        return max(
            wait, 1
        ) / 1000, f"its limit is {rate.limit:,} in {_span(rate.interval / 1000 - MARGIN_SECONDS)}"

    def hold(self, name: str, seconds: float) -> None:
        """Nobody asks ``name`` for so long: the platform told one of us, and it means all."""
        until = self._clock.now().timestamp() + seconds
        with self._lock:
            self._db.execute(
                "INSERT INTO holds VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET until = max(until, excluded.until)",
                (name, until),
            )

    def _forget(self) -> None:
        before = self._clock.now().timestamp() - FORGET_SECONDS
        with self._lock, contextlib.suppress(sqlite3.OperationalError):  # busy: the next run forgets
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM holds WHERE until < ?", (before,))
            tables = self._db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'w_%'"
            )
            for (table,) in tables.fetchall():
                self._db.execute(f"DELETE FROM '{table}' WHERE item_timestamp < ?", (int(before * 1000),))
                if self._db.execute(f"SELECT 1 FROM '{table}' LIMIT 1").fetchone() is None:
                    self._db.execute(f"DROP TABLE '{table}'")
            self._db.execute("COMMIT")


def _tightest(limits: tuple[Limit, ...]) -> list[tuple[float, int]]:
    """One limit a span, shortest first, leaving out those that another one implies."""
    spans: dict[float, int] = {}
    for limit in limits:
        spans[limit.seconds] = min(limit.requests, spans.get(limit.seconds, limit.requests))
    kept: list[tuple[float, int]] = []
    for span in sorted(spans, reverse=True):
        if not kept or spans[span] < kept[-1][1]:
            kept.append((span, spans[span]))
    return kept[::-1]


def _table(name: str) -> str:
    return "w_" + hashlib.sha256(name.encode()).hexdigest()[:20]


def _span(seconds: float) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and abs(seconds / size - round(seconds / size)) < 1e-6:
            number = round(seconds / size)
            return (
                f"a {word}"
                if number == 1 and word != "hour"
                else "an hour"
                if number == 1
                else f"{number} {word}s"
            )
    return f"{seconds:g} seconds"
