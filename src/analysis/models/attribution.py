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
A platform with fewer than 10 stated visits borrows the other platforms' kernel.

Intervals are of prediction: how far the estimate may lie from the visits that really came. Their variance
adds up the baseline's over-dispersion and correlation (over hours and between pages), the counting noise of
dark visits, the doubt about each share's size, and how the ratio differs between contents (each a cluster).
Student's t, with a degree of freedom less than contents were shared there, turns it into an interval, held
at 0 and at what was counted.

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

from analysis.checks.check import Check
from analysis.models import _dark, _kernel, _placebo
from analysis.models._dark import Fit
from analysis.models._kernel import REACH, Course
from analysis.models._site import HOUR, Shares, Site, lay
from analysis.models.grid import to_times
from analysis.models.overview import name
from analysis.models.result import Result, Verdict
from analysis.models.tail import tell
from analysis.platforms.card import Card
from analysis.traffic.exposure import DARK

VERSION = "attribution 1.0"
TOGETHER, NEAR, ALIKE = 0.9, 2, 0.9  # part of shares that coincide; within hours; correlation of columns
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

        ``unknown_hours``: content-hours of the period that were not counted. Unknown numbers are missing.

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
    courses = _courses(joined)
    fit = _apportioned(joined, courses)
    more = _merge(groups, joined.platforms, fit.alike)
    if len(more) < len(groups):
        groups, joined = more, site.joined(more)
        courses = _courses(joined)
        fit = _apportioned(joined, courses)
    rng = np.random.default_rng(seed)
    checks, placebos = _placebo.placebos(joined, courses, fit, level, rng)
    wider = _placebo.wider(placebos)
    fit = replace(fit, error=fit.error * wider, whole=fit.whole * wider)
    table = _table(joined, courses, fit, groups, level, rng)
    failed = [check for check in checks if check.passed is False]
    found = table["kind"].isin(["platform", "group"]) & (table["status"] == "found")
    verdict: Verdict = "inconclusive" if failed else "found" if found.any() else "nothing"
    reason = f"{failed[0].name}: {failed[0].sentence}" if failed else ""
    checks = (*checks, _separable(groups))
    said = _summary(table, verdict, reason, cards or {}, level)
    return Result(
        table, verdict, reason, said, checks, VERSION, parameters,
        _extra(site, joined, courses, fit, groups) | {"placebos": placebos},
    )  # fmt: skip


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    return Result(
        pd.DataFrame(columns=COLUMNS), "inconclusive", reason, f"Visits are not apportioned: {reason}.", (),
        VERSION, parameters,
    )  # fmt: skip


def together(site: Site) -> list[list[str]]:
    """Platforms by group: those whose shares coincide, both ways round, stand together."""
    names = site.platforms
    alike = np.eye(len(names))
    for p, one in enumerate(names):
        for q, other in enumerate(names[:p]):
            if one in site.shares and other in site.shares:
                pair = site.shares[one], site.shares[other]
                if len(pair[0].hour) and len(pair[1].hour):
                    alike[p, q] = alike[q, p] = min(_near(*pair), _near(*pair[::-1])) >= TOGETHER
    return _merge([[one] for one in names], names, alike)


def _near(one: Shares, other: Shares) -> float:
    """Part of the shares of one platform beside which another was shared too."""
    wide = int(max(one.hour.max(), other.hour.max())) + 4 * NEAR
    place = np.sort(other.content * wide + other.hour)
    mine = one.content * wide + one.hour
    at = np.searchsorted(place, mine - NEAR)
    return float(np.mean((at < len(place)) & (place[np.minimum(at, len(place) - 1)] <= mine + NEAR)))


def _merge(groups: list[list[str]], names: list[str], alike: np.ndarray) -> list[list[str]]:
    """Groups joined where any of their columns are alike."""
    by_name = {" + ".join(group): group for group in groups}
    left, out = list(range(len(names))), []
    while left:
        chain = [left.pop(0)]
        for p in chain:
            for q in [q for q in left if alike[p, q] > ALIKE]:
                chain.append(q)
                left.remove(q)
        out.append(sorted(one for p in chain for one in by_name.get(names[p], [names[p]])))
    return sorted(out)


