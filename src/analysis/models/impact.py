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
where more of their intervals exclude 0 than chance allows, the verdict is inconclusive. Where fewer than
three fit, the check cannot say.

Unknown bins teach nothing and are left out of effects; ``unknown`` counts them. A bin is known when its
controls are. Abstains with fewer than 20 known bins before, or none during. Assumes that nothing else
happened at the time, that controls were not touched by the intervention, and that the rhythm went on as
before.

Sources. Harvey, Forecasting, Structural Time Series Models and the Kalman Filter (1989); Brodersen et al.,
Ann. Appl. Stat. 9 (2015) for effects as observed less forecast; Anscombe, Biometrika 35 (1948).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.errors import UserError
from analysis.models._chance import allowed
from analysis.models._local_level import draw, learn
from analysis.models.grid import DAY, HOUR, Grid, clock, lay, micros
from analysis.models.result import Result, Verdict

VERSION = "impact 1.1"
LEAST = 20  # known bins before
DRAWS = 2000
PLACEBOS = 20
COLUMNS = [
    "period", "start", "end", "bins", "unknown", "observed", "expected", "expected_low", "expected_high",
    "effect", "low", "high", "relative", "relative_low", "relative_high", "kept", "kept_low", "kept_high",
]  # fmt: skip


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
    first, last = _span(grid, start, end)
    before, during, after = grid.t < first, (grid.t >= first) & (grid.t < last), grid.t >= last
    if short := _short(grid.known, before, during):
        return _none(short, parameters)
    asked = _asked(grid, before, controls, zone)
    if short := _short(asked.use, before, during):
        return _none(f"with its controls, {short}", parameters)
    rng = np.random.default_rng(seed)
    begin = int(np.flatnonzero(before)[-1]) + 1
    drawn = _courses(asked, begin, len(grid.t), rng)
    table = _table(asked, drawn, begin, {"during": during, "after": after}, level)
    found = bool(table["low"].iloc[0] > 0 or table["high"].iloc[0] < 0)
    placebos = _placebos(asked, begin, int(during.sum()), level, rng)
    check = _checked(placebos, level)
    verdict: Verdict = "inconclusive" if check.passed is False else "found" if found else "nothing"
    reason = check.sentence if check.passed is False else ""
    extra = {"course": _course(asked, drawn, begin, during, level), "placebos": placebos}
    said = _summary(table, verdict, reason, level)
    return Result(table, verdict, reason, said, (check,), VERSION, parameters, extra)


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    blank = pd.DataFrame(columns=COLUMNS)
    return Result(blank, "inconclusive", reason, f"No effect is told: {reason}.", (), VERSION, parameters)


def _short(known: np.ndarray, before: np.ndarray, during: np.ndarray) -> str:
    """What is lacking for an answer; "" where nothing is."""
    count = int((before & known).sum())
    if count < LEAST:
        return f"{count} known bins before, {LEAST} are needed"
    return "" if (during & known).any() else "nothing is known of the time during the intervention"


def _span(grid: Grid, start: Any, end: Any) -> tuple[int, int]:
    """The intervention, [first, last), on the grid's clock."""
    first = int(micros([pd.Timestamp(start)])[0])
    if not len(grid.t):
        return first, 0
    last = int(micros([pd.Timestamp(end)])[0]) if end is not None else int(grid.t[-1]) + 1
    if not grid.t[0] < first <= grid.t[-1] or last <= first:
        raise UserError(
            f"the intervention ({start} to {end or 'the end'}) must begin within the series "
            f"({grid.times(grid.t[[0]])[0]} to {grid.times(grid.t[[-1]])[0]}) and end after it begins"
        )
    return first, last


@dataclass(frozen=True)
class Asked:
    """The series as the state space sees it.

    y : on the scale that is modelled; nan where it or a control is unknown
    x : regressors, bins x columns, the constant first
    counts : y is sqrt(count + 3/8)
    """

    grid: Grid
    y: np.ndarray
    x: np.ndarray
    counts: bool

    @property
    def use(self) -> np.ndarray:
        """The bins of which something is known."""
        return ~np.isnan(self.y)


def _asked(grid: Grid, before: np.ndarray, controls: pd.DataFrame | None, zone: str) -> Asked:
    extra = _controls(controls, grid)
    counts = not extra.shape[1] and bool(np.all(grid.y[grid.known] == np.floor(grid.y[grid.known])))
    y = np.sqrt(grid.y + 0.375) if counts else grid.y.copy()
    y = np.where(np.isnan(extra).any(axis=1), np.nan, y)
    x = np.column_stack([np.ones(len(y)), _rhythm(grid, before, zone), np.nan_to_num(extra)])
    return Asked(grid, y, x, counts)


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


