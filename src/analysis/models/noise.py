"""What the noise of others like it has shown, before a young series has shown any of its own.

Question. How far does ordinary noise reach in a content that was published yesterday?

Formula. Every series keeps when each of its bursts and high single windows was over, and how far it reached
(``_heavy``). A series begins with what the others like it (the contents of one site, the counts of one
platform, of one cadence) had shown until then, added up, and weighed down to what half a year of one
series would have shown; its own noise is added as it comes. Without others the prior speaks alone.

Assumptions. After level, rhythm and scatter are taken out, contents of a site are noisy alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.models._heavy import EDGES
from analysis.models.grid import DAY

WORTH = 180 * DAY
"""What others show counts at most as much as this time of one series, in microseconds."""
BINS = len(EDGES) - 1


@dataclass(frozen=True)
class Noise:
    """What one series' noise showed: in which bucket it was over, and how far it reached.

    cadence : of its buckets, in microseconds
    judged : when each bucket that was judged began, microseconds since 1970, sorted
    at : when the bucket began in which each burst or single window was over, likewise
    place : of each, 0 to 3 for single windows up and down, bursts up and down, times ``BINS``, and its bin
    """

    cadence: int
    judged: np.ndarray
    at: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, cadence: int, t: np.ndarray, judged: np.ndarray, marks: np.ndarray) -> Noise:
        """A series' noise from the marks of its buckets: four rows, a bin or -1 each."""
        kind, bucket = np.nonzero(marks >= 0)
        return cls(cadence, t[judged], t[bucket], kind * BINS + marks[kind, bucket])


def shown(others: Sequence[Noise], cadence: int, before: int) -> tuple[np.ndarray, float]:
    """Counts by kind and bin (4 rows) and buckets judged, of others of this cadence before a moment."""
    count, buckets = np.zeros(4 * BINS), 0
    for one in others:
        if one.cadence == cadence:
            count += np.bincount(one.place[one.at < before], minlength=4 * BINS)
            buckets += int(np.searchsorted(one.judged, before))
    share = min(1.0, WORTH / (cadence * max(buckets, 1)))
    return (share * count).reshape(4, BINS), share * buckets
