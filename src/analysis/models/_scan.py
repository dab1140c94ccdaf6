"""Compiled loops of the alarm: tail scores of window sums, and how far a spike reaches."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from analysis.models._heavy import EDGES, SINGLE, single


@njit(cache=True)
def tail(s, m, a):  # type: ignore[no-untyped-def]
    """How unlikely a count s is under a negative binomial, as the normal deviate of the same tail.

    m is the mean, the variance m + a m^2. Lugannani & Rice's saddlepoint formula (1980) as the
    corrected signed root r* = r + log(u / r) / r (Barndorff-Nielsen 1986): a few logarithms, right
    to a percent far into the tail.
    """
    if s <= 0.0:
        depth = m if a < 1e-9 else math.log1p(a * m) / a  # -log P(0)
        return -math.sqrt(max(2.0 * depth - math.log(max(4.0 * math.pi * depth, 1.0)), 0.0))
    if a < 1e-9:
        deviance = s * math.log(s / m) - s + m
        tilt = math.log(s / m)
        scale = math.sqrt(s)
    else:
        deviance = s * math.log(s / m) - (s + 1.0 / a) * math.log((1.0 + a * s) / (1.0 + a * m))
        tilt = math.log(s / m) - math.log((1.0 + a * s) / (1.0 + a * m))
        scale = math.sqrt(s * (1.0 + a * s))
    r = math.sqrt(max(2.0 * deviance, 0.0))
    if r < 0.05:
        return r if s > m else -r
    if s < m:
        r = -r
    return r + math.log(tilt * scale / r) / r


@njit(cache=True)
def scan(y, w, mu, rel, phi, alpha, c, rho, lengths, refer):  # type: ignore[no-untyped-def]
    """Best score of any window ending at each bucket, up and down, and that window's length.

    A window's count is compared with a negative binomial of the same mean and variance; the
    variance carries over-dispersion, the residuals' autocorrelation and the baseline's own error.
    Also returned: how far neighbouring windows of ``refer`` buckets reach, up and down (``_heavy``).
    """
    n = len(y)
    singles, run = np.zeros((2, len(EDGES) - 1)), np.zeros(2)
    up, down = np.zeros(n), np.zeros(n)
    up_len, down_len = np.ones(n, np.int64), np.ones(n, np.int64)
    for which in range(len(lengths)):
        size = lengths[which]
        inflate = 1.0
        if c > 0:
            for k in range(1, size):
                step = rho**k
                if step < 1e-4:
                    break
                inflate += 2.0 * c * (1.0 - k / size) * step
        s, m, v, p = 0.0, 0.0, 0.0, 0.0
        count = 0
        for i in range(n):
            if w[i] > 0:
                s += y[i]
                m += mu[i]
                v += phi * mu[i] + alpha * mu[i] ** 2
                p += mu[i] * math.sqrt(rel[i])
                count += 1
            j = i - size
            if j >= 0 and w[j] > 0:
                s -= y[j]
                m -= mu[j]
                v -= phi * mu[j] + alpha * mu[j] ** 2
                p -= mu[j] * math.sqrt(rel[j])
                count -= 1
            if i < size - 1 or 2 * count < size or w[i] == 0:
                continue
            total = v * inflate + p * p
            gap = s - m
            rough = gap * gap / total
            apart = size == refer and i % size == size - 1
            if rough < (0.8 if apart else 2.0):
                z = 0.0
            else:
                z = tail(max(s, 0.0) / phi, m / phi, max(total / phi**2 - m / phi, 0.0) / (m / phi) ** 2)
            if apart:
                for side in range(2):
                    over = z if side == 0 else -z
                    if over > SINGLE:
                        run[side] = max(run[side], over)
                    elif run[side] > 0:  # neighbours that score high are one
                        singles[side, single(run[side])] += 1
                        run[side] = 0.0
            if z > up[i]:
                up[i] = z
                up_len[i] = size
            if -z > down[i]:
                down[i] = -z
                down_len[i] = size
    return up, up_len, down, down_len, singles


@njit(cache=True)
def reach(r, w, a, b, low, high, sign):  # type: ignore[no-untyped-def]
    """Where a spike found in [a, b] begins and ends, inside (low, high).

    Each side is the change point of largest likelihood: the walk of residuals less half the
    spike's own height is followed outwards while it can still recover (Page 1954).
    """
    top = a
    mean, count = 0.0, 0
    for i in range(a, b + 1):
        if w[i] > 0:
            mean += sign * r[i]
            count += 1
            if w[top] == 0 or sign * r[i] > sign * r[top]:
                top = i
    mean = mean / max(count, 1)
    rise = min(1.5, 0.5 * max(mean, 0.2))
    fade = min(0.75, 0.5 * max(mean, 0.2))
    onset, walk, best = top, 0.0, 0.0
    for i in range(top - 1, low, -1):
        if w[i] == 0:
            walk -= rise / 2
        else:
            walk += sign * r[i] - rise
        if walk > best:
            best, onset = walk, i
        if walk < best - 8.0:
            break
    end, walk, best = top, 0.0, 0.0
    for i in range(top + 1, high):
        if w[i] == 0:
            walk -= fade / 2
        else:
            walk += sign * r[i] - fade
        if walk > best:
            best, end = walk, i
        if walk < best - 8.0:
            break
    return onset, end


@njit(cache=True)
def pick(z, length, r, w, taken, threshold, sign, most):  # type: ignore[no-untyped-def]
    """The spikes above the threshold, strongest first, none overlapping: (onset, end, score) each."""
    out = np.empty((most, 3))
    found = 0
    n = len(z)
    order = np.argsort(-z)
    for position in range(n):
        i = order[position]
        if z[i] < threshold or found == most:
            break
        a = max(i - length[i] + 1, 0)
        clear = True
        for k in range(a, i + 1):
            if taken[k]:
                clear = False
                break
        if not clear:
            continue
        low = a
        while low >= 0 and not taken[low]:
            low -= 1
        high = i
        while high < n and not taken[high]:
            high += 1
        onset, end = reach(r, w, a, i, low, high, sign)
        for k in range(onset, end + 1):
            taken[k] = True
        out[found, 0], out[found, 1], out[found, 2] = onset, end, z[i]
        found += 1
    return out[:found]
