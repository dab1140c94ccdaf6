"""Who came, from where: visits per share, and the dark part of direct visits.

Question: how many visits does one share on a platform bring, and how much of what looks direct was
shared out of sight?

Visits per share. For a content i and a platform, V_i visits were counted and S_i shares (events) seen.
The platform's rate is R = sum V / sum S over contents with both observed. Contents differ far more than
Poisson counts do, so the interval of R comes from a bootstrap over contents (seeded, 2,000 resamples,
percentiles); below five contents it is a Poisson interval of sum V, widened by the dispersion. The
interval of one content is the Poisson interval of V_i (Garwood 1936) over S_i, its half-widths
multiplied by sqrt(phi), with phi = max(1, Pearson chi-square of V_i against R S_i, over n - 1).

Dark social. A direct visit (no referrer, no tag) that lands on a deep page, one that is not the site's
root, is dark when such visits move with the shares of that page: y_t = b w_t + beta x_t, where y are
hourly direct landings, w the site's usual hours (direct visits of all its other pages, by hour of day,
mean 1), and x_t = sum over shares s <= t of exp(-(t - s) / tau). b and beta are at least 0, fitted by
Poisson likelihood (EM), tau is the best of 1, 3, 6, 12 and 24 hours. The dark part is beta sum x. Its
interval comes from a quasi-Poisson standard error, with the dispersion of the residuals and their
autocorrelation over the first hours; it is found when the lower bound is above 0.

It abstains when a page has fewer than 48 observed hours, fewer than 10 direct visits, or no share; a
platform without shares has no rate: unknown, not 0. Assumptions: hourly counts are as complete as
their rows say (partial hours are left out), shares outside the store cannot be seen, and another cause
that follows the shares within hours (a newsletter of the same day) counts as dark social. A baseline
that moves for its own reasons at the hour of a share misleads it.

Source: Madrigal, "Dark Social" (The Atlantic, 2012) for the notion; McCullagh and Nelder, Generalized
Linear Models (1989), chapters 6 and 9, for quasi-likelihood; Garwood, Biometrika 28 (1936).
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.models.result import Result

MODEL = "exposure 1.0"
KEY = ["platform", "content_id", "metric", "start", "end", "observer"]
SHARES = ("submission", "repost", "quote", "share", "bookmark", "pin", "status", "post", "mention")
TAUS = (1.0, 3.0, 6.0, 12.0, 24.0)
HOUR = pd.Timedelta(hours=1)


def latest(intervals: pd.DataFrame) -> pd.DataFrame:
    """Of rows that read the same bin again, the last reading: whoever counted knows better by now."""
    return intervals.sort_values("observed_at", kind="stable").drop_duplicates(KEY, keep="last").sort_index()


def raw_and_cleaned(intervals: pd.DataFrame, by: list[str], count: str = "visits") -> pd.DataFrame:
    """Raw, each removed part, and what is kept, by the columns of ``by``: raw = kept + the parts.

    Parameters
    ----------
    intervals : exposure intervals, each bin once (``latest``)
    by : columns such as platform or start
    count : visits or pageviews

    Returns
    -------
    One row a group: the ``by`` columns, raw, removed.<rule> for every rule that removed any, kept.
    """
    ours = intervals[(intervals["metric"] == count) | intervals["metric"].str.startswith(f"{count}.removed.")]
    wide = ours.pivot_table(index=by, columns="metric", values="value", aggfunc=lambda v: v.sum(min_count=1))
    removed = sorted(name for name in wide.columns if name != count)
    out = pd.DataFrame(index=wide.index)
    parts = [*removed, *([count] if count in wide else [])]
    out["raw"] = wide[parts].sum(axis=1, min_count=1)
    for name in removed:
        out[name.removeprefix(f"{count}.")] = wide[name].fillna(0.0)
    out["kept"] = wide[count].fillna(0.0) if count in wide else 0.0
    return out.reset_index()
