"""What each platform is good for here: exposure, networking and links, measure by measure.

Question. What has each platform done for this publisher: did it send visits, did people answer, do its
links count? Social sites are not the same thing, so there is no score over all, and no measure of one
role is laid against that of another.

Formula. By platform and kind of content; what own accounts do, by business and private apart.

* **Exposure**: visits per share (as ``exposure.visits_per_share``); reach, the share of the contents
  shared there that it sent anybody to; the busiest day, the part of its visits that came within each
  content's busiest 24 hours, as a ratio over contents; those whose busiest day is not a week old are left
  out. Where that interval lies above one half the platform is a **flash** here, below a **tail**.
* **Networking**: posts answered, the share of own posts to which somebody replied or which somebody
  quoted; answered back, the share of those people whom the account answered; returning, the share of them
  who answered two posts or more; own posts a week.
* **Links**: what the card says of the platform's links, and of the pages `virality links` looked at, the
  share whose link is followed.

Shares have Wilson's 90 % interval, counts Garwood's; the ratio over contents has the jackknife's with the
noise of counting added, on the logit scale, with a t quantile for Kish's effective number of contents. Visits
per share keep the 95 % interval of their model.

Assumes that contents are alike and independent of one another. A platform's visits are those that still
carry its referrer; what arrived without one is the attribution's to apportion.

Abstains, measure by measure, below five contents, posts, people or pages (three contents for the busiest
day, two for visits per share; posts a week need a week besides): "not enough data".

Source. Wilson, J. Am. Stat. Assoc. 22 (1927); Garwood, Biometrika 28 (1936); Efron and Stein, Ann. Stat. 9
(1981) for the jackknife; Kish, Survey Sampling (1965), for the effective number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.alike import total
from analysis.models.counters import latest
from analysis.models.exposure import SHARES, visits_per_share
from analysis.models.lead import wilson
from analysis.models.overview import name
from analysis.models.own import ANSWERS, POSTS
from analysis.models.result import Result, Verdict
from analysis.platforms.card import Card

VERSION = "roles 1.0"
LEAST = 5
LEAST_SETTLED = 3
"""Contents a ratio needs: its interval knows how few they are."""
SETTLED = pd.Timedelta(days=7)
ROLES = ("exposure", "networking", "links")
ALL = "all content"
COLUMNS = ["platform", "role", "measure", "content_kind", "account", "value", "low", "high", "seen", "of",
           "unit", "says", "reason"]  # fmt: skip
Row = dict[str, Any]


def roles(
    intervals: pd.DataFrame,
    events: pd.DataFrame,
    own: pd.DataFrame,
    looked: pd.DataFrame,
    cards: Mapping[str, Card],
    on: date,
    *,
    kinds: pd.Series | None = None,
    seed: int = 0,
) -> Result:
    """What each platform did, measure by measure.

    Parameters
    ----------
    intervals
        Exposure intervals of one observer.
    events
        Everybody's events on the publisher's content, and answers to its posts: event_id, content_id,
        platform, kind, occurred_at, actor, parent_id.
    own
        The publisher's own acts, as ``own.own_acts`` gives them.
    looked
        Readings of metric link_followed: platform, item_id, observed_at, value, status.
    cards
        Platform name to its card.
    on
        The day whose link policies hold.
    kinds
        content_id to its kind of content; None: all content is of one kind.
    seed
        Of the bootstrap behind visits per share.

    Returns
    -------
    Result
        ``table``: a row a platform and measure: platform; role (exposure, networking, links); measure;
        content_kind; account (business, private, unstated; "" where no account is meant); value, low,
        high (90 %; missing where not enough data); seen, of; unit; says (in a word what it comes to:
        flash, tail, followed; else ""); reason (why nothing is said). Measures of different units are
        never put into one.
    """
    kinds = kinds if kinds is not None else pd.Series(dtype=object)
    visits = latest(intervals[intervals["metric"] == "visits"])
    # what is shared of other sites says nothing of this one
    shared = events[events["kind"].isin(SHARES) & events["content_id"].isin(visits["content_id"])]
    visits = visits[visits["platform"].isin(cards)]
    rows: list[Row] = []
    kind_of = _kind_of(visits, kinds)
    kind_of_shared = _kind_of(shared, kinds)
    for kind in sorted({*kind_of, *kind_of_shared}):
        for row in _exposure(visits[kind_of == kind], shared[kind_of_shared == kind], cards, seed):
            rows.append({"role": "exposure", "content_kind": kind, "account": ""} | row)
    answers = events[events["kind"].isin(ANSWERS)]
    for (platform, account), part in own.groupby(["platform", "account"], sort=True):
        for row in _networking(part, answers[answers["platform"] == platform]):
            rows.append({"role": "networking", "platform": platform, "content_kind": ALL, "account": account}
                        | row)  # fmt: skip
    there = sorted({str(row["platform"]) for row in rows} | set(looked["platform"]))
    for row in _links(there, looked, cards, on):
        rows.append({"role": "links", "content_kind": ALL, "account": ""} | row)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["order"] = table["role"].map({role: place for place, role in enumerate(ROLES)})
    table = table.sort_values(["platform", "order"], kind="stable", ignore_index=True)[COLUMNS]
    known = table["value"].notna()
    verdict: Verdict = "found" if known.any() else "inconclusive"
    reason = "" if known.any() else "not enough data on any platform"
    return Result(table, verdict, reason, _summary(table, cards, reason), (), VERSION, {"seed": seed})


def _kind_of(rows: pd.DataFrame, kinds: pd.Series) -> pd.Series:
    known = rows["content_id"].map(kinds).astype(object)
    return known.where(known.notna(), ALL)


def _exposure(
    visits: pd.DataFrame, shared: pd.DataFrame, cards: Mapping[str, Card], seed: int
) -> Iterator[Row]:
    rates = visits_per_share(visits, shared, seed, cards).extra["platforms"]
    sent = total(visits, ["content_id", "platform"]).dropna(subset="value") if len(visits) else visits
    for rate in rates.itertuples():
        few = "" if rate.low == rate.low else f"not enough data: {rate.reason}"
        row = _row(rate.platform, "visits per share", rate.per_share, rate.low, rate.high, rate.visits,
                   rate.shares, "visits a share", few)  # fmt: skip
        yield row | {"reason": few or rate.reason}
    for platform in sorted({*visits["platform"], *shared["platform"]}):
        names = shared.loc[shared["platform"] == platform, "content_id"].unique()
        mine = sent[sent["platform"] == platform]
        reached = int(np.isin(names, mine.loc[mine["value"] > 0, "content_id"]).sum())
        if len(names):
            yield _share(platform, "reach", reached, len(names), "contents shared there")
        hours = visits[(visits["platform"] == platform) & visits["value"].notna()]
        if len(hours):
            yield _busiest_day(platform, hours, visits["end"].max())


def _busiest_day(platform: str, hours: pd.DataFrame, newest: pd.Timestamp) -> Row:
    """The part of its visits that came in each content's busiest day: a flash or a tail."""
    inside, whole = [], []
    for _, part in hours[hours["value"] > 0].groupby("content_id"):
        start, value = busiest(part["start"], part["value"].to_numpy(float))
        if start + SETTLED <= newest:
            inside.append(value)
            whole.append(float(part["value"].sum()))
    early, all_of_it = np.array(inside), np.array(whole)
    few = (
        "" if len(whole) >= LEAST_SETTLED else _few(len(whole), "contents whose week is over", LEAST_SETTLED)
    )
    low, high = ratio_interval(early, all_of_it) if not few else (np.nan, np.nan)
    value = early.sum() / all_of_it.sum() if len(whole) else np.nan
    row = _row(platform, "busiest day", value, low, high, early.sum(), all_of_it.sum(),
               "share of its visits", few)  # fmt: skip
    says = "flash" if row["low"] > 0.5 else "tail" if row["high"] < 0.5 else ""
    return row | {"says": says, "reason": few or ("" if says else "neither flash nor tail can be told")}


