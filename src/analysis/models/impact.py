"""What one intervention changed: a front-page hour, a campaign, against what would have been without it.

Question. How many visits more (or fewer) did a series bring while something lasted, and after it, than it
would have brought otherwise? Three periods: before, during, after; what is left after is the persistence.

Formula. The series before is a local level with regressors,

    y_t = level_t + x_t b + e_t,   level_t = level_(t-1) + n_t,   var n = q var e,

x being the hours of the day and the days of the week (where two of each were seen before) and control
series, if any; it is statsmodels' UnobservedComponents("local level", exog) and agrees with it where q and
b are given (held by a test). What UnobservedComponents does not do is to carry the doubt about its
parameters: its 95 % interval covers too rarely. Here no parameter is plugged in: level, b and var e are
integrated out exactly (flat priors; Student's t), and q over a grid, r = sqrt(q) / (1 + sqrt(q)) being
uniform between 0 and 1. 2,000 courses without the intervention are drawn from that mixture; the effect is
what was counted less what was drawn, and its interval the quantiles.

Counts (whole numbers, none below 0, no controls) are modelled as sqrt(y + 3/8), whose noise does not grow
with the level (Anscombe 1948); each drawn course is turned back exactly.

Persistence: effect a bin after over effect a bin during. Placebo in time: the same question is asked of
up to 20 stretches before the intervention, each as long and forecast from the bins before it alone;
where more of their intervals exclude 0 than chance allows, the verdict is inconclusive.

Unknown bins teach nothing and are left out of effects; ``unknown`` counts them. Abstains with fewer than 20
known bins before, or none during. Assumes that nothing else happened at the time, that controls were
not touched by the intervention, and that the rhythm went on as before.

Sources. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989); Brodersen et al.,
Ann. Appl. Stat. 9 (2015) for effects as observed less forecast; Anscombe, Biometrika 35 (1948).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from analysis.checks.check import Check
from analysis.errors import UserError
from analysis.models.grid import DAY, HOUR, Grid, clock, lay, micros
from analysis.models.result import Result, Verdict

VERSION = "impact 1.0"
LEAST = 20  # known bins before
DRAWS = 2000
PLACEBOS = 20
SURE = 0.99
GRID = (np.arange(24) + 0.5) / 24
COLUMNS = [
    "period", "start", "end", "bins", "unknown", "observed", "expected", "expected_low", "expected_high",
    "effect", "low", "high", "relative", "relative_low", "relative_high", "kept", "kept_low", "kept_high",
]  # fmt: skip


@dataclass(frozen=True)
class Learnt:
    """The series before: for each q of the grid its weight and what a forecast starts from.

    weight : posterior probability of each q
    q : the grid
    beta, cover : coefficients and their covariance over var e, a q each
    level, reach : the last level as (of y, of each regressor), and its variance over var e
    free, square : degrees of freedom and sum of squares of var e
    """

    weight: np.ndarray
    q: np.ndarray
    beta: list[np.ndarray]
    cover: list[np.ndarray]
    level: list[np.ndarray]
    reach: list[float]
    free: int
    square: np.ndarray


@njit(cache=True)
def whiten(z, known, q):  # type: ignore[no-untyped-def]
    """Products of the columns' innovations over their deviations, sum of log variances, last level and its
    variance.

    The level begins at a constant that is one of the columns, so nothing diffuse is left. The products are
    added up here: matrices this small cost more in a threaded library than they are worth.
    """
    n, k = z.shape
    level, gap, p = np.zeros(k), np.zeros(k), 0.0
    gram = np.zeros((k, k))
    logs = 0.0
    for t in range(n):
        if t > 0:
            p += q
        if known[t]:
            f = p + 1.0
            logs += np.log(f)
            gain = p / f
            for j in range(k):
                gap[j] = z[t, j] - level[j]
                level[j] += gain * gap[j]
            for j in range(k):
                one = gap[j] / f
                for i in range(j + 1):
                    gram[j, i] += one * gap[i]
            p -= gain * p
    for j in range(k):
        for i in range(j):
            gram[i, j] = gram[j, i]
    return gram, logs, level, p


@njit(cache=True)
def sweep(a):  # type: ignore[no-untyped-def]
    """Least squares of column 0 on the others, from their products (Goodnight 1979).

    Coefficients, the inverse of the others' products, the log of their determinant, the sum of squares left.
    A column that the ones before it explain (an hour of the day that gaps hid) keeps a factor of 0.
    """
    k = len(a)
    logs = 0.0
    swept = np.zeros(k, np.bool_)
    first = np.diag(a).copy()
    for p in range(1, k):
        d = a[p, p]
        if d <= 1e-9 * first[p] or d <= 0.0:
            continue
        logs += np.log(d)
        swept[p] = True
        for j in range(k):
            a[p, j] /= d
        for i in range(k):
            if i != p:
                b = a[i, p]
                for j in range(k):
                    a[i, j] -= b * a[p, j]
                a[i, p] = -b / d
        a[p, p] = 1.0 / d
    for p in range(1, k):
        if not swept[p]:
            a[p, :] = 0.0
            a[:, p] = 0.0
    return a[1:, 0].copy(), a[1:, 1:].copy(), logs, a[0, 0]


def learn(y: np.ndarray, x: np.ndarray) -> Learnt:
    """The posterior of the series before; ``x`` holds the constant; nan in y is unknown."""
    known = ~np.isnan(y)
    z = np.column_stack([np.where(known, y, 0.0), x])
    root = GRID / (1 - GRID)
    like, beta, cover, levels, reach, squares = [], [], [], [], [], []
    free = int(known.sum()) - x.shape[1]
    for q in root**2:
        whole, logs, level, p = whiten(z, known, q)
        b, inverse, volume, left = sweep(whole)
        square = max(float(left), 1e-12)
        like.append(-0.5 * (logs + volume + free * np.log(square)))
        beta.append(b)
        cover.append(inverse)
        levels.append(level)
        reach.append(p)
        squares.append(square)
    weight = np.exp(np.array(like) - max(like))
    return Learnt(weight / weight.sum(), root**2, beta, cover, levels, reach, free, np.array(squares))


def draw(
    learnt: Learnt, x: np.ndarray, skip: int, rng: np.random.Generator, draws: int = DRAWS
) -> np.ndarray:
    """Courses after the series, draws x bins; ``skip`` bins lie between (0: it goes on at once)."""
    counts = rng.multinomial(draws, learnt.weight)
    out = []
    for j in np.flatnonzero(counts):
        count = int(counts[j])
        sigma = np.sqrt(learnt.square[j] / rng.chisquare(learnt.free, count))
        root = np.linalg.cholesky(learnt.cover[j] + 1e-12 * np.eye(len(learnt.cover[j])))
        b = learnt.beta[j] + sigma[:, None] * (rng.standard_normal((count, len(root))) @ root.T)
        level = learnt.level[j][0] - b @ learnt.level[j][1:]
        level += sigma * np.sqrt(learnt.reach[j] + skip * learnt.q[j]) * rng.standard_normal(count)
        steps = np.sqrt(learnt.q[j]) * rng.standard_normal((count, len(x)))
        noise = steps.cumsum(axis=1) + rng.standard_normal((count, len(x)))
        out.append(level[:, None] + b @ x.T + sigma[:, None] * noise)
    return np.concatenate(out)


def impact(
    series: pd.DataFrame,
    start: Any,
    end: Any = None,
    *,
    controls: pd.DataFrame | None = None,
    level: float = 0.95,
    zone: str = "UTC",
    seed: int = 0,
) -> Result:
    """The effect of one intervention, during and after it.

    Parameters
    ----------
    series : start (UTC), value (missing where unknown), optionally end
    start, end : the intervention, [start, end); without an end it lasts as long as the series
    controls : start and a column each for series that the intervention did not touch
    level : of the intervals
    zone : whose hours and weekdays the audience lives by
    seed : of the drawn courses

    Returns
    -------
    Result
        ``table``, a row for "during" and, where an end is given and bins follow, one for "after": start,
        end; bins (known), unknown; observed; expected, expected_low, expected_high (without the
        intervention); effect, low, high (observed less expected, in the series' unit); relative, ... (effect
        over expected; missing where 0 was to be expected); kept, kept_low, kept_high (of "after":
        persistence, its effect a bin over that during; missing where the effect during may be 0).
        ``extra``: ``course`` (start, value, expected, low, high, cumulative, cumulative_low,
        cumulative_high, period), ``placebos`` (start, effect, low, high, excludes).
        Verdict: found when the interval during excludes 0.

    Raises
    ------
    UserError
        When the intervention lies outside the series, or a control does not cover it.
    """
    parameters = {"start": start, "end": end, "level": level, "zone": zone, "seed": seed}
    grid = lay(series)
    first = int(micros([pd.Timestamp(start)])[0])
    last = (
        int(micros([pd.Timestamp(end)])[0]) if end is not None else int(grid.t[-1]) + 1 if len(grid.t) else 0
    )
    if len(grid.t) and (not grid.t[0] < first <= grid.t[-1] or last <= first):
        raise UserError(
            f"the intervention ({start} to {end or 'the end'}) must begin within the series "
            f"({grid.times(grid.t[[0]])[0]} to {grid.times(grid.t[[-1]])[0]}) and end after it begins"
        )
    before, during, after = grid.t < first, (grid.t >= first) & (grid.t < last), grid.t >= last
    if (before & grid.known).sum() < LEAST:
        return _none(f"{int((before & grid.known).sum())} known bins before, {LEAST} are needed", parameters)
    if not (during & grid.known).any():
        return _none("nothing is known of the time during the intervention", parameters)
    extra = _controls(controls, grid)
    counts = not extra.shape[1] and bool(np.all(grid.y[grid.known] == np.floor(grid.y[grid.known])))
    y = np.sqrt(grid.y + 0.375) if counts else grid.y.copy()
    y = np.where(np.isnan(extra).any(axis=1), np.nan, y)
    x = np.column_stack([np.ones(len(y)), _rhythm(grid, before, zone), np.nan_to_num(extra)])
    rng = np.random.default_rng(seed)
    drawn = _courses(y, x, np.flatnonzero(before)[-1] + 1, len(y), counts, rng)
    use = ~np.isnan(y[~before])
    tails = [(1 - level) / 2, (1 + level) / 2]
    rows, totals = [], {}
    for period, mask in (("during", during[~before]), ("after", after[~before])):
        if not (mask & use).any():
            continue
        known = mask & use
        observed = float(grid.y[~before][known].sum())
        expected = drawn[:, known].sum(axis=1)
        totals[period] = (observed - expected) / known.sum()
        low, high = np.quantile(expected, tails)
        middle = float(np.median(expected))
        part = (observed - expected) / np.where(expected > 0, expected, np.nan)
        sure = np.isfinite(part).all()
        at = np.flatnonzero(~before)[mask]
        rows.append(
            {"period": period, "start": grid.times(grid.t[at[[0]]])[0],
             "end": grid.times(grid.ends[at[[-1]]])[0],
             "bins": int(known.sum()), "unknown": int((mask & ~use).sum()), "observed": observed,
             "expected": middle, "expected_low": low, "expected_high": high, "effect": observed - middle,
             "low": observed - high, "high": observed - low,
             "relative": float(np.median(part)) if sure else np.nan,
             "relative_low": float(np.quantile(part, tails[0])) if sure else np.nan,
             "relative_high": float(np.quantile(part, tails[1])) if sure else np.nan}
        )  # fmt: skip
    found = rows[0]["low"] > 0 or rows[0]["high"] < 0
    if len(rows) > 1 and found:
        kept = totals["after"] / totals["during"]
        rows[1] |= dict(zip(("kept", "kept_low", "kept_high"), np.quantile(kept, [0.5, *tails]), strict=True))
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    placebos = _placebos(y, x, before, int(during.sum()), counts, level, rng, grid)
    check = _checked(placebos, level)
    verdict: Verdict = "inconclusive" if check.passed is False else "found" if found else "nothing"
    reason = check.sentence if check.passed is False else ""
    course = _course(grid, before, during, drawn, use, tails)
    said = _summary(table, verdict, reason, level)
    return Result(table, verdict, reason, said, (check,), VERSION, parameters,
                  {"course": course, "placebos": placebos})  # fmt: skip


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    blank = pd.DataFrame(columns=COLUMNS)
    return Result(blank, "inconclusive", reason, f"No effect is told: {reason}.", (), VERSION, parameters)


def _controls(controls: pd.DataFrame | None, grid: Grid) -> np.ndarray:
    """Control series on the grid, bins x series; nan where unknown."""
    if controls is None:
        return np.zeros((len(grid.t), 0))
    if "start" not in controls or controls.shape[1] < 2:
        raise UserError(
            f"controls need start and a column a series; they have {', '.join(map(str, controls.columns))}"
        )
    indexed = controls.drop(columns=["start", "end"], errors="ignore").astype(float)
    indexed.index = pd.Index(micros(controls["start"]))
    laid = indexed[~indexed.index.duplicated()].reindex(grid.t)
    if laid.isna().all(axis=None):
        raise UserError("no bin of the controls stands at a bin of the series; check their column start")
    values = laid.to_numpy(float)
    return np.asarray(values - np.nanmean(values, axis=0))


def _rhythm(grid: Grid, before: np.ndarray, zone: str) -> np.ndarray:
    """Hours of the day and days of the week as columns, those that were seen twice before."""
    time, day = clock(grid.t, zone)
    span = int(grid.t[before][-1] - grid.t[before][0])
    parts = [np.zeros((len(grid.t), 0))]
    if grid.cadence <= HOUR and span >= 2 * DAY:
        hour = np.floor(time * 24 + 1e-9).astype(int)
        parts.append((hour[:, None] == np.arange(1, 24)) - 1.0 * (hour == 0)[:, None])
    if grid.cadence <= DAY and span >= 14 * DAY:
        parts.append((day[:, None] == np.arange(1, 7)) - 1.0 * (day == 0)[:, None])
    return np.column_stack(parts).astype(float)


def _courses(
    y: np.ndarray,
    x: np.ndarray,
    begin: int,
    end: int,
    counts: bool,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> np.ndarray:
    """Courses of bins begin..end from the bins before, in the series' own unit."""
    past, use = y[:begin], ~np.isnan(y[:begin])
    keep = np.concatenate([[True], np.ptp(x[:begin][use][:, 1:], axis=0) > 0])
    drawn = draw(learn(past, x[:begin][:, keep]), x[begin:end][:, keep], 0, rng, draws)
    return np.maximum(drawn, 0.0) ** 2 - 0.375 if counts else drawn


