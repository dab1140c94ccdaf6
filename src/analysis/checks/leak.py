"""Did anything that was observed after the cut-off reach what was made from the data?

Formula. Make it three times: from everything, from what was known by the cut-off only, and from data
whose later values were changed. Equal to the last bit: nothing leaked. One difference: something did.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from analysis.checks.check import Check


def no_leak(make: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame, as_of: pd.Timestamp) -> Check:
    """Whether ``make`` (features, a forecast) of ``rows`` (observed_at, value) uses rows after ``as_of``."""
    later = rows["observed_at"] > as_of
    if not later.any():
        return Check("nothing from after the cut-off", None, "No row was observed after the cut-off.")
    changed = rows.assign(value=rows["value"].where(~later, rows["value"] * 7 + 1000))
    whole, known, other = make(rows), make(rows[~later]), make(changed)
    same = whole.shape == known.shape == other.shape
    same = (
        same and np.array_equal(whole, known, equal_nan=True) and np.array_equal(whole, other, equal_nan=True)
    )
    said = "changed nothing" if same else "changed what was made: something from after the cut-off leaked"
    return Check(
        "nothing from after the cut-off",
        bool(same),
        f"Removing and changing {int(later.sum()):,} rows observed after {as_of:%Y-%m-%d %H:%M} UTC {said}.",
    )
