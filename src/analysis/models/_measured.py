"""What a spike measured: where it peaked, what it added, and the words for it."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import Stretch
from analysis.models import decay
from analysis.models.baseline import Baseline
from analysis.models.grid import DAY, HOUR, Grid, micros

TIMES = ("onset", "peak", "end")
NUMBERS = (
    "excess", "excess_low", "excess_high", "height", "height_cohort", "peak_value",
    "half_life", "half_life_low", "half_life_high", "score",
)  # fmt: skip


def measure(
    grid: Grid, base: Baseline, found: list[Stretch], cohort: pd.DataFrame | None
) -> list[dict[str, Any]]:
    onsets = [*(stretch.onset for stretch in found), len(grid.t)][1:]
    ends = [-1, *(stretch.end for stretch in found)]
    like = None
    if cohort is not None:
        like = np.interp(grid.t, micros(cohort["start"]), cohort["expected"].to_numpy(float), np.nan, np.nan)
    return [_measure(grid, base, *place, like) for place in zip(found, ends, onsets, strict=False)]


def _measure(
    grid: Grid, base: Baseline, stretch: Stretch, before: int, until: int, like: np.ndarray | None
) -> dict[str, Any]:
    a, b, sign, _ = stretch
    known = grid.known
    first, last = _around(grid, a, b, before, until)
    use = np.flatnonzero(known[first : last + 1]) + first
    mu = base.mu[use]
    excess = float((grid.y[use] - mu).sum())
    noise = base.variance[use].sum() * base.inflation(len(use))
    days = max(len(use) * grid.cadence / DAY, 1.0)
    own = (mu * np.sqrt(base.common[use])).sum() ** 2 + days * (mu**2 * (base.rel - base.common)[use]).sum()
    half = NormalDist().inv_cdf(0.95) * float(np.sqrt(noise + own))
    peak = _peak(grid, base, a, b, sign)
    fade = decay.Fade(reason="a drop does not fade")
    if sign > 0:
        fade = decay.fade(grid.y, base.mu, known, peak, b, until, base.phi, base.alpha)
    bucket = grid.cadence / HOUR
    return {
        "onset": a,
        "peak": peak,
        "end": b,
        "direction": "rise" if sign > 0 else "drop",
        "excess": excess,
        "excess_low": excess - half,
        "excess_high": excess + half,
        "height": float(grid.y[peak] / base.mu[peak]) if base.mu[peak] >= 1e-3 * base.phi else np.nan,
        "height_cohort": float(grid.y[peak] / like[peak]) if like is not None and like[peak] > 0 else np.nan,
        "peak_value": float(grid.y[peak]),
        "half_life": fade.half_life * bucket,
        "half_life_low": fade.low * bucket,
        "half_life_high": fade.high * bucket,
        "score": stretch.score,
        "ongoing": bool(b >= np.flatnonzero(known)[-1]),
        "fade": fade.reason,
    }


def _around(grid: Grid, a: int, b: int, before: int, until: int) -> tuple[int, int]:
    """The buckets an excess is summed over: a bucket before the onset, and twice as long again after the end.

    Where a spike begins and ends is chosen to look high; what lies just outside looks low. Taking both
    keeps the sum fair and catches the tail that is too thin to see.
    """
    return max(a - 1, before + 1, 0), min(b + 2 * (b - a) + 2, until - 1, len(grid.y) - 1)


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
    middle = int(np.argmax(around))
    if gap[begin] < around[middle] - np.sqrt(own[begin] + own.mean() / (2 * reach + 1)):
        begin = middle
    for other in (begin, middle):
        if gap[other] >= gap[top] - 2.0 * np.sqrt(own[other] + own[top]):
            return int(inside[other])
    return int(inside[top])


def table(rows: list[dict[str, Any]], grid: Grid) -> pd.DataFrame:
    place = {name: np.array([row[name] for row in rows], np.int64) for name in TIMES}
    ongoing = np.array([row["ongoing"] for row in rows], bool)
    ends = pd.Series(grid.times(grid.ends[place["end"]]))
    columns: dict[str, Any] = {
        "onset": grid.times(grid.t[place["onset"]]),
        "peak": grid.times(grid.t[place["peak"]]),
        "end": ends.mask(ongoing) if len(rows) else ends,
        "direction": pd.array([row["direction"] for row in rows], dtype="str"),
    }
    columns |= {name: np.array([row[name] for row in rows], float) for name in NUMBERS}
    columns |= {"ongoing": ongoing, "fade": pd.array([row["fade"] for row in rows], dtype="str")}
    return pd.DataFrame(columns)


def frame(grid: Grid, base: Baseline, found: list[Stretch], aside: set[Stretch]) -> pd.DataFrame:
    low, high = base.limits()
    in_spike = np.zeros(len(grid.t), bool)
    for stretch in found:
        if stretch not in aside:
            in_spike[stretch.onset : stretch.end + 1] = True
    return pd.DataFrame(
        {
            "start": grid.times(grid.t),
            "end": grid.times(grid.ends),
            "value": grid.y,
            "expected": base.mu,
            "low": low,
            "high": high,
            "in_spike": in_spike,
            "unknown": ~grid.known,
        }
    )


def explained(grid: Grid, found: list[Stretch], checks: tuple[Check, ...]) -> set[Stretch]:
    """The stretches a failed check names in its table."""
    named = set()
    for check in checks:
        if check.passed is False and "onset" in check.table:
            named |= set(micros(check.table["onset"]).tolist())
    return {stretch for stretch in found if int(grid.t[stretch.onset]) in named}


def say(spikes: pd.DataFrame, grid: Grid, false_per_month: float, reason: str) -> str:
    """The finding in sentences, computed."""
    first, last = (pd.Timestamp(int(x), unit="us") for x in (grid.t[0], grid.ends[-1]))
    span = f"between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC"
    unknown = int((~grid.known).sum())
    gaps = f" {unknown:,} of {len(grid.y):,} buckets are unknown." if unknown else ""
    if reason:
        return f"No verdict {span}. {reason}{gaps}"
    rises, drops = (int((spikes["direction"] == way).sum()) for way in ("rise", "drop"))
    words = [f"{n} {way}{'s' if n != 1 else ''}" for n, way in ((rises, "spike"), (drops, "drop")) if n]
    if not words:
        return f"Nothing out of the ordinary {span}, at {false_per_month:g} false alarms a month.{gaps}"
    top = spikes.loc[spikes["excess"].abs().idxmax()]
    end = "is still going on" if top["ongoing"] else f"was over by {top['end']:%Y-%m-%d %H:%M}"
    way = 1 if top["excess"] > 0 else -1
    low, high = sorted((way * top["excess_low"], way * top["excess_high"]))
    height = f" at {top['height']:.3g} times the baseline" if top["height"] == top["height"] else ""
    text = (
        f"{' and '.join(words)} {span}. The largest began {top['onset']:%Y-%m-%d %H:%M}, peaked "
        f"{top['peak']:%Y-%m-%d %H:%M}{height} and {end}: {way * top['excess']:,.0f} "
        f"{'more' if way > 0 else 'fewer'} than ordinary (90%: {low:,.0f} to {high:,.0f})."
    )
    if top["half_life"] == top["half_life"]:
        text += (
            f" Its pace halved in {top['half_life']:.3g} hours after the peak "
            f"(90%: {top['half_life_low']:.2g} to {top['half_life_high']:.2g})."
        )
    return text + gaps
