"""Spikes: found when there, silent when not.

PLACEHOLDER DOC
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.models import _scan, baseline, decay
from analysis.models.baseline import Baseline
from analysis.models.grid import DAY, HOUR, MONTH, Grid, lay
from analysis.models.result import Result

VERSION = "spikes 1.0"
FALSE_PER_MONTH = 0.1


def find(
    series: pd.DataFrame,
    *,
    life: Sequence[Any] = (),
    as_of: Any = None,
    false_per_month: float = FALSE_PER_MONTH,
    zone: str = "UTC",
    seed: int = 0,
    cohort: pd.DataFrame | None = None,
) -> Result:
    """Spikes and drops of a series."""
    parameters = {"as_of": as_of, "false_per_month": false_per_month, "zone": zone, "seed": seed}
    grid = lay(series, as_of)
    if grid.known.sum() < baseline.LEAST or not np.nansum(grid.y) > 0:
        reason = f"{int(grid.known.sum())} known buckets; at least {baseline.LEAST} are needed, some above 0"
        return Result(
            _table([], grid), "inconclusive", reason, f"No verdict: {reason}.", (), VERSION, parameters
        )
    base, found = _detect(grid, zone, false_per_month)
    onsets = [*(spike[0] for spike in found), len(grid.t)][1:]
    ends = [-1, *(spike[1] for spike in found)]
    rows = [_measure(grid, base, *place) for place in zip(found, ends, onsets, strict=False)]
    table = _table(rows, grid)
    verdict = "found" if rows else "nothing"
    low, high = base.limits()
    in_spike = np.zeros(len(grid.t), bool)
    for a, b, *_ in found:
        in_spike[int(a) : int(b) + 1] = True
    frame = pd.DataFrame(
        {
            "start": grid.times(grid.t),
            "value": grid.y,
            "expected": base.mu,
            "low": low,
            "high": high,
            "in_spike": in_spike,
            "unknown": ~grid.known,
        }
    )
    summary = f"{len(rows)} spikes."
    return Result(table, verdict, "", summary, (), VERSION, parameters, {"baseline": frame})


def windows(grid: Grid) -> np.ndarray:
    """Lengths of window looked through, in buckets: single ones up to two days or a week of them."""
    longest = min(max(2 * DAY / grid.cadence, 7), len(grid.t) / 4)
    steps = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 288, 384, 576]
    return np.array([step for step in steps if step <= max(longest, 1)], np.int64)


def threshold(cadence: int, count: int, false_per_month: float) -> float:
    """Score that ordinary noise passes this often, in one direction.

    White noise looked at through windows of ``count`` lengths brings clusters above z at a rate of
    (1 + s (z - 2)) x P(Z > z) a bucket, s = 1.75 (1 - exp(-(count - 1) / 3)): measured over 1.6
    million buckets of noise for 1 to 16 lengths, within a tenth from z = 2 to 4.5.
    """
    normal = NormalDist()
    steep = 1.75 * (1.0 - np.exp(-(count - 1) / 3.0))
    rate = false_per_month * cadence / MONTH
    z = 2.0
    for _ in range(20):
        z = -normal.inv_cdf(min(max(rate / (1.0 + steep * max(z - 2.0, 0.0)), 1e-15), 0.2))
    return z


def _detect(
    grid: Grid, zone: str, false_per_month: float
) -> tuple[Baseline, list[tuple[int, int, float, int]]]:
    beat = baseline.rhythm(grid, zone)
    lengths = windows(grid)
    limit = threshold(grid.cadence, len(lengths), false_per_month / 2)
    known = grid.known
    y = np.where(known, grid.y, 0.0)
    mask = np.ones(len(y))
    base: Baseline | None = None
    found: list[tuple[int, int, float, int]] = []
    for cut in (2.5, 4.0, 6.0):
        base = baseline.learn(grid, beat, mask, cut, base)
        found = alarms(y, known.astype(float), base, mask, lengths, limit)
        mask = np.ones(len(y))
        for a, b, _, _ in found:
            mask[max(a - 1, 0) : b + 1 + max(b - a, 1)] = 0.0
        if mask[known].mean() < 0.3:
            mask = np.ones(len(y))
    assert base is not None
    return base, sorted(found)


def heaviness(peaks: np.ndarray) -> float:
    """How much longer the tail of ordinary scores is than noise of the fitted kind would make it.

    Of the clusters of scores above 2, half should stay below 2.32. The median does not see the few
    that are spikes, so a tail heavier than the negative binomial's raises the limit, and spikes do not.
    """
    if len(peaks) < 12:
        return 1.0
    return max(float(np.median(peaks) - 2.0) / 0.32 / (1.0 + 1.3 / np.sqrt(len(peaks))), 1.0)


def alarms(
    y: np.ndarray, w: np.ndarray, base: Baseline, learnt: np.ndarray, lengths: np.ndarray, limit: float
) -> list[tuple[int, int, float, int]]:
    """Stretches whose count passes the limit: (onset, end, score, +1 rise or -1 drop)."""
    # A bucket the fit has seen is nearer to it than its noise; only one it has not seen adds the fit's error.
    unseen = np.where(learnt > 0, 0.0, base.rel)
    usual = np.median(base.mu[w > 0]) / base.phi
    fit_for = lengths[usual * lengths >= 5.0]
    refer = int(fit_for[0]) if len(fit_for) else 0
    noise = (base.phi, base.alpha, base.c, base.rho)
    up, up_len, down, down_len, peaks = _scan.scan(y, w, base.mu, unseen, *noise, lengths, refer)
    limit = 2.0 + (limit - 2.0) * heaviness(peaks)
    r = np.where(w > 0, (y - base.mu) / np.sqrt(base.variance), 0.0)
    taken = np.zeros(len(y), np.bool_)
    rises = _scan.pick(up, up_len, r, w, taken, limit, 1.0, 500)
    drops = _scan.pick(down, down_len, r, w, taken, limit, -1.0, 500)
    return [(int(a), int(b), float(z), 1) for a, b, z in rises] + [
        (int(a), int(b), float(z), -1) for a, b, z in drops
    ]


def _measure(
    grid: Grid, base: Baseline, spike: tuple[int, int, float, int], before: int, until: int
) -> dict[str, Any]:
    a, b, score, sign = spike
    known = grid.known
    first, last = _around(grid, a, b, before, until)
    part = slice(first, last + 1)
    use = known[part]
    y, mu = grid.y[part][use], base.mu[part][use]
    excess = float((y - mu).sum())
    var = base.variance[part][use].sum() * base.inflation(int(use.sum()))
    days = max(float(use.sum()) * grid.cadence / DAY, 1.0)
    own = (mu * np.sqrt(base.common[part][use])).sum() ** 2
    own += days * (mu**2 * (base.rel - base.common)[part][use]).sum()
    half = NormalDist().inv_cdf(0.95) * float(np.sqrt(var + own))
    bucket = grid.cadence / HOUR
    peak = _peak(grid, base, a, b, sign)
    ongoing = bool(b >= np.flatnonzero(known)[-1])
    fade = decay.Fade(reason="a drop does not fade")
    if sign > 0:
        fade = decay.fade(grid.y, base.mu, known, peak, b, until, base.phi, base.alpha)
    return {
        "onset": a,
        "peak": peak,
        "end": b,
        "direction": "rise" if sign > 0 else "drop",
        "excess": excess,
        "excess_low": excess - half,
        "excess_high": excess + half,
        "height": float(grid.y[peak] / base.mu[peak]),
        "peak_value": float(grid.y[peak]),
        "half_life": fade.half_life * bucket,
        "half_life_low": fade.low * bucket,
        "half_life_high": fade.high * bucket,
        "score": score,
        "ongoing": ongoing,
    }


def _around(grid: Grid, a: int, b: int, before: int, until: int) -> tuple[int, int]:
    """The buckets an excess is summed over: a bucket before the onset, and as long again after the end.

    Where a spike begins and ends is chosen to look high; what lies just outside looks low. Taking both
    keeps the sum fair and catches the tail that is too thin to see.
    """
    return max(a - 1, before + 1, 0), min(b + max(b - a, 1), until - 1, len(grid.y) - 1)


def _peak(grid: Grid, base: Baseline, a: int, b: int, sign: int) -> int:
    """The bucket of the peak: where noise alone could have lifted a later one above the first, the first."""
    inside = np.flatnonzero(grid.known[a : b + 1]) + a
    gap = sign * (grid.y[inside] - base.mu[inside])
    own = base.phi * grid.y[inside] + base.alpha * base.mu[inside] ** 2
    top = int(np.argmax(gap))
    if top < 2:
        return int(inside[top])
    begin = int(np.argmax(gap[:2]))
    reach = 0 if len(gap) < 8 else min(len(gap) // 8, 12)
    around = np.convolve(gap, np.ones(2 * reach + 1), "same") / np.convolve(
        np.ones(len(gap)), np.ones(2 * reach + 1), "same"
    )
    for other in (begin, int(np.argmax(around))):
        if gap[other] >= gap[top] - 2.0 * np.sqrt(own[other] + own[top]):
            return int(inside[other])
    return int(inside[top])


COLUMNS = (
    "onset", "peak", "end", "direction", "excess", "excess_low", "excess_high", "height", "peak_value",
    "half_life", "half_life_low", "half_life_high", "score", "ongoing",
)  # fmt: skip


def _table(rows: list[dict[str, Any]], grid: Grid) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("onset", "peak"):
        table[name] = grid.times(grid.t[table[name].to_numpy(int)])
    table["end"] = grid.times(grid.ends[table["end"].to_numpy(int)])
    table["ongoing"] = table["ongoing"].astype(bool)
    for name in COLUMNS[4:-1]:
        table[name] = table[name].astype(float)
    return table
