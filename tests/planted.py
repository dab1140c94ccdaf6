"""Series with planted truth and planted nothing, each owning its seed."""

import numpy as np
import pandas as pd

NOTHING = ("poisson", "over-dispersed", "weekly", "zero-heavy", "gapped")


def clock(size: int, every: str = "h") -> pd.DatetimeIndex:
    return pd.date_range("2025-01-01", periods=size, freq=every, tz="UTC").as_unit("us")


def nothing(kind: str, seed: int, size: int = 2160, rate: float = 20.0) -> tuple[pd.DataFrame, np.ndarray]:
    """A series of hourly counts in which nothing happens, and its true expectation."""
    rng = np.random.default_rng([seed, NOTHING.index(kind)])
    t = clock(size)
    hour, day = np.asarray(t.hour), np.asarray(t.day_of_week)
    mu = np.full(size, rate)
    if kind in ("weekly", "gapped"):
        mu = rate * np.exp(0.6 * np.sin(2 * np.pi * hour / 24)) * np.where(day >= 5, 0.6, 1.1)
    if kind == "zero-heavy":
        mu = 0.1 * np.exp(0.8 * np.sin(2 * np.pi * hour / 24))
    lam = mu * rng.gamma(4.0, 0.25, size) if kind == "over-dispersed" else mu
    y = rng.poisson(lam).astype(float)
    if kind == "gapped":
        y[rng.random(size) < 0.05] = np.nan
        hole = int(rng.integers(0, size - 48))
        y[hole : hole + 48] = np.nan
    return pd.DataFrame({"start": t, "value": y}), mu


def spiked(
    seed: int, *, kind: str = "weekly", times_noise: float = 15.0, tau: float = 6.0, at: int | None = None
) -> tuple[pd.DataFrame, dict[str, float]]:
    """The same with one exponential spike planted, and the truth about it."""
    series, mu = nothing(kind, seed)
    rng = np.random.default_rng([seed, 99])
    onset = int(rng.integers(300, 1800)) if at is None else at
    noise = float(np.sqrt(mu[onset] + (mu[onset] ** 2 / 4 if kind == "over-dispersed" else 0)))
    after = np.arange(len(series) - onset)
    extra = np.zeros(len(series))
    extra[onset:] = rng.poisson(times_noise * noise * np.exp(-after / tau))
    series["value"] += extra
    seen = extra[~series["value"].isna().to_numpy()].sum()
    return series, {"onset": onset, "excess": float(seen), "half_life": tau * np.log(2)}


TAILS = {"pareto 1.5": 1.5, "pareto 2.5": 2.5, "pareto 5": 5.0, "lognormal": 0.0}


def tailed(kind: str, seed: int, size: int = 2160, every: str = "h") -> pd.DataFrame:
    """A series in which nothing happens, twenty a bucket times noise with a long tail."""
    rng, index = np.random.default_rng([seed, list(TAILS).index(kind), 5]), TAILS[kind]
    noise = rng.pareto(index, size) * (index - 1) if index else rng.lognormal(-0.5, 1.0, size)
    return pd.DataFrame({"start": clock(size, every), "value": rng.poisson(20 * noise).astype(float)})
