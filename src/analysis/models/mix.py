"""The referrer mix: whether visits began to come from elsewhere than they used to.

Question. Did the shares of where visits come from change, for longer than a spike lasts, and since when?

Formula. By whole days. A source's share of a day, y of N, becomes x = arcsin sqrt((y + 3/8) / (N + 3/4)),
whose variance is 1 / (4 N) + tau^2: chance, and what days differ by beyond it (tau^2 by moments). Usual is
the level (half-life three weeks) and the weekday's own offset, both from the past alone. z = (x - usual) /
sd, its variance widened by (1 + rho) / (1 - rho) for what neighbouring days have in common, reaches at most
two deviations; upwards and downwards it is summed up less one half (Page's cumulative sums). The limit h is
where noise brings one of the 2 K sums of K sources in the time asked for: 2 (e^b - 1 - b) days each, b = h +
1.166 (Siegmund). ``evidence`` is the largest sum over its limit: 1, with a share that moved by at least three
points, raises the alarm. The new mix is the usual one from then on: coming back is a change of its own.

Two deviations a day at most, so a change is told after five days at the soonest: a spike of a day or three
shifts the mix as well, and is told as a spike. A day of which any part is unknown is unknown: it tells and
teaches nothing. A source without a row on a known day had no visits then.

Assumes sources that are counted the same way throughout.

Abstains over the first three weeks, and again for a week after a change.

Sources. Anscombe, Biometrika 35 (1948) for the transformation; Page, Biometrika 41 (1954); Siegmund,
Sequential Analysis (1985).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.models.grid import known_at
from analysis.models.result import Result

VERSION = "mix 1.0"
WARM = 21  # known days before anything is said
AFTER = 7  # and after a change
BEFORE = 28  # days before a change whose shares are told beside the new ones
LEVEL, NOISE = 0.5 ** (1 / 21), 0.5 ** (1 / 42)  # what a day's memory keeps
REACH = 2.0  # deviations beyond which a day neither teaches nor tells more
SLACK = 0.5
LEAST = 0.03  # share by which a source must have moved
RARE = 0.01  # a source below this share is too rare to be watched
COLUMNS = ["onset", "alarm", "visits"]


def find(
    intervals: pd.DataFrame, *, as_of: Any = None, false_per_month: float = 0.1, zone: str = "UTC"
) -> Result:
    """Every change of the mix, as it would have been told at the time.

    Parameters
    ----------
    intervals : DataFrame
        Visits of one site by one observer: platform (where from), start, end (UTC; no longer than a day),
        value (missing where unknown), optionally observed_at.
    as_of : time, optional
        Use only what was known then.
    false_per_month : float
        How many alarms ordinary days may bring in 30 of them.
    zone : str
        The time zone whose days are meant.

    Returns
    -------
    Result
        table, a row a change: onset (begin of its first day), alarm (end of the day that gave it away),
        visits (from onset to alarm). extra: sources, a row a change and source that moved by a point or
        more, the greatest first: onset, platform, before, after (shares, 0 to 1); days (day, evidence,
        known).
    """
    parameters = {"as_of": as_of, "false_per_month": false_per_month, "zone": zone}
    counts = _days(known_at(intervals, as_of), zone)
    known = counts.notna().all(axis=1).to_numpy() & (counts.sum(axis=1).to_numpy() > 0)
    changes, evidence = _watch(counts.to_numpy(dtype=float), known, counts.index, false_per_month)
    begins = counts.index.tz_convert("UTC").as_unit("us")
    ends = (counts.index + pd.offsets.Day(1)).tz_convert("UTC").as_unit("us")
    lines, moved = [], []
    for onset, day, before, after, visits in changes:
        lines.append((begins[onset], ends[day], visits))
        order = np.argsort(-np.abs(after - before), kind="stable")
        moved += [
            (begins[onset], counts.columns[k], before[k], after[k])
            for k in order
            if abs(after[k] - before[k]) >= 0.01
        ]
    extra = {
        "sources": pd.DataFrame(moved, columns=["onset", "platform", "before", "after"]),
        "days": pd.DataFrame({"day": begins, "evidence": evidence, "known": known}),
    }
    table = pd.DataFrame(lines, columns=COLUMNS).astype({"visits": float})
    for name in ("onset", "alarm"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    if known.sum() <= WARM:
        reason = f"{int(known.sum())} known days; more than {WARM} are needed"
        return Result(table, "inconclusive", reason, f"No verdict: {reason}.", (), VERSION, parameters, extra)
    summary = say(table, extra["sources"])
    return Result(table, "found" if lines else "nothing", "", summary, (), VERSION, parameters, extra)


def _days(intervals: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Visits by day (of the zone) and source; a day any part of which is unknown is missing as a whole."""
    if intervals.empty:
        return pd.DataFrame(index=pd.DatetimeIndex([], tz=zone))
    intervals = intervals.reset_index(drop=True)
    local = intervals["start"].dt.tz_convert(zone).dt.normalize()
    table = intervals.assign(day=local).pivot_table(
        index="day", columns="platform", values="value", aggfunc="sum", observed=True
    )
    lost = set(local[intervals["value"].isna()])
    # the last day may not be over yet, and a day without a row of any hour was not counted whole
    hours = (intervals["end"] - intervals["start"]).groupby(local).max()
    seen = intervals.drop_duplicates("start").groupby(local)["start"].size() * hours
    span = pd.date_range(local.min(), local.max(), freq="D")
    length = pd.Series(span + pd.offsets.Day(1) - span, index=span)
    short = length.index[seen.reindex(span).fillna(pd.Timedelta(0)) < 0.99 * length]
    table = table.reindex(span).fillna(0.0)
    table.loc[[day for day in span if day in lost or day in short]] = np.nan
    return table


