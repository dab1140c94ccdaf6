"""How right earlier forecasts were, beside the classical extrapolation made at the same moment.

Question. Of the forecasts whose time has come, how far off was the middle one, and how often did the
truth lie within the 80 % interval?

Formula. Truth is what the item's track says at the horizon (``tracks.truth``) by what is known now.
Error = |forecast - truth| / max(truth, 1), so that a truth of 0 counts and does not divide; its median
over forecasts, by platform, horizon and age. Covered = q10 <= truth <= q90. Pinball loss at 10 and 90 %,
per unit of max(truth, 1). The yardstick is judged on the very same forecasts.

Assumptions. A forecast is judged once, against the item's latest track; the same item forecast often
counts often, so shares carry fewer independent cases than rows.

Abstains (inconclusive) while no forecast has matured.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.models.outlook import HORIZON_NAMES, Followed
from analysis.models.result import Result

VERSION = "ledger 1.1"
AGES = [0.0, 1.5, 4.5, 9.0, 36.0, np.inf]
AGE_NAMES = ["under 1.5 h", "1.5 to 4.5 h", "4.5 to 9 h", "9 to 36 h", "over 36 h"]
NONE = "none judged"
COLUMNS = [
    "platform", "horizon", "age", "judged", "items", "error", "yardstick_error", "covered",
    "yardstick_covered", "pinball", "yardstick_pinball", "truth_zero",
]  # fmt: skip


def score(forecasts: pd.DataFrame, followed: Mapping[str, Followed], as_of: pd.Timestamp) -> Result:
    """Judge every forecast that has matured by a moment.

    Parameters
    ----------
    forecasts
        Rows of the forecasts table.
    followed
        Each platform's tracks as known at ``as_of`` (``outlook.follow``).

    Returns
    -------
    Result
        Table by platform and age: forecasts judged, share covered, and per horizon the median error and
        the yardstick's in words. Extra: parts (by platform, horizon and age: forecasts judged, of how
        many items, median error and the yardstick's, share covered and the yardstick's, mean pinball
        loss and the yardstick's, and how many truths were 0), judged (each forecast with its truth and
        errors), weekly (by platform and week of the forecast: judged, error, yardstick_error, covered).
    """
    moment = pd.Timestamp(as_of)
    parameters = {"as_of": moment}
    judged = _judge(forecasts[forecasts["made_at"] <= moment], followed)
    waiting = len(forecasts) - len(judged)
    if judged.empty:
        reason = (
            f"none of {len(forecasts):,} forecasts has matured yet"
            if len(forecasts)
            else "no forecast was made yet"
        )
        table = pd.DataFrame(columns=["platform", "age"])
        return Result(
            table,
            "inconclusive",
            reason,
            f"How right forecasts were cannot be said: {reason}.",
            (),
            VERSION,
            parameters,
        )
    judged["age"] = _age(judged["age_hours"])
    judged["week"] = (
        judged["made_at"].dt.tz_convert(None).dt.to_period("W").dt.start_time.dt.tz_localize("UTC")
    )
    parts = _summed(judged, ["platform", "horizon", "age"])
    weekly = _summed(judged, ["platform", "week"])
    against = judged.dropna(subset=["yardstick_error"])
    error, yard = against["error"].median(), against["yardstick_error"].median()
    beside = f" Where a yardstick stood beside, it was off by {yard:.0%} and ours by {error:.0%}."
    many = judged.groupby(["platform", "item_id"]).ngroups
    summary = (
        f"{len(judged):,} forecasts of {many:,} items have matured ({waiting:,} have not). The middle one "
        f"was off by {judged['error'].median():.0%}; {judged['covered'].mean():.0%} of the truths lay within "
        f"the 80 % interval.{beside if len(against) else ''}"
    )
    names = {platform: mine.title for platform, mine in followed.items()}
    return Result(
        _wide(parts).replace({"platform": names}),
        "found",
        "",
        summary,
        (),
        VERSION,
        parameters,
        {"parts": parts, "judged": judged, "weekly": weekly},
    )


def _wide(parts: pd.DataFrame) -> pd.DataFrame:
    """A row a platform and age, a column a horizon."""
    by = ["platform", "age"]
    words = parts.assign(words=[_in_words(row) for row in parts.to_dict("records")])
    table = words.pivot(index=by, columns="horizon", values="words")
    table = table.reindex(columns=[name for name in HORIZON_NAMES if name in table]).rename(
        columns=HORIZON_NAMES
    )
    inside = (parts["covered"] * parts["judged"]).groupby([parts[name] for name in by]).sum()
    judged = parts.groupby(by)["judged"].sum()
    share = [f"{part:.0%}" for part in inside / judged]
    table = table.astype(object).where(table.notna(), NONE)
    table.insert(0, "covered", pd.Series(share, index=judged.index))
    table = table.reset_index().rename_axis(columns=None)
    place = table["age"].map({name: place for place, name in enumerate(AGE_NAMES)})
    return (
        table.assign(place=place).sort_values(["platform", "place"], ignore_index=True).drop(columns="place")
    )


def beside(forecasts: Result, record: Result) -> Result:
    """New forecasts (``outlook.rising``) with how far off earlier ones of their kind were.

    The column "earlier error" tells, for an item's platform, age and furthest horizon, the median error,
    the yardstick's, and of how many, or that none was judged.
    """
    made = forecasts.extra.get("forecasts", pd.DataFrame())
    if made.empty:
        return forecasts
    last = made.drop_duplicates(["platform", "item_id"], keep="last")
    keys = ["platform", "horizon", "age"]
    parts = record.extra.get("parts", pd.DataFrame(columns=COLUMNS))
    known = {tuple(row[key] for key in keys): _in_words(row) for row in parts.to_dict("records")}
    wanted = zip(last["platform"], last["horizon"], _age(last["age_hours"]), strict=True)
    table = forecasts.table.copy()
    table.insert(table.columns.get_loc("now") + 1, "earlier error", [known.get(key, NONE) for key in wanted])
    return replace(forecasts, table=table)


def _in_words(row: Mapping[Hashable, Any]) -> str:
    yardstick = row["yardstick_error"]
    classical = "" if yardstick != yardstick else f", classical {yardstick:.0%}"
    return f"{row['error']:.0%}{classical} (of {row['judged']:,})"


def _age(hours: pd.Series) -> pd.Series:
    return pd.cut(hours, AGES, labels=AGE_NAMES, include_lowest=True, right=False).astype(str)


def _judge(forecasts: pd.DataFrame, followed: Mapping[str, Followed]) -> pd.DataFrame:
    parts = []
    for (platform, metric, horizon), rows in forecasts.groupby(["platform", "metric", "horizon"], sort=True):
        mine = followed.get(str(platform))
        if mine is None or mine.metric != metric:
            continue
        place = pd.Series(np.arange(len(mine.tracks)), index=mine.tracks.items.astype(str))
        found = rows["item_id"].map(place)
        rows = rows[found.notna()]
        if rows.empty:
            continue
        item = found.dropna().to_numpy(int)
        when = rows["made_at"].to_numpy("datetime64[us]").astype("int64") / 1e6
        truth = mine.tracks.truth(item, when, str(horizon))
        parts.append(rows.assign(truth=truth)[np.isfinite(truth)])
    if not parts:
        return forecasts.iloc[:0].assign(truth=np.nan, error=np.nan, yardstick_error=np.nan, covered=False)
    out = pd.concat(parts, ignore_index=True)
    unit = out["truth"].clip(lower=1)
    for name in ("", "yardstick_"):
        point = out["yardstick"] if name else out["forecast"]
        low, high = out[f"{name}q10"], out[f"{name}q90"]
        inside = (out["truth"] >= low - 1e-9) & (out["truth"] <= high + 1e-9)
        out[f"{name}error"] = (point - out["truth"]).abs() / unit
        out[f"{name}covered"] = inside.astype(float).where(low.notna())
        loss = [
            np.maximum(q * (out["truth"] - at), (q - 1) * (out["truth"] - at))
            for q, at in ((0.1, low), (0.9, high))
        ]
        out[f"{name}pinball"] = (loss[0] + loss[1]) / 2 / unit
    return out


def _summed(judged: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    out = judged.groupby(by, sort=True).agg(
        judged=("truth", "size"),
        items=("item_id", "nunique"),
        error=("error", "median"),
        yardstick_error=("yardstick_error", "median"),
        covered=("covered", "mean"),
        yardstick_covered=("yardstick_covered", "mean"),
        pinball=("pinball", "mean"),
        yardstick_pinball=("yardstick_pinball", "mean"),
        truth_zero=("truth", lambda truth: int((truth == 0).sum())),
    )
    return out.reset_index()
