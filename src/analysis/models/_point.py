"""The number of a distribution that is most likely to lie within the usual error of the truth.

Question. A forecast is a distribution; readers want one number, and judge it by its percentage error.
Which number of the distribution errs least?

Formula. Half of the errors lie below the median absolute percentage error r, so the number that makes it
smallest has the best chance of lying within r of the truth: the log forecast f that maximises
P(f - log(1 + r) <= log truth <= f - log(1 - r)). Where growth is skewed this lies nearer the mode than the
median does. The distribution is taken as straight between its levels and exponential beyond them; f is the
mean of a grid between the outer levels, weighted by exp(chance / ``SOFT``), because the chance is flat at
its top and the levels are themselves estimates.

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


def likeliest(levels: dict[float, np.ndarray], within: np.ndarray) -> np.ndarray:
    """The log forecast most likely to lie within a relative error of the truth.

    Parameters
    ----------
    levels
        Level (such as 0.1) to log values, a row each; at least two, in any order.
    within
        The relative error, per row.
    """
    chance = np.array(sorted(levels))
    points = np.sort(np.column_stack([levels[level] for level in chance]), axis=1)
    within = np.minimum(within, LARGEST)[:, None]
    grid = points[:, :1] + (points[:, -1:] - points[:, :1]) * GRID
    above, below = np.log1p(within), -np.log1p(-within)
    hit = _share_below(points, chance, grid + below) - _share_below(points, chance, grid - above)
    weight = np.exp((hit - hit.max(axis=1, keepdims=True)) / SOFT)
    return np.asarray((weight * grid).sum(axis=1) / weight.sum(axis=1))


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
