"""Tracks as of a moment, and the classical extrapolation."""

import numpy as np
import pandas as pd
import pytest

from analysis.models import growth
from analysis.models.tracks import from_events, from_intervals, from_readings

T0 = pd.Timestamp("2024-01-01", tz="UTC")


def looks(item: str, hours: list[float], values: list[float]) -> pd.DataFrame:
    at = (T0 + pd.to_timedelta(hours, unit="h")).astype("datetime64[us, UTC]")
    return pd.DataFrame({"item_id": item, "metric": "points", "observed_at": at, "value": values})


def doubling(items: int) -> pd.DataFrame:
    """Items that hold 10 k at their first hours, twice that at twice the age, and 50 k in the end."""
    rows = [
        looks(f"i{k}", [k, k + 1, k + 2, k + 3, k + 30], [5 * s, 10 * s, 20 * s, 30 * s, 50 * s])
        for k, s in ((k, 1.0 + k) for k in range(items))
    ]
    return pd.concat(rows, ignore_index=True)


def test_what_was_known_at_a_moment_is_the_last_look_before_it():
    tracks = from_readings(looks("a", [0, 2, 4], [1, 5, 9]), "points")
    when = T0.timestamp() + np.array([-1.0, 0, 3, 9]) * 3600
    known = tracks.known(np.zeros(4, int), when)
    assert np.isnan(known[0])
    assert known[1:].tolist() == [1, 5, 9]


def test_rows_after_the_cut_off_do_not_exist():
    rows = looks("a", [0, 2, 4], [1, 5, 9])
    tracks = from_readings(rows, "points", as_of=T0 + pd.Timedelta("3h"))
    assert tracks.value.tolist() == [1, 5]
    assert np.isnan(tracks.truth(np.array([0]), np.array([T0.timestamp() + 3600]), "final"))


def test_an_unknown_look_is_no_look():
    rows = looks("a", [0, 1, 2], [1, np.nan, 3])
    assert from_readings(rows, "points").value.tolist() == [1, 3]


def test_the_truth_at_an_age_lies_between_looks_and_is_unknown_beyond_them():
    tracks = from_readings(looks("a", [0, 1, 2, 3], [0, 10, 20, 40]), "points")
    when = T0.timestamp() + np.array([1.25, 2.0]) * 3600
    assert tracks.truth(np.zeros(2, int), when, "2x") == pytest.approx([30, np.nan], nan_ok=True)


def test_the_end_is_known_only_once_an_item_has_settled():
    young = from_readings(looks("a", [0, 1], [1, 2]), "points")
    old = from_readings(looks("a", [0, 1], [1, 2]), "points", as_of=T0 + pd.Timedelta("2D"))
    when = np.array([T0.timestamp() + 1800])
    assert np.isnan(young.truth(np.array([0]), when, "final")[0])
    assert old.truth(np.array([0]), when, "final")[0] == 2


def test_the_observer_who_looked_most_often_is_kept():
    often = looks("a", [0, 1, 2], [1, 2, 3]).assign(observer="one")
    once = looks("a", [1.5], [99]).assign(observer="two")
    assert from_readings(pd.concat([once, often]), "points").value.tolist() == [1, 2, 3]


def test_an_unknown_bin_ends_the_running_sum():
    start = T0 + pd.to_timedelta(np.arange(4), unit="h")
    bins = pd.DataFrame(
        {"content_id": "c", "metric": "shares", "start": start, "end": start + pd.Timedelta("1h"),
         "observed_at": T0 + pd.Timedelta("1D"), "value": [2, 3, np.nan, 4], "partial": False}
    )  # fmt: skip
    assert from_intervals(bins, "shares").value.tolist() == [2, 5]


def test_events_count_up_and_carry_their_audience():
    at = T0 + pd.to_timedelta([0, 5, 3], unit="min")
    events = pd.DataFrame(
        {"content_id": "c", "occurred_at": at, "observed_at": at, "audience": [10.0, 1.0, 4.0]}
    )
    tracks = from_events(events)
    assert tracks.value.tolist() == [1, 2, 3]
    assert tracks.others["audience"].tolist() == [10, 14, 15]


def test_planted_growth_is_found():
    table = growth.learn(from_readings(doubling(40), "points", as_of=T0 + pd.Timedelta("10D")))
    told = growth.extrapolate(table, "final", np.array([3600.0]), np.array([1000.0]))
    assert told["forecast"][0] == pytest.approx(5000, rel=0.03)
    assert told["q10"][0] <= 5000 <= told["q90"][0]
    assert told["items"][0] == 40


def test_too_few_past_items_tell_nothing():
    table = growth.learn(from_readings(doubling(growth.FEWEST - 1), "points", as_of=T0 + pd.Timedelta("10D")))
    told = growth.extrapolate(table, "final", np.array([3600.0]), np.array([10.0]))
    assert told["items"][0] == 0
    assert told["forecast"].isna().all()


def test_few_past_items_give_wider_intervals_and_pooled_ones_wider_still():
    random = np.random.default_rng(1)
    rows = doubling(400)
    spread = pd.Series(np.exp(random.normal(0, 0.3, 400)), index=[f"i{k}" for k in range(400)])
    last = rows.groupby("item_id")["value"].transform("max") == rows["value"]
    rows.loc[last, "value"] *= rows.loc[last, "item_id"].map(spread)
    as_of = T0 + pd.Timedelta("40D")
    many = growth.learn(from_readings(rows, "points", as_of))
    few = many.assign(items=12.0)
    widths = []
    for table in (many, few, growth.pool([few])):
        told = growth.extrapolate(table, "final", np.array([3600.0]), np.array([100.0]))
        widths.append(float(told["q90"][0] - told["q10"][0]))
    assert widths[0] < widths[1] < widths[2]
