"""Impact: planted effects are covered, nothing is nothing, and parameters are integrated, not plugged in."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.tsa.statespace.structural import UnobservedComponents

from analysis.checks.check import Check
from analysis.errors import UserError
from analysis.models import _local_level
from analysis.models.impact import COLUMNS, impact


def days(values):
    return pd.DataFrame(
        {"start": pd.date_range("2024-01-01", periods=len(values), tz="UTC"), "value": values}
    )


def walk(seed, effect, size=120, last=20, deviation=0.1):
    rng = np.random.default_rng(seed)
    y = 100 + np.cumsum(rng.normal(0, deviation, size)) + rng.normal(0, 1, size)
    y[-last:] += effect
    return days(y)


def test_effects_and_nothing_are_covered():
    inside, found = [], []
    for seed in range(60):
        for effect in (0.0, 3.0):
            series = walk(seed, effect)
            result = impact(series, series["start"].iloc[-20], seed=seed)
            row = result.table.iloc[0]
            inside.append(row["low"] <= 20 * effect <= row["high"])
            found.append((effect, result.verdict == "found"))
    assert np.mean(inside) >= 0.90
    assert np.mean([hit for effect, hit in found if effect]) > 0.8
    assert np.mean([hit for effect, hit in found if not effect]) <= 0.12


@pytest.mark.parametrize("q", [0.0, 0.04, 1.0])
def test_with_parameters_given_it_is_unobserved_components(q, monkeypatch):
    """The same forecast, its mean and variance, where q is known and var e large-sample."""
    monkeypatch.setattr(_local_level, "GRID", np.array([np.sqrt(q) / (1 + np.sqrt(q))]))
    rng = np.random.default_rng(5)
    y = 50 + np.cumsum(rng.normal(0, 0.2, 150)) + rng.normal(0, 1, 150)
    y[40:45] = np.nan
    learnt = _local_level.learn(y, np.ones((150, 1)))
    variance = learnt.square[0] / learnt.free
    fit = UnobservedComponents(y, "llevel").smooth([variance, q * variance])
    there = fit.get_forecast(10)
    level = learnt.level[0][0] - learnt.beta[0] @ learnt.level[0][1:]
    np.testing.assert_allclose(there.predicted_mean, level + learnt.beta[0][0], rtol=1e-4)
    drawn = _local_level.draw(learnt, np.ones((10, 1)), np.random.default_rng(0), 40_000)
    np.testing.assert_allclose(drawn.std(axis=0), there.se_mean, rtol=0.04)


def test_a_control_takes_its_part():
    rng = np.random.default_rng(1)
    x = 50 + np.cumsum(rng.normal(0, 1, 120))
    y = 20 + 1.2 * x + rng.normal(0, 1, 120)
    y[100:] += 5
    series = days(y)
    controls = pd.DataFrame({"start": series["start"], "x": x})
    plain, with_it = (
        impact(series, series["start"][100], controls=c).table.iloc[0] for c in (None, controls)
    )
    assert with_it["low"] <= 100 <= with_it["high"]
    assert with_it["high"] - with_it["low"] < 0.5 * (plain["high"] - plain["low"])


def test_the_documented_example_of_causal_impact():
    """Its recipe made anew (100 points, y = 1.2 x + noise, 10 more from the 71st on); not its own draw."""
    effects = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = 100 + np.cumsum(rng.standard_normal(100))
        y = 1.2 * x + rng.standard_normal(100)
        y[70:] += 10
        series = days(y)
        result = impact(
            series, series["start"][70], controls=pd.DataFrame({"start": series["start"], "x": x})
        )
        assert result.verdict in ("found", "inconclusive")
        assert result.table["low"][0] > 0
        effects.append(result.table["effect"][0] / 30)
    assert abs(np.mean(effects) - 10) < 0.5


def hours(seed, during=0.0, after=0.0, size=24 * 35, begin=24 * 28 + 15):
    rng = np.random.default_rng(seed)
    start = pd.date_range("2024-03-04", periods=size, freq="h", tz="UTC")
    mean = 6 * np.exp(0.8 * np.sin(2 * np.pi * np.asarray(start.hour) / 24))
    y = rng.poisson(mean * rng.gamma(20, 1 / 20, size)).astype(float)
    y[begin : begin + 3] += during
    y[begin + 3 : begin + 15] += after
    return pd.DataFrame({"start": start, "value": y}), start[begin], start[begin + 3]


def test_a_front_page_hour_and_what_is_left_of_it():
    series, start, end = hours(2, during=200, after=50)
    until = series["start"] < end + pd.Timedelta(hours=12)
    result = impact(series[until], start, end)
    during, after = result.table.iloc[0], result.table.iloc[1]
    assert result.verdict == "found"
    assert list(result.table.columns) == COLUMNS
    assert during["low"] <= 600 <= during["high"]
    assert after["low"] <= 600 <= after["high"]
    assert after["kept_low"] <= 0.25 <= after["kept_high"]
    assert during["bins"] == 3
    assert after["bins"] == 12
    assert "kept" in result.summary


def test_a_rhythm_is_no_effect():
    inside = 0
    for seed in range(12):
        series, start, end = hours(seed)
        result = impact(series, start, end)
        inside += result.table["low"][0] <= 0 <= result.table["high"][0]
        if result.verdict == "nothing":
            assert result.table["kept"].isna().all()
    assert inside >= 10


def test_unknown_bins_are_left_out():
    series = walk(3, 4.0)
    gone = series.copy()
    gone.loc[[20, 21, 105, 110], "value"] = np.nan
    row = impact(gone, series["start"][100]).table.iloc[0]
    assert row["bins"] == 18
    assert row["unknown"] == 2
    assert row["low"] <= 72 <= row["high"]
    seen = impact(gone, series["start"][100]).extra["course"]
    assert np.isnan(seen["value"][105])
    assert not np.isnan(seen["expected"][105])


def test_placebos_that_show_effects_make_it_inconclusive():
    """Days of jumps that come in no rhythm and grow less after a quiet time: nothing foretells them."""
    rng = np.random.default_rng(0)
    y = rng.normal(100, 1, 160)
    y[60:150:12] += rng.choice([-40, 40], 8)
    series = days(y)
    result = impact(series, series["start"][150], series["start"][153])
    check = result.checks[0]
    assert check.name == "placebo in time"
    assert len(check.table) >= 10
    assert check.passed is (int(check.table["excludes"].sum()) <= 4)


def test_controls_that_are_unknown_leave_nothing_to_say():
    series = walk(0, 5.0)
    start, end = series["start"][100], series["start"][110]
    for lost, why in ((slice(100, 109), "during"), (slice(15, 99), "15 known bins before")):
        controls = pd.DataFrame({"start": series["start"], "x": np.arange(120.0)})
        controls.loc[lost, "x"] = np.nan
        result = impact(series, start, end, controls=controls)
        assert result.verdict == "inconclusive"
        assert why in result.reason
        assert result.table.empty


def test_a_failed_placebo_is_inconclusive(monkeypatch):
    series = walk(0, 5.0)
    failed = Check("placebo in time", False, "It shows effects where nothing was done.")
    monkeypatch.setattr("analysis.models.impact._checked", lambda *_: failed)
    result = impact(series, series["start"][100])
    assert result.verdict == "inconclusive"
    assert "nothing was done" in result.reason
    assert result.summary.startswith("Not to be relied on")


def test_it_abstains_and_says_what_was_expected():
    series = walk(0, 0.0)
    assert impact(series, series["start"][10]).verdict == "inconclusive"
    lost = series.assign(value=series["value"].mask(np.arange(120) >= 100))
    assert "nothing is known" in impact(lost, series["start"][100]).reason
    with pytest.raises(UserError, match="within the series"):
        impact(series, "2030-01-01")
    with pytest.raises(UserError, match="controls"):
        impact(series, series["start"][100], controls=pd.DataFrame({"x": [1.0]}))
    late = series["start"] + pd.Timedelta(minutes=1)
    with pytest.raises(UserError, match="start"):
        impact(series, series["start"][100], controls=pd.DataFrame({"start": late, "x": 1.0}))


def test_the_same_seed_gives_the_same_answer():
    series = walk(0, 2.0)
    one, two = (impact(series, series["start"][100], seed=4).table for _ in range(2))
    pd.testing.assert_frame_equal(one, two)
