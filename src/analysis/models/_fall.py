"""Compiled loop of ``drop``: a baseline with a week's rhythm, and evidence of a fall, from the past alone."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

REACH = 3.0  # deviations beyond which a count neither teaches nor tells more


@njit(cache=True)
def run(y, known, width, slot, day, n_slots, per_day, phi, depth, rate, warm):  # type: ignore[no-untyped-def]
    """Expected count, the week's rhythm in it, evidence of a fall over its limit, and where that began.

    ``slot`` and ``day`` are the time of day and the weekday of each bucket; ``per_day`` buckets make a day;
    ``rate`` is the number of buckets in which ordinary noise may pass the limit once.
    """
    n = len(y)
    keep_level = 0.5 ** (1.0 / (14.0 * per_day))
    keep_noise = 0.5 ** (1.0 / (28.0 * per_day))
    keep_slot, keep_day, keep_cell = 0.5 ** (1.0 / 28.0), 0.5 ** (1.0 / (8.0 * per_day)), 0.5 ** (1.0 / 8.0)
    up, down = 0.0, 0.0
    slots, slots_of = np.zeros(n_slots), np.zeros(n_slots)
    days, days_of = np.zeros(7), np.zeros(7)
    cells, cells_of = np.zeros((7, n_slots)), np.zeros((7, n_slots))
    moment, square = 0.0, 0.0
    ring, ring_of = np.zeros(per_day), np.zeros(per_day)
    gap, gap_of = 0.0, 0.0
    scatter, seen = 30.0, 30.0
    expected, evidence, since = np.full(n, np.nan), np.zeros(n), np.zeros(n, np.int64)
    rhythm = np.ones(n)
    total, begun, pace, rows = 0.0, 0, 0.0, 0
    for i in range(n):
        a, d = slot[i], day[i]
        level = max(up / max(down, 1e-9), 1e-9)
        # each factor begins at 1, as if that had been seen for two days, two weeks and four weeks, and on
        # ten counts at least
        own, many = max(2.0 * level, 10.0 * phi), max(4.0 * level, 10.0 * phi)
        daily = max(2.0 * per_day * level, 10.0 * phi)
        s = (slots[a] + own) / (slots_of[a] + own)
        w = (days[d] + daily) / (days_of[d] + daily)
        c = (cells[d, a] + many) / (cells_of[d, a] + many) if n_slots > 1 else 1.0
        rhythm[i] = s * w * c
        mu = max(level * width[i] * rhythm[i], 1e-9)
        if rows > 0:
            expected[i] = mu
        since[i] = begun
        if not known[i]:
            evidence[i] = total
            continue
        value = y[i]
        if rows >= per_day:
            alpha = max(moment / square, 0.0) if square > 0 else 0.25
            var = phi * mu + alpha * mu * mu
            sd = math.sqrt(var)
            value = min(max(y[i], mu - REACH * sd), mu + REACH * sd)
            moment = keep_noise * moment + (value - mu) ** 2 - phi * mu
            square = keep_noise * square + mu * mu
            # the scatter of whole days says how much residuals of one day have in common
            q = i % per_day
            gap += (value - mu) - ring[q]
            gap_of += var - ring_of[q]
            ring[q], ring_of[q] = value - mu, var
            if gap_of > 0:
                common = scatter / seen
                scatter = keep_noise * scatter + min(gap * gap / gap_of, 9.0 * max(common, 1.0)) / per_day
                seen = keep_noise * seen + 1.0 / per_day
            if rows >= warm:
                # however even a series is, half the fall looked for is no surprise of more than a deviation
                wide = max(sd * math.sqrt(max(scatter / seen, 1.0)), 0.5 * depth * mu)
                shift = depth * mu / wide
                z = min(max((y[i] - mu) / wide, -REACH), REACH)
                pace = shift * shift if pace == 0 else keep_noise * pace + (1 - keep_noise) * shift * shift
                step = -shift * z - 0.5 * shift * shift
                if total <= 0:
                    begun = i
                total = max(total + min(step, REACH), 0.0)
                since[i] = begun
                reach = math.log(1.0 + 0.5 * pace * rate)
                limit = math.log(1.0 + 0.5 * pace * rate + reach) - 1.166 * math.sqrt(pace)
                total = min(total, 1.5 * max(limit, 2.0))
                evidence[i] = total / max(limit, 2.0)
        # teach the level, then each factor against what the others expect
        up = keep_level * up + value
        down = keep_level * down + width[i] * rhythm[i]
        if rows >= per_day:
            plain = level * width[i]
            slots[a] = keep_slot * slots[a] + value
            slots_of[a] = keep_slot * slots_of[a] + plain * w * c
            days[d] = keep_day * days[d] + value
            days_of[d] = keep_day * days_of[d] + plain * s * c
            cells[d, a] = keep_cell * cells[d, a] + value
            cells_of[d, a] = keep_cell * cells_of[d, a] + plain * s * w
        rows += 1
    return expected, rhythm, evidence, since
