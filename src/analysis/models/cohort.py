"""A post against its like: what the last hundred of its kind had at the same age.

Question. Is this item doing better than items of the same platform and kind usually do this long after
they were published?

Formula. Every item's cumulative count is read at each age by straight lines between its own readings
(never beyond them). Expected = mean of the middle half of the last 100 items known at that age;
overperforming = the item's count over that. As of a moment, only items and readings known then count, and
the item is never compared with itself.

low and high are the 5 % and 95 % quantiles of those items: found when the item lies outside.

Assumes that the last hundred are of a kind; a platform's own growth shifts all of them.

Abstains with fewer than 20 items known at that age.

Source. CrowdTangle's published definition of overperforming (mean of the middle half of the last 100 posts
of an account at the same age); Tukey's midmean for the trimmed mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.errors import UserError
from analysis.models._like import middle
from analysis.models.grid import HOUR, micros
from analysis.models.result import Result

VERSION = "cohort 1.0"
LAST = 100
LEAST = 20
COLUMNS = ["age_hours", "value", "expected", "low", "high", "ratio", "items"]


def expect(history: pd.DataFrame, ages: Any, *, as_of: Any = None) -> pd.DataFrame:
    """What items of one kind had at given ages.

    Parameters
    ----------
    history : DataFrame
        item_id, published_at, observed_at (UTC), value (cumulative count): readings of one platform,
        kind and metric.
    ages : array of float
        Hours since publication.
    as_of : time, optional
        Use only readings taken by then.

    Returns
    -------
    DataFrame
        age_hours, expected (midmean), low, high (5 % and 95 % of items), items (how many were known);
        missing where fewer than 20 were.
    """
    need = ("item_id", "published_at", "observed_at", "value")
    missing = [name for name in need if name not in history]
    if missing:
        raise UserError(f"a cohort's history needs {', '.join(need)}; missing: {', '.join(missing)}")
    ages = np.asarray(ages, float)
    history = history[history["value"].notna()]
    if as_of is not None:
        history = history[micros(history["observed_at"]) <= micros([pd.Timestamp(as_of)])[0]]
    born = micros(history["published_at"])
    age = (micros(history["observed_at"]) - born) / HOUR
    order = np.lexsort((age, history["item_id"].to_numpy(str)))
    item, age = history["item_id"].to_numpy(str)[order], age[order]
    value, born = history["value"].to_numpy(float)[order], born[order]
    edge = np.flatnonzero(np.r_[True, item[1:] != item[:-1], True]) if len(item) else np.zeros(1, int)
    firsts = edge[:-1]
    newest = np.argsort(-born[firsts], kind="stable") if len(firsts) else firsts
    table = np.full((len(firsts), len(ages)), np.nan)
    for row, k in enumerate(newest):
        part = slice(edge[k], edge[k + 1])
        table[row] = np.interp(ages, age[part], value[part], np.nan, np.nan)
    # a row an age: the newest that are known at it
    seen = np.where((~np.isnan(table)).cumsum(axis=0) <= LAST, table, np.nan).T
    items = (~np.isnan(seen)).sum(axis=1)
    enough = items >= LEAST
    expected, low, high = np.full((3, len(ages)), np.nan)
    if enough.any():
        expected[enough] = middle(seen[enough])
        low[enough], high[enough] = np.nanquantile(seen[enough], [0.05, 0.95], axis=1)
    return pd.DataFrame({"age_hours": ages, "expected": expected, "low": low, "high": high, "items": items})


def find(item: pd.DataFrame, history: pd.DataFrame, *, as_of: Any = None) -> Result:
    """How one item does against its like, reading by reading.

    Parameters
    ----------
    item : DataFrame
        item_id, published_at, observed_at, value: the readings of one item.
    history : DataFrame
        The same of its like; the item's own rows in it are left out.
    as_of : time, optional
        Use only readings taken by then, of the item and of its like.

    Returns
    -------
    Result
        table, a row a reading: age_hours, value, expected, low, high, ratio (value over expected), items.
        Found when the last comparable reading lies outside low..high.
    """
    parameters = {"as_of": as_of}
    if as_of is not None:
        item = item[micros(item["observed_at"]) <= micros([pd.Timestamp(as_of)])[0]]
    item = item[item["value"].notna()]
    if not len(item):
        return _none("the item has no reading", parameters)
    age = (micros(item["observed_at"]) - micros(item["published_at"])) / HOUR
    order = np.argsort(age, kind="stable")
    others = history[history["item_id"].astype(str) != str(item["item_id"].iloc[0])]
    like = expect(others, age[order], as_of=as_of)
    like.insert(1, "value", item["value"].to_numpy(float)[order])
    like["ratio"] = np.where(
        like["expected"] > 0, like["value"] / like["expected"].where(like["expected"] > 0), np.nan
    )
    table = like[COLUMNS]
    known = table[table["expected"].notna()]
    if not len(known):
        most = int(table["items"].max())
        return _none(f"at most {most} items were known at these ages; {LEAST} are needed", parameters)
    last = known.iloc[-1]
    out = last["value"] > last["high"] or last["value"] < last["low"]
    word = "overperforming" if last["value"] >= last["expected"] else "underperforming"
    size = f" ×{last['ratio']:.1f}" if last["ratio"] == last["ratio"] else ""
    summary = (
        f"At {last['age_hours']:.3g} hours it has {last['value']:,.0f} where its like had "
        f"{last['expected']:,.3g} "
        f"(nine in ten between {last['low']:,.3g} and {last['high']:,.3g}): {word}{size}."
    )
    return Result(table, "found" if out else "nothing", "", summary, (), VERSION, parameters)


def _none(reason: str, parameters: dict[str, Any]) -> Result:
    empty = pd.DataFrame(columns=COLUMNS)
    return Result(empty, "inconclusive", reason, f"No comparison: {reason}.", (), VERSION, parameters)
