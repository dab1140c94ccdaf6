"""Placebos of attribution: shares moved to other days, and made-up platforms, which should bring nothing."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pandas as pd

from analysis.checks.check import Check
from analysis.models import _dark, _kernel
from analysis.models._chance import allowed
from analysis.models._dark import Fit
from analysis.models._kernel import REACH, Course
from analysis.models._site import Site

PLACEBOS = 20  # of each kind
BESIDE = 12.0  # hours, in the mean, after a real share
PRIOR = 5.0  # placebos' worth of belief that errors are right


def placebos(
    site: Site, courses: list[Course], fit: Fit, level: float, rng: np.random.Generator
) -> tuple[tuple[Check, ...], pd.DataFrame]:
    """Shares on other days, and made-up platforms: each should bring nothing."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    whole = np.sum([course.driven for course in courses], axis=0)
    real = [course for course in courses if len(course.size)]
    hours = site.known.shape[1]
    rows = []
    page, hour = np.nonzero(site.known)
    shared = np.concatenate([np.column_stack([c.content, c.hour]) for c in courses]).astype(np.int64)

    def lay(kind: str, number: int, column: np.ndarray) -> None:
        rows.append((kind, number, _dark.placebo(column, fit.trial)))

    for number in range(PLACEBOS):
        if hours >= 2 * REACH and whole.any():
            days = int(rng.integers(3, hours // 24 - 3))
            lay("dates", number, np.roll(whole, 24 * days, axis=1) * site.known)
        if not real:
            continue
        like = real[int(rng.integers(len(real)))]
        count = max(len(like.size), 3)
        size = rng.choice(like.size, count)
        at = rng.integers(0, len(page), count)
        awake = site.known * like.beat
        lay("platforms", number, _kernel.spread(page[at], hour[at], size, like.kernel, awake))
        beside = shared[rng.integers(0, len(shared), count)]
        later = np.minimum(beside[:, 1] + rng.exponential(BESIDE, count).astype(np.int64), hours - 1)
        lay("neighbours", number, _kernel.spread(beside[:, 0], later, size, like.kernel, awake))
    table = pd.DataFrame(rows, columns=["kind", "number", "deviate"])
    table["excludes"] = table["deviate"].abs() > z
    checks = []
    for kind, what in (
        ("dates", "the shares moved to other days"),
        ("platforms", "made-up platforms at random hours"),
        ("neighbours", "made-up platforms beside real shares"),
    ):
        mine = table[table["kind"] == kind]
        if mine.empty:
            checks.append(Check(f"placebo {kind}", None, f"The period is too short for {what}."))
            continue
        out, most = int(mine["excludes"].sum()), allowed(len(mine), level)
        checks.append(
            Check(
                f"placebo {kind}",
                out <= most,
                f"Of {len(mine)} trials with {what}, {out} seem to bring or take visits at {level:.0%}; "
                f"chance alone makes up to {most}.",
                mine.drop(columns="kind").reset_index(drop=True),
            )
        )
    return tuple(checks), table


def wider(tried: pd.DataFrame) -> float:
    """By how much placebos beside real shares scatter more than their errors say; at least 1."""
    deviate = tried.loc[tried["kind"] == "neighbours", "deviate"].to_numpy()
    return max(1.0, float(np.sqrt((PRIOR + (deviate**2).sum()) / (PRIOR + len(deviate)))))
