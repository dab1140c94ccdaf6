"""What each platform counted of each item, in one shape, so that like can be laid beside like.

Question. A platform shows a counter, bins counts itself, or dates each act. How far had an item come
by each moment at which somebody knew?

Formula. Readings are taken as they are. Binned counts and dated acts (other than submissions) are
summed up over a content from its first one on: the running sum is its counter. Per platform one
metric is kept, the first its card defines and the data holds (how often a URL was submitted is not
among them); nothing is added across metrics or platforms. Where several observers looked at one item,
the one who looked most often is kept.

An item is born when the platform dates it; a counter of a URL itself is as old as its content; where
neither is known, as the first look, and ``born_known`` says so.

Abstains (an empty frame) when nothing was observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from analysis.platforms.card import LINKS, Card
from analysis.tables import item_of

EXPOSURE = ("visits", "pageviews", "visitors", "sessions", "requests")
"""Interval metrics (and their parts, such as visits.raw) that count attention received, not sharing:
their platform is where it came from."""
USUAL = ("points", "score", "diggs", "shares", "url_shares", "views", "mentions", "uses")
"""Metrics that stand for a platform where its card names none that the data holds."""
COLUMNS = ["platform", "metric", "item_id", "content_id", "born", "born_known", "at", "value"]


def headline(platform: str, present: Iterable[str], cards: Mapping[str, Card]) -> str | None:
    """The metric a platform's items are judged by: the first of its card's that the data holds."""
    there = set(present)
    card = cards.get(platform)
    defined = [m.name for m in card.metrics if m.kind not in ("submissions", "state", "rank")] if card else []
    # what a page says of a link counts nothing
    other = [] if card else sorted(there - {metric.name for metric in LINKS})
    return next((name for name in [*defined, *USUAL, *other] if name in there), None)


def headlines(present: pd.DataFrame, cards: Mapping[str, Card]) -> list[str]:
    """The metrics worth reading: each platform's headline, given the pairs (platform, metric) there are."""
    kept = present.groupby("platform")["metric"].agg(list)
    return sorted({metric for name, there in kept.items() if (metric := headline(name, there, cards))})


def is_exposure(metric: pd.Series) -> pd.Series:
    """Whether a metric counts attention received."""
    return metric.str.replace(r"\..*", "", regex=True).isin(EXPOSURE)


def counters(
    content: pd.DataFrame,
    events: pd.DataFrame,
    readings: pd.DataFrame,
    intervals: pd.DataFrame,
    cards: Mapping[str, Card],
) -> pd.DataFrame:
    """Every item's counter over time, one metric a platform.

    Parameters
    ----------
    content, events, readings, intervals
        Tables of the house, or columns of them: content_id and published_at; event_id, content_id,
        platform, kind, occurred_at; everything of readings and intervals but reason and source.
    cards
        Platform name to its card.

    Returns
    -------
    DataFrame
        platform; metric; item_id; content_id; born (UTC); born_known; at (UTC, when the value was
        known); value. Sorted by platform, item and time.
    """
    parts = [_readings(readings), _binned(intervals), _acts(events)]
    found = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    if found.empty:
        times = dict.fromkeys(("born", "at"), "datetime64[us, UTC]")
        return pd.DataFrame(columns=COLUMNS).astype({"value": float, "born_known": bool, **times})
    present = found.groupby("platform", observed=True)["metric"].unique()
    kept = {name: headline(name, metrics, cards) for name, metrics in present.items()}
    found = found[found["metric"] == found["platform"].map(kept)]
    submitted = events[events["kind"] == "submission"]
    dated = pd.DataFrame(
        {
            "platform": submitted["platform"],
            "item_id": item_of(submitted["event_id"]),
            "born": submitted["occurred_at"],
        }
    ).drop_duplicates(["platform", "item_id"])
    found = found.merge(dated, on=["platform", "item_id"], how="left")
    published = content.set_index("content_id")["published_at"].reindex(found["content_id"])
    published.index = found.index
    found["born"] = found["born"].fillna(published.where(found["item_id"] == found["content_id"]))
    found["born_known"] = found["born"].notna()
    first = found.groupby(["platform", "item_id"])["at"].transform("min")
    # a platform's clock may run behind ours by a little: nothing is looked at before it is born
    found["born"] = found["born"].fillna(first).clip(upper=first)
    return found.sort_values(["platform", "item_id", "at"], ignore_index=True)[COLUMNS]


