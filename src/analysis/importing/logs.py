"""Access logs into the store: ``traffic.logs`` reads and counts, this stores, then lets the ledger
remember."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis.errors import UserError
from analysis.models.counters import latest
from analysis.store import Appended, Store
from analysis.traffic import logs
from analysis.traffic.exposure import RULES
from analysis.traffic.lines import FileReport

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Imported:
    """What an import did: lines read, parsed and refused (by reason), rows that are new in the store."""

    files: list[FileReport]
    refused: Counter[str]
    new: int
    aside: Path | None
    totals: dict[str, int]

    def lines(self) -> list[str]:
        """The account for a person."""
        out = []
        for file in self.files:
            if file.skipped:
                out.append(f"{file.name}: {file.skipped}")
            else:
                note = f"; {file.note}" if file.note else ""
                out.append(f"{file.name} ({file.format}): {file.lines:,} lines, {file.parsed:,} read{note}")
        out += [f"refused: {number:,} lines, {why}" for why, number in self.refused.most_common()]
        if self.aside:
            out.append(f"refused lines, without addresses, are in {self.aside}")
        if any(not file.skipped for file in self.files):
            out.append(
                f"{self.totals['visits']:,} visits and {self.totals['pageviews']:,} page views of people on "
                "the days that were counted"
            )
            out += [
                f"removed by {rule}: {self.totals[f'visits.removed.{rule}']:,} visits, "
                f"{self.totals[f'pageviews.removed.{rule}']:,} page views ({why})"
                for rule, why in RULES.items()
                if self.totals.get(f"pageviews.removed.{rule}")
            ]
        out.append(f"{self.new:,} new rows in the store")
        return out


def import_logs(
    paths: list[Path],
    site: str,
    store: Store,
    format: str | None = None,
    zone: str | None = None,
) -> Imported:
    """Bring access logs into the store; what is known already is left alone.

    Raises
    ------
    UserError
        When a file is missing or in no known format, or its times need a zone.
    """
    observer = logs.observer_of(site)
    folder = store.path / "logs" / observer.removeprefix("log ").replace(":", "_").strip("[]")

    def stored(start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        return latest(store.read("intervals", observer=observer, start=slice(start, end)))

    now = datetime.now(UTC)
    with logs.reading(paths, site, now, folder, stored, format, zone) as found:
        store.append("content", found.content)
        new = _append(store, found.intervals, found.fresh)
        aside = None
        if len(found.set_aside):
            aside = folder / f"refused-{now:%Y%m%dT%H%M%S}.csv"
            found.set_aside.to_csv(aside, index=False)
    refused: Counter[str] = Counter()
    for file in found.files:
        refused.update(file.refused)
    return Imported(found.files, refused, new, aside, found.totals)


def _append(store: Store, tables: Iterator[pa.Table], fresh: bool) -> int:
    """How many rows were new; one table is written while the next is made."""
    new = 0
    with ThreadPoolExecutor(1) as writer:
        writing: Future[Appended] | None = None
        for table in tables:
            if writing:
                new += writing.result().new
            writing = writer.submit(store.append, "intervals", table, fresh=fresh)
        if writing:
            new += writing.result().new
    return new


def watch(
    paths: list[Path],
    site: str,
    store: Store,
    format: str | None,
    zone: str | None,
    every: float,
    tell: Callable[[str], None],
) -> None:
    """Import again and again until interrupted; a passing failure is told and tried again next time."""
    while True:
        try:
            done = import_logs(paths, site, store, format, zone)
            if done.new:
                for line in done.lines():
                    tell(line)
        except UserError as error:
            tell(f"not this time: {error}")
        time.sleep(every)
