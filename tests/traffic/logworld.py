"""Small made-up logs and a place to read them, for the tests beside this file."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from analysis.models.counters import latest
from analysis.store import Store
from analysis.traffic import logs

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
SITE = "https://blog.example"


def line(
    time: str = "02/Mar/2026:10:00:00 +0000",
    path: str = "/post",
    ip: str = "192.0.2.1",
    referrer: str = "-",
    agent: str = BROWSER,
    status: int = 200,
    method: str = "GET",
) -> str:
    """One combined line."""
    return f'{ip} - - [{time}] "{method} {path} HTTP/1.1" {status} 512 "{referrer}" "{agent}"'


class World:
    """A store and a ledger in a folder, and a clock that moves with each import."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store.open(folder / "store")
        self.hour = 0

    def file(self, name: str, lines: list[str] | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(lines if isinstance(lines, bytes) else ("\n".join(lines) + "\n").encode())
        return path

    def read(self, *paths: Path, site: str = SITE, **options: object) -> logs.LogImport:
        """Import, store, remember."""
        self.hour += 1
        now = datetime(2026, 6, 1, tzinfo=UTC) + pd.Timedelta(hours=self.hour)
        observer = logs.observer_of(site)

        def stored(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
            return latest(self.store.read("intervals", observer=observer, start=slice(start, end)))

        with logs.reading(
            list(paths), site, now, self.folder / "ledger", stored, threads=2, **options
        ) as found:  # type: ignore[arg-type]
            self.store.append("content", found.content)
            self.new = sum(self.store.append("intervals", table).new for table in found.intervals)
        return found

    def rows(self, metric: str | None = None) -> pd.DataFrame:
        """The store's latest intervals, with the page's URL."""
        found = latest(self.store.read("intervals")).merge(
            self.store.read("content", ["content_id", "url"]), on="content_id"
        )
        return found if metric is None else found[found["metric"] == metric]

    def by_platform(self, metric: str = "visits") -> dict[str, int]:
        found = self.rows(metric)
        found = found[found["value"] > 0]
        return {name: int(value) for name, value in found.groupby("platform")["value"].sum().items()}

    def total(self, metric: str) -> int:
        return int(self.rows(metric)["value"].sum())
