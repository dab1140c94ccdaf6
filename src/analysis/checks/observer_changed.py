"""Did somebody else begin to count?"""

from __future__ import annotations

import numpy as np

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence

NAME = "observer changed"


def check(evidence: Evidence) -> Check:
    """False when a stretch begins or ends where the observer changes; None when observers are not told."""
    if "observer" not in evidence.raw:
        return Check(NAME, None, "The series does not say who counted.")
    times = evidence.rows
    order = np.argsort(times, kind="stable")
    times, observer = times[order], evidence.raw["observer"].to_numpy()[order]
    edge = times[1:][observer[1:] != observer[:-1]]
    if not len(edge):
        return Check(NAME, True, "One observer counted throughout.")
    near = evidence.cadence
    bad = []
    for stretch in evidence.stretches:
        ends = (int(evidence.t[stretch.onset]), int(evidence.t[stretch.end]) + evidence.cadence)
        if any(np.any(np.abs(edge - end) <= near) for end in ends):
            bad.append(stretch)
    if bad:
        sentence = (
            f"What stands out at {evidence.when(bad[0].onset)} begins or ends where the observer changes: "
            "two observers do not count the same."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    return Check(
        NAME, True, f"The observer changes {len(edge):,} times; nothing that stands out begins or ends there."
    )
