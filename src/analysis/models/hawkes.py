"""Self-exciting processes, fast: likelihood, fit, interval of the branching ratio, residuals, simulation.

Question. How much of a burst was set off by the burst itself, and how long does it remember?

Formula. Rate(t) = mu + eta * sum over past acts k of w_k * g(t - t_k), with g a density: exponential
g(u) = beta e^(-beta u), or a power law g(u) = theta c^theta / (u + c)^(1 + theta). eta is the branching
ratio (direct followers of one act), w an audience weight with mean 1. The exponential likelihood, its
gradient and Hessian come from one recursion (Ozaki 1979), maximised by damped Newton steps in logs. The
power law is written as a sum of exponentials, (u + c)^-p = 1/Gamma(p) * integral of s^(p-1) e^(-s(u+c)) ds
on a grid even in log s: the decayed sums per s do not depend on the parameters, so they are made once
and an evaluation is one product of a matrix and a vector. The 95 % interval of eta is where the profile
likelihood falls by 1.92.

Assumptions. One process, constant immigration, one memory. Times are sorted; ties are allowed.

Abstains: with fewer than 10 acts nothing is fitted (ValueError; ``cascade`` turns it into words).

Sources. A. Hawkes, Biometrika 58, 1971; T. Ozaki, Ann. Inst. Stat. Math. 31, 1979, p. 145; J. Bochud and
D. Challet, Quantitative Finance 7, 2007 (power laws as sums of exponentials); Y. Ogata, JASA 83, 1988
(time-rescaled residuals).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.models import _exponential
from analysis.models._powerlaw import Sums

FEWEST = 10
DROP = 1.9207
"""Half the 95 % point of chi-squared with one degree of freedom."""


@dataclass(frozen=True)
class Fit:
    """A fitted process: rates per time unit of the data.

    mu : immigrants per unit; eta : branching ratio; memory : beta, or c and theta
    loglik : at the optimum; low, high : 95 % interval of eta; residuals : time-rescaled gaps,
    exponential with mean 1 where the model holds
    """

    kernel: str
    mu: float
    eta: float
    memory: tuple[float, ...]
    loglik: float
    low: float
    high: float
    residuals: np.ndarray
    events: int

    def reach(self, elapsed: np.ndarray) -> np.ndarray:
        """The share of an act's direct followers that come within ``elapsed``."""
        return reach(self.kernel, self.memory, elapsed)


def reach(kernel: str, memory: tuple[float, ...], elapsed: np.ndarray) -> np.ndarray:
    """The kernel's distribution function."""
    if kernel == "exponential":
        return -np.expm1(-memory[0] * np.maximum(elapsed, 0))
    c, theta = memory
    return 1 - (np.maximum(elapsed, 0) / c + 1) ** -theta


