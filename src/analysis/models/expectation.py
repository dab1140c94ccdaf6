"""Where to expect what of the next piece of content, with the evidence, or that the evidence is missing.

Question. We publish something tomorrow and share it as before. What will each platform probably do for it?

Formula. The contents that a platform took up so far (a share was seen there, or it sent a visit) are laid
in order of the visits it sent them (as ``attribution`` tells them). Were the next one another of the same
kind, it would fall between the k-th lowest and the k-th highest of n with probability (n + 1 - 2k) / (n +
1): the greatest k is taken for which that is at least four in five, else k = 1, and the probability
stands beside the range. Nothing about the shape of the distribution is assumed. How long it lasts,
answers and links are the measures of ``attribution`` and ``roles``, each in its own words and unit;
nothing is put into one score.

Assumes that the next piece is like the last ones, and is taken up there at all (``taken_up`` says how
often that happened).

Abstains for a platform that took up fewer than five contents: the evidence is missing.

Source. Wilks, Annals of Mathematical Statistics 12 (1941), for distribution-free ranges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.lead import span, wilson
from analysis.models.overview import name
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card

VERSION = "expectation 1.0"
LEAST, SURE = 5, 0.8
TAKEN = 1.0
"""Visits from which on a platform counts as having taken a content up, where no share was seen."""
COLUMNS = ["platform", "visits", "low", "high", "chance", "contents", "taken_up", "lasts", "conversation",
           "links", "evidence"]  # fmt: skip


def expectation(sent: Result, good_for: Result, contents: int, cards: Mapping[str, Card]) -> Result:
    """What to expect of each platform for the next piece of content.

    Parameters
    ----------
    sent
        Result of ``attribution.attribution``.
    good_for
        Result of ``roles.roles``.
    contents
        How many contents there were in the period: what ``taken_up`` is a share of.
    cards
        Platform name to its card.

    Returns
    -------
    Result
        ``table``: a row a platform: platform; visits (median of what it sent to a content it took up), low,
        high; chance (probability that the next lies between them); contents (on which this rests);
        taken_up (in words, with a 90 % interval); lasts, conversation, links (in words); evidence (what it
        rests on, or what is missing). Platforms in the order of their names. ``found`` when anything is
        expected of any.
    """
    each = sent.extra.get("contents", pd.DataFrame(columns=["content_id", "platform", "shares", "visits"]))
    named = sent.table[sent.table["kind"].isin(["platform", "group"])] if len(sent.table) else sent.table
    course = named.set_index("platform")
    measured = good_for.table
    rows = []
    for platform in sorted({*named["platform"], *measured["platform"]}):
        mine = each[each["platform"] == platform]
        taken = mine[(mine["shares"] > 0) | (mine["visits"] >= TAKEN)]["visits"].dropna()
        visits = np.sort(taken.to_numpy(float))
        row = {"platform": platform, "contents": len(visits)} | next_range(visits)
        low, high = wilson(len(visits), contents)
        row["taken_up"] = f"{len(visits):,} of {contents:,} ({low:.0%} to {high:.0%})" if contents else ""
        row["lasts"] = _lasts(course.loc[platform]) if platform in course.index else "unknown"
        about = measured[measured["platform"] == platform]
        row["conversation"] = _answers(about[about["measure"] == "posts answered"])
        row["links"] = _links(about[about["role"] == "links"])
        rows.append(row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    known = table[table["visits"].notna()]
    verdict: Verdict = "found" if len(known) else "inconclusive"
    reason = "" if len(known) else f"no platform took up {LEAST} contents"
    return Result(table, verdict, reason, _summary(table, known, cards, reason), (), VERSION, {})


def come_in(kernels: pd.DataFrame) -> pd.DataFrame:
    """How much of what a share brings has come by when.

    ``kernels``: ``extra["kernels"]`` of ``attribution``. Gives platform, hours (after the share), come (part
    of its visits, 0 to 1), half_hours (the first hour by which half has come).
    """
    out = kernels.sort_values(["platform", "hours"], ignore_index=True).astype({"part": float})
    group = out.groupby("platform")["part"]
    out["come"] = group.cumsum() / group.transform("sum")
    out["hours"] = out["hours"] + 1
    half = out[out["come"] >= 0.5].groupby("platform")["hours"].min()
    return out.assign(half_hours=out["platform"].map(half))[["platform", "hours", "come", "half_hours"]]


def next_range(visits: np.ndarray) -> dict[str, Any]:
    """Between which of the sorted visits of earlier contents the next one falls, and how surely."""
    n = len(visits)
    if n < LEAST:
        return {"visits": np.nan, "low": np.nan, "high": np.nan, "chance": np.nan,
                "evidence": f"missing: {n:,} contents taken up, at least {LEAST} are needed"}  # fmt: skip
    k = max(int((n + 1) * (1 - SURE) / 2 + 1e-9), 1)
    chance = (n + 1 - 2 * k) / (n + 1)
    return {
        "visits": float(np.round(np.median(visits))),
        "low": float(np.floor(visits[k - 1])),
        "high": float(np.ceil(visits[n - k])),
        "chance": chance,
        "evidence": f"{n:,} contents; the range holds {chance:.0%}",
    }


def _lasts(row: pd.Series) -> str:
    if row["half_life_hours"] != row["half_life_hours"]:
        return "unknown"
    course = f", {row['course']}" if isinstance(row["course"], str) and row["course"] else ""
    return f"halves in {span(row['half_life_hours'])}{course}"


def _answers(rows: pd.DataFrame) -> str:
    known = rows[rows["value"].notna()]
    told = [
        f"{row.value:.0%} of own posts answered{'' if row.account == 'unstated' else f' ({row.account})'}"
        for row in known.itertuples()
    ]
    return "; ".join(told) or "not enough data"


def _links(rows: pd.DataFrame) -> str:
    by_card = rows.loc[rows["measure"] == "links by its card", "says"]
    seen = rows[(rows["measure"] == "links seen followed") & rows["value"].notna()]
    told = [f"{by_card.iloc[0]} by its card"] if len(by_card) else []
    told += [f"{row.seen:,.0f} of {row.of:,.0f} seen followed" for row in seen.itertuples()]
    return "; ".join(told) or "unknown"


def _summary(table: pd.DataFrame, known: pd.DataFrame, cards: Mapping[str, Card], reason: str) -> str:
    if reason:
        return f"Nothing can be expected of the next piece: {reason}."
    most = known.sort_values("visits", ascending=False).head(3)
    said = [
        f"{name(row.platform, cards)} {row.visits:,.0f} (between {row.low:,.0f} and {row.high:,.0f} with "
        f"{row.chance:.0%} chance)"
        for row in most.itertuples()
    ]
    missing = [name(one, cards) for one in table.loc[table["visits"].isna(), "platform"]]
    told = f"Visits to expect where the next piece is taken up: {'; '.join(said)}."
    return f"{told} The evidence is missing for {', '.join(missing)}." if missing else told
