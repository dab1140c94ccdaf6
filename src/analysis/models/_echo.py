"""What moves with shares in a page's hourly counts: each share's echo, over the site's usual hours.

    y_t = b w_t + beta x_t,   x_t = sum over shares s <= t of exp(-(t - s) / tau),

w being the usual hours (mean 1). b and beta are at least 0, by Poisson likelihood (EM), and tau is the best
of ``TAUS``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TAUS = (1.0, 3.0, 6.0, 12.0, 24.0)


@dataclass(frozen=True)
class Echo:
    """What followed shares: beta x, an hour each.

    error : standard error of beta, quasi-Poisson: widened by the residuals' dispersion and by their
        autocorrelation over six hours
    tau : hours of the e-fold
    """

    beta: float
    error: float
    x: np.ndarray
    tau: float


def echo(y: np.ndarray, usual: np.ndarray, hour: np.ndarray, shares: np.ndarray) -> Echo:
    """Fit it; ``hour``: where each count's hour begins, ``shares``: when, both in hours since one moment."""
    w = usual / usual.mean()
    # a share acts from its moment on: the hour it falls into holds the rest of that hour
    lag = np.clip(hour[:, None] + 1 - shares[None, :], 0, None)
    best = (-np.inf, 0.0, 0.0, 0.0, np.zeros(0))
    for tau in TAUS:
        x = (np.exp(-np.clip(lag - 1, 0, None) / tau) * np.minimum(lag, 1)).sum(axis=1)
        b, beta, fit = _poisson(y, w, x)
        if fit > best[0]:
            best = (fit, b, beta, tau, x)
    _, b, beta, tau, x = best
    mu = np.maximum(b * w + beta * x, 1e-9)
    information = np.array(
        [[(w * w / mu).sum(), (w * x / mu).sum()], [(w * x / mu).sum(), (x * x / mu).sum()]]
    )
    variance = _dispersion(y, mu) * np.linalg.pinv(information)[1, 1]
    return Echo(beta, float(np.sqrt(max(variance, 0.0))), x, tau)


def _dispersion(y: np.ndarray, mu: np.ndarray) -> float:
    residual = (y - mu) / np.sqrt(mu)
    phi = max(1.0, float((residual**2).sum() / max(len(y) - 2, 1)))
    centred = residual - residual.mean()
    lags = [float((centred[k:] * centred[:-k]).sum() / max((centred**2).sum(), 1e-9)) for k in range(1, 7)]
    return phi * (1 + 2 * sum(max(r, 0.0) for r in lags))


def _poisson(y: np.ndarray, w: np.ndarray, x: np.ndarray, steps: int = 300) -> tuple[float, float, float]:
    """b, beta >= 0 of the mean b w + beta x, by EM, and the log-likelihood."""
    b, beta = y.mean() / 2, y.sum() / 2 / max(x.sum(), 1e-9)
    for _ in range(steps):
        ratio = y / np.maximum(b * w + beta * x, 1e-12)
        b, beta = b * (w * ratio).sum() / w.sum(), beta * (x * ratio).sum() / max(x.sum(), 1e-12)
    mu = np.maximum(b * w + beta * x, 1e-12)
    return float(b), float(beta), float((y * np.log(mu) - mu).sum())
