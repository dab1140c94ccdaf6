"""Spikes: planted truth is found, planted nothing stays silent, a replay is what a live run gave."""

import numpy as np
import pandas as pd
import pytest
from planted import NOTHING, TAILS, clock, nothing, spiked, tailed

from analysis.errors import UserError
from analysis.models import spikes

HOUR = pd.Timedelta(hours=1)


def rises(result):
    return result.table[result.table["direction"] == "rise"]


@pytest.mark.parametrize("kind", NOTHING)
def test_planted_nothing_brings_at_most_the_false_spikes_that_were_asked(kind):
    months, asked = 24 * 3, 1.0
    false = sum(len(spikes.find(nothing(kind, seed)[0], false_per_month=asked).table) for seed in range(24))
    # Poisson counts around what was asked: 72 months at 1 a month lie below 90 but for one time in fifty.
    assert false <= 90
    assert false >= 0.2 * asked * months


@pytest.mark.parametrize("kind", TAILS)
@pytest.mark.parametrize(
    ("size", "every", "months"), [(2160, "h", 3), (672, "h", 28 / 30), (365, "D", 365 / 30)]
)
def test_a_long_tail_brings_at_most_the_false_spikes_that_were_asked(kind, size, every, months):
    count = round(60 / months)
    false = sum(
        len(spikes.find(tailed(kind, s, size, every), false_per_month=1.0).table) for s in range(count)
    )
    # lognormal noise may exceed it by a third; 80 expected lie below 104 but for one time in two hundred
    assert false <= 104 if kind == "lognormal" else false <= 80


def test_a_great_spike_on_long_tailed_noise_is_still_found():
    series = tailed("pareto 2.5", 1)
    series.loc[1000:1011, "value"] += 600.0
    table = rises(spikes.find(series, false_per_month=0.1))
    assert (abs(table["onset"] - series["start"][1000]) <= HOUR).any()


def test_a_few_spikes_do_not_pass_for_a_tail():
    series, _ = nothing("over-dispersed", 4)
    quiet = spikes.find(series).extra["noise"]["limit"][0]
    after = np.arange(len(series))
    for at in (300, 700, 1100, 1500):
        series["value"] += np.where(after >= at, np.round(200 * np.exp(-np.maximum(after - at, 0) / 8.0)), 0)
    result = spikes.find(series)
    assert len(rises(result)) == 4
    assert result.extra["noise"]["limit"][0] < 1.25 * quiet


def test_a_daily_series_may_end_unknown():
    series, _ = nothing("poisson", 1, 90)
    series["start"] = clock(90, "D")
    series.loc[87:, "value"] = np.nan
    assert spikes.find(series).verdict == "nothing"


def test_a_stricter_rate_brings_fewer():
    series = [nothing("over-dispersed", seed)[0] for seed in range(20)]
    loose, strict = (sum(len(spikes.find(s, false_per_month=r).table) for s in series) for r in (2.0, 0.05))
    assert strict < 0.2 * loose


@pytest.mark.parametrize("kind", ["poisson", "weekly", "over-dispersed"])
def test_planted_spikes_are_found_where_they_are_and_measured(kind):
    found = near = peaks = covered = halves = 0
    size = 30
    for seed in range(size):
        series, truth = spiked(seed, kind=kind, times_noise=12.0)
        table = rises(spikes.find(series))
        if not len(table):
            continue
        row = table.loc[table["excess"].idxmax()]
        at = series["start"][truth["onset"]]
        found += abs(row["peak"] - at) <= 12 * HOUR
        near += abs(row["onset"] - at) <= HOUR
        peaks += abs(row["peak"] - at) <= HOUR
        covered += row["excess_low"] <= truth["excess"] <= row["excess_high"]
        halves += bool(row["half_life_low"] <= truth["half_life"] <= row["half_life_high"])
    assert found >= size - 2
    assert near >= 0.85 * found
    assert peaks >= 0.85 * found
    assert covered >= 0.72 * found  # 90 % of 30 lies above 72 % but for one time in three hundred
    assert halves >= 0.7 * found


def test_a_drop_is_found_as_a_drop():
    series, _ = nothing("poisson", 5)
    series.loc[1000:1011, "value"] = np.random.default_rng(1).poisson(4, 12).astype(float)
    table = spikes.find(series, false_per_month=0.01).table
    assert table["direction"].tolist() == ["drop"]
    assert table["onset"][0] == series["start"][1000]
    assert table["excess_high"][0] < 0
    assert pd.isna(table["half_life"][0])


