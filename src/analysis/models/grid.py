"""A series of counts laid on a grid: equal buckets, unknown ones marked, and the clock of each bucket.

Models work on arrays. This file turns a frame (start, value, optional end) into them, and says what
was set aside on the way: nothing is filled in, a missing bucket is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
MONTH = 30 * DAY
MONDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Grid:
    """One series as arrays, a row per bucket, in order of time.

    t : start of each bucket, microseconds since 1970 UTC
    width : length of each bucket, in cadences
    y : value, nan where unknown; never negative (a negative count is unknown to a model)
    cadence : length of an ordinary bucket, microseconds
    regular : the buckets stand on an even grid
    duplicates : rows whose start stood earlier in the frame (the first one was kept)
    negative : rows whose value was below 0
    """

    t: np.ndarray
    width: np.ndarray
    y: np.ndarray
    cadence: int
    regular: bool
    duplicates: int
    negative: int

    @property
    def known(self) -> np.ndarray:
        """Which buckets have a value."""
        return ~np.isnan(self.y)

    @property
    def span(self) -> int:
        """From the first bucket's start to the last one's end, microseconds."""
        return int(self.t[-1] - self.t[0]) + self.cadence if len(self.t) else 0

    @property
    def ends(self) -> np.ndarray:
        """End of each bucket, microseconds since 1970 UTC."""
        return self.t + np.round(self.width * self.cadence).astype(np.int64)

    def times(self, micros: np.ndarray) -> pd.DatetimeIndex:
        """Microseconds as the project's times."""
        return to_times(micros)


def to_times(micros: np.ndarray) -> pd.DatetimeIndex:
    """Microseconds since 1970 UTC as the project's times."""
    return pd.DatetimeIndex(np.asarray(micros, np.int64).view("M8[us]")).tz_localize("UTC")


def micros(times: Any) -> np.ndarray:
    """Times as microseconds since 1970 UTC; naive times are read as UTC."""
    try:
        index = pd.DatetimeIndex(pd.to_datetime(times, utc=True))
    except (TypeError, ValueError) as error:
        raise UserError(f"times are expected, such as 2021-06-01T12:00Z; {error}") from error
    if index.hasnans:
        raise UserError("a time is missing; every row needs one")
    return index.as_unit("us").asi8


def known_at(series: pd.DataFrame, as_of: Any) -> pd.DataFrame:
    """The rows that were known at a moment (None: all of them).

    A bucket is known when it was over by then (its end, or its start plus the cadence seen so far) and,
    where the frame has ``observed_at``, when it had been read by then.
    """
    if as_of is None or not len(series):
        return series
    now = int(micros([pd.Timestamp(as_of)])[0])
    start = micros(series["start"])
    if "end" in series:
        use = micros(series["end"]) <= now
    else:
        use = start + _cadence(np.unique(start[start <= now]), None) <= now
    if "observed_at" in series:
        use &= micros(series["observed_at"]) <= now
    return series[use]


