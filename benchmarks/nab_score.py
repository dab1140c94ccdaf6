"""NAB's score, from its published formula.

Lavin & Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark",
ICMLA 2015, section II: a detection at position y of a window (-1 its left end, 0 its right end) is worth
sigma(y) = 2 / (1 + e^(5y)) - 1; only the first detection of a window counts; a detection outside is
measured from the end of the window before it, in widths of that window, and is worth -1 from three
widths on, or where there is no window before. A_TP, A_FP and A_FN weight detections, false alarms and
missed windows (standard profile: 1, 0.11, 1). The first 15 % of a file, at most 750 rows, are
probationary and do not count. 100 is a perfect detector, 0 one that says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PROBATION = 0.15
LONGEST = 5000


@dataclass(frozen=True)
class Profile:
    """Weights of a detected window, a false alarm and a missed window."""

    tp: float = 1.0
    fp: float = 0.11
    fn: float = 1.0


STANDARD = Profile()


def worth(y: np.ndarray | float) -> np.ndarray:
    """sigma(y): 1 well before a window's end, 0 at it, -1 three widths after it."""
    y = np.asarray(y, float)
    return np.where(y > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * np.minimum(y, 3.0))) - 1.0)


def weights(
    size: int, windows: list[tuple[int, int]], profile: Profile = STANDARD
) -> tuple[np.ndarray, np.ndarray]:
    """What an alarm at each row is worth, and the number of the window it lies in (-1: none).

    windows : first and last row of each, in order
    """
    value = np.full(size, -profile.fp)
    inside = np.full(size, -1)
    rows = np.arange(size)
    for k, (left, right) in enumerate(windows):
        after = rows > right
        value[after] = worth((rows[after] - right) / max(right - left, 1)) * profile.fp
        inside[left : right + 1] = k
    for left, right in windows:
        here = np.arange(left, right + 1)
        value[here] = worth(-(right - here + 1) / (right - left + 1)) * profile.tp / worth(-1.0)
    return value, inside


def score(
    files: list[tuple[np.ndarray, list[tuple[int, int]]]], threshold: float, profile: Profile = STANDARD
) -> float:
    """Normalised score of anomaly scores (one array a file) at one threshold over all files."""
    return curve(files, np.array([threshold]), profile)[0]


def curve(
    files: list[tuple[np.ndarray, list[tuple[int, int]]]], thresholds: np.ndarray, profile: Profile = STANDARD
) -> np.ndarray:
    """The normalised score at each of several thresholds, each used for all files."""
    total = np.zeros(len(thresholds))
    count = 0
    for scores, windows in files:
        value, inside = weights(len(scores), windows, profile)
        start = int(PROBATION * min(len(scores), LONGEST))
        count += len(windows)
        live = np.arange(len(scores)) >= start
        for j, threshold in enumerate(thresholds):
            hit = (scores >= threshold) & live
            total[j] += value[hit & (inside < 0)].sum()
            for k in range(len(windows)):
                own = value[hit & (inside == k)]
                total[j] += own.max() if len(own) else -profile.fn
    null, perfect = -profile.fn * count, profile.tp * count
    return 100.0 * (total - null) / (perfect - null)


def best(
    files: list[tuple[np.ndarray, list[tuple[int, int]]]], profile: Profile = STANDARD
) -> tuple[float, float]:
    """The one threshold for all files that scores highest, as NAB's optimiser looks for it, and its score."""
    every = np.unique(np.concatenate([scores for scores, _ in files]))
    tries = np.unique(np.quantile(every, np.linspace(0.0, 1.0, 60))) if len(every) > 60 else every
    tries = np.unique(np.r_[tries, every[-200:]])
    values = curve(files, tries, profile)
    top = int(np.argmax(values))
    return float(tries[top]), float(values[top])


def hits(
    scores: np.ndarray, windows: list[tuple[int, int]], threshold: float, apart: int
) -> tuple[int, int, int]:
    """Windows found, alarms (runs of them no more than ``apart`` rows apart), and alarms inside no window."""
    start = int(PROBATION * min(len(scores), LONGEST))
    at = np.flatnonzero(scores >= threshold)
    at = at[at >= start]
    first = at[np.r_[True, np.diff(at) > apart]] if len(at) else at
    inside = [any(left <= i <= right for left, right in windows) for i in first]
    found = sum(bool(np.any((at >= left) & (at <= right))) for left, right in windows)
    return found, len(first), len(first) - sum(inside)
