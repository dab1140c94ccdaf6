"""Is there enough of an ordinary time to judge by?"""

from __future__ import annotations

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence

NAME = "enough history"
KNOWN = 14
QUIET = 0.3  # of the known buckets


def check(evidence: Evidence) -> Check:
    """None with fewer than 14 known buckets, or when what stands out fills more than 70 % of them."""
    known, quiet = int(evidence.known.sum()), int(evidence.quiet().sum())
    if known < KNOWN:
        return Check(
            NAME, None, f"{known} known buckets; at least {KNOWN} are needed to know what is ordinary."
        )
    if quiet < max(10, QUIET * known):
        return Check(
            NAME, None, f"Only {quiet} of {known} known buckets look ordinary: nothing to judge the rest by."
        )
    return Check(NAME, True, f"{quiet:,} ordinary buckets to judge by.")
