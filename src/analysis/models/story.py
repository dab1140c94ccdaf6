"""The story of one content: who was first, how it grew, what it brought, how it faded.

Question. What happened to this content, platform by platform, and what is not known of it?

Formula. Nothing is modelled here: the timeline lays dated acts, first sights, the steepest stretch of
each counter and the spikes found in exposure side by side in time; each platform's counter stands
beside what its like had at the same age (``viral``). Found when exposure had a spike or a platform's
counter stood out; nothing when both were judged and neither did.

Abstains when nothing at all is known of the content, or when neither could be judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.errors import UserError
from analysis.models.counters import course, is_exposure
from analysis.models.lead import span
from analysis.models.overview import name, period
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card
from analysis.urls import canonical, content_id, site

VERSION = "story 1.0"


def pick(contents: pd.DataFrame, url: str) -> pd.Series:
    """The content of that address, or an empty row for it when the store does not know it.

    Parameters
    ----------
    contents : the table of contents
    url : in any form: it is brought into its canonical one

    Raises
    ------
    UserError
        When it is no http(s) URL.
    """
    try:
        key, address = content_id(url), canonical(url)
    except ValueError as error:
        raise UserError(f"{error}; give the whole address, such as https://example.org/essay") from None
    known = contents[contents["content_id"] == key]
    if len(known):
        return known.iloc[0]
    return pd.Series(
        {"content_id": key, "url": address, "title": None, "published_at": pd.NaT, "site": site(address)}
    )


def around(
    since: object, until: object, happened: pd.Series, seen: pd.Series, days: int = 90
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The days a story is about: from a content's first appearance, for so many days at most.

    ``happened`` and ``seen`` are the moments of its dated acts and bins, and of looks at it. ``since`` and
    ``until`` (the first day after it) stand for themselves where they are given.
    """
    moments = pd.concat([happened, seen]).dropna()
    first = moments.min() if len(moments) else pd.Timestamp(0, tz="UTC")
    last = min(moments.max(), first + pd.Timedelta(days=days)) if len(moments) else first
    begin, _ = period(first.floor("D") if since is None else since, last, last)
    _, end = period(begin, last.ceil("D") if until is None else until, last)
    return begin, max(end, begin + pd.Timedelta(days=1))


def story(
    content: pd.Series,
    found: pd.DataFrame,
    rows: pd.DataFrame,
    stood: Result,
    first: Result,
    rose: Result,
    grew: Result,
    cards: Mapping[str, Card],
    note: str = "",
) -> Result:
    """One content over time and platforms.

    Parameters
    ----------
    content
        Its row of the content table.
    found
        Its counters, as ``counters.counters`` gives them.
    rows
        Its unknown readings and intervals: platform, metric, status, reason, at, end (missing for
        readings).
    stood, first, rose, grew
        Results of ``viral.viral``, ``lead.lead``, ``episodes.episodes`` and ``rises.rises``; other
        contents in them are left out here.
    cards
        Platform name to its card.
    note
        What a reader must know before anything else, such as that the data are made up.

    Returns
    -------
    Result
        ``table``: the timeline: at (UTC), where, what, in order. ``extra["platforms"]``: a row a
        platform: platform, began, dated, counter, value, expected (what its like had), times, beaten
        (share of its like), stood_out, per_hour (at its steepest), half_hours (until half of it was
        there). ``extra["counters"]``: its counters in the period;
        ``extra["late"]``: the last value of those that were only looked at after it; ``extra["began"]``:
        when each platform took it up.
        ``extra["unknown"]``: platform, start, end, reason: stretches in which nothing is known.
        ``extra["spikes"]``: its spikes.
    """
    key = content["content_id"]
    began = first.table[first.table["content_id"] == key]
    spikes = rose.table[rose.table["content_id"] == key].reset_index(drop=True)
    judged = stood.table[stood.table["content_id"] == key]
    grown = course(found)
    platforms = _platforms(began, grown, judged, cards)
    unknown = _stretches(rows, found)
    rising = grew.table[grew.table["content_id"] == key]
    timeline = _timeline(content, began, rising, spikes, cards)
    out = judged[judged["stood_out"].fillna(False).astype(bool)]
    said = bool(judged["stood_out"].notna().any()) or rose.verdict != "inconclusive"
    verdict: Verdict = "found" if len(out) or len(spikes) else "nothing" if said else "inconclusive"
    reason = "" if said or len(spikes) else "too few like it, and no visits were measured"
    if began.empty and found.empty and not len(spikes):
        verdict, reason = "inconclusive", "nothing is known of this content as of this moment"
    said_of_it = _summary(content, began, platforms, out, spikes, rose, unknown, reason, cards)
    summary = f"{note} {said_of_it}".strip()
    until = stood.parameters["until"]
    late = found[found["at"] >= until].drop_duplicates(["platform", "item_id"], keep="last")
    extra = {
        "platforms": platforms,
        "counters": found[found["at"] < until],
        "late": late,
        "began": began,
        "unknown": unknown[unknown["start"] < until],
        "spikes": spikes,
    }
    return Result(timeline, verdict, reason, summary, (), VERSION, stood.parameters, extra)


def _platforms(
    began: pd.DataFrame, grown: pd.DataFrame, judged: pd.DataFrame, cards: Mapping[str, Card]
) -> pd.DataFrame:
    best = grown.sort_values("value", ascending=False).drop_duplicates("platform")
    out = began.merge(
        best[["platform", "metric", "value", "per_hour", "fastest", "half_hours"]], how="left", on="platform"
    )
    out = out.merge(
        judged[["platform", "expected", "times", "beaten", "stood_out"]], how="left", on="platform"
    )
    return pd.DataFrame(
        {
            "platform": [name(platform, cards) for platform in out["platform"]],
            "began": out["at"],
            "dated": out["dated"].map({True: "by the platform", False: "first seen then"}),
            "counter": out["metric"].astype(object).where(out["metric"].notna(), None),
            "value": out["value"],
            "expected": out["expected"],
            "times": out["times"],
            "beaten": out["beaten"],
            "stood_out": [None if pd.isna(flag) else bool(flag) for flag in out["stood_out"]],
            "per_hour": out["per_hour"],
            "half_hours": out["half_hours"],
        }
    )


