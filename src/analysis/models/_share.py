"""What one share on a platform brings: how many visits, how soon, and how they fade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.models._kernel import BIN, EDGES, Course
from analysis.models.tail import tell


def per_share(
    course: Course, dark: float, error: float, level: float, rng: np.random.Generator
) -> dict[str, float]:
    """Visits a seen share brought; its interval holds the attribution's error and how shares differ."""
    seen = course.count > 0
    count = course.count[seen].sum()
    driven = float(course.driven.sum())
    if not count or not driven:
        return {"per_share": np.nan, "per_share_low": np.nan, "per_share_high": np.nan}
    stated = 0.0 if course.borrowed else 1.0
    factor = stated + dark / driven
    each = course.size[seen]
    value = float(each.sum() / count * factor)
    if seen.sum() < 2:
        return {"per_share": value, "per_share_low": np.nan, "per_share_high": np.nan}
    pick = rng.integers(0, seen.sum(), (2000, int(seen.sum())))
    rates = each[pick].sum(axis=1) / course.count[seen][pick].sum(axis=1)
    drawn = rates * np.maximum(factor + rng.standard_normal(2000) * error / driven, 0.0)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return {"per_share": value, "per_share_low": float(low), "per_share_high": float(high)}


def pace(course: Course, known: np.ndarray) -> dict[str, Any]:
    """Hours to the fastest, from there to half that pace, and whether days make a flash or a long tail."""
    if course.borrowed or not len(course.hour):
        return {"delay_hours": np.nan, "half_life_hours": np.nan, "course": ""}
    # a share falls somewhere into its hour, so that hour and the next are one and a half
    edges = np.r_[0.0, EDGES[2:] - 0.5]
    part = np.bincount(np.maximum(BIN - 1, 0), weights=course.kernel)
    speed, middle = part / np.diff(edges), (edges[:-1] + edges[1:]) / 2
    top = int(speed.argmax())
    below = np.flatnonzero(speed[top:] <= speed[top] / 2)
    half = np.nan
    if len(below):
        b = top + int(below[0])
        step = (speed[b - 1] - speed[top] / 2) / max(speed[b - 1] - speed[b], 1e-12)
        half = float(middle[b - 1] + step * (middle[b] - middle[b - 1]) - middle[top])
    days = np.add.reduceat(course.kernel, np.arange(0, 240, 24))[:10] * course.driven.sum()
    last = known.shape[1] - known[:, ::-1].argmax(axis=1)
    seen = int((last[course.content] - course.hour).max())
    days = days[: max((seen + 12) // 24, 1)]  # as long as any share has been watched
    told = tell(
        pd.DataFrame({"start": pd.date_range("2000-01-01", periods=len(days), tz="UTC"), "value": days})
    )
    kind = str(told.table["kind"].iloc[0]) if len(told.table) else ""
    dated = bool((course.count > 0).any())
    return {"delay_hours": float(middle[top]) if dated else np.nan, "half_life_hours": half, "course": kind}
