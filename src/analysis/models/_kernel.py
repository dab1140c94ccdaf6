"""How visits spread over the hours after a share, and how many each share brought, from stated referrers.

Expectation-maximisation for a superposition of Poisson streams: each stated visit belongs to the
background or to one of the shares before it, in proportion to what each expects then. The course after a
share is a histogram over delays (Lewis & Mohler 2011; Marsan & Lengliné, Science 319, 2008): no form is
assumed. Sizes of shares differ far more than counts do, so each has a gamma prior, learnt with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

EDGES = np.array([0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 30, 36, 48, 60, 72, 96, 120, 168, 240, 336])
REACH = int(EDGES[-1])  # hours after which a share is forgotten
BIN = np.repeat(np.arange(len(EDGES) - 1), np.diff(EDGES))
WIDTH = np.diff(EDGES).astype(float)
TYPICAL = np.exp(-np.arange(REACH) / 8.0) / np.exp(-np.arange(REACH) / 8.0).sum()
"""Before anything is learnt: an e-fold in eight hours."""
ROUNDS = 30
SHAPES = np.array([0.15, 0.25, 0.4, 0.6, 1.0, 1.6, 2.5, 5.0, 10.0])
UNSEEN = 3  # rounds in which surges of stated visits are given a share that nobody saw
SURGE, FEWEST = 6.0, 8.0  # deviations and visits above what is expected, over three hours


@dataclass(frozen=True)
class Course:
    """What the stated visits of one platform say.

    content, hour, count : its shares; count is 0 for one nobody saw
    size : stated visits that each brought, in expectation
    doubt : relative variance of that size
    kernel : part of a share's visits that come so many hours after it; sums to 1
    beat : how awake its people are, an hour of the period each; mean 1 over a day
    driven : expected stated visits that follow a share, contents x hours
    background : those that follow none, contents x hours
    stated : how many were counted
    borrowed : the kernel is not the platform's own: too few stated visits
    """

    content: np.ndarray
    hour: np.ndarray
    count: np.ndarray
    size: np.ndarray
    doubt: np.ndarray
    kernel: np.ndarray
    beat: np.ndarray
    driven: np.ndarray
    background: np.ndarray
    stated: float
    borrowed: bool


@njit(cache=True)
def spread(content, hour, size, kernel, awake):  # type: ignore[no-untyped-def]
    """Expected visits: each share's size along the kernel, times how awake each hour is (0: unknown)."""
    out = np.zeros(awake.shape)
    for u in range(len(size)):
        i, h = content[u], hour[u]
        for lag in range(min(len(kernel), awake.shape[1] - h)):
            out[i, h + lag] += size[u] * kernel[lag] * awake[i, h + lag]
    return out


@njit(cache=True)
def blame(ratio, awake, content, hour, size, kernel, bins, count):  # type: ignore[no-untyped-def]
    """Of each share the visits it is given and the part of its course that was counted; both by delay."""
    given, seen = np.zeros(len(size)), np.zeros(len(size))
    came, looked = np.zeros(count), np.zeros(count)
    for u in range(len(size)):
        i, h = content[u], hour[u]
        for lag in range(min(len(kernel), awake.shape[1] - h)):
            if awake[i, h + lag] > 0.0:
                part = size[u] * kernel[lag] * awake[i, h + lag] * ratio[i, h + lag]
                given[u] += part
                seen[u] += kernel[lag] * awake[i, h + lag]
                came[bins[lag]] += part
                looked[bins[lag]] += size[u] * awake[i, h + lag]
    return given, seen, came, looked


def learn(
    y: np.ndarray, known: np.ndarray, content: np.ndarray, hour: np.ndarray, count: np.ndarray
) -> Course:
    """The course of one platform's stated visits; surges that no seen share explains get one nobody saw."""
    course = _fit(y, known, content, hour, count, TYPICAL)
    for _ in range(UNSEEN):
        at, when = _surges(y, course.driven + course.background)
        if not len(at):
            break
        content, hour = np.r_[content, at], np.r_[hour, when]
        count = np.r_[count, np.zeros(len(at))]
        course = _fit(y, known, content, hour, count, course.kernel)
    return course


