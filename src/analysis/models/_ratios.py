"""How many dark visits a stated one brings along: ratios that differ between contents, none below 0.

A mixed model by its normal equations: the ratio of content i is a platform's own plus a deviation of mean 0,
predicted as well as it can be (Henderson's equations); how much contents differ is found by moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mixed:
    """Ratios that differ between contents: own_i = ratio + a deviation of variance d, by best prediction.

    ratio : a platform's, held at 0 or more; own : contents x platforms, likewise
    d : the variances; gram : G, the normal matrix of each content
    keep : (1 + G d)^-1 a content; inverse : that of the sum of keep G
    """

    ratio: np.ndarray
    own: np.ndarray
    d: np.ndarray
    gram: np.ndarray
    keep: np.ndarray
    inverse: np.ndarray

    def reading(self, p: int, totals: np.ndarray) -> np.ndarray:
        """Contents x platforms: how platform p's total is read off each content's pull."""
        left = np.eye(len(self.d))[p] - self.d[p] * np.einsum("iq,iqr->ir", self.keep[:, p, :], self.gram)
        spread = np.einsum("i,ir->r", totals, left) @ self.inverse
        out = np.einsum("r,irq->iq", spread, self.keep)
        return np.asarray(out + (totals * self.d[p])[:, None] * self.keep[:, p, :])


def mixed(gram: np.ndarray, pull: np.ndarray, d: np.ndarray) -> Mixed:
    """Ratios from the contents' normal equations (contents x platforms x platforms); d: their variances."""
    keep = np.linalg.inv(np.eye(len(d)) + gram * d[None, None, :])
    whole = np.einsum("ipq,iqr->pr", keep, gram)
    whole = (whole + whole.T) / 2
    inverse = np.linalg.pinv(whole, rcond=1e-10, hermitian=True)
    ratio = _held(whole, np.einsum("ipq,iq->p", keep, pull))
    left = pull - np.einsum("ipq,q->ip", gram, ratio)
    own = ratio + d * np.einsum("ipq,iq->ip", keep, left)
    return Mixed(ratio, np.maximum(own, 0.0), d, gram, keep, inverse)


def scatter(mix: Mixed, gram: np.ndarray, pull: np.ndarray) -> float:
    """How the ratio of dark to stated visits differs between contents: its relative variance, by moments."""
    left = pull - np.einsum("ipq,q->ip", gram, mix.ratio)
    noise = np.einsum("ipp->ip", gram)
    lever = (np.einsum("ipq,q->ipq", gram, mix.ratio) ** 2).sum(axis=2)
    use = (noise > 1e-9) & (lever > 1e-9) & (mix.ratio > 0)
    s, v, h = left[use] ** 2, noise[use], lever[use]
    if len(s) < 5:
        return 0.1
    free = len(s) / max(len(s) - int((mix.ratio > 0).sum()), 1)
    tau2 = 0.05
    for _ in range(20):
        w = h / np.maximum(v + h * tau2, 1e-9) ** 2
        tau2 = float(np.clip((w * (free * s - v)).sum() / max((w * h).sum(), 1e-12), 0.0, 4.0))
    return tau2


def _held(gram: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """The least-squares ratios with none below 0 (active set)."""
    use = np.ones(len(pull), bool)
    ratio = np.zeros(len(pull))
    for _ in range(len(pull)):
        ratio[:] = 0.0
        ratio[use] = np.linalg.pinv(gram[np.ix_(use, use)], hermitian=True) @ pull[use]
        below = ratio < 0
        if not below.any():
            break
        use &= ~below
    return np.maximum(ratio, 0.0)