def _watch(
    y: np.ndarray, known: np.ndarray, days: pd.DatetimeIndex, rate: float
) -> tuple[list[Any], np.ndarray]:
    """Changes (onset, day, shares before, shares after, visits), and the evidence of each day."""
    size, sources = y.shape if y.size else (len(y), 0)
    evidence = np.zeros(size)
    changes: list[Any] = []
    past = _Past(sources)
    sums, begun = np.zeros((2, sources)), np.zeros((2, sources), np.int64)
    total, settled = np.zeros(sources), 0
    weekday = days.day_of_week if size else []
    for i in range(size):
        if not known[i]:
            continue
        counts, n = y[i], y[i].sum()
        total = LEVEL * total + counts
        common = total / total.sum() >= RARE
        x = np.arcsin(np.sqrt((counts + 0.375) / (n + 0.75)))
        z = past.surprise(x, n, weekday[i])
        if past.days >= past.warm:
            steps = np.stack([z - SLACK, -z - SLACK])
            begun[sums <= 0] = i
            sums = np.maximum(sums + steps, 0.0)
            limit = _limit(max(2 * int(common.sum()), 1), rate)
            sums = np.minimum(sums, 1.5 * limit)
            judged = np.where(common, sums, 0.0)
            evidence[i] = judged.max() / limit
            if evidence[i] >= 1:
                side = np.unravel_index(int(judged.argmax()), judged.shape)
                onset = int(begun[side])
                span = [j for j in range(onset, i + 1) if known[j]]
                came = y[span].sum(axis=0)
                ago = [j for j in range(max(settled, onset - BEFORE), onset) if known[j]]
                before, after = _shares(y[ago].sum(axis=0)), _shares(came)
                if abs(after - before)[side[1]] >= LEAST:
                    changes.append((onset, i, before, after, float(came.sum())))
                    past.restart(y[span], [weekday[j] for j in span])
                    sums[:], settled = 0.0, onset
                    continue
        past.learn(x, n, weekday[i], z)
    return changes, evidence


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / max(counts.sum(), 1.0)