def busiest(start: pd.Series, value: np.ndarray) -> tuple[pd.Timestamp, float]:
    """The begin of the 24 hours that hold most, and what they hold."""
    order = np.argsort(start.to_numpy("M8[s]"))
    at, sums = start.to_numpy("M8[s]").astype(np.int64)[order], np.append(0.0, np.cumsum(value[order]))
    ends = np.searchsorted(at, at + 86_400)
    held = sums[ends] - sums[: len(at)]
    best = int(held.argmax())
    return pd.Timestamp(int(at[best]), unit="s", tz="UTC"), float(held[best])


def ratio_interval(part: np.ndarray, whole: np.ndarray) -> tuple[float, float]:
    """A 90 % interval of sum(part) / sum(whole) over contents; between 0 and 1."""
    from scipy.special import expit, logit
    from scipy.stats import t

    n, everything = len(whole), whole.sum()
    ratio = np.clip(part.sum() / everything, 0.5 / everything, 1 - 0.5 / everything)
    without = (part.sum() - part) / (everything - whole)
    variance = (n - 1) / n * ((without - without.mean()) ** 2).sum() + ratio * (1 - ratio) / everything
    # one content with most of the visits leaves fewer to learn from than there are
    effective = everything**2 / (whole**2).sum()
    wide = t.ppf(0.95, max(effective - 1, 1.0)) * np.sqrt(variance) / (ratio * (1 - ratio))
    return float(expit(logit(ratio) - wide)), float(expit(logit(ratio) + wide))


