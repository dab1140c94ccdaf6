"""What stays of the audience after a spike.

Question. Once the spike is over, do more people come than before it?

Formula. Counts of as many whole weeks (or, in a shorter series, whole days; else equal spans) after the
spike as before it, so that rhythm cancels: ratio = rate after / rate before. Its 90 % interval comes from
the variance of both sums: over-dispersion and autocorrelation as the baseline's noise has them, and the
logarithm of the ratio taken as normal.

Assumes that nothing else changed in those weeks; a trend shows up as persistence.

Abstains when another spike lies in either span, when less than six known buckets stand on either side,
or when either side has no counts.

Source. The delta method for a ratio of over-dispersed counts (McCullagh & Nelder 1989, chapter 9).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models.grid import DAY, micros
from analysis.models.result import Result

VERSION = "persistence 1.0"
COLUMNS = ["before", "after", "ratio", "ratio_low", "ratio_high", "days"]
LEAST = 6
LONGEST = 28 * DAY


def after(found: Result, *, spike: int = 0) -> Result:
    """What stays after one spike of ``spikes.find``.

    Returns
    -------
    Result
        table, one row: before, after (counts a bucket), ratio and its 90 % interval ratio_low,
        ratio_high, days (length of each span). Found when the interval lies beside 1, nothing when it
        holds 1.
    """
    parameters = {"spike": spike}
    frame, table = found.extra.get("baseline"), found.table
    if frame is None or not len(table):
        return _none("there is no spike", parameters)
    if not 0 <= spike < len(table):
        raise UserError(f"spike {spike} was asked for; there are {len(table)}, numbered from 0")
    row = table.iloc[spike]
    if row["ongoing"]:
        return _none("the spike is still going on", parameters)
    start, end = micros(frame["start"]), micros(frame["end"])
    onset, over = int(micros([row["onset"]])[0]), int(micros([row["end"]])[0])
    over += over - onset  # leave the thin tail out
    others = table.drop(index=spike)
    first, last = int(start[0]), int(end[-1])
    if len(others):
        earlier = others.loc[others["onset"] < row["onset"], "end"].dropna()
        later = others.loc[others["onset"] > row["onset"], "onset"]
        first = max([first, *micros(earlier).tolist()]) if len(earlier) else first
        last = min([last, *micros(later).tolist()]) if len(later) else last
    span = min(onset - first, last - over, LONGEST)
    whole = 7 * DAY if span >= 7 * DAY else DAY if span >= DAY else 1
    span = max(span // whole * whole, 0)
    known = ~frame["unknown"].to_numpy(bool)
    before = known & (start >= onset - span) & (end <= onset)
    later_on = known & (start >= over) & (end <= over + span)
    if before.sum() < LEAST or later_on.sum() < LEAST:
        return _none(f"fewer than {LEAST} known buckets before or after it", parameters)
    noise = found.extra["noise"].iloc[0]
    y, mu = frame["value"].to_numpy(float), frame["expected"].to_numpy(float)
    was, is_now = float(y[before].mean()), float(y[later_on].mean())
    if not (was > 0 and is_now > 0):
        return _none("no counts before or after it", parameters)
    spread = np.sqrt(sum(_relative(y[part], mu[part], noise) for part in (before, later_on)))
    ratio = is_now / was
    reach = np.exp(NormalDist().inv_cdf(0.95) * spread)
    low, high = ratio / reach, ratio * reach
    out = pd.DataFrame([[was, is_now, ratio, low, high, span / DAY]], columns=COLUMNS)
    verdict = "nothing" if low <= 1.0 <= high else "found"
    words = "as many come as before" if verdict == "nothing" else "more stay" if ratio > 1 else "fewer come"
    summary = f"After the spike {words}: {ratio:.3g} times the rate before it (90%: {low:.3g} to {high:.3g})."
    return Result(out, verdict, "", summary, (), VERSION, parameters)  # type: ignore[arg-type]


def _relative(y: np.ndarray, mu: np.ndarray, noise: pd.Series) -> float:
    """Relative variance of a sum of counts."""
    k = np.arange(1, len(y))
    inflate = 1.0 + 2.0 * noise["c"] * float(((1.0 - k / len(y)) * noise["rho"] ** k).sum())
    return float((noise["phi"] * y.sum() + noise["alpha"] * (mu**2).sum()) * inflate / y.sum() ** 2)


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    empty = pd.DataFrame(columns=COLUMNS)
    return Result(
        empty,
        "inconclusive",
        reason,
        f"Nothing can be said of what stays: {reason}.",
        (),
        VERSION,
        parameters,
    )
