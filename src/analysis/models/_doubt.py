"""How far dark visits may lie from the truth: the variance of what is read off direct visits by weights.

With weights w of platform p, estimate minus truth is

    sum w noise of the baseline + sum over platforms q of (w - [p = q]) dark visits of q,

and its variance is added up from the parts: the baseline's over-dispersion and correlation over hours and
between pages, Poisson noise of dark visits, the doubt about each share's size and course, and how the ratio
differs between contents (clusters).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from analysis.models._kernel import Course

LAGS = 24  # hours over which the baseline's noise is taken to be correlated


@dataclass(frozen=True)
class Noise:
    """How direct visits scatter.

    alpha : over-dispersion: the variance of a baseline hour of mean mu is mu + alpha mu^2
    own, across : correlation after 0..LAGS hours, within a page and between pages
    tau2 : relative variance of the ratio of dark to stated visits between contents
    """

    alpha: float
    own: np.ndarray
    across: np.ndarray
    tau2: float


@dataclass(frozen=True)
class State:
    """What an estimate errs by.

    base : expected ordinary direct visits, contents x hours; noise : of theirs
    known : contents x hours
    courses : a platform each
    local, loose : a factor on each platform's course and its relative variance, contents x hours
    steady : stated visits that follow no share, contents x platforms
    own : dark visits a stated one brings along, contents x platforms
    """

    base: np.ndarray
    noise: Noise
    known: np.ndarray
    courses: list[Course]
    local: tuple[np.ndarray, ...]
    loose: tuple[np.ndarray, ...]
    steady: np.ndarray
    own: np.ndarray


def correlation(error: np.ndarray, calm: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation of standardised noise after 0..LAGS hours, within a page and between pages."""
    z = np.where(calm, error / np.sqrt(variance), 0.0)
    c = calm.astype(float)
    sums, counts = z.sum(axis=0), c.sum(axis=0)
    own, across = np.zeros(LAGS + 1), np.zeros(LAGS + 1)
    for k in range(LAGS + 1):
        end = z.shape[1] - k
        mine, mine_of = float((z[:, :end] * z[:, k:]).sum()), float((c[:, :end] * c[:, k:]).sum())
        both, both_of = float(sums[:end] @ sums[k:]), float(counts[:end] @ counts[k:])
        own[k] = mine / max(mine_of, 1.0)
        across[k] = (both - mine) / (both_of - mine_of) if both_of - mine_of > 100 else 0.0
    own[0] = max(own[0], 1.0)
    across[0] = max(across[0], 0.0)
    return own, across


@njit(cache=True)
def _clusters(field, content, hour, size, kernel):  # type: ignore[no-untyped-def]
    """Of each share the sum of a field along its course."""
    out = np.zeros(len(size))
    for u in range(len(size)):
        i, h = content[u], hour[u]
        total = 0.0
        for lag in range(min(len(kernel), field.shape[1] - h)):
            total += kernel[lag] * field[i, h + lag]
        out[u] = size[u] * total
    return out


def _sums(field: np.ndarray, course: Course) -> np.ndarray:
    return _clusters(np.ascontiguousarray(field), course.content, course.hour, course.size, course.kernel)


def variance(w: np.ndarray, state: State, mine: np.ndarray) -> float:
    """Variance of estimate minus truth for reading weights w; ``mine``: platforms whose visits are meant."""
    noise, base = state.noise, state.base
    spread = w * np.sqrt(base + noise.alpha * base**2)
    sums = spread.sum(axis=0)
    total = 0.0
    for k in range(LAGS + 1):
        end = w.shape[1] - k
        inside = float((spread[:, :end] * spread[:, k:]).sum())
        both = float(sums[:end] @ sums[k:])
        total += (1 if k == 0 else 2) * (noise.own[k] * inside + noise.across[k] * (both - inside))
    total = max(total, float((spread**2).sum()))
    for q, course in enumerate(state.courses):
        off = (w - mine[q]) * state.known
        if state.own[:, q].any():
            field = state.own[:, q][:, None] * state.local[q] * course.beat
            column = state.own[:, q][:, None] * state.local[q] * course.driven
            total += float((off**2 * column).sum())
            moved = _sums(off * field, course)
            total += float((moved**2 * course.doubt).sum())
            steady = mine[q] * state.own[:, q] * state.steady[:, q]
            together = np.bincount(course.content, moved, len(steady)) - steady
            total += noise.tau2 * float((together**2).sum()) + float(steady.sum())
            total += float((off**2 * column**2 * state.loose[q]).sum())
    return total
