"""Hawkes processes with power-law memory, written as a sum of exponentials.

How ``hawkes`` fits power-law kernels; its docstring has the formula and the sources.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

SPACING = 0.7
"""Step in log s between exponentials; their number grows with log(span / shortest memory)."""

HEAD = 2000


@njit(cache=True, fastmath=True)
def _decayed(t, w, until, s, sums, masses):  # type: ignore[no-untyped-def]
    """Per act and exponential the decayed sum of the past; per exponential the mass up to ``until``."""
    state = np.zeros(s.shape[0])
    for i in range(t.shape[0]):
        if i > 0:
            d = t[i] - t[i - 1]
            for j in range(s.shape[0]):
                state[j] = (state[j] + w[i - 1]) * np.exp(-s[j] * d)
        for j in range(s.shape[0]):
            sums[i, j] = state[j]
    total = w.sum()
    d = until - t[-1]
    for j in range(s.shape[0]):
        masses[j] = (total - (state[j] + w[-1]) * np.exp(-s[j] * d)) / s[j]


@njit(cache=True, fastmath=True)
def _rates(columns, weights, mu, pull):  # type: ignore[no-untyped-def]
    """The sum of log rates, of their inverses, and of inverse times each exponential's sum."""
    # loops, not BLAS: its threads cost more than these small products
    rate = np.full(columns.shape[1], mu)
    for j in range(weights.shape[0]):
        weight, column = weights[j], columns[j]
        for i in range(rate.shape[0]):
            rate[i] += weight * column[i]
    logs = inverses = 0.0
    for i in range(rate.shape[0]):
        rate[i] = max(rate[i], 1e-300)
        logs += np.log(rate[i])
        rate[i] = 1.0 / rate[i]
        inverses += rate[i]
    for j in range(weights.shape[0]):
        column, total = columns[j], 0.0
        for i in range(rate.shape[0]):
            total += rate[i] * column[i]
        pull[j] = total
    return logs, inverses


class Sums:
    """The parts of a power-law likelihood that do not depend on its parameters."""

    def __init__(self, t: np.ndarray, w: np.ndarray, until: float, roots: int) -> None:
        gaps = np.diff(t)
        gaps = gaps[gaps > 0]
        # memories shorter than a tenth of a short gap leave no trace in the times
        self.shortest = float(np.quantile(gaps, 0.01)) / 10 if len(gaps) else until / 1e6
        low, high = np.log(0.03 / until), np.log(15.0 / self.shortest)
        self.s = np.exp(np.linspace(low, high, int(np.ceil((high - low) / SPACING)) + 1))
        self.step = (high - low) / (len(self.s) - 1)
        self.sums = np.empty((len(t), len(self.s)))
        self.masses = np.empty(len(self.s))
        _decayed(t, w, until, self.s, self.sums, self.masses)
        self.w, self.t, self.until, self.roots = w, t, until, roots
        self.columns = np.ascontiguousarray(self.sums[roots:].T)

    def weights(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Each exponential's weight at log (mu, eta, c, theta), and its log's slopes in log c and theta."""
        from scipy.special import gammaln, psi

        _, c, theta = np.exp(x[1:])
        p = 1 + theta
        logs = x[1] + x[3] + theta * x[2] + np.log(self.step) + p * np.log(self.s) - self.s * c - gammaln(p)
        in_c = theta - self.s * c
        in_theta = 1 + theta * (x[2] + np.log(self.s) - psi(p))
        # exponentials slower than the slowest are constant over the data: a geometric series
        rest = np.exp(-self.step * p)
        logs[0] -= np.log1p(-rest)
        in_theta[0] -= theta * self.step * rest / (1 - rest)
        return np.exp(logs), in_c, in_theta

    def value(self, x: np.ndarray, immigrants: bool) -> tuple[float, np.ndarray]:
        """Log-likelihood and its gradient in the logs."""
        mu = np.exp(x[0]) if immigrants else 0.0
        weights, in_c, in_theta = self.weights(x)
        pull = np.empty(len(weights))
        logs, inverse = _rates(self.columns, weights, mu, pull)
        own = weights * (pull - self.masses)
        loglik = logs - mu * self.until - weights @ self.masses
        return float(loglik), np.array([mu * (inverse - self.until), own.sum(), own @ in_c, own @ in_theta])

    def maximise(
        self, immigrants: bool, start: np.ndarray | None = None, eta: float | None = None
    ) -> tuple[np.ndarray, float]:
        """The best log (mu, eta, c, theta); with ``eta`` held where it is given."""
        from scipy.optimize import minimize

        n = self.columns.shape[1]
        if start is None and len(self.t) > 2 * HEAD:
            # the leading acts bring the search near the optimum at a fraction of the cost
            head = Sums(self.t[:HEAD], self.w[:HEAD], float(self.t[HEAD]), self.roots)
            start, _ = head.maximise(immigrants)
        begins = [start] if start is not None else [
            np.log([0.3 * n / self.until, 0.6, memory, theta])
            for memory, theta in ((self.until / n, 0.5), (max(self.until / 100 / n, 2 * self.shortest), 0.5))
        ]  # fmt: skip
        bounds: list[tuple[float, float]] = [
            (-60, 60),
            (-12, 4),
            (np.log(self.shortest), np.log(self.until)),
            (-4, 3),
        ]
        best, top = begins[0], -np.inf
        for begin in begins:
            x = np.array(begin, dtype=float)
            limits: list[Any] = list(bounds)
            if eta is not None:
                x[1] = np.log(eta)
                limits[1] = (x[1], x[1])

            def loss(y: np.ndarray) -> tuple[float, np.ndarray]:
                value, slope = self.value(y, immigrants)
                return -value, -slope

            found = minimize(
                loss,
                x,
                jac=True,
                method="L-BFGS-B",
                bounds=limits,
                options={"maxiter": 200, "ftol": 1e-10, "gtol": 1e-3},
            )
            if -found.fun > top:
                best, top = found.x, -float(found.fun)
        return best, top

    def residuals(self, x: np.ndarray) -> np.ndarray:
        """Time-rescaled gaps."""
        weights, _, _ = self.weights(x)
        before = self.sums[:-1] + self.w[:-1, None]
        inside = (before - self.sums[1:]) @ (weights / self.s)
        gaps = np.exp(x[0]) * np.diff(self.t, prepend=0.0)
        return (gaps + np.r_[0.0, inside])[self.roots :]
