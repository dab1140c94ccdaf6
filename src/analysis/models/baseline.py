"""What an ordinary hour would have been.

Question. How many visits, shares or points would this bucket have brought had nothing happened?

Formula. Expected count = width of the bucket x overall rate x exp(trend) x slow level x time of day
x day of week x (time of day on that day). Each set of factors is re-estimated in turn as the ratio of
what came to what the other factors expect (proportional scaling, the maximum-likelihood fit of a
log-linear model of counts), and is pulled towards 1 by as much as its own scatter says it should be
(partial pooling by DerSimonian & Laird's moment estimate), so a series carries only as much season as
it shows. The slow level is a running ratio over a triangle of two weeks (at least 42 buckets, at most
half the series). Counts vary as negative binomial: variance = scale x mean + alpha x mean squared;
alpha by moments, correlation of neighbouring residuals as c x rho^lag.

Robust to spikes: counts further than a few deviations off count only as far as that, and stretches
named by the caller (found spikes) are left out of the learning. A gap is unknown and teaches nothing.

Assumes that the rhythm holds over the series, and that spikes are the exception.

Abstains with fewer than 8 known buckets or no count above 0.

Sources. Deming & Stephan, Ann. Math. Stat. 11 (1940) for proportional scaling; DerSimonian & Laird,
Controlled Clinical Trials 7 (1986); Farrington et al., J. R. Stat. Soc. A 159 (1996) for a robust
over-dispersed baseline of counts. The log-linear form as in Poisson regression with an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.models import _fit
from analysis.models.grid import DAY, HOUR, Grid, clock, lay
from analysis.models.result import Result

VERSION = "baseline 1.1"
LEAST = 8  # known buckets below which nothing is said
WEEK = 7 * DAY
COVERS = 0.90  # of low..high


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline, a row per bucket of the grid.

    mu : expected count of the bucket
    rel : relative variance of that expectation (the fit's own uncertainty)
    common : the part of rel that neighbouring buckets share (overall rate and slow level)
    phi, alpha : variance of a count = phi x mu + alpha x mu^2
    c, rho : correlation of residuals k buckets apart = c x rho^k
    acf : their measured autocorrelation at lags 0 to 8 (lag 0 unused)
    seasons : the factors by name, one Series each
    """

    mu: np.ndarray
    rel: np.ndarray
    common: np.ndarray
    phi: float
    alpha: float
    c: float
    rho: float
    acf: np.ndarray
    seasons: dict[str, np.ndarray]

    @property
    def variance(self) -> np.ndarray:
        """Variance of each bucket's count around its expectation, without the fit's uncertainty."""
        return self.phi * self.mu + self.alpha * self.mu**2

    def inflation(self, size: int) -> float:
        """Variance of a sum of ``size`` neighbouring residuals over that of independent ones."""
        k = np.arange(1, size)
        return float(1.0 + 2.0 * self.c * ((1.0 - k / size) * self.rho**k).sum())

    def limits(self, cover: float = COVERS) -> tuple[np.ndarray, np.ndarray]:
        """The range an ordinary count falls in with this probability (Wilson & Hilferty's gamma)."""
        total = self.variance + self.rel * self.mu**2
        shape = self.mu**2 / np.maximum(total, 1e-12)
        z = NormalDist().inv_cdf(0.5 + cover / 2)
        low = self.mu * np.maximum(1 - 1 / (9 * shape) - z / (3 * np.sqrt(shape)), 0) ** 3
        high = self.mu * np.maximum(1 - 1 / (9 * shape) + z / (3 * np.sqrt(shape)), 0) ** 3
        return low, high


@dataclass(frozen=True)
class Rhythm:
    """Which buckets share a factor: worked out once a series, used in every round of the fit."""

    index: np.ndarray
    nxt: np.ndarray
    part: np.ndarray
    day: np.ndarray
    cell: np.ndarray
    n_slots: int
    n_cells: int
    x: np.ndarray
    half: int


def rhythm(grid: Grid, zone: str = "UTC") -> Rhythm:
    """The seasons this series is long and fine enough to show."""
    n = len(grid.t)
    time, day = clock(grid.t, zone)
    none = np.zeros(n, np.int64)
    n_slots, n_cells = 1, 1
    index, nxt, part, cell, days = none, none, np.zeros(n), none, np.full(n, -1)
    if grid.cadence <= 6 * HOUR and grid.span >= 2.5 * DAY:
        n_slots = min(round(DAY / grid.cadence), 48)
        if grid.cadence < HOUR // 2:
            place = time * n_slots - 0.5
            floor = np.floor(place)
            part = place - floor
            index = floor.astype(np.int64) % n_slots
            nxt = (index + 1) % n_slots
        else:
            index = nxt = np.minimum((time * n_slots).astype(np.int64), n_slots - 1)
    if grid.cadence <= DAY and grid.span >= 2 * WEEK:
        days = day.astype(np.int64)
        if n_slots > 1 and grid.span >= 4 * WEEK:
            n_cells = 7 * n_slots
            cell = days * n_slots + index
    week = max(WEEK / grid.cadence, 21.0)
    half = int(min(week, n / 4) / 2) if n >= 30 else 0
    x = np.linspace(-1.0, 1.0, n) if n > 1 else np.zeros(n)
    return Rhythm(index, nxt, part, days, cell, n_slots, n_cells, x, half)