def fit(
    times: np.ndarray,
    until: float,
    kernel: str = "exponential",
    weights: np.ndarray | None = None,
    roots: int = 0,
    immigrants: bool = True,
    interval: bool = True,
    slowest: float = 0.0,
) -> Fit:
    """Fit a process to sorted times within [0, until].

    Parameters
    ----------
    times, until
        In one unit, from 0.
    kernel
        "exponential" or "power".
    weights
        Audience weight of each act, scaled here to mean 1; None: all alike.
    roots
        How many acts at the beginning are taken as given (1 for a cascade that starts with its post).
    immigrants
        False: every act after the roots was set off by an earlier one (mu = 0).
    interval
        Whether to compute the 95 % interval of eta (about ten fits).
    slowest
        Least beta of the exponential, per time unit. A memory far longer than what was watched cannot be
        told from a trend, and with it any ratio.
    """
    times = np.ascontiguousarray(times, dtype=np.float64)
    if len(times) - roots < FEWEST:
        raise ValueError(f"{len(times) - roots} acts after the start; at least {FEWEST} are needed")
    w = (
        np.ones(len(times))
        if weights is None
        else np.ascontiguousarray(weights / np.mean(weights), dtype=float)
    )
    if kernel == "exponential":
        best, loglik = _exponential.maximise(times, w, until, roots, immigrants)
        floor = np.log(slowest) if slowest > 0 else -np.inf

        def bounded(x: np.ndarray, loglik: float, free_eta: bool) -> tuple[np.ndarray, float]:
            if x[2] >= floor:
                return x, loglik
            edge = np.array([x[0], min(x[1], 1.0) if free_eta else x[1], floor])
            return _exponential.newton(times, w, until, roots, edge, immigrants, free_eta, False, 60)[:2]

        best, loglik = bounded(best, loglik, True)

        def profile(eta: float) -> float:
            x = np.array([best[0], np.log(eta), best[2]])
            x, value, _ = _exponential.newton(times, w, until, roots, x, immigrants, False, True, 60)
            return float(bounded(x, value, False)[1])

        mu, eta, beta = np.exp(best)
        residuals = _exponential.residuals(times, w, roots, mu, eta, beta)
        memory: tuple[float, ...] = (float(beta),)
    elif kernel == "power":
        sums = Sums(times, w, until, roots)
        best, loglik = sums.maximise(immigrants)

        def profile(eta: float) -> float:
            return sums.maximise(immigrants, start=best, eta=eta)[1]

        mu, eta, c, theta = np.exp(best)
        residuals = sums.residuals(best)
        memory = (float(c), float(theta))
    else:
        raise ValueError(f"kernel {kernel!r}: expected 'exponential' or 'power'")
    mu = float(mu) if immigrants else 0.0
    low, high = profile_interval(profile, float(eta), loglik) if interval else (np.nan, np.nan)
    return Fit(kernel, mu, float(eta), memory, float(loglik), low, high, residuals, len(times) - roots)


def profile_interval(
    profile: Callable[[float], float], eta: float, loglik: float, drop: float = DROP
) -> tuple[float, float]:
    """Where the profile log-likelihood falls by ``drop`` below its maximum, on either side."""
    found = []
    for direction in (-1, 1):
        near, far = np.log(eta), np.log(eta) + direction * 0.1
        while loglik - profile(float(np.exp(far))) < drop and abs(far - np.log(eta)) < 12:
            near, far = far, far + direction * 2 * abs(far - np.log(eta))
        if abs(far - np.log(eta)) >= 12:
            found.append(0.0 if direction < 0 else np.inf)
            continue
        for _ in range(12):
            middle = (near + far) / 2
            if loglik - profile(float(np.exp(middle))) < drop:
                near = middle
            else:
                far = middle
        found.append(float(np.exp((near + far) / 2)))
    return found[0], found[1]


def fit_many(
    times: np.ndarray, offsets: np.ndarray, until: np.ndarray, roots: int = 1, immigrants: bool = False
) -> np.ndarray:
    """Exponential fits of many cascades on all processors: mu, eta, beta and log-likelihood, a row each.

    Cascade i is ``times[offsets[i]:offsets[i + 1]]``, each starting at 0 and watched until ``until[i]``.
    Rows of cascades with too few acts are missing.
    """
    out = np.full((len(offsets) - 1, 4), np.nan)
    _exponential.many(
        np.ascontiguousarray(times, dtype=float),
        np.asarray(offsets, np.int64),
        np.asarray(until, float),
        roots,
        immigrants,
        out,
    )
    return out


def simulate(
    eta: float,
    memory: tuple[float, ...],
    until: float,
    seed: int,
    mu: float = 0.0,
    roots: int = 0,
    most: int = 1_000_000,
) -> np.ndarray:
    """Sorted times of a process on [0, until]: one memory parameter is exponential, two a power law.

    ``roots`` acts happen at 0. Generation after generation: each act has Poisson(eta) followers.
    """
    random = np.random.default_rng(seed)
    parents = np.concatenate([np.zeros(roots), random.uniform(0, until, random.poisson(mu * until))])
    every = [parents]
    total = len(parents)
    while len(parents):
        parents = np.repeat(parents, random.poisson(eta, len(parents)))
        u = random.uniform(size=len(parents))
        delay = -np.log(u) / memory[0] if len(memory) == 1 else memory[0] * (u ** (-1 / memory[1]) - 1)
        parents = (parents + delay)[parents + delay < until]
        every.append(parents)
        total += len(parents)
        if total > most:
            raise ValueError(
                f"more than {most:,} acts: eta {eta} is too close to or above 1 for {until} time units"
            )
    return np.sort(np.concatenate(every))
