"""The running score: what a watcher with only the past would have thought of each bucket."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.models import _live
from analysis.models.grid import DAY, HOUR, MONTH, Grid, clock, lay

FAST = 3 * DAY  # memory of the level (half-life)
SLOW = 14 * DAY  # memory of rhythm and noise
QUIET = DAY // 2  # a spike is announced again only after this long
LINGER = DAY // 4  # half-life of what a spike leaves in the score


def score(series: pd.DataFrame, *, as_of: Any = None, zone: str = "UTC") -> pd.DataFrame:
    grid = lay(series, as_of)
    known = grid.known
    y = np.where(known, grid.y, 0.0)
    n = len(y)
    cadence = grid.cadence
    time, _ = clock(grid.t, zone)
    if cadence <= 6 * HOUR:
        n_slots = 24 if cadence <= HOUR else round(DAY / cadence)
        place = time * n_slots - 0.5
        floor = np.floor(place)
        part = place - floor
        index = floor.astype(np.int64) % n_slots
        nxt = (index + 1) % n_slots
    else:
        n_slots, part = 1, np.zeros(n)
        index = nxt = np.zeros(n, np.int64)
    whole = bool(np.all(y == np.floor(y)))
    phi = 1.0 if whole else causal_scale(y[known])
    fast, slow = max(FAST / cadence, 30.0), max(SLOW / cadence, 100.0)
    steps = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 288], np.int64)
    lengths = steps[steps <= max(DAY / cadence, 4)]
    expected, surprise, fair = _live.run(
        y, known, grid.width, index, nxt, part, n_slots, lengths, fast, slow, phi, 50
    )
    fresh, held = _live.announce(fair, known, max(int(QUIET / cadence), 1), max(LINGER / cadence, 1.0))
    squash = lambda x: x / (x + 4.0)
    value = np.where(fresh > 0, 0.5 + 0.5 * squash(fresh), 0.5 * squash(held))
    return pd.DataFrame(
        {
            "start": grid.times(grid.t),
            "value": grid.y,
            "expected": expected,
            "surprise": surprise,
            "fair": fair,
            "score": value,
        }
    )


def causal_scale(y: np.ndarray) -> float:
    y = y[:100]
    middle = max(float(np.median(np.abs(y))), 1e-12)
    return max(float(np.median(np.diff(y) ** 2)) / 2 / 0.455 / middle, 1e-9 * middle)
