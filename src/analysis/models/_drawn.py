"""What charts draw of an attribution: kernels, visits by day and by content, stated visits by platform."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.models._dark import Fit
from analysis.models._kernel import REACH, Course
from analysis.models._site import HOUR, JOINT, Site
from analysis.models.grid import to_times
from analysis.traffic.exposure import DARK


def drawn(
    site: Site, joined: Site, courses: list[Course], fit: Fit, groups: list[list[str]]
) -> dict[str, pd.DataFrame]:
    """The frames of ``attribution``'s ``extra``; ``joined``: the site with each group as one platform."""
    bands = {one: joined.stated_by(one) + fit.parts[p] for p, one in enumerate(joined.platforms)}
    stated = pd.DataFrame(
        [(one, JOINT.join(group), float(site.stated_by(one).sum())) for group in groups for one in group],
        columns=["platform", "group", "stated"],
    )
    return {
        "kernels": _kernels(joined.platforms, courses),
        "daily": _daily(site, fit, bands),
        "contents": _contents(site, courses, bands),
        "stated": stated,
    }


def _kernels(platforms: list[str], courses: list[Course]) -> pd.DataFrame:
    """Of platforms whose course is their own; what the end of an hour has seen come is summed up."""
    parts = [
        pd.DataFrame(
            {"platform": one, "hours": np.arange(REACH), "part": course.kernel,
             "come": np.cumsum(course.kernel)}
        )
        for one, course in zip(platforms, courses, strict=True)
        if not course.borrowed
    ]  # fmt: skip
    empty = pd.DataFrame(columns=["platform", "hours", "part", "come"])
    return pd.concat(parts, ignore_index=True) if parts else empty


def _contents(site: Site, courses: list[Course], bands: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row where a platform was shared with or brought anything."""
    every = np.arange(len(site.contents))
    return pd.DataFrame(
        [
            (site.contents[i], one, int(course.count[course.content == i].sum()), float(band[i].sum()))
            for (one, band), course in zip(bands.items(), courses, strict=True)
            for i in np.flatnonzero(band.any(axis=1) | np.isin(every, course.content))
        ],
        columns=["content_id", "platform", "shares", "visits"],
    )


def _daily(site: Site, fit: Fit, bands: dict[str, np.ndarray]) -> pd.DataFrame:
    """Each platform's visits by day, with baseline, unexplained and dark social beside them."""
    base, dark = fit.base * site.known, np.sum(fit.parts, axis=0)
    bands = bands | {"baseline": base, "unexplained": site.direct - base - dark, DARK: dark}
    day = (site.begin + np.arange(site.direct.shape[1])) // 24
    first, place = int(day[0]), (day - day[0]).astype(int)
    unknown = np.bincount(place, weights=~site.known.any(axis=0)) > 0
    starts = to_times((first + np.arange(place[-1] + 1)) * 24 * HOUR)
    parts = [
        pd.DataFrame(
            {"platform": one, "start": starts, "end": starts + pd.Timedelta(days=1),
             "value": np.where(unknown, np.nan, np.bincount(place, weights=band.sum(axis=0)))}
        )
        for one, band in bands.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)