def _readings(readings: pd.DataFrame) -> pd.DataFrame:
    known = readings[readings["status"] == "observed"].rename(columns={"observed_at": "at"})
    return _one_observer(known, ["platform", "item_id", "metric"])


def _one_observer(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    columns = ["platform", "metric", "item_id", "content_id", "at", "value"]
    if rows["observer"].nunique() > 1:
        looks = rows.groupby([*key, "observer"])["at"].transform("size")
        most = looks.groupby([rows[name] for name in key]).transform("max")
        rows = rows[looks == most]
        first = rows.groupby(key)["observer"].transform("min")
        rows = rows[rows["observer"] == first]
    return rows[columns]


def _binned(intervals: pd.DataFrame) -> pd.DataFrame:
    own = intervals[~is_exposure(intervals["metric"])]
    own = latest(own).dropna(subset="value").sort_values("start")
    own["value"] = own.groupby(["platform", "content_id", "metric", "observer"])["value"].cumsum()
    own["at"], own["item_id"] = own["end"], own["content_id"]
    return _one_observer(own, ["platform", "content_id", "metric"])


def _acts(events: pd.DataFrame) -> pd.DataFrame:
    acts = events[~events["kind"].isin(["submission", "reply"])].sort_values("occurred_at")
    value = acts.groupby(["platform", "content_id", "kind"]).cumcount() + 1.0
    return pd.DataFrame(
        {
            "platform": acts["platform"],
            "metric": acts["kind"],
            "item_id": acts["content_id"],
            "content_id": acts["content_id"],
            "at": acts["occurred_at"],
            "value": value,
        }
    )


def latest(intervals: pd.DataFrame) -> pd.DataFrame:
    """Each bin as it was read last: a bin that was still running is read again when it is over."""
    key = ["platform", "content_id", "metric", "start", "end", "observer"]
    return intervals.sort_values("observed_at").drop_duplicates(key, keep="last")


def course(found: pd.DataFrame) -> pd.DataFrame:
    """How each counter grew: a row an item of ``found``, which is what ``counters`` gives.

    platform, metric, item_id, content_id, born, born_known; first_value, at the first look; value,
    at the last; looks; fell, by how much it stood below its own highest at the end; fastest (UTC) and
    per_hour, the steepest stretch between two looks; half_hours, from birth until half of the last
    value was there; last (UTC), the last look.
    """
    key = ["platform", "metric", "item_id"]
    found = found.sort_values([*key, "at"])
    group = found.groupby(key, sort=False)
    hours = group["at"].diff().dt.total_seconds() / 3600
    speed = (group["value"].diff() / hours).where(hours > 0)
    out = group.agg(
        content_id=("content_id", "first"),
        born=("born", "first"),
        born_known=("born_known", "first"),
        first_value=("value", "first"),
        value=("value", "last"),
        highest=("value", "max"),
        looks=("value", "size"),
        last=("at", "max"),
    )
    out["fell"] = out.pop("highest") - out["value"]
    keyed = found.set_index(key)
    by_speed = keyed.assign(speed=speed.to_numpy()).dropna(subset="speed").sort_values("speed")
    steepest = by_speed[~by_speed.index.duplicated(keep="last")]
    out["fastest"], out["per_hour"] = steepest["at"], steepest["speed"]
    half = keyed[keyed["value"] >= (out["value"] / 2).reindex(keyed.index).to_numpy()]
    half = half[~half.index.duplicated()]
    out["half_hours"] = (half["at"] - half["born"]).dt.total_seconds() / 3600
    out["half_hours"] = out["half_hours"].where(out["value"] > 0)
    out["per_hour"] = out["per_hour"].where(out["per_hour"] > 0, np.nan)
    return out.reset_index()
