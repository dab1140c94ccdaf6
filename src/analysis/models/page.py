"""An item among everything that was read at the same look: its order, its place, and what they tell.

Question. Where does an item stand among the others, does the platform show it higher or lower than its
votes and age would, and who is overtaking whom?

Formula. At each look: the order by size, by speed over the last hour, and by the published Hacker News
rule, log rule = 0.8 log(points - 1) - 1.8 log(age + 2 h); the share of all speed. Where the platform gives
a rank: the best and the mean rank so far; the favour, log rule less the median log rule of the six items
shown nearest (below it the platform pushes an item up, above it down), now, on average and as changes; how
many shown below rise faster, and above slower; and at how many looks since its first it was missing.

Assumptions. Looks at a page carry one moment for all its items.

Abstains. Missing, never 0, for an item read alone or a platform without ranks.

Source. The rule as published with news.arc (P. Graham); its exponents as HN's code had them.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from analysis.models.tracks import Tracks

HOUR = 3600.0
SPANS = (HOUR / 2, HOUR, 2 * HOUR, 4 * HOUR)
DEEPEST = 100
"""Places looked at on one page."""


def page(tracks: Tracks, looks: np.ndarray) -> dict[str, np.ndarray]:
    """Columns by name, one value for each of the ``looks`` (indexes, sorted).

    All looks made at one moment must be among them. What is summed up over an item's looks holds for
    items whose first look is among them, too.
    """
    at, item, value = tracks.at[looks], tracks.item[looks], tracks.value[looks]
    first = tracks.first[item]
    risen = value - tracks.between(item, np.maximum(at - HOUR, first), looks)
    speed = risen / np.maximum(np.minimum(at - first, HOUR), 1.0)
    born = np.where(np.isnan(tracks.born), tracks.first, tracks.born)[item]
    rule = 0.8 * np.log(np.maximum(value - 1, 0.1)) - 1.8 * np.log((at - born) / HOUR + 2)
    moments, group, sizes = np.unique(at, return_inverse=True, return_counts=True)
    alone = sizes[group] < 2
    total = np.bincount(group, weights=speed, minlength=len(moments))
    some = np.where(total > 0, total, 1)[group]
    out = {"order share": np.where(alone | (total[group] <= 0), np.nan, speed / some)}
    for name, by in (("order size", value), ("order speed", speed), ("order rule", rule)):
        out[name] = np.where(alone, np.nan, _place(-by, group, sizes) + 1.0)
    if "rank" in tracks.others:
        rank = tracks.others["rank"][looks]
        out["order rule to rank"] = out["order rule"] - rank
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # the median of no neighbour is missing, as wanted
            out |= _shown(tracks, looks, rank, rule, speed, group, sizes)
    return out


def _place(by: np.ndarray, group: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Each look's place in its group, from 0, smallest first; missing values last."""
    place = np.empty(len(by), dtype=int)
    place[np.lexsort((by, group))] = np.arange(len(by))
    return place - np.r_[0, np.cumsum(sizes)[:-1]][group]


def _shown(
    tracks: Tracks,
    looks: np.ndarray,
    rank: np.ndarray,
    rule: np.ndarray,
    speed: np.ndarray,
    group: np.ndarray,
    sizes: np.ndarray,
) -> dict[str, np.ndarray]:
    at, item = tracks.at[looks], tracks.item[looks]
    place = _place(rank, group, sizes)
    depth = int(min(sizes.max(), DEEPEST))
    on = place < depth

    def laid(values: np.ndarray) -> np.ndarray:
        grid = np.full((len(sizes), depth), np.nan)
        grid[group[on], place[on]] = values[on]
        return grid

    def read(grid: np.ndarray) -> np.ndarray:
        return np.where(on & ~np.isnan(rank), grid[group, np.minimum(place, depth - 1)], np.nan)

    wide = np.pad(laid(rule), ((0, 0), (3, 3)), constant_values=np.nan)
    near = np.stack([wide[:, k : k + depth] for k in (0, 1, 2, 4, 5, 6)])
    favour = rule - read(np.nanmedian(near, axis=0))
    speeds = laid(speed)
    below, above = np.zeros_like(speeds), np.zeros_like(speeds)
    for k in range(depth):
        below[:, k] = (speeds[:, k + 1 :] > speeds[:, [k]]).sum(axis=1)
        above[:, k] = (speeds[:, :k] < speeds[:, [k]]).sum(axis=1)
    start = _within(looks, tracks.start[item])
    seen = np.arange(len(at)) - start + 1.0
    mine = pd.Series(rank).groupby(item)
    out = {
        "rank best": mine.cummin().to_numpy(),
        "rank mean": (mine.cumsum() / (mine.cumcount() + 1)).to_numpy(),
        "favour": favour,
        "favour mean": pd.Series(np.nan_to_num(favour)).groupby(item).cumsum().to_numpy() / seen,
        "faster below": read(below),
        "slower above": read(above),
        "missing looks": group - group[start] + 1.0 - seen,
        "missing share": 1.0 - seen / (group - group[start] + 1.0),
    }
    for span in SPANS:
        back = tracks.index(item, np.maximum(at - span, tracks.first[item]))
        out[f"favour change {span / 60:.0f} min"] = favour - favour[_within(looks, back)]
    return out


def _within(looks: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(looks, index), len(looks) - 1)
