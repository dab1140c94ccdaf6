"""How a spike fades, and what stays.

Question. How long until half of the extra attention is gone, along what curve, and does anything remain?

Formula. After the peak the count of a bucket is baseline + A f(t), with f one of
exponential 2^(-t/h), power law (1 + t (2^(1/p) - 1) / h)^(-p), stretched 2^(-(t/h)^b): written so that
h is the half-life in each. Quasi-Poisson likelihood, each bucket weighted by what the baseline's
over-dispersion leaves of it, scaled by the fit's own Pearson dispersion. For every half-life of a grid
the best height and shape are found; the three profiles, each less Akaike's one unit per parameter, are
added up, and the half-life's interval holds the middle 90 % of the sum. So the interval also carries
that the family is not known.

Abstains when the fade is not seen to its end: fewer than four known buckets after the peak, the next
spike or the end of the data before the upper limit of the half-life, or an excess lost in noise.

A later spike of the same series is a second life: a finding of its own, never part of the first fade.
Persistence compares whole weeks (or days) after the spike with as many before it.

Sources. Akaike, IEEE Trans. Autom. Control 19 (1974); Wedderburn, Biometrika 61 (1974) for
quasi-likelihood; Leskovec, Backstrom & Kleinberg (KDD 2009) and Crane & Sornette (PNAS 105, 2008) for
the families.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models import _fade
from analysis.models.grid import micros
from analysis.models.result import Result

VERSION = "decay 1.0"
FAMILIES = ("exponential", "power law", "stretched exponential")
COVERS = 0.90
LEAST = 4  # known buckets after the peak
COLUMNS = ["family", "half_life", "half_life_low", "half_life_high", "shape", "height", "aic", "weight"]


class Fade(NamedTuple):
    """A fitted fade; times in buckets. ``reason`` is set where it abstains (then all else is nan)."""

    half_life: float = np.nan
    low: float = np.nan
    high: float = np.nan
    reason: str = ""
    families: tuple[tuple[float, ...], ...] = ()
    lives: np.ndarray = np.zeros(0)
    weights: np.ndarray = np.zeros((3, 0))


def fade(
    y: np.ndarray,
    mu: np.ndarray,
    known: np.ndarray,
    peak: int,
    end: int,
    until: int,
    phi: float,
    alpha: float,
) -> Fade:
    """The fade of a rise that peaks in bucket ``peak``, seen up to (not with) bucket ``until``.

    ``end`` is the last bucket where the excess shows; the fit looks twice as far, for the tail.
    """
    stop = min(until, max(peak + 3 * (end - peak), peak + 12) + 1)
    use = np.flatnonzero(known[peak:stop])
    if len(use) < LEAST + 1:
        return Fade(reason=f"only {max(len(use) - 1, 0)} known buckets after the peak; {LEAST} are needed")
    left, width, count, ordinary, square = _bins(y[peak:stop], mu[peak:stop], use)
    bold = float((count - ordinary)[: max(3, len(count) // 3)].sum())
    if bold < 3.0 * np.sqrt(phi * ordinary.sum() + alpha * square.sum()) or bold <= 0:
        return Fade(reason="the excess after the peak is lost in the baseline's noise")
    seen = float(left[-1] + width[-1])
    weight = 1.0 / (phi + alpha * square / np.maximum(count, ordinary))
    lives = np.geomspace(0.1, 4.0 * seen, 30)
    best, shapes, heights = _profile(count, ordinary, weight, left, width, lives, coarse=True)
    scale = _dispersion(count, ordinary, weight, left, width, lives, best, shapes, heights)
    spread = _weights(best, scale).sum(0)
    inside = np.flatnonzero(spread > spread.max() * 1e-4)
    low, high = lives[max(inside[0] - 1, 0)], lives[min(inside[-1] + 1, len(lives) - 1)]
    lives = np.geomspace(low, high, 40)
    best, shapes, heights = _profile(count, ordinary, weight, left, width, lives, coarse=False)
    scale = _dispersion(count, ordinary, weight, left, width, lives, best, shapes, heights)
    weights = _weights(best, scale)
    weights /= weights.sum()
    middle, lower, upper = _quantiles(lives, weights.sum(0))
    if upper > seen:
        return Fade(
            reason=f"the fade is not seen to its end: {seen:.0f} buckets after the peak, and its half-life "
            f"may be as long as {upper:.0f}"
        )
    rows = []
    for family in range(3):
        top = int(np.argmax(best[family]))
        own = _quantiles(lives, weights[family])
        aic = -2.0 * best[family, top] / scale + 2.0 * (2 if family == 0 else 3)
        rows.append((*own, shapes[family, top], heights[family, top], aic, weights[family].sum()))
    return Fade(middle, lower, upper, "", tuple(rows), lives, weights)


def _bins(y: np.ndarray, mu: np.ndarray, use: np.ndarray) -> tuple[np.ndarray, ...]:
    """The known buckets after the peak, the far tail gathered into bins so that a long one costs no more."""
    edges = [float(k) for k in range(min(int(use[-1]) + 1, 24))]
    while edges[-1] < use[-1]:
        edges.append(max(edges[-1] + 1, float(int(edges[-1] * 1.12))))
    place = np.searchsorted(edges, use, side="right") - 1
    size = np.bincount(place)
    keep = size > 0
    first = np.full(len(size), np.inf)
    np.minimum.at(first, place, use)
    last = np.zeros(len(size))
    np.maximum.at(last, place, use)
    centre = np.bincount(place, use)[keep] / size[keep]
    width = size[keep].astype(float)
    return (
        centre - width / 2 + 0.5,  # from the start of the peak's bucket
        width,
        np.bincount(place, y[use])[keep],
        np.bincount(place, mu[use])[keep],
        np.bincount(place, mu[use] ** 2)[keep],
    )


def _profile(
    y: np.ndarray,
    mu: np.ndarray,
    w: np.ndarray,
    left: np.ndarray,
    width: np.ndarray,
    lives: np.ndarray,
    *,
    coarse: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    step = slice(None, None, 2 if coarse else 1)
    return _fade.profile(y, mu, w, left, width, lives, _fade.POWERS[step], _fade.STRETCHES[step])


def _weights(best: np.ndarray, scale: float) -> np.ndarray:
    lift = best / scale - np.array([[0.0], [1.0], [1.0]])
    return np.exp(lift - lift.max())


def _dispersion(
    y: np.ndarray,
    mu: np.ndarray,
    w: np.ndarray,
    left: np.ndarray,
    width: np.ndarray,
    lives: np.ndarray,
    best: np.ndarray,
    shapes: np.ndarray,
    heights: np.ndarray,
) -> float:
    """Pearson's dispersion of the best fit, never below 1."""
    family, j = np.unravel_index(int(np.argmax(best - np.array([[0.0], [1.0], [1.0]]))), best.shape)
    f = draw(int(family), shapes[family, j], lives[j], left, width)
    m = mu + heights[family, j] * f
    return max(float((w * (y - m) ** 2 / m).sum()) / max(len(y) - 3, 1), 1.0)


