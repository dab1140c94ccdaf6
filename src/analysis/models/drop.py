"""A drop: for some time less came than an ordinary time would have brought.

Question. Did a source dry up, and since when? Not one slow hour: a fall that lasts.

Formula. Expected = level x time of day x day of week x (time of day on that day), each remembered from the
past alone (half-lives: the level two weeks, time of day four, day of week eight, their product eight of its
own buckets). The residual z = (count - expected) / sd, sd from the negative binomial variance
(phi mu + alpha mu^2) times what whole days' scatter exceeds their buckets' by (at least 0.2 mu), reaches at
most three deviations and is summed as a likelihood ratio for a fall by 40 % (Page's cumulative sum): S =
max(0, S - d z - d^2 / 2), d = 0.4 mu / sd. The limit h is where noise brings S once in the time asked for:
2 (e^b - 1 - b) / d^2 buckets, b = h + 1.166 d (Siegmund). ``evidence`` is S / h: 1 raises the alarm, and it
is armed again after a day below one half.

Since one bucket tells at most three deviations, an hour of nothing is no drop; a fall by a fifth or less
never adds up to one. A gap is unknown: it adds nothing, and is never a drop. Counts finer than an hour are
added up to hours. A fall that stays becomes the level within weeks.

Assumes a level that moves slowly: what a single content brings falls by nature, so drops are looked for
where attention is steady (a whole site, a page of an encyclopaedia).

Abstains over the first three weeks, for buckets longer than a day, and where nothing is counted.

Sources. Page, Biometrika 41 (1954); Siegmund, Sequential Analysis (1985), for the limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.models import _fall, armed, baseline
from analysis.models.grid import DAY, HOUR, MONTH, Grid, clock, known_at, lay, to_times
from analysis.models.result import Result

VERSION = "drop 1.0"
DEPTH = 0.4  # the fall the likelihood ratio is tuned to
WARM = 21  # known days before anything is said
LOW = 0.5  # evidence that keeps an alarm up
COLUMNS = ["onset", "alarm", "last", "expected", "value", "fell", "ongoing"]


def score(
    series: pd.DataFrame, *, as_of: Any = None, false_per_month: float = 0.1, zone: str = "UTC"
) -> pd.DataFrame:
    """How much speaks for a drop at each bucket, judged by the past alone.

    Parameters
    ----------
    series : DataFrame
        start (UTC), value (count of the bucket, missing where unknown), optionally end and observed_at.
    as_of : time, optional
        Use only what was known then.
    false_per_month : float
        How many alarms ordinary noise may bring in 30 days.
    zone : str
        The time zone the audience lives by.

    Returns
    -------
    DataFrame
        A row a bucket: start, end (UTC), value, expected (counts; missing at the start), evidence (1 and
        more: an alarm), since (start of the bucket the evidence began with).
    """
    grid = _hours(lay(known_at(series, as_of)))
    columns = {"start": to_times(grid.t), "end": to_times(grid.ends), "value": grid.y}
    if grid.cadence > DAY or not np.nansum(grid.y) > 0:
        none = {"expected": np.nan, "evidence": 0.0, "since": columns["start"]}
        return pd.DataFrame({**columns, **none})
    expected, _, evidence, since = _run(grid, false_per_month, zone)
    told = {"expected": expected, "evidence": evidence, "since": columns["start"][since]}
    return pd.DataFrame({**columns, **told})


def find(
    series: pd.DataFrame, *, as_of: Any = None, false_per_month: float = 0.1, zone: str = "UTC"
) -> Result:
    """Every drop of a series, as it would have been told at the time. Parameters as for ``score``.

    Returns
    -------
    Result
        table, a row a drop: onset (start of its first bucket), alarm (end of the bucket that gave it away),
        last (end of the last bucket that still spoke for it), expected and value (counts from onset to
        alarm), fell (the share that was missing by the alarm, 0 to 1), ongoing (not armed again yet).
        extra: score (as ``score`` gives it).
    """
    parameters = {"as_of": as_of, "false_per_month": false_per_month, "zone": zone}
    rows = score(series, as_of=as_of, false_per_month=false_per_month, zone=zone)
    known = rows["value"].notna().to_numpy()
    extra = {"score": rows}
    per_day = max(round(pd.Timedelta(days=1) / (rows["end"] - rows["start"]).median()), 1) if len(rows) else 1
    if known.sum() <= WARM * per_day or rows["expected"].isna().all():
        reason = f"{int(known.sum())} known buckets; more than three weeks of them, with counts, are needed"
        empty = pd.DataFrame(columns=COLUMNS)
        return Result(empty, "inconclusive", reason, f"No verdict: {reason}.", (), VERSION, parameters, extra)
    found = armed.episodes(rows["evidence"].to_numpy(), known, 1.0, LOW, per_day)
    seen = np.cumsum(known)
    lines = []
    for first, last in found:
        onset = int(rows["start"].searchsorted(rows["since"].iloc[first]))
        part = rows.iloc[onset : first + 1].dropna(subset=["value", "expected"])
        usual, came = part["expected"].sum(), part["value"].sum()
        lines.append(
            (rows["start"].iloc[onset], rows["end"].iloc[first], rows["end"].iloc[last], usual, came,
             1.0 - came / usual, bool(seen[-1] - seen[last] <= per_day))
        )  # fmt: skip
    table = pd.DataFrame(lines, columns=COLUMNS)
    for name in ("onset", "alarm", "last"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    return Result(table, "found" if lines else "nothing", "", _summary(table), (), VERSION, parameters, extra)


def rhythm(grid: Grid, zone: str) -> np.ndarray:
    """How much of its level each bucket usually brings, by the hour of the week, from the past alone.

    1 throughout where that cannot be learnt: buckets finer than an hour or longer than a day.
    """
    if not (HOUR <= grid.cadence <= DAY) or not np.nansum(grid.y) > 0:
        return np.ones(len(grid.t))
    return _run(grid, 1.0, zone)[1]


def _run(grid: Grid, false_per_month: float, zone: str) -> tuple[np.ndarray, ...]:
    known, per_day = grid.known, max(round(DAY / grid.cadence), 1)
    time, weekday = clock(grid.t, zone)
    slot = np.minimum((time * per_day).astype(np.int64), per_day - 1)
    y = np.where(known, grid.y, 0.0)
    phi = baseline.scale(grid.y[known][: WARM * per_day])
    rate, week = MONTH / grid.cadence / false_per_month, (slot, weekday.astype(np.int64), per_day, per_day)
    out: tuple[np.ndarray, ...] = _fall.run(y, known, grid.width, *week, phi, DEPTH, rate, WARM * per_day)
    return out


def _hours(grid: Grid) -> Grid:
    """The grid by the hour, where it is finer: an hour is known when all of it is."""
    if grid.cadence >= HOUR or not len(grid.t):
        return grid
    hour = grid.t // HOUR
    place, first = np.unique(hour, return_inverse=True)
    whole = np.bincount(first, np.where(grid.known, grid.width, 0.0)) * grid.cadence >= 0.99 * HOUR
    came = np.bincount(first, np.where(grid.known, grid.y, 0.0))
    t = np.arange(place[0], place[-1] + 1, dtype=np.int64)
    y = np.full(len(t), np.nan)
    y[place - place[0]] = np.where(whole, came, np.nan)
    return Grid(t * HOUR, np.ones(len(t)), y, HOUR, True, grid.duplicates, grid.negative)


def _summary(table: pd.DataFrame) -> str:
    if table.empty:
        return "No sustained fall below what is usual."
    last = table.iloc[-1]
    still = "and has not come back" if last["ongoing"] else f"until {last['last']:%Y-%m-%d %H:%M} UTC"
    return (
        f"{len(table):,} sustained falls; the last began {last['onset']:%Y-%m-%d %H:%M} UTC, when "
        f"{last['fell']:.0%} of what is usual was missing, {still}."
    )
