"""The baseline: what was planted comes back, spikes and gaps do not bend it."""

import numpy as np
import pandas as pd
import pytest
from planted import clock, nothing

from analysis.models import baseline


def expected(series, **options):
    return baseline.fit(series, **options).table["expected"].to_numpy()


@pytest.mark.parametrize("kind", ["poisson", "over-dispersed", "weekly", "zero-heavy"])
def test_the_expectation_that_was_planted(kind):
    errors = []
    for seed in range(5):
        series, mu = nothing(kind, seed)
        errors.append(np.mean(np.abs(expected(series) / mu - 1)))
    assert np.mean(errors) < (0.35 if kind == "zero-heavy" else 0.08)


def test_a_trend_is_followed():
    rng = np.random.default_rng(1)
    mu = 30 * np.exp(np.linspace(-1, 1, 2160))
    series = pd.DataFrame({"start": clock(2160), "value": rng.poisson(mu).astype(float)})
    assert np.mean(np.abs(expected(series) / mu - 1)) < 0.04


def test_spikes_do_not_bend_it():
    series, mu = nothing("weekly", 4)
    series.loc[500:590, "value"] += 400
    series.loc[1300:1305, "value"] += 5000
    quiet = np.r_[0:450, 700:2160]
    assert np.mean(np.abs(expected(series)[quiet] / mu[quiet] - 1)) < 0.1


def test_ordinary_counts_lie_inside_the_interval_as_often_as_it_says():
    inside = []
    for kind in ("poisson", "over-dispersed", "weekly"):
        series, _ = nothing(kind, 6)
        table = baseline.fit(series).table
        inside.append(((table["value"] >= table["low"]) & (table["value"] <= table["high"])).mean())
    assert 0.86 <= np.mean(inside) <= 0.95


def test_a_gap_teaches_nothing_and_is_still_expected():
    series, mu = nothing("weekly", 7)
    gap = series.copy()
    gap.loc[1000:1100, "value"] = np.nan
    table = baseline.fit(gap).table
    assert table["unknown"].sum() == 101
    assert np.mean(np.abs(table["expected"][1000:1101] / mu[1000:1101] - 1)) < 0.12


def test_the_rhythm_of_another_zone():
    t = clock(2160)
    local = t.tz_convert("America/New_York")
    mu = np.where((local.hour >= 9) & (local.hour < 17), 60.0, 10.0)
    series = pd.DataFrame({"start": t, "value": np.random.default_rng(2).poisson(mu).astype(float)})
    home = np.mean(np.abs(expected(series, zone="America/New_York") / mu - 1))
    away = np.mean(np.abs(expected(series, zone="UTC") / mu - 1))
    assert home < 0.08 < away  # the clocks change in March


def test_values_that_are_no_counts_have_their_own_scale():
    rng = np.random.default_rng(3)
    series = pd.DataFrame({"start": clock(1000), "value": 0.002 * rng.gamma(25.0, 1 / 25.0, 1000)})
    table = baseline.fit(series).table
    inside = ((table["value"] >= table["low"]) & (table["value"] <= table["high"])).mean()
    assert 0.84 <= inside <= 0.96


def test_too_little_is_inconclusive():
    few = pd.DataFrame({"start": clock(7), "value": np.arange(7.0)})
    assert baseline.fit(few).verdict == "inconclusive"
    zeros = pd.DataFrame({"start": clock(50), "value": np.zeros(50)})
    assert baseline.fit(zeros).verdict == "inconclusive"
