"""Does everything stand in the last bucket?

Collectors pour what has no date, or what came late, into the moment of the export. A true spike that
began in the last bucket looks the same until the next bucket is in, so it waits for that.
"""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence, Stretch

NAME = "pile-up at the end of the window"


def check(evidence: Evidence) -> Check:
    """False when a rise is made by the last known bucket alone."""
    known = np.flatnonzero(evidence.known)
    if len(known) < 3:
        return Check(NAME, None, "Fewer than three known buckets: nothing to compare the last one with.")
    last = int(known[-1])
    bad = [s for s in evidence.rises() if s.end >= last and _alone(evidence, s, last)]
    if bad:
        sentence = (
            f"The last bucket ({evidence.when(last)}) holds {evidence.y[last]:,.0f} where "
            f"{evidence.mu[last]:,.3g} were expected, and nothing led up to it: late or undated "
            "counts poured "
            "in at the end look like this. The next bucket will tell."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    return Check(NAME, True, "Nothing is heaped up in the last bucket.")


def _alone(evidence: Evidence, stretch: Stretch, last: int) -> bool:
    """Whether without the last bucket nothing would stand out."""
    before = evidence.inside(stretch)
    before = before[before < last]
    gap = float((evidence.y[before] - evidence.mu[before]).sum())
    return gap < 3.0 * float(np.sqrt((evidence.sd[before] ** 2).sum())) if len(before) else True
