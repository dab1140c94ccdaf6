"""Who was first: which platform had a content before which, and by how long.

Question. The same content appeared on several platforms. In what order, and is one platform usually
ahead of another?

Formula. On each platform a content begins with its first dated act; where the platform dates nothing
it is known only from when on somebody saw it there (the first reading above 0), so it may have been
earlier. For each pair of platforms: on how many contents each was first, the median lag, and Wilson's
90 % interval of the share of contents on which the first of the pair led. A pair is ordered when that
interval excludes one half.

Assumes that the moments are the platform's own. Being first is not causing.

Abstains when no content appeared on two platforms.

Source. Wilson, J. Am. Stat. Assoc. 22 (1927) for the interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card

VERSION = "lead 1.0"
Z = 1.6449  # 90 %, two-sided
LEVEL = 0.1
PAIRS = [
    "first",
    "then",
    "contents",
    "led",
    "share",
    "share_low",
    "share_high",
    "median_hours",
    "ordered",
    "dated",
]


def lead(
    events: pd.DataFrame,
    found: pd.DataFrame,
    contents: pd.Series | None = None,
    cards: Mapping[str, Card] | None = None,
) -> Result:
    """When each content began on each platform.

    Parameters
    ----------
    events
        content_id, platform, occurred_at of dated acts.
    found
        Counters, as ``counters.counters`` gives them.
    contents
        Look at these content_ids only.
    cards
        Platform name to its card, so that pairs carry names as people know them.

    Returns
    -------
    Result
        ``table``: a row a content and platform, in order of time: content_id; platform; at (UTC);
        dated (the platform dated it itself; otherwise: seen by then); after_hours (after the first);
        order (1: the first). ``extra["pairs"]``: a row a pair of platforms that share contents:
        first, then (the platform that led more often is named first); contents; led (contents on which
        it was first); share, share_low, share_high (0 to 1); median_hours (from first to then);
        ordered (the sign test says so); dated (every moment was dated by its platform).
    """
    dated = events.groupby(["content_id", "platform"], observed=True)["occurred_at"].min()
    seen = found[found["value"] > 0].groupby(["content_id", "platform"])["at"].min()
    table = pd.concat([dated.rename("at").to_frame().assign(dated=True), seen.to_frame().assign(dated=False)])
    table = table.reset_index().sort_values(["dated"], ascending=False, kind="stable")
    table = table.drop_duplicates(["content_id", "platform"])
    if contents is not None:
        table = table[table["content_id"].isin(contents)]
    table = table.sort_values(["at", "platform"], ignore_index=True)
    table["at"] = pd.to_datetime(table["at"], utc=True)
    first = table.groupby("content_id")["at"].transform("min")
    table["after_hours"] = (table["at"] - first).dt.total_seconds() / 3600
    table["order"] = table.groupby("content_id").cumcount() + 1
    pairs = _pairs(table)
    called = {card.name: card.title for card in (cards or {}).values()}
    pairs[["first", "then"]] = pairs[["first", "then"]].replace(called)
    several = int((table.groupby("content_id").size() > 1).sum())
    verdict: Verdict = (
        "found" if len(pairs) and pairs["ordered"].any() else "nothing" if several else "inconclusive"
    )
    reason = "" if several else "no content appeared on two platforms"
    return Result(table, verdict, reason, _summary(pairs, several, reason), (), VERSION, {}, {"pairs": pairs})


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    wide = table.pivot(index="content_id", columns="platform", values="at")
    sure = table.pivot(index="content_id", columns="platform", values="dated")
    rows = []
    for one, other in combinations(wide.columns, 2):
        both = wide[[one, other]].dropna()
        if both.empty:
            continue
        lag = (both[other] - both[one]).dt.total_seconds().to_numpy() / 3600
        if (lag > 0).sum() < (lag < 0).sum():
            one, other, lag = other, one, -lag
        n, led = int((lag != 0).sum()), int((lag > 0).sum())
        low, high = wilson(led, n)
        known = bool(sure.loc[both.index, [one, other]].astype(bool).all(axis=None))
        share = led / n if n else np.nan
        rows.append(
            (one, other, len(both), led, share, low, high, float(np.median(lag)), sign_test(led, n), known)
        )
    pairs = pd.DataFrame(rows, columns=PAIRS).sort_values("contents", ascending=False, ignore_index=True)
    pairs["ordered"] = pairs["ordered"] * max(len(pairs), 1) <= LEVEL
    return pairs


def sign_test(led: int, trials: int) -> float:
    """How likely a lead at least this lopsided is when neither platform tends to be first."""
    if trials == 0:
        return 1.0
    more = max(led, trials - led)
    return min(1.0, 2.0 * sum(comb(trials, k) for k in range(more, trials + 1)) / 2**trials)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 90 % interval of a share; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, square = successes / trials, Z * Z
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z / (1 + square / trials) * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    low = float(centre - half) if successes else 0.0
    return low, float(centre + half) if successes < trials else 1.0


def _summary(pairs: pd.DataFrame, several: int, reason: str) -> str:
    if reason:
        return f"No verdict: {reason}."
    said = f"{several:,} content{'s' if several > 1 else ''} appeared on more than one platform. "
    ordered = pairs[pairs["ordered"]]
    if ordered.empty:
        return said + "No platform was ahead of another often enough to say so."
    parts = [
        f"{row.first} was ahead of {row.then} on {row.led} of {row.contents} "
        f"(by {span(abs(row.median_hours))} in the median{'' if row.dated else ', as far as it was seen'})"
        for row in ordered.head(3).itertuples()
    ]
    return said + "; ".join(parts) + "."


def span(hours: float) -> str:
    """A length of time in words."""
    if hours != hours:
        return "an unknown time"
    if hours < 1:
        return f"{hours * 60:.0f} minutes"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
