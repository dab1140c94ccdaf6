"""Is a number that stands for "not known" taken for a count?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence, Stretch

NAME = "sentinel left in"
USUAL = {999.0, 9999.0, 99999.0, 999999.0, 9999999.0, 32767.0, 65535.0, 2147483647.0, 4294967295.0}
MISSED = 25.0  # counts expected in a run of zeros before it is doubted


def check(evidence: Evidence) -> Check:
    """False for negative counts, a repeated or telling extreme value, or zeros where many were expected."""
    value = pd.to_numeric(evidence.raw["value"], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    below = value[value < 0]
    if len(below) and "fell" not in evidence.raw:
        sentence = (
            f"{len(below):,} counts are below 0 (such as {below[0]:g}): a count cannot be, so the "
            "number stands for "
            "something else. They were taken as unknown; name the sentinel where the data come in."
        )
        return Check(NAME, False, sentence, pd.DataFrame({"value": np.unique(below)[:10]}))
    bad = [s for s in evidence.stretches if _telling(evidence, s)]
    if bad:
        word = "zeros" if bad[0].sign < 0 else "one extreme number"
        sentence = (
            f"What stands out at {evidence.when(bad[0].onset)} is {word} repeated: withdrawn and "
            "failed counters "
            "answer so. If it stands for 'not known', mark it unknown."
        )
        return Check(NAME, False, sentence, evidence.table(bad))
    return Check(NAME, True, "No number looks like a stand-in for 'not known'.")


def _telling(evidence: Evidence, stretch: Stretch) -> bool:
    use = evidence.inside(stretch)
    y = evidence.y[use]
    if stretch.sign < 0:
        return bool(np.mean(y == 0) > 0.9) and float(evidence.mu[use].sum()) > MISSED
    top = float(y.max())
    again = int((evidence.y == top).sum()) if top == np.nanmax(evidence.y) else 1
    far = (top - evidence.mu[use].max()) / evidence.sd[use].max()
    return far > 8 and (again >= 3 or top in USUAL) and top > 50
