"""Each collector's fault, planted in a clean series: no spike is called, and the right check says why."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from planted import clock, nothing, spiked

from analysis.checks.evidence import registry
from analysis.models import spikes

HOUR = pd.Timedelta(hours=1)


def quiet(seed, kind="weekly", size=2160):
    return nothing(kind, seed, size)[0]


def pile_up(series):
    series.loc[len(series) - 1, "value"] += 900
    return series, {}


def resume(series):
    missed = series.loc[1000:1019, "value"].sum()
    series.loc[1000:1019, "value"] = np.nan
    series.loc[1020, "value"] += missed
    return series, {}


def first_seen(series):
    series.loc[0, "value"] += 1500
    return series, {}


def doubled_stretch(series):
    series.loc[900:935, "value"] *= 2
    return series, {}


def doubled_rows(series):
    extra = series.loc[900:915].copy()
    series.loc[900:915, "value"] *= 3
    return pd.concat([series, extra]), {}


def clocks_changed(series):
    # 2025-03-30 01:00 UTC: the hour in which Berlin's clocks change, booked twice; many visits, so it shows
    series = nothing("weekly", len(series), len(series), rate=300.0)[0]
    at = series["start"] == pd.Timestamp("2025-03-30 01:00", tz="UTC")
    series.loc[at, "value"] *= 2.2
    # what follows is cut off: the made-up audience lives by UTC and does not change its clocks
    return series[series["start"] < pd.Timestamp("2025-03-30 06:00", tz="UTC")], {"zone": "Europe/Berlin"}


def observer(series):
    series["observer"] = np.where((series.index >= 1200) & (series.index < 1260), "file-b", "file-a")
    series.loc[1200:1259, "value"] = np.round(series.loc[1200:1259, "value"] * 2.6) + 1
    return series, {}


def life(series):
    series.loc[1200:1224, "value"] += 55
    return series, {"life": [(series["start"][1200].date(), "counter counts replies too")]}


def cadence(series):
    first, rest = series.iloc[:1440], series.iloc[1440:]
    half = rest.copy()
    half["start"] += HOUR / 2
    rest = pd.concat([rest, half]).sort_values("start")
    return pd.concat([first, rest], ignore_index=True), {}


def minus_one(series):
    series.loc[600:610, "value"] = -1
    return series, {}


def nines(series):
    series.loc[[400, 401, 402, 403], "value"] = 9999
    return series, {}


def zeros(series):
    series.loc[800:848, "value"] = 0
    return series, {}


FAULTS = {
    pile_up: "pile-up at the end of the window",
    resume: "resume after an outage",
    first_seen: "first-seen burst",
    doubled_stretch: "duplicate slip",
    doubled_rows: "duplicate slip",
    clocks_changed: "zone or daylight-saving edge",
    observer: "observer changed",
    life: "platform life event",
    cadence: "cadence changed",
    minus_one: "sentinel left in",
    nines: "sentinel left in",
    zeros: "sentinel left in",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fault_is_named_and_not_called_a_spike(fault, seed):
    series, options = fault(quiet(seed))
    result = spikes.find(series, false_per_month=0.02, **options)
    failed = {check.name for check in result.checks if check.passed is False}
    assert FAULTS[fault] in failed
    assert result.verdict == "inconclusive"
    assert FAULTS[fault] in result.reason
    if fault is not cadence:
        assert result.table.empty


@pytest.mark.parametrize("seed", range(8))
def test_a_true_spike_fails_no_check(seed):
    series, _ = spiked(seed, times_noise=25.0)
    series["observer"] = "a"
    result = spikes.find(series, false_per_month=0.02, life=[("2024-01-01", "long before")])
    assert [check.name for check in result.checks if check.passed is False] == []
    assert result.verdict == "found"


@pytest.mark.parametrize("kind", ["poisson", "over-dispersed", "weekly", "zero-heavy", "gapped"])
def test_a_clean_series_fails_no_check(kind):
    for seed in range(6):
        result = spikes.find(quiet(seed, kind), false_per_month=0.02)
        assert [check.name for check in result.checks if check.passed is False] == []


def test_a_sentinel_does_not_hide_a_true_spike():
    series, truth = spiked(4, times_noise=30.0, at=500)
    series.loc[1500:1510, "value"] = -1
    result = spikes.find(series, false_per_month=0.02)
    assert result.verdict == "inconclusive"
    assert result.table["onset"][0] == series["start"][truth["onset"]]


def test_what_was_set_aside_is_kept_to_look_at():
    series, _ = pile_up(quiet(1))
    aside = spikes.find(series).extra["set_aside"]
    assert aside["peak"].iloc[0] == series["start"].iloc[-1]


def test_checks_that_were_told_nothing_cannot_say():
    by_name = {check.name: check for check in spikes.find(quiet(1)).checks}
    assert by_name["observer changed"].passed is None
    assert by_name["platform life event"].passed is None
    short = spikes.find(pd.DataFrame({"start": clock(10), "value": np.r_[np.full(9, 5.0), 6.0]}))
    assert {check.name: check.passed for check in short.checks}["enough history"] is None
    assert short.verdict == "inconclusive"


def test_half_a_series_above_the_rest_has_no_ordinary_time():
    series = quiet(2, "poisson", 40)
    series.loc[5:35, "value"] += np.round(300 * np.exp(-np.arange(31) / 40))
    result = spikes.find(series)
    assert result.verdict == "inconclusive" or not (result.table["direction"] == "rise").any()


def test_a_rhythm_the_baseline_misses_is_named():
    rng = np.random.default_rng(1)
    t = clock(2160)
    # every second week the day is turned round: time of day cannot explain both
    turned = np.where((np.asarray(t.day_of_year) // 7) % 2 == 0, 0, 12)
    mu = 40 * np.exp(0.7 * np.sin(2 * np.pi * (np.asarray(t.hour) + turned) / 24))
    result = spikes.find(pd.DataFrame({"start": t, "value": rng.poisson(mu).astype(float)}))
    assert result.verdict == "inconclusive"
    assert "residual rhythm" in result.reason


def test_every_check_file_is_in_the_registry_and_says_something():
    names = set(registry())
    assert len(names) >= 12
    result = spikes.find(quiet(1))
    assert len(result.checks) == len(names)
    for check in result.checks:
        assert check.passed in (True, False, None)
        assert check.sentence.endswith(".")
        assert dataclasses.is_dataclass(check)