def _placebos(
    y: np.ndarray, x: np.ndarray, before: np.ndarray, size: int, counts: bool, level: float,
    rng: np.random.Generator, grid: Grid,
) -> pd.DataFrame:  # fmt: skip
    """The same question of stretches in which nothing was done, each forecast from what came before it."""
    stop = int(before.sum())
    enough = int(np.searchsorted(np.cumsum(~np.isnan(y[:stop])), max(LEAST, 2 * x.shape[1] + 10))) + 1
    room = (stop - enough) // max(size, 1)
    rows = []
    for number in range(min(PLACEBOS, room), 0, -1):
        begin = stop - number * size if room <= PLACEBOS else stop - round(number * (room / PLACEBOS)) * size
        part = slice(begin, begin + size)
        known = ~np.isnan(y[part])
        if not known.any():
            continue
        expected = _courses(y, x, begin, begin + size, counts, rng, 500)[:, known].sum(axis=1)
        seen = float(grid.y[part][known].sum())
        low, high = np.quantile(expected, [(1 - level) / 2, (1 + level) / 2])
        rows.append((grid.times(grid.t[[begin]])[0], seen - np.median(expected), seen - high, seen - low,
                     bool(seen < low or seen > high)))  # fmt: skip
    return pd.DataFrame(rows, columns=["start", "effect", "low", "high", "excludes"])


