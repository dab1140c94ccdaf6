"""What one's like had: the mean of their middle half, and between which values most of them lie."""

from __future__ import annotations

import numpy as np


def middle(rows: np.ndarray) -> np.ndarray:
    """Mean of the middle half of each row, missing ones left out."""
    ordered = np.sort(rows, axis=1)  # missing ones last
    known = (~np.isnan(ordered)).sum(axis=1)
    cut = known // 4
    place = np.arange(rows.shape[1])[None, :]
    use = (place >= cut[:, None]) & (place < (known - cut)[:, None])
    total = np.where(use, ordered, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known > 0, total / use.sum(axis=1), np.nan)


def spread(rows: np.ndarray, share: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Between which values the middle ``share`` of each row lies, missing ones left out."""
    ordered = np.sort(rows, axis=1)
    last = (~np.isnan(ordered)).sum(axis=1) - 1
    row = np.arange(len(rows))
    cut = np.round((1 - share) / 2 * np.maximum(last, 0), 9)
    return ordered[row, np.floor(cut).astype(int)], ordered[
        row, np.ceil(np.maximum(last, 0) - cut).astype(int)
    ]
