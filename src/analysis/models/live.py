"""The running score: what a watcher with only the past would have thought of each bucket.

Question. As the counts come in, which bucket is the first that is out of the ordinary, and how far out is
what is going on?

Formula. Expected = level x time of day, both remembered with a half-life (the level a week, the rhythm and
the noise two weeks, at least 30 and 100 buckets). Window sums of up to a day are compared with a negative
binomial as in ``spikes``, their variance enlarged by the scatter the same windows have shown so far. What
reaches further than noise of that kind is drawn in to the deviate that white noise passes as often as this
series' noise, by all its past, passes it (a generalized Pareto tail, as in ``spikes``; a young series is
judged by what others like it have shown (``noise``), or else taken for a restless one). A count teaches at
most three deviations, so a spike is not at once the level.

``surprise`` is that calibrated deviate, rises and drops alike. An ``alarm`` is the first bucket above the
limit of ``false_per_month`` (half for rises, half for drops) after a day without one. ``score``, from 0 to 1,
answers both kinds of judge with one number: a bucket that announces (its surprise is a new record of the last
day by a step of a ladder, each rung 1.25 times the one below) stands above one half, every other one below it
by the surprise remembered with a half-life of six hours, so the score is early once and stays up through what
lasts.

``find`` tells each rise once: an episode opens where a surprise that is a rise passes the limit, is told
when it has brought what is worth telling, and stays open until a day passed below three quarters of the
limit (``armed``). There the expected knows the hour of the week as well (``drop.rhythm``).

The value at a bucket depends on nothing after it: scoring a longer series changes no earlier row.

One alarm a month is kept on long-tailed noise over a few months; the first four weeks, with so little seen,
bring up to 2 (Pareto noise of index 1.5), and where 0.1 is asked such noise brings 0.2 to 0.6: a tail is
followed only as far as the past has shown it. What is spiky by nature teaches that it is: where bursts come
in any height every few days, the greatest alone are told.

Abstains (surprise 0, no alarm) over the first 64 known buckets and where a bucket is unknown.

Sources. As ``spikes``; exponentially weighted control charts: Roberts, Technometrics 1 (1959).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.models import _live, armed, baseline, drop
from analysis.models.grid import DAY, HOUR, Grid, clock, known_at, lay, steepness, threshold, to_times
from analysis.models.noise import Noise, shown
from analysis.models.result import Result, Verdict

VERSION = "live 1.3"
FAST = 7 * DAY  # memory of the level (half-life)
SLOW = 14 * DAY  # memory of rhythm and noise
QUIET = DAY  # a spike is announced again only after this long
LINGER = DAY // 4  # half-life of what a spike leaves in the score
HEAD = 64  # known buckets that settle cadence and scale, and are not judged
LONGEST_GAP = 1000  # unknown buckets put into one gap at most
HALF_WAY = 4.0  # deviates at which half of each part of the score is reached
LOW = 0.75  # the part of its limit that keeps a rise's alarm up
COLUMNS = ["onset", "alarm", "last", "expected", "value", "ongoing"]


def score(
    series: pd.DataFrame,
    *,
    as_of: Any = None,
    false_per_month: float = 0.1,
    zone: str = "UTC",
    week: bool = False,
    like: Sequence[Noise] = (),
) -> pd.DataFrame:
    """How far out of the ordinary each bucket was, judged by the past alone.

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
    week : bool
        Expect each hour of the week to bring what it usually does (``drop.rhythm``), not only each hour of
        the day: for counts by the hour to the day over months.
    like : sequence of Noise
        What the noise of others like it showed (``extra["noise"]`` of their ``find``).

    Returns
    -------
    DataFrame
        A row a bucket, unknown ones put into gaps: start (UTC), value, expected (counts; missing at the
        start), surprise (normal deviates, 0 or more), rise (bool: what surprises is too much, not too
        little), score (0 to 1), alarm (bool).
    """
    return _scored(series, as_of, false_per_month, zone, week, like)[0]


def _scored(
    series: pd.DataFrame, as_of: Any, false_per_month: float, zone: str, week: bool, like: Sequence[Noise]
) -> tuple[pd.DataFrame, Noise]:
    grid = _in_order(lay(known_at(series, as_of), fill=False), ends="end" in series)
    known = grid.known
    y = np.where(known, grid.y, 0.0)
    time, _ = clock(grid.t, zone)
    slots = (
        24 if grid.cadence <= HOUR else max(round(DAY / grid.cadence), 1) if grid.cadence <= 6 * HOUR else 1
    )
    place = time * slots - 0.5
    floor = np.floor(place)
    index = floor.astype(np.int64) % slots
    part = place - floor if slots > 1 else np.zeros(len(y))
    head = y[known][:HEAD]
    phi = baseline.scale(head)
    fast, slow = max(FAST / grid.cadence, 30.0), max(SLOW / grid.cadence, 100.0)
    lengths = _lengths(grid.cadence)
    beat = (index, (index + 1) % slots, part, slots)
    steep = steepness(len(lengths))
    width = grid.width * drop.rhythm(grid, zone) if week else grid.width
    before = shown(like, grid.cadence, int(grid.t[0]) if len(grid.t) else 0)
    expected, signed, marks = _live.run(
        y, known, width, *beat, lengths, fast, slow, phi, HEAD, steep, *before
    )
    fair, bar = np.abs(signed), limit(grid.cadence, false_per_month)
    memory = max(int(QUIET / grid.cadence), 1)
    fresh, held, alarm = _live.announce(fair, known, memory, max(LINGER / grid.cadence, 1.0), bar)
    value = np.where(fresh > 0, 0.5 + 0.5 * fresh / (fresh + HALF_WAY), 0.5 * held / (held + HALF_WAY))
    rows = pd.DataFrame(
        {
            "start": to_times(grid.t),
            "value": grid.y,
            "expected": expected,
            "surprise": fair,
            "rise": signed > 0,
            "score": value,
            "alarm": alarm,
        }
    )
    return rows, Noise.of(grid.cadence, grid.t, known & (np.cumsum(known) > HEAD), marks)


def find(
    series: pd.DataFrame,
    *,
    as_of: Any = None,
    false_per_month: float = 0.1,
    zone: str = "UTC",
    least: float = 0.0,
    calm: Any = "1D",
    like: Sequence[Noise] = (),
) -> Result:
    """Every rise of a series, as it would have been told at the time, each once.

    Parameters
    ----------
    series, as_of, false_per_month, zone, like
        As for ``score``.
    least
        What it must have brought beyond the expected before it is told.
    calm
        The time (known, below three quarters of the limit) after which the alarm is armed again.

    Returns
    -------
    Result
        table, a row a rise: onset (start of its first bucket), alarm (end of the bucket that gave it away),
        last (end of the last bucket that was still out of the ordinary), expected and value (counts from
        onset to alarm), ongoing (not armed again yet). extra: score (as ``score`` gives it), noise (for
        others like it).
    """
    parameters = {"as_of": as_of, "false_per_month": false_per_month, "zone": zone, "least": least}
    series = known_at(series, as_of)
    rows, noise = _scored(series, None, false_per_month, zone, True, like)
    value, usual = rows["value"].to_numpy(), rows["expected"].to_numpy()
    known = ~np.isnan(value)
    lines = []
    if known.sum() > HEAD:
        cadence = _cadence(series, rows)
        end = rows["start"] + pd.Timedelta(microseconds=cadence)
        quiet = max(round(pd.Timedelta(calm) / pd.Timedelta(microseconds=cadence)), 1)
        bar = limit(cadence, false_per_month)
        level = np.where(rows["rise"], rows["surprise"], 0.0)
        seen = np.cumsum(known)
        for first, last in armed.episodes(level, known, bar, LOW * bar, quiet):
            onset = first
            while onset > 0 and first - onset < quiet and value[onset - 1] > 1.5 * usual[onset - 1]:
                onset -= 1
            over = np.nancumsum(value[onset : last + 1] - usual[onset : last + 1])
            enough = np.flatnonzero(over[first - onset :] >= least)
            if len(enough):
                told = first + int(enough[0])
                part = slice(onset, told + 1)
                came = (np.nansum(np.where(known[part], usual[part], 0.0)), np.nansum(value[part]))
                ongoing = bool(seen[-1] - seen[last] <= quiet)
                lines.append((rows["start"].iloc[onset], end.iloc[told], end.iloc[last], *came, ongoing))
    table = pd.DataFrame(lines, columns=COLUMNS)
    for name in ("onset", "alarm", "last"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    few = f"{int(known.sum())} known buckets; more than {HEAD} are needed" if known.sum() <= HEAD else ""
    said = f"No verdict: {few}." if few else f"{len(table):,} rises out of the ordinary."
    verdict: Verdict = "inconclusive" if few else "found" if lines else "nothing"
    return Result(table, verdict, few, said, (), VERSION, parameters, {"score": rows, "noise": noise})


def _cadence(series: pd.DataFrame, rows: pd.DataFrame) -> int:
    """The length of an ordinary bucket, as ``score`` took it."""
    step = (series["end"] - series["start"]).median() if "end" in series else rows["start"].diff().median()
    return max(int(step / pd.Timedelta(microseconds=1)), 1)


def limit(cadence: int, false_per_month: float) -> float:
    """The surprise that noise reaches this often in 30 days, rises and drops together; cadence in us."""
    return threshold(cadence, len(_lengths(cadence)), false_per_month / 2)


def _lengths(cadence: int) -> np.ndarray:
    steps = np.array([1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 288], np.int64)
    return steps[steps <= max(DAY / cadence, 4)]


def _in_order(grid: Grid, *, ends: bool) -> Grid:
    """The grid with unknown buckets put into its gaps, each gap judged without what comes after."""
    if len(grid.t) < 2:
        return grid
    step = np.diff(grid.t)
    cadence = max(int(np.median(step[:HEAD])), 1)
    width = np.maximum(grid.width * grid.cadence / cadence, 1e-9) if ends else np.ones(len(grid.t))
    over = np.maximum(np.round(step / cadence - width[:-1]), 0).astype(np.int64)
    missing = np.minimum(np.where(over >= 1, over, 0), LONGEST_GAP)
    at = np.repeat(np.arange(1, len(grid.t)), missing)
    count = (
        np.concatenate([np.arange(1, k + 1) for k in missing[missing > 0]])
        if len(at)
        else np.zeros(0, np.int64)
    )
    t = np.insert(grid.t, at, grid.t[at - 1] + count * cadence)
    return Grid(
        t,
        np.insert(width, at, 1.0),
        np.insert(grid.y, at, np.nan),
        cadence,
        grid.regular,
        grid.duplicates,
        grid.negative,
    )
