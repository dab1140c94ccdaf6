"""Does ordinary noise behave as the alarm takes it to?"""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence

NAME = "dispersion"
HEAVY = 2.0


def check(evidence: Evidence) -> Check:
    """False when ordinary scores scatter twice as far as assumed and what stands out stands out little."""
    if np.isnan(evidence.tail):
        return Check(NAME, None, "Too few ordinary bursts to see how far noise reaches.")
    if evidence.tail < 1.2:
        return Check(NAME, True, "Ordinary bursts are as large as over-dispersed counts make them.")
    limit = 2.0 + 3.0 * evidence.tail
    weak = [s for s in evidence.stretches if s.score < limit]
    words = (
        f"Ordinary bursts reach {evidence.tail:.2g} times as far as over-dispersed counts would; "
        "the limit was raised"
    )
    if evidence.tail >= HEAVY and weak and len(weak) == len(evidence.stretches):
        return Check(
            NAME, False, f"{words}, and nothing stands out clearly above that.", evidence.table(weak)
        )
    return Check(NAME, True, f"{words} by as much.")