def _courses(asked: Asked, begin: int, end: int, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """Courses of bins begin..end from the bins before, in the series' own unit, draws x bins."""
    past, x = asked.y[:begin], asked.x
    # a column that does not vary in what is known cannot be told from the constant
    keep = np.concatenate([[True], np.ptp(x[:begin][asked.use[:begin]][:, 1:], axis=0) > 0])
    drawn = draw(learn(past, x[:begin][:, keep]), x[begin:end][:, keep], rng, draws)
    return np.maximum(drawn, 0.0) ** 2 - 0.375 if asked.counts else drawn


def _table(
    asked: Asked, drawn: np.ndarray, begin: int, periods: dict[str, np.ndarray], level: float
) -> pd.DataFrame:
    """A row a period of which something is known; ``drawn``: courses from bin ``begin`` on."""
    grid, tails = asked.grid, _tails(level)
    rows: list[dict[str, Any]] = []
    paces = []  # effect a bin, by draw
    for period, mask in periods.items():
        known = (mask & asked.use)[begin:]
        if not known.any():
            continue
        observed = float(grid.y[begin:][known].sum())
        expected = drawn[:, known].sum(axis=1)
        paces.append((observed - expected) / known.sum())
        low, high = np.quantile(expected, tails)
        middle = float(np.median(expected))
        part = (observed - expected) / np.where(expected > 0, expected, np.nan)
        relative = (np.nan,) * 3
        if np.isfinite(part).all():
            relative = (np.median(part), *np.quantile(part, tails))
        at = np.flatnonzero(mask)
        rows.append(
            {"period": period, "start": grid.times(grid.t[at[[0]]])[0],
             "end": grid.times(grid.ends[at[[-1]]])[0],
             "bins": int(known.sum()), "unknown": int((mask & ~asked.use).sum()), "observed": observed,
             "expected": middle, "expected_low": low, "expected_high": high, "effect": observed - middle,
             "low": observed - high, "high": observed - low,
             "relative": relative[0], "relative_low": relative[1], "relative_high": relative[2]}
        )  # fmt: skip
    if len(rows) > 1 and (rows[0]["low"] > 0 or rows[0]["high"] < 0):
        kept = np.quantile(paces[1] / paces[0], [0.5, *tails])
        rows[1] |= dict(zip(("kept", "kept_low", "kept_high"), kept, strict=True))
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def _tails(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


def _placebos(asked: Asked, stop: int, size: int, level: float, rng: np.random.Generator) -> pd.DataFrame:
    """The same question of stretches in which nothing was done, each forecast from what came before it."""
    grid = asked.grid
    least = max(LEAST, 2 * asked.x.shape[1] + 10)
    enough = int(np.searchsorted(np.cumsum(asked.use[:stop]), least)) + 1
    room = (stop - enough) // max(size, 1)
    rows = []
    for number in range(min(PLACEBOS, room), 0, -1):
        begin = stop - number * size if room <= PLACEBOS else stop - round(number * (room / PLACEBOS)) * size
        part = slice(begin, begin + size)
        known = asked.use[part]
        if not known.any():
            continue
        expected = _courses(asked, begin, begin + size, rng, 500)[:, known].sum(axis=1)
        seen = float(grid.y[part][known].sum())
        low, high = np.quantile(expected, _tails(level))
        rows.append((grid.times(grid.t[[begin]])[0], seen - np.median(expected), seen - high, seen - low,
                     bool(seen < low or seen > high)))  # fmt: skip
    return pd.DataFrame(rows, columns=["start", "effect", "low", "high", "excludes"])


def _checked(placebos: pd.DataFrame, level: float) -> Check:
    name = "placebo in time"
    if len(placebos) < 3:
        return Check(
            name, None, "Too little was counted before to try the same question where nothing was done."
        )
    trials, out = len(placebos), int(placebos["excludes"].sum())
    most = allowed(trials, level)
    return Check(
        name,
        out <= most,
        f"Of {trials} earlier stretches in which nothing was done, {out} seem to show an "
        f"effect at {level:.0%}; "
        f"chance alone makes up to {most}.",
        placebos,
    )


def _course(asked: Asked, drawn: np.ndarray, begin: int, during: np.ndarray, level: float) -> pd.DataFrame:
    """What a chart draws: counted and expected, bin by bin and summed up."""
    grid, (low, high) = asked.grid, _tails(level)
    course = pd.DataFrame({"start": grid.times(grid.t), "value": grid.y})
    past = np.arange(len(grid.t)) < begin
    course["period"] = np.where(past, "before", np.where(during, "during", "after"))
    # an unknown bin adds nothing to either side
    summed = np.where(asked.use[begin:], grid.y[begin:] - drawn, 0.0).cumsum(axis=1)
    for name, values, q in (
        ("expected", drawn, 0.5), ("low", drawn, low), ("high", drawn, high),
        ("cumulative", summed, 0.5), ("cumulative_low", summed, low), ("cumulative_high", summed, high),
    ):  # fmt: skip
        column = np.full(len(grid.t), np.nan)
        column[begin:] = np.quantile(values, q, axis=0)
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
