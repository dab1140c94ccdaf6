"""Rows gathered one by one into a Batch, each column with its table's type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from analysis.tables import CONTENT, EVENTS, INTERVALS, READINGS, TABLES, UTC_TIME, Batch, Table, event_id
from analysis.urls import canonical, content_id, site

EARLIEST, LATEST = 1970, 2200
_PLAIN = {"gone": ["platform", "item_id"], "set_aside": ["source", "line", "reason", "text"]}
_LISTS = (*TABLES, *_PLAIN)


class Rows:
    """What one answer or one file brought, before it is a Batch.

    Parameters
    ----------
    platform : the card's name
    observed_at : when the answer came, or the moment the file says it was made
    observer : who measured
    source : where it came from: an endpoint, a file's name
    """

    def __init__(self, platform: str, observed_at: datetime, observer: str, source: str) -> None:
        self.platform, self.observed_at, self.observer, self.source = platform, observed_at, observer, source
        self._rows: dict[str, list[dict[str, Any]]] = {
            t.name: [] for t in (CONTENT, EVENTS, READINGS, INTERVALS)
        }
        self._gone: list[str] = []
        self._aside: list[tuple[int | None, str, str]] = []
        self._row = 0
        self._used: dict[int, None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values())) + len(self._gone) + len(self._aside)

    def begin(self) -> int:
        """A new row of the input begins: what is added from here on came from it. Its number."""
        self._row += 1
        self._used[self._row] = None
        return self._row

    def resume(self, row: int) -> None:
        """What is added from here on came from an input row that began before."""
        self._row = row

    def content(self, url: str, title: str | None = None, published_at: datetime | None = None) -> str:
        """A URL the platform names; its content_id. ValueError when it is no http(s) URL."""
        address = canonical(url)
        key = content_id(address)
        self._rows["content"].append(
            {
                "content_id": key,
                "url": address,
                "title": title,
                "published_at": published_at,
                "site": site(address),
            }
        )
        return key

    def event(self, native_id: str, content: str, kind: str, occurred_at: datetime, **more: Any) -> None:
        """One act dated by the platform; ``more``: actor (hashed), audience, parent_id, community."""
        self._rows["events"].append(
            {"event_id": event_id(self.platform, native_id), "content_id": content, "kind": kind,
             "occurred_at": occurred_at, "_row": self._row, **more}
        )  # fmt: skip

    def reading(
        self,
        item_id: str,
        content: str,
        metric: str,
        value: float | None,
        *,
        status: str = "observed",
        reason: str | None = None,
        observed_at: datetime | None = None,
    ) -> None:
        """A counter's value, or why it is unknown (then ``value`` is None)."""
        self._rows["readings"].append(
            {"item_id": item_id, "content_id": content, "metric": metric, "value": value, "status": status,
             "reason": reason, "observed_at": observed_at or self.observed_at, "_row": self._row}
        )  # fmt: skip

    def interval(
        self,
        content: str,
        metric: str,
        start: datetime,
        end: datetime,
        value: float | None,
        *,
        partial: bool = False,
        status: str = "observed",
        reason: str | None = None,
        observed_at: datetime | None = None,
    ) -> None:
        """A count somebody else binned, for [start, end)."""
        self._rows["intervals"].append(
            {"content_id": content, "metric": metric, "start": start, "end": end, "value": value,
             "status": status, "reason": reason, "partial": partial,
             "observed_at": observed_at or self.observed_at, "_row": self._row}
        )  # fmt: skip

    def gone(self, item_id: str) -> None:
        """An item the platform says no longer exists: the store forgets it."""
        self._gone.append(item_id)

    def aside(self, reason: str, text: str = "", line: int | None = None) -> None:
        """Something that could not be used, and why. Never pass a person's name or words as ``text``."""
        self._used.pop(self._row, None)
        self._aside.append((line, reason, text))

    def lost(self, reason: str, text: str = "", line: int | None = None) -> None:
        """A row of the input that could not even be read as one: it never began."""
        self._aside.append((line, reason, text))

    def batch(self) -> Batch:
        """Everything so far, typed; the rows object is empty again."""
        common = {
            "platform": self.platform,
            "observer": self.observer,
            "source": self.source,
            "observed_at": self.observed_at,
        }
        if not self._row:
            lists = {name: [common | row for row in found] for name, found in self._rows.items()}
            lists["gone"] = [{"platform": self.platform, "item_id": item} for item in self._gone]
            lists["set_aside"] = [
                {"source": self.source, "line": line, "reason": reason, "text": text}
                for line, reason, text in self._aside
            ]
            self._rows = {name: [] for name in self._rows}
            self._gone, self._aside = [], []
            return _Gathered(lists)
        frames = {}
        origins = {"": np.array(list(self._used), dtype=np.int64)}
        for table in (CONTENT, EVENTS, READINGS, INTERVALS):
            rows = self._rows[table.name]
            frame, kept = _frame(table, rows, common)
            frames[table.name] = frame
            if table is not CONTENT:
                origins[table.name] = np.array([row["_row"] for row in rows], dtype=np.int64)[kept]
            self._rows[table.name] = []
        gone = pd.DataFrame({"platform": [self.platform] * len(self._gone), "item_id": self._gone}, dtype=str)
        aside = pd.DataFrame(self._aside, columns=["line", "reason", "text"])
        aside.insert(0, "source", self.source)
        self._gone, self._aside, self._used = [], [], {}
        return Batch(**frames, gone=gone, set_aside=aside, origins=origins)