def learn(
    grid: Grid, beat: Rhythm, weight: np.ndarray, cut: float, start: Baseline | None = None
) -> Baseline:
    """The baseline from the buckets of weight 1; ``start`` gives the noise as known so far."""
    y = np.where(grid.known, grid.y, 0.0)
    w = np.where(grid.known, weight, 0.0)
    phi = start.phi if start else scale(y[w > 0])
    inflate = start.inflation(max(min(2 * beat.half, 200), 1)) if start else 1.0
    alpha = start.alpha if start else -1.0
    args = (beat.index, beat.nxt, beat.part, beat.day, beat.cell, beat.n_slots, beat.n_cells, beat.x)
    # At first the slow level is a running median: one learnt from unmasked spikes would climb onto them.
    width, half = (grid.width, beat.half) if start else (grid.width * _steady(grid, w, beat.half), 0)
    mu, rel, common, alpha, slot, day, cell, level, slope = _fit.fit(
        y, w, width, *args, half, phi, alpha, inflate, cut, 5 if start else 10
    )
    use = w > 0
    if not _counts(y[use], mu[use]) and use.any():
        phi = max(float(np.median((y[use] - mu[use]) ** 2 / mu[use])) / 0.455, 1e-9)
    var = phi * mu + alpha * mu**2
    lost = float(np.minimum(rel[use] * mu[use] ** 2 / var[use], 0.5).sum())
    alpha, c, rho, acf = _fit.dispersion(y, w, mu, phi, alpha, cut, lost)
    seasons = {"time of day": slot, "day of week": day, "time of week": cell, "level": level, "trend": slope}
    return Baseline(mu, rel, common, phi, alpha, c, rho, acf, seasons)


def _steady(grid: Grid, w: np.ndarray, half: int) -> np.ndarray:
    """The level as a running median of block means, relative to their median; 1 where it is too sparse."""
    n = len(grid.t)
    block = max(half // 6, 1)
    count = n // block
    if half == 0 or count < 9:
        return np.ones(n)
    size = count * block
    came = np.where(w > 0, grid.y, 0.0)[:size].reshape(count, block).sum(1)
    seen = np.where(w > 0, grid.width, 0.0)[:size].reshape(count, block).sum(1)
    rate = np.divide(came, seen, out=np.full(count, np.nan), where=seen > 0)
    reach = min(12, count // 3)
    padded = np.concatenate([np.full(reach, np.nan), rate, np.full(reach, np.nan)])
    views = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    ordered = np.sort(views, axis=1)  # nan last
    known = np.maximum((~np.isnan(views)).sum(1), 1)
    level = ordered[np.arange(count), (known - 1) // 2]
    middle = np.nanmedian(level)
    if not middle > 0 or np.nanmin(level) <= 0.05 * middle:
        return np.ones(n)
    level = np.where(np.isnan(level), middle, level) / middle
    return np.interp(np.arange(n), (np.arange(count) + 0.5) * block, level)


def _counts(y: np.ndarray, mu: np.ndarray) -> bool:
    """Whether values behave as counts of single things, so that their scale is 1."""
    if len(y) == 0 or np.any(y != np.floor(y)):
        return False
    typical = float(np.median((y - mu) ** 2 / np.maximum(mu, 1e-9))) / 0.455
    return bool(np.mean(mu) < 20 or typical > 0.5)


def scale(y: np.ndarray) -> float:
    """First guess of the variance per unit of mean: 1 for counts, else from neighbouring differences."""
    if len(y) < 3 or not np.any(y != np.floor(y)):
        return 1.0
    middle = max(float(np.median(np.abs(y))), 1e-12)
    return max(float(np.median(np.diff(y) ** 2)) / 2 / 0.455 / middle, 1e-9 * middle)


def fit(series: pd.DataFrame, *, as_of: Any = None, zone: str = "UTC") -> Result:
    """What each bucket of a series would ordinarily have brought.

    Parameters
    ----------
    series : DataFrame
        start (UTC), value (count of the bucket, missing where unknown), optionally end.
    as_of : time, optional
        Use only what was known then.
    zone : str
        The time zone whose hours and weekdays the audience lives by.

    Returns
    -------
    Result
        table: start, value, expected, low, high (90 % of ordinary counts), unknown.
    """
    parameters = {"as_of": as_of, "zone": zone}
    grid = lay(series, as_of)
    known = grid.known
    if known.sum() < LEAST or not np.nansum(grid.y) > 0:
        reason = f"{int(known.sum())} known buckets, at least {LEAST} with a count above 0 are needed"
        blank = pd.DataFrame(columns=["start", "value", "expected", "low", "high", "unknown"])
        return Result(blank, "inconclusive", reason, f"No baseline: {reason}.", (), VERSION, parameters)
    from analysis.models._alarm import detect  # which learns from this module

    base, *_ = detect(grid, zone, 0.1)
    low, high = base.limits()
    table = pd.DataFrame(
        {
            "start": grid.times(grid.t),
            "value": grid.y,
            "expected": base.mu,
            "low": low,
            "high": high,
            "unknown": ~known,
        }
    )
    summary = (
        f"An ordinary bucket brings {np.mean(base.mu):,.3g}; nine in ten ordinary buckets lie within "
        f"{np.mean(low):,.3g} and {np.mean(high):,.3g} on average."
    )
    return Result(table, "found", "", summary, (), VERSION, parameters)
