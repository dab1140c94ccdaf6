"""What is rising now, how far it will go, and how sure that is.

Question. Of everything followed at this moment, which items are still gaining, and what will each reach?

Formula. Per platform the metric its card names first is followed as a track; an item is rising when it
is at most 7 days old, was looked at within the last quarter of its age (at least three hours; where acts
are dated: had one within half its age, at most a day) and gained in the last day, or since half its age
when it is younger than two.
Each is forecast by its platform's trained model (``forecast``), which says itself on what it rests, and how
likely the item is over: gone from the page it was read from.

Assumptions. Those of ``forecast``. Platforms are never added up or ranked against each other.

Abstains when nothing is rising, or when no model is there to forecast it: train first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.models import growth
from analysis.models import tracks as track
from analysis.models.counters import headline, is_exposure
from analysis.models.forecast import Model, predict
from analysis.models.lead import span
from analysis.models.overview import name as title_of
from analysis.models.result import Result
from analysis.models.tracks import HORIZONS, Tracks
from analysis.platforms.card import Card
from analysis.tables import FORECASTS, item_of

VERSION = "outlook 1.2"
QUIET = ("submission", "reply")
"""Kinds of events that are no sharing of what was submitted."""
HORIZON_NAMES = {"2x": "at twice its age", "24h": "at 24 hours", "7d": "at 7 days", "final": "in the end"}
CLASSICAL = "classical, in the end"
END = HORIZON_NAMES["final"]
NEARER = [name for name in HORIZON_NAMES.values() if name != END]
OVER = "chance it is over"
COLUMNS = ["title", END, "now", "platform", "age_hours", OVER, *NEARER, CLASSICAL, "basis"]


@dataclass(frozen=True)
class Followed:
    """One platform's items: the metric they are judged by, their tracks and contents; and its title."""

    metric: str
    tracks: Tracks
    content: np.ndarray
    title: str


def follow(
    events: pd.DataFrame,
    readings: pd.DataFrame,
    intervals: pd.DataFrame,
    cards: Mapping[str, Card],
    as_of: pd.Timestamp | None = None,
) -> dict[str, Followed]:
    """Each platform's items as known at a moment, by the first metric its card defines and the data holds.

    Parameters
    ----------
    events, readings, intervals
        Rows of the tables. Exposure (visits) is no platform's own count and is left out.
    as_of
        Rows observed later do not exist; by default the newest observation of all.
    """
    if as_of is None:
        seen = [frame["observed_at"].max() for frame in (events, readings, intervals)]
        as_of = max((moment for moment in seen if pd.notna(moment)), default=None)
    known = readings[readings["value"].notna()]
    own = intervals[~is_exposure(intervals["metric"])]
    acts = events[~events["kind"].isin(QUIET)]
    made = events[events["kind"] == "submission"]
    out = {}
    for platform in sorted({*known["platform"], *own["platform"], *acts["platform"]}):
        mine, bins, done = (rows[rows["platform"] == platform] for rows in (known, own, acts))
        metric = headline(platform, {*mine["metric"], *bins["metric"], *done["kind"]}, cards)
        if metric is None:
            continue
        if (mine["metric"] == metric).any():
            dated = made[made["platform"] == platform]
            born = pd.Series(dated["occurred_at"].to_numpy(), index=item_of(dated["event_id"]))
            born = born[~born.index.duplicated()]
            followed = track.from_readings(mine, metric, as_of, born if len(born) else None)
            names = mine.drop_duplicates("item_id").set_index("item_id")["content_id"]
            content = names.reindex(followed.items).to_numpy()
        elif (bins["metric"] == metric).any():
            followed = track.from_intervals(bins, metric, as_of)
            content = followed.items
        else:
            followed = track.from_events(done[done["kind"] == metric], as_of)
            content = followed.items
        if len(followed):
            out[platform] = Followed(metric, followed, content, title_of(platform, cards))
    return out


