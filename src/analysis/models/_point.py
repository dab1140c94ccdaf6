"""What a distribution of growth says: its levels, and the number most likely to lie within the usual error.

Question. A forecast is a distribution; readers want one number, and judge it by its percentage error.
Which number of the distribution errs least?

Formula. Half of the errors lie below the median absolute percentage error r, so the number that makes it
smallest has the best chance of lying within r of the truth: the log forecast f that maximises
P(f - log(1 + r) <= log truth <= f - log(1 - r)). Where growth is skewed this lies nearer the mode than the
median does. The distribution is taken as straight between its levels and exponential beyond them; f is the
mean of a grid between the outer levels, weighted by exp(chance / ``SOFT``), because the chance is flat at
its top and the levels are themselves estimates.

With the chance ``over`` an item has already been read for the last time, and its growth is 0: the
distribution is a mixture of that and of the levels, which are those of what goes on.

Source. The Bayes act under zero-one loss with a tolerance: C. Manski, Journal of Econometrics 49, 1991;
T. Gneiting: Making and evaluating point forecasts, JASA 106, 2011 (the functional must fit the score).
"""

from __future__ import annotations

import numpy as np

GRID = np.linspace(0.0, 1.0, 61)
SOFT = 1 / 15
"""A chance smaller than the best by this much counts about a third."""
LARGEST = 0.9
"""A usual error above it says nothing about where to stand."""


def likeliest(
    levels: dict[float, np.ndarray], within: np.ndarray, over: np.ndarray | None = None
) -> np.ndarray:
    """The log growth most likely to lie within a relative error of the truth.

    Parameters
    ----------
    levels
        Level (such as 0.1) to log growth, a row each; at least two, in any order.
    within
        The relative error, per row.
    over
        The chance that there is no growth any more, per row; none where it is not told.
    """
    chance, points = _ordered(levels)
    over = np.zeros(len(points)) if over is None else over
    within = np.minimum(within, LARGEST)[:, None]
    bottom = np.where(over > 0, np.minimum(points[:, 0], 0.0), points[:, 0])[:, None]
    grid = bottom + (points[:, -1:] - bottom) * GRID
    above, below = np.log1p(within), -np.log1p(-within)
    hit = _share_below(points, chance, grid + below) - _share_below(points, chance, grid - above)
    ended = (grid - above <= 0) & (grid + below >= 0)
    hit = (1 - over[:, None]) * hit + over[:, None] * ended
    weight = np.exp((hit - hit.max(axis=1, keepdims=True)) / SOFT)
    return np.asarray((weight * grid).sum(axis=1) / weight.sum(axis=1))


def level(levels: dict[float, np.ndarray], at: np.ndarray | float, over: np.ndarray) -> np.ndarray:
    """The log growth below which the share ``at`` of the mixture lies, per row."""
    chance, points = _ordered(levels)
    on = 1.0 - np.minimum(over, 1.0 - 1e-9)
    fallen = _quantile(points, chance, at / on)
    risen = _quantile(points, chance, (at - over) / on)
    return np.where(fallen < 0, fallen, np.where((at > over) & (risen > 0), risen, 0.0))


def _quantile(points: np.ndarray, chance: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Straight between levels, below the lowest down to no growth, above the highest as that."""
    points = np.column_stack([np.minimum(points[:, 0], 0.0), points])
    known = np.r_[0.0, chance]
    at = np.clip(at, 0.0, known[-1])
    k = np.clip(np.searchsorted(known, at, side="right") - 1, 0, len(chance) - 1)
    row = np.arange(len(points))
    part = (at - known[k]) / (known[k + 1] - known[k])
    return np.asarray(points[row, k] + part * (points[row, k + 1] - points[row, k]))


def _ordered(levels: dict[float, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    chance = np.array(sorted(levels))
    return chance, np.sort(np.column_stack([levels[level] for level in chance]), axis=1)


def _share_below(points: np.ndarray, chance: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The distribution function at ``x``, a row of the grid per row of points."""
    gaps = np.maximum(np.diff(points, axis=1), 1e-4)
    first, last = points[:, :1], points[:, -1:]
    out = np.full(x.shape, chance[0])
    for k, step in enumerate(np.diff(chance)):
        out += step * np.clip((x - points[:, [k]]) / gaps[:, [k]], 0.0, 1.0)
    fall = gaps[:, :1] / np.log(chance[1] / chance[0])
    rise = gaps[:, -1:] / np.log((1 - chance[-2]) / (1 - chance[-1]))
    out *= np.exp(np.minimum((x - first) / fall, 0.0))
    out -= (1 - chance[-1]) * np.expm1(-np.maximum(x - last, 0.0) / rise)
    return out