class _Gathered(Batch):
    """A Batch whose frames are made when somebody looks: a fetch yields thousands, merged before that."""

    rows: dict[str, list[dict[str, Any]]]

    def __init__(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "origins", {})

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name not in _LISTS:
            raise AttributeError(name)
        if name in _PLAIN:
            frame = pd.DataFrame(self.rows[name], columns=_PLAIN[name])
        else:
            frame, _ = _frame(TABLES[name], self.rows[name], {})
        object.__setattr__(self, name, frame)
        return frame


def size(batch: Batch) -> int:
    """How many rows a batch holds, in all its tables."""
    if isinstance(batch, _Gathered):
        return sum(map(len, batch.rows.values()))
    return sum(len(getattr(batch, name)) for name in _LISTS)


def forgets(batch: Batch) -> bool:
    """Whether a batch names items that are gone."""
    return bool(batch.rows["gone"]) if isinstance(batch, _Gathered) else len(batch.gone) > 0


def merged(batches: Sequence[Batch]) -> Batch:
    """Several batches of a fetch as one."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in _LISTS}
    framed = [batch for batch in batches if not isinstance(batch, _Gathered)]
    for batch in batches:
        if isinstance(batch, _Gathered):
            for name, found in batch.rows.items():
                rows[name] += found
    gathered = _Gathered(rows)
    if not framed:
        return gathered
    frames = {}
    for name in _LISTS:
        parts = [part for part in (getattr(batch, name) for batch in (*framed, gathered)) if len(part)]
        frames[name] = pd.concat(parts, ignore_index=True) if parts else getattr(gathered, name)
    return Batch(**frames)


def _frame(
    table: Table, rows: list[dict[str, Any]], common: dict[str, Any]
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows typed, each key once (the first wins), and which of the rows these are."""
    columns = {}
    for name, dtype in table.dtypes.items():
        default = common.get(name)
        values = [row.get(name, default) for row in rows]
        if dtype == UTC_TIME:
            columns[name] = pd.Series(pd.to_datetime(values, utc=True), dtype="datetime64[us, UTC]")
        else:
            columns[name] = pd.Series(values, dtype=dtype)
    frame = pd.DataFrame(columns)
    kept = ~frame.duplicated(list(table.key)).to_numpy()
    return frame[kept].reset_index(drop=True), kept


def moment(value: Any) -> datetime:
    """A moment from epoch seconds or ISO 8601 with a zone; ValueError when it is neither or not plausible."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is no time")
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is no time")
        try:
            out = datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError) as error:
            raise ValueError(f"{value!r} is no time in seconds") from error
    else:
        out = datetime.fromisoformat(str(value))
        if out.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        out = out.astimezone(UTC)
    if not EARLIEST <= out.year <= LATEST:
        raise ValueError(f"{value!r} is the year {out.year}")
    return out


def count(value: Any) -> float:
    """A number as the platform gave it, as a number or in digits; ValueError when it is neither."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is no number")
    out = float(value)
    if not math.isfinite(out):
        raise ValueError(f"{value!r} is no number")
    return out
