"""Compiled loops of the baseline: a robust log-linear fit by proportional scaling."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def box(x, half):  # type: ignore[no-untyped-def]
    """Running sums over [i - half, i + half], short at the edges."""
    n = len(x)
    total = np.empty(n + 1)
    total[0] = 0.0
    for i in range(n):
        total[i + 1] = total[i] + x[i]
    out = np.empty(n)
    for i in range(n):
        out[i] = total[min(n, i + half + 1)] - total[max(0, i - half)]
    return out


@njit(cache=True)
def shrink(num, den, var, factor, spread):  # type: ignore[no-untyped-def]
    """Each group's factor num/den pulled towards 1 by what the groups have in common.

    The spread between groups (tau squared) is what their scatter leaves after sampling (the moment
    estimate of DerSimonian & Laird 1986); a group keeps tau2 / (tau2 + its own variance) of itself.
    """
    excess = 0.0
    weight = 0.0
    for k in range(len(num)):
        if den[k] > 0:
            excess += (num[k] - den[k]) ** 2 / den[k] - var[k] / den[k]
            weight += den[k]
    tau2 = max(excess / weight, 0.0) if weight > 0 else 0.0
    for k in range(len(num)):
        factor[k] = 1.0
        spread[k] = tau2
        if den[k] > 0 and tau2 > 0:
            own = var[k] / den[k] ** 2
            keep = tau2 / (tau2 + own)
            factor[k] = max(1.0 + keep * (num[k] / den[k] - 1.0), 1e-3)
            spread[k] = keep * own / factor[k] ** 2
    return tau2


@njit(cache=True)
def groups(y, w, mu, var, index, factor, spread):  # type: ignore[no-untyped-def]
    """Re-estimate one set of factors with the others held; mu is updated in place."""
    size = len(factor)
    num, den, noise = np.zeros(size), np.zeros(size), np.zeros(size)
    for i in range(len(y)):
        if w[i] > 0:
            k = index[i]
            num[k] += w[i] * y[i]
            den[k] += w[i] * mu[i] / factor[k]
            noise[k] += w[i] * w[i] * var[i]
    old = factor.copy()
    shrink(num, den, noise, factor, spread)
    for i in range(len(y)):
        mu[i] *= factor[index[i]] / old[index[i]]


@njit(cache=True)
def slots(y, w, mu, var, index, nxt, part, factor, spread, bent):  # type: ignore[no-untyped-def]
    """The same for time of day, drawn through the middles of its slots."""
    size = len(factor)
    num, den, noise = np.zeros(size), np.zeros(size), np.zeros(size)
    for i in range(len(y)):
        if w[i] > 0:
            k, j = index[i], nxt[i]
            a = 1.0 - part[i]
            num[k] += a * w[i] * y[i]
            den[k] += a * w[i] * mu[i] / bent[i]
            noise[k] += a * w[i] * w[i] * var[i]
            if part[i] > 0:
                num[j] += part[i] * w[i] * y[i]
                den[j] += part[i] * w[i] * mu[i] / bent[i]
                noise[j] += part[i] * w[i] * w[i] * var[i]
    shrink(num, den, noise, factor, spread)
    for i in range(len(y)):
        new = (1.0 - part[i]) * factor[index[i]] + part[i] * factor[nxt[i]]
        mu[i] *= new / bent[i]
        bent[i] = new


@njit(cache=True)
def slow(y, w, mu, var, half, inflate, level, spread):  # type: ignore[no-untyped-def]
    """The slow level: a triangular running ratio over 2 x half buckets each way, pulled towards 1."""
    n = len(y)
    a, b, c = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        a[i] = w[i] * y[i] if w[i] > 0 else 0.0
        b[i] = w[i] * mu[i] / level[i]
        c[i] = w[i] * w[i] * var[i] * inflate
    wide = 2 * half + 1
    blocks = max(n // wide, 1)
    num, den, noise = np.zeros(blocks), np.zeros(blocks), np.zeros(blocks)
    for i in range(n):
        k = min(i // wide, blocks - 1)
        num[k] += a[i]
        den[k] += b[i]
        noise[k] += c[i]
    dummy, dummy2 = np.ones(blocks), np.zeros(blocks)
    tau2 = shrink(num, den, noise, dummy, dummy2)
    sa, sb, sc = box(box(a, half), half), box(box(b, half), half), box(box(c, half), half)
    for i in range(n):
        new, left = 1.0, tau2
        if tau2 > 0 and sb[i] > 0:
            # a triangle of height wide: its squares sum to two thirds of its sum times its height
            own = sc[i] * wide * 2.0 / 3.0 / sb[i] ** 2
            keep = tau2 / (tau2 + own)
            new = max(1.0 + keep * (sa[i] / sb[i] - 1.0), 1e-3)
            left = keep * own / new**2
        mu[i] *= new / level[i]
        level[i] = new
        spread[i] = left


@njit(cache=True)
def fit(y, w, dur, index, nxt, part, day, cell, n_slots, n_cells, x, half, phi, alpha, inflate, cut, sweeps):  # type: ignore[no-untyped-def]
    """Expected count per bucket, the relative variance of that, and the part all buckets near by share.

    mu = width x overall x trend x slow level x time of day x day of week x (time of day x day).
    Each set of factors is the ratio of what came to what the others expect, shrunk; counts beyond
    ``cut`` deviations count only as far as that. Buckets of weight 0 are expected but not learnt from.
    """
    n = len(y)
    mu, var, star = np.empty(n), np.empty(n), np.empty(n)
    # Begin at the bulk: a start from all counts can settle on the spikes and never come back.
    rate = np.sort((y / dur)[w > 0])
    rows = len(rate)
    mean, scatter = 0.0, 0.0
    if rows > 0:
        bulk = rate[: max(int(0.9 * rows), 1)]
        mean = bulk.mean() if bulk.mean() > 0 else rate.mean()
        scatter = (rate[int(0.75 * (rows - 1))] - rate[int(0.25 * (rows - 1))]) / 1.349
    slope = 0.0
    slot_f, slot_s = np.ones(n_slots), np.zeros(n_slots)
    day_f, day_s = np.ones(7), np.zeros(7)
    cell_f, cell_s = np.ones(n_cells), np.zeros(n_cells)
    bent, level, level_s = np.ones(n), np.ones(n), np.zeros(n)
    loose = alpha < 0  # dispersion not known yet: learn it on the way
    grand = 0.0
    for i in range(n):
        mu[i] = max(mean * dur[i], 1e-9)
    if loose:
        alpha = min(max(scatter**2 / max(mean, 1e-9) ** 2 - phi / max(mean, 1e-9), 0.05), 1.0)
    for _ in range(sweeps):
        num, den, noise, moment, square = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(n):
            var[i] = phi * mu[i] + alpha * mu[i] * mu[i]
            if w[i] > 0:
                sd = np.sqrt(var[i])
                star[i] = min(max(y[i], mu[i] - cut * sd), mu[i] + cut * sd)
                num += w[i] * star[i]
                den += w[i] * mu[i]
                noise += w[i] * w[i] * var[i]
                moment += w[i] * ((star[i] - mu[i]) ** 2 - phi * mu[i])
                square += w[i] * mu[i] * mu[i]
        if den <= 0:
            break
        if loose and square > 0:
            alpha = max(moment / square, 0.0)
        # half a count more than was seen: no count at all is no proof that none can come
        ratio = (num + 0.5 * phi) / (den + 1e-12)
        grand = (noise * inflate + 0.5 * phi * phi) / den**2
        for i in range(n):
            mu[i] *= ratio
        if n_slots > 1:
            slots(star, w, mu, var, index, nxt, part, slot_f, slot_s, bent)
        if day[0] >= 0:
            groups(star, w, mu, var, day, day_f, day_s)
        if n_cells > 1:
            groups(star, w, mu, var, cell, cell_f, cell_s)
        if half > 0:
            up, down, centre = 0.0, 0.0, 0.0
            for i in range(n):
                if w[i] > 0:
                    centre += w[i] * mu[i] * x[i]
            centre /= den
            for i in range(n):
                if w[i] > 0:
                    up += w[i] * (star[i] - mu[i]) * (x[i] - centre)
                    down += w[i] * mu[i] * (x[i] - centre) ** 2
            if down > 0:
                step = min(max(up / down, -0.7), 0.7)
                slope += step
                for i in range(n):
                    mu[i] *= np.exp(step * (x[i] - centre))
            slow(star, w, mu, var, half, inflate, level, level_s)
        for i in range(n):
            mu[i] = max(mu[i], 1e-9 * dur[i])
    common, rel = np.empty(n), np.empty(n)
    for i in range(n):
        common[i] = grand + level_s[i]
        rel[i] = common[i]
        if n_slots > 1:
            rel[i] += (1.0 - part[i]) ** 2 * slot_s[index[i]] + part[i] ** 2 * slot_s[nxt[i]]
        if day[0] >= 0:
            rel[i] += day_s[day[i]]
        if n_cells > 1:
            rel[i] += cell_s[cell[i]]
    return mu, rel, common, alpha, slot_f, day_f, cell_f, level, slope


@njit(cache=True)
def dispersion(y, w, mu, phi, alpha, cut, lost):  # type: ignore[no-untyped-def]
    """Over-dispersion alpha in var = phi mu + alpha mu^2, and the autocorrelation of what is left.

    Returns alpha, c, rho: residuals k buckets apart correlate as c rho^k (a slow wave under count
    noise); c is 0 where that cannot be told from nothing.
    """
    n = len(y)
    for _ in range(8):
        moment, square, rows = 0.0, 0.0, 0
        for i in range(n):
            if w[i] > 0:
                sd = np.sqrt(phi * mu[i] + alpha * mu[i] ** 2)
                gap = min(max(y[i] - mu[i], -cut * sd), cut * sd)
                moment += gap * gap * rows_factor(n, lost) - phi * mu[i]
                square += mu[i] ** 2
                rows += 1
        new = max(moment / square, 0.0) if square > 0 else 0.0
        if abs(new - alpha) < 1e-4 * (alpha + 1e-6):
            alpha = new
            break
        alpha = new
    lags = 8
    r = np.zeros(n)
    for i in range(n):
        if w[i] > 0:
            sd = np.sqrt(phi * mu[i] + alpha * mu[i] ** 2)
            r[i] = min(max((y[i] - mu[i]) / sd, -cut), cut)
    base, pairs = 0.0, 0
    for i in range(n):
        if w[i] > 0:
            base += r[i] ** 2
            pairs += 1
    rho = np.zeros(lags + 1)
    if pairs < 20 or base <= 0:
        return alpha, 0.0, 0.0, rho
    base /= pairs
    for k in range(1, lags + 1):
        cross, count = 0.0, 0
        for i in range(n - k):
            if w[i] > 0 and w[i + k] > 0:
                cross += r[i] * r[i + k]
                count += 1
        rho[k] = cross / count / base if count > 10 else 0.0
    early = (rho[1] + rho[2] + rho[3] + rho[4]) / 4.0
    if early * np.sqrt(4.0 * pairs) < 2.0 and rho[1] * np.sqrt(pairs) < 2.5:
        return alpha, 0.0, 0.0, rho
    up, down = 0.0, 0.0
    for k in range(1, lags):
        if rho[k] > 0:
            up += rho[k] * rho[k + 1]
            down += rho[k] * rho[k]
    phi1 = min(max(up / down, 0.0), 0.98) if down > 0 else 0.0
    c_up, c_down = 0.0, 0.0
    for k in range(1, lags + 1):
        c_up += rho[k] * phi1**k
        c_down += phi1 ** (2 * k)
    if c_down <= 0:
        return alpha, max(rho[1], 0.0), 0.0, rho
    return alpha, min(max(c_up / c_down, 0.0), 1.0), phi1, rho


@njit(cache=True)
def rows_factor(n, lost):  # type: ignore[no-untyped-def]
    """What fitting took out of the residuals: n / (n - parameters)."""
    return n / max(n - lost, n / 2.0)
