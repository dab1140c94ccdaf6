"""What a learned forecast may look at: nothing of it lies after the moment of the forecast.

Question. What does an item's track, its other counters, the hour, and its place among the items read
at the same look say about how much further it will go?

Formula. Of the looks at or before the moment: size, growth and speed over fixed and age-long spans,
acceleration; each further metric's level, change and ratio to the counter; age since it was made;
hour and weekday in UTC; its standing among everything read at that same look (``page``). Of dated acts
also what SEISMIC reads from them: infectiousness, and the acts it still expects.

Abstains. A feature that cannot be known is missing, never 0.
"""

from __future__ import annotations

import numpy as np

from analysis.models import pooled, seismic
from analysis.models.page import page
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
        "looks without it": _looks(tracks, now, when),
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
    # a page's looks share a moment, so whole moments are taken: those of these items' lives
    lives = (tracks.at >= first.min(initial=np.inf)) & (tracks.at <= now.max(initial=-np.inf))
    looks = np.flatnonzero(lives)
    for name, series in page(tracks, looks).items():
        columns[name] = series[np.searchsorted(looks, i)]
    if tracks.shape == "events":
        columns |= _contagion(tracks, item, when)
    out = np.column_stack(list(columns.values()))
    out[~seen] = np.nan
    return out, list(columns)


def _looks(tracks: Tracks, after: np.ndarray, until: np.ndarray) -> np.ndarray:
    """At how many moments anything was read: an item missing from a page it stood on may be over."""
    moments = np.unique(tracks.at)
    count = [np.searchsorted(moments, edge, side="right") for edge in (until, after)]
    return (count[0] - count[1]).astype(float)


def _contagion(tracks: Tracks, item: np.ndarray, when: np.ndarray) -> dict[str, np.ndarray]:
    """SEISMIC's infectiousness and expected rest (logs) of each item's acts up to the moment."""
    out = np.full((2, len(item)), np.nan)
    whole = {k: pooled.of_track(tracks, k) for k in np.unique(item)}
    age = when - tracks.first[item]
    for row in np.flatnonzero(age > 0):
        cascade = whole[item[row]]
        pull = seismic.infectiousness(cascade.times, cascade.followers, age[row])
        waiting = seismic.not_yet(cascade.times, cascade.followers, age[row])[1]
        out[:, row] = np.log(pull + 1e-9), np.log1p(pull * waiting)
    return {"infectiousness": out[0], "still expected": out[1]}
