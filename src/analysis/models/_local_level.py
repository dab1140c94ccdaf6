"""A local level with regressors, learnt with no parameter plugged in, and courses drawn from it.

    y_t = level_t + x_t b + e_t,   level_t = level_(t-1) + n_t,   var n = q var e.

Level, b and var e are integrated out exactly (flat priors; Student's t), and q over a grid, r = sqrt(q) /
(1 + sqrt(q)) being uniform between 0 and 1. Given q, y and each regressor run through one filter, and what
is left is least squares of y's innovations on theirs (Harvey 1989).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

GRID = (np.arange(24) + 0.5) / 24  # of r


@dataclass(frozen=True)
class Learnt:
    """The series before: for each q of the grid its weight and what a forecast starts from.

    weight : posterior probability of each q
    q : the grid
    beta, cover : coefficients and their covariance over var e, a q each
    level, reach : the last level as (of y, of each regressor), and its variance over var e
    free, square : degrees of freedom and sum of squares of var e
    """

    weight: np.ndarray
    q: np.ndarray
    beta: list[np.ndarray]
    cover: list[np.ndarray]
    level: list[np.ndarray]
    reach: list[float]
    free: int
    square: np.ndarray


@njit(cache=True)
def whiten(z, known, q):  # type: ignore[no-untyped-def]
    """Products of the columns' innovations over their deviations, sum of log variances, last level and its
    variance.

    The level begins at a constant that is one of the columns, so nothing diffuse is left. The products are
    added up here: matrices this small cost more in a threaded library than they are worth.
    """
    n, k = z.shape
    level, gap, p = np.zeros(k), np.zeros(k), 0.0
    gram = np.zeros((k, k))
    logs = 0.0
    for t in range(n):
        if t > 0:
            p += q
        if known[t]:
            f = p + 1.0
            logs += np.log(f)
            gain = p / f
            for j in range(k):
                gap[j] = z[t, j] - level[j]
                level[j] += gain * gap[j]
            for j in range(k):
                one = gap[j] / f
                for i in range(j + 1):
                    gram[j, i] += one * gap[i]
            p -= gain * p
    for j in range(k):
        for i in range(j):
            gram[i, j] = gram[j, i]
    return gram, logs, level, p


@njit(cache=True)
def sweep(a):  # type: ignore[no-untyped-def]
    """Least squares of column 0 on the others, from their products (Goodnight 1979).

    Coefficients, the inverse of the others' products, the log of their determinant, the sum of squares left.
    A column that the ones before it explain (an hour of the day that gaps hid) keeps a factor of 0.
    """
    k = len(a)
    logs = 0.0
    swept = np.zeros(k, np.bool_)
    first = np.diag(a).copy()
    for p in range(1, k):
        d = a[p, p]
        if d <= 1e-9 * first[p] or d <= 0.0:
            continue
        logs += np.log(d)
        swept[p] = True
        for j in range(k):
            a[p, j] /= d
        for i in range(k):
            if i != p:
                b = a[i, p]
                for j in range(k):
                    a[i, j] -= b * a[p, j]
                a[i, p] = -b / d
        a[p, p] = 1.0 / d
    for p in range(1, k):
        if not swept[p]:
            a[p, :] = 0.0
            a[:, p] = 0.0
    return a[1:, 0].copy(), a[1:, 1:].copy(), logs, a[0, 0]


def learn(y: np.ndarray, x: np.ndarray) -> Learnt:
    """The posterior of the series before; ``x`` holds the constant; nan in y is unknown."""
    known = ~np.isnan(y)
    z = np.column_stack([np.where(known, y, 0.0), x])
    root = GRID / (1 - GRID)
    like, beta, cover, levels, reach, squares = [], [], [], [], [], []
    free = int(known.sum()) - x.shape[1]
    for q in root**2:
        whole, logs, level, p = whiten(z, known, q)
        b, inverse, volume, left = sweep(whole)
        square = max(float(left), 1e-12)
        like.append(-0.5 * (logs + volume + free * np.log(square)))
        beta.append(b)
        cover.append(inverse)
        levels.append(level)
        reach.append(p)
        squares.append(square)
    weight = np.exp(np.array(like) - max(like))
    return Learnt(weight / weight.sum(), root**2, beta, cover, levels, reach, free, np.array(squares))


def draw(learnt: Learnt, x: np.ndarray, rng: np.random.Generator, draws: int) -> np.ndarray:
    """Courses of the bins that follow at once, draws x bins; ``x``: their regressors."""
    counts = rng.multinomial(draws, learnt.weight)
    out = []
    for j in np.flatnonzero(counts):
        count = int(counts[j])
        sigma = np.sqrt(learnt.square[j] / rng.chisquare(learnt.free, count))
        root = np.linalg.cholesky(learnt.cover[j] + 1e-12 * np.eye(len(learnt.cover[j])))
        b = learnt.beta[j] + sigma[:, None] * (rng.standard_normal((count, len(root))) @ root.T)
        level = learnt.level[j][0] - b @ learnt.level[j][1:]
        level += sigma * np.sqrt(learnt.reach[j]) * rng.standard_normal(count)
        steps = np.sqrt(learnt.q[j]) * rng.standard_normal((count, len(x)))
        noise = steps.cumsum(axis=1) + rng.standard_normal((count, len(x)))
        out.append(level[:, None] + b @ x.T + sigma[:, None] * noise)
    return np.concatenate(out)
