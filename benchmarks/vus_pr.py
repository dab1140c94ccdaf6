"""VUS-PR: the volume under the surface of precision and recall, from its published formula.

Paparrizos, Boniol, Palpanas, Tsay, Elmore & Franklin, "Volume Under the Surface", PVLDB 15 (2022): for
every buffer length l from 0 to L, labels are extended by l / 2 rows on either side, weighted
sqrt(1 - distance / l); precision weighs predictions by the extended label; recall divides by the mean of
the labels' own and extended mass and is multiplied by the share of anomalies touched at all (existence
reward); the area under that precision-recall curve over 250 thresholds is averaged over l.
"""

from __future__ import annotations

import numpy as np


def runs(labels: np.ndarray) -> list[tuple[int, int]]:
    """First and last row of each run of labels above 0."""
    on = np.r_[False, np.asarray(labels) > 0, False].astype(int)
    step = np.diff(on)
    return list(
        zip(np.flatnonzero(step == 1).tolist(), (np.flatnonzero(step == -1) - 1).tolist(), strict=True)
    )


def extend(labels: np.ndarray, buffer: int) -> np.ndarray:
    """The labels with a buffer of half this length on either side of each run."""
    out = np.asarray(labels, float).copy()
    size, half = len(out), buffer // 2
    for left, right in runs(labels):
        after = np.arange(right, min(right + half, size))
        before = np.arange(max(left - half, 0), left)
        out[after] += np.sqrt(1.0 - (after - right) / buffer) if buffer else 0.0
        out[before] += np.sqrt(1.0 - (left - before) / buffer) if buffer else 0.0
    return np.minimum(out, 1.0)


def vus_pr(labels: np.ndarray, scores: np.ndarray, window: int = 100, thresholds: int = 250) -> float:
    """The volume for one series; labels 0 or 1 and scores (higher is more anomalous), a row each."""
    labels, scores = np.asarray(labels, float), np.asarray(scores, float)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    marks = ranked[np.linspace(0, len(scores) - 1, thresholds).astype(int)]
    taken = np.searchsorted(-ranked, -marks, side="right")  # rows with a score at least the mark
    own = labels.sum()
    areas = []
    for buffer in range(window + 1):
        wide = extend(labels, buffer)
        mass = np.concatenate([[0.0], np.cumsum(wide[order])])
        hit = mass[taken]
        tops = np.array([scores[left : right + 1].max() for left, right in runs(wide)])
        existence = (tops[None, :] >= marks[:, None]).mean(axis=1)
        recall = np.minimum(hit / ((own + wide.sum()) / 2.0), 1.0) * existence
        precision = hit / taken
        areas.append(float(np.dot(np.diff(np.r_[0.0, recall]), precision)))
    return float(np.mean(areas))
