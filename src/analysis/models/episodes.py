"""Spikes in many series at once: which contents, from where, when and how much.

Question. Of all the series a report looks at, which had a spike in its period, and what did each add?

Formula. ``spikes.find`` on each series by itself. Since many series are looked at, the rate of false
spikes that is accepted in all is shared among them: each is asked for its part of that rate, by the tail of
its own noise. Exposure is summed over where it came from for a content's total; an hour in which nothing is
known stays unknown.

Abstains for a series where ``spikes.find`` does; in all when there is no series.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.models import spikes
from analysis.models.alike import total
from analysis.models.counters import EXPOSURE, latest
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card

VERSION = "episodes 1.1"
ALL = "all"
"""The platform of a content's total."""
REST = "further sources"
LEAST = (
    "onset",
    "peak",
    "end",
    "direction",
    "excess",
    "excess_low",
    "excess_high",
    "height",
    "half_life",
    "ongoing",
)
"""The columns of a table without any series."""


def exposure(intervals: pd.DataFrame, metric: str = EXPOSURE[0], by_platform: bool = False) -> pd.DataFrame:
    """Exposure as series: content_id, platform, start, end, value (missing where nothing is known).

    Of the table ``intervals``, one ``metric`` (visits, page views, ...). ``platform`` is "all" for a
    content's total, and where it came from when ``by_platform``. Where several observers counted a content,
    the one with most bins is kept.
    """
    rows = _one_observer(latest(intervals[intervals["metric"] == metric]))
    # a bin that was counted in part is not the whole of it
    value = rows["value"].mask(rows["partial"])
    rows = rows.assign(value=value, platform=rows["platform"] if by_platform else ALL)
    key = ["content_id", "platform", "start", "end"]
    return total(rows, key)


def _one_observer(rows: pd.DataFrame) -> pd.DataFrame:
    """Of several who counted the same content, the one with most bins: added up, visits would count twice."""
    if rows["observer"].nunique() < 2:
        return rows
    bins = rows.groupby(["content_id", "observer"], observed=True).size().sort_index()
    chosen = bins.groupby(level="content_id").idxmax().map(lambda pair: pair[1])
    return rows[rows["observer"] == rows["content_id"].map(chosen)]


def by_source(
    intervals: pd.DataFrame,
    since: pd.Timestamp,
    until: pd.Timestamp,
    metric: str = EXPOSURE[0],
    most: int = 7,
    bins: int = 150,
) -> pd.DataFrame:
    """Exposure by where it came from, in few enough bins to be drawn: platform, start, end, value.

    Of the table ``intervals``, one ``metric`` in the period [``since``, ``until``). The ``most`` greatest
    sources by name, the rest together as "further sources"; a bin of which any part is unknown is unknown.
    Whole hours, days or weeks, so that the period has at most ``bins``.
    """
    rows = exposure(intervals, metric, by_platform=True)
    rows = rows[(rows["start"] >= since) & (rows["start"] < until)]
    ranked = rows.groupby("platform")["value"].sum().sort_values(ascending=False).index
    rows = rows.assign(platform=rows["platform"].where(rows["platform"].isin(ranked[:most]), REST))
    hours = (until - since).total_seconds() / 3600
    step = next((n for n in (1, 3, 6, 12, 24, 72, 168) if hours / n <= bins), 720)
    width = pd.Timedelta(hours=step)
    place = since + (rows["start"] - since) // width * width
    unknown = rows["value"].isna().groupby(place).transform("any")
    out = rows.groupby(["platform", place.rename("bin")], as_index=False)["value"].sum(min_count=1)
    lost = set(place[unknown])
    out["value"] = out["value"].mask(out["bin"].isin(lost))
    out["rank"] = out["platform"].map({name: rank for rank, name in enumerate([*ranked, REST])})
    out = out.rename(columns={"bin": "start"}).sort_values(["rank", "start"], ignore_index=True)
    return out.assign(end=out["start"] + width)[["platform", "start", "end", "value"]]


def episodes(
    series: pd.DataFrame,
    since: pd.Timestamp,
    until: pd.Timestamp,
    cards: Mapping[str, Card],
    *,
    false_per_month: float = spikes.FALSE_PER_MONTH,
) -> Result:
    """Spikes of each series that touch [since, until).

    Parameters
    ----------
    series
        content_id, platform, start, end, value; history from before ``since`` teaches the baseline.
    since, until
        The period, UTC.
    cards
        Platform name to its card: dated changes of a platform break its series.
    false_per_month
        False spikes and drops accepted in thirty days, over all series together.

    Returns
    -------
    Result
        ``table``: content_id, platform and the columns of ``spikes.find``, rises only, in order of
        onset. ``extra["series"]``: a row a series: content_id, platform, verdict, reason.
        ``extra["baseline"]``: content_id, platform and the baseline of each series with a verdict.
    """
    tables, lines, verdicts = [], [], []
    groups = series.groupby(["content_id", "platform"], sort=True)
    for (content, platform), part in groups:
        life = cards[platform].life if platform in cards else ()
        found = spikes.find(part, life=life, false_per_month=false_per_month / groups.ngroups)
        key = {"content_id": content, "platform": platform}
        tables.append(found.table.assign(**key))
        verdicts.append(key | {"verdict": found.verdict, "reason": found.reason})
        if "baseline" in found.extra:
            lines.append(found.extra["baseline"].assign(**key))
    parameters: dict[str, Any] = {"since": since, "until": until, "false_per_month": false_per_month}
    judged = pd.DataFrame(verdicts, columns=["content_id", "platform", "verdict", "reason"])
    lines_frame = pd.concat(lines, ignore_index=True) if lines else pd.DataFrame()
    extra = {"series": judged, "baseline": lines_frame}
    filled = [table for table in tables if len(table)] or tables[:1]
    table = (
        pd.concat(filled, ignore_index=True)
        if filled
        else pd.DataFrame(columns=["content_id", "platform", *LEAST])
    )
    table = table[
        ["content_id", "platform", *(name for name in table if name not in ("content_id", "platform"))]
    ]
    ended = table["end"].fillna(until)  # one that is still going on has no end
    touching = (table["onset"] < until) & (ended > since) & (table["direction"] == "rise")
    table = table[touching].sort_values("onset", ignore_index=True)
    said = int((judged["verdict"] != "inconclusive").sum())
    verdict: Verdict = "found" if len(table) else "nothing" if said else "inconclusive"
    reason = "" if said else judged["reason"].iloc[0] if len(judged) else "no visits were measured"
    return Result(table, verdict, reason, _summary(table, judged, reason), (), VERSION, parameters, extra)


def ending(end: pd.Timestamp) -> str:
    """Until when a spike lasted, in words."""
    return "on, and is still going on" if pd.isna(end) else f"to {end:%Y-%m-%d %H:%M} UTC"


def _summary(table: pd.DataFrame, judged: pd.DataFrame, reason: str) -> str:
    if reason:
        return f"No verdict on spikes of visits: {reason}."
    silent = int((judged["verdict"] == "inconclusive").sum())
    unsaid = f"; {silent:,} could not be judged" if silent else ""
    looked = f"{len(judged) - silent:,} series of exposure were judged{unsaid}"
    if table.empty:
        return f"No spike in this period ({looked})."
    top = table.loc[table["excess"].idxmax()]
    return (
        f"{len(table):,} spikes in {table['content_id'].nunique():,} contents ({looked}). The greatest added "
        f"{top['excess']:,.0f} ({top['excess_low']:,.0f} to {top['excess_high']:,.0f}) from "
        f"{top['onset']:%Y-%m-%d %H:%M} UTC {ending(top['end'])}."
    )
