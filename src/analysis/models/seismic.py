"""SEISMIC as published: a cascade's final size from its pace and the audience it has reached.

Question. A post has been repeated so far by these accounts with so many followers; how often will it
have been repeated in the end?

Formula. People react after a time with density phi(u) = c up to 300 s and c (u / 300)^-(1 + theta) after
it, theta = 0.2314843, c = 0.0006265725. Infectiousness now is the repeats of a triangular window (half
the age, at least 5 minutes, at most 2 hours, at least 5 repeats) over what that window's exposed
followers would give at infectiousness 1. Final size = repeats so far + p * (followers not yet reached in
time) / (1 - p n*), n* = 100 followers of a typical account.

Assumptions. One memory for all cascades; every follower sees every repeat; p n* < 1.

Abstains: "supercritical" (infinite) when p n* >= 1.

Source. Q. Zhao, M. Erdogdu, H. He, A. Rajaraman, J. Leskovec: SEISMIC, KDD 2015, sections 3 and 4, and
the authors' R package for the window's exact edges.
"""

from __future__ import annotations

import numpy as np
from numba import njit

THETA = 0.2314843
CUTOFF = 300.0
C = 0.0006265725
N_STAR = 100.0


@njit(cache=True)
def infectiousness(
    times: np.ndarray,
    followers: np.ndarray,
    at: float,
    widest: float = 7200.0,
    narrowest: float = 300.0,
    fewest: int = 5,
) -> float:
    """The infectiousness p at time ``at``.

    Parameters
    ----------
    times
        Seconds since the post, sorted, the post itself first (0).
    followers
        Followers of each account.
    """
    window = min(max(at / 2.0, narrowest), widest)
    until = int(np.searchsorted(times, at))  # acts before `at`
    since = int(np.searchsorted(times, at - window))
    if until == 0:
        return 0.0
    if until - since < fewest:
        since = max(until - fewest - 1, 0)
        window = at - times[since]
    if window <= 0.0:
        return 0.0
    slope = 1.0 / window
    count = 0.0
    for i in range(max(since, 1), until):
        if times[i] >= at - window:
            count += slope * (times[i] - at) + 1.0
    if count == 0.0:
        return 0.0
    exposed = 0.0
    for i in range(until):
        s, low = times[i], max(times[i], at - window)
        bend = s + CUTOFF
        mass = 0.0
        if low < bend:
            top = min(bend, at)
            mass += _flat(top, at, slope) - _flat(low, at, slope)
        if at > bend:
            start = max(low, bend)
            mass += _tail(at, s, at, slope) - _tail(start, s, at, slope)
        exposed += followers[i] * mass
    return count / exposed if exposed > 0 else 0.0


@njit(cache=True)
def final_size(times: np.ndarray, followers: np.ndarray, at: float, n_star: float = N_STAR) -> float:
    """Repeats in the end (the post itself not counted); infinite when supercritical."""
    p = infectiousness(times, followers, at)
    now, waiting = not_yet(times, followers, at)
    if p > 1.0 / n_star:
        return np.inf
    return now + p * waiting / (1.0 - p * n_star)


@njit(cache=True)
def not_yet(times: np.ndarray, followers: np.ndarray, at: float) -> tuple[float, float]:
    """Repeats so far, and the followers who will still react (at infectiousness 1 each would)."""
    waiting = 0.0
    until = np.searchsorted(times, at, side="right")
    for i in range(until):
        d = at - times[i]
        left = 1.0 - C * d if d <= CUTOFF else C * CUTOFF ** (1.0 + THETA) / THETA * d**-THETA
        waiting += followers[i] * left
    return until - 1.0, waiting


@njit(cache=True)
def _flat(t: float, at: float, slope: float) -> float:
    return C * (t - at * slope * t + slope * t * t / 2.0)


@njit(cache=True)
def _tail(t: float, s: float, at: float, slope: float) -> float:
    # the integral of c (u / cutoff)^-(1 + theta) times the triangle, u = t - s
    u = t - s
    power = u**-THETA
    return (
        C * CUTOFF ** (1.0 + THETA) * power * (slope * u / (1.0 - THETA) - (1.0 - slope * (at - s)) / THETA)
    )