def lay(series: pd.DataFrame, as_of: Any = None, *, fill: bool = True) -> Grid:
    """The series on its grid, as it was known at ``as_of`` (None: all of it).

    ``fill`` puts unknown buckets where rows are missing.

    Raises
    ------
    UserError
        When a column is missing, or a value is not a number.
    """
    missing = [name for name in ("start", "value") if name not in series]
    if missing:
        raise UserError(
            f"a series needs the columns start and value; missing: {', '.join(missing)} "
            f"(it has {', '.join(map(str, series.columns)) or 'none'})"
        )
    series = known_at(series, as_of)
    t = micros(series["start"])
    try:
        y = np.array(series["value"].to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise UserError(f"a series' value must be numbers, missing where unknown: {error}") from error
    y[~np.isfinite(y)] = np.nan
    end = micros(series["end"]) if "end" in series else None
    duplicates = 0
    if len(t) > 1 and not np.all(t[1:] > t[:-1]):
        first = _first_known(t, y)
        duplicates = len(t) - len(first)
        t, y = t[first], y[first]
        end = end[first] if end is not None else None
    if end is not None and np.any(end <= t):
        raise UserError("a bucket must end after it starts; check the columns start and end")
    cadence = _cadence(t, end)
    negative = int((y < 0).sum())
    y[y < 0] = np.nan
    width = (end - t) / cadence if end is not None else np.ones(len(t))
    regular = True
    if fill:
        t, width, y, regular = _fill(t, width, y, cadence)
    return Grid(t, width, y, cadence, regular, duplicates, negative)


def _first_known(t: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Position of the first row with a value at each time (or the first row, where none has one)."""
    order = np.lexsort((np.arange(len(t)), np.isnan(y), t))
    first = np.r_[True, t[order][1:] != t[order][:-1]]
    return order[first]


def _cadence(t: np.ndarray, end: np.ndarray | None) -> int:
    if end is not None and len(t):
        return max(int(np.median(end - t)), 1)
    return max(int(np.median(np.diff(t))), 1) if len(t) > 1 else HOUR


def _fill(t: np.ndarray, width: np.ndarray, y: np.ndarray, cadence: int) -> tuple[Any, Any, Any, bool]:
    """Unknown buckets put where there are none: all of them on an even grid, else one a gap."""
    n = len(t)
    if n < 2:
        return t, width, y, True
    place = (t - t[0]) / cadence
    slot = np.round(place).astype(np.int64)
    size = int(slot[-1]) + 1
    even = bool(np.all(np.diff(slot) > 0) and np.mean(np.abs(place - slot) < 0.25) > 0.999 and size <= 20 * n)
    if even and size == n:
        return t, width, y, True
    if even:
        grid = t[0] + np.arange(size, dtype=np.int64) * cadence
        grid[slot] = t
        out, wide = np.full(size, np.nan), np.ones(size)
        out[slot], wide[slot] = y, width
        return grid, wide, out, True
    over = t[:-1] + np.round(width[:-1] * cadence).astype(np.int64)
    hole = np.flatnonzero(t[1:] - over > cadence // 2)
    at = hole + 1
    return (
        np.insert(t, at, over[hole]),
        np.insert(width, at, (t[hole + 1] - over[hole]) / cadence),
        np.insert(y, at, np.nan),
        False,
    )


def clock(t: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Time of day (in days, 0 to 1) and day of week (Monday 0) of each time, in a zone."""
    if zone != "UTC":
        try:
            local = pd.DatetimeIndex(t.view("M8[us]")).tz_localize("UTC").tz_convert(zone)
        except (KeyError, ValueError, OSError) as error:
            raise UserError(f"zone {zone!r} is not known; use a name such as Europe/Berlin") from error
        t = local.tz_localize(None).asi8
    days, rest = np.divmod(t, DAY)
    return rest / DAY, (days + MONDAY) % 7


def steepness(count: int) -> float:
    """How much faster clusters come than single buckets, per unit of z: s of ``threshold``."""
    return 1.75 * float(1.0 - np.exp(-(count - 1) / 3.0))


def threshold(cadence: int, count: int, false_per_month: float) -> float:
    """Score that ordinary noise passes this often, in one direction.

    White noise looked at through windows of ``count`` lengths brings clusters above z at a rate of
    (1 + s (z - 2)) x P(Z > z) a bucket, s = 1.75 (1 - exp(-(count - 1) / 3)): measured over 1.6
    million buckets of noise for 1 to 16 lengths, within a tenth from z = 2 to 4.5.
    """
    normal = NormalDist()
    steep = steepness(count)
    rate = false_per_month * cadence / MONTH
    z = 2.0
    for _ in range(20):
        z = -normal.inv_cdf(min(max(rate / (1.0 + steep * max(z - 2.0, 0.0)), 1e-15), 0.2))
    return z
