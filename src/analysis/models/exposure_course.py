"""The course of a site's exposure, ready to be drawn: by source, dark social apart, raw beside cleaned.

Question. How many visits came from where, over time, and how many more were machines?

Formula. Visits of all pages are added up by source and bin (whole hours, days or weeks, few enough to be
drawn); dark social, as ``exposure.dark_social`` estimates it, is taken out of direct and becomes a band
of its own, never more than direct had. Raw is cleaned plus every removed part.

Abstains bin by bin: a bin of which any part is unknown is unknown. Source: the definitions of
``traffic.exposure``.
"""

from __future__ import annotations

import pandas as pd

from analysis.models.counters import latest
from analysis.models.episodes import by_source

DARK = "dark social"


def bands(
    intervals: pd.DataFrame, dark: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp, most: int = 8
) -> pd.DataFrame:
    """Visits by source and bin, dark social apart from direct: platform, start, end, value.

    Parameters
    ----------
    intervals : exposure intervals of one observer
    dark : ``extra["hours"]`` of ``exposure.dark_social``
    since, until : the period
    most : sources by name; the rest together
    """
    out = by_source(intervals, since, until, most=most)
    if out.empty or dark.empty or "direct" not in set(out["platform"]):
        return out
    width = (out["end"] - out["start"]).iloc[0]
    mine = dark[(dark["start"] >= since) & (dark["start"] < until)]
    place = since + (mine["start"] - since) // width * width
    hidden = mine.groupby(place)["dark"].sum()
    direct = out[out["platform"] == "direct"].set_index("start")
    part = hidden.reindex(direct.index).fillna(0.0).clip(upper=direct["value"]).where(direct["value"].notna())
    band = direct.assign(platform=DARK, value=part).reset_index()
    at = out["platform"] == "direct"
    out.loc[at, "value"] = (direct["value"] - part).to_numpy()
    last = int(at[at].index.max()) + 1
    return pd.concat([out.iloc[:last], band[out.columns], out.iloc[last:]], ignore_index=True)


def raw(
    intervals: pd.DataFrame, drawn: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp
) -> pd.DataFrame:
    """Raw visits in the bins of ``drawn``: start, end, value; without rows where nothing says what was
    removed."""
    rows = latest(intervals)
    removed = rows["metric"].str.startswith("visits.removed.")
    rows = rows[(removed | (rows["metric"] == "visits")) & (rows["start"] >= since) & (rows["start"] < until)]
    if drawn.empty or not removed.any():
        return pd.DataFrame(columns=["start", "end", "value"])
    width = (drawn["end"] - drawn["start"]).iloc[0]
    place = since + (rows["start"] - since) // width * width
    total = rows.groupby(place)["value"].sum(min_count=1)
    unknown = drawn.groupby("start")["value"].agg(lambda v: v.isna().all())
    total = total.reindex(unknown.index).fillna(0.0).mask(unknown)
    return pd.DataFrame({"start": total.index, "end": total.index + width, "value": total.to_numpy()})
