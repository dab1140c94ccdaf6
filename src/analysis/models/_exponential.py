"""Hawkes processes with exponential memory: one recursion gives likelihood, gradient and Hessian.

How ``hawkes`` fits exponential kernels; its docstring has the formula and the sources.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange


def maximise(
    t: np.ndarray, w: np.ndarray, until: float, roots: int, immigrants: bool
) -> tuple[np.ndarray, float]:
    """From the leading acts to all of them: the long recursion is only run near the optimum."""
    n = min(len(t), 4000)
    span = until if n == len(t) else float(t[n - 1])
    rate = n / max(span, 1e-300)
    head_t, head_w = t[:n], w[:n]
    best, top = np.zeros(3), -np.inf
    for speed in (0.1, 1.0, 10.0):
        begin = np.log(np.array([0.3 * rate, 0.6, speed * rate]))
        x, value, _ = newton(head_t, head_w, span, roots, begin, immigrants, True, True, 60)
        if value > top:
            best, top = x, value
    if n < len(t):
        best, top, _ = newton(t, w, until, roots, best, immigrants, True, True, 30)
    return best, float(top)


@njit(cache=True, fastmath=True)
def likelihood(t, w, until, roots, x, immigrants, grad, hess):  # type: ignore[no-untyped-def]
    """Log-likelihood; gradient and Hessian in log mu, log eta, log beta."""
    mu = np.exp(x[0]) if immigrants else 0.0
    eta, beta = np.exp(x[1]), np.exp(x[2])
    s = u = v = 0.0  # sums of w e, w D e, w D^2 e over the past, D the time since
    ll = 0.0
    g0 = g1 = g2 = h00 = h01 = h02 = h11 = h12 = h22 = 0.0
    total = 0.0
    for i in range(t.shape[0]):
        if i > 0:
            d = t[i] - t[i - 1]
            e = np.exp(-beta * d)
            a = s + w[i - 1]
            v = e * (v + 2.0 * d * u + d * d * a)
            u = e * (u + d * a)
            s = e * a
        total += w[i]
        if i < roots:
            continue
        rate = mu + eta * beta * s
        if rate <= 1e-300:
            rate = 1e-300
        inv = 1.0 / rate
        ll += np.log(rate)
        p1 = beta * s * inv
        k = s - beta * u
        p2 = eta * k * inv
        g0 += inv
        g1 += p1
        g2 += p2
        h00 -= inv * inv
        h01 -= inv * p1
        h02 -= inv * p2
        h11 -= p1 * p1
        h12 += k * inv - p1 * p2
        h22 += eta * (beta * v - 2.0 * u) * inv - p2 * p2
    d = until - t[-1]
    e = np.exp(-beta * d)
    a = s + w[-1]
    v = e * (v + 2.0 * d * u + d * d * a)
    u = e * (u + d * a)
    s = e * a
    ll -= mu * until + eta * (total - s)
    g0 -= until
    g1 -= total - s
    g2 -= eta * u
    h12 -= u
    h22 += eta * v
    grad[0], grad[1], grad[2] = mu * g0, eta * g1, beta * g2
    hess[0, 0] = mu * mu * h00 + grad[0]
    hess[0, 1] = hess[1, 0] = mu * eta * h01
    hess[0, 2] = hess[2, 0] = mu * beta * h02
    hess[1, 1] = eta * eta * h11 + grad[1]
    hess[1, 2] = hess[2, 1] = eta * beta * h12
    hess[2, 2] = beta * beta * h22 + grad[2]
    return ll


@njit(cache=True)
def newton(t, w, until, roots, start, free_mu, free_eta, free_beta, most):  # type: ignore[no-untyped-def]
    """Damped Newton steps in logs; a parameter that is not free stays. Returns x, value, steps."""
    x = start.copy()
    grad, hess = np.zeros(3), np.zeros((3, 3))
    new_grad, new_hess = np.zeros(3), np.zeros((3, 3))
    free = np.array([free_mu, free_eta, free_beta])
    damp = 1e-3
    value = likelihood(t, w, until, roots, x, free_mu, grad, hess)
    for step in range(most):
        a = np.zeros((3, 3))
        b = np.zeros(3)
        for i in range(3):
            if not free[i]:
                a[i, i] = 1.0
                continue
            b[i] = grad[i]
            for j in range(3):
                if free[j]:
                    a[i, j] = -hess[i, j]
            a[i, i] += damp * (abs(hess[i, i]) + 1.0)
        move = _solve3(a, b)
        ahead = 0.0
        for i in range(3):
            move[i] = min(max(move[i], -2.0), 2.0)
            ahead += move[i] * b[i]
        if ahead <= 0.0:  # not uphill: the Hessian is no guide here
            damp = max(damp * 10.0, 1e-2)
            if damp > 1e8:
                return x, value, step
            continue
        new = x + move
        for i in range(3):
            new[i] = min(max(new[i], -60.0), 60.0)
        tried = likelihood(t, w, until, roots, new, free_mu, new_grad, new_hess)
        if tried >= value:
            gain = tried - value
            x, value = new, tried
            grad[:] = new_grad
            hess[:] = new_hess
            damp = max(damp * 0.1, 1e-9)
            if gain < 1e-7 * (1.0 + abs(value) * 1e-6) and np.max(np.abs(move)) < 1e-3:
                return x, value, step + 1
        else:
            damp *= 10.0
            if damp > 1e8:
                return x, value, step
    return x, value, most


@njit(cache=True)
def _solve3(a, b):  # type: ignore[no-untyped-def]
    a, b = a.copy(), b.copy()
    for i in range(3):
        pivot = i
        for r in range(i + 1, 3):
            if abs(a[r, i]) > abs(a[pivot, i]):
                pivot = r
        for c in range(3):
            a[i, c], a[pivot, c] = a[pivot, c], a[i, c]
        b[i], b[pivot] = b[pivot], b[i]
        if abs(a[i, i]) < 1e-300:
            a[i, i] = 1e-300
        for r in range(i + 1, 3):
            f = a[r, i] / a[i, i]
            for c in range(i, 3):
                a[r, c] -= f * a[i, c]
            b[r] -= f * b[i]
    for i in (2, 1, 0):
        for c in range(i + 1, 3):
            b[i] -= a[i, c] * b[c]
        b[i] /= a[i, i]
    return b


@njit(cache=True, parallel=True)
def many(times, offsets, until, roots, immigrants, out):  # type: ignore[no-untyped-def]
    for i in prange(offsets.shape[0] - 1):
        t = times[offsets[i] : offsets[i + 1]]
        if t.shape[0] - roots < 10:
            continue
        w = np.ones(t.shape[0])
        rate = t.shape[0] / max(until[i], 1e-300)
        top = -np.inf
        for speed in (0.3, 3.0):
            start = np.log(np.array([0.3 * rate, 0.6, speed * rate]))
            x, value, _ = newton(t, w, until[i], roots, start, immigrants, True, True, 60)
            if value > top:
                top = value
                out[i, 0] = np.exp(x[0]) if immigrants else 0.0
                out[i, 1], out[i, 2], out[i, 3] = np.exp(x[1]), np.exp(x[2]), value


@njit(cache=True)
def residuals(t, w, roots, mu, eta, beta):  # type: ignore[no-untyped-def]
    out = np.empty(t.shape[0] - roots)
    s = 0.0
    for i in range(t.shape[0]):
        d = t[i] - (t[i - 1] if i > 0 else 0.0)
        a = s + (w[i - 1] if i > 0 else 0.0)
        e = np.exp(-beta * d)
        s = e * a
        if i >= roots:
            out[i - roots] = mu * d + eta * a * (1.0 - e)
    return out