def test_replaying_as_of_gives_what_a_live_run_gave():
    series, truth = spiked(3, times_noise=20.0)
    onset = truth["onset"]
    for cut in [200, *range(onset - 2, onset + 40, 6), 2000]:
        moment = series["start"][cut - 1] + HOUR
        replay, live = spikes.find(series, as_of=moment), spikes.find(series.iloc[:cut])
        pd.testing.assert_frame_equal(replay.table, live.table)
        pd.testing.assert_frame_equal(replay.extra["baseline"], live.extra["baseline"])
        assert (replay.verdict, replay.summary, replay.checks[0].sentence) == (
            live.verdict,
            live.summary,
            live.checks[0].sentence,
        )


def test_a_row_read_later_was_not_known_then():
    series, _ = nothing("poisson", 1, 400)
    series["observed_at"] = series["start"] + HOUR
    series.loc[390:, "observed_at"] = series["start"].iloc[-1] + 48 * HOUR
    moment = series["start"].iloc[-1] + HOUR
    frame = spikes.find(series, as_of=moment).extra["baseline"]
    assert frame["start"].iloc[-1] == series["start"][389]


def test_a_spike_still_going_on_says_so_and_has_no_end():
    series, truth = spiked(4, times_noise=25.0, tau=18.0)
    cut = truth["onset"] + 5
    result = spikes.find(series.iloc[:cut])
    last = rises(result).iloc[-1]
    assert last["ongoing"]
    assert pd.isna(last["end"])
    assert pd.isna(last["half_life"])
    assert "not seen" in last["fade"] or "known buckets" in last["fade"]


def test_two_spikes_are_two_and_the_first_fade_stops_at_the_second():
    series, _ = spiked(7, times_noise=25.0, at=800)
    again = 20.0 * np.exp(-np.arange(60) / 6.0) * 12
    series.loc[1100:1159, "value"] += np.round(again)
    table = rises(spikes.find(series, false_per_month=0.01))
    assert len(table) == 2
    assert abs(table["onset"].iloc[1] - series["start"][1100]) <= HOUR


def test_unknown_is_a_gap_and_never_a_drop():
    series, _ = nothing("poisson", 2)
    series.loc[700:760, "value"] = np.nan
    result = spikes.find(series)
    assert result.verdict == "nothing"
    frame = result.extra["baseline"]
    assert frame["unknown"].sum() == 61
    assert frame.loc[frame["unknown"], "value"].isna().all()
    # Rows that are not there at all are the same as rows without a value.
    pd.testing.assert_frame_equal(result.extra["baseline"], spikes.find(series.dropna()).extra["baseline"])


@pytest.mark.parametrize(
    ("every", "size"), [("1min", 3000), ("5min", 4000), ("20min", 2000), ("6h", 400), ("D", 200)]
)
def test_any_cadence(every, size):
    rng = np.random.default_rng(8)
    y = rng.poisson(15.0, size).astype(float)
    at = size // 2
    y[at : at + 6] += [150, 90, 60, 40, 20, 10]
    result = spikes.find(pd.DataFrame({"start": clock(size, every), "value": y}))
    table = rises(result)
    assert result.verdict == "found"
    assert (
        abs(table["onset"] - clock(size, every)[at]) <= pd.Timedelta(every if every != "D" else "1D")
    ).any()


def test_uneven_buckets_with_their_ends():
    rng = np.random.default_rng(9)
    width = rng.integers(10, 60, 1500)
    start = pd.Timestamp("2025-03-01", tz="UTC") + pd.to_timedelta(np.cumsum(width) - width, "min")
    y = rng.poisson(0.5 * width).astype(float)
    y[900:904] += 120
    frame = pd.DataFrame(
        {"start": start.as_unit("us"), "end": start + pd.to_timedelta(width, "min"), "value": y}
    )
    table = rises(spikes.find(frame))
    assert len(table) == 1
    assert frame["start"][898] <= table["onset"].iloc[0] <= frame["start"][901]


def test_too_short_a_series_is_inconclusive_and_says_why():
    frame = pd.DataFrame({"start": clock(5, "D"), "value": [575.0, 1050, 1300, 953, 800]})
    result = spikes.find(frame)
    assert result.verdict == "inconclusive"
    assert "history" in result.reason
    assert result.table.empty
    empty = spikes.find(frame.iloc[:0])
    assert empty.verdict == "inconclusive"


def test_nothing_but_zeros_is_inconclusive():
    frame = pd.DataFrame({"start": clock(500), "value": np.zeros(500)})
    assert spikes.find(frame).verdict == "inconclusive"


def test_order_of_rows_does_not_matter():
    series, _ = spiked(11)
    mixed = series.sample(frac=1.0, random_state=1)
    pd.testing.assert_frame_equal(spikes.find(series).table, spikes.find(mixed).table)


