"""How far counters usually go from the same age: the yardstick every forecast stands beside.

Question. An item has this much at this age; how much more did items of the same platform reach?

Formula. Szabo and Huberman (2010), equation 2: ln N(t) = ln N(a) + b(a, t), the growth factor b being
the mean of the log ratio over past items at the same age. Counters may be 0, so logs are of N + 1.
Quantiles are those of the past ratios. b is learned on a grid of ages and straight in log age between.

Assumptions. Growth is multiplicative and alike for all items of a platform: nothing of the item itself
but its size is used. Only items whose truth was known at the cut-off are learned from.

Abstains for a horizon and age with fewer than 10 past items.

Source. G. Szabo, B. Huberman: Predicting the popularity of online content, CACM 53(8), 2010, p. 84.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.models.tracks import HORIZONS, Tracks

VERSION = "growth 1.0"
HOUR = 3600.0
AGES = np.array([1 / 6, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 120, 168]) * HOUR
"""Ages at which growth is learned, in seconds."""
FEWEST = 10
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def pairs(tracks: Tracks, ages: np.ndarray, live: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Every (item, moment) at which an item had one of the ages and had been looked at twice or more.

    ``live`` keeps moments up to the item's last look: an item nobody reads any more is not rising.
    """
    item = np.tile(np.arange(len(tracks)), len(ages))
    age = np.repeat(ages, len(tracks))
    when = tracks.first[item] + age
    keep = tracks.index(item, when) > tracks.start[item]
    keep &= when <= (tracks.last[item] if live else tracks.until)
    return item[keep], when[keep]


def learn(tracks: Tracks) -> pd.DataFrame:
    """Growth factors by horizon and age: horizon, age (seconds), items, mean, and q10 ... q90 of the log ratio."""
    rows = []
    for age in AGES:
        item, when = pairs(tracks, np.array([age]))
        value = tracks.known(item, when)
        for horizon, seconds in HORIZONS.items():
            if seconds is not None and age >= seconds:
                continue
            ratio = np.log1p(tracks.truth(item, when, horizon)) - np.log1p(value)
            ratio = ratio[np.isfinite(ratio)]
            if len(ratio) >= FEWEST:
                row = {"horizon": horizon, "age": age, "items": len(ratio), "mean": float(ratio.mean())}
                rows.append(
                    row
                    | dict(zip(("q10", "q25", "q50", "q75", "q90"), np.quantile(ratio, LEVELS), strict=True))
                )
    columns = ["horizon", "age", "items", "mean", "q10", "q25", "q50", "q75", "q90"]
    return pd.DataFrame(rows, columns=columns)


def extrapolate(table: pd.DataFrame, horizon: str, age: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    """The yardstick's forecast: items (past ones it rests on), forecast (by the mean), q10 ... q90.

    Missing where the age lies more than a quarter outside the ages learned from.
    """
    grid = table[table["horizon"] == horizon].sort_values("age")
    out = pd.DataFrame(
        index=np.arange(len(age)),
        columns=["items", "forecast", "q10", "q25", "q50", "q75", "q90"],
        dtype=float,
    )
    if grid.empty:
        return out.assign(items=0.0)
    place = np.log(np.maximum(age, 1.0))
    known = np.log(grid["age"].to_numpy())
    inside = (place >= known[0] - 0.25) & (place <= known[-1] + 0.25)
    out["items"] = np.where(inside, np.interp(place, known, grid["items"]), 0.0)
    for name, column in [("forecast", "mean"), *[(q, q) for q in ("q10", "q25", "q50", "q75", "q90")]]:
        ratio = np.interp(place, known, grid[column])
        out[name] = np.where(inside, np.expm1(np.log1p(value) + ratio), np.nan)
    return out