def _networking(acts: pd.DataFrame, answers: pd.DataFrame) -> Iterator[Row]:
    platform = str(acts["platform"].iloc[0])
    posts = acts[acts["kind"].isin(POSTS)]
    heard = answers[answers["parent_id"].isin(posts["post"]) & ~answers["event_id"].isin(acts["post"])]
    answered = heard["parent_id"].nunique()
    yield _share(platform, "posts answered", answered, len(posts), "own posts")
    people = heard.dropna(subset="actor")
    back = acts.loc[acts["kind"].isin(ANSWERS), "parent_id"]
    replied = people[people["event_id"].isin(back)]["actor"].nunique()
    many = people["actor"].nunique()
    yield _share(platform, "answered back", replied, many, "people who answered")
    returning = int((people.groupby("actor")["parent_id"].nunique() > 1).sum())
    yield _share(platform, "returning", returning, many, "people who answered")
    weeks = (acts["at"].max() - acts["at"].min()).total_seconds() / (7 * 86_400)
    few = "" if len(posts) >= LEAST and weeks >= 1 else _few(len(posts), "own posts in a week or more")
    low, high = _garwood(len(posts)) if not few else (np.nan, np.nan)
    rate = max(weeks, 1e-9)
    yield _row(platform, "own posts a week", len(posts) / rate, low / rate, high / rate, len(posts), weeks,
               "posts a week, first to last", few)  # fmt: skip


def _links(there: list[str], looked: pd.DataFrame, cards: Mapping[str, Card], on: date) -> Iterator[Row]:
    seen = looked.sort_values("observed_at").drop_duplicates(["platform", "item_id"], keep="last")
    for platform in there:
        if platform in cards:
            policy = cards[platform].policy(on)
            since = f" since {policy.since}" if policy.since else ""
            yield _row(platform, "links by its card", np.nan, np.nan, np.nan, 0, 0, "", policy.note) | {
                "says": f"{policy.rel}{since}"
            }
        pages = seen[(seen["platform"] == platform) & (seen["status"] == "observed")]
        row = _share(
            platform, "links seen followed", int(pages["value"].sum()), len(pages), "pages looked at"
        )
        says = "followed" if row["low"] > 0.5 else "not followed" if row["high"] < 0.5 else ""
        if platform not in set(seen["platform"]):
            row["reason"] = "not enough data: no page there was looked at"
        unseen = int((seen["platform"] == platform).sum()) - len(pages)
        if unseen:
            row["reason"] = f"{row['reason']}; {unseen} more could not be seen".removeprefix("; ")
        yield row | {"says": says}


def _share(platform: str, measure: str, seen: int, of: int, what: str) -> Row:
    few = "" if of >= LEAST else _few(of, what)
    low, high = wilson(seen, of) if not few else (np.nan, np.nan)
    return _row(platform, measure, seen / max(of, 1), low, high, seen, of, f"share of {what}", few)


def _row(platform: str, measure: str, value: float, low: float, high: float, seen: float, of: float,
         unit: str, few: str) -> Row:  # fmt: skip
    return {
        "platform": platform,
        "measure": measure,
        "value": np.nan if few else value,
        "low": np.nan if few else low,
        "high": np.nan if few else high,
        "seen": float(seen),
        "of": float(of),
        "unit": unit,
        "says": "",
        "reason": few,
    }


def _few(count: int, what: str, least: int = LEAST) -> str:
    return f"not enough data: {count:,} {what}, at least {least} are needed"


def _garwood(count: int) -> tuple[float, float]:
    from scipy.special import chdtri

    return float(chdtri(2 * count, 0.95) / 2) if count else 0.0, float(chdtri(2 * count + 2, 0.05) / 2)


def _summary(table: pd.DataFrame, cards: Mapping[str, Card], reason: str) -> str:
    if reason:
        return f"Nothing can be said of what platforms are good for: {reason}."
    said = []
    course = table[table["measure"] == "busiest day"]
    for word, told in (("flash", "A flash"), ("tail", "A tail")):
        names = dict.fromkeys(name(one, cards) for one in course.loc[course["says"] == word, "platform"])
        if names:
            said.append(f"{told}: {', '.join(names)}.")
    answered = table[(table["measure"] == "posts answered") & table["value"].notna()]
    for row in answered.itertuples():
        whose = "" if row.account == "unstated" else f" ({row.account})"
        said.append(
            f"On {name(row.platform, cards)}{whose} {row.seen:,.0f} of {row.of:,.0f} own posts were answered "
            f"({row.low:.0%} to {row.high:.0%})."
        )
    unsaid = table[table["reason"].str.startswith("not enough data")]["platform"].nunique()
    if unsaid:
        said.append(f"On {unsaid} platforms at least one measure has not enough data.")
    return " ".join(said) or "No platform could be told from another."
