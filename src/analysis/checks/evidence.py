"""What a check looks at: a series with its baseline, and the stretches that stand out of it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import analysis.checks
from analysis.checks.check import Check

HOUR = 3_600_000_000


class Stretch(NamedTuple):
    """Buckets onset..end that stand out: sign +1 above the baseline, -1 below; score in normal deviates."""

    onset: int
    end: int
    sign: int
    score: float


@dataclass(frozen=True)
class Evidence:
    """One series, its baseline, and what stands out before anything is called a spike.

    t : start of each bucket, microseconds since 1970 UTC, even or not
    y : count, nan where unknown
    mu, sd : what was expected, and the deviation of an ordinary count
    cadence : length of an ordinary bucket, microseconds
    stretches : what stands out, in order of time
    raw, rows : the series as it was given (duplicates, negative counts, observer, end), and its starts
    zone : the audience's time zone
    life : dated events of the platform, each with ``on`` and ``what``
    tail : how much heavier the tail of ordinary scores is than the noise model's; nan where unknown
    """

    t: np.ndarray
    y: np.ndarray
    mu: np.ndarray
    sd: np.ndarray
    cadence: int
    stretches: tuple[Stretch, ...]
    raw: pd.DataFrame
    rows: np.ndarray
    zone: str = "UTC"
    life: Sequence[Any] = ()
    tail: float = np.nan
    known: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", ~np.isnan(self.y))

    def inside(self, stretch: Stretch) -> np.ndarray:
        """Positions of the stretch's known buckets."""
        return np.flatnonzero(self.known[stretch.onset : stretch.end + 1]) + stretch.onset

    def z(self, i: int) -> float:
        """Deviations of one bucket from what was expected."""
        return float((self.y[i] - self.mu[i]) / self.sd[i])

    def rises(self) -> list[Stretch]:
        """The stretches above the baseline."""
        return [stretch for stretch in self.stretches if stretch.sign > 0]

    def quiet(self) -> np.ndarray:
        """Which buckets are known and in no stretch."""
        out = self.known.copy()
        for stretch in self.stretches:
            out[stretch.onset : stretch.end + 1] = False
        return out

    def when(self, i: int) -> str:
        """The start of a bucket, for a sentence."""
        return pd.Timestamp(int(self.t[i]), unit="us").strftime("%Y-%m-%d %H:%M UTC")

    def table(self, stretches: Sequence[Stretch]) -> pd.DataFrame:
        """The stretches a check objects to: onset, end, value and expected counts."""
        rows = []
        for stretch in stretches:
            use = self.inside(stretch)
            rows.append((self.t[stretch.onset], self.t[stretch.end], self.y[use].sum(), self.mu[use].sum()))
        onset, end, value, expected = (np.array(column) for column in zip(*rows, strict=True))
        times = [pd.DatetimeIndex(x.astype(np.int64).view("M8[us]")).tz_localize("UTC") for x in (onset, end)]
        return pd.DataFrame({"onset": times[0], "end": times[1], "value": value, "expected": expected})


@cache
def registry() -> dict[str, Callable[[Evidence], Check]]:
    """Every check by name: each file of this package that has a function ``check``."""
    found = {}
    for info in pkgutil.iter_modules(analysis.checks.__path__):
        if info.name not in ("check", "evidence"):
            module = importlib.import_module(f"analysis.checks.{info.name}")
            if hasattr(module, "check"):
                found[info.name] = module.check
    return found


def run(evidence: Evidence) -> tuple[Check, ...]:
    """All checks, in the order of their names."""
    return tuple(check(evidence) for check in registry().values())
