"""What a learned forecast may look at: nothing of it lies after the moment of the forecast.

Question. What does an item's track, its other counters, the hour, and its place among the items read
at the same look say about how much further it will go?

Formula. Of the looks at or before the moment: size, growth and speed over fixed and age-long spans,
acceleration; each further metric's level, change and ratio to the counter; age since it was made;
hour and weekday in UTC; its order by size, speed and the published Hacker News rule
(points / (age + 2 h)^1.8) among everything read at that same look.

Abstains. A feature that cannot be known is missing, never 0.
"""

from __future__ import annotations

import numpy as np

from analysis.models.tracks import Tracks

SPANS = (1800.0, 3600.0, 7200.0, 14400.0)
PARTS = (0.5, 0.25)


def features(tracks: Tracks, item: np.ndarray, when: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """One row per (item, moment), and the columns' names; a moment before the first look is a missing row."""
    start, i = tracks.start[item], tracks.index(item, when)
    seen = i >= start
    i = np.maximum(i, start)
    first, now = tracks.at[start], tracks.at[i]
    value, opening = tracks.value[i], tracks.value[start]
    age, span = np.maximum(when - first, 1.0), np.maximum(now - first, 1.0)
    before = np.maximum(i - 1, start)
    columns = {
        "age": np.log(age),
        "value": np.log1p(value),
        "opening": np.log1p(opening),
        "looks": i - start + 1.0,
        "stale": when - now,
        "growth": np.log1p(value) - np.log1p(opening),
        "speed": (value - opening) / span * 3600,
        "speed last": np.where(
            i > start, (value - tracks.value[before]) / np.maximum(now - tracks.at[before], 1) * 3600, np.nan
        ),
        "gap last": np.where(i > start, now - tracks.at[before], np.nan),
        "hour": (when / 3600) % 24,
        "week hour": (when / 3600 + 96) % 168,
        "born": np.log(np.maximum(when - tracks.born[item], 60.0)),
        "born to first look": np.log(np.maximum(first - tracks.born[item], 60.0)),
    }
    for name, length in [(f"{s / 60:.0f} min", np.full(len(item), s)) for s in SPANS] + [
        (f"age x {p}", age * p) for p in PARTS
    ]:
        past = tracks.between(item, np.maximum(now - length, first), i)
        columns[f"speed {name}"] = (value - past) / np.minimum(length, span) * 3600
        columns[f"growth {name}"] = np.log1p(value) - np.log1p(past)
    columns["acceleration"] = columns["speed 30 min"] - columns["speed 120 min"]
    for name, series in sorted(tracks.others.items()):
        columns[name] = series[i]
        columns[f"{name} opening"] = series[start]
        columns[f"{name} ratio"] = series[i] / np.maximum(value, 1.0)
        for s in SPANS[1:]:
            back = np.maximum(tracks.index(item, np.maximum(now - s, first)), start)
            columns[f"{name} change {s / 60:.0f} min"] = series[i] - series[back]
    for name, series in _orders(tracks).items():
        columns[name] = series[i]
    if "rank" in tracks.others:
        columns["order rule to rank"] = columns["order rule"] - columns["rank"]
    out = np.column_stack(list(columns.values()))
    out[~seen] = np.nan
    return out, list(columns)


def _orders(tracks: Tracks) -> dict[str, np.ndarray]:
    """Each look's place among all items looked at in that very moment, 1 the largest; missing when alone."""
    at, item = tracks.at, tracks.item
    first = tracks.first[item]
    i = np.arange(len(at))
    speed = (tracks.value - tracks.between(item, np.maximum(at - 3600, first), i)) / np.maximum(
        np.minimum(at - first, 3600), 1.0
    )
    born = np.where(np.isnan(tracks.born), tracks.first, tracks.born)[item]
    rule = np.maximum(tracks.value - 1, 0.1) ** 0.8 / ((at - born) / 3600 + 2) ** 1.8
    moments, group, sizes = np.unique(at, return_inverse=True, return_counts=True)
    opens = np.r_[0, np.cumsum(sizes)[:-1]]
    alone = sizes[group] < 2
    total = np.bincount(group, weights=speed, minlength=len(moments))
    out = {
        "order share": np.where(
            alone | (total[group] <= 0), np.nan, speed / np.where(total > 0, total, 1)[group]
        )
    }
    for name, by in (("order size", tracks.value), ("order speed", speed), ("order rule", rule)):
        rank = np.empty(len(at))
        rank[np.lexsort((-by, group))] = np.arange(len(at))
        out[name] = np.where(alone, np.nan, rank - opens[group] + 1.0)
    return out