def test_the_cohort_gives_a_second_height():
    series, _truth = spiked(12, times_noise=20.0)
    cohort = pd.DataFrame({"start": series["start"], "expected": 10.0})
    row = rises(spikes.find(series, cohort=cohort)).iloc[0]
    assert row["height_cohort"] == pytest.approx(row["peak_value"] / 10.0)


def test_many_series_give_what_one_at_a_time_gives():
    many = [(seed, spiked(seed)[0]) for seed in range(6)]
    alone = {key: spikes.find(frame).table for key, frame in many}
    together = dict(spikes.find_many(iter(many), processes=2, batch=2))
    assert list(together) == [key for key, _ in many]
    for key, result in together.items():
        pd.testing.assert_frame_equal(result.table, alone[key])


def test_a_shared_rate_is_stricter_for_each():
    many = [(seed, nothing("poisson", seed)[0]) for seed in range(4)]
    shared = dict(spikes.find_many(many, altogether=1.0))
    assert shared[0].parameters["false_per_month"] == 0.25
    with pytest.raises(UserError, match="number must be known"):
        list(spikes.find_many(iter(many), altogether=1.0))


def test_errors_name_what_was_wrong():
    series, _ = nothing("poisson", 1, 100)
    with pytest.raises(UserError, match="start and value"):
        spikes.find(series.rename(columns={"value": "visits"}))
    with pytest.raises(UserError, match="false_per_month is 0"):
        spikes.find(series, false_per_month=0)
    with pytest.raises(UserError, match="Mars"):
        spikes.find(series, zone="Mars/Olympus")
    with pytest.raises(UserError, match="numbers"):
        spikes.find(series.assign(value="many"))


def test_summary_speaks_the_numbers():
    series, _ = spiked(13, times_noise=30.0)
    result = spikes.find(series)
    assert f"{result.table['excess'].max():,.0f} more than ordinary" in result.summary
    assert "inconclusive" not in result._repr_html_().partition("</style>")[2]


def odd(name):
    rng = np.random.default_rng(0)
    plain = pd.DataFrame({"start": clock(600), "value": rng.poisson(5, 600).astype(float)})
    late = plain.copy()
    late.loc[300:, "start"] += pd.Timedelta(days=4000)
    single = pd.DataFrame({"start": clock(800), "value": np.eye(1, 800, 400)[0]})
    years = [pd.date_range(year, periods=600, freq="h", tz="UTC", unit="us") for year in ("0001", "9990")]
    years = [pd.date_range(year, periods=600, freq="h", tz="UTC", unit="us") for year in ("0001", "9990")]
    first, last = (plain.assign(start=times) for times in years)
    return {
        "constant": plain.assign(value=7.0),
        "one count": single,
        "enormous": plain.assign(value=1e12 + 1e6 * plain["value"]),
        "minute": plain.assign(value=plain["value"] * 1e-9),
        "a gap of years": late,
        "the year 1": first,
        "the year 9990": last,
        "text times": plain.assign(start=plain["start"].astype(str)),
        "naive times": plain.assign(start=plain["start"].dt.tz_localize(None)),
        "nanoseconds": plain.assign(start=plain["start"].astype("datetime64[ns, UTC]")),
        "nullable integers": plain.assign(value=plain["value"].astype("Int64").where(plain.index != 5)),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "constant",
        "one count",
        "enormous",
        "minute",
        "a gap of years",
        "the year 1",
        "the year 9990",
        "text times",
        "naive times",
        "nanoseconds",
        "nullable integers",
    ],
)
@pytest.mark.filterwarnings("error")
def test_odd_series_in_which_nothing_happens(name):
    result = spikes.find(odd(name))
    assert result.verdict == "nothing", result.reason
    assert not spikes.score(odd(name))["alarm"].any()


@pytest.mark.parametrize("weekday", range(7))
def test_one_great_day_among_four_weeks_is_a_spike_and_not_its_weekdays_rhythm(weekday):
    rng = np.random.default_rng(weekday)
    start = pd.date_range("2026-03-01", periods=28 * 24, freq="h", tz="UTC")
    day = 7 + weekday
    value = rng.poisson(3.0, len(start)).astype(float)
    after = np.arange(len(start)) - (24 * day + 8)
    extra = np.where(after >= 0, rng.poisson(1_400 * np.exp(-np.maximum(after, 0) / 6.0)), 0)
    value += extra
    result = spikes.find(pd.DataFrame({"start": start, "value": value}), false_per_month=0.1 / 30)
    assert result.verdict == "found"
    assert len(result.table) == 1
    row = result.table.iloc[0]
    assert abs(row["onset"] - start[24 * day + 8]) <= HOUR
    assert row["excess"] == pytest.approx(extra.sum(), rel=0.03)
