"""A site's visits and shares as arrays: what attribution reads, an hour a column and a content a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models.counters import latest
from analysis.models.exposure import SHARES
from analysis.models.grid import micros
from analysis.traffic.exposure import ALL, CLASSES, DIRECT

HOUR = 3600 * 1_000_000
JOINT = " + "  # between the names of a group's members


@dataclass(frozen=True)
class Shares:
    """Shares of one platform, those of one content and hour as one: content, hour, how many."""

    content: np.ndarray
    hour: np.ndarray
    count: np.ndarray


@dataclass(frozen=True)
class Site:
    """What was counted and what was shared.

    begin : the first hour, hours since 1970 UTC
    contents : content_ids, a row each
    known : contents x hours, whether that hour of that content was counted
    direct : visits without a referrer, contents x hours, 0 where unknown
    stated : platform to visits whose referrer names it, contents x hours, 0 where unknown
    shares : platform to its shares that were seen
    elsewhere : visits of the known hours whose referrer names a search engine, a site, an assistant
    observer : who counted
    """

    begin: int
    contents: np.ndarray
    known: np.ndarray
    direct: np.ndarray
    stated: dict[str, np.ndarray]
    shares: dict[str, Shares]
    elsewhere: float
    observer: str

    @property
    def platforms(self) -> list[str]:
        """Every platform that was shared on or is named by a referrer."""
        return sorted({*self.stated, *self.shares})

    def stated_by(self, platform: str) -> np.ndarray:
        """Visits whose referrer names the platform, contents x hours: 0 where there is none."""
        return self.stated.get(platform, np.zeros(self.direct.shape))

    def shares_on(self, platform: str) -> Shares:
        """The shares that were seen there; none where there is none."""
        none = np.zeros(0, np.int64)
        return self.shares.get(platform, Shares(none, none, np.zeros(0)))

    def joined(self, groups: list[list[str]]) -> Site:
        """The site with each group of platforms as one, its visits and shares added up."""
        stated, shares = dict(self.stated), dict(self.shares)
        for group in groups:
            if len(group) == 1:
                continue
            whole = JOINT.join(group)
            counted = [stated.pop(one) for one in group if one in stated]
            if counted:
                stated[whole] = np.sum(counted, axis=0)
            parts = [shares.pop(one) for one in group if one in shares]
            if parts:
                shares[whole] = gather(
                    np.concatenate([part.content for part in parts]),
                    np.concatenate([part.hour for part in parts]),
                    np.concatenate([part.count for part in parts]),
                )
        return replace(self, stated=stated, shares=shares)


def gather(content: np.ndarray, hour: np.ndarray, count: np.ndarray | None = None) -> Shares:
    """Shares, those of the same content and hour counted together."""
    if not len(content):
        return Shares(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    width = int(hour.max()) + 1
    key, place = np.unique(content.astype(np.int64) * width + hour, return_inverse=True)
    return Shares(key // width, key % width, np.bincount(place, weights=count).astype(float))


def lay(events: pd.DataFrame, intervals: pd.DataFrame, start: Any = None, end: Any = None) -> Site | str:
    """The arrays; or, where nothing can be asked, why.

    An hour is known where the observer counted anything on the site in it (a page without a row had no
    visit then), unless a row of that content says that it is unknown or was counted in part. A content
    begins with its first visit or share: before it, nothing is known of it.

    Raises
    ------
    UserError
        When a column is missing.
    """
    for frame, name, needed in (
        (events, "events", ["content_id", "platform", "kind", "occurred_at"]),
        (intervals, "intervals", ["platform", "content_id", "metric", "start", "end", "observed_at",
                                  "observer", "value", "partial"]),
    ):  # fmt: skip
        missing = [column for column in needed if column not in frame]
        if missing:
            raise UserError(f"{name} need the columns {', '.join(needed)}; missing: {', '.join(missing)}")
    shares = events[events["kind"].isin(SHARES)]
    rows = latest(intervals[intervals["metric"].isin(["visits", "visits.raw"])])
    counts = rows[rows["metric"] == "visits"]
    if counts.empty:
        return "no visits were counted"
    observer = str(counts["observer"].value_counts().index[0])
    rows = rows[rows["observer"] == observer]
    hourly = (rows["end"] - rows["start"]) == pd.Timedelta(hours=1)
    rows = rows[hourly]
    hour = micros(rows["start"]) // HOUR
    first = hour.min() if start is None and len(hour) else None
    begin = int(first if first is not None else micros([pd.Timestamp(start)])[0] // HOUR) if len(hour) else 0
    last = (
        (int(hour.max()) + 1 if end is None else int(micros([pd.Timestamp(end)])[0] // HOUR))
        if len(hour)
        else 0
    )
    if last - begin < 1:
        return "no hour of visits lies in the period"
    inside = (hour >= begin) & (hour < last)
    rows, hour = rows[inside], hour[inside] - begin
    when = micros(shares["occurred_at"]) // HOUR - begin if len(shares) else np.zeros(0, np.int64)
    shares, when = shares[(when >= 0) & (when < last - begin)], when[(when >= 0) & (when < last - begin)]
    pages = rows["platform"] != ALL
    contents = np.array(
        sorted(set(rows.loc[pages & (rows["metric"] == "visits"), "content_id"])), dtype=object
    )
    if not len(contents):
        return "no page of the site was counted by the hour"
    size = (len(contents), last - begin)
    index = pd.Index(contents)
    value = rows["value"].to_numpy(float)
    unknown = np.isnan(value) | rows["partial"].to_numpy(bool)
    looked = np.zeros(size[1], bool)
    looked[hour[~unknown]] = True
    known = np.tile(looked, (size[0], 1))
    whole = (~pages & unknown).to_numpy()
    known[:, hour[whole]] = False
    at = index.get_indexer(rows["content_id"])
    doubt = unknown & (at >= 0) & pages.to_numpy()
    known[at[doubt], hour[doubt]] = False
    counted = (rows["metric"] == "visits").to_numpy() & pages.to_numpy() & ~unknown & (at >= 0)
    sources = rows["platform"].astype(str).to_numpy()
    laid: dict[str, np.ndarray] = {}
    for source in np.unique(sources[counted]):
        mine = counted & (sources == source)
        laid[source] = np.bincount(
            at[mine] * size[1] + hour[mine], weights=value[mine], minlength=size[0] * size[1]
        ).reshape(size)
    page = index.get_indexer(shares["content_id"])
    names = shares["platform"].astype(str).to_numpy()
    seen = {
        str(name): gather(page[(names == name) & (page >= 0)], when[(names == name) & (page >= 0)])
        for name in np.unique(names[page >= 0])
    }
    any_visit = np.sum(list(laid.values()), axis=0) if laid else np.zeros(size)
    born = np.where(any_visit.any(axis=1), (any_visit > 0).argmax(axis=1), size[1])
    for part in seen.values():
        np.minimum.at(born, part.content, part.hour)
    known &= np.arange(size[1])[None, :] >= born[:, None]
    for source in laid:
        laid[source] = np.where(known, laid[source], 0.0)
    direct = laid.pop(DIRECT, np.zeros(size))
    # "other" is what a counter that names only its greatest sources calls the rest
    rest = [laid.pop(name) for name in (*CLASSES, "other") if name in laid]
    elsewhere = float(sum(part.sum() for part in rest))
    return Site(begin, contents, known, direct, laid, seen, elsewhere, observer)
