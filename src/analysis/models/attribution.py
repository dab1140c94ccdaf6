"""Which platform sent it: visits by platform, those without a referrer included.

Question. How many visits did each platform send to a site, how many does a share there bring, how soon
do they come, how fast do they fade, and what would be missing without it?

Formula. A visit whose referrer names a platform came from it. A visit without a referrer may have: of
every platform the stated visits show when its shares bring people. For each platform the stated visits of
content i at hour t are expected as b_i + sum over shares s of m_s k(t - s), with a kernel k of that
platform (a histogram over delays up to 14 days, no form assumed) and a size m_s of each share; EM finds
them, sizes with a gamma prior. A surge of stated visits that no seen share explains is given a share that
nobody saw. Visits without a referrer (direct) are then

    direct = rhythm of the week x level of the content + sum over platforms r_p x (stated visits expected
    from its shares) + rest

with r_p >= 0 the dark visits a stated one brings along, which differ between contents, by weighted least
squares. Stated visits that follow no share are taken to hide as many. Visits of a platform = stated + dark.
A platform with fewer than 10 stated visits that follow shares borrows the other platforms' kernel.

Intervals are of prediction: how far the estimate may lie from the visits that really came. Their variance
adds up the baseline's over-dispersion and correlation (over hours and between pages), the counting noise of
dark visits, the doubt about each share's size, and how the ratio differs between contents (each a cluster).
Student's t, with a degree of freedom less than contents were shared there (2 at least), turns it into an
interval, held at 0 and at what was counted.

Identifiable? Two platforms of whose shares nine in ten coincide within two hours on the same content, both
ways round, or whose expected dark visits correlate above 0.9 once the baseline is out, are one group: their
stated visits are known apart (``extra["stated"]``), their dark ones are not.

Placebos run with every fit: the same shares moved to other days (dates), made-up platforms with shares
at random hours of random contents (platforms), and beside real shares (neighbours). Each is laid beside the
real ones and should bring nothing; where more of their intervals exclude 0 than chance allows, the verdict
is inconclusive. Where neighbours scatter more than their errors say, every interval is widened by as much
(negative controls: Schuemie et al., Statistics in Medicine 33, 2014).

Unknown hours are left out, and ``unknown_hours`` counts them: visits are those of the hours that were
counted. Abstains without hourly visits, without two days of known hours, or when nothing was shared
or referred. Assumes that dark visits come as late after a share as stated ones, that the part without a
referrer differs between contents at random, and that nothing else (a newsletter) brings direct
visits at the hours of shares. A share outside the store that left no stated visits cannot be seen.

Sources. Lewis & Mohler, A nonparametric EM algorithm for multiscale Hawkes processes (2011); Marsan &
Lengliné, Science 319 (2008); Frisch & Waugh, Econometrica 1 (1933) for partialling out; Valliant, Dorfman &
Royall, Finite Population Sampling and Inference (2000) for the error of a predicted total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.models import _dark, _kernel, _placebo
from analysis.models._dark import Fit
from analysis.models._drawn import drawn
from analysis.models._groups import merge, separable, together
from analysis.models._kernel import Course
from analysis.models._share import pace, per_share
from analysis.models._site import JOINT, Site, lay
from analysis.models.overview import name
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card
from analysis.traffic.exposure import DARK

VERSION = "attribution 1.0"
LEAST_STATED = 10.0
LEAST_HOURS = 48
COLUMNS = [
    "platform", "kind", "shares", "visits", "low", "high", "stated", "dark", "dark_low", "dark_high",
    "per_share", "per_share_low", "per_share_high", "delay_hours", "half_life_hours", "course",
    "without", "without_low", "without_high", "unknown_hours", "status", "reason",
]  # fmt: skip


def attribution(
    events: pd.DataFrame,
    intervals: pd.DataFrame,
    *,
    start: Any = None,
    end: Any = None,
    level: float = 0.9,
    seed: int = 0,
    cards: Mapping[str, Card] | None = None,
) -> Result:
    """How many visits each platform sent, with the dark part apportioned, an unexplained rest and placebos.

    Parameters
    ----------
    events : events of the publisher's content; those of a kind in ``exposure.SHARES`` are shares
    intervals : exposure intervals, hourly; of several observers the one with most rows is taken
    start, end : the period, UTC; the whole of the intervals unless told
    level : of the intervals
    seed : of placebos and of the bootstrap over shares
    cards : the platforms' cards, for their names in the summary

    Returns
    -------
    Result
        ``table``, by ``kind``:

        * platform, group: platform (a group's members joined by " + "); shares (seen in the period);
          visits, low, high (stated and dark, of the known hours); stated (its referrer says so: counted,
          not estimated); dark, dark_low, dark_high (its part of visits without a referrer); per_share,
          per_share_low, per_share_high (visits one seen share brought; the interval holds how shares
          differ); delay_hours (from a share to the fastest hour); half_life_hours (from there to half that
          pace; missing when it is not reached in 14 days); course (flash or long tail, as ``tail.tell`` has
          it, or ""); without, without_low, without_high (visits of the site had the platform sent none);
          status (found: low above 0; nothing; inconclusive), reason
        * part: "dark social", the dark visits of all platforms, already in their rows: not to be added
        * rest: "elsewhere" (search engines, sites, assistants: counted), "baseline" (direct visits that no
          share explains), "unexplained" (direct visits beside both; may be below 0)

        ``unknown_hours``: content-hours of the period that were not counted, those before a content's first
        visit or share among them. Unknown numbers are missing.

        ``extra``: ``kernels`` (platform, hours, part: of a share's visits, that come so many hours
        after it; come: by the end of that hour), ``daily`` (platform, start, end, value: visits by day; dark
        social, which stands in the platforms' bands already, baseline and unexplained as bands of their
        own; missing where unknown), ``contents`` (content_id, platform, shares, visits), ``stated``
        (platform, group, stated), ``placebos`` (kind, number, deviate, excludes).

    Raises
    ------
    UserError
        When a column is missing.
    """
    parameters = {"start": start, "end": end, "level": level, "seed": seed}
    site = lay(events, intervals, start, end)
    if isinstance(site, str):
        return _none(site, parameters)
    if site.known.any(axis=0).sum() < LEAST_HOURS:
        return _none(f"fewer than {LEAST_HOURS} hours were counted", parameters)
    if not site.platforms:
        return _none("nothing was shared and no referrer names a platform", parameters)
    groups = together(site)
    joined = site.joined(groups)
    courses, fit = _fitted(joined)
    more = merge(groups, joined.platforms, fit.alike)
    if len(more) < len(groups):
        groups, joined = more, site.joined(more)
        courses, fit = _fitted(joined)
    rng = np.random.default_rng(seed)
    checks, placebos = _placebo.placebos(joined, courses, fit, level, rng)
    wider = _placebo.wider(placebos)
    fit = replace(fit, error=fit.error * wider, whole=fit.whole * wider)
    table = _table(joined, courses, fit, level, rng)
    failed = [check for check in checks if check.passed is False]
    found = table["kind"].isin(["platform", "group"]) & (table["status"] == "found")
    verdict: Verdict = "inconclusive" if failed else "found" if found.any() else "nothing"
    reason = f"{failed[0].name}: {failed[0].sentence}" if failed else ""
    checks = (*checks, separable(groups))
    said = _summary(table, verdict, reason, cards or {}, level)
    return Result(
        table, verdict, reason, said, checks, VERSION, parameters,
        drawn(site, joined, courses, fit, groups) | {"placebos": placebos},
    )  # fmt: skip


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    return Result(
        pd.DataFrame(columns=COLUMNS), "inconclusive", reason, f"Visits are not apportioned: {reason}.", (),
        VERSION, parameters,
    )  # fmt: skip


def _courses(site: Site) -> list[Course]:
    """Each platform's course; one with too few stated visits borrows the others'."""
    learnt: dict[str, Course] = {}
    for one in site.platforms:
        y, shares = site.stated_by(one), site.shares_on(one)
        if y.sum() >= LEAST_STATED:
            course = _kernel.learn(y, site.known, shares.content, shares.hour, shares.count)
            if course.driven.sum() >= LEAST_STATED:
                learnt[one] = course
    usual = _kernel.TYPICAL
    if learnt:
        weights = [np.sqrt(course.driven.sum()) for course in learnt.values()]
        usual = np.average([course.kernel for course in learnt.values()], axis=0, weights=weights)
    out = []
    for one in site.platforms:
        shares, stated = site.shares_on(one), float(site.stated_by(one).sum())
        out.append(
            learnt.get(one)
            or _kernel.borrowed(site.known, shares.content, shares.hour, shares.count, usual, stated)
        )
    return out


def _fitted(site: Site) -> tuple[list[Course], Fit]:
    courses = _courses(site)
    stated = [site.stated_by(one) for one in site.platforms]
    return courses, _dark.apportion(site.direct, site.known, site.begin, stated, courses)


def _table(
    site: Site, courses: list[Course], fit: Fit, level: float, rng: np.random.Generator
) -> pd.DataFrame:
    rows = [
        _sent(site, one, course, float(fit.signed[p]), float(fit.dark[p]), float(fit.error[p]), level)
        | per_share(course, float(fit.dark[p]), float(fit.error[p]), level, rng)
        | pace(course, site.known)
        for p, (one, course) in enumerate(zip(site.platforms, courses, strict=True))
    ]
    ours = pd.DataFrame(rows).sort_values("visits", ascending=False)
    table = pd.concat([ours, pd.DataFrame(_rest(site, courses, fit, level))], ignore_index=True)
    table = table.reindex(columns=COLUMNS)
    table["unknown_hours"] = int((~site.known).sum())
    table["course"] = table["course"].fillna("")
    return table


def _sent(
    site: Site, platform: str, course: Course, signed: float, dark: float, error: float, level: float
) -> dict[str, Any]:
    """What one platform (or group) sent; its dark part unknown where nothing could be tried."""
    direct = float(site.direct.sum())
    total = direct + sum(float(y.sum()) for y in site.stated.values()) + site.elsewhere
    z = _quantile(level, len(np.unique(course.content)))
    low = float(np.clip(signed - z * error, 0.0, dark))
    high = float(np.clip(max(signed, dark) + z * error, 0.0, max(direct, 0.0)))
    shares, stated = int(course.count.sum()), course.stated
    tried = bool(course.driven.any())
    reason = "" if shares else "no share was seen: told by its referrers"
    if not tried:
        dark, low, high = np.nan, np.nan, np.nan
        reason = "no share was seen and too few stated visits: its dark visits are unknown"
    return {
        "platform": platform, "kind": "group" if JOINT in platform else "platform", "shares": shares,
        "visits": stated + dark, "low": stated + low, "high": stated + high, "stated": stated,
        "dark": dark, "dark_low": low, "dark_high": high,
        "without": total - (stated + dark), "without_low": total - stated - high,
        "without_high": total - stated - low,
        "status": "inconclusive" if not tried else "found" if stated + low > 0 else "nothing",
        "reason": reason,
    }  # fmt: skip


def _rest(site: Site, courses: list[Course], fit: Fit, level: float) -> list[dict[str, Any]]:
    """Dark social of all platforms, and what none of them sent."""
    direct, base = float(site.direct.sum()), float((fit.base * site.known).sum())
    dark, signed = np.nansum(fit.dark), float(fit.signed.sum())
    z = _quantile(level, int(np.any([course.driven.any(axis=1) for course in courses], axis=0).sum()))
    low = max(0.0, min(dark, signed - z * fit.whole))
    high = min(direct, max(dark, signed) + z * fit.whole)
    return [
        {"platform": DARK, "kind": "part", "visits": dark, "low": low, "high": high, "dark": dark,
         "dark_low": low, "dark_high": high, "stated": 0.0, "status": "found" if low > 0 else "nothing",
         "reason": "part of the platforms' visits: not to be added to them"},
        {"platform": "elsewhere", "kind": "rest", "visits": site.elsewhere, "low": site.elsewhere,
         "high": site.elsewhere, "status": "found",
         "reason": "search engines, sites, assistants: counted"},
        {"platform": "baseline", "kind": "rest", "visits": base, "low": max(0.0, base - (high - dark)),
         "high": base + dark - low, "status": "found", "reason": "direct visits that no share explains"},
        {"platform": "unexplained", "kind": "rest", "visits": direct - base - dark, "status": "found",
         "reason": "direct visits beside baseline and shares; a remainder: no interval"},
    ]  # fmt: skip


def _quantile(level: float, contents: int) -> float:
    """Student's t, a degree of freedom less than contents: they differ (Cameron & Miller 2015)."""
    from scipy.special import stdtrit

    return float(stdtrit(max(contents - 1, 2), 0.5 + level / 2))


def _summary(
    table: pd.DataFrame, verdict: Verdict, reason: str, cards: Mapping[str, Card], level: float
) -> str:
    ours = table[table["kind"].isin(["platform", "group"]) & (table["status"] == "found")]
    dark = table[table["platform"] == DARK].iloc[0]
    said = [
        f"{' and '.join(name(one, cards) for one in row.platform.split(JOINT))} sent "
        f"{row.visits:,.0f} visits "
        f"({row.low:,.0f} to {row.high:,.0f})"
        for row in ours.head(5).itertuples()
    ]
    if not said:
        return "No platform is known to have sent visits."
    told = (
        f"{'; '.join(said)} ({level:.0%} intervals). Of visits without a referrer, {dark.visits:,.0f} "
        f"({dark.low:,.0f} to {dark.high:,.0f}) followed shares."
    )
    return f"Not to be relied on ({reason.rstrip('.')}): {told}" if verdict == "inconclusive" else told
