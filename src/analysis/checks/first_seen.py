"""Is the first bucket the collector's first sight of things that were there before?"""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence

NAME = "first-seen burst"


def check(evidence: Evidence) -> Check:
    """False when a rise lies in the first two known buckets and is over at once."""
    known = np.flatnonzero(evidence.known)
    if len(known) < 5:
        return Check(NAME, None, "Fewer than five known buckets: nothing to compare the first one with.")
    bad = [s for s in evidence.rises() if s.onset <= known[0] and s.end <= known[1]]
    if bad:
        sentence = (
            f"The series opens with {evidence.y[known[0]]:,.0f} where {evidence.mu[known[0]]:,.3g} "
            "were expected "
            "and is ordinary right after: the collector's first look books everything that was there before."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    return Check(NAME, True, "The series does not open with a burst.")