def draw(family: int, shape: float, half_life: float, left: np.ndarray, width: np.ndarray) -> np.ndarray:
    """The curve's mean over each bin times the bin's width (Simpson), 1 at the peak."""

    def at(t: np.ndarray) -> np.ndarray:
        if family == 0:
            return np.exp2(-t / half_life)
        if family == 1:
            return (1.0 + t / half_life * (2.0 ** (1.0 / shape) - 1.0)) ** -shape
        return np.exp2(-((t / half_life) ** shape))

    a, b = left, left + width
    return width / 6.0 * (at(a) + 4.0 * at(0.5 * (a + b)) + at(b))


def _quantiles(lives: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Middle, lower and upper value of a half-life whose logarithm carries these weights."""
    total = weight.sum()
    if total <= 0:
        return np.nan, np.nan, np.nan
    mass = np.concatenate([[0.0], np.cumsum((weight[1:] + weight[:-1]) / 2)])
    marks = np.interp(np.array([0.5, 0.5 - COVERS / 2, 0.5 + COVERS / 2]) * mass[-1], mass, np.log(lives))
    middle, low, high = np.exp(marks)
    return float(middle), float(low), float(high)


def fit(found: Result, *, spike: int = 0) -> Result:
    """How one spike of ``spikes.find`` fades.

    Parameters
    ----------
    found : Result
        What ``spikes.find`` returned.
    spike : int
        Row of its table.

    Returns
    -------
    Result
        table, a row a family, likeliest first: family, half_life, half_life_low, half_life_high (hours),
        shape (the power's exponent, the stretch, 1 for the exponential), height (counts a bucket at the
        peak's start), aic (smaller is better), weight (share of the likelihood). parameters: half_life,
        half_life_low, half_life_high over all families. extra: fade (start, excess, fitted).
        Inconclusive with its reason where the fade is not seen to its end.
    """
    table, frame = found.table, found.extra.get("baseline")
    if frame is None or not len(table):
        return _none("there is no spike to follow", {"spike": spike})
    if not 0 <= spike < len(table):
        raise UserError(f"spike {spike} was asked for; there are {len(table)}, numbered from 0")
    row = table.iloc[spike]
    if row["direction"] != "rise":
        return _none("a drop does not fade", {"spike": spike})
    noise = found.extra["noise"].iloc[0]
    start = micros(frame["start"])
    y, mu = frame["value"].to_numpy(float), frame["expected"].to_numpy(float)
    known = ~frame["unknown"].to_numpy(bool)
    peak = int(np.searchsorted(start, micros([row["peak"]])[0]))
    end = (
        int(np.searchsorted(micros(frame["end"]), micros([row["end"]])[0]))
        if row["end"] == row["end"]
        else len(y) - 1
    )
    later = table["onset"].iloc[spike + 1 :]
    until = int(np.searchsorted(start, micros([later.iloc[0]])[0])) if len(later) else len(y)
    answer = fade(y, mu, known, peak, end, until, float(noise["phi"]), float(noise["alpha"]))
    if answer.reason:
        return _none(answer.reason, {"spike": spike})
    bucket = float(noise["cadence_hours"])
    rows = pd.DataFrame(answer.families, columns=COLUMNS[1:])
    rows.insert(0, "family", list(FAMILIES))
    rows[["half_life", "half_life_low", "half_life_high"]] *= bucket
    best = int(rows["weight"].idxmax())
    stop = min(until, peak + max(3 * (end - peak), 12) + 1, len(y))
    left = np.arange(stop - peak, dtype=float)
    line = draw(best, rows["shape"][best], rows["half_life"][best] / bucket, left, np.ones(len(left)))
    shown = pd.DataFrame(
        {
            "start": frame["start"].iloc[peak:stop].to_numpy(),
            "excess": (y - mu)[peak:stop],
            "fitted": rows["height"][best] * line,
        }
    )
    shown["start"] = frame["start"].iloc[peak:stop].reset_index(drop=True)
    half, low, high = (x * bucket for x in (answer.half_life, answer.low, answer.high))
    parameters = {"spike": spike, "half_life": half, "half_life_low": low, "half_life_high": high}
    summary = (
        f"Half of the extra attention was gone {half:.3g} hours after the peak (90%: {low:.3g} to "
        f"{high:.3g}). "
        f"The fade is best drawn by the {FAMILIES[best]} ({rows['weight'][best]:.0%} of the likelihood)."
    )
    rows = rows.sort_values("weight", ascending=False, ignore_index=True)
    return Result(rows, "found", "", summary, (), VERSION, parameters, {"fade": shown})


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    return Result(
        pd.DataFrame(columns=COLUMNS),
        "inconclusive",
        reason,
        f"No half-life: {reason}.",
        (),
        VERSION,
        parameters,
    )
