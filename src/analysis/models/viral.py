"""What stood out among its like, platform by platform.

Question. Which content did better in a period than content on the same platform usually does, and on
how many platforms did it?

Formula. An item's gain is what its counter grew by in the period; for an item that began in it, all
it has. Its like are the last hundred items of the same platform and metric that began before it (at the
start of the data: the first hundred), each **at the same age**, up to thirty days; a counter that was no
longer looked at keeps its last value. An item older than the period is laid beside what its like gained
in all of those thirty days: a second life counts when it is as great as a first. Expected is the mean
of the middle half of them. An item stood out when it gained at least ``times`` the expected (1, where
less is expected) and more than all but one in ``one_in`` of its like. A content stood out on a platform
when its best item did.

There is no score across platforms: contents are listed by the number of platforms on which they stood
out, and among equals by the share of their like that they beat where they did best.

Assumes that items of one platform are alike enough; where a collector only sees winners (a front page)
the like are winners too. A birth that is unknown is taken as the first look, so an age may be short.

Abstains for an item with fewer than ``one_in`` - 1 like ones (it cannot be rarer
than the sample lets it be), and in all when no item could be judged.

Source. The cohort as social-media desks use it: a post against the middle half of the last hundred
posts of its kind at the same age.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.models._like import middle, spread
from analysis.models.result import Result, Verdict

VERSION = "viral 1.0"
SETTLED = 30 * 24.0
"""Hours of age after which a counter counts as final."""
STEP = SETTLED + 1.0
COLUMNS = ["content_id", "platform", "metric", "item_id", "born", "gained", "expected", "like_low",
           "like_high", "times", "beaten", "like", "stood_out", "items"]  # fmt: skip


def viral(
    found: pd.DataFrame,
    since: pd.Timestamp,
    until: pd.Timestamp,
    *,
    times: float = 5.0,
    one_in: int = 10,
    like: int = 100,
    only: pd.Series | None = None,
) -> Result:
    """What stood out among its like in [since, until).

    Parameters
    ----------
    found
        As ``counters.counters`` gives it; looks from well before ``since`` on make the like.
    since, until
        The period, UTC.
    times, one_in
        How much more than expected, and rarer than one in how many, an item must be.
    like
        How many like items an item is judged by, where there are as many.
    only
        Report on these content_ids only; the others are still the like they are judged by.

    Returns
    -------
    Result
        ``table``: a row a content and platform, its best item there: content_id; platform; metric;
        item_id; born; gained (in the metric's unit); expected; like_low, like_high (what nine in ten
        of its like gained lies between them); times (gained / expected, missing
        where less than 1 is expected); beaten (share of its like that gained less, 0 to 1); like
        (how many there were); stood_out (missing where it cannot be said); items (how many carry the
        content there). ``extra["contents"]``: a row a content that stood out: content_id, platforms,
        where, began, beaten, times (where it did best). ``extra["platforms"]``: a row a platform:
        platform, metric, contents (in the period), judged, usual (what was expected, in the median),
        greatest (gain of one content), stood_out (how many).
    """
    parameters = {
        "since": since,
        "until": until,
        "times": times,
        "one_in": one_in,
        "like": like,
    }
    parts = [
        _judge(*_items(part, since, until), like)
        for _, part in found.groupby(["platform", "metric"], sort=False)
    ]
    table = pd.concat([part[part["inside"]] for part in parts]) if parts else found
    if only is not None:
        table = table[table["content_id"].isin(only)]
    if table.empty:
        empty = pd.DataFrame(columns=COLUMNS)
        reason = "no counter was looked at in this period"
        return Result(empty, "inconclusive", reason, f"No verdict: {reason}.", (), VERSION, parameters,
                      {"contents": _contents(empty), "platforms": _platforms(empty)})  # fmt: skip
    least = one_in - 1  # by chance alone an item beats n like ones once in n + 1
    enough = table["like"] >= least
    out = (table["beaten"] > 1 - 1 / one_in) & (table["gained"] >= times * table["expected"].clip(lower=1))
    table["stood_out"] = out.astype("boolean").where(enough)
    table["times"] = (table["gained"] / table["expected"]).where(table["expected"] >= 1)
    table["items"] = table.groupby(["content_id", "platform"])["item_id"].transform("size")
    table["order"] = table["stood_out"].fillna(False).astype(int)
    table = table.sort_values(["order", "gained"], ascending=False).drop_duplicates(
        ["content_id", "platform"]
    )
    table = table[COLUMNS].reset_index(drop=True)
    contents = _contents(table)
    verdict: Verdict = "found" if len(contents) else "nothing" if enough.any() else "inconclusive"
    reason = "" if enough.any() else f"fewer than {least} like items on every platform"
    return Result(table, verdict, reason, _summary(table, contents, reason), (), VERSION, parameters,
                  {"contents": contents, "platforms": _platforms(table)})  # fmt: skip


def _items(part: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> tuple[pd.DataFrame, Looks]:
    """One platform's items in the order they began, and their looks.

    Added: ``inside``, whether the item is of the period; ``gained``, what it grew by in it; ``age``, the
    age in hours at which its like are looked at.
    """
    part = part.sort_values(["born", "item_id", "at"], kind="stable")
    first = (part["item_id"] != part["item_id"].shift()).to_numpy()
    begins = np.flatnonzero(first)
    ends = np.append(begins[1:], len(part))
    # a look long after says the end, however long after: such ages are one
    age = ((part["at"] - part["born"]).dt.total_seconds() / 3600).clip(upper=SETTLED).to_numpy()
    value = part["value"].to_numpy(dtype=float)
    items = part.loc[first, ["platform", "metric", "item_id", "content_id", "born"]].reset_index(drop=True)
    before = np.add.reduceat((part["at"] < since).to_numpy().astype(int), begins)
    within = np.add.reduceat((part["at"] < until).to_numpy().astype(int), begins)
    new = (items["born"] >= since).to_numpy()
    # an old one that nobody had looked at before counts from its first look on
    items["inside"] = np.where(new, items["born"] < until, within > np.maximum(before, 1))
    last = np.where(new, ends, begins + np.maximum(within, 1)) - 1
    items["gained"] = value[last] - np.where(new, 0.0, value[begins + np.maximum(before, 1) - 1])
    items["age"] = np.where(new, age[last], SETTLED)
    return items, Looks(np.repeat(np.arange(len(items)), ends - begins) * STEP + age, value, begins)


@dataclass(frozen=True)
class Looks:
    """Looks at many counters as one sorted array: an item's number times STEP plus its age then."""

    keys: np.ndarray
    values: np.ndarray
    begins: np.ndarray

    def at(self, who: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Each item's counter at an age, as last seen by then; missing before the first look."""
        place = np.searchsorted(self.keys, who * STEP + age, side="right") - 1
        return np.where(place >= self.begins[who], self.values[np.maximum(place, 0)], np.nan)


def _judge(items: pd.DataFrame, looks: Looks, like: int) -> pd.DataFrame:
    """Each item of one platform beside its like."""
    count = len(items)
    who = np.arange(count)
    own = items["gained"].to_numpy()
    # the last ones that began before it; at the start of the data, the first ones
    width = min(like + 1, count)
    near = np.clip(who - like, 0, max(count - width, 0))[:, None] + np.arange(width)
    other = looks.at(near.ravel(), np.repeat(items["age"].to_numpy(), width)).reshape(near.shape)
    content = pd.factorize(items["content_id"])[0]
    other[(content[near] == content[:, None]) | ((near > who[:, None]) & (who[:, None] >= like))] = np.nan
    known = (~np.isnan(other)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (other < own[:, None]).sum(axis=1) / known
    low, high = spread(other)
    return items.assign(expected=middle(other), like_low=low, like_high=high, beaten=below, like=known)


def _contents(table: pd.DataFrame) -> pd.DataFrame:
    names = ["content_id", "platforms", "where", "began", "beaten", "times"]
    best = table[table["stood_out"].fillna(False).astype(bool)] if len(table) else table
    if best.empty:
        return pd.DataFrame(columns=names)
    best = best.sort_values(["beaten", "times", "gained"], ascending=False)
    out = best.groupby("content_id", sort=False).agg(
        platforms=("platform", "nunique"),
        where=("platform", lambda names: ", ".join(sorted(names))),
        began=("born", "min"),
        beaten=("beaten", "first"),
        times=("times", "first"),
    )
    out = out.sort_values(["platforms", "beaten", "times"], ascending=False, kind="stable")
    return out.reset_index()[names]


def _platforms(table: pd.DataFrame) -> pd.DataFrame:
    """What each platform's items gained, in its own unit."""
    flags = table.assign(judged=table["stood_out"].notna(), out=table["stood_out"].fillna(False).astype(bool))
    out = flags.groupby(["platform", "metric"]).agg(
        contents=("content_id", "nunique"),
        judged=("judged", "sum"),
        usual=("expected", "median"),
        greatest=("gained", "max"),
        stood_out=("out", "sum"),
    )
    return out.reset_index()


def _summary(table: pd.DataFrame, contents: pd.DataFrame, reason: str) -> str:
    judged = table["stood_out"].notna()
    several = int((contents["platforms"] > 1).sum())
    if reason:
        return f"No verdict: {reason}."
    said = (
        f"{judged.sum():,} contents on platforms were judged against their like "
        f"({table['platform'].nunique()} platforms); {len(contents):,} contents stood out"
    )
    if several:
        said += f", {several:,} of them on more than one platform"
    unjudged = int((~judged).sum())
    if unjudged:
        said += f"; {unjudged:,} could not be judged, for want of like items"
    return said + "."
