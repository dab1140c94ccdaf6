"""Is each site used as it is meant to be? Habits of one's own accounts, against the platform's own rule.

Question. What do we do there that its members would take for spam, and what should stop before they do?

Formula. For each platform and account (business and private apart), five habits. **Own links**: the share
of own posts (answers and messages are none) that carry a link to the publisher's site. **One link in
several communities**: of the own links handed to communities, the share that went to more than one within
a week of the first. **Link-only posts**: of the posts with an own link whose words an export counts, the
share with no word beside it. **Repeated messages**: of the messages nobody asked for, the share whose
link was sent before. All with Wilson's 90 % interval. **Bursts**: the most posts within an hour, against
999 shuffles of the account's own times of day over the days it posted on (an exact permutation test); the
interval is what nine in ten shuffles reach.

A habit is judged by the number the platform names, cited from its card, or by a limit the publisher sets
itself (``limits``). It is **found** when the whole interval lies above that number, **nothing** when none
of it does or the habit was not seen once, and otherwise inconclusive. Where neither platform nor
publisher names a number there is no verdict on the habit: it is measured, with what the card says beside
it, and no threshold is made up. A burst is judged by chance alone: found when the account's own rhythm
makes it in fewer than one shuffle in twenty, over all accounts together (the level is shared out among
them, so that beyond fifty accounts 999 shuffles can show no burst).

Assumes that posts are as alike as coins: posts made by one plan make the true interval wider.

Abstains, habit by habit, below ten posts, ten links whose words are known, five links handed to communities
or five messages, which say nothing.

Source. Wilson, J. Am. Stat. Assoc. 22 (1927); permutation tests: Phipson and Smyth, Stat. Appl. Genet.
Mol. Biol. 9 (2010) for the p-value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models.lead import wilson
from analysis.models.own import POSTS
from analysis.models.result import Result, Verdict
from analysis.platforms.card import HABITS, Card, Conduct

VERSION = "conduct 1.0"
LEAST_POSTS, LEAST_FEW = 10, 5
WEEK, WINDOW = pd.Timedelta(days=7), pd.Timedelta(hours=1)
SHUFFLES, LEVEL = 999, 0.05
OWN, SEVERAL, BURSTS, LINK_ONLY, MESSAGES = HABITS
HABIT_WORDS = {
    OWN: "posts with an own link",
    SEVERAL: "links handed to several communities",
    BURSTS: "posts within an hour",
    LINK_ONLY: "links without a word",
    MESSAGES: "messages sent again",
}
COLUMNS = ["platform", "account", "habit", "value", "low", "high", "seen", "of", "unit", "limit", "rule",
           "source", "verdict", "reason", "stop"]  # fmt: skip
STOP = {
    OWN: "post more of what is not your own, or post less",
    SEVERAL: "hand a link to the one community it is for",
    BURSTS: "spread posts over hours and days",
    LINK_ONLY: "say what a link is and why it is there, or leave it",
    MESSAGES: "write to people who asked",
}


def conduct(
    own: pd.DataFrame,
    cards: Mapping[str, Card],
    *,
    limits: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Result:
    """Each habit of each own account, against the platform's own rule.

    Parameters
    ----------
    own
        The publisher's own acts, as ``own.own_acts`` gives them.
    cards
        Platform name to its card, with its rules of conduct.
    limits
        Habit (one of ``card.HABITS``) to the share the publisher allows itself, 0 to 1, where a platform
        names no number.
    seed
        Of the shuffles.

    Returns
    -------
    Result
        ``table``: a row a platform, account and habit: platform; account; habit; value, low, high (share,
        or posts within an hour); seen, of (how many of how many); unit; limit (the number judged by,
        missing where none); rule (what the card says); source; verdict; reason; stop (what to stop, where
        found). ``found`` when any habit is.
    """
    strange = sorted(set(limits or {}) - set(HABITS))
    if strange:
        raise UserError(f"there is no habit {strange[0]!r} to limit; there are {', '.join(HABITS)}")
    rows = []
    groups = [*own.groupby(["platform", "account"], sort=True)]
    rng = np.random.default_rng(seed)
    for (platform, account), part in groups:
        card = cards.get(platform)
        measured = _habits(part.sort_values("at"), rng, LEVEL / len(groups))
        for habit, row in measured.items():
            rule = _rule(card, habit)
            rows.append({"platform": platform, "account": account, "habit": habit}
                        | _judged(row, habit, rule, (limits or {}).get(habit), card))  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    found = table[table["verdict"] == "found"]
    judged = bool((table["verdict"] != "inconclusive").any())
    verdict: Verdict = "found" if len(found) else "nothing" if judged else "inconclusive"
    reason = (
        "" if judged else "no act of an own account is known" if table.empty else "nothing could be judged"
    )
    parameters = {"limits": dict(limits or {}), "seed": seed}
    return Result(table, verdict, reason, _summary(table, found, reason, cards), (), VERSION, parameters)


def _rule(card: Card | None, habit: str) -> Conduct | None:
    told = [one for one in (card.conduct if card else ()) if one.habit in (habit, "")]
    return max(told, key=lambda one: (one.most is not None, one.habit != ""), default=None)


def _habits(part: pd.DataFrame, rng: np.random.Generator, level: float) -> dict[str, dict[str, Any]]:
    posts = part[part["kind"].isin(POSTS)]
    links = posts[posts["own_link"]]
    told = links[links["words"].notna()]
    handed = links.dropna(subset="community")
    near = handed.groupby("content_id")["at"].transform("min") + WEEK >= handed["at"]
    spread = handed[near].groupby("content_id")["community"].nunique()
    unasked = part[(part["kind"] == "message") & part["parent_id"].isna()]
    again = unasked.duplicated("content_id")
    return {
        OWN: _share(len(links), len(posts), LEAST_POSTS, "own posts"),
        SEVERAL: _share(int((spread > 1).sum()), len(spread), LEAST_FEW, "links handed to communities"),
        BURSTS: _bursts(posts["at"], rng, level),
        LINK_ONLY: _share(int((told["words"] == 0).sum()), len(told), LEAST_POSTS,
                          "posts with an own link whose words are known"),
        MESSAGES: _share(int(again.sum()), len(unasked), LEAST_FEW, "messages nobody asked for"),
    }  # fmt: skip


def _share(seen: int, of: int, least: int, what: str) -> dict[str, Any]:
    row: dict[str, Any] = {"seen": seen, "of": of, "unit": f"share of {what}"}
    if of < least:
        few = f"not enough data: {of} {what}, at least {least} are needed" if of else f"no {what} are known"
        return row | {"value": np.nan, "low": np.nan, "high": np.nan, "few": few}
    low, high = wilson(seen, of)
    return row | {"value": seen / of, "low": low, "high": high, "few": ""}


def most_within(at: np.ndarray, window: int) -> np.ndarray:
    """The most moments within a window, along the last axis; sorted moments and window in one unit."""
    # each moment of a row stands i-th; the window that begins with it ends before searchsorted's place
    reach = np.apply_along_axis(lambda row: np.searchsorted(row, row + window) - np.arange(len(row)), -1, at)
    return np.asarray(reach.max(axis=-1))


def _bursts(at: pd.Series, rng: np.random.Generator, level: float) -> dict[str, Any]:
    row: dict[str, Any] = {"of": len(at), "unit": "posts within an hour"}
    nothing = row | {"value": np.nan, "low": np.nan, "high": np.nan, "seen": 0}
    if len(at) < LEAST_POSTS:
        few = f"not enough data: {len(at)} own posts, at least {LEAST_POSTS} are needed"
        return nothing | {"few": few if len(at) else "no own posts are known"}
    seconds = at.to_numpy("M8[s]").astype(np.int64)
    day, time = np.divmod(seconds, 86_400)
    window = int(WINDOW.total_seconds())
    most = int(most_within(np.sort(seconds), window))
    drawn = np.sort(day * 86_400 + rng.permuted(np.tile(time, (SHUFFLES, 1)), axis=1), axis=1)
    chance = most_within(drawn, window)
    p = (1 + int((chance >= most).sum())) / (SHUFFLES + 1)
    low, high = np.quantile(chance, [0.05, 0.95])
    return row | {
        "value": float(most),
        "low": low,
        "high": high,
        "seen": most,
        "few": "",
        "p": p,
        "level": level,
    }


def _judged(
    row: dict[str, Any], habit: str, rule: Conduct | None, allowed: float | None, card: Card | None
) -> dict[str, Any]:
    meant = f"meant for {' and '.join(card.purpose)}" if card else "no card"
    limit = rule.most if rule and rule.most is not None else allowed
    out = row | {
        "limit": np.nan if limit is None else limit,
        "rule": rule.text if rule else f"{meant}; no rule of its own on this is recorded",
        "source": rule.source if rule else "the card's purpose",
    }
    if limit is not None and (rule is None or rule.most is None):
        out["source"] = "the publisher's own limit"
    verdict, reason = "inconclusive", row["few"]
    if not row["few"] and habit == BURSTS:
        burst = row["p"] <= row["level"] and row["value"] > row["high"]
        verdict = "found" if burst else "nothing"
        reason = f"chance: one shuffle in {1 / row['p']:,.0f} reaches as many"
    elif not row["few"] and not row["seen"]:
        verdict, reason = "nothing", "not seen once"
    elif not row["few"] and limit is None:
        reason = "the platform names no number: measured, not judged"
    elif not row["few"] and limit is not None:
        verdict = "found" if row["low"] > limit else "nothing" if row["high"] <= limit else verdict
        reason = "" if verdict != "inconclusive" else "the interval reaches over the limit"
    return out | {"verdict": verdict, "reason": reason, "stop": STOP[habit] if verdict == "found" else ""}


def _summary(table: pd.DataFrame, found: pd.DataFrame, reason: str, cards: Mapping[str, Card]) -> str:
    if table.empty:
        return f"Nothing can be said of conduct: {reason}."
    said = [
        f"On {_where(row, cards)}: {_told(row)}; {row.stop}." for row in found.itertuples()
    ]  # fmt: skip
    open_ = table[(table["verdict"] == "inconclusive") & table["value"].notna()]
    for (platform, account), part in open_.groupby(["platform", "account"], sort=False):
        told = [f"{HABIT_WORDS[row.habit]} {row.seen} of {row.of}" for row in part.itertuples() if row.seen]
        if told:
            said.append(
                f"Measured and not judged on {_named(platform, account, cards)}, where no number decides: "
                f"{', '.join(told)}."
            )
    few = table[table["value"].isna()].groupby(["platform", "account"], sort=False).size()
    silent = [_named(where, whose, cards) for where, whose in few.index[few == len(HABITS)]]
    if silent:
        said.append(f"Not enough data on {', '.join(silent)}.")
    if found.empty:
        said.insert(0, "Nothing to stop was found." if not reason else f"No verdict: {reason}.")
    return " ".join(said)


def _where(row: Any, cards: Mapping[str, Card]) -> str:
    return _named(row.platform, row.account, cards)


def _named(platform: str, account: str, cards: Mapping[str, Card]) -> str:
    title = cards[platform].title if platform in cards else platform
    return title if account == "unstated" else f"{title} ({account})"


def _told(row: Any) -> str:
    if row.habit == BURSTS:
        return f"{row.seen} posts within an hour, where its own rhythm makes {row.high:,.0f} at most"
    return f"{row.habit}, {row.seen} of {row.of} ({row.low:.0%} to {row.high:.0%}), above {row.limit:.0%}"