def _courses(site: Site) -> list[Course]:
    """Each platform's course; one with too few stated visits borrows the others'."""
    nothing = np.zeros(site.direct.shape)
    none = Shares(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    learnt: dict[str, Course] = {}
    for one in site.platforms:
        y, shares = site.stated.get(one, nothing), site.shares.get(one, none)
        if y.sum() >= LEAST_STATED:
            course = _kernel.learn(y, site.known, shares.content, shares.hour, shares.count)
            if course.driven.sum() >= LEAST_STATED:
                learnt[one] = course
    weights = [np.sqrt(course.driven.sum()) for course in learnt.values()]
    usual = (
        np.average([course.kernel for course in learnt.values()], axis=0, weights=weights)
        if learnt
        else _kernel.TYPICAL
    )
    out = []
    for one in site.platforms:
        shares = site.shares.get(one, none)
        stated = float(site.stated.get(one, nothing).sum())
        out.append(
            learnt.get(one)
            or _kernel.borrowed(site.known, shares.content, shares.hour, shares.count, usual, stated)
        )
    return out


def _apportioned(site: Site, courses: list[Course]) -> Fit:
    nothing = np.zeros(site.direct.shape)
    stated = [site.stated.get(one, nothing) for one in site.platforms]
    return _dark.apportion(site.direct, site.known, site.begin, stated, courses)


def _separable(groups: list[list[str]]) -> Check:
    joined = [" + ".join(group) for group in groups if len(group) > 1]
    if joined:
        return Check(
            "separable",
            False,
            f"Always shared together, so their dark visits are told as one: {'; '.join(joined)}.",
        )
    return Check("separable", True, "Every platform was shared at times of its own.")


def _table(
    site: Site,
    courses: list[Course],
    fit: Fit,
    groups: list[list[str]],
    level: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    direct = float(site.direct.sum())
    total = direct + sum(float(y.sum()) for y in site.stated.values()) + site.elsewhere
    unknown = int((~site.known).sum())
    size = {" + ".join(group): len(group) for group in groups}
    rows: list[dict[str, Any]] = []
    for p, (one, course) in enumerate(zip(site.platforms, courses, strict=True)):
        dark, error = float(fit.dark[p]), float(fit.error[p])
        z = _quantile(level, len(np.unique(course.content)))
        dark_low = float(np.clip(fit.signed[p] - z * error, 0.0, dark))
        dark_high = float(np.clip(max(fit.signed[p], dark) + z * error, 0.0, max(direct, 0.0)))
        tried = bool(course.driven.any())
        if not tried:
            dark, dark_low, dark_high = np.nan, np.nan, np.nan
        stated = course.stated
        visits = stated + dark
        shares = int(course.count.sum())
        reason = "" if tried else "no share was seen and too few stated visits: its dark visits are unknown"
        if not reason and not shares:
            reason = "no share was seen: told by its referrers"
        row = {
            "platform": one, "kind": "group" if size[one] > 1 else "platform", "shares": shares,
            "visits": visits, "low": stated + dark_low, "high": stated + dark_high, "stated": stated,
            "dark": dark, "dark_low": dark_low, "dark_high": dark_high,
            "without": total - visits, "without_low": total - stated - dark_high,
            "without_high": total - stated - dark_low,
            "status": "inconclusive" if not tried else "found" if stated + dark_low > 0 else "nothing",
            "reason": reason,
        }  # fmt: skip
        rows.append(row | _per_share(course, dark, error, level, rng) | _pace(course, site.known))
    kept = np.nansum(fit.dark)
    z = _quantile(level, int(np.any([c.driven.any(axis=1) for c in courses], axis=0).sum()))
    base = float((fit.base * site.known).sum())
    signed = float(fit.signed.sum())
    low, high = max(0.0, min(kept, signed - z * fit.whole)), min(direct, max(kept, signed) + z * fit.whole)
    rows.append(
        {"platform": DARK, "kind": "part", "visits": kept, "low": low, "high": high, "dark": kept,
         "dark_low": low, "dark_high": high, "stated": 0.0, "status": "found" if low > 0 else "nothing",
         "reason": "part of the platforms' visits: not to be added to them"}
    )  # fmt: skip
    rows.append({"platform": "elsewhere", "kind": "rest", "visits": site.elsewhere, "low": site.elsewhere,
                 "high": site.elsewhere, "status": "found",
                 "reason": "search engines, sites, assistants: counted"})  # fmt: skip
    rows.append({"platform": "baseline", "kind": "rest", "visits": base,
                 "low": max(0.0, base - (high - kept)), "high": base + kept - low, "status": "found",
                 "reason": "direct visits that no share explains"})  # fmt: skip
    rows.append({"platform": "unexplained", "kind": "rest", "visits": direct - base - kept, "status": "found",
                 "reason": "direct visits beside baseline and shares; a remainder: no interval"})  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    table["unknown_hours"] = unknown
    ours = table["kind"].isin(["platform", "group"])
    table["course"] = table["course"].fillna("")
    return pd.concat([table[ours].sort_values("visits", ascending=False), table[~ours]], ignore_index=True)


def _quantile(level: float, contents: int) -> float:
    """Student's t, a degree of freedom less than contents: they differ (Cameron & Miller 2015)."""
    from scipy.special import stdtrit

    return float(stdtrit(max(contents - 1, 2), 0.5 + level / 2))


def _per_share(
    course: Course, dark: float, error: float, level: float, rng: np.random.Generator
) -> dict[str, float]:
    """Visits a seen share brought; its interval holds the attribution's error and how shares differ."""
    seen = course.count > 0
    count = course.count[seen].sum()
    driven = float(course.driven.sum())
    if not count or not driven:
        return {"per_share": np.nan, "per_share_low": np.nan, "per_share_high": np.nan}
    stated = 0.0 if course.borrowed else 1.0
    factor = stated + dark / driven
    each = course.size[seen]
    value = float(each.sum() / count * factor)
    if seen.sum() < 2:
        return {"per_share": value, "per_share_low": np.nan, "per_share_high": np.nan}
    pick = rng.integers(0, seen.sum(), (2000, int(seen.sum())))
    rates = each[pick].sum(axis=1) / course.count[seen][pick].sum(axis=1)
    drawn = rates * np.maximum(factor + rng.standard_normal(2000) * error / driven, 0.0)
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return {"per_share": value, "per_share_low": float(low), "per_share_high": float(high)}


def _pace(course: Course, known: np.ndarray) -> dict[str, Any]:
    """Hours to the fastest, from there to half that pace, and whether days make a flash or a long tail."""
    if course.borrowed or not len(course.hour):
        return {"delay_hours": np.nan, "half_life_hours": np.nan, "course": ""}
    # a share falls somewhere into its hour, so that hour and the next are one and a half
    edges = np.r_[0.0, _kernel.EDGES[2:] - 0.5]
    part = np.bincount(np.maximum(_kernel.BIN - 1, 0), weights=course.kernel)
    pace, middle = part / np.diff(edges), (edges[:-1] + edges[1:]) / 2
    top = int(pace.argmax())
    below = np.flatnonzero(pace[top:] <= pace[top] / 2)
    half = np.nan
    if len(below):
        b = top + int(below[0])
        step = (pace[b - 1] - pace[top] / 2) / max(pace[b - 1] - pace[b], 1e-12)
        half = float(middle[b - 1] + step * (middle[b] - middle[b - 1]) - middle[top])
    days = np.add.reduceat(course.kernel, np.arange(0, 240, 24))[:10] * course.driven.sum()
    last = known.shape[1] - known[:, ::-1].argmax(axis=1)
    seen = int((last[course.content] - course.hour).max())
    days = days[: max((seen + 12) // 24, 1)]  # as long as any share has been watched
    told = tell(
        pd.DataFrame({"start": pd.date_range("2000-01-01", periods=len(days), tz="UTC"), "value": days})
    )
    kind = str(told.table["kind"].iloc[0]) if len(told.table) else ""
    dated = bool((course.count > 0).any())
    return {"delay_hours": float(middle[top]) if dated else np.nan, "half_life_hours": half, "course": kind}


def _extra(
    site: Site, joined: Site, courses: list[Course], fit: Fit, groups: list[list[str]]
) -> dict[str, pd.DataFrame]:
    """What the charts draw."""
    names = joined.platforms
    nothing = np.zeros(site.direct.shape)
    lag = np.arange(REACH)
    kernels = [
        pd.DataFrame({"platform": one, "hours": lag, "part": course.kernel, "come": np.cumsum(course.kernel)})
        for one, course in zip(names, courses, strict=True)
        if not course.borrowed
    ]
    bands = {one: joined.stated.get(one, nothing) + fit.parts[p] for p, one in enumerate(names)}
    contents = pd.DataFrame(
        [
            (site.contents[i], one, int(course.count[course.content == i].sum()), float(bands[one][i].sum()))
            for one, course in zip(names, courses, strict=True)
            for i in np.flatnonzero(
                bands[one].any(axis=1) | np.isin(np.arange(len(site.contents)), course.content)
            )
        ],
        columns=["content_id", "platform", "shares", "visits"],
    )
    rest = site.direct - fit.base * site.known - np.sum(fit.parts, axis=0)
    bands |= {"baseline": fit.base * site.known, "unexplained": rest, DARK: np.sum(fit.parts, axis=0)}
    day = (site.begin + np.arange(site.direct.shape[1])) // 24
    first, place = int(day[0]), (day - day[0]).astype(int)
    dead = ~site.known.any(axis=0)
    unknown = np.bincount(place, weights=dead) > 0
    starts = to_times((first + np.arange(place[-1] + 1)) * 24 * HOUR)
    daily = pd.concat(
        [
            pd.DataFrame(
                {"platform": one, "start": starts, "end": starts + pd.Timedelta(days=1),
                 "value": np.where(unknown, np.nan, np.bincount(place, weights=band.sum(axis=0)))}
            )
            for one, band in bands.items()
        ],
        ignore_index=True,
    )  # fmt: skip
    stated = pd.DataFrame(
        [
            (one, " + ".join(group), float(site.stated.get(one, nothing).sum()))
            for group in groups
            for one in group
        ],
        columns=["platform", "group", "stated"],
    )
    empty = pd.DataFrame(columns=["platform", "hours", "part", "come"])
    return {"kernels": pd.concat(kernels, ignore_index=True) if kernels else empty, "daily": daily,
            "contents": contents, "stated": stated}  # fmt: skip


def _summary(
    table: pd.DataFrame, verdict: Verdict, reason: str, cards: Mapping[str, Card], level: float
) -> str:
    ours = table[table["kind"].isin(["platform", "group"]) & (table["status"] == "found")]
    dark = table[table["platform"] == DARK].iloc[0]
    said = [
        f"{' and '.join(name(one, cards) for one in row.platform.split(' + '))} sent "
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
