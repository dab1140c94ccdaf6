"""Where a spike came from: its rise against its fade.

Question. Was the attention pushed in from outside, did it grow from inside, or was it promoted and then
dropped?

Formula. Two measures. *Share before the peak*: of the excess within w buckets on either side of the peak
(w as far as the spike reaches, the peak's own bucket left out), the part that came before; with its 90 %
interval from the counts' noise. *Exponent of the fade*: p of (1 + t / s)^(-p) after the peak, s one, two
or four buckets, by quasi-Poisson likelihood, with its 90 % profile interval.

Crane & Sornette's classes, in their terms and plain ones, with theta their exponent of waiting times (about
0.4): grown from inside (endogenous critical: rise and fade mirror each other, p = 1 - 2 theta);
sudden from outside and passed on (exogenous critical: no rise, p = 1 - theta, below 1); promoted (exogenous
subcritical: no rise, p = 1 + theta, above 1: the push ends and nobody passes it on). Sudden: the share
before the peak lies below one quarter; grown: above it. Passed on or promoted: p lies below or above 1. The
share of all excess in the peak bucket is told beside it: over 80 %, 20 to 80 % and under 20 % a day in their
data.

Abstains with fewer than five known buckets on the longer side or ten in all, an excess under five of its
own deviations, or a share before the peak that spans one quarter. Where the exponent spans 1, it says
sudden from outside and not which.

Source. Crane & Sornette, PNAS 105 (2008) 15649.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models import _fade
from analysis.models.grid import micros
from analysis.models.result import Result

VERSION = "shape 1.0"
SPLIT = 0.25
LEAST = 10
COLUMNS = [
    "kind", "before_peak", "before_peak_low", "before_peak_high", "exponent", "exponent_low", "exponent_high",
    "share_of_peak", "buckets",
]  # fmt: skip
INSIDE, OUTSIDE = "grown from inside", "sudden from outside"
PASSED, PROMOTED = "sudden from outside, passed on", "promoted"
CLASSES = {
    INSIDE: "endogenous critical",
    PASSED: "exogenous critical",
    PROMOTED: "exogenous subcritical",
    OUTSIDE: "exogenous",
}


def tell(found: Result, *, spike: int = 0) -> Result:
    """The class of one spike of ``spikes.find``, with the evidence.

    Returns
    -------
    Result
        table, one row: kind (grown from inside; sudden from outside; sudden from outside, passed on;
        promoted), before_peak with its 90 % interval (share), exponent of the fade with its 90 % interval,
        share_of_peak (of the excess, in the peak's bucket), buckets (known ones it rests on).
    """
    parameters = {"spike": spike}
    frame, table = found.extra.get("baseline"), found.table
    if frame is None or not len(table):
        return _none("there is no spike", parameters)
    if not 0 <= spike < len(table):
        raise UserError(f"spike {spike} was asked for; there are {len(table)}, numbered from 0")
    row = table.iloc[spike]
    if row["direction"] != "rise":
        return _none("a drop has no such class", parameters)
    if row["ongoing"]:
        return _none("the spike is still going on, its fade is not known", parameters)
    start = micros(frame["start"])
    y, mu = frame["value"].to_numpy(float), frame["expected"].to_numpy(float)
    known = ~frame["unknown"].to_numpy(bool)
    onset, peak, over = (
        int(np.searchsorted(start, micros([row[name]])[0])) for name in ("onset", "peak", "end")
    )
    others = table.drop(index=spike)
    first = max(
        [
            0,
            *np.searchsorted(
                start, micros(others.loc[others["onset"] < row["onset"], "end"].dropna())
            ).tolist(),
        ]
    )
    last = min(
        [
            len(y),
            *np.searchsorted(start, micros(others.loc[others["onset"] > row["onset"], "onset"])).tolist(),
        ]
    )
    reach = min(max(over - peak, peak - onset, 5), max(peak - first, 0), last - 1 - peak)
    before = np.flatnonzero(known[peak - reach : peak]) + peak - reach if reach > 0 else np.zeros(0, int)
    after = np.flatnonzero(known[peak + 1 : peak + reach + 1]) + peak + 1
    if len(before) + len(after) < LEAST or max(len(before), len(after)) < 5:
        return _none(
            f"{len(before) + len(after)} known buckets beside the peak; {LEAST} are needed", parameters
        )
    noise = found.extra["noise"].iloc[0]
    var = noise["phi"] * np.maximum(y, mu) + noise["alpha"] * mu**2
    z = NormalDist().inv_cdf(0.95)
    early, late = float((y - mu)[before].sum()), float((y - mu)[after].sum())
    total = early + late
    noise_early, noise_late = var[before].sum(), var[after].sum()
    if total < 5.0 * np.sqrt(noise_early + noise_late):
        return _none("beside the peak the excess is lost in noise: one bucket has no shape", parameters)
    share = early / total
    reach_share = z * np.sqrt((late**2 * noise_early + early**2 * noise_late) / total**4)
    low, high = share - reach_share, share + reach_share
    fade = np.flatnonzero(known[peak:last][: max(3 * (over - peak), 12) + 1]) + peak
    p, p_low, p_high = _exponent(y[fade], mu[fade], (fade - peak).astype(float), noise)
    top = float((y - mu)[peak] / max(row["excess"], 1e-9))
    count = len(before) + len(after) + 1
    if low <= SPLIT <= high:
        return _none(
            f"{share:.0%} of it came before the peak (90%: {low:.0%} to {high:.0%}), which may be either",
            parameters,
        )
    kind = INSIDE if low > SPLIT else PASSED if p_high < 1 else PROMOTED if p_low > 1 else OUTSIDE
    out = pd.DataFrame([[kind, share, low, high, p, p_low, p_high, min(top, 1.0), count]], columns=COLUMNS)
    summary = (
        f"{kind.capitalize()} (Crane & Sornette: {CLASSES[kind]}): {max(share, 0):.0%} of the excess "
        "beside the peak "
        f"came before it, and it fades as a power {p:.2g} of time (90%: {p_low:.2g} to {p_high:.2g})."
    )
    return Result(out, "found", "", summary, (), VERSION, parameters)


def _exponent(y: np.ndarray, mu: np.ndarray, t: np.ndarray, noise: pd.Series) -> tuple[float, float, float]:
    powers = np.geomspace(0.05, 8.0, 80)
    w = 1.0 / (noise["phi"] + noise["alpha"] * mu**2 / np.maximum(y, mu))
    best = np.full(len(powers), -np.inf)
    fits = []
    for k, p in enumerate(powers):
        for scale in (1.0, 2.0, 4.0):
            f = (1.0 + t / scale) ** -p
            height, value = _fade.amplitude(y, mu, w, f)
            if value > best[k]:
                best[k] = value
                chosen = mu + height * f
        fits.append(chosen)
    top = int(np.argmax(best))
    scale = max(float((w * (y - fits[top]) ** 2 / fits[top]).sum()) / max(len(y) - 3, 1), 1.0)
    inside = powers[best >= best[top] - 1.353 * scale]  # half the 90 % point of chi squared, one parameter
    return float(powers[top]), float(inside[0]), float(inside[-1])


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    empty = pd.DataFrame(columns=COLUMNS)
    return Result(
        empty, "inconclusive", reason, f"Its origin cannot be told: {reason}.", (), VERSION, parameters
    )
