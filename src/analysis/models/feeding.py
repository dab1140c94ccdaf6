"""Which rising contents feed themselves, and which are carried from outside.

Question. Of the contents rising now on platforms that date each act or count them in bins: how many
further acts does one act set off, what share came from outside, and does the burst end by its own
evidence?

Formula. ``cascade`` on each content's acts, or on its counts in bins of equal length, up to the moment.

Assumptions. Those of ``cascade``: one constant outside rate, one memory. It looks at one content alone;
``forecast`` at what contents like it have done, so the two may differ.

Abstains for a content with too few acts or bins, and gives no end where the ratio may be 1 or more
("supercritical: no finite forecast" where its best value is). Readings of a counter at irregular times
cannot be asked this.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.models import cascade, pooled
from analysis.models.outlook import Followed, rising_items
from analysis.models.result import Result
from analysis.models.tracks import Tracks

VERSION = "feeding 1.0"
RATIO = ["branching_ratio", "forecast", "reason", "fits"]
COLUMNS = ["title", "ends at", "acts", "acts per act", "from outside", "platform", "age_hours", "fits"]


def feeding(
    followed: Mapping[str, Followed],
    as_of: pd.Timestamp,
    titles: Mapping[str, str] | pd.Series | None = None,
    most: int = 12,
) -> Result:
    """How far each rising content feeds itself.

    Parameters
    ----------
    followed
        Each platform's items (``outlook.follow``), as known at ``as_of``.
    titles
        content_id to title, for the table.
    most
        Contents asked per platform, the largest first.

    Returns
    -------
    Result
        Table: title (or the content's id); ends at (acts, by its own evidence, or why none can be named);
        acts; acts per act (the branching ratio with its 95 % interval, in words); from outside (share of
        the acts); platform; age_hours; fits (whether the model describes the acts). Sorted by platform and
        branching ratio. Extra: numbers (``cascade``'s columns, with content_id, platform and its title),
        silent (platform, content_id, reason).
    """
    at = pd.Timestamp(as_of).timestamp()
    parameters = {"as_of": pd.Timestamp(as_of), "most": most}
    names = {} if titles is None else dict(titles)
    found: list[pd.DataFrame] = []
    silent: list[list[str]] = []
    for platform, mine in sorted(followed.items()):
        tracks = mine.tracks
        if tracks.shape == "readings":
            continue
        item = rising_items(tracks, at)
        item = item[np.argsort(-tracks.known(item, np.full(len(item), at)), kind="stable")][:most]
        for k in item:
            told, content = _fit(tracks, int(k), at), str(mine.content[k])
            if told.table.empty:
                silent.append([platform, content, told.reason])
                continue
            fits = all(check.passed is not False for check in told.checks)
            age = (at - tracks.first[k]) / 3600
            about = {
                "platform": platform,
                "on": mine.title,
                "content_id": content,
                "age_hours": age,
                "reason": told.reason,
            }
            found.append(told.table.assign(**about, fits=fits))
    numbers = (
        pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["platform", "on", *RATIO])
    )
    numbers = numbers.sort_values(["platform", "branching_ratio"], ascending=[True, False], ignore_index=True)
    table = _in_words(numbers, names)
    extra = {"silent": pd.DataFrame(silent, columns=["platform", "content_id", "reason"]), "numbers": numbers}
    if table.empty:
        if not silent:
            said = "Nothing is rising where acts are dated or counted in bins."
            return Result(table, "nothing", "", said, (), VERSION, parameters, extra)
        reason = "too few acts to tell self-feeding from outside"
        said = (
            f"{len(silent)} contents rise where acts are dated or binned, and of none can be said: {reason}."
        )
        return Result(table, "inconclusive", reason, said, (), VERSION, parameters, extra)
    return Result(table, "found", "", _said(numbers, len(silent)), (), VERSION, parameters, extra)


def _fit(tracks: Tracks, item: int, at: float) -> Result:
    here = slice(tracks.start[item], tracks.index(np.array([item]), np.array([at]))[0] + 1)
    if tracks.shape == "events":
        when = pd.to_datetime(tracks.at[here] * 1e6, unit="us", utc=True)
        people = pooled.audience(tracks, item)[: len(when)]
        acts = pd.DataFrame({"occurred_at": when, "observed_at": when, "audience": people})
        moment = pd.Timestamp(at * 1e6, unit="us", tz="UTC")
        return cascade.fit(acts, moment)
    ends = np.r_[tracks.born[item], tracks.at[here]]
    width = np.diff(ends)
    if np.ptp(width) > 1.0:
        empty = pd.DataFrame(columns=cascade.COLUMNS)
        reason = "its bins differ in length or leave gaps"
        return Result(empty, "inconclusive", reason, f"{reason}.", (), cascade.VERSION, {})
    return cascade.fit_counts(np.diff(tracks.value[here], prepend=0.0), width[0] / 3600)


def _in_words(numbers: pd.DataFrame, titles: dict[str, str]) -> pd.DataFrame:
    rows = []
    for one in numbers.to_dict("records"):
        ratio = f"{one['branching_ratio']:.2f} ({one['ratio_low']:.2f}–{one['ratio_high']:.2f})"
        ends = f"{one['forecast']:,.0f} ({one['q10']:,.0f}–{one['q90']:,.0f})"
        known = one["branching_ratio"] == one["branching_ratio"]
        rows.append([
            titles.get(one["content_id"], one["content_id"]), one["reason"] or ends, one["acts"],
            ratio if known else "growing, not to be told",
            f"{one['share_from_outside']:.0%}" if known else None,
            one["on"], one["age_hours"], one["fits"],
        ])  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _said(table: pd.DataFrame, silent: int) -> str:
    endless = int((table["reason"] == cascade.SUPERCRITICAL).sum())
    unsure = int(table["forecast"].isna().sum()) - endless
    poor = int((~table["fits"]).sum())
    said = (
        f"Of {len(table)} rising contents whose acts could be fitted, {endless or 'none'} by its own "
        f"evidence feeds itself without end ({cascade.SUPERCRITICAL})."
    )
    if unsure:
        said += f" Of {unsure} more that cannot be ruled out."
    ends = table[table["forecast"].notna()]
    if len(ends):
        top = ends.loc[ends["branching_ratio"].idxmax()]
        said += (
            f" Of those bound to end, the one that feeds itself most, on {top['on']}, sets off "
            f"{top['branching_ratio']:.2f} acts per act (95%: {top['ratio_low']:.2f} to "
            f"{top['ratio_high']:.2f}); {top['share_from_outside']:.0%} of its acts came from outside."
        )
    if poor:
        said += f" Of {poor} the model describes the acts poorly: read those numbers with care."
    return said + (f" {silent} more have too few acts." if silent else "")
