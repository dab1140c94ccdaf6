"""Spikes: found when there, silent when not.

Question. Which stretches of a series brought more, or less, than an ordinary time would have; when did
each begin, peak and end; how much did it add?

Formula. For every bucket t and window of L buckets (1, 2, 3, 4, 6, 8, 12, ... up to two days, or a week
of buckets) the count S of [t - L + 1, t] is compared with a negative binomial of mean M = sum of the
baseline's expectations and variance V = (phi M + alpha sum mu^2) x I(L), where I(L) = 1 + 2 sum_k
(1 - k / L) c rho^k carries the residuals' autocorrelation; the tail is Lugannani & Rice's saddlepoint
value as a normal deviate z. The largest z over L is the bucket's score. An alarm is a score above the
limit z* at which white noise, looked at through these windows, brings ``false_per_month`` clusters in 30
days, rises and drops sharing the rate: that is the correction for looking many times. Where ordinary
bursts reach further than the negative binomial's (median of the score clusters above 2), z* is raised by
as much. Found stretches are taken out, the baseline is learnt again, and all is looked through again.

Onset and end are change points of largest likelihood on either side (Page's walk with half the spike's
own height, at most 1.5 and 0.5 deviations a bucket). The peak is the largest excess, or the first bucket
where noise alone could have lifted a later one above it. Excess = sum of (count - expected) from a bucket
before the onset until twice as long again after the end; its 90 % interval holds the counts an ordinary time
would have brought instead: their noise and the baseline's own error. It is what did come on top, not the
mean of a process that might have brought more or less.

As of a moment, only buckets known then are used, so a replay gives what a live run gave; ``score`` is
the same question answered bucket by bucket with the past alone.

Assumes a baseline that holds outside the spikes, and noise no heavier than a stretched negative binomial.

Abstains with fewer than 14 known buckets, when most of the series stands out, or when a check fails:
what the check explains is set aside, and the verdict is inconclusive with its reason.

Sources. Kulldorff, Commun. Stat. 26 (1997) and Naus, J. Am. Stat. Assoc. 60 (1965) for scan statistics;
Lugannani & Rice, Adv. Appl. Prob. 12 (1980); Page, Biometrika 41 (1954); the interval of the excess as
the counterfactual's in Brodersen et al., Ann. Appl. Stat. 9 (2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.checks.evidence import Evidence, Stretch, run
from analysis.errors import UserError
from analysis.models import _scan, baseline, decay
from analysis.models.baseline import Baseline
from analysis.models.grid import DAY, HOUR, Grid, known_at, lay, micros, threshold
from analysis.models.live import score
from analysis.models.result import Result

__all__ = ["find", "find_many", "score", "threshold"]

VERSION = "spikes 1.0"
FALSE_PER_MONTH = 0.1
TIMES = ("onset", "peak", "end")
NUMBERS = (
    "excess", "excess_low", "excess_high", "height", "height_cohort", "peak_value",
    "half_life", "half_life_low", "half_life_high", "score",
)  # fmt: skip


def find(
    series: pd.DataFrame,
    *,
    life: Sequence[Any] = (),
    as_of: Any = None,
    false_per_month: float = FALSE_PER_MONTH,
    zone: str = "UTC",
    seed: int = 0,
    cohort: pd.DataFrame | None = None,
) -> Result:
    """Spikes and drops of one series of counts.

    Parameters
    ----------
    series : DataFrame
        start (UTC), value (count of the bucket, missing where unknown), optionally end (UTC; without it
        every bucket is as long as the median step), observed_at (when the row was read) and observer.
        Any cadence from minutes to days, even or not, in any order.
    life : sequence
        Dated events of the platform (a card's ``life``): a spike that begins with one is not called.
    as_of : time, optional
        Use only what was known then.
    false_per_month : float
        How many spikes and drops ordinary noise may bring in this series in 30 days, on average.
        For one false alarm a month over many series, divide by their number.
    zone : str
        The time zone the audience lives by, such as Europe/Berlin.
    seed : int
        Taken for the sake of one signature for all models; nothing here is random.
    cohort : DataFrame, optional
        start, expected: what the item's like had at the same age (``cohort.expect``).

    Returns
    -------
    Result
        table, a row a spike in order of time: onset (start of its first bucket, UTC), peak (start of the
        highest), end (end of its last visible bucket; missing while ongoing), direction (rise or drop),
        excess and its 90 % interval excess_low, excess_high (counts), height (peak's count over what was
        expected), height_cohort (over the cohort's expectation), peak_value (count of the peak's bucket),
        half_life, half_life_low, half_life_high (hours; missing where the fade is not seen to its end),
        score (normal deviates), ongoing (bool), fade (why there is no half-life, or empty).
        extra: baseline (start, end, value, expected, low, high, in_spike, unknown), set_aside (spikes a
        check explained, as table), noise (one row: phi, alpha, c, rho, limit, tail, cadence_hours).
    """
    if not (false_per_month > 0 and np.isfinite(false_per_month)):
        raise UserError(f"false_per_month is {false_per_month!r}; expected a number above 0, such as 0.1")
    parameters = {"as_of": as_of, "false_per_month": false_per_month, "zone": zone, "seed": seed}
    raw = known_at(series, as_of) if "start" in series else series
    grid = lay(raw)
    if grid.known.sum() < baseline.LEAST or not np.nansum(grid.y) > 0:
        reason = (
            f"not enough history: {int(grid.known.sum())} known buckets, {int((grid.y > 0).sum())} of them above 0; "
            f"at least {baseline.LEAST} known ones are needed, and counts"
        )
        return Result(
            _table([], grid), "inconclusive", reason, f"No verdict: {reason}.", (), VERSION, parameters
        )
    base, found, limit, tail = _detect(grid, zone, false_per_month)
    deviation = np.sqrt(base.variance)
    evidence = Evidence(
        grid.t,
        grid.y,
        base.mu,
        deviation,
        grid.cadence,
        tuple(found),
        raw,
        micros(raw["start"]),
        zone,
        life,
        tail,
    )
    checks = run(evidence)
    aside = _explained(grid, found, checks)
    enough = next(check for check in checks if check.name == "enough history")
    rows = _measure_all(grid, base, found, cohort) if enough.passed else []
    called = [row for row, stretch in zip(rows, found, strict=False) if stretch not in aside]
    set_aside = [row for row, stretch in zip(rows, found, strict=False) if stretch in aside]
    failed = [check for check in checks if check.passed is False or (check is enough and not check.passed)]
    table = _table(called, grid)
    reason = "; ".join(f"{check.name}: {check.sentence}" for check in failed)
    verdict = "inconclusive" if failed else "found" if called else "nothing"
    noise = pd.DataFrame(
        {
            "phi": [base.phi], "alpha": [base.alpha], "c": [base.c], "rho": [base.rho],
            "limit": [limit], "tail": [tail], "cadence_hours": [grid.cadence / HOUR],
        }
    )  # fmt: skip
    extra = {
        "baseline": _frame(grid, base, found, aside),
        "set_aside": _table(set_aside, grid) if set_aside else table.iloc[:0],
        "noise": noise,
    }
    summary = _say(table, grid, false_per_month, reason)
    return Result(table, verdict, reason, summary, checks, VERSION, parameters, extra)  # type: ignore[arg-type]


def find_many(
    series: Iterable[tuple[Any, pd.DataFrame]],
    *,
    processes: int = 1,
    altogether: float | None = None,
    batch: int = 64,
    **options: Any,
) -> Iterator[tuple[Any, Result]]:
    """Spikes of many series, one after the other or on several processes.

    Series are taken a batch at a time and answers given back as they are ready, in order, so memory does
    not grow with their number.

    Parameters
    ----------
    series : iterable of (key, DataFrame)
        Such as ``frame.groupby("content_id")``.
    processes : int
        Worker processes.
    altogether : float, optional
        Expected false spikes in 30 days over all the series together (they must have a length).
    options
        As for ``find``.
    """
    if altogether is not None:
        if not hasattr(series, "__len__"):
            raise UserError(
                "altogether shares a rate among all the series, so their number must be known: pass a list"
            )
        options["false_per_month"] = altogether / max(len(series), 1)
    if processes <= 1:
        for key, frame in series:
            yield key, find(frame, **options)
        return
    from concurrent.futures import ProcessPoolExecutor

    waiting = iter(series)
    with ProcessPoolExecutor(processes) as pool:
        while block := list(islice(waiting, batch * processes)):
            frames = [frame for _, frame in block]
            answers = pool.map(_one, frames, [options] * len(frames), chunksize=max(batch // 4, 1))
            yield from zip((key for key, _ in block), answers, strict=True)


def _one(frame: pd.DataFrame, options: dict[str, Any]) -> Result:
    return find(frame, **options)


def windows(grid: Grid) -> np.ndarray:
    """Lengths of window looked through, in buckets: single ones up to two days or a week of them."""
    longest = min(max(2 * DAY / grid.cadence, 7), len(grid.t) / 4)
    steps = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 288, 384, 576]
    return np.array([step for step in steps if step <= max(longest, 1)], np.int64)


def _detect(grid: Grid, zone: str, false_per_month: float) -> tuple[Baseline, list[Stretch], float, float]:
    """Baseline and alarms in three rounds, each learning from what the last one left in."""
    beat = baseline.rhythm(grid, zone)
    lengths = windows(grid)
    limit = threshold(grid.cadence, len(lengths), false_per_month / 2)
    known = grid.known
    y = np.where(known, grid.y, 0.0)
    mask = np.ones(len(y))
    base: Baseline | None = None
    for cut in (2.5, 4.0, 6.0):
        base = baseline.learn(grid, beat, mask, cut, base)
        found, height, tail = alarms(y, known.astype(float), base, mask, lengths, limit)
        mask = np.ones(len(y))
        for stretch in found:
            mask[max(stretch.onset - 1, 0) : stretch.end + 2 * (stretch.end - stretch.onset) + 3] = 0.0
        if mask[known].mean() < 0.3:
            mask = np.ones(len(y))
    assert base is not None
    return base, _merge(sorted(found), y - base.mu), height, tail


def _merge(found: list[Stretch], gap: np.ndarray) -> list[Stretch]:
    """A stretch close behind a rise twice as high is that rise's tail, not a second one."""
    out: list[Stretch] = []
    for stretch in found:
        if out and out[-1].sign == stretch.sign:
            last = out[-1]
            near = stretch.onset - last.end - 1 <= max(1, (last.end - last.onset) // 2)
            one, two = (
                np.max(stretch_.sign * gap[stretch_.onset : stretch_.end + 1]) for stretch_ in (last, stretch)
            )
            if near and two < 0.5 * one:
                out[-1] = last._replace(end=stretch.end, score=max(last.score, stretch.score))
                continue
        out.append(stretch)
    return out


def heaviness(peaks: np.ndarray) -> float:
    """How much longer the tail of ordinary scores is than noise of the fitted kind would make it.

    Of the clusters of scores above 2, half should stay below 2.32. The median does not see the few
    that are spikes, so a tail heavier than the negative binomial's raises the limit, and spikes do not.
    """
    if len(peaks) < 12:
        return float("nan")
    return max(float(np.median(peaks) - 2.0) / 0.32 / (1.0 + 1.3 / np.sqrt(len(peaks))), 1.0)


def alarms(
    y: np.ndarray, w: np.ndarray, base: Baseline, learnt: np.ndarray, lengths: np.ndarray, limit: float
) -> tuple[list[Stretch], float, float]:
    """Stretches whose score passes the limit, the limit as raised for heavy noise, and by how much."""
    # A bucket the fit has seen is nearer to it than its noise; only one it has not seen adds the fit's error.
    unseen = np.where(learnt > 0, 0.0, base.rel)
    usual = np.median(base.mu[w > 0]) / base.phi
    fit_for = lengths[usual * lengths >= 5.0]
    refer = int(fit_for[0]) if len(fit_for) else 0
    noise = (base.phi, base.alpha, base.c, base.rho)
    up, up_len, down, down_len, peaks = _scan.scan(y, w, base.mu, unseen, *noise, lengths, refer)
    tail = heaviness(peaks)
    limit = 2.0 + (limit - 2.0) * (tail if tail > 1.0 else 1.0)
    r = np.where(w > 0, (y - base.mu) / np.sqrt(base.variance), 0.0)
    taken = np.zeros(len(y), np.bool_)
    rises = _scan.pick(up, up_len, r, w, taken, limit, 1.0, 1000)
    drops = _scan.pick(down, down_len, r, w, taken, limit, -1.0, 1000)
    found = [Stretch(int(a), int(b), 1, float(z)) for a, b, z in rises]
    return found + [Stretch(int(a), int(b), -1, float(z)) for a, b, z in drops], limit, tail


def _measure_all(
    grid: Grid, base: Baseline, found: list[Stretch], cohort: pd.DataFrame | None
) -> list[dict[str, Any]]:
    onsets = [*(stretch.onset for stretch in found), len(grid.t)][1:]
    ends = [-1, *(stretch.end for stretch in found)]
    like = None
    if cohort is not None:
        like = np.interp(grid.t, micros(cohort["start"]), cohort["expected"].to_numpy(float), np.nan, np.nan)
    return [_measure(grid, base, *place, like) for place in zip(found, ends, onsets, strict=False)]


def _measure(
    grid: Grid, base: Baseline, stretch: Stretch, before: int, until: int, like: np.ndarray | None
) -> dict[str, Any]:
    a, b, sign, _ = stretch
    known = grid.known
    first, last = _around(grid, a, b, before, until)
    use = np.flatnonzero(known[first : last + 1]) + first
    mu = base.mu[use]
    excess = float((grid.y[use] - mu).sum())
    noise = base.variance[use].sum() * base.inflation(len(use))
    days = max(len(use) * grid.cadence / DAY, 1.0)
    own = (mu * np.sqrt(base.common[use])).sum() ** 2 + days * (mu**2 * (base.rel - base.common)[use]).sum()
    half = NormalDist().inv_cdf(0.95) * float(np.sqrt(noise + own))
    peak = _peak(grid, base, a, b, sign)
    fade = decay.Fade(reason="a drop does not fade")
    if sign > 0:
        fade = decay.fade(grid.y, base.mu, known, peak, b, until, base.phi, base.alpha)
    bucket = grid.cadence / HOUR
    return {
        "onset": a,
        "peak": peak,
        "end": b,
        "direction": "rise" if sign > 0 else "drop",
        "excess": excess,
        "excess_low": excess - half,
        "excess_high": excess + half,
        "height": float(grid.y[peak] / base.mu[peak]),
        "height_cohort": float(grid.y[peak] / like[peak]) if like is not None and like[peak] > 0 else np.nan,
        "peak_value": float(grid.y[peak]),
        "half_life": fade.half_life * bucket,
        "half_life_low": fade.low * bucket,
        "half_life_high": fade.high * bucket,
        "score": stretch.score,
        "ongoing": bool(b >= np.flatnonzero(known)[-1]),
        "fade": fade.reason,
    }


def _around(grid: Grid, a: int, b: int, before: int, until: int) -> tuple[int, int]:
    """The buckets an excess is summed over: a bucket before the onset, and twice as long again after the end.

    Where a spike begins and ends is chosen to look high; what lies just outside looks low. Taking both
    keeps the sum fair and catches the tail that is too thin to see.
    """
    return max(a - 1, before + 1, 0), min(b + 2 * (b - a) + 2, until - 1, len(grid.y) - 1)


def _peak(grid: Grid, base: Baseline, a: int, b: int, sign: int) -> int:
    """The bucket of the peak: where noise alone could have lifted a later one above the first, the first."""
    inside = np.flatnonzero(grid.known[a : b + 1]) + a
    gap = sign * (grid.y[inside] - base.mu[inside])
    own = base.phi * grid.y[inside] + base.alpha * base.mu[inside] ** 2
    top = int(np.argmax(gap))
    if top < 2:
        return int(inside[top])
    begin = int(np.argmax(gap[:2]))
    reach = 0 if len(gap) < 8 else min(len(gap) // 8, 12)
    around = np.convolve(gap, np.ones(2 * reach + 1), "same") / np.convolve(
        np.ones(len(gap)), np.ones(2 * reach + 1), "same"
    )
    middle = int(np.argmax(around))
    if gap[begin] < around[middle] - np.sqrt(own[begin] + own.mean() / (2 * reach + 1)):
        begin = middle
    for other in (begin, middle):
        if gap[other] >= gap[top] - 2.0 * np.sqrt(own[other] + own[top]):
            return int(inside[other])
    return int(inside[top])


def _explained(grid: Grid, found: list[Stretch], checks: tuple[Check, ...]) -> set[Stretch]:
    """The stretches a failed check names in its table."""
    named = set()
    for check in checks:
        if check.passed is False and "onset" in check.table:
            named |= set(micros(check.table["onset"]).tolist())
    return {stretch for stretch in found if int(grid.t[stretch.onset]) in named}


def _frame(grid: Grid, base: Baseline, found: list[Stretch], aside: set[Stretch]) -> pd.DataFrame:
    low, high = base.limits()
    in_spike = np.zeros(len(grid.t), bool)
    for stretch in found:
        if stretch not in aside:
            in_spike[stretch.onset : stretch.end + 1] = True
    return pd.DataFrame(
        {
            "start": grid.times(grid.t),
            "end": grid.times(grid.ends),
            "value": grid.y,
            "expected": base.mu,
            "low": low,
            "high": high,
            "in_spike": in_spike,
            "unknown": ~grid.known,
        }
    )


def _table(rows: list[dict[str, Any]], grid: Grid) -> pd.DataFrame:
    place = {name: np.array([row[name] for row in rows], np.int64) for name in TIMES}
    ongoing = np.array([row["ongoing"] for row in rows], bool)
    ends = pd.Series(grid.times(grid.ends[place["end"]]))
    columns: dict[str, Any] = {
        "onset": grid.times(grid.t[place["onset"]]),
        "peak": grid.times(grid.t[place["peak"]]),
        "end": ends.mask(ongoing) if len(rows) else ends,
        "direction": pd.array([row["direction"] for row in rows], dtype="str"),
    }
    columns |= {name: np.array([row[name] for row in rows], float) for name in NUMBERS}
    columns |= {"ongoing": ongoing, "fade": pd.array([row["fade"] for row in rows], dtype="str")}
    return pd.DataFrame(columns)


def _say(table: pd.DataFrame, grid: Grid, false_per_month: float, reason: str) -> str:
    """The finding in sentences, computed."""
    first, last = (pd.Timestamp(int(x), unit="us") for x in (grid.t[0], grid.ends[-1]))
    span = f"between {first:%Y-%m-%d %H:%M} and {last:%Y-%m-%d %H:%M} UTC"
    unknown = int((~grid.known).sum())
    gaps = f" {unknown:,} of {len(grid.y):,} buckets are unknown." if unknown else ""
    if reason:
        return f"No verdict {span}. {reason}{gaps}"
    rises, drops = (int((table["direction"] == way).sum()) for way in ("rise", "drop"))
    words = [f"{n} {way}{'s' if n != 1 else ''}" for n, way in ((rises, "spike"), (drops, "drop")) if n]
    if not words:
        return f"Nothing out of the ordinary {span}, at {false_per_month:g} false alarms a month.{gaps}"
    top = table.loc[table["excess"].abs().idxmax()]
    end = "is still going on" if top["ongoing"] else f"was over by {top['end']:%Y-%m-%d %H:%M}"
    more = "more" if top["excess"] > 0 else "fewer"
    text = (
        f"{' and '.join(words)} {span}. The largest began {top['onset']:%Y-%m-%d %H:%M}, peaked "
        f"{top['peak']:%Y-%m-%d %H:%M} at {top['height']:.3g} times the baseline and {end}: "
        f"{abs(top['excess']):,.0f} {more} than ordinary (90 %: {min(abs(top['excess_low']), abs(top['excess_high'])):,.0f}"
        f" to {max(abs(top['excess_low']), abs(top['excess_high'])):,.0f})."
    )
    if top["half_life"] == top["half_life"]:
        text += (
            f" Half of it was gone {top['half_life']:.3g} hours after the peak "
            f"(90 %: {top['half_life_low']:.2g} to {top['half_life_high']:.2g})."
        )
    return text + gaps