def rising(
    followed: Mapping[str, Followed],
    models: Mapping[str, Model],
    as_of: pd.Timestamp,
    titles: Mapping[str, str] | pd.Series | None = None,
) -> Result:
    """Forecasts of every rising item at a moment.

    Parameters
    ----------
    followed
        Each platform's items (``follow``), as known at ``as_of``.
    models
        Platform to its trained model; one that was trained on what came later is left out.
    titles
        content_id to title, for the table.

    Returns
    -------
    Result
        Table, a row an item: title (or the item's id); now (with the metric); platform; age_hours; the
        chance it is over, where that is learned; per horizon its forecast and 80 % interval in words
        ("past" where it is), missing where none can be made; what the classical extrapolation says of the
        end; basis (of the last horizon forecast).
        Sorted by platform and expected gain. Extra: forecasts (rows of the forecasts table: all the
        numbers), silent (platform, item_id, horizon, reason: what has no forecast, and why).
    """
    moment = pd.Timestamp(as_of)
    at = moment.timestamp()
    parts = []
    ahead = [name for name, model in models.items() if _until(model) > at]
    for platform, mine in followed.items():
        item = rising_items(mine.tracks, at)
        if not len(item):
            continue
        when = np.full(len(item), at)
        model = models.get(platform)
        model = None if model is None or platform in ahead or model.metric != mine.metric else model
        for horizon in HORIZONS:
            first = mine.tracks.first[item]
            rows = pd.DataFrame(
                {
                    "platform": platform,
                    "item_id": mine.tracks.items[item].astype(str),
                    "metric": mine.metric,
                    "content_id": mine.content[item].astype(str),
                    "horizon": horizon,
                    "made_at": moment,
                    "due": pd.to_datetime(track.target_time(first, when, horizon) * 1e6, unit="us", utc=True),
                    "model": VERSION if model is None else model.name,
                    "age_hours": (when - first) / 3600,
                }
            )
            if model is None:
                rows = rows.assign(value=mine.tracks.known(item, when), reason="no model trained for it")
            else:
                told = predict(model, mine.tracks, item, when, horizon)
                known = told["forecast"].notna().to_numpy()
                passed = ~known & (rows["due"] <= moment).to_numpy()
                rows = rows.join(told).assign(
                    reason=np.where(known, "", np.where(passed, "already past", "no past item tells"))
                )
            parts.append(rows)
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    rows = rows.reindex(columns=[*FORECASTS.columns, "over", "reason"])
    names = {platform: mine.title for platform, mine in followed.items()}
    return _told(rows, {} if titles is None else dict(titles), names, models, ahead, moment)


def rising_items(tracks: Tracks, at: float) -> np.ndarray:
    """Items looked at lately and twice or more that gained in the last day, or since half their age."""
    every = np.arange(len(tracks))
    age = at - tracks.first
    young = age <= growth.AGES[-1]
    fresh = growth.fresh(tracks, at - tracks.last, age)
    twice = tracks.end - tracks.start > 1
    before = tracks.between(every, tracks.last - np.minimum(age / 2, 86_400.0))
    gained = tracks.value[tracks.end - 1] > before
    return every[young & fresh & twice & gained & (tracks.last <= at)]


def _until(model: Model) -> float:
    until = model.trained.get("until", "")
    return float(pd.Timestamp(until).timestamp()) if until else 0.0


