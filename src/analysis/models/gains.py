"""What each platform's own counter gained, day by day: each in its own unit.

Question. How did votes, views, uses and bookmarks come in over the period, platform by platform?

Formula. Per item, the growth of its counter between two looks falls on the day of the later look; an item
whose birth is known grew from nothing. Summed up over the items of one platform and metric, which is one
kind of thing (``alike.total`` holds that); never over platforms. A counter that falls takes away.

Assumes that looks are frequent: a counter looked at once a week gains a week's growth on one day. What an
item of unknown birth had at the first look is nobody's day and is left out.

Abstains (no row) where a platform's counter was not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analysis.models.alike import total
from analysis.platforms.card import Card


def gains(
    found: pd.DataFrame,
    since: pd.Timestamp,
    until: pd.Timestamp,
    cards: Mapping[str, Card],
    lost: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Growth of each platform's counter by day.

    Parameters
    ----------
    found
        As ``counters.counters`` gives it: one metric a platform.
    since, until
        The period, UTC.
    cards
        Platform name to its card.
    lost
        Looks and bins that have no value: platform, metric, at (UTC).

    Returns
    -------
    DataFrame
        platform, metric, start, end (a day, UTC), value (in the metric's unit; 0 on a day without growth
        between a platform's first and last look; missing on a day on which every look was in vain).
    """
    found = found.sort_values(["platform", "item_id", "at"])
    growth = found.groupby(["platform", "metric", "item_id"])["value"].diff()
    growth = growth.fillna(found["value"].where(found["born_known"]))
    rows = found.assign(value=growth, start=found["at"].dt.floor("D")).dropna(subset="value")
    rows = rows[(rows["at"] >= since) & (rows["at"] < until)]
    if rows.empty:
        return rows.assign(end=rows["start"])[["platform", "metric", "start", "end", "value"]]
    summed = total(rows, ["platform", "metric", "start"], cards)
    known = found.assign(start=found["at"].dt.floor("D"))[["platform", "start"]].drop_duplicates()
    parts = []
    for (platform, metric), part in summed.groupby(["platform", "metric"]):
        vain = _in_vain(lost, str(platform), str(metric), since, until)
        vain = vain.difference(known.loc[known["platform"] == platform, "start"])
        both = part["start"].tolist() + vain.tolist()
        days = pd.date_range(min(both), max(both), freq="D", name="start")
        value = part.set_index("start")["value"].reindex(days, fill_value=0.0).mask(days.isin(vain))
        parts.append(value.reset_index().assign(platform=platform, metric=metric))
    out = pd.concat(parts, ignore_index=True)
    return out.assign(end=out["start"] + pd.Timedelta(days=1))[
        ["platform", "metric", "start", "end", "value"]
    ]


def _in_vain(
    lost: pd.DataFrame | None, platform: str, metric: str, since: pd.Timestamp, until: pd.Timestamp
) -> pd.DatetimeIndex:
    if lost is None or lost.empty:
        return pd.DatetimeIndex([], tz="UTC")
    mine = lost[(lost["platform"] == platform) & (lost["metric"] == metric)]
    mine = mine[(mine["at"] >= since) & (mine["at"] < until)]
    return pd.DatetimeIndex(mine["at"].dt.floor("D").unique())
