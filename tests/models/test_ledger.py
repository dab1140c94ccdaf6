"""Forecasts kept and judged when their time has come."""

import pandas as pd
import pytest

from analysis.models import ledger
from analysis.models.outlook import Followed
from analysis.models.tracks import from_readings
from analysis.store import Store
from analysis.tables import FORECASTS

T0 = pd.Timestamp("2024-01-01", tz="UTC")
NOW = T0 + pd.Timedelta("5D")


def followed(values: dict[str, list[float]]) -> dict[str, Followed]:
    rows = [
        pd.DataFrame(
            {"item_id": item, "metric": "points", "value": seen,
             "observed_at": T0 + pd.to_timedelta(range(len(seen)), unit="h")}
        )
        for item, seen in values.items()
    ]  # fmt: skip
    tracks = from_readings(pd.concat(rows), "points", NOW)
    return {"hackernews": Followed("points", tracks, tracks.items, "Hacker News")}


def made(item: str, horizon: str, forecast: float, yardstick: float, low: float, high: float) -> pd.DataFrame:
    row = {
        "platform": "hackernews", "item_id": item, "metric": "points", "content_id": "c", "horizon": horizon,
        "made_at": T0 + pd.Timedelta("1h"), "due": pd.NaT,
        "model": "forecast 1.0", "age_hours": 1.0, "value": 10.0, "forecast": forecast, "q10": low,
        "q50": forecast, "q90": high, "yardstick": yardstick, "yardstick_q10": low,
        "yardstick_q90": high, "basis": "learned",
    }  # fmt: skip
    due = pd.to_datetime([T0 + pd.Timedelta("2h") if horizon == "2x" else None], utc=True)
    return pd.DataFrame([row]).assign(due=due)


def test_matured_forecasts_are_judged_beside_the_yardstick():
    forecasts = pd.concat(
        [
            made("a", "2x", 30, 50, 10, 35),  # truth 20: off by half, the yardstick by 1.5
            made("a", "final", 44, 20, 41, 60),  # truth 40: off by a tenth, not covered
            made("b", "final", 3, 0, 0, 5),  # truth 0: off by 3 in units of one
        ],
        ignore_index=True,
    )
    result = ledger.score(forecasts, followed({"a": [5, 10, 20, 40], "b": [0, 0, 0]}), NOW)
    assert result.verdict == "found"
    judged = result.extra["judged"].set_index(["item_id", "horizon"])
    assert judged["truth"].to_dict() == {("a", "2x"): 20, ("a", "final"): 40, ("b", "final"): 0}
    assert judged["error"].tolist() == pytest.approx([0.5, 0.1, 3.0])
    assert judged.loc[("a", "2x"), "yardstick_error"] == pytest.approx(1.5)
    assert judged["covered"].tolist() == [1, 0, 1]
    assert result.extra["parts"]["truth_zero"].sum() == 1
    assert result.extra["weekly"]["judged"].sum() == 3


def test_nothing_is_said_before_a_forecast_has_matured():
    young = made("a", "7d", 30, 50, 10, 35)
    result = ledger.score(young, followed({"a": [5, 10, 20]}), NOW)
    assert result.verdict == "inconclusive"
    assert "none of 1 forecasts" in result.reason
    assert ledger.score(young.iloc[:0], {}, NOW).reason == "no forecast was made yet"


def test_a_forecast_stands_in_the_ledger_once(tmp_path):
    store = Store.open(tmp_path / "store")
    rows = pd.concat([made("a", "2x", 30, 50, 10, 35), made("a", "final", 44, 20, 41, 60)], ignore_index=True)
    assert store.append(FORECASTS, rows).new == 2
    assert store.append(FORECASTS, rows).new == 0
    back = store.read(FORECASTS)
    assert back["due"].isna().sum() == 1
    assert store.versions()["forecasts"] >= 0
    store.forget(pd.DataFrame({"platform": ["hackernews"], "item_id": ["a"]}))
    assert store.read(FORECASTS).empty
