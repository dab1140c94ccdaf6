"""How far ordinary noise reaches: the tail of a series' own scores, learnt from its own past.

How rare a score z is under the noise model is said by E = log(rate of the limit u / rate of z), which is
exponential with mean 1 where the model is right. Where it is not, what exceeds a high limit follows, nearly
always, a generalized Pareto distribution (Pickands, Ann. Stat. 3, 1975; Davison & Smith, J. R. Stat. Soc. B
52, 1990): P(E > e) = (1 + xi e / sigma)^(-1 / xi); xi 0 is the exponential, a Pareto noise of index a has
xi = 1 / a. Two counts by bins of E are all that is kept of the past. *Singles*, windows side by side whose
score is among the highest tenth (neighbours count once), are many and show the shape xi. *Bursts*, clusters
of the alarm's own scores above 2, are what the promise is about, and have their own sigma and rate. One in a
hundred of either is taken for a spike that reaches anywhere, so a few spikes do not pass for a tail.

sigma and xi are averaged over, not plugged in. With few seen the prior speaks: half of it for a tail as light
as the model's, half for xi of .1 to 1; what is not known makes the answer careful. A tail is followed only as
far as the bursts seen can show it, and taken to fall on as steeply as there: else a month's past would ask
for any height before it believed in what comes once in ten years.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

SINGLE = 1.2815515655446004  # one window in ten scores more
BURST = 2.0
EDGES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, np.inf])
SIGMA = np.array([0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0])
XI = np.array([0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0])
SPIKES = 0.01  # the part of what is seen that may be spikes,
SPIKE = 10.0  # and how far half of those reach
WORTH = 10.0  # bursts that the expected rate is worth


def _prior() -> np.ndarray:
    """Log prior of each (sigma, xi): sigma near 1 within a factor of 1.4, xi 0 or anything."""
    sigma = np.exp(-0.5 * (np.log(SIGMA) / 0.35) ** 2)
    xi = np.r_[0.5, np.full(len(XI) - 1, 0.5 / (len(XI) - 1))]
    return np.log(np.outer(sigma / sigma.sum(), xi))


def _table() -> np.ndarray:
    """Log probability of each bin under each (sigma, xi), spikes included."""
    a, x = SIGMA[:, None, None], XI[None, :, None]
    edges = EDGES[:-1]
    with np.errstate(divide="ignore"):
        reach = np.where(x > 0, (1 + x * edges / a) ** (-1 / np.maximum(x, 1e-9)), np.exp(-edges / a))
    beyond = np.append(reach, np.zeros((*reach.shape[:2], 1)), axis=2)
    spike = np.append(1 / (1 + edges / SPIKE), 0.0)
    return np.log((1 - SPIKES) * -np.diff(beyond, axis=2) - SPIKES * np.diff(spike))


PRIOR, TABLE = _prior(), _table()


@njit(cache=True)
def log_tail(z):  # type: ignore[no-untyped-def]
    """Log of P(Z > z) of a normal Z, however far out."""
    if z < 8.0:
        return math.log(0.5 * math.erfc(z / math.sqrt(2.0)))
    return -0.5 * z * z - math.log(z * math.sqrt(2.0 * math.pi)) + math.log1p(-1.0 / (z * z))


@njit(cache=True)
def log_rate(z, steep):  # type: ignore[no-untyped-def]
    """Log of the clusters above z that white noise brings a bucket, as ``grid.threshold`` says."""
    return log_tail(z) + math.log1p(steep * max(z - 2.0, 0.0))


@njit(cache=True)
def rarity(z, steep):  # type: ignore[no-untyped-def]
    """E of a burst: how much rarer than one above ``BURST``."""
    return log_rate(BURST, steep) - log_rate(z, steep)


@njit(cache=True)
def place(e):  # type: ignore[no-untyped-def]
    """The bin of an E."""
    k = 0
    while k < len(EDGES) - 2 and e >= EDGES[k + 1]:
        k += 1
    return k


@njit(cache=True)
def histogram(scores, steep):  # type: ignore[no-untyped-def]
    """Bursts by the bin of their E."""
    out = np.zeros(len(EDGES) - 1)
    for z in scores:
        out[place(rarity(z, steep))] += 1
    return out


@njit(cache=True)
def single(z):  # type: ignore[no-untyped-def]
    """The bin of one window's score."""
    return place(log_tail(SINGLE) - log_tail(z))


@njit(cache=True)
def weigh(singles, bursts):  # type: ignore[no-untyped-def]
    """How likely each (sigma, xi) of the bursts is after what was seen."""
    rows, columns = PRIOR.shape
    out = np.empty((rows, columns))
    shape = np.empty(rows)
    for j in range(columns):
        for i in range(rows):
            one, two = PRIOR[i, j], PRIOR[i, j]
            for k in range(len(singles)):
                one += singles[k] * TABLE[i, j, k]
                two += bursts[k] * TABLE[i, j, k]
            shape[i], out[i, j] = one, two
        # what the single windows say of xi, whatever their own sigma; the prior of xi counts once
        top = shape.max()
        out[:, j] += top + math.log(np.exp(shape - top).sum()) - np.log(np.exp(PRIOR[:, j]).sum())
    out = np.exp(out - out.max())
    return out / out.sum()


@njit(cache=True)
def beyond(z, steep, weight, often, seen):  # type: ignore[no-untyped-def]
    """How often bursts of this series pass z, over how often white noise passes ``BURST``.

    A tail is followed as far as ``seen`` bursts can show it, to one in so many (and ``WORTH`` more); from
    there on it is taken to fall as steeply as it did there.
    """
    e, n = max(rarity(z, steep), 0.0), seen + WORTH
    out = 0.0
    for i in range(weight.shape[0]):
        out += weight[i, 0] * math.exp(-e / SIGMA[i])
        for j in range(1, weight.shape[1]):
            edge = SIGMA[i] / XI[j] * (n ** XI[j] - 1.0)
            tail = (1.0 + XI[j] * min(e, edge) / SIGMA[i]) ** (-1.0 / XI[j])
            out += weight[i, j] * tail * math.exp(-max(e - edge, 0.0) / (SIGMA[i] + XI[j] * edge))
    return max(often * out, 1e-300)


@njit(cache=True)
def fair(z, steep, weight, often, seen):  # type: ignore[no-untyped-def]
    """The score that white noise passes as often as this series' noise passes z; never more than z.

    ``often`` is the rate of the ``seen`` bursts over the one expected.
    """
    if z <= BURST:
        return z
    goal = -math.log(beyond(z, steep, weight, often, seen))
    if goal >= rarity(z, steep):
        return z
    low, high = 0.0, z
    for _ in range(40):
        middle = 0.5 * (low + high)
        if rarity(middle, steep) < goal:
            low = middle
        else:
            high = middle
    return high


@njit(cache=True)
def often(count, buckets, steep, first):  # type: ignore[no-untyped-def]
    """Bursts seen over bursts expected in so many buckets, pulled towards what is supposed at first."""
    return (count + first * WORTH) / (buckets * math.exp(log_rate(BURST, steep)) + WORTH)


@njit(cache=True)
def demand(limit, steep, weight, often, seen):  # type: ignore[no-untyped-def]
    """The score that is as fair as ``limit``: what this series must show."""
    low, high = limit, max(limit, BURST)
    while fair(high, steep, weight, often, seen) < limit and high < 1e4:
        low, high = high, 2.0 * high
    for _ in range(30):
        middle = 0.5 * (low + high)
        if fair(middle, steep, weight, often, seen) < limit:
            low = middle
        else:
            high = middle
    return high
