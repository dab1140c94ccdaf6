"""The direct visits of an ordinary hour: the site's rhythm of the week times each content's level.

The level is a broken line with a knot every ten days; a tridiagonal solve partials it out.
"""

from __future__ import annotations

import numpy as np

from analysis.models.grid import MONDAY

KNOT = 240  # hours between the knots of a content's level


def partial(x: np.ndarray, v: np.ndarray, rhythm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X without what the contents' levels explain of it, and that part; a tridiagonal system a content."""
    hours = x.shape[-1]
    starts = np.arange(0, hours, KNOT)
    f = (np.arange(hours) % KNOT) / KNOT
    one, two = rhythm * (1 - f), rhythm * f
    add = np.add.reduceat
    d0, d1, off = (add(v * a, starts, axis=-1) for a in (one * one, two * two, one * two))
    knots = len(starts) + 1
    diagonal = np.zeros((*v.shape[:-1], knots))
    diagonal[..., :-1] += d0
    diagonal[..., 1:] += d1
    diagonal += 1e-6 + 1e-6 * diagonal.max(axis=-1, keepdims=True)
    rhs = np.zeros((*x.shape[:-1], knots))
    rhs[..., :-1] += add(v * x * one, starts, axis=-1)
    rhs[..., 1:] += add(v * x * two, starts, axis=-1)
    for k in range(1, knots):
        step = off[..., k - 1] / diagonal[..., k - 1]
        diagonal[..., k] = diagonal[..., k] - step * off[..., k - 1]
        rhs[..., k] = rhs[..., k] - step * rhs[..., k - 1]
    level = np.zeros_like(rhs)
    level[..., -1] = rhs[..., -1] / diagonal[..., -1]
    for k in range(knots - 2, -1, -1):
        level[..., k] = (rhs[..., k] - off[..., k] * level[..., k + 1]) / diagonal[..., k]
    part = np.repeat(level[..., :-1], KNOT, axis=-1)[..., :hours] * one
    part += np.repeat(level[..., 1:], KNOT, axis=-1)[..., :hours] * two
    return x - part, part


def rhythm_of(y: np.ndarray, level: np.ndarray, use: np.ndarray, begin: int) -> np.ndarray:
    """The site's hours of the week: hour of day on working days and weekends, times the day; mean 1."""
    at = begin + np.arange(y.shape[1])
    hour, day = at % 24, (at // 24 + MONDAY) % 7
    slot = hour + 24 * (day >= 5)
    came, meant = (y * use).sum(axis=0), (level * use).sum(axis=0)
    by_slot, by_day = np.ones(48), np.ones(7)
    for _ in range(3):
        by_slot = (np.bincount(slot, came, 48) + 5) / (np.bincount(slot, meant * by_day[day], 48) + 5)
        by_day = (np.bincount(day, came, 7) + 5) / (np.bincount(day, meant * by_slot[slot], 7) + 5)
    found = by_slot[slot] * by_day[day]
    return found / found.mean()
