"""Is a rise what had gathered during an outage?

A collector that comes back books what it missed into its first bucket.
"""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence, Stretch

NAME = "resume after an outage"
LONGEST = 2  # buckets over which the backlog is booked


def check(evidence: Evidence) -> Check:
    """False when a short rise follows a gap and is no more than the gap would have brought."""
    if evidence.known.all():
        return Check(NAME, True, "There is no gap.")
    bad: list[Stretch] = []
    words = ""
    for stretch in evidence.rises():
        use = evidence.inside(stretch)
        # The backlog lies in the first bucket after the gap; noise may have put the onset a bucket off.
        first = int(use[np.argmax(evidence.y[use] - evidence.mu[use])])
        later = use[use >= first + LONGEST]
        over = float((evidence.y[later] - evidence.mu[later]).sum())
        if over > 0.25 * float((evidence.y[use] - evidence.mu[use]).sum()):
            continue
        before = np.flatnonzero(evidence.known[:first])
        gap = slice(int(before[-1]) + 1 if len(before) else 0, first)
        if gap.stop <= gap.start or not len(before):
            continue
        use = use[use < first + LONGEST]
        missed = float(evidence.mu[gap].sum())
        excess = float((evidence.y[use] - evidence.mu[use]).sum())
        if excess <= 1.5 * missed + 3.0 * np.sqrt((evidence.sd[gap] ** 2).sum()):
            bad.append(stretch)
            words = (
                f"{excess:,.3g} more than expected at {evidence.when(first)}, where {missed:,.3g} were missed"
            )
    if bad:
        return Check(
            NAME, False, f"A rise right after a gap is what the gap held back: {words}.", evidence.table(bad)
        )
    return Check(NAME, True, "No rise right after a gap is small enough to be what the gap held back.")
