"""Spikes: found when there, silent when not.

Question. Which stretches of a series brought more, or less, than an ordinary time would have; when did
each begin, peak and end; how much did it add?

Formula. For every bucket t and window of L buckets (1, 2, 3, 4, 6, 8, 12, ... up to two days, or a week
of buckets) the count S of [t - L + 1, t] is compared with a negative binomial of mean M = sum of the
baseline's expectations and variance V = (phi M + alpha sum mu^2) x I(L), where I(L) = 1 + 2 sum_k
(1 - k / L) c rho^k carries the residuals' autocorrelation; the tail is Lugannani & Rice's saddlepoint
value as a normal deviate z. The largest z over L is the bucket's score. An alarm is a score above a
limit at which ordinary noise, looked at through these windows, brings ``false_per_month`` clusters in 30
days, rises and drops sharing the rate (what drops cannot use is the rises'): that is the correction for
looking many times. White noise sets the limit; where this series' own scores have a longer tail, a
generalized Pareto distribution learnt from them (shape from its highest tenth of windows, scale and rate from
its clusters above 2, averaged over what is not known of them) raises it. Found
stretches that noise brings less than once in 1,000 buckets are taken out, the baseline is learnt again, and
all is looked through again.

Onset and end are change points of largest likelihood on either side (Page's walk with half the spike's
own height, at most 1.5 and 0.5 deviations a bucket). The peak is the largest excess, or the first bucket
where noise alone could have lifted a later one above it. Excess = sum of (count - expected) from a bucket
before the onset until twice as long again after the end; its 90 % interval holds the counts an ordinary time
would have brought instead: their noise and the baseline's own error. It is what did come on top, not the
mean of a process that might have brought more or less.

As of a moment, only buckets known then are used, so a replay gives what a live run gave; ``score`` is
the same question answered bucket by bucket with the past alone.

Assumes a baseline that holds outside the spikes, and ordinary days whose bursts, small and great, are of one
kind. One false alarm a month is then kept on Pareto noise of index 1.5 to 3, and exceeded by up to two fifths
where the tail is only a little longer than the model's or bends (Pareto of index 5, lognormal); a rate of 0.1
is a longer step beyond what was seen, and up to 0.2 were measured. A third of such series end inconclusive,
with nothing clearly above their noise (``checks.dispersion``): with what is set aside there, Pareto noise of
index 2.5 brought 1.3 a month. Where noise brings twelve deviations by itself once a month, most spikes of
twelve deviations are not found: nothing in the counts tells them apart.

Abstains with fewer than 14 known buckets, when most of the series stands out, or when a check fails:
what the check explains is set aside, and the verdict is inconclusive with its reason.

Sources. Kulldorff, Commun. Stat. 26 (1997) and Naus, J. Am. Stat. Assoc. 60 (1965) for scan statistics;
Lugannani & Rice, Adv. Appl. Prob. 12 (1980); Pickands, Ann. Stat. 3 (1975), and Davison & Smith, J. R.
Stat. Soc. B 52 (1990), for the tail; Page, Biometrika 41 (1954); the interval of the excess as
the counterfactual's in Brodersen et al., Ann. Appl. Stat. 9 (2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from analysis.checks.evidence import Evidence, run
from analysis.errors import UserError
from analysis.models import baseline
from analysis.models._alarm import detect
from analysis.models._measured import explained, frame, measure, say
from analysis.models._measured import table as spike_table
from analysis.models.grid import HOUR, known_at, lay, micros, threshold
from analysis.models.live import score
from analysis.models.result import Result

__all__ = ["find", "find_many", "score", "threshold"]

VERSION = "spikes 1.1"
FALSE_PER_MONTH = 0.1


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
        expected; missing where next to nothing was), height_cohort (over the cohort's expectation),
        peak_value (count of the peak's bucket), half_life, half_life_low, half_life_high (hours; missing
        where the fade is not seen to its end), score (normal deviates), ongoing (bool), fade (why there
        is no half-life, or empty).
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
            f"not enough history: {int(grid.known.sum())} known buckets, {int((grid.y > 0).sum())} of "
            f"them above 0; at least {baseline.LEAST} known ones are needed, and one above 0"
            if grid.known.any()
            else "not enough history: nothing was counted"
        )
        return Result(
            spike_table([], grid), "inconclusive", reason, f"No verdict: {reason}.", (), VERSION, parameters
        )
    base, found, limit, tail = detect(grid, zone, false_per_month)
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
    aside = explained(grid, found, checks)
    enough = next(check for check in checks if check.name == "enough history")
    rows = measure(grid, base, found, cohort) if enough.passed else []
    called = [row for row, stretch in zip(rows, found, strict=False) if stretch not in aside]
    set_aside = [row for row, stretch in zip(rows, found, strict=False) if stretch in aside]
    failed = [check for check in checks if check.passed is False or (check is enough and not check.passed)]
    table = spike_table(called, grid)
    reason = "; ".join(f"{check.name}: {check.sentence}" for check in failed)
    verdict = "inconclusive" if failed else "found" if called else "nothing"
    noise = pd.DataFrame(
        {
            "phi": [base.phi], "alpha": [base.alpha], "c": [base.c], "rho": [base.rho],
            "limit": [limit], "tail": [tail], "cadence_hours": [grid.cadence / HOUR],
        }
    )  # fmt: skip
    extra = {
        "baseline": frame(grid, base, found, aside),
        "set_aside": spike_table(set_aside, grid) if set_aside else table.iloc[:0],
        "noise": noise,
    }
    summary = say(table, grid, false_per_month, reason)
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
        options["false_per_month"] = altogether / max(len(series), 1)  # type: ignore[arg-type]
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
