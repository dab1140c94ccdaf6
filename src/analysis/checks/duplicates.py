"""Was something counted twice?

A batch delivered twice leaves the same time in two rows, a stretch copied from the one before, or a
stretch in which every count is even.
"""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence, Stretch

NAME = "duplicate slip"
LEAST = 8  # even counts in a row: by chance one time in 256


def check(evidence: Evidence) -> Check:
    """False when a rise stands on doubled rows, repeats the buckets before it, or is even throughout."""
    times = np.sort(evidence.rows)
    twice = np.unique(times[1:][times[1:] == times[:-1]])
    bad = [s for s in evidence.rises() if _doubled(evidence, s, twice)]
    if bad:
        sentence = (
            f"The rise at {evidence.when(bad[0].onset)} looks counted twice: its times stand in two "
            "rows, its "
            "counts repeat the buckets before it, or every one of them is even."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    if len(twice):
        return Check(
            NAME, True, f"{len(twice):,} times stand in more than one row; the first was used, no rise there."
        )
    return Check(NAME, True, "No time stands twice, no rise repeats or doubles what was counted before.")


def _doubled(evidence: Evidence, stretch: Stretch, twice: np.ndarray) -> bool:
    first, end = int(evidence.t[stretch.onset]), int(evidence.t[stretch.end]) + evidence.cadence
    again = int(((twice >= first - evidence.cadence) & (twice < end + evidence.cadence)).sum())
    use = evidence.inside(stretch)
    if again >= max(1, len(use) // 4):
        return True
    y = evidence.y[use]
    size = stretch.end - stretch.onset + 1
    if len(use) >= 5 and stretch.onset >= size:
        before = evidence.y[stretch.onset - size : stretch.onset]
        if np.array_equal(evidence.y[stretch.onset : stretch.end + 1], before) and len(np.unique(y)) >= 4:
            return True
    seen = y[y > 0]
    whole = bool(np.all(seen == np.floor(seen)))
    # Bins already even everywhere (rounded or doubled at the source) say nothing about this stretch.
    rest = evidence.y[evidence.quiet()]
    rest = rest[rest > 0]
    usual = len(rest) > 0 and float(np.mean(rest % 2 == 0)) < 0.8
    return whole and usual and len(seen) >= LEAST and bool(np.all(seen % 2 == 0))