def _timeline(
    content: pd.Series,
    began: pd.DataFrame,
    rising: pd.DataFrame,
    spikes: pd.DataFrame,
    cards: Mapping[str, Card],
) -> pd.DataFrame:
    rows = []
    if pd.notna(content["published_at"]):
        rows.append((content["published_at"], content["site"], "published"))
    for row in began.itertuples():
        rows.append((row.at, name(row.platform, cards), "appears" if row.dated else "is first seen"))
    for row in rising.itertuples():
        where, metric = name(row.platform, cards), row.metric.replace("_", " ")
        half = (
            f"; half of what still came had come {span(row.half_life)} later"
            if row.half_life == row.half_life
            else ""
        )
        rows.append((row.peak, where, f"steepest rise of {metric}{half}"))
        over = "still rising when last looked at" if row.ongoing else "the rise is all but over"
        rows.append((row.end, where, f"{over}: {metric} {gain(row)} beyond its like"))
    for row in spikes.itertuples():
        half = f", halving in {span(row.half_life)}" if row.half_life == row.half_life else ""
        where = content["site"]
        rows.append((row.onset, where, "a spike of visits begins"))
        rows.append((row.peak, where, f"it peaks, {row.height:,.0f} times what was expected"))
        rows.append(
            (
                row.end if pd.notna(row.end) else row.peak,
                where,
                f"it is still going on: {gain(row)} so far"
                if row.ongoing
                else f"it is over: {gain(row)}{half}",
            )
        )
    timeline = pd.DataFrame(rows, columns=["at", "where", "what"])
    return timeline.sort_values("at", kind="stable", ignore_index=True)


def gain(row: Any) -> str:
    """What a spike added, with its interval."""
    return f"{row.excess:,.0f} ({row.excess_low:,.0f} to {row.excess_high:,.0f})"


def _stretches(rows: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Unknown looks and bins as stretches of time, ended by the next known look."""
    columns = ["platform", "start", "end", "reason"]
    own = rows[~is_exposure(rows["metric"])]
    out = []
    for platform, part in own.groupby("platform"):
        looks = part.drop_duplicates("at").assign(known=False)[["at", "end", "known", "reason"]]
        known = found.loc[found["platform"] == platform, ["at"]].drop_duplicates().assign(known=True)
        line = pd.concat([looks, known]).sort_values("at", kind="stable", ignore_index=True)
        number = line["known"].ne(line["known"].shift()).cumsum()
        for _, run in line.groupby(number):
            if run["known"].iloc[0]:
                continue
            after = line["at"].get(run.index[-1] + 1)
            end = max(run["end"].fillna(run["at"]).max(), after if after is not None else run["at"].max())
            out.append((platform, run["at"].iloc[0], end, run["reason"].iloc[0]))
    frame = pd.DataFrame(out, columns=columns)
    return (
        frame if len(frame) else frame.astype({"start": "datetime64[us, UTC]", "end": "datetime64[us, UTC]"})
    )


def _summary(
    content: pd.Series,
    began: pd.DataFrame,
    platforms: pd.DataFrame,
    out: pd.DataFrame,
    spikes: pd.DataFrame,
    rose: Result,
    unknown: pd.DataFrame,
    reason: str,
    cards: Mapping[str, Card],
) -> str:
    title = (
        content["title"] if isinstance(content["title"], str) and content["title"].strip() else content["url"]
    )
    said = [f"“{title}”"]
    if reason and began.empty:
        return f"{said[0]}: {reason}."
    if len(began):
        lead = began.iloc[0]
        many = began["platform"].nunique()
        said[0] += (
            f" appeared on {many} platform{'s' if many > 1 else ''}, first on "
            f"{name(lead['platform'], cards)} ("
        )
        said[0] += f"{'' if lead['dated'] else 'as far as was seen, '}{lead['at']:%Y-%m-%d %H:%M} UTC)"
        if many > 1:
            last = began.iloc[-1]
            said[0] += f" and last on {name(last['platform'], cards)}, {span(last['after_hours'])} later"
    said[0] += "."
    if len(out):
        where = [
            f"{name(row.platform, cards)} ({row.metric.replace('_', ' ')} {row.gained:,.0f}"
            + (f", {row.times:,.0f} times the usual)" if row.times == row.times else ")")
            for row in out.itertuples()
        ]
        said.append(f"It stood out among its like of the same age on {', '.join(where)}.")
    else:
        said.append("It stood out on no platform that could be judged.")
    for row in spikes.itertuples():
        half = f", halving in {span(row.half_life)}" if row.half_life == row.half_life else ""
        still = "is still going on" if pd.isna(row.end) else f"lasted until {row.end:%Y-%m-%d %H:%M}"
        said.append(
            f"A spike of visits began {row.onset:%Y-%m-%d %H:%M} UTC, "
            f"peaked {row.peak:%Y-%m-%d %H:%M}{half}, {still} and added {gain(row)}."
        )
    if spikes.empty:
        said.append("No spike of visits was found." if rose.verdict != "inconclusive" else f"{rose.summary}")
    if len(unknown):
        names = ", ".join(name(platform, cards) for platform in dict.fromkeys(unknown["platform"]))
        said.append(f"For part of the time nothing is known of {names}.")
    return " ".join(said)