def _told(
    rows: pd.DataFrame,
    titles: dict[str, str],
    platforms: dict[str, str],
    models: Mapping[str, Model],
    ahead: list[str],
    moment: pd.Timestamp,
) -> Result:
    late = ", ".join(platforms.get(name, name) for name in ahead)
    left_out = f"Left out, trained on what was not yet known: {late}."
    check = Check(
        "no model knows what came later",
        not ahead if models else None,
        left_out
        if ahead
        else f"{len(models)} model{'' if len(models) == 1 else 's'}, trained on what was known by then.",
    )
    parameters = {"as_of": moment, "platforms": sorted(platforms)}
    known = rows["forecast"].notna()
    silent = rows.loc[
        ~known & (rows["reason"] != "already past"), ["platform", "item_id", "horizon", "reason"]
    ]
    items = rows.drop_duplicates(["platform", "item_id"])
    made = _sorted(rows[known])
    extra = {"forecasts": made[FORECASTS.columns], "silent": silent.reset_index(drop=True)}
    table = _wide(made, titles, platforms)
    if rows.empty:
        said = "Nothing followed is rising at this moment."
        return Result(table, "nothing", "", said, (check,), VERSION, parameters, extra)
    if made.empty:
        reason = "not enough data to forecast from" if models else "no model is trained: run virality train"
        said = f"{len(items)} items are rising, and none can be forecast: {reason}."
        return Result(table, "inconclusive", reason, said, (check,), VERSION, parameters, extra)
    last = made.drop_duplicates(["platform", "item_id"], keep="last")
    top = last.loc[(last["forecast"] / last["value"].clip(lower=1)).idxmax()]
    on = items["platform"].nunique()
    rough = int(last["basis"].isin(["typical", "pooled"]).sum())
    where = f"{_words(top['metric'])} on {platforms[top['platform']]}"
    said = (
        f"{len(items):,} items are rising on {on} platform{'s' if on > 1 else ''}; {len(last):,} can be "
        f"forecast. The steepest for its platform stands at {top['value']:,.0f} {where} "
        f"after {span(top['age_hours'])} and should reach {top['forecast']:,.0f} "
        f"(four in five between {top['q10']:,.0f} and {top['q90']:,.0f}; {HORIZON_NAMES[top['horizon']]})."
    )
    gone = int((last["over"] > 0.5).sum())
    if gone:
        said += f" {gone:,} of them are more likely over than not: gone from the page they were read from."
    if rough:
        said += (
            f" {rough} rest on how items usually grow, because their platform has too little past: "
            "their intervals are wide."
        )
    names = "; ".join(sorted(set(made["model"])))
    return Result(table, "found", "", said, (check,), names, parameters, extra)


def _wide(made: pd.DataFrame, titles: dict[str, str], platforms: dict[str, str]) -> pd.DataFrame:
    """One row an item, one column a horizon, in the order of ``made``."""
    kept = ["platform", "item_id"]
    last = made.drop_duplicates(kept, keep="last")  # its rows go from the nearest horizon to the furthest
    counts = zip(last["value"], last["metric"], strict=True)
    now = [f"{value:,.0f} {_words(metric)}" for value, metric in counts]
    table = last.assign(now=now).set_index(kept)
    table["title"] = [titles.get(*pair) for pair in zip(last["content_id"], last["item_id"], strict=True)]
    for horizon, name in HORIZON_NAMES.items():
        rows = made[made["horizon"] == horizon].set_index(kept)
        words = [
            f"{middle:,.0f} ({low:,.0f}–{high:,.0f})"
            for middle, low, high in rows[["forecast", "q10", "q90"]].itertuples(index=False, name=None)
        ]
        table[name] = pd.Series(words, index=rows.index, dtype=object)
        age = HORIZONS[horizon]
        if age is not None:
            table.loc[table["age_hours"] * 3600 >= age, name] = "past"
    ends = made[made["horizon"] == "final"].set_index(kept)
    table[CLASSICAL] = ends["yardstick"].round()
    table[OVER] = [f"{chance:.0%}" if chance == chance else None for chance in table["over"]]
    table = table.reset_index().replace({"platform": platforms})
    if table[OVER].isna().all():
        return table[[name for name in COLUMNS if name != OVER]]
    # the end weighs that an item may be over, an age does not: else it would promise more than the end
    return table[COLUMNS].rename(columns={name: f"{name}, if read then" for name in NEARER})


def _words(metric: str) -> str:
    return metric.replace("_", " ")


def _sorted(made: pd.DataFrame) -> pd.DataFrame:
    """By platform, then the item's largest expected multiple, then horizon."""
    order = {horizon: place for place, horizon in enumerate(HORIZONS)}
    gain = (made["forecast"] / made["value"].clip(lower=1)).groupby([made["platform"], made["item_id"]])
    keyed = made.assign(gain=gain.transform("max"), order=made["horizon"].map(order))
    keyed = keyed.sort_values(["platform", "gain", "item_id", "order"], ascending=[True, False, True, True])
    return keyed.drop(columns=["gain", "order"]).reset_index(drop=True)
