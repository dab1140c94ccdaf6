"""The referrer mix: a lasting change is found and named; noise, short spikes and unknown days are not."""

import numpy as np
import pandas as pd
import pytest

from analysis.models import mix

DAY = pd.Timedelta(days=1)
SHARES = np.array([0.4, 0.3, 0.12, 0.08, 0.05, 0.03, 0.015, 0.005])


def days(seed, *, size=180, visits=400, alike=60, change=None, ar=0.0):
    """Daily visits by source: shares that scatter from day to day, and weekends of their own."""
    rng = np.random.default_rng([seed, 11])
    start = pd.date_range("2025-01-01", periods=size, freq="D", tz="UTC").as_unit("us")
    weekend = rng.normal(0, 0.3, len(SHARES))
    drift, rows = np.zeros(len(SHARES)), []
    for i in range(size):
        drift = ar * drift + rng.normal(0, 0.35, len(SHARES)) * np.sqrt(1 - ar**2)
        share = SHARES * np.exp(weekend * (start[i].weekday() >= 5) + (drift if ar else 0))
        if change and i >= change[0]:
            share = share * np.array(change[1])
        share = share / share.sum()
        rows.append(rng.multinomial(rng.poisson(visits), share if ar else rng.dirichlet(share * alike)))
    wide = pd.DataFrame(np.array(rows, float), columns=[f"source {k}" for k in range(len(SHARES))])
    long = wide.assign(start=start).melt("start", var_name="platform", value_name="value")
    return long.assign(end=long["start"] + DAY), start


@pytest.mark.parametrize("world", [{}, {"visits": 40}, {"alike": 15}, {"ar": 0.8}])
def test_planted_nothing_brings_at_most_what_was_asked(world):
    asked, months = 1.0, 12 * (180 - mix.WARM) / 30
    false = sum(len(mix.find(days(seed, **world)[0], false_per_month=asked).table) for seed in range(12))
    assert false <= months + 2.33 * np.sqrt(months)


def test_a_planted_change_is_found_within_two_weeks_and_named():
    found = named = early = 0
    for seed in range(12):
        frame, start = days(seed, change=(100, [0.4, 1, 1, 1, 1, 1, 1, 1]))
        result = mix.find(frame, false_per_month=0.1)
        table = result.table
        early += int((table["alarm"] <= start[100]).sum())
        hit = table[(table["alarm"] > start[100]) & (table["alarm"] <= start[114])]
        found += len(hit) > 0
        moved = result.extra["sources"]
        first = moved[moved["onset"].isin(hit["onset"])].head(1)
        named += len(first) > 0 and first["platform"].iloc[0] == "source 0" and first["after"].iloc[0] < 0.3
    assert found >= 11
    assert named >= 10
    assert early <= 3  # 12 x 2.6 months at a tenth a month


def test_a_change_that_stays_is_told_once_and_coming_back_is_another():
    frame, start = days(3, change=(80, [0.3, 1, 1, 1, 1, 1, 1, 1]))
    back, _ = days(3)
    frame = pd.concat([frame[frame["start"] < start[130]], back[back["start"] >= start[130]]])
    table = mix.find(frame, false_per_month=0.02).table
    assert len(table) == 2
    assert abs(table["onset"][0] - start[80]) <= 3 * DAY
    assert abs(table["onset"][1] - start[130]) <= 3 * DAY


def test_a_spike_of_a_day_is_no_change():
    frame, start = days(5)
    frame.loc[(frame["start"] == start[90]) & (frame["platform"] == "source 4"), "value"] += 3000
    assert mix.find(frame).table.empty


def test_an_unknown_part_makes_the_day_unknown_and_tells_nothing():
    frame, start = days(6)
    lost = frame["start"].between(start[90], start[99]) & (frame["platform"] == "source 0")
    unknown = frame.assign(value=frame["value"].mask(lost))
    result = mix.find(unknown)
    assert result.verdict == "nothing"
    assert (~result.extra["days"]["known"]).sum() == 10
    assert result.extra["days"]["evidence"][90:100].eq(0).all()
    # as zeros the same hole would have been a change
    assert len(mix.find(frame.assign(value=frame["value"].mask(lost, 0.0))).table)


def test_no_later_row_changes_an_earlier_alarm():
    frame, start = days(7, change=(100, [0.4, 1, 1, 1, 1, 1, 1, 1]))
    whole = mix.find(frame)
    for cut in (60, 105, 120):
        part = mix.find(frame, as_of=start[cut])
        pd.testing.assert_frame_equal(part.table, whole.table[whole.table["alarm"] <= start[cut]])
        assert len(part.extra["days"]) == cut


def test_hours_make_days_of_the_zone_and_a_day_in_part_is_unknown():
    start = pd.date_range("2025-03-01", periods=24 * 60, freq="h", tz="UTC").as_unit("us")
    frame = pd.concat(
        [
            pd.DataFrame({"platform": name, "start": start, "end": start + DAY / 24, "value": 2.0})
            for name in "ab"
        ]
    )
    found = mix.find(frame, zone="Europe/Berlin").extra["days"]
    assert found["known"].tolist() == [False, *[True] * 59, False]  # the day of 23 hours is whole
    cut = frame[frame["start"] != start[500]]
    assert (~mix.find(cut, zone="Europe/Berlin").extra["days"]["known"]).sum() == 3


def test_too_few_days_are_inconclusive():
    frame, _ = days(1, size=15)
    assert mix.find(frame).verdict == "inconclusive"
    assert mix.find(frame.iloc[:0]).verdict == "inconclusive"
