"""Is a daily or weekly rhythm left that the baseline did not take out?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import HOUR, Evidence

NAME = "residual rhythm"
DAY = 24 * HOUR
LEFT = 0.5  # half of what is left repeats


def check(evidence: Evidence) -> Check:
    """False when what is left of ordinary buckets still repeats after a day or a week."""
    rows = []
    quiet = evidence.quiet()
    r = np.where(quiet, np.clip((evidence.y - evidence.mu) / evidence.sd, -4, 4), 0.0)
    for name, lag in (
        ("a day", round(DAY / evidence.cadence)),
        ("a week", round(7 * DAY / evidence.cadence)),
    ):
        if lag < 4 or len(r) < 4 * lag:
            continue
        both = quiet[lag:] & quiet[:-lag]
        near = quiet[lag // 2 :] & quiet[: -(lag // 2)]
        if both.sum() < 50:
            continue
        base = max(float(np.mean(r[quiet] ** 2)), 1e-12)
        again = float((r[lag:] * r[:-lag])[both].mean()) / base
        # A slow wave also correlates after a day, and more so after half of one: only the surplus is rhythm.
        half = float((r[lag // 2 :] * r[: -(lag // 2)])[near].mean()) / base
        rows.append((name, again, again - max(half, 0.0)))
    if not rows:
        return Check(NAME, None, "Too short, or too coarse, to see a rhythm that was missed.")
    table = pd.DataFrame(rows, columns=["after", "correlation", "above_half_way"])
    worst = max(rows, key=lambda row: min(row[1], row[2]))
    if min(worst[1], worst[2]) > LEFT:
        sentence = (
            f"Residuals still repeat after {worst[0]} (correlation {worst[1]:.2f}): "
            "the baseline misses a rhythm."
        )
        return Check(NAME, False, sentence, table)
    return Check(NAME, True, "No daily or weekly rhythm is left in the residuals.", table)
