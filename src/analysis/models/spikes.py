"""Spikes: found when there, silent when not.

PLACEHOLDER DOC
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.models import _scan, baseline
from analysis.models.baseline import Baseline
from analysis.models.grid import DAY, MONTH, Grid, lay
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
    rows = [_measure(grid, base, spike) for spike in found]
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


def threshold(grid: Grid, lengths: np.ndarray, false_per_month: float) -> float:
    """Score that ordinary noise passes this often."""
    per_bucket = false_per_month * grid.cadence / MONTH
    return -NormalDist().inv_cdf(min(per_bucket / 2, 0.25))


def _detect(
    grid: Grid, zone: str, false_per_month: float
) -> tuple[Baseline, list[tuple[int, int, float, int]]]:
    beat = baseline.rhythm(grid, zone)
    lengths = windows(grid)
    limit = threshold(grid, lengths, false_per_month / 2)
    known = grid.known
    y = np.where(known, grid.y, 0.0)
    mask = np.ones(len(y))
    base: Baseline | None = None
    found: list[tuple[int, int, float, int]] = []
    for cut in (2.5, 4.0, 6.0):
        base = baseline.learn(grid, beat, mask, cut, base)
        found = alarms(y, known.astype(float), base, lengths, limit)
        mask = np.ones(len(y))
        for a, b, _, _ in found:
            mask[a : b + 1 + (b - a + 1) // 2] = 0.0
        if mask[known].mean() < 0.3:
            mask = np.ones(len(y))
    assert base is not None
    return base, sorted(found)


def alarms(
    y: np.ndarray, w: np.ndarray, base: Baseline, lengths: np.ndarray, limit: float
) -> list[tuple[int, int, float, int]]:
    """Stretches whose count passes the limit: (onset, end, score, +1 rise or -1 drop)."""
    one = np.zeros(len(y))
    up, up_len, down, down_len = _scan.scan(
        y, w, base.mu, base.rel, base.phi, base.alpha, base.c, base.rho, lengths, one
    )
    r = np.where(w > 0, (y - base.mu) / np.sqrt(base.variance), 0.0)
    taken = np.zeros(len(y), np.bool_)
    rises = _scan.pick(up, up_len, r, w, taken, limit, 1.0, 500)
    drops = _scan.pick(down, down_len, r, w, taken, limit, -1.0, 500)
    return [(int(a), int(b), float(z), 1) for a, b, z in rises] + [
        (int(a), int(b), float(z), -1) for a, b, z in drops
    ]


def _measure(grid: Grid, base: Baseline, spike: tuple[int, int, float, int]) -> dict[str, Any]:
    a, b, score, sign = spike
    known = grid.known
    last = min(b + (b - a + 1) // 2, len(known) - 1)
    part = slice(a, last + 1)
    use = known[part]
    y, mu = grid.y[part][use], base.mu[part][use]
    excess = float((y - mu).sum())
    var = base.variance[part][use].sum() * base.inflation(int(use.sum()))
    own = (mu * np.sqrt(base.rel[part][use])).sum() ** 2
    half = NormalDist().inv_cdf(0.95) * float(np.sqrt(var + own))
    inside = np.flatnonzero(known[a : b + 1]) + a
    peak = int(inside[np.argmax(sign * (grid.y[inside] - base.mu[inside]))])
    ongoing = bool(b >= np.flatnonzero(known)[-1])
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
        "half_life": np.nan,
        "half_life_low": np.nan,
        "half_life_high": np.nan,
        "score": score,
        "ongoing": ongoing,
    }


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
