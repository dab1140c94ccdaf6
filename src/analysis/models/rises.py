"""How a counter that stood out rose: its spike, against what its like had at the same age.

Question. When did the rise of a counter begin, when was it steepest, when was it over, and how much
did it bring beyond what such an item usually gets?

Formula. Between two looks a counter rises at an even rate. The peak is the middle of the steepest
stretch; onset is the beginning of the first stretch, and end the end of the last one, whose rate is at
least a tenth of that. Excess is the gain in the period less what was expected of its like at the same
age (``viral``); its 90 % interval comes from the spread of those like items. The half-life runs from
the peak until half of what still came had come.

Moments are as fine as the looks were. A rise that was steepest in the first stretch seen may have
begun before it.

Abstains for an item with fewer than four looks: it grew, and nobody saw how.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.models.result import Result, Verdict

VERSION = "rises 1.0"
LOOKS = 4
EDGE = 0.1
COLUMNS = ["content_id", "platform", "metric", "item_id", "onset", "peak", "end", "direction", "excess",
           "excess_low", "excess_high", "height", "half_life", "ongoing"]  # fmt: skip


def rises(found: pd.DataFrame, stood: Result) -> Result:
    """The course of each counter that stood out.

    Parameters
    ----------
    found
        Counters, as ``counters.counters`` gives them.
    stood
        What stood out, as ``viral.viral`` says.

    Returns
    -------
    Result
        ``table``: content_id; platform; metric; item_id; onset, peak, end (UTC; end is the last look
        where it was still rising then); direction (rise); excess and its 90 % interval excess_low,
        excess_high (in the metric's unit); height (gain over expected, missing where less than 1 is
        expected); half_life (hours); ongoing (still rising at the last look).
        ``extra["unseen"]``: content_id, platform, item_id,
        looks of those whose rise nobody saw.
    """
    out = stood.table[stood.table["stood_out"].fillna(False).astype(bool)]
    since, until = stood.parameters["since"], stood.parameters["until"]
    looks = found[found["item_id"].isin(out["item_id"])]
    groups = dict(tuple(looks.groupby(["platform", "metric", "item_id"])))
    rows, unseen = [], []
    for item in out.itertuples():
        part = groups[item.platform, item.metric, item.item_id]
        before = part[part["at"] < since].tail(1)
        part = pd.concat([before, part[part["at"] >= since]])
        part = part[(part["at"] < until) | (part["born"] >= since)]
        if len(part) < LOOKS or not part["value"].diff().gt(0).any():
            unseen.append((item.content_id, item.platform, item.item_id, len(part)))
            continue
        onset, peak, end, half, ongoing = _course(part)
        rows.append(
            (item.content_id, item.platform, item.metric, item.item_id, onset, peak, end, "rise",
             item.gained - item.expected, item.gained - item.like_high, item.gained - item.like_low,
             item.times, half, ongoing)
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    for name in ("onset", "peak", "end"):
        table[name] = pd.to_datetime(table[name], utc=True).astype("datetime64[us, UTC]")
    table = table.sort_values("onset", ignore_index=True)
    extra = {"unseen": pd.DataFrame(unseen, columns=["content_id", "platform", "item_id", "looks"])}
    verdict: Verdict = "found" if rows else "inconclusive" if unseen else "nothing"
    reason = f"none of {len(unseen)} rises was looked at often enough" if verdict == "inconclusive" else ""
    return Result(table, verdict, reason, _summary(table, unseen), (), VERSION, stood.parameters, extra)


def _course(part: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp, pd.Timestamp, float, bool]:
    at, value = part["at"].reset_index(drop=True), part["value"].to_numpy(dtype=float)
    hours = at.diff().dt.total_seconds().to_numpy()[1:] / 3600
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(hours > 0, np.diff(value) / hours, 0.0)
    steepest = int(rate.argmax())
    fast = np.flatnonzero(rate >= EDGE * rate[steepest])
    first, last = int(fast[0]), int(fast[-1])
    peak = at[steepest] + (at[steepest + 1] - at[steepest]) / 2
    ongoing = last == len(rate) - 1
    middle = (value[steepest] + value[steepest + 1]) / 2
    still = value[steepest + 1 :].max() - middle
    half = np.nan
    if still > 0 and not ongoing:
        seconds = (at - at[0]).dt.total_seconds().to_numpy()[steepest + 1 :]
        reached = int(np.flatnonzero(value[steepest + 1 :] >= middle + still / 2)[0])
        start, low = (peak - at[0]).total_seconds(), middle
        if reached:
            start, low = seconds[reached - 1], value[steepest + reached]
        high = value[steepest + 1 + reached]
        part_of = (middle + still / 2 - low) / (high - low) if high > low else 1.0
        half = (start + part_of * (seconds[reached] - start) - (peak - at[0]).total_seconds()) / 3600
    return at[first], peak, at[last + 1], float(half), ongoing


def _summary(table: pd.DataFrame, unseen: list[tuple[str, str, str, int]]) -> str:
    if table.empty:
        return f"The rise of {len(unseen):,} counters was not seen." if unseen else "No counter stood out."
    over = table[~table["ongoing"].astype(bool)]
    length = (over["end"] - over["onset"]).dt.total_seconds().median() / 3600
    said = f"{len(table):,} counters that stood out were seen rising"
    if length == length:
        said += f"; where the end was seen, it took {length:,.1f} hours in the median"
    half = table["half_life"].median()
    if half == half:
        said += f"; after the steepest moment, half of what still came had come within {half:,.1f} hours"
    more = f" {len(unseen):,} more were looked at too seldom to see their course." if unseen else ""
    return f"{said}.{more}"