def _limit(sums: int, rate: float) -> float:
    """Where a sum of unit noise less one half passes once in so many days that all of them keep the rate."""
    days = 30.0 / rate * sums
    b = 1.0
    for _ in range(30):
        b = float(np.log(1.0 + b + days * SLACK))
    return b - 1.166


class _Past:
    """What each source's share has been like: level, weekdays, and how much days differ."""

    def __init__(self, sources: int) -> None:
        self.days, self.warm = 0, WARM
        self.up, self.down = np.zeros(sources), 0.0
        self.week, self.week_of = np.zeros((7, sources)), np.zeros(7)
        self.extra, self.extra_of = np.zeros(sources), 0.0
        self.pair, self.pair_of = np.zeros(sources), 1e-9 * np.ones(sources)
        self.last = np.zeros(sources)

    def usual(self, weekday: int) -> np.ndarray:
        """What is expected of the day; a weekday's own offset counts after some weeks only."""
        return self.up / max(self.down, 1e-9) + self.week[weekday] / (self.week_of[weekday] + 3.0)

    def surprise(self, x: np.ndarray, n: float, weekday: int) -> np.ndarray:
        """How far the day is from the usual, in deviations, at most REACH."""
        between = self.extra / max(self.extra_of, 1e-9)
        spread = np.maximum(between, 0.0) + 0.25 / n
        own = spread / max(min(float(self.days), 30.0), 1.0)
        rho = np.clip(self.pair / self.pair_of, 0.0, 0.8)
        sd = np.sqrt((spread + own) * (1 + rho) / (1 - rho))
        return np.clip((x - self.usual(weekday)) / sd, -REACH, REACH)

    def learn(self, x: np.ndarray, n: float, weekday: int, z: np.ndarray) -> None:
        """Take the day in, no further off than REACH."""
        usual = self.usual(weekday)
        if self.days >= AFTER:
            between = np.maximum(self.extra / max(self.extra_of, 1e-9), 0.0)
            sd = np.sqrt(between + 0.25 / n)
            x = np.clip(x, usual - 1.5 * REACH * sd, usual + 1.5 * REACH * sd)
            rest = (x - usual) / sd
            self.pair, self.pair_of = NOISE * self.pair + rest * self.last, NOISE * self.pair_of + rest**2
            self.last = rest
            offset = x - self.up / self.down
            self.week[weekday] = 0.5 ** (1 / 8) * self.week[weekday] + offset
            self.week_of[weekday] = 0.5 ** (1 / 8) * self.week_of[weekday] + 1.0
        if self.days >= 2:
            off = (x - usual) ** 2 * (1 - 1 / (min(self.days, 30) + 1))
            self.extra, self.extra_of = NOISE * self.extra + off - 0.25 / n, NOISE * self.extra_of + 1.0
        season = self.week[weekday] / (self.week_of[weekday] + 3.0)
        self.up, self.down = LEVEL * self.up + x - season, LEVEL * self.down + 1.0
        self.days += 1

    def restart(self, y: np.ndarray, weekdays: list[int]) -> None:
        """The days since the change are the usual ones from now on; what days differ by stays."""
        n = y.sum(axis=1, keepdims=True)
        x = np.arcsin(np.sqrt((y + 0.375) / (n + 0.75)))
        season = np.stack([self.week[d] / (self.week_of[d] + 3.0) for d in weekdays])
        self.up, self.down = (x - season).sum(axis=0), float(len(y))
        self.days, self.warm = len(y), len(y) + AFTER


def say(table: pd.DataFrame, sources: pd.DataFrame) -> str:
    """The last change in a sentence."""
    if table.empty:
        return "Visits come from where they used to."
    onset = table["onset"].iloc[-1]
    moved = sources[sources["onset"] == onset].head(3)
    said = "; ".join(f"{row.platform} from {row.before:.0%} to {row.after:.0%}" for row in moved.itertuples())
    return f"{len(table):,} changes of the mix; the last since {onset:%Y-%m-%d}: {said}."
