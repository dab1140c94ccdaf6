"""What was known of each item at any moment: counters at irregular times as flat arrays.

Question. What did a counter say at a moment, how fast did it move, and what did it reach later?

Formula. A track is an item's looks in order of time. What was known at a moment is the last look at
or before it; between two looks the counter is taken as straight. Bins and dated acts become a counter
by summing from the item's first one on; a bin that is unknown ends the track, because a sum over an
unknown is unknown. Dated acts are all there: between two of them, and after the last, nothing was added.
Age is counted from the first look.

Assumptions. A look is known from the moment it was made (``observed_at``); rows observed after
``as_of`` do not exist.

Abstains (no track) for an item without one observed value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

SETTLED = 86_400.0
"""Seconds without a further look after which an item's last value counts as its final one."""
FOLLOWED = 7 * 86_400.0
"""Seconds of age from which the last value counts as final, looked at still or not."""
HORIZONS = {"2x": None, "24h": 86_400.0, "7d": 7 * 86_400.0, "final": None}
"""What a forecast may be of: twice the present age, an age in seconds, or the end."""


@dataclass(frozen=True)
class Tracks:
    """Looks of all items of one platform and metric, sorted by item and time.

    items : item ids, sorted
    item : index into items, per look
    at : seconds since 1970, per look
    value : the counter, per look
    others : further metrics of the same item at the same look, missing where unknown
    start, end : an item's looks are [start, end), per item
    born : when the item was made, seconds since 1970, missing where unknown, per item
    until : seconds since 1970; nothing later is in here
    shape : readings, intervals or events: what the looks were made of
    """

    items: np.ndarray
    item: np.ndarray
    at: np.ndarray
    value: np.ndarray
    others: dict[str, np.ndarray]
    start: np.ndarray
    end: np.ndarray
    born: np.ndarray
    until: float
    shape: str
    key: np.ndarray = field(repr=False)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def first(self) -> np.ndarray:
        """When each item was first looked at."""
        return self.at[self.start]

    @property
    def last(self) -> np.ndarray:
        """When each item was last looked at."""
        return self.at[self.end - 1]

    def index(self, item: np.ndarray, when: np.ndarray) -> np.ndarray:
        """The last look at or before each moment; one less than the item's start where there is none."""
        return np.searchsorted(self.key, _key(item, when - self._zero), side="right") - 1

    def between(self, item: np.ndarray, when: np.ndarray, top: np.ndarray | None = None) -> np.ndarray:
        """The counter at each moment, straight between looks, using no look after ``top``."""
        last = self.end[item] - 1 if top is None else top
        low = np.clip(self.index(item, when), self.start[item], last)
        high = np.minimum(low + 1, last)
        gap = self.at[high] - self.at[low]
        share = np.clip((when - self.at[low]) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
        return self.value[low] + share * (self.value[high] - self.value[low])

    def known(self, item: np.ndarray, when: np.ndarray) -> np.ndarray:
        """The last value known at each moment, missing before the first look."""
        i = self.index(item, when)
        return np.where(i >= self.start[item], self.value[np.maximum(i, 0)], np.nan)

    def over(self, item: np.ndarray, when: np.ndarray) -> np.ndarray:
        """1 where a counter had been read for the last time before the moment, 0 where it was read again.

        Missing where neither is known yet. Binned counts and dated acts are never over: their sum says it.
        """
        gone = (self.last[item] < when) & (self.shape == "readings")
        return np.where(gone & ~self._settled(item), np.nan, gone.astype(float))

    def truth(self, item: np.ndarray, when: np.ndarray, horizon: str) -> np.ndarray:
        """What the counter reached by the horizon, missing where the data does not say.

        At an age: straight between the two looks around it, if they lie no further apart than the
        time forecast. In the end: the last value, once the item has settled; one that is over at the
        moment stays what it was.
        """
        first, last = self.first[item], self.last[item]
        if horizon == "final":
            known = self._settled(item) & ((self.shape != "intervals") | (last >= when))
            return np.where(known, self.value[self.end[item] - 1], np.nan)
        target = target_time(first, when, horizon)
        if self.shape == "events":
            return np.where((target > when) & (target <= self.until), self.known(item, target), np.nan)
        low = self.index(item, target)
        inside = (low >= self.start[item]) & (target <= last) & (target > when)
        low = np.clip(low, 0, len(self.at) - 1)
        high = np.minimum(low + 1, self.end[item] - 1)
        near = self.at[high] - self.at[low] <= np.maximum(target - when, 3600.0)
        return np.where(inside & near, self.between(item, target), np.nan)

    def _settled(self, item: np.ndarray) -> np.ndarray:
        first, last = self.first[item], self.last[item]
        return np.asarray((self.until - last >= SETTLED) | (last - first >= FOLLOWED))

    @property
    def _zero(self) -> float:
        return float(self.at.min()) - 1.0 if len(self.at) else 0.0


def target_time(first: np.ndarray, when: np.ndarray, horizon: str) -> np.ndarray:
    """The moment a horizon means, seconds since 1970; missing for "final"."""
    if horizon == "2x":
        return when + (when - first)
    age = HORIZONS[horizon]
    return np.full(len(when), np.nan) if age is None else first + age


def from_readings(
    readings: pd.DataFrame,
    metric: str,
    as_of: pd.Timestamp | None = None,
    born: pd.Series | None = None,
) -> Tracks:
    """Tracks of one platform's readings.

    Parameters
    ----------
    readings
        Rows of the readings table of one platform: item_id, metric, observed_at, value, and observer
        where there are several (the one who looked most often at an item is kept). Rows with an
        unknown value are no look.
    metric
        The counter; every other metric read at the same look comes along.
    as_of
        Rows observed later are left out.
    born
        item_id to when it was made (UTC). Where absent and ids are numbers that grow with time, the
        moment is read from the ids seen so far.
    """
    readings = readings[readings["value"].notna()]
    if as_of is not None:
        readings = readings[readings["observed_at"] <= as_of]
    until = _until(readings["observed_at"], as_of)
    mine = readings[readings["metric"] == metric]
    if "observer" in mine and mine["observer"].nunique() > 1:
        looks = mine.groupby(["item_id", "observer"], observed=True).size().rename("looks").reset_index()
        best = looks.sort_values("looks").drop_duplicates("item_id", keep="last")
        readings = readings.merge(best[["item_id", "observer"]], on=["item_id", "observer"])
        mine = readings[readings["metric"] == metric]
    codes, items = pd.factorize(mine["item_id"], sort=True)
    at = _seconds(mine["observed_at"])
    order = np.lexsort((at, codes))
    codes, at, value = codes[order], at[order], mine["value"].to_numpy(float)[order]
    fresh = np.r_[True, (np.diff(codes) > 0) | (np.diff(at) > 0)] if len(at) else np.zeros(0, bool)
    codes, at, value = codes[fresh], at[fresh], value[fresh]
    others: dict[str, np.ndarray] = {}
    position = pd.Series(np.arange(len(items)), index=items)
    zero = at.min() - 1.0 if len(at) else 0.0
    key = _key(codes, at - zero)
    for name, rows in readings[readings["metric"] != metric].groupby("metric", observed=True):
        where = rows["item_id"].map(position).to_numpy(float)
        known = ~np.isnan(where)
        wanted = _key(where[known].astype(int), _seconds(rows["observed_at"])[known] - zero)
        slot = np.searchsorted(key, wanted)
        hit = (slot < len(key)) & (key[np.minimum(slot, len(key) - 1)] == wanted)
        column = np.full(len(at), np.nan)
        column[slot[hit]] = rows["value"].to_numpy(float)[known][hit]
        others[str(name)] = column
    made = np.full(len(items), np.nan)
    if born is not None:
        made = _seconds(born.reindex(items))
    elif len(items):
        made = _born_from_ids(items, codes, at)
    return _tracks(np.asarray(items, dtype=object), codes, at, value, others, made, until, "readings")


def from_intervals(intervals: pd.DataFrame, metric: str, as_of: pd.Timestamp | None = None) -> Tracks:
    """Tracks of binned counts: the running sum of each content's bins, known once a bin was read.

    The newest reading of a bin counts. From an unknown or unfinished bin on the sum is unknown.
    """
    rows = intervals[intervals["metric"] == metric]
    if as_of is not None:
        rows = rows[rows["observed_at"] <= as_of]
    until = _until(rows["observed_at"], as_of)
    rows = rows.sort_values("observed_at").drop_duplicates(["content_id", "start", "end"], keep="last")
    rows = rows.sort_values(["content_id", "start"])
    broken = rows["value"].isna() | rows["partial"].astype(bool)
    if "observer" in rows and rows["observer"].nunique() > 1:
        kept = rows.groupby("content_id")["observer"].transform("first")
        rows, broken = rows[rows["observer"] == kept], broken[rows["observer"] == kept]
    sound = ~broken.groupby(rows["content_id"]).cummax()
    rows = rows[sound]
    codes, items = pd.factorize(rows["content_id"], sort=True)
    at = _seconds(rows["end"])
    value = rows.groupby("content_id")["value"].cumsum().to_numpy(float)
    made = rows.groupby("content_id")["start"].min().reindex(items)
    return _tracks(np.asarray(items, dtype=object), codes, at, value, {}, _seconds(made), until, "intervals")


def from_events(events: pd.DataFrame, as_of: pd.Timestamp | None = None) -> Tracks:
    """Tracks of dated acts: how many there were about each content, and the audience they had."""
    rows = events
    if as_of is not None:
        rows = rows[(rows["observed_at"] <= as_of) & (rows["occurred_at"] <= as_of)]
    until = _until(rows["observed_at"], as_of)
    rows = rows.sort_values(["content_id", "occurred_at"], kind="stable")
    codes, items = pd.factorize(rows["content_id"], sort=True)
    value = rows.groupby("content_id").cumcount().to_numpy(float) + 1.0
    audience = rows.groupby("content_id")["audience"].cumsum().to_numpy(float)
    made = rows.groupby("content_id")["occurred_at"].min().reindex(items)
    at = _seconds(rows["occurred_at"])
    others = {"audience": audience}
    return _tracks(np.asarray(items, dtype=object), codes, at, value, others, _seconds(made), until, "events")


def _tracks(
    items: np.ndarray,
    codes: np.ndarray,
    at: np.ndarray,
    value: np.ndarray,
    others: dict[str, np.ndarray],
    born: np.ndarray,
    until: float,
    shape: str,
) -> Tracks:
    start = np.searchsorted(codes, np.arange(len(items)))
    end = np.searchsorted(codes, np.arange(len(items)), side="right")
    zero = at.min() - 1.0 if len(at) else 0.0
    return Tracks(items, codes, at, value, others, start, end, born, until, shape, _key(codes, at - zero))


def _key(item: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    # whole milliseconds, so that keys of the same look are equal; 2^43 ms are 278 years: items never touch
    milliseconds = np.clip(np.nan_to_num(seconds) * 1000.0, -1.0, 2.0**43 - 2)
    return np.asarray(item, dtype=np.int64) * 2**43 + np.floor(milliseconds).astype(np.int64) + 1


def _seconds(times: pd.Series) -> np.ndarray:
    stamps = pd.to_datetime(times, utc=True)
    out = stamps.to_numpy("datetime64[us]").astype("int64") / 1e6
    return np.where(stamps.isna().to_numpy(), np.nan, out)


def _until(times: pd.Series, as_of: pd.Timestamp | None) -> float:
    if as_of is not None:
        return float(pd.Timestamp(as_of).timestamp())
    return float(pd.Timestamp(times.max()).timestamp()) if len(times) else 0.0


def _born_from_ids(items: np.ndarray, codes: np.ndarray, at: np.ndarray) -> np.ndarray:
    """When each item was made, from ids that count up: the moment the newest id seen passed its own.

    The moment is never later than the item's first look, so it was known then.
    """
    text = pd.Series(items, dtype=str)
    if not text.str.fullmatch(r"\d{1,15}").all() or len(items) < 30:
        return np.full(len(items), np.nan)
    number = text.astype(float).to_numpy()
    first = at[np.searchsorted(codes, np.arange(len(items)))]
    if np.corrcoef(number.argsort().argsort(), first.argsort().argsort())[0, 1] < 0.9:
        return np.full(len(items), np.nan)
    order = first.argsort(kind="stable")
    newest = np.maximum.accumulate(number[order])
    return np.minimum(np.interp(number, newest + np.arange(len(newest)) * 1e-9, first[order]), first)
