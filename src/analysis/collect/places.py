"""Where a platform's last run stood: saved beside the store, so that both are kept or lost together."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.store import Store


def folder(store: Store) -> Path:
    """Where a store's places are."""
    return store.path / ".collect"


def saved_places(store: Store, platform: str) -> dict[str, str]:
    """A platform's saved places; none where nothing was collected yet."""
    file = folder(store) / f"{platform}.sqlite"
    if not file.exists():
        return {}
    places = Places(file)
    try:
        return places.all()
    finally:
        places.close()


@contextmanager
def alone(folder: Path, name: str) -> Iterator[bool]:
    """Whether this process is the only one that collects this platform into this store."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


class Places:
    """One platform's saved places, and when each ask was first and last answered."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._db.execute("CREATE TABLE IF NOT EXISTS places (key TEXT PRIMARY KEY, value TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS marks (ask TEXT PRIMARY KEY, first REAL, last REAL)")
        self._db.commit()

    def all(self) -> dict[str, str]:
        """Every saved place."""
        return dict(self._db.execute("SELECT key, value FROM places"))

    def marks(self) -> dict[str, tuple[datetime, datetime]]:
        """Each ask's first and last answered moment, UTC."""
        rows = self._db.execute("SELECT ask, first, last FROM marks")
        return {ask: (datetime.fromtimestamp(a, UTC), datetime.fromtimestamp(b, UTC)) for ask, a, b in rows}

    def keep(self, places: Mapping[str, str], asks: Iterable[str], now: datetime) -> None:
        """Save places, and that these asks were answered now; all of it or nothing."""
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO places VALUES (?, ?)", places.items())
            self._db.executemany(
                "INSERT INTO marks VALUES (?1, ?2, ?2) ON CONFLICT (ask) DO UPDATE SET last = excluded.last",
                [(ask, now.timestamp()) for ask in asks],
            )

    def close(self) -> None:
        """Close the file."""
        self._db.close()