def _checked(placebos: pd.DataFrame, level: float) -> Check:
    from scipy.special import bdtr

    name = "placebo in time"
    if len(placebos) < 3:
        return Check(
            name, None, "Too little was counted before to try the same question where nothing was done."
        )
    trials, out = len(placebos), int(placebos["excludes"].sum())
    most = int(np.argmax(bdtr(np.arange(trials + 1), trials, 1 - level) >= SURE))
    return Check(
        name,
        out <= most,
        f"Of {trials} earlier stretches in which nothing was done, {out} seem to show an "
        f"effect at {level:.0%}; "
        f"chance alone makes up to {most}.",
        placebos,
    )


def _course(
    grid: Grid, before: np.ndarray, during: np.ndarray, drawn: np.ndarray, use: np.ndarray, tails: list[float]
) -> pd.DataFrame:
    """What a chart draws: counted and expected, bin by bin and summed up."""
    course = pd.DataFrame({"start": grid.times(grid.t), "value": grid.y})
    course["period"] = np.where(before, "before", np.where(during, "during", "after"))
    seen = grid.y[~before]
    # an unknown bin adds nothing to either side
    summed = np.where(use, seen - drawn, 0.0).cumsum(axis=1)
    for name, values, q in (
        ("expected", drawn, 0.5), ("low", drawn, tails[0]), ("high", drawn, tails[1]),
        ("cumulative", summed, 0.5), ("cumulative_low", summed, tails[0]),
        ("cumulative_high", summed, tails[1]),
    ):  # fmt: skip
        column = np.full(len(grid.t), np.nan)
        column[~before] = np.quantile(values, q, axis=0)
        course[name] = column
    return course


def _summary(table: pd.DataFrame, verdict: Verdict, reason: str, level: float) -> str:
    row = table.iloc[0]
    said = (
        f"During the intervention {row['observed']:,.0f} were counted where "
        f"{row['expected']:,.0f} were to be "
        f"expected: {row['effect']:+,.0f} ({row['low']:+,.0f} to {row['high']:+,.0f}, {level:.0%})."
    )
    if len(table) > 1:
        after = table.iloc[1]
        said += f" After it {after['effect']:+,.0f} ({after['low']:+,.0f} to {after['high']:+,.0f})"
        said += f"; {after['kept']:z.0%} of its pace was kept." if after["kept"] == after["kept"] else "."
    if verdict == "nothing":
        said += " This may be nothing."
    return f"Not to be relied on: {reason} {said}" if verdict == "inconclusive" else said
