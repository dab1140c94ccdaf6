"""What a counter gained between looks.

Question. A counter was read at uneven moments; how much came in between, as a series of counts?

Formula. Each pair of neighbouring known readings gives one bucket [earlier look, later look) and the
difference of their values. With ``every``, the counter is drawn as a straight line between looks and
cut into even buckets: the total is kept, the rate is even within a look's interval.

A fall is kept, and marked: counters are corrected downwards, and clipping one would add attention that
never came. A reading without a value teaches nothing. Where looks lie further apart than ``gap``, what
came between is known only in total, so the bucket is unknown and the total stands in ``gained``.

Abstains (an empty frame) with fewer than two known readings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models.grid import micros, to_times

GAP = 6.0  # median distances between looks


def increments(
    readings: pd.DataFrame,
    *,
    every: str | pd.Timedelta | None = None,
    gap: str | pd.Timedelta | None = None,
    as_of: Any = None,
) -> pd.DataFrame:
    """Readings of one counter by one observer as a series of counts.

    Parameters
    ----------
    readings : DataFrame
        observed_at (UTC), value (the counter, missing where unknown); in any order.
    every : duration, optional
        Width of even buckets, such as "30min"; None keeps the intervals between looks.
    gap : duration, optional
        Looks further apart than this leave what came between unknown; None: six times the median
        distance of looks, and at least twice ``every``.
    as_of : time, optional
        Use only readings taken by then.

    Returns
    -------
    DataFrame
        start, end (UTC), value (count gained in [start, end), missing where unknown, below 0 where
        the counter fell), gained (the same, also over gaps), fell (the counter fell here).
        Ready for ``spikes.find``.
    """
    missing = [name for name in ("observed_at", "value") if name not in readings]
    if missing:
        raise UserError(f"readings need the columns observed_at and value; missing: {', '.join(missing)}")
    t = micros(readings["observed_at"])
    v = readings["value"].to_numpy(dtype=np.float64, na_value=np.nan)
    use = np.isfinite(v)
    if as_of is not None:
        use &= t <= micros([pd.Timestamp(as_of)])[0]
    t, v = t[use], v[use]
    order = np.argsort(t, kind="stable")
    t, v = t[order], v[order]
    first = np.r_[True, t[1:] > t[:-1]] if len(t) else np.zeros(0, bool)
    t, v = t[first], v[first]
    if len(t) < 2:
        start = end = np.zeros(0, np.int64)
        gained, wide = np.zeros(0), np.zeros(0, bool)
    else:
        step = np.diff(t)
        width = pd.Timedelta(every).value // 1000 if every is not None else 0
        limit = pd.Timedelta(gap).value // 1000 if gap is not None else max(GAP * np.median(step), 2 * width)
        start, end, gained, wide = t[:-1], t[1:], np.diff(v), step > limit
        if width > 0:
            start, end, gained, wide = _even(t, v, wide, int(width))
    return pd.DataFrame(
        {
            "start": to_times(start),
            "end": to_times(end),
            "value": np.where(wide, np.nan, gained),
            "gained": gained,
            "fell": gained < 0,
        }
    )


def _even(t: np.ndarray, v: np.ndarray, wide: np.ndarray, width: int) -> tuple[Any, Any, Any, Any]:
    edges = np.arange(-(-t[0] // width) * width, t[-1] + 1, width)
    line = np.interp(edges, t, v)
    hole = np.concatenate([[0.0], np.cumsum(np.where(wide, np.diff(t), 0))])
    inside = np.diff(np.interp(edges, t, hole))
    return edges[:-1], edges[1:], np.diff(line), inside > width / 2
