"""How far a burst feeds itself: the branching ratio of a cascade, its memory, and where that leads.

Question. Of the acts about a content, what share was set off by earlier acts (endogenous) and what share
came from outside (immigrants)? Is the burst bound to end, and at what size, by its own evidence alone?

Formula. A Hawkes process (``hawkes``) with exponential or power-law memory, time in hours, by maximum
likelihood; of the two the one with the higher likelihood less its parameters (AIC). An act's pull is its
audience to the power w, scaled to mean 1, w in 0, 1/4 ... 1 by likelihood, where audiences are known.
Final size = acts so far + (followers of past acts still to come) / (1 - branching ratio); its spread is
that of a branching process (variance = mean / (1 - ratio)^2) under ratios drawn from the 95 % interval.
Binned counts: expected count of a bin = (immigrants + ratio * sum of past counts times the memory's mass
in the bin) / (1 - ratio * the memory's mass within one bin), Poisson, widened by the dispersion found.

Goodness of fit. Time-rescaled gaps are exponential with mean 1 where the model holds: a
Kolmogorov-Smirnov test comes with every fit of events, the Pearson dispersion with every fit of counts.

Assumptions. One constant outside rate; no change of behaviour within the window.

A memory longer than what was watched cannot be told from a trend, nor its ratio: the mean delay is at most
the time watched, and a power law of which less than half lies within it is left out.

Abstains with fewer than 10 acts (or 10 bins with a count), and gives no number where the branching ratio
may be 1 or more ("supercritical: no finite forecast" where its best value is). Above 5 only that it grows
can be said, and the ratio is missing.

Sources. A. Hawkes 1971; Y. Ogata 1988; S. Mishra et al., CIKM 2016, equation 7 (final size); M. Kirchner,
Quantitative Finance 17, 2017 (binned counts).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numba import njit

from analysis.checks.check import Check
from analysis.models import hawkes
from analysis.models.result import Result

VERSION = "cascade 1.1"
SUPERCRITICAL = "supercritical: no finite forecast"
MAYBE = "the ratio may be 1 or more: no finite forecast"
UNTOLD = 5.0
"""Above this a ratio and its memory cannot be told apart."""
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
COLUMNS = [
    "acts", "branching_ratio", "ratio_low", "ratio_high", "from_outside_per_hour", "share_from_outside",
    "memory_hours", "audience_power", "forecast", "q10", "q50", "q90",
]  # fmt: skip


def fit(
    events: pd.DataFrame,
    as_of: pd.Timestamp | None = None,
    immigrants: bool = True,
    kernels: tuple[str, ...] = ("exponential", "power"),
    seed: int = 0,
) -> Result:
    """Fit one content's events.

    Parameters
    ----------
    events
        occurred_at, observed_at, audience (people, may be missing), of one content on one platform.
    as_of
        Rows observed or dated later do not exist; by default the last event's moment.
    immigrants
        False: everything after the first event was set off by an earlier one.

    Returns
    -------
    Result
        Table of one row: acts; branching_ratio and its 95 % interval; from_outside_per_hour;
        share_from_outside (of the acts); memory_hours (half of an act's direct followers come within);
        audience_power; forecast, q10, q50, q90 (acts in the end, nothing more coming from outside).
        Extra: residuals (time-rescaled gaps).
    """
    if as_of is not None:
        events = events[(events["observed_at"] <= as_of) & (events["occurred_at"] <= as_of)]
    parameters = {"as_of": as_of, "immigrants": immigrants, "kernels": kernels, "seed": seed}
    events = events.sort_values("occurred_at", kind="stable")
    at = events["occurred_at"].to_numpy("datetime64[us]").astype("int64") / 3.6e9
    if len(at) - 1 < hawkes.FEWEST:
        return _abstain(
            f"{max(len(at) - 1, 0)} acts after the first; at least {hawkes.FEWEST} are needed", parameters
        )
    end = pd.Timestamp(as_of).timestamp() / 3600 if as_of is not None else float(at[-1])
    times, until = at - at[0], max(end - at[0], float(at[-1] - at[0])) + 1e-9
    if times[-1] <= 0:
        return _abstain("all acts carry the same moment", parameters)
    weights = _weights(events["audience"].to_numpy(float))
    tried = [
        (hawkes.fit(times, until, kernel, weight, 1, immigrants, False, 1 / until), power, weight)
        for kernel in kernels
        for power, weight in weights
    ]
    free = {"exponential": 1, "power": 2}
    seen = [one for one in tried if one[0].reach(np.array([until]))[0] > 0.5] or tried
    best, power, weight = max(seen, key=lambda one: one[0].loglik - free[one[0].kernel])
    best = hawkes.fit(times, until, best.kernel, weight, 1, immigrants, slowest=1 / until)
    waiting = best.eta * float(weight @ (1 - best.reach(until - times)))
    points = _final(len(times), waiting, best.eta, best.low, best.high, seed)
    grid: np.ndarray = np.geomspace(1e-5, 1e5, 2000)
    half = float(np.interp(0.5, best.reach(grid), grid))
    outside = min(best.mu * until / best.events, 1.0)
    row = [len(times), best.eta, best.low, best.high, best.mu, outside, half, power, points[1], *points]
    return _result(
        row,
        (_residual_check(best.residuals),),
        parameters,
        {"residuals": pd.DataFrame({"gap": best.residuals})},
        best.kernel,
    )


def fit_counts(counts: np.ndarray, bin_hours: float, seed: int = 0) -> Result:
    """Fit counts per bin of equal length, oldest first; an unknown bin must not be among them.

    Returns
    -------
    Result
        As ``fit``; memory is exponential, audience_power is missing.
    """
    from scipy.optimize import minimize

    counts = np.asarray(counts, dtype=float)
    parameters = {"bins": len(counts), "bin_hours": bin_hours, "seed": seed}
    if np.isnan(counts).any():
        return _abstain(
            f"{int(np.isnan(counts).sum())} bins are unknown; a count that is not known is not 0", parameters
        )
    if (counts > 0).sum() < hawkes.FEWEST:
        return _abstain(
            f"{int((counts > 0).sum())} bins with a count; at least {hawkes.FEWEST} are needed", parameters
        )

    def expected(x: np.ndarray) -> np.ndarray:
        return _expected(counts, bin_hours, *np.exp(x))

    def loss(x: np.ndarray) -> float:
        mean = np.maximum(expected(x), 1e-12)
        return float((mean - counts * np.log(mean)).sum())

    def best(eta: float | None = None, start: np.ndarray | None = None) -> tuple[np.ndarray, float]:
        rate = counts.mean() / bin_hours
        starts = (
            [start] if start is not None else [np.log([0.5 * rate, 0.5, s / bin_hours]) for s in (0.1, 1.0)]
        )
        limit: list[Any] = [(-40, 40), (-10, 1.5), (-np.log(len(counts) * bin_hours), np.log(20 / bin_hours))]
        if eta is not None:
            limit[1] = (np.log(eta), np.log(eta))
        runs = [
            minimize(loss, np.clip(s, *np.transpose(limit)), method="L-BFGS-B", bounds=limit) for s in starts
        ]
        found = min(runs, key=lambda run: run.fun)
        return found.x, -float(found.fun)

    x, top = best()
    mu, eta, beta = np.exp(x)
    mean = expected(x)
    dispersion = max(float(((counts - mean) ** 2 / np.maximum(mean, 1e-9)).sum() / (len(counts) - 3)), 1.0)
    low, high = hawkes.profile_interval(lambda e: best(e, x)[1], float(eta), top, hawkes.DROP * dispersion)
    ages = (len(counts) - 0.5 - np.arange(len(counts))) * bin_hours
    waiting = eta * float(counts @ np.exp(-beta * ages))
    points = _final(int(counts.sum()), waiting, float(eta), low, high, seed)
    outside = min(mu * bin_hours * len(counts) / counts.sum(), 1.0)
    row = [int(counts.sum()), eta, low, high, mu, outside, np.log(2) / beta, np.nan, points[1], *points]
    check = Check(
        "bins scatter as the model says",
        dispersion < 2.0,
        f"The counts scatter {dispersion:.2g} times as much as Poisson counts; the interval is widened so.",
    )
    extra = {"expected": pd.DataFrame({"count": counts, "expected": mean})}
    return _result(row, (check,), parameters, extra, "exponential")


@njit(cache=True)
def _expected(counts, width, mu, eta, beta):  # type: ignore[no-untyped-def]
    """Expected count of each bin given those before it; acts lie in the middle of their bin."""
    out = np.empty(counts.shape[0])
    decay, half = np.exp(-beta * width), np.exp(-beta * width / 2)
    within = 1 - (1 - decay) / (beta * width)
    still = 0.0  # past acts' mass still to come
    for i in range(counts.shape[0]):
        out[i] = (mu * width + eta * still * (1 - decay)) / max(1 - eta * within, 1e-6)
        still = still * decay + counts[i] * half
    return out


def _weights(audience: np.ndarray) -> list[tuple[float, np.ndarray]]:
    known = ~np.isnan(audience)
    if known.mean() < 0.9 or np.ptp(audience[known]) == 0:
        return [(0.0, np.ones(len(audience)))]
    people = np.where(known, audience, np.median(audience[known])) + 1.0
    return [(power, people**power / np.mean(people**power)) for power in POWERS]


def _final(
    now: int, waiting: float, eta: float, low: float, high: float, seed: int
) -> tuple[float, float, float]:
    """10, 50 and 90 % points of the final size; missing when the interval of the ratio reaches 1."""
    if not high < 1.0:
        return (np.nan, np.nan, np.nan)
    random = np.random.default_rng(seed)
    side = random.standard_normal(4000)
    below, above = np.log(eta / max(low, eta * 1e-3)), np.log(high / eta)
    step = ((side < 0) * below + (side >= 0) * above) / 1.96
    ratio = np.minimum(eta * np.exp(side * step), 0.999)
    mean = waiting * ratio / eta / (1 - ratio)
    variance = np.maximum(mean / (1 - ratio) ** 2, 1e-9)
    # a negative binomial with the branching process's mean and variance
    spare: np.ndarray = np.maximum(variance - mean, 1e-9)
    shape: np.ndarray = np.maximum(mean**2 / spare, 1e-12)
    more = random.poisson(random.gamma(shape, mean / shape))
    q10, q50, q90 = np.quantile(now + more, [0.1, 0.5, 0.9])
    return float(q10), float(q50), float(q90)


def _residual_check(gaps: np.ndarray) -> Check:
    from scipy.special import kolmogorov

    n = len(gaps)
    uniform = np.sort(-np.expm1(-gaps))
    steps = np.arange(1, n + 1) / n
    distance = float(max(np.max(steps - uniform), np.max(uniform - steps + 1 / n)))
    p = float(kolmogorov(distance * np.sqrt(n)))
    return Check(
        "time-rescaled gaps are exponential",
        p >= 0.01,
        f"The largest distance from the exponential is {distance:.3f} over {n:,} gaps (p = {p:.2g}).",
    )


def _abstain(reason: str, parameters: dict[str, Any]) -> Result:
    table = pd.DataFrame(columns=COLUMNS)
    return Result(table, "inconclusive", reason, f"No branching ratio: {reason}.", (), VERSION, parameters)


def _result(
    row: list[Any],
    checks: tuple[Check, ...],
    parameters: dict[str, Any],
    extra: dict[str, pd.DataFrame],
    kernel: str,
) -> Result:
    table = pd.DataFrame([row], columns=COLUMNS)
    one = table.iloc[0]
    if one["branching_ratio"] > UNTOLD:
        table[COLUMNS[1:]] = np.nan
        told = f"It grows faster and faster ({SUPERCRITICAL}); how many acts one sets off cannot be told yet."
        return Result(table, "found", SUPERCRITICAL, told, checks, f"{VERSION} ({kernel})", parameters, extra)
    told = (
        f"One act set off {one['branching_ratio']:.2f} further ones (95%: {one['ratio_low']:.2f} to "
        f"{one['ratio_high']:.2f}), half of them within {one['memory_hours']:.3g} hours; "
        f"{one['share_from_outside']:.0%} of the acts came from outside."
    )
    if np.isnan(one["forecast"]):
        reason = SUPERCRITICAL if one["branching_ratio"] >= 1 else MAYBE
        told += f" By its own evidence no end can be named ({reason})."
    else:
        reason = ""
        told += (
            f" By its own evidence it ends at {one['forecast']:,.0f} acts (four in five between "
            f"{one['q10']:,.0f} and {one['q90']:,.0f})."
        )
    if any(check.passed is False for check in checks):
        told += " The model does not fit these acts well; read the numbers with care."
    return Result(table, "found", reason, told, checks, f"{VERSION} ({kernel})", parameters, extra)
