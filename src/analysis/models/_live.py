"""Compiled loop of the running score: baseline and noise learnt bucket by bucket, from the past alone."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from analysis.models._heavy import BURST, PRIOR, SINGLE, fair, often, place, rarity, single, weigh
from analysis.models._scan import tail

# Scores of a baseline still being learnt pass any limit more often, and young series vary most.
YOUNG = 2.0


@njit(cache=True)
def run(  # type: ignore[no-untyped-def]
    y, known, dur, index, nxt, part, n_slots, lengths, fast, slow, phi, warm, steep, shown, shown_in
):
    """Expected count and calibrated surprise (normal deviates, below 0 for drops) of every bucket.

    ``fast`` and ``slow`` are the memories of level and of season and noise, in buckets. Counts beyond
    three deviations teach only as far as that, so a spike is not at once taken for the level. How rare a
    score is in this series is judged by all its past (``_heavy``), rises and drops apart, and by what was
    ``shown`` in ``shown_in`` buckets of its like (``noise``). Also returned: the marks of its own noise.
    """
    n = len(y)
    keep_fast, keep_slow = 0.5 ** (1.0 / fast), 0.5 ** (1.0 / slow)
    up, down = 0.0, 0.0
    num, den = np.zeros(n_slots), np.zeros(n_slots)
    moment, square = 0.0, 0.0
    size = len(lengths)
    s, m, v = np.zeros(size), np.zeros(size), np.zeros(size)
    count = np.zeros(size)
    scatter, seen = np.zeros(size), np.zeros(size)
    singles, bursts = shown[:2].copy(), shown[2:].copy()
    marks = np.full((4, n), -1, np.int64)
    run, high, stale = np.zeros(2), np.zeros(2), np.ones(2)
    weight = np.zeros((2, *PRIOR.shape))
    expected, calm = np.full(n, np.nan), np.zeros(n)
    variance = np.zeros(n)
    used = np.zeros(n)
    rows = 0
    for i in range(n):
        season = 1.0
        if n_slots > 1:
            a = (num[index[i]] + 10.0 * phi) / (den[index[i]] + 10.0 * phi)
            b = (num[nxt[i]] + 10.0 * phi) / (den[nxt[i]] + 10.0 * phi)
            season = (1.0 - part[i]) * a + part[i] * b
        if rows >= 3:
            mu = max((up + 0.5 * phi) / max(down, 1e-9), 1e-9) * dur[i] * season
            alpha = max(moment / square, 0.0) if square > 0 else 0.5
            alpha = max(alpha, 1e-6)
            expected[i] = mu
            # the level's own error: as many counts as it remembers
            own = (phi * mu + alpha * mu * mu) / max(min(float(rows), fast * 1.44), 1.0)
            var = phi * mu + alpha * mu * mu + own
            variance[i] = var
        if known[i] and rows >= 3:
            used[i] = 1.0
        best, alone, apart = 0.0, 0.0, False
        settled = False
        for k in range(size):
            j = i - lengths[k]
            if used[i] > 0:
                s[k] += y[i]
                m[k] += expected[i]
                v[k] += variance[i]
                count[k] += 1
            if j >= 0 and used[j] > 0:
                s[k] -= y[j]
                m[k] -= expected[j]
                v[k] -= variance[j]
                count[k] -= 1
            if used[i] == 0 or 2 * count[k] < lengths[k] or m[k] <= 0 or v[k] <= 0:
                continue
            rough = (s[k] - m[k]) / math.sqrt(v[k])
            usual = math.sqrt(max((scatter[k] + 30.0) / (seen[k] + 30.0), 1.0))
            total = v[k] * usual * usual
            # the shortest window that holds enough to have a tail
            mine = not settled and (m[k] >= 5.0 * phi or k == size - 1)
            settled = settled or mine
            if rough * rough > (0.8 if mine else 4.0) * usual * usual:
                z = tail(
                    max(s[k], 0.0) / phi,
                    m[k] / phi,
                    max(total / phi**2 - m[k] / phi, 0.0) / (m[k] / phi) ** 2,
                )
            else:
                z = rough / usual
            if mine and rows % lengths[k] == 0:
                alone, apart = z, True
            if abs(z) > abs(best):
                best = z
            scatter[k] = keep_slow * scatter[k] + min(rough * rough, 9.0 * usual * usual)
            seen[k] = keep_slow * seen[k] + 1.0
        if not known[i]:
            continue
        if rows >= warm:
            side = 0 if best > 0 else 1
            reach = abs(best)
            if reach > BURST and stale[side]:
                weight[side], stale[side] = weigh(singles[side], bursts[side]), 0.0
            if reach > BURST:
                heard = bursts[side].sum()
                rate = often(heard, shown_in + rows - warm, steep, YOUNG)
                reach = fair(reach, steep, weight[side], rate, heard)
            calm[i] = math.copysign(reach, best)
            for q in range(2):
                here = best if q == 0 else -best
                if here > BURST:
                    high[q] = max(high[q], here)
                elif high[q] > 0:  # a burst is over, and counts once
                    marks[2 + q, i] = place(rarity(high[q], steep))
                    bursts[q, marks[2 + q, i]] += 1.0
                    high[q], stale[q] = 0.0, 1.0
                here = alone if q == 0 else -alone
                if apart and here > SINGLE:
                    run[q] = max(run[q], here)
                elif apart and run[q] > 0:  # neighbours that score high are one
                    marks[q, i] = single(run[q])
                    singles[q, marks[q, i]] += 1.0
                    run[q], stale[q] = 0.0, 1.0
        value = y[i]
        if rows >= 3:
            sd = math.sqrt(variance[i])
            value = min(max(y[i], expected[i] - 3.0 * sd), expected[i] + 3.0 * sd)
            moment = keep_slow * moment + (value - expected[i]) ** 2 - phi * expected[i]
            square = keep_slow * square + expected[i] ** 2
            if n_slots > 1:
                plain = expected[i] / season
                a, b = 1.0 - part[i], part[i]
                for q in range(n_slots):
                    if q == index[i]:
                        num[q] = num[q] * keep_slow**n_slots + a * value
                        den[q] = den[q] * keep_slow**n_slots + a * plain
                    elif q == nxt[i] and b > 0:
                        num[q] = num[q] * keep_slow**n_slots + b * value
                        den[q] = den[q] * keep_slow**n_slots + b * plain
        up = keep_fast * up + value / season
        down = keep_fast * down + dur[i]
        rows += 1
    return expected, calm, marks


@njit(cache=True)
def announce(fair, known, memory, decay, limit):  # type: ignore[no-untyped-def]
    """Alarms, once a spike, and a memory of surprise that lasts through it.

    A bucket announces when its surprise is a new record of the last ``memory`` buckets by a full step of
    a ladder (each rung 1.25 times the one below), so any threshold is passed once a spike and rung.
    """
    n = len(fair)
    fresh, held, alarm = np.zeros(n), np.zeros(n), np.zeros(n, np.bool_)
    above = -(10**9)
    last = np.full(64, -(10**9))
    keep = 0.5 ** (1.0 / decay)
    mean = 0.0
    for i in range(n):
        mean = keep * mean + (1.0 - keep) * (fair[i] if known[i] else 0.0)
        held[i] = mean
        if not known[i] or fair[i] < 2.0:
            continue
        if fair[i] >= limit:
            alarm[i] = i - above > memory
            above = i
        rung = int(math.log(fair[i] / 2.0) / math.log(1.25))
        new = True
        for q in range(rung, 64):
            if i - last[q] <= memory:
                new = False
                break
        for q in range(min(rung, 63) + 1):
            last[q] = i
        if new:
            fresh[i] = fair[i]
    return fresh, held, alarm
