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

VERSION = "growth 1.1"
HOUR = 3600.0
AGES = np.array([1 / 6, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 120, 168]) * HOUR
"""Ages at which growth is learned, in seconds."""
FEWEST = 10
ENOUGH = 300
"""From here on quantiles of the past stand on their own."""
LEVELS = (0.1, 0.5, 0.9)
COLUMNS = ["horizon", "age", "items", "mean", "sd", "q10", "q50", "q90"]


def pairs(tracks: Tracks, ages: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every (item, moment) at which an item had one of the ages, and had been looked at twice, and lately.

    Lately is what ``fresh`` says, by what was known at the moment: whether an item was ever looked at again
    only the future tells, and who learned from the returned alone would take every item for one of them.
    Of binned counts moments up to the last known bin are kept.
    """
    item = np.tile(np.arange(len(tracks)), len(ages))
    age = np.repeat(ages, len(tracks))
    when = tracks.first[item] + age
    last = tracks.index(item, when)
    keep = (last > tracks.start[item]) & (when <= tracks.until)
    if tracks.shape == "intervals":
        keep &= when <= tracks.last[item]
    else:
        keep &= fresh(tracks, when - tracks.at[last], age)
    return item[keep], when[keep]


def fresh(tracks: Tracks, since: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Whether so long (seconds) since the last look is short for the age: a quarter of it, or three hours.

    Of dated acts the last one is meant, and half the age is short, up to a day.
    """
    if tracks.shape == "events":
        return since <= np.clip(age / 2, 3 * HOUR, 24 * HOUR)
    return since <= np.maximum(age / 4, 3 * HOUR)


def learn(tracks: Tracks) -> pd.DataFrame:
    """Growth by horizon and age (seconds): how many items, and their log ratio's mean, sd and quantiles."""
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
                row = {"horizon": horizon, "age": age, "items": len(ratio)}
                row |= {"mean": ratio.mean(), "sd": ratio.std(ddof=1)}
                rows.append(row | dict(zip(COLUMNS[5:], np.quantile(ratio, LEVELS), strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:], float))


def pool(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Growth of several platforms as one, for a platform that has no past of its own.

    The spread is that within platforms and that between them; with one platform alone the second is
    unknown and the first is doubled.
    """
    known = [table for table in tables if len(table)]
    if not known:
        return pd.DataFrame(columns=COLUMNS).astype(dict.fromkeys(COLUMNS[1:], float))
    rows = []
    for (horizon, age), part in pd.concat(known).groupby(["horizon", "age"], sort=True):
        weight = part["items"] / part["items"].sum()
        mean, within = float((part["mean"] * weight).sum()), float((part["sd"] ** 2 * weight).sum())
        between = float(((part["mean"] - mean) ** 2 * weight).sum()) if len(part) > 1 else 3 * within
        sd = float(np.sqrt(within + between))
        reach = 1.2816 * sd  # the normal's 90 % point
        rows.append([horizon, age, part["items"].sum(), mean, sd, max(mean - reach, 0.0), mean, mean + reach])
    return pd.DataFrame(rows, columns=COLUMNS)


def extrapolate(table: pd.DataFrame, horizon: str, age: np.ndarray, value: np.ndarray) -> pd.DataFrame:
    """The yardstick's forecast of items at an age (seconds) and value: items, forecast, q10, q50, q90.

    ``items`` is how many past ones it rests on. The 80 % interval is the wider of the past quantiles and
    Student's prediction interval, so few past items give a wide one. Missing where the age lies more
    than a quarter outside the ages learned from.
    """
    from scipy.special import stdtrit

    grid = table[table["horizon"] == horizon].sort_values("age")
    names = ["items", "forecast", "q10", "q50", "q90"]
    if grid.empty:
        return pd.DataFrame(np.nan, index=np.arange(len(age)), columns=names).assign(items=0.0)
    place, known = np.log(np.maximum(age, 1.0)), np.log(grid["age"].to_numpy())
    inside = (place >= known[0] - 0.25) & (place <= known[-1] + 0.25)
    at = {name: np.interp(place, known, grid[name]) for name in COLUMNS[2:]}
    reach = stdtrit(np.maximum(at["items"] - 1, 1), 0.9) * at["sd"] * np.sqrt(1 + 1 / at["items"])
    few = at["items"] < ENOUGH
    ratio = {
        "forecast": at["mean"],
        "q10": np.where(few, np.minimum(at["q10"], np.maximum(at["mean"] - reach, 0.0)), at["q10"]),
        "q50": at["q50"],
        "q90": np.where(few, np.maximum(at["q90"], at["mean"] + reach), at["q90"]),
    }
    out = {k: np.where(inside, np.expm1(np.log1p(value) + r), np.nan) for k, r in ratio.items()}
    return pd.DataFrame({"items": np.where(inside, at["items"], 0.0)} | out)[names]
