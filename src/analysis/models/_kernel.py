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
UNSEEN = 3  # rounds in which surges of stated visits are given a share that nobody saw
SURGE, FEWEST = 6.0, 8.0  # deviations and visits above what is expected, over three hours


@dataclass(frozen=True)
class Course:
    """What the stated visits of one platform say.

    content, hour, count : its shares; count is 0 for one nobody saw
    size : stated visits that each brought, in expectation
    doubt : relative variance of that size
    kernel : part of a share's visits that come so many hours after it; sums to 1
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
    driven: np.ndarray
    background: np.ndarray
    stated: float
    borrowed: bool


@njit(cache=True)
def spread(shape, content, hour, size, kernel, known):  # type: ignore[no-untyped-def]
    """Expected visits: each share's size along the kernel, added up where hours are known."""
    out = np.zeros(shape)
    for u in range(len(size)):
        i, h = content[u], hour[u]
        for lag in range(min(len(kernel), shape[1] - h)):
            if known[i, h + lag]:
                out[i, h + lag] += size[u] * kernel[lag]
    return out


@njit(cache=True)
def blame(ratio, known, content, hour, size, kernel, bins, count):  # type: ignore[no-untyped-def]
    """Of each share the visits it is given and the part of its course that was counted; both by delay."""
    given, seen = np.zeros(len(size)), np.zeros(len(size))
    came, looked = np.zeros(count), np.zeros(count)
    for u in range(len(size)):
        i, h = content[u], hour[u]
        for lag in range(min(len(kernel), ratio.shape[1] - h)):
            if known[i, h + lag]:
                part = size[u] * kernel[lag] * ratio[i, h + lag]
                given[u] += part
                seen[u] += kernel[lag]
                came[bins[lag]] += part
                looked[bins[lag]] += size[u]
    return given, seen, came, looked


def learn(
    y: np.ndarray, known: np.ndarray, content: np.ndarray, hour: np.ndarray, count: np.ndarray,
    usual: np.ndarray, rounds: int = 30,
) -> Course:  # fmt: skip
    """The course of one platform's stated visits; surges that no seen share explains get one nobody saw."""
    hours = np.maximum(known.sum(axis=1), 1)
    state = _fit(y, known, content, hour, count, usual, rounds, hours)
    for _ in range(UNSEEN):
        size, doubt, kernel, background = state
        expected = background[:, None] * known + spread(y.shape, content, hour, size, kernel, known)
        at, when = _surges(y, expected, content, hour)
        if not len(at):
            break
        content, hour = np.r_[content, at], np.r_[hour, when]
        count = np.r_[count, np.zeros(len(at))]
        state = _fit(y, known, content, hour, count, kernel, rounds, hours)
    size, doubt, kernel, background = state
    driven = spread(y.shape, content, hour, size, kernel, known)
    return Course(content, hour, count, size, doubt, kernel, driven, background[:, None] * known,
                  float(y.sum()), False)  # fmt: skip


def _fit(
    y: np.ndarray, known: np.ndarray, content: np.ndarray, hour: np.ndarray, count: np.ndarray,
    usual: np.ndarray, rounds: int, hours: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Sizes, their relative variances, the kernel and the background a content, by EM."""
    kernel = usual.copy()
    total = float(y.sum())
    background = np.full(len(y), 0.2 * total / max(hours.sum(), 1))
    seen_shares, unseen = count > 0, count == 0
    weight = np.where(seen_shares, count, 1.0)
    size = np.maximum(weight * 0.8 * total / max(weight.sum(), 1.0), 1e-3)
    shape, mean = 1.0, max(0.8 * total / max(weight.sum(), 1.0), 1e-3)
    given, seen = np.zeros(len(size)), np.ones(len(size))
    for _ in range(rounds):
        expected = background[:, None] + spread(y.shape, content, hour, size, kernel, known)
        ratio = np.where(known & (y > 0), y / np.maximum(expected, 1e-12), 0.0)
        given, seen, came, looked = blame(ratio, known, content, hour, size, kernel, BIN, len(WIDTH))
        background = (background * ratio.sum(axis=1) + 0.01) / (hours + 1.0)
        if len(size):
            prior = np.where(unseen, 0.05, shape)
            size = (prior + given) / (prior / np.maximum(mean * weight, 1e-9) + seen)
            mean = (
                max(float(size[seen_shares].sum() / weight[seen_shares].sum()), 1e-4)
                if seen_shares.any()
                else mean
            )
            shape = _shape(given, seen, weight * mean, seen_shares)
            usual_bins = np.bincount(BIN, weights=usual)
            dense = (came + 3.0 * usual_bins) / (looked + 3.0 * WIDTH)
            kernel = np.maximum(dense, 1e-9)[BIN]
            kernel = kernel / kernel.sum()
    doubt = 1.0 / (np.where(unseen, 0.05, shape) + given + 1e-9)
    return size, doubt, kernel, background


def _shape(given: np.ndarray, seen: np.ndarray, expected: np.ndarray, use: np.ndarray) -> float:
    """How alike shares are: the gamma's shape, by moments of visits given against expected."""
    m = (expected * seen)[use]
    if len(m) < 3 or m.sum() <= 0:
        return 1.0
    excess = float((((given[use] - m) ** 2) - m).sum())
    return float(np.clip((m**2).sum() / max(excess, 1e-9), 0.15, 20.0))


def _surges(
    y: np.ndarray, expected: np.ndarray, content: np.ndarray, hour: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
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


def borrowed(shape: tuple[int, int], known: np.ndarray, content: np.ndarray, hour: np.ndarray, count: np.ndarray,
             kernel: np.ndarray, stated: float) -> Course:  # fmt: skip
    """The course of a platform whose referrers are too few: its shares, all alike, along another's kernel."""
    size = count.astype(float)
    driven = spread(shape, content, hour, size, kernel, known)
    return Course(
        content, hour, count, size, np.ones(len(size)), kernel, driven, np.zeros(shape), stated, True
    )
