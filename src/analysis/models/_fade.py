"""Compiled loops of the fade: likelihood of a half-life under each family, over a grid."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Families: 0 exponential, 1 power law, 2 stretched exponential. The shapes are what is tried of the
# power's exponent and of the stretch; 1 of the stretch is the exponential itself.
POWERS = np.array([0.3, 0.45, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0])
STRETCHES = np.array([0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.25, 1.6, 2.2])


@njit(cache=True)
def curve(family, shape, half_life, t):  # type: ignore[no-untyped-def]
    """What is left of the excess a time t after the peak, 1 at the peak and 1/2 at the half-life."""
    if family == 0:
        return math.exp(-0.6931471805599453 * t / half_life)
    if family == 1:
        return (1.0 + t / half_life * (2.0 ** (1.0 / shape) - 1.0)) ** -shape
    return math.exp(-0.6931471805599453 * (t / half_life) ** shape)


@njit(cache=True)
def amplitude(y, mu, w, f):  # type: ignore[no-untyped-def]
    """Height of the fade that fits best, and its quasi-likelihood."""
    top, bottom = 0.0, 0.0
    for i in range(len(y)):
        top += w[i] * (y[i] - mu[i]) * f[i]
        bottom += w[i] * f[i] * f[i]
    a = max(top / max(bottom, 1e-12), 1e-6)
    for _ in range(12):
        slope, bend = 0.0, 0.0
        for i in range(len(y)):
            m = mu[i] + a * f[i]
            slope += w[i] * f[i] * (y[i] / m - 1.0)
            bend += w[i] * f[i] * f[i] * y[i] / (m * m)
        if bend <= 0:
            break
        step = slope / bend
        new = a + step
        if new <= 0:
            new = a / 4.0
        if abs(new - a) < 1e-6 * a:
            a = new
            break
        a = new
        if a < 1e-9:
            break
    total = 0.0
    for i in range(len(y)):
        m = mu[i] + a * f[i]
        total += w[i] * ((y[i] * math.log(m) if y[i] > 0 else 0.0) - m)
    return a, total


@njit(cache=True)
def profile(y, mu, w, left, width, lives, powers, stretches):  # type: ignore[no-untyped-def]
    """Quasi-likelihood of each half-life under each family, its best shape and its height.

    ``left`` and ``width`` place each bin after the start of the peak's bucket; the curve is taken
    as its mean over the bin (Simpson), times the bin's width.
    """
    n, size = len(y), len(lives)
    best = np.full((3, size), -np.inf)
    shapes, heights = np.ones((3, size)), np.zeros((3, size))
    f = np.empty(n)
    for family in range(3):
        tries = 1 if family == 0 else (len(powers) if family == 1 else len(stretches))
        for j in range(size):
            for k in range(tries):
                shape = 1.0 if family == 0 else (powers[k] if family == 1 else stretches[k])
                for i in range(n):
                    a, b = left[i], left[i] + width[i]
                    f[i] = (
                        width[i]
                        / 6.0
                        * (
                            curve(family, shape, lives[j], a)
                            + 4.0 * curve(family, shape, lives[j], 0.5 * (a + b))
                            + curve(family, shape, lives[j], b)
                        )
                    )
                height, value = amplitude(y, mu, w, f)
                if value > best[family, j]:
                    best[family, j], shapes[family, j], heights[family, j] = value, shape, height
    return best, shapes, heights