def _fit(
    y: np.ndarray,
    known: np.ndarray,
    content: np.ndarray,
    hour: np.ndarray,
    count: np.ndarray,
    usual: np.ndarray,
) -> Course:
    """Sizes, kernel, hours of day and the background of each content, by EM."""
    hours = np.maximum(known.sum(axis=1), 1)
    day = np.arange(y.shape[1]) % 24
    typical = np.bincount(BIN, weights=usual)
    kernel, beat = usual.copy(), np.ones(24)
    seen, weight = count > 0, np.where(count > 0, count, 1.0)
    mean, shape = max(0.8 * float(y.sum()) / max(weight.sum(), 1.0), 1e-3), 1.0
    size, prior = mean * weight, np.ones(len(count))
    background = np.full(len(y), 0.2 * float(y.sum()) / hours.sum())
    given = np.zeros(len(size))
    # shares that always come at one hour of the day cannot tell a delay from an hour of being awake
    at_hour = np.bincount(hour % 24, minlength=24)
    various = at_hour.sum() ** 2 >= 4 * (at_hour**2).sum()
    for _ in range(ROUNDS):
        awake = known * beat[day]
        driven = spread(content, hour, size, kernel, awake)
        ratio = np.where(known & (y > 0), y / np.maximum(background[:, None] + driven, 1e-12), 0.0)
        background = (background * ratio.sum(axis=1) + 0.01) / (hours + 1.0)
        if not len(size):
            continue
        given, whole, came, looked = blame(ratio, awake, content, hour, size, kernel, BIN, len(WIDTH))
        by_hour = np.bincount(day, (ratio * driven).sum(axis=0), 24), np.bincount(day, driven.sum(axis=0), 24)
        prior = np.where(seen, shape, 0.05)
        size = (prior + given) / (prior / np.maximum(mean * weight, 1e-9) + whole)
        if seen.any():
            mean = max(float(size[seen].sum() / weight[seen].sum()), 1e-4)
            shape = _shape(given[seen], (weight * mean * whole)[seen])
        kernel = np.maximum((came + 3.0 * typical) / (looked + 3.0 * WIDTH), 1e-9)[BIN]
        if various:
            beat = beat * (by_hour[0] + 10.0) / (by_hour[1] + 10.0)
        kernel, beat = kernel / kernel.sum(), beat / beat.mean()
    awake = known * beat[day]
    driven = spread(content, hour, size, kernel, awake)
    return Course(content, hour, count, size, 1.0 / (prior + given + 1e-9), kernel, beat[day], driven,
                  background[:, None] * known, float(y.sum()), False)  # fmt: skip


def _shape(given: np.ndarray, expected: np.ndarray) -> float:
    """How alike shares are: the shape of the gamma, by the likelihood of the visits they are given."""
    from scipy.special import gammaln

    if len(given) < 3:
        return 1.0
    a, m = SHAPES[:, None], np.maximum(expected, 1e-9)[None, :]
    like = gammaln(given + a) - gammaln(a) + a * np.log(a / (a + m)) + given * np.log(m / (a + m))
    return float(SHAPES[like.sum(axis=1).argmax()])


def _surges(y: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where three hours brought far more than is expected: contents and hours, the greatest a day."""
    window = np.ones(3)
    came = np.apply_along_axis(np.convolve, 1, y, window)[:, 2:]
    meant = np.apply_along_axis(np.convolve, 1, expected, window)[:, 2:]
    stands = (came - meant) / np.sqrt(meant + 1.0)
    strong = (stands > SURGE) & (came - meant > FEWEST) & (came > 2.5 * meant)
    rows, cols = np.nonzero(strong)
    order = np.argsort(-stands[rows, cols])
    taken: set[tuple[int, int]] = set()
    for i, h in zip(rows[order], cols[order], strict=True):
        if not any((int(i), int(h) + d) in taken for d in range(-24, 25)):
            taken.add((int(i), int(h)))
    found = np.array(sorted(taken), dtype=np.int64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def borrowed(
    known: np.ndarray,
    content: np.ndarray,
    hour: np.ndarray,
    count: np.ndarray,
    kernel: np.ndarray,
    stated: float,
) -> Course:
    """The course of a platform whose referrers are too few: its shares, all alike, along another's kernel."""
    size = count.astype(float)
    driven = spread(content, hour, size, kernel, known * 1.0)
    return Course(content, hour, count, size, np.ones(len(size)), kernel, np.ones(known.shape[1]), driven,
                  np.zeros(known.shape), stated, True)  # fmt: skip
