"""Did the buckets become longer or shorter on the way?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence

NAME = "cadence changed"
RUN = 12  # steps in a row that must agree
RATIO = 1.6


def check(evidence: Evidence) -> Check:
    """False when the distance between rows changes for good and the rows do not say how long they are."""
    if "end" in evidence.raw:
        return Check(NAME, True, "Every row says when it ends, so longer buckets may hold more.")
    times = np.unique(evidence.rows)
    step = np.diff(times).astype(float)
    if len(step) < 2 * RUN:
        return Check(
            NAME, None, f"Fewer than {2 * RUN + 1} rows: a change of cadence could not be told from a gap."
        )
    usual = np.median(np.lib.stride_tricks.sliding_window_view(step, RUN), axis=1)
    low, high = float(usual.min()), float(usual.max())
    if high / low < RATIO:
        return Check(NAME, True, "Rows stand equally far apart throughout.")
    # Irregular by nature: steps that scatter everywhere are no change at a moment.
    left, right = np.median(step[: len(step) // 4]), np.median(step[-(len(step) // 4) :])
    scatter = np.percentile(step, 75) / np.percentile(step, 25)
    if max(left, right) / min(left, right) < RATIO and scatter >= RATIO:
        return Check(
            NAME, None, "Rows stand unevenly apart throughout; give each row's end to compare their counts."
        )
    at = int(np.argmax(np.abs(np.diff(np.log(usual))))) + RUN // 2
    table = pd.DataFrame(
        {
            "from": [
                pd.Timestamp(int(times[0]), unit="us", tz="UTC"),
                pd.Timestamp(int(times[at]), unit="us", tz="UTC"),
            ],
            "minutes_between_rows": [float(usual[0]) / 6e7, float(usual[-1]) / 6e7],
        }
    )
    sentence = (
        f"Rows stand {low / 6e7:,.3g} minutes apart in one part and {high / 6e7:,.3g} in another, and "
        "do not say when "
        "they end: counts of unlike buckets cannot be compared. Give the column end."
    )
    return Check(NAME, False, sentence, table)
