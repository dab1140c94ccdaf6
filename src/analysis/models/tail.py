"""A flash or a long tail, from a handful of counts.

Question. Hits per day are all there is, three to ten of them: did the attention burn off at once, or stay?

Formula. After the largest bucket, what share of it does the next one keep, and the one after that?
kept = geometric mean of the ratios of neighbouring buckets from the peak on (at most two of them). A day
of visits scatters more than counts do, so each ratio's logarithm is given a deviation of 0.35 beside the
Poisson one: a bare count of a busy day is not known better than to a third. Flash: the 90 % interval of
kept lies below one half. Long tail: it lies above one half, or the largest bucket is the last one and each
rose. Between them: inconclusive.

Claims no half-life, no class of Crane & Sornette, and no baseline: a few points cannot carry one.

Abstains with fewer than three known buckets, under 100 counts in the largest, or a span across one half.

Source. This project's own rule, made for the historic days in docs/golden_days.md.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd

from analysis.models.grid import lay
from analysis.models.result import Result

VERSION = "tail 1.0"
SCATTER = 0.35  # deviation of the logarithm of one bucket's count
LEAST = 100.0
COLUMNS = ["peak", "peak_value", "kept", "kept_low", "kept_high", "kind"]


def tell(series: pd.DataFrame) -> Result:
    """Whether a short series of counts is a flash or a long tail.

    Parameters
    ----------
    series : DataFrame
        start, value: counts of whole days (or hours), without other attention.

    Returns
    -------
    Result
        table, one row: peak (start of the largest bucket), peak_value, kept (share a bucket keeps of the
        one before it), kept_low, kept_high (90 %), kind ("flash" or "long tail").
    """
    grid = lay(series)
    y = grid.y
    known = np.flatnonzero(grid.known)
    if len(known) < 3:
        return _none(f"{len(known)} known buckets; three are the least")
    top = int(known[np.nanargmax(y[known])])
    if y[top] < LEAST:
        return _none(f"the largest bucket holds {y[top]:g}; under {LEAST:g} chance alone makes any shape")
    later = y[top : top + 3]
    if len(later) > 1 and np.isnan(later[1]):
        return _none("the bucket after the largest is unknown")
    later = later[~np.isnan(later)]
    if len(later) == 1:
        rose = np.diff(y[known])
        if len(known) >= 3 and np.all(rose[-2:] > 0):
            return _told(
                grid.times(grid.t[[top]]), y[top], (np.nan, np.nan, np.nan), "long tail", "it is still rising"
            )
        return _none("nothing is known after the largest bucket")
    steps = len(later) - 1
    ratio = np.log(max(later[-1], 0.5) / later[0]) / steps
    spread = np.sqrt(1 / max(later[-1], 0.5) + 1 / later[0] + 2 * SCATTER**2) / steps
    reach = NormalDist().inv_cdf(0.95) * spread
    kept, low, high = np.exp([ratio, ratio - reach, ratio + reach])
    if low <= 0.5 <= high:
        return _none(
            f"a bucket keeps {kept:.0%} of the one before it (90%: {low:.0%} to {high:.0%}), which "
            "may be either"
        )
    kind = "flash" if high < 0.5 else "long tail"
    return _told(
        grid.times(grid.t[[top]]),
        y[top],
        (kept, low, high),
        kind,
        f"a bucket keeps {kept:.0%} of the one before",
    )


def _told(peak: pd.DatetimeIndex, value: float, kept: tuple[float, ...], kind: str, why: str) -> Result:
    row = pd.DataFrame([[peak[0], value, *kept, kind]], columns=COLUMNS)
    return Result(row, "found", "", f"A {kind}: {why}.", (), VERSION, {})


def _none(reason: str) -> Result:
    empty = pd.DataFrame(columns=COLUMNS)
    return Result(
        empty, "inconclusive", reason, f"Neither flash nor long tail can be told: {reason}.", (), VERSION, {}
    )
